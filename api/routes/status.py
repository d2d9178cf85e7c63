"""`GET /status`: the site in one look."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import schemas
from api.answers import tag
from api.deps import Api
from api.describe import answers
from api.devices import headline
from api.encode import dumps, kpi
from api.examples import EXAMPLES
from core.site import Site
from core.snapshot import Snapshot

router = APIRouter(tags=["status"])


@router.get("/status", responses=answers(schemas.Status, "The site now.", EXAMPLES["status"]))
async def status(api: Api) -> Response:
    """The site in one look.

    Mode of supply, key figures, the redundancy headline with its reasons, how many alarms stand,
    how many devices answer and which do not, and how old the snapshot is that says so.
    """
    services = api.services
    snapshot = services.snapshot()
    head = await api.rendered.get("status", tag(snapshot), lambda: _head(services.site, snapshot))
    age_s = max(0.0, services.clock.now() - snapshot.time)
    return Response(head[:-1] + b',"age_s":%.3f}' % age_s, media_type="application/json")


def _head(site: Site, snapshot: Snapshot) -> bytes:
    """Everything but the age, which is that of the moment."""
    return dumps(
        headline(site, snapshot)
        | {
            "site": {"id": site.id, "name": site.name, "timezone": site.timezone},
            "kpis": [kpi(figure) for figure in snapshot.kpis],
        }
    )
