"""What the verdict costs: one evaluation, and every single failure, on plants of three sizes.

`python -m benchmarks.redundancy`. Both cases and the bridge between them. Medians of the rounds in
wall time; the ratio to numpy's sum of one number a node, in the same run, is what can be compared.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from core.redundancy.condition import HEALTHY, Demand, Plant
from core.redundancy.graph import compile_graph
from core.redundancy.study import Study
from core.site import Node

MODULES = 4
RACKS_PER_ROW = 20


def plant_nodes(halls: int, rows: int, *, racks: bool) -> list[Node]:
    """A 2N plant: per hall two UPS systems behind transfer switches, rows on two boards, and a
    generator bus for all."""
    return [*_sources(halls), *(node for h in range(halls) for node in _hall(h, rows, racks=racks))]


def _sources(halls: int) -> Iterator[Node]:
    gensets = tuple(f"gen-{n}" for n in range(halls + 2))
    yield Node("utility-a", "utility", capacity_kw=4000.0 * halls)
    yield Node("utility-b", "utility", capacity_kw=4000.0 * halls)
    for name in gensets:
        yield Node(name, "genset", capacity_kw=2500.0)
    yield Node("gen-bus", "bus", gensets)


def _hall(h: int, rows: int, *, racks: bool) -> Iterator[Node]:
    for side in "ab":
        path = f"h{h}-{side}"
        yield Node(f"{path}-tr", "transformer", (f"utility-{side}",), 3000.0, efficiency=0.985)
        yield Node(f"{path}-ats", "ats", (f"{path}-tr", "gen-bus"), 3000.0)
        modules = tuple(f"{path}-ups-{m}" for m in range(MODULES))
        for name in modules:
            yield Node(name, "ups", (f"{path}-ats",), 600.0, efficiency=0.95)
        yield Node(f"{path}-ups", "bus", modules)
        for row in range(rows):
            yield Node(f"{path}-pdu-{row}", "pdu", (f"{path}-ups",), 300.0)
    for row in range(rows):
        feeds = (f"h{h}-a-pdu-{row}", f"h{h}-b-pdu-{row}")
        if not racks:
            yield Node(f"h{h}-row-{row}", "load", feeds, demand_kw=1500.0 / rows)
            continue
        for rack in range(RACKS_PER_ROW):
            name = f"h{h}-r{row}-{rack}"
            for side, feed in zip("ab", feeds, strict=True):
                yield Node(f"{name}{side}", "panel", (feed,), 22.0)
            kw = 1500.0 / rows / RACKS_PER_ROW
            yield Node(name, "load", (f"{name}a", f"{name}b"), demand_kw=kw)


SIZES: dict[str, tuple[int, int, bool]] = {
    "176 nodes": (2, 25, False),
    "4,900 nodes": (8, 9, True),
    "50,000 nodes": (40, 20, True),
}


SINGLES_S_MAX = {"4,900 nodes": 0.2, "50,000 nodes": 2.0}
"""How long all single failures may take."""


def run(rounds: int = 5) -> dict[str, Any]:
    """Seconds by size: one study, and all single failures."""
    plants = {
        name: plant_nodes(halls, rows, racks=racks) for name, (halls, rows, racks) in SIZES.items()
    }
    halls, rows, racks = SIZES["4,900 nodes"]
    plants["4,900 nodes with closed ties"] = [
        *plant_nodes(halls, rows, racks=racks),
        *(_tie(f"tie-{h}", f"h{h}-a-ups", f"h{h}-b-ups") for h in range(halls)),
    ]
    return {name: _measured(rounds, nodes) for name, nodes in plants.items()}


def _tie(name: str, one: str, other: str) -> Node:
    return Node(name, "tie", between=(one, other), normally="closed")


def _measured(rounds: int, nodes: Sequence[Node]) -> dict[str, Any]:
    graph = compile_graph(nodes)
    demands = tuple(Demand(graph.nodes[i].demand_kw or 0.0) for i in graph.loads)
    plant = Plant((HEALTHY,) * len(graph), demands)
    study = Study(graph, plant)
    gives = np.array(study.balances["as_is"].gives)
    plain_s = _median(100 * rounds, gives.sum)
    singles_s = _median(rounds, study.singles)
    return {
        "nodes": len(graph),
        "loads": len(graph.loads),
        "study_s": _median(rounds, lambda: Study(graph, plant)),
        "singles_s": singles_s,
        "plain_sum_s": plain_s,
        "times_plain_sum": singles_s / plain_s,
    }


def _median(rounds: int, job: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        start = perf_counter()
        job()
        times.append(perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    for label, found in run().items():
        print(
            f"{label}: {found['nodes']} nodes, {found['loads']} loads, "
            f"one evaluation {found['study_s'] * 1e3:.1f} ms, "
            f"all single failures {found['singles_s'] * 1e3:.0f} ms, "
            f"{found['times_plain_sum']:,.0f} times numpy's sum"
        )
