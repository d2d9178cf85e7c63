"""What a UPS says of itself beside its mode, output, breakers and battery: its own alarms.

An alarm at critical severity says that the maker does not count on it: such a UPS may carry its
load and is not relied upon through an outage. A warning is an alarm of its own and no verdict.
The states of its parts count alike, for the makers that tell a fault there and in no alarm.
"""

from __future__ import annotations

from core.redundancy.rows import Reading

_OUTSIDE = (
    "alarm.input",
    "alarm.mains",
    "alarm.utility",
    "alarm.phase_rotation",
    "alarm.site_wiring",
    "alarm.on_battery",
    "alarm.awaiting_power",
    "alarm.bypass",
    "alarm.on_bypass",
    "alarm.maintenance_bypass",
    "alarm.software_bypass",
    "alarm.ambient",
    "alarm.remote",
    "alarm.communication",
)
"""What comes to it from outside, is judged by its mode, or is about its card."""

PARTS = (
    "inverter.state",
    "rectifier.state",
    "charger.state",
    "fan.state",
    "battery.state.charger",
    "state",
)
"""States of a UPS as a whole and of its parts; also of each, by its number."""


def not_relied_upon(reading: Reading) -> list[str]:
    """Alarms for which a UPS is not counted on, as predicates."""
    found = [f"has {_spoken(name)} at critical" for name in reading.critical() if _own(name)]
    return found + [
        f"has its {_spoken(name)} {reading.word(name)}"
        for name in reading.critical()
        # One that is on has alarms at critical, which count by themselves or are not its own.
        if _of_part(name) and reading.word(name) != "on"
    ]


def untold(reading: Reading) -> list[str]:
    """Alarms that it has and does not tell now, as predicates: what stood there last may stand."""
    names = reading.missing(("alarm.", *PARTS))
    return [f"does not tell {_spoken(name)}" for name in names if _own(name) or _of_part(name)]


def _own(name: str) -> bool:
    return name.startswith("alarm.") and not name.startswith(_OUTSIDE)


def _of_part(name: str) -> bool:
    return name in PARTS or name.startswith(tuple(f"{part}." for part in PARTS if "." in part))


def _spoken(name: str) -> str:
    return name.replace(".", " ").replace("_", " ")
