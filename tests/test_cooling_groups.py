"""Cooling groups and zones: TV-R9, TV-R10, series, silence, heat, ride-through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cooling.condition import UnitCondition, unknown
from core.cooling.groups import judge
from core.cooling.plan import compile_plan
from core.cooling.ride import air_rise_k_s, buffer_s, gap_s, ride_through_s
from core.cooling.zones import judge_zone
from core.redundancy.condition import START_S
from core.site import Cooling, CoolingZone
from tests.support.cooling import crahs, group, stand, units

HAND = UnitCondition(restarts=False, reasons=("is not in auto (manual)",))


def status(plan, now, name="crahs", **more):
    return judge(plan, now, now.best(), plan.groups[name], **more)


def zone(plan, now, name="hall"):
    found = {one: status(plan, now, one) for one in plan.groups}
    return judge_zone(plan, now, plan.zones[name], found, START_S)


@pytest.mark.parametrize(
    ("heat_kw", "failed", "spare", "code"),
    [(380, "", 1, 3), (410, "", 0, 1), (410, "crah-1", -1, 0), (380, "crah-1", 0, 1)],
)
def test_tv_r9_six_crahs_of_80_kw_with_one_spare(heat_kw, failed, spare, code):
    plan = crahs(6, 80.0)
    found = status(plan, stand(plan, heat_kw, failed=failed))
    assert (found.spare, found.status) == (spare, code)
    assert found.kind == "cooling"


def test_tv_r9_says_what_is_free_beyond_the_designed_spare_and_who_is_missing():
    plan = crahs(6, 80.0)
    found = status(plan, stand(plan, 410.0, failed="crah-1"))
    assert (found.load_kw, found.capacity_kw, found.headroom_kw) == (410, 320, -90)
    assert found.missing == ("crah-1",)
    assert found.reasons == ("crah-1 has a fault",)


def test_tv_r10_ten_cubic_metres_of_water_carry_500_kw_for_502_s():
    assert buffer_s(10.0, 6.0, 500.0) == pytest.approx(502, abs=0.5)


def test_tv_r10_the_air_of_a_room_warms_by_9_95_k_a_minute():
    assert air_rise_k_s(100.0, 500.0) * 60 == pytest.approx(9.95, abs=0.005)


def test_the_largest_units_are_lost_first():
    big, small = units("chiller", 2, 500.0), units("dx", 1, 250.0)
    room = CoolingZone("hall", ("mixed",), heat_kw=0.0)
    plan = compile_plan(Cooling((*big, *small), (group("mixed", [*big, *small], 2),), (room,)))
    assert status(plan, stand(plan, 700.0), "mixed").spare == 1


def test_a_unit_without_supply_counts_only_in_the_cases_where_it_has_one():
    plan = crahs(6, 80.0)
    now = stand(plan, 380.0, mains_lost="crah-1 crah-2")
    assert status(plan, now).case == "mains_lost"
    assert status(plan, now).status == 0
    assert status(plan, now, cases=("as_is",)).status == 3
    assert "crah-1 has no supply with the mains lost (board)" in status(plan, now).reasons


def test_a_unit_in_hand_counts_while_it_runs_and_not_after_a_break_of_its_supply():
    plan = crahs(6, 80.0)
    hand = {"crah-1": HAND}
    assert status(plan, stand(plan, 380.0, conditions=hand)).status == 3
    broken = stand(plan, 380.0, conditions=hand, bridge="crah-1")
    assert status(plan, broken).status == 1
    assert status(plan, broken).reasons == ("crah-1 is not in auto (manual)",)


def test_a_group_that_only_silence_makes_too_small_is_unknown_not_lost():
    plan = crahs(6, 80.0)
    silent = {"crah-1": unknown("does not answer")}
    assert status(plan, stand(plan, 410.0, conditions=silent)).status == -1
    assert status(plan, stand(plan, 450.0, failed="crah-2", conditions=silent)).status == 0
    assert status(plan, stand(plan, 380.0, conditions=silent)).status == 1


def test_heat_that_is_not_known_makes_group_and_zone_unknown():
    plan = crahs(6, 80.0)
    assert status(plan, stand(plan, None)).status == -1
    assert zone(plan, stand(plan, None)).status == -1


def chilled(**changes):
    """Six CRAHs and two pumps that go on through the bridge, two chillers behind a buffer that do
    not, and towers."""
    air, pumps = units("crah", 6, 80.0), units("pump", 2, 500.0, restart_s=30.0)
    cold = units("chiller", 2, 500.0, restart_s=240.0)
    towers = units("tower", 2, 500.0, restart_s=60.0)
    buffer = {"buffer_m3": 10.0, "buffer_delta_k": 6.0} | changes
    return compile_plan(
        Cooling(
            (*air, *pumps, *cold, *towers),
            (
                group("crahs", air),
                group("pumps", pumps),
                group("chillers", cold, **buffer),
                group("towers", towers, heat_factor=1.25),
            ),
            (CoolingZone("hall", ("crahs", "pumps", "chillers", "towers"), heat_kw=0.0),),
        )
    )


WAITING = "chiller-1 chiller-2 tower-1 tower-2"


def test_a_zone_is_as_good_as_the_worst_of_its_groups_in_series():
    plan = chilled()
    assert zone(plan, stand(plan, 380.0)).status == 3
    broken = zone(plan, stand(plan, 380.0, failed="chiller-2"))
    assert broken.status == 1
    assert broken.reasons == ("chillers: chiller-2 has a fault",)
    assert zone(plan, stand(plan, 380.0, failed="pump-1 pump-2 crah-1")).status == 0


def test_a_tower_gives_off_the_work_of_the_compressors_as_well():
    plan = chilled()
    found = status(plan, stand(plan, 380.0), "towers")
    assert found.load_kw == pytest.approx(475.0)
    assert status(plan, stand(plan, 405.0), "towers").status == 1


def test_the_gap_is_a_start_and_the_restart_of_the_slowest_group_that_stops():
    plan = chilled()
    hall = plan.zones["hall"]
    assert gap_s(plan, stand(plan, 380.0), hall, START_S) == 0.0
    assert gap_s(plan, stand(plan, 380.0, bridge=WAITING), hall, START_S) == START_S + 240
    lost = stand(plan, 380.0, bridge=WAITING, mains_lost="tower-1 tower-2")
    assert gap_s(plan, lost, hall, START_S) == float("inf")


def test_a_buffer_carries_as_long_as_what_stands_between_it_and_the_room_goes_on():
    plan = chilled()
    hall = plan.zones["hall"]
    lasts_s = buffer_s(10.0, 6.0, 380.0)
    assert ride_through_s(plan, stand(plan, 380.0, bridge=WAITING), hall) == lasts_s
    dead_pumps = stand(plan, 380.0, bridge=WAITING + " pump-1 pump-2")
    assert ride_through_s(plan, dead_pumps, hall) == 0.0


def test_a_zone_that_lasts_less_than_the_gap_says_so():
    plan = chilled(buffer_m3=3.0)
    found = zone(plan, stand(plan, 380.0, bridge=WAITING))
    assert found.status == 1
    assert found.own == (
        (1, "hall would be without cooling for 377 s with the mains lost, it lasts 198 s"),
    )
    assert zone(chilled(), stand(chilled(), 380.0, bridge=WAITING)).own == ()


def test_a_zone_that_states_neither_air_nor_buffer_has_no_ride_through_to_judge():
    plan = crahs(6, 80.0)
    found = zone(plan, stand(plan, 380.0, bridge="crah-1 crah-2 crah-3 crah-4 crah-5 crah-6"))
    assert (found.status, found.ride_through_s) == (3, None)
    assert plan.unchecked() == ("hall",)


def test_the_air_lasts_from_the_inlet_that_is_measured_to_the_allowable_limit():
    plan = crahs(6, 80.0, air_m3=500.0)
    hall = plan.zones["hall"]
    assert ride_through_s(plan, stand(plan, 100.0, inlet_c=22.0), hall) == pytest.approx(60.3)
    assert ride_through_s(plan, stand(plan, 100.0), hall) == pytest.approx(30.15)  # from 27 degC


@pytest.mark.parametrize(
    ("inlet_c", "code", "word"),
    [(26.9, 3, ""), (27.1, 2, "recommended 27"), (32.1, 0, "allowable 32")],
)
def test_an_inlet_above_the_limits_of_ashrae_overrides_the_count_of_units(inlet_c, code, word):
    plan = crahs(6, 80.0)
    found = zone(plan, stand(plan, 380.0, inlet_c=inlet_c))
    assert found.status == code
    assert word in " ".join(found.reasons)
    assert bool(found.reasons) == bool(word)


heats = st.floats(0.0, 600.0)
some_units = st.sets(st.sampled_from([f"crah-{n}" for n in range(1, 7)]))


@given(heats, some_units, some_units)
def test_one_more_unit_lost_or_unknown_never_raises_the_verdict(heat_kw, out, silent):
    plan = crahs(6, 80.0, air_m3=500.0)
    before = stand(plan, heat_kw, failed=" ".join(out))
    doubt = {name: unknown("does not answer") for name in silent - out}
    after = before.changed(doubt)
    order = {0: 0, -1: 1, 1: 2, 2: 3, 3: 4}
    assert order[status(plan, after).status] <= order[status(plan, before).status]
    assert order[zone(plan, after).status] <= order[zone(plan, before).status]


@given(heats, some_units)
def test_adding_a_spare_unit_never_lowers_the_verdict(heat_kw, out):
    fewer, more = crahs(6, 80.0), crahs(7, 80.0)
    now = stand(fewer, heat_kw, failed=" ".join(out))
    then = stand(more, heat_kw, failed=" ".join(out))
    assert status(fewer, now).status <= status(more, then).status


@given(heats, some_units, some_units)
def test_ride_through_falls_and_the_gap_grows_with_every_unit_that_stops(heat_kw, dark, more):
    plan = crahs(6, 80.0, air_m3=500.0)
    hall = plan.zones["hall"]
    now = stand(plan, heat_kw, bridge=" ".join(dark))
    then = replace(now, unpowered={**now.unpowered, "bridge": frozenset(dark | more)})
    assert gap_s(plan, then, hall, START_S) >= gap_s(plan, now, hall, START_S)
    assert ride_through_s(plan, then, hall) <= ride_through_s(plan, now, hall)
