"""The evaluation against its literal twin, and every incremental removal against a full one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.redundancy.condition import HEALTHY, OUT, Condition, Demand, Plant
from core.redundancy.evaluate import CASES, Balance
from core.redundancy.graph import Role, compile_graph, problems
from core.redundancy.shed import Shed
from core.redundancy.study import Study
from core.redundancy.trial import Trial
from core.site import Node
from tests.support.power_oracle import Oracle
from tests.support.power_random import power_graphs

several = settings(deadline=None, max_examples=60)
many = settings(deadline=None, max_examples=150)


@st.composite
def _ties(draw, node, told):
    selected, transfers = draw(st.integers(-1, 1)), draw(st.booleans())
    if selected >= 0:
        (told["closed"].add if selected else told["closed"].discard)(node.id)
    if not transfers:
        told["stuck"].add(node.id)
    return Condition(selected=selected, transfers=transfers)


@st.composite
def plants(draw):
    """A graph, a plant on it, and the same for the oracle."""
    nodes = draw(power_graphs())
    graph = compile_graph(nodes)
    conditions, told = [], {"out": set(), "bypassed": set(), "selected": {}, "stuck": set()}
    told["able"] = {}
    told["closed"] = {n.id for n in nodes if n.kind == "tie" and n.normally == "closed"}
    for i, node in enumerate(graph.nodes):
        condition = HEALTHY
        if node.kind != "load" and draw(st.integers(0, 9)) == 0:
            condition = OUT
            told["out"].add(node.id)
        elif node.kind == "ups" and draw(st.integers(0, 5)) == 0:
            condition = Condition(on_bypass=True, protects=False)
            told["bypassed"].add(node.id)
        elif node.kind == "ups" and draw(st.integers(0, 3)) == 0:
            condition = Condition(battery_s=draw(st.sampled_from([60.0, 300.0])), battery_kw=40.0)
        elif graph.role[i] is Role.SWITCH:
            selected = draw(st.integers(-1, len(node.fed_by) - 1))
            transfers = draw(st.integers(0, 3)) > 0
            condition = Condition(selected=selected, transfers=transfers)
            if selected >= 0:
                told["selected"][node.id] = node.fed_by[selected]
            if not transfers:
                told["stuck"].add(node.id)
        elif graph.role[i] is Role.TIE:
            condition = draw(_ties(node, told))
        if draw(st.integers(0, 5)) == 0:  # its phases are uneven
            told["able"][node.id] = draw(st.sampled_from([0.4, 0.9]))
            condition = replace(condition, able_share=told["able"][node.id])
        conditions.append(condition)
    demands, told["shares"] = [], {}
    for i in graph.loads:
        node, shares = graph.nodes[i], ()
        if len(node.fed_by) > 1 and draw(st.booleans()):
            part = draw(st.sampled_from([0.0, 0.3, 1.0]))
            shares = (
                part * node.demand_kw,
                *[node.demand_kw * (1 - part)] * (len(node.fed_by) - 1),
            )
            told["shares"][node.id] = shares
        demands.append(Demand(node.demand_kw, shares))
    return nodes, graph, Plant(tuple(conditions), tuple(demands)), told


@st.composite
def _blind(draw, graph, plant):
    """Buses that get nothing from some of their feeders, or ties, whatever the graph says."""
    buses = [i for i, role in enumerate(graph.role) if role is Role.BUS]
    some = draw(st.sets(st.sampled_from(buses), max_size=2)) if buses else ()
    return {
        i: replace(
            plant.conditions[i],
            blocked=draw(st.frozensets(st.integers(0, len(graph.feeders[i]) - 1), min_size=1)),
        )
        for i in sorted(some)
    }


@many
@given(plants())
def test_the_evaluation_is_what_the_sentences_say(made):
    nodes, graph, plant, told = made
    assert problems(nodes, ()) == []
    for case in CASES:
        balance, oracle = Balance(graph, plant, case), Oracle(nodes, case, **told)
        for i, node in enumerate(graph.nodes):
            if node.kind == "load":
                assert balance.live[i] != oracle.lost(node.id), node.id
            else:
                assert balance.live[i] == oracle.energised(node.id), node.id
                if node.kind != "tie":
                    assert balance.gives[i] == pytest.approx(oracle.gives(node.id), abs=1e-6)
                if graph.lineup[i] is None or case == "as_is":
                    carried = oracle.carries(node.id)
                    assert balance.carries(i) == pytest.approx(carried, abs=1e-6), node.id
        over = {graph.nodes[i].id for i in range(len(graph)) if balance.overloaded(i)}
        if case == "as_is":
            assert over == set(oracle.overloaded)
        assert over >= set(oracle.overloaded)


@many
@given(plants(), st.data())
def test_removals_followed_through_the_graph_equal_a_full_evaluation(made, data):
    _, graph, plant, _ = made
    plant = plant.changed(data.draw(_blind(graph, plant)))
    study = Study(graph, plant)
    numbers = st.integers(0, len(graph) - 1)
    removals = [{i} for i in range(len(graph))]
    removals += data.draw(st.lists(st.sets(numbers, min_size=2, max_size=4), max_size=3))
    for out in removals:
        full = Study(graph, plant.changed(dict.fromkeys(out, OUT)))
        assert study.effects_of(out) == full.effects, graph.in_order(out)


@many
@given(plants(), st.data())
def test_who_dies_by_a_removal_is_what_a_full_evaluation_says(made, data):
    _, graph, plant, _ = made
    study, every = Study(graph, plant), frozenset(range(len(graph)))
    for out in data.draw(st.lists(st.sets(st.sampled_from(sorted(every)), min_size=1, max_size=3))):
        dying = study.dying(every, out)
        for case, full in Study(graph, plant.changed(dict.fromkeys(out, OUT))).balances.items():
            base = study.balances[case]
            assert dying[case] == {i for i in every if base.live[i] and not full.live[i]}


def test_losing_one_of_two_feeds_is_answered_without_playing_it():
    graph = compile_graph(
        [
            Node("utility", "utility", capacity_kw=100),
            Node("a", "panel", ("utility",), capacity_kw=10),
            Node("b", "panel", ("utility",), capacity_kw=10),
            Node("rack", "load", ("a", "b"), demand_kw=8),
        ]
    )
    plant, a = Plant((HEALTHY,) * 4, (Demand(8.0),)), graph.index["a"]
    shed = Shed(Balance(graph, plant, "as_is"), graph.limit)
    assert shed.dead({a}) == {a}
    assert Shed(Balance(graph, plant, "as_is"), [100, 10, 7, 0]).dead({a}) is None, "b is too small"
    assert shed.dead({graph.index["utility"]}) == {0, 1, 2, 3}


@several
@given(plants(), st.data())
def test_a_trial_leaves_no_trace(made, data):
    _, graph, plant, _ = made
    for case in CASES:
        balance, untouched = Balance(graph, plant, case), Balance(graph, plant, case)
        trial = Trial(balance)
        trial.switch(down=data.draw(st.sets(st.integers(0, len(graph) - 1), max_size=3)))
        trial.undo()
        for name in ("up", "forced", "looks", "live", "able_kw", "pick", "bypassed", "gives"):
            assert getattr(balance, name) == getattr(untouched, name)
        assert balance.draws == untouched.draws


@several
@given(plants(), st.data())
def test_what_is_energised_only_shrinks_when_more_is_out(made, data):
    _, graph, plant, _ = made
    numbers = st.integers(0, len(graph) - 1)
    some = data.draw(st.sets(numbers, max_size=3))
    more = some | data.draw(st.sets(numbers, max_size=3))
    for case in CASES:
        more_live = Balance(graph, plant.changed(dict.fromkeys(some, OUT)), case)
        fewer = Balance(graph, plant.changed(dict.fromkeys(more, OUT)), case)
        for i in range(len(graph)):
            if graph.role[i] is not Role.TIE:  # one may close because more is out
                assert more_live.live[i] or not fewer.live[i], graph.nodes[i].id


@several
@given(plants())
def test_power_is_neither_made_nor_lost(made):
    _, graph, plant, _ = made
    for case in CASES:
        balance = Balance(graph, plant, case)
        for i, node in enumerate(graph.nodes):
            taken = sum(balance.draws[i])
            if node.kind == "load":
                assert taken == pytest.approx(balance.demand[i].kw if balance.live[i] else 0.0)
            elif graph.feeders[i] and balance.live[i]:
                recharge = graph.recharge_kw[i] if case == "mains_lost" else 0.0
                assert taken == pytest.approx(balance.gives[i] / node.efficiency + recharge)
            else:
                assert taken == 0.0


@several
@given(plants())
def test_making_something_unknown_is_never_better_than_knowing_it_healthy(made):
    _, graph, plant, _ = made
    for i in range(len(graph)):
        doubtful = plant.changed({i: replace(plant.conditions[i], unknown=True)}).worst()
        out = plant.changed({i: OUT})
        if graph.role[i] is not Role.UPS:
            assert Study(graph, doubtful).effects == Study(graph, out).effects
            continue
        unknown, known = Study(graph, doubtful).effects, Study(graph, out).effects
        if not graph.recharge_kw[i]:
            assert unknown == known
            continue
        # One that may still recharge on the generators can only be worse than one taken out. What
        # its recharge overloads with the mains lost is reported there, and stays in the bridge.
        strained = unknown["mains_lost"].overloaded - known["mains_lost"].overloaded
        for case in CASES:
            assert unknown[case].lost & known[case].lost == known[case].lost
            assert unknown[case].overloaded >= known[case].overloaded
            assert strained or unknown[case].hit & known[case].hit == known[case].hit
        assert unknown["as_is"].lost == known["as_is"].lost
        assert unknown["as_is"].overloaded == known["as_is"].overloaded
