"""The point table: rows stay, old values are held and then lost, bad values are NaN."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InvariantError
from core.points import parse_point
from core.quality import Level, Quality
from core.readings import Batch
from core.table import LOST_AFTER_S_MIN, PointTable


def batch(rows, values, time=1000.0, quality=Quality.GOOD):
    n = len(rows)
    return Batch.of(
        time,
        np.array(rows, dtype=np.int32),
        np.array(values, dtype=np.float64),
        np.full(n, quality, dtype=np.uint8),
        np.zeros(n, dtype=np.uint8),
    )


def table(*names: str) -> PointTable:
    made = PointTable()
    made.register([parse_point(f"d/{name}") for name in names])
    return made


def test_a_point_keeps_its_row_when_it_is_registered_again():
    made = table("output.active_power")
    rows = made.register([parse_point("d/mode"), parse_point("d/output.active_power")])
    assert rows.tolist() == [1, 0]
    assert len(made) == 2


def test_a_point_that_was_never_polled_is_bad_and_waiting():
    view = table("mode").view(1000.0)
    assert view.quality[0] == Quality.WAITING
    assert np.isnan(view.value[0])


def test_a_fresh_value_is_good_an_old_one_held_a_lost_one_has_no_number():
    made = table("output.active_power")
    made.expect(np.array([0], dtype=np.int32), 5.0)
    made.update(batch([0], [42.0]))
    assert made.view(1010.0).quality[0] == Quality.GOOD
    held = made.view(1000.0 + 2.5 * 5 + 0.1)
    assert held.quality[0] == Quality.HELD
    assert held.value[0] == 42.0
    lost = made.view(1000.0 + 4 * 5 + 0.1)
    assert lost.quality[0] == Quality.NO_ANSWER
    assert np.isnan(lost.value[0])


def test_a_fast_point_rides_through_one_time_out():
    made = table("mode")
    made.expect(np.array([0], dtype=np.int32), 1.0)
    made.update(batch([0], [1.0]))
    assert Quality(made.view(1000.0 + LOST_AFTER_S_MIN - 0.1).quality[0]).level is Level.UNCERTAIN


def test_held_never_improves_a_bad_quality():
    made = table("mode")
    made.expect(np.array([0], dtype=np.int32), 5.0)
    made.update(batch([0], [np.nan], quality=Quality.NOT_IMPLEMENTED))
    assert made.view(5000.0).quality[0] == Quality.NOT_IMPLEMENTED


def test_a_view_does_not_change_when_the_table_does():
    made = table("output.active_power")
    made.update(batch([0], [1.0]))
    view = made.view(1000.0)
    made.update(batch([0], [2.0]))
    assert view.value[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        view.value[0] = 3.0


def test_a_batch_of_rows_that_do_not_exist_is_our_bug():
    with pytest.raises(InvariantError):
        table("mode").update(batch([7], [1.0]))


def test_the_table_grows_and_keeps_what_it_has():
    made = PointTable()
    made.register([parse_point(f"d{i}/mode") for i in range(1000)])
    made.update(batch([999], [3.0]))
    made.register([parse_point(f"e{i}/mode") for i in range(3000)])
    view = made.view(1000.0)
    assert len(view.points) == 4000
    assert view.value[999] == 3.0
    assert view.quality[3999] == Quality.WAITING
    assert view.row["e2999/mode"] == 3999
