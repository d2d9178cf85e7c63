"""The quick answer to most removals: only load is shed, and whoever takes it over can bear it.

Most components of a plant hang in one chain: what they feed dies with them, loads on two feeds move
to the other one, and no switch, bypass or bus looks any different. Then nothing has to be played
through. Who dies is followed down; what moves is followed up just as far as needed to see that
every node above has room for it, and what the other side gives less is not even counted. Where any
of this does not hold the answer is None, and `trial` plays the removal.

Exact where it answers: tests hold it against the full evaluation on random graphs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from math import inf

from core.redundancy.evaluate import Balance
from core.redundancy.graph import Role

Shares = tuple[tuple[int, float], ...]


class Shed:
    """Removals from one balance, which must stand as it was when this was made.

    `able_kw` is what each node may give before it counts as overloaded. `strained` are nodes that
    give more than that already: whatever would relieve them is not answered here.
    """

    def __init__(
        self, balance: Balance, able_kw: Sequence[float], strained: Iterable[int] = ()
    ) -> None:
        self._balance = balance
        count = len(balance.graph)
        self._shares: list[Shares] = [self._drawn(i) for i in range(count)]
        self._room_kw = [able_kw[i] - kw for i, kw in enumerate(balance.carried())]
        """What each node can give beside what it gives ..."""
        self._swing_kw = self._swings()
        self._chain_kw = list(self._room_kw)
        """... and with it all nodes that feed it."""
        self._relieves = [False] * count
        """Draws through a node that is strained, or could."""
        overloaded = set(strained)
        for i in range(count):
            above = balance.graph.feeders[i]
            lineup = balance.graph.lineup[i]
            alike = (i,) if lineup is None else (*lineup.ties, *lineup.own)
            strains = not overloaded.isdisjoint(alike)
            self._relieves[i] = strains or any(self._relieves[f] for f in above)
            for feeder, share in self._shares[i]:
                self._chain_kw[i] = min(self._chain_kw[i], self._chain_kw[feeder] / share)

    def _drawn(self, i: int) -> Shares:
        """Feeders that a node draws from, with what it draws for each kW that it gives."""
        balance = self._balance
        if not balance.live[i] or balance.graph.role[i] is Role.LOAD:
            return ()
        feeders = balance.graph.feeders[i]
        return tuple((f, s) for f, s in zip(feeders, balance.shares(i), strict=True) if s > 0)

    def _swings(self) -> list[float] | None:
        """By how much, in kW, what a node gives may change, up or down, so that no tie or bus of a
        busbar that it draws through can come to carry too much; None where no tie is closed.

        What crosses a tie is no sum: it may grow where less is drawn. But no kW that is drawn
        otherwise changes what any tie or bus of the busbar carries by more than a kW.
        """
        graph, live, room_kw = self._balance.graph, self._balance.live, self._room_kw
        closed = [tie for tie in graph.sides if live[tie]]
        if not closed:
            return None
        swings = [inf] * len(graph)
        for tie in closed:
            lineup = graph.lineup[tie]
            places = (*lineup.ties, *lineup.own) if lineup else ()
            swings[tie] = graph.efficiency[tie] * min(room_kw[i] for i in places)
        for tie in closed:
            room_kw[tie] = inf
        for i, shares in enumerate(self._shares):
            for feeder, share in shares:
                swings[i] = min(swings[i], swings[feeder] / share)
        return swings

    def dead(self, out: Iterable[int]) -> set[int] | None:
        """Nodes that newly die with some taken out, these included; None where that is not all
        that happens."""
        balance = self._balance
        live, forced = balance.live, balance.forced
        children, role = balance.graph.children, balance.graph.role
        taken = {i for i in out if live[i]}
        if any(balance.graph.lineup[i] is not None for i in taken):
            return None
        found: set[int] = set()
        loads: set[int] = set()
        queue = sorted(taken)
        while queue:
            i = heappop(queue)  # whatever feeds it was decided upon before
            if i in found:
                continue
            if i not in taken:
                dies = self._dies(i, found)
                if dies is None:
                    return None
                if not dies:
                    continue
            if balance.bypassed[i] or self._relieves[i]:
                return None  # its peers would leave the bypass, or somebody would be relieved
            found.add(i)
            for child in children[i]:
                if role[child] is Role.LOAD:
                    loads.add(child)
                elif live[child] and not forced[child]:
                    heappush(queue, child)
                elif balance.graph.nodes[child].auto:
                    return None  # a tie would close
        swung = list(self._ceasing(found)) if self._swing_kw else []
        return found if not (loads or swung) or self._moves(loads, found, swung) else None

    def _ceasing(self, dead: Iterable[int]) -> Iterator[tuple[int, float]]:
        """What loads and batteries among the dead take no longer, with the node that gave it."""
        balance = self._balance
        graph, mains_lost = balance.graph, balance.case == "mains_lost"
        for i in dead:
            if graph.role[i] is Role.LOAD:
                yield from zip(graph.feeders[i], balance.draws[i], strict=True)
            elif graph.role[i] is Role.UPS and mains_lost and balance.pick[i] >= 0:
                yield graph.feeders[i][balance.pick[i]], graph.recharge_kw[i]
            for child in graph.children[i] if mains_lost else ():
                if graph.role[child] is Role.UPS and not balance.live[child]:
                    yield i, sum(balance.draws[child])

    def _dies(self, i: int, dead: set[int]) -> bool | None:
        """Whether a node dies that has a dead feeder; None where it would look for another one, or
        share its load otherwise."""
        balance = self._balance
        feeders, pick = balance.graph.feeders[i], balance.pick[i]
        if pick >= 0 and feeders[pick] not in dead:
            return False
        if len(feeders) > 1:
            blocked = balance.conditions[i].blocked
            for k, f in enumerate(feeders):
                if balance.live[f] and f not in dead and k not in blocked:
                    return None
        return True

    def _moves(self, loads: set[int], dead: set[int], swung: list[tuple[int, float]]) -> bool:
        """Let these loads draw from the feeds that they are left with, or die; whether every node
        above can bear it. `swung` is what changes beside, by the node that gives it."""
        balance, graph, relieves = self._balance, self._balance.graph, self._relieves
        live, draws = balance.live, balance.draws
        more: dict[int, float] = {}
        for i in loads:
            if not live[i]:
                continue
            if relieves[i]:
                return False
            feeders, blocked = graph.feeders[i], balance.conditions[i].blocked
            fed = [
                k for k, f in enumerate(feeders) if live[f] and f not in dead and k not in blocked
            ]
            if len(fed) < graph.nodes[i].min_feeds:
                dead.add(i)
                fed = []
            now = balance.split_load(i, dead) if len(fed) > 1 else ()
            for k in fed:
                kw = (now[k] if now else balance.demand[i].kw) - draws[i][k]
                if kw > 0:
                    more[feeders[k]] = more.get(feeders[k], 0.0) + kw
            if self._swing_kw:
                swung += ((f, kw) for f, kw in zip(feeders, draws[i], strict=True) if kw > 0)
        swung += more.items()
        return self._swing(swung) and (not more or self._bears(more))

    def _swing(self, swung: Iterable[tuple[int, float]]) -> bool:
        """Whether all that changes together is within what each node may change."""
        swings = self._swing_kw
        if not swings:
            return True
        swung = list(swung)
        least_kw = min((swings[i] for i, _ in swung), default=inf)
        return least_kw == inf or sum(kw for _, kw in swung) <= least_kw

    def _bears(self, more: dict[int, float]) -> bool:
        """Whether nodes can give so much more, and all that feed them."""
        queue = [-i for i in more]
        heapify(queue)
        while queue:
            i = -heappop(queue)
            kw = more[i]
            if kw <= self._chain_kw[i] and not queue:
                return True
            if not kw <= self._room_kw[i]:
                return False
            if self._chain_kw[i] == inf:
                continue
            for feeder, share in self._shares[i]:
                if feeder in more:
                    more[feeder] += kw * share
                else:
                    more[feeder] = kw * share
                    heappush(queue, -feeder)
        return True
