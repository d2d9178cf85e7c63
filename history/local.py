"""Local history: seals the journal into hourly Parquet files, and lets old hours go.

Owns the cursor `local`. The journal is sealed in the order in which it was written: all rows up to
the hour that is still open, into one part for each hour they belong to. The parts to come are named
in the journal before they are written and count only once the cursor has moved, so that a kill at
any moment neither loses nor doubles a reading: `recover` removes them and they are sealed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from core.errors import SinkError, Unavailable
from core.readings import Indices
from history import hourfile
from history.block import HOUR_MS, Columns, decode
from history.catalog import Catalog
from history.journal import Closed, Journal
from history.parts import FOLDER, HOUR_S, Part, next_path, parts, remove, size_of, temporary
from history.view import FOREVER, Row, view

SINK = "local"

SEAL_GRACE_S = 10.0
"""An hour is sealed so long after its end: what was measured in it has been written by then."""

SEAL_READINGS_MAX = 5_000_000
"""Readings sealed at once (about 300 MB while it lasts). A site that makes more in an hour gets
several parts of it."""

_log = structlog.get_logger("history")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept; the older hours go first."""

    age_s: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """Sealed parts and their bytes, as of the last look; when was last sealed (UTC seconds)."""

    files: int = 0
    bytes: int = 0
    last_seal: float | None = None
    error: str = ""


class LocalHistory:
    """Methods block; one worker thread at a time."""

    def __init__(self, state_dir: Path, journal: Journal, catalog: Catalog) -> None:
        self._state_dir = state_dir
        self._directory = state_dir / FOLDER
        self._journal = journal
        self._catalog = catalog
        self.status = LocalStatus()

    def recover(self) -> None:
        """Remove the parts of a seal that did not come to its end. Raises Unavailable when the
        disk does not let it."""
        try:
            with view(self._state_dir) as seen:
                for name in seen.bringing(SINK):
                    path = self._state_dir / name
                    path.unlink(missing_ok=True)
                    temporary(path).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"history in {self._directory} cannot be mended: {error}") from error

    def seal(self, now: float, *, readings_max: int = SEAL_READINGS_MAX) -> int:
        """Seal what is due at `now` (UTC seconds); the number of readings sealed.

        Trouble with the disk is kept in `status` and logged when it begins and ends: the rows stay
        in the journal and the next call tries again.
        """
        sealed = 0
        try:
            while rows := self._due(now, readings_max):
                sealed += self._seal(rows)
                self._tell(now, "")
        except Closed:
            pass  # the next start seals it
        except (Unavailable, OSError) as error:
            self._tell(now, str(error))
        return sealed

    def retain(self, retention: Retention, now: float) -> int:
        """Delete hours that are too old, then the oldest until the rest is small enough; returns
        the number of parts deleted."""
        kept = parts(self._directory, -FOREVER, FOREVER)
        sizes = [size_of(part) for part in kept]
        total, gone = sum(sizes), 0
        for part, size in zip(kept, sizes, strict=True):
            too_old = (part.hour + 1) * HOUR_S <= now - retention.age_s
            if not too_old and total <= retention.max_bytes:
                break
            remove(part)
            total, gone = total - size, gone + 1
        self.status = LocalStatus(len(kept) - gone, total, self.status.last_seal, self.status.error)
        return gone

    def _due(self, now: float, readings_max: int) -> list[Row]:
        """Rows to seal next: up to the first one of an open hour, or `readings_max` readings.

        The open hours are that of `now` and, for a short while, the one before. Any other hour is
        due, also one in the future: a clock that was wrong and stepped back must not keep the
        journal from being sealed for ever.
        """
        open_hours = {int(now // HOUR_S), int((now - SEAL_GRACE_S) // HOUR_S)}
        done = self._journal.status.cursors[SINK]
        waiting = self._journal.status.total - done.total
        due: list[Row] = []
        readings = 0
        with view(self._state_dir) as seen:
            if waiting < readings_max and seen.first_hour(done.seq) in {None, *open_hours}:
                return []
            for row in seen.rows(done.seq):
                full = readings >= readings_max
                if full or (row.hour in open_hours and waiting < readings_max):
                    break
                due.append(row)
                readings += row.readings
        return due

    def _seal(self, rows: list[Row]) -> int:
        """Bring these rows out as files, then move the cursor."""
        self.recover()  # what an earlier try left would be counted beside this one
        ranking = self._catalog.ranking()
        readings, damaged = _unpacked(rows, ranking.rank)
        hours = readings.time_ms // HOUR_MS
        files = {hour: next_path(self._directory, hour) for hour in np.unique(hours).tolist()}
        names = [str(path.relative_to(self._state_dir)) for path in files.values()]
        self._journal.bringing(SINK, names)
        for hour, path in files.items():
            of_hour = readings if len(files) == 1 else readings.where(np.flatnonzero(hours == hour))
            hourfile.write(path, of_hour, ranking.names)
        self._journal.advance(SINK, rows[-1].seq, rejected=damaged)
        return len(readings.key)

    def _tell(self, now: float, error: str) -> None:
        before = self.status
        if error and not before.error:
            _log.error("history_not_sealed", reason=error)
        elif before.error and not error:
            _log.info("history_sealed_again")
        last_seal = before.last_seal if error else now
        self.status = LocalStatus(before.files, before.bytes, last_seal, error)


def part_name(part: Part, state_dir: Path) -> str:
    """How the journal names a part."""
    return str(part.path.relative_to(state_dir))


def _unpacked(rows: list[Row], rank: Indices) -> tuple[Columns, int]:
    """The readings with ranks as keys, and how many were in blocks that are damaged: these are
    gone, and must not hold up the others."""
    size = sum(row.readings for row in rows)
    key, time_ms = np.empty(size, np.int32), np.empty(size, np.int64)
    value, quality = np.empty(size), np.empty(size, np.uint8)
    end = 0
    for row in rows:
        try:
            block = decode(row.blob)
        except SinkError as error:
            _log.error("journal_block_lost", seq=row.seq, readings=row.readings, reason=str(error))
            continue
        at = slice(end, end + len(block.series))
        key[at] = rank[block.series]
        time_ms[at] = np.repeat(block.time_ms, block.count)
        value[at] = block.value
        quality[at] = block.quality
        end = at.stop
    return Columns(key[:end], time_ms[:end], value[:end], quality[:end]), size - end
