"""What each device shows: from the machines of the plant to readings by point name, by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.site import Device
from simulator import options
from simulator.cooling_readings import chiller_values, controller_values, cooler_values, pump_values
from simulator.electrical import DEAD, Supply, Values
from simulator.halls import default_inlet
from simulator.meters import panel_values
from simulator.noise import Jitter, seed_of, uniform
from simulator.pv import weather_values
from simulator.safety import fire_values, leak_values
from simulator.sun import dew_point
from simulator.ups import string_values

if TYPE_CHECKING:
    from simulator.site import PlantModel


OUTLETS = 24
RACK_PDU_W = 30e3
"""A power distribution unit up to this rating stands in a rack and has outlets."""


def device_values(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    """Readings of one device now. Empty for a class that the plant knows nothing of."""
    reader = _READERS.get(device.device_class, _metered)
    values = reader(plant, device, jitter)
    tie = plant.network.ties.by_name.get(plant.machines.node_of.get(device.id, ""))
    if tie is None:
        return values
    return values | {"breaker.position": "closed" if tie.closed else "open"}


def _metered(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    meter = plant.meters.get(device.id)
    return {} if meter is None else meter.values("", jitter)


def _utility(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    meter = plant.meters[device.id]
    values = meter.values("input.", jitter)
    live = meter.tap()[1].live
    values |= {
        "mains.state": "normal" if live else "failed",
        "breaker.position": "closed",
        "control.mode": "remote",
        "alarm_count": 0.0 if live else 1.0,
    }
    words = ("overcurrent", "earth_fault", "overvoltage", "frequency", "trip_circuit")
    values |= {f"alarm.{word}": "normal" for word in words}
    values["alarm.undervoltage"] = "normal" if live else "active"
    return values


def _transformer(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    node = plant.machines.node_of.get(device.id)
    power = plant.network.branch(node).given_w if node else 0.0
    rated = (device.rating_kva or 1000.0) * 1000
    part = power / 0.95 / rated
    seed = seed_of(plant.seed, device.id)
    room = 26.0 + 6 * part
    values: Values = {
        "ambient.temperature": room + 0.1 * jitter(),
        "load": part,
        "output.load": part,
        "output.active_power": power,
        "output.apparent_power": power / 0.95,
        "fan.state": "on" if part > 0.75 else "off",
    }
    for number, phase in enumerate(("l1", "l2", "l3")):
        # Copper losses go with the square of the load; 80 K is the rise of class F at full load.
        rise = 12 + 80 * part**2 + 2 * uniform(seed, number)
        values[f"winding.temperature.{phase}"] = room + rise + 0.1 * jitter()
    return values | {
        f"alarm.{word}": "normal"
        for word in ("winding_temperature", "winding_trip", "sensor", "door")
    }


def _genset(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    machines = plant.machines
    tanks = [tank.level for tank in machines.tanks.values() if tank.supplies == device.id]
    level = tanks[0] if tanks else 0.9
    return machines.gensets[device.id].values(jitter, plant.any_mains(), level)


def _switch(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    switch = plant.machines.switches[device.id]
    node = plant.machines.node_of.get(device.id)
    rated = (device.rating_kw or 500.0) * 1000
    if node is None:
        mains = plant.any_mains()
        sources: tuple[Supply, ...] = (mains, mains if switch.static else DEAD)
        power = 0.3 * rated if switch.output(sources).live else 0.0
    else:
        branch = plant.network.branch(node)
        sources = tuple(plant.network.branches[i].supply for i in branch.feeders)
        power = branch.given_w
    values = switch.values(jitter, sources, power, rated)
    words = ("overcurrent", "overload", "control_supply", "thyristor", "fan")
    return values | {f"alarm.{word}": "normal" for word in words}


def _ups(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return plant.machines.upses[device.id].values(jitter, 400.0)


def _battery(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    upses = plant.machines.upses
    name = options.text(device, "ups")
    ups = upses.get(name) or next(iter(upses.values()), None)
    if ups is None:
        return {"battery.state": "floating", "breaker.position": "closed"}
    beside = [d.id for d in plant.site.devices if options.text(d, "ups") == name]
    number = beside.index(device.id) if device.id in beside else 0
    return string_values(ups, number, seed_of(plant.seed, device.id), jitter)


def _panel(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    meter = plant.meters[device.id]
    usual = OUTLETS if meter.rated_w <= RACK_PDU_W else 0
    return panel_values(meter, jitter, int(options.number(device, "outlets", usual)))


def _tank(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return plant.machines.tanks[device.id].values(plant.sky.ambient_c, jitter)


def _crah(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    hall = plant.machines.halls[device.place or "hall"]
    return hall.values(plant.machines.crahs[device.id], jitter)


def _chiller(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    machine = plant.machines.water_machines[device.id]
    supply = plant.supply_at(machine.powered_by)
    return chiller_values(plant.machines.water, machine, supply, jitter)


def _pump(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return pump_values(plant.machines.water, plant.machines.water_machines[device.id], jitter)


def _cooler(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return cooler_values(plant.machines.water, plant.machines.water_machines[device.id], jitter)


def _controller(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    seed = seed_of(plant.seed, device.id)
    return controller_values(plant.machines.water, plant.sky, seed, jitter)


def _inverter(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return plant.machines.inverters[device.id].values(plant.sky, jitter)


def _string(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    inverter = plant.machines.inverters.get(options.text(device, "inverter"))
    used = inverter.used(plant.sky) if inverter is not None else 1.0
    return plant.machines.strings[device.id].values(plant.sky, used, jitter)


def _weather(plant: PlantModel, _device: Device, jitter: Jitter) -> Values:
    return weather_values(plant.sky, plant.rain_m, jitter)


def _probe(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    seed = seed_of(plant.seed, device.id)
    hall = plant.machines.hall_of(device.place)
    if hall is None:
        celsius, humidity, dew = default_inlet(seed)
    else:
        celsius, humidity = hall.inlet(device.place, options.text(device, "position"), seed)
        dew = dew_point(celsius, humidity)
    celsius += 0.05 * jitter()
    values: Values = {"dew_point": dew}
    for prefix in ("", "probe.", "ambient."):
        values |= {
            f"{prefix}temperature": celsius,
            f"{prefix}relative_humidity": humidity,
            f"{prefix}dew_point": dew,
        }
    return values | {
        # Probes with a table of sensors: the first measures warmth, the second humidity.
        "probe.temperature.1": celsius,
        "probe.relative_humidity.1": humidity,
        "probe.relative_humidity.2": humidity,
        "probe.state": "normal",
        "probe.state.1": "normal",
        "probe.state.2": "normal",
        "probe.temperature_state": "normal",
        "probe.humidity_state": "normal",
        "communication.state": "ok",
    }


def _leak(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return leak_values(seed_of(plant.seed, device.id), jitter)


def _fire(plant: PlantModel, device: Device, jitter: Jitter) -> Values:
    return fire_values(seed_of(plant.seed, device.id), mains=plant.any_mains().live, jitter=jitter)


_READERS = {
    "utility": _utility,
    "transformer": _transformer,
    "genset": _genset,
    "fuel_tank": _tank,
    "ats": _switch,
    "sts": _switch,
    "ups": _ups,
    "rectifier": _ups,
    "battery": _battery,
    "pdu": _panel,
    "branch_circuit": _panel,
    "crah": _crah,
    "crac": _crah,
    "chiller": _chiller,
    "pump": _pump,
    "dry_cooler": _cooler,
    "cooling_tower": _cooler,
    "plant_controller": _controller,
    "pv_inverter": _inverter,
    "pv_string": _string,
    "weather": _weather,
    "environment": _probe,
    "leak": _leak,
    "fire": _fire,
}
