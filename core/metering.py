"""What the key figures are made of, as the site file says it: which meters, and which factors.

Plain frozen records with every entry resolved to points; the words are explained in
docs/site-file.md. No factor has a default: what it is, and where it comes from, is the site's to
say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.points import parse_point
from core.tariff import Tariff

PER_UNIT: Mapping[str, float] = {"m3": 1000.0, "m3/s": 3.6e6}
"""Volumes count as litres and litres an hour here, whose registers have the sizes of those that
count Wh. Other units are as in the vocabulary."""


@dataclass(frozen=True, slots=True)
class EnergyInput:
    """One counter of a KPI: the counter's point, the power point beside it (empty if none), and a
    sign.

    With `corrected_by`, the point of a temperature in degC, the power counts times
    1 + `per_k` x (that temperature - 25).
    """

    energy: str
    power: str
    sign: Literal[1, -1] = 1
    corrected_by: str = ""
    per_k: float = 0.0


Inputs = tuple[EnergyInput, ...]


@dataclass(frozen=True, slots=True)
class Partial:
    """A hall or subsystem with a PUE of its own: its IT, and either what it takes beside (`sub`)
    or all it takes (`facility`)."""

    id: str
    it: Inputs
    sub: Inputs = ()
    facility: Inputs = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the power chain: what enters it, what leaves it."""

    id: str
    enters: Inputs
    leaves: Inputs


@dataclass(frozen=True, slots=True)
class Check:
    """Sub-meters that together measure what a main meter does."""

    id: str
    main: Inputs
    parts: Inputs


@dataclass(frozen=True, slots=True)
class Form:
    """A form of energy beside electricity that comes in over the boundary.

    `factor` weighs it against electricity (1.0); `wh_per_unit` is 1 for meters in Wh, and for
    volume meters the energy of a litre. `g_per_kwh` is its CO2e.
    """

    id: str
    inputs: Inputs
    factor: float
    wh_per_unit: float = 1.0
    g_per_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class Fuel:
    """Fuel of the generators: metered in litres, or reckoned from what they generate."""

    inputs: Inputs = ()
    l_per_kwh: float | None = None
    """Litres burnt for a kWh generated, where they are not metered."""
    kwh_per_l: float | None = None
    """Energy in a litre, lower heating value."""


@dataclass(frozen=True, slots=True)
class Carbon:
    """Emission factors and where they come from. `scope`: location or market based."""

    grid_g_per_kwh: float
    year: int
    scope: Literal["location", "market"]
    source: str
    diesel_kg_per_l: float | None = None


@dataclass(frozen=True, slots=True)
class Renewable:
    """What counts as renewable: own PV where its guarantees of origin are owned and cancelled, or
    were never issued; and the share of the grid's energy that contracts cover."""

    on_site: bool
    grid_ratio: float
    source: str


@dataclass(frozen=True, slots=True)
class PvPlant:
    """The PV plant as it is rated, and what the sun gives it in the plane of its modules; several
    sensors count as their mean."""

    dc_kwp: float
    irradiation: Inputs
    corrected: Inputs = ()
    """The same, each corrected for the temperature of the modules."""


@dataclass(frozen=True, slots=True)
class Cer:
    """Heat that the cooling takes away, and the electricity it does it with."""

    heat: Inputs
    electricity: Inputs


@dataclass(frozen=True, slots=True)
class Energy:
    """What the KPIs are made of; every list holds resolved points.

    `facility` is what comes in over the boundary, `exported` what leaves it again, `it` maps the
    PUE category (1 UPS output, 2 PDU output, 3 IT input) to its meters (a sign of -1 for what is
    behind them and no IT), `excluded` is subtracted from the facility.
    """

    facility: Inputs = ()
    exported: Inputs = ()
    pv: Inputs = ()
    genset: Inputs = ()
    it: tuple[tuple[int, Inputs], ...] = ()
    excluded: Inputs = ()
    genset_boundary: Literal["output", "fuel"] = "output"
    fuel: Fuel = field(default_factory=Fuel)
    forms: tuple[Form, ...] = ()
    partials: tuple[Partial, ...] = ()
    stages: tuple[Stage, ...] = ()
    checks: tuple[Check, ...] = ()
    water: Inputs = ()
    reused: Inputs = ()
    cer: Cer | None = None
    renewable: Renewable | None = None
    pv_plant: PvPlant | None = None
    carbon: Carbon | None = None
    tariff: Tariff | None = None

    def unbroken(self) -> Iterator[EnergyInput]:
        """Meters of what hardly ever stops: what comes in over the boundary, and the IT."""
        yield from self.facility
        taken = (*(inputs for _, inputs in self.it), *(partial.it for partial in self.partials))
        for inputs in taken:
            yield from (each for each in inputs if each.sign > 0)
        for partial in self.partials:
            yield from partial.facility

    def inputs(self) -> Iterator[EnergyInput]:
        """Every meter of every figure; one may come several times."""
        for each in (self.facility, self.exported, self.pv, self.genset, self.excluded):
            yield from each
        for _, inputs in self.it:
            yield from inputs
        yield from self.fuel.inputs
        for form in self.forms:
            yield from form.inputs
        for partial in self.partials:
            yield from (*partial.it, *partial.sub, *partial.facility)
        for stage in self.stages:
            yield from (*stage.enters, *stage.leaves)
        for check in self.checks:
            yield from (*check.main, *check.parts)
        yield from (*self.water, *self.reused)
        if self.cer is not None:
            yield from (*self.cer.heat, *self.cer.electricity)
        if self.pv_plant is not None:
            yield from (*self.pv_plant.irradiation, *self.pv_plant.corrected)


def per_unit(point: str) -> float:
    """What one unit of a point counts in the meters."""
    definition = parse_point(point).name.definition if point else None
    return PER_UNIT.get(definition.unit, 1.0) if definition else 1.0
