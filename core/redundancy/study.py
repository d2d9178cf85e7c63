"""One plant judged whole: both cases, the bridge between them, and what the loss of nodes would do.

The bridge is the time from the loss of the mains until generators carry: only batteries give power
then. What a load needs in the bridge and does not get there is what "unprotected" means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from core.redundancy.condition import START_S, Condition, Plant
from core.redundancy.evaluate import CASES, TOLERANCE, Balance, CaseName
from core.redundancy.graph import PowerGraph, Role
from core.redundancy.shed import Shed
from core.redundancy.trial import Trial
from core.snapshot import CaseResult, Overload


@dataclass(frozen=True, slots=True)
class Effect:
    """What is wrong in one case. Loads are bits, in the order of `PowerGraph.loads`."""

    lost: int
    unprotected: int
    overloaded: frozenset[int]

    @property
    def hit(self) -> int:
        """Loads lost or unprotected."""
        return self.lost | self.unprotected


Effects = Mapping[CaseName, Effect]
Phase = Literal["as_is", "mains_lost", "bridge"]


def worst(effects: Effects) -> Effect:
    """The worse of the cases, load by load and node by node."""
    lost = unprotected = 0
    overloaded: frozenset[int] = frozenset()
    for effect in effects.values():
        lost |= effect.lost
        unprotected |= effect.unprotected
        overloaded |= effect.overloaded
    return Effect(lost, unprotected & ~lost, overloaded)


class Study:
    """A plant whose unknown nodes were decided upon (`Plant.worst` or `best`).

    Not safe for use by two threads at once: `effects_of` changes balances and puts them back.
    """

    def __init__(self, graph: PowerGraph, plant: Plant, start_s: float = START_S) -> None:
        self.graph = graph
        self.plant = plant
        self.start_s = start_s
        self.balances: dict[CaseName, Balance] = {
            case: Balance(graph, plant, case) for case in CASES
        }
        self._upses = [i for i, role in enumerate(graph.role) if role is Role.UPS]
        # A motor-driven switch that moves interrupts its load: in the bridge it stays where it is.
        self._slow = frozenset(
            i for i, node in enumerate(graph.nodes) if node.kind == "ats" or node.auto
        )
        self._bridge = Balance(
            graph,
            plant,
            "bridge",
            forced=[u for u in self._upses if self._holds(u)],
            fixed={i: self._stands(i) for i in self._slow},
        )
        self._bit = {load: 1 << n for n, load in enumerate(graph.loads)}
        self._all = self._mask(graph.loads)
        self._guarded = self._mask(i for i in graph.loads if not graph.nodes[i].short_break)
        self._live = {
            balance.case: self._mask(i for i in graph.loads if balance.live[i])
            for balance in (*self.balances.values(), self._bridge)
        }
        nodes = range(len(graph))
        self._over = {
            case: frozenset(balance.overloads(nodes)) for case, balance in self.balances.items()
        }
        self._too_much = {i for i in nodes if self._drops_out(i)}
        self.effects: Effects = self._played(())

    def effects_of(self, out: Collection[int]) -> Effects:
        """What would be wrong with these nodes out as well, in each case."""
        dead = self._shed(out)
        return self._played(out) if dead is None else self._without(dead)

    def _without(self, dead: Mapping[Phase, Collection[int]]) -> Effects:
        """What is wrong with some nodes dead, and nothing overloaded that was not before."""
        gone = {
            phase: self._mask(i for i in nodes if i in self._bit) for phase, nodes in dead.items()
        }
        if not any(gone.values()):
            return self.effects
        bridged = self._live["bridge"] & ~gone["bridge"]
        effects = {}
        for case in self.balances:
            live = self._live[case] & ~gone[case]
            unprotected = live & self._guarded & ~bridged
            effects[case] = Effect(self._all & ~live, unprotected, self._over[case])
        return effects

    @cached_property
    def _sheds(self) -> Mapping[Phase, Shed] | None:
        """None where something drops out in the bridge by itself: then all has to be played."""
        if self._too_much:
            return None
        limit, nodes = self.balances["as_is"].limit, range(len(self.graph))
        found: dict[Phase, Shed] = {
            case: Shed(balance, limit, self._over[case]) for case, balance in self.balances.items()
        }
        over = frozenset().union(*self._over.values())
        found["bridge"] = Shed(self._bridge, [self._able_kw(i) for i in nodes], over)
        return found

    def _shed(self, out: Collection[int]) -> Mapping[Phase, set[int]] | None:
        """Who dies with these nodes out, where nothing else happens to the plant."""
        sheds = self._sheds
        if sheds is None:
            return None
        as_is, mains_lost = sheds["as_is"].dead(out), sheds["mains_lost"].dead(out)
        if as_is is None or mains_lost is None:
            return None
        # A UPS that will have no input is no source in the bridge; who dies as it is, dies there.
        forced = self._bridge.forced
        fallen = {i for i in as_is | mains_lost if forced[i] and i not in out}
        if any(
            self._bridge.live[f] and f not in as_is for i in fallen for f in self.graph.feeders[i]
        ):
            return None
        bridge = sheds["bridge"].dead({*out, *fallen})
        if bridge is None:
            return None
        return {"as_is": as_is, "mains_lost": mains_lost, "bridge": bridge}

    def _played(self, out: Collection[int]) -> Effects:
        trials = {case: Trial(balance) for case, balance in self.balances.items()}
        for trial in trials.values():
            trial.switch(down=out)
        bridge = self._cross(out, trials)
        bridged = self._alive("bridge", self._bridge, bridge)
        effects = {}
        for case, trial in trials.items():
            balance = self.balances[case]
            live = self._alive(case, balance, trial)
            changed = balance.overloads(trial.moved)
            effects[case] = Effect(
                lost=self._all & ~live,
                unprotected=live & self._guarded & ~bridged,
                overloaded=frozenset(self._over[case] - trial.moved | changed)
                if trial.moved
                else self._over[case],
            )
        for trial in (*trials.values(), bridge):
            trial.undo()
        return effects

    def dead(self, nodes: Collection[int]) -> dict[Phase, frozenset[int]]:
        """Which of some nodes have no supply, by case and in the bridge."""
        balances = (*self.balances.values(), self._bridge)
        return {b.case: frozenset(i for i in nodes if not b.live[i]) for b in balances}

    def dying(self, nodes: frozenset[int], out: Collection[int]) -> dict[Phase, frozenset[int]]:
        """Which of some nodes would newly have no supply with others out."""
        dead = self._shed(out)
        if dead is not None:
            return {phase: nodes & gone for phase, gone in dead.items()}
        trials = {case: Trial(balance) for case, balance in self.balances.items()}
        for trial in trials.values():
            trial.switch(down=out)
        bridge = self._cross(out, trials)
        found = {
            balance.case: frozenset(i for i in nodes & trial.looked if not balance.live[i])
            for balance, trial in (
                *((self.balances[case], trial) for case, trial in trials.items()),
                (self._bridge, bridge),
            )
        }
        for trial in (*trials.values(), bridge):
            trial.undo()
        return found

    def strained(self, case: CaseName, out: Collection[int]) -> dict[int, int]:
        """Nodes that would newly be overloaded with others out, and the loads (as a mask) that
        would have moved there: they lose a feed, a switch on their way turns to another one, or
        a tie closes for them."""
        balance, turned = self.balances[case], set()
        trial = Trial(balance)
        trial.switch(down=out)
        for i in trial.looked:
            if self.graph.role[i] in (Role.SWITCH, Role.TIE) and balance.live[i]:
                turned |= balance.loads_behind(i)
            elif not balance.live[i]:
                turned.update(child for child in self.graph.children[i] if child in self._bit)
        found = {
            i: self._mask(turned & balance.loads_behind(i))
            for i in balance.overloads(trial.moved - self._over[case])
        }
        trial.undo()
        return found

    def singles(self) -> dict[int, Effects]:
        """What the loss of each single component would leave, by node number."""
        return {
            i: self.effects_of((i,))
            for i, role in enumerate(self.graph.role)
            if role not in (Role.LOAD, Role.NONE)
        }

    def loads_of(self, mask: int) -> tuple[str, ...]:
        """Ids of the loads of a mask."""
        if not mask:
            return ()
        graph, bit = self.graph, self._bit
        return tuple(graph.nodes[i].id for i in graph.loads if mask & bit[i])

    def result(self, case: CaseName, unknown: tuple[str, ...]) -> CaseResult:
        """One case as it is published."""
        graph, balance, effect = self.graph, self.balances[case], self.effects[case]
        return CaseResult(
            lost_loads=self.loads_of(effect.lost),
            unprotected_loads=self.loads_of(effect.unprotected),
            overloaded=tuple(
                Overload(
                    graph.nodes[i].id,
                    balance.carries(i),
                    balance.limit[i],
                    graph.in_order(balance.loads_behind(i)),
                )
                for i in graph.written
                if i in effect.overloaded
            ),
            unchecked=graph.unchecked,
            assumed=graph.ids([i for i in graph.written if self._assumed(i)]),
            unknown=unknown,
        )

    def study_of(self, changes: Mapping[int, Condition]) -> Study:
        """The same with some nodes in another condition."""
        return Study(self.graph, self.plant.changed(changes), self.start_s)

    def in_eco(self) -> tuple[str, ...]:
        """UPSs whose load is on mains until they fail, as ids."""
        graph, conditions = self.graph, self.plant.conditions
        return graph.ids(
            [i for i in graph.written if conditions[i].in_service and conditions[i].eco]
        )

    def _assumed(self, i: int) -> bool:
        """Whether a node is taken for healthy, or a generator's plate for a continuous rating."""
        node = self.graph.nodes[i]
        return self.plant.conditions[i].assumed or (node.kind == "genset" and node.rating is None)

    def guards(self, i: int) -> bool:
        """Whether a UPS could carry its load from now until generators do."""
        condition = self.plant.conditions[i]
        return condition.in_service and condition.protects and condition.battery_s >= self.start_s

    def bridged_kw(self, i: int) -> float:
        """What a node would give between the loss of the mains and the generators."""
        return self._bridge.gives[i]

    def bridges(self, i: int) -> bool:
        """Whether a UPS holds its load from the loss of the mains until generators carry."""
        return bool(self._bridge.forced[i]) and self._bridge.live[i] and not self._drops_out(i)

    def bit(self, load: int) -> int:
        """The bit of a load in masks."""
        return self._bit[load]

    def lost_in(self, balance: Balance) -> int:
        """Loads lost in any balance of this graph, as a mask."""
        return self._mask(i for i in self.graph.loads if not balance.live[i])

    def given(self, case: CaseName, out: Collection[int], nodes: Sequence[int]) -> list[float]:
        """What some nodes would give with others out, in kW."""
        balance = self.balances[case]
        trial = Trial(balance)
        trial.switch(down=out)
        found = [balance.gives[i] for i in nodes]
        trial.undo()
        return found

    def _stands(self, i: int) -> int:
        """The position of something motor-driven as it is: the feeder in use; 0 of a closed tie."""
        balance = self.balances["as_is"]
        return balance.pick[i] if i not in self.graph.sides else 0 if balance.live[i] else -1

    def _holds(self, i: int) -> bool:
        """Whether a UPS is a source in the bridge: it works on its input, can do so on its
        battery, and will have an input again when generators carry."""
        return self.guards(i) and all(
            balance.live[i] and not balance.bypassed[i] for balance in self.balances.values()
        )

    def _drops_out(self, i: int) -> bool:
        """Whether a node cannot give what the bridge asks of it.

        What is overloaded outside the bridge already is reported there, and stays in here.
        """
        graph, gives = self.graph, self._bridge.carries(i)
        if graph.role[i] is Role.LOAD or gives <= 0:
            return False
        return gives > self._able_kw(i) * (1 + TOLERANCE)

    def _able_kw(self, i: int) -> float:
        """What a node can give in the bridge."""
        usual = max(balance.carries(i) for balance in self.balances.values())
        able = max(self._bridge.limit[i], usual)
        return min(able, self.plant.conditions[i].battery_kw) if self._bridge.forced[i] else able

    def _cross(self, out: Collection[int], trials: Mapping[CaseName, Trial]) -> Trial:
        """The bridge with these nodes out: what cannot carry it drops out, until it settles."""
        bridge = Trial(self._bridge)
        looked = set(out).union(*(trial.looked for trial in trials.values()))
        upses = [i for i in looked if self.graph.role[i] is Role.UPS and i not in out]
        bridge.switch(
            down=out,
            forced=[(i, self._holds(i)) for i in upses],
            fixed=[(i, self._stands(i)) for i in trials["as_is"].looked if i in self._slow],
        )
        suspects = self._too_much.union(*(trial.moved for trial in trials.values()))
        while True:
            weak = [i for i in suspects | bridge.moved if self._bridge.up[i] and self._drops_out(i)]
            if not weak:
                return bridge
            bridge.switch(down=weak)

    def _mask(self, loads: Iterator[int] | Collection[int]) -> int:
        mask = 0
        for i in loads:
            mask |= self._bit[i]
        return mask

    def _alive(
        self, case: Literal["as_is", "mains_lost", "bridge"], balance: Balance, trial: Trial
    ) -> int:
        """Loads that live, after a trial."""
        live = self._live[case]
        for i in trial.looked:
            bit = self._bit.get(i)
            if bit is not None:
                live = live | bit if balance.live[i] else live & ~bit
        return live
