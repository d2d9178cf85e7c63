"""Line protocol: what InfluxDB is sent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quality import Quality
from history.block import Block
from history.catalog import Catalog
from history.lines import Lines
from tests.support.history import site_of

SITE = site_of(("ups-1", "ups", "hall 1"), ("meter-1", "meter", ""))


def block(*batches: tuple[int, list[tuple[int, float, int]]]) -> Block:
    of = [reading for _, readings in batches for reading in readings]
    return Block(
        np.array([time_ms for time_ms, _ in batches], np.int64),
        np.array([len(readings) for _, readings in batches], np.uint32),
        np.array([series for series, _, _ in of], np.int32),
        np.array([value for _, value, _ in of], np.float64),
        np.array([quality for _, _, quality in of], np.uint8),
    )


def render(names: list[str], *batches) -> list[str]:
    return Lines(SITE, Catalog(enumerate(names, 1))).render(block(*batches))


def test_one_answer_is_one_line_with_class_tags_and_fields():
    lines = render(
        ["ups-1/output.active_power", "ups-1/mode", "ups-1/output.voltage.l1"],
        (1_800_000_000_123, [(1, 1234.5, 0), (2, 3.0, 0), (3, 230.0, Quality.HELD)]),
    )
    assert lines == [
        r"ups,device=ups-1,place=hall\ 1,site=orange-tech "
        "output.active_power=1234.5,mode=3.0,output.voltage.l1=230.0 1800000000123"
    ]


def test_an_empty_place_is_left_out():
    (line,) = render(["meter-1/input.frequency"], (5, [(1, 50.01, 0)]))
    assert line == "meter,device=meter-1,site=orange-tech input.frequency=50.01 5"


def test_bad_readings_are_not_written():
    lines = render(
        ["meter-1/input.frequency", "meter-1/input.voltage.l1"],
        (5, [(1, math.nan, Quality.NO_ANSWER), (2, 230.5, 0)]),
        (6, [(1, math.nan, Quality.NO_ANSWER)]),
        (7, []),
        (8, [(1, 50.0, 0)]),
    )
    assert [line.split(" ")[1:] for line in lines] == [
        ["input.voltage.l1=230.5", "5"],
        ["input.frequency=50.0", "8"],
    ]


def test_a_device_that_left_the_site_file_is_of_class_other():
    (line,) = render(["old-1/mode"], (5, [(1, 1.0, 0)]))
    assert line == "other,device=old-1,site=orange-tech mode=1.0 5"


def test_series_that_came_later_are_known():
    catalog = Catalog([(1, "ups-1/mode")])
    lines = Lines(SITE, catalog)
    assert len(lines.render(block((5, [(1, 1.0, 0)])))) == 1
    assert catalog.id_of("meter-1/input.frequency") == 2
    (line,) = lines.render(block((5, [(2, 50.0, 0)])))
    assert line.startswith("meter,device=meter-1")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e16, "1.0e+16"),
        (1e-5, "1.0e-05"),
        (-2.5e-7, "-2.5e-07"),
        (0.0, "0.0"),
        (1e15, "1000000000000000.0"),
    ],
)
def test_a_float_always_has_a_decimal_point(value, text):
    (line,) = render(["ups-1/mode"], (5, [(1, value, 0)]))
    assert line.split(" ")[-2] == f"mode={text}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_reads_back_as_the_same_float(value):
    (line,) = render(["meter-1/input.frequency"], (5, [(1, value, 0)]))
    text = line.split(" ")[1].removeprefix("input.frequency=")
    assert "." in text
    assert float(text) == value


@pytest.mark.parametrize(
    ("place", "tag"),
    [("a,b=c d", r"a\,b\=c\ d"), ("end\\", r"end\\ "), ("two\nlines", r"two\nlines")],
)
def test_places_are_escaped(place, tag):
    site = site_of(("ups-1", "ups", place))
    (line,) = Lines(site, Catalog([(1, "ups-1/mode")])).render(block((5, [(1, 1.0, 0)])))
    assert line == f"ups,device=ups-1,place={tag},site=orange-tech mode=1.0 5"
