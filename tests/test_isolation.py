"""One device that never answers, one that answers late, one that answers garbage: the others keep
their interval.

Real sockets, real sessions, the real scheduler and wall time. The bad devices are of both
protocols; each bad Modbus device is a gateway of its own, as behind one gateway turns are shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.modbus import codec as modbus_codec
from collectors.profile import Library
from collectors.scheduler import Scheduler
from collectors.session import session_for
from collectors.snmp.ber import INTEGER, OCTET_STRING
from core.quality import Quality
from core.site import Device, Poll
from simulator.mib import OrderedMib, Variable, constant, parse_oid
from simulator.modbus import ModbusListener, Unit
from simulator.nameplate import Nameplate
from simulator.snmp import Agent
from tests.support.intake import Rowed

pytestmark = pytest.mark.alone

INTERVAL_S = 0.5
MEASURED_S = 7.0
GOOD_OF_EACH = 10
POLL = Poll(interval_s=INTERVAL_S, slow_interval_s=2.0, timeout_s=0.3, retries=1)
LATE_S = 0.45
"""Later than a time-out, sooner than the next: each answer comes while its retry is awaited."""

SNMP_PROFILE = """
profile: meter-snmp
title: a meter
class: meter
protocol: snmp
source: this test
points:
  - {point: active_power, oid: 1.3.6.1.4.1.99999.1.1.0, source: one}
  - {point: voltage.l1, oid: 1.3.6.1.4.1.99999.1.2.0, source: two}
  - {point: active_energy, oid: 1.3.6.1.4.1.99999.1.3.0, speed: slow, source: three}
"""
MODBUS_PROFILE = """
profile: meter-modbus
title: a meter
class: meter
protocol: modbus
source: this test
modbus: {fc: 3, max_registers: 10, max_gap: 0}
points:
  - {point: active_power, address: 0, type: u16, source: one}
  - {point: voltage.l1, address: 100, type: u16, source: two}
  - {point: active_energy, address: 200, type: u32, speed: slow, source: three}
"""


class Registers:
    def read(self, fc, address, count):
        return b"\x00\x7b" * count


PLATE = Nameplate("v", "m", "s", "f", "n")
MIB = OrderedMib(
    {
        parse_oid(oid): constant(variable)
        for oid, variable in {
            "1.3.6.1.2.1.1.1.0": Variable(OCTET_STRING, b"meter"),
            "1.3.6.1.4.1.99999.1.1.0": Variable(INTEGER, 123),
            "1.3.6.1.4.1.99999.1.2.0": Variable(INTEGER, 230),
            "1.3.6.1.4.1.99999.1.3.0": Variable(INTEGER, 5000),
        }.items()
    }
)

Answers = Callable[[bytes], list[tuple[float, bytes]]]
"""The right answer to what is to be sent back, each with seconds to wait."""


def good(answer: bytes) -> list[tuple[float, bytes]]:
    return [(0.0, answer)]


def never(_answer: bytes) -> list[tuple[float, bytes]]:
    return []


def late(answer: bytes) -> list[tuple[float, bytes]]:
    return [(LATE_S, answer)]


class Garbage:
    """Noise, parts of answers, and where some answers are `right`, also answers with octets
    changed or inserted, which may happen to be valid."""

    def __init__(self, seed: int, right: float = 0.0) -> None:
        self.chance = random.Random(seed)
        self.right = right
        self.kinds = 4 if right else 2

    def __call__(self, answer: bytes) -> list[tuple[float, bytes]]:
        if self.chance.random() < self.right:
            return [(0.0, answer)]
        return [(0.0, self.damaged(answer)) for _ in range(3)]

    def damaged(self, answer: bytes) -> bytes:
        chance, data = self.chance, bytearray(answer)
        kind = chance.randrange(self.kinds)
        if kind == 0:
            return chance.randbytes(chance.randrange(1, 200))
        if kind == 1:
            return bytes(data[: chance.randrange(len(data))])
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data))
            if kind == 2:
                data[at] ^= 1 << chance.randrange(8)
            else:
                data[at:at] = chance.randbytes(chance.randrange(1, 5))
        return bytes(data)


class SnmpPeer(asyncio.DatagramProtocol):
    """An agent whose answers go through `answers`."""

    def __init__(self, answers: Answers) -> None:
        self.agent = Agent(MIB, "public", lambda: True)
        self.answers = answers
        self.asked = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.asked += 1
        loop = asyncio.get_running_loop()
        for delay_s, packet in self.answers(self.agent.answer(data)):
            loop.call_later(delay_s, self.transport.sendto, packet, address)


class ModbusPeer(ModbusListener):
    """A device whose answers go through `answers`, frames and all."""

    def __init__(self, answers: Answers) -> None:
        super().__init__({1: Unit(Registers(), PLATE, lambda: True)}, lambda: False)
        self.answers = answers
        self.asked = 0

    async def open(self, host: str, port: int) -> int:
        self.server = await asyncio.start_server(self.serve, host, port)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        framer, loop = modbus_codec.Framer(), asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(1000):
                framer.feed(data)
                while frame := framer.next_frame():
                    self.asked += 1
                    whole = modbus_codec.encode_frame(
                        modbus_codec.Frame(frame.transaction, frame.unit, self.answer(frame))
                    )
                    for delay_s, packet in self.answers(whole):
                        loop.call_later(delay_s, writer.write, packet)
        writer.close()

    async def close(self) -> None:
        self.server.close()


@dataclass
class Notes(Rowed):
    """An Intake that writes down when what came."""

    batches: dict[str, list[float]] = field(default_factory=dict)
    values: dict[str, set[float]] = field(default_factory=dict)
    fast: dict[str, int] = field(default_factory=dict)

    def register(self, device, names):
        self.fast[device] = sum(str(name) != "active_energy" for name in names)
        return super().register(device, names)

    def accept(self, batch):
        for device, time, place in self.answers(batch):
            good = batch.quality[place] == Quality.GOOD
            self.values.setdefault(device, set()).update(batch.value[place][good].tolist())
            if place.stop - place.start == self.fast[device]:  # not the slow points
                self.batches.setdefault(device, []).append(time)

    def gaps(self, device: str) -> list[float]:
        """Seconds between batches, once the device has found its phase."""
        return [two - one for one, two in pairwise(self.batches[device][1:])]


@pytest.fixture
def profiles(tmp_path) -> Library:
    (tmp_path / "meter-snmp.yaml").write_text(SNMP_PROFILE)
    (tmp_path / "meter-modbus.yaml").write_text(MODBUS_PROFILE)
    return Library((tmp_path,))


@contextlib.asynccontextmanager
async def serving(fleet: dict[str, Answers], poll: Poll) -> AsyncIterator[tuple[list, dict]]:
    """Devices on ports of their own, by the protocol their id begins with; gives the devices and
    their peers."""
    loop, devices, peers = asyncio.get_running_loop(), [], {}
    async with contextlib.AsyncExitStack() as stack:
        for name, answers in fleet.items():
            if name.startswith("snmp"):
                transport, peer = await loop.create_datagram_endpoint(
                    lambda answers=answers: SnmpPeer(answers), local_addr=("127.0.0.1", 0)
                )
                stack.callback(transport.close)
                port = transport.get_extra_info("sockname")[1]
                where, profile = f"snmp://127.0.0.1:{port}", "meter-snmp"
            else:
                peer = ModbusPeer(answers)
                port = await peer.open("127.0.0.1", 0)
                stack.push_async_callback(peer.close)
                where, profile = f"modbus://127.0.0.1:{port}/1", "meter-modbus"
            peers[name] = peer
            devices.append(Device(name, "meter", profile, where, poll=poll))
        yield devices, peers


async def watch(fleet: dict[str, Answers], profiles: Library, seconds: float, poll: Poll = POLL):
    """Poll a fleet for so long; gives what was noted, the peers and the clients."""
    clock, clients = SystemClock(), Clients.open()
    notes = Notes()
    async with serving(fleet, poll) as (devices, peers):
        scheduler = Scheduler(
            tuple(devices),
            lambda device: session_for(device, clients, profiles, clock),
            notes,
            clock,
        )
        try:
            async with asyncio.TaskGroup() as group:
                polling = group.create_task(scheduler.run())
                await asyncio.sleep(seconds)
                assert not polling.done(), "the scheduler ended by itself"
                polling.cancel()
        finally:
            await clients.close()
    return notes, peers, clients


GOOD = [f"{protocol}-{n}" for protocol in ("snmp", "modbus") for n in range(GOOD_OF_EACH)]
BAD = {
    f"{protocol}-{word}": answers
    for protocol in ("snmp", "modbus")
    for word, answers in (("never", never), ("late", late), ("garbage", Garbage(1)))
}


async def test_the_others_keep_their_interval(profiles):
    fleet: dict[str, Answers] = dict.fromkeys(GOOD, good) | BAD
    notes, peers, clients = await watch(fleet, profiles, MEASURED_S)

    for name in GOOD:
        gaps = notes.gaps(name)
        assert len(gaps) >= 5, name
        assert statistics.median(gaps) == pytest.approx(INTERVAL_S, rel=0.1), name
        assert max(gaps) < 2 * INTERVAL_S, (name, gaps)
        status = notes.statuses[name]
        assert (status.up, status.failures, status.skipped) == (True, 0, 0), name
        assert notes.values[name] == ({123, 230, 5000} if "snmp" in name else {123, 8061051})

    for name in BAD:
        status = notes.statuses[name]
        assert not status.up, name
        assert status.failures >= 2, name
        assert status.last_error, name
        assert name not in notes.batches, "nothing of it is taken for a reading"
        assert peers[name].asked >= 2, name
    assert clients.snmp.counters.late > 0, "the late answers came, and were dropped"
    assert clients.snmp.counters.malformed > 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_malformed_answers_end_no_task(profiles, seed):
    """Devices that talk nonsense now and then stay polled, and good ones beside them too."""
    fast = Poll(interval_s=0.05, slow_interval_s=0.2, timeout_s=0.02, retries=1)
    fleet: dict[str, Answers] = {
        "snmp-good": good,
        "modbus-good": good,
        **{f"snmp-{n}": Garbage(seed * 10 + n, right=0.85) for n in range(4)},
        **{f"modbus-{n}": Garbage(seed * 20 + n, right=0.85) for n in range(4)},
    }
    notes, peers, clients = await watch(fleet, profiles, 4.0, fast)
    for name in fleet:
        assert peers[name].asked > 10, name
    for protocol in ("snmp", "modbus"):
        readings = [len(notes.batches.get(f"{protocol}-{n}", ())) for n in range(4)]
        assert sum(readings) > 20, "between the nonsense they are read"
    assert notes.statuses["snmp-good"].failures == 0
    assert notes.statuses["modbus-good"].failures == 0
    assert clients.snmp.counters.malformed > 5
    assert clients.modbus.counters.malformed > 0
