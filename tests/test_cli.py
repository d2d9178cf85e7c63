"""The command line: exit codes, sentences for mistakes, and no hesitation."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import time
from pathlib import Path
from statistics import median

import pytest

from agent.commands.export import export
from core.errors import KasbahError
from tests.support.kasbah import COMMAND, ROOT, call

SITE = ROOT / "simulator" / "sites" / "nouaceur.yaml"


def test_help_lists_every_command_of_the_contract():
    result = call("--help")
    assert result.returncode == 0
    for command in "demo run check probe record discover simulate profiles export".split():
        assert command in result.stdout


@pytest.mark.alone
def test_help_and_check_do_not_hesitate():
    def seconds(*arguments: str) -> float:
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            assert call(*arguments).returncode == 0
            taken.append(time.perf_counter() - start)
        return statistics.median(taken)

    assert seconds("--help") < 0.4
    assert seconds("check", str(SITE)) < 1.5


def test_no_command_and_wrong_words_are_usage_errors():
    assert call().returncode == 2
    assert call("frobnicate").returncode == 2
    assert call("run").returncode == 2
    assert call("run", "x.yaml", "--port", "banana").returncode == 2


def test_version_is_said():
    assert call("--version").stdout.startswith("kasbah ")


def test_check_of_the_demo_site_says_what_it_holds():
    result = call("check", str(SITE), "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["ok"] is True
    assert answer["devices"] == 332


def test_check_notes_what_is_allowed_and_seldom_meant(tmp_path: Path):
    path = tmp_path / "site.yaml"
    path.write_text("""
site: {id: small}
devices:
  - {id: m-1, profile: schneider-pm5000, address: "modbus://10.0.0.1/1"}
  - {id: g-1, profile: deepsea-gencomm, address: "modbus://10.0.0.2/1"}
power:
  - {id: utility, kind: utility, capacity_kw: 500}
  - {id: pv, kind: pv, capacity_kw: 50}
  - {id: gen, kind: genset, capacity_kw: 500, device: g-1}
  - {id: ats, kind: ats, capacity_kw: 500, fed_by: [utility, gen]}
  - {id: ups, kind: ups, capacity_kw: 100, fed_by: [ats], device: m-1}
  - {id: row, kind: load, fed_by: [ups], demand_kw: 50}
groups:
  - {id: mixed, scheme: N+R, members: [gen, ups], design: 0}
fuel: {l_per_kwh: 0.27, tanks: [{id: tank, litres: 900, gensets: [gen], level: g-1/fuel.level}]}
""")
    result = call("check", str(path))
    assert result.returncode == 0
    notes = [line.strip() for line in result.stdout.splitlines() if "note:" in line]
    assert notes[:4] == [
        "note: feeds nothing in power and no cooling unit: pv",
        "note: ups is of kind ups, its device m-1 of class meter: that does not tell its state, it "
        "is taken as healthy",
        "note: group mixed has members of different kinds: gen (genset), ups (ups)",
        "note: one tank and fuel.design 1: without the tank there is no fuel, so the site is never "
        "better than degraded; if it was built with one tank write design: 0",
    ]
    assert "1 redundancy group, 0 energy inputs" in result.stdout


def test_check_of_a_wrong_file_is_78_with_every_mistake(tmp_path: Path):
    path = tmp_path / "site.yaml"
    path.write_text("site: {id: Wrong Id}\ndevices: [{id: a, address: x}]\n")
    result = call("check", str(path))
    assert result.returncode == 78
    assert "site.id" in result.stderr
    assert "devices[0].address" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["run", "check", "simulate"])
def test_a_missing_file_is_one_sentence_and_78(command):
    result = call(command, "/nowhere/site.yaml")
    assert result.returncode == 78
    assert "there is no such file" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = call("demo", "--port", str(port), "--for", "5s")
    assert result.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_open_address_is_refused_without_open():
    result = call("demo", "--host", "0.0.0.0", "--port", "0", "--for", "1s")
    assert result.returncode == 1
    assert "--open" in result.stderr


def test_an_unknown_scenario_names_the_known_ones():
    result = call("demo", "--port", "0", "--scenario", "earthquake")
    assert result.returncode == 78
    assert "mains-failure" in result.stderr


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("http://10.0.0.1", 78, "unknown address scheme"),
        ("ups", 78, "is no address"),
        ("modbus://127.0.0.1", 78, "names no unit"),
        ("modbus://127.0.0.1:9/1", 1, "nothing listens"),
        ("snmp://127.0.0.1:9", 1, "127.0.0.1"),
        ("snmp://no-such-host.invalid", 1, "no-such-host.invalid"),
    ],
)
def test_probe_says_what_is_wrong_in_one_sentence(address, code, words):
    result = call("probe", address, "--timeout", "0.2")
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_community_on_the_command_line_is_warned_about():
    result = call("probe", "snmp://127.0.0.1:9", "--timeout", "0.1", "--community", "tell-no-one")
    assert "KASBAH_COMMUNITY" in result.stderr
    assert "tell-no-one" not in result.stderr


def test_profiles_are_listed_and_shown():
    names = [p["profile"] for p in json.loads(call("profiles", "--json").stdout)["profiles"]]
    assert "rfc1628-ups" in names
    assert names == sorted(names)
    shown = call("profiles", "rfc1628-ups")
    assert shown.returncode == 0
    assert "upsEstimatedChargeRemaining" in shown.stdout
    wrong = call("profiles", "rfc1628-usp")
    assert wrong.returncode == 1
    assert "did you mean 'rfc1628-ups'" in wrong.stderr


def test_export_of_nothing_is_a_sentence(tmp_path: Path):
    result = call("export", "ups-1/mode", "--from", "-1h", "--state-dir", str(tmp_path))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert call("export", "ups-1/mode", "--from", "yesterday").returncode == 78
    assert call("export", "not a point", "--from", "-1h").returncode == 78


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_export_to_where_nothing_can_be_written_is_a_sentence(tmp_path: Path, monkeypatch, format_):
    class Reader:
        def known(self, _point: str) -> bool:
            return True

        def rows(self, *_wanted: object) -> list[object]:
            return []

    monkeypatch.setattr("history.store.open_reader", lambda _state_dir: Reader())
    place = tmp_path / "nowhere" / "out"
    with pytest.raises(KasbahError, match="out cannot be written: No such file or directory"):
        export(
            ["ups-1/mode"],
            start="-1h",
            end="now",
            format_=format_,
            output=place,
            state_dir=tmp_path,
        )


def test_an_output_that_takes_no_more_is_a_sentence():
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*COMMAND, "profiles"],
            check=False,
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 1
    assert result.stderr == "kasbah: the output cannot be written: No space left on device\n"


def test_a_profile_is_shown_with_all_that_it_says():
    shown = call("profiles", "schneider-pm5000").stdout
    assert "string(20)" in shown, "how it is recognised"
    assert "3:2699 f32" in shown
    assert "x1000" in shown
    assert "register 2700 active energy delivered (into load)  (unverified)" in shown
    assert "8 starting (warning)" in call("profiles", "apc-ups").stdout
    point = json.loads(call("profiles", "rfc1628-ups", "--json").stdout)["points"][0]
    assert point["unit"] == "state"
    assert point["states"]["5"] == {"state": "on_battery", "severity": "warning"}


def test_the_list_of_profiles_does_not_hesitate():
    def seconds() -> float:
        start = time.perf_counter()
        assert call("profiles").returncode == 0
        return time.perf_counter() - start

    assert median(seconds() for _ in range(3)) < 1.0


OWN = """\
profile: own-probe
title: A probe of ours
class: environment
protocol: snmp
source: its manual
points:
  - {point: probe.temperature, oid: 1.3.6.1.4.1.99999.1.0, scale: 0.1, source: temperature}
"""
OWN_SITE = """\
site: {id: ours}
profiles: own
devices: [{id: probe-1, profile: own-probe, address: "snmp://127.0.0.1:1161"}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a profile of the user's own, beside a site file that names it."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own-probe.yaml").write_text(OWN)
    (tmp_path / "site.yaml").write_text(OWN_SITE)
    return folder


def test_profiles_of_a_folder_of_ones_own_are_known(own: Path):
    assert "its manual" in call("profiles", "own-probe", "--profiles", str(own)).stdout
    assert call("profiles", "own-probe").returncode == 1
    assert call("profiles", "--profiles", str(own / "nowhere")).returncode == 2
    probed = call("probe", "snmp://127.0.0.1:9", "--profile", "own-probe", "--profiles", str(own))
    assert "there is no profile" not in probed.stderr
    checked = call("check", str(own.parent / "site.yaml"))
    assert checked.returncode == 0, checked.stderr


def test_a_mistake_in_a_profile_of_ones_own_is_told_with_its_line(own: Path):
    path = own / "own-probe.yaml"
    path.write_text(OWN.replace("probe.temperature", "probe.warmth"))
    for words in (("profiles", "own-probe", "--profiles", str(own)), ("check", "../site.yaml")):
        result = call(*(str((own / word).resolve()) if "/" in word else word for word in words))
        assert result.returncode == 78
        assert f"{path}:7: points[0]" in result.stderr
        assert "warmth" in result.stderr
    (own.parent / "site.yaml").write_text(OWN_SITE.replace("profiles: own", "profiles: [wn]"))
    result = call("check", str(own.parent / "site.yaml"))
    assert result.returncode == 78
    assert "site.yaml:2: profiles[0]: there is no folder" in result.stderr
