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
from orjson import Fragment

from api.encode import Doc, dumps, stamped
from api.times import iso_list
from core.points import Point
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Floats
from core.site import Site
from core.snapshot import PointView, Snapshot
from core.vocabulary import Severity, StateAxis

CHUNK_ROWS = 16_384
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


_READING = ("value", "code", "severity", "quality", "reason", "time", "age_s")
_ROW = b"%b" + b"".join(b',"%b":%%b' % key.encode() for key in _READING) + b"}"


@dataclass(frozen=True, slots=True)
class Names:
    """What never changes about the rows of the point table.

    `columns` has one list per column; `head` the beginning of each row in JSON, still open.
    """

    columns: Mapping[str, Sequence[str | None]]
    head: Sequence[bytes]
    axis: Sequence[StateAxis | None]


class PointColumns:
    """Reads points out of snapshots. One per app: it remembers the names of the table's rows."""

    def __init__(self, site: Site) -> None:
        self._class = {device.id: device.device_class for device in site.devices}
        self._names = _names((), self._class)

    def names(self, view: PointView) -> Names:
        """Names of all rows. Rows are only ever appended, so an equal count is the same table."""
        names = self._names
        if len(names.head) != len(view.points):
            self._names = names = _names(view.points, self._class)
        return names

    def select(self, view: PointView, query: PointQuery) -> list[int]:
        """Rows that pass every filter, in table order."""
        names = self.names(view)
        rows: Sequence[int] = range(len(names.head))
        for key, accepted in (
            ("device", query.device),
            ("class", query.device_class),
            ("part", query.part),
            ("quantity", query.quantity),
            ("instance", query.instance),
        ):
            if accepted:
                wanted, column = frozenset(accepted), names.columns[key]
                rows = [row for row in rows if column[row] in wanted]
        return list(rows)

    def columns(self, snapshot: Snapshot, rows: Sequence[int]) -> Doc:
        """The rows asked for, one list per column."""
        names = self.names(snapshot.points)
        fixed = {key: [column[row] for row in rows] for key, column in names.columns.items()}
        return fixed | self._readings(snapshot, rows)

    def rows(self, snapshot: Snapshot, rows: Sequence[int]) -> bytes:
        """The rows asked for, as a JSON array of objects.

        A row is put together from text that is encoded already. A dictionary per row would take
        twice the time, and set off collections of the whole heap that hold up the event loop.
        """
        chunks = (rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS))
        return b"[" + b",".join(self._chunk(snapshot, chunk) for chunk in chunks) + b"]"

    def _chunk(self, snapshot: Snapshot, rows: Sequence[int]) -> bytes:
        head = self.names(snapshot.points).head
        readings = self._readings(snapshot, rows)
        # No word of these columns has a comma in it; `strict` would tell.
        cells = (dumps(readings[key])[1:-1].split(b",") for key in _READING)
        return b",".join(
            [_ROW % row for row in zip([head[row] for row in rows], *cells, strict=True)]
        )

    def _readings(self, snapshot: Snapshot, rows: Sequence[int]) -> Doc:
        view, axes = snapshot.points, self.names(snapshot.points).axis
        index = np.asarray(rows, dtype=np.int64)
        value, quality, time = view.value[index], view.quality[index], view.time[index]
        usable = np.isfinite(value) & (quality >> LEVEL_SHIFT < Level.BAD)
        values = _or_none(value, usable)
        codes: list[int | None] = [None] * len(values)
        severities: list[str | None] = [None] * len(values)
        severity = view.severity[index].tolist()
        for i, row in enumerate(rows):
            axis = axes[row]
            if axis is not None and values[i] is not None:
                codes[i] = code = int(values[i])
                values[i] = axis.states[code] if code < len(axis.states) else "unknown"
                severities[i] = _SEVERITIES[severity[i]]
        qualities = [_QUALITY[byte] for byte in quality.tolist()]
        age = snapshot.time - time
        return {
            "value": values,
            "code": codes,
            "severity": severities,
            "quality": [level for level, _ in qualities],
            "reason": [reason for _, reason in qualities],
            "time": iso_list(time),
            "age_s": _or_none(age.round(3), np.isfinite(age)),
        }


def render_points(
    columns: PointColumns, snapshot: Snapshot, query: PointQuery, *, bulk: bool
) -> bytes:
    """The answer to `/points`: rows, or columns where `bulk`."""
    rows = columns.select(snapshot.points, query)
    if bulk:
        return dumps(stamped(snapshot, {"columns": columns.columns(snapshot, rows)}))
    return dumps(stamped(snapshot, {"points": Fragment(columns.rows(snapshot, rows))}))


def _or_none(numbers: Floats, known: npt.NDArray[np.bool_]) -> list[Any]:
    listed: list[Any] = numbers.tolist()
    for gap in np.flatnonzero(~known).tolist():
        listed[gap] = None
    return listed


def _names(points: Sequence[Point], classes: Mapping[str, str]) -> Names:
    definitions = [point.name.definition for point in points]
    columns: dict[str, list[Any]] = {
        "point": [point.id for point in points],
        "device": [point.device for point in points],
        "class": [classes.get(point.device, "other") for point in points],
        "part": [point.name.part for point in points],
        "quantity": [point.name.quantity for point in points],
        "instance": [point.name.instance for point in points],
        "unit": [definition.unit if definition else None for definition in definitions],
    }
    # `id` is the point again, as in every list.
    keys = ("id", *columns)
    rows = zip(columns["point"], *columns.values(), strict=True)
    head = [dumps(dict(zip(keys, row, strict=True)))[:-1] for row in rows]
    return Names(columns, head, [point.name.axis for point in points])
