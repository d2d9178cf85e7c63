"""What each word of each state axis means for each kind of node. Every word is decided here, and a
test goes through the whole vocabulary: a new word means nothing until it stands in this table.

Words only. What follows from them is in `states`, numbers beside them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Means(StrEnum):
    """What a word says of a node."""

    WELL = "well"
    UNKNOWN = "unknown"  # the device does not tell: the node is judged at its worst and its best
    DOUBT = "doubt"  # the same of its battery or of its transfer alone
    OUT = "out"  # it gives nothing
    CARRIES = "carries"  # a generator with load on it
    NOT_AUTO = "not_auto"  # it does nothing by itself
    BATTERY = "battery"  # a UPS on its battery
    BYPASS = "bypass"  # a UPS on bypass: its load is alive and not protected
    ECO = "eco"  # a UPS whose load is on mains until they fail
    WEAK = "weak"  # a UPS that carries, and would not through an outage
    TESTING = "testing"  # a battery that is being emptied
    STAYS = "stays"  # a switch that would not change over
    DEAD_FEED = "dead_feed"  # no voltage where it should be fed
    NO_FEED = "no_feed"  # nothing can come from there, whatever the voltage


Words = dict[str, Means]
W, U, D, OUT = Means.WELL, Means.UNKNOWN, Means.DOUBT, Means.OUT


def _all(means: Means, words: str) -> Words:
    return dict.fromkeys(words.split(), means)


_COMMUNICATION = {"unknown": U, "ok": W, "lost": U, "never": U}
_IN_SERIES = {"unknown": U, "closed": W} | _all(OUT, "open tripped withdrawn")
_VOLTAGE = {"unknown": U, "failed": Means.DEAD_FEED} | _all(
    W, "normal brownout high frequency_fault phase_fault self_test"
)

_UPS: dict[str, Words] = {
    "mode": {"unknown": U, "eco": Means.ECO, "on_battery": Means.BATTERY}
    | _all(W, "online boost trim")
    | _all(Means.BYPASS, "static_bypass maintenance_bypass")
    | _all(OUT, "off fault standby starting"),
    "output.state": {"unknown": W, "normal": W, "overload": W, "bypass": Means.BYPASS}
    # Makers say fault of an output that is alive and not as it should be.
    | {"off": OUT, "fault": Means.WEAK},
    "battery.state": {"unknown": D, "testing": Means.TESTING}
    | _all(W, "normal charging discharging floating resting boosting equalizing")
    | _all(Means.WEAK, "low depleted disconnected fault absent"),
    # What a test once said is no measurement of today: only a failure counts.
    "battery.test": {"failed": Means.WEAK, "in_progress": Means.TESTING}
    | _all(W, "unknown passed warning aborted none"),
    "battery.replacement": {"unknown": D, "not_needed": W, "due": Means.WEAK},
    "breaker.position": _IN_SERIES,
    "breaker.position.output": _IN_SERIES,
    "breaker.position.inverter_output": _IN_SERIES,
    "breaker.position.module_output": _IN_SERIES,
    "breaker.position.battery": {"unknown": D, "closed": W}
    | _all(Means.WEAK, "open tripped withdrawn"),
    "breaker.position.input": {"unknown": U, "closed": W}
    | _all(Means.NO_FEED, "open tripped withdrawn"),
    "breaker.position.maintenance_bypass": {"unknown": U, "closed": Means.BYPASS}
    | _all(W, "open tripped withdrawn"),
    "communication.state": _COMMUNICATION,
}

_GENSET: dict[str, Words] = {
    # One that stops starts again from standstill; a stop for a fault says so by an alarm.
    "engine.state": {"unknown": U, "on_load": Means.CARRIES, "fault": OUT}
    | _all(W, "stopped cranking running cooldown starting warming_up stopping"),
    "control.mode": {"unknown": U, "auto": W}
    | _all(Means.NOT_AUTO, "manual off test_on_load test_off_load remote local"),
    # The breaker of a set that stands still is open.
    "breaker.position": {"unknown": U, "open": W, "closed": W} | _all(OUT, "tripped withdrawn"),
    "communication.state": _COMMUNICATION,
}

_SWITCH: dict[str, Words] = {
    # While it moves nobody knows on which feeder it will be: as where that is never told.
    "position": {"unknown": U, "off": OUT} | _all(W, "preferred alternate transferring"),
    "source.selected": {"unknown": U, "none": OUT} | _all(W, "source_1 source_2"),
    "source.preferred": _all(W, "unknown source_1 source_2 none"),
    "source.state": {"unknown": D, "normal": W} | _all(Means.DEAD_FEED, "absent out_of_tolerance"),
    "control.mode": {"unknown": D, "auto": W}
    | _all(Means.STAYS, "manual off test_on_load test_off_load remote local"),
    "transfer.state": {"unknown": D, "allowed": W, "inhibited": Means.STAYS},
    "redundancy.state": {"unknown": D, "full": W, "lost": Means.STAYS},
    "breaker.position": _IN_SERIES,
    "breaker.position.output": _IN_SERIES,
    "breaker.position.source_1": {"unknown": U, "closed": W}
    | _all(Means.NO_FEED, "open tripped withdrawn"),
    "breaker.position.source_2": {"unknown": U, "closed": W}
    | _all(Means.NO_FEED, "open tripped withdrawn"),
    "communication.state": _COMMUNICATION,
}

_IN_STEP: Words = {"unknown": D, "in_sync": W, "out_of_sync": Means.STAYS}
"""A static switch waits until its sources are in step; a motor-driven one breaks before it makes
and does not care."""

_PASSIVE: dict[str, Words] = {
    "breaker.position": _IN_SERIES,
    "input.state": _VOLTAGE,
    "communication.state": _COMMUNICATION,
}

MEANINGS: Mapping[str, Mapping[str, Words]] = {
    "ups": _UPS,
    "genset": _GENSET,
    "utility": {
        "mains.state": {"unknown": U, "normal": W} | _all(OUT, "failed out_of_tolerance"),
        "breaker.position": _IN_SERIES,
        "communication.state": _COMMUNICATION,
    },
    "ats": _SWITCH,
    "sts": _SWITCH | {"sync.state": _IN_STEP},
    "transformer": _PASSIVE,
    "bus": _PASSIVE,
    "pdu": _PASSIVE,
    "panel": _PASSIVE,
    "tie": {
        "breaker.position": {"unknown": U, "open": W, "closed": W} | _all(OUT, "tripped withdrawn"),
        "control.mode": _SWITCH["control.mode"],
        "communication.state": _COMMUNICATION,
    },
    "load": _PASSIVE,
}
"""By kind of node and point. A breaker with a place behind its name is another one than the
node's own; places that do not stand here are not on the node's way."""

BY_SEVERITY = frozenset(
    """
    mode state alarm load.state bank.state phase.state outlet.state inverter.state mppt.state
    input.state output.state input.failure leak.state zone.state fire.state detector.state
    smoke.state door.state contact.state probe.state probe.temperature_state probe.humidity_state
    supply.state fan.state pump.state compressor.state valve.state free_cooling.state string.state
    tank.state battery.state battery.test battery.replacement sync.state transfer.state position
    redundancy.state
    """.split()
)
"""Axes of a generator's controller that count by their severity, as the profile's author judged it
for that maker: critical is a shutdown or a lock-out, and takes the generator out."""

OF_THE_MAINS = frozenset(("mains.state", "source.state", "source.selected", "source.preferred"))
"""Axes with which a generator's controller speaks of the mains and not of itself."""

STOPS = (
    "emergency_stop",
    "fail_to_start",
    "overcrank",
    "shutdown",
    "lockout",
    "breaker_fail_to_close",
)
"""An alarm of a generator whose name begins so keeps it from carrying load, whatever severity it
has."""


def meaning(kind: str, point: str, word: str) -> Means:
    """What a word at a point says of a node of this kind; well where the device does not have the
    point or it is not on the node's way."""
    return MEANINGS[kind].get(point, {}).get(word, Means.WELL)
