"""The statement behind a PUE: its energies, meters, gaps, and the rules it was reckoned by.

Answers the auditor's question for a window, a month or a year, and fills the tables of months and
years. Values are those of `core/kpi.py`; here is what they stand on. Written down for readers in
docs/kpi.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from core.balance import COVERAGE_GOOD, Flow, Sums
from core.calendar import Calendar, Period
from core.cells import Columns, Held
from core.energy import RINGS, WINDOWS, YEAR
from core.figures import SumsOf
from core.kpi import Kpis
from core.ledger import CELL_S, DAYS_MAX
from core.pue import EDITION
from core.quality import Quality
from core.readings import Floats
from core.snapshot import Kpi

Mask: TypeAlias = npt.NDArray[np.bool_]
Standing = Literal["interim", "running", "provisional", "final", "none"]

REVISED_AFTER_S = 3600.0
"""Energy that comes so long after the end of a month revises it; before, it is only the last poll.
A choice."""

GAPS_SHOWN = 100
"""So many gaps of a meter are listed, the newest; the rest is counted."""

GAP_RATIO = 0.01
"""A cell of which a larger share is not known is a gap."""


@dataclass(frozen=True, slots=True)
class Flowed:
    """Energy of one flow, over the time that all its meters know."""

    flow: str
    wh: float
    estimated_ratio: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Pue:
    """PUE of one category with its two energies, which span the same time."""

    figure: Kpi
    notation: str
    standing: Standing
    facility_wh: float
    it_wh: float


@dataclass(frozen=True, slots=True)
class MeterShare:
    """What one meter gave. `roles` are the flows it is part of, with its weight in each; `gaps` are
    spans of UTC in which more or less of its energy is not known."""

    point: str
    device: str
    roles: tuple[tuple[str, float], ...]
    wh: float
    estimated_wh: float
    known_s: float
    coverage: float
    restarts: int
    gaps: tuple[tuple[float, float], ...]
    more_gaps: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A window, month or year. `until` is where its energies end: before `end` while it runs."""

    name: str
    start: float
    end: float
    until: float
    timezone: str
    pue: tuple[Pue, ...]
    energies: tuple[Flowed, ...]
    rules: tuple[int, ...]
    revised: float | None
    """When late energy changed a month or year that was over."""
    edition: str = EDITION
    figures: tuple[Kpi, ...] = ()
    """The key figures beside PUE; of months and years only."""
    meters: tuple[MeterShare, ...] = ()


class Statements:
    """Makes statements of the key figures of one site."""

    def __init__(self, kpis: Kpis, timezone: str) -> None:
        self._kpis = kpis
        self._meters = kpis.meters
        self._balance = kpis.balance
        self._every: Columns = np.arange(len(kpis.meters))
        self._timezone = timezone
        self._calendar = Calendar(timezone)
        self._month: Period | None = None

    def beyond(self, name: str) -> Period | None:
        """The month or year of this name if its energies are on disk only; None for others."""
        if name in WINDOWS:
            return None
        period = self._named(name)
        held_from = self._meters.utc - (DAYS_MAX - 1) * 86_400.0
        return period if period.start < held_from else None

    def audit(self, name: str) -> Statement:
        """What the PUE of a window (`24h`), a month (`2026-03`) or a year (`2026`) stands on.

        Raises ValueError for another name.
        """
        if name in WINDOWS:
            return self._of_window(name)
        period = self._named(name)
        statement = self._of_period(period)
        held = self._meters.ledger.held(self._every, period.start, statement.until)
        return replace(statement, meters=self._shares(held, period.start, statement.until))

    def table(self, year: int | None = None) -> tuple[Statement, ...]:
        """The twelve months of a year, left out the current one, and the year. Raises ValueError
        for one out of range."""
        if year is None:
            year = self._calendar.month_of(self._meters.utc).first.year
        periods = (*self._calendar.months(year), self._calendar.year(year))
        return tuple(self._of_period(period) for period in periods)

    def _named(self, name: str) -> Period:
        try:
            return self._calendar.named(name)
        except ValueError as error:
            raise ValueError(f"{error}, nor one of the windows {', '.join(WINDOWS)}") from None

    def revised(self) -> str:
        """What the last update did to a month that was over, in words; empty if nothing."""
        now, spans = self._meters.utc, self._meters.added
        if self._month is None or not self._month.start <= now < self._month.end:
            self._month = self._calendar.month_of(now)
        begun = self._month.start
        if not len(spans) or now < begun + REVISED_AFTER_S or spans.start.min() >= begun:
            return ""
        late = spans.start < begun
        month = self._calendar.month_of(float(spans.start.min()))
        return f"{month.name} is revised: late energy of {self._balance.names(spans.column[late])}"

    def _of_window(self, window: str) -> Statement:
        """Of a window; rings and ledger end where the slowest meter is known."""
        meters, length_s = self._meters, WINDOWS[window]
        end, ahead_s = meters.end(self._every), meters.ahead_s
        if window in RINGS:
            held = meters.windows[window].held(self._every, end)
            held = replace(held, start=held.start - ahead_s)
            until = end - ahead_s
        else:
            until = (end - ahead_s) // CELL_S * CELL_S
            held = meters.ledger.held(self._every, until - length_s, until)
        start = until - length_s
        sums_of = partial(self._balance.sums, window)
        statement = self._statement(window, (start, until, until), sums_of, None)
        return replace(statement, meters=self._shares(held, start, until))

    def _of_period(self, period: Period) -> Statement:
        until = max(period.start, min(period.end, self._meters.utc // CELL_S * CELL_S))
        sums_of = partial(self._balance.over, period)
        span = period.start, period.end, until
        statement = self._statement(period.name, span, sums_of, period)
        figures = self._kpis.figures.over(period.name, sums_of, period.start, until)
        return replace(statement, figures=tuple(figures))

    def _statement(
        self, name: str, span: tuple[float, float, float], sums_of: SumsOf, period: Period | None
    ) -> Statement:
        start, end, until = span
        marks = self._meters.ledger.marks(start, until)
        late = (marks.changed or 0.0) > end + REVISED_AFTER_S
        return Statement(
            name=name,
            start=start,
            end=end,
            until=until,
            timezone=self._timezone,
            pue=tuple(self._pue(*found, period) for found in self._kpis.pues(name, sums_of)),
            energies=tuple(
                _flowed(flow_name, flow, sums_of((flow,)))
                for flow_name, flow in self._kpis.flows.items()
            ),
            rules=marks.rules,
            revised=marks.changed if late and period is not None else None,
        )

    def _pue(self, figure: Kpi, sums: Sums, period: Period | None) -> Pue:
        facility, it = self._kpis.facility, self._kpis.it_flow(figure.category or 1)
        return Pue(
            figure=figure,
            notation=_notation(figure, period),
            standing=_standing(figure),
            facility_wh=sums.total(facility),
            it_wh=sums.total(it),
        )

    def _shares(self, held: Held, start: float, end: float) -> tuple[MeterShare, ...]:
        """What each meter gave between `start` and `end`, and when it did not."""
        meters = self._meters
        left = held.start + np.arange(len(held.wh)) * held.cell_s
        begin, stop = np.maximum(left, start), np.minimum(left + held.cell_s, end)
        inside = np.maximum(0.0, stop - begin)
        for row in np.flatnonzero(inside < held.cell_s).tolist():  # the ends: what lies within
            known = held.known_s[row]
            part = np.minimum(1.0, inside[row] / np.maximum(known, 1e-9))
            for array in (held.wh, held.estimated_wh, held.known_s):
                array[row] *= part
        known = np.minimum(held.known_s, held.cell_s)
        wh, estimated_wh = held.wh.sum(axis=0), held.estimated_wh.sum(axis=0)
        known_s = known.sum(axis=0)
        since = meters.since - meters.ahead_s
        roles = self._roles()
        found = []
        for i, point in enumerate(meters.names):
            if not roles[i]:
                continue  # a meter of other figures
            there = np.fmax(begin, since[i])
            missing = known[:, i] < stop - there - GAP_RATIO * held.cell_s
            gaps = _joined(there, stop, missing)
            found.append(
                MeterShare(
                    point=point,
                    device=meters.devices[i],
                    roles=roles[i],
                    wh=float(wh[i]),
                    estimated_wh=float(estimated_wh[i]),
                    known_s=float(known_s[i]),
                    coverage=float(known_s[i] / max(1.0, end - start)),
                    restarts=meters.restarts.get(point, 0),
                    gaps=gaps[-GAPS_SHOWN:],
                    more_gaps=max(0, len(gaps) - GAPS_SHOWN),
                )
            )
        return tuple(found)

    def _roles(self) -> list[tuple[tuple[str, float], ...]]:
        flows = self._kpis.flows.items()
        return [
            tuple((name, float(flow.weight[i])) for name, flow in flows if flow.weight[i])
            for i in range(len(self._meters))
        ]


def _flowed(name: str, flow: Flow, sums: Sums) -> Flowed:
    return Flowed(name, sums.total(flow), sums.estimated_of(flow), sums.coverage)


def _standing(figure: Kpi) -> Standing:
    """How a figure may be used in a report. Below 95 % provisional, below 80 % none: choices."""
    if figure.value is None:
        return "none"
    if figure.window in WINDOWS and figure.window != YEAR:
        return "interim"
    if figure.quality is Quality.YOUNG:
        return "running"
    return "final" if (figure.coverage or 0.0) >= COVERAGE_GOOD else "provisional"


def _notation(figure: Kpi, period: Period | None) -> str:
    """As the standards write it: PUE1(2026-12-31) for a year, iPUE1(2026-06-01:2026-06-30) for
    less."""
    if period is None:
        return f"iPUE{figure.category}({figure.window})"
    if period.whole_year and figure.quality is not Quality.YOUNG:
        return f"PUE{figure.category}({period.last})"
    return f"iPUE{figure.category}({period.first}:{period.last})"


def _joined(begin: Floats, stop: Floats, missing: Mask) -> tuple[tuple[float, float], ...]:
    """Spans of cells without a break between them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    return tuple(
        (float(begin[first]), float(stop[after - 1]))
        for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    )
