"""The file of the journal: its tables, and how it is opened, checked and held to all or nothing.

Owns the SQLite side of `history/journal.py`. Knows no sink by name and nothing of what the rows
mean.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from core.errors import ConfigError, Problem, SinkError
from history import ledger

FILE = "journal.db"
SCHEMA_VERSION = 3
"""Version 1 had no `state`, version 2 no `ledger`."""

APPLICATION_ID = 0x4B415348
"""'KASH' in the header of the file, so that a foreign database is never taken for the journal."""

BUSY_TIMEOUT_S = 5.0

_SCHEMA = """
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    written_ms INTEGER NOT NULL,  -- UTC, when the row was written
    hour INTEGER NOT NULL,        -- UTC hours since 1970 of all readings in the blob
    readings INTEGER NOT NULL,    -- readings in the blob
    total INTEGER NOT NULL,       -- readings ever accepted, this row included
    blob BLOB NOT NULL            -- history/block.py
);
CREATE TABLE cursor (
    sink TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,         -- the last row this sink is done with
    total INTEGER NOT NULL,       -- `total` of that row
    lost INTEGER NOT NULL,        -- readings deleted before the sink had them
    rejected INTEGER NOT NULL     -- readings the sink will never take
);
CREATE TABLE bringing (           -- files that do not count until the cursor has moved
    sink TEXT NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (sink, file)
);
"""

_STATE = """
CREATE TABLE state (              -- what is computed, to go on from after a restart
    name TEXT PRIMARY KEY,
    written_ms INTEGER NOT NULL,  -- UTC
    value BLOB NOT NULL
);
"""

_ADDED = (_STATE, ledger.SCHEMA)
"""What versions 2, 3 ... added."""


def open_database(path: Path, sinks: Collection[str]) -> sqlite3.Connection:
    """The checked database, made if there is none, with a cursor for each sink and no other.

    Transactions are in our own hands (`transaction`). Raises SinkError for a file that is foreign,
    of a newer version or not on a local disk, sqlite3.Error for one that cannot be used.
    """
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        fresh = not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        if not fresh:
            check(db, path)
        _set_up(db, path, fresh=fresh)
        with transaction(db):
            if fresh:
                _make(db, _SCHEMA)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            version = pragma(db, "user_version")
            for table in _ADDED[max(0, version - 1) :]:
                _make(db, table)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            _set_cursors(db, sinks)
    except BaseException:
        db.close()
        raise
    return db


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raises SinkError for a file that is foreign or of a newer version."""
    if pragma(db, "application_id") != APPLICATION_ID:
        raise SinkError(f"{path} is no journal of Kasbah: choose another --state-dir")
    version = pragma(db, "user_version")
    if version > SCHEMA_VERSION:
        raise SinkError(
            f"{path} was written by a newer Kasbah (format {version}, this one knows "
            f"{SCHEMA_VERSION}): start that version, or choose another --state-dir"
        )


def _set_up(db: sqlite3.Connection, path: Path, *, fresh: bool) -> None:
    """The order matters: `journal_mode=WAL` before `auto_vacuum` would silently disable the
    latter."""
    if fresh:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = FULL")
    if mode != "wal" or pragma(db, "synchronous") != 2 or pragma(db, "auto_vacuum") != 2:
        raise SinkError(
            f"{path} cannot be kept in WAL mode (SQLite answers '{mode}'): "
            "the state directory must be on a local disk"
        )


def _make(db: sqlite3.Connection, tables: str) -> None:
    """In the transaction that is open: `executescript` would end it."""
    for statement in tables.split(";\n"):
        db.execute(statement)


def _set_cursors(db: sqlite3.Connection, sinks: Collection[str]) -> None:
    first, _ = ends(db)
    marks = ", ".join("?" * len(sinks))
    db.execute(f"DELETE FROM cursor WHERE sink NOT IN ({marks})", tuple(sinks))  # noqa: S608 - only question marks are put in
    db.executemany(
        "INSERT OR IGNORE INTO cursor VALUES (?, ?, ?, 0, 0)", [(sink, *first) for sink in sinks]
    )


def ends(db: sqlite3.Connection) -> tuple[tuple[int, int], tuple[int, int]]:
    """(seq, total) just before the first row, and of the last row. Of an empty journal both are
    where its cursors stand."""
    first = db.execute("SELECT seq - 1, total - readings FROM journal ORDER BY seq LIMIT 1")
    last = db.execute("SELECT seq, total FROM journal ORDER BY seq DESC LIMIT 1")
    before, end = first.fetchone(), last.fetchone()
    if before is None or end is None:
        (seq,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
        (total,) = db.execute("SELECT coalesce(max(total), 0) FROM cursor").fetchone()
        before = end = (seq, total)
    return before, end


def pragma(db: sqlite3.Connection, name: str) -> int:
    """The value of a pragma that is a number."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. SQLite has already rolled back after some errors; then there is nothing to
    do."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def is_bug(error: sqlite3.Error) -> bool:
    """Whether the fault is ours (wrong SQL, wrong use) and not the disk's."""
    code = getattr(error, "sqlite_errorname", "")
    return code in {"", "SQLITE_ERROR", "SQLITE_MISUSE"} or code.startswith("SQLITE_CONSTRAINT")


def unusable(state_dir: Path, reason: str) -> ConfigError:
    """The state directory cannot be used."""
    message = f"history cannot be kept there ({reason}): choose a directory that can be written"
    return ConfigError([Problem(str(state_dir), 0, "--state-dir", message)])


def cannot_open(path: Path, error: sqlite3.Error) -> ConfigError | SinkError:
    """Why the file does not open, and what to do."""
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return unusable(path.parent, str(error))
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return SinkError(
            f"{path} is damaged ({error}): move it and its -wal and -shm files away and start "
            f"again; sealed hours beside it stay readable"
        )
    return SinkError(f"{path} cannot be opened: {error}")
