"""Meters for tests of energies: real power over time, counted in steps, polled at a phase.

`Bench` keeps a point table as the engine does, so that holding and losing values is the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from core.figures import FIGURE_WINDOWS
from core.kpi import Kpis
from core.metering import Energy, EnergyInput
from core.points import parse_point
from core.quality import Quality
from core.readings import Batch
from core.snapshot import Kpi
from core.table import PointTable

START = 1_800_000_000.0

Power = Callable[[float], float]
"""W over seconds since the start."""


@dataclass
class Metered:
    """One simulated meter. `count_wh` is the step of its counter, `power_error` a factor.

    Of another quantity than electricity, `counter` and `power` name its points and `per_unit` says
    how many of what is counted here make one of its unit (1000 litres a m3). `beside` are further
    points with their values."""

    name: str
    power_w: Power
    interval_s: float = 5.0
    phase_s: float = 0.0
    count_wh: float = 1.0
    power_error: float = 1.0
    begin_wh: float = 8_123_456_700.0
    gives_power: bool = True
    gives_counter: bool = True
    silent: bool = False
    true_wh: float = 0.0
    offset_wh: float = 0.0
    counter: str = "active_energy"
    power: str = "active_power"
    per_unit: float = 1.0
    beside: tuple[tuple[str, float], ...] = ()
    due: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.due = self.phase_s

    @property
    def input(self) -> EnergyInput:
        return EnergyInput(f"{self.name}/{self.counter}", f"{self.name}/{self.power}")

    @property
    def counter_wh(self) -> float:
        return (self.begin_wh + self.true_wh + self.offset_wh) // self.count_wh * self.count_wh


class Bench:
    """Runs meters, polls them into a point table and hands it to `Kpis` once a second."""

    STEP_S = 0.1

    def __init__(self, kpis: Kpis, meters: Iterable[Metered]) -> None:
        self.kpis = kpis
        self.meters = list(meters)
        self.table = PointTable()
        self.elapsed = 0.0
        self.clock_offset = 0.0
        self.seen: list[tuple[float, tuple[Kpi, ...]]] = []

    @property
    def now(self) -> float:
        return START + self.elapsed + self.clock_offset

    def run(self, seconds: float, step_s: float = STEP_S, tick_s: float = 1.0) -> None:
        for _ in range(round(seconds / step_s)):
            before = self.elapsed
            self.elapsed = round(before + step_s, 6)
            for meter in self.meters:
                meter.true_wh += max(0.0, meter.power_w(before)) * step_s / 3600
                if self.elapsed >= meter.due:
                    meter.due += meter.interval_s
                    self._poll(meter)
            if self.elapsed // tick_s > before // tick_s:
                self.tick()

    def settle(self) -> None:
        """Tick until each window had its turn, at this moment."""
        for _ in FIGURE_WINDOWS:
            self.tick()

    def tick(self) -> None:
        self.kpis.update(self.table.view(self.now), self.now)
        self.seen.append((self.elapsed, self.kpis.report(self.now)))

    def figure(self, name: str, window: str = "", category: int | None = None) -> Kpi:
        return find(self.seen[-1][1], name, window, category)

    def figures(self, name: str, window: str = "", category: int | None = None) -> list[Kpi]:
        return [find(kpis, name, window, category) for _, kpis in self.seen]

    def _poll(self, meter: Metered) -> None:
        if meter.silent:
            return
        names, values = [], []
        if meter.gives_power:
            names.append(meter.power)
            per_hour = 1.0 if meter.per_unit == 1 else meter.per_unit * 3600
            values.append(meter.power_w(self.elapsed) * meter.power_error / per_hour)
        if meter.gives_counter:
            names.append(meter.counter)
            values.append(meter.counter_wh / meter.per_unit)
        for name, value in meter.beside:
            names.append(name)
            values.append(value)
        rows = self.table.register([parse_point(f"{meter.name}/{name}") for name in names])
        self.table.expect(rows, meter.interval_s)
        n = len(rows)
        self.table.update(
            Batch.of(
                self.now,
                rows,
                np.array(values),
                np.full(n, Quality.GOOD, dtype=np.uint8),
                np.zeros(n, dtype=np.uint8),
            )
        )


def find(kpis: Iterable[Kpi], name: str, window: str = "", category: int | None = None) -> Kpi:
    found = [
        kpi
        for kpi in kpis
        if kpi.id == name and kpi.window == window and category in (None, kpi.category)
    ]
    assert len(found) == 1, (name, window, category, found)
    return found[0]


def constant(watts: float) -> Power:
    return lambda _: watts


def site(facility, it, **others) -> Energy:
    """The energy part of a site of these meters."""
    return Energy(
        facility=tuple(meter.input for meter in facility),
        it=((1, tuple(meter.input for meter in it)),),
        **{name: tuple(meter.input for meter in meters) for name, meters in others.items()},
    )
