"""Redundancy groups: how many members can still be lost, on the load the group would carry in its
worst case.

N+R is judged on capacities sorted, the largest lost first, 2N on its formula; then both by playing
the losses through the graph, because members that share no bus cannot stand in for one another, and
what is behind them must bear it. Distributed and catcher systems are played: their loads move along
the graph and nowhere else. Formulas and vectors: docs/redundancy.md, "Groups".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from core.redundancy.condition import HEALTHY, Demand, Plant
from core.redundancy.evaluate import CASES, TOLERANCE, Balance, CaseName
from core.redundancy.graph import PowerGraph, Role
from core.redundancy.study import Study, worst
from core.redundancy.words import WHEN, names
from core.site import Group
from core.snapshot import GroupStatus

UNKNOWN, LOST, AT_N, DEGRADED, FULL = -1, 0, 1, 2, 3
"""Codes of a group's status, as they are exported (docs/metrics.md)."""

_REASONS_MAX = 6


_LOSSES_MAX = 200
"""At most so many different losses of a group are played for one number of members; what is not
played is no spare."""

SingleFed = Mapping[int, int]
"""By member of a 2N group, the loads (as a mask) that hang on it alone, by the graph."""


def judge(
    study: Study, group: Group, cases: Sequence[CaseName] = CASES, single: SingleFed | None = None
) -> GroupStatus:
    """The status of one group in the worst of some cases. Loads in `single` drop with their side of
    a 2N group, as they were built to: that is said, and takes nothing from the group."""
    found = [_judge(study, group, case, single or {}) for case in cases]
    return min(found, key=lambda status: (status.status, status.spare, status.headroom_kw))


def single_fed(graph: PowerGraph) -> SingleFed:
    """Loads that live, or are protected, through one member of a 2N group alone, with everything
    else in service."""
    idle = Study(graph, Plant((HEALTHY,) * len(graph), (Demand(0.0),) * len(graph.loads)))
    members = [name for group in graph.groups if group.scheme == "2N" for name in group.members]
    found = {}
    for i in dict.fromkeys(graph.index[name] for name in members):
        after, before = worst(idle.effects_of((i,))), worst(idle.effects)
        found[i] = after.hit & ~before.hit
    return found


def tolerated(capacities_kw: Sequence[float], load_kw: float) -> int:
    """How many of the largest units can be lost; -1 where all together cannot carry the load.

    cap(k) is the sum without the k largest, the answer the largest k with cap(k) >= load. One unit
    is always left: what carries nothing now has no spare to carry it later.
    """
    rest, spare = sum(capacities_kw), -1
    for capacity in sorted(capacities_kw, reverse=True):
        if load_kw > rest * (1 + TOLERANCE):
            break
        spare += 1
        rest -= capacity
    return spare


def status_of(spare: int, design: int) -> int:
    """The code for so many spare units where so many were designed."""
    if spare < 0:
        return LOST
    if spare >= design:
        return FULL
    return DEGRADED if spare else AT_N


def unknown_group(group: Group, reasons: tuple[str, ...]) -> GroupStatus:
    """A group of which nothing is known."""
    return GroupStatus(
        id=group.id,
        scheme=group.scheme,
        status=UNKNOWN,
        spare=-1,
        design=group.design,
        load_kw=0.0,
        capacity_kw=0.0,
        headroom_kw=0.0,
        available=(),
        missing=group.members,
        reasons=reasons,
    )


def _judge(study: Study, group: Group, case: CaseName, single: SingleFed) -> GroupStatus:
    graph, balance = study.graph, study.balances[case]
    members = [graph.index[name] for name in group.members]
    firm = {i: _firm(study, balance, i) for i in members}
    here = [i for i in members if firm[i] > 0]
    load_kw = _load_kw(study, case, members, here)
    ranked = sorted((firm[i] for i in here), reverse=True)
    capacity_kw = sum(ranked[group.design :])
    if group.scheme == "2N":
        capacity_kw = _smaller_side(study, balance, here, group.design - 1)
    headroom_kw = capacity_kw - load_kw
    harmed = ""
    if group.scheme == "N+R":
        spare, harmed = _played(study, case, here, tolerated(ranked, load_kw))
    elif group.scheme == "2N":
        spare, harmed = _two_sides(study, case, here, firm, load_kw, single)
        if spare == 1:
            more, harmed = _units_beside(study, case, here, load_kw, group.design - 1, single)
            spare += more
    else:
        spare, headroom_kw = _systems(study, case, members, here, firm)
    status = status_of(spare, group.design)
    unmeasured = _unmeasured(study, members)
    if unmeasured and status > LOST:
        status = UNKNOWN
    missing = [i for i in members if i not in here]
    return GroupStatus(
        id=group.id,
        scheme=group.scheme,
        status=status,
        spare=spare,
        design=group.design,
        load_kw=load_kw,
        capacity_kw=capacity_kw,
        headroom_kw=headroom_kw,
        available=graph.ids(here),
        missing=graph.ids(missing),
        reasons=_dropping(study, members, single)
        if status == FULL
        else unmeasured
        if status == UNKNOWN
        else _reasons(study, case, members, missing, harmed or f"{load_kw:.0f} kW leave no spare"),
        case=case,
    )


def _firm(study: Study, balance: Balance, i: int, aside: int = 0) -> float:
    """What a member could give and go on giving through an outage, in kW, with so many of the
    largest units of its bus set aside.

    A UPS counts only while it works on its input and its battery would last; a bus no more than
    what counts behind it, whatever it states itself.
    """
    graph = study.graph
    if not balance.live[i]:
        return 0.0
    role, limit = graph.role[i], balance.limit[i]
    if role is Role.SOURCE:
        return limit
    if role is Role.UPS:
        return limit if study.guards(i) and not balance.bypassed[i] else 0.0
    feeders, blocked = graph.feeders[i], balance.conditions[i].blocked
    if role is Role.BUS:
        # What a tie could bring is not counted: the other bus has loads of its own.
        usable = (f for k, f in enumerate(graph.own(i)) if k not in blocked)
        units = sorted((_firm(study, balance, f) for f in usable), reverse=True)
        return min(limit, sum(units[aside:]))
    return min(limit, _firm(study, balance, feeders[balance.pick[i]]))


def _load_kw(study: Study, case: CaseName, members: list[int], here: list[int]) -> float:
    """What the group would carry if all its members were there: the load does not become smaller
    because it was lost."""
    balance = study.balances[case]
    if len(here) < len(members):
        balance = Balance(study.graph, study.plant, case, forced=members)
    return sum(balance.gives[i] for i in members)


def _played(study: Study, case: CaseName, here: list[int], spare: int) -> tuple[int, str]:
    """How many of so many spare units can be lost without a load or a node paying for it, and who
    pays for one more."""
    kinds = _alike(study, here)
    for count in range(1, spare + 1):
        losses = [(i,) for i in here] if count == 1 else _losses(kinds, count)
        for played, out in enumerate(losses):
            if played == _LOSSES_MAX:
                return count - 1, f"the loss of {count} of them in every combination is not played"
            paying = _paying(study, case, out)
            if paying:
                return count - 1, f"without {names(study.graph.ids(out))} {paying}"
    return spare, ""


def _alike(study: Study, members: Sequence[int]) -> list[list[int]]:
    """Members that can stand for one another in the graph, the one with the best battery first: its
    loss is the worst of them."""
    graph, conditions = study.graph, study.plant.conditions
    kinds: dict[object, list[int]] = {}
    for i in members:
        condition = replace(
            conditions[i], battery_s=0.0, battery_kw=0.0, able_share=1.0, reasons=()
        )
        place = graph.feeders[i], graph.children[i], graph.bypass[i], graph.role[i]
        figures = graph.limit[i], graph.efficiency[i], graph.recharge_kw[i]
        kinds.setdefault((place, figures, condition), []).append(i)
    found: list[list[int]] = []
    for alike in kinds.values():
        alike.sort(key=lambda i: (-conditions[i].battery_kw, -conditions[i].battery_s))
        shares = [conditions[i].able_share for i in alike]
        # Where the best battery and the most even load are not the same unit's, none is the worst.
        found += [alike] if shares == sorted(shares, reverse=True) else [[i] for i in alike]
    return found


def _losses(kinds: Sequence[Sequence[int]], count: int) -> Iterator[tuple[int, ...]]:
    """Every loss of so many members that differs from the others."""
    if not kinds:
        if count == 0:
            yield ()
        return
    for some in range(min(count, len(kinds[0])), -1, -1):
        for rest in _losses(kinds[1:], count - some):
            yield (*kinds[0][:some], *rest)


def _paying(study: Study, case: CaseName, out: Collection[int], dropping: int = 0) -> str:
    """What the loss of some nodes would newly harm, in words; empty where it harms nothing. Loads
    of the mask `dropping` may drop."""
    before, after = study.effects[case], study.effects_of(out)[case]
    overloaded = study.graph.in_order(set(after.overloaded - before.overloaded))
    for found, what in (
        (study.loads_of(after.lost & ~before.lost & ~dropping), "would be lost"),
        (overloaded, "would be overloaded"),
        (study.loads_of(after.unprotected & ~before.hit & ~dropping), "would be unprotected"),
    ):
        if found:
            return f"{names(found)} {what} {WHEN[case]}"
    return ""


def _two_sides(
    study: Study,
    case: CaseName,
    here: list[int],
    firm: dict[int, float],
    load_kw: float,
    single: SingleFed,
) -> tuple[int, str]:
    """2N: either side carries everything, and so does all that is behind it."""
    balance = study.balances[case]
    if not here or load_kw > min(firm[i] for i in here) * (1 + TOLERANCE):
        within = all(balance.gives[i] <= firm[i] * (1 + TOLERANCE) for i in here)
        return (0 if len(here) > 1 and within else -1), ""
    for i in here if len(here) > 1 else ():
        paying = _paying(study, case, (i,), single.get(i, 0))
        if paying:
            return 0, f"without {study.graph.nodes[i].id} {paying}"
    return len(here) - 1, ""


def _smaller_side(study: Study, balance: Balance, here: list[int], aside: int) -> float:
    """2N: what is left after the loss of the better side, in kW."""
    firm = sorted(_firm(study, balance, i, aside) for i in here)
    return firm[0] if len(firm) > 1 else 0.0


def _units_beside(
    study: Study,
    case: CaseName,
    here: Sequence[int],
    load_kw: float,
    design: int,
    single: SingleFed,
) -> tuple[int, str]:
    """2(N+R): how many units of either side can be lost beside the whole other side, up to the
    design, and who pays for one more. The sides are buses, their units what feeds them."""
    balance = study.balances[case]
    for count in range(1, design + 1):
        for lost, left in ((here[0], here[1]), (here[1], here[0])):
            name = study.graph.nodes[left].id
            if load_kw > _firm(study, balance, left, count) * (1 + TOLERANCE):
                return count - 1, f"{name} has too few units to lose {count} of them and carry all"
            units = [f for f in study.graph.own(left) if balance.live[f]]
            for played, out in enumerate(_losses(_alike(study, units), count)):
                if played == _LOSSES_MAX:
                    return count - 1, f"the loss of {count} units of {name} is not played"
                paying = _paying(study, case, (lost, *out), single.get(lost, 0))
                if paying:
                    return count - 1, f"without {names(study.graph.ids((lost, *out)))} {paying}"
    return design, ""


def _dropping(study: Study, members: Sequence[int], single: SingleFed) -> tuple[str, ...]:
    """Loads that drop with one side of a group that is full otherwise."""
    found = ((study.graph.nodes[i].id, study.loads_of(single.get(i, 0))) for i in members)
    return tuple(f"without {name} {names(loads)} would drop" for name, loads in found if loads)


def _unmeasured(study: Study, members: Sequence[int]) -> tuple[str, ...]:
    """What is said of loads behind a group whose demand is not known at all."""
    graph = study.graph
    unknown = {i for i, d in zip(graph.loads, study.plant.demands, strict=True) if not d.known}
    if not unknown:
        return ()
    seen = set(members)
    stack = list(members)
    while stack:
        fresh = set(graph.children[stack.pop()]) - seen
        seen |= fresh
        stack += fresh
    return tuple(f"the demand of {name} is not known" for name in graph.in_order(unknown & seen))


def _systems(
    study: Study, case: CaseName, members: list[int], here: list[int], firm: dict[int, float]
) -> tuple[int, float]:
    """Distributed and catcher systems: spare systems, and the tightest margin after the loss of
    one, in kW."""
    balance, effect = study.balances[case], study.effects[case]
    whole = Balance(study.graph, study.plant, case, forced=members)
    dropped = effect.lost & ~study.lost_in(whole)
    margins = [
        firm[j] - kw
        for i in here
        for j, kw in zip(here, study.given(case, (i,), here), strict=True)
        if j != i
    ]
    headroom_kw = min(margins, default=-sum(whole.gives[i] for i in members))
    if not here or dropped or any(balance.overloaded(i) for i in here):
        return -1, headroom_kw
    carried = all(margin >= -TOLERANCE * firm[here[0]] for margin in margins)
    stands = len(here) > 1 and carried and not any(_paying(study, case, (i,)) for i in here)
    return (1 if stands else 0), headroom_kw


def _reasons(
    study: Study, case: CaseName, members: list[int], missing: list[int], otherwise: str
) -> tuple[str, ...]:
    """Why a group is not as designed, in an operator's words."""
    found: dict[str, None] = {}
    for i in members:
        found |= dict.fromkeys(_faults(study, i))
    for i in missing:
        name = study.graph.nodes[i].id
        causes = _causes(study, case, i)
        found |= dict.fromkeys(causes)
        if not causes and not any(reason.startswith(f"{name} ") for reason in found):
            found[f"{name} {_absence(study, case, i)}"] = None
    if not found:
        found[otherwise] = None
    return tuple(found)[:_REASONS_MAX]


def _faults(study: Study, i: int) -> list[str]:
    """What is said of a node and of what feeds it, as far as the next UPS or source."""
    graph, conditions = study.graph, study.plant.conditions
    found, seen, stack = [], {i}, [i]
    while stack:
        node = stack.pop()
        condition = conditions[node]
        if not (condition.in_service and condition.protects) or condition.blocked:
            found += [f"{graph.nodes[node].id} {reason}" for reason in condition.reasons]
        if graph.role[node] not in (Role.UPS, Role.SOURCE):
            above = [f for f in graph.feeders[node] if f not in seen]
            seen.update(above)
            stack += reversed(above)
    return found


def _causes(study: Study, case: CaseName, i: int) -> list[str]:
    """Why a node is dead: what is said of the dead nodes that should feed it."""
    graph, balance, conditions = study.graph, study.balances[case], study.plant.conditions
    found, seen, stack = [], {i}, [i]
    while stack:
        node = stack.pop()
        if balance.live[node]:
            continue
        found += [f"{graph.nodes[node].id} {reason}" for reason in conditions[node].reasons]
        above = [f for f in graph.feeders[node] if f not in seen]
        seen.update(above)
        stack += reversed(above)
    return found


def _absence(study: Study, case: CaseName, i: int) -> str:
    balance = study.balances[case]
    if not balance.live[i]:
        return f"has no supply {WHEN[case]}"
    return "is on bypass with its bus" if balance.bypassed[i] else "has no battery to count on"


def judge_all(
    groups: Sequence[Group],
    study: Study,
    best: Study,
    cases: Sequence[CaseName],
    single_fed: SingleFed | None,
) -> tuple[GroupStatus, ...]:
    """Groups of a plant; unknown where one is lost only because something is not known."""
    found = []
    for group in groups:
        status = judge(study, group, cases, single_fed)
        if (
            status.status == LOST
            and best is not study
            and judge(best, group, cases, single_fed).status != LOST
        ):
            status = replace(status, status=UNKNOWN)
        found.append(status)
    return tuple(found)
