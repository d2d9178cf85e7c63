"""The ledger on disk: energies of all meters by quarter of an hour, a row each in `journal.db`.

A row is replaced when its quarter changes, in the same transaction as the state of the meters: what
a counter showed and what was counted from it belong together. Rows are never deleted; meters that
the site file no longer names keep what they have. Runs in the journal's writer thread and in
readers; knows neither the meters nor the clock.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import structlog

from core.ledger import Cell

SCHEMA = """
CREATE TABLE meter (              -- columns of the ledger
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE     -- point of the counter
);
CREATE TABLE ledger (
    start INTEGER PRIMARY KEY,    -- UTC seconds, begin of a quarter of an hour
    rules INTEGER NOT NULL,       -- core.ledger.RULES that it was made by
    changed REAL NOT NULL,        -- UTC seconds
    value BLOB NOT NULL           -- zlib of _ENTRY for each meter that has something
);
"""

_log = structlog.get_logger("history")

_ENTRY = np.dtype([("meter", "<u4"), ("wh", "<f8"), ("known_s", "<f4"), ("estimated_wh", "<f4")])


def write(db: sqlite3.Connection, meters: Sequence[str], cells: Sequence[Cell]) -> int:
    """Put these cells in place of those there were, within a transaction of the caller's. Gives by
    how many bytes the ledger grew."""
    ids = _ids(db, meters)
    grown = 0
    for cell in cells:
        some = (cell.known_s != 0) | (cell.wh != 0)
        entries = np.zeros(int(some.sum()), dtype=_ENTRY)
        entries["meter"] = ids[some]
        entries["wh"], entries["known_s"] = cell.wh[some], cell.known_s[some]
        entries["estimated_wh"] = cell.estimated_wh[some]
        before = db.execute("SELECT value FROM ledger WHERE start = ?", (cell.start,)).fetchone()
        if before is not None:
            others = _entries(cell.start, before[0])
            others = others[~np.isin(others["meter"], ids)]
            entries = np.concatenate([entries, others])
            grown -= len(before[0])
        value = zlib.compress(entries.tobytes(), 1)
        grown += len(value)
        row = (cell.start, cell.rules, cell.changed, value)
        db.execute("INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?)", row)
    return grown


Read = tuple[tuple[str, ...], list[Cell]]
"""All meters, and cells with a column for each, oldest first."""


def read(db: sqlite3.Connection, start: float, end: float) -> Read:
    """The cells that begin in `start <= t < end`."""
    return _read(db, "WHERE start >= ? AND start < ? ORDER BY start", (start, end))


def newest(db: sqlite3.Connection, count: int) -> Read:
    """The last `count` cells. By their number, not by the clock: it may be wrong after a start."""
    meters, cells = _read(db, "ORDER BY start DESC LIMIT ?", (count,))
    return meters, cells[::-1]


def _read(db: sqlite3.Connection, which: str, values: tuple[float, ...]) -> Read:
    meters = tuple(name for (name,) in db.execute("SELECT name FROM meter ORDER BY id"))
    query = "SELECT start, rules, changed, value FROM ledger "
    cells = []
    for begin, rules, changed, value in db.execute(query + which, values):
        entries = _entries(begin, value)
        at = entries["meter"] - 1  # ids count from one and none is ever deleted
        wh, known_s, estimated_wh = np.zeros((3, len(meters)))
        wh[at], known_s[at] = entries["wh"], entries["known_s"]
        estimated_wh[at] = entries["estimated_wh"]
        cells.append(Cell(begin, rules, changed, wh, known_s, estimated_wh))
    return meters, cells


def size(db: sqlite3.Connection) -> int:
    """Bytes that the cells take."""
    return int(db.execute("SELECT coalesce(sum(length(value)), 0) FROM ledger").fetchone()[0])


def _entries(start: int, value: bytes) -> npt.NDArray[np.void]:
    """What a row holds; nothing where it is damaged, and that is said."""
    try:
        return np.frombuffer(zlib.decompress(value), dtype=_ENTRY)
    except (zlib.error, ValueError) as error:
        _log.error("energies_damaged", quarter=start, reason=str(error))
        return np.zeros(0, dtype=_ENTRY)


def _ids(db: sqlite3.Connection, meters: Sequence[str]) -> npt.NDArray[np.int64]:
    known = dict(db.execute("SELECT name, id FROM meter").fetchall())
    for name in meters:
        if name not in known:
            known[name] = len(known) + 1
            db.execute("INSERT INTO meter VALUES (?, ?)", (known[name], name))
    return np.array([known[name] for name in meters], dtype=np.int64)
