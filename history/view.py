"""A reader's view of the journal: its own connection, read only, consistent within `snapshot`.

Owns no state. Used by the sinks, by queries and by `kasbah export` in a process of its own while
the agent writes.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SinkError, Unavailable
from history.database import BUSY_TIMEOUT_S, FILE, check

ROWS_AT_ONCE = 256
"""Rows fetched at once: a SELECT that is left unfinished would keep the WAL from shrinking."""

FOREVER = 2**62
"""An hour later than any."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the journal."""

    seq: int
    hour: int
    readings: int
    blob: bytes


class JournalView:
    """What there is to read. Made by `view`; one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read within belongs to one instant. Keep it short: the WAL grows meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def position(self, sink: str) -> int:
        """The last row this sink is done with, 0 for a sink that the journal does not know."""
        row = self._db.execute("SELECT seq FROM cursor WHERE sink = ?", (sink,)).fetchone()
        return int(row[0]) if row else 0

    def bringing(self, sink: str) -> set[str]:
        """Files of this sink that do not count yet."""
        rows = self._db.execute("SELECT file FROM bringing WHERE sink = ?", (sink,)).fetchall()
        return {file for (file,) in rows}

    def series_of(self, names: Collection[str]) -> dict[str, int]:
        """Series ids of those names that have one."""
        found = {}
        for name in names:
            row = self._db.execute("SELECT id FROM series WHERE name = ?", (name,)).fetchone()
            if row:
                found[name] = int(row[0])
        return found

    def first_hour(self, after_seq: int) -> int | None:
        """UTC hour of the first row after `after_seq`, None where there is no such row."""
        row = self._db.execute(
            "SELECT hour FROM journal WHERE seq > ? ORDER BY seq LIMIT 1", (after_seq,)
        ).fetchone()
        return int(row[0]) if row else None

    def rows(
        self, after_seq: int, *, first_hour: int = -FOREVER, last_hour: int = FOREVER
    ) -> Iterator[Row]:
        """Rows after `after_seq` whose readings lie in these UTC hours, oldest first."""
        while True:
            found = self._db.execute(
                "SELECT seq, hour, readings, blob FROM journal "
                "WHERE seq > ? AND hour BETWEEN ? AND ? ORDER BY seq LIMIT ?",
                (after_seq, first_hour, last_hour, ROWS_AT_ONCE),
            ).fetchall()
            for row in found:
                yield Row(*row)
            if len(found) < ROWS_AT_ONCE:
                return
            after_seq = found[-1][0]


@contextlib.contextmanager
def view(state_dir: Path) -> Iterator[JournalView]:
    """Open the journal of a state directory for reading.

    Raises Unavailable when it cannot be read for now, SinkError when there is none or it is of a
    newer version.
    """
    path = state_dir / FILE
    if not path.is_file():
        raise SinkError(f"there is no history in {state_dir}: it has no {FILE}")
    try:
        with contextlib.closing(_connect(path)) as db:
            check(db, path)
            yield JournalView(db)
    except sqlite3.Error as error:
        raise Unavailable(f"the journal {path} cannot be read: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,  # a generator of rows may be drained by another worker thread
    )
