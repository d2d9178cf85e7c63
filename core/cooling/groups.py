"""Cooling groups: how many units can still be lost, on the heat they have to move.

The same rule as for power, cap(k) >= load with the largest units lost first. Units of a group share
one stream of air or water, so that any of them stands in for any other. Vector: TV-R9
(docs/redundancy.md, "Cooling").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.cooling.plan import CoolingPlan
from core.cooling.stand import Stand
from core.redundancy.evaluate import CASES, CaseName
from core.redundancy.groups import LOST, UNKNOWN, status_of, tolerated, unknown_group
from core.redundancy.study import Phase
from core.redundancy.words import WHEN, names
from core.site import CoolingGroup, Group
from core.snapshot import GroupStatus, Overload

_REASONS_MAX = 6


def load_kw(plan: CoolingPlan, stand: Stand, group: CoolingGroup) -> float | None:
    """Heat that a group has to move, in kW; None where that of a zone is not known."""
    total = 0.0
    for zone in plan.zones_of[group.id]:
        heat_kw = stand.heat_kw[zone.id]
        if heat_kw is None:
            return None
        total += heat_kw * group.heat_factor
    return total


def able_kw(plan: CoolingPlan, stand: Stand, group: CoolingGroup, phase: Phase) -> list[float]:
    """Capacities of the members that count, in kW of heat."""
    return [u.capacity_kw for u in plan.units_of(group) if stand.counts(u.id, phase)]


def carries(plan: CoolingPlan, stand: Stand, group: CoolingGroup, phase: Phase) -> bool:
    """Whether a group moves its heat; not where that is not known."""
    needed_kw = load_kw(plan, stand, group)
    able = able_kw(plan, stand, group, phase)
    return needed_kw is not None and tolerated(able, needed_kw) >= 0


def judge(
    plan: CoolingPlan,
    live: Stand,
    best: Stand,
    group: CoolingGroup,
    cases: Sequence[CaseName] = CASES,
) -> GroupStatus:
    """The status of one group in the worst of some cases; unknown where it is lost only because
    something is not known."""
    found = _worst(plan, live, group, cases)
    if found.status == LOST and best is not live:
        hopeful = _worst(plan, best, group, cases)
        if hopeful.status != LOST:
            return replace(found, status=UNKNOWN)
    return found


def overload(
    plan: CoolingPlan, stand: Stand, group: CoolingGroup, case: CaseName
) -> Overload | None:
    """The heat that a group cannot move in one case, and the loads that it cools; None where it
    can, where the heat is not known, or where all these loads are lost anyway."""
    needed_kw = load_kw(plan, stand, group)
    able = able_kw(plan, stand, group, case)
    if needed_kw is None or tolerated(able, needed_kw) >= 0:
        return None
    loads = plan.loads_of(group)
    if loads and stand.lost[case].issuperset(loads):
        return None
    return Overload(group.id, needed_kw, sum(able), loads)


def overloads(plan: CoolingPlan, stand: Stand, case: CaseName) -> tuple[Overload, ...]:
    """All groups that cannot move their heat in one case."""
    found = (overload(plan, stand, group, case) for group in plan.groups.values())
    return tuple(each for each in found if each)


def unknown_cooling(group: CoolingGroup, reasons: tuple[str, ...]) -> GroupStatus:
    """A group of which nothing is known."""
    like = Group(group.id, "N+R", group.members, group.design)
    return replace(unknown_group(like, reasons), kind="cooling")


def _worst(
    plan: CoolingPlan, stand: Stand, group: CoolingGroup, cases: Sequence[CaseName]
) -> GroupStatus:
    found = [_judge(plan, stand, group, case) for case in cases]
    return min(found, key=lambda status: (status.status, status.spare, status.headroom_kw))


def _judge(plan: CoolingPlan, stand: Stand, group: CoolingGroup, case: CaseName) -> GroupStatus:
    units = plan.units_of(group)
    here = [unit.id for unit in units if stand.counts(unit.id, case)]
    able = sorted(able_kw(plan, stand, group, case), reverse=True)
    needed_kw = load_kw(plan, stand, group)
    spare = -1 if needed_kw is None else tolerated(able, needed_kw)
    status = UNKNOWN if needed_kw is None else status_of(spare, group.design)
    capacity_kw = sum(able[group.design :])
    full = needed_kw is not None and spare >= group.design
    return GroupStatus(
        id=group.id,
        scheme="N+R",
        status=status,
        spare=spare,
        design=group.design,
        load_kw=needed_kw or 0.0,
        capacity_kw=capacity_kw,
        headroom_kw=capacity_kw - (needed_kw or 0.0),
        available=tuple(here),
        missing=tuple(unit.id for unit in units if unit.id not in here),
        reasons=() if full else _reasons(plan, stand, group, case, needed_kw),
        case=case,
        kind="cooling",
    )


def _reasons(
    plan: CoolingPlan, stand: Stand, group: CoolingGroup, case: CaseName, needed_kw: float | None
) -> tuple[str, ...]:
    """Why a group is not as designed, in an operator's words."""
    found: dict[str, None] = {}
    if needed_kw is None:
        hot = [zone.id for zone in plan.zones_of[group.id] if stand.heat_kw[zone.id] is None]
        found[f"the heat of {names(hot)} is not known"] = None
    for unit in plan.units_of(group):
        if stand.counts(unit.id, case):
            continue
        for reason in stand.conditions[unit.id].reasons:
            found[f"{unit.id} {reason}"] = None
        if unit.id in stand.unpowered[case]:
            found[f"{unit.id} has no supply {WHEN[case]} ({names(unit.powered_by)})"] = None
    if not found:
        found[f"{needed_kw:.0f} kW of heat leave less spare than designed"] = None
    return tuple(found)[:_REASONS_MAX]
