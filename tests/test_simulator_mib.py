"""What an SNMP image makes of the conditions and patterns of a profile: objects that meet them."""

from __future__ import annotations

import re

import pytest

from collectors.bind import bind_snmp, columns, conditions
from collectors.plan import Plan, snmp_requests
from collectors.profile import load_profile
from core.site import Device
from simulator.encoding import fitting
from simulator.mib import SYS_DESCR, device_mib, parse_oid, sorted_oids
from simulator.nameplate import nameplate

BASE = "1.3.6.1.4.1.99999"
POINTS = rf"""
  - point: probe.temperature
    walk: {BASE}.1.2
    index: '7\.(\d+)\.(\d+)'
    only: [{{walk: {BASE}.1.3, matches: '^Temp'}}, {{walk: {BASE}.1.4, not_equals: [1, 2]}}]
    scale_from:
      - {{walk: {BASE}.1.5, map: {{0: 0, 8: 0.001, 9: 1}}}}
      - {{walk: {BASE}.1.6, as: decimals}}
    valid_if: {{walk: {BASE}.1.7, equals: [ok]}}
    source: a
  - {{point: probe.temperature, walk: {BASE}.2, only: {{walk: {BASE}.2, matches: 'C$'}}, source: b}}
"""
VALUES = {"probe.temperature.1": 21.34, "probe.temperature.2": 22.0}


def profile(tmp_path, points: str = POINTS, match: str = "{}"):
    path = tmp_path / "sample.yaml"
    head = "profile: sample\ntitle: t\nclass: environment\nprotocol: snmp\nsource: s\n"
    path.write_text(f"{head}match: {match}\npoints:{points}")
    return load_profile(path)


def image(*profiles):
    plate = nameplate(Device("x", "environment", "sample", ""))
    return device_mib(profiles[0], plate, lambda: VALUES, lambda: 1.0, profiles[1:])


def test_what_tells_of_a_point_is_played_so_that_it_is_read(tmp_path):
    sample = profile(tmp_path)
    mib = image(sample)

    def held(oid: str):
        value = mib.get(parse_oid(oid)).value
        return value.encode() if isinstance(value, str) else value

    names = [".".join(map(str, oid)) for oid in sorted_oids(mib)]
    rows = {
        column: {
            name.removeprefix(f"{column}."): held(name)
            for name in names
            if name.startswith(f"{column}.")
        }
        for column in columns(sample)
    }
    rows |= {oid: {"": held(oid)} for oid in conditions(sample)}
    points = bind_snmp(sample, rows)
    plan = Plan.of(points, lambda items: snmp_requests(items, 32))
    value, _, _ = plan.decoder.decode([held(item) for item in plan.items])
    found = dict(zip((str(point.name) for point in points), value.tolist(), strict=True))
    assert found == {"probe.temperature.1-1": 21.3, "probe.temperature.2-1": 22.0}
    assert {point.item for point in points} == {f"{BASE}.1.2.7.1.1", f"{BASE}.1.2.7.2.1"}


def test_a_device_is_played_with_what_other_profiles_read_of_it(tmp_path):
    more = "\n  - {point: probe.temperature.2, oid: 1.3.6.1.4.1.99998.1.0, source: c}\n"
    mib = image(profile(tmp_path), profile(tmp_path, more))
    assert mib.get(parse_oid("1.3.6.1.4.1.99998.1.0")).value == 22


@pytest.mark.parametrize(
    "pattern",
    [
        "^TME\\b",
        "^USP-RPS ",
        "(?i)^(MGE |APC )?Galaxy\\b",
        "^Linux SNMP-System$",
        "^(HWg-)?WLD",
        "x|y",
    ],
)
def test_a_device_describes_itself_as_its_profile_knows_it(tmp_path, pattern):
    match = f"{{sys_descr: ['{pattern}']}}"
    described = image(profile(tmp_path, match=match)).get(SYS_DESCR).value
    assert re.search(pattern, described.decode())


def test_a_pattern_that_is_too_much_is_left_alone(tmp_path):
    assert not re.fullmatch("(?=a)[a-c]{3}", fitting("(?=a)[a-c]{3}"))
    match = "{sys_descr: ['^(?=a)[a-c]{3}$']}"
    described = image(profile(tmp_path, match=match)).get(SYS_DESCR).value
    assert described == b"Kasbah Simulator t"
