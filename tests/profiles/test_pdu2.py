"""Profiles of power distribution units of many makers, and of the Liebert and Tripp Lite families,
against objects written by hand from the MIBs.

Each case: the number that the device gives itself, the objects that it has below that (or below the
enterprises, with a leading point), the numbers and states that must come of them, and points that
must not be shown as good.
"""

from __future__ import annotations

import pytest

from collectors.probe import ProbeResult
from collectors.profile import library
from tests.support import odd_agent
from tests.support.odd_agent import OddAgent

PROFILES = library()
E = "1.3.6.1.4.1"
OK, WARNING, CRITICAL, UNKNOWN = "ok", "warning", "critical", "unknown"
LIEBERT = f"{E}.476.1.42"
POINT, TEMPERATURE = f"{LIEBERT}.3.5.2.1", f"{LIEBERT}.3.4.1.1"

CASES = {
    # two of an array: an alarm on the first; no hundredths of amperes on the second
    "liebert-gp-pdu": (
        LIEBERT,
        {
            "3.8.20.1.25.1": 0b11000,
            "3.8.20.1.25.2": 1,
            "3.8.30.20.1.20.1.1": b"MPH-1",
            "3.8.30.20.1.50.1.1": 1234,
            "3.8.30.20.1.70.1.1": 31,
            "3.8.30.40.1.20.1.1.1": 231,
            "3.8.30.40.1.22.1.1.1": 1205,
            "3.8.30.40.1.21.2.1.3": 77,
            "3.8.30.40.1.61.1.1.2": 4011,
            "3.8.40.20.1.160.1.2": 714,
            "3.8.50.20.1.95.1.2.3": 3,
            "3.8.50.20.1.210.1.2.3": 3,
            "3.8.60.15.1.40.1.1.1": 770,
            "3.8.60.15.1.130.1.2.1": 2,
            "3.8.60.15.1.135.1.2.1": 2,
            "3.8.60.15.1.165.1.3.1": 2,
            "3.2.2.0": 1,
            "3.2.3.1.2.7": f"{LIEBERT}.3.2.1.190.10",
        },
        {
            "input.active_energy": 123_400,
            "input.current.n": 3.1,
            "input.voltage.l1": 231,
            "input.current.l1": 12.05,
            "input.current.2-l3": 7.7,
            "input.voltage.l2-l3": 401.1,
            "bank.load.1-2": 0.714,
            "probe.temperature.1-1-1": 25,
        },
        {
            "alarm.warning": ("active", WARNING),
            "alarm.alarm": ("active", CRITICAL),
            "alarm.alarm-2": ("normal", OK),
            "outlet.state.1-2-3": ("pending_on", OK),
            "alarm.outlet-1-2-3": ("active", CRITICAL),
            "contact.state.1-2-1": ("active", WARNING),
            "leak.state.1-3-1": ("wet", CRITICAL),
            "alarm.branch_breaker": ("active", CRITICAL),
            "alarm.branch_failure": ("normal", OK),
        },
        (),
    ),
    # measuring points are told by their OID, in any order
    "liebert-gp-ups": (
        LIEBERT,
        {
            "3.5.3.55.0": 5,
            "3.5.1.26.0": 3,
            "3.5.1.18.0": 12,
            "3.5.1.19.0": 40,
            "3.5.3.50.0": 2,
            "3.5.3.42.0": 3,
            "3.5.2.2.1.2.7": f"{POINT}.5",
            "3.5.2.2.1.8.7": 4000,
            "3.5.2.3.1.3.1.2": f"{POINT}.1",
            "3.5.2.3.1.5.1.2": 229,
            "3.5.2.3.1.3.2.1": f"{POINT}.7",
            "3.5.2.3.1.4.2.1": 399,
            "3.5.2.4.1.2.1": f"{POINT}.6",
            "3.5.2.4.1.4.1": 480,
            "3.4.1.3.3.1.2.4": f"{TEMPERATURE}.6",
            "3.4.1.3.3.1.3.4": 27,
        },
        {
            "battery.runtime": 720,
            "battery.charge": 0.4,
            "output.active_power": 4000,
            "input.voltage.l2": 229,
            "bypass.voltage.l1-l2": 399,
            "battery.voltage": 480,
            "battery.temperature": 27,
        },
        {
            "mode": ("on_battery", WARNING),
            "battery.state": ("low", CRITICAL),
            "breaker.position.maintenance_bypass": ("closed", WARNING),
        },
        ("breaker.position.backfeed",),
    ),
    # a card that has only the table of texts with units
    "liebert-gp-ups of a newer card": (
        LIEBERT,
        {
            "3.9.20.1.20.1.2.1.4872": b"Battery",
            "3.9.20.1.20.1.2.1.4208": b"1.5",
            "3.9.20.1.30.1.2.1.4208": b"kW",
            "3.9.20.1.20.1.2.1.4209": b"1700",
            "3.9.20.1.30.1.2.1.4209": b"VA",
            "3.9.20.1.20.1.2.100.4162": b"Active Alarm",
            "3.9.20.1.20.1.2.100.4311": b"Inactive Event",
        },
        {"output.active_power": 1500, "output.apparent_power": 1700},
        {
            "mode": ("on_battery", WARNING),
            "alarm.battery_low": ("active", CRITICAL),
            "alarm.fan": ("normal", OK),
        },
        (),
    ),
    "liebert-gp-thermal": (
        f"{LIEBERT}.4.3.6",
        {
            "3.4.3.1.0": 2,
            "3.4.3.7.0": 1,
            "3.4.3.8.0": 1,
            "3.4.3.9.0": 35,
            "3.4.3.20.0": 4,
            "3.4.1.3.3.1.2.2": f"{TEMPERATURE}.2",
            "3.4.1.3.3.1.3.2": 24,
            "3.4.1.3.3.1.50.2": 243,
            "3.4.1.3.3.1.6.2": 22,
            "3.4.1.3.3.1.2.3": f"{TEMPERATURE}.3.1.2",
            "3.4.1.3.3.1.3.3": 17,
            "3.4.2.2.3.1.2.1": f"{LIEBERT}.3.4.2.1.2",
            "3.4.2.2.3.1.3.1": 44,
            "3.4.3.50.1.2.9": f"{LIEBERT}.3.4.7.1.12.2",
            "3.4.3.50.1.3.9": 1,
            "3.4.4.32.1.2.1": f"{LIEBERT}.3.4.7.1.1",
            "3.4.4.32.1.5.1": 10,
            "3.2.2.0": 1,
            "3.2.3.1.2.1": f"{LIEBERT}.3.2.1.14",
        },
        {
            "cooling.demand": 0.35,
            "return_air.temperature": 24.3,
            "return_air.temperature_setpoint": 22,
            "supply_air.temperature.3": 17,
            "return_air.relative_humidity": 0.44,
            "fan.operating_time.1": 36_000,
        },
        {
            "mode": ("off", WARNING),
            "alarm.general": ("active", CRITICAL),
            "free_cooling.state": ("unavailable", OK),
            "compressor.state.2": ("on", OK),
            "alarm.leak": ("active", CRITICAL),
        },
        (),
    ),
    "liebert-gp-sts": (
        f"{LIEBERT}.4.5.3",
        {
            "3.5.4.2.0": f"{POINT}.2",
            "3.5.4.1.0": f"{POINT}.1",
            "3.5.3.4.0": -25,
            "3.5.2.3.1.3.1.1": f"{POINT}.2",
            "3.5.2.3.1.5.1.1": 228,
            "3.5.3.57.3.0": 2,
        },
        {"sync.phase_angle": -2.5, "source.voltage.2-l1": 228},
        {
            "source.selected": ("source_2", OK),
            "source.preferred": ("source_1", OK),
            "breaker.position.source_1_bypass": ("closed", WARNING),
        },
        (),
    ),
    # delta input of unit 0, a strapped unit 3, a leading power factor, probes in Fahrenheit
    "eaton-epdu": (
        f"{E}.534.6.6.7",
        {
            "1.2.1.9.0": 1,
            "1.2.1.31.0": 1,
            "3.2.1.2.0.1.2": 6,
            "3.2.1.3.0.1.2": 400_500,
            "3.2.1.4.0.1.2": 4,
            "3.3.1.2.0.1.4": 2,
            "3.3.1.4.0.1.4": 1500,
            "3.3.1.2.3.1.1": 3,
            "3.3.1.4.3.1.1": 2500,
            "3.5.1.4.0.1": 1584,
            "3.5.1.7.0.1": -946,
            "3.5.1.3.0.1": -1,
            "5.1.1.5.0.2": 2,
            "5.4.1.3.0.2": 900,
            "6.6.1.2.0.5": 2,
            "7.1.1.3.0.1": 1,
            "7.1.1.4.0.1": 770,
            "7.1.1.3.0.2": 0,
            "7.1.1.4.0.2": 0,
        },
        {
            "input.voltage.l2-l3": 400.5,
            "input.current.n": 1.5,
            "input.current.l1-3": 2.5,
            "input.active_power": 1584,
            "input.power_factor": 0.946,
            "bank.current.2": 0.9,
            "probe.temperature.1": 25,
        },
        {
            "alarm.internal": ("active", CRITICAL),
            "alarm.voltage_l2_l3": ("active", CRITICAL),
            "breaker.position.2": ("open", CRITICAL),
            "outlet.state.5": ("pending_off", OK),
        },
        ("input.apparent_power", "probe.temperature.2"),
    ),
    # volts where the MIB says millivolts
    "eaton-pdu": (
        f"{E}.534.6.6.6",
        {
            "1.3.1.1.0": 4250,
            "1.3.1.2.0": 229_500,
            "1.3.1.20.0": 1,
            "1.3.1.21.0": -1,
            "1.2.2.1.3.0": -1,
            "1.2.2.1.6.0": 244,
        },
        {"input.current": 4.25, "input.voltage": 229.5, "outlet.voltage.0": 244},
        {
            "breaker.position.1": ("tripped", CRITICAL),
            "outlet.state.0": ("fault", CRITICAL),
        },
        ("breaker.position.2",),
    ),
    # whole amperes on one breaker, hundredths on another
    "hpe-pdu-module": (
        f"{E}.232.165.2",
        {
            "1.2.1.8.1": 3,
            "3.1.1.2.1": 15,
            "3.1.1.4.1": -1,
            "3.2.1.3.1.1": 3,
            "3.2.1.3.1.2": 312,
            "3.2.1.5.1.1": 5,
        },
        {"output.load.1": 0.15, "breaker.current.1-1": 3, "breaker.current.1-2": 3.12},
        {
            "state.1": ("on", WARNING),
            "alarm.breaker_voltage-1-1": ("active", CRITICAL),
            "load.state.breaker-1-1": ("normal", OK),
        },
        ("output.active_power.1",),
    ),
    "hpe-ipdu": (
        f"{E}.232.165.5",
        {
            "1.2.1.38.1": 2400,
            "1.2.1.39.1": -1,
            "1.2.1.40.1": 333,
            "2.1.1.2.1.2": b"problem",
            "2.1.1.5.1.2": 125,
            "2.1.1.6.1.2": 2095,
            "2.1.1.9.1.2": -1,
            "4.1.1.2.1.2.3": b"on",
            "4.1.1.6.1.2.3": 127,
        },
        {
            "output.active_power.1": 2400,
            "output.load.1": 0.333,
            "bank.load.1-2": 0.125,
            "bank.voltage.1-2": 209.5,
            "outlet.current.1-2-3": 1.27,
        },
        {"state.stick-1-2": ("fault", CRITICAL), "outlet.state.1-2-3": ("on", OK)},
        ("bank.active_power.1-2", "output.apparent_power.1"),
    ),
    "hpe-pdu2": (
        f"{E}.232.165.7",
        {
            "1.2.1.8.0": 2,
            "2.1.1.5.0": 97,
            "2.2.1.3.0.1": 242_440,
            "2.2.1.11.1.2": 535,
            "2.2.1.12.0.1": 5,
            "3.1.1.27.0.1": 3,
            "4.2.1.3.0.1": 1,
            "4.2.1.4.0.1": 0,
            "5.1.1.17.0.6": -707,
            "5.1.1.17.0.7": -1,
            "5.2.1.1.0.6": 2,
        },
        {
            "input.active_power": 97,
            "input.voltage.l1": 242.44,
            "input.current.1-l2": 0.535,
            "outlet.power_factor.6": 0.707,
        },
        {
            "phase.state.l1": ("overload", CRITICAL),
            "breaker.position.1": ("open", CRITICAL),
            "outlet.state.6": ("on", OK),
            "probe.state.1": ("not_installed", OK),
        },
        ("outlet.power_factor.7", "probe.temperature.1"),
    ),
    "hpe-pdu3": (
        f"{E}.232.165.11",
        {
            "2.1.1.5.0": 97_000,
            "2.1.1.6.0": 12,
            "2.2.1.3.0.3": 2301,
            "2.2.1.11.0.3": 512,
            "4.1.1.1.0": 2,
            "4.2.1.3.0.1": 2,
            "4.2.1.4.0.1": 770,
        },
        {
            "input.active_power": 97,
            "input.active_energy": 12_000,
            "input.voltage.l3": 230.1,
            "input.current.l3": 5.12,
            "probe.temperature.1": 25,
        },
        {},
        (),
    ),
    "hpe-oups": (
        f"{E}.232.165.6",
        {
            "4.6.0": 2,
            "2.4.0": 2,
            "2.1.0": 300,
            "4.4.1.2.3": 231,
            "4.5.0": 97,
            "5.6.0": b"77",
            "5.7.0": b"255",
        },
        {
            "battery.runtime": 300,
            "output.voltage.l3": 231,
            "output.power_factor": 0.97,
            "battery.temperature.1": 25,
        },
        {"mode": ("on_battery", WARNING), "battery.state": ("discharging", WARNING)},
        ("battery.temperature.2",),
    ),
    "hpe-hpdu": (
        f"{E}.232.165.9",
        {"1.2.1.16.1": b"FAIL", "1.2.1.17.1": 251, "2.1.1.5.2": 175, "3.1.1.4.1.1.2": -1},
        {"system.temperature.1": 25.1, "input.current.l2": 1.75},
        {"fan.state.1": ("fault", WARNING)},
        ("outlet.load.1-1-2",),
    ),
    # the table of the MIB, and that of the firmware with more columns
    "powertek-bspdu": (
        f"{E}.42610.1.4.4.1",
        {
            "6.1.2.1.2.1": 6440,
            "6.1.2.1.4.1": 12,
            "6.1.2.1.5.1": 3,
            "6.1.2.1.6.1": 283,
            "6.1.2.1.9.1": 2301,
            "6.2.1.2.1.2.1": 1,
            "7.2.1.0": 1,
            "7.1.1.0": 0,
        },
        {
            "input.active_power.1": 644,
            "input.active_energy.1": 12_000,
            "input.current.l1-1": 2.83,
            "input.voltage.l1-1": 230.1,
        },
        {"alarm.inlet-1": ("active", CRITICAL), "outlet.state.a-1": ("off", OK)},
        ("probe.temperature",),
    ),
    "powertek-bspdu of firmware 3.10": (
        f"{E}.42610.1.4.4.1",
        {
            "6.1.2.1.2.1": 6440,
            "6.1.2.1.4.1": 3_470_594,
            "6.1.2.1.12.1": 313,
            "6.1.2.1.15.1": 2287,
            "6.1.2.1.36.1": 7510,
        },
        {
            "input.active_energy.1": 3_470_594,
            "input.current.l1-1": 3.13,
            "input.voltage.l1-1": 228.7,
        },
        {},
        (),
    ),
    "ingrasys-ipoman": (
        f"{E}.2468.1.4.2.1",
        {
            "3.1.3.1.2.1": 2240,
            "3.1.3.1.3.2": 3830,
            "3.2.3.1.2.4": 5,
            "3.2.3.1.4.4": 272_099,
            "5.1.1.1.0": 4,
            "5.1.1.2.0": 235,
            "5.1.1.3.0": 0,
            "5.1.1.4.0": 3,
            "5.1.1.5.0": 2,
        },
        {
            "input.voltage": 224,
            "input.current.2": 3.83,
            "outlet.active_energy.4": 272_099,
            "probe.temperature": 23.5,
        },
        {"outlet.state.4": ("pending_off", OK), "contact.state.alarm1": ("active", WARNING)},
        ("probe.relative_humidity", "contact.state.alarm2"),
    ),
    "gude-epc1202": (
        f"{E}.28507.43",
        {
            "1.3.1.2.1.3.1": 0,
            "1.5.1.2.1.2.1": 0,
            "1.5.1.2.1.4.1": 17,
            "1.5.2.1.2.1": 0,
            "1.6.1.1.2.1": 214,
            "1.6.1.1.3.1": -9999,
        },
        {"probe.temperature.1": 21.4},
        {
            "outlet.state.1": ("off", WARNING),
            "state.meter": ("fault", WARNING),
            "alarm.overvoltage_protection-1": ("active", CRITICAL),
        },
        ("input.active_power", "probe.relative_humidity.1"),
    ),
    "gude-epc8031": (
        f"{E}.28507.81",
        {
            "1.3.1.2.1.3.8": 1,
            "1.5.1.2.1.2.1": 1,
            "1.5.1.2.1.8.1": -424,
            "1.5.1.2.1.24.1": 65,
            "1.5.14.3.0": 1156,
            "1.5.15.1.0": 0,
        },
        {
            "input.power_factor": -0.424,
            "input.residual_current": 0.0065,
            "supply.voltage.main": 11.56,
        },
        {"outlet.state.8": ("on", OK), "sync.state": ("out_of_sync", WARNING)},
        (),
    ),
    "gude-epc1104": (
        f"{E}.28507.68",
        {"1.3.1.2.1.3.1": 1, "1.6.1.1.5.1": 0, "1.6.1.1.6.1": -12},
        {"probe.dew_point.1": -1.2},
        {"outlet.state.1": ("on", OK)},
        ("probe.pressure.1",),
    ),
    "wti-power": (
        f"{E}.2634.6.8",
        {
            ".2634.3.200.60.0": 11,
            ".2634.3.200.10.1.8.1": 233,
            ".2634.3.100.200.1.3.4": 0,
            ".2634.3.280.5.0": 1,
        },
        {"output.current": 1.1, "unit.voltage.b-1": 233},
        {"outlet.state.4": ("off", OK), "alarm.breaker": ("active", CRITICAL)},
        (),
    ),
    # the second device of the agent; a breaker that is not there
    "tripplite-pdu": (
        f"{E}.850.1.1.1",
        {
            ".850.1.1.3.2.2.1.1.1.1": 2,
            ".850.1.1.3.2.3.2.1.1.5.1.1": 150,
            ".850.1.1.3.2.3.2.1.1.10.1.1": 3,
            ".850.1.1.3.2.3.1.2.1.4.1.2": 2070,
            ".850.1.1.3.2.3.3.1.1.4.2.7": 1,
            ".850.1.1.3.2.3.5.1.1.2.1.1": 0,
            ".850.1.1.3.2.3.5.1.1.2.1.2": 2,
            ".850.1.1.3.3.3.1.1.1.3": 215,
        },
        {"output.current.l1": 1.5, "input.voltage.l2": 207, "probe.temperature.3": 21.5},
        {
            "output.state.l1": ("normal", OK),
            "outlet.state.2-7": ("off", OK),
            "breaker.position.1": ("open", CRITICAL),
        },
        ("breaker.position.2",),
    ),
    "tripplite-ats": (
        f"{E}.850.1.1.1",
        {
            ".850.1.1.3.4.3.1.1.1.12.1": 2,
            ".850.1.1.3.4.3.1.1.1.13.1": 1,
            ".850.1.1.3.4.3.1.2.1.5.1.2.1": 2310,
            ".850.1.1.3.4.2.1.1.12.1": 1,
        },
        {"source.voltage.b-l1": 231},
        {
            "source.selected": ("source_2", OK),
            "source.state.a": ("absent", WARNING),
            "source.state.b": ("normal", OK),
            "alarm.general_fault": ("active", CRITICAL),
        },
        (),
    ),
    "tripplite-ups": (
        f"{E}.850.1.1.1",
        {
            ".850.1.1.3.1.3.1.1.1.1.1": 4,
            ".850.1.1.3.1.3.1.1.1.3.1": 3,
            ".850.1.1.3.1.3.3.1.1.1.1": 9,
            ".850.1.1.3.1.3.3.2.1.2.1.1": 1201,
            ".850.1.1.3.1.3.1.5.1.1.1.1": 3,
        },
        {"battery.runtime": 180, "output.voltage.l1": 120.1},
        {
            "mode": ("eco", OK),
            "battery.state": ("depleted", CRITICAL),
            "alarm.battery_pack-1": ("active", CRITICAL),
        },
        (),
    ),
    # an agent of version 12, whose probe is another profile
    "tripplite-ups of version 12": (
        f"{E}.850.1",
        {
            ".850.100.1.2.1.0": b"4.6",
            ".850.100.1.2.2.0": 752,
            ".850.101.1.1.1.0": 22,
            ".850.101.1.1.5.0": 1,
        },
        {
            "battery.age": 4.6 * 31_557_600,
            "battery.temperature": 24,
            "probe.temperature": 22,
        },
        {"alarm.temperature": ("active", WARNING)},
        (),
    ),
    "tripplite-environment": (
        f"{E}.850.99",
        {".850.101.1.1.1.0": 22, ".850.101.1.2.1.0": 18},
        {"probe.temperature": 22, "probe.relative_humidity": 0.18},
        {},
        (),
    ),
    "tripplite-cooling": (
        f"{E}.850.1.1.1",
        {
            ".850.1.1.3.5.3.6.1.1.1": 2,
            ".850.1.1.3.5.3.6.1.3.1": 2,
            ".850.1.1.3.5.3.6.1.5.1": 1,
            ".850.1.1.3.5.3.1.2.1.2.1": 181,
        },
        {"supply_air.temperature": 18.1},
        {
            "cooling.state": ("on", OK),
            "alarm.unit": ("active", CRITICAL),
            "alarm.condensate": ("active", CRITICAL),
        },
        (),
    ),
    # a positive earth; hundredths where the firmware has them
    "ict-pdu": (
        f"{E}.39145.10",
        {
            "6.0": b"-55.2",
            "8.1.3.0": b"-1.9",
            "8.1.6.0": -187,
            "8.1.4.0": 2,
            "8.1.5.1": 2,
            "9.1.3.0": 3,
        },
        {"dc.voltage": -55.2, "outlet.current.0": -1.87},
        {
            "alarm.fuse-0": ("active", CRITICAL),
            "outlet.state.1": ("off", OK),
            "contact.state.0": ("active", CRITICAL),
        },
        (),
    ),
    # an iBoot tells net-snmp's number
    "dataprobe-iboot-pdu": (
        f"{E}.8072.3.2.10",
        {
            ".1418.6.1.9.0": 0,
            ".1418.6.5.1.7.0": 0,
            ".1418.6.6.1.0": 11_996,
            ".1418.6.6.2.0": 621,
            ".1418.6.6.5.0": 770,
            ".1418.6.6.6.0": 99_999,
        },
        {"input.voltage.1": 119.96, "input.current.1": 6.21, "probe.temperature.1": 25},
        {"outlet.state.0": ("off", OK)},
        ("probe.temperature.2",),
    ),
    "panduit-g5": (
        f"{E}.19536.10.1",
        {
            "1.2.1.9.1": 4,
            "2.1.1.5.1": 50,
            "2.1.1.5.2": 60,
            "2.1.1.6.1": 801,
            "2.2.1.4.1.3": 3,
            "2.3.1.9.1": 12,
            "2.3.1.8.1": -1,
            "3.1.1.13.1.2": 6,
            "3.1.1.26.1.2": 3,
            "1.4.1.2.1": 1,
            "1.4.1.4.1": 0,
            "1.4.1.5.1": 1,
            "1.4.1.6.1": 0,
            "1.4.1.2.2": 0,
            "1.4.1.6.2": 0,
            "4.7.1.3.1.1": 2,
            "4.7.1.4.1.1": 2,
            "4.10.1.1.3.1.1": 2,
            "4.10.1.1.5.1.1": 1,
            "4.10.1.1.5.2.1": 2,
            "5.1.1.16.1.9": -95,
            "5.2.1.1.1.9": 1,
        },
        {
            "input.active_power": 50,
            "input.active_power.2": 60,
            "input.active_energy": 801_000,
            "input.residual_current": 0.012,
            "outlet.power_factor.9": 0.95,
        },
        {
            "state": ("fault", CRITICAL),
            "alarm.voltage-l3": ("active", CRITICAL),
            "bank.state.2": ("unknown", UNKNOWN),
            "breaker.position.2": ("open", CRITICAL),
            "leak.state.rope-1": ("wet", CRITICAL),
            "outlet.state.9": ("off", OK),
            "alarm.power_share": ("active", WARNING),
            "state.power_share_input": ("on", OK),
            "state.power_share_output": ("off", OK),
            "contact.state.lock-1": ("active", WARNING),
            "contact.state.lock-2-1": ("normal", OK),
            "contact.state.handle-1": ("normal", OK),
        },
        ("alarm.residual_current", "alarm.power_share-2"),
    ),
    "panduit-eagle": (
        f"{E}.3711.24",
        {
            "1.1.1.2.1.0": 2,
            "1.1.1.2.2.1.6.1": 2,
            "1.1.1.2.2.1.7.1": 770,
            "1.1.1.2.2.1.6.2": 3,
            "1.1.1.2.2.1.7.2": 353,
            "1.1.1.3.1.1.6.4": 2,
            "1.1.1.3.1.1.7.4": 1,
        },
        {"probe.temperature.1": 25, "probe.relative_humidity.2": 0.353},
        {"contact.state.4": ("active", WARNING)},
        (),
    ),
    "cyberpower-pdu": (
        f"{E}.3808.1.1.6",
        {
            ".3808.1.1.3.2.1.2.0": 3,
            ".3808.1.1.3.2.3.1.1.2.1": 11,
            ".3808.1.1.3.2.3.1.1.2.3": 13,
            ".3808.1.1.3.2.3.1.1.3.4": 4,
            ".3808.1.1.6.3.4.1.18.1": 216,
            ".3808.1.1.6.5.4.1.4.2": 3,
            ".3808.1.1.6.6.1.4.1.5.8": 2,
            ".3808.1.1.6.8.1.0": 3,
            ".3808.1.1.6.8.2.0": 1450,
            ".3808.1.1.6.8.3.0": 98_765,
        },
        {
            "input.current.l1": 1.1,
            "input.current.l3": 1.3,
            "input.active_power": 216,
            "system.module_count": 3,
            "system.active_power": 1450,
            "system.active_energy": 9_876_500,
        },
        {
            "load.state.4": ("overload", CRITICAL),
            "bank.state.2": ("near_overload", WARNING),
            "outlet.state.8": ("off", OK),
        },
        (),
    ),
    "cyberpower-ats": (
        f"{E}.3808.1.1.6",
        {
            ".3808.1.1.6.9.4.1.3.1": 2,
            ".3808.1.1.6.9.4.1.5.1": 2290,
            ".3808.1.1.6.9.4.1.9.1": 3,
            ".3808.1.1.6.9.4.1.16.1": 1,
            ".3808.1.1.6.3.4.1.5.1": 21,
        },
        {"source.voltage.a": 229, "input.current": 2.1},
        {
            "source.selected": ("source_2", OK),
            "source.state.a": ("out_of_tolerance", WARNING),
            "redundancy.state": ("lost", WARNING),
        },
        (),
    ),
    # gives the number of a UPS card; the first source too low, the second without phases
    "cyberpower-ats-standalone": (
        f"{E}.3808.1.1.5",
        {
            ".3808.1.1.5.2.1.1.0": 2,
            ".3808.1.1.5.2.1.2.0": 2,
            ".3808.1.1.5.2.1.3.0": 1,
            ".3808.1.1.5.2.1.6.0": 2,
            ".3808.1.1.5.2.1.10.1.5.1": 2,
            ".3808.1.1.5.2.2.2.1.5.1": 1790,
            ".3808.1.1.5.2.2.2.1.5.2": 2301,
            ".3808.1.1.5.2.2.2.1.7.1": 3,
            ".3808.1.1.5.2.2.3.1.3.2.1": -1,
            ".3808.1.1.5.5.2.4.1.3.1": 73,
            ".3808.1.1.5.5.2.4.1.3.2": 31,
            ".3808.1.1.5.5.2.4.1.4.2": 4,
            ".3808.1.1.5.5.2.4.1.6.1": 1234,
            ".3808.1.1.5.6.3.1.3.4": 2,
        },
        {
            "source.voltage.a": 179,
            "source.voltage.b": 230.1,
            "output.current": 7.3,
            "bank.current.1": 3.1,
            "output.active_energy": 123_400,
        },
        {
            "source.selected": ("source_2", OK),
            "source.state.a": ("out_of_tolerance", WARNING),
            "redundancy.state": ("lost", WARNING),
            "alarm.input_relay": ("active", CRITICAL),
            "supply.state.3v3-1": ("failed", WARNING),
            "bank.state.1": ("overload", CRITICAL),
            "outlet.state.4": ("off", OK),
        },
        ("source.voltage.b-l1",),
    ),
    "hpe-pdr": (
        f"{E}.232.165.4",
        {
            ".232.165.4.1.7.0": 60_000,
            ".232.165.4.2.1.1.3.1": 123,
            ".232.165.4.2.1.1.7.1": 456,
            ".232.165.4.2.1.1.8.1": 2305,
            ".232.165.4.2.1.1.13.2": 77,
            ".232.165.4.3.1.1.10.1.7": 42,
            ".232.165.4.3.1.1.12.1.7": 950,
        },
        {
            "output.rated_apparent_power": 60_000,
            "bank.active_power.1": 12_300,
            "bank.active_energy.1": 4560,
            "bank.voltage.l1-1": 230.5,
            "bank.current.l3-2": 7.7,
            "breaker.current.1-7": 4.2,
            "breaker.active_power.1-7": 950,
        },
        {},
        (),
    ),
    "digipower-pdu": (
        f"{E}.17420",
        {
            "1.2.9.1.11.0": 42,
            "1.2.9.1.13.0": b"1,0,1",
            "1.2.9.1.17.0": 230,
            "1.2.9.2.13.0": b"1,-2,1",
            "1.2.9.16.11.0": 17,
            "1.2.9.16.17.0": 229,
            "1.2.7.0": 0,
        },
        {
            "input.current": 4.2,
            "input.voltage": 230,
            "input.current.16": 1.7,
            "input.voltage.16": 229,
        },
        {"outlet.state.2": ("off", OK), "outlet.state.3": ("on", OK)},
        ("outlet.state.4", "outlet.state.2-1", "probe.temperature"),
    ),
    # one that follows in a chain tells nothing of the chain
    "cyberpower-pdu follower": (
        f"{E}.3808.1.1.6",
        {"3.4.1.5.1": 11, "3.4.1.18.1": 216, "8.1.0": 0, "8.2.0": 0, "8.3.0": 0},
        {"input.active_power": 216},
        {},
        ("system.module_count", "system.active_power", "system.active_energy"),
    ),
    # no UPS at it
    "planet-digipdu alone": (
        f"{E}.10456.3",
        {"3.2.1.5.1": 42, "3.10.6.0": 0, "3.10.8.0": 0, "3.10.11.0": 0, "3.10.15.0": 0},
        {"input.current.1": 4.2},
        {},
        ("input.voltage.ups", "output.load.ups", "battery.charge.ups"),
    ),
    "planet-digipdu": (
        f"{E}.10456.3",
        {
            "1.11.0": 1,
            "3.2.1.5.1": 42,
            "3.3.1.4.6": 1,
            "3.4.1.4.1": 2,
            "3.4.1.4.2": 0,
            "3.4.1.7.1": 31,
            "3.4.1.7.2": 0,
            "3.6.1.5.1": 1,
            "3.6.1.6.1": 77,
            "3.8.1.2.1": 1,
            "3.10.6.0": 228,
            "3.10.8.0": 230,
            "3.10.11.0": 35,
            "3.10.15.0": 98,
        },
        {
            "input.current.1": 4.2,
            "unit.current.1": 3.1,
            "probe.temperature.1": 25,
            "input.voltage.ups": 228,
            "output.load.ups": 0.35,
            "battery.charge.ups": 0.98,
        },
        {
            "alarm.unit-1": ("active", WARNING),
            "communication.state.2": ("lost", WARNING),
            "contact.state.1": ("active", WARNING),
            "outlet.state.6": ("on", OK),
        },
        ("unit.current.2",),
    ),
    "westmountain-rmcu": (
        f"{E}.15117",
        {"1.2.2.0": b"13.8", "1.2.4.0": b"1.25", "1.4.1.0": 13_812, "1.2.66.0": 1},
        {"value.analog1": 13.812, "value.analog2": 1.25},
        {"outlet.state.1": ("on", OK)},
        (),
    ),
    "socomec-pdu": (
        f"{E}.4555.2.30",
        {"2.2.0": 2301, "2.7.0": 55, "3.6.0": 1, "4.19.0": 1, "4.1.0": 0, "4.15.0": 1},
        {"output.voltage.l1": 230.1, "output.current.l3": 5.5},
        {"alarm.l2_load_major": ("active", CRITICAL), "probe.state": ("lost", OK)},
        ("probe.temperature", "contact.state.1"),
    ),
    "fs-net-pdu": (
        f"{E}.30966",
        {"10.3.2.1.0": 229, "10.3.2.4.0": 60},
        {"input.voltage": 229, "input.current": 6},
        {},
        (),
    ),
    # both revisions of the MIB
    "ibm-dpi-pdu": (
        f"{E}.2.6.223",
        {
            "8.2.1.0": 2,
            "8.3.2.1.4.2": 700,
            **{f"8.2.2.1.{c}.1": raw for c, raw in ((8, 229_000), (9, 680), (13, 0), (15, 155))},
            "9.2.1.8.1": 4_294_967_295,
        },
        {
            "input.active_power.l2": 700,
            "outlet.voltage.1": 229,
            "outlet.current.1": 0.68,
            "outlet.active_power.1": 155,
        },
        {"outlet.state.1": ("off", OK)},
        ("probe.temperature.1",),
    ),
    "ibm-dpi-pdu of the older revision": (
        f"{E}.2.6.223",
        {"8.2.1.0": 1, "8.2.2.1.7.1": 680, "8.2.2.1.8.1": 16_000, "8.2.2.1.13.1": 155},
        {"outlet.current.1": 0.68, "outlet.rated_current.1": 16, "outlet.active_power.1": 155},
        {},
        ("outlet.state.1",),
    ),
}


async def probed(own: str, objects: dict[str, int | bytes | str]) -> ProbeResult:
    agent = OddAgent(
        {
            "1.3.6.1.2.1.1.1.0": b"a card",
            "1.3.6.1.2.1.1.2.0": own,
            "1.3.6.1.2.1.1.3.0": 1_000_000,
        }
        | {
            (
                E + rest
                if rest.startswith(".")
                else f"{LIEBERT if own.startswith(LIEBERT) else own}.{rest}"
            ): raw
            for rest, raw in objects.items()
        }
    )
    return await odd_agent.probed(agent)


@pytest.mark.parametrize("name", CASES)
async def test_a_profile_reads_what_the_mib_says(name):
    own, objects, numbers, meanings, absent = CASES[name]
    result = await probed(own, objects)
    assert result.profile == name.split()[0]
    good: dict[str, float | None] = {}
    for each in result.readings:
        if each.quality == "good":
            good.setdefault(each.point, each.value)
    states = {each.point: (str(each.value), each.severity) for each in reversed(result.states)}
    shown = {each.point for each in result.states if each.quality == "good"} | good.keys()
    assert {point: good.get(point) for point in numbers} == pytest.approx(numbers)
    assert {point: states.get(point) for point in meanings} == meanings
    assert not shown.intersection(absent)


@pytest.mark.parametrize(
    ("own", "description", "device_class", "vendor"),
    [
        (LIEBERT, b"Uninitialized", "ups", "Liebert (Vertiv)"),
        (f"{LIEBERT}.4.8.4.2", b"a card", "pdu", "Liebert (Vertiv)"),
        (f"{LIEBERT}.4.3.8.1", b"a card", "crac", "Liebert (Vertiv)"),
        (f"{LIEBERT}.4.5.2", b"a card", "sts", "Liebert (Vertiv)"),
        (f"{E}.705.2", b"MGE Switched PDU", "pdu", "Eaton (MGE)"),
        (f"{E}.850.1", b"POWERALERT", "ups", "Tripp Lite"),
        (f"{E}.2.6.223", b"IBM DPI V01.08.0003", "pdu", "IBM"),
        (f"{E}.232.165.5", b"HP Intelligent Modular PDU", "pdu", "HPE"),
    ],
)
async def test_a_card_that_tells_only_its_name_is_recognised(
    own, description, device_class, vendor
):
    agent = OddAgent({"1.3.6.1.2.1.1.1.0": description, "1.3.6.1.2.1.1.2.0": own})
    result = await odd_agent.probed(agent)
    assert (result.device_class, result.vendor) == (device_class, vendor)
