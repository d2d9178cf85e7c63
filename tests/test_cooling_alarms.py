"""What the operator is told of the cooling: alarms once, events in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.alarms import active
from core.snapshot import Overload, ZoneStatus
from core.vocabulary import Severity
from tests.support.conditions import NOW, SITE, case, group, report, view
from tests.test_events_log import Story

WARM = "hall has 27.4 °C at a rack inlet, above the recommended 27 °C"
SHORT = "hall would be without cooling for 377 s with the mains lost, it lasts 198 s"


def zone(*own: tuple[int, str], status: int = 3) -> ZoneStatus:
    return ZoneStatus("hall", status, 380.0, 24.0, 198.0, 377.0, ("crahs",), (), (), own)


def crahs(code: int, *reasons: str):
    return replace(group("crahs", code, *reasons), kind="cooling")


def alarms(redundancy):
    return active(view(), {}, redundancy, (), site=SITE, now=NOW, previous=())


@pytest.mark.parametrize(
    ("own", "severity", "state"),
    [
        ((2, WARM), Severity.WARNING, "warm"),
        ((1, SHORT), Severity.WARNING, "at N, no spare left"),
        ((0, "hall has 33.0 °C"), Severity.CRITICAL, "too warm"),
    ],
)
def test_a_room_has_an_alarm_for_its_air_and_its_ride_through(own, severity, state):
    (alarm,) = alarms(replace(report(), zones=(zone(own),)))
    assert (alarm.id, alarm.severity, alarm.state) == ("zone/hall/cooling", severity, state)
    assert alarm.message == own[1]


def test_a_room_whose_groups_alone_are_reduced_has_no_alarm_of_its_own():
    found = alarms(replace(report(crahs(1, "crah-1 has a fault")), zones=(zone(status=1),)))
    assert [(alarm.id, alarm.severity) for alarm in found] == [
        ("redundancy/crahs", Severity.CRITICAL)
    ]


def test_a_group_that_cannot_move_its_heat_is_one_alarm_not_two():
    over = Overload("crahs", 400.0, 320.0, ("row-1",))
    found = alarms(report(crahs(0, "crah-1 has a fault"), as_is=case(overloaded=[over])))
    assert [alarm.id for alarm in found] == ["redundancy/crahs"]
    node = report(group("crahs", 0), as_is=case(overloaded=[over]))
    assert len(alarms(node)) == 2  # a node of the power graph that has the name of a group


def test_a_room_that_becomes_warm_is_an_event_with_its_reason():
    story = Story(redundancy=replace(report(crahs(3)), zones=(zone(),)))
    (event,) = story.tick(redundancy=replace(report(crahs(3)), zones=(zone((2, WARM)),)))
    assert (event.kind, event.point, event.before, event.after) == (
        "redundancy", "hall", "full", "degraded",
    )  # fmt: skip
    assert WARM in event.message
    (event,) = story.tick(redundancy=replace(report(crahs(3)), zones=(zone(),)))
    assert (event.before, event.after) == ("degraded", "full")
