"""Where the loads' power comes from at this moment: not what could feed them, but what does.

Devices are asked one after the other. When generators have shed their load and the switch was last
seen on them, nothing seems to feed; a UPS that answers and says it runs on its input proves then
that the switch has moved to a source that lives. Without such a proof the loss stands.
"""

from __future__ import annotations

from collections.abc import Collection

from core.redundancy.busbars import positions
from core.redundancy.condition import Plant
from core.redundancy.graph import PowerGraph, Role
from core.redundancy.watch import Seen
from core.snapshot import Supply

_MAINS, _GENERATOR, _BATTERY = 1, 2, 4
_WORDS: dict[int, Supply] = {
    0: "none",
    _MAINS: "mains",
    _GENERATOR: "generator",
    _BATTERY: "battery",
}


def supply_of(graph: PowerGraph, seen: Seen) -> Supply:
    """The mode of supply of the site; `unknown` where nothing is seen to feed the loads and
    something unknown may."""
    if not graph.loads:
        return "unknown"
    for idle in (False, True):  # a generator without a device may run, if nothing else feeds
        feeding = 0
        for kinds in _fed_now(graph, seen, assumed_run=idle):
            feeding |= kinds
        if feeding:
            return _WORDS.get(feeding, "mixed")
    return "unknown" if any(_feeding(graph, seen.best, assumed_run=True)) else "none"


def sources_away(graph: PowerGraph, seen: Seen) -> tuple[str, ...]:
    """What is not as it should be of the sources and of the switches behind them, utilities first:
    why the site is not on mains."""
    kinds = ("utility", "genset", "ats", "sts")
    places = sorted(
        (kinds.index(graph.nodes[i].kind), n, i)
        for n, i in enumerate(graph.written)
        if graph.nodes[i].kind in kinds
    )
    return tuple(
        f"{graph.nodes[i].id} {reason}"
        for _, _, i in places
        for reason in seen.live.conditions[i].reasons[:1]
    )


def supplies_of(graph: PowerGraph, seen: Seen) -> tuple[Supply, ...]:
    """The same for each load, in the order of `PowerGraph.loads`. `mixed` is one that draws from
    sources of two kinds."""
    runs = _fed_now(graph, seen, assumed_run=False)
    if all(runs):
        return tuple(_WORDS.get(kinds, "mixed") for kinds in runs)
    may_run = _fed_now(graph, seen, assumed_run=True)
    at_best = _feeding(graph, seen.best, assumed_run=True)
    found: list[Supply] = []
    for now, perhaps, best in zip(runs, may_run, at_best, strict=True):
        kinds = now or perhaps
        found.append(_WORDS.get(kinds, "mixed") if kinds or not best else "unknown")
    return tuple(found)


def _fed_now(graph: PowerGraph, seen: Seen, *, assumed_run: bool) -> list[int]:
    """Kinds of source that reach each load, as bits, as the live verdict sees the plant."""
    kinds = _kinds(graph, seen.live, assumed_run=assumed_run)
    moved = _moved(graph, seen, kinds)
    if moved:
        kinds = _kinds(graph, seen.live, assumed_run=assumed_run, moved=moved)
    return [kinds[load] for load in graph.loads]


def _moved(graph: PowerGraph, seen: Seen, kinds: list[int]) -> set[int]:
    """Switches that must have moved since they were asked: a UPS behind them runs on its input,
    and what they were on gives nothing. Only a UPS that answers is believed (`Seen.worst`)."""
    moved: set[int] = set()
    above = [
        graph.feeders[i][0]
        for i, condition in enumerate(seen.worst.conditions)
        if graph.role[i] is Role.UPS
        and graph.feeders[i]
        and condition.in_service
        and not (condition.on_battery or condition.on_bypass or condition.assumed)
        and not kinds[graph.feeders[i][0]]
    ]
    while above:
        i = above.pop()
        condition = seen.live.conditions[i]
        if graph.role[i] in (Role.SOURCE, Role.UPS) or i in moved or not condition.in_service:
            continue
        if graph.role[i] is Role.SWITCH and condition.transfers:
            moved.add(i)
        above += graph.feeders[i]
    return moved


def _feeding(graph: PowerGraph, plant: Plant, *, assumed_run: bool) -> list[int]:
    """Kinds of source that reach each load, as bits."""
    kinds = _kinds(graph, plant, assumed_run=assumed_run)
    return [kinds[load] for load in graph.loads]


def _kinds(
    graph: PowerGraph, plant: Plant, *, assumed_run: bool, moved: Collection[int] = ()
) -> list[int]:
    """Kinds of source that reach each node, as bits; `moved` switches are on what lives."""
    kinds, conditions = [0] * len(graph), plant.conditions
    closed = [False] * len(graph)
    for tie, buses in graph.sides.items():
        joins = conditions[tie].closed(graph.nodes[tie])
        closed[tie] = joins and all(conditions[bus].in_service for bus in buses)
    for i, condition in enumerate(conditions):
        role, node = graph.role[i], graph.nodes[i]
        if not condition.in_service or (role is Role.TIE and not closed[i]):
            continue
        if role is Role.SOURCE:
            # Where something is proven to feed, it may be one that was asked before it took load.
            idles = condition.assumed or (condition.running and bool(moved))
            runs = condition.carrying or (assumed_run and idles)
            kinds[i] = _MAINS if node.kind == "utility" else _GENERATOR if runs else 0
            continue
        dead = condition.blocked | condition.absent
        fed = [0 if k in dead else kinds[f] for k, f in enumerate(graph.feeders[i])]
        if role is Role.UPS:
            through = graph.bypass[i] if condition.on_bypass else 0
            kinds[i] = _BATTERY if condition.on_battery else fed[through]
        elif role is Role.SWITCH:
            in_use = condition.selected
            known = 0 <= in_use < len(fed) and i not in moved
            kinds[i] = fed[in_use] if known else next((kind for kind in fed if kind), 0)
        else:
            for k in positions(graph, closed, i):
                kinds[i] |= fed[k]
    return kinds
