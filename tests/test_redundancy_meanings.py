"""Every word of the vocabulary has a decided meaning for the redundancy, and the meaning is what
happens."""

from __future__ import annotations

import pytest

from core.redundancy.meanings import BY_SEVERITY, MEANINGS, OF_THE_MAINS, Means
from core.redundancy.rows import Watch
from core.redundancy.states import WANTED, WANTED_ELSE, condition_of
from core.vocabulary import STATES, Severity
from tests.support.conditions import Reading, view
from tests.support.power import node

START_S = 137.0

NOT_OF_THE_POWER_GRAPH = frozenset(
    """
    leak.state zone.state fire.state detector.state smoke.state door.state contact.state
    probe.state probe.temperature_state probe.humidity_state supply.state fan.state pump.state
    compressor.state valve.state free_cooling.state string.state tank.state inverter.state
    mppt.state outlet.state state alarm load.state bank.state phase.state input.failure
    """.split()
)
"""Axes of rooms, cooling and PV, and of loads whose power is measured: no node but a generator is
judged by them."""


def told(kind, points, severity=Severity.OK):
    """The condition of one node of this kind whose device tells these words and numbers."""
    feeders = {"utility": "", "genset": "", "ats": "a b", "sts": "a b", "load": "a"}.get(kind, "a")
    single = node("n", kind, feeders, 500, device="d", auto=kind == "tie")
    names = WANTED.get(kind, WANTED_ELSE)
    readings = [Reading(f"d/{name}", value, severity=severity) for name, value in points.items()]
    gathered = Watch({"d": names}).gather(view(*readings))
    return condition_of(gathered.device("d"), single, START_S)


def axis(point):
    """The axis that a point of the table has its words from."""
    return STATES.get(point) or STATES[".".join(point.split(".")[:2])]


TABLE = [
    (kind, point, word, means)
    for kind, points in MEANINGS.items()
    for point, words in points.items()
    for word, means in words.items()
]


@pytest.mark.parametrize(("kind", "point"), sorted({row[:2] for row in TABLE}))
def test_every_word_of_an_axis_is_decided(kind, point):
    assert set(MEANINGS[kind][point]) == set(axis(point).states)


def test_every_axis_of_the_vocabulary_is_decided():
    """A new axis is decided for generators, and for the rest of the graph, before it is used."""
    decided = {axis(point).key for points in MEANINGS.values() for point in points}
    assert decided | NOT_OF_THE_POWER_GRAPH == set(STATES)
    of_gensets = {axis(point).key for point in MEANINGS["genset"]}
    assert of_gensets | BY_SEVERITY | OF_THE_MAINS == set(STATES)


BESIDE = {
    "ups": {"mode": "online", "battery.state": "floating", "battery.runtime": 900.0},
    "genset": {"engine.state": "stopped", "control.mode": "auto"},
    "utility": {"mains.state": "normal"},
    "ats": {"position": "preferred", "control.mode": "auto"},
    "sts": {"position": "preferred", "control.mode": "auto"},
}
"""What a healthy device of a kind tells beside."""


@pytest.mark.parametrize(("kind", "point", "word", "means"), TABLE)
def test_a_word_does_what_it_means(kind, point, word, means):
    beside = BESIDE.get(kind, {})
    if point == "source.selected":
        beside = {"control.mode": "auto"}
    name = f"{point}.2" if point == "source.state" else point
    condition = told(kind, beside | {name: word})
    harmless = condition.in_service and not condition.unknown
    reached = {
        Means.WELL: harmless and not condition.reasons and condition.protects,
        Means.UNKNOWN: condition.unknown,
        Means.DOUBT: (condition.battery_unknown or condition.transfer_unknown)
        or bool(condition.untold),
        Means.OUT: not condition.in_service and bool(condition.reasons),
        Means.CARRIES: harmless and condition.carrying,
        Means.NOT_AUTO: not condition.in_service and "is not in auto" in condition.reasons[:1][0]
        if condition.reasons
        else False,
        Means.BATTERY: condition.on_battery and condition.protects,
        Means.BYPASS: condition.on_bypass and not condition.protects,
        Means.ECO: harmless and condition.protects,
        Means.WEAK: harmless and not condition.protects and bool(condition.reasons),
        Means.TESTING: harmless and condition.protects,
        Means.STAYS: (harmless and not condition.transfers) or bool(condition.absent),
        Means.DEAD_FEED: harmless and bool(condition.absent),
        Means.NO_FEED: harmless and bool(condition.blocked),
    }
    assert reached[means], (kind, point, word, condition)


def test_a_battery_on_test_that_does_not_tell_what_is_left_protects_nobody():
    told_all = {"mode": "online", "battery.test": "in_progress"}
    assert not told("ups", told_all).protects
    assert told("ups", told_all | {"battery.runtime": 480.0}).protects
    assert not told("ups", told_all | {"battery.runtime": 120.0}).protects


@pytest.mark.parametrize(
    "name", ["emergency_stop", "fail_to_start", "shutdown", "breaker_fail_to_close"]
)
def test_a_stop_takes_a_generator_out_though_its_profile_calls_it_a_warning(name):
    points = BESIDE["genset"] | {f"alarm.{name}": "active"}
    condition = told("genset", points, Severity.WARNING)
    assert not condition.in_service
    assert condition.reasons == (f"has {name.replace('_', ' ')}",)
    assert told("genset", BESIDE["genset"] | {f"alarm.{name}": "normal"}).in_service


def test_an_alarm_of_the_mains_breaker_is_none_of_the_generator():
    points = BESIDE["genset"] | {"alarm.mains_breaker_fail_to_close": "active"}
    assert told("genset", points, Severity.WARNING).in_service


@pytest.mark.parametrize(
    ("volts", "ready"), [(13.6, True), (11.8, True), (11.5, False), (27.2, True), (22.9, False)]
)
def test_an_empty_start_battery_does_not_crank(volts, ready):
    points = BESIDE["genset"] | {"start_battery.voltage": volts}
    assert told("genset", points).in_service is ready


def test_a_start_battery_that_cranks_is_not_judged_by_its_voltage():
    points = BESIDE["genset"] | {"start_battery.voltage": 9.0, "engine.state": "cranking"}
    assert told("genset", points).in_service


def test_a_start_battery_is_judged_where_nobody_tells_what_the_engine_does():
    points = BESIDE["genset"] | {"start_battery.voltage": 22.6}
    del points["engine.state"]
    assert told("genset", points).reasons == ("has 22.6 V of 24 V on its start battery",)
    assert told("genset", points | {"start_battery.voltage": 26.9}).in_service


def test_an_engine_that_turns_by_its_speed_may_pull_its_start_battery_down():
    points = BESIDE["genset"] | {"start_battery.voltage": 9.0, "engine.speed": 150.0}
    del points["engine.state"]
    assert told("genset", points).in_service
    assert not told("genset", points | {"engine.speed": 0.0}).in_service


def test_a_generator_that_carries_load_needs_no_start_battery():
    points = BESIDE["genset"] | {"start_battery.voltage": 20.0, "engine.state": "on_load"}
    assert told("genset", points).in_service


def test_the_second_start_battery_counts_too():
    points = BESIDE["genset"] | {"start_battery.voltage": 27.0, "start_battery.voltage.2": 21.0}
    assert told("genset", points).reasons == ("has 21.0 V of 24 V on its start battery",)
