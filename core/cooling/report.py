"""The cooling judged with the power: added to the report, and to the answer of a what-if.

Keeps its last answer while nothing has moved. `look` and `added` belong to the tick's thread,
`answer` may be called from another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.contracts import Demand as When
from core.cooling.answer import Answer, Question, extended
from core.cooling.condition import BACK, HEALTHY, OUT, UnitCondition
from core.cooling.findings import harm, headlines, reduction, weak_words
from core.cooling.groups import judge, overloads
from core.cooling.heat import zone_heat_kw
from core.cooling.plan import compile_plan
from core.cooling.single import failures, weakened
from core.cooling.stand import ALL_POWERED, NONE_LOST, Singles, Stand, Unpowered
from core.cooling.supply import CoolingSupply, Fed, Powered, demands_of
from core.cooling.watch import CoolingWatcher, Seen
from core.cooling.zones import ORDER, judge_zone
from core.redundancy.condition import Demand
from core.redundancy.evaluate import CASES, CaseName
from core.redundancy.graph import PowerGraph
from core.redundancy.groups import FULL
from core.redundancy.study import Study
from core.site import Site
from core.snapshot import (
    CaseResult,
    DeviceStatus,
    GroupStatus,
    PointView,
    RedundancyReport,
    ZoneStatus,
)

MOVES_C = 0.1
MOVES_SHARE = 0.001
"""The verdict on the cooling is made again when an inlet has moved by more than the first, or a
measured heat by more than the second part of itself."""

JUDGED_S_PER_UNIT = 0.001
"""But at most so often, per unit, so that a large plant, where something always moves, does not
live for its verdict alone. What crosses a limit never waits."""


@dataclass(frozen=True, slots=True)
class _Last:
    time: float
    power: RedundancyReport
    seen: Seen
    live: Mapping[str, UnitCondition]
    report: RedundancyReport


class CoolingModel:
    """Judges one site's cooling beside its power graph."""

    def __init__(self, site: Site, graph: PowerGraph, start_s: float) -> None:
        self._plan = compile_plan(site.cooling)
        self.supply = CoolingSupply(self._plan, graph)
        self._watcher = CoolingWatcher(self._plan, site)
        self._start_s = start_s
        self._last: _Last | None = None

    @property
    def devices(self) -> Mapping[str, str]:
        """Device by unit, empty where none tells of it."""
        return {unit.id: unit.device for unit in self._plan.units.values()}

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds."""
        self._watcher.stepped(by_s)

    def standing_groups(self) -> tuple[GroupStatus, ...]:
        """Groups as they were at the last look."""
        return self._last.report.groups if self._last is not None else ()

    def standing(self, name: str) -> Mapping[str, UnitCondition]:
        """Conditions at the last look of the units of an id that a device tells of."""
        live = self._last.live if self._last is not None else {}
        return {
            unit: live[unit] for unit in self.knows(name) if unit in live and self.devices[unit]
        }

    def added(
        self,
        power: RedundancyReport,
        powered: Powered,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        now: float,
    ) -> RedundancyReport:
        """The report of the power graph with the cooling in it; `now` in UTC seconds."""
        if not self._plan.zones:
            return power
        seen = self._watcher.see(view, devices, now, remember=True)
        live = self._patient(seen, powered.waiting)
        last = self._last
        if (
            last is None
            or last.power is not power
            or last.live != live
            or last.seen.strict != seen.strict
            or self._crossed(last.seen) != self._crossed(seen)
            or (
                abs(now - last.time) >= JUDGED_S_PER_UNIT * len(self._plan.units)
                and _moved(last.seen, seen)
            )
        ):
            report = self._joined(power, powered, seen, live)
            self._last = last = _Last(now, power, seen, live, report)
        return last.report

    def knows(self, name: str) -> tuple[str, ...]:
        """Units of an id: the unit of that name, and the one a device of that name stands for."""
        return tuple(u.id for u in self._plan.units.values() if name in (u.id, u.device))

    def answer(
        self,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        now: float,
        question: Question,
        *,
        before: tuple[Study, Study],
        after: tuple[Study, Study],
        designed: Study,
    ) -> Answer:
        """The cooling in a what-if. `before` and `after` are the plant at the worst and at the best
        of what is not known, `designed` as it was built, with the demands of the time that is asked
        for."""
        cases = question.cases
        seen = self._watcher.see(view, devices, now)
        changes = {unit: BACK for name in question.back for unit in self.knows(name)}
        changes |= {unit: OUT for name in question.out for unit in self.knows(name)}
        demands = demands_of(after[0])
        strict = self._stand(seen.strict, ALL_POWERED, seen, demands, question.when)
        well = {unit: BACK for name in question.healthy for unit in self.knows(name)}
        strict = strict.changed(well)
        worst, best = (
            self._fed(stand, study)
            for stand, study in zip((strict, strict.best()), before, strict=True)
        )
        then, hopeful = (
            self._fed(stand.changed(changes), study)
            for stand, study in zip((worst, best), after, strict=True)
        )
        groups = self._groups(then, hopeful, cases)
        singles = self.supply.singles(after[0])
        weak = self._weak(then, singles, self.supply.fed(designed), cases)
        return Answer(
            groups=groups,
            zones=self._zones(then, groups, weak),
            overloaded={case: overloads(self._plan, then, case) for case in cases},
            worst_harm=tuple(harm(self._plan, worst, then, cases, self._start_s)),
            best_harm=tuple(harm(self._plan, best, hopeful, cases, self._start_s)),
            reduced=(*reduction(self._plan, then, cases, self._start_s), *weak.values()),
            conditions=then.conditions,
            unchecked=self._plan.unchecked(),
        )

    def _crossed(self, seen: Seen) -> list[tuple[bool, ...]]:
        """Of each zone: what is not known, and which limits its air is above."""
        found: list[tuple[bool, ...]] = []
        for name, zone in self._plan.zones.items():
            inlet_c, measured_kw = seen.inlet_c[name], seen.measured_kw[name]
            above = (inlet_c or 0.0) > zone.recommended_c, (inlet_c or 0.0) > zone.allowable_c
            found.append((inlet_c is None, measured_kw is None, *above))
        return found

    def _patient(self, seen: Seen, waiting: frozenset[str]) -> dict[str, UnitCondition]:
        """Live conditions, with units that stand still counted while they may yet come back: after
        an outage generators need their time, and so does the unit."""
        found = dict(seen.live)
        for name, off_s in seen.off_s.items():
            if name in waiting and off_s < self._start_s + self._plan.units[name].restart_s:
                found[name] = UnitCondition(reasons=("waits for the generators",))
        return found

    def _stand(
        self,
        conditions: Mapping[str, UnitCondition],
        unpowered: Unpowered,
        seen: Seen,
        demands: Mapping[str, Demand],
        when: When = "now",
    ) -> Stand:
        heat_kw = {
            name: zone_heat_kw(zone, demands, seen.measured_kw[name], when)
            for name, zone in self._plan.zones.items()
        }
        return Stand(conditions, unpowered, heat_kw, seen.inlet_c, NONE_LOST)

    def _fed(self, stand: Stand, study: Study) -> Stand:
        """The same as the power graph has it."""
        supply = self.supply
        return replace(stand, unpowered=supply.unpowered(study), lost=supply.lost(study))

    def _joined(
        self,
        power: RedundancyReport,
        powered: Powered,
        seen: Seen,
        conditions: Mapping[str, UnitCondition],
    ) -> RedundancyReport:
        live = self._stand(conditions, powered.live, seen, powered.demands)
        strict = self._stand(seen.strict, powered.best, seen, powered.demands)
        worst = replace(strict, unpowered=powered.worst, lost=powered.lost)
        groups = self._groups(live, strict.best(), CASES)
        losses = powered.losses
        zones = self._zones(live, groups, self._weak(live, losses.live, losses.designed, CASES))
        found = sorted(headlines(groups, zones), key=lambda item: ORDER.index(item[0]))
        status, headline, reasons = _worse(power, found)
        cases: dict[str, CaseResult] = {
            case: extended(
                power.cases[case],
                overloads(self._plan, live, case),
                seen.strict,
                self._plan.unchecked(),
            )
            for case in CASES
        }
        return replace(
            power,
            status=status,
            headline=headline,
            reasons=reasons,
            groups=(*power.groups, *groups),
            zones=zones,
            single_failures=failures(
                self._plan, power.single_failures, worst, losses.worst, self._start_s
            ),
            cases=cases,
            unchecked=cases["as_is"].unchecked,
            assumed=cases["as_is"].assumed,
            unknown=cases["as_is"].unknown,
        )

    def _groups(
        self, live: Stand, best: Stand, cases: Sequence[CaseName]
    ) -> tuple[GroupStatus, ...]:
        return tuple(
            judge(self._plan, live, best, group, cases) for group in self._plan.groups.values()
        )

    def _zones(
        self, live: Stand, groups: Sequence[GroupStatus], weak: Mapping[str, str]
    ) -> tuple[ZoneStatus, ...]:
        by_id = {group.id: group for group in groups}
        return tuple(
            judge_zone(
                self._plan,
                live,
                zone,
                by_id,
                self._start_s,
                weak=(weak[zone.id],) if zone.id in weak else (),
            )
            for zone in self._plan.zones.values()
        )

    def _weak(
        self, stand: Stand, singles: Singles, designed: Fed, cases: Sequence[CaseName]
    ) -> dict[str, str]:
        """What is said of each zone that has got a single point of failure it was not built with,
        at the heat that it has."""
        well = replace(
            stand,
            conditions=dict.fromkeys(stand.conditions, HEALTHY),
            unpowered=designed.unpowered,
            lost=designed.lost,
        )
        found = weakened(
            self._plan, (stand, singles), (well, designed.singles), self._start_s, cases
        )
        return {zone: weak_words(zone, points) for zone, points in found.items()}


def _worse(
    power: RedundancyReport, found: Sequence[tuple[int, str]]
) -> tuple[int, str, tuple[str, ...]]:
    """Status, headline and reasons of power and cooling together: the worse of both first."""
    if not found:
        return power.status, power.headline, power.reasons
    words = tuple(dict.fromkeys(words for _, words in found))
    status, headline = found[0]
    if ORDER.index(status) < ORDER.index(power.status):
        rest = power.reasons if power.status != FULL else ()
        return status, headline, (*words, *rest)
    return power.status, power.headline, (*power.reasons, *words)


def _moved(old: Seen, new: Seen) -> bool:
    """Whether a temperature or a measured heat has moved enough to judge again."""
    return any(
        _differs(was, new.inlet_c[zone], MOVES_C) for zone, was in old.inlet_c.items()
    ) or any(
        _differs(was, new.measured_kw[zone], MOVES_SHARE * (was or 0.0))
        for zone, was in old.measured_kw.items()
    )


def _differs(was: float | None, now: float | None, by: float) -> bool:
    if was is None or now is None:
        return was is not now
    return abs(now - was) > by
