"""What the loads take: measured, stated, or the peak of the last time.

Keeps the last whole measurement of each load, its peaks, and what it took before it lost its
supply; all of it over a restart as well, nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.contracts import Demand as When
from core.readings import Floats
from core.redundancy.condition import Demand
from core.redundancy.graph import PowerGraph
from core.redundancy.rows import Gathered
from core.site import Node

PEAKS: dict[str, tuple[float, int]] = {"peak_15m": (60.0, 15), "peak_30d": (86_400.0, 30)}
"""Length of a slot in seconds, and how many of them: peaks are kept per minute and per day. The
slot that runs is kept beside them, so a peak counts for up to a slot longer."""

COMES_BACK_S = 900.0
"""A load that was without supply has taken up all that it took before after so long. A choice: a
chiller restarts and ramps up within minutes; what runs hotter then draws more, not less."""

STATE_VERSION = 1


class Demands:
    """The demand of every load of a graph, in the order of `PowerGraph.loads`."""

    def __init__(self, graph: PowerGraph) -> None:
        self._loads: list[Node] = [graph.nodes[i] for i in graph.loads]
        self._whole: list[Demand | None] = [None] * len(self._loads)
        self._peaks = {name: _Peak(len(self._loads), *size) for name, size in PEAKS.items()}
        self._since: float | None = None
        self._cut: dict[int, tuple[float, float]] = {}
        """Loads without supply of late: what they took before (kW), and until when that counts."""

    def now(self, gathered: Gathered, now: float) -> tuple[Demand, ...]:
        """Measured where it can be, else the highest of 30 days, else what is stated; `now` in UTC
        seconds."""
        found = [_whole(node, gathered) for node in self._loads]
        if all(found):
            return tuple(demand for demand in found if demand)
        peaks = self._peaks["peak_30d"].highest(now).tolist()
        return tuple(
            demand or self._unmeasured(n, gathered, peaks[n]) for n, demand in enumerate(found)
        )

    def remember(self, demands: Sequence[Demand], now: float) -> None:
        """Take the demands of this moment into the peaks; `now` in UTC seconds."""
        self._since = now if self._since is None else self._since
        for n, demand in enumerate(demands):
            if demand.measured:
                self._whole[n] = demand
        # What is itself a peak of the past is none of today.
        kw = np.array([demand.kw if demand.measured else 0.0 for demand in demands])
        for peak in self._peaks.values():
            peak.add(kw, now)

    def cut(self, loads: Collection[int], now: float) -> bool:
        """These loads, by their place, have no supply now (UTC seconds): what they measure is not
        what they will take when it is back. Whether one of them had some before."""
        self._cut = {n: kept for n, kept in self._cut.items() if kept[1] > now}
        fresh = [n for n in loads if n not in self._cut]
        if fresh:
            before_kw = self._peaks["peak_15m"].highest(now)
            self._cut.update((n, (float(before_kw[n]), now)) for n in fresh)
        for n in loads:
            self._cut[n] = self._cut[n][0], now + COMES_BACK_S
        return bool(fresh)

    def returning(
        self, demands: Sequence[Demand], now: float
    ) -> tuple[tuple[Demand, ...], frozenset[int]]:
        """The demands of this moment, of loads without supply of late at least what they took
        before; and the places of those that take less yet."""
        less = frozenset(
            n for n, (kw, until) in self._cut.items() if until > now and demands[n].kw < kw
        )
        if not less:
            return tuple(demands), less
        found = list(demands)
        for n in less:
            found[n] = replace(demands[n], kw=self._cut[n][0])
        return tuple(found), less

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: peaks stay as old as they are."""
        self._cut = {n: (kw, until + by_s) for n, (kw, until) in self._cut.items()}
        self._since = None if self._since is None else self._since + by_s
        for peak in self._peaks.values():
            peak.stepped(by_s)

    def at(
        self, demands: Sequence[Demand], when: When, now: float
    ) -> tuple[tuple[Demand, ...], tuple[str, ...]]:
        """The demands of another moment than now, and what must be said about them."""
        if when == "now":
            return tuple(demands), ()
        if when == "design":
            return self._design(demands)
        peak = self._peaks[when]
        highest = peak.highest(now)
        notes: tuple[str, ...] = ()
        watched_s = 0.0 if self._since is None else now - self._since
        if watched_s < peak.length_s:
            notes = (f"{when} is the peak since start, {_span(watched_s)} ago",)
        raised = (
            # A peak is never below what flows now.
            replace(demand, kw=max(demand.kw, kw))
            for demand, kw in zip(demands, highest.tolist(), strict=True)
        )
        return tuple(raised), notes

    def state(self) -> dict[str, Any]:
        """What `restore` takes after a restart, in plain numbers and texts."""
        whole = [demand and [demand.kw, list(demand.shares)] for demand in self._whole]
        return {
            "version": STATE_VERSION,
            "since": self._since,
            "loads": [node.id for node in self._loads],
            "whole": whole,
            "cut": {self._loads[n].id: list(kept) for n, kept in self._cut.items()},
            "peaks": {name: peak.state() for name, peak in self._peaks.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`, loads by their ids; one of another version is left alone.
        Raises ValueError, TypeError or LookupError for what is none, and changes nothing then."""
        if state.get("version") != STATE_VERSION:
            return
        places = {name: n for n, name in enumerate(state["loads"])}
        whole, since = list(self._whole), state["since"]
        for n, node in enumerate(self._loads):
            kept = state["whole"][places[node.id]] if node.id in places else None
            if kept is not None:
                kw, shares = _power(kept[0]), tuple(_power(share) for share in kept[1])
                whole[n] = Demand(kw, shares if len(shares) == len(node.demand) else ())
        columns = [places.get(node.id) for node in self._loads]
        peaks = {
            name: _Peak(len(self._loads), *size).filled(state["peaks"][name], columns)
            for name, size in PEAKS.items()
        }
        places = {node.id: n for n, node in enumerate(self._loads)}
        cut = {
            places[name]: (_power(kw), float(until))
            for name, (kw, until) in state.get("cut", {}).items()
            if name in places
        }
        self._since = None if since is None else float(since)
        self._whole, self._peaks, self._cut = whole, peaks, cut

    def _design(self, demands: Sequence[Demand]) -> tuple[tuple[Demand, ...], tuple[str, ...]]:
        found, missing = [], []
        for node, demand in zip(self._loads, demands, strict=True):
            stated = node.demand_kw if node.demand_kw is not None else node.limit_kw
            if stated is None:
                missing.append(node.id)
                found.append(demand)
            else:
                found.append(Demand(stated, demand.shares))
        if not missing:
            return tuple(found), ()
        names = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        return tuple(found), (f"no demand_kw is stated for {names}: taken as it is now",)

    def _unmeasured(self, n: int, gathered: Gathered, peak_kw: float) -> Demand:
        node, last = self._loads[n], self._whole[n]
        there = sum(abs(w) for w in map(gathered.watts, node.demand) if w is not None) / 1000
        if last is not None:
            # A feed that is dead may have fallen silent, and the others carry its part already:
            # the highest sum counts, not the last value of that feed beside the present ones.
            return Demand(max(there, last.kw, peak_kw), last.shares, measured=False)
        if node.demand_kw is not None:
            return Demand(max(there, node.demand_kw, peak_kw), measured=False)
        return Demand(there, known=False, measured=False)


class _Peak:
    """Highest values over so many slots of time, per load; old slots are written over."""

    def __init__(self, loads: int, slot_s: float, slots: int) -> None:
        self._slot_s = slot_s
        self._kw: Floats = np.zeros((slots + 1, loads))
        self._slot: Floats = np.full(slots + 1, -np.inf)

    @property
    def length_s(self) -> float:
        return self._slot_s * (len(self._slot) - 1)

    def add(self, kw: Floats, now: float) -> None:
        slot = now // self._slot_s
        place = int(slot) % len(self._slot)
        if self._slot[place] != slot:
            self._slot[place] = slot
            self._kw[place] = 0.0
        np.maximum(self._kw[place], kw, out=self._kw[place])

    def stepped(self, by_s: float) -> None:
        """Move all slots with the clock, by whole ones: a peak may count for a slot longer, never
        shorter."""
        moved = math.ceil(by_s / self._slot_s)
        self._slot = np.roll(self._slot + moved, moved)
        self._kw = np.roll(self._kw, moved, axis=0)

    def state(self) -> list[list[float]]:
        """A slot a row: its number, and the highest value of each load in it."""
        used = [place for place, slot in enumerate(self._slot.tolist()) if slot > -np.inf]
        return [[float(self._slot[place]), *self._kw[place].round(3).tolist()] for place in used]

    def filled(self, rows: Sequence[Sequence[float]], columns: Sequence[int | None]) -> _Peak:
        """The same with slots of an earlier `state`; `columns` are the places of the loads in it.
        Raises ValueError, TypeError or LookupError for what is none."""
        for row in rows:
            kw = [0.0 if column is None else _power(row[1 + column]) for column in columns]
            self.add(np.array(kw, dtype=float), float(row[0]) * self._slot_s)
        return self

    def highest(self, now: float) -> Floats:
        recent = self._slot >= now // self._slot_s - (len(self._slot) - 1)
        highest: Floats = np.max(self._kw, axis=0, initial=0.0, where=recent[:, np.newaxis])
        return highest


def _whole(node: Node, gathered: Gathered) -> Demand | None:
    """The measured demand, None where a point of it is missing or nothing is measured."""
    if not node.demand:
        return Demand(node.demand_kw) if node.demand_kw is not None else None
    # A meter that was wired the wrong way round still measures what flows.
    kw = [abs(watts) / 1000 for watts in map(gathered.watts, node.demand) if watts is not None]
    if len(kw) < len(node.demand):
        return None
    return Demand(sum(kw), tuple(kw) if len(kw) > 1 else ())


def _power(kw: Any) -> float:
    """A power that was kept. Raises ValueError for what can be none."""
    value = float(kw)
    if not 0 <= value < math.inf:
        raise ValueError(f"{value} kW is no demand")
    return value


def _span(seconds: float) -> str:
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
