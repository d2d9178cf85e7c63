"""Photovoltaics: strings, inverters, and the weather station beside them.

An inverter follows the grid: it works only while mains stands on its bus, waits a little before it
feeds again, and sleeps at night.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.electrical import DEAD, Load3, Supply, Values, split_of, three_phase
from simulator.noise import Jitter, uniform
from simulator.sun import Sky, dew_point

WAKE_W_M2 = 15.0
"""Irradiance from which there is enough direct voltage to work."""

RECONNECT_S = 20.0
"""Grid codes ask for a minute or more before an inverter feeds again; shortened for the demo."""

POWER_PER_K = -0.0035
"""Power of a silicon module by its temperature, from usual data sheets."""

STRING_MPP_V = 738.0
"""18 modules of 41 V in series at 25 degC."""

STRING_OPEN_V = 890.0
VOLTAGE_PER_K = -0.0027
WIRING = 0.97
"""What cables, dust and mismatch leave over."""

INVERTER_EFFICIENCY = 0.982


@dataclass(slots=True)
class PvString:
    """One string: modules in series."""

    name: str
    peak_w: float
    seed: int

    def power_w(self, sky: Sky) -> float:
        """Direct-current power at the best working point."""
        quality = WIRING * (1 + 0.015 * uniform(self.seed, 1))
        heat = 1 + POWER_PER_K * (sky.module_c - 25)
        return self.peak_w * sky.plane_irradiance / 1000 * quality * heat

    def values(self, sky: Sky, used: float, jitter: Jitter) -> Values:
        """Readings of the string monitor; `used` is the part of its power that is taken."""
        power = self.power_w(sky) * used
        heat = 1 + VOLTAGE_PER_K * (sky.module_c - 25)
        dark = sky.plane_irradiance < WAKE_W_M2
        volts = 0.0 if dark else STRING_MPP_V + (1 - used) * (STRING_OPEN_V - STRING_MPP_V)
        volts *= heat * (1 + 0.002 * jitter())
        return {
            "string.voltage": volts,
            "string.current": power / volts if volts else 0.0,
            "string.active_power": power,
            "string.state": "normal",
        }


@dataclass(slots=True)
class Inverter:
    """One string inverter. Powers in W, energies in Wh."""

    name: str
    rated_w: float
    seed: int
    strings: list[PvString] = field(default_factory=list)
    state: str = "mppt"
    waited_s: float = RECONNECT_S
    available_w: float = 0.0
    output_w: float = 0.0
    dc_w: float = 0.0
    energy_wh: float = 0.0
    daily_wh: float = 0.0
    day: int = 0
    supply: Supply = DEAD
    sink_c: float = 25.0

    def offer(self, dt: float, sky: Sky, supply: Supply) -> float:
        """What it could feed now, in W."""
        self.supply = supply
        grid = supply.live and not supply.generator
        self.waited_s = self.waited_s + dt if grid else 0.0
        dc = sum(string.power_w(sky) for string in self.strings)
        if not self.strings:
            dc = self.rated_w * sky.plane_irradiance / 1000 * WIRING
        if sky.plane_irradiance < WAKE_W_M2:
            self.state, self.available_w = "sleeping", 0.0
        elif not grid:
            self.state, self.available_w = "standby", 0.0
        elif self.waited_s < RECONNECT_S:
            self.state, self.available_w = "starting", 0.0
        else:
            self.available_w = min(self.rated_w, dc * INVERTER_EFFICIENCY)
            self.state = "throttled" if self.available_w >= self.rated_w else "mppt"
        return self.available_w

    def feed(self, part: float, dt: float, time: float, ambient_c: float) -> None:
        """Feed this part of what was offered (1 unless the site has no use for it)."""
        self.output_w = self.available_w * part
        self.dc_w = self.output_w / INVERTER_EFFICIENCY
        if self.available_w and part < 0.999:
            self.state = "throttled"
        wh = self.output_w * dt / 3600
        today = int(time // 86400)
        self.daily_wh = wh + (self.daily_wh if today == self.day else 0.0)
        self.day = today
        self.energy_wh += wh
        target = ambient_c + 4 + 34 * self.output_w / self.rated_w
        self.sink_c += (target - self.sink_c) * dt / 600

    def used(self, sky: Sky) -> float:
        """Part of the strings' power that is taken."""
        offered = sum(string.power_w(sky) for string in self.strings)
        return min(1.0, self.dc_w / offered) if offered > 0 else 0.0

    def values(self, sky: Sky, jitter: Jitter) -> Values:
        """Readings of the inverter."""
        supply, seed = self.supply, self.seed
        values = three_phase(
            "output.",
            self.output_w,
            supply,
            Load3(split=split_of(seed), power_factor=0.999),
            jitter,
        )
        heat = 1 + VOLTAGE_PER_K * (sky.module_c - 25)
        dark = self.state == "sleeping"
        volts = 0.0 if dark else (STRING_MPP_V if self.dc_w else STRING_OPEN_V) * heat
        values |= {
            "inverter.state": self.state,
            "state": self.state,
            "output.active_energy": self.energy_wh,
            "daily_energy": self.daily_wh,
            "output.daily_energy": self.daily_wh,
            "output.rated_active_power": self.rated_w,
            "dc.voltage": volts,
            "dc.current": self.dc_w / volts if volts else 0.0,
            "dc.active_power": self.dc_w,
            "cabinet.temperature": self.sink_c - 6 + 0.2 * jitter(),
            "heatsink.temperature": self.sink_c + 0.2 * jitter(),
            "winding.temperature": self.sink_c + 3,
            "inverter.temperature": self.sink_c + 1,
            "dc.insulation_resistance": 1.8e6 * (1 + 0.02 * jitter()),
            "alarm_count": 0.0 if supply.live else 1.0,
            "alarm.grid_disconnect": "normal" if supply.live else "active",
            "ambient.temperature": sky.ambient_c,
        }
        inputs = 2
        for number in range(1, inputs + 1):
            part = (
                len(self.strings[number - 1 :: inputs]) / len(self.strings)
                if self.strings
                else 1 / inputs
            )
            values |= {
                f"mppt.voltage.{number}": volts,
                f"mppt.current.{number}": self.dc_w * part / volts if volts else 0.0,
                f"mppt.active_power.{number}": self.dc_w * part,
                f"mppt.active_energy.{number}": self.energy_wh * part / INVERTER_EFFICIENCY,
                f"mppt.temperature.{number}": self.sink_c,
                f"mppt.state.{number}": self.state if self.state != "standby" else "off",
            }
        return values


def weather_values(sky: Sky, rain_m: float, jitter: Jitter) -> Values:
    """Readings of the weather station."""
    return {
        "irradiance": sky.irradiance,
        "irradiance.global": sky.irradiance,
        "irradiance.plane": sky.plane_irradiance,
        "module.temperature": sky.module_c + 0.1 * jitter(),
        "ambient.temperature": sky.ambient_c + 0.1 * jitter(),
        "ambient.relative_humidity": sky.humidity,
        "ambient.dew_point": dew_point(sky.ambient_c, sky.humidity),
        "ambient.pressure": sky.pressure_pa,
        "wind_speed": sky.wind_m_s,
        "wind_direction": sky.wind_deg,
        "rain": rain_m,
    }
