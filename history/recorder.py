"""The recorder: takes readings on the event loop and hands them to the journal in a worker thread.

Owns what is accepted but not yet durable: about a second of readings, more while the disk does not
take them. Both the waiting batches and those that the disk refused are bounded; when a bound is
reached the oldest readings are dropped and counted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np
import structlog

from core.errors import Unavailable
from core.points import Point
from core.readings import Batch, Indices
from history.block import blocks_of, encode
from history.catalog import Catalog
from history.journal import Entry, Journal

READINGS_MAX = 2_000_000
"""Readings kept in memory, twice over: 15 s of a campus with 132,000 points/s, half an hour of a
site with 1,100."""

BLOCK_READINGS_MAX = 250_000
"""Readings in one row of the journal, which is what the sinks read at once."""

_ROOM = 1024

_log = structlog.get_logger("history")


class Backlog:
    """Batches in order, at most so many readings; the oldest make room and are counted.

    One thread appends, another one takes. No lock: both ends of a deque are atomic, and each count
    is written by one of the two threads only.
    """

    def __init__(self, readings_max: int) -> None:
        self._batches: deque[Batch] = deque()
        self._readings_max = readings_max
        self._added = 0
        self._taken = 0
        self.dropped = 0

    @property
    def readings(self) -> int:
        """Readings held now."""
        return self._added - self._taken - self.dropped

    def append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._added += len(batch.index)
        if self._added - self._taken - self.dropped > self._readings_max:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while self.readings > self._readings_max:
            try:
                self.dropped += len(self._batches.popleft().index)
            except IndexError:  # the other thread has just taken the last one
                return

    def take(self) -> list[Batch]:
        """Everything, oldest first, leaving nothing."""
        taken = []
        for _ in range(len(self._batches)):
            try:
                batch = self._batches.popleft()
            except IndexError:  # the other thread has dropped some meanwhile
                break
            taken.append(batch)
            self._taken += len(batch.index)
        return taken


class Recorder:
    """The `core.contracts.ReadingsSink` of history.

    `define` and `accept` belong to the event loop, `write` to a worker thread.
    """

    def __init__(
        self, journal: Journal, catalog: Catalog, *, readings_max: int = READINGS_MAX
    ) -> None:
        self._journal = journal
        self._catalog = catalog
        self._stored_id = catalog.last_id
        self._waiting = Backlog(readings_max)
        self._refused = Backlog(readings_max)
        self._series_of_row: Indices = np.full(_ROOM, -1, dtype=np.int32)
        self._writing = threading.Lock()
        self.error = ""

    @property
    def readings_waiting(self) -> int:
        """Readings that are not durable yet."""
        return self._waiting.readings + self._refused.readings

    @property
    def readings_dropped(self) -> int:
        """Readings lost since the start because the disk did not take them in time."""
        return self._waiting.dropped + self._refused.dropped

    def define(self, first_row: int, points: Sequence[Point]) -> None:
        """Rows `first_row..` of the point table now belong to these points."""
        end = first_row + len(points)
        room = len(self._series_of_row)
        if end > room:
            more = np.full(max(end, 2 * room) - room, -1, dtype=np.int32)
            self._series_of_row = np.concatenate([self._series_of_row, more])
        self._series_of_row[first_row:end] = [self._catalog.id_of(point.id) for point in points]

    def accept(self, batch: Batch) -> None:
        """Keep this batch. Its arrays must not change any more."""
        self._waiting.append(batch)

    def write(self, now: float) -> bool:
        """Make everything accepted so far durable; True when the disk took it.

        What it refuses is kept for the next call. Nothing is taken before the work begins, so a
        caller that is cancelled loses nothing. Blocks: call it from a worker thread.
        """
        with self._writing:
            batches = [*self._refused.take(), *self._waiting.take()]
            # Ids are read after the batches: every row in them has been defined by then.
            last_id, series_of_row = self._catalog.last_id, self._series_of_row
            if not batches and last_id == self._stored_id:
                return True
            blocks = blocks_of(batches, series_of_row, BLOCK_READINGS_MAX)
            entries = [Entry(block.hour, len(block.series), encode(block)) for block in blocks]
            new = self._catalog.since(self._stored_id, last_id)
            try:
                self._journal.append(entries, new, round(now * 1000))
            except Unavailable as error:
                for batch in batches:
                    self._refused.append(batch)
                self._tell(str(error))
                return False
            self._stored_id = last_id
            self._tell("")
            return True

    def _tell(self, error: str) -> None:
        """Log when it begins and when it is over, nothing between."""
        if error and not self.error:
            _log.error("history_not_written", reason=error, kept_in_memory=self._refused.readings)
        elif self.error and not error:
            _log.info("history_written_again", dropped=self.readings_dropped)
        self.error = error
