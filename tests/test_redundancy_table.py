"""From the real point table to the verdict: fresh, held, lost, and back."""

from __future__ import annotations

import numpy as np
import pytest

from core.points import parse_point
from core.quality import Quality
from core.readings import Batch
from core.redundancy.report import RedundancyModel
from core.site import Device, Group, Poll, Site
from core.table import PointTable
from tests.support.conditions import NOW, status
from tests.support.power import node

INTERVAL_S = 5.0
POINTS = {
    "mode": "online",
    "battery.state": "floating",
    "battery.runtime": 900.0,
    "output.active_power": 50e3,
}


class Watched:
    """Two UPS modules of which one is needed; each is a device that may fall silent."""

    def __init__(self) -> None:
        nodes = (
            node("utility", "utility", kw=500),
            node("gen", "genset", kw=500),
            node("ats", "ats", "utility gen", 500),
            node("ups-1", "ups", "ats", 150, device="ups-1"),
            node("ups-2", "ups", "ats", 150, device="ups-2"),
            node("board", "bus", "ups-1 ups-2"),
            node("row", "load", "board", 100),
        )
        ids = ("ups-1", "ups-2")
        devices = tuple(Device(i, "ups", "", "", poll=Poll(interval_s=INTERVAL_S)) for i in ids)
        groups = (Group("modules", "N+R", ids),)
        self.model = RedundancyModel(Site("s", "", "UTC", devices, nodes, groups))
        self.table = PointTable()
        self.devices = {i: status(i, tried=False, up=False, last=None) for i in ids}

    def answers(self, device, now, **changes):
        """A poll of one device."""
        points = [parse_point(f"{device}/{name}") for name in POINTS]
        rows = self.table.register(points)
        self.table.expect(rows, INTERVAL_S)
        told = POINTS | changes
        value = [
            told[str(p.name)] if p.name.axis is None else p.name.axis.code(told[str(p.name)])
            for p in points
        ]
        quality = np.full(len(rows), Quality.GOOD, dtype=np.uint8)
        severity = np.zeros(len(rows), dtype=np.uint8)
        self.table.update(Batch.of(now, rows, np.array(value, dtype=float), quality, severity))
        self.devices[device] = status(device, last=now)

    def both_answer(self, now):
        self.answers("ups-1", now)
        self.answers("ups-2", now)

    def fails(self, device):
        last = self.devices[device].last_success
        self.devices[device] = status(device, up=False, last=last, failures=2)

    def group(self, now):
        return self.model.evaluate(self.table.view(now), self.devices, now).groups[0]

    def ask(self, now, out=()):
        return self.model.what_if(self.table.view(now), self.devices, now, out=out)


def test_nothing_is_known_before_the_first_answer():
    plant = Watched()
    assert plant.group(NOW).status == -1
    assert plant.ask(NOW).verdict == "unknown"


def test_a_silent_device_is_held_then_lost_and_doubted_at_once_where_somebody_asks():
    plant = Watched()
    plant.both_answer(NOW)
    assert plant.group(NOW).status == 3
    assert plant.ask(NOW).verdict == "safe"
    plant.fails("ups-1")
    for after_s, spare in ((1, 1), (14, 1), (16, 0), (100, 0)):
        plant.answers("ups-2", NOW + after_s)
        assert plant.group(NOW + after_s).spare == spare, after_s
        assert plant.ask(NOW + after_s).verdict == "reduced"
        assert plant.ask(NOW + after_s, out=["ups-2"]).verdict == "unknown"
    plant.both_answer(NOW + 101)
    assert plant.group(NOW + 101).status == 3
    assert plant.ask(NOW + 101).verdict == "safe"


def test_a_poll_that_hangs_makes_its_values_held_and_is_doubted_too():
    """The device counts as up, but nothing has come for three intervals."""
    plant = Watched()
    plant.both_answer(NOW)
    plant.group(NOW)
    plant.answers("ups-2", NOW + 13)
    assert plant.table.view(NOW + 13).quality[0] == Quality.HELD
    assert plant.group(NOW + 13).status == 3
    assert plant.ask(NOW + 13).verdict == "reduced"
    plant.answers("ups-2", NOW + 21)
    assert plant.table.view(NOW + 21).quality[0] == Quality.NO_ANSWER
    assert plant.group(NOW + 21).status == 1


@pytest.mark.parametrize(("back", "verdict"), [(["ups-1"], "reduced"), ([], "unknown")])
def test_what_is_said_to_be_back_counts_though_its_device_says_nothing(back, verdict):
    plant = Watched()
    plant.both_answer(NOW)
    plant.fails("ups-1")
    plant.answers("ups-2", NOW + 60)
    view = plant.table.view(NOW + 60)
    answer = plant.model.what_if(view, plant.devices, NOW + 60, out=["ups-2"], back=back)
    assert answer.verdict == verdict
    assert ("ups-1" in answer.cases["as_is"].unknown) == (not back)
