"""Peaks of demand: now, of 15 minutes, of 30 days, as designed, and over a restart."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine import Engine
from core.redundancy.report import RedundancyModel
from tests.support.conditions import NOW
from tests.support.power import Plant, node

DAY_S = 86_400.0


def plant():
    """Two rows of which each is measured on both feeds, behind a board of 500 kW."""
    nodes = [
        node("utility", "utility", kw=500),
        node("a", "panel", "utility", 400),
        node("b", "panel", "utility", 400),
        node("row-1", "load", "a b", demand=("m-1a/active_power", "m-1b/active_power")),
        node("row-2", "load", "a", demand=("m-2/active_power",)),
    ]
    return takes(Plant(nodes), 100, 100, 50)


def takes(of, a_kw, b_kw, second_kw):
    points = {"m-1a": a_kw, "m-1b": b_kw, "m-2": second_kw}
    return of.at({f"{meter}/active_power": kw * 1000.0 for meter, kw in points.items()})


def restarted(of):
    """Another process that goes on from what the first one kept on disk."""
    kept = json.loads(json.dumps(of.model.state(), allow_nan=False))
    of.model = RedundancyModel(of.site)
    of.model.restore(kept)
    return of


def test_peaks_survive_a_restart():
    site = plant()
    takes(site, 250, 200, 90).report()
    takes(site, 100, 100, 50).report(after_s=60.0)
    restarted(site).report(after_s=30.0)
    assert site.what_if().overloaded == ()
    for when in ("peak_15m", "peak_30d"):
        (over,) = site.what_if(demand=when).overloaded
        assert (over.id, over.load_kw) == ("utility", 540)
    site.report(after_s=1000.0)
    assert site.what_if(demand="peak_15m").overloaded == ()
    assert [o.id for o in site.what_if(demand="peak_30d").overloaded] == ["utility"]
    site.report(after_s=32 * DAY_S)
    assert site.what_if(demand="peak_30d").overloaded == ()


def test_a_peak_counts_for_at_least_thirty_days():
    """Errs to the safe side: up to a day longer, never shorter."""
    for day_part in (0.0, 0.3, 0.999):
        site = plant()
        site.now = math.floor(NOW / DAY_S) * DAY_S + day_part * DAY_S
        takes(site, 250, 200, 90).report()
        takes(site, 100, 100, 50).report(after_s=30 * DAY_S - 1)
        assert site.what_if(demand="peak_30d").overloaded


def test_a_meter_that_is_silent_after_a_restart_counts_with_what_it_said_before():
    site = plant()
    takes(site, 100, 100, 50).report()
    restarted(site)
    for meter in ("m-1a", "m-1b"):
        site.silent(meter, last=NOW - 3600)
        del site.readings[f"{meter}/active_power"]
    report = site.report(after_s=5.0)
    assert report.loads[0].demand_kw == 200
    assert "row-1" in report.unknown


def test_a_load_that_is_new_or_measured_otherwise_begins_anew():
    site = plant()
    takes(site, 250, 200, 90).report()
    nodes = [n for n in site.site.power if n.id != "row-2"]
    nodes[-1] = replace(nodes[-1], demand=("m-1a/active_power",))
    nodes.append(node("row-3", "load", "b", demand=("m-3/active_power",)))
    kept = site.model.state()
    other = Plant(nodes).at({"m-1a/active_power": 10e3, "m-3/active_power": 5e3})
    other.model.restore(kept)
    other.report()
    worst = other.model._watcher.demands.at(
        other.model._look.seen.worst.demands, "peak_30d", other.now
    )[0]
    assert [demand.kw for demand in worst] == [450, 5]
    assert [demand.shares for demand in worst] == [(), ()]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("peaks"),
        lambda state: state.pop("loads"),
        lambda state: state["whole"].clear(),
        lambda state: state["peaks"]["peak_30d"].append([1.0]),
        lambda state: state["peaks"]["peak_30d"].append([1.0, -5.0, 1.0]),
        lambda state: state["peaks"]["peak_30d"].append([1.0, math.nan, 1.0]),
        lambda state: state["peaks"]["peak_30d"].append([1.0, "much", 1.0]),
        lambda state: state.update(since="yesterday"),
    ],
)
def test_what_is_no_state_is_refused_whole(spoil):
    site = plant()
    takes(site, 250, 200, 90).report()
    state = site.model.state()
    spoil(state)
    fresh = RedundancyModel(site.site)
    before = fresh.state()
    with pytest.raises((ValueError, TypeError, LookupError)):
        fresh.restore(state)
    assert fresh.state() == before


def test_another_version_and_none_at_all_are_left_alone():
    site = plant()
    for state in ({}, {"version": 99, "peaks": "of another kind"}):
        site.model.restore(state)
    assert site.report().status >= 0


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0.1, 40 * DAY_S)), min_size=1, max_size=12))
def test_a_restart_at_any_point_changes_no_peak(steps):
    """Peaks with and without restarts are the same to the watt."""
    whole, broken = plant(), plant()
    for kw, after_s in steps:
        for each in (whole, broken):
            takes(each, kw, kw, kw).report(after_s=after_s)
        restarted(broken)
    demands = whole.model._look.seen.worst.demands
    for when in ("peak_15m", "peak_30d"):
        first, second = (
            each.model._watcher.demands.at(demands, when, whole.now)[0] for each in (whole, broken)
        )
        assert [d.kw for d in first] == pytest.approx([d.kw for d in second], abs=0.001)


def test_the_engine_keeps_the_peaks():
    site = plant()
    takes(site, 250, 200, 90).report()
    engine = Engine(site.site, NOW)
    engine._redundancy.restore(site.model.state())
    again = Engine(site.site, NOW)
    again.restore(engine.state(), NOW)
    assert again._redundancy.state() == site.model.state()
