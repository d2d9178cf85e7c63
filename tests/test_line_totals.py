"""Totals that a device leaves to its reader."""

from __future__ import annotations

import numpy as np
import pytest

from core.points import Point, parse_name
from core.quality import Quality
from core.readings import Batch
from core.table import PointTable
from core.totals import LineTotals, missing

LINES = [parse_name(f"output.active_power.{line}") for line in ("l1", "l2", "l3")]
TOTAL = parse_name("output.active_power")


class Device:
    """One device in a point table, its totals added up as the agent does."""

    def __init__(self, names=LINES):
        self.table, self.totals = PointTable(), LineTotals()
        self.rows = self.table.register([Point("ups", name) for name in names])
        found = missing(names)
        of = self.table.register([Point("ups", name) for name in found])
        lines = (self.rows[list(at)] for at in found.values())
        self.totals.put("ups", zip(of.tolist(), lines, strict=True))
        self.table.expect(self.rows, 5.0)
        self.table.expect(self.totals.made_of(self.rows), 5.0)

    def tell(self, time, values, quality=None):
        codes = np.array(quality or [Quality.GOOD] * len(values), dtype=np.uint8)
        zeros = np.zeros(len(values), dtype=np.uint8)
        rows = self.rows[: len(values)]
        self.table.update(Batch.of(time, rows, np.array(values, dtype=float), codes, zeros))
        batch = self.totals.batch(self.table.view(time))
        if batch is not None:
            self.table.update(batch)
        return batch

    def total(self, now):
        view = self.table.view(now)
        row = view.row["ups/output.active_power"]
        return view.value[row], Quality(int(view.quality[row]))


def test_lines_without_a_total_are_added_up():
    ups = Device()
    assert ups.tell(100.0, [1000, 2000, 3500]).time.tolist() == [100.0]
    assert ups.total(100.0) == (6500.0, Quality.GOOD)


def test_a_total_that_the_device_tells_stands():
    assert missing([*LINES, TOTAL]) == {}


def test_a_single_phase_device_has_one_line():
    assert missing(LINES[:1]) == {TOTAL: (0,)}


@pytest.mark.parametrize("name", ["output.voltage.l1", "outlet.active_power.1", "output.load.l1"])
def test_what_does_not_add_up_is_left_alone(name):
    assert missing([parse_name(name)]) == {}


def test_nothing_is_told_twice_and_nothing_before_every_line_was_read():
    ups = Device()
    assert ups.tell(100.0, [1000, 2000]) is None
    assert ups.tell(105.0, [1000, 2000, 3500]) is not None
    assert ups.totals.batch(ups.table.view(106.0)) is None


def test_a_total_is_as_good_as_its_worst_line():
    ups = Device()
    ups.tell(100.0, [1000, 2000, 3500], [Quality.GOOD, Quality.ESTIMATED, Quality.GOOD])
    assert ups.total(100.0) == (6500.0, Quality.ESTIMATED)
    ups.tell(105.0, [1000, np.nan, 3500], [Quality.GOOD, Quality.OUT_OF_RANGE, Quality.GOOD])
    value, quality = ups.total(105.0)
    assert np.isnan(value)
    assert quality is Quality.OUT_OF_RANGE


def test_the_total_of_a_silent_device_goes_with_its_lines():
    ups = Device()
    ups.tell(100.0, [1000, 2000, 3500])
    assert ups.total(113.0)[1] is Quality.HELD
    assert ups.total(121.0)[1] is Quality.NO_ANSWER


def test_a_device_that_comes_back_with_a_total_is_no_longer_added_up():
    ups = Device()
    ups.totals.put("ups", ())
    assert ups.tell(100.0, [1000, 2000, 3500]) is None
