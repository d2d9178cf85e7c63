"""Counters without power beside them, of meters that stop: no key figure jumps, coverage falls."""

from __future__ import annotations

import itertools
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kpi import Kpis
from core.meter import Meter
from core.metering import Energy
from core.quality import Level, Quality
from core.standstill import Standstill
from tests.support.energy import Bench, Metered, constant, find, site

IT_W, FACILITY_W = 700e3, 959e3
PUE = FACILITY_W / IT_W
STEP_S = 0.5
WINDOWS = ("1m", "15m", "1h", "24h")


class Stopping(Metered):
    """A meter that stops at times: its register stands, and what flows is lost or made up."""

    stopped = False
    lost_wh = 0.0
    makes_up = False
    stood_at = 0.0

    def stop(self):
        self.stopped, self.stood_at = True, self.true_wh

    def go_on(self):
        self.stopped = False
        if not self.makes_up:
            self.lost_wh += self.true_wh - self.stood_at

    @property
    def counter_wh(self):
        true_wh = self.stood_at if self.stopped else self.true_wh
        return (self.begin_wh + true_wh - self.lost_wh) // self.count_wh * self.count_wh


def bench_of(which, count_wh=1.0, makes_up=False):
    facility = Stopping("mv", constant(FACILITY_W), 5.0, 0.5, gives_power=False)
    it = Stopping("ups", constant(IT_W), 2.0, 1.5, gives_power=False)
    facility.count_wh = it.count_wh = count_wh
    bench = Bench(Kpis(site([facility], [it]), {"mv": 2e6, "ups": 2e6}), [facility, it])
    stops = {"mv": facility, "ups": it}[which]
    stops.makes_up = makes_up
    return bench, stops


def told(bench, window, after):
    found = [find(kpis, "pue", window, 1) for elapsed, kpis in bench.seen if elapsed > after]
    return [kpi for kpi in found if kpi.value is not None]


@pytest.mark.parametrize("makes_up", [False, True])
@pytest.mark.parametrize("which", ["mv", "ups"])
@pytest.mark.parametrize("stops_s", [9.0, 33.0, 240.0, 600.0])
def test_a_counter_that_stops_never_moves_the_pue(which, stops_s, makes_up):
    bench, meter = bench_of(which, makes_up=makes_up)
    bench.run(901, STEP_S)
    meter.stop()
    bench.run(stops_s, STEP_S)
    meter.go_on()
    bench.run(200, STEP_S)
    for window in WINDOWS:
        for kpi in told(bench, window, 60):
            # When it stopped between two readings nobody knows.
            least_s = meter.interval_s / kpi.span_s
            assert kpi.value == pytest.approx(PUE, rel=0.01 + least_s), (window, kpi)
    assert bench.figure("pue", "1m").quality is Quality.GOOD, "and it is well again"


@pytest.mark.parametrize("which", ["mv", "ups"])
def test_a_counter_that_stops_lowers_the_coverage_and_is_named(which):
    bench, meter = bench_of(which)
    bench.run(901, STEP_S)
    meter.stop()
    bench.run(300, STEP_S)
    minute, quarter = bench.figure("pue", "1m"), bench.figure("pue", "15m")
    assert minute.value is None
    assert f"the counter of {which} stands still" in minute.reason
    assert quarter.coverage == pytest.approx(2 / 3, abs=0.03)
    assert quarter.quality.level is Level.UNCERTAIN
    assert f"the counter of {which} stands still" in quarter.reason


def test_what_a_stopped_counter_said_last_is_not_shown_as_power():
    bench, meter = bench_of("ups")
    bench.run(300, STEP_S)
    assert bench.figure("it_power").value == pytest.approx(IT_W, rel=0.02)
    meter.stop()
    bench.run(120, STEP_S)
    assert bench.figure("it_power").value is None


def test_what_it_makes_up_is_counted_and_estimated():
    bench, meter = bench_of("ups", makes_up=True)
    bench.run(600, STEP_S)
    meter.stop()
    bench.run(300, STEP_S)
    meter.go_on()
    bench.run(60, STEP_S)
    column = [name.startswith("ups") for name in bench.kpis.meters.names].index(True)
    assert bench.kpis.meters.total_wh[column] == pytest.approx(IT_W * 960 / 3600, rel=0.01)
    assert bench.figure("pue", "15m").estimated_ratio > 0.1


@pytest.mark.parametrize("share", [0.1, 0.3, 3.0])
def test_a_load_that_falls_or_rises_is_no_standstill(share):
    """Of a coarse counter the steps then come in another time; all of it is known."""
    powers = {"at": 1.0}
    facility = Metered("mv", lambda _: FACILITY_W * powers["at"], 5.0, 0.5, 1000.0)
    it = Metered("ups", lambda _: IT_W * powers["at"], 5.0, 1.5, 1000.0)
    facility.gives_power = it.gives_power = False
    bench = Bench(Kpis(site([facility], [it]), {"mv": 4e6, "ups": 4e6}), [facility, it])
    bench.run(900, STEP_S, 5.0)
    powers["at"] = share
    bench.run(1800, STEP_S, 5.0)
    assert all(kpi.value == pytest.approx(PUE, rel=0.06) for kpi in told(bench, "15m", 600))
    assert bench.figure("pue", "1h").value == pytest.approx(PUE, rel=0.03)
    assert bench.figure("pue", "1h").coverage > 0.95


def test_generators_and_pv_may_stand_still():
    facility, it = Metered("mv", constant(FACILITY_W)), Metered("ups", constant(IT_W))
    genset = Metered("gen", lambda t: 500e3 if t < 600 else 0.0, gives_power=False)
    energy = Energy(facility=(facility.input,), genset=(genset.input,), it=((1, (it.input,)),))
    bench = Bench(Kpis(energy), [facility, it, genset])
    bench.run(1500, STEP_S)
    assert bench.figure("pue", "1m").quality is Quality.GOOD
    assert bench.figure("pue", "1m").value == pytest.approx(PUE, rel=0.01)


@given(
    st.lists(st.tuples(st.floats(1, 900), st.sampled_from([0.0, 1.0, 40.0])), max_size=60),
    st.integers(0, 60),
)
@settings(max_examples=200)
def test_no_energy_is_lost_or_twice_however_the_counter_moves(moves, cut):
    """What is told of a counter is what it counted since its first move, but the last step; a
    restart in between changes nothing."""
    meter = Meter(rating_w=1e9, standstill=Standstill())
    time, count = 0.0, 1000.0
    meter.take(time, counter_wh=count)
    spans = []
    for number, (gap, wh) in enumerate(moves):
        if number == cut:
            kept = meter.standstill
            meter.standstill = Standstill(**asdict(kept))
        time, count = time + gap, count + wh
        spans += meter.take(time, counter_wh=count)
    held = meter.standstill.held_wh
    assert sum(span.wh for span in spans) + held == pytest.approx(count - 1000.0)
    known = [(span.known_from, span.end) for span in spans]
    assert all(a <= b for a, b in known)
    assert all(a[1] <= b[0] + 1e-6 for a, b in itertools.pairwise(known))
