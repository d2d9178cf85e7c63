"""The key figures of energy: powers now, and ratios of energies over windows.

Says for each figure how much of its time and of its meters stands behind it. A PUE is a ratio of
two energies over the same time and nothing else; the ratio of two powers is called `power_ratio`.
Formulas are in `core/pue.py`, meters in `core/energy.py`. Written down for readers in docs/kpi.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from core.balance import COVERAGE_MIN, Balance, Flow, Sums
from core.counters import Register
from core.energy import WINDOWS, EnergyMeters
from core.figures import COARSE_MAX, FIGURE_WINDOWS, TOO_COARSE, Figures, SumsOf, coarse_ratio, told
from core.ledger import Kept
from core.meter import UNRATED_W_MAX
from core.metering import Energy
from core.pue import (
    FLOOR_RATIO,
    FLOOR_W,
    STORAGE,
    Ratio,
    pue,
    self_consumption,
    self_sufficiency,
)
from core.quality import Quality
from core.recipes import Boundary, taken
from core.snapshot import Kpi, PointView

POWER_COVERAGE_MIN = 0.8
"""Below this share a sum of powers is not told: too much of it would be missing; a choice."""

BORROWED_MAX = 0.05
"""Share of the IT energy that may come out of batteries before that time is left out."""

BORROWED = "less power comes in than the IT takes: batteries carry load, or a meter is wrong"

DISAGREES_BEYOND = 1.03
"""IT energy only shrinks from the UPS to the rack, but for the meters' tolerance."""


class Kpis:
    """Key figures of one site. `update` on each tick, then `report`."""

    def __init__(
        self,
        energy: Energy,
        ratings_w: Mapping[str, float] | None = None,
        registers: Mapping[str, Register] | None = None,
        site_w: float = UNRATED_W_MAX,
    ) -> None:
        self._energy = energy
        signed = (
            (energy.facility, 1),
            (energy.exported, -1),
            (energy.pv, 1),
            (energy.genset, 1),
            (energy.excluded, -1),
        )
        self.meters = EnergyMeters(
            tuple(energy.inputs()), ratings_w, registers, energy.unbroken(), site_w
        )
        self.balance = Balance(self.meters)
        flow = self.balance.flow
        self.facility = flow(*taken(energy))
        self._electricity = flow(*signed)
        self._import = flow((energy.facility, 1))
        self._export = flow((energy.exported, 1))
        self._pv = flow((energy.pv, 1))
        self._genset = flow((energy.genset, 1))
        self._it = {category: flow((inputs, 1)) for category, inputs in energy.it if inputs}
        self.flows = {
            name: found
            for name, found in (
                ("facility", self.facility),
                ("grid_import", self._import),
                ("grid_export", self._export),
                ("pv", self._pv),
                ("genset", self._genset),
                ("excluded", flow((energy.excluded, 1))),
                *(
                    (f"other_{form.id}", flow((form.inputs, form.wh_per_unit)))
                    for form in energy.forms
                ),
                *((f"it_{category}", found) for category, found in self._it.items()),
            )
            if len(found.columns)
        }
        """Whatever energy is reckoned from, by name."""
        # The power of a meter that counts both ways is net already.
        net = {each.energy.partition("/")[0] for each in energy.facility if each.power}
        outward = tuple(e for e in energy.exported if e.energy.partition("/")[0] not in net)
        self._facility_power = flow(*signed[:1], (outward, -1), *signed[2:])
        self.figures = Figures(
            energy,
            self.balance,
            Boundary(
                facility=self.facility,
                electricity=self._electricity,
                imported=self._import,
                exported=self._export,
                pv=self._pv,
                it=self._it,
                floor_w=self._floor_w,
            ),
        )
        self._told: dict[str, tuple[Kpi, ...]] = {}

    def update(self, view: PointView, now: float) -> None:
        """Take the readings that are new since the last call. `now` is UTC seconds."""
        self.meters.update(view, now)

    def report(self, now: float) -> tuple[Kpi, ...]:
        """All key figures as of the last update."""
        del now  # the figures stand where the readings end
        return (*self._powers(), *self._pues(), *self._pv_figures(), *self._others())

    def it_flow(self, category: int) -> Flow:
        """The IT energy of a category."""
        return self._it[category]

    def state(self) -> Kept:
        """Accumulators to go on from after a restart."""
        return self.meters.state()

    def restore(self, kept: Kept, now: float) -> None:
        """Go on from what was kept. `now` is UTC seconds."""
        self.meters.restore(kept, now)

    def _others(self) -> Iterator[Kpi]:
        """The figures beside PUE, those of one window reckoned anew with each update in turn: over
        a quarter of an hour and more nobody needs them each second."""
        turn = FIGURE_WINDOWS[self.meters.updates % len(FIGURE_WINDOWS)]
        for window in FIGURE_WINDOWS:
            if window == turn or window not in self._told:
                figures = self.figures.of(window, partial(self.balance.sums, window))
                self._told[window] = tuple(figures)
            yield from self._told[window]

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
            reason = f"no power from {self.balance.names(flow.columns[~known])}"
            quality = max(quality, Quality.SUBNORMAL)
            if coverage < POWER_COVERAGE_MIN or not known.any():
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
        watts = self.meters.power.watts[flow.columns]
        backwards = flow.columns[np.nan_to_num(watts) < -FLOOR_W]
        if not len(backwards) or kpi.value is None:
            return kpi
        reason = f"power flows backwards at {self.balance.names(backwards)}: check the wiring"
        return replace(kpi, quality=Quality.SUSPECT, reason=reason)

    def _power_ratio(self, category: int, flow: Flow) -> Kpi:
        """Facility power by IT power of the moment. Not a PUE, and never called one."""
        facility = self._power("", self._facility_power)
        it = self._power("", flow, category)
        quality = max(facility.quality, it.quality)
        value = None
        reason = facility.reason or it.reason
        if facility.value is not None and it.value is not None:
            if it.value <= self._floor_w(flow):
                quality, reason = Quality.WAITING, "there is no IT power to speak of"
            elif facility.value < it.value:
                quality, reason = Quality.OUT_OF_RANGE, BORROWED
            else:
                value = facility.value / it.value
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
            for figure, _ in self.pues(window, partial(self.balance.sums, window)):
                yield figure

    def pues(self, window: str, sums_of: SumsOf) -> Iterator[tuple[Kpi, Sums]]:
        """PUE of each category over what `sums_of` gives for some flows, and the sums it is made
        of."""
        outer: Flow | None = None
        for category, flow in sorted(self._it.items()) if self._energy.facility else ():
            figure, sums = self._pue(window, category, flow, sums_of((self.facility, flow)))
            if figure.value is not None:
                if outer is not None:
                    figure = self._in_order(figure, flow, outer, sums_of)
                outer = flow
            yield figure, sums

    def _pue(self, window: str, category: int, it: Flow, sums: Sums) -> tuple[Kpi, Sums]:
        flows = self.facility, it
        if sum(coarse_ratio(self.meters, sums, flow) for flow in flows) > COARSE_MAX:
            figure = told("pue", window, sums, Ratio(None, TOO_COARSE), flows)
            return replace(figure, category=category), sums
        mains = self._without_storage(sums, it)
        floor_wh = self._floor_w(it) * mains.span_s / 3600
        ratio = pue(mains.total(self.facility), mains.total(it), floor=floor_wh)
        if mains is not sums and mains.coverage < COVERAGE_MIN:
            ratio = Ratio(None, STORAGE, impossible=True)
        figure = told("pue", window, mains, ratio, flows)
        if mains is not sums and figure.value is not None:
            left_out = f"{sums.span_s - mains.span_s:.0f} s on batteries are left out"
            reason = f"{left_out}; {figure.reason}" if figure.reason else left_out
            quality = max(figure.quality, Quality.SUBNORMAL)
            figure = replace(figure, quality=quality, reason=reason)
        return replace(figure, category=category), mains

    def _in_order(self, inner: Kpi, flow: Flow, outer: Flow, sums_of: SumsOf) -> Kpi:
        """A PUE further down, suspect where more IT energy arrived there than further up."""
        sums = sums_of((outer, flow))  # both over the same time
        if sums.total(flow) <= DISAGREES_BEYOND * sums.total(outer):
            return inner
        reason = f"more IT energy at category {inner.category} than further up: check meters"
        return replace(inner, quality=Quality.SUSPECT, reason=reason)

    def _without_storage(self, sums: Sums, it: Flow) -> Sums:
        """The window without the time in which batteries carried the load.

        What they give was paid when they were charged. Over a day that evens out and stays in;
        a window of which it is a large part would show less than the plant takes.
        """
        facility_wh, it_wh = sums.cells(self.facility), sums.cells(it)
        borrowed_wh = float(np.maximum(it_wh - facility_wh, 0.0).sum())
        if borrowed_wh <= BORROWED_MAX * float(it_wh.sum()):
            return sums
        return sums.only(facility_wh >= it_wh)

    def _pv_figures(self) -> Iterator[Kpi]:
        if not self._energy.pv:
            return
        pv, export, load = self._pv, self._export, self._electricity
        for window in WINDOWS:
            sums = self.balance.sums(window, (pv,))
            figure = told("pv_energy", window, sums, Ratio(sums.total(pv)), (pv,))
            yield replace(figure, unit="Wh")
            if not self._energy.facility:
                continue
            sums = self.balance.sums(window, (pv, export))
            ratio = self_consumption(sums.total(pv), sums.total(export))
            yield told("pv_self_consumption", window, sums, ratio, (pv, export))
            sums = self.balance.sums(window, (load,))
            ratio = self_sufficiency(sums.total(pv), sums.total(export), sums.total(load))
            yield told("pv_self_sufficiency", window, sums, ratio, (load,))

    def _floor_w(self, it: Flow) -> float:
        rated_w = self.meters.rated_w(np.flatnonzero(it.weight > 0))
        return FLOOR_W if rated_w is None else FLOOR_RATIO * rated_w


def _worst(qualities: Sequence[int]) -> Quality:
    return Quality(max(qualities, default=Quality.GOOD))


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
