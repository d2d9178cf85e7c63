"""Two buses and a tie between them: open it is absent, closed they are one, in auto it closes when
one of them has lost its feeders."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.redundancy.busbars import busbar_of
from core.redundancy.condition import HEALTHY, OUT, Condition, Demand
from core.redundancy.condition import Plant as Conditions
from core.redundancy.evaluate import CASES, Balance
from core.redundancy.graph import compile_graph, problems
from core.redundancy.study import Study
from core.redundancy.ties import ALL_OF
from core.site import Group
from tests.support.power import NOW, Plant, node
from tests.support.power_random import power_graphs
from tests.test_power_graph_incremental import plants

OPEN, CLOSED = Condition(selected=0), Condition(selected=1)


def main_tie_main(*, auto=False, normally="open", tie_kw=300.0, a=80.0, b=40.0, short=True):
    """Two transformers of 200 and 100 kW, a bus and a row each, a generator on side B alone."""
    return [
        node("mains-a", "utility", kw=900),
        node("mains-b", "utility", kw=900),
        node("gen", "genset", kw=500),
        node("tr-a", "transformer", "mains-a", 200, efficiency=1.0),
        node("tr-b", "transformer", "mains-b", 100, efficiency=1.0),
        node("ats-b", "ats", "tr-b gen", 100),
        node("bus-a", "bus", "tr-a", 200),
        node("bus-b", "bus", "ats-b", 200),
        node("tie", "tie", kw=tie_kw, between=("bus-a", "bus-b"), auto=auto, normally=normally),
        node("row-a", "load", "bus-a", a, short_break=short),
        node("row-b", "load", "bus-b", b, short_break=short),
    ]


def study(nodes, **conditions):
    assert problems(nodes, ()) == []
    graph = compile_graph(nodes)
    named = {name.replace("_", "-"): condition for name, condition in conditions.items()}
    plant = Conditions(
        tuple(named.get(node.id, HEALTHY) for node in graph.nodes),
        tuple(Demand(graph.nodes[i].demand_kw) for i in graph.loads),
    )
    return Study(graph, plant)


def carried(found, case="as_is"):
    balance = found.balances[case]
    return {each.id: balance.carries(i) for i, each in enumerate(found.graph.nodes)}


def lost(found, *out, case="as_is"):
    numbers = [found.graph.index[name] for name in out]
    return found.loads_of(found.effects_of(numbers)[case].lost)


def overloaded(found, *out, case="as_is"):
    numbers = [found.graph.index[name] for name in out]
    return found.graph.in_order(set(found.effects_of(numbers)[case].overloaded))


def test_an_open_tie_is_absent():
    found = carried(study(main_tie_main()))
    assert (found["tr-a"], found["tr-b"], found["tie"]) == (80, 40, 0)


def test_a_closed_tie_makes_two_buses_one_shared_in_proportion_to_the_feeders_of_both():
    found = carried(study(main_tie_main(), tie=CLOSED))
    assert (found["tr-a"], found["ats-b"]) == (pytest.approx(80), pytest.approx(40))
    found = carried(study(main_tie_main(a=0.0, b=120.0), tie=CLOSED))
    assert (found["tr-a"], found["ats-b"]) == (pytest.approx(80), pytest.approx(40))
    assert found["tie"] == pytest.approx(80)


def test_what_crosses_a_tie_is_held_against_its_capacity():
    nodes = main_tie_main(a=0.0, b=120.0, tie_kw=79.0)
    assert overloaded(study(nodes, tie=CLOSED)) == ("tie",)
    assert overloaded(study(main_tie_main(a=0.0, b=120.0, tie_kw=81.0), tie=CLOSED)) == ()


def test_what_only_passes_by_a_closed_tie_does_not_load_it():
    nodes = main_tie_main(a=80.0, b=40.0, tie_kw=1.0)
    assert overloaded(study(nodes, tie=CLOSED)) == ()


def test_a_tie_that_states_no_capacity_is_unchecked():
    assert "tie" in compile_graph(main_tie_main(tie_kw=None)).unchecked


def test_a_bus_bears_what_its_feeders_bring_for_the_other_side_too():
    nodes = main_tie_main(a=150.0, b=100.0)
    assert overloaded(study(nodes, tie=CLOSED), "tr-b", "gen") == ("tr-a", "bus-a")


@pytest.mark.parametrize("position", [OPEN, HEALTHY])
def test_an_open_tie_in_manual_does_not_close_for_a_dead_bus(position):
    assert lost(study(main_tie_main(), tie=position), "tr-a") == ("row-a",)


def test_a_closed_tie_carries_the_side_whose_source_is_lost():
    found = study(main_tie_main(), tie=CLOSED)
    assert lost(found, "tr-a") == ()
    assert overloaded(found, "tr-a") == ("tr-b", "ats-b")


def test_how_a_tie_normally_is_counts_where_nothing_tells():
    assert lost(study(main_tie_main(normally="closed")), "tr-a") == ()
    assert lost(study(main_tie_main(normally="closed"), tie=OPEN), "tr-a") == ("row-a",)


def test_a_tie_taken_out_stays_open():
    assert lost(study(main_tie_main(normally="closed")), "tie", "tr-a") == ("row-a",)
    assert lost(study(main_tie_main(auto=True)), "tie", "tr-a") == ("row-a",)


def test_a_tie_in_auto_closes_when_exactly_one_side_is_dead():
    found = study(main_tie_main(auto=True, b=10.0))
    assert carried(found)["tie"] == 0
    assert lost(found, "tr-a") == ()
    assert lost(found, "tr-a", "tr-b", "gen") == ("row-a", "row-b")
    assert lost(found, case="mains_lost") == ()
    assert carried(found, "mains_lost")["tie"] == 80


def test_a_tie_that_is_not_in_auto_does_not_close():
    found = study(main_tie_main(auto=True), tie=Condition(selected=0, transfers=False))
    assert lost(found, "tr-a") == ("row-a",)


def test_a_bus_that_is_out_is_not_fed_through_its_tie_and_brings_nothing_to_the_other():
    for nodes in (main_tie_main(auto=True), main_tie_main(normally="closed")):
        assert lost(study(nodes), "bus-a") == ("row-a",)
        assert lost(study(nodes), "bus-a", "tr-b", "gen") == ("row-a", "row-b")


def test_a_bus_that_sees_no_voltage_gives_nothing_through_its_tie():
    blind = Condition(blocked=frozenset((0, 1)))
    found = study(main_tie_main(normally="closed"), bus_a=blind)
    assert lost(found) == ("row-a",)
    assert lost(found, "tr-b", "gen") == ("row-a", "row-b")


def ups_behind_a_tie(*, auto, normally="open"):
    return [
        node("mains-a", "utility", kw=900),
        node("gen-b", "genset", kw=900),
        node("mains-b", "utility", kw=900),
        node("ats-b", "ats", "mains-b gen-b", 900),
        node("bus-a", "bus", "mains-a", 900),
        node("bus-b", "bus", "ats-b", 900),
        node("tie", "tie", kw=900, between=("bus-a", "bus-b"), auto=auto, normally=normally),
        node("ups", "ups", "bus-a", 200),
        node("row", "load", "ups", 50),
        node("raw", "load", "bus-a", 10),
    ]


def test_in_the_bridge_a_tie_in_auto_interrupts_as_a_motor_driven_switch_does():
    found = study(ups_behind_a_tie(auto=True))
    effect = found.effects["mains_lost"]
    assert found.loads_of(effect.lost) == ()
    assert found.loads_of(effect.unprotected) == ("raw",)  # the UPS will have an input again


def test_a_ups_that_no_tie_would_feed_again_protects_nothing():
    effect = study(ups_behind_a_tie(auto=False)).effects["as_is"]
    assert len(study(ups_behind_a_tie(auto=False)).loads_of(effect.unprotected)) == 2


@settings(deadline=None, max_examples=60)
@given(plants())
def test_what_enters_joined_buses_is_what_they_take(made):
    _, graph, plant, _ = made
    for case in CASES:
        balance = Balance(graph, plant, case)
        for bus in (i for i, lineup in enumerate(graph.lineup) if lineup and i in lineup.own):
            buses = busbar_of(graph, balance.live, bus)
            if len(buses) > 1:
                takes = sum(sum(balance.draws[b]) for b in buses)
                drawn = {t for t in graph.sides if set(graph.sides[t]) <= buses.keys()}
                assert sum(sum(balance.draws[t]) for t in drawn) == pytest.approx(takes)


@settings(deadline=None, max_examples=60)
@given(plants(), st.data())
def test_a_tie_in_manual_that_is_open_is_as_good_as_none(made, data):
    nodes, graph, plant, _ = made
    shut = {i: Condition(selected=0, transfers=False) for i in graph.sides}
    absent = dict.fromkeys(graph.sides, OUT)
    out = data.draw(st.sets(st.integers(0, len(graph) - 1), max_size=2))
    here = Study(graph, plant.changed(shut)).effects_of(out)
    assert here == Study(graph, plant.changed(absent)).effects_of(out)
    without = compile_graph([node for node in nodes if node.kind != "tie"])
    conditions = {n.id: c for n, c in zip(graph.nodes, plant.conditions, strict=True)}
    bare = Study(without, Conditions(tuple(conditions[n.id] for n in without.nodes), plant.demands))
    kept = [without.index[graph.nodes[i].id] for i in out if i not in graph.sides]
    for case, effect in bare.effects_of(kept).items():
        assert (effect.lost, effect.unprotected) == (here[case].lost, here[case].unprotected)
        over = {graph.index[without.nodes[i].id] for i in effect.overloaded}
        assert over == here[case].overloaded


def watched(**more):
    """The same with a device on the tie, and on bus A."""
    told = {"tie": {"device": "tie-dev"}, "bus-a": {"device": "board"}}
    told["mains-a"] = {"kind": more.pop("source_a", "utility")}
    nodes = [replace(n, **told.get(n.id, {})) for n in main_tie_main(**{"b": 10.0} | more)]
    return Plant(nodes).at({"tie-dev/breaker.position": "open", "board/breaker.position": "closed"})


def test_a_tie_says_by_its_breaker_how_it_stands():
    assert watched().what_if("tr-a").lost_loads == ("row-a",)
    shut = watched().at({"tie-dev/breaker.position": "closed"})
    assert shut.what_if("tr-a").lost_loads == ()
    assert shut.what_if("tr-a tie").lost_loads == ("row-a",)


@pytest.mark.parametrize("position", ["tripped", "withdrawn"])
def test_a_tie_whose_breaker_has_tripped_closes_for_nobody(position):
    plant = watched(auto=True)
    assert plant.what_if("tr-a", case="as_is").lost_loads == ()
    plant.at({"tie-dev/breaker.position": position})
    assert plant.what_if("tr-a", case="as_is").lost_loads == ("row-a",)


def test_a_tie_without_a_device_is_assumed_as_it_normally_is():
    assert "tie" in Plant(main_tie_main()).report().assumed
    assert "tie" not in watched().report().assumed


@pytest.mark.parametrize("position", ["unknown", None])
def test_a_tie_that_is_not_known_leaves_every_answer_unknown_or_worse(position):
    plant = watched(tie_kw=5.0)
    assert plant.what_if(case="as_is").verdict == "safe"
    if position:
        plant.at({"tie-dev/breaker.position": position})
    else:
        plant.silent("tie-dev", last=NOW - 1000)
    answer = plant.what_if(case="as_is")
    assert answer.verdict == "unknown"  # closed it would be overloaded, open it is not
    assert "tie" in answer.cases["as_is"].unknown
    assert plant.what_if("bus-a", case="as_is").verdict == "unsafe"
    assert plant.report().status <= 0


def failing(plant):
    """What each single failure would harm, by id."""
    return {
        f.out: {*f.lost_loads, *f.unprotected_loads, *f.overloaded}
        for f in plant.report().single_failures
    }


def test_a_single_failure_beside_a_tie_that_is_not_known_is_the_worse_of_open_and_closed():
    def found(position):
        plant = watched(b=40.0, source_a="genset")  # so that A lives with the mains lost, too
        return failing(plant.at({"tie-dev/breaker.position": position}))

    assert found("open")["tr-a"] == {"row-a"}
    assert found("closed")["tr-a"] == {"tr-b", "ats-b"}  # 120 of 100 kW
    assert found("unknown")["tr-a"] == {"row-a", "tr-b", "ats-b"}


@settings(deadline=None, max_examples=25)
@given(power_graphs(size_max=8, loads_max=3))
def test_a_single_failure_harms_no_less_where_a_tie_is_not_known(nodes):
    watched = [replace(n, device=n.id, auto=False) if n.kind == "tie" else n for n in nodes]
    ties = [n.id for n in watched if n.kind == "tie"]
    unsure = ties[:ALL_OF]

    def found(positions):
        told = dict.fromkeys((f"{tie}/breaker.position" for tie in ties), "closed")
        told |= {f"{t}/breaker.position": word for t, word in zip(unsure, positions, strict=True)}
        return failing(Plant(watched).at(told))

    unknown = found(["unknown"] * len(unsure))
    for positions in product(("open", "closed"), repeat=len(unsure)):
        for out, harm in found(positions).items():
            assert harm <= unknown[out], (out, positions)


def test_harm_by_a_tie_that_may_be_closed_is_told():
    plant = watched(a=0.0, b=90.0, tie_kw=5.0).at({"tie-dev/breaker.position": "unknown"})
    answer = plant.what_if(case="as_is")
    assert answer.verdict == "unknown"
    assert any("perhaps tie carries 60 of 5 kW" in reason for reason in answer.reasons)


def test_a_tie_in_auto_that_is_in_manual_now_does_not_close():
    plant = watched(auto=True).at({"tie-dev/control.mode": "manual"})
    assert plant.what_if("tr-a", case="as_is").lost_loads == ("row-a",)
    plant.at({"tie-dev/control.mode": "unknown"})
    assert plant.what_if("tr-a", case="as_is").verdict == "unknown"


def test_a_bus_without_voltage_is_not_thought_to_be_fed_by_its_tie():
    for more in ({"auto": True}, {"normally": "closed"}):
        plant = watched(**more).at({"board/input.state": "failed"})
        plant.at({"tie-dev/breaker.position": "closed" if "normally" in more else "open"})
        assert plant.what_if(case="as_is").lost_loads == ("row-a",)


def test_where_power_comes_from_is_followed_through_a_closed_tie():
    plant = watched().at({"tie-dev/breaker.position": "closed"})
    assert plant.supply() == "mains"


def test_a_tie_adds_nothing_to_what_a_bus_brings_to_a_group():
    nodes = main_tie_main(normally="closed", short=True)
    group = Group("sides", "2N", ("bus-a", "bus-b"))
    joined, apart = (Plant(n, [group]).report().groups[0] for n in (nodes, main_tie_main()))
    assert joined.headroom_kw <= apart.headroom_kw


def test_what_a_closing_tie_overloads_is_told_of_the_loads_it_closes_for():
    found = study(main_tie_main(auto=True, b=40.0))
    graph = found.graph
    strained = found.strained("as_is", (graph.index["tr-a"],))
    assert set(graph.in_order(set(strained))) == {"tr-b", "ats-b"}
    assert "row-a" in found.loads_of(strained[graph.index["tr-b"]])
