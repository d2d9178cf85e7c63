"""What announced maintenance does to the plant, by the same what-if that answers an operator, and
whether that has become worse since.

Owns the comparisons. Knows no window and no clock; asks through a function that is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from core.contracts import Demand
from core.redundancy.groups import FULL, LOST
from core.redundancy.words import STATUS_NAMES, names
from core.snapshot import (
    Answered,
    GroupStatus,
    LoadStatus,
    RedundancyReport,
    Verdict,
    WhatIf,
    ZoneStatus,
)

RANK: Final[Mapping[Verdict, int]] = {"safe": 0, "reduced": 1, "unknown": 2, "unsafe": 3}
"""The worse the verdict, the higher."""

_ORDER: Final = (0, -1, 1, 2, 3)
"""Statuses, the worst first."""

_AT_N: Final = 1


class Effect(Protocol):
    """What if these were out and those back, in a plant in which some are healthy before it, on the
    demand of when?"""

    def __call__(
        self, out: Sequence[str], back: Sequence[str], healthy: Sequence[str], demand: Demand
    ) -> WhatIf: ...


def judged(
    nodes: Sequence[str], gone: Sequence[str], demand: Demand, now: float, effect: Effect
) -> Answered:
    """What these nodes out would do, on the demand of when. Where some are `gone` already also what
    the plant is like as they really stand: a UPS that is on bypass is worse than one that is gone.
    The worse of both counts."""
    answers = [effect(nodes, (), nodes, demand)]
    if gone:
        answers.append(effect((), (), nodes, "now"))
    answers.sort(key=lambda answer: -RANK[answer.verdict])
    statuses: dict[str, int] = {}
    for answer in answers:
        for part in _parts(answer):
            statuses[part.id] = _worse_status(statuses.get(part.id, FULL), part.status)
    return Answered(
        verdict=answers[0].verdict,
        reasons=_all(answer.reasons for answer in answers),
        time=now,
        lost=_all(answer.lost_loads for answer in answers),
        unprotected=_all(answer.unprotected_loads for answer in answers),
        overloaded=_all([node.id for node in answer.overloaded] for answer in answers),
        statuses=statuses,
    )


def worsened(before: Answered, after: Answered) -> tuple[str, ...]:
    """What has become worse, in words; empty where nothing has."""
    found = []
    if RANK[after.verdict] > RANK[before.verdict]:
        found.append(f"was {before.verdict} when announced, is {after.verdict} now")
    for what, old, new in (
        ("lost", before.lost, after.lost),
        ("unprotected", before.unprotected, after.unprotected),
        ("overloaded", before.overloaded, after.overloaded),
    ):
        more = [name for name in new if name not in old]
        if more:
            found.append(f"{names(more)} would be {what} now")
    for name, status in after.statuses.items():
        was = before.statuses.get(name, status)
        if _ORDER.index(status) < _ORDER.index(was):
            found.append(f"{name} would be {_spoken(status)}, no longer {_spoken(was)}")
    return tuple(found)


def whole_with(report: RedundancyReport, back: WhatIf) -> tuple[frozenset[str], tuple[str, ...]]:
    """Groups and zones that the answer `back`, with what is announced back, makes whole, and what
    is wrong beside the announced. Of the plant that the patient report sees: what was not heard for
    a moment is nothing to tell."""
    parts = [
        part.id
        for part in _parts(back)
        if part.status == FULL and not (isinstance(part, GroupStatus) and part.missing)
    ]
    whole = frozenset(parts)
    beside = [
        said
        for part in _parts(report)
        if part.status != FULL and part.id not in whole
        for said in _wrong(part.id, part.reasons)
    ]
    if back.verdict in ("reduced", "unsafe"):
        beside += back.reasons
    if report.fuel is not None and report.fuel.status != FULL:
        beside += report.fuel.reasons
    return whole, tuple(dict.fromkeys(beside))


def _wrong(name: str, reasons: Sequence[str]) -> list[str]:
    """What is wrong with a part; a reason that names it itself stands alone."""
    own = [reason for reason in reasons if reason.startswith(f"{name} ")]
    others = [reason for reason in reasons if reason not in own]
    return [*own, *([f"{name}: {'; '.join(others)}"] if others else [] if own else [name])]


def lowered(report: RedundancyReport, without: WhatIf, unseen: Sequence[str]) -> RedundancyReport:
    """The report where nodes that nobody sees are out, as announced: the worse of both in each
    part, never a better one."""
    after = {group.id: group for group in without.groups}
    groups = tuple(_lower(group, after.get(group.id, group)) for group in report.groups)
    loads = tuple(_load(load, without) for load in report.loads)
    statuses = [
        group.status for new, group in zip(report.groups, groups, strict=True) if new != group
    ]
    known_over = {node.id for case in report.cases.values() for node in case.overloaded}
    if any(new != old for new, old in zip(loads, report.loads, strict=True)):
        statuses.append(LOST if without.lost_loads else _AT_N)
    if any(node.id not in known_over for node in without.overloaded):
        statuses.append(LOST)
    status = min((report.status, *statuses), key=_ORDER.index)
    if status == report.status:
        return replace(report, groups=groups, loads=loads)
    why = without.reasons[0] if without.reasons else "less redundancy"
    words = f"with {names(unseen)} out as announced, which no device tells: {why}"
    return replace(
        report,
        status=status,
        headline=words,
        reasons=tuple(dict.fromkeys((words, *without.reasons, *report.reasons))),
        groups=groups,
        loads=loads,
    )


def plant_of(report: RedundancyReport) -> object:
    """What must be the same for an answer to stand, without numbers that always move."""
    return (
        report.status,
        tuple((group.id, group.status, group.missing) for group in report.groups),
        tuple((load.id, load.state) for load in report.loads),
        tuple((zone.id, zone.status) for zone in report.zones),
    )


def _parts(told: WhatIf | RedundancyReport) -> tuple[GroupStatus | ZoneStatus, ...]:
    return (*told.groups, *told.zones)


def _lower(group: GroupStatus, after: GroupStatus) -> GroupStatus:
    return after if _ORDER.index(after.status) < _ORDER.index(group.status) else group


def _load(load: LoadStatus, without: WhatIf) -> LoadStatus:
    if load.id in without.lost_loads and load.state != "lost":
        return replace(load, state="lost")
    if load.id in without.unprotected_loads and load.state in ("redundant", "at_n"):
        return replace(load, state="unprotected")
    return load


def _worse_status(first: int, second: int) -> int:
    return min(first, second, key=_ORDER.index)


def _all(parts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for part in parts for each in part))


def _spoken(status: int) -> str:
    return {"at_n": "at N"}.get(STATUS_NAMES[status], STATUS_NAMES[status])
