"""Three-phase readings: from one active power to everything that a meter shows.

Knows Ohm's law and nothing of the plant.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.noise import Jitter, uniform

Value = float | str
"""A number in Kasbah's units, or the name of a state, with `/severity` behind it where a device
tells more than one, e.g. `active/critical`."""

Values = dict[str, Value]
"""Readings of one device by point name without the device."""

PHASES = ("l1", "l2", "l3")
_PAIRS = ("l1-l2", "l2-l3", "l3-l1")
_ROOT3 = 3**0.5


@dataclass(frozen=True, slots=True)
class Supply:
    """What stands on a conductor: `pu` is the voltage as part of the nominal one."""

    live: bool
    pu: float = 0.0
    hz: float = 0.0
    generator: bool = False
    """Some of it comes from a generator."""


DEAD = Supply(live=False)


@dataclass(frozen=True, slots=True)
class Load3:
    """How a load looks to a meter: line-to-line volts, power factor, shares of the phases."""

    voltage_v: float = 400.0
    power_factor: float = 0.95
    split: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    current_thd: float = 0.04


def split_of(seed: int) -> tuple[float, float, float]:
    """Shares of the phases of one feeder: a few percent off a third each, one in sum."""
    first = (1 + 0.04 * uniform(seed, 1)) / 3
    second = (1 + 0.04 * uniform(seed, 2)) / 3
    return first, second, 1.0 - first - second


def three_phase(prefix: str, power_w: float, supply: Supply, load: Load3, jitter: Jitter) -> Values:
    """Readings under `prefix` (with its dot): voltages, currents, powers, power factor, frequency.

    W, VA, var, V, A, Hz. Phase powers add up to the total exactly; a dead conductor reads zero.
    """
    values: Values = {}
    pu = supply.pu if supply.live else 0.0
    watts = power_w if supply.live else 0.0
    factor = load.power_factor
    var_per_watt = (1 - factor * factor) ** 0.5 / factor
    phase_v = load.voltage_v / _ROOT3
    volts, amps = [], []
    for name, share in zip(PHASES, load.split, strict=True):
        volt = phase_v * pu * (1 + 0.0015 * jitter())
        watt = watts * share
        ampere = abs(watt) / factor / volt if volt > 0 else 0.0
        volts.append(volt)
        amps.append(ampere)
        values[f"{prefix}voltage.{name}"] = volt
        values[f"{prefix}current.{name}"] = ampere
        values[f"{prefix}active_power.{name}"] = watt
        values[f"{prefix}apparent_power.{name}"] = abs(watt) / factor
        values[f"{prefix}reactive_power.{name}"] = watt * var_per_watt
        values[f"{prefix}power_factor.{name}"] = factor
        values[f"{prefix}voltage_thd.{name}"] = 0.018 + 0.002 * jitter() if pu else 0.0
        values[f"{prefix}current_thd.{name}"] = load.current_thd if ampere else 0.0
    for pair, (one, other) in zip(_PAIRS, ((0, 1), (1, 2), (2, 0)), strict=True):
        values[f"{prefix}voltage.{pair}"] = (volts[one] + volts[other]) / 2 * _ROOT3
    mean_v, mean_a = sum(volts) / 3, sum(amps) / 3
    values[f"{prefix}voltage"] = mean_v
    values[f"{prefix}voltage.ll"] = mean_v * _ROOT3
    values[f"{prefix}current"] = values[f"{prefix}current.avg"] = mean_a
    values[f"{prefix}current.n"] = (max(amps) - min(amps)) * 0.9
    values[f"{prefix}active_power"] = watts
    values[f"{prefix}apparent_power"] = abs(watts) / factor
    values[f"{prefix}reactive_power"] = watts * var_per_watt
    values[f"{prefix}power_factor"] = factor
    hertz = supply.hz + 0.005 * jitter() if supply.live else 0.0
    values |= dict.fromkeys(
        (f"{prefix}frequency{tail}" for tail in ("", ".l1", ".l2", ".l3")), hertz
    )
    values[f"{prefix}unbalance"] = (max(amps) - mean_a) / mean_a if mean_a else 0.0
    values[f"{prefix}voltage_thd"] = 0.018 if pu else 0.0
    values[f"{prefix}current_thd"] = load.current_thd if mean_a else 0.0
    return values
