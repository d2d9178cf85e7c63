"""From the point table to meters: rows that come late, readings at different times, signs."""

from __future__ import annotations

import numpy as np
import pytest

from core.energy import EnergyMeters
from core.metering import EnergyInput
from core.points import parse_point
from core.quality import Quality
from core.snapshot import PointView

T = 1_800_000_000.0
METER = EnergyInput("m/active_energy", "m/active_power")
WATTS = 360e3
"""100 Wh a second."""


def view(**readings) -> PointView:
    """Rows of meter `m`: `power=(value, seconds)` and `energy=(value, seconds)`, None for bad."""
    names = {
        "power": "m/active_power",
        "energy": "m/active_energy",
        "out": "m/active_energy_export",
    }
    points = tuple(parse_point(names[name]) for name in readings)
    values = [np.nan if value is None else value for value, _ in readings.values()]
    bad = [Quality.NO_ANSWER if value is None else Quality.GOOD for value, _ in readings.values()]
    return PointView(
        points,
        np.array(values, dtype=float),
        np.array([T + time for _, time in readings.values()]),
        np.array(bad, dtype=np.uint8),
        np.zeros(len(points), dtype=np.uint8),
        {point.id: row for row, point in enumerate(points)},
    )


def energy(time: float) -> float:
    return 5e9 + WATTS * time / 3600


def test_a_counter_polled_slowly_beside_a_power_polled_fast():
    meters = EnergyMeters([METER], {"m": 1e6})
    counted_at = 0.0
    for second in range(1, 400):
        if second % 60 == 1:
            counted_at = second + 0.2
        fast = second // 5 * 5
        readings = view(power=(WATTS * 1.03, fast), energy=(energy(counted_at), counted_at))
        meters.update(readings, T + second + 0.5)
    assert meters.total_wh[0] == pytest.approx(100 * (meters.until[0] - meters.since[0]), rel=0.02)
    assert meters.until[0] == pytest.approx(T + 395)


@pytest.mark.parametrize("power_first", [True, False])
def test_two_readings_between_ticks_are_taken_in_the_order_of_their_times(power_first):
    meters = EnergyMeters([METER], {"m": 1e6})
    for second in range(0, 60, 2):
        power_at, energy_at = (second, second + 0.6) if power_first else (second + 0.6, second)
        readings = view(power=(WATTS, power_at), energy=(energy(energy_at), energy_at))
        meters.update(readings, T + second + 1)
    assert meters.until[0] == T + 58.6
    assert meters.total_wh[0] == pytest.approx(5860 - 60, abs=70)


def test_a_reading_is_taken_once_however_often_it_is_seen():
    meters = EnergyMeters([METER])
    for second in range(20):
        at = second // 10 * 10
        meters.update(view(power=(WATTS, at), energy=(energy(at), at)), T + second)
    assert meters.total_wh[0] == pytest.approx(1000)


def test_power_steps_in_while_the_counter_is_bad_and_the_counter_while_power_is():
    meters = EnergyMeters([METER], {"m": 1e6})
    for second in range(0, 300, 5):
        power = None if 100 <= second < 200 else WATTS
        counter = None if second >= 200 else energy(second)
        meters.update(view(power=(power, second), energy=(counter, second)), T + second)
        if second == 150:
            assert meters.power.watts[0] == pytest.approx(WATTS, rel=0.02)
            assert meters.power.quality[0] == Quality.ESTIMATED
    assert meters.total_wh[0] == pytest.approx(29_500, abs=600)


def test_the_power_beside_an_export_counter_flows_the_other_way():
    meters = EnergyMeters([EnergyInput("m/active_energy_export", "m/active_power")])
    for second in range(0, 60, 5):
        at = (energy(second), second)
        meters.update(view(power=(-WATTS, second), out=at), T + second)
    assert meters.power.watts[0] == WATTS
    assert meters.total_wh[0] == pytest.approx(5500)


def test_a_meter_named_twice_is_one_meter():
    meters = EnergyMeters([METER, METER])
    assert len(meters) == 1
    assert meters.rated_w(np.array([0])) is None


def test_an_empty_table_is_no_trouble():
    meters = EnergyMeters([METER])
    meters.update(view(), T)
    assert np.isnan(meters.power.watts[0])
    assert meters.end(np.array([0])) == T


def test_a_gap_that_neither_power_nor_counter_bridged_is_given_up():
    """The counter was replaced in the gap, and then cannot be read any more."""
    meters = EnergyMeters([METER], {"m": 1e6})
    for second in range(0, 60, 5):
        at = (energy(second), second)
        meters.update(view(power=(WATTS, second), energy=at), T + second)
    for second in range(1000, 1060, 5):
        counter = 7e9 if second == 1000 else None
        meters.update(view(power=(WATTS, second), energy=(counter, second)), T + second)
    assert meters.total_wh[0] == pytest.approx(5500 + 5000, abs=600)
    assert meters.until[0] == T + 1055


def test_power_that_is_too_old_does_not_fill_the_time_of_the_counter():
    meters = EnergyMeters([METER], {"m": 1e6})
    for second in range(0, 400, 5):
        power = (WATTS * 2, 0)  # read once, never again
        meters.update(view(power=power, energy=(energy(second), second)), T + second)
    assert meters.total_wh[0] == pytest.approx(39_500, abs=1100)
