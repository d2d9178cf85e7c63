"""What is told of counters: each turn once, with the readings on both sides and what it means."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from core.changes import Changes
from core.energy import EnergyMeters
from core.metering import EnergyInput
from core.points import parse_point
from core.quality import Quality
from core.snapshot import Event, PointView
from core.vocabulary import Severity

T = 1_800_000_000.0
RATING_W, POWER_W = 500e3, 360e3
BEGIN_WH = 512_345_600.0
METER = EnergyInput("m/active_energy", "m/active_power")


class Watched:
    """One meter, polled every five seconds, that loads 360 kW: half a kWh each time."""

    def __init__(self, *, power=True, unbroken=False) -> None:
        self.input = METER if power else EnergyInput(METER.energy, "")
        self.power, self.unbroken = power, unbroken
        self.meters = self.make()
        self.changes = Changes()
        self.now = 0.0
        self.count = BEGIN_WH
        self.stood: float | None = None

    def make(self) -> EnergyMeters:
        unbroken = [self.input] if self.unbroken else []
        return EnergyMeters([self.input], {"m": RATING_W}, unbroken=unbroken)

    def poll(self, counter: float | None = None) -> list[Event]:
        """One poll; the counter goes on where nothing else is said."""
        self.now += 5.0
        self.count += POWER_W * 5 / 3600
        value = self.count if counter is None else counter
        names = [self.input.energy, *([self.input.power] if self.power else [])]
        values = [value, POWER_W][: len(names)]
        points = tuple(parse_point(name) for name in names)
        view = PointView(
            points,
            np.array(values),
            np.full(len(names), T + self.now),
            np.full(len(names), Quality.GOOD, dtype=np.uint8),
            np.zeros(len(names), dtype=np.uint8),
            {point.id: row for row, point in enumerate(points)},
        )
        self.meters.update(view, T + self.now)
        return list(self.changes.meters(self.meters.turns()))

    def run(self, seconds: float, *, stands=False) -> list[Event]:
        """`stands`: the counter shows the same all the time, although power flows."""
        self.stood = (self.stood or self.count) if stands else None
        return [event for _ in range(int(seconds / 5)) for event in self.poll(self.stood)]

    def restart(self) -> None:
        """The agent begins anew from what was saved now."""
        kept = self.meters.state()
        state = json.loads(json.dumps(kept.state))
        self.meters = self.make()
        self.meters.restore(replace(kept, state=state), T + self.now)


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.before, event.after) for event in events]


def test_a_meter_that_counts_is_no_news():
    assert Watched().run(3600) == []
    assert Watched(power=False, unbroken=True).run(3600) == []


def test_a_counter_that_begins_again_is_told_with_both_readings_and_what_is_counted():
    plant = Watched()
    plant.run(600)
    last = plant.count / 1000
    plant.count = 0.0
    (event,) = plant.run(60)
    assert told([event]) == [("counting", "restarted")]
    assert (event.kind, event.device, event.point) == ("meter", "m", "m/active_energy")
    assert event.message == (
        f"m active_energy began again: {last:.1f} kWh → 1.0 kWh (power stood in for it: estimated)"
    )
    assert event.severity is Severity.WARNING
    assert (event.earliest, event.latest) == (T + 600, T + 610)  # the second reading confirms


def test_without_power_what_a_counter_shows_since_it_began_again_is_counted():
    plant = Watched(power=False)
    plant.run(600)
    plant.count = 0.0
    before = plant.meters.total_wh[0]
    (event,) = plant.run(10)
    assert event.after == "restarted"
    assert (
        event.cause == "what it counted since it began again is counted; what it lost before is not"
    )
    assert plant.meters.total_wh[0] - before == 1000.0


def test_a_meter_that_goes_on_from_another_count_is_replaced():
    plant = Watched(power=False)
    plant.run(600)
    plant.count = 9e9
    (event,) = plant.run(60)
    assert told([event]) == [("counting", "replaced")]
    assert "512405.6 kWh → 9000001.0 kWh" in event.message
    assert event.cause == "what flowed in between is not counted"


def test_a_counter_that_runs_backwards_for_a_moment_is_told_and_costs_nothing():
    plant = Watched()
    plant.run(600)
    assert plant.poll(plant.count - 90_000_000.0) == []
    (event,) = plant.run(60)
    assert told([event]) == [("counting", "ran backwards")]
    assert "bridges the moment" in event.cause


def test_a_counter_that_goes_on_backwards_is_told_once_until_it_counts_again():
    plant = Watched()
    plant.run(600)
    found = [e for n in range(1, 10) for e in plant.poll(BEGIN_WH - 60_000_000.0 * n)]
    assert told(found) == [("counting", "runs backwards")]
    assert found[0].cause == "power stood in for it: estimated"


def test_a_counter_that_stands_while_power_flows_is_told_when_it_stops_and_counts_again():
    plant = Watched()
    plant.run(600)
    found = plant.run(300, stands=True)
    assert told(found) == [("counting", "stopped")]
    assert found[0].cause == "power stood in for it: estimated"
    found = plant.run(60)
    assert told(found) == [("stopped", "counting")]
    assert found[0].severity is Severity.OK


def test_a_counter_without_power_that_should_never_stop_is_told_and_one_that_may_rest_is_not():
    plant = Watched(power=False, unbroken=True)
    plant.run(600)
    found = plant.run(300, stands=True)
    assert told(found) == [("counting", "stopped")]
    assert found[0].message == (
        "m active_energy stands still: 512405.6 kWh "
        "(no power beside it: not known until it moves again)"
    )
    assert told(plant.run(60)) == [("stopped", "counting")]
    resting = Watched(power=False)
    resting.run(600)
    assert resting.run(600, stands=True) == []


def test_a_restart_tells_nothing_twice_and_misses_no_counter_that_counts_again():
    for saved_before in (False, True):
        plant = Watched()
        plant.run(600)
        if saved_before:
            plant.run(20, stands=True)
            early = plant.meters.state()
        found = plant.run(300, stands=True)
        assert told(found) == [("counting", "stopped")]
        if saved_before:  # the kill takes what the meter had found since
            plant.meters = plant.make()
            plant.meters.restore(early, T + plant.now)
        else:
            plant.restart()
        assert plant.run(300, stands=True) == []
        assert told(plant.run(60)) == [("stopped", "counting")]
