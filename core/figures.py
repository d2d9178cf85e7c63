"""The key figures beside PUE: carbon, water, reuse, cooling, losses, checks of meters, cost.

Each is made of sums of meters over one window, as PUE is, and says the same of itself: quality with
a reason, coverage, how much is estimated, which meters. What is made of what is in
`core/recipes.py`, prices in `core/tariff.py`, meters and windows in `core/balance.py`. Written down
for readers in docs/kpi.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import TypeAlias

import numpy as np

from core.balance import COVERAGE_GOOD, ESTIMATED_MAX, Balance, Flow, Sums
from core.energy import LONG, WINDOWS, EnergyMeters
from core.ledger import CELL_S
from core.metering import Energy
from core.pue import Ratio
from core.quality import Level, Quality
from core.recipes import Boundary, Recipe, recipes
from core.snapshot import Kpi
from core.tariff import Tariff

SumsOf: TypeAlias = Callable[[Sequence[Flow]], Sums]
"""Sums of some flows over one window."""

FIGURE_WINDOWS = tuple(name for name in WINDOWS if name != "1m")
"""A minute says nothing of these figures."""

COST_WINDOWS = ("24h", *LONG)
"""Prices go by quarters of an hour, which the ledger has: of shorter windows it has too few."""

COARSE_MAX = 0.1
"""No ratio where a larger share of the energy may not be counted yet."""

TOO_COARSE = "the counters are too coarse for so short a time, without power"


class Figures:
    """The key figures beside PUE of one site."""

    def __init__(self, energy: Energy, balance: Balance, boundary: Boundary) -> None:
        self._meters = balance.meters
        self._recipes = tuple(recipes(energy, balance, boundary))
        self._imported = boundary.imported
        self._tariff = energy.tariff if energy.facility else None
        self._billed: dict[str, tuple[int, dict[str, float]]] = {}

    def of(self, window: str, sums_of: SumsOf) -> Iterator[Kpi]:
        """All figures of a window."""
        yield from self._made(window, sums_of)
        if self._tariff is not None and window in COST_WINDOWS:
            yield from self._costs(self._tariff, window, sums_of, self._lines(self._tariff, window))

    def over(self, name: str, sums_of: SumsOf, start: float, end: float) -> Iterator[Kpi]:
        """All figures of a month or year, as far as it has come: from `start` to `end` (UTC)."""
        yield from self._made(name, sums_of)
        if self._tariff is not None:
            lines = self._cost(self._tariff, start, end)
            yield from self._costs(self._tariff, name, sums_of, lines)

    def _made(self, window: str, sums_of: SumsOf) -> Iterator[Kpi]:
        for recipe in self._recipes:
            metered = [flow for flow in recipe.flows if len(flow.columns)]
            yield self._figure(recipe, window, sums_of(metered))

    def _figure(self, recipe: Recipe, window: str, sums: Sums) -> Kpi:
        totals = [sums.total(flow) for flow in recipe.flows]
        needed = recipe.needed or recipe.flows
        if any(coarse_ratio(self._meters, sums, flow) > COARSE_MAX for flow in needed):
            ratio = Ratio(None, TOO_COARSE)
        else:
            ratio = recipe.formula(sums.span_s / 3600, *totals)
        figure = told(recipe.id, window, sums, ratio, recipe.flows)
        return replace(figure, unit=recipe.unit, scope=recipe.scope, category=recipe.category)

    # Cost.

    def _costs(
        self, tariff: Tariff, window: str, sums_of: SumsOf, lines: Mapping[str, float]
    ) -> Iterator[Kpi]:
        """What the imported energy costs, in all and by line of the bill."""
        sums = sums_of((self._imported,))
        for scope, cost in {"": sum(lines.values()), **lines}.items():
            figure = told("energy_cost", window, sums, Ratio(cost), (self._imported,))
            yield replace(figure, unit=tariff.currency, scope=scope)

    def _lines(self, tariff: Tariff, window: str) -> dict[str, float]:
        """Cost by line of the bill; of long windows reckoned once a quarter of an hour."""
        end = self._meters.now - self._meters.ahead_s
        stands = self._meters.updates if window not in LONG else round(end // CELL_S)
        made = self._billed.get(window)
        if made is None or made[0] != stands:
            lines = self._cost(tariff, end - WINDOWS[window], end)
            made = self._billed[window] = stands, lines
        return made[1]

    def _cost(self, tariff: Tariff, start: float, end: float) -> dict[str, float]:
        """What the energy imported between `start` and `end` (UTC seconds) costs, by line of the
        bill; from the first whole quarter of an hour on, and what is known of them."""
        flow = self._imported
        first = ceil(start / CELL_S) * CELL_S
        matched = self._meters.ledger.sums(flow.columns, first, end)
        return tariff.cost(first, matched.wh @ flow.weight[flow.columns])


def told(name: str, window: str, sums: Sums, ratio: Ratio, flows: Sequence[Flow]) -> Kpi:
    """A figure of a window as good as its sums and as its ratio."""
    value, quality, reason = ratio.value, sums.quality, sums.reason
    estimated = max(map(sums.estimated_of, flows))
    if quality.level is Level.BAD:
        value = None
    elif value is None:
        quality = Quality.OUT_OF_RANGE if ratio.impossible else Quality.WAITING
        reason = ratio.reason
    elif ratio.reason and sums.coverage >= COVERAGE_GOOD and quality is not Quality.YOUNG:
        # With half of the readings, or in the first minutes, nobody is accused.
        quality, reason = Quality.SUSPECT, ratio.reason
    elif quality is Quality.GOOD and estimated > ESTIMATED_MAX:
        quality, reason = Quality.ESTIMATED, f"{estimated:.0%} of it is estimated"
    return Kpi(
        id=name,
        value=value,
        unit="ratio",
        quality=quality,
        coverage=sums.coverage,
        window=window,
        span_s=round(sums.span_s, 3),
        inputs=tuple(dict.fromkeys(name for flow in flows for name in flow.inputs)),
        reason=reason,
        estimated_ratio=round(estimated, 6),
    )


def coarse_ratio(meters: EnergyMeters, sums: Sums, flow: Flow) -> float:
    """Share of a flow's energy that may not be counted yet."""
    waiting_wh = float(np.abs(flow.weight) @ meters.coarse_wh)
    return waiting_wh / max(1e-9, sums.total(flow))
