"""The semantics of the power graph a second time: sentence by sentence, recursive, on names.

Slow and literal, for comparison only. It shares no code with core/redundancy and goes the other way
round: every figure is asked for and pulled, none is pushed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import combinations

from core.site import Node


class Oracle:
    """One plant in one case. `out` is out of service, `bypassed` UPSs are on bypass, `selected`
    gives the feeder in use of switches, `stuck` switches and ties do not move by themselves,
    `closed` ties are closed (None: those that normally are), the batteries of `full` UPSs need no
    recharge."""

    def __init__(
        self,
        nodes: Sequence[Node],
        case: str,
        *,
        out: Collection[str] = (),
        bypassed: Collection[str] = (),
        selected: Mapping[str, str] | None = None,
        stuck: Collection[str] = (),
        shares: Mapping[str, Sequence[float]] | None = None,
        closed: Collection[str] | None = None,
        able: Mapping[str, float] | None = None,
        full: Collection[str] = (),
    ) -> None:
        self.able, self.full = able or {}, set(full)
        self.nodes = {node.id: node for node in nodes}
        self.case, self.out, self.on_bypass = case, set(out), set(bypassed)
        self.selected, self.stuck, self.shares = selected or {}, set(stuck), shares or {}
        normally = {node.id for node in nodes if node.normally == "closed"}
        self.closed = normally if closed is None else set(closed)
        self._energised: dict[str, bool] = {}
        self._gives: dict[str, float] = {}
        self._shut: dict[frozenset[str], list[Node]] = {}

    def energised(self, name: str) -> bool:
        if name not in self._energised:
            self._energised[name] = name not in self.out and self._source_or_fed(name)
        return self._energised[name]

    def _source_or_fed(self, name: str) -> bool:
        node = self.nodes[name]
        if node.kind == "utility":
            return self.case == "as_is"
        if node.kind == "genset":
            return True
        if node.kind in ("pv", "load"):
            return False
        if node.kind == "tie":
            return node in self.shut(node.between[0]) and bool(self.feeding(node.between[0]))
        if node.kind == "ups":
            on_input = name not in self.on_bypass and self.energised(node.fed_by[0])
            return on_input or self.runs_on_bypass(name)
        return bool(self.feeding(name))

    def own_live(self, bus: str) -> list[str]:
        """Feeders of a bus itself that have supply, if it is there at all."""
        here = [] if bus in self.out else self.nodes[bus].fed_by
        return [feeder for feeder in here if self.energised(feeder)]

    def ties_at(self, bus: str) -> list[Node]:
        return [n for n in self.nodes.values() if n.kind == "tie" and bus in n.between]

    def reach(self, bus: str, by: Collection[Node]) -> frozenset[str]:
        """All buses that one can walk to over some ties, this one included."""
        found = {bus}
        while True:
            more = {b for tie in by if found & set(tie.between) for b in tie.between}
            if more <= found:
                return frozenset(found)
            found |= more

    def shut(self, bus: str) -> list[Node]:
        """Ties of the lineup of a bus that are closed: those that stand so; then, one after the
        other, the first written in auto that has supply on exactly one side."""
        every = [node for node in self.nodes.values() if node.kind == "tie"]
        lineup = self.reach(bus, every)
        if lineup in self._shut:
            return self._shut[lineup]
        here = [
            tie
            for tie in every
            if tie.between[0] in lineup and not self.out & {tie.id, *tie.between}
        ]
        shut = [tie for tie in here if tie.id in self.closed]
        while True:
            closing = [
                tie
                for tie in here
                if tie not in shut
                and tie.auto
                and tie.id not in self.stuck
                and len([b for b in tie.between if self._fed_over(b, shut)]) == 1
            ]
            if not closing:
                break
            shut.append(closing[0])
        self._shut[lineup] = shut
        return shut

    def _fed_over(self, bus: str, shut: Collection[Node]) -> bool:
        return any(self.own_live(each) for each in self.reach(bus, shut))

    def busbar(self, bus: str) -> list[str]:
        """The buses that are one with this one, in no particular order."""
        return sorted(self.reach(bus, self.shut(bus)))

    def net(self, bus: str) -> float:
        """What a bus brings to its busbar beyond what it takes from it."""
        return self._brought(bus) - self.gives(bus) / self.nodes[bus].efficiency

    def crossing(self, tie: Node) -> float:
        """What flows from one bus to the other; in a ring the most that it might be."""
        if not self.energised(tie.id):
            return 0.0
        one, other = tie.between
        side = self.reach(one, [t for t in self.shut(one) if t != tie])
        if other not in side:
            return abs(sum(map(self.net, side)))
        rest = [bus for bus in self.busbar(one) if bus not in (one, other)]
        return max(
            abs(self.net(one) + sum(map(self.net, some)))
            for count in range(len(rest) + 1)
            for some in combinations(rest, count)
        )

    def _brought(self, bus: str) -> float:
        """What the own feeders of a joined bus bring to its busbar."""
        buses = self.busbar(bus)
        takes = sum(self.gives(b) / self.nodes[b].efficiency for b in buses)
        mine = sum(map(self.could_carry, self.own_live(bus)))
        total = sum(self.could_carry(f) for b in buses for f in self.own_live(b))
        return takes * mine / total if total else 0.0

    def entering(self, bus: str) -> float:
        """All that comes to a bus: by its own feeders, and from each part that would be left of its
        busbar without it, by one tie what that part has to spare, by several at most what any bus
        of it has."""
        comes, shut = self._brought(bus), self.shut(bus)
        apart = [tie for tie in shut if bus not in tie.between]
        pieces = {self.reach(b, apart) for b in self.busbar(bus) if b != bus}
        for piece in pieces:
            spare = [self.net(b) for b in piece]
            ways = [tie for tie in shut if bus in tie.between and set(tie.between) & piece]
            comes += max(sum(spare), 0) if len(ways) == 1 else sum(max(kw, 0) for kw in spare)
        return comes

    def carries(self, name: str) -> float:
        node = self.nodes[name]
        if node.kind == "tie":
            return self.crossing(node)
        if node.kind == "bus" and len(self.busbar(name)) > 1 and self.energised(name):
            return max(self.gives(name), self.entering(name))
        return self.gives(name)

    def feeding(self, name: str) -> list[str]:
        """The feeders that a node takes its power from."""
        node = self.nodes[name]
        live = [feeder for feeder in node.fed_by if self.energised(feeder)]
        if node.kind in ("ats", "sts"):
            in_use = self.selected.get(name)
            if in_use is None and name in self.stuck:
                in_use = node.fed_by[0]
            if in_use in live:
                return [in_use]
            return [] if name in self.stuck else live[:1]
        if node.kind == "ups":
            return self._ups(name)
        if node.kind == "bus":
            return [f for bus in self.busbar(name) for f in self.own_live(bus)]
        return live

    def _ups(self, name: str) -> list[str]:
        if name in self.on_bypass and not self.energised(self.bypass_supply(name)):
            return []
        if not self.runs_on_bypass(name):
            if not self.energised(self.nodes[name].fed_by[0]):
                return []
            if not any(self.runs_on_bypass(peer) for peer in self.peers(name)):
                return [self.nodes[name].fed_by[0]]
        supply = self.bypass_supply(name)
        if self.energised(supply):
            return [supply]
        return [] if self.runs_on_bypass(name) else [self.nodes[name].fed_by[0]]

    def bypass_supply(self, name: str) -> str:
        return self.nodes[name].bypass_fed_by or self.nodes[name].fed_by[0]

    def runs_on_bypass(self, name: str) -> bool:
        """By itself: its state says so, or its input is dead and its bypass is not."""
        node = self.nodes[name]
        if name in self.out:
            return False
        if name in self.on_bypass:
            return self.energised(self.bypass_supply(name))
        return (
            not self.energised(node.fed_by[0])
            and bool(node.bypass_fed_by)
            and self.energised(node.bypass_fed_by)
        )

    def peers(self, name: str) -> set[str]:
        """Modules of one busbar, and of another one that one of them shares."""
        found, fresh = {name}, [name]
        buses = [
            {f for bus in self.busbar(n.id) for f in self.nodes[bus].fed_by}
            for n in self.nodes.values()
            if n.kind == "bus"
        ]
        while fresh:
            here = fresh.pop()
            for members in buses:
                if here in members:
                    new = {m for m in members if self.nodes[m].kind == "ups"} - found
                    found |= new
                    fresh += new
        return found

    def could_carry(self, name: str) -> float:
        limit = self.nodes[name].limit_kw
        if limit is not None:
            return limit
        return sum(self.could_carry(feeder) for feeder in self.feeding(name))

    def lost(self, name: str) -> bool:
        node = self.nodes[name]
        fed = sum(self.energised(feeder) for feeder in node.fed_by)
        return name in self.out or fed < node.min_feeds

    def gives(self, name: str) -> float:
        if name not in self._gives:
            self._gives[name] = sum(
                self.draws(child, name)
                for child, node in self.nodes.items()
                if name in (*node.fed_by, node.bypass_fed_by)
                or (node.kind == "bus" and name in self.feeding(child))
            )
        return self._gives[name]

    def draws(self, name: str, feeder: str) -> float:
        """What a node takes from one of its feeders."""
        node = self.nodes[name]
        if node.kind == "load":
            return self._load_draws(node, feeder)
        if not self.energised(name) or feeder not in self.feeding(name):
            return 0.0
        takes = self.gives(name) / node.efficiency
        if node.kind == "ups" and self.case == "mains_lost" and name not in self.full:
            default = 0.1 * (node.limit_kw or 0.0)
            takes += default if node.recharge_kw is None else node.recharge_kw
        total = sum(self.could_carry(other) for other in self.feeding(name))
        times = self.feeding(name).count(feeder)  # two, of one that feeds two buses of a busbar
        return takes * times * self.could_carry(feeder) / total

    def _load_draws(self, node: Node, feeder: str) -> float:
        if self.lost(node.id) or not self.energised(feeder):
            return 0.0
        live = [f for f in node.fed_by if self.energised(f)]
        shares = dict(zip(node.fed_by, self.shares.get(node.id, ()), strict=False))
        measured = sum(shares.get(f, 0.0) for f in live)
        part = shares[feeder] / measured if measured > 0 else 1 / len(live)
        return (node.demand_kw or 0.0) * part

    @cached_property
    def lost_loads(self) -> set[str]:
        return {n.id for n in self.nodes.values() if n.kind == "load" and self.lost(n.id)}

    @cached_property
    def overloaded(self) -> dict[str, float]:
        return {
            name: self.carries(name)
            for name, node in self.nodes.items()
            if node.kind != "load"
            and node.limit_kw is not None
            and self.carries(name) > node.limit_kw * self.able.get(name, 1.0) * (1 + 1e-9)
        }
