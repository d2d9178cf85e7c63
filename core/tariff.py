"""What energy costs by the hour: prices of a tariff over months, days and hours of the site's time.

A year is a table of twelve months, seven days and 96 quarters of an hour; each of them has one
price, or the tariff is wrong and is not used. Knows no meters. What a supplier bills beside energy
(power, taxes, reactive energy) is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property, lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from core.readings import Floats

QUARTERS = 96
"""Quarters of an hour in a day: prices change on them, as energies are kept by them."""

QUARTER_S = 900

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

DAYS_HELD = 400
"""So many days of prices are remembered: thirteen months."""

Counts = npt.NDArray[np.int_]
Table = npt.NDArray[np.int8]
DayTable: TypeAlias = Callable[[int], Table]


@dataclass(frozen=True, slots=True)
class Period:
    """Hours of one price. `start` and `end` are quarters of an hour of the day, 0..96; where the
    end is not after the start, it means the hours until midnight and those from midnight on of
    each of the `days` (0 Monday) in the `months` (1 January)."""

    id: str
    price_per_kwh: float
    start: int
    end: int
    days: frozenset[int] = frozenset(range(7))
    months: frozenset[int] = frozenset(range(1, 13))

    @property
    def quarters(self) -> Counts:
        """The quarters of the day it has."""
        every = np.arange(QUARTERS)
        if self.start < self.end:
            return every[self.start : self.end]
        return np.concatenate([every[: self.end], every[self.start :]])

    def cells(self) -> tuple[Counts, ...]:
        """Index of the cells of the year's table that it covers, by month, day and quarter."""
        months = np.array(sorted(self.months), dtype=np.int_) - 1
        days = np.array(sorted(self.days), dtype=np.int_)
        return np.ix_(months, days, self.quarters)


@dataclass(frozen=True)
class Tariff:
    """Prices in `currency`, by the hours of `timezone` (an IANA name). Several periods may have one
    id: they are one line of the bill."""

    currency: str
    timezone: str
    periods: tuple[Period, ...]

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The ids, each once."""
        return tuple(dict.fromkeys(period.id for period in self.periods))

    @cached_property
    def table(self) -> Table:
        """Number of the period by month, day and quarter of an hour."""
        table = np.full((12, 7, QUARTERS), -1, dtype=np.int8)
        for number, period in enumerate(self.periods):
            table[period.cells()] = number
        return table

    @cached_property
    def _zone(self) -> tzinfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def _days(self) -> DayTable:
        return lru_cache(DAYS_HELD)(self._day)

    def numbers(self, start: float, cells: int) -> Counts:
        """The period in which each quarter of an hour lies; the first begins at `start`, a whole
        quarter in UTC seconds."""
        first = round(start) // QUARTER_S
        days = range(first // QUARTERS, (first + cells - 1) // QUARTERS + 1)
        if not cells:
            return np.zeros(0, dtype=np.int_)
        offset = first - days[0] * QUARTERS
        numbers = np.concatenate([self._days(day) for day in days])
        return numbers[offset : offset + cells].astype(np.int_)

    def cost(self, start: float, wh: Floats) -> dict[str, float]:
        """What the energy of these quarters of an hour costs, by line of the bill."""
        numbers = self.numbers(start, len(wh))
        kwh = np.bincount(numbers, weights=wh, minlength=len(self.periods)) / 1000
        cost = dict.fromkeys(self.lines, 0.0)
        for period, amount in zip(self.periods, kwh.tolist(), strict=True):
            cost[period.id] += amount * period.price_per_kwh
        return cost

    def _day(self, day: int) -> Table:
        """Numbers of the periods in a day of UTC, which local time may cut anywhere."""
        local = [
            datetime.fromtimestamp((day * QUARTERS + i) * QUARTER_S, self._zone)
            for i in range(QUARTERS)
        ]
        at = [(t.month - 1, t.weekday(), t.hour * 4 + t.minute // 15) for t in local]
        month, weekday, quarter = np.array(at).T
        found: Table = self.table[month, weekday, quarter]
        return found


def problems(periods: Sequence[Period]) -> Iterator[str]:
    """The hours of the year that have no price, and those that have two, in words."""
    count = np.zeros((12, 7, QUARTERS), dtype=np.int_)
    for period in periods:
        count[period.cells()] += 1
    for hours, where in _runs(count == 0):
        yield f"no period has {hours}{where}: every hour of the year needs a price"
    for period, other in _pairs(periods):
        both = np.zeros((12, 7, QUARTERS), dtype=np.int_)
        both[period.cells()] += 1
        both[other.cells()] += 1
        for hours, where in _runs(both == 2):
            yield f"'{period.id}' and '{other.id}' both have {hours}{where}: one price an hour"


def _pairs(periods: Sequence[Period]) -> Iterator[tuple[Period, Period]]:
    for i, period in enumerate(periods):
        for other in periods[:i]:
            yield other, period


def _runs(found: npt.NDArray[np.bool_]) -> Iterator[tuple[str, str]]:
    """The hours of the day in which something is found, and on which days of which months."""
    runs: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for month, day in np.argwhere(found.any(axis=2)).tolist():
        edges = np.flatnonzero(np.diff(np.r_[0, found[month, day].astype(np.int8), 0]))
        for begin, end in edges.reshape(-1, 2).tolist():
            runs[begin, end].append((month, day))
    for (begin, end), where in sorted(runs.items()):
        months, days = {month for month, _ in where}, {day for _, day in where}
        on = "" if len(days) == len(DAYS) else f" on {_named(days, DAYS)}"
        of = "" if len(months) == len(MONTHS) else f" in {_named(months, MONTHS)}"
        yield f"{_clock(begin)} to {_clock(end)}", on + of


def _named(numbers: Iterable[int], names: Sequence[str]) -> str:
    return ", ".join(names[number] for number in sorted(numbers))


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"
