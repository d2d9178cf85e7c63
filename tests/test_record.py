"""`kasbah record`: what it writes is served again and says the same, without what is private."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.masking import EMAIL, IPV4, IPV6, MAC, Masker
from collectors.profile import library
from collectors.recording import ROOTS, outermost
from collectors.snmp import ber
from collectors.snmp.codec import VarBind, Version, decode_message
from collectors.snmp.oid import below
from core.errors import ConfigError
from core.site import Device
from simulator.mib import Oid, OrderedMib, Variable, constant, device_mib, parse_oid
from simulator.modbus import ModbusListener, Unit
from simulator.nameplate import nameplate
from simulator.recording import Recording, RecordingServer, format_line, parse_line
from simulator.registers import OutsideError, RegisterImage
from simulator.registers_file import RegisterRecording, RegisterServer
from simulator.snmp import Agent, SnmpListener
from simulator.sunspec import SunspecImage
from tests.support import snmpsim
from tests.support.kasbah import COMMAND, ROOT, call
from tests.support.snmpd import snmpd

VALUES = {"battery.charge": 0.87, "output.voltage": 231.0, "battery.temperature": 24.0}
SYSTEM = """\
1.3.6.1.2.1.1.1.0|4|Probe of ACME, SN A1B2C3D4, at 10.1.2.3 (00:c0:b7:12:34:56)
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.424242.7
1.3.6.1.2.1.1.3.0|67|5000
1.3.6.1.2.1.1.4.0|4|Amina, amina@datacentre.example
1.3.6.1.2.1.1.5.0|4|probe-casa-1
1.3.6.1.2.1.1.6.0|4|Casablanca, hall 1
1.3.6.1.2.1.2.1.0|2|1
1.3.6.1.4.1.424242.1.0|2|215
1.3.6.1.4.1.424242.2.0|4|probe-casa-1
1.3.6.1.4.1.424242.3.0|64|10.1.2.254
1.3.6.1.4.1.424242.4.0|4x|00c0b7123456
1.3.6.1.4.1.424242.5.0|4|mail ops@example.ma, fe80::2c0:b7ff:fe12:3456
1.3.6.1.4.1.424242.6.0|4|fortress
1.3.6.1.4.1.424242.7.0|4x|9f780441ac0000
1.3.6.1.4.1.424242.8.0|68x|9f780441ac0000
1.3.6.1.4.1.424242.9.0|70|18446744073709551615
"""


class Endless:
    """An agent whose last table has always one more row; or one that goes round in a circle."""

    def __init__(self, lines: str, *, circle: bool = False) -> None:
        self.mib = mib_of(lines)
        self.circle = circle

    def get(self, oid: Oid) -> Variable | None:
        return self.mib.get(oid)

    def next_after(self, oid: Oid) -> tuple[Oid, Variable]:
        row = Variable(ber.INTEGER, 1)
        if oid[:8] == (*ENDLESS, 1):
            number = oid[8] + 1
            return (*ENDLESS, 1, number % 5 if self.circle else number), row
        found = self.mib.next_after(oid)
        return found if found is not None and oid < ENDLESS else ((*ENDLESS, 1, 1), row)


ENDLESS = (1, 3, 6, 1, 4, 1, 999999)


class V1Only(Agent):
    """An old agent: datagrams of other versions are nothing to it."""

    def answer(self, data: bytes) -> bytes | None:
        return super().answer(data) if decode_message(data).version is Version.V1 else None


class Dying(Agent):
    """An agent that is asked for the UPS-MIB and says nothing any more."""

    dead = False

    def answer(self, data: bytes) -> bytes | None:
        self.dead |= decode_message(data).pdu.varbinds[0].oid == "1.3.6.1.2.1.33"
        return None if self.dead else super().answer(data)


def mib_of(lines: str) -> OrderedMib:
    objects = dict(parse_line(line) for line in lines.splitlines())
    return OrderedMib({oid: constant(variable) for oid, variable in objects.items()})


def ups_mib() -> OrderedMib:
    profile = library().load("apc-ups")
    return device_mib(
        profile, nameplate(Device("ups-1", "ups", "apc-ups", "")), lambda: VALUES, lambda: 100.0
    )


@contextlib.asynccontextmanager
async def served(agent: Agent) -> AsyncIterator[str]:
    """The address of an agent on loopback."""
    listener = SnmpListener(agent)
    port = await listener.open("127.0.0.1", 0)
    try:
        yield f"snmp://127.0.0.1:{port}"
    finally:
        listener.close()


async def recorded(address: str, output: Path, *more: str, **others):
    return await asyncio.to_thread(call, "record", address, "-o", str(output), *more, **others)


async def probed(address: str, *more: str) -> dict:
    result = await asyncio.to_thread(call, "probe", address, "--json", *more)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    del told["address"], told["serial"]
    return told


def always() -> bool:
    return True


def lines_of(path: Path) -> dict[str, str]:
    return dict(line.split("|", 1) for line in path.read_text().splitlines())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "device.snmprec"


async def test_a_recording_says_what_the_device_said(tmp_path, file):
    async with served(Agent(ups_mib(), "public", always)) as address:
        result = await recorded(address, file)
        original = await probed(address)
    assert result.returncode == 0, result.stderr
    assert len(original["readings"]) > 2
    assert result.stdout == ""
    assert "read by profile apc-ups" in result.stderr
    assert "look through the file" in result.stderr.lower()
    assert nameplate(Device("ups-1", "ups", "apc-ups", "")).serial not in file.read_text()
    server = RecordingServer(Recording.load(file))
    port = await server.start("127.0.0.1", 0)
    again = await probed(f"snmp://127.0.0.1:{port}")
    server.close()
    assert again == original
    with snmpsim.serve([file], tmp_path) as port:
        by_snmpsim = await probed(f"snmp://127.0.0.1:{port}", "--community", file.stem)
    assert by_snmpsim == original


async def test_what_is_private_is_masked_and_counted(file):
    async with served(Agent(mib_of(SYSTEM), "fortress", always)) as address:
        result = await recorded(address, file, "--community", "fortress")
    assert result.returncode == 0, result.stderr
    held = lines_of(file)
    assert held["1.3.6.1.2.1.1.1.0"] == f"4|Probe of ACME, SN A1B2C3D4, at {IPV4} ({MAC})"
    for number in (4, 5, 6):
        assert held[f"1.3.6.1.2.1.1.{number}.0"] == "4|masked"
    own = [held[f"1.3.6.1.4.1.424242.{n}.0"] for n in range(1, 10)]
    assert own[:4] == ["2|215", "4|masked", f"64|{IPV4}", "4x|" + MAC.replace(":", "")]
    assert own[4:6] == [f"4|mail {EMAIL}, {IPV6}", "4|masked"]
    assert own[6:] == ["4x|9f780441ac0000", "68x|9f780441ac0000", f"70|{2**64 - 1}"]
    assert "1.3.6.1.2.1.2.1.0" not in held, "the network's tables are not recorded"
    assert "5 addresses, 1 e-mail address, 5 names" in result.stderr
    assert "no profile fits" in result.stderr
    assert "fortress" not in result.stderr


async def test_private_data_can_be_kept_and_subtrees_chosen(file):
    async with served(Agent(mib_of(SYSTEM), None, always)) as address:
        roots = ("--root", "1.3.6.1.2.1.1", "--root", ".1.3.6.1.2.1.1.4", "--root", "1.3.6.1.2.1.2")
        result = await recorded(address, file, "--keep-private", *roots)
    assert result.returncode == 0, result.stderr
    assert file.read_text() == "".join(SYSTEM.splitlines(keepends=True)[:7])
    assert "was kept" in result.stderr


async def test_a_serial_number_is_masked_wherever_it_stands(tmp_path, file):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "acme.yaml").write_text(
        "profile: acme\ntitle: t\nclass: environment\nprotocol: snmp\nsource: s\n"
        "match: {sys_object_id: [1.3.6.1.4.1.424242.7]}\n"
        "identity: {serial: {oid: 1.3.6.1.4.1.424242.20.1}}\npoints:\n"
        "  - {point: probe.temperature, oid: 1.3.6.1.4.1.424242.1.0, source: s}\n"
    )
    more = (
        "1.3.6.1.4.1.424242.20.1|4|A1B2C3D4\n1.3.6.1.4.1.424242.20.2|4|OTHER7\n"
        "1.3.6.1.4.1.424242.21.0|2|7\n"
    )
    async with served(Agent(mib_of(SYSTEM + more), "public", always)) as address:
        result = await recorded(address, file, "--profiles", str(folder))
    held = lines_of(file)
    assert "SN XXXXXXXX," in held["1.3.6.1.2.1.1.1.0"]
    assert held["1.3.6.1.4.1.424242.20.1"] == "4|XXXXXXXX"
    assert held["1.3.6.1.4.1.424242.20.2"] == "4|XXXXXX"
    assert held["1.3.6.1.4.1.424242.21.0"] == "2|7"
    assert "3 serial numbers" in result.stderr


@pytest.mark.parametrize(
    ("circle", "words"), [(False, "a table without end?"), (True, "OIDs do not increase")]
)
async def test_a_table_without_end_ends_and_what_was_read_is_kept(file, circle, words):
    async with served(Agent(Endless(SYSTEM, circle=circle), "public", always)) as address:
        result = await recorded(address, file, "--max-objects", "30", "--timeout", "0.5")
    assert result.returncode == 1
    assert "1.3.6.1.4.1 is not complete: " in result.stderr
    assert words in result.stderr
    held = lines_of(file)
    assert held["1.3.6.1.4.1.424242.1.0"] == "2|215"
    assert "1.3.6.1.4.1.999999.1.2" in held
    assert Recording.load(file).skipped == 0


async def test_a_device_that_falls_silent_leaves_what_it_gave(file):
    async with served(Dying(mib_of(SYSTEM), "public", always)) as address:
        result = await recorded(address, file, "--keep-private", "--timeout", "0.1")
    assert result.returncode == 1
    assert "does not answer any more" in result.stderr
    assert len(Recording.load(file)) == 6


async def test_what_was_read_is_kept_when_it_is_interrupted(file):
    async with served(Agent(Endless(SYSTEM), "public", always)) as address:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "record", address, "-o", str(file), stderr=asyncio.subprocess.PIPE, cwd=ROOT
        )
        told = b""
        while b"1000 read" not in told:
            told += await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, rest = await process.communicate()
    assert process.returncode == 1
    assert "kasbah: interrupted" in rest.decode()
    assert len(Recording.load(file)) > 1000


async def test_a_device_of_version_1_is_recorded(file):
    async with served(V1Only(mib_of(SYSTEM), "public", always)) as address:
        result = await recorded(address, file, "--timeout", "0.2")
    assert result.returncode == 0, result.stderr
    assert "SNMP v1 only" in result.stderr
    assert len(Recording.load(file)) == len(SYSTEM.splitlines()) - 2  # interfaces, Counter64


def test_mistakes_are_sentences_and_nothing_is_written(file):
    silent = call("record", "snmp://127.0.0.1:9", "-o", str(file), "--timeout", "0.1")
    assert silent.returncode == 1
    assert "127.0.0.1:9" in silent.stderr
    assert len(silent.stderr.splitlines()) == 1
    named = call("record", "modbus://127.0.0.1/1", "-o", str(file))
    assert named.returncode == 78
    assert "name it *.csv" in named.stderr
    ranges = call("record", "modbus://127.0.0.1/1", "--range", "5:0-9")
    assert ranges.returncode == 78
    assert "is no range" in ranges.stderr
    root = call("record", "snmp://127.0.0.1:9", "-o", str(file), "--root", "sysDescr")
    assert root.returncode == 78
    assert "'sysDescr' is no object identifier" in root.stderr
    assert call("record", "nowhere", "-o", str(file)).returncode == 78
    assert not file.exists()
    nowhere = call("record", "snmp://127.0.0.1:9", "-o", str(file.parent / "none" / "x.snmprec"))
    assert "there is no folder" in nowhere.stderr


async def test_a_file_that_exists_is_kept_without_force(file):
    file.write_text("precious\n")
    async with served(Agent(mib_of(SYSTEM), "public", always)) as address:
        refused = await recorded(address, file, "--keep-private")
        assert refused.returncode == 1
        assert "--force" in refused.stderr
        assert file.read_text() == "precious\n"
        forced = await recorded(address, file, "--keep-private", "--force")
    assert forced.returncode == 0
    assert "424242" in file.read_text()


async def test_an_agent_of_another_make_is_recorded(tmp_path, file):
    with snmpd(tmp_path) as port:
        result = await recorded(f"snmp://127.0.0.1:{port}", file, "--root", "1.3.6.1.2.1.1")
    assert result.returncode == 0, result.stderr
    held = lines_of(file)
    assert held["1.3.6.1.2.1.1.6.0"] == "4|masked"
    assert "battery room" not in file.read_text()
    assert list(held) == sorted(held, key=parse_oid)


def test_what_profiles_read_is_recorded_unless_told_otherwise():
    shelf = library()
    text = json.dumps(
        [
            [spec.keys.model_dump(mode="json", exclude_unset=True) for spec in profile.points]
            for profile in map(shelf.load, sorted(shelf.names()))
            if profile.protocol == "snmp"
        ]
    )
    oids = set(re.findall(r'"(1\.3\.6\.1(?:\.\d+){2,})"', text))
    assert len(oids) > 1000
    assert [oid for oid in oids if not any(below(oid, root) for root in ROOTS)] == []


def test_subtrees_are_walked_once_and_in_order():
    assert outermost(["1.3.6.1.4.1", "1.3.6.1.2.1.1", "1.3.6.1.4.1.318"]) == [
        "1.3.6.1.2.1.1",
        "1.3.6.1.4.1",
    ]


VALUE = st.one_of(
    st.binary(max_size=20).map(lambda value: (ber.OCTET_STRING, value)),
    st.text(max_size=20).map(lambda value: (ber.OCTET_STRING, value.encode())),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: (ber.INTEGER, value)),
    st.integers(0, 2**64 - 1).map(lambda value: (ber.COUNTER64, value)),
    st.binary(max_size=9).map(lambda value: (ber.OPAQUE, value)),
    st.ip_addresses(v=4).map(lambda value: (ber.IP_ADDRESS, str(value))),
    st.just((ber.OID, "1.3.6.1.4.1.318")),
    st.just((ber.NULL, None)),
)


@given(VALUE)
def test_a_line_is_read_as_it_was_written(value):
    tag, raw = value
    line = format_line(VarBind("1.3.6.1.4.1.1.0", tag, raw))
    assert "\n" not in line
    assert line.isascii()
    assert parse_line(line) == ((1, 3, 6, 1, 4, 1, 1, 0), Variable(tag, raw))


def masked(text: str, **known) -> str:
    bind = VarBind("1.3.6.1.4.1.1.0", ber.OCTET_STRING, text.encode("latin-1"))
    return Masker(**known).mask([bind])[0].value.decode("latin-1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gateway 10.0.0.1.", f"gateway {IPV4}."),
        ("10.0.0.1:161,10.0.0.2", f"{IPV4}:161,{IPV4}"),
        ("00-C0-B7-12-34-56", MAC),
        ("2001:db8:0:1::7/64", f"{IPV6}/64"),
        ("::ffff:10.1.2.3", IPV6),
        ("to a.b@c.example.org!", f"to {EMAIL}!"),
        ("OID 1.3.6.1.4.1.318.2", "OID 1.3.6.1.4.1.318.2"),
        ("version 3.9.1", "version 3.9.1"),
        ("300.1.2.3", "300.1.2.3"),
        ("12:34:56 on 01.02.2026", "12:34:56 on 01.02.2026"),
        ("std::string at ::", "std::string at ::"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_addresses_are_told_from_what_looks_like_one(text, expected):
    assert masked(text) == expected


def test_a_version_that_looks_like_an_address_is_kept():
    assert masked("AOS 6.5.6.0", public=("6.5.6.0",)) == "AOS 6.5.6.0"


@given(st.lists(VALUE, max_size=6))
def test_masking_changes_no_name_tag_or_order(values):
    binds = [VarBind(f"1.3.6.1.4.1.1.{i}", tag, raw) for i, (tag, raw) in enumerate(values)]
    result = Masker(serial="12345", serials=["1.3.6.1.4.1.1.2"], secrets=["word"]).mask(binds)
    assert [(bind.oid, bind.tag) for bind in result] == [(bind.oid, bind.tag) for bind in binds]
    for old, new in zip(binds, result, strict=True):
        assert type(old.value) is type(new.value)
        parse_line(format_line(new))


METER = {"active_power": 52_300.0, "voltage.l1-l2": 400.5, "frequency": 50.01, "current.l1": 78.2}
INVERTER = {"output.active_power": 41_000.0, "output.frequency": 50.0}


class Holes:
    """Holding registers 10 to 149 but 77, coils 0 to 9."""

    def read(self, fc: int, address: int, count: int) -> bytes:
        asked = range(address, address + count)
        if fc == 1 and asked.stop <= 10:
            return (0b1010101010 & (1 << count) - 1).to_bytes((count + 7) // 8, "little")
        if fc != 3 or asked.start < 10 or asked.stop > 150 or 77 in asked:
            raise OutsideError
        return b"".join(at.to_bytes(2, "big") for at in asked)


@contextlib.asynccontextmanager
async def unit_served(unit: Unit) -> AsyncIterator[str]:
    listener = ModbusListener({1: unit}, lambda: False)
    port = await listener.open("127.0.0.1", 0)
    try:
        yield f"modbus://127.0.0.1:{port}/1"
    finally:
        await listener.close()


def unit_of(profile: str, values: dict[str, float], image=RegisterImage) -> Unit:
    plate = nameplate(Device("device-1", "other", profile, ""))
    return Unit(image(library().load(profile), plate, lambda: values, lambda: 0), plate, always)


@pytest.mark.parametrize(
    ("profile", "values", "image"),
    [("schneider-pm5000", METER, RegisterImage), ("sunspec-inverter", INVERTER, SunspecImage)],
)
async def test_a_modbus_recording_says_what_the_device_said(tmp_path, profile, values, image):
    file = tmp_path / "device.csv"
    async with unit_served(unit_of(profile, values, image)) as address:
        result = await recorded(address, file)
        original = await probed(address)
    assert result.returncode == 0, result.stderr
    assert f"read by profile {profile}" in result.stderr
    assert "masked: 1 serial number." in result.stderr
    assert len(original["readings"]) >= len(values)
    recording = RegisterRecording.load(file)
    server = RegisterServer(recording)
    port = await server.start("127.0.0.1", 0)
    told = await asyncio.to_thread(call, "probe", f"modbus://127.0.0.1:{port}/1", "--json")
    await server.close()
    again = json.loads(told.stdout)
    serial = nameplate(Device("device-1", "other", profile, "")).serial
    assert again.pop("serial") != serial
    assert {key: again[key] for key in original} == original


async def test_registers_of_an_unknown_device_are_recorded_by_range(tmp_path):
    file = tmp_path / "device.csv"
    plate = nameplate(Device("device-1", "other", "nobody", ""))
    async with unit_served(Unit(Holes(), plate, always)) as address:
        unnamed = await recorded(address, file)
        result = await recorded(address, file, "--range", "3:0-199", "--range", "1:0-9")
    assert unnamed.returncode == 1
    assert "--range 3:0-199" in unnamed.stderr
    assert result.returncode == 0, result.stderr
    recording = RegisterRecording.load(file)
    held = {address: word for (fc, address), word in recording.words.items() if fc == 3}
    assert {at: at for at in range(10, 150) if at != 77} == held
    bits = [word for (fc, _), word in sorted(recording.words.items()) if fc == 1]
    assert bits == [0, 1] * 5
    assert recording.identification == {0: plate.vendor, 1: plate.model, 2: plate.firmware}
    assert recording.read(1, 0, 10) == Holes().read(1, 0, 10)
    with pytest.raises(OutsideError):
        recording.read(3, 76, 2)


@pytest.mark.parametrize("line", ["3,1", "9,1,1", "3,70000,1", "3,1,70000", "1,1,2", "x,1,1"])
def test_a_wrong_line_of_registers_is_named(tmp_path, line):
    path = tmp_path / "device.csv"
    path.write_text(f"fc,address,value\n3,1,1\n{line}\n")
    with pytest.raises(ConfigError, match=f"device.csv:3: '{line}' is no line"):
        RegisterRecording.load(path)


def test_a_file_without_registers_is_refused(tmp_path):
    path = tmp_path / "device.csv"
    path.write_text("fc,address,value\n")
    served = call("simulate", str(path), "--for", "1s")
    assert served.returncode == 78
    assert "holds no register" in served.stderr
    assert call("simulate", str(tmp_path / "none.csv")).returncode == 78
