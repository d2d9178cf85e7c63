"""Verdicts worked out by hand: a 2N plant with three generators, and one small plant per sentence
of the semantics."""

from __future__ import annotations

import pytest

from core.site import Group
from tests.support.power import GROUPS, Plant, node, two_sides


@pytest.fixture(scope="module")
def plant():
    return Plant(two_sides(), GROUPS)


# Two rows of 200 kW, 100 kW a feed. A UPS module gives 100 and takes 100 / 0.95 + 30 of recharge:
# 541.05 kW from the generators with the mains lost, where one carries 500.


def test_a_healthy_plant_is_full(plant):
    report = plant.report()
    assert report.status == 3
    assert report.headline == "full: every group has its designed spare"
    assert report.reasons == ()
    assert {g.id: (g.status, g.spare) for g in report.groups} == dict.fromkeys(
        ("gensets", "ups-a-modules", "ups-b-modules", "sides"), (3, 1)
    )
    assert {load.state for load in report.loads} == {"redundant"}
    assert report.cases.keys() == {"as_is", "mains_lost"}


def test_generators_are_judged_on_what_they_would_carry_with_the_mains_lost(plant):
    gensets = plant.report().groups[0]
    assert gensets.case == "mains_lost"
    assert gensets.load_kw == pytest.approx(2 * (200 / 0.95 + 2 * 30))
    assert gensets.capacity_kw == 1000
    assert gensets.headroom_kw == pytest.approx(1000 - gensets.load_kw)


@pytest.mark.parametrize(
    ("out", "verdict", "lost", "overloaded"),
    [
        ("", "safe", "", {}),
        ("gen-1", "reduced", "", {}),
        ("gen-1 gen-2", "unsafe", "", {"gen-3": 541.0526}),
        ("gen-1 gen-2 gen-3", "unsafe", "row-1 row-2", {}),
        ("gen-bus", "unsafe", "row-1 row-2", {}),
        ("utility-a", "safe", "", {}),
        ("utility-a utility-b", "safe", "", {}),
        ("ups-a1", "reduced", "", {}),
        ("ups-a1 ups-b1", "reduced", "", {}),
        ("ups-a1 ups-a2", "reduced", "", {}),
        ("ups-a", "reduced", "", {}),
        ("ups-a ups-b1", "unsafe", "", {"ups-b2": 400.0}),
        ("ups-a ups-b", "unsafe", "row-1 row-2", {}),
        ("ats-a", "reduced", "", {}),
        ("ats-a ats-b", "unsafe", "row-1 row-2", {}),
        ("pdu-1a", "reduced", "", {}),
        ("pdu-1a pdu-1b", "unsafe", "row-1", {}),
        ("pdu-1a pdu-2b", "reduced", "", {}),
        ("row-1", "unsafe", "row-1", {}),
    ],
)
def test_what_if(plant, out, verdict, lost, overloaded):
    answer = plant.what_if(out)
    assert answer.verdict == verdict, answer.reasons
    assert answer.lost_loads == tuple(lost.split())
    assert {o.id: o.load_kw for o in answer.overloaded} == pytest.approx(overloaded, abs=1e-3)
    assert bool(answer.reasons) == (verdict != "safe")


def test_all_generators_out_while_on_mains_is_never_safe(plant):
    for case in ("worst", "as_is", "mains_lost"):
        answer = plant.what_if("gen-1 gen-2 gen-3", case=case)
        assert answer.verdict == "unsafe", case
        assert set(answer.cases) == ({"as_is", "mains_lost"} if case == "worst" else {case})
    on_mains = plant.what_if("gen-1 gen-2 gen-3", case="as_is")
    assert on_mains.lost_loads == ()
    assert on_mains.unprotected_loads == ("row-1", "row-2")  # nothing would come after the battery


def test_a_load_is_lost_or_unprotected_and_never_both(plant):
    answer = plant.what_if("gen-1 gen-2 gen-3")
    assert answer.lost_loads == ("row-1", "row-2")
    assert answer.unprotected_loads == ()


def test_the_loads_behind_an_overloaded_node_are_named(plant):
    answer = plant.what_if("gen-1 gen-2")
    assert answer.overloaded[0].capacity_kw == 500
    assert answer.overloaded[0].loads == ("row-1", "row-2")


def test_what_is_both_out_and_back_is_out(plant):
    assert plant.what_if("gen-1", back="gen-1").verdict == "reduced"


def test_an_unknown_id_is_named(plant):
    for out, back in (("gen-9", ""), ("", "gen-9")):
        with pytest.raises(KeyError, match="gen-9"):
            plant.what_if(out, back)


def test_single_failures_tell_what_each_more_would_do(plant):
    found = {failure.out: failure for failure in plant.report().single_failures}
    assert set(found) == {"gen-bus"}  # the one thing this plant has once
    assert found["gen-bus"].lost_loads == ("row-1", "row-2")


def test_single_failures_and_what_if_agree():
    plant = Plant(two_sides(module=150, genset=300), GROUPS)
    found = {failure.out: failure for failure in plant.report().single_failures}
    before = plant.what_if()
    for name in (n.id for n in plant.site.power if n.kind != "load"):
        answer = plant.what_if(name)
        new = {o.id for o in answer.overloaded} - {o.id for o in before.overloaded}
        lost = set(answer.lost_loads) - set(before.lost_loads)
        failure = found.get(name)
        assert set(failure.overloaded if failure else ()) == new, name
        assert set(failure.lost_loads if failure else ()) == lost, name


# Sentence by sentence


def test_a_bus_takes_in_proportion_to_capacity():
    plant = Plant(
        [
            node("utility", "utility", kw=1000),
            node("tr-1", "transformer", "utility", 300, efficiency=1.0),
            node("tr-2", "transformer", "utility", 100, efficiency=1.0),
            node("board", "bus", "tr-1 tr-2"),
            node("ups", "ups", "board", 500, efficiency=1.0),
            node("row", "load", "ups", 401),
        ]
    )
    over = plant.what_if(case="as_is").overloaded
    assert {o.id: o.load_kw for o in over} == pytest.approx({"tr-1": 300.75, "tr-2": 100.25})


def test_a_bus_without_capacity_passes_on_what_its_feeders_could_carry():
    plant = Plant(
        [
            node("utility", "utility", kw=5000),
            node("tr-1", "transformer", "utility", 100, efficiency=1.0),
            node("tr-2", "transformer", "utility", 200, efficiency=1.0),
            node("tr-3", "transformer", "utility", 100, efficiency=1.0),
            node("board-1", "bus", "tr-1 tr-2"),
            node("switch", "ats", "tr-3"),
            node("board", "bus", "board-1 switch"),
            node("row", "load", "board", 404),
        ]
    )
    answer = plant.what_if(case="as_is")
    found = {o.id: o.load_kw for o in answer.overloaded}
    assert found == pytest.approx({"tr-1": 101, "tr-2": 202, "tr-3": 101})
    assert answer.unchecked == ("board-1", "switch", "board")


def test_a_limit_is_breached_beyond_one_part_in_a_thousand_million():
    def over(kw):
        nodes = [node("utility", "utility", kw=100), node("row", "load", "utility", kw)]
        return bool(Plant(nodes).what_if(case="as_is").overloaded)

    assert not over(100.0)
    assert not over(100.0 * (1 + 0.9e-9))
    assert over(100.0 * (1 + 1.1e-9))


def test_the_first_limit_breached_counts():
    nodes = [
        node("utility", "utility", kw=1000, capacity_kva=100.0, power_factor=0.9),
        node("row", "load", "utility", 91),
    ]
    over = Plant(nodes).what_if(case="as_is").overloaded[0]
    assert over.capacity_kw == pytest.approx(90)


def test_losses_and_recharge_add_up_on_the_way():
    nodes = [
        node("gen", "genset", kw=300),
        node("tr", "transformer", "gen", 300),
        node("ups-1", "ups", "tr", 200),
        node("ups-2", "ups", "tr", 200, recharge_kw=0.0),
        node("row-1", "load", "ups-1", 95),
        node("row-2", "load", "ups-2", 95),
    ]
    group = Group("gensets", "N+R", ("gen",), 0)
    taken = (100 + 20 + 100) / 0.985
    assert Plant(nodes, [group]).report().groups[0].load_kw == pytest.approx(taken)


def test_a_load_with_too_few_feeds_is_lost_and_draws_nothing():
    nodes = [
        node("utility", "utility", kw=10),
        node("gen", "genset", kw=10),
        node("row", "load", "utility gen", 100, min_feeds=2),
    ]
    answer = Plant(nodes).what_if("gen", case="as_is")
    assert answer.lost_loads == ("row",)
    assert answer.overloaded == ()


def test_photovoltaics_are_never_firm():
    nodes = [
        node("utility", "utility", kw=100),
        node("pv", "pv", kw=500),
        node("board", "bus", "utility pv"),
        node("row", "load", "board", 120),
    ]
    answer = Plant(nodes).what_if()
    assert answer.lost_loads == ("row",)  # with the mains lost
    assert answer.cases["as_is"].overloaded[0].load_kw == 120


def test_a_load_without_a_ups_on_its_way_is_unprotected():
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500),
        node("ups", "ups", "ats", 200),
        node("row", "load", "ups", 100),
        node("chiller", "load", "ats", 100),
        node("mixed", "load", "ups ats", 50),
        node("needs-both", "load", "ups ats", 50, min_feeds=2),
    ]
    report = Plant(nodes).report()
    for case in ("as_is", "mains_lost"):
        assert report.cases[case].unprotected_loads == ("chiller", "needs-both")
    assert {load.id: load.state for load in report.loads} == {
        "row": "at_n",
        "chiller": "unprotected",
        "mixed": "redundant",
        "needs-both": "unprotected",
    }
    assert report.status == 1


def test_a_load_built_for_a_short_break_misses_no_ups():
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500),
        node("chiller", "load", "ats", 100, short_break=True),
    ]
    plant = Plant(nodes)
    assert plant.report().status == 3
    assert plant.what_if().verdict == "safe"
    assert plant.what_if("gen").lost_loads == ("chiller",)


def test_the_batteries_that_bridge_must_be_able_to_carry_all_of_it():
    # Raw mains takes half of the row; without mains the UPS has all of it, and cannot.
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500),
        node("ups", "ups", "ats", 60),
        node("row", "load", "ups ats", 100),
    ]
    case = Plant(nodes).what_if().cases["as_is"]
    assert case.overloaded == ()
    assert case.unprotected_loads == ("row",)


def test_a_ups_whose_input_is_dead_carries_on_bypass_unprotected_with_its_whole_bus():
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        node("in-1", "panel", "ats", 300),
        node("in-2", "panel", "ats", 300),
        node("ups-1", "ups", "in-1", 200, bypass_fed_by="ats"),
        node("ups-2", "ups", "in-2", 200, bypass_fed_by="ats"),
        node("board", "bus", "ups-1 ups-2"),
        node("row", "load", "board", 100),
    ]
    plant = Plant(nodes)
    assert plant.what_if().verdict == "safe"
    answer = plant.what_if("in-1")
    assert answer.verdict == "unsafe"
    assert answer.lost_loads == ()
    assert answer.unprotected_loads == ("row",)


def test_what_was_wrong_already_is_shown_and_only_what_is_new_is_unsafe():
    nodes = [
        node("utility", "utility", kw=500),
        node("gen-1", "genset", kw=500),
        node("gen-2", "genset", kw=500),
        node("gen-bus", "bus", "gen-1 gen-2"),
        node("ats", "ats", "utility gen-bus", 500),
        node("old-hall", "load", "ats", 100),
    ]
    answer = Plant(nodes).what_if()
    assert answer.unprotected_loads == ("old-hall",)
    assert answer.verdict == "reduced"


def test_spare_that_no_group_speaks_of_counts_too():
    nodes = [n for n in two_sides() if n.id != "gen-3"]
    nodes[4] = node("gen-bus", "bus", "gen-1 gen-2")
    plant = Plant(nodes, ())
    # Two generators of 500 for 541 kW: the loss of either overloads the other, as designed.
    assert plant.what_if().verdict == "safe"
    three = Plant(two_sides(), ())
    answer = three.what_if("gen-1")
    assert answer.verdict == "reduced"
    assert any("would now overload" in reason for reason in answer.reasons)


def test_design_demand_takes_what_is_stated():
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500),
        node("ups", "ups", "ats", 300),
        node("row", "load", "ups", demand=("meter/active_power",), demand_kw=290.0),
    ]
    plant = Plant(nodes).at({"meter/active_power": 100e3})
    assert plant.report().loads[0].demand_kw == 100
    assert plant.what_if().verdict == "safe"
    assert plant.what_if(demand="design").verdict == "safe"
    nodes[-1] = node("row", "load", "ups", demand=("meter/active_power",), demand_kw=310.0)
    plant = Plant(nodes).at({"meter/active_power": 100e3})
    assert [o.id for o in plant.what_if(demand="design").overloaded] == ["ups"]


def test_a_device_outside_the_graph_cannot_be_judged():
    plant = Plant(
        [node("utility", "utility", kw=500), node("gen", "genset", kw=500),
         node("ats", "ats", "utility gen", 500), node("ups", "ups", "ats", 300),
         node("row", "load", "ups", demand=("meter/active_power",))]
    ).at({"meter/active_power": 100e3})  # fmt: skip
    answer = plant.what_if("meter")
    assert answer.verdict == "unknown"
    assert "meter is not in the power graph" in answer.reasons[0]


def test_without_a_power_graph_nothing_is_judged():
    report = Plant([]).report()
    assert report.status == -1
    assert "no power graph" in report.headline
    assert Plant([]).supply() == "unknown"
