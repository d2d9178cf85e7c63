"""Fuel tanks: what the generators drink, and the pump that refills day tanks from the bulk tank."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.electrical import Values
from simulator.noise import Jitter, uniform

REFILL_BELOW, REFILL_TO = 0.70, 0.95
PUMP_M3_PER_S = 60e-3 / 60
"""A transfer pump of 60 litres a minute."""

LOW, VERY_LOW, HIGH = 0.50, 0.25, 0.98


@dataclass(slots=True)
class Tank:
    """One tank. Volumes in m3; `supplies` is empty for a bulk tank."""

    name: str
    volume_m3: float
    seed: int
    supplies: str = ""
    level: float = 0.93
    pumping: bool = False

    def draw(self, volume_m3: float) -> bool:
        """Take fuel out; False when there is not enough."""
        if self.level * self.volume_m3 < volume_m3:
            self.level = 0.0
            return False
        self.level -= volume_m3 / self.volume_m3
        return True

    def values(self, ambient_c: float, jitter: Jitter) -> Values:
        """Readings of the tank gauge."""
        low, empty = self.level < LOW, self.level < VERY_LOW
        return {
            "fuel.level": self.level + 0.0005 * jitter(),
            "fuel.volume": self.level * self.volume_m3,
            "fuel.temperature": 0.7 * ambient_c + 6 + 0.3 * uniform(self.seed, 1),
            "tank.state": "low" if low else "high" if self.level > HIGH else "normal",
            "leak.state": "dry",
            "pump.state": "on" if self.pumping else "off",
            "alarm.low_level": "active" if low else "normal",
            "alarm.very_low_level": "active" if empty else "normal",
            "alarm.high_level": "active" if self.level > HIGH else "normal",
            "alarm.water": "normal",
        }


def refill(tanks: list[Tank], dt: float) -> None:
    """Pump fuel from the fullest bulk tank into day tanks that are low."""
    bulk = [tank for tank in tanks if not tank.supplies]
    for tank in tanks:
        if not tank.supplies or not bulk:
            continue
        tank.pumping = tank.level < (REFILL_TO if tank.pumping else REFILL_BELOW)
        source = max(bulk, key=lambda one: one.level)
        wanted = PUMP_M3_PER_S * dt if tank.pumping else 0.0
        if wanted and source.draw(wanted):
            tank.level = min(1.0, tank.level + wanted / tank.volume_m3)
        source.pumping = any(tank.pumping for tank in tanks if tank.supplies)
