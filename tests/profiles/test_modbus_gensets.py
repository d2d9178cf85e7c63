"""Genset controllers against a pymodbus server whose registers are written by hand here. GenComm's
measurements are in tests/test_session_modbus.py."""

from __future__ import annotations

from struct import pack

import pytest

from core.errors import Unidentified
from tests.support.maps import numbers, read, registers, states, text
from tests.support.modbus import Unit


def lines(quantity: str, *values: float) -> dict[str, float]:
    return {f"{quantity}.l{i}": value for i, value in enumerate(values, start=1)}


# ---------------------------------------------------------------- Deep Sea GenComm

GENCOMM = registers(
    {
        768: pack(">HHI", 1, 32833, 4711),
        772: pack(">H", 1),
        1029: pack(">H", 271),
        2049: pack(">H", 0xFFFF),
        2061: pack(">3H", 0x1A12, 0x1131, 0x4FFF),
        # page 154: place 2 warns, 7 shut down, 80 tripped; from place 81 on there is nothing
        39425: pack(">2H", 0x1211, 0x1131),
        39444: pack(">H", 0x1114),
        39445: pack(">19H", *[0xFFFF] * 19),
    },
    (1024, 1060),
    (2049, 2063),
    (39425, 39463),
)


async def test_gencomm_alarms_of_both_systems():
    image = GENCOMM | dict.fromkeys(range(39427, 39444), 4369)
    result = await read(Unit(holding=image))
    assert (result.profile, result.model, result.serial) == (
        "deepsea-gencomm",
        "DSE8620 MKII",
        "4711",
    )
    found = states(result)
    active = {name: severity for name, (word, severity) in found.items() if word == "active"}
    assert active == {
        "alarm.bus_live": "ok",
        "alarm.bus_phase_rotation": "warning",
        "alarm.multiset_id": "critical",
        "alarm.engine_management_bus": "critical",
        "alarm.named-2": "warning",
        "alarm.named-7": "critical",
        "alarm.named-80": "critical",
    }
    assert found["alarm.named-79"] == ("normal", "ok")
    assert found["alarm.named-81"] == (None, "unknown")
    assert found["alarm.named-156"] == (None, "unknown")
    assert found["alarm.low_oil_pressure"] == (None, "unknown")


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        (0, ("off", "critical")),
        (2, ("manual", "warning")),
        (4, ("auto", "ok")),
        (5, ("unknown", "unknown")),
        (6, ("test_off_load", "warning")),
    ],
)
async def test_gencomm_modes(raw, state):
    result = await read(Unit(holding=GENCOMM | {772: raw}))
    assert states(result)["control.mode"] == state


@pytest.mark.parametrize("change", [{769: 1}, {769: 0xFFFF}, {1029: 0}, {768: 2}])
async def test_a_one_in_register_768_is_not_yet_a_deep_sea_controller(change):
    with pytest.raises(Unidentified):
        await read(Unit(holding=GENCOMM | change))


# ---------------------------------------------------------------- ComAp

INTELILITE = registers(
    {
        1004: pack(">H", 1_500),
        1006: pack(">h", 845),
        1008: pack(">h", 410),
        1010: pack(">H", 48),
        1013: pack(">I", 12_345),
        1020: pack(">4h", 240, 80, 81, -79),
        1036: pack(">4H", 500, 230, 231, 229),
        1043: pack(">3H", 348, 351, 0x8000),
        1053: pack(">H", 275),
        1055: pack(">H", 78),
        1228: pack(">H", 500),
        1263: pack(">I", 987_654),
        1298: pack(">H", 8),
        1301: pack(">H", 3),
        1307: text("InteliLite4-AMF25", 16),
        1323: text("1.8.0", 8),
        1382: pack(">H", 2),
    },
    (1000, 1060),
    (1225, 1330),
    (1380, 1385),
)


async def test_a_comap_intelilite():
    result = await read(Unit(holding=INTELILITE))
    assert (result.profile, result.device_class, result.vendor) == (
        "comap-intelilite",
        "genset",
        "ComAp",
    )
    assert (result.model, result.firmware) == ("InteliLite4-AMF25", "1.8.0")
    expected = {
        "engine.speed": 1_500.0,
        "engine.coolant_temperature": 84.5,
        "engine.oil_pressure": 410_000.0,
        "engine.load": 0.48,
        "engine.operating_time": 74_070.0,
        "output.active_power": 240_000.0,
        **lines("output.active_power", 80_000.0, 81_000.0, -79_000.0),
        "output.frequency": 50.0,
        **lines("output.voltage", 230.0, 231.0, 229.0),
        **lines("output.current", 348.0, 351.0),
        "start_battery.voltage": 27.5,
        "fuel.level": 0.78,
        "output.rated_active_power": 500_000.0,
        "output.active_energy": 987_654_000.0,
    }
    found = numbers(result)
    assert {k: v for k, v in found.items() if v is not None} == pytest.approx(expected)
    assert states(result) == {"engine.state": ("on_load", "ok"), "control.mode": ("auto", "ok")}


@pytest.mark.parametrize(
    ("engine", "mode", "expected"),
    [
        (1, 0, (("stopped", "ok"), ("off", "critical"))),
        (2, 1, (("fault", "critical"), ("manual", "warning"))),
        (4, 3, (("cranking", "ok"), ("test_off_load", "warning"))),
        (12, 2, (("fault", "critical"), ("auto", "ok"))),
        (0x8000, 9, ((None, "unknown"), (None, "unknown"))),
    ],
)
async def test_states_of_an_intelilite(engine, mode, expected):
    found = states(await read(Unit(holding=INTELILITE | {1298: engine, 1382: mode})))
    assert (found["engine.state"], found["control.mode"]) == expected


async def test_a_comap_inteligen():
    image = registers(
        {
            12: pack(">hhxxhhh", 274, 412, 43, 81, 65),
            162: pack(">H", 7),
            167: pack(">H", 2),
            248: pack(">3H", 230, 231, 229),
            255: pack(">H", 501),
            260: pack(">h", 98),
            263: pack(">h", -240),
            287: pack(">3H", 228, 227, 0x8000),
            295: pack(">H", 499),
            3586: pack(">IH", 4_321, 151),
        },
        (160, 170),
        (245, 300),
    )
    name = {"VendorName": "ComAp", "ProductCode": "InteliGenNT"}
    result = await read(Unit(holding=image), identity=name)
    assert result.profile == "comap-inteligen"
    expected = {
        "start_battery.voltage": 27.4,
        "control.temperature": 41.2,
        "engine.oil_pressure": 430_000.0,
        "engine.coolant_temperature": 81.0,
        "fuel.level": 0.65,
        "value.engine_state": 7.0,
        "value.controller_mode": 2.0,
        **lines("output.voltage", 230.0, 231.0, 229.0),
        "output.frequency": 50.1,
        "output.power_factor": 0.98,
        "output.active_power": -240_000.0,
        **lines("mains.voltage", 228.0, 227.0),
        "mains.frequency": 49.9,
        "engine.operating_time": 15_555_600.0,
        "engine.starts": 151.0,
    }
    found = numbers(result)
    assert {k: v for k, v in found.items() if v is not None} == pytest.approx(expected)


# ---------------------------------------------------------------- DEIF

AGC = registers(
    {
        500: pack(">h", 1_240),
        504: pack(">4h", 230, 231, 229, 5_001),
        513: pack(">7h", 348, 351, 347, 80, 81, 79, 240),
        536: pack(">i", 987_654),
        554: pack(">i", 4_321),
        566: pack(">2h", 151, 268),
        593: pack(">3h", 1_500, 845, 431),
        770: text("AGC150GEN", 6),
        1000: pack(">10H", 0, 0, 1 << 3 | 1 << 15, *[0] * 7),
        1018: pack(">2H", 1 << 6, 1 << 3),
    },
    (500, 600),
    (1000, 1020),
)


@pytest.mark.parametrize("us_units", [False, True])
async def test_a_deif_agc_150(us_units):
    result = await read(Unit(input=AGC, holding={4797: int(us_units)}))
    assert (result.profile, result.vendor, result.model, result.firmware) == (
        "deif-agc150",
        "DEIF",
        "AGC150GEN",
        "1240",
    )
    expected = {
        **lines("output.voltage", 230.0, 231.0, 229.0),
        "output.frequency": 50.01,
        **lines("output.current", 348.0, 351.0, 347.0),
        "output.active_power": 240_000.0,
        **lines("output.active_power", 80_000.0, 81_000.0, 79_000.0),
        "output.active_energy": 987_654_000.0,
        "engine.operating_time": 15_555_600.0,
        "engine.starts": 151.0,
        "start_battery.voltage": 26.8,
        "engine.speed": 1_500.0,
        # 84.5 degrees and 4.31 bar, or degrees Fahrenheit and psi
        "engine.coolant_temperature": 29.1667 if us_units else 84.5,
        "engine.oil_pressure": 29_716.4 if us_units else 431_000.0,
    }
    assert numbers(result) == pytest.approx(expected, rel=1e-5)
    found = states(result)
    assert found["engine.state"] == ("running", "ok")
    assert found["control.mode"] == ("auto", "ok")
    active = {name for name, (word, _) in found.items() if word == "active"}
    assert active == {"alarm.1002-3", "alarm.1002-15"}
    assert len(found) == 162


# ---------------------------------------------------------------- Cummins


async def test_a_cummins_pcc_1301():
    image = registers(
        {
            9: pack(">4H", 2, 3, 1_434, 1),
            17: pack(">3H", 230, 231, 229),
            21: pack(">3H", 399, 400, 398),
            25: pack(">3H", 3_481, 3_512, 3_466),
            39: pack(">5H", 801, 802, 803, 2_406, 501),
            60: pack(">2H", 268, 410),
            63: pack(">H", 845),
            67: pack(">2H", 15_003, 151),
            69: pack(">I", 4_321),
        },
        (9, 75),
    )
    result = await read(Unit(holding=image), "cummins-pcc1301")
    expected = {
        "value.control_switch": 2.0,
        "value.operating_state": 3.0,
        "value.fault_code": 1_434.0,
        "value.fault_type": 1.0,
        **lines("output.voltage", 230.0, 231.0, 229.0),
        "output.voltage.l1-l2": 399.0,
        "output.voltage.l2-l3": 400.0,
        "output.voltage.l3-l1": 398.0,
        **lines("output.current", 348.1, 351.2, 346.6),
        **lines("output.apparent_power", 80_100.0, 80_200.0, 80_300.0),
        "output.apparent_power": 240_600.0,
        "output.frequency": 50.1,
        "start_battery.voltage": 26.8,
        "engine.oil_pressure": 410_000.0,
        "engine.coolant_temperature": 84.5,
        "engine.speed": 1_500.3,
        "engine.starts": 151.0,
        "engine.operating_time": 4_321.0,
    }
    assert numbers(result) == pytest.approx(expected)
