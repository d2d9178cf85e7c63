"""Redundancy groups: how many members can still be lost, on the load the group would carry in its
worst case.

N+R groups are judged by capacities sorted (the largest are lost first); 2N, distributed and
catcher groups by playing the loss of each member through the graph, since their loads do not split
freely. Source: docs/redundancy.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.redundancy.condition import OUT, Condition, Plant
from core.redundancy.evaluate import CASES, TOLERANCE, CaseName, Flow, evaluate
from core.redundancy.graph import PowerGraph
from core.site import Group
from core.snapshot import GroupStatus

HEALTHY = Condition()

LOST, AT_N, DEGRADED, FULL, UNKNOWN = 0, 1, 2, 3, -1
STATUS_WORDS = {
    UNKNOWN: "unknown",
    LOST: "lost or overloaded",
    AT_N: "at N, no spare left",
    DEGRADED: "degraded",
    FULL: "full",
}


@dataclass(frozen=True, slots=True)
class _Load:
    """The largest load a group would carry, and in which case."""

    kw: float
    case: CaseName


def judge(graph: PowerGraph, plant: Plant, group: Group) -> GroupStatus:
    """The status of one group, unknown members counted as they are in `plant`."""
    members = [graph.index[name] for name in group.members]
    if all(plant.conditions[i].unknown for i in members):
        return unknown_group(group, ("nothing is known of any member",))
    load = _worst_load(graph, plant, members)
    if group.scheme == "N+R":
        return _by_capacity(graph, plant, group, members, load)
    return _by_playing(graph, plant, group, members, load)


def tolerated(capacities: Sequence[float], load_kw: float) -> int:
    """How many of the largest units can be lost; -1 where all together cannot carry the load.

    `cap(k)` is the sum without the k largest; the answer is the largest k with cap(k) >= load.
    """
    rest = sum(capacities)
    if not capacities or rest < load_kw * (1 - TOLERANCE):
        return -1
    lost = 0
    for capacity in sorted(capacities, reverse=True)[:-1]:  # the last one is never spare
        rest -= capacity
        if rest < load_kw * (1 - TOLERANCE):
            break
        lost += 1
    return lost


def _worst_load(graph: PowerGraph, plant: Plant, members: list[int]) -> _Load:
    """What the group would carry with all its members well, all else as it is: the larger of both
    cases."""
    well = plant.with_conditions({i: replace(HEALTHY, running=True) for i in members})
    loads = [
        _Load(sum(evaluate(graph, well, case).gives[i] for i in members), case) for case in CASES
    ]
    return max(loads, key=lambda load: load.kw)


def _available(plant: Plant, flow: Flow, members: list[int]) -> list[int]:
    """Members that count as capacity: alive, and not on bypass."""
    return [i for i in members if flow.energised[i] and not plant.conditions[i].on_bypass]


def _by_capacity(
    graph: PowerGraph, plant: Plant, group: Group, members: list[int], load: _Load
) -> GroupStatus:
    flow = evaluate(graph, plant, load.case)
    here = _available(plant, flow, members)
    capacities = [flow.carries[i] for i in here]
    spare = tolerated(capacities, load.kw)
    status = LOST if spare < 0 else FULL if spare >= group.design else DEGRADED if spare else AT_N
    ordered = sorted(capacities, reverse=True)
    designed = sum(ordered[group.design :])
    return _status(graph, plant, group, here, load, status=status, spare=spare, capacity=designed)


def _by_playing(
    graph: PowerGraph, plant: Plant, group: Group, members: list[int], load: _Load
) -> GroupStatus:
    flows = {case: evaluate(graph, plant, case) for case in CASES}
    here = _available(plant, flows[load.case], members)
    behind = {name for i in members for name in graph.loads_behind(i)}
    capacities = sorted((flows[load.case].carries[i] for i in here), reverse=True)
    designed = capacities[-1] if group.scheme == "2N" and len(here) > 1 else sum(capacities[1:])
    if not here or any(_harmed(graph, flow, members, behind) for flow in flows.values()):
        return _status(graph, plant, group, here, load, status=LOST, spare=-1, capacity=designed)
    bears = len(here) > 1 and all(
        not _harmed(graph, evaluate(graph, plant.with_conditions({i: OUT}), case), members, behind)
        for i in here
        for case in CASES
    )
    # The loss of more than one member is not played: such groups are built to bear one.
    spare = 1 if bears else 0
    status = FULL if spare >= min(group.design, 1) else AT_N
    return _status(graph, plant, group, here, load, status=status, spare=spare, capacity=designed)


def _harmed(graph: PowerGraph, flow: Flow, members: list[int], behind: set[str]) -> bool:
    """Whether the group's loads are lost, or anything of the group is overloaded."""
    if any(graph.nodes[i].id in behind for i in flow.lost):
        return True
    near = set(members) | {f for i in members for f in graph.feeders[i]}
    return any(i in near for i in flow.overloaded)


def _status(
    graph: PowerGraph,
    plant: Plant,
    group: Group,
    here: list[int],
    load: _Load,
    *,
    status: int,
    spare: int,
    capacity: float,
) -> GroupStatus:
    names = [graph.nodes[i].id for i in here]
    missing = [name for name in group.members if name not in names]
    return GroupStatus(
        id=group.id,
        scheme=group.scheme,
        status=status,
        spare=spare,
        design=group.design,
        load_kw=load.kw,
        capacity_kw=capacity,
        headroom_kw=capacity - load.kw,
        available=tuple(names),
        missing=tuple(missing),
        reasons=_reasons(graph, plant, missing, status, load),
        case=load.case,
    )


def _reasons(
    graph: PowerGraph, plant: Plant, missing: Sequence[str], status: int, load: _Load
) -> tuple[str, ...]:
    found = []
    for name in missing:
        why = plant.conditions[graph.index[name]].reasons
        found.append(f"{name}: {', '.join(why)}" if why else f"{name} has no supply")
    if not missing and status < FULL:
        what = "with the mains lost" if load.case == "mains_lost" else "now"
        found.append(f"a load of {load.kw:.0f} kW {what} leaves no spare")
    return tuple(found)


def unknown_group(group: Group, reasons: tuple[str, ...]) -> GroupStatus:
    """A group of which nothing is known."""
    return GroupStatus(
        id=group.id,
        scheme=group.scheme,
        status=UNKNOWN,
        spare=-1,
        design=group.design,
        load_kw=0.0,
        capacity_kw=0.0,
        headroom_kw=0.0,
        available=(),
        missing=group.members,
        reasons=reasons,
    )
