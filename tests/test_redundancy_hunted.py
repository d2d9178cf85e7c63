"""Answers that were once too good: each of these was found by looking for a false "safe"."""

from __future__ import annotations

from dataclasses import replace

from core.quality import Quality
from core.redundancy.report import RedundancyModel
from tests.support.conditions import NOW
from tests.support.power import Plant, node, two_sides
from tests.test_redundancy_fuel import GENS, burning, tank


def own_tanks(litres=9_000.0, **more):
    """Each generator burns from a tank of its own, t-0 to t-3."""
    return burning([tank(f"t-{n}", litres, [name]) for n, name in enumerate(GENS)], **more)


def test_a_tank_that_falls_silent_does_not_fill_its_generator():
    """Empty it would stop it, and then the loss of another one is too much."""
    plant = own_tanks().at({"t-0/fuel.level": 0.0})
    assert plant.what_if("gen-2").verdict == "unsafe"
    plant.change("t-0/fuel.level", quality=Quality.NO_ANSWER)
    answer = plant.what_if("gen-2")
    assert answer.verdict == "unknown"
    assert "gen-1 has no fuel that is known of, t-0 does not tell" in answer.reasons
    assert plant.report().groups[0].status == 3, "the live verdict only names it"


def test_a_silent_tank_beside_one_that_holds_fuel_leaves_no_doubt_about_a_generator():
    plant = burning([tank("a", 90_000), tank("b", 90_000)])
    plant.change("b/fuel.level", quality=Quality.NO_ANSWER)
    answer = plant.what_if("gen-1")
    assert answer.verdict == "reduced"  # of 3 x 800 kW no spare is left, and b may be empty
    assert any("fuel: b not known" in reason for reason in answer.reasons)


def test_fuel_that_does_not_last_is_said_though_it_did_not_last_before():
    plant = burning([tank("a", 27_000)], design=0)
    assert plant.what_if("utility").verdict == "safe"
    plant.at({"a/fuel.level": 0.1})
    answer = plant.what_if("utility")
    assert answer.verdict == "reduced"
    assert "fuel: 5.1 h, 12 h are required" in answer.reasons
    plant.change("a/fuel.level", quality=Quality.NO_ANSWER)
    assert plant.what_if("utility").verdict == "unknown"


def test_fuel_that_is_not_known_is_said_though_it_was_not_known_before():
    plant = burning([tank("a", 8_000), tank("b", 8_000), tank("c", 8_000)])
    assert plant.what_if("utility").verdict == "safe"
    for name in "ab":
        plant.change(f"{name}/fuel.level", quality=Quality.NO_ANSWER)
    answer = plant.what_if("utility")
    assert answer.verdict == "reduced"
    assert "fuel: a, b not known, 12 h are required" in answer.reasons


def test_a_generator_that_is_put_back_brings_no_fuel():
    plant = own_tanks().at({"t-0/fuel.level": 0.0})
    assert plant.what_if("gen-2", "gen-1").verdict == "unsafe"
    plant.at({"t-0/fuel.level": 1.0})
    assert plant.what_if("gen-2", "gen-1").verdict == "reduced"
    plant.change("t-0/fuel.level", quality=Quality.NO_ANSWER)
    assert plant.what_if("gen-2", "gen-1").verdict == "unknown"


def uneven():
    """Two boards of 150 kW, one of them with 250, 146 and 146 A; a row of 120 kW on both."""
    lines = {"l1": 250.0, "l2": 146.0, "l3": 146.0}
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500),
        node("ups-1", "ups", "ats", 300, device="ups-1"),
        node("ups-2", "ups", "ats", 300),
        node("pdu-1", "pdu", "ups-1", 150, device="pdu-1"),
        node("pdu-2", "pdu", "ups-2", 150),
        node("row", "load", "pdu-1 pdu-2", 120),
    ]
    return Plant(nodes).at({f"pdu-1/current.{line}": amps for line, amps in lines.items()})


def test_what_is_put_back_while_it_is_in_service_stays_as_uneven_as_it_is():
    plant = uneven()
    assert plant.what_if("pdu-2").verdict == "unsafe"
    assert plant.what_if("pdu-2", "pdu-1").verdict == "unsafe"


def test_a_ups_that_is_put_back_while_it_is_in_eco_mode_stays_in_eco_mode():
    plant = uneven().at({"ups-1/mode": "eco"})
    assert any("eco" in reason for reason in plant.what_if("", "ups-1").reasons)
    plant.at({"ups-1/mode": "static_bypass"})
    assert not any("eco" in reason for reason in plant.what_if("", "ups-1").reasons)


def test_an_answer_is_out_of_date_as_soon_as_a_device_is_silent():
    """What-if answers take a silent device at its worst at once, so the state is another one at
    once, though the live verdict still believes its last word."""
    plant = uneven().at({"ups-1/mode": "online"})
    before = plant.report()
    plant.silent("ups-1", last=NOW - 1)
    report = plant.report()
    assert (report.status, report.headline) == (before.status, before.headline)
    assert report.state != before.state
    assert plant.what_if("").consequences.validity.state == report.state


def test_a_battery_that_nobody_tells_of_is_not_trusted_with_more_than_it_carries_now():
    """The batteries bear 72 kW each. With pdu-1a out, side B has 150 kW on two of them: too much
    for either, though it is unprotected already if ups-b1 is off, and though it is not if ups-b1
    has a battery without end."""
    watched = ("ups-a1", "ups-a2", "ups-b1", "ups-b2")
    nodes = [
        replace(n, device=n.id) if n.id in watched else n
        for n in two_sides(module=150, row=100, pdu=200)
    ]
    plant = Plant(nodes)
    for name in watched:
        plant.at({f"{name}/mode": "online", f"{name}/battery.runtime": 900.0})
        plant.at({f"{name}/output.active_power": 15_000.0})
    assert plant.what_if("pdu-1a").verdict == "unsafe"
    plant.silent("ups-b1", last=NOW - 100)
    assert plant.what_if("pdu-1a").verdict == "unknown"
    assert plant.what_if("").verdict == "reduced", "what is not harmed is not in doubt"


def test_a_ups_in_eco_mode_that_falls_silent_does_not_make_an_answer_safe():
    """At its worst, out, the others protect its load; in eco mode its load is on mains."""
    names = ("ups-a1", "ups-a2", "ups-b1", "ups-b2")
    nodes = [replace(n, device=n.id) if n.id in names else n for n in two_sides(row=60)]
    plant = Plant(nodes).at({f"{name}/mode": "online" for name in names})
    assert plant.what_if("").verdict == "safe"
    plant.at({"ups-a1/mode": "eco"})
    assert plant.what_if("").verdict == "reduced"
    plant.silent("ups-a1", last=NOW - 100)
    answer = plant.what_if("")
    assert answer.verdict == "reduced"
    assert "whether ups-a1 is in eco mode is not known" in answer.reasons
    plant.model = RedundancyModel(replace(plant.site, eco="full"))
    assert plant.what_if("").verdict == "safe"


def test_a_ups_that_is_put_back_gets_no_input_from_a_feeder_that_it_sees_dead():
    """Its battery is drained meanwhile, and then its rows hang on the other side alone."""
    plant = fed_from_two_boards().at({"ups-a/mode": "on_battery"})
    plant.report()
    for back in ("", "ups-a"):
        assert plant.what_if("ups-b", back=back).verdict == "unknown"  # may be the meters' delay
    plant.report(after_s=31.0)
    for back in ("", "ups-a"):
        assert plant.what_if("ups-b", back=back).verdict == "unsafe"
    plant.at({"ups-a/mode": "online"}).report()
    assert plant.what_if("ups-b", back="ups-a").verdict == "reduced"


def test_a_ups_that_was_off_is_put_back_with_its_input():
    """What it does not see while it is isolated says nothing of its feeder."""
    plant = fed_from_two_boards().at({"ups-a/mode": "off"})
    assert plant.what_if("ups-b", back="ups-a").verdict == "reduced"


def fed_from_two_boards():
    """Two boards on mains, which their meters see, a UPS on each, a row on both."""
    nodes = [node("mains", "utility", kw=900, device="mains"), node("gen", "genset", kw=900)]
    nodes.append(node("ats", "ats", "mains gen", 900))
    for side in "ab":
        nodes.append(node(f"board-{side}", "bus", "ats", 500))
        nodes.append(node(f"ups-{side}", "ups", f"board-{side}", 200, device=f"ups-{side}"))
    nodes.append(node("row", "load", "ups-a ups-b", 90.0))
    plant = Plant(nodes).at({"mains/mains.state": "normal"})
    for side in "ab":
        plant.at({f"ups-{side}/mode": "online", f"ups-{side}/battery.state": "floating"})
        plant.at({f"ups-{side}/battery.runtime": 900.0})
    plant.report()
    return plant
