"""In what condition each node of the power graph is, and what each load takes: all that the
evaluation needs to know of the plant, and why.

Conditions are made from device states (`states`) or by hand (tests, what-if). Pure records, nothing
of points or devices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.site import Node

START_S = 137.0
"""Worst-case time from the loss of the mains to a UPS fed by generators: 5 s to confirm, three
cranks of 15 s with 15 s of rest each, 10 s to warm up, 10 s to parallel, 2 s to transfer, 20 s of
UPS walk-in (docs/redundancy.md, "Battery time"). A battery must last at least as long."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One node. Feeders are named by their position in `PowerGraph.feeders`.

    `in_service`: power can flow through it; as a source it delivers. `protects`: as a UPS it can
    carry its load on its battery, for `battery_s` seconds as it is loaded now, or with `battery_kw`
    for just as long as a start takes; with `battery_unknown` perhaps. `on_bypass`: as a UPS it is
    on bypass. `eco`: its load is on mains until they fail. `selected`: the feeder in use of a
    switch, -1 where that is not known. `transfers`: a switch changes over by itself, with
    `transfer_unknown` perhaps. `blocked`: feeders that give this node nothing, whatever the graph
    says. A tie is open (`selected` 0) or closed (1), or as it normally is (-1), and only one that
    `transfers` closes by itself.

    `able_share` is the part of its capacity that its worst phase and its power factor leave.

    What the device says beside: `carrying` (a generator with load), `running` (one whose engine
    does), `on_battery`, and `absent`,
    feeders on which it sees no voltage, with `untold` those on which it does not say. `unknown`:
    the device does not tell. `assumed`: there is no device. `reasons` are predicates ("is not in
    auto") of what is not as it should be.
    """

    in_service: bool = True
    protects: bool = True
    battery_s: float = math.inf
    battery_kw: float = math.inf
    battery_unknown: bool = False
    on_bypass: bool = False
    eco: bool = False
    selected: int = -1
    transfers: bool = True
    transfer_unknown: bool = False
    blocked: frozenset[int] = frozenset()
    able_share: float = 1.0
    carrying: bool = False
    running: bool = False
    on_battery: bool = False
    absent: frozenset[int] = frozenset()
    untold: frozenset[int] = frozenset()
    unknown: bool = False
    assumed: bool = False
    reasons: tuple[str, ...] = ()

    def closed(self, tie: Node) -> bool:
        """Whether a tie is closed."""
        normally = tie.normally == "closed"
        return self.in_service and (self.selected == 1 or (self.selected < 0 and normally))

    @property
    def doubtful(self) -> bool:
        """Whether it is not known, or its battery or its transfer is not."""
        return self.unknown or self.battery_unknown or self.transfer_unknown


HEALTHY = Condition()
OUT = Condition(in_service=False, protects=False, transfers=False, reasons=("is taken out",))
BACK = Condition(reasons=("is taken as healthy",))
ASSUMED = Condition(assumed=True)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a load takes, in kW. `shares` are per feed where each of its feeds is measured, else
    empty. `known` is False where nothing was ever measured and nothing is stated, `measured` where
    it is not measured now and should be."""

    kw: float
    shares: tuple[float, ...] = ()
    known: bool = True
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Plant:
    """The plant at one instant: a condition per node, a demand per load (in the order of
    `PowerGraph.loads`)."""

    conditions: tuple[Condition, ...]
    demands: tuple[Demand, ...]

    def worst(self) -> Plant:
        """The same with every unknown node out, every unknown battery useless, and no switch that
        moves unless it is known to."""
        return replace(self, conditions=tuple(worst_of(c) for c in self.conditions))

    def best(self) -> Plant:
        """The same with every unknown node and battery healthy, and every unknown tie closed."""
        return replace(self, conditions=tuple(_best(c) for c in self.conditions))

    def changed(self, changes: Mapping[int, Condition]) -> Plant:
        """The same with some nodes in another condition."""
        conditions = list(self.conditions)
        for i, condition in changes.items():
            conditions[i] = condition
        return replace(self, conditions=tuple(conditions))

    def as_designed(self) -> Plant:
        """The same load on a plant with everything in service and nothing switched over."""
        return replace(self, conditions=(HEALTHY,) * len(self.conditions))


def worst_of(condition: Condition) -> Condition:
    """A node of which all that is not known is bad."""
    if condition.unknown:
        return replace(condition, in_service=False, protects=False, transfers=False)
    if not (condition.battery_unknown or condition.transfer_unknown or condition.untold):
        return condition
    return replace(
        condition,
        protects=condition.protects and not condition.battery_unknown,
        transfers=condition.transfers and not condition.transfer_unknown,
        absent=condition.absent | condition.untold,
    )


def _best(condition: Condition) -> Condition:
    if not condition.unknown:
        return condition
    return replace(
        HEALTHY,
        unknown=True,
        selected=condition.selected,
        able_share=condition.able_share,
        reasons=condition.reasons,
    )
