"""Request planning: what is read together, and how a failed request is taken apart."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.bind import Register, bind_modbus, bind_snmp, columns, conditions, parse_type
from collectors.plan import (
    MAX_BYTES,
    Plan,
    RangeRequest,
    SnmpRequest,
    modbus_requests,
    snmp_requests,
    split,
    widest_gap,
)
from collectors.profile import load_profile

BASE = "1.3.6.1.4.1.9"


def oids(count: int) -> list[str]:
    return [f"{BASE}.{i}.0" for i in range(count)]


def u16(*addresses: int, fc: int = 3) -> list[Register]:
    return [Register(fc, address, "u16") for address in addresses]


def ranges(items, max_registers=100, max_gap=5):
    found = modbus_requests(items, max_registers=max_registers, max_gap=max_gap)
    return [(request.fc, request.address, request.count) for request in found]


def profile(tmp_path, protocol: str, points: str):
    path = tmp_path / "sample.yaml"
    path.write_text(
        f"profile: sample\ntitle: t\nclass: ups\nprotocol: {protocol}\nsource: s\npoints:\n{points}"
    )
    return load_profile(path)


# ---------------------------------------------------------------- packets


@pytest.mark.parametrize(
    ("count", "limit", "sizes"), [(0, 8, []), (8, 8, [8]), (9, 8, [8, 1]), (3, 1, [1, 1, 1])]
)
def test_packets_hold_at_most_so_many_objects(count, limit, sizes):
    assert [len(r.items) for r in snmp_requests(oids(count), limit)] == sizes


def test_an_object_is_asked_for_once():
    (request,) = snmp_requests([*oids(3), *oids(2)], 32)
    assert request.items == tuple(oids(3))


def test_packets_stay_below_a_frame():
    long = [f"1.3.6.1.4.1.4294967295.{'4294967295.' * 12}{i}" for i in range(100)]
    for request in snmp_requests([*oids(300), *long], 128):
        assert len(request.template.request(1, b"public", 1)) < MAX_BYTES + 100


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], []),
        (u16(10), [(3, 10, 1)]),
        (u16(10, 11, 16), [(3, 10, 7)]),
        (u16(10, 17), [(3, 10, 1), (3, 17, 1)]),
        (u16(17, 10, 10), [(3, 10, 1), (3, 17, 1)]),
        (u16(*range(0, 200, 2)), [(3, 0, 99), (3, 100, 99)]),
        (u16(10) + u16(11, fc=4), [(3, 10, 1), (4, 11, 1)]),
        ([Register(3, 10, "u64"), Register(3, 12, "u16")], [(3, 10, 4)]),
        ([Register(3, 97, "u64"), *u16(0)], [(3, 0, 1), (3, 97, 4)]),
        ([Register(3, 0, "string", count=60), Register(3, 60, "f64")], [(3, 0, 64)]),
        ([Register(1, 3, "bit"), Register(1, 7, "bit")], [(1, 3, 5)]),
    ],
)
def test_registers_are_merged_over_small_gaps_and_never_cut(items, expected):
    assert ranges(items) == expected


def test_a_value_is_not_cut_at_the_limit():
    items = [Register(3, 2 * i, "u32") for i in range(80)]
    assert ranges(items, max_registers=101) == [(3, 0, 100), (3, 100, 60)]


KINDS = st.sampled_from(["u16", "s16", "u32", "s32", "u64", "f32", "f64"])


@given(
    st.lists(
        st.tuples(st.integers(0, 300), KINDS, st.sampled_from(["big", "little"])), max_size=30
    ),
    st.integers(4, 125),
    st.integers(0, 30),
)
def test_every_register_is_in_one_range_that_holds_it(cases, limit, gap):
    items = {Register(3, address, kind, order) for address, kind, order in cases}
    requests = modbus_requests(items, max_registers=limit, max_gap=gap)
    placed = [item for request in requests for item in request.items]
    assert len(placed) == len(items)
    assert set(placed) == items
    for request in requests:
        assert request.count <= limit
        assert all(
            request.address <= item.address and item.end <= request.address + request.count
            for item in request.items
        )


def test_values_are_taken_out_of_an_answer():
    items = [
        Register(3, 100, "u16"),
        Register(3, 102, "s32"),
        Register(3, 102, "u16"),
        Register(3, 104, "f32", "little"),
        Register(3, 106, "string", count=3),
        Register(3, 110, "u64"),
    ]
    (request,) = modbus_requests(items, max_registers=100, max_gap=4)
    data = (
        struct.pack(">HHi", 7, 0, -2) + b"\0\0\x42\x48" + b"abc\0\0\0" + b"\0\0" + b"\0" * 7 + b"\5"
    )
    found = dict(zip(request.items, request.unpack(data), strict=True))
    assert [found[item] for item in items] == [7, -2, 0xFFFF, 50.0, "abc", 5]


def test_bits_are_taken_out_of_an_answer():
    items = [Register(1, 3, "bit"), Register(1, 12, "bit")]
    (request,) = modbus_requests(items, max_registers=100, max_gap=20)
    assert request.unpack(bytes([0b1, 0b10])) == [1, 1]
    assert request.unpack(bytes([0b10, 0b1])) == [0, 0]


# ---------------------------------------------------------------- a request that failed


@pytest.mark.parametrize(
    ("count", "index", "parts"),
    [
        (1, 0, []),
        (1, 1, []),
        (2, 0, [[0], [1]]),
        (4, 0, [[0, 1], [2, 3]]),
        (5, 0, [[0, 1], [2, 3, 4]]),
        (4, 1, [[0], [1, 2, 3]]),
        (4, 3, [[2], [0, 1, 3]]),
        (4, 4, [[3], [0, 1, 2]]),
        (4, 5, [[0, 1], [2, 3]]),
        (4, -1, [[0, 1], [2, 3]]),
    ],
)
def test_a_failed_packet_is_split_at_the_guilty_object_or_in_halves(count, index, parts):
    found = split(SnmpRequest.of(oids(count)), index)
    assert [list(part.items) for part in found] == [[oids(count)[i] for i in p] for p in parts]


@pytest.mark.parametrize(
    ("addresses", "parts"),
    [
        ([5], []),
        ([5, 6], [(5, 1), (6, 1)]),
        ([5, 6, 7, 8], [(5, 2), (7, 2)]),
        ([5, 6, 7, 12], [(5, 3), (12, 1)]),
        ([5, 8, 9, 20, 21], [(5, 5), (20, 2)]),
        ([5, 7, 9, 11], [(5, 3), (9, 3)]),
    ],
)
def test_a_failed_range_is_split_at_its_widest_gap(addresses, parts):
    found = split(RangeRequest.of(u16(*addresses)))
    assert [(part.address, part.count) for part in found] == parts


@given(st.sets(st.integers(0, 60), min_size=1, max_size=24), st.data())
def test_splitting_always_isolates_the_guilty_and_keeps_the_rest(addresses, data):
    guilty = data.draw(st.sampled_from(sorted(addresses)))
    queue, alone, alive = [RangeRequest.of(u16(*sorted(addresses)))], [], []
    while queue:
        request = queue.pop()
        if all(item.address != guilty for item in request.items):
            alive += [item.address for item in request.items]
        elif parts := split(request):
            queue += parts
        else:
            alone += [item.address for item in request.items]
    assert alone == [guilty]
    assert sorted(alive) == sorted(addresses - {guilty})


def test_the_widest_gap_is_what_lies_between():
    assert widest_gap(u16(1)) == 0
    assert widest_gap(u16(1, 2, 7)) == 4
    assert widest_gap([Register(3, 0, "u64"), *u16(4, 6)]) == 1


# ---------------------------------------------------------------- which points there are


def test_table_rows_become_points(tmp_path):
    sample = profile(
        tmp_path,
        "snmp",
        f"""
  - {{point: output.voltage, walk: {BASE}.1, instances: {{"1": l1, "2.1": l2, "3": ""}}, source: a}}
  - {{point: output.load, walk: {BASE}.2, source: b}}
  - {{point: alarm.fuse, walk: {BASE}.3, enum: {{1: normal}}, source: c}}
""",
    )
    assert columns(sample) == (f"{BASE}.1", f"{BASE}.2", f"{BASE}.3")
    rows = {
        f"{BASE}.1": {"1.0": 1, "2.1": 1, "3": 1, "4": 1},
        f"{BASE}.2": {"1.7": 1},
        f"{BASE}.3": {"2": 1},
    }
    found = {str(point.name): point.source for point in bind_snmp(sample, rows)}
    assert found == {
        "output.voltage.l1": f"{BASE}.1.1.0",
        "output.voltage.l2": f"{BASE}.1.2.1",
        "output.voltage": f"{BASE}.1.3",
        "output.load.1-7": f"{BASE}.2.1.7",
        "alarm.fuse-2": f"{BASE}.3.2",
    }


def test_rows_count_only_where_their_condition_holds(tmp_path):
    sample = profile(
        tmp_path,
        "snmp",
        f"""
  - {{point: probe.temperature, walk: {BASE}.5, only: {{walk: {BASE}.7, equals: [1]}}, source: a}}
  - point: probe.relative_humidity
    walk: {BASE}.5
    only: {{walk: {BASE}.7, equals: [4]}}
    source: b
  - point: probe.dew_point
    walk: {BASE}.5
    only: {{oid: {BASE}.8.0, equals: [celsius]}}
    source: c
""",
    )
    assert columns(sample) == (f"{BASE}.5", f"{BASE}.7")
    assert conditions(sample) == (f"{BASE}.8.0",)
    rows = {f"{BASE}.5": {"1": 203, "2": 480, "3": 7}, f"{BASE}.7": {"1": 1, "2": 4}}
    assert [str(point.name) for point in bind_snmp(sample, rows)] == [
        "probe.temperature.1",
        "probe.relative_humidity.2",
    ]
    rows[f"{BASE}.8.0"] = {"": b"celsius\0"}
    assert len(bind_snmp(sample, rows)) == 5


def test_rows_may_have_to_meet_several_conditions(tmp_path):
    sample = profile(
        tmp_path,
        "snmp",
        f"""
  - point: probe.temperature
    walk: {BASE}.5
    only:
      - {{walk: {BASE}.7, not_equals: [0]}}
      - {{walk: {BASE}.8, matches: "^T"}}
    source: a
""",
    )
    assert columns(sample) == (f"{BASE}.5", f"{BASE}.7", f"{BASE}.8")
    rows = {
        f"{BASE}.5": dict.fromkeys("12345", 20),
        f"{BASE}.7": {"1": 1, "2": 0, "3": 1, "5": 1},
        f"{BASE}.8": {"1": b"T1", "2": b"T2", "3": b"H3", "4": b"T4", "5": b"T5"},
    }
    assert [point.name.instance for point in bind_snmp(sample, rows)] == ["1", "5"]


def test_the_groups_of_an_index_are_the_instance(tmp_path):
    sample = profile(
        tmp_path,
        "snmp",
        rf"""
  - {{point: output.load, walk: {BASE}.1, index: '1\.(\d+)(?:\.(\d+))?', source: a}}
  - point: output.voltage
    walk: {BASE}.1
    index: '2\.(\d+)'
    instances: {{"1": l1, "2": l2}}
    source: b
""",
    )
    rows = {f"{BASE}.1": dict.fromkeys(("1.7", "1.7.8", "2.1", "2.3", "12.1", "2.2"), 1)}
    assert {str(point.name): point.item for point in bind_snmp(sample, rows)} == {
        "output.load.7": f"{BASE}.1.1.7",
        "output.load.7-8": f"{BASE}.1.1.7.8",
        "output.voltage.l1": f"{BASE}.1.2.1",
        "output.voltage.l2": f"{BASE}.1.2.2",
    }


def test_what_belongs_to_a_point_is_read_with_it_once(tmp_path):
    sample = profile(
        tmp_path,
        "snmp",
        f"""
  - point: probe.temperature
    walk: {BASE}.5
    scale_from: [{{walk: {BASE}.6, as: decimals}}, {{oid: {BASE}.9.0, as: factor}}]
    valid_if: {{walk: {BASE}.7, equals: [1]}}
    source: a
""",
    )
    points = bind_snmp(sample, {f"{BASE}.5": {"1": 0, "2": 0}})
    assert points[1].also == (f"{BASE}.6.2", f"{BASE}.9.0", f"{BASE}.7.2")
    plan = Plan.of(points, lambda items: snmp_requests(items, 32))
    held = {f"{BASE}.5.1": 203, f"{BASE}.5.2": 21, f"{BASE}.6.1": 1, f"{BASE}.6.2": 0}
    held |= {f"{BASE}.7.1": 1, f"{BASE}.7.2": 1, f"{BASE}.9.0": 2}
    assert sorted(plan.items) == sorted(held)
    assert plan.decoder.decode([held[item] for item in plan.items])[0].tolist() == [40.6, 42.0]


def test_repeated_registers_count_from_one(tmp_path):
    sample = profile(
        tmp_path,
        "modbus",
        """
  - {point: output.current, address: 100, type: u16, repeat: {count: 3, step: 4}, source: a}
  - point: output.voltage
    address: 10
    repeat: {count: 2, step: 1, instances: [l1, l2]}
    source: b
  - {point: active_energy, fc: 4, address: 7, type: u64, word_order: little, source: c}
""",
    )
    found = {str(point.name): point.item for point in bind_modbus(sample)}
    assert found == {
        "output.current.1": Register(3, 100, "u16"),
        "output.current.2": Register(3, 104, "u16"),
        "output.current.3": Register(3, 108, "u16"),
        "output.voltage.l1": Register(3, 10, "u16"),
        "output.voltage.l2": Register(3, 11, "u16"),
        "active_energy": Register(4, 7, "u64", "little"),
    }
    assert str(found["active_energy"]) == "4:7"
    assert parse_type("string(8)") == ("string", 8)


def test_a_plan_decodes_what_its_requests_give(tmp_path):
    sample = profile(
        tmp_path,
        "snmp",
        f"""
  - {{point: battery.charge, oid: {BASE}.1.0, scale: 0.01, source: a}}
  - {{point: battery.runtime, oid: {BASE}.2.0, scale: 60, source: b}}
  - point: alarm.a
    oid: {BASE}.3.0
    decoder: flag
    bits: {{shift: 0}}
    enum: {{0: normal, 1: active}}
    source: c
  - point: alarm.b
    oid: {BASE}.3.0
    decoder: flag
    bits: {{shift: 1}}
    enum: {{0: normal, 1: active}}
    source: d
""",
    )
    points = bind_snmp(sample, {})
    plan = Plan.of(points, lambda items: snmp_requests(items, 2), ["1.3.6.1.2.1.1.3.0"])
    assert plan.items == ("1.3.6.1.2.1.1.3.0", f"{BASE}.1.0", f"{BASE}.2.0", f"{BASE}.3.0")
    assert [len(request.items) for request in plan.requests] == [2, 2]
    value, quality, _ = plan.decoder.decode([123, 87, 10, b"01"])
    assert value.tolist() == [0.87, 600.0, 1.0, 2.0]
    assert not quality.any()
