"""What the power graph means for the cooling: which units are dead, in each case and in the bridge.

The one place where both meet: a unit lives while any of the nodes that power it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.cooling.plan import CoolingPlan
from core.cooling.stand import Lost, Singles, Unpowered
from core.redundancy.condition import Demand, Plant
from core.redundancy.graph import PowerGraph, Role
from core.redundancy.study import Study


@dataclass(frozen=True, slots=True)
class Fed:
    """What the power graph says of the cooling: units without supply, loads that are lost, and the
    units that the loss of each single node would newly leave without supply (by its id)."""

    unpowered: Unpowered
    lost: Lost
    singles: Singles


@dataclass(frozen=True, slots=True)
class Losses:
    """What the loss of each single node would leave without supply: in the live plant, at the worst
    of what is unknown, and as designed."""

    live: Singles
    worst: Singles
    designed: Fed


@dataclass(frozen=True, slots=True)
class Powered:
    """What the power verdict means for the cooling: units without supply in the live plant and at
    the best and worst of what is unknown, loads lost at the worst, units that may be waiting for
    generators, single failures, and what the loads take."""

    live: Unpowered
    best: Unpowered
    worst: Unpowered
    lost: Lost
    waiting: frozenset[str]
    losses: Losses
    demands: Mapping[str, Demand]


class CoolingSupply:
    """The electrical side of a site's cooling units."""

    def __init__(self, plan: CoolingPlan, graph: PowerGraph) -> None:
        self._graph = graph
        self._feeders = {
            name: tuple(graph.index[node] for node in unit.powered_by)
            for name, unit in plan.units.items()
        }
        self._units: dict[int, list[str]] = {}
        for name, feeders in self._feeders.items():
            for i in feeders:
                self._units.setdefault(i, []).append(name)
        self._nodes = frozenset(self._units)
        self._above = _above(graph, self._nodes)
        self._gensets = [i for i, node in enumerate(graph.nodes) if node.kind == "genset"]
        self._utilities = [i for i, node in enumerate(graph.nodes) if node.kind == "utility"]

    def unpowered(self, study: Study) -> Unpowered:
        """Units without supply."""
        return {phase: self._dark(dead, dead) for phase, dead in study.dead(self._nodes).items()}

    def lost(self, study: Study) -> Lost:
        """Loads without supply."""
        return {
            case: frozenset(study.loads_of(effect.lost)) for case, effect in study.effects.items()
        }

    def losing(self, study: Study, out: Collection[int]) -> Unpowered:
        """Units that would newly have no supply with these nodes out."""
        dead = study.dead(self._nodes)
        dying = study.dying(self._nodes, out)
        return {phase: self._dark(nodes, dead[phase] | nodes) for phase, nodes in dying.items()}

    def fed(self, study: Study) -> Fed:
        """All of it."""
        return Fed(self.unpowered(study), self.lost(study), self.singles(study))

    def losses(self, live: Study, worst: Study, designed: Fed) -> Losses:
        """What the loss of each single node would do."""
        of_live = self.singles(live)
        return Losses(of_live, of_live if worst is live else self.singles(worst), designed)

    def powered(self, live: Study, best: Study, worst: Study, losses: Losses) -> Powered:
        """What a power verdict means for the cooling."""
        of_live = self.unpowered(live)
        return Powered(
            live=of_live,
            best=of_live if best is live else self.unpowered(best),
            worst=of_live if worst is live else self.unpowered(worst),
            lost=self.lost(worst),
            waiting=self.on_generators(live),
            losses=losses,
            demands=demands_of(live),
        )

    def singles(self, study: Study) -> Singles:
        """By id, what the loss of each single node would newly leave without supply; nodes whose
        loss leaves nothing so are left out."""
        found: dict[str, Unpowered] = {}
        dead = study.dead(self._nodes)
        for i in self._above:
            dying = study.dying(self._nodes, (i,))
            if any(dying.values()):
                found[self._graph.nodes[i].id] = {
                    phase: self._dark(nodes, dead[phase] | nodes) for phase, nodes in dying.items()
                }
        return found

    def on_generators(self, study: Study) -> frozenset[str]:
        """Units that live on generators alone while a utility is out: they may stand still because
        the generators have only just come, or not yet."""
        if not self._nodes or not _outage(study.plant, self._utilities):
            return frozenset()
        return self.losing(study, self._gensets)["as_is"]

    def _dark(self, nodes: Collection[int], dead: Collection[int]) -> frozenset[str]:
        """Units on some nodes whose every node is dead."""
        return frozenset(
            name
            for i in nodes
            for name in self._units[i]
            if all(feeder in dead for feeder in self._feeders[name])
        )


def demands_of(study: Study) -> dict[str, Demand]:
    """What the loads take, by id."""
    graph = study.graph
    pairs = zip(graph.loads, study.plant.demands, strict=True)
    return {graph.nodes[i].id: demand for i, demand in pairs}


def _outage(plant: Plant, utilities: Collection[int]) -> bool:
    return any(not plant.conditions[i].in_service for i in utilities)


def _above(graph: PowerGraph, nodes: Collection[int]) -> tuple[int, ...]:
    """Everything that some nodes hang on, themselves included, in the order of the site file."""
    seen, stack = set(nodes), list(nodes)
    while stack:
        fresh = set(graph.feeders[stack.pop()]) - seen
        seen |= fresh
        stack += fresh
    return tuple(
        i for i in graph.written if i in seen and graph.role[i] not in (Role.LOAD, Role.NONE)
    )
