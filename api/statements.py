"""Statements of energy on the wire: their models for the documentation, and the records themselves.

Beside `api/schemas.py` and `api/encode.py`, which own all other shapes. Knows no HTTP.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.encode import Doc, kpi
from api.schemas import Kpi, Ratio, Stamped, Strict, Time
from api.times import iso
from core.statement import MeterShare, Pue, Statement


class Flow(Strict):
    """Energy of one flow over the time that all its meters know."""

    flow: str = Field(examples=["grid_import"], description="facility is what PUE divides")
    wh: float
    estimated_ratio: Ratio = Field(description="share of it that is estimated")
    coverage: Ratio


class PueStatement(Kpi):
    """PUE of one category, with its two energies over the same time."""

    notation: str = Field(
        examples=["iPUE1(2026-06-01:2026-06-30)"],
        description="as the standards write it: PUE1(...) is twelve months, iPUE1(...) less",
    )
    standing: Literal["interim", "running", "provisional", "final", "none"] = Field(
        description="final: for reports; provisional: less than 95 % of the time is known; none: "
        "less than 80 %, or no value; running: the period is not over"
    )
    facility_wh: float
    it_wh: float


class Gap(Strict):
    """A stretch in which a meter is not known, or in part."""

    start: Time
    end: Time


class Role(Strict):
    """A flow that a meter is part of."""

    flow: str
    weight: float = Field(
        description="1; -1 where it is taken off; of another form of energy its factor, of a "
        "volume with the Wh in a litre"
    )


class Meter(Strict):
    """What one meter gave."""

    point: str = Field(description="its counter")
    device: str
    roles: list[Role]
    wh: float
    estimated_wh: float
    known_s: float = Field(description="time that is known")
    coverage: Ratio
    restarts: int = Field(description="confirmed resets and replacements, since the start")
    gaps: list[Gap]
    more_gaps: int = Field(description="older gaps that are not listed")


class Period(Strict):
    """A window, month or year, and what is known of it."""

    window: str = Field(examples=["24h", "2026-03", "2026"])
    start: Time
    end: Time
    until: Time = Field(description="where its energies end: before `end` while it runs")
    timezone: str = Field(description="whose months and years these are")
    edition: str = Field(examples=["ISO/IEC 30134-2:2016"])
    rules: list[int] = Field(description="versions of Kasbah's rules that made the energies")
    revised: Time | None = Field(description="when late energy changed it after its end")
    pue: list[PueStatement]
    energies: list[Flow]
    figures: list[Kpi] = Field(
        description="the key figures beside PUE of a month or year; of windows `/kpis` has them"
    )


class Audit(Stamped, Period):
    """What a PUE stands on."""

    meters: list[Meter]


class Months(Stamped):
    """The months of a year, and the year."""

    months: list[Period]
    year: Period


def audit(statement: Statement) -> Doc:
    return period(statement) | {"meters": [_meter(share) for share in statement.meters]}


def period(statement: Statement) -> Doc:
    return {
        "window": statement.name,
        "start": iso(statement.start),
        "end": iso(statement.end),
        "until": iso(statement.until),
        "timezone": statement.timezone,
        "edition": statement.edition,
        "rules": statement.rules,
        "revised": iso(statement.revised),
        "pue": [_pue(found) for found in statement.pue],
        "energies": [
            {
                "flow": flow.flow,
                "wh": round(flow.wh, 3),
                "estimated_ratio": round(flow.estimated_ratio, 6),
                "coverage": flow.coverage,
            }
            for flow in statement.energies
        ],
        "figures": [kpi(figure) for figure in statement.figures],
    }


def _pue(found: Pue) -> Doc:
    return kpi(found.figure) | {
        "notation": found.notation,
        "standing": found.standing,
        "facility_wh": round(found.facility_wh, 3),
        "it_wh": round(found.it_wh, 3),
    }


def _meter(share: MeterShare) -> Doc:
    return {
        "point": share.point,
        "device": share.device,
        "roles": [{"flow": flow, "weight": weight} for flow, weight in share.roles],
        "wh": round(share.wh, 3),
        "estimated_wh": round(share.estimated_wh, 3),
        "known_s": round(share.known_s, 3),
        "coverage": round(min(1.0, share.coverage), 6),
        "restarts": share.restarts,
        "gaps": [{"start": iso(start), "end": iso(end)} for start, end in share.gaps],
        "more_gaps": share.more_gaps,
    }
