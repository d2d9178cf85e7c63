"""What a probe shows: exactly the keys that are promised, as plain JSON."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import probe, shown
from collectors.profile import Library, library
from core.quality import Quality
from core.site import Credentials
from tests.support import odd_agent
from tests.support.odd_agent import OddAgent

UPS = "1.3.6.1.2.1.33.1"
OBJECTS = {
    "1.3.6.1.2.1.1.1.0": b"UPS agent",
    "1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.99",
    f"{UPS}.1.1.0": b"Maker",
    f"{UPS}.1.2.0": b"Model 3",
    f"{UPS}.2.1.0": 3,
    f"{UPS}.2.3.0": -1,
    f"{UPS}.2.4.0": 87,
    f"{UPS}.4.1.0": 5,
    f"{UPS}.4.4.1.2.1": 231,
    f"{UPS}.7.3.0": 99,
}


async def probed(objects, profile=None, shelf=None):
    clients = Clients.open()
    try:
        async with odd_agent.serve(OddAgent(objects)) as port:
            result = await probe(
                f"snmp://127.0.0.1:{port}",
                profile=profile,
                credentials=Credentials("test"),
                clients=clients,
                library=shelf or library(),
                clock=SystemClock(),
                timeout_s=0.5,
                retries=0,
            )
    finally:
        await clients.close()
    return json.loads(json.dumps(dataclasses.asdict(result), allow_nan=False))


async def test_a_probe_has_the_promised_shape():
    result = await probed(OBJECTS)
    assert list(result) == [
        "address",
        "profile",
        "device_class",
        "vendor",
        "model",
        "serial",
        "firmware",
        "readings",
        "states",
        "errors",
    ]
    assert (result["profile"], result["device_class"]) == ("rfc1628-ups", "ups")
    assert (result["vendor"], result["model"], result["serial"]) == ("Maker", "Model 3", "")
    by_source = {entry["source"]: entry for entry in result["readings"] + result["states"]}
    assert by_source[f"{UPS}.2.4.0"] == {
        "point": "battery.charge",
        "quantity": "charge",
        "value": 0.87,
        "unit": "ratio",
        "quality": "good",
        "source": f"{UPS}.2.4.0",
        "raw": 87,
    }
    assert by_source[f"{UPS}.4.1.0"] == {
        "point": "mode",
        "value": "on_battery",
        "severity": "warning",
        "quality": "good",
        "source": f"{UPS}.4.1.0",
        "raw": 5,
    }
    assert by_source[f"{UPS}.4.4.1.2.1"]["point"] == "output.voltage.l1"


async def test_what_is_no_value_is_shown_as_bad_with_what_the_device_sent():
    result = await probed(OBJECTS)
    by_source = {entry["source"]: entry for entry in result["readings"] + result["states"]}
    runtime, test = by_source[f"{UPS}.2.3.0"], by_source[f"{UPS}.7.3.0"]
    assert (runtime["value"], runtime["quality"], runtime["raw"]) == (None, "bad", -1)
    assert (test["value"], test["quality"], test["severity"]) == (None, "bad", "unknown")
    assert f"{UPS}.2.5.0" not in by_source, "the device has no such object"


async def test_every_object_is_shown_even_where_two_give_one_point(tmp_path):
    (tmp_path / "two.yaml").write_text(
        f"""
profile: two
title: t
class: ups
protocol: snmp
source: s
points:
  - {{point: battery.charge, oid: {UPS}.2.4.0, scale: 0.01, source: a}}
  - {{point: battery.charge, oid: {UPS}.2.1.0, scale: 0.1, source: b}}
"""
    )
    result = await probed(OBJECTS, "two", Library([tmp_path]))
    shown_values = {entry["source"]: entry["value"] for entry in result["readings"]}
    assert shown_values == {f"{UPS}.2.4.0": 0.87, f"{UPS}.2.1.0": pytest.approx(0.3)}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (5, 5),
        (b"text\0", "text"),
        (b"\x07\xe6\x01", "07e601"),
        (b"", ""),
        (math.nan, "nan"),
        (1.5, 1.5),
        ("1.3.6", "1.3.6"),
        (None, None),
        (Quality.REFUSED, None),
    ],
)
def test_raw_values_fit_into_json(raw, expected):
    assert shown(raw) == expected
