"""The one place that reads the time. Everything else is handed a Clock or a `now`."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Wall and monotonic time of this machine, `speed` times as fast as real time.

    With speed 1 `now()` is the system's UTC. With another speed it starts at UTC and runs ahead:
    simulator and agent share one such clock in the demo. A wall clock that is stepped moves
    `now()`, never `monotonic()`.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._start = time.monotonic()
        self._offset = time.time() - self._start

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> float:
        if self._speed == 1.0:
            return time.time()
        return self._start + self._offset + (time.monotonic() - self._start) * self._speed

    def monotonic(self) -> float:
        return self._start + (time.monotonic() - self._start) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._speed)
