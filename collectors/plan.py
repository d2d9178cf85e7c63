"""Request planning, pure: which points a device has, and which objects are read together.

`bind_*` turn a profile and what was found on a device into `Bound` points, each with the object it
is read from; `snmp_requests` and `modbus_requests` put objects into packets; a `Plan` is what is
read at one speed. An object that several points need is read once. `split` takes a request that
failed as a whole apart, until the guilty object stands alone: that one is given up and the rest
lives. Knows neither sockets nor what values mean.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, Self, TypeVar

from collectors.decode import Decoder, Raw, Rule, rule_of, text_of
from collectors.modbus import registers
from collectors.modbus.registers import FORMATS, WordOrder, width
from collectors.modbus.sunspec import NUMBERS, FieldLayout, ModelBlock
from collectors.profile import PointSpec, Profile, ScaleFrom
from collectors.snmp.template import Template
from core.points import PointName

MAX_BYTES = 1400
"""A request and its answer stay below this, so that they fit into one Ethernet frame."""

MESSAGE_BYTES = 60
"""What an SNMP message takes around its objects, at most."""

VALUE_BYTES = 10
"""What a usual value takes in an answer, with the lengths and tags around it and its OID."""


@dataclass(frozen=True, slots=True)
class Register:
    """One value in registers (or a bit, or a text of `count` registers), as read."""

    fc: int
    address: int
    kind: str
    word_order: WordOrder = "big"
    count: int = 1

    @property
    def end(self) -> int:
        """Address after the last register (or bit)."""
        return self.address + width(self.kind, self.count)

    def __str__(self) -> str:
        return f"{self.fc}:{self.address}"


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Bound(Generic[Item]):
    """A point of a device with the object it is read from, that of its scale, and its rule."""

    name: PointName
    spec: PointSpec
    item: Item
    rule: Rule
    scale: Item | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        return (self.item,) if self.scale is None else (self.item, self.scale)

    @property
    def source(self) -> str:
        """The object's numeric OID, or `FC:address`."""
        return str(self.item)


# ---------------------------------------------------------------- which points there are

Rows = Mapping[str, Mapping[str, Raw]]
"""What was found: by column, the value by row index; a single object has the one row ''."""


def columns(profile: Profile) -> tuple[str, ...]:
    """The table columns that must be walked to know which points a device has."""
    found: dict[str, None] = {}
    for spec in profile.points:
        if spec.keys.walk is not None:
            found[spec.keys.walk] = None
            if spec.keys.only is not None and spec.keys.only.walk is not None:
                found[spec.keys.only.walk] = None
    return tuple(found)


def conditions(profile: Profile) -> tuple[str, ...]:
    """The single objects that decide whether table rows count."""
    given = [spec.keys.only.oid for spec in profile.points if spec.keys.only is not None]
    return tuple(dict.fromkeys(oid for oid in given if oid is not None))


def bind_snmp(profile: Profile, rows: Rows) -> tuple[Bound[str], ...]:
    """Every point of an SNMP profile: scalars, and one for each row that was found."""
    bound: list[Bound[str]] = []
    for spec in profile.points:
        scale = None if spec.keys.scale_from is None else spec.keys.scale_from.oid
        rule = rule_of(spec)
        if spec.keys.oid is not None:
            bound.append(Bound(spec.name, spec, spec.keys.oid, rule, scale))
        elif spec.keys.walk is not None:
            for row, instance in _chosen(spec, rows):
                name = PointName(spec.name.part, spec.name.quantity, instance)
                bound.append(Bound(name, spec, f"{spec.keys.walk}.{row}", rule, scale))
    return tuple(bound)


def _chosen(spec: PointSpec, rows: Rows) -> Iterator[tuple[str, str]]:
    """The rows of a column that count, each with its instance."""
    only = spec.keys.only
    for row in rows.get(spec.keys.walk or "", ()):
        instance = row_instance(spec, row)
        if instance is None:
            continue
        if only is not None:
            there = rows.get(only.walk or only.oid or "", {})
            value = there.get(row if only.walk is not None else "")
            if (text_of(value) if isinstance(value, bytes) else value) not in only.equals:
                continue
        yield row, instance


def row_instance(spec: PointSpec, row: str) -> str | None:
    """Instance of a table row: its index with '-' for '.', or the name the profile gives it.

    A profile that names instances names all it wants: other rows are None. Agents of several makers
    append a '.0' to each index; where the profile knows the index without it, that row is meant. An
    empty instance makes a total; one that the point's name has stands before the row's.
    """
    found: str | None = row.replace(".", "-")
    instances = spec.keys.instances
    if instances is not None:
        found = instances.get(row, instances.get(row.removesuffix(".0")))
    if found is None or not spec.name.instance:
        return found
    return f"{spec.name.instance}-{found}" if found else spec.name.instance


def bind_modbus(profile: Profile) -> tuple[Bound[Register], ...]:
    """Every point of a Modbus profile, repetitions included."""
    bound: list[Bound[Register]] = []
    for spec in profile.points:
        rule = rule_of(spec)
        given = spec.keys.scale_from
        scale = None if given is None else _scale_register(given, profile)
        for name, shift in spec.expanded():
            bound.append(Bound(name, spec, register_of(spec, profile, shift), rule, scale))
    return tuple(bound)


def register_of(spec: PointSpec, profile: Profile, shift: int = 0) -> Register:
    """The register of a point, defaults of the profile filled in."""
    keys = spec.keys
    fc = keys.fc or profile.modbus.fc
    kind, count = parse_type(keys.type or ("bit" if fc < 3 else "u16"))
    order = keys.word_order or profile.modbus.word_order
    return Register(fc, (keys.address or 0) + shift, kind, order, count)


def _scale_register(scale: ScaleFrom, profile: Profile) -> Register:
    kind, count = parse_type(scale.type)
    order = profile.modbus.word_order
    return Register(scale.fc or profile.modbus.fc, scale.address or 0, kind, order, count)


def parse_type(text: str) -> tuple[str, int]:
    """`string(8)` as ("string", 8), any other type with the count 1."""
    return ("string", int(text[7:-1])) if text.startswith("string(") else (text, 1)


def bind_sunspec(
    profile: Profile, blocks: Mapping[ModelBlock, Mapping[str, FieldLayout]]
) -> tuple[Bound[Register], ...]:
    """Every point of a SunSpec profile whose model and field the device has.

    A field of a repeating group (`module.DCV`) gives a point for each repetition, counted from 1.
    """
    bound: list[Bound[Register]] = []
    for spec in profile.points:
        for block, layouts in blocks.items():
            if block.model in spec.models:
                bound += _fields(spec, block, layouts)
    return tuple(bound)


def _fields(
    spec: PointSpec, block: ModelBlock, layouts: Mapping[str, FieldLayout]
) -> Iterator[Bound[Register]]:
    for layout in layouts.values():
        if layout.path != spec.keys.field:
            continue
        number = NUMBERS.get(layout.type)
        missing = None if number is None else number[1]
        scale = None
        if layout.exponent_at is not None:
            scale = Register(3, block.address + layout.exponent_at, "s16")
        rule = rule_of(
            spec,
            sentinels=() if missing is None else (missing,),
            exponent=layout.exponent,
            scale_as="" if scale is None else "exponent",
        )
        instance = "-".join(map(str, layout.index)) or spec.name.instance
        name = PointName(spec.name.part, spec.name.quantity, instance)
        yield Bound(name, spec, field_register(block, layout), rule, scale)


def field_register(block: ModelBlock, layout: FieldLayout) -> Register:
    """Where a SunSpec field lies, as a plain register."""
    kind = _SUNSPEC_TYPES.get(layout.type, "string")
    count = layout.size if kind == "string" else 1
    return Register(3, block.address + layout.offset, kind, "big", count)


_SUNSPEC_TYPES: Mapping[str, str] = {
    name: {"h": "s16", "H": "u16", "i": "s32", "I": "u32", "q": "s64", "Q": "u64"}.get(
        packer.format[1:], "f32" if packer.size == 4 else "f64"
    )
    for name, (packer, _missing) in NUMBERS.items()
}
"""SunSpec's numeric types by how they lie in registers."""


# ---------------------------------------------------------------- packets


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


def snmp_requests(items: Iterable[str], max_oids: int) -> list[SnmpRequest]:
    """Packets of at most `max_oids` objects and about MAX_BYTES, in the order given."""
    requests: list[SnmpRequest] = []
    chunk: list[str] = []
    size = MESSAGE_BYTES
    for oid in dict.fromkeys(items):
        more = oid.count(".") + VALUE_BYTES + 4
        if chunk and (len(chunk) >= max_oids or size + more > MAX_BYTES):
            requests.append(SnmpRequest.of(chunk))
            chunk, size = [], MESSAGE_BYTES
        chunk.append(oid)
        size += more
    if chunk:
        requests.append(SnmpRequest.of(chunk))
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

    Gives an empty list for a single object: that is the guilty one.
    """
    items = request.items
    if len(items) < 2:
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
        decoder = Decoder(
            [
                (point.rule, place[point.item], None if point.scale is None else place[point.scale])
                for point in points
            ]
        )
        return cls(tuple(points), requests, items, decoder)
