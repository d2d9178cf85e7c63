"""Standby generators: from the start signal to load and back to rest, and the fuel they drink.

States and what moves them:

    stopped --call--> cranking --fires--> starting --at speed--> running --breaker--> on_load
       ^                 | no fire: rest, crank again; after the last attempt: fault
       |                                                                       | call ends
       +------------- stopping <------------------- cooldown <-----------------+

A call during the cool-down takes the engine back to `running`; a fault stays until it is cleared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simulator import timing
from simulator.electrical import Load3, Supply, Values, split_of, three_phase
from simulator.invariants import invariant
from simulator.noise import Jitter, uniform

RATED_RPM = 1500.0
"""Four poles at 50 Hz."""

PREHEAT_C = 42.0
"""Jacket heaters hold a resting engine at this temperature so that it takes load at once."""

LOADED_C = 84.0
HEAT_UP_S = 240.0
COOL_DOWN_S = 1800.0

FUEL_M3_PER_WH = 0.25e-6
"""0.25 litre per kWh: a diesel generator between half and full load (redundancy.md TV-R7)."""

IDLE_FUEL_M3_PER_S = 6e-6
"""About 22 litres an hour without load, for an engine of this size."""

SERVICE_S = 500 * 3600.0
"""Service interval of the engine."""

LOW_FUEL = 0.25
OVERLOAD = 1.10
"""ISO 8528-1: 10 % more than the prime rating for a short time."""

_TURNING = frozenset(("starting", "running", "on_load", "cooldown"))


@dataclass(slots=True)
class Genset:
    """One generator set. Powers in W, energy in Wh."""

    name: str
    rated_w: float
    seed: int
    state: str = "stopped"
    since_s: float = 0.0
    attempts: int = 0
    resting: bool = False
    power_w: float = 0.0
    coolant_c: float = PREHEAT_C
    energy_wh: float = 0.0
    running_s: float = 0.0
    starts: float = 0.0
    overload_s: float = 0.0
    draw_fuel: Callable[[float], bool] | None = field(default=None, repr=False)
    """Takes so many m3 out of the tank; False when it is empty."""

    def __post_init__(self) -> None:
        self.running_s = 3600.0 * (180 + 60 * uniform(self.seed, 1))
        self.starts = 95.0 + round(20 * uniform(self.seed, 2))
        self.energy_wh = self.running_s / 3600 * self.rated_w * 0.45
        if self.rated_w <= 0:
            raise ValueError(f"generator {self.name} needs a rating above zero")

    @property
    def closed(self) -> bool:
        """Its breaker is in: it carries what its bus gives it."""
        return self.state == "on_load"

    @property
    def coming(self) -> bool:
        """Called and not yet on the bus, but still able to come."""
        return self.state in ("cranking", "starting", "running") or self.resting

    def step(self, dt: float, *, called: bool, bus_live: bool, no_start: bool) -> None:
        """One step: `called` is the start signal, `bus_live` whether another set holds the bus."""
        self.since_s += dt
        if self.state in _TURNING:
            self.running_s += dt
        getattr(self, f"_{self.state}")(called, bus_live, no_start)
        self._heat(dt)
        invariant(self.attempts <= timing.CRANK_ATTEMPTS, self.name, "cranks too often")

    def carry(self, power_w: float, dt: float) -> None:
        """Account for the power given in this step: energy, fuel, and the overload relay."""
        self.power_w = power_w if self.closed else 0.0
        self.energy_wh += self.power_w * dt / 3600
        if self.state not in _TURNING:
            return
        fuel = self.power_w * dt / 3600 * FUEL_M3_PER_WH + IDLE_FUEL_M3_PER_S * dt
        if self.draw_fuel is not None and not self.draw_fuel(fuel):
            self._enter("fault")
        over = self.power_w > OVERLOAD * self.rated_w
        self.overload_s = self.overload_s + dt if over else 0.0
        if self.overload_s > timing.OVERLOAD_TRIP_S:
            self._enter("fault")

    def _enter(self, state: str) -> None:
        self.state, self.since_s, self.resting = state, 0.0, False
        if state in ("stopped", "on_load"):
            self.attempts = 0
        if state != "on_load":
            self.power_w, self.overload_s = 0.0, 0.0

    def _stopped(self, called: bool, _bus_live: bool, no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if self.resting and self.since_s < timing.CRANK_REST_S and called:
            return
        if not called:
            self.resting, self.attempts = False, 0
            return
        if self.attempts >= timing.CRANK_ATTEMPTS and no_start:
            self._enter("fault")
            return
        self.attempts = self.attempts + 1 if self.resting else 1
        self._enter("cranking")

    def _cranking(self, called: bool, _bus_live: bool, no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if not called:
            self._enter("stopped")
        elif not no_start and self.since_s >= timing.CRANK_S + 0.8 * uniform(self.seed, 3):
            self.starts += 1
            self._enter("starting")
        elif self.since_s >= timing.CRANK_WINDOW_S:
            attempts = self.attempts
            last = attempts >= timing.CRANK_ATTEMPTS
            self._enter("fault" if last else "stopped")
            self.attempts, self.resting = attempts, not last

    def _starting(self, _called: bool, _bus_live: bool, _no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if self.since_s >= timing.RUN_UP_S:
            self._enter("running")

    def _running(self, called: bool, bus_live: bool, _no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if not called:
            self._enter("cooldown")
        elif not bus_live or self.since_s >= timing.SYNC_S:
            self._enter("on_load")

    def _on_load(self, called: bool, _bus_live: bool, _no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if not called:
            self._enter("cooldown")

    def _cooldown(self, called: bool, _bus_live: bool, _no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if called:
            self._enter("running")
        elif self.since_s >= timing.COOLDOWN_S:
            self._enter("stopping")

    def _stopping(self, _called: bool, _bus_live: bool, _no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if self.since_s >= timing.STOPPING_S:
            self._enter("stopped")

    def _fault(self, called: bool, _bus_live: bool, no_start: bool) -> None:  # noqa: FBT001 - one row of the state table
        if not called and not no_start:
            self._enter("stopped")

    def _heat(self, dt: float) -> None:
        turning = self.state in _TURNING
        target = (
            LOADED_C - 8 * (1 - min(1.0, self.power_w / self.rated_w)) if turning else PREHEAT_C
        )
        self.coolant_c += (target - self.coolant_c) * dt / (HEAT_UP_S if turning else COOL_DOWN_S)

    def speed_rpm(self) -> float:
        """Engine speed now."""
        if self.state == "cranking":
            return 160.0
        if self.state == "starting":
            return RATED_RPM * min(1.0, 0.12 + self.since_s / timing.RUN_UP_S)
        if self.state == "stopping":
            return RATED_RPM * max(0.0, 1 - self.since_s / timing.STOPPING_S)
        return RATED_RPM if self.state in _TURNING else 0.0

    def supply(self) -> Supply:
        """What stands at the generator's terminals."""
        rpm = self.speed_rpm()
        if rpm < 0.4 * RATED_RPM:
            return Supply(live=False)
        droop = 0.01 * self.power_w / self.rated_w
        return Supply(
            live=True,
            pu=min(1.0, rpm / RATED_RPM) - droop / 4,
            hz=rpm / 30 * (1 - droop),
            generator=True,
        )

    def values(self, jitter: Jitter, mains: Supply, fuel_level: float) -> Values:
        """Readings of the generator controller."""
        rpm = self.speed_rpm()
        turning = rpm > 0
        at_speed = self.state in ("running", "on_load", "cooldown")
        load = Load3(split=split_of(self.seed), power_factor=0.95)
        values = three_phase("output.", self.power_w, self.supply(), load, jitter)
        values |= three_phase("mains.", 0.0, mains, load, jitter)
        fault = self.state == "fault"
        to_service = SERVICE_S - self.running_s % SERVICE_S
        overcrank = fault and self.attempts >= timing.CRANK_ATTEMPTS
        values |= {
            "engine.state": self.state if not self.resting else "stopped",
            "control.mode": "auto",
            "breaker.position": "closed" if self.closed else "open",
            "mains.state": "normal" if mains.live else "failed",
            "engine.oil_pressure": 430e3 * rpm / RATED_RPM * (1 + 0.01 * jitter()),
            "engine.coolant_temperature": self.coolant_c + 0.2 * jitter(),
            "engine.oil_temperature": self.coolant_c + (9.0 if turning else -4.0) + 0.2 * jitter(),
            "engine.exhaust_temperature": 180 + 280 * self.power_w / self.rated_w
            if at_speed
            else 25.0,
            "engine.speed": rpm * (1 + 0.001 * jitter()) if rpm else 0.0,
            "speed": rpm * (1 + 0.001 * jitter()) if rpm else 0.0,
            "fuel.level": fuel_level,
            "fuel.fuel_rate": (self.power_w / 3600 * FUEL_M3_PER_WH + IDLE_FUEL_M3_PER_S)
            if turning
            else 0.0,
            "alternator.voltage": 28.2 + 0.1 * jitter() if at_speed else 0.0,
            "start_battery.voltage": (
                22.6 if self.state == "cranking" else 28.2 if at_speed else 27.1
            )
            + 0.05 * jitter(),
            "output.load": self.power_w / self.rated_w,
            "load": self.power_w / self.rated_w,
            "output.active_energy": self.energy_wh,
            "output.apparent_energy": self.energy_wh / 0.96,
            "output.reactive_energy": self.energy_wh * 0.29,
            "output.active_energy_export": 0.0,
            "output.rated_active_power": self.rated_w,
            "operating_time": self.running_s,
            "engine.operating_time": self.running_s,
            "starts": self.starts,
            "engine.starts": self.starts,
            "time_to_service": to_service,
            "engine.time_to_service": to_service,
            "alarm_count": 1.0 if fault else 0.0,
            "alarm.fail_to_start": "active/critical" if overcrank else "normal",
            "alarm.overcurrent": "active/critical" if fault and not overcrank else "normal",
            "alarm.mains_failed": "normal" if mains.live else "active/warning",
            "alarm.low_fuel_level": "active/warning" if fuel_level < LOW_FUEL else "normal",
            "output.residual_current": 0.0,
            "output.phase_angle": 18.2 if self.power_w else 0.0,
        }
        return values
