"""Formulas of the energy key figures: energies over one span in, a ratio or the reason why not out.

Pure arithmetic; who measured what, over which window and how well is in `core/kpi.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

EDITION = "ISO/IEC 30134-2:2016"
"""The standard that PUE is told by."""

FLOOR_RATIO = 0.01
"""IT energy below this share of its meters' rating gives no PUE; a choice."""

FLOOR_W = 100.0
"""The same where the meters state no rating, as mean power."""

TOLERANCE = 0.01
"""Two meters of one flow may differ by so much; class 1 of IEC 62053-21."""

STORAGE = "less energy came in than the IT took: batteries carry load, or a meter is wrong"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio, or None and why. `impossible`: the energies contradict each other, so that a meter
    or its sign is wrong, or storage between the meters was charged or emptied."""

    value: float | None
    reason: str = ""
    impossible: bool = False


def facility_wh(
    *, imported: float, exported: float, pv: float, generated: float, excluded: float
) -> float:
    """Energy that the data centre took over its boundary, in Wh, all terms positive.

    On-site generation is consumption like any other source: PV never lowers PUE. Source: ISO/IEC
    30134-2 (boundary and energy forms).
    """
    return imported - exported + pv + generated - excluded


def pue(facility: float, it: float, *, floor: float) -> Ratio:
    """Interim PUE over one span: facility energy by IT energy, all in Wh.

    None when the IT energy is under the floor, and when it exceeds the facility's: PUE is at least
    1 by definition. Source: ISO/IEC 30134-2.
    """
    if it <= floor:
        return Ratio(None, "there is no IT energy to speak of")
    if facility < it:
        return Ratio(None, STORAGE, impossible=True)
    return Ratio(facility / it)


def self_consumption(pv: float, exported: float) -> Ratio:
    """Share of the PV energy that was used on site, 0..1; both in Wh. None without PV energy.

    (pv - exported) / pv. Source: IEA-PVPS usage.
    """
    if pv <= 0:
        return Ratio(None, "there was no PV energy")
    return _of_pv(pv, exported, pv)


def self_sufficiency(pv: float, exported: float, facility: float) -> Ratio:
    """Share of the facility's energy that came from its own PV, 0..1; all in Wh.

    (pv - exported) / facility. Source: IEA-PVPS usage.
    """
    if facility <= 0:
        return Ratio(None, "the facility took no energy")
    return _of_pv(pv, exported, facility)


def _of_pv(pv: float, exported: float, whole: float) -> Ratio:
    if exported > pv * (1 + TOLERANCE):
        return Ratio(None, "more energy was exported than the PV gave", impossible=True)
    return Ratio(min(1.0, max(0.0, pv - exported) / whole))
