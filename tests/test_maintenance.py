"""Announced maintenance: shown as such and not as a fault, judged again, never a better verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine import Engine
from core.judgement import _wrong
from core.maintenance import WindowError
from core.site import Group
from core.vocabulary import Severity
from tests.support.plants_random import standby_plants
from tests.support.power import Plant
from tests.support.watched import HOUR, START, UPSS, Watched, window


def announced(plant, *nodes, start=1.0, end=5.0, **beside):
    """The id of maintenance of these nodes."""
    return plant.engine.announce(window("", start, end, *nodes, **beside), plant.now)


def test_what_is_out_by_plan_is_told_as_such_and_keeps_its_status():
    plant = Watched()
    plant.at(0.1)
    assert plant.snapshot.redundancy.status == 3
    announced(plant, "ups-2", reason="WO-1234")
    report = plant.at(2, ups_2="off").redundancy
    assert report.status == 1, "no spare left is no spare left, planned or not"
    assert report.headline.startswith("as planned, ")
    assert "out for maintenance until" in report.headline
    assert "WO-1234" in report.headline
    assert "ups-2" in report.headline
    assert report.planned.all
    assert report.planned.groups >= {"modules"}
    assert plant.status("m-1").state == "active"
    assert (plant.status("m-1").out, plant.status("m-1").taken) == (("ups-2",), ("ups-2",))


def test_what_is_announced_and_still_in_service_is_said_to_be():
    plant = Watched(window("wo", 0, 5, "ups-2", fixed=True, reason="WO-1234"))
    told = plant.at(1).redundancy.planned.words
    assert told == (
        "maintenance announced until 2027-01-15 14:00 (wo: WO-1234), still in service: ups-2"
    )


def test_the_end_is_told_in_the_time_of_the_site():
    plant = Watched(window("wo", 0, 5, "ups-2", fixed=True))
    report = plant.at(1, ups_2="off").redundancy
    assert "until 2027-01-15 14:00 (wo)" in report.headline, "13:00 UTC"


def test_conditions_that_it_explains_are_planned_and_no_more_than_warnings():
    plant = Watched(window("wo", 1, 5, "ups-2", fixed=True))
    plant.at(0.5, ups_2="off")
    for name in ("redundancy/modules", "ups-2/mode"):
        assert plant.alarm(name).severity is Severity.CRITICAL
        assert not plant.alarm(name).planned
    since = plant.alarm("ups-2/mode").since
    plant.at(2)
    for name in ("redundancy/modules", "ups-2/mode"):
        assert plant.alarm(name).severity is Severity.WARNING
        assert plant.alarm(name).planned
    assert plant.alarm("ups-2/mode").since == since
    plant.at(5.5)
    for name in ("redundancy/modules", "ups-2/mode"):
        assert plant.alarm(name).severity is Severity.CRITICAL, "over: a fault from now on"
        assert not plant.alarm(name).planned


def test_a_silent_device_in_maintenance_is_planned():
    plant = Watched(window("wo", 0, 5, "ups-2", fixed=True))
    plant.at(0.1)
    plant.silent.add("ups-2")
    plant.at(1)
    assert plant.alarm("ups-2/communication").planned
    assert plant.status("wo").out == ("ups-2",)
    plant.silent.add("ups-3")
    plant.at(1.1)
    assert not plant.alarm("ups-3/communication").planned


def test_a_fault_beside_it_is_a_fault():
    plant = Watched(window("wo", 0, 9, "ups-2", fixed=True), demand_kw=400)
    report = plant.at(1, ups_2="off").redundancy
    assert report.planned.all
    report = plant.at(2, ups_3="fault").redundancy
    assert not report.headline.startswith("as planned")
    assert report.planned.beside
    assert plant.alarm("ups-3/mode").severity is Severity.CRITICAL
    assert plant.alarm("redundancy/modules").severity is Severity.CRITICAL
    assert not plant.alarm("redundancy/modules").planned


def test_a_load_that_is_lost_is_lost_planned_or_not():
    plant = Watched(window("wo", 0, 9, *UPSS, fixed=True))
    report = plant.at(1, ups_1="off", ups_2="off", ups_3="off").redundancy
    assert report.status == 0
    assert plant.alarm("redundancy/modules").severity is Severity.CRITICAL
    assert plant.alarm("load/row/supply").severity is Severity.CRITICAL
    assert not plant.alarm("load/row/supply").planned


def test_a_node_that_nobody_sees_counts_as_out_while_it_is_announced():
    """A generator without a device would stand as healthy although it is in pieces."""
    plant = Watched(window("wo", 1, 5, "gen", fixed=True))
    assert plant.at(0.5).redundancy.status == 3
    report = plant.at(2).redundancy
    assert report.status == 1
    assert plant.status("wo").unseen == ("gen",)
    both = plant.engine.what_if(["spare-gen"], [], "worst", "now")
    assert both.verdict == "unsafe", "a question takes the plant as it is announced"
    assert plant.at(5.5).redundancy.status == 3
    assert plant.status("wo").state == "ended"


def test_it_is_judged_when_it_is_announced_and_when_the_plant_changes():
    plant = Watched()
    plant.at(0.1)
    announced(plant, "ups-2", start=8, end=9)
    assert plant.at(0.2)
    assert plant.status("m-1").announced.verdict == "reduced"
    assert plant.alarm("maintenance/m-1/verdict") is None
    plant.at(1, ups_3="off")
    status = plant.status("m-1")
    assert (status.announced.verdict, status.now.verdict) == ("reduced", "unsafe")
    assert status.worse
    alarm = plant.alarm("maintenance/m-1/verdict")
    assert alarm.severity is Severity.WARNING
    assert "was reduced when announced, is unsafe now" in alarm.message
    assert "row would be lost now" in alarm.message or "overloaded now" in alarm.message
    plant.at(2, ups_3="online")
    assert plant.alarm("maintenance/m-1/verdict") is None
    moved = [(e.before, e.after) for e in plant.snapshot.events if e.kind == "maintenance"]
    assert ("reduced", "unsafe") in moved
    assert ("unsafe", "reduced") in moved


def test_while_it_lasts_what_is_out_already_is_still_weighed():
    plant = Watched(window("wo", 0, 9, "ups-2", fixed=True))
    plant.at(1, ups_2="off")
    assert plant.status("wo").now.verdict == "reduced"
    plant.at(2, ups_3="off")
    assert plant.status("wo").now.verdict == "unsafe"
    assert plant.status("wo").worse


def test_windows_at_the_same_time_are_judged_together():
    plant = Watched()
    plant.at(0.1)
    announced(plant, "ups-2", start=2, end=5)
    plant.at(0.2)
    announced(plant, "ups-3", start=4, end=6)
    announced(plant, "ups-1", start=7, end=8)
    plant.at(0.3)
    verdicts = {s.window.id: s.now.verdict for s in plant.snapshot.maintenance}
    assert verdicts == {"m-1": "unsafe", "m-2": "unsafe", "m-3": "reduced"}
    assert plant.status("m-1").worse


def test_what_is_still_out_after_its_end_is_overdue_until_it_is_back():
    plant = Watched(window("wo", 0, 2, "ups-2", "ups-3", fixed=True))
    plant.at(1, ups_2="off")
    plant.at(3)
    assert plant.status("wo").state == "overdue"
    assert plant.alarm("maintenance/wo/overdue").message == "wo is over, and still out: ups-2"
    plant.at(4, ups_2="online")
    assert plant.status("wo").state == "ended"
    assert plant.alarm("maintenance/wo/overdue") is None
    plant.at(5, ups_2="off")
    assert plant.status("wo").state == "ended", "that is another matter"
    assert plant.status("wo").taken == ("ups-2",)


def test_a_clock_set_back_does_not_open_it_again():
    plant = Watched(window("wo", 0, 2, "ups-2", fixed=True))
    plant.at(1, ups_2="off")
    plant.at(3, ups_2="online")
    plant.at(1.5)
    assert plant.status("wo").state == "ended"


def test_its_course_is_in_the_events():
    plant = Watched()
    plant.at(0.1)
    announced(plant, "ups-2", reason="WO-7")
    plant.at(0.2)
    plant.at(1.5)
    plant.at(2, ups_2="off")
    plant.at(3, ups_2="online")
    plant.at(5.5)
    course = [e for e in plant.snapshot.events if e.kind == "maintenance"]
    assert [e.after for e in course] == ["planned", "active", "out", "back", "ended"]
    assert {e.point for e in course} == {"m-1"}
    assert course[0].cause == "WO-7"


def test_it_can_be_cancelled_and_ended_early():
    plant = Watched(window("wo", 0, 9, "ups-3", fixed=True))
    plant.at(0.1)
    announced(plant, "ups-2", start=0.05)
    plant.at(1, ups_2="off")
    plant.engine.cancel("m-2", plant.now)
    plant.at(1.1)
    assert plant.status("m-2").state == "cancelled"
    assert plant.alarm("ups-2/mode").severity is Severity.CRITICAL
    with pytest.raises(WindowError, match="over already"):
        plant.engine.cancel("m-2", plant.now)
    with pytest.raises(WindowError, match="site file"):
        plant.engine.cancel("wo", plant.now)
    with pytest.raises(KeyError):
        plant.engine.cancel("nothing", plant.now)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (window("", 5, 4, "ups-1"), "end: is not after the start"),
        (window("", -5, -4, "ups-1"), "end: is over already"),
        (window("", 1, 24 * 100, "ups-1"), "more than 92 days"),
        (window("", 1, 2), "name what will be out"),
        (window("wo", 1, 2, "ups-1"), "there is maintenance 'wo' already"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(bad, words):
    plant = Watched(window("wo", 0, 9, "ups-3", fixed=True))
    plant.at(0.1)
    with pytest.raises(WindowError, match=words):
        plant.engine.announce(bad, plant.now)
    assert len(plant.at(0.2).maintenance) == 1


@pytest.mark.parametrize("ready", [True, False])
def test_an_id_that_is_nothing_is_named(ready):
    plant = Watched()
    if ready:
        plant.at(0.1)
    with pytest.raises(KeyError, match="ups-9"):
        announced(plant, "ups-1", "ups-9")


def test_announced_before_the_first_verdict_it_is_judged_with_it():
    plant = Watched()
    announced(plant, "ups-2")
    plant.at(0.1)
    assert plant.status("m-1").announced.verdict == "reduced"


@pytest.mark.parametrize("hour", [0.5, 2.0, 6.0])
def test_a_restart_at_any_time_of_it_changes_nothing(hour):
    """Before, in, and after it with a UPS still out."""
    plants = [Watched(), Watched()]
    for plant in plants:
        plant.at(0.1)
        announced(plant, "ups-2", reason="WO-9", announced_by="night shift")
    for plant in plants:
        for at in (0.2, 1.5, hour):
            plant.at(at, ups_2="off" if at > 1 else "online")
    json.dumps(plants[1].engine.state().state["maintenance"])
    plants[1].restart()
    assert plants[1].snapshot.maintenance == () or not plants[1].snapshot.ready
    statuses = [plant.at(hour + 0.1).maintenance for plant in plants]
    assert [replace(s, now=None) for s in statuses[0]] == [
        replace(s, now=None) for s in statuses[1]
    ]
    assert statuses[0][0].now.verdict == statuses[1][0].now.verdict


def test_a_window_of_the_site_file_is_as_it_stands_there_now():
    plant = Watched(window("wo", 0, 2, "ups-2", fixed=True))
    plant.at(1, ups_2="off")
    plant.site = replace(plant.site, maintenance=(window("wo", 0, 8, "ups-3", fixed=True),))
    plant.restart()
    plant.at(3)
    status = plant.status("wo")
    assert (status.window.nodes, status.state, status.taken) == (("ups-3",), "active", ())


def test_a_window_taken_out_of_the_site_file_is_gone():
    plant = Watched(window("wo", 0, 2, "ups-2", fixed=True))
    plant.at(1)
    plant.site = replace(plant.site, maintenance=())
    plant.restart()
    assert plant.at(1.1).maintenance == ()


def test_what_an_announced_load_takes_is_not_left_out():
    """Nobody tells whether it is off: the others are judged with it."""
    plant = Watched(window("wo", 0, 5, "row", fixed=True), demand_kw=1200)
    plant.at(1, ups_3="off")
    assert plant.snapshot.redundancy.status == 0
    assert plant.alarm("node/ups-1/overload") is not None


states = st.sampled_from(["online", "off", "maintenance_bypass", "fault", "on_battery"])


@settings(max_examples=40, deadline=None)
@given(
    modes=st.tuples(states, states, states),
    nodes=st.sets(st.sampled_from([*UPSS, "gen", "spare-gen", "row"]), min_size=1),
    demand_kw=st.sampled_from([300, 700, 1200, 1600]),
    taken=st.sets(st.sampled_from([*UPSS, "gen", "spare-gen"]), min_size=1),
)
def test_announcing_never_makes_a_verdict_or_an_answer_better(modes, nodes, demand_kw, taken):
    there = {name.replace("-", "_"): mode for name, mode in zip(UPSS, modes, strict=True)}
    plain = Watched(demand_kw=demand_kw)
    planned = Watched(window("wo", 0, 5, *sorted(nodes), fixed=True), demand_kw=demand_kw)
    for plant in (plain, planned):
        plant.at(0.1)
        plant.at(1, **there)
    order = (0, -1, 1, 2, 3)
    before, after = plain.snapshot.redundancy, planned.snapshot.redundancy
    assert order.index(after.status) <= order.index(before.status)
    for was, now in zip(before.groups, after.groups, strict=True):
        assert order.index(now.status) <= order.index(was.status)
    rank = ("unsafe", "unknown", "reduced", "safe")
    answers = [p.engine.what_if(sorted(taken), [], "worst", "now") for p in (plain, planned)]
    assert rank.index(answers[1].verdict) <= rank.index(answers[0].verdict)
    lost = {a.id for a in plain.snapshot.alarms if a.id.startswith(("load/", "node/"))}
    assert lost <= {a.id for a in planned.snapshot.alarms}


def test_many_that_are_over_are_forgotten_but_the_newest():
    plant = Watched()
    plant.at(0.1)
    for number in range(203):
        name = plant.engine.announce(
            window(f"w-{number}", 0.05, 9, "ups-1"), START + 0.1 * HOUR + number
        )
        plant.engine.cancel(name, plant.now + number)
    announced(plant, "ups-1")
    kept = [s.window.id for s in plant.at(0.2).maintenance]
    assert len(kept) == 201
    assert "w-0" not in kept
    assert "w-202" in kept


@settings(max_examples=60, deadline=None)
@given(nodes=standby_plants(), data=st.data())
def test_announcing_what_nobody_sees_never_makes_a_verdict_or_an_answer_better(nodes, data):
    """Random plants without devices: every node that is announced may be out, or not."""
    named = data.draw(
        st.lists(
            st.sampled_from([n.id for n in nodes if n.kind != "load"]),
            unique=True,
            min_size=1,
            max_size=2,
        )
    )
    groups = [Group("gensets", "N+R", tuple(n.id for n in nodes if n.kind == "genset"), 0)]
    for side in "abc":
        members = tuple(n.id for n in nodes if n.kind == "ups" and n.id.startswith(f"ups-{side}"))
        if members:
            groups.append(Group(f"modules-{side}", "N+R", members, min(1, len(members) - 1)))
    site = Plant(nodes, groups).site
    announced_site = replace(site, maintenance=(window("w", -1, 1, *named, fixed=True),))
    plain, planned = Engine(site, START), Engine(announced_site, START)
    for engine in (plain, planned):
        engine.tick(START)
        engine.ask_maintenance()
        engine.tick(START + 1)
    order = (0, -1, 1, 2, 3)
    was, now = plain.snapshot.redundancy, planned.snapshot.redundancy
    assert order.index(now.status) <= order.index(was.status)
    for old, new in zip(was.groups, now.groups, strict=True):
        assert order.index(new.status) <= order.index(old.status), old.id
    rank = ("unsafe", "unknown", "reduced", "safe")
    for out in [n.id for n in nodes if n.kind != "load"][:4]:
        one, other = (engine.what_if([out], [], "worst", "now") for engine in (plain, planned))
        assert rank.index(other.verdict) <= rank.index(one.verdict), out


def test_what_is_put_on_bypass_instead_of_out_is_judged_as_it_stands():
    """On bypass a module takes its whole bus along: worse than if it were gone."""
    plant = Watched(window("wo", 0, 9, "ups-2", fixed=True))
    plant.at(0.1)
    assert plant.status("wo").announced.verdict == "reduced"
    plant.at(1, ups_2="maintenance_bypass")
    status = plant.status("wo")
    assert status.now.verdict == "unsafe"
    assert "was reduced when announced, is unsafe now" in status.worse


def test_one_more_fault_is_worse_though_the_word_stays_the_same():
    plant = Watched(window("wo", 0, 9, "ups-2", "ups-3", fixed=True))
    plant.at(0.1)
    assert plant.status("wo").announced.verdict == "unsafe", "500 of 700 kW"
    plant.at(1, ups_2="off", ups_3="off")
    assert plant.status("wo").worse == ()
    plant.at(2, ups_1="off")
    status = plant.status("wo")
    assert status.now.verdict == "unsafe"
    assert "row would be lost now" in status.worse
    assert "row would be lost now" in plant.alarm("maintenance/wo/verdict").message


def test_one_poll_missed_elsewhere_is_no_news():
    plant = Watched(window("wo", 0, 9, "ups-2", fixed=True), demand_kw=400)
    plant.at(1, ups_2="off")
    told = plant.snapshot.redundancy
    assert told.planned.all
    seen = len(plant.snapshot.events)
    plant.missed.add("ups-3")
    for second in (4, 6):
        plant.at(1 + second / HOUR)
        assert plant.snapshot.redundancy.planned.all
        assert plant.status("wo").worse == ()
    plant.missed.clear()
    plant.at(1 + 8 / HOUR)
    assert [e for e in plant.snapshot.events[seen:] if e.kind == "maintenance"] == []


def test_what_stays_unknown_is_told_after_a_while():
    plant = Watched(window("wo", 0, 9, "ups-2", fixed=True))
    plant.at(1, ups_2="off")
    assert plant.status("wo").now.verdict == "reduced"
    plant.silent.add("ups-3")
    for second in range(5, 60, 5):
        plant.at(1 + second / HOUR)
    assert plant.status("wo").now.verdict == "unknown"
    assert plant.status("wo").worse


def test_asking_again_is_not_the_ticks_business():
    plant = Watched(window("wo", 0, 9, "ups-2", fixed=True))
    plant.at(0.1)
    assert not plant.engine.ask_maintenance(), "nothing has changed"
    plant.modes["ups-2"] = "off"
    before = plant.status("wo").now
    plant.engine.tick(plant.now + 30)
    assert plant.status("wo").now is before


def test_a_room_whose_reason_names_it_is_not_named_twice():
    assert _wrong("hall-1", ["hall-1 would warm", "crahs: no spare"]) == [
        "hall-1 would warm",
        "hall-1: crahs: no spare",
    ]
    assert _wrong("hall-1", ["hall-1 would warm"]) == ["hall-1 would warm"]
    assert _wrong("hall-1", []) == ["hall-1"]
