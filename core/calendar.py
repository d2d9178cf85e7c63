"""Months and years of the site's time zone, as spans of UTC.

Energies are kept in UTC; reports go by local calendar. A month has the hours it really has, with
summer time or, in Africa/Casablanca, with the hour of Ramadan: only the zone's table knows, so no
offset is ever assumed. Reads the table through `zoneinfo`; knows no clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

YEAR_MIN = 2000
"""No table begins earlier: offsets were not whole quarters of an hour everywhere."""

YEAR_MAX = 9998


@dataclass(frozen=True, slots=True)
class Period:
    """A month (`2026-03`) or a year (`2026`): UTC seconds, the end is not part of it."""

    name: str
    start: float
    end: float
    first: date
    last: date
    """Its last day."""

    @property
    def whole_year(self) -> bool:
        """Twelve months, as a PUE that is not interim needs."""
        return (self.first.month, self.last.month) == (1, 12)


class Calendar:
    """The calendar of one time zone, an IANA name."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)

    def month(self, year: int, month: int) -> Period:
        """One month. Raises ValueError for one that is none."""
        _check(year)
        following = date(year + month // 12, month % 12 + 1, 1)
        return self._period(f"{year:04}-{month:02}", date(year, month, 1), following)

    def months(self, year: int) -> tuple[Period, ...]:
        """The twelve months of a year."""
        return tuple(self.month(year, month) for month in range(1, 13))

    def year(self, year: int) -> Period:
        """One year. Raises ValueError for one out of range."""
        _check(year)
        return self._period(f"{year:04}", date(year, 1, 1), date(year + 1, 1, 1))

    def named(self, name: str) -> Period:
        """The month or year of this name. Raises ValueError for a name that is none."""
        found = re.fullmatch(r"(\d{4})(?:-(0[1-9]|1[0-2]))?", name, re.ASCII)
        if found is None:
            raise ValueError(f"'{name}' is neither a year (2026) nor a month (2026-03)")
        year, month = int(found[1]), found[2]
        return self.year(year) if month is None else self.month(year, int(month))

    def month_of(self, time: float) -> Period:
        """The month in which this moment (UTC seconds) lies."""
        local = datetime.fromtimestamp(time, self._zone)
        return self.month(local.year, local.month)

    def _period(self, name: str, first: date, following: date) -> Period:
        last = date.fromordinal(following.toordinal() - 1)
        return Period(name, self._begin(first), self._begin(following), first, last)

    def _begin(self, day: date) -> float:
        """When the day begins: where the clock skips midnight, the moment it does so."""
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()


def _check(year: int) -> None:
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise ValueError(f"'{year:04}': years go from {YEAR_MIN} to {YEAR_MAX}")
