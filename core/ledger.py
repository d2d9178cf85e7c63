"""The ledger: how much energy each meter counted in every quarter of an hour of UTC, for months.

What windows beyond a day and the tables of months and years are made of, and what is made durable.
A cell holds for each meter Wh, the seconds of the quarter that are known, and how much of the
energy is estimated; for all meters together the version of the rules that made it, and when it was
last changed. Energy that comes late lands where it belongs, however old, and leaves its mark there.

A quarter of an hour, because every time zone in use begins its months at one, tariffs and PV are
reckoned by it, and a Green Grid level 3 asks for it. Where the clock was set back, the same quarter
comes twice and holds the energy of both: none is lost, none counted twice.

Knows no counters, no file and no clock. Times are UTC seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from core.cells import Columns, Held, Matched, Spans, matched, pieces
from core.readings import Bytes, Floats

CELL_S = 900
"""Length of a cell."""

DAY_CELLS = 86_400 // CELL_S
"""Cells of a page."""

DAYS_MAX = 400
"""So many days are held: thirteen months. Beyond that the oldest goes, in memory, not on disk."""

RULES = 1
"""Version of how readings become energy (`core/meter.py`, `core/counters.py`) and energy becomes
figures (`core/balance.py`, `core/recipes.py`, `core/pue.py`). What it means and when it is counted
up stands in docs/kpi.md ("Rules by version"), a row each."""

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cell:
    """One quarter of an hour that begins at `start`, as it is kept on disk. One entry a meter."""

    start: int
    rules: int
    changed: float
    wh: Floats
    known_s: Floats
    estimated_wh: Floats


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the energies over a restart: the state of the meters in plain numbers, texts
    and lists, and the cells that changed, whose columns are `meters`. All of it or nothing."""

    state: Mapping[str, Any]
    meters: tuple[str, ...] = ()
    cells: Sequence[Cell] = ()
    revision: int = 0
    """For `Ledger.saved`, once it is safe."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of some quarters beside their energies."""

    rules: tuple[int, ...]
    """Versions of the rules that made them."""
    changed: float | None
    """When one of them changed last, None where nothing is kept."""


@dataclass(slots=True)
class _Page:
    """The cells of one UTC day."""

    wh: Floats
    known: Singles
    estimated: Singles
    rules: Bytes
    changed: Floats
    whole: dict[bytes, Matched] = field(default_factory=dict)
    """Sums of the day by the meters asked for, until something changes."""

    @classmethod
    def empty(cls, meters: int) -> _Page:
        shape = (DAY_CELLS, meters)
        return cls(
            np.zeros(shape),
            np.zeros(shape, dtype=np.float32),
            np.zeros(shape, dtype=np.float32),
            np.zeros(DAY_CELLS, dtype=np.uint8),
            np.zeros(DAY_CELLS),
        )


class Ledger:
    """Energies of `meters` meters by quarter of an hour."""

    def __init__(self, meters: int) -> None:
        self._meters = meters
        self._pages: dict[int, _Page] = {}
        self._touched: dict[int, int] = {}
        self.revision = 0
        """Counts the changes."""
        self.late = 0
        """Counts the changes of cells that are not the newest."""
        self._newest = 0

    # Writing.

    def add(self, spans: Spans, now: float) -> None:
        """Add energy in the time where it flowed. `now` is kept as the time of the change."""
        if not len(spans):
            return
        self.revision += 1
        cut = pieces(spans.start, spans.end, CELL_S)
        known = pieces(spans.known_from, spans.end, CELL_S)
        column, wh, estimated = spans.column, spans.wh, spans.estimated_wh
        length = spans.end - spans.known_from
        cells = set(cut.cell.tolist())
        self._note(cells)
        for day in {cell // DAY_CELLS for cell in cells}:
            page = self._page(day)
            page.whole.clear()
            here = cut.cell // DAY_CELLS == day
            at = cut.cell[here] % DAY_CELLS, column[cut.which[here]]
            np.add.at(page.wh, at, wh[cut.which[here]] * cut.share[here])
            some = estimated[cut.which[here]] * cut.share[here]
            np.add.at(page.estimated, at, some.astype(np.float32))
            page.rules[at[0]], page.changed[at[0]] = RULES, now
            here = known.cell // DAY_CELLS == day
            at = known.cell[here] % DAY_CELLS, column[known.which[here]]
            seconds = length[known.which[here]] * known.share[here]
            np.add.at(page.known, at, seconds.astype(np.float32))

    def load(self, cells: Iterable[Cell], column_of: Sequence[int | None]) -> None:
        """Take up cells that were kept; their column i is now `column_of[i]`, None where the meter
        is gone. They are not told by `unsaved`."""
        kept = [(old, new) for old, new in enumerate(column_of) if new is not None]
        old, new = np.array(kept, dtype=np.intp).reshape(-1, 2).T
        for cell in cells:
            day, row = divmod(cell.start // CELL_S, DAY_CELLS)
            page = self._page(day)
            page.wh[row, new], page.known[row, new] = cell.wh[old], cell.known_s[old]
            page.estimated[row, new] = cell.estimated_wh[old]
            page.rules[row], page.changed[row] = cell.rules, cell.changed
            page.whole.clear()
            self._newest = max(self._newest, cell.start // CELL_S)
        self.revision += 1
        self.late += 1

    def unsaved(self) -> tuple[Cell, ...]:
        """Cells that changed and were not told to be `saved`, as they are now, oldest first."""
        held = (n for n in sorted(self._touched) if n // DAY_CELLS in self._pages)
        return tuple(self._cell(number) for number in held)

    def saved(self, revision: int) -> None:
        """What `unsaved` gave at this revision is safe."""
        self._touched = {cell: at for cell, at in self._touched.items() if at > revision}

    # Reading.

    def sums(self, columns: Columns, start: float, end: float) -> Matched:
        """What these meters know in common of each quarter of an hour between `start` and `end`.

        Row i is the quarter that begins at `start + i * CELL_S`, also where nothing is known. Both
        ends are taken to the quarter they lie in.
        """
        found = self.held(columns, start, end)
        return _matched(found.known_s, found.wh, found.estimated_wh)

    def held(self, columns: Columns, start: float, end: float) -> Held:
        """What each of these meters has in each quarter of an hour, rows as in `sums`."""
        first, last = _cells(start, end)
        shape = max(0, last - first), len(columns)
        wh, known_s, estimated_wh = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for page, rows, at in self._parts(first, last):
            to = slice(at, at + rows.stop - rows.start)
            wh[to], known_s[to] = page.wh[rows, columns], page.known[rows, columns]
            estimated_wh[to] = page.estimated[rows, columns]
        return Held(float(first * CELL_S), CELL_S, wh, known_s, estimated_wh)

    def marks(self, start: float, end: float) -> Marks:
        """Who made the quarters between `start` and `end`, and when."""
        rules: set[int] = set()
        changed = 0.0
        for page, rows, _ in self._parts(*_cells(start, end)):
            rules |= set(page.rules[rows].tolist())
            changed = max(changed, float(page.changed[rows].max(initial=0.0)))
        return Marks(tuple(sorted(rules - {0})), changed or None)

    def days(self, columns: Columns, start: float, end: float) -> Matched:
        """As `sums`, but one row a UTC day of which something is kept: cheap over a year."""
        parts = []
        for page, rows, _ in self._parts(*_cells(start, end)):
            whole = rows.stop - rows.start == DAY_CELLS
            key = columns.tobytes()
            total = page.whole.get(key) if whole else None
            if total is None:
                known = page.known[rows, columns].astype(np.float64)
                estimated = page.estimated[rows, columns].astype(np.float64)
                total = _matched(known, page.wh[rows, columns], estimated).total()
                if whole:
                    page.whole[key] = total
            parts.append(total)
        return Matched.joined(parts, len(columns))

    def begun(self) -> Floats:
        """When each meter was first known, NaN where it never was."""
        first: Floats = np.full(self._meters, np.nan)
        for day in sorted(self._pages):
            known = self._pages[day].known > 0
            at = (day * DAY_CELLS + known.argmax(axis=0)) * float(CELL_S)
            np.copyto(first, at, where=np.isnan(first) & known.any(axis=0))
        return first

    @property
    def total_wh(self) -> Floats:
        """Energy of each meter in all cells held."""
        zero: Floats = np.zeros(self._meters)
        return sum((page.wh.sum(axis=0) for page in self._pages.values()), start=zero)

    # Inside.

    def _note(self, cells: set[int]) -> None:
        for cell in cells:
            self._touched[cell] = self.revision
        newest = max(cells)
        if self._newest and min(cells) < max(self._newest, newest):
            self.late += 1
        self._newest = max(self._newest, newest)

    def _page(self, day: int) -> _Page:
        page = self._pages.get(day)
        if page is None:
            page = self._pages[day] = _Page.empty(self._meters)
            if len(self._pages) > DAYS_MAX:
                del self._pages[min(self._pages)]
        return page

    def _parts(self, first: int, last: int) -> Iterable[tuple[_Page, slice, int]]:
        """The pages with cells from `first` to before `last`, which rows of each, and how far from
        `first` they are."""
        for day in range(first // DAY_CELLS, -(-last // DAY_CELLS)):
            page = self._pages.get(day)
            if page is not None:
                begin = day * DAY_CELLS
                rows = slice(max(first - begin, 0), min(last - begin, DAY_CELLS))
                yield page, rows, begin + rows.start - first

    def _cell(self, number: int) -> Cell:
        day, row = divmod(number, DAY_CELLS)
        page = self._pages[day]
        return Cell(
            start=number * CELL_S,
            rules=int(page.rules[row]),
            changed=float(page.changed[row]),
            wh=page.wh[row].copy(),
            known_s=page.known[row].astype(np.float64),
            estimated_wh=page.estimated[row].astype(np.float64),
        )


def _cells(start: float, end: float) -> tuple[int, int]:
    return floor(start / CELL_S), ceil(end / CELL_S)


def _matched(known: Floats, wh: Floats, estimated: Floats) -> Matched:
    """As `core.cells.matched` of whole cells; a quarter of an hour that came twice counts once as
    time."""
    found = matched(known, wh, estimated, np.ones(len(known)))
    return Matched(np.minimum(found.seconds, CELL_S), found.wh, found.estimated_wh)
