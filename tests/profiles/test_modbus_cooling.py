"""Cooling units against a pymodbus server whose registers are written by hand here."""

from __future__ import annotations

from struct import pack

import pytest

from tests.support.maps import numbers, read, registers, states, swapped
from tests.support.modbus import Unit

ICOM = registers(
    {
        129: pack(">h", 455),
        131: pack(">h", 471),
        140: pack(">3H", 12_345, 6_789, 987),
        150: pack(">h", 251),
        152: pack(">h", 198),
        256: pack(">H", 2),
        262: pack(">h", 22),
        268: pack(">2H", 1, 0),
        279: pack(">2H", 1, 3),
        483: pack(">h", -52),
        499: pack(">2h", 112, 221),
    },
    (129, 155),
    (256, 285),
)


async def test_a_liebert_icom_unit():
    result = await read(Unit(input=ICOM))
    assert (result.profile, result.device_class, result.vendor) == (
        "liebert-icom",
        "crac",
        "Vertiv",
    )
    expected = {
        "return_air.relative_humidity": 0.455,
        "probe.relative_humidity.a": 0.471,
        "fan.operating_time": 44_442_000.0,
        "compressor.operating_time.1": 24_440_400.0,
        "compressor.operating_time.2": 3_553_200.0,
        "return_air.temperature.day-high": 25.1,
        "return_air.temperature.day-low": 19.8,
        "return_air.temperature_setpoint": 22.0,
        "return_air.temperature_setpoint.actual": 22.1,
        "ambient.temperature": -5.2,
        "return_air.dew_point": 11.2,
    }
    assert numbers(result) == pytest.approx(expected)
    assert states(result) == {
        "compressor.state.1": ("on", "ok"),
        "compressor.state.2": ("off", "ok"),
        "control.mode": ("remote", "ok"),
        "alarm.stopped": ("normal", "ok"),
    }
    stopped = states(await read(Unit(input=ICOM | {280: 2})))
    assert stopped["alarm.stopped"] == ("active", "critical")


async def test_a_liebert_crv():
    image = registers(
        {
            426: pack(">7h", 221, 222, 223, 224, 225, 226, -11),
            443: pack(">h", 71),
            449: pack(">6H", 95, 60, 45, 0, 10, 20),
            458: pack(">H", 2),
        },
        (426, 460),
    )
    result = await read(Unit(input=image))
    assert result.profile == "liebert-crv"
    expected = {
        **{f"rack_air.temperature.{i}": 22.1 + 0.1 * (i - 4) for i in range(4, 10)},
        "rack_air.temperature.10": -1.1,
        "supply_water.temperature": 7.1,
        "efficiency": 0.95,
        "fan.relative_speed": 0.6,
        "compressor.demand": 0.45,
        "cooling.demand.dehumidify": 0.0,
        "heater.demand": 0.1,
        "humidifier.demand": 0.2,
    }
    assert numbers(result) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (2, {"alarm.common": ("normal", "ok"), "state.startup": ("starting", "ok")}),
        (8, {"alarm.common": ("active", "warning"), "state.startup": ("on", "ok")}),
        (16, {"alarm.common": ("active", "critical"), "state.startup": ("on", "ok")}),
    ],
)
async def test_a_liebert_crv_with_an_older_card(status, expected):
    image = {473: status, 474: 1, 475: 0}
    name = {"VendorName": "Liebert", "ProductCode": "CRV"}
    result = await read(Unit(input=image), identity=name)
    assert result.profile == "liebert-crv-older"
    assert states(result) == expected | {"state": ("on", "ok"), "control.mode": ("local", "ok")}


async def test_a_liebert_hpc_chiller():
    image = registers(
        {
            468: pack(">h", 118),
            482: pack(">2H", 16, 1),
            490: pack(">h", 121),
            492: pack(">h", 71),
            494: pack(">h", 70),
            496: pack(">h", 251),
            498: pack(">h", 302),
            502: pack(">H", 40),
            504: pack(">Hh", 55, -52),
            509: pack(">2H", 1, 0),
        },
        (466, 512),
    )
    result = await read(Unit(input=image))
    assert (result.profile, result.device_class) == ("liebert-hpc", "chiller")
    expected = {
        "evaporator.temperature": 11.8,
        "return_water.temperature": 12.1,
        "supply_water.temperature": 7.1,
        "supply_water.temperature_setpoint": 7.0,
        "condenser_water.temperature.in": 25.1,
        "condenser_water.temperature.out": 30.2,
        "free_cooling.demand": 0.4,
        "compressor.demand": 0.55,
        "ambient.temperature": -5.2,
    }
    assert numbers(result) == pytest.approx(expected)
    assert states(result) == {
        "alarm.common": ("active", "critical"),
        "state": ("on", "ok"),
        "pump.state.1": ("on", "ok"),
        "pump.state.2": ("off", "ok"),
    }


def float_low_first(value: float) -> bytes:
    return swapped(pack(">f", value))


@pytest.mark.parametrize("kelvin", [0.0, 273.15])
async def test_a_liebert_dcd_in_celsius_or_kelvin(kelvin):
    degrees = {
        "cabinet.temperature.2": (110, 24.5),
        "cabinet.temperature.3": (114, 25.5),
        "cabinet.temperature.4": (118, 26.5),
        "valve.temperature": (122, 14.0),
        "valve.temperature_setpoint": (126, 14.5),
        "supply_water.temperature": (130, 12.25),
        "return_water.temperature": (134, 18.75),
    }
    pieces = {at: float_low_first(value + kelvin) for at, value in degrees.values()}
    pieces[138] = float_low_first(35.5)
    pieces |= {146 + 4 * i: pack(">H", 1_000 + i) for i in range(4)} | {162: pack(">H", 65)}
    result = await read(Unit(input=registers(pieces, (110, 165))))
    assert (result.profile, result.device_class) == ("liebert-dcd", "crah")
    expected = {name: value for name, (_, value) in degrees.items()}
    expected |= {f"fan.speed.{i + 1}": 1_000.0 + i for i in range(4)}
    expected |= {"differential_pressure": 35.5, "valve.opening": 0.65}
    assert numbers(result) == pytest.approx(expected, rel=1e-4)


async def test_a_stulz_c7000():
    coils = dict.fromkeys(range(1029), False) | dict.fromkeys((8, 1002, 1013, 1014, 1023), True)
    holding = {1171: 455, 1178: 500, 1194: 461, 1195: 602}
    name = {"VendorName": "STULZ GmbH", "ProductCode": "C7000"}
    result = await read(Unit(coils=coils, holding=holding), identity=name)
    assert (result.profile, result.device_class) == ("stulz-c7000", "crac")
    assert numbers(result) == pytest.approx(
        {
            "value.day_night": 0.0,
            "room.relative_humidity": 0.455,
            "room.relative_humidity_setpoint": 0.5,
            "return_air.relative_humidity": 0.461,
            "supply_air.relative_humidity": 0.602,
        }
    )
    found = states(result)
    assert found["state"] == ("on", "ok")
    assert found["state.winter"] == ("on", "ok")
    assert found["state.g"] == ("off", "ok")
    active = {name: severity for name, (word, severity) in found.items() if word == "active"}
    assert active == {
        "alarm.general_error": "critical",
        "alarm.stopped_local": "warning",
        "alarm.maintenance_due": "warning",
    }


async def test_a_carel_pco_gives_its_variables_by_number():
    holding = {1 + i: 200 + i for i in range(16)} | {129 + i: 0x10000 - 1 - i for i in range(16)}
    coils = dict.fromkeys(range(17), False) | {1: True, 16: True}
    result = await read(Unit(holding=holding, coils=coils), "carel-pco")
    found = numbers(result)
    assert found["value.analogue-1"] == 20.0
    assert found["value.analogue-16"] == 21.5
    assert found["value.integer-1"] == -1.0
    assert found["value.integer-16"] == -16.0
    assert [found[f"value.digital-{i}"] for i in (1, 2, 15, 16)] == [1.0, 0.0, 0.0, 1.0]
