"""The worst phase and the power factor count against a rating."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quality import Quality
from core.redundancy.phases import able_share
from core.redundancy.rows import Watch
from core.redundancy.states import WANTED, WANTED_ELSE
from core.site import Group
from tests.support.conditions import NOW, Reading, view
from tests.support.power import Plant, node


def share(points, kind="pdu", **limits):
    """What is left of a node's capacity whose device measures these points."""
    single = node("n", kind, "" if kind == "utility" else "a", **({"kw": 150} | limits), device="d")
    readings = [Reading(f"d/{name}", value) for name, value in points.items()]
    gathered = Watch({"d": WANTED.get(kind, WANTED_ELSE)}).gather(view(*readings))
    return able_share(gathered.device("d"), single)


def lines(name, *values):
    return {f"{name}.l{n}": float(value) for n, value in enumerate(values, start=1)}


@pytest.mark.parametrize(
    ("values", "left"),
    [((100, 100, 100), 1.0), ((120, 90, 90), 300 / 360), ((200, 50, 50), 0.5), ((90, 0, 0), 1 / 3)],
)
def test_three_times_the_worst_phase_counts(values, left):
    assert share(lines("input.current", *values)) == pytest.approx(left)
    assert share(lines("current", *values)) == pytest.approx(left)
    in_watts = [value * 230 for value in values]
    assert share(lines("output.active_power", *in_watts), "ups") == pytest.approx(left)
    assert share(lines("output.apparent_power", *in_watts), "sts") == pytest.approx(left)


def test_of_next_to_no_load_what_is_uneven_says_little():
    """150 kW are 684 A of all three lines at 0.95 and 400 V: 7 A on one line alone are taken as
    uneven on a load of a tenth, 68 A."""
    assert share(lines("input.current", 7, 0, 0)) == pytest.approx(68.37 / (68.37 + 14), abs=0.001)
    assert share(lines("input.current", 0, 0, 0)) == 1.0


def test_what_a_ups_takes_is_no_measure_of_what_it_gives():
    assert share(lines("input.current", 200, 10, 10), "ups") == 1.0


def test_gear_of_one_or_two_phases_has_no_worst_one():
    assert share({"input.current.l1": 200.0}) == 1.0
    assert share({"input.current.l1": 200.0, "input.current.l2": 5.0}) == 1.0


def test_a_line_that_cannot_be_read_counts_as_the_worst_of_the_others():
    """Errs to the safe side against the mean of the others, and to the other against a worse one:
    docs/redundancy.md says so."""
    single = node("n", "pdu", "a", 150, device="d")
    readings = [Reading(f"d/{name}", v) for name, v in lines("input.current", 100, 50, 60).items()]
    readings[2] = Reading("d/input.current.l3", 0.0, quality=Quality.NO_ANSWER)
    reading = Watch({"d": WANTED_ELSE}).gather(view(*readings)).device("d")
    assert able_share(reading, single) == pytest.approx(250 / 300)


@pytest.mark.parametrize(
    ("limits", "measured", "left"),
    [
        ({"kw": None, "capacity_kva": 200}, 0.95, 1.0),
        ({"kw": None, "capacity_kva": 200}, 0.76, 0.8),
        ({"kw": None, "capacity_kva": 200}, 1.0, 1.0),
        ({"kw": None, "capacity_a": 250}, -0.76, 0.8),
        ({"kw": 150, "capacity_kva": 200}, 0.76, 1.0),
        ({"kw": 150, "capacity_kva": 200}, 0.60, 0.8),
        ({"kw": 150}, 0.5, 1.0),
    ],
)
def test_a_worse_power_factor_than_stated_counts(limits, measured, left):
    points = {"input.power_factor": measured, "input.active_power": 80e3}
    assert share(points, **limits) == pytest.approx(left)
    idle = points | {"input.active_power": 1e3}
    assert share(idle, **limits) == 1.0


@given(
    st.lists(st.floats(0, 1e4), min_size=3, max_size=3),
    st.floats(0.01, 1),
    st.sampled_from([{"kw": 150}, {"kw": None, "capacity_kva": 160}, {"capacity_a": 250}]),
)
def test_a_measurement_never_adds_capacity(values, factor, limits):
    """Errs to the safe side: what is left is at most the rating, and never nothing."""
    points = lines("input.current", *values) | {"input.power_factor": factor}
    left = share(points | {"input.active_power": 100e3}, **limits)
    assert 0 < left <= 1


# In the graph


def board(*amperes, power_w=120e3):
    """A row of 120 kW on a board of 150 kW behind one of two UPSs; 120 kW are 182 A a phase."""
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        node("ups-1", "ups", "ats", 200),
        node("ups-2", "ups", "ats", 200),
        node("ups", "bus", "ups-1 ups-2"),
        node("pdu", "pdu", "ups", 150, device="pdu"),
        node("row", "load", "pdu", demand=("pdu/input.active_power",)),
    ]
    plant = Plant(nodes, [Group("modules", "N+R", ("ups-1", "ups-2"))])
    plant.at({"pdu/input.active_power": power_w, "pdu/breaker.position": "closed"})
    return plant.at({f"pdu/{name}": a for name, a in lines("input.current", *amperes).items()})


def test_a_board_whose_worst_phase_is_full_is_overloaded():
    even, uneven = board(182, 182, 182), board(250, 150, 146)
    assert even.report().status == 3
    (over,) = uneven.report().cases["as_is"].overloaded
    assert (over.id, over.capacity_kw) == ("pdu", pytest.approx(150 * 546 / 750))
    report = uneven.report()
    assert report.status == 0
    words = "pdu carries 120 of 109 kW (its worst phase and power factor leave 73%)"
    assert report.headline == f"{words} now"
    assert uneven.what_if("utility").verdict == "unsafe"
    assert even.what_if("utility").verdict != "unsafe"


def test_a_board_that_falls_silent_is_as_uneven_as_it_was():
    """Also at the best of what is not known: else it would be the better for being silent."""
    plant = board(250, 150, 146)
    plant.report()
    plant.silent("pdu", last=NOW)
    for after_s in (1.0, 300.0):
        report = plant.report(after_s=after_s)
        assert plant.what_if("utility").verdict == "unsafe", report.headline
    again = board(250, 150, 146)
    again.report()
    again.at(lines_of("pdu", 182, 182, 182)).report(after_s=1.0)
    again.silent("pdu", last=again.now)
    again.report(after_s=300.0)
    assert again.what_if("utility").verdict == "unknown", "even when it was heard last"


def lines_of(device, *amperes):
    found = lines("input.current", *amperes)
    return {f"{device}/{name}": a for name, a in found.items()}


def test_the_phases_are_looked_at_again_while_nothing_else_moves():
    plant = board(182, 182, 182)
    before = plant.report()
    plant.at({"pdu/input.current.l1": 182.1})
    assert plant.report(after_s=1.0) is before
    plant.at({"pdu/input.current.l1": 300.0})
    assert plant.report(after_s=1.0).status == 0


def test_an_uneven_module_is_worth_less_to_its_group():
    """N+R on 200 kW modules: with 240 kW behind, 600 kW of three stand the loss of one unless the
    load of one is uneven."""
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        *(node(f"ups-{n}", "ups", "ats", 200, device=f"ups-{n}") for n in (1, 2, 3)),
        node("ups", "bus", "ups-1 ups-2 ups-3"),
        node("row", "load", "ups", 330),
    ]
    plant = Plant(nodes, [Group("modules", "N+R", ("ups-1", "ups-2", "ups-3"))])
    for n in (1, 2, 3):
        plant.at({f"ups-{n}/mode": "online", f"ups-{n}/battery.runtime": 3000.0})
        currents = lines("output.current", *((160, 160, 160) if n > 1 else (240, 120, 120)))
        plant.at({f"ups-{n}/{name}": a for name, a in currents.items()})
    # Two are left with 165 kW each; the uneven one can give 133 kW.
    group = plant.report().groups[0]
    assert (group.spare, group.status) == (0, 1)
    plant.at({f"ups-1/{name}": a for name, a in lines("output.current", 160, 160, 160).items()})
    assert plant.report(after_s=60.0).groups[0].spare == 1
