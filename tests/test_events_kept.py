"""Events over a restart: none lost, no number twice; what changed while nobody looked is told."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import events as log_of
from core.errors import SinkError, Unavailable
from core.events import LOST_MAX, EventLog, KeptEvents
from core.quality import Quality
from core.snapshot import Event, LoadStatus, Nameplate
from core.vocabulary import Severity
from history.events import FILE, EventStore
from tests.support.conditions import NOW, Reading, group, report, snapshot, status, view


@dataclass
class Disk:
    """What a kill leaves: events with the stand after them, and the state of some moment."""

    events: list[Event] = field(default_factory=list)
    stand: dict = field(default_factory=dict)
    state: dict = field(default_factory=dict)

    def keep(self, kept: KeptEvents) -> None:
        self.events += kept.events
        self.stand = json.loads(json.dumps(kept.stand))

    def remember(self, log: EventLog) -> None:
        self.state = json.loads(json.dumps(log.state()))


class Run:
    """One run of an agent on a disk: a snapshot a tick, kept as the agent does."""

    def __init__(self, disk: Disk, now: float) -> None:
        self.disk, self.log = disk, EventLog()
        self.log.restore(disk.state)
        self.log.keep(KeptEvents(tuple(disk.events), disk.stand), now)
        self.last = snapshot(0, time=now, ready=False, supply="unknown")

    def tick(self, *, keep=True, remember=False, **parts) -> tuple[Event, ...]:
        """What is told after it."""
        seq = self.log.ends[1]
        after = snapshot(self.last.version + 1, time=parts.pop("time", self.last.time + 1), **parts)
        self.log.update(self.last, after)
        self.last = after
        if keep:
            self.keep()
        if remember:
            self.disk.remember(self.log)
        return self.log.since(seq, 10_000)

    def keep(self) -> None:
        kept = self.log.unsaved()
        if kept is not None:
            self.disk.keep(kept)
            self.log.saved(kept)


MODE = "ups-a1/mode"


def kept_in(folder):
    """Events that a new start finds there."""
    store = EventStore.open(folder, NOW)
    store.close()
    return store.kept.events


def mode(state, time, severity=Severity.OK, quality=Quality.GOOD):
    return view(Reading(MODE, state, severity, quality, time))


def told(events) -> list[tuple[str, str, str]]:
    return [(e.kind, e.before, e.after) for e in events if e.kind != "system"]


# A restart


def test_numbers_go_on_after_a_kill_and_what_was_told_is_there():
    disk = Disk()
    run = Run(disk, NOW)
    run.tick(points=mode("online", NOW + 1), remember=True)
    first = run.tick(points=mode("on_battery", NOW + 2, Severity.CRITICAL))
    again = Run(disk, NOW + 60)
    assert again.log.since(0, 100) == run.log.since(0, 100)
    again.tick(points=mode("on_battery", NOW + 61, Severity.CRITICAL))
    later = again.log.since(first[-1].seq, 100)
    assert [event.seq for event in later][:2] == [first[-1].seq + 1, first[-1].seq + 2]
    assert told(later) == []  # it stands as it stood


def test_what_changed_while_it_was_down_lies_between_the_last_look_and_the_first():
    disk = Disk()
    before = {"devices": [status("a"), status("b")], "redundancy": report(group("g", 3))}
    run = Run(disk, NOW)
    run.tick(points=mode("online", NOW + 1), **before)
    run.tick(points=mode("online", NOW + 2), remember=True, **before)
    again = Run(disk, NOW + 60)
    late = {"time": NOW + 70, "points": mode("eco", NOW + 65), "supply": "generator"}
    found = again.tick(
        devices=[status("a"), status("b", up=False, last=None)],
        redundancy=report(group("g", 1, "gen-2 is in manual")),
        **late,
    )
    assert told(found) == [
        ("state", "online", "eco"),
        ("device", "answers", "silent"),
        ("supply", "mains", "generator"),
        ("redundancy", "full", "at N"),
    ]
    spans = {event.kind: (event.earliest, event.latest) for event in found}
    assert spans["state"] == (NOW + 2, NOW + 65)
    assert spans["device"] == spans["supply"] == spans["redundancy"] == (NOW + 2, NOW + 70)
    (cause,) = (event.cause for event in found if event.kind == "redundancy")
    assert cause == "gen-2 is in manual"


def test_the_start_says_how_long_nobody_looked_and_why():
    disk = Disk()
    run = Run(disk, NOW)
    (started, *_) = run.tick(remember=True)
    assert (started.before, started.after, started.message) == ("", "started", "Kasbah started")
    run = Run(disk, NOW + 61)
    (started, *_) = run.tick(remember=True)
    assert started.message == (
        "Kasbah started, was down from 2027-01-15T08:00:01Z to 2027-01-15T08:01:01Z: "
        "it was killed, or failed"
    )
    assert (started.before, started.severity) == ("running", Severity.WARNING)
    run.log.stop(NOW + 70)
    run.keep()
    (started, *_) = Run(disk, NOW + 80).tick()
    assert started.message == (
        "Kasbah started, was down from 2027-01-15T08:01:10Z to 2027-01-15T08:01:20Z"
    )
    assert (started.before, started.severity) == ("stopped", Severity.OK)
    (started, *_) = Run(disk, NOW - 3600).tick()
    assert "the clock is behind its last run" in started.message


def test_a_second_kill_before_all_devices_were_asked_keeps_when_was_looked_last():
    disk = Disk()
    Run(disk, NOW).tick(remember=True)
    Run(disk, NOW + 60).tick(ready=False, supply="unknown", remember=True)
    found = Run(disk, NOW + 120).tick(supply="battery")
    (supply,) = (event for event in found if event.kind == "supply")
    assert (supply.before, supply.earliest, supply.latest) == ("mains", NOW + 1, NOW + 121)


def test_loads_that_changed_while_it_was_down_are_told():
    def plant(state):
        load = LoadStatus("row-1", 10.0, 2, 2, 1, state, ())
        return replace(report(), loads=(load,))

    disk = Disk()
    Run(disk, NOW).tick(redundancy=plant("redundant"), remember=True)
    found = Run(disk, NOW + 60).tick(redundancy=plant("lost"))
    assert ("redundancy", "redundant", "lost") in told(found)


def test_a_device_that_is_another_one_is_told_also_when_it_was_changed_while_down():
    def device(**plate):
        return [replace(status("ups-a1"), nameplate=Nameplate(**plate))]

    disk = Disk()
    run = Run(disk, NOW)
    run.tick(devices=device())
    run.tick(devices=device(vendor="V", model="M", serial="1"), remember=True)
    assert told(run.log.since(0, 100)) == []  # it says so for the first time
    again = Run(disk, NOW + 60)
    (changed,) = (
        e for e in again.tick(devices=device(vendor="V", model="M", serial="2")) if e.device
    )
    assert (changed.before, changed.after) == ("V M serial 1", "V M serial 2")
    assert changed.message == "ups-a1 is another device: V M serial 1 → V M serial 2"
    assert again.tick(devices=device(vendor="V", model="M")) == ()  # it does not say


def test_a_device_that_restarted_is_told_also_when_it_did_while_down():
    def device(uptime_s):
        return [replace(status("ups-a1"), uptime_s=uptime_s)]

    disk = Disk()
    run = Run(disk, NOW)
    run.tick(devices=device(1000.0))
    assert run.tick(devices=device(1001.0)) == ()
    assert run.tick(devices=device(998.0)) == ()  # within the slack
    (restarted,) = run.tick(devices=device(3.0), remember=True)
    assert (restarted.kind, restarted.device, restarted.after) == ("device", "ups-a1", "restarted")
    assert restarted.message == "ups-a1, or its network card, restarted: it runs for 3 s"
    assert (restarted.earliest, restarted.latest) == (NOW + 3, NOW + 4)
    assert run.tick(devices=device(None)) == ()
    run.tick(devices=device(500.0), remember=True)
    found = Run(disk, NOW + 60).tick(devices=device(20.0))
    assert [event.after for event in found if event.device] == ["restarted"]


def test_an_uptime_that_wraps_after_497_days_is_no_restart():
    run = Run(Disk(), NOW)
    for uptime_s in (2**32 / 100 - 2, 3.0):
        found = run.tick(devices=[replace(status("ups-a1"), uptime_s=uptime_s)])
    assert found == ()


# Numbers are told when they are safe


def test_an_event_is_told_when_the_disk_has_it_or_when_the_disk_refuses():
    run = Run(Disk(), NOW)
    assert run.tick(keep=False) == ()
    assert run.log.newest(10) == ()
    assert run.log.waiting
    kept = run.log.unsaved()
    assert kept is not None
    run.tick(supply="battery", keep=False)
    run.log.saved(kept)
    assert [event.after for event in run.log.since(0, 10)] == ["started", "ready"]
    run.log.refused()
    assert [event.after for event in run.log.newest(1)] == ["battery"]
    run.log.saved(kept)  # late
    assert run.log.ends == (1, 3)


def test_events_that_the_disk_did_not_take_are_said_to_be_lost_and_no_number_is_used_again():
    disk = Disk()
    run = Run(disk, NOW)
    run.tick()
    run.tick(supply="battery", keep=False, remember=True)
    again = Run(disk, NOW + 60)
    lost, *_ = again.tick()
    assert lost.seq == 3 + LOST_MAX + 1
    assert lost.message == "events after number 2 are gone: events.db does not have them"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["online", "eco", "on_battery", "off", "silent"]),
        st.sampled_from(["mains", "generator", "battery"]),
        st.integers(-1, 3),
        st.booleans(),  # the state is remembered
    ),
    min_size=1,
    max_size=12,
)


def play(run: Run, steps, start: int) -> None:
    for second, (state, supply, code, remember) in enumerate(steps, start + 1):
        silent = state == "silent"
        quality = Quality.NO_ANSWER if silent else Quality.GOOD
        points = mode("online" if silent else state, NOW + second, quality=quality)
        verdict = report(group("g", code))
        run.tick(
            time=NOW + second, points=points, supply=supply, redundancy=verdict, remember=remember
        )


@settings(max_examples=200, deadline=None)
@given(STEPS, STEPS, st.data())
def test_a_kill_at_any_moment_changes_nothing_of_what_was_told(first, second, data):
    """The same steps with a kill between: the same changes, with the start among them, numbers
    without a gap, and each change begins where the one before ended. (What was seen for the first
    time, and is as it should be, is known to the next run when the state was saved after it.)"""
    first = [("online", "mains", 3, True), *first]
    whole, disk = Run(Disk(), NOW), Disk()
    play(whole, first + second, 0)
    run = Run(disk, NOW)
    cut = data.draw(st.integers(1, len(first)))
    play(run, first[:cut], 0)
    seen = run.log.since(0, 10_000)
    if cut < len(first) and data.draw(st.booleans()):
        # Killed before the events of this tick were kept: nobody has seen them.
        run.tick(points=mode("eco", NOW + cut + 1), supply="battery", keep=False)
        assert run.log.since(0, 10_000) == seen
    again = Run(disk, NOW + cut)
    play(again, first[cut:] + second, cut)
    events = again.log.since(0, 10_000)
    assert events[: len(seen)] == seen
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert told(events) == told(whole.log.since(0, 10_000))
    stood: dict[tuple[str, str], str] = {}
    for event in events:
        if event.kind != "system":
            key = event.kind, event.point
            assert event.before == stood.get(key, event.before)
            assert event.earliest <= event.latest
            stood[key] = event.after


# The file


def events_of(count: int, first: int = 1) -> tuple[Event, ...]:
    made = Event(0, "state", "ups-a1", MODE, "online", "eco", Severity.OK, "m", NOW, NOW + 1, "c")
    return tuple(replace(made, seq=first + i, message=f"m{i}") for i in range(count))


def test_the_file_gives_back_what_was_kept(tmp_path):
    store = EventStore.open(tmp_path, NOW)
    assert store.kept == KeptEvents((), {})
    store.keep(KeptEvents(events_of(3), {"supply": "mains"}))
    store.keep(KeptEvents(events_of(2, 4), {"supply": "battery"}))
    store.keep(KeptEvents(events_of(3), {"supply": "late"}))  # a thread that was slower
    store.close()
    again = EventStore.open(tmp_path, NOW)
    assert again.kept == KeptEvents((*events_of(3), *events_of(2, 4)), {"supply": "battery"})
    again.close()


def test_only_the_newest_events_stay_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("history.events.EVENTS_MAX", 10)
    store = EventStore.open(tmp_path, NOW)
    for first in range(1, 100, 3):
        store.keep(KeptEvents(events_of(3, first), {}))
    store.close()
    again = EventStore.open(tmp_path, NOW)
    assert [event.seq for event in again.kept.events] == list(range(90, 100))
    again.close()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_moved_aside_and_said_and_what_can_be_read_goes_on(
    tmp_path, share
):
    store = EventStore.open(tmp_path, NOW)
    store.keep(KeptEvents(events_of(2000), {"version": 1}))
    store.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    cut_off = whole[: int(len(whole) * share)]
    path.write_bytes(cut_off)
    again = EventStore.open(tmp_path, NOW)
    seqs = [event.seq for event in again.kept.events]
    assert seqs == list(range(1, len(seqs) + 1))
    if share:
        assert "events.db was damaged" in again.kept.lost
        assert (tmp_path / f"{FILE}.damaged-20270115T080000Z").read_bytes() == cut_off
    log = EventLog()
    log.restore({**EventLog().state(), "seq": 2000})
    log.keep(again.kept, NOW)
    unsaved = log.unsaved()
    assert unsaved is not None
    (said,) = unsaved.events
    assert (said.after, said.severity) == ("events lost", Severity.WARNING)
    assert said.seq > 2000  # no number twice
    again.keep(unsaved)
    again.close()
    assert kept_in(tmp_path)[-1] == said


def test_a_file_of_rubbish_is_moved_aside(tmp_path):
    (tmp_path / FILE).write_bytes(b"rubbish " * 1000)
    store = EventStore.open(tmp_path, NOW)
    assert "none was left" in store.kept.lost
    store.keep(KeptEvents(events_of(1), {}))
    store.close()


def test_a_row_that_is_damaged_does_not_take_the_others_with_it(tmp_path):
    store = EventStore.open(tmp_path, NOW)
    store.keep(KeptEvents(events_of(3), {"version": 1}))
    store.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE event SET value = '{' WHERE seq = 2")
    db.close()
    again = EventStore.open(tmp_path, NOW)
    assert [event.seq for event in again.kept.events] == [1, 3]
    assert again.kept.stand == {"version": 1}
    assert "event 2" in again.kept.lost
    again.close()


def test_a_foreign_file_and_one_of_a_newer_version_are_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(SinkError, match="holds no events of Kasbah"):
        EventStore.open(tmp_path, NOW)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 9")
        db.execute(f"PRAGMA application_id = {0x4B414556}")
    db.close()
    with pytest.raises(SinkError, match="newer Kasbah"):
        EventStore.open(tmp_path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_disk_that_refuses_is_said_and_takes_them_later(tmp_path):
    store = EventStore.open(tmp_path, NOW)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    store._db.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match=r"events\.db does not take events"):
        store.keep(KeptEvents(events_of(1), {}))
    other.execute("ROLLBACK")
    other.close()
    store.keep(KeptEvents(events_of(2), {}))
    store.close()
    assert len(kept_in(tmp_path)) == 2


def test_what_is_held_is_bounded():
    assert log_of.EVENTS_MAX == 100_000
