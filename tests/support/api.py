"""A small site and its services for the API's tests: real records, a clock turned by hand.

`FakeServices` behaves as core.contracts.Services says; tests/test_api_services.py holds it to that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from api.app import create_app, end_streams
from api.metrics import Exposition
from core.cells import Span, Spans
from core.contracts import Case, Demand, HistoryReader, ScenarioControl, Series
from core.kpi import Kpis
from core.levels import Levels, MonthLevels
from core.maintenance import Maintenance
from core.metering import Energy, EnergyInput
from core.points import Point, parse_point
from core.quality import Quality
from core.site import Credentials, Device, Group, Node, Site, Window
from core.snapshot import (
    Alarm,
    BatteryAfter,
    CaseResult,
    Consequences,
    DeviceStatus,
    Event,
    FuelStatus,
    GroupStatus,
    Kpi,
    LoadStatus,
    Nameplate,
    Overload,
    Planned,
    PointView,
    RedundancyReport,
    SingleFailure,
    Snapshot,
    Validity,
    WhatIf,
    ZoneStatus,
)
from core.statement import Statement, Statements
from core.vocabulary import QUANTITIES, STATES, Severity

NOW = 1_769_829_120.0  # 2026-01-31T03:12:00Z


class ManualClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: float = NOW) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def turn(self, seconds: float) -> None:
        self._now += seconds


@dataclass(frozen=True)
class Reading:
    """One row of the fake's point table."""

    point: str
    value: float
    quality: Quality = Quality.GOOD
    severity: Severity = Severity.OK
    age_s: float = 2.0


READINGS = (
    Reading("meter-mv-a/active_power", 1_012_400.5),
    Reading("meter-mv-a/active_energy", 8_123_456_789.0),
    Reading("meter-mv-a/voltage.l1", 230.25),
    Reading("meter-mv-a/voltage.l2", 229.75),
    Reading("meter-mv-a/voltage.l3", 231.0),
    Reading("ups-a1/mode", 1),
    Reading("ups-a1/battery.state", 6, severity=Severity.OK),
    Reading("ups-a1/battery.charge", 0.98),
    Reading("ups-a1/battery.runtime", 720.0, Quality.HELD, age_s=14.5),
    Reading("ups-a1/output.active_power", 212_000.0),
    Reading("ups-a1/output.active_power.l1", 70_000.0),
    Reading("ups-a1/output.active_power.l2", 71_000.0),
    Reading("ups-a1/output.active_power.l3", 71_000.0),
    Reading("ups-a1/alarm.overload", 1),
    Reading("ups-a2/mode", 3, severity=Severity.WARNING),
    Reading("ups-a2/output.active_power", np.nan, Quality.OUT_OF_RANGE),
    Reading("ups-a2/battery.temperature", 24.0),
    Reading("gen-1/engine.state", 1),
    Reading("gen-1/fuel.level", 0.82, Quality.SUSPECT),
    Reading("crah-1/supply_air.temperature", np.nan, Quality.NO_ANSWER, age_s=90.0),
    Reading("crah-1/fan.state", np.nan, Quality.NO_ANSWER, age_s=90.0),
    Reading("pv-1/active_power", np.nan, Quality.WAITING, age_s=np.nan),
)


def make_site() -> Site:
    secret = Credentials("plant", community="s3cret-community")
    return Site(
        id="orange-tech",
        name='Orange Tech "Nouaceur"',
        timezone="Africa/Casablanca",
        devices=(
            Device("meter-mv-a", "meter", "schneider-pm5000", "modbus://10.10.3.1:502/1"),
            Device(
                "ups-a1",
                "ups",
                "rfc1628-ups",
                "snmp://reader:s3cret@10.10.1.11:161?community=s3cret-community",
                secret,
                name="UPS A1",
                place="hall-1",
                rating_kw=500,
                side="A",
                external_ids=(("cmdb", "CI-0042"),),
            ),
            Device("ups-a2", "ups", "rfc1628-ups", "snmp://10.10.1.12", secret, place="hall-1"),
            Device("gen-1", "genset", "deepsea-gencomm", "modbus+rtu:///dev/ttyS0?baud=9600/1"),
            Device("crah-1", "crah", "crah", "modbus://10.10.4.1/1", place="hall-1"),
            Device("pv-1", "pv_inverter", "sunspec-inverter", "modbus://10.10.5.1/1"),
            Device("ups-old", "ups", "rfc1628-ups", "snmp://10.10.1.99", lifecycle="retired"),
        ),
        power=(
            Node("utility-a", "utility", capacity_kw=2500, device="meter-mv-a"),
            Node("ups-a1", "ups", ("utility-a",), capacity_kw=500, device="ups-a1"),
            Node("ups-a2", "ups", ("utility-a",), capacity_kw=500, device="ups-a2"),
            Node("ups-a", "bus", ("ups-a1", "ups-a2")),
            Node("row-1", "load", ("ups-a",), demand_kw=424.0),
        ),
        groups=(Group("ups", "N+R", ("ups-a1", "ups-a2")), Group("gensets", "N+R", ("gen-1",))),
        energy=Energy(),
    )


def make_view(now: float = NOW, readings: Sequence[Reading] = READINGS) -> PointView:
    points = tuple(parse_point(reading.point) for reading in readings)
    return PointView(
        points=points,
        value=np.array([reading.value for reading in readings], dtype=np.float64),
        time=np.array([now - reading.age_s for reading in readings]),
        quality=np.array([reading.quality for reading in readings], dtype=np.uint8),
        severity=np.array([reading.severity for reading in readings], dtype=np.uint8),
        row={point.id: row for row, point in enumerate(points)},
    )


def make_devices(now: float = NOW) -> dict[str, DeviceStatus]:
    def status(name: str, points: int, **changes: object) -> DeviceStatus:
        plate = Nameplate("Maker", f"Model of {name}", "SN-1", "1.2.3")
        base = DeviceStatus(name, True, True, "", plate, now - 2.0, "", 0.012, 120, 1, 0, points)
        return replace(base, **changes)

    silent = {"up": False, "last_success": now - 90, "last_error": "no answer within 2 s"}
    untried = {
        "up": False,
        "tried": False,
        "nameplate": Nameplate(),
        "last_success": None,
        "last_error": "not tried yet",
        "poll_duration_s": None,
        "polls": 0,
        "failures": 0,
    }
    rows = (
        status("meter-mv-a", 5, profile="schneider-pm5000"),
        status("ups-a1", 9, profile="rfc1628-ups"),
        status("ups-a2", 3, skipped=4),
        status("gen-1", 2),
        status("crah-1", 2, failures=18, **silent),
        status("pv-1", 1, **untried),
    )
    return {row.id: row for row in rows}


def make_kpis() -> tuple[Kpi, ...]:
    facility = ("meter-mv-a/active_energy",)
    return (
        Kpi("facility_power", 1_012_400.5, "W", Quality.GOOD, 1.0, inputs=facility),
        Kpi("it_power", 720_000.0, "W", Quality.GOOD, 1.0, category=1),
        Kpi("pue", 1.406, "ratio", Quality.GOOD, 1.0, "1m", 60.0, 1, facility),
        Kpi("pue", 1.41, "ratio", Quality.YOUNG, 1.0, "1h", 1234.5, 1, facility, "1234 s of 1 h"),
        Kpi("pue", None, "ratio", Quality.NO_ANSWER, 0.0, "1h", 0.0, 2, (), "no meter answers"),
        Kpi("power_ratio", 1.4061, "ratio", Quality.GOOD, 1.0, category=1),
        Kpi("grid_import_power", 1_012_400.5, "W", Quality.GOOD, 1.0),
        Kpi("genset_power", 0.0, "W", Quality.GOOD, 1.0),
        Kpi("pv_power", 0.0, "W", Quality.GOOD, 1.0),
        Kpi("pv_energy", 310_000.0, "Wh", Quality.GOOD, 1.0, "24h", 86_400.0),
        Kpi("pv_self_consumption", 1.0, "ratio", Quality.GOOD, 1.0, "24h", 86_400.0),
        Kpi("pv_self_sufficiency", 0.128, "ratio", Quality.GOOD, 1.0, "24h", 86_400.0),
        *(
            Kpi(
                name, value, unit, Quality.GOOD, 1.0, "24h", 86_400.0, category, estimated_ratio=0.0
            )
            for name, value, unit, category in (
                ("grid_dependency", 0.872, "ratio", None),
                ("pv_performance_ratio", 0.81, "ratio", None),
                ("pv_performance_ratio_corrected", 0.85, "ratio", None),
                ("ref", 0.128, "ratio", None),
                ("erf", 0.05, "ratio", None),
                ("ere", 1.34, "ratio", 1),
                ("cer", 5.3, "ratio", None),
                ("cue", 0.8048, "kg/kWh", 1),
                ("carbon_emissions", 13_900.0, "kg", None),
                ("wue", 1.5, "L/kWh", 1),
                ("water_use", 26.0, "m3", None),
                ("energy_cost", 21_000.0, "MAD", None),
            )
        ),
        *(
            Kpi(
                name,
                value,
                unit,
                Quality.GOOD,
                1.0,
                "24h",
                86_400.0,
                scope=scope,
                estimated_ratio=0.0,
            )
            for name, value, unit, scope in (
                ("ppue", 1.19, "ratio", "hall-1"),
                ("stage_efficiency", 0.95, "ratio", "ups"),
                ("stage_loss", 910_000.0, "Wh", "ups"),
                ("meter_balance", -0.012, "ratio", "mv"),
                ("energy_cost", 9_000.0, "MAD", "peak"),
            )
        ),
    )


@cache
def make_statements() -> Statements:
    """Of two meters from the evening of the 29th on, the UPS silent from 01:45 to 02:00 today."""
    facility, it = (
        EnergyInput(f"{name}active_energy", f"{name}active_power")
        for name in ("meter-mv-a/", "ups-a1/output.")
    )
    kpis = Kpis(Energy(facility=(facility,), it=((1, (it,)),)))
    begun, silent = NOW - 29 * 3600.0, NOW - 4320.0 - 900.0
    meters = kpis.meters
    spans = [
        Span(begun, NOW, 1_012_400.5 * 29, begun, estimated=False),
        Span(begun, silent, 720_000.0 * (silent - begun) / 3600, begun, estimated=False),
        Span(silent + 900, NOW, 720_000.0 * 4320 / 3600, silent + 900, estimated=True),
    ]
    for window in meters.windows.values():
        window.add(Spans.of([0, 1, 1], spans))
    meters.ledger.add(Spans.of([0, 1, 1], spans), NOW)
    meters.since[:], meters.until[:] = begun, NOW
    meters.update(make_view(readings=()), NOW)
    return Statements(kpis, "Africa/Casablanca")


def make_case(**changes: object) -> CaseResult:
    return replace(CaseResult((), (), (), ("ups-a",), ("row-1",), ()), **changes)


def make_group(**changes: object) -> GroupStatus:
    base = GroupStatus(
        "ups", "N+R", 3, 1, 1, 424.0, 500.0, 76.0, ("ups-a1", "ups-a2"), (), (), "mains_lost"
    )
    return replace(base, **changes)


def make_zone() -> ZoneStatus:
    warm = "hall-1 has 27.4 °C at a rack inlet, above the recommended 27 °C"
    return ZoneStatus(
        "hall-1", 2, 466.4, 27.4, 538.5, 437.0, ("crahs",), ("row-1",), (warm,), ((2, warm),)
    )


def make_redundancy() -> RedundancyReport:
    return RedundancyReport(
        status=2,
        headline="reduced: the generators have no spare unit",
        reasons=("gen-1 is the only generator",),
        groups=(make_group(), make_group(id="crahs", kind="cooling")),
        zones=(make_zone(),),
        loads=(LoadStatus("row-1", 424.0, 1, 1, 1, "at_n", ("one feed only",), "mains"),),
        single_failures=(SingleFailure("ups-a", ("row-1",), (), ()),),
        cases={
            "as_is": make_case(),
            "mains_lost": make_case(overloaded=(Overload("gen-1", 1300.0, 1250.0, ("row-1",)),)),
        },
        unchecked=("ups-a",),
        assumed=("row-1",),
        fuel=make_fuel(),
        planned=Planned(
            nodes=("ups-a2",),
            devices=frozenset(("ups-a2",)),
            groups=frozenset(),
            zones=frozenset(),
            words="out for maintenance until 2026-01-31 14:00 (wo-1234): ups-a2",
            beside=("gen-1 is the only generator",),
        ),
    )


def make_fuel() -> FuelStatus:
    why = "fuel: 9.4 h without tank-bulk of 44.1 h, 12 h are required"
    return FuelStatus(2, 44.1, 9.4, 12.0, "tank-bulk", 29_000.0, 657.5, (), (why,))


def make_consequences() -> Consequences:
    row = LoadStatus("row-1", 424.0, 1, 1, 1, "at_n", ("one feed only",), "mains")
    return Consequences(
        loads=(row,),
        loads_before={"row-1": replace(row, state="redundant")},
        groups_before={"ups": make_group()},
        batteries=(BatteryAfter("ups-a1", 424.0, 212.0, 312.0, 720.0, 137.0, True, True),),
        fuel=make_fuel(),
        fuel_before=make_fuel(),
        validity=Validity("5f1c09a2b7d4", 424.0, 497.6, 4.2),
    )


def make_events(now: float = NOW) -> tuple[Event, ...]:
    def event(seq: int, device: str, spans: tuple[float, float], **changes: object) -> Event:
        base = Event(
            seq, "state", device, f"{device}/mode", "online", "on_battery",
            Severity.WARNING, f"{device} went on battery", now + spans[0], now + spans[1],
        )  # fmt: skip
        return replace(base, **changes)

    return (
        event(1, "ups-a1", (-120, -115)),
        event(2, "ups-a2", (-118, -113)),
        event(3, "ups-a1", (-60, -55), before="on_battery", after="online", severity=Severity.OK),
        event(4, "ups-a2", (-55, -50), before="on_battery", after="online", severity=Severity.OK),
    )


def make_snapshot(version: int = 7, now: float = NOW) -> Snapshot:
    return Snapshot(
        version=version,
        time=now,
        supply="mains",
        points=make_view(now),
        devices=make_devices(now),
        kpis=make_kpis(),
        redundancy=make_redundancy(),
        levels={"site": {"full": 3600.0}, "group/gensets": {"full": 3500.0, "at_n": 100.0}},
        alarms=(
            Alarm(
                "ups-a2/mode", "ups-a2", "ups-a2/mode", Severity.WARNING, "on_battery",
                "UPS A2 is on battery", now - 118,
            ),
            Alarm(
                "crah-1", "crah-1", "", Severity.CRITICAL, "silent",
                "crah-1 does not answer", now - 90, Quality.NO_ANSWER,
            ),
        ),
        events=make_events(now),
        ready=True,
    )  # fmt: skip


class FakeHistory:
    """Keeps one reading a second of the last hour, for every point it is told of."""

    def __init__(self, points: Collection[str] = ("ups-a1/output.active_power",)) -> None:
        self.points = set(points)
        self.queries: list[tuple[str, float, float, int]] = []

    def known(self, point: str) -> bool:
        return point in self.points

    def query(self, point: str, start: float, end: float, buckets: int) -> Series:
        self.queries.append((point, start, end, buckets))
        times = np.arange(max(start, NOW - 3600), min(end, NOW)) if point in self.points else []
        if not len(times):
            empty = np.empty(0)
            return Series(point, empty, empty, empty, empty, empty, empty.astype(np.uint8))
        step = (end - start) / buckets
        t = np.unique(start + np.floor((np.asarray(times) - start) / step) * step)
        value = np.linspace(1.0, 2.0, len(t))
        quality = np.zeros(len(t), dtype=np.uint8)
        quality[0], value[0] = Quality.NO_ANSWER, np.nan
        return Series(point, t, value, value, value, value, quality)

    def rows(
        self, points: Collection[str], start: float, end: float
    ) -> Iterator[tuple[float, str, float, int]]:
        for time in np.arange(max(start, NOW - 3600), min(end, NOW)).tolist():
            for point in sorted(self.points & set(points)):
                yield time, point, 1.0, int(Quality.GOOD)


class FakeScenarios:
    """Remembers what was triggered."""

    def __init__(self) -> None:
        self.triggered: list[str] = []

    def names(self) -> Sequence[str]:
        return ("mains-failure", "device-silent")

    def trigger(self, name: str) -> None:
        if name not in self.names():
            raise KeyError(name)
        self.triggered.append(name)


class FakeServices:
    """All that the API is handed; `publish` is the tick."""

    def __init__(
        self, snapshot: Snapshot | None = None, *, site: Site | None = None, demo: bool = True
    ) -> None:
        self.site = site or make_site()
        self.clock = ManualClock()
        self.history: HistoryReader | None = FakeHistory()
        self.scenarios: ScenarioControl | None = FakeScenarios() if demo else None
        self._snapshot = snapshot or make_snapshot()
        self._published = asyncio.Condition()
        self.questions: list[tuple[list[str], list[str], Case, Demand]] = []
        self.maintenance = Maintenance((), self.site.timezone)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def events(self, since_seq: int, limit: int) -> Sequence[Event]:
        return [event for event in self._snapshot.events if event.seq > since_seq][:limit]

    def event_ends(self) -> tuple[int, int]:
        happened = self._snapshot.events
        return (happened[0].seq, happened[-1].seq) if happened else (0, 0)

    def levels(self, month: str | None) -> MonthLevels:
        levels = Levels(self.site.timezone)
        levels.update(self._snapshot)
        levels.update(replace(self._snapshot, time=self._snapshot.time + 30))
        return levels.month(month or "2026-01", self._snapshot.time)

    def what_if(
        self, out: Sequence[str], back: Sequence[str], case: Case, demand: Demand
    ) -> WhatIf:
        known = {node.id for node in self.site.power} | {each.id for each in self.site.devices}
        for name in (*out, *back):
            if name not in known:
                raise KeyError(name)
        self.questions.append((list(out), list(back), case, demand))
        overloaded = (Overload("ups-a1", 424.0, 400.0, ("row-1",)),) if out else ()
        result = make_case(overloaded=overloaded)
        return WhatIf(
            verdict="unsafe" if out else "safe",
            lost_loads=(),
            unprotected_loads=(),
            overloaded=overloaded,
            unchecked=("ups-a",),
            assumed=("row-1",),
            groups=(make_group(spare=-1 if out else 1, missing=tuple(out)),),
            cases={"as_is": result, "mains_lost": result} if case == "worst" else {case: result},
            reasons=("ups-a1 would carry 424 of 400 kW",) if out else (),
            consequences=make_consequences(),
        )

    async def announce(self, window: Window) -> str:
        for name in window.nodes:
            self.what_if([name], [], "worst", "now")
        name = self.maintenance.announce(window, self.clock.now()).id
        self.maintenance.ask(
            self._snapshot.redundancy,
            self.clock.now(),
            away=lambda _: None,
            effect=lambda out, back, *_: self.what_if(out, back, "worst", "now"),
        )
        asyncio.get_running_loop().create_task(self._ticked())
        return name

    async def cancel(self, name: str) -> None:
        self.maintenance.cancel(name, self.clock.now())
        asyncio.get_running_loop().create_task(self._ticked())

    async def _ticked(self) -> None:
        """The next snapshot, with maintenance as it stands."""
        now, version = self.clock.now(), self._snapshot.version + 1
        stands = self.maintenance.unjudged(now)
        await self.publish(replace(self._snapshot, version=version, maintenance=stands))

    async def pue_statement(self, name: str) -> Statement:
        return make_statements().audit(name)

    async def months(self, year: int | None) -> Sequence[Statement]:
        return make_statements().table(year)

    async def next_snapshot(self, after_version: int) -> Snapshot:
        async with self._published:
            await self._published.wait_for(lambda: self._snapshot.version > after_version)
        return self._snapshot

    async def publish(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        async with self._published:
            self._published.notify_all()


def make_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("kasbah_agent_ticks", "Ticks of the agent.", registry=registry).inc(3)
    return registry


def make_app(services: FakeServices) -> FastAPI:
    return create_app(services, make_registry())


@contextlib.asynccontextmanager
async def client_of(services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls the app in this process."""
    transport = httpx.ASGITransport(make_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://kasbah") as client:
        yield client


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app on a real socket; yields its address, ends its streams and stops it after."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=5)
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            end_streams(app)
            server.should_exit = True


def bulk_view(devices: int, points: int, now: float = NOW, seed: int = 1) -> PointView:
    """Many points: `points` quantities of UPS outlets on each of so many devices."""
    names = [
        Point(f"rpdu-{device}", parse_point(f"x/outlet.current.{number}").name)
        for device in range(devices)
        for number in range(points)
    ]
    size = len(names)
    return PointView(
        points=tuple(names),
        value=np.random.default_rng(seed).random(size).round(3),
        time=np.full(size, now - 1.0),
        quality=np.zeros(size, dtype=np.uint8),
        severity=np.zeros(size, dtype=np.uint8),
        row={point.id: row for row, point in enumerate(names)},
    )


def whole_vocabulary() -> PointView:
    """One point of every quantity and of every axis."""
    numbers = [Reading(f"ups-a1/{name}", 0.5) for name in QUANTITIES]
    return make_view(readings=[*numbers, *(Reading(f"ups-a1/{key}", 1) for key in STATES)])


def render_page(snapshot: Snapshot | None = None) -> str:
    """The /metrics page of a snapshot, drawn from nothing."""
    return Exposition(make_site(), make_registry()).page(snapshot or make_snapshot()).decode()
