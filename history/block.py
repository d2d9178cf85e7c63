"""Blocks: the readings of about one second, as they lie in the journal.

Owns the byte format and nothing else: no file, no clock, no point names. A block holds the batches
of many devices. One time stamp serves a whole batch, because one per reading would be larger than
the values.

Format, version 1, little endian: `version` u8, three zero bytes, CRC-32 of all that follows,
`batches` u32, `readings` u32, `index_bytes` u32, then two packed pieces:

    index    LZ4: time_ms i64 x batches, count u32 x batches, series i32 x readings as differences
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
    """Batches of many devices: batch `k` was answered at `time_ms[k]` and has the next `count[k]`
    readings of `series`, `value` and `quality`."""

    time_ms: Times
    count: Counts
    series: Indices
    value: Floats
    quality: Bytes

    @property
    def hour(self) -> int:
        """UTC hours since 1970 of the first batch; all batches of a block lie in one hour."""
        return int(self.time_ms[0]) // HOUR_MS


def blocks_of(batches: Sequence[Batch], series_of_row: Indices, readings_max: int) -> list[Block]:
    """Blocks of these batches, one UTC hour each and about `readings_max` readings at most.

    `series_of_row` gives the series id of each row of the point table, -1 where it has none. Hours
    come in ascending order. Raises InvariantError for a reading whose row was never defined.
    """
    if not batches:
        return []
    time_ms = np.rint(np.array([batch.time for batch in batches]) * 1000).astype(np.int64)
    hours = time_ms // HOUR_MS
    if hours[0] == hours[-1] and (hours == hours[0]).all():
        return _pieces(batches, time_ms, series_of_row, readings_max)
    blocks = []
    for hour in np.unique(hours):
        chosen = np.flatnonzero(hours == hour)
        of_hour = [batches[k] for k in chosen.tolist()]
        blocks += _pieces(of_hour, time_ms[chosen], series_of_row, readings_max)
    return blocks


def _pieces(
    batches: Sequence[Batch], time_ms: Times, series_of_row: Indices, readings_max: int
) -> list[Block]:
    """Halve until the pieces are small enough: only after a stall are there several."""
    count = np.array([len(batch.index) for batch in batches], dtype=np.uint32)
    if count.sum() > readings_max and len(batches) > 1:
        middle = len(batches) // 2
        return [
            *_pieces(batches[:middle], time_ms[:middle], series_of_row, readings_max),
            *_pieces(batches[middle:], time_ms[middle:], series_of_row, readings_max),
        ]
    series = series_of_row[np.concatenate([batch.index for batch in batches])]
    if len(series) and series.min() < 0:
        raise InvariantError("a reading came for a row of the point table that was never defined")
    # The bytes say nothing about their types: an answer of whole numbers must not slip in as such.
    value = np.concatenate([batch.value for batch in batches], dtype=np.float64)
    quality = np.concatenate([batch.quality for batch in batches], dtype=np.uint8)
    return [Block(time_ms, count, series, value, quality)]


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
    batch = np.searchsorted(np.cumsum(count), hits, side="right")
    value, quality = packed.values()
    return Columns(key, time_ms[batch], value[hits], quality[hits])


@dataclass(frozen=True, slots=True)
class _Packed:
    """A blob whose head was read and whose checksum is right."""

    blob: bytes
    batches: int
    readings: int
    index_bytes: int

    def index(self) -> tuple[Times, Counts, Indices]:
        b, r = self.batches, self.readings
        packed = self.blob[_PIECES_AT : _PIECES_AT + self.index_bytes]
        data = pa.Codec(_INDEX_CODEC).decompress(packed, 12 * b + 4 * r, asbytes=True)
        return (
            np.frombuffer(data, np.int64, b),
            np.frombuffer(data, np.uint32, b, 8 * b),
            np.frombuffer(data, np.int32, r, 12 * b).cumsum(dtype=np.int32),
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
