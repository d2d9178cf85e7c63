"""One meter: from readings with all their faults to energy that can be believed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine import Engine
from core.meter import (
    BRIDGE_RATED_S_MAX,
    BRIDGE_S_MAX,
    FIRST_STEP_S,
    MARGIN,
    UNRATED_W_MAX,
    Meter,
)
from core.metering import Energy, EnergyInput
from core.site import Rating, Site
from tests.support.power import node

BEGIN_WH = 8_123_456_700.0
RATING_W = 500e3
POWER_W = 350e3
EVERY_S = 5.0


def counter(time: float, power_w: float = POWER_W, count_wh: float = 10.0) -> float:
    return math.floor((BEGIN_WH + power_w * time / 3600) / count_wh) * count_wh


def true_wh(seconds: float, power_w: float = POWER_W) -> float:
    return power_w * seconds / 3600


def feed(meter: Meter, start: float, end: float, *, power_w=POWER_W, error=1.0, count_wh=10.0):
    """Steady readings from start to end; gives all spans."""
    spans = []
    time = start
    while time <= end:
        watts = None if power_w is None else power_w * error
        spans += meter.take(time, watts, counter(time, count_wh=count_wh))
        time += EVERY_S
    return spans


def test_the_first_reading_is_only_where_counting_starts():
    meter = Meter()
    assert meter.take(0.0, POWER_W, BEGIN_WH) == ()
    assert meter.total_wh == 0.0


def test_duplicates_and_late_readings_are_dropped():
    meter = Meter(RATING_W)
    feed(meter, 0, 60)
    before = meter.total_wh
    assert meter.take(60.0, POWER_W, counter(60) + 400) == ()
    assert meter.take(58.0, POWER_W, counter(60) + 400) == ()
    assert meter.total_wh == before


@pytest.mark.parametrize("count_wh", [1, 10, 100, 1000])
@pytest.mark.parametrize("error", [0.97, 1.0, 1.03])
def test_energy_follows_the_counter_whatever_its_step_and_the_power_error(count_wh, error):
    meter = Meter(RATING_W)
    feed(meter, 0, 3600, error=error, count_wh=count_wh)
    # Two poll intervals at most, of 720 in the hour: when the counter moved is not known better.
    assert meter.total_wh == pytest.approx(true_wh(3600), abs=2 * true_wh(EVERY_S))


@pytest.mark.parametrize("count_wh", [1, 100, 1000])
def test_a_coarse_counter_is_smooth_between_its_counts(count_wh):
    spans = feed(Meter(RATING_W), 0, 600, count_wh=count_wh)
    late = [span.wh for span in spans if span.end > 120 and span.known_from < span.end]
    # The counter's own steps would be 0 or 1000 Wh; an interval has 486 Wh.
    assert max(late) - min(late) < 0.25 * true_wh(EVERY_S)


def test_a_counter_alone_gives_exactly_what_it_counted():
    meter = Meter(RATING_W)
    feed(meter, 0, 600, power_w=None)
    assert meter.total_wh == counter(600) - counter(0)


def test_a_step_of_a_counter_alone_is_spread_over_the_time_it_grew_in():
    meter = Meter(RATING_W)
    spans = feed(meter, 0, 300, power_w=None, count_wh=1000)
    moves = [span for span in spans if span.wh > 0][1:]
    assert moves
    for span in moves:
        assert span.wh * 3600 / (span.end - span.start) == pytest.approx(POWER_W, rel=0.6)


def test_power_alone_is_integrated_and_estimated():
    meter = Meter(RATING_W)
    spans = [span for t in range(0, 605, 5) for span in meter.take(t, 500.0 * t)]
    assert meter.total_wh == pytest.approx(500.0 * 600**2 / 2 / 3600)
    assert all(span.estimated for span in spans)


def test_a_long_gap_of_power_alone_is_unknown_not_energy():
    meter = Meter(RATING_W)
    for t in (0, 5, 10, 1000, 1005):
        spans = meter.take(t, POWER_W)
    assert meter.total_wh == pytest.approx(true_wh(15))
    assert spans[0].known_from == 1000


def test_the_counter_bridges_a_gap_and_says_it_is_spread_evenly():
    meter = Meter(RATING_W)
    feed(meter, 0, 60)
    (span,) = meter.take(660.0, POWER_W, counter(660))
    assert span.estimated
    assert (span.start, span.end, span.known_from) == (60, 660, 60)
    assert span.wh == pytest.approx(true_wh(600), abs=20)


def test_after_a_day_of_silence_a_meter_without_rating_begins_anew():
    meter = Meter()
    feed(meter, 0, 60)
    before = meter.total_wh
    assert meter.take(61 + BRIDGE_S_MAX, POWER_W, counter(61 + BRIDGE_S_MAX)) == ()
    assert meter.total_wh == before


@pytest.mark.parametrize("power_w", [POWER_W, None])
def test_a_rated_counter_bridges_weeks_of_silence_by_what_it_counted(power_w):
    meter = Meter(RATING_W)
    feed(meter, 0, 60, power_w=power_w)
    month_s = 30 * 86_400.0
    (span,) = meter.take(60 + month_s, power_w, counter(60 + month_s))
    assert span.estimated
    assert meter.total_wh == pytest.approx(counter(60 + month_s) - counter(0), rel=1e-6)
    before = meter.total_wh
    assert meter.take(61 + month_s + BRIDGE_RATED_S_MAX, power_w, 1e12) == ()
    assert meter.total_wh == before


@pytest.mark.parametrize("shows", [0.0, 50e6, BEGIN_WH + 1e9])
def test_weeks_of_silence_are_not_bridged_by_a_guess(shows):
    """A counter that was reset or replaced meanwhile says nothing of that time."""
    meter = Meter(RATING_W)
    feed(meter, 0, 60)
    before = meter.total_wh
    week_s = 7 * 86_400.0
    for t in range(0, 100, 5):
        meter.take(60 + week_s + t, POWER_W, shows + true_wh(t))
    assert meter.total_wh - before == pytest.approx(true_wh(95), rel=0.02)


def test_weeks_of_silence_are_bridged_through_a_wrap_where_it_is_configured():
    meter = Meter(RATING_W, wraps_at_wh=1e10)
    meter.take(0.0, None, 1e10 - 1e6)
    week_s = 7 * 86_400.0
    (span,) = meter.take(week_s, None, true_wh(week_s) - 1e6)
    assert span.wh == pytest.approx(true_wh(week_s))


def test_tv5_a_32_bit_counter_of_wh_wraps():
    """TV-5: 4 294 967 000 and then 704 are 1000 Wh."""
    for wraps_at_wh in (None, 2.0**32):
        meter = Meter(RATING_W, wraps_at_wh)
        meter.take(0.0, None, 4_294_967_000.0)
        (span,) = meter.take(30.0, None, 704.0)
        assert (span.wh, span.estimated, meter.restarts) == (1000.0, False, 0)


def test_tv6_a_display_of_six_digits_wraps():
    """TV-6: 999 990.0 kWh and then 12.5 kWh are 22.5 kWh."""
    for wraps_at_wh in (None, 1e9):
        meter = Meter(2e6, wraps_at_wh)
        meter.take(0.0, None, 999_990.0e3)
        (span,) = meter.take(50.0, None, 12.5e3)
        assert span.wh == pytest.approx(22.5e3, abs=1e-6)
        assert not span.estimated


def test_tv7_a_counter_that_fell_to_almost_nothing_began_again():
    """TV-7: 512 345.6 kWh and 900 s later 3.2 kWh at 2000 kW: 3.2 kWh, estimated. The next reading
    confirms it: then it is counted."""
    for wraps_at_wh in (None, 1e9):
        meter = Meter(2e6, wraps_at_wh)
        meter.take(0.0, None, 512_345.6e3)
        assert meter.take(900.0, None, 3.2e3) == ()
        (span,) = meter.take(905.0, None, 3.2e3)
        assert (span.wh, span.estimated, span.known_from) == (3.2e3, True, 0.0)
        assert meter.restarts == 1


def test_a_configured_register_is_believed_where_the_power_knows_nothing_yet():
    """Its meter shows ten times less power than flows: a guessed wrap would be refused."""
    meter = Meter(RATING_W, wraps_at_wh=1e8)
    for t in range(0, 60, 5):
        shown = (1e8 - 2000 + true_wh(t)) % 1e8
        meter.take(float(t), POWER_W / 10, shown)
    assert meter.total_wh == pytest.approx(true_wh(55), abs=true_wh(10))
    assert meter.restarts == 0


@pytest.mark.parametrize("power_w", [POWER_W, None])
def test_a_counter_that_blinks_to_zero_costs_nothing(power_w):
    meter = Meter(RATING_W)
    feed(meter, 0, 60, power_w=power_w)
    meter.take(65.0, power_w, 0.0)
    feed(meter, 70, 120, power_w=power_w)
    assert meter.restarts == 0
    assert meter.total_wh == pytest.approx(true_wh(120), abs=20)


@pytest.mark.parametrize("power_w", [POWER_W, None])
@pytest.mark.parametrize("fallen_to", [0.0, 3_000_000_000.0])
def test_a_reset_or_replaced_counter_goes_on_counting(power_w, fallen_to):
    meter = Meter(RATING_W)
    feed(meter, 0, 60, power_w=power_w)
    for t in range(65, 605, 5):
        meter.take(t, power_w, fallen_to + counter(t) - counter(62))
    assert meter.restarts == 1
    # Without power, a counter that begins with a history hides what flowed before it was read.
    lost_wh = true_wh(5) if power_w is None and fallen_to else 0.0
    assert meter.total_wh == pytest.approx(true_wh(600) - lost_wh, abs=true_wh(EVERY_S) * 0.7)


def test_a_wrap_is_counted_through():
    meter = Meter(RATING_W)
    for t in range(0, 300, 5):
        meter.take(t, POWER_W, (2**32 - 10_000 + round(true_wh(t))) % 2**32)
    assert meter.restarts == 0
    assert meter.total_wh == pytest.approx(true_wh(295), abs=5)


def test_a_counter_that_stands_still_while_power_flows_is_replaced_by_power():
    meter = Meter(RATING_W)
    feed(meter, 0, 60)
    frozen = counter(60)
    spans = [span for t in range(65, 305, 5) for span in meter.take(t, POWER_W, frozen)]
    assert spans[-1].estimated
    assert meter.total_wh == pytest.approx(true_wh(300), rel=0.01)
    for t in range(305, 605, 5):
        meter.take(t, POWER_W, frozen + counter(t) - counter(300))
    assert meter.total_wh == pytest.approx(true_wh(600), rel=0.01)


def test_a_counter_refreshed_once_a_minute_is_not_taken_for_stuck_for_long():
    meter = Meter(RATING_W)
    for t in range(0, 3600, 5):
        spans = meter.take(t, POWER_W, counter(t // 60 * 60))
    assert meter.total_wh == pytest.approx(true_wh(3595), rel=0.005)
    assert not any(span.estimated for span in spans)


def test_a_counter_that_was_away_sets_right_what_power_gave_meanwhile():
    meter = Meter(RATING_W)
    feed(meter, 0, 60)
    for t in range(65, 1865, 5):
        meter.take(t, POWER_W * 1.05)
    spans = feed(meter, 1865, 1900)
    assert meter.total_wh == pytest.approx(true_wh(1900), rel=0.002)
    (correction,) = [span for span in spans if span.wh < 0]
    assert correction.start <= 60  # spread over all that time, not piled on its last seconds


def test_a_stopped_generator_gives_zero_and_its_first_run_counts():
    meter = Meter(RATING_W)
    for t in range(0, 600, 5):
        meter.take(t, 0.0, 500_000.0)
    assert meter.total_wh == 0.0
    for t in range(600, 1205, 5):
        meter.take(t, POWER_W, 500_000.0 + true_wh(t - 600) // 100 * 100)
    assert meter.total_wh == pytest.approx(true_wh(600), rel=0.01)


@pytest.mark.parametrize("error", [0.9, 1.1])
def test_a_generator_that_stood_for_weeks_corrects_nothing_back_over_them(error):
    meter = Meter(RATING_W)
    week_s = 7 * 86_400
    for t in range(0, 600, 5):
        meter.take(t, POWER_W * error, 1e9 + true_wh(t) // 1000 * 1000)
    spans = []
    for t in range(600, week_s, 60):
        spans += meter.take(t, 0.0, 1e9 + true_wh(595) // 1000 * 1000)
    for t in range(week_s, week_s + 600, 5):
        shown = 1e9 + (true_wh(595) + true_wh(t - week_s)) // 1000 * 1000
        spans = meter.take(t, POWER_W * error, shown)
        assert all(span.start >= week_s - 60 for span in spans)
    assert meter.total_wh == pytest.approx(2 * true_wh(595), rel=0.02)


def test_without_a_rating_recent_power_bounds_the_counter():
    meter = Meter()
    feed(meter, 0, 60)
    meter.take(65.0, POWER_W, counter(65) + 50_000)
    feed(meter, 70, 120)
    assert meter.total_wh == pytest.approx(true_wh(120), abs=20)


@pytest.mark.parametrize("count_wh", [10, 1000])
def test_a_wrong_power_word_is_set_right_by_the_counter(count_wh):
    meter = Meter()
    feed(meter, 0, 60, count_wh=count_wh)
    meter.take(65.0, 1e9, counter(65, count_wh=count_wh))
    feed(meter, 70, 300, count_wh=count_wh)
    assert meter.total_wh == pytest.approx(true_wh(300), abs=2 * true_wh(EVERY_S) + count_wh)


faults = st.one_of(
    st.just(None),
    st.just(0.0),
    st.floats(0, 1e12),
    st.floats(-1e5, 1e5).map(lambda wh: BEGIN_WH + wh),
)
polls = st.lists(
    st.tuples(st.floats(0.5, 90), st.one_of(st.none(), faults)), min_size=1, max_size=60
)


@settings(max_examples=200, deadline=None)
@given(polls=polls)
def test_faults_of_a_counter_alone_never_bring_more_than_the_rating(polls):
    meter = Meter(RATING_W)
    time, first = 0.0, None
    for wait_s, reading in polls:
        time += wait_s
        value = counter(time) if reading is None else reading
        first = time if first is None else first
        meter.take(time, None, value)
        most_wh = MARGIN * RATING_W * (time - first + FIRST_STEP_S) / 3600
        assert 0 <= meter.total_wh <= most_wh + 1e-6


@settings(max_examples=200, deadline=None)
@given(polls=polls, error=st.floats(0.97, 1.03))
def test_faults_of_a_counter_beside_its_power_hardly_move_the_energy(polls, error):
    """A counter that lies, but goes on steadily, cannot be told from one that is right: that time
    is left out of the lower bound."""
    meter = Meter(RATING_W)
    time, steady_s, times, values, lies = 0.0, 0.0, [], [], []
    for wait_s, reading in polls:
        time += min(wait_s, 30.0)
        value = counter(time) if reading is None else reading
        if times:
            since_s = time - times[-1]
            most_wh = MARGIN * RATING_W * (since_s + FIRST_STEP_S) / 3600
            if 0 <= value - values[-1] <= most_wh and (lies[-1] or reading is not None):
                steady_s += since_s
        times.append(time)
        values.append(value)
        lies.append(reading is not None)
        meter.take(time, POWER_W * error, value)
        assert meter.total_wh <= 2 * MARGIN * RATING_W * (time - times[0]) / 3600
        sure_wh = true_wh(time - times[0] - steady_s)
        assert meter.total_wh >= 0.5 * sure_wh - true_wh(60)


def test_a_counter_that_went_back_is_not_believed_until_it_agrees_with_the_power():
    meter = Meter(RATING_W)
    feed(meter, 0, 60)
    for t in range(60, 300, 5):  # it trembles about one count
        meter.take(t, POWER_W, counter(60) + (t % 10))
    assert meter.total_wh == pytest.approx(true_wh(295), rel=0.01)
    feed(meter, 300, 600)
    assert meter.total_wh == pytest.approx(true_wh(595), rel=0.02)


@settings(max_examples=200, deadline=None)
@given(waits=st.lists(st.floats(0.5, 50), min_size=2, max_size=80), keep=st.data())
def test_energy_is_the_same_however_finely_it_is_polled(waits, keep):
    times = [sum(waits[:i]) for i in range(len(waits) + 1)]
    kept = [t for t in times[1:-1] if keep.draw(st.booleans())]
    totals = []
    for chosen in (times, [times[0], *kept, times[-1]]):
        meter = Meter(RATING_W)
        for time in chosen:
            meter.take(time, None, BEGIN_WH + true_wh(time))
        totals.append(meter.total_wh)
    assert totals[0] == pytest.approx(totals[1], abs=1e-3)


def test_a_small_step_back_is_no_wrap_where_the_power_knows_better():
    """A 16-bit register would explain it, and the rating would allow it: 6.5 kWh in a second."""
    meter = Meter(RATING_W)
    meter.take(0.0, POWER_W, 1.0)
    meter.take(1.0, POWER_W, 0.0)
    assert meter.step_wh < true_wh(10)
    for second in range(2, 60):
        meter.take(float(second), POWER_W, true_wh(second - 1))
    assert meter.total_wh == pytest.approx(true_wh(59), rel=0.05)


GAP_S = 150.0


def test_a_gap_in_which_the_mains_went_away_is_known_whole():
    """Little energy beside the power before it: it went early, the clock was not set."""
    meter = Meter(RATING_W)
    feed(meter, 0, 55)
    (span,) = meter.take(55 + GAP_S, 0.0, counter(60))
    assert (span.start, span.known_from, span.end) == (55, 55, 55 + GAP_S)
    assert span.wh == pytest.approx(true_wh(5), rel=0.05)


def test_a_clock_that_was_set_forward_is_still_told_by_the_power_at_both_ends():
    meter = Meter(RATING_W)
    feed(meter, 0, 55)
    (span,) = meter.take(55 + GAP_S, POWER_W, counter(60))
    assert span.known_from == pytest.approx(55 + GAP_S - 5, abs=0.5)


def test_what_a_generator_gave_in_a_gap_did_not_flow_while_it_stood_before():
    meter = Meter(RATING_W)
    for t in range(0, 60, 5):
        meter.take(t, 0.0, BEGIN_WH)
    (span,) = meter.take(55 + GAP_S, POWER_W, BEGIN_WH + true_wh(110))
    assert (span.start, span.end) == (55, 55 + GAP_S)
    assert span.wh == pytest.approx(true_wh(110))


def test_an_unrated_counter_without_power_brings_no_more_than_the_site_can_take():
    """A jump of 20 kWh within 5 s: 14 MW where the site is fed with 1 MW."""
    wide, narrow = Meter(), Meter(site_w=1e6)
    for meter in (wide, narrow):
        for n in range(60):
            meter.take(n * EVERY_S, None, BEGIN_WH + n * 500)
        meter.take(60 * EVERY_S, None, BEGIN_WH + 59 * 500 + 20_000)
    assert wide.total_wh == pytest.approx(59 * 500 + 20_000)
    assert narrow.total_wh <= 1.1 * true_wh(60 * EVERY_S + FIRST_STEP_S, 1e6)
    assert narrow.total_wh == pytest.approx(59 * 500)


def test_what_a_site_can_take_is_known_where_all_that_feeds_it_states_its_capacity():
    mains, spare = node("mains", "utility", kw=800), node("gen", "genset", kw=600)
    sun, row = node("pv", "pv", kw=100), node("row", "load", "mains gen", 500)
    plain = Site(id="s", name="S", timezone="UTC", power=(mains, spare, sun, row))
    assert plain.supply_w == 1.5e6
    short = replace(spare, rating=Rating("ESP", derate=0.9))
    assert replace(plain, power=(mains, short)).supply_w == 1.4e6, "a peak may be above its hours"
    assert replace(plain, power=(mains, replace(spare, capacity_kw=None))).supply_w is None
    assert replace(plain, power=(spare,)).supply_w is None
    assert replace(plain, power=()).supply_w is None


def test_meters_of_an_engine_are_bounded_by_what_feeds_the_site():
    mains = node("mains", "utility", kw=800)
    energy = Energy(facility=(EnergyInput("mv/active_energy", "mv/active_power"),))
    site = Site(id="s", name="S", timezone="UTC", power=(mains,), energy=energy)
    (meter,) = Engine(site, 0.0)._kpis.meters._meters
    assert meter.site_w == 800e3
    (meter,) = Engine(replace(site, power=()), 0.0)._kpis.meters._meters
    assert meter.site_w == UNRATED_W_MAX
