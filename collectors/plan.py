"""Request planning, pure: which objects are read together.

`snmp_requests` and `modbus_requests` put objects into packets; a `Plan` is what is read at one
speed. An object that several points need is read once. `split` takes a request that failed as a
whole apart, until the guilty object stands alone: that one is given up and the rest lives. Knows
neither sockets nor what values mean.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, Self, TypeVar

from collectors.bind import Bound, Entry, Item, Register
from collectors.decode import Decoder, Raw
from collectors.modbus import registers
from collectors.modbus.registers import FORMATS
from collectors.snmp.ber import oid_octets
from collectors.snmp.template import Template

MAX_BYTES = 1400
"""A request and its answer stay below this, so that they fit into one Ethernet frame."""

MESSAGE_BYTES = 60
"""What an SNMP message takes around its objects, at most."""

VALUE_BYTES = 14
"""What a usual value takes in an answer, with the tags and lengths around it and its OID."""


@dataclass(frozen=True, slots=True)
class Request(Generic[Item]):
    """Objects that are read together, in this order."""

    items: tuple[Item, ...]

    def part(self, items: tuple[Item, ...]) -> Self:
        """A request of the same kind for some of the objects."""
        raise NotImplementedError


Asked = TypeVar("Asked", bound=Request[Any])


@dataclass(frozen=True, slots=True)
class SnmpRequest(Request[str]):
    """Objects of one packet, encoded."""

    template: Template

    @classmethod
    def of(cls, items: Sequence[str]) -> Self:
        return cls(tuple(items), Template.of(items))

    def part(self, items: tuple[str, ...]) -> Self:
        return self.of(items)


@dataclass(frozen=True, slots=True)
class ListRequest(Request[str]):
    """OIDs that stand in a table column while their condition lasts: the column is walked."""

    column: str

    def part(self, items: tuple[str, ...]) -> Self:
        return type(self)(items, self.column)


@dataclass(frozen=True, slots=True)
class RangeRequest(Request[Register]):
    """Registers read at once: `count` from `address`; `unpack` takes the values out of the
    answer."""

    fc: int
    address: int
    count: int
    unpack: Callable[[bytes], list[Raw]]

    @classmethod
    def of(cls, items: Sequence[Register]) -> Self:
        """One range that holds these registers, which come in the order of their addresses."""
        start, end = items[0].address, max(item.end for item in items)
        return cls(tuple(items), items[0].fc, start, end - start, unpacker(items, start))

    def part(self, items: tuple[Register, ...]) -> Self:
        return self.of(items)


def snmp_requests(items: Iterable[str], max_oids: int) -> list[SnmpRequest | ListRequest]:
    """Packets of at most `max_oids` objects and about MAX_BYTES, in the order given; then the
    tables that list conditions."""
    requests: list[SnmpRequest | ListRequest] = []
    lists: dict[str, list[str]] = {}
    chunk: list[str] = []
    size = MESSAGE_BYTES
    for oid in dict.fromkeys(items):
        if isinstance(oid, Entry):
            lists.setdefault(oid.column, []).append(oid)
            continue
        more = len(oid_octets(oid)) + VALUE_BYTES
        if chunk and (len(chunk) >= max_oids or size + more > MAX_BYTES):
            requests.append(SnmpRequest.of(chunk))
            chunk, size = [], MESSAGE_BYTES
        chunk.append(oid)
        size += more
    if chunk:
        requests.append(SnmpRequest.of(chunk))
    requests += [ListRequest(tuple(oids), column) for column, oids in lists.items()]
    return requests


def modbus_requests(
    items: Iterable[Register], *, max_registers: int, max_gap: int
) -> list[RangeRequest]:
    """Ranges that cover these registers: merged over gaps of at most `max_gap`, never across
    functions, no value cut in two."""
    requests: list[RangeRequest] = []
    chunk: list[Register] = []
    end = 0
    for item in sorted(dict.fromkeys(items), key=lambda each: (each.fc, each.address, each.end)):
        fits = (
            chunk
            and item.fc == chunk[0].fc
            and item.address - end <= max_gap
            and max(end, item.end) - chunk[0].address <= max_registers
        )
        if chunk and not fits:
            requests.append(RangeRequest.of(chunk))
            chunk = []
        end = max(end, item.end) if chunk else item.end
        chunk.append(item)
    if chunk:
        requests.append(RangeRequest.of(chunk))
    return requests


def split(request: Request[Item], error_index: int = 0) -> list[Request[Item]]:
    """A failed request in parts: the object an error names (1-based) and the others, or halves
    where it names none.

    Gives an empty list for a single object: that is the guilty one. Conditions that are read from
    one list are guilty together.
    """
    items = request.items
    if len(items) < 2 or isinstance(request, ListRequest):
        return []
    if 1 <= error_index <= len(items):
        guilty = error_index - 1
        parts = [items[guilty : guilty + 1], items[:guilty] + items[guilty + 1 :]]
    else:
        middle = _border(items)
        parts = [items[:middle], items[middle:]]
    return [request.part(items) for items in parts]


def _border(items: tuple[Any, ...]) -> int:
    """Where to cut: at the widest gap between registers, which may be what the device refuses;
    else in the middle."""
    middle = len(items) // 2
    gaps = [
        (after.address - before.end, -abs(i - middle), i)
        for i, (before, after) in enumerate(pairwise(items), start=1)
        if isinstance(before, Register)
    ]
    widest = max(gaps, default=(0, 0, middle))
    return widest[2] if widest[0] > 0 else middle


def widest_gap(items: Sequence[Register]) -> int:
    """The most registers that lie between two of these, which come in the order of addresses."""
    gaps = (after.address - before.end for before, after in pairwise(items))
    return max(0, *gaps, 0)


def unpacker(items: Sequence[Register], start: int) -> Callable[[bytes], list[Raw]]:
    """What takes the values of these registers out of an answer that begins at `start`.

    The usual case is one `struct` over the whole range; bits, texts, turned words and values that
    share registers are taken one by one.
    """
    places: list[int] = []
    letters = [">"]
    at = start
    for place, item in enumerate(items):
        if item.kind in FORMATS and item.word_order == "big" and item.address >= at:
            letters.append(f"{2 * (item.address - at)}x{FORMATS[item.kind]}")
            at = item.end
            places.append(place)
    plain = struct.Struct("".join(letters))
    odd = [(i, item) for i, item in enumerate(items) if i not in set(places)]

    def take(data: bytes) -> list[Raw]:
        values = plain.unpack_from(data)
        if not odd:
            return list(values)
        found: list[Raw] = [None] * len(items)
        for place, value in zip(places, values, strict=True):
            found[place] = value
        for place, item in odd:
            found[place] = registers.decode(
                data,
                item.address - start,
                item.kind,
                word_order=item.word_order,
                count=item.count,
            )
        return found

    return take


# ---------------------------------------------------------------- what is read at one speed


@dataclass(frozen=True, slots=True)
class Plan(Generic[Item, Asked]):
    """What is read at one speed: the requests, and the decoder for their values in that order.

    Element i of what it decodes belongs to `points[i]`; `items` are all objects in the order read.
    """

    points: tuple[Bound[Item], ...]
    requests: tuple[Asked, ...]
    items: tuple[Item, ...]
    decoder: Decoder

    @classmethod
    def of(
        cls,
        points: Sequence[Bound[Item]],
        pack: Callable[[Iterable[Item]], Sequence[Asked]],
        first: Sequence[Item] = (),
    ) -> Plan[Item, Asked]:
        """A plan for these points; `first` are objects read besides, at the beginning."""
        wanted = [*first, *(item for point in points for item in point.items)]
        requests = tuple(pack(wanted))
        items = tuple(item for request in requests for item in request.items)
        place = {item: i for i, item in enumerate(items)}
        decoder = Decoder.shared(
            [
                (point.rule, place[point.item], tuple(place[item] for item in point.also))
                for point in points
            ]
        )
        return cls(tuple(points), requests, items, decoder)
