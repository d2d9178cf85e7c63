"""Modbus and SunSpec profiles against a pymodbus server whose registers are written by hand here,
from the makers' documents and not from the profiles."""

from __future__ import annotations

import struct
from contextlib import asynccontextmanager

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult, probe
from collectors.profile import Library, library
from collectors.session import session_for
from core.errors import ConfigError, DeviceTimeout, Unidentified, Unreachable
from core.points import parse_name
from core.quality import Quality
from core.site import Credentials, Device, Poll
from tests.support.modbus import Unit, modbus_server, scripted_server

PROFILES = library()


def words(**blocks: bytes) -> dict[int, int]:
    """Registers from pieces of bytes: `r1024=...` puts one at register 1024."""
    registers = {}
    for name, data in blocks.items():
        start = int(name[1:])
        for i in range(0, len(data), 2):
            registers[start + i // 2] = int.from_bytes(data[i : i + 2], "big")
    return registers


def text(value: str, count: int) -> bytes:
    return value.encode().ljust(2 * count, b"\0")


def filled(registers: dict[int, int], *ranges: tuple[int, int], value: int = 0) -> dict[int, int]:
    """The same with every other register of these ranges (last one included) answering, too."""
    blank = {at: value for first, last in ranges for at in range(first, last + 1)}
    return blank | registers


# A DSE7310 MKII that carries 240 kW. GenComm: page x 256 + offset.
GENCOMM = filled(
    words(
        r768=struct.pack(">HHI", 1, 32840, 1234567),
        r772=struct.pack(">H", 1),
        r1024=struct.pack(">HhhHHHHH", 430, 84, 0x7FFF, 78, 282, 275, 1500, 500),
        r1032=struct.pack(">6I", 2301, 2310, 2294, 3989, 4001, 3979),
        r1044=struct.pack(">4I", 3481, 3512, 3466, 0xFFFFFFFF),
        r1052=struct.pack(">3i", 80_000, 81_000, -79_000),
        r1058=struct.pack(">h", -18),
        r1059=struct.pack(">H3I", 0, 0, 0, 0),
        r1076=struct.pack(">3I", 0, 0, 0),
        r1408=struct.pack(">H", 3),
        r1536=struct.pack(">i", 240_000),
        r1558=struct.pack(">h", 481),
        r1792=struct.pack(">IiI", 1_790_000_000, 360_000, 1_790_360_000),
        r1798=struct.pack(">IIIII", 4_321_000, 987_654, 0, 1_020_000, 320_000),
        r1808=struct.pack(">I", 151),
        # low oil pressure: shutdown; fail to start: warning; oil temperature sender: not there
        r2049=struct.pack(">H", 0x1311) + struct.pack(">H", 0x1121) + struct.pack(">H", 0x1111),
        r2052=struct.pack(">12H", 0x1111, 0x111F, *[0x1111] * 10),
    ),
    (1065, 1075),
    value=0xFFFF,
)

GENCOMM_VALUES = {
    "engine.oil_pressure": 430_000.0,
    "engine.coolant_temperature": 84.0,
    "fuel.level": 0.78,
    "alternator.voltage": 28.2,
    "start_battery.voltage": 27.5,
    "engine.speed": 1500.0,
    "output.frequency": 50.0,
    "output.voltage.l1": 230.1,
    "output.voltage.l3-l1": 397.9,
    "output.current.l2": 351.2,
    "output.active_power.l1": 80_000.0,
    "output.active_power.l3": -79_000.0,
    "output.phase_angle": -18.0,
    "output.active_power": 240_000.0,
    "output.load": 0.481,
    "engine.time_to_service": 360_000.0,
    "engine.operating_time": 4_321_000.0,
    "output.active_energy": 98_765_400.0,
    "output.apparent_energy": 102_000_000.0,
    "engine.starts": 151.0,
}

PM5000 = words(
    r49=text("PM5560", 20),
    r69=text("Schneider Electric", 20),
    r129=struct.pack(">I", 7654321),
    r2699=struct.pack(">2f", 1234.5, 0.25),
    r2707=struct.pack(">f", 77.0),
    r2715=struct.pack(">f", 1300.0),
    r2999=struct.pack(">5f", 101.5, 102.5, 103.5, 4.5, float("nan")),
    r3009=struct.pack(">f", 102.5),
    r3019=struct.pack(">4f", 400.25, 401.25, 399.25, 400.5),
    r3027=struct.pack(">3f", 230.5, 231.5, 229.5),
    r3053=struct.pack(">4f", 22.5, 23.5, 21.5, 67.5),
    r3061=struct.pack(">4f", 5.5, 5.25, 5.75, 16.5),
    r3069=struct.pack(">4f", 23.0, 24.0, 22.0, 69.0),
    r3077=struct.pack(">4f", 0.98, 1.03, -0.97, -1.05),
    r3109=struct.pack(">f", 50.02),
)
PM5000 = filled(PM5000, (2699, 2716), (2999, 3110), (49, 88), value=0)

B2X = filled(
    words(
        r20480=struct.pack(">2Q", 123_456_789, 0),
        r21600=struct.pack(">6Q", 41_000_000, 42_000_000, 40_456_789, 0, 0, 2**64 - 1),
        r23296=struct.pack(">3I", 2304, 2297, 2311),
        r23308=struct.pack(">3I", 1234, 1200, 0xFFFFFFFF),
        r23316=struct.pack(">4i", 8_250_000, 2_750_000, 2_740_000, -1_000),
        r23340=struct.pack(">H", 4998),
        r23354=struct.pack(">4h", 985, 991, 980, -120),
        r35072=struct.pack(">I", 90210),
        r35080=text("B1.21.0", 8),
        r35168=b"B23 ",
    ),
    (23296, 23340),
)


@asynccontextmanager
async def served(holding: dict[int, int], unit: int = 1):
    async with modbus_server({unit: Unit(holding=dict(holding))}) as port:
        yield f"modbus://127.0.0.1:{port}/{unit}"


@asynccontextmanager
async def opened(address: str, profile: str, profiles: Library = PROFILES):
    clients = Clients.open()
    device = Device("device", "other", profile, address, poll=Poll(timeout_s=1.0, retries=0))
    try:
        session = session_for(device, clients, profiles, SystemClock())
        yield session, await session.open()
    finally:
        await clients.close()


async def read(address: str, profile: str | None = None, **more) -> ProbeResult:
    clients = Clients.open()
    try:
        return await probe(
            address,
            profile=profile,
            credentials=Credentials("none"),
            clients=clients,
            library=PROFILES,
            clock=SystemClock(),
            **{"timeout_s": 1.0} | more,
        )
    finally:
        await clients.close()


def values(result: ProbeResult) -> dict[str, float | None]:
    return {reading.point: reading.value for reading in result.readings}


def states(result: ProbeResult) -> dict[str, tuple[str | None, str]]:
    return {state.point: (state.value, state.severity) for state in result.states}


async def test_a_deep_sea_controller_is_read_as_its_manual_says():
    async with served(GENCOMM) as address:
        result = await read(address)
    assert result.profile == "deepsea-gencomm"
    assert (result.vendor, result.model) == ("Deep Sea Electronics", "DSE7310 MKII")
    assert result.serial == "1234567"
    found = values(result)
    assert {name: found[name] for name in GENCOMM_VALUES} == pytest.approx(GENCOMM_VALUES)
    assert found["engine.oil_temperature"] is None
    assert found["output.residual_current"] is None
    assert states(result)["control.mode"] == ("auto", "ok")
    assert states(result)["engine.state"] == ("running", "ok")


async def test_gencomm_alarms_are_four_bits_each_the_first_on_top():
    async with served(GENCOMM) as address:
        found = states(await read(address))
    assert found["alarm.emergency_stop"] == ("normal", "ok")
    assert found["alarm.low_oil_pressure"] == ("active", "critical")
    assert found["alarm.fail_to_start"] == ("active", "warning")
    assert found["alarm.fail_to_stop"] == ("normal", "ok")
    assert found["alarm.oil_temperature_sender"] == (None, "unknown")


@pytest.mark.parametrize(
    ("raw", "quality"),
    [
        (0xFFFF, Quality.NOT_IMPLEMENTED),
        (0xFFFC, Quality.SENSOR_FAILED),
        (0xFFFE, Quality.SENSOR_FAILED),
        (0xFFF8, Quality.NOT_IMPLEMENTED),
        (0xFFF7, Quality.OUT_OF_RANGE),
    ],
)
async def test_gencomm_says_why_there_is_no_value(raw, quality):
    unit = Unit(holding=dict(GENCOMM))
    async with (
        modbus_server({1: unit}) as port,
        opened(f"modbus://127.0.0.1:{port}/1", "deepsea-gencomm") as (session, device),
    ):
        unit.holding[1024] = raw
        answer = await session.poll("fast")
        slot = device.names.index(parse_name("engine.oil_pressure"))
        assert answer.decoded()[1][answer.slots.tolist().index(slot)] == quality


async def test_a_schneider_meter_is_read_as_its_list_says():
    async with served(PM5000) as address:
        result = await read(address)
    assert (result.profile, result.model) == ("schneider-pm5000", "PM5560")
    assert (result.vendor, result.serial) == ("Schneider Electric", "7654321")
    found = values(result)
    expected = {
        "active_energy": 1_234_500.0,
        "active_energy_export": 250.0,
        "reactive_energy": 77_000.0,
        "current.l1": 101.5,
        "current.n": 4.5,
        "current.avg": 102.5,
        "voltage.ll": 400.5,
        "voltage.l2-l3": 401.25,
        "voltage.l3": 229.5,
        "active_power.l2": 23_500.0,
        "active_power": 67_500.0,
        "reactive_power": 16_500.0,
        "apparent_power": 69_000.0,
        "frequency": 50.02,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert found["residual_current"] is None
    # four-quadrant coding: 1.03 is 0.97 leading, -1.05 is -0.95
    factors = [found[f"power_factor{line}"] for line in (".l1", ".l2", ".l3", "")]
    assert factors == pytest.approx([0.98, 0.97, -0.97, -0.95], rel=1e-6)


async def test_an_abb_meter_is_read_as_its_manual_says():
    async with served(B2X) as address:
        result = await read(address)
    assert (result.profile, result.model, result.serial) == ("abb-b2x", "B23", "90210")
    found = values(result)
    assert result.firmware == "B1.21.0"
    expected = {
        "active_energy": 1_234_567_890.0,
        "active_energy.l3": 404_567_890.0,
        "voltage.l1": 230.4,
        "current.l2": 12.0,
        "active_power": 82_500.0,
        "active_power.l3": -10.0,
        "frequency": 49.98,
        "power_factor": 0.985,
        "power_factor.l3": -0.12,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["current.l3"] is None
    assert found["active_energy_export.l3"] is None


async def test_an_illegal_register_in_a_merged_range_costs_only_itself():
    registers = {at: raw for at, raw in B2X.items() if at != 23340}
    registers |= dict.fromkeys(range(23341, 23354), 0)
    async with served(registers) as address, opened(address, "abb-b2x") as (session, device):
        names = [str(name) for name in device.names]
        assert "frequency" not in names
        assert {"voltage.l1", "active_power.l3", "power_factor"} <= set(names)
        assert device.errors[0].startswith("3:23340: ")
        answer = await session.poll("fast")
        assert (answer.decoded()[1] == 0).all()
        assert answer.errors == ()


async def test_a_gap_of_illegal_registers_is_not_read_across_again():
    """Only registers that mean something answer: ranges that were merged over gaps fail, once."""
    registers = {at: raw for at, raw in B2X.items() if not 23302 <= at <= 23307}
    registers = {at: raw for at, raw in registers.items() if not 23314 <= at <= 23315}
    async with served(registers) as address, opened(address, "abb-b2x") as (session, device):
        assert device.errors == ()
        assert "frequency" in map(str, device.names)
        answer = await session.poll("fast")
        assert (answer.decoded()[1] == 0).all()
        assert answer.errors == ()


async def test_a_register_that_turns_illegal_is_refused_and_the_rest_lives():
    unit = Unit(holding=dict(B2X))
    async with (
        modbus_server({1: unit}) as port,
        opened(f"modbus://127.0.0.1:{port}/1", "abb-b2x") as (session, _),
    ):
        await session.poll("fast")
        unit.exception = 4
        answer = await session.poll("fast")
        assert (answer.decoded()[1] == Quality.REFUSED).all()
        assert answer.errors


async def test_a_device_that_refuses_everything_is_not_asked_for_each_register():
    asked = []

    async def refusing(reader, writer):
        while True:
            request = await reader.readexactly(12)
            asked.append(request)
            writer.write(request[:4] + b"\0\3" + request[6:7] + bytes([request[7] | 0x80, 4]))

    async with scripted_server(refusing) as port:
        with pytest.raises(Unidentified):
            await read(f"modbus://127.0.0.1:{port}/1", "deepsea-gencomm")
    assert len(asked) < 40


async def test_a_profile_that_does_not_fit_a_modbus_device_is_told():
    async with served({0: 1, 1: 2}) as address:
        with pytest.raises(Unidentified, match="none of the objects of profile 'abb-b2x' exist"):
            await read(address, "abb-b2x")


async def test_a_modbus_device_that_nothing_fits_says_what_it_is():
    identity = {"VendorName": "Acme", "ProductCode": "X1", "MajorMinorRevision": "2.0"}
    async with modbus_server({1: Unit(holding={0: 1})}, identity) as port:
        with pytest.raises(Unidentified, match=r"it says it is 'Acme X1 2\.0'"):
            await read(f"modbus://127.0.0.1:{port}/1")


async def test_a_silent_unit_and_a_closed_port_are_sentences():
    async def silent(reader, _writer):
        while await reader.read(1000):
            pass

    async with scripted_server(silent) as port:
        with pytest.raises(DeviceTimeout, match="no answer from unit 9 at"):
            await read(f"modbus://127.0.0.1:{port}/9", "abb-b2x", timeout_s=0.2, retries=0)
    with pytest.raises(Unreachable, match="nothing listens"):
        await read("modbus://127.0.0.1:9/1", "abb-b2x")


async def test_a_modbus_profile_at_an_snmp_address_is_a_sentence():
    with pytest.raises(ConfigError, match="speaks modbus, the address is"):
        await read("snmp://127.0.0.1", "abb-b2x")


# ---------------------------------------------------------------- SunSpec


def s16(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}h", *numbers)


def u16(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


def inverter(power: int = 4321) -> bytes:
    """A SunSpec map by the registers' order in the models: 1, 103, 160 with two modules, end."""
    common = text("Fronius", 16) + text("Symo 50", 16) + text("opt", 8) + text("3.1", 8)
    common += text("SN-42", 16) + u16(1) + u16(0x8000)
    model_103 = (
        u16(723, 241, 241, 0xFFFF)
        + s16(-1)  # A, phases, A_SF
        + u16(4001, 4002, 4003, 2310, 2311, 2312)
        + s16(-1)  # voltages, V_SF
        + s16(power, 1)
        + u16(4999)
        + s16(-2)  # W, W_SF, Hz, Hz_SF
        + s16(4400, 1, -300, 1, -998, -1)  # VA, VAr, PF with their factors
        + struct.pack(">I", 123_456)
        + s16(2)  # WH, WH_SF
        + u16(655)
        + s16(-1)
        + u16(6800)
        + s16(-1)
        + s16(4450, 1)  # DCA, DCV, DCW
        + s16(415, -0x8000, 388, -0x8000, -1)  # TmpCab, TmpSnk, TmpTrns, TmpOt, Tmp_SF
        + u16(4, 0)
        + struct.pack(">6I", 1 << 7 | 1 << 12, 0, 0, 0, 0, 0)
    )
    module = u16(1) + text("MPPT 1", 8) + u16(311, 6800, 2120) + struct.pack(">I", 600_000)
    module += struct.pack(">I", 0) + s16(-0x8000) + u16(4) + struct.pack(">I", 0)
    model_160 = s16(-1, -1, 0, 0) + struct.pack(">I", 0) + u16(2, 0) + 2 * module
    assert (len(common), len(model_103)) == (132, 100)
    blocks = b"".join(
        u16(number, len(data) // 2) + data
        for number, data in ((1, common), (103, model_103), (160, model_160))
    )
    return b"SunS" + blocks + u16(0xFFFF, 0)


async def test_a_sunspec_inverter_is_found_and_read():
    async with modbus_server({1: Unit.of(40000, inverter())}) as port:
        result = await read(f"modbus://127.0.0.1:{port}/1")
    assert result.profile == "sunspec-inverter"
    assert (result.vendor, result.model, result.serial) == ("Fronius", "Symo 50", "SN-42")
    assert result.firmware == "3.1"
    found = values(result)
    expected = {
        "output.active_power": 43_210.0,
        "output.apparent_power": 44_000.0,
        "output.reactive_power": -3_000.0,
        "output.power_factor": -0.998,
        "output.frequency": 49.99,
        "output.active_energy": 12_345_600.0,
        "output.current": 72.3,
        "output.current.l1": 24.1,
        "output.voltage.l1": 231.0,
        "output.voltage.l3-l1": 400.3,
        "dc.current": 65.5,
        "dc.voltage": 680.0,
        "dc.active_power": 44_500.0,
        "cabinet.temperature": 41.5,
        "winding.temperature": 38.8,
        "mppt.current.1": 31.1,
        "mppt.voltage.2": 680.0,
        "mppt.active_power.2": 2120.0,
        "mppt.active_energy.1": 600_000.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    for missing in ("output.current.l3", "heatsink.temperature", "mppt.temperature.1"):
        assert found[missing] is None
    shown = states(result)
    assert shown["inverter.state"] == ("mppt", "ok")
    assert shown["mppt.state.2"] == ("mppt", "ok")
    assert shown["alarm.high_temperature"] == ("active", "critical")
    assert shown["alarm.string_fuse"] == ("active", "critical")
    assert shown["alarm.ground_fault"] == ("normal", "ok")
    sources = {reading.point: reading.source for reading in result.readings}
    # 40000: marker, 40002: model 1, 40070: model 103, whose 14th register after ID and L is W
    assert sources["output.active_power"] == "3:40084"


async def test_an_inverter_that_wakes_up_gets_its_power_point():
    """At night it answers "not implemented"; opened then, it must not stay without for good."""
    night, day = Unit.of(40000, inverter(-0x8000)), Unit.of(40000, inverter())
    unit = Unit(holding=dict(night.holding))
    async with (
        modbus_server({1: unit}) as port,
        opened(f"modbus://127.0.0.1:{port}/1", "sunspec-inverter") as (session, device),
    ):
        assert "output.active_power" not in map(str, device.names)
        await session.poll("slow")
        assert not (await session.poll("fast")).restarted
        unit.holding.update(day.holding)
        await session.poll("slow")
        assert (await session.poll("fast")).restarted
        assert "output.active_power" in map(str, (await session.open()).names)


async def test_a_device_without_sunspec_is_told_so():
    async with served({0: 1}) as address:
        with pytest.raises(Unidentified, match="no SunSpec map"):
            await read(address, "sunspec-inverter")
