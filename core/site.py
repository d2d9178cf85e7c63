"""The site as the parts see it: plain frozen records, checked already, no file format.

`agent/config` makes it from the site file; collectors, simulator, core and api read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from core.counters import Register
from core.metering import Energy

NodeKind = Literal[
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
Scheme = Literal["N+R", "2N", "distributed", "catcher"]


@dataclass(frozen=True, slots=True)
class Poll:
    """How a device is polled; seconds. `slow_interval_s` is for nameplate, temperatures and other
    slow points."""

    interval_s: float = 5.0
    slow_interval_s: float = 60.0
    timeout_s: float = 2.0
    retries: int = 1


AuthName = Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
PrivName = Literal["des", "aes128", "aes192", "aes256", "aes192c", "aes256c"]


@dataclass(frozen=True, slots=True)
class SnmpUser:
    """Who asks over SNMPv3. Without `auth` nothing is authenticated, without `priv` nothing
    encrypted."""

    name: str
    auth: AuthName | None = None
    auth_password: bytes = field(default=b"", repr=False)
    priv: PrivName | None = None
    priv_password: bytes = field(default=b"", repr=False)
    context: str = ""

    @property
    def level(self) -> str:
        """The security level in the word of RFC 3411."""
        return "authPriv" if self.priv else "authNoPriv" if self.auth else "noAuthNoPriv"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in to a device: a community, or with version 3 a user. Secrets never show in a
    repr."""

    name: str
    version: Literal["v1", "v2c", "v3"] = "v2c"
    community: str = field(default="public", repr=False)
    user: SnmpUser | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One polled device. `profile` is empty where it is to be identified at start."""

    id: str
    device_class: str
    profile: str
    address: str
    credentials: Credentials = field(default_factory=lambda: Credentials("default"))
    poll: Poll = field(default_factory=Poll)
    name: str = ""
    place: str = ""
    rating_kw: float | None = None
    rating_kva: float | None = None
    side: str = ""
    asset_tag: str = ""
    external_ids: tuple[tuple[str, str], ...] = ()
    lifecycle: Literal["commissioning", "in_service", "retired"] = "in_service"
    options: tuple[tuple[str, str], ...] = ()
    """Free `key: value` pairs of the site file that the simulator reads, e.g. what a meter stands
    on."""


RatingBasis = Literal["ESP", "PRP", "COP", "DCP"]

UNLIMITED_SHARE: dict[RatingBasis, float] = {"ESP": 0.63, "PRP": 0.70, "COP": 1.0, "DCP": 1.0}
"""Part of its plate that a generator may give without a limit of hours.

ISO 8528-1: COP is for a constant load and unlimited hours; DCP (2018) for any load of a data centre
and unlimited hours; PRP for unlimited hours at 70 % of it on average over 24 h; ESP for 200 hours a
year at 70 % on average. The load of a data centre hardly varies, so the average is what counts; and
the Tier Standard: Topology asks for generators without a limit of consecutive hours at the load N.
For ESP nothing is promised without a limit: 0.63 is a choice, the 70 % of the PRP rating that the
same set commonly has (ESP / 1.1)."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What the plate of a generator means. `derate` is what the site's height and heat leave of it;
    `average` replaces the part of `UNLIMITED_SHARE` by what the maker certifies."""

    basis: RatingBasis
    derate: float = 1.0
    average: float | None = None

    @property
    def share(self) -> float:
        """Part of the plate that counts for a load that must run without a limit of hours."""
        average = UNLIMITED_SHARE[self.basis] if self.average is None else self.average
        return self.derate * average


@dataclass(frozen=True, slots=True)
class Start:
    """The worst way from the loss of the mains to UPSs fed by generators, in seconds."""

    confirm_s: float = 5.0
    cranks: int = 3
    crank_s: float = 15.0
    rest_s: float = 15.0
    warm_up_s: float = 10.0
    parallel_s: float = 10.0
    transfer_s: float = 2.0
    walk_in_s: float = 20.0

    @property
    def total_s(self) -> float:
        """All of it, with every attempt needed and a rest after the last one as well."""
        cranking_s = self.cranks * (self.crank_s + self.rest_s)
        carrying_s = self.warm_up_s + self.parallel_s + self.transfer_s + self.walk_in_s
        return self.confirm_s + cranking_s + carrying_s


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the power graph; semantics in docs/redundancy.md. Power in kW, `fed_by` in the
    order written."""

    id: str
    kind: NodeKind
    fed_by: tuple[str, ...] = ()
    capacity_kw: float | None = None
    capacity_kva: float | None = None
    capacity_a: float | None = None
    voltage_v: float = 400.0
    power_factor: float = 0.95
    efficiency: float = 1.0
    device: str = ""
    side: str = ""
    bypass_fed_by: str = ""
    between: tuple[str, ...] = ()
    normally: Literal["open", "closed"] = "open"
    auto: bool = False
    """Of a tie: how it stands where nothing tells, and whether it closes by itself when exactly
    one of its sides has lost its feeders."""
    recharge_kw: float | None = None
    min_feeds: int = 1
    demand: tuple[str, ...] = ()
    """Points, one per feed, in the order of `fed_by`, or a single one for the whole load."""
    demand_kw: float | None = None
    rating: Rating | None = None
    """Of a genset; without one its capacity counts in full, and is listed as assumed."""
    short_break: bool = False
    """Of a load: built to be without power while generators start, so that no UPS is missed (a
    chiller). Such a load can be lost, but it is never reported as unprotected."""

    @property
    def limit_kw(self) -> float | None:
        """What the node can carry without a limit of hours: the smallest of its limits, of a
        genset as far as its rating allows; None where it states none.

        kVA and A count at the load's power factor; A as three phases at `voltage_v` line to line.
        """
        limits = []
        if self.capacity_kw is not None:
            limits.append(self.capacity_kw)
        if self.capacity_kva is not None:
            limits.append(self.capacity_kva * self.power_factor)
        if self.capacity_a is not None:
            limits.append(3**0.5 * self.voltage_v * self.capacity_a * self.power_factor / 1000)
        share = self.rating.share if self.rating else 1.0
        return min(limits) * share if limits else None


@dataclass(frozen=True, slots=True)
class Group:
    """Units that stand in for one another; `design` is the number of spare units it was built
    with."""

    id: str
    scheme: Scheme
    members: tuple[str, ...]
    design: int = 1


CoolingKind = Literal["chiller", "pump", "tower", "dry_cooler", "crah", "crac", "dx"]


@dataclass(frozen=True, slots=True)
class CoolingUnit:
    """One machine of the cooling. `capacity_kw` is heat, also of a pump (what its flow carries);
    `powered_by` are nodes of the power graph, any of which feeds it; `restart_s` is the time from
    the return of its power to its full capacity."""

    id: str
    kind: CoolingKind
    capacity_kw: float
    powered_by: tuple[str, ...]
    device: str = ""
    restart_s: float = 300.0


@dataclass(frozen=True, slots=True)
class CoolingGroup:
    """Units that stand in for one another, `design` of them spare. `heat_factor` is what it moves
    as part of the heat of its zones. A buffer of water (m3, usable warming in K) stands between
    the group and what is written before it in a zone's `cooled_by`."""

    id: str
    members: tuple[str, ...]
    design: int = 1
    heat_factor: float = 1.0
    buffer_m3: float = 0.0
    buffer_delta_k: float = 0.0


@dataclass(frozen=True, slots=True)
class CoolingZone:
    """A room and the groups that cool it, in series, from the room outwards.

    Its heat is that of the `loads` in it and `heat_gain` on top (a part of it), or what the `heat`
    points measure, the higher of both; `heat_kw` where nothing is measured. `inlet` points measure
    the air at the racks; limits in degC. `air_m3` is the air that warms with it.
    """

    id: str
    cooled_by: tuple[str, ...]
    loads: tuple[str, ...] = ()
    heat: tuple[str, ...] = ()
    heat_kw: float | None = None
    heat_gain: float = 0.10
    inlet: tuple[str, ...] = ()
    recommended_c: float = 27.0
    allowable_c: float = 32.0
    air_m3: float = 0.0


@dataclass(frozen=True, slots=True)
class Cooling:
    """The cooling of a site; semantics in docs/redundancy.md, "Cooling"."""

    units: tuple[CoolingUnit, ...] = ()
    groups: tuple[CoolingGroup, ...] = ()
    zones: tuple[CoolingZone, ...] = ()


@dataclass(frozen=True, slots=True)
class Tank:
    """A tank of fuel and the generators that burn from it. `level` is a point: its filling (of
    `litres`, 0..1) or its volume; of all that it holds the part `usable` is above the dead volume.
    """

    id: str
    litres: float
    gensets: tuple[str, ...]
    level: str
    usable: float = 0.90


@dataclass(frozen=True, slots=True)
class Fuel:
    """The fuel of a site. `design` is the number of tanks that it was built to do without (0 or 1)
    and still last `required_h`."""

    tanks: tuple[Tank, ...] = ()
    l_per_kwh: float = 0.0
    required_h: float = 12.0
    design: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """Announced maintenance: what will be out from `start` to `end` (UTC seconds). `nodes` are ids
    of nodes, cooling units or devices. `fixed`: it stands in the site file."""

    id: str
    start: float
    end: float
    nodes: tuple[str, ...]
    reason: str = ""
    announced_by: str = ""
    fixed: bool = False


EcoPolicy = Literal["full", "reduced", "none"]


@dataclass(frozen=True, slots=True)
class Site:
    """Everything the site file says, checked and with defaults filled in."""

    id: str
    name: str
    timezone: str
    devices: tuple[Device, ...] = ()
    power: tuple[Node, ...] = ()
    groups: tuple[Group, ...] = ()
    start: Start = field(default_factory=Start)
    fuel: Fuel = field(default_factory=Fuel)
    maintenance: tuple[Window, ...] = ()
    eco: EcoPolicy = "reduced"
    """Whether a UPS in eco mode protects its load."""
    cooling: Cooling = field(default_factory=Cooling)
    energy: Energy = field(default_factory=Energy)
    registers: tuple[tuple[str, Register], ...] = ()
    """What is known of counters of `energy`, by point."""
    places: tuple[tuple[str, str], ...] = ()
    """Place id and its parent (empty at the top)."""
    path: str = ""

    @property
    def supply_w(self) -> float | None:
        """All that can come in at once: utilities, generators (without the limit of their hours)
        and pv together, in W; None where one of them states no capacity, or no utility is there."""
        sources = [node for node in self.power if node.kind in ("utility", "genset", "pv")]
        limits_kw = [replace(node, rating=None).limit_kw for node in sources]
        stated = [kw for kw in limits_kw if kw is not None]
        if len(stated) < len(sources) or all(node.kind != "utility" for node in sources):
            return None
        return 1000 * sum(stated)
