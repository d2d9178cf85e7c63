"""`GET /stream`: snapshots as they come."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import Api
from api.describe import error
from api.errors import ApiError
from api.examples import STREAM
from api.stream import CLIENTS_MAX, EventStream

router = APIRouter(tags=["status"])


@router.get(
    "/stream",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {
            "description": "An endless stream. `data` is JSON: the head of `/status`, with `full`, "
            "`kpis`, `states` and `events`.",
            "content": {"text/event-stream": {"example": STREAM}},
        },
        503: error(503),
    },
)
async def stream(api: Api) -> Response:
    """Server-sent events: one `snapshot` for every tick.

    The first one is `full`: all key figures and all states. The others carry what changed since,
    and the events that happened. Numbers are not streamed: ask `/points`. A client that reads
    slowly misses ticks, never changes.
    """
    if api.streams.full:
        raise ApiError(503, "too_many_streams", f"{CLIENTS_MAX} streams are open already.")
    return EventStream(api.streams)
