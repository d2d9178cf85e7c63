"""Server-sent events: one per snapshot, rendered once for all clients.

A client waits for the newest snapshot after the one it has seen, so nothing queues up: one that
reads slowly gets fewer and larger events, never old ones. Every stream ends when the client leaves,
when it does not take an event in time, and when `Streams.close` is called.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from functools import partial

import numpy as np
from fastapi import Response
from orjson import Fragment
from starlette.types import Receive, Scope, Send

from api.cache import RenderedOnce
from api.devices import headline
from api.encode import dumps, events, kpi
from api.points import PointColumns
from core.contracts import Services
from core.snapshot import Snapshot

CLIENTS_MAX = 200
HEARTBEAT_S = 15.0
"""A comment is sent after so long without an event, so that proxies keep the connection."""
TAKEN_WITHIN_S = 20.0
"""A client that does not take an event within so many seconds is gone."""
ENDED_WITHIN_S = 1.0
"""When the service stops, a client that does not read is cut off after so long."""
_RENDERED = 8  # events kept: the newest, and what clients a little behind need

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """All open event streams of one app."""

    def __init__(self, services: Services, columns: PointColumns) -> None:
        self._services = services
        self._columns = columns
        self._rendered = RenderedOnce(_RENDERED)
        self._open = 0
        self.closing = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether there are as many clients as there may be."""
        return self._open >= CLIENTS_MAX

    @property
    def open(self) -> int:
        """How many clients are connected."""
        return self._open

    def close(self) -> None:
        """End every stream, also those that will still be opened: the service stops."""
        self.closing.set()

    async def follow(self) -> AsyncGenerator[bytes]:
        """Events for one client: first everything, then what changed."""
        self._open += 1
        try:
            seen: Snapshot | None = None
            while True:
                try:
                    after = await self._next(seen)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                before_version = None if seen is None else seen.version
                render = partial(self._event, seen, after)
                yield await self._rendered.get(before_version, after.version, render)
                seen = after
        finally:
            self._open -= 1

    async def _next(self, seen: Snapshot | None) -> Snapshot:
        if seen is None:
            return self._services.snapshot()
        async with asyncio.timeout(HEARTBEAT_S):
            return await self._services.next_snapshot(seen.version)

    def _event(self, before: Snapshot | None, after: Snapshot) -> bytes:
        kpis = after.kpis
        seen_seq = 0
        if before is not None:
            known = set(before.kpis)
            kpis = tuple(figure for figure in kpis if figure not in known)
            seen_seq = before.events[-1].seq if before.events else 0
        fresh = [] if before is None else [one for one in after.events if one.seq > seen_seq]
        doc = headline(self._services.site, after) | {
            "full": before is None,
            "kpis": [kpi(figure) for figure in kpis],
            "states": Fragment(self._columns.rows(after, self._changed(before, after))),
            "events": events(fresh),
        }
        return b"event: snapshot\nid: %d\ndata: %b\n\n" % (after.version, dumps(doc))

    def _changed(self, before: Snapshot | None, after: Snapshot) -> list[int]:
        """Rows of states that changed since, all of them without a before."""
        view = after.points
        axes = self._columns.names(view).axis
        changed = np.ones(len(view.points), dtype=np.bool_)
        if before is not None:
            old = before.points
            size = len(old.points)
            same_value = view.value[:size].view(np.int64) == old.value.view(np.int64)
            same_quality = view.quality[:size] == old.quality
            changed[:size] = ~(same_value & same_quality)
        return [row for row in np.flatnonzero(changed).tolist() if axes[row] is not None]


class EventStream(Response):
    """One open stream: sends what `Streams.follow` yields until somebody ends it."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._streams = streams

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(send))
            leaving = group.create_task(_left(receive))
            closing = group.create_task(self._streams.closing.wait())
            tasks = {sending, leaving, closing}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        if self._streams.closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDED_WITHIN_S):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._streams.follow()) as following:
            async for event in following:
                message = {"type": "http.response.body", "body": event, "more_body": True}
                try:
                    async with asyncio.timeout(TAKEN_WITHIN_S):
                        await send(message)
                except OSError:
                    return  # the client has gone, or does not read


async def _left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
