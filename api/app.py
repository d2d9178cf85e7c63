"""The app factory: everything under /api/v1, /health, /metrics and /docs, for one site.

Knows the services it is handed (core.contracts.Services) and no other part of Kasbah. There is no
app object in a module: each call makes one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry

from api import docspage, errors
from api.cache import RenderedOnce
from api.deps import Context, no_stray_query
from api.describe import error
from api.guard import Guard
from api.metrics import Exposition
from api.points import PointColumns
from api.routes import (
    alarms,
    demo,
    devices,
    events,
    health,
    history,
    kpis,
    maintenance,
    metrics,
    points,
    redundancy,
    status,
    stream,
)
from api.stream import Streams
from core.contracts import Services

_DESCRIPTION = """\
Kasbah watches over the power and cooling of one data centre. Everything here comes from one
snapshot a second: answers of the same `version` cannot disagree.

* Times are ISO 8601 in UTC. Numbers are in the unit that stands beside them.
* What is missing is `null`, never zero. Every value has a quality: `good`, `uncertain` or `bad`.
* Lists come as `{"version", "time", "points": [...]}` and the like, with an `ETag`: send it back in
  `If-None-Match` and an unchanged list answers 304.
* An error is `{"error": {"code", "message"}}`.
* Nothing here writes to a device.
"""

_TAGS = [
    {"name": "status", "description": "The site in one look, once or as a stream."},
    {"name": "devices", "description": "What is watched, and how its polling goes."},
    {"name": "points", "description": "Readings, now and over time."},
    {"name": "energy", "description": "Power, PUE, photovoltaics."},
    {"name": "redundancy", "description": "Is the load protected, and what if?"},
    {"name": "alarms", "description": "What is wrong, and what happened in which order."},
    {"name": "demo", "description": "Scenarios of the simulated site."},
    {"name": "health", "description": "For supervisors."},
    {"name": "metrics", "description": "For Prometheus."},
]

_ROUTES = (
    status,
    devices,
    points,
    kpis,
    redundancy,
    maintenance,
    alarms,
    events,
    history,
    stream,
    demo,
)


def create_app(services: Services, registry: CollectorRegistry) -> FastAPI:
    """An app for one site. `registry` holds the agent's own health for /metrics.

    Call `end_streams` on it before its server stops: a server waits for open requests.
    """
    columns = PointColumns(services.site)
    context = Context(
        services=services,
        rendered=RenderedOnce(),
        columns=columns,
        exposition=Exposition(services.site, registry),
        streams=Streams(services, columns),
    )
    app = FastAPI(
        title="Kasbah",
        summary="Power and cooling of one data centre, second by second.",
        description=_DESCRIPTION,
        version=version("kasbah"),
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.context = context
    resources = APIRouter(prefix="/api/v1")
    for module in _ROUTES:
        resources.include_router(
            module.router, dependencies=[Depends(no_stray_query)], responses={400: error(400)}
        )
    for router in (resources, health.router, metrics.router, docspage.router):
        app.include_router(router)
    errors.install(app)
    app.add_middleware(Guard)
    return app


def end_streams(app: FastAPI) -> None:
    """End all event streams of the app, in good order, also for those who still come."""
    context: Context = app.state.context
    context.streams.close()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    yield
    end_streams(app)
