"""Single failures: what taking out one more component would do, in either case, unknown nodes at
their worst.

Each removal is a full evaluation of both cases: plain, and its own oracle. Where a plant is large
this is the part to make incremental (the affected cone only); it runs on a change of state, not on
every tick.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.redundancy.condition import OUT, Plant
from core.redundancy.evaluate import CASES, Flow, evaluate
from core.redundancy.graph import PowerGraph
from core.snapshot import SingleFailure


def single_failures(graph: PowerGraph, plant: Plant) -> tuple[SingleFailure, ...]:
    """Components whose loss would newly lose, unprotect or overload something, the worst first."""
    plant = plant.pessimistic()
    before = [evaluate(graph, plant, case) for case in CASES]
    found = [
        failure
        for i, node in enumerate(graph.nodes)
        if node.kind not in {"load", "pv"} and plant.conditions[i].in_service
        for failure in _played(graph, plant, i, before)
    ]
    return tuple(
        sorted(
            found,
            key=lambda f: (
                -len(f.lost_loads),
                -len(f.overloaded),
                -len(f.unprotected_loads),
                f.out,
            ),
        )
    )


def _played(graph: PowerGraph, plant: Plant, i: int, before: list[Flow]) -> Iterator[SingleFailure]:
    without = plant.with_conditions({i: OUT})
    after = [evaluate(graph, without, case) for case in CASES]
    lost, unprotected, overloaded = newly(graph, before, after)
    if lost or unprotected or overloaded:
        yield SingleFailure(graph.nodes[i].id, lost, unprotected, overloaded)


def newly(
    graph: PowerGraph, before: list[Flow], after: list[Flow]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Ids newly lost, newly unprotected and newly overloaded, over all cases."""

    def ids(kind: str) -> tuple[str, ...]:
        new: set[int] = set()
        for old_flow, new_flow in zip(before, after, strict=True):
            new |= set(getattr(new_flow, kind)) - set(getattr(old_flow, kind))
        return tuple(graph.nodes[i].id for i in sorted(new))

    lost = ids("lost")
    unprotected = tuple(name for name in ids("unprotected") if name not in lost)
    return lost, unprotected, ids("overloaded")
