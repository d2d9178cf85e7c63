"""`/health/live` and `/health/ready`, for supervisors."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import schemas
from api.answers import json_response
from api.deps import Api
from api.describe import answers
from api.examples import EXAMPLES
from core.snapshot import Snapshot

router = APIRouter(prefix="/health", tags=["health"])

_NAMED_MAX = 10
"""So many devices are named that are still waited for; the rest is counted."""


@router.get("/live", responses=answers(schemas.Live, "It lives.", EXAMPLES["live"]))
async def live() -> Response:
    """The process answers. It says nothing of the plant."""
    return json_response({"live": True})


@router.get(
    "/ready",
    responses=answers(schemas.Ready, "Ready.", EXAMPLES["ready"])
    | {503: {"model": schemas.Ready, "description": "Not ready yet; the answer says why."}},
)
async def ready(api: Api) -> Response:
    """Every device was tried once and a snapshot stands; until then 503 with the reasons."""
    snapshot = api.services.snapshot()
    reasons = [] if snapshot.ready else _missing(snapshot)
    return json_response({"ready": snapshot.ready, "reasons": reasons}, 503 if reasons else 200)


def _missing(snapshot: Snapshot) -> list[str]:
    waiting = [status.id for status in snapshot.devices.values() if not status.tried]
    if not waiting:
        return ["No snapshot of the plant stands yet."]
    named = ", ".join(waiting[:_NAMED_MAX])
    more = f" and {len(waiting) - _NAMED_MAX} more" if len(waiting) > _NAMED_MAX else ""
    return [f"{len(waiting)} of {len(snapshot.devices)} devices were not tried yet: {named}{more}."]
