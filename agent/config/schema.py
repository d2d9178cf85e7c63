"""The keys of the site file, their types and defaults. Unknown keys are refused.

Only shapes are checked here; what must hold between parts is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class SiteKeys(_Strict):
    """`site:` names the site."""

    id: Id
    name: str = ""
    timezone: str = Field(default="UTC", description="IANA name, e.g. Africa/Casablanca")


class PollKeys(_Strict):
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


class DefaultKeys(_Strict):
    """`defaults:` for every device."""

    poll: PollKeys = PollKeys()
    credentials: str = ""


class CredentialKeys(_Strict):
    """One entry of `credentials:`."""

    version: Literal["v1", "v2c", "v3"] = "v2c"
    community: str | None = None
    community_file: str | None = Field(
        default=None, description="file whose first line is the community"
    )


class PlaceKeys(_Strict):
    """One entry of `places:`."""

    id: Id
    name: str = ""
    parent: Id | None = None
    kind: Literal["campus", "building", "hall", "room", "row", "rack", "yard", "roof"] | None = None


class DeviceKeys(_Strict):
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
    place: Id | None = None
    credentials: str = ""
    poll: PollKeys = PollKeys()
    rating_kw: Positive | None = None
    rating_kva: Positive | None = None
    side: str = ""
    asset_tag: str = ""
    external_ids: dict[str, str] = {}
    lifecycle: Literal["commissioning", "in_service", "retired"] = "in_service"
    options: dict[str, str | float | int | bool] = Field(
        default={}, description="read by the simulator only"
    )


class NodeKeys(_Strict):
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
    fed_by: list[Id] = []
    capacity_kw: float | None = None
    capacity_kva: float | None = None
    capacity_a: float | None = None
    voltage_v: Positive = 400.0
    power_factor: Share = 0.95
    efficiency: Share | None = Field(
        default=None, description="0.95 for ups, 0.985 for transformer, 1 else"
    )
    device: Id | None = None
    side: str = ""
    bypass_fed_by: Id | None = None
    between: list[Id] = []
    recharge_kw: Annotated[float, Field(ge=0)] | None = None
    min_feeds: Annotated[int, Field(ge=1)] = 1
    demand: str | list[str] = []
    demand_kw: Annotated[float, Field(ge=0)] | None = None


class GroupKeys(_Strict):
    """One entry of `groups:`."""

    id: Id
    scheme: Literal["N+R", "2N", "distributed", "catcher"]
    members: Annotated[list[Id], Field(min_length=1)]
    design: Annotated[int, Field(ge=0)] = 1


class EnergyKeys(_Strict):
    """`energy:` what the key figures are made of. Entries are device ids or points."""

    facility: list[str] = []
    it: dict[Literal[1, 2, 3], list[str]] = {}
    exclude: list[str] = []
    pv: list[str] = []
    genset_boundary: Literal["output", "fuel"] = "output"


class InfluxKeys(_Strict):
    """`history.influx:` where to copy the history to."""

    url: str
    org: str
    bucket: str
    token_file: str | None = Field(default=None, description="file whose first line is the token")
    token_env: str | None = Field(default=None, description="environment variable that holds it")


class HistoryKeys(_Strict):
    """`history:` how much is kept on this machine, and copies of it."""

    retention_days: Positive = 400.0
    max_gb: Positive = 50.0
    influx: InfluxKeys | None = None


class SiteFile(_Strict):
    """The whole site file."""

    site: SiteKeys
    defaults: DefaultKeys = DefaultKeys()
    credentials: dict[str, CredentialKeys] = {}
    places: list[PlaceKeys] = []
    devices: list[DeviceKeys] = []
    power: list[NodeKeys] = []
    groups: list[GroupKeys] = []
    energy: EnergyKeys = EnergyKeys()
    history: HistoryKeys = HistoryKeys()
