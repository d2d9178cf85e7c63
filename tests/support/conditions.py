"""Small views, statuses and snapshots for tests of alarms and events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.points import parse_point
from core.quality import Level, Quality
from core.site import Device, Poll, Site
from core.snapshot import (
    CaseResult,
    DeviceStatus,
    GroupStatus,
    Nameplate,
    PointView,
    RedundancyReport,
    Snapshot,
)
from core.vocabulary import Severity

NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Reading:
    """One row: a state by its name, or a number."""

    point: str
    value: str | float
    severity: Severity = Severity.OK
    quality: Quality = Quality.GOOD
    time: float = NOW


def view(*readings: Reading) -> PointView:
    points = tuple(parse_point(reading.point) for reading in readings)

    def number(reading, point):
        if reading.quality.level is Level.BAD:
            return np.nan
        axis = point.name.axis
        return axis.code(reading.value) if axis is not None else reading.value

    return PointView(
        points=points,
        value=np.array([number(*each) for each in zip(readings, points, strict=True)], dtype=float),
        time=np.array([reading.time for reading in readings], dtype=float),
        quality=np.array([reading.quality for reading in readings], dtype=np.uint8),
        severity=np.array([reading.severity for reading in readings], dtype=np.uint8),
        row={point.id: row for row, point in enumerate(points)},
    )


def status(name: str, *, up=True, tried=True, last=NOW, failures=0) -> DeviceStatus:
    return DeviceStatus(
        id=name,
        up=up,
        tried=tried,
        profile="",
        nameplate=Nameplate(),
        last_success=last,
        last_error="" if up else "no answer within 2 s",
        poll_duration_s=None,
        polls=1,
        failures=failures,
        skipped=0,
        points=1,
    )


def group(name: str, code: int, *reasons: str) -> GroupStatus:
    return GroupStatus(name, "N+R", code, code - 2, 1, 100.0, 200.0, 100.0, (), (), reasons)


def case(lost=(), unprotected=(), overloaded=()) -> CaseResult:
    return CaseResult(tuple(lost), tuple(unprotected), tuple(overloaded), (), (), ())


def report(*groups: GroupStatus, **cases: CaseResult) -> RedundancyReport:
    return RedundancyReport(3, "", (), groups, (), (), cases)


SITE = Site(
    "s",
    "",
    "UTC",
    devices=(
        Device("ups-a1", "ups", "", "", poll=Poll(interval_s=5.0)),
        Device("crah-1", "crah", "", "", poll=Poll(interval_s=10.0)),
    ),
)


def snapshot(
    version=1,
    *,
    time=NOW,
    points=None,
    devices=(),
    supply="mains",
    supply_reasons=(),
    redundancy=None,
    kpis=(),
    ready=True,
) -> Snapshot:
    return Snapshot(
        version=version,
        time=time,
        supply=supply,
        supply_reasons=supply_reasons,
        points=points or view(),
        devices={device.id: device for device in devices},
        kpis=kpis,
        redundancy=redundancy or report(),
        alarms=(),
        ready=ready,
    )
