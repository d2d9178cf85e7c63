"""A site file's plant judged on healthy readings made by hand: a state of every device."""

from __future__ import annotations

from dataclasses import replace

from core.redundancy.report import RedundancyModel
from core.site import Site
from core.snapshot import GroupStatus, WhatIf
from tests.support.conditions import NOW, Reading, status, view

STATES: dict[str, dict[str, str | float]] = {
    "utility": {"mains.state": "normal", "breaker.position": "closed"},
    "genset": {"engine.state": "stopped", "control.mode": "auto", "fuel.level": 0.9},
    "ats": {"position": "preferred", "control.mode": "auto"},
    "sts": {"position": "preferred", "sync.state": "in_sync"},
    "ups": {"mode": "online", "battery.state": "floating", "battery.runtime": 900.0},
    "transformer": {"breaker.position": "closed"},
}
"""What a device that stands for a node of this kind says when nothing is wrong."""


class Healthy:
    """One site with every device in order, and the model that judges it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.model = RedundancyModel(site)
        self.points: dict[str, str | float] = {
            f"{node.device}/{name}": value
            for node in site.power
            if node.device
            for name, value in STATES.get(node.kind, {}).items()
        }
        self.points |= {tank.level: 0.9 for tank in site.fuel.tanks}
        self.devices = {device.id: status(device.id) for device in site.devices}

    def report(self):
        return self.model.evaluate(self._view(), self.devices, NOW)

    def what_if(self, out: str = "", **more) -> WhatIf:
        return self.model.what_if(self._view(), self.devices, NOW, out=out.split(), **more)

    def _view(self):
        return view(*(Reading(point, value) for point, value in self.points.items()))


def with_demand(site: Site, kw: float) -> Site:
    """The same site with every load at so many kW."""
    return replace(
        site,
        power=tuple(replace(n, demand_kw=kw) if n.kind == "load" else n for n in site.power),
    )


def group(answer, name: str) -> GroupStatus:
    """One group of an answer or a report."""
    return next(group for group in answer.groups if group.id == name)
