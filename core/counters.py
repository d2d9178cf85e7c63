"""What a step of an energy counter means: counted, jitter, wrapped, begun again, or not believable.

One place for wraps, resets and replaced meters. Pure: two readings and a limit in, energy out. Who
confirms a suspicion, and what stands in for a refused step, is decided in `core/meter.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_UNITS_WH = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""What one count of a register stands for, as meters have it."""

MODULI_WH = tuple(
    sorted(
        {size * unit for size in (2.0**16, 2.0**31, 2.0**32) for unit in _UNITS_WH}
        | {10.0**digits for digits in range(4, 16)}
    )
)
"""Where counters wrap: binary registers of each unit, and decimal displays of 4 to 15 digits."""


@dataclass(frozen=True, slots=True)
class Register:
    """What is known of one counter beside its readings: where it wraps, and the most that flows
    through it. None where nobody said."""

    wraps_at_wh: float | None = None
    rating_w: float | None = None

    def over(self, other: Register) -> Register:
        """This, and what the other one says where this one does not."""
        wraps_at_wh = other.wraps_at_wh if self.wraps_at_wh is None else self.wraps_at_wh
        return Register(wraps_at_wh, other.rating_w if self.rating_w is None else self.rating_w)


class Kind(Enum):
    """How a step was read."""

    COUNTED = "counted"
    JITTER = "jitter"
    WRAPPED = "wrapped"
    RESTARTED = "restarted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """Energy of one step in Wh; 0 where it is jitter or refused."""

    kind: Kind
    wh: float


def step(
    before_wh: float,
    after_wh: float,
    *,
    limit_wh: float,
    count_wh: float = 0.0,
    moduli_wh: Sequence[float] = MODULI_WH,
) -> Step:
    """Energy between two readings of one counter, all in Wh.

    `limit_wh` is the most that can have flowed between them; whatever exceeds it is never counted.
    A decrease below `count_wh` is jitter. A decrease is a wrap if one of `moduli_wh` explains
    it, else the counter began again at zero, if what it shows now can have been counted since.
    Source: reference rules of energy registers (delta only if 0 <= d <= P_max * dt * 1.1, modulo
    the register size, else reset); the list of sizes is ours.
    """
    wh = after_wh - before_wh
    if 0 <= wh <= limit_wh:
        return Step(Kind.COUNTED, wh)
    if wh > 0:
        return Step(Kind.REFUSED, 0.0)
    if -wh < count_wh:
        return Step(Kind.JITTER, 0.0)
    for modulus in moduli_wh:
        # What never fitted into a register cannot have left it.
        if before_wh < modulus and 0 <= wh + modulus <= limit_wh:
            return Step(Kind.WRAPPED, wh + modulus)
    if 0 <= after_wh <= limit_wh:
        return Step(Kind.RESTARTED, after_wh)
    return Step(Kind.REFUSED, 0.0)
