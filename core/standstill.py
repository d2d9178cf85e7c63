"""A counter without power beside it, of a flow that hardly ever stops: what comes in, or the IT.

While such a counter stands, or is silent, nobody knows what flows: it is not taken for nothing.
When it moves again it may have made up for all that flowed; or it brings too little, because the
load fell, or the meter had stopped and what flowed is lost. That shows with the next move, so the
first one is held back: where far more flows now, only the time that its energy takes is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.cells import Span

TOO_LITTLE = 0.45
"""Less than this share of what flowed or flows is too little; a choice. A steady flow that is read
at a steady pace moves its counter after n or n + 1 readings, so by half of it at the least."""

LATE_STRIDES = 3.0
"""A counter that took so many times as long as before had stopped: when it flowed is not known."""


@dataclass(slots=True)
class Standstill:
    """Whether one counter had stopped, from its moves. Energies in Wh, times in s."""

    rate_wh_s: float = 0.0
    """What flowed until its last move ..."""
    stride_s: float = 0.0
    """... and how long that took."""
    held_wh: float = 0.0
    """What moves brought that were too little, until what comes after them tells why; else 0."""

    def moved(self, time: float, last: float, until: float, wh: float) -> tuple[Span, ...]:
        """Energy that is known now that the counter moved by `wh`, as it did at `last`. Up to
        `until` it was known already."""
        held_wh, before_wh_s, before_s = self.held_wh, self.rate_wh_s, self.stride_s
        took_s = time - (last if held_wh > 0 else until)
        late = took_s > LATE_STRIDES * before_s > 0
        self.rate_wh_s, self.stride_s = wh / took_s, took_s
        rises = before_wh_s < TOO_LITTLE * self.rate_wh_s
        if self.rate_wh_s < TOO_LITTLE * before_wh_s or (held_wh > 0 and late and not rises):
            self.held_wh += wh
            return ()
        self.held_wh = 0.0
        start = max(until, last - held_wh / self.rate_wh_s) if held_wh > 0 and rises else until
        return (Span(start, time, held_wh + wh, start, late or start > until),)
