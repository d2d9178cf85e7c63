"""The key figures of energy: powers now, and ratios of energies over windows.

Says for each figure how much of its time and of its meters stands behind it. A PUE is a ratio of
two energies over the same time and nothing else; the ratio of two powers is called `power_ratio`.
Formulas are in `core/pue.py`, meters in `core/energy.py`. Written down for readers in docs/kpi.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from core.energy import WINDOWS, Columns, EnergyMeters
from core.pue import FLOOR_RATIO, FLOOR_W, Ratio, pue, self_consumption, self_sufficiency
from core.quality import Level, Quality
from core.readings import Floats
from core.site import Energy, EnergyInput
from core.snapshot import Kpi, PointView
from core.windows import Matched

SPAN_S_MIN = 5.0
"""No ratio of energies over less than this."""

COVERAGE_GOOD = 0.95
"""Below this share of its inputs a figure is uncertain; a choice."""

COVERAGE_MIN_OF_POWER = 0.8
"""Below this share a sum of powers is not told: too much of it would be missing; a choice."""

COVERAGE_MIN_OF_ENERGY = 0.5
"""Below this share of its window a ratio of energies is not told; a choice."""

ESTIMATED_MAX = 0.01
"""A larger share of estimated energy makes a figure uncertain."""

BORROWED_MAX = 0.05
"""A larger share of IT energy without facility energy in the same moment is worth saying."""

COARSE_MAX = 0.1
"""No ratio where a larger share of the energy may not be counted yet."""

DISAGREES_BEYOND = 1.03
"""IT energy only shrinks from the UPS to the rack, but for the meters' tolerance."""

NAMES_IN_REASON = 3


@dataclass(frozen=True)
class Flow:
    """A signed sum of meters: one weight for each meter of `EnergyMeters`, 0 for those outside."""

    weight: Floats
    inputs: tuple[str, ...]

    @cached_property
    def columns(self) -> Columns:
        """The meters of this flow."""
        return np.flatnonzero(self.weight)


@dataclass(frozen=True, slots=True)
class Sums:
    """What several meters know in common of one window."""

    matched: Matched
    columns: Columns
    length_s: float
    elapsed_s: float
    quality: Quality
    reason: str

    @property
    def span_s(self) -> float:
        return min(self.length_s, self.matched.span_s)

    @property
    def coverage(self) -> float:
        """Share of the time since the start of the window, or of all meters, that is known."""
        return round(min(1.0, self.span_s / self.elapsed_s), 4) if self.elapsed_s > 0 else 0.0

    def cells(self, flow: Flow) -> Floats:
        """Wh of a flow by cell of the window."""
        return self.matched.wh @ flow.weight[self.columns]

    def total(self, flow: Flow) -> float:
        """Wh of a flow in the whole window."""
        return float(self.cells(flow).sum())


class Kpis:
    """Key figures of one site. `update` on each tick, then `report`."""

    def __init__(self, energy: Energy, ratings_w: Mapping[str, float] | None = None) -> None:
        self._energy = energy
        generated = energy.genset if energy.genset_boundary == "output" else ()
        signed = (
            (energy.facility, 1),
            (energy.exported, -1),
            (energy.pv, 1),
            (generated, 1),
            (energy.excluded, -1),
        )
        self.meters = EnergyMeters(
            [
                *(each for inputs, _ in signed for each in inputs),
                *energy.genset,
                *(each for _, inputs in energy.it for each in inputs),
            ],
            ratings_w,
        )
        self._facility = self._flow(*signed)
        self._import = self._flow((energy.facility, 1))
        self._export = self._flow((energy.exported, 1))
        self._pv = self._flow((energy.pv, 1))
        self._genset = self._flow((energy.genset, 1))
        self._it = {category: self._flow((inputs, 1)) for category, inputs in energy.it if inputs}
        # The power of a meter that counts both ways is net already.
        net = {each.energy.partition("/")[0] for each in energy.facility if each.power}
        outward = tuple(e for e in energy.exported if e.energy.partition("/")[0] not in net)
        self._facility_power = self._flow(*signed[:1], (outward, -1), *signed[2:])

    def update(self, view: PointView, now: float) -> None:
        """Take the readings that are new since the last call. `now` is UTC seconds."""
        self.meters.update(view, now)

    def report(self, now: float) -> tuple[Kpi, ...]:
        """All key figures as of the last update."""
        del now  # the figures stand where the readings end
        return (*self._powers(), *self._pues(), *self._pv_figures())

    def state(self) -> dict[str, Any]:
        """Accumulators to go on from after a restart, in plain numbers and lists."""
        return self.meters.state()

    def restore(self, state: Mapping[str, Any], now: float) -> None:
        """Go on from an earlier `state`. `now` is UTC seconds."""
        self.meters.restore(state, now)

    def _flow(self, *parts: tuple[Sequence[EnergyInput], int]) -> Flow:
        weight = np.zeros(len(self.meters))
        names: list[str] = []
        for inputs, sign in parts:
            for each in inputs:
                weight[self.meters.column[each.energy, each.power]] += sign * each.sign
                names.append(each.energy)
        return Flow(weight, tuple(dict.fromkeys(names)))

    # Powers now.

    def _powers(self) -> Iterator[Kpi]:
        if self._energy.facility:
            yield self._power("facility_power", self._facility_power)
            yield self._power("grid_import_power", self._import)
        for category, flow in self._it.items():
            yield self._wiring(self._power("it_power", flow, category), flow)
            if self._energy.facility:
                yield self._power_ratio(category, flow)
        if self._energy.pv:
            yield self._power("pv_power", self._pv)
        if self._energy.genset:
            yield self._power("genset_power", self._genset)

    def _power(self, name: str, flow: Flow, category: int | None = None) -> Kpi:
        """A sum of powers in W; without the silent ones if they are few, and then it says so."""
        power = self.meters.power
        watts, usual = power.watts[flow.columns], power.usual_w[flow.columns]
        known = ~np.isnan(watts)
        whole = float(usual.sum())
        coverage = float(usual[known].sum()) / whole if whole > 0 else float(known.mean())
        quality = _worst(power.quality[flow.columns][known].tolist())
        reason = ""
        value: float | None = float((watts * flow.weight[flow.columns])[known].sum())
        if not known.all():
            reason = f"no power from {self._names(flow.columns[~known])}"
            quality = max(quality, Quality.SUBNORMAL)
            if coverage < COVERAGE_MIN_OF_POWER or not known.any():
                value, quality = None, _worst(power.quality[flow.columns][~known].tolist())
        return Kpi(
            id=name,
            value=value,
            unit="W",
            quality=quality,
            coverage=round(coverage, 4),
            category=category,
            inputs=flow.inputs,
            reason=reason,
        )

    def _wiring(self, kpi: Kpi, flow: Flow) -> Kpi:
        """Power that flows backwards through an IT meter: a current transformer is turned round."""
        watts = self.meters.power.watts[flow.columns] * flow.weight[flow.columns]
        backwards = flow.columns[np.nan_to_num(watts) < -FLOOR_W]
        if not len(backwards) or kpi.value is None:
            return kpi
        reason = f"power flows backwards at {self._names(backwards)}: check the wiring"
        return replace(kpi, quality=Quality.SUSPECT, reason=reason)

    def _power_ratio(self, category: int, flow: Flow) -> Kpi:
        """Facility power by IT power of the moment. Not a PUE, and never called one."""
        facility = self._power("", self._facility_power)
        it = self._power("", flow, category)
        quality = max(facility.quality, it.quality)
        value = None
        reason = facility.reason or it.reason
        if facility.value is not None and it.value is not None:
            if it.value > self._floor_w(flow):
                value = facility.value / it.value
            else:
                quality, reason = Quality.WAITING, "there is no IT power to speak of"
        return Kpi(
            id="power_ratio",
            value=value,
            unit="ratio",
            quality=quality,
            coverage=min(facility.coverage or 0.0, it.coverage or 0.0),
            category=category,
            inputs=(*self._facility_power.inputs, *flow.inputs),
            reason=reason,
        )

    # Ratios of energies.

    def _pues(self) -> Iterator[Kpi]:
        missing = "facility" if not self._energy.facility else "it" if not self._it else ""
        for window in WINDOWS:
            if missing:
                yield _not_configured(window, f"energy.{missing} is not in the site file")
                continue
            outer: Kpi | None = None
            for category, flow in sorted(self._it.items()):
                figure = _in_order(self._pue(window, category, flow), outer)
                outer = figure if figure.value is not None else outer
                yield figure

    def _pue(self, window: str, category: int, it: Flow) -> Kpi:
        sums = self._sums(window, (self._facility, it))
        floor_wh = self._floor_w(it) * sums.span_s / 3600
        if self._coarse(sums, self._facility) + self._coarse(sums, it) > COARSE_MAX:
            ratio = Ratio(None, "the counters are too coarse for so short a time, without power")
        else:
            ratio = pue(sums.total(self._facility), sums.total(it), floor=floor_wh)
        inputs = (*self._facility.inputs, *it.inputs)
        figure = self._figure("pue", window, sums, ratio, inputs)
        if figure.value is not None:
            borrowed = np.maximum(sums.cells(it) - sums.cells(self._facility), 0.0).sum()
            if borrowed > BORROWED_MAX * sums.total(it):
                reason = "batteries carried the load for a part of the window"
                figure = replace(figure, quality=Quality.SUBNORMAL, reason=reason)
        return replace(figure, category=category)

    def _coarse(self, sums: Sums, flow: Flow) -> float:
        """Share of a flow's energy that may not be counted yet."""
        waiting_wh = float(np.abs(flow.weight) @ self.meters.coarse_wh)
        return waiting_wh / max(1e-9, sums.total(flow))

    def _pv_figures(self) -> Iterator[Kpi]:
        if not self._energy.pv:
            return
        for window in WINDOWS:
            sums = self._sums(window, (self._pv,))
            pv_wh = Ratio(sums.total(self._pv))
            inputs = self._pv.inputs
            yield replace(self._figure("pv_energy", window, sums, pv_wh, inputs), unit="Wh")
            if not self._energy.facility:
                continue
            sums = self._sums(window, (self._pv, self._export))
            pv, exported = sums.total(self._pv), sums.total(self._export)
            inputs = (*self._pv.inputs, *self._export.inputs)
            ratio = self_consumption(pv, exported)
            yield self._figure("pv_self_consumption", window, sums, ratio, inputs)
            sums = self._sums(window, (self._facility,))
            pv, exported = sums.total(self._pv), sums.total(self._export)
            ratio = self_sufficiency(pv, exported, sums.total(self._facility))
            inputs = self._facility.inputs
            yield self._figure("pv_self_sufficiency", window, sums, ratio, inputs)

    def _sums(self, window: str, flows: Iterable[Flow]) -> Sums:
        """What all meters of these flows know in common of a window that ends with the slowest of
        those that answer."""
        members = np.flatnonzero(np.any([flow.weight != 0 for flow in flows], axis=0))
        ring = self.meters.windows[window]
        end = self.meters.end(members)
        begun = float(self.meters.since[members].max()) if len(members) else np.nan
        elapsed_s = 0.0 if np.isnan(begun) else min(ring.length_s, max(0.0, end - begun))
        matched = ring.matched(members, end)
        sums = Sums(matched, members, ring.length_s, elapsed_s, Quality.GOOD, "")
        quality, reason = self._judged(window, sums)
        return replace(sums, quality=quality, reason=reason)

    def _judged(self, window: str, sums: Sums) -> tuple[Quality, str]:
        unheard = sums.columns[np.isnan(self.meters.since[sums.columns])]
        if len(unheard):
            return Quality.WAITING, f"no energy from {self._names(unheard)} yet"
        silent = sums.columns[~self.meters.live(sums.columns)]
        why = f"no energy from {self._names(silent)}" if len(silent) else "readings are missing"
        if sums.elapsed_s < SPAN_S_MIN:
            return Quality.WAITING, f"needs {SPAN_S_MIN:g} s of readings"
        if sums.span_s < SPAN_S_MIN or sums.coverage < COVERAGE_MIN_OF_ENERGY:
            return Quality.NO_ANSWER, f"{why}: only {sums.coverage:.0%} of the time is known"
        if sums.elapsed_s < sums.length_s * (1 - 1e-9):
            return Quality.YOUNG, f"{sums.elapsed_s:.0f} s of {window}"
        if sums.coverage < COVERAGE_GOOD:
            return Quality.SUBNORMAL, f"{why}: {sums.coverage:.0%} of the time is known"
        energy = float(np.abs(sums.matched.wh).sum())
        estimated = float(np.abs(sums.matched.estimated_wh).sum())
        if estimated > ESTIMATED_MAX * energy:
            return Quality.ESTIMATED, f"{estimated / energy:.0%} of the energy is estimated"
        return Quality.GOOD, ""

    def _figure(
        self, name: str, window: str, sums: Sums, ratio: Ratio, inputs: tuple[str, ...]
    ) -> Kpi:
        value, quality, reason = ratio.value, sums.quality, sums.reason
        if quality.level is Level.BAD:
            value = None
        elif value is None:
            quality = Quality.OUT_OF_RANGE if ratio.impossible else Quality.WAITING
            reason = ratio.reason
        return Kpi(
            id=name,
            value=value,
            unit="ratio",
            quality=quality,
            coverage=sums.coverage,
            window=window,
            span_s=round(sums.span_s, 3),
            inputs=tuple(dict.fromkeys(inputs)),
            reason=reason,
        )

    def _floor_w(self, it: Flow) -> float:
        rated_w = self.meters.rated_w(it.columns)
        return FLOOR_W if rated_w is None else FLOOR_RATIO * rated_w

    def _names(self, columns: Columns) -> str:
        names = list(dict.fromkeys(self.meters.devices[i] for i in columns))
        more = len(names) - NAMES_IN_REASON
        shown = ", ".join(names[:NAMES_IN_REASON])
        return f"{shown} and {more} more" if more > 0 else shown


def _worst(qualities: Sequence[int]) -> Quality:
    return Quality(max(qualities, default=Quality.GOOD))


def _in_order(inner: Kpi, outer: Kpi | None) -> Kpi:
    """A PUE further down can only be larger: less energy arrives there."""
    if outer is None or outer.value is None or inner.value is None:
        return inner
    if inner.value * DISAGREES_BEYOND >= outer.value:
        return inner
    reason = f"more IT energy at category {inner.category} than at {outer.category}: check meters"
    return replace(inner, quality=Quality.SUSPECT, reason=reason)


def _not_configured(window: str, reason: str) -> Kpi:
    return Kpi(
        id="pue",
        value=None,
        unit="ratio",
        quality=Quality.NOT_IMPLEMENTED,
        coverage=0.0,
        window=window,
        span_s=0.0,
        category=1,
        reason=reason,
    )
