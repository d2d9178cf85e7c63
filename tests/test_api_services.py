"""The fake services keep the contract that the API relies on (core.contracts.Services)."""

import asyncio

import numpy as np
import pytest

from core.contracts import Services
from tests.support.api import FakeHistory, FakeScenarios, FakeServices, make_snapshot


def _typed(services: Services) -> Services:
    """Type checkers hold the fake to the Protocol here."""
    return services


async def test_next_snapshot_waits_for_a_newer_one():
    services = _typed(FakeServices(make_snapshot(version=7)))
    assert (await services.next_snapshot(6)).version == 7
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(services.next_snapshot(7))
        await asyncio.sleep(0)
        assert not waiting.done()
        await FakeServices.publish(services, make_snapshot(version=8))
    assert waiting.result().version == 8


def test_events_come_oldest_first_after_a_sequence_number():
    services = _typed(FakeServices())
    assert [event.seq for event in services.events(0, 100)] == [1, 2, 3, 4]
    assert [event.seq for event in services.events(1, 2)] == [2, 3]
    assert services.events(4, 10) == []


def test_what_if_names_the_unknown_id():
    with pytest.raises(KeyError) as unknown:
        _typed(FakeServices()).what_if(["ups-a1", "ups-x"], [], "worst", "now")
    assert unknown.value.args == ("ups-x",)


def test_an_unknown_scenario_is_a_key_error():
    with pytest.raises(KeyError):
        FakeScenarios().trigger("moon-falls")


def test_history_gives_at_most_the_buckets_asked_for():
    history = FakeHistory({"ups-a1/mode"})
    now = make_snapshot().time
    series = history.query("ups-a1/mode", now - 100, now, 7)
    assert 0 < len(series.t) <= 7
    lengths = {len(each) for each in (series.t, series.min, series.max, series.mean, series.last)}
    assert lengths == {len(series.quality)}
    assert (np.diff(series.t) > 0).all()
    assert not len(history.query("ups-a1/none", now - 100, now, 7).t)
    assert not history.known("ups-a1/none")


def test_every_row_of_the_snapshot_is_found_by_its_point():
    points = make_snapshot().points
    for id_, row in points.row.items():
        assert points.points[row].id == id_
    bad = points.quality >= 0x80
    assert (np.isnan(points.value) == bad).all()
