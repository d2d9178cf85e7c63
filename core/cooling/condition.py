"""From device states to the condition of a cooling unit: does it count as capacity?

Pure: one reading of one device in, one condition out. The table in words: docs/redundancy.md,
"What a state means".
"""

from __future__ import annotations

from dataclasses import dataclass

from core.redundancy.rows import Reading


@dataclass(frozen=True, slots=True)
class UnitCondition:
    """One cooling unit.

    `usable`: it cools, or would when it is called. `restarts`: it comes back by itself after a
    break of its supply. `off`: it stands still, which is no fault while its supply has just come
    back. `unknown`: the device does not tell. `assumed`: no device says anything of it. `reasons`
    are predicates ("is not in auto") of what is not as it should be.
    """

    usable: bool = True
    restarts: bool = True
    off: bool = False
    unknown: bool = False
    assumed: bool = False
    reasons: tuple[str, ...] = ()


HEALTHY = UnitCondition()
ASSUMED = UnitCondition(assumed=True)
OUT = UnitCondition(usable=False, restarts=False, reasons=("is taken out",))
BACK = UnitCondition(reasons=("is taken as healthy",))

_RUNNING = frozenset(("on", "starting"))
_WAITING = frozenset(("standby", "idle", "sleeping", "stopping"))
_AUTO = frozenset(("", "auto", "remote"))
"""Control modes in which somebody else calls the unit: its own automation or the plant's."""

_OUTSIDE = (
    "state",
    "unit.state",
    "control.mode",
    "input.state",
    "communication.state",
    "alarm.high_temperature",
    "alarm.low_temperature",
    "alarm.water_flow",
    "alarm.filter",
    "leak.",
    "smoke.",
    "fire.",
    "door.",
)
"""Critical states that do not say that the unit has failed: what comes to it from outside (warm
water, no flow, a leak, smoke), or what is judged apart."""


def condition_of(reading: Reading) -> UnitCondition:
    """What the device says of its unit."""
    if reading.word("communication.state") in ("lost", "never", "unknown"):
        return silent_on("communication.state")
    name = "state" if reading.has("state") else "unit.state"
    state, mode = reading.word(name), reading.word("control.mode")
    if state == "unknown":
        return silent_on(name)
    if mode == "unknown":
        return silent_on("control.mode")
    untold = reading.missing("alarm.")
    if untold:
        return silent_on(untold[0])
    if reading.word("input.state") == "failed":
        return UnitCondition(usable=False, off=True, reasons=("has no supply",))
    faults = [
        f"has {each.removeprefix('alarm.').replace('.', ' ').replace('_', ' ')} at critical"
        for each in reading.critical()
        if not each.startswith(_OUTSIDE)
    ]
    running = not state or state in _RUNNING
    auto = mode in _AUTO
    if state == "fault":
        faults.insert(0, "has a fault")
    elif not running and state not in _WAITING:
        faults.insert(0, f"is {state}")
    if not auto and (not running or not state):
        faults.append(f"is not in auto ({mode})")
    if faults:
        stopped = state == "off" and auto and len(faults) == 1
        return UnitCondition(usable=False, off=stopped, reasons=tuple(faults))
    return UnitCondition(
        restarts=auto,
        assumed=not state,
        reasons=() if auto else (f"is not in auto ({mode})",),
    )


def silent_on(point: str) -> UnitCondition:
    """A unit that may be in any condition, because this cannot be read."""
    return unknown(f"does not tell its {point.replace('.', ' ').replace('_', ' ')}")


def unknown(reason: str) -> UnitCondition:
    """A unit of which nothing is known."""
    return UnitCondition(usable=False, restarts=False, unknown=True, reasons=(reason,))
