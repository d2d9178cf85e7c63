"""`GET /history`: one point over time."""

from __future__ import annotations

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Response

from api import schemas
from api.deps import Api
from api.describe import answers
from api.encode import Doc, dumps, quality_level
from api.errors import ApiError, bad_request, not_found
from api.examples import EXAMPLES
from api.times import iso, iso_list, parse_time
from core.contracts import HistoryReader, Series
from core.points import Point, parse_point

router = APIRouter(tags=["points"])


@router.get(
    "/history",
    responses=answers(
        schemas.History, "Six lists of one length.", EXAMPLES["history"], 400, 404, 422, 503
    ),
)
async def history(
    api: Api,
    query: Annotated[schemas.HistoryQuery, Query()],
) -> Response:
    """One point over time, in at most so many buckets of equal length.

    Times are ISO 8601, UTC seconds since 1970, or so long ago (`-15m`, `-1h`, `-7d`). Buckets
    without a reading are left out; one with only bad readings has null in it. A state is given by
    its codes, `states` has their names.
    """
    services = api.services
    point = _point(query.point)
    now = services.clock.now()
    span = _time("from", query.start, now), _time("to", query.end, now)
    if span[0] >= span[1]:
        raise bad_request(f"'from' ({iso(span[0])}) must be before 'to' ({iso(span[1])}).")
    reader = services.history
    if reader is None:
        raise ApiError(503, "no_history", "This agent keeps no local history.")
    in_table = point.id in services.snapshot().points.row
    async with api.history_turn:
        body = await asyncio.to_thread(_read, reader, point, span, query.buckets, in_table=in_table)
    return Response(body, media_type="application/json")


def _point(text: str) -> Point:
    try:
        return parse_point(text)
    except ValueError as error:
        raise bad_request(f"point: {error}.") from None


def _time(name: str, text: str, now: float) -> float:
    try:
        return parse_time(text, now)
    except ValueError as error:
        raise bad_request(f"{name}: {error}.") from None


def _read(
    reader: HistoryReader,
    point: Point,
    span: tuple[float, float],
    buckets: int,
    *,
    in_table: bool,
) -> bytes:
    """Raises ApiError where neither history nor the point table knows the point."""
    if not in_table and not reader.known(point.id):
        raise not_found("unknown_point", f"There is no point '{point.id}', now or in history.")
    series = reader.query(point.id, *span, buckets)
    head: Doc = {
        "point": point.id,
        "unit": point.name.definition.unit if point.name.definition else None,
        "states": point.name.axis.states if point.name.axis else None,
        "from": iso(span[0]),
        "to": iso(span[1]),
        "buckets": buckets,
    }
    return dumps(head | _arrays(series))


def _arrays(series: Series) -> Doc:
    return {
        "t": iso_list(series.t),
        "min": np.ascontiguousarray(series.min),
        "mean": np.ascontiguousarray(series.mean),
        "max": np.ascontiguousarray(series.max),
        "last": np.ascontiguousarray(series.last),
        "quality": [quality_level(byte) for byte in series.quality.tolist()],
    }
