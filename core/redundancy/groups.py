"""Redundancy groups: how many members can still be lost, on the load the group would carry in its
worst case.

N+R is judged on capacities sorted, the largest lost first, and then by playing the losses through
the graph, because members that share no bus cannot stand in for one another. 2N is judged on its
formula. Distributed and catcher systems are played: their loads move along the graph and nowhere
else. Formulas and vectors: docs/redundancy.md, "Groups".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.redundancy.evaluate import CASES, TOLERANCE, Balance, CaseName
from core.redundancy.graph import Role
from core.redundancy.study import Study
from core.redundancy.words import WHEN, names
from core.site import Group
from core.snapshot import GroupStatus

UNKNOWN, LOST, AT_N, DEGRADED, FULL = -1, 0, 1, 2, 3
"""Codes of a group's status, as they are exported (docs/metrics.md)."""

_REASONS_MAX = 6


def judge(study: Study, group: Group, cases: Sequence[CaseName] = CASES) -> GroupStatus:
    """The status of one group in the worst of some cases."""
    found = [_judge(study, group, case) for case in cases]
    return min(found, key=lambda status: (status.status, status.spare, status.headroom_kw))


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


def _judge(study: Study, group: Group, case: CaseName) -> GroupStatus:
    graph, balance = study.graph, study.balances[case]
    members = [graph.index[name] for name in group.members]
    firm = {i: _firm(study, balance, i) for i in members}
    here = [i for i in members if firm[i] > 0]
    load_kw = _load_kw(study, case, members, here)
    ranked = sorted((firm[i] for i in here), reverse=True)
    capacity_kw = sum(ranked[group.design :])
    headroom_kw = capacity_kw - load_kw
    harmed = ""
    if group.scheme == "N+R":
        spare, harmed = _played(study, case, here, tolerated(ranked, load_kw))
    elif group.scheme == "2N":
        spare = _two_sides(balance, here, firm, load_kw)
    else:
        spare, headroom_kw = _systems(study, case, members, here, firm)
    status = status_of(spare, group.design)
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
        reasons=_reasons(
            study, case, members, missing, harmed or f"{load_kw:.0f} kW leave no spare"
        )
        if status < FULL
        else (),
        case=case,
    )


def _firm(study: Study, balance: Balance, i: int) -> float:
    """What a member could give and go on giving through an outage, in kW.

    A UPS counts only while it works on its input and its battery would last; a bus no more than
    what counts behind it, whatever it states itself.
    """
    graph = study.graph
    if not balance.live[i]:
        return 0.0
    role, limit = graph.role[i], graph.limit[i]
    if role is Role.SOURCE:
        return limit
    if role is Role.UPS:
        return limit if study.guards(i) and not balance.bypassed[i] else 0.0
    feeders, blocked = graph.feeders[i], balance.conditions[i].blocked
    if role is Role.BUS:
        usable = (f for k, f in enumerate(feeders) if k not in blocked)
        return min(limit, sum(_firm(study, balance, f) for f in usable))
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
    largest = sorted(here, key=lambda i: -study.graph.limit[i])
    for count in range(1, spare + 1):
        losses = [(i,) for i in here] if count == 1 else [tuple(largest[:count])]
        for out in losses:
            paying = _paying(study, case, out)
            if paying:
                return count - 1, f"without {names(study.graph.ids(out))} {paying}"
    return spare, ""


def _paying(study: Study, case: CaseName, out: Collection[int]) -> str:
    """What the loss of some nodes would newly harm, in words; empty where it harms nothing."""
    before, after = study.effects[case], study.effects_of(out)[case]
    overloaded = study.graph.in_order(set(after.overloaded - before.overloaded))
    for found, what in (
        (study.loads_of(after.lost & ~before.lost), "would be lost"),
        (overloaded, "would be overloaded"),
        (study.loads_of(after.unprotected & ~before.hit), "would be unprotected"),
    ):
        if found:
            return f"{names(found)} {what} {WHEN[case]}"
    return ""


def _two_sides(balance: Balance, here: list[int], firm: dict[int, float], load_kw: float) -> int:
    """2N: either side carries everything."""
    if here and load_kw <= min(firm[i] for i in here) * (1 + TOLERANCE):
        return len(here) - 1
    within = all(balance.gives[i] <= firm[i] * (1 + TOLERANCE) for i in here)
    return 0 if len(here) > 1 and within else -1


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
    headroom_kw = min(margins, default=-sum(balance.gives[i] for i in members))
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
