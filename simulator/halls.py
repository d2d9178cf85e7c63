"""The halls: IT heat in, CRAH units out, and the air between them.

One temperature per hall (the cold aisles) with the heat capacity of air and racks, one local excess
per row. Fans follow the heat, valves the supply temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator import timing
from simulator.electrical import Values
from simulator.noise import Jitter, uniform
from simulator.sun import dew_point, humidity_at

SETPOINT_C = 22.0
"""Supply air, in the middle of ASHRAE's recommended 18 to 27 degC."""

DEW_POINT_C = 11.0
AIR_KJ_M3_K = 1.2 * 1.005
"""Density times heat capacity of air (redundancy.md section 7)."""

RATED_AIR_DT_K = 12.0
WANTED_AIR_DT_K = 10.0
FAN_MIN, FAN_MAX = 0.45, 1.0
FAN_PER_K = 0.1
"""Fans speed up when the aisles are warmer than they should be."""

FAN_POWER = 0.06
"""Fan power at full speed as part of the cooling power; it goes with the cube of the speed."""

ELECTRONICS_W = 150.0
RATED_LIFT_K = 20.0
"""Between return air and entering water when the coil gives its rating."""

HEAT_CAPACITY_J_K_W = 19.0
"""Of air and racks per watt of CRAH rating: 1.5 K a minute without cooling at the demo's load."""

CONTROL_S = 120.0
"""Time constant of the temperature control."""

HOT_SPOT_K = 3.5
"""Excess at a row when all the units beside it stand still."""

HOT_SPOT_S = 60.0


@dataclass(slots=True)
class Crah:
    """One unit. Powers in W."""

    name: str
    rated_w: float
    seed: int
    powered_by: str = ""
    near: str = ""
    running: bool = True
    failed: bool = False
    powered: bool = True
    powered_s: float = timing.FAN_START_S
    thermal_w: float = 0.0
    valve: float = 0.0
    running_s: float = 0.0
    fan_w: float = 0.0

    def step(self, dt: float, *, powered: bool, failed: bool) -> None:
        """Fans start a few seconds after the power is back."""
        self.powered, self.failed = powered, failed
        self.powered_s = self.powered_s + dt if powered and not failed else 0.0
        self.running = self.powered_s >= timing.FAN_START_S
        self.running_s += dt if self.running else 0.0

    def draw_w(self, fan: float) -> float:
        """Electrical power now."""
        self.fan_w = self.rated_w * FAN_POWER * fan**3 if self.running else 0.0
        return self.fan_w + ELECTRONICS_W if self.powered else 0.0


@dataclass(slots=True)
class Hall:
    """One room with its units. Heat in W, temperatures in degC."""

    name: str
    units: list[Crah]
    cold_c: float = SETPOINT_C
    fan: float = 0.6
    heat_w: float = 0.0
    coil_w: float = 0.0
    water_c: float = 14.0
    flow_ratio: float = 1.0
    settled: bool = False
    hot_spot_k: dict[str, float] = field(default_factory=dict)

    def step(self, dt: float, heat_w: float, water_c: float, flow_ratio: float) -> None:
        """One step of the air: `water_c` enters the coils with `flow_ratio` (0..1) of its flow."""
        self.heat_w, self.water_c, self.flow_ratio = heat_w, water_c, flow_ratio
        running = [unit for unit in self.units if unit.running]
        rated = sum(unit.rated_w for unit in running)
        wanted = heat_w * RATED_AIR_DT_K / (rated * WANTED_AIR_DT_K) if rated else FAN_MAX
        wanted += FAN_PER_K * max(0.0, self.cold_c - SETPOINT_C)
        wanted = min(FAN_MAX, max(FAN_MIN, wanted))
        self.fan += (wanted - self.fan) * (min(1.0, dt / 10) if self.settled else 1.0)
        self.settled = True
        lift = max(0.0, self.return_c() - water_c)
        coil = self.fan**0.6 * lift / RATED_LIFT_K * flow_ratio
        able = rated * coil
        capacity = HEAT_CAPACITY_J_K_W * sum(unit.rated_w for unit in self.units)
        needed = heat_w + capacity / CONTROL_S * (self.cold_c - SETPOINT_C)
        valve = min(1.0, max(0.0, needed / able)) if able > 0 else 1.0
        self.coil_w = 0.0
        for unit in self.units:
            unit.valve = valve if unit.running else 0.0
            unit.thermal_w = unit.rated_w * coil * unit.valve if unit.running else 0.0
            self.coil_w += unit.thermal_w
        self.cold_c += (heat_w - self.coil_w) * dt / capacity
        self.cold_c = min(self.cold_c, 60.0)
        self._hot_spots(dt)

    def _hot_spots(self, dt: float) -> None:
        for place in {unit.near for unit in self.units}:
            beside = [unit for unit in self.units if unit.near == place]
            still = sum(not unit.running for unit in beside) / len(beside)
            now = self.hot_spot_k.get(place, 0.0)
            self.hot_spot_k[place] = now + (HOT_SPOT_K * still - now) * dt / HOT_SPOT_S

    def return_c(self) -> float:
        """Air back to the units."""
        flow = sum(unit.rated_w for unit in self.units if unit.running) / RATED_AIR_DT_K * self.fan
        return self.cold_c + (min(20.0, self.heat_w / flow) if flow else 12.0)

    def draws(self) -> dict[str, float]:
        """Electrical power by the node that feeds the units, in W."""
        total: dict[str, float] = {}
        for unit in self.units:
            total[unit.powered_by] = total.get(unit.powered_by, 0.0) + unit.draw_w(self.fan)
        return total

    def values(self, unit: Crah, jitter: Jitter) -> Values:
        """Readings of one unit."""
        fan = self.fan if unit.running else 0.0
        flow = unit.rated_w / 1000 / RATED_AIR_DT_K / AIR_KJ_M3_K * fan
        back = self.return_c() + 0.3 * uniform(unit.seed, 1)
        supply = back - unit.thermal_w / 1000 / AIR_KJ_M3_K / flow if flow else self.cold_c + 2
        water_flow = unit.valve * self.flow_ratio * unit.rated_w / 4.186e6 / 6
        warm = unit.running and supply > SETPOINT_C + 6
        alarms = {
            "alarm.high_temperature": warm,
            "alarm.low_temperature": unit.running and supply < 15,
            "alarm.airflow": unit.failed,
            "alarm.fan": unit.failed,
            "alarm.filter": False,
            "alarm.water_flow": unit.running and self.flow_ratio < 0.2,
            "alarm.sensor": False,
        }
        state = "fault" if unit.failed and unit.powered else "on" if unit.running else "starting"
        values: Values = {
            "state": state if unit.powered else "off",
            "control.mode": "auto",
            "supply_air.temperature": supply + 0.1 * jitter(),
            "supply_air.temperature_setpoint": SETPOINT_C,
            "return_air.temperature": back + 0.1 * jitter(),
            "rack_air.temperature": self.cold_c + 0.1 * jitter(),
            "supply_air.relative_humidity": humidity_at(supply, DEW_POINT_C),
            "return_air.relative_humidity": humidity_at(back, DEW_POINT_C),
            "return_air.dew_point": DEW_POINT_C + 0.1 * jitter(),
            "supply_air.flow": flow,
            "supply_air.differential_pressure": 4.0 * fan + 0.2 * jitter(),
            "fan.state": "fault" if unit.failed else "on" if unit.running else "off",
            "fan.relative_speed": fan,
            "fan.speed": 1450 * fan,
            "fan.active_power": unit.fan_w,
            "fan.operating_time": unit.running_s * 0.98,
            "filter.differential_pressure": (90 + 25 * uniform(unit.seed, 2)) * fan * fan,
            "valve.opening": unit.valve,
            "cooling.demand": unit.valve,
            "cooling.thermal_power": unit.thermal_w,
            "cooling.load": unit.thermal_w / unit.rated_w,
            "supply_water.temperature": self.water_c + 0.1 * jitter(),
            "return_water.temperature": self.water_c
            + (min(15.0, unit.thermal_w / 4.186e6 / water_flow) if water_flow else 0.0),
            "supply_water.flow": water_flow,
            "input.active_power": unit.fan_w + ELECTRONICS_W if unit.powered else 0.0,
            "input.state": "normal" if unit.powered else "failed",
            "operating_time": unit.running_s,
            "leak.state": "dry",
            "smoke.state": "normal",
            "alarm_count": float(sum(alarms.values())),
        }
        values |= {name: "active" if raised else "normal" for name, raised in alarms.items()}
        return values

    def inlet(self, place: str, position: str, seed: int) -> tuple[float, float]:
        """Temperature in degC and humidity of the air at a rack's front."""
        offset = {"bottom": -0.6, "middle": 0.2, "top": 1.1, "end": 0.7}.get(position, 0.0)
        if position == "rear":
            celsius = self.return_c()
        else:
            celsius = (
                self.cold_c + offset + 0.4 * uniform(seed, 1) + self.hot_spot_k.get(place, 0.0)
            )
        return celsius, humidity_at(celsius, DEW_POINT_C + 0.4 * uniform(seed, 2))


def default_inlet(seed: int) -> tuple[float, float, float]:
    """Temperature, humidity and dew point in a room that no CRAH unit cools."""
    celsius = 23.0 + 1.0 * uniform(seed, 1)
    humidity = humidity_at(celsius, DEW_POINT_C)
    return celsius, humidity, dew_point(celsius, humidity)
