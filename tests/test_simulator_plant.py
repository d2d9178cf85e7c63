"""The physics of the simulated plant, in virtual time."""

from __future__ import annotations

from collections import Counter

import pytest

from simulator import timing
from simulator.electrical import Load3, Supply, three_phase
from simulator.site import PlantModel
from tests.support.simulator import SUMMER_NOON, UTILITIES, WINTER_NIGHT, demo_site, plant, run

MAINS_LOST = {"mains_lost": UTILITIES}
ROWS = [f"row-{number}" for number in range(1, 13)]


def give(model: PlantModel, *nodes: str) -> float:
    return sum(model.network.branch(node).given_w for node in nodes)


def ups_modes(model: PlantModel) -> set[str]:
    return {ups.mode for ups in model.machines.upses.values()}


def genset_states(model: PlantModel) -> list[str]:
    return [genset.state for genset in model.machines.gensets.values()]


def check_balance(model: PlantModel) -> None:
    given, taken = model.balance()
    assert given == pytest.approx(taken, rel=1e-3)


def check_rows_alive(model: PlantModel) -> None:
    assert all(give(model, row) > 50_000 for row in ROWS)


class TestAtRest:
    def test_a_meters_averages_are_those_of_its_phases(self):
        values = three_phase(
            "", 90_000.0, Supply(live=True, pu=1.0, hz=50.0), Load3(400.0), lambda: 0.0
        )
        assert values["voltage.ll"] == pytest.approx(400.0, rel=0.05)
        assert values["current.avg"] == values["current"] > 0

    def test_the_demo_site_is_that_of_the_reference(self):
        classes = Counter(device.device_class for device in demo_site().devices)
        assert sum(classes.values()) == 332
        assert classes["ups"] == 8
        assert classes["crah"] == 24
        assert classes["pv_string"] == 72
        assert classes["environment"] == 60
        assert classes["meter"] == 48

    @pytest.mark.parametrize("start", [SUMMER_NOON, WINTER_NIGHT])
    def test_pue_is_that_of_a_real_site(self, start):
        model = plant(start)
        facility = give(model, "utility-a", "utility-b", "pv-1", "pv-2")
        it = give(model, "ups-a", "ups-b")
        assert 900e3 < it < 1_000e3
        assert 1.25 < facility / it < 1.55

    def test_it_begins_settled_and_stays_so(self):
        model = plant()
        before = {device.id: dict(model.values(device.id)) for device in demo_site().devices}
        run(model, 120)
        for name, values in before.items():
            for point, value in values.items():
                if isinstance(value, str):
                    assert model.values(name)[point] == value, f"{name}/{point}"
        hall, water = model.machines.halls["hall-1"], model.machines.water
        assert hall.cold_c == pytest.approx(22.0, abs=0.1)
        assert water.supply_c == pytest.approx(14.0, abs=0.1)
        assert all(ups.charge == 1.0 for ups in model.machines.upses.values())

    def test_one_seed_gives_one_course_and_another_seed_another(self):
        first, again, other = plant(seed=1), plant(seed=1), plant(seed=2)
        for model in (first, again, other):
            run(model, 30)
        assert give(first, *ROWS) == give(again, *ROWS)
        assert first.values("ups-a1") == again.values("ups-a1")
        assert give(first, *ROWS) != give(other, *ROWS)

    def test_reading_a_device_changes_nothing(self):
        watched, alone = plant(), plant()
        for _ in range(20):
            run(watched, 1)
            run(alone, 1)
            for device in demo_site().devices:
                watched.values(device.id)
        assert give(watched, *ROWS) == give(alone, *ROWS)
        assert watched.values("crah-1") == alone.values("crah-1")

    def test_every_reading_of_every_device_is_a_number_or_a_state(self):
        model = plant()
        for device in demo_site().devices:
            values = model.values(device.id)
            assert len(values) > 3, device.id
            assert all(isinstance(value, float | str) for value in values.values()), device.id


class TestEnergy:
    def test_counters_integrate_the_power_exactly(self):
        model = plant()
        meters = [
            model.meters[name] for name in ("mv-a", "meter-ups-a", "rpp-1a", "feeder-chiller-1")
        ]
        begun, sums = [meter.energy_wh for meter in meters], [0.0] * len(meters)

        def add(now: PlantModel) -> None:
            for i, meter in enumerate(meters):
                sums[i] += meter.tap()[0] * 0.5 / 3600

        run(model, 60, each=add)
        for meter, start, total in zip(meters, begun, sums, strict=True):
            assert meter.energy_wh - start == pytest.approx(total, rel=1e-6), meter.name

    def test_what_the_meters_of_the_boundary_count_covers_what_it_gets(self):
        model = plant()
        names = ("mv-a", "mv-b", "meter-pv-1", "meter-pv-2")
        outside = [model.meters[name].energy_wh for name in names]
        inside = [model.meters[name].energy_wh for name in ("meter-ups-a", "meter-ups-b")]
        run(model, 120)
        facility = sum(model.meters[name].energy_wh for name in names) - sum(outside)
        it = sum(model.meters[n].energy_wh for n in ("meter-ups-a", "meter-ups-b")) - sum(inside)
        assert 1.25 < facility / it < 1.55

    def test_a_reset_begins_the_counters_of_one_meter_at_zero(self):
        model = plant()
        model.reset_counters("mv-a")
        run(model, 10)
        assert 0 < model.meters["mv-a"].energy_wh < 10_000
        assert model.meters["mv-b"].energy_wh > 1e9
        assert model.uptime_s("mv-a") == pytest.approx(10)


class TestMainsFailure:
    def test_everything_happens_in_its_order_and_no_load_is_lost(self):
        model = plant()
        seen: list[tuple[str, float]] = []

        def note(now: PlantModel) -> None:
            check_balance(now)
            check_rows_alive(now)
            facts = {
                "on battery": ups_modes(now) == {"on_battery"},
                "cranking": "cranking" in genset_states(now),
                "first genset": "on_load" in genset_states(now),
                "all gensets": genset_states(now) == ["on_load"] * 3,
                "transferred": all(
                    switch.position == 1
                    for name, switch in now.machines.switches.items()
                    if name.startswith("ats")
                ),
                "off battery": ups_modes(now) == {"online"},
            }
            for fact, holds in facts.items():
                if holds and fact not in dict(seen) and (fact != "off battery" or len(seen) > 4):
                    seen.append((fact, now.time - SUMMER_NOON))

        run(model, 180, MAINS_LOST, note)
        assert [fact for fact, _ in seen] == [
            "on battery",
            "cranking",
            "first genset",
            "all gensets",
            "transferred",
            "off battery",
        ]
        assert seen[-1][1] < 40, seen
        assert give(model, "utility-a", "utility-b", "pv-1", "pv-2") == 0
        assert 1_200e3 < give(model, "gen-bus") < 1_700e3

        run(model, timing.RETRANSFER_S + 20, each=note)
        assert give(model, "gen-bus") == 0
        assert set(genset_states(model)) == {"cooldown"}
        run(model, timing.COOLDOWN_S + timing.STOPPING_S + 5, each=note)
        assert set(genset_states(model)) == {"stopped"}
        assert ups_modes(model) == {"online"}
        assert give(model, "pv-1", "pv-2") > 300e3

    def test_the_return_to_mains_interrupts_nothing(self):
        model = plant()
        run(model, 120, MAINS_LOST)
        modes: Counter[str] = Counter()
        run(model, 120, each=lambda now: modes.update(ups_modes(now)))
        assert set(modes) == {"online"}

    def test_batteries_discharge_and_fill_again(self):
        model = plant()
        ups = model.machines.upses["ups-a1"]
        runtime = ups.runtime_s()
        assert 20 * 60 < runtime < 60 * 60
        run(model, 15, MAINS_LOST)
        assert ups.charging_w < -100e3
        assert ups.charge < 1 - 0.8 * 14 / runtime
        low = ups.charge
        run(model, 600)
        assert low < ups.charge
        run(model, 3600)
        assert ups.charge == pytest.approx(1.0, abs=0.002)

    def test_runtime_says_how_long_the_battery_really_lasts(self):
        model = plant()
        ups = model.machines.upses["ups-a1"]
        faults = {**MAINS_LOST, "no_start": frozenset(("gen-1", "gen-2", "gen-3"))}
        run(model, 60, faults)
        promised = ups.runtime_s()
        began = model.time
        while ups.charge > 0:
            run(model, 5, faults)
        assert model.time - began == pytest.approx(promised, rel=0.05)
        run(model, 60, faults)
        assert give(model, *ROWS) == 0
        assert {ups.mode for ups in model.machines.upses.values()} <= {"off", "on_battery"}

    def test_two_generators_carry_the_site_within_their_rating(self):
        model = plant()
        faults = {**MAINS_LOST, "no_start": frozenset(("gen-1",))}
        run(model, 300, faults, check_rows_alive)
        assert genset_states(model) == ["fault", "on_load", "on_load"]
        for genset in model.machines.gensets.values():
            assert genset.power_w < genset.rated_w
        values = model.values("gen-1")
        assert values["alarm.fail_to_start"] == "active/critical"

    def test_a_generator_that_does_not_fire_tries_three_times(self):
        model = plant()
        states: list[str] = []

        def note(now: PlantModel) -> None:
            state = now.machines.gensets["gen-1"].state
            if not states or states[-1] != state:
                states.append(state)

        run(model, 60, {**MAINS_LOST, "no_start": frozenset(("gen-1",))}, note)
        assert states == ["stopped", *["cranking", "stopped"] * 2, "cranking", "fault"]

    def test_a_stuck_switch_leaves_its_side_on_battery_and_the_rows_alive(self):
        model = plant()
        run(model, 90, {**MAINS_LOST, "stuck": frozenset(("ats-a",))}, check_rows_alive)
        assert model.machines.upses["ups-a1"].mode == "on_battery"
        assert model.machines.upses["ups-b1"].mode == "online"
        assert model.values("ats-a")["alarm.transfer_failed"] == "active"
        run(model, 120)
        assert ups_modes(model) == {"online"}

    def test_generators_drink_their_tanks(self):
        model = plant()
        tank = model.machines.tanks["tank-1"]
        run(model, 30, MAINS_LOST)
        level, energy = tank.level, model.machines.gensets["gen-1"].energy_wh
        run(model, 300, MAINS_LOST)
        burnt = (level - tank.level) * tank.volume_m3 * 1000
        kwh = (model.machines.gensets["gen-1"].energy_wh - energy) / 1000
        assert 0.25 < burnt / kwh < 0.35


class TestUps:
    def test_a_system_goes_to_bypass_as_a_whole(self):
        model = plant()
        run(model, 10, {"on_bypass": frozenset(("ups-a2",))}, check_balance)
        modes = {name: ups.mode for name, ups in model.machines.upses.items()}
        assert [modes[f"ups-a{i}"] for i in (1, 2, 3)] == ["static_bypass"] * 3
        assert [modes[f"ups-b{i}"] for i in (1, 2, 3)] == ["online"] * 3
        run(model, 5)
        assert ups_modes(model) == {"online"}

    def test_on_bypass_the_load_moves_to_the_other_side_when_mains_goes(self):
        model = plant()
        run(model, 10, {"on_bypass": frozenset(("ups-a1",))})
        run(model, 3, {"on_bypass": frozenset(("ups-a1",)), **MAINS_LOST}, check_rows_alive)
        assert give(model, "ups-a") == 0
        assert give(model, "ups-b") > 900e3
        assert model.values("sts-a1")["position"] == "alternate"

    def test_a_battery_fault_costs_a_third_of_the_time(self):
        model = plant()
        ups = model.machines.upses["ups-a1"]
        before = ups.runtime_s()
        run(model, 1, {"battery_fault": frozenset(("ups-a1",))})
        assert ups.runtime_s() == pytest.approx(before * 2 / 3, rel=0.02)
        assert model.values("string-a1-1")["breaker.position"] == "tripped"
        assert model.values("string-a1-2")["breaker.position"] == "closed"


class TestCooling:
    def test_water_warms_without_chillers_and_recovers(self):
        model = plant()
        water, hall = model.machines.water, model.machines.halls["hall-1"]
        chillers = frozenset(f"chiller-{number}" for number in range(1, 5))
        run(model, 300, {"failed": chillers})
        assert 17 < water.supply_c < 22
        run(model, 900, {"failed": chillers})
        assert hall.cold_c > 24
        run(model, 1800)
        assert water.supply_c == pytest.approx(14.0, abs=0.5)
        assert hall.cold_c == pytest.approx(22.0, abs=0.3)

    def test_one_chiller_is_in_reserve(self):
        model = plant()
        assert model.values("chiller-4")["state"] == "standby"
        run(model, 300, {"failed": frozenset(("chiller-1",))})
        assert model.values("chiller-4")["state"] == "on"
        assert model.values("chiller-1")["state"] == "fault"
        assert model.machines.water.supply_c < 16

    def test_a_row_warms_when_its_units_stop_and_the_hall_holds(self):
        model = plant()
        before = model.values("probe-2")["temperature"], model.values("probe-12")["temperature"]
        fan = model.machines.halls["hall-1"].fan
        run(model, 240, {"failed": frozenset(("crah-1", "crah-2"))})
        assert model.values("probe-2")["temperature"] > before[0] + 2.5
        assert model.values("probe-12")["temperature"] == pytest.approx(before[1], abs=0.5)
        assert model.machines.halls["hall-1"].fan > 1.15 * fan

    def test_a_hall_without_any_unit_heats_up_fast(self):
        model = plant()
        run(model, 60, {"failed": frozenset(f"crah-{number}" for number in range(1, 13))})
        assert 1.0 < model.machines.halls["hall-1"].cold_c - 22 < 3.0


class TestSun:
    def test_photovoltaics_follow_the_sun(self):
        noon, night = plant(SUMMER_NOON), plant(WINTER_NIGHT)
        assert 450e3 < give(noon, "pv-1", "pv-2") < 700e3
        assert give(night, "pv-1", "pv-2") == 0
        assert night.values("pv-inverter-1")["inverter.state"] == "sleeping"

    def test_the_day_has_one_peak_near_solar_noon(self):
        weather = plant().machines.weather
        midnight = SUMMER_NOON - 43_200
        day = [weather.at(midnight + 900 * i).plane_irradiance for i in range(96)]
        peak = day.index(max(day)) / 4
        assert 12 < peak < 13.5  # solar noon at 7.6 degrees west is at 12:32 UTC in June
        assert 900 < max(day) < 1_100
        assert sum(watts > 0 for watts in day) / 4 == pytest.approx(14.3, abs=0.6)

    def test_clouds_make_the_power_come_and_go(self):
        model = plant()
        powers: list[float] = []
        run(
            model,
            120,
            {"clouds": frozenset(("weather",))},
            lambda now: powers.append(give(now, "pv-1", "pv-2")),
        )
        assert max(powers) - min(powers) > 150e3

    def test_inverters_feed_again_only_a_while_after_mains_is_back(self):
        model = plant()
        run(model, 10, MAINS_LOST)
        assert give(model, "pv-1", "pv-2") == 0
        run(model, 5)
        assert model.values("pv-inverter-1")["inverter.state"] == "starting"
        run(model, 120)
        assert give(model, "pv-1", "pv-2") > 300e3
