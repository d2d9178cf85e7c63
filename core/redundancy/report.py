"""The verdict: evaluation, groups, loads and single failures put together, with reasons and scope.

Cheap on a tick where nothing has changed: the expensive parts are computed again when a condition
changes, or a demand by more than a little. What-if answers take the plant as it is now, whatever
is not fresh at its worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.contracts import Case
from core.contracts import Demand as When
from core.redundancy.condition import OUT, START_S, Condition, Plant
from core.redundancy.demand import DemandHistory
from core.redundancy.evaluate import CASES, CaseName, Flow, evaluate, result
from core.redundancy.graph import PowerGraph
from core.redundancy.groups import AT_N, FULL, LOST, STATUS_WORDS, UNKNOWN, judge
from core.redundancy.single import newly, single_failures
from core.redundancy.states import PlantStates
from core.site import Site
from core.snapshot import (
    CaseResult,
    DeviceStatus,
    GroupStatus,
    LoadStatus,
    PointView,
    RedundancyReport,
    Supply,
    Verdict,
    WhatIf,
)
from core.vocabulary import STATES

DEMAND_MOVES_SHARE = 0.02
DEMAND_MOVES_KW = 1.0
"""A verdict is judged anew when a load moved by more than this share and this much."""

_ON_BATTERY = STATES["mode"].code("on_battery")
LoadState = Literal["redundant", "at_n", "unprotected", "lost", "unknown"]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A report and the plant it was made from."""

    plant: Plant
    report: RedundancyReport


class RedundancyModel:
    """Judges one site's power graph. Raises ValueError for a graph with a loop."""

    def __init__(self, site: Site, start_s: float = START_S) -> None:
        self._site = site
        self._graph = PowerGraph(site.power)
        self._states = PlantStates(self._graph, site, start_s)
        self._demands = DemandHistory(self._graph)
        self._last: _Judged | None = None

    def evaluate(
        self, view: PointView, devices: Mapping[str, DeviceStatus], now: float
    ) -> RedundancyReport:
        """The verdict now."""
        plant = self._states.plant(view, devices)
        self._demands.add(plant, now)
        if self._last is not None and not _moved(self._last.plant, plant):
            return self._last.report
        report = self._report(plant)
        self._last = _Judged(plant, report)
        return report

    def supply(self, view: PointView, devices: Mapping[str, DeviceStatus], now: float) -> Supply:
        """Where the loads' power comes from at this moment."""
        del now
        graph = self._graph
        if not graph.loads:
            return "unknown"
        plant = self._states.plant(view, devices)
        if all(c.unknown for c in plant.conditions if not c.assumed) and not all(
            c.assumed for c in plant.conditions
        ):
            return "unknown"
        flow = evaluate(graph, plant, "as_is")
        sources = {graph.nodes[i].kind for i in _feeding(graph, flow)}
        battery = self._on_battery(view)
        if battery:
            in_service = [
                i
                for i, node in enumerate(graph.nodes)
                if node.kind == "ups" and plant.conditions[i].in_service
            ]
            return "battery" if len(battery) >= len(in_service) else "mixed"
        if sources == {"utility"}:
            return "mains"
        if sources == {"genset"}:
            return "generator"
        return "mixed" if sources else "none"

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
        """The plant with some nodes out and others back in service. Raises KeyError naming an
        unknown id."""
        changes: dict[int, Condition] = {}
        for ids, condition in ((back, Condition()), (out, OUT)):
            for name in ids:
                changes |= dict.fromkeys(self._numbers(name), condition)
        stands = self._states.plant(view, devices, hopeful=False).pessimistic()
        stands, notes = self._demands.apply(stands, demand, now)
        played = stands.with_conditions(changes)
        cases: tuple[CaseName, ...] = CASES if case == "worst" else (case,)
        before = [evaluate(self._graph, stands, name) for name in cases]
        after = [evaluate(self._graph, played, name) for name in cases]
        results: dict[str, CaseResult] = {
            name: result(self._graph, played, flow) for name, flow in zip(cases, after, strict=True)
        }
        groups = tuple(judge(self._graph, played, group) for group in self._site.groups)
        loads = [self._load(i, played, after) for i in self._graph.loads]
        verdict, reasons = self._verdict(stands, before, after, groups, loads, set(out))
        return WhatIf(
            verdict=verdict,
            lost_loads=_union(results.values(), "lost_loads"),
            unprotected_loads=_union(results.values(), "unprotected_loads"),
            overloaded=tuple(
                {node.id: node for r in results.values() for node in r.overloaded}.values()
            ),
            unchecked=self._graph.unchecked,
            assumed=_union(results.values(), "assumed"),
            groups=groups,
            cases=results,
            reasons=(*reasons, *notes),
        )

    def _numbers(self, name: str) -> tuple[int, ...]:
        """Nodes of an id: a node's own, or all that a device stands for."""
        if name in self._graph.index:
            return (self._graph.index[name],)
        if name in self._graph.by_device:
            return tuple(self._graph.index[node] for node in self._graph.by_device[name])
        if any(device.id == name for device in self._site.devices):
            return ()
        raise KeyError(name)

    def _verdict(
        self,
        stands: Plant,
        before: list[Flow],
        after: list[Flow],
        groups: Sequence[GroupStatus],
        loads: Sequence[LoadStatus],
        out: set[str],
    ) -> tuple[Verdict, tuple[str, ...]]:
        """Unsafe, unknown, reduced or safe, and why, in this order of precedence."""
        graph = self._graph
        reasons: list[str] = []
        for kind, words in (("lost", "is lost"), ("overloaded", "is overloaded")):
            numbers = sorted({i for flow in after for i in getattr(flow, kind)})
            reasons += [f"{graph.nodes[i].id} {words}" for i in numbers]
        _, unprotected, _ = newly(graph, before, after)
        reasons += [f"{name} loses its protection against an outage" for name in unprotected]
        if reasons:
            return "unsafe", tuple(reasons)
        unknown = [
            c.reasons[0] if c.reasons else graph.nodes[i].id
            for i, c in enumerate(stands.conditions)
            if c.unknown and graph.nodes[i].id not in out
        ]
        demands = [graph.nodes[i].id for i, d in stands.demands.items() if not d.known]
        if unknown or demands:
            return "unknown", (
                *unknown,
                *(f"the demand of {name} is not known" for name in demands),
            )
        reduced = [
            f"{group.id}: {STATUS_WORDS[group.status]}" for group in groups if group.status <= AT_N
        ]
        reduced += [
            f"{load.id} is left with one feed"
            for load in loads
            if load.state in {"at_n", "unprotected"} and load.feeds > load.min_feeds
        ]
        return ("reduced", tuple(reduced)) if reduced else ("safe", ())

    def _report(self, plant: Plant) -> RedundancyReport:
        flows = [evaluate(self._graph, plant, case) for case in CASES]
        cases: dict[str, CaseResult] = {
            case: result(self._graph, plant, flow) for case, flow in zip(CASES, flows, strict=True)
        }
        groups = tuple(judge(self._graph, plant, group) for group in self._site.groups)
        loads = tuple(self._load(i, plant, flows) for i in self._graph.loads)
        status, reasons = self._headline(plant, groups, cases)
        worst = STATUS_WORDS[status]
        headline = "full: every group has its designed spare" if status == FULL else worst
        if status != FULL and reasons:
            headline = f"{worst}: {reasons[0]}"
        return RedundancyReport(
            status=status,
            headline=headline if self._graph.nodes else "there is no power graph to judge",
            reasons=reasons,
            groups=groups,
            loads=loads,
            single_failures=single_failures(self._graph, plant),
            cases=cases,
            unchecked=self._graph.unchecked,
            assumed=cases["as_is"].assumed,
            unknown=cases["as_is"].unknown,
        )

    def _headline(
        self, plant: Plant, groups: Sequence[GroupStatus], cases: Mapping[str, CaseResult]
    ) -> tuple[int, tuple[str, ...]]:
        """The worst part, and all reasons in the order of how bad they are."""
        found: list[tuple[int, str]] = []
        when = {"as_is": "now", "mains_lost": "with the mains lost"}
        for case, judged in cases.items():
            found += [
                (LOST, f"{load} is without supply {when[case]}") for load in judged.lost_loads
            ]
            found += [
                (LOST, f"{o.id} carries {o.load_kw:.0f} of {o.capacity_kw:.0f} kW {when[case]}")
                for o in judged.overloaded
            ]
        unprotected = _union(cases.values(), "unprotected_loads")
        found += [(AT_N, f"an outage of the mains would interrupt {load}") for load in unprotected]
        for group in groups:
            if group.status < FULL:
                why = "; ".join(group.reasons)
                found.append((group.status, f"{group.id} {STATUS_WORDS[group.status]}: {why}"))
        if not groups and not found:
            told = [c for c in plant.conditions if not c.unknown]
            return (FULL if told else UNKNOWN), ()
        watched = [c for c in plant.conditions if not c.assumed]
        if watched and all(c.unknown for c in watched):
            return UNKNOWN, ("nothing is known of the plant yet",)
        found.sort(key=lambda item: item[0])
        return (found[0][0] if found else FULL), tuple(reason for _, reason in found)

    def _load(self, i: int, plant: Plant, flows: list[Flow]) -> LoadStatus:
        node = self._graph.nodes[i]
        living = [
            min(sum(flow.energised[f] for f in self._graph.feeders[i]) for flow in flows),
            len(self._graph.feeders[i]),
        ]
        reasons = tuple(
            f"{self._graph.nodes[f].id} is dead"
            for f in self._graph.feeders[i]
            if not all(flow.energised[f] for flow in flows)
        )
        state: LoadState = "redundant" if living[0] > node.min_feeds else "at_n"
        if any(i in flow.unprotected for flow in flows):
            state = "unprotected"
            reasons = (*reasons, "no UPS on the way would carry it through an outage")
        if any(i in flow.lost for flow in flows):
            state = "lost"
        elif not plant.demands[i].known:
            state = "unknown"
            reasons = (*reasons, "its demand is not known")
        return LoadStatus(
            id=node.id,
            demand_kw=plant.demands[i].kw,
            feeds=living[1],
            energised_feeds=living[0],
            min_feeds=node.min_feeds,
            state=state,
            reasons=reasons,
        )

    def _on_battery(self, view: PointView) -> list[str]:
        """UPS nodes whose device says it is on battery."""
        found = []
        for node in self._graph.nodes:
            row = view.row.get(f"{node.device}/mode") if node.kind == "ups" else None
            if row is not None and view.value[row] == _ON_BATTERY:
                found.append(node.id)
        return found


def _feeding(graph: PowerGraph, flow: Flow) -> set[int]:
    """Sources that loads hang on, by the feeders in use."""
    stack = [f for i in graph.loads for f in graph.feeders[i] if flow.energised[f]]
    seen = set(stack)
    while stack:
        for f in flow.used[stack.pop()]:
            if f not in seen:
                seen.add(f)
                stack.append(f)
    return {i for i in seen if not graph.feeders[i]}


def _moved(before: Plant, after: Plant) -> bool:
    """Whether a plant has changed enough to be judged anew."""
    if list(before.conditions) != list(after.conditions):
        return True
    for i, demand in after.demands.items():
        old = before.demands.get(i)
        if old is None or old.known != demand.known:
            return True
        change = abs(demand.kw - old.kw)
        if change > DEMAND_MOVES_KW and change > DEMAND_MOVES_SHARE * old.kw:
            return True
    return False


def _union(results: Iterable[CaseResult], kind: str) -> tuple[str, ...]:
    """Ids of all cases, each once, in order."""
    found: dict[str, None] = {}
    for one in results:
        found |= dict.fromkeys(getattr(one, kind))
    return tuple(found)
