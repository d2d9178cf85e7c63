"""The report's words: what each load stands on, and the one line for the site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from core.redundancy.group_words import spare_words
from core.redundancy.groups import AT_N, DEGRADED, FULL, LOST, UNKNOWN
from core.redundancy.single import Weakness
from core.redundancy.study import Study
from core.redundancy.words import WHEN, eco_words, limit_words, names
from core.snapshot import GroupStatus, LoadStatus

State = Literal["redundant", "at_n", "unprotected", "lost", "unknown"]

_STRAIN_MAX = 3
"""At most so many ways to overload what a load hangs on are said of it."""

_ORDER = (LOST, UNKNOWN, AT_N, DEGRADED, FULL)
"""What is said first."""


def load_statuses(live: Study, best: Study, weak: Weakness) -> tuple[LoadStatus, ...]:
    """Every load in the worse of both cases."""
    over = _behind_overloads(live)
    return tuple(
        _load(live, best, weak, n, over.get(i, ())) for n, i in enumerate(live.graph.loads)
    )


def _behind_overloads(study: Study) -> dict[int, tuple[str, ...]]:
    """By load, what is said of the overloaded nodes that carry it."""
    found: dict[int, tuple[str, ...]] = {}
    for case, effect in study.effects.items():
        for i in effect.overloaded:
            words = f"hangs on {study.graph.nodes[i].id}, which is overloaded {WHEN[case]}"
            for load in study.balances[case].loads_behind(i):
                found[load] = (*found.get(load, ()), words)
    return found


def _load(
    live: Study, best: Study, weak: Weakness, n: int, overloads: tuple[str, ...]
) -> LoadStatus:
    graph = live.graph
    i, demand = graph.loads[n], live.plant.demands[n]
    node, feeders = graph.nodes[i], graph.feeders[i]
    blocked = live.plant.conditions[i].blocked
    fed = {
        case: [f for k, f in enumerate(feeders) if b.live[f] and k not in blocked]
        for case, b in live.balances.items()
    }
    energised = min(len(feeds) for feeds in fed.values())
    reasons = [
        f"{graph.nodes[f].id} has no supply {WHEN[case]}"
        for f in feeders
        for case in ("mains_lost", "as_is")
        if f not in fed[case]
    ]
    points = weak.loads.get(node.id, ())
    if points:
        reasons.append(f"hangs on {names(points)}: each a single point of failure now")
    bit = live.bit(i)
    strain = weak.strained.get(node.id, ())
    reasons += [f"the loss of {lost} would overload {over}" for lost, over in strain[:_STRAIN_MAX]]
    reasons += overloads
    spare = energised > node.min_feeds and not points and not strain and not overloads
    state: State = "redundant" if spare else "at_n"
    if any(effect.unprotected & bit for effect in live.effects.values()):
        state = "unprotected"
        reasons.append("an outage of the mains would interrupt it")
    if any(effect.lost & bit for effect in live.effects.values()):
        state = "lost" if any(effect.lost & bit for effect in best.effects.values()) else "unknown"
    elif not demand.known:
        state = "unknown"
        reasons.append("its demand is not known")
    elif not demand.measured:
        reasons.append(f"its demand is not measured now: taken as {demand.kw:.0f} kW")
    return LoadStatus(
        id=node.id,
        demand_kw=demand.kw,
        feeds=len(feeders),
        energised_feeds=energised,
        min_feeds=node.min_feeds,
        state=state,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def headline(
    live: Study,
    best: Study,
    groups: Sequence[GroupStatus],
    loads: Sequence[LoadStatus],
    weak: Weakness,
    unknown: Sequence[str],
    beside: Sequence[tuple[int, str]] = (),
) -> tuple[int, str, tuple[str, ...]]:
    """Status, headline and reasons of the site: the worst part first. `beside` is what is said of
    its fuel."""
    if not live.graph.nodes:
        return UNKNOWN, "there is no power graph: redundancy is not judged", ()
    found = [
        *_harm(live, best),
        *_groups(live, groups),
        *_loads(live, loads, weak),
        *_eco(live),
        *beside,
    ]
    found += [
        (UNKNOWN, f"not known whether {name} is closed") for name in live.graph.ties_of(unknown)
    ]
    found.sort(key=lambda item: _ORDER.index(item[0]))
    if not found:
        what = "every group has its designed spare" if groups else "every load is fed as designed"
        return FULL, f"full: {what}", ()
    if unknown and found[0][0] in (LOST, UNKNOWN):
        found.append((UNKNOWN, f"not known: {names(unknown)}"))
    status, words = found[0]
    return status, words, tuple(dict.fromkeys(reason for _, reason in found))


def _harm(live: Study, best: Study) -> list[tuple[int, str]]:
    """Lost loads and overloaded nodes; unknown where only what is not known makes them so."""
    found = []
    for case, effect in live.effects.items():
        sure = best.effects[case]
        for mask, status in ((effect.lost & sure.lost, LOST), (effect.lost & ~sure.lost, UNKNOWN)):
            loads = live.loads_of(mask)
            if loads:
                what = "without supply" if status == LOST else "perhaps without supply"
                found.append((status, f"{what} {WHEN[case]}: {names(loads)}"))
        for i in live.graph.written:
            if i in effect.overloaded:
                balance, node = live.balances[case], live.graph.nodes[i]
                limit = limit_words(node, balance.limit[i])
                words = f"{node.id} carries {balance.carries(i):.0f} of {limit} {WHEN[case]}"
                sure_of = i in sure.overloaded
                found.append((LOST, words) if sure_of else (UNKNOWN, f"perhaps {words}"))
    return found


def _groups(live: Study, groups: Sequence[GroupStatus]) -> list[tuple[int, str]]:
    found = []
    for group in groups:
        if group.status == FULL:
            continue
        why = f": {'; '.join(group.reasons)}" if group.reasons else ""
        found.append((group.status, f"{group.id}: {spare_words(live, group)}{why}"))
    return found


def _eco(live: Study) -> list[tuple[int, str]]:
    in_eco = live.in_eco()
    return [(DEGRADED, eco_words(in_eco))] if in_eco else []


def _loads(live: Study, loads: Sequence[LoadStatus], weak: Weakness) -> list[tuple[int, str]]:
    """Loads that are not fed as they were designed to be."""
    found = []
    unprotected = [load.id for load in loads if load.state == "unprotected"]
    if unprotected:
        words = f"an outage of the mains would interrupt {names(unprotected)}"
        found.append((AT_N, words))
    left = [load.id for load in loads if load.state == "at_n" and load.id in weak.loads]
    if left:
        points = names(weak.loads[left[0]])
        found.append((AT_N, f"without redundancy: {names(left)} (hanging on {points})"))
    strained = [load.id for load in loads if load.state == "at_n" and load.id in weak.strained]
    if strained:
        lost, over = weak.strained[strained[0]][0]
        words = f"without redundancy: {names(strained)} (the loss of {lost} would overload {over})"
        found.append((AT_N, words))
    found += [
        (AT_N, f"the loss of {lost} would now overload {over}") for lost, over in weak.overloads[:1]
    ]
    unsure = [load.id for load in loads if load.state == "unknown"]
    demands = [
        load.id
        for load, demand in zip(loads, live.plant.demands, strict=True)
        if load.id in unsure and not demand.known
    ]
    if demands:
        found.append((UNKNOWN, f"the demand of {names(demands)} is not known"))
    return found
