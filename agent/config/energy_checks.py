"""What must hold between the keys of `energy:` and `carbon:`: no figure is to be quietly wrong."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.energy_keys import EnergyKeys
from agent.config.schema import SiteFile
from agent.config.source import KeyPath
from core.metering import Energy, Inputs

Wrong = tuple[KeyPath, str]

GRID_G_MIN = 2.0
"""A smaller factor is one in kilograms; even wind and water have more over their life. A choice."""


def problems(parsed: SiteFile, energy: Energy) -> Iterator[Wrong]:
    """Everything that is wrong between keys whose meters were found."""
    yield from _counted_twice(energy)
    yield from _doubled_ids(parsed.energy)
    yield from _fuel(parsed.energy)
    yield from _needed(parsed)
    yield from _carbon(parsed, energy)


def _counted_twice(energy: Energy) -> Iterator[Wrong]:
    """Meters in more than one of the lists that together are what the facility takes, or in one
    of them and the IT."""
    seen: dict[str, str] = {each.energy: "the generators of `power`" for each in energy.genset}
    seen |= {each.energy: "what energy.facility exports" for each in energy.exported}
    lists: list[tuple[str, KeyPath, Inputs]] = [
        ("energy.facility", ("facility",), energy.facility),
        ("energy.pv", ("pv",), energy.pv),
        ("energy.exclude", ("exclude",), energy.excluded),
    ]
    for number, form in enumerate(energy.forms):
        lists.append((f"energy.other[{number}]", ("other", number, "meters"), form.inputs))
    for name, path, inputs in lists:
        for i, each in enumerate(inputs):
            where = seen.setdefault(each.energy, name)
            if where != name:
                message = f"'{each.energy}' is in {where} already: it would be counted twice"
                yield ("energy", *path, i), message
    for category, inputs in energy.it:
        for i, each in enumerate(inputs):
            where = seen.get(each.energy, "")
            if where and each.sign > 0:
                message = f"'{each.energy}' is in {where} already: that is not what the IT takes"
                yield ("energy", "it", category, i), message


def _doubled_ids(keys: EnergyKeys) -> Iterator[Wrong]:
    for name in ("other", "partial", "stages", "balance"):
        seen: set[str] = set()
        for i, entry in enumerate(getattr(keys, name)):
            if entry.id in seen:
                yield ("energy", name, i, "id"), f"there are two entries '{entry.id}'"
            seen.add(entry.id)


def _fuel(keys: EnergyKeys) -> Iterator[Wrong]:
    fuel = keys.fuel
    if fuel.meters and fuel.l_per_kwh is not None:
        message = "the fuel is metered already: keep meters or l_per_kwh"
        yield ("energy", "fuel", "l_per_kwh"), message
    if keys.genset_boundary == "fuel" and not (fuel.meters or fuel.l_per_kwh is not None):
        message = "fuel needs energy.fuel: its meters, or l_per_kwh"
        yield ("energy", "genset_boundary"), message
    if keys.genset_boundary == "fuel" and fuel.kwh_per_l is None:
        yield ("energy", "genset_boundary"), "fuel needs energy.fuel.kwh_per_l"


def _needed(parsed: SiteFile) -> Iterator[Wrong]:
    """Figures of which another part is missing would never be told."""
    keys = parsed.energy
    needs = {
        "other": (keys.other, "facility"),
        "reused": (keys.reused, "facility"),
        "renewable": (keys.renewable, "facility"),
        "water": (keys.water, "it"),
        "pv_plant": (keys.pv_plant, "pv"),
    }
    for name, (given, other) in needs.items():
        if given and not getattr(keys, other):
            yield ("energy", name), f"needs energy.{other}, which is not there"
    if keys.renewable is not None and keys.renewable.on_site and not keys.pv:
        yield ("energy", "renewable", "on_site"), "needs energy.pv, which is not there"
    for name in ("carbon", "tariffs"):
        if getattr(parsed, name) is not None and not keys.facility:
            yield (name,), "needs energy.facility, which is not there"


def _carbon(parsed: SiteFile, energy: Energy) -> Iterator[Wrong]:
    """Emissions that would be left out."""
    keys, fuel = parsed.carbon, parsed.energy.fuel
    if keys is None:
        return
    burns = any(node.kind == "genset" for node in parsed.power) or bool(fuel.meters)
    if burns and keys.diesel_kg_per_l is None:
        yield ("carbon",), "the site has generators: add diesel_kg_per_l"
    elif burns and not (fuel.meters or fuel.l_per_kwh is not None):
        message = "needs to know what is burnt: add energy.fuel with meters or l_per_kwh"
        yield ("carbon", "diesel_kg_per_l"), message
    elif not fuel.meters:
        for node in parsed.power:
            if node.kind == "genset" and not node.device:
                message = (
                    f"what '{node.id}' burns is not known: give it a device, or meter the fuel"
                )
                yield ("carbon", "diesel_kg_per_l"), message
    if 0 < keys.grid_g_per_kwh < GRID_G_MIN:
        message = (
            f"{keys.grid_g_per_kwh:g} g is less than any grid emits: write grams, 610 for 0.61 kg"
        )
        yield ("carbon", "grid_g_per_kwh"), message
    for i, form in enumerate(energy.forms):
        if form.g_per_kwh is None:
            yield ("energy", "other", i, "g_per_kwh"), "is missing: `carbon` needs it"
