"""Key figures of a site whose meters are polled at their own pace: settled soon, and honest."""

from __future__ import annotations

import numpy as np
import pytest

from core.energy import WINDOWS
from core.kpi import Kpis
from core.metering import Energy, EnergyInput, Fuel
from core.quality import Level, Quality
from tests.support.energy import Bench, Metered, constant, find, site

LOAD_W = 700e3
PUE = 1.37
DAY_S = 86_400.0


def make(count_wh=10.0, fac_s=5.0, it_s=2.0, **energy):
    facility = [
        Metered("mv-a", constant(LOAD_W * PUE / 2), fac_s, 0.3, count_wh),
        Metered("mv-b", constant(LOAD_W * PUE / 2), fac_s, 2.7, count_wh),
    ]
    it = [
        Metered("ups-a", constant(LOAD_W / 2), it_s, 1.1, count_wh),
        Metered("ups-b", constant(LOAD_W / 2), it_s, 1.9, count_wh),
    ]
    others = [meter for meters in energy.values() for meter in meters]
    return Bench(Kpis(site(facility, it, **energy)), [*facility, *it, *others])


@pytest.mark.parametrize("count_wh", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("intervals", [(2.0, 2.0), (5.0, 2.0), (3.7, 5.0)])
def test_pue_settles_within_twenty_seconds_whatever_the_counters_steps_and_poll_phases(
    count_wh, intervals
):
    bench = make(count_wh, *intervals)
    bench.run(120)
    for window in WINDOWS:
        late = [find(kpis, "pue", window, 1) for elapsed, kpis in bench.seen if elapsed >= 20]
        assert all(abs(kpi.value / PUE - 1) < 0.015 for kpi in late)
        assert all(abs(kpi.value / PUE - 1) < 0.005 for kpi in late[-10:])
        assert all(kpi.coverage == 1.0 for kpi in late)


def test_a_window_younger_than_its_length_says_so():
    bench = make()
    bench.run(30)
    young = bench.figure("pue", "1h")
    assert young.quality is Quality.YOUNG
    assert 20 < young.span_s <= 30
    assert "1h" in young.reason
    bench.run(60)
    full = bench.figure("pue", "1m")
    assert full.quality is Quality.GOOD
    assert full.span_s == pytest.approx(60.0, abs=1e-3)


def test_before_any_energy_there_is_no_value_but_a_reason():
    kpis = make().kpis
    for kpi in kpis.report(0.0):
        assert kpi.value is None
        assert kpi.quality.level is Level.BAD
    bench = make()
    bench.run(4)
    assert bench.figure("pue", "1m").value is None
    assert bench.figure("pue", "1m").reason


def test_a_site_without_meters_says_what_is_missing():
    figures = Kpis(Energy()).report(0.0)
    assert {kpi.window for kpi in figures} == set(WINDOWS)
    assert all("site file" in kpi.reason and kpi.quality.level is Level.BAD for kpi in figures)


def test_powers_are_the_sums_of_the_meters():
    bench = make(pv=[Metered("pv-1", constant(120e3), 2.0, 0.5)])
    bench.run(20)
    assert bench.figure("facility_power").value == pytest.approx(LOAD_W * PUE + 120e3)
    assert bench.figure("grid_import_power").value == pytest.approx(LOAD_W * PUE)
    assert bench.figure("it_power", category=1).value == pytest.approx(LOAD_W)
    assert bench.figure("pv_power").value == pytest.approx(120e3)
    ratio = bench.figure("power_ratio", category=1)
    assert ratio.value == pytest.approx((LOAD_W * PUE + 120e3) / LOAD_W)
    for name in ("facility_power", "it_power", "pv_power"):
        assert bench.figure(name).quality is Quality.GOOD
        assert bench.figure(name).coverage == 1.0


def test_power_that_comes_out_of_batteries_makes_no_power_ratio():
    bench = make(excluded=[Metered("office", constant((PUE - 0.4) * LOAD_W), 2.0, 0.5)])
    bench.run(20)
    ratio = bench.figure("power_ratio", category=1)
    assert ratio.value is None
    assert ratio.quality is Quality.OUT_OF_RANGE
    assert "batteries" in ratio.reason
    assert bench.figure("facility_power").value == pytest.approx(0.4 * LOAD_W)


def test_pv_is_added_to_the_facility_and_export_taken_off():
    pv = [Metered("pv-1", constant(300e3), 2.0, 0.5)]
    out = Metered("mv-out", constant(50e3), 2.0, 1.5, gives_power=False)
    bench = make(pv=pv, exported=[out])
    bench.run(90)
    facility_w = LOAD_W * PUE + 300e3 - 50e3
    assert bench.figure("pue", "1m").value == pytest.approx(facility_w / LOAD_W, rel=0.01)
    assert bench.figure("pv_self_consumption", "1m").value == pytest.approx(250 / 300, rel=0.01)
    sufficiency = bench.figure("pv_self_sufficiency", "1m").value
    assert sufficiency == pytest.approx(250e3 / facility_w, rel=0.01)
    assert bench.figure("pv_energy", "1m").value == pytest.approx(300e3 / 60, rel=0.01)


def test_an_export_register_of_the_facility_meter_leaves_its_net_power_alone():
    facility = Metered("mv-a", constant(500e3), 2.0)
    it = Metered("ups-a", constant(400e3), 2.0)
    energy = Energy(
        facility=(facility.input,),
        exported=(EnergyInput("mv-a/active_energy_export", ""),),
        it=((1, (it.input,)),),
    )
    bench = Bench(Kpis(energy), [facility, it])
    bench.run(20)
    assert bench.figure("facility_power").value == pytest.approx(500e3)


def test_without_a_facility_meter_what_can_be_told_is_told():
    pv, it = Metered("pv-1", constant(300e3), 2.0), Metered("ups-a", constant(400e3), 2.0)
    bench = Bench(Kpis(site([], [it], pv=[pv])), [pv, it])
    bench.run(30)
    assert bench.figure("it_power").value == pytest.approx(400e3)
    assert bench.figure("pv_energy", "1m").value > 0
    assert "energy.facility" in bench.figure("pue", "1m").reason
    assert {kpi.id for kpi in bench.seen[-1][1]} == {"it_power", "pv_power", "pv_energy", "pue"}


def test_at_night_there_is_no_self_consumption_but_a_reason():
    bench = make(pv=[Metered("pv-1", constant(0.0), 2.0)])
    bench.run(30)
    figure = bench.figure("pv_self_consumption", "1m")
    assert figure.value is None
    assert figure.reason == "there was no PV energy"
    assert bench.figure("pv_self_sufficiency", "1m").value == 0.0


def test_with_the_fuel_boundary_the_fuel_is_added_and_not_what_is_generated():
    gen = Metered("gen-1", constant(100e3), 5.0)
    facility, it = Metered("mv-a", constant(500e3), 2.0), Metered("ups-a", constant(400e3), 2.0)
    for boundary, value in (("output", 1.5), ("fuel", 1.925)):
        energy = Energy(
            facility=(facility.input,),
            genset=(gen.input,),
            it=((1, (it.input,)),),
            genset_boundary=boundary,
            fuel=Fuel(l_per_kwh=0.27, kwh_per_l=10.0),
        )
        bench = Bench(Kpis(energy), [Metered(m.name, m.power_w, 2.0) for m in (gen, facility, it)])
        bench.run(30)
        assert bench.figure("pue", "1m").value == pytest.approx(value, rel=0.01)
        assert bench.figure("genset_power").value == pytest.approx(100e3)


def test_each_category_has_its_own_pue_and_they_rise_towards_the_rack():
    meters = {
        "mv": Metered("mv", constant(1000e3), 2.0),
        "ups": Metered("ups", constant(700e3), 2.0),
        "pdu": Metered("pdu", constant(680e3), 5.0),
        "rack": Metered("rack", constant(650e3), 5.0),
    }
    energy = Energy(
        facility=(meters["mv"].input,),
        it=tuple((i, (meters[n].input,)) for i, n in enumerate(("ups", "pdu", "rack"), 1)),
    )
    bench = Bench(Kpis(energy), meters.values())
    bench.run(90)
    values = [bench.figure("pue", "1m", category).value for category in (1, 2, 3)]
    assert values == pytest.approx([1000 / 700, 1000 / 680, 1000 / 650], rel=0.01)


def test_more_it_energy_downstream_than_upstream_is_suspect():
    meters = [
        Metered("mv", constant(1000e3), 2.0),
        Metered("ups", constant(600e3), 2.0),
        Metered("pdu", constant(680e3), 2.0),
    ]
    energy = Energy(
        facility=(meters[0].input,), it=((1, (meters[1].input,)), (2, (meters[2].input,)))
    )
    bench = Bench(Kpis(energy), meters)
    bench.run(90)
    assert bench.figure("pue", "1m", 1).quality is Quality.GOOD
    assert bench.figure("pue", "1m", 2).quality is Quality.SUSPECT
    assert "category 2" in bench.figure("pue", "1m", 2).reason


def test_an_it_meter_wired_the_wrong_way_round_is_suspect():
    bench = make()
    bench.meters[2].power_error = -1.0
    bench.run(20)
    figure = bench.figure("it_power")
    assert figure.quality is Quality.SUSPECT
    assert "ups-a" in figure.reason


def test_tv3_energies_are_summed_before_they_are_divided():
    # 1200 by 600 in the first half hour, 2000 by 1400 in the second: 3200 by 2000.
    facility = Metered("mv", lambda t: 2.4e6 if t < 1800 else 4e6, 5.0)
    it = Metered("ups", lambda t: 1.2e6 if t < 1800 else 2.8e6, 5.0, 2.0)
    bench = Bench(Kpis(site([facility], [it])), [facility, it])
    bench.run(3605, step_s=1.0, tick_s=5.0)
    assert bench.figure("pue", "1h").value == pytest.approx(1.6, abs=0.003)


def test_tv4_a_gap_of_one_meter_leaves_both_out_and_lowers_coverage():
    # Quarters of an hour; the IT meter, which only knows power, is silent in the third.
    def quarters(*kilowatts):
        return lambda t: kilowatts[min(int(t // 900), 3)] * 1000.0

    facility = Metered("mv", quarters(370, 372, 375, 380), 5.0)
    it = Metered("ups", quarters(250, 255, 257.5, 260), 5.0, gives_counter=False)
    bench = Bench(Kpis(site([facility], [it])), [facility, it])
    bench.run(1800, step_s=1.0, tick_s=5.0)
    it.silent = True
    bench.run(900, step_s=1.0, tick_s=5.0)
    it.silent = False
    bench.run(905, step_s=1.0, tick_s=5.0)
    figure = bench.figure("pue", "1h")
    assert figure.value == pytest.approx(1.4667, abs=0.001)
    assert figure.coverage == pytest.approx(0.75, abs=0.01)
    assert figure.quality is Quality.SUBNORMAL


def test_coarse_counters_without_power_give_no_ratio_of_a_minute():
    facility = Metered("mv", constant(68.5e3), 5.0, 0.3, 1000.0, gives_power=False)
    it = Metered("ups", constant(50e3), 5.0, 2.3, 1000.0, gives_power=False)
    bench = Bench(Kpis(site([facility], [it])), [facility, it])
    bench.run(7200, step_s=1.0, tick_s=5.0)
    assert all(kpi.value is None for kpi in bench.figures("pue", "1m"))
    assert bench.figure("pue", "1h").value == pytest.approx(1.37, rel=0.05)
    settled = [kpi.value for kpi in bench.figures("pue", "1h") if kpi.value is not None]
    assert all(1.2 < value < 1.6 for value in settled)


def test_a_day_window_covers_a_day():
    facility = Metered("mv", constant(500e3), 60.0)
    it = Metered("ups", constant(400e3), 60.0, 40.0)
    bench = Bench(Kpis(site([facility], [it])), [facility, it])
    bench.run(DAY_S + 1200, step_s=20.0, tick_s=60.0)
    figure = bench.figure("pue", "24h")
    assert figure.value == pytest.approx(1.25, rel=0.001)
    assert figure.span_s == pytest.approx(DAY_S, rel=1e-4)
    assert figure.coverage == 1.0


def test_new_rows_of_the_table_do_not_move_old_ones():
    bench = make()
    bench.run(10)
    bench.meters.append(Metered("late", constant(5.0)))
    bench.run(20)
    assert bench.figure("pue", "1m").value == pytest.approx(PUE, rel=0.01)
    assert np.isfinite(bench.figure("facility_power").value)
