"""Key figures through what happens to a site: they may have no value, but never an absurd one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.energy import WINDOWS
from core.kpi import Kpis
from core.metering import Energy
from core.quality import Level, Quality
from tests.support.energy import Bench, Metered, constant, find, site

LOAD_W = 700e3
PUE = 1.37


def make(**rates):
    ratings = rates or {"mv": 2e6, "ups": 1e6}
    facility = Metered("mv", constant(LOAD_W * PUE), 5.0, 0.7)
    it = Metered("ups", constant(LOAD_W), 2.0, 1.4)
    return Bench(Kpis(site([facility], [it]), ratings), [facility, it])


def values(bench, window, after=0.0):
    found = [find(kpis, "pue", window, 1) for elapsed, kpis in bench.seen if elapsed > after]
    return [kpi.value for kpi in found if kpi.value is not None]


def assert_steady(bench, after, windows=tuple(WINDOWS), rel=0.02):
    for window in windows:
        assert values(bench, window, after), window
        assert all(value == pytest.approx(PUE, rel=rel) for value in values(bench, window, after))


def outage(start, battery_s, end):
    """Mains, generator and UPS output of a plant whose mains fails for a while."""

    def mains(t):
        return 0.0 if start <= t < end else LOAD_W * PUE

    def genset(t):
        on = start + battery_s <= t < end
        return LOAD_W * PUE + 90e3 if on else 0.0  # and the batteries recharge

    return mains, genset


@pytest.mark.parametrize("battery_s", [12.0, 45.0])
def test_a_mains_failure_gives_no_absurd_pue(battery_s):
    mains, genset = outage(120.0, battery_s, 300.0)
    facility = Metered("mv", mains, 5.0, 0.7)
    it = Metered("ups", constant(LOAD_W), 2.0, 1.4)
    gen = Metered("gen-1", genset, 5.0, 3.1, 100.0, begin_wh=512_000.0)
    bench = Bench(Kpis(site([facility], [it], genset=[gen]), {"mv": 2e6}), [facility, it, gen])
    bench.run(600)
    for window in WINDOWS:
        assert all(1.25 < value < 1.55 for value in values(bench, window))
        assert values(bench, window, 130)
    minute = bench.figures("pue", "1m")
    on_battery = [kpi for kpi in minute if kpi.value is None and kpi.reason.startswith("less")]
    assert bool(on_battery) == (battery_s > 30)
    assert all(kpi.quality is Quality.OUT_OF_RANGE for kpi in on_battery)
    assert any("s on batteries are left out" in kpi.reason for kpi in minute)
    assert bench.figure("pue", "1m").value == pytest.approx(PUE, rel=0.01)
    assert bench.figure("pue", "1m").quality is Quality.GOOD


@pytest.mark.parametrize("start", [12.0, 20.0, 30.0, 90.0])
def test_a_mains_failure_suspects_no_meter_whatever_the_pace_of_the_categories(start):
    mains, genset = outage(start, 20.0, start + 120)
    mv, gen = Metered("mv", mains, 2.0, 0.7), Metered("gen-1", genset, 5.0, 3.1)
    ups = Metered("ups", constant(LOAD_W), 2.0, 1.4)
    pdu = Metered("pdu", constant(LOAD_W * 0.995), 10.0, 4.4)
    energy = Energy(
        facility=(mv.input,), genset=(gen.input,), it=((1, (ups.input,)), (2, (pdu.input,)))
    )
    bench = Bench(Kpis(energy), [mv, gen, ups, pdu])
    bench.run(start + 150)
    for category in (1, 2):
        for window in ("1m", "15m"):
            figures = bench.figures("pue", window, category)
            assert Quality.SUSPECT not in {figure.quality for figure in figures}


def test_a_silent_meter_lowers_coverage_and_not_the_value():
    bench = make()
    bench.run(900, step_s=0.5)
    bench.meters[1].silent = True
    bench.run(300, step_s=0.5)
    figure = bench.figure("pue", "15m")
    assert figure.value == pytest.approx(PUE, rel=0.01)
    assert figure.coverage == pytest.approx(600 / 900, abs=0.03)
    assert figure.quality is Quality.SUBNORMAL
    assert "ups" in figure.reason
    assert bench.figure("pue", "1m").value is None
    assert bench.figure("pue", "1m").quality is Quality.NO_ANSWER
    assert bench.figure("it_power").value is None
    assert_steady(bench, 20)


def test_the_counter_of_a_meter_that_returns_fills_its_gap():
    bench = make()
    bench.run(900, step_s=0.5)
    bench.meters[1].silent = True
    bench.run(300, step_s=0.5)
    bench.meters[1].silent = False
    bench.run(20, step_s=0.5)
    figure = bench.figure("pue", "15m")
    assert figure.value == pytest.approx(PUE, rel=0.01)
    assert figure.coverage == 1.0
    assert figure.quality is Quality.ESTIMATED
    bench.run(900, step_s=0.5, tick_s=5.0)
    assert bench.figure("pue", "15m").quality is Quality.GOOD


def test_one_of_many_silent_meters_makes_a_power_subnormal_not_wrong_by_half():
    it = [Metered(f"rpp-{i}", constant(35e3), 5.0, 0.4 * i) for i in range(10)]
    facility = Metered("mv", constant(500e3), 5.0)
    bench = Bench(Kpis(site([facility], it)), [facility, *it])
    bench.run(60)
    it[3].silent = True
    bench.run(60)
    figure = bench.figure("it_power")
    assert figure.quality is Quality.SUBNORMAL
    assert figure.value == pytest.approx(315e3)
    assert figure.coverage == pytest.approx(0.9)
    assert "rpp-3" in figure.reason
    for meter in it[4:7]:
        meter.silent = True
    bench.run(60)
    assert bench.figure("it_power").value is None
    assert bench.figure("it_power").quality.level is Level.BAD


@pytest.mark.parametrize("which", [0, 1])
def test_a_counter_reset_leaves_no_trace(which):
    bench = make()
    bench.run(120)
    meter = bench.meters[which]
    meter.offset_wh = -(meter.begin_wh + meter.true_wh)
    bench.run(180)
    assert_steady(bench, 20)
    assert bench.kpis.meters.restarts == {f"{meter.name}/active_energy": 1}


@pytest.mark.parametrize("which", [0, 1])
def test_a_counter_that_blinks_leaves_no_trace(which):
    bench = make()
    bench.run(120)
    meter = bench.meters[which]
    meter.offset_wh = -(meter.begin_wh + meter.true_wh)
    bench.run(meter.interval_s)
    meter.offset_wh = 0.0
    bench.run(120)
    assert_steady(bench, 20)
    assert bench.kpis.meters.restarts == {}


@pytest.mark.parametrize("jump_s", [-3600.0, -7.0, 5.0, 3600.0])
def test_a_clock_that_is_set_leaves_the_ratios_alone(jump_s):
    bench = make()
    bench.run(300, step_s=0.5)
    bench.clock_offset = jump_s
    bench.run(300, step_s=0.5)
    for window in WINDOWS:
        steady = values(bench, window, 20)
        assert all(value == pytest.approx(PUE, rel=0.05) for value in steady)
    assert bench.figure("pue", "1m").value == pytest.approx(PUE, rel=0.01)
    assert bench.figure("pue", "1m").quality is Quality.GOOD
    assert bench.figure("pue", "15m").coverage >= (0.3 if jump_s > 60 else 0.99)


@pytest.mark.parametrize("by_s", [-3600.0, -7.0, 5.0, 3600.0, 40 * 86_400.0])
def test_a_clock_that_is_set_and_told_of_takes_nothing_from_energies(by_s):
    bench, plain = make(), make()
    for each in (bench, plain):
        each.run(300, step_s=0.5)
    bench.clock_offset = by_s
    bench.table.stepped(by_s)
    bench.kpis.meters.stepped(by_s)
    for each in (bench, plain):
        each.run(300, step_s=0.5)
    assert bench.kpis.meters.total_wh == pytest.approx(plain.kpis.meters.total_wh)
    for window in ("1m", "15m", "1h"):
        told, expected = bench.figure("pue", window), plain.figure("pue", window)
        assert told.value == pytest.approx(expected.value, rel=1e-6)
        assert (told.coverage, told.span_s) == pytest.approx((expected.coverage, expected.span_s))
    assert bench.kpis.meters.utc == pytest.approx(plain.kpis.meters.utc + by_s)
    assert bench.kpis.meters.ledger.begun() == pytest.approx(
        plain.kpis.meters.ledger.begun() + min(by_s, 0.0), abs=900
    )


def test_a_restart_after_the_clock_was_set_forward_goes_on():
    bench = make()
    bench.run(1800, step_s=0.5, tick_s=5.0)
    bench.clock_offset = 3600.0
    bench.table.stepped(3600.0)
    bench.kpis.meters.stepped(3600.0)
    bench.run(1800, step_s=0.5, tick_s=5.0)
    kept = bench.kpis.state()
    saved = replace(kept, state=json.loads(json.dumps(kept.state)))
    totals = bench.kpis.meters.total_wh
    facility, it = bench.meters
    again = Bench(Kpis(site([facility], [it]), {"mv": 2e6, "ups": 1e6}), bench.meters)
    again.elapsed, again.clock_offset = bench.elapsed, 3600.0
    again.kpis.restore(saved, again.now)
    again.run(300, step_s=0.5, tick_s=5.0)
    assert (again.kpis.meters.total_wh >= totals).all()
    assert again.figure("pue", "1h").value == pytest.approx(PUE, rel=0.02)


def test_totals_only_grow_when_the_clock_is_set_back():
    bench = make()
    before = bench.kpis.meters.total_wh
    for jump_s in (0.0, -50.0, -4000.0, -4001.0):
        bench.clock_offset = jump_s
        bench.run(30)
        assert (bench.kpis.meters.total_wh >= before).all()
        before = bench.kpis.meters.total_wh


def test_a_restart_goes_on_where_it_was_and_bridges_the_time_between():
    bench = make()
    bench.run(1800, step_s=0.5, tick_s=5.0)
    kept = bench.kpis.state()
    saved = replace(kept, state=json.loads(json.dumps(kept.state)))
    totals = bench.kpis.meters.total_wh
    for meter in bench.meters:
        meter.silent = True
    bench.run(120, step_s=0.5, tick_s=5.0)
    for meter in bench.meters:
        meter.silent = False
    facility, it = bench.meters
    again = Bench(Kpis(site([facility], [it]), {"mv": 2e6, "ups": 1e6}), bench.meters)
    again.elapsed = bench.elapsed
    again.kpis.restore(saved, again.now)
    again.run(60, step_s=0.5)
    figure = again.figure("pue", "1h")
    assert figure.value == pytest.approx(PUE, rel=0.01)
    assert figure.span_s == pytest.approx(1980, abs=10)
    assert figure.coverage == 1.0
    grown = again.kpis.meters.total_wh - totals
    assert grown[1] == pytest.approx(LOAD_W * 180 / 3600, rel=0.05)


def test_a_state_of_another_site_or_version_is_no_trouble():
    bench = make()
    bench.run(60)
    kept = bench.kpis.state()
    other = Kpis(site([Metered("mv-new", constant(1e6))], [bench.meters[1]]))
    other.restore(kept, bench.now)
    other.report(bench.now)
    kpis = make().kpis
    kpis.restore(replace(kept, state={**kept.state, "version": 99}), bench.now)
    assert kpis.meters.total_wh.sum() == 0.0


def test_a_meter_never_heard_of_is_named():
    bench = make()
    bench.meters[0].silent = True
    bench.run(30)
    figure = bench.figure("pue", "1m")
    assert figure.value is None
    assert figure.coverage == 0.0
    assert "mv" in figure.reason


def test_power_in_fits_and_starts_is_no_flood_of_energy():
    """A wrong power word for one poll: the counter knows better."""
    bench = make()
    bench.run(120)
    bench.meters[0].power_error = 1000.0
    bench.run(5)
    bench.meters[0].power_error = 1.0
    bench.run(120)
    assert all(1.2 < value < 1.7 for value in values(bench, "1h", 20))


def test_a_facility_meter_that_always_shows_less_than_the_it_is_no_battery():
    facility, it = Metered("mv", constant(600e3), 2.0), Metered("ups", constant(700e3), 2.0)
    bench = Bench(Kpis(site([facility], [it])), [facility, it])
    bench.run(120)
    for window in WINDOWS:
        assert values(bench, window) == []
        assert bench.figure("pue", window).quality is Quality.OUT_OF_RANGE


def test_what_batteries_gave_stays_in_a_window_of_which_it_is_a_small_part():
    mains, genset = outage(3000.0, 30.0, 3180.0)
    facility = Metered("mv", lambda t: mains(t) + genset(t), 5.0, 0.7)
    it = Metered("ups", constant(LOAD_W), 2.0, 1.4)
    bench = Bench(Kpis(site([facility], [it])), [facility, it])
    bench.run(3600, step_s=0.5, tick_s=5.0)
    true = facility.true_wh / it.true_wh
    assert bench.figure("pue", "1h").value == pytest.approx(true, rel=0.002)
