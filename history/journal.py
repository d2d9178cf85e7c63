"""The journal: every reading that was accepted, durable, in order, until each sink has it.

Owns `journal.db`, an SQLite database in WAL mode with synchronous FULL: what `append` returned for
survives a kill and a power loss. One thread owns the writing connection; readers open their own
(`history/view.py`). Each sink has a cursor: the last row it is done with. Rows behind all cursors
are deleted; over the limits of age and size the oldest rows go even if a cursor has not seen them,
and then that cursor moves and counts them as lost in the same transaction. Knows nothing of blocks,
files or servers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import Unavailable
from core.ledger import Cell
from history import ledger
from history.catalog import Catalog, NewSeries
from history.database import (
    FILE,
    cannot_open,
    ends,
    is_bug,
    open_database,
    pragma,
    transaction,
    unusable,
)

TRIM_ROWS = 2000
"""Rows deleted in one transaction: an append never waits long for a trim."""

TRIM_STEPS_MAX = 500
SLACK_PAGES = 8192
"""Free pages (32 MiB) that are kept for re-use; more of them go back to the file system ..."""

VACUUM_PAGES = 4096
"""... so many in one trim."""

_T = TypeVar("_T")


class Closed(Unavailable):
    """The journal was closed meanwhile: the agent is stopping."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to append: the UTC hour of its readings, how many, and the block as bytes."""

    hour: int
    readings: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sink is. `total`, `lost` and `rejected` count readings."""

    sink: str
    seq: int
    total: int
    lost: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much backlog the journal keeps for a sink that is away."""

    age_s: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """Readings ever accepted, readings and bytes held now, and the cursors by sink."""

    total: int
    readings: int
    live_bytes: int
    cursors: dict[str, Cursor]


class Journal:
    """The writing side. Methods block until the disk has it; call them from a worker thread.

    Every method raises `core.errors.Unavailable` when the disk is full or failing, `Closed` after
    `close`: nothing is half-written then.
    """

    def __init__(self, db: sqlite3.Connection, writer: ThreadPoolExecutor, path: Path) -> None:
        self._db = db
        self._writer = writer
        self._closed = False
        self._ledger_bytes = writer.submit(ledger.size, db).result()
        self.path = path
        self._status = writer.submit(self._look).result()

    @classmethod
    def open(cls, state_dir: Path, sinks: Collection[str]) -> Journal:
        """The journal of a state directory, made if there is none.

        A sink that is new starts with the oldest row there is; a sink that is no longer named gives
        up its cursor, so that it holds nothing back. Raises ConfigError for a directory that cannot
        be used, SinkError for a file that is damaged, foreign or of a newer version.
        """
        path = state_dir / FILE
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(state_dir, error.strerror or str(error)) from error
        writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            db = writer.submit(open_database, path, sinks).result()
            return cls(db, writer, path)
        except sqlite3.Error as error:
            writer.shutdown()
            raise cannot_open(path, error) from error
        except BaseException:
            writer.shutdown()
            raise

    @property
    def status(self) -> JournalStatus:
        """As of the last write; cheap, for any thread."""
        return self._status

    def catalog(self) -> Catalog:
        """The catalogue of series as stored."""
        rows = self._do(lambda: self._db.execute("SELECT id, name FROM series").fetchall())
        return Catalog(rows)

    def append(self, entries: Sequence[Entry], new: NewSeries, now_ms: int) -> None:
        """Make these rows and series durable, all or none."""
        self._do(lambda: self._append(entries, new, now_ms))

    def advance(self, sink: str, seq: int, *, rejected: int = 0) -> None:
        """The sink is done with all rows up to `seq`; `rejected` readings of them it refused for
        good. Files announced by `bringing` count from now on."""
        self._do(lambda: self._advance(sink, seq, rejected))

    def bringing(self, sink: str, files: Sequence[str]) -> None:
        """The sink is about to bring out these files; they do not count until `advance`."""
        self._do(lambda: self._bringing(sink, files))

    def remember(
        self,
        name: str,
        value: bytes,
        now_ms: int,
        *,
        meters: Sequence[str] = (),
        cells: Sequence[Cell] = (),
    ) -> None:
        """Keep a state under this name and these cells of the ledger, in place of those before; all
        or nothing."""
        self._do(lambda: self._remember((name, now_ms, value), meters, cells))

    def recall(self, name: str) -> bytes | None:
        """The state that was kept last, None where there is none."""
        query = "SELECT value FROM state WHERE name = ?"
        row = self._do(lambda: self._db.execute(query, (name,)).fetchone())
        return None if row is None else bytes(row[0])

    def cells(self, start: float, end: float) -> tuple[tuple[str, ...], list[Cell]]:
        """All meters of the ledger, and its cells that begin in `start <= t < end`."""
        return self._do(lambda: ledger.read(self._db, start, end))

    def newest_cells(self, count: int) -> tuple[tuple[str, ...], list[Cell]]:
        """The same of the last `count` cells."""
        return self._do(lambda: ledger.newest(self._db, count))

    def trim(self, limits: Limits, now_ms: int) -> None:
        """Delete what every sink has, then what is over the limits."""
        for _ in range(TRIM_STEPS_MAX):
            if not self._do(lambda: self._trim_step(limits, now_ms)):
                break
        self._do(self._vacuum)

    def close(self) -> None:
        """Close the file, after what is under way. What is called later raises Closed."""
        if not self._closed:
            self._closed = True
            self._writer.submit(self._db.close).result()
            self._writer.shutdown()

    # In the writer thread.

    def _do(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise Closed("history is closed")
        try:
            return self._writer.submit(work).result()
        except sqlite3.Error as error:
            if self._closed:
                raise Closed("history is closed") from error
            if is_bug(error):
                raise
            raise Unavailable(f"the journal {self.path} does not take rows: {error}") from error
        except RuntimeError as error:  # closed between the first line and the second
            if self._closed:
                raise Closed("history is closed") from error
            raise

    def _look(self) -> JournalStatus:
        first, last = ends(self._db)
        cursors = {
            row[0]: Cursor(*row)
            for row in self._db.execute("SELECT sink, seq, total, lost, rejected FROM cursor")
        }
        total = max([last[1], *(cursor.total for cursor in cursors.values())], default=0)
        pages = pragma(self._db, "page_count") - pragma(self._db, "freelist_count")
        return JournalStatus(
            total=total,
            readings=last[1] - first[1],
            live_bytes=pages * pragma(self._db, "page_size"),
            cursors=cursors,
        )

    def _append(self, entries: Sequence[Entry], new: NewSeries, now_ms: int) -> None:
        total = self._status.total
        rows = []
        for entry in entries:
            total += entry.readings
            rows.append((now_ms, entry.hour, entry.readings, total, entry.blob))
        with transaction(self._db):
            self._db.executemany("INSERT INTO series (id, name) VALUES (?, ?)", new)
            self._db.executemany(
                "INSERT INTO journal (written_ms, hour, readings, total, blob) "
                "VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        self._status = self._look()

    def _advance(self, sink: str, seq: int, rejected: int) -> None:
        with transaction(self._db):
            self._db.execute(
                "UPDATE cursor SET seq = ?, rejected = rejected + ?, "
                "total = coalesce((SELECT total FROM journal WHERE seq = ?), total) "
                "WHERE sink = ? AND seq < ?",
                (seq, rejected, seq, sink, seq),
            )
            self._db.execute("DELETE FROM bringing WHERE sink = ?", (sink,))
        self._status = self._look()

    def _bringing(self, sink: str, files: Sequence[str]) -> None:
        with transaction(self._db):
            self._db.execute("DELETE FROM bringing WHERE sink = ?", (sink,))
            self._db.executemany(
                "INSERT INTO bringing (sink, file) VALUES (?, ?)", [(sink, file) for file in files]
            )

    def _remember(
        self, state: tuple[str, int, bytes], meters: Sequence[str], cells: Sequence[Cell]
    ) -> None:
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", state)
            self._ledger_bytes += ledger.write(self._db, meters, cells)

    def _trim_step(self, limits: Limits, now_ms: int) -> bool:
        """Delete some of what is to go; False when there is no more."""
        seq = self._expendable(limits, now_ms)
        if seq is None:
            return False
        self._drop(seq)
        self._status = self._look()
        return True

    def _expendable(self, limits: Limits, now_ms: int) -> int | None:
        """The last of the oldest rows that are to go, None when all is within the limits."""
        done = min(cursor.seq for cursor in self._status.cursors.values())
        too_old_ms = now_ms - limits.age_s * 1000
        excess = self._status.live_bytes - self._ledger_bytes - limits.max_bytes
        gone = None
        for seq, written_ms, size in self._db.execute(
            "SELECT seq, written_ms, length(blob) FROM journal ORDER BY seq LIMIT ?", (TRIM_ROWS,)
        ).fetchall():
            if seq > done and written_ms >= too_old_ms and excess <= 0:
                break
            gone = seq
            excess -= size
        return gone

    def _vacuum(self) -> None:
        """Give some free pages back: a backlog of days must not hold the disk for ever."""
        spare = pragma(self._db, "freelist_count") - SLACK_PAGES
        if spare > 0:
            # execute() would free one page a call; executescript() runs the pragma to its end.
            pages = min(spare, VACUUM_PAGES)
            self._db.executescript(f"PRAGMA incremental_vacuum({pages})")

    def _drop(self, seq: int) -> None:
        """Delete rows up to `seq`. The cursors behind it move and count what they lose in the same
        transaction: else the loss would be counted again by the next trim."""
        with transaction(self._db):
            (total,) = self._db.execute(
                "SELECT total FROM journal WHERE seq = ?", (seq,)
            ).fetchone()
            self._db.execute(
                "UPDATE cursor SET lost = lost + (? - total), seq = ?, total = ? WHERE seq < ?",
                (total, seq, total, seq),
            )
            self._db.execute("DELETE FROM journal WHERE seq <= ?", (seq,))
