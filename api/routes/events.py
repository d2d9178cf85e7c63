"""`GET /events`: the sequence of what happened."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import encode, schemas
from api.answers import json_response
from api.deps import Api
from api.describe import answers
from api.encode import stamped
from api.errors import bad_request, not_found
from api.examples import EXAMPLES
from api.schemas import words
from api.times import parse_time
from core.contracts import Services
from core.snapshot import Event

router = APIRouter(tags=["alarms"])

_PAGE = 1000
"""So many events are looked at before others get their turn."""

_SEQ = re.compile(r"^\d{1,15}$", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events are asked for: after a number, within times (UTC seconds), of some words."""

    after: int
    start: float
    end: float
    kind: tuple[str, ...]
    device: tuple[str, ...]
    point: tuple[str, ...]

    def fits(self, event: Event) -> bool:
        """An event may have happened at any time of its span."""
        return (
            event.latest >= self.start
            and event.earliest <= self.end
            and (not self.kind or event.kind in self.kind)
            and (not self.device or event.device in self.device)
            and (not self.point or event.point in self.point)
        )


@router.get(
    "/events", responses=answers(schemas.Events, "Oldest first.", EXAMPLES["events"], 400, 404, 422)
)
async def events(
    api: Api,
    query: Annotated[schemas.EventsQuery, Query()],
) -> Response:
    """What happened, oldest first.

    An event lies between two polls: not before `earliest`, not after `latest`. Events whose spans
    overlap have no order that anybody knows; they are marked `unordered`. Without `since` and
    `from` the newest ones are given. `next_since` goes into the next request. Filters take several
    words, repeated or with commas. The newest 100,000 events are kept, over restarts too; `dropped`
    says where some that are asked for are gone.
    """
    services = api.services
    wanted = _wanted(query, services)
    oldest, newest = services.event_ends()
    backwards = query.order == "newest" or (query.since is None and query.start is None)
    find = _backwards if backwards else _forwards
    found = await find(services, wanted, query.limit)
    if not found:
        _check_devices(wanted.device, services)
    full = len(found) == query.limit and not backwards
    doc = {
        "events": encode.events(found if query.order == "oldest" or not backwards else found[::-1]),
        "next_since": found[-1].seq if full else max(wanted.after, newest),
        "oldest": oldest,
        "dropped": max(0, oldest - 1 - wanted.after),
    }
    return json_response(stamped(services.snapshot(), doc))


async def _forwards(services: Services, wanted: _Wanted, limit: int) -> list[Event]:
    """The first events that fit, oldest first."""
    found: list[Event] = []
    seq = wanted.after
    while len(found) < limit and (page := services.events(seq, _PAGE)):
        found += [event for event in page if wanted.fits(event)]
        seq = page[-1].seq
        await asyncio.sleep(0)
    return found[:limit]


async def _backwards(services: Services, wanted: _Wanted, limit: int) -> list[Event]:
    """The last events that fit, oldest first."""
    found: list[Event] = []
    oldest, end = services.event_ends()
    first = max(wanted.after, oldest - 1)
    while len(found) < limit and end > first:
        begin = max(first, end - _PAGE)
        page = [event for event in services.events(begin, end - begin) if event.seq <= end]
        found = [*(event for event in page if wanted.fits(event)), *found]
        end = begin
        await asyncio.sleep(0)
    return found[-limit:]


def _wanted(query: schemas.EventsQuery, services: Services) -> _Wanted:
    """Raises ApiError for what cannot be understood."""
    now = services.clock.now()
    after, start = 0, float("-inf")
    if query.since is not None and _SEQ.match(query.since):
        after = int(query.since)
    elif query.since is not None:
        start = _time("since", query.since, now, "; or a sequence number")
    if query.start is not None:
        start = max(start, _time("from", query.start, now))
    end = float("inf") if query.end is None else _time("to", query.end, now)
    if query.start is not None and start > end:
        raise bad_request("'from' must not be after 'to'.")
    kinds = words(query.kind)
    for word in kinds:
        if word not in schemas.EVENT_KINDS:
            raise bad_request(f"kind: '{word}' is none of {', '.join(schemas.EVENT_KINDS)}.")
    return _Wanted(after, start, end, kinds, words(query.device), words(query.point))


def _time(name: str, text: str, now: float, more: str = "") -> float:
    try:
        return parse_time(text, now)
    except ValueError as error:
        raise bad_request(f"{name}: {error}{more}.") from None


def _check_devices(names: tuple[str, ...], services: Services) -> None:
    """Raises ApiError for a name that is in no event and not in the site: a typing error must not
    look as if nothing had happened."""
    known = {device.id for device in services.site.devices}
    for name in names:
        if name not in known:
            raise not_found("unknown_device", f"There is no device '{name}' in this site.")
