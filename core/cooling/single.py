"""Single failures with the cooling in them: what the loss of one node or one unit does to zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.cooling.condition import OUT
from core.cooling.findings import harmed
from core.cooling.plan import CoolingPlan
from core.cooling.stand import Stand, Unpowered
from core.snapshot import SingleFailure


def failures(
    plan: CoolingPlan,
    known: Sequence[SingleFailure],
    worst: Stand,
    singles: Mapping[str, Unpowered],
    start_s: float,
) -> tuple[SingleFailure, ...]:
    """Those of the power graph with what they do to the cooling as well, and those of the units
    themselves, the worst first.

    `worst` is the cooling at the worst of what is not known, `singles` which units the loss of each
    node would newly leave without supply.
    """
    found = {failure.out: failure for failure in known}
    for name, after, units in _tried(worst, singles):
        old = found.get(name, SingleFailure(name, (), (), ()))
        lost = {case: loads.union(old.lost_loads) for case, loads in worst.lost.items()}
        groups, zones = harmed(plan, worst, replace(after, lost=lost), units, start_s)
        if groups or zones:
            found[name] = replace(
                old,
                overloaded=tuple(dict.fromkeys((*old.overloaded, *groups))),
                zones=tuple(dict.fromkeys((*old.zones, *zones))),
            )
    return tuple(sorted(found.values(), key=_badness))


def _tried(
    worst: Stand, singles: Mapping[str, Unpowered]
) -> list[tuple[str, Stand, frozenset[str]]]:
    """Each loss: its id, the cooling after it, and the units that it costs."""
    tried = [
        (name, worst.darker(dark), frozenset[str]().union(*dark.values()))
        for name, dark in singles.items()
    ]
    units = [(name, worst.changed({name: OUT}), frozenset((name,))) for name in worst.conditions]
    return tried + units


def _badness(failure: SingleFailure) -> tuple[int, ...]:
    sizes = (failure.lost_loads, failure.overloaded, failure.unprotected_loads, failure.zones)
    return tuple(-len(each) for each in sizes)
