"""The sequence of what happened: changes between two snapshots, each with the span it must lie in.

An event happened after the last answer that showed the old state and before the first that shows
the new one. Events whose spans overlap have no order among them, and none is claimed. What is
found at the first look is news only where it is not as it should be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from core.points import Point
from core.quality import LEVEL_NAMES, LEVEL_SHIFT, Level
from core.readings import Floats
from core.redundancy.words import names
from core.snapshot import Event, Kpi, LoadStatus, PointView, Snapshot
from core.vocabulary import Severity

EVENTS_MAX = 10_000
"""How many events are remembered."""

EVENTS_A_TICK_MAX = 1000
"""A storm beyond this in one tick is cut, and the rest counted."""

CLOCK_SET_BACK_S = 0.5
"""A clock that goes back by more is news; less is how clocks are kept in step."""

SETTLED_S = 60.0
"""The quality of a key figure is news when it has stood for so long; shorter it flickers."""

CAUSES_MAX = 5
"""So many reasons are named."""

_Figure: TypeAlias = tuple[str, int | None, str, str]

_SUPPLY_SEVERITY = {
    "mains": Severity.OK,
    "generator": Severity.WARNING,
    "mixed": Severity.WARNING,
    "battery": Severity.CRITICAL,
    "none": Severity.CRITICAL,
    "unknown": Severity.UNKNOWN,
}
_STATUS_WORDS = {-1: "unknown", 0: "lost or overloaded", 1: "at N", 2: "degraded", 3: "full"}
_STATUS_SEVERITY = {
    -1: Severity.UNKNOWN,
    0: Severity.CRITICAL,
    1: Severity.CRITICAL,
    2: Severity.WARNING,
    3: Severity.OK,
}
_LOAD_SEVERITY = {
    "redundant": Severity.OK,
    "at_n": Severity.WARNING,
    "unprotected": Severity.CRITICAL,
    "lost": Severity.CRITICAL,
    "unknown": Severity.UNKNOWN,
}


class EventLog:
    """Finds events between snapshots and remembers the newest of them."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._seq = 0
        self._points = 0
        self._rows: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)
        """Rows of the point table that hold states; the two below have one entry for each."""
        self._code: Floats = np.empty(0)
        self._seen: Floats = np.empty(0)
        self._newest: tuple[Event, ...] = ()
        self._newest_of = (0, 0)
        self._settled = _Settled()
        self.dropped = 0
        """Events that a storm cut off, since the start."""

    def update(self, before: Snapshot, after: Snapshot) -> None:
        """Add what changed from one snapshot to the next."""
        shown, cut = self._states(after.points)
        found = [
            *_system(before, after),
            *shown,
            *_devices(before, after),
            *_supply(before, after),
            *_groups(before, after),
            *_loads(before, after),
            *_maintenance(before, after),
            *self._settled.update(before, after),
        ]
        found.sort(key=lambda event: (event.latest, event.earliest))
        cut += max(0, len(found) - EVENTS_A_TICK_MAX)
        for event in found[:EVENTS_A_TICK_MAX]:
            self._append(event)
        if cut:
            self.dropped += cut
            message = f"{cut} more changes at the same moment are not listed"
            self.note("storm", message, after.time, Severity.WARNING)

    def note(self, after: str, message: str, now: float, severity: Severity = Severity.OK) -> None:
        """Add an event of Kasbah itself, such as `stopped`. `now` is UTC seconds."""
        self._append(_event("system", after, message, severity, (now, now)))

    def newest(self, count: int) -> tuple[Event, ...]:
        """The last events, oldest first."""
        if self._newest_of != (self._seq, count):
            self._newest_of = (self._seq, count)
            self._newest = tuple(islice(self._events, max(0, len(self._events) - count), None))
        return self._newest

    def since(self, seq: int, limit: int) -> tuple[Event, ...]:
        """Events after `seq`, oldest first, at most `limit`."""
        if not self._events:
            return ()
        first = max(0, seq + 1 - self._events[0].seq)
        return tuple(islice(self._events, first, first + max(0, limit)))

    def _append(self, event: Event) -> None:
        self._seq += 1
        self._events.append(replace(event, seq=self._seq))

    def _states(self, view: PointView) -> tuple[list[Event], int]:
        """Changes of state codes, and how many were cut: a mask over all states, Python only for
        those that changed."""
        self._grow(view.points)
        code, quality = view.value[self._rows], view.quality[self._rows]
        usable = (quality >> LEVEL_SHIFT < Level.BAD) & ~np.isnan(code)
        differs = usable & (code != self._code)
        moved = np.flatnonzero(differs)
        if len(moved):
            severity = view.severity[self._rows[moved]]
            wrong = (severity == Severity.WARNING) | (severity == Severity.CRITICAL)
            moved = moved[wrong | ~np.isnan(self._code[moved])]
        events = [self._change(view, i) for i in moved[:EVENTS_A_TICK_MAX].tolist()]
        self._code[differs] = code[differs]
        np.copyto(self._seen, view.time[self._rows], where=usable)
        return events, len(moved) - len(events)

    def _change(self, view: PointView, i: int) -> Event:
        row = int(self._rows[i])
        point = view.points[row]
        axis = point.name.axis
        names = axis.states if axis else ()
        old, new = self._code[i], int(view.value[row])
        before = "" if np.isnan(old) else _name(names, int(old))
        after = _name(names, new)
        latest, earliest = float(view.time[row]), float(self._seen[i])
        moved = f"{before} → {after}" if before else after
        return Event(
            seq=0,
            kind="state",
            device=point.device,
            point=point.id,
            before=before,
            after=after,
            severity=Severity(int(view.severity[row])),
            message=f"{point.device} {point.name}: {moved}",
            earliest=latest if np.isnan(earliest) else min(earliest, latest),
            latest=latest,
        )

    def _grow(self, points: Sequence[Point]) -> None:
        """Rows are only ever appended to the table: look at the new ones."""
        if len(points) == self._points:
            return
        new = [row for row in range(self._points, len(points)) if points[row].name.axis is not None]
        self._points = len(points)
        self._rows = np.concatenate([self._rows, np.array(new, dtype=np.intp)])
        unknown = np.full(len(new), np.nan)
        self._code = np.concatenate([self._code, unknown])
        self._seen = np.concatenate([self._seen, unknown])


def _name(names: Sequence[str], code: int) -> str:
    return names[code] if 0 <= code < len(names) else str(code)


def _event(
    kind: Literal["redundancy", "supply", "kpi", "maintenance", "system"],
    after: str,
    message: str,
    severity: Severity,
    span: tuple[float, float],
    *,
    before: str = "",
    point: str = "",
    cause: str = "",
) -> Event:
    return Event(
        seq=0,
        kind=kind,
        device="",
        point=point,
        before=before,
        after=after,
        severity=severity,
        message=message,
        earliest=span[0],
        latest=span[1],
        cause=cause,
    )


def _system(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """What happens to Kasbah itself."""
    back_s = before.time - after.time
    if before.version == 0:
        yield _event("system", "started", "Kasbah started", Severity.OK, (before.time, after.time))
    if after.ready and not before.ready:
        message = "every device was tried once: verdicts begin"
        yield _event("system", "ready", message, Severity.OK, (after.time, after.time))
    if back_s > CLOCK_SET_BACK_S:
        message = f"the clock was set back by {back_s:.1f} s: times before and after do not compare"
        span = (after.time, after.time)
        yield _event("system", "clock set back", message, Severity.WARNING, span)


def _devices(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """Devices that fell silent or came back."""
    for name, status in after.devices.items():
        old = before.devices.get(name)
        if old is status or old is None or not status.tried:
            continue
        if status.up == old.up and old.tried:
            continue
        if status.up and not old.tried:
            continue  # answering at the first try is no news
        word = "answers" if status.up else "silent"
        detail = "" if status.up else f": {status.last_error}"
        earliest = before.time if status.up else old.last_success or before.time
        yield Event(
            seq=0,
            kind="device",
            device=name,
            point="",
            before="answers" if old.up else "silent" if old.tried else "",
            after=word,
            severity=Severity.OK if status.up else Severity.WARNING,
            message=f"{name} {'answers again' if status.up else 'is silent'}{detail}",
            earliest=min(earliest, after.time),
            latest=after.time,
        )


def _supply(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """The site's mode of supply."""
    severity = _SUPPLY_SEVERITY[after.supply]
    if before.supply == after.supply or (not before.ready and severity is Severity.OK):
        return
    moved = f"{before.supply} → {after.supply}" if before.ready else after.supply
    yield _event(
        "supply",
        after.supply,
        f"supply: {moved}",
        severity,
        _between(before, after),
        before=before.supply if before.ready else "",
    )


def _groups(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """The site, its redundancy groups, and rooms with their air, whose status changed."""
    if not after.ready:
        return
    old = {part: (status, said) for part, status, said in _parts(before)} if before.ready else {}
    for part, status, reasons in _parts(after):
        was, said = old.get(part, (None, ()))
        severity = _STATUS_SEVERITY[status]
        if was == status or (was is None and severity is Severity.OK):
            continue
        word = _STATUS_WORDS[status]
        moved = word if was is None else f"{_STATUS_WORDS[was]} → {word}"
        why = f" ({'; '.join(reasons)})" if reasons else ""
        yield _event(
            "redundancy",
            word,
            f"{part}: {moved}{why}",
            severity,
            _between(before, after),
            before="" if was is None else _STATUS_WORDS[was],
            point=part,
            cause=_cause(said, reasons),
        )


def _cause(before: Sequence[str], after: Sequence[str]) -> str:
    """What is said now and was not before; else what is no longer said."""
    new = [reason for reason in after if reason not in before]
    gone = [f"no longer: {reason}" for reason in before if reason not in after]
    return "; ".join(new or gone)


def _loads(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """Loads that stand otherwise than before, together where they moved alike."""
    if not (before.ready and after.ready) or before.redundancy.loads is after.redundancy.loads:
        return
    old = {load.id: load.state for load in before.redundancy.loads}
    moved: dict[tuple[str, str], list[LoadStatus]] = {}
    for load in after.redundancy.loads:
        if old.get(load.id, load.state) != load.state:
            moved.setdefault((old[load.id], load.state), []).append(load)
    for (old_state, state), loads in moved.items():
        causes = dict.fromkeys(reason for load in loads for reason in load.reasons)
        yield _event(
            "redundancy",
            state,
            f"{names([load.id for load in loads])}: {_spoken(old_state)} → {_spoken(state)}",
            _LOAD_SEVERITY[state],
            _between(before, after),
            before=old_state,
            point=loads[0].id if len(loads) == 1 else "",
            cause="; ".join(list(causes)[:CAUSES_MAX]),
        )


def _maintenance(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """Announced maintenance: its course, nodes that go out and come back, and another answer."""
    if before.maintenance is after.maintenance or not before.ready:
        return
    old = {status.window.id: status for status in before.maintenance}
    span = _between(before, after)
    for status in after.maintenance:
        name, was = status.window.id, old.get(status.window.id)
        about = f"maintenance {name} ({names(status.window.nodes)})"
        state, late = status.state, status.state == "overdue"
        if was is None or was.state != state:
            yield _event(
                "maintenance",
                state,
                f"{about}: {state}" + (f", still out: {names(status.out)}" if late else ""),
                Severity.WARNING if late else Severity.OK,
                span,
                before="" if was is None else was.state,
                point=name,
                cause=status.window.reason,
            )
        if was is None or status.now is None:
            continue
        if was.now is not None and was.now.verdict != status.now.verdict:
            moved = f"{was.now.verdict} → {status.now.verdict}"
            yield _event(
                "maintenance",
                status.now.verdict,
                f"{about}: {moved}",
                Severity.WARNING if status.worse else Severity.OK,
                span,
                before=was.now.verdict,
                point=name,
                cause="; ".join(status.now.reasons[:CAUSES_MAX]),
            )
        for word, moved_nodes in (
            ("out", [node for node in status.out if node not in was.out]),
            ("back", [node for node in was.out if node not in status.out]),
        ):
            if moved_nodes and state in ("active", "overdue"):
                message = f"{about}: {word}: {names(moved_nodes)}"
                yield _event("maintenance", word, message, Severity.OK, span, point=name)


def _spoken(state: str) -> str:
    return {"at_n": "at N"}.get(state, state)


class _Settled:
    """Quality of key figures. A figure that only flickers tells nothing: what is new must have
    stood for a while."""

    def __init__(self) -> None:
        self._told: dict[_Figure, Level] = {}
        self._since: dict[_Figure, tuple[Level, float]] = {}

    def update(self, before: Snapshot, after: Snapshot) -> Iterator[Event]:
        if not after.ready or (before.ready and before.kpis is after.kpis):
            return
        for kpi in after.kpis:
            key, level = (kpi.id, kpi.category, kpi.scope, kpi.window), kpi.quality.level
            told = self._told.setdefault(key, level)
            if level is told:
                self._since.pop(key, None)
                continue
            newly, since = self._since.get(key, (level, after.time))
            if newly is not level:
                since = after.time
            self._since[key] = level, min(since, after.time)
            if after.time - since < SETTLED_S:
                continue
            self._told[key] = level
            yield self._event(kpi, told, level, (since, after.time))

    def _event(self, kpi: Kpi, told: Level, level: Level, span: tuple[float, float]) -> Event:
        where = (kpi.scope, kpi.category and f"category {kpi.category}", kpi.window)
        figure = " ".join([kpi.id.replace("_", " "), *(str(each) for each in where if each)])
        was, word = LEVEL_NAMES[told], LEVEL_NAMES[level]
        return _event(
            "kpi",
            word,
            f"{figure}: {was} → {word}",
            Severity.WARNING if level > told and level is Level.BAD else Severity.OK,
            span,
            before=was,
            point=kpi.id,
            cause=kpi.reason,
        )


def _parts(snapshot: Snapshot) -> Iterator[tuple[str, int, Sequence[str]]]:
    """What has a status of its own: id, status, reasons."""
    report = snapshot.redundancy
    yield "site", report.status, report.reasons
    for group in snapshot.redundancy.groups:
        yield group.id, group.status, group.reasons
    for zone in snapshot.redundancy.zones:
        yield zone.id, zone.own_status, [words for _, words in zone.own]


def _between(before: Snapshot, after: Snapshot) -> tuple[float, float]:
    return min(before.time, after.time), after.time
