"""What a route is handed: the services behind it and the app's own caches, in one record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from api.cache import RenderedOnce
from api.errors import bad_request
from api.metrics import Exposition
from api.points import PointColumns
from api.stream import Streams
from core.contracts import Services

HISTORY_AT_ONCE = 2
"""History queries that run at one time; the others wait."""


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the app factory."""

    services: Services
    rendered: RenderedOnce
    columns: PointColumns
    exposition: Exposition
    streams: Streams
    history_turn: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(HISTORY_AT_ONCE)
    )
    what_if_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Long questions take turns, so that there is always a thread left for /metrics."""


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def no_stray_query(request: Request) -> None:
    """Refuse parameters where an address takes none: nobody shall take a whole list for a filtered
    one. `format` filters nothing, and short lists have one form. Addresses that take some refuse
    others themselves. Raises ApiError."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.dependant.query_params:
        return
    stray = next((name for name in request.query_params if name != "format"), "")
    if stray:
        raise bad_request(f"{stray[:40]}: this address takes no parameters.")


Api = Annotated[Context, Depends(_context)]
