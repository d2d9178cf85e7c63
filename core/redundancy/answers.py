"""What-if answers: the plant with something taken out or put back, judged as the plant is.

Reads the plant through who watches it; keeps nothing between two questions, so that several threads
may ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.cooling.answer import Question
from core.cooling.report import CoolingModel
from core.redundancy.condition import BACK, OUT, Condition, Plant
from core.redundancy.consequences import batteries, grows_to, oldest_s, state_of
from core.redundancy.evaluate import CaseName
from core.redundancy.fuel import less_fuel
from core.redundancy.graph import PowerGraph
from core.redundancy.groups import SingleFed, judge, judge_all
from core.redundancy.headline import load_statuses
from core.redundancy.single import Singles, weakness
from core.redundancy.study import Study
from core.redundancy.verdict import (
    Doubt,
    decide,
    eco_doubts,
    harm,
    mixed_harm,
    reduction,
    taxed_harm,
    unknown_words,
    untold,
)
from core.redundancy.watch import Seen, Watcher
from core.redundancy.words import names
from core.site import Site
from core.snapshot import (
    CaseResult,
    Consequences,
    DeviceStatus,
    FuelStatus,
    GroupStatus,
    Overload,
    PointView,
    Validity,
    Verdict,
    WhatIf,
)


@dataclass(frozen=True, slots=True)
class Look:
    """The plant at one moment."""

    view: PointView
    devices: Mapping[str, DeviceStatus]
    now: float
    seen: Seen


@dataclass(frozen=True, slots=True)
class _Asked:
    """An answer, and the studies of the plant that it was made of."""

    answer: WhatIf
    cases: tuple[CaseName, ...]
    before: Study
    at_best: Study
    after: Study
    hopeful: Study
    designed: Singles
    fuel_before: FuelStatus | None
    fuel: FuelStatus | None


class Answers:
    """Answers for one site, of the power graph with its cooling."""

    def __init__(
        self,
        site: Site,
        graph: PowerGraph,
        start_s: float,
        watcher: Watcher,
        cooling: CoolingModel,
        single: SingleFed,
    ) -> None:
        self._site, self._graph, self._start_s = site, graph, start_s
        self._watcher, self._cooling, self._single = watcher, cooling, single
        self._told_by = {node.device for node in graph.nodes if node.device}

    def in_short(self, look: Look, question: Question) -> WhatIf:
        """The answer without its consequences. Raises KeyError naming an id that is neither a node,
        nor a cooling unit, nor a device. What is out already is nothing new, but for those that are
        `healthy` in the question."""
        return self._ask(look, question).answer

    def in_full(self, look: Look, question: Question, stands: Sequence[GroupStatus]) -> WhatIf:
        """The answer with its consequences. Raises KeyError as above; `stands` are the groups as
        they are."""
        asked = self._ask(look, question)
        return replace(asked.answer, consequences=self._consequences(asked, look, stands))

    def _ask(self, look: Look, question: Question) -> _Asked:
        cases, seen, graph = tuple(question.cases), look.seen, self._graph
        asked, outside = self.changes(question.out, question.back)
        well, _ = self.changes((), question.healthy)
        demands, notes = self._watcher.demands.at(seen.worst.demands, question.when, look.now)
        if seen.returning:
            loads = [graph.nodes[graph.loads[n]].id for n in sorted(seen.returning)]
            drew = f"{names(loads)} had no supply of late: taken with what was drawn before"
            notes = (*notes, drew)
        worst, best = (replace(plant, demands=demands) for plant in (seen.worst, seen.best))
        # Where all is known, the worst is the best, and need not be worked out twice.
        changes = self._as_it_can(asked, seen, seen.worst)
        after = self._study(worst.changed(changes))
        at_hand = self._as_it_can(asked, seen, seen.best)
        hopeful = self._study_like(after, best.changed(at_hand))
        before = self._study(worst.changed(well))
        at_best = self._study_like(before, best.changed(well))
        as_designed = self._study(worst.as_designed())
        cooling = self._cooling.answer(
            look.view,
            look.devices,
            look.now,
            question,
            before=(before, at_best),
            after=(after, hopeful),
            designed=as_designed,
        )
        groups = (*self._groups(after, hopeful, cases), *cooling.groups)
        designed = as_designed.singles()
        warily = replace(seen.wary, demands=demands)
        warily = warily.changed(self._as_it_can(asked, seen, seen.wary))
        wary = self._study_like(hopeful, warily)
        unknown = tuple(n for n in seen.unknown if graph.index[n] not in changes)
        unsure = [
            graph.nodes[i].id for i, d in zip(graph.loads, demands, strict=True) if not d.known
        ]
        worst_harm = harm(before, after, cases)
        best_harm = harm(at_best, hopeful, cases)
        if not worst_harm and not best_harm:
            doubtful = [graph.index[n] for n in unknown]
            # That what is taken out may be bad already must not excuse its removal.
            best_there = {i: best.conditions[i] for i in changes}
            best_harm = (
                mixed_harm(at_best, hopeful, after, doubtful, cases)
                or taxed_harm(at_best, hopeful, doubtful, cases)
                or harm(self._study(replace(seen.wary, demands=demands)), wary, cases)
                or harm(self._study(worst.changed(best_there)), after, cases)
            )
        fuel, fuel_before = (
            self._watcher.fuel.status(study, seen.litres) for study in (after, before)
        )
        verdict, reasons = decide(
            (*worst_harm, *cooling.worst_harm),
            (*best_harm, *cooling.best_harm),
            Doubt(outside, tuple(unsure), cooling.heat_unknown, graph.ties_of(unknown)),
            (
                *self._reduced(after, wary, groups, designed, cases),
                *cooling.reduced,
                *(eco_doubts(hopeful) if self._site.eco == "reduced" else ()),
                *less_fuel(fuel_before, fuel),
            ),
        )
        scope = untold(graph, unknown, demands)
        results: dict[str, CaseResult] = {
            name: cooling.into(name, after.result(name, scope)) for name in cases
        }
        lost = self._union(results, "lost_loads")
        answer = WhatIf(
            verdict=verdict,
            lost_loads=lost,
            unprotected_loads=tuple(
                name for name in self._union(results, "unprotected_loads") if name not in lost
            ),
            overloaded=self._worst_overloads(results),
            unchecked=results[cases[0]].unchecked,
            assumed=results[cases[0]].assumed,
            groups=groups,
            cases=results,
            reasons=(*reasons, *unknown_words(after.plant, after), *cooling.unknown_words, *notes),
            zones=cooling.zones,
        )
        studies = before, at_best, after, hopeful
        return _Asked(answer, cases, *studies, designed, fuel_before, fuel)

    def _consequences(
        self, asked: _Asked, look: Look, stands: Sequence[GroupStatus]
    ) -> Consequences:
        """What an answer means for each load, group, battery and the fuel, and how far it holds."""
        before, after, designed = asked.before, asked.after, asked.designed
        loads, loads_before = (
            load_statuses(study, best, weakness(study, study.singles(), designed, asked.cases))
            for study, best in ((after, asked.hopeful), (before, asked.at_best))
        )
        groups_before = self._groups(before, asked.at_best, asked.cases)
        return Consequences(
            loads=loads,
            loads_before={load.id: load for load in loads_before},
            groups_before={group.id: group for group in (*stands, *groups_before)},
            batteries=batteries(before, after),
            fuel=asked.fuel,
            fuel_before=asked.fuel_before,
            validity=Validity(
                state=state_of(look.seen),
                load_kw=sum(demand.kw for demand in after.plant.demands),
                holds_to_kw=self._holds_to(before, after, asked.cases, asked.answer.verdict),
                oldest_s=oldest_s(self._told_by, look.devices, look.now),
            ),
        )

    def _holds_to(
        self, before: Study, after: Study, cases: Sequence[CaseName], verdict: Verdict
    ) -> float | None:
        """Up to which load (kW) nothing more is harmed; None where something is, or no limit is
        near."""
        if verdict not in ("safe", "reduced"):
            return None
        factor = grows_to(before, after, cases, self._study)
        return None if factor is None else factor * sum(d.kw for d in after.plant.demands)

    def _groups(
        self, study: Study, best: Study, cases: Sequence[CaseName]
    ) -> tuple[GroupStatus, ...]:
        return judge_all(self._site.groups, study, best, cases, self._single)

    def _study(self, plant: Plant) -> Study:
        return Study(self._graph, plant, self._start_s)

    def _study_like(self, study: Study, plant: Plant) -> Study:
        """A study of a plant: the one that there is, if it is of the same plant."""
        return study if plant == study.plant else self._study(plant)

    def _reduced(
        self,
        after: Study,
        wary: Study,
        groups: Sequence[GroupStatus],
        designed: Singles,
        cases: Sequence[CaseName],
    ) -> list[str]:
        """What is left without redundancy at the worst of what is not known; else at its best,
        which can be worse: mains that may be lost explain why a battery is in use."""
        said = reduction(after, groups, weakness(after, after.singles(), designed, cases), cases)
        if said or wary.plant == after.plant:
            return said
        judged = [judge(wary, group, cases, self._single) for group in self._site.groups]
        return reduction(wary, judged, weakness(wary, wary.singles(), designed, cases), cases)

    def changes(
        self, out: Sequence[str], back: Sequence[str]
    ) -> tuple[dict[int, Condition], tuple[str, ...]]:
        """Conditions by node number, and what is taken out that the graph does not hold."""
        changes: dict[int, Condition] = {}
        for name in back:
            changes |= dict.fromkeys(self.numbers(name), BACK)
        outside = []
        for name in out:
            numbers = self.numbers(name)
            changes |= dict.fromkeys(numbers, OUT)
            if not numbers and not self._cooling.knows(name):
                outside.append(name)
        return changes, tuple(outside)

    def _as_it_can(
        self, changes: Mapping[int, Condition], seen: Seen, plant: Plant
    ) -> dict[int, Condition]:
        """What is put back comes back healthy, but that fills no tank, balances no load, takes no
        UPS out of eco mode, and brings no voltage where one in service sees none."""
        fuel = self._watcher.fuel
        without_fuel = {*fuel.dry(seen.litres), *fuel.doubted(seen.litres)}
        return {
            i: _healthy(plant.conditions[i], seen.worst.conditions[i]) if to is BACK else to
            for i, to in changes.items()
            if to is not BACK or i not in without_fuel
        }

    def numbers(self, name: str) -> tuple[int, ...]:
        """Nodes of an id: the node of that name, and all that a device of that name stands for.
        Raises KeyError for one that is nothing at all."""
        graph = self._graph
        numbers = tuple(
            i for i in graph.written if name in (graph.nodes[i].id, graph.nodes[i].device)
        )
        known = numbers or self._cooling.knows(name)
        if not known and all(device.id != name for device in self._site.devices):
            raise KeyError(name)
        return numbers

    def _union(self, results: Mapping[str, CaseResult], key: str) -> tuple[str, ...]:
        named = {name for result in results.values() for name in getattr(result, key)}
        return self._graph.in_order({self._graph.index[name] for name in named})

    def _worst_overloads(self, results: Mapping[str, CaseResult]) -> tuple[Overload, ...]:
        """Each overloaded node or cooling group once, where it carries most."""
        found: dict[str, Overload] = {}
        for result in results.values():
            for overload in result.overloaded:
                old = found.get(overload.id)
                if old is None or overload.load_kw > old.load_kw:
                    found[overload.id] = overload
        order = {node.id: n for n, node in enumerate(self._site.power)}
        return tuple(sorted(found.values(), key=lambda o: order.get(o.id, len(order))))


def _healthy(stands: Condition, worst: Condition) -> Condition:
    """A node that was put back, as it can be where it stands so, at the worst `worst`. What one
    that is out of service sees is its own isolation; dead is a feeder that the graph has live."""
    dead = stands.blocked & stands.absent if stands.in_service else frozenset[int]()
    reasons = (*BACK.reasons, *stands.reasons[-1:]) if dead else BACK.reasons
    return replace(
        BACK, able_share=worst.able_share, eco=worst.eco, blocked=dead, absent=dead, reasons=reasons
    )
