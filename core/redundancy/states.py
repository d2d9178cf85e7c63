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
from core.redundancy.meanings import STOPS, Means, meaning
from core.redundancy.phases import WANTED_GIVEN, WANTED_TAKEN, able_share
from core.redundancy.rows import Reading, Watch
from core.redundancy.start_battery import start_battery_faults
from core.redundancy.ups_alarms import PARTS, not_relied_upon
from core.redundancy.ups_alarms import untold as untold_alarms
from core.site import EcoPolicy, Node

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

_BATTERY_POINTS = ("battery.runtime", "battery.test", "battery.replacement")
_PLACES = {"source_1": 0, "source_2": 1}
_POSITIONS = frozenset(("preferred", "alternate"))
_OUTPUT_BREAKERS = (
    "breaker.position",
    "breaker.position.output",
    "breaker.position.inverter_output",
    "breaker.position.module_output",
)

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

_OTHERWISE_JUDGED = (
    "mains",
    "source",
    "grid",
    "alarm.mains",
    "output",
    "communication",
    "engine.speed",
)
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
    "breaker.position",
    "output.power_factor",
    *WANTED_GIVEN,
)

WANTED: Mapping[str, tuple[str, ...]] = {
    "ups": (
        "mode",
        "communication.state",
        "output.state",
        "battery.state",
        "battery.runtime",
        "battery.test",
        "battery.replacement",
        "breaker.position",
        "output.power_factor",
        "alarm.",
        *PARTS,
        *WANTED_GIVEN,
    ),
    "genset": (
        Watch.ALARMS,
        "fuel.level",
        "start_battery.voltage",
        "engine.speed",
        "output.power_factor",
        *WANTED_GIVEN,
    ),
    "ats": _SWITCH_POINTS,
    "sts": _SWITCH_POINTS,
    "tie": ("breaker.position", "control.mode", "communication.state"),
    "utility": (
        "mains.state",
        "breaker.position",
        "communication.state",
        *VOLTAGES,
        *WANTED_TAKEN,
    ),
}
"""Beginnings of the names of points that a kind of node needs."""

WANTED_ELSE = ("breaker.position", "input.state", "communication.state", *VOLTAGES, *WANTED_TAKEN)


def condition_of(reading: Reading, node: Node, start_s: float) -> Condition:
    """What the device says of its node. `unknown` where it should say more than it does.

    `start_s` is how long a battery must last, in seconds.
    """
    if _meaning(reading, node, "communication.state") is Means.UNKNOWN:
        return UNKNOWN
    told = _TABLE.get(node.kind, _passive)(reading, node, start_s)
    share = able_share(reading, node) if told.in_service and not told.unknown else 1.0
    return replace(told, able_share=share) if share < 1 else told


def _meaning(reading: Reading, node: Node, point: str) -> Means:
    return meaning(node.kind, point, reading.word(point))


def _cut_off(reading: Reading, node: Node) -> Condition | None:
    """A node behind an open breaker of its own, or behind one that does not tell."""
    for point in _OUTPUT_BREAKERS:
        says = _meaning(reading, node, point)
        if says is Means.OUT:
            what = "output breaker" if node.kind == "ups" else "breaker"
            return _dead(f"has its {what} {reading.word(point)}")
        if says is Means.UNKNOWN:
            return _silent_on("breaker.position")
    return None


def _ups(reading: Reading, node: Node, start_s: float) -> Condition:
    mode, says = reading.word("mode"), _meaning(reading, node, "mode")
    if says is Means.UNKNOWN:
        return UNKNOWN
    cut_off = _cut_off(reading, node)
    if cut_off is not None:
        return cut_off
    if says is Means.OUT:
        return _dead(f"is {mode}" if mode != "fault" else "has a fault")
    if _meaning(reading, node, "output.state") is Means.OUT:
        return _dead("has its output off")
    for name in ("input", "maintenance_bypass"):
        if _meaning(reading, node, f"breaker.position.{name}") is Means.UNKNOWN:
            return _silent_on(f"breaker.position.{name}")
    bypass, on_battery = _bypass(reading, node), says is Means.BATTERY
    faults = [*_battery_faults(reading, node, start_s), *not_relied_upon(reading)]
    untold = [*_battery_untold(reading, node), *untold_alarms(reading)]
    time_s, tested = reading.number("battery.runtime"), _tested(reading, node)
    no_input = _meaning(reading, node, "breaker.position.input") is Means.NO_FEED
    return Condition(
        protects=not bypass and not faults,
        battery_s=math.inf if time_s is None else time_s,
        battery_kw=_bridge_kw(reading, node, time_s, start_s),
        battery_unknown=bool(untold),
        on_bypass=bool(bypass),
        on_battery=on_battery,
        eco=says is Means.ECO,
        absent=frozenset((0,)) if on_battery and not tested else frozenset(),
        blocked=frozenset((0,)) if no_input else frozenset(),
        assumed=not mode,
        reasons=(
            *bypass,
            *(("is on battery",) if on_battery else ()),
            *(("has its input breaker open",) if no_input else ()),
            *faults,
            *untold,
        ),
    )


def under_policy(told: Condition, eco: EcoPolicy) -> Condition:
    """A UPS in eco mode as the site takes it: it protects in full, in part, or not."""
    if not told.eco or eco == "reduced":
        return told
    if eco == "full":
        return replace(told, eco=False)
    return replace(told, eco=False, protects=False, reasons=(*told.reasons, "is in eco mode"))


def _bypass(reading: Reading, node: Node) -> tuple[str, ...]:
    """Whether a UPS is on bypass, in words: by its mode, its output, or its maintenance breaker."""
    mode = reading.word("mode")
    if _meaning(reading, node, "mode") is Means.BYPASS:
        return (f"is on {mode.replace('_', ' ')}",)
    if _meaning(reading, node, "breaker.position.maintenance_bypass") is Means.BYPASS:
        return ("has its maintenance bypass closed",)
    if _meaning(reading, node, "output.state") is Means.BYPASS:
        return ("has its output on bypass",)
    return ()


def _tested(reading: Reading, node: Node) -> bool:
    """Whether a battery is being emptied to see what it holds."""
    points = ("battery.test", "battery.state")
    return any(_meaning(reading, node, point) is Means.TESTING for point in points)


def _battery_faults(reading: Reading, node: Node, start_s: float) -> list[str]:
    """Why a battery would not carry its load through a start; empty where it would."""

    def weak(point: str) -> bool:
        return _meaning(reading, node, point) is Means.WEAK

    found = []
    if weak("battery.state"):
        found.append(f"has its battery {reading.word('battery.state')}")
    if weak("breaker.position.battery"):
        found.append(f"has its battery breaker {reading.word('breaker.position.battery')}")
    if weak("battery.test"):
        found.append("failed its battery test")
    if weak("battery.replacement"):
        found.append("needs a new battery")
    if weak("output.state"):
        found.append("says that its output is not protected")
    time_s = reading.number("battery.runtime")
    if time_s is not None and time_s < start_s:
        found.append(f"has {time_s:.0f} s of battery, a start takes {start_s:.0f} s")
    if time_s is None and _tested(reading, node):
        found.append("tests its battery, and does not tell what is left of it")
    return found


def _battery_untold(reading: Reading, node: Node) -> list[str]:
    """What a UPS does not tell of its battery; empty where it tells all that it ever does."""
    untold = reading.missing(_BATTERY_POINTS)
    untold += [
        point
        for point in ("battery.replacement", "breaker.position.battery")
        if _meaning(reading, node, point) is Means.DOUBT and point not in untold
    ]
    found = [f"does not tell its {_spoken(name)}" for name in untold]
    if _meaning(reading, node, "battery.state") is Means.DOUBT:
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
    does, ready = _meaning(reading, node, "engine.state"), _meaning(reading, node, "control.mode")
    if Means.UNKNOWN in (does, ready):
        return UNKNOWN
    power_w = reading.number("output.active_power")
    carrying = does is Means.CARRIES or (
        power_w is not None and power_w / 1000 > CARRYING_SHARE * (node.limit_kw or math.inf)
    )
    untold = [name for name in reading.missing("") if not name.startswith(_OTHERWISE_JUDGED)]
    if untold:
        return _silent_on(untold[0])
    breaker = _meaning(reading, node, "breaker.position")
    if breaker is Means.UNKNOWN:
        return _silent_on("breaker.position")
    found = []
    if does is Means.OUT:
        found.append("has an engine fault" if engine == "fault" else f"is {engine}")
    if ready is Means.NOT_AUTO and not carrying:
        found.append(f"is not in auto ({mode.replace('_', ' ')})")
    if breaker is Means.OUT:
        found.append(f"has its breaker {reading.word('breaker.position')}")
    fuel = reading.number("fuel.level")
    if fuel is not None and fuel < FUEL_EMPTY:
        found.append(f"has {fuel:.0%} of fuel")
    if not carrying:
        found += start_battery_faults(reading)
    found += _stopped(reading)
    return Condition(
        in_service=not found,
        carrying=carrying and not found,
        running=engine == "running" and not found,
        assumed=not engine or not mode,
        reasons=tuple(found),
    )


def _stopped(reading: Reading) -> list[str]:
    """What holds a generator stopped: anything at critical severity, and what is a stop by its
    name."""
    critical = reading.critical()
    stops = [
        name
        for name, word in reading.words("alarm.").items()
        if word == "active" and name.startswith(STOPS)
    ]
    found = [name for name in critical if not name.startswith(_OUTSIDE)]
    names = dict.fromkeys([*found, *(f"alarm.{name}" for name in stops)])
    words = [(name, name.removeprefix("alarm.").replace("_", " ")) for name in names]
    return [f"has {said}{' at critical' if name in critical else ''}" for name, said in words]


def _utility(reading: Reading, node: Node, _start_s: float) -> Condition:
    mains, breaker = reading.word("mains.state"), _meaning(reading, node, "breaker.position")
    if breaker is Means.OUT:
        return _dead(f"has its breaker {reading.word('breaker.position')}")
    if _meaning(reading, node, "mains.state") is Means.OUT:
        return _dead("has failed" if mains == "failed" else "is out of tolerance")
    weak = _weak_phases(reading, node)
    if weak:
        return _dead(f"has no voltage ({', '.join(weak)})")
    untold = reading.missing(("mains.state", *VOLTAGES))
    if untold:
        return _silent_on(untold[0])
    measured = bool(reading.numbers(VOLTAGES))
    if breaker is Means.UNKNOWN or (mains == "unknown" and not measured):
        return UNKNOWN
    return Condition(assumed=mains != "normal" and not measured)


def _switch(reading: Reading, node: Node, _start_s: float) -> Condition:
    position, selected = reading.word("position"), reading.word("source.selected")
    cut_off = _cut_off(reading, node)
    if cut_off is not None:
        return cut_off
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
    told = {place: meaning(node.kind, "source.state", state) for place, state in places.items()}
    absent = {place for place, says in told.items() if says is Means.DEAD_FEED}
    untold = {place for place, says in told.items() if says is Means.DOUBT or not places[place]}
    breakers = {n: _meaning(reading, node, f"breaker.position.source_{n + 1}") for n in (0, 1)}
    if Means.UNKNOWN in breakers.values():
        return _silent_on("breaker.position")
    blocked = {place for place, says in breakers.items() if says is Means.NO_FEED}
    open_ = [f"has the breaker of its source {place + 1} open" for place in sorted(blocked)]
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
        blocked=frozenset(blocked),
        absent=frozenset(absent),
        untold=frozenset(untold),
        assumed=not position and not selected,
        reasons=(*found, *open_, *doubts),
    )


_HOLDS_BACK = {
    "control.mode": "is not in auto",
    "transfer.state": "has its transfer inhibited",
    "sync.state": "has sources out of sync",
}
"""Points with which a switch says that it would not transfer, and how that is said."""


def _held_back(reading: Reading, node: Node) -> tuple[list[str], list[str]]:
    """Why a switch would not change over, and what it does not tell of that."""
    found, doubts = [], []
    for point, why in _HOLDS_BACK.items():
        says = _meaning(reading, node, point)
        if says is Means.STAYS:
            mode = f" ({reading.word(point).replace('_', ' ')})" if point == "control.mode" else ""
            found.append(why + mode)
        elif says is Means.DOUBT:
            doubts.append(f"does not tell its {_spoken(point)}")
    return found, doubts


def _tie(reading: Reading, node: Node, _start_s: float) -> Condition:
    breaker, says = reading.word("breaker.position"), _meaning(reading, node, "breaker.position")
    if says is Means.OUT:
        return _dead(f"has its breaker {breaker}")
    if says is Means.UNKNOWN:
        return _silent_on("breaker.position")
    # The mode of a tie that is switched by hand holds nothing back.
    found, doubts = _held_back(reading, node) if node.auto else ([], [])
    return Condition(
        selected={"open": 0, "closed": 1}.get(breaker, -1),
        transfers=not found,
        transfer_unknown=bool(doubts),
        assumed=not breaker,
        reasons=(*found, *doubts),
    )


def _passive(reading: Reading, node: Node, _start_s: float) -> Condition:
    breaker = _meaning(reading, node, "breaker.position")
    if breaker is Means.OUT:
        return _dead(f"has its breaker {reading.word('breaker.position')}")
    if breaker is Means.UNKNOWN:
        return _silent_on("breaker.position")
    if _meaning(reading, node, "input.state") is Means.UNKNOWN:
        return _silent_on("input.state")
    # A transformer's node states one voltage and the device may measure the other side.
    weak = _weak_phases(reading, node) if node.kind != "transformer" else []
    untold = reading.missing(VOLTAGES) if node.kind != "transformer" else []
    if untold and not reading.numbers(VOLTAGES):
        return _silent_on(untold[0])
    dead = bool(weak) and len(weak) == len(reading.numbers(VOLTAGES))
    if dead or _meaning(reading, node, "input.state") is Means.DEAD_FEED:
        feeders = frozenset(range(len(node.fed_by)))
        return Condition(absent=feeders, reasons=("sees no voltage",))
    return Condition()


def _weak_phases(reading: Reading, node: Node) -> list[str]:
    """Phases below half of their nominal voltage, with their value, in words."""
    found = []
    for name, volts in reading.numbers(VOLTAGES):
        phase = name.rpartition(".")[2]
        line_to_line = phase == "ll" or "-" in phase
        nominal_v = node.voltage_v if line_to_line else node.voltage_v / math.sqrt(3)
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
