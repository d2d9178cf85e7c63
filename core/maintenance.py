"""Announced maintenance: windows in which nodes are out as planned, and what is said of them.

A window never changes a verdict, only how it is told: what its nodes would be like in service tells
what is missing by plan and what is wrong beside it. What it does to the plant is a what-if, asked
when it is announced and again whenever the plant changes; an answer that has become worse is a
warning. After its end what is still out is a fault. Pure: `now` is handed in; knows no file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.contracts import Demand
from core.redundancy.groups import FULL
from core.redundancy.words import names
from core.site import Window
from core.snapshot import (
    Answered,
    MaintenanceStatus,
    Planned,
    RedundancyReport,
    Verdict,
    WhatIf,
    WindowState,
)

ASKED_AGAIN_S: Final = 60.0
"""A window is asked about again after so long, though nothing has changed but the load."""

KEPT_MAX: Final = 200
"""So many windows that are over are remembered."""

DAYS_MAX: Final = 92.0
"""A longer window is a mistake: what is out for a quarter of a year is the plant as it is."""

STATE_VERSION: Final = 1

_RANK: Mapping[Verdict, int] = {"safe": 0, "reduced": 1, "unknown": 2, "unsafe": 3}
_OPEN: frozenset[WindowState] = frozenset(("planned", "active", "overdue"))

Ask = Callable[[Sequence[str], Sequence[str], Sequence[str], Demand], WhatIf]
"""What if these were out, those back, with those healthy before, on the demand of when?"""

Away = Callable[[str], bool | None]
"""Whether an id is not as it should be now, None where nobody tells."""


class WindowError(ValueError):
    """A window that cannot be, in a sentence."""


@dataclass(slots=True)
class _Course:
    """How one window goes."""

    window: Window
    announced: Answered | None = None
    now: Answered | None = None
    of: object = None
    """The plant that `now` was answered for."""
    taken: set[str] = field(default_factory=set)
    closed: float | None = None
    cancelled: bool = False


class Maintenance:
    """The windows of one site. `announce` and `cancel` may be called from any thread."""

    def __init__(self, fixed: Iterable[Window], timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._courses = {window.id: _Course(window) for window in fixed}
        self._lock = threading.Lock()
        self._planned: tuple[object, Planned] | None = None

    def __bool__(self) -> bool:
        return bool(self._courses)

    def announce(self, window: Window, answer: WhatIf | None, now: float) -> Window:
        """Take up a window; one without an id is given one. Raises WindowError where it cannot
        be."""
        check(window, now)
        told = None if answer is None else Answered(answer.verdict, answer.reasons, now)
        with self._lock:
            number = 1 + len(self._courses)
            while not window.id or window.id in self._courses:
                if window.id:
                    raise WindowError(f"there is maintenance '{window.id}' already")
                name = f"m-{number}"
                number += 1
                if name not in self._courses:
                    window = replace(window, id=name)
            self._courses = {**self._courses, window.id: _Course(window, told, told)}
            self._forget()
        return window

    def cancel(self, name: str, now: float) -> None:
        """End a window at once. Raises KeyError for none of this id, WindowError for one that is
        over or stands in the site file."""
        with self._lock:
            course = self._courses[name]
            if course.window.fixed:
                raise WindowError(f"'{name}' stands in the site file: change it there")
            if course.closed is not None:
                raise WindowError(f"'{name}' is over already")
            course.closed, course.cancelled = now, True

    def active(self, now: float) -> tuple[str, ...]:
        """Ids of what is in maintenance by plan at `now` (UTC seconds)."""
        return self._nodes(course.window for course in self._going_on(now))

    def told(
        self, report: RedundancyReport, now: float, *, away: Away, ask: Ask, devices: _Devices
    ) -> tuple[RedundancyReport, tuple[MaintenanceStatus, ...]]:
        """The report with what of it is planned, and how each window stands. Asks again where the
        plant is another."""
        plant = _plant(report)
        planned = self._plan(report, plant, now, away=away, ask=ask, devices=devices)
        statuses = [self._status(c, plant, now, away=away, ask=ask) for c in self._all()]
        return (_worded(report, planned) if planned else report), _sorted(statuses)

    def unjudged(self, now: float) -> tuple[MaintenanceStatus, ...]:
        """How each window stands while nothing is known of the plant yet."""
        return _sorted([_told(c, _by_clock(c, now), c.window.nodes) for c in self._all()])

    def state(self) -> dict[str, Any]:
        """What `restore` takes after a restart, in plain numbers and texts."""
        return {
            "version": STATE_VERSION,
            "windows": [
                {
                    "window": asdict(course.window),
                    "announced": None if course.announced is None else asdict(course.announced),
                    "now": None if course.now is None else asdict(course.now),
                    "taken": sorted(course.taken),
                    "closed": course.closed,
                    "cancelled": course.cancelled,
                }
                for course in self._all()
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`; one of another version is left alone. A window of the site
        file is as it stands there now."""
        if state.get("version") != STATE_VERSION:
            return
        found: dict[str, _Course] = {}
        for saved in state["windows"]:
            window = Window(**saved["window"] | {"nodes": tuple(saved["window"]["nodes"])})
            written = self._courses.get(window.id)
            if window.fixed and (written is None or written.window != window):
                continue
            found[window.id] = _Course(
                written.window if written else window,
                _answered(saved["announced"]),
                _answered(saved["now"]),
                taken=set(saved["taken"]),
                closed=saved["closed"],
                cancelled=bool(saved["cancelled"]),
            )
        self._courses = {**self._courses, **found}

    def _all(self) -> tuple[_Course, ...]:
        return tuple(self._courses.values())

    def _going_on(self, now: float) -> Iterator[_Course]:
        for course in self._all():
            if course.closed is None and course.window.start <= now < course.window.end:
                yield course

    def _nodes(self, windows: Iterable[Window]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(node for window in windows for node in window.nodes))

    def _forget(self) -> None:
        """Drop the oldest of those that are over."""
        over = sorted(
            (c for c in self._courses.values() if c.closed is not None and not c.window.fixed),
            key=lambda course: course.closed or 0.0,
        )
        for course in over[: max(0, len(over) - KEPT_MAX)]:
            del self._courses[course.window.id]

    def _plan(
        self,
        report: RedundancyReport,
        plant: object,
        now: float,
        *,
        away: Away,
        ask: Ask,
        devices: _Devices,
    ) -> Planned | None:
        """What of the report is planned, None while nothing is. Asked anew for another plant."""
        windows = [course.window for course in self._going_on(now)]
        if not windows:
            self._planned = None
            return None
        nodes = self._nodes(windows)
        out = tuple(node for node in nodes if away(node) is not False)
        key = plant, out, tuple(window.id for window in windows)
        if self._planned is None or self._planned[0] != key:
            answer = ask((), nodes, (), "now")
            whole = {g.id for g in answer.groups if g.status == FULL and not g.missing}
            zones = {zone.id for zone in answer.zones if zone.status == FULL}
            gone = [f"{g.id}: without {names(g.missing)}" for g in answer.groups if g.missing]
            beside = gone if answer.verdict == "safe" else [*answer.reasons, *gone]
            self._planned = (
                key,
                Planned(
                    nodes=out,
                    devices=devices(nodes),
                    groups=frozenset(g.id for g in report.groups if g.id in whole),
                    zones=frozenset(z.id for z in report.zones if z.id in zones),
                    words="; ".join(self._words(window, out) for window in windows),
                    beside=tuple(beside),
                ),
            )
        return self._planned[1]

    def _words(self, window: Window, out: Sequence[str]) -> str:
        there = [node for node in window.nodes if node in out]
        until = datetime.fromtimestamp(window.end, UTC).astimezone(self._zone)
        told = names(there) if there else f"nothing of {names(window.nodes)} yet"
        why = f": {window.reason}" if window.reason else ""
        return f"out for maintenance until {until:%Y-%m-%d %H:%M} ({window.id}{why}): {told}"

    def _status(
        self, course: _Course, plant: object, now: float, *, away: Away, ask: Ask
    ) -> MaintenanceStatus:
        seen = {node: away(node) for node in course.window.nodes}
        out = tuple(node for node, gone in seen.items() if gone)
        state = _by_clock(course, now)
        if state == "active":
            course.taken.update(out)
        # What was never taken out for it, and is out after it, is another matter.
        elif state == "overdue" and not course.taken.intersection(out):
            course.closed, state = now, "ended"
        if state in _OPEN:
            self._ask(course, plant, now, ask)
        unseen = tuple(node for node, gone in seen.items() if gone is None)
        return _told(course, state, unseen, out)

    def _ask(self, course: _Course, plant: object, now: float, ask: Ask) -> None:
        """What its nodes out do, with those of every window beside it, if that may have changed."""
        last = course.now
        if last is not None and course.of == plant and abs(now - last.time) < ASKED_AGAIN_S:
            return
        window = course.window
        beside = (
            other.window
            for other in self._all()
            if other.closed is None
            and other.window.start < window.end
            and window.start < other.window.end
        )
        nodes = self._nodes((window, *beside))
        when: Demand = "now" if now >= window.start else "peak_30d"
        answer = ask(nodes, (), nodes, when)
        course.of, course.now = plant, Answered(answer.verdict, answer.reasons, now)
        course.announced = course.announced or course.now


_Devices = Callable[[Sequence[str]], frozenset[str]]
"""Devices all of whose nodes and units are among these ids."""


def check(window: Window, now: float) -> None:
    """Raises WindowError for a window that cannot be."""
    if not window.nodes:
        raise WindowError("nodes: name what will be out")
    if window.end <= window.start:
        raise WindowError("end: is not after the start")
    if window.end <= now:
        raise WindowError("end: is over already")
    if window.end - window.start > DAYS_MAX * 86_400:
        raise WindowError(
            f"end: maintenance of more than {DAYS_MAX:.0f} days: change the site file instead"
        )


def _by_clock(course: _Course, now: float) -> WindowState:
    """How a window stands by the clock; `overdue` until it is seen that nothing is out."""
    if course.closed is not None:
        return "cancelled" if course.cancelled else "ended"
    if now < course.window.start:
        return "planned"
    return "active" if now < course.window.end else "overdue"


def _told(
    course: _Course, state: WindowState, unseen: tuple[str, ...], out: tuple[str, ...] = ()
) -> MaintenanceStatus:
    return MaintenanceStatus(
        window=course.window,
        state=state,
        out=out,
        unseen=unseen,
        taken=tuple(node for node in course.window.nodes if node in course.taken),
        announced=course.announced,
        now=course.now,
        worse=state in _OPEN and _worse(course),
        closed=course.closed,
    )


def _sorted(statuses: Sequence[MaintenanceStatus]) -> tuple[MaintenanceStatus, ...]:
    """What is to come or goes on by its start, then what is over, the newest first."""
    is_open = [status for status in statuses if status.state in _OPEN]
    over = [status for status in statuses if status.state not in _OPEN]
    is_open.sort(key=lambda status: (status.window.start, status.window.id))
    over.sort(key=lambda status: (-(status.closed or 0.0), status.window.id))
    return (*is_open, *over)


def _worse(course: _Course) -> bool:
    first, last = course.announced, course.now
    return first is not None and last is not None and _RANK[last.verdict] > _RANK[first.verdict]


def _plant(report: RedundancyReport) -> object:
    """What must be the same for an answer to stand, without numbers that always move."""
    return (
        report.status,
        tuple((group.id, group.status, group.missing) for group in report.groups),
        tuple((load.id, load.state) for load in report.loads),
        tuple((zone.id, zone.status) for zone in report.zones),
        report.unknown,
    )


def _worded(report: RedundancyReport, planned: Planned) -> RedundancyReport:
    """The report as it reads where something is out by plan; its status stays what it is."""
    reasons = tuple(dict.fromkeys((*report.reasons, planned.words)))
    if report.status == FULL:
        return replace(report, reasons=reasons, planned=planned)
    if planned.all:
        headline = f"as planned, {report.headline} ({planned.words})"
        return replace(report, headline=headline, reasons=reasons, planned=planned)
    return replace(report, reasons=reasons, planned=planned)


def _answered(saved: Mapping[str, Any] | None) -> Answered | None:
    if saved is None:
        return None
    return Answered(saved["verdict"], tuple(saved["reasons"]), float(saved["time"]))
