"""The one place that reads the time. Everything else is handed a Clock or a `now`.

What is older than what is told by a clock that nobody sets; `FollowedClock` reads UTC off it, and
says when somebody set the machine's clock (docs/adr/0017).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from core.clock import Clock

STEPPED_S = 0.5
"""A clock that differs by more was set, by less it is kept in step. A choice: time servers slew
what is less than 0.128 s (ntpd) or so, and set the rest."""


def _steady() -> Callable[[], float]:
    """Seconds that are never stepped, and go on while the machine sleeps: what was read before is
    old then. Linux has CLOCK_BOOTTIME for that; on macOS CLOCK_MONOTONIC does, on Windows what
    Python calls monotonic."""
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        which = getattr(time, name, None)
        if which is not None:
            return partial(time.clock_gettime, which)
    return time.monotonic


class SystemClock:
    """Wall and steady time of this machine, `speed` times as fast as real time.

    With speed 1 `now()` is the system's UTC. With another speed it starts at UTC and runs ahead:
    simulator and agent share one such clock in the demo. A wall clock that is stepped moves
    `now()`, never `monotonic()`.
    """

    now: Callable[[], float]
    """UTC seconds."""

    monotonic: Callable[[], float]
    """Seconds that are never stepped, and go on while the machine sleeps."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._steady = _steady()
        self._start = self._steady()
        self._offset = time.time() - self._start
        # Looked at several times a poll: the system's own functions where they will do.
        self.now = time.time if speed == 1.0 else self._now
        self.monotonic = self._steady if speed == 1.0 else self._monotonic

    @property
    def speed(self) -> float:
        return self._speed

    def _now(self) -> float:
        return self._offset + self._monotonic()

    def _monotonic(self) -> float:
        return self._start + (self._steady() - self._start) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._speed)


class FollowedClock:
    """UTC as another clock has it, which is taken over only where that is asked for: between two
    calls of `follow` no time is stepped, whatever happens to the machine's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = clock.now() - clock.monotonic()
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep

    def now(self) -> float:
        return self._ahead_s + self.monotonic()

    def follow(self) -> float:
        """Take over the other clock's time. By how many seconds that was set since the last call,
        forward or (negative) back; 0 where it was only kept in step."""
        apart_s = self._clock.now() - self.now()
        self._ahead_s += apart_s
        return apart_s if abs(apart_s) > STEPPED_S else 0.0
