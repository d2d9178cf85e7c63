"""A false "safe" is the worst bug there can be: verdicts against every truth that is possible."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from core.quality import Quality
from core.redundancy.graph import problems
from tests.support.conditions import NOW, status, view
from tests.support.power import Plant
from tests.support.power_oracle import Oracle
from tests.support.power_random import power_graphs

several = settings(deadline=None, max_examples=60)


def harmed(nodes, out, closed=None):
    """Loads lost or nodes overloaded in either case, after the literal twin."""
    found = set()
    for case in ("as_is", "mains_lost"):
        oracle = Oracle(nodes, case, out=out, closed=closed)
        found |= oracle.lost_loads | set(oracle.overloaded)
    return found


def bare(nodes, out, case):
    """Loads that live without a UPS on their way, as the sentence has it."""
    oracle = Oracle(nodes, case, out=out)

    def on_bypass(name):
        return any(oracle.runs_on_bypass(peer) for peer in oracle.peers(name))

    def behind_a_ups(name):
        if oracle.nodes[name].kind == "ups" and not on_bypass(name):
            return True
        ways = oracle.feeding(name)
        if oracle.nodes[name].kind == "sts":  # it moves without a break
            ways = [feeder for feeder in oracle.nodes[name].fed_by if oracle.energised(feeder)]
        return any(map(behind_a_ups, ways))

    found = set()
    for load in (node for node in nodes if node.kind == "load"):
        feeds = [f for f in load.fed_by if oracle.energised(f)]
        if load.min_feeds <= len(feeds) and sum(map(behind_a_ups, feeds)) < load.min_feeds:
            found.add(load.id)
    return found


@several
@given(power_graphs(), st.data())
def test_no_answer_is_safe_where_the_sentences_say_harm(nodes, data):
    assert problems(nodes, ()) == []
    plant = Plant(nodes)
    others = [node.id for node in nodes if node.kind != "load"]
    out = data.draw(st.sets(st.sampled_from(others), max_size=3))
    answer = plant.what_if(" ".join(sorted(out)))
    truth = harmed(nodes, out)
    told = set(answer.lost_loads) | {o.id for o in answer.overloaded}
    # What any batteries make of ties by recharging or not is more than what all of them make of it
    # (tests/test_power_graph_busbars.py holds it against each).
    joined = {name for tie in nodes for name in (tie.id, *tie.between) if tie.kind == "tie"}
    assert told - joined == truth - joined
    assert told >= truth
    if truth:
        assert answer.verdict == "unsafe"
    for case, result in answer.cases.items():
        assert bare(nodes, out, case) <= set(result.unprotected_loads)
        now = plant.what_if().cases[case]
        newly = set(result.unprotected_loads) - set(now.unprotected_loads) - set(now.lost_loads)
        assert answer.verdict == "unsafe" or not newly


@several
@given(power_graphs(size_max=8, loads_max=3), st.data())
def test_what_is_not_known_never_makes_an_answer_safer(nodes, data):
    """Up to three silent devices: no answer but `unknown` or `unsafe` where any truth is harm."""
    others = [node.id for node in nodes if node.kind != "load"]
    silent = data.draw(st.sets(st.sampled_from(others), min_size=1, max_size=3))
    out = data.draw(st.sets(st.sampled_from(others), max_size=2))
    watched = [replace(n, device=n.id) if n.id in silent else n for n in nodes]
    plant = Plant(watched)
    for name in silent:
        plant.silent(name, last=NOW - 100)
    answer = plant.what_if(" ".join(sorted(out)))
    normally = {n.id for n in nodes if n.normally == "closed"}
    truths = [
        harmed(nodes, out | {name for name, lost in zip(silent, picks, strict=True) if lost}, shut)
        for shut in (normally | silent, normally)  # a silent tie may be closed, too
        for picks in product((False, True), repeat=len(silent))
    ]
    if any(truths):
        assert answer.verdict in ("unknown", "unsafe"), (silent, out, truths)
    if answer.verdict == "unsafe" and answer.lost_loads:
        assert truths[-1]


@several
@given(power_graphs(size_max=8, loads_max=3))
def test_reduced_and_safe_differ_by_the_next_failure(nodes):
    """`safe` means: no next failure harms a load that it would not harm as designed."""
    plant = Plant(nodes)
    others = [node.id for node in nodes if node.kind != "load"]
    for name in others[:6]:
        if plant.what_if(name).verdict != "safe":
            continue
        for more in others:
            assert not harmed(nodes, {name, more}) - harmed(nodes, {more}), (name, more)


@several
@given(power_graphs(size_max=8), st.data())
def test_more_taken_out_never_saves_a_load(nodes, data):
    plant = Plant(nodes)
    others = [node.id for node in nodes if node.kind != "load"]
    for some, more in combinations(data.draw(st.permutations(others))[:3], 2):
        few, many = plant.what_if(some), plant.what_if(f"{some} {more}")
        assert set(few.lost_loads) <= set(many.lost_loads)


@several
@given(power_graphs(size_max=8))
def test_a_spare_feed_never_lowers_what_stands(nodes):
    """Another feed for every load: nothing that lived is lost."""
    spare = [*nodes[:2], replace(nodes[0], id="utility-9", capacity_kw=1e6)]
    richer = [replace(n, fed_by=(*n.fed_by, "utility-9")) if n.kind == "load" else n for n in nodes]
    with_spare = Plant([*spare, *richer[2:]])
    assert set(with_spare.what_if().lost_loads) <= set(Plant(nodes).what_if().lost_loads)


def test_readings_that_are_lost_one_by_one_never_raise_a_verdict():
    """Each point of a whole plant made unreadable in turn."""
    from tests.test_power_graph_states import watched

    order = ("unsafe", "unknown", "reduced", "safe")
    healthy = watched()
    questions = ("", "ups-1", "gen-1", "utility", "ats")
    verdicts = {q: healthy.what_if(q).verdict for q in questions}
    for point in list(healthy.readings):
        plant = watched()
        plant.change(point, quality=Quality.NO_ANSWER)
        points = view(*(r for p, r in plant.readings.items()))
        for question, verdict in verdicts.items():
            answer = plant.model.what_if(points, plant.devices, NOW, out=question.split())
            assert order.index(answer.verdict) <= order.index(verdict), (point, question)


def test_devices_that_fall_silent_never_raise_a_verdict():
    from tests.test_power_graph_states import watched

    order = ("unsafe", "unknown", "reduced", "safe")
    healthy = watched()
    questions = ("", "ups-1", "gen-1", "utility", "ats", "gen-1 gen-2")
    verdicts = {q: healthy.what_if(q).verdict for q in questions}
    for device in healthy.devices:
        plant = watched()
        plant.devices[device] = status(device, up=False, last=NOW - 1)
        for question, verdict in verdicts.items():
            answer = plant.what_if(question)
            assert order.index(answer.verdict) <= order.index(verdict), (device, question)
