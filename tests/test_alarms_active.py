"""Active conditions: found, kept while they last, held when they cannot be seen, then gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.alarms import active
from core.quality import Quality
from core.site import Node
from core.snapshot import Kpi, LoadStatus, Overload
from core.vocabulary import Severity
from tests.support.conditions import NOW, SITE, Reading, case, group, report, status, view

MODE = "ups-a1/mode"


def alarms(
    *readings, devices=(), redundancy=None, kpis=(), now=NOW, previous=(), site=SITE, supply=()
):
    return active(
        view(*readings),
        {device.id: device for device in devices},
        redundancy or report(),
        kpis,
        site=site,
        **({"supply": supply} if supply else {}),
        now=now,
        previous=previous,
    )


def on_battery(**changes):
    return Reading(MODE, "on_battery", Severity.CRITICAL, **changes)


def test_only_states_that_are_warnings_or_critical_are_alarms():
    found = alarms(
        Reading(MODE, "online"),
        Reading("ups-a1/battery.state", "low", Severity.WARNING),
        Reading("ups-a1/input.state", "failed", Severity.CRITICAL),
        Reading("ups-a1/battery.test", "unknown", Severity.UNKNOWN),
        Reading("ups-a1/output.active_power", 5.0),
        Reading("ups-a1/output.load", 0.9, Severity.WARNING),
    )
    assert [(alarm.id, alarm.severity) for alarm in found] == [
        ("ups-a1/input.state", Severity.CRITICAL),
        ("ups-a1/battery.state", Severity.WARNING),
    ]
    assert found[0].device == "ups-a1"
    assert found[0].state == "failed"
    assert found[0].message == "ups-a1 input.state is failed"


def test_since_is_the_first_reading_and_stays_while_the_condition_lasts():
    first = alarms(on_battery(time=NOW - 1), now=NOW)
    assert first[0].since == NOW - 1
    again = alarms(on_battery(time=NOW + 9), now=NOW + 10, previous=first)
    assert again[0] is first[0]
    assert alarms(Reading(MODE, "online"), previous=again) == ()


def test_a_condition_that_changes_keeps_its_id_and_since():
    first = alarms(on_battery())
    worse = alarms(
        Reading(MODE, "fault", Severity.CRITICAL, time=NOW + 5), now=NOW + 5, previous=first
    )
    assert (worse[0].id, worse[0].since, worse[0].state) == (MODE, NOW, "fault")


def test_a_condition_whose_input_went_bad_is_held_not_cleared():
    first = alarms(on_battery())
    gone = on_battery(quality=Quality.NO_ANSWER)
    held = alarms(gone, now=NOW + 60, previous=first)
    assert held[0].quality is Quality.HELD
    assert (held[0].since, held[0].state) == (NOW, "on_battery")
    assert alarms(gone, now=NOW + 61, previous=held)[0] is held[0]
    assert alarms(Reading(MODE, "online", time=NOW + 90), previous=held) == ()


def test_a_bad_reading_alone_is_no_condition():
    assert alarms(on_battery(quality=Quality.NO_ANSWER)) == ()


def test_a_held_value_is_an_alarm_that_says_so():
    assert alarms(on_battery(quality=Quality.HELD))[0].quality is Quality.HELD


def test_a_device_is_silent_after_three_missed_polls_and_one_lost_datagram_is_nothing():
    down = status("ups-a1", up=False, last=NOW - 6, failures=80)
    assert alarms(devices=[down]) == ()
    down = status("ups-a1", up=False, last=NOW - 16, failures=3)
    (alarm,) = alarms(devices=[down])
    assert (alarm.id, alarm.device, alarm.state) == ("ups-a1/communication", "ups-a1", "silent")
    assert alarm.severity is Severity.CRITICAL
    assert alarm.since == NOW - 16
    assert "no answer within 2 s" in alarm.message


def test_silence_of_a_lesser_device_is_a_warning_by_its_own_interval():
    down = status("crah-1", up=False, last=NOW - 16)
    assert alarms(devices=[down]) == ()
    (alarm,) = alarms(devices=[down], now=NOW + 15)
    assert alarm.severity is Severity.WARNING


def test_a_device_that_never_answered_is_silent_after_three_tries():
    assert alarms(devices=[status("ups-a1", up=False, tried=False, last=None)]) == ()
    assert alarms(devices=[status("ups-a1", up=False, last=None, failures=2)]) == ()
    assert len(alarms(devices=[status("ups-a1", up=False, last=None, failures=3)])) == 1


def test_a_clock_set_back_does_not_hide_a_silence():
    down = status("ups-a1", up=False, last=NOW + 3600)
    (alarm,) = alarms(devices=[down])
    assert alarm.since == NOW


def test_silence_does_not_swallow_the_conditions_of_the_device():
    first = alarms(on_battery())
    down = status("ups-a1", up=False, last=NOW, failures=3)
    found = alarms(
        on_battery(quality=Quality.NO_ANSWER), devices=[down], now=NOW + 60, previous=first
    )
    assert {alarm.id for alarm in found} == {MODE, "ups-a1/communication"}
    back = alarms(on_battery(time=NOW + 70), devices=[status("ups-a1")], previous=found)
    assert [alarm.id for alarm in back] == [MODE]


def test_a_group_below_its_design_is_an_alarm():
    groups = [group("full", 3), group("ups", 2, "ups-a1 is out"), group("gensets", 1)]
    groups += [group("sts", 0), group("pdu", -1)]
    found = {alarm.id: alarm for alarm in alarms(redundancy=report(*groups))}
    assert {name: (a.severity, a.state) for name, a in found.items()} == {
        "redundancy/ups": (Severity.WARNING, "degraded"),
        "redundancy/gensets": (Severity.CRITICAL, "at N, no spare left"),
        "redundancy/sts": (Severity.CRITICAL, "lost or overloaded"),
        "redundancy/pdu": (Severity.WARNING, "unknown"),
    }
    assert "ups-a1 is out" in found["redundancy/ups"].message


def test_redundancy_is_no_alarm_before_every_device_was_tried():
    untried = status("ups-a1", up=False, tried=False, last=None)
    assert alarms(devices=[untried], redundancy=report(group("ups", -1))) == ()


def test_each_load_has_one_alarm_the_worst_that_is_true():
    verdict = report(
        as_is=case(lost=["row-1"], unprotected=["row-1", "row-3"]),
        mains_lost=case(lost=["row-1", "row-2"], unprotected=["row-2"]),
    )
    found = {alarm.id: alarm.state for alarm in alarms(redundancy=verdict)}
    assert found == {
        "load/row-1/supply": "lost",
        "load/row-2/supply": "lost with the mains",
        "load/row-3/supply": "unprotected",
    }


def test_harm_that_only_may_be_says_so():
    verdict = replace(
        report(
            mains_lost=case(
                lost=["row-1", "row-2"], overloaded=[Overload("gen-1", 1300.0, 1250.0, ())]
            )
        ),
        status=-1,
        loads=(
            LoadStatus("row-1", 40.0, 2, 2, 1, "lost", ()),
            LoadStatus("row-2", 40.0, 2, 2, 1, "unknown", ("gen-1 does not answer",)),
        ),
    )
    found = {alarm.id: (alarm.severity, alarm.message) for alarm in alarms(redundancy=verdict)}
    assert found == {
        "load/row-1/supply": (Severity.CRITICAL, "row-1 would lose its supply with the mains"),
        "load/row-2/supply": (
            Severity.WARNING,
            "perhaps: row-2 would lose its supply with the mains",
        ),
        "node/gen-1/overload": (
            Severity.WARNING,
            "perhaps: gen-1 would carry with the mains lost 1300 kW of 1250 kW",
        ),
    }


def test_an_overload_says_whether_it_is_or_would_be():
    verdict = report(
        as_is=case(overloaded=[Overload("ups-a1", 510.0, 500.0, ())]),
        mains_lost=case(
            overloaded=[Overload("ups-a1", 520.0, 500.0, ()), Overload("gen-1", 1300.0, 1250.0, ())]
        ),
    )
    found = {alarm.id: alarm.message for alarm in alarms(redundancy=verdict)}
    assert found == {
        "node/ups-a1/overload": "ups-a1 carries 510 kW of 500 kW",
        "node/gen-1/overload": "gen-1 would carry with the mains lost 1300 kW of 1250 kW",
    }


def kpi(name, quality, window="15m", category=None):
    return Kpi(name, None, "ratio", quality, window=window, category=category, reason="why")


def test_a_key_figure_that_contradicts_itself_is_an_alarm_once():
    figures = [
        kpi("pue", Quality.OUT_OF_RANGE, window, category)
        for window in ("1m", "15m", "1h")
        for category in (1, 2)
    ]
    figures += [
        kpi("it_power", Quality.SUSPECT, "", 1),
        kpi("pue", Quality.YOUNG, category=3),
        kpi("pv_self_sufficiency", Quality.NO_ANSWER),
        kpi("power_ratio", Quality.NO_ANSWER, ""),
    ]
    found = {alarm.id: alarm.state for alarm in alarms(kpis=figures)}
    assert found == {
        "kpi/pue/1": "impossible",
        "kpi/pue/2": "impossible",
        "kpi/it_power/1": "suspect",
    }


def test_a_pue_that_went_missing_is_an_alarm_but_not_one_that_is_still_young():
    (alarm,) = alarms(kpis=[kpi("pue", Quality.NO_ANSWER, category=1)])
    assert (alarm.state, alarm.severity) == ("missing", Severity.WARNING)
    assert alarms(kpis=[kpi("pue", Quality.WAITING, category=1)]) == ()


def test_the_worst_comes_first_then_the_oldest():
    found = alarms(
        Reading("a/mode", "eco", Severity.WARNING, time=NOW - 9),
        Reading("b/mode", "fault", Severity.CRITICAL, time=NOW - 1),
        Reading("c/mode", "fault", Severity.CRITICAL, time=NOW - 5),
    )
    assert [alarm.device for alarm in found] == ["c", "b", "a"]


# The site


GRID = replace(SITE, power=(Node("utility", "utility"), Node("gen-1", "genset")))


@pytest.mark.parametrize(
    ("supply", "severity", "words"),
    [
        ("none", Severity.CRITICAL, "has no supply"),
        ("battery", Severity.CRITICAL, "is on batteries"),
        ("generator", Severity.WARNING, "is on generators"),
        ("mixed", Severity.WARNING, "is on sources of several kinds"),
    ],
)
def test_a_site_that_is_not_on_mains_is_one_alarm_that_says_why(supply, severity, words):
    (alarm,) = alarms(site=GRID, supply=(supply, ("utility has failed", "gen-1 is stopped")))
    assert (alarm.id, alarm.device, alarm.state) == ("site/supply", "", supply)
    assert alarm.severity is severity
    assert alarm.message == f"{GRID.name or GRID.id} {words}; utility has failed; gen-1 is stopped"


def test_a_site_on_mains_or_of_which_nothing_is_known_has_no_such_alarm():
    assert alarms(site=GRID, supply=("mains", ())) == ()
    assert alarms(site=GRID, supply=("unknown", ("utility does not answer",))) == ()


def test_generators_are_the_usual_supply_of_a_site_without_mains():
    off_grid = replace(GRID, power=GRID.power[1:])
    assert alarms(site=off_grid, supply=("generator", ())) == ()
    assert alarms(site=off_grid, supply=("none", ())) != ()


def test_the_alarm_of_the_site_stays_from_batteries_to_generators():
    first = alarms(site=GRID, supply=("battery", ()))
    (later,) = alarms(site=GRID, supply=("generator", ()), now=NOW + 20, previous=first)
    assert (later.since, later.state) == (NOW, "generator")
