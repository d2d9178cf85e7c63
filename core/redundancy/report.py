"""The verdict: evaluation, groups, loads and single failures put together, with reasons and scope.

Cheap on a tick where nothing has changed. What-if answers take the plant as it is now, whatever is
not fresh at its worst. `evaluate` and `supply` belong to one thread; `what_if` may be called from
another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.contracts import Case
from core.contracts import Demand as When
from core.cooling.answer import Question
from core.cooling.condition import UnitCondition
from core.cooling.report import CoolingModel
from core.cooling.supply import Losses, Powered
from core.redundancy.answers import Answers, Look
from core.redundancy.condition import Condition, Demand, Plant
from core.redundancy.consequences import DISCRETE, NUMBERS, state_of
from core.redundancy.evaluate import CASES, CaseName
from core.redundancy.fuel import fuel_words
from core.redundancy.graph import PowerGraph, compile_graph
from core.redundancy.groups import judge_all, single_fed
from core.redundancy.headline import headline, load_statuses
from core.redundancy.single import Singles, single_failures, weakness
from core.redundancy.study import Study
from core.redundancy.supply import sources_away, supplies_of, supply_of
from core.redundancy.ties import closed_instead
from core.redundancy.verdict import untold
from core.redundancy.watch import Seen, Watcher
from core.site import Site
from core.snapshot import (
    CaseResult,
    DeviceStatus,
    PointView,
    RedundancyReport,
    Supply,
    WhatIf,
)

JUDGED_ANEW_SHARE = 0.001
PLAYED_ANEW_SHARE = 0.01
"""The verdict is computed again when a load has moved by more than the first part of itself, every
single failure when it has moved by more than the second."""

JUDGED_S_PER_NODE = 0.001
PLAYED_S_PER_NODE = 0.002
"""A load that moves has the verdict computed again at most so often, per node of the graph, so that
a large plant, where some load always moves, does not live for its verdict alone (5 and 10 s at
5,000 nodes). A change of condition never waits."""

MOVES_KW = 0.05
"""Smaller moves than this are noise of the meters."""

BATTERY_MOVES_SHARE = 0.05
"""A battery's time is judged again when it has moved by more than this part of itself."""

_FIGURES = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class _Played:
    """Every single failure, and the plant they were played on."""

    seen: Seen
    time: float
    live: Singles
    worst: Singles
    designed: Singles
    closed: tuple[tuple[Study, Singles], ...]
    """The worst, with ties that nobody knows of closed instead of open."""
    losses: Losses


@dataclass(frozen=True, slots=True)
class _Look:
    """The last look at the plant."""

    view: PointView
    now: float
    seen: Seen


@dataclass(frozen=True, slots=True)
class _Judged:
    """The last verdict on the power, what it was made from, and what it means for the cooling."""

    seen: Seen
    time: float
    report: RedundancyReport
    powered: Powered
    cut: tuple[int, ...]
    """Places of the loads that have no supply."""


class RedundancyModel:
    """Judges one site's power graph. Raises InvariantError for a graph that `problems` would
    refuse."""

    def __init__(self, site: Site, start_s: float | None = None) -> None:
        self._site = site
        self._graph: PowerGraph = compile_graph(site.power, site.groups)
        self._start_s = start_s = site.start.total_s if start_s is None else start_s
        self._single_fed = single_fed(self._graph)
        self._watcher = Watcher(self._graph, site, start_s)
        self._cooling = CoolingModel(site, self._graph, start_s)
        self._answers = Answers(
            site, self._graph, start_s, self._watcher, self._cooling, self._single_fed
        )
        self._look: _Look | None = None
        self._judged: _Judged | None = None
        self._played: _Played | None = None

    def devices(self, names: Sequence[str]) -> frozenset[str]:
        """Devices among these ids, and those that tell of nothing but what is among them."""
        told_by = {node.id: node.device for node in self._graph.nodes}
        told_by.update(self._cooling.devices)
        elsewhere = {device for name, device in told_by.items() if name not in names}
        own = {told_by[name] for name in names if name in told_by} - elsewhere
        return frozenset(own | {device.id for device in self._site.devices if device.id in names})

    def known(self, names: Sequence[str]) -> None:
        """Raises KeyError naming an id that is neither a node, nor a cooling unit, nor a device."""
        self._answers.changes(names, ())

    def away(self, name: str) -> bool | None:
        """Whether what an id stands for was not as it should be at the last look; None where no
        device tells."""
        found: list[UnitCondition | Condition] = list(self._cooling.standing(name).values())
        if self._look is not None:
            conditions, nodes = self._look.seen.live.conditions, self._graph.nodes
            found += [conditions[i] for i in self._answers.numbers(name) if nodes[i].device]
        return any(one.unknown or one.reasons for one in found) if found else None

    def state(self) -> dict[str, Any]:
        """What `restore` takes after a restart: what the loads took."""
        return self._watcher.demands.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`. Raises ValueError, TypeError or LookupError for what is
        none."""
        self._watcher.demands.restore(state)

    def evaluate(
        self, view: PointView, devices: Mapping[str, DeviceStatus], now: float
    ) -> RedundancyReport:
        """The verdict now (UTC seconds)."""
        seen = self._watcher.see(view, devices, now, remember=True)
        self._look = _Look(view, now, seen)
        last = self._judged
        if (
            last is None
            or self._due(last, seen, now, JUDGED_ANEW_SHARE, JUDGED_S_PER_NODE)
            or self._watcher.fuel.moved(last.seen.litres, seen.litres)
        ):
            self._judged = last = self._judge(seen, now)
        if self._watcher.demands.cut(last.cut, now):
            seen = self._watcher.see(view, devices, now)
            if seen.returning:
                self._look = _Look(view, now, seen)
                self._judged = last = self._judge(seen, now)
        return self._cooling.added(last.report, last.powered, view, devices, now)

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds, and nothing has become older by that."""
        self._watcher.stepped(by_s)
        self._cooling.stepped(by_s)

    def supply(
        self, view: PointView, devices: Mapping[str, DeviceStatus], now: float
    ) -> tuple[Supply, tuple[str, ...]]:
        """Where the loads' power comes from at this moment, and where that is not the mains what
        is known of why."""
        seen = self._see(view, devices, now)
        supply = supply_of(self._graph, seen)
        return supply, () if supply == "mains" else sources_away(self._graph, seen)

    def what_if(
        self,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        now: float,
        *,
        out: Sequence[str],
        back: Sequence[str] = (),
        case: Case = "worst",
        demand: When = "now",
    ) -> WhatIf:
        """The plant with some nodes out and others back in service, and what that means one by one.
        Raises KeyError naming an id that is neither a node, nor a cooling unit, nor a device."""
        cases: tuple[CaseName, ...] = CASES if case == "worst" else (case,)
        stands = self._judged.report.groups if self._judged is not None else ()
        return self._answers.in_full(
            Look(view, devices, now, self._see(view, devices, now)),
            Question(out, back, cases, demand),
            (*stands, *self._cooling.standing_groups()),
        )

    def effect(
        self,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        now: float,
        *,
        out: Sequence[str],
        back: Sequence[str] = (),
        healthy: Sequence[str] = (),
        demand: When = "now",
    ) -> WhatIf:
        """The same in short, in both cases. What is out already is nothing new, but for those that
        are `healthy` before it."""
        look = Look(view, devices, now, self._see(view, devices, now))
        return self._answers.in_short(look, Question(out, back, CASES, demand, healthy))

    def _see(self, view: PointView, devices: Mapping[str, DeviceStatus], now: float) -> Seen:
        last = self._look
        if last is not None and last.view is view and last.now == now:
            return last.seen
        return self._watcher.see(view, devices, now)

    def _judge(self, seen: Seen, now: float) -> _Judged:
        live = self._study(seen.live)
        best = live if seen.best == seen.live else self._study(seen.best)
        worst = live if seen.worst == seen.live else self._study(seen.worst)
        played = self._singles(seen, now, live, worst)
        groups = judge_all(self._site.groups, live, best, CASES, self._single_fed)
        weak = weakness(live, played.live, played.designed)
        loads = tuple(
            replace(load, supply=supply)
            for load, supply in zip(
                load_statuses(live, best, weak), supplies_of(self._graph, seen), strict=True
            )
        )
        fuel = self._watcher.fuel.status(live, seen.litres)
        status, words, reasons = headline(
            live, best, groups, loads, weak, seen.unknown, fuel_words(fuel)
        )
        unknown = untold(self._graph, seen.unknown, seen.live.demands)
        cases: dict[str, CaseResult] = {case: live.result(case, unknown) for case in CASES}
        report = RedundancyReport(
            status=status,
            headline=words,
            reasons=reasons,
            groups=groups,
            loads=loads,
            single_failures=single_failures((worst, played.worst), *played.closed),
            cases=cases,
            unchecked=self._graph.unchecked,
            assumed=cases["as_is"].assumed,
            unknown=unknown,
            fuel=fuel,
            state=state_of(seen),
        )
        powered = self._cooling.supply.powered(live, best, worst, played.losses)
        cut = tuple(n for n, load in enumerate(loads) if load.supply == "none")
        return _Judged(seen, now, report, powered, cut)

    def _singles(self, seen: Seen, now: float, live: Study, worst: Study) -> _Played:
        """Every single failure, played anew only where the plant or a load has really moved."""
        last = self._played
        if last is not None and not self._due(
            last, seen, now, PLAYED_ANEW_SHARE, PLAYED_S_PER_NODE
        ):
            return last
        of_live = live.singles()
        demands = seen.live.demands
        same = last is not None and not _demands_moved(
            last.seen.live.demands, demands, PLAYED_ANEW_SHARE
        )
        if last is not None and same:
            designed, meant = last.designed, last.losses.designed
        else:
            study = self._study(seen.live.as_designed())
            designed, meant = study.singles(), self._cooling.supply.fed(study)
        of_worst = of_live if worst is live else worst.singles()
        closed = [self._study(plant) for plant in closed_instead(self._graph, worst.plant)]
        of_closed = tuple((study, study.singles()) for study in closed)
        losses = self._cooling.supply.losses(live, worst, meant)
        self._played = _Played(seen, now, of_live, of_worst, designed, of_closed, losses)
        return self._played

    def _due(
        self, last: _Judged | _Played, seen: Seen, now: float, share: float, s_per_node: float
    ) -> bool:
        """Whether what was computed is to be computed again."""
        if _changed(last.seen, seen):
            return True
        if abs(now - last.time) < s_per_node * len(self._graph):
            return False
        old, new = last.seen.live, seen.live
        return _demands_moved(old.demands, new.demands, share) or _able_moved(
            old.conditions, new.conditions, share
        )

    def _study(self, plant: Plant) -> Study:
        return Study(self._graph, plant, self._start_s)


def _changed(old: Seen, new: Seen) -> bool:
    """Whether any node is in another condition, or a demand has become known or unknown."""
    return (
        old.unknown != new.unknown
        or any(
            _conditions_moved(a.conditions, b.conditions)
            for a, b in ((old.live, new.live), (old.worst, new.worst), (old.best, new.best))
        )
        or any(
            (a.known, a.measured) != (b.known, b.measured)
            for a, b in zip(old.live.demands, new.live.demands, strict=True)
        )
    )


def _conditions_moved(old: Sequence[Condition], new: Sequence[Condition]) -> bool:
    if old is new:
        return False
    return any(
        a is not b and a != b and _condition_moved(a, b) for a, b in zip(old, new, strict=True)
    )


def _condition_moved(old: Condition, new: Condition) -> bool:
    if any(getattr(old, name) != getattr(new, name) for name in DISCRETE):
        return True
    if old.reasons != new.reasons and _wordings(old) != _wordings(new):
        return True
    pairs = [(getattr(old, name), getattr(new, name)) for name in NUMBERS]
    return any(a != b and abs(a - b) > BATTERY_MOVES_SHARE * min(a, b) for a, b in pairs)


def _wordings(condition: Condition) -> list[str]:
    """Why it is not as it should be, whatever the figures in it are."""
    return [_FIGURES.sub("#", reason) for reason in condition.reasons]


def _able_moved(old: Sequence[Condition], new: Sequence[Condition], share: float) -> bool:
    """Whether the phases of a node leave it another part of its capacity."""
    if old is new:
        return False
    return any(abs(a.able_share - b.able_share) > share for a, b in zip(old, new, strict=True))


def _demands_moved(old: Sequence[Demand], new: Sequence[Demand], share: float) -> bool:
    if old is new:
        return False
    return any(
        abs(a.kw - b.kw) > max(share * a.kw, MOVES_KW) for a, b in zip(old, new, strict=True)
    )
