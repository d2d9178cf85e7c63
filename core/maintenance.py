"""Announced maintenance: windows in which nodes are out as planned, and what is said of them.

A window never makes a verdict better, only tells it otherwise: what the plant would be like with
its nodes back says what is missing by plan and what is wrong beside it. Nodes that no device tells
of count as out while they are announced, where that is the worse of both. After its end what is
still out is a fault.

`told` belongs to the tick and uses the answers at hand; `ask` asks for those that are due, and may
take as long as a few what-ifs: it belongs to a thread of its own. Pure: `now` is handed in; knows
no file. What windows do to the plant is judged in `core/judgement.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.judgement import Effect, judged, lowered, plant_of, whole_with, worsened
from core.redundancy.groups import FULL
from core.redundancy.words import names
from core.site import Window
from core.snapshot import (
    Answered,
    GroupStatus,
    MaintenanceStatus,
    Planned,
    RedundancyReport,
    WhatIf,
    WindowState,
)

ASKED_AGAIN_S: Final = 60.0
"""A window is asked about again after so long, though nothing has changed but the load."""

UNSURE_S: Final = 15.0
"""An answer that has become unknown is believed after so long: one missed poll is no news."""

KEPT_MAX: Final = 200
"""So many windows that are over are remembered."""

DAYS_MAX: Final = 92.0
"""A longer window is a mistake: what is out for a quarter of a year is the plant as it is."""

STATE_VERSION: Final = 1

_OPEN: frozenset[WindowState] = frozenset(("planned", "active", "overdue"))

Away = Callable[[str], bool | None]
"""Whether an id is not as it should be now, None where nobody tells."""

Devices = Callable[[Sequence[str]], frozenset[str]]
"""Devices all of whose nodes and units are among these ids."""


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
    unsure_since: float | None = None
    taken: set[str] = field(default_factory=set)
    closed: float | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the plant would be with what is announced back, and with what nobody sees out."""

    of: object
    whole: frozenset[str]
    """Groups and zones that would be full, with nobody missing."""
    beside: tuple[str, ...]
    unseen: tuple[str, ...]
    without: WhatIf | None


class Maintenance:
    """The windows of one site. `announce` and `cancel` may be called from any thread."""

    def __init__(self, fixed: Iterable[Window], timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._courses = {window.id: _Course(window) for window in fixed}
        self._lock = threading.Lock()
        self._plan: _Plan | None = None

    def __bool__(self) -> bool:
        return bool(self._courses)

    def announce(self, window: Window, now: float) -> Window:
        """Take up a window; one without an id is given one. Raises WindowError where it cannot
        be."""
        check(window, now)
        with self._lock:
            if window.id in self._courses:
                raise WindowError(f"there is maintenance '{window.id}' already")
            number = 1 + len(self._courses)
            while not window.id:
                if f"m-{number}" not in self._courses:
                    window = replace(window, id=f"m-{number}")
                number += 1
            self._courses = self._remembered() | {window.id: _Course(window)}
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

    def unseen(self, now: float, away: Away) -> tuple[str, ...]:
        """Ids of what is announced to be out at `now`, and no device tells of."""
        return tuple(node for node in self._active(now) if away(node) is None)

    # The tick.

    def told(
        self, report: RedundancyReport, now: float, *, away: Away, devices: Devices
    ) -> tuple[RedundancyReport, tuple[MaintenanceStatus, ...]]:
        """The report with what of it is planned, and how each window stands."""
        statuses = _sorted([self._status(course, now, away) for course in self._all()])
        windows = [course.window for course in self._going_on(now)]
        if not windows:
            return report, statuses
        nodes = _nodes(windows)
        out = tuple(node for node in nodes if away(node) is not False)
        plan = self._plan
        if plan is not None and plan.without is not None and plan.unseen == self.unseen(now, away):
            report = lowered(report, plan.without, plan.unseen)
        if plan is None or plan.of != (plant_of(report), nodes):
            plan = _at_first_sight(report, nodes)
        planned = Planned(
            nodes=out,
            devices=devices(nodes),
            groups=frozenset(group.id for group in report.groups if group.id in plan.whole),
            zones=frozenset(zone.id for zone in report.zones if zone.id in plan.whole),
            words="; ".join(self._words(window, out) for window in windows),
            beside=plan.beside,
        )
        return _worded(report, planned), statuses

    def unjudged(self, now: float) -> tuple[MaintenanceStatus, ...]:
        """How each window stands while nothing is known of the plant yet."""
        return _sorted([_status(c, _by_clock(c, now), c.window.nodes) for c in self._all()])

    def _status(self, course: _Course, now: float, away: Away) -> MaintenanceStatus:
        seen = {node: away(node) for node in course.window.nodes}
        out = tuple(node for node, gone in seen.items() if gone)
        state = _by_clock(course, now)
        if state == "active":
            course.taken.update(out)
        # What was never taken out for it, and is out after it, is another matter.
        elif state == "overdue" and not course.taken.intersection(out):
            course.closed, state = now, "ended"
        unseen = tuple(node for node, gone in seen.items() if gone is None)
        return _status(course, state, unseen, out)

    def _words(self, window: Window, out: Sequence[str]) -> str:
        there = [node for node in window.nodes if node in out]
        until = datetime.fromtimestamp(window.end, UTC).astimezone(self._zone)
        why = f": {window.reason}" if window.reason else ""
        when = f"until {until:%Y-%m-%d %H:%M} ({window.id}{why})"
        if there:
            return f"out for maintenance {when}: {names(there)}"
        return f"maintenance announced {when}, still in service: {names(window.nodes)}"

    # Asking.

    def ask(self, report: RedundancyReport, now: float, *, away: Away, effect: Effect) -> bool:
        """Ask what is due: of windows and of a plant that is another, or that were asked about long
        ago. Whether anything was asked."""
        asked = False
        for course in self._all():
            if _by_clock(course, now) in _OPEN and self._is_due(course, report, now):
                self._ask(course, report, now, away, effect)
                asked = True
        windows = [course.window for course in self._going_on(now)]
        nodes = _nodes(windows)
        unseen = self.unseen(now, away)
        plan = self._plan
        if not windows:
            self._plan = None
        elif plan is None or plan.of != (plant_of(report), nodes) or plan.unseen != unseen:
            without = effect(unseen, (), (), "now") if unseen else None
            seen = report if without is None else lowered(report, without, unseen)
            whole, beside = whole_with(seen, effect((), nodes, (), "now"))
            self._plan = _Plan((plant_of(seen), nodes), whole, beside, unseen, without)
            asked = True
        return asked

    def _is_due(self, course: _Course, report: RedundancyReport, now: float) -> bool:
        last = course.now
        if last is None or course.of != plant_of(report):
            return True
        again_s = ASKED_AGAIN_S if course.unsure_since is None else UNSURE_S / 3
        return abs(now - last.time) >= again_s

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: what is unsure is so no longer for that."""
        for course in self._courses.values():
            if course.unsure_since is not None:
                course.unsure_since += by_s

    def _ask(
        self, course: _Course, report: RedundancyReport, now: float, away: Away, effect: Effect
    ) -> None:
        """What its nodes out do, with those of every window at the same time."""
        window = course.window
        beside = (
            other.window
            for other in self._all()
            if other.closed is None
            and other.window.start < window.end
            and window.start < other.window.end
        )
        nodes = _nodes((window, *beside))
        gone = tuple(node for node in nodes if away(node))
        begun = now >= window.start
        answer = judged(nodes, gone if begun else (), "now" if begun else "peak_30d", now, effect)
        last, course.of = course.now, plant_of(report)
        if answer.verdict == "unknown" and last is not None and last.verdict != "unknown":
            course.unsure_since = now if course.unsure_since is None else course.unsure_since
            if now - course.unsure_since < UNSURE_S:
                course.now = replace(last, time=now)
                return
        course.unsure_since = None
        course.now = answer
        course.announced = course.announced or answer

    # Keeping.

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

    def _active(self, now: float) -> tuple[str, ...]:
        return _nodes(course.window for course in self._going_on(now))

    def _remembered(self) -> dict[str, _Course]:
        """All but the oldest of those that are over."""
        over = sorted(
            (c for c in self._all() if c.closed is not None and not c.window.fixed),
            key=lambda course: course.closed or 0.0,
        )
        gone = {course.window.id for course in over[: max(0, len(over) - KEPT_MAX)]}
        return {name: course for name, course in self._courses.items() if name not in gone}


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


def _nodes(windows: Iterable[Window]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node for window in windows for node in window.nodes))


def _by_clock(course: _Course, now: float) -> WindowState:
    """How a window stands by the clock; `overdue` until it is seen that nothing is out."""
    if course.closed is not None:
        return "cancelled" if course.cancelled else "ended"
    if now < course.window.start:
        return "planned"
    return "active" if now < course.window.end else "overdue"


def _status(
    course: _Course, state: WindowState, unseen: tuple[str, ...], out: tuple[str, ...] = ()
) -> MaintenanceStatus:
    first, last = course.announced, course.now
    is_open = state in _OPEN and first is not None and last is not None
    return MaintenanceStatus(
        window=course.window,
        state=state,
        out=out,
        unseen=unseen,
        taken=tuple(node for node in course.window.nodes if node in course.taken),
        announced=first,
        now=last,
        worse=worsened(first, last) if is_open and first and last else (),
        closed=course.closed,
    )


def _sorted(statuses: Sequence[MaintenanceStatus]) -> tuple[MaintenanceStatus, ...]:
    """What is to come or goes on by its start, then what is over, the newest first."""
    is_open = [status for status in statuses if status.state in _OPEN]
    over = [status for status in statuses if status.state not in _OPEN]
    is_open.sort(key=lambda status: (status.window.start, status.window.id))
    over.sort(key=lambda status: (-(status.closed or 0.0), status.window.id))
    return (*is_open, *over)


def _at_first_sight(report: RedundancyReport, nodes: Sequence[str]) -> _Plan:
    """Until it is asked: a group is planned where only announced members are missing."""
    announced = set(nodes)
    lacking = [group for group in report.groups if group.status != FULL]
    whole = {group.id for group in lacking if announced.issuperset(group.missing) and group.missing}
    beside = [_lack(group) for group in lacking if group.id not in whole]
    return _Plan(None, frozenset(whole), tuple(beside), (), None)


def _lack(group: GroupStatus) -> str:
    return f"{group.id}: {'; '.join(group.reasons)}" if group.reasons else group.id


def _worded(report: RedundancyReport, planned: Planned) -> RedundancyReport:
    """The report as it reads where something is out by plan; its status stays what it is."""
    reasons = tuple(dict.fromkeys((*report.reasons, planned.words)))
    if report.status != FULL and planned.all:
        headline = f"as planned, {report.headline} ({planned.words})"
        return replace(report, headline=headline, reasons=reasons, planned=planned)
    return replace(report, reasons=reasons, planned=planned)


def _answered(saved: Mapping[str, Any] | None) -> Answered | None:
    if saved is None:
        return None
    lists = {key: tuple(saved[key]) for key in ("reasons", "lost", "unprotected", "overloaded")}
    return Answered(**{**saved, **lists})
