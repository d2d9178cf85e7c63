"""Time cut into cells of one length: how energy falls into them, and what meters know in common.

What the rings of `core/windows.py` and the pages of `core/ledger.py` share. Pure arithmetic on
arrays; times in seconds of whatever clock the caller has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.readings import Floats

Columns = npt.NDArray[np.intp]
"""Numbers of meters."""


@dataclass(frozen=True, slots=True)
class Span:
    """Energy that flowed evenly from `start` to `end`. The time from `known_from` on is accounted
    for by it; a correction of time accounted for before has `known_from` at its end, and may be
    negative."""

    start: float
    end: float
    wh: float
    known_from: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of energy, one entry each: of the meter in `column`, from `start` to `end`, the time
    from `known_from` on accounted for by it."""

    column: Columns
    start: Floats
    end: Floats
    known_from: Floats
    wh: Floats
    estimated_wh: Floats

    @classmethod
    def of(cls, columns: Sequence[int], spans: Sequence[Span]) -> Spans:
        """From spans as meters give them, each of the meter at its place in `columns`."""
        wh = np.array([span.wh for span in spans], dtype=np.float64)
        return cls(
            np.array(columns, dtype=np.intp),
            np.array([span.start for span in spans], dtype=np.float64),
            np.array([span.end for span in spans], dtype=np.float64),
            np.array([span.known_from for span in spans], dtype=np.float64),
            wh,
            np.where([span.estimated for span in spans], wh, 0.0),
        )

    def __len__(self) -> int:
        return len(self.column)

    def later(self, seconds: float) -> Spans:
        """The same, moved in time."""
        return replace(
            self,
            start=self.start + seconds,
            end=self.end + seconds,
            known_from=self.known_from + seconds,
        )


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of spans: of span `which`, in `cell`, this `share` of the span's length."""

    which: Columns
    cell: Columns
    share: Floats


def pieces(start: Floats, end: Floats, cell_s: float) -> Pieces:
    """Spans cut at the borders of cells; cell i begins at i * cell_s. A span without length lies
    wholly in the cell of its end."""
    first = np.floor(np.minimum(start, end) / cell_s).astype(np.intp)
    last = np.maximum(first, np.ceil(end / cell_s).astype(np.intp) - 1)
    count = last - first + 1
    which = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    cell = first[which] + np.arange(len(which)) - before[which]
    left, right = cell * cell_s, (cell + 1) * cell_s
    inside = np.minimum(end[which], right) - np.maximum(start[which], left)
    length = (end - start)[which]
    share = np.divide(inside, length, out=np.ones(len(which)), where=length > 0)
    return Pieces(which, cell, share)


@dataclass(frozen=True, slots=True)
class Held:
    """What each meter (column) has in each cell (row); row i begins at `start + i * cell_s`."""

    start: float
    cell_s: float
    wh: Floats
    known_s: Floats
    estimated_wh: Floats


@dataclass(frozen=True, slots=True)
class Matched:
    """Sums over the time that all meters asked for know. `seconds` has one entry a cell; `wh` and
    `estimated_wh` one row a cell and one column a meter, in the order asked for."""

    seconds: Floats
    wh: Floats
    estimated_wh: Floats

    @classmethod
    def nothing(cls, meters: int, cells: int = 0) -> Matched:
        """So many cells of which nothing is known."""
        return cls(np.zeros(cells), np.zeros((cells, meters)), np.zeros((cells, meters)))

    @classmethod
    def joined(cls, parts: Iterable[Matched], meters: int) -> Matched:
        """One after the other."""
        found = [cls.nothing(meters), *parts]
        return cls(
            np.concatenate([part.seconds for part in found]),
            np.concatenate([part.wh for part in found]),
            np.concatenate([part.estimated_wh for part in found]),
        )

    @property
    def span_s(self) -> float:
        """Time covered in seconds."""
        return float(self.seconds.sum())

    def total(self) -> Matched:
        """All cells as one."""
        return Matched(
            self.seconds.sum(keepdims=True),
            self.wh.sum(axis=0, keepdims=True),
            self.estimated_wh.sum(axis=0, keepdims=True),
        )


def matched(known: Floats, wh: Floats, estimated_wh: Floats, share: Floats) -> Matched:
    """What all these meters (columns) know of these cells (rows), `share` of each cell counted.

    Energy of a meter that knows more of a cell than another counts in proportion: as if what it
    knows covered what the other one knows.
    """
    common = known.min(axis=1) if known.shape[1] else np.zeros(len(known))
    part = np.divide(common[:, None], known, out=np.zeros_like(known), where=known > 0)
    part *= share[:, None]
    return Matched(common * share, wh * part, estimated_wh * part)
