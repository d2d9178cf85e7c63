"""Several ties: chains and rings of boards, ties behind UPSs, what crosses each, and who closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.redundancy.busbars import busbar_of
from core.redundancy.condition import OUT, Condition
from core.redundancy.evaluate import CASES, Balance
from core.redundancy.graph import problems
from core.redundancy.study import Study
from tests.support.power import NOW, Plant, node
from tests.support.power_oracle import Oracle
from tests.support.power_random import power_graphs
from tests.test_power_graph_incremental import plants
from tests.test_power_graph_ties import CLOSED, OPEN, carried, lost, overloaded, study

several = settings(deadline=None, max_examples=60)


def boards(kw="100 100 100", ties="ab bc", auto="", normally="open", tie_kw=300.0, source_kw=300):
    """Boards a, b, c ... with a source of their own and a row of so many kW each, and ties between
    them by the letters of their ends; those in `auto` close by themselves."""
    names = "abcdef"[: len(kw.split())]
    nodes = [node(f"source-{name}", "genset", kw=source_kw) for name in names]
    nodes += [node(name, "bus", f"source-{name}") for name in names]
    for number, ends in enumerate(ties.split(), start=1):
        more = {"auto": ends in auto.split(), "normally": normally}
        nodes.append(node(f"tie-{number}", "tie", kw=tie_kw, between=tuple(ends), **more))
    rows = zip(names, kw.split(), strict=True)
    nodes += [
        node(f"row-{name}", "load", name, float(each), short_break=True) for name, each in rows
    ]
    return nodes


def gone(nodes, *names):
    return study(nodes, **dict.fromkeys(names, OUT))


# Chains and rings


def test_a_chain_of_closed_ties_is_one_busbar():
    found = carried(study(boards("300 0 0", normally="closed")))
    assert [found[f"source-{name}"] for name in "abc"] == pytest.approx([100, 100, 100])
    assert (found["tie-1"], found["tie-2"]) == (pytest.approx(200), pytest.approx(100))


def test_a_chain_that_is_open_in_the_middle_is_two_busbars():
    found = carried(study(boards("300 0 0 50", "ab bc cd", normally="closed"), tie_2=OPEN))
    assert [found[f"source-{name}"] for name in "abcd"] == pytest.approx([150, 150, 25, 25])
    assert [found[f"tie-{n}"] for n in (1, 2, 3)] == pytest.approx([150, 0, 25])


def test_a_board_bears_what_passes_through_it_from_one_tie_to_the_next():
    nodes = [replace(n, capacity_kw=150.0) if n.id == "b" else n
             for n in boards("300 0 0", normally="closed")]  # fmt: skip
    assert carried(study(nodes))["b"] == pytest.approx(200)  # 100 of its own source, 100 of c's
    assert overloaded(study(nodes)) == ("b",)


def test_in_a_ring_each_tie_may_have_to_carry_what_any_impedances_could_make_of_it():
    found = carried(study(boards("300 0 0", "ab bc ca", normally="closed")))
    # a lacks 200: all of it by tie-1, or all of it by tie-3; b and c each pass on the other's.
    assert [found[f"tie-{n}"] for n in (1, 2, 3)] == pytest.approx([200, 100, 200])
    assert (found["b"], found["c"]) == (pytest.approx(200), pytest.approx(200))
    assert found["a"] == pytest.approx(300)


def test_what_is_drawn_no_longer_can_overload_a_tie():
    found = study(boards("100 100", "ab", normally="closed", tie_kw=49.0))
    assert overloaded(found) == ()
    assert overloaded(found, "row-a") == ("tie-1",)  # a's source brings half of b's 100
    assert overloaded(study(boards("98 98", "ab", normally="closed", tie_kw=49.0)), "row-a") == ()


def test_what_is_drawn_no_longer_relieves_every_board_of_a_busbar():
    nodes = boards("0 100", "ab", normally="closed")
    nodes = [replace(n, capacity_kw=49.0) if n.id == "a" else n for n in nodes]
    assert overloaded(study(nodes)) == ("a",)
    assert overloaded(study(nodes), "row-b") == ()


def test_each_of_two_ties_between_the_same_boards_is_held_against_all_that_crosses():
    nodes = boards("200 0", "ab ab", normally="closed", tie_kw=99.0)
    assert overloaded(study(nodes)) == ("tie-1", "tie-2")
    assert overloaded(study(boards("200 0", "ab ab", normally="closed", tie_kw=101.0))) == ()


def test_a_ring_stands_the_loss_of_any_tie_and_a_chain_does_not():
    ring = study(boards("50 50 50", "ab bc ca", normally="closed"), source_a=OUT, source_b=OUT)
    for tie in ("tie-1", "tie-2", "tie-3"):
        assert lost(ring, tie) == ()
    assert lost(ring, "tie-2", "tie-3") == ("row-a", "row-b")
    chain = study(boards("50 50 50", normally="closed"), source_a=OUT, source_b=OUT)
    assert lost(chain, "tie-2") == ("row-a", "row-b")


def test_a_board_that_is_out_parts_the_chain():
    found = gone(boards("50 50 50", normally="closed"), "source-a")
    assert lost(found) == ()
    assert lost(found, "b") == ("row-a", "row-b")


@st.composite
def busbars(draw):
    """Boards that closed ties make one, in any mesh, with what each brings and takes."""
    count = draw(st.integers(2, 5))
    names = "abcdef"[:count]
    ends = [(names[draw(st.integers(0, i - 1))], names[i]) for i in range(1, count)]
    some = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
    ends += [tuple(pair) for pair in draw(st.lists(some, max_size=4))]
    kw = " ".join(str(draw(st.integers(0, 90))) for _ in names)
    nodes = boards(kw, " ".join(map("".join, ends)), normally="closed")
    sizes = {f"source-{name}": draw(st.sampled_from([0.001, 10.0, 300.0])) for name in names}
    return [replace(n, capacity_kw=sizes[n.id]) if n.id in sizes else n for n in nodes]


@settings(deadline=None, max_examples=150)
@given(busbars(), st.data())
def test_no_impedances_make_a_tie_or_a_board_carry_more_than_it_is_held_against(nodes, data):
    """A network of random resistors between the boards, solved by Kirchhoff's laws."""
    found = study(nodes)
    graph, balance = found.graph, found.balances["as_is"]
    place = {name: n for n, name in enumerate(n.id for n in nodes if n.kind == "bus")}
    net = np.array([
        balance.gives[graph.index[f"source-{bus}"]] - balance.gives[graph.index[bus]]
        for bus in place
    ])  # fmt: skip
    ties = [n for n in nodes if n.kind == "tie"]
    ohms = data.draw(st.lists(st.floats(0.001, 1000), min_size=len(ties), max_size=len(ties)))
    siemens = np.zeros((len(place), len(place)))
    for tie, ohm in zip(ties, ohms, strict=True):
        one, other = (place[bus] for bus in tie.between)
        siemens[one, one] += 1 / ohm
        siemens[other, other] += 1 / ohm
        siemens[one, other] -= 1 / ohm
        siemens[other, one] -= 1 / ohm
    volts = np.linalg.lstsq(siemens, net, rcond=1e-15)[0]
    assume(np.allclose(siemens @ volts, net, atol=1e-6))
    enters = {bus: balance.gives[graph.index[f"source-{bus}"]] for bus in place}
    for tie, ohm in zip(ties, ohms, strict=True):
        one, other = tie.between
        flow = (volts[place[one]] - volts[place[other]]) / ohm
        assert balance.carries(graph.index[tie.id]) >= abs(flow) - 1e-3
        enters[other if flow > 0 else one] += abs(flow)
    for bus, kw in enters.items():
        assert balance.carries(graph.index[bus]) >= kw - 1e-3


@settings(deadline=None, max_examples=150)
@given(plants(), st.data())
def test_no_ties_or_boards_are_held_against_less_whichever_batteries_recharge(made, data):
    nodes, graph, plant, told = made
    assume(graph.sides)
    upses = [n.id for n in nodes if n.kind == "ups"]
    full = data.draw(st.sets(st.sampled_from(upses))) if upses else set()
    balance, oracle = (
        Balance(graph, plant, "mains_lost"),
        Oracle(nodes, "mains_lost", **told, full=full),
    )
    for i, lineup in enumerate(graph.lineup):
        if lineup is not None:
            carried = oracle.carries(graph.nodes[i].id)
            assert balance.carries(i) >= carried - 1e-6, graph.nodes[i].id


def charged(*recharge_kw, rows="100 0", normally="closed"):
    """Two boards, each with a UPS of no load that recharges with so much, and a tie."""
    nodes = boards(rows, "ab", normally=normally)
    for name, kw in zip("ab", recharge_kw, strict=True):
        nodes.append(node(f"ups-{name}", "ups", name, 200, recharge_kw=kw))
    return carried(study(nodes), "mains_lost")


def test_what_crosses_a_tie_is_the_most_that_any_batteries_make_of_it_by_recharging():
    assert charged(0, 0)["tie-1"] == pytest.approx(50)
    assert charged(20, 0)["tie-1"] == pytest.approx(60)  # half of the 20 comes from b
    assert charged(0, 20)["tie-1"] == pytest.approx(50)  # if it does, it is 40
    assert charged(20, 20)["tie-1"] == pytest.approx(60)  # the one does, the other does not
    assert charged(0, 20, rows="0 0")["tie-1"] == pytest.approx(10)
    assert charged(20, 20, normally="open")["tie-1"] == 0


def test_a_battery_that_is_full_cannot_overload_a_tie_that_recharging_relieved():
    nodes = boards("100 0", "ab", normally="closed", tie_kw=49.0)
    nodes.append(node("ups-b", "ups", "b", 200, recharge_kw=20.0))
    assert "tie-1" in overloaded(study(nodes), case="mains_lost")


def as_one(nodes):
    """The nodes with one bus instead of those that ties join, and what stands for each."""
    one = {n.id: n.id for n in nodes}
    for tie in (n for n in nodes if n.kind == "tie"):
        first, second = (one[bus] for bus in tie.between)
        one = {name: first if now == second else now for name, now in one.items()}
    fed_by = dict.fromkeys(one, ())
    for n in nodes:
        fed_by[one[n.id]] += tuple(one[f] for f in n.fed_by)
    whole = [
        replace(n, fed_by=fed_by[n.id], bypass_fed_by=one.get(n.bypass_fed_by, ""))
        for n in nodes
        if n.kind != "tie" and one[n.id] == n.id
    ]
    return whole, one


@several
@given(power_graphs(), st.data())
def test_buses_with_closed_ties_are_as_good_as_one_bus(nodes, data):
    """Nothing that hangs on them or feeds them can tell the difference."""
    nodes = [replace(n, normally="closed") if n.kind == "tie" else n for n in nodes]
    nodes = [replace(n, capacity_kw=None) if n.kind in ("tie", "bus") else n for n in nodes]
    whole, one = as_one(nodes)
    # One that feeds two of them feeds twice as much; one bus cannot name it twice.
    assume(all(len(n.fed_by) == len(set(n.fed_by)) for n in whole))
    assert problems(whole, ()) == []
    alone = [n.id for n in whole if list(one.values()).count(n.id) == 1]
    out = data.draw(st.sets(st.sampled_from(alone), max_size=3))
    tied, merged = gone(nodes, *out), gone(whole, *out)
    for case in CASES:
        assert tied.effects[case].lost == merged.effects[case].lost
        assert tied.effects[case].unprotected == merged.effects[case].unprotected
        for name in alone:
            here, there = tied.graph.index[name], merged.graph.index[name]
            kw = merged.balances[case].gives[there]
            assert tied.balances[case].gives[here] == pytest.approx(kw, abs=1e-6)


# Who closes


def test_ties_in_auto_close_one_after_the_other_until_all_have_supply():
    found = gone(
        boards("20 20 20 20", "ab bc cd", auto="ab bc cd"), "source-a", "source-b", "source-d"
    )
    assert lost(found) == ()
    assert carried(found)["source-c"] == pytest.approx(80)


def test_of_two_ties_that_could_close_for_a_board_the_first_written_does_and_no_other():
    for ties, taken in (("ab bc", "source-a"), ("bc ab", "source-c")):
        found = carried(gone(boards("20 20 20", ties, auto=ties), "source-b"))
        assert found[taken] == pytest.approx(40)
        assert found["tie-2"] == 0


def test_a_tie_in_manual_beside_one_in_auto_stays_open():
    found = gone(boards("20 20 20", auto="ab"), "source-b", "source-c")
    assert lost(found) == ("row-c",)


def test_a_tie_in_auto_closes_for_a_busbar_that_a_closed_tie_makes_of_two_boards():
    nodes = boards("20 20 20", auto="bc")
    found = study(nodes, source_a=OUT, source_b=OUT, tie_1=CLOSED)
    assert lost(found) == ()
    assert carried(found)["tie-2"] == pytest.approx(40)


@several
@given(plants())
def test_ties_that_move_never_parallel_two_sources(made):
    _, graph, plant, _ = made
    stand = {tie: replace(plant.conditions[tie], selected=0) for tie in graph.sides}
    for case in CASES:
        balance = Balance(graph, plant.changed(stand), case)
        for bus in (i for i, lineup in enumerate(graph.lineup) if lineup and i in lineup.own):
            joined = busbar_of(graph, balance.live, bus)
            fed = [
                b for b in joined if balance.up[b] and any(balance.live[f] for f in graph.own(b))
            ]
            assert len(joined) == 1 or len(fed) == 1


@several
@given(plants(), st.data())
def test_closing_a_tie_in_manual_loses_no_load(made, data):
    """With every tie in manual, so that none stays open because another one is closed."""
    _, graph, plant, _ = made
    assume(graph.sides)
    by_hand = plant.changed({t: Condition(selected=0, transfers=False) for t in graph.sides})
    shut = data.draw(st.sets(st.sampled_from(sorted(graph.sides)), min_size=1))
    closed = by_hand.changed({t: Condition(selected=1, transfers=False) for t in shut})
    for case in CASES:
        before, after = Study(graph, by_hand).effects[case], Study(graph, closed).effects[case]
        assert after.lost & ~before.lost == 0


# Behind UPSs


def two_systems(*, auto=False, normally="open", kw=50.0):
    """Two UPS systems with their bypass, generators behind both, and a tie of their outputs."""
    nodes = [node("mains", "utility", kw=900), node("gen", "genset", kw=900)]
    nodes.append(node("ats", "ats", "mains gen", 900))
    for side in "ab":
        nodes.append(node(f"ups-{side}", "ups", "ats", 100, bypass_fed_by="ats"))
        nodes.append(node(f"out-{side}", "bus", f"ups-{side}", 200))
    between = ("out-a", "out-b")
    nodes.append(node("tie", "tie", kw=100, between=between, auto=auto, normally=normally))
    nodes += [node(f"row-{side}", "load", f"out-{side}", kw) for side in "ab"]
    return nodes


def bare(found, *out, case="as_is"):
    numbers = [found.graph.index[name] for name in out]
    return found.loads_of(found.effects_of(numbers)[case].unprotected)


def test_a_closed_tie_of_ups_outputs_carries_the_side_whose_system_is_out():
    found = study(two_systems(normally="closed"))
    assert lost(found, "ups-a") == bare(found, "ups-a") == ()
    assert lost(study(two_systems()), "ups-a") == ("row-a",)
    assert overloaded(study(two_systems(normally="closed", kw=60.0)), "ups-a") == ("ups-b",)


def test_through_a_closed_tie_a_system_on_bypass_takes_the_other_with_it():
    """Inverters do not run beside mains."""
    bypass = Condition(on_bypass=True, protects=False)
    assert bare(study(two_systems(), ups_a=bypass)) == ("row-a",)
    assert bare(study(two_systems(normally="closed"), ups_a=bypass)) == ("row-a", "row-b")


def test_a_tie_in_auto_behind_upss_closes_for_the_side_that_is_dead_and_then_bridges():
    found = study(two_systems(auto=True))
    assert lost(found, "ups-a") == ()
    assert bare(found, "ups-a") == ()  # ups-b carries both through an outage
    assert overloaded(study(two_systems(auto=True, kw=60.0)), "ups-a") == ("ups-b",)
    assert bare(study(two_systems(auto=True, kw=60.0)), "ups-a") == ()  # told as overloaded


def test_a_tie_in_auto_does_not_save_a_load_from_a_battery_that_fails_with_the_mains():
    weak = Condition(protects=False)
    assert bare(study(two_systems(auto=True), ups_a=weak)) == ("row-a",)


def test_a_closed_tie_bridges_with_one_battery_for_both_if_it_can():
    weak = Condition(protects=False)
    assert bare(study(two_systems(normally="closed"), ups_a=weak)) == ()
    assert bare(study(two_systems(normally="closed", kw=60.0), ups_a=weak)) == ("row-a", "row-b")


# As devices tell


def told(kw="20 20 20"):
    """Three boards in a chain on mains, all ties closed; these and the middle board are watched."""
    devices = {"tie-1": "t1", "tie-2": "t2", "b": "board", "source-a": "main-a"}
    nodes = [replace(n, device=devices.get(n.id, "")) for n in boards(kw)]
    nodes = [replace(n, kind="utility") if n.kind == "genset" else n for n in nodes]
    plant = Plant(nodes).at({"board/breaker.position": "closed", "main-a/input.state": "normal"})
    return plant.at({"t1/breaker.position": "closed", "t2/breaker.position": "closed"})


def now(plant, out="", **more):
    return plant.what_if(out, case="as_is", **more)


def test_a_middle_board_without_voltage_is_not_thought_to_be_fed_by_either_tie():
    plant = told()
    assert now(plant, "source-b").lost_loads == ()
    plant.at({"board/input.state": "failed"})
    assert now(plant).lost_loads == ("row-b",)
    assert now(plant, "source-a").lost_loads == ("row-a", "row-b")


@pytest.mark.parametrize(("last_tie", "supply"), [("closed", "mains"), ("open", "none")])
def test_where_power_comes_from_is_followed_through_a_chain_of_ties(last_tie, supply):
    """Mains on the last board alone; the generators of the others stand still."""
    devices = {"source-a": "gen-a", "source-b": "gen-b", "source-c": "main"}
    nodes = [replace(n, device=devices.get(n.id, "")) for n in boards("20 0 0", normally="closed")]
    nodes = [replace(n, kind="utility") if n.id == "source-c" else n for n in nodes]
    nodes = [replace(n, normally=last_tie) if n.id == "tie-2" else n for n in nodes]
    plant = Plant(nodes).at({"main/input.state": "normal"})
    for gen in ("gen-a", "gen-b"):
        plant.at({f"{gen}/engine.state": "stopped", f"{gen}/control.mode": "off"})
    assert {load.id: load.supply for load in plant.report().loads}["row-a"] == supply


@pytest.mark.parametrize("silent", [False, True])
def test_several_ties_that_are_not_known_leave_every_answer_unknown_or_worse(silent):
    plant = told()
    for tie in ("t1", "t2"):
        if silent:
            plant.silent(tie, last=NOW - 100)
        else:
            plant.at({f"{tie}/breaker.position": "unknown"})
    assert now(plant).verdict == "unknown"
    assert now(plant, "b").verdict == "unsafe"


@several
@given(power_graphs(size_max=8, loads_max=3), st.data())
def test_a_tie_that_is_not_known_never_makes_an_answer_better(nodes, data):
    ties = [n.id for n in nodes if n.kind == "tie"]
    assume(ties)
    nodes = [replace(n, device=n.id) if n.kind == "tie" else n for n in nodes]
    doubted = data.draw(st.sets(st.sampled_from(ties), min_size=1, max_size=3))
    out = data.draw(st.sets(st.sampled_from([n.id for n in nodes if n.kind != "load"]), max_size=2))
    order = ("unsafe", "unknown", "reduced", "safe")

    def verdict(word_of):
        points = {f"{tie}/breaker.position": word_of.get(tie, "open") for tie in ties}
        points |= {f"{tie}/control.mode": "auto" for tie in ties}
        return Plant(nodes).at(points).what_if(" ".join(sorted(out))).verdict

    unknown = verdict(dict.fromkeys(doubted, "unknown"))
    if not doubted <= out:
        assert order.index(unknown) <= order.index("unknown")
    words = st.sampled_from(["open", "closed"])
    truth = verdict({tie: data.draw(words) for tie in sorted(doubted)})
    assert order.index(unknown) <= max(order.index(truth), order.index("unknown"))


def test_healthy_ties_that_nobody_watches_are_assumed():
    plant = Plant(boards("20 20 20"))
    assert {"tie-1", "tie-2"} <= set(plant.report().assumed)
