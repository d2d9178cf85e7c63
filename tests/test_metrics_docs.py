"""docs/metrics.md, the alert rules and the exposition speak of the same metrics."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from api import families
from tests.support.api import make_snapshot, render_page, whole_vocabulary

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "metrics.md"
RULES = ROOT / "deploy" / "prometheus" / "rules" / "kasbah.yml"
EVERYTHING = [*families.SITE, *families.DEVICES, families.STATE, *families.POINTS.values()]
HOW = "run `python -m api.families` and put its tables into docs/metrics.md"


def promtool() -> str:
    return shutil.which("promtool") or pytest.skip("promtool is not installed")


def test_the_page_lists_every_metric_of_the_plant_as_it_is():
    page = PAGE.read_text()
    rows = families.table(EVERYTHING).splitlines()[2:]
    assert [row for row in rows if row not in page] == [], HOW


def test_the_page_lists_no_metric_that_is_gone():
    plant, _, _ = PAGE.read_text().partition("## The agent's own health")
    listed = re.findall(r"^\| `(kasbah_[a-z0-9_]+)` \|", plant, re.MULTILINE)
    assert set(listed) == {family.name for family in EVERYTHING}, HOW
    assert len(listed) == len(set(listed))


def test_what_is_rendered_is_what_is_documented():
    """Names, types and labels of a page with one point of everything."""
    page = render_page(replace(make_snapshot(), points=whole_vocabulary()))
    by_name = {family.name: family for family in EVERYTHING}
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    plant = {name: kind for name, kind in types.items() if not name.startswith("kasbah_agent_")}
    assert plant == {name: family.kind for name, family in by_name.items()}
    for name, inside in re.findall(r"^(kasbah_[a-z0-9_]+)\{(.*)\} ", page, re.MULTILINE):
        labels = tuple(re.findall(r'([a-z]+)="(?:[^"\\]|\\.)*"', inside))
        assert labels == by_name[name].labels


def test_the_rules_ask_for_metrics_that_exist():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    text = " ".join(rule["expr"] for group in groups for rule in group["rules"])
    asked = set(re.findall(r"\bkasbah_[a-z0-9_]+", text))
    assert len(asked) > 10
    assert asked <= {family.name for family in EVERYTHING}


def test_every_metric_of_the_site_that_may_be_absent_has_an_absent_rule():
    text = RULES.read_text()
    for name in ("pue_ratio", "facility_power_watts", "it_power_watts", "ready"):
        assert f"absent(kasbah_{name})" in text


def test_promtool_accepts_the_rules():
    result = subprocess.run(
        [promtool(), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def summary_of(name: str) -> str:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return next(
        rule["annotations"]["summary"]
        for group in groups
        for rule in group["rules"]
        if rule["alert"] == name
    )


def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    """promtool plays an hour: a device falls silent, mains fail, the PUE goes missing."""
    where = {"site": "s", "device": "ups-a1", "class": "ups"}
    series = [
        {"series": 'kasbah_ready{site="s"}', "values": "1x60"},
        {
            "series": 'kasbah_device_up{site="s",device="ups-a1",class="ups"}',
            "values": "1x9 0x20 1x30",
        },
        {"series": 'kasbah_supply{site="s",mode="battery"}', "values": "0x30 1x5 0x24"},
        {"series": 'kasbah_redundancy_status{site="s",group="ups"}', "values": "3x30 0x5 3x24"},
        {
            "series": 'kasbah_cooling_ride_through_seconds{site="s",zone="hall"}',
            "values": "340x30 36x29",
        },
        {"series": 'kasbah_cooling_gap_seconds{site="s",zone="hall"}', "values": "227x60"},
        {"series": 'kasbah_facility_power_watts{site="s"}', "values": "1x60"},
        {"series": 'kasbah_it_power_watts{site="s"}', "values": "1x60"},
        {"series": 'kasbah_pue_ratio{site="s",window="1h"}', "values": "1.4x20 _x40"},
    ]

    def expect(name: str, at: str, text: str = "", **labels: str) -> dict:
        fired = [{"exp_labels": labels, "exp_annotations": {"summary": text}}] if labels else []
        return {"alertname": name, "eval_time": at, "exp_alerts": fired}

    down = "s: ups-a1 (ups) does not answer"
    lost = "s: group ups cannot carry or protect its load"
    expected = [
        expect("DeviceDown", "9m"),
        expect("DeviceDown", "13m", down, severity="warning", **where),
        expect("DeviceDown", "35m"),
        expect("SiteOnBattery", "20m"),
        expect(
            "SiteOnBattery", "33m", "s: supplied by battery",
            severity="critical", site="s", mode="battery",
        ),
        expect("RedundancyLost", "29m"),
        expect("RedundancyLost", "33m", lost, severity="critical", site="s", group="ups"),
        expect("RedundancyReduced", "33m"),
        expect("RideThroughTooShort", "29m"),
        expect(
            "RideThroughTooShort", "35m",
            "s: hall gets too warm before it is cooled again after an outage",
            severity="warning", site="s", zone="hall",
        ),
        expect("PueAbsent", "20m"),
        expect("PueAbsent", "50m", summary_of("PueAbsent"), severity="warning"),
        expect("FacilityPowerAbsent", "50m"),
        expect("KasbahAbsent", "50m"),
    ]  # fmt: skip
    case = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": expected}],
    }
    file = tmp_path / "case.yml"
    file.write_text(yaml.safe_dump(case))
    result = subprocess.run(
        [promtool(), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_accepts_the_scrape_configuration(tmp_path):
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    assert yaml.safe_load(text)["scrape_configs"][0]["honor_labels"] is True
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace("/etc/prometheus/rules", str(RULES.parent)))
    result = subprocess.run(
        [promtool(), "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_agents_own_metrics_are_listed_and_collide_with_none():
    from agent.selfmetrics import SelfMetrics

    registry = CollectorRegistry()
    SelfMetrics(registry)
    page = generate_latest(registry).decode()
    own = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    plant = {family.name for family in EVERYTHING}
    assert not plant & own.keys()
    _, _, section = PAGE.read_text().partition("## The agent's own health")
    listed = dict(re.findall(r"^\| `(kasbah_[a-z0-9_]+)` \| (\S+) \|", section, re.MULTILINE))
    # A counter's `_created` is the client library's: when it began.
    assert {name: kind for name, kind in own.items() if not name.endswith("_created")} == listed
