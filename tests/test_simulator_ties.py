"""Ties in the simulated plant: what they carry, when they move; nothing is made or lost."""

from __future__ import annotations

import pytest

from core.site import Device, Site
from simulator import timing
from simulator.faults import Faults
from simulator.site import PlantModel
from tests.support.power import node
from tests.support.simulator import WINTER_NIGHT


def plant(ties, *, auto=False, normally="open", loads="60 60 60"):
    """Boards a, b, c with mains of their own and a load each, and ties by the letters of their
    ends; the first tie has a relay."""
    nodes = [node(f"mains-{name}", "utility", kw=500) for name in "abc"]
    nodes += [node(name, "bus", f"mains-{name}") for name in "abc"]
    for number, ends in enumerate(ties.split(), start=1):
        more = {"auto": auto, "normally": normally, "device": "relay" if number == 1 else ""}
        nodes.append(node(f"tie-{number}", "tie", kw=400, between=tuple(ends), **more))
    for name, kw in zip("abc", loads.split(), strict=True):
        nodes.append(node(f"row-{name}", "load", name, float(kw)))
    relay = Device("relay", "utility", "sim-mv-relay", "modbus://127.0.0.1:10502/1")
    return PlantModel(Site("p", "P", "UTC", devices=(relay,), power=tuple(nodes)), WINTER_NIGHT)


def run(model, seconds, *lost, stuck=()):
    lost_ids = frozenset(f"mains-{name}" for name in lost)
    model.faults = Faults({"mains_lost": lost_ids, "stuck": frozenset(stuck)})
    until = model.time + seconds
    while model.time < until:
        model.step(model.time + 0.5)
        given, taken = model.balance()
        assert given == pytest.approx(taken)
    return {b.node.id: b.given_w / 1000 for b in model.network.branches}


def about(*kw):
    """The simulated loads move about what is stated."""
    return pytest.approx(kw, rel=0.04, abs=0.01)


def live(model):
    return {name for name in "abc" if model.network.live(name)}


def test_an_open_tie_is_absent():
    found = run(plant("ab bc"), 5, "b")
    assert (found["mains-a"], found["row-b"], found["tie-1"]) == about(60, 0, 0)


def test_closed_ties_make_boards_one_and_carry_what_each_lacks():
    model = plant("ab bc", normally="closed", loads="180 0 0")
    found = run(model, 5)
    assert tuple(found[f"mains-{name}"] for name in "abc") == about(60, 60, 60)
    assert (found["tie-1"], found["tie-2"]) == about(120, 60)
    found = run(model, 5, "a", "b")
    assert (found["mains-c"], found["tie-1"], found["tie-2"]) == about(180, 180, 180)


def test_in_a_ring_power_goes_both_ways():
    found = run(plant("ab bc ca", normally="closed", loads="180 0 0"), 5)
    assert tuple(found[f"tie-{n}"] for n in (1, 2, 3)) == about(60, 0, 60)


def test_a_tie_in_auto_closes_for_a_dead_board_and_opens_when_it_has_its_own_supply_again():
    model = plant("ab", auto=True)
    run(model, timing.TIE_CONFIRM_S - 1, "a")
    assert live(model) == {"b", "c"}
    found = run(model, 3, "a")
    assert live(model) == {"a", "b", "c"}
    assert (found["mains-b"], found["tie-1"]) == about(120, 60)
    found = run(model, timing.TIE_RETURN_S + 2)
    assert (found["mains-a"], found["mains-b"], found["tie-1"]) == about(60, 60, 0)


def test_a_tie_does_not_close_between_two_live_or_two_dead_boards():
    model = plant("ab", auto=True)
    assert run(model, 30)["tie-1"] == 0
    run(model, 30, "a", "b")
    assert not model.network.ties.by_name["tie-1"].closed


def test_of_two_ties_that_could_close_only_one_does_and_a_chain_closes_one_by_one():
    found = run(plant("ab bc", auto=True), 30, "b")
    assert (found["tie-1"], found["tie-2"]) == about(60, 0)
    model = plant("ab bc", auto=True)
    found = run(model, 30, "a", "b")
    assert live(model) == {"a", "b", "c"}
    assert (found["mains-c"], found["tie-2"], found["tie-1"]) == about(180, 120, 60)


def test_a_tie_that_is_stuck_or_switched_by_hand_stays_where_it_is():
    stuck = plant("ab", auto=True)
    run(stuck, 30, "a", stuck=["tie-1"])
    assert live(stuck) == {"b", "c"}
    by_hand = plant("ab")
    run(by_hand, 30, "a")
    assert live(by_hand) == {"b", "c"}


def test_the_relay_of_a_tie_tells_its_position():
    model = plant("ab", auto=True)
    assert model.values("relay")["breaker.position"] == "open"
    run(model, 30, "a")
    assert model.values("relay")["breaker.position"] == "closed"
