"""Totals that devices leave to their reader: the sum of the lines where only those are told.

RFC 1628, for one, has the output power of each line and no total. What is added up is a point like
any other: it is tabled, shown and kept. Where a device tells a total itself, that one counts. Knows
neither the point table nor who polls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from core.points import PointName
from core.quality import LEVEL_SHIFT, Level
from core.readings import Batch, Rows
from core.snapshot import PointView

ADDITIVE = frozenset({"active_power", "apparent_power", "reactive_power"})
"""Quantities of which the lines make up the whole. Apparent powers add up arithmetically (IEEE
1459), which never shows less than flows."""

LINES = ("l1", "l2", "l3")


def total_of(name: PointName) -> PointName | None:
    """The total that this point is a line of, None where it is none."""
    if name.instance not in LINES or name.quantity not in ADDITIVE:
        return None
    return PointName(name.part, name.quantity, "")


def line_of(total: PointName) -> PointName | None:
    """The first line of a total, None where nothing adds up to it."""
    if total.instance or total.quantity not in ADDITIVE:
        return None
    return PointName(total.part, total.quantity, LINES[0])


def missing(names: Sequence[PointName]) -> Mapping[PointName, tuple[int, ...]]:
    """Totals that these points of one device leave out, each with the positions of its lines."""
    told, found = set(names), dict[PointName, tuple[int, ...]]()
    for i, name in enumerate(names):
        total = total_of(name)
        if total is not None and total not in told:
            found[total] = (*found.get(total, ()), i)
    return found


class LineTotals:
    """Adds up the lines of all devices at once."""

    def __init__(self) -> None:
        self._of_device: dict[str, tuple[tuple[int, Rows], ...]] = {}
        self._compile()

    def put(self, device: str, totals: Iterable[tuple[int, Rows]]) -> None:
        """The totals of a device, each as its row of the point table and those of its lines."""
        self._of_device[device] = tuple(totals)
        self._compile()

    def made_of(self, rows: Rows) -> Rows:
        """Rows of the totals that some of these rows are a line of."""
        return np.unique(self._rows[self._total[np.isin(self._lines, rows)]])

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: no line was told anew by that."""
        self._told += by_s

    def batch(self, view: PointView) -> Batch | None:
        """Totals of which every line was told anew, at the time of the oldest; None without any.

        As good as the worst line, and without a value where a line has none.
        """
        if not len(self._rows):
            return None
        time = np.minimum.reduceat(view.time[self._lines], self._starts)
        fresh = np.flatnonzero(~np.isnan(time) & (time != self._told))
        if not len(fresh):
            return None
        self._told[fresh] = time[fresh]
        quality = np.maximum.reduceat(view.quality[self._lines], self._starts)[fresh]
        value = np.add.reduceat(view.value[self._lines], self._starts)[fresh]
        value[quality >> LEVEL_SHIFT >= Level.BAD] = np.nan
        return Batch(
            time=time[fresh],
            count=np.ones(len(fresh), dtype=np.intp),
            index=self._rows[fresh],
            value=value,
            quality=quality,
            severity=np.zeros(len(fresh), dtype=np.uint8),
        )

    def _compile(self) -> None:
        totals = [each for several in self._of_device.values() for each in several]
        sizes = [len(lines) for _, lines in totals]
        none = np.empty(0, dtype=np.intp)
        self._rows = np.array([row for row, _ in totals], dtype=np.intp)
        self._lines = np.concatenate([none, *(lines for _, lines in totals)])
        self._total = np.repeat(np.arange(len(totals)), sizes)
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._told = np.full(len(totals), np.nan)
