"""History for tests: a clock set by hand, batches, and rows that are easy to compare."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from core.points import Point, parse_point
from core.readings import Batch
from core.site import Device, Site
from history.journal import Journal
from history.recorder import Recorder

HOUR = 500_000
"""An hour (UTC hours since 1970) on which the tests build; it is in the year 2027."""

T0 = HOUR * 3600.0

Row = tuple[float, str, float, int]


class HandClock:
    """A `core.clock.Clock` that stands until it is set; sleeping only gives way."""

    def __init__(self, now: float = T0) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001)


def site_of(*devices: tuple[str, str, str]) -> Site:
    """A site of (id, class, place)."""
    return Site(
        "orange-tech",
        "Orange Tech",
        "UTC",
        tuple(
            Device(id=id_, device_class=class_, profile="", address="", place=place)
            for id_, class_, place in devices
        ),
    )


class Feeder:
    """Feeds a recorder by point name, as collectors do by row."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._rows: dict[str, int] = {}

    def row(self, name: str) -> int:
        if name not in self._rows:
            self._rows[name] = len(self._rows)
            self.recorder.define(self._rows[name], [parse_point(name)])
        return self._rows[name]

    def batch(self, time: float, readings: dict[str, float | tuple[float, int]]) -> Batch:
        pairs = [value if isinstance(value, tuple) else (value, 0) for value in readings.values()]
        index = np.array([self.row(name) for name in readings], dtype=np.int32)
        return Batch.of(
            time=time,
            index=index,
            value=np.array([value for value, _ in pairs], dtype=np.float64),
            quality=np.array([quality for _, quality in pairs], dtype=np.uint8),
            severity=np.zeros(len(index), dtype=np.uint8),
        )

    def accept(self, time: float, readings: dict[str, float | tuple[float, int]]) -> None:
        self.recorder.accept(self.batch(time, readings))

    def write(self, now: float) -> None:
        assert self.recorder.write(now)


def feeder(journal: Journal) -> Feeder:
    return Feeder(Recorder(journal, journal.catalog()))


def points(*names: str) -> list[Point]:
    return [parse_point(name) for name in names]


def same(found: Iterable[Row], expected: Iterable[Row]) -> bool:
    """Whether these are the same rows, where a NaN equals a NaN."""
    return _comparable(found) == _comparable(expected)


def _comparable(rows: Iterable[Row]) -> list[tuple[float, str, str, int]]:
    return [(time, point, repr(value), quality) for time, point, value, quality in rows]


def parquet_files(state_dir: Path) -> list[str]:
    """Sealed parts, as paths below `history/`."""
    folder = state_dir / "history"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))
