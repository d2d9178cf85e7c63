"""History as the agent sees it: one façade over journal, local history and InfluxDB.

Readings go recorder -> journal (durable) -> local hours and InfluxDB, each with its own cursor. All
disk and network work runs in worker threads; nothing blocks the event loop.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.clock import Clock
from core.errors import Unavailable
from core.events import KeptEvents
from core.ledger import DAY_CELLS, DAYS_MAX, Kept
from core.site import Site
from history import influx as influx_sink
from history import local as local_sink
from history.catalog import Catalog
from history.events import EventStore
from history.influx import InfluxSink, InfluxStatus, InfluxTarget, LineWriter
from history.journal import Journal, Limits
from history.lines import Lines
from history.local import LocalHistory, LocalStatus, Retention
from history.reader import LocalReader
from history.recorder import Recorder
from history.view import view

__all__ = ["History", "HistoryStatus", "InfluxTarget", "Retention", "SinkLag", "open_reader"]

FLUSH_INTERVAL_S = 1.0
"""What a kill can take: readings that are younger than this."""

KEEP_INTERVAL_S = 10.0
"""How often is looked whether something is to be sealed or deleted."""

CLOSE_WITHIN_S = 5.0
"""Writing the last readings at the stop takes no longer."""

BACKLOG_AGE_S_MAX = 7 * 86400.0
"""A sink may be away so long ..."""

BACKLOG_SHARE = 0.25
"""... and its backlog may take so much of the bytes that history may have, ..."""

BACKLOG_BYTES_MIN = 64 * 2**20
"""... at least this: the hour that is not sealed yet must fit in."""

_log = structlog.get_logger("history")


@dataclass(frozen=True, slots=True)
class SinkLag:
    """Readings a sink has not taken yet, lost before it could, and refused for good (readings of
    damaged blocks; for InfluxDB lines)."""

    sink: str
    backlog: int
    lost: int
    rejected: int


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """How history does; counts of readings, times in UTC seconds."""

    accepted: int
    waiting: int
    dropped: int
    last_flush: float | None
    flush_age_s: float | None
    journal_readings: int
    journal_bytes: int
    sinks: tuple[SinkLag, ...]
    local: LocalStatus
    influx: InfluxStatus | None
    error: str


class History:
    """What the agent starts, feeds, asks and stops."""

    def __init__(
        self,
        journal: Journal,
        catalog: Catalog,
        store: EventStore,
        *,
        clock: Clock,
        retention: Retention,
        influx: InfluxSink | None,
    ) -> None:
        state_dir = journal.path.parent
        self._journal = journal
        self._events = store
        self._clock = clock
        self._retention = retention
        self._influx = influx
        self._recorder = Recorder(journal, catalog)
        self._local = LocalHistory(state_dir, journal, catalog)
        self._reader = LocalReader(state_dir)
        self._last_flush: float | None = None

    @classmethod
    def open(
        cls,
        state_dir: Path,
        *,
        site: Site,
        clock: Clock,
        retention: Retention,
        influx: InfluxTarget | None = None,
    ) -> History:
        """Open or make the history of a site.

        Raises ConfigError when the directory cannot be used, SinkError when what lies in it is
        damaged, foreign, of a newer version, or cannot be mended after a kill.
        """
        writer = _influx_client(influx, clock) if influx else None
        sinks = [local_sink.SINK, *([influx_sink.SINK] if influx else [])]
        journal = Journal.open(state_dir, sinks)
        catalog = journal.catalog()
        sink = None
        if writer is not None:
            chance = random.Random(site.id)  # noqa: S311 - jitter of retries, no secret
            sink = InfluxSink(journal, Lines(site, catalog), writer, clock, chance)
        try:
            store = EventStore.open(state_dir, clock.now())
        except BaseException:
            journal.close()
            raise
        history = cls(journal, catalog, store, clock=clock, retention=retention, influx=sink)
        try:
            history._local.recover()
        except Unavailable:
            journal.close()
            store.close()
            raise
        return history

    @property
    def recorder(self) -> Recorder:
        """Takes readings; for the event loop."""
        return self._recorder

    @property
    def reader(self) -> LocalReader:
        """Answers queries; for worker threads."""
        return self._reader

    async def run(self) -> None:
        """Write, seal, copy and delete until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._flushing())
            group.create_task(self._keeping())
            if self._influx is not None:
                group.create_task(self._influx.run())

    async def flush(self) -> None:
        """Make everything accepted so far durable, as far as the disk takes it."""
        if await asyncio.to_thread(self._recorder.write, self._clock.now()):
            self._last_flush = self._clock.now()

    async def remember(self, name: str, kept: Kept) -> bool:
        """Keep a computed state and cells of the ledger, in place of those before. False where the
        disk does not take it; that is told by the recorder."""
        now_ms = round(self._clock.now() * 1000)
        try:
            await asyncio.to_thread(
                lambda: self._journal.remember(
                    name,
                    json.dumps(kept.state).encode(),
                    now_ms,
                    meters=kept.meters,
                    cells=kept.cells,
                )
            )
        except Unavailable:
            return False
        return True

    def recall(self, name: str) -> Kept | None:
        """The state that was kept last with the newer cells of the ledger, None where there is
        none. Raises Unavailable where the disk fails."""
        value = self._journal.recall(name)
        if value is None:
            return None
        meters, cells = self._journal.newest_cells(DAYS_MAX * DAY_CELLS)
        return Kept(json.loads(value), meters, cells)

    @property
    def events(self) -> KeptEvents:
        """The events of earlier runs."""
        return self._events.kept

    async def keep_events(self, kept: KeptEvents) -> bool:
        """Make events durable. False where the disk does not take them; that is logged."""
        try:
            await asyncio.to_thread(self._events.keep, kept)
        except Unavailable:
            return False
        return True

    async def energies(self, start: float, end: float) -> Kept:
        """The ledger between two times (UTC seconds), however old. Raises Unavailable where the
        disk fails."""
        meters, cells = await asyncio.to_thread(self._journal.cells, start, end)
        return Kept({}, meters, cells)

    async def close(self) -> None:
        """Write what is still in memory and close. What the disk does not take in time is lost,
        and said."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self.flush()
                await asyncio.to_thread(self._journal.close)
                await asyncio.to_thread(self._events.close)
        except TimeoutError:
            _log.error("history_not_closed", within_s=CLOSE_WITHIN_S)
        if self._recorder.readings_waiting:
            _log.error("readings_lost", readings=self._recorder.readings_waiting)
        if self._influx is not None:
            self._influx.close()

    def status(self) -> HistoryStatus:
        """As of the last write; cheap."""
        journal = self._journal.status
        last = self._last_flush
        return HistoryStatus(
            accepted=journal.total,
            waiting=self._recorder.readings_waiting,
            dropped=self._recorder.readings_dropped,
            last_flush=last,
            flush_age_s=None if last is None else max(0.0, self._clock.now() - last),
            journal_readings=journal.readings,
            journal_bytes=journal.live_bytes,
            sinks=tuple(
                SinkLag(cursor.sink, journal.total - cursor.total, cursor.lost, cursor.rejected)
                for cursor in journal.cursors.values()
            ),
            local=self._local.status,
            influx=self._influx.status if self._influx else None,
            error=self._recorder.error,
        )

    async def _flushing(self) -> None:
        while True:
            await self.flush()
            await self._clock.sleep(FLUSH_INTERVAL_S)

    async def _keeping(self) -> None:
        while True:
            await asyncio.to_thread(self._keep, self._clock.now())
            await self._clock.sleep(KEEP_INTERVAL_S)

    def _keep(self, now: float) -> None:
        """Seal, trim, delete. Trouble with the disk shows in the status and passes."""
        self._local.seal(now)
        limits = Limits(
            age_s=min(self._retention.age_s, BACKLOG_AGE_S_MAX),
            max_bytes=max(BACKLOG_BYTES_MIN, int(self._retention.max_bytes * BACKLOG_SHARE)),
        )
        try:
            self._journal.trim(limits, round(now * 1000))
            held = self._journal.status.live_bytes
            rest = Retention(self._retention.age_s, max(0, self._retention.max_bytes - held))
            self._local.retain(rest, now)
        except (Unavailable, OSError) as error:
            _log.warning("history_not_trimmed", reason=str(error))


def open_reader(state_dir: Path) -> LocalReader:
    """History for reading, also while an agent writes it. Raises SinkError when there is none."""
    with view(state_dir):
        return LocalReader(state_dir)


def _influx_client(target: InfluxTarget, clock: Clock) -> LineWriter:
    from history.influx_client import InfluxClient  # noqa: PLC0415 - heavy, and only where used

    return InfluxClient(target, clock)
