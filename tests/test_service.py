"""The service as systemd and the shell see it: readiness, signals, state directory, durations."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import systemd
from agent.agent import REMEMBER_S
from agent.clock import SystemClock
from agent.duration import parse_duration_s, parse_time
from core.ledger import RULES
from history import ledger
from tests.support.kasbah import COMMAND, ROOT, Running, call, kasbah, killed

SITE = """\
site: {id: tiny, name: Tiny}
devices:
  - {id: ups-1, profile: rfc1628-ups, address: "snmp://127.0.0.1:9",
     poll: {timeout_s: 0.2, retries: 0}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.mark.timeout(40)
def test_systemd_hears_ready_then_stopping_and_a_signal_ends_it_well(site, tmp_path):
    """A device that is away does not keep the service from being ready: it was tried."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(address)
        inbox.settimeout(20)
        process = subprocess.Popen(
            [*COMMAND, "run", str(site), "--port", "0", "--state-dir", str(tmp_path / "state")],
            env={**os.environ, "NOTIFY_SOCKET": address},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert inbox.recv(1000).startswith(b"READY=1")
            process.send_signal(signal.SIGTERM)
            assert inbox.recv(1000) == b"STOPPING=1"
            _, errors = process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert errors.count("device_down") == 1
    assert "nothing listens at 127.0.0.1:9" in errors


def test_two_services_do_not_share_a_state_directory(site, tmp_path):
    state = str(tmp_path / "state")
    first = subprocess.Popen(
        [*COMMAND, "run", str(site), "--port", "0", "--state-dir", state],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert "Tiny" in first.stdout.readline()
        second = call("run", str(site), "--port", "0", "--state-dir", state)
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=15)
    assert second.returncode == 1
    assert "another Kasbah uses" in second.stderr
    assert first.returncode == 0


def test_a_state_directory_that_cannot_be_made_is_said(site):
    result = call("run", str(site), "--port", "0", "--state-dir", "/proc/nowhere")
    assert result.returncode == 1
    assert "--state-dir" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_systemd_notifying_is_quiet(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert systemd.notify("READY=1") is False
    assert systemd.watchdog_interval_s() is None


def test_the_watchdog_is_fed_twice_as_often_as_asked(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert systemd.watchdog_interval_s() == 15.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_interval_s() is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("60s", 60), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_durations_are_read_as_typed(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5 weeks", "1h30"])
def test_other_durations_are_refused_with_an_example(text):
    with pytest.raises(ValueError, match="60s, 5m, 2h"):
        parse_duration_s(text)


def test_times_are_iso_or_relative():
    assert parse_time("now", 1000.0) == 1000.0
    assert parse_time("-1m", 1000.0) == 940.0
    assert parse_time("1970-01-01T00:01:00Z", 0.0) == 60.0
    assert parse_time("1970-01-01T01:01:00+01:00", 0.0) == 60.0
    assert parse_time("1970-01-01T00:01:00", 0.0) == 60.0
    with pytest.raises(ValueError, match="is no time"):
        parse_time("yesterday", 0.0)


def test_a_fast_clock_runs_ahead_and_never_back():
    clock = SystemClock(speed=1000.0)
    before, start = clock.monotonic(), clock.now()
    marks = [clock.monotonic() for _ in range(100)]
    assert marks == sorted(marks)
    assert marks[0] >= before
    assert clock.now() >= start


METERED = """\
site: {{id: metered, timezone: Africa/Casablanca}}
defaults: {{poll: {{interval_s: 1}}}}
devices:
  - {{id: mv, profile: abb-b2x, address: "modbus://127.0.0.1:{port}/1", rating_kw: 900,
     options: {{meters_output_of: utility}}}}
  - {{id: ups-m, profile: abb-b2x, address: "modbus://127.0.0.1:{port}/2", rating_kw: 400,
     options: {{meters_output_of: ups}}}}
power:
  - {{id: utility, kind: utility, capacity_kw: 900}}
  - {{id: ups, kind: ups, capacity_kw: 400, fed_by: [utility]}}
  - {{id: row, kind: load, fed_by: [ups], demand_kw: 300}}
energy: {{facility: [mv], it: {{1: [ups-m]}}}}
"""
ENERGY = "/api/v1/points?quantity=active_energy"


def counted(running: Running) -> dict[str, float]:
    """What the counters of the meters show; empty while one of them is silent."""
    points = running.get(ENERGY)["points"]
    totals = {point["id"]: point["value"] for point in points}
    found = {name: totals.get(f"{name}/active_energy") for name in ("mv", "ups-m")}
    return found if all(found.values()) else {}


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_an_agent_killed_with_kill_9_goes_on_with_its_months_and_windows(tmp_path):
    """The devices run on meanwhile; what their counters give back is not lost, nothing is counted
    twice."""
    site = tmp_path / "site.yaml"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        site.write_text(METERED.format(port=free.getsockname()[1]))
    devices = subprocess.Popen(
        [*COMMAND, "simulate", str(site)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    run = ("run", str(site), "--port", "0", "--state-dir", str(tmp_path / "state"))
    try:
        while "answer" not in devices.stdout.readline():
            pass
        with killed(*run, log=tmp_path / "first.log") as agent:
            first = agent.wait(lambda: counted(agent), 20, "both counters")
            time.sleep(REMEMBER_S + 4)
            before = agent.get("/api/v1/kpis/pue?window=24h")
        time.sleep(3)
        with kasbah(*run, log=tmp_path / "second.log") as agent:
            agent.wait(lambda: counted(agent), 20, "both counters")
            time.sleep(4)
            audit = agent.get("/api/v1/kpis/pue?window=24h")
            last = counted(agent)
    finally:
        devices.send_signal(signal.SIGTERM)
        devices.communicate(timeout=15)
    for meter in audit["meters"]:
        name = meter["device"]
        if meter["point"] != f"{name}/active_energy":
            continue  # nothing is exported
        assert meter["gaps"] == []
        assert meter["wh"] == pytest.approx(last[name] - first[name], rel=0.12)
        assert meter["restarts"] == 0
    assert audit["pue"][0]["span_s"] > before["pue"][0]["span_s"] + 6
    assert audit["pue"][0]["coverage"] == 1.0
    assert audit["pue"][0]["value"] == pytest.approx(before["pue"][0]["value"], rel=0.02)
    assert audit["rules"] == [RULES]
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as db:
        meters, cells = ledger.read(db, 0, 1e10)
    kept = dict(zip(meters, sum(cell.wh for cell in cells), strict=True))
    for name in first:
        assert kept[f"{name}/active_energy"] == pytest.approx(last[name] - first[name], rel=0.12)


def events(agent: Running) -> list[dict]:
    return agent.get("/api/v1/events?since=0&limit=1000")["events"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_events_that_were_told_are_there_after_kill_9_and_their_numbers_go_on(site, tmp_path):
    """Killed at once after the last event was told: no ten seconds for a state to be saved."""
    run = ("run", str(site), "--port", "0", "--state-dir", str(tmp_path / "state"))

    def told(agent: Running) -> list[dict]:
        found = events(agent)
        return found if "ready" in [event["after"] for event in found] else []

    with killed(*run, log=tmp_path / "first.log") as agent:
        first = agent.wait(lambda: told(agent), 20, "ready")
    with kasbah(*run, log=tmp_path / "second.log") as agent:
        agent.wait(agent.ready, 20, "ready")
        second = agent.wait(lambda: told(agent)[len(first) + 1 :], 20, "what comes after the start")
        second = events(agent)
    assert second[: len(first)] == first
    started, *later = second[len(first) :]
    assert (started["before"], started["after"]) == ("running", "started")
    assert "was killed, or failed" in started["message"]
    assert [event["after"] for event in later] == ["ready"], "it is as silent as it was"
    with kasbah(*run, log=tmp_path / "third.log") as agent:
        third = agent.wait(lambda: told(agent)[len(second) + 2 :], 20, "the third run")
        third = events(agent)
    assert third[: len(second)] == second
    assert [event["after"] for event in third[len(second) :]] == ["stopped", "started", "ready"]
    assert [event["seq"] for event in third] == list(range(1, len(third) + 1))


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_damaged_file_of_events_stops_nothing_and_is_said(site, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "events.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    run = ("run", str(site), "--port", "0", "--state-dir", str(state))
    with kasbah(*run, log=tmp_path / "log") as agent:
        agent.wait(agent.ready, 20, "ready")
        lost = agent.wait(lambda: events(agent), 10, "events")[0]
    assert (lost["after"], lost["severity"]) == ("events lost", "warning")
    assert "events.db was damaged" in lost["message"]
    log = (tmp_path / "log").read_text()
    assert "events_damaged" in log
    assert "Traceback" not in log
    assert len(list(state.glob("events.db.damaged-*"))) == 1


_TOLD_TOO_SOON = """
import os, sys
from pathlib import Path
from agent.commands import serve
opened = serve.History.open
def interrupted(*arguments, **beside):
    os.kill(os.getpid(), int(sys.argv[3]))
    return opened(*arguments, **beside)
serve.History.open = interrupted
serve.run(Path(sys.argv[1]), host="127.0.0.1", port=0, state_dir=Path(sys.argv[2]), open_=False)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_it_starts_ends_it_in_good_order(site, tmp_path, number):
    told = subprocess.run(
        [sys.executable, "-c", _TOLD_TOO_SOON, site, tmp_path / "state", str(int(number))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "stopped" in told.stderr
    assert "Traceback" not in told.stderr
