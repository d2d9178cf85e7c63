"""The heat of a zone: that of the loads in it, or what is measured, the higher of both."""

from __future__ import annotations

from collections.abc import Mapping

from core.contracts import Demand as When
from core.redundancy.condition import Demand
from core.site import CoolingZone


def zone_heat_kw(
    zone: CoolingZone,
    demands: Mapping[str, Demand],
    measured_kw: float | None,
    when: When = "now",
) -> float | None:
    """Heat in kW, None where it is not known.

    All that a load takes becomes heat in the room, and `heat_gain` of it on top. `demands` are by
    load, of the time that `when` names; the stated heat counts where the measured one is missed,
    and for `design`. A load that is lost counts all the same: it will be back.
    """
    found = []
    if zone.loads:
        there = [demands[name] for name in zone.loads]
        if not all(demand.known for demand in there):
            return None
        found.append((1 + zone.heat_gain) * sum(demand.kw for demand in there))
    if measured_kw is not None:
        found.append(measured_kw)
    missed = measured_kw is None and (bool(zone.heat) or not zone.loads)
    if zone.heat_kw is not None and (missed or when == "design"):
        found.append(zone.heat_kw)
    return max(found, default=None)
