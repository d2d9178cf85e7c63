"""The semantics of the power graph a second time: sentence by sentence, recursive, on names.

Slow and literal, for comparison only. It shares no code with core/redundancy and goes the other way
round: every figure is asked for and pulled, none is pushed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from core.site import Node


class Oracle:
    """One plant in one case. `out` is out of service, `bypassed` UPSs are on bypass, `selected`
    gives the feeder in use of switches, `stuck` switches and ties do not move by themselves,
    `closed` ties are closed (None: those that normally are)."""

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
    ) -> None:
        self.able = able or {}
        self.nodes = {node.id: node for node in nodes}
        self.case, self.out, self.on_bypass = case, set(out), set(bypassed)
        self.selected, self.stuck, self.shares = selected or {}, set(stuck), shares or {}
        normally = {node.id for node in nodes if node.normally == "closed"}
        self.closed = normally if closed is None else set(closed)
        self._energised: dict[str, bool] = {}
        self._gives: dict[str, float] = {}

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
            return bool(self.joined(node.between[0]))
        if node.kind == "ups":
            on_input = name not in self.on_bypass and self.energised(node.fed_by[0])
            return on_input or self.runs_on_bypass(name)
        return bool(self.feeding(name))

    def own_live(self, bus: str) -> list[str]:
        """Feeders of a bus itself that have supply, if it is there at all."""
        here = [] if bus in self.out else self.nodes[bus].fed_by
        return [feeder for feeder in here if self.energised(feeder)]

    def joined(self, bus: str) -> str:
        """The other bus, if the two are one now."""
        for tie in self.nodes.values():
            if tie.kind != "tie" or bus not in tie.between or tie.id in self.out:
                continue
            other = tie.between[tie.between[0] == bus]
            if self.out & {bus, other}:
                continue
            dead = sum(not self.own_live(side) for side in tie.between)
            closes = tie.auto and tie.id not in self.stuck and dead == 1
            if (tie.id in self.closed or closes) and dead < 2:
                return other
        return ""

    def crossing(self, tie: str) -> float:
        """What flows from one bus to the other: what one takes beyond what its feeders bring."""
        here, there = self.nodes[tie].between
        if self.joined(here) != there:
            return 0.0
        brought = self._brought(here)
        return abs(brought - self.gives(here) / self.nodes[here].efficiency)

    def _brought(self, bus: str) -> float:
        """What the own feeders of a joined bus bring to both."""
        other = self.joined(bus)
        takes = sum(self.gives(b) / self.nodes[b].efficiency for b in (bus, other))
        mine, theirs = (sum(map(self.could_carry, self.own_live(b))) for b in (bus, other))
        return takes * mine / (mine + theirs)

    def carries(self, name: str) -> float:
        if self.nodes[name].kind == "tie":
            return self.crossing(name)
        if self.nodes[name].kind == "bus" and self.joined(name):
            return max(self.gives(name), self._brought(name))
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
        if node.kind == "bus" and self.joined(name):
            return [*self.own_live(name), *self.own_live(self.joined(name))]
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
        """Modules of one bus, and of a bus that one of them shares."""
        found, fresh = {name}, [name]
        buses = [set(n.fed_by) for n in self.nodes.values() if n.kind == "bus"]
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
        if node.kind == "ups" and self.case == "mains_lost":
            default = 0.1 * (node.limit_kw or 0.0)
            takes += default if node.recharge_kw is None else node.recharge_kw
        total = sum(self.could_carry(other) for other in self.feeding(name))
        times = self.feeding(name).count(feeder)  # two, of one that feeds both buses of a tie
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
