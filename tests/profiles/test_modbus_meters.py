"""Energy meters against a pymodbus server whose registers are written by hand here, from what is
known of the makers' lists and not from the profiles."""

from __future__ import annotations

import math
from struct import pack, unpack

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import probe
from core.errors import Unidentified
from core.site import Credentials
from tests.support.maps import PROFILES, numbers, read, registers, states, swapped, text
from tests.support.modbus import Unit, scripted_server

NAN = math.nan
LINES = ("l1", "l2", "l3")


def per_line(quantity: str, *values: float) -> dict[str, float]:
    return {f"{quantity}.{line}": value for line, value in zip(LINES, values, strict=True)}


def f32(*values: float) -> bytes:
    return pack(f">{len(values)}f", *values)


def low_first(*values: int) -> bytes:
    return swapped(pack(f">{len(values)}i", *values))


# ---------------------------------------------------------------- Janitza

UMG_BASE = {
    19000: f32(230.5, 231.5, 229.5),
    19012: f32(10.25, 11.25, 12.25),
    19020: f32(2300.5, -2400.5, 2500.5, 2400.5),
    19036: f32(100.5, 200.5, -300.5, 0.5),
    19050: f32(50.0625),
}
UMG_BASE_VALUES = {
    **per_line("voltage", 230.5, 231.5, 229.5),
    **per_line("current", 10.25, 11.25, 12.25),
    **per_line("active_power", 2300.5, -2400.5, 2500.5),
    "active_power": 2400.5,
    **per_line("reactive_power", 100.5, 200.5, -300.5),
    "reactive_power": 0.5,
    "frequency": 50.0625,
}
UMG_96 = registers(
    UMG_BASE | {19034: f32(2500.0), 19068: f32(123456.0), 19076: f32(NAN)}, (19000, 19121)
)
UMG_96_VALUES = UMG_BASE_VALUES | {
    "apparent_power": 2500.0,
    "active_energy": 123_456.0,
    "active_energy_export": None,
}


async def test_a_umg_96_is_recognised_by_its_frequency_and_voltage():
    result = await read(Unit(holding=UMG_96))
    assert (result.profile, result.device_class, result.vendor) == (
        "janitza-umg96",
        "meter",
        "Janitza electronics",
    )
    assert numbers(result) == UMG_96_VALUES
    assert result.errors == ()


async def test_a_umg_806_that_tells_its_name_has_its_energies_elsewhere():
    image = UMG_96 | registers({19062: f32(777.0), 19070: f32(11.0)})
    name = {"VendorName": "Janitza electronics GmbH", "ProductCode": "UMG 806"}
    result = await read(Unit(holding=image), identity=name)
    assert result.profile == "janitza-umg800"
    expected = UMG_BASE_VALUES | {"active_energy": 777.0, "active_energy_export": 11.0}
    assert numbers(result) == expected


async def test_a_janitza_b23():
    image = registers(
        {
            19000: f32(230.5, 231.5, 229.5),
            19012: f32(1.5, 2.5, 3.5),
            19020: f32(300.5, 500.5, 700.5),
            19044: f32(0.75, -0.5, 1.0),
            19068: f32(4321.0),
            19076: f32(21.0),
        },
        (19000, 19080),
    )
    expected = {
        **per_line("voltage", 230.5, 231.5, 229.5),
        **per_line("current", 1.5, 2.5, 3.5),
        **per_line("active_power", 300.5, 500.5, 700.5),
        **per_line("power_factor", 0.75, -0.5, 1.0),
        "active_energy": 4321.0,
        "active_energy_export": 21.0,
    }
    assert numbers(await read(Unit(holding=image), "janitza-b23")) == expected


async def test_a_umg_96_s2_tells_harmonics():
    image = registers(
        {19100: f32(50.0), 19108: f32(60.0), 19110: f32(2.0, 2.5, 3.0, 12.5, 25.0, 50.0)},
        (19100, 19121),
    )
    expected = {
        "reactive_energy.inductive": 50.0,
        "reactive_energy.capacitive": 60.0,
        **per_line("voltage_thd", 0.02, 0.025, 0.03),
        **per_line("current_thd", 0.125, 0.25, 0.5),
    }
    assert numbers(await read(Unit(holding=image), "janitza-umg96s2")) == expected


@pytest.mark.parametrize(
    ("base", "profile", "energies"),
    [(1317, "janitza-umg604", {9851: 5000.0, 9863: 60.0}), (3845, "janitza-umg511", {})],
)
async def test_a_umg_604_and_a_umg_511_have_the_same_table_elsewhere(base, profile, energies):
    pieces = {
        base: f32(230.5, 231.5, 229.5),
        base + 8: f32(10.25, 11.25, 12.25),
        base + 16: f32(2300.5, 2400.5, 2500.5),
        base + 24: f32(100.5, 200.5, 300.5),
        1369 if base == 1317 else 3925: f32(7201.5, 601.5),
        1439 if base == 1317 else 3995: f32(59.9375),
    }
    pieces |= {address: f32(value) for address, value in energies.items()}
    result = await read(Unit(holding=registers(pieces, (base, base + 152))))
    assert result.profile == profile
    expected = {
        **per_line("voltage", 230.5, 231.5, 229.5),
        **per_line("current", 10.25, 11.25, 12.25),
        **per_line("active_power", 2300.5, 2400.5, 2500.5),
        **per_line("reactive_power", 100.5, 200.5, 300.5),
        "active_power": 7201.5,
        "reactive_power": 601.5,
        "frequency": 59.9375,
    }
    if energies:
        expected |= {"active_energy": 5000.0, "active_energy_export": 60.0}
    assert numbers(result) == expected


# ---------------------------------------------------------------- Carlo Gavazzi

EM_BASE = {
    0: low_first(2301, 2312, 2298),
    12: low_first(10_500, 11_500, -70_000),
    18: low_first(24_150, -26_588, 100_000),
    40: low_first(97_562),
}
EM_BASE_VALUES = {
    **per_line("voltage", 230.1, 231.2, 229.8),
    **per_line("current", 10.5, 11.5, -70.0),
    **per_line("active_power", 2415.0, -2658.8, 10_000.0),
    "active_power": 9756.2,
}


async def test_an_em24_on_rs485():
    image = registers(
        EM_BASE
        | {
            50: pack(">4h", 991, -985, 1000, 993),
            55: pack(">H", 499),
            66: low_first(1_234_567),
            70: low_first(400_000, 410_000, 424_567),
            92: low_first(89),
        },
        (0, 93),
    )
    result = await read(Unit(holding=image))
    assert (result.profile, result.vendor) == ("carlogavazzi-em24", "Carlo Gavazzi")
    expected = EM_BASE_VALUES | {
        **per_line("power_factor", 0.991, -0.985, 1.0),
        "power_factor": 0.993,
        "frequency": 49.9,
        "active_energy": 123_456_700.0,
        **per_line("active_energy", 40_000_000.0, 41_000_000.0, 42_456_700.0),
        "active_energy_export": 8_900.0,
    }
    assert numbers(result) == pytest.approx(expected)


async def test_an_em24_on_ethernet_is_told_by_its_code():
    image = registers(
        EM_BASE
        | {
            11: pack(">H", 1650),
            50: pack(">2H", 65535, 500),
            52: low_first(1_234_567),
            64: low_first(400_000, 410_000, 424_567),
            78: low_first(89),
        },
        (0, 80),
    )
    result = await read(Unit(holding=image))
    assert result.profile == "carlogavazzi-em24-e1"
    expected = EM_BASE_VALUES | {
        "frequency": 50.0,
        "active_energy": 123_456_700.0,
        **per_line("active_energy", 40_000_000.0, 41_000_000.0, 42_456_700.0),
        "active_energy_export": 8_900.0,
    }
    assert numbers(result) == pytest.approx(expected)
    assert states(result) == {"alarm.phase_sequence": ("active", "warning")}


EM_340 = registers(
    EM_BASE
    | {
        24: low_first(25_000, 27_000, 101_000),
        30: low_first(1_000, 2_000, -3_000),
        42: low_first(100_000, 0),
        46: pack(">4h", 991, -985, 1000, 993),
        51: pack(">H", 601),
        52: low_first(1_234_567),
        64: low_first(400_000, 410_000, 424_567),
        78: low_first(89),
    },
    (0, 80),
)


async def test_an_em340_reads_input_registers():
    result = await read(Unit(input=EM_340))
    assert result.profile == "carlogavazzi-em340"
    expected = EM_BASE_VALUES | {
        **per_line("apparent_power", 2500.0, 2700.0, 10_100.0),
        "apparent_power": 10_000.0,
        **per_line("reactive_power", 100.0, 200.0, -300.0),
        "reactive_power": 0.0,
        **per_line("power_factor", 0.991, -0.985, 1.0),
        "power_factor": 0.993,
        "frequency": 60.1,
        "active_energy": 123_456_700.0,
        **per_line("active_energy", 40_000_000.0, 41_000_000.0, 42_456_700.0),
        "active_energy_export": 8_900.0,
    }
    assert numbers(result) == pytest.approx(expected)


async def test_an_em530_as_its_sisters():
    image = registers(
        EM_BASE
        | {
            6: low_first(3991, 4001, 3985),
            42: low_first(100_000, -1_000),
            49: pack(">h", 993),
            51: pack(">H", 500),
            52: low_first(1_234_567, 7_777),
            130: low_first(1_250, 1_300, 1_350),
            146: low_first(210, 220, 230),
        },
        (0, 151),
    )
    expected = EM_BASE_VALUES | {
        "voltage.l1-l2": 399.1,
        "voltage.l2-l3": 400.1,
        "voltage.l3-l1": 398.5,
        "apparent_power": 10_000.0,
        "reactive_power": -100.0,
        "power_factor": 0.993,
        "frequency": 50.0,
        "active_energy": 123_456_700.0,
        "reactive_energy": 777_700.0,
        **per_line("current_thd", 0.125, 0.13, 0.135),
        **per_line("voltage_thd", 0.021, 0.022, 0.023),
    }
    name = {"VendorName": "Carlo Gavazzi", "ProductCode": "EM530"}
    result = await read(Unit(input=image), identity=name)
    assert result.profile == "carlogavazzi-em530"
    assert numbers(result) == pytest.approx(expected)


# ---------------------------------------------------------------- Socomec

SOCO = {50000: pack(">4H", *b"SOCO")}
SOCOMEC_LINES = {
    50520: pack(">3I", 23_010, 23_120, 22_980),
    50528: pack(">3I", 10_500, 11_500, 70_000),
    50536: pack(">2i", 5_000, -20),
    50544: pack(">6i", 1_500, 1_600, 1_900, -10, -20, 10),
}
SOCOMEC_VALUES = {
    **per_line("voltage", 230.1, 231.2, 229.8),
    **per_line("current", 10.5, 11.5, 70.0),
    "active_power": 50_000.0,
    "reactive_power": -200.0,
    **per_line("active_power", 15_000.0, 16_000.0, 19_000.0),
    **per_line("reactive_power", -100.0, -200.0, 100.0),
}


def socomec(name: str, *more: dict[int, bytes], zero: tuple[int, int] = (50512, 50574)):
    pieces = SOCO | {50058: text(name, 8)}
    for each in more:
        pieces |= each
    return Unit(holding=registers(pieces, zero))


async def test_a_countis_e23_counts_its_frequency_in_thousandths():
    unit = socomec(
        "COUNTIS E23",
        SOCOMEC_LINES,
        {
            50526: pack(">I", 49_980),
            50568: pack(">I", 30_666),
            50572: pack(">I", 23_037),
            50946: pack(">I", 123_456),
            50952: pack(">I", 78),
        },
    )
    result = await read(unit)
    assert (result.profile, result.vendor, result.model) == (
        "socomec-countis-e2x",
        "Socomec",
        "COUNTIS E23",
    )
    expected = SOCOMEC_VALUES | {
        "frequency": 49.98,
        "current": 30.666,
        "voltage": 230.37,
        "active_energy": 1_234_560.0,
        "active_energy_export": 780.0,
    }
    assert numbers(result) == pytest.approx(expected)


COUNTIS_4 = {
    50514: pack(">3I", 39_910, 40_010, 39_850),
    50526: pack(">I", 4_998),
    50540: pack(">Ii", 5_010, 998),
    50556: pack(">3I3i", 1_510, 1_610, 1_910, 991, -985, 1_000),
    50770: pack(">2I", 1_234, 55),
    50776: pack(">2I", 7, 3),
}


@pytest.mark.parametrize("with_hundredths", [True, False])
async def test_a_countis_e44_has_its_energy_in_one_of_two_places(with_hundredths):
    energies = {50946: pack(">I", 123_456), 50952: pack(">I", 78)} if with_hundredths else {}
    result = await read(socomec("Countis E44", SOCOMEC_LINES, COUNTIS_4, energies))
    assert result.profile == "socomec-countis-e4x"
    expected = SOCOMEC_VALUES | {
        "voltage.l1-l2": 399.1,
        "voltage.l2-l3": 400.1,
        "voltage.l3-l1": 398.5,
        "frequency": 49.98,
        "apparent_power": 50_100.0,
        "power_factor": 0.998,
        **per_line("apparent_power", 15_100.0, 16_100.0, 19_100.0),
        **per_line("power_factor", 0.991, -0.985, 1.0),
        "active_energy": 1_234_560.0 if with_hundredths else 1_234_000.0,
        "active_energy_export": 780.0 if with_hundredths else 7_000.0,
        "reactive_energy": 55_000.0,
        "reactive_energy_export": 3_000.0,
    }
    assert numbers(result) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["DIRIS A10", "Diris A-14"])
async def test_a_diris_a(name):
    more = {50526: pack(">I", 5_001), 50780: pack(">I", 4_321), 50786: pack(">I", 5)}
    result = await read(socomec(name, SOCOMEC_LINES, more))
    assert result.profile == ("socomec-diris-a10" if "10" in name else "socomec-diris-a14")
    expected = SOCOMEC_VALUES | {"frequency": 50.01}
    if "10" in name:
        expected |= {"active_energy": 4_321_000.0, "active_energy_export": 5_000.0}
    assert numbers(result) == pytest.approx(expected)


async def test_a_diris_b30():
    unit = socomec(
        "DIRIS B-30",
        {
            18444: pack(">3I", 23_010, 23_120, 22_980),
            18458: pack(">3I", 10_500, 11_500, 70_000),
            18476: pack(">2i", 50_000, -200),
            18488: pack(">6i", 15_000, 16_000, 19_000, -100, -200, 100),
            19843: pack(">I", 4_321),
            19846: pack(">I", 5),
        },
        zero=(18440, 18500),
    )
    result = await read(unit)
    assert result.profile == "socomec-diris-b30"
    expected = SOCOMEC_VALUES | {"active_energy": 4_321_000.0, "active_energy_export": 5_000.0}
    assert numbers(result) == pytest.approx(expected)


async def test_a_socomec_product_that_nobody_knows_is_no_other():
    with pytest.raises(Unidentified):
        await read(socomec("COUNTIS P00", SOCOMEC_LINES))


@pytest.mark.parametrize("value", [0, 1, 0xFFFF])
async def test_a_device_that_answers_every_register_alike_is_no_meter(value):
    with pytest.raises(Unidentified):
        await read(
            Unit(
                holding=dict.fromkeys(range(65536), value),
                input=dict.fromkeys(range(65536), value),
            )
        )


async def test_a_meter_that_is_silent_where_it_has_no_registers_is_found_by_its_name():
    """Such a meter tells its maker, and is then asked for registers of that family alone."""
    image = registers({0: low_first(2301, 2312, 2298), 55: pack(">H", 499)}, (0, 93))
    words = b"".join(
        bytes([i, len(word)]) + word for i, word in enumerate((b"Carlo Gavazzi", b"EM24", b"1"))
    )
    silent = []

    async def shy(reader, writer):
        while True:
            head = await reader.readexactly(6)
            asked = await reader.readexactly(int.from_bytes(head[4:], "big"))
            if asked[1] == 0x2B:
                answer = asked[:4] + b"\1\0\0\3" + words
            else:
                start, count = unpack(">HH", asked[2:6])
                held = [image.get(at) for at in range(start, start + count)]
                if asked[1] != 3 or None in held:
                    silent.append(start)
                    continue
                answer = asked[:2] + bytes([2 * count]) + pack(f">{count}H", *held)
            writer.write(head[:4] + pack(">H", len(answer)) + answer)

    async with scripted_server(shy) as port:
        clients = Clients.open()
        try:
            result = await probe(
                f"modbus://127.0.0.1:{port}/1",
                credentials=Credentials("none"),
                clients=clients,
                library=PROFILES,
                clock=SystemClock(),
                timeout_s=0.1,
                retries=0,
            )
        finally:
            await clients.close()
    assert result.profile == "carlogavazzi-em24"
    assert numbers(result)["frequency"] == 49.9
    assert set(silent) <= {40000, 50000}  # where a SunSpec map would be
