"""`GET /status`: the site in one look."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import schemas
from api.answers import json_response
from api.deps import Api
from api.describe import answers
from api.devices import headline
from api.encode import kpi
from api.examples import EXAMPLES

router = APIRouter(tags=["status"])


@router.get("/status", responses=answers(schemas.Status, "The site now.", EXAMPLES["status"]))
async def status(api: Api) -> Response:
    """The site in one look.

    Mode of supply, key figures, the redundancy headline with its reasons, how many alarms stand,
    how many devices answer and which do not, and how old the snapshot is that says so.
    """
    services = api.services
    site, snapshot = services.site, services.snapshot()
    return json_response(
        headline(site, snapshot)
        | {
            "site": {"id": site.id, "name": site.name, "timezone": site.timezone},
            "age_s": round(max(0.0, services.clock.now() - snapshot.time), 3),
            "kpis": [kpi(figure) for figure in snapshot.kpis],
        }
    )
