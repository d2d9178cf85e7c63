"""The reference's test vectors TV-R1 to TV-R6, TV-R11 and TV-R12, as a site would ask them.

TV-R7 and TV-R8 (generators and batteries) and TV-R9 and TV-R10 (cooling) stand beside what they are
about. A vector's r is `spare`, its utilisation is load by capacity.
"""

from __future__ import annotations

import pytest

from core.site import Group
from tests.support.conditions import NOW
from tests.support.power import Plant, node

AMPLE = 1e5
"""Mains, generators and switches that never limit."""


def top():
    return [
        node("utility", "utility", kw=AMPLE),
        node("gen", "genset", kw=AMPLE),
        node("ats", "ats", "utility gen", AMPLE),
    ]


def modules(capacities_kw, load_kw, design=1, *, watched=False):
    """UPS modules on one board."""
    names = [f"module-{n}" for n in range(1, len(capacities_kw) + 1)]
    nodes = [
        *top(),
        *(
            node(m, "ups", "ats", kw, device=m if watched else "")
            for m, kw in zip(names, capacities_kw, strict=True)
        ),
        node("board", "bus", " ".join(names)),
        node("hall", "load", "board", load_kw),
    ]
    return Plant(nodes, [Group("modules", "N+R", tuple(names), design)])


def only_group(answer):
    (group,) = answer.groups
    return group


# N+R


@pytest.mark.parametrize(
    ("load_kw", "out", "spare", "status", "headroom_kw"),
    [
        (1400, "", 1, 3, 100),  # cap(1) = 1500, cap(2) = 1000
        (1400, "module-2", 0, 1, -400),  # cap(0) = 1500, cap(1) = 1000
        (1600, "", 0, 1, -100),
        (2100, "", -1, 0, -600),
    ],
)
def test_tv_r1_four_modules_of_500_kw_with_one_to_spare(load_kw, out, spare, status, headroom_kw):
    group = only_group(modules([500] * 4, load_kw).what_if(out))
    assert (group.spare, group.status) == (spare, status)
    assert group.headroom_kw == pytest.approx(headroom_kw)
    if not out and load_kw == 1400:
        assert group.load_kw / group.capacity_kw == pytest.approx(0.9333, abs=5e-5)


def test_tv_r1_an_overload_is_unsafe_and_named():
    answer = modules([500] * 4, 2100).what_if()
    assert answer.verdict == "unsafe"
    assert [(o.id, o.load_kw) for o in answer.overloaded] == [
        (f"module-{n}", pytest.approx(525)) for n in (1, 2, 3, 4)
    ]


def test_tv_r2_the_largest_unit_is_lost_first():
    assert only_group(modules([500, 500, 250], 700).what_if()).spare == 1  # cap(1) = 750
    twice = only_group(modules([500, 500, 250], 700, design=2).what_if())
    assert (twice.spare, twice.status) == (1, 2)  # cap(2) = 250
    # 800 fits into what is left without the smallest (1000), not without the largest (750).
    assert only_group(modules([500, 500, 250], 800).what_if()).spare == 0
    assert modules([500, 500, 250], 800).what_if("module-3").verdict == "reduced"
    assert modules([500, 500, 250], 800).what_if("module-1").verdict == "unsafe"


# 2N


def two_n(a_kw, b_kw):
    """Two UPSs of 800 kW; what they give is measured at the hall's two feeds."""
    meters = ("meter-a/active_power", "meter-b/active_power")
    nodes = [
        *top(),
        node("a", "ups", "ats", 800),
        node("b", "ups", "ats", 800),
        node("hall", "load", "a b", demand=meters),
    ]
    plant = Plant(nodes, [Group("sides", "2N", ("a", "b"))])
    return plant.at(dict(zip(meters, (a_kw * 1e3, b_kw * 1e3), strict=True)))


def test_tv_r3_two_sides_of_which_each_carries_740_of_800_kw():
    group = only_group(two_n(390, 350).what_if())
    assert (group.status, group.load_kw, group.headroom_kw) == (3, 740, 60)
    assert group.headroom_kw / group.capacity_kw == pytest.approx(0.075)
    assert two_n(390, 350).what_if("a").overloaded == ()


def test_tv_r3_sides_below_57_percent_are_not_2n():
    plant = two_n(450, 420)
    assert max(450, 420) / 800 < 0.57
    group = only_group(plant.what_if())
    assert (group.status, group.spare, group.headroom_kw) == (1, 0, -70)
    assert plant.what_if().verdict == "reduced"
    answer = plant.what_if("a")
    assert answer.verdict == "unsafe"
    (over,) = answer.overloaded
    assert over.load_kw / over.capacity_kw == pytest.approx(1.0875)


# Distributed


def distributed(names, kw, pairs, pair_kw):
    nodes = [*top(), *(node(name, "ups", "ats", kw) for name in names)]
    nodes += [node(f"load-{p}", "load", " ".join(p), pair_kw) for p in pairs]
    return Plant(nodes, [Group("systems", "distributed", tuple(names))])


def three(pair_kw):
    return distributed("abc", 600, ("ab", "bc", "ca"), pair_kw)


@pytest.mark.parametrize(
    ("pair_kw", "status", "after_a_loss_kw"), [(360, 3, 540), (400, 3, 600), (420, 1, 630)]
)
def test_tv_r4_three_systems_of_which_two_carry_all(pair_kw, status, after_a_loss_kw):
    group = only_group(three(pair_kw).what_if())
    assert group.status == status
    assert 600 - group.headroom_kw == pytest.approx(after_a_loss_kw)
    assert group.load_kw == pytest.approx(3 * pair_kw)


def test_tv_r4_the_loss_of_one_system_at_420_kw_a_pair_overloads_both_others():
    answer = three(420).what_if("a")
    assert [(o.id, o.load_kw / o.capacity_kw) for o in answer.overloaded] == [
        ("b", pytest.approx(1.05)),
        ("c", pytest.approx(1.05)),
    ]
    assert three(400).what_if("a").overloaded == ()


@pytest.mark.parametrize(
    ("pair_kw", "status", "after_a_loss_kw"), [(300, 3, 600), (375, 3, 750), (375.5, 1, 751)]
)
def test_tv_r5_four_systems_of_which_three_carry_all(pair_kw, status, after_a_loss_kw):
    group = only_group(
        distributed("abcd", 750, ("ab", "ac", "ad", "bc", "bd", "cd"), pair_kw).what_if()
    )
    assert group.status == status
    assert 750 - group.headroom_kw == pytest.approx(after_a_loss_kw)


# Catcher


def catcher():
    nodes = [*top(), node("reserve", "ups", "ats", 600)]
    for n, kw in ((1, 420), (2, 510), (3, 480)):
        nodes.append(node(f"primary-{n}", "ups", "ats", 600))
        nodes.append(node(f"sts-{n}", "sts", f"primary-{n} reserve", 600))
        nodes.append(node(f"load-{n}", "load", f"sts-{n}", kw))
    return Plant(
        nodes, [Group("block", "catcher", ("primary-1", "primary-2", "primary-3", "reserve"))]
    )


def test_tv_r6_a_catcher_holds_the_largest_primary_and_then_no_other():
    group = only_group(catcher().what_if())
    assert (group.status, group.spare, group.headroom_kw) == (3, 1, 600 - 510)
    caught = catcher().what_if("primary-2")
    assert caught.verdict == "reduced"
    assert only_group(caught).spare == 0
    assert only_group(caught).headroom_kw == 600 - 510 - 480
    answer = catcher().what_if("primary-2 primary-3")
    assert [(o.id, o.load_kw) for o in answer.overloaded] == [("reserve", 510 + 480)]


# Static switch


def switched():
    nodes = [
        *top(),
        node("a", "ups", "ats", 300, device="a"),
        node("b", "ups", "ats", 300, device="b"),
        node("sts", "sts", "a b", 300, device="sts"),
        node("row", "load", "sts", 100),
    ]
    plant = Plant(nodes)
    plant.at({"a/mode": "online", "b/mode": "online", "sts/position": "preferred"})
    return plant.at({"sts/source.state.1": "normal", "sts/source.state.2": "normal"})


def row(report):
    (load,) = report.loads
    return load


def test_tv_r11_a_static_switch_without_its_alternate_is_at_n_and_on_bypass_unprotected():
    plant = switched()
    assert plant.what_if("b").cases["as_is"].lost_loads == ()
    plant.at({"sts/source.state.2": "out_of_tolerance"})
    plant.report()
    told = plant.report(after_s=40)  # the live verdict believes a contradiction after 30 s
    assert row(told).state == "at_n"  # alive, and its path has no redundancy
    assert told.cases["as_is"].lost_loads == told.cases["as_is"].unprotected_loads == ()
    assert "a" in {failure.out for failure in told.single_failures}
    plant.at({"a/mode": "static_bypass"})
    told = plant.report(after_s=1)
    assert row(told).state == "unprotected"
    assert told.cases["as_is"].lost_loads == ()
    assert told.cases["as_is"].unprotected_loads == ("row",)


# Unknown


def test_tv_r12_a_silent_module_counts_as_it_was_and_as_none_until_it_is_stale():
    plant = modules([500] * 4, 1400, watched=True)
    for n in (1, 2, 3, 4):
        plant.at({f"module-{n}/mode": "online"})
    assert only_group(plant.report()).spare == 1
    plant.silent("module-3", last=NOW)
    fresh = plant.report(after_s=10)
    assert only_group(fresh).spare == 1  # optimistic: its last word
    assert fresh.unknown == ("module-3",)
    assert only_group(plant.what_if()).spare == 0  # pessimistic at once
    stale = plant.report(after_s=10)  # three polls of five seconds are over
    assert (only_group(stale).spare, only_group(stale).status) == (0, 1)
    assert stale.status == 1
    assert stale.headline.startswith("modules: 0 of 1 spare units left: module-3 does not answer")
