"""The one place that reads the time. Everything else is handed a Clock or a `now`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class SystemClock:
    """Wall and monotonic time of this machine, `speed` times as fast as real time.

    With speed 1 `now()` is the system's UTC. With another speed it starts at UTC and runs ahead:
    simulator and agent share one such clock in the demo. A wall clock that is stepped moves
    `now()`, never `monotonic()`.
    """

    now: Callable[[], float]
    """UTC seconds."""

    monotonic: Callable[[], float]
    """Seconds that are never stepped."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._start = time.monotonic()
        self._offset = time.time() - self._start
        # Looked at several times a poll: the system's own functions where they will do.
        self.now = time.time if speed == 1.0 else self._now
        self.monotonic = time.monotonic if speed == 1.0 else self._monotonic

    @property
    def speed(self) -> float:
        return self._speed

    def _now(self) -> float:
        return self._offset + self._monotonic()

    def _monotonic(self) -> float:
        return self._start + (time.monotonic() - self._start) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._speed)
