"""Blocks of the journal: what goes in comes out, and damage is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvariantError, SinkError
from core.readings import Batch
from history.block import HOUR_MS, Block, blocks_of, decode, encode, pick

SERIES = np.arange(100, 164, dtype=np.int32)

readings = st.lists(
    st.tuples(st.integers(0, 63), st.floats(), st.integers(0, 255)),
    min_size=0,
    max_size=20,
    unique_by=lambda reading: reading[0],
)
batches = st.lists(st.tuples(st.floats(1.7e9, 1.7e9 + 4 * 3600), readings), min_size=1, max_size=12)


def batch(time: float, of: list[tuple[int, float, int]]) -> Batch:
    index, value, quality = (list(column) for column in zip(*of, strict=True)) if of else ([],) * 3
    bytes_ = np.array(quality, dtype=np.uint8)
    return Batch.of(time, np.array(index, np.int32), np.array(value, float), bytes_, bytes_)


def same(one: Block, other: Block) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "value")
        for name in ("time_ms", "count", "series", "value", "quality")
    )


@given(batches)
def test_blocks_hold_every_reading_under_its_hour(given_batches):
    made = blocks_of([batch(time, of) for time, of in given_batches], SERIES, 1000)

    assert [block.hour for block in made] == sorted(
        {round(t * 1000) // HOUR_MS for t, _ in given_batches}
    )
    kept = sorted(
        (int(time_ms), int(series), value.tobytes(), int(quality))
        for block in made
        for time_ms, series, value, quality in zip(
            np.repeat(block.time_ms, block.count),
            block.series,
            block.value,
            block.quality,
            strict=True,
        )
    )
    expected = sorted(
        (round(time * 1000), 100 + row, np.float64(value).tobytes(), quality)
        for time, of in given_batches
        for row, value, quality in of
    )
    assert kept == expected
    for block in made:
        assert same(decode(encode(block)), block)


@given(batches, st.sets(st.integers(90, 170), min_size=1, max_size=9))
def test_picking_some_series_equals_filtering_all_of_them(given_batches, wanted):
    series = np.array(sorted(wanted), dtype=np.int32)
    for block in blocks_of([batch(time, of) for time, of in given_batches], SERIES, 1000):
        picked = pick(encode(block), series)
        hits = np.isin(block.series, series)
        if not hits.any():
            assert picked is None
            continue
        assert np.array_equal(series[picked.key], block.series[hits])
        assert np.array_equal(picked.time_ms, np.repeat(block.time_ms, block.count)[hits])
        assert np.array_equal(picked.value, block.value[hits], equal_nan=True)
        assert np.array_equal(picked.quality, block.quality[hits])


def test_a_large_flush_becomes_several_blocks_in_order():
    many = [batch(1.7e9 + k, [(k % 64, float(k), 0)]) for k in range(100)]

    made = blocks_of(many, SERIES, 30)

    assert [len(block.series) for block in made] == [25, 25, 25, 25]
    assert np.concatenate([block.value for block in made]).tolist() == list(range(100))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(at, change):
    blob = bytearray(encode(blocks_of([batch(1.7e9, [(1, 2.5, 0), (2, 3.5, 0)])], SERIES, 10)[0]))
    blob[at % len(blob)] ^= change
    if 1 <= at % len(blob) <= 3:
        return  # padding
    with pytest.raises(SinkError):
        decode(bytes(blob))


def test_a_block_cut_short_is_noticed():
    with pytest.raises(SinkError, match="cut short"):
        decode(b"\x01\x00")


def test_a_block_of_a_newer_format_says_so():
    blob = bytearray(encode(blocks_of([batch(1.7e9, [(1, 2.5, 0)])], SERIES, 10)[0]))
    blob[0] = 9
    with pytest.raises(SinkError, match="format 9"):
        decode(bytes(blob))


def test_a_reading_of_an_undefined_row_is_our_bug():
    with pytest.raises(InvariantError, match="never defined"):
        blocks_of([batch(1.7e9, [(0, 1.0, 0)])], np.full(64, -1, np.int32), 10)


def test_an_answer_of_whole_numbers_is_kept_as_floats():
    states = Batch.of(1.7e9, SERIES[:2] - 100, np.array([3, 1]), np.zeros(2, np.uint8), None)
    (made,) = blocks_of([states], SERIES, 10)
    assert decode(encode(made)).value.tolist() == [3.0, 1.0]
