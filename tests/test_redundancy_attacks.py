"""Attacks on the verdict: input that has fooled such programs before."""

from __future__ import annotations

import math

import pytest

from core.quality import Quality
from core.site import Group
from tests.support.conditions import NOW
from tests.support.power import GROUPS, Plant, node, two_sides

METERED = ("meter-a/active_power", "meter-b/active_power")


def path(*loads, ups_kw=300.0, groups=()):
    """Mains and a generator, a transfer switch, one UPS, and loads behind it."""
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        node("ups", "ups", "ats", ups_kw),
        *loads,
    ]
    return Plant(nodes, groups)


def pair(**row):
    """Two UPS systems of which each can carry a row that is measured on both feeds."""
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        node("ups-a", "ups", "ats", 100),
        node("ups-b", "ups", "ats", 100),
        node("row", "load", "ups-a ups-b", **({"demand": METERED} | row)),
    ]
    return Plant(nodes, [Group("sides", "2N", ("ups-a", "ups-b"))])


# Demand


def test_a_number_that_is_none_is_no_demand():
    plant = path(node("row", "load", "ups", demand=("meter/active_power",)))
    plant.at({"meter/active_power": math.nan})
    assert plant.what_if().verdict == "unknown"
    assert plant.report().loads[0].state == "unknown"


def test_a_group_over_a_load_of_unknown_demand_is_unknown():
    plant = pair()
    report = plant.report()
    assert report.groups[0].status == -1
    assert "demand of row is not known" in " ".join(report.groups[0].reasons)
    assert report.status == -1


def test_a_group_beside_a_load_of_unknown_demand_is_judged():
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        *(node(f"ups-{n}", "ups", "ats", 100) for n in (1, 2, 3)),
        node("board", "bus", "ups-1 ups-2"),
        node("row", "load", "board", 80),
        node("other", "load", "ups-3", demand=("meter/active_power",)),
    ]
    plant = Plant(nodes, [Group("modules", "N+R", ("ups-1", "ups-2"))])
    assert plant.report().groups[0].status == 3
    assert plant.report().status == -1


def test_no_demand_at_all_is_no_overload_and_no_loss():
    plant = pair().at(dict.fromkeys(METERED, 0.0))
    report = plant.report()
    assert (report.status, report.groups[0].spare, report.groups[0].load_kw) == (3, 1, 0.0)
    assert plant.what_if("ups-a").overloaded == ()
    assert plant.what_if("ups-a ups-b").lost_loads == ("row",)


def test_a_feed_that_measured_nothing_takes_over_all():
    plant = pair().at({METERED[0]: 90e3, METERED[1]: 0.0})
    assert plant.what_if("ups-a").overloaded == ()
    plant.at({METERED[0]: 110e3})
    assert [o.id for o in plant.what_if().overloaded] == ["ups-a"]
    answer = plant.what_if("ups-a")
    assert [(o.id, o.load_kw) for o in answer.overloaded] == [("ups-b", 110.0)]


def test_one_measurement_for_several_feeds_is_shared_equally():
    plant = pair(demand=METERED[:1]).at({METERED[0]: 150e3})
    assert plant.what_if().overloaded == ()
    assert [o.load_kw for o in plant.what_if("ups-b").overloaded] == [150.0]


def test_a_meter_wired_the_wrong_way_round_still_measures():
    plant = pair().at({METERED[0]: -80e3, METERED[1]: 80e3})
    assert [o.load_kw for o in plant.what_if("ups-b").overloaded] == [160.0]


def test_a_feed_that_falls_silent_takes_its_power_with_it():
    plant = pair().at({METERED[0]: 45e3, METERED[1]: 45e3})
    plant.report()
    plant.change(METERED[0], quality=Quality.NO_ANSWER).at({METERED[1]: 120e3})
    assert plant.report(after_s=1).loads[0].demand_kw == 120.0
    assert [o.id for o in plant.what_if("ups-a").overloaded] == ["ups-b"]


def test_a_demand_that_is_not_measured_any_more_is_its_peak_and_said():
    plant = path(node("row", "load", "ups", demand=("meter/active_power",)))
    plant.at({"meter/active_power": 280e3}).report()
    plant.at({"meter/active_power": 100e3}).report(after_s=10)
    plant.change("meter/active_power", quality=Quality.NO_ANSWER)
    report = plant.report(after_s=10)
    assert report.loads[0].demand_kw == 280.0
    assert "row" in report.unknown
    answer = plant.what_if()
    assert any("row" in reason and "not measured" in reason for reason in answer.reasons)


# Groups


def test_a_pair_that_must_not_fail_together_is_found_wherever_it_is_written():
    # Four modules, two on each of two boards; any two can fail by capacity, but not both of one.
    order = ("a1", "b1", "a2", "b2")
    nodes = [
        node("utility", "utility", kw=9000),
        node("gen", "genset", kw=9000),
        node("ats", "ats", "utility gen", 9000),
        *(node(name, "ups", "ats", 500) for name in order),
        node("board-a", "bus", "a1 a2"),
        node("board-b", "bus", "b1 b2"),
        node("row-a", "load", "board-a", 400),
        node("row-b", "load", "board-b", 400),
    ]
    plant = Plant(nodes, [Group("modules", "N+R", order, 2)])
    group = plant.report().groups[0]
    assert (group.status, group.spare) == (2, 1)
    assert group.reasons == ("without a1, a2 row-a would be lost now",)


def test_a_2n_group_stands_nothing_if_the_loss_of_a_side_overloads_what_is_behind():
    plant = Plant(two_sides(pdu=150), GROUPS)  # 100 kW a feed, 200 on one
    sides = next(g for g in plant.report().groups if g.id == "sides")
    assert (sides.status, sides.spare) == (1, 0)
    assert "would be overloaded" in sides.reasons[0]
    assert plant.report().status == 1
    assert plant.what_if().verdict == "reduced"


def test_a_load_whose_other_feed_could_not_take_over_is_not_redundant():
    """Without any group: twice 60 % of a board is 120 % of one."""
    plant = Plant(two_sides(pdu=150), ())
    report = plant.report()
    assert {load.state for load in report.loads} == {"at_n"}
    assert "would overload pdu-1b" in " ".join(report.loads[0].reasons)
    assert report.status == 1
    assert plant.what_if().verdict == "reduced"
    assert plant.what_if("pdu-1a").verdict == "unsafe"


def test_a_group_with_all_members_out_is_lost_in_every_scheme():
    for scheme in ("N+R", "2N", "distributed", "catcher"):
        nodes = [
            node("utility", "utility", kw=900),
            node("gen", "genset", kw=900),
            node("ats", "ats", "utility gen", 900),
            node("ups-a", "ups", "ats", 100),
            node("ups-b", "ups", "ats", 100),
            node("row", "load", "ups-a ups-b", 50),
        ]
        plant = Plant(nodes, [Group("sides", scheme, ("ups-a", "ups-b"))])
        group = plant.what_if("ups-a ups-b").groups[0]
        assert (group.status, group.spare) == (0, -1), scheme
        assert group.load_kw == 50.0
        assert group.missing == ("ups-a", "ups-b")


def test_a_group_of_transfer_switches_is_judged():
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats-a", "ats", "utility gen", 100),
        node("ats-b", "ats", "utility gen", 100),
        node("ups-a", "ups", "ats-a", 200),
        node("ups-b", "ups", "ats-b", 200),
        node("row", "load", "ups-a ups-b", 60),
    ]
    plant = Plant(nodes, [Group("switches", "2N", ("ats-a", "ats-b"))])
    group = plant.report().groups[0]  # 60 / 0.95 + 2 x 20 kW of recharge are more than 100
    assert (group.case, group.status) == ("mains_lost", 1)
    assert group.load_kw == pytest.approx(60 / 0.95 + 40)
    # One alone would also have to recharge what hangs on the other: 103 kW, to the safe side.
    assert plant.what_if("ats-a").groups[0].status == 0
    assert plant.what_if("ats-a").overloaded == ()


# Whole plants


def test_without_generators_the_worst_case_is_the_verdict():
    nodes = [
        node("utility", "utility", kw=900),
        node("ups", "ups", "utility", 300),
        node("row", "load", "ups", 100),
    ]
    plant = Plant(nodes)
    report = plant.report()
    assert report.status == 0
    assert report.headline == "without supply with the mains lost: row"
    assert report.cases["as_is"].lost_loads == ()
    assert report.cases["as_is"].unprotected_loads == ("row",)
    assert plant.what_if().verdict == "unsafe"
    assert plant.what_if(case="as_is").verdict == "reduced"


def test_all_generators_out_is_never_safe_on_healthy_mains():
    plant = Plant(two_sides(), GROUPS)
    for case in ("worst", "as_is", "mains_lost"):
        for demand in ("now", "peak_15m", "peak_30d", "design"):
            for out in ("gen-1 gen-2 gen-3", "gen-bus", "ats-a ats-b"):
                answer = plant.what_if(out, case=case, demand=demand)
                assert answer.verdict == "unsafe", (case, demand, out)


def test_a_load_that_sees_no_voltage_on_a_feed_has_no_such_feed():
    nodes = [
        node("utility", "utility", kw=900),
        node("gen", "genset", kw=900),
        node("ats", "ats", "utility gen", 900),
        node("ups", "ups", "ats", 300),
        node("row", "load", "ups", 50, device="strip"),
    ]
    plant = Plant(nodes).at({"strip/input.voltage.l1": 0.0})
    plant.report()
    report = plant.report(after_s=40)
    assert report.loads[0].state == "lost"
    assert report.status == 0


def test_devices_that_stand_for_nothing_are_not_judged():
    plant = path(node("row", "load", "ups", demand=("meter/active_power",)))
    plant.at({"meter/active_power": 100e3})
    plant.silent("meter", last=NOW - 100)
    assert plant.what_if("meter").verdict == "unknown"
