"""How the cooling stands at one instant: all that the judgement needs to know of the plant.

Pure records. Made from devices and the power graph (`watch`, `supply`) or by hand (tests, what-if).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from core.cooling.condition import HEALTHY, UnitCondition

When = Literal["as_is", "mains_lost", "bridge"]
"""The two cases, and the time between: mains gone, generators not there yet."""

Unpowered = Mapping[When, frozenset[str]]
"""Units whose electrical node is dead, by case."""

ALL_POWERED: Unpowered = {"as_is": frozenset(), "mains_lost": frozenset(), "bridge": frozenset()}


@dataclass(frozen=True, slots=True)
class Stand:
    """Conditions by unit, heat by zone in kW (None: not known), warmest inlet by zone in degC."""

    conditions: Mapping[str, UnitCondition]
    unpowered: Unpowered
    heat_kw: Mapping[str, float | None]
    inlet_c: Mapping[str, float | None]

    def counts(self, unit: str, when: When) -> bool:
        """Whether a unit is capacity. With the mains lost, one that does not restart by itself
        counts only if its supply is never broken."""
        condition = self.conditions[unit]
        if not condition.usable or unit in self.unpowered[when]:
            return False
        broken = when == "mains_lost" and unit in self.unpowered["bridge"]
        return condition.restarts or not broken

    def best(self) -> Stand:
        """The same with every unknown unit healthy."""
        found = {
            name: replace(HEALTHY, unknown=True, reasons=one.reasons) if one.unknown else one
            for name, one in self.conditions.items()
        }
        return replace(self, conditions=found)

    def changed(self, changes: Mapping[str, UnitCondition]) -> Stand:
        """The same with some units in another condition."""
        return replace(self, conditions={**self.conditions, **changes})
