"""Thermal ride-through: how long a zone lasts without cooling, and how long it would have to.

Formulas of docs/redundancy.md, "Cooling"; vector TV-R10.
"""

from __future__ import annotations

import math

from core.cooling.groups import able_kw, carries, load_kw
from core.cooling.plan import CoolingPlan
from core.cooling.stand import Stand
from core.redundancy.evaluate import TOLERANCE
from core.site import CoolingGroup, CoolingZone

WATER_KJ_M3_K = 4186.0
"""Density (1000 kg/m3) times heat capacity (4.186 kJ/kgK) of water."""

AIR_KJ_M3_K = 1.2 * 1.005
"""Density (kg/m3) times heat capacity (kJ/kgK) of air at 20 degC."""


def buffer_s(volume_m3: float, delta_k: float, heat_kw: float) -> float:
    """How long stored water takes up a heat while it warms by so much: t = rho V c dT / Q."""
    return WATER_KJ_M3_K * volume_m3 * delta_k / heat_kw if heat_kw > 0 else math.inf


def air_rise_k_s(heat_kw: float, volume_m3: float) -> float:
    """Upper bound of the rate at which a room warms: its air alone, no walls, no racks: dT/dt = P /
    (rho V c)."""
    return heat_kw / (AIR_KJ_M3_K * volume_m3) if volume_m3 > 0 else math.inf


def air_s(zone: CoolingZone, heat_kw: float, inlet_c: float | None) -> float:
    """How long the air of a zone stays allowable without any cooling. An inlet that is not
    measured is taken at the upper end of what is recommended."""
    warm_c = zone.recommended_c if inlet_c is None else inlet_c
    rate = air_rise_k_s(heat_kw, zone.air_m3)
    return max(0.0, zone.allowable_c - warm_c) / rate if rate > 0 else math.inf


def ride_through_s(plan: CoolingPlan, stand: Stand, zone: CoolingZone) -> float | None:
    """How long a zone lasts from the loss of the mains; None where nothing stated would tell.

    The longer of its air and of a buffer that still reaches it: every group between the two must
    go on through the bridge. Not their sum, since the air warms with the water.
    """
    heat_kw = stand.heat_kw[zone.id]
    if not plan.states_ride_through(zone):
        return None
    if heat_kw is None:
        return 0.0
    lasts_s = air_s(zone, heat_kw, stand.inlet_c[zone.id])
    for name in zone.cooled_by:
        group = plan.groups[name]
        if group.buffer_m3:
            needed_kw = load_kw(plan, stand, group)
            if needed_kw is not None:
                lasts_s = max(lasts_s, buffer_s(group.buffer_m3, group.buffer_delta_k, needed_kw))
        if not carries(plan, stand, group, "bridge"):
            break
    return lasts_s


def gap_s(plan: CoolingPlan, stand: Stand, zone: CoolingZone, start_s: float) -> float:
    """How long a zone is without cooling after the loss of the mains: until each of its groups
    moves its heat again. `start_s` is the worst-case time until generators carry; 0 where all goes
    on through it, infinite where it never comes back."""
    return max(_group_gap_s(plan, stand, plan.groups[name], start_s) for name in zone.cooled_by)


def _group_gap_s(plan: CoolingPlan, stand: Stand, group: CoolingGroup, start_s: float) -> float:
    needed_kw = load_kw(plan, stand, group)
    if needed_kw is None:
        return math.inf
    running_kw = sum(able_kw(plan, stand, group, "bridge"))
    back = sorted(
        (unit.restart_s, unit.capacity_kw)
        for unit in plan.units_of(group)
        if stand.counts(unit.id, "mains_lost") and not stand.counts(unit.id, "bridge")
    )
    gap = 0.0
    for restart_s, capacity_kw in back:
        if needed_kw <= running_kw * (1 + TOLERANCE):
            break
        gap = start_s + restart_s
        running_kw += capacity_kw
    return gap if needed_kw <= running_kw * (1 + TOLERANCE) else math.inf
