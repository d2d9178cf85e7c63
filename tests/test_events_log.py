"""The sequence of events: every change once, within the span it must lie in, and storms bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import events
from core.changes import SETTLED_S
from core.events import EventLog
from core.quality import Quality
from core.snapshot import Kpi, LoadStatus
from core.vocabulary import Severity
from tests.support.conditions import NOW, Reading, group, report, snapshot, status, view

MODE = "ups-a1/mode"


class Story:
    """A log fed with one snapshot after the other."""

    def __init__(self, **first):
        self.log = EventLog()
        self.last = snapshot(1, **first)
        self.log.update(snapshot(0, ready=False), self.last)

    def tick(self, seconds=1.0, **parts):
        """The events of one tick; what is not named stays empty."""
        seq = self.log.newest(1)[-1].seq if self.log.newest(1) else 0
        parts = {"time": self.last.time + seconds, **parts}
        after = snapshot(self.last.version + 1, **parts)
        self.log.update(self.last, after)
        self.last = after
        return self.log.since(seq, 10_000)


def mode(state, time, severity=Severity.OK, quality=Quality.GOOD):
    return view(Reading(MODE, state, severity, quality, time))


def test_a_state_that_is_as_it_should_be_is_no_news_at_first_sight():
    assert Story().tick(points=mode("online", NOW)) == ()


def test_a_state_that_is_wrong_at_first_sight_is_news():
    (event,) = Story().tick(points=mode("on_battery", NOW, Severity.CRITICAL))
    assert (event.before, event.after, event.severity) == ("", "on_battery", Severity.CRITICAL)


def test_a_change_lies_between_the_two_answers_that_showed_it():
    story = Story()
    story.tick(points=mode("online", NOW + 1))
    assert story.tick(points=mode("online", NOW + 1)) == ()
    (event,) = story.tick(points=mode("on_battery", NOW + 6, Severity.CRITICAL))
    assert (event.earliest, event.latest) == (NOW + 1, NOW + 6)
    assert event.message == "ups-a1 mode: online → on_battery"
    assert (event.kind, event.device, event.point) == ("state", "ups-a1", MODE)
    assert (event.before, event.after, event.severity) == (
        "online", "on_battery", Severity.CRITICAL,
    )  # fmt: skip
    assert story.tick(points=mode("on_battery", NOW + 11, Severity.CRITICAL)) == ()


def test_a_change_behind_a_silence_spans_the_silence():
    story = Story()
    story.tick(points=mode("online", NOW + 1))
    assert story.tick(points=mode("online", NOW + 6, quality=Quality.NO_ANSWER)) == ()
    (event,) = story.tick(30, points=mode("off", NOW + 33, Severity.CRITICAL))
    assert (event.earliest, event.latest) == (NOW + 1, NOW + 33)


def test_a_silence_without_change_is_no_change_of_state():
    story = Story()
    story.tick(points=mode("online", NOW + 1))
    story.tick(points=mode("online", NOW + 6, quality=Quality.NO_ANSWER))
    assert story.tick(points=mode("online", NOW + 33)) == ()


def test_numbers_that_change_are_no_events():
    story = Story()
    for i in range(3):
        points = view(Reading("ups-a1/output.active_power", float(i)), Reading(MODE, "online"))
        assert story.tick(points=points) == ()


def test_states_that_join_the_table_later_are_followed():
    story = Story()
    story.tick(points=mode("online", NOW))
    both = (Reading(MODE, "online"), Reading("gen-1/engine.state", "stopped"))
    assert story.tick(points=view(*both)) == ()
    both = (Reading(MODE, "eco"), Reading("gen-1/engine.state", "running"))
    assert [event.after for event in story.tick(points=view(*both))] == ["eco", "running"]


def test_events_come_in_the_order_of_their_latest_time():
    story = Story()
    names = ("a/mode", "b/mode", "c/mode")
    story.tick(points=view(*(Reading(name, "online") for name in names)))
    times = zip(names, (NOW + 3, NOW + 1, NOW + 2), strict=True)
    found = story.tick(5, points=view(*(Reading(name, "eco", time=time) for name, time in times)))
    assert [event.device for event in found] == ["b", "c", "a"]
    assert [event.seq for event in found] == [3, 4, 5]  # after those of the start


def test_a_device_that_falls_silent_and_returns():
    story = Story(devices=[status("ups-a1")])
    gone = status("ups-a1", up=False, last=NOW - 4)
    (event,) = story.tick(devices=[gone])
    assert (event.kind, event.device, event.after) == ("device", "ups-a1", "silent")
    assert (event.earliest, event.latest) == (NOW, NOW + 1)
    assert story.tick(devices=[gone]) == ()
    assert story.tick(devices=[status("ups-a1", up=False, last=NOW - 4, failures=9)]) == ()
    (event,) = story.tick(devices=[status("ups-a1")])
    assert (event.after, event.severity) == ("answers", Severity.OK)


def test_the_first_answer_is_no_news_but_the_first_silence_is():
    untried = [status(name, up=False, tried=False, last=None) for name in ("a", "b")]
    story = Story(devices=untried)
    (event,) = story.tick(devices=[status("a"), status("b", up=False, last=None)])
    assert (event.device, event.before, event.after) == ("b", "", "silent")


def test_the_mode_of_supply_is_told():
    story = Story()
    (event,) = story.tick(supply="battery", supply_reasons=("utility has failed", "gen-1 is off"))
    assert event.message == "supply: mains → battery"
    assert event.cause == "utility has failed; gen-1 is off"
    assert event.severity is Severity.CRITICAL
    assert (event.earliest, event.latest) == (NOW, NOW + 1)


def test_a_groups_status_is_told_with_its_reason():
    story = Story(redundancy=report(group("gensets", 3)))
    (event,) = story.tick(redundancy=report(group("gensets", 1, "gen-2 is in manual")))
    assert event.message == "gensets: full → at N (gen-2 is in manual)"
    assert (event.kind, event.point) == ("redundancy", "gensets")


def test_the_first_verdicts_are_news_only_where_they_are_not_full():
    unknown = report(group("a", -1), group("b", -1))
    story = Story(ready=False, supply="unknown", redundancy=unknown)
    assert story.tick(ready=False, supply="unknown", redundancy=unknown) == ()
    found = story.tick(redundancy=report(group("a", 3), group("b", 2)))
    assert [event.message for event in found if event.kind != "system"] == ["b: degraded"]
    assert [event.after for event in found if event.kind == "system"] == ["ready"]


def test_the_start_is_an_event():
    log = EventLog()
    log.update(snapshot(0, ready=False), snapshot(1, time=NOW + 1, ready=False))
    assert [event.after for event in log.newest(10)] == ["started"]


@pytest.mark.parametrize(
    ("by_s", "words"),
    [
        (3600.0, "clock set forward by 1 h 0 min: "),
        (-60.0, "clock set back by 60.0 s: "),
        (0.7, "clock set forward by 0.7 s: "),
        (-1500.0, "clock set back by 25 min: "),
        (3599.9, "clock set forward by 60 min: "),
        (9 * 86_400.0 + 7260, "clock set forward by 9 d 2 h: "),
    ],
)
def test_a_clock_that_is_set_is_an_event_and_no_span_is_upside_down(by_s, words):
    story = Story()
    story.tick(points=mode("online", NOW + 1))
    story.log.stepped(by_s, NOW + by_s)
    assert story.log.newest(1)[0].message.startswith(words)
    story.last = replace(story.last, time=story.last.time + by_s)
    found = story.tick(points=mode("eco", NOW + 1.5 + by_s), supply="generator")
    assert {event.kind for event in found} >= {"state", "supply"}
    assert all(event.earliest <= event.latest for event in found)
    assert all(event.latest - event.earliest < 5 for event in found)


def test_a_storm_is_bounded_and_what_was_cut_is_counted(monkeypatch):
    monkeypatch.setattr(events, "EVENTS_A_TICK_MAX", 10)
    story = Story()
    names = [f"ups-{i}/mode" for i in range(25)]
    story.tick(points=view(*(Reading(name, "online") for name in names)))
    found = story.tick(
        points=view(*(Reading(name, "on_battery", Severity.CRITICAL) for name in names)),
        supply="battery",
    )
    assert len(found) == 11
    assert found[-1].message.startswith("16 more changes")
    assert story.log.dropped == 16
    assert story.tick(points=story.last.points, supply="battery") == ()


def test_old_events_are_forgotten_and_numbers_never_reused(monkeypatch):
    monkeypatch.setattr(events, "EVENTS_MAX", 1000)
    monkeypatch.setattr(events, "TRIM", 10)
    log = EventLog()
    for i in range(1013):
        log.note("x", str(i), NOW)
    assert log.ends == (11, 1013)  # ten were let go at once when there were as many too many
    assert log.since(0, 1)[0].seq == 11
    assert [event.seq for event in log.since(1011, 10)] == [1012, 1013]
    assert log.since(1013, 10) == ()
    assert len(log.newest(3)) == 3
    assert len(log.newest(200)) == 200


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_newest_events_are_the_last_ones(count):
    log = EventLog()
    for i in range(4):
        log.note("x", str(i), NOW)
    assert [event.message for event in log.newest(count)] == list("0123")[max(0, 4 - count) :]


def load(name, state, *reasons):
    return LoadStatus(name, 10.0, 2, 2, 1, state, reasons)


def verdict(status, *reasons, loads=()):
    return replace(report(), status=status, reasons=reasons, loads=tuple(loads))


def test_the_verdict_of_the_site_is_told_with_what_changed():
    story = Story(redundancy=verdict(3), ready=True)
    now = verdict(2, "gen-1 is not in auto", "gen-2 is old")
    (event,) = story.tick(redundancy=now, ready=True)
    assert (event.point, event.before, event.after) == ("site", "full", "degraded")
    assert event.cause == "gen-1 is not in auto; gen-2 is old"
    (event,) = story.tick(redundancy=verdict(1, "gen-2 is old", "gen-3 failed"), ready=True)
    assert (event.after, event.cause) == ("at N", "gen-3 failed")
    (event,) = story.tick(redundancy=verdict(3), ready=True)
    assert event.cause == "no longer: gen-2 is old; no longer: gen-3 failed"


def test_loads_that_move_alike_are_one_event():
    before = [load(f"row-{i}", "redundant") for i in range(8)] + [load("lone", "at_n")]
    after = [load(f"row-{i}", "at_n", "pdu-a is out") for i in range(8)]
    story = Story(redundancy=verdict(3, loads=before), ready=True)
    events = story.tick(
        redundancy=verdict(3, loads=[*after, load("lone", "lost", "pdu-a is out")]), ready=True
    )
    assert [(e.before, e.after, e.severity, e.point) for e in events] == [
        ("redundant", "at_n", Severity.WARNING, ""),
        ("at_n", "lost", Severity.CRITICAL, "lone"),
    ]
    assert events[0].message.startswith("row-0, row-1, row-2, row-3, row-4 and 3 more: redundant")
    assert {event.cause for event in events} == {"pdu-a is out"}


def figure(quality, reason=""):
    return (Kpi("pue", 1.4, "ratio", quality, window="1h", category=1, reason=reason),)


def test_the_quality_of_a_figure_is_news_once_it_has_settled():
    story = Story(kpis=figure(Quality.GOOD), ready=True)
    story.tick(kpis=figure(Quality.GOOD), ready=True)
    for _ in range(5):
        assert story.tick(10, kpis=figure(Quality.SUBNORMAL), ready=True) == ()
    assert story.tick(5, kpis=figure(Quality.GOOD), ready=True) == (), "it flickered"
    assert story.tick(5, kpis=figure(Quality.NO_ANSWER, "no energy"), ready=True) == ()
    (event,) = story.tick(SETTLED_S, kpis=figure(Quality.NO_ANSWER, "no energy"), ready=True)
    assert event.message == "pue category 1 1h: good → bad"
    assert (event.kind, event.cause, event.severity) == ("kpi", "no energy", Severity.WARNING)
    # It was good 5 s before it was bad for the first time.
    assert event.latest - event.earliest == SETTLED_S + 5
    assert story.tick(SETTLED_S, kpis=figure(Quality.NO_ANSWER), ready=True) == ()
