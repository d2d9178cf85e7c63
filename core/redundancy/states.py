"""From device states to conditions: the one table of what a state means for the power graph.

Pure: one reading of one device in, one condition out. When a device is silent, how long its last
word counts, and what contradicts the graph is decided in `watch`. The table in words:
docs/redundancy.md, "What a state means".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from core.redundancy.condition import Condition
from core.redundancy.rows import Reading, Watch
from core.site import Node

VOLTAGE_ABSENT_SHARE = 0.5
"""Below this part of its nominal voltage a phase counts as dead."""

FUEL_EMPTY = 0.10
"""Below this level a tank counts as empty: 5 to 10 % is dead volume."""

CARRYING_SHARE = 0.01
"""A generator that gives more than this part of its capacity carries load."""

PEUKERT = 1.2
"""A battery gives less the faster it is emptied: its time is as its power to the minus 1.2
(lead-acid, typically 1.1 to 1.3)."""

IDLE_SHARE = 0.1
"""With next to no load a UPS states the battery time of a tenth of its capacity, not of none."""

_MODES: Mapping[str, Condition] = {
    "online": Condition(),
    "boost": Condition(),
    "trim": Condition(),
    "eco": Condition(),
    "on_battery": Condition(on_battery=True, absent=frozenset((0,)), reasons=("is on battery",)),
    "static_bypass": Condition(protects=False, on_bypass=True, reasons=("is on static bypass",)),
    "maintenance_bypass": Condition(
        protects=False, on_bypass=True, reasons=("is on maintenance bypass",)
    ),
}
"""UPS modes in which it carries its load; in every other one it does not."""

_USELESS_BATTERY = frozenset(("low", "depleted", "disconnected", "fault", "absent"))
_BREAKER_OUT = frozenset(("open", "tripped", "withdrawn"))
_BATTERY_POINTS = ("battery.runtime", "battery.test", "battery.replacement")
_PLACES = {"source_1": 0, "source_2": 1}
_POSITIONS = frozenset(("preferred", "alternate"))
_NOT_THERE = frozenset(("absent", "out_of_tolerance"))
_OUTSIDE = (
    "mains",
    "source",
    "grid",
    "alarm.mains",
    "control.mode",
    "engine.state",
    "breaker.position",
)
"""Critical states of a generator's controller that speak of the mains, or are judged apart."""

_OTHERWISE_JUDGED = ("mains", "source", "grid", "alarm.mains", "output", "communication")
"""Points of a generator's controller that may be unreadable without doubt about the generator."""

UNKNOWN = Condition(unknown=True)

VOLTAGES = ("input.voltage.l", "output.voltage.l", "voltage.l")

_SWITCH_POINTS = (
    "position",
    "source.selected",
    "source.preferred",
    "source.state.",
    "control.mode",
    "transfer.state",
    "sync.state",
    "redundancy.state",
    "communication.state",
)

WANTED: Mapping[str, tuple[str, ...]] = {
    "ups": (
        "mode",
        "communication.state",
        "battery.state",
        "battery.runtime",
        "battery.test",
        "battery.replacement",
        "breaker.position",
        "output.active_power",
    ),
    "genset": (Watch.ALARMS, "fuel.level", "output.active_power"),
    "ats": _SWITCH_POINTS,
    "sts": _SWITCH_POINTS,
    "tie": ("breaker.position", "control.mode", "communication.state"),
    "utility": ("mains.state", "breaker.position", "communication.state", *VOLTAGES),
}
"""Beginnings of the names of points that a kind of node needs."""

WANTED_ELSE = ("breaker.position", "input.state", "communication.state", *VOLTAGES)


def condition_of(reading: Reading, node: Node, start_s: float) -> Condition:
    """What the device says of its node. `unknown` where it should say more than it does.

    `start_s` is how long a battery must last, in seconds.
    """
    if reading.word("communication.state") in ("lost", "never") or reading.unreadable(
        "communication.state"
    ):
        return UNKNOWN
    return _TABLE.get(node.kind, _passive)(reading, node, start_s)


def _ups(reading: Reading, node: Node, start_s: float) -> Condition:
    mode = reading.word("mode")
    if mode == "unknown":
        return UNKNOWN
    breaker = reading.word("breaker.position")
    if breaker in _BREAKER_OUT:
        return _dead(f"has its output breaker {breaker}")
    if breaker == "unknown":
        return _silent_on("breaker.position")
    if mode and mode not in _MODES:
        return _dead(f"is {mode}" if mode != "fault" else "has a fault")
    base = _MODES[mode or "online"]
    faults, untold = _battery_faults(reading, start_s), _battery_untold(reading)
    time_s = reading.number("battery.runtime")
    testing = reading.word("battery.test") == "in_progress"
    return Condition(
        protects=base.protects and not faults,
        battery_s=math.inf if time_s is None else time_s,
        battery_kw=_bridge_kw(reading, node, time_s, start_s),
        battery_unknown=bool(untold),
        on_bypass=base.on_bypass,
        on_battery=base.on_battery,
        absent=frozenset() if testing else base.absent,
        assumed=not mode,
        reasons=(*base.reasons, *faults, *untold),
    )


def _battery_faults(reading: Reading, start_s: float) -> list[str]:
    """Why a battery would not carry its load through a start; empty where it would."""
    found = []
    state = reading.word("battery.state")
    if state in _USELESS_BATTERY:
        found.append(f"has its battery {state}")
    if reading.word("battery.test") == "failed":
        found.append("failed its battery test")
    if reading.word("battery.replacement") == "due":
        found.append("needs a new battery")
    time_s = reading.number("battery.runtime")
    if time_s is not None and time_s < start_s:
        found.append(f"has {time_s:.0f} s of battery, a start takes {start_s:.0f} s")
    return found


def _battery_untold(reading: Reading) -> list[str]:
    """What a UPS does not tell of its battery; empty where it tells all that it ever does."""
    found = [f"does not tell its {_spoken(name)}" for name in reading.missing(_BATTERY_POINTS)]
    if reading.word("battery.state") == "unknown":
        found.append("does not tell the state of its battery")
    if reading.missing("output.active_power") and not reading.numbers(("output.active_power",)):
        found.append("does not tell what it gives, nor so what its battery would bear")
    return found


def _bridge_kw(reading: Reading, node: Node, time_s: float | None, start_s: float) -> float:
    """The power at which the battery lasts just as long as a start takes, in kW."""
    given_w = [watts for _, watts in reading.numbers(("output.active_power",))]
    total_w = reading.number("output.active_power")
    if time_s is None or not given_w:
        return math.inf
    given_kw = (total_w if total_w is not None else sum(given_w)) / 1000
    present_kw = max(given_kw, IDLE_SHARE * (node.limit_kw or 0.0))
    return present_kw * float((max(time_s, 0.0) / start_s) ** (1 / PEUKERT))


def _genset(reading: Reading, node: Node, _start_s: float) -> Condition:
    engine, mode = reading.word("engine.state"), reading.word("control.mode")
    if "unknown" in (engine, mode):
        return UNKNOWN
    power_w = reading.number("output.active_power")
    carrying = engine == "on_load" or (
        power_w is not None and power_w / 1000 > CARRYING_SHARE * (node.limit_kw or math.inf)
    )
    found = []
    if engine == "fault":
        found.append("has an engine fault")
    if mode not in ("", "auto") and not carrying:
        found.append(f"is not in auto ({mode.replace('_', ' ')})")
    untold = [name for name in reading.missing("") if not name.startswith(_OTHERWISE_JUDGED)]
    if untold:
        return _silent_on(untold[0])
    breaker = reading.word("breaker.position")
    if breaker == "unknown":
        return _silent_on("breaker.position")
    if breaker in ("tripped", "withdrawn"):
        found.append(f"has its breaker {breaker}")
    fuel = reading.number("fuel.level")
    if fuel is not None and fuel < FUEL_EMPTY:
        found.append(f"has {fuel:.0%} of fuel")
    found += [
        f"has {name.removeprefix('alarm.').replace('_', ' ')} at critical"
        for name in reading.critical()
        if not name.startswith(_OUTSIDE)
    ]
    return Condition(
        in_service=not found,
        carrying=carrying and not found,
        assumed=not engine or not mode,
        reasons=tuple(found),
    )


def _utility(reading: Reading, node: Node, _start_s: float) -> Condition:
    mains, breaker = reading.word("mains.state"), reading.word("breaker.position")
    if breaker in _BREAKER_OUT:
        return _dead(f"has its breaker {breaker}")
    if mains in ("failed", "out_of_tolerance"):
        return _dead("has failed" if mains == "failed" else "is out of tolerance")
    weak = _weak_phases(reading, node)
    if weak:
        return _dead(f"has no voltage ({', '.join(weak)})")
    untold = reading.missing(("mains.state", *VOLTAGES))
    if untold:
        return _silent_on(untold[0])
    measured = bool(reading.numbers(VOLTAGES))
    if breaker == "unknown" or (mains == "unknown" and not measured):
        return UNKNOWN
    return Condition(assumed=mains != "normal" and not measured)


def _switch(reading: Reading, node: Node, _start_s: float) -> Condition:
    position, selected = reading.word("position"), reading.word("source.selected")
    if "unknown" in (position, selected) and selected not in _PLACES and position not in _POSITIONS:
        return UNKNOWN
    missing = reading.missing(("position", "source.selected", "source.preferred"))
    if missing:
        return _silent_on(missing[0])
    if position == "off" or (not position and selected == "none"):
        return _dead("is open, on neither source")
    in_use = _PLACES.get(selected, -1)
    if in_use < 0 and position in _POSITIONS:
        preferred = _PLACES.get(reading.word("source.preferred"), 0)
        in_use = preferred if position == "preferred" else 1 - preferred
    found, doubts = _held_back(reading, node)
    states = reading.words("source.state.")
    places = {int(which) - 1: state for which, state in states.items() if which.isdigit()}
    absent = {place for place, state in places.items() if state in _NOT_THERE}
    untold = {place for place, state in places.items() if state in ("", "unknown")}
    others = set(range(len(node.fed_by))) - {max(in_use, 0)}
    redundancy = reading.word("redundancy.state")
    if redundancy == "lost" and not states:
        absent = others
    elif redundancy == "unknown" and not states:
        untold = others
    elif redundancy in ("lost", "unknown") and not (absent | untold) & others:
        if redundancy == "lost":
            found.append("has lost its redundancy")
        else:
            doubts.append("does not tell its redundancy")
    return Condition(
        selected=in_use,
        transfers=not found,
        transfer_unknown=bool(doubts),
        absent=frozenset(absent),
        untold=frozenset(untold),
        assumed=not position and not selected,
        reasons=(*found, *doubts),
    )


_HOLDS_BACK = {
    "transfer.state": ("inhibited", "has its transfer inhibited"),
    "sync.state": ("out_of_sync", "has sources out of sync"),
}
"""The word with which a switch says that it would not transfer, and how that is said."""


def _held_back(reading: Reading, node: Node) -> tuple[list[str], list[str]]:
    """Why a switch would not change over, and what it does not tell of that."""
    found = []
    mode = reading.word("control.mode")
    if mode not in ("", "auto", "unknown"):
        found.append(f"is not in auto ({mode.replace('_', ' ')})")
    told = ("transfer.state", "sync.state") if node.kind == "sts" else ("transfer.state",)
    for name in told:
        word, why = _HOLDS_BACK[name]
        if reading.word(name) == word:
            found.append(why)
    untold = [name for name in ("control.mode", *told) if reading.word(name) == "unknown"]
    return found, [f"does not tell its {_spoken(name)}" for name in untold]


def _tie(reading: Reading, node: Node, _start_s: float) -> Condition:
    breaker, mode = reading.word("breaker.position"), reading.word("control.mode")
    if breaker in ("tripped", "withdrawn"):
        return _dead(f"has its breaker {breaker}")
    if breaker not in ("", "open", "closed") or reading.unreadable("breaker.position"):
        return _silent_on("breaker.position")
    doubt = node.auto and (mode == "unknown" or reading.unreadable("control.mode"))
    manual = node.auto and mode not in ("", "auto", "unknown")
    found = ["does not tell its control mode"] if doubt else []
    return Condition(
        selected={"open": 0, "closed": 1}.get(breaker, -1),
        transfers=not manual,
        transfer_unknown=doubt,
        assumed=not breaker,
        reasons=(f"is not in auto ({mode.replace('_', ' ')})",) if manual else tuple(found),
    )


def _passive(reading: Reading, node: Node, _start_s: float) -> Condition:
    breaker = reading.word("breaker.position")
    if breaker in _BREAKER_OUT:
        return _dead(f"has its breaker {breaker}")
    if breaker == "unknown" or reading.unreadable("input.state"):
        return _silent_on("breaker.position" if breaker == "unknown" else "input.state")
    # A transformer's node states one voltage and the device may measure the other side.
    weak = _weak_phases(reading, node) if node.kind != "transformer" else []
    untold = reading.missing(VOLTAGES) if node.kind != "transformer" else []
    if untold and not reading.numbers(VOLTAGES):
        return _silent_on(untold[0])
    dead = bool(weak) and len(weak) == len(reading.numbers(VOLTAGES))
    if dead or reading.word("input.state") == "failed":
        # The last one of a bus may be its tie.
        feeders = frozenset(range(len(node.fed_by) + (node.kind == "bus")))
        return Condition(absent=feeders, reasons=("sees no voltage",))
    return Condition()


def _weak_phases(reading: Reading, node: Node) -> list[str]:
    """Phases below half of their nominal voltage, with their value, in words."""
    found = []
    for name, volts in reading.numbers(VOLTAGES):
        phase = name.rpartition(".")[2]
        nominal_v = node.voltage_v if "-" in phase else node.voltage_v / math.sqrt(3)
        if volts < VOLTAGE_ABSENT_SHARE * nominal_v:
            found.append(f"{phase.upper()} {volts:.0f} V of {nominal_v:.0f} V")
    return found


def _silent_on(point: str) -> Condition:
    """A device that answers and does not tell this: what stood there last may be the worst."""
    return replace(UNKNOWN, reasons=(f"does not tell its {_spoken(point)}",))


def _spoken(point: str) -> str:
    return point.replace("runtime", "time").replace(".", " ").replace("_", " ")


def _dead(reason: str) -> Condition:
    return Condition(in_service=False, protects=False, reasons=(reason,))


_TABLE: Mapping[str, Callable[[Reading, Node, float], Condition]] = {
    "ups": _ups,
    "genset": _genset,
    "utility": _utility,
    "ats": _switch,
    "sts": _switch,
    "tie": _tie,
}
