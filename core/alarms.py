"""Active conditions: what is wrong now, each with a stable id and since when.

The conditions only: acknowledging, shelving and latching (ISA-18.2) will be a layer above, fed by
this list. A condition whose input went bad is neither cleared nor forgotten: it stays, marked as
held, beside the alarm that its device is silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from core.pue import ALARMING_RATIO
from core.quality import LEVEL_SHIFT, Level, Quality
from core.redundancy.words import names
from core.site import Device, Site
from core.snapshot import (
    Alarm,
    CaseResult,
    DeviceStatus,
    Kpi,
    MaintenanceStatus,
    PointView,
    RedundancyReport,
    Supply,
    ZoneStatus,
)
from core.vocabulary import Severity

SILENT_AFTER_POLLS = 3
"""A device is reported silent after so many missed polls; one lost datagram is no alarm."""

CRITICAL_CLASSES = frozenset(
    {"utility", "genset", "ats", "sts", "ups", "fire", "chiller", "plant_controller"}
)
"""Whose silence is critical: what protects the load, or people."""

KPI_WINDOW = "15m"
"""Key figures are watched over this window: shorter ones flicker, longer ones are late."""

KPI_MISSED = frozenset({"pue"})
KPI_WATCHED = frozenset({"pue", "it_power", "pv_self_consumption", "meter_balance"})
"""Figures whose contradictions are alarms; others repeat these."""

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.UNKNOWN: 2, Severity.OK: 3}
_UNKNOWN = -1
_GROUP_STATES = {
    _UNKNOWN: (Severity.WARNING, "unknown"),
    0: (Severity.CRITICAL, "lost or overloaded"),
    1: (Severity.CRITICAL, "at N, no spare left"),
    2: (Severity.WARNING, "degraded"),
}
_ZONE_STATES = {
    0: (Severity.CRITICAL, "too warm"),
    1: (Severity.WARNING, "at N, no spare left"),
    2: (Severity.WARNING, "warm"),
}
_SUPPLIES = {
    "none": (Severity.CRITICAL, "{} has no supply"),
    "battery": (Severity.CRITICAL, "{} is on batteries"),
    "generator": (Severity.WARNING, "{} is on generators"),
    "mixed": (Severity.WARNING, "{} is on sources of several kinds"),
}
_NO_CASE = CaseResult((), (), (), (), (), ())


def active(  # noqa: PLR0913 - all that a tick knows
    view: PointView,
    devices: Mapping[str, DeviceStatus],
    redundancy: RedundancyReport,
    kpis: Sequence[Kpi],
    *,
    site: Site,
    supply: tuple[Supply, Sequence[str]] = ("unknown", ()),
    now: float,
    previous: Sequence[Alarm],
    maintenance: Sequence[MaintenanceStatus] = (),
) -> tuple[Alarm, ...]:
    """All active conditions, the worst first, then the oldest. `now` is UTC seconds.

    `supply` is how the site is supplied, and why so. `since` is kept from `previous` while a
    condition lasts. Redundancy is judged once every device was tried.
    """
    before = {alarm.id: alarm for alarm in previous}
    found: dict[str, Alarm] = {}
    for alarm in (
        *_states(view, before, now),
        *_silences(devices, site.devices, before, now),
        *(_redundancy(redundancy, now) if all(d.tried for d in devices.values()) else ()),
        *_supply(site, *supply, now),
        *_kpis(kpis, now),
        *_maintenance(maintenance, now),
    ):
        old = before.get(alarm.id)
        if old is not None and old is not alarm:
            found[alarm.id] = replace(alarm, since=old.since)
        else:
            found[alarm.id] = alarm
    for alarm in _held(view, before.values()):
        found.setdefault(alarm.id, alarm)
    if redundancy.planned is not None or any(alarm.planned for alarm in previous):
        found = {name: _told(alarm, redundancy) for name, alarm in found.items()}
    return tuple(sorted(found.values(), key=lambda a: (_RANK[a.severity], a.since, a.id)))


def _told(alarm: Alarm, report: RedundancyReport) -> Alarm:
    """A condition that announced maintenance explains is marked, and no more than a warning. What
    is lost or overloaded stays what it is, planned or not."""
    planned = _is_planned(alarm, report)
    if planned and alarm.severity is Severity.CRITICAL:
        return replace(alarm, planned=True, severity=Severity.WARNING)
    return alarm if alarm.planned == planned else replace(alarm, planned=planned)


def _is_planned(alarm: Alarm, report: RedundancyReport) -> bool:
    if report.planned is None:
        return False
    if alarm.device:
        return alarm.device in report.planned.devices
    kind, _, name = alarm.id.partition("/")
    if kind == "redundancy":
        lost = {group.id for group in report.groups if group.status == 0}
        return name in report.planned.groups and name not in lost
    return kind == "zone" and name.partition("/")[0] in report.planned.zones


def _maintenance(windows: Sequence[MaintenanceStatus], now: float) -> Iterator[Alarm]:
    """Windows that are over while something is still out, and those the plant changed under."""
    for status in windows:
        window = status.window
        if status.state == "overdue":
            message = f"{window.id} is over, and still out: {names(status.out)}"
            name = f"maintenance/{window.id}/overdue"
            yield _finding(name, Severity.WARNING, "overdue", message, now)
        if status.worse and status.now is not None:
            message = f"{window.id} ({names(window.nodes)}): {'; '.join(status.worse)}"
            name = f"maintenance/{window.id}/verdict"
            yield _finding(name, Severity.WARNING, status.now.verdict, message, now)


def _states(view: PointView, before: Mapping[str, Alarm], now: float) -> Iterator[Alarm]:
    """States that the profile calls a warning or critical; Python only for those."""
    rows = np.flatnonzero(
        (view.severity == Severity.WARNING) | (view.severity == Severity.CRITICAL)
    )
    rows = rows[view.quality[rows] >> LEVEL_SHIFT < Level.BAD]
    for row in rows.tolist():
        point = view.points[row]
        axis = point.name.axis
        if axis is None:
            continue
        code = int(view.value[row])
        state = axis.states[code] if code < len(axis.states) else str(code)
        severity, quality = int(view.severity[row]), int(view.quality[row])
        old = before.get(point.id)
        if old and (old.state, old.severity, old.quality) == (state, severity, quality):
            yield old
            continue
        yield Alarm(
            id=point.id,
            device=point.device,
            point=point.id,
            severity=Severity(severity),
            state=state,
            message=f"{point.device} {point.name} is {state}",
            since=min(float(view.time[row]), now),
            quality=Quality(quality),
        )


def _held(view: PointView, before: Iterable[Alarm]) -> Iterator[Alarm]:
    """Conditions of points that can no longer be read."""
    for alarm in before:
        row = view.row.get(alarm.point) if alarm.point else None
        if row is not None and view.quality[row] >> LEVEL_SHIFT >= Level.BAD:
            yield alarm if alarm.quality is Quality.HELD else replace(alarm, quality=Quality.HELD)


def _silences(
    devices: Mapping[str, DeviceStatus],
    configured: Sequence[Device],
    before: Mapping[str, Alarm],
    now: float,
) -> Iterator[Alarm]:
    """One alarm for each device that does not answer; its conditions stay in the list as held."""
    down = {name: status for name, status in devices.items() if status.tried and not status.up}
    if not down:
        return
    settings = {device.id: device for device in configured if device.id in down}
    for name, status in down.items():
        device = settings.get(name)
        identity = f"{name}/communication"
        if identity not in before and not _silent(status, device, now):
            continue
        critical = device is not None and device.device_class in CRITICAL_CLASSES
        yield Alarm(
            id=identity,
            device=name,
            point="",
            severity=Severity.CRITICAL if critical else Severity.WARNING,
            state="silent",
            message=f"{name} does not answer: {status.last_error}",
            since=min(status.last_success or now, now),
            quality=Quality.GOOD,
        )


def _silent(status: DeviceStatus, device: Device | None, now: float) -> bool:
    if status.last_success is None:
        return status.failures >= SILENT_AFTER_POLLS
    interval_s = device.poll.interval_s if device is not None else inf
    # A clock that was set back must not hide a silence: so much in the future is long ago, too.
    return abs(now - status.last_success) > SILENT_AFTER_POLLS * interval_s


def _supply(site: Site, supply: Supply, why: Sequence[str], now: float) -> Iterator[Alarm]:
    """The site itself, where it is not on mains. One without mains runs on its generators."""
    off_grid = all(node.kind != "utility" for node in site.power)
    if supply in _SUPPLIES and not (supply == "generator" and off_grid):
        severity, words = _SUPPLIES[supply]
        message = "; ".join((words.format(site.name or site.id), *why))
        yield _finding("site/supply", severity, supply, message, now)


def _redundancy(report: RedundancyReport, now: float) -> Iterator[Alarm]:
    for group in report.groups:
        if group.status not in _GROUP_STATES:
            continue
        severity, state = _GROUP_STATES[group.status]
        why = f": {'; '.join(group.reasons)}" if group.reasons else ""
        yield _finding(
            f"redundancy/{group.id}", severity, state, f"{group.id} is {state}{why}", now
        )
    yield from _zones(report.zones, now)
    as_is = report.cases.get("as_is", _NO_CASE)
    mains_lost = report.cases.get("mains_lost", _NO_CASE)
    unsure = {load.id for load in report.loads if load.state == "unknown"}
    yield from _loads(as_is, mains_lost, unsure, now)
    over = {node.id: (node, "would carry with the mains lost") for node in mains_lost.overloaded}
    over |= {node.id: (node, "carries") for node in as_is.overloaded}
    told = {group.id for group in report.groups if group.kind == "cooling"}
    over = {name: each for name, each in over.items() if name not in told}
    for name, (node, verb) in over.items():
        message = f"{name} {verb} {node.load_kw:.0f} kW of {node.capacity_kw:.0f} kW"
        state = "overloaded" if verb == "carries" else "overloaded with the mains lost"
        alarm = _finding(f"node/{name}/overload", Severity.CRITICAL, state, message, now)
        yield _perhaps(alarm) if report.status == _UNKNOWN else alarm


def _zones(zones: Sequence[ZoneStatus], now: float) -> Iterator[Alarm]:
    """Rooms that are too warm, or would be before they are cooled again; what is wrong with the
    groups that cool them is an alarm of the group."""
    for zone in zones:
        if zone.own_status in _ZONE_STATES:
            severity, state = _ZONE_STATES[zone.own_status]
            message = "; ".join(words for _, words in zone.own)
            yield _finding(f"zone/{zone.id}/cooling", severity, state, message, now)


def _loads(
    as_is: CaseResult, mains_lost: CaseResult, unsure: set[str], now: float
) -> Iterator[Alarm]:
    """One alarm a load, the worst that is true of it, or may be."""
    unprotected = (*as_is.unprotected_loads, *mains_lost.unprotected_loads)
    findings = (
        (as_is.lost_loads, "lost", "{} has no supply"),
        (mains_lost.lost_loads, "lost with the mains", "{} would lose its supply with the mains"),
        (unprotected, "unprotected", "an outage of the mains would interrupt {}"),
    )
    told: set[str] = set()
    for loads, state, message in findings:
        for load in loads:
            if load not in told:
                told.add(load)
                text = message.format(load)
                alarm = _finding(f"load/{load}/supply", Severity.CRITICAL, state, text, now)
                perhaps = load in unsure and state != "unprotected"
                yield _perhaps(alarm) if perhaps else alarm


def _perhaps(alarm: Alarm) -> Alarm:
    """Harm that comes from what is not known alone: devices do not tell their state."""
    return replace(alarm, severity=Severity.WARNING, message=f"perhaps: {alarm.message}")


def _kpis(kpis: Sequence[Kpi], now: float) -> Iterator[Alarm]:
    """Key figures that contradict themselves or went missing: somebody must look at the meters."""
    states = {
        Quality.SUSPECT: "suspect",
        Quality.OUT_OF_RANGE: "impossible",
        Quality.NO_ANSWER: "missing",
    }
    for kpi in kpis:
        state = states.get(kpi.quality)
        if state is None or not kpi.reason or kpi.window not in {"", KPI_WINDOW}:
            continue
        if kpi.id not in (KPI_MISSED if state == "missing" else KPI_WATCHED):
            continue
        if kpi.id == "meter_balance" and abs(kpi.value or 0.0) <= ALARMING_RATIO:
            continue
        category = "" if kpi.category is None else str(kpi.category)
        name = "/".join(word for word in ("kpi", kpi.id, category, kpi.scope) if word)
        of = f" of {kpi.scope}" if kpi.scope else ""
        message = f"{kpi.id.replace('_', ' ')}{of}: {kpi.reason}"
        yield _finding(name, Severity.WARNING, state, message, now)


def _finding(name: str, severity: Severity, state: str, message: str, now: float) -> Alarm:
    return Alarm(
        id=name, device="", point="", severity=severity, state=state, message=message, since=now
    )
