"""The agent's own health as Prometheus metrics: tick, memory, event loop, history, engines."""

from __future__ import annotations

from history.store import HistoryStatus
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from core.snapshot import Snapshot


class SelfMetrics:
    """Registered in the registry handed in; no global one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(namespace="kasbah", registry=registry)
        self._ticks = Counter("kasbah_ticks", "Times the plant was computed", registry=registry)
        self._tick_s = Gauge(
            "kasbah_tick_duration_seconds", "How long the last computation took", registry=registry
        )
        self._late_s = Gauge(
            "kasbah_tick_lateness_seconds",
            "How late the last computation began: a busy event loop",
            registry=registry,
        )
        self._points = Gauge("kasbah_points", "Points in the point table", registry=registry)

    def ticked(self, snapshot: Snapshot, history: HistoryStatus) -> None:
        """After each computation."""
        self._ticks.inc()
        self._points.set(len(snapshot.points.points))
