"""The sequence of what happened: numbered events, the newest of them kept, told when they are safe.

An event happened after the last answer that showed the old state and before the first that shows
the new one. Events whose spans overlap have no order among them, and none is claimed.

Numbers only grow and none is given twice, over any restart: where events are kept on disk, one is
told when the disk has it (`unsaved`, `saved`), so that nobody has seen a number that a kill takes
back. While the disk refuses, events are told all the same (`refused`). Finds nothing itself
(`core/changes.py`, `core/state_changes.py`); knows no file and no clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from core.changes import Changes, event, of_kasbah
from core.snapshot import Event, Snapshot
from core.stand import Stand
from core.state_changes import StateChanges
from core.vocabulary import Severity

EVENTS_MAX = 100_000
"""How many events are remembered, in memory and on disk: the newest, by their number and not by a
clock that may be wrong. A choice: years of a quiet site, 50 MB of memory when full."""

TRIM = 1000
"""The oldest are let go so many at once."""

EVENTS_A_TICK_MAX = 1000
"""A storm beyond this in one tick is cut, and the rest counted."""

LOST_MAX = 10_000
"""Where events were lost from disk, numbers go on so many later than the last that is known: more
than came since that was saved, ten seconds before, in any storm."""


@dataclass(frozen=True, slots=True)
class KeptEvents:
    """Events as they are kept over a restart, with the stand after the last of them, in plain
    values. `lost` is a sentence where some could not be read."""

    events: Sequence[Event]
    stand: Mapping[str, Any]
    lost: str = ""


class EventLog:
    """Numbers events and remembers the newest of them."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._seq = 0
        self._changes = Changes()
        self._states = StateChanges()
        self._on_disk = False
        self._saved = self._told = 0
        """Last number that is safe, and that is told; they count only with a disk."""
        self.dropped = 0
        """Events that a storm cut off, since the start."""

    # Writing.

    def update(self, before: Snapshot, after: Snapshot, turns: Iterable[Event] = ()) -> None:
        """Add what changed from one snapshot to the next, and the `turns` of meters."""
        if before.version == 0:
            self._start(before.time)
        shown, cut = self._states.update(after.points, EVENTS_A_TICK_MAX)
        found = [
            *of_kasbah(before, after),
            *shown,
            *self._changes.meters(turns),
            *self._changes.update(before, after),
        ]
        found.sort(key=lambda each: (each.latest, each.earliest))
        cut += max(0, len(found) - EVENTS_A_TICK_MAX)
        self.add(found[:EVENTS_A_TICK_MAX])
        if cut:
            self.dropped += cut
            message = f"{cut} more changes at the same moment are not listed"
            self.note("storm", message, after.time, Severity.WARNING)

    def note(self, after: str, message: str, now: float, severity: Severity = Severity.OK) -> None:
        """Add an event of Kasbah itself, such as `revised`. `now` is UTC seconds."""
        self.add([event("system", after, message, severity, (now, now))])

    def add(self, events: Sequence[Event]) -> None:
        """Add these, whatever their number is, in this order."""
        for each in events:
            self._seq += 1
            self._events.append(replace(each, seq=self._seq))
        if len(self._events) >= EVENTS_MAX + TRIM:
            del self._events[:-EVENTS_MAX]

    def stepped(self, by_s: float, now: float) -> None:
        """The clock was set by so many seconds, and says `now` (UTC seconds)."""
        self._changes.stepped(by_s)
        self._states.stepped(by_s)
        way = "forward" if by_s > 0 else "back"
        message = f"clock set {way} by {_span(abs(by_s))}: times before and after do not compare"
        self.note(f"clock set {way}", message, now, Severity.WARNING)

    def stop(self, now: float) -> None:
        """An orderly stop: the next start will not take it for a kill."""
        self.note("stopped", "Kasbah stopped", now)
        self._changes.stand.alive, self._changes.stand.stopped = now, True

    # Reading.

    @property
    def ends(self) -> tuple[int, int]:
        """Number of the oldest event kept (0: none), and of the newest that is told."""
        return (self._events[0].seq if self._events else 0), self._last_told

    def newest(self, count: int) -> tuple[Event, ...]:
        """The last events that are told, oldest first."""
        end = self._after(self._last_told)
        return tuple(self._events[max(0, end - count) : end])

    def since(self, seq: int, limit: int) -> tuple[Event, ...]:
        """Events after `seq` that are told, oldest first, at most `limit`."""
        first, end = self._after(seq), self._after(self._last_told)
        return tuple(self._events[first : min(end, first + max(0, limit))])

    @property
    def _last_told(self) -> int:
        return self._told if self._on_disk else self._seq

    def _after(self, seq: int) -> int:
        """Where the events after this number begin."""
        return bisect_right(self._events, seq, key=lambda each: each.seq)

    # Over a restart.

    @property
    def waiting(self) -> bool:
        """Whether there is an event that the disk does not have yet."""
        return self._on_disk and self._seq > self._saved

    def unsaved(self) -> KeptEvents | None:
        """Events that the disk does not have yet, None where there is none."""
        if not self.waiting:
            return None
        first = self._after(self._saved)
        return KeptEvents(tuple(self._events[first:]), self._changes.stand.state())

    def saved(self, kept: KeptEvents) -> None:
        """What `unsaved` gave is safe."""
        self._saved = max(self._saved, kept.events[-1].seq)
        self._told = max(self._told, self._saved)

    def refused(self) -> None:
        """The disk does not take events: they are told without it."""
        self._told = self._seq

    def state(self) -> dict[str, Any]:
        """What `restore` takes: the last number, and how everything stands."""
        return {
            "seq": self._seq,
            "stand": self._changes.stand.state(),
            "states": self._states.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`, before the first tick."""
        stand = Stand.restored(state.get("stand", {}))
        if stand is None:
            return
        self._states.restore(state["states"])
        self._seq, self._changes.stand = int(state["seq"]), stand

    def keep(self, kept: KeptEvents, now: float) -> None:
        """Go on from what the disk has, after `restore` and before the first tick; from now on
        events wait for the disk. `now` is UTC seconds."""
        state_seq, self._events = self._seq, list(kept.events)
        last = kept.events[-1].seq if kept.events else 0
        self._on_disk, self._saved, self._told = True, last, last
        stand = Stand.restored(kept.stand)
        if stand is not None and last > state_seq:
            self._changes.stand = stand
        self._states.replay(each for each in kept.events if each.seq > state_seq)
        self._seq = last
        lost = kept.lost
        if state_seq > last or lost:
            self._seq = max(state_seq, last) + LOST_MAX
            lost = lost or f"events after number {last} are gone: events.db does not have them"
            self.note("events lost", lost, now, Severity.WARNING)

    def _start(self, now: float) -> None:
        """The first event of a run, with the time in which nobody looked."""
        stand = self._changes.stand
        message, before, severity = "Kasbah started", "", Severity.OK
        if stand.alive is not None:
            before = "stopped" if stand.stopped else "running"
            message = f"Kasbah started, was down from {_iso(stand.alive)} to {_iso(now)}"
            if now < stand.alive:
                message = f"Kasbah started; the clock is behind its last run ({_iso(stand.alive)})"
            elif not stand.stopped:
                message += ": it was killed, or failed"
                severity = Severity.WARNING
        stand.stopped = False
        self.add([event("system", "started", message, severity, (now, now), before=before)])


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _span(seconds: float) -> str:
    """How long, in words: `1 h 0 min`."""
    for long_s, word, short_s, rest in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= long_s:
            whole, left = divmod(round(seconds / short_s), long_s // short_s)
            return f"{whole} {word} {left} {rest}"
    return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds:.1f} s"
