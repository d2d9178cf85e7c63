"""The power graph, compiled once: nodes in topological order, neighbours as numbers.

Owns the shape and the ratings of the plant. Knows neither devices nor states, and computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from heapq import heappop, heappush

from core.errors import InvariantError
from core.redundancy.checks import lineups_of, problems
from core.site import Group, Node

__all__ = ["PowerGraph", "Role", "compile_graph", "problems"]

RECHARGE_SHARE = 0.10
"""What a UPS takes to recharge after an outage, as part of its capacity, where the site file says
nothing (docs/redundancy.md)."""


class Role(IntEnum):
    """How a node takes its power."""

    SOURCE = 0  # utility, genset: from outside
    BUS = 1  # from all feeders, in proportion to their capacity
    SWITCH = 2  # ats, sts: wholly from one feeder
    UPS = 3  # from its input, or from its bypass
    PASS = 4  # transformer, pdu, panel: from its one feeder
    LOAD = 5  # from its feeds, in shares
    NONE = 6  # pv: never firm, counts for nothing
    TIE = 7  # closed it is the one busbar of its buses: from the feeders of all


_ROLES = {
    "utility": Role.SOURCE,
    "genset": Role.SOURCE,
    "bus": Role.BUS,
    "ats": Role.SWITCH,
    "sts": Role.SWITCH,
    "ups": Role.UPS,
    "load": Role.LOAD,
    "pv": Role.NONE,
    "tie": Role.TIE,
}


@dataclass(frozen=True, slots=True)
class Lineup:
    """Buses with ties between them. `own` are, for each bus, the positions of what feeds it among
    the feeders of every tie; `beside` are its ties, each with the bus on the other side. Ties are
    in the order written."""

    ties: tuple[int, ...]
    own: Mapping[int, range]
    beside: Mapping[int, tuple[tuple[int, int], ...]]


@dataclass(frozen=True, slots=True)
class PowerGraph:
    """Nodes by number, each after all that feed it. Lists are by node number, power in kW.

    `feeders[i]` is in the order of `fed_by`; the bypass supply of a UPS, where it has one of its
    own, comes last, and `bypass[i]` is its position (0: through the input). `limit[i]` is infinite
    where nothing is stated. `peers[i]` are the UPS modules that would work on one busbar with a
    node if every tie were closed, the node itself included.
    `lineup[i]` is the lineup of a bus with ties, and of a tie; `sides` are the two buses of a tie.
    A tie is fed by all that feeds its lineup, and all ties of it feed each bus, last of its
    feeders: which of them a bus draws through depends on what is closed (`busbars`).
    `charging` are, for each bus with ties, the UPSs that could recharge through it, with what would
    be drawn there, in kW; `charges` are, by UPS, the ties and buses of all such lineups.
    `written` and `loads` are node numbers in the order of the site file; `unchecked` are the ids of
    nodes that state no capacity and so can never be overloaded.
    """

    nodes: tuple[Node, ...]
    index: Mapping[str, int]
    role: tuple[Role, ...]
    feeders: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    bypass: tuple[int, ...]
    limit: tuple[float, ...]
    efficiency: tuple[float, ...]
    recharge_kw: tuple[float, ...]
    peers: tuple[tuple[int, ...], ...]
    lineup: tuple[Lineup | None, ...]
    sides: Mapping[int, tuple[int, int]]
    charging: Mapping[int, tuple[tuple[int, float], ...]]
    charges: Mapping[int, frozenset[int]]
    written: tuple[int, ...]
    loads: tuple[int, ...]
    unchecked: tuple[str, ...]
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return len(self.nodes)

    def own(self, bus: int) -> tuple[int, ...]:
        """Feeders of a node as written, without ties and bypass."""
        return self.feeders[bus][: len(self.nodes[bus].fed_by)]

    def ids(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """Ids of some nodes, in the order given."""
        return tuple(self.nodes[i].id for i in numbers)

    def in_order(self, numbers: set[int]) -> tuple[str, ...]:
        """Ids of a set of nodes, in the order of the site file."""
        return tuple(self.nodes[i].id for i in self.written if i in numbers) if numbers else ()

    def ties_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of some ids that are ties."""
        return tuple(name for name in names if self.index[name] in self.sides)


def compile_graph(nodes: Sequence[Node], groups: Sequence[Group] = ()) -> PowerGraph:
    """The graph of nodes that `problems` finds nothing wrong with.

    Raises InvariantError for a feeder or a member that does not exist, and for a loop.
    """
    lineups = lineups_of(nodes)
    feeding = _feeding(nodes, lineups)
    ordered = _ordered(nodes, feeding)
    index = {node.id: i for i, node in enumerate(ordered)}
    unknown = {name for group in groups for name in group.members if name not in index}
    if unknown:
        raise InvariantError(f"power graph: unknown group members {sorted(unknown)}")
    feeders = tuple(tuple(index[name] for name in feeding[node.id]) for node in ordered)
    children: list[dict[int, None]] = [{} for _ in ordered]
    for i, above in enumerate(feeders):
        for feeder in above:
            children[feeder][i] = None
    role = tuple(_ROLES.get(node.kind, Role.PASS) for node in ordered)
    limit = tuple(math.inf if node.limit_kw is None else node.limit_kw for node in ordered)
    written = tuple(index[node.id] for node in nodes)
    efficiency = tuple(node.efficiency for node in ordered)
    recharge_kw = tuple(_recharge(node) for node in ordered)
    lineup = _lineups(ordered, index, lineups)
    charging = {
        bus: tuple(_charging(bus, children, efficiency, recharge_kw))
        for bus, here in enumerate(lineup)
        if here is not None and bus in here.own
    }
    return PowerGraph(
        nodes=tuple(ordered),
        index=index,
        role=role,
        feeders=feeders,
        children=tuple(tuple(below) for below in children),
        bypass=tuple(len(node.fed_by) if node.bypass_fed_by else 0 for node in ordered),
        limit=limit,
        efficiency=efficiency,
        recharge_kw=recharge_kw,
        peers=_peers(role, feeders),
        lineup=lineup,
        sides={
            index[node.id]: (index[node.between[0]], index[node.between[1]])
            for node in nodes
            if node.kind == "tie"
        },
        charging=charging,
        charges=_charges(charging, lineup),
        written=written,
        loads=tuple(i for i in written if role[i] is Role.LOAD),
        unchecked=tuple(
            node.id for node in nodes if node.limit_kw is None and node.kind not in ("load", "pv")
        ),
        groups=tuple(groups),
    )


def _feeding(
    nodes: Sequence[Node], lineups: Sequence[tuple[Sequence[Node], Sequence[Node]]]
) -> dict[str, tuple[str, ...]]:
    """Feeders by id: as written, then the bypass supply of a UPS or the ties of a bus."""
    found = {
        node.id: (*node.fed_by, node.bypass_fed_by) if node.bypass_fed_by else node.fed_by
        for node in nodes
    }
    for ties, buses in lineups:
        above = tuple(feeder for bus in buses for feeder in bus.fed_by)
        found |= {tie.id: above for tie in ties}
        found |= {bus.id: (*bus.fed_by, *(tie.id for tie in ties)) for bus in buses}
    return found


def _lineups(
    ordered: Sequence[Node],
    index: Mapping[str, int],
    lineups: Sequence[tuple[Sequence[Node], Sequence[Node]]],
) -> tuple[Lineup | None, ...]:
    found: list[Lineup | None] = [None] * len(ordered)
    for ties, buses in lineups:
        own, first = {}, 0
        beside: dict[int, list[tuple[int, int]]] = {}
        for bus in buses:
            own[index[bus.id]] = range(first, first := first + len(bus.fed_by))
        for tie in ties:
            one, other = (index[name] for name in tie.between)
            beside.setdefault(one, []).append((index[tie.id], other))
            beside.setdefault(other, []).append((index[tie.id], one))
        lineup = Lineup(
            tuple(index[tie.id] for tie in ties),
            own,
            {bus: tuple(pairs) for bus, pairs in beside.items()},
        )
        for node in (*ties, *buses):
            found[index[node.id]] = lineup
    return tuple(found)


def _charging(
    bus: int,
    children: Sequence[Iterable[int]],
    efficiency: Sequence[float],
    recharge_kw: Sequence[float],
) -> Iterator[tuple[int, float]]:
    """UPSs below a bus, each with what it draws there to recharge, at most."""
    drawn = {bus: 1 / efficiency[bus]}  # for each kW that a node gives
    queue, seen = [bus], {bus}
    while queue:
        i = heappop(queue)  # whatever feeds it was looked at before
        for child in children[i]:
            drawn[child] = max(drawn.get(child, 0.0), drawn[i] / efficiency[child])
            if child not in seen:
                seen.add(child)
                heappush(queue, child)
        if recharge_kw[i] > 0 and i != bus:
            yield i, recharge_kw[i] * drawn[i] * efficiency[i]


def _charges(
    charging: Mapping[int, Iterable[tuple[int, float]]], lineups: Sequence[Lineup | None]
) -> dict[int, frozenset[int]]:
    found: dict[int, frozenset[int]] = {}
    for bus, upses in charging.items():
        lineup = lineups[bus]
        members = frozenset((*lineup.ties, *lineup.own)) if lineup else frozenset[int]()
        for ups, _ in upses:
            found[ups] = found.get(ups, frozenset()) | members
    return found


def _recharge(node: Node) -> float:
    if node.kind != "ups":
        return 0.0
    if node.recharge_kw is not None:
        return node.recharge_kw
    return RECHARGE_SHARE * (node.limit_kw or 0.0)


def _ordered(nodes: Sequence[Node], feeding: Mapping[str, tuple[str, ...]]) -> list[Node]:
    """Every node after its feeders; among equals in the order written (Kahn's algorithm)."""
    by_id = {node.id: node for node in nodes}
    missing = {name: set(feeders) for name, feeders in feeding.items()}
    unknown = {name for names in missing.values() for name in names if name not in by_id}
    if unknown or len(by_id) < len(nodes):
        raise InvariantError(f"power graph: unknown feeders {sorted(unknown)} or ids used twice")
    below: dict[str, list[str]] = {name: [] for name in by_id}
    for name, names in missing.items():
        for feeder in names:
            below[feeder].append(name)
    ready = [node.id for node in nodes if not missing[node.id]]
    ordered = []
    for name in ready:  # grows while it is walked
        ordered.append(by_id[name])
        for child in below[name]:
            missing[child].discard(name)
            if not missing[child]:
                ready.append(child)
    if len(ordered) < len(nodes):
        raise InvariantError("power graph: there is a loop")
    return ordered


def _peers(role: Sequence[Role], feeders: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """UPS modules that feed one bus or one lineup. A module on two of them joins them."""
    sets: dict[int, set[int]] = {}
    for i, above in enumerate(feeders):
        joins = role[i] in (Role.BUS, Role.TIE)
        modules = {f for f in above if role[f] is Role.UPS} if joins else set()
        if not modules:
            continue
        joined = set(modules)
        for module in modules:
            joined |= sets.get(module, set())
        for module in joined:
            sets[module] = joined
    return tuple(tuple(sorted(sets.get(i, {i}))) for i in range(len(role)))
