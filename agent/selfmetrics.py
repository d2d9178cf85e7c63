"""The agent's own health as Prometheus metrics: tick, history, protocol engines, process."""

from __future__ import annotations

from dataclasses import fields

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from collectors.clients import Clients
from core.snapshot import Snapshot
from history.store import HistoryStatus


class SelfMetrics:
    """Registered in the registry handed in; there is no global one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(namespace="kasbah", registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"kasbah_{name}", text, labels, registry=registry)

        self._ticks = Counter("kasbah_ticks", "Times the plant was computed", registry=registry)
        self._tick_s = gauge("tick_duration_seconds", "How long the last computation took")
        self._late_s = gauge("tick_lateness_seconds", "How late the last computation began")
        self._points = gauge("points", "Points in the point table")
        self._engine = gauge(
            "engine_events", "What the protocol engines count since the start", "engine", "event"
        )
        self._waiting = gauge("history_waiting_readings", "Readings not yet in the journal")
        self._dropped = gauge(
            "history_dropped_readings", "Readings lost because the journal could not take them"
        )
        self._journal = gauge("history_journal_bytes", "Size of the journal")
        self._flush_age = gauge("history_flush_age_seconds", "Age of the last write to the journal")
        self._backlog = gauge(
            "history_backlog_readings", "Readings a sink has not taken yet", "sink"
        )
        self._lost = gauge(
            "history_lost_readings", "Readings a sink lost to the size limit", "sink"
        )
        self._rejected = gauge("history_rejected_readings", "Readings a sink refused", "sink")

    def ticked(self, snapshot: Snapshot, *, duration_s: float, late_s: float) -> None:
        """After each computation."""
        self._ticks.inc()
        self._tick_s.set(duration_s)
        self._late_s.set(late_s)
        self._points.set(len(snapshot.points.points))

    def kept(self, status: HistoryStatus) -> None:
        """How history does."""
        self._waiting.set(status.waiting)
        self._dropped.set(status.dropped)
        self._journal.set(status.journal_bytes)
        if status.flush_age_s is not None:
            self._flush_age.set(status.flush_age_s)
        for sink in status.sinks:
            self._backlog.labels(sink.sink).set(sink.backlog)
            self._lost.labels(sink.sink).set(sink.lost)
            self._rejected.labels(sink.sink).set(sink.rejected)

    def polled(self, clients: Clients) -> None:
        """What the protocol engines counted."""
        for engine, counters in (
            ("snmp", clients.snmp.counters),
            ("modbus", clients.modbus.counters),
        ):
            for field in fields(counters):
                self._engine.labels(engine, field.name).set(getattr(counters, field.name))
