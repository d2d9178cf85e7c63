"""What simulated devices show is what their profiles read: encoded, then decoded again."""

from __future__ import annotations

import math

import pytest

from collectors.decode import careful, rule_of
from collectors.profile import library
from core.quality import Level
from simulator.encoding import Encoder, find, meeting, told_scale
from simulator.sunspec import SERVED
from tests.support.simulator import UTILITIES, demo_site, plant, run

LIBRARY = library()
USED = sorted({device.profile for device in demo_site().devices})

PLAIN = [name for name in USED if name not in ("sunspec-inverter", "hwg-ste")]
"""Profiles whose points stand at fixed places; the others are read by real clients elsewhere."""

WHOLE = [name for name in USED if LIBRARY.load(name).simulated]
"""Profiles of the simulator's own devices, which have every point."""


@pytest.fixture(scope="module")
def model():
    made = plant()
    run(made, 2)
    return made


def points(profile):
    return [
        (spec, name)
        for spec in LIBRARY.load(profile).points
        if not spec.many and (not spec.models or set(spec.models) & set(SERVED))
        for name, _ in spec.expanded()
    ]


@pytest.mark.parametrize("profile", WHOLE)
def test_every_point_of_a_profile_has_a_value(model, profile):
    device = next(device for device in demo_site().devices if device.profile == profile)
    values = model.values(device.id)
    assert not {str(name) for _, name in points(profile) if find(values, name) is None}


@pytest.mark.parametrize("profile", PLAIN)
def test_what_is_encoded_is_decoded_to_the_physics(model, profile):
    device = next(device for device in demo_site().devices if device.profile == profile)
    values = model.values(device.id)
    checked = 0
    for spec, name in points(profile):
        expected = find(values, name)
        if expected is None:
            continue
        keys = spec.keys
        raw = Encoder(name, spec).raw(values)
        if keys.decoder == "flag":
            raw = "0" * keys.bits.shift + str(raw)
        elif keys.bits is not None:
            raw <<= keys.bits.shift
        also = [told_scale(scale)[0] for scale in keys.scale_from]
        held = [raw if each.oid == keys.oid else meeting(each) for each in keys.valid_if]
        if not all(each.met_by(told) for each, told in zip(keys.valid_if, held, strict=True)):
            continue  # another entry tells what this raw value means
        value, quality, _ = careful(rule_of(spec), raw, [*also, *held])
        assert quality >> 6 == Level.GOOD, f"{name}: {raw!r} from {expected!r}"
        if isinstance(expected, float):
            step = abs(keys.scale) if keys.type not in ("f32", "f64") else 0
            assert value == pytest.approx(expected, abs=step * 0.51 + 1e-9), name
        else:
            assert not math.isnan(value), name
        checked += 1
    assert checked > 3


@pytest.mark.parametrize(
    ("faults", "device", "point", "word"),
    [
        ({"mains_lost": UTILITIES}, "ups-a1", "mode", "on_battery"),
        ({"mains_lost": UTILITIES}, "ups-b1", "mode", "on_battery"),
        ({"mains_lost": UTILITIES}, "mv-a", "mains.state", "failed"),
        ({"mains_lost": UTILITIES}, "fire-1", "battery.state", "discharging"),
        ({"on_bypass": frozenset(("ups-b1",))}, "ups-b2", "mode", "static_bypass"),
        ({"battery_fault": frozenset(("ups-b1",))}, "ups-b1", "battery.replacement", "due"),
        ({"failed": frozenset(("crah-1",))}, "crah-1", "alarm.fan", "active"),
        ({"failed": frozenset(("chiller-1",))}, "chiller-1", "state", "fault"),
        ({"failed": frozenset(("chiller-1",))}, "plant-controller-1", "unit.state.1", "fault"),
        ({"failed": frozenset(("pump-1",))}, "plant-controller-2", "pump.state.1", "fault"),
    ],
)
def test_a_fault_reaches_the_wire(faults, device, point, word):
    model = plant()
    run(model, 3, faults)
    profile = next(d.profile for d in demo_site().devices if d.id == device)
    spec, name = next((s, n) for s, n in points(profile) if str(n) == point)
    raw = Encoder(name, spec).raw(model.values(device))
    assert spec.states[raw].code == name.axis.code(word)


def test_the_demo_has_about_the_points_of_the_reference_site():
    fixed = {profile: len({name for _, name in points(profile)}) for profile in USED}
    total = sum(fixed[device.profile] for device in demo_site().devices)
    assert 4_900 < total < 6_600
