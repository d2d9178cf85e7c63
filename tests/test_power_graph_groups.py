"""Groups against the worked examples of the redundancy reference (TV-R1 to R9, R11)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.redundancy.groups import status_of, tolerated
from core.site import Group
from tests.support.power import Plant, node


def parallel(units, load_kw, design=1, kind="ups"):
    """Units on one bus with one load, in the case of mains present."""
    names = [f"unit-{n}" for n in range(len(units))]
    top = [node("utility", "utility", kw=1e6), node("gen", "genset", kw=1e6)]
    top.append(node("ats", "ats", "utility gen", 1e6))
    middle = [node(name, kind, "ats", kw) for name, kw in zip(names, units, strict=True)]
    bottom = [node("board", "bus", " ".join(names)), node("row", "load", "board", load_kw)]
    return Plant([*top, *middle, *bottom], [Group("units", "N+R", tuple(names), design)])


def judged(plant, out=""):
    return plant.what_if(out).groups[0]


@pytest.mark.parametrize(
    ("units", "load_kw", "out", "spare", "status", "headroom_kw"),
    [
        ([500] * 4, 1400, "", 1, 3, 100),  # TV-R1
        ([500] * 4, 1400, "unit-0", 0, 1, -400),
        ([500] * 4, 1600, "", 0, 1, -100),
        ([500] * 4, 2100, "", -1, 0, -600),
        ([500, 500, 250], 700, "", 1, 3, 50),  # TV-R2: the largest is lost first
        ([500, 500, 250], 800, "", 0, 1, -50),  # without the smallest it would be 1000
        ([80] * 6, 380, "", 1, 3, 20),  # TV-R9
        ([80] * 6, 410, "", 0, 1, -10),
        ([80] * 6, 410, "unit-3", -1, 0, -90),
    ],
)
def test_n_plus_r_on_a_common_bus(units, load_kw, out, spare, status, headroom_kw):
    group = judged(parallel(units, load_kw), out)
    assert (group.spare, group.status) == (spare, status)
    assert group.headroom_kw == pytest.approx(headroom_kw)


@pytest.mark.parametrize(
    ("design", "out", "status"),
    [(2, "", 3), (2, "unit-0", 2), (2, "unit-0 unit-1", 1), (2, "unit-0 unit-1 unit-2", 0),
     (0, "unit-0 unit-1", 3)],
)  # fmt: skip
def test_the_status_counts_against_the_design(design, out, status):
    group = judged(parallel([500] * 4, 900, design), out)
    assert group.status == status
    assert group.missing == tuple(out.split())


def test_generators_that_are_not_in_auto_are_no_capacity():
    """TV-R7: 4 x 800 kW for 2100 kW stand one loss; with one out they stand none."""
    gensets = [node(f"gen-{n}", "genset", kw=800) for n in range(4)]
    nodes = [node("utility", "utility", kw=5000), *gensets]
    nodes += [node("bus", "bus", " ".join(n.id for n in gensets))]
    nodes += [node("ats", "ats", "utility bus", 5000), node("site", "load", "ats", 2100)]
    plant = Plant(nodes, [Group("gensets", "N+R", tuple(n.id for n in gensets))])
    assert judged(plant).spare == 1
    assert judged(plant, "gen-2").spare == 0


def test_a_lost_group_still_has_its_load():
    plant = parallel([500] * 2, 400)
    group = judged(plant, "unit-0 unit-1")
    assert (group.status, group.spare, group.load_kw) == (0, -1, 400)
    assert group.reasons == ("unit-0 is taken out", "unit-1 is taken out")


def test_units_that_share_no_bus_are_no_spare_for_each_other():
    nodes = [
        node("utility", "utility", kw=2000),
        node("gen-1", "genset", kw=500),
        node("gen-2", "genset", kw=500),
        node("ats-1", "ats", "utility gen-1", 800),
        node("ats-2", "ats", "utility gen-2", 800),
        node("row-1", "load", "ats-1", 200),
        node("row-2", "load", "ats-2", 200),
    ]
    group = judged(Plant(nodes, [Group("gensets", "N+R", ("gen-1", "gen-2"))]))
    assert group.headroom_kw == 100  # by capacities alone one could be lost
    assert (group.spare, group.status) == (0, 1)
    assert group.reasons == ("without gen-1 row-1 would be lost with the mains lost",)


def sides(load_a, load_b, kw=800):
    """Two systems; single-fed loads put the given power on each, one load hangs on both."""
    nodes = [node("utility", "utility", kw=1e5), node("gen", "genset", kw=1e5)]
    nodes.append(node("ats", "ats", "utility gen", 1e5))
    nodes += [node(f"ups-{s}", "ups", "ats", kw) for s in "ab"]
    both = ("meter-a/active_power", "meter-b/active_power")
    nodes.append(node("hall", "load", "ups-a ups-b", demand=both))
    plant = Plant(nodes, [Group("sides", "2N", ("ups-a", "ups-b"))])
    return plant.at({both[0]: load_a * 1e3, both[1]: load_b * 1e3})


@pytest.mark.parametrize(
    ("loads", "out", "status", "spare"),
    [
        ((390, 350), "", 3, 1),  # TV-R3
        ((450, 420), "", 1, 0),  # each side below 57 %, and yet not 2N
        ((810, 100), "", 0, -1),
        ((390, 350), "ups-a", 1, 0),
        ((450, 420), "ups-a", 0, -1),
        ((390, 350), "ups-a ups-b", 0, -1),
    ],
)
def test_two_sides_that_each_carry_everything(loads, out, status, spare):
    group = judged(sides(*loads), out)
    assert (group.status, group.spare) == (status, spare)
    if not out:
        assert group.headroom_kw == pytest.approx(800 - sum(loads))


def test_a_side_is_worth_what_its_modules_are_whatever_its_board_states():
    nodes = [node("utility", "utility", kw=1e5), node("gen", "genset", kw=1e5)]
    nodes.append(node("ats", "ats", "utility gen", 1e5))
    for side in "ab":
        nodes += [node(f"ups-{side}{n}", "ups", "ats", 300) for n in (1, 2)]
        nodes.append(node(f"board-{side}", "bus", f"ups-{side}1 ups-{side}2", 600))
    nodes.append(node("hall", "load", "board-a board-b", 500))
    plant = Plant(nodes, [Group("sides", "2N", ("board-a", "board-b"))])
    assert judged(plant).status == 3
    group = judged(plant, "ups-a1")
    assert (group.status, group.spare) == (1, 0)
    assert group.reasons == ("ups-a1 is taken out",)


def systems(count, kw, pairs, pair_kw):
    """Distributed redundant systems: every load on a pair of them."""
    nodes = [node("utility", "utility", kw=1e5), node("gen", "genset", kw=1e5)]
    nodes.append(node("ats", "ats", "utility gen", 1e5))
    names = tuple(f"ups-{n}" for n in range(count))
    nodes += [node(name, "ups", "ats", kw) for name in names]
    nodes += [node(f"load-{a}{b}", "load", f"ups-{a} ups-{b}", pair_kw) for a, b in pairs]
    return Plant(nodes, [Group("systems", "distributed", names)])


@pytest.mark.parametrize(
    ("pair_kw", "status", "headroom_kw"), [(360, 3, 60), (400, 3, 0), (420, 1, -30)]
)
def test_three_systems_of_which_two_carry_everything(pair_kw, status, headroom_kw):
    """TV-R4: 3N/2."""
    group = judged(systems(3, 600, [(0, 1), (1, 2), (2, 0)], pair_kw))
    assert group.status == status
    assert group.headroom_kw == pytest.approx(headroom_kw)


@pytest.mark.parametrize(("pair_kw", "status"), [(300, 3), (375, 3), (376, 1)])
def test_four_systems_of_which_three_carry_everything(pair_kw, status):
    """TV-R5: 4N/3."""
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert judged(systems(4, 750, pairs, pair_kw)).status == status


def test_distributed_systems_with_one_out_stand_no_other_loss():
    plant = systems(3, 600, [(0, 1), (1, 2), (2, 0)], 360)
    assert (judged(plant, "ups-0").status, judged(plant, "ups-0").spare) == (1, 0)
    assert judged(plant, "ups-0 ups-1").status == 0


def catcher(reserve_kw=600):
    nodes = [node("utility", "utility", kw=1e5), node("gen", "genset", kw=1e5)]
    nodes.append(node("ats", "ats", "utility gen", 1e5))
    nodes.append(node("reserve", "ups", "ats", reserve_kw))
    for n, kw in enumerate((420, 510, 480)):
        nodes.append(node(f"primary-{n}", "ups", "ats", 600))
        nodes.append(node(f"sts-{n}", "sts", f"primary-{n} reserve", 600))
        nodes.append(node(f"load-{n}", "load", f"sts-{n}", kw))
    members = ("primary-0", "primary-1", "primary-2", "reserve")
    return Plant(nodes, [Group("block", "catcher", members)])


def test_a_catcher_holds_one_primary():
    """TV-R6."""
    assert (judged(catcher()).status, judged(catcher()).spare) == (3, 1)
    assert judged(catcher(reserve_kw=500)).status == 1
    taken = judged(catcher(), "primary-1")
    assert (taken.status, taken.spare) == (1, 0)
    assert judged(catcher(), "primary-1 primary-2").status == 0
    assert judged(catcher(), "reserve").status == 1


def test_a_static_switch_without_its_second_source_is_at_n():
    """TV-R11: the load lives on A; B is out of tolerance; then A is on bypass too."""
    nodes = [node("utility", "utility", kw=900), node("gen", "genset", kw=900)]
    nodes.append(node("ats", "ats", "utility gen", 900))
    nodes += [node(f"ups-{s}", "ups", "ats", 300, device=f"ups-{s}") for s in "ab"]
    nodes.append(node("sts", "sts", "ups-a ups-b", 300, device="sts"))
    nodes.append(node("row", "load", "sts", 100))
    plant = Plant(nodes)
    plant.at({"ups-a/mode": "online", "ups-b/mode": "online", "sts/position": "preferred"})
    plant.at({"sts/source.state.1": "normal", "sts/source.state.2": "normal"})
    assert plant.what_if("ups-a").verdict == "reduced"
    plant.at({"sts/source.state.2": "out_of_tolerance"})
    assert plant.what_if().verdict == "reduced"
    assert plant.what_if("ups-a").lost_loads == ("row",)
    plant.report()
    load = plant.report(after_s=40.0).loads[0]
    assert load.state == "at_n"
    plant.at({"ups-a/mode": "static_bypass"})
    assert plant.report(after_s=1.0).loads[0].state == "unprotected"


capacities = st.lists(st.floats(1, 1000), max_size=6)


@given(capacities, st.floats(1, 1000), st.floats(0, 3000))
def test_one_unit_more_never_lowers_the_spare(units, more, load_kw):
    assert tolerated([*units, more], load_kw) >= tolerated(units, load_kw)


@given(capacities, st.floats(0, 3000), st.floats(0, 500))
def test_more_load_never_raises_the_spare(units, load_kw, more):
    assert tolerated(units, load_kw + more) <= tolerated(units, load_kw)


@given(st.integers(-1, 5), st.integers(0, 4))
def test_status_codes(spare, design):
    code = status_of(spare, design)
    assert (code == 0) == (spare < 0)
    assert (code == 3) == (spare >= 0 and spare >= design)
    assert code in (0, 1, 2, 3)


def test_the_loss_of_all_is_no_spare_even_without_load():
    assert tolerated([500.0, 500.0], 0.0) == 1
    assert tolerated([], 0.0) == -1
