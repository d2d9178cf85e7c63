"""What the loads take, seen over time: now, the peaks of 15 minutes and 30 days, and the design
value."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from core.contracts import Demand as When
from core.redundancy.condition import Demand, Plant
from core.redundancy.graph import PowerGraph

SLOT_S = {"peak_15m": 30.0, "peak_30d": 6 * 3600.0}
LENGTH_S = {"peak_15m": 900.0, "peak_30d": 30 * 86400.0}


class _Peaks:
    """Largest demand of each load, in slots of some length, as far back as the window reaches."""

    def __init__(self, slot_s: float, length_s: float) -> None:
        self._slot_s = slot_s
        self._slots: deque[tuple[float, dict[int, float]]] = deque(
            maxlen=round(length_s / slot_s) + 1
        )

    def add(self, demands: Mapping[int, Demand], now: float) -> None:
        start = now // self._slot_s * self._slot_s
        if not self._slots or self._slots[-1][0] < start:
            self._slots.append((start, {}))
        peaks = self._slots[-1][1]
        for i, demand in demands.items():
            if demand.known and demand.kw > peaks.get(i, -1.0):
                peaks[i] = demand.kw

    def of(self, i: int) -> float | None:
        # A copy: questions are answered in a thread while the loop goes on adding.
        slots = tuple(self._slots)
        return max((peaks[i] for _, peaks in slots if i in peaks), default=None)


class DemandHistory:
    """Remembers peaks since the start; what lies before the start is not known, and answers say
    so."""

    def __init__(self, graph: PowerGraph) -> None:
        self._graph = graph
        self._peaks = {name: _Peaks(SLOT_S[name], LENGTH_S[name]) for name in SLOT_S}
        self._since: float | None = None

    def add(self, plant: Plant, now: float) -> None:
        """Take the demands of this moment."""
        self._since = now if self._since is None else self._since
        for peaks in self._peaks.values():
            peaks.add(plant.demands, now)

    def apply(self, plant: Plant, when: When, now: float) -> tuple[Plant, tuple[str, ...]]:
        """The plant with another demand, and what must be said about it."""
        if when == "now":
            return plant, ()
        demands = dict(plant.demands)
        notes: list[str] = []
        for i, demand in plant.demands.items():
            kw = self._graph.nodes[i].demand_kw if when == "design" else self._peaks[when].of(i)
            if kw is None:
                notes.append(
                    f"{self._graph.nodes[i].id} has no {when} demand: its present one is taken"
                )
                continue
            # A peak is never taken below what flows now.
            kw = kw if when == "design" else max(kw, demand.kw)
            demands[i] = Demand(kw, demand.shares)
        if when != "design" and self._since is not None:
            hours = (now - self._since) / 3600
            if now - self._since < LENGTH_S[when]:
                notes.append(f"{when}: Kasbah has watched for {hours:.1f} h only")
        return Plant(plant.conditions, demands), tuple(notes)
