"""What device states mean for the graph: the table, silence, and contradictions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.quality import Quality
from core.redundancy.report import RedundancyModel
from core.site import Group
from core.vocabulary import Severity
from tests.support.conditions import NOW, view
from tests.support.power import Plant, node

MODULES = Group("modules", "N+R", ("ups-1", "ups-2"))
GENSETS = Group("gensets", "N+R", ("gen-1", "gen-2"))


def watched(start_s: float = 137.0) -> Plant:
    """One path, every part of it watched: two generators and two UPS modules of which one is
    needed."""
    nodes = [
        node("utility", "utility", kw=500, device="meter"),
        node("gen-1", "genset", kw=500, device="gen-1"),
        node("gen-2", "genset", kw=500, device="gen-2"),
        node("gen-bus", "bus", "gen-1 gen-2"),
        node("ats", "ats", "utility gen-bus", 500, device="ats"),
        node("ups-1", "ups", "ats", 300, device="ups-1"),
        node("ups-2", "ups", "ats", 300, device="ups-2"),
        node("board", "bus", "ups-1 ups-2"),
        node("pdu", "pdu", "board", 300, device="pdu"),
        node("row", "load", "pdu", demand=("pdu/input.active_power",)),
    ]
    plant = Plant(nodes, [GENSETS, MODULES], start_s=start_s)
    plant.at({"pdu/input.active_power": 200e3, "pdu/breaker.position": "closed"})
    plant.at({f"pdu/input.voltage.l{n}": 230.0 for n in (1, 2, 3)})
    plant.at({"meter/mains.state": "normal", "meter/breaker.position": "closed"})
    plant.at({f"meter/input.voltage.l{n}": 230.0 for n in (1, 2, 3)})
    plant.at({"ats/position": "preferred", "ats/control.mode": "auto"})
    plant.at({"ats/source.state.1": "normal", "ats/source.state.2": "absent"})
    for n in ("1", "2"):
        plant.at({f"gen-{n}/engine.state": "stopped", f"gen-{n}/control.mode": "auto"})
        plant.at({f"gen-{n}/fuel.level": 0.9, f"gen-{n}/alarm.overspeed": "normal"})
        plant.at({f"gen-{n}/output.active_power": 0.0})
        plant.at({f"ups-{n}/mode": "online", f"ups-{n}/battery.state": "floating"})
        plant.at({f"ups-{n}/battery.runtime": 900.0, f"ups-{n}/output.active_power": 100e3})
        plant.at({f"ups-{n}/battery.replacement": "not_needed", f"ups-{n}/battery.test": "passed"})
    return plant


def group(report, name):
    return next(g for g in report.groups if g.id == name)


def test_a_healthy_plant_is_full():
    report = watched().report()
    assert report.status == 3, report.reasons
    assert report.unknown == ()
    # The plates of the generators are taken as continuous.
    assert report.assumed == ("gen-1", "gen-2", "gen-bus", "board", "row")


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({"control.mode": "manual"}, "gen-2 is not in auto (manual)"),
        ({"control.mode": "off"}, "gen-2 is not in auto (off)"),
        ({"control.mode": "test_off_load"}, "gen-2 is not in auto (test off load)"),
        ({"engine.state": "fault"}, "gen-2 has an engine fault"),
        ({"breaker.position": "withdrawn"}, "gen-2 has its breaker withdrawn"),
        ({"breaker.position": "tripped"}, "gen-2 has its breaker tripped"),
        ({"fuel.level": 0.04}, "gen-2 has 4% of fuel"),
    ],
)
def test_a_generator_that_could_not_start_is_no_spare(points, words):
    plant = watched().at({f"gen-2/{name}": value for name, value in points.items()})
    report = plant.report()
    gensets = group(report, "gensets")
    assert (gensets.status, gensets.spare, gensets.missing) == (1, 0, ("gen-2",))
    assert gensets.reasons == (words,)
    assert report.headline == f"gensets: 0 of 1 spare units left: {words}"
    assert plant.what_if("gen-1").verdict == "unsafe"


@pytest.mark.parametrize("state", ["stopped", "cranking", "starting", "running", "cooldown"])
def test_a_generator_in_auto_counts_whatever_its_engine_does(state):
    assert watched().at({"gen-2/engine.state": state}).report().status == 3


def test_an_open_breaker_of_a_stopped_generator_is_normal():
    assert watched().at({"gen-2/breaker.position": "open"}).report().status == 3


def test_a_generator_that_carries_load_counts_in_manual():
    plant = watched().at({"gen-2/control.mode": "manual", "gen-2/output.active_power": 90e3})
    assert plant.report().status == 3


def test_a_shutdown_alarm_takes_a_generator_out_and_a_warning_does_not():
    plant = watched().at({"gen-2/alarm.overspeed": "active"})
    plant.change("gen-2/alarm.overspeed", severity=Severity.WARNING)
    assert plant.report().status == 3
    plant.change("gen-2/alarm.overspeed", severity=Severity.CRITICAL)
    assert group(plant.report(), "gensets").reasons == ("gen-2 has overspeed at critical",)


def test_a_generator_that_sees_the_mains_fail_is_as_good_as_before():
    plant = watched().at({"gen-2/alarm.mains_failed": "active", "gen-2/mains.state": "failed"})
    for point in ("gen-2/alarm.mains_failed", "gen-2/mains.state"):
        plant.change(point, severity=Severity.CRITICAL)
    assert plant.report().status == 3


@pytest.mark.parametrize("mode", ["online", "boost", "trim"])
def test_ups_modes_that_protect(mode):
    assert watched().at({"ups-1/mode": mode}).report().status == 3


def eco(policy):
    plant = watched().at({"ups-1/mode": "eco", "ups-2/mode": "eco"})
    plant.model = RedundancyModel(replace(plant.site, eco=policy))
    return plant


def test_a_ups_in_eco_mode_counts_and_is_never_called_safe():
    plant = eco("reduced")
    report, words = plant.report(), "in eco mode: ups-1, ups-2 (the load is on mains"
    assert report.cases["as_is"].unprotected_loads == ()
    assert [g.status for g in report.groups] == [3, 3]
    assert report.status == 2
    assert report.headline.startswith(words)
    answer = plant.what_if("utility")
    assert answer.verdict == "reduced"
    assert any(reason.startswith(words) for reason in answer.reasons)
    assert not any("eco" in reason for reason in plant.what_if("ups-1 ups-2").reasons)


def test_the_site_decides_what_eco_mode_is_worth():
    """Errs to the safe side: no policy makes it better than online, and `none` is like bypass."""
    assert eco("full").report().status == 3
    assert eco("full").what_if("utility").verdict == watched().what_if("utility").verdict == "safe"
    report = eco("none").report()
    assert report.cases["as_is"].unprotected_loads == ("row",)
    assert "ups-1 is in eco mode" in group(report, "modules").reasons


@pytest.mark.parametrize("mode", ["off", "fault", "standby", "starting"])
def test_a_ups_that_is_off_is_out(mode):
    report = watched().at({"ups-1/mode": mode}).report()
    modules = group(report, "modules")
    assert (modules.status, modules.missing) == (1, ("ups-1",))
    assert report.cases["as_is"].unprotected_loads == ()


@pytest.mark.parametrize("mode", ["static_bypass", "maintenance_bypass"])
def test_a_bus_on_bypass_is_alive_and_unprotected(mode):
    report = watched().at({"ups-1/mode": mode}).report()
    assert report.cases["as_is"].lost_loads == ()
    assert report.cases["as_is"].unprotected_loads == ("row",)
    assert group(report, "modules").status == 0
    assert report.loads[0].state == "unprotected"
    assert report.headline.startswith("modules: does not protect its load of 200 kW")


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({"battery.state": "depleted"}, "has its battery depleted"),
        ({"battery.state": "absent"}, "has its battery absent"),
        ({"battery.state": "fault"}, "has its battery fault"),
        ({"battery.state": "low"}, "has its battery low"),
        ({"battery.test": "failed"}, "failed its battery test"),
        ({"battery.replacement": "due"}, "needs a new battery"),
        ({"battery.runtime": 120.0}, "has 120 s of battery, a start takes 137 s"),
    ],
)
def test_a_ups_without_a_good_battery_carries_and_does_not_protect(points, words):
    plant = watched().at({f"ups-1/{name}": value for name, value in points.items()})
    modules = group(plant.report(), "modules")
    assert (modules.status, modules.reasons) == (1, (f"ups-1 {words}",))
    plant.at({f"ups-2/{name}": value for name, value in points.items()})
    case = plant.report().cases["as_is"]
    assert (case.lost_loads, case.unprotected_loads) == ((), ("row",))


@pytest.mark.parametrize(
    "alarm", ["inverter", "charger", "general_fault", "temperature", "overload", "shutdown_pending"]
)
def test_a_ups_with_a_critical_alarm_of_its_own_is_not_relied_upon(alarm):
    point = f"ups-1/alarm.{alarm}"
    plant = watched().at({point: "active"})
    assert plant.report().status == 3, "a warning is no verdict"
    plant.change(point, severity=Severity.CRITICAL)
    modules = group(plant.report(after_s=1), "modules")
    words = f"ups-1 has alarm {alarm.replace('_', ' ')} at critical"
    assert (modules.status, modules.reasons) == (1, (words,))
    assert plant.what_if("ups-2").verdict == "unsafe"
    plant.change(point, quality=Quality.NO_ANSWER)
    assert plant.what_if("ups-2").verdict == "unknown", "what stood there may stand"
    plant.at({point: "normal"})
    assert plant.report(after_s=1).status == 3


@pytest.mark.parametrize("alarm", ["input", "on_battery", "bypass", "awaiting_power", "ambient_x"])
def test_a_critical_alarm_about_what_comes_from_outside_says_nothing_of_a_ups(alarm):
    plant = watched().at({f"ups-1/alarm.{alarm}": "active"})
    plant.change(f"ups-1/alarm.{alarm}", severity=Severity.CRITICAL)
    assert plant.report().status == 3


@pytest.mark.parametrize(
    ("point", "word", "said"),
    [
        ("charger.state", "fault", "charger state"),
        ("charger.state.2", "fault", "charger state 2"),
        ("rectifier.state", "fault", "rectifier state"),
        ("inverter.state", "fault", "inverter state"),
        ("battery.state.charger", "absent", "battery state charger"),
        ("state", "fault", "state"),
    ],
)
def test_a_ups_with_a_part_that_is_critical_is_not_relied_upon(point, word, said):
    plant = watched().at({f"ups-1/{point}": word})
    assert plant.report().status == 3, "a warning is no verdict"
    plant.change(f"ups-1/{point}", severity=Severity.CRITICAL)
    modules = group(plant.report(after_s=1), "modules")
    assert (modules.status, modules.reasons) == (1, (f"ups-1 has its {said} {word}",))
    plant.change(f"ups-1/{point}", quality=Quality.NO_ANSWER)
    assert plant.what_if("ups-2").verdict == "unknown", "what stood there may stand"


def test_a_ups_that_is_on_with_some_alarm_at_critical_is_judged_by_that_alarm():
    plant = watched().at({"ups-1/state": "on", "ups-1/state.load_bus_sync": "fault"})
    for name in ("state", "state.load_bus_sync"):
        plant.change(f"ups-1/{name}", severity=Severity.CRITICAL)
    assert plant.report().status == 3


def test_battery_time_against_the_start_of_what_would_feed_it():
    """TV-R8: 137 s from the loss of the mains to a loaded rectifier."""
    for runtime_s, unprotected in ((480.0, ()), (120.0, ("row",))):
        plant = watched()
        plant.at({f"ups-{n}/battery.runtime": runtime_s for n in "12"})
        assert plant.report().cases["as_is"].unprotected_loads == unprotected
    patient = watched(start_s=100.0).at({f"ups-{n}/battery.runtime": 120.0 for n in "12"})
    assert patient.report().cases["as_is"].unprotected_loads == ()


def test_battery_time_shrinks_with_the_load_that_a_module_takes_over():
    # Each carries 100 kW for 200 s. One alone has 200 kW: 200 s / 2 ** 1.2 = 87 s.
    plant = watched().at({f"ups-{n}/battery.runtime": 200.0 for n in "12"})
    modules = group(plant.report(), "modules")
    assert (modules.status, modules.spare) == (1, 0)
    assert modules.reasons == ("without ups-1 row would be unprotected now",)
    answer = plant.what_if("ups-2")
    assert (answer.verdict, answer.unprotected_loads) == ("unsafe", ("row",))
    enough = watched().at({f"ups-{n}/battery.runtime": 137.0 * 2**1.2 + 1 for n in "12"})
    assert enough.what_if("ups-2").verdict == "reduced"


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({"mains.state": "failed"}, "utility has failed"),
        ({"mains.state": "out_of_tolerance"}, "utility is out of tolerance"),
        ({"breaker.position": "tripped"}, "utility has its breaker tripped"),
        ({"input.voltage.l2": 100.0}, "utility has no voltage (L2 100 V of 231 V)"),
        ({"input.voltage.ll": 190.0}, "utility has no voltage (LL 190 V of 400 V)"),
    ],
)
def test_a_utility_that_is_away_leaves_the_generators(points, words):
    plant = watched().at({f"meter/{name}": value for name, value in points.items()})
    report = plant.report()
    assert report.status == 3  # what standby plant is for
    assert plant.what_if("gen-1 gen-2", case="as_is").lost_loads == ("row",)
    meter = plant.model._look.seen.live.conditions[plant.model._graph.index["utility"]]
    assert f"utility {meter.reasons[0]}" == words


def test_a_switch_that_does_not_transfer_leaves_its_load_to_the_batteries():
    for points in ({"control.mode": "manual"}, {"transfer.state": "inhibited"}):
        plant = watched().at({f"ats/{name}": value for name, value in points.items()})
        report = plant.report()
        assert report.cases["as_is"].lost_loads == ()
        assert report.cases["mains_lost"].lost_loads == ("row",)
        assert report.status == 0
        assert any(reason.startswith("modules") and "ats " in reason for reason in report.reasons)


def test_a_switch_stays_on_its_alternate_source_while_that_lives():
    plant = watched().at({"ats/position": "alternate"})
    assert plant.what_if("utility", case="as_is").lost_loads == ()
    on_generators = plant.at({"ats/control.mode": "manual"}).what_if("gen-bus", case="as_is")
    assert on_generators.lost_loads == ("row",)


@pytest.mark.parametrize(
    ("points", "in_use"),
    [
        ({"position": "preferred"}, 0),
        ({"position": "alternate"}, 1),
        ({"position": "preferred", "source.preferred": "source_2"}, 1),
        ({"position": "alternate", "source.preferred": "source_2"}, 0),
        ({"source.selected": "source_2", "position": "preferred"}, 1),
        ({"source.selected": "unknown", "position": "alternate"}, 1),
        ({"position": "transferring"}, -1),
    ],
)
def test_where_a_switch_stands(points, in_use):
    plant = watched()
    del plant.readings["ats/position"]
    plant.at({f"ats/{name}": value for name, value in points.items()}).report()
    seen = plant.model._look.seen.live.conditions[plant.model._graph.index["ats"]]
    assert seen.selected == in_use


def test_a_static_switch_out_of_step_does_not_transfer():
    nodes = [node("utility", "utility", kw=900), node("gen", "genset", kw=900)]
    nodes.append(node("sts", "sts", "utility gen", 300, device="sts"))
    nodes.append(node("row", "load", "sts", 100))
    plant = Plant(nodes).at({"sts/source.selected": "source_1", "sts/sync.state": "in_sync"})
    assert plant.report().cases["mains_lost"].lost_loads == ()
    plant.at({"sts/sync.state": "out_of_sync"})
    assert plant.report().cases["mains_lost"].lost_loads == ("row",)


def test_a_static_switch_may_tell_only_that_its_redundancy_is_lost():
    nodes = [node("utility", "utility", kw=900), node("gen", "genset", kw=900)]
    nodes.append(node("ats", "ats", "utility gen", 900))
    nodes += [node(f"ups-{s}", "ups", "ats", 300) for s in "ab"]
    nodes += [node("sts", "sts", "ups-a ups-b", 300, device="sts"), node("row", "load", "sts", 9)]
    plant = Plant(nodes).at({"sts/source.selected": "source_1", "sts/redundancy.state": "lost"})
    plant.report()
    assert plant.what_if("ups-a").lost_loads == ("row",)
    assert plant.what_if("ups-b").verdict == "reduced"


def test_an_open_output_breaker_takes_a_ups_out():
    report = watched().at({"ups-1/breaker.position": "open"}).report()
    assert group(report, "modules").reasons == ("ups-1 has its output breaker open",)


def test_a_retired_device_takes_its_node_out():
    plant = watched()
    retired = tuple(
        replace(device, lifecycle="retired") if device.id == "gen-2" else device
        for device in plant.site.devices
    )
    plant.model = RedundancyModel(replace(plant.site, devices=retired))
    assert group(plant.report(), "gensets").reasons == ("gen-2 is retired",)


def test_a_battery_whose_time_cannot_be_read_is_no_battery():
    plant = watched()
    plant.change("ups-1/battery.runtime", quality=Quality.MALFORMED)
    reasons = group(plant.report(), "modules").reasons
    assert reasons == ("ups-1 does not tell its battery time",)


def test_what_a_device_does_not_measure_is_assumed():
    plant = watched()
    for point in ("ups-1/mode", "ups-1/battery.runtime"):
        plant.change(point, quality=Quality.NOT_IMPLEMENTED)
    report = plant.report()
    assert report.status == 3
    assert "ups-1" in report.assumed


def test_a_tank_whose_level_cannot_be_read_is_unknown():
    plant = watched()
    plant.change("gen-2/fuel.level", quality=Quality.SENSOR_FAILED)
    report = plant.report()
    assert report.unknown == ("gen-2",)
    assert group(report, "gensets").reasons == ("gen-2 does not tell its fuel level",)


def test_an_open_switch_feeds_nothing():
    assert watched().at({"ats/position": "off"}).report().cases["as_is"].lost_loads == ("row",)


def test_an_open_breaker_takes_a_board_out():
    plant = watched().at({"pdu/breaker.position": "open"})
    assert plant.report().cases["as_is"].lost_loads == ("row",)


# Silence


def test_a_silent_device_counts_with_its_last_word_until_the_stale_limit():
    """TV-R12: both views until three polls (15 s) have passed, then the pessimistic one."""
    plant = watched()
    assert plant.report().status == 3
    plant.silent("ups-1", last=NOW)
    report = plant.report(after_s=10.0)
    assert group(report, "modules").spare == 1
    assert report.unknown == ("ups-1",)
    report = plant.report(after_s=6.0)
    assert (group(report, "modules").status, group(report, "modules").spare) == (1, 0)
    assert group(report, "modules").reasons == ("ups-1 does not answer",)


def test_a_silent_device_is_taken_for_the_worst_at_once_where_somebody_asks():
    plant = watched().silent("ups-1", last=NOW)
    plant.report(after_s=5.0)
    assert plant.what_if().verdict == "reduced"
    answer = plant.what_if("ups-2")
    assert answer.verdict == "unknown"
    assert answer.lost_loads == ("row",)
    assert answer.reasons[0] == "perhaps row is lost now", "nobody knows"
    assert "ups-1 does not answer" in answer.reasons
    assert {f.out for f in plant.report().single_failures} >= {"ups-2"}


def test_a_held_value_is_doubted_too():
    plant = watched()
    plant.change("ups-1/mode", quality=Quality.HELD)
    assert plant.report(after_s=12.0).unknown == ("ups-1",)
    assert plant.what_if("ups-2").verdict == "unknown"


def test_a_state_that_cannot_be_read_is_unknown():
    plant = watched().at({"ups-1/mode": "unknown"})
    report = plant.report()
    assert report.unknown == ("ups-1",)
    assert group(report, "modules").reasons == ("ups-1 does not tell its state",)
    plant.at({"ups-2/mode": "unknown"})
    report = plant.report()
    assert report.status == -1
    assert report.loads[0].state == "unknown"
    assert group(report, "modules").status == -1


def test_nothing_is_known_before_the_first_poll():
    plant = watched()
    plant.readings.clear()
    plant.devices.clear()
    report = plant.report()
    assert report.status == -1
    assert plant.supply() == "unknown"
    assert plant.what_if().verdict == "unknown"


def test_a_silent_photovoltaic_meter_is_nothing_to_this_graph():
    nodes = [node("utility", "utility", kw=900), node("pv", "pv", kw=50, device="pv")]
    nodes += [node("board", "bus", "utility pv"), node("row", "load", "board", 9)]
    plant = Plant(nodes).silent("pv", last=NOW - 500)
    assert plant.report().unknown == ()


def test_harm_by_some_of_what_is_unknown_is_found():
    # The generator silent and out, the UPS silent and well: then the UPS goes to its bypass, and
    # its recharge is too much for the board there. With both out, or both well, nothing happens.
    nodes = [
        node("utility", "utility", kw=500),
        node("gen-1", "genset", kw=100, device="gen-1"),
        node("gen-2", "genset", kw=100),
        node("board", "bus", "gen-2", 50),
        node("ups", "ups", "gen-1", 50, bypass_fed_by="board", device="ups"),
        node("row", "load", "utility board", 50, short_break=True),
    ]
    plant = Plant(nodes).silent("gen-1", last=NOW - 99).silent("ups", last=NOW - 99)
    answer = plant.what_if()
    assert answer.verdict == "unknown"
    assert answer.reasons[0] == "if only gen-1 were out: board"


@pytest.mark.parametrize("count", [7, 24])
def test_many_silent_devices_are_answered_too(count):
    nodes = [node("utility", "utility", kw=500)]
    nodes += [node(f"pdu-{n}", "pdu", "utility", 9, device=f"pdu-{n}") for n in range(count)]
    nodes += [node("row", "load", "utility", 5, short_break=True)]
    nodes += [node("gen", "genset", kw=500), node("other", "load", "gen", 5, short_break=True)]
    plant = Plant(nodes)
    for n in range(count):
        plant.silent(f"pdu-{n}", last=NOW - 99)
    assert plant.what_if(case="as_is").verdict == "safe"  # nothing hangs on the silent ones


def test_a_question_about_an_older_look_is_answered():
    plant = watched()
    older = view(*list(plant.readings.values())[:8])
    plant.report()
    assert plant.model.what_if(older, plant.devices, NOW, out=["ups-1"]).verdict == "unknown"


def test_a_load_of_unknown_demand_makes_the_answer_unknown():
    plant = watched()
    del plant.readings["pdu/input.active_power"]
    report = plant.report()
    assert (report.status, report.loads[0].state) == (-1, "unknown")
    assert plant.what_if().verdict == "unknown"


def test_the_last_demand_counts_when_the_meter_falls_silent():
    plant = watched()
    assert plant.report().loads[0].demand_kw == 200
    plant.change("pdu/input.active_power", quality=Quality.NO_ANSWER, value=float("nan"))
    assert plant.report(after_s=30.0).loads[0].demand_kw == 200


def test_a_device_that_lost_its_own_device_tells_nothing():
    plant = watched().at({"ups-1/communication.state": "lost"})
    assert plant.report().unknown == ("ups-1",)


def test_a_feed_that_fell_silent_is_not_counted_twice():
    nodes = [node("utility", "utility", kw=900), node("gen", "genset", kw=900)]
    nodes += [node("ats", "ats", "utility gen", 900), node("ups", "ups", "ats", 300)]
    feeds = ("a/active_power", "b/active_power")
    nodes += [node("row", "load", "ups ats", demand=feeds, demand_kw=50.0)]
    plant = Plant(nodes).at({feeds[0]: 60e3, feeds[1]: -40e3})  # one wired the wrong way round
    plant.change(feeds[1], quality=Quality.NO_ANSWER)
    assert plant.report().loads[0].demand_kw == 60  # never measured whole: at least what is stated
    plant.at(dict.fromkeys(feeds, 45e3))
    assert plant.report(after_s=1).loads[0].demand_kw == 90
    plant.at({feeds[0]: 88e3}).change(feeds[1], quality=Quality.NO_ANSWER)
    assert plant.report(after_s=1).loads[0].demand_kw == 90
    plant.at({feeds[0]: 97e3})
    assert plant.report(after_s=1).loads[0].demand_kw == 97


# Contradictions


def test_a_ups_on_battery_with_mains_at_hand_has_a_dead_input():
    plant = watched()
    plant.report()
    plant.at({"ups-1/mode": "on_battery"})
    assert group(plant.report(after_s=1.0), "modules").spare == 1  # may be the meters' delay
    assert plant.what_if("ups-2").verdict == "unknown"  # and who asks is not told it is safe
    modules = group(plant.report(after_s=31.0), "modules")
    assert (modules.spare, modules.missing) == (0, ("ups-1",))
    assert modules.reasons == ("ups-1 is on battery", "ups-1 gets nothing from ats")
    assert plant.what_if("ups-2").verdict == "unsafe"


def test_the_cause_is_told_beside_what_it_did():
    plant = watched()
    plant.at({"ats/transfer.state": "inhibited", "ups-1/mode": "on_battery"}).report()
    (modules,) = (g for g in plant.report(after_s=31.0).groups if g.id == "modules")
    assert "ups-1 gets nothing from ats, which has its transfer inhibited" in modules.reasons


def test_a_battery_test_is_no_dead_input():
    plant = watched().at({"ups-1/mode": "on_battery", "ups-1/battery.test": "in_progress"})
    plant.report()
    assert group(plant.report(after_s=60.0), "modules").spare == 1


def test_while_generators_are_on_their_way_a_ups_on_battery_is_no_contradiction():
    plant = watched()
    plant.report()
    plant.at(
        {"meter/mains.state": "failed", "ups-1/mode": "on_battery", "ups-2/mode": "on_battery"}
    )
    assert plant.report(after_s=60.0).status == 3
    assert plant.supply() == "battery"
    # A start takes 137 s. What is still on battery then has no input, whatever the graph hopes.
    assert plant.report(after_s=140.0).cases["as_is"].lost_loads == ("row",)


def test_a_switch_that_sees_no_voltage_cannot_take_that_source():
    plant = watched().at({"ats/source.state.1": "absent"})
    plant.report()
    report = plant.report(after_s=40.0)
    assert report.status == 3  # generators carry
    answer = plant.what_if("gen-bus", case="as_is")
    assert answer.lost_loads == ("row",)


def test_a_board_without_voltage_is_dead_whatever_the_graph_says():
    plant = watched()
    plant.report()
    plant.at({f"pdu/input.voltage.l{n}": 0.5 for n in (1, 2, 3)})
    assert plant.report(after_s=1.0).cases["as_is"].lost_loads == ()
    assert plant.report(after_s=31.0).cases["as_is"].lost_loads == ("row",)
    assert plant.what_if().verdict == "unsafe"


# Mode of supply


def test_the_mode_of_supply():
    plant = watched()
    assert plant.supply() == "mains"
    plant.at(
        {"meter/mains.state": "failed", "ups-1/mode": "on_battery", "ups-2/mode": "on_battery"}
    )
    assert plant.supply() == "battery"
    plant.at({"ats/position": "alternate", "ats/source.state.2": "normal"})
    plant.at({"gen-1/output.active_power": 100e3, "ups-1/mode": "online"})
    assert plant.supply() == "mixed"
    plant.at({"ups-2/mode": "online"})
    assert plant.supply() == "generator"
    plant.at({"ats/position": "off"})
    assert plant.supply() == "none"


def test_why_the_site_is_not_on_mains():
    plant = watched()
    assert plant.supply_and_why() == ("mains", ())
    plant.at({"meter/mains.state": "failed", "gen-2/control.mode": "manual"})
    plant.at({"ups-1/mode": "on_battery", "ups-2/mode": "on_battery"})
    assert plant.supply_and_why() == (
        "battery",
        ("utility has failed", "gen-2 is not in auto (manual)"),
    )


def shed():
    """Mains are back and the generators have shed their load; the switch was not asked since."""
    plant = watched().at({"ats/position": "alternate", "ats/source.state.2": "normal"})
    return plant.at({"gen-1/output.active_power": 0.0, "gen-2/output.active_power": 0.0})


def test_ups_on_their_input_prove_that_the_switch_behind_shed_generators_has_moved():
    plant = shed()
    assert plant.supply() == "mains"
    assert {load.supply for load in plant.report().loads} == {"mains"}


def test_no_loss_is_hidden_by_a_switch_that_may_have_moved():
    on_battery = {"ups-1/mode": "on_battery", "ups-2/mode": "on_battery"}
    assert shed().at(on_battery).supply() == "battery"
    assert shed().at({"ups-1/mode": "off", "ups-2/mode": "off"}).supply() == "none"
    assert shed().at({"ats/control.mode": "manual"}).supply() == "none"
    assert shed().at({"ats/source.state.1": "absent"}).supply() == "none"
    assert shed().at({"meter/mains.state": "failed"}).supply() == "none"


def test_the_last_word_of_ups_that_are_silent_proves_nothing():
    plant = shed()
    plant.silent("ups-1", last=NOW - 6)
    plant.silent("ups-2", last=NOW - 6)
    assert plant.supply() == "none"


# Cost


def test_nothing_is_computed_again_while_nothing_changes():
    plant = watched()
    first = plant.report()
    plant.at({"pdu/input.active_power": 200.02e3, "ups-1/battery.runtime": 905.0})
    assert plant.report(after_s=1.0) is first
    plant.at({"pdu/input.active_power": 203e3})
    assert plant.report(after_s=1.0) is not first


def test_peaks_are_remembered_and_say_since_when():
    plant = watched()
    plant.report()
    plant.at({"pdu/input.active_power": 320e3})
    plant.report(after_s=60.0)
    plant.at({"pdu/input.active_power": 100e3})
    plant.report(after_s=60.0)
    assert plant.what_if().overloaded == ()
    answer = plant.what_if(demand="peak_15m")
    assert {o.id for o in answer.overloaded} == {"pdu"}
    assert any("peak_15m is the peak since start" in reason for reason in answer.reasons)
    design = plant.what_if(demand="design")
    assert design.reasons[-1] == "no demand_kw is stated for row: taken as it is now"
    plant.report(after_s=1000.0)
    assert plant.what_if(demand="peak_15m").overloaded == ()
    plant.report(after_s=100_000.0)
    (since,) = (r for r in plant.what_if(demand="peak_30d").reasons if "since start" in r)
    assert since == "peak_30d is the peak since start, 28 h ago"
    assert {o.id for o in plant.what_if(demand="peak_30d").overloaded} == {"pdu"}


def test_each_load_says_where_its_power_comes_from():
    """One row on batteries, one on mains, one on both, one dark: the site alone is mixed."""
    nodes = [
        node("utility", "utility", kw=500),
        node("ups-1", "ups", "utility", 300, device="ups-1"),
        node("raw", "panel", "utility", 300),
        node("off", "panel", "utility", 300, device="off"),
        node("row-1", "load", "ups-1", 10),
        node("row-2", "load", "raw", 10),
        node("row-3", "load", "ups-1 raw", 10),
        node("row-4", "load", "off", 10),
    ]
    plant = Plant(nodes).at({"ups-1/mode": "on_battery", "off/breaker.position": "open"})
    assert [load.supply for load in plant.report().loads] == ["battery", "mains", "mixed", "none"]
    assert plant.supply() == "mixed"
    plant.silent("off", last=NOW - 3600)
    assert plant.report().loads[3].supply == "unknown"


def test_a_load_on_generators_says_so():
    plant = watched().at({"meter/mains.state": "failed", "ats/position": "alternate"})
    plant.at({f"gen-{n}/engine.state": "on_load" for n in "12"})
    plant.at({"ats/source.state.2": "normal", "ats/source.state.1": "absent"})
    assert [load.supply for load in plant.report().loads] == ["generator"]


def test_units_on_bypass_are_no_want_of_capacity():
    """200 kW need one of two units of 300 kW; both are there, and on bypass."""
    plant = watched().at({"ups-1/mode": "static_bypass", "ups-2/mode": "maintenance_bypass"})
    report = plant.report()
    modules = group(report, "modules")
    assert modules.status == 0
    words = next(reason for reason in report.reasons if reason.startswith("modules: "))
    assert words.startswith(
        "modules: does not protect its load of 200 kW now (2 of 2 on bypass, 0 left, 1 needed): "
    )
    assert not any("cannot carry" in reason for reason in report.reasons)


def test_units_without_a_battery_are_no_want_of_capacity():
    plant = watched().at({"ups-1/battery.state": "absent", "ups-2/mode": "fault"})
    words = next(r for r in plant.report().reasons if r.startswith("modules: "))
    assert words.startswith(
        "modules: does not protect its load of 200 kW now "
        "(1 of 2 without a battery to count on, 1 of 2 out, 0 left, 1 needed): "
    )


def test_too_little_capacity_is_named_as_that():
    plant = watched().at({"pdu/input.active_power": 700e3})
    words = next(r for r in plant.report().reasons if r.startswith("modules: "))
    assert words.startswith("modules: cannot carry its load of 700 kW")


def test_an_overload_that_only_what_is_not_known_makes_is_said_with_perhaps():
    nodes = [node("utility", "utility", kw=500), node("gen", "genset", kw=500)]
    nodes += [node("ats", "ats", "utility gen", 500)]
    nodes += [node(f"ups-{n}", "ups", "ats", 100, device=f"ups-{n}") for n in (1, 2)]
    nodes += [node("board", "bus", "ups-1 ups-2"), node("row", "load", "board", 150)]
    plant = Plant(nodes).at({"ups-1/mode": "online", "ups-2/mode": "unknown"})
    report = plant.report()
    assert report.status == -1
    assert "perhaps ups-1 carries 150 of 100 kW now" in report.reasons
