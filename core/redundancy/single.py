"""Single failures: what the loss of one more component would do, and where a plant has become
weaker than it was built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.redundancy.evaluate import CASES, CaseName
from core.redundancy.study import Effect, Effects, Study, worst
from core.snapshot import SingleFailure

Singles = Mapping[int, Effects]
"""By node number, what is wrong without that node."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """What one more failure would do now and would not do to the plant as designed.

    `loads` maps a load to the nodes whose loss would now lose it or leave it unprotected;
    `overloads` pairs a node with what its loss would overload. `strained` maps a load to such pairs
    by which its other feed, or the other source of a switch, could not take it over, as designed or
    not: what nobody can use is no redundancy. All ids.
    """

    loads: Mapping[str, tuple[str, ...]]
    overloads: tuple[tuple[str, str], ...]
    strained: Mapping[str, tuple[tuple[str, str], ...]]


def single_failures(*played: tuple[Study, Singles]) -> tuple[SingleFailure, ...]:
    """Components whose loss would newly lose, unprotect or overload something in either case, the
    worst first. Of several plants that all may be the real one, the worse of all."""
    study, _ = played[0]
    graph, found = study.graph, []
    for i in graph.written:
        harm = [_harm(here, singles[i]) for here, singles in played if i in singles]
        lost = unprotected = 0
        overloaded: set[int] = set()
        for more_lost, more_unprotected, more_overloaded in harm:
            lost |= more_lost
            unprotected |= more_unprotected
            overloaded |= more_overloaded
        if lost or unprotected or overloaded:
            found.append(
                SingleFailure(
                    out=graph.nodes[i].id,
                    lost_loads=study.loads_of(lost),
                    unprotected_loads=study.loads_of(unprotected & ~lost),
                    overloaded=graph.in_order(overloaded),
                )
            )
    found.sort(key=lambda f: (-len(f.lost_loads), -len(f.overloaded), -len(f.unprotected_loads)))
    return tuple(found)


def _harm(study: Study, effects: Effects) -> tuple[int, int, frozenset[int]]:
    """What is newly lost, unprotected and overloaded."""
    before, after = worst(study.effects), worst(effects)
    return (
        after.lost & ~before.lost,
        after.unprotected & ~before.hit,
        after.overloaded - before.overloaded,
    )


def weakness(
    study: Study, singles: Singles, designed: Singles, cases: Sequence[CaseName] = CASES
) -> Weakness:
    """What has become a single point of failure that was none as designed, at the same load."""
    graph = study.graph
    before = _of(study.effects, cases)
    points: dict[int, int] = {}
    overloads: list[tuple[str, str]] = []
    strained: dict[str, list[tuple[str, str]]] = {}
    for i in graph.written:
        if i not in singles:
            continue
        after, meant = _of(singles[i], cases), _of(designed[i], cases)
        points[i] = after.lost & ~before.lost & ~meant.lost
        points[i] |= after.unprotected & ~before.hit & ~meant.hit
        new = after.overloaded - before.overloaded - meant.overloaded
        overloads += [(graph.nodes[i].id, name) for name in graph.in_order(set(new))]
        for case in cases:
            if singles[i][case].overloaded - study.effects[case].overloaded:
                _strain(study, i, case, strained)
    weak = 0
    for mask in points.values():
        weak |= mask
    loads = {
        load: tuple(
            graph.nodes[i].id for i, mask in points.items() if mask & study.bit(graph.index[load])
        )
        for load in study.loads_of(weak)
    }
    return Weakness(loads, tuple(overloads), {k: tuple(v) for k, v in strained.items()})


def _strain(
    study: Study, i: int, case: CaseName, strained: dict[str, list[tuple[str, str]]]
) -> None:
    graph = study.graph
    for over, mask in study.strained(case, (i,)).items():
        pair = graph.nodes[i].id, graph.nodes[over].id
        for load in study.loads_of(mask):
            pairs = strained.setdefault(load, [])
            if pair not in pairs:
                pairs.append(pair)


def _of(effects: Effects, cases: Sequence[CaseName]) -> Effect:
    return worst({case: effects[case] for case in cases})
