"""Answers that come in one turn of the loop go on as one batch; nothing is lost, nothing hidden."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from collectors.decode import Decoder, Rule
from collectors.gather import Gatherer
from collectors.scheduler import Turns
from collectors.session import Answer
from tests.support.intake import Rowed
from tests.support.virtual_time import VirtualClock, run_virtual

TWO = Decoder([(Rule(), 0, ()), (Rule(), 1, ())])
OTHER = Decoder([(Rule(multiplier=10), 0, ())])


class Notes(Rowed):
    def __init__(self):
        super().__init__()
        self.batches = []

    def accept(self, batch):
        self.batches.append(batch)


def answer(time: float, raw: list, decoder: Decoder = TWO) -> Answer:
    return Answer(time, np.arange(len(raw), dtype=np.int32), raw, decoder)


def rows(*numbers: int):
    return np.array(numbers, dtype=np.intp)


async def _gathered(*answers) -> list:
    notes = Notes()
    gatherer = Gatherer(notes)
    running = asyncio.create_task(gatherer.run())
    await asyncio.sleep(0)
    for each in answers:
        gatherer.add(*each)
    await asyncio.sleep(0.01)
    running.cancel()
    return notes.batches


async def test_answers_of_one_turn_are_one_batch_for_each_kind():
    batches = await _gathered(
        (answer(1.0, [10, 11]), rows(0, 1)),
        (answer(1.5, [3], OTHER), rows(4)),
        (answer(2.0, [20, 21]), rows(2, 3)),
    )
    assert [batch.time.tolist() for batch in batches] == [[1.0, 2.0], [1.5]]
    assert [batch.count.tolist() for batch in batches] == [[2, 2], [1]]
    assert [batch.index.tolist() for batch in batches] == [[0, 1, 2, 3], [4]]
    assert [batch.value.tolist() for batch in batches] == [[10, 11, 20, 21], [30]]


async def test_points_that_are_only_watched_stay_behind():
    watched = Answer(1.0, np.array([0], dtype=np.int32), [10, 11], TWO)
    (batch,) = await _gathered((watched, rows(7)), (watched, rows(8)))
    assert (batch.index.tolist(), batch.value.tolist()) == ([7, 8], [10, 10])


async def test_what_came_just_before_the_end_is_handed_on():
    notes = Notes()
    gatherer = Gatherer(notes)
    running = asyncio.create_task(gatherer.run())
    await asyncio.sleep(0)
    gatherer.add(answer(1.0, [1, 2]), rows(0, 1))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(notes.batches) == 1


async def test_a_bug_behind_it_is_not_swallowed():
    class Broken(Notes):
        def accept(self, batch):
            raise ZeroDivisionError

    gatherer = Gatherer(Broken())
    running = asyncio.create_task(gatherer.run())
    gatherer.add(answer(1.0, [1, 2]), rows(0, 1))
    with pytest.raises(ZeroDivisionError):
        await running


def test_one_timer_wakes_all_who_wait_for_one_moment():
    class Counting(VirtualClock):
        slept = 0

        async def sleep(self, seconds):
            self.slept += 1
            await super().sleep(seconds)

    clock = Counting()

    async def main():
        turns = Turns(clock)

        async def wait(due):
            await turns.at(due)
            return clock.monotonic()

        waiting = [asyncio.create_task(wait(1.0 + i % 2)) for i in range(10)]
        await asyncio.sleep(0.5)
        waiting[0].cancel()
        woken = await asyncio.gather(*waiting[1:])
        turns.close()
        return woken

    assert run_virtual(main()) == [2.0, 1.0] * 4 + [2.0]
    assert clock.slept == 2
