"""What the cooling adds to the answer of a what-if, and to the cases of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.contracts import Demand as When
from core.cooling.condition import UnitCondition
from core.redundancy.evaluate import CaseName
from core.snapshot import CaseResult, GroupStatus, Overload, ZoneStatus


@dataclass(frozen=True, slots=True)
class Question:
    """A what-if: ids that are taken out and put back, in which cases, on the demand of when, from a
    plant in which those in `healthy` are."""

    out: Sequence[str]
    back: Sequence[str]
    cases: Sequence[CaseName]
    when: When
    healthy: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of the cooling in the answer of a what-if."""

    groups: tuple[GroupStatus, ...]
    zones: tuple[ZoneStatus, ...]
    overloaded: Mapping[CaseName, tuple[Overload, ...]]
    worst_harm: tuple[str, ...]
    best_harm: tuple[str, ...]
    reduced: tuple[str, ...]
    conditions: Mapping[str, UnitCondition]
    unchecked: tuple[str, ...]

    @property
    def heat_unknown(self) -> tuple[str, ...]:
        """Zones whose heat is not known."""
        return tuple(zone.id for zone in self.zones if zone.heat_kw is None)

    @property
    def unknown_words(self) -> tuple[str, ...]:
        """What is said of units that are not known."""
        found = self.conditions.items()
        return tuple(f"{name} {one.reasons[-1]}" for name, one in found if one.unknown)

    def into(self, case: CaseName, result: CaseResult) -> CaseResult:
        """One case with the cooling in it."""
        return extended(result, self.overloaded[case], self.conditions, self.unchecked)


def extended(
    case: CaseResult,
    over: tuple[Overload, ...],
    conditions: Mapping[str, UnitCondition],
    unchecked: tuple[str, ...],
) -> CaseResult:
    """A case of the power graph with the cooling in it."""
    return replace(
        case,
        overloaded=(*case.overloaded, *over),
        unchecked=(*case.unchecked, *unchecked),
        assumed=(*case.assumed, *_named(conditions, "assumed")),
        unknown=(*case.unknown, *_named(conditions, "unknown")),
    )


def _named(conditions: Mapping[str, UnitCondition], what: str) -> tuple[str, ...]:
    return tuple(name for name, one in conditions.items() if getattr(one, what))
