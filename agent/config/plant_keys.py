"""Keys of the site file about what the plant is worth: ratings of generators, how long they take
to carry load, fuel, and what is out by plan."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from agent.config.shapes import Consumption, Id, NotNegative, Positive, Share, Strict, as_list


def _basis_alone(given: Any) -> Any:
    """A basis alone stands for a rating."""
    return {"basis": given} if isinstance(given, str) else given


class RatingKeys(Strict):
    """`rating:` of a genset; its basis alone will do."""

    basis: Literal["ESP", "PRP", "COP", "DCP"] = Field(
        description="what `capacity_kw` is by ISO 8528-1"
    )
    derate: Share = Field(default=1.0, description="what is left of it at the site's height, heat")
    average: Share | None = Field(
        default=None,
        description="part of it that the maker allows without a limit of hours; "
        "0.63 of ESP, 0.70 of PRP, all of COP and DCP",
    )


Rating = Annotated[RatingKeys, BeforeValidator(_basis_alone)]


class PolicyKeys(Strict):
    """`policy:` says how the site takes what standards leave open."""

    eco: Literal["full", "reduced", "none"] = Field(
        default="reduced",
        description="whether a UPS in eco mode protects: as well as online, so that it is said and "
        "nothing is called safe, or not at all",
    )


class TankKeys(Strict):
    """One entry of `fuel.tanks`."""

    id: Id
    litres: Positive = Field(description="what it holds when full")
    gensets: Annotated[list[Id], BeforeValidator(as_list), Field(min_length=1)] = Field(
        description="gensets of `power` that burn from it"
    )
    level: str = Field(description="the point that tells its level (0 to 1) or its volume")
    usable: Share = Field(default=0.90, description="part of it above the dead volume")


class FuelKeys(Strict):
    """`fuel:` is how much of it there is, where, and how long it must last."""

    l_per_kwh: Consumption = Field(
        description="what the generators burn at their usual load, litres for a kWh: 0.2 to 0.4"
    )
    required_h: NotNegative = Field(default=12.0, description="hours that are asked of it")
    design: Annotated[int, Field(ge=0, le=1)] = Field(
        default=1, description="tanks it was built to do without: 0 asks the hours of all together"
    )
    tanks: Annotated[list[TankKeys], Field(min_length=1)]


class StartKeys(Strict):
    """`start:` is the worst way from the loss of the mains to UPSs fed by generators."""

    confirm_s: NotNegative = Field(default=5.0, description="until the outage is believed")
    cranks: Annotated[int, Field(ge=1, le=20)] = Field(default=3, description="attempts to start")
    crank_s: NotNegative = Field(default=15.0, description="length of an attempt")
    rest_s: NotNegative = Field(default=15.0, description="rest after each attempt")
    warm_up_s: NotNegative = Field(default=10.0, description="to speed and voltage")
    parallel_s: NotNegative = Field(default=10.0, description="until enough sets are on one bus")
    transfer_s: NotNegative = Field(default=2.0, description="of the switch to the generators")
    walk_in_s: NotNegative = Field(default=20.0, description="until the rectifiers carry all")


class MaintenanceKeys(Strict):
    """One entry of `maintenance:`, announced beforehand. Others are announced through the API."""

    id: Id
    start: datetime = Field(description="in the site's time zone, or with an offset")
    end: datetime = Field(description="what is still out after it is a fault")
    nodes: Annotated[list[Id], BeforeValidator(as_list), Field(min_length=1)] = Field(
        description="what will be out: nodes of `power`, units of `cooling`, or devices"
    )
    reason: str = Field(default="", description="e.g. the work order")
