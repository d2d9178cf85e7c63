"""When each device is polled: one loop per device, so that a dead or slow one delays nobody else.

A poll never overlaps itself: a turn that comes while the last poll still runs is skipped and
counted. Turns lie on interval borders plus a phase that follows from the device's id, so that a
fleet does not fire at once. A dead device is tried less and less often, with jitter, and polled at
full rate again from its first answer on. Knows sessions and a clock; knows neither protocols nor
what the values mean.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import structlog

from collectors.gather import Gatherer
from collectors.session import Answer, Session, Speed
from core.clock import Clock
from core.contracts import Intake
from core.errors import DeviceError
from core.readings import Indices, Rows
from core.site import Device
from core.snapshot import DeviceStatus, Nameplate

FIRST_TRIES_WITHIN_S = 3.0
"""The first tries of a fleet are spread over so many seconds: readiness waits for them."""

PHASE_STEP_S = 0.05
"""Devices are asked in groups this far apart: 20 wake-ups a second, however many devices there
are."""

BACKOFF_S_MAX = 30.0
"""A dead device is tried at least this often, so that its return is seen soon."""

BACKOFF_AFTER_FAILURES = 2
"""Failures in a row before a device counts as dead and is tried less often."""

ERRORS_SHOWN = 20
"""So many sentences on what a device does not give are kept; the others are counted."""

LOGGED_MAX = 200
"""So many of them are not told to the log again."""

_NEVER = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.intp))
_log = structlog.get_logger("collectors")


def phase_s(device_id: str, interval_s: float) -> float:
    """Where in the interval this device is polled: `0 <= phase < interval_s`, the same for ever.

    Phases lie on a grid of `PHASE_STEP_S`: devices of one step are asked in one turn of the loop,
    which costs a fraction of waking up for each.
    """
    steps = max(1, int(interval_s / PHASE_STEP_S))
    return zlib.crc32(device_id.encode()) % steps * interval_s / steps


def backoff_s(failures: int, interval_s: float, chance: random.Random) -> float:
    """Seconds to the next try after so many failures in a row: doubling, capped, with up to 25 %
    jitter."""
    doubled = interval_s * 2.0 ** min(max(0, failures - BACKOFF_AFTER_FAILURES), 16)
    longest = max(BACKOFF_S_MAX, interval_s)
    return min(doubled, longest) * chance.uniform(0.75, 1.0)


@dataclass(slots=True)
class _Health:
    """What the polling of one device has come to."""

    up: bool = False
    tried: bool = False
    profile: str = ""
    nameplate: Nameplate = field(default_factory=Nameplate)
    last_success: float | None = None
    last_error: str = ""
    poll_duration_s: float | None = None
    polls: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    skipped: int = 0
    points: int = 0
    errors: tuple[str, ...] = ()
    uptime_s: float | None = None


class Turns:
    """Wakes whoever waits for the same moment with one timer: a fleet has as many moments as there
    are steps of phase, not as there are devices."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[float, list[asyncio.Future[None]]] = {}
        self._timers: set[asyncio.Task[None]] = set()

    def at(self, due: float) -> asyncio.Future[None]:
        """What to await until a monotonic time has come."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        waiting = self._waiting.get(due)
        if waiting is not None:
            waiting.append(turn)
        else:
            self._waiting[due] = [turn]
            timer = loop.create_task(self._ring(due))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)
        return turn

    async def _ring(self, due: float) -> None:
        await self._clock.sleep(due - self._clock.monotonic())
        for turn in self._waiting.pop(due):
            if not turn.done():  # its device was given up meanwhile
                turn.set_result(None)

    def close(self) -> None:
        """End the timers; whoever still waits is cancelled elsewhere."""
        for timer in self._timers:
            timer.cancel()


class DeviceLoop:
    """The life of one device: open, poll fast and slow, back off, reopen. Ends only by being
    cancelled."""

    def __init__(
        self,
        device: Device,
        session: Session,
        intake: Intake,
        clock: Clock,
        *,
        gatherer: Gatherer,
        turns: Turns,
        seed: int = 0,
    ) -> None:
        self._device = device
        self._session = session
        self._intake = intake
        self._clock = clock
        self._gatherer = gatherer
        self._turns = turns
        self._interval_s = device.poll.interval_s
        self._phase_s = phase_s(device.id, self._interval_s)
        self._chance = random.Random(zlib.crc32(device.id.encode()) ^ seed)  # noqa: S311 - spreads load, guards nothing
        self._health = _Health(profile=device.profile)
        self._rows: Rows | None = None
        self._asked: dict[Speed, tuple[Indices, Rows]] = {}
        self._slow_due = 0.0
        self._missing: dict[str, tuple[str, ...]] = {}  # what it does not give, by where it showed
        self._logged: frozenset[str] = frozenset()
        self._log = _log.bind(device=device.id)

    async def run(self) -> None:
        """Poll for ever."""
        await self._clock.sleep(phase_s(self._device.id, FIRST_TRIES_WITHIN_S))
        poll = self._device.poll
        while True:
            started = self._clock.monotonic()
            try:
                if self._rows is None:
                    await self._open()
                answer = await self._session.poll("fast")
                self._take("fast", answer)
                if answer.uptime_s is not None:
                    self._health.uptime_s = answer.uptime_s
                if started >= self._slow_due:
                    # Due again from its turn on, so that the slow polls keep their rhythm.
                    self._slow_due = started + poll.slow_interval_s * 0.99
                    self._take("slow", await self._session.poll("slow"))
            except DeviceError as error:
                self._failed(error)
            else:
                self._answered(answer.time, self._clock.monotonic() - started)
                if answer.restarted:
                    self._reopen_next()
            self._intake.report(self._device.id, self._status)
            await self._turns.at(self._next_turn(started))

    async def _open(self) -> None:
        opened = await self._session.open()
        self._rows = self._intake.register(self._device.id, opened.names)
        self._asked.clear()
        self._slow_due = 0.0
        self._health.profile = opened.profile
        self._health.nameplate = opened.nameplate
        self._health.points = len(opened.names)
        self._missing = {"open": opened.errors}

    def _take(self, speed: Speed, answer: Answer) -> None:
        self._missing[speed] = answer.errors
        if self._rows is None or not len(answer.slots):
            return
        slots, rows = self._asked.get(speed, _NEVER)
        # The same array each time, until the session is opened anew.
        if slots is not answer.slots:
            rows = self._rows[answer.slots]
            self._asked[speed] = answer.slots, rows
            poll = self._device.poll
            self._intake.expect(rows, poll.interval_s if speed == "fast" else poll.slow_interval_s)
        self._gatherer.add(answer, rows)

    def _answered(self, time: float, duration_s: float) -> None:
        health = self._health
        if not health.up:
            self._log.info("device_up", profile=health.profile, points=health.points)
        health.up = health.tried = True
        health.polls += 1
        health.failures_in_a_row = 0
        health.last_error = ""
        health.errors = self._errors()
        health.last_success = time
        health.poll_duration_s = duration_s

    def _errors(self) -> tuple[str, ...]:
        """What the device does not give; logged when there is something new in it."""
        found = tuple(dict.fromkeys(chain.from_iterable(self._missing.values())))
        if not self._logged.issuperset(found):
            self._log.warning("device_refuses", what=found[:5], count=len(found))
            self._logged = frozenset(found) | (
                self._logged if len(self._logged) < LOGGED_MAX else frozenset()
            )
        if len(found) <= ERRORS_SHOWN:
            return found
        return (*found[:ERRORS_SHOWN], f"and {len(found) - ERRORS_SHOWN} more like these")

    def _failed(self, error: DeviceError) -> None:
        health = self._health
        if health.up or not health.tried:
            self._log.warning("device_down", reason=str(error))
        health.up, health.tried = False, True
        health.polls += 1
        health.failures += 1
        health.failures_in_a_row += 1
        health.last_error = str(error)
        health.errors, self._logged = (), frozenset()
        if health.failures_in_a_row > BACKOFF_AFTER_FAILURES:
            self._reopen_next()  # what comes back may be another device

    def _reopen_next(self) -> None:
        self._session.close()
        self._rows = None

    def _next_turn(self, turn: float) -> float:
        """Monotonic time of the next turn; turns that are past already are skipped and counted."""
        now, interval_s, phase = self._clock.monotonic(), self._interval_s, self._phase_s
        failures = self._health.failures_in_a_row
        if failures > BACKOFF_AFTER_FAILURES:
            return now + backoff_s(failures, interval_s, self._chance)
        border = (turn - phase) // interval_s * interval_s + phase
        due = border + interval_s
        if due - turn < interval_s / 2:
            due += interval_s  # the first turn came off the border: not twice in one interval
        missed = max(0, int((now - due) // interval_s) + 1) if now > due else 0
        self._health.skipped += missed
        return due + missed * interval_s

    def _status(self) -> DeviceStatus:
        health = self._health
        return DeviceStatus(
            id=self._device.id,
            up=health.up,
            tried=health.tried,
            profile=health.profile,
            nameplate=health.nameplate,
            last_success=health.last_success,
            last_error=health.last_error,
            poll_duration_s=health.poll_duration_s,
            polls=health.polls,
            failures=health.failures,
            skipped=health.skipped,
            points=health.points,
            errors=health.errors,
            uptime_s=health.uptime_s,
        )


class Scheduler:
    """Runs the loops of all devices in one task group."""

    def __init__(
        self,
        devices: tuple[Device, ...],
        session_for: Callable[[Device], Session],
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._gatherer = Gatherer(intake)
        self._turns = Turns(clock)
        self._loops = [
            DeviceLoop(
                device,
                session_for(device),
                intake,
                clock,
                gatherer=self._gatherer,
                turns=self._turns,
            )
            for device in devices
            if device.lifecycle != "retired"
        ]

    async def run(self) -> None:
        """Poll all devices until cancelled. An error that is not a DeviceError is a bug and ends
        everything."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._gatherer.run())
                for loop in self._loops:
                    group.create_task(loop.run())
        finally:
            self._turns.close()
