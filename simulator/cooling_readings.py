"""What the controllers of chillers, pumps, dry coolers and of the whole water plant show."""

from __future__ import annotations

import math

from simulator.chilled_water import (
    CHILLER_AUX_W,
    DESIGN_DT_K,
    SETPOINT_C,
    WATER_J_M3_K,
    ChilledWater,
    Machine,
    needed_pumps,
)
from simulator.electrical import DEAD, Load3, Supply, Value, Values, split_of, three_phase
from simulator.noise import Jitter, uniform
from simulator.sun import Sky

MOTOR_FACTOR = 0.90
"""Power factor of motors behind their drives."""

CIRCUITS = 2
"""Refrigerant circuits of a chiller, one compressor each."""

PUMP_HEAD_PA = 240e3
PUMP_RPM = 2900.0


def chiller_values(plant: ChilledWater, chiller: Machine, supply: Supply, jitter: Jitter) -> Values:
    """Readings of one chiller."""
    on = chiller.running
    load = Load3(split=split_of(chiller.seed), power_factor=MOTOR_FACTOR)
    values = three_phase(
        "input.", chiller.draw_w, supply if chiller.powered else DEAD, load, jitter
    )
    made = chiller.thermal_w
    running = sum(other.running for other in plant.chillers)
    flow = plant.flow_m3_s / running if on else 0.0
    warm = plant.return_c()
    leaving = warm - made / WATER_J_M3_K / flow if flow else plant.supply_c + 0.4
    rejected = made + chiller.draw_w
    values |= {
        "state": chiller.state,
        "control.mode": "auto",
        "supply_water.temperature": leaving + 0.1 * jitter(),
        "return_water.temperature": warm + 0.1 * jitter(),
        "supply_water.temperature_setpoint": SETPOINT_C,
        "supply_water.flow": flow,
        "evaporator.differential_pressure": 45e3 if on else 0.0,
        "condenser_water.temperature.in": plant.condenser_supply_c + 0.1 * jitter(),
        "condenser_water.temperature.out": plant.condenser_supply_c
        + (rejected / WATER_J_M3_K / (flow * 1.2) if flow else 0.0),
        "condenser_water.flow": flow * 1.2,
        "cooling.thermal_power": made,
        "cooling.load": made / chiller.rated_w,
        "cooling.demand": chiller.speed,
        "cooling.thermal_energy": chiller.thermal_wh,
        "input.active_energy": chiller.energy_wh,
        "input.state": "normal" if chiller.powered else "failed",
        "free_cooling.state": "unavailable" if plant.ambient_c > 10 else "partial",
        "operating_time": chiller.running_s,
        "starts": chiller.starts,
        "ambient.temperature": plant.ambient_c + 0.1 * jitter(),
    }
    for number in range(1, CIRCUITS + 1):
        values |= _circuit(plant, chiller, number, leaving, jitter)
    return values | _alarms(
        high_pressure=False,
        low_pressure=False,
        freeze=leaving < 3,
        water_flow=on and plant.flow_ratio() < 0.2,
        compressor=chiller.failed,
        oil=False,
        phase=False,
        high_temperature=chiller.ramp >= 1.0 and leaving > SETPOINT_C + 4,
        sensor=False,
    )


def _circuit(
    plant: ChilledWater, chiller: Machine, number: int, leaving_c: float, jitter: Jitter
) -> Values:
    """One refrigerant circuit: temperatures follow the water, pressures R-134a's saturation."""
    on = chiller.running
    rest_c = plant.ambient_c
    cold = leaving_c - 2.5 if on else rest_c
    hot = plant.condenser_supply_c + 9 * chiller.speed + 2 if on else rest_c
    shares = chiller.running_s * (0.97 if number == 1 else 0.88)
    amps = max(0.0, chiller.draw_w - CHILLER_AUX_W) / CIRCUITS / MOTOR_FACTOR / 400 / 3**0.5
    state = "fault" if chiller.failed else "on" if on else "standby" if chiller.powered else "off"
    readings: dict[str, Value] = {
        "compressor.state": state,
        "compressor.demand": chiller.speed,
        "compressor.current": amps if on else 0.0,
        "evaporator.pressure": _saturation_pa(cold),
        "evaporator.temperature": cold,
        "condenser.pressure": _saturation_pa(hot),
        "condenser.temperature": hot,
        "compressor.temperature": hot + 17 + 0.3 * jitter() if on else rest_c + 6,
        "oil.pressure": _saturation_pa(hot) - 40e3 if on else _saturation_pa(cold),
        "oil.temperature": 48 + 0.5 * jitter() if on else 38.0,
        "compressor.operating_time": shares,
        "compressor.starts": chiller.starts + 11 * (number - 1),
    }
    return {f"{name}.{number}": value for name, value in readings.items()}


def _saturation_pa(celsius: float) -> float:
    """Absolute saturation pressure of R-134a: a fit good to 3 % from 0 to 60 degC."""
    return 292.8e3 * math.exp(0.0317 * celsius - 0.0000905 * celsius * celsius)


def pump_values(plant: ChilledWater, pump: Machine, jitter: Jitter) -> Values:
    """Readings of one pump and its drive."""
    speed = pump.speed
    unit = plant.full_flow_m3_s / needed_pumps([p for p in plant.pumps if p.role == pump.role])
    volts = 400 * max(0.05, speed)
    return {
        "state": pump.state,
        "control.mode": "auto",
        "relative_speed": speed,
        "speed": PUMP_RPM * speed * (1 + 0.001 * jitter()),
        "inverter.frequency": 50 * speed,
        "flow": unit * speed if pump.running else 0.0,
        "differential_pressure": PUMP_HEAD_PA * speed * speed,
        "input.active_power": pump.draw_w,
        "input.current": pump.draw_w / MOTOR_FACTOR / volts / 3**0.5 if pump.running else 0.0,
        "heatsink.temperature": 28 + 22 * speed + 0.2 * jitter(),
        "operating_time": pump.running_s,
        "alarm.drive": "active" if pump.failed else "normal",
    }


def cooler_values(plant: ChilledWater, cooler: Machine, jitter: Jitter) -> Values:
    """Readings of one dry cooler."""
    on = cooler.running
    flow = cooler.rated_w / WATER_J_M3_K / DESIGN_DT_K * 0.6 if on else 0.0
    fan = "fault" if cooler.failed else "on" if on else "off"
    values: Values = {
        "state": cooler.state,
        "control.mode": "auto",
        "supply_water.temperature": plant.condenser_supply_c + 0.1 * jitter(),
        "return_water.temperature": plant.condenser_supply_c
        + (cooler.thermal_w / WATER_J_M3_K / flow if flow else 0.0),
        "supply_water.temperature_setpoint": 26.0,
        "supply_water.flow": flow,
        "ambient.temperature": plant.ambient_c + 0.1 * jitter(),
        "cooling.thermal_power": cooler.thermal_w,
        "fan.relative_speed": cooler.speed,
        "input.active_power": cooler.draw_w,
        "input.active_energy": cooler.energy_wh,
        "input.state": "normal" if cooler.powered else "failed",
        "operating_time": cooler.running_s,
    }
    values |= {f"fan.state.{number}": fan for number in range(1, 5)}
    hot = on and plant.condenser_supply_c > 45
    return values | _alarms(fan=cooler.failed, high_temperature=hot, freeze=False)


def controller_values(plant: ChilledWater, sky: Sky, seed: int, jitter: Jitter) -> Values:
    """Readings of a plant controller: the whole of the chilled water."""
    running = [chiller for chiller in plant.chillers if chiller.running]
    spare = sum(chiller.usable for chiller in plant.chillers) - plant.wanted
    able = sum(chiller.rated_w for chiller in running)
    values: Values = {
        "state": "on",
        "control.mode": "auto",
        "communication.state": "ok",
        "supply_water.temperature": plant.supply_c + 0.05 * uniform(seed, 1) + 0.05 * jitter(),
        "return_water.temperature": plant.return_c() + 0.05 * jitter(),
        "supply_water.temperature_setpoint": SETPOINT_C,
        "supply_water.flow": plant.flow_m3_s,
        "supply_water.differential_pressure": 130e3 * (plant.speed * plant.flow_ratio()) ** 2,
        "condenser_water.temperature.supply": plant.condenser_supply_c,
        "condenser_water.temperature.return": plant.condenser_return_c,
        "buffer.temperature.top": plant.return_c() - 0.3,
        "buffer.temperature.bottom": plant.supply_c + 0.1,
        "buffer.runtime": plant.buffer_runtime_s(),
        "cooling.thermal_power": sum(chiller.thermal_w for chiller in running),
        "cooling.load": sum(chiller.thermal_w for chiller in running) / able if able else 0.0,
        "cooling.thermal_energy": plant.thermal_wh,
        "module_count": float(len(running)),
        "redundant_module_count": float(max(0, spare)),
        "ambient.temperature": sky.ambient_c,
        "ambient.relative_humidity": sky.humidity,
        "free_cooling.state": "unavailable" if sky.ambient_c > 10 else "partial",
    }
    for number in range(1, 5):
        here = plant.chillers[number - 1 : number]
        values[f"unit.state.{number}"] = here[0].state if here else "off"
    words = {"on": "on", "starting": "on", "fault": "fault", "standby": "standby", "off": "off"}
    for number in range(1, 11):
        pump = plant.pumps[number - 1 : number]
        values[f"pump.state.{number}"] = words[pump[0].state] if pump else "off"
    return values | _alarms(
        high_temperature=plant.supply_c > SETPOINT_C + 4,
        low_flow=plant.flow_ratio() < 0.5,
        chiller=any(chiller.failed for chiller in plant.chillers),
        pump=any(pump.failed for pump in plant.pumps),
        redundancy=spare < 1,
    )


def _alarms(**raised: bool) -> Values:
    values: Values = {f"alarm.{name}": "active" if on else "normal" for name, on in raised.items()}
    values["alarm_count"] = float(sum(raised.values()))
    return values
