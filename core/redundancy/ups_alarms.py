"""What a UPS says of itself beside its mode, output, breakers and battery: its own alarms.

An alarm at critical severity says that the maker does not count on it: such a UPS may carry its
load and is not relied upon through an outage. A warning is an alarm of its own and no verdict.
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


def not_relied_upon(reading: Reading) -> list[str]:
    """Alarms for which a UPS is not counted on, as predicates."""
    return [f"has {_spoken(name)} at critical" for name in reading.critical() if _own(name)]


def untold(reading: Reading) -> list[str]:
    """Alarms that it has and does not tell now, as predicates: what stood there last may stand."""
    return [f"does not tell {_spoken(name)}" for name in reading.missing("alarm.") if _own(name)]


def _own(name: str) -> bool:
    return name.startswith("alarm.") and not name.startswith(_OUTSIDE)


def _spoken(name: str) -> str:
    return name.replace(".", " ").replace("_", " ")
