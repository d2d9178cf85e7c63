"""Request planning, pure: which objects go into which packet, which registers into which read.

A plan is made once when a device is opened. Points that share an object share the request for it.
A request that fails as a whole is split until the guilty object stands alone; that one is given up
and the rest lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from collectors.decode import Decoder, Field, field_of
from collectors.modbus.registers import width
from collectors.profile import PointSpec, Profile, ScaleFrom, Speed
from core.points import PointName
from core.readings import Indices

MAX_OIDS = 24
"""Objects per packet: at about 20 octets each, request and answer stay within one datagram."""

RowsByColumn = Mapping[str, Sequence[str]]
"""Row indices by table column, as the device gave them."""


@dataclass(frozen=True, slots=True)
class Register:
    """One value in registers, as read."""

    fc: int
    address: int
    kind: str
    word_order: str = "big"
    count: int = 1

    @property
    def end(self) -> int:
        """Address after the last register (or bit)."""
        return self.address + width(self.kind, self.count)

    def __str__(self) -> str:
        return f"{self.fc}:{self.address}"


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Request(Generic[Item]):
    """Items read together, the slots they fill and how."""

    items: tuple[Item, ...]
    slots: Indices
    fields: tuple[Field, ...]
    decoder: Decoder


@dataclass(frozen=True, slots=True)
class Want(Generic[Item]):
    """One point and the items it needs: its value first, then its scale if an object holds it."""

    slot: int
    spec: PointSpec
    items: tuple[Item, ...]
    speed: Speed = "fast"


def snmp_wants(
    profile: Profile, rows: RowsByColumn, absent: frozenset[str] = frozenset()
) -> tuple[tuple[PointName, ...], tuple[Want[str], ...]]:
    """The points an SNMP device has, and the objects each needs.

    `rows` are the row indices found under each walked column, `absent` scalars that the device
    does not have. Where two objects give one point, the first in the profile's order gives it.
    """
    names: dict[PointName, int] = {}
    wants: list[Want[str]] = []
    for spec in profile.points:
        for name, oid in _objects(spec, rows):
            if oid in absent or name in names:
                continue
            names[name] = len(names)
            scale = spec.keys.scale_from
            items = (oid,) if scale is None or scale.oid is None else (oid, scale.oid)
            wants.append(Want(names[name], spec, items, spec.keys.speed))
    return tuple(names), tuple(wants)


def _objects(spec: PointSpec, rows: RowsByColumn) -> Iterable[tuple[PointName, str]]:
    if spec.keys.oid is not None:
        yield spec.name, spec.keys.oid
    elif spec.keys.walk is not None:
        for row in rows.get(spec.keys.walk, ()):
            instance = row_instance(spec, row)
            if instance is not None:
                name = PointName(spec.name.part, spec.name.quantity, instance)
                yield name, f"{spec.keys.walk}.{row}"


def row_instance(spec: PointSpec, row: str) -> str | None:
    """Instance of a table row: named by the profile, else the index itself with '-' for '.'.

    None leaves the row out: a profile that names instances names all it wants. An empty instance
    makes it a total.
    """
    if spec.keys.instances is not None:
        return spec.keys.instances.get(row)
    return row.replace(".", "-")


def modbus_wants(profile: Profile) -> tuple[tuple[PointName, ...], tuple[Want[Register], ...]]:
    """The points of a Modbus profile, and the registers each needs."""
    names: dict[PointName, int] = {}
    wants: list[Want[Register]] = []
    for spec in profile.points:
        for name, shift in spec.expanded():
            if name in names:
                continue
            names[name] = len(names)
            items = [register_of(spec, profile, shift)]
            if spec.keys.scale_from is not None:
                items.append(_scale_register(spec.keys.scale_from, profile))
            wants.append(Want(names[name], spec, tuple(items), spec.keys.speed))
    return tuple(names), tuple(wants)


def register_of(spec: PointSpec, profile: Profile, shift: int = 0) -> Register:
    """The register of a point, defaults of the profile filled in."""
    keys = spec.keys
    kind, count = _kind(keys.type or ("bit" if (keys.fc or profile.modbus.fc) < 3 else "u16"))
    return Register(
        keys.fc or profile.modbus.fc,
        (keys.address or 0) + shift,
        kind,
        keys.word_order or profile.modbus.word_order,
        count,
    )


def _scale_register(scale: ScaleFrom, profile: Profile) -> Register:
    kind, count = _kind(scale.type)
    order = profile.modbus.word_order
    return Register(scale.fc or profile.modbus.fc, scale.address or 0, kind, order, count)


def _kind(text: str) -> tuple[str, int]:
    """`string(8)` as ("string", 8), others with their own width."""
    if text.startswith("string("):
        return "string", int(text[7:-1])
    return text, 1


def pack(wants: Sequence[Want[str]], limit: int = MAX_OIDS) -> list[Request[str]]:
    """Requests of at most `limit` objects each; a value and its scale travel together."""
    requests: list[Request[str]] = []
    chunk: list[Want[str]] = []
    seen: set[str] = set()
    for want in wants:
        more = [item for item in want.items if item not in seen]
        if chunk and len(seen) + len(more) > limit:
            requests.append(bind(chunk))
            chunk, seen, more = [], set(), list(want.items)
        chunk.append(want)
        seen.update(more)
    if chunk:
        requests.append(bind(chunk))
    return requests


def bind(wants: Sequence[Want[Item]]) -> Request[Item]:
    """One request for these points; an item that several need is read once."""
    order: dict[Item, int] = {}
    for want in wants:
        for item in want.items:
            order.setdefault(item, len(order))
    fields = tuple(
        field_of(
            want.spec,
            order[want.items[0]],
            order[want.items[1]] if len(want.items) > 1 else None,
        )
        for want in wants
    )
    slots = np.array([want.slot for want in wants], dtype=np.int32)
    return Request(tuple(order), slots, fields, Decoder(fields))


@dataclass(frozen=True, slots=True)
class Range:
    """Registers read in one request: `count` from `address`, and the values that lie in them."""

    fc: int
    address: int
    count: int
    wants: tuple[Want[Register], ...]


def merge(wants: Iterable[Want[Register]], *, max_registers: int, max_gap: int) -> list[Range]:
    """Ranges that cover these points: merged over gaps of at most `max_gap`, never across
    functions.

    A value and its scale stay in one range where that fits; where it does not, both are read in a
    range of the value alone plus the registers between, split off as ranges of their own by the
    caller's limit.
    """
    ranges: list[Range] = []
    by_place = sorted(wants, key=lambda want: (want.items[0].fc, _span(want)))
    chunk: list[Want[Register]] = []
    first = last = 0
    for want in by_place:
        start, end = _span(want)
        same = bool(chunk) and chunk[0].items[0].fc == want.items[0].fc
        fits = start - last <= max_gap and max(last, end) - first <= max_registers
        if chunk and not (same and fits):
            ranges.append(Range(chunk[0].items[0].fc, first, last - first, tuple(chunk)))
            chunk = []
        if not chunk:
            first, last = start, end
        chunk.append(want)
        last = max(last, end)
    if chunk:
        ranges.append(Range(chunk[0].items[0].fc, first, last - first, tuple(chunk)))
    return ranges


def _span(want: Want[Register]) -> tuple[int, int]:
    """First address and the one after the last of a point's registers."""
    return min(item.address for item in want.items), max(item.end for item in want.items)


def halves(wants: Sequence[Want[Item]]) -> tuple[Sequence[Want[Item]], Sequence[Want[Item]]]:
    """A failed request in two, to find the guilty object by bisection."""
    middle = len(wants) // 2
    return wants[:middle], wants[middle:]


def without(
    wants: Sequence[Want[str]], items: Sequence[str], error_index: int
) -> tuple[Sequence[Want[str]], Sequence[Want[str]]] | None:
    """The points that do not need the object an error names (1-based), and those that do.

    None where the index names nothing: then bisection finds it.
    """
    if not 1 <= error_index <= len(items):
        return None
    guilty = items[error_index - 1]
    good = [want for want in wants if guilty not in want.items]
    bad = [want for want in wants if guilty in want.items]
    return good, bad


def of_speed(wants: Sequence[Want[Item]], speed: Speed) -> list[Want[Item]]:
    """The points of one speed; where there are no fast ones, the slow ones are polled at the fast
    rate."""
    if any(want.speed == "fast" for want in wants):
        return [want for want in wants if want.speed == speed]
    return list(wants) if speed == "fast" else []
