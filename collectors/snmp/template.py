"""Templates: an OID list encoded once, and the shape of the answers it gets. The hot path of
polling, pure.

The values of a device change with every poll, their lengths hardly ever. So the answer to a
template nearly always has the layout of the last one: same tags, lengths and OIDs, other values. A
`Shape` is that layout: which octets must be as they were, compared in one go, and one
`struct.Struct` that takes the values out typed. Any difference falls back to the general decoder,
so that the shape decides about speed only, never about the result.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from collectors.snmp import ber, codec
from collectors.snmp.ber import Value
from collectors.snmp.codec import GET, Version
from core.errors import Malformed

MAX_SHAPES: Final = 8
"""Layouts remembered per template: lengths change when a value crosses a power of 256."""


class Answer(NamedTuple):
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
        head, tail = parts
        return b"%b%b%b" % (head, request_id.to_bytes(4, "big"), tail)

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


_SIGNED_FORMATS: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_POSITIVE_FORMATS: Final = {5: "I", 9: "Q"}
_MASKS: Final = {
    ber.COUNTER32: 0xFFFFFFFF,
    ber.GAUGE32: 0xFFFFFFFF,
    ber.TIME_TICKS: 0xFFFFFFFF,
    ber.COUNTER64: 0xFFFFFFFFFFFFFFFF,
}

Span = tuple[int, int]
Fix = Callable[[Any], Value]


class Shape:
    """The layout of one answer: octets that stay, and values of known types between them."""

    __slots__ = ("_fixed", "_fixes", "_mask", "_masks", "_size", "_unpack", "tags")

    def __init__(self, data: bytes, layout: _Layout) -> None:
        packer = _packer(layout.format)
        self._unpack = packer.unpack
        self._size = packer.size
        self._mask = _mask(len(data), tuple(layout.spans))
        self._fixed = int.from_bytes(data, "big") & self._mask
        self._masks = tuple(layout.masks)
        self._fixes = tuple(layout.fixes)
        self.tags = tuple(layout.tags)

    @classmethod
    def of(cls, data: bytes) -> Shape | None:
        """The shape of an answer that the general decoder has read; None where a shape cannot say
        it."""
        try:
            layout = _Layout(data)
        except (Malformed, ValueError):
            return None
        return cls(data, layout)

    def read(self, data: bytes) -> list[Value] | None:
        """The values, or None where the answer has another layout."""
        if len(data) != self._size or int.from_bytes(data, "big") & self._mask != self._fixed:
            return None
        values = list(self._unpack(data))
        for i, fix in self._fixes:
            values[i] = fix(values[i])
        for i, mask in self._masks:
            values[i] &= mask
        return values


class _Layout:
    """Finds the values of an answer: where they lie, how they are taken out and what is to be done
    to them then."""

    def __init__(self, data: bytes) -> None:
        self.spans: list[Span] = []
        self.tags: list[int] = []
        self.masks: list[tuple[int, int]] = []
        self.fixes: list[tuple[int, Fix]] = []
        self._formats: list[str] = []
        self._data = data
        self._cut_at = 0
        _, _, at, end = codec.decode_envelope(data)
        _, at, end = ber.read_header(data, at, end)
        start, at = ber.expect(data, at, end, ber.INTEGER)
        if at - start != 4:
            raise ValueError("a request id of ours has four octets")
        self._value("4x", start, at)
        for _ in range(2):  # error-status and error-index stay as they are
            start, at = ber.expect(data, at, end, ber.INTEGER)
        start, stop = ber.expect(data, at, end, ber.SEQUENCE)
        while start < stop:
            bind, start = ber.expect(data, start, stop, ber.SEQUENCE)
            _, at = ber.expect(data, bind, start, ber.OID)
            tag, first, last = ber.read_header(data, at, start)
            self._bind(tag, first, last)
            self.tags.append(tag)
        self.format = ">" + "".join(self._formats) + f"{len(data) - self._cut_at}x"

    def _bind(self, tag: int, first: int, last: int) -> None:
        if tag == ber.INTEGER or tag in _MASKS:
            self._number(tag, first, last)
            return
        self._value(f"{last - first}s", first, last)
        if tag == ber.NULL or tag in ber.EXCEPTIONS:
            self.fixes.append((len(self.tags), _nothing))
        elif tag == ber.OID:
            self.fixes.append((len(self.tags), ber.read_oid))
        elif tag != ber.OCTET_STRING:
            raise ValueError("no shape can say this")

    def _number(self, tag: int, first: int, last: int) -> None:
        size, place = last - first, len(self.tags)
        if size in _POSITIVE_FORMATS and not self._data[first]:
            # A 0 stands before a number whose top bit is set: it belongs to what stays.
            self._value(_POSITIVE_FORMATS[size], first + 1, last)
        elif size in _SIGNED_FORMATS:
            self._value(_SIGNED_FORMATS[size], first, last)
        else:
            self._value(f"{size}s", first, last)
            self.fixes.append((place, _signed))
        if tag in _MASKS:
            # Signed and then masked, as the general decoder does: sloppy agents set the top bit.
            self.masks.append((place, _MASKS[tag]))

    def _value(self, letter: str, first: int, last: int) -> None:
        self.spans.append((first, last))
        self._formats.append(f"{first - self._cut_at}x{letter}")
        self._cut_at = last


def _nothing(_octets: bytes) -> None:
    return None


def _signed(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


@lru_cache(maxsize=4096)
def _packer(layout: str) -> struct.Struct:
    """Equal layouts of many devices share one."""
    return struct.Struct(layout)


@lru_cache(maxsize=4096)
def _mask(size: int, values: tuple[Span, ...]) -> int:
    """Ones where an answer of so many octets must be as it was, zeros where its values lie."""
    octets = bytearray(b"\xff" * size)
    for first, last in values:
        octets[first:last] = bytes(last - first)
    return int.from_bytes(octets, "big")
