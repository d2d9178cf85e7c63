"""The point table: value, time and quality of every point, as flat arrays.

Rows are only ever appended, so a row number stays true for the life of the process. Names live at
the edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.errors import InvariantError
from core.points import Point
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Batch, Bytes, Floats, Rows
from core.snapshot import PointView

HELD_AFTER_INTERVALS = 2.5
"""A value is held, no longer fresh, when it is older than so many poll intervals."""

LOST_AFTER_INTERVALS = 4.0
"""A value is lost when it is older than so many poll intervals ..."""

LOST_AFTER_S_MIN = 15.0
"""... and at least so many seconds, so that a fast poll rides through one time-out with retries."""

_ROOM = 1024

_BLOCK = 1 << 15
"""Rows looked at together: what is made of them on the way stays in the processor's cache."""


class PointTable:
    """Arrays of all points; `register` makes rows, `update` fills them, `view` copies them out."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._row: dict[str, int] = {}
        self._value: Floats = np.full(_ROOM, np.nan)
        self._time: Floats = np.full(_ROOM, np.nan)
        self._held_after: Floats = np.full(_ROOM, np.inf)
        self._lost_after: Floats = np.full(_ROOM, np.inf)
        self._quality: Bytes = np.full(_ROOM, Quality.WAITING, dtype=np.uint8)
        self._severity: Bytes = np.zeros(_ROOM, dtype=np.uint8)
        self._names: tuple[Point, ...] = ()
        self._used = self._in_use(0)

    def __len__(self) -> int:
        return len(self._points)

    def register(self, points: Sequence[Point]) -> Rows:
        """Rows of these points; those that are not in the table yet are appended."""
        rows = np.empty(len(points), dtype=np.intp)
        for i, point in enumerate(points):
            row = self._row.get(point.id)
            if row is None:
                row = len(self._points)
                self._row[point.id] = row
                self._points.append(point)
            rows[i] = row
        self._grow(len(self._points))
        self._used = self._in_use(len(self._points))
        return rows

    def expect(self, rows: Rows, interval_s: float) -> None:
        """These rows are polled every so many seconds; older values are held, then lost."""
        self._held_after[rows] = HELD_AFTER_INTERVALS * interval_s
        self._lost_after[rows] = max(LOST_AFTER_INTERVALS * interval_s, LOST_AFTER_S_MIN)

    def update(self, batch: Batch) -> None:
        """Take some answers. Raises InvariantError for rows that do not exist."""
        rows = batch.index
        value, time, quality, severity = self._used
        try:
            value[rows] = batch.value
            time[rows] = np.repeat(batch.time, batch.count)
            quality[rows] = batch.quality
            severity[rows] = batch.severity
        except IndexError as error:
            message = "a batch names rows that were never registered"
            raise InvariantError(message) from error

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: what was read stays as old as it is."""
        self._time += by_s

    def view(self, now: float) -> PointView:
        """Everything as of `now` (UTC seconds): old values are held, then bad with no value."""
        n = len(self._points)
        if len(self._names) != n:
            self._names = tuple(self._points)
        value, time = self._value[:n].copy(), self._time[:n].copy()
        quality, severity = self._quality[:n].copy(), self._severity[:n].copy()
        for first in range(0, n, _BLOCK):
            block = slice(first, min(first + _BLOCK, n))
            late = np.flatnonzero(now - time[block] > self._held_after[block])
            if len(late):
                self._age(late + first, now, value, quality)
        for array in (value, time, quality, severity):
            array.flags.writeable = False
        return PointView(self._names, value, time, quality, severity, self._row)

    def _age(self, late: Rows, now: float, value: Floats, quality: Bytes) -> None:
        """Rows older than they should be: held, or lost."""
        late = late[quality[late] >> LEVEL_SHIFT < Level.BAD]
        quality[late] = np.maximum(quality[late], np.uint8(Quality.HELD))
        lost = late[now - self._time[late] > self._lost_after[late]]
        quality[lost] = Quality.NO_ANSWER
        value[lost] = np.nan

    def _in_use(self, n: int) -> tuple[Floats, Floats, Bytes, Bytes]:
        """The arrays as far as they are in use: numpy itself refuses rows beyond."""
        return self._value[:n], self._time[:n], self._quality[:n], self._severity[:n]

    def _grow(self, rows: int) -> None:
        room = len(self._value)
        if rows <= room:
            return
        more = max(rows, 2 * room) - room
        self._value = np.concatenate([self._value, np.full(more, np.nan)])
        self._time = np.concatenate([self._time, np.full(more, np.nan)])
        self._held_after = np.concatenate([self._held_after, np.full(more, np.inf)])
        self._lost_after = np.concatenate([self._lost_after, np.full(more, np.inf)])
        waiting = np.full(more, Quality.WAITING, dtype=np.uint8)
        self._quality = np.concatenate([self._quality, waiting])
        self._severity = np.concatenate([self._severity, np.zeros(more, dtype=np.uint8)])
