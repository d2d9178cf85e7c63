"""Entries that name a meter, resolved: a device id or a point becomes a counter with the power or
flow beside it.

A device id stands for the counter of its profile; a point is taken as written, and must be of the
kind that the figure needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.config.schema import DeviceKeys
from collectors.profile import Library
from core.metering import EnergyInput, Inputs
from core.points import Point, PointName, parse_name, parse_point
from core.words import nearest

Wrong = tuple[int, str]
"""Number of the entry, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a figure needs: its counter and the rate beside it, in words, and in which parts of a
    device to look for it. `rate_alone` where a rate without its counter will do."""

    words: str
    counter: str
    rate: str
    parts: tuple[str, ...]
    example: str
    rate_alone: bool = True


CONSUMED = Kind(
    "energy",
    "active_energy",
    "active_power",
    ("input", "mains", "grid", "output", "generator", ""),
    "input.active_energy",
)
GIVEN = replace(CONSUMED, parts=("output", "generator", "grid", "input", ""))
HEAT = Kind(
    "heat", "thermal_energy", "thermal_power", ("cooling", "heating", ""), "cooling.thermal_energy"
)
WATER = Kind("water", "water_volume", "flow", ("supply", "input", ""), "water_volume", False)
FUEL = Kind("fuel", "fuel_volume", "fuel_rate", ("fuel", "engine", ""), "engine.fuel_volume")
GAS = Kind("gas", "gas_volume", "flow", ("supply", "input", ""), "gas_volume", False)
SUN = Kind("irradiance", "irradiation", "irradiance", ("",), "irradiance.plane")

EXPORT = "active_energy_export"


class Resolver:
    """Finds the meters of one site."""

    def __init__(self, devices: dict[str, DeviceKeys], profiles: Library) -> None:
        self._devices = devices
        self._profiles = profiles

    def inputs(self, entries: list[str], *kinds: Kind) -> tuple[Inputs, list[Wrong]]:
        """The meters of these entries, each of one of the kinds, and what is wrong."""
        found: list[EnergyInput] = []
        wrong: list[Wrong] = []
        for i, entry in enumerate(entries):
            try:
                each = self.one(entry.removeprefix("-"), *kinds)
            except ValueError as error:
                wrong.append((i, str(error)))
                continue
            if any(each.energy == other.energy for other in found):
                wrong.append((i, f"'{entry}' stands twice: keep one"))
            found.append(replace(each, sign=-1) if entry.startswith("-") else each)
        return tuple(found), wrong

    def one(self, entry: str, *kinds: Kind) -> EnergyInput:
        """One meter. Raises ValueError with a sentence."""
        return self._point(entry, kinds) if "/" in entry else self._device(entry, kinds)

    def measured(self, entry: str, quantity: str) -> Point:
        """A point of this quantity. Raises ValueError with a sentence."""
        point = parse_point(entry)
        self._known(point.device, f"'{entry}': ")
        if point.name.quantity != quantity:
            raise ValueError(f"'{entry}' is no {quantity}: name a point such as module.{quantity}")
        self._may_have(entry, (point.name,))
        return point

    def _known(self, device: str, where: str = "") -> None:
        if device not in self._devices:
            raise ValueError(
                f"{where}there is no device '{device}'{nearest(device, self._devices)}"
            )

    def _point(self, entry: str, kinds: tuple[Kind, ...]) -> EnergyInput:
        point = parse_point(entry)
        self._known(point.device, f"'{entry}': ")
        quantity = point.name.quantity
        for kind in kinds:
            counters = (
                (kind.counter, EXPORT) if kind.counter == "active_energy" else (kind.counter,)
            )
            rates = (kind.rate,) if kind.rate_alone else ()
            if quantity in counters or quantity in rates:
                counter = quantity if quantity in counters else kind.counter
                found = _beside(point, counter, kind.rate)
                names = tuple(parse_point(each).name for each in (found.energy, found.power))
                self._may_have(entry, names)
                return found
        unit = point.name.definition.unit if point.name.definition else ""
        measures = f"{quantity} in {unit}" if unit else "a state"
        wanted = " or ".join(kind.words for kind in kinds)
        raise ValueError(
            f"'{entry}' is {measures}, no {wanted}: name a point such as {kinds[0].example}"
        )

    def _may_have(self, entry: str, names: tuple[PointName, ...]) -> None:
        """A point that no device of this family has would wait for ever."""
        profile = self._devices[entry.partition("/")[0]].profile
        if profile not in self._profiles.names():
            return
        together = self._profiles.together(profile)
        if not any(each.may_have(name) for each in together for name in names):
            raise ValueError(f"'{entry}': profile '{profile}' has no point '{names[0]}'")

    def _device(self, entry: str, kinds: tuple[Kind, ...]) -> EnergyInput:
        self._known(entry)
        profile = self._devices[entry].profile
        if not profile:
            raise ValueError(f"'{entry}' has no profile yet: name one, or name the point")
        if profile not in self._profiles.names():
            raise ValueError(f"'{entry}' has a profile that is not in the library")
        together = self._profiles.together(profile)
        for kind in kinds:
            for quantity in (kind.counter, kind.rate) if kind.rate_alone else (kind.counter,):
                for part in kind.parts:
                    name = parse_name(f"{part}.{quantity}" if part else quantity)
                    if any(each.may_have(name) for each in together):
                        return _beside(Point(entry, name), kind.counter, kind.rate)
        wanted = " or ".join(kind.words for kind in kinds)
        neither = "neither energy nor power" if wanted == "energy" else f"no {wanted}"
        raise ValueError(f"'{entry}' has {neither} in profile '{profile}': name the point")


def _beside(point: Point, counter: str, rate: str) -> EnergyInput:
    """The counter and the rate that stand beside one another in a device."""
    names = (replace(point.name, quantity=quantity) for quantity in (counter, rate))
    energy, power = (str(replace(point, name=name).id) for name in names)
    return EnergyInput(energy, power)
