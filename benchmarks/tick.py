"""What one tick costs in the vectorised parts of the core, beside a plain sum of the same rows.

    python -m benchmarks.tick [--json] [--rows 10000 100000 1000000]

A fifth of the rows are states, one in a thousand of them an alarm; a tenth of a percent of the
states change each tick. Roll-ups go by rack (40 rows each) and by the four levels of place. Key
figures are those of 40 meters, whatever the number of rows. The whole tick is that of an engine
whose devices have 50 points each and answer every five seconds in turns. Milliseconds are medians;
the ratio to the plain sum of the same run is what can be compared between machines.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from core.alarms import active
from core.engine import Engine
from core.events import EventLog
from core.kpi import Kpis
from core.metering import Energy, EnergyInput
from core.points import Point, PointName, parse_point
from core.quality import Quality
from core.readings import Batch
from core.rollup import RollUp
from core.site import Device, Site
from core.snapshot import PointView, RedundancyReport, Snapshot
from core.vocabulary import Severity

NOW = 1_800_000_000.0
ROWS = (10_000, 100_000, 1_000_000)
METERS = 40
STATES_SHARE = 0.2
POINTS_A_DEVICE = 50
INTERVAL_S = 5
TICK_MS_MAX = 15.0
"""What a tick may take at a million points."""

REPORT = RedundancyReport(3, "", (), (), (), (), {})


def run(rounds: int = 3, sizes: tuple[int, ...] = ROWS) -> dict[str, Any]:
    """Milliseconds a tick by part and number of rows, and their ratio to the plain sum."""
    found: dict[str, Any] = {}
    for rows in sizes:
        view = make_view(rows)
        parts = _parts(view)
        times = {name: _median_ms(part, max(3, rounds)) for name, part in parts.items()}
        times["the whole tick"] = _whole_tick_ms(rows, max(3, rounds))
        plain = times.pop("plain sum")
        found[f"{rows} rows, plain sum, ms"] = plain
        for name, ms in times.items():
            found[f"{rows} rows, {name}, ms"] = ms
            found[f"{rows} rows, {name}, times the plain sum"] = ms / plain
    return found


def _whole_tick_ms(rows: int, rounds: int) -> float:
    """Median of ticks of an engine, each after a fifth of its points were read anew."""
    devices = max(1, rows // POINTS_A_DEVICE)
    site = Site(
        "bench",
        "",
        "UTC",
        tuple(Device(f"d{i}", "pdu", "", "snmp://[::1]") for i in range(devices)),
    )
    engine = Engine(site, NOW)
    power = [PointName("outlet", "active_power", str(i)) for i in range(POINTS_A_DEVICE - 1)]
    names = [PointName("", "mode", ""), *power]
    of = np.array([engine.register(device.id, names) for device in site.devices])
    engine.expect(of.ravel(), INTERVAL_S)
    for status in engine.snapshot.devices.values():
        engine.report(status.id, partial(replace, status, up=True, tried=True, last_success=NOW))
    chance = np.random.default_rng(9)
    times = []
    for n in range(INTERVAL_S + 5 * rounds):
        now, read = NOW + n, of[n % INTERVAL_S :: INTERVAL_S].ravel()
        zeros = np.zeros(len(read), dtype=np.uint8)
        value = chance.uniform(1e3, 1e5, len(read))
        value[:: len(names)] = 1.0
        engine.accept(Batch(np.array([now]), np.array([len(read)]), read, value, zeros, zeros))
        started = time.perf_counter()
        engine.tick(now)
        times.append((time.perf_counter() - started) * 1e3)
    return median(times[INTERVAL_S:])


def make_view(rows: int) -> PointView:
    """A table of powers and modes, all good."""
    chance = np.random.default_rng(7)
    power, mode = PointName("output", "active_power", ""), PointName("", "mode", "")
    states = int(rows * STATES_SHARE)
    every = rows // max(1, states)
    meters = tuple(parse_point(text) for each in _inputs() for text in (each.energy, each.power))
    points = (
        *(Point(f"d{row}", mode if row % every == 0 else power) for row in range(rows)),
        *meters,
    )
    is_state = np.array([point.name is mode for point in points])
    severity = np.zeros(len(points), dtype=np.uint8)
    severity[is_state & (chance.random(len(points)) < 0.001)] = Severity.WARNING
    return PointView(
        points=points,
        value=np.where(is_state, 1.0, chance.uniform(1e3, 1e5, len(points))),
        time=np.full(len(points), NOW),
        quality=np.zeros(len(points), dtype=np.uint8),
        severity=severity,
        row={point.id: row for row, point in enumerate(points)},
    )


def _parts(view: PointView) -> dict[str, Callable[[], object]]:
    racks = {point.device: f"rack-{row // 40}" for row, point in enumerate(view.points)}
    by_rack = RollUp(view.points, lambda point: (racks[point.device],))
    by_place = RollUp(view.points, lambda point: _places(racks[point.device]))
    quality = view.quality.copy()
    quality[::1000] = Quality.NO_ANSWER
    return {
        "plain sum": view.value.sum,
        "roll-up by rack": lambda: by_rack.sum(view.value, view.quality),
        "roll-up by rack, some bad": lambda: by_rack.sum(view.value, quality),
        "roll-up, four levels": lambda: by_place.sum(view.value, view.quality),
        "alarms": _alarms(view),
        "events": _events(view),
        "key figures": _figures(view),
    }


def _places(rack: str) -> tuple[str, ...]:
    number = int(rack.removeprefix("rack-"))
    return rack, f"row-{number // 20}", f"hall-{number // 200}", "site"


def _alarms(view: PointView) -> Callable[[], object]:
    site = Site("bench", "", "UTC")
    stands: tuple[Any, ...] = ()

    def tick() -> object:
        nonlocal stands
        stands = active(view, {}, REPORT, (), site=site, now=NOW, previous=stands)
        return stands

    return tick


def _events(view: PointView) -> Callable[[], object]:
    log = EventLog()
    chance = np.random.default_rng(8)
    rows = np.flatnonzero([point.name.quantity == "mode" for point in view.points])
    snapshot = Snapshot(1, NOW, "mains", view, {}, (), REPORT, (), ready=True)
    log.update(snapshot, snapshot)
    others = []
    for code in (2.0, 1.0):
        value = view.value.copy()
        value[chance.choice(rows, max(1, len(rows) // 1000), replace=False)] = code
        others.append(replace(snapshot, points=replace(view, value=value)))

    def tick() -> object:
        others.reverse()
        return log.update(snapshot, others[0])

    return tick


def _figures(view: PointView) -> Callable[[], object]:
    inputs = _inputs()
    kpis = Kpis(Energy(facility=inputs[:4], pv=inputs[4:6], it=((1, inputs[6:]),)))
    rows = np.array([view.row[each.energy] for each in inputs])
    ticks = 0

    def tick() -> object:
        nonlocal ticks
        ticks += 1
        # Every meter answers every fifth second.
        at = view.time.copy()
        at[rows] = at[rows + 1] = NOW + (ticks - np.arange(len(rows)) % 5) // 5 * 5
        value = view.value.copy()
        value[rows] = 8e9 + 20.0 * ticks
        kpis.update(replace(view, time=at, value=value), NOW + ticks)
        return kpis.report(NOW + ticks)

    for _ in range(120):
        tick()
    return tick


def _inputs() -> tuple[EnergyInput, ...]:
    return tuple(
        EnergyInput(f"meter-{i}/active_energy", f"meter-{i}/active_power") for i in range(METERS)
    )


def _median_ms(part: Callable[[], object], rounds: int) -> float:
    times = []
    part()
    for _ in range(rounds * 5):
        started = time.perf_counter()
        part()
        times.append((time.perf_counter() - started) * 1e3)
    return median(times)


def main() -> None:
    """Print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    options = parser.parse_args()
    found = run(options.rounds, tuple(options.rows))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        print(f"{key:<50} {value:10.3f}")


if __name__ == "__main__":
    main()
