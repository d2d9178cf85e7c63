"""Bad input from SNMP devices: each kind has a sentence of its own in `probe`, in the API and in
the log, the rest of the device is read all the same, and no other device misses a poll."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
import tracemalloc
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
import structlog

from agent.clock import SystemClock
from collectors import scheduler as scheduler_module
from collectors import session as session_module
from collectors.clients import Clients
from collectors.probe import probe
from collectors.profile import Library
from collectors.reader import SILENT_COLUMNS_MAX, SYS_DESCR, SYS_OBJECT_ID, TABLE_ROWS_MAX
from collectors.scheduler import ERRORS_SHOWN, Scheduler
from collectors.session import session_for
from collectors.snmp import codec
from collectors.snmp.client import SnmpClient, Target
from collectors.snmp.codec import ErrorStatus, Version
from collectors.snmp.template import Template
from core.errors import DeviceError, DeviceTimeout, Malformed, Unidentified
from core.site import Credentials, Device, Poll
from tests.support import bad_snmp
from tests.support.api import FakeServices, client_of, make_snapshot
from tests.support.bad_snmp import Fault, Peer, sound
from tests.support.intake import Rowed
from tests.support.odd_agent import SYS_UPTIME, OddAgent

BASE = "1.3.6.1.4.1.55555"
VOLTAGE, LOAD, OTHER = f"{BASE}.3.1.2", f"{BASE}.3.1.3", f"{BASE}.5.1.2"
CHARGE, NAME = f"{BASE}.2.2.0", f"{BASE}.1.1.0"
PROFILE = f"""
profile: odd
title: A device for tests
class: ups
protocol: snmp
source: this test
identity: {{model: {{oid: {NAME}}}}}
points:
  - {{point: mode, oid: {BASE}.2.1.0, enum: {{1: online}}, source: a}}
  - {{point: battery.charge, oid: {CHARGE}, scale: 0.01, source: b}}
  - {{point: battery.voltage, oid: {BASE}.2.3.0, scale: 0.1, source: c}}
  - {{point: output.voltage, walk: {VOLTAGE}, source: d}}
  - {{point: output.load, walk: {LOAD}, scale: 0.01, source: e}}
  - {{point: probe.temperature, walk: {OTHER}, speed: slow, source: f}}
"""
OBJECTS = {
    SYS_UPTIME: 1_000_000,
    NAME: b"Model 7",
    f"{BASE}.2.1.0": 1,
    CHARGE: 87,
    f"{BASE}.2.3.0": 541,
    **{f"{VOLTAGE}.{row}": 230 + row for row in range(1, 5)},
    **{f"{LOAD}.{row}": 40 + row for row in range(1, 5)},
    **{f"{OTHER}.{row}": 20 + row for row in range(1, 3)},
}
SCALARS = {"mode", "battery.charge", "battery.voltage"}
VOLTAGES = {f"output.voltage.{row}" for row in range(1, 5)}
LOADS = {f"output.load.{row}" for row in range(1, 5)}
OTHERS = {f"probe.temperature.{row}" for row in (1, 2)}
ALL = SCALARS | VOLTAGES | LOADS | OTHERS
PLACE = r"127\.0\.0\.1:\d+"


@dataclass(frozen=True)
class Bad:
    """A fault, the sentence it must be told by, and the points that are read all the same: none
    means that the device is down."""

    fault: Fault
    sentence: str
    points: frozenset[str] | set[str] = frozenset()
    version: Version = Version.V2C
    objects: dict[str, int | bytes | str] = field(default_factory=dict)
    failing: dict[str, ErrorStatus] = field(default_factory=dict)
    error: type[DeviceError] = Malformed

    def agent(self) -> OddAgent:
        return OddAgent(OBJECTS | self.objects, self.version, failing=self.failing)

    @property
    def credentials(self) -> Credentials:
        return Credentials("test", "v1" if self.version is Version.V1 else "v2c", "public")


def refused(status: int, sentence: str) -> Bad:
    return Bad(
        sound,
        rf"^{re.escape(CHARGE)}: the device refuses it \({sentence}",
        ALL - {"battery.charge"},
        failing={CHARGE: status},
    )


def charge_is_answered_as_something_else(request, agent):
    binds = [bind.oid for bind in request.pdu.varbinds]
    if request.pdu.kind == codec.GET and CHARGE in binds:
        return bad_snmp.integers(request, [f"{BASE}.9.9.0" for _ in binds])
    return sound(request, agent)


def no_binds(request, agent):
    if request.pdu.kind == codec.GET:
        return sound(request, agent)
    return bad_snmp.integers(request, ())


CASES = {
    "wrong community": Bad(
        bad_snmp.community(b"another"),
        rf"^no answer from {PLACE} within 0\.1 s, tried twice: check the address, the community, "
        "the SNMP version and the device's access list$",
        error=DeviceTimeout,
    ),
    "stops in a table": Bad(
        bad_snmp.stops(VOLTAGE, 2),
        rf"^{VOLTAGE}: {PLACE} stops answering in the middle of a table: nothing comes after "
        rf"{VOLTAGE}\.2 \(2 rows came\), restart",
        ALL - {"output.voltage.3", "output.voltage.4"},
    ),
    "stops in a v1 table": Bad(
        bad_snmp.stops(LOAD, 0),
        rf"^{LOAD}: {PLACE} stops answering in the middle of a table: nothing comes after {LOAD}"
        r"\.1 \(1 row came\), restart",
        ALL - LOADS | {"output.load.1"},
        Version.V1,
    ),
    "dies in a table": Bad(
        bad_snmp.dies(VOLTAGE),
        rf"^{PLACE} stops answering in the middle of a table: nothing comes after "
        rf"{VOLTAGE} \(0 rows came\)",
        error=DeviceTimeout,
    ),
    "table without end": Bad(
        bad_snmp.endless(VOLTAGE),
        rf"^{VOLTAGE}: {PLACE}: its table does not end: more than {TABLE_ROWS_MAX} objects below "
        rf"{VOLTAGE}$",
        ALL - VOLTAGES,
    ),
    "v1 table without end": Bad(
        bad_snmp.endless(LOAD),
        rf"^{LOAD}: {PLACE}: its table does not end: more than {TABLE_ROWS_MAX} objects",
        ALL - LOADS,
        Version.V1,
    ),
    "OIDs go back": Bad(
        bad_snmp.stuck(VOLTAGE, 1, 3, 2),
        rf"^{VOLTAGE}: {PLACE}: its OIDs do not increase \({VOLTAGE}\.2 follows {VOLTAGE}\.3\)",
        ALL - {"output.voltage.2", "output.voltage.4"},
    ),
    "equal OIDs": Bad(
        bad_snmp.stuck(VOLTAGE, 1, 2, 2),
        rf"^{VOLTAGE}: {PLACE}: its OIDs do not increase \({VOLTAGE}\.2 follows {VOLTAGE}\.2\)",
        ALL - {"output.voltage.3", "output.voltage.4"},
    ),
    "equal v1 OIDs": Bad(
        bad_snmp.stuck(VOLTAGE, 1, 1),
        rf"^{VOLTAGE}: {PLACE}: its OIDs do not increase \({VOLTAGE}\.1 follows {VOLTAGE}\.1\)",
        ALL - VOLTAGES | {"output.voltage.1"},
        Version.V1,
    ),
    "walk gives nothing": Bad(
        no_binds,
        rf"^{VOLTAGE}: {PLACE} gives no valid answer: asked for what follows {VOLTAGE} it gives no",
        SCALARS,
    ),
    "walk is refused": Bad(
        sound,
        rf"^{OTHER}: {PLACE} refuses to be walked at {OTHER}: genErr$",
        ALL - OTHERS,
        failing={f"{OTHER}.1": ErrorStatus.GEN_ERR},
    ),
    "tooBig": refused(1, "tooBig.*: even alone its value is too long"),
    "genErr": refused(5, "genErr.*: the device fails at it"),
    "noAccess": refused(6, "noAccess.*: may this community or user read it"),
    "resourceUnavailable": refused(13, r"resourceUnavailable\)$"),
    "authorizationError": refused(16, "authorizationError.*: may this community or user read it"),
    "unknown error-status": refused(99, r"error-status 99\)$"),
    "all refused": Bad(
        sound,
        r"none of the objects of profile 'odd' exist there or can be read \(.*authorizationError",
        failing=dict.fromkeys([*OBJECTS, SYS_DESCR, SYS_OBJECT_ID], 16),
        error=Unidentified,
    ),
    "an answer is cut off": Bad(
        bad_snmp.cut(400),
        rf"^{re.escape(NAME)}: {PLACE} gives no valid answer: it is cut off, 400 of \d+ octets",
        ALL,
        objects={NAME: b"x" * 500},
    ),
    "another object is answered": Bad(
        charge_is_answered_as_something_else,
        rf"^{re.escape(CHARGE)}: {PLACE} gives no valid answer: {CHARGE} was asked for, "
        rf"{BASE}\.9\.9\.0 was answered$",
        ALL - {"battery.charge"},
    ),
    "no object is answered": Bad(
        lambda request, _agent: bad_snmp.integers(request, ()),
        rf"^{PLACE} gives no valid answer: 1 objects were asked for, 0 were answered$",
    ),
    "another version": Bad(
        bad_snmp.other_message(version=Version.V1),
        rf"^{PLACE} gives no valid answer: it is asked in v2c and answers in v1, set the version",
    ),
    "another community": Bad(
        bad_snmp.other_message(community=b"secret"),
        rf"^{PLACE} gives no valid answer: it answers with another community than it was asked",
    ),
    "garbage": Bad(
        bad_snmp.noise(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        rf"^{PLACE} sends what is no SNMP \(.*\), tried twice: does another service listen there",
    ),
    "an answer of three octets": Bad(
        bad_snmp.cut(3), rf"^{PLACE} sends what is no SNMP \(.*\), tried twice"
    ),
}  # fmt: skip
DOWN = {name: case for name, case in CASES.items() if not case.points}
PARTLY = {name: case for name, case in CASES.items() if case.points}


@pytest.fixture
def library(tmp_path):
    (tmp_path / "odd.yaml").write_text(PROFILE)
    return Library([tmp_path])


@pytest.fixture
async def clients():
    made = Clients.open()
    yield made
    await made.close()


@pytest.fixture
def probed(library, clients):
    async def _probed(address: str, credentials: Credentials | None = None):
        return await probe(
            address,
            profile="odd",
            credentials=credentials or Credentials("test", "v2c", "public"),
            clients=clients,
            library=library,
            clock=SystemClock(),
            timeout_s=0.1,
            retries=1,
        )

    return _probed


def points_of(result) -> set[str]:
    good = [each.point for each in (*result.readings, *result.states) if each.quality == "good"]
    return set(good)


@pytest.mark.parametrize("name", DOWN)
async def test_probe_says_why_a_device_gives_nothing(probed, name):
    case = DOWN[name]
    async with bad_snmp.serve(case.agent(), case.fault) as (address, _), asyncio.timeout(5):
        with pytest.raises(case.error, match=case.sentence) as caught:
            await probed(address, case.credentials)
    assert address.removeprefix("snmp://") in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", PARTLY)
async def test_probe_keeps_the_rest_of_a_device_and_lists_the_trouble(probed, name):
    case = PARTLY[name]
    async with bad_snmp.serve(case.agent(), case.fault) as (address, _), asyncio.timeout(10):
        result = await probed(address, case.credentials)
    assert points_of(result) == case.points
    assert any(re.search(case.sentence, error) for error in result.errors), result.errors
    # Who asks for what follows the last row of a table asks for the first of the next.
    most = {"walk gives nothing": 3, "walk is refused": 2}.get(name, 1)
    assert len(result.errors) <= most, result.errors


def test_every_sentence_is_of_its_own():
    kinds = {re.sub(r"\W*\d[\d.]*", "", case.sentence) for case in CASES.values()}
    assert len(kinds) >= len(CASES) - 3, "those of version 1 are those of v2c"


async def test_a_device_that_refuses_everything_is_not_identified_and_says_so(clients, library):
    case = CASES["all refused"]
    async with bad_snmp.serve(case.agent(), case.fault) as (address, _):
        with pytest.raises(Unidentified, match=r"refuses to say what it is \(authorizationError\)"):
            await probe(
                address,
                credentials=case.credentials,
                clients=clients,
                library=library,
                clock=SystemClock(),
                timeout_s=0.2,
            )


async def test_a_v1_object_that_does_not_exist_is_no_trouble(probed):
    agent = OddAgent({oid: raw for oid, raw in OBJECTS.items() if oid != CHARGE}, Version.V1)
    async with bad_snmp.serve(agent) as (address, _):
        result = await probed(address, Credentials("test", "v1", "public"))
    assert points_of(result) == ALL - {"battery.charge"}
    assert result.errors == ()


@pytest.mark.parametrize("most_octets", [90, 150, 300])
@pytest.mark.parametrize("fault", [bad_snmp.cut, bad_snmp.too_big])
async def test_answers_that_are_too_long_lead_to_smaller_requests(
    probed, library, clients, fault, most_octets
):
    """Also for a device with so many objects that each request is too large several times over."""
    rows = {f"{VOLTAGE}.{row}": 200 + row for row in range(1, 101)}
    async with bad_snmp.serve(OddAgent(OBJECTS | rows), fault(most_octets)) as (address, peer):
        result = await probed(address)
        assert points_of(result) == ALL | {f"output.voltage.{row}" for row in range(1, 101)}
        assert result.errors == ()
        session = session_for(_device("d", address), clients, library, SystemClock())
        await session.open()
        peer.asked = 0
        answer = await session.poll("fast")
        assert not answer.errors
        assert (answer.decoded()[1] == 0).all()
        assert peer.asked >= 5
        first = peer.asked
        await session.poll("fast")
        assert peer.asked == 2 * first, "what was learnt is kept: nothing is asked in vain"


@pytest.mark.parametrize(
    "change",
    [
        lambda binds: binds[:-1],
        lambda binds: [*binds, binds[0]],
        lambda binds: binds[::-1],
        lambda _binds: [],
    ],
    ids=["fewer", "more", "in another order", "none"],
)
async def test_answers_with_other_objects_than_asked_for_lead_to_smaller_requests(probed, change):
    async with bad_snmp.serve(OddAgent(dict(OBJECTS)), bad_snmp.other_binds(change)) as (
        address,
        _,
    ):
        result = await probed(address)
    assert points_of(result) == ALL
    assert result.errors == ()


async def test_a_table_without_end_costs_bounded_time_and_memory(clients):
    async with bad_snmp.serve(OddAgent(dict(OBJECTS)), bad_snmp.endless(VOLTAGE)) as (address, _):
        target = Target("127.0.0.1", int(address.rpartition(":")[2]), timeout_s=0.3)
        started = time.monotonic()
        tracemalloc.start()
        try:
            with pytest.raises(Malformed, match="more than 5000 objects"):
                await clients.snmp.walk(target, VOLTAGE, limit=5000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert time.monotonic() - started < 8
    assert peak < 20e6


async def test_many_tables_that_stop_cost_bounded_time(tmp_path, clients):
    """Each costs several time-outs; the objects outside of tables are not kept from us for long."""
    columns = [f"{BASE}.1.9.{n}" for n in range(1, 21)]
    lines = "".join(
        f"  - {{point: output.voltage.t{n}, walk: {column}, source: t}}\n"
        for n, column in enumerate(columns)
    )
    (tmp_path / "odd.yaml").write_text(PROFILE + lines)

    def fault(request, agent):
        return (
            None
            if any(bad_snmp.walked(request, column) is not None for column in columns)
            else sound(request, agent)
        )

    async with bad_snmp.serve(OddAgent(dict(OBJECTS)), fault) as (address, _):
        poll = Poll(timeout_s=0.05, retries=0)
        session = session_for(
            _device("d", address, poll=poll), clients, Library([tmp_path]), SystemClock()
        )
        started = time.monotonic()
        opened = await session.open()
    assert time.monotonic() - started < 6
    assert {str(name) for name in opened.names} == ALL
    assert len(opened.errors) == len(columns)
    assert sum("stops answering" in error for error in opened.errors) == SILENT_COLUMNS_MAX
    assert opened.errors[-1].startswith(f"{columns[-1]}: not asked for")


async def test_a_condition_object_that_is_not_answered_costs_its_rows_only(tmp_path, clients):
    more = f"""  - point: output.voltage.c
    walk: {OTHER}
    only: {{oid: {BASE}.8.1.0, equals: [1]}}
    source: g
"""
    (tmp_path / "odd.yaml").write_text(PROFILE + more)
    agent = OddAgent(dict(OBJECTS), ignored=frozenset({f"{BASE}.8.1.0"}))
    async with bad_snmp.serve(agent) as (address, _):
        poll = Poll(timeout_s=0.1, retries=0)
        device = _device("d", address, poll=poll)
        opened = await session_for(device, clients, Library([tmp_path]), SystemClock()).open()
    assert {str(name) for name in opened.names} == ALL
    assert opened.errors[0].startswith(f"{BASE}.8.1.0: no answer when it is asked for")


# ---------------------------------------------------------------- what is no answer


ONE = Template.of([CHARGE])


async def test_late_answers_are_told_as_such():
    """Every answer comes after its time-out."""
    client = SnmpClient(1)
    loop = asyncio.get_running_loop()

    class Slow(Peer):
        def datagram_received(self, data, address):
            answer = sound(codec.decode_message(data), self.agent)
            loop.call_later(0.25, self.transport.sendto, answer, address)

    transport, _ = await loop.create_datagram_endpoint(
        lambda: Slow(OddAgent(dict(OBJECTS)), sound), local_addr=("127.0.0.1", 0)
    )
    try:
        target = Target("127.0.0.1", transport.get_extra_info("sockname")[1], timeout_s=0.15)
        with pytest.raises(DeviceTimeout, match=r"answers to earlier requests came: give it more"):
            await client.get(target, ONE)
    finally:
        transport.close()
        client.close()


async def test_an_answer_from_another_address_is_told():
    client = SnmpClient(1)
    loop = asyncio.get_running_loop()
    other, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )

    def elsewhere(request, agent):
        other.sendto(sound(request, agent), client_address[0])

    client_address = []

    class Split(Peer):
        def datagram_received(self, data, address):
            client_address[:] = [address]
            super().datagram_received(data, address)

    transport, _ = await loop.create_datagram_endpoint(
        lambda: Split(OddAgent(dict(OBJECTS)), elsewhere), local_addr=("127.0.0.1", 0)
    )
    try:
        there = other.get_extra_info("sockname")[1]
        target = Target("127.0.0.1", transport.get_extra_info("sockname")[1], timeout_s=0.1)
        with pytest.raises(DeviceTimeout, match=f"one came from 127.0.0.1:{there}: poll that"):
            await client.get(target, ONE)
    finally:
        transport.close()
        other.close()
        client.close()


async def test_garbage_besides_the_right_answer_changes_nothing():
    client = SnmpClient(1)
    loop = asyncio.get_running_loop()

    class Noisy(Peer):
        def datagram_received(self, data, address):
            self.transport.sendto(b"\x30\x03abc", address)
            super().datagram_received(data, address)

    transport, _ = await loop.create_datagram_endpoint(
        lambda: Noisy(OddAgent(dict(OBJECTS)), sound), local_addr=("127.0.0.1", 0)
    )
    try:
        target = Target("127.0.0.1", transport.get_extra_info("sockname")[1], timeout_s=0.5)
        assert (await client.get(target, ONE)).values == [87]
    finally:
        transport.close()
        client.close()


# ---------------------------------------------------------------- in the running agent


INTERVAL_S = 0.4
POLL = Poll(interval_s=INTERVAL_S, slow_interval_s=1.2, timeout_s=0.1, retries=1)
QUICK = Poll(interval_s=0.1, slow_interval_s=0.2, timeout_s=0.1, retries=1)


@pytest.fixture
def quick(monkeypatch):
    """Devices are tried at once, and tables are looked at with every slow poll."""
    monkeypatch.setattr(scheduler_module, "FIRST_TRIES_WITHIN_S", 0.2)
    monkeypatch.setattr(session_module, "TABLES_CHECKED_S", 0.1)


def _device(
    name: str, address: str, credentials: Credentials | None = None, poll: Poll = POLL
) -> Device:
    credentials = credentials or Credentials("test", "v2c", "public")
    return Device(name, "ups", "odd", address, credentials, poll)


@dataclass
class Notes(Rowed):
    """When answers of a device came, and which points it has."""

    times: dict[str, list[float]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)

    def register(self, device, names):
        self.names[device] = {str(name) for name in names}
        self.opened[device] = self.opened.get(device, 0) + 1
        return super().register(device, names)

    def accept(self, batch):
        for device, at, _ in self.answers(batch):
            self.times.setdefault(device, []).append(at)


@asynccontextmanager
async def polling(fleet: dict[str, Bad], library: Library, clients: Clients, poll: Poll = QUICK):
    """A running scheduler over these devices; gives what it tells, its log, and the peers."""
    clock, notes = SystemClock(), Notes()
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(structlog.testing.capture_logs())
        peers, devices = {}, []
        for name, case in fleet.items():
            served = bad_snmp.serve(case.agent(), case.fault)
            address, peers[name] = await stack.enter_async_context(served)
            devices.append(_device(name, address, case.credentials, poll))
        scheduler = Scheduler(
            tuple(devices),
            lambda device: session_for(device, clients, library, clock),
            notes,
            clock,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(scheduler.run())
            yield notes, logs, peers
            assert not running.done(), "the scheduler ended by itself"
            running.cancel()


async def until(fact, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not fact():
            await asyncio.sleep(0.02)


GOOD = {"good-1": Bad(sound, "", ALL), "good-2": Bad(sound, "", ALL, Version.V1)}


async def test_the_agent_tells_every_reason_and_no_other_device_misses_a_poll(
    library, clients, monkeypatch
):
    monkeypatch.setattr(scheduler_module, "FIRST_TRIES_WITHIN_S", 1.0)
    fleet = GOOD | CASES
    async with polling(fleet, library, clients, POLL) as (notes, logs, _):
        await asyncio.sleep(5.0)

    for name in GOOD:
        status = notes.statuses[name]
        assert (status.up, status.failures, status.skipped) == (True, 0, 0), name
        assert (status.last_error, status.errors) == ("", ()), name
        gaps = [two - one for one, two in pairwise(notes.times[name][2:])]
        gaps = [gap for gap in gaps if gap > INTERVAL_S / 4]  # a slow poll follows a fast one
        assert len(gaps) >= 6, name
        assert statistics.median(gaps) == pytest.approx(INTERVAL_S, rel=0.1), name
        assert max(gaps) < 2 * INTERVAL_S, (name, gaps)

    def logged(event: str, name: str) -> list[dict]:
        return [line for line in logs if line["event"] == event and line["device"] == name]

    for name, case in DOWN.items():
        status = notes.statuses[name]
        assert not status.up, name
        since = CASES["wrong community"] if name == "dies in a table" else case
        assert re.search(since.sentence, status.last_error), (name, status.last_error)
        (line,) = logged("device_down", name)
        assert line["log_level"] == "warning"
        assert re.search(case.sentence, line["reason"]), (name, line)
        assert status.errors == (), name
    for name, case in PARTLY.items():
        status = notes.statuses[name]
        assert (status.up, status.last_error) == (True, ""), name
        assert any(re.search(case.sentence, each) for each in status.errors), (name, status.errors)
        assert case.points <= notes.names[name], name
        (line,) = logged("device_refuses", name)
        assert any(re.search(case.sentence, each) for each in line["what"]), (name, line)
        assert line["count"] == len(status.errors)
        assert notes.opened[name] == 1, "what is known to be broken is not tried again and again"

    await _api_tells(notes.statuses["stops in a table"], CASES["stops in a table"], "up")
    await _api_tells(notes.statuses["wrong community"], CASES["wrong community"], "down")


async def _api_tells(status, case: Bad, state: str) -> None:
    """What the API answers for a device that is polled so."""
    snapshot = make_snapshot()
    devices = dict(snapshot.devices) | {"ups-a1": replace(status, id="ups-a1")}
    async with client_of(FakeServices(replace(snapshot, devices=devices))) as client:
        device = (await client.get("/api/v1/devices/ups-a1")).json()["device"]
    assert device["status"] == state
    told = device["errors"] if state == "up" else [device["last_error"]]
    assert re.search(case.sentence, told[0]), device


@pytest.mark.usefixtures("quick")
async def test_what_begins_to_fail_while_polled_is_told_and_stays_told(library, clients):
    async with polling({"odd": Bad(sound, "", ALL)}, library, clients) as (notes, logs, peers):
        await until(lambda: "odd" in notes.statuses and notes.statuses["odd"].polls >= 2)
        assert notes.statuses["odd"].errors == ()
        peers["odd"].agent.failing = {CHARGE: ErrorStatus.GEN_ERR}
        await until(lambda: notes.statuses["odd"].errors)
        polls = notes.statuses["odd"].polls
        await until(lambda: notes.statuses["odd"].polls >= polls + 4)
        status = notes.statuses["odd"]
    assert status.up
    assert re.search(r"2\.2\.0: the device refuses it \(genErr\)", status.errors[0])
    (line,) = [line for line in logs if line["event"] == "device_refuses"]
    assert line["what"] == status.errors


@pytest.mark.usefixtures("quick")
async def test_a_long_list_of_troubles_is_cut_short(library, clients):
    failing = {f"{VOLTAGE}.{row}": 5 for row in range(1, 31)}
    rows = dict.fromkeys(failing, 1)

    def fault(request, agent):
        agent.failing = failing if request.pdu.kind == codec.GET else {}
        return sound(request, agent)

    case = Bad(fault, "", SCALARS, objects=rows)
    async with polling({"odd": case}, library, clients) as (notes, _, _):
        await until(lambda: "odd" in notes.statuses and notes.statuses["odd"].up)
        errors = notes.statuses["odd"].errors
    assert len(errors) == ERRORS_SHOWN + 1
    assert errors[-1] == "and 10 more like these"


# ---------------------------------------------------------------- tables that change


VERSIONS = pytest.mark.parametrize("version", [Version.V1, Version.V2C])


@VERSIONS
@pytest.mark.usefixtures("quick")
async def test_rows_that_come_and_go_are_followed(library, clients, version):
    """Inserted, appended, and taken away, while the device is polled."""
    case = Bad(sound, "", ALL, version, objects={f"{VOLTAGE}.9": 239})
    async with polling({"odd": case}, library, clients) as (notes, logs, peers):
        objects = peers["odd"].agent.objects
        await until(lambda: notes.names.get("odd") == ALL | {"output.voltage.9"})
        objects[f"{VOLTAGE}.6"] = 236
        await until(lambda: "output.voltage.6" in notes.names["odd"])
        objects[f"{OTHER}.3"] = 23
        await until(lambda: "probe.temperature.3" in notes.names["odd"])
        del objects[f"{VOLTAGE}.2"], objects[f"{VOLTAGE}.9"]
        gone = {"output.voltage.2", "output.voltage.9"}
        await until(lambda: not gone & notes.names["odd"])
        objects |= {f"{VOLTAGE}.2": 232}
        await until(lambda: "output.voltage.2" in notes.names["odd"])
        status, opened = notes.statuses["odd"], notes.opened["odd"]
        polls = status.polls
        await until(lambda: notes.statuses["odd"].polls >= polls + 5)
        assert notes.opened["odd"] == opened, "a table that stays is left alone"
    assert (status.up, status.failures, status.errors) == (True, 0, ())
    assert not [line for line in logs if line["event"] != "device_up"]


@VERSIONS
@pytest.mark.usefixtures("quick")
async def test_a_row_that_vanishes_is_noticed_by_the_poll_itself(
    library, clients, monkeypatch, version
):
    """Version 1 says it with an error-status, v2c with an exception."""
    monkeypatch.setattr(session_module, "TABLES_CHECKED_S", 60.0)
    fleet = {"odd": Bad(sound, "", ALL, version)}
    async with polling(fleet, library, clients) as (notes, _, peers):
        await until(lambda: "odd" in notes.statuses and notes.statuses["odd"].polls >= 2)
        del peers["odd"].agent.objects[f"{VOLTAGE}.2"]
        await until(lambda: "output.voltage.2" not in notes.names["odd"])
        assert notes.opened["odd"] == 2
        assert notes.statuses["odd"].failures == 0


@VERSIONS
async def test_rows_that_vanish_under_the_walk_cost_themselves_only(probed, version):
    """Row 3 is there when the table is walked, and gone when it is read."""
    agent = OddAgent(dict(OBJECTS), version)

    def fault(request, agent):
        if request.pdu.kind == codec.GET and len(request.pdu.varbinds) > 1:
            agent.objects.pop(f"{VOLTAGE}.3", None)
        return sound(request, agent)

    async with bad_snmp.serve(agent, fault) as (address, _):
        result = await probed(address, Bad(sound, "", version=version).credentials)
    assert points_of(result) == ALL - {"output.voltage.3"}
    assert result.errors == ()


@pytest.mark.usefixtures("quick")
async def test_a_device_that_restarts_between_two_polls_is_walked_again(
    library, clients, monkeypatch
):
    monkeypatch.setattr(session_module, "TABLES_CHECKED_S", 60.0)
    async with polling({"odd": Bad(sound, "", ALL)}, library, clients) as (notes, logs, peers):
        objects = peers["odd"].agent.objects
        await until(lambda: "odd" in notes.statuses and notes.statuses["odd"].polls >= 2)
        assert notes.opened["odd"] == 1
        objects[SYS_UPTIME] = 300
        objects[f"{VOLTAGE}.5"] = 235
        await until(lambda: "output.voltage.5" in notes.names["odd"])
        polls = notes.statuses["odd"].polls
        await until(lambda: notes.statuses["odd"].polls >= polls + 3)
        status = notes.statuses["odd"]
        assert notes.opened["odd"] == 2
    assert (status.up, status.failures) == (True, 0)
    assert [line["event"] for line in logs] == ["device_up"]
