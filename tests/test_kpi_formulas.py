"""Formulas of the key figures against the reference's vectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.pue import (
    cooling_efficiency,
    disagreement,
    efficiency,
    facility_wh,
    partial_pue,
    per_it_kwh,
    performance_ratio,
    pue,
    reuse_effectiveness,
    self_consumption,
    self_sufficiency,
    share_of_facility,
)

KWH = 1000.0


def site_with_pv() -> float:
    return facility_wh(
        imported=9_200_000 * KWH,
        exported=30_000 * KWH,
        pv=1_050_000 * KWH,
        generated=25_000 * KWH,
        excluded=0.0,
    )


def test_tv1_pue_is_facility_by_it_energy():
    assert pue(10_000_000 * KWH, 8_000_000 * KWH, floor=0).value == 1.25


@pytest.mark.parametrize(
    ("it", "value"), [(7_000_000, 1.4636), (6_860_000, 1.4934), (6_791_400, 1.5085)]
)
def test_tv2_pv_is_consumption_and_never_lowers_pue(it, value):
    assert site_with_pv() == 10_245_000 * KWH
    assert round(pue(site_with_pv(), it * KWH, floor=0).value, 4) == value


def test_tv2_self_consumption_and_self_sufficiency():
    pv, exported = 1_050_000 * KWH, 30_000 * KWH
    assert round(self_consumption(pv, exported).value, 4) == 0.9714
    assert round(self_sufficiency(pv, exported, site_with_pv()).value, 4) == 0.0996


def test_what_is_not_the_data_centre_is_taken_off():
    assert facility_wh(imported=100, exported=0, pv=0, generated=0, excluded=20) == 80


def test_a_pue_below_one_is_impossible_and_has_no_value():
    found = pue(999.0, 1000.0, floor=0)
    assert found.value is None
    assert found.impossible
    assert found.reason


def test_without_it_energy_there_is_no_pue_but_nothing_is_wrong():
    found = pue(1000.0, 5.0, floor=5.0)
    assert found.value is None
    assert not found.impossible


def test_more_export_than_pv_is_impossible():
    assert self_consumption(100.0, 110.0).impossible
    assert self_sufficiency(100.0, 110.0, 500.0).impossible


def test_a_trace_more_export_than_pv_is_the_meters_tolerance():
    assert self_consumption(100.0, 100.5).value == 0.0


def test_at_night_self_consumption_is_undefined_and_self_sufficiency_zero():
    assert self_consumption(0.0, 0.0).value is None
    assert self_sufficiency(0.0, 0.0, 500.0).value == 0.0
    assert self_sufficiency(0.0, 0.0, 0.0).value is None


def test_tv1_water_reuse_and_renewables():
    facility, it = 10_000_000 * KWH, 8_000_000 * KWH
    assert per_it_kwh(12_000 * 1000.0, it, floor=0).value == 1.5  # litres by kWh
    assert share_of_facility(1_500_000 * KWH, facility, "reused").value == 0.15
    assert share_of_facility(6_000_000 * KWH, facility, "renewable").value == 0.6
    ere = reuse_effectiveness(facility, 1_500_000 * KWH, it, floor=0).value
    assert round(ere, 4) == 1.0625


def test_tv2_the_grid_meter_alone_would_flatter():
    grid_only = pue(9_200_000 * KWH, 7_000_000 * KWH, floor=0).value
    assert round(grid_only, 4) == 1.3143
    assert pue(site_with_pv(), 7_000_000 * KWH, floor=0).value > grid_only


@given(
    imported=st.floats(1, 1e9), pv=st.floats(0, 1e9), more=st.floats(0, 1e9), it=st.floats(1, 1e9)
)
def test_tv2_more_pv_with_the_same_import_never_lowers_pue(imported, pv, more, it):
    def ratio(pv_wh):
        taken = facility_wh(imported=imported, exported=0, pv=pv_wh, generated=0, excluded=0)
        return pue(taken, it, floor=0).value or 0.0

    assert ratio(pv + more) >= ratio(pv)


def test_tv8_cooling_and_its_partial_pue():
    assert round(cooling_efficiency(8_000_000 * KWH, 1_500_000 * KWH).value, 3) == 5.333
    assert partial_pue(1_500_000 * KWH, 8_000_000 * KWH, floor=0).value == 1.1875


def test_tv9_performance_ratio_plain_and_corrected_for_temperature():
    pv, sun = 3248 * KWH, 5.8 * KWH
    assert round(pv / KWH / 700, 2) == 4.64
    assert round(performance_ratio(pv, sun, dc_kwp=700, floor=0).value, 3) == 0.8
    corrected = sun * (1 - 0.0035 * (50 - 25))
    assert round(performance_ratio(pv, corrected, dc_kwp=700, floor=0).value, 4) == 0.8767


def test_tv10_carbon_by_it_energy():
    kg = 9_200_000 * 0.610412 + 25_000 * 0.27 * 2.68
    assert round(kg) == 5_633_880
    assert round(per_it_kwh(kg, 7_000_000 * KWH, floor=0).value, 4) == 0.8048


def test_tv12_order_of_magnitude_of_a_pv_share():
    facility = 1.5e6 * 0.7 * 8760 * 1.45
    assert round(facility / 1e6) == 13_337
    assert round(self_sufficiency(700 * 1650 * KWH, 0.0, facility).value, 3) == 0.087


def test_more_reused_or_renewable_energy_than_there_was_is_impossible():
    for what in ("reused", "renewable"):
        found = share_of_facility(103.0, 100.0, what)
        assert found.value is None
        assert found.impossible
        assert what in found.reason


def test_more_out_of_a_stage_than_went_in_has_no_efficiency_but_a_reason():
    found = efficiency(100.0, 102.0)
    assert found.value is None
    assert "batteries gave it" in found.reason
    assert efficiency(100.0, 100.5).value == 1.0, "two meters of one flow"
    assert efficiency(0.0, 0.0).value is None


def test_sub_meters_are_doubted_beyond_three_percent_either_way():
    assert disagreement(0.25, 100.0, 97.1).reason == ""
    assert disagreement(0.25, 100.0, 96.9).reason.startswith("the sub-meters show 3.1% less")
    assert disagreement(0.25, 100.0, 103.1).reason.startswith("the sub-meters show 3.1% more")
    assert disagreement(0.25, 0.0, 5.0).value is None


def test_meters_are_not_compared_over_a_few_polls():
    assert disagreement(19 / 3600, 100.0, 207.6).value is None
    assert disagreement(20 / 3600, 100.0, 100.0).value == 0.0


def test_without_sun_or_cooling_there_is_no_ratio():
    assert performance_ratio(0.0, 10.0, dc_kwp=700, floor=20.0).reason == (
        "there was no sun to speak of"
    )
    assert cooling_efficiency(10.0, 0.0).value is None
