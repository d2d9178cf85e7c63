"""From raw values to Kasbah's: the loop and the careful way agree, and nothing bad looks good."""

from __future__ import annotations

import math
import timeit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.decode import (
    Decoder,
    Rule,
    careful,
    flag,
    four_quadrant_power_factor,
    parse_number,
    rule_of,
)
from collectors.profile import PointSpec, StateValue
from collectors.profile_keys import PointKeys
from core.points import parse_name
from core.quality import Quality
from core.vocabulary import Severity

STATES = {1: StateValue(1, Severity.OK), 2: StateValue(3, Severity.WARNING)}
FLAGS = {0: StateValue(1, Severity.OK), 1: StateValue(2, Severity.CRITICAL)}


def rule(point: str, **keys) -> Rule:
    keys = {"oid": "1.3.6.1.2.0", "source": "a test", "point": point} | keys
    parsed = PointKeys.model_validate(keys)
    return rule_of(PointSpec(parse_name(point), parsed, None))


def decode(one: Rule, *raw):
    """Value, quality, severity of the first of some raw values; the others belong to it."""
    also = tuple(range(1, len(raw)))
    value, quality, severity = Decoder([(one, 0, also)]).decode(list(raw))
    assert math.isnan(value[0]) == (quality[0] >= 0x80)
    return value[0], Quality(int(quality[0])), Severity(int(severity[0]))


@pytest.mark.parametrize(
    ("keys", "raw", "expected"),
    [
        ({"point": "battery.charge", "scale": 0.01}, 87, 0.87),
        ({"point": "output.voltage", "scale": 0.1}, 2476, 247.6),
        ({"point": "active_energy", "scale": 100}, 2**40, 2.0**40 * 100),
        ({"point": "probe.temperature", "scale": 0.5, "offset": -17.5}, 70, 17.5),
        ({"point": "output.voltage"}, b"230.5 V", 230.5),
        ({"point": "output.voltage"}, b" 230,5\0\xff", 230.5),
        ({"point": "output.voltage"}, "-1.5e2", -150.0),
        ({"point": "output.frequency"}, 49.98, 49.98),
        ({"point": "battery.runtime", "scale": 0.01}, 456_000, 4560.0),
    ],
)
def test_numbers_come_out_in_kasbahs_unit(keys, raw, expected):
    value, quality, _ = decode(rule(**keys), raw)
    assert quality is Quality.GOOD
    assert value == expected, "exactly: a decimal is divided, not multiplied"


@pytest.mark.parametrize(
    ("keys", "raw", "quality"),
    [
        ({}, None, Quality.NOT_IMPLEMENTED),
        ({}, b"", Quality.NOT_IMPLEMENTED),
        ({}, b"n/a", Quality.MALFORMED),
        ({}, math.nan, Quality.NOT_IMPLEMENTED),
        ({}, math.inf, Quality.OUT_OF_RANGE),
        ({}, 10**9, Quality.OUT_OF_RANGE),
        ({}, Quality.NO_ANSWER, Quality.NO_ANSWER),
        ({}, Quality.REFUSED, Quality.REFUSED),
        ({"sentinels": [-1]}, -1, Quality.NOT_IMPLEMENTED),
        ({"sentinels": [-1]}, b"-1", Quality.NOT_IMPLEMENTED),
        ({"sentinels": ["notsupported"]}, b"notsupported ", Quality.NOT_IMPLEMENTED),
        ({"sentinels": [65535], "low": 0, "high": 1000}, 65535, Quality.NOT_IMPLEMENTED),
        ({"faults": [65534]}, 65534, Quality.SENSOR_FAILED),
        ({"low": 0, "high": 1000}, 1001, Quality.OUT_OF_RANGE),
        ({"low": 0}, -0.001, Quality.OUT_OF_RANGE),
    ],
)
def test_what_is_no_measurement_says_why(keys, raw, quality):
    assert decode(rule("output.voltage", **keys), raw)[1] is quality


def test_infinity_is_no_count_either():
    assert decode(rule("active_energy"), math.inf)[1] is Quality.OUT_OF_RANGE


def test_states_bring_their_code_and_severity():
    one = Rule(states=STATES)
    assert decode(one, 2) == (3.0, Quality.GOOD, Severity.WARNING)
    assert decode(one, b"2") == (3.0, Quality.GOOD, Severity.WARNING)
    assert decode(one, 2.0) == (3.0, Quality.GOOD, Severity.WARNING)
    assert decode(Rule(states={"on": StateValue(1, Severity.OK)}), b"on\0")[0] == 1.0


@pytest.mark.parametrize("raw", [3, -1, b"7", b"?", 1.5, 2**70])
def test_a_state_that_the_profile_does_not_know_is_bad(raw):
    value, quality, severity = decode(Rule(states=STATES), raw)
    assert math.isnan(value)
    assert (quality, severity) == (Quality.UNKNOWN_STATE, Severity.UNKNOWN)


def test_bits_pick_a_field_of_a_register():
    one = Rule(states=STATES, shift=8, mask=0xF, sentinels=frozenset([15]))
    assert decode(one, 0x1211)[0] == 3.0
    assert decode(one, 0x1F11)[1] is Quality.NOT_IMPLEMENTED
    assert decode(one, 0x1711)[1] is Quality.UNKNOWN_STATE
    assert decode(one, b"4096")[1] is Quality.MALFORMED
    assert decode(Rule(shift=4, mask=0xFF), 0xABC)[0] == 0xAB


def test_flags_are_characters_of_a_text():
    one = Rule(states=FLAGS, shift=2, convert=flag)
    assert decode(one, b"0010") == (2.0, Quality.GOOD, Severity.CRITICAL)
    assert decode(one, "0001")[0] == 1.0
    for nothing in (b"UNKNOWN", b"00", b"", 5, None):
        assert decode(one, nothing)[1] is Quality.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("raw", "scale", "expected"),
    [(4321, 1, 43210.0), (2305, -1, 230.5), (123456, -3, 123.456), (7, 0, 7.0), (-5, 2, -500.0)],
)
def test_a_scale_from_the_device_is_a_power_of_ten(raw, scale, expected):
    assert decode(Rule(scales=("exponent",)), raw, scale)[0] == expected
    assert decode(Rule(scales=("exponent",)), float(raw), scale)[0] == pytest.approx(expected)


@pytest.mark.parametrize("scale", [None, -32768, 11, -11, b"1", Quality.NO_ANSWER])
def test_a_scale_that_is_none_makes_the_value_bad(scale):
    assert decode(Rule(scales=("exponent",)), 5, scale)[1].level == 2


def test_a_scale_may_be_a_factor():
    assert decode(Rule(scales=("factor",)), 5, 20)[0] == 100.0


def test_a_scale_may_be_a_number_of_decimals():
    assert decode(Rule(scales=("decimals",)), 2476, 1)[0] == 247.6
    assert decode(Rule(scales=("decimals",)), 5, 11)[1] is Quality.NOT_IMPLEMENTED


def test_a_scale_may_be_a_code():
    one = Rule(scales=({8: 0.001, 9: 1, "kilo": 1000},))
    assert decode(one, 2476, 8)[0] == 2.476
    assert decode(one, 2476, 9)[0] == 2476.0
    assert decode(one, 2, b"kilo\0")[0] == 2000.0
    for nothing in (7, b"mega", None):
        assert decode(one, 2, nothing)[1] is Quality.NOT_IMPLEMENTED
    assert decode(one, 2, Quality.NO_ANSWER)[1] is Quality.NO_ANSWER


def test_several_scales_all_count():
    one = Rule(multiplier=1, divisor=2, scales=({8: 0.001, 9: 1}, "decimals", "factor"))
    assert decode(one, 2476, 8, 2, 4)[0] == 0.04952
    assert decode(one, 2476, 8, None, 4)[1] is Quality.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("condition", "held", "is_met"),
    [
        ({"equals": [1, "on"]}, 1, True),
        ({"equals": [1, "on"]}, b"on\0", True),
        ({"equals": [1, "on"]}, 2, False),
        ({"not_equals": [0]}, 1, True),
        ({"not_equals": [0]}, 0, False),
        ({"not_equals": [0]}, None, False),
        ({"matches": "^Temp"}, b"Temperature", True),
        ({"matches": "^Temp"}, b"Humidity", False),
        ({"matches": "^1[0-9]$"}, 17, True),
    ],
)
def test_a_value_holds_only_while_another_object_says_so(condition, held, is_met):
    one = rule("output.voltage", valid_if={"oid": "1.3.6.1.3.0"} | condition)
    value, quality, _ = decode(one, 230, held)
    assert quality is (Quality.GOOD if is_met else Quality.NOT_IMPLEMENTED)
    assert value == 230.0 or not is_met
    assert decode(one, 230, Quality.NO_ANSWER)[1] is Quality.NO_ANSWER


def test_conditions_come_after_scales_and_go_for_states_too():
    keys = {"scale_from": {"oid": "1.3.6.1.3.0"}}
    keys["valid_if"] = [{"oid": f"1.3.6.1.{i}.0", "equals": [i]} for i in (4, 5)]
    one = rule("output.voltage", **keys)
    assert decode(one, 2300, -1, 4, 5)[0] == 230.0
    assert decode(one, 2300, -1, 4, 4)[1] is Quality.NOT_IMPLEMENTED
    state = Rule(states=STATES, conditions=one.conditions)
    assert decode(state, 2, 4, 5) == (3.0, Quality.GOOD, Severity.WARNING)
    assert decode(state, 2, 5, 5)[1] is Quality.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("raw", "factor"), [(0.98, 0.98), (1.03, 0.97), (-1.05, -0.95), (-0.5, -0.5), (2.0, 0.0)]
)
def test_a_four_quadrant_power_factor_is_folded_back(raw, factor):
    assert four_quadrant_power_factor(raw, 0) == pytest.approx(factor)
    assert four_quadrant_power_factor(math.nan, 0) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12.0), ("-3,5 °C", -3.5), (".5", 0.5), ("1e3", 1000.0), ("x", None), ("-", None)],
)
def test_numbers_are_read_from_the_beginning_of_a_text(text, number):
    assert parse_number(text) == number


RULES = st.sampled_from(
    [
        rule("output.voltage", scale=0.1, sentinels=[-1], faults=[5]),
        rule("battery.charge", scale=0.01),
        rule("active_energy", scale=1000),
        Rule(multiplier=5, divisor=9, offset=-17.5, low=-50.0, high=60.0),
        Rule(states=STATES, sentinels=frozenset([2])),
        Rule(states=STATES, shift=3, mask=7),
        Rule(states=FLAGS, shift=1, convert=flag),
        Rule(convert=four_quadrant_power_factor, low=-1.0, high=1.0),
        Rule(scales=("exponent",), low=-1e6, high=1e6, sentinels=frozenset([-32768])),
        Rule(scales=("decimals", "exponent")),
        Rule(scales=({1: 0.1, "01": 20},)),
        rule("output.voltage", valid_if={"oid": "1.3.6.1.3.0", "not_equals": [0]}),
    ]
)
RAWS = st.one_of(
    st.integers(-40000, 70000),
    st.integers(-(2**63), 2**64),
    st.floats(),
    st.binary(max_size=6),
    st.sampled_from([b"01", b"10", "1", "x", None, Quality.REFUSED, Quality.NO_ANSWER]),
)


@given(st.lists(st.tuples(RULES, RAWS, RAWS), max_size=8))
def test_the_loop_and_the_careful_way_agree(cases):
    raw = [value for _, item, scale in cases for value in (item, scale)]
    rules = [
        (one, 2 * i, (2 * i + 1,) * (len(one.scales) + len(one.conditions)))
        for i, (one, _, _) in enumerate(cases)
    ]
    value, quality, severity = Decoder(rules).decode(raw)
    assert (np.isnan(value) == (quality >= 0x80)).all()
    for i, (one, item, scale) in enumerate(cases):
        expected = careful(one, item, [scale] * (len(one.scales) + len(one.conditions)))
        assert (int(quality[i]), int(severity[i])) == (expected[1], expected[2])
        if quality[i] < 0x80:
            assert value[i] == pytest.approx(expected[0], rel=1e-12)


def test_nothing_decodes_to_nothing():
    assert [len(array) for array in Decoder([]).decode([])] == [0, 0, 0]


def test_decoding_costs_microseconds():
    """About 5 us for 24 points on a quiet machine; the bound allows for a busy one."""
    decoder = Decoder([(rule("output.voltage", scale=0.1), i, ()) for i in range(24)])
    raw = list(range(2300, 2324))
    best = min(timeit.repeat(lambda: decoder.decode(raw), number=500, repeat=7)) / 500
    print(f"{best * 1e6:.1f} us for 24 points")
    assert best < 40e-6


@given(
    st.lists(st.tuples(RULES, RAWS), min_size=1, max_size=6),
    st.lists(st.dictionaries(st.integers(0, 11), RAWS, max_size=3), min_size=1, max_size=9),
)
def test_answers_decoded_together_are_as_if_decoded_one_by_one(cases, differences):
    """Answers of devices that are polled alike, each odd in its own places."""
    rules = [
        (one, 2 * i, (2 * i + 1,) * (len(one.scales) + len(one.conditions)))
        for i, (one, _) in enumerate(cases)
    ]
    usual = [value for _, item in cases for value in (item, 1)]
    raws = [[differs.get(at, raw) for at, raw in enumerate(usual)] for differs in differences]
    decoder = Decoder(rules)
    together = decoder.decode_all(raws)
    one_by_one = [decoder.decode(raw) for raw in raws]
    for of_all, of_each in zip(together, zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_array_equal(of_all, np.array(of_each))


def test_numbers_too_large_for_a_float_are_exact_together_too():
    decoder = Decoder([(rule("active_energy", scale=0.1), i, ()) for i in range(3)])
    raws = [[2**53 + 1 + i, 2**63 + i, 7] for i in range(8)]
    value, _, _ = decoder.decode_all(raws)
    np.testing.assert_array_equal(value, [decoder.decode(raw)[0] for raw in raws])


def test_equal_rules_share_one_decoder():
    one, other = rule("output.voltage"), rule("output.voltage")
    assert Decoder.shared([(one, 0, ())]) is Decoder.shared([(one, 0, ())])
    assert Decoder.shared([(one, 0, ())]) is not Decoder.shared([(other, 0, ())])
