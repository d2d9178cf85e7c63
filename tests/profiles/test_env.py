"""Profiles of environment monitors, transfer switches and gensets against objects written by hand
from the MIBs.

Each case: the number that the device gives itself, the objects that it has below that, the numbers
and states that must come of them, and points that must not be shown as good.
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
LOWEST = -(2**31)


def rittal(*rows: tuple[str, str, int, str, int, int]) -> dict[str, int | bytes]:
    """Rows of Rittal's table of variables: index, name, type, unit, scale and value."""
    table = "4.2.2.1"
    found: dict[str, int | bytes] = {"2.1.0": 1}
    for index, name, kind, unit, scale, value in rows:
        found |= {
            f"{table}.3.{index}": name.encode(),
            f"{table}.4.{index}": kind,
            f"{table}.5.{index}": unit.encode("latin-1"),
            f"{table}.7.{index}": scale,
            f"{table}.8.{index}": b"integer: min 0, max 1, scale *1" if not unit else b"",
            f"{table}.11.{index}": value,
            f"{table}.14.{index}": 2,
        }
    return found


CASES = {
    # a failed measurement reads 65535; bit 9 of a switch's alarms: not redundant
    "exeltech-xfersw": (
        f"{E}.30320",
        {
            "1.0.0.1.0": 542,
            "1.0.1.1.0": 1197,
            "1.0.1.2.0": 65535,
            "1.0.2.6.0": 599,
            "1.0.4.1.0": 0x0208,
            "1.0.4.2.0": 0x0400,
            "1.0.4.5.0": 1,
        },
        {"battery.voltage": 54.2, "source.voltage.1a": 119.7, "source.frequency.2b": 59.9},
        {
            "redundancy.state.1": ("lost", CRITICAL),
            "alarm.source_failed-1": ("active", WARNING),
            "alarm.no_source-1": ("normal", OK),
            "alarm.no_source-2": ("active", CRITICAL),
            "alarm.major": ("active", CRITICAL),
        },
        ("source.current.1a",),
    ),
    # running, manual, alarm, load on the set
    "himoinsa-genset": (
        f"{E}.41809",
        {"1.46.0": 0b10_1000_1001, "1.27.0": 785, "1.29.0": 137, "1.8.0": 501, "1.9.0": 402},
        {
            "fuel.level": 0.785,
            "start_battery.voltage": 13.7,
            "output.frequency": 50.1,
            "output.voltage.l1-l2": 402,
        },
        {
            "engine.state": ("running", OK),
            "control.mode": ("manual", CRITICAL),
            "pump.state.fuel": ("off", OK),
            "alarm.genset": ("active", CRITICAL),
            "source.selected": ("source_2", WARNING),
        },
        (),
    ),
    # a panel of its own says where the load is
    "himoinsa-genset with a panel": (
        f"{E}.41809",
        {"1.46.0": 0b110, "1.55.1.28.0": 0b1000010, "1.55.1.2.0": 500, "1.55.1.16.0": 12},
        {"mains.frequency": 50, "output.current.l1": 12},
        {
            "engine.state": ("stopped", OK),
            "control.mode.panel": ("auto", OK),
            "source.selected": ("source_1", OK),
        },
        (),
    ),
    # rows are there without a sensor: what is not online has no value; one probe in Fahrenheit
    "akcp-sensorprobe": (
        f"{E}.3854.1",
        {
            "1.2.0": 4,
            **{f"2.2.1.16.1.3.{n}": raw for n, raw in enumerate((20, 72, 0))},
            **{f"2.2.1.16.1.4.{n}": raw for n, raw in enumerate((2, 4, 0))},
            **{f"2.2.1.16.1.5.{n}": raw for n, raw in enumerate((1, 1, 2))},
            **{f"2.2.1.16.1.12.{n}": raw for n, raw in enumerate((1, 0, 0))},
            **{f"2.2.1.16.1.14.{n}": raw for n, raw in enumerate((199, 0, 0))},
            "2.2.1.17.1.3.0": 42,
            "2.2.1.17.1.5.0": 1,
            "2.2.1.17.1.13.0": 0,
            "2.2.1.17.1.5.1": 2,
            "2.2.1.17.1.13.1": 830,
            "2.2.1.18.1.3.0": 4,
            "2.2.1.18.1.3.1": 1,
        },
        {
            "probe.temperature.0": 19.9,
            "probe.temperature.1": (72 - 32) / 1.8,
            "probe.relative_humidity.0": 0.42,
        },
        {
            "alarm.system": ("active", CRITICAL),
            "probe.temperature_state.1": ("very_high", CRITICAL),
            "contact.state.0": ("active", CRITICAL),
        },
        ("probe.temperature.2", "probe.relative_humidity.1", "contact.state.1"),
    ),
    "akcp-sensorprobe of the plus series": (
        f"{E}.3854",
        {
            "3.5.2.1.2.0.0.1.0": b"Rack",
            "3.5.2.1.4.0.0.1.0": 23,
            "3.5.2.1.5.0.0.1.0": b"C",
            "3.5.2.1.8.0.0.1.0": 1,
            "3.5.2.1.20.0.0.1.0": 234,
            "3.5.9.1.6.0.0.2.0": 4,
        },
        {"probe.temperature.0-0-1-0": 23.4},
        {"leak.state.0-0-2-0": ("wet", CRITICAL)},
        (),
    ),
    # oil in the units that the generator is set to show
    "apc-ats": (
        f"{E}.318.1.3.32",
        {},
        {
            "source.voltage.1-l1-l2": 470.4,
            "engine.oil_pressure": 400 * 68.94757 * 10,
            "fuel.runtime": 12.5 * 3600,
        },
        {
            "source.selected": ("source_1", OK),
            "alarm.generator_test_running": ("active", WARNING),
            "control.mode.generator": ("manual", WARNING),
            "alarm.coolant_level": ("active", CRITICAL),
        },
        ("generator.active_power", "start_battery.voltage"),
    ),
    # every variable tells its name, type, unit and scale
    "rittal-cmc3": (
        f"{E}.2606.7",
        rittal(
            ("1.2", "Temperature.Value", 2, "degree C", -100, 2090),
            ("1.3", "Temperature.SetPtHighAlarm", 3, "degree C", -100, 4000),
            ("1.12", "Access.Value", 2, "", 1, 1),
            ("1.18", "Input 1.Value", 2, "", 1, 1),
            ("1.40", "System.CAN1 Current.Value", 2, "mA", 1, 80),
            ("1.54", "System.Temperature.Value", 2, "\xb0F", -10, 1004),
            ("1.64", "System.Supply 24V.Value", 2, "V", -1000, 23430),
            ("2.2", "Smoke.Value", 2, "", 1, 1),
            ("2.10", "PSM_P1_1.Unit.Value", 2, "A", -10, 14),
            ("2.16", "PSM_P1_1.Plug1.Relay", 20, "", 0, 1),
        )
        | {"4.1.2.1.6.2": 4, "4.2.2.1.4.1.9": 7, "4.2.2.1.11.1.9": 8, "4.2.2.1.14.1.9": 4}
        | {"4.2.2.1.4.1.37": 7, "4.2.2.1.11.1.37": 1, "4.2.2.1.14.1.37": 2},
        {
            "probe.temperature.1-2": 20.9,
            "unit.temperature.1-54": 38,
            "supply.voltage.1-64": 23.43,
            "supply.current.1-40": 0.08,
            "input.current.2-10": 1.4,
        },
        {
            "door.state.1-12": ("open", OK),
            "control.state.1-18": ("on", OK),
            "smoke.state.2-2": ("alarm", CRITICAL),
            "outlet.state.2-16": ("on", OK),
            "module.state.2": ("fault", CRITICAL),
            "alarm.sensor-1-9": ("active", CRITICAL),
        },
        ("probe.temperature.1-3", "control.state.1-12", "alarm.sensor-1-37"),
    ),
    "rittal-lcp": (
        f"{E}.2606.7",
        rittal(
            ("2.17", "Air Temp.Server In.Top.Value", 2, "degree C", -100, 1880),
            ("2.44", "Air Temp.Server In.Average.Setpoint", 17, "degree C", -100, 1900),
            ("2.54", "Air Temp.Server Out.Top.Value", 2, "degree C", -100, 2500),
            ("2.90", "Fans.Current Speed.Fan1.Value", 2, "%", 1, 16),
            ("2.135", "Water.Temperatures.In.Value", 2, "degree C", -100, 1610),
            ("2.153", "Water.Flowrate.Value", 2, "l/min", -10, 60),
            ("2.159", "Control Valve.Current Value.Valve1.Value", 2, "%", 1, 38),
            ("2.173", "Cooling Capacity.Value", 2, "W", 1, 1707),
            ("2.177", "Leakage Sensor.Input", 2, "", 1, 1),
        ),
        {
            "supply_air.temperature.2-17": 18.8,
            "supply_air.temperature_setpoint.2-44": 19,
            "return_air.temperature.2-54": 25,
            "fan.relative_speed.2-90": 0.16,
            "supply_water.temperature.2-135": 16.1,
            "supply_water.flow.2-153": 0.0001,
            "valve.opening.2-159": 0.38,
            "cooling.thermal_power.2-173": 1707,
        },
        {"leak.state.2-177": ("wet", CRITICAL)},
        ("probe.temperature.2-17", "input.active_power.2-173"),
    ),
    # tenths, but whole percents; a sensor that was unplugged keeps its last value
    "nti-enviromux-5d": (
        f"{E}.3699.1.1.10",
        {
            "1.1.9.0": b"E-5D",
            "1.3.1.1.2.1": 1,
            "1.3.1.1.6.1": 259,
            "1.3.1.1.7.1": 0,
            "1.3.1.1.9.1": 2,
            "1.3.1.1.2.2": 2,
            "1.3.1.1.6.2": 35,
            "1.3.1.1.9.2": 1,
            "1.5.1.1.2.1": 1,
            "1.5.1.1.7.1": 250,
            "1.5.1.1.8.1": 0,
            "1.5.1.1.10.1": 6,
            "1.5.1.1.2.2": 9,
            "1.5.1.1.7.2": 1,
            "1.5.1.1.10.2": 3,
            "1.6.1.1.8.1": 3,
            "1.6.1.1.8.2": 0,
            "1.9.1.1.2.1": 0,
        },
        {"probe.temperature.int-1": 25.9, "probe.relative_humidity.int-2": 0.35},
        {
            "probe.alarm.int-1": ("active", WARNING),
            "leak.state.ext-2": ("wet", CRITICAL),
            "contact.state.digital-1": ("active", CRITICAL),
            "supply.state.1": ("failed", CRITICAL),
        },
        ("probe.temperature.ext-1", "contact.state.digital-2"),
    ),
    "nti-enviromux-micro": (
        f"{E}.3699.1.1.12",
        {
            "1.1.1.1.2.1": 1,
            "1.1.1.1.4.1": 770,
            "1.1.1.1.5.1": 1,
            "1.1.1.1.2.2": 2,
            "1.1.1.1.4.2": 455,
            "1.1.1.1.2.3": 24,
            "1.1.1.1.4.3": LOWEST,
            "1.1.1.1.5.3": 0,
            "1.3.1.1.3.1": 1,
            "1.5.1.1.2.1": 1,
            "1.5.1.1.7.1": 2,
            "1.5.1.1.2.2": 0,
            "1.5.1.1.7.2": 2,
        },
        {"probe.temperature.int-1": 25, "probe.relative_humidity.int-2": 0.455},
        {
            "contact.state.digital-1": ("active", WARNING),
            "alarm.sensor-1": ("active", CRITICAL),
        },
        ("probe.dew_point.int-3", "alarm.sensor-2"),
    ),
    # degrees as set; a probe that is not there reads 0 degrees
    "apc-environment": (
        f"{E}.318.1.3.8.2",
        {},
        {"probe.temperature.1": 27.22222222222222, "probe.relative_humidity.2": 0.36},
        {
            "probe.state.3": ("not_installed", OK),
            "probe.temperature_state.1": ("high", WARNING),
            "probe.humidity_state.1": ("very_low", CRITICAL),
            "contact.state.7": ("active", WARNING),
            "contact.state.8": ("normal", OK),
            "outlet.state.1": ("off", OK),
        },
        ("probe.temperature.3", "probe.relative_humidity.1"),
    ),
    "apc-netbotz5": (
        f"{E}.52674.500",
        {
            "4.1.1.1.7.314": b"20.1",
            "4.1.1.1.8.314": 20,
            "4.1.1.1.2.314": 20,
            "4.1.1.1.3.314": 2,
            "4.1.1.1.7.315": b"",
            "4.1.2.1.7.316": b"24.0",
            "4.1.12.1.7.12": b"12.5",
            "4.1.12.1.9.12": b"MILLIAMPS",
            "4.2.12.1.2.1": 1,
            "4.2.13.1.2.1": -1,
            "100.0": 4,
        },
        {
            "probe.temperature.314": 20.1,
            "probe.relative_humidity.316": 0.24,
            "probe.current.input-12": 0.0125,
        },
        {
            "probe.alarm.temperature-314": ("active", WARNING),
            "smoke.state.1": ("alarm", CRITICAL),
            "alarm.system": ("active", CRITICAL),
        },
        ("probe.temperature.315", "leak.state.1"),
    ),
    "gude-esb7213": (
        f"{E}.28507.66",
        {
            "1.5.10.0": 0,
            "1.6.1.1.2.1": 260,
            "1.6.1.1.2.2": -9999,
            "1.6.1.1.3.1": 534,
            "1.6.1.1.5.1": 1011,
        },
        {
            "probe.temperature.1": 26,
            "probe.relative_humidity.1": 0.534,
            "probe.pressure.1": 101100,
        },
        {"supply.state.poe": ("absent", OK)},
        ("probe.temperature.2",),
    ),
    "hwg-poseidon": (
        f"{E}.21796.3.3",
        {
            **{f"3.1.6.{n}": raw for n, raw in enumerate((235, 306, 992, 51, -9999), 1)},
            **{f"3.1.9.{n}": raw for n, raw in enumerate((0, 3, 11, 4, 0), 1)},
            **{f"3.1.4.{n}": raw for n, raw in enumerate((1, 3, 1, 2, 0), 1)},
            "1.1.5.1": 1,
        },
        {
            "probe.temperature.1": 23.5,
            "probe.relative_humidity.2": 0.306,
            "probe.pressure.3": 99200,
            "probe.voltage.4": 5.1,
        },
        {
            "alarm.sensor-2": ("active", CRITICAL),
            "alarm.sensor-5": ("active", WARNING),
            "contact.state.1": ("active", CRITICAL),
        },
        ("probe.temperature.5",),
    ),
    "hwg-perseus": (
        f"{E}.21796.5.1",
        {
            "3.1.4.10": b"23.5",
            "3.1.5.10": b"\xc2\xb0C",
            "3.1.7.10": 2,
            "3.1.3.10": 1,
            "3.1.4.11": b"1234.5",
            "3.1.5.11": b"kWh",
            "3.1.7.11": 6,
            "3.1.3.11": 5,
            "3.1.4.12": b"7",
            "3.1.5.12": b"V",
            "3.1.7.12": 2,
            "3.1.3.12": 2,
        },
        {"probe.temperature.10": 23.5, "probe.active_energy.11": 1234500},
        {"probe.state.12": ("fault", WARNING)},
        ("probe.voltage.12",),
    ),
    # the alarm is on as well when the cable is gone: the value tells
    "hwg-wld": (
        f"{E}.21796.4.5",
        {"4.1.3.1": 3, "4.1.6.1": 1, "4.1.3.2": 3, "4.1.6.2": 2, "4.1.6.3": 0},
        {},
        {
            "leak.state.1": ("wet", CRITICAL),
            "leak.state.2": ("cable_fault", WARNING),
            "leak.state.3": ("dry", OK),
        },
        (),
    ),
    # a switch between Celsius and Fahrenheit that some do not have
    "jacarta-interseptor": (
        f"{E}.19011.1.3.1",
        {"1.3.2.1.3.1": 291, "1.3.2.1.4.1": 7, "1.3.2.1.5.1": 386, "1.3.2.1.7.1": 1},
        {"probe.temperature.1": 29.1, "probe.relative_humidity.1": 0.386},
        {"probe.temperature_state.1": ("very_high", CRITICAL)},
        ("contact.state.a-1",),
    ),
    "jacarta-interseptor in Fahrenheit": (
        f"{E}.19011.1.3.1",
        {"1.3.2.1.3.1": 770, "1.2.16.0": 2},
        {"probe.temperature.1": 25},
        {},
        (),
    ),
    "papouch-quido": (
        f"{E}.18248.16",
        {"1.1.0": -55, "2.1.1.1.1": 1, "3.1.1.1.2": 0},
        {"probe.temperature": -5.5},
        {"contact.state.1": ("active", OK), "outlet.state.2": ("off", OK)},
        (),
    ),
    "papouch-tme": (
        f"{E}.18248.20",
        {"1.2.1.1.2.1": 231, "1.2.1.1.2.2": 455, "1.2.1.1.2.3": 101},
        {"probe.temperature": 23.1, "probe.relative_humidity": 0.455, "probe.dew_point": 10.1},
        {},
        (),
    ),
    # 750 mmHg
    "snr-erd4": (
        f"{E}.40418.2.6",
        {"1.30.1.1.3.77": 27, "1.30.1.1.6.77": 750, "2.1.1.3.1.3": 1, "2.2.1.3.1.1": 0},
        {"probe.temperature.rs-77": 27, "probe.pressure.rs-77": 99991.79056125},
        {
            "contact.state.1-3": ("active", WARNING),
            "outlet.state.1-1": ("off", WARNING),
        },
        (),
    ),
    "sensatronics-em1": (
        f"{E}.16174.1.1.3",
        {
            "2.3.1.0": b"F",
            "3.1.3.0": b"54.5",
            "3.1.6.0": b"-999.9",
            "3.2.3.0": b"-999.9",
            "3.2.6.0": b"41.5",
        },
        {"probe.temperature.1": 12.5, "probe.relative_humidity.2": 0.415},
        {},
        ("probe.temperature.2", "probe.relative_humidity.1"),
    ),
    "sensatronics-ittm": (
        f"{E}.16174.1.1.1",
        {"2.3.1.0": 0, "3.1.2.0": b"21.5", "3.16.2.0": b"77.0", "3.2.2.0": b"-99.9"},
        {"probe.temperature.1": 21.5, "probe.temperature.16": 77},
        {},
        ("probe.temperature.2",),
    ),
    "serverscheck-gateway": (
        f"{E}.17095",
        {
            "3.1.0": b"Temperature",
            "3.2.0": b"27.53",
            "3.5.0": b"Ping GW",
            "3.6.0": b"1.00",
            "3.9.0": b"Flooding",
            "3.10.0": b"WET",
            "3.13.0": b"-",
            "3.14.0": b"-",
            "3.21.0": b"Humidity1",
            "3.22.0": b"39.63",
        },
        {"probe.temperature.1": 27.53, "probe.relative_humidity.6": 0.3963},
        {"leak.state.3": ("wet", CRITICAL)},
        ("probe.temperature.2", "probe.temperature.4"),
    ),
    "controlbox-th332": (
        f"{E}.17095.2",
        {"1.3.0": b"22.9", "1.4.0": b"56.8", "1.5.0": b"14.3"},
        {"probe.temperature": 22.9, "probe.relative_humidity": 0.568, "probe.dew_point": 14.3},
        {},
        (),
    ),
    # the number of a 1-wire sensor tells what it measures
    "teracom-tcw241": (
        f"{E}.38783",
        {
            "3.3.1.1.1.0": 24500,
            "3.3.1.1.2.0": LOWEST,
            "3.3.1.1.3.0": b"28AA2B120C000081",
            "3.3.1.1.4.1.0": 1,
            "3.3.1.1.4.2.0": 0,
            "3.3.1.2.1.0": 500000,
            "3.3.1.2.3.0": b"01AA2B120C000081",
            "3.3.2.1.0": 51534,
            "3.3.4.1.1.0": 1,
            "3.3.7.0": 0,
            "3.3.8.0": 2,
        },
        {"probe.temperature.1": 24.5, "input.voltage.1": 51.534},
        {
            "probe.alarm.1a": ("active", CRITICAL),
            "control.state.1": ("on", OK),
            "alarm.hardware": ("active", CRITICAL),
        },
        ("probe.relative_humidity.1", "probe.temperature.2", "probe.alarm.1b"),
    ),
    "vutlan": (
        f"{E}.39052",
        {
            **{f"1.3.1.5.{n}": b"analog" for n in (1, 2, 3)},
            **{f"1.3.1.5.{n}": b"discrete" for n in (4, 5)},
            "1.3.1.6.1": b"temperature",
            "1.3.1.9.1": b"24.70",
            "1.3.1.8.1": b"high warning",
            "1.3.1.6.2": b"humidity",
            "1.3.1.9.2": b"56.00",
            "1.3.1.8.2": b"normal",
            "1.3.1.6.3": b"temperature",
            "1.3.1.9.3": b"",
            "1.3.1.8.3": b"unknown",
            "1.3.1.6.4": b"door",
            "1.3.1.9.4": b"1",
            "1.3.1.8.4": b"alarm",
            "1.3.1.6.5": b"smoke",
            "1.3.1.9.5": b"1",
            "1.3.1.8.5": b"alarm",
        },
        {"probe.temperature.1": 24.7, "probe.relative_humidity.2": 0.56},
        {
            "probe.alarm.1": ("active", WARNING),
            "door.state.4": ("open", WARNING),
            "smoke.state.5": ("alarm", CRITICAL),
        },
        ("probe.temperature.3", "probe.alarm.3"),
    ),
    # a unit that is not told makes a bare number
    "dantel-webmon": (
        f"{E}.994.3.4",
        {
            "7.6.1.3.1": b"Humidity",
            "7.6.1.46.1": b"%",
            "7.6.1.65.1": b"Critical",
            "7.6.1.66.1": b"15.4",
            "7.6.1.3.2": b"Temperature",
            "7.6.1.46.2": b"Fahrenheit",
            "7.6.1.66.2": b"77.0",
            "7.18.1.3.1": b"Propane",
            "7.18.1.46.1": b"",
            "7.18.1.66.1": b"36.0",
            "7.18.1.3.2": b"",
            "7.18.1.46.2": b"",
            "7.18.1.66.2": b"0",
            "7.19.1.3.1": b"Rectifier",
            "7.19.1.65.1": b"Minor",
        },
        {
            "probe.relative_humidity.onboard-1": 0.154,
            "probe.temperature.onboard-2": 25,
            "probe.value.slot1-1": 36,
        },
        {
            "probe.alarm.onboard-1": ("active", CRITICAL),
            "contact.state.slot1-1": ("active", WARNING),
        },
        ("probe.value.slot1-2",),
    ),
    "wut-webgraph": (
        f"{E}.5040.1.2.16",
        {"1.4.1.1.1": 210, "1.4.1.1.2": 356, "1.4.1.1.3": 10132},
        {
            "probe.temperature.1": 21,
            "probe.relative_humidity.2": 0.356,
            "probe.pressure.3": 101320,
        },
        {},
        (),
    ),
    "wut-webgraph with eight probes": (
        f"{E}.5040.1.2.6",
        {"1.4.1.1.1": 267, "1.4.1.1.2": 327670, "1.4.1.1.8": -51},
        {"probe.temperature.1": 26.7, "probe.temperature.8": -5.1},
        {},
        ("probe.temperature.2",),
    ),
    # degrees or hundredths of them, as the firmware goes
    "avtech-roomalert4e": (
        f"{E}.20916.1.6",
        {"1.1.1.2.0": 23, "1.2.1.1.0": 2210, "1.2.1.3.0": 45, "1.2.2.1.0": 0, "1.3.1.0": 1},
        {
            "probe.temperature.internal": 23,
            "probe.temperature.1": 22.1,
            "probe.relative_humidity.1": 0.45,
        },
        {"contact.state": ("active", OK)},
        ("probe.temperature.2",),
    ),
    "avtech-roomalert12e": (
        f"{E}.20916.1.10",
        {"1.1.1.0": 2350, "1.2.1.0": 2210, "1.2.3.0": 4510, "1.3.3.0": 499, "1.9.1.0": 250},
        {
            "probe.temperature.internal": 23.5,
            "probe.temperature.1": 22.1,
            "probe.relative_humidity.1": 0.451,
            "input.voltage.analogue": 2.5,
        },
        {},
        ("probe.relative_humidity.2",),
    ),
    # the third number is a humidity where there is a dew point
    "avtech-roomalert12s": (
        f"{E}.20916.1.12",
        {
            "1.1.1.2.0": 2350,
            "1.2.1.1.0": 2210,
            "1.2.1.3.0": 4510,
            "1.2.1.6.0": 950,
            "1.2.1.7.0": 4900,
            "1.2.2.3.0": 2500,
            "1.2.2.7.0": 0,
            "1.3.2.0": 0,
        },
        {
            "probe.temperature.internal": 23.5,
            "probe.temperature.1": 22.1,
            "probe.relative_humidity.1": 0.451,
            "probe.dew_point.1": 9.5,
        },
        {"contact.state.2": ("normal", OK)},
        ("probe.relative_humidity.2",),
    ),
    "avtech-roomalert32s": (
        f"{E}.20916.1.11",
        {"1.1.1.2.0": 2350, "1.1.2.1.0": 4510, "1.1.3.1.0": 0, "1.2.8.1.0": 1990},
        {
            "probe.temperature.internal": 23.5,
            "probe.relative_humidity.internal": 0.451,
            "probe.temperature.8": 19.9,
        },
        {"mains.state": ("failed", WARNING)},
        (),
    ),
    "comet-websensor": (
        f"{E}.22626.1.5",
        {
            "2.1.3.0": 235,
            "2.1.9.0": b"\xb0C",
            "2.2.3.0": 455,
            "2.2.9.0": b"%RH",
            "2.3.3.0": -11000,
            "2.3.9.0": b"\xb0C",
            "2.1.4.0": 1,
        },
        {"probe.temperature.1": 23.5, "probe.relative_humidity.2": 0.455},
        {"alarm.channel-1": ("active", CRITICAL)},
        ("probe.temperature.2", "probe.temperature.3"),
    ),
    "netping-uniping": (
        f"{E}.25728",
        {
            "8800.1.1.2.1": 24,
            "8800.1.1.3.1": 3,
            "8800.1.1.2.2": 0,
            "8800.1.1.3.2": 0,
            "8900.1.1.2.4": 1,
        },
        {"probe.temperature.1": 24},
        {
            "probe.temperature_state.1": ("high", WARNING),
            "contact.state.4": ("active", OK),
        },
        ("probe.temperature.2",),
    ),
    "dps-netguardian": (
        f"{E}.2682",
        {
            "1.2.6.1.3.5": b"DC VOLTAGE A",
            "1.2.6.1.4.5": b"-53.7922",
            "1.2.6.1.3.17": b"INTERNAL TEMPERATURE",
            "1.2.6.1.4.17": b" 78.1976",
        },
        {"probe.voltage.5": -53.7922, "probe.value.17": 78.1976},
        {},
        ("probe.value.5",),
    ),
    "ats-agent": (
        f"{E}.37662.1.2.2.1",
        {
            "1.1.3.0": b"Maker",
            "1.2.1.0": b"Source B",
            "1.2.2.0": 1,
            "1.2.5.0": 2,
            "1.2.6.0": 231,
            "1.2.7.0": 499,
            "1.3.1.0": b"Source B",
            "1.3.4.0": 37,
            "1.3.5.0": 23,
            "1.4.2.0": 2,
        },
        {
            "source.voltage.2": 231,
            "source.frequency.2": 49.9,
            "output.current": 3.7,
            "output.load": 0.23,
        },
        {
            "source.selected": ("source_2", OK),
            "source.state.1": ("absent", CRITICAL),
            "source.state.2": ("normal", OK),
            "alarm.system": ("active", CRITICAL),
        },
        ("probe.temperature",),
    ),
}
"""By profile, with a word more where there are several of one."""

POWERNET = {
    "apc-ats": {
        "17.3.1.1.0": 2,
        "17.4.1.7.1.2.1": 4704,
        "17.5.1.2.0": 6,
        "18.1.2.3.0": 2,
        "18.1.3.1.0": -1,
        "18.1.3.2.0": 400,
        "18.1.3.6.0": 2,
        "18.1.4.2.0": -1,
        "18.1.5.9.0": 1,
        "18.1.7.5.0": 125,
    },
    "apc-environment": {
        "10.3.12.11.0": 2,
        **{f"10.3.13.1.1.3.{n}": raw for n, raw in enumerate((81, 75, 0), 1)},
        **{f"10.3.13.1.1.6.{n}": raw for n, raw in enumerate((-1, 36, -1), 1)},
        **{f"10.3.13.1.1.10.{n}": raw for n, raw in enumerate((2, 2, 1), 1)},
        **{f"10.3.13.1.1.11.{n}": raw for n, raw in enumerate((0x0802, 0, 0), 1)},
        "10.3.14.1.1.3.7": 1,
        "10.3.14.1.1.4.7": 2,
        "10.3.14.1.1.3.8": 1,
        "10.3.14.1.1.4.8": 1,
        "10.3.16.1.1.3.1": 2,
    },
}
"""Objects beside the number that the device gives itself, below 1.3.6.1.4.1.318.1.1."""

DESCRIPTIONS = {"rittal-lcp": b"Rittal LCP SN 4711 HW V4.01 - SW V3.17.10"}


async def probed(name: str) -> ProbeResult:
    base, objects, *_ = CASES[name]
    agent = OddAgent(
        {
            "1.3.6.1.2.1.1.1.0": DESCRIPTIONS.get(name, b"a card"),
            "1.3.6.1.2.1.1.2.0": base,
            "1.3.6.1.2.1.1.3.0": 1_000_000,
        }
        | {f"{base}.{rest}": raw for rest, raw in objects.items()}
        | {f"{E}.318.1.1.{rest}": raw for rest, raw in POWERNET.get(name, {}).items()}
    )
    return await odd_agent.probed(agent)


@pytest.mark.parametrize("name", CASES)
async def test_a_profile_reads_what_the_document_says(name):
    _, _, numbers, meanings, absent = CASES[name]
    result = await probed(name)
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


async def test_a_rack_monitor_of_another_make_reads_as_what_it_is(monkeypatch):
    name = "akcp-sensorprobe"
    monkeypatch.setitem(DESCRIPTIONS, name, b"8VD-X20")
    result = await probed(name)
    assert (result.profile, result.vendor) == ("minkels-rms", "Minkels")
    assert "probe.temperature.0" in {each.point for each in result.readings}
