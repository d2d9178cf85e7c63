"""The cooling as it is seen now: conditions of all units, warmest inlets, measured heat.

Silence is treated as for the power graph: a device's last word counts in the live verdict until the
stale limit, and not at all where nothing may be hoped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.cooling.condition import ASSUMED, UnitCondition, condition_of, unknown
from core.cooling.plan import CoolingPlan
from core.points import parse_point
from core.redundancy.rows import Gathered, Watch
from core.redundancy.watch import STALE_AFTER_POLLS, STALE_AFTER_S
from core.site import CoolingUnit, CoolingZone, Site
from core.snapshot import DeviceStatus, PointView

RETIRED = UnitCondition(usable=False, restarts=False, reasons=("is retired",))


@dataclass(frozen=True, slots=True)
class Seen:
    """The cooling in two lights: as the live verdict takes it, and `strict`, with whatever is not
    fresh unknown. `off_s` is for how long a unit has stood still that has no fault. Temperatures in
    degC, measured heat in kW, None where nothing can be read.
    """

    live: Mapping[str, UnitCondition]
    strict: Mapping[str, UnitCondition]
    off_s: Mapping[str, float]
    inlet_c: Mapping[str, float | None]
    measured_kw: Mapping[str, float | None]


class CoolingWatcher:
    """Looks at one site's cooling through the point table."""

    def __init__(self, plan: CoolingPlan, site: Site) -> None:
        self._plan = plan
        self._interval_s = {device.id: device.poll.interval_s for device in site.devices}
        self._retired = {d.id for d in site.devices if d.lifecycle == "retired"}
        units = plan.units.values()
        self._states = Watch({unit.device: (Watch.ALARMS,) for unit in units if unit.device})
        self._numbers = Watch(_wanted(plan.zones.values()))
        self._off_since: dict[str, float] = {}
        self._told: object = None
        self._settled: dict[str, tuple[UnitCondition, UnitCondition]] | None = None

    def see(
        self,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        now: float,
        *,
        remember: bool = False,
    ) -> Seen:
        """The cooling at `now` (UTC seconds). `remember` what is needed for the next look; set by
        the tick alone."""
        states, numbers = self._states.gather(view), self._numbers.gather(view)
        up = tuple(_up(devices.get(unit.device)) for unit in self._plan.units.values())
        told = (states.value, states.quality, states.severity, up)
        pairs = self._settled if told == self._told else None
        if pairs is None:
            pairs = {
                name: self._read(unit, states, devices, now)
                for name, unit in self._plan.units.items()
            }
        off = {
            name: min(now, self._off_since.get(name, now))
            for name, (live, _) in pairs.items()
            if live.off
        }
        if remember:
            self._off_since = off
            # What is doubted depends on the time; all else stands until somebody says otherwise.
            self._told = told
            self._settled = (
                pairs if all(live is strict for live, strict in pairs.values()) else None
            )
        zones = self._plan.zones
        return Seen(
            live={name: live for name, (live, _) in pairs.items()},
            strict={name: strict for name, (_, strict) in pairs.items()},
            off_s={name: now - since for name, since in off.items()},
            inlet_c={name: _warmest_c(zone, numbers) for name, zone in zones.items()},
            measured_kw={name: _measured_kw(zone, numbers) for name, zone in zones.items()},
        )

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: for that nothing has stood still
        any longer."""
        self._off_since = {name: since + by_s for name, since in self._off_since.items()}

    def _read(
        self,
        unit: CoolingUnit,
        gathered: Gathered,
        devices: Mapping[str, DeviceStatus],
        now: float,
    ) -> tuple[UnitCondition, UnitCondition]:
        """One unit for the live verdict, and where nothing may be hoped."""
        if not unit.device:
            return ASSUMED, ASSUMED
        if unit.device in self._retired:
            return RETIRED, RETIRED
        status, reading = devices.get(unit.device), gathered.device(unit.device)
        tried = status is not None and status.tried
        if not tried and not reading.any_usable():
            return (unknown("has not been polled yet"),) * 2
        told = condition_of(reading)
        silent = tried and status is not None and not status.up
        if told.unknown and silent:
            return (unknown("does not answer"),) * 2
        if told.unknown or (not silent and not reading.doubtful):
            return told, told
        doubt = unknown("does not answer" if silent else "has not answered of late")
        last = status.last_success if status is not None else None
        limit_s = min(
            STALE_AFTER_POLLS * self._interval_s.get(unit.device, STALE_AFTER_S), STALE_AFTER_S
        )
        fresh = last is not None and now - last <= limit_s
        return (told if fresh else doubt), doubt


def _up(status: DeviceStatus | None) -> bool | None:
    """Whether a device answers; None before it was tried."""
    return status.up if status is not None and status.tried else None


def _wanted(zones: Iterable[CoolingZone]) -> dict[str, tuple[str, ...]]:
    """Beginnings of the names of the points that zones measure, by device."""
    wanted: dict[str, tuple[str, ...]] = {}
    for zone in zones:
        for text in (*zone.inlet, *zone.heat):
            point = parse_point(text)
            wanted[point.device] = (*wanted.get(point.device, ()), str(point.name))
    return wanted


def _values(text: str, gathered: Gathered) -> list[float]:
    """A point, or all its instances where it names none."""
    point = parse_point(text)
    name = str(point.name)
    found = gathered.device(point.device).numbers((name,))
    return [value for each, value in found if each == name or each.startswith(f"{name}.")]


def _warmest_c(zone: CoolingZone, gathered: Gathered) -> float | None:
    return max((c for text in zone.inlet for c in _values(text, gathered)), default=None)


def _measured_kw(zone: CoolingZone, gathered: Gathered) -> float | None:
    """The sum of the zone's heat points; None where it has none, or one of them cannot be read."""
    watts = [gathered.watts(text) for text in zone.heat]
    known = [each for each in watts if each is not None]
    return sum(known) / 1000 if known and len(known) == len(watts) else None
