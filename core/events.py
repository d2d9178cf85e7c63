"""The sequence of what happened: changes between two snapshots, each with the span it must lie in.

An event happened after the last answer that showed the old state and before the first that shows
the new one. Events whose spans overlap have no order among them, and none is claimed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from core.points import Point
from core.quality import LEVEL_SHIFT, Level
from core.readings import Floats
from core.snapshot import Event, PointView, Snapshot
from core.vocabulary import Severity

EVENTS_MAX = 10_000
"""How many events are remembered."""

EVENTS_A_TICK_MAX = 1000
"""A storm beyond this in one tick is cut, and the rest counted."""

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


class EventLog:
    """Finds events between snapshots and remembers the newest of them."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._seq = 0
        self._code: Floats = np.empty(0)
        self._seen: Floats = np.empty(0)
        self._is_state = np.empty(0, dtype=bool)
        self.dropped = 0

    def update(self, before: Snapshot, after: Snapshot) -> None:
        """Add what changed from one snapshot to the next."""
        found = [
            *self._states(after.points),
            *_devices(before, after),
            *_supply(before, after),
            *_groups(before, after),
        ]
        found.sort(key=lambda event: (event.latest, event.earliest))
        self.dropped += max(0, len(found) - EVENTS_A_TICK_MAX)
        for event in found[:EVENTS_A_TICK_MAX]:
            self._seq += 1
            self._events.append(_numbered(event, self._seq))

    def newest(self, count: int) -> tuple[Event, ...]:
        """The last events, oldest first."""
        return tuple(islice(self._events, max(0, len(self._events) - count), None))

    def since(self, seq: int, limit: int) -> tuple[Event, ...]:
        """Events after `seq`, oldest first, at most `limit`."""
        return tuple(islice((event for event in self._events if event.seq > seq), limit))

    def _states(self, view: PointView) -> Iterator[Event]:
        """Changes of state codes: one mask over all points, Python only for those that changed."""
        self._grow(view.points)
        usable = self._is_state & (view.quality >> LEVEL_SHIFT < Level.BAD)
        usable &= ~np.isnan(view.value)
        first = usable & np.isnan(self._code)
        changed = usable & ~first & (view.value != self._code)
        # A state that is bad from the first look on is worth saying; one that is as it should be
        # is not.
        shown = np.flatnonzero(changed | (first & (view.severity > Severity.OK)))
        for row in shown[:EVENTS_A_TICK_MAX].tolist():
            yield self._event(view, row)
        self.dropped += max(0, len(shown) - EVENTS_A_TICK_MAX)
        self._code[usable] = view.value[usable]
        self._seen[usable] = view.time[usable]

    def _event(self, view: PointView, row: int) -> Event:
        point = view.points[row]
        axis = point.name.axis
        names = axis.states if axis else ()
        old, new = self._code[row], int(view.value[row])
        before = names[int(old)] if not np.isnan(old) else ""
        after = names[new] if new < len(names) else str(new)
        time = float(view.time[row])
        earliest = float(self._seen[row])
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
            earliest=time if np.isnan(earliest) else min(earliest, time),
            latest=time,
        )

    def _grow(self, points: Sequence[Point]) -> None:
        n = len(self._code)
        if n == len(points):
            return
        more = np.full(len(points) - n, np.nan)
        self._code = np.concatenate([self._code, more])
        self._seen = np.concatenate([self._seen, more])
        states = np.array([point.name.axis is not None for point in points[n:]], dtype=bool)
        self._is_state = np.concatenate([self._is_state, states])


def _numbered(event: Event, seq: int) -> Event:
    return Event(
        seq,
        event.kind,
        event.device,
        event.point,
        event.before,
        event.after,
        event.severity,
        event.message,
        event.earliest,
        event.latest,
    )


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
        yield Event(
            seq=0,
            kind="device",
            device=name,
            point="",
            before="answers" if old.up else "silent" if old.tried else "",
            after=word,
            severity=Severity.OK if status.up else Severity.WARNING,
            message=f"{name} {'answers again' if status.up else 'is silent'}{detail}",
            earliest=(old.last_success or before.time) if not status.up else before.time,
            latest=after.time,
        )


def _supply(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """The site's mode of supply."""
    if before.supply == after.supply:
        return
    yield Event(
        seq=0,
        kind="supply",
        device="",
        point="",
        before=before.supply,
        after=after.supply,
        severity=_SUPPLY_SEVERITY[after.supply],
        message=f"supply: {before.supply} → {after.supply}",
        earliest=before.time,
        latest=after.time,
    )


def _groups(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """Redundancy groups whose status changed."""
    old = {group.id: group.status for group in before.redundancy.groups}
    for group in after.redundancy.groups:
        was = old.get(group.id)
        if was is None or was == group.status:
            continue
        why = f" ({'; '.join(group.reasons)})" if group.reasons else ""
        yield Event(
            seq=0,
            kind="redundancy",
            device="",
            point=group.id,
            before=_STATUS_WORDS[was],
            after=_STATUS_WORDS[group.status],
            severity=_STATUS_SEVERITY[group.status],
            message=f"{group.id}: {_STATUS_WORDS[was]} → {_STATUS_WORDS[group.status]}{why}",
            earliest=before.time,
            latest=after.time,
        )
