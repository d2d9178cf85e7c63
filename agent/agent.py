"""The agent: one site, everything that runs for it, in one task group.

Start: history, API (not ready), collectors, first tick, ready. Stop is the reverse: polling ends
first, what is still in memory is written, then everything is closed. The only part that sees all
others.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry

from agent import systemd
from agent.clock import FollowedClock
from agent.config.load import Configuration
from agent.selfmetrics import SelfMetrics
from agent.web import WebServer
from api.app import create_app
from collectors.clients import Clients
from collectors.profile import Library
from collectors.scheduler import Scheduler
from collectors.session import session_for
from core.clock import Clock
from core.contracts import Case, Demand, HistoryReader, ScenarioControl
from core.engine import Engine
from core.errors import SinkError
from core.levels import MonthLevels
from core.points import Point, PointName
from core.readings import Batch, Rows
from core.site import Site, Window
from core.snapshot import DeviceStatus, Event, Snapshot, WhatIf
from core.statement import Statement, Statements
from core.totals import LineTotals, missing
from history.store import History

TICK_S = 1.0
"""The plant is computed once a second."""

GC_THRESHOLDS = 50_000, 20, 50
"""What polling makes dies by itself, hardly anything in cycles: with Python's own thresholds a
fifth of all CPU time goes into looking for them."""

REMEMBER_S = 10.0
"""So often the state of what is computed is made durable: after a kill the counters of the meters
give back what flowed since."""

STATE = "engine"

STOP_WITHIN_S = 10.0
"""An orderly stop takes no longer; after that what is left is dropped, and said."""

_T = TypeVar("_T")

_log = structlog.get_logger("agent")


class Agent:
    """Implements what collectors and API are handed: `Intake` and `Services`."""

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock,
        history: History,
        *,
        scenarios: ScenarioControl | None = None,
        profiles: Library | None = None,
    ) -> None:
        self._site = configuration.site
        self._clock = FollowedClock(clock)
        self._history = history
        self._scenarios = scenarios
        self._profiles = profiles or configuration.profiles
        self._engine = Engine(self._site, self._clock.now())
        self._totals = LineTotals()
        self._go_on()
        self._defined = 0
        self._published = asyncio.Condition()
        self._happened = asyncio.Event()
        self._one_writer = asyncio.Lock()
        self.registry = CollectorRegistry()
        self._metrics = SelfMetrics(self.registry)

    # What the API is handed (core.contracts.Services).

    @property
    def site(self) -> Site:
        return self._site

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def history(self) -> HistoryReader | None:
        return self._history.reader

    @property
    def scenarios(self) -> ScenarioControl | None:
        return self._scenarios

    def snapshot(self) -> Snapshot:
        return self._engine.snapshot

    def events(self, since_seq: int, limit: int) -> Sequence[Event]:
        return self._engine.events(since_seq, limit)

    def event_ends(self) -> tuple[int, int]:
        return self._engine.log.ends

    def levels(self, month: str | None) -> MonthLevels:
        return self._engine.levels(month)

    def what_if(
        self, out: Sequence[str], back: Sequence[str], case: Case, demand: Demand
    ) -> WhatIf:
        return self._engine.what_if(out, back, case, demand)

    async def announce(self, window: Window) -> str:
        name = self._engine.announce(window, self._clock.now())
        await self._remember_now()
        return name

    async def cancel(self, name: str) -> None:
        self._engine.cancel(name, self._clock.now())
        await self._remember_now()

    async def pue_statement(self, name: str) -> Statement:
        return await self._told(name, lambda statements: statements.audit(name))

    async def months(self, year: int | None) -> Sequence[Statement]:
        if year is None:
            return self._engine.statements.table()
        return await self._told(f"{year:04}", lambda statements: statements.table(year))

    async def _told(self, name: str, ask: Callable[[Statements], _T]) -> _T:
        """What is asked of the energies at hand, or for what is older of those on disk."""
        period = self._engine.statements.beyond(name)
        if period is None:
            return ask(self._engine.statements)
        kept = await self._history.energies(period.start, period.end)
        return await asyncio.to_thread(lambda: ask(self._engine.statements_of(kept)))

    async def next_snapshot(self, after_version: int) -> Snapshot:
        async with self._published:
            await self._published.wait_for(lambda: self._engine.snapshot.version > after_version)
        return self._engine.snapshot

    # What the collectors are handed (core.contracts.Intake).

    def register(self, device: str, names: Sequence[PointName]) -> Rows:
        rows = self._define(device, names)
        left_out = missing(names)
        of = self._define(device, tuple(left_out))
        lines = (rows[list(positions)] for positions in left_out.values())
        self._totals.put(device, zip(of.tolist(), lines, strict=True))
        return rows

    def _define(self, device: str, names: Sequence[PointName]) -> Rows:
        rows = self._engine.register(device, names)
        points = [Point(device, name) for name in names]
        for row, point in zip(rows.tolist(), points, strict=True):
            if row >= self._defined:
                self._history.recorder.define(row, [point])
                self._defined = row + 1
        return rows

    def expect(self, rows: Rows, interval_s: float) -> None:
        self._engine.expect(rows, interval_s)
        self._engine.expect(self._totals.made_of(rows), interval_s)

    def accept(self, batch: Batch) -> None:
        self._engine.accept(batch)
        self._history.recorder.accept(batch)

    def report(self, device: str, status: Callable[[], DeviceStatus]) -> None:
        self._engine.report(device, status)

    # Running.

    async def run(self, web: WebServer, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. An error of any part ends all of them: a bug must be seen."""
        clients = Clients.open()
        scheduler = Scheduler(
            self._site.devices,
            lambda device: session_for(device, clients, self._profiles, self._clock),
            self,
            self._clock,
        )
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._history.run())
                group.create_task(web.serve(create_app(self, self.registry)))
                working = [
                    group.create_task(work)
                    for work in (
                        scheduler.run(),
                        self._ticks(clients),
                        self._remembering(),
                        self._keeping_events(),
                        self._asking(),
                        self._tell_systemd(),
                    )
                ]
                await stop.wait()
                systemd.notify("STOPPING=1")
                for task in working:
                    task.cancel()
                web.stop()
                keeping.cancel()
                self._engine.log.stop(self._clock.now())
        finally:
            async with asyncio.timeout(STOP_WITHIN_S):
                await clients.close()
                await self._remember()
                await self._history.close()
            _log.info("stopped")

    async def _ticks(self, clients: Clients) -> None:
        """Compute and publish once a second; a late tick is skipped, never doubled."""
        due = self._clock.monotonic()
        while True:
            started = self._clock.monotonic()
            self._follow_the_clock()
            snapshot = self._engine.tick(self._clock.now())
            totals = self._totals.batch(snapshot.points)
            if totals is not None:
                self.accept(totals)
            if self._engine.log.waiting:
                self._happened.set()
            async with self._published:
                self._published.notify_all()
            ended = self._clock.monotonic()
            self._metrics.ticked(snapshot, duration_s=ended - started, late_s=started - due)
            self._metrics.kept(self._history.status())
            self._metrics.polled(clients)
            due = max(due + TICK_S, ended)
            await self._clock.sleep(due - ended)

    def _follow_the_clock(self) -> None:
        """Whoever asks for the time until the next call is told the same clock as the engine."""
        step_s = self._clock.follow()
        if step_s:
            self._engine.stepped(step_s, self._clock.now())
            self._totals.stepped(step_s)
            _log.warning("clock_set", by_s=round(step_s, 1))

    def _go_on(self) -> None:
        """Take up energies where an earlier run left them; counters bridge the time between. Then
        the events, which are compared with how everything stood."""
        kept, now = self._history.recall(STATE), self._clock.now()
        if kept is not None:
            try:
                self._engine.restore(kept, now)
            except ValueError as error:
                _log.error("energies_begin_anew", reason=str(error))
        self._engine.log.keep(self._history.events, now)

    async def _remembering(self) -> None:
        while True:
            await self._clock.sleep(REMEMBER_S)
            await self._remember()

    async def _keeping_events(self) -> None:
        while True:
            await self._happened.wait()
            self._happened.clear()
            await self._keep_events()

    async def _keep_events(self) -> None:
        """Make what happened durable, and tell it; without the disk where that refuses."""
        kept = self._engine.log.unsaved()
        if kept is None:
            return
        if await self._history.keep_events(kept):
            self._engine.log.saved(kept)
        else:
            self._engine.log.refused()

    async def _remember(self) -> bool:
        async with self._one_writer:
            kept = self._engine.state()
            await self._keep_events()  # a state is never ahead of the events it comes from
            if not await self._history.remember(STATE, kept):
                return False
            self._engine.saved(kept)
        return True

    async def _remember_now(self) -> None:
        """What somebody was told is kept must be. Raises SinkError where the disk fails."""
        if not await self._remember():
            raise SinkError("it is taken up, but the disk does not keep it: a restart forgets it")

    async def _asking(self) -> None:
        """What announced maintenance does, whenever the plant changes: beside the ticks, as an
        answer takes its time."""
        version = 0
        while True:
            version = (await self.next_snapshot(version)).version
            await asyncio.to_thread(self._engine.ask_maintenance)

    async def _tell_systemd(self) -> None:
        while not self._engine.snapshot.ready:
            await self.next_snapshot(self._engine.snapshot.version)
        # What the start has built stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        snapshot = self._engine.snapshot
        down = [status.id for status in snapshot.devices.values() if not status.up]
        _log.info("ready", devices=len(snapshot.devices), down=len(down))
        systemd.notify(f"READY=1\nSTATUS=watching {len(snapshot.devices)} devices")
        interval_s = systemd.watchdog_interval_s()
        while interval_s is not None:
            systemd.notify("WATCHDOG=1")
            await asyncio.sleep(interval_s)
