"""Key figures, redundancy, supply and alarms of a snapshot as Prometheus text.

These are always there: what is unknown is -1 for a status and left out for a number, so that the
`absent()` rules of deploy/prometheus fire. NaN is never written.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias, get_args

import numpy as np

from api import families
from api.devices import maintenance_ids
from api.families import Family
from api.lines import block
from core.quality import LEVEL_NAMES, LEVEL_SHIFT
from core.site import Site
from core.snapshot import Kpi, Snapshot, Supply
from core.vocabulary import Severity

Sample: TypeAlias = tuple[Sequence[str], float]
Block: TypeAlias = tuple[Family, list[Sample]]

_LOAD_STATES = ("redundant", "at_n", "unprotected", "lost", "unknown")
_SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.UNKNOWN)
_UNKNOWN, _FULL = -1, 3


def site_text(site: Site, snapshot: Snapshot) -> bytes:
    """All metrics of the site as a whole."""
    parts = (_kpis(snapshot.kpis), _redundancy(site, snapshot), _states(snapshot))
    info: Block = (families.SITE_INFO, [((site.name,), 1)])
    blocks = [each for part in parts for each in part] + [info]
    return b"".join(
        block(family, [((site.id, *labels), value) for labels, value in samples])
        for family, samples in blocks
    )


def _kpis(kpis: Sequence[Kpi]) -> Iterator[Block]:
    values: dict[Family, list[Sample]] = defaultdict(list)
    for kpi in kpis:
        category = "" if kpi.category is None else str(kpi.category)
        where = (kpi.id, category, kpi.scope, kpi.window)
        values[families.KPI_QUALITY].append((where, kpi.quality.level))
        family = families.KPIS.get(kpi.id)
        if family is not None:
            named = dict(zip(families.KPI_QUALITY.labels[1:], where, strict=True))
            _append(values[family], [named[label] for label in family.labels[1:]], kpi.value)
        _append(values[families.KPI_COVERAGE], where, kpi.coverage)
        _append(values[families.KPI_ESTIMATED], where, kpi.estimated_ratio)
        _append(values[families.KPI_SPAN], where, kpi.span_s)
    yield from values.items()


def _append(samples: list[Sample], labels: Sequence[str], value: float | None) -> None:
    if value is not None and math.isfinite(value):
        samples.append((labels, value))


def _redundancy(site: Site, snapshot: Snapshot) -> Iterator[Block]:
    report = snapshot.redundancy
    groups = {group.id: group for group in report.groups}
    cooling = (group.id for group in site.cooling.groups)
    names = list(dict.fromkeys([*(group.id for group in site.groups), *cooling, *groups]))
    known = {name: group for name, group in groups.items() if group.status != _UNKNOWN}
    yield (
        families.REDUNDANCY_STATUS,
        [((name,), known[name].status if name in known else _UNKNOWN) for name in names],
    )
    yield (
        families.REDUNDANCY_SPARE,
        [((name,), known[name].spare if name in known else _UNKNOWN) for name in names],
    )
    yield (
        families.REDUNDANCY_HEADROOM,
        [((name,), group.headroom_kw * 1000) for name, group in known.items()],
    )
    yield (
        families.REDUNDANCY_LEVEL,
        [
            ((part, level), round(seconds, 3))
            for part, levels in snapshot.levels.items()
            for level, seconds in levels.items()
        ],
    )
    for family, seconds in (
        (families.RIDE_THROUGH, {zone.id: zone.ride_through_s for zone in report.zones}),
        (families.COOLING_GAP, {zone.id: zone.gap_s for zone in report.zones}),
    ):
        yield family, [((zone,), value) for zone, value in seconds.items() if value is not None]
    fuel = report.fuel
    hours = {"all": fuel.all_h, "one_out": fuel.one_out_h} if fuel else {}
    yield (
        families.FUEL_AUTONOMY,
        [((scope,), left * 3600) for scope, left in hours.items() if left is not None],
    )
    planned = report.planned
    by_plan = {name for name in planned.groups if groups[name].status < _FULL} if planned else ()
    yield families.REDUNDANCY_PLANNED, [((name,), name in by_plan) for name in names]
    yield (
        families.MAINTENANCE,
        [((state,), len(ids)) for state, ids in maintenance_ids(snapshot).items()],
    )
    devices = sorted(planned.devices) if planned else ()
    yield families.DEVICE_PLANNED, [((name,), 1) for name in devices]
    yield families.SITE_REDUNDANCY, [((), report.status)]
    loads: Counter[str] = Counter(load.state for load in report.loads)
    yield families.LOADS, [((state,), loads[state]) for state in _LOAD_STATES]


def _states(snapshot: Snapshot) -> Iterator[Block]:
    modes: tuple[str, ...] = get_args(Supply)
    yield families.SUPPLY, [((mode,), mode == snapshot.supply) for mode in modes]
    alarms = Counter(alarm.severity for alarm in snapshot.alarms)
    yield (
        families.ALARMS,
        [((severity.name.lower(),), alarms[severity]) for severity in _SEVERITIES],
    )
    levels = np.bincount(snapshot.points.quality >> LEVEL_SHIFT, minlength=len(LEVEL_NAMES))
    counts = levels.tolist()[: len(LEVEL_NAMES)]
    yield (
        families.POINT_COUNT,
        [((name,), count) for name, count in zip(LEVEL_NAMES, counts, strict=True)],
    )
    yield families.SNAPSHOT_TIME, [((), round(snapshot.time, 3))]
    yield families.READY, [((), snapshot.ready)]
