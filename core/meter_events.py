"""What happens to counters: that they begin again, are replaced, stop, or run backwards.

Looks at a meter before and after it takes a reading (`core/meter.py` decides) and says what turned,
with the readings on both sides and what it means for the energy. Times are those of the meters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.meter import Meter, Suspect
from core.metering import per_unit
from core.points import parse_point
from core.snapshot import Event
from core.vocabulary import Severity

COUNTING = "counting"
STOPPED = "stopped"
RUNS_BACKWARDS = "runs backwards"
LASTING = frozenset({STOPPED, RUNS_BACKWARDS})
"""How a counter is until it counts again; the other words say what it did in a moment."""

_BY_POWER = "power stood in for it: estimated"


@dataclass(frozen=True, slots=True)
class Turn:
    """Counter `meter` was at `before`, and is at `after` (Wh, or litres of a volume), between two
    times. `word` is how it is now, or what it did in a moment; `energy` what that means."""

    meter: int
    word: str
    before: float
    after: float
    start: float
    end: float
    energy: str

    def later(self, seconds: float) -> Turn:
        """The same at other times."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)


class Noted(NamedTuple):
    """What of a meter is looked at before it takes a reading."""

    restarts: int
    stuck: bool
    suspect: Suspect | None
    counter: float | None
    counter_time: float
    until: float

    @classmethod
    def of(cls, meter: Meter) -> Noted:
        return cls(
            meter.restarts,
            meter.stuck,
            meter.suspect,
            meter.counter_wh,
            meter.counter_time,
            meter.until,
        )


class MeterWatch:
    """Collects turns of meters, named by the points of their counters."""

    def __init__(self, counters: Sequence[str]) -> None:
        count, self._counters = len(counters), counters
        self._turns: list[Turn] = []
        self._standing: npt.NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
        self._unmoved = set(range(count))
        """Meters that have not moved since the start: whether they count is not known."""

    def events(self, ahead_s: float) -> list[Event]:
        """The turns since the last call as events without a number; the meters' times are `ahead_s`
        ahead of UTC."""
        turns, self._turns = self._turns, []
        return [_event(turn.later(-ahead_s), self._counters[turn.meter]) for turn in turns]

    def look(self, i: int, was: Noted, meter: Meter) -> None:
        """Meter `i` has taken a reading."""
        if was.counter is None or meter.counter_wh is None:
            return
        if meter.restarts > was.restarts and was.suspect is not None:
            self._add(i, was, meter.counter_wh, meter, *_began_again(was, was.suspect))
        elif meter.stuck and not was.stuck:
            self._add(i, was, meter.counter_wh, meter, STOPPED, _BY_POWER)
        elif meter.suspect is not was.suspect and was.suspect is not None:
            self._suspected(i, was, was.suspect, meter)
        moved = meter.moved == meter.counter_time > was.counter_time and not meter.stuck
        if moved and (was.stuck or i in self._unmoved or self._standing[i]):
            self._unmoved.discard(i)
            self._add(i, was, meter.counter_wh, meter, COUNTING, "")

    def stand(self, standing: npt.NDArray[np.bool_], meters: Sequence[Meter]) -> None:
        """Which counters stand although something should flow, and nothing stands in for them."""
        for i in np.flatnonzero(standing & ~self._standing).tolist():
            meter = meters[i]
            if meter.standstill is not None and meter.counter_wh is not None:
                energy = "no power beside it: not known until it moves again"
                count, since = meter.counter_wh, meter.moved
                turn = Turn(i, STOPPED, count, count, since, meter.counter_time, energy)
                self._turns.append(turn)
        self._standing = standing

    def _suspected(self, i: int, was: Noted, suspect: Suspect, meter: Meter) -> None:
        """A reading that was not credible is not confirmed by this one."""
        if was.counter is None or suspect.counter_wh >= was.counter:
            return  # it was further than it can be, for a moment
        if meter.suspect is None:
            energy = "it is back where it was, and bridges the moment: nothing is lost"
            self._add(i, was, suspect.counter_wh, meter, "ran backwards", energy)
        elif meter.suspect.counter_wh < suspect.counter_wh:
            energy = _BY_POWER if meter.power_w is not None else "not counted"
            self._add(i, was, meter.suspect.counter_wh, meter, RUNS_BACKWARDS, energy)

    def _add(self, i: int, was: Noted, after: float, meter: Meter, word: str, energy: str) -> None:
        before = after if was.counter is None else was.counter
        self._turns.append(Turn(i, word, before, after, was.counter_time, meter.heard, energy))


def _began_again(was: Noted, first: Suspect) -> tuple[str, str]:
    """What a counter did that goes on from another count, and what that means."""
    word = "replaced" if first.wh is None else "restarted"
    if was.until >= first.time:
        return word, _BY_POWER
    if first.wh is None:
        return word, "what flowed in between is not counted"
    return word, "what it counted since it began again is counted; what it lost before is not"


def _event(turn: Turn, counter: str) -> Event:
    point = parse_point(counter)
    unit = point.name.definition.unit if point.name.definition else ""
    before, after = (_count(each / per_unit(counter), unit) for each in (turn.before, turn.after))
    counts = before if turn.before == turn.after else f"{before} → {after}"
    energy = f" ({turn.energy})" if turn.energy else ""
    return Event(
        seq=0,
        kind="meter",
        device=point.device,
        point=counter,
        before=COUNTING,
        after=turn.word,
        severity=Severity.OK if turn.word == COUNTING else Severity.WARNING,
        message=f"{point.device} {point.name} {_SAID.get(turn.word, turn.word)}: {counts}{energy}",
        earliest=min(turn.start, turn.end),
        latest=turn.end,
        cause=turn.energy,
    )


_SAID = {
    COUNTING: "counts again",
    STOPPED: "stands still",
    "restarted": "began again",
    "replaced": "goes on from another count: replaced, or set",
}


def _count(value: float, unit: str) -> str:
    return f"{value / 1000:.1f} kWh" if unit == "Wh" else f"{value:.1f} {unit}"
