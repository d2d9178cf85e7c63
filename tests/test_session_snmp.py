"""Sessions with SNMP agents that behave as real cards do: the rest always lives."""

from __future__ import annotations

from contextlib import asynccontextmanager

import numpy as np
import pytest

from agent.clock import SystemClock
from collectors import session as session_module
from collectors.clients import Clients
from collectors.profile import Library
from collectors.session import session_for
from collectors.snmp.codec import ErrorStatus, Version
from core.errors import DeviceTimeout, Unidentified, Unreachable
from core.quality import Quality
from core.site import Credentials, Device, Poll
from tests.support import odd_agent
from tests.support.odd_agent import OddAgent

BASE = "1.3.6.1.4.1.55555"
PROFILE = f"""
profile: odd
title: A device for tests
class: ups
protocol: snmp
source: this test
match: {{sys_descr: ["^odd device"]}}
identity: {{model: {{oid: {BASE}.1.1.0}}, serial: {{oid: {BASE}.1.2.0}}}}
points:
  - {{point: mode, oid: {BASE}.2.1.0, enum: {{1: online, 2: [on_battery, warning]}}, source: a}}
  - {{point: battery.charge, oid: {BASE}.2.2.0, scale: 0.01, sentinels: [-1], source: b}}
  - {{point: battery.voltage, oid: {BASE}.2.3.0, scale: 0.1, source: c}}
  - {{point: battery.voltage, oid: {BASE}.2.4.0, source: d}}
  - {{point: battery.temperature, oid: {BASE}.2.5.0, sentinels: [-1], speed: slow, source: e}}
  - point: output.voltage
    walk: {BASE}.3.1.2
    instances: {{"1": l1, "2": l2, "3": l3}}
    source: f
  - {{point: output.load, walk: {BASE}.3.1.3, scale: 0.01, source: g}}
  - point: alarm.overload
    oid: {BASE}.4.0
    decoder: flag
    bits: {{shift: 2}}
    enum: {{0: normal, 1: [active, critical]}}
    source: h
"""

OBJECTS = {
    "1.3.6.1.2.1.1.1.0": b"odd device 1",
    "1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.55555",
    "1.3.6.1.2.1.1.3.0": 1_000_000,
    f"{BASE}.1.1.0": b"Model 7\0\0",
    f"{BASE}.1.2.0": b" 4711 ",
    f"{BASE}.2.1.0": 1,
    f"{BASE}.2.2.0": 87,
    f"{BASE}.2.3.0": 541,
    f"{BASE}.2.4.0": 54,
    f"{BASE}.2.5.0": 24,
    f"{BASE}.3.1.2.1": 230,
    f"{BASE}.3.1.2.2": 231,
    f"{BASE}.3.1.2.3": 229,
    f"{BASE}.3.1.3.1": 40,
    f"{BASE}.4.0": b"0010",
}

ALL = {
    "mode": 1.0,
    "battery.charge": 0.87,
    "battery.voltage": 54.1,
    "battery.temperature": 24.0,
    "output.voltage.l1": 230.0,
    "output.voltage.l2": 231.0,
    "output.voltage.l3": 229.0,
    "output.load.1": 0.40,
    "alarm.overload": 2.0,
}


class Clock(SystemClock):
    """Real time that can be set ahead."""

    def __init__(self):
        super().__init__()
        self.ahead_s = 0.0
        real = self.monotonic
        self.monotonic = lambda: real() + self.ahead_s


class Polled:
    """A session and what it gave, by name."""

    def __init__(self, session, opened):
        self.session, self.opened = session, opened
        self.names = [str(name) for name in opened.names]
        self.answers = []

    async def poll(self, speed="fast") -> dict[str, float]:
        answer = await self.session.poll(speed)
        self.answers.append(answer)
        value, quality, _ = answer.decoded()
        assert (np.isnan(value) == (quality >= 0x80)).all()
        shown = [self.names[slot] for slot in answer.slots]
        return dict(zip(shown, value.tolist(), strict=True))

    async def everything(self) -> dict[str, float]:
        return await self.poll("fast") | await self.poll("slow")

    def quality(self, name: str, answer: int = -1) -> Quality:
        given = self.answers[answer]
        at = [self.names[slot] for slot in given.slots].index(name)
        return Quality(int(given.decoded()[1][at]))


@pytest.fixture
def library(tmp_path):
    (tmp_path / "odd.yaml").write_text(PROFILE)
    return Library([tmp_path])


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def connect(tmp_path, clock):
    @asynccontextmanager
    async def _connect(agent: OddAgent, *, profile="odd", timeout_s=0.3, more=""):
        (tmp_path / "odd.yaml").write_text(PROFILE + more)
        clients = Clients.open()
        version = "v1" if agent.version is Version.V1 else "v2c"
        try:
            async with odd_agent.serve(agent) as port:
                device = Device(
                    "odd",
                    "ups",
                    profile,
                    f"snmp://127.0.0.1:{port}",
                    Credentials("test", version, "public"),
                    Poll(timeout_s=timeout_s, retries=0),
                )
                yield session_for(device, clients, Library([tmp_path]), clock)
        finally:
            await clients.close()

    return _connect


@pytest.fixture
def opened(connect):
    @asynccontextmanager
    async def _opened(agent: OddAgent, **more):
        async with connect(agent, **more) as session:
            yield Polled(session, await session.open())

    return _opened


async def test_a_device_gives_its_points_nameplate_and_values(opened):
    async with opened(OddAgent(dict(OBJECTS))) as device:
        assert device.opened.profile == "odd"
        assert device.opened.device_class == "ups"
        assert device.opened.nameplate.model == "Model 7"
        assert device.opened.nameplate.serial == "4711"
        assert await device.everything() == pytest.approx(ALL)
        assert device.opened.errors == ()


async def test_a_device_without_a_named_profile_is_identified(opened):
    async with opened(OddAgent(dict(OBJECTS)), profile="") as device:
        assert device.opened.profile == "odd"


async def test_a_fast_poll_is_one_packet_and_asks_each_object_once(opened):
    agent = OddAgent(dict(OBJECTS))
    async with opened(agent) as device:
        agent.requests.clear()
        await device.poll("fast")
        # eight points, and the uptime; the second object of battery.voltage is not asked
        assert agent.requests == [9]


@pytest.mark.parametrize("tells_index", [True, False])
async def test_a_v1_device_with_a_missing_object_gives_the_rest(opened, tells_index):
    objects = {oid: raw for oid, raw in OBJECTS.items() if oid != f"{BASE}.2.2.0"}
    async with opened(OddAgent(objects, Version.V1, tells_index)) as device:
        expected = {name: value for name, value in ALL.items() if name != "battery.charge"}
        assert await device.everything() == pytest.approx(expected)


async def test_an_object_that_fails_is_left_out_and_told(opened):
    failing = {f"{BASE}.2.2.0": ErrorStatus.GEN_ERR}
    async with opened(OddAgent(dict(OBJECTS), failing=failing)) as device:
        assert "battery.charge" not in device.names
        assert len(device.names) == len(ALL) - 1
        (error,) = device.opened.errors
        assert error.startswith(f"{BASE}.2.2.0: the device refuses it (genErr)")


async def test_an_object_that_begins_to_fail_is_refused_and_the_rest_lives(opened):
    agent = OddAgent(dict(OBJECTS))
    async with opened(agent) as device:
        agent.failing = {f"{BASE}.2.2.0": ErrorStatus.GEN_ERR}
        values = await device.poll("fast")
        assert device.quality("battery.charge") is Quality.REFUSED
        assert values["output.voltage.l2"] == 231.0
        agent.requests.clear()
        assert "battery.charge" not in await device.poll("fast")
        assert agent.requests == [8], "given up: one packet again, without the guilty object"


@pytest.mark.parametrize("silent", [True, False])
async def test_a_device_that_takes_few_objects_at_a_time_gives_everything(opened, silent):
    agent = OddAgent(dict(OBJECTS), most_objects=4, silent_when_too_many=silent)
    async with opened(agent) as device:
        assert await device.everything() == pytest.approx(ALL)
        assert not device.answers[0].errors


async def test_one_object_that_is_never_answered_costs_only_itself(opened):
    agent = OddAgent(dict(OBJECTS), ignored=frozenset({f"{BASE}.2.2.0"}))
    async with opened(agent) as device:
        expected = {name: value for name, value in ALL.items() if name != "battery.charge"}
        assert await device.everything() == pytest.approx(expected)
        assert device.opened.errors[0].startswith(f"{BASE}.2.2.0: no answer")


async def test_a_dead_device_raises_soon(opened):
    agent = OddAgent(dict(OBJECTS))
    async with opened(agent) as device:
        agent.dead = True
        agent.requests.clear()
        with pytest.raises(DeviceTimeout, match="no answer from"):
            await device.poll("fast")
        assert len(agent.requests) <= 2


async def test_a_device_that_never_answers_says_what_to_check(connect):
    async with connect(OddAgent(dict(OBJECTS), dead=True)) as session:
        with pytest.raises(DeviceTimeout, match="check the address, the community"):
            await session.open()


async def test_a_closed_port_is_told_at_once(library, clock):
    device = Device("odd", "ups", "odd", "snmp://127.0.0.1:9", poll=Poll(timeout_s=20))
    clients = Clients.open()
    try:
        with pytest.raises(Unreachable, match="nothing listens"):
            await session_for(device, clients, library, clock).open()
    finally:
        await clients.close()


async def test_a_restart_asks_to_open_again(opened):
    agent = OddAgent(dict(OBJECTS))
    async with opened(agent) as device:
        await device.poll("fast")
        agent.objects[odd_agent.SYS_UPTIME] = 1_000_500
        await device.poll("fast")
        assert not device.answers[-1].restarted
        assert device.answers[-1].uptime_s == 10_005.0
        agent.objects[odd_agent.SYS_UPTIME] = 42
        await device.poll("fast")
        assert device.answers[-1].restarted
        assert device.answers[-1].uptime_s == 0.42


async def test_a_device_without_uptime_is_polled_all_the_same(opened):
    objects = {oid: raw for oid, raw in OBJECTS.items() if oid != odd_agent.SYS_UPTIME}
    async with opened(OddAgent(objects)) as device:
        assert await device.everything() == pytest.approx(ALL)
        assert not device.answers[-1].restarted
        assert device.answers[-1].uptime_s is None


async def test_a_point_without_a_value_is_left_out_until_it_has_one(opened):
    """An inverter that is opened at night must not stay without power for good."""
    agent = OddAgent(OBJECTS | {f"{BASE}.2.2.0": -1})
    async with opened(agent) as device:
        assert "battery.charge" not in device.names
        await device.everything()
        assert not device.answers[-1].restarted
        agent.objects[f"{BASE}.2.2.0"] = 50
        await device.poll("slow")
        assert device.answers[-1].restarted
        again = Polled(device.session, await device.session.open())
        assert (await again.everything())["battery.charge"] == 0.5


async def test_a_value_that_goes_away_is_bad_and_comes_back(opened):
    agent = OddAgent(dict(OBJECTS))
    async with opened(agent) as device:
        agent.objects[f"{BASE}.2.2.0"] = -1
        await device.poll("fast")
        assert device.quality("battery.charge") is Quality.NOT_IMPLEMENTED
        agent.objects[f"{BASE}.2.2.0"] = 1000
        await device.poll("fast")
        assert device.quality("battery.charge") is Quality.OUT_OF_RANGE
        agent.objects[f"{BASE}.2.1.0"] = 99
        agent.objects[f"{BASE}.2.2.0"] = 60
        values = await device.poll("fast")
        assert device.quality("mode") is Quality.UNKNOWN_STATE
        assert values["battery.charge"] == 0.6


async def test_the_coarse_object_gives_the_point_where_the_fine_one_has_no_value(opened):
    objects = {oid: raw for oid, raw in OBJECTS.items() if oid != f"{BASE}.2.3.0"}
    async with opened(OddAgent(objects)) as device:
        assert (await device.everything())["battery.voltage"] == 54.0


@pytest.mark.parametrize("raw", sorted(int(quality) for quality in Quality))
async def test_no_number_passes_for_a_reason_why_there_is_none(opened, raw):
    """Quality is a kind of int: 130 volts must not be taken for NOT_IMPLEMENTED."""
    async with opened(OddAgent(OBJECTS | {f"{BASE}.3.1.2.1": raw})) as device:
        assert (await device.poll())["output.voltage.l1"] == raw


async def test_a_poll_without_the_uptime_is_no_restart(opened):
    """The packet that holds the uptime is lost, a second one is not."""
    agent = OddAgent(dict(OBJECTS), most_objects=4)
    async with opened(agent) as device:
        await device.poll()
        agent.ignored = frozenset({odd_agent.SYS_UPTIME})
        values = await device.poll()
        assert device.answers[-1].errors
        assert values["output.voltage.l3"] == 229.0
        agent.ignored = frozenset()
        await device.poll()
        assert not device.answers[-1].restarted


async def test_rows_that_vanish_ask_to_open_again(opened):
    agent = OddAgent(dict(OBJECTS))
    async with opened(agent) as device:
        del agent.objects[f"{BASE}.3.1.2.3"]
        await device.poll("fast")
        assert device.quality("output.voltage.l3") is Quality.NOT_IMPLEMENTED
        assert device.answers[-1].restarted
        again = Polled(device.session, await device.session.open())
        assert "output.voltage.l3" not in again.names


async def test_a_listed_condition_is_active_while_its_row_stands(connect, opened):
    listed = f"""
  - point: alarm.fan
    listed: {{walk: {BASE}.6.2.1.2, holds: {BASE}.6.3.16, count: {BASE}.6.1.0}}
    enum: {{0: normal, 1: [active, warning]}}
    source: i
"""
    agent = OddAgent(OBJECTS | {f"{BASE}.6.1.0": 0})
    async with opened(agent, more=listed) as device:
        assert (await device.poll())["alarm.fan"] == 1.0
        agent.objects |= {
            f"{BASE}.6.2.1.2.4": f"{BASE}.6.3.9",
            f"{BASE}.6.2.1.2.7": f"{BASE}.6.3.16",
        }
        assert (await device.poll())["alarm.fan"] == 2.0
        del agent.objects[f"{BASE}.6.2.1.2.7"]
        assert (await device.poll())["alarm.fan"] == 1.0
        assert not device.answers[-1].restarted
    async with opened(OddAgent(dict(OBJECTS)), more=listed) as device:
        assert "alarm.fan" not in device.names, "no such table: nothing is claimed"


async def test_a_value_is_not_available_while_its_companion_says_so(opened):
    more = f"""
  - point: probe.temperature
    walk: {BASE}.7.1
    scale_from: {{walk: {BASE}.7.2, as: decimals}}
    valid_if: {{walk: {BASE}.7.3, equals: [1]}}
    source: i
"""
    rows = {f"{BASE}.7.{column}.{row}": raw for row in (1, 2, 3) for column, raw in
            ((1, 215), (2, row), (3, row))}  # fmt: skip
    del rows[f"{BASE}.7.3.3"]
    agent = OddAgent(OBJECTS | rows)
    async with opened(agent, more=more) as device:
        assert (await device.poll())["probe.temperature.1"] == 21.5
        assert "probe.temperature.2" not in device.names, "not available now"
        assert "probe.temperature.3" not in device.names, "nothing tells that it is"
        agent.objects[f"{BASE}.7.3.1"] = 2
        await device.poll()
        assert device.quality("probe.temperature.1") is Quality.NOT_IMPLEMENTED
        agent.objects[f"{BASE}.7.3.1"] = 1
        await device.poll("fast")
        assert not device.answers[-1].restarted
        agent.objects[f"{BASE}.7.3.2"] = 1
        await device.poll("slow")
        assert device.answers[-1].restarted, "the second probe came to life"


async def test_a_device_is_looked_at_anew_now_and_then(opened, clock):
    async with opened(OddAgent(dict(OBJECTS))) as device:
        await device.poll("fast")
        assert not device.answers[-1].restarted
        clock.ahead_s = session_module.REDISCOVER_S + 1
        await device.poll("fast")
        assert device.answers[-1].restarted


async def test_a_profile_that_does_not_fit_says_what_the_device_is(connect):
    only_system = {oid: raw for oid, raw in OBJECTS.items() if oid.startswith("1.3.6.1.2.1.1.")}
    async with connect(OddAgent(only_system)) as session:
        with pytest.raises(Unidentified, match=r"is the profile right.*'odd device 1'"):
            await session.open()


async def test_a_device_that_nothing_fits_is_unidentified(connect):
    objects = OBJECTS | {"1.3.6.1.2.1.1.1.0": b"something else"}
    async with connect(OddAgent(objects), profile="") as session:
        with pytest.raises(Unidentified, match="something else"):
            await session.open()
