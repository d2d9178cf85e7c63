"""Energies of many meters over the last minute, hour or day, kept in cells of a sixtieth.

A cell holds for each meter how much energy flowed in it and for how much of its time that is
known. Sums take from every cell the time that all meters asked for know: energies of one ratio
span the same time, whatever the phase of the polls and whoever was silent in between. A late
answer that bridges a gap lands in the cells where it belongs.

Knows no counters, no quality and no clock; times are seconds that never run backwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from core.meter import Span
from core.readings import Floats

CELLS = 60
"""Cells in a window; the oldest one counts in part, so that the window has its exact length."""

LATE_S_MAX = 300.0
"""A window may end so long before now, waiting for the slowest meter."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Sums over the time that all meters asked for know. `seconds` has one entry a cell; `wh` and
    `estimated_wh` one row a cell and one column a meter, in the order asked for."""

    seconds: Floats
    wh: Floats
    estimated_wh: Floats

    @property
    def span_s(self) -> float:
        """Time covered in seconds."""
        return float(self.seconds.sum())


class Window:
    """Energies of `meters` meters in a ring of cells, reaching back `length_s` from up to
    `LATE_S_MAX` ago."""

    def __init__(self, length_s: float, meters: int) -> None:
        self.length_s = length_s
        self._cell_s = length_s / CELLS
        self._cells = CELLS + 2 + ceil(LATE_S_MAX / self._cell_s)
        shape = (self._cells, meters)
        self._wh: Floats = np.zeros(shape)
        self._estimated: Floats = np.zeros(shape)
        self._known: Floats = np.zeros(shape)
        self._head: int | None = None

    def add(self, meters: Sequence[int], spans: Sequence[Span]) -> None:
        """Add spans, each of the meter at its place in `meters`. What is older than the ring is
        left out."""
        if not spans:
            return
        self._advance(floor(max(span.end for span in spans) / self._cell_s))
        column = np.array(meters)
        start = np.array([span.start for span in spans])
        end = np.array([span.end for span in spans])
        wh = np.array([span.wh for span in spans])
        estimated = wh * np.array([span.estimated for span in spans])
        known_from = np.array([span.known_from for span in spans])
        self._spread(self._wh, column, start, end, wh)
        self._spread(self._estimated, column, start, end, estimated)
        self._spread(self._known, column, known_from, end, end - known_from)

    def matched(self, meters: npt.NDArray[np.intp], end: float) -> Matched:
        """What these meters know in common of the window that ends at `end`."""
        first = floor((end - self.length_s) / self._cell_s)
        last = floor(end / self._cell_s)
        head = last if self._head is None else self._head
        cells = np.arange(max(first, head - self._cells + 1), min(last, head) + 1)
        if self._head is None or not len(cells) or not len(meters):
            nothing = np.zeros((0, len(meters)))
            return Matched(np.zeros(0), nothing, nothing)
        at = np.ix_(cells % self._cells, meters)
        known = self._known[at]
        common = known.min(axis=1)
        share = np.ones(len(cells))
        if cells[0] == first and common[0] > 0:
            inside_s = (first + 1) * self._cell_s - (end - self.length_s)
            share[0] = min(1.0, inside_s / common[0])
        if cells[-1] == last and common[-1] > 0:
            inside_s = end - last * self._cell_s
            share[-1] = min(1.0, inside_s / common[-1])
        part = np.divide(common[:, None], known, out=np.zeros_like(known), where=known > 0)
        part *= share[:, None]
        return Matched(common * share, self._wh[at] * part, self._estimated[at] * part)

    def state(self) -> dict[str, Any]:
        """What `restore` takes, in plain numbers and lists."""
        return {
            "head": self._head,
            "wh": self._wh.round(3).tolist(),
            "estimated": self._estimated.round(3).tolist(),
            "known": self._known.round(3).tolist(),
        }

    def restore(self, state: Mapping[str, Any], column_of: Sequence[int | None]) -> None:
        """Take a state back; its column i is now `column_of[i]`, None where the meter is gone.

        A state with another number of cells is left alone: then the window is young.
        """
        if len(state["wh"]) != self._cells:
            return
        kept = [(old, new) for old, new in enumerate(column_of) if new is not None]
        old, new = [pair[0] for pair in kept], [pair[1] for pair in kept]
        for array, key in (
            (self._wh, "wh"),
            (self._estimated, "estimated"),
            (self._known, "known"),
        ):
            array[:, new] = np.array(state[key], dtype=np.float64)[:, old]
        self._head = state["head"]

    def _advance(self, head: int) -> None:
        """Make `head` the newest cell; cells that come into the ring are empty."""
        if self._head is None:
            self._head = head
        new = min(head - self._head, self._cells)
        if new > 0:
            cells = np.arange(head - new + 1, head + 1) % self._cells
            for array in (self._wh, self._estimated, self._known):
                array[cells] = 0.0
            self._head = head

    def _spread(
        self, array: Floats, column: npt.NDArray[np.intp], start: Floats, end: Floats, total: Floats
    ) -> None:
        """Add each total to the cells between start and end, by the time spent in each."""
        length = end - start
        some = (length > 0) & (total != 0)
        column, start, end, total = column[some], start[some], end[some], total[some]
        if not len(column) or self._head is None:
            return
        rate = total / length[some]
        oldest = (self._head - self._cells + 1) * self._cell_s
        start = np.maximum(start, oldest)
        cell = np.floor(start / self._cell_s).astype(np.int64)
        last = np.floor(end / self._cell_s).astype(np.int64)
        for _ in range(int((last - cell).max()) + 1):
            left, right = cell * self._cell_s, (cell + 1) * self._cell_s
            inside = np.minimum(end, right) - np.maximum(start, left)
            np.add.at(array, (cell % self._cells, column), rate * np.maximum(0.0, inside))
            cell = cell + 1
