"""The exposition: a parser reads back what the snapshot holds, and nothing else."""

import gzip
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from api import families
from api.lines import Lines
from api.metrics import Exposition
from core.kpi import Kpis
from core.metering import (
    Carbon,
    Cer,
    Check,
    Energy,
    EnergyInput,
    Partial,
    PvPlant,
    Renewable,
    Stage,
)
from core.quality import Level, Quality
from core.snapshot import Nameplate
from core.tariff import Period, Tariff
from core.vocabulary import STATES
from tests.support.api import (
    NOW,
    READINGS,
    FakeServices,
    Reading,
    client_of,
    make_devices,
    make_group,
    make_kpis,
    make_registry,
    make_site,
    make_snapshot,
    make_view,
    render_page,
    whole_vocabulary,
)

SITE = "orange-tech"


def samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def one(text: str, name: str, **labels: str) -> float:
    """The value of the one sample with these labels. Raises ValueError where there is not one."""
    (value,) = (
        value
        for found, value in samples(text, name)
        if all(found.get(key) == wanted for key, wanted in labels.items())
    )
    return value


# Points


def test_every_good_number_is_exposed_with_its_value_and_labels():
    text = render_page()
    snapshot = make_snapshot()
    classes = {device.id: device.device_class for device in make_site().devices}
    expected = []
    for row, point in enumerate(snapshot.points.points):
        value = float(snapshot.points.value[row])
        if point.name.definition is None or np.isnan(value):
            continue
        labels = {
            "site": SITE, "device": point.device, "class": classes[point.device],
            "part": point.name.part, "instance": point.name.instance,
        }  # fmt: skip
        expected.append((families.POINTS[point.name.quantity].name, labels, value))
    names = {family.name for family in families.POINTS.values()}
    found = [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in names
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_all_labels_are_always_there_and_in_one_order():
    lines = [
        line for line in render_page().splitlines() if line.startswith("kasbah_active_power_watts{")
    ]
    assert lines[0] == (
        'kasbah_active_power_watts{site="orange-tech",device="meter-mv-a",class="meter",part="",'
        'instance=""} 1012400.5'
    )
    assert len(lines) == 5


def test_a_total_and_its_parts_are_told_apart_by_the_instance():
    text = render_page()
    parts = [
        value
        for labels, value in samples(text, "kasbah_active_power_watts")
        if labels["device"] == "ups-a1" and labels["instance"]
    ]
    total = one(text, "kasbah_active_power_watts", device="ups-a1", instance="")
    assert sum(parts) == total == 212_000.0


def test_a_bad_reading_has_no_sample():
    text = render_page()
    for point in ("ups-a2", "crah-1", "pv-1"):
        assert not [
            labels
            for labels, _ in samples(text, "kasbah_active_power_watts")
            + samples(text, "kasbah_temperature_celsius")
            if labels["device"] == point and labels["part"] != "battery"
        ]
    assert "NaN" not in text
    assert not re.search(r" (nan|[+-]?inf)$", text, re.MULTILINE | re.IGNORECASE)


def test_a_bad_reading_with_a_number_has_no_sample_either():
    """Quality decides, whatever stands in the table."""
    bad = [Reading("ups-a1/output.active_power", 5.0, Quality.OUT_OF_RANGE)]
    text = render_page(replace(make_snapshot(), points=make_view(readings=bad)))
    assert samples(text, "kasbah_active_power_watts") == []


def test_an_uncertain_reading_has_a_sample():
    assert one(render_page(), "kasbah_runtime_seconds", device="ups-a1") == 720.0


def test_a_state_is_one_and_its_sisters_are_zero():
    text = render_page()
    labels_of_mode = [
        (labels["state"], value)
        for labels, value in samples(text, "kasbah_state")
        if labels["device"] == "ups-a2" and labels["axis"] == "mode"
    ]
    assert [state for state, _ in labels_of_mode] == list(STATES["mode"].states)
    assert dict(labels_of_mode)["on_battery"] == 1
    assert sum(value for _, value in labels_of_mode) == 1
    alarm = one(
        text, "kasbah_state", device="ups-a1", axis="alarm", instance="overload", state="normal"
    )
    assert alarm == 1


def test_a_bad_state_has_no_sample():
    assert not [
        labels
        for labels, _ in samples(render_page(), "kasbah_state")
        if labels["device"] == "crah-1"
    ]


# Form


def test_families_are_contiguous_and_have_one_help_and_one_type():
    names = []
    for line in render_page().splitlines():
        if line.startswith("# "):
            names.append(line.split(" ")[2])
        else:
            assert line.split("{")[0].split(" ")[0] == names[-1]
    counted = Counter(names)
    assert set(counted.values()) == {2}
    assert names == [name for name in dict.fromkeys(names) for _ in range(2)]


def test_no_series_is_written_twice():
    lines = [line.rpartition(" ")[0] for line in render_page().splitlines() if line[0] != "#"]
    assert len(lines) == len(set(lines))


def test_every_metric_name_stands_for_one_thing():
    everything = [*families.SITE, *families.DEVICES, families.STATE, *families.POINTS.values()]
    counted = Counter(family.name for family in everything)
    assert [name for name, count in counted.items() if count > 1] == []


def test_counters_end_in_total_and_no_gauge_does():
    for family in (*families.SITE, *families.DEVICES, *families.POINTS.values()):
        assert (family.kind == "counter") == family.name.endswith("_total"), family.name


def test_promtool_dislikes_nothing_but_watt_hours_and_kilograms():
    """promtool takes the `hours` of watt hours for a time, and would have a kilogram, the unit of
    the SI, as grams. The names are the public contract's."""
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed")
    page = render_page(replace(make_snapshot(), points=whole_vocabulary()))
    result = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    hours = sorted(name for name in re.findall(r"# TYPE (\S+) ", page) if "_hours" in name)
    misread = [f'{name} use base unit "seconds" instead of "hours"' for name in hours]
    mass = [name for name in re.findall(r"# TYPE (\S+) ", page) if "_kilograms" in name]
    misread += [f'{name} use base unit "grams" instead of "kilograms"' for name in mass]
    assert sorted(result.stderr.splitlines()) == sorted(misread)
    assert "kasbah_active_energy_watt_hours_total" in hours


# What is drawn again

changes = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, len(READINGS) - 1),
            st.sampled_from([0.0, 1.0, 2.5, -1e-7, 1e22, 3.0]),
            st.sampled_from([Quality.GOOD, Quality.HELD, Quality.NO_ANSWER]),
        ),
        max_size=6,
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(changes)
def test_a_page_from_cached_lines_is_the_page_drawn_anew(steps):
    exposition = Exposition(make_site(), make_registry())
    snapshot = make_snapshot(1)
    exposition.plant(snapshot)
    for version, step in enumerate(steps, start=2):
        view = snapshot.points
        value, quality = view.value.copy(), view.quality.copy()
        for row, new, how in step:
            quality[row] = how
            value[row] = np.nan if how.level is Level.BAD else new
        points = replace(view, value=value, quality=quality)
        snapshot = replace(snapshot, version=version, points=points)
        fresh = Exposition(make_site(), make_registry()).plant(snapshot)
        assert exposition.plant(snapshot) == fresh


def test_points_that_appear_later_are_taken_in():
    exposition = Exposition(make_site(), make_registry())
    exposition.plant(replace(make_snapshot(1), points=make_view(readings=READINGS[:7])))
    late = exposition.plant(make_snapshot(2))
    assert late == Exposition(make_site(), make_registry()).plant(make_snapshot(2))


def test_a_request_that_was_overtaken_gets_the_newer_page():
    exposition = Exposition(make_site(), make_registry())
    newer = exposition.plant(make_snapshot(9))
    few = replace(make_snapshot(8), points=make_view(readings=READINGS[:3]))
    assert exposition.plant(few) == newer


def test_a_nameplate_that_changes_is_drawn_again():
    exposition = Exposition(make_site(), make_registry())
    exposition.plant(make_snapshot(1))
    devices = make_devices()
    devices["ups-a1"] = replace(devices["ups-a1"], nameplate=Nameplate(serial="SN-2"))
    text = exposition.plant(replace(make_snapshot(2), devices=devices)).decode()
    assert 'device="ups-a1",class="ups",profile="rfc1628-ups",place="hall-1",vendor=""' in text
    assert 'serial="SN-2"' in text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_back_as_they_were(value):
    lines = Lines(families.POINTS["active_power"])
    lines.add(("s", "d", "c", "p", "i"))
    text = lines.render(np.array([value])).decode()
    assert samples(text, "kasbah_active_power_watts")[0][1] == value


@given(st.text(max_size=20))
def test_any_text_fits_into_a_label(text):
    """A device may call itself anything."""
    lines = Lines(families.POINTS["active_power"])
    lines.add(("s", text, "c", "p", "i"))
    page = lines.render(np.array([1.0])).decode("utf-8", "surrogatepass")
    inside = re.search(r'device="((?:[^"\\]|\\.)*)"', page, re.DOTALL)[1]
    assert re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), inside) == text
    assert page.count("\n") == 3


def test_infinity_has_no_sample():
    text = render_page(
        replace(make_snapshot(), points=make_view(readings=[Reading("ups-a1/voltage", np.inf)]))
    )
    assert samples(text, "kasbah_voltage_volts") == []


# Devices


def test_a_device_that_answers_is_up():
    text = render_page()
    up = {labels["device"]: value for labels, value in samples(text, "kasbah_device_up")}
    assert up == {
        "meter-mv-a": 1, "ups-a1": 1, "ups-a2": 1, "gen-1": 1, "crah-1": 0, "pv-1": 0,
    }  # fmt: skip
    assert samples(text, "kasbah_device_up")[0][0] == {
        "site": SITE, "device": "meter-mv-a", "class": "meter",
    }  # fmt: skip


def test_the_age_is_that_of_the_oldest_reading():
    age = {
        labels["device"]: value
        for labels, value in samples(render_page(), "kasbah_point_age_seconds")
    }
    assert age == {"meter-mv-a": 2.0, "ups-a1": 14.5, "ups-a2": 2.0, "gen-1": 2.0, "crah-1": 90.0}


def test_polls_are_counted():
    text = render_page()
    assert one(text, "kasbah_polls_total", device="ups-a1") == 120
    assert one(text, "kasbah_poll_failures_total", device="crah-1") == 18
    assert one(text, "kasbah_polls_skipped_total", device="ups-a2") == 4
    assert one(text, "kasbah_poll_duration_seconds", device="ups-a1") == 0.012
    with pytest.raises(ValueError, match="expected 1"):
        one(text, "kasbah_poll_duration_seconds", device="pv-1")


def test_a_device_nobody_reported_of_is_down():
    text = render_page(replace(make_snapshot(), devices={}))
    assert {value for _, value in samples(text, "kasbah_device_up")} == {0}
    assert len(samples(text, "kasbah_device_info")) == 6


# Site


def test_pue_has_category_and_window():
    found = samples(render_page(), "kasbah_pue_ratio")
    assert found == [
        ({"site": SITE, "category": "1", "window": "1m"}, 1.406),
        ({"site": SITE, "category": "1", "window": "1h"}, 1.41),
    ], "an unknown one is absent"


def test_the_quality_of_a_key_figure_is_there_though_its_value_is_not():
    quality = one(render_page(), "kasbah_kpi_quality", kpi="pue", category="2", window="1h")
    assert quality == Level.BAD


def test_every_key_figure_that_the_core_computes_has_a_metric():
    counter = EnergyInput("meter-mv-a/active_energy", "meter-mv-a/active_power")
    whole = Energy(
        facility=(counter,), exported=(counter,), pv=(counter,), genset=(counter,),
        it=((1, (counter,)), (2, (counter,))), excluded=(counter,),
        partials=(Partial("hall-1", (counter,), (counter,)),),
        stages=(Stage("ups", (counter,), (counter,)),),
        checks=(Check("mv", (counter,), (counter,)),),
        water=(counter,), reused=(counter,), cer=Cer((counter,), (counter,)),
        renewable=Renewable(True, 0.0, "here"), pv_plant=PvPlant(700, (counter,), (counter,)),
        carbon=Carbon(610.0, 2021, "location", "here"),
        tariff=Tariff("MAD", "UTC", (Period("flat", 1.0, 0, 96),)),
    )  # fmt: skip
    kpis = Kpis(whole)
    kpis.update(make_view(), NOW)
    computed = kpis.report(NOW)
    assert {kpi.id for kpi in computed} == set(families.KPIS)
    page = render_page(replace(make_snapshot(), kpis=computed))
    lines = [line.rpartition(" ")[0] for line in page.splitlines() if line[0] != "#"]
    assert len(lines) == len(set(lines)), "a window or category is missing among the labels"
    for kpi in computed:
        assert ("window" in families.KPIS[kpi.id].labels) == bool(kpi.window), kpi.id
        assert ("category" in families.KPIS[kpi.id].labels) == (kpi.category is not None), kpi.id
        assert "scope" in families.KPIS[kpi.id].labels or not kpi.scope, kpi.id


def test_site_powers_are_there():
    text = render_page()
    assert one(text, "kasbah_facility_power_watts") == 1_012_400.5
    assert one(text, "kasbah_it_power_watts") == 720_000.0


def test_a_group_that_cannot_be_judged_is_minus_one():
    text = render_page()
    assert one(text, "kasbah_redundancy_status", group="ups") == 3
    assert one(text, "kasbah_redundancy_spare_units", group="ups") == 1
    assert one(text, "kasbah_redundancy_status", group="gensets") == -1, "not in the report"
    assert one(text, "kasbah_redundancy_spare_units", group="gensets") == -1
    snapshot = make_snapshot()
    unknown = replace(snapshot.redundancy, groups=(make_group(status=-1, spare=1),))
    text = render_page(replace(snapshot, redundancy=unknown))
    assert one(text, "kasbah_redundancy_spare_units", group="ups") == -1


def test_cooling_has_its_groups_and_the_times_of_its_rooms():
    snapshot = make_snapshot()
    text = render_page(snapshot)
    assert one(text, "kasbah_redundancy_status", group="crahs") == 3
    assert one(text, "kasbah_redundancy_spare_units", group="crahs") == 1
    assert one(text, "kasbah_cooling_ride_through_seconds", zone="hall-1") == 538.5
    assert one(text, "kasbah_cooling_gap_seconds", zone="hall-1") == 437.0
    zones = tuple(
        replace(zone, ride_through_s=None, gap_s=None) for zone in snapshot.redundancy.zones
    )
    text = render_page(replace(snapshot, redundancy=replace(snapshot.redundancy, zones=zones)))
    assert "kasbah_cooling_ride_through_seconds{" not in text
    assert "kasbah_cooling_gap_seconds{" not in text


@pytest.mark.parametrize("missing", ["points", "kpis", "devices"])
def test_site_metrics_are_there_whatever_is_missing(missing):
    nothing = {"points": make_view(readings=[]), "kpis": (), "devices": {}}
    text = render_page(replace(make_snapshot(), **{missing: nothing[missing]}))
    assert one(text, "kasbah_redundancy_status", group="ups") == 3
    assert one(text, "kasbah_site_redundancy_status") == 2
    assert one(text, "kasbah_alarms_active", severity="critical") == 1
    assert one(text, "kasbah_alarms_active", severity="unknown") == 0
    assert one(text, "kasbah_supply", mode="mains") == 1
    assert sum(value for _, value in samples(text, "kasbah_supply")) == 1
    assert one(text, "kasbah_loads", state="at_n") == 1
    assert one(text, "kasbah_ready") == 1
    assert one(text, "kasbah_snapshot_timestamp_seconds") == NOW


def test_points_are_counted_by_quality():
    found = {
        labels["quality"]: v for labels, v in samples(render_page(), "kasbah_points_by_quality")
    }
    assert found == {"good": 16, "uncertain": 2, "bad": 4}


# HTTP


async def test_metrics_are_served_with_the_type_prometheus_expects():
    async with client_of(FakeServices()) as client:
        response = await client.get("/metrics", headers={"accept-encoding": "identity"})
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "content-encoding" not in response.headers
    assert one(response.text, "kasbah_agent_ticks_total") == 3.0, "the agent's own health"


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("br", False),
        ("", False),
    ],
)
async def test_gzip_is_used_when_asked_for(accepted, packed):
    async with (
        client_of(FakeServices()) as client,
        client.stream("GET", "/metrics", headers={"accept-encoding": accepted}) as response,
    ):
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert (response.headers.get("content-encoding") == "gzip") == packed
    text = (gzip.decompress(raw) if packed else raw).decode()
    assert one(text, "kasbah_ready") == 1


async def test_the_page_follows_the_snapshot():
    services = FakeServices()
    async with client_of(services) as client:
        await client.get("/metrics")
        kpis = (replace(make_kpis()[0], value=5.0),)
        await services.publish(replace(make_snapshot(8), kpis=kpis))
        text = (await client.get("/metrics")).text
    assert one(text, "kasbah_facility_power_watts") == 5.0
    assert json.dumps(samples(text, "kasbah_pue_ratio")) == "[]"
