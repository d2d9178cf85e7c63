"""How long each part of the plant stood at each level, by calendar month of the site.

Parts are the site, its redundancy groups and the mode of supply. Time during which nobody looked,
because Kasbah did not run or the clock was set forward, is counted at no level: it is what is left
of the month. Where the clock was set back, time that was counted once is not counted again. Pure:
`now` is handed in; knows no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.calendar import Calendar, Period
from core.redundancy.words import STATUS_NAMES
from core.snapshot import Snapshot

SITE: Final = "site"
SUPPLY: Final = "supply"

UNSEEN_S: Final = 60.0
"""Ticks come once a second; between two that are further apart nobody looked."""

MONTHS_MAX: Final = 36
"""Older months are forgotten."""

STATE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class MonthLevels:
    """One month up to `until` (UTC seconds). `seconds` is by part and level; with `unobserved_s`
    those of each part make up all the time from the month's start to `until`."""

    period: Period
    until: float
    seconds: Mapping[str, Mapping[str, float]]
    unobserved_s: Mapping[str, float]


class Levels:
    """Adds up the time at each level."""

    def __init__(self, timezone: str) -> None:
        self._calendar = Calendar(timezone)
        self._months: dict[str, dict[str, dict[str, float]]] = {}
        self._until: float | None = None
        self._standing: dict[str, str] = {}

    def update(self, snapshot: Snapshot) -> None:
        """Count the time since the last call at the levels that stood then."""
        now, until = snapshot.time, self._until
        if until is None or now > until:
            if until is not None and now - until <= UNSEEN_S:
                self._count(until, now)
            self._until = now
        self._standing = dict(_levels(snapshot)) if snapshot.ready else {}

    def month(self, name: str, now: float) -> MonthLevels:
        """One month, e.g. `2026-11`. Raises ValueError for a name that is none."""
        period = self._calendar.named(name)
        if period.whole_year:
            raise ValueError(f"'{name}' is a year: name a month, such as {name}-01")
        until = max(period.start, min(period.end, now if self._until is None else self._until))
        seconds = self._months.get(name, {})
        parts = dict.fromkeys((*self._standing, *seconds))
        return MonthLevels(
            period,
            until,
            {part: dict(seconds.get(part, {})) for part in parts},
            {p: until - period.start - sum(seconds.get(p, {}).values()) for p in parts},
        )

    def month_at(self, now: float) -> str:
        """Name of the month of this moment (UTC seconds)."""
        return self._calendar.month_of(now).name

    def totals(self) -> dict[str, dict[str, float]]:
        """Seconds by part and level, of all months together."""
        found: dict[str, dict[str, float]] = {}
        for parts in self._months.values():
            for part, levels in parts.items():
                total = found.setdefault(part, {})
                for level, seconds in levels.items():
                    total[level] = total.get(level, 0.0) + seconds
        return found

    def state(self) -> dict[str, Any]:
        """What `restore` takes after a restart, in plain numbers and texts."""
        return {"version": STATE_VERSION, "until": self._until, "months": self._months}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`; one of another version is left alone."""
        if state.get("version") != STATE_VERSION:
            return
        self._months = {
            name: {
                part: {level: float(seconds) for level, seconds in levels.items()}
                for part, levels in parts.items()
            }
            for name, parts in state["months"].items()
        }
        self._until = None if state["until"] is None else float(state["until"])
        self._standing = {}

    def _count(self, start: float, end: float) -> None:
        while start < end:
            period = self._calendar.month_of(start)
            there = min(end, period.end)
            month = self._months.setdefault(period.name, {})
            for part, level in self._standing.items():
                levels = month.setdefault(part, {})
                levels[level] = levels.get(level, 0.0) + there - start
            start = there
        while len(self._months) > MONTHS_MAX:
            del self._months[min(self._months)]


def _levels(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    yield SITE, STATUS_NAMES[snapshot.redundancy.status]
    yield SUPPLY, snapshot.supply
    for group in snapshot.redundancy.groups:
        yield f"group/{group.id}", STATUS_NAMES[group.status]
