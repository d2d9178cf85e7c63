"""The power graph in motion: what is alive from the sources down, what flows from the loads up.

Two passes over the nodes in topological order make one step. Sharing follows the semantics of the
site file (docs/redundancy.md): a bus takes from its live feeders in proportion to their capacity, a
transfer switch from the one in use, a load from its live feeds. Knows nodes and equipment; knows
neither devices nor readings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core.site import Node
from simulator.electrical import DEAD, Supply
from simulator.faults import Faults
from simulator.genset import Genset
from simulator.invariants import invariant
from simulator.ties import Ties
from simulator.transfer import STATIC_EFFICIENCY_LOSS, TransferSwitch
from simulator.ups import Ups

IRON_LOSS = 0.25
"""Part of a transformer's losses that does not depend on its load (iron losses)."""


@dataclass(slots=True)
class Equipment:
    """The machines behind the nodes, by node id."""

    gensets: dict[str, Genset] = field(default_factory=dict)
    switches: dict[str, TransferSwitch] = field(default_factory=dict)
    upses: dict[str, Ups] = field(default_factory=dict)


@dataclass(slots=True)
class Branch:
    """One node at one instant. `given_w` leaves it, `taken_w` enters it."""

    node: Node
    feeders: tuple[int, ...]
    bypass: int = -1
    supply: Supply = DEAD
    given_w: float = 0.0
    taken_w: float = 0.0
    feed_w: list[float] = field(default_factory=list)
    """Of a load: what each feed carries, in the order of `fed_by`."""
    pv_available_w: float = 0.0
    """Of a `pv` node: what the sun would give."""


class Network:
    """The power nodes of a site with their state. All powers in W."""

    def __init__(self, nodes: Sequence[Node], equipment: Equipment) -> None:
        self.ties = Ties(nodes)
        ordered = _ordered(nodes, self.ties)
        self.index = {node.id: i for i, node in enumerate(ordered)}
        self.equipment = equipment
        self.branches = [
            Branch(
                node,
                tuple(self.index[name] for name in node.fed_by if name in self.index),
                self.index.get(node.bypass_fed_by, -1),
                feed_w=[0.0] * len(node.fed_by),
            )
            for node in ordered
        ]
        self._loads = [b for b in self.branches if b.node.kind == "load"]
        feeds = {feeder for load in self._loads for feeder in load.feeders}
        self._feeds_load = {self.branches[i].node.id for i in feeds}
        self._pools: dict[str, float] = {}
        self.sources_of = self._sources()
        self.peers = self._peers()

    def branch(self, name: str) -> Branch:
        """A node by its id. Raises KeyError."""
        return self.branches[self.index[name]]

    def live(self, name: str) -> bool:
        """Whether a node has voltage; a name that is no node counts as alive."""
        return name not in self.index or self.branches[self.index[name]].supply.live

    def _sources(self) -> dict[str, frozenset[str]]:
        """All source nodes upstream of each node."""
        found: dict[str, frozenset[str]] = {}
        for branch in self.branches:
            if branch.node.kind in ("utility", "genset"):
                found[branch.node.id] = frozenset((branch.node.id,))
            else:
                above = (found[self.branches[i].node.id] for i in branch.feeders)
                found[branch.node.id] = frozenset().union(*above)
                for _, buses in self.ties.lineups:
                    if branch.node.id == buses[-1]:  # what feeds one of them may feed all
                        together = frozenset().union(*(found[bus] for bus in buses))
                        found |= dict.fromkeys(buses, together)
        return found

    def _peers(self) -> dict[str, frozenset[str]]:
        """Nodes of one kind that work on one bus, each with itself."""
        found = {branch.node.id: {branch.node.id} for branch in self.branches}
        for branch in self.branches:
            if branch.node.kind != "bus":
                continue
            above = [self.branches[i].node for i in branch.feeders]
            for node in above:
                found[node.id] |= {other.id for other in above if other.kind == node.kind}
        return {name: frozenset(names) for name, names in found.items()}

    # From the sources down

    def energise(self, dt: float, mains: Callable[[str], Supply], faults: Faults) -> None:
        """Carry voltage from the sources to the loads and let switches and UPSs act on what they
        see."""
        for branch in self.branches:
            branch.supply = self._supply(branch, dt, mains, faults)

    def _supply(
        self, branch: Branch, dt: float, mains: Callable[[str], Supply], faults: Faults
    ) -> Supply:
        node, above = branch.node, [self.branches[i].supply for i in branch.feeders]
        if node.kind == "utility":
            return mains(node.id)
        if node.kind == "genset":
            genset = self.equipment.gensets[node.id]
            return genset.supply() if genset.closed else DEAD
        if node.kind == "pv":
            return DEAD
        if node.kind == "tie":
            self.ties.step(node.id, dt, self._fed, lambda name: faults.has("stuck", name))
            closed = self.ties.by_name[node.id].closed
            return self._on_busbar(node.between[0]) if closed else DEAD
        if node.kind == "bus":
            return self._on_busbar(node.id)
        if node.kind in ("ats", "sts"):
            switch = self.equipment.switches[node.id]
            switch.step(dt, above, self._ready(branch), stuck=faults.has("stuck", node.id))
            return switch.output(above)
        if node.kind == "ups":
            ups = self.equipment.upses[node.id]
            bypass = self.branches[branch.bypass].supply if branch.bypass >= 0 else DEAD
            ups.step(
                dt,
                above[0] if above else DEAD,
                bypass,
                # Modules of one bus are switched to their bypass together, or they would feed
                # mains against each other's inverters.
                forced_bypass=any(faults.has("on_bypass", name) for name in self._beside(node.id)),
                battery_fault=faults.has("battery_fault", node.id),
            )
            return ups.output()
        return next((supply for supply in above if supply.live), DEAD)

    def _own(self, bus: str) -> list[Branch]:
        return [self.branches[i] for i in self.branch(bus).feeders]

    def _fed(self, bus: str) -> bool:
        return any(feeder.supply.live for feeder in self._own(bus))

    def _on_busbar(self, bus: str) -> Supply:
        """What stands on a bus: by its own feeders, else by those of the buses joined to it."""
        above = (feeder.supply for each in self.ties.busbar(bus) for feeder in self._own(each))
        return next((supply for supply in above if supply.live), DEAD)

    def _beside(self, ups: str) -> set[str]:
        """UPS modules that work on one busbar with this one, by ties that are closed as well."""
        found = set(self.peers[ups])
        for _, buses in self.ties.lineups:
            for bus in buses:
                modules = {f.node.id for each in self.ties.busbar(bus) for f in self._own(each)}
                if modules & found:
                    found |= modules
        return found

    def _ready(self, branch: Branch) -> list[bool]:
        """Which sources of a switch may take its load: generators only when those that were called
        are on the bus, or will not come."""
        ready = []
        for i in branch.feeders:
            upstream = self.branches[i]
            sets = [
                self.equipment.gensets[name]
                for name in self.sources_of[upstream.node.id]
                if name in self.equipment.gensets
            ]
            waiting = upstream.supply.generator and any(
                genset.coming and not genset.closed and not genset.attempts > 1 for genset in sets
            )
            ready.append(upstream.supply.live and not waiting)
        return ready

    # From the loads up

    def flow(self, demand: Mapping[str, Sequence[float]], draws: Mapping[str, float]) -> None:
        """Carry what the loads draw up to the sources.

        `demand` gives per load what each of its feeds draws on an ordinary day (it moves to the
        other feeds when one is dead); `draws` per node what is fixed to it (it stops with it).
        """
        for branch in self.branches:
            branch.given_w = branch.taken_w = 0.0
        self._pools.clear()
        left = dict(draws)
        for load in self._loads:
            self._serve(load, demand.get(load.node.id, ()), left)
        for name, power in left.items():
            if name in self.index and name not in self._feeds_load and self.live(name):
                self.branch(name).given_w += power
        for branch in reversed(self.branches):
            if branch.node.kind not in ("load", "pv", "tie"):
                self._pass_up(branch)

    def _serve(self, load: Branch, nominal: Sequence[float], draws: dict[str, float]) -> None:
        live = [self.branches[i].supply.live for i in load.feeders]
        load.given_w = 0.0
        usable = sum(live) >= load.node.min_feeds
        wanted = list(nominal) if nominal else [0.0] * len(live)
        alive_w = sum(w for w, here in zip(wanted, live, strict=True) if here)
        total = sum(wanted)
        for position, i in enumerate(load.feeders):
            feeder = self.branches[i]
            power = 0.0
            if usable and live[position]:
                share = wanted[position] / alive_w if alive_w else 1 / sum(live)
                power = total * share
            fixed = draws.pop(feeder.node.id, 0.0)
            power += fixed if live[position] else 0.0
            load.feed_w[position] = power
            load.given_w += power
            feeder.given_w += power
        load.taken_w = load.given_w

    def _pass_up(self, branch: Branch) -> None:
        node = branch.node
        if not branch.supply.live:
            invariant(branch.given_w == 0.0, node.id, "gives power and is dead")
            return
        if node.kind in ("utility", "genset"):
            branch.taken_w = branch.given_w
            return
        if node.kind == "ups":
            from_input, from_bypass = self.equipment.upses[node.id].take(branch.given_w)
            branch.taken_w = from_input + from_bypass
            if branch.feeders:
                self.branches[branch.feeders[0]].given_w += from_input
            if branch.bypass >= 0:
                self.branches[branch.bypass].given_w += from_bypass
            return
        branch.taken_w = branch.given_w + self._loss_w(branch)
        if node.kind in ("ats", "sts"):
            position = self.equipment.switches[node.id].position
            self.branches[branch.feeders[position]].given_w += branch.taken_w
        elif len(busbar := self.ties.busbar(node.id)) > 1:
            self._pool(busbar, branch)
        else:
            self._share(branch, branch.feeders)

    def _pool(self, busbar: Sequence[str], branch: Branch) -> None:
        """Buses that are one take together: when the last has said what it takes, it is shared."""
        self._pools[branch.node.id] = branch.taken_w
        if len(self._pools.keys() & set(busbar)) < len(busbar):
            return
        whole = Branch(branch.node, (), supply=branch.supply)
        whole.taken_w = sum(self._pools[bus] for bus in busbar)
        feeders = [i for bus in busbar for i in self.branch(bus).feeders]
        before = {i: self.branches[i].given_w for i in feeders}
        self._share(whole, feeders)
        brought = {i: (self.branches[i].given_w - before[i]) / feeders.count(i) for i in feeders}
        net = {
            bus: sum(brought[i] for i in self.branch(bus).feeders) - self._pools[bus]
            for bus in busbar
        }
        for tie, power in self.ties.crossing(busbar, net).items():
            crossed = self.branch(tie)
            crossed.given_w = crossed.taken_w = power

    def _loss_w(self, branch: Branch) -> float:
        node, power = branch.node, branch.given_w
        if node.kind == "sts":
            return power * STATIC_EFFICIENCY_LOSS
        if node.efficiency >= 1.0:
            return 0.0
        if node.limit_kw is None:
            return power * (1 / node.efficiency - 1)
        # A transformer reaches its stated efficiency at half load, as its data sheet states it.
        half = node.limit_kw * 500
        return (
            half * (1 / node.efficiency - 1) * (IRON_LOSS + (1 - IRON_LOSS) * (power / half) ** 2)
        )

    def _share(self, branch: Branch, feeders: Sequence[int]) -> None:
        """From live feeders in proportion to their capacity, after what the sun gives."""
        need = branch.taken_w
        firm = []
        for i in feeders:
            feeder = self.branches[i]
            if feeder.node.kind == "pv":
                # A grid-following inverter needs mains; it never runs beside a generator, and it
                # is throttled rather than export.
                usable = 0.0 if branch.supply.generator else feeder.pv_available_w
                feeder.given_w = feeder.taken_w = min(usable, need)
                need -= feeder.given_w
            elif feeder.supply.live:
                firm.append(feeder)
        capacities = [feeder.node.limit_kw or 0.0 for feeder in firm]
        if not all(capacities):
            capacities = [1.0] * len(firm)
        total = sum(capacities)
        for feeder, capacity in zip(firm, capacities, strict=True):
            feeder.given_w += need * capacity / total


def _ordered(nodes: Sequence[Node], ties: Ties) -> list[Node]:
    """Nodes with every feeder before what it feeds, and the ties of a lineup between all that feeds
    it and its buses. The site file was checked: there are no loops."""
    by_id = {node.id: node for node in nodes}
    done: dict[str, Node] = {}
    together = {
        name: [*(tie.node.id for tie in some), *buses]
        for some, buses in ties.lineups
        for name in (*(tie.node.id for tie in some), *buses)
    }

    def visit(node: Node) -> None:
        if node.id in done:
            return
        here = [by_id[name] for name in together.get(node.id, (node.id,))]
        for each in here:
            for name in (*each.fed_by, each.bypass_fed_by):
                if name in by_id:
                    visit(by_id[name])
        done.update((each.id, each) for each in here)

    for node in nodes:
        visit(node)
    return list(done.values())
