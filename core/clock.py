"""The one door to time. Parts are handed a `Clock` or a `now`; nobody else reads the time.

The simulator and the agent share one clock, so that `--speed` scales both.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall and monotonic time in seconds, and sleeping by it."""

    def now(self) -> float:
        """UTC as seconds since 1970: for labels, never for intervals."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards: for intervals."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of this clock."""
        ...
