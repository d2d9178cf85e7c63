"""Answers rendered once per version of the snapshot, in a worker thread, for all who ask.

Owns the bytes and when they are too old. Knows nothing of what is in them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

ENTRIES_MAX = 64
BYTES_MAX = 64 * 2**20
"""Questions and bytes kept; the question asked longest ago goes first."""


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    version: Hashable = None
    body: bytes = b""


class RenderedOnce:
    """Bytes by question. Who asks while a version is being rendered waits for that rendering."""

    def __init__(self, entries_max: int = ENTRIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._entries_max = entries_max
        self._bytes_max = bytes_max

    async def get(
        self, question: Hashable, version: Hashable, render: Callable[[], bytes]
    ) -> bytes:
        """The answer to `question` at `version`; `render` runs in a thread unless it is known."""
        entry = self._entries.setdefault(question, _Entry())
        self._entries.move_to_end(question)
        async with entry.lock:
            if entry.version != version:
                entry.body = await asyncio.to_thread(render)
                entry.version = version
            body = entry.body
        self._trim()
        return body

    def _trim(self) -> None:
        total = sum(len(entry.body) for entry in self._entries.values())
        while self._entries and (len(self._entries) > self._entries_max or total > self._bytes_max):
            _, entry = self._entries.popitem(last=False)
            total -= len(entry.body)
