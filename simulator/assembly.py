"""From a site to the machines that stand for it: one for each device or node that needs one.

Works for any site, not only the demo's: what the site file leaves open gets a plausible default, a
device that no power node names stands alone on mains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.points import parse_point
from core.site import Device, Node, Site
from simulator import options, timing
from simulator.chilled_water import ChilledWater, Machine
from simulator.fuel import Tank
from simulator.genset import Genset
from simulator.halls import Crah, Hall
from simulator.network import Equipment, Network
from simulator.noise import seed_of
from simulator.pv import Inverter, PvString
from simulator.sun import NOUACEUR, Weather
from simulator.transfer import TransferSwitch
from simulator.ups import Ups

DEFAULT_KW = {
    "genset": 500.0,
    "ups": 100.0,
    "ats": 500.0,
    "sts": 100.0,
    "pv_inverter": 50.0,
    "crah": 80.0,
    "crac": 80.0,
    "chiller": 500.0,
    "pump": 7.5,
    "dry_cooler": 600.0,
    "cooling_tower": 600.0,
    "pdu": 20.0,
}
"""Rating of a device whose site file states none."""

DEFAULT_LOAD = 0.35
"""Load of a feed that states none, as part of the rating of the device that measures it."""

STRING_KW = 9.81
TANK_M3 = 3.0
RECHARGE = 0.10
"""UPS recharge as part of the rating, the default of the site file."""


@dataclass(slots=True)
class Machines:
    """Everything with a state, by device id unless it says otherwise."""

    network: Network
    weather: Weather
    gensets: dict[str, Genset] = field(default_factory=dict)
    switches: dict[str, TransferSwitch] = field(default_factory=dict)
    upses: dict[str, Ups] = field(default_factory=dict)
    inverters: dict[str, Inverter] = field(default_factory=dict)
    strings: dict[str, PvString] = field(default_factory=dict)
    tanks: dict[str, Tank] = field(default_factory=dict)
    crahs: dict[str, Crah] = field(default_factory=dict)
    halls: dict[str, Hall] = field(default_factory=dict)
    """By place."""
    water: ChilledWater = field(default_factory=ChilledWater)
    water_machines: dict[str, Machine] = field(default_factory=dict)
    node_of: dict[str, str] = field(default_factory=dict)
    """Power node that names the device."""
    parents: dict[str, str] = field(default_factory=dict)
    """Place and its parent."""

    def hall_of(self, place: str) -> Hall | None:
        """The cooled hall that a place lies in."""
        here, steps = place, 0
        while here and steps < 50:
            if here in self.halls:
                return self.halls[here]
            here, steps = self.parents.get(here, ""), steps + 1
        return None


def assemble(site: Site, seed: int) -> Machines:
    """Machines for every device of the site, settled at rest. Raises ConfigError for an option that
    cannot be used."""
    equipment = Equipment()
    by_id = {device.id: device for device in site.devices}
    _power_machines(site, by_id, equipment, seed)
    station = next((d for d in site.devices if d.device_class == "weather"), None)
    machines = Machines(Network(site.power, equipment), _weather(station, seed))
    machines.parents = dict(site.places)
    machines.node_of = {node.device: node.id for node in site.power if node.device}
    for device in site.devices:
        _add(machines, device, seed)
    _connect(machines, site)
    return machines


def rating_w(device: Device | None, node: Node | None = None) -> float:
    """Rating in W: the device's, else the node's, else a usual one for its class."""
    if device is not None and device.rating_kw:
        return device.rating_kw * 1000
    if device is not None and device.rating_kva:
        return device.rating_kva * 950
    if node is not None and node.limit_kw:
        return node.limit_kw * 1000
    kind = device.device_class if device is not None else node.kind if node is not None else ""
    return DEFAULT_KW.get(kind, 100.0) * 1000


def nominal_w(site: Site, load: Node) -> list[float]:
    """What each feed of a load draws on an ordinary day, in W."""
    by_id = {device.id: device for device in site.devices}
    feeds = max(1, len(load.fed_by))
    found = []
    for text in load.demand:
        device = by_id.get(parse_point(text).device)
        if device is None:
            continue
        given = options.number(device, "load_kw", 0.0) * 1000
        cooled = any(options.text(other, "powered_by") in load.fed_by for other in site.devices)
        found.append(given or (0.0 if cooled else DEFAULT_LOAD * rating_w(device)))
    if not found:
        total = (load.demand_kw if load.demand_kw is not None else 10.0) * 1000
        return [total / feeds] * feeds
    return found if len(found) == feeds else [sum(found) / feeds] * feeds


def _weather(station: Device | None, seed: int) -> Weather:
    if station is None:
        return Weather(seed)
    return Weather(
        seed,
        options.number(station, "latitude", NOUACEUR[0]),
        options.number(station, "longitude", NOUACEUR[1]),
        options.number(station, "tilt_deg", 15.0),
    )


def _power_machines(site: Site, by_id: dict[str, Device], equipment: Equipment, seed: int) -> None:
    ats = 0
    for node in site.power:
        device, own = by_id.get(node.device), seed_of(seed, node.id)
        if node.kind == "genset":
            equipment.gensets[node.id] = Genset(node.id, rating_w(device, node), own)
        elif node.kind in ("ats", "sts"):
            stagger = timing.STAGGER_S * ats
            ats += node.kind == "ats"
            equipment.switches[node.id] = TransferSwitch(
                node.id, own, static=node.kind == "sts", stagger_s=stagger
            )
        elif node.kind == "ups":
            equipment.upses[node.id] = _ups(node.id, device, node, own)


def _ups(name: str, device: Device | None, node: Node | None, seed: int) -> Ups:
    rated = rating_w(device, node)
    recharge = node.recharge_kw if node is not None else None
    efficiency = node.efficiency if node is not None and node.efficiency < 1 else 0.95
    minutes = options.number(device, "battery_min", 10.0) if device is not None else 10.0
    return Ups(
        name,
        rated,
        seed,
        efficiency,
        RECHARGE * rated if recharge is None else recharge * 1000,
        minutes,
    )


def _add(machines: Machines, device: Device, seed: int) -> None:
    """The machine of one device, unless its node has one already."""
    own, node = seed_of(seed, device.id), machines.node_of.get(device.id, "")
    equipment, rated = machines.network.equipment, rating_w(device)
    match device.device_class:
        case "genset":
            fresh = Genset(device.id, rated, own)
            machines.gensets[device.id] = equipment.gensets.get(node) or fresh
        case "ats" | "sts":
            switch = TransferSwitch(device.id, own, static=device.device_class == "sts")
            machines.switches[device.id] = equipment.switches.get(node) or switch
        case "ups" | "rectifier":
            ups = equipment.upses.get(node) or _ups(device.id, device, None, own)
            machines.upses[device.id] = ups
        case "pv_inverter":
            machines.inverters[device.id] = Inverter(device.id, rated, own)
        case "pv_string":
            peak = options.number(device, "peak_kw", STRING_KW) * 1000
            machines.strings[device.id] = PvString(device.id, peak, own)
        case "fuel_tank":
            volume = options.number(device, "volume_m3", TANK_M3)
            machines.tanks[device.id] = Tank(
                device.id, volume, own, options.text(device, "supplies")
            )
        case "crah" | "crac":
            machines.crahs[device.id] = Crah(
                device.id,
                rated,
                own,
                options.text(device, "powered_by"),
                options.text(device, "near"),
            )
        case "chiller" | "pump" | "dry_cooler" | "cooling_tower":
            _add_water(machines, device, rated, own)
        case _:
            pass


def _add_water(machines: Machines, device: Device, rated: float, seed: int) -> None:
    chiller = device.device_class == "chiller"
    machine = Machine(
        device.id,
        rated,
        seed,
        options.text(device, "powered_by"),
        timing.CHILLER_RESTART_S if chiller else timing.FAN_START_S,
        options.text(device, "role", "secondary" if device.device_class == "pump" else ""),
    )
    machines.water_machines[device.id] = machine
    water = machines.water
    group = {"chiller": water.chillers, "pump": water.pumps}.get(device.device_class, water.coolers)
    group.append(machine)


def _connect(machines: Machines, site: Site) -> None:
    """Halls from their units, strings to their inverters, tanks to their generators."""
    for device in site.devices:
        if device.id in machines.crahs:
            place = device.place or "hall"
            hall = machines.halls.setdefault(place, Hall(place, []))
            hall.units.append(machines.crahs[device.id])
        elif device.id in machines.strings:
            inverter = machines.inverters.get(options.text(device, "inverter"))
            if inverter is not None:
                inverter.strings.append(machines.strings[device.id])
    for tank in machines.tanks.values():
        genset = machines.gensets.get(tank.supplies)
        if genset is not None:
            genset.draw_fuel = tank.draw
