"""Chilled water: chillers, pumps, dry coolers and the controller that runs them.

One temperature for the loop with the heat capacity of pipes and buffer tank. The controller runs as
many chillers as the load needs and one pump group for each circuit; standby units take over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator import timing
from simulator.faults import Faults
from simulator.noise import uniform

SETPOINT_C = 14.0
"""Leaving chilled water: high, as in halls with contained aisles."""

DESIGN_DT_K = 6.0
WATER_J_M3_K = 4.186e6
"""Density times heat capacity of water."""

HEAT_CAPACITY_J_K_W = 26.0
"""Loop and buffer tank per watt of installed chillers: 15 m3 for 2.4 MW."""

CONTROL_S = 150.0
FULL_ABOVE, SPARE_BELOW = 0.75, 0.65
"""One chiller more above the first load ratio, one less when the others would stay below the
second."""

ALL_ABOVE_K = 2.0
"""Water so much above its set point calls every chiller there is."""

CHILLER_AUX_W = 1200.0
STANDBY_W = 400.0
FAN_POWER = 0.026
"""Dry cooler fans at full speed, as part of the heat given off."""

Live = Callable[[str], bool]


def cop(ambient_c: float) -> float:
    """Coefficient of performance of a water-cooled chiller at part load, by outside temperature:
    falls by 0.085 per kelvin of condenser water."""
    return min(7.0, max(3.0, 5.4 - 0.085 * (ambient_c - 18.0)))


@dataclass(slots=True)
class Machine:
    """A chiller, pump or dry cooler: what they have in common. `rated_w` is heat for chillers and
    coolers, electricity for pumps."""

    name: str
    rated_w: float
    seed: int
    powered_by: str = ""
    start_s: float = timing.FAN_START_S
    role: str = ""
    powered: bool = True
    failed: bool = False
    powered_s: float = 1e9
    called: bool = True
    ramp: float = 1.0
    speed: float = 0.0
    thermal_w: float = 0.0
    draw_w: float = 0.0
    thermal_wh: float = 0.0
    energy_wh: float = 0.0
    running_s: float = 0.0
    starts: float = 0.0
    ran: bool = True

    def __post_init__(self) -> None:
        self.running_s = 3600.0 * (14000 + 5000 * uniform(self.seed, 1))
        self.starts = 260.0 + round(60 * uniform(self.seed, 2))

    @property
    def usable(self) -> bool:
        """It would run if it were called."""
        return self.powered and not self.failed

    @property
    def running(self) -> bool:
        return self.called and self.usable and self.powered_s >= self.start_s

    @property
    def state(self) -> str:
        """Unit state, by the words of the vocabulary."""
        if not self.powered:
            return "off"
        if self.failed:
            return "fault"
        if not self.called:
            return "standby"
        return "on" if self.running else "starting"

    def step(self, dt: float, *, powered: bool, failed: bool, ramp_s: float) -> None:
        """Watch power and health; ramp up while running."""
        self.powered, self.failed = powered, failed
        self.powered_s = self.powered_s + dt if powered and not failed else 0.0
        self.starts += self.running and not self.ran
        self.ran = self.running
        self.ramp = min(1.0, self.ramp + dt / ramp_s) if self.running else 0.0
        self.running_s += dt if self.running else 0.0

    def count(self, dt: float) -> None:
        """Count heat and electricity of this step."""
        self.thermal_wh += self.thermal_w * dt / 3600
        self.energy_wh += self.draw_w * dt / 3600


@dataclass(slots=True)
class ChilledWater:
    """The plant. Temperatures in degC, heat in W, flow in m3/s."""

    chillers: list[Machine] = field(default_factory=list)
    pumps: list[Machine] = field(default_factory=list)
    coolers: list[Machine] = field(default_factory=list)
    supply_c: float = SETPOINT_C
    load_w: float = 0.0
    wanted: int = 0
    speed: float = 0.6
    ambient_c: float = 20.0
    condenser_supply_c: float = 26.0
    condenser_return_c: float = 31.0
    thermal_wh: float = 0.0

    @property
    def rated_w(self) -> float:
        return sum(chiller.rated_w for chiller in self.chillers)

    @property
    def capacity_j_k(self) -> float:
        """Heat capacity of the loop."""
        return HEAT_CAPACITY_J_K_W * self.rated_w

    @property
    def full_flow_m3_s(self) -> float:
        """Water for all chillers but the spare one."""
        unit = max((chiller.rated_w for chiller in self.chillers), default=0.0)
        return max(unit, self.rated_w - unit) / WATER_J_M3_K / DESIGN_DT_K

    @property
    def flow_m3_s(self) -> float:
        """Water to the halls."""
        return self.full_flow_m3_s * self.speed * self.flow_ratio()

    def return_c(self) -> float:
        """Water back from the halls."""
        flow = self.flow_m3_s
        return self.supply_c + (min(15.0, self.load_w / WATER_J_M3_K / flow) if flow else 0.0)

    def flow_ratio(self) -> float:
        """Part of the wanted flow that the pumps of the chilled-water side can move."""
        return min((self._role_ratio(role) for role in ("primary", "secondary")), default=1.0)

    def _role_ratio(self, role: str) -> float:
        group = [pump for pump in self.pumps if pump.role == role]
        if not group:
            return 1.0
        return min(1.0, sum(pump.running for pump in group) / needed_pumps(group))

    def step(self, dt: float, load_w: float, ambient_c: float, live: Live, faults: Faults) -> None:
        """One step: call machines, make cold, move the loop's temperature."""
        self.load_w, self.ambient_c = load_w, ambient_c
        ramps = ((self.chillers, timing.CHILLER_RAMP_S), (self.pumps, 3.0), (self.coolers, 10.0))
        for machines, ramp_s in ramps:
            for machine in machines:
                machine.step(
                    dt,
                    powered=live(machine.powered_by),
                    failed=faults.has("failed", machine.name),
                    ramp_s=ramp_s,
                )
        self._call()
        made = self._make_cold()
        if self.rated_w:
            self.supply_c += (load_w - made) * dt / self.capacity_j_k
            self.supply_c = min(max(self.supply_c, 4.0), 45.0)
        self.thermal_wh += made * dt / 3600
        self._pump(dt)
        self._reject(made)
        for machine in (*self.chillers, *self.pumps, *self.coolers):
            machine.count(dt)

    def settle(self, load_w: float) -> None:
        """Begin as a plant that has carried this load for hours."""
        self.load_w = load_w
        unit = self.rated_w / max(1, len(self.chillers))
        needed = math.ceil(load_w / (FULL_ABOVE * unit)) if unit else 0
        self.wanted = min(len(self.chillers), max(1, needed))
        self._call()
        for machine in (*self.chillers, *self.pumps, *self.coolers):
            machine.ran, machine.ramp = machine.running, float(machine.running)
            machine.thermal_wh = machine.running_s / 3600 * machine.rated_w * 0.55
            machine.energy_wh = machine.thermal_wh * (1.0 if machine in self.pumps else 0.2)
        self.thermal_wh = sum(chiller.thermal_wh for chiller in self.chillers)

    def _call(self) -> None:
        """As many chillers as the load needs, in the order of the list, but none that cannot."""
        if self.chillers:
            unit = self.rated_w / len(self.chillers)
            if self.supply_c > SETPOINT_C + ALL_ABOVE_K:
                self.wanted = len(self.chillers)
            elif self.load_w > FULL_ABOVE * self.wanted * unit:
                self.wanted += 1
            elif self.wanted > 1 and self.load_w < SPARE_BELOW * (self.wanted - 1) * unit:
                self.wanted -= 1
            self.wanted = min(len(self.chillers), max(1, self.wanted))
        _call_first(self.chillers, self.wanted)
        for role in ("primary", "secondary", "condenser"):
            group = [pump for pump in self.pumps if pump.role == role]
            _call_first(group, needed_pumps(group))
        _call_first(self.coolers, len(self.coolers))

    def _make_cold(self) -> float:
        needed = self.load_w + self.capacity_j_k / CONTROL_S * (self.supply_c - SETPOINT_C)
        derate = 1 - 0.01 * max(0.0, self.ambient_c - 35.0)
        condenser = self._role_ratio("condenser") if self.coolers else 1.0
        able = {c.name: c.rated_w * c.ramp * derate * condenser for c in self.chillers if c.running}
        total = sum(able.values())
        part = min(1.0, max(0.0, needed / total)) if total > 0 else 0.0
        factor = cop(self.ambient_c)
        made = 0.0
        for chiller in self.chillers:
            chiller.thermal_w = able.get(chiller.name, 0.0) * part
            chiller.speed = part if chiller.running else 0.0
            made += chiller.thermal_w
            idle = CHILLER_AUX_W if chiller.running else STANDBY_W
            chiller.draw_w = chiller.thermal_w / factor + idle if chiller.powered else 0.0
        return made

    def _pump(self, dt: float) -> None:
        unit = max((chiller.rated_w for chiller in self.chillers), default=1.0)
        wanted = min(1.0, max(0.5, self.load_w / max(unit, self.rated_w - unit) / 0.92))
        self.speed += (wanted - self.speed) * min(1.0, dt / 20)
        for pump in self.pumps:
            pump.speed = (self.speed if pump.role == "secondary" else 0.78) * pump.ramp
            running = pump.rated_w * (0.05 + 0.95 * pump.speed**3)
            pump.draw_w = running if pump.running else 60.0 if pump.powered else 0.0

    def _reject(self, made: float) -> None:
        heat = made + sum(chiller.draw_w for chiller in self.chillers)
        running = [cooler for cooler in self.coolers if cooler.running]
        rated = sum(cooler.rated_w for cooler in running)
        part = heat / rated if rated else 0.0
        speed = min(1.0, max(0.2, 1.3 * part))
        for cooler in self.coolers:
            cooler.speed = speed * cooler.ramp if cooler.running else 0.0
            cooler.thermal_w = cooler.rated_w * part if cooler.running else 0.0
            fans = cooler.rated_w * FAN_POWER * cooler.speed**3
            cooler.draw_w = fans + 300.0 if cooler.powered else 0.0
        self.condenser_supply_c = self.ambient_c + 3 + 7 * min(3.0, part) / speed**0.7
        self.condenser_return_c = self.condenser_supply_c + 5 * min(3.0, part) * 1.5

    def draws(self) -> dict[str, float]:
        """Electrical power by the node that feeds the machines, in W."""
        total: dict[str, float] = {}
        for machine in (*self.chillers, *self.pumps, *self.coolers):
            total[machine.powered_by] = total.get(machine.powered_by, 0.0) + machine.draw_w
        return total

    def buffer_runtime_s(self) -> float:
        """How long the loop stays within 4 K of now without chillers."""
        return min(43200.0, 4 * self.capacity_j_k / self.load_w) if self.load_w > 0 else 43200.0


def needed_pumps(group: list[Machine]) -> int:
    """How many pumps of a circuit move all its water: half of them, so that those on either of two
    boards do."""
    return max(1, len(group) // 2)


def _call_first(machines: list[Machine], number: int) -> None:
    left = number
    for machine in machines:
        machine.called = machine.usable and left > 0
        left -= machine.called
