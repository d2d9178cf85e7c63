"""Which points a device has, and the object each is read from. Pure.

Turns a profile and what was found on a device (table rows, SunSpec models) into `Bound` points.
Knows neither packets nor sockets, nor what values mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from collectors.decode import Raw, Rule, rule_of, text_of
from collectors.modbus.registers import WordOrder, width
from collectors.modbus.sunspec import NUMBERS, FieldLayout, ModelBlock
from collectors.profile import Beside, Condition, PointSpec, Profile
from core.points import PointName


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


class Entry(str):
    """An OID that is present while a row of a table (`column`) holds it: 1 or 0."""

    __slots__ = ("column",)
    column: str

    @classmethod
    def of(cls, oid: str, column: str) -> Entry:
        entry = cls(oid)
        entry.column = column
        return entry


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Bound(Generic[Item]):
    """A point of a device with the object it is read from and its rule; `also` are the objects that
    hold its scales, then those of its conditions."""

    name: PointName
    spec: PointSpec
    item: Item
    rule: Rule
    also: tuple[Item, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        return (self.item, *self.also)

    @property
    def source(self) -> str:
        """The object's numeric OID, or `FC:address`."""
        return str(self.item)


Rows = Mapping[str, Mapping[str, Raw]]
"""What was found: by column, the value by row index; a single object has the one row ''."""


def columns(profile: Profile) -> tuple[str, ...]:
    """The table columns that must be walked to know which points a device has."""
    found: dict[str, None] = {}
    for spec in profile.points:
        if spec.keys.walk is not None:
            found[spec.keys.walk] = None
            found.update((only.walk, None) for only in spec.keys.only if only.walk is not None)
    return tuple(found)


def conditions(profile: Profile) -> tuple[str, ...]:
    """The single objects that decide whether rows and listed states count."""
    given = [only.oid for spec in profile.points for only in spec.keys.only]
    given += [spec.keys.listed.count for spec in profile.points if spec.keys.listed is not None]
    return tuple(dict.fromkeys(oid for oid in given if oid is not None))


def bind_snmp(profile: Profile, rows: Rows) -> tuple[Bound[str], ...]:
    """Every point of an SNMP profile: scalars, and one for each row that was found."""
    bound: list[Bound[str]] = []
    for spec in profile.points:
        rule = rule_of(spec)
        if spec.keys.oid is not None:
            bound.append(Bound(spec.name, spec, spec.keys.oid, rule, _also(spec)))
        elif (listed := spec.keys.listed) is not None:
            if rows.get(listed.count, {}).get("") is not None:
                bound.append(Bound(spec.name, spec, Entry.of(listed.holds, listed.walk), rule))
        elif spec.keys.walk is not None:
            for row, instance in _chosen(spec, rows):
                name = PointName(spec.name.part, spec.name.quantity, instance)
                item = f"{spec.keys.walk}.{row}"
                bound.append(Bound(name, spec, item, rule, _also(spec, row)))
    return tuple(bound)


def united(bound: Sequence[tuple[Bound[Item], ...]]) -> list[Bound[Item]]:
    """The points by several profiles of one device, the better first. What an object means is said
    by the first profile that reads it."""
    points: list[Bound[Item]] = []
    known: set[Item] = set()
    for part in bound:
        points += (point for point in part if point.item not in known)
        known.update(point.item for point in part)
    return points


def _also(spec: PointSpec, row: str = "") -> tuple[str, ...]:
    """The objects of a point's scales and conditions; those in columns stand in its own row."""
    return tuple(other.oid or f"{other.walk}.{row}" for other in spec.keys.beside)


def _chosen(spec: PointSpec, rows: Rows) -> Iterator[tuple[str, str]]:
    """The rows of a column that count, each with its instance."""
    for row in rows.get(spec.keys.walk or "", ()):
        instance = row_instance(spec, row)
        if instance is not None and all(_met(only, rows, row) for only in spec.keys.only):
            yield row, instance


def _met(only: Condition, rows: Rows, row: str) -> bool:
    there = rows.get(only.walk or only.oid or "", {})
    value = there.get(row if only.walk is not None else "")
    return only.met_by(text_of(value) if isinstance(value, bytes) else value)


def row_instance(spec: PointSpec, row: str) -> str | None:
    """Instance of a table row: its index with '-' for '.', or the name the profile gives it.

    Of an index that has to fit a pattern the groups are meant. A profile that names instances names
    all it wants: other rows are None. Agents of several makers append a '.0' to each index; where
    the profile knows the index without it, that row is meant.
    """
    if spec.keys.index is not None:
        fit = re.fullmatch(spec.keys.index, row)
        if fit is None:
            return None
        row = ".".join(group for group in fit.groups() if group is not None)
    found: str | None = row.replace(".", "-")
    instances = spec.keys.instances
    if instances is not None:
        found = instances.get(row, instances.get(row.removesuffix(".0")))
    return None if found is None else spec.instance_of(found)


def bind_modbus(profile: Profile) -> tuple[Bound[Register], ...]:
    """Every point of a Modbus profile, repetitions included."""
    bound: list[Bound[Register]] = []
    for spec in profile.points:
        rule = rule_of(spec)
        also = tuple(_register_beside(other, profile) for other in spec.keys.beside)
        for name, shift in spec.expanded():
            bound.append(Bound(name, spec, register_of(spec, profile, shift), rule, also))
    return tuple(bound)


def register_of(spec: PointSpec, profile: Profile, shift: int = 0) -> Register:
    """The register of a point, defaults of the profile filled in."""
    keys = spec.keys
    fc = keys.fc or profile.modbus.fc
    kind, count = parse_type(keys.type or ("bit" if fc < 3 else "u16"))
    order = keys.word_order or profile.modbus.word_order
    return Register(fc, (keys.address or 0) + shift, kind, order, count)


def _register_beside(other: Beside, profile: Profile) -> Register:
    """A register that tells the scale of a point, or whether it has a value."""
    fc = other.fc or profile.modbus.fc
    kind, count = parse_type("bit" if fc < 3 else other.type)
    return Register(fc, other.address or 0, kind, profile.modbus.word_order, count)


def parse_type(text: str) -> tuple[str, int]:
    """`string(8)` as ("string", 8), any other type with the count 1."""
    return ("string", int(text[7:-1])) if text.startswith("string(") else (text, 1)


def bind_sunspec(
    profile: Profile, blocks: Mapping[ModelBlock, Mapping[str, FieldLayout]]
) -> tuple[Bound[Register], ...]:
    """Every point of a SunSpec profile whose model and field the device has.

    A field of a repeating group (`module.DCV`) gives a point for each repetition, counted from 1.
    Where the device has a model several times (meters, strings of a battery) its blocks are counted
    likewise: none of them is the whole.
    """
    several = Counter(block.model for block in blocks)
    seen: Counter[int] = Counter()
    numbers: dict[ModelBlock, str] = {}
    for block in blocks:
        seen[block.model] += 1
        numbers[block] = str(seen[block.model]) if several[block.model] > 1 else ""
    bound: list[Bound[Register]] = []
    for spec in profile.points:
        for block, layouts in blocks.items():
            if block.model in spec.models:
                bound += _fields(spec, block, layouts, numbers[block])
    return tuple(bound)


def _fields(
    spec: PointSpec, block: ModelBlock, layouts: Mapping[str, FieldLayout], which: str
) -> Iterator[Bound[Register]]:
    """The points of one entry in a block, which has a number where it is one of several."""
    before = [word for word in (spec.name.instance, which) if word]
    for layout in layouts.values():
        if layout.path != spec.keys.field:
            continue
        number = NUMBERS.get(layout.type)
        missing = None if number is None else number[1]
        also: tuple[Register, ...] = ()
        if layout.exponent_at is not None:
            also = (Register(3, block.address + layout.exponent_at, "s16"),)
        rule = rule_of(
            spec,
            sentinels=() if missing is None else (missing,),
            exponent=layout.exponent,
            scales=("exponent",) * len(also),
        )
        instance = "-".join([*before, *map(str, layout.index)])
        name = PointName(spec.name.part, spec.name.quantity, instance)
        yield Bound(name, spec, field_register(block, layout), rule, also)


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
