"""The keys of the site file, their types and defaults. Unknown keys are refused.

Only shapes are checked here; what must hold between parts is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from agent.config.energy_keys import CarbonKeys, EnergyKeys, TariffKeys
from agent.config.plant_keys import FuelKeys, MaintenanceKeys, PolicyKeys, Rating, StartKeys
from agent.config.shapes import Id, Positive, Share, Strict, as_list
from core.site import AuthName, PrivName


class SiteKeys(Strict):
    """`site:` names the site."""

    id: Id = Field(description="stands on every metric; a-z, 0-9, '-', '_'")
    name: str = ""
    timezone: str = Field(default="UTC", description="IANA name, e.g. Africa/Casablanca")


class PollKeys(Strict):
    """`poll:` how a device is polled; what is left out comes from `defaults.poll`."""

    interval_s: Positive | None = Field(default=None, description="seconds between fast polls (5)")
    slow_interval_s: Positive | None = Field(
        default=None, description="seconds between slow polls (60)"
    )
    timeout_s: Positive | None = Field(
        default=None, description="seconds to wait for an answer (2)"
    )
    retries: Annotated[int, Field(ge=0, le=10)] | None = Field(
        default=None, description="tries after the first (1)"
    )


class DefaultKeys(Strict):
    """`defaults:` for every device."""

    poll: PollKeys = PollKeys()
    credentials: str = ""


class CredentialKeys(Strict):
    """One entry of `credentials:`."""

    version: Literal["v1", "v2c", "v3"] = "v2c"
    community: str | None = None
    community_file: str | None = Field(
        default=None, description="file whose first line is the community"
    )
    user: str | None = Field(default=None, description="SNMPv3: the user's name")
    auth: AuthName | None = Field(default=None, description="SNMPv3: authentication protocol")
    auth_key_file: str | None = Field(
        default=None, description="file whose first line is the authentication password"
    )
    priv: PrivName | None = Field(
        default=None,
        description="SNMPv3: privacy protocol; aes192c and aes256c make their keys as Cisco does",
    )
    priv_key_file: str | None = Field(
        default=None, description="file whose first line is the privacy password"
    )
    context: str = Field(default="", description="SNMPv3: context name, where a device has several")


class PlaceKeys(Strict):
    """One entry of `places:`."""

    id: Id
    name: str = ""
    parent: Id | None = None
    kind: Literal["campus", "building", "hall", "room", "row", "rack", "yard", "roof"] | None = None


class DeviceKeys(Strict):
    """One entry of `devices:`."""

    id: Id
    address: str = Field(
        description="snmp://HOST[:161], modbus://HOST[:502]/UNIT, modbus+rtu:///dev/ttyS0?baud=9600/UNIT"
    )
    profile: str = Field(
        default="", description="left out: the device is identified when it is first reached"
    )
    class_: str = Field(default="", alias="class", description="overrides the class of the profile")
    name: str = ""
    place: Id | None = Field(default=None, description="an id of `places`")
    credentials: str = Field(
        default="",
        description="a name of `credentials`; left out: the default, else community public",
    )
    poll: PollKeys = PollKeys()
    rating_kw: Positive | None = Field(
        default=None, description="bounds what its counters may count"
    )
    rating_kva: Positive | None = None
    side: str = Field(default="", description="path A or B")
    asset_tag: str = ""
    external_ids: dict[str, str] = Field(
        default={}, description="its names elsewhere, e.g. {bms: AHU-3}"
    )
    lifecycle: Literal["commissioning", "in_service", "retired"] = Field(
        default="in_service", description="a retired device is not polled"
    )
    options: dict[str, str | float | int | bool] = Field(
        default={}, description="read by the simulator only"
    )


class NodeKeys(Strict):
    """One entry of `power:`."""

    id: Id
    kind: Literal[
        "utility",
        "genset",
        "transformer",
        "bus",
        "ats",
        "sts",
        "ups",
        "pdu",
        "panel",
        "tie",
        "load",
        "pv",
    ]
    fed_by: list[Id] = Field(
        default=[], description="feeders; for ats and sts in order of preference"
    )
    capacity_kw: float | None = Field(
        default=None, description="what it can carry; the first limit breached counts"
    )
    capacity_kva: float | None = Field(default=None, description="counts at the power factor")
    capacity_a: float | None = Field(
        default=None, description="three phases at voltage_v, at the power factor"
    )
    voltage_v: Positive = Field(default=400.0, description="line to line, for capacity_a")
    power_factor: Share = Field(default=0.95, description="of the load it carries")
    efficiency: Share | None = Field(
        default=None, description="0.95 for ups, 0.985 for transformer, 1 else"
    )
    device: Id | None = Field(
        default=None, description="whose states tell how it is; without one it is assumed healthy"
    )
    side: str = Field(default="", description="path A or B")
    bypass_fed_by: Id | None = Field(default=None, description="where a UPS gets its bypass supply")
    between: list[Id] = Field(default=[], description="the two buses of a tie")
    normally: Literal["open", "closed"] = Field(
        default="open", description="how a tie stands where no device tells"
    )
    auto: bool = Field(
        default=False,
        description="a tie that closes by itself when exactly one of its sides is dead",
    )
    recharge_kw: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="a UPS recharging; 10 % of its capacity, 0 where inhibited on generator",
    )
    min_feeds: Annotated[int, Field(ge=1)] = Field(
        default=1, description="feeds a load needs to live"
    )
    demand: str | list[str] = Field(
        default=[], description="measured power of a load: one point, or one per feed"
    )
    demand_kw: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="power of a load without measurement, or its design value"
    )
    rating: Rating | None = Field(
        default=None,
        description="of a genset: `basis` (ESP, PRP, COP, DCP), `derate`, `average`; without one "
        "its capacity counts without a limit of hours, and is listed as assumed",
    )
    short_break: bool = Field(
        default=False,
        description="a load built to be without power while generators start: no UPS is missed",
    )


class GroupKeys(Strict):
    """One entry of `groups:`."""

    id: Id
    scheme: Literal["N+R", "2N", "distributed", "catcher"]
    members: Annotated[list[Id], Field(min_length=1)] = Field(
        description="nodes that stand in for one another"
    )
    design: Annotated[int, Field(ge=0)] = Field(
        default=1,
        description="spare units it was built with: the R of N+R; of 2N a side (1), in 2(N+1) "
        "a unit more (2)",
    )


class CoolingUnitKeys(Strict):
    """One entry of `cooling.units`."""

    id: Id
    kind: Literal["chiller", "pump", "tower", "dry_cooler", "crah", "crac", "dx"]
    capacity_kw: Positive = Field(
        description="heat it moves on the hottest day; of a pump what its flow carries"
    )
    powered_by: Annotated[list[Id], BeforeValidator(as_list)] = Field(
        description="the node of `power` that feeds it; of several any one does"
    )
    device: Id | None = Field(
        default=None, description="whose states tell how it is; without one it is assumed healthy"
    )
    restart_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="from the return of its power to full capacity; 300 for chiller, crac and dx, "
        "30 else",
    )


class CoolingGroupKeys(Strict):
    """One entry of `cooling.groups`."""

    id: Id
    members: Annotated[list[Id], Field(min_length=1)] = Field(
        description="units that stand in for one another"
    )
    design: Annotated[int, Field(ge=0)] = Field(
        default=1, description="spare units it was built with: the R of N+R"
    )
    heat_factor: Positive | None = Field(
        default=None,
        description="what it moves as part of the heat of its zones; 1.25 for tower and "
        "dry_cooler (the work of the compressors), 1 else",
    )
    buffer_m3: Positive | None = Field(
        default=None, description="stored water between this group and those before it"
    )
    buffer_delta_k: Positive | None = Field(
        default=None, description="how much warmer that water may become, K"
    )


class ZoneKeys(Strict):
    """One entry of `cooling.zones`."""

    id: Id
    cooled_by: list[Id] = Field(
        description="the groups that its heat passes in series, from the room outwards"
    )
    loads: list[Id] = Field(default=[], description="loads of `power` that stand in it")
    heat: Annotated[list[str], BeforeValidator(as_list)] = Field(
        default=[], description="points that measure its heat; the higher of both counts"
    )
    heat_kw: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="heat where it is not measured, and its design value"
    )
    heat_gain: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="fans, distribution, light: on top of the loads, part of them"
    )
    inlet: Annotated[list[str], BeforeValidator(as_list)] = Field(
        default=[], description="points that measure the air at the racks; the warmest counts"
    )
    recommended_c: float = Field(default=27.0, description="inlet above it: degraded (ASHRAE)")
    allowable_c: float = Field(default=32.0, description="inlet above it: lost (ASHRAE class A1)")
    air_m3: Positive | None = Field(default=None, description="air that warms without cooling")


class CoolingKeys(Strict):
    """`cooling:` what moves the heat, and out of which rooms (docs/redundancy.md, "Cooling")."""

    units: list[CoolingUnitKeys] = Field(default=[])
    groups: list[CoolingGroupKeys] = Field(default=[])
    zones: list[ZoneKeys] = Field(default=[])


class MeterKeys(Strict):
    """One entry of `meters:`, for a counter of `energy` that is not quite usual."""

    meter: str = Field(description="the point of the counter, or a device: all its counters")
    wraps_at_kwh: Positive | None = Field(
        default=None,
        description="where it begins again at 0: 1000000 for six digits of kWh, 4294967.296 for "
        "32 bits of Wh; left out: guessed from usual sizes",
    )
    rating_kw: Positive | None = Field(
        default=None,
        description="the most that flows through it; left out: `rating_kw` of its device",
    )


class InfluxKeys(Strict):
    """`history.influx:` where to copy the history to."""

    url: str
    org: str
    bucket: str
    token_file: str | None = Field(default=None, description="file whose first line is the token")
    token_env: str | None = Field(default=None, description="environment variable that holds it")


class HistoryKeys(Strict):
    """`history:` how much is kept on this machine, and copies of it."""

    retention_days: Positive = Field(default=400.0, description="older hours are removed")
    max_gb: Positive = Field(
        default=50.0, description="the oldest hours are removed beyond this size (GiB)"
    )
    influx: InfluxKeys | None = None


class SiteFile(Strict):
    """The whole site file."""

    site: SiteKeys
    profiles: Annotated[list[str], BeforeValidator(as_list)] = Field(default=[])
    defaults: DefaultKeys = DefaultKeys()
    credentials: dict[str, CredentialKeys] = Field(default={})
    places: list[PlaceKeys] = Field(default=[])
    devices: list[DeviceKeys] = Field(default=[])
    power: list[NodeKeys] = Field(default=[])
    groups: list[GroupKeys] = Field(default=[])
    policy: PolicyKeys = PolicyKeys()
    start: StartKeys = StartKeys()
    fuel: FuelKeys | None = None
    maintenance: list[MaintenanceKeys] = Field(default=[])
    cooling: CoolingKeys = CoolingKeys()
    energy: EnergyKeys = EnergyKeys()
    meters: list[MeterKeys] = Field(default=[])
    carbon: CarbonKeys | None = None
    tariffs: TariffKeys | None = None
    history: HistoryKeys = HistoryKeys()
