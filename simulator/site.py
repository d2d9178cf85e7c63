"""The simulated plant: steps every machine in step with the others and says what each device reads.

Pure: no sockets, no clock of its own, no chance but its seed. The state at a time follows from the
site, the seed, the faults and the steps, and from nothing else.
"""

from __future__ import annotations

import math

from core.errors import InvariantError
from core.points import parse_point
from core.site import Site
from simulator import options, timing
from simulator.assembly import Machines, assemble, nominal_w
from simulator.electrical import DEAD, Supply, Values
from simulator.faults import NO_FAULTS, Faults
from simulator.fuel import refill
from simulator.halls import Hall
from simulator.metering import PV_LIFE_H, begin, consumers, place_meters
from simulator.meters import Meter
from simulator.network import Branch
from simulator.noise import Jitter, seed_of, smooth
from simulator.pv import Inverter
from simulator.readings import device_values
from simulator.sun import Sky

MAINS = "mains"
"""Stands for the utility where a site names none."""

UPTIME_S = 40 * 86400.0
SETTLE_STEPS = 12
USUAL_LOAD = 0.5
"""Load of cooling whose heat the site file does not name, as part of its rating."""


class PlantModel:
    """Every machine of a site in motion. Time is UTC in seconds; `step` moves it forward only."""

    def __init__(self, site: Site, start: float, seed: int = 1) -> None:
        self.site = site
        self.time = start
        self.seed = seed
        self.faults: Faults = NO_FAULTS
        self.version = 0
        self.devices = {device.id: device for device in site.devices}
        self.machines: Machines = assemble(site, seed)
        self.network = self.machines.network
        self.sky: Sky = self.machines.weather.at(start)
        self.meters: dict[str, Meter] = {}
        self.rain_m = 0.6
        self._nominal = {
            node.id: nominal_w(site, node) for node in site.power if node.kind == "load"
        }
        self._load_seed = {name: seed_of(seed, name) for name in self._nominal}
        self._hall_loads = self._loads_by_hall()
        self._pv_nodes = self._inverters_by_node()
        self._bus_of_pv = consumers(self.network, "pv")
        self._booted = {
            name: start - UPTIME_S * (1 + 0.3 * Jitter(seed_of(seed, name), 0)())
            for name in self.devices
        }
        self._gateway = {d.id: d.address.rpartition("/")[0] for d in site.devices}
        self._cache: dict[str, tuple[int, Values]] = {}
        self._settle()

    # Time

    def step(self, now: float) -> None:
        """Bring the plant to `now` in steps short enough for its quickest event."""
        span = now - self.time
        if span <= 0:
            return
        steps = math.ceil(span / timing.STEP_S_MAX)
        for number in range(steps):
            dt = span / steps
            self.time = now - (steps - 1 - number) * dt
            self._advance(dt)
        self.version += 1

    def _settle(self) -> None:
        """Begin as a plant that has run for days: temperatures at rest, batteries full, counters
        grown."""
        for inverter in self.machines.inverters.values():
            inverter.day = int(self.time // 86400)
        for _ in range(2):
            self._advance(timing.STEP_S_MAX)
        self.machines.water.settle(sum(hall.coil_w for hall in self.machines.halls.values()))
        for hall in self.machines.halls.values():
            hall.settled = False
        self.meters = place_meters(self.site, self.machines, self.supply_at, self.seed)
        for _ in range(SETTLE_STEPS):
            self._advance(timing.STEP_S_MAX)
        begin(self.meters, self.machines)
        for ups in self.machines.upses.values():
            ups.output_wh = ups.output_w * 16_000.0
            ups.input_wh = ups.input_w * 16_000.0
        for inverter in self.machines.inverters.values():
            inverter.energy_wh = inverter.rated_w * PV_LIFE_H
        for unit in self.machines.crahs.values():
            unit.running_s = 3600.0 * (15_000 + unit.seed % 2500)

    def _advance(self, dt: float) -> None:
        machines, network = self.machines, self.network
        broken = bool(self.faults.of("clouds"))
        self.sky = machines.weather.at(self.time, broken_clouds=broken)
        self._run_gensets(dt)
        network.energise(dt, self.mains, self.faults)
        self._run_alone(dt)
        self._offer_pv(dt)
        draws = self._run_cooling(dt)
        network.flow(self._demand(), draws)
        self._integrate(dt)

    # Parts of a step

    def mains(self, name: str) -> Supply:
        """What a utility delivers."""
        if self.faults.has("mains_lost", name):
            return DEAD
        own = seed_of(self.seed, name)
        return Supply(
            live=True,
            pu=1.0 + 0.012 * smooth(own, self.time, 40.0),
            hz=50.0 + 0.02 * smooth(seed_of(self.seed, MAINS), self.time, 15.0),
        )

    def any_mains(self) -> Supply:
        """The first utility, or the one that stands for it."""
        names = [node.id for node in self.site.power if node.kind == "utility"]
        return self.mains(names[0] if names else MAINS)

    def _run_gensets(self, dt: float) -> None:
        gensets = self.network.equipment.gensets
        callers = [
            branch
            for branch in self.network.branches
            if branch.node.kind == "ats"
            and self.network.equipment.switches[branch.node.id].calls_standby
        ]
        for name, genset in gensets.items():
            called = any(name in self._standby_of(branch) for branch in callers)
            others = (gensets[peer] for peer in self.network.peers[name] if peer != name)
            genset.step(
                dt,
                called=called,
                bus_live=any(other.closed for other in others),
                no_start=self.faults.has("no_start", name),
            )

    def _standby_of(self, branch: Branch) -> frozenset[str]:
        """Sources behind every feeder of a switch but its preferred one."""
        names = (self.network.branches[i].node.id for i in branch.feeders[1:])
        return frozenset().union(*(self.network.sources_of[name] for name in names))

    def _run_alone(self, dt: float) -> None:
        """Machines that no power node names: they stand on mains with a usual load."""
        mains, machines, named = self.any_mains(), self.machines, self.machines.node_of
        for name, ups in machines.upses.items():
            if name not in named:
                ups.step(
                    dt,
                    mains,
                    mains,
                    forced_bypass=self.faults.has("on_bypass", name),
                    battery_fault=self.faults.has("battery_fault", name),
                )
                ups.take(0.4 * ups.rated_w if ups.output().live else 0.0)
        for name, genset in machines.gensets.items():
            if name not in named:
                genset.step(
                    dt,
                    called=not mains.live,
                    bus_live=False,
                    no_start=self.faults.has("no_start", name),
                )
        for name, switch in machines.switches.items():
            if name not in named:
                other = mains if switch.static else DEAD
                switch.step(
                    dt,
                    (mains, other),
                    (mains.live, other.live),
                    stuck=self.faults.has("stuck", name),
                )

    def _offer_pv(self, dt: float) -> None:
        for node, inverters in self._pv_nodes.items():
            bus = self._bus_of_pv.get(node)
            supply = bus.supply if bus is not None else self.any_mains()
            offered = sum(inverter.offer(dt, self.sky, supply) for inverter in inverters)
            if node in self.network.index:
                self.network.branch(node).pv_available_w = offered

    def _run_cooling(self, dt: float) -> dict[str, float]:
        """Halls and chilled water; returns what they draw by node, in W."""
        machines, live = self.machines, self.network.live
        water = machines.water
        draws: dict[str, float] = {}
        for unit in machines.crahs.values():
            unit.step(
                dt, powered=live(unit.powered_by), failed=self.faults.has("failed", unit.name)
            )
        for hall in machines.halls.values():
            fans = sum(unit.fan_w for unit in hall.units)
            hall.step(dt, self._heat_w(hall) + fans, water.supply_c, water.flow_ratio())
            _add(draws, hall.draws())
        coils = sum(hall.coil_w for hall in machines.halls.values())
        if not machines.halls:
            coils = USUAL_LOAD * water.rated_w
        water.step(dt, coils, self.sky.ambient_c, live, self.faults)
        _add(draws, water.draws())
        return draws

    def _heat_w(self, hall: Hall) -> float:
        """Heat of the IT in a hall; a usual one where the site does not say what stands there."""
        loads = self._hall_loads[hall.name]
        if not loads:
            return USUAL_LOAD * sum(unit.rated_w for unit in hall.units)
        return sum(self.network.branch(name).given_w for name in loads)

    def _demand(self) -> dict[str, list[float]]:
        """What the loads want now: a gentle daily curve with its peak in the afternoon."""
        hour = (self.time / 3600) % 24
        daily = 1.0 + 0.02 * math.cos(2 * math.pi * (hour - 14) / 24)
        demand = {}
        for name, nominal in self._nominal.items():
            own = self._load_seed[name]
            factor = daily + 0.010 * smooth(own, self.time, 180.0)
            factor += 0.003 * smooth(own + 1, self.time, 12.0)
            demand[name] = [power * factor for power in nominal]
        return demand

    def _integrate(self, dt: float) -> None:
        machines, network = self.machines, self.network
        for name, genset in network.equipment.gensets.items():
            genset.carry(network.branch(name).given_w, dt)
        for name, genset in machines.gensets.items():
            if name not in machines.node_of:
                genset.carry(0.0, dt)
        for ups in {
            id(ups): ups for ups in (*network.equipment.upses.values(), *machines.upses.values())
        }.values():
            ups.integrate(dt)
        for node, inverters in self._pv_nodes.items():
            part = 1.0
            if node in network.index:
                branch = network.branch(node)
                part = branch.given_w / branch.pv_available_w if branch.pv_available_w else 0.0
            for inverter in inverters:
                inverter.feed(part, dt, self.time, self.sky.ambient_c)
        refill(list(machines.tanks.values()), dt)
        for meter in self.meters.values():
            meter.count(dt)

    # What stands where

    def _loads_by_hall(self) -> dict[str, list[str]]:
        """Loads whose heat goes into each hall: by the place of what measures them, else to all."""
        machines = self.machines
        found: dict[str, list[str]] = {name: [] for name in machines.halls}
        for node in self.site.power:
            if node.kind != "load":
                continue
            devices = [self.devices.get(parse_point(text).device) for text in node.demand]
            places = [device.place for device in devices if device is not None]
            cooled = {
                option for d in self.site.devices if (option := options.text(d, "powered_by"))
            }
            hall = next((h for place in places if (h := machines.hall_of(place))), None)
            if hall is not None and not cooled.intersection(node.fed_by):
                found[hall.name].append(node.id)
        return found

    def _inverters_by_node(self) -> dict[str, list[Inverter]]:
        found: dict[str, list[Inverter]] = {}
        for name, inverter in self.machines.inverters.items():
            node = options.text(self.devices[name], "feeds") or self.machines.node_of.get(name, "")
            found.setdefault(node, []).append(inverter)
        return found

    def supply_at(self, node: str) -> Supply:
        """What stands at a power node, or on mains for a name that is none."""
        if node in self.network.index:
            return self.network.branch(node).supply
        return self.any_mains()

    # What devices say

    def answers(self, device: str) -> bool:
        """Whether the device can be reached now."""
        return not self.faults.has("silent", device) and not self.gateway_lost(device)

    def gateway_lost(self, device: str) -> bool:
        """Whether everything at the address of this device is away."""
        lost = self.faults.of("gateway_lost")
        return bool(lost) and self._gateway[device] in {self._gateway.get(name) for name in lost}

    def uptime_s(self, device: str) -> float:
        """Seconds since the device was last started."""
        return self.time - self._booted[device]

    def values(self, device: str) -> Values:
        """Readings of a device by point name, as it would show them now. The mapping is shared: do
        not change it."""
        cached = self._cache.get(device)
        if cached is not None and cached[0] == self.version:
            return cached[1]
        jitter = Jitter(seed_of(self.seed, device), int(self.time * 1000))
        values = device_values(self, self.devices[device], jitter)
        values["uptime"] = self.uptime_s(device)
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise InvariantError(f"simulated {device}/{name} is {value}")
        self._cache[device] = (self.version, values)
        return values

    def reset_counters(self, device: str) -> None:
        """Begin the counters of a device at zero, and its uptime with them."""
        machines = self.machines
        self._booted[device] = self.time
        if device in self.meters:
            self.meters[device].reset()
        if device in machines.upses:
            machines.upses[device].output_wh = machines.upses[device].input_wh = 0.0
        if device in machines.gensets:
            machines.gensets[device].energy_wh = 0.0
        if device in machines.inverters:
            machines.inverters[device].energy_wh = 0.0
        if device in machines.water_machines:
            machines.water_machines[device].energy_wh = 0.0
        self._cache.pop(device, None)

    # Books

    def balance(self) -> tuple[float, float]:
        """What all sources give now, and what all loads, losses and chargers take, in W."""
        network = self.network
        given = sum(
            branch.given_w
            for branch in network.branches
            if branch.node.kind in ("utility", "genset", "pv")
        )
        taken = sum(b.given_w for b in network.branches if b.node.kind == "load")
        for branch in network.branches:
            if branch.node.kind not in ("utility", "genset", "pv", "load", "ups"):
                taken += branch.taken_w - branch.given_w
        for ups in network.equipment.upses.values():
            given += max(0.0, -ups.charging_w)
            taken += max(0.0, ups.charging_w)
            taken += ups.loss_w(ups.output_w) if ups.mode in ("online", "on_battery") else 0.0
        return given, taken


def _add(total: dict[str, float], more: dict[str, float]) -> None:
    for name, power in more.items():
        total[name] = total.get(name, 0.0) + power
