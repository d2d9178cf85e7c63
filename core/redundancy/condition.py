"""In what condition each node of the power graph is: what the evaluation needs to know of it, and
why.

Conditions are made from device states (`states`) or by hand (tests, what-if). Pure records,
nothing of points or devices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

START_S = 137.0
"""Worst-case time from the loss of the mains to a loaded generator, with UPS walk-in: detection 5
s, three cranks of 15 s with 15 s rests, warm-up 10 s, paralleling 10 s, transfer 2 s, walk-in 20 s
(reference example of the start timeline; ISO 8528 and NFPA 110 practice). A battery must last
longer."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One node.

    `in_service`: power can flow through it. `source`: as a utility or generator it can deliver.
    `protects`: as a UPS it carries its load through an outage. `on_bypass`: its load hangs on its
    bypass supply. `selected`: feeder in use by number (ats, sts), -1 where unknown or none.
    `transfers`: it changes over by itself. `unknown`: the device does not tell, and what is here
    is the last known or the worst. `reasons`: why it is not as it should be.
    """

    in_service: bool = True
    source: bool = True
    protects: bool = True
    on_bypass: bool = False
    selected: int = -1
    transfers: bool = True
    running: bool = False
    unknown: bool = False
    assumed: bool = False
    reasons: tuple[str, ...] = ()

    def worst(self) -> Condition:
        """What an unknown node is taken for where nothing may be hoped."""
        if not self.unknown:
            return self
        return replace(self, in_service=False, source=False, protects=False, transfers=False)


OUT = Condition(in_service=False, source=False, protects=False, reasons=("taken out",))


@dataclass(frozen=True, slots=True)
class Demand:
    """What a load takes, in kW. `shares` are per feed where its feeds are measured, else empty.

    `known` is False where the figure is neither measured nor stated.
    """

    kw: float
    shares: tuple[float, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class Plant:
    """The whole plant at one instant: a condition per node of the graph, a demand per load (by
    node number)."""

    conditions: Sequence[Condition]
    demands: Mapping[int, Demand]
    notes: tuple[str, ...] = field(default=())

    def with_conditions(self, changes: Mapping[int, Condition]) -> Plant:
        """The same plant with some nodes in another condition."""
        conditions = list(self.conditions)
        for i, condition in changes.items():
            conditions[i] = condition
        return Plant(conditions, self.demands, self.notes)

    def pessimistic(self) -> Plant:
        """The same plant with every unknown node taken for the worst."""
        return Plant([c.worst() for c in self.conditions], self.demands, self.notes)
