"""What is said of a redundancy group: what is left of it, and why it is not as designed.

A group is never said to lack capacity where its units are there and do not count: on bypass,
without a battery, out. Words alone; status and reasons are judged in `groups`.
"""

from __future__ import annotations

from core.redundancy.evaluate import TOLERANCE, Balance
from core.redundancy.groups import DEGRADED, LOST, UNKNOWN
from core.redundancy.study import Study
from core.redundancy.words import WHEN
from core.snapshot import GroupStatus

_MATTERS = _BYPASS, _BARE, _OUT = "on bypass", "without a battery to count on", "out"


def spare_words(study: Study, group: GroupStatus) -> str:
    """What is left of a group that is not as designed."""
    if group.status == UNKNOWN:
        return "not known"
    if group.status == LOST:
        return _lost_words(study, group)
    if group.scheme == "N+R":
        left = group.spare if group.status == DEGRADED else 0
        return f"{left} of {group.design} spare units left"
    if group.status == DEGRADED:
        return "the loss of one side would be carried, but not of one more unit"
    return "the loss of one system would not be carried"


def _lost_words(study: Study, group: GroupStatus) -> str:
    """What a group cannot do: for want of units that count, or of capacity."""
    load = f"its load of {group.load_kw:.0f} kW {WHEN[group.case]}"
    needed, left = _needed(study, group), len(group.available)
    if needed > left:
        counts = _absent(study, group)
        verb = "cannot carry" if set(counts) == {_OUT} else "does not protect"
        of = left + len(group.missing)
        absent = ", ".join(f"{count} of {of} {what}" for what, count in counts.items())
        return f"{verb} {load} ({absent}, {left} left, {needed} needed)"
    carries = group.scheme != "N+R" and group.load_kw + group.headroom_kw > 0
    return f"{'does not stand' if carries else 'cannot carry'} {load}"


def _needed(study: Study, group: GroupStatus) -> int:
    """How many of its members would carry its load, the largest first; 0 where not all together
    would, and the want is one of capacity."""
    graph = study.graph
    limit = _balance(study, group).limit
    indices = [graph.index[name] for name in (*group.available, *group.missing)]
    able_kw = 0.0
    for count, kw in enumerate(sorted((limit[i] for i in indices), reverse=True), start=1):
        able_kw += kw
        if group.load_kw <= able_kw * (1 + TOLERANCE):
            return count
    return 0


def _absent(study: Study, group: GroupStatus) -> dict[str, int]:
    """How many members do not count, by what is the matter with them."""
    balance = _balance(study, group)
    matters = [_matter(balance, study.graph.index[name]) for name in group.missing]
    return {what: matters.count(what) for what in _MATTERS if what in matters}


def _matter(balance: Balance, i: int) -> str:
    if balance.conditions[i].on_bypass or balance.bypassed[i]:
        return _BYPASS
    return _BARE if balance.live[i] else _OUT


def _balance(study: Study, group: GroupStatus) -> Balance:
    return study.balances["as_is" if group.case == "as_is" else "mains_lost"]
