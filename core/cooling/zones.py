"""Zones: the worst of the groups that cool a room in series, and of its own air.

Limits of the air: ASHRAE TC 9.9, 2021: recommended inlet up to 27 degC for all classes, allowable
up to 32 degC for A1 (the site file may state others).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.cooling.plan import CoolingPlan
from core.cooling.ride import gap_s, ride_through_s
from core.cooling.stand import Stand
from core.redundancy.groups import AT_N, DEGRADED, FULL, LOST, UNKNOWN
from core.site import CoolingZone
from core.snapshot import GroupStatus, ZoneStatus

RIDE_THROUGH_MAX_S = 86_400.0
"""A ride-through is published as a day at most: with next to no heat it has no end."""

ORDER = (LOST, UNKNOWN, AT_N, DEGRADED, FULL)
"""The worst first."""


def judge_zone(
    plan: CoolingPlan,
    stand: Stand,
    zone: CoolingZone,
    groups: Mapping[str, GroupStatus],
    start_s: float,
    weak: Sequence[str] = (),
) -> ZoneStatus:
    """The status of one zone, given that of its groups; `weak` is what is said of it otherwise that
    leaves it without redundancy."""
    own = [*_air(stand, zone), *_short(plan, stand, zone, start_s), *((AT_N, w) for w in weak)]
    parts = [groups[name] for name in zone.cooled_by]
    statuses = [part.status for part in parts] + [status for status, _ in own]
    if stand.heat_kw[zone.id] is None:
        statuses.append(UNKNOWN)
    said = [
        f"{part.id}: {reason}" for part in parts if part.status != FULL for reason in part.reasons
    ]
    lasts_s = ride_through_s(plan, stand, zone)
    gap = gap_s(plan, stand, zone, start_s)
    return ZoneStatus(
        id=zone.id,
        status=min(statuses, key=ORDER.index),
        heat_kw=stand.heat_kw[zone.id],
        inlet_c=stand.inlet_c[zone.id],
        ride_through_s=None if lasts_s is None else min(lasts_s, RIDE_THROUGH_MAX_S),
        gap_s=None if math.isinf(gap) else gap,
        groups=zone.cooled_by,
        loads=zone.loads,
        reasons=(*(words for _, words in own), *said),
        own=tuple(own),
    )


def is_short(plan: CoolingPlan, stand: Stand, zone: CoolingZone, start_s: float) -> bool:
    """Whether a zone would get too warm before it is cooled again, after the loss of the mains.
    Where it never is again, its groups are overloaded, and that is what is said."""
    lasts_s = ride_through_s(plan, stand, zone)
    return lasts_s is not None and lasts_s < gap_s(plan, stand, zone, start_s) < math.inf


def short_words(plan: CoolingPlan, stand: Stand, zone: CoolingZone, start_s: float) -> str:
    """What is said of such a zone."""
    gap, lasts_s = gap_s(plan, stand, zone, start_s), ride_through_s(plan, stand, zone) or 0.0
    return (
        f"{zone.id} would be without cooling for {gap:.0f} s with the mains lost, "
        f"it lasts {lasts_s:.0f} s"
    )


def too_warm(stand: Stand, zone: CoolingZone) -> bool:
    """Whether the warmest inlet of a zone is above what is allowable."""
    inlet_c = stand.inlet_c[zone.id]
    return inlet_c is not None and inlet_c > zone.allowable_c


def air_words(stand: Stand, zone: CoolingZone) -> str:
    """What is said of air that is too warm; empty where it is not."""
    inlet_c = stand.inlet_c[zone.id]
    if inlet_c is None or inlet_c <= zone.recommended_c:
        return ""
    limit, word = (
        (zone.allowable_c, "allowable")
        if inlet_c > zone.allowable_c
        else (zone.recommended_c, "recommended")
    )
    return f"{zone.id} has {inlet_c:.1f} °C at a rack inlet, above the {word} {limit:g} °C"


def _air(stand: Stand, zone: CoolingZone) -> list[tuple[int, str]]:
    """Its air: counts of units may be fine while a hot spot exists."""
    words = air_words(stand, zone)
    return [(LOST if too_warm(stand, zone) else DEGRADED, words)] if words else []


def _short(
    plan: CoolingPlan, stand: Stand, zone: CoolingZone, start_s: float
) -> list[tuple[int, str]]:
    if stand.heat_kw[zone.id] is None or not is_short(plan, stand, zone, start_s):
        return []
    return [(AT_N, short_words(plan, stand, zone, start_s))]
