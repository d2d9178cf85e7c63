"""Energies of several flows over one window and over the same time, and how far they can be told.

A flow is a signed sum of meters: what comes in over the boundary, what the IT takes. Knows the
meters and their windows; what is made of two flows is in `core/kpi.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from math import floor

import numpy as np
import numpy.typing as npt

from core.calendar import Period
from core.cells import Columns, Matched
from core.energy import LONG, RINGS, WINDOWS, YEAR, EnergyMeters
from core.ledger import CELL_S
from core.metering import EnergyInput
from core.quality import Quality
from core.readings import Floats

SPAN_S_MIN = 5.0
"""No ratio of energies over less than this."""

COVERAGE_GOOD = 0.95
"""Below this share of its inputs a figure is uncertain; a choice."""

COVERAGE_MIN = 0.5
"""Below this share of its window a ratio of energies is not told; a choice."""

COVERAGE_REPORT = 0.8
"""Below this share of its time no figure is told for a month, a year or the running twelve months;
a choice."""

LATE_WAITS_S = 60.0
"""Late energy shows in long windows after so long: a poll that returns brings many."""

ESTIMATED_MAX = 0.01
"""A larger share of estimated energy makes a figure uncertain."""

NAMES_SHOWN = 3


@dataclass(frozen=True)
class Flow:
    """A signed sum of meters: one weight for each meter of `EnergyMeters`, 0 for those outside."""

    weight: Floats
    inputs: tuple[str, ...]

    @cached_property
    def columns(self) -> Columns:
        """The meters of this flow."""
        return np.flatnonzero(self.weight)

    @cached_property
    def members(self) -> npt.NDArray[np.bool_]:
        """Which of all meters are in this flow."""
        found: npt.NDArray[np.bool_] = self.weight != 0
        return found


@dataclass(frozen=True)
class Sums:
    """What several meters know in common of one window."""

    matched: Matched
    columns: Columns
    length_s: float
    elapsed_s: float
    """Time since the start of the window, or since all these meters were heard."""
    quality: Quality
    reason: str

    @cached_property
    def span_s(self) -> float:
        """Time that all know, in seconds."""
        return min(self.elapsed_s, self.matched.span_s)

    @cached_property
    def coverage(self) -> float:
        """Share of the elapsed time that all know."""
        return round(min(1.0, self.span_s / self.elapsed_s), 4) if self.elapsed_s > 0 else 0.0

    @cached_property
    def estimated_ratio(self) -> float:
        """Share of the energy of all meters that is estimated."""
        energy = float(np.abs(self.matched.wh).sum())
        return float(np.abs(self.matched.estimated_wh).sum()) / energy if energy > 0 else 0.0

    def estimated_of(self, flow: Flow) -> float:
        """Share of the energy of a flow's meters that is estimated."""
        weight = np.abs(flow.weight[self.columns])
        whole = float((np.abs(self.matched.wh) @ weight).sum())
        estimated = float((np.abs(self.matched.estimated_wh) @ weight).sum())
        return min(1.0, estimated / whole) if whole > 0 else 0.0

    @cached_property
    def meters_wh(self) -> Floats:
        """Wh of each meter of `columns`."""
        found: Floats = self.matched.wh.sum(axis=0)
        return found

    def cells(self, flow: Flow) -> Floats:
        """Wh of a flow by cell of the window."""
        return self.matched.wh @ flow.weight[self.columns]

    def total(self, flow: Flow) -> float:
        """Wh of a flow in the whole window."""
        return float(self.meters_wh @ flow.weight[self.columns])

    def only(self, cells: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Sums:
        """The same without the other cells."""
        kept = self.matched
        kept = Matched(kept.seconds[cells], kept.wh[cells], kept.estimated_wh[cells])
        return replace(self, matched=kept)


@dataclass(frozen=True, slots=True)
class _Made:
    """Sums, up to when they are, after how many changes of what they are made of, and when made."""

    end: float
    changes: int
    at: float
    sums: Sums

    def stands(self, end: float, changes: int, late: float) -> bool:
        """Nothing changed since, or nothing but what came after `late`."""
        return self.end == end and (self.changes == changes or self.at > late)


class Balance:
    """Flows over the meters of one site."""

    def __init__(self, meters: EnergyMeters) -> None:
        self.meters = meters
        self._made: dict[tuple[str, bytes], _Made] = {}
        """The last sums by window and members."""
        self._rings: dict[tuple[str, bytes], tuple[int, Matched]] = {}
        """The same of rings, and after how many updates they were."""

    def flow(self, *parts: tuple[Sequence[EnergyInput], float]) -> Flow:
        """The sum of these inputs, each list with its weight and each input with its own sign."""
        weight = np.zeros(len(self.meters))
        names: list[str] = []
        for inputs, by in parts:
            for each in inputs:
                weight[self.meters.column[each.energy, each.power]] += by * each.sign
                names.append(each.energy)
        return Flow(weight, tuple(dict.fromkeys(names)))

    def sums(self, window: str, flows: Iterable[Flow]) -> Sums:
        """What all meters of these flows know in common of a window.

        A window of a day at most, and any that is younger than a day, ends with the slowest meter
        of those that answer, and is read from the finest ring that reaches back to its start. Other
        windows end with the last quarter of an hour that all of those know, and are read from the
        ledger: once a quarter, and a minute after something late came in.
        """
        members = np.flatnonzero(reduce(np.logical_or, (flow.members for flow in flows)))
        meters = self.meters
        end = meters.end(members)
        begun = float(meters.since[members].max()) if len(members) else np.nan
        changes, waits_s = meters.updates, 0.0
        if window in LONG and end - begun > max(RINGS.values()):
            end = floor((end - meters.ahead_s) / CELL_S) * CELL_S + meters.ahead_s
            changes, waits_s = meters.ledger.late, LATE_WAITS_S
        key = window, members.tobytes()
        made = self._made.get(key)
        if made is None or not made.stands(end, changes, meters.now - waits_s):
            sums = self._judged(window, self._sums(window, members, begun, end))
            made = self._made[key] = _Made(end, changes, meters.now, sums)
        return made.sums

    def over(self, period: Period, flows: Sequence[Flow]) -> Sums:
        """What all meters of these flows know in common of a month or year, up to the last whole
        quarter of an hour where it is not over.

        A meter that was first heard after the period counts for nothing in it: it was not there.
        """
        meters = self.meters
        stop = min(period.end, floor(meters.utc / CELL_S) * CELL_S)
        since = meters.since - meters.ahead_s
        heard = since < stop if period.end <= meters.utc else ~(since >= stop)
        columns = np.flatnonzero(reduce(np.logical_or, (flow.members for flow in flows)) & heard)
        elapsed_s = max(0.0, stop - period.start)
        matched = meters.ledger.days(columns, period.start, stop)
        sums = Sums(matched, columns, period.end - period.start, elapsed_s, Quality.GOOD, "")
        if not elapsed_s or not all((flow.members & heard).any() for flow in flows):
            reason = f"no energy was metered in {period.name}"
            return replace(sums, quality=Quality.WAITING, reason=reason)
        quality, reason = self._report(period, sums)
        return replace(sums, quality=quality, reason=reason)

    def _report(self, period: Period, sums: Sums) -> tuple[Quality, str]:
        """Quality of the sums of a month or year, and why it is not good."""
        if sums.coverage < COVERAGE_REPORT:
            return Quality.NO_ANSWER, f"only {sums.coverage:.0%} of {period.name} is known"
        if sums.elapsed_s < sums.length_s:
            return Quality.YOUNG, f"{period.name} is not over"
        return self._partly(sums, f"{sums.coverage:.0%} of {period.name} is known")

    def _sums(self, window: str, members: Columns, begun: float, end: float) -> Sums:
        meters, length_s = self.meters, WINDOWS[window]
        elapsed_s = 0.0 if np.isnan(begun) else min(length_s, max(0.0, end - begun))
        ring = self._ring(window, end, elapsed_s)
        if ring is not None:
            matched = self._of_ring(ring, members, end)
        else:
            utc = end - meters.ahead_s
            matched = meters.ledger.days(members, utc - elapsed_s, utc)
        return Sums(matched, members, length_s, elapsed_s, Quality.GOOD, "")

    def _ring(self, window: str, end: float, elapsed_s: float) -> str | None:
        """The ring to read: a window's own, or while it is young the finest that reaches back to
        its start. None where only the ledger does."""
        if elapsed_s >= WINDOWS[window]:
            return window if window in RINGS else None
        for name, length_s in RINGS.items():
            # After a restart the finest one began anew.
            begun = self.meters.windows[name].begun
            if length_s >= elapsed_s and begun <= end - elapsed_s + SPAN_S_MIN:
                return name
        return window if window in RINGS else None

    def _of_ring(self, ring: str, members: Columns, end: float) -> Matched:
        """Several young windows read the same ring: once a tick is enough."""
        key, updates = (ring, members.tobytes()), self.meters.updates
        made = self._rings.get(key)
        if made is None or made[0] != updates:
            made = self._rings[key] = updates, self.meters.windows[ring].matched(members, end)
        return made[1]

    def names(self, columns: Columns) -> str:
        """The devices of these meters, in words."""
        names = list(dict.fromkeys(self.meters.devices[i] for i in columns))
        more = len(names) - NAMES_SHOWN
        shown = ", ".join(names[:NAMES_SHOWN])
        return f"{shown} and {more} more" if more > 0 else shown

    def _judged(self, window: str, sums: Sums) -> Sums:
        """The sums with their quality, and why it is not good. Bad where too little is known."""
        quality, reason = self._verdict(window, sums)
        return replace(sums, quality=quality, reason=reason)

    def _verdict(self, window: str, sums: Sums) -> tuple[Quality, str]:
        unheard = sums.columns[np.isnan(self.meters.since[sums.columns])]
        if len(unheard):
            return Quality.WAITING, f"no energy from {self.names(unheard)} yet"
        why = self._missing(sums.columns)
        if sums.elapsed_s < SPAN_S_MIN:
            return Quality.WAITING, f"needs {SPAN_S_MIN:g} s of readings"
        least = COVERAGE_REPORT if window == YEAR else COVERAGE_MIN
        if sums.span_s < SPAN_S_MIN or sums.coverage < least:
            return Quality.NO_ANSWER, f"{why}: only {sums.coverage:.0%} of the time is known"
        if sums.elapsed_s < sums.length_s * (1 - 1e-9):
            return Quality.YOUNG, f"{_words(sums.elapsed_s)} of {window}"
        return self._partly(sums, f"{why}: {sums.coverage:.0%} of the time is known")

    def _missing(self, columns: Columns) -> str:
        """Which of these meters tell no energy now, in words."""
        standing = columns[self.meters.standing(columns)]
        if len(standing):
            return f"the counter of {self.names(standing)} stands still"
        silent = columns[~self.meters.live(columns)]
        return f"no energy from {self.names(silent)}" if len(silent) else "readings are missing"

    def _partly(self, sums: Sums, known: str) -> tuple[Quality, str]:
        """Quality of sums that are there, by how much is known and how much of that estimated."""
        if sums.coverage < COVERAGE_GOOD:
            return Quality.SUBNORMAL, known
        if sums.estimated_ratio > ESTIMATED_MAX:
            return Quality.ESTIMATED, f"{sums.estimated_ratio:.0%} of the energy is estimated"
        return Quality.GOOD, ""


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 86_400 else f"{seconds / 86_400:.0f} days"
