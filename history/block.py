"""Blocks: the readings of about one second, as they lie in the journal.

Owns the byte format and nothing else: no file, no clock, no point names. A block holds the answers
of many devices. One time stamp serves a whole answer, because one per reading would be larger than
the values.

Format, version 1, little endian: `version` u8, three zero bytes, CRC-32 of all that follows,
`answers` u32, `readings` u32, `index_bytes` u32, then two packed pieces:

    index    LZ4: time_ms i64 x answers, count u32 x answers, series i32 x readings as differences
    values   Zstandard: value f64 x readings, quality u8 x readings

The two are apart so that a query for one point can leave most values packed; it opens the index of
every block, and LZ4 needs no context to be made for it. Both were chosen by measuring
(docs/history.md) and come with pyarrow, so they cost no further dependency.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.errors import InvariantError, SinkError
from core.readings import Batch, Bytes, Floats, Indices

Times: TypeAlias = npt.NDArray[np.int64]
Counts: TypeAlias = npt.NDArray[np.uint32]
Positions: TypeAlias = npt.NDArray[np.intp]

VERSION = 1
HOUR_MS = 3_600_000

_HEAD = struct.Struct("<BxxxI")
_SIZES = struct.Struct("<III")
_PIECES_AT = _HEAD.size + _SIZES.size
_INDEX_CODEC = "lz4_raw"
_VALUES_CODEC = "zstd"
_VALUES_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings one by one: four arrays of one length.

    `key` says which point: a series id, or the place of the point in the list that was asked for.
    """

    key: Indices
    time_ms: Times
    value: Floats
    quality: Bytes

    def where(self, chosen: Positions | slice) -> Columns:
        """The readings at these positions, in that order."""
        return Columns(
            self.key[chosen], self.time_ms[chosen], self.value[chosen], self.quality[chosen]
        )

    @staticmethod
    def joined(pieces: Sequence[Columns]) -> Columns:
        """All pieces one after the other."""
        if len(pieces) == 1:
            return pieces[0]
        return Columns(
            np.concatenate([p.key for p in pieces] or [np.empty(0, np.int32)]),
            np.concatenate([p.time_ms for p in pieces] or [np.empty(0, np.int64)]),
            np.concatenate([p.value for p in pieces] or [np.empty(0)]),
            np.concatenate([p.quality for p in pieces] or [np.empty(0, np.uint8)]),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Answers of many devices: answer `k` came at `time_ms[k]` and has the next `count[k]` readings
    of `series`, `value` and `quality`."""

    time_ms: Times
    count: Counts
    series: Indices
    value: Floats
    quality: Bytes

    @property
    def hour(self) -> int:
        """UTC hours since 1970 of the first answer; all answers of a block lie in one hour."""
        return int(self.time_ms[0]) // HOUR_MS

    def where(self, chosen: npt.NDArray[np.bool_]) -> Block:
        """The chosen ones of its answers."""
        readings = np.repeat(chosen, self.count)
        return Block(
            self.time_ms[chosen],
            self.count[chosen],
            self.series[readings],
            self.value[readings],
            self.quality[readings],
        )


def blocks_of(batches: Sequence[Batch], series_of_row: Indices, readings_max: int) -> list[Block]:
    """Blocks of these batches, one UTC hour each and about `readings_max` readings at most.

    `series_of_row` gives the series id of each row of the point table, -1 where it has none. Hours
    come in ascending order. Raises InvariantError for a reading whose row was never defined.
    """
    if not batches:
        return []
    series = series_of_row[np.concatenate([batch.index for batch in batches])]
    if len(series) and series.min() < 0:
        raise InvariantError("a reading came for a row of the point table that was never defined")
    everything = Block(
        np.rint(np.concatenate([batch.time for batch in batches]) * 1000).astype(np.int64),
        np.concatenate([batch.count for batch in batches]).astype(np.uint32),
        series,
        # The bytes say nothing about their types: whole numbers must not slip in as such.
        np.concatenate([batch.value for batch in batches], dtype=np.float64),
        np.concatenate([batch.quality for batch in batches], dtype=np.uint8),
    )
    hours = everything.time_ms // HOUR_MS
    if (hours == hours[0]).all():
        return _pieces(everything, readings_max)
    return [
        piece
        for hour in np.unique(hours)
        for piece in _pieces(everything.where(hours == hour), readings_max)
    ]


def _pieces(block: Block, readings_max: int) -> list[Block]:
    """Halve until the pieces are small enough: only after a stall are there several."""
    answers = len(block.count)
    if len(block.series) <= readings_max or answers < 2:
        return [block]
    first = np.arange(answers) < answers // 2
    return [piece for half in (first, ~first) for piece in _pieces(block.where(half), readings_max)]


def encode(block: Block) -> bytes:
    """The block as bytes."""
    steps = np.diff(block.series, prepend=np.int32(0))
    index: bytes = pa.Codec(_INDEX_CODEC).compress(
        block.time_ms.tobytes() + block.count.tobytes() + steps.tobytes(), asbytes=True
    )
    values: bytes = pa.Codec(_VALUES_CODEC, _VALUES_LEVEL).compress(
        block.value.tobytes() + block.quality.tobytes(), asbytes=True
    )
    rest = _SIZES.pack(len(block.count), len(block.series), len(index)) + index + values
    return _HEAD.pack(VERSION, zlib.crc32(rest)) + rest


def decode(blob: bytes) -> Block:
    """The block back. Raises SinkError when the bytes are damaged or of a newer format."""
    packed = _open(blob)
    time_ms, count, series = packed.index()
    value, quality = packed.values()
    return Block(time_ms, count, series, value, quality)


def pick(blob: bytes, series: Indices) -> Columns | None:
    """The readings of these series (ascending ids); `key` is the place in `series`.

    None where the block has none of them: then the values were not unpacked at all. Raises
    SinkError when the bytes are damaged or of a newer format.
    """
    packed = _open(blob)
    time_ms, count, present = packed.index()
    if len(series) == 1:
        (hits,) = (present == series[0]).nonzero()
        key = np.zeros(len(hits), dtype=np.int32)
    else:
        place = np.searchsorted(series, present)
        place[place == len(series)] = 0
        hits = np.flatnonzero(series[place] == present) if len(series) else place[:0]
        key = place[hits].astype(np.int32)
    if not len(hits):
        return None
    answer = np.searchsorted(np.cumsum(count), hits, side="right")
    value, quality = packed.values()
    return Columns(key, time_ms[answer], value[hits], quality[hits])


@dataclass(frozen=True, slots=True)
class _Packed:
    """A blob whose head was read and whose checksum is right."""

    blob: bytes
    answers: int
    readings: int
    index_bytes: int

    def index(self) -> tuple[Times, Counts, Indices]:
        a, r = self.answers, self.readings
        packed = self.blob[_PIECES_AT : _PIECES_AT + self.index_bytes]
        data = pa.Codec(_INDEX_CODEC).decompress(packed, 12 * a + 4 * r, asbytes=True)
        return (
            np.frombuffer(data, np.int64, a),
            np.frombuffer(data, np.uint32, a, 8 * a),
            np.frombuffer(data, np.int32, r, 12 * a).cumsum(dtype=np.int32),
        )

    def values(self) -> tuple[Floats, Bytes]:
        r = self.readings
        packed = self.blob[_PIECES_AT + self.index_bytes :]
        data = pa.Codec(_VALUES_CODEC).decompress(packed, 9 * r, asbytes=True)
        return np.frombuffer(data, np.float64, r), np.frombuffer(data, np.uint8, r, 8 * r)


def _open(blob: bytes) -> _Packed:
    if len(blob) < _PIECES_AT:
        raise SinkError("a block of the journal is cut short")
    version, crc = _HEAD.unpack_from(blob)
    if version != VERSION:
        raise SinkError(
            f"a block of the journal has format {version}, this Kasbah reads format {VERSION}: "
            "start the version that wrote it"
        )
    if zlib.crc32(memoryview(blob)[_HEAD.size :]) != crc:
        raise SinkError("a block of the journal is damaged (its checksum is wrong)")
    return _Packed(blob, *_SIZES.unpack_from(blob, _HEAD.size))
