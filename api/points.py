"""Points of a snapshot as columns or rows, filtered.

Owns how a reading looks at the edge: states by name with their code beside, missing as null. Runs
in a worker thread; holds no snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from api.encode import Doc, dumps
from api.times import iso, iso_list
from core.points import Point
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Floats
from core.site import Site
from core.snapshot import PointView, Snapshot
from core.vocabulary import Severity, StateAxis

CHUNK_ROWS = 4096
"""Rows turned into JSON in one go: the encoder holds the interpreter for a chunk, not for all."""

_QUALITY = {quality.value: (quality.level.name.lower(), quality.reason) for quality in Quality}
_SEVERITIES = tuple(severity.name.lower() for severity in Severity)


@dataclass(frozen=True, slots=True)
class PointQuery:
    """Which points: each filter lists what is accepted, an empty one accepts everything."""

    device: tuple[str, ...] = ()
    device_class: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    quantity: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What never changes about the rows of the point table, as one list per column."""

    point: list[str]
    device: list[str]
    device_class: list[str]
    part: list[str]
    quantity: list[str]
    instance: list[str]
    unit: list[str | None]
    axis: list[StateAxis | None]


class PointColumns:
    """Reads points out of snapshots. One per app: it remembers the names of the table's rows."""

    def __init__(self, site: Site) -> None:
        self._class = {device.id: device.device_class for device in site.devices}
        self._names = _names((), self._class)

    def names(self, view: PointView) -> Names:
        """Names of all rows. Rows are only ever appended, so an equal count is the same table."""
        names = self._names
        if len(names.point) != len(view.points):
            self._names = names = _names(view.points, self._class)
        return names

    def select(self, view: PointView, query: PointQuery) -> list[int]:
        """Rows that pass every filter, in table order."""
        names = self.names(view)
        rows: Sequence[int] = range(len(names.point))
        for column, accepted in (
            (names.device, query.device),
            (names.device_class, query.device_class),
            (names.part, query.part),
            (names.quantity, query.quantity),
            (names.instance, query.instance),
        ):
            if accepted:
                wanted = frozenset(accepted)
                rows = [row for row in rows if column[row] in wanted]
        return list(rows)

    def columns(self, snapshot: Snapshot, rows: Sequence[int]) -> Doc:
        """The rows asked for, one list per column."""
        view, names = snapshot.points, self.names(snapshot.points)
        index = np.asarray(rows, dtype=np.int64)
        value, quality, time = view.value[index], view.quality[index], view.time[index]
        usable = np.isfinite(value) & (quality >> LEVEL_SHIFT < Level.BAD)
        values = _or_none(value, usable)
        codes: list[int | None] = [None] * len(values)
        severities: list[str | None] = [None] * len(values)
        severity = view.severity[index].tolist()
        for i, row in enumerate(rows):
            axis = names.axis[row]
            if axis is not None and values[i] is not None:
                codes[i] = code = int(value[i])
                values[i] = axis.states[code] if code < len(axis.states) else "unknown"
                severities[i] = _SEVERITIES[severity[i]]
        qualities = [_QUALITY[byte] for byte in quality.tolist()]
        age = snapshot.time - time
        return {
            "point": [names.point[row] for row in rows],
            "device": [names.device[row] for row in rows],
            "class": [names.device_class[row] for row in rows],
            "part": [names.part[row] for row in rows],
            "quantity": [names.quantity[row] for row in rows],
            "instance": [names.instance[row] for row in rows],
            "value": values,
            "unit": [names.unit[row] for row in rows],
            "code": codes,
            "severity": severities,
            "quality": [level for level, _ in qualities],
            "reason": [reason for _, reason in qualities],
            "time": iso_list(time),
            "age_s": _or_none(age.round(3), np.isfinite(age)),
        }

    def rows(self, snapshot: Snapshot, rows: Sequence[int]) -> list[Doc]:
        """The rows asked for, one dictionary each; `id` is the point again, as in every list."""
        columns = self.columns(snapshot, rows)
        keys = ("id", *columns)
        lists = (columns["point"], *columns.values())
        return [dict(zip(keys, values, strict=True)) for values in zip(*lists, strict=True)]


def render_points(
    columns: PointColumns, snapshot: Snapshot, query: PointQuery, *, bulk: bool
) -> bytes:
    """The answer to `/points`: rows, or columns where `bulk`."""
    rows = columns.select(snapshot.points, query)
    head = {"version": snapshot.version, "time": iso(snapshot.time)}
    if bulk:
        return dumps(head | {"columns": columns.columns(snapshot, rows)})
    chunks = [
        dumps(columns.rows(snapshot, rows[start : start + CHUNK_ROWS]))[1:-1]
        for start in range(0, len(rows), CHUNK_ROWS)
    ]
    return b"".join((dumps(head)[:-1], b',"points":[', b",".join(chunks), b"]}"))


def _or_none(numbers: Floats, known: npt.NDArray[np.bool_]) -> list[Any]:
    listed: list[Any] = numbers.tolist()
    for gap in np.flatnonzero(~known).tolist():
        listed[gap] = None
    return listed


def _names(points: Sequence[Point], classes: Mapping[str, str]) -> Names:
    definitions = [point.name.definition for point in points]
    return Names(
        point=[point.id for point in points],
        device=[point.device for point in points],
        device_class=[classes.get(point.device, "other") for point in points],
        part=[point.name.part for point in points],
        quantity=[point.name.quantity for point in points],
        instance=[point.name.instance for point in points],
        unit=[definition.unit if definition else None for definition in definitions],
        axis=[point.name.axis for point in points],
    )
