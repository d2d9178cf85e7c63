"""The key figures beside PUE, of meters that are polled: their values, and when there is none."""

from __future__ import annotations

import pytest

from core.alarms import active
from core.figures import FIGURE_WINDOWS as WINDOWS
from core.kpi import Kpis
from core.metering import (
    Carbon,
    Cer,
    Check,
    Energy,
    EnergyInput,
    Form,
    Fuel,
    Partial,
    PvPlant,
    Renewable,
    Stage,
)
from core.quality import Level, Quality
from tests.support.api import make_site, make_snapshot
from tests.support.energy import Bench, Metered, constant, find

SCALE = 0.1
"""The yearly energies of the reference as kW: what counts are ratios."""


def kw(thousands: float) -> float:
    return thousands * 1000.0 * SCALE


def meter(name: str, watts: float, **changes: object) -> Metered:
    return Metered(name, constant(watts), 5.0, **changes)


def litres(name: str, per_hour: float) -> Metered:
    """A water or fuel meter that counts litres; it says so in m3."""
    return Metered(
        name, constant(per_hour), 5.0, count_wh=0.001, per_unit=1000.0,
        counter="water_volume", power="flow", begin_wh=4_000_000.0,
    )  # fmt: skip


def run(energy: Energy, *meters: Metered, seconds: float = 1200) -> Bench:
    bench = Bench(Kpis(energy), meters)
    go_on(bench, seconds)
    return bench


def go_on(bench: Bench, seconds: float) -> None:
    bench.run(seconds, step_s=5.0, tick_s=10.0)
    bench.settle()


def plant(**others: object) -> tuple[Energy, list[Metered]]:
    """The site of TV-2 and TV-10: import, PV with some export, a generator, IT."""
    mains, out = meter("mv", kw(9200)), meter("mv-out", kw(30), gives_power=False)
    pv, gen, ups = meter("pv", kw(1050)), meter("gen", kw(25)), meter("ups", kw(7000))
    energy = Energy(
        facility=(mains.input,),
        exported=(out.input,),
        pv=(pv.input,),
        genset=(gen.input,),
        it=((1, (ups.input,)),),
        **others,
    )
    return energy, [mains, out, pv, gen, ups]


CARBON = Carbon(610.412, 2021, "location", "reference, section 8", diesel_kg_per_l=2.68)
FUEL = Fuel(l_per_kwh=0.27, kwh_per_l=10.0)


def test_tv2_pue_self_use_and_grid_dependency_of_a_site_with_pv():
    energy, meters = plant()
    bench = run(energy, *meters)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1.4636, abs=1e-4)
    sufficiency = bench.figure("pv_self_sufficiency", "15m").value
    assert sufficiency == pytest.approx(0.0996, abs=2e-4)
    assert bench.figure("grid_dependency", "15m").value == pytest.approx(0.9004, abs=2e-4)


@pytest.mark.parametrize("pv_kw", [0, 300, 2000])
def test_tv2_pv_in_place_of_the_grid_never_lowers_pue(pv_kw):
    energy, meters = plant()
    meters[0].power_w, meters[2].power_w = constant(kw(9200 - pv_kw)), constant(kw(1050 + pv_kw))
    bench = run(energy, *meters)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1.4636, abs=1e-4)


def test_a_power_ratio_is_never_called_pue_and_a_pue_never_of_the_moment():
    energy, meters = plant(
        partials=(Partial("hall", (meter("ups", 1).input,), (meter("mv", 1).input,)),)
    )
    told = run(energy, *meters, seconds=60).seen[-1][1]
    assert {kpi.window for kpi in told if kpi.id == "power_ratio"} == {""}
    ratios = [kpi for kpi in told if kpi.id in {"pue", "ppue"}]
    assert ratios
    for kpi in ratios:
        assert kpi.window
        assert kpi.span_s is not None
        assert kpi.coverage is not None
        assert kpi.estimated_ratio is not None
        assert all("energy" in name for name in kpi.inputs)


def test_tv2_fuel_as_the_boundary_counts_litres_and_not_what_is_generated():
    energy, meters = plant(genset_boundary="fuel", fuel=FUEL)
    bench = run(energy, *meters)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1.4696, abs=1e-4)
    # Self-sufficiency stays a matter of electricity.
    sufficiency = bench.figure("pv_self_sufficiency", "15m").value
    assert sufficiency == pytest.approx(0.0996, abs=2e-4)


def test_tv2_metered_fuel_stands_for_itself():
    burnt = litres("fuel", kw(25) / 1000 * 0.27)
    energy, meters = plant(genset_boundary="fuel", fuel=Fuel(inputs=(burnt.input,), kwh_per_l=10.0))
    bench = run(energy, *meters, burnt)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1.4696, abs=1e-4)


def test_fuel_as_the_boundary_without_its_worth_is_no_site():
    energy, _ = plant(genset_boundary="fuel")
    with pytest.raises(ValueError, match=r"energy\.fuel"):
        Kpis(energy)


def test_tv10_carbon_of_grid_and_diesel_by_it_energy():
    energy, meters = plant(carbon=CARBON, fuel=FUEL)
    bench = run(energy, *meters)
    cue = bench.figure("cue", "15m")
    assert cue.value == pytest.approx(0.8048, abs=2e-4)
    assert (cue.unit, cue.category) == ("kg/kWh", 1)
    emitted = bench.figure("carbon_emissions", "15m")
    assert emitted.unit == "kg"
    assert emitted.value == pytest.approx(5_633_880 * SCALE * 0.25 / 1000, rel=1e-3)


def test_what_is_not_the_data_centre_emits_its_share():
    office = meter("office", kw(1024.5))  # a tenth of what is taken
    energy, meters = plant(carbon=CARBON, fuel=FUEL, excluded=(office.input,))
    bench = run(energy, *meters, office)
    assert bench.figure("cue", "15m").value == pytest.approx(0.9 * 0.8048, abs=3e-4)


def test_tv11_other_forms_of_energy_are_weighed():
    mains, ups = meter("mv", kw(6000)), meter("ups", kw(5000))
    gas, cold = meter("gas", kw(4000)), meter("cold", kw(1000))
    forms = Form("gas", (gas.input,), 0.31), Form("chilled-water", (cold.input,), 0.31)
    energy = Energy(facility=(mains.input,), it=((1, (ups.input,)),), forms=forms)
    bench = run(energy, mains, ups, gas, cold)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1.51, abs=1e-4)
    assert bench.figure("facility_power").value == pytest.approx(kw(6000)), "electricity only"


def test_tv1_water_reuse_and_renewables_of_meters():
    mains, ups = meter("mv", kw(10_000)), meter("ups", kw(8000))
    water, heat = litres("water", kw(12_000) / 1000), meter("heat", kw(1500))
    energy = Energy(
        facility=(mains.input,),
        it=((1, (ups.input,)),),
        water=(water.input,),
        reused=(heat.input,),
        renewable=Renewable(on_site=False, grid_ratio=0.6, source="contract 17"),
    )
    bench = run(energy, mains, ups, water, heat)
    wue = bench.figure("wue", "15m")
    assert wue.value == pytest.approx(1.5, abs=2e-3)
    assert wue.unit == "L/kWh"
    assert bench.figure("water_use", "15m").value == pytest.approx(kw(12_000) / 1e6 / 4, rel=5e-3)
    assert bench.figure("erf", "15m").value == pytest.approx(0.15, abs=1e-4)
    assert bench.figure("ref", "15m").value == pytest.approx(0.6, abs=1e-4)
    assert bench.figure("ere", "15m").value == pytest.approx(1.0625, abs=1e-4)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1.25, abs=1e-4), "reuse is no part"


def test_own_pv_is_renewable_only_as_far_as_it_stays_and_only_where_the_site_says_so():
    for on_site, value in ((True, 1020 / 10_245), (False, 0.0)):
        energy, meters = plant(renewable=Renewable(on_site, 0.0, "guarantees cancelled"))
        bench = run(energy, *meters)
        assert bench.figure("ref", "15m").value == pytest.approx(value, abs=2e-4)


def test_tv8_cooling_by_its_own_meters():
    ups, cold, chillers = meter("ups", kw(8000)), meter("cold", kw(8000)), meter("ch", kw(1500))
    energy = Energy(
        it=((1, (ups.input,)),),
        cer=Cer((cold.input,), (chillers.input,)),
        partials=(Partial("cooling", it=(ups.input,), sub=(chillers.input,)),),
    )
    bench = run(energy, ups, cold, chillers)
    assert bench.figure("cer", "15m").value == pytest.approx(5.333, abs=2e-3)
    partial = bench.figure("ppue", "15m")
    assert (partial.value, partial.scope) == (pytest.approx(1.1875, abs=1e-4), "cooling")


def test_a_partial_pue_of_all_that_a_hall_takes():
    hall, it = meter("hall", kw(125)), meter("it", kw(100))
    partial = Partial("hall-1", it=(it.input,), facility=(hall.input,))
    bench = run(Energy(partials=(partial,)), hall, it)
    assert bench.figure("ppue", "15m").value == pytest.approx(1.25, abs=1e-3)


def test_a_hall_that_takes_less_than_its_it_has_no_partial_pue():
    hall, it = meter("hall", kw(90)), meter("it", kw(100))
    partial = Partial("hall-1", it=(it.input,), facility=(hall.input,))
    figure = run(Energy(partials=(partial,)), hall, it).figure("ppue", "15m")
    assert figure.value is None
    assert figure.quality is Quality.OUT_OF_RANGE


def sunny(module_c: float) -> tuple[Energy, list[Metered]]:
    pv = meter("pv", 324.8e3)
    sun = Metered("weather", constant(580.0), 5.0, gives_counter=False, power="irradiance.plane",
                  beside=(("module.temperature", module_c),))  # fmt: skip
    plain = EnergyInput("weather/irradiation.plane", "weather/irradiance.plane")
    corrected = EnergyInput(
        "weather/irradiation.plane-corrected", "weather/irradiance.plane",
        corrected_by="weather/module.temperature", per_k=-0.0035,
    )  # fmt: skip
    energy = Energy(pv=(pv.input,), pv_plant=PvPlant(700, (plain,), (corrected,)))
    return energy, [pv, sun]


def test_tv9_performance_ratio_of_an_irradiance_that_is_added_up():
    energy, meters = sunny(50.0)
    bench = run(energy, *meters)
    plain = bench.figure("pv_performance_ratio", "15m")
    assert plain.value == pytest.approx(0.8, abs=1e-3)
    assert (plain.quality, plain.estimated_ratio) == (Quality.GOOD, 0.0)
    corrected = bench.figure("pv_performance_ratio_corrected", "15m")
    assert corrected.value == pytest.approx(0.8767, abs=1e-3)


def test_at_standard_temperature_both_performance_ratios_are_the_same():
    energy, meters = sunny(25.0)
    bench = run(energy, *meters)
    corrected = bench.figure("pv_performance_ratio_corrected", "15m").value
    assert corrected == pytest.approx(bench.figure("pv_performance_ratio", "15m").value)


def test_without_the_temperature_of_the_modules_only_the_plain_ratio_is_told():
    energy, (pv, sun) = sunny(50.0)
    sun.beside = ()
    bench = run(energy, pv, sun)
    assert bench.figure("pv_performance_ratio", "15m").value is not None
    figure = bench.figure("pv_performance_ratio_corrected", "15m")
    assert figure.value is None
    assert figure.quality is Quality.WAITING
    assert "weather" in figure.reason


def test_at_night_there_is_no_performance_ratio():
    energy, (pv, sun) = sunny(10.0)
    pv.power_w, sun.power_w = constant(0.0), constant(2.0)
    figure = run(energy, pv, sun).figure("pv_performance_ratio", "15m")
    assert figure.value is None
    assert figure.reason == "there was no sun to speak of"


def test_losses_and_efficiency_of_a_stage():
    into, out = meter("in", 100e3), meter("out", 95e3)
    bench = run(Energy(stages=(Stage("ups", (into.input,), (out.input,)),)), into, out)
    assert bench.figure("stage_efficiency", "15m").value == pytest.approx(0.95, abs=1e-4)
    loss = bench.figure("stage_loss", "15m")
    assert (loss.unit, loss.scope) == ("Wh", "ups")
    assert loss.value == pytest.approx(5e3 / 4, rel=0.01)


def test_a_stage_on_batteries_has_no_loss_but_a_reason():
    into, out = meter("in", 10e3), meter("out", 95e3)
    bench = run(Energy(stages=(Stage("ups", (into.input,), (out.input,)),)), into, out)
    for name in ("stage_efficiency", "stage_loss"):
        figure = bench.figure(name, "15m")
        assert figure.value is None
        assert figure.quality is Quality.OUT_OF_RANGE
        assert "batteries" in figure.reason


@pytest.mark.parametrize(
    ("parts_kw", "quality", "alarmed"),
    [
        (99.0, Quality.GOOD, False),
        (96.5, Quality.SUSPECT, False),
        (94.0, Quality.SUSPECT, True),
        (106.0, Quality.SUSPECT, True),
    ],
)
def test_sub_meters_against_their_main_meter(parts_kw, quality, alarmed):
    main, one, two = meter("main", 100e3), meter("a", parts_kw * 400), meter("b", parts_kw * 600)
    check = Check("lv-a", (main.input,), (one.input, two.input))
    bench = run(Energy(checks=(check,)), main, one, two)
    figure = bench.figure("meter_balance", "15m")
    assert figure.value == pytest.approx(parts_kw / 100 - 1, abs=1e-3)
    assert figure.quality is quality
    found = alarms(bench)
    assert ("kpi/meter_balance/lv-a" in found) == alarmed
    if alarmed:
        words = found["kpi/meter_balance/lv-a"]
        assert words.startswith("meter balance of lv-a: the sub-meters show 6.0% ")


def test_sub_meters_are_not_accused_while_readings_are_missing():
    main, one = meter("main", 100e3), meter("a", 90e3)
    bench = run(Energy(checks=(Check("lv-a", (main.input,), (one.input,)),)), main, one)
    assert bench.figure("meter_balance", "15m").quality is Quality.SUSPECT
    one.silent = True
    go_on(bench, 200)
    figure = bench.figure("meter_balance", "15m")
    assert figure.quality is Quality.SUBNORMAL
    assert figure.reason.startswith("no energy from a: ")
    assert "kpi/meter_balance/lv-a" not in alarms(bench)


def alarms(bench: Bench) -> dict[str, str]:
    snapshot = make_snapshot()
    found = active(
        bench.table.view(bench.now), {}, snapshot.redundancy, bench.seen[-1][1],
        site=make_site(), now=bench.now, previous=(),
    )  # fmt: skip
    return {alarm.id: alarm.message for alarm in found}


def test_more_it_energy_downstream_than_upstream_is_an_alarm_in_words():
    mains, ups, pdu = meter("mv", 1000e3), meter("ups", 600e3), meter("pdu", 680e3)
    energy = Energy(facility=(mains.input,), it=((1, (ups.input,)), (2, (pdu.input,))))
    found = alarms(run(energy, mains, ups, pdu))
    assert found["kpi/pue/2"] == ("pue: more IT energy at category 2 than further up: check meters")


def test_loads_behind_the_ups_that_are_no_it_are_taken_off():
    mains, ups, fans = meter("mv", 1000e3), meter("ups", 700e3), meter("fans", 60e3)
    behind = EnergyInput(fans.input.energy, fans.input.power, -1)
    energy = Energy(facility=(mains.input,), it=((1, (ups.input, behind)),))
    bench = run(energy, mains, ups, fans)
    assert bench.figure("pue", "15m", 1).value == pytest.approx(1000 / 640, abs=1e-3)
    power = bench.figure("it_power", category=1)
    assert power.value == pytest.approx(640e3)
    assert power.quality is Quality.GOOD, "it is no current transformer turned round"


def everything() -> tuple[Energy, list[Metered]]:
    one = meter("heat", kw(100))
    energy, meters = plant(
        carbon=CARBON,
        fuel=FUEL,
        water=(litres("water", 10).input,),
        reused=(one.input,),
        cer=Cer((one.input,), (one.input,)),
        renewable=Renewable(True, 0.0, "x"),
        partials=(Partial("hall", (one.input,), (one.input,)),),
        stages=(Stage("ups", (one.input,), (one.input,)),),
        checks=(Check("lv", (one.input,), (one.input,)),),
    )
    return energy, [*meters, one, litres("water", 10)]


OTHERS = (
    "grid_dependency", "ref", "erf", "carbon_emissions", "ere", "cue", "wue", "water_use", "cer",
    "ppue", "stage_efficiency", "stage_loss", "meter_balance",
)  # fmt: skip


def test_before_any_reading_each_figure_waits_and_says_for_whom():
    energy, _ = everything()
    told = Kpis(energy).report(0.0)
    for name in OTHERS:
        figure = find(told, name, "24h")
        assert figure.value is None
        assert figure.quality is Quality.WAITING
        assert figure.reason.startswith("no energy from ")


def test_where_meters_fell_silent_coverage_falls_and_then_the_figures_go():
    energy, meters = everything()
    bench = run(energy, *meters, seconds=1000)
    for name in OTHERS:
        good = bench.figure(name, "15m")
        assert good.quality is Quality.GOOD, good.reason
        assert (good.coverage, good.estimated_ratio) == (1.0, 0.0)
        assert good.span_s == pytest.approx(900)
        assert good.inputs
    for each in meters:
        each.silent = each.name in {"mv", "heat", "water"}  # one of each figure
    go_on(bench, 200)
    for name in OTHERS:
        partly = bench.figure(name, "15m")
        assert partly.value is not None
        assert partly.coverage < 0.9
        assert partly.quality is Quality.SUBNORMAL
        assert "no energy from" in partly.reason
    go_on(bench, 400)
    for name in OTHERS:
        gone = bench.figure(name, "15m")
        assert gone.value is None
        assert gone.quality is Quality.NO_ANSWER


def test_a_figure_of_which_a_meter_gives_only_power_says_how_much_is_estimated():
    into, out = meter("in", 100e3), meter("out", 95e3, gives_counter=False)
    bench = run(Energy(stages=(Stage("ups", (into.input,), (out.input,)),)), into, out)
    figure = bench.figure("stage_efficiency", "15m")
    assert figure.quality is Quality.ESTIMATED
    assert figure.estimated_ratio == 1.0, "the worse of both"


def test_litres_that_are_estimated_do_not_hide_behind_many_watt_hours():
    ups, water = meter("ups", kw(8000)), litres("water", 100)
    water.gives_counter = False
    bench = run(Energy(it=((1, (ups.input,)),), water=(water.input,)), ups, water)
    figure = bench.figure("wue", "15m")
    assert figure.quality is Quality.ESTIMATED
    assert figure.estimated_ratio == 1.0


def test_a_water_meter_of_cubic_metres_is_too_coarse_for_a_quarter_of_an_hour():
    ups, water = meter("ups", 100e3), litres("water", 1200.0)
    water.count_wh, water.gives_power = 1000.0, False
    bench = run(Energy(it=((1, (ups.input,)),), water=(water.input,)), ups, water, seconds=7200)
    figure = bench.figure("wue", "15m")
    assert figure.value is None
    assert "too coarse" in figure.reason


def test_on_batteries_there_is_no_cue_that_flatters():
    energy, meters = plant(carbon=CARBON, fuel=FUEL)
    meters[0].power_w = constant(kw(5000))
    figure = run(energy, *meters).figure("cue", "15m")
    assert figure.value is None
    assert figure.quality is Quality.OUT_OF_RANGE


def test_a_site_that_says_nothing_of_them_has_none_of_these_figures():
    energy, meters = plant()
    bench = run(energy, *meters, seconds=30)
    told = {kpi.id for kpi in bench.seen[-1][1]}
    assert told.isdisjoint(set(OTHERS) - {"grid_dependency"})
    assert all(kpi.reason or kpi.quality.level is not Level.BAD for kpi in bench.seen[-1][1])


def test_each_window_is_renewed_within_six_ticks_and_so_after_the_clock_is_set_back():
    energy, meters = plant()
    bench = run(energy, *meters, seconds=100)
    for back_s in (0, 3600):
        bench.clock_offset -= back_s
        before = {window: bench.figure("grid_dependency", window).span_s for window in WINDOWS}
        bench.run(120, step_s=5.0, tick_s=5.0)
        for window, span_s in before.items():
            assert bench.figure("grid_dependency", window).span_s > span_s


def test_a_restart_costs_the_figures_nothing_that_counters_can_give_back():
    energy, meters = everything()
    bench = run(energy, *meters, seconds=1200)
    before = {name: bench.figure(name, "1h").value for name in OTHERS}
    kept = bench.kpis.state()
    bench.kpis = Kpis(energy)
    bench.kpis.restore(kept, bench.now)
    go_on(bench, 60)
    for name in OTHERS:
        after = bench.figure(name, "1h")
        assert after.quality is Quality.YOUNG, (name, after.reason)
        assert after.span_s > 1200
        if after.unit not in {"kg", "m3", "Wh"}:
            assert after.value == pytest.approx(before[name], rel=0.01)
