"""`GET /events`: the sequence of what happened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import encode, schemas
from api.answers import json_response
from api.deps import Api
from api.describe import answers
from api.encode import stamped
from api.errors import bad_request
from api.examples import EXAMPLES
from api.times import parse_time
from core.contracts import Services
from core.snapshot import Event

router = APIRouter(tags=["alarms"])

_PAGE = 1000
_SEQ = re.compile(r"^\d{1,15}$", re.ASCII)


@router.get(
    "/events", responses=answers(schemas.Events, "Oldest first.", EXAMPLES["events"], 400, 422)
)
async def events(
    api: Api,
    query: Annotated[schemas.EventsQuery, Query()],
) -> Response:
    """What happened, oldest first.

    An event lies between two polls: not before `earliest`, not after `latest`. Events whose spans
    overlap have no order that anybody knows; they are marked `unordered`. Without `since` the
    newest ones are given. `next_since` goes into the next request.
    """
    services = api.services
    since, limit = query.since, query.limit
    if since is None:
        found = _newest(services, limit)
        start = _last(services)
    elif _SEQ.match(since):
        start = int(since)
        found = services.events(start, limit)
    else:
        try:
            earliest = parse_time(since, services.clock.now())
        except ValueError as error:
            raise bad_request(f"since: {error}; or a sequence number.") from None
        start = _last(services)
        found = _from_time(services, earliest, limit)
    doc = {
        "events": encode.events(found),
        "next_since": found[-1].seq if found else start,
    }
    return json_response(stamped(services.snapshot(), doc))


def _newest(services: Services, limit: int) -> Sequence[Event]:
    return services.events(max(0, _last(services) - limit), limit)


def _last(services: Services) -> int:
    """Sequence number of the newest event, 0 before the first."""
    newest = services.snapshot().events
    return newest[-1].seq if newest else 0


def _from_time(services: Services, earliest: float, limit: int) -> Sequence[Event]:
    """Events that may have happened at `earliest` or later, at most `limit`."""
    found: list[Event] = []
    seq = 0
    while len(found) < limit and (page := services.events(seq, _PAGE)):
        found += [event for event in page if event.latest >= earliest]
        seq = page[-1].seq
    return found[:limit]
