"""SunSpec devices: find their models, plan the reads, decode the points. Pure but for `read`.

Owns the chain of models, which registers a set of points needs, and what registers mean by the
types of SunSpec. Must not know Kasbah's points or profiles, nor how registers are fetched:
`walk_models` is handed a function that reads holding registers.

"Not implemented" is a value of its own in each type, and becomes None here. An accumulator (acc16,
acc32, acc64) that is 0 counts as not implemented: the standard defines 0 as "not accumulated", and
inverters in the field give 0 for minutes after they wake, then the true count again. Taken for a
number, that would be a reset each night and a lifetime's energy each morning. The price: a
factory-new inverter has no energy until its first watt-hour. The uint64 energies of models 701 and
714 are not ambiguous: there 0 is 0.

Source: SunSpec Device Information Model Specification V1.1 (model structure, point types, scale
factors, values for unimplemented points) and SunSpec Information Model Specification V1.9.
"""

from __future__ import annotations

import ipaddress
import math
import struct
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from collectors.modbus.codec import MAX_REGISTERS
from collectors.modbus.sunspec_layout import HEADER, FieldLayout, definition, fields
from core.errors import DeviceTimeout, InvariantError, Malformed, Refused, Unidentified

__all__ = [
    "BASES",
    "Decoded",
    "FieldLayout",
    "ModelBlock",
    "Range",
    "assemble",
    "decode",
    "decode_field",
    "definition",
    "fields",
    "plan",
    "walk_models",
]

BASES = (40000, 0, 50000)
"""0-based addresses where a map may begin, the usual one first."""

MARKER = b"SunS"
END = 0xFFFF
MODELS_MAX = 256
"""Bound of the walk; a device with more would be a plant."""

EXPONENT_MAX = 10
"""Scale factors are -10..10."""

ReadHolding = Callable[[int, int], Awaitable[bytes]]
"""(address, count) -> registers as bytes."""


@dataclass(frozen=True, slots=True)
class ModelBlock:
    """One model of a device: `address` of its ID register, `length` its L."""

    model: int
    address: int
    length: int

    @property
    def registers(self) -> int:
        return HEADER + self.length


@dataclass(frozen=True, slots=True)
class Range:
    """Registers of one block to read in one request; `offset` counts from the ID register."""

    block: ModelBlock
    offset: int
    count: int

    @property
    def address(self) -> int:
        return self.block.address + self.offset


@dataclass(frozen=True, slots=True)
class Decoded:
    """One point: what the device sent, the value in `unit` (None for text), both None where it is
    not implemented."""

    raw: int | float | str | None
    value: float | None
    unit: str


# ---------------------------------------------------------------- the chain of models


async def walk_models(read: ReadHolding) -> tuple[ModelBlock, ...]:
    """The models of a device in their order.

    Raises Unidentified when there is no SunSpec map, Malformed when the chain leads nowhere, and
    whatever `read` raises other than Refused.
    """
    address = await _find(read) + len(MARKER) // 2
    chain: list[ModelBlock] = []
    while len(chain) < MODELS_MAX:
        header = await _header(read, address, first=not chain)
        if header is None:
            return tuple(chain)
        block = ModelBlock(header[0], address, header[1])
        address += block.registers
        if address > 0xFFFF:
            raise Malformed(
                f"SunSpec model {block.model} at {block.address} claims {block.length} registers,"
                " past the last address"
            )
        chain.append(block)
    raise Malformed(f"the chain of SunSpec models does not end within {MODELS_MAX} models")


async def _find(read: ReadHolding) -> int:
    silent: DeviceTimeout | None = None
    answered = False
    for base in BASES:
        try:
            if await read(base, len(MARKER) // 2) == MARKER:
                return base
            answered = True
        except Refused:
            answered = True
        except DeviceTimeout as error:
            silent = error  # some devices say nothing where they have no registers
    if silent is not None and not answered:
        raise silent
    places = ", ".join(map(str, BASES))
    raise Unidentified(
        f"no SunSpec map at register {places}: is SunSpec enabled in the device, the unit id right?"
    )


async def _header(read: ReadHolding, address: int, *, first: bool) -> tuple[int, int] | None:
    """ID and L of the model there, None at the end.

    Some devices have no length after the end mark, and some no end mark at all: what they refuse to
    give is the end, except where the first model should be.
    """
    try:
        model, length = struct.unpack(">HH", await read(address, HEADER))
    except Refused:
        if first:
            raise
        return None
    if model in {0, END}:
        return None
    return model, length


# ---------------------------------------------------------------- what to read


def plan(wanted: Mapping[ModelBlock, Collection[FieldLayout]]) -> tuple[Range, ...]:
    """Ranges that hold the wanted points of each block together with their scale factors.

    At most 125 registers each, no value cut in two, nothing outside the block. All ranges belong to
    one poll, so that a value never meets a scale factor of another age.
    """
    ranges: list[Range] = []
    for block, layouts in wanted.items():
        spans = {(layout.offset, layout.offset + layout.size) for layout in layouts}
        spans |= {(at, at + 1) for each in layouts if (at := each.exponent_at) is not None}
        start = end = -1
        for first, last in sorted(spans):
            if start >= 0 and last - start > MAX_REGISTERS:
                ranges.append(Range(block, start, end - start))
                start = -1
            if start < 0:
                start = first
            end = max(end, last)
        if start >= 0:
            ranges.append(Range(block, start, end - start))
    return tuple(ranges)


def assemble(block: ModelBlock, parts: Iterable[tuple[Range, bytes]]) -> bytes:
    """The block as one piece of bytes, zero where nothing was read."""
    image = bytearray(2 * block.registers)
    for part, data in parts:
        if len(data) != 2 * part.count or part.offset + part.count > block.registers:
            raise InvariantError(f"{len(data)} bytes are not the registers of {part}")
        image[2 * part.offset : 2 * (part.offset + part.count)] = data
    return bytes(image)


# ---------------------------------------------------------------- what it means


def decode(layouts: Iterable[FieldLayout], block: bytes) -> dict[str, Decoded]:
    """These points of a block, by name. Raises Malformed when the block is shorter than they."""
    return {each.name: Decoded(*decode_field(each, block), each.unit) for each in layouts}


def decode_field(
    layout: FieldLayout, block: bytes
) -> tuple[int | float | str | None, float | None]:
    """What the device sent, and the value in the point's unit. `block` begins at the ID register.

    (None, None) where the point is not implemented; no value for text, and none where the scale
    factor is not implemented or not -10..10. Enumerations and bit fields are plain numbers. Raises
    Malformed when the block ends before the point does.
    """
    try:
        raw = _raw(layout, block)
        if raw is None or isinstance(raw, str):
            return raw, None
        if layout.exponent_at is None:
            exponent = layout.exponent
        else:
            (exponent,) = _S16.unpack_from(block, 2 * layout.exponent_at)
    except struct.error:
        raise Malformed(
            f"SunSpec point {layout.name} lies past the {len(block) // 2} registers of its model"
        ) from None
    if not exponent:
        return raw, float(raw)
    if not -EXPONENT_MAX <= exponent <= EXPONENT_MAX:
        return raw, None
    # Dividing by a whole power of ten gives the nearest float to the decimal number; 230.5 stays
    # 230.5, where a multiplication by 0.1 would make it 230.50000000000003.
    return raw, raw / 10**-exponent if exponent < 0 else float(raw * 10**exponent)


_S16 = struct.Struct(">h")

NUMBERS: Mapping[str, tuple[struct.Struct, int | None]] = {
    "int16": (struct.Struct(">h"), -0x8000),
    "uint16": (struct.Struct(">H"), 0xFFFF),
    "count": (struct.Struct(">H"), 0xFFFF),
    "acc16": (struct.Struct(">H"), 0),
    "enum16": (struct.Struct(">H"), 0xFFFF),
    "bitfield16": (struct.Struct(">H"), 0xFFFF),
    "int32": (struct.Struct(">i"), -0x8000_0000),
    "uint32": (struct.Struct(">I"), 0xFFFF_FFFF),
    "acc32": (struct.Struct(">I"), 0),
    "enum32": (struct.Struct(">I"), 0xFFFF_FFFF),
    "bitfield32": (struct.Struct(">I"), 0xFFFF_FFFF),
    "int64": (struct.Struct(">q"), -0x8000_0000_0000_0000),
    "uint64": (struct.Struct(">Q"), 0xFFFF_FFFF_FFFF_FFFF),
    "acc64": (struct.Struct(">Q"), 0),
    "bitfield64": (struct.Struct(">Q"), 0xFFFF_FFFF_FFFF_FFFF),
    "float32": (struct.Struct(">f"), None),
    "float64": (struct.Struct(">d"), None),
    "sunssf": (_S16, -0x8000),
}
"""Numeric types: how they lie in registers, and the value that says "not implemented"; for floats
that is NaN. Source: SunSpec Device Information Model Specification V1.1, point types."""


def _raw(layout: FieldLayout, block: bytes) -> int | float | str | None:
    number = NUMBERS.get(layout.type)
    if number is None:
        piece = block[2 * layout.offset : 2 * (layout.offset + layout.size)]
        if len(piece) < 2 * layout.size:
            raise struct.error
        return _text(layout.type, piece)
    code, missing = number
    raw: int | float = code.unpack_from(block, 2 * layout.offset)[0]
    if raw == missing or (missing is None and not math.isfinite(raw)):
        return None
    return raw


def _text(kind: str, piece: bytes) -> str | None:
    if not any(piece):
        return None
    if kind == "ipaddr":
        return str(ipaddress.IPv4Address(piece))
    if kind == "ipv6addr":
        return str(ipaddress.IPv6Address(piece))
    if kind == "eui48":
        return None if piece[2:] == b"\xff" * 6 else piece[2:].hex(":")
    return piece.partition(b"\0")[0].decode("utf-8", "replace").rstrip() or None
