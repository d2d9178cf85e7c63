"""Small plants for tests of the power graph: a node a line, device states by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.cooling.checks import problems as cooling_problems
from core.redundancy.graph import problems
from core.redundancy.report import RedundancyModel
from core.site import Cooling, Device, Group, Node, Poll, Site
from core.snapshot import WhatIf
from tests.support.conditions import NOW, Reading, status, view

EFFICIENCY = {"ups": 0.95, "transformer": 0.985}
"""What the site file fills in."""

NO_COOLING = Cooling()


def node(name: str, kind: str, fed_by: str = "", kw: float | None = None, **more) -> Node:
    """One node; `fed_by` with blanks. For a load `kw` is its demand, else its capacity."""
    more.setdefault("efficiency", EFFICIENCY.get(kind, 1.0))
    figure = {"demand_kw": kw} if kind == "load" else {"capacity_kw": kw}
    if more.get("demand"):
        figure = {}
    return Node(name, kind, tuple(fed_by.split()), **(figure | more))


class Plant:
    """A site of power nodes, its devices as last seen, and the model that judges them."""

    def __init__(
        self,
        nodes: Sequence[Node],
        groups: Sequence[Group] = (),
        cooling: Cooling = NO_COOLING,
        **model,
    ) -> None:
        assert problems(nodes, groups) == []
        assert cooling_problems(cooling, nodes, groups) == []
        ids = {n.device for n in nodes if n.device} | {u.device for u in cooling.units if u.device}
        points = [point for n in nodes for point in n.demand]
        points += [point for zone in cooling.zones for point in (*zone.heat, *zone.inlet)]
        ids |= {point.partition("/")[0] for point in points}
        self.site = Site(
            id="plant",
            name="Plant",
            timezone="UTC",
            devices=tuple(
                Device(name, "other", "any", f"snmp://{name}", poll=Poll(interval_s=5.0))
                for name in sorted(ids)
            ),
            power=tuple(nodes),
            groups=tuple(groups),
            cooling=cooling,
        )
        self.model = RedundancyModel(self.site, **model)
        self.readings: dict[str, Reading] = {}
        self.devices = {name: status(name) for name in ids}
        self.now = NOW

    def at(self, points: dict[str, str | float]) -> Plant:
        """Point values by id."""
        for point, value in points.items():
            self.readings[point] = Reading(point, value, time=self.now)
        return self

    def change(self, point: str, **fields) -> Plant:
        """Quality or severity of one point."""
        self.readings[point] = replace(self.readings[point], **fields)
        return self

    def silent(self, device: str, *, last: float) -> Plant:
        """A device that has not answered since `last`."""
        self.devices[device] = status(device, up=False, last=last, failures=3)
        return self

    def report(self, after_s: float = 0.0):
        self.now += after_s
        return self.model.evaluate(view(*self.readings.values()), self.devices, self.now)

    def supply(self):
        return self.supply_and_why()[0]

    def supply_and_why(self):
        return self.model.supply(view(*self.readings.values()), self.devices, self.now)

    def what_if(self, out: str = "", back: str = "", **more) -> WhatIf:
        return self.model.what_if(
            view(*self.readings.values()),
            self.devices,
            self.now,
            out=out.split(),
            back=back.split(),
            **more,
        )


def two_sides(**changes) -> list[Node]:
    """A 2N plant: two utilities, three generators of which two are needed, UPS systems A and B of
    two modules each, two rows on both sides."""
    kw = {"genset": 500, "ats": 1200, "module": 300, "pdu": 400, "row": 200} | changes
    nodes = [node("utility-a", "utility", kw=2000), node("utility-b", "utility", kw=2000)]
    nodes += [node(f"gen-{n}", "genset", kw=kw["genset"]) for n in (1, 2, 3)]
    nodes.append(node("gen-bus", "bus", "gen-1 gen-2 gen-3"))
    for side in "ab":
        nodes.append(node(f"ats-{side}", "ats", f"utility-{side} gen-bus", kw["ats"]))
        nodes += [node(f"ups-{side}{n}", "ups", f"ats-{side}", kw["module"]) for n in (1, 2)]
        nodes.append(node(f"ups-{side}", "bus", f"ups-{side}1 ups-{side}2"))
        nodes += [node(f"pdu-{n}{side}", "pdu", f"ups-{side}", kw["pdu"]) for n in (1, 2)]
    nodes += [node(f"row-{n}", "load", f"pdu-{n}a pdu-{n}b", kw["row"]) for n in (1, 2)]
    return nodes


GROUPS = (
    Group("gensets", "N+R", ("gen-1", "gen-2", "gen-3")),
    Group("ups-a-modules", "N+R", ("ups-a1", "ups-a2")),
    Group("ups-b-modules", "N+R", ("ups-b1", "ups-b2")),
    Group("sides", "2N", ("ups-a", "ups-b")),
)
"""The groups of `two_sides`."""
