"""From the loss of the mains to the generators: which of them is still counted on, and what the
loads will take when they have come back."""

from __future__ import annotations

import json

import pytest

from core.redundancy.report import RedundancyModel
from core.site import Group, Start
from tests.support.coupled import Coupled
from tests.support.power import Plant, node
from tests.support.simulator import SUMMER_NOON, demo_site

ATTEMPT_S = Start().crank_s + Start().warm_up_s


def plant():
    """Mains, two generators of which one is needed, a row and its chillers without a UPS."""
    nodes = [
        node("utility", "utility", kw=500, device="mains"),
        node("gen-1", "genset", kw=300, device="gen-1"),
        node("gen-2", "genset", kw=300, device="gen-2"),
        node("gen-bus", "bus", "gen-1 gen-2"),
        node("ats", "ats", "utility gen-bus", 500, device="ats"),
        node("row", "load", "ats", demand=("row/active_power",), short_break=True),
        node("chillers", "load", "ats", demand=("chiller/active_power",), short_break=True),
    ]
    gensets = Group("gensets", "N+R", ("gen-1", "gen-2"))
    found = Plant(nodes, [gensets]).at({"ats/control.mode": "auto"})
    for gen in ("gen-1", "gen-2"):
        found.at({f"{gen}/control.mode": "auto", f"{gen}/output.active_power": 0.0})
        engine(found, gen, "stopped")
    return on_mains(found, row_kw=150, chillers_kw=200)


def takes(of, row_kw, chillers_kw):
    return of.at({"row/active_power": 1e3 * row_kw, "chiller/active_power": 1e3 * chillers_kw})


def on_mains(of, row_kw, chillers_kw):
    of.at({"mains/mains.state": "normal", "ats/position": "preferred"})
    of.at({"ats/source.state.1": "normal", "ats/source.state.2": "absent"})
    return takes(of, row_kw, chillers_kw)


def without_mains(of):
    of.at({"mains/mains.state": "failed", "ats/source.state.1": "absent"})
    return takes(of, 0, 0)


def on_generators(of, row_kw, chillers_kw):
    engine(of, "gen-1", "on_load").at({"gen-1/output.active_power": 1e3 * (row_kw + chillers_kw)})
    engine(of, "gen-2", "on_load")
    of.at({"ats/position": "alternate", "ats/source.state.2": "normal"})
    return takes(of, row_kw, chillers_kw)


def engine(of, gen, state):
    return of.at({f"{gen}/engine.state": state})


# Whether it comes


@pytest.mark.parametrize("word", ["cranking", "starting"])
def test_a_generator_that_is_in_its_first_attempt_may_still_come(word):
    of = without_mains(plant())
    engine(of, "gen-1", word).report()
    assert of.report(after_s=ATTEMPT_S - 1).cases["as_is"].lost_loads == ()
    assert of.what_if("gen-2").lost_loads == ()


def test_a_generator_that_cranks_for_longer_than_an_attempt_takes_is_not_counted_on():
    of = without_mains(plant())
    engine(of, "gen-1", "cranking").report()
    of.report(after_s=ATTEMPT_S + 1)
    answer = of.what_if("gen-2")
    assert answer.verdict == "unsafe"
    assert answer.lost_loads == ("row", "chillers")


def test_a_generator_that_rests_after_cranking_is_not_counted_on_nor_in_its_next_attempt():
    """Its controller says nothing wrong before the last attempt has failed."""
    of = without_mains(plant())
    engine(of, "gen-1", "cranking").report()
    for after_s, state in ((10, "stopped"), (10, "cranking"), (10, "stopped")):
        engine(of, "gen-1", state).report(after_s=after_s)
        assert of.what_if("gen-2").lost_loads == ("row", "chillers"), state


def test_a_generator_that_runs_at_its_second_attempt_counts_again():
    of = without_mains(plant())
    for state in ("cranking", "stopped", "starting", "running"):
        engine(of, "gen-1", state).report(after_s=10)
    assert of.what_if("gen-2").lost_loads == ()
    engine(of, "gen-1", "stopped").report(after_s=10)
    assert of.what_if("gen-2").lost_loads == ()


def test_a_start_that_was_called_off_is_forgotten():
    """The mains are back while it cranks: it stands still and is ready again."""
    of = plant()
    engine(of, "gen-1", "cranking").report()
    engine(of, "gen-1", "stopped").report(after_s=5)
    assert of.what_if("gen-2", case="mains_lost").lost_loads == ("row", "chillers")
    of.report(after_s=2 * Start().rest_s + 1)
    assert of.what_if("gen-2", case="mains_lost").lost_loads == ()


def test_a_fault_that_is_told_is_what_is_said():
    of = without_mains(plant())
    for state in ("cranking", "stopped", "fault"):
        engine(of, "gen-1", state).report(after_s=10)
    (gensets,) = of.report().groups
    assert "gen-1 has an engine fault" in " ".join(gensets.reasons)
    assert of.what_if("gen-2").lost_loads == ("row", "chillers")


def test_a_clock_that_is_set_makes_no_attempt_longer():
    of = without_mains(plant())
    engine(of, "gen-1", "cranking").report()
    of.model.stepped(3600.0)
    of.now += 3600.0
    of.report(after_s=1)
    assert of.what_if("gen-2").lost_loads == ()


# What they take when they are back


def returning(answer):
    return [reason for reason in answer.reasons if "had no supply of late" in reason]


def test_loads_without_supply_count_with_what_they_took_before():
    """350 kW are too much for one generator of 300, whatever the loads take while they stand."""
    of = plant()
    of.report()
    assert of.what_if("gen-2", case="mains_lost").verdict == "unsafe"
    without_mains(of).report(after_s=5)
    answer = of.what_if("gen-2")
    assert answer.verdict == "unsafe"
    assert [over.id for over in answer.overloaded] == ["gen-1"]
    assert returning(answer) == [
        "row, chillers had no supply of late: taken with what was drawn before"
    ]


def test_loads_that_restart_slowly_count_with_what_they_took_before_until_they_do():
    of = plant()
    of.report()
    without_mains(of).report(after_s=5)
    for after_s in (20, 60, 600):
        on_generators(of, 150, 10).report(after_s=after_s)
        answer = of.what_if("gen-2")
        assert answer.verdict == "unsafe"
        assert returning(answer) == [
            "chillers had no supply of late: taken with what was drawn before"
        ]
    on_generators(of, 150, 210).report(after_s=10)
    assert returning(of.what_if("gen-2")) == []
    on_generators(of, 150, 10).report(after_s=1000)
    assert of.what_if("gen-2").verdict != "unsafe", "they need less now"


def test_what_they_took_before_a_long_outage_is_not_forgotten_while_it_lasts_nor_by_a_restart():
    of = plant()
    of.report()
    without_mains(of)
    for _ in range(30):
        of.report(after_s=60)
    kept = json.loads(json.dumps(of.model.state(), allow_nan=False))
    of.model = RedundancyModel(of.site)
    of.model.restore(kept)
    of.report(after_s=60)
    assert [over.id for over in of.what_if("gen-2").overloaded] == ["gen-1"]


def test_a_clock_that_is_set_makes_no_load_forget_sooner():
    of = plant()
    of.report()
    without_mains(of).report(after_s=5)
    of.model.stepped(3600.0)
    of.now += 3600.0
    on_generators(of, 150, 10).report(after_s=60)
    assert returning(of.what_if("gen-2"))


# On the simulated site


def test_while_a_generator_fails_to_start_no_other_may_be_taken_out_at_any_moment():
    """Two of three are needed. Before its first attempt has failed the third one may come."""
    here = Coupled(demo_site(), SUMMER_NOON)
    here.run(60)
    here.play("genset-fails-to-start")
    asked = []
    for second in range(60):
        here.run(1)
        asked.append((second, here.what_if_verdict("gen-2")))
    assert here.snapshot.supply == "generator"
    assert {verdict for second, verdict in asked if second >= 20} == {"unsafe"}
    rows = {load.supply for load in here.snapshot.redundancy.loads if load.id.startswith("row-")}
    assert rows == {"generator"}
