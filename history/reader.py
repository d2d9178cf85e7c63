"""Reads local history: sealed hours from their files, the rest from the journal.

The `core.contracts.HistoryReader` of the agent, and of `kasbah export` in a process of its own.
Owns no state beyond the place of the state directory. What it answers is of one instant: a reading
that is being sealed meanwhile is found either in the journal or in its file, never in both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.contracts import Series
from core.errors import Unavailable
from core.readings import Indices
from history import hourfile
from history.block import HOUR_MS, Columns, pick
from history.buckets import bucketed
from history.local import SINK, part_name
from history.parts import FOLDER, HOUR_S, Part, parts
from history.view import JournalView, view

ROWS_AT_ONCE = 65_536
LOOKS_MAX = 10


@dataclass(frozen=True, slots=True)
class _Found:
    """Files to read, and the readings that are not in any file yet (in time order)."""

    files: list[Part]
    tail: Columns


class LocalReader:
    """See `core.contracts.HistoryReader`. Every method may be called from any thread."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def query(self, point: str, start: float, end: float, buckets: int) -> Series:
        """One point in `start <= t < end` (UTC seconds) in at most `buckets` buckets.

        Raises ValueError for an empty range or number of buckets, SinkError when history cannot be
        read.
        """
        pieces = list(self._hours([point], start, end))
        return bucketed(point, Columns.joined(pieces), start=start, end=end, buckets=buckets)

    def rows(
        self, points: Collection[str], start: float, end: float
    ) -> Iterator[tuple[float, str, float, int]]:
        """Raw rows (time, point, value, quality byte) by time, then by point; `start <= t < end`.

        Raises SinkError when history cannot be read.
        """
        names = sorted(set(points))
        for hour in self._hours(names, start, end):
            for at in range(0, len(hour.key), ROWS_AT_ONCE):
                some = hour.where(slice(at, at + ROWS_AT_ONCE))
                time = some.time_ms / 1000
                inside = some.where(np.flatnonzero((time >= start) & (time < end)))
                yield from zip(
                    (inside.time_ms / 1000).tolist(),
                    [names[key] for key in inside.key.tolist()],
                    inside.value.tolist(),
                    inside.quality.tolist(),
                    strict=True,
                )

    def known(self, point: str) -> bool:
        """Whether history has ever held this point. Raises SinkError when it cannot be read."""
        with view(self._state_dir) as seen:
            return point in seen.series_of([point])

    def _hours(self, names: Sequence[str], start: float, end: float) -> Iterator[Columns]:
        """Readings of these points (sorted names), hour by hour, each hour in time order."""
        first, last = int(start // HOUR_S), int(end // HOUR_S)
        found = self._find(names, first, last)
        by_hour: dict[int, list[Part]] = {}
        for part in found.files:
            by_hour.setdefault(part.hour, []).append(part)
        tail_hour = found.tail.time_ms // HOUR_MS
        for hour in sorted({*by_hour, *np.unique(tail_hour).tolist()}):
            pieces = [hourfile.read(part.path, names) for part in by_hour.get(hour, [])]
            pieces.append(found.tail.where(np.flatnonzero(tail_hour == hour)))
            joined = Columns.joined(pieces)
            yield joined.where(np.lexsort((joined.key, joined.time_ms)))

    def _find(self, names: Sequence[str], first: int, last: int) -> _Found:
        """Where the readings of these hours are, at one instant.

        The files are listed first; were the journal sealed before it is read, a new file would be
        missed. The cursor tells: then both are looked at again.
        """
        with view(self._state_dir) as seen:
            for _ in range(LOOKS_MAX):
                position = seen.position(SINK)
                files = parts(self._state_dir / FOLDER, first, last)
                with seen.snapshot():
                    if seen.position(SINK) != position:
                        continue
                    unfinished = seen.bringing(SINK)
                    tail = _tail(seen, names, position, (first, last))
                counted = [
                    part for part in files if part_name(part, self._state_dir) not in unfinished
                ]
                return _Found(counted, tail)
        raise Unavailable("history is being sealed over and over: ask again")


def _tail(
    seen: JournalView, names: Sequence[str], position: int, hours: tuple[int, int]
) -> Columns:
    """Readings of these points in these hours that are not sealed yet; `key` is the place in
    `names`."""
    series_of = seen.series_of(names)
    place_of = {series_of[name]: place for place, name in enumerate(names) if name in series_of}
    wanted: Indices = np.array(sorted(place_of), dtype=np.int32)
    places: Indices = np.array([place_of[series] for series in wanted.tolist()], dtype=np.int32)
    pieces = []
    if len(wanted):
        for row in seen.rows(position, first_hour=hours[0], last_hour=hours[1]):
            piece = pick(row.blob, wanted)
            if piece is not None:
                pieces.append(Columns(places[piece.key], piece.time_ms, piece.value, piece.quality))
    return Columns.joined(pieces)
