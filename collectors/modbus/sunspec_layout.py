"""Where the points of a SunSpec model lie in its registers. Pure, but for reading definitions once.

Owns model definitions and the layout they give for a device's own length and counts. Must not know
values (`sunspec.py` decodes, `sunspec_image.py` encodes).

The definitions are the SunSpec Alliance's, as the package pysunspec2 ships them (one JSON file per
model, `sunspec2/models/json`); a file is read when its model is first met. Names of points, groups
and symbols are theirs: `W`, `module.DCV`.

A device's own length L is trusted. Points past it are absent, as in devices that end a model early;
repeated groups whose number no point tells are as many as fit into it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

HEADER = 2
"""Registers before a model's L registers: its ID and L itself."""

PAD = "pad"
SCALE_FACTOR = "sunssf"


@dataclass(frozen=True, slots=True)
class PointDefinition:
    """A point as its model defines it. `scale` is an exponent of ten or the point that holds it."""

    name: str
    type: str
    size: int
    scale: int | str
    unit: str
    symbols: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """Points in their order, then groups. `count` is how often the group stands there: a number,
    the point that tells it, or 0 for as many as fit."""

    name: str
    count: int | str
    points: tuple[PointDefinition, ...]
    groups: tuple[GroupDefinition, ...]


@dataclass(frozen=True, slots=True)
class FieldLayout:
    """One point in the block of a device's model. Offsets count registers from the ID register.

    `name` is unique in the block (`module.2.DCV`); `path` is the same for each repetition
    (`module.DCV`), which `index` (1-based, outer group first) tells apart. The value is the raw
    number times ten to the `exponent`, or to the number in the register at `exponent_at`.
    """

    name: str
    path: str
    index: tuple[int, ...]
    offset: int
    size: int
    type: str
    exponent: int
    exponent_at: int | None
    unit: str
    symbols: Mapping[int, str] = field(compare=False)


@lru_cache(maxsize=128)
def definition(model: int) -> GroupDefinition | None:
    """The definition of a model, None where pysunspec2 has none (vendors' models)."""
    source = files("sunspec2").joinpath("models", "json", f"model_{model}.json")
    if not source.is_file():
        return None
    return _group(json.loads(source.read_text("utf-8"))["group"])


def fields(
    model: int, length: int, counts: Mapping[str, int] | None = None
) -> Mapping[str, FieldLayout]:
    """Points of a model by name, in the order of their registers; empty for an unknown model.

    `length` is the device's L. `counts` are values of counting points by name (`NPt`), needed only
    where groups repeat inside groups (705..710, 712); without them such groups are left out.
    Padding is no point; a point whose scale factor lies past the end is left out with it.
    """
    return _fields(model, length, tuple(sorted((counts or {}).items())))


def length_of(group: GroupDefinition, counts: Mapping[str, int]) -> int:
    """Registers of a group with the groups inside it, their numbers given by group name."""
    inner = sum(length_of(each, counts) * counts.get(each.name, 1) for each in group.groups)
    return sum(point.size for point in group.points) + inner


@lru_cache(maxsize=512)
def _fields(
    model: int, length: int, counts: tuple[tuple[str, int], ...]
) -> Mapping[str, FieldLayout]:
    top = definition(model)
    if top is None:
        return MappingProxyType({})
    placing = _Placing(HEADER + length, dict(counts))
    layouts = {layout.name: layout for layout in placing.points(top, _Place(0))}
    return MappingProxyType(layouts)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a group begins and how it is called; `scales` are the scale factors in reach."""

    at: int
    prefix: str = ""
    path: str = ""
    index: tuple[int, ...] = ()
    scales: Mapping[str, int] = field(default_factory=dict)

    def inner(self, group: GroupDefinition, at: int, number: int | None) -> _Place:
        step = f"{group.name}." if number is None else f"{group.name}.{number}."
        index = self.index if number is None else (*self.index, number)
        path = f"{self.path}{group.name}."
        return _Place(at, self.prefix + step, path, index, self.scales)


class _Placing:
    """Lays one block out, down to its end at register `end`."""

    def __init__(self, end: int, counts: Mapping[str, int]) -> None:
        self._end = end
        self._counts = counts

    def points(self, group: GroupDefinition, place: _Place) -> Iterator[FieldLayout]:
        """Points of a group and of the groups in it, as far as they fit."""
        offsets: list[int] = []
        at = place.at
        for point in group.points:
            offsets.append(at)
            at += point.size
        scales = dict(place.scales)
        for point, offset in zip(group.points, offsets, strict=True):
            if point.type == SCALE_FACTOR:
                scales[point.name] = offset
        place = _Place(place.at, place.prefix, place.path, place.index, scales)
        for point, offset in zip(group.points, offsets, strict=True):
            layout = self._layout(point, offset, place)
            if layout is not None:
                yield layout
        yield from self._groups(group, place, at)

    def _groups(self, group: GroupDefinition, place: _Place, at: int) -> Iterator[FieldLayout]:
        for inner in group.groups:
            size = self._size(inner)
            number = self._number(inner, size, at)
            if number is None or size is None:
                return  # what follows a group of unknown size has no known place
            if inner.count == 1:
                yield from self.points(inner, place.inner(inner, at, None))
            else:
                for i in range(number):
                    yield from self.points(inner, place.inner(inner, at + i * size, i + 1))
            at += number * size

    def _layout(self, point: PointDefinition, offset: int, place: _Place) -> FieldLayout | None:
        exponent, exponent_at = 0, None
        if isinstance(point.scale, int):
            exponent = point.scale
        else:
            exponent_at = place.scales.get(point.scale)
        past = offset + point.size > self._end
        scale_past = isinstance(point.scale, str) and (
            exponent_at is None or exponent_at >= self._end
        )
        if past or scale_past or point.type == PAD:
            return None
        return FieldLayout(
            name=place.prefix + point.name,
            path=place.path + point.name,
            index=place.index,
            offset=offset,
            size=point.size,
            type=point.type,
            exponent=exponent,
            exponent_at=exponent_at,
            unit=point.unit,
            symbols=point.symbols,
        )

    def _number(self, group: GroupDefinition, size: int | None, at: int) -> int | None:
        """How often the group stands there; None when that cannot be known."""
        if isinstance(group.count, int) and group.count > 0:
            return group.count
        if not size:
            return None
        fit = max(0, self._end - at) // size
        told = self._counts.get(group.count) if isinstance(group.count, str) else None
        return fit if told is None else min(told, fit)

    def _size(self, group: GroupDefinition) -> int | None:
        """Registers of one repetition; None when it holds groups of unknown number."""
        size = sum(point.size for point in group.points)
        for inner in group.groups:
            one = self._size(inner)
            number = inner.count
            if isinstance(number, str):
                number = self._counts.get(number, -1)
            if one is None or number < 0 or (number == 0 and inner.count == 0):
                return None
            size += number * one
        return size


def _group(keys: Mapping[str, Any]) -> GroupDefinition:
    count = keys.get("count", 1)
    return GroupDefinition(
        name=keys["name"],
        count=int(count) if str(count).isdigit() else str(count),
        points=tuple(_point(point) for point in keys["points"]),
        groups=tuple(_group(group) for group in keys.get("groups", ())),
    )


def _point(keys: Mapping[str, Any]) -> PointDefinition:
    scale = keys.get("sf", 0)
    symbols = {int(symbol["value"]): str(symbol["name"]) for symbol in keys.get("symbols", ())}
    return PointDefinition(
        name=keys["name"],
        type=keys["type"],
        size=int(keys["size"]),
        scale=int(scale) if str(scale).lstrip("-").isdigit() else str(scale),
        unit=keys.get("units", ""),
        symbols=MappingProxyType(symbols),
    )
