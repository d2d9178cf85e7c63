"""The rows of the point table that the power graph needs, gathered in one go on each tick.

Names are matched when a point appears in the table, never on a tick. Owns no meaning: what a state
says of a node stands in `states`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.points import Point
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Indices
from core.snapshot import PointView
from core.vocabulary import STATES, Severity

_EMPTY: Mapping[str, int] = {}
_UNKNOWN_CODE = 0


@dataclass(frozen=True, slots=True)
class _Slots:
    """Places in the gathered lists, by device and point name. Replaced whole when points appear."""

    of: Mapping[str, Mapping[str, int]]
    rows: Indices
    known: int  # points of the table that were looked at


class Gathered:
    """Values of one tick, by slot."""

    def __init__(self, slots: _Slots, view: PointView) -> None:
        rows, count = slots.rows, len(view.value)
        beyond = rows >= count  # an older view than the one the rows were made from
        if count == 0:
            rows = rows[:0]
        elif beyond.any():
            rows = np.where(beyond, 0, rows)
        value, quality = view.value[rows], view.quality[rows]
        if len(rows) and beyond.any():
            quality = np.where(beyond, np.uint8(Quality.WAITING), quality)
        self._slots = slots
        self.value: list[float] = value.tolist()
        self.quality: list[int] = quality.tolist()
        self.severity: list[int] = view.severity[rows].tolist()

    def device(self, device: str) -> Reading:
        """The points of one device."""
        return Reading(self, self._slots.of.get(device, _EMPTY) if self.value else _EMPTY)

    def watts(self, point: str) -> float | None:
        """A demand in W by point id, None where it cannot be used."""
        device, _, name = point.partition("/")
        return self.device(device).number(name)


class Reading:
    """Points of one device as they stand. `doubtful` once a value was read that is only held."""

    def __init__(self, gathered: Gathered, slots: Mapping[str, int]) -> None:
        self._all = gathered
        self._slots = slots
        self.doubtful = False

    def number(self, name: str) -> float | None:
        """A value in its unit; None where the device has no such point, or none that can be
        used."""
        slot = self._slots.get(name)
        if slot is None:
            return None
        level = self._all.quality[slot] >> LEVEL_SHIFT
        if level >= Level.BAD:
            return None
        if self._all.quality[slot] == Quality.HELD:
            self.doubtful = True
        value = self._all.value[slot]
        # Nothing is above a number that is none: it would pass every limit.
        return None if math.isnan(value) else value

    def has(self, name: str) -> bool:
        """Whether the device measures this at all."""
        slot = self._slots.get(name)
        return slot is not None and self._all.quality[slot] != Quality.NOT_IMPLEMENTED

    def unreadable(self, name: str) -> bool:
        """Whether the device has this, and it cannot be used now."""
        return self.has(name) and self.number(name) is None

    def missing(self, prefixes: str | tuple[str, ...]) -> list[str]:
        """Names of the points that the device has, that begin with one of `prefixes`, and cannot be
        used now."""
        return [name for name in self._slots if name.startswith(prefixes) and self.unreadable(name)]

    def word(self, name: str) -> str:
        """The name of a state; empty where the device does not have it, `unknown` where it should
        and cannot be used."""
        if not self.has(name):
            return ""
        code = self.number(name)
        part_of = name.split(".")
        # `battery.state`, `rectifier.state` which is a `state`, and each with an instance behind.
        keys = (".".join(part_of[:2]), part_of[-1], *part_of[-2:-1])
        axis = next(STATES[key] for key in keys if key in STATES)
        if code is None or not 0 <= code < len(axis.states):
            return axis.states[_UNKNOWN_CODE]
        return axis.states[int(code)]

    def words(self, prefix: str) -> dict[str, str]:
        """Names of states by instance, for all points that begin with `prefix`."""
        axis = STATES[prefix.rstrip(".")]
        found = {}
        for name in self._slots:
            if name.startswith(prefix) and self.has(name):
                code = self.number(name)
                known = code is not None and 0 <= code < len(axis.states)
                found[name.removeprefix(prefix)] = axis.states[int(code or 0)] if known else ""
        return found

    def numbers(self, prefixes: Sequence[str]) -> list[tuple[str, float]]:
        """All usable values whose names begin with one of `prefixes`."""
        values = (
            (name, self.number(name)) for name in self._slots if name.startswith(tuple(prefixes))
        )
        return [(name, value) for name, value in values if value is not None]

    def critical(self) -> list[str]:
        """Names of states that stand at critical severity."""
        severity, quality = self._all.severity, self._all.quality
        return [
            name
            for name, slot in self._slots.items()
            if severity[slot] == Severity.CRITICAL and quality[slot] >> LEVEL_SHIFT < Level.BAD
        ]

    def any_usable(self) -> bool:
        """Whether anything at all is known of the device."""
        quality = self._all.quality
        return any(quality[slot] >> LEVEL_SHIFT < Level.BAD for slot in self._slots.values())


class Watch:
    """Follows the table as it grows. `wanted` maps a device to the beginnings of the names that
    are needed of it (`alarms` stands for every state)."""

    ALARMS = "*"

    def __init__(self, wanted: Mapping[str, Iterable[str]]) -> None:
        self._wanted = {device: tuple(names) for device, names in wanted.items()}
        self._slots = _Slots({}, np.empty(0, dtype=np.int32), 0)

    def gather(self, view: PointView) -> Gathered:
        """The values that are needed, from this view."""
        if len(view.points) > self._slots.known:
            self._slots = self._grown(self._slots, view.points)
        return Gathered(self._slots, view)

    def _grown(self, slots: _Slots, points: Sequence[Point]) -> _Slots:
        of = {device: dict(names) for device, names in slots.of.items()}
        rows = slots.rows.tolist()
        for row in range(slots.known, len(points)):
            point = points[row]
            prefixes = self._wanted.get(point.device)
            if prefixes is None:
                continue
            name = str(point.name)
            every = self.ALARMS in prefixes and point.name.axis is not None
            if every or name.startswith(prefixes):
                of.setdefault(point.device, {})[name] = len(rows)
                rows.append(row)
        return _Slots(of, np.array(rows, dtype=np.int32), len(points))
