"""Meters: power at one place of the graph, counted into energies.

Counters integrate the simulated power exactly, step by step, so that a ratio of energies is right
over any window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.electrical import Load3, Supply, Values, split_of, three_phase
from simulator.noise import Jitter, uniform

Tap = Callable[[], tuple[float, Supply]]
"""Power in W and what stands on the conductor, now."""

LIFE_H = 17_000.0
"""Hours since a meter was commissioned: two years."""

MEAN_LOAD = 0.93
"""Mean of the past as part of today's load."""

DEMAND_S = 900.0
"""Meters give the highest mean of fifteen minutes as peak demand."""


@dataclass(slots=True)
class Meter:
    """One metering point. Energies in Wh."""

    name: str
    tap: Tap
    seed: int
    voltage_v: float = 400.0
    power_factor: float = 0.95
    rated_w: float = 0.0
    node: str = ""
    """The power node whose output it measures."""
    energy_wh: float = 0.0
    export_wh: float = 0.0
    apparent_vah: float = 0.0
    reactive_varh: float = 0.0
    mean_w: float = 0.0
    peak_w: float = 0.0

    def begin(self, history_h: float = LIFE_H) -> None:
        """Set counters to what this load would have made of the past."""
        power = self.tap()[0]
        hours = history_h * (1 + 0.03 * uniform(self.seed, 1))
        self.energy_wh = max(0.0, power) * MEAN_LOAD * hours
        self._follow(self.energy_wh)
        self.mean_w = power
        self.peak_w = power * 1.07

    def reset(self) -> None:
        """Begin again at zero, as after a change of the meter."""
        self.energy_wh = self.export_wh = self.apparent_vah = self.reactive_varh = 0.0
        self.mean_w = self.peak_w = self.tap()[0]

    def count(self, dt: float) -> None:
        """Add this step to the counters."""
        power = self.tap()[0]
        wh = power * dt / 3600
        if wh >= 0:
            self.energy_wh += wh
        else:
            self.export_wh -= wh
        self._follow(abs(wh))
        self.mean_w += (power - self.mean_w) * min(1.0, dt / DEMAND_S)
        self.peak_w = max(self.peak_w, self.mean_w)

    def _follow(self, wh: float) -> None:
        factor = self.power_factor
        self.apparent_vah += wh / factor
        self.reactive_varh += wh * (1 - factor * factor) ** 0.5 / factor

    def values(self, prefix: str, jitter: Jitter) -> Values:
        """Readings under `prefix` (with its dot)."""
        power, supply = self.tap()
        load = Load3(self.voltage_v, self.power_factor, split_of(self.seed))
        values = three_phase(prefix, power, supply, load, jitter)
        values |= {
            f"{prefix}active_energy": self.energy_wh,
            f"{prefix}active_energy_export": self.export_wh,
            f"{prefix}apparent_energy": self.apparent_vah,
            f"{prefix}reactive_energy": self.reactive_varh,
            f"{prefix}reactive_energy_export": 0.0,
            f"{prefix}peak_power": self.peak_w,
            f"{prefix}residual_current": 0.04 + 0.01 * jitter(),
        }
        for phase, share in zip(("l1", "l2", "l3"), load.split, strict=True):
            values[f"{prefix}active_energy.{phase}"] = self.energy_wh * share
            values[f"{prefix}active_energy_export.{phase}"] = self.export_wh * share
        return values


BANKS = 3
"""Banks of a rack PDU, one to a phase."""


def panel_values(meter: Meter, jitter: Jitter, outlets: int = 0) -> Values:
    """Readings of a power panel or rack PDU: its meter, breaker, limits, banks and outlets."""
    values = meter.values("input.", jitter)
    supply = meter.tap()[1]
    rated_a = meter.rated_w / 0.95 / meter.voltage_v / 3**0.5
    highest = max(float(values[f"input.current.{phase}"]) for phase in ("l1", "l2", "l3"))
    part = highest / rated_a if rated_a else 0.0
    # 80 % for continuous load is the usual warning, the rating the limit (devices.md).
    state = "overload" if part > 1 else "near_overload" if part > 0.8 else "normal"
    values |= {
        "input.load": part,
        "load": part,
        "input.residual_current": 0.012 + 0.002 * jitter(),
        "input.rated_current": rated_a,
        "input.rated_active_power": meter.rated_w,
        "cabinet.temperature": 25.0 + 9 * part + 0.2 * jitter(),
        "breaker.position": "closed",
        "input.state": "normal" if supply.live else "failed",
        "load.state": state,
        "phase.state.l1": state,
        "phase.state.l2": state,
        "phase.state.l3": state,
        "alarm.branch_trip": "normal",
        "alarm.surge_arrester": "normal",
        "alarm.phase_loss": "normal" if supply.live else "active",
    }
    for bank in range(1, BANKS + 1) if outlets else ():
        values[f"bank.current.{bank}"] = values[f"input.current.l{bank}"]
        values[f"bank.state.{bank}"] = state
    for outlet in range(1, outlets + 1):
        share = (1 + 0.4 * uniform(meter.seed, 10 + outlet)) / outlets
        watts = meter.tap()[0] * share
        values |= {
            f"outlet.state.{outlet}": "on",
            f"outlet.active_power.{outlet}": watts,
            f"outlet.current.{outlet}": watts / 0.95 / 230 if supply.live else 0.0,
            f"outlet.active_energy.{outlet}": meter.energy_wh * share,
        }
    return values
