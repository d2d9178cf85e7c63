"""Active conditions: what is wrong now, each with a stable id and since when.

The conditions only: acknowledging, shelving and latching (ISA-18.2) will be a layer above, fed by
this list. A condition whose input went bad is neither cleared nor forgotten: it stays, marked as
held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.quality import LEVEL_SHIFT, Level, Quality
from core.site import Site
from core.snapshot import Alarm, DeviceStatus, Kpi, PointView, RedundancyReport
from core.vocabulary import Severity

SILENT_AFTER_FAILURES = 2
"""A device is reported silent after so many failed polls in a row; one lost datagram is no
alarm."""

CRITICAL_CLASSES = frozenset(
    {"utility", "genset", "ats", "sts", "ups", "fire", "chiller", "plant_controller"}
)
"""Whose silence is critical: what protects the load, or people."""


def active(
    view: PointView,
    devices: Mapping[str, DeviceStatus],
    redundancy: RedundancyReport,
    kpis: Sequence[Kpi],
    *,
    site: Site,
    now: float,
    previous: Sequence[Alarm],
) -> tuple[Alarm, ...]:
    """All active conditions, the worst first; `since` is kept from `previous` while a condition
    lasts."""
    before = {alarm.id: alarm for alarm in previous}
    classes = {device.id: device.device_class for device in site.devices}
    found: dict[str, Alarm] = {}
    for alarm in (
        *_states(view, now),
        *_silences(devices, classes, now),
        *_redundancy(redundancy, now),
        *_kpis(kpis, now),
    ):
        old = before.get(alarm.id)
        since = old.since if old is not None else alarm.since
        found[alarm.id] = replace(alarm, since=since)
    for alarm in _held(view, before, found):
        found[alarm.id] = alarm
    return tuple(sorted(found.values(), key=lambda alarm: (-_rank(alarm.severity), alarm.since)))


def _rank(severity: Severity) -> int:
    """Critical before warning before unknown before ok."""
    return {Severity.CRITICAL: 3, Severity.WARNING: 2, Severity.UNKNOWN: 1}.get(severity, 0)


def _states(view: PointView, now: float) -> Iterator[Alarm]:
    usable = view.quality >> LEVEL_SHIFT < Level.BAD
    bad = usable & ((view.severity == Severity.WARNING) | (view.severity == Severity.CRITICAL))
    for row in np.flatnonzero(bad).tolist():
        point = view.points[row]
        axis = point.name.axis
        if axis is None:
            continue
        code = int(view.value[row])
        state = axis.states[code] if code < len(axis.states) else str(code)
        yield Alarm(
            id=point.id,
            device=point.device,
            point=point.id,
            severity=Severity(int(view.severity[row])),
            state=state,
            message=f"{point.device} {point.name} is {state}",
            since=min(float(view.time[row]), now),
            quality=Quality(int(view.quality[row])),
        )


def _held(
    view: PointView, before: Mapping[str, Alarm], found: Mapping[str, Alarm]
) -> Iterator[Alarm]:
    """Conditions of points that can no longer be read."""
    for name, alarm in before.items():
        row = view.row.get(alarm.point) if alarm.point else None
        if name in found or row is None:
            continue
        if view.quality[row] >> LEVEL_SHIFT >= Level.BAD:
            yield replace(alarm, quality=Quality.HELD)


def _silences(
    devices: Mapping[str, DeviceStatus], classes: Mapping[str, str], now: float
) -> Iterator[Alarm]:
    for name, status in devices.items():
        if status.up or not status.tried or status.failures < SILENT_AFTER_FAILURES:
            continue
        critical = classes.get(name, "other") in CRITICAL_CLASSES
        yield Alarm(
            id=f"{name}/communication",
            device=name,
            point="",
            severity=Severity.CRITICAL if critical else Severity.WARNING,
            state="silent",
            message=f"{name} does not answer: {status.last_error}",
            since=status.last_success or now,
        )


def _redundancy(report: RedundancyReport, now: float) -> Iterator[Alarm]:
    for group in report.groups:
        if group.status < 3 and group.status >= 0:
            words = {0: "lost or overloaded", 1: "at N, no spare left", 2: "degraded"}
            why = f": {'; '.join(group.reasons)}" if group.reasons else ""
            yield _verdict(
                f"redundancy/{group.id}",
                Severity.WARNING if group.status == 2 else Severity.CRITICAL,
                words[group.status],
                f"{group.id} is {words[group.status]}{why}",
                now,
            )
    lost = {load for case in report.cases.values() for load in case.lost_loads}
    unprotected = {load for case in report.cases.values() for load in case.unprotected_loads}
    over = {node.id: node for case in report.cases.values() for node in case.overloaded}
    for load in sorted(lost):
        message = f"{load} has no supply, or would have none with the mains lost"
        yield _verdict(f"load/{load}/lost", Severity.CRITICAL, "lost", message, now)
    for load in sorted(unprotected - lost):
        message = f"an outage of the mains would interrupt {load}"
        yield _verdict(f"load/{load}/unprotected", Severity.CRITICAL, "unprotected", message, now)
    for name, node in sorted(over.items()):
        message = f"{name} carries, or would carry, {node.load_kw:.0f} of {node.capacity_kw:.0f} kW"
        yield _verdict(f"node/{name}/overload", Severity.CRITICAL, "overloaded", message, now)


def _kpis(kpis: Sequence[Kpi], now: float) -> Iterator[Alarm]:
    """Key figures that contradict themselves: a metering error somebody must look at."""
    for kpi in kpis:
        if kpi.quality is Quality.SUSPECT and kpi.reason:
            name = "/".join(word for word in ("kpi", kpi.id, kpi.window) if word)
            yield _verdict(name, Severity.WARNING, "suspect", f"{kpi.id}: {kpi.reason}", now)


def _verdict(name: str, severity: Severity, state: str, message: str, now: float) -> Alarm:
    return Alarm(
        id=name, device="", point="", severity=severity, state=state, message=message, since=now
    )
