"""Profiles of DC power plants, inverters and site controllers against objects written by hand from
the MIBs.

Each case: the profile, the objects that the device has, the numbers and states that must come of
them, and points that must not be shown as good.
"""

from __future__ import annotations

import pytest

from collectors.probe import ProbeResult
from collectors.profile import library
from tests.support import odd_agent
from tests.support.odd_agent import OddAgent

PROFILES = library()
OK, WARNING, CRITICAL = "ok", "warning", "critical"

SP2 = "1.3.6.1.4.1.12148.10"
WEBPOWER = "1.3.6.1.4.1.12148.9"
VALERE = "1.3.6.1.4.1.13858"
MATRIX = "1.3.6.1.4.1.935.10.2"
SC200 = "1.3.6.1.4.1.1918.2.13"
SC300 = "1.3.6.1.4.1.1918.2.14"
S571 = "1.3.6.1.4.1.3052.14"
S360 = "1.3.6.1.4.1.3052.23"
SUPERCAP = "1.3.6.1.2.1.555.1.1.1"
EES = "1.3.6.1.4.1.6302.2.1"
MTS = "1.3.6.1.4.1.40865"
SAMLEX = "1.3.6.1.4.1.49075"
HUAWEI = "1.3.6.1.4.1.2011.6.164"
UBNT = "1.3.6.1.4.1.41112.1.5"
ICT = "1.3.6.1.4.1.39145"
CET = "1.3.6.1.4.1.12551.4"
IMCO = "1.3.6.1.4.1.2185.1.3.11"
LSPS = "1.3.6.1.4.1.33283"
GE = "1.3.6.1.4.1.10520.2.1.3"
ALPHA = "1.3.6.1.4.1.7309"
COMPAS = "1.3.6.1.4.1.26854.3.2.1"
BKE = "1.3.6.1.4.1.27533.5"
VEC = "1.3.6.1.4.1.885.3"
ALGCOM = "1.3.6.1.4.1.49136"
MORNINGSTAR = "1.3.6.1.4.1.33333"

CASES = {
    # amperes or tenths as a setting says; single modules always in tenths; -100: no probe
    "eltek-sp2": (
        SP2,
        {
            "2.1.0": 18,
            "2.3.0": 3,
            "2.15.0": 1,
            "2.16.0": 0,
            "2.17.0": 0,
            "5.2.5.0": 63,
            "5.6.1.2.1": 2,
            "5.6.1.3.1": 31,
            "10.6.5.0": -25,
            "10.9.5.0": 210,
            "10.18.3.1.6.1.1": 18,
            "10.18.3.1.6.1.2": -100,
            "10.8.5.0": 356,
            "10.13.1.0": 5,
        },
        {
            "rectifier.current": 6.3,
            "rectifier.current.1": 3.1,
            "battery.current": -2.5,
            "battery.capacity.remaining": 210,
            "battery.temperature.1-1": 18,
            "battery.runtime": 21360,
        },
        {
            "system.alarm": ("active", CRITICAL),
            "rectifier.alarm.1": ("active", WARNING),
            "battery.state": ("floating", OK),
            "battery.alarm.contactor": ("active", CRITICAL),
        },
        ("battery.charge", "battery.temperature.1-2"),
    ),
    "eltek-sp2 in whole amperes, percent and Fahrenheit": (
        SP2,
        {
            "2.1.0": 1,
            "2.15.0": 0,
            "2.16.0": 1,
            "2.17.0": 1,
            "9.2.5.0": 94,
            "10.9.5.0": 87,
            "10.18.3.1.6.1.1": 77,
        },
        {"load.current": 94, "battery.charge": 0.87, "battery.temperature.1-1": 25},
        {"system.alarm": ("normal", OK)},
        ("battery.capacity.remaining",),
    ),
    "eltek-webpower": (
        WEBPOWER,
        {
            "2.2.0": 2,
            "2.1.4.0": 4,
            "5.5.2.1.2.0": 2,
            "5.5.2.1.2.1": 0,
            "5.5.2.1.3.0": 194,
            "5.5.2.1.3.1": 0,
            "3.17.1.0": 1,
        },
        {"rectifier.current.0": 19.4, "output.rated_voltage": 60},
        {
            "battery.state": ("boosting", OK),
            "rectifier.alarm.0": ("active", CRITICAL),
            "breaker.position.battery": ("open", CRITICAL),
        },
        ("rectifier.current.1", "rectifier.alarm.1"),
    ),
    "eltek-valere": (
        VALERE,
        {
            "2.3.2.0": 5400,
            "2.3.3.0": 17,
            "2.3.4.0": 3,
            "7.1.1.1.3.0": 30,
            "7.1.1.1.3.1": -127,
            "2.1.6.1.4.1.2": 907,
        },
        {
            "dc.voltage": 54,
            "dc.current": 17,
            "battery.temperature.0": 30,
            "module.current.1-2": 9.07,
        },
        {"control.alarm": ("active", CRITICAL)},
        ("battery.temperature.1",),
    ),
    "eaton-matrix": (
        MATRIX,
        {
            "1.1.4.0": 340,
            "1.2.2.1.6.1": 1224,
            "1.2.2.1.14.1": -1,
            "1.2.2.1.17.1": -1,
            "1.2.2.1.17.2": 6,
            "1.3.2.1.19.1": 2,
        },
        {"control.temperature": 34, "inverter.voltage.1": 122.4},
        {"source.selected.1": ("source_1", WARNING), "mode.inverter-2": ("fault", CRITICAL)},
        ("input.voltage.1", "mode.inverter-1"),
    ),
    "eaton-sc200": (
        SC200,
        {
            "10.70.10.20.0": 5481,
            "10.50.20.0": 255,
            "10.40.10.0": 2147483647,
            "10.60.30.1.105.1": 158,
            "10.90.40.1.20.1": 1,
            "10.90.40.1.20.2": 5,
        },
        {"dc.voltage": 54.81, "rectifier.load.1": 0.158},
        {"contact.alarm.1": ("active", WARNING), "contact.alarm.2": ("active", CRITICAL)},
        ("rectifier.load", "input.voltage"),
    ),
    "eaton-sc300": (
        SC300,
        {"10.70.10.20.0": 5400, "10.70.5.0": 1, "10.60.30.1.103.1": 870},
        {"dc.voltage": 54, "rectifier.active_power.1": 870},
        {"battery.state.control": ("equalizing", OK)},
        (),
    ),
    "asentria-siteboss-571": (
        S571,
        {
            "1.1.1.1.7.200.1.1": b"77 F",
            "1.1.1.1.7.3.1.1": b"25 C",
            "1.1.1.1.5.200.1.1": 4,
            "1.1.1.1.5.200.2.1": 1,
            "1.1.1.1.6.1.6.8": 1,
            "1.1.1.1.7.1.6.8": b"On/Energized",
            "1.1.1.1.6.1.6.9": 0,
            "1.1.1.1.7.1.6.9": b"Off/De-energized",
            "1.5.4.1.1.5.200.1": 5953,
            "1.5.4.1.1.23.200.10": 4045,
        },
        {
            "probe.temperature.200-1": 25,
            "probe.temperature.3-1": 25,
            "dc.current.200": 5.953,
            "outlet.current.200-10": 4.045,
        },
        {
            "probe.temperature_state.200-1": ("high", WARNING),
            "contact.alarm.200-1": ("active", CRITICAL),
            "outlet.state.1-8": ("on", OK),
            "outlet.state.1-9": ("off", WARNING),
        },
        (),
    ),
    "asentria-siteboss-360": (
        S360,
        {
            "1.1.1.1.4.11.5.1": b"DC Voltage",
            "1.1.1.1.7.11.5.1": b"53.9 VDC",
            "1.1.1.1.4.11.5.2": b"Fuel",
            "1.1.1.1.7.11.5.2": b"89.0 %",
            "1.1.1.1.4.11.5.3": b"unnamed",
            "1.1.1.1.7.11.5.3": b"0.0 Volts",
            "1.6.1.1.3.1": b"Alive",
            "1.6.1.1.7.1": 8899,
            "1.6.1.1.4.1": b"100.0 Gallons",
        },
        {
            "probe.voltage.11-1": 53.9,
            "probe.value.11-1": 53.9,
            "probe.value.11-2": 89,
            "probe.level.11-2": 0.89,
            "tank.level.1": 0.8899,
            "tank.volume.1": 0.3785411784,
        },
        {"communication.state.tank-1": ("ok", OK)},
        ("probe.voltage.11-3", "probe.value.11-3"),
    ),
    # the columns of unit 1, then those of unit 2, without an index; currents are unsigned
    "supercap-battery": (
        SUPERCAP,
        {"2": 2500, "15": 3025, "17": 4294967133, "18": 5399, "24": 1},
        {
            "ambient.temperature.1": 25,
            "ambient.temperature.2": 30.25,
            "battery.current.2": -1.63,
            "battery.voltage.2": 53.99,
        },
        {"ambient.alarm.2": ("active", CRITICAL)},
        (),
    ),
    "emerson-ees": (
        EES,
        {
            "2.1.0": 4,
            "2.2.0": 54559,
            "2.4.0": 2147483647,
            "2.7.3.1.2.7": 21198,
            "2.7.3.1.4.7": 2,
            "2.9.0": 8,
        },
        {"dc.voltage": 54.559, "battery.temperature.7": 21.198},
        {"system.alarm": ("active", WARNING), "battery.state": ("discharging", CRITICAL)},
        ("system.load", "ambient.temperature.7"),
    ),
    "majorpower-mts": (
        MTS,
        {"1.5.0": 3, "1.6.0": 53616, "1.12.0": 25000, "1.26.0": 1, "1.46.0": 5},
        {"dc.voltage": 53.616, "battery.temperature": 25},
        {
            "system.alarm": ("active", CRITICAL),
            "fan.alarm": ("active", CRITICAL),
            "contact.state.0": ("active", OK),
            "contact.state.1": ("normal", OK),
            "contact.state.2": ("active", OK),
        },
        (),
    ),
    "samlex-psr": (
        SAMLEX,
        {"1.3.1.2.0": 1186, "1.3.1.4.0": 2114, "1.3.3.4.0": 0, "1.3.6.4.0": 1},
        {"inverter.voltage": 118.6, "inverter.active_power": 211.4},
        {"source.selected": ("source_1", OK), "output.alarm.overload": ("active", CRITICAL)},
        (),
    ),
    "huawei-smu": (
        HUAWEI,
        {
            "1.1.1.1.0": 0,
            "1.3.1.3.0": 31,
            "1.6.1.4.0": 34,
            "1.4.4.2.1.6.5": 2147483647,
            "1.4.4.2.1.3.5": 1000,
            "1.5.2.1.1.5.1": 2147483647,
            "1.3.2.2.1.99.2": 254,
        },
        {"rectifier.current": 3.1, "dc.current": 3.4, "battery.charge.5": 1},
        {"rectifier.alarm.2": ("normal", OK)},
        ("battery.temperature.5", "input.voltage.l2-1"),
    ),
    "ubiquiti-edgepower": (
        UBNT,
        {"3.1.0": 2, "2.2.1.2.1": 53852, "3.2.1.10.1": 12000, "3.2.1.4.2": 0},
        {"output.voltage.1": 53.852, "battery.runtime.1": 120},
        {"supply.alarm.2": ("active", CRITICAL)},
        (),
    ),
    "ict-power-system": (
        f"{ICT}.13",
        {"8.0": b"2.3", "7.0": b"54.1", "12.0": 1000, "10.1.2.1": 3, "10.1.5.1": b" "},
        {"output.current": 2.3, "output.voltage": 54.1},
        {"supply.state.1": ("failed", CRITICAL)},
        ("battery.temperature", "module.current.a-1"),
    ),
    "ict-inverter": (
        f"{ICT}.12",
        {"7.0": b"119", "8.0": b"12", "11.0": 2},
        {"inverter.voltage": 119, "inverter.load": 0.12},
        {"source.selected": ("source_2", WARNING)},
        (),
    ),
    "ict-digital": (
        f"{ICT}.11",
        {"7.0": b"54.3", "9.0": 2},
        {"output.voltage": 54.3},
        {"output.state": ("off", CRITICAL)},
        (),
    ),
    # kelvin in the document, Celsius from devices; a module that is not seen reads 0
    "cet-tsi": (
        CET,
        {
            "1.2.1.0": 1,
            "1.1.1.1.2.1": 1,
            "1.1.1.1.2.2": 1,
            "1.1.1.1.2.3": 0,
            "1.1.1.1.5.1": 1,
            "1.1.1.1.28.1": 29,
            "1.1.1.1.28.2": 303,
            "1.1.1.1.28.3": 0,
        },
        {"inverter.temperature.1": 29, "inverter.temperature.2": 29.85},
        {"inverter.alarm.dc-1": ("active", CRITICAL)},
        ("inverter.temperature.3",),
    ),
    "imco-big": (
        IMCO,
        {"1.1.0": b"IMCOpower", "2.1.3.23.0": 274, "2.2.4.24.0": 25, "2.1.3.33.0": 1},
        {"output.voltage.1-1": 27.4, "output.current.2-2": 2.5},
        {"module.alarm.1-1-2": ("active", CRITICAL)},
        (),
    ),
    "imco-lsps": (
        LSPS,
        {"1.30.7.4.0": 1380, "1.30.7.7.0": 995, "1.30.2.3.0": 2},
        {"output.voltage.1": 13.8, "battery.charge": 0.995},
        {"mains.state": ("failed", CRITICAL)},
        (),
    ),
    "ge-ne843": (
        GE,
        {"1.4.0": -54490, "1.47.0": b"MAJ", "1.35.0": b"0", "7.1.11.12": 11600},
        {"dc.voltage": -54.49, "rectifier.current.input-12": 11.6},
        {
            "alarm.battery_on_discharge": ("active", CRITICAL),
            "alarm.ac_failure": ("normal", OK),
        },
        (),
    ),
    "alpha-cxc": (
        f"{ALPHA}.5",
        {"3.1.1.0": 17870, "3.1.33.0": 4000, "3.1.30.0": 2147483647, "3.1.31.0": 2500},
        {"rectifier.current": 17.87, "rectifier.module_count": 4, "battery.runtime": 9000},
        {},
        ("battery.charge",),
    ),
    "alpha-argus": (
        f"{ALPHA}.4",
        {"1.1.1.0": 5412, "1.1.5.0": 1, "1.5.2.2.1.3.3": 1},
        {"battery.voltage.charge": 54.12},
        {
            "system.alarm.major": ("active", CRITICAL),
            "contact.alarm.3": ("active", CRITICAL),
        },
        (),
    ),
    "alpha-compas": (
        COMPAS,
        {"20.1.20.1.13.3.11.0": 54, "20.1.20.1.13.3.92.0": 1942, "20.1.20.1.13.3.72.0": 1},
        {"dc.voltage": 54, "battery.runtime": 116520},
        {"battery.test": ("passed", OK)},
        (),
    ),
    "bke-pnetmod": (
        BKE,
        {"3.1.0": 549, "3.3.0": -35, "1.1.0": 1, "4.2.0": 0},
        {"battery.voltage": 54.9, "battery.temperature": -3.5},
        {"grid.alarm": ("active", CRITICAL), "output.state": ("off", CRITICAL)},
        (),
    ),
    "emerson-vec": (
        VEC,
        {
            "2.1.1.0": b"-54.2",
            "2.1.8.0": b"7.5",
            "2.1.10.0": 1,
            "2.4.1.2.1": b"12.5",
            "2.4.1.4.1": 3,
            "2.5.1.2.4": 1,
        },
        {"dc.voltage": -54.2, "battery.runtime": 27000, "battery.current.1": 12.5},
        {"system.alarm": ("active", WARNING), "rectifier.alarm.4": ("active", CRITICAL)},
        ("dc.current.shunt-1",),
    ),
    "algcom-algpower": (
        ALGCOM,
        {"1.1.1.0": 541, "1.2.2.0": -1087, "1.3.1.0": 1, "1.2.3.0": 5},
        {"output.voltage": 54.1, "battery.current": -1.087},
        {"mode": ("on_battery", WARNING), "battery.state": ("floating", OK)},
        (),
    ),
    "morningstar-tristar-mppt": (
        f"{MORNINGSTAR}.2",
        {"36.0": 9830, "53.0": 12, "46.0": 4},
        {"battery.voltage": 9830 * 0.0054931640625, "output.active_energy": 12000},
        {"mppt.state": ("fault", CRITICAL)},
        (),
    ),
    "morningstar-prostar-pwm": (
        f"{MORNINGSTAR}.6",
        {"1.0": b"PS-PWM", "47.0": b"13.21", "39.0": b"127", "53.0": 3},
        {"battery.voltage": 13.21},
        {"load.alarm": ("active", CRITICAL)},
        ("battery.temperature",),
    ),
}
"""By profile, with a word more where there are several of one."""


async def probed(base: str, objects: dict[str, int | bytes]) -> ProbeResult:
    system = {
        "1.3.6.1.2.1.1.1.0": b"a card",
        "1.3.6.1.2.1.1.2.0": base,
        "1.3.6.1.2.1.1.3.0": 1_000_000,
    }
    agent = OddAgent(system | {f"{base}.{rest}": raw for rest, raw in objects.items()})
    return await odd_agent.probed(agent)


@pytest.mark.parametrize("name", CASES)
async def test_a_profile_reads_what_the_document_says(name):
    base, objects, numbers, meanings, absent = CASES[name]
    result = await probed(base, objects)
    assert result.profile == name.split()[0]
    good = {each.point: each.value for each in result.readings if each.quality == "good"}
    states = {each.point: (str(each.value), each.severity) for each in result.states}
    shown = {each.point for each in result.states if each.quality == "good"} | good.keys()
    assert {point: good.get(point) for point in numbers} == pytest.approx(numbers)
    assert {point: states.get(point) for point in meanings} == meanings
    assert not shown.intersection(absent)
