"""Energies of many meters over the last minute, hour or day, kept in cells of a sixtieth.

A cell holds for each meter how much energy flowed in it and for how much of its time that is
known. Sums take from every cell the time that all meters asked for know: energies of one ratio
span the same time, whatever the phase of the polls and whoever was silent in between. A late
answer that bridges a gap lands in the cells where it belongs.

Knows no counters, no quality and no clock; times are seconds that never run backwards.
"""

from __future__ import annotations

from math import ceil, floor, inf

import numpy as np

from core.cells import Columns, Held, Matched, Spans, matched, pieces
from core.readings import Floats

CELLS = 60
"""Cells in a window; the oldest one counts in part, so that the window has its exact length."""

LATE_S_MAX = 300.0
"""A window may end so long before now, waiting for the slowest meter."""


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
        self.begun = inf
        """Where the earliest energy began that was ever added."""

    def add(self, spans: Spans) -> None:
        """Add energy. What is older than the ring is left out."""
        if not len(spans):
            return
        self.begun = min(self.begun, float(spans.start.min()))
        self._advance(floor(spans.end.max() / self._cell_s))
        known_s = spans.end - spans.known_from
        wh = (self._wh, spans.wh), (self._estimated, spans.estimated_wh)
        self._spread(spans, spans.start, *wh)
        self._spread(spans, spans.known_from, (self._known, known_s))

    def matched(self, meters: Columns, end: float) -> Matched:
        """What these meters know in common of the window that ends at `end`."""
        first = floor((end - self.length_s) / self._cell_s)
        last = floor(end / self._cell_s)
        head = last if self._head is None else self._head
        cells = np.arange(max(first, head - self._cells + 1), min(last, head) + 1)
        if self._head is None or not len(cells) or not len(meters):
            return Matched.nothing(len(meters))
        at = np.ix_(cells % self._cells, meters)
        common = self._known[at].min(axis=1)
        share = np.ones(len(cells))
        if cells[0] == first and common[0] > 0:
            inside_s = (first + 1) * self._cell_s - (end - self.length_s)
            share[0] = min(1.0, inside_s / common[0])
        if cells[-1] == last and common[-1] > 0:
            inside_s = end - last * self._cell_s
            share[-1] = min(1.0, inside_s / common[-1])
        return matched(self._known[at], self._wh[at], self._estimated[at], share)

    def held(self, meters: Columns, end: float) -> Held:
        """What each of these meters has in each cell of the window that ends at `end`."""
        first = floor((end - self.length_s) / self._cell_s)
        cells = np.arange(first, floor(end / self._cell_s) + 1)
        head = self._head if self._head is not None else -1
        there = (cells > head - self._cells) & (cells <= head)
        at = np.ix_(cells % self._cells, meters)
        wh, known, estimated = (
            np.where(there[:, None], array[at], 0.0)
            for array in (self._wh, self._known, self._estimated)
        )
        return Held(first * self._cell_s, self._cell_s, wh, known, estimated)

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

    def _spread(self, spans: Spans, start: Floats, *totals: tuple[Floats, Floats]) -> None:
        """Add to each array its totals, in the cells between `start` and the end of each span, by
        the time spent in each."""
        if self._head is None:
            return
        oldest = self._head - self._cells + 1
        length = np.maximum(spans.end - start, 1e-9)
        start = np.maximum(start, np.minimum(spans.end, oldest * self._cell_s))
        inside = (spans.end - start) / length
        cut = pieces(start, spans.end, self._cell_s)
        at = cut.cell % self._cells, spans.column[cut.which]
        for array, total in totals:
            if total.any():
                np.add.at(array, at, (total * inside)[cut.which] * cut.share)
