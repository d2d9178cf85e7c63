"""Where each meter of a site stands: at a node, in a feeder, at the feed of a load, or alone."""

from __future__ import annotations

from collections.abc import Callable

from core.points import parse_point
from core.site import Device, Site
from simulator import options
from simulator.assembly import DEFAULT_LOAD, Machines, rating_w
from simulator.electrical import DEAD, Supply
from simulator.meters import Meter, Tap
from simulator.network import Branch, Network
from simulator.noise import seed_of

METERED = frozenset(("utility", "meter", "pdu", "branch_circuit", "it", "other"))
"""Device classes that are meters before anything else."""

PV_LIFE_H = 3900.0
"""Full-load hours of the photovoltaics so far: a bit more than two years at this latitude."""

SupplyAt = Callable[[str], Supply]
"""What stands at a power node, or on mains for a name that is no node."""


def place_meters(
    site: Site, machines: Machines, supply_at: SupplyAt, seed: int
) -> dict[str, Meter]:
    """Every meter of the site by device id."""
    meters = {}
    for device in site.devices:
        if device.device_class in METERED:
            node = machines.node_of.get(device.id, "")
            volts = machines.network.branch(node).node.voltage_v if node else 400.0
            meters[device.id] = Meter(
                device.id,
                _tap(device, machines, supply_at),
                seed_of(seed, device.id),
                voltage_v=volts,
                rated_w=rating_w(device),
                node=_stands_at(device, machines),
            )
    return meters


def begin(meters: dict[str, Meter], machines: Machines) -> None:
    """Set all counters to what the past would have made of them."""
    network = machines.network
    for meter in meters.values():
        if meter.node in network.index and network.branch(meter.node).node.kind == "pv":
            meter.energy_wh = (network.branch(meter.node).node.limit_kw or 0.0) * 1000 * PV_LIFE_H
        elif standby := _gensets_behind(meter.node, network):
            meter.energy_wh = sum(network.equipment.gensets[name].energy_wh for name in standby)
        else:
            meter.begin()


def consumers(network: Network, kind: str) -> dict[str, Branch]:
    """The node that each node of a kind feeds."""
    return {
        network.branches[i].node.id: branch
        for branch in network.branches
        for i in branch.feeders
        if network.branches[i].node.kind == kind
    }


def _gensets_behind(node: str, network: Network) -> frozenset[str]:
    """The generators behind a node that has no other source."""
    sources = network.sources_of.get(node, frozenset())
    return sources if sources <= network.equipment.gensets.keys() else frozenset()


def _stands_at(device: Device, machines: Machines) -> str:
    """The node whose output the meter measures, empty where it is none."""
    return machines.node_of.get(device.id) or options.text(device, "meters_output_of")


def _tap(device: Device, machines: Machines, supply_at: SupplyAt) -> Tap:
    network = machines.network
    node = _stands_at(device, machines)
    if node in network.index:
        branch = network.branch(node)
        bus = consumers(network, "pv").get(node, branch)
        return lambda: (branch.given_w, bus.supply)
    other = options.text(device, "meters_input_of")
    if other in network.index:
        return _input_of(network.branch(other), network)
    if other in machines.water_machines:
        machine = machines.water_machines[other]
        return lambda: (machine.draw_w, supply_at(machine.powered_by))
    for branch in network.branches:
        for position, text in enumerate(branch.node.demand):
            if parse_point(text).device == device.id and position < len(branch.feeders):
                return _feed_of(branch, position, network)
    power = options.number(device, "load_kw", DEFAULT_LOAD * rating_w(device) / 1000) * 1000
    return lambda: (power if supply_at("").live else 0.0, supply_at(""))


def _input_of(branch: Branch, network: Network) -> Tap:
    above = [network.branches[i] for i in branch.feeders]
    if not above:
        return lambda: (branch.taken_w, branch.supply)
    return lambda: (branch.taken_w, next((b.supply for b in above if b.supply.live), DEAD))


def _feed_of(branch: Branch, position: int, network: Network) -> Tap:
    feeder = network.branches[branch.feeders[position]]
    return lambda: (branch.feed_w[position], feeder.supply)
