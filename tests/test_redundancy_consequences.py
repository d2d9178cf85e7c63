"""What a what-if means for each load, group and battery and for the fuel, and how far it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.redundancy.consequences import GROWS_MAX
from core.redundancy.report import RedundancyModel
from core.site import Fuel, Group, Rating, Tank
from tests.support.power import Plant, node
from tests.support.power_random import power_graphs

UPSS = ("ups-1", "ups-2", "ups-3")


def modules(load_kw=700.0, **beside):
    """Three UPSs of 500 kW, each with 15 min of battery at 233 kW, behind mains and two gensets."""
    nodes = [node("utility", "utility", kw=4000)]
    nodes += [node(g, "genset", kw=1500, rating=Rating("DCP")) for g in ("gen-1", "gen-2")]
    nodes.append(node("gen-bus", "bus", "gen-1 gen-2"))
    nodes.append(node("ats", "ats", "utility gen-bus", 4000))
    nodes += [node(u, "ups", "ats", 500, device=u, recharge_kw=0.0) for u in UPSS]
    nodes += [node("board", "bus", " ".join(UPSS)), node("row", "load", "board", load_kw)]
    groups = [Group("modules", "N+R", UPSS), Group("gensets", "N+R", ("gen-1", "gen-2"))]
    plant = Plant(nodes, groups)
    if beside:
        plant.model = RedundancyModel(replace(plant.site, **beside))
    for name in UPSS:
        plant.at({f"{name}/mode": "online", f"{name}/battery.runtime": 900.0})
        plant.at({f"{name}/output.active_power": load_kw * 1000 / 3})
    return plant


def told(plant, *out, **question):
    return plant.what_if(" ".join(out), **question).consequences


def test_each_load_is_told_before_and_after():
    found = told(modules(), "ups-1", "ups-2", "ups-3")
    (row,) = found.loads
    assert (found.loads_before["row"].state, row.state) == ("at_n", "lost")
    assert row.energised_feeds == 0


def test_each_group_is_told_before_and_after():
    plant = modules()
    answer = plant.what_if("ups-1")
    after = {group.id: group for group in answer.groups}
    before = answer.consequences.groups_before
    assert (before["modules"].status, before["modules"].spare) == (3, 1)
    assert (after["modules"].status, after["modules"].spare) == (1, 0)
    assert before["gensets"] == after["gensets"]


def test_a_battery_that_carries_more_lasts_shorter():
    """Lead-acid, by the power 1.2: at one and a half times the load 61 % of the time."""
    found = {b.id: b for b in told(modules(), "ups-1").batteries}
    left = found["ups-2"]
    assert left.load_kw_before == pytest.approx(700 / 3)
    assert left.load_kw == pytest.approx(350)
    assert left.lasts_s_before == pytest.approx(900)
    assert left.lasts_s == pytest.approx(900 / 1.5**1.2)
    assert left.required_s == 137.0
    assert (left.bridges_before, left.bridges) == (True, True)
    gone = found["ups-1"]
    assert (gone.load_kw, gone.lasts_s, gone.bridges) == (0.0, None, False)


def test_a_battery_that_does_not_tell_its_time_says_none():
    plant = modules()
    plant.at({"ups-2/battery.state": "floating"})
    del plant.readings["ups-2/battery.runtime"]
    found = {b.id: b for b in told(plant, "ups-1").batteries}
    assert found["ups-2"].lasts_s is None


TANKS = tuple(Tank(f"t-{n}", 6000, (f"gen-{n}",), f"t-{n}/fuel.level", usable=1.0) for n in (1, 2))


def test_fuel_that_would_no_longer_last_is_a_reason():
    """At 737 kW and 0.25 l/kWh one generator burns its 6000 l in 32.6 h, two 65 h."""
    plant = modules(fuel=Fuel(TANKS, l_per_kwh=0.25, required_h=40, design=0))
    plant.at({"t-1/fuel.level": 1.0, "t-2/fuel.level": 1.0})
    answer = plant.what_if("gen-1")
    assert answer.consequences.fuel_before.all_h == pytest.approx(65.1, abs=0.1)
    assert answer.consequences.fuel.all_h == pytest.approx(32.6, abs=0.1)
    assert answer.verdict == "reduced"
    assert "fuel: 32.6 h, 40 h are required" in answer.reasons
    assert not [why for why in plant.what_if("ups-1").reasons if "fuel" in why]


def test_a_site_without_tanks_tells_no_fuel():
    assert told(modules(), "ups-1").fuel is None


def test_how_far_the_load_may_grow():
    """Two UPSs of 500 kW carry 1000 kW, one carries 500."""
    assert told(modules(), "ups-1").validity.holds_to_kw == pytest.approx(1000, rel=0.005)
    assert told(modules(400), "ups-1", "ups-2").validity.holds_to_kw == pytest.approx(
        500, rel=0.005
    )
    assert told(modules(400), "ups-1").validity.holds_to_kw is None, "not within twice the load"
    assert told(modules(700), "ups-1", "ups-2").validity.holds_to_kw is None, "harmed already"


def test_a_battery_can_be_what_ends_it():
    """150 s at 350 kW are 137 s at 377 kW each: beyond that the bridge does not hold."""
    plant = modules()
    for name in UPSS:
        plant.at({f"{name}/battery.runtime": 150.0 * 1.5**1.2})
    held = told(plant, "ups-1").validity.holds_to_kw
    assert held == pytest.approx(2 * 350 * (150 / 137) ** (1 / 1.2), rel=0.005)


def test_an_answer_is_for_one_state_of_the_plant():
    plant = modules()
    state = plant.report().state
    assert told(plant, "ups-1").validity.state == state
    plant.at({"ups-2/output.active_power": 260_000.0, "ups-2/battery.runtime": 880.0})
    assert plant.report(after_s=5).state == state, "figures move"
    plant.at({"ups-2/mode": "static_bypass"})
    assert plant.report(after_s=5).state != state
    assert told(plant, "ups-1").validity.state != state
    plant.at({"ups-2/mode": "online"})
    assert plant.report(after_s=5).state == state


def test_the_age_of_what_it_rests_on_is_told():
    plant = modules()
    plant.now += 7
    assert told(plant, "ups-1").validity.oldest_s == pytest.approx(7, abs=0.01)
    plant.silent("ups-3", last=plant.now - 120)
    assert told(plant, "ups-1").validity.oldest_s == pytest.approx(120, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(nodes=power_graphs(), data=st.data())
def test_up_to_the_limit_the_answer_is_the_same_and_beyond_it_something_is_harmed(nodes, data):
    taken = [n.id for n in nodes if n.kind not in ("load", "utility")]
    out = data.draw(st.lists(st.sampled_from(taken), min_size=1, max_size=2, unique=True))
    answer = Plant(nodes).what_if(" ".join(out))
    if answer.verdict not in ("safe", "reduced"):
        assert answer.consequences.validity.holds_to_kw is None
        return
    load_kw = answer.consequences.validity.load_kw
    held = answer.consequences.validity.holds_to_kw
    if load_kw == 0:
        assert held is None
        return
    factor = GROWS_MAX if held is None else held / load_kw
    assert grown(nodes, factor * 0.9999).what_if(" ".join(out)).verdict in ("safe", "reduced")
    if held is not None:
        beyond = grown(nodes, min(GROWS_MAX, factor * 1.005)).what_if(" ".join(out))
        # Asked anew, what the growth alone leaves unprotected is no news any more.
        assert beyond.verdict == "unsafe" or (
            set(beyond.unprotected_loads) - set(answer.unprotected_loads)
        )


def grown(nodes, factor):
    """The same plant with so many times the load."""
    return Plant([replace(n, demand_kw=(n.demand_kw or 0) * factor) if n.kind == "load" else n
                  for n in nodes])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(nodes=power_graphs(), data=st.data())
def test_the_list_of_loads_and_the_lists_of_the_answer_agree(nodes, data):
    taken = [n.id for n in nodes if n.kind != "load"]
    out = data.draw(st.lists(st.sampled_from(taken), min_size=1, max_size=3, unique=True))
    answer = Plant(nodes).what_if(" ".join(out))
    states = {load.id: load.state for load in answer.consequences.loads}
    assert {name for name, state in states.items() if state == "lost"} == set(answer.lost_loads)
    assert {name for name, state in states.items() if state == "unprotected"} == set(
        answer.unprotected_loads
    )
    assert set(states) == set(answer.consequences.loads_before)
