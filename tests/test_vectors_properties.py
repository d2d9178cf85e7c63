"""What must hold of every plant: a spare never lowers a verdict, and what is not known never raises
one, whatever the devices say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from core.quality import Quality
from core.site import Group
from tests.support.conditions import NOW
from tests.support.plants_random import standby_plants
from tests.support.power import Plant, node
from tests.support.power_random import power_graphs

several = settings(deadline=None, max_examples=60)

WORTH = {"unsafe": 0, "unknown": 0, "reduced": 1, "safe": 2}
"""How far one may go on an answer: not at all on one that is not known."""

SAYS = {
    "utility": {
        "mains.state": ("normal", "failed", "out_of_tolerance"),
        "breaker.position": ("closed", "open"),
    },
    "genset": {
        "control.mode": ("auto", "manual", "off"),
        "engine.state": ("stopped", "running", "on_load", "fault"),
        "breaker.position": ("open", "closed", "tripped"),
        "fuel.level": (0.9, 0.05),
    },
    "ups": {
        "mode": ("online", "eco", "on_battery", "static_bypass", "off", "fault"),
        "battery.state": ("floating", "charging", "low", "fault"),
        "battery.runtime": (900.0, 60.0),
    },
    "ats": {
        "position": ("preferred", "alternate"),
        "control.mode": ("auto", "manual"),
        "source.state.1": ("normal", "absent"),
        "source.state.2": ("normal", "absent"),
    },
    "sts": {
        "position": ("preferred", "alternate"),
        "sync.state": ("in_sync", "out_of_sync"),
        "source.state.1": ("normal", "absent"),
        "source.state.2": ("normal", "absent"),
    },
    "pdu": {"breaker.position": ("closed", "open")},
}
"""What devices may say, the usual first."""


@st.composite
def watched_plants(draw):
    """A plant with a device at every node that has states, most of them well."""
    nodes = [
        replace(n, device=n.id) if n.kind in SAYS else n
        for n in draw(st.one_of(standby_plants(), power_graphs(size_max=8, loads_max=3)))
    ]
    said: dict[str, str | float] = {}
    for n in nodes:
        for name, words in SAYS.get(n.kind, {}).items():
            usual = draw(st.integers(0, 9)) > 0
            said[f"{n.id}/{name}"] = words[0] if usual else draw(st.sampled_from(words))
    return nodes, said


def some_out(draw, nodes):
    others = [n.id for n in nodes if n.kind != "load"]
    return " ".join(sorted(draw(st.sets(st.sampled_from(others), max_size=2))))


@several
@given(watched_plants(), st.data())
def test_what_falls_silent_never_makes_an_answer_better(plant, data):
    nodes, said = plant
    out = some_out(data.draw, nodes)
    known = Plant(nodes).at(said)
    blind = Plant(nodes).at(said)
    devices = sorted(known.devices)
    for name in data.draw(st.sets(st.sampled_from(devices), min_size=1, max_size=3)):
        blind.silent(name, last=NOW - 1)
    before, after = known.what_if(out), blind.what_if(out)
    event(f"{before.verdict} to {after.verdict}")
    assert WORTH[after.verdict] <= WORTH[before.verdict], (before.reasons, after.reasons)
    assert set(after.lost_loads) >= set(before.lost_loads)


@several
@given(watched_plants(), st.data())
def test_a_point_that_is_not_told_never_makes_an_answer_better(plant, data):
    nodes, said = plant
    out = some_out(data.draw, nodes)
    known = Plant(nodes).at(said)
    blind = Plant(nodes).at(said)
    for point in data.draw(st.sets(st.sampled_from(sorted(said)), min_size=1, max_size=3)):
        blind.change(point, quality=Quality.NO_ANSWER)
    before, after = known.what_if(out), blind.what_if(out)
    event(f"{before.verdict} to {after.verdict}")
    assert WORTH[after.verdict] <= WORTH[before.verdict], (before.reasons, after.reasons)


@pytest.mark.parametrize(
    "point", ["ats/control.mode", "ats/transfer.state", "ats/redundancy.state", "ats/position"]
)
def test_a_switch_that_does_not_tell_whether_it_moves_is_not_taken_for_one_that_never_did(point):
    """Were it taken for certain that it does not move, taking it out would be nothing new."""
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500, device="ats"),
        node("other", "ats", "utility gen", 500),
        node("ups", "ups", "ats", 100),
        node("row", "load", "ups other", 50),
    ]
    said = {"ats/position": "preferred", "ats/control.mode": "auto"}
    said |= {"ats/transfer.state": "allowed", "ats/redundancy.state": "full"}
    plant = Plant(nodes).at(said)
    assert plant.what_if("ats").verdict == "unsafe"
    plant.change(point, quality=Quality.NO_ANSWER)
    answer = plant.what_if("ats")
    if point == "ats/redundancy.state":  # its other source may be gone: believed at once
        assert answer.verdict == "unsafe"
    else:
        assert answer.verdict == "unknown"
        assert plant.report().unknown == ("ats",)


@several
@given(watched_plants(), st.data())
def test_the_live_verdict_of_a_plant_long_silent_is_no_better(plant, data):
    nodes, said = plant
    known = Plant(nodes).at(said)
    blind = Plant(nodes).at(said)
    for name in data.draw(st.sets(st.sampled_from(sorted(known.devices)), min_size=1, max_size=3)):
        blind.silent(name, last=NOW - 100)
    before, after = known.report(), blind.report()
    if before.status > 0:
        assert after.status <= before.status, (before.reasons, after.reasons)
    for case in ("as_is", "mains_lost"):
        assert set(after.cases[case].lost_loads) >= set(before.cases[case].lost_loads)


def doubled(nodes, name, twins):
    """The plant with one node replaced by so many of its kind on a board of their own."""
    (old,) = (n for n in nodes if n.id == name)
    names = [f"{name}-{k}" for k in range(twins)]

    def renamed(feeder):
        return f"{name}-board" if feeder == name else feeder

    found = []
    for n in nodes:
        if n.id != name:
            found.append(
                replace(
                    n,
                    fed_by=tuple(map(renamed, n.fed_by)),
                    bypass_fed_by=renamed(n.bypass_fed_by),
                )
            )
            continue
        found += [replace(old, id=twin, recharge_kw=0.0) for twin in names]
        board = replace(old, id=f"{name}-board", kind="bus", fed_by=tuple(names))
        found.append(replace(board, capacity_kw=None, bypass_fed_by="", efficiency=1.0))
    return found, tuple(names)


@several
@given(st.one_of(standby_plants(), power_graphs(size_max=8, loads_max=3)), st.data())
def test_a_unit_more_beside_its_like_never_lowers_an_answer_or_a_group(nodes, data):
    """Its battery's charge is left out: that is load, and may be too much for the generators."""
    able = [n.id for n in nodes if n.kind in ("genset", "ups", "transformer", "pdu", "panel")]
    name = data.draw(st.sampled_from(able))
    others = [n.id for n in nodes if n.kind != "load" and n.id != name]
    out = " ".join(sorted(data.draw(st.sets(st.sampled_from(others), max_size=2))))
    answers = []
    for count in (1, 2, 3):
        more, names = doubled(nodes, name, count)
        answers.append(Plant(more, [Group("units", "N+R", names, 0)]).what_if(out))
    event(" ".join(answer.verdict for answer in answers))
    for few, many in pairwise(answers):
        assert set(many.lost_loads) <= set(few.lost_loads)
        assert set(many.unprotected_loads) <= set(few.unprotected_loads)
        assert not (few.verdict != "unsafe" and many.verdict == "unsafe"), many.reasons
        assert many.groups[0].spare >= few.groups[0].spare
        assert many.groups[0].status >= few.groups[0].status
        assert WORTH[many.verdict] >= WORTH[few.verdict], many.reasons
