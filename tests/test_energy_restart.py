"""Energies are the same whoever asks and whatever happens between: restarts, duplicates, polls."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.counters import Register
from core.energy import EnergyMeters
from core.ledger import CELL_S, Cell
from core.meter import FIRST_STEP_S, MARGIN
from core.metering import EnergyInput
from core.points import parse_point
from core.quality import Quality
from core.snapshot import PointView

T = 1_800_000_000.0
RATING_W = 500e3
POWER_W = 350e3
BEGIN_WH = 8_123_456_700.0
METERS = [EnergyInput(f"{name}/active_energy", f"{name}/active_power") for name in ("a", "b")]
POINTS = tuple(parse_point(text) for each in METERS for text in (each.energy, each.power))
BOTH = np.array([0, 1])


def make() -> EnergyMeters:
    return EnergyMeters(METERS, {"a": RATING_W, "b": RATING_W})


def view(time: float, counters, powers) -> PointView:
    """Readings of both meters at this moment, None where one does not answer."""
    values = [value for pair in zip(counters, powers, strict=True) for value in pair]
    bad = [Quality.NO_ANSWER if value is None else Quality.GOOD for value in values]
    return PointView(
        POINTS,
        np.array([np.nan if value is None else value for value in values]),
        np.full(len(values), T + time),
        np.array(bad, dtype=np.uint8),
        np.zeros(len(values), dtype=np.uint8),
        {point.id: row for row, point in enumerate(POINTS)},
    )


def restarted(meters: EnergyMeters, now: float, disk: dict[int, Cell] | None = None):
    """As `disk` gives it back, where the cells of earlier runs are, too."""
    kept = meters.state()
    disk = {} if disk is None else disk
    disk |= {cell.start: cell for cell in kept.cells}
    again = make()
    state = json.loads(json.dumps(kept.state))
    again.restore(replace(kept, state=state, cells=list(disk.values())), now)
    return again


def count(time: float, count_wh: float = 10.0) -> float:
    return (BEGIN_WH + POWER_W * time / 3600) // count_wh * count_wh


readings = st.one_of(
    st.just("true"),
    st.just("true"),
    st.none(),
    st.just(0.0),
    st.floats(0, 1e12),
    st.floats(-1e5, 1e5).map(lambda wh: BEGIN_WH + wh),
)
walks = st.lists(
    st.tuples(st.floats(0.5, 4000), readings, readings, st.booleans()), min_size=2, max_size=40
)


def walk(steps, meters: EnergyMeters, *, restarts=frozenset(), twice=False) -> EnergyMeters:
    """Two meters through these steps: how long after the last, what both counters show, whether
    they tell power."""
    time, disk = 0.0, {}
    for i, (wait_s, first, second, powered) in enumerate(steps):
        time += wait_s
        counters = [count(time) if each == "true" else each for each in (first, second)]
        powers = [POWER_W if powered else None, None]
        for _ in range(2 if twice else 1):
            meters.update(view(time, counters, powers), T + time)
        if i in restarts:
            meters = restarted(meters, T + time, disk)
    return meters


@settings(max_examples=100, deadline=None)
@given(steps=walks, at=st.sets(st.integers(0, 39), max_size=6))
def test_a_restart_at_any_point_changes_no_energy(steps, at):
    plain, broken = walk(steps, make()), walk(steps, make(), restarts=at)
    assert broken.total_wh.tolist() == plain.total_wh.tolist()
    end = sum(wait_s for wait_s, *_ in steps) + CELL_S
    a, b = (meters.ledger.held(BOTH, T, T + end) for meters in (plain, broken))
    assert b.wh.tolist() == a.wh.tolist()
    assert b.known_s.tolist() == a.known_s.tolist()
    assert b.estimated_wh.tolist() == a.estimated_wh.tolist()


@settings(max_examples=100, deadline=None)
@given(steps=walks)
def test_readings_that_come_twice_change_no_energy(steps):
    plain, twice = walk(steps, make()), walk(steps, make(), twice=True)
    assert twice.total_wh.tolist() == plain.total_wh.tolist()
    assert twice.ledger.total_wh.tolist() == plain.ledger.total_wh.tolist()


@settings(max_examples=100, deadline=None)
@given(steps=walks)
def test_the_ledger_holds_what_the_meters_counted_and_never_more_than_their_rating(steps):
    meters = walk(steps, make())
    assert meters.ledger.total_wh.tolist() == pytest.approx(
        meters.total_wh.tolist(), rel=1e-9, abs=1e-6
    )
    elapsed_s = sum(wait_s for wait_s, *_ in steps)
    counter_alone_wh = meters.ledger.total_wh[1]
    assert 0 <= counter_alone_wh <= MARGIN * RATING_W * (elapsed_s + FIRST_STEP_S) / 3600
    held = meters.ledger.held(BOTH, T, T + elapsed_s)
    assert (held.known_s <= CELL_S + 0.1).all()
    assert held.known_s.sum() <= 2 * elapsed_s + 0.1


@settings(max_examples=50, deadline=None)
@given(waits=st.lists(st.floats(0.5, 3000), min_size=2, max_size=40), keep=st.data())
def test_the_ledger_is_the_same_however_finely_a_counter_is_polled(waits, keep):
    times = [sum(waits[:i]) for i in range(len(waits) + 1)]
    kept = [t for t in times[1:-1] if keep.draw(st.booleans())]
    found = []
    for chosen in (times, [times[0], *kept, times[-1]]):
        meters = make()
        for time in chosen:
            exact = BEGIN_WH + POWER_W * time / 3600
            meters.update(view(time, [exact, exact], [None, None]), T + time)
        found.append(meters.ledger.held(BOTH, T, T + times[-1]))
    assert found[0].wh.ravel().tolist() == pytest.approx(found[1].wh.ravel().tolist(), abs=0.01)
    assert found[0].known_s.ravel().tolist() == pytest.approx(
        found[1].known_s.ravel().tolist(), abs=0.01
    )


def steady(meters: EnergyMeters, start: float, end: float, *, clock=0.0, offset_wh=0.0):
    for second in range(int(start), int(end) + 1, 5):
        counters = [count(second) + offset_wh] * 2
        meters.update(view(second + clock, counters, [POWER_W, None]), T + second + clock)


@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_set_back_an_hour_loses_nothing_and_counts_nothing_twice(restart):
    """The hour comes twice: its quarters hold both."""
    meters = make()
    steady(meters, 0, 7200)
    if restart:
        meters = restarted(meters, T + 7205 - 3600)
    steady(meters, 7205, 10800, clock=-3600.0)
    assert meters.total_wh.tolist() == pytest.approx([POWER_W * 3] * 2, rel=0.003)
    assert meters.ledger.total_wh.tolist() == pytest.approx(meters.total_wh.tolist(), rel=1e-9)
    twice = meters.ledger.held(BOTH, T + 4500, T + 6300)
    assert twice.wh.ravel().tolist() == pytest.approx([2 * POWER_W / 4] * 4, rel=0.01)
    assert meters.ledger.sums(BOTH, T + 4500, T + 6300).span_s == 2 * CELL_S


def test_a_clock_set_forward_an_hour_makes_a_gap_and_no_energy():
    meters = make()
    steady(meters, 0, 3600)
    steady(meters, 3605, 7200, clock=3600.0)
    assert meters.total_wh[0] == pytest.approx(POWER_W * 2, rel=0.003)
    held = meters.ledger.held(BOTH, T, T + 10800)
    assert held.wh[:, 0].sum() == pytest.approx(POWER_W * 2, rel=0.003)
    assert held.known_s[:, 0].sum() == pytest.approx(7200, abs=30)


@pytest.mark.parametrize("restart", [False, True])
def test_a_replaced_meter_makes_no_jump_in_any_quarter(restart):
    meters = make()
    steady(meters, 0, 3600)
    if restart:
        meters = restarted(meters, T + 3605)
    steady(meters, 3605, 7200, offset_wh=-6e9)
    held = meters.ledger.held(BOTH, T, T + 7200)
    most = POWER_W / 4
    assert held.wh.max() <= most * 1.02
    assert held.wh[:, 0].min() >= most * 0.98
    assert meters.restarts == {"a/active_energy": 1, "b/active_energy": 1}


def test_days_of_outage_are_made_good_by_the_counter_in_the_quarters_where_it_flowed():
    meters = make()
    steady(meters, 0, 3600)
    outage_s = 3 * 86_400
    meters = restarted(meters, T + 3600 + outage_s)
    steady(meters, 3600 + outage_s, 7200 + outage_s)
    held = meters.ledger.held(BOTH, T + 3600, T + 3600 + outage_s)
    assert held.known_s.min() == pytest.approx(CELL_S)
    assert held.wh.ravel().tolist() == pytest.approx([POWER_W / 4] * held.wh.size, rel=0.01)
    assert held.estimated_wh.sum() == pytest.approx(held.wh.sum(), rel=0.001)


def test_windows_are_filled_from_the_ledger_after_a_restart():
    meters = make()
    steady(meters, 0, 20_000)
    again = restarted(meters, T + 20_000)
    for name, most_s in (("15m", 900), ("1h", 3600), ("24h", 20_000)):
        ring = again.windows[name].matched(BOTH, T + 20_000)
        before = meters.windows[name].matched(BOTH, T + 20_000)
        assert ring.span_s == pytest.approx(most_s, abs=10)
        assert ring.wh.sum(axis=0).tolist() == pytest.approx(
            before.wh.sum(axis=0).tolist(), rel=0.01
        )


def test_what_is_configured_counts_more_than_what_was_saved():
    meters = make()
    steady(meters, 0, 60)
    again = EnergyMeters(METERS, {"a": 1e6}, {"a/active_energy": Register(1e9, 2e6)})
    again.restore(meters.state(), T + 60)
    assert again.rated_w(np.array([0])) == 2e6
    assert again._meters[0].wraps_at_wh == 1e9
    assert again.rated_w(np.array([1])) is None


def test_tv4_a_meter_that_was_silent_for_a_quarter_fills_it_by_its_counter_and_tells():
    """TV-4: facility 370, 372, 375, 380 kW; IT 250, 255, silent, 260 kW with a counter that went on
    at 257.5: 1.4641, and 25 % of the time is estimated."""
    meters = make()
    facility_wh, it_wh = 5e9, 7e9
    for second in range(0, 4 * CELL_S + 1, 30):
        silent = 2 * CELL_S < second < 3 * CELL_S
        counters = [facility_wh, None if silent else it_wh]
        meters.update(view(second, counters, [None, None]), T + second)
        quarter = min(3, second // CELL_S)
        facility_wh += (370, 372, 375, 380)[quarter] * 1000 * 30 / 3600
        it_wh += (250, 255, 257.5, 260)[quarter] * 1000 * 30 / 3600
    found = meters.ledger.sums(BOTH, T, T + 4 * CELL_S)
    facility, it = found.wh.sum(axis=0)
    assert round(facility / it, 4) == 1.4641
    assert found.span_s == pytest.approx(4 * CELL_S)
    assert found.estimated_wh[:, 0].sum() == 0.0
    assert (found.estimated_wh[:, 1] > 0).tolist() == [False, False, True, False]
    assert round(found.estimated_wh[:, 1].sum() / it, 2) == 0.25
