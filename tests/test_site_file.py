"""The site file is checked whole before anything starts: every mistake at once, with file, line
and key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import reference
from agent.config.load import load, load_site
from core.counters import Register
from core.errors import ConfigError, Problem

ROOT = Path(__file__).parents[1]

GOOD = """\
site: {id: casa-1, name: "Casablanca 1", timezone: Africa/Casablanca}
defaults: {poll: {interval_s: 5, timeout_s: 1.5}, credentials: plant}
credentials:
  plant: {community: secret-word}
places:
  - {id: hall-1, kind: hall}
devices:
  - {id: gen-1, profile: deepsea-gencomm, address: "modbus://10.10.2.10/1", rating_kw: 800}
  - {id: ups-a1, profile: rfc1628-ups, address: "snmp://10.10.1.11", place: hall-1,
     poll: {interval_s: 2}}
  - {id: meter-mv, profile: schneider-pm5000, address: "modbus://10.10.3.10/1"}
  - {id: meter-a, profile: schneider-pm5000, address: "modbus://10.10.3.10/2"}
power:
  - {id: utility, kind: utility, capacity_kw: 2500, device: meter-mv}
  - {id: gen-1, kind: genset, capacity_kw: 800, device: gen-1}
  - {id: ats-a, kind: ats, capacity_kw: 2500, fed_by: [utility, gen-1]}
  - {id: ups-a1, kind: ups, capacity_kw: 500, fed_by: [ats-a], device: ups-a1}
  - {id: row-1, kind: load, fed_by: [ups-a1], demand: meter-a/active_power}
groups:
  - {id: gensets, scheme: N+R, members: [gen-1], design: 0}
energy: {facility: [meter-mv], it: {1: [meter-a]}}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return path


def mistakes(tmp_path: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, text))
    return caught.value.problems


def only(tmp_path: Path, old: str, new: str) -> Problem:
    """The one mistake that comes of this replacement in the good file."""
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new))
    assert len(found) == 1, found
    return found[0]


def test_a_good_file_gives_the_site_with_defaults_filled_in(tmp_path):
    site = load_site(written(tmp_path, GOOD))
    gen, ups, *_ = site.devices
    assert gen.device_class == "genset"
    assert gen.credentials.community == "secret-word"
    assert (gen.poll.interval_s, gen.poll.timeout_s, gen.poll.retries) == (5, 1.5, 1)
    assert ups.poll.interval_s == 2
    assert ups.poll.timeout_s == 1.5
    assert [node.efficiency for node in site.power] == [1, 1, 1, 0.95, 1]
    assert site.energy.facility[0].energy == "meter-mv/active_energy"
    assert site.energy.it[0][0] == 1
    assert [meter.energy.split("/")[0] for meter in site.energy.genset] == ["gen-1"]


def test_a_secret_does_not_show_in_a_repr(tmp_path):
    assert "secret-word" not in repr(load(written(tmp_path, GOOD)))


def test_ten_mistakes_are_ten_errors_each_with_its_line(tmp_path):
    text = """\
site: {id: casa-1, timezone: Africa/Casabianca}
defaults: {poll: {interval_s: -5}}
devices:
  - {id: UPS A1, profile: rfc1628-ups, address: "snmp://10.10.1.11"}
  - {id: ups-a2, profile: rfc1628-usp, address: "snmp://10.10.1.12"}
  - {id: ups-a3, profile: rfc1628-ups, address: "http://10.10.1.13"}
  - {id: ups-a4, profile: rfc1628-ups, address: "snmp://10.10.1.14", adress: x}
  - {id: ups-a5, profile: rfc1628-ups}
  - {id: meter, profile: schneider-pm5000, address: "modbus://10.10.1.16/1", place: hall-9}
power:
  - {id: bus-a, kind: bus, fed_by: [gen-9]}
  - {id: row-1, kind: load, fed_by: [bus-a], demand: meter/activ_power}
"""
    found = mistakes(tmp_path, text)
    assert len(found) == 10, "\n".join(map(str, found))
    assert sorted(problem.line for problem in found) == [1, 2, 4, 5, 6, 7, 8, 9, 11, 12]
    assert all(problem.file.endswith("site.yaml") for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        (
            "modbus://10.10.2.10/1",
            "ftp://10.10.2.10",
            "devices[0].address",
            "unknown address scheme",
        ),
        ("modbus://10.10.2.10/1", "modbus://10.10.2.10", "devices[0].address", "names no unit"),
        (
            "deepsea-gencomm",
            "deepsea-gencom",
            "devices[0].profile",
            "did you mean 'deepsea-gencomm'",
        ),
        ("place: hall-1", "place: hall-2", "devices[1].place", "did you mean 'hall-1'"),
        (
            "credentials: plant}",
            "credentials: plan}",
            "defaults.credentials",
            "did you mean 'plant'",
        ),
        ("snmp://10.10.1.11", "modbus://10.10.1.11/1", "devices[1].profile", "speaks snmp"),
        ("10.10.3.10/2", "10.10.3.10/1", "devices[3].address", "has the address of 'meter-mv'"),
        (
            "capacity_kw: 800, device: gen-1",
            "capacity_kw: 0, device: gen-1",
            "power[1]",
            "capacity",
        ),
        ("device: meter-mv}", "device: meter-nv}", "power[0].device", "did you mean 'meter-mv'"),
        ("members: [gen-1]", "members: [gen-2]", "groups[0]", "gen-2"),
        (
            "facility: [meter-mv]",
            "facility: [meter-x]",
            "energy.facility[0]",
            "no device 'meter-x'",
        ),
        ("demand: meter-a/", "demand: meter-b/", "power[4].demand", "no device 'meter-b'"),
        (
            "demand: meter-a/active_power",
            "demand: meter-a/battery.charge",
            "power[4].demand",
            "has no point",
        ),
        (
            "community: secret-word",
            "community_file: missing.txt",
            "credentials.plant.community_file",
            "cannot be read",
        ),
        (
            "{community: secret-word}",
            "{version: v3, user: x, community: x}",
            "credentials.plant.community",
            "does not go with version v3",
        ),
        ("{community: secret-word}", "{version: v3}", "credentials.plant", "has no user"),
        (
            "{community: secret-word}",
            f"{{version: v3, user: {'u' * 33}}}",
            "credentials.plant.user",
            "longer than the 32 octets",
        ),
        (
            "{community: secret-word}",
            "{community: 12345678}",
            "credentials.plant.community",
            "it must be text",
        ),
        (
            "{community: secret-word}",
            "{community: x, user: x}",
            "credentials.plant.user",
            "does not go with version v2c",
        ),
        (
            "{community: secret-word}",
            "{version: v3, user: x, auth: sha256}",
            "credentials.plant",
            "add auth_key_file",
        ),
        (
            "{community: secret-word}",
            "{version: v3, user: x, auth: sha3, auth_key_file: key}",
            "credentials.plant.auth",
            "is not one of",
        ),
        (
            "{community: secret-word}",
            "{version: v3, user: x, priv: aes128, priv_key_file: key}",
            "credentials.plant.priv",
            "needs auth",
        ),
        ("{id: hall-1, kind: hall}", "{id: hall-1, kind: hal}", "places[0].kind", "is not one of"),
        ("interval_s: 2", "interval_s: soon", "devices[1].poll.interval_s", "is not a number"),
    ],
)
def test_each_mistake_is_one_sentence_at_its_key(tmp_path, old, new, key, words):
    problem = only(tmp_path, old, new)
    assert problem.key == key
    assert words in problem.message
    assert problem.line > 0


def test_a_key_that_stands_twice_is_said(tmp_path):
    found = mistakes(tmp_path, GOOD.replace("id: casa-1,", "id: casa-1, id: casa-2,"))
    assert "twice" in found[0].message


def test_a_loop_in_the_graph_is_refused(tmp_path):
    text = GOOD.replace("fed_by: [utility, gen-1]", "fed_by: [utility, ups-a1]")
    assert any("loop" in problem.message for problem in mistakes(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), ("just words", "mapping"), ("site: [", "no valid YAML"), ("a: \tb: c", "YAML")],
)
def test_what_is_no_yaml_is_one_sentence(tmp_path, text, words):
    found = mistakes(tmp_path, text)
    assert len(found) == 1
    assert words in found[0].message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  - {id: ups-a1,", "\t- {id: ups-a1,", "a tab in this line"),
        ("rating_kw: 800}", "rating_kw: 8,5}", "decimal comma"),
        ('address: "snmp://10.10.1.11"', "address: snmp://[fe80::1]:161", "in quotes"),
        (
            "groups:\n  - {id: gensets, scheme: N+R, members: [gen-1], design: 0}",
            "groups:",
            "empty",
        ),
        ("site: {", "include: gone.yaml\nsite: {", "no file"),
    ],
)
def test_what_newcomers_type_is_understood(tmp_path, old, new, words):
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new, 1))
    assert len(found) == 1, found
    assert words in found[0].message
    assert found[0].line > 0


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(load_site(path).devices) == 4


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load_site(tmp_path / "none.yaml")


def test_included_files_are_joined_and_keep_their_lines(tmp_path):
    (tmp_path / "more.yaml").write_text(
        'devices:\n  - {id: ok, profile: rfc1628-ups, address: "snmp://10.0.0.1"}\n'
        '  - {id: bad, profile: nonsense, address: "snmp://10.0.0.2"}\n'
    )
    found = mistakes(tmp_path, "include: more.yaml\n" + GOOD)
    assert len(found) == 1
    assert found[0].file.endswith("more.yaml")
    assert found[0].line == 3


def test_the_reference_page_is_what_the_models_say():
    assert (ROOT / "docs" / "site-file.md").read_text() == reference.page()


def test_the_example_of_the_reference_page_is_right(tmp_path):
    secret = tmp_path / "community"
    secret.write_text("word\n")
    text = reference.EXAMPLE.replace("/etc/kasbah/secrets/community", str(secret))
    assert load_site(written(tmp_path, text)).devices


def test_a_wrong_key_hides_no_other_mistake_of_its_entry(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: casa 1, timezone: Africa/Casa}\n"
        "devices:\n"
        '  - {id: ups-1, profile: apc-ups, address: "snmp://10.0.0.1"}\n'
        '  - {id: ups-1, address: "smnp://10.0.0.2", rating_kw: -3}\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (1, "site.id"),
        (1, "site.timezone"),
        (4, "devices[1].rating_kw"),
        (4, "devices[1].id"),
        (4, "devices[1].address"),
    ]


def test_one_address_may_stand_for_devices_of_several_communities(tmp_path):
    path = tmp_path / "site.yaml"
    device = '  - {{id: {}, profile: apc-ups, address: "snmp://10.0.0.1", credentials: {}}}\n'
    path.write_text(
        "site: {id: s}\n"
        "credentials: {a: {version: v2c, community: a}, b: {version: v2c, community: b}}\n"
        "devices:\n" + device.format("ups-1", "a") + device.format("ups-2", "b")
    )
    assert len(load_site(path).devices) == 2
    path.write_text(path.read_text() + device.format("ups-3", "b"))
    with pytest.raises(ConfigError, match="'ups-3' has the address of 'ups-2'"):
        load_site(path)


def test_a_v3_user_comes_with_its_passwords_and_they_stay_secret(tmp_path):
    (tmp_path / "auth").write_text("long enough\n")
    (tmp_path / "priv").write_text("short\n")
    path = tmp_path / "site.yaml"
    text = (
        "site: {id: s}\n"
        "credentials:\n"
        "  plant: {version: v3, user: kasbah, auth: sha256, auth_key_file: auth, priv: aes128,\n"
        "    priv_key_file: priv}\n"
        "devices:\n"
        '  - {id: ups-1, profile: apc-ups, address: "snmp://10.0.0.1", credentials: plant}\n'
    )
    path.write_text(text)
    with pytest.raises(ConfigError, match="priv_key_file: its password is too short"):
        load_site(path)
    (tmp_path / "priv").write_text("long enough, too\n")
    (device,) = load_site(path).devices
    user = device.credentials.user
    assert (user.name, user.auth, user.auth_password) == ("kasbah", "sha256", b"long enough")
    assert (user.priv, user.priv_password) == ("aes128", b"long enough, too")
    assert "long enough" not in repr(device)


METERED = (
    "site: {id: s}\n"
    "devices:\n"
    '  - {id: mv, profile: schneider-pm5000, address: "modbus://10.0.0.1/1", rating_kw: 900}\n'
    '  - {id: ups, profile: schneider-pm5000, address: "modbus://10.0.0.1/2"}\n'
    '  - {id: fans, profile: schneider-pm5000, address: "modbus://10.0.0.1/3"}\n'
)


def test_a_meter_entry_says_where_a_counter_wraps_and_what_it_is_rated_for(tmp_path):
    text = METERED + (
        "energy: {facility: [mv], it: {1: [ups, -fans]}}\n"
        "meters:\n"
        "  - {meter: ups/active_energy, wraps_at_kwh: 1000000}\n"
        "  - {meter: ups, rating_kw: 400}\n"
    )
    site = load_site(written(tmp_path, text))
    assert dict(site.registers) == {"ups/active_energy": Register(1e9, 400e3)}
    ((_, (ups, fans)),) = site.energy.it
    assert (ups.sign, fans.sign) == (1, -1)


@pytest.mark.parametrize(
    ("rest", "key", "message"),
    [
        ("meters: [{meter: upps, rating_kw: 1}]", "meters[0].meter", "'upps' is no meter of"),
        ("meters: [{meter: mv}]", "meters[0]", "says nothing: add wraps_at_kwh or rating_kw"),
        (
            "meters: [{meter: mv, rating_kw: 1}, {meter: mv, rating_kw: 2}]",
            "meters[1].meter",
            "there are two entries for 'mv'",
        ),
        (
            "meters: [{meter: mv, rating_kw: 1, wraps_at_kwh: 0}]",
            "meters[0].wraps_at_kwh",
            "greater than 0",
        ),
        (
            "meters: [{meter: mv, rating_kw: 1, wraps_at: 5}]",
            "meters[0].wraps_at",
            "is no key of a site file",
        ),
    ],
)
def test_mistakes_in_meter_entries_are_told(tmp_path, rest, key, message):
    text = METERED + "energy: {facility: [mv], it: {1: [ups]}}\n" + rest + "\n"
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, text))
    (problem,) = caught.value.problems
    assert (problem.key, problem.line > 0) == (key, True)
    assert message in problem.message


@pytest.mark.parametrize(
    ("energy", "key", "message"),
    [
        ("{facility: [mv, mv]}", "energy.facility[1]", "'mv' stands twice"),
        ("{facility: [mv], it: {1: [ups, -ups]}}", "energy.it.1[1]", "'-ups' stands twice"),
        (
            "{facility: [mv], pv: [mv]}",
            "energy.pv[0]",
            "'mv/active_energy' is in energy.facility already: it would be counted twice",
        ),
        ("{facility: [mv], exclude: [mv]}", "energy.exclude[0]", "counted twice"),
        ("{facility: [mv], it: {2: [mv]}}", "energy.it.2[0]", "that is not what the IT takes"),
        ("{facility: [mv], pv: [ups], it: {1: [ups]}}", "energy.it.1[0]", "is in energy.pv"),
    ],
)
def test_a_meter_that_would_be_counted_twice_is_refused(tmp_path, energy, key, message):
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, METERED + f"energy: {energy}\n"))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert message in problem.message


MAINTAINED = METERED + "maintenance:\n  - {id: wo-1, "


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        (
            "start: 2026-11-25 08:00, end: 2026-11-25 07:00, nodes: mv}",
            "end",
            "not after the start",
        ),
        (
            "start: 2026-11-25 08:00, end: 2026-11-25 17:00, nodes: fan}",
            "nodes",
            "did you mean 'fans'",
        ),
        ("start: 2026-11-25 08:00, end: 2027-11-25, nodes: mv}", "end", "more than 92 days"),
        ("start: 25/11/2026, end: 2026-11-25, nodes: mv}", "start", "write it like 2026-11-25"),
        ("start: 2026-11-25 08:00, end: 2026-11-25 17:00}", "nodes", "is missing"),
        ("start: 2026-02-30T08:00:00Z, end: 2026-11-25, nodes: mv}", "start", "is no time"),
    ],
)
def test_mistakes_in_maintenance_are_told_with_line_and_key(tmp_path, keys, key, message):
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, MAINTAINED + keys + "\n"))
    (problem,) = caught.value.problems
    assert problem.key == f"maintenance[0].{key}"
    assert problem.line == MAINTAINED.count("\n") + 1
    assert message in problem.message


def test_maintenance_twice_is_told(tmp_path):
    times = "start: 2026-11-25 08:00, end: 2026-11-25 17:00, nodes: mv}\n"
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, MAINTAINED + times + "  - {id: wo-1, " + times))
    assert "two entries 'wo-1'" in str(caught.value.problems[0])


@pytest.mark.parametrize(
    "start",
    ["2026-11-25 08:00", "2026-11-25T08:00:00", "2026-11-25T08:00+01:00", "2026-11-25T07:00:00Z"],
)
def test_times_of_maintenance_are_the_sites_own_unless_they_say(tmp_path, start):
    text = MAINTAINED + f"start: {start}, end: 2026-11-25 17:00, nodes: mv, reason: yearly}}\n"
    text = text.replace("site: {id: s}", "site: {id: s, timezone: Africa/Casablanca}")
    (window,) = load_site(written(tmp_path, text)).maintenance
    assert window.start == datetime(2026, 11, 25, 7, tzinfo=UTC).timestamp()
    assert (window.nodes, window.reason, window.fixed) == (("mv",), "yearly", True)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "capcity_kw: 9",
            "power[0].capcity_kw: is no key of a site file; did you mean 'capacity_kw'?",
        ),
        ("retries: 9", "power[0].retries: is no key of a site file here: it stands elsewhere"),
    ],
)
def test_a_key_that_is_none_is_met_with_the_one_that_is_meant(tmp_path, written, said):
    path = tmp_path / "site.yaml"
    path.write_text(f"site: {{id: x}}\npower:\n  - {{id: u, kind: utility, {written}}}\n")
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert said in str(caught.value.problems[0])


@pytest.mark.parametrize("wrong", [270, 0.00027])
def test_a_consumption_in_another_unit_is_refused(tmp_path, wrong):
    path = tmp_path / "site.yaml"
    tanks = "tanks: [{id: t, litres: 900, gensets: [g], level: t-1/fuel.level}]"
    path.write_text(f"site: {{id: x}}\nfuel: {{l_per_kwh: {wrong}, {tanks}}}\n")
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    told = [str(problem) for problem in caught.value.problems]
    assert any("fuel.l_per_kwh" in line and "is not possible" in line for line in told)
