"""Of which meters each key figure beside PUE is made, and by which formula.

A recipe names flows and a formula over their totals; which of them a site has is what its file
says. The formulas themselves, with their sources, are in `core/pue.py`; windows and quality in
`core/figures.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from core.balance import Balance, Flow
from core.metering import Energy, Inputs, PvPlant, Renewable
from core.pue import (
    STORAGE,
    SUN_W_M2_MIN,
    Ratio,
    cooling_efficiency,
    disagreement,
    efficiency,
    partial_pue,
    per_it_kwh,
    performance_ratio,
    pue,
    reuse_effectiveness,
    self_sufficiency,
    share_of_facility,
)

Formula: TypeAlias = Callable[..., Ratio]
"""Handed the hours covered, and the totals of a recipe's flows in their order."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """What comes in over the boundary of the data centre, and the IT in it. `facility` has every
    form of energy, weighted; `floor_w` is the IT power to speak of."""

    facility: Flow
    electricity: Flow
    imported: Flow
    exported: Flow
    pv: Flow
    it: dict[int, Flow]
    floor_w: Callable[[Flow], float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One figure: of which flows, by which formula. `needed` are those whose counters must be fine
    enough for the window, where that is not all."""

    id: str
    flows: tuple[Flow, ...]
    formula: Formula
    unit: str = "ratio"
    scope: str = ""
    category: int | None = None
    needed: tuple[Flow, ...] = ()


Weighted: TypeAlias = tuple[Inputs, float]


def taken(energy: Energy) -> tuple[Weighted, ...]:
    """What the data centre takes over its boundary in all forms of energy, in Wh: electricity and
    what its generators are reckoned at, other forms by their factor. Raises ValueError where fuel
    is the boundary and has no factors."""
    return (
        (energy.facility, 1),
        (energy.exported, -1),
        (energy.pv, 1),
        (energy.genset, 1) if energy.genset_boundary == "output" else _burnt(energy),
        (energy.excluded, -1),
        *((form.inputs, form.factor * form.wh_per_unit) for form in energy.forms),
    )


def _burnt(energy: Energy) -> Weighted:
    """The fuel of the generators as energy. Never both it and what they generate."""
    fuel = energy.fuel
    if fuel.kwh_per_l is None or (fuel.l_per_kwh is None and not fuel.inputs):
        raise ValueError("the boundary is fuel, and energy.fuel does not say what it is worth")
    if fuel.inputs:
        return fuel.inputs, fuel.kwh_per_l * 1000
    return energy.genset, fuel.kwh_per_l * (fuel.l_per_kwh or 0.0)


def recipes(energy: Energy, balance: Balance, boundary: Boundary) -> Iterator[Recipe]:
    if energy.facility:
        yield from _of_facility(energy, balance, boundary)
        if boundary.it:
            yield from _of_facility_and_it(energy, balance, boundary)
    if energy.water and boundary.it:
        yield from _of_water(energy, balance, boundary)
    if energy.cer is not None:
        flows = balance.flow((energy.cer.heat, 1)), balance.flow((energy.cer.electricity, 1))
        yield Recipe("cer", flows, lambda _, heat, taken: cooling_efficiency(heat, taken))
    if energy.pv and energy.pv_plant is not None:
        yield from _of_pv_plant(energy.pv_plant, balance, boundary.pv)
    for partial in energy.partials:
        it = balance.flow((partial.it, 1))
        whole = balance.flow((partial.facility, 1))
        floor_w = boundary.floor_w(it)
        if partial.facility:
            yield Recipe("ppue", (whole, it), _by_it(pue, floor_w), scope=partial.id)
        else:
            sub = balance.flow((partial.sub, 1))
            yield Recipe("ppue", (sub, it), _by_it(partial_pue, floor_w), scope=partial.id)
    for stage in energy.stages:
        flows = balance.flow((stage.enters, 1)), balance.flow((stage.leaves, 1))
        yield Recipe("stage_efficiency", flows, _efficiency, scope=stage.id)
        yield Recipe("stage_loss", flows, _loss_wh, unit="Wh", scope=stage.id)
    for check in energy.checks:
        flows = balance.flow((check.main, 1)), balance.flow((check.parts, 1))
        yield Recipe("meter_balance", flows, disagreement, scope=check.id)


def _of_facility(energy: Energy, balance: Balance, boundary: Boundary) -> Iterator[Recipe]:
    facility = boundary.facility
    if energy.pv:
        yield Recipe(
            "grid_dependency",
            (boundary.pv, boundary.exported, boundary.electricity),
            _grid_dependency,
            needed=(boundary.electricity,),
        )
    if energy.renewable is not None:
        flows: tuple[Flow, ...] = (boundary.pv, boundary.exported, boundary.imported, facility)
        formula = _renewable(energy.renewable)
        yield Recipe("ref", flows, formula, needed=(facility,))
    if energy.reused:
        flows = (balance.flow((energy.reused, 1)), facility)
        yield Recipe("erf", flows, _reused, needed=(facility,))
    if energy.carbon is not None:
        flows = (emissions(energy, balance), facility, balance.flow((energy.excluded, 1)))
        yield Recipe("carbon_emissions", flows, _own_emissions, unit="kg", needed=(facility,))


def _of_facility_and_it(energy: Energy, balance: Balance, boundary: Boundary) -> Iterator[Recipe]:
    category = min(boundary.it)
    it, facility = boundary.it[category], boundary.facility
    floor_w = boundary.floor_w(it)
    if energy.reused:
        flows: tuple[Flow, ...] = (facility, balance.flow((energy.reused, 1)), it)
        formula = _by_it(reuse_effectiveness, floor_w)
        yield Recipe("ere", flows, formula, category=category, needed=(facility, it))
    if energy.carbon is not None:
        outside = balance.flow((energy.excluded, 1))
        flows = (emissions(energy, balance), facility, outside, it)
        formula = _cue(floor_w)
        yield Recipe("cue", flows, formula, "kg/kWh", category=category, needed=(facility, it))


def _of_water(energy: Energy, balance: Balance, boundary: Boundary) -> Iterator[Recipe]:
    category = min(boundary.it)
    it, water = boundary.it[category], balance.flow((energy.water, 1))
    formula = _by_it(per_it_kwh, boundary.floor_w(it))
    yield Recipe("wue", (water, it), formula, unit="L/kWh", category=category)
    yield Recipe("water_use", (water,), lambda _, litres: Ratio(litres / 1000), unit="m3")


def _of_pv_plant(plant: PvPlant, balance: Balance, pv: Flow) -> Iterator[Recipe]:
    for name, inputs in (
        ("pv_performance_ratio", plant.irradiation),
        ("pv_performance_ratio_corrected", plant.corrected),
    ):
        if inputs:
            mean = balance.flow((inputs, 1 / len(inputs)))
            yield Recipe(name, (pv, mean), _performance(plant.dc_kwp))


def emissions(energy: Energy, balance: Balance) -> Flow:
    """What is emitted for the site, in kg of CO2e: a factor for each kWh and litre."""
    carbon, fuel = energy.carbon, energy.fuel
    if carbon is None:
        return balance.flow()
    kg_per_l = carbon.diesel_kg_per_l or 0.0
    parts = [(energy.facility, carbon.grid_g_per_kwh * 1e-6)]
    if fuel.inputs:
        parts.append((fuel.inputs, kg_per_l))
    else:
        parts.append((energy.genset, kg_per_l * (fuel.l_per_kwh or 0.0) / 1000))
    parts += [
        (form.inputs, form.wh_per_unit * (form.g_per_kwh or 0.0) * 1e-6) for form in energy.forms
    ]
    return balance.flow(*parts)


# Formulas over totals, as recipes have them.


def _by_it(formula: Callable[..., Ratio], floor_w: float) -> Formula:
    return lambda hours, *totals: formula(*totals, floor=floor_w * hours)


def _efficiency(_: float, entered: float, left: float) -> Ratio:
    return efficiency(entered, left)


def _loss_wh(_: float, entered: float, left: float) -> Ratio:
    ratio = efficiency(entered, left)
    return ratio if ratio.value is None else Ratio(max(0.0, entered - left))


def _grid_dependency(_: float, pv: float, exported: float, load: float) -> Ratio:
    own = self_sufficiency(pv, exported, load)
    return own if own.value is None else Ratio(1 - own.value)


def _reused(_: float, reused: float, facility: float) -> Ratio:
    return share_of_facility(reused, facility, "reused")


def _renewable(renewable: Renewable) -> Formula:
    def formula(_: float, pv: float, exported: float, imported: float, facility: float) -> Ratio:
        own = max(0.0, pv - exported) if renewable.on_site else 0.0
        return share_of_facility(own + renewable.grid_ratio * imported, facility, "renewable")

    return formula


def _own_emissions(_: float, kg: float, facility: float, excluded: float) -> Ratio:
    """What is excluded emits its share."""
    if facility <= 0:
        return Ratio(None, "the facility took no energy")
    return Ratio(kg * facility / (facility + excluded))


def _cue(floor_w: float) -> Formula:
    def formula(hours: float, kg: float, facility: float, excluded: float, it: float) -> Ratio:
        if facility < it:
            return Ratio(None, STORAGE, impossible=True)
        own = _own_emissions(hours, kg, facility, excluded)
        if own.value is None:
            return own
        return per_it_kwh(own.value, it, floor=floor_w * hours)

    return formula


def _performance(dc_kwp: float) -> Formula:
    return lambda hours, pv, sun: performance_ratio(
        pv, sun, dc_kwp=dc_kwp, floor=SUN_W_M2_MIN * hours
    )
