"""What the keys of the site file are made of: the strict model, and usual types of values."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Consumption = Annotated[float, Field(ge=0.1, le=2, allow_inf_nan=False)]
"""Litres for a kWh generated. Diesel engines burn 0.2 to 0.4; beyond these limits, which are a
choice, the unit is another one (g/kWh, m3)."""
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]


def as_list(given: Any) -> Any:
    """One name stands for a list of it."""
    return [given] if isinstance(given, str) else given


class Strict(BaseModel):
    """Keys that are not in the model are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)
