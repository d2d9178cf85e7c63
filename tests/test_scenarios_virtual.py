"""Scenarios on the simulated site, end to end and second by second: plant, profiles, core.

Each expected list follows from docs/redundancy.md and the site file by hand; the arithmetic stands
beside it. `mixed` is left out of the modes of supply: it lasts from one poll to the next, while
some devices have told of a change and others have not been asked yet.
"""

from __future__ import annotations

import pytest

from core.quality import Quality
from tests.support.coupled import Coupled, Seen, word
from tests.support.simulator import SUMMER_NOON, WINTER_NIGHT, demo_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROWS = tuple(f"row-{n}" for n in range(1, 13))
KILLED = "agent killed and restarted"
restarted = pytest.mark.parametrize("killed", [False, True], ids=["", KILLED])

WINDOWS = ("1m", "15m", "1h", "24h")


def coupled(start=SUMMER_NOON):
    """The demo site after a minute at rest."""
    here = Coupled(demo_site(), start)
    here.run(60)
    assert here.told() == [Seen("mains", 3)]
    return here


def changes(values):
    """Each value that differs from the one before."""
    found = []
    for value in values:
        if not found or found[-1] != value:
            found.append(value)
    return found


def supplies(here):
    return changes(seen.supply for seen in here.told() if seen.supply != "mixed")


def statuses(here):
    return changes(seen.status for seen in here.told())


def pues(here, window):
    return [told[window] for _, told in here.pues if told[window] is not None]


def assert_no_absurd_pue(here):
    """The plant's own PUE is 1.39 on a winter night, 1.44 on a summer noon; without chillers for a
    minute, and recharging for the next ones, it is 1.2 to 1.6."""
    for window in WINDOWS:
        assert pues(here, window), window
        assert all(1.15 < value < 1.65 for value in pues(here, window)), window


def assert_steady_pue(here, rel, windows=WINDOWS):
    for window in windows:
        told = pues(here, window)[5:]
        assert told, window
        assert max(told) <= min(told) * (1 + rel), (window, min(told), max(told))


# Mains failure with a generator that fails to start


@pytest.mark.parametrize(
    "killed_at", [None, 10, 150], ids=["", "killed on battery", "killed on generator"]
)
def test_a_mains_failure_with_a_generator_that_fails_to_start(killed_at):
    here = coupled()
    here.play("genset-fails-to-start")  # mains away from 5 s to 240 s
    saved = here.engine.state()
    if killed_at is not None:
        here.run(killed_at)  # all that was learnt meanwhile is lost
        here.kill_and_restart(away_s=3.0, saved=saved)
    here.run(190 - (here.now - here.start - 60))
    # Two of three carry the site (about 1.5 MW of 2.5 with recharge); one alone (1.25) does not.
    assert here.snapshot.redundancy.headline.startswith("gensets: 0 of 1 spare units left: gen-1")
    assert here.engine.what_if(["gen-1"], [], "worst", "now").verdict == "reduced"
    assert here.engine.what_if(["gen-2"], [], "worst", "now").verdict == "unsafe"
    assert here.engine.what_if(["gen-2", "gen-3"], [], "worst", "now").lost_loads != ()
    here.run(250)
    assert supplies(here) == ["mains", "battery", "generator", "mains"]
    assert statuses(here) == [3, 1, 3]
    assert {(seen.lost, seen.unprotected) for seen in here.told()} == {((), ())}
    assert_no_absurd_pue(here)
    # It cranks from 3 s after the mains is away (68): 6 + 5 + 6 + 5 + 6 s, and is polled every 5.
    failed = next(at for at, seen in here.steps if seen.status == 1)
    assert 96 <= failed <= 96 + 1 + 5 + 1
    # It is called until the last switch has returned: 60 s after the mains (300), and 6 for three
    # switches before it.
    cleared = max(at for at, seen in here.steps if seen.status == 3)
    assert 365 <= cleared <= 366 + 1 + 5 + 1


# A UPS system on bypass, with modules of the other one out


@restarted
def test_a_ups_on_bypass_beside_a_side_that_can_carry_everything(killed):
    here = coupled()
    here.says["ups-b1/mode"] = word("mode", "off")  # N-1 on side B
    here.run(20)
    # Two modules of 500 kW carry both halls (about 945): still as designed.
    here.play("ups-bypass")
    here.run(90)
    if killed:
        here.kill_and_restart(away_s=10.0)
    here.run(150)
    here.says.clear()
    here.run(30)
    # A protects nothing and its modules are no capacity; every load is protected by B.
    assert here.told() == [Seen("mains", 3), Seen("mains", 0), Seen("mains", 3)]
    assert_steady_pue(here, 0.06)


@restarted
def test_a_ups_on_bypass_beside_a_side_that_cannot(killed):
    here = coupled()
    here.says["ups-b1/mode"] = here.says["ups-b2/mode"] = word("mode", "off")
    here.run(30)
    # One module of 500 kW on B: half of the load (472) fits, without a spare module; all does not.
    assert here.what_if_verdict("ups-a") == "unsafe"
    here.play("ups-bypass")
    here.run(90)
    if killed:
        here.kill_and_restart(away_s=10.0)
        assert here.what_if_verdict("") == "unknown"  # nothing has been asked yet
        here.run(1)
    answer = here.engine.what_if([], [], "worst", "now")
    assert answer.verdict == "reduced"  # nothing is worse than it is
    here.run(150)
    here.says.clear()
    here.run(30)
    # On bypass no row is protected by A; in an outage B would carry 945 kW on 500.
    assert here.told() == [
        Seen("mains", 3),
        Seen("mains", 1),
        Seen("mains", 0, (), ROWS),
        Seen("mains", 1),
        Seen("mains", 3),
    ]
    assert_steady_pue(here, 0.06)


# CRAH units fail on a hot afternoon


@restarted
def test_two_crah_units_that_fail_on_a_hot_afternoon(killed):
    here = coupled(SUMMER_NOON + 2 * 3600.0)
    here.play("crah-failure")  # crah-1 and crah-2, one on each board, for five minutes
    here.run(40)
    if killed:
        here.kill_and_restart(away_s=10.0)
    here.run(100 - (here.now - here.start - 60))
    # Ten units of 100 kW are left for about 490 kW of racks and fans: the loss of four more is
    # borne, but no longer that of a board with five of them.
    told = here.snapshot.redundancy
    assert told.headline.startswith("hall-1 would not be cooled enough after the failure of any of")
    assert any("hall-1-crahs: 4 of 6 spare units left" in reason for reason in told.reasons)
    assert here.what_if_verdict("crah-3") == "reduced"
    assert here.what_if_verdict("crah-board-1") == "unsafe"
    assert here.what_if_verdict("crah-15") == "reduced"  # the other hall; this one is as it is
    here.run(220)
    assert here.told() == [Seen("mains", 3), Seen("mains", 1), Seen("mains", 3)]
    failed = next(at for at, seen in here.steps if seen.status == 1)
    assert 60 <= failed <= 60 + 10 + 1  # their polls
    assert_steady_pue(here, 0.03)


# A meter replaced


@pytest.mark.parametrize(
    ("begins_at", "killed"), [("zero", True), ("far above", False), ("far below", True)]
)
def test_a_replaced_meter_leaves_no_trace_in_verdict_or_pue(begins_at, killed):
    here = coupled(WINTER_NIGHT)  # no sun: mv-a brings more than half of the energy
    here.run(120)
    point = "mv-a/input.active_energy"
    if begins_at == "zero":
        here.play("counter-reset")
    else:
        by_wh = 4e9 if begins_at == "far above" else -4e9
        here.says[point] = lambda wh: abs(wh + by_wh)
    here.run(20)
    if killed:
        here.kill_and_restart(away_s=20.0)
    here.run(120)
    assert here.told() == [Seen("mains", 3)]
    assert_steady_pue(here, 0.01)


# What it costs


def test_the_demo_shows_the_cost_of_its_imported_energy_by_the_hours_of_the_tariff():
    here = coupled()  # a summer noon: full hours, at 1 MAD/kWh
    here.run(900, tick_s=5.0)
    cost = {k.scope: k for k in here.snapshot.kpis if (k.id, k.window) == ("energy_cost", "24h")}
    assert cost.keys() == {"", "peak", "full", "off-peak"}
    assert {kpi.unit for kpi in cost.values()} == {"MAD"}
    assert cost["peak"].value == cost["off-peak"].value == 0
    assert 100 < cost["full"].value == pytest.approx(cost[""].value)


# The clock


STEPS = pytest.mark.parametrize("by_s", [3600.0, -3600.0, 40.0, 9 * 365 * 86_400.0])


@STEPS
def test_a_clock_that_is_set_changes_no_verdict_no_age_no_alarm_and_no_pue(by_s):
    here = coupled()
    here.fault("silent", "weather")
    here.run(60)
    before, alarms = here.snapshot, ages(here)
    assert "weather/communication" in alarms
    here.set_clock(by_s)
    stood = len(here.pues)
    here.run(1)
    assert ages(here) == {
        name: pytest.approx(age_s + 1, abs=0.01) for name, age_s in alarms.items()
    }
    assert not (lost(here) & ~lost_in(before)).any()
    here.run(59)
    assert here.told() == [Seen("mains", 3)]
    assert ages(here).keys() == alarms.keys()
    for window in ("1m", "15m"):
        told = [seen[window] for _, seen in here.pues[stood - 5 :]]
        assert None not in told, window
        assert max(told) <= min(told) * 1.02
    events = here.engine.events(0, 10_000)
    assert all(event.earliest <= event.latest for event in events)
    said = [event for event in events if "clock" in event.message]
    assert [event.after for event in said] == [f"clock set {'forward' if by_s > 0 else 'back'}"]
    if by_s == 3600.0:
        assert said[0].message.startswith("clock set forward by 1 h 0 min: ")


@pytest.mark.parametrize("by_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_while_the_agent_is_away_changes_no_verdict_and_no_pue(by_s):
    here = coupled()
    here.run(60)
    here.kill_and_restart(away_s=5.0, clock_set_by_s=by_s)
    here.run(60)
    assert here.told() == [Seen("mains", 3)]
    assert_steady_pue(here, 0.02)
    said = [e.after for e in here.engine.events(0, 10_000) if "clock" in e.message]
    assert said == (["started"] if by_s < 0 else []), "a new agent knows no other time"


@pytest.mark.parametrize("by_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_in_the_midst_of_a_mains_failure(by_s):
    here = coupled()
    here.play("mains-failure")  # away for 180 s
    here.run(15)
    here.set_clock(by_s)
    here.run(315)
    assert supplies(here) == ["mains", "battery", "generator", "mains"]
    assert statuses(here) == [3]
    assert {(seen.lost, seen.unprotected) for seen in here.told()} == {((), ())}
    assert_no_absurd_pue(here)


@pytest.mark.parametrize("by_s", [3600.0, -3600.0])
def test_a_device_that_is_silent_is_no_less_silent_when_the_clock_is_set(by_s):
    """Errs to the safe side: its last word does not become young again."""
    here = coupled()
    here.fault("silent", "gen-1")
    here.run(8)
    here.set_clock(by_s)
    here.run(120)
    assert "gen-1" in here.snapshot.redundancy.unknown
    silent = [alarm for alarm in here.snapshot.alarms if alarm.id == "gen-1/communication"]
    assert [here.snapshot.time - alarm.since for alarm in silent] == [pytest.approx(128, abs=6)]


def test_a_machine_that_slept_knows_nothing_until_it_has_asked():
    """Its steady time went on: no step is told, and what was read is old."""
    here = coupled()
    here.run(60)
    here.sleep(120.0)
    assert lost(here)[here.snapshot.points.row["ups-a1/mode"]]
    assert here.snapshot.redundancy.status == -1
    here.run(60)
    assert here.snapshot.redundancy.status == 3
    assert not [e for e in here.engine.events(0, 10_000) if "clock" in e.message]


def ages(here):
    """For how long each alarm stands."""
    return {alarm.id: here.snapshot.time - alarm.since for alarm in here.snapshot.alarms}


def lost(here):
    return lost_in(here.snapshot)


def lost_in(snapshot):
    """Points that are too old to count."""
    return snapshot.points.quality == Quality.NO_ANSWER


# Everything that feeds is gone


def test_a_mains_failure_in_which_no_generator_starts_ends_in_the_dark():
    here = coupled()
    here.fault("no_start", "gen-1", "gen-2", "gen-3")
    here.run(10)
    # They are in auto and healthy as far as anybody can tell: what they will do is not known yet.
    assert here.snapshot.redundancy.status == 3
    here.fault("mains_lost", "utility-a", "utility-b")
    here.run(60)
    # After three attempts each has failed: nothing feeds the UPSs, and their batteries run out.
    assert here.snapshot.supply == "battery"
    assert here.snapshot.redundancy.status == 0
    lost = set(here.snapshot.redundancy.cases["as_is"].lost_loads)
    assert lost == {node.id for node in here.site.power if node.kind == "load"}
    assert here.what_if_verdict("") == "unsafe"
    assert supplies(here) == ["mains", "battery"]
    assert statuses(here)[:2] == [3, 1]
    assert statuses(here)[-1] == 0
