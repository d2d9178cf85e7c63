"""The demo as a user starts it: real sockets, a process of its own, the promises of the README."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from datetime import datetime

import pytest

from tests.support.kasbah import call, kasbah, samples

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow, pytest.mark.alone]

DEVICES = 332
SOON_S = 30
"""What the README promises stands within so many seconds of the start."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo")
    started = time.monotonic()
    with kasbah(
        "demo", "--port", "0", "--state-dir", str(directory / "state"), log=directory / "log"
    ) as running:
        running.wait(
            lambda: running.ready() and (figure := pue(running)) and figure["value"] is not None,
            SOON_S - (time.monotonic() - started),
            "ready, with a PUE",
        )
        yield running


def pue(demo, window="1h"):
    """The PUE of category 1 over a window."""
    (figure,) = [
        figure
        for figure in demo.get("/api/v1/kpis")["kpis"]
        if (figure["id"], figure["category"], figure["window"]) == ("pue", 1, window)
    ]
    return figure


def test_all_devices_are_up(demo):
    devices = demo.get("/api/v1/status")["devices"]
    assert devices == {"total": DEVICES, "up": DEVICES, "down": 0, "waiting": 0, "down_ids": []}
    answers = demo.get("/api/v1/devices")["devices"]
    assert len(answers) == DEVICES
    assert {device["status"] for device in answers} == {"up"}


@pytest.mark.parametrize("window", ["1m", "15m", "1h", "24h"])
def test_pue_is_plausible_covered_and_says_that_it_is_young(demo, window):
    figure = pue(demo, window)
    assert 1.2 < figure["value"] < 1.8
    assert figure["coverage"] == 1.0
    if window != "1m":
        assert figure["quality"] == "uncertain"
        assert 5 <= figure["span_s"] < 900
        assert window in figure["reason"]


def test_power_and_energy_agree_on_the_pue(demo):
    kpis = demo.get("/api/v1/kpis")["kpis"]
    power = {
        figure["id"]: figure["value"]
        for figure in kpis
        if figure["category"] in {None, 1} and figure["window"] is None
    }
    assert power["facility_power"] / power["it_power"] == pytest.approx(power["power_ratio"])
    assert power["power_ratio"] == pytest.approx(pue(demo)["value"], rel=0.03)
    assert 0.9e6 < power["it_power"] < 1.0e6


def test_the_lines_of_a_ups_are_added_up(demo):
    points = demo.get("/api/v1/points?device=ups-a1&quantity=active_power")["points"]
    watts = {point["id"]: point["value"] for point in points}
    total = watts["ups-a1/output.active_power"]
    assert total == pytest.approx(
        sum(watts[f"ups-a1/output.active_power.l{line}"] for line in (1, 2, 3)), rel=0.02
    )


def test_redundancy_is_full_as_designed_in_both_cases(demo):
    status = demo.get("/api/v1/status")
    assert status["redundancy"]["status"] == "full"
    assert status["redundancy"]["status_code"] == 3
    assert status["redundancy"]["reasons"] == []
    report = demo.get("/api/v1/redundancy")
    assert {group["id"] for group in report["groups"]} >= {"gensets", "ups-sides"}
    for group in report["groups"]:
        assert (group["status"], group["status_code"]) == ("full", 3), group["id"]
        assert group["spare"] >= group["design"]
        assert group["missing"] == []
    assert set(report["cases"]) == {"as_is", "mains_lost"}
    for case in report["cases"].values():
        assert case["lost_loads"] == case["unprotected_loads"] == case["overloaded"] == []
        assert case["unknown"] == []
    assert {load["state"] for load in report["loads"]} == {"redundant"}


def test_the_plant_is_on_mains_and_nothing_is_alarmed(demo):
    status = demo.get("/api/v1/status")
    assert status["supply"] == "mains"
    assert status["alarms"]["total"] == 0
    assert demo.get("/api/v1/alarms")["alarms"] == []


def test_all_generators_out_while_on_mains_is_unsafe(demo):
    gensets = [
        device["id"]
        for device in demo.get("/api/v1/devices")["devices"]
        if device["class"] == "genset"
    ]
    assert len(gensets) == 3
    answer = demo.post("/api/v1/redundancy/what-if", {"out": gensets})
    assert answer["verdict"] == "unsafe"
    assert {"row-1", "row-12"} <= set(answer["lost_loads"]), "with the mains lost, all is lost"
    assert answer["cases"]["as_is"]["lost_loads"] == [], "mains carries it now"
    answer = demo.post("/api/v1/redundancy/what-if", {"out": gensets, "case": "as_is"})
    assert answer["verdict"] != "safe"


def test_one_module_of_three_may_be_taken_out_and_a_generator_reduces(demo):
    module = demo.post("/api/v1/redundancy/what-if", {"out": ["ups-a1"]})
    assert module["verdict"] == "safe", "two modules of three are spare, one is designed"
    generator = demo.post("/api/v1/redundancy/what-if", {"out": ["gen-1"]})
    assert generator["verdict"] == "reduced"
    assert generator["lost_loads"] == generator["overloaded"] == []


def test_history_answers_with_what_was_polled(demo):
    point = "ups-a1/output.active_power.l1"
    series = demo.wait(
        lambda: (
            (answer := demo.get(f"/api/v1/history?point={point}&from=-5m&buckets=100"))
            and "error" not in answer
            and len(answer["t"]) >= 3
            and answer
        ),
        20,
        "history of a point",
    )
    assert series["unit"] == "W"
    columns = [series[name] for name in ("min", "mean", "max", "last")]
    for low, mean, high, last in zip(*columns, strict=True):
        assert 20_000 < low <= mean <= high < 170_000
        assert low <= last <= high
    assert set(series["quality"]) == {"good"}


def test_metrics_hold_every_device_and_the_key_figures(demo):
    text = demo.text("/metrics")
    up = samples(text, "kasbah_device_up")
    assert len(up) == DEVICES
    assert {value for _, value in up} == {1.0}
    assert not re.search(r" (NaN|[+-]?Inf)$", text, re.MULTILINE)
    ratios = {labels["category"]: v for labels, v in samples(text, "kasbah_pue_ratio")}
    assert 1.2 < ratios["1"] < 1.8
    assert [v for _, v in samples(text, "kasbah_redundancy_status")]
    assert {v for _, v in samples(text, "kasbah_redundancy_status")} == {3.0}


def test_the_figures_beside_pue_are_told_and_raise_no_alarm(demo):
    names = {
        "ppue", "stage_efficiency", "stage_loss", "meter_balance", "cue", "carbon_emissions", "ref",
        "cer", "grid_dependency",
    }  # fmt: skip

    def told():
        figures = demo.get("/api/v1/kpis")["kpis"]
        return [kpi for kpi in figures if kpi["id"] in names and kpi["window"] == "1h"]

    demo.wait(lambda: all(kpi["value"] is not None for kpi in told()), 60, "figures beside PUE")
    figures = {(kpi["id"], kpi["scope"]): kpi for kpi in told()}
    assert {name for name, _ in figures} == names
    assert all(kpi["coverage"] > 0.9 for kpi in figures.values())
    assert 1.1 < figures["ppue", "cooling"]["value"] < 1.5
    assert 0.9 < figures["stage_efficiency", "ups"]["value"] < 1.0
    assert abs(figures["meter_balance", "mcc-1"]["value"]) < 0.03
    alarms = demo.get("/api/v1/alarms")["alarms"]
    assert not [alarm for alarm in alarms if alarm["id"].startswith("kpi/")]


def test_promtool_dislikes_nothing_but_watt_hours_and_kilograms(demo):
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed")
    text = demo.text("/metrics")
    result = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    hours = sorted(name for name in re.findall(r"# TYPE (\S+) ", text) if "_hours" in name)
    misread = [f'{name} use base unit "seconds" instead of "hours"' for name in hours]
    mass = [name for name in re.findall(r"# TYPE (\S+) ", text) if "_kilograms" in name]
    misread += [f'{name} use base unit "grams" instead of "kilograms"' for name in mass]
    assert sorted(result.stderr.splitlines()) == sorted(misread)


def test_the_documentation_page_needs_no_internet(demo):
    page = demo.text("/docs")
    assert not re.search(r"https?://", page)
    paths = re.findall(r"(?:src|href)=[\"'](?!data:)([^\"']+)", page)
    assert len(paths) >= 2, "a script and a style"
    for path in paths:
        assert demo.text(path), path
    assert "/api/v1/status" in demo.get("/openapi.json")["paths"]


def test_nothing_was_worth_a_warning(demo):
    demo.get("/api/v1/status")
    log = demo.log.read_text()
    assert '"event": "ready"' in log
    assert not re.search(r'"level": "(warning|error|critical)"|Traceback', log)


def test_sigterm_ends_it_in_good_order_with_a_stream_open(tmp_path):
    log = tmp_path / "log"
    with (
        kasbah("demo", "--port", "0", "--state-dir", str(tmp_path / "state"), log=log) as running,
        urllib.request.urlopen(running.url + "/api/v1/stream", timeout=20) as stream,
    ):
        assert stream.readline() == b"event: snapshot\n"
        running.wait(running.ready, SOON_S, "ready")
        asked, moment = time.monotonic(), time.time()
        running.process.terminate()
        assert running.process.wait(10) == 0
        assert time.monotonic() - asked < 10
        stream.read()  # it ends: the server closed it
    said = log.read_text()
    assert '"event": "stopped"' in said
    assert not re.search(r'"level": "(warning|error|critical)"|Traceback', said)
    exported = call(
        "export", "mv-a/input.active_energy", "--from=-5m", "--state-dir", str(tmp_path / "state")
    )
    newest = datetime.fromisoformat(exported.stdout.splitlines()[-1].split(",")[0]).timestamp()
    assert newest > moment - 4, "a meter polled every 2 s: its last readings were written, too"
