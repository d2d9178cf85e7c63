"""Registers of a SunSpec device, for the simulator: the reverse of `sunspec.py`. Pure."""

from __future__ import annotations

import ipaddress
import math
import struct
from collections.abc import Iterable, Mapping

from collectors.modbus.sunspec import END, MARKER, NUMBERS
from collectors.modbus.sunspec_layout import (
    HEADER,
    SCALE_FACTOR,
    FieldLayout,
    GroupDefinition,
    definition,
    fields,
    length_of,
)
from core.errors import InvariantError

Value = int | float | str | None

PADDING = b"\x80\x00"
"""What a register holds that no point of the model takes."""


def encode_model(
    model: int,
    values: Mapping[str, Value],
    *,
    scale_factors: Mapping[str, int] | None = None,
    counts: Mapping[str, int] | None = None,
    length: int | None = None,
) -> bytes:
    """The registers of one model, ID and L first.

    `values` are in the points' units, by name as `fields` gives them (`W`, `module.1.DCV`); what is
    missing or None becomes "not implemented". `scale_factors` are exponents by the name of their
    point (`W_SF`), the same in every repetition; a point without its scale factor is an error.
    `counts` says how often a group stands there (`{"module": 2}`); counting points follow. `length`
    cuts a model short, as some devices do (model 1 with 65). Integers are rounded, accumulators
    wrap as counters do. Raises InvariantError for what does not exist or does not fit.
    """
    top = definition(model)
    if top is None:
        raise InvariantError(f"there is no definition of SunSpec model {model}")
    counts = dict(counts or {})
    if length is None:
        length = length_of(top, {name: counts.get(name, 0) for name in _repeated(top)}) - HEADER
    told = {point: counts.get(group, 0) for group, point in _counted(top)}
    layouts = fields(model, length, told)
    if unknown := set(values) - set(layouts):
        raise InvariantError(f"SunSpec model {model} of length {length} has no {sorted(unknown)}")
    given: dict[str, Value] = {"ID": model, "L": length, **told, **values}
    exponents = {
        layout.offset: (scale_factors or {}).get(layout.path.rpartition(".")[2])
        for layout in layouts.values()
        if layout.type == SCALE_FACTOR
    }
    image = bytearray(PADDING * (HEADER + length))
    for layout in layouts.values():
        if layout.type == SCALE_FACTOR:
            piece = _number(layout, exponents[layout.offset])
        else:
            piece = _encode(layout, given.get(layout.name), exponents)
        image[2 * layout.offset : 2 * layout.offset + len(piece)] = piece
    return bytes(image)


def encode_chain(models: Iterable[bytes]) -> bytes:
    """A whole map, to be served from one of `sunspec.BASES`: marker, models, end."""
    return MARKER + b"".join(models) + struct.pack(">HH", END, 0)


def _repeated(group: GroupDefinition) -> list[str]:
    """Names of groups whose number the device decides."""
    own = [inner.name for inner in group.groups if inner.count == 0 or isinstance(inner.count, str)]
    return own + [name for inner in group.groups for name in _repeated(inner)]


def _counted(group: GroupDefinition) -> list[tuple[str, str]]:
    """Groups and the points that count them."""
    own = [(inner.name, inner.count) for inner in group.groups if isinstance(inner.count, str)]
    return own + [pair for inner in group.groups for pair in _counted(inner)]


def _encode(layout: FieldLayout, value: Value, exponents: Mapping[int, int | None]) -> bytes:
    if layout.type not in NUMBERS:
        return _text(layout, value)
    if value is None:
        return _number(layout, None)
    if isinstance(value, str):
        raise InvariantError(f"SunSpec point {layout.name} is a number, not '{value}'")
    exponent: int | None = layout.exponent
    if layout.exponent_at is not None:
        exponent = exponents.get(layout.exponent_at)
    if exponent is None:
        raise InvariantError(f"SunSpec point {layout.name} has a value but no scale factor")
    if exponent < 0:
        return _number(layout, value * 10**-exponent)
    return _number(layout, value / 10**exponent if exponent else value)


def _number(layout: FieldLayout, value: float | None) -> bytes:
    code, missing = NUMBERS[layout.type]
    if layout.type.startswith("float"):
        return code.pack(math.nan if value is None else value)
    raw = missing if value is None else round(value)
    if layout.type.startswith("acc") and raw is not None:
        raw %= 1 << 16 * layout.size
    if value is not None and raw == missing and not layout.type.startswith("acc"):
        raise InvariantError(f"{value} for SunSpec point {layout.name} means 'not implemented'")
    try:
        return code.pack(raw)
    except struct.error as error:
        raise InvariantError(
            f"{value} does not fit into SunSpec point {layout.name}: {error}"
        ) from error


def _text(layout: FieldLayout, value: Value) -> bytes:
    size = 2 * layout.size
    if value is None:
        return b"\xff" * size if layout.type == "eui48" else bytes(size)
    if layout.type == "ipaddr":
        return ipaddress.IPv4Address(value).packed
    if layout.type == "ipv6addr":
        return ipaddress.IPv6Address(value).packed
    if layout.type == "eui48":
        return b"\0\0" + bytes.fromhex(str(value).replace(":", ""))
    return str(value).encode()[:size].ljust(size, b"\0")
