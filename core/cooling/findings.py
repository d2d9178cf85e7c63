"""What is wrong with the cooling, in words: for the headline, and for the verdict of a what-if."""

from __future__ import annotations

from collections.abc import Sequence

from core.cooling.groups import overloads
from core.cooling.plan import CoolingPlan
from core.cooling.stand import Stand
from core.cooling.zones import air_words, is_short, short_words, too_warm
from core.redundancy.evaluate import CaseName
from core.redundancy.groups import DEGRADED, FULL, LOST, UNKNOWN
from core.redundancy.words import WHEN, names
from core.snapshot import GroupStatus, ZoneStatus


def headlines(groups: Sequence[GroupStatus], zones: Sequence[ZoneStatus]) -> list[tuple[int, str]]:
    """Sentences with their status: every group and every zone that is not as designed."""
    found = [(group.status, _group_words(group)) for group in groups if group.status != FULL]
    for zone in zones:
        found += zone.own
        if zone.heat_kw is None:
            found.append((UNKNOWN, f"the heat of {zone.id} is not known"))
    return found


def _group_words(group: GroupStatus) -> str:
    why = f": {'; '.join(group.reasons)}" if group.reasons else ""
    if group.status == UNKNOWN:
        return f"{group.id}: not known{why}"
    if group.status == LOST:
        what = f"cannot move {group.load_kw:.0f} kW of heat {WHEN[group.case]}"
        return f"{group.id}: {what}{why}"
    left = group.spare if group.status == DEGRADED else 0
    return f"{group.id}: {left} of {group.design} spare units left{why}"


def harm(
    plan: CoolingPlan, before: Stand, after: Stand, cases: Sequence[CaseName], start_s: float
) -> list[str]:
    """Heat that cannot be moved, air that is too warm, and zones that newly would not last until
    they are cooled again; empty where there is none."""
    said = [
        f"{over.id} would have to move {over.load_kw:.0f} kW of heat and can {over.capacity_kw:.0f}"
        f" {WHEN[case]}"
        for case in cases
        for over in overloads(plan, after, case)
    ]
    zones = plan.zones.values()
    said += [air_words(after, zone) for zone in zones if too_warm(after, zone)]
    if "mains_lost" in cases:
        said += [
            short_words(plan, after, zone, start_s)
            for zone in zones
            if is_short(plan, after, zone, start_s) and not is_short(plan, before, zone, start_s)
        ]
    return said


def reduction(
    plan: CoolingPlan, after: Stand, cases: Sequence[CaseName], start_s: float
) -> list[str]:
    """What is not as it should be without being harm: warm air, and zones that would not last, as
    before. Groups without spare are told with those of the power graph."""
    zones = plan.zones.values()
    said = [air_words(after, zone) for zone in zones if not too_warm(after, zone)]
    if "mains_lost" in cases:
        said += [
            short_words(plan, after, zone, start_s)
            for zone in zones
            if is_short(plan, after, zone, start_s)
        ]
    return [words for words in said if words]


def weak_words(zone: str, points: Sequence[str]) -> str:
    """What is said of a zone that has got single points of failure it did not have."""
    any_of = "" if len(points) == 1 else "any of "
    return f"{zone} would not be cooled enough after the failure of {any_of}{names(points)}"
