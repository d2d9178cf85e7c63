"""Values in registers: how numbers and texts lie in the bytes that a read gives. Pure.

Owns the types a profile may name and the order of words. Must not know scales, points or
sentinels: a value leaves here as the device sent it. Bytes inside a register are big-endian (MODBUS
Application Protocol V1.1b3, section 4.2); the order of registers is the maker's choice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.errors import InvariantError, Malformed

WordOrder = Literal["big", "little"]
Raw = int | float | str

FORMATS = {
    "u16": "H",
    "s16": "h",
    "u32": "I",
    "s32": "i",
    "u64": "Q",
    "s64": "q",
    "f32": "f",
    "f64": "d",
}
"""Numbers by name, as the `struct` module writes them big-endian."""

_STRUCTS = {name: struct.Struct(">" + letter) for name, letter in FORMATS.items()}


def width(kind: str, count: int = 1) -> int:
    """Registers that one value takes; for a `string` that is its `count`.

    Raises InvariantError for a type that does not exist: profiles are checked before.
    """
    if kind == "string":
        return count
    if kind == "bit":
        return 1
    return _struct(kind).size // 2


def decode(
    data: bytes, at: int, kind: str, *, word_order: WordOrder = "big", count: int = 1
) -> Raw:
    """The value that begins `at` registers into `data`; of a `bit`, `at` bits into packed bits.

    A `string` has `count` registers; it ends at the first NUL, spaces at its end go. Raises
    Malformed when the data end before the value does.
    """
    if kind == "bit":
        return decode_bit(data, at)
    size = 2 * width(kind, count)
    piece = data[2 * at : 2 * at + size]
    if len(piece) < size or at < 0:
        raise Malformed(f"{len(data) // 2} registers do not hold a {kind} at {at}")
    if kind == "string":
        return piece.partition(b"\0")[0].decode("utf-8", "replace").rstrip()
    if word_order == "little":
        piece = _turned(piece)
    value: int | float = _struct(kind).unpack(piece)[0]
    return value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies in what a read gives: see `decode`."""

    at: int
    kind: str
    word_order: WordOrder = "big"
    count: int = 1


def reader(places: Sequence[Place]) -> Callable[[bytes], list[Raw]]:
    """A function that decodes all these values of one read at once, in the order given.

    It gives what `decode` gives for each, ten times faster where the values are numbers that do
    not overlap: one `struct` takes them all. Raises Malformed when the data end too early.
    """
    easy: list[tuple[int, int]] = []  # (register, place) of what one struct can take
    layout, end = ">", 0
    for at, number in sorted((place.at, number) for number, place in enumerate(places)):
        place = places[number]
        narrow = place.kind in {"u16", "s16"}
        if place.kind in FORMATS and at >= end and (place.word_order == "big" or narrow):
            layout += f"{2 * (at - end)}x{FORMATS[place.kind]}"
            end = at + width(place.kind)
            easy.append((at, number))
    order = [number for _, number in easy]
    rest = [(number, place) for number, place in enumerate(places) if number not in order]
    simple = order == list(range(len(places)))
    unpack = struct.Struct(layout).unpack_from

    def read(data: bytes) -> list[Raw]:
        try:
            taken = unpack(data)
        except struct.error:
            raise Malformed(f"{len(data) // 2} registers do not hold all that was asked") from None
        if simple:
            return list(taken)
        values: list[Raw] = [0] * len(places)
        for number, value in zip(order, taken, strict=True):
            values[number] = value
        for number, place in rest:
            values[number] = decode(
                data, place.at, place.kind, word_order=place.word_order, count=place.count
            )
        return values

    return read


def decode_bit(data: bytes, at: int) -> int:
    """Bit `at` of packed bits (functions 1 and 2), 0 or 1. Raises Malformed past the end."""
    if not 0 <= at < 8 * len(data):
        raise Malformed(f"{8 * len(data)} bits do not hold bit {at}")
    return data[at >> 3] >> (at & 7) & 1


def encode(value: Raw, kind: str, *, word_order: WordOrder = "big", count: int = 1) -> bytes:
    """A value as a device would hold it: the reverse of `decode`, for the simulator.

    Numbers of integer types are rounded. Raises InvariantError when the value does not fit.
    """
    if kind == "string":
        return str(value).encode()[: 2 * count].ljust(2 * count, b"\0")
    try:
        number = float(value) if kind in {"f32", "f64"} else round(float(value))
        if isinstance(value, int) and kind not in {"f32", "f64"}:
            number = value  # 64 bits do not fit into a float
        piece = _struct(kind).pack(number)
    except (struct.error, OverflowError, ValueError) as error:
        raise InvariantError(f"{value!r} does not fit into a {kind}: {error}") from error
    return _turned(piece) if word_order == "little" else piece


def _turned(piece: bytes) -> bytes:
    """The same registers in the opposite order."""
    return b"".join(piece[i : i + 2] for i in range(len(piece) - 2, -1, -2))


def _struct(kind: str) -> struct.Struct:
    try:
        return _STRUCTS[kind]
    except KeyError:
        raise InvariantError(f"there is no register type '{kind}'") from None
