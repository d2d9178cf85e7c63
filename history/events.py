"""Events on disk: `events.db`, an SQLite database in WAL mode with synchronous FULL.

A transaction for what happened in a tick, none where nothing did; with it goes how everything
stands then. Only the newest events are kept. A damaged file is moved aside, what can be read of it
goes on in a new one, and that is said. A file of its own, so that a fault in the events does not
stop readings and energies, nor the other way round. Knows neither the engine nor the clock.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any

import structlog

from core.errors import SinkError, Unavailable
from core.events import EVENTS_MAX, KeptEvents
from core.snapshot import Event
from core.vocabulary import Severity
from history.database import BUSY_TIMEOUT_S, cannot_open, is_bug, pragma, transaction, unusable

FILE = "events.db"
SCHEMA_VERSION = 1
APPLICATION_ID = 0x4B414556
"""'KAEV' in the header of the file, so that a foreign database is never taken for it."""

_SCHEMA = (
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE stand (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL)",
)
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR_SHORT_READ", "SQLITE_ERROR")
_TEXTS = ("device", "point", "before", "after", "cause")

_log = structlog.get_logger("history")


class EventStore:
    """Methods block until the disk has it; for any thread."""

    def __init__(self, db: sqlite3.Connection, path: Path, kept: KeptEvents) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._last = kept.events[-1].seq if kept.events else 0
        self._refused = False
        self.path = path
        self.kept = kept
        """What was there when it was opened."""

    @classmethod
    def open(cls, state_dir: Path, now: float) -> EventStore:
        """The events of a state directory, made if there are none. `now` (UTC seconds) names a
        damaged file that is moved aside.

        Raises ConfigError for a directory that cannot be used, SinkError for a file that is
        foreign or of a newer version.
        """
        path = state_dir / FILE
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            db, kept = _opened(path, now)
        except OSError as error:
            raise unusable(state_dir, error.strerror or str(error)) from error
        except sqlite3.Error as error:
            raise cannot_open(path, error) from error
        return cls(db, path, kept)

    def keep(self, kept: KeptEvents) -> None:
        """Make these durable. Raises Unavailable where the disk does not take them."""
        with self._lock:
            last = kept.events[-1].seq
            if last < self._last:
                return  # a later call, which had these too, was quicker
            try:
                _write(self._db, kept)
            except sqlite3.Error as error:
                if is_bug(error):
                    raise
                self._tell(str(error))
                raise Unavailable(f"{self.path} does not take events: {error}") from error
            self._last = last
            self._tell("")

    def close(self) -> None:
        """Close the file, after what is under way."""
        with self._lock:
            self._db.close()

    def _tell(self, reason: str) -> None:
        """Log when trouble begins and when it ends."""
        if reason and not self._refused:
            _log.error("events_not_kept", reason=reason)
        elif self._refused and not reason:
            _log.info("events_kept_again")
        self._refused = bool(reason)


@dataclass(slots=True)
class _Found:
    """What could be read of a file, and what is wrong with it."""

    events: list[Event] = field(default_factory=list)
    stand: dict[str, Any] = field(default_factory=dict)
    damage: str = ""

    def read(self, db: sqlite3.Connection) -> None:
        """Read as far as it goes; rows that are damaged are left out."""
        for seq, value in db.execute("SELECT seq, value FROM event ORDER BY seq"):
            try:
                self.events.append(_event(seq, json.loads(value)))
            except (LookupError, TypeError, ValueError) as error:
                self.damage = f"event {seq}: {error!r}"
        row = db.execute("SELECT value FROM stand").fetchone()
        try:
            self.stand = {} if row is None else dict(json.loads(row[0]))
        except (TypeError, ValueError) as error:
            self.damage = f"stand: {error!r}"

    def kept(self, lost: str = "") -> KeptEvents:
        """What is there to go on with."""
        return KeptEvents(tuple(self.events), self.stand, lost)


def _opened(path: Path, now: float) -> tuple[sqlite3.Connection, KeptEvents]:
    """The database and what is in it; a new one where it is damaged."""
    found = _Found()
    db = _connection(path)
    try:
        _set_up(db, path)
        found.read(db)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(_DAMAGED):
            found.damage = str(error)
        else:
            db.close()
            raise
    except BaseException:
        db.close()
        raise
    if not found.damage:
        return db, found.kept()
    db.close()
    aside = _moved_aside(path, now)
    many = f"{len(found.events)} events of it could be read" if found.events else "none was left"
    _log.error("events_damaged", reason=found.damage, moved_to=str(aside), read=len(found.events))
    kept = found.kept(f"{path.name} was damaged ({found.damage}), moved to {aside.name}: {many}")
    db = _connection(path)
    _set_up(db, path)
    _write(db, kept)
    return db, kept


def _connection(path: Path) -> sqlite3.Connection:
    """Transactions are in our own hands, and so is who uses it when."""
    return sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )


def _set_up(db: sqlite3.Connection, path: Path) -> None:
    """Tables where there are none. Raises SinkError for a file that is not ours."""
    fresh = db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
    if not fresh and pragma(db, "application_id") != APPLICATION_ID:
        raise SinkError(f"{path} holds no events of Kasbah: choose another --state-dir")
    if pragma(db, "user_version") > SCHEMA_VERSION:
        raise SinkError(
            f"{path} was written by a newer Kasbah: start that version, or choose another "
            "--state-dir"
        )
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = FULL")
    if mode != "wal":
        raise SinkError(f"{path} cannot be kept in WAL mode: it must be on a local disk")
    if fresh:
        with transaction(db):
            for table in _SCHEMA:
                db.execute(table)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _write(db: sqlite3.Connection, kept: KeptEvents) -> None:
    """Add these events, in place of those of the same number, and let the oldest go."""
    rows = [(each.seq, json.dumps(_values(each))) for each in kept.events]
    with transaction(db):
        db.executemany("INSERT OR REPLACE INTO event VALUES (?, ?)", rows)
        if kept.stand:
            value = json.dumps(kept.stand)
            db.execute("INSERT OR REPLACE INTO stand VALUES (1, ?)", (value,))
        if rows:
            db.execute("DELETE FROM event WHERE seq <= ?", (rows[-1][0] - EVENTS_MAX,))


def _values(event: Event) -> dict[str, Any]:
    """An event as it is written; its number is the key."""
    values = asdict(event) | {"severity": event.severity.name.lower()}
    del values["seq"]
    return {name: value for name, value in values.items() if value != ""}


def _event(seq: int, values: dict[str, Any]) -> Event:
    """An event as it was written. Raises LookupError, TypeError or ValueError for what is none."""
    texts = {name: intern(values.get(name, "")) for name in _TEXTS}
    return Event(
        seq=seq,
        kind=values["kind"],
        message=values.get("message", ""),
        severity=Severity[values["severity"].upper()],
        earliest=float(values["earliest"]),
        latest=float(values["latest"]),
        **texts,
    )


def _moved_aside(path: Path, now: float) -> Path:
    """Move a file away, with what belongs to it; where it is now."""
    when = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{when}")
    for end in ("", "-wal", "-shm"):
        part = path.with_name(path.name + end)
        if part.exists():
            part.replace(aside.with_name(aside.name + end))
    return aside
