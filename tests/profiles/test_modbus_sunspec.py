"""SunSpec profiles against a pymodbus server whose registers pysunspec2 reads, too.

Each device is a chain of models whose registers are filled in the order of the SunSpec Alliance's
own definitions. What every profile point should be is computed from what pysunspec2 reads there;
some are written out by hand.
"""

from __future__ import annotations

import struct
from functools import cache

import pytest
from sunspec2.device import get_model_def
from sunspec2.modbus.client import SunSpecModbusClientDevice

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.modbus.sunspec import fields
from collectors.probe import ProbeResult, probe
from collectors.profile import library
from core.site import Credentials
from tests.support.modbus import Unit, modbus_server

PROFILES = library()

INVERTER = (1, 103, 120, 121, 122, 123, 160, 124, 203)
FLOATS = (1, 113, 213)
DER = (1, *range(701, 715))
STORAGE = (1, 802, 803, 804, 804, 805)
METER = (1, 201)

GROUPS = 2
"""So often each group stands there whose number the device decides."""

FORMATS = {
    **dict.fromkeys(("uint16", "enum16", "bitfield16", "acc16", "count"), ">H"),
    **dict.fromkeys(("uint32", "enum32", "bitfield32", "acc32"), ">I"),
    **dict.fromkeys(("uint64", "bitfield64", "acc64"), ">Q"),
    "int16": ">h",
    "int32": ">i",
    "int64": ">q",
    "sunssf": ">h",
    "float32": ">f",
    "float64": ">d",
}


class Filled:
    """The registers of one model, every point with a value of its own."""

    def __init__(self, model: int, block: int) -> None:
        self.model, self.number = model, 20 + 7 * block
        body = b"".join(self.group(get_model_def(model)["group"]))
        length = len(body) // 2 - 2
        self.data = struct.pack(">HH", model, length) + body[4:]

    def group(self, group):
        for point in group["points"]:
            yield self.point(point)
        for inner in group.get("groups", ()):
            count = inner.get("count", 1)
            for _ in range(GROUPS if isinstance(count, str) or count == 0 else count):
                yield from self.group(inner)

    def point(self, point) -> bytes:
        kind, size, name = point["type"], 2 * point["size"], point["name"]
        self.number = self.number + 1 if self.number < 95 else 20
        if kind == "string":
            return f"{name} {self.model}".encode()[:size].ljust(size, b"\0")
        if kind == "pad":
            return b"\x80\0"
        if kind == "sunssf":
            return struct.pack(">h", -2 if name.startswith("PF") and self.model > 700 else -1)
        if kind.startswith(("float", "acc", "int", "uint")) and not name.startswith(("NPt", "N")):
            return struct.pack(FORMATS[kind], self.number)
        if kind.startswith("enum") and (symbols := point.get("symbols")):
            return struct.pack(FORMATS[kind], symbols[self.number % len(symbols)]["value"])
        if kind.startswith("bitfield"):
            pattern = 0x2D5A_6B35 >> self.number % 5
            return struct.pack(FORMATS[kind], pattern & (0x7FFF if size == 2 else 0x7FFF_FFFF))
        return struct.pack(FORMATS[kind], GROUPS)


@cache
def chain(*models: int) -> bytes:
    blocks = [Filled(model, i).data for i, model in enumerate(models)]
    return b"SunS" + b"".join(blocks) + b"\xff\xff\0\0"


class Oracle(SunSpecModbusClientDevice):
    """pysunspec2 on the same registers."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data
        self.scan(connect=False)

    def read(self, addr, count):
        start = 2 * (int(addr) - 40000)
        return self._data[start : start + 2 * int(count)]


def found_in(group, path: list[str], index: tuple[int, ...] = ()):
    """The points that a field's path leads to, each with the numbers of its groups."""
    if len(path) == 1:
        return [(index, group.points[path[0]])] if path[0] in group.points else []
    inner = group.groups.get(path[0], [])
    if not isinstance(inner, list):
        return found_in(inner, path[1:], index)
    pairs = enumerate(inner, start=1)
    return [hit for i, one in pairs for hit in found_in(one, path[1:], (*index, i))]


def expected(profiles: tuple[str, ...], data: bytes) -> dict[tuple[str, str], object]:
    """What each point should be, by name and register."""
    device = Oracle(data)
    points: dict[tuple[str, str], object] = {}
    for spec in (spec for name in profiles for spec in PROFILES.load(name).points):
        for model in spec.models:
            blocks = device.models.get(model, [])
            for number, block in enumerate(blocks, start=1):
                for index, point in found_in(block, spec.keys.field.split(".")):
                    words = [spec.name.instance, str(number) if len(blocks) > 1 else ""]
                    instance = "-".join([w for w in words if w] + [str(i) for i in index])
                    name = ".".join(w for w in (spec.name.part, spec.name.quantity, instance) if w)
                    address = block.model_addr + point.offset
                    points[name, f"3:{address}"] = meaning(spec, point)
    return points


def meaning(spec, point):
    if spec.states is None:
        return point.cvalue * spec.keys.scale
    raw = point.value
    if spec.keys.bits is not None:
        raw = raw >> spec.keys.bits.shift & (1 << spec.keys.bits.width) - 1
    code = spec.states[raw]
    return spec.name.axis.states[code.code], code.severity.name.lower()


async def probed(data: bytes) -> ProbeResult:
    clients = Clients.open()
    try:
        async with modbus_server({1: Unit.of(40000, data)}) as port:
            return await probe(
                f"modbus://127.0.0.1:{port}/1",
                credentials=Credentials("none"),
                clients=clients,
                library=PROFILES,
                clock=SystemClock(),
            )
    finally:
        await clients.close()


def shown(result: ProbeResult) -> dict[tuple[str, str], object]:
    read: dict[tuple[str, str], object] = {
        (reading.point, reading.source): reading.value for reading in result.readings
    }
    return read | {
        (state.point, state.source): (state.value, state.severity) for state in result.states
    }


ALL = ("sunspec-inverter", "sunspec-der", "sunspec-storage", "sunspec-meter")


@pytest.mark.parametrize(
    ("models", "profile", "device_class", "least"),
    [
        (INVERTER, "sunspec-inverter", "pv_inverter", 160),
        (FLOATS, "sunspec-inverter", "pv_inverter", 80),
        (DER, "sunspec-der", "pv_inverter", 150),
        (STORAGE, "sunspec-storage", "battery", 240),
        (METER, "sunspec-meter", "meter", 49),
        ((1, 101, 201), "sunspec-inverter", "pv_inverter", 85),
        ((1, 102, 111, 112), "sunspec-inverter", "pv_inverter", 90),
        ((1, 202, 204, 211, 212, 214), "sunspec-meter", "meter", 240),
        ((1, 103, 701, 713, 802), "sunspec-inverter", "pv_inverter", 120),
        ((1, 203, 203), "sunspec-meter", "meter", 98),
    ],
)
async def test_every_point_is_what_pysunspec2_reads(models, profile, device_class, least):
    data = chain(*models)
    result = await probed(data)
    assert (result.profile, result.device_class) == (profile, device_class)
    assert result.errors == ()
    wanted, read = expected(ALL, data), shown(result)
    assert set(read) == set(wanted)
    assert len(read) >= least
    wrong = {
        name: (read[name], value)
        for name, value in wanted.items()
        if (read[name] if isinstance(value, tuple) else pytest.approx(read[name], rel=1e-6))
        != value
    }
    assert wrong == {}
    assert (result.vendor, result.model) == ("Mn 1", "Md 1")
    assert (result.serial, result.firmware) == ("SN 1", "Vr 1")


LISTED = (
    *(1, 101, 102, 103, 111, 112, 113, *range(120, 125), 160, *range(201, 205)),
    *(*range(211, 215), *range(701, 715), *range(802, 806)),
)


@pytest.mark.parametrize("model", LISTED)
def test_the_layout_of_every_listed_model_is_pysunspec2s(model):
    """Curves within curves included, their numbers told."""
    data = chain(model)
    (theirs,) = Oracle(data).models[model]
    length = struct.unpack(">H", data[6:8])[0]
    counts = {"NPt": GROUPS, "NCrv": GROUPS, "NCrvSet": GROUPS, "NCtl": GROUPS}

    def flat(group, prefix=""):
        for name, point in group.points.items():
            if point.pdef["type"] != "pad":
                yield prefix + name, point.offset
        for name, inner in group.groups.items():
            pairs = enumerate(inner, start=1) if isinstance(inner, list) else [(0, inner)]
            for i, each in pairs:
                yield from flat(each, f"{prefix}{name}.{i}." if i else f"{prefix}{name}.")

    ours = {name: layout.offset for name, layout in fields(model, length, counts).items()}
    assert ours == dict(flat(theirs))


# ---------------------------------------------------------------- written out by hand


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *(number & 0xFFFF for number in numbers))


COMMON = b"".join(
    text.encode().ljust(size, b"\0")
    for text, size in (("Acme", 32), ("Hybrid 10", 32), ("", 16), ("2.1", 16), ("77", 32))
) + words(1, 0x8000)


def image(*blocks: tuple[int, bytes]) -> bytes:
    data = b"".join(words(model, len(body) // 2) + body for model, body in blocks)
    return b"SunS" + words(1, 66) + COMMON + data + b"\xff\xff\0\0"


NONE = 0xFFFF
METER_203 = (
    words(-105, -30, -35, -40, -1)  # A, phases, A_SF
    + words(2301, 2300, 2302, 2303, 3986, 3985, 3987, 3988, -1)  # voltages, V_SF
    + words(5001, -2)
    + words(-241, -69, -81, -91, 1)  # W
    + words(0x8000, 0x8000, 0x8000, 0x8000, 0x8000)  # VA: not implemented
    + words(12, 4, 4, 4, 1)  # VAR
    + words(-985, -980, -985, -990, -1)  # PF in percent
    + struct.pack(">8I", 1_000, 300, 300, 400, 123_456, 41_000, 41_000, 41_456)
    + words(1)
    + struct.pack(">8I", *[0] * 8)
    + words(0x8000)
    + struct.pack(">16I", *[0] * 16)
    + words(0x8000)
    + struct.pack(">I", 1 << 7 | 1 << 3)
)
STORAGE_713 = words(100, 55, 551, 987, 1, 2, -1)
"""WHRtg, WHAvail, SoC, SoH, Sta, WH_SF, Pct_SF."""


async def test_a_meter_and_a_storage_behind_an_inverter_written_out():
    der = bytearray(Filled(701, 0).data[4:])
    der[8:16] = struct.pack(">II", 1 << 7, 0)  # Alrm: over temperature; DERMode
    der[16:18] = words(-423)  # W: absorbs
    result = await probed(image((701, bytes(der)), (713, STORAGE_713), (203, METER_203)))
    assert (result.vendor, result.model, result.serial) == ("Acme", "Hybrid 10", "77")
    read = {reading.point: reading.value for reading in result.readings}
    numbers = {
        "output.active_power": -42.3,
        "battery.charge": 0.551,
        "battery.health": 0.987,
        "battery.energy_capacity": 10_000.0,
        "battery.available_energy": 5_500.0,
        "current": -10.5,
        "current.l3": -4.0,
        "voltage.l1": 230.0,
        "voltage.ll": 398.6,
        "voltage.l3-l1": 398.8,
        "frequency": 50.01,
        "active_power": -2410.0,
        "reactive_power.l2": 40.0,
        "power_factor": -0.985,
        "active_energy": 1_234_560.0,
        "active_energy_export": 10_000.0,
        "active_energy.l3": 414_560.0,
    }
    assert {name: read[name] for name in numbers} == pytest.approx(numbers)
    assert read["apparent_power"] is None
    assert read["apparent_energy"] is None
    states = {state.point: (state.value, state.severity) for state in result.states}
    assert states["alarm.high_temperature"] == ("active", "critical")
    assert states["alarm.ground_fault"] == ("normal", "ok")
    assert states["battery.alarm"] == ("active", "warning")
    assert states["alarm.meter_missing_sensor"] == ("active", "critical")
    assert states["alarm.meter_undervoltage"] == ("active", "warning")
    assert states["alarm.undervoltage"] == ("normal", "ok")


async def test_a_battery_written_out():
    battery = (
        words(200, 1000, 500, 500, 1, 100, 0, 0, 0, 655, NONE, 991)
        + struct.pack(">I", 321)
        + words(3, 1, 7, 7, 0, 4, 3, NONE)
        + struct.pack(">5I", 0, 1 << 2 | 1 << 20, 0, 0, 0)
        + words(5120, 5800, 4600, 3412, 1, 2, 3398, 2, 5, 3405)
        + words(-415, 1000, 1000, -2125, 0, 0x8000, 1, 1)
        # AHRtg, WHRtg, WChaDisChaMax, DisChaRte, SoC, DoD, SoH, V, CellV, A, AMax, W
        + words(0, 2, 2, -1, -1, -1, -1, -1, -3, -1, -1, 1)
    )
    length = len(chain(802)) // 2 - 6
    assert len(battery) // 2 == length, (len(battery) // 2, length)
    result = await probed(image((802, battery)))
    assert (result.profile, result.device_class) == ("sunspec-storage", "battery")
    read = {reading.point: reading.value for reading in result.readings}
    numbers = {
        "battery.charge": 0.655,
        "battery.health": 0.991,
        "battery.cycles": 321.0,
        "battery.voltage": 512.0,
        "battery.current": -41.5,
        "battery.active_power": -21_250.0,
        "battery.capacity": 200.0,
        "battery.energy_capacity": 100_000.0,
        "battery.rated_active_power.charge": 50_000.0,
        "cell.voltage.max": 3.412,
        "cell.voltage.min": 3.398,
        "battery.high_current_limit.discharge": 100.0,
    }
    assert {name: read[name] for name in numbers} == pytest.approx(numbers)
    states = {state.point: (state.value, state.severity) for state in result.states}
    assert states["battery.state"] == ("discharging", "ok")
    assert states["control.mode"] == ("local", "warning")
    assert states["battery.alarm.contactor"] == ("active", "critical")
    assert states["battery.alarm.high_temperature_warning"] == ("active", "warning")
    assert states["battery.alarm.high_temperature"] == ("normal", "ok")
