"""`GET /points`: readings, filtered, as rows or columns."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import schemas
from api.answers import versioned
from api.deps import Api
from api.describe import answers
from api.errors import bad_request, not_found
from api.examples import EXAMPLES
from api.points import PointQuery, render_points
from api.schemas import words
from core.site import Site
from core.vocabulary import CLASSES, PARTS, QUANTITIES, STATE_QUANTITIES

router = APIRouter(tags=["points"])


@router.get(
    "/points",
    responses=answers(
        schemas.Points | schemas.PointColumns,
        "The points that pass every filter.",
        EXAMPLES["points"],
        304,
        400,
        404,
        422,
    ),
)
async def points(
    request: Request,
    api: Api,
    query: Annotated[schemas.PointsQuery, Query()],
) -> Response:
    """Readings of the snapshot that stands.

    Each filter takes several words, repeated (`device=a&device=b`) or with commas (`device=a,b`).
    Numbers are in the one unit of their quantity, which stands beside them. A bad reading has the
    value null, a quality of `bad` and the reason.
    """
    wanted = PointQuery(
        device=words(query.device),
        device_class=words(query.device_class),
        part=words(query.part),
        quantity=words(query.quantity),
        instance=words(query.instance),
    )
    _check(wanted, api.services.site)
    bulk = query.layout == "columns"
    return await versioned(
        request,
        api,
        ("points", wanted, bulk),
        lambda snapshot: render_points(api.columns, snapshot, wanted, bulk=bulk),
    )


def _check(query: PointQuery, site: Site) -> None:
    """Raises ApiError for a word that cannot match: a typing error must not look like no data."""
    known = {device.id for device in site.devices}
    for name in query.device:
        if name not in known:
            raise not_found("unknown_device", f"There is no device '{name}' in this site.")
    _check_words("class", query.device_class, CLASSES)
    _check_words("part", query.part, PARTS)
    _check_words("quantity", query.quantity, STATE_QUANTITIES | QUANTITIES.keys())


def _check_words(what: str, words: tuple[str, ...], known: Collection[str]) -> None:
    for word in words:
        if word not in known:
            there_is = ", ".join(sorted(known))
            raise bad_request(f"There is no {what} '{word}'. There is: {there_is}.")
