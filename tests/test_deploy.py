"""The files of deploy/ are accepted by the tools that will read them, and name things that
exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from core.vocabulary import QUANTITIES

ROOT = Path(__file__).parents[1]


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def test_compose_accepts_the_file():
    result = subprocess.run(
        [needs("docker-compose"), "config"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "ignored" not in result.stderr
    services = yaml.safe_load(result.stdout)["services"]
    assert set(services) == {"kasbah", "influxdb", "prometheus", "grafana"}


def test_everything_is_published_on_loopback_only():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = [port for service in services.values() for port in service["ports"]]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_mounted_files_exist():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounts = [m for service in services.values() for m in service["volumes"] if m.startswith("./")]
    assert mounts
    assert [m for m in mounts if not (ROOT / m.split(":")[0]).exists()] == []


def test_the_image_runs_without_root_and_is_health_checked():
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    assert re.search(r"^USER kasbah$", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
    assert "--require-hashes" in text


def test_systemd_knows_every_line_of_the_unit(tmp_path):
    unit = tmp_path / "kasbah.service"
    text = (ROOT / "deploy" / "systemd" / "kasbah.service").read_text()
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    result = subprocess.run(
        [needs("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Failed to" in result.stderr and "manager" in result.stderr:
        pytest.skip("systemd-analyze cannot work here")
    complaints = [line for line in result.stderr.splitlines() if "kasbah.service" in line]
    assert complaints == []


def test_the_unit_does_not_restart_on_a_wrong_site_file():
    text = (ROOT / "deploy" / "systemd" / "kasbah.service").read_text()
    assert "RestartPreventExitStatus=78" in text
    assert "Type=notify" in text


def test_the_dashboard_asks_for_metrics_that_exist():
    documented = (ROOT / "docs" / "metrics.md").read_text()
    board = json.loads((ROOT / "deploy/compose/grafana/dashboards/site.json").read_text())
    asked = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r"\bkasbah_[a-z0-9_]+", target["expr"]))
    assert len(asked) > 10
    known = {f"kasbah_{quantity.metric}" for quantity in QUANTITIES.values()}
    assert [name for name in asked if name not in known and f"`{name}`" not in documented] == []


def test_lock_files_hold_hashes_and_no_addresses():
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE)
        assert len(pinned) > 20
        assert text.count("--hash=sha256:") >= len(pinned)
