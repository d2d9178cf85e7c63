"""What requests and answers look like, for the documentation and for reading requests.

Answers are not built through these models: the hot ones go out as ready bytes. A test holds every
answer against its model, where an unknown key is an error.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[str, Field(description="ISO 8601, UTC", examples=["2026-01-31T03:12:00.000Z"])]
Level = Literal["good", "uncertain", "bad"]
SeverityName = Literal["ok", "warning", "critical", "unknown"]
StatusName = Literal["unknown", "lost", "at_n", "degraded", "full"]
Ratio = Annotated[float, Field(ge=0, le=1)]
Ids = list[str]
EventKind = Literal[
    "state", "device", "redundancy", "supply", "kpi", "maintenance", "meter", "system"
]
EVENT_KINDS = get_args(EventKind)
Words = Annotated[list[str], Field(max_length=1000)]
"""What a filter asks for, repeated or with commas: read by `words`."""


def words(values: Words) -> tuple[str, ...]:
    """The words of a filter, each once, in order of the alphabet."""
    found = (word.strip() for value in values for word in value.split(","))
    return tuple(sorted({word for word in found if word}))


class Strict(BaseModel):
    """No key that is not documented."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stamped(Strict):
    """Of one snapshot."""

    version: int = Field(description="grows by one with each snapshot; starts again with the agent")
    time: Time = Field(description="when the values of this answer were put together")


class ErrorDetail(Strict):
    """What went wrong."""

    code: str = Field(description="for programs", examples=["unknown_device"])
    message: str = Field(description="a sentence for people")


class ErrorBody(Strict):
    """Every error looks like this."""

    error: ErrorDetail


class Kpi(Strict):
    """One key figure."""

    id: str = Field(examples=["pue"])
    value: float | None = Field(description="null where it cannot be told")
    unit: str
    category: int | None = Field(
        description="of a PUE (ISO/IEC 30134-2): 1 UPS output, 2 PDU output, 3 IT input"
    )
    scope: str | None = Field(
        description="the hall, stage, check of meters or line of the bill; null for the site"
    )
    window: str | None = Field(description="null for a value of the moment", examples=["1h"])
    span_s: float | None = Field(description="time really covered, at most the window")
    coverage: Ratio | None = Field(description="share of the metered energy with good inputs")
    estimated_ratio: Ratio | None = Field(description="share of the energy that is not measured")
    quality: Level
    reason: str = Field(description="why the quality is not good")
    inputs: Ids = Field(description="points it is made of")


class CarbonFactors(Strict):
    """What `cue` and `carbon_emissions` are computed with, as the site file states it."""

    grid_g_per_kwh: float = Field(description="CO2e of a kWh of the grid")
    diesel_kg_per_l: float | None = Field(description="CO2e of a litre of fuel")
    year: int = Field(description="that the factors hold for")
    scope: Literal["location", "market"] = Field(description="of the grid, or of the contract")
    source: str


class Kpis(Stamped):
    """All key figures."""

    kpis: list[Kpi]
    carbon: CarbonFactors | None = Field(description="null where the site file has no `carbon`")


class RedundancyHeadline(Strict):
    """The verdict in one line."""

    status: StatusName
    status_code: int = Field(ge=-1, le=3, description="as in kasbah_redundancy_status")
    headline: str
    reasons: list[str]
    as_planned: bool = Field(description="announced maintenance explains all that is missing")


class AlarmCounts(Strict):
    """Active alarms by severity."""

    critical: int
    warning: int
    unknown: int
    total: int


class MaintenanceIds(Strict):
    """Announced maintenance that is not over."""

    planned: Ids
    active: Ids
    overdue: Ids = Field(description="over by the clock, and something is still out")
    worse: Ids = Field(description="those of the others that the plant has changed under")


class DeviceCounts(Strict):
    """Devices by status."""

    total: int = Field(description="all but the retired ones")
    up: int
    down: int
    waiting: int = Field(description="not tried yet")
    down_ids: Ids


class SiteName(Strict):
    """Which site this is."""

    id: str
    name: str
    timezone: str


class Headline(Stamped):
    """The site in one look."""

    ready: bool = Field(description="every device was tried once, and a snapshot stands")
    supply: Literal["mains", "generator", "battery", "mixed", "none", "unknown"]
    redundancy: RedundancyHeadline
    alarms: AlarmCounts
    maintenance: MaintenanceIds
    devices: DeviceCounts


class Status(Headline):
    """The head, the site's name, the key figures and the age of it all."""

    site: SiteName
    age_s: float = Field(description="age of the snapshot now")
    kpis: list[Kpi]


class Point(Strict):
    """One reading."""

    id: str = Field(examples=["ups-a1/output.active_power"])
    point: str = Field(description="the id again, under the name that alarms and history use")
    device: str
    device_class: str = Field(alias="class")
    part: str = Field(description="empty where the quantity is one of the device as a whole")
    quantity: str
    instance: str = Field(description="empty for a total; its parts are numbered or named")
    value: float | str | None = Field(
        description="a number in the unit beside it, or the name of a state; null where it is bad"
    )
    unit: str | None = Field(description="null for a state")
    code: int | None = Field(description="number of the state; null for a number")
    severity: SeverityName | None = Field(description="of a state, as its maker's profile judges")
    quality: Level
    reason: str = Field(description="why the quality is not good")
    time: Time | None = Field(description="when the device answered; null before it ever did")
    age_s: float | None


class Points(Stamped):
    """Readings as rows."""

    points: list[Point]


class PointColumnLists(Strict):
    """One list per column."""

    point: list[str]
    device: list[str]
    device_class: list[str] = Field(alias="class")
    part: list[str]
    quantity: list[str]
    instance: list[str]
    value: list[float | str | None]
    unit: list[str | None]
    code: list[int | None]
    severity: list[SeverityName | None]
    quality: list[Level]
    reason: list[str]
    time: list[Time | None]
    age_s: list[float | None]


class PointColumns(Stamped):
    """The same with `format=columns`: one list per column, all of one length."""

    columns: PointColumnLists


class Nameplate(Strict):
    """What the device says it is."""

    vendor: str
    model: str
    serial: str
    firmware: str


class Polling(Strict):
    """How the polling of the device goes."""

    interval_s: float
    duration_s: float | None = Field(description="of the last poll")
    polls: int
    failures: int
    skipped: int = Field(description="left out since the one before was not done")


class Device(Strict):
    """One device."""

    id: str
    name: str
    device_class: str = Field(alias="class")
    status: Literal["up", "down", "waiting", "retired"]
    profile: str
    address: str = Field(description="without user, password or community")
    place: str
    side: str
    lifecycle: Literal["commissioning", "in_service", "retired"]
    rating_kw: float | None
    rating_kva: float | None
    asset_tag: str
    external_ids: dict[str, str]
    nameplate: Nameplate
    last_success: Time | None
    last_error: str = Field(description="why it is down; empty while it is up")
    errors: list[str] = Field(
        description="what it does not give although it is up: refused objects, broken tables"
    )
    poll: Polling
    point_count: int


class Devices(Stamped):
    """All devices, in the order of the site file."""

    devices: list[Device]


class DeviceWithPoints(Stamped):
    """One device and its readings."""

    device: Device
    points: list[Point]


class Overload(Strict):
    """A node that gives more than it can, and the loads behind it; or a cooling group, in kW of
    heat, and the loads it cools."""

    id: str
    load_kw: float
    capacity_kw: float
    loads: Ids


class Case(Strict):
    """The plant in one case."""

    lost_loads: Ids
    unprotected_loads: Ids
    overloaded: list[Overload]
    unchecked: Ids = Field(description="nodes that state no capacity")
    assumed: Ids = Field(description="nodes without a device: taken as healthy")
    unknown: Ids = Field(description="nodes whose state is not known: taken as out")


class Group(Strict):
    """Units that stand in for one another, in their worse case."""

    id: str
    scheme: Literal["N+R", "2N", "distributed", "catcher"]
    status: StatusName
    status_code: int = Field(ge=-1, le=3)
    spare: int = Field(description="members that may still be lost; -1: the rest cannot carry it")
    design: int = Field(description="spare members it was built with")
    load_kw: float
    capacity_kw: float
    headroom_kw: float
    available: Ids
    missing: Ids
    reasons: list[str]
    case: str = Field(description="the worse case, which this is about")
    kind: Literal["power", "cooling"] = Field(description="of cooling all kW are heat")


class Zone(Strict):
    """A room that is cooled: the worst of the groups that cool it in series, and of its air."""

    id: str
    status: StatusName
    status_code: int = Field(ge=-1, le=3)
    heat_kw: float | None = Field(description="null where it is not known")
    inlet_c: float | None = Field(description="the warmest inlet that is measured")
    ride_through_s: float | None = Field(
        description="how long it lasts without cooling from the loss of the mains; null where "
        "neither air nor buffer is stated; a day at most"
    )
    gap_s: float | None = Field(
        description="how long it is without cooling then; null: it does not come back"
    )
    groups: Ids = Field(description="what cools it, in series, from the room outwards")
    loads: Ids
    reasons: list[str]


class Cooling(Strict):
    """The cooling: rooms, and which of the groups cool."""

    zones: list[Zone]
    groups: Ids = Field(description="ids of those among `groups` whose `kind` is cooling")


class Fuel(Strict):
    """How long the fuel lasts with the mains lost, at the present load."""

    status: StatusName
    status_code: int
    all_h: float | None = Field(description="with all tanks; null where nothing would be burnt")
    one_out_h: float | None = Field(
        description="without `worst_tank`, and what burns from it alone"
    )
    required_h: float
    worst_tank: str = Field(description="the tank that would be missed most")
    litres: float = Field(description="above the dead volumes; unknown tanks count as empty")
    use_l_per_h: float
    unknown: Ids = Field(description="tanks whose level is not known")
    reasons: list[str]


class Load(Strict):
    """One load of the power graph."""

    id: str
    state: Literal["redundant", "at_n", "unprotected", "lost", "unknown"]
    supply: Literal["mains", "generator", "battery", "mixed", "none", "unknown"] = Field(
        description="where its power comes from at this moment"
    )
    demand_kw: float
    feeds: int
    energised_feeds: int
    min_feeds: int
    reasons: list[str]


class SingleFailure(Strict):
    """What taking out one more component would do."""

    out: str
    lost_loads: Ids
    unprotected_loads: Ids
    overloaded: Ids
    zones: Ids = Field(description="left without enough cooling, or newly with too short a time")


class Planned(Strict):
    """What of the verdict is announced maintenance."""

    all: bool = Field(description="nothing is wrong beside it")
    nodes: Ids = Field(description="what is out by it, or may be, as no device tells")
    groups: Ids = Field(description="groups that would have their designed spare without it")
    zones: Ids
    words: str
    beside: list[str] = Field(description="what would be wrong without it")


class Redundancy(Stamped, RedundancyHeadline):
    """The verdict now, with reasons and scope."""

    groups: list[Group]
    loads: list[Load]
    single_failures: list[SingleFailure]
    cases: dict[str, Case]
    unchecked: Ids
    assumed: Ids
    unknown: Ids
    cooling: Cooling
    fuel: Fuel | None = Field(description="null where the site file states no tanks")
    planned: Planned | None = Field(description="null where no announced maintenance is active")
    state: str = Field(
        description="a short name of the state of all nodes; an answer is for the plant as it is "
        "while its `validity` has the same"
    )


class PointsQuery(Strict):
    """Filters of `/points`; each takes several words, repeated or with commas."""

    device: Words = Field(default=[], examples=[["ups-a1"]])
    device_class: Words = Field(default=[], alias="class", examples=[["ups"]])
    quantity: Words = Field(default=[], examples=[["active_power"]])
    part: Words = Field(default=[], examples=[["output"]])
    instance: Words = Field(default=[], examples=[["l1"]])
    layout: Literal["rows", "columns"] = Field(
        default="rows", alias="format", description="`columns` for bulk: one list per column"
    )


class PueQuery(Strict):
    """Of which time."""

    window: str = Field(
        default="24h",
        max_length=20,
        description="1m, 15m, 1h, 24h, 7d, 30d, 12mo, a month (2026-03) or a year (2026)",
        examples=["24h"],
    )


class MonthsQuery(Strict):
    """Of which year."""

    year: int | None = Field(
        default=None, ge=2000, le=9998, description="left out: the current one", examples=[2026]
    )


class EventsQuery(Strict):
    """Which events."""

    since: str | None = Field(
        default=None,
        max_length=40,
        description="a sequence number (events after it), or a time: ISO 8601 or `-1h`",
        examples=["-1h"],
    )
    limit: int = Field(default=200, ge=1, le=1000)
    kind: Words = Field(
        default=[], description=f"one or more of {', '.join(EVENT_KINDS)}", examples=[["supply"]]
    )
    device: Words = Field(default=[], examples=[["ups-a1"]])
    point: Words = Field(
        default=[],
        description="point, group, room, load, key figure or maintenance",
        examples=[["site"]],
    )
    start: str | None = Field(
        default=None,
        alias="from",
        max_length=40,
        description="what may have happened at this time or later",
        examples=["-7d"],
    )
    end: str | None = Field(
        default=None,
        alias="to",
        max_length=40,
        description="what may have happened at this time or before",
        examples=["now"],
    )
    order: Literal["oldest", "newest"] = Field(
        default="oldest", description="which comes first; with `newest` the newest that fit"
    )


class HistoryQuery(Strict):
    """Which stretch of which point. Times are ISO 8601, UTC seconds, or so long ago (`-1h`)."""

    point: str = Field(examples=["ups-a1/output.active_power"])
    start: str = Field(default="-1h", alias="from", examples=["-1h"])
    end: str = Field(default="now", alias="to", examples=["now"])
    buckets: int = Field(default=300, ge=1, le=10_000)


class WhatIfRequest(Strict):
    """What is to be taken out, and what is put back in."""

    out: list[Annotated[str, Field(max_length=200)]] = Field(
        max_length=1000, description="ids of nodes, cooling units or devices", examples=[["ups-a2"]]
    )
    back: list[Annotated[str, Field(max_length=200)]] = Field(
        default=[], alias="in", max_length=1000, description="ids put back into service"
    )
    case: Literal["worst", "as_is", "mains_lost"] = "worst"
    demand: Literal["now", "peak_15m", "peak_30d", "design"] = "now"


class GroupBefore(Strict):
    """A group as it is, on the same question."""

    status: StatusName
    status_code: int
    spare: int


class GroupAfter(Group):
    """A group as it would be."""

    before: GroupBefore | None


class LoadAfter(Strict):
    """A load as it would be."""

    id: str
    state: Literal["redundant", "at_n", "unprotected", "lost", "unknown"]
    state_before: Literal["redundant", "at_n", "unprotected", "lost", "unknown"]
    demand_kw: float
    feeds: int
    energised_feeds: int
    min_feeds: int
    reasons: list[str]


class BatteryAfter(Strict):
    """The battery of a UPS, from the loss of the mains until generators carry."""

    id: str
    load_kw: float = Field(description="what it would carry")
    load_kw_before: float
    lasts_s: float | None = Field(description="null where it carries nothing or does not tell")
    lasts_s_before: float | None
    required_s: float
    bridges: bool
    bridges_before: bool


class Validity(Strict):
    """How far an answer holds."""

    state: str = Field(description="of the plant; ask again when that of `/redundancy` is another")
    load_kw: float = Field(description="of all loads, as the answer takes it")
    holds_to_kw: float | None = Field(
        description="up to which load nothing is lost, overloaded or newly unprotected; null "
        "beyond twice the load, and where something is already"
    )
    oldest_s: float | None = Field(description="age of the oldest word; null where one is missing")


class WhatIf(Stamped):
    """The whole resulting state."""

    verdict: Literal["safe", "reduced", "unsafe", "unknown"]
    reasons: list[str]
    lost_loads: Ids
    unprotected_loads: Ids
    overloaded: list[Overload]
    unchecked: Ids
    assumed: Ids
    groups: list[GroupAfter]
    cases: dict[str, Case]
    cooling: Cooling
    loads: list[LoadAfter]
    batteries: list[BatteryAfter]
    fuel: Fuel | None
    fuel_before: Fuel | None
    validity: Validity


class Answered(Strict):
    """What a what-if answered about a maintenance."""

    verdict: Literal["safe", "reduced", "unsafe", "unknown"]
    reasons: list[str]
    time: Time


class MaintenanceRequest(Strict):
    """What will be out, and when."""

    id: str = Field(
        default="",
        max_length=64,
        pattern=r"^([a-z0-9][a-z0-9_-]*)?$",
        description="of your own, such as a work order; given if left out",
    )
    start: str | None = Field(
        default=None, max_length=40, description="ISO 8601 with its offset; now if left out"
    )
    end: str = Field(max_length=40, examples=["2026-01-31T14:00+01:00"])
    nodes: list[Annotated[str, Field(max_length=200)]] = Field(
        min_length=1,
        max_length=1000,
        description="ids of nodes, cooling units or devices",
        examples=[["ups-a2"]],
    )
    reason: str = Field(default="", max_length=500)
    announced_by: str = Field(default="", max_length=200)


class MaintenanceStatus(Strict):
    """One announced maintenance."""

    id: str
    state: Literal["planned", "active", "overdue", "ended", "cancelled"]
    start: Time
    end: Time
    nodes: Ids
    reason: str
    announced_by: str
    in_site_file: bool = Field(description="it is changed there, and not here")
    out: Ids = Field(description="of its nodes, those that are not as they should be now")
    unseen: Ids = Field(description="that no device tells of: they count as out while it is active")
    taken: Ids = Field(description="that were out at any time of it")
    announced: Answered | None = Field(description="what was answered first")
    now: Answered | None = Field(description="what is answered now; null before it could be asked")
    worse: list[str] = Field(description="what has become worse since it was announced")
    closed: Time | None = Field(description="when it ended or was cancelled")


class MaintenanceOne(Stamped, MaintenanceStatus):
    """One announced maintenance, of one snapshot."""


class Maintenance(Stamped):
    """All announced maintenance."""

    maintenance: list[MaintenanceStatus]


class Alarm(Strict):
    """A condition that stands."""

    id: str
    device: str
    point: str
    severity: SeverityName
    state: str
    message: str
    since: Time
    quality: Level
    reason: str
    planned: bool = Field(description="announced maintenance explains it: no more than a warning")


class Alarms(Stamped):
    """All conditions that stand."""

    alarms: list[Alarm]


class LevelsQuery(Strict):
    """Query of `/redundancy/levels`."""

    month: str | None = Field(default=None, description="2026-11; the present one if left out")


class PartLevels(Strict):
    """One part of the plant in one month."""

    id: str = Field(description="`site`, `supply`, or `group/` and the group's id")
    seconds: dict[str, float] = Field(
        description="by level: unknown, lost, at_n, degraded, full; of the supply by its mode"
    )
    unobserved_s: float


class Levels(Stamped):
    """Time at each level in one month."""

    month: str
    start: Time
    end: Time
    until: Time = Field(description="counted up to here")
    parts: list[PartLevels]


class Event(Strict):
    """Something that happened between two polls."""

    seq: int = Field(description="only grows; hand the last one back as `since`")
    kind: EventKind
    device: str
    point: str = Field(description="point, group, room, load, key figure or maintenance it is of")
    before: str
    after: str
    severity: SeverityName
    message: str
    earliest: Time = Field(description="not before this: the poll that still saw the old state")
    latest: Time = Field(description="not after this: the poll that saw the new one")
    cause: str = Field(description="what changed with it; empty where that is the event itself")
    unordered: bool = Field(
        description="its span overlaps that of another event of the list: their order is not known"
    )


class Events(Stamped):
    """What happened, oldest first unless asked otherwise."""

    events: list[Event]
    next_since: int = Field(description="ask for `since` this next time")
    oldest: int = Field(description="number of the oldest event kept; 0 where there is none")
    dropped: int = Field(
        description="so many numbers after `since` (of all, without one) are no longer kept"
    )


class History(Strict):
    """One point over time; the six lists have one length."""

    point: str
    unit: str | None = Field(description="null for a state")
    states: list[str] | None = Field(description="names by code; null for a number")
    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    buckets: int = Field(description="asked for; empty ones are left out")
    t: list[Time] = Field(description="start of each bucket")
    min: list[float | None]
    mean: list[float | None]
    max: list[float | None]
    last: list[float | None]
    quality: list[Level] = Field(description="the worst of each bucket")


class StreamEvent(Headline):
    """`data` of one event of the stream."""

    full: bool = Field(description="everything; else only what changed since the event before")
    kpis: list[Kpi]
    states: list[Point]
    events: list[Event]


class Scenarios(Strict):
    """What can be made to happen."""

    scenarios: list[str]


class ScenarioStarted(Strict):
    """It begins now."""

    scenario: str
    time: Time


class Live(Strict):
    """The process answers."""

    live: bool


class Ready(Strict):
    """Whether the agent is ready, and what is missing."""

    ready: bool
    reasons: list[str] = Field(description="what is still missing")
