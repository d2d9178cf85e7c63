"""UPS modules: rectifier, battery, inverter and static bypass, and the battery strings behind them.

The module rides through on its battery, walks in when its input is back, recharges, and goes to
bypass when it is told to or when its battery is empty.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator import timing
from simulator.electrical import DEAD, Load3, Supply, Values, split_of, three_phase
from simulator.invariants import invariant
from simulator.noise import Jitter, uniform

CELLS = 240
"""Lead-acid cells in a string: 40 blocks of 12 V."""

FLOAT_V_PER_CELL = 2.27
RATE_EXPONENT = 0.15
"""A battery gives more energy at a lower rate: a mild form of Peukert's law."""

RATE_GAIN_MAX = 1.6
CHARGE_EFFICIENCY = 0.9
LOW_RUNTIME_S = 120.0
"""`battery low` under two minutes, the usual setting of lowBattTime in RFC 1628."""

STRINGS = 3
ABSORPTION_FROM = 0.9
"""Above this charge the charging current tapers off."""


@dataclass(slots=True)
class Ups:
    """One UPS module. Powers in W at the module's terminals, charge 0..1."""

    name: str
    rated_w: float
    seed: int
    efficiency: float = 0.95
    recharge_w: float = 0.0
    battery_min: float = 10.0
    mode: str = "online"
    charge: float = 1.0
    on_battery_s: float = 0.0
    ramp: float = 1.0
    qualify_s: float = 0.0
    settled_s: float = timing.UPS_RECHARGE_WAIT_S
    output_w: float = 0.0
    input_w: float = 0.0
    bypass_w: float = 0.0
    charging_w: float = 0.0
    """Positive into the battery, negative out of it."""
    output_wh: float = 0.0
    input_wh: float = 0.0
    outages: float = 0.0
    temperature_c: float = 22.5
    battery_fault: bool = False
    input: Supply = DEAD
    bypass: Supply = DEAD

    def __post_init__(self) -> None:
        if self.rated_w <= 0:
            raise ValueError(f"UPS {self.name} needs a rating above zero")
        self.outages = float(30 + round(9 * uniform(self.seed, 1)))

    # Supply: which way the power goes

    def step(
        self, dt: float, supply: Supply, bypass: Supply, *, forced_bypass: bool, battery_fault: bool
    ) -> None:
        """One step of the mode: online, on battery, on bypass, or off."""
        before, self.input, self.bypass = self.mode, supply, bypass
        self.battery_fault = battery_fault
        self.qualify_s = self.qualify_s + dt if supply.live else 0.0
        if forced_bypass:
            self.mode = "static_bypass" if bypass.live else "off"
        elif before == "online" and supply.live:
            self._ramp(dt)
        elif supply.live and (self.qualify_s >= timing.UPS_QUALIFY_S or before == "static_bypass"):
            self.mode, self.ramp, self.settled_s = "online", 0.0 if self.charge > 0.02 else 1.0, 0.0
        elif before in ("online", "on_battery") and self.charge > 0:
            self.mode = "on_battery"
        else:
            self.mode = "static_bypass" if bypass.live else "off"
        if self.mode == "on_battery" and before != "on_battery":
            self.outages += 1
        self.on_battery_s = self.on_battery_s + dt if self.mode == "on_battery" else 0.0

    def _ramp(self, dt: float) -> None:
        self.ramp = min(1.0, self.ramp + dt / timing.UPS_WALK_IN_S)
        self.settled_s = self.settled_s + dt if self.ramp >= 1.0 else 0.0

    def output(self) -> Supply:
        """What stands at the output: the inverter follows the bypass, else it runs free."""
        if self.mode == "off":
            return DEAD
        if self.mode == "static_bypass":
            return self.bypass
        return Supply(
            live=True,
            pu=1.0,
            hz=self.bypass.hz if self.bypass.live else 50.0,
            generator=self.input.generator,
        )

    # Power: what is taken for what is given

    def loss_w(self, output_w: float) -> float:
        """Own losses: a part that is always there, one with the load, one with its square.

        Weighted so that the module has its rated efficiency at half load, where UPS data sheets
        state it.
        """
        half = self.rated_w / 2
        x = output_w / half
        return half * (1 / self.efficiency - 1) * (0.3 + 0.4 * x + 0.3 * x * x)

    def take(self, output_w: float) -> tuple[float, float]:
        """Give `output_w`; returns what is taken from the input and from the bypass."""
        self.output_w = output_w
        self.input_w = self.bypass_w = self.charging_w = 0.0
        if self.mode == "static_bypass":
            self.bypass_w = output_w
        elif self.mode == "on_battery":
            self.charging_w = -(output_w + self.loss_w(output_w))
        elif self.mode == "online":
            need = output_w + self.loss_w(output_w)
            self.charging_w = self._recharge_w() - (1 - self.ramp) * need
            self.input_w = need + self.charging_w
        invariant(self.input_w >= 0, self.name, "feeds back into its input")
        return self.input_w, self.bypass_w

    def _recharge_w(self) -> float:
        if self.settled_s < timing.UPS_RECHARGE_WAIT_S or self.charge >= 1.0:
            return 0.0
        return self.recharge_w * min(1.0, (1 - self.charge) / (1 - ABSORPTION_FROM) + 0.02)

    def integrate(self, dt: float) -> None:
        """Move the charge, the temperature and the counters by what flowed in this step."""
        if self.charging_w < 0:
            self.charge -= -self.charging_w * dt / 3600 / self.energy_wh(-self.charging_w)
        else:
            self.charge += (
                self.charging_w * dt / 3600 * CHARGE_EFFICIENCY / self.energy_wh(self.rated_w)
            )
        self.charge = min(1.0, max(0.0, self.charge))
        self.output_wh += self.output_w * dt / 3600
        self.input_wh += (self.input_w + self.bypass_w) * dt / 3600
        target = 22.5 + 14 * abs(self.charging_w) / self.rated_w
        self.temperature_c += (target - self.temperature_c) * dt / 900

    def energy_wh(self, power_w: float) -> float:
        """What a full battery gives at this rate, in Wh."""
        full = self.rated_w * self.battery_min / 60
        if self.battery_fault:
            full *= (STRINGS - 1) / STRINGS
        rate = (self.rated_w / power_w) ** RATE_EXPONENT if power_w > 0 else RATE_GAIN_MAX
        return full * min(RATE_GAIN_MAX, rate)

    def runtime_s(self) -> float:
        """How long the battery would carry what is given now."""
        power = self.output_w + self.loss_w(self.output_w)
        return self.charge * self.energy_wh(power) / power * 3600

    # Readings

    @property
    def battery_state(self) -> str:
        """State of the battery, as the UPS judges it."""
        if self.charge <= 0.0:
            return "depleted"
        return "fault" if self.battery_fault else self.flow_state

    @property
    def flow_state(self) -> str:
        """What the healthy part of the battery does."""
        if self.charging_w < 0:
            return "low" if self.runtime_s() < LOW_RUNTIME_S else "discharging"
        return "charging" if self.charging_w > 0 else "floating"

    def battery_voltage(self) -> float:
        """Volts over the battery: float, charging, or sinking with the charge."""
        if self.charging_w < 0:
            per_cell = 1.75 + 0.27 * self.charge
        elif self.charging_w > 0:
            per_cell = 2.10 + 0.17 * self.charge
        else:
            per_cell = FLOAT_V_PER_CELL if self.charge > 0.99 else 2.0
        return CELLS * per_cell

    def values(self, jitter: Jitter, nominal_v: float) -> Values:
        """Readings of the module."""
        load = Load3(nominal_v, 0.96, split_of(self.seed))
        clean = Load3(nominal_v, 0.99, split_of(self.seed), 0.03)
        part = self.output_w / self.rated_w
        values = three_phase("input.", self.input_w, self.input, clean, jitter)
        values |= three_phase("bypass.", self.bypass_w, self.bypass, load, jitter)
        values |= three_phase("output.", self.output_w, self.output(), load, jitter)
        values |= self._battery_values(jitter) | self._settings(nominal_v / 3**0.5)
        taken = self.input_w + self.bypass_w
        efficiency = self.output_w / taken if taken > self.output_w > 0 else self.efficiency
        weak = self.battery_fault or self.charge < 0.2
        values |= {
            "mode": self.mode,
            "breaker.position.bypass": "open",  # the plant has no maintenance bypass
            "input.outages": self.outages,
            "outages": self.outages,
            "input.state": "normal" if self.input.live else "failed",
            "input.failure": "none" if self.input.live else "blackout",
            "output.state": {"off": "off", "static_bypass": "bypass"}.get(self.mode, "normal"),
            "output.load": part,
            "output.efficiency": efficiency,
            "efficiency": efficiency,
            "output.active_energy": self.output_wh,
            "input.active_energy": self.input_wh,
            "redundancy.redundant_module_count": 1.0,
            "redundancy.state": "full",
            "sync.state": "in_sync" if self.bypass.live else "out_of_sync",
            "communication.state": "ok",
            "ambient.temperature": 23.0 + 0.2 * jitter(),
            "cabinet.temperature": 27.0 + 9 * part + 0.2 * jitter(),
            "alarm_count": float((self.mode != "online") + weak),
            "alarm.software_bypass": "active" if self.mode == "static_bypass" else "normal",
            "alarm.overload": "active" if part > 1 else "normal",
        }
        for phase, share in zip(("l1", "l2", "l3"), load.split, strict=True):
            values[f"output.load.{phase}"] = part * share * 3
        return values

    def _battery_values(self, jitter: Jitter) -> Values:
        volts, runtime, fault = self.battery_voltage(), self.runtime_s(), self.battery_fault
        return {
            "battery.state": self.battery_state,
            "battery.charge": self.charge,
            "battery.runtime": runtime,
            "battery.time_on_battery": self.on_battery_s,
            "time_on_battery": self.on_battery_s,
            "battery.voltage": volts + 0.3 * jitter(),
            "battery.current": self.charging_w / volts,
            "battery.temperature": self.temperature_c + 0.1 * jitter(),
            "battery.replacement": "due" if fault else "not_needed",
            "battery.test": "failed" if fault else "passed",
            "battery.health": 0.66 if fault else 0.97,
            "battery.alarm_count": float(fault),
            "alarm.battery_replace": "active" if fault else "normal",
            "alarm.battery": "active" if fault else "normal",
            "alarm.battery_discharged": "active" if self.charge <= 0 else "normal",
            "alarm.low_battery": "active" if self.battery_state == "low" else "normal",
            "alarm.low_runtime": "active" if runtime < LOW_RUNTIME_S else "normal",
        }

    def _settings(self, phase_v: float) -> Values:
        """What stands on the rating plate and in the settings; `phase_v` is the nominal voltage to
        neutral."""
        rated_v = float(round(phase_v, -1))
        return {
            "battery.rated_voltage": float(CELLS * 2),
            "battery.module_count": float(STRINGS),
            "battery.capacity": self.energy_wh(0.0) / RATE_GAIN_MAX / (CELLS * 2),
            "battery.low_runtime_limit": LOW_RUNTIME_S,
            "low_runtime_limit": LOW_RUNTIME_S,
            "output.rated_active_power": self.rated_w,
            "output.rated_apparent_power": self.rated_w / 0.96,
            "output.rated_voltage": rated_v,
            "input.rated_voltage": rated_v,
            "output.rated_frequency": 50.0,
            "input.rated_frequency": 50.0,
            "input.low_voltage_limit": 0.85 * phase_v,
            "input.high_voltage_limit": 1.15 * phase_v,
        }


def string_values(ups: Ups, number: int, seed: int, jitter: Jitter) -> Values:
    """Readings of battery string `number` (from 0) of a UPS. With a battery fault the first string
    is the one that is gone."""
    gone = ups.battery_fault and number == 0
    strings = STRINGS - 1 if ups.battery_fault else STRINGS
    current = 0.0 if gone else ups.charging_w / ups.battery_voltage() / strings
    volts = CELLS * 1.92 if gone else ups.battery_voltage()
    return {
        "battery.voltage": volts + 0.3 * jitter(),
        "battery.current": current,
        "battery.temperature": ups.temperature_c
        + uniform(seed, 3)
        + (7 if gone else 0)
        + 0.1 * jitter(),
        "battery.charge": 0.0 if gone else ups.charge,
        "battery.internal_resistance": (0.16 if gone else 0.062) * (1 + 0.05 * uniform(seed, 4)),
        "battery.health": 0.35 if gone else 0.96 + 0.02 * uniform(seed, 5),
        "battery.state": "fault" if gone else ups.flow_state,
        "breaker.position": "tripped" if gone else "closed",
    }
