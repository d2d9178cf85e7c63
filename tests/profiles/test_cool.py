"""Profiles of cooling units and of meters beside them against objects written by hand from the
MIBs.

Each case: what the device says it is, the objects that it has below an OID, the numbers and states
that must come of them, and points that must not be shown as good.
"""

from __future__ import annotations

import pytest

from collectors.probe import ProbeResult
from collectors.profile import library
from tests.support import odd_agent
from tests.support.odd_agent import OddAgent

PROFILES = library()
OK, WARNING, CRITICAL = "ok", "warning", "critical"

ENTERPRISES = "1.3.6.1.4.1"
WIB = f"{ENTERPRISES}.29462.10"
APC = f"{ENTERPRISES}.318.1"
CAREL = f"{ENTERPRISES}.9839"
E3 = f"{ENTERPRISES}.21695"
JANITZA = f"{ENTERPRISES}.34278"
TYCON = f"{ENTERPRISES}.45621"
NODE = "4660.0.0.17"

CASES = {
    # bus, address, module; pressures in tenths of bar, flow in m3/h
    "stulz-wib": (
        (WIB, b"Stulz GmbH Klimatechnik WIB 8000"),
        f"{WIB}.2.1",
        {
            "4.1.1.1.1013.1.3.1": 1,
            "4.1.1.1.10.1.3.1": 1,
            "4.2.1.1.8.1.3.1": 0,
            "1.1.1.1.1.1.1192.1.3.1": 254,
            "1.1.1.1.1.1.1193.1.3.1": -12,
            "1.1.1.2.1.1.1194.1.3.1": 431,
            "1.1.3.1.1.2235.1.3.1": 163,
            "1.1.2.1.1.1740.1.3.1": 9,
            "1.2.1.2.5.1.2238.1.3.1": 40,
            "1.2.4.1.1.6932.1.3.1": 85,
            "1.4.4.2.1.1.1.4428.1.3.1": 100,
            "4.4.1.1.1.8505.1.3.1": 1,
            "4.4.1.1.1.8588.1.3.1": 1,
            "4.4.1.1.1.8500.2.1.1": 1,
        },
        {
            "return_air.temperature.1-3-1": 25.4,
            "supply_air.temperature.1-3-1": -1.2,
            "return_air.relative_humidity.1-3-1": 0.431,
            "condenser.pressure.1-1-3-1": 1_630_000,
            "supply_water.flow.b-1-3-1": 0.0025,
            "free_cooling.opening.1-3-1": 0.4,
            "fan.relative_speed.1-1-3-1": 0.85,
            "compressor.operating_time.1-1-3-1": 360_000,
        },
        {
            "unit.state.1-3-1": ("on", OK),
            "communication.state.1-3-1": ("lost", CRITICAL),
            "alarm.general-1-3-1": ("normal", OK),
            "free_cooling.state.1-3-1": ("partial", OK),
            "leak.state.1-3-1": ("wet", CRITICAL),
            "fan.alarm.1-filter-1-3-1": ("active", WARNING),
            "alarm.airflow_1-2-1-1": ("active", CRITICAL),
        },
        (),
    ),
    # no containment measured; a contact that is closed in normal state stands open
    "apc-inrow": (
        (f"{APC}.3.14.5", b"APC Web/SNMP Management Card (MN:ACRC103 SN: AB1 AF1:v3.8.0)"),
        f"{APC}.1.13.3",
        {
            "1.1.0": 2,
            "2.2.2.1.0": 2,
            "2.2.2.2.0": 123,
            "2.2.2.4.0": 2000,
            "2.2.2.9.0": 219,
            "2.2.2.13.0": -1,
            "2.2.2.16.0": 518,
            "2.2.2.17.0": 1,
            "2.2.2.22.0": 85,
            "2.2.2.27.0": 2,
            "2.2.3.1.0": 10,
            "2.2.6.5.0": 2,
            "2.1.1.9.0": 3,
        },
        {
            "alarm_count": 2,
            "cooling.thermal_power": 12_300,
            "supply_air.flow": 0.943894886,
            "supply_air.temperature": 21.9,
            "fan.relative_speed": 0.518,
            "supply_water.flow": 0.00085,
            "filter.operating_time": 36_000,
        },
        {
            "unit.state": ("on", OK),
            "contact.state.input": ("active", WARNING),
            "leak.state": ("wet", CRITICAL),
            "alarm.flow_control": ("active", WARNING),
        },
        ("rack_air.differential_pressure",),
    ),
    # rows tell their name, unit and factor; Fahrenheit repeats Celsius
    "apc-cooling-unit": (
        (f"{APC}.3.14.21", b"APC Uniflair SP (MN:SPRD100 SN: AB1 AF1:v6.0.2.a)"),
        f"{APC}.1.27.1",
        {
            "4.1.2.1.2.1.1": b"Supply Temperature",
            "4.1.2.1.2.1.2": b"Supply Temperature",
            "4.1.2.1.2.1.3": b"Commanded Evap. Fan Speed",
            "4.1.2.1.2.1.4": b"Discharge Pressure",
            "4.1.2.1.2.1.5": b"Attic Temperature",
            "4.1.2.1.3.1.1": 766,
            "4.1.2.1.3.1.2": 248,
            "4.1.2.1.3.1.3": 90,
            "4.1.2.1.3.1.4": 148,
            "4.1.2.1.3.1.5": 25,
            "4.1.2.1.4.1.1": b"F",
            "4.1.2.1.4.1.2": b"C",
            "4.1.2.1.4.1.3": b"%",
            "4.1.2.1.4.1.4": b"bar",
            "4.1.2.1.4.1.5": b"C",
            "4.1.2.1.5.1.1": 10,
            "4.1.2.1.5.1.2": 10,
            "4.1.2.1.5.1.3": 1,
            "4.1.2.1.5.1.4": 10,
            "4.1.2.1.5.1.5": 1,
            "6.2.2.1.2.1.1": b"Air Filter Clogged",
            "6.2.2.1.2.1.2": b"Airflow Good",
            "6.2.2.1.2.1.3": b"Smoke/Fire Detected",
            "6.2.2.1.4.1.1": 1,
            "6.2.2.1.4.1.2": 0,
            "6.2.2.1.4.1.3": 1,
            "6.2.2.1.5.1.1": b"No(0),Yes(1)",
            "6.2.2.1.5.1.2": b"No(0),Yes(1)",
            "6.2.2.1.5.1.3": b"No(0),Yes(1)",
        },
        {
            "supply_air.temperature.1-2": 24.8,
            "compressor.pressure.1-4": 1_480_000,
            "unit.temperature.1-5": 25,
        },
        {
            "alarm.notice-x-1-1": ("active", WARNING),
            "alarm.missing-x-1-2": ("active", WARNING),
            "alarm.condition-x-1-3": ("active", CRITICAL),
        },
        ("supply_air.temperature.1-1", "unit.temperature.1-1", "fan.relative_speed.1-3"),
    ),
    # what is not fitted reads as the least integer
    "apc-networkair-fm": (
        (f"{APC}.3.14.1", b"APC Web/SNMP Management Card"),
        f"{APC}.1.13.1",
        {
            "4.1.2.0": 7,
            "4.1.9.0": 231,
            "4.1.5.0": -2147483648,
            "4.2.3.0": 75,
            "5.2.2.1.2.1": 180,
            "5.4.2.1.2.1": 2,
            "4.10.2.1.3.1": 1,
            "4.10.2.1.4.1": 2,
        },
        {
            "return_air.temperature": 23.1,
            "cooling.load.dx": 0.75,
            "supply_air.temperature.module-1": 18,
        },
        {
            "unit.state": ("fault", CRITICAL),
            "compressor.state.1-1": ("on", OK),
            "contact.state.input-1": ("active", WARNING),
        },
        ("supply_water.temperature",),
    ),
    "apc-networkair-pa": (
        (f"{APC}.3.14.3", b"APC Web/SNMP Management Card"),
        f"{APC}.1.13.2.2",
        {"1.0": 1, "6.0": 2, "10.0": 15, "15.0": 40},
        {"supply_air.temperature": 15, "room.relative_humidity": 0.4},
        {"unit.state": ("on", OK), "compressor.state": ("off", OK)},
        (),
    ),
    "apc-inroom": (
        (f"{APC}.3.14.9", b"APC Web/SNMP Management Card"),
        f"{APC}.1.13.5.3",
        {"3.14.0": 2, "4.33.1.0": 241, "6.2.0": 91, "43.6.0": 2, "43.73.0": 1, "43.86.0": 2},
        {"return_air.temperature": 24.1, "evaporator.pressure.1": 910_000},
        {
            "unit.state": ("on", OK),
            "leak.state": ("wet", CRITICAL),
            "pump.alarm.1-failure": ("normal", OK),
            "fan.alarm.1-alarm": ("active", CRITICAL),
        },
        (),
    ),
    "apc-rdu": (
        (f"{APC}.3.14.12", b"APC Web/SNMP Management Card"),
        f"{APC}.1.13.6",
        {
            "4.2.1.4.1": 5,
            "4.2.1.10.1": 456,
            "4.2.1.12.1": 105,
            "4.2.1.33.1": -1,
            "5.2.1.3.1": 2,
            "5.2.1.6.1": 222,
        },
        {
            "cooling.thermal_power.1": 45_600,
            "supply_water.temperature.1": 10.5,
            "rack_air.temperature.1": 22.2,
        },
        {"unit.state.1": ("maintenance", WARNING), "module.state.1": ("on", OK)},
        ("pump.speed.1-1",),
    ),
    # 1 is well for the general alarm, and an alarm for all others
    "rittal-lcp-dx": (
        (f"{CAREL}.2606.3311", b"HVAC Unit"),
        f"{CAREL}.2606.2.1",
        {
            "1.2.0": 1,
            "1.23.0": 1,
            "2.2.0": 285,
            "2.11.0": 229,
            "2.22.0": 283,
            "3.3.0": 13,
            "3.13.0": 1,
            "3.16.0": 50,
        },
        {
            "supply_air.temperature.top": 28.5,
            "compressor.pressure.discharge": 2_290_000,
            "cooling.thermal_power": 6000,
            "cooling.load": 0.5,
        },
        {
            "unit.state": ("on", OK),
            "alarm.general": ("normal", OK),
            "compressor.alarm.overload": ("active", CRITICAL),
            "inverter.alarm.code": ("active", CRITICAL),
        },
        (),
    ),
    "scs-ks": (
        (CAREL, b"CAREL cpCO controller"),
        f"{CAREL}.1.2",
        {"3.0": 1, "13.0": 1, "15.0": -45, "18.0": 196, "19.0": 286, "21.0": 0},
        {
            "return_air.temperature": -4.5,
            "room.temperature": 19.6,
            "room.relative_humidity": 0.286,
        },
        {
            "compressor.alarm": ("active", CRITICAL),
            "leak.state": ("wet", CRITICAL),
            "alarm.general": ("active", CRITICAL),
        },
        (),
    ),
    # a card whose program nothing tells: the same objects mean something else in each
    "carel-pcoweb": (
        (CAREL, b"Linux pcoweb 2.4.21-rmk1 armv4l"),
        CAREL,
        {"2.0.10.1.0": 2, "2.1.1.1.0": 1, "2.1.2.1.0": 235, "2.1.2.71.0": 0},
        {},
        {"communication.state": ("ok", OK)},
        ("room.temperature", "return_water.temperature"),
    ),
    "uniflair-ug40": (
        (CAREL, b"Uniflair UG40"),
        f"{CAREL}.2.1",
        {"1.1.0": 1, "1.27.0": 1, "1.28.0": 0, "2.1.0": 235, "2.8.0": 78, "3.2.0": 5},
        {
            "room.temperature": 23.5,
            "evaporator.pressure.1": 780_000,
            "unit.operating_time": 18_000,
        },
        {
            "unit.state": ("on", OK),
            "leak.state": ("wet", CRITICAL),
            "alarm.air_flow": ("normal", OK),
        },
        (),
    ),
    # set to Fahrenheit
    "dataaire-dap4": (
        (CAREL, b"DataAire dap4_al"),
        f"{CAREL}.2.1",
        {"1.41.0": 0, "1.50.0": 1, "1.10.0": 1, "2.1.0": 752, "3.2.0": 45},
        {"return_air.temperature": 24, "return_air.relative_humidity": 0.45},
        {"unit.state": ("on", OK), "alarm.air_flow": ("active", CRITICAL)},
        (),
    ),
    "kelvin-chiller": (
        (CAREL, b"pCOWeb Chiller"),
        f"{CAREL}.2.1",
        {"1.131.0": 1, "1.1.0": 1, "1.31.0": 1, "2.71.0": 152, "2.77.0": 181, "2.90.0": 60},
        {
            "return_water.temperature": 15.2,
            "condenser.pressure.1": 1_810_000,
            "pump.relative_speed.1": 0.6,
        },
        {
            "unit.state": ("on", OK),
            "compressor.alarm.high_pressure-1": ("active", CRITICAL),
            "door.state": ("open", WARNING),
        },
        (),
    ),
    "nvent-hoffman": (
        (f"{ENTERPRISES}.26609", b"Comm Board"),
        f"{ENTERPRISES}.26609.2",
        {"1.1.2.0": 350, "1.9.2.0": 1, "4.1.2.0": 950, "2.4.3.0": 1, "2.1.3.0": 2},
        {"return_air.temperature": 35, "cooling.temperature_setpoint": 1.6666667},
        {"alarm.temperature_high": ("active", CRITICAL), "alarm.frost": ("normal", OK)},
        (),
    ),
    # -41 is the end of the range of a sensor that is not there
    "dantherm-cc3000": (
        (f"{ENTERPRISES}.0", b"FreeCooling Controller, SNMP V1.0"),
        f"{ENTERPRISES}.46651.1.1",
        {"1.0": 34, "2.0": 19, "3.0": -41, "8.0": 480, "12.0": 30, "18.0": 2, "31.0": 1 << 11},
        {
            "unit.temperature": 34,
            "room.temperature": 19,
            "fan.speed.1": 480,
            "valve.opening.damper-1": 0.3,
        },
        {
            "fan.state.1": ("on", WARNING),
            "fan.alarm.2": ("active", CRITICAL),
            "fan.alarm.1": ("normal", OK),
        },
        ("room.temperature.hot_spot",),
    ),
    # a sensor's type says what its value is
    "rittal-cmc-tc": (
        (f"{ENTERPRISES}.2606.4", b"Rittal CMC-TC"),
        f"{ENTERPRISES}.2606.4.2",
        {
            "1.0": 2,
            "3.4.0": 1,
            "3.5.2.1.2.1": 10,
            "3.5.2.1.2.2": 7,
            "3.5.2.1.2.3": 1,
            "3.5.2.1.4.1": 7,
            "3.5.2.1.4.2": 9,
            "3.5.2.1.4.3": 1,
            "3.5.2.1.5.1": 31,
            "3.5.2.1.5.2": 0,
            "3.5.2.1.5.3": 0,
        },
        {"probe.temperature.1-1": 31},
        {
            "alarm.system": ("normal", OK),
            "probe.state.1-1": ("high", WARNING),
            "smoke.state.1-2": ("alarm", CRITICAL),
        },
        ("probe.temperature.1-3", "probe.state.1-3"),
    ),
    # channel 3 is the neutral wire; scalars without the last 0; capacitive counts downwards
    "riedo-e3meter-ctr": (
        (f"{E3}.1401", b"E3METER Data Concentrator"),
        f"{E3}.1.10",
        {
            "2.1": 3,
            "2.4": 1,
            "4.1.11.10245.0": 50049,
            "4.1.11.10245.3": 0,
            "4.1.15.10245.0": 2,
            "4.1.18.10245.0": 1792,
            "4.1.18.10245.3": 0,
            "4.1.28.10245.0": 8253,
            "4.1.28.10245.3": 834,
            "4.1.34.10245.0": -1559,
            "5.1.3.10245.0": 1,
            "5.1.3.10245.1": 0,
            "5.1.4.10245.0": 301,
            "5.1.4.10245.1": 0,
        },
        {
            "module_count": 3,
            "module_count.dead": 1,
            "input.frequency.10245-0": 50.049,
            "input.active_power.10245-0": 1792,
            "input.current.10245-0": 8.253,
            "input.current.10245-3": 0.834,
            "input.reactive_energy.capacitive-10245-0": 1559,
            "probe.temperature.10245-0": 30.1,
        },
        {"communication.state.10245": ("lost", WARNING)},
        ("input.active_power.10245-3", "input.frequency.10245-3", "probe.temperature.10245-1"),
    ),
    # the neutral channel has nothing but a current; the residual current cannot be measured
    "riedo-e3meter-ipm": (
        (f"{E3}.1300", b"E3METER IPM"),
        f"{E3}.1.10.7",
        {
            "1.1.0": 4711,
            "2.1.5.1": 500,
            "2.1.5.4": 0,
            "2.1.9.4": 120,
            "2.1.12.1": 0,
            "2.1.12.4": 1,
            "3.1.2.1": 2,
            "3.1.5.1": 455,
            "6.1.2.0": 4,
            "6.1.2.5": 5,
            "7.1.4.0": 0,
            "7.1.5.0": 3,
        },
        {
            "input.active_power.1": 500,
            "input.current.4": 0.12,
            "probe.relative_humidity.1": 0.455,
        },
        {"input.alarm.current-l1": ("active", CRITICAL)},
        ("input.active_power.4", "input.residual_current.ac-0"),
    ),
    # capacitive energy counts downwards; -100 degrees where no sensor is
    "janitza-umg96-snmp": (
        (f"{JANITZA}.8.6", b"Janitza electronics GmbH, UMG96"),
        JANITZA,
        {
            "1.1.0": 2297,
            "1.7.0": 16295,
            "2.1.0": 10041,
            "2.4.0": 915,
            "4.1.0": 134812,
            "4.2.0": -63837,
            "5.4.0": 107,
            "6.1.0": 5000,
            "6.2.0": 234,
            "6.3.0": -1000,
        },
        {
            "input.voltage.l1": 229.7,
            "input.current.l1": 16.295,
            "input.active_power": 10041,
            "input.power_factor": 0.915,
            "input.active_energy": 13_481_200,
            "input.reactive_energy_export": 6_383_700,
            "input.current_thd.l1": 0.107,
            "input.frequency": 50,
            "probe.temperature.1": 23.4,
        },
        {},
        ("input.reactive_energy", "probe.temperature.2"),
    ),
    "janitza-umg-snmp": (
        (f"{JANITZA}.8.1", b"Janitza electronics GmbH, UMG508"),
        JANITZA,
        {"1.1.0": 2301, "1.8.0": 5000, "2.1.0": 3300, "5.1.0": 10, "7.1.0": 21, "8.1.0": 4998},
        {
            "input.voltage.l1": 230.1,
            "input.current.l1": 5,
            "input.active_energy": 1000,
            "input.voltage_thd.l1": 0.021,
            "input.frequency": 49.98,
        },
        {},
        (),
    ),
    # units beside the values; a probe that is not plugged in
    "packetpower-eg4": (
        (f"{ENTERPRISES}.33688.4", b"Packet Power EG4 Ethernet Gateway"),
        f"{ENTERPRISES}.33688.4.1.1",
        {
            f"8.{NODE}.22": b"CurrentB",
            f"8.{NODE}.100": b"Temperature0",
            f"8.{NODE}.101": b"Temperature1",
            f"8.{NODE}.211": b"Contact1",
            f"8.{NODE}.300": b"ProbeStatus1",
            f"12.{NODE}.22": 1250,
            f"12.{NODE}.100": 146,
            f"12.{NODE}.101": -3000,
            f"12.{NODE}.211": 1,
            f"12.{NODE}.300": 1,
            f"13.{NODE}.22": b"mA",
            f"13.{NODE}.100": b"ddegC",
            f"13.{NODE}.101": b"ddegC",
            f"13.{NODE}.211": b"closure",
            f"13.{NODE}.300": b"1",
        },
        {
            "input.current.4660-0-0-17-22": 1.25,
            "probe.temperature.4660-0-0-17-100": 14.6,
        },
        {
            "contact.state.4660-0-0-17-211": ("active", OK),
            "probe.state.4660-0-0-17-300": ("fault", WARNING),
        },
        ("probe.temperature.4660-0-0-17-101",),
    ),
    "packetflux-sitemonitor": (
        (f"{ENTERPRISES}.32050.1.1", b"PacketFlux SiteMonitor Base II"),
        f"{ENTERPRISES}.32050",
        {
            "2.1.27.5.0": 316,
            "2.1.27.5.2": 469,
            "2.1.27.5.6": -1000,
            "3.2.1.1.4.2.1": 13_800_000,
            "3.2.3.1.4.2.1": 2150,
        },
        {
            "unit.temperature": 31.6,
            "input.voltage.1": 46.9,
            "input.voltage.sensor-2-1": 13.8,
            "probe.temperature.2-1": 21.5,
        },
        {},
        ("unit.low_temperature_limit",),
    ),
    # texts are volts, integers tenths
    "tycon-tpdin2": (
        (f"{TYCON}.2", b"TPDIN2"),
        f"{TYCON}.2.2",
        {"1.0": 1, "5.0": b"54.1", "6.0": 239, "13.0": b"14.4"},
        {"input.voltage.1": 54.1, "input.voltage.2": 23.9, "probe.temperature": 14.4},
        {"outlet.state.1": ("on", OK)},
        (),
    ),
    "tycon-tpdin3": (
        (f"{TYCON}.3", b"TPDIN3"),
        f"{TYCON}.3",
        {"3.1.0": 2, "3.15.0": 541, "3.6.0": b"23.9", "10.11.0": 265},
        {"input.voltage.1": 54.1, "input.voltage.2": 23.9, "battery.voltage": 26.5},
        {"outlet.state.1": ("pending_on", OK)},
        (),
    ),
}
"""By profile."""


async def probed(
    says: tuple[str, bytes], base: str, objects: dict[str, int | bytes]
) -> ProbeResult:
    system = {
        "1.3.6.1.2.1.1.1.0": says[1],
        "1.3.6.1.2.1.1.2.0": says[0],
        "1.3.6.1.2.1.1.3.0": 1_000_000,
    }
    agent = OddAgent(system | {f"{base}.{rest}": raw for rest, raw in objects.items()})
    return await odd_agent.probed(agent)


@pytest.mark.parametrize("name", CASES)
async def test_a_profile_reads_what_the_document_says(name):
    says, base, objects, numbers, meanings, absent = CASES[name]
    result = await probed(says, base, objects)
    assert result.profile == name
    good = {each.point: each.value for each in result.readings if each.quality == "good"}
    states = {
        each.point: (str(each.value), each.severity)
        for each in result.states
        if each.quality == "good"
    }
    assert {point: good.get(point) for point in numbers} == pytest.approx(numbers)
    assert {point: states.get(point) for point in meanings} == meanings
    unshown = {point for point, state in states.items() if state[0] == "not_installed"}
    assert not (good.keys() | states.keys() - unshown).intersection(absent)


async def test_a_meter_behind_a_card_is_told_by_its_description():
    says = (f"{ENTERPRISES}.3833.1.7.255.15", b"Schneider Electric - PM850SD")
    result = await probed(says, ENTERPRISES, {})
    assert (result.profile, result.device_class, result.model) == (
        "schneider-powerlogic",
        "meter",
        "PM850SD",
    )
