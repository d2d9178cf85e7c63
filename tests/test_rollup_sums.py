"""Roll-ups: nothing that is missing becomes zero, and every group says how much of it is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import parse_point
from core.quality import Level, Quality
from core.rollup import RollUp, Totals
from core.site import Device, Site
from core.snapshot import PointView

GOOD, BAD, HELD = Quality.GOOD, Quality.NO_ANSWER, Quality.HELD


def roll(groups_of_rows, values, qualities, groups=()):
    points = [parse_point(f"d{i}/active_power") for i in range(len(groups_of_rows))]
    of = dict(zip((p.device for p in points), groups_of_rows, strict=True))
    made = RollUp(points, lambda point: of[point.device], groups)
    return made.sum(np.array(values, dtype=float), np.array(qualities, dtype=np.uint8))


def test_points_are_summed_by_group_whatever_their_order():
    sums = roll([("a",), ("b",), ("a",)], [1, 2, 4], [GOOD] * 3)
    assert sums["a"] == (5.0, GOOD, 1.0)
    assert sums["b"] == (2.0, GOOD, 1.0)


def test_a_group_without_points_is_not_zero():
    sums = roll([("b",), ("c",)], [2, 3], [GOOD] * 2, groups=("a", "b", "c", "z"))
    for empty in ("a", "z"):
        total, quality, coverage = sums[empty]
        assert np.isnan(total)
        assert quality.level is Level.BAD
        assert coverage == 0.0
    assert sums["b"][0] == 2.0
    assert sums["c"][0] == 3.0


def test_no_points_at_all_is_no_error():
    sums = roll([], [], [], groups=("a",))
    assert np.isnan(sums["a"][0])


def test_a_missing_value_lowers_coverage_and_never_counts_as_zero_or_nan():
    sums = roll([("a",), ("a",)], [1, np.nan], [GOOD, BAD])
    assert sums["a"] == (1.0, Quality.SUBNORMAL, 0.5)


def test_a_group_whose_points_are_all_missing_has_no_sum():
    total, quality, coverage = roll([("a",), ("a",)], [np.nan, np.nan], [BAD, BAD])["a"]
    assert np.isnan(total)
    assert quality is BAD
    assert coverage == 0.0


def test_a_sum_is_as_good_as_its_worst_part():
    assert roll([("a",), ("a",)], [1, 2], [GOOD, HELD])["a"][1] is HELD


def test_a_point_may_count_in_several_groups_or_none():
    sums = roll([("row", "hall"), ("hall",), ()], [1, 2, 4], [GOOD] * 3)
    assert sums["row"][0] == 1.0
    assert sums["hall"][0] == 3.0


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sets(st.sampled_from("abcde")), st.floats(-1e6, 1e6), st.sampled_from([GOOD, BAD])
        ),
        max_size=40,
    )
)
def test_it_agrees_with_adding_one_by_one(rows):
    values = [np.nan if quality is BAD else value for _, value, quality in rows]
    sums = roll([row[0] for row in rows], values, [row[2] for row in rows], groups="abcde")
    for group in "abcde":
        members = [(value, quality) for groups, value, quality in rows if group in groups]
        usable = [value for value, quality in members if quality is GOOD]
        total, _, coverage = sums[group]
        if usable:
            assert total == pytest.approx(sum(usable), abs=1e-3)
            assert coverage == pytest.approx(len(usable) / len(members))
        else:
            assert np.isnan(total)
            assert coverage == 0.0


def view_of(readings):
    points = tuple(parse_point(name) for name in readings)
    values = np.array(list(readings.values()), dtype=float)
    n = len(points)
    return PointView(
        points,
        values,
        np.zeros(n),
        np.where(np.isnan(values), np.uint8(BAD), np.uint8(GOOD)).astype(np.uint8),
        np.zeros(n, dtype=np.uint8),
        {point.id: row for row, point in enumerate(points)},
    )


SITE = Site(
    "s",
    "",
    "UTC",
    devices=(
        Device("rpp-1", "pdu", "", "", place="row-1"),
        Device("rpp-2", "pdu", "", "", place="row-2"),
        Device("ups-1", "ups", "", "", place="hall-1"),
        Device("loose", "pdu", "", ""),
    ),
    places=(("hall-1", ""), ("row-1", "hall-1"), ("row-2", "hall-1"), ("hall-2", "")),
)


def test_a_place_holds_all_that_is_inside_it_and_only_wholes_of_one_part():
    readings = {
        "rpp-1/input.active_power": 30.0,
        "rpp-1/input.active_power.l1": 10.0,
        "rpp-2/input.active_power": 40.0,
        "ups-1/input.active_power": 80.0,
        "ups-1/output.active_power": 75.0,
        "loose/input.active_power": 1.0,
    }
    totals = Totals(SITE, "active_power", "input")
    places = totals.by_place(view_of(readings))
    assert places["row-1"][0] == 30.0
    assert places["hall-1"][0] == 150.0
    assert np.isnan(places["hall-2"][0])
    classes = totals.by_class(view_of(readings))
    assert classes["pdu"][0] == 71.0
    assert classes["ups"][0] == 80.0


def test_totals_follow_a_table_that_grows():
    totals = Totals(SITE, "active_power", "input")
    first = {"rpp-1/input.active_power": 30.0}
    assert totals.by_place(view_of(first))["hall-1"][0] == 30.0
    grown = first | {"rpp-2/input.active_power": np.nan}
    assert totals.by_place(view_of(grown))["hall-1"] == (30.0, Quality.SUBNORMAL, 0.5)
