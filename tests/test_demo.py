"""The demo as a user starts it: real sockets, real processes, the promises of the README."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.support.kasbah import kasbah

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo")
    state = directory / "state"
    with kasbah("demo", "--port", "0", "--state-dir", str(state), log=directory / "log") as running:
        running.wait(lambda: running.get("/health/ready").get("ready"), 30, "ready")
        yield running


def pue(demo, window="1m"):
    kpis = demo.get("/api/v1/kpis")["kpis"]
    found = [k for k in kpis if k["id"] == "pue" and k["category"] == 1 and k["window"] == window]
    assert len(found) == 1
    return found[0]


def test_all_devices_are_up_soon_after_the_start(demo):
    status = demo.wait(
        lambda: (s := demo.get("/api/v1/status"))["devices"]["down"] == 0 and s, 30, "all up"
    )
    assert status["devices"]["up"] == 332


def test_pue_is_plausible_covered_and_says_it_is_young(demo):
    figure = demo.wait(lambda: (k := pue(demo, "1h"))["value"] and k, 30, "a PUE")
    assert 1.2 < figure["value"] < 1.8
    assert figure["coverage"] == 1.0
    assert figure["quality"] == "uncertain"
    assert 0 < figure["span_s"] < 3600


def test_redundancy_is_full_as_designed_in_both_cases(demo):
    demo.wait(lambda: demo.get("/api/v1/status")["redundancy"]["status"] == 3, 30, "full")
    report = demo.get("/api/v1/redundancy")
    assert {group["status"] for group in report["groups"]} == {3}
    for case in ("as_is", "mains_lost"):
        assert report["cases"][case]["lost_loads"] == []
        assert report["cases"][case]["unprotected_loads"] == []
        assert report["cases"][case]["overloaded"] == []


def test_the_plant_is_on_mains_and_says_so(demo):
    assert demo.get("/api/v1/status")["supply"] == "mains"


def test_all_generators_out_while_on_mains_is_never_safe(demo):
    gensets = [
        node["id"] for node in demo.get("/api/v1/devices")["devices"] if node["class"] == "genset"
    ]
    assert len(gensets) == 3
    answer = demo.post("/api/v1/redundancy/what-if", {"out": gensets})
    assert answer["verdict"] == "unsafe"


def test_one_ups_module_may_be_taken_out_but_it_reduces(demo):
    units = [d["id"] for d in demo.get("/api/v1/devices")["devices"] if d["class"] == "ups"]
    answer = demo.post("/api/v1/redundancy/what-if", {"out": units[:1]})
    assert answer["verdict"] in {"safe", "reduced"}
    assert answer["lost_loads"] == []


def test_history_holds_what_was_polled(demo):
    point = next(
        p
        for p in demo.get("/api/v1/points?class=ups&quantity=active_power")["points"]
        if p["quality"] == "good"
    )["id"]
    series = demo.wait(
        lambda: (
            (h := demo.get(f"/api/v1/history?point={point}&from=-5m&buckets=10")).get("t") and h
        ),
        20,
        "history",
    )
    assert set(series) >= {"t", "min", "mean", "max", "last", "quality"}
    assert all(
        low <= mean <= high
        for low, mean, high in zip(series["min"], series["mean"], series["max"], strict=True)
        if low is not None
    )


def test_metrics_are_what_promtool_accepts(demo):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    text = demo.text("/metrics")
    assert len(re.findall(r"^kasbah_device_up\{.*\} 1$", text, re.MULTILINE)) == 332
    assert "NaN" not in text
    result = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout + result.stderr == ""


def test_the_documentation_page_needs_no_internet(demo):
    page = demo.text("/docs")
    assert not re.search(r"(src|href)=[\"']https?://(?!127\.0\.0\.1)", page)
