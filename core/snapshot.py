"""The Snapshot: everything that is looked at, at one instant. Immutable; published by swapping a
reference.

Screens, metrics, alarms and the API read this and nothing else, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.points import Point
from core.quality import Quality
from core.readings import Bytes, Floats
from core.site import Window
from core.vocabulary import Severity

Supply = Literal["mains", "generator", "battery", "mixed", "none", "unknown"]
Verdict = Literal["safe", "reduced", "unsafe", "unknown"]


@dataclass(frozen=True, slots=True)
class PointView:
    """The point table at one tick: `points[i]` has `value[i]` and so on. Arrays are read-only
    copies.

    `time` is UTC seconds of the last answer (NaN before the first), `severity` counts for states
    only.
    """

    points: Sequence[Point]
    value: Floats
    time: Floats
    quality: Bytes
    severity: Bytes
    row: Mapping[str, int]
    """Row by point id."""


@dataclass(frozen=True, slots=True)
class Nameplate:
    """What the device says it is."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """How one device's polling goes.

    `last_error` says why a device is down, `errors` what one that is up does not give, a sentence
    each. `uptime_s` is how long it, or its network card, said last that it runs; None where it does
    not say.
    """

    id: str
    up: bool
    tried: bool
    profile: str
    nameplate: Nameplate
    last_success: float | None
    last_error: str
    poll_duration_s: float | None
    polls: int
    failures: int
    skipped: int
    points: int
    errors: tuple[str, ...] = ()
    uptime_s: float | None = None


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure. `value` is None where it cannot be told; `coverage` is the share of the
    metered energy with good inputs (0..1), `estimated_ratio` the share of it that is not
    measured;
    `span_s` is the time really covered, at most the window. `scope` is the hall, stage, check or
    line of the bill that it is of, empty for the site."""

    id: str
    value: float | None
    unit: str
    quality: Quality
    coverage: float | None = None
    window: str = ""
    span_s: float | None = None
    category: int | None = None
    inputs: tuple[str, ...] = ()
    reason: str = ""
    scope: str = ""
    estimated_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Overload:
    """A node that gives more than it can, and the loads behind it."""

    id: str
    load_kw: float
    capacity_kw: float
    loads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The plant in one case (`as_is` or `mains_lost`)."""

    lost_loads: tuple[str, ...]
    unprotected_loads: tuple[str, ...]
    overloaded: tuple[Overload, ...]
    unchecked: tuple[str, ...]
    assumed: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A redundancy group in its worst case.

    `status`: -1 unknown, 0 lost or overloaded, 1 at N, 2 degraded, 3 full as designed. `spare` is
    the number of members that can still be lost (-1 when what is left cannot carry the load
    already).
    """

    id: str
    scheme: str
    status: int
    spare: int
    design: int
    load_kw: float
    capacity_kw: float
    headroom_kw: float
    available: tuple[str, ...]
    missing: tuple[str, ...]
    reasons: tuple[str, ...]
    case: str = "as_is"
    kind: Literal["power", "cooling"] = "power"
    """Of cooling all kW are heat."""


@dataclass(frozen=True, slots=True)
class ZoneStatus:
    """A room that is cooled. `status` as in GroupStatus: the worst of the groups that cool it in
    series, and of its own air.

    `heat_kw` and `inlet_c` are None where they are not known. With the mains lost it is without
    cooling for `gap_s` (None: for good), and lasts `ride_through_s` (None: nothing is stated that
    would tell).
    """

    id: str
    status: int
    heat_kw: float | None
    inlet_c: float | None
    ride_through_s: float | None
    gap_s: float | None
    groups: tuple[str, ...]
    loads: tuple[str, ...]
    reasons: tuple[str, ...]
    """All that is said of it, what its groups say included."""
    own: tuple[tuple[int, str], ...] = ()
    """What is said of its air and its ride-through alone, each with its status."""

    @property
    def own_status(self) -> int:
        """The worst of these; 3 where nothing is wrong with them."""
        return min((status for status, _ in self.own), default=3)


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """One load of the power graph: how many of its feeds stand, in the worse case."""

    id: str
    demand_kw: float
    feeds: int
    energised_feeds: int
    min_feeds: int
    state: Literal["redundant", "at_n", "unprotected", "lost", "unknown"]
    reasons: tuple[str, ...]
    supply: Supply = "unknown"
    """Where its power comes from at this moment."""


@dataclass(frozen=True, slots=True)
class SingleFailure:
    """What taking out one more component would do, in the worse case."""

    out: str
    lost_loads: tuple[str, ...]
    unprotected_loads: tuple[str, ...]
    overloaded: tuple[str, ...]
    zones: tuple[str, ...] = ()
    """Left without enough cooling, or newly with less ride-through than they need."""


@dataclass(frozen=True, slots=True)
class FuelStatus:
    """How long the fuel lasts with the mains lost, at the present load: with all tanks, and without
    `worst_tank`, the one that would be missed most. Hours are None where nothing would be burnt;
    tanks in `unknown` count as empty. `status` as in GroupStatus, against `required_h`."""

    status: int
    all_h: float | None
    one_out_h: float | None
    required_h: float
    worst_tank: str
    litres: float
    use_l_per_h: float
    unknown: tuple[str, ...]
    reasons: tuple[str, ...]


WindowState = Literal["planned", "active", "overdue", "ended", "cancelled"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered about a window: what its nodes out would do, or do; ids of loads and nodes,
    and the status by group and zone."""

    verdict: Verdict
    reasons: tuple[str, ...]
    time: float
    lost: tuple[str, ...] = ()
    unprotected: tuple[str, ...] = ()
    overloaded: tuple[str, ...] = ()
    statuses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MaintenanceStatus:
    """Announced maintenance as it stands. `out` are those of its nodes that are not as they should
    be, `unseen` those that no device tells of, which count as out while it is active; `taken` were
    out at any time of it. `announced` is what was answered first, `now` last; both None before
    every device was tried. `worse` is what has become worse since, in words."""

    window: Window
    state: WindowState
    out: tuple[str, ...]
    unseen: tuple[str, ...]
    taken: tuple[str, ...]
    announced: Answered | None
    now: Answered | None
    worse: tuple[str, ...] = ()
    closed: float | None = None
    """When it ended or was cancelled (UTC seconds)."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What of a verdict is announced maintenance: the nodes that are out by it, and groups and
    zones that would be whole without it. `beside` is what is not as it should be all the same."""

    nodes: tuple[str, ...]
    devices: frozenset[str]
    groups: frozenset[str]
    zones: frozenset[str]
    words: str
    beside: tuple[str, ...]

    @property
    def all(self) -> bool:
        """Nothing is missing beside it."""
        return not self.beside


@dataclass(frozen=True, slots=True)
class RedundancyReport:
    """The verdict now, with its reasons and scope. `status` as in GroupStatus; the headline is the
    worst part."""

    status: int
    headline: str
    reasons: tuple[str, ...]
    groups: tuple[GroupStatus, ...]
    loads: tuple[LoadStatus, ...]
    single_failures: tuple[SingleFailure, ...]
    cases: Mapping[str, CaseResult]
    unchecked: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    zones: tuple[ZoneStatus, ...] = ()
    fuel: FuelStatus | None = None
    planned: Planned | None = None
    """Where announced maintenance is active."""
    state: str = ""
    """A short name of the state that all nodes are in: answers are for the plant in it."""


@dataclass(frozen=True, slots=True)
class BatteryAfter:
    """The battery of a UPS in a what-if, and before: what it would carry from the loss of the mains
    until generators do (kW), how long it could (s; None where it carries nothing or does not tell),
    and whether that is enough."""

    id: str
    load_kw: float
    load_kw_before: float
    lasts_s: float | None
    lasts_s_before: float | None
    required_s: float
    bridges: bool
    bridges_before: bool


@dataclass(frozen=True, slots=True)
class Validity:
    """How far an answer holds: for the plant in this `state` (the report has the same while it is),
    at `load_kw`, and up to `holds_to_kw` of it (None: no limit up to twice, or nothing left to
    hold). `oldest_s` is the age of the oldest word it rests on, None where one is missing."""

    state: str
    load_kw: float
    holds_to_kw: float | None
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class Consequences:
    """What an answer means one by one: each load, group, battery and the fuel before and after.
    After is in the answer itself where it stands there."""

    loads: tuple[LoadStatus, ...]
    loads_before: Mapping[str, LoadStatus]
    groups_before: Mapping[str, GroupStatus]
    batteries: tuple[BatteryAfter, ...]
    fuel: FuelStatus | None
    fuel_before: FuelStatus | None
    validity: Validity


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer to "may I take these out?": the whole resulting state, old faults included."""

    verdict: Verdict
    lost_loads: tuple[str, ...]
    unprotected_loads: tuple[str, ...]
    overloaded: tuple[Overload, ...]
    unchecked: tuple[str, ...]
    assumed: tuple[str, ...]
    groups: tuple[GroupStatus, ...]
    cases: Mapping[str, CaseResult]
    reasons: tuple[str, ...] = ()
    zones: tuple[ZoneStatus, ...] = ()
    consequences: Consequences | None = None
    """Where they were asked for."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An active condition. `id` is stable while it lasts and comes back the same when it
    returns."""

    id: str
    device: str
    point: str
    severity: Severity
    state: str
    message: str
    since: float
    quality: Quality = Quality.GOOD
    planned: bool = False
    """It comes from announced maintenance."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened between two polls: not before `earliest`, not after `latest` (UTC
    seconds).

    Events whose spans overlap have no order among them. `seq` only grows.
    """

    seq: int
    kind: Literal[
        "state", "device", "redundancy", "supply", "kpi", "maintenance", "meter", "system"
    ]
    device: str
    point: str
    before: str
    after: str
    severity: Severity
    message: str
    earliest: float
    latest: float
    cause: str = ""
    """What changed with it, in words; empty where that is the event itself."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Values, quality, KPIs, redundancy and alarms of one tick."""

    version: int
    time: float
    supply: Supply
    points: PointView
    devices: Mapping[str, DeviceStatus]
    kpis: tuple[Kpi, ...]
    redundancy: RedundancyReport
    alarms: tuple[Alarm, ...]
    maintenance: tuple[MaintenanceStatus, ...] = ()
    """Announced maintenance, the next first, then what is over, the newest first."""
    events: tuple[Event, ...] = field(default_factory=tuple)
    """The newest events, oldest first."""
    supply_reasons: tuple[str, ...] = ()
    """Why the site is not on mains, as far as sources and switches tell."""
    levels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Seconds at each level, by part of the plant (`core.levels`)."""
    ready: bool = False
    """Every device was tried at least once."""
