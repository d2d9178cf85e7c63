"""The answer to a what-if question: one word, and the reasons for it.

`unsafe`: something is lost, overloaded or newly unprotected. `reduced`: nothing of that, but a
group or a load is left without redundancy that it was built with. `unknown`: it depends on what is
not known. A plant is judged twice, at the worst and at the best of what is unknown; where both are
safe from harm the worse one answers, where they differ nobody can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from core.redundancy.condition import Demand, Plant, worst_of
from core.redundancy.evaluate import CaseName
from core.redundancy.graph import PowerGraph, Role
from core.redundancy.groups import AT_N, LOST, UNKNOWN
from core.redundancy.single import Weakness
from core.redundancy.study import Study
from core.redundancy.words import WHEN, eco_words, limit_words, names
from core.snapshot import GroupStatus, Verdict

_ALL_MIXTURES_OF = 5
_PAIRS_OF = 20
"""Up to so many unknown nodes, every mixture of them in and out is tried, or every pair out."""

_MORE = 1e-6
"""A battery carries more than before beyond this part of it: less is rounding."""

_SAID_MAX = 5
"""At most so many sentences of a kind."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What cannot be judged at all: devices outside the graph, loads of unknown demand, zones of
    unknown heat, and ties that may be open or closed (ids)."""

    outside: tuple[str, ...]
    demands: tuple[str, ...]
    zones: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        said = [
            f"{name} is not in the power graph: what its removal does cannot be judged"
            for name in self.outside
        ]
        said += [f"the demand of {name} is not known" for name in self.demands]
        said += [f"whether {name} is closed is not known" for name in self.ties]
        said += [f"the heat of {name} is not known" for name in self.zones]
        return tuple(said)


def harm(before: Study, after: Study, cases: Sequence[CaseName]) -> list[str]:
    """What is lost, overloaded or newly unprotected, in words; empty where nothing is."""
    graph, said = after.graph, []
    for case in cases:
        lost = after.loads_of(after.effects[case].lost)
        said += _sentence(lost, "lost", case)
    for case in cases:
        for i in graph.written:
            if i in after.effects[case].overloaded:
                balance, node = after.balances[case], graph.nodes[i]
                limit = limit_words(node, balance.limit[i])
                said.append(f"{node.id} carries {balance.carries(i):.0f} of {limit} {WHEN[case]}")
    for case in cases:
        newly = after.effects[case].unprotected & ~before.effects[case].hit
        said += _sentence(after.loads_of(newly), "unprotected against an outage", case)
    return said


def mixed_harm(
    before: Study,
    after: Study,
    at_worst: Study,
    unknown: Sequence[int],
    cases: Sequence[CaseName],
) -> list[str]:
    """Harm that shows only when some of what is unknown is bad and some is not, in words.

    `before` and `after` are studies at the best, `at_worst` is the one after at the worst. All
    mixtures are tried of a few unknown nodes; of many, those of one or two bad, and of all but one.
    """
    conditions = after.plant.conditions
    batteries = {i for i in unknown if conditions[i].battery_unknown}
    transfers = {i for i in unknown if conditions[i].transfer_unknown}
    partly = batteries | transfers
    doubted = transfers | batteries & _guarding_what_may_be_bared(before, at_worst, cases)
    weakened: dict[frozenset[int], tuple[Study, Study]] = {frozenset(): (before, after)}
    for bad in _mixtures([i for i in unknown if i not in partly or i in doubted]):
        out, weak = [i for i in bad if i not in partly], frozenset(partly.intersection(bad))
        if weak not in weakened:
            weakened[weak] = _with_doubts(before, weak), _with_doubts(after, weak)
        then, now = weakened[weak]
        meant, found = then.effects_of(out), now.effects_of(out)
        lost = unprotected = 0
        over: set[int] = set()
        for case in cases:
            lost |= found[case].lost
            unprotected |= found[case].unprotected & ~meant[case].hit
            over |= found[case].overloaded
        if lost or unprotected or over:
            harmed = (*after.loads_of(lost | unprotected), *after.graph.in_order(over))
            bad_words = [
                *after.graph.ids(out),
                *(f"the battery of {name}" for name in after.graph.in_order(batteries & weak)),
                *(f"the transfer of {name}" for name in after.graph.in_order(transfers & weak)),
            ]
            return [f"if only {names(bad_words)} were out: {names(harmed)}"]
    return []


def taxed_harm(
    before: Study, after: Study, unknown: Sequence[int], cases: Sequence[CaseName]
) -> list[str]:
    """Harm by batteries that nobody tells of and that would have to carry more than now, in words:
    they may bear the one and not the other. Studies at the best; such batteries are tried one by
    one and all together.
    """
    graph, conditions = after.graph, after.plant.conditions
    taxed = [
        i
        for i in unknown
        if graph.role[i] is Role.UPS and after.bridged_kw(i) > before.bridged_kw(i) * (1 + _MORE)
    ]
    tried = [(i,) for i in taxed]
    for weak in tried if len(taxed) < 2 else (*tried, tuple(taxed)):
        found = after.study_of({i: replace(conditions[i], protects=False) for i in weak}).effects
        bare = 0
        for case in cases:
            bare |= found[case].unprotected & ~before.effects[case].hit
        if bare:
            bears = (
                f"if the battery of {names(graph.ids(weak))} bears what it carries now and no more"
            )
            return [f"{bears}: {names(after.loads_of(bare))}"]
    return []


def _guarding_what_may_be_bared(
    before: Study, at_worst: Study, cases: Sequence[CaseName]
) -> set[int]:
    """All nodes on the ways to loads that may become unprotected. What is lost or overloaded does
    not depend on batteries."""
    bared = 0
    for case in cases:
        bared |= at_worst.effects[case].unprotected & ~before.effects[case].hit
    graph = before.graph
    stack = [i for i in graph.loads if bared & before.bit(i)]
    seen: set[int] = set()
    while stack:
        fresh = set(graph.feeders[stack.pop()]) - seen
        seen |= fresh
        stack += fresh
    return seen


def _with_doubts(study: Study, doubted: Collection[int]) -> Study:
    """With the batteries and transfers that are not known useless."""
    conditions = study.plant.conditions
    changes = {i: worst_of(conditions[i]) for i in doubted}
    return Study(study.graph, study.plant.changed(changes), study.start_s)


def _mixtures(unknown: Sequence[int]) -> Iterator[tuple[int, ...]]:
    count = len(unknown)
    sizes = range(1, count) if count <= _ALL_MIXTURES_OF else (1, 2) if count <= _PAIRS_OF else (1,)
    for size in sizes:
        yield from combinations(unknown, size)
    if count > _ALL_MIXTURES_OF:
        for kept in unknown:
            yield tuple(i for i in unknown if i != kept)


def reduction(
    after: Study, groups: Sequence[GroupStatus], weak: Weakness, cases: Sequence[CaseName]
) -> list[str]:
    """What is left without the redundancy it was built with, or has no protection as before, in
    words."""
    said = [
        f"{group.id}: no spare left" + "".join(f": {reason}" for reason in group.reasons[:1])
        for group in groups
        if group.status in (UNKNOWN, LOST, AT_N)
    ]
    bare = 0
    for case in cases:
        bare |= after.effects[case].unprotected
    if bare:
        said.append(f"an outage of the mains would interrupt {names(after.loads_of(bare))}")
    by_points: dict[tuple[str, ...], list[str]] = {}
    for load, points in weak.loads.items():
        by_points.setdefault(points, []).append(load)
    said += [
        f"{names(loads)} would be lost or interrupted by the failure of "
        f"{'' if len(points) == 1 else 'any of '}{names(points)}"
        for points, loads in list(by_points.items())[:_SAID_MAX]
    ]
    by_strain: dict[tuple[str, str], list[str]] = {}
    for load, pairs in weak.strained.items():
        by_strain.setdefault(pairs[0], []).append(load)
    said += [
        f"{names(loads)} would overload {over} after the loss of {lost}"
        for (lost, over), loads in list(by_strain.items())[:_SAID_MAX]
    ]
    said += [
        f"the loss of {node} would now overload {over}" for node, over in weak.overloads[:_SAID_MAX]
    ]
    in_eco = after.in_eco()
    return [*said, eco_words(in_eco)] if in_eco else said


def eco_doubts(best: Study) -> list[str]:
    """What is said of UPSs that do not tell whether they are in eco mode, of a study at the best.
    A UPS in eco mode is never safe where the policy says `reduced`."""
    graph, conditions = best.graph, best.plant.conditions
    silent = [i for i in graph.written if graph.role[i] is Role.UPS and conditions[i].unknown]
    verb = "is" if len(silent) == 1 else "are"
    return [f"whether {names(graph.ids(silent))} {verb} in eco mode is not known"] if silent else []


def decide(
    worst_harm: Sequence[str], best_harm: Sequence[str], doubt: Doubt, reduced: Sequence[str]
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its reasons."""
    if worst_harm and best_harm:
        return "unsafe", (*worst_harm, *doubt.reasons)
    if worst_harm or best_harm:
        return "unknown", (*map(_perhaps, worst_harm or best_harm), *doubt.reasons)
    if doubt.reasons:
        return "unknown", (*doubt.reasons, *reduced)
    return ("reduced", tuple(reduced)) if reduced else ("safe", ())


def _perhaps(words: str) -> str:
    """What depends on what is not known; `if only ...` says so itself."""
    return words if words.startswith("if ") else f"perhaps {words}"


def unknown_words(plant: Plant, study: Study) -> list[str]:
    """Nodes that are not known, and why; loads that are not measured, and what they count."""
    graph = study.graph
    taken: dict[str, float] = {
        graph.nodes[i].id: demand.kw
        for i, demand in zip(graph.loads, plant.demands, strict=True)
        if demand.known and not demand.measured
    }
    unmeasured = [
        f"{name} is not measured now: taken as {kw:.0f} kW"
        for name, kw in list(taken.items())[:_SAID_MAX]
    ]
    return unmeasured + [
        f"{graph.nodes[i].id} {plant.conditions[i].reasons[-1]}"
        for i in graph.written
        if plant.conditions[i].doubtful and plant.conditions[i].reasons
    ]


def _sentence(loads: Sequence[str], what: str, case: CaseName) -> list[str]:
    if not loads:
        return []
    verb = "is" if len(loads) == 1 else "are"
    return [f"{names(loads)} {verb} {what} {WHEN[case]}"]


def untold(graph: PowerGraph, nodes: Sequence[str], demands: Sequence[Demand]) -> tuple[str, ...]:
    """Nodes that are not known, and loads that are not measured as they should be, as ids."""
    loads = {i for i, d in zip(graph.loads, demands, strict=True) if not d.measured}
    return graph.in_order({graph.index[name] for name in nodes} | loads)
