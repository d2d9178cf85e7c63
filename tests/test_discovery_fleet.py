"""Twenty mixed devices on loopback, found and identified by the command as a user calls it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

import pytest
import yaml

from agent.clock import SystemClock
from collectors.address import parse_address
from collectors.discovery import Port, Sweep, discover
from collectors.modbus.codec import Frame, Framer, encode_frame
from collectors.profile import library
from collectors.snmp.codec import Version, decode_message
from core.site import Credentials, Device
from simulator.mib import OrderedMib, constant, device_mib
from simulator.modbus import ModbusListener, Unit
from simulator.nameplate import nameplate
from simulator.recording import parse_line
from simulator.registers import RegisterImage
from simulator.snmp import Agent
from simulator.sunspec import SunspecImage
from tests.support.kasbah import COMMAND, ROOT, call
from tests.support.modbus import Unit as PlainUnit
from tests.support.modbus import modbus_server, scripted_server
from tests.support.snmpd import CONFIG, snmpd

LIBRARY = library()
NET = "127.0.1.0/27"
LATE_S = 0.5
WITHIN_S = 10.0
SECRET = "sesame"


class SnmpDevice(asyncio.DatagramProtocol):
    """An agent that may know one version only, and may take its time."""

    def __init__(self, agent: Agent, version: Version | None, late_s: float) -> None:
        self._agent, self._version, self._late_s = agent, version, late_s
        self.requests = 0

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, address):
        self.requests += 1
        if self._version in {None, decode_message(data).version}:
            answer = self._agent.answer(data)
            if answer is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(self._late_s, self._transport.sendto, answer, address)

    def error_received(self, exc):
        """Who asked is gone."""


@dataclass
class Fleet:
    """What is served, and what must be found of it: profile by address."""

    stack: contextlib.AsyncExitStack
    ports: list[int]
    used: int = 0
    expected: dict[str, str] = field(default_factory=dict)
    requests: dict[str, SnmpDevice | list] = field(default_factory=dict)

    def place(self, port: int) -> tuple[str, int]:
        self.used += 1
        return f"127.0.1.{self.used}", self.ports[port]

    async def snmp(self, profile, port, *, community="public", version=None, late_s=0.0):
        host, number = self.place(port)
        mib = simulated_mib(f"{profile} {self.used}", profile) if profile else switch()
        device = SnmpDevice(Agent(mib, community, lambda: True), version, late_s)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: device, local_addr=(host, number))
        self.stack.callback(device._transport.close)
        self.requests[f"{host} {profile}"] = device
        if community == "public":
            self.expected[f"snmp://{host}:{number}"] = profile

    async def modbus(self, profiles, port, *, late_s=0.0):
        """Simulated units by number; the gateway says so where there is none."""
        host, number = self.place(port)
        units = {unit: simulated_unit(f"{host}-{unit}", name) for unit, name in profiles.items()}
        known, asked = ModbusListener(units, lambda: False), []

        async def serve(reader, writer):
            framer = Framer()
            while data := await reader.read(1000):
                framer.feed(data)
                while (frame := framer.next_frame()) is not None:
                    asked.append(frame)
                    await asyncio.sleep(late_s)
                    pdu = known.answer(frame)
                    writer.write(encode_frame(Frame(frame.transaction, frame.unit, pdu)))

        await self.tcp(host, number, serve)
        self.requests[f"{host} {profiles}"] = asked
        for unit, name in profiles.items():
            self.expected[f"modbus://{host}:{number}/{unit}"] = name

    async def tcp(self, host, number, serve):
        await self.stack.enter_async_context(scripted_server(serve, (host, number)))


def simulated_mib(name: str, profile: str) -> OrderedMib:
    plate = nameplate(Device(name, "other", profile, ""))
    return device_mib(LIBRARY.load(profile), plate, dict, lambda: 100.0)


def simulated_unit(name: str, profile: str) -> Unit:
    plate = nameplate(Device(name, "other", profile, ""))
    image = SunspecImage if LIBRARY.load(profile).protocol == "sunspec" else RegisterImage
    return Unit(image(LIBRARY.load(profile), plate, dict, lambda: 0), plate, lambda: True)


def switch() -> OrderedMib:
    lines = [
        "1.3.6.1.2.1.1.1.0|4|Some Switch",
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.424242.7",
        "1.3.6.1.2.1.1.3.0|67|5000",
    ]
    objects = dict(map(parse_line, lines))
    return OrderedMib({oid: constant(variable) for oid, variable in objects.items()})


async def mute(reader, _writer):
    await reader.read()


async def web(reader, writer):
    await reader.read(100)
    writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    await writer.drain()


def free_ports(count: int) -> list[int]:
    """Ports that nothing has, in either protocol, on any address."""
    ports = []
    with contextlib.ExitStack() as stack:
        while len(ports) < count:
            tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp.bind(("", 0))
            with contextlib.suppress(OSError):
                udp.bind(("", tcp.getsockname()[1]))
                ports.append(tcp.getsockname()[1])
    return ports


@contextlib.asynccontextmanager
async def fleet():
    async with contextlib.AsyncExitStack() as stack:
        plant = Fleet(stack, free_ports(4))
        await plant.snmp("rfc1628-ups", 0)
        await plant.snmp("apc-ups", 0)
        await plant.snmp("apc-rpdu2", 1)
        await plant.snmp("raritan-px2", 1)
        await plant.snmp("rfc1628-ups", 0, version=Version.V1)
        await plant.snmp("apc-inrow", 1, version=Version.V1)
        await plant.snmp("eaton-xups", 0, version=Version.V2C, late_s=LATE_S)
        await plant.snmp("rfc1628-ups", 0, community=SECRET)
        await plant.snmp("", 0)
        await plant.modbus({1: "deepsea-gencomm"}, 2)
        await plant.modbus({1: "schneider-pm5000"}, 2)
        await plant.modbus({1: "sma-inverter"}, 3)
        await plant.modbus({1: "sunspec-inverter"}, 2)
        await plant.modbus({1: "sunspec-meter"}, 3)
        await plant.modbus({255: "sim-crah"}, 3)
        await plant.modbus({2: "sim-transformer", 3: "abb-b2x", 10: "abb-b2x"}, 2)
        await plant.modbus({1: "socomec-diris-a10"}, 2, late_s=LATE_S)
        host, number = plant.place(3)
        await stack.enter_async_context(
            modbus_server({1: PlainUnit(holding={0: 1})}, UMG96S2, (host, number))
        )
        plant.expected[f"modbus://{host}:{number}/1"] = "janitza-umg96s2"
        await plant.tcp(*plant.place(2), mute)
        await plant.tcp(*plant.place(3), web)
        yield plant


UMG96S2 = {"VendorName": "Janitza", "ProductCode": "UMG 96-S2", "MajorMinorRevision": "1"}


@dataclass
class Outcome:
    plant: Fleet
    took_s: float
    code: int
    out: str
    err: str


async def discovered(plant: Fleet, *words: str) -> Outcome:
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "discover", *words, "--ports", ",".join(map(str, plant.ports)), "--yes",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, err = await process.communicate()
    took_s = time.monotonic() - begun
    return Outcome(plant, took_s, process.returncode or 0, out.decode(), err.decode())


@pytest.fixture(scope="module")
def whole() -> Outcome:
    """What the command makes of the whole fleet."""

    async def all_of_it():
        async with fleet() as plant:
            return await discovered(plant, NET)

    return asyncio.run(all_of_it())


@pytest.mark.alone
def test_a_fleet_is_found_in_ten_seconds(whole):
    assert whole.code == 0, whole.err
    assert whole.took_s < WITHIN_S


def test_every_device_has_the_right_profile_and_nothing_else_is_one(whole):
    devices = yaml.safe_load(whole.out)["devices"]
    found = {device["address"]: device["profile"] for device in devices}
    known = {address: profile for address, profile in whole.plant.expected.items() if profile}
    assert found == known
    assert len({device["id"] for device in devices}) == len(devices)


def test_what_is_no_known_device_is_told(whole):
    told = [line for line in whole.out.splitlines() if line.startswith("  # ")]
    assert len(told) == 3, told
    text = "\n".join(told)
    for words in ("Some Switch", "kasbah record", "accepts connections", "not speak Modbus"):
        assert words in text


def test_a_device_is_asked_little(whole):
    """Not for what each of the profiles knows. Version 1 fails where an object is missing."""
    asked = {
        who: device.requests if isinstance(device, SnmpDevice) else len(device)
        for who, device in whole.plant.requests.items()
    }
    alone = {who: count for who, count in asked.items() if "'abb-b2x'" not in who}
    assert max(alone.values()) <= 50, asked
    assert asked["127.0.1.2 apc-ups"] <= 12


def test_what_is_printed_can_be_pasted_and_passes_the_check(whole, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("site: {id: plant, name: Plant, timezone: UTC}\n" + whole.out)
    result = call("check", str(site))
    assert result.returncode == 0, result.stderr


def test_a_device_is_called_what_it_calls_itself(whole):
    ids = {device["address"]: device["id"] for device in yaml.safe_load(whole.out)["devices"]}
    by_host = {address.split("/")[2].split(":")[0]: name for address, name in ids.items()}
    assert by_host["127.0.1.2"] == "apc-ups-2"
    assert by_host["127.0.1.10"] == "genset-127-0-1-10"
    assert "meter-127-0-1-16-3" in ids.values()


async def test_another_community_is_found_by_it_and_not_printed(tmp_path):
    async with fleet() as plant:
        one = "127.0.1.8/32"
        assert (await discovered(plant, one)).code == 1
        given = await discovered(plant, one, "--community", SECRET)
        as_json = await discovered(plant, one, "--community", SECRET, "--json")
    assert given.code == 0
    assert SECRET not in given.out
    assert "community_file" in given.out
    assert yaml.safe_load(given.out)["devices"][0]["profile"] == "rfc1628-ups"
    site = tmp_path / "site.yaml"
    site.write_text("site: {id: plant}\n" + given.out)
    assert call("check", str(site)).returncode == 0
    device = json.loads(as_json.out)["devices"][0]
    assert SECRET not in as_json.out
    assert {"address", "profile", "class", "vendor", "model", "serial", "firmware"} <= set(device)
    assert device["class"] == "ups"


async def test_credentials_of_a_file_are_named(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(f"credentials: {{plant: {{version: v2c, community: {SECRET}}}}}\n")
    async with fleet() as plant:
        result = await discovered(plant, "127.0.1.8", "--credentials", f"{site}:plant")
    assert result.code == 0, result.err
    assert SECRET not in result.out
    assert yaml.safe_load(result.out)["devices"][0]["credentials"] == "plant"


def test_a_device_is_found_in_the_name_of_a_user(tmp_path):
    """net-snmp's own agent. A wrong key is told as such: the device is there."""
    for name, key in (("right", SECRET * 2), ("wrong", "x" * 12)):
        (tmp_path / name).write_text(f"{key}\n")
        (tmp_path / name).chmod(0o600)
    entry = "{{version: v3, user: ops, auth: sha256, auth_key_file: {0}}}"
    site = tmp_path / "site.yaml"
    site.write_text(
        f"credentials:\n  ops: {entry.format('right')}\n  typo: {entry.format('wrong')}\n"
    )
    user = f"createUser ops SHA-256 {SECRET * 2}\nrouser ops auth\nsysDescr A thing\n"
    with snmpd(tmp_path, CONFIG + user) as port:
        words = ("discover", "127.0.0.1", "--ports", f"snmp:{port}", "--yes", "--json")
        right = call(*words, "--credentials", f"{site}:ops")
        wrong = call(*words, "--credentials", f"{site}:typo")
    assert "A thing" in json.loads(right.stdout)["unknown"][0]["seen"]
    assert "password" in json.loads(wrong.stdout)["unknown"][0]["seen"]
    assert SECRET not in right.stdout + wrong.stdout


async def test_an_interrupted_search_prints_what_it_has():
    async with fleet() as plant:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "discover", NET, "--yes",
            "--ports", f"snmp:{plant.ports[0]},modbus:{plant.ports[2]}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        while b" found" not in (line := await process.stderr.readline()):
            assert line
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
    assert "apc-ups" in {device["profile"] for device in yaml.safe_load(out)["devices"]}


@pytest.mark.parametrize(
    ("units", "missing", "expected"),
    [
        ({2: {0: 1}, 5: {7: 1}}, "exception", [2, 5]),
        ({1: {7: 1}}, "itself", [1]),
        ({1: {0: 1}}, "itself", [1]),
        ({255: {0: 1}}, "silence", [255]),
        ({3: {0: 1}, 10: {0: 1}}, "silence", [3, 10]),
    ],
)
async def test_units_that_are_there_are_told_from_those_that_are_not(units, missing, expected):
    """Some gateways answer for units that are not there, some devices whatever the unit."""

    async def serve(reader, writer):
        while len(data := await reader.read(260)) >= 12:
            unit, fc, address = data[6], data[7], int.from_bytes(data[8:10], "big")
            held = units.get(next(iter(units)) if missing == "itself" else unit)
            if held is None and missing == "silence":
                continue
            if held is None:
                pdu = bytes((fc | 0x80, 4))
            elif fc == 3 and address in held and data[11] == 1:
                pdu = bytes((3, 2, 0, 42))
            else:
                pdu = bytes((fc | 0x80, 2))
            writer.write(data[:4] + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu)

    found = []
    async with scripted_server(serve) as port:
        sweep = Sweep(("127.0.0.1",), (Port("modbus", port),), Credentials("x"), timeout_s=0.3)
        await discover(sweep, library=LIBRARY, clock=SystemClock(), found=found.append)
    assert sorted(parse_address(each.address).unit for each in found) == expected


def test_everything_that_is_wrong_is_told_at_once():
    result = call(
        "discover", "10.0.0.0/33", "plant", "10.0.0.0/15",
        "--ports", "161,70000,bacnet:1", "--units", "300", "--yes",
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stdout == ""
    for words in ("10.0.0.0/33", "'plant'", "10.0.0.0/15", "70000", "bacnet", "--units"):
        assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_several_networks_together_are_bounded_too():
    result = call("discover", "10.0.0.0/16", "10.1.0.0/16", "--yes")
    assert result.returncode == 2
    assert "too many" in result.stderr


if sys.platform != "linux":  # pragma: no cover - other systems have 127.0.0.1 only
    pytestmark = pytest.mark.skip("needs the whole of 127.0.0.0/8")
