"""One energy meter: from counter and power readings to energy over spans of time.

Theory of operation. The counter says how much energy flowed, the power how it grew between two
counts. When the counter moves, what power gave since it last moved is set right to what was
counted, spread over that time; only a small difference may stand (`ahead_wh`), no more than steps
of this counter and its power usually differ (`band_wh`), as the counter moved somewhere between
two polls. So a coarse or slowly refreshed counter is smooth over a minute and exact over an hour.

    counter and power    power, set right at each move of the counter
    counter only         the counter; a step is spread over the time since the one before
    power only           trapezoid, estimated; a gap of more than five minutes is unknown
    counter after a gap  the counter bridges it, spread evenly; estimated beyond a minute
    counter not credible power, estimated; or nothing until the next reading decides:
                         back at the old count it was a blink, near the new one a new counter
    counter stands still while power flows: power, estimated, until it moves again
    counter stands still without power     no flow; or not known, `core/standstill.py`
    before the first move of the counter: power, estimated

No step of the counter may bring more than the rating allows (`Meter._limit_wh`). Knows neither
the point table nor the clock; times are seconds that never run backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.cells import Span
from core.counters import MODULI_WH, Kind, Step, step
from core.standstill import Standstill

MARGIN = 1.1
"""A meter may read so much above its rating; a choice (reference rule for energy registers)."""

PEAK_FACTOR = 3.0
"""Without a rating: so many times the largest recent power can have flowed."""

PEAK_HALF_LIFE_S = 600.0
"""How fast the largest recent power is forgotten."""

DOUBT_FACTOR = 1.5
"""A counter that went back, or further than it can, is believed again where what it brings and what
the power says are within this factor, either way: then it did wrap, or blink."""

UNRATED_W_MAX = 20e6
"""Without rating and power, where the site does not state what feeds it: more than any feeder of a
data centre carries. A choice."""

POWER_HOLD_S = 90.0
"""A power reading stands for so long: slow polls come once a minute."""

INTEGRATE_S_MAX = 300.0
"""Power is integrated over no longer gap."""

BRIDGED_S = 60.0
"""A longer gap that the counter bridged counts as estimated: when in it is not known."""

BRIDGE_S_MAX = 86_400.0
"""After a longer silence the meter begins anew ..."""

BRIDGE_RATED_S_MAX = 35 * 86_400.0
"""... but where a rating bounds what the counter may bring, after this one: a month and its report
can be made good. A choice."""

STRETCHED = 0.5
"""A gap whose energy fills less than this share of it, by the smaller power at its ends, is no gap:
the clock was set forward. Only the time that the energy takes is known then. Where there is no
power at one end it may have gone, or come, at any time in between."""

COUNTER_FRESH_S = 150.0
"""Power without a counter reading for longer than this is an estimate."""

SPREAD_S_MAX = 3600.0
"""A step of a counter without power is spread back over at most so long."""

FIRST_STEP_S = 60.0
"""The first step of a counter may have grown for so long before the counter was first read."""

FADES = 0.95
"""The largest recent step, and the largest recent difference, shrink so much with each smaller
one."""

STUCK_STEPS = 5.0
"""A counter that owes so many steps stands still."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A counter reading that the next one has to confirm. `wh` is the energy since a restart at
    zero, None where it cannot be told."""

    time: float
    counter_wh: float
    wh: float | None


@dataclass(slots=True)
class Meter:
    """State of one meter. Powers in W towards the load, energies in Wh, times in s."""

    rating_w: float | None = None
    wraps_at_wh: float | None = None
    """Where its counter begins again at zero, None where that is to be guessed."""
    standstill: Standstill | None = None
    """Where its flow hardly ever stops: a counter that stands, without power, says nothing."""
    site_w: float = UNRATED_W_MAX
    """The most that flows anywhere on its site."""
    begun: bool = False
    """There was a first reading."""
    until: float = 0.0
    """Energy is accounted for up to here."""
    total_wh: float = 0.0
    """Everything accounted for since the start."""
    restarts: int = 0
    """Confirmed resets and replacements of the counter ..."""
    restarted_at: float = 0.0
    """... and when the last one was confirmed."""
    power_w: float | None = None
    power_time: float = 0.0
    peak_w: float = 0.0
    counter_wh: float | None = None
    """Last credible counter reading ..."""
    counter_time: float = 0.0
    """... and when it was read."""
    moved: float = 0.0
    """When the counter was last seen at a new count ..."""
    limit_from: float = 0.0
    """... the reading before that ..."""
    spread_from: float = 0.0
    """... and when it was seen at a new count the time before: the last step grew since then."""
    budget_wh: float = 0.0
    """What could have flowed by the rating and was not counted."""
    step_wh: float = 0.0
    """Largest recent step of the counter; 0 before the first."""
    given_wh: float = 0.0
    """What was accounted for since the counter moved last."""
    ahead_wh: float = 0.0
    """What was accounted for beyond the counter when it moved last ..."""
    band_wh: float = 0.0
    """... and how far that may be from zero."""
    doubtful: bool = False
    """The counter went back or too far, and has not agreed with the power since."""
    stood: bool = False
    """The counter did not move with each reading."""
    stuck: bool = False
    suspect: Suspect | None = None

    def take(
        self, time: float, power_w: float | None = None, counter_wh: float | None = None
    ) -> tuple[Span, ...]:
        """Take one reading; at least one of the two must be there. Duplicates and late readings
        are dropped."""
        if power_w is not None:
            power_w = self._bounded(power_w, time)
        if not self.begun or not self._goes_on(time, counter_wh):
            self._begin(time, power_w, counter_wh)
            return ()
        if time <= self.heard:
            return ()
        expected = self._by_power(time, power_w)
        fresh = time - self.counter_time <= COUNTER_FRESH_S
        counted = None if counter_wh is None else self._by_counter(time, counter_wh, expected)
        usual = fresh and not self.doubtful  # else a step is no measure for others
        if counted is None:
            spans = self._without_counter(time, power_w, expected)
        elif expected is None or time - self.until > BRIDGED_S:
            spans = self._by_counter_alone(time, power_w, counted)
        else:
            spans = self._by_both(time, expected, counted, usual=usual)
        if counted and usual and not (self.standstill and self.standstill.held_wh):
            self.step_wh = max(counted, FADES * self.step_wh)
        if power_w is not None:
            self.power_w, self.power_time = power_w, time
        for span in spans:
            self.until = time
            self.total_wh += span.wh
        return spans

    @property
    def heard(self) -> float:
        """The last reading; later than `until` while a counter stands and that says nothing."""
        return max(self.until, self.counter_time)

    @property
    def coarse_wh(self) -> float:
        """How much of the energy may not be counted yet: a step, where there is no power to fill
        it in."""
        alone = not self._has_power(self.until, None)
        return self.step_wh if self.stood and alone else 0.0

    def _has_power(self, time: float, power_w: float | None) -> bool:
        """Whether the power at this time is known, as it was read now or not long ago."""
        read = self.power_w is not None and time - self.power_time <= POWER_HOLD_S
        return read or power_w is not None

    def _goes_on(self, time: float, counter_wh: float | None) -> bool:
        """The silence before this reading was short enough to be bridged.

        Over more than a day only by what is sure: a counter that has a rating and went on, or
        wrapped where it is known to wrap. No guess at a register, no reset.
        """
        silence_s = time - self.heard
        if silence_s <= BRIDGE_S_MAX:
            return True
        if self.rating_w is None or self.counter_wh is None:
            return False
        if silence_s > BRIDGE_RATED_S_MAX:
            return False
        if counter_wh is None:
            return True  # its next reading decides
        sure = () if self.wraps_at_wh is None else (self.wraps_at_wh,)
        limit_wh = self._limit_wh(time)
        found = step(self.counter_wh, counter_wh, limit_wh=limit_wh, moduli_wh=sure)
        return found.kind in {Kind.COUNTED, Kind.WRAPPED}

    def _begin(self, time: float, power_w: float | None, counter_wh: float | None) -> None:
        self.begun, self.until = True, time
        self.power_w, self.power_time = power_w, time
        self._rebase(time, counter_wh)

    def _rebase(self, time: float, counter_wh: float | None) -> None:
        """Follow the counter from this reading on."""
        self.counter_wh = counter_wh
        self.counter_time = self.moved = self.spread_from = time
        self.limit_from = time - FIRST_STEP_S
        self.budget_wh = self._most_w() * FIRST_STEP_S / 3600
        self.step_wh = self.given_wh = self.ahead_wh = self.band_wh = 0.0
        self.stood, self.stuck, self.doubtful, self.suspect = False, False, False, None

    def _bounded(self, power_w: float, time: float) -> float:
        power_w = max(0.0, power_w)
        if self.rating_w is not None:
            power_w = min(power_w, MARGIN * self.rating_w)
        elapsed = max(0.0, time - self.power_time)
        self.peak_w = max(power_w, self.peak_w * 0.5 ** min(64.0, elapsed / PEAK_HALF_LIFE_S))
        return power_w

    def _most_w(self) -> float:
        """The most that can flow through this meter."""
        if self.rating_w is not None:
            return MARGIN * self.rating_w
        return MARGIN * (PEAK_FACTOR * self.peak_w if self.peak_w > 0 else self.site_w)

    @property
    def _moduli_wh(self) -> Sequence[float]:
        return MODULI_WH if self.wraps_at_wh is None else (self.wraps_at_wh,)

    def _limit_wh(self, time: float) -> float:
        """The most that a step of the counter can bring now.

        By the rating over the time since the last count, as coarse counters stand for long; and
        all steps together no more than the rating over all the time.
        """
        most_w = self._most_w()
        in_total = self.budget_wh + most_w * (time - self.counter_time) / 3600
        return min(in_total, most_w * (time - self.limit_from) / 3600)

    def _by_power(self, time: float, power_w: float | None) -> float | None:
        """Energy since `until` by the trapezoid of the power at both ends, None where it is not
        known at both."""
        if self.power_w is None or time - self.until > INTEGRATE_S_MAX:
            return None
        if self.until - self.power_time > POWER_HOLD_S:
            return None
        if power_w is None:
            if time - self.power_time > POWER_HOLD_S:
                return None
            power_w = self.power_w
        return (self.power_w + power_w) / 2 * (time - self.until) / 3600

    def _by_counter(self, time: float, counter_wh: float, expected: float | None) -> float | None:
        """Energy since the last credible counter reading, None where this one is not credible
        or the first. `expected` is what flowed since `until` by the power, where that is known."""
        if self.counter_wh is None:
            self._rebase(time, counter_wh)
            return None
        limit_wh = self._limit_wh(time)
        moduli_wh, count_wh = self._moduli_wh, self.step_wh
        found = step(
            self.counter_wh, counter_wh, limit_wh=limit_wh, count_wh=count_wh, moduli_wh=moduli_wh
        )
        sure = found.kind is Kind.WRAPPED and self.wraps_at_wh is not None
        if found.kind is not Kind.COUNTED and expected is not None and not sure:
            self.doubtful = True
            if found.kind is Kind.WRAPPED and not self._agrees(found.wh, self.given_wh + expected):
                found = Step(Kind.REFUSED, 0.0)  # a register ends there only by chance
        if found.kind in {Kind.RESTARTED, Kind.REFUSED}:
            wh = found.wh if found.kind is Kind.RESTARTED else None
            return self._confirmed(Suspect(time, counter_wh, wh))
        if found.kind is not Kind.JITTER:
            self.counter_wh = counter_wh
        if found.wh > 0:
            self.limit_from, self.spread_from, self.moved = self.counter_time, self.moved, time
        self.counter_time = time
        self.budget_wh = limit_wh - found.wh
        self.suspect = None
        return found.wh

    def _confirmed(self, suspect: Suspect) -> float | None:
        """Energy on the new counter if this reading confirms the suspicion of the one before."""
        first, self.suspect = self.suspect, suspect
        if first is None:
            return None
        limit_wh = self._most_w() * (suspect.time - first.time) / 3600
        again = step(
            first.counter_wh, suspect.counter_wh, limit_wh=limit_wh, moduli_wh=self._moduli_wh
        )
        if again.kind is not Kind.COUNTED:
            return None
        self._rebase(suspect.time, suspect.counter_wh)
        self.restarts, self.restarted_at = self.restarts + 1, suspect.time
        self.spread_from = self.limit_from = first.time
        self.budget_wh = limit_wh - again.wh
        if self.until < first.time:  # no power stood in for the old counter
            if first.wh is None:
                self.until = first.time
            else:
                self.spread_from = self.until
                return first.wh + again.wh
        return again.wh

    def _without_counter(
        self, time: float, power_w: float | None, expected: float | None
    ) -> tuple[Span, ...]:
        if expected is None:
            self._give_up(time, power_w)
            return ()
        self.given_wh += expected
        stale = self.counter_wh is None or time - self.counter_time > COUNTER_FRESH_S
        estimated = stale or self.stuck or self.suspect is not None or self.step_wh == 0
        return (Span(self.until, time, expected, self.until, estimated),)

    def _give_up(self, time: float, power_w: float | None) -> None:
        """Decide about a gap that neither power nor counter has bridged yet.

        A counter may still bridge it with its next reading, as long as there is no power reading
        to go on with.
        """
        going_on = self.power_w is not None and time - self.power_time <= INTEGRATE_S_MAX
        if power_w is not None and (self.counter_wh is None or going_on):
            self._rebase(time, None)
            self.until = time

    def _by_counter_alone(
        self, time: float, power_w: float | None, counted: float
    ) -> tuple[Span, ...]:
        wh = max(0.0, counted - self.given_wh)
        start = self.until
        if counted > 0:
            self.given_wh = 0.0
            self.stood = self.spread_from < max(start, self.limit_from)
        if self.standstill is not None and self.step_wh > 0 and not self._has_power(time, power_w):
            return self.standstill.moved(time, self.spread_from, start, wh) if counted > 0 else ()
        # As long as there was power, what had flowed is accounted for.
        if counted > 0 and not self._has_power(self.until, None):
            start = min(start, max(self.spread_from, time - SPREAD_S_MAX))
        bridged = time - self.until > BRIDGED_S
        if bridged and self.power_w is not None and power_w is not None:
            least_w = min(self.power_w, power_w)
            took_s = 3600 * wh / max(1e-9, least_w)
            if took_s < STRETCHED * (time - self.until) and least_w > 0:
                return (Span(time - took_s, time, wh, time - took_s, estimated=True),)
        estimated = self.restarted_at == time or bridged
        return (Span(start, time, wh, self.until, estimated),)

    def _by_both(
        self, time: float, expected: float, counted: float, *, usual: bool
    ) -> tuple[Span, ...]:
        start = self.until
        if counted <= 0:
            self.given_wh += expected
            self.stuck |= self._stands_still(time)
            return (Span(start, time, expected, start, self.stuck or self.step_wh == 0),)
        given_wh = self.given_wh + expected
        change = given_wh - counted
        self.given_wh = 0.0
        self.doubtful = self.doubtful and not self._agrees(counted, given_wh)
        lost = self.doubtful or (self.stuck and change > max(self.step_wh, counted))
        self.stuck = False
        if self.step_wh == 0 or lost:  # where in its first step the counter was is not known
            return (Span(start, time, expected, start, lost),)
        # What was usual before counts, so that one wrong power or time is set right at once; at
        # first, that the counter moved somewhere between two polls.
        band_wh = self.band_wh or min(self.step_wh, 2 * expected)
        if usual:
            self.band_wh = min(max(abs(change), FADES * band_wh), max(self.step_wh, counted))
        return self._set_right(time, expected, change, band_wh, given_wh=given_wh)

    def _agrees(self, counted: float, given_wh: float) -> bool:
        """What the counter brings is what the power gave, as far as one step of it can tell."""
        most = DOUBT_FACTOR * given_wh + self.step_wh
        return counted <= most and given_wh <= DOUBT_FACTOR * counted + self.step_wh

    def _stands_still(self, time: float) -> bool:
        """The counter owes steps by its power, and stands longer than it usually does."""
        owes = self.given_wh > STUCK_STEPS * self.step_wh > 0
        return owes and time - self.moved > STUCK_STEPS * (self.moved - self.spread_from)

    def _set_right(
        self, time: float, expected: float, change: float, band_wh: float, *, given_wh: float
    ) -> tuple[Span, ...]:
        """Energy when the counter moved: by power, but within the band of what was counted.

        What was given since it moved last, `given_wh`, is set right over the time that it took at
        the power of now: where a generator stood for weeks in between, not over those.
        """
        start = self.until
        ahead = self.ahead_wh + change
        self.ahead_wh = min(band_wh, max(-band_wh, ahead))
        correction = self.ahead_wh - ahead
        took_s = given_wh / max(expected, 1e-9) * (time - start)
        begin = max(self.spread_from, time - took_s)
        if correction and begin < start:
            late = Span(begin, time, correction, time, estimated=False)
            return (Span(start, time, expected, start, estimated=False), late)
        wh = max(0.0, expected + correction)  # energy never flows back: it waits for the counter
        self.ahead_wh += wh - (expected + correction)
        return (Span(start, time, wh, start, estimated=False),)
