"""The cooling of a site, compiled once: who cools what, in which order.

Owns the shape. Knows neither states nor heat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.site import Cooling, CoolingGroup, CoolingUnit, CoolingZone


@dataclass(frozen=True, slots=True)
class CoolingPlan:
    """Records by id, in the order of the site file. `zones_of` are the zones that a group cools,
    `group_of` the group of each unit."""

    units: Mapping[str, CoolingUnit]
    groups: Mapping[str, CoolingGroup]
    zones: Mapping[str, CoolingZone]
    zones_of: Mapping[str, tuple[CoolingZone, ...]]
    group_of: Mapping[str, CoolingGroup]

    def units_of(self, group: CoolingGroup) -> tuple[CoolingUnit, ...]:
        """Members of a group."""
        return tuple(self.units[name] for name in group.members)

    def loads_of(self, group: CoolingGroup) -> tuple[str, ...]:
        """Loads that a group cools, in the order of the zones."""
        found = dict.fromkeys(load for zone in self.zones_of[group.id] for load in zone.loads)
        return tuple(found)

    def unchecked(self) -> tuple[str, ...]:
        """Zones whose ride-through is not judged: nothing is stated that would tell it."""
        return tuple(zone.id for zone in self.zones.values() if not self.states_ride_through(zone))

    def states_ride_through(self, zone: CoolingZone) -> bool:
        """Whether the air of a zone or a buffer is stated."""
        return zone.air_m3 > 0 or any(self.groups[name].buffer_m3 for name in zone.cooled_by)


def compile_plan(cooling: Cooling) -> CoolingPlan:
    """The plan of a cooling that `checks.problems` finds nothing wrong with."""
    return CoolingPlan(
        units={unit.id: unit for unit in cooling.units},
        groups={group.id: group for group in cooling.groups},
        zones={zone.id: zone for zone in cooling.zones},
        zones_of={
            group.id: tuple(zone for zone in cooling.zones if group.id in zone.cooled_by)
            for group in cooling.groups
        },
        group_of={name: group for group in cooling.groups for name in group.members},
    )
