"""Power and cooling judged together: one removal runs through both."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.quality import Quality
from core.redundancy.condition import HEALTHY, OUT, Demand
from core.redundancy.condition import Plant as Conditions
from core.redundancy.study import Study
from core.site import Cooling, CoolingUnit, CoolingZone
from tests.support.cooling import group, units
from tests.support.power import Plant, node
from tests.support.power_oracle import Oracle
from tests.support.power_random import power_graphs


def plant_room() -> list:
    """Rows on a UPS; two air boards and two pump boards on two small UPSs; two motor boards that
    wait for the generators."""
    nodes = [node("utility", "utility", kw=3000)]
    nodes += [node(f"gen-{n}", "genset", kw=1000) for n in (1, 2, 3)]
    nodes += [node("gen-bus", "bus", "gen-1 gen-2 gen-3")]
    nodes += [node(name, "ats", "utility gen-bus", 2000) for name in ("ats-it", "ats-1", "ats-2")]
    nodes += [node("ups-it", "ups", "ats-it", 1000, recharge_kw=0.0)]
    nodes += [node(f"row-{n}", "load", "ups-it", 150) for n in (1, 2)]
    for n in (1, 2):
        nodes.append(node(f"ups-{n}", "ups", f"ats-{n}", 200, recharge_kw=0.0))
        nodes.append(node(f"air-{n}", "panel", f"ups-{n}", 100))
        nodes.append(node(f"mcc-{n}", "panel", f"ats-{n}", 400))
    nodes.append(node("fans", "load", "air-1 air-2", 20))
    nodes.append(node("motors", "load", "mcc-1 mcc-2", 100, short_break=True))
    return nodes


def cooled(**changes) -> Cooling:
    """Six CRAHs of 120 kW on two boards in turn, three chillers of 350 kW behind a buffer; the
    rows give 330 kW of heat."""
    air = units("crah", 6, 120.0, "air-1 air-2", restart_s=30.0)
    cold = units("chiller", 3, 350.0, "mcc-1 mcc-2 mcc-1", restart_s=90.0)
    if changes.get("devices"):
        air = [replace(unit, device=f"d-{unit.id}") for unit in air]
        cold = [replace(unit, device=f"d-{unit.id}") for unit in cold]
    kw = changes.get("zone", {})
    buffer = {"buffer_m3": changes.get("buffer_m3", 10.0), "buffer_delta_k": 6.0}
    hall = CoolingZone("hall", ("crahs", "machines"), loads=("row-1", "row-2"), **kw)
    return Cooling(
        (*air, *cold), (group("crahs", air, 3), group("machines", cold, 1, **buffer)), (hall,)
    )


def room(**changes) -> Plant:
    return Plant(plant_room(), cooling=cooled(**changes))


def by_id(items, name):
    return next(each for each in items if each.id == name)


def test_power_and_cooling_that_are_as_designed_are_full_and_say_so_of_the_zone():
    report = room().report()
    hall = report.zones[0]
    assert report.status == 3, report.reasons
    assert (hall.status, hall.heat_kw) == (3, pytest.approx(330))
    assert hall.gap_s == 137 + 90
    assert hall.ride_through_s == pytest.approx(10 * 6 * 4186 / 330)
    assert room().what_if().verdict == "safe"


def test_the_loss_of_a_board_takes_its_cooling_units_along():
    answer = room().what_if("air-1")
    crahs = by_id(answer.groups, "crahs")
    assert (crahs.status, crahs.spare, crahs.available) == (1, 0, ("crah-2", "crah-4", "crah-6"))
    assert crahs.kind == "cooling"
    assert answer.verdict == "reduced"
    assert any("crahs: no spare left" in reason for reason in answer.reasons)


def test_a_zone_beyond_its_capacity_is_overloaded_with_its_heat_and_the_loads_it_cools():
    answer = room().what_if("air-1 crah-2")
    assert answer.verdict == "unsafe"
    over = by_id(answer.overloaded, "crahs")
    assert (over.load_kw, over.capacity_kw) == (pytest.approx(330), 240)
    assert over.loads == ("row-1", "row-2")
    assert answer.lost_loads == ()
    assert by_id(answer.cases["as_is"].overloaded, "crahs") == over


def test_a_board_high_up_runs_through_power_and_cooling():
    answer = room().what_if("ats-1")
    found = {each.id: each.missing for each in answer.groups}
    assert found["crahs"] == ("crah-1", "crah-3", "crah-5")
    assert found["machines"] == ("chiller-1", "chiller-3")


def test_a_cooling_unit_and_its_device_can_be_taken_out():
    plant = room(devices=True)
    for name in plant.devices:
        plant.at({f"{name}/state": "on", f"{name}/control.mode": "auto"})
    by_unit, by_device = plant.what_if("chiller-1"), plant.what_if("d-chiller-1")
    for answer in (by_unit, by_device):
        assert by_id(answer.groups, "machines").missing == ("chiller-1",)
        assert answer.verdict == "safe"
    assert plant.what_if("chiller-1 chiller-2").verdict == "reduced"
    assert plant.what_if("chiller-1 chiller-2 chiller-3").verdict == "unsafe"
    with pytest.raises(KeyError, match="chiller-9"):
        plant.what_if("chiller-9")


def test_a_unit_that_has_failed_can_be_asked_back():
    plant = room(devices=True)
    for name in plant.devices:
        plant.at({f"{name}/state": "fault" if "chiller" in name else "on"})
    assert plant.what_if().verdict == "unsafe"
    assert plant.what_if(back="chiller-1").verdict == "reduced"
    assert plant.what_if(back="chiller-1 d-chiller-2").verdict == "safe"


def test_chillers_that_no_generator_feeds_are_none_with_the_mains_lost():
    nodes = [
        replace(each, kind="panel", fed_by=("utility",)) if each.id == "ats-2" else each
        for each in plant_room()
    ]
    nodes = [replace(e, fed_by=("ats-1",)) if e.id == "ups-2" else e for e in nodes]
    cooling = cooled()
    moved = tuple(
        replace(unit, powered_by=("mcc-2",)) if unit.kind == "chiller" else unit
        for unit in cooling.units
    )
    answer = Plant(nodes, cooling=replace(cooling, units=moved)).what_if()
    assert answer.verdict == "unsafe"
    assert by_id(answer.cases["mains_lost"].overloaded, "machines").capacity_kw == 0
    assert "machines" not in [over.id for over in answer.cases["as_is"].overloaded]
    assert Plant(nodes, cooling=replace(cooling, units=moved)).what_if(case="as_is").zones


def test_a_unit_out_is_not_safe_where_a_board_that_could_fail_no_longer_can():
    answer = room().what_if("crah-2")
    assert by_id(answer.groups, "crahs").spare == 2
    assert answer.verdict == "reduced"
    assert answer.reasons == (
        "hall would not be cooled enough after the failure of any of ats-1, ups-1, air-1",
    )
    assert (answer.zones[0].status, answer.zones[0].reasons[:1]) == (1, answer.reasons)
    assert room().what_if("crah-2", case="as_is").verdict == "reduced"


def test_what_could_never_be_missed_is_no_new_single_point_of_failure():
    one_board = replace(
        cooled(), units=tuple(replace(unit, powered_by=("air-1",)) for unit in cooled().units)
    )
    plant = Plant(plant_room(), cooling=one_board)
    assert plant.report().status == 3
    assert plant.what_if("crah-2").verdict == "safe"
    assert by_out(plant.report())["air-1"] == (("crahs", "machines"), ("hall",))


def by_out(report):
    return {f.out: (f.overloaded, f.zones) for f in report.single_failures if f.zones}


def test_single_failures_name_nodes_and_units_that_leave_a_zone_too_warm():
    assert room().report().status == 3
    assert [f.out for f in room().report().single_failures if f.zones] == []
    plant = room(devices=True)
    for name in plant.devices:
        plant.at({f"{name}/state": "fault" if name == "d-crah-2" else "on"})
    found = {f.out: (f.overloaded, f.zones) for f in plant.report().single_failures if f.zones}
    assert found["air-1"] == (("crahs",), ("hall",))
    assert found["ups-1"] == (("crahs",), ("hall",))
    assert "air-2" not in found
    for name in plant.devices:
        plant.at({f"{name}/state": "fault" if "chiller" in name else "on"})
    plant.at({"d-chiller-1/state": "on"})
    found = {f.out: f.overloaded for f in plant.report().single_failures if f.zones}
    assert found["chiller-1"] == found["mcc-1"] == ("machines",)


def test_the_headline_is_the_worse_of_power_and_cooling_and_keeps_the_reasons_of_both():
    plant = room(devices=True)
    for name in plant.devices:
        plant.at({f"{name}/state": "fault" if "chiller" in name else "on"})
    report = plant.report()
    assert report.status == 0
    assert report.headline.startswith("machines: cannot move 330 kW of heat now: chiller-1 has a")
    assert report.zones[0].status == 0
    assert by_id(report.cases["as_is"].overloaded, "machines").loads == ("row-1", "row-2")


def test_a_silent_unit_is_out_at_once_in_a_what_if_and_after_a_while_in_the_live_verdict():
    plant = room(devices=True)
    for name in plant.devices:
        plant.at({f"{name}/state": "on"})
    assert plant.what_if("chiller-1").verdict == "safe"
    plant.silent("d-chiller-2", last=plant.now)
    assert plant.what_if("chiller-1 chiller-3").verdict == "unknown"
    report = plant.report(5)
    assert by_id(report.groups, "machines").status == 3
    assert report.unknown == ("chiller-2",)
    assert by_id(plant.report(60).groups, "machines").available == ("chiller-1", "chiller-3")


def test_a_group_that_only_silent_units_make_too_small_is_unknown():
    plant = room(devices=True)
    for name in plant.devices:
        plant.at({f"{name}/state": "on"})
        if "chiller" in name:
            plant.silent(name, last=plant.now)
    report = plant.report(61)
    assert (by_id(report.groups, "machines").status, report.status) == (-1, -1)


@pytest.mark.parametrize(
    ("point", "value", "reason"),
    [
        ("state", "off", "is off"),
        ("state", "maintenance", "is maintenance"),
        ("state", "fault", "has a fault"),
        ("unit.state", "fault", "has a fault"),
        ("control.mode", "off", "is not in auto (off)"),
        ("input.state", "failed", "has no supply"),
        ("communication.state", "lost", "does not tell its communication state"),
    ],
)
def test_what_a_unit_says_that_takes_it_out(point, value, reason):
    plant = room(devices=True)
    name = "state" if not point.endswith("unit.state") else "unit.state"
    plant.at({f"{device}/{name}": "standby" for device in plant.devices})
    plant.at({f"d-chiller-1/{point}": value})
    machines = by_id(plant.report().groups, "machines")
    assert machines.available == ("chiller-2", "chiller-3")
    answer = plant.what_if("chiller-2 chiller-3")
    assert answer.verdict in ("unsafe", "unknown")
    assert f"chiller-1 {reason}" in by_id(answer.groups, "machines").reasons


def test_a_critical_alarm_takes_a_unit_out_and_warm_water_from_outside_does_not():
    for point, there in (("alarm.compressor", False), ("alarm.water_flow", True)):
        plant = room(devices=True)
        plant.at({f"{device}/state": "on" for device in plant.devices})
        plant.at({f"d-chiller-1/{point}": "active"})
        plant.change(f"d-chiller-1/{point}", severity=2)
        machines = by_id(plant.report().groups, "machines")
        assert ("chiller-1" in machines.available) is there, point


def test_a_standby_unit_counts_only_where_somebody_would_call_it():
    plant = room(devices=True)
    plant.at({f"{device}/state": "standby" for device in plant.devices})
    assert plant.report().status == 3
    plant.at({"d-chiller-1/control.mode": "manual"})
    assert by_id(plant.report().groups, "machines").missing == ("chiller-1",)


def test_a_unit_that_runs_in_hand_is_lost_with_the_mains():
    plant = room(devices=True)
    plant.at({f"{device}/state": "on" for device in plant.devices})
    plant.at({f"d-chiller-{n}/control.mode": "manual" for n in (1, 2)})
    machines = by_id(plant.report().groups, "machines")
    assert (machines.case, machines.status, machines.missing) == (
        "mains_lost", 1, ("chiller-1", "chiller-2"),
    )  # fmt: skip


def test_a_zone_that_newly_would_not_last_is_unsafe_and_one_that_never_did_is_reduced():
    small = room(buffer_m3=2.0)
    assert small.report().status == 1
    assert "hall would be without cooling for 227 s" in small.report().headline
    assert small.what_if().verdict == "reduced"
    air = [f"crah-{n}" for n in (1, 3, 5)]
    stopped = Plant(
        plant_room(),
        cooling=replace(
            cooled(),
            units=tuple(
                replace(unit, powered_by=("mcc-1",)) if unit.id in air else unit
                for unit in cooled().units
            ),
        ),
    )
    assert stopped.report().status == 3
    answer = stopped.what_if("crah-2")
    assert answer.verdict == "unsafe"  # what goes on in the bridge no longer carries the hall
    assert any("without cooling for" in reason for reason in answer.reasons)
    assert answer.overloaded == ()


def test_heat_is_what_the_loads_take_or_what_is_measured_the_higher_of_both():
    plant = Plant(plant_room(), cooling=cooled(zone={"heat": ("meter/active_power",)}))
    plant.at({"meter/active_power": 200e3})
    assert plant.report().zones[0].heat_kw == pytest.approx(330)
    plant.at({"meter/active_power": 400e3})
    assert plant.report(1).zones[0].heat_kw == pytest.approx(400)
    plant.change("meter/active_power", quality=Quality.NO_ANSWER)
    assert plant.report().zones[0].heat_kw == pytest.approx(330)


def test_the_heat_of_a_load_that_is_lost_counts_on():
    nodes = plant_room()
    nodes = [replace(n, fed_by=("ats-it",)) if n.id == "row-1" else n for n in nodes]
    plant = Plant(nodes, cooling=cooled())
    answer = plant.what_if("ups-it")
    assert answer.lost_loads == ("row-2",)
    assert answer.zones[0].heat_kw == pytest.approx(330)


def test_a_zone_whose_heat_nobody_tells_is_unknown():
    cooling = cooled()
    hall = replace(cooling.zones[0], loads=(), heat=("meter/active_power",))
    plant = Plant(plant_room(), cooling=replace(cooling, zones=(hall,)))
    assert plant.report().status == -1
    assert "the heat of hall is not known" in plant.report().reasons
    assert plant.what_if().verdict == "unknown"
    plant.at({"meter/active_power": 100e3})
    assert plant.report().status == 3


def test_the_warmest_inlet_of_all_instances_counts():
    plant = Plant(plant_room(), cooling=cooled(zone={"inlet": ("probe/probe.temperature",)}))
    plant.at({"probe/probe.temperature.1": 22.0, "probe/probe.temperature.2": 26.0})
    plant.at({"probe/probe.temperature_state.1": "normal"})
    assert (plant.report().status, plant.report().zones[0].inlet_c) == (3, 26.0)
    plant.at({"probe/probe.temperature.2": 33.0})
    report = plant.report()
    assert report.status == 0
    assert report.headline == "hall has 33.0 °C at a rack inlet, above the allowable 32 °C"
    assert plant.what_if().verdict == "unsafe"


def test_units_that_wait_for_the_generators_are_no_fault_and_later_they_are():
    nodes = [replace(n, device="mains") if n.id == "utility" else n for n in plant_room()]
    plant = Plant(nodes, cooling=cooled(devices=True))
    plant.at({f"{d}/state": "on" for d in plant.devices if d.startswith("d-")})
    plant.at({"mains/mains.state": "normal"})
    assert plant.report().status == 3
    plant.at({"mains/mains.state": "failed"})
    plant.at({f"d-chiller-{n}/state": "off" for n in (1, 2, 3)})
    assert by_id(plant.report(1).groups, "machines").status == 3
    assert plant.what_if().verdict == "unsafe"  # nobody plans on what may never come
    assert by_id(plant.report(200).groups, "machines").status == 3
    assert by_id(plant.report(30).groups, "machines").status == 0


def test_the_scope_names_what_was_assumed_and_what_was_not_judged():
    plant = Plant(plant_room(), cooling=replace(cooled(), groups=tuple(
        replace(each, buffer_m3=0.0, buffer_delta_k=0.0) for each in cooled().groups
    )))  # fmt: skip
    report = plant.report()
    assert "hall" in report.unchecked
    assert {"crah-1", "chiller-3"} <= set(report.assumed)
    assert report.zones[0].ride_through_s is None
    assert "hall" in plant.what_if().unchecked


several = settings(deadline=None, max_examples=60)


@several
@given(power_graphs(), st.data())
def test_no_answer_is_safe_where_a_group_has_less_capacity_than_heat(nodes, data):
    feeders = [each.id for each in nodes if each.kind not in ("load", "pv", "tie")]
    loads = tuple(each.id for each in nodes if each.kind == "load")
    cold = [
        CoolingUnit(f"unit-{n}", "crah", data.draw(st.sampled_from((50.0, 100.0))), (feeder,))
        for n, feeder in enumerate(
            data.draw(st.lists(st.sampled_from(feeders), min_size=1, max_size=4))
        )
    ]
    hall = CoolingZone("hall", ("units",), loads=loads)
    plant = Plant(nodes, cooling=Cooling(tuple(cold), (group("units", cold, 0),), (hall,)))
    names = [*feeders, *(unit.id for unit in cold)]
    out = data.draw(st.sets(st.sampled_from(names), max_size=3))
    answer = plant.what_if(" ".join(sorted(out)))
    demand = {each.id: each.demand_kw for each in nodes if each.kind == "load"}
    for case in ("as_is", "mains_lost"):
        oracle = Oracle(nodes, case, out=out & set(feeders))
        able = sum(
            unit.capacity_kw
            for unit in cold
            if unit.id not in out and oracle.energised(unit.powered_by[0])
        )
        if able * (1 + 1e-9) < 1.1 * sum(demand.values()):
            assert answer.verdict != "safe"
            lost = set(answer.cases[case].lost_loads)
            over = [each.id for each in answer.cases[case].overloaded]
            assert "units" in over or lost == set(loads)


@several
@given(power_graphs(), st.data())
def test_nodes_that_die_with_others_are_those_that_a_plain_evaluation_finds_dead(nodes, data):
    model = Plant(nodes).model
    graph = model._graph
    out = data.draw(st.sets(st.sampled_from(range(len(graph))), max_size=3))
    demands = tuple(Demand(graph.nodes[i].demand_kw or 0.0) for i in graph.loads)
    whole = Conditions((HEALTHY,) * len(graph), demands)
    study = Study(graph, whole)
    plain = Study(graph, whole.changed(dict.fromkeys(out, OUT)))
    every = frozenset(range(len(graph))) - graph.sides.keys()  # a tie may close for the dead
    before, dying, after = study.dead(every), study.dying(every, out), plain.dead(every)
    for phase in ("as_is", "mains_lost"):
        assert before[phase] | dying[phase] == after[phase]
    assert before["bridge"] | dying["bridge"] >= after["bridge"]
    assert study.dead(every) == before  # nothing stays switched
