"""Discovery against simulated devices on loopback addresses, silent ones between them, and services
that are no device."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

import pytest
import yaml

from agent.clock import SystemClock
from agent.commands.discover import announcement, as_json, as_yaml
from agent.config.schema import SiteFile
from collectors.discovery import Found, Sweep, discover, hosts_of, ports_of, units_of
from collectors.profile import library
from collectors.snmp.codec import Version, decode_message
from core.site import Credentials, Device
from core.snapshot import Nameplate
from simulator.mib import OrderedMib, constant, device_mib
from simulator.modbus import ModbusListener, Unit
from simulator.nameplate import nameplate
from simulator.recording import parse_line
from simulator.registers import RegisterImage
from simulator.snmp import Agent, SnmpListener
from simulator.sunspec import SunspecImage
from tests.support.kasbah import COMMAND, ROOT, call

LIBRARY = library()
NET = "127.0.1.0/27"
UPS, UPS_V1, SWITCH, STRANGE_COMMUNITY = (f"127.0.1.{n}" for n in (1, 2, 3, 4))
GENSET, INVERTER, UNIT_255, UNKNOWN_METER, MUTE, WEB = (f"127.0.1.{n}" for n in range(5, 11))


class V1Only(Agent):
    """An old agent: datagrams of other versions are nothing to it."""

    def answer(self, data):
        return super().answer(data) if decode_message(data).version is Version.V1 else None


class Registers:
    """A map that no profile knows."""

    def read(self, fc, address, count):
        return b"\x00\x2a" * count


def mib_of(name: str, profile: str) -> OrderedMib:
    device = Device(name, "other", profile, "")
    return device_mib(LIBRARY.load(profile), nameplate(device), dict, lambda: 100.0)


def switch() -> OrderedMib:
    lines = [
        "1.3.6.1.2.1.1.1.0|4x|" + b"Some Switch\r\n\x1b[31m 48 ports".hex(),
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.424242.7",
        "1.3.6.1.2.1.1.3.0|67|5000",
    ]
    objects = dict(parse_line(line) for line in lines)
    return OrderedMib({oid: constant(variable) for oid, variable in objects.items()})


def unit(name: str, profile: str, image=RegisterImage) -> Unit:
    plate = nameplate(Device(name, "other", profile, ""))
    return Unit(image(LIBRARY.load(profile), plate, dict, lambda: 0), plate, lambda: True)


@contextlib.asynccontextmanager
async def plant():
    """Gives the SNMP and the Modbus port of the devices."""
    agents = {
        UPS: Agent(mib_of("ups-1", "rfc1628-ups"), "public", lambda: True),
        UPS_V1: V1Only(mib_of("ups-2", "apc-ups"), "public", lambda: True),
        SWITCH: Agent(switch(), "public", lambda: True),
        STRANGE_COMMUNITY: Agent(mib_of("ups-3", "rfc1628-ups"), "fortress", lambda: True),
    }
    stranger = Unit(Registers(), plate_of("ACME"), lambda: True)
    units = {
        GENSET: {1: unit("gen-1", "deepsea-gencomm")},
        INVERTER: {1: unit("pv-1", "sunspec-inverter", SunspecImage)},
        UNIT_255: {255: unit("crah-1", "sim-crah")},
        UNKNOWN_METER: {1: stranger},
        MUTE: {n: Unit(Registers(), plate_of(""), lambda: False) for n in (0, 1, 255)},
    }
    async with contextlib.AsyncExitStack() as stack:
        snmp = modbus = 0
        for host, agent in agents.items():
            listener = SnmpListener(agent)
            snmp = await listener.open(host, snmp)
            stack.callback(listener.close)
        for host, served in units.items():
            server = ModbusListener(served, lambda: False)
            modbus = await server.open(host, modbus)
            stack.push_async_callback(server.close)
        web = await asyncio.start_server(greet, WEB, modbus)
        stack.callback(web.close)
        yield snmp, modbus


def plate_of(vendor: str):
    return nameplate(Device(vendor or "x", "other", vendor, ""))


async def greet(reader, writer):
    await reader.read(100)
    writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    writer.close()


def sweep(hosts=(NET,), ports="", community="public", **more) -> Sweep:
    credentials = Credentials("default", community=community)
    addresses = tuple(host for network in hosts for host in hosts_of(network))
    places = tuple(port for word in ports.split(",") for port in ports_of(word))
    return Sweep(addresses, places, credentials, timeout_s=0.2, **more)


async def look(wanted: Sweep, **more) -> list[Found]:
    found = []
    await discover(wanted, library=LIBRARY, clock=SystemClock(), found=found.append, **more)
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    """What one sweep over the plant finds, by host."""

    async def all_of_it():
        async with plant() as (snmp, modbus):
            return await look(sweep(ports=f"snmp:{snmp},modbus:{modbus}", rate_per_s=1000))

    return {each.address.split("/")[2].split(":")[0]: each for each in asyncio.run(all_of_it())}


@pytest.mark.parametrize(
    ("host", "profile", "device_class", "version"),
    [
        (UPS, "rfc1628-ups", "ups", "v2c"),
        (UPS_V1, "apc-ups", "ups", "v1"),
        (GENSET, "deepsea-gencomm", "genset", ""),
        (INVERTER, "sunspec-inverter", "pv_inverter", ""),
        (UNIT_255, "sim-crah", "crah", ""),
    ],
)
def test_devices_are_found_and_identified(found, host, profile, device_class, version):
    device = found[host]
    assert (device.profile, device.device_class) == (profile, device_class)
    assert device.snmp_version == version
    assert device.nameplate.vendor
    assert device.nameplate.model


def test_a_unit_that_is_not_1_is_found(found):
    assert found[UNIT_255].address.endswith("/255")


def test_what_fits_no_profile_is_told_with_what_was_seen(found):
    switch = found[SWITCH]
    assert switch.profile == ""
    assert "Some Switch" in switch.seen
    assert "1.3.6.1.4.1.424242.7" in switch.seen
    assert switch.seen.isprintable(), "what a device says may not move the cursor"
    assert f"kasbah record {switch.address}" in switch.seen
    assert "no profile" in found[UNKNOWN_METER].seen
    assert found[UNKNOWN_METER].seen.endswith("docs/profiles.md shows")


def test_services_that_are_no_device_are_told_for_what_they_do(found):
    assert "accepts connections" in found[MUTE].seen
    assert "Modbus" in found[WEB].seen


def test_silence_and_a_wrong_community_are_nothing(found):
    expected = {UPS, UPS_V1, SWITCH, GENSET, INVERTER, UNIT_255, UNKNOWN_METER, MUTE, WEB}
    assert set(found) == expected


async def test_a_sweep_is_paced_and_tells_how_far_it_is():
    """At 50 addresses a second, 20 closed ports take 0.4 s, not a moment."""
    told = []
    loop = asyncio.get_running_loop()
    started = loop.time()
    nowhere = [f"127.0.2.{n}" for n in range(1, 21)]
    nothing = await look(
        sweep(hosts=nowhere, ports="snmp:9", rate_per_s=50), asked=lambda: told.append(1)
    )
    assert nothing == []
    assert len(told) == 20
    assert 0.35 < loop.time() - started < 2


async def test_the_connection_to_a_device_ends_with_its_identification():
    server = ModbusListener({1: unit("gen-1", "deepsea-gencomm")}, lambda: False)
    port = await server.open("127.0.1.20", 0)
    try:
        wanted = sweep(hosts=["127.0.1.20"], ports=f"modbus:{port}")
        assert await look(wanted)
        await asyncio.sleep(0.05)
        assert not server.connections
    finally:
        await server.close()


def test_a_network_is_its_addresses():
    assert hosts_of("10.0.0.9/30") == ("10.0.0.9", "10.0.0.10")
    assert hosts_of("10.0.0.9") == ("10.0.0.9",)
    assert hosts_of("10.0.0.0/31") == ("10.0.0.0", "10.0.0.1")
    assert len(hosts_of("10.0.0.0/16")) == 65534


@pytest.mark.parametrize("text", ["10.0.0.0/99", "plant", "10.0.0", ""])
def test_what_is_no_network_is_told(text):
    with pytest.raises(ValueError, match=r"is no network: write it as 10\.10\.1\.0/24"):
        hosts_of(text)


def test_too_many_addresses_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"more than 65536 addresses.*name the networks"):
        hosts_of("10.0.0.0/15")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("161", [("snmp", 161)]),
        ("502", [("modbus", 502)]),
        (" 1161", [("snmp", 1161), ("modbus", 1161)]),
        ("snmp:502", [("snmp", 502)]),
        ("modbus:1502", [("modbus", 1502)]),
    ],
)
def test_a_port_is_either_protocol_unless_it_is_known(text, expected):
    assert [(port.protocol, port.number) for port in ports_of(text)] == expected


@pytest.mark.parametrize(
    "text",
    ["snmp", "snmp:0", "snmp:70000", "bacnet:47808", "", "0", "65536", "-1", "1e3", "\u0663"],
)
def test_what_is_no_port_is_told(text):
    with pytest.raises(ValueError, match="write"):
        ports_of(text)


def test_units_are_numbers_and_spans():
    assert units_of("7") == (7,)
    assert units_of(" 0-3") == (0, 1, 2, 3)


@pytest.mark.parametrize("text", ["", "256", "-1", "3-1", "1-", "a", "1-300"])
def test_what_is_no_unit_is_told(text):
    with pytest.raises(ValueError, match="is no unit: write numbers from 0 to 255"):
        units_of(text)


TWO_AT_ONE_ADDRESS = (
    Found("snmp://10.0.0.1:161", "rfc1628-ups", "ups", Nameplate("A\nB", "M", "S"), "v2c"),
    Found("modbus://10.0.0.1:502/1", "sim-ups", "ups", Nameplate()),
    Found("snmp://[fe80::1]:161", "apc-ups", "ups", Nameplate(), "v1"),
    Found("snmp://10.0.0.9:161", seen="answers: {it: [says"),
)


def printed(found, community="public", *, named=False):
    credentials = Credentials("plant", community=community)
    return "\n".join(as_yaml(found, credentials, named=named))


def test_what_is_printed_is_a_part_of_a_site_file():
    document = yaml.safe_load(printed(TWO_AT_ONE_ADDRESS))
    whole = SiteFile.model_validate(
        {"site": {"id": "x", "name": "X", "timezone": "UTC"}} | document
    )
    ids = [device.id for device in whole.devices]
    assert ids == ["ups-10-0-0-1", "ups-10-0-0-1-2", "ups-fe80-1"]
    assert [device.credentials for device in whole.devices] == ["", "", "discovered-v1"]
    assert whole.credentials["discovered-v1"].version == "v1"


def test_a_community_is_never_printed():
    text = printed(TWO_AT_ONE_ADDRESS, "sesame")
    assert "sesame" not in text
    assert "discovered-v2c: {version: v2c, community_file: community.txt}" in text
    assert "`credentials: discovered-v2c` to ups-10-0-0-1." in text
    assert "`credentials: discovered-v1` to ups-fe80-1." in text
    document = yaml.safe_load(text)
    assert "credentials" not in document, "a file that is not there yet is a mistake"


def test_credentials_of_a_file_are_named():
    document = yaml.safe_load(printed(TWO_AT_ONE_ADDRESS, "sesame", named=True))
    assert "credentials" not in document
    assert document["devices"][0]["credentials"] == "plant"


def test_json_tells_devices_strangers_and_how_many_were_asked():
    answer = as_json(TWO_AT_ONE_ADDRESS, 14)
    assert answer["scanned"] == 14
    assert [device["address"] for device in answer["devices"]][:1] == ["snmp://10.0.0.1:161"]
    assert answer["unknown"] == [{"address": "snmp://10.0.0.9:161", "seen": "answers: {it: [says"}]


def test_it_is_said_what_will_be_sent():
    text = "\n".join(announcement(sweep(ports="snmp:161,modbus:502")))
    for word in (
        "30 addresses",
        "127.0.1.1",
        "UDP port 161",
        "v2c then v1",
        "TCP port 502",
        "1-10, 247, 255",
    ):
        assert word in text
    assert "200 of these a second" in text


async def test_the_command_prints_entries_on_stdout_and_all_else_on_stderr():
    async with plant() as (snmp, modbus):
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "discover", f"{UPS}/32", f"{GENSET}/32", "--yes", "--json",
            "--ports", f"snmp:{snmp},modbus:{modbus}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    answer = json.loads(out)
    assert [device["profile"] for device in answer["devices"]] == ["rfc1628-ups", "deepsea-gencomm"]
    assert answer["scanned"] == 2
    assert b"2 addresses will be asked" in err
    assert b"4 of 4 asked, 2 found" in err


def test_without_a_terminal_a_yes_is_needed():
    result = call("discover", NET, stdin=-3)
    assert result.returncode == 2
    assert "--yes" in result.stderr
    assert result.stdout == ""


def test_nothing_found_is_1():
    result = call("discover", "127.0.2.1", "--ports", "snmp:9,modbus:9", "--yes")
    assert result.returncode == 1
    assert "nothing answers" in result.stderr


if sys.platform != "linux":  # pragma: no cover - other systems have 127.0.0.1 only
    pytestmark = pytest.mark.skip("needs the whole of 127.0.0.0/8")
