"""Profiles of rack PDUs, and of the probes that plug into them, against objects written by hand
from the MIBs.

Each case: the number and the words that the device gives itself, the objects that it has below
1.3.6.1.4.1, the numbers and states that must come of them, and points that must not be shown as
good.
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

MAC = ".".join(str(ord(digit)) for digit in "00ABCDEF0123")
"""A MAC address in an index: 12 digits, of which the last four are 48, 49, 50 and 51."""


def below(base: str, objects: dict[str, int | bytes]) -> dict[str, int | bytes]:
    return {f"{base}.{rest}": raw for rest, raw in objects.items()}


CASES = {
    # module 0 is the PDU, meter 0 of module 2 its sum; residual current of a broken monitor
    "riedo-updu": (
        "55108.1.0",
        b"RNX UPDU RN3000 (UPDU-Right), S/N: 1, Version 2.7.0-aa",
        below(
            "55108.1.3",
            {
                **below("1.1.3", {"0.0": 1, "0.2": 3, "2.0": 5, "2.7": 6, "3.0": 7}),
                **below("1.1.7", {"0.0": 900, "0.2": 300, "2.0": 80, "2.7": 21, "3.0": 55}),
                **below("1.1.8", {"0.0": -436}),
                **below("1.1.10", {"0.2": 230743}),
                **below("1.1.11", {"2.7": 118}),
                **below("1.1.15", {"0.0": 1, "2.7": 0}),
                **below("2.1.3", {"1": 1, "2": 2, "3": 0}),
                **below("2.1.4", {"1": 215, "2": 231, "3": 0}),
                **below("2.1.5", {"1": 0, "2": 455, "3": 0}),
                **below("3.1.3", {"1": 25, "2": 0}),
                **below("3.1.5", {"1": 0, "2": 4}),
            },
        ),
        {
            "input.active_power": 900,
            "input.active_power.l2": 300,
            "input.reactive_power": -436,
            "input.voltage.l2": 230.743,
            "module.active_power.2": 80,
            "outlet.active_power.2-7": 21,
            "outlet.current.2-7": 0.118,
            "bank.active_power.3-0": 55,
            "probe.temperature.1": 21.5,
            "probe.relative_humidity.2": 0.455,
            "input.residual_current.rms-1": 0.0025,
        },
        {
            "communication.state": ("lost", WARNING),
            "communication.state.outlet-2-7": ("ok", OK),
            "alarm.residual_current_monitor-2": ("active", WARNING),
        },
        ("probe.relative_humidity.1", "probe.temperature.3", "input.residual_current.rms-2"),
    ),
    # rows of the PDU that is asked, and of its neighbour
    "apc-cpdu": (
        "318.1.1.32.1",
        b"apcpdu",
        below(
            "318.1.1.32",
            {
                **below("2.4.1.3", {"1": 5, "2": 1}),
                **below("2.4.1.4", {"1": 258, "2": 7000}),
                **below("2.4.1.9", {"1": 7918}),
                **below("3.4.1.3", {"1.1": 2}),
                **below("3.4.1.5", {"1.1": 1234, "2.3": 99}),
                **below("3.4.1.11", {"1.1": 401}),
                **below("4.4.1.4", {"1.1": 6}),
                **below("5.4.1.4", {"1.12": 0, "2.1": 1}),
                **below("5.9.1.7", {"1.12": 87}),
                **below("6.2.1.6", {"1.1": 1, "1.2": 1, "1.3": 6, "1.4": 3}),
                **below("6.2.1.7", {"1.1": 1, "1.2": 2, "1.3": 0, "1.4": 0}),
                **below("6.4.1.3", {"1.1": 2, "1.2": 2, "1.3": 2, "1.4": 3}),
                **below("6.4.1.4", {"1.1": 5, "1.2": 2, "1.3": 1, "1.4": 2}),
                **below("6.4.1.5", {"1.1": 23, "1.2": 70}),
                **below("6.4.1.7", {"1.1": 234, "1.2": 707}),
            },
        ),
        {
            "input.active_power": 258,
            "input.active_power.2": 7000,
            "input.active_energy": 791800,
            "input.current.l1": 12.34,
            "input.current.2-l3": 0.99,
            "input.voltage.l1-l2": 401,
            "outlet.power_factor.12": 0.87,
            "probe.temperature.1": 23.4,
            "probe.temperature.2": 21.5,
        },
        {
            "load.state": ("normal", OK),
            "load.state.2": ("overload", CRITICAL),
            "phase.state.l1": ("near_overload", WARNING),
            "bank.state.1": ("unknown", CRITICAL),
            "outlet.state.12": ("off", OK),
            "outlet.state.2-1": ("on", OK),
            "probe.state.1": ("high", WARNING),
            "leak.state.3": ("wet", CRITICAL),
            "door.alarm.4": ("normal", OK),
            "communication.state.probe-4": ("lost", WARNING),
        },
        (),
    ),
    # -1: not supported
    "apc-rpdu": (
        "318.1.3.4.5",
        b"APC Web/SNMP Management Card (AN1:rpdu)",
        below(
            "318.1.1",
            {
                "12.1.6.0": b"5A0000",
                "12.1.16.0": 1320,
                "12.1.15.0": -1,
                **below("12.2.3.1.1.2", {"1": 57}),
                **below("12.2.3.1.1.3", {"1": 3}),
                **below("12.3.5.1.1.4", {"1": 1, "2": 2}),
                "12.4.1.3.0": 2,
                "12.4.1.2.0": 3,
            },
        ),
        {"input.active_power": 1320, "load.current.1": 5.7},
        {
            "load.state.1": ("near_overload", WARNING),
            "outlet.state.2": ("off", OK),
            "supply.state": ("failed", WARNING),
            "supply.state.b": ("absent", OK),
        },
        ("input.rated_voltage",),
    ),
    "apc-rpdu2": (
        "318.1.3.4.6",
        b"APC Web/SNMP Management Card (AN1:apc_hw05_rpdu2g_682.bin)",
        below(
            "318.1.1.26",
            {
                "4.3.1.4.1": 2,
                "4.3.1.5.1": 123,
                "11.2.0": 456,
                **below("13.1.1.3", {"1": 401}),
                **below("8.3.1.5", {"1": 45}),
                **below("9.4.3.1.5", {"3": 4}),
                **below("10.4.2.1.5", {"1": 7, "2": 2}),
                **below("10.4.2.1.8", {"1": 2, "2": 1}),
            },
        ),
        {
            "input.active_power": 1230,
            "system.active_power": 4560,
            "input.voltage.l1-l2": 401,
            "bank.current.1": 4.5,
        },
        {
            "load.state": ("normal", OK),
            "outlet.alarm.load-3": ("active", CRITICAL),
            "leak.state.1": ("wet", CRITICAL),
            "door.alarm.2": ("normal", OK),
        },
        (),
    ),
    # no transformer, so no line-to-line voltage; position 3 of the panel is the earth
    "apc-xpdu": (
        "318.1.3.15",
        b"InfraStruXure PDU",
        below(
            "318.1.1.15",
            {
                "3.4.3.0": 425,
                "3.5.1.0": -1,
                **below("3.1.4.1.2", {"1": -1}),
                **below("3.1.4.1.3", {"1": 2301}),
                **below("3.4.14.1.4", {"2": 612}),
                **below("4.1.2.1.3", {"1": 1}),
                **below("4.2.3.1.2", {"3": 1, "5": 20}),
                **below("4.2.3.1.5", {"3": -1, "5": 77}),
                **below("5.3.1.3", {"1": 1, "2": 2}),
                **below("5.3.1.4", {"1": 2, "2": 2}),
                "7.2.0": 2,
            },
        ),
        {
            "output.active_power": 42500,
            "input.voltage.l1": 230.1,
            "output.current.l2": 61.2,
            "bank.current.5": 7.7,
            "bank.rated_current.5": 20,
        },
        {
            "breaker.position.1": ("open", OK),
            "contact.state.1": ("active", WARNING),
            "contact.state.2": ("normal", OK),
            "winding.alarm.temperature": ("active", CRITICAL),
        },
        ("input.voltage.l1-l2", "bank.rated_current.3", "output.residual_current"),
    ),
    # older firmware: texts, below another maker's number
    "apc-epdu": (
        "0",
        b"",
        below("1.1", {"1.1": b"232.6V", "3.1": b"0.061kW", "7.1": b"2.28kWh", "28.1": b"-"}),
        {"input.voltage": 232.6, "input.active_power": 61, "input.active_energy": 2280},
        {},
        ("probe.temperature.1",),
    ),
    "apc-epdu newer": (
        "318.1.3.4.9",
        b"Easy PDU",
        below(
            "318.1.1.30",
            {
                "2.1.1.7.1": 800,
                "2.1.1.10.1": -1,
                "4.2.1.4.2": 2301,
                "4.2.1.5.2": 345,
                "6.1.1.4.8": 1,
            },
        ),
        {"input.active_power": 800, "input.voltage.l2": 230.1, "input.current.l2": 3.45},
        {"outlet.state.8": ("off", OK)},
        ("input.power_factor",),
    ),
    # the index ends with a MAC address; energies are tens of watt-seconds
    "chatsworth-econnect": (
        "0",
        b"Epicenter SNMP",
        below(
            "30932.1",
            {
                "1.1.2.0": b"K50-3D136",
                f"10.1.3.110.1.3.2.12.{MAC}": 676,
                f"10.1.3.110.1.8.2.12.{MAC}": 2,
                f"10.1.3.110.1.9.2.12.{MAC}": 3600,
                f"10.1.4.10.1.11.7.12.{MAC}": 0,
                "1.3.8.2.0": 7700,
                "1.3.10.1.0": 0b100_0010,
            },
        ),
        {
            "bank.current.2-48-49-50-51": 6.76,
            "bank.active_energy.2-48-49-50-51": 10,
            "probe.temperature.2": 25,
        },
        {
            "bank.alarm.2-48-49-50-51": ("active", CRITICAL),
            "outlet.state.7-48-49-50-51": ("off", OK),
            "bank.alarm.yz1_current_high": ("active", CRITICAL),
            "bank.alarm.xy1_voltage_high": ("active", CRITICAL),
            "bank.alarm.xy1_current_high": ("normal", OK),
        },
        (),
    ),
    # hundredths; an alert names the first outlet that is concerned
    "schleifenbauer-databus": (
        "31034.11.3",
        b"Schleifenbauer",
        below(
            "31034.12.1.1",
            {
                "1.1.1.0": 2,
                "1.1.5.0": 0,
                "2.6.1.1.5.1.3": 194,
                "2.6.1.1.4.1.3": 9800,
                "2.6.1.1.2.1.3": 12,
                "2.7.2.1.7.2.21": 23339,
                "2.8.1.1.1.1": 0,
                "2.8.1.1.1.2": 3150,
                "2.8.2.1.2.1.1": b"T",
                "2.8.2.1.2.1.2": b"H",
                "2.8.2.1.3.1.1": 2250,
                "2.8.2.1.3.1.2": 4100,
                "2.3.1.1.4.1": 17,
                "2.3.1.1.1.2": 0b100000,
            },
        ),
        {
            "input.current.1-3": 1.94,
            "input.power_factor.1-3": 0.98,
            "input.active_energy.1-3": 12000,
            "outlet.voltage.2-21": 233.39,
            "system.temperature.internal-2": 31.5,
            "probe.temperature.1-1": 22.5,
            "probe.relative_humidity.1-2": 0.41,
        },
        {
            "redundancy.state": ("lost", CRITICAL),
            "outlet.alarm.current-1": ("active", CRITICAL),
            "alarm.brownout-2": ("active", WARNING),
            "alarm.controller-2": ("normal", OK),
        },
        ("system.temperature.internal-1",),
    ),
    "conteg-databus": (
        "28402.11.1",
        b"Conteg",
        below("28402.12.1.1.2", {"6.1.1.5.4.1": 38, "6.1.1.3.4.1": 86, "7.3.1.2.4.9": 1}),
        {"input.current.4-1": 0.38, "input.active_energy.resettable-4-1": 86000},
        {"outlet.state.4-9": ("on", OK)},
        (),
    ),
    # powers are hundredths of kW; 9999 is what a unit does not have
    "vertiv-rdu": (
        "2021.250.10",
        b"Linux",
        below(
            "13400.3",
            {
                "1.2.0": 4,
                "2.225.1.1.4.1": 19,
                "2.225.1.1.6.1": 9999,
                "2.225.1.1.8.1": 35,
                "2.225.1.1.13.1": 1000,
                "2.225.1.1.51.1": 1,
                "2.225.1.1.54.1": 1,
                "3.3031.1.1.56.1": 1950,
                "3.3031.1.1.58.1": 9999,
                "3.3031.1.1.9.1": 1,
                "4.491.1.1.59.1": 2180,
                "4.491.1.1.65.1": 345,
                "4.491.1.1.75.1": 2,
                "4.491.1.1.82.1": 9999,
                "5.541.1.1.4.1": 1,
                "5.541.1.1.6.1": 2,
                "5.559.1.1.2.1": 1,
            },
        ),
        {
            "input.current.pdu-1": 1.9,
            "input.active_power.pdu-1": 350,
            "input.active_energy.pdu-1": 10000,
            "supply_air.temperature.1": 19.5,
            "battery.voltage.1": 218,
            "battery.runtime.1": 2070,
        },
        {
            "communication.state.pdu-1": ("lost", CRITICAL),
            "outlet.state.o3-1": ("on", OK),
            "cooling.alarm.high_pressure-1": ("active", CRITICAL),
            "mode.1": ("on_battery", WARNING),
            "door.state.front-1": ("open", WARNING),
            "leak.state.1": ("disabled", UNKNOWN),
            "fire.state.1": ("alarm", CRITICAL),
        },
        ("bank.current.b2-1", "ambient.temperature.outside-1"),
    ),
    # a probe that is not there
    "dell-rpdu": (
        "674.10903.200.3.1",
        b"DELL Web/SNMP Management Card",
        below(
            "674.10903.200.2",
            {
                "110.1.0": 4,
                "200.110.2.1.3.1": 379,
                "200.120.2.1.3.1": 3,
                "200.120.2.1.4.1": 193,
                "200.130.2.2.1.8.5": 250,
                "200.150.2.2.1.3.1": 2,
                "200.150.2.2.1.3.2": 1,
                "200.150.2.2.1.5.1": 215,
                "200.150.2.2.1.5.2": -1,
                "200.150.2.2.1.6.1": 6,
            },
        ),
        {
            "input.active_power": 3790,
            "input.current.l1": 19.3,
            "outlet.active_power.5": 250,
            "probe.temperature.1": 21.5,
        },
        {
            "alarm.global": ("active", WARNING),
            "phase.state.l1": ("near_overload", WARNING),
            "probe.temperature_state.1": ("very_high", CRITICAL),
            "probe.state.temperature-2": ("not_installed", OK),
        },
        ("probe.temperature.2",),
    ),
    # Celsius and Fahrenheit; -1 could not be measured
    "servertech-sentry3": (
        "1718.3",
        b"Sentry Switched CDU",
        below(
            "1718.3",
            {
                "1.4.0": 2,
                "1.6.0": 279,
                "2.1.1.4.2": 1,
                "2.2.1.7.1.1": 111,
                "2.2.1.11.1.1": -1,
                "2.2.1.6.2.1": 5,
                "2.3.1.5.1.1.4": 9,
                "2.3.1.7.2.1.4": 28,
                "2.5.1.6.1.1": 235,
                "2.5.1.6.1.2": 770,
                "2.5.1.13.1.1": 0,
                "2.5.1.13.1.2": 1,
            },
        ),
        {
            "input.active_power": 279,
            "input.current.1": 1.11,
            "outlet.current.2-1-4": 0.28,
            "probe.temperature.1-1": 23.5,
            "probe.temperature.1-2": 25,
        },
        {
            "alarm.tower-2": ("active", CRITICAL),
            "load.state.2-1": ("overload", CRITICAL),
            "outlet.state.1-4": ("fault", CRITICAL),
        },
        ("input.voltage.1",),
    ),
    "servertech-sentry4": (
        "1718.4",
        b"Sentry Smart PDU",
        below(
            "1718.4.1",
            {
                "1.1.3.0": b"Version 8.0k",
                "3.3.1.1.1.1": 1,
                "3.3.1.3.1.1": 1701,
                "3.3.1.10.2.1": 77,
                "4.3.1.3.1.1.2": 369,
                "5.3.1.4.1.1.1": 16,
                "6.3.1.1.1.1.3": 12,
                "7.3.1.1.1.1.1": 2,
                "8.3.1.1.1.1.9": 2,
                "9.1.10.0": 1,
                "9.3.1.1.1.1": 680,
                "9.3.1.2.1.1": 0,
                "9.3.1.1.1.2": 0,
                "9.3.1.2.1.2": 7,
            },
        ),
        {
            "input.active_power.1": 1701,
            "input.active_energy.2-1": 7700,
            "input.current.1-2": 3.69,
            "probe.temperature.1-1": 20,
        },
        {
            "input.state.1": ("normal", OK),
            "phase.alarm.voltage-1-1": ("active", WARNING),
            "breaker.alarm.1-3": ("active", CRITICAL),
            "breaker.position.1-1": ("open", CRITICAL),
            "outlet.state.1-9": ("off", OK),
            "probe.temperature_state.1-2": ("not_installed", OK),
        },
        ("probe.temperature.1-2",),
    ),
    # decimals stand in the sensors' own rows
    "raritan-px": (
        "13742.4",
        b"Raritan Dominion PX - Firmware Version 010507-11172",
        below(
            "13742.4",
            {
                "1.3.1.5.0": 360,
                "1.20.2.1.7.1": 2971,
                "1.20.2.1.15.1": b"Not Enabled (NE)",
                "1.21.2.1.4.1.1": 230500,
                "1.5.2.1.3.1": 1,
                "1.2.2.1.3.2": 0,
                **below("3.3.1.2", {"1": 10, "2": 11, "3": 17, "4": 10}),
                **below("3.3.1.16", {"1": 7, "2": 9, "3": 0, "4": 7}),
                **below("3.3.1.17", {"1": 1, "2": 0, "3": 0, "4": 1}),
                **below("3.3.1.40", {"1": 5, "2": 4, "3": 11, "4": -1}),
                **below("3.3.1.41", {"1": 312, "2": 39, "3": 0, "4": 0}),
            },
        ),
        {
            "input.current": 2.971,
            "input.voltage.l1-l2": 230.5,
            "system.temperature.cpu": 36,
            "probe.temperature.1": 31.2,
            "probe.relative_humidity.2": 0.39,
        },
        {
            "breaker.position.1": ("tripped", CRITICAL),
            "outlet.state.2": ("off", OK),
            "probe.state.1": ("high", WARNING),
            "leak.state.3": ("wet", CRITICAL),
            "probe.state.4": ("lost", WARNING),
        },
        ("input.unbalance", "probe.temperature.4"),
    ),
    # a trip sensor that is open has tripped; a temperature in Fahrenheit; a sensor that is gone
    "raritan-px2": (
        "13742.6",
        b"PX2 030004",
        below(
            "13742.6",
            {
                **below("3.3.4.1.7", {"1.1.1": 3, "1.1.7": 2, "1.2.1": 3}),
                **below("5.2.3.1.4", {"1.1.1": 680, "1.1.7": 98, "1.2.1": 100}),
                **below("5.2.3.1.3", {"1.1.1": 5}),
                **below("3.3.6.1.7", {"1.1.3.1": 2}),
                **below("5.2.4.1.4", {"1.1.3.1": 1234}),
                **below("5.3.3.1.3", {"1.4.15": 0}),
                **below("3.5.4.1.7", {"1.12.8": 0}),
                **below("5.4.3.1.4", {"1.12.8": 4711}),
                **below("5.4.3.1.3", {"1.12.14": 8}),
                **below("3.6.3.1.2", {"1.1": 10, "1.2": 10, "1.3": 43}),
                **below("3.6.3.1.16", {"1.1": 14, "1.2": 7, "1.3": -1}),
                **below("3.6.3.1.17", {"1.1": 1, "1.2": 1, "1.3": 0}),
                **below("5.5.3.1.2", {"1.1": 1, "1.2": 2, "1.3": 1}),
                **below("5.5.3.1.3", {"1.1": 4, "1.2": -1, "1.3": 0}),
                **below("5.5.3.1.4", {"1.1": 770, "1.2": 0, "1.3": 0}),
            },
        ),
        {
            "input.current": 0.68,
            "input.current.2": 0.1,
            "input.power_factor": 0.98,
            "input.current.l3": 12.34,
            "outlet.active_energy.12": 4711,
            "probe.temperature.1": 25,
        },
        {
            "input.alarm.current": ("active", WARNING),
            "breaker.position.4": ("tripped", CRITICAL),
            "outlet.state.12": ("off", OK),
            "probe.state.2": ("lost", WARNING),
            "door.state.3": ("open", WARNING),
        },
        ("probe.temperature.2",),
    ),
    "enlogic-pdu": (
        "38446.1",
        b"PDU",
        below(
            "38446.1",
            {
                "2.4.1.4.1": 540,
                "3.4.1.5.1.2": 321,
                "4.4.1.4.1.1": 1,
                "6.2.1.6.1.1": 1,
                "6.2.1.7.1.1": 1,
                "6.4.1.4.1.1": 2,
                "6.4.1.5.1.1": 6,
                "6.4.1.8.1.1": 412,
            },
        ),
        {"input.active_power": 540, "input.current.l2": 3.21, "probe.temperature.1": 41.2},
        {"bank.state.1": ("overload", CRITICAL), "probe.state.1": ("very_high", CRITICAL)},
        (),
    ),
    "aten-pe": (
        "21317.1.3.2",
        b"PE8208",
        below(
            "21317.1.3.2.2.2",
            {
                "1.1.0": b"PE8208G",
                "1.99.1.2.1": 1500,
                "1.99.1.3.1": -2000000,
                "1.99.1.5.1": 12345,
                "3.2.1.4.1": b"23.5",
                "3.1.1.2.1": 1,
                "2.9.0": 2,
                "2.11.0": 5,
                "1.100.1.2.1": 23400,
                "1.100.1.3.1": -1000000,
            },
        ),
        {
            "input.current": 1.5,
            "input.active_energy": 12345,
            "bank.active_power.1": 23.5,
            "probe.temperature.1": 23.4,
        },
        {
            "breaker.position.1": ("open", CRITICAL),
            "outlet.state.8": ("on", OK),
            "outlet.state.9": ("fault", CRITICAL),
        },
        ("input.voltage", "probe.relative_humidity.1"),
    ),
    "vertiv-geist-pdu": (
        "21239.42.1.53",
        b"imd",
        below(
            "21239.5.2",
            {
                "1.7.0": 0,
                "3.1.1.9.1": 4400,
                "3.2.1.4.1": 2068,
                "3.4.1.4.3": 1259,
                "3.5.1.4.2": 2,
                "3.5.1.5.2": 1,
                "9.1.4.1": 1,
                "9.1.5.1": 770,
                "9.1.6.1": 44,
            },
        ),
        {
            "input.active_power": 4400,
            "phase.voltage.1": 206.8,
            "input.current.l3": 12.59,
            "probe.temperature.thd-1": 25,
            "probe.relative_humidity.thd-1": 0.44,
        },
        {"outlet.state.2": ("off", OK), "outlet.alarm.relay-2": ("active", CRITICAL)},
        (),
    ),
    # no PDU, only probes: an environment monitor
    "vertiv-geist-environment": (
        "21239.42.1.32",
        b"Watchdog 100",
        below("21239.5.2", {"1.7.0": 1, "4.1.4.1": 0, "4.1.5.1": 0, "4.1.4.2": 1, "4.1.5.2": -55}),
        {"probe.temperature.t-2": -5.5},
        {"probe.state.t-1": ("lost", WARNING)},
        ("probe.temperature.t-1",),
    ),
    "vertiv-vrc": (
        "21239.42.1.60",
        b"VRC",
        below(
            "21239.5.2",
            {
                "1.7.0": 1,
                "30.1.1.1.5.1": 1,
                "30.1.2.1.2.1": 1,
                "30.1.2.1.24.1": 1,
                "30.1.12.1.3.1": 185,
            },
        ),
        {"supply_air.temperature.1": 18.5},
        {
            "cooling.state.1": ("on", OK),
            "cooling.alarm.high_pressure_alarm-1": ("active", CRITICAL),
        },
        (),
    ),
    "geist-v4-environment": (
        "21239.5.1",
        b"Watchdog 100",
        below(
            "21239.5.1",
            {"1.1.0": b"Watchdog 100", "1.7.0": 1, "2.1.4.1": 1, "2.1.5.1": 243, "2.1.6.1": 38},
        ),
        {"ambient.temperature.1": 24.3, "ambient.relative_humidity.1": 0.38},
        {},
        (),
    ),
    # whole degrees, and tenths
    "geist-v3-environment": (
        "21239.2",
        b"RSMICRO",
        below("21239.2", {"2.1.4.1": 1, "2.1.5.1": 24, "2.1.7.1": 38}),
        {"ambient.temperature.1": 24, "ambient.relative_humidity.1": 0.38},
        {},
        (),
    ),
    "itwatchdogs-v3-environment": (
        "17373.3",
        b"WeatherGoose II",
        below("17373.3", {"1.9.0": 1, "2.1.4.1": 1, "2.1.5.1": 243, "4.1.4.1": 0, "4.1.5.1": 20}),
        {"ambient.temperature.1": 24.3},
        {"probe.state.t-1": ("lost", WARNING)},
        ("probe.temperature.t-1",),
    ),
    "geist-v3-pdu": (
        "21239.2",
        b"RCX-3",
        below("21239.2", {"6.1.4.1": 1, "6.1.6.1": 105, "6.1.10.1": 3300, "6.1.12.1": 208}),
        {"input.current.l1-1": 10.5, "input.active_power.1": 3300, "input.voltage.l1-l2-1": 208},
        {},
        (),
    ),
}


async def probed(number: str, descr: bytes, objects: dict[str, int | bytes]) -> ProbeResult:
    agent = OddAgent(
        {
            "1.3.6.1.2.1.1.1.0": descr,
            "1.3.6.1.2.1.1.2.0": f"{E}.{number}",
            "1.3.6.1.2.1.1.3.0": 1_000_000,
        }
        | below(E, objects)
    )
    return await odd_agent.probed(agent)


@pytest.mark.parametrize("name", CASES)
async def test_a_pdu_is_read_as_its_mib_says(name):
    number, descr, objects, numbers, meanings, absent = CASES[name]
    result = await probed(number, descr, objects)
    assert result.profile == name.split()[0]
    good: dict[str, float | None] = {}
    for each in result.readings:
        if each.quality == "good":
            good.setdefault(each.point, each.value)
    states = {each.point: (str(each.value), each.severity) for each in reversed(result.states)}
    assert {point: good.get(point) for point in numbers} == pytest.approx(numbers)
    assert {point: states.get(point) for point in meanings} == meanings
    assert not good.keys() & set(absent)


@pytest.mark.parametrize(
    ("number", "descr", "device_class", "vendor"),
    [
        ("318", b"APC MasterSwitch PDU", "pdu", "APC"),
        ("1718.3", b"Sentry Smart CDU", "pdu", "Server Technology"),
        ("1718.4", b"Sentry Smart PDU", "pdu", "Server Technology"),
        ("21239.2", b"RCM-O", "pdu", "Geist"),
        ("21239.2", b"RSMICRO", "environment", "Geist"),
        ("21239.5.1", b"Watchdog 100", "environment", "Geist"),
        ("17373.4.1", b"Environment Monitor", "environment", "ITWatchDogs"),
    ],
)
async def test_a_device_that_tells_only_its_name_is_identified(number, descr, device_class, vendor):
    result = await probed(number, descr, {})
    assert (result.device_class, result.vendor) == (device_class, vendor)
