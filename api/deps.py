"""What a route is handed: the services behind it and the app's own caches, in one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.cache import RenderedOnce
from api.metrics import Exposition
from api.points import PointColumns
from api.stream import Streams
from core.contracts import Services


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the app factory."""

    services: Services
    rendered: RenderedOnce
    columns: PointColumns
    exposition: Exposition
    streams: Streams


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Api = Annotated[Context, Depends(_context)]
