"""Profile files: each of the library is right, and a wrong one says where and what."""

from __future__ import annotations

import json
import re
import time
from dataclasses import fields

import jsonschema
import pytest
import yaml

from collectors.bind import bind_modbus
from collectors.decode import DECODERS, rule_of
from collectors.plan import modbus_requests, snmp_requests
from collectors.profile import PROFILES, DecoderName, Family, Library, library, load_profile, schema
from core.errors import ConfigError
from core.points import parse_name

PATHS = sorted(PROFILES.glob("*.yaml"))
REAL = [path for path in PATHS if "\nsimulated: true" not in path.read_text()]
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)

GOOD = """
profile: sample
title: A sample
class: ups
protocol: snmp
source: a document
points:
  - {point: battery.charge, oid: 1.3.6.1.2.1.33.1.2.4.0, scale: 0.01, source: a}
"""


def wrong(tmp_path, text: str, name: str = "sample") -> list[str]:
    """The problems of a file, as they are printed."""
    path = tmp_path / f"{name}.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    return [str(problem).removeprefix(str(tmp_path) + "/") for problem in caught.value.problems]


def test_the_library_has_the_devices_that_are_promised():
    promised = """
    rfc1628-ups apc-ups apc-rpdu2 apc-ats hwg-ste apc-environment deepsea-gencomm sunspec-inverter
    sunspec-der sunspec-meter sunspec-storage schneider-pm5000 abb-b2x sim-chiller sim-crah
    """
    assert set(promised.split()) <= library().names()


@each
def test_every_profile_loads_and_follows_the_schema(path):
    profile = load_profile(path)
    assert profile.name == path.stem
    data = json.loads(json.dumps(yaml.safe_load(path.read_text())))
    jsonschema.validate(data, schema())


def test_the_schema_beside_the_profiles_is_the_models():
    kept = json.loads((PROFILES / "schema.json").read_text())
    assert kept == schema(), "write it anew: json.dumps(collectors.profile.schema(), indent=2)"


@each
def test_every_point_can_be_decoded_and_asked_for(path):
    profile = load_profile(path)
    for spec in profile.points:
        rule = rule_of(spec)
        assert rule.divisor > 0
        assert (spec.states is None) == (spec.name.axis is None)
    if profile.protocol == "modbus":
        items = [point.item for point in bind_modbus(profile)]
        limits = profile.modbus
        requests = modbus_requests(
            items, max_registers=limits.max_registers, max_gap=limits.max_gap
        )
        assert {item for request in requests for item in request.items} == set(items)
    else:
        oids = [spec.keys.oid for spec in profile.points if spec.keys.oid]
        assert sum(len(r.items) for r in snmp_requests(oids, 32)) == len(set(oids))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_real_profile_names_its_source_and_how_it_is_recognised(path):
    profile = load_profile(path)
    match = profile.match
    assert profile.source
    assert profile.identity.model is not None
    assert any(
        (
            match.sys_object_id,
            match.sys_descr,
            match.present,
            match.rows,
            match.registers,
            match.sunspec_models,
            match.device_id,
        )
    )


@each
def test_scalar_points_of_one_name_are_alternatives_of_one_kind(path):
    """Two objects may give one point, but never one as a state and one as a number."""
    kinds = {}
    for spec in load_profile(path).points:
        kind = kinds.setdefault(spec.name, spec.states is None)
        assert kind == (spec.states is None)


def test_decoders_that_profiles_may_name_exist():
    assert set(DECODERS) == set(DecoderName.__args__)


def test_names_are_known_without_reading_a_file(tmp_path):
    (tmp_path / "broken.yaml").write_text("{")
    shelf = Library([tmp_path])
    assert shelf.names() == {"broken"}
    with pytest.raises(ConfigError):
        shelf.load("broken")
    with pytest.raises(KeyError):
        shelf.load("missing")


@each
def test_the_head_of_a_file_says_the_same_as_the_whole(path, heads):
    profile, family = load_profile(path), heads[path.stem]
    assert type(family) is Family, "the whole file was read"
    for field in fields(Family):
        assert getattr(family, field.name) == getattr(profile, field.name)


@pytest.fixture(scope="module")
def heads():
    return {family.name: family for family in library().families()}


def test_families_are_known_without_reading_points(tmp_path):
    path = tmp_path / "sample.yaml"
    head, _, points = GOOD.partition("points:")
    path.write_text(f"{head}match: {{rank: 7}}\npoints: wrong\n")
    assert Library([tmp_path]).families()[0].match.rank == 7
    with pytest.raises(ConfigError):
        Library([tmp_path]).load("sample")
    path.write_text(f"{head}match: {{rank: 8}}\npoints:{points}")
    assert Library([tmp_path]).families()[0].match.rank == 8, "an edited file is seen"


@pytest.mark.parametrize(
    "text",
    [
        f"{GOOD}match: {{rank: 7}}\n",
        f"{GOOD}'match': {{rank: 7}}\n",
        GOOD.replace("points:", '"match": {rank: 7}\n"points":'),
        GOOD.replace("points:\n", "points: [\n").replace("  - {", "{") + "]\nmatch: {rank: 7}",
        GOOD.replace("points:", "match: {rank: 7}\npoints:").replace("\n", "\r\n"),
    ],
)
def test_a_file_written_in_another_order_is_read_whole(tmp_path, text):
    (tmp_path / "sample.yaml").write_bytes(text.encode())
    assert Library([tmp_path]).families()[0].match.rank == 7


def test_a_wrong_head_says_what_and_where(tmp_path):
    (tmp_path / "sample.yaml").write_text(GOOD.replace("points:", "match: {ranks: 7}\npoints:"))
    with pytest.raises(ConfigError, match=r"sample\.yaml:7: match\.ranks: is no key"):
        Library([tmp_path]).families()


def test_knowing_all_families_takes_no_time_to_speak_of():
    start = time.process_time()
    count = len(library().families())
    spent = time.process_time() - start
    print(f"{count} families in {spent * 1e3:.0f} ms")
    assert spent < 0.5


def test_a_later_folder_wins(tmp_path):
    (tmp_path / "rfc1628-ups.yaml").write_text(GOOD.replace("sample", "rfc1628-ups"))
    shelf = library(tmp_path)
    assert shelf.load("rfc1628-ups").title == "A rfc1628-ups"
    assert shelf.load("rfc1628-ups") is shelf.load("rfc1628-ups")


def test_a_profile_knows_its_points_without_a_device():
    ups = library().load("rfc1628-ups")
    assert parse_name("battery.charge") in ups.point_names()
    assert ups.may_have(parse_name("output.voltage.l1"))
    assert not ups.may_have(parse_name("engine.speed"))
    assert not ups.may_have(parse_name("output.voltage"))
    assert ups.may_have(parse_name("output.active_power")), "RFC 1628 has lines, which add up"
    apc = library().load("apc-ups")
    assert apc.may_have(parse_name("input.frequency")), "a row may stand for all"
    assert not apc.may_have(parse_name("input.frequency.l1"))
    sunspec = library().load("sunspec-inverter")
    assert sunspec.may_have(parse_name("output.active_power"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("battery.charge", "battery.charm"), "no quantity or state 'charm'"),
        (("battery.charge", "batery.charge"), "no quantity or state|no part"),
        (("class: ups", "class: upss"), "there is no class 'upss'"),
        (("oid: 1.3.6.1.2.1.33.1.2.4.0", "oid: 1.3.x"), "points[0].oid"),
        (("scale: 0.01", "scaled: 0.01"), "points[0].scaled: is no key of a profile"),
        ((", source: a}", "}"), "points[0].source: is missing"),
        (("battery.charge", "mode"), "is a state: say what raw values mean"),
        (("scale: 0.01", "enum: {1: low}"), "is a number, not a state"),
        (("scale: 0.01", "address: 3"), "names one of oid, walk, listed, address and model"),
        (("scale: 0.01", 'instances: {"1": l1}'), "belong to a `walk`"),
        (("scale: 0.01", "index: '(.+)'"), "belong to a `walk`"),
        (("scale: 0.01", "valid_if: {walk: 1.3.6.1, equals: [1]}"), "belongs to a `walk`"),
        (("scale: 0.01", "valid_if: {oid: 1.3.6.1}"), "says one of equals, not_equals and matches"),
        (("scale: 0.01", "valid_if: {equals: [1]}"), "names one of oid, walk and address"),
        (("scale: 0.01", "scale_from: {as: factor}"), "names one of oid, walk and address"),
        (("scale: 0.01", "scale_from: [{oid: 1.3.6.1, as: factor, map: {1: 2}}]"), "as and map"),
        (
            ("scale: 0.01", "scale_from: {address: 3}"),
            "beside a point read by snmp is read likewise",
        ),
        (
            ("class: ups", "class: ups\nmatch: {registers: [{address: 3}]}"),
            "one of equals, matches, and low",
        ),
        (
            ("class: ups", "class: ups\nmatch: {registers: [{address: 3, low: 1}]}"),
            "one of equals, matches, and low",
        ),
        (("protocol: snmp", "protocol: modbus"), "is read by snmp, the profile speaks modbus"),
        (("scale: 0.01", "decoder: magic"), "points[0].decoder"),
        (("protocol: snmp", 'protocol: snmp\nmatch: {sys_descr: ["("]}'), "no regular expression"),
        (("profile: sample", "profile: other"), "profile and file have one name"),
        (("battery.charge", "battery.charge.L1"), "an instance is made of"),
    ],
)
def test_a_wrong_profile_says_what_and_where(tmp_path, change, expected):
    problems = wrong(tmp_path, GOOD.replace(*change))
    assert any(part in problem for problem in problems for part in expected.split("|")), problems
    assert all(re.match(r"sample\.yaml:\d+: ", problem) for problem in problems), problems


def test_a_problem_names_the_line_of_its_key(tmp_path):
    text = GOOD + "  - {point: mode, oid: 1.3.6.1, enum: {1: flying}, source: b}\n"
    (problem,) = wrong(tmp_path, text)
    assert problem.startswith("sample.yaml:9: points[1]: ")
    assert "'flying' is no state of mode" in problem


def test_every_problem_is_told_at_once(tmp_path):
    text = GOOD.replace("class: ups", "clas: ups").replace("scale: 0.01", "scale: much")
    problems = wrong(tmp_path, text)
    assert len(problems) == 3
    assert any("class: is missing" in problem for problem in problems)
    assert any("clas: is no key" in problem for problem in problems)
    assert any("scale: Input should be a valid number" in problem for problem in problems)


def test_unquoted_on_and_off_are_explained(tmp_path):
    text = GOOD + "  - {point: fan.state, oid: 1.3.6.1, enum: {1: on, 2: off}, source: b}\n"
    assert 'put "on" and "off" in quotes' in wrong(tmp_path, text)[0]


def test_broken_yaml_names_the_line(tmp_path):
    assert wrong(tmp_path, "profile: sample\npoints: [\n")[0].startswith(
        "sample.yaml:3: is not YAML"
    )


def test_an_unreadable_file_is_a_sentence(tmp_path):
    with pytest.raises(ConfigError, match="is no profile"):
        load_profile(tmp_path / "missing.yaml")
    assert wrong(tmp_path, "")[0].startswith("sample.yaml")


def test_every_key_of_a_profile_is_documented():
    page = (PROFILES.parents[1] / "docs" / "profiles.md").read_text()
    models = schema()
    groups = [models, *models["$defs"].values()]
    keys = {key for group in groups for key in group.get("properties", {})}
    missing = sorted(key for key in keys if not re.search(rf"\b{re.escape(key)}\b", page))
    assert not missing
