"""What is wrong in the simulated plant at one instant: kinds of fault and whom they hit.

Faults are an input of the physics. Scenarios make them; the models only look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

FaultKind = Literal[
    "mains_lost",  # utility: no voltage
    "no_start",  # genset: the engine cranks and does not fire
    "stuck",  # ats, sts, tie: does not move
    "on_bypass",  # ups: the whole system is on its static bypass
    "battery_fault",  # ups: one battery string is gone
    "failed",  # crah, chiller, pump, dry cooler: stands still
    "silent",  # any device: does not answer
    "gateway_lost",  # any device: everything at its address is away
    "clouds",  # weather: broken clouds pass
    "counter_reset",  # any device: its counters begin again at zero (an instant, not a span)
]

FAULT_KINDS: frozenset[str] = frozenset(get_args(FaultKind))

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Faults:
    """Ids of devices or power nodes by kind of fault."""

    hit: Mapping[FaultKind, frozenset[str]] = field(default_factory=dict)

    def has(self, kind: FaultKind, name: str) -> bool:
        """Whether this device or node has this fault now."""
        return name in self.hit.get(kind, _NOBODY)

    def of(self, kind: FaultKind) -> frozenset[str]:
        """All that have this fault now."""
        return self.hit.get(kind, _NOBODY)


NO_FAULTS = Faults()
