"""The agent's clock: what somebody sets on the machine reaches it as a whole step."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import STEPPED_S, FollowedClock, SystemClock
from core.redundancy.demand import _Peak

START = 1_800_000_000.0


class Machine:
    """A machine whose clock is set by hand; `steady` is what nobody can set."""

    def __init__(self):
        self.steady, self.set_by = 5000.0, 0.0

    def now(self):
        return START + self.steady + self.set_by

    def monotonic(self):
        return self.steady

    async def sleep(self, seconds):
        self.steady += seconds


def test_time_goes_on_and_is_not_stepped_until_the_step_is_taken_over():
    machine = Machine()
    clock = FollowedClock(machine)
    before = clock.now()
    machine.set_by = 3600.0
    machine.steady += 2.0
    assert clock.now() == pytest.approx(before + 2)
    assert clock.follow() == pytest.approx(3600.0)
    assert clock.now() == pytest.approx(machine.now())
    assert clock.follow() == 0.0
    machine.set_by -= 7200.0
    assert clock.follow() == pytest.approx(-7200.0)


@given(st.lists(st.floats(-STEPPED_S * 0.9, STEPPED_S * 0.9), max_size=30))
def test_a_clock_that_is_kept_in_step_is_followed_and_never_called_set(nudges):
    machine = Machine()
    clock = FollowedClock(machine)
    for nudge_s in nudges:
        machine.set_by += nudge_s
        machine.steady += 1.0
        assert clock.follow() == 0.0
        assert clock.now() == pytest.approx(machine.now(), abs=1e-3)


def test_a_machine_that_sleeps_sets_no_clock():
    """Both of its clocks go on: what was read before is old, and that is not talked away."""
    machine = Machine()
    clock = FollowedClock(machine)
    before = clock.now()
    machine.steady += 8 * 3600.0
    assert clock.follow() == 0.0
    assert clock.now() - before == pytest.approx(8 * 3600.0)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="not Linux")
def test_the_steady_time_of_a_machine_counts_its_sleep():
    told, boot = SystemClock().monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert told == pytest.approx(boot, abs=1.0)


@given(
    st.lists(st.floats(0, 86_400 * 40), min_size=1, max_size=20),
    st.floats(-86_400 * 400, 86_400 * 4000),
)
def test_a_peak_is_forgotten_no_sooner_for_a_clock_that_was_set(times, by_s):
    """Errs to the safe side: by at most a slot longer."""
    plain, stepped = _Peak(1, 60.0, 15), _Peak(1, 60.0, 15)
    times.sort()
    for n, at in enumerate(times):
        for peak in (plain, stepped):
            peak.add(np.array([float(n)]), START + at)
    stepped.stepped(by_s)
    for later_s in (0, 120, 600, 890):
        now = START + times[-1] + later_s
        assert stepped.highest(now + by_s)[0] >= plain.highest(now)[0]
    now = START + times[-1] + 17 * 60
    assert stepped.highest(now + by_s)[0] == 0
