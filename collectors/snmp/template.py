"""Templates: an OID list encoded once, and the shape of the answers it gets. The hot path of
polling, pure.

The values of a device change with every poll, their lengths hardly ever. So the answer to a
template nearly always has the layout of the last one: same tags, lengths and OIDs, other values. A
`Shape` is that layout as one `struct.Struct` whose fixed chunks are compared and whose values come
out typed. Any difference falls back to the general decoder, so that the shape decides about speed
only, never about the result.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from collectors.snmp import ber, codec
from collectors.snmp.ber import Value
from collectors.snmp.codec import GET, Version
from core.errors import Malformed

MAX_SHAPES: Final = 8
"""Layouts remembered per template: lengths change when a value crosses a power of 256."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a template: values and tags by its OIDs. Exceptions have the value None and
    their tag.

    With an error-status other than 0 there are no values; `error_index` (1-based) names the
    object, 0 if none.
    """

    values: Sequence[Value]
    tags: Sequence[int]
    error_status: int = 0
    error_index: int = 0


class Template:
    """A list of OIDs to GET, encoded once per version and community."""

    __slots__ = ("_encoded", "_shapes", "oids")

    def __init__(self, oids: tuple[str, ...]) -> None:
        self.oids = oids
        self._encoded: dict[tuple[Version, bytes], tuple[bytes, bytes]] = {}
        self._shapes: list[Shape] = []

    @classmethod
    def of(cls, oids: Sequence[str]) -> Template:
        """A template of these OIDs. Raises ValueError for what is no OID."""
        for oid in oids:
            ber.oid_octets(oid)
        return cls(tuple(oids))

    def request(self, version: Version, community: bytes, request_id: int) -> bytes:
        """The datagram that asks for the OIDs; `request_id` takes four octets."""
        parts = self._encoded.get((version, community))
        if parts is None:
            marker = codec.REQUEST_ID_FIRST
            whole = codec.encode_request(version, community, GET, marker, self.oids)
            head, _, tail = whole.partition(b"\x02\x04" + marker.to_bytes(4, "big"))
            parts = self._encoded[version, community] = (head + b"\x02\x04", tail)
        return parts[0] + request_id.to_bytes(4, "big") + parts[1]

    def decode(self, data: bytes) -> Answer:
        """Read the answer to this template. Raises Malformed, also where it answers something
        else."""
        shapes = self._shapes
        for i, shape in enumerate(shapes):
            values = shape.read(data)
            if values is not None:
                if i:
                    shapes.insert(0, shapes.pop(i))
                return Answer(values, shape.tags)
        answer = self._decode_carefully(data)
        if answer.error_status == 0:
            self._remember(data)
        return answer

    def _decode_carefully(self, data: bytes) -> Answer:
        pdu = codec.decode_message(data).pdu
        if pdu.error_status:
            return Answer((), (), pdu.error_status, pdu.error_index)
        if len(pdu.varbinds) != len(self.oids):
            raise Malformed(
                f"{len(self.oids)} objects were asked for, {len(pdu.varbinds)} were answered"
            )
        for asked, bind in zip(self.oids, pdu.varbinds, strict=True):
            if bind.oid != asked:
                raise Malformed(f"{asked} was asked for, {bind.oid} was answered")
        return Answer(
            [bind.value for bind in pdu.varbinds], tuple(bind.tag for bind in pdu.varbinds)
        )

    def _remember(self, data: bytes) -> None:
        shape = Shape.of(data)
        if shape is not None:
            self._shapes.insert(0, shape)
            del self._shapes[MAX_SHAPES:]


_INTEGER_FORMATS: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_UNSIGNED_TAGS: Final = frozenset({ber.COUNTER32, ber.GAUGE32, ber.TIME_TICKS, ber.COUNTER64})


class Shape:
    """The layout of one answer: fixed bytes, and values of known types between them."""

    __slots__ = ("_fixed", "_fixups", "_picked", "_size", "_unpack", "tags")

    def __init__(self, layout: _Layout) -> None:
        packer = _packer(layout.format)
        self._unpack = packer.unpack
        self._size = packer.size
        self._fixed = tuple(layout.fixed)
        self._picked = tuple(layout.fixups)
        self._fixups = any(self._picked)
        self.tags = tuple(layout.tags)

    @classmethod
    def of(cls, data: bytes) -> Shape | None:
        """The shape of an answer that the general decoder has read; None where a shape cannot say
        it."""
        try:
            layout = _Layout(data)
        except (Malformed, ValueError):
            return None
        return cls(layout)

    def read(self, data: bytes) -> list[Value] | None:
        """The values, or None where the answer has another layout."""
        if len(data) != self._size:
            return None
        parts = self._unpack(data)
        # Even places are fixed bytes, odd ones values; the request id stands between the first two.
        if parts[::2] != self._fixed:
            return None
        values: list[Value] = list(parts[3::2])
        if self._fixups:
            for i, fix in enumerate(self._picked):
                if fix:
                    values[i] = _FIXES[fix](values[i])
        return values


class _Layout:
    """Cuts an answer into fixed chunks and values: chunk, request id, chunk, value, chunk, value
    ... chunk."""

    def __init__(self, data: bytes) -> None:
        self.fixed: list[bytes] = []
        self.tags: list[int] = []
        self.fixups: list[int] = []
        self._formats: list[str] = []
        self._data = data
        self._cut_at = 0
        _, _, at, end = codec.decode_envelope(data)
        _, at, end = ber.read_header(data, at, end)
        start, at = ber.expect(data, at, end, ber.INTEGER)
        self._value("4s", start, at) if at - start == 4 else self._give_up()
        for _ in range(2):  # error-status and error-index stay in the fixed bytes
            start, at = ber.expect(data, at, end, ber.INTEGER)
        start, stop = ber.expect(data, at, end, ber.SEQUENCE)
        while start < stop:
            bind, start = ber.expect(data, start, stop, ber.SEQUENCE)
            _, at = ber.expect(data, bind, start, ber.OID)
            tag, first, last = ber.read_header(data, at, start)
            self.tags.append(tag)
            self._bind(tag, first, last)
        self.fixed.append(data[self._cut_at :])
        self._formats.append(f"{len(data) - self._cut_at}s")
        self.format = ">" + "".join(self._formats)

    def _bind(self, tag: int, first: int, last: int) -> None:
        size = last - first
        if tag == ber.INTEGER and size in _INTEGER_FORMATS:
            self._value(_INTEGER_FORMATS[size], first, last)
            self.fixups.append(_AS_IS)
        elif tag in _UNSIGNED_TAGS and size in _INTEGER_FORMATS:
            # Signed and then masked, as the general decoder does: sloppy agents set the top bit.
            self._value(_INTEGER_FORMATS[size], first, last)
            self.fixups.append(_UNSIGNED_64 if tag == ber.COUNTER64 else _UNSIGNED_32)
        elif tag == ber.OCTET_STRING:
            self._value(f"{size}s", first, last)
            self.fixups.append(_AS_IS)
        elif tag == ber.NULL or tag in ber.EXCEPTIONS:
            self._value(f"{size}s", first, last)
            self.fixups.append(_NOTHING)
        elif tag in _UNSIGNED_TAGS or tag == ber.INTEGER:
            self._value(f"{size}s", first, last)
            self.fixups.append(_ODD_SIGNED if tag == ber.INTEGER else _ODD_UNSIGNED[tag])
        elif tag == ber.OID:
            self._value(f"{size}s", first, last)
            self.fixups.append(_OID)
        else:
            self._give_up()

    def _value(self, letter: str, first: int, last: int) -> None:
        self.fixed.append(self._data[self._cut_at : first])
        self._formats.append(f"{first - self._cut_at}s{letter}")
        self._cut_at = last

    def _give_up(self) -> None:
        raise ValueError("no shape can say this")


_AS_IS, _UNSIGNED_32, _UNSIGNED_64, _NOTHING, _ODD_SIGNED, _ODD_32, _ODD_64, _OID = range(8)
_ODD_UNSIGNED: Final = {
    ber.COUNTER32: _ODD_32,
    ber.GAUGE32: _ODD_32,
    ber.TIME_TICKS: _ODD_32,
    ber.COUNTER64: _ODD_64,
}
_FIXES: Final[dict[int, Callable[[Any], Value]]] = {
    _UNSIGNED_32: lambda value: value & 0xFFFFFFFF,
    _UNSIGNED_64: lambda value: value & 0xFFFFFFFFFFFFFFFF,
    _NOTHING: lambda _value: None,
    _ODD_SIGNED: lambda value: int.from_bytes(value, "big", signed=True),
    _ODD_32: lambda value: int.from_bytes(value, "big", signed=True) & 0xFFFFFFFF,
    _ODD_64: lambda value: int.from_bytes(value, "big", signed=True) & 0xFFFFFFFFFFFFFFFF,
    _OID: ber.read_oid,
}


@lru_cache(maxsize=4096)
def _packer(layout: str) -> struct.Struct:
    """Equal layouts of many devices share one."""
    return struct.Struct(layout)
