"""What an answer promises is what the simulated plant then does: the same removal is played, with
mains, without, and back again, and every load is watched at every step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from core.site import Node, Site
from simulator.faults import Faults
from simulator.site import PlantModel
from tests.support.plants_random import standby_plants, tied_plants
from tests.support.power import Plant
from tests.support.simulator import WINTER_NIGHT

LIVELY = 1.05
"""The simulated loads move about their nominal value, by up to 3.3 % upwards, and a static switch
takes 0.3 %: they are played so much smaller that they never exceed what was asked for."""

IDLE_LOSS = 0.01
"""A simulated UPS has a loss without load, too, and its efficiency falls above half load: up to so
much of its capacity that the answer does not know of (docs/redundancy.md, Simplifications)."""

STEP_S = 0.5
START_S = 40.0
"""After so long the simulated generators carry, all of them, and the UPSs have walked in; ..."""

TIE_S = 10.0
"""... later by so much for each tie, where one after the other closes."""

DRIFT = 0.05
"""What crosses a tie is a difference: it moves by so much of all loads as they move."""


@dataclass
class Watched:
    """What was seen of loads and nodes while a plant was played."""

    dead: set[str] = field(default_factory=set)
    overloaded: set[str] = field(default_factory=set)


def without(nodes: Sequence[Node], out: Collection[str]) -> list[Node]:
    """The plant with nodes isolated: what has no feeder left goes with them, but a bus with a tie.
    Utilities stay, to be switched off, so that the switches call the generators."""
    gone = {n.id for n in nodes if n.id in out and n.kind != "utility"}
    while True:
        left = [replace(n, fed_by=_but(n.fed_by, gone), bypass_fed_by=_or_none(n, gone))
                for n in nodes if n.id not in gone]  # fmt: skip
        there = {n.id for n in left}
        tied = {bus for n in left if there.issuperset(n.between) for bus in n.between}
        dead = {n.id for n in left if n.kind not in ("utility", "genset", "tie") and not n.fed_by}
        dead |= {n.id for n in left if n.kind == "tie" and not there.issuperset(n.between)}
        if not dead - tied:
            return left
        gone |= dead - tied


def _but(names: tuple[str, ...], gone: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in gone)


def _or_none(node: Node, gone: Collection[str]) -> str:
    return "" if node.bypass_fed_by in gone else node.bypass_fed_by


def play(nodes: Sequence[Node], out: Collection[str]) -> Watched:
    """Take nodes out, let the mains fail and return, and watch."""
    smaller = [
        replace(n, demand_kw=n.demand_kw / LIVELY) if n.kind == "load" else n
        for n in without(nodes, out)
    ]
    utilities = frozenset(n.id for n in nodes if n.kind == "utility")
    off = utilities & frozenset(out)
    model = PlantModel(Site("p", "P", "UTC", power=tuple(smaller)), WINTER_NIGHT)
    seen = Watched()
    loads = [n.id for n in nodes if n.kind == "load"]
    seen.dead |= {name for name in loads if name not in model.network.index}
    ties_s = TIE_S * sum(n.kind == "tie" for n in nodes)
    _run(model, 60.0 + ties_s, off, None)  # it settles on what is left
    _run(model, 10.0, off, seen, steady=True)
    _run(model, START_S + ties_s, utilities, seen)
    _empty_batteries(model)
    _run(model, 40.0, utilities, seen, steady=True)
    _run(model, 75.0 + ties_s, off, seen)
    return seen


def _empty_batteries(model: PlantModel) -> None:
    """Who is still on battery has nothing else, and would not have it for ever."""
    for ups in model.network.equipment.upses.values():
        if ups.mode == "on_battery":
            ups.charge = 0.0


def _run(
    model: PlantModel,
    seconds: float,
    off: frozenset[str],
    seen: Watched | None,
    *,
    steady: bool = False,
) -> None:
    model.faults = Faults({"mains_lost": off})
    end = model.time + seconds
    while model.time < end:
        model.step(model.time + STEP_S)
        if seen is not None:
            _look(model, seen, steady=steady)


def _look(model: PlantModel, seen: Watched, *, steady: bool) -> None:
    network = model.network
    slack_kw = IDLE_LOSS * sum(b.node.limit_kw for b in network.branches if b.node.kind == "ups")
    drifting_kw = DRIFT * sum(b.given_w for b in network.branches if b.node.kind == "load") / 1000
    for branch in network.branches:
        node = branch.node
        if node.kind == "load":
            live = sum(network.branches[i].supply.live for i in branch.feeders)
            if live < node.min_feeds:
                seen.dead.add(node.id)
        elif steady and node.limit_kw:
            drift_kw = drifting_kw if node.kind == "tie" else 0.0
            if branch.given_w / 1000 > node.limit_kw + slack_kw + drift_kw:
                seen.overloaded.add(node.id)


def ask(nodes: Sequence[Node], out: Collection[str]):
    return Plant(nodes).what_if(" ".join(out))


@settings(deadline=None, max_examples=80)
@given(standby_plants(), st.data())
def test_what_is_called_safe_harms_nothing_when_it_is_played(nodes, data):
    others = [n.id for n in nodes if n.kind not in ("load", "genset")]
    gensets = [n.id for n in nodes if n.kind == "genset"]
    out = data.draw(st.sets(st.sampled_from(others), max_size=2))
    out |= data.draw(st.sets(st.sampled_from(gensets)))
    _played_as_answered(nodes, out)


@settings(deadline=None, max_examples=80)
@given(tied_plants())
def test_what_is_called_safe_beside_ties_harms_nothing_when_it_is_played(made):
    _played_as_answered(*made)


def _played_as_answered(nodes, out):
    answer = ask(nodes, out)
    event(answer.verdict)
    if answer.lost_loads or answer.overloaded:
        return  # an overload goes on in ways that no answer follows
    seen = play(nodes, out)
    short = {n.id for n in nodes if n.short_break}
    assert seen.dead <= set(answer.unprotected_loads) | short
    assert not seen.overloaded
    if answer.verdict == "safe":
        assert seen.dead <= short


@settings(deadline=None, max_examples=40)
@given(standby_plants())
def test_with_all_generators_out_a_plant_on_mains_is_never_safe(nodes):
    gensets = [n.id for n in nodes if n.kind == "genset"]
    answer = ask(nodes, gensets)
    assert answer.verdict == "unsafe"
    loads = {n.id for n in nodes if n.kind == "load"}
    assert set(answer.lost_loads) == loads  # with the mains lost
    as_is = answer.cases["as_is"]
    assert set(as_is.unprotected_loads) | set(as_is.lost_loads) == loads
    assert play(nodes, gensets).dead == loads
