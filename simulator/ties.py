"""Ties between buses: which are closed, when they move by themselves, and what crosses them.

A tie in auto closes a while after exactly one of its sides has lost its supply, and opens again
once both have one of their own; between two sources it never closes. Knows buses by name and what
stands on them; power finds its way between them as if all ties were alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.redundancy.checks import lineups_of
from core.site import Node
from simulator import timing


@dataclass(slots=True)
class BusTie:
    """One tie, between the buses of its node."""

    node: Node
    closed: bool = False
    moved: bool = False
    """Closed by itself, and to be opened again."""
    one_dead_s: float = 0.0
    both_live_s: float = 0.0

    def __post_init__(self) -> None:
        self.closed = self.node.normally == "closed"

    def step(self, dt: float, sides: Sequence[bool], *, stuck: bool) -> None:
        """One step; `sides` says whether either bus has supply without this tie."""
        live = sum(sides)
        self.one_dead_s = self.one_dead_s + dt if live == 1 else 0.0
        self.both_live_s = self.both_live_s + dt if live > 1 else 0.0
        if not self.node.auto or stuck:
            return
        if not self.closed and self.one_dead_s >= timing.TIE_CONFIRM_S:
            self.closed = self.moved = True
        elif self.moved and self.both_live_s >= timing.TIE_RETURN_S:
            self.closed = self.moved = False


class Ties:
    """All ties of a plant."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.by_name = {node.id: BusTie(node) for node in nodes if node.kind == "tie"}
        self.lineups = [
            ([self.by_name[tie.id] for tie in ties], [bus.id for bus in buses])
            for ties, buses in lineups_of(nodes)
        ]
        self._beside: dict[str, list[BusTie]] = {}
        for ties, _ in self.lineups:
            for tie in ties:
                for bus in tie.node.between:
                    self._beside.setdefault(bus, []).append(tie)

    def step(
        self, first: str, dt: float, own: Callable[[str], bool], stuck: Callable[[str], bool]
    ) -> None:
        """Let the ties of one lineup move, one after the other; `first` is the first of them, `own`
        tells whether a bus has a live feeder of its own."""
        for ties, _ in self.lineups:
            if ties[0].node.id == first:
                for tie in ties:
                    sides = [any(map(own, self.busbar(b, tie))) for b in tie.node.between]
                    tie.step(dt, sides, stuck=stuck(tie.node.id))

    def busbar(self, bus: str, without: BusTie | None = None) -> list[str]:
        """The buses that are one with this one, itself first; perhaps without one of the ties."""
        found = [bus]
        for here in found:  # grows while it is walked
            for tie in self._beside.get(here, ()):
                if tie.closed and tie is not without:
                    found += [other for other in tie.node.between if other not in found]
        return found

    def crossing(self, buses: Collection[str], net_w: Mapping[str, float]) -> dict[str, float]:
        """What crosses each closed tie of a busbar, in W, where every bus has so much to spare or
        lacks it: Kirchhoff's laws, all ties of one impedance."""
        place = {bus: n for n, bus in enumerate(buses)}
        ties = [tie for tie in self.by_name.values() if tie.closed and tie.node.between[0] in place]
        ends = [tuple(place[bus] for bus in tie.node.between) for tie in ties]
        siemens = np.zeros((len(place), len(place)))
        for one, other in ends:
            siemens[[one, other], [one, other]] += 1.0
            siemens[[one, other], [other, one]] -= 1.0
        volts = np.linalg.lstsq(siemens, np.array([net_w[bus] for bus in place]), rcond=None)[0]
        return {
            tie.node.id: abs(float(volts[one] - volts[other]))
            for tie, (one, other) in zip(ties, ends, strict=True)
        }
