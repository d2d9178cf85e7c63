"""One plant, one case: what is energised, what flows, what is lost, unprotected or overloaded.

Plain and full: two passes over the graph, sources to loads for what is alive, loads to sources for
what flows. It is the meaning of the verdict; anything faster must equal it. Semantics:
docs/redundancy.md, after the rules of the site's power graph. Max-flow is not the model: a load
does not split as no switch would split it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from core.redundancy.condition import Plant
from core.redundancy.graph import PowerGraph
from core.snapshot import CaseResult, Overload

CaseName = Literal["as_is", "mains_lost"]
CASES: Final[tuple[CaseName, ...]] = ("as_is", "mains_lost")

TOLERANCE: Final = 1e-9
RECHARGE_SHARE: Final = 0.1
"""A UPS recharging after an outage takes this share of its capacity, where the site file says
nothing."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The plant in one case, by node number. `gives` in kW; `used` holds the feeders in use."""

    energised: list[bool]
    protected: list[bool]
    gives: list[float]
    carries: list[float]
    used: list[tuple[int, ...]]
    lost: tuple[int, ...]
    unprotected: tuple[int, ...]
    overloaded: tuple[int, ...]


def evaluate(graph: PowerGraph, plant: Plant, case: CaseName) -> Flow:
    """Judge a plant in one case."""
    alive, used, bypassed = _energised(graph, plant, case)
    able = _able(graph, alive, used)
    gives = _flows(graph, plant, case, alive, used, able)
    protected = _protected(graph, plant, alive, used, gives, able, bypassed)
    lost, unprotected = [], []
    for i in graph.loads:
        feeds = [f for f in graph.feeders[i] if alive[f]]
        need = graph.nodes[i].min_feeds
        if len(feeds) < need:
            lost.append(i)
        elif sum(protected[f] for f in feeds) < need:
            unprotected.append(i)
    limits = graph.limit_kw
    overloaded = [
        i
        for i, limit in enumerate(limits)
        if limit is not None
        and graph.nodes[i].kind != "load"
        and gives[i] > limit * (1 + TOLERANCE)
    ]
    return Flow(
        alive, protected, gives, able, used, tuple(lost), tuple(unprotected), tuple(overloaded)
    )


def _energised(
    graph: PowerGraph, plant: Plant, case: CaseName
) -> tuple[list[bool], list[tuple[int, ...]], list[bool]]:
    """Alive or not, the feeders in use, and whether a UPS hangs on its bypass supply; sources
    first."""
    count = len(graph)
    alive = [False] * count
    bypassed = [False] * count
    used: list[tuple[int, ...]] = [()] * count
    conditions = plant.conditions
    for i, node in enumerate(graph.nodes):
        condition = conditions[i]
        if not condition.in_service or node.kind == "pv":
            continue
        if node.kind == "utility":
            alive[i] = condition.source and case == "as_is"
        elif node.kind == "genset":
            alive[i] = condition.source
        else:
            feeders = [f for f in graph.feeders[i] if alive[f]]
            if node.kind in {"ats", "sts"}:
                feeders = _switched(graph, plant, i, feeders)
            elif node.kind == "ups":
                feeders, bypassed[i] = _ups_supply(graph, plant, i, feeders, alive)
            used[i] = tuple(feeders)
            alive[i] = bool(feeders)
    return alive, used, bypassed


def _switched(graph: PowerGraph, plant: Plant, i: int, feeders: list[int]) -> list[int]:
    """The one feeder of a transfer switch: that in use if it is alive, else (in auto) the first
    alive one."""
    condition = plant.conditions[i]
    order = graph.feeders[i]
    if 0 <= condition.selected < len(order) and order[condition.selected] in feeders:
        return [order[condition.selected]]
    if condition.selected >= 0 and not condition.transfers:
        return []
    if not condition.transfers and condition.selected < 0:
        # Where it stands is not known and it does not move: only what stands on every source is
        # sure.
        return feeders[:1] if len(feeders) == len(order) else []
    return feeders[:1]


def _ups_supply(
    graph: PowerGraph, plant: Plant, i: int, feeders: list[int], alive: list[bool]
) -> tuple[list[int], bool]:
    bypass = graph.bypass[i]
    if plant.conditions[i].on_bypass:
        through = bypass if bypass >= 0 else (graph.feeders[i][0] if graph.feeders[i] else -1)
        return ([through], True) if through >= 0 and alive[through] else ([], True)
    if feeders:
        return feeders[:1], False
    if bypass >= 0 and alive[bypass]:
        return [bypass], True
    return [], False


def _able(graph: PowerGraph, alive: list[bool], used: list[tuple[int, ...]]) -> list[float]:
    """What each node could carry, in kW: its limit, or what the feeders in use could."""
    able = [0.0] * len(graph)
    for i, limit in enumerate(graph.limit_kw):
        if not alive[i]:
            continue
        if limit is not None:
            able[i] = limit
        elif used[i]:
            able[i] = sum(able[f] for f in used[i])
        else:
            able[i] = float("inf")  # a source without a stated limit
    return able


def _flows(
    graph: PowerGraph,
    plant: Plant,
    case: CaseName,
    alive: list[bool],
    used: list[tuple[int, ...]],
    able: list[float],
) -> list[float]:
    """What each node gives, in kW, from the loads up to the sources."""
    gives = [0.0] * len(graph)
    for i in range(len(graph) - 1, -1, -1):
        node = graph.nodes[i]
        if node.kind == "load":
            _draw(graph, plant, i, alive, gives)
            continue
        if not alive[i] or not used[i]:
            continue
        takes = gives[i]
        if node.kind != "ups" or not plant.conditions[i].on_bypass:
            takes /= node.efficiency
        if node.kind == "ups" and case == "mains_lost" and used[i] == graph.feeders[i][:1]:
            limit = graph.limit_kw[i] or 0.0
            takes += RECHARGE_SHARE * limit if node.recharge_kw is None else node.recharge_kw
        _share(takes, used[i], able, gives)
    return gives


def _draw(graph: PowerGraph, plant: Plant, i: int, alive: list[bool], gives: list[float]) -> None:
    """A load takes its demand from its living feeds: equal shares, or measured ones, survivors all
    of it."""
    demand = plant.demands[i]
    feeders = graph.feeders[i]
    living = [k for k, f in enumerate(feeders) if alive[f]]
    if len(living) < graph.nodes[i].min_feeds:
        return
    weights = [demand.shares[k] if demand.shares else 1.0 for k in living]
    total = sum(weights)
    if total <= 0:
        weights, total = [1.0] * len(living), float(len(living))
    gives[i] = demand.kw
    for k, weight in zip(living, weights, strict=True):
        gives[feeders[k]] += demand.kw * weight / total


def _share(takes: float, feeders: tuple[int, ...], able: list[float], gives: list[float]) -> None:
    """Feeders share in proportion to what they can carry; one alone gives all."""
    if len(feeders) == 1:
        gives[feeders[0]] += takes
        return
    total = sum(able[f] for f in feeders)
    if total <= 0 or total == float("inf"):
        for f in feeders:
            gives[f] += takes / len(feeders)
        return
    for f in feeders:
        gives[f] += takes * able[f] / total


def _protected(
    graph: PowerGraph,
    plant: Plant,
    alive: list[bool],
    used: list[tuple[int, ...]],
    gives: list[float],
    able: list[float],
    bypassed: list[bool],
) -> list[bool]:
    """Whether each node would stay alive through an outage of the mains, without an
    interruption."""
    protected = [False] * len(graph)
    for i, node in enumerate(graph.nodes):
        if not alive[i]:
            continue
        condition = plant.conditions[i]
        if node.kind == "genset":
            protected[i] = condition.running
        elif node.kind == "ups":
            held = used[i] and protected[used[i][0]]
            protected[i] = bool((condition.protects and not bypassed[i]) or held)
        elif node.kind == "sts" and condition.transfers:
            protected[i] = any(alive[f] and protected[f] for f in graph.feeders[i])
        elif used[i]:
            # Several feeders in parallel: those that stay must be able to carry all of it.
            staying = [f for f in used[i] if protected[f]]
            carried = sum(able[f] for f in staying)
            takes = gives[i] / node.efficiency
            protected[i] = bool(staying) and carried >= takes * (1 - TOLERANCE)
    return protected


def result(graph: PowerGraph, plant: Plant, flow: Flow) -> CaseResult:
    """A case as it is published: ids instead of numbers."""
    name = [node.id for node in graph.nodes]
    return CaseResult(
        lost_loads=tuple(name[i] for i in flow.lost),
        unprotected_loads=tuple(name[i] for i in flow.unprotected),
        overloaded=tuple(
            Overload(name[i], flow.gives[i], graph.limit_kw[i] or 0.0, graph.loads_behind(i))
            for i in flow.overloaded
        ),
        unchecked=graph.unchecked,
        assumed=tuple(name[i] for i, c in enumerate(plant.conditions) if c.assumed),
        unknown=tuple(name[i] for i, c in enumerate(plant.conditions) if c.unknown),
    )
