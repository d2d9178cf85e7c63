"""Formulas of the key figures against the reference's vectors."""

from __future__ import annotations

import pytest

from core.pue import facility_wh, pue, self_consumption, self_sufficiency

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
