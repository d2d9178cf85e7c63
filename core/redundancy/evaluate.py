"""One plant in one case: what is live from the sources down, what flows from the loads up.

`Balance.solve` is the plain and full evaluation, two passes over the nodes. Its two rules for a
single node, `look` (is it live, from which feeder) and `split` (what it takes from each feeder),
are the semantics of docs/redundancy.md; `trial` uses the same two to follow a change through the
graph. Max-flow is not the model: no switch and no parallel module splits its load at will.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from core.redundancy import busbars
from core.redundancy.condition import Plant
from core.redundancy.graph import PowerGraph, Role

CaseName = Literal["as_is", "mains_lost"]
CASES: Final[tuple[CaseName, ...]] = ("as_is", "mains_lost")

TOLERANCE: Final = 1e-9
"""A node is overloaded above its capacity times one plus this (docs/redundancy.md)."""


class Look(NamedTuple):
    """What one node makes of its feeders. `pick` is the position of the one feeder in use, -1
    where there is none or several; `able_kw` what the node could carry."""

    live: bool
    pick: int
    able_kw: float
    bypassed: bool


DEAD: Final = Look(live=False, pick=-1, able_kw=0.0, bypassed=False)


class Balance:
    """The plant in one case. Lists are by node number, power in kW.

    `limit` is what a node's load may be as uneven as it is; power is shared by what is stated,
    since no machine knows of the phases of another one.

    `case` is `as_is`, `mains_lost` (every utility out), or `bridge`: mains gone and generators not
    there yet, when only the nodes in `forced` give power. Forced nodes are live without a feeder;
    switches in `fixed` stay where they are, at that position (-1: nowhere).
    """

    def __init__(
        self,
        graph: PowerGraph,
        plant: Plant,
        case: Literal["as_is", "mains_lost", "bridge"],
        forced: Iterable[int] = (),
        fixed: Mapping[int, int] | None = None,
    ) -> None:
        count = len(graph)
        self.graph = graph
        self.case = case
        self.conditions = plant.conditions
        self.demand = dict(zip(graph.loads, plant.demands, strict=True))
        self.up = [c.in_service for c in plant.conditions]
        self.forced = [False] * count
        for i, node in enumerate(graph.nodes):
            if (case == "mains_lost" and node.kind == "utility") or (
                case == "bridge" and graph.role[i] is Role.SOURCE
            ):
                self.up[i] = False
        for i in forced:
            self.up[i] = self.forced[i] = True
        self.fixed = dict(fixed or {})
        self.limit = [
            limit * condition.able_share
            for limit, condition in zip(graph.limit, plant.conditions, strict=True)
        ]
        self.blocked = [condition.blocked for condition in plant.conditions]
        for tie in graph.sides:
            self.blocked[tie] = self._blocked_at(tie)
        self.looks: list[Look] = [DEAD] * count  # each node by itself
        self.live = [False] * count
        self.able_kw = [0.0] * count
        self.pick = [-1] * count  # with the modules of one bus going to bypass together
        self.bypassed = [False] * count
        self.gives = [0.0] * count
        self.draws: list[tuple[float, ...]] = [()] * count
        self._solve()

    def _solve(self) -> None:
        graph = self.graph
        for i in range(len(graph)):
            look = self.look(i)
            self.looks[i] = look
            self.live[i], self.pick[i], self.able_kw[i], self.bypassed[i] = look
        for i in range(len(graph)):
            if graph.role[i] is Role.UPS:
                self.pick[i], self.bypassed[i] = self.together(i)
        for i in range(len(graph) - 1, -1, -1):
            self.draws[i] = draws = self.split(i)
            for feeder, kw in zip(graph.feeders[i], draws, strict=True):
                self.gives[feeder] += kw

    def look(self, i: int) -> Look:
        """Whether a node is live, and from where, given its feeders. For a load: whether it has
        feeds enough."""
        graph, live = self.graph, self.live
        if not self.up[i]:
            return DEAD
        role = graph.role[i]
        if role is Role.SOURCE or self.forced[i]:
            return Look(live=True, pick=-1, able_kw=graph.limit[i], bypassed=False)
        feeders, blocked = graph.feeders[i], self.blocked[i]
        if role is Role.LOAD:
            fed = sum(live[f] and k not in blocked for k, f in enumerate(feeders))
            enough = fed >= graph.nodes[i].min_feeds
            return Look(live=True, pick=-1, able_kw=0.0, bypassed=False) if enough else DEAD
        if role is Role.TIE:
            return self._look_at_tie(i)
        if role is Role.BUS:
            place = busbars.drawn_through(graph, live, i)
            if place >= 0:
                pick = len(graph.nodes[i].fed_by) + place
                able_kw = min(graph.limit[i], _stated(graph, i, self.able_kw[feeders[pick]]))
                return Look(True, pick, able_kw, False)
            own = enumerate(graph.own(i))
            able = [self.able_kw[f] for k, f in own if live[f] and k not in blocked]
            if not able:
                return DEAD
            return Look(True, -1, min(graph.limit[i], _stated(graph, i, sum(able))), False)
        if role is Role.UPS:
            return self._look_at_ups(i)
        pick = self._switched(i) if role is Role.SWITCH else 0
        if not 0 <= pick < len(feeders) or pick in blocked or not live[feeders[pick]]:
            return DEAD
        able_kw = min(graph.limit[i], _stated(graph, i, self.able_kw[feeders[pick]]))
        return Look(True, pick, able_kw, False)

    def _switched(self, i: int) -> int:
        """Position of the feeder a switch takes: the one in use if it is live, else (in auto) the
        first live one in the order written; -1 if there is none.

        Where the feeder in use is not known, a switch in auto is taken to stand on the first live
        one, any other on the first of all.
        """
        if i in self.fixed:
            return self.fixed[i]
        condition, feeders = self.conditions[i], self.graph.feeders[i]
        usable = [k for k, f in enumerate(feeders) if self.live[f] and k not in condition.blocked]
        in_use = condition.selected
        if in_use < 0 and not condition.transfers:
            in_use = 0
        if in_use in usable:
            return in_use
        return usable[0] if usable and condition.transfers else -1

    def _blocked_at(self, tie: int) -> frozenset[int]:
        """Feeders of a tie that give nothing to the bus that they feed."""
        lineup = self.graph.lineup[tie]
        own = lineup.own.items() if lineup else ()
        return frozenset(
            places[k]
            for bus, places in own
            for k in self.conditions[bus].blocked
            if k < len(places)
        )

    def _look_at_tie(self, i: int) -> Look:
        """A tie that is closed and has supply is the one busbar of all that it joins."""
        lineup = self.graph.lineup[i]
        buses = busbars.joined(self, lineup).get(i) if lineup else None
        if lineup is None or buses is None:
            return DEAD
        feeders, blocked = self.graph.feeders[i], self.blocked[i]
        able_kw = [
            self.able_kw[feeders[k]]
            for bus in buses
            for k in lineup.own[bus]
            if self.live[feeders[k]] and k not in blocked
        ]
        return Look(live=True, pick=-1, able_kw=sum(able_kw), bypassed=False)

    def _look_at_ups(self, i: int) -> Look:
        graph, condition = self.graph, self.conditions[i]
        feeders, bypass = graph.feeders[i], graph.bypass[i]
        if condition.on_bypass:
            if bypass not in condition.blocked and self.live[feeders[bypass]]:
                return Look(live=True, pick=bypass, able_kw=graph.limit[i], bypassed=True)
            return DEAD
        if 0 not in condition.blocked and self.live[feeders[0]]:
            return Look(live=True, pick=0, able_kw=graph.limit[i], bypassed=False)
        if bypass and bypass not in condition.blocked and self.live[feeders[bypass]]:
            return Look(live=True, pick=bypass, able_kw=graph.limit[i], bypassed=True)
        return DEAD

    def together(self, i: int) -> tuple[int, bool]:
        """Feeder and bypass of a UPS module, after those it works in parallel with: inverters do
        not run beside mains, so when one of them is on bypass all of them are."""
        graph, own = self.graph, self.looks[i]
        if not own.live or own.bypassed or self.forced[i]:
            return own.pick, own.bypassed
        bypassed = [m for m in graph.peers[i] if self.looks[m].bypassed]
        if not bypassed or busbars.parallel(self, i).isdisjoint(bypassed):
            return own.pick, False
        bypass = graph.bypass[i]
        usable = bypass not in self.conditions[i].blocked and self.live[graph.feeders[i][bypass]]
        return (bypass, True) if usable else (own.pick, True)

    def split(self, i: int) -> tuple[float, ...]:
        """What a node takes from each of its feeders, in kW, for what it gives."""
        graph = self.graph
        feeders, role = graph.feeders[i], graph.role[i]
        if not self.live[i] or self.forced[i] or not feeders:
            if role is Role.UPS and self.recharges(i):
                return (graph.recharge_kw[i], *(0.0,) * (len(feeders) - 1))
            return (0.0,) * len(feeders)
        if role is Role.LOAD:
            return self.split_load(i)
        takes = self.gives[i] / graph.efficiency[i]
        if role is Role.UPS and self.recharges(i):
            takes += graph.recharge_kw[i]
        return self._drawn(i, takes)

    def shares(self, i: int) -> tuple[float, ...]:
        """What a node that is no load takes from each feeder for every kW that it gives."""
        if self.forced[i] or not self.graph.feeders[i]:
            return (0.0,) * len(self.graph.feeders[i])
        return self._drawn(i, 1 / self.graph.efficiency[i])

    def _drawn(self, i: int, takes: float) -> tuple[float, ...]:
        """What a node that is no load draws from each feeder, of all that it takes."""
        feeders, pick = self.graph.feeders[i], self.pick[i]
        if pick >= 0 or self.graph.role[i] not in (Role.BUS, Role.TIE):
            if len(feeders) == 1:
                return (takes,)
            return tuple(takes if k == pick else 0.0 for k in range(len(feeders)))
        blocked, weights = self.blocked[i], [0.0] * len(feeders)
        for k in busbars.positions(self.graph, self.live, i):
            if self.live[feeders[k]] and k not in blocked:
                weights[k] = self.able_kw[feeders[k]]
        return _shared(takes, weights)

    def recharges(self, i: int) -> bool:
        """Whether a UPS is taken to recharge its battery: on the generators any that has supply,
        and one that is taken as out because nobody knows. What is not known must not relieve a
        generator."""
        if self.case != "mains_lost":
            return False
        condition = self.conditions[i]
        return self.live[i] or (
            condition.unknown
            and not condition.in_service
            and 0 not in condition.blocked
            and self.live[self.graph.feeders[i][0]]
        )

    def split_load(self, i: int, dead: Container[int] = ()) -> tuple[float, ...]:
        """Equal shares, or the measured ones; the feeds that are left take over all of it. Feeders
        in `dead` are taken as dead, too."""
        demand, live = self.demand[i], self.live
        blocked = self.conditions[i].blocked
        fed = [
            1.0 if live[f] and k not in blocked and f not in dead else 0.0
            for k, f in enumerate(self.graph.feeders[i])
        ]
        if demand.shares:
            measured = [share * here for share, here in zip(demand.shares, fed, strict=True)]
            if sum(measured) > 0:
                return _shared(demand.kw, measured)
        return _shared(demand.kw, fed)

    def carries(self, i: int) -> float:
        """What a node's capacity is held against, in kW: what it gives. Of a closed tie, what
        crosses it; of a bus beside one, all that enters it, if that is more."""
        lineup = self.graph.lineup[i]
        return self.gives[i] if lineup is None else busbars.carried(self, lineup)[i]

    def carried(self) -> list[float]:
        """The same of all nodes."""
        found, lineup = list(self.gives), self.graph.lineup
        for i in self.graph.sides:
            here = lineup[i]
            if here is not None and i == here.ties[0]:
                for member, kw in busbars.carried(self, here).items():
                    found[member] = kw
        return found

    def overloaded(self, i: int) -> bool:
        """Whether a node carries more than it can. What a load itself states is no limit."""
        return self._exceeds(i, self.carries(i))

    def overloads(self, nodes: Iterable[int]) -> set[int]:
        """Those of some nodes that are overloaded."""
        lineup, gives, found = self.graph.lineup, self.gives, set()
        carried: dict[int, float] = {}
        for i in nodes:
            here = lineup[i]
            if here is None:
                kw = gives[i]
            else:
                if i not in carried:
                    carried |= busbars.carried(self, here)
                kw = carried[i]
            if self._exceeds(i, kw):
                found.add(i)
        return found

    def _exceeds(self, i: int, kw: float) -> bool:
        return kw > self.limit[i] * (1 + TOLERANCE) and self.graph.role[i] is not Role.LOAD

    def loads_behind(self, i: int) -> set[int]:
        """Loads that draw through a node, by the feeders in use. Behind a closed tie is all that
        hangs on its busbar."""
        graph, seen = self.graph, {i}
        if i in graph.sides and self.live[i]:
            seen.update(busbars.busbar_of(graph, self.live, graph.sides[i][0]))
        stack = list(seen)
        while stack:
            node = stack.pop()
            for child in graph.children[node]:
                if child not in seen and self.live[child] and self._draws_from(child, node):
                    seen.add(child)
                    stack.append(child)
        return {n for n in seen if graph.role[n] is Role.LOAD}

    def _draws_from(self, i: int, feeder: int) -> bool:
        """Whether a live node draws from a feeder that may give nothing now."""
        feeders, pick = self.graph.feeders[i], self.pick[i]
        if self.forced[i]:
            return False
        if pick >= 0:
            return feeders[pick] == feeder
        if i in self.graph.sides:
            positions = busbars.positions(self.graph, self.live, i)
            return any(feeders[k] == feeder for k in positions)
        return feeder not in self.graph.sides


def _stated(graph: PowerGraph, i: int, feeders_kw: float) -> float:
    """Infinite where a node states its own capacity, else what its feeders could carry."""
    return feeders_kw if graph.nodes[i].limit_kw is None else float("inf")


def _shared(kw: float, weights: list[float]) -> tuple[float, ...]:
    """A power in proportion to weights; infinite ones share it equally among themselves."""
    total = sum(weights)
    if total == float("inf"):
        weights = [1.0 if weight == float("inf") else 0.0 for weight in weights]
        total = sum(weights)
    if total <= 0:
        return (0.0,) * len(weights)
    return tuple(kw * weight / total for weight in weights)
