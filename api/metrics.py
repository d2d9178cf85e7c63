"""The exposition: points, devices and key figures of a snapshot as Prometheus text 0.0.4.

Points and devices are drawn by hand from cached lines, since a client library's gauges cost 60
times as much; the agent's own few metrics come from the prometheus-client registry handed in. Runs
in a worker thread, one rendering at a time.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from api import families
from api.families import Family
from api.lines import Lines, StateLines, series
from api.sitelines import site_text
from core.points import Point
from core.quality import LEVEL_SHIFT, Level
from core.readings import Floats, Indices
from core.site import Device, Site
from core.snapshot import DeviceStatus, PointView, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_GZIP_LEVEL = 1  # 12 times smaller for a fifteenth of the time of level 9
_GZIP_WINDOW = 31  # 15 bits, with a gzip header


class Exposition:
    """Renders /metrics. Remembers lines between renderings."""

    def __init__(self, site: Site, registry: CollectorRegistry) -> None:
        self._site = site
        self._registry = registry
        self._points = _PointLines(site)
        self._devices = _DeviceLines(site)
        self._lock = threading.Lock()
        self._version = -1
        self._plant = b""

    def page(self, snapshot: Snapshot, *, gzip: bool = False) -> bytes:
        """The whole page: the snapshot, then the agent's own health as of now."""
        body = self.plant(snapshot) + generate_latest(self._registry)
        return _compressed(body) if gzip else body

    def plant(self, snapshot: Snapshot) -> bytes:
        """Everything that comes from the snapshot; rendered once per version.

        A request that was overtaken by one with a newer snapshot gets the newer page: the lines
        only go forward.
        """
        with self._lock:
            if snapshot.version > self._version:
                self._plant = b"".join(
                    (
                        site_text(self._site, snapshot),
                        self._devices.render(snapshot),
                        self._points.render(snapshot.points),
                    )
                )
                self._version = snapshot.version
            return self._plant


def _compressed(body: bytes) -> bytes:
    engine = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return engine.compress(body) + engine.flush()


class _PointLines:
    """One `Lines` per quantity, and one for all states."""

    def __init__(self, site: Site) -> None:
        self._site = site.id
        self._class = {device.id: device.device_class for device in site.devices}
        self._lines: dict[str, Lines] = {}
        self._states = StateLines(families.STATE)
        self._rows: dict[str, list[int]] = {}
        self._index: dict[str, Indices] = {}
        self._known = 0

    def render(self, view: PointView) -> bytes:
        if len(view.points) != self._known:
            self._grow(view.points)
        usable = view.quality >> LEVEL_SHIFT < Level.BAD
        value = np.where(usable, view.value, np.nan)
        return b"".join(
            self._lines[name].render(value[self._index[name]]) for name in sorted(self._lines)
        )

    def _grow(self, points: Sequence[Point]) -> None:
        """Take in the rows that were appended since the last time."""
        for row in range(self._known, len(points)):
            self._add(row, points[row])
        self._known = len(points)
        self._index = {name: np.asarray(rows, dtype=np.int32) for name, rows in self._rows.items()}

    def _add(self, row: int, point: Point) -> None:
        device_class = self._class.get(point.device, "other")
        name = point.name
        values = (self._site, point.device, device_class, name.part, name.instance)
        if name.axis is not None:
            family = families.STATE
            self._lines.setdefault(family.name, self._states)
            self._states.add_axis((*values, name.quantity), name.axis)
        else:
            family = families.POINTS[name.quantity]
            self._lines.setdefault(family.name, Lines(family)).add(values)
        self._rows.setdefault(family.name, []).append(row)


class _DeviceLines:
    """How the polling of each device goes. Retired devices are left out."""

    def __init__(self, site: Site) -> None:
        self._site = site.id
        self._devices = [one for one in site.devices if one.lifecycle != "retired"]
        self._order = {device.id: i for i, device in enumerate(self._devices)}
        counted = (family for family in families.DEVICES if family is not families.DEVICE_INFO)
        self._lines = {family: Lines(family) for family in counted}
        self._info: list[tuple[tuple[str, ...], bytes]] = [((), b"")] * len(self._devices)
        self._owner: Indices = np.empty(0, dtype=np.int32)
        for device in self._devices:
            for lines in self._lines.values():
                lines.add((self._site, device.id, device.device_class))

    def render(self, snapshot: Snapshot) -> bytes:
        statuses = [snapshot.devices.get(device.id) for device in self._devices]
        values: dict[Family, Floats] = {
            families.DEVICE_UP: np.array(
                [float(each is not None and each.up) for each in statuses]
            ),
            families.POINT_AGE: self._worst_age(snapshot),
            families.POLL_DURATION: _column(statuses, lambda each: each.poll_duration_s),
            families.POLLS: _column(statuses, lambda each: each.polls),
            families.POLL_FAILURES: _column(statuses, lambda each: each.failures),
            families.POLLS_SKIPPED: _column(statuses, lambda each: each.skipped),
        }
        texts = [self._lines[family].render(column) for family, column in values.items()]
        return b"".join((*texts, self._infos(statuses)))

    def _worst_age(self, snapshot: Snapshot) -> Floats:
        """Age of each device's oldest reading in seconds, NaN where it has none."""
        view = snapshot.points
        if len(self._owner) != len(view.points):
            owners = [self._order.get(point.device, -1) for point in view.points]
            self._owner = np.asarray(owners, dtype=np.int32)
        age = snapshot.time - view.time
        counted = np.isfinite(age) & (self._owner >= 0)
        worst = np.full(len(self._devices), -np.inf)
        np.maximum.at(worst, self._owner[counted], age[counted])
        return np.where(np.isfinite(worst), worst.round(3), np.nan)

    def _infos(self, statuses: Sequence[DeviceStatus | None]) -> bytes:
        for i, (device, status) in enumerate(zip(self._devices, statuses, strict=True)):
            values = (self._site, *_info(device, status))
            if values != self._info[i][0]:
                line = series(families.DEVICE_INFO, values).encode() + b"1\n"
                self._info[i] = (values, line)
        lines = b"".join(line for _, line in self._info)
        return families.DEVICE_INFO.head.encode() + lines if lines else b""


def _info(device: Device, status: DeviceStatus | None) -> tuple[str, ...]:
    if status is None:
        return (device.id, device.device_class, device.profile, device.place, "", "", "", "")
    plate = status.nameplate
    return (
        device.id,
        device.device_class,
        status.profile or device.profile,
        device.place,
        plate.vendor,
        plate.model,
        plate.serial,
        plate.firmware,
    )


def _column(
    statuses: Sequence[DeviceStatus | None], pick: Callable[[DeviceStatus], float | None]
) -> Floats:
    """One number of each device, NaN where it has none."""
    picked = (None if status is None else pick(status) for status in statuses)
    return np.asarray([np.nan if each is None else each for each in picked], dtype=np.float64)
