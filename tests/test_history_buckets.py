"""Buckets: equal to what plain Python makes of the same readings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quality import Quality
from history.block import Columns
from history.buckets import bucketed

NUMBER, STATE = "ups-1/output.voltage", "ups-1/mode"

reading = st.tuples(
    st.integers(0, 100_000),
    st.one_of(st.floats(-1e9, 1e9), st.just(math.nan)),
    st.sampled_from([Quality.GOOD, Quality.HELD, Quality.NO_ANSWER, Quality.OUT_OF_RANGE]),
)


def columns(rows) -> Columns:
    times, values, qualities = zip(*rows, strict=True) if rows else ((), (), ())
    return Columns(
        np.zeros(len(rows), np.int32),
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(qualities, np.uint8),
    )


def plain(rows, start, end, buckets) -> dict[int, tuple]:
    """Bucket by number, the slow and obvious way."""
    width = (end - start) / buckets
    found: dict[int, list] = {}
    for time_ms, value, quality in rows:
        if start <= time_ms / 1000 < end:
            number = min(int((time_ms / 1000 - start) / width), buckets - 1)
            found.setdefault(number, []).append((value, quality))
    answer = {}
    for number, held in found.items():
        usable = [v for v, q in held if q < 0x80 and not math.isnan(v)]
        worst = max(q for _, q in held)
        if usable:
            mean = math.fsum(usable) / len(usable)
            answer[number] = (min(usable), mean, max(usable), usable[-1], worst)
        else:
            answer[number] = (math.nan,) * 4 + (worst,)
    return answer


@given(
    st.lists(reading, max_size=60),
    st.floats(0, 60),
    st.floats(0.001, 60),
    st.integers(1, 40),
)
def test_buckets_equal_the_plain_oracle(rows, start, length, buckets):
    rows.sort(key=lambda row: row[0])
    end = start + length
    series = bucketed(NUMBER, columns(rows), start=start, end=end, buckets=buckets)

    expected = plain(rows, start, end, buckets)
    assert len(series.t) == len(expected) <= buckets
    for k, number in enumerate(sorted(expected)):
        low, mean, high, last, worst = expected[number]
        assert series.t[k] == pytest.approx(start + number * (end - start) / buckets)
        assert np.array_equal(
            [series.min[k], series.max[k], series.last[k]], [low, high, last], True
        )
        assert series.mean[k] == pytest.approx(mean, rel=1e-9, abs=1e-6, nan_ok=True)
        assert not series.mean[k] < series.min[k]
        assert not series.mean[k] > series.max[k]
        assert series.quality[k] == worst


def test_empty_buckets_are_left_out():
    series = bucketed(
        NUMBER, columns([(500, 1.0, 0), (9_500, 2.0, 0)]), start=0, end=10, buckets=10
    )
    assert series.t.tolist() == [0.0, 9.0]


def test_bad_readings_show_in_the_quality_only():
    rows = [(100, 5.0, 0), (200, math.nan, Quality.NO_ANSWER), (1_100, math.nan, Quality.NO_ANSWER)]
    series = bucketed(NUMBER, columns(rows), start=0, end=2, buckets=2)
    assert series.min.tolist()[0] == series.mean.tolist()[0] == series.last.tolist()[0] == 5.0
    assert math.isnan(series.last[1])
    assert series.quality.tolist() == [Quality.NO_ANSWER, Quality.NO_ANSWER]


def test_states_have_no_mean_but_their_last_code():
    rows = [(100, 1.0, 0), (200, 3.0, 0), (300, 4.0, 0), (400, 1.0, 0)]
    series = bucketed(STATE, columns(rows), start=0, end=1, buckets=1)
    assert (series.mean[0], series.last[0], series.min[0], series.max[0]) == (1.0, 1.0, 1.0, 4.0)


def test_no_readings_give_an_empty_series():
    series = bucketed(NUMBER, columns([]), start=0, end=10, buckets=10)
    assert [len(series.t), len(series.mean), len(series.quality)] == [0, 0, 0]


@pytest.mark.parametrize(("start", "end", "buckets"), [(5, 5, 10), (6, 5, 10), (0, 1, 0)])
def test_an_impossible_question_is_refused(start, end, buckets):
    with pytest.raises(ValueError, match=r"history ends|at least one"):
        bucketed(NUMBER, columns([]), start=start, end=end, buckets=buckets)


def test_a_name_of_an_older_vocabulary_is_a_number():
    series = bucketed(
        "ups-1/warp_factor", columns([(1, 1.0, 0), (2, 3.0, 0)]), start=0, end=1, buckets=1
    )
    assert series.mean.tolist() == [2.0]
