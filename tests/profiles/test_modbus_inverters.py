"""PV inverters with registers of their makers, against a pymodbus server whose registers are
written by hand here."""

from __future__ import annotations

from struct import pack

import pytest

from tests.support.maps import numbers, read, registers, states, swapped, text
from tests.support.modbus import Unit


def lines(quantity: str, *values: float | None) -> dict[str, float | None]:
    return {f"{quantity}.l{i}": value for i, value in enumerate(values, start=1)}


# ---------------------------------------------------------------- Huawei

SUN2000 = registers(
    {
        30000: text("SUN2000-100KTL-M1", 15),
        30015: text("6T2179000001", 10),
        30070: pack(">HHHI", 451, 2, 10, 100_000),
        32000: pack(">HHHI", 6, 0, 1, 0),
        32008: pack(">3H", 0, 1 << 5, 0),
        32016: pack(">4h", 6_543, 825, 6_001, -3),
        32020: pack(">2h", 5_000, 100),  # a third string, which it does not have
        32064: pack(">i", 91_234),
        32066: pack(">6H", 4_001, 4_012, 3_990, 2_310, 2_316, 0xFFFF),
        32072: pack(">3i", 130_123, 130_456, 0x7FFFFFFF),
        32078: pack(">3i", 99_000, 90_001, -1_500),
        32084: pack(">hHHhHHH", -998, 5_002, 9_850, 415, 150, 513, 2_032),
        32106: pack(">I", 12_345_678),
        32114: pack(">I", 45_678),
    },
    (30000, 30074),
    (32000, 32116),
)
LUNA = registers(
    {
        37022: pack(">h", 253),
        37760: pack(">HxxHHhi", 655, 2, 7_501, -105, -7_876),
        37780: pack(">2I", 100_100, 90_090),
    },
    (37760, 37784),
)
METER = registers(
    {
        37101: pack(">7i", 2_301, 2_302, 2_303, 1_050, 1_060, -1_070, 4_321),
        37119: pack(">2I", 500_000, 700_000),
        37132: pack(">3i", 1_000, 2_000, 1_321),
    },
    (37100, 37138),
)

SUN2000_VALUES = {
    "value.fault_code": 2_032.0,
    "output.rated_active_power": 100_000.0,
    "string.count": 2.0,
    "mppt.count": 10.0,
    "string.voltage.1": 654.3,
    "string.current.1": 8.25,
    "string.voltage.2": 600.1,
    "string.current.2": -0.03,
    "dc.active_power": 91_234.0,
    "output.voltage.l1-l2": 400.1,
    "output.voltage.l2-l3": 401.2,
    "output.voltage.l3-l1": 399.0,
    **lines("output.voltage", 231.0, 231.6, None),
    **lines("output.current", 130.123, 130.456, None),
    "output.peak_power": 99_000.0,
    "output.active_power": 90_001.0,
    "output.reactive_power": -1_500.0,
    "output.power_factor": -0.998,
    "output.frequency": 50.02,
    "efficiency": 0.985,
    "cabinet.temperature": 41.5,
    "dc.insulation_resistance": 1_500_000.0,
    "output.active_energy": 123_456_780.0,
    "output.daily_energy": 456_780.0,
}
LUNA_VALUES = {
    "battery.temperature": 25.3,
    "battery.charge": 0.655,
    "battery.voltage": 750.1,
    "battery.current": -10.5,
    "battery.active_power": -7_876.0,
    "battery.active_energy": 1_001_000.0,
    "battery.active_energy_export": 900_900.0,
}
METER_VALUES = {
    **lines("grid.voltage", 230.1, 230.2, 230.3),
    **lines("grid.current", 10.5, 10.6, -10.7),
    "grid.active_power": -4_321.0,  # the meter counts exports positive
    "grid.active_energy": 7_000_000.0,
    "grid.active_energy_export": 5_000_000.0,
    **lines("grid.active_power", -1_000.0, -2_000.0, -1_321.0),
}


def given(result) -> dict[str, float]:
    return {name: value for name, value in numbers(result).items() if value is not None}


async def test_a_sun2000_alone():
    result = await read(Unit(holding=SUN2000))
    assert (result.profile, result.device_class, result.vendor) == (
        "huawei-sun2000",
        "pv_inverter",
        "Huawei",
    )
    assert (result.model, result.serial) == ("SUN2000-100KTL-M1", "6T2179000001")
    expected = {name: value for name, value in SUN2000_VALUES.items() if value is not None}
    assert given(result) == pytest.approx(expected)
    found = states(result)
    assert found["inverter.state"] == ("throttled", "ok")
    assert found["alarm.2-5"] == ("active", "warning")
    assert {name for name, (word, _) in found.items() if word == "active"} == {"alarm.2-5"}


async def test_a_sun2000_with_battery_and_meter():
    result = await read(Unit(holding=SUN2000 | LUNA | METER))
    expected = {k: v for k, v in SUN2000_VALUES.items() if v is not None}
    assert given(result) == pytest.approx(expected | LUNA_VALUES | METER_VALUES)
    assert states(result)["battery.state"] == ("normal", "ok")


# ---------------------------------------------------------------- SMA

NAN = -0x8000_0000
SMA = registers(
    {
        30053: pack(">I", 9_284),
        30057: pack(">I", 3_004_512_345),
        30201: pack(">I", 307),
        30513: pack(">Q", 123_456_789_012),
        30529: pack(">I", 0xFFFFFFFF),
        30769: pack(">3i", 8_250, 61_234, 5_051),
        30775: pack(">4i", 15_000, 5_001, 5_002, 4_997),
        30783: pack(">3i", 23_012, 23_123, NAN),
    },
    (30051, 30060),
    (30199, 30210),
    (30513, 30530),
    (30769, 30800),
)
SMA_VALUES = {
    "output.active_power": 15_000.0,
    **lines("output.active_power", 5_001.0, 5_002.0, 4_997.0),
    "output.active_energy": 123_456_789_012.0,
    "value.condition": 307.0,
    "dc.current.1": 8.25,
    "dc.voltage.1": 612.34,
    "dc.active_power.1": 5_051.0,
    "output.voltage.l1": 230.12,
    "output.voltage.l2": 231.23,
}


async def test_an_sma_inverter_is_unit_3():
    result = await read(Unit(holding=SMA), number=3)
    assert (result.profile, result.vendor, result.serial) == ("sma-inverter", "SMA", "3004512345")
    assert given(result) == pytest.approx(SMA_VALUES)


async def test_an_sma_inverter_at_night_has_no_power_but_its_energy():
    night = SMA | registers({30769: pack(">7i", *[NAN] * 7), 30845: pack(">I", 87)})
    result = await read(Unit(holding=night))
    found = numbers(result)
    assert found["output.active_power"] is None
    assert found["dc.voltage.1"] is None
    assert found["output.active_energy"] == 123_456_789_012.0
    assert found["battery.charge"] == pytest.approx(0.87)


async def test_an_sma_home_manager():
    image = registers(
        {
            30581: pack(">2I", 1_234_567, 89),
            30865: pack(">2i", 4_000, 0),
            31253: pack(">3I", 23_001, 23_102, 0xFFFFFFFF),
            31259: pack(">6I", 0, 0, 0, 1_000, 1_100, 1_900),
            31271: pack(">4i", -10, 20, 30, 40),
            31435: pack(">3i", 4_350, 4_780, NAN),
            31447: pack(">I", 4_999),
        },
        (31247, 31280),
        (31433, 31450),
    )
    result = await read(Unit(holding=image))
    assert (result.profile, result.device_class) == ("sma-home-manager", "meter")
    expected = {
        "active_energy": 1_234_567.0,
        "active_energy_export": 89.0,
        "active_power": 4_000.0,
        "export.active_power": 0.0,
        "voltage.l1": 230.01,
        "voltage.l2": 231.02,
        **lines("export.active_power", 0.0, 0.0, 0.0),
        **lines("active_power", 1_000.0, 1_100.0, 1_900.0),
        **lines("reactive_power", -10.0, 20.0, 30.0),
        "reactive_power": 40.0,
        "current.l1": 4.35,
        "current.l2": 4.78,
        "frequency": 49.99,
    }
    assert given(result) == pytest.approx(expected)


async def test_an_sma_data_manager():
    image = registers(
        {
            31249: pack(">i", -3_000),
            31393: pack(">2I", 0, 2_500),
            31401: pack(">Q", 9_876_543),
            31535: pack(">3i", 1_000, -2_000, NAN),
        },
        (31393, 31405),
    )
    name = {"VendorName": "SMA", "ProductCode": "Data Manager M"}
    result = await read(Unit(holding=image), identity=name)
    assert result.profile == "sma-data-manager"
    expected = {
        "active_power": -3_000.0,
        "battery.active_power.charge": 0.0,
        "battery.active_power.discharge": 2_500.0,
        "battery.active_energy_export": 9_876_543.0,
        "current.l1": 1.0,
        "current.l2": -2.0,
    }
    assert given(result) == pytest.approx(expected)


# ---------------------------------------------------------------- Sungrow


def low(*values: int) -> bytes:
    return swapped(pack(f">{len(values)}I", *(value & 0xFFFFFFFF for value in values)))


SG = registers(
    {
        4989: text("A2180603291", 10),
        4999: pack(">4H", 0x0139, 1_100, 1, 4_321),
        5003: low(123_456, 7_890),
        5007: pack(">h", -35),
        5008: low(100_500),
        5010: pack(">6H", 6_001, 101, 6_102, 112, 6_203, 123),
        5016: low(99_999),
        5018: pack(">3H3h", 2_301, 2_302, 2_303, 1_401, 1_402, -3),
        5030: low(98_765, -1_234),
        5034: pack(">hHH", 997, 500, 0),
        5037: pack(">H", 0x8100),
    },
    (4989, 5040),
)
SG_VALUES = {
    "output.rated_active_power": 110_000.0,
    "output.daily_energy": 432_100.0,
    "output.active_energy": 123_456_000.0,
    "operating_time": 28_404_000.0,
    "cabinet.temperature": -3.5,
    "output.apparent_power": 100_500.0,
    "mppt.voltage.1": 600.1,
    "mppt.current.1": 10.1,
    "mppt.voltage.2": 610.2,
    "mppt.current.2": 11.2,
    "mppt.voltage.3": 620.3,
    "mppt.current.3": 12.3,
    "dc.active_power": 99_999.0,
    **lines("output.voltage", 230.1, 230.2, 230.3),
    **lines("output.current", 140.1, 140.2, -0.3),
    "output.active_power": 98_765.0,
    "output.reactive_power": -1_234.0,
    "output.power_factor": 0.997,
    "output.frequency": 50.0,
}


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        (0, ("running", "ok")),
        (0x8100, ("throttled", "ok")),
        (0x5500, ("fault", "critical")),
        (0x1500, ("off", "critical")),
        (0x9100, ("running", "warning")),
        (0x1234, (None, "unknown")),
    ],
)
async def test_a_sungrow_string_inverter(raw, state):
    result = await read(Unit(input=SG | {5037: raw}))
    assert (result.profile, result.vendor, result.serial) == (
        "sungrow-sg",
        "Sungrow",
        "A2180603291",
    )
    assert given(result) == pytest.approx(SG_VALUES)
    assert states(result)["inverter.state"] == state


async def test_a_sungrow_string_inverter_with_a_meter():
    more = registers({5082: low(-2_500), 5098: low(12_345)}, (5080, 5100))
    found = given(await read(Unit(input=SG | more)))
    assert found == pytest.approx(
        SG_VALUES | {"grid.active_power": -2_500.0, "grid.active_energy": 1_234_500.0}
    )


async def test_a_sungrow_hybrid():
    image = registers(
        {
            5016: low(4_500),
            5018: pack(">3H", 2_301, 2_302, 2_303),
            13002: low(55_555),
            13009: low(-1_000),
            13020: pack(">3h", -105, 2_500, 765),
            13026: low(6_666),
            13036: low(7_777),
        },
        (4989, 5040),
        (13000, 13040),
    )
    result = await read(Unit(input=image))
    assert result.profile == "sungrow-sh"
    expected = {
        "dc.active_power": 4_500.0,
        **lines("output.voltage", 230.1, 230.2, 230.3),
        "output.active_energy": 5_555_500.0,
        "grid.active_power": 1_000.0,  # the inverter counts exports positive
        "grid.active_energy": 777_700.0,
        "battery.current": -10.5,
        "battery.active_power": 2_500.0,
        "battery.charge": 0.765,
        "battery.active_energy_export": 666_600.0,
    }
    assert given(result) == pytest.approx(expected)
