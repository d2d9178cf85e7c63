"""Templates: an OID list encoded once, and the ways its answers are read. The hot path of polling,
pure.

The values of a device change with every poll, their lengths hardly ever. So the answer to a
template nearly always has the layout of an earlier one: same tags, lengths and OIDs, other values.
Three ways lead from datagram to values, each slower and more general than the one before:

1. A `Shape` is a layout seen before: which octets must be as they were, compared in one go, and one
   `struct.Struct` that takes the values out typed.
2. Where a length has changed, the datagram is read along the OIDs that were asked for, which must
   stand where they are expected. A layout that comes a second time becomes a shape: one that comes
   once would cost more than it saves.
3. Whatever is unusual is read by the general decoder.

The first two decide about speed only, never about the result: each either reads what the general
decoder reads, or leaves it to the next.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from collectors.snmp import ber, codec
from collectors.snmp.ber import Value
from collectors.snmp.codec import GET, Version
from core.errors import Malformed

MAX_SHAPES: Final = 8
"""Layouts remembered per template: lengths change when a value crosses a power of 256."""

_MAX_SEEN_ONCE: Final = 4
_SHORT: Final = 0x80
"""From here on a length takes more octets than one."""


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

    __slots__ = ("_encoded", "_names", "_seen_once", "_shapes", "misses", "oids")

    def __init__(self, oids: tuple[str, ...]) -> None:
        self.oids = oids
        self.misses = 0  # answers that no shape could read
        self._names = tuple(ber.element(ber.OID, ber.oid_octets(oid)) for oid in oids)
        self._encoded: dict[tuple[Version, bytes], tuple[bytes, bytes]] = {}
        self._shapes: list[Shape] = []
        self._seen_once: list[tuple[int, ...]] = []

    @classmethod
    def of(cls, oids: Sequence[str]) -> Template:
        """A template of these OIDs. Raises ValueError for what is no OID."""
        return cls(tuple(ber.read_oid(ber.oid_octets(oid)) for oid in oids))

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
        for shape in shapes:
            values = shape.read(data)
            if values is not None:
                if shape is not shapes[0]:
                    shapes.remove(shape)
                    shapes.insert(0, shape)
                return Answer(values, shape.tags)
        self.misses += 1
        found = self._read_along(data)
        if found is None:
            answer = self._decode_carefully(data)
            layout: tuple[int, ...] = (len(data),)
        else:
            answer, layout = found
        if answer.error_status == 0:
            self._remember(data, layout)
        return answer

    def _read_along(self, data: bytes) -> tuple[Answer, tuple[int, ...]] | None:
        """The values and their lengths, read along the OIDs that were asked for; None where
        anything is unusual."""
        values: list[Value] = []
        tags: list[int] = []
        lengths: list[int] = []
        try:
            _, _, at, end = codec.decode_envelope(data)
            kind, numbers, at, stop = codec.decode_head(data, at, end)
            if kind != codec.RESPONSE or numbers[1]:
                return None
            for name in self._names:
                size = data[at + 1]
                if data[at] != ber.SEQUENCE or size >= _SHORT:
                    return None
                end = at + 2 + size
                if not data.startswith(name, at + 2):
                    return None
                at += 2 + len(name)
                tag, length = data[at], data[at + 1]
                at += 2
                if length >= _SHORT or at + length != end or end > stop:
                    return None
                if tag == ber.INTEGER and 0 < length <= ber.MAX_INTEGER_OCTETS:
                    values.append(int.from_bytes(data[at:end], "big", signed=True))
                else:
                    values.append(ber.read_value(data, tag, at, end))
                tags.append(tag)
                lengths.append(length)
                at = end
        except (IndexError, Malformed):
            return None
        return (Answer(values, tuple(tags)), tuple(lengths)) if at == stop else None

    def _decode_carefully(self, data: bytes) -> Answer:
        pdu = codec.decode_response(data)
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

    def _remember(self, data: bytes, layout: tuple[int, ...]) -> None:
        """Make a shape of a layout that comes again."""
        if layout not in self._seen_once:
            self._seen_once.insert(0, layout)
            del self._seen_once[_MAX_SEEN_ONCE:]
            return
        self._seen_once.remove(layout)
        shape = Shape.of(data)
        if shape is not None:
            self._shapes.insert(0, shape)
            del self._shapes[MAX_SHAPES:]


_SIGNED: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_WIDTHS: Final = {ber.COUNTER32: 4, ber.GAUGE32: 4, ber.TIME_TICKS: 4, ber.COUNTER64: 8}
"""Octets of the unsigned types."""

Fix = Callable[[Any], Value]


class Shape:
    """The layout of one answer: octets that stay, and values of known types between them."""

    __slots__ = ("_excess", "_fixed", "_fixes", "_mask", "_size", "_unpack", "tags")

    def __init__(self, data: bytes, layout: _Layout) -> None:
        packer = _packer(layout.format)
        self._unpack = packer.unpack
        self._size = packer.size
        self._mask = _shared(int.from_bytes(layout.mask, "big"))
        self._fixed = _shared(int.from_bytes(data, "big") & self._mask)
        self._excess = tuple(layout.excess)
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
        for i, excess in self._excess:
            values[i] -= excess
        for i, fix in self._fixes:
            values[i] = fix(values[i])
        return values


class _Layout:
    """Finds the values of an answer: where they lie, how they are taken out, and what is to be
    done to them then.

    `mask` has ones where the answer must stay as it is.
    """

    def __init__(self, data: bytes) -> None:
        self.mask = bytearray(b"\xff" * len(data))
        self.tags: list[int] = []
        self.excess: list[tuple[int, int]] = []
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
        if tag == ber.INTEGER or tag in _WIDTHS:
            self._number(tag, first, last)
            return
        self._value(f"{last - first}s", first, last)
        if tag != ber.OCTET_STRING:
            self.fixes.append((len(self.tags), partial(_contents, tag)))

    def _number(self, tag: int, first: int, last: int) -> None:
        size, width = last - first, _WIDTHS.get(tag)
        if width is None and size in _SIGNED:
            self._value(_SIGNED[size], first, last)
        elif width is not None and size >= width:
            if any(self._data[first : last - width]):
                raise ValueError("a number is too large for its type")
            self._value(_UNSIGNED[width], last - width, last)
        else:
            self._odd_number(first, last, signed=width is None)

    def _odd_number(self, first: int, last: int, *, signed: bool) -> None:
        """A number of a length that no format has is read together with octets before it. Those
        stay, and so does its sign, so that a constant is to be taken off."""
        size = last - first
        window = 1 << (size - 1).bit_length()
        negative = self._data[first] >> 7
        if window not in _UNSIGNED or (negative and not signed):
            raise ValueError("the general decoder knows what is meant")
        before = int.from_bytes(self._data[last - window : first], "big")
        if excess := (before + negative) << 8 * size:
            self.excess.append((len(self.tags), excess))
        self._value(_UNSIGNED[window], last - window, last)
        self.mask[last - window : first] = b"\xff" * (window - size)
        self.mask[first] = 0x80

    def _value(self, letter: str, first: int, last: int) -> None:
        self.mask[first:last] = bytes(last - first)
        self._formats.append(f"{first - self._cut_at}x{letter}")
        self._cut_at = last


def _contents(tag: int, octets: bytes) -> Value:
    return ber.read_value(octets, tag, 0, len(octets))


@lru_cache(maxsize=4096)
def _packer(layout: str) -> struct.Struct:
    """Equal layouts of many devices share one."""
    return struct.Struct(layout)


@lru_cache(maxsize=8192)
def _shared(number: int) -> int:
    """The same number as an object that equal shapes share."""
    return number
