"""Values in registers: how numbers and texts lie in the bytes that a read gives. Pure.

Owns the types a profile may name and the order of words. Must not know scales, points or
sentinels: a value leaves here as the device sent it. Bytes inside a register are big-endian (MODBUS
Application Protocol V1.1b3, section 4.2); the order of registers is the maker's choice.
"""

from __future__ import annotations

import struct
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
