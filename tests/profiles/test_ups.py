"""Profiles of UPS and Eaton's transfer switch against objects written by hand from the MIBs.

Each image holds a few objects of a family with their raw values; what they mean stands beside.
"""

from __future__ import annotations

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult
from collectors.profile import library
from collectors.session import session_for
from core.site import Credentials, Device, Poll
from tests.support import odd_agent
from tests.support.odd_agent import OddAgent

PROFILES = library()

RFC = "1.3.6.1.2.1.33.1"
XUPS = "1.3.6.1.4.1.534.1"
SENSOR = "1.3.6.1.4.1.534.6.8.1"
ATS = "1.3.6.1.4.1.534.10.2"
MGE = "1.3.6.1.4.1.705.1"
XPPC = "1.3.6.1.4.1.935.1.1.1"
EPPC = "1.3.6.1.4.1.935.10.1.1"
COMPANY = "1.3.6.1.4.1.21111.1.1"
USHA = "1.3.6.1.4.1.2468.1.2.1.1"
SOCOMEC = "1.3.6.1.4.1.4555.1.1.7.1"
SINETICA = "1.3.6.1.4.1.13891.101"
ITA2 = "1.3.6.1.4.1.13400.2.54.2"
CPS = "1.3.6.1.4.1.3808.1.1"
DELL = "1.3.6.1.4.1.674.10902.2"
DELTA = "1.3.6.1.4.1.2254.2.4"
RIELLO = "1.3.6.1.4.1.5491"
HUAWEI = "1.3.6.1.4.1.2011.6.174.1"
HPE = "1.3.6.1.4.1.232.165.3"
APC = "1.3.6.1.4.1.318.1.1.1"


def image(base: str, objects: dict[str, int | bytes | str]) -> dict[str, int | bytes | str]:
    return {f"{base}.{rest}": raw for rest, raw in objects.items()}


def agent_of(sys_object_id: str, objects, descr: bytes = b"a card") -> OddAgent:
    system = {
        "1.3.6.1.2.1.1.1.0": descr,
        "1.3.6.1.2.1.1.2.0": sys_object_id,
        "1.3.6.1.2.1.1.3.0": 1_000_000,
    }
    return OddAgent(system | objects)


def readings(result: ProbeResult) -> dict[str, float | None]:
    """Numbers of good quality by point, the first of several."""
    found: dict[str, float | None] = {}
    for each in result.readings:
        if each.quality == "good":
            found.setdefault(each.point, each.value)
    return found


def states(result: ProbeResult) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for each in result.states:
        if each.quality == "good":
            found.setdefault(each.point, (str(each.value), each.severity))
    return found


CASES = {
    "eaton-xups": (
        agent_of(
            XUPS,
            image(
                XUPS,
                {
                    "1.2.0": b"Eaton 9395",
                    "2.1.0": 1200,
                    "2.2.0": 480,
                    "2.4.0": 97,
                    "2.5.0": 8,
                    "2.9.0": 1,
                    "3.4.1.2.1": 231,
                    "3.4.1.2.4": 401,
                    "3.4.1.3.1": 12,
                    "4.1.0": 35,
                    "4.4.1.7.1": 123,
                    "4.4.1.3.1": 12,
                    "4.5.0": 10,
                    "4.7.0": 8_495_327,
                    "4.10.0": 2,
                    "7.1.0": 1,
                    "7.2.1.2.5": f"{XUPS}.7.32",
                    "12.2.1.2.2": 7,
                },
            ),
        ),
        ("eaton-xups", "ups", "Eaton", "Eaton 9395"),
        {
            "battery.runtime": 1200,
            "battery.voltage": 480,
            "battery.charge": 0.97,
            "input.voltage.l1": 231,
            "input.voltage.l1-l2": 401,
            "input.current.l1": 12,
            "output.current.l1": 12.3,
            "output.load": 0.35,
            "output.active_energy": 8_495_327,
            "alarm_count.xups": 1,
        },
        {
            "mode": ("eco", "ok"),
            "battery.state": ("fault", "warning"),
            "battery.replacement": ("due", "warning"),
            "output.state": ("fault", "warning"),
            "alarm.any": ("active", "critical"),
            "alarm.charger": ("active", "critical"),
            "alarm.fan": ("normal", "ok"),
            "outlet.state.2": ("fault", "warning"),
        },
        (),
    ),
    "eaton probes": (
        agent_of(
            XUPS,
            image(XUPS, {"1.2.0": b"9PX", "4.5.0": 5, "6.1.0": 25, "6.8.1.2.1": 1, "6.8.1.3.1": 4})
            | image(XUPS, {"6.8.1.2.2": 4, "6.8.1.3.2": 1})
            | image(
                SENSOR,
                {
                    "1.1.0": 1,
                    "2.3.1.1.1.1": 4,
                    "2.3.1.3.1.1": 2951,
                    "2.5.0": 0,
                    "3.3.1.3.1.1": 412,
                    "4.3.1.1.1.2": 3,
                },
            ),
        ),
        ("eaton-xups", "ups", "Eaton", "9PX"),
        {
            "ambient.temperature": 25,
            "probe.temperature.1-1": 21.95,
            "probe.relative_humidity.1-1": 0.412,
        },
        {
            "mode": ("on_battery", "warning"),
            "contact.state.1": ("active", "warning"),
            "contact.state.2": ("unknown", "unknown"),
            "probe.temperature_state.1-1": ("very_high", "critical"),
            "alarm.contact-1-2": ("active", "critical"),
        },
        (),
    ),
    "eaton transfer switch": (
        agent_of(
            MGE,
            image(
                ATS,
                {
                    "1.2.0": b"ATS 16",
                    "2.2.1.2.1": 2310,
                    "2.2.1.2.2": 0,
                    "2.3.2.0": 65,
                    "2.4.0": 4,
                    "3.2.1.5.2": 4,
                    "3.3.3.0": 2,
                    "4.5.0": 2,
                },
            ),
            b"Eaton ATS 30",
        ),
        ("eaton-ats2", "ats", "Eaton", "ATS 16"),
        {"source.voltage.1": 231, "source.voltage.2": 0, "output.current": 6.5},
        {
            "source.selected": ("source_1", "ok"),
            "source.preferred": ("source_2", "ok"),
            "source.state.voltage-2": ("absent", "warning"),
            "load.state": ("near_overload", "warning"),
        },
        ("mode",),
    ),
    "mge": (
        agent_of(
            f"{MGE}.2",
            image(
                MGE,
                {
                    "1.1.0": b"Pulsar",
                    "5.1.0": 65535,
                    "5.2.0": 88,
                    "5.5.0": 5210,
                    "5.11.0": 1,
                    "6.2.1.2.1.0": 2270,
                    "6.4.0": 4,
                    "7.1.0": 1,
                    "7.2.1.4.1": 21,
                    "7.2.1.4.2": 21,
                    "7.2.1.5.1.0": 270,
                    "7.3.0": 1,
                    "7.4.0": 2,
                    "7.7.0": 2,
                    "8.7.1.2.1": 1,
                    "8.7.1.3.1": 0,
                },
            ),
        ),
        ("mge-ups", "ups", "Eaton (MGE)", "Pulsar"),
        {
            "battery.charge": 0.88,
            "battery.voltage": 521,
            "input.voltage.l1": 227,
            "output.load.l1": 0.21,
            "output.current.l1": 27,
        },
        {
            "battery.replacement": ("due", "warning"),
            "input.state": ("failed", "warning"),
            "mode": ("on_battery", "warning"),
            "alarm.on_battery": ("active", "warning"),
        },
        ("battery.runtime", "output.load.l2", "probe.temperature.mgs-1"),
    ),
    "galaxy": (
        agent_of(
            f"{MGE}.2",
            image(MGE, {"1.1.0": b"Galaxy 5000", "5.2.0": 100, "6.2.1.2.1.0": 4090})
            | image(MGE, {"7.3.0": 2, "7.4.0": 1, "7.7.0": 2})
            | image(RFC, {"3.3.1.3.1.0": 2363, "2.5.0": 5940}),
            b"MGE Galaxy 5000",
        ),
        ("mge-galaxy", "ups", "MGE/APC", "Galaxy 5000"),
        {
            "input.voltage.l1-l2": 409,
            "input.voltage.l1": 236.3,
            "battery.voltage": 594,
            "battery.charge": 1,
        },
        {"alarm.on_bypass": ("active", "warning")},
        ("mode",),
    ),
    "standard with other scales": (
        agent_of(
            "1.3.6.1.4.1.99999.1",
            image(
                RFC,
                {
                    "1.1.0": b"Noname",
                    "2.1.0": 3,
                    "2.3.0": 65535,
                    "2.5.0": 48,
                    "2.7.0": 245,
                    "3.3.1.2.0": 50,
                    "5.1.0": 4998,
                    "3.3.1.3.0": 2302,
                    "4.1.0": 6,
                    "4.2.0": 0,
                    "4.4.1.2.0": b"2298",
                    "4.4.1.3.0": 17,
                    "5.3.1.2.0": 0,
                    "6.1.0": 1,
                    "6.2.1.2.3": f"{RFC}.6.3.8",
                    "7.3.0": 4,
                },
            ),
        ),
        ("rfc1628-ups", "ups", "Noname", ""),
        {
            "battery.voltage": 48,
            "battery.temperature": 24.5,
            "input.frequency.l0": 50,
            "input.voltage.l0": 230.2,
            "output.frequency": 0,
            "bypass.frequency": 49.98,
            "output.voltage.l0": 229.8,
            "output.current.l0": 1.7,
            "bypass.voltage.l0": 0,
        },
        {
            "mode": ("boost", "ok"),
            "battery.state": ("low", "critical"),
            "battery.test": ("aborted", "warning"),
            "alarm.overload": ("active", "critical"),
        },
        ("battery.runtime",),
    ),
    "standard": (
        agent_of(
            "1.3.6.1.4.1.99999.1",
            image(
                RFC,
                {
                    "2.5.0": 543,
                    "2.7.0": 24,
                    "3.3.1.2.1": 499,
                    "3.3.1.3.1": 231,
                    "4.1.0": 3,
                    "4.4.1.2.1": 480,
                },
            ),
        ),
        ("rfc1628-ups", "ups", "", ""),
        {
            "battery.voltage": 54.3,
            "battery.temperature": 24,
            "input.frequency.l1": 49.9,
            "input.voltage.l1": 231,
            "output.voltage.l1": 480,
        },
        {"mode": ("online", "ok")},
        (),
    ),
    "netagent": (
        agent_of(
            "1.3.6.1.4.1.935",
            image(
                XPPC,
                {
                    "2.1.1.0": 3,
                    "2.2.4.0": 9999,
                    "4.1.1.0": 7,
                    "8.2.2.0": 2360,
                    "8.3.1.0": 499,
                    "8.3.5.0": 235,
                    "8.7.4.0": 14,
                    "8.7.6.0": 16,
                    "9.1.3.0": 2,
                    "9.1.4.0": 0,
                },
            )
            | image("1.3.6.1.4.1.13409.1.1", {"1.0": 2165, "2.0": 320}),
        ),
        ("megatec-netagent", "ups", "MegaTec", ""),
        {"input.voltage.l1": 236, "output.load.l1": 0.235, "probe.relative_humidity": 0.32},
        {
            "mode": ("starting", "warning"),
            "battery.state": ("low", "critical"),
            "alarm.overload": ("active", "critical"),
            "alarm.temperature": ("normal", "ok"),
            "leak.state": ("wet", "critical"),
            "smoke.state": ("unknown", "unknown"),
        },
        ("battery.runtime", "probe.temperature"),
    ),
    "logmaster": (
        agent_of(
            "1.3.6.1.4.1.935",
            image(
                XPPC,
                {"4.1.1.0": 2, "2.2.1.0": 80} | dict.fromkeys(("8.2.2.0", "8.3.1.0", "8.7.4.0"), 0),
            ),
            b"LogWeb",
        ),
        ("logmaster-ups", "ups", "Logmaster", ""),
        {"battery.charge": 0.8},
        {"mode": ("online", "ok")},
        ("input.voltage.l1", "alarm.overload"),
    ),
    "eppc": (
        agent_of(
            "1.3.6.1.4.1.935.10",
            image(
                EPPC,
                {
                    "1.2.0": b"VFI 10000",
                    "2.1.0": 7,
                    "2.16.1.3.2": 2301,
                    "2.18.1.7.1": 41,
                    "3.1.0": 6,
                    "3.3.0": 31,
                    "4.2.1.6.1": 3,
                    "5.5.0": 5,
                },
            ),
        ),
        ("voltronic-eppc", "ups", "PowerWalker", "VFI 10000"),
        {"input.voltage.l2": 230.1, "output.load.l1": 0.41, "battery.runtime": 1860},
        {
            "mode": ("fault", "critical"),
            "battery.state": ("fault", "critical"),
            "mode.module-1": ("static_bypass", "warning"),
        },
        ("outlet.state.1",),
    ),
    "powerwalker": (
        agent_of(
            "1.3.6.1.4.1.8072.3.2.10",
            image(RFC, {"2.1.0": 2, "2.2.0": 0, "2.5.0": 2735, "4.1.0": 3})
            | image(COMPANY, {"1.6.0": b"1.0"}),
            b"Linux SNMP-System",
        ),
        ("powerwalker-ups", "ups", "PowerWalker", ""),
        {"battery.voltage": 273.5, "battery.time_on_battery": 0},
        {"mode": ("online", "ok")},
        (),
    ),
    "company": (
        agent_of(
            "1.3.6.1.4.1.21111",
            image(
                COMPANY, {"3.1.0": 7, "3.13.0": 251, "5.1.0": 9, "5.4.0": 12_000, "5.7.1.6.1": 97}
            ),
        ),
        ("voltronic-company", "ups", "Orvaldi", ""),
        {
            "battery.temperature": 25.1,
            "output.active_power": 1200,
            "output.power_factor.l1": 0.97,
        },
        {"mode": ("fault", "critical"), "battery.state": ("fault", "warning")},
        (),
    ),
    "usha": (
        agent_of(
            "1.3.6.1.4.1.2468.1.2.1",
            image(
                USHA,
                {
                    "2.1.0": 5,
                    "2.5.0": 414,
                    "2.7.0": 285,
                    "3.3.1.3.1": 2349,
                    "4.1.0": 7,
                    "6.3.0": 3,
                    "8.3.0": 2300,
                    "11.1.0": 2,
                    "11.2.0": 230,
                    "11.4.0": 3,
                },
            ),
        ),
        ("usha-webpower", "ups", "Powercom/Phoenixtec (Ingrasys card)", ""),
        {
            "battery.voltage": 41.4,
            "battery.temperature": 28.5,
            "input.voltage.l1": 234.9,
            "output.rated_voltage": 230,
        },
        {
            "mode": ("trim", "ok"),
            "battery.state": ("discharging", "warning"),
            "battery.test": ("failed", "critical"),
            "contact.state.1": ("active", "warning"),
        },
        ("probe.temperature",),
    ),
    "socomec": (
        agent_of(
            "1.3.6.1.4.1.4555.1.1.7",
            image(
                SOCOMEC,
                {
                    "1.1.0": b"MASTERYS",
                    "2.1.0": 9,
                    "2.3.0": 65535,
                    "2.7.0": 210,
                    "3.3.1.2.1": 2400,
                    "3.3.1.3.1": 655350,
                    "4.1.0": 2,
                    "4.5.0": 65534,
                    "4.4.1.6.1": 35,
                    "6.3.7.0": 1,
                    "6.3.54.0": 1,
                },
            ),
        ),
        ("socomec-ups", "ups", "Socomec", "MASTERYS"),
        {
            "system.temperature": 21,
            "input.voltage.l1": 240,
            "output.active_power.l1": 3500,
        },
        {
            "mode": ("maintenance_bypass", "warning"),
            "battery.state": ("disconnected", "critical"),
            "alarm.redundancy": ("active", "warning"),
            "alarm.test_running": ("active", "ok"),
        },
        ("battery.runtime", "input.current.l1", "output.apparent_power"),
    ),
    "sinetica": (
        agent_of(
            SINETICA,
            image(SINETICA, {"2.1.0": 4, "4.1.0": 4, "4.4.1.2.1": 208, "4.4.1.3.1": 1780})
            | image(SINETICA, {"4.4.1.4.1": 58500, "3.3.1.3.1": 2063}),
        ),
        ("sinetica-upscontroller", "ups", "Sinetica", ""),
        {
            "output.voltage.l1": 208,
            "output.current.l1": 178,
            "output.active_power.l1": 58500,
            "input.voltage.l1": 206.3,
        },
        {"mode": ("static_bypass", "warning"), "battery.state": ("depleted", "critical")},
        (),
    ),
    "ita2": (
        agent_of(
            "1.3.6.1.4.1.13400.2.54",
            image(ITA2, {"1.1.0": 2, "1.2.0": 0, "2.1.0": 2367, "3.8.0": 141, "5.7.0": 347})
            | image(ITA2, {"3.7.0": 4999, "5.8.0": 65535}),
        ),
        ("vertiv-ita2", "ups", "Vertiv", ""),
        {
            "input.voltage.l1": 236.7,
            "output.active_power.l1": 1410,
            "output.frequency": 49.99,
            "battery.runtime": 2082,
        },
        {"mode": ("off", "critical"), "alarm.system": ("active", "critical")},
        ("battery.temperature",),
    ),
    "cyberpower": (
        agent_of(
            f"{CPS}.1",
            image(
                f"{CPS}.1",
                {
                    "1.1.1.0": b"PR2200",
                    "2.1.1.0": 4,
                    "2.2.4.0": 174_000,
                    "3.2.6.0": 5,
                    "4.1.1.0": 11,
                    "4.2.1.0": 1202,
                    "4.2.6.0": 508,
                },
            )
            | image(
                CPS,
                {"4.2.1.0": 683, "4.4.2.1.3.3": 2, "8.1.1.0": 1, "8.2.2.0": 2, "8.2.3.1.3.1": 7700},
            ),
        ),
        ("cyberpower-ups", "ups", "CyberPower", "PR2200"),
        {
            "battery.runtime": 1740,
            "output.voltage": 120.2,
            "output.active_energy": 50_800,
            "probe.temperature": 20.1667,
            "probe.temperature.sensor-1": 25,
        },
        {
            "mode": ("online", "critical"),
            "battery.state": ("absent", "critical"),
            "input.state": ("failed", "warning"),
            "contact.state.3": ("active", "warning"),
        },
        (),
    ),
    "dell": (
        agent_of(
            DELL,
            image(DELL, {"100.1.0": b"Dell UPS 3750W", "110.1.0": 4, "120.2.6.0": 307})
            | image(DELL, {"120.5.1.0": 2, "120.5.3.0": 11179, "120.7.1.0": 0, "120.7.3.2.0": 0}),
        ),
        ("dell-ups", "ups", "Dell", "Dell UPS 3750W"),
        {"output.active_power": 307, "battery.runtime": 11179},
        {
            "alarm.system": ("active", "warning"),
            "battery.state.charger": ("discharging", "warning"),
        },
        ("probe.temperature",),
    ),
    "delta": (
        agent_of(
            DELTA,
            image(DELTA, {"1.2.0": b"HPH", "5.1.0": 5, "7.1.0": 1, "7.2.0": 1, "7.5.0": 12})
            | image(DELTA, {"5.4.0": 2301, "5.6.0": 900, "9.16.0": 0, "9.27.0": 1}),
        ),
        ("delta-ups", "ups", "Delta", "HPH"),
        {"battery.runtime": 720, "output.voltage.l1": 230.1, "output.active_power.l1": 900},
        {
            "mode": ("maintenance_bypass", "warning"),
            "battery.state": ("low", "critical"),
            "battery.replacement": ("due", "warning"),
            "alarm.reserve": ("normal", "ok"),
            "alarm.emergency_power_off": ("active", "critical"),
        },
        (),
    ),
    "riello ups": (
        agent_of(
            f"{RIELLO}.10",
            image(
                f"{RIELLO}.10.1",
                {
                    "2.1.0": 2,
                    "2.5.0": 2440,
                    "3.3.1.3.1": 231,
                    "4.1.0": 5,
                    "4.4.1.5.1": 33,
                    "6.1.0": 1,
                    "6.2.1.2.1": f"{RIELLO}.10.1.6.3.5",
                    "10.1.0": 31,
                },
            ),
        ),
        ("riello-ups", "ups", "Riello", ""),
        {
            "battery.voltage": 244,
            "input.voltage.l1": 231,
            "output.load.l1": 0.33,
            "system.temperature": 31,
        },
        {
            "mode": ("on_battery", "warning"),
            "alarm.temperature": ("active", "warning"),
            "alarm.overload": ("normal", "ok"),
        },
        (),
    ),
    "riello mdu": (
        agent_of(
            f"{RIELLO}.11",
            image(f"{RIELLO}.11", {"2.1.0": 500, "2.2.0": 230, "2.3.0": 87, "2.8.0": 1})
            | image(f"{RIELLO}.11", {"2.4.1.2.3": 15, "2.4.1.5.3": 5}),
        ),
        ("riello-mdu", "pdu", "Riello", ""),
        {"input.voltage": 230, "input.current": 8.7, "outlet.current.3": 1.5},
        {"outlet.state.3": ("fault", "critical"), "alarm.high_current": ("active", "warning")},
        (),
    ),
    "riello mts": (
        agent_of(
            f"{RIELLO}.12",
            image(f"{RIELLO}.12.2", {"1.0": 500, "2.0": 229, "9.0": 3, "21.0": 1, "25.0": 1})
            | image(f"{RIELLO}.12.2", {"28.0": 1, "27.0": 0, "43.0": 1}),
        ),
        ("riello-mts", "sts", "Riello", ""),
        {"source.frequency.1": 50, "source.voltage.1-l1": 229, "source.phase_angle": 3},
        {
            "source.selected": ("source_1", "ok"),
            "source.state.2": ("out_of_tolerance", "warning"),
            "sync.state": ("out_of_sync", "warning"),
            "alarm.overload": ("active", "critical"),
        },
        (),
    ),
    "huawei": (
        agent_of(
            "1.3.6.1.4.1.8072.3.2.10",
            image(
                HUAWEI,
                {
                    "2.100.1.2.1": b"UPS5000",
                    "2.101.1.1.1": 4,
                    "2.101.1.3.1": 1,
                    "3.100.1.1.1": 2301,
                    "3.100.1.4.1": 4998,
                    "4.100.1.9.1": 125,
                    "4.100.1.14.2": 503,
                    "6.100.1.3.1": 95,
                    "6.100.1.4.1": 600,
                },
            ),
        ),
        ("huawei-ups", "ups", "Huawei", "UPS5000"),
        {
            "input.voltage.l1": 230.1,
            "input.frequency": 49.98,
            "output.active_power.l2": 12_500,
            "output.load.2-l1": 0.503,
            "battery.charge": 0.095,
            "battery.runtime": 600,
        },
        {"mode": ("on_battery", "warning"), "battery.state.charger": ("absent", "critical")},
        (),
    ),
    "old socomec": (
        agent_of(
            "1.3.6.1.4.1.4555.1.1.1",
            image("1.3.6.1.4.1.4555.1.1.1.1", {"2.1.0": 6, "2.3.0": 65535, "4.1.0": 7})
            | image("1.3.6.1.4.1.4555.1.1.1.1", {"3.3.1.2.3": 2312}),
        ),
        ("socomec-netvision", "ups", "Socomec", ""),
        {"input.voltage.l3": 231.2},
        {"mode": ("maintenance_bypass", "warning"), "battery.state": ("fault", "critical")},
        ("battery.runtime",),
    ),
    "hpe": (
        agent_of(
            HPE,
            image(HPE, {"1.2.0": b"R5000", "2.2.0": 77, "2.5.0": 2, "3.4.1.2.1": 231, "4.5.0": 10})
            | image(HPE, {"6.4.0": 0, "6.5.0": 31, "6.6.0": 48})
            | image(HPE, {"6.8.1.2.1": 2, "6.8.1.3.1": 1, "6.8.1.2.2": 1, "6.8.1.3.2": 3})
            | image(RFC, {"2.1.0": 3, "2.5.0": 771, "4.4.1.3.1": 45}),
        ),
        ("hpe-ups", "ups", "HPE", "R5000"),
        {
            "battery.voltage": 77.1,
            "input.voltage.l1": 231,
            "output.current.l1": 4.5,
            "probe.temperature": 31,
            "probe.relative_humidity": 0.48,
        },
        {
            "contact.state.1": ("active", "warning"),
            "contact.state.2": ("normal", "ok"),
            "mode": ("eco", "ok"),
            "battery.state": ("low", "critical"),
            "battery.state.charger": ("discharging", "warning"),
        },
        ("ambient.relative_humidity",),
    ),
    "gamatronic": (
        agent_of(
            "1.3.6.1.4.1.6050.5",
            image("1.3.6.1.4.1.6050.5", {"4.1.1.2.1": 229, "5.1.1.3.2": 14, "5.1.1.4.2": 31}),
        ),
        ("gamatronic-ups", "ups", "Gamatronic", ""),
        {"input.voltage.l1": 229, "output.current.l2": 14, "output.active_power.l2": 3100},
        {},
        (),
    ),
    "large apc": (
        agent_of(
            "1.3.6.1.4.1.318.1.3.28.1",
            image(
                APC,
                {
                    "4.1.1.0": 2,
                    "2.2.17.0": 3,
                    "2.2.26.0": 3,
                    "11.1.2.0": 3,
                    "13.2.2.1.2.0": 4,
                    "13.2.2.1.2.1": 2,
                    "13.2.2.1.11.0": 251,
                    "13.2.2.1.11.1": -1999,
                    "13.5.1.7.1.2.1": 2,
                    "13.5.1.7.1.5.1": 3,
                    "13.5.1.7.1.2.2": 1,
                    "13.5.1.7.1.5.2": 1,
                    "14.5.0": 120,
                    "14.14.0": 2,
                    "9.2.3.1.3.1.1.2": 401,
                    "9.2.3.1.3.2.1.2": 399,
                    "9.3.3.1.4.1.1.3": 812,
                },
            ),
        ),
        ("apc-ups", "ups", "APC", ""),
        {
            "module.temperature.0": 25.1,
            "output.active_power.parallel": 120_000,
            "input.voltage.l2": 401,
            "bypass.voltage.l2": 399,
            "output.current.l3": 81.2,
            "redundancy.redundant_module_count.parallel": 1,
        },
        {
            "mode": ("online", "ok"),
            "charger.state": ("fault", "critical"),
            "alarm.system": ("active", "warning"),
            "module.state.power-0": ("on", "ok"),
            "breaker.position.switchgear-1": ("closed", "ok"),
        },
        (
            "alarm.battery_fuse",
            "module.state.power-1",
            "module.temperature.1",
            "breaker.position.switchgear-2",
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_family_is_read_as_its_mib_says(name):
    agent, plate, numbers, conditions, absent = CASES[name]
    result = await odd_agent.probed(agent)
    assert (result.profile, result.device_class, result.vendor, result.model) == plate
    found, seen = readings(result), states(result)
    assert {point: found.get(point) for point in numbers} == pytest.approx(numbers, abs=1e-3)
    assert {point: seen.get(point) for point in conditions} == conditions
    assert not {*found, *seen}.intersection(absent), "there is no such value"


NAMED_ONLY = [
    ("1.3.6.1.4.1.534.2.12", b"Linux PowerXpert", "ups", "Eaton"),
    (f"{MGE}.2", b"GALAXY 3500", "ups", "MGE/APC"),
    (MGE, b"EX 1500", "ups", "Eaton (MGE)"),
    (MGE, b"Eaton ATS 16", "ats", "Eaton"),
    ("1.3.6.1.4.1.318", b"APC Embedded PowerNet SNMP Agent (SW v2.2)", "ups", "APC"),
    (f"{CPS}.5", b"UPS SNMP Card", "ups", "CyberPower"),
    ("1.3.6.1.4.1.2254.2.5", b"UPS SNMP Agent", "ups", "Delta"),
    ("1.3.6.1.4.1.6050.5", b"", "ups", "Gamatronic"),
    ("1.3.6.1.4.1.818.1.100.1.1", b"GE Web/SNMP Interface", "ups", "GE Digital Energy"),
    ("1.3.6.1.4.1.232.165.3", b"HP UPS Network Module", "ups", "HPE"),
    ("1.3.6.1.4.1.13400.2.1", b"UPS Web/SNMP Agent", "ups", "Emerson Network Power"),
    ("1.3.6.1.4.1.40614", b"iStars", "ups", "EAST"),
]


@pytest.mark.parametrize(("oid", "descr", "device_class", "vendor"), NAMED_ONLY)
async def test_a_card_that_tells_only_its_name_is_identified(oid, descr, device_class, vendor):
    result = await odd_agent.probed(agent_of(oid, {}, descr))
    assert (result.device_class, result.vendor) == (device_class, vendor)
    assert result.errors


async def test_scales_of_the_standard_hold_while_values_change():
    agent = agent_of(
        "1.3.6.1.4.1.99999.1",
        image(RFC, {"2.1.0": 2, "2.5.0": 0, "3.3.1.2.1": 0, "3.3.1.3.1": 2302, "4.1.0": 5}),
    )
    clients = Clients.open()
    async with odd_agent.serve(agent) as port:
        device = Device("x", "ups", "", f"snmp://127.0.0.1:{port}", Credentials("test"), Poll(1))
        session = session_for(device, clients, PROFILES, SystemClock())
        known = await session.open()
        agent.objects |= image(RFC, {"2.5.0": 543, "3.3.1.2.1": b"499 ", "3.3.1.3.1": 2298})
        answer = await session.poll("fast")
    await clients.close()
    names = [str(known.names[slot]) for slot in answer.slots]
    polled = dict(zip(names, answer.decoded()[0].tolist(), strict=True))
    assert polled["input.voltage.l1"] == pytest.approx(229.8)
    assert polled["input.frequency.l1"] == pytest.approx(49.9), "opened while the mains were out"
    assert polled["battery.voltage"] == pytest.approx(54.3)
