"""An Intake for tests: hands out rows and tells the answers of a batch apart again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.points import PointName
from core.readings import Batch, Rows
from core.snapshot import DeviceStatus


@dataclass
class Rowed:
    """Owns whose row is whose. A device that is registered anew keeps its rows."""

    owner: list[tuple[str, str]] = field(default_factory=list)
    statuses: dict[str, DeviceStatus] = field(default_factory=dict)

    def register(self, device: str, names: Sequence[PointName]) -> Rows:
        points = [(device, str(name)) for name in names]
        self.owner += [point for point in points if point not in self.owner]
        return np.array([self.owner.index(point) for point in points], dtype=np.intp)

    def expect(self, rows: Rows, interval_s: float) -> None:
        """Of no interest here."""

    def report(self, device: str, status: Callable[[], DeviceStatus]) -> None:
        self.statuses[device] = status()

    def answers(self, batch: Batch) -> Iterator[tuple[str, float, slice]]:
        """Device, time and place in the batch of each answer."""
        ends = np.cumsum(batch.count).tolist()
        for time, count, end in zip(batch.time.tolist(), batch.count.tolist(), ends, strict=True):
            if count:
                device, _ = self.owner[batch.index[end - count]]
                yield device, time, slice(end - count, end)
