"""Whether a generator's start batteries would crank it: judged by their voltage."""

from __future__ import annotations

from core.redundancy.rows import Reading

START_BATTERY_EMPTY_V = {12: 11.8, 24: 23.6}
"""Below this a start battery of so many volts is empty at rest (lead-acid, about 1.97 V a cell;
on a charger it stands above 13 and 26 V). A choice: below 16 V the system is taken for one of
12 V."""

TURNS_RPM = 30.0
"""Above this an engine turns whose controller tells its speed and no state: starters crank at 100
to 300 rpm, and a sensor may show a little at standstill. A choice."""

_CRANKS = frozenset(("cranking", "starting"))


def start_battery_faults(reading: Reading) -> list[str]:
    """Start batteries that would not crank, in words. One that cranks just now is not judged: that
    pulls its voltage down."""
    if _turns(reading):
        return []
    found = []
    for _, volts in reading.numbers(("start_battery.voltage",)):
        nominal_v = 12 if volts < 16 else 24
        if volts < START_BATTERY_EMPTY_V[nominal_v]:
            found.append(f"has {volts:.1f} V of {nominal_v} V on its start battery")
    return found


def _turns(reading: Reading) -> bool:
    """Whether the engine is being cranked: by its state, else by its speed."""
    engine = reading.word("engine.state")
    if engine:
        return engine in _CRANKS
    return (reading.number("engine.speed") or 0.0) > TURNS_RPM
