"""What the site file's check says of a power graph: every mistake at once, in a sentence that says
what to do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvariantError
from core.redundancy.graph import compile_graph, problems
from core.site import Group, Node
from tests.support.power import GROUPS, node, two_sides
from tests.support.power_random import power_graphs

GOOD = (
    node("utility", "utility", kw=500),
    node("board", "bus", "utility"),
    node("ups", "ups", "board", 100),
    node("row", "load", "ups", 10),
    node("other", "bus", "utility"),
)


def told(*more, groups=()):
    return [f"{name}: {message}" for name, message in problems([*GOOD, *more], groups)]


def test_a_good_graph_has_no_problems():
    assert told() == []
    assert problems(two_sides(), GROUPS) == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (node("row", "load", "ups", 5), "there are two power nodes 'row'"),
        (node("x", "bus", "bord"), "there is no power node 'bord'; did you mean 'board'?"),
        (node("x", "bus", "row"), "'row' is a load, and a load feeds nothing"),
        (node("x", "bus", "board board"), "names the same feeder twice"),
        (node("x", "utility", "board", 9), "is a source (utility): it has no fed_by"),
        (node("x", "genset", "board", 9), "is a source (genset): it has no fed_by"),
        (node("x", "pdu", "board ups", 9), "needs exactly one feeder"),
        (node("x", "panel", "", 9), "needs exactly one feeder"),
        (node("x", "ats", ""), "this ats has no feeder: add fed_by"),
        (node("x", "load", "", 9), "this load has no feeder: add fed_by"),
        (node("x", "pdu", "board"), "states no capacity"),
        (node("x", "genset"), "states no capacity"),
        (node("x", "pdu", "board", 0.0), "0 is not possible: a capacity is above zero"),
        (node("x", "pdu", "board", -5.0), "-5 is not possible"),
        (node("x", "pdu", "board", float("nan")), "is not possible"),
        (node("x", "bus", "board", capacity_kva=0.0), "capacity_kva: 0 is not possible"),
        (node("x", "pdu", "board", 9, efficiency=1.2), "efficiency: 1.2 is not possible"),
        (node("x", "ups", "board", 9, recharge_kw=-1.0), "recharge_kw: -1 is not possible"),
        (node("x", "ups", "board", 9, bypass_fed_by="mains"), "there is no power node 'mains'"),
        (
            node("x", "pdu", "board", 9, bypass_fed_by="utility"),
            "bypass_fed_by: only a ups has one",
        ),
        (node("x", "load", "ups", 9, min_feeds=2), "needs 2 feeds to live and has 1"),
        (node("x", "load", "ups", 9, min_feeds=0), "min_feeds: 0 is not possible"),
        (node("x", "load", "ups"), "is a load without a demand"),
        (node("x", "load", "ups", -1.0), "demand_kw: -1 is not possible"),
        (node("x", "load", "ups", demand=("a/b", "c/d")), "2 points for 1 feeds"),
        (Node("x", "bus", ("board",), demand_kw=4.0), "demand: only a load has one"),
        (node("x", "tie", between=("board", "ups")), "'ups' is a ups; a tie joins two buses"),
        (
            node("x", "tie", between=("board", "bord")),
            "no power node 'bord'; did you mean 'board'?",
        ),
        (node("x", "tie", between=("board",)), "add between: [bus-a, bus-b]"),
        (node("x", "tie", between=("board", "board")), "add between: [bus-a, bus-b]"),
        (node("x", "tie", "board", between=("board", "other")), "fed_by: a tie has none"),
        (node("x", "tie", kw=0.0, between=("board", "other")), "a capacity is above zero"),
        (node("x", "pdu", "board", 9, auto=True), "auto: only a tie has one"),
        (node("x", "pdu", "board", 9, normally="closed"), "normally: only a tie has one"),
        (node("x", "tie"), "add between: [bus-a, bus-b]"),
        (node("x", "bus", "board", between=("board", "ups")), "between: only a tie has one"),
        (node("x", "bus", "x"), "a loop: x is fed by x"),
    ],
)
def test_each_mistake_is_one_sentence(bad, words):
    found = told(bad)
    assert len(found) == 1, found
    assert found[0].startswith(f"{bad.id}: ")
    assert words in found[0]


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (Group("g", "N+R", ("ups", "upss")), "there is no power node 'upss'; did you mean 'ups'?"),
        (Group("g", "N+R", ("row",)), "'row' is a load and carries nothing for others"),
        (Group("g", "N+R", ()), "a group needs members"),
        (Group("g", "N+R", ("ups", "ups")), "names the same node twice"),
        (Group("g", "N+R", ("ups",), -1), "design: -1 is not possible"),
        (Group("g", "2N", ("ups",)), "2N is two systems"),
        (Group("g", "2N", ("ups", "board"), 2), "ups and board is no bus with enough of them"),
        (Group("g", "catcher", ("ups", "board"), 2), "catcher stands the loss of one system"),
        (Group("g", "2N", ("ups", "board"), 0), "leave design out"),
        (Group("g", "catcher", ("ups",)), "needs two systems at least"),
    ],
)
def test_each_mistake_of_a_group_is_one_sentence(group, words):
    found = told(groups=[group])
    assert len(found) == 1, found
    assert found[0].startswith("g: ")
    assert words in found[0]


def test_two_groups_of_one_name():
    groups = [Group("g", "N+R", ("ups",)), Group("g", "N+R", ("ups",))]
    assert told(groups=groups) == ["g: there are two groups 'g'"]


def test_a_loop_is_told_with_its_path_and_only_once():
    found = told(node("x", "bus", "z"), node("y", "bus", "x"), node("z", "ats", "utility y"))
    assert found == ["x: a loop: x is fed by z is fed by y is fed by x"]


def test_a_bypass_can_close_a_loop_too():
    found = told(node("x", "ups", "utility", 9, bypass_fed_by="y"), node("y", "bus", "x"))
    assert len(found) == 1
    assert "a loop" in found[0]


def test_all_mistakes_are_told_at_once():
    bad = [node("a", "pdu", "nothing"), node("b", "load", "ups", min_feeds=3), node("c", "tie")]
    assert len(told(*bad, groups=[Group("g", "2N", ("a",))])) == 6


def test_a_tie_between_a_bus_and_what_it_feeds_is_a_loop_told_with_its_path():
    found = told(node("below", "bus", "board"), node("tie", "tie", between=("board", "below")))
    assert found == ["board: a loop: board is fed by tie is fed by below is fed by board"]


def test_a_loop_through_a_tie_and_what_hangs_on_its_other_bus():
    found = told(
        node("down", "pdu", "other", 9),
        node("c", "bus", "down"),
        node("tie", "tie", between=("board", "c")),
        node("back", "bus", "c"),
        node("b2", "bus", "back"),
        node("tie-2", "tie", between=("other", "b2")),
    )
    assert found[0] == (
        "down: a loop: down is fed by other is fed by tie-2 is fed by b2 is fed by back is fed by "
        "c is fed by down"
    )


def test_a_loop_over_several_ties_is_told_with_every_bus_and_tie_between():
    found = told(
        node("b", "bus", "utility"),
        node("c", "bus", "below"),
        node("below", "pdu", "board", 9),
        node("t1", "tie", between=("board", "b")),
        node("t2", "tie", between=("c", "b")),
    )
    assert found == [
        "board: a loop: board is fed by t1 is fed by b is fed by t2 is fed by c is fed by below is "
        "fed by board"
    ]


def test_a_ring_of_three_boards_and_two_ties_between_the_same_two_are_no_loop():
    buses = [node(name, "bus", "utility") for name in "bc"]
    ties = [("board", "b"), ("b", "c"), ("c", "board"), ("b", "c")]
    assert told(*buses, *(node(f"t{n}", "tie", between=t) for n, t in enumerate(ties))) == []


def test_a_tie_between_outputs_of_upss_is_no_loop_but_one_from_output_to_input_is():
    nodes = [node("out", "bus", "ups"), node("out-2", "bus", "ups")]
    assert told(*nodes, node("tie", "tie", between=("out", "out-2"))) == []
    found = told(*nodes, node("tie", "tie", between=("board", "out")))
    assert len(found) == 1
    assert "a loop" in found[0]


def test_a_long_chain_is_no_problem():
    chain = [node(f"n{i}", "bus", f"n{i - 1}" if i else "utility") for i in range(5000)]
    assert told(*chain) == []
    graph = compile_graph([*GOOD, *reversed(chain)])
    numbers = [graph.index[f"n{i}"] for i in range(5000)]
    assert all(a < b for a, b in pairwise(numbers))


@given(power_graphs(), st.randoms(use_true_random=False))
def test_every_node_comes_after_its_feeders_however_it_was_written(nodes, chance):
    chance.shuffle(nodes)
    graph = compile_graph(nodes)
    assert sorted(node.id for node in graph.nodes) == sorted(node.id for node in nodes)
    assert graph.ids(graph.written) == tuple(node.id for node in nodes)
    for i, feeders in enumerate(graph.feeders):
        assert all(feeder < i for feeder in feeders)
        assert all(i in graph.children[feeder] for feeder in feeders)


def test_a_graph_that_was_never_checked_is_a_bug_of_ours():
    for nodes in ([node("a", "bus", "b")], [node("a", "bus", "a")], [*GOOD, GOOD[0]]):
        with pytest.raises(InvariantError):
            compile_graph(nodes)
    with pytest.raises(InvariantError, match="members"):
        compile_graph(GOOD, [Group("g", "N+R", ("x",))])
