"""Single failures with the cooling in them: what the loss of one node or one unit does to zones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from core.cooling.condition import OUT
from core.cooling.groups import overload
from core.cooling.plan import CoolingPlan
from core.cooling.stand import Singles, Stand, Unpowered
from core.cooling.zones import is_short
from core.redundancy.evaluate import CASES, CaseName
from core.site import CoolingGroup
from core.snapshot import SingleFailure


def failures(
    plan: CoolingPlan,
    known: Sequence[SingleFailure],
    worst: Stand,
    singles: Singles,
    start_s: float,
) -> tuple[SingleFailure, ...]:
    """Those of the power graph with what they do to the cooling as well, and those of the units
    themselves, the worst first. `worst` is the cooling at the worst of what is not known."""
    found = {failure.out: failure for failure in known}
    stands = _Standing(plan, worst, start_s, CASES)
    for name, dark in singles.items():
        old = found.get(name, SingleFailure(name, (), (), ()))
        lost = {case: loads.union(old.lost_loads) for case, loads in worst.lost.items()}
        after = replace(worst.darker(dark), lost=lost)
        _add(found, name, stands.harmed(after, _all(dark)))
    alike: dict[object, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name, condition in worst.conditions.items():
        kind = plan.group_of[name].id, replace(plan.units[name], id="", device=""), condition
        if kind not in alike:
            after = worst.changed({name: OUT})
            alike[kind] = stands.harmed(after, (name,))
        _add(found, name, alike[kind])
    return tuple(sorted(found.values(), key=_badness))


def _add(
    found: dict[str, SingleFailure], name: str, harm: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """Put what the loss of one component does to groups and zones to what is known of it."""
    groups, zones = harm
    if groups or zones:
        old = found.get(name, SingleFailure(name, (), (), ()))
        found[name] = replace(
            old,
            overloaded=tuple(dict.fromkeys((*old.overloaded, *groups))),
            zones=tuple(dict.fromkeys((*old.zones, *zones))),
        )


def weakened(
    plan: CoolingPlan,
    now: tuple[Stand, Singles],
    designed: tuple[Stand, Singles],
    start_s: float,
    cases: Sequence[CaseName] = CASES,
) -> dict[str, tuple[str, ...]]:
    """By zone, the nodes whose loss would newly harm it now and would not as designed, at the same
    heat. Single units are not looked at: a group that one more cannot be spared of says so."""
    found: dict[str, list[str]] = {}
    meant = dict(_by_node(plan, *designed, start_s, cases))
    for name, zones in _by_node(plan, *now, start_s, cases):
        for zone in zones:
            if zone not in meant.get(name, ()):
                found.setdefault(zone, []).append(name)
    return {zone: tuple(names) for zone, names in found.items()}


class _Standing:
    """The cooling before something is lost, in some cases: what is wrong already is worked out
    once."""

    def __init__(
        self, plan: CoolingPlan, before: Stand, start_s: float, cases: Sequence[CaseName]
    ) -> None:
        self._plan, self._start_s, self._cases = plan, start_s, cases
        groups, zones = plan.groups.values(), plan.zones.values()
        self._over = {group.id for group in groups if self._overloaded(before, group)}
        self._short = {zone.id for zone in zones if is_short(plan, before, zone, start_s)}

    def harmed(
        self, after: Stand, units: Collection[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What it does that some units are lost: ids of groups that newly could not move their heat
        in any of these cases, and of zones that newly are not cooled enough or would not last."""
        plan = self._plan
        groups = {plan.group_of[name].id: plan.group_of[name] for name in units}
        found = {
            name
            for name, group in groups.items()
            if name not in self._over and self._overloaded(after, group)
        }
        zones = {zone.id: zone for name in groups for zone in plan.zones_of[name]}
        return tuple(name for name in plan.groups if name in found), tuple(
            zone.id
            for zone in zones.values()
            if found.intersection(zone.cooled_by)
            or (
                "mains_lost" in self._cases
                and zone.id not in self._short
                and is_short(plan, after, zone, self._start_s)
            )
        )

    def _overloaded(self, stand: Stand, group: CoolingGroup) -> bool:
        return any(overload(self._plan, stand, group, case) for case in self._cases)


def _by_node(
    plan: CoolingPlan, stand: Stand, singles: Singles, start_s: float, cases: Sequence[CaseName]
) -> list[tuple[str, tuple[str, ...]]]:
    """Zones that the loss of each node would newly harm."""
    stands = _Standing(plan, stand, start_s, cases)
    return [
        (name, stands.harmed(stand.darker(dark), _all(dark))[1]) for name, dark in singles.items()
    ]


def _all(dark: Unpowered) -> frozenset[str]:
    return frozenset[str]().union(*dark.values())


def _badness(failure: SingleFailure) -> tuple[int, ...]:
    sizes = (failure.lost_loads, failure.overloaded, failure.unprotected_loads, failure.zones)
    return tuple(-len(each) for each in sizes)
