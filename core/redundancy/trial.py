"""A change tried on a balance and taken back: only what changes is visited.

From the changed nodes down, in topological order, whoever sees a feeder come or go looks again;
then from those up, in reverse order, differences of power are carried to the feeders. The result
equals a full `Balance` of the changed plant. All writes are kept in a journal, so that taking the
change back costs what it cost. (Measured: docs/redundancy.md, "Cost".)
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, Final

from core.redundancy.evaluate import Balance
from core.redundancy.graph import Role

NEGLIGIBLE_KW = 1e-9
"""Differences below this are the rounding of sums, not power."""

_NONE: Final = frozenset[int]()


class Trial:
    """Nodes switched in a balance. Use it, read the balance, then `undo`.

    `looked` are nodes that look different than before (live or not, another feeder); `moved` those
    that give another power.
    """

    def __init__(self, balance: Balance) -> None:
        self._balance = balance
        self._journal: list[tuple[Any, int, Any]] = []  # a list or a dict, and what stood there
        self.looked: set[int] = set()
        self.moved: set[int] = set()

    def switch(
        self,
        *,
        down: Iterable[int] = (),
        forced: Iterable[tuple[int, bool]] = (),
        fixed: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Take nodes down, force nodes to be live or no longer, fix switches elsewhere, and let the
        graph settle."""
        balance, seeds = self._balance, list[int]()
        for i in down:
            if balance.up[i]:
                self._write(balance.up, i, new=False)
                seeds += self._beside(i)
        for i, new in forced:
            if balance.forced[i] != new:
                self._write(balance.forced, i, new=new)
                self._write(balance.up, i, new=new or balance.conditions[i].in_service)
                seeds.append(i)
        for i, position in fixed:
            if balance.fixed[i] != position:
                self._write(balance.fixed, i, new=position)
                seeds += self._beside(i)
        if seeds:
            self._carry(self._settle(seeds))

    def undo(self) -> None:
        """Put the balance back as it was."""
        for values, i, old in reversed(self._journal):
            values[i] = old
        self._journal.clear()
        self.looked.clear()
        self.moved.clear()

    def _write(self, values: Any, i: int, *, new: Any) -> None:
        self._journal.append((values, i, values[i]))
        values[i] = new

    def _beside(self, i: int) -> tuple[int, ...]:
        """A node, and of a bus or a tie all ties that may see it."""
        lineup = self._balance.graph.lineup[i]
        return (i,) if lineup is None else (i, *lineup.ties)

    def _settle(self, seeds: list[int]) -> list[int]:
        """Look again from the seeds down; nodes that may now take their power otherwise."""
        balance, graph = self._balance, self._balance.graph
        queued = set(seeds)
        heap = sorted(queued)
        modules: set[int] = set()
        while heap:
            i = heappop(heap)
            look, old = balance.look(i), balance.looks[i]
            if graph.role[i] is Role.UPS:
                modules.update(graph.peers[i])
            elif graph.role[i] is Role.TIE:
                for f in graph.feeders[i]:
                    if graph.role[f] is Role.UPS:
                        modules.update(graph.peers[f])
            if look == old:
                continue
            self._write(balance.looks, i, new=look)
            self._show(i, look.live, look.pick, look.bypassed)
            if look.able_kw != old.able_kw:
                self._write(balance.able_kw, i, new=look.able_kw)
            if look.live != old.live or look.able_kw != old.able_kw:
                for child in graph.children[i]:
                    if child not in queued:
                        queued.add(child)
                        heappush(heap, child)
        for i in modules:
            pick, bypassed = balance.together(i)
            self._show(i, balance.live[i], pick, bypassed)
        return [*queued, *(modules - queued)]

    def _show(self, i: int, live: bool, pick: int, bypassed: bool) -> None:  # noqa: FBT001 - one row of the balance
        balance = self._balance
        if balance.live[i] != live:
            self._write(balance.live, i, new=live)
            self.looked.add(i)
        if balance.pick[i] != pick:
            self._write(balance.pick, i, new=pick)
            self.looked.add(i)
        if balance.bypassed[i] != bypassed:
            self._write(balance.bypassed, i, new=bypassed)
            self.looked.add(i)

    def _carry(self, nodes: list[int]) -> None:
        """Split again from these nodes up, wherever something changes."""
        balance, journal, moved = self._balance, self._journal, self.moved
        feeders, draws, gives = balance.graph.feeders, balance.draws, balance.gives
        lineups, charges = balance.graph.lineup, balance.graph.charges
        queued = set(nodes)
        heap = sorted(-i for i in queued)
        while heap:
            i = -heappop(heap)
            if (lineup := lineups[i]) is not None:
                moved.update(lineup.ties, lineup.own)  # what crosses, what enters each bus
            new, old = balance.split(i), draws[i]
            if new == old:
                continue
            moved |= charges.get(i, _NONE)
            journal.append((draws, i, old))
            draws[i] = new
            for feeder, kw, was in zip(feeders[i], new, old, strict=True):
                if kw == was:
                    continue
                before = gives[feeder]
                after = before + (kw - was)
                journal.append((gives, feeder, before))
                gives[feeder] = after if abs(after) > NEGLIGIBLE_KW else 0.0
                moved.add(feeder)
                if feeder not in queued:
                    queued.add(feeder)
                    heappush(heap, -feeder)
