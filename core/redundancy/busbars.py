"""Buses with ties between them: which of them are one busbar now, and what crosses the ties.

Knows a lineup and the balance it stands in; the rules are those of docs/redundancy.md, "The graph".
A busbar is drawn through one of its ties, the first; what crosses each of them follows from what
every bus brings and takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from core.redundancy.graph import Lineup, PowerGraph, Role

if TYPE_CHECKING:
    from core.redundancy.evaluate import Balance


def joined(balance: Balance, lineup: Lineup) -> dict[int, list[int]]:
    """Ties that are closed and have supply, each with the buses of its busbar.

    First those that stand closed, or were closed for the bridge. Then those in auto close one by
    one, the first written that has supply on exactly one side: two sources are never paralleled by
    a tie that moves. Only feeders are looked at, never what ties or buses looked like before.
    """
    graph = balance.graph
    busbar = {bus: [bus] for bus in lineup.own}
    fed = {bus: _fed(balance, bus) for bus in lineup.own}
    closed: list[int] = []

    def close(tie: int) -> None:
        closed.append(tie)
        first, second = (busbar[bus] for bus in graph.sides[tie])
        if first is not second:
            powered = fed[first[0]] or fed[second[0]]
            first += second
            for bus in first:
                busbar[bus], fed[bus] = first, powered

    moving = []
    for place, tie in enumerate(lineup.ties):
        condition, node = balance.conditions[tie], graph.nodes[tie]
        if not balance.up[tie] or not all(_meets(balance, b, place) for b in graph.sides[tie]):
            continue
        by_itself = node.auto and condition.transfers
        if condition.closed(node) or (by_itself and balance.fixed.get(tie, -1) >= 0):
            close(tie)
        elif by_itself and tie not in balance.fixed:
            moving.append(tie)
    while moving:
        sides = ((tie, *graph.sides[tie]) for tie in moving)
        tie = next((tie for tie, one, other in sides if fed[one] != fed[other]), -1)
        if tie < 0:
            break
        close(tie)
        moving.remove(tie)
    return {tie: busbar[graph.sides[tie][0]] for tie in closed if fed[graph.sides[tie][0]]}


def _meets(balance: Balance, bus: int, place: int) -> bool:
    """Whether a tie reaches a bus: not one that is out, or sees no voltage through it."""
    position = len(balance.graph.nodes[bus].fed_by) + place
    return balance.up[bus] and position not in balance.conditions[bus].blocked


def _fed(balance: Balance, bus: int) -> bool:
    """Whether a bus has a live feeder of its own."""
    return balance.up[bus] and any(
        balance.live[feeder] and k not in balance.conditions[bus].blocked
        for k, feeder in enumerate(balance.graph.own(bus))
    )


def busbar_of(graph: PowerGraph, live: Sequence[bool], bus: int) -> dict[int, tuple[int, int]]:
    """The buses that are one with this one by live ties: each with the bus and the tie by which it
    was found, itself first with neither (-1)."""
    lineup = graph.lineup[bus]
    found = {bus: (-1, -1)}
    if lineup is None:
        return found
    queue = [bus]
    for here in queue:  # grows while it is walked
        for tie, other in lineup.beside[here]:
            if live[tie] and other not in found:
                found[other] = here, tie
                queue.append(other)
    return found


def positions(graph: PowerGraph, closed: Sequence[bool], i: int) -> Iterable[int]:
    """Positions of the feeders that may feed a node where some ties are closed: of a tie those of
    all buses that it makes one, of a bus its own ones and the ties that end at it."""
    lineup, feeders = graph.lineup[i], graph.feeders[i]
    if lineup is None:
        return range(len(feeders))
    if i in lineup.own:
        ends = {tie for tie, _ in lineup.beside[i]}
        count = len(lineup.own[i])
        return [k for k, f in enumerate(feeders) if k < count or f in ends]
    return [k for bus in busbar_of(graph, closed, graph.sides[i][0]) for k in lineup.own[bus]]


def drawn_through(graph: PowerGraph, live: Sequence[bool], bus: int) -> int:
    """The place, among the ties of its lineup, of the one that a bus draws through: the first of
    its busbar; -1 where it is joined to no other."""
    lineup = graph.lineup[bus]
    if lineup is None or not any(live[tie] for tie, _ in lineup.beside[bus]):
        return -1
    buses = busbar_of(graph, live, bus)
    return next(
        place for place, tie in enumerate(lineup.ties) if live[tie] and graph.sides[tie][0] in buses
    )


def parallel(balance: Balance, module: int) -> set[int]:
    """UPS modules that work on one busbar with this one, itself included."""
    graph = balance.graph
    found, queue = {module}, [module]
    for here in queue:  # grows while it is walked
        for child in graph.children[here]:
            if graph.role[child] is not Role.BUS:
                continue
            beside = (f for bus in busbar_of(graph, balance.live, child) for f in graph.own(bus))
            fresh = {f for f in beside if graph.role[f] is Role.UPS} - found
            found |= fresh
            queue += sorted(fresh)
    return found


class _Net(NamedTuple):
    """What buses bring to their busbar beyond what they take, in kW, and what may change it: the
    part of the busbar's power that they bring, and what recharges below them, of all that does.
    """

    kw: float
    share: float
    charge_kw: float
    charges_kw: float

    def plus(self, other: _Net) -> _Net:
        """Both together."""
        return _Net(
            self.kw + other.kw,
            self.share + other.share,
            self.charge_kw + other.charge_kw,
            self.charges_kw,
        )

    def rest(self, whole: _Net) -> _Net:
        """All others of a busbar."""
        return _Net(
            whole.kw - self.kw,
            whole.share - self.share,
            whole.charge_kw - self.charge_kw,
            self.charges_kw,
        )

    @property
    def most_kw(self) -> float:
        """Where none of theirs recharges, and all others do."""
        return self.kw + (1 - self.share) * self.charge_kw

    @property
    def least_kw(self) -> float:
        """Where all of theirs recharge, and no other does."""
        return self.kw - self.share * (self.charges_kw - self.charge_kw)


def carried(balance: Balance, lineup: Lineup) -> dict[int, float]:
    """What the capacities of a lineup are held against, in kW: of a tie what crosses it, of a bus
    what it gives or all that enters it, its feeders' and what comes through its ties.

    In a ring of closed ties nobody knows what each one takes: it is the most that any impedances
    could make of it. Nor does anybody know which batteries recharge, and what crosses is a
    difference: it is the most that any of them could make of it.
    """
    found = dict.fromkeys(lineup.ties, 0.0) | {bus: balance.gives[bus] for bus in lineup.own}
    done: set[int] = set()
    for bus in lineup.own:
        if bus in done:
            continue
        tree = busbar_of(balance.graph, balance.live, bus)
        done |= tree.keys()
        if len(tree) > 1:
            _cross(balance, lineup, tree, found)
    return found


def _cross(
    balance: Balance,
    lineup: Lineup,
    tree: Mapping[int, tuple[int, int]],
    found: dict[int, float],
) -> None:
    """What crosses the ties of one busbar, and what enters its buses, into `found`."""
    graph, live = balance.graph, balance.live
    ties = [tie for tie in lineup.ties if live[tie] and graph.sides[tie][0] in tree]
    brought, net = _nets(balance, lineup, tree, ties[0])
    whole = reduce(_Net.plus, net.values())
    surplus = {bus: max(each.most_kw, 0.0) for bus, each in net.items()}
    lack = {bus: min(each.least_kw, 0.0) for bus, each in net.items()}
    surplus_kw, lack_kw = sum(surplus.values()), sum(lack.values())
    below: dict[int, tuple[_Net, float]] = {}  # of a bus and all found behind it; their surplus
    for bus in reversed(list(tree)):
        behind = [below[other] for other, (before, _) in tree.items() if before == bus]
        below[bus] = (
            reduce(_Net.plus, (each for each, _ in behind), net[bus]),
            surplus[bus] + sum(kw for _, kw in behind),
        )
    rings = _in_rings(graph, tree, ties)
    for tie in ties:
        one, other = graph.sides[tie]
        if tie in rings:
            most = net[one].most_kw + surplus_kw - surplus[one] - surplus[other]
            least = net[one].least_kw + lack_kw - lack[one] - lack[other]
            found[tie] = max(abs(most), abs(least))
            continue
        side, _ = below[one if tree[one][1] == tie else other]
        found[tie] = max(side.most_kw, -side.least_kw)
    for bus in tree:
        comes, left, ringed = brought[bus], surplus_kw - surplus[bus], False
        for tie, other in lineup.beside[bus]:
            if not live[tie]:
                continue
            if tie in rings:
                ringed = True
                continue
            if tree[other][1] == tie:
                side, behind_kw = below[other]
            else:
                side, behind_kw = below[bus][0].rest(whole), surplus_kw - below[bus][1]
            comes += max(side.most_kw, 0.0)
            left -= behind_kw
        found[bus] = max(found[bus], comes + (left if ringed else 0.0))


def _nets(
    balance: Balance, lineup: Lineup, buses: Iterable[int], tie: int
) -> tuple[dict[int, float], dict[int, _Net]]:
    """What each bus brings, and what it has to spare; `tie` is what all of them draw through."""
    graph, draws = balance.graph, balance.draws
    shares, through = balance.shares(tie), draws[tie]
    charge = {
        bus: sum(kw for ups, kw in graph.charging[bus] if balance.recharges(ups)) for bus in buses
    }
    charges_kw = sum(charge.values())
    brought = {bus: sum(through[k] for k in lineup.own[bus]) for bus in buses}
    net = {
        bus: _Net(
            brought[bus] - sum(draws[bus]),
            graph.efficiency[tie] * sum(shares[k] for k in lineup.own[bus]),
            charge[bus],
            charges_kw,
        )
        for bus in buses
    }
    return brought, net


def _in_rings(
    graph: PowerGraph, tree: Mapping[int, tuple[int, int]], ties: Sequence[int]
) -> set[int]:
    """Ties without which their busbar would be one all the same."""
    rings: set[int] = set()
    in_tree = {tie for _, tie in tree.values()}
    ways: dict[int, list[int]] = {}
    for tie in ties:
        if tie in in_tree:
            continue
        rings.add(tie)
        for bus in graph.sides[tie]:
            if bus not in ways:
                ways[bus] = _way_back(tree, bus)
        one, other = (ways[bus] for bus in graph.sides[tie])
        rings.update(set(one).symmetric_difference(other))
    return rings


def _way_back(tree: Mapping[int, tuple[int, int]], bus: int) -> list[int]:
    """The ties from a bus to the first of its busbar."""
    way = []
    while tree[bus][1] >= 0:
        bus, tie = tree[bus]
        way.append(tie)
    return way
