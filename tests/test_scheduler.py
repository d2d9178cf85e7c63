"""The scheduler in virtual time, with sessions that answer, stay silent, are late or break."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from collectors.decode import Decoder, Rule
from collectors.scheduler import (
    BACKOFF_S_MAX,
    FIRST_TRIES_WITHIN_S,
    Scheduler,
    backoff_s,
    phase_s,
)
from collectors.session import Answer, Opened
from core.errors import DeviceTimeout
from core.points import parse_name
from core.site import Device, Poll
from core.snapshot import Nameplate
from tests.support.intake import Rowed
from tests.support.virtual_time import START, VirtualClock, run_virtual


@dataclass
class Notes(Rowed):
    """An Intake that writes down what it is given."""

    batches: list[tuple[str, float]] = field(default_factory=list)
    expected: dict[str, float] = field(default_factory=dict)

    def expect(self, rows, interval_s):
        self.expected[str(rows.tolist())] = interval_s

    def accept(self, batch):
        self.batches += [(device, time - START) for device, time, _ in self.answers(batch)]

    def turns(self, device: str) -> list[float]:
        return [at for name, at in self.batches if name == device]


NUMBER = Decoder([(Rule(), 0, ())])


@dataclass
class FakeSession:
    """Answers after `delay_s`; is silent while `silent(now)`; `bug` is raised as it is."""

    clock: VirtualClock
    delay_s: float = 0.0
    silent_from: float = float("inf")
    silent_until: float = float("inf")
    bug: Exception | None = None
    restart_at: float = float("inf")
    opened: int = 0

    async def open(self) -> Opened:
        await self._answer()
        self.opened += 1
        names = (parse_name("output.active_power"), parse_name("battery.temperature"))
        return Opened("fake", "ups", Nameplate(), names)

    async def poll(self, speed) -> Answer:
        await self._answer()
        slot = 0 if speed == "fast" else 1
        now = self.clock.monotonic()
        restarted = speed == "fast" and now >= self.restart_at
        if restarted:
            self.restart_at = float("inf")
        return Answer(
            time=self.clock.now(),
            slots=np.array([slot], dtype=np.int32),
            raw=[1],
            decoder=NUMBER,
            errors=(),
            restarted=restarted,
        )

    def close(self) -> None:
        pass

    async def _answer(self) -> None:
        if self.bug is not None:
            raise self.bug
        if self.silent_from <= self.clock.monotonic() < self.silent_until:
            await asyncio.sleep(2.0)
            raise DeviceTimeout("no answer")
        await asyncio.sleep(self.delay_s)


def device(name: str, interval_s: float = 5.0, slow_s: float = 60.0, **more) -> Device:
    return Device(name, "ups", "fake", "snmp://127.0.0.1", poll=Poll(interval_s, slow_s), **more)


def watch(sessions: dict[str, FakeSession], seconds: float, clock: VirtualClock, **more) -> Notes:
    """Poll these devices for so many virtual seconds."""
    notes = Notes()
    devices = tuple(device(name, **more) for name in sessions)

    async def main() -> None:
        scheduler = Scheduler(devices, lambda d: sessions[d.id], notes, clock)
        async with asyncio.timeout(seconds):
            await scheduler.run()

    with pytest.raises(TimeoutError):
        run_virtual(main())
    return notes


def test_phase_is_stable_and_spreads_devices():
    phases = [phase_s(f"ups-{i}", 10.0) for i in range(1000)]
    assert phases == [phase_s(f"ups-{i}", 10.0) for i in range(1000)]
    assert all(0 <= phase < 10 for phase in phases)
    histogram, _ = np.histogram(phases, bins=10, range=(0, 10))
    assert histogram.min() > 60


def test_a_device_keeps_its_interval():
    clock = VirtualClock()
    notes = watch({"a": FakeSession(clock, delay_s=0.1)}, 600, clock, slow_s=1e6)
    gaps = np.diff(notes.turns("a")[2:])
    assert np.allclose(gaps, 5.0, atol=1e-6)
    assert notes.statuses["a"].skipped == 0


def test_fast_and_slow_points_have_their_own_rhythm():
    clock = VirtualClock()
    notes = watch({"a": FakeSession(clock)}, 600, clock)
    assert len(notes.turns("a")) == pytest.approx(120 + 10, abs=4)
    assert notes.expected == {"[0]": 5.0, "[1]": 60.0}


def test_a_dead_device_does_not_delay_the_others():
    clock = VirtualClock()
    sessions = {"dead": FakeSession(clock, silent_from=0.0)}
    sessions |= {f"d{i}": FakeSession(clock, delay_s=0.05) for i in range(50)}
    notes = watch(sessions, 300, clock, slow_s=1e6)
    for i in range(50):
        assert np.allclose(np.diff(notes.turns(f"d{i}")[2:]), 5.0, atol=1e-6)
    assert not notes.statuses["dead"].up
    assert "no answer" in notes.statuses["dead"].last_error


def test_every_device_is_tried_soon_after_the_start():
    clock = VirtualClock()
    sessions = {f"d{i}": FakeSession(clock) for i in range(200)}
    notes = watch(sessions, FIRST_TRIES_WITHIN_S + 0.1, clock)
    assert all(notes.statuses[name].tried for name in sessions)


def test_a_slow_device_skips_turns_and_never_overlaps_itself():
    clock = VirtualClock()
    notes = watch({"slow": FakeSession(clock, delay_s=7.0)}, 600, clock, slow_s=1e6)
    gaps = np.diff(notes.turns("slow")[2:])
    assert gaps.min() >= 7.0
    assert notes.statuses["slow"].skipped > 30


def test_backoff_grows_is_capped_and_jittered():
    chance = random.Random(1)
    waits = [backoff_s(n, 5.0, chance) for n in range(1, 12)]
    assert waits[0] <= 5.0
    assert max(waits) <= BACKOFF_S_MAX
    assert min(waits[-3:]) >= BACKOFF_S_MAX * 0.75
    assert len(set(waits[-3:])) == 3


def test_a_device_that_returns_is_back_at_full_rate_at_once():
    clock = VirtualClock()
    session = FakeSession(clock, silent_from=100.0, silent_until=400.0)
    notes = watch({"a": session}, 600, clock, slow_s=1e6)
    back = [at for at in notes.turns("a") if at >= 400.0]
    assert back[0] <= 400.0 + BACKOFF_S_MAX + 2.0
    assert np.allclose(np.diff(back[2:]), 5.0, atol=1e-6)
    assert session.opened == 2
    assert notes.statuses["a"].up


def test_a_dead_device_is_not_hammered():
    clock = VirtualClock()
    notes = watch({"a": FakeSession(clock, silent_from=0.0)}, 3600, clock)
    assert notes.statuses["a"].polls < 3600 / (BACKOFF_S_MAX * 0.75) + 10


def test_a_restarted_device_is_opened_again():
    clock = VirtualClock()
    session = FakeSession(clock, restart_at=100.0)
    watch({"a": session}, 200, clock)
    assert session.opened == 2


def test_a_bug_ends_everything_and_is_not_hidden():
    clock = VirtualClock()
    sessions = {"a": FakeSession(clock), "b": FakeSession(clock, bug=ZeroDivisionError())}
    notes = Notes()

    async def main() -> None:
        devices = tuple(device(name) for name in sessions)
        await Scheduler(devices, lambda d: sessions[d.id], notes, clock).run()

    with pytest.raises(ExceptionGroup) as caught:
        run_virtual(main())
    assert caught.group_contains(ZeroDivisionError)


def test_a_retired_device_is_not_polled():
    clock = VirtualClock()
    sessions = {"a": FakeSession(clock), "b": FakeSession(clock)}
    devices = (device("a", lifecycle="retired"), device("b"))

    async def main() -> None:
        async with asyncio.timeout(60):
            await Scheduler(devices, lambda d: sessions[d.id], Notes(), clock).run()

    with pytest.raises(TimeoutError):
        run_virtual(main())
    assert sessions["a"].opened == 0
    assert sessions["b"].opened == 1


def test_two_loops_of_one_seed_behave_the_same():
    clock = VirtualClock()
    runs = [
        watch({"a": FakeSession(clock, silent_from=0.0)}, 300, clock).statuses["a"].polls
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
