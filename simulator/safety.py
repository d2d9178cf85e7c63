"""Leak detection and fire panels: quiet instruments that must say so believably."""

from __future__ import annotations

from simulator.electrical import Values
from simulator.noise import Jitter, uniform

DETECTORS, ASPIRATING = 6, 4


def leak_values(seed: int, jitter: Jitter) -> Values:
    """Readings of a dry leak zone."""
    ohms = 8.2e6 * (1 + 0.2 * uniform(seed, 1)) + 2e4 * jitter()
    return {
        "leak.state": "dry",
        "zone.state": "dry",
        "leak.current": 12.0 / ohms,
        "leak.insulation_resistance": ohms,
        "communication.state": "ok",
        "alarm.leak": "normal",
        "alarm.cable_break": "normal",
    }


def fire_values(seed: int, *, mains: bool, jitter: Jitter) -> Values:
    """Readings of a fire panel at rest; without mains it runs on its own battery."""
    values: Values = {
        "fire.state": "normal",
        "input.state": "normal" if mains else "failed",
        "battery.voltage": (27.3 if mains else 25.4) + 0.02 * jitter(),
        "battery.state": "floating" if mains else "discharging",
        "alarm.fire": "normal",
        "alarm.pre_alarm": "normal",
        "alarm.fault": "normal" if mains else "active",
        "alarm.earth_fault": "normal",
        "alarm.released": "normal",
    }
    values |= {f"detector.state.{number}": "normal" for number in range(1, DETECTORS + 1)}
    for number in range(1, ASPIRATING + 1):
        values[f"smoke.obscuration.{number}"] = (
            0.0006 + 0.0002 * uniform(seed, number) + 5e-5 * jitter()
        )
    return values
