"""How the cooling stands at one instant: all that the judgement needs to know of the plant.

Pure records. Made from devices and the power graph (`watch`, `supply`) or by hand (tests, what-if).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.cooling.condition import HEALTHY, UnitCondition
from core.redundancy.evaluate import CaseName
from core.redundancy.study import Phase

Unpowered = Mapping[Phase, frozenset[str]]
"""Units whose electrical node is dead, by case."""

Singles = Mapping[str, Unpowered]
"""By id of a node, the units that its loss would newly leave without supply."""

ALL_POWERED: Unpowered = {"as_is": frozenset(), "mains_lost": frozenset(), "bridge": frozenset()}


Lost = Mapping[CaseName, frozenset[str]]
"""Loads without supply, by case."""

NONE_LOST: Lost = {"as_is": frozenset(), "mains_lost": frozenset()}


@dataclass(frozen=True, slots=True)
class Stand:
    """Conditions by unit, heat by zone in kW (None: not known), warmest inlet by zone in degC, and
    the loads that are lost in each case: where all are, there is nothing left to cool."""

    conditions: Mapping[str, UnitCondition]
    unpowered: Unpowered
    heat_kw: Mapping[str, float | None]
    inlet_c: Mapping[str, float | None]
    lost: Lost

    def counts(self, unit: str, phase: Phase) -> bool:
        """Whether a unit is capacity. With the mains lost, one that does not restart by itself
        counts only if its supply is never broken."""
        condition = self.conditions[unit]
        if not condition.usable or unit in self.unpowered[phase]:
            return False
        broken = phase == "mains_lost" and unit in self.unpowered["bridge"]
        return condition.restarts or not broken

    def best(self) -> Stand:
        """The same with every unknown unit healthy."""
        found = {
            name: replace(HEALTHY, unknown=True, reasons=one.reasons) if one.unknown else one
            for name, one in self.conditions.items()
        }
        return replace(self, conditions=found)

    def darker(self, units: Unpowered) -> Stand:
        """The same with more units without supply."""
        dark = {phase: self.unpowered[phase] | names for phase, names in units.items()}
        return replace(self, unpowered=dark)

    def changed(self, changes: Mapping[str, UnitCondition]) -> Stand:
        """The same with some units in another condition."""
        return replace(self, conditions={**self.conditions, **changes})
