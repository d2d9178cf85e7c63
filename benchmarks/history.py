"""What history costs: CPU from `accept` to the sealed file, bytes, query times.

CPU seconds per million readings: 2,000 devices of 24 points, polled each 5 s, as in the bar of the
whole agent. Queries: a site of 5,520 points polled each 5 s; one point over 24 sealed hours, and
over an hour that is still open.
70 % measured values with one decimal (a quarter change per poll), 20 % states, 10 % counters.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.points import Point, parse_name
from core.readings import Batch
from history import hourfile
from history.block import Columns
from history.catalog import Catalog
from history.journal import Journal, Limits
from history.local import LocalHistory
from history.parts import FOLDER, next_path
from history.reader import LocalReader
from history.recorder import Recorder

HOUR = 490_000
T0 = HOUR * 3600.0
PER_DEVICE = 24
INTERVAL_S = 5
CPU_S_PER_MILLION_MAX = 0.3
QUERY_MS_MAX = 150.0


class Plant:
    """Values that change as a plant's do."""

    def __init__(self, devices: int) -> None:
        self.random = np.random.default_rng(1)
        self.devices = devices
        size = devices * PER_DEVICE
        self.kind = self.random.choice(3, size, p=[0.7, 0.2, 0.1])
        measured = np.round(self.random.uniform(0, 400, size), 1)
        states = self.random.integers(0, 8, size)
        counters = self.random.integers(0, 10**7, size)
        self.value = np.choose(self.kind, [measured, states, counters]).astype(float)
        self.index = np.arange(size, dtype=np.int32).reshape(devices, PER_DEVICE)
        self.good = np.zeros(PER_DEVICE, dtype=np.uint8)
        self.phase = self.random.uniform(0, INTERVAL_S, devices)

    def points(self) -> list[Point]:
        words = ["output.voltage", "output.current", "input.voltage", "bypass.voltage"]
        names = [parse_name(f"{words[k % 4]}.{k // 4}") for k in range(PER_DEVICE)]
        return [Point(f"ups-{device}", name) for device in range(self.devices) for name in names]

    def step(self) -> None:
        """One poll later."""
        size = len(self.value)
        changed = self.random.random(size) < np.choose(self.kind, [0.24, 0.005, 0.85])
        moved = np.round(self.value + self.random.integers(-5, 6, size) * 0.1, 1)
        counted = self.value + self.random.integers(1, 50, size)
        other = self.random.integers(0, 8, size)
        self.value = np.where(changed, np.choose(self.kind, [moved, other, counted]), self.value)

    def seconds(self, count: int) -> Iterator[list[Batch]]:
        """The batches of each second."""
        due = [np.flatnonzero(self.phase.astype(int) == k).tolist() for k in range(INTERVAL_S)]
        for second in range(count):
            if second % INTERVAL_S == 0:
                self.step()
                value = self.value.reshape(self.devices, PER_DEVICE)
            jitter = self.random.normal(0, 0.02, self.devices) + self.phase % 1 * 0.8 + 0.1
            yield [
                Batch.of(T0 + second + jitter[k], self.index[k], value[k], self.good, self.good)
                for k in due[second % INTERVAL_S]
            ]


class Store:
    """Journal, recorder and local history in a directory."""

    def __init__(self, folder: Path, plant: Plant) -> None:
        self.folder = folder
        self.journal = Journal.open(folder, ["local"])
        self.catalog: Catalog = self.journal.catalog()
        self.recorder = Recorder(self.journal, self.catalog)
        self.recorder.define(0, plant.points())
        self.local = LocalHistory(folder, self.journal, self.catalog)

    def feed(self, seconds: list[list[Batch]]) -> int:
        for number, batches in enumerate(seconds):
            for batch in batches:
                self.recorder.accept(batch)
            if not self.recorder.write(T0 + number):
                raise RuntimeError(self.recorder.error)
        return self.journal.status.total


def cpu(folder: Path, seconds: int = 80) -> dict[str, float]:
    """CPU seconds per million readings, and bytes per reading."""
    plant = Plant(2000)
    fed = list(plant.seconds(seconds))
    store = Store(folder, plant)
    store.feed([[]])  # the names of the series are stored and sorted once, at the start
    store.catalog.ranking()
    bytes_before = store.journal.status.live_bytes
    started = time.process_time()
    total = store.feed(fed)
    recorded = time.process_time()
    journal_bytes = store.journal.status.live_bytes - bytes_before
    store.local.seal(T0 + 3700)
    sealed = time.process_time()
    store.journal.trim(Limits(1e9, 1 << 40), round((T0 + 3700) * 1000))
    trimmed = time.process_time()
    files = list((folder / FOLDER).rglob("*.parquet"))
    store.journal.close()
    million = total / 1e6
    return {
        "readings": float(total),
        "record_cpu_s_per_million": (recorded - started) / million,
        "seal_cpu_s_per_million": (sealed - recorded) / million,
        "trim_cpu_s_per_million": (trimmed - sealed) / million,
        "cpu_s_per_million": (trimmed - started) / million,
        "journal_bytes_per_reading": journal_bytes / total,
        "parquet_bytes_per_reading": sum(file.stat().st_size for file in files) / total,
    }


def queries(folder: Path) -> dict[str, float]:
    """Milliseconds for one point: 24 sealed hours, and the open hour at its end."""
    plant = Plant(230)
    store = Store(folder, plant)
    point = plant.points()[3000].id
    path = next_path(folder / FOLDER, HOUR - 24)
    hourfile.write(path, _hour(plant, store.catalog), store.catalog.ranking().names)
    for hour in range(HOUR - 23, HOUR):
        # The same readings under each hour: what is measured is opening and reading 24 files.
        copy = next_path(folder / FOLDER, hour)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    reader = LocalReader(folder)
    sealed = _median_ms(lambda: reader.query(point, T0 - 86400, T0, 300))
    total = store.feed(list(plant.seconds(3600)))
    open_hour = _median_ms(lambda: reader.query(point, T0, T0 + 3600, 300))
    both = _median_ms(lambda: reader.query(point, T0 - 82800, T0 + 3600, 300))
    store.journal.close()
    return {
        "points": float(plant.devices * PER_DEVICE),
        "parquet_bytes_per_reading": path.stat().st_size / total,
        "day_of_24_files_ms": sealed,
        "open_hour_ms": open_hour,
        "day_with_open_hour_ms": both,
    }


def _hour(plant: Plant, catalog: Catalog) -> Columns:
    """An hour of the plant, as the journal would give it."""
    rank = catalog.ranking().rank
    size = plant.devices * PER_DEVICE
    series = rank[[catalog.id_of(point.id) for point in plant.points()]]
    values, times = [], []
    for poll in range(3600 // INTERVAL_S):
        plant.step()
        jitter = plant.random.normal(0, 0.02, plant.devices) + plant.phase
        moments = (T0 - 86400 + poll * INTERVAL_S + jitter) * 1000
        times.append(np.repeat(moments.astype(np.int64), PER_DEVICE))
        values.append(plant.value)
    polls = len(times)
    return Columns(
        np.tile(series, polls),
        np.concatenate(times),
        np.concatenate(values),
        np.zeros(size * polls, dtype=np.uint8),
    )


def _median_ms(work: Any, rounds: int = 7) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def run(rounds: int) -> dict[str, Any]:
    """All figures; the median of `rounds` for CPU."""
    with tempfile.TemporaryDirectory(prefix="kasbah-bench-") as folder:
        costs = [cpu(Path(folder) / str(number)) for number in range(rounds)]
        asked = queries(Path(folder) / "queries")
    figures = {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}
    return {**figures, "queries": asked}


def main() -> int:
    """Print the figures as JSON; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    figures = run(parser.parse_args().rounds)
    print(json.dumps(figures, indent=2))
    slow = figures["queries"]["day_with_open_hour_ms"] > QUERY_MS_MAX
    return int(slow or figures["cpu_s_per_million"] > CPU_S_PER_MILLION_MAX)


if __name__ == "__main__":
    raise SystemExit(main())
