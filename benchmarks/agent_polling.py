"""The whole agent on 2,000 SNMP devices of 24 points: poll, table, tick, redundancy, history,
snapshot.

The devices are the C responder of the yardsticks where a compiler is present (every 127.x.y.z
address is a device), so that nearly all CPU seen is the agent's own. CPU time is the process's own
user and system time over a steady stretch.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from agent.agent import Agent
from agent.clock import SystemClock
from agent.commands.serve import event_loop
from agent.config.load import Configuration
from agent.config.schema import HistoryKeys
from agent.web import WebServer
from benchmarks.yardsticks import responder
from collectors.profile import PROFILES, Library
from core.readings import Batch
from core.site import Device, Poll, Site
from history.store import History, Retention

DEVICES = 2000
POINTS = 24
INTERVALS_S = (0.2, 5.0)
"""Busy, where the figure is the agent's own work; and at the usual rate, where waking up an idle
machine for each burst (and, on loopback, the responder in the sender's time) counts as well."""

NUMBERS = [x for x in range(1, POINTS + 3) if x % 12 != 10]
"""Objects of the responder that hold numbers; every twelfth is a text."""

WARM_UP_S = 8.0
MEASURED_S = 15.0

_QUANTITIES = ("output.active_power", "output.voltage", "input.current", "battery.voltage")


def profile_text() -> str:
    """A profile of 24 numbers of the responder, of several kinds and scales."""
    lines = [
        "profile: bench",
        "title: 24 objects of the yardstick's responder",
        "class: ups",
        "protocol: snmp",
        "source: snmp_responder.c",
        "points:",
    ]
    for x in NUMBERS:
        quantity = _QUANTITIES[x % len(_QUANTITIES)]
        lines.append(
            f"  - {{point: {quantity}.x{x}, oid: 1.3.6.1.4.1.99999.1.{x}.0, scale: 0.1, "
            f"low: -1.0e+12, high: 1.0e+12, source: object {x}}}"
        )
    return "\n".join(lines) + "\n"


class _CountingAgent(Agent):
    """The agent, and how many points it was handed."""

    points_seen = 0

    def accept(self, batch: Batch) -> None:
        self.points_seen += len(batch.index)
        super().accept(batch)


def run(rounds: int = 3) -> dict[str, Any]:
    """Median CPU seconds per million points of the whole agent; says why where it cannot be
    measured."""
    with responder() as port:
        if port is None:
            return {"cpu_s_per_million": None, "why": "no C compiler, or no yardstick sources"}
        by_interval = {
            interval_s: [_loop_run(_once(port, interval_s)) for _ in range(max(1, rounds // 2))]
            for interval_s in INTERVALS_S
        }
    busy = by_interval[INTERVALS_S[0]]
    results: dict[str, Any] = {
        "devices": DEVICES,
        "points_a_device": POINTS,
        "devices_up": min(figure["devices_up"] for figure in busy),
        "rss_mb": max(figure["rss_mb"] for figure in busy),
    }
    for interval_s, figures in by_interval.items():
        every = f"every_{interval_s:g}_s"
        for key in ("points_per_s", "cpu_share_of_one_core", "cpu_s_per_million"):
            results[f"{every}_{key}"] = statistics.median(figure[key] for figure in figures)
    results["cpu_s_per_million"] = results[f"every_{INTERVALS_S[0]:g}_s_cpu_s_per_million"]
    return results


def _loop_run(main: Coroutine[Any, Any, dict[str, float]]) -> dict[str, float]:
    """On uvloop, as the service runs where it is installed."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        return runner.run(main)


def _site(port: int, interval_s: float) -> Site:
    poll = Poll(interval_s, 60.0, 2.0, 1)
    devices = tuple(
        Device(f"d{i}", "ups", "bench", f"snmp://127.1.{i >> 8}.{i & 255}:{port}", poll=poll)
        for i in range(1, DEVICES + 1)
    )
    return Site("bench", "Bench", "UTC", devices)


async def _once(port: int, interval_s: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="kasbah-bench-") as directory:
        profiles = Path(directory) / "profiles"
        profiles.mkdir()
        (profiles / "bench.yaml").write_text(profile_text())
        site, clock = _site(port, interval_s), SystemClock()
        history = History.open(
            Path(directory),
            site=site,
            clock=clock,
            retention=Retention(86400.0, 2**30),
            influx=None,
        )
        agent = _CountingAgent(
            Configuration(site, HistoryKeys()),
            clock,
            history,
            profiles=Library((PROFILES, profiles)),
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.run(WebServer("127.0.0.1", 0), stop))
            await asyncio.sleep(WARM_UP_S)
            points, cpu_s = agent.points_seen, _cpu_s()
            await asyncio.sleep(MEASURED_S)
            points, cpu_s = agent.points_seen - points, _cpu_s() - cpu_s
            up = sum(status.up for status in agent.snapshot().devices.values())
            stop.set()
    return {
        "points_per_s": points / MEASURED_S,
        "devices_up": up,
        "cpu_share_of_one_core": cpu_s / MEASURED_S,
        "cpu_s_per_million": cpu_s / points * 1e6,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
