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

DISAGREES_RATIO = 0.03
"""Sub-meters that are further from their main meter are suspect ..."""

ALARMING_RATIO = 0.05
"""... and beyond this an alarm; choices."""

COMPARED_S = 20.0
"""Over less than this, which is a few polls, two meters are not compared; a choice."""

SUN_W_M2_MIN = 20.0
"""No performance ratio where the sun gave less on average; a choice."""

NO_IT = "there is no IT energy to speak of"

STORAGE = "less energy came in than the IT took: batteries carry load, or a meter is wrong"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio, or None and why. `impossible`: the energies contradict each other, so that a meter
    or its sign is wrong, or storage between the meters was charged or emptied. A value with a
    reason is suspect."""

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
        return Ratio(None, NO_IT)
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


def partial_pue(sub: float, it: float, *, floor: float) -> Ratio:
    """Partial PUE of a hall or subsystem: what it takes beside its IT, and the IT, by the IT; in
    Wh. Source: ISO/IEC 30134-2."""
    return pue(sub + it, it, floor=floor)


def per_it_kwh(amount: float, it: float, *, floor: float) -> Ratio:
    """An amount by the IT energy (Wh) in kWh: CUE of kg of CO2e (ISO/IEC 30134-8), WUE of litres of
    water (ISO/IEC 30134-9)."""
    if it <= floor:
        return Ratio(None, NO_IT)
    return Ratio(amount / it * 1000)


def share_of_facility(part: float, facility: float, what: str) -> Ratio:
    """Share of the facility's energy, 0..1, both in Wh: REF of renewable (ISO/IEC 30134-3), ERF of
    reused energy (ISO/IEC 30134-6). None where the part, in words `what`, is more than the whole.
    """
    if facility <= 0:
        return Ratio(None, "the facility took no energy")
    if part > facility * (1 + TOLERANCE):
        return Ratio(None, f"more energy is {what} than the facility took", impossible=True)
    return Ratio(min(1.0, part / facility))


def reuse_effectiveness(facility: float, reused: float, it: float, *, floor: float) -> Ratio:
    """ERE: facility energy without what is reused by IT energy, in Wh; may be less than 1. The same
    as (1 - ERF) PUE. Source: The Green Grid."""
    whole = pue(facility, it, floor=floor)
    if whole.value is None:
        return whole
    erf = share_of_facility(reused, facility, "reused")
    return erf if erf.value is None else Ratio((1 - erf.value) * whole.value)


def cooling_efficiency(heat: float, electricity: float) -> Ratio:
    """CER: heat taken away by the electricity of the cooling, both in Wh. Source: ISO/IEC
    30134-7."""
    if electricity <= 0:
        return Ratio(None, "the cooling took no electricity")
    return Ratio(heat / electricity)


def performance_ratio(pv: float, irradiation: float, *, dc_kwp: float, floor: float) -> Ratio:
    """PV energy (Wh) by what the modules as rated would give of the irradiation in their plane
    (Wh/m2). With an irradiation that is corrected for the temperature of the modules, the
    temperature-corrected ratio. None under the floor (Wh/m2). Source: IEC 61724-1."""
    if irradiation <= floor:
        return Ratio(None, "there was no sun to speak of")
    return Ratio(pv / (dc_kwp * irradiation))


def efficiency(entered: float, left: float) -> Ratio:
    """What left a stage of the power chain by what entered it, in Wh, at most 1. None where clearly
    more left: storage gave it, or a meter is wrong."""
    if entered <= 0:
        return Ratio(None, "no energy went in")
    if left > entered * (1 + TOLERANCE):
        reason = "more energy came out than went in: batteries gave it, or a meter is wrong"
        return Ratio(None, reason, impossible=True)
    return Ratio(min(1.0, left / entered))


def disagreement(hours: float, main: float, parts: float) -> Ratio:
    """How far sub-meters are from their main meter, as a share of it, positive where they show
    more; in Wh. None over a few seconds: they are not read at the same moment."""
    if hours * 3600 < COMPARED_S:
        return Ratio(None, f"meters are compared over {COMPARED_S:g} s at least")
    if main <= 0:
        return Ratio(None, "no energy went through the main meter")
    ratio = (parts - main) / main
    if abs(ratio) <= DISAGREES_RATIO:
        return Ratio(ratio)
    more = "more" if ratio > 0 else "less"
    reason = f"the sub-meters show {abs(ratio):.1%} {more} than the main meter: check them"
    return Ratio(ratio, reason)


def _of_pv(pv: float, exported: float, whole: float) -> Ratio:
    if exported > pv * (1 + TOLERANCE):
        return Ratio(None, "more energy was exported than the PV gave", impossible=True)
    return Ratio(min(1.0, max(0.0, pv - exported) / whole))
