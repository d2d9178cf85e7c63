"""The keys of `energy:`, `carbon:` and `tariffs:`: what the key figures are made of.

Only shapes are checked here; meters are found in `inputs`, and what must hold between the keys is
in `energy` and `tariffs`. No factor has a default: each is the site's, with its source.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from agent.config.shapes import Consumption, Id, NotNegative, Positive, Strict, as_list

Meters = Annotated[list[str], BeforeValidator(as_list)]
Source = Annotated[str, Field(min_length=1)]


class PartialKeys(Strict):
    """One entry of `energy.partial`."""

    id: Id
    it: Meters = Field(description="meters of its IT")
    sub: Meters = Field(default=[], description="meters of what it takes beside its IT ...")
    facility: Meters = Field(default=[], description="... or of all that it takes; one of both")


class StageKeys(Strict):
    """One entry of `energy.stages`."""

    id: Id
    in_: Meters = Field(alias="in", description="meters of what goes in")
    out: Meters = Field(description="meters of what comes out")


class BalanceKeys(Strict):
    """One entry of `energy.balance`."""

    id: Id
    main: Meters = Field(description="the main meter")
    parts: Meters = Field(description="sub-meters that together measure the same")


class OtherKeys(Strict):
    """One entry of `energy.other`."""

    id: Id
    meters: Meters = Field(description="heat meters (thermal_energy) or gas meters (gas_volume)")
    factor: NotNegative = Field(description="weight against electricity, which is 1")
    source: Source = Field(description="where the factor is from")
    kwh_per_m3: Positive | None = Field(default=None, description="energy in a m3 of volume meters")
    g_per_kwh: NotNegative | None = Field(default=None, description="CO2e, for `carbon`")


class FuelKeys(Strict):
    """`energy.fuel`."""

    meters: Meters = Field(default=[], description="meters of what the generators burn ...")
    l_per_kwh: Consumption | None = Field(
        default=None, description="... or litres for a kWh generated; one of both"
    )
    kwh_per_l: Positive | None = Field(
        default=None, description="energy in a litre, for genset_boundary: fuel"
    )


class CerKeys(Strict):
    """`energy.cer`."""

    heat: Meters = Field(description="heat meters (thermal_energy) of what is taken away")
    electricity: Meters = Field(description="meters of the whole cooling's electricity")


class RenewableKeys(Strict):
    """`energy.renewable`."""

    on_site: bool = Field(
        default=False,
        description="own PV counts: its guarantees of origin are cancelled, or were never issued",
    )
    grid_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="share of the imported energy that contracts cover"
    )
    source: Source = Field(description="contract or guarantees")


class PvPlantKeys(Strict):
    """`energy.pv_plant`."""

    dc_kwp: Positive = Field(description="rating of the modules at standard test conditions")
    irradiance: Meters = Field(description="points in the plane of the modules; their mean counts")
    module_temperature: str | None = Field(
        default=None, description="point, for the ratio corrected for temperature"
    )
    gamma_per_k: Annotated[float, Field(ge=-0.01, le=0)] | None = Field(
        default=None, description="temperature coefficient of the modules' power, e.g. -0.0035"
    )


class EnergyKeys(Strict):
    """`energy:` what the key figures are made of. Entries are device ids or points."""

    facility: Meters = Field(
        default=[], description="meters of what comes in; their export registers are subtracted"
    )
    it: dict[Literal[1, 2, 3], Meters] = Field(
        default={},
        description="meters by PUE category: 1 UPS output, 2 PDU output, 3 IT input; what is no IT "
        "behind them is subtracted with a `-` before it: `-crah-fans`",
    )
    exclude: Meters = Field(default=[], description="meters of what is not the data centre")
    pv: Meters = Field(default=[], description="meters of the PV plant's output")
    genset_boundary: Literal["output", "fuel"] = Field(
        default="output",
        description="output: generated energy is added; fuel: the fuel of `fuel` is, instead",
    )
    fuel: FuelKeys = Field(default=FuelKeys(), description="fuel of the generators")
    other: list[OtherKeys] = Field(
        default=[], description="other energy that comes in: gas, district cooling"
    )
    partial: list[PartialKeys] = Field(default=[], description="PUE of halls or subsystems")
    stages: list[StageKeys] = Field(default=[], description="stages of the power chain, for losses")
    balance: list[BalanceKeys] = Field(default=[], description="sub-meters against main meters")
    water: Meters = Field(
        default=[], description="meters (water_volume) of what is taken in, for WUE"
    )
    reused: Meters = Field(default=[], description="heat meters of what others reuse, for ERF, ERE")
    cer: CerKeys | None = Field(default=None, description="cooling efficiency (CER)")
    renewable: RenewableKeys | None = Field(default=None, description="what is renewable, for REF")
    pv_plant: PvPlantKeys | None = Field(default=None, description="the PV plant, for its PR")


class CarbonKeys(Strict):
    """`carbon:` emission factors, for CUE."""

    grid_g_per_kwh: NotNegative = Field(description="CO2e of a kWh of the grid")
    year: Annotated[int, Field(ge=1990, le=2100)] = Field(description="that it holds for")
    scope: Literal["location", "market"] = Field(description="of the grid, or of the contract")
    source: Source = Field(description="where the factors are from")
    diesel_kg_per_l: NotNegative | None = Field(
        default=None, description="CO2e of a litre; needs `energy.fuel`"
    )


def _clock(given: Any) -> Any:
    """`7:30`, `"07:30"`; without quotes YAML reads a time as a number of minutes."""
    if isinstance(given, int) and 60 <= given <= 1440:
        given = f"{given // 60:02}:{given % 60:02}"
    found = re.fullmatch(r"(\d{1,2}):(00|15|30|45)", str(given), re.ASCII)
    if found is None or int(found[1]) * 60 + int(found[2]) > 1440:
        raise ValueError(f'{given!r} is no time of a tariff: write "07:30", on quarters of an hour')
    return f"{int(found[1]):02}:{found[2]}"


Clock = Annotated[str, BeforeValidator(_clock)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class PriceKeys(Strict):
    """One entry of `tariffs.periods`."""

    id: Id = Field(description="line of the bill; several entries may have the same")
    price_per_kwh: NotNegative
    from_: Clock = Field(alias="from", description='local time, such as "07:00"')
    to: Clock = Field(description='such as "24:00"; before `from`: over midnight')
    days: Annotated[list[Day], BeforeValidator(as_list)] = Field(
        default=[], description="left out: every day"
    )
    months: list[Annotated[int, Field(ge=1, le=12)]] = Field(
        default=[], description="1 to 12; left out: all"
    )


class TariffKeys(Strict):
    """`tariffs:` prices of imported energy in the site's time; each hour of the year has one."""

    currency: Annotated[str, Field(min_length=1, max_length=8)] = Field(description="such as MAD")
    periods: Annotated[list[PriceKeys], Field(min_length=1)]
