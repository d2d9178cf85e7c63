"""Which profiles read a device: what it is, and what reads the rest. Asked little, on old agents
too."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.modbus.sunspec_image import encode_chain, encode_model
from collectors.probe import ProbeResult, probe
from collectors.profile import Library, library
from collectors.session import session_for
from collectors.snmp.codec import Version
from core.errors import ConfigError, Unidentified
from core.site import Credentials, Device, Poll
from tests.support import odd_agent
from tests.support.modbus import Unit, modbus_server
from tests.support.odd_agent import OddAgent

MAKER, PROBE, STANDARD = "1.3.6.1.4.1.55501", "1.3.6.1.4.1.55502", "1.3.6.1.2.1.33"
PROFILES = {
    "maker": f"""
class: pdu
vendor: Maker
match: {{rank: 40, sys_object_id: [{MAKER}], present: [{MAKER}.2.1.0]}}
identity: {{model: {{oid: {MAKER}.1.1.0}}}}
points:
  - {{point: output.frequency, oid: {MAKER}.2.1.0, scale: 0.1, source: a}}
  - {{point: output.voltage, oid: {MAKER}.2.2.0, source: b}}
""",
    "standard": f"""
class: ups
match: {{rank: 10, present: [{STANDARD}.1.0]}}
identity:
  vendor: {{oid: {STANDARD}.3.0}}
  model: {{oid: {STANDARD}.4.0}}
  serial: {{oid: {STANDARD}.5.0}}
points:
  - {{point: output.frequency, oid: {STANDARD}.1.0, source: c}}
  - {{point: battery.charge, oid: {STANDARD}.2.0, scale: 0.01, source: d}}
  - {{point: output.current, oid: {MAKER}.2.2.0, source: not so}}
""",
    "probes": f"""
class: environment
vendor: Other
match: {{rank: 40, rows: [{PROBE}.1.2]}}
points:
  - {{point: probe.temperature, walk: {PROBE}.1.2, source: e}}
""",
    "described": """
class: crah
vendor: Cold
match: {rank: 40, sys_descr: ["^Cooler"], sys_object_id: [1.3.6.1.4.1.55503]}
identity: {model: {oid: 1.3.6.1.2.1.1.1.0, pattern: "^Cooler (.*)"}}
points:
  - {point: supply_air.temperature, oid: 1.3.6.1.4.1.55503.1.0, source: f}
""",
}
SYSTEM = {
    "1.3.6.1.2.1.1.1.0": b"a card",
    "1.3.6.1.2.1.1.2.0": f"{MAKER}.7",
    "1.3.6.1.2.1.1.3.0": 1_000_000,
}
MAKERS = {f"{MAKER}.1.1.0": b"M 7", f"{MAKER}.2.1.0": 500, f"{MAKER}.2.2.0": 230}
STANDARDS = {f"{STANDARD}.{i}.0": raw for i, raw in enumerate((51, 87, b"OEM", b"S", b"47"), 1)}
PROBES = {f"{PROBE}.1.2.1": 21, f"{PROBE}.1.2.2": 22}


@pytest.fixture
def shelf(tmp_path):
    for name, text in PROFILES.items():
        head = f"profile: {name}\ntitle: t\nprotocol: snmp\nsource: s\n"
        (tmp_path / f"{name}.yaml").write_text(head + text)
    return tmp_path


@asynccontextmanager
async def clients():
    opened = Clients.open()
    try:
        yield opened
    finally:
        await opened.close()


async def probed(agent: OddAgent, folder, profile: str | None = None) -> ProbeResult:
    version = "v1" if agent.version is Version.V1 else "v2c"
    async with clients() as shared, odd_agent.serve(agent) as port:
        return await probe(
            f"snmp://127.0.0.1:{port}",
            profile=profile,
            credentials=Credentials("test", version),
            clients=shared,
            library=Library([folder]),
            clock=SystemClock(),
            timeout_s=0.3,
            retries=0,
        )


async def opened(agent: OddAgent, folder, profile: str = ""):
    async with clients() as shared, odd_agent.serve(agent) as port:
        device = Device(
            "x", "other", profile, f"snmp://127.0.0.1:{port}", Credentials("test"), Poll(0.3)
        )
        session = session_for(device, shared, Library([folder]), SystemClock())
        known = await session.open()
        answer = await session.poll("fast")
    return dict(zip(map(str, known.names), answer.decoded()[0].tolist(), strict=True))


def values(result: ProbeResult) -> dict[tuple[str, str], float | None]:
    return {(reading.point, reading.source): reading.value for reading in result.readings}


async def test_the_richer_profile_wins_and_the_others_add_what_it_lacks(shelf):
    agent = OddAgent(SYSTEM | MAKERS | STANDARDS)
    result = await probed(agent, shelf)
    assert (result.profile, result.device_class) == ("maker", "pdu")
    assert (result.vendor, result.model, result.serial) == ("Maker", "M 7", "47")
    assert values(result) == {
        ("output.frequency", f"{MAKER}.2.1.0"): 50.0,
        ("output.voltage", f"{MAKER}.2.2.0"): 230.0,
        ("output.frequency", f"{STANDARD}.1.0"): 51.0,
        ("battery.charge", f"{STANDARD}.2.0"): 0.87,
    }, "what an object means is said by the better profile"
    assert await opened(agent, shelf) == {
        "output.frequency": 50.0,
        "output.voltage": 230.0,
        "battery.charge": 0.87,
    }


async def test_where_the_maker_has_no_objects_the_standard_reads_the_device(shelf):
    result = await probed(OddAgent(SYSTEM | STANDARDS), shelf)
    assert (result.profile, result.device_class, result.vendor) == ("standard", "ups", "OEM")
    assert result.errors == ()


async def test_where_its_decisive_object_alone_is_there_the_next_reads_the_device(shelf):
    path = shelf / "maker.yaml"
    path.write_text(
        path.read_text().replace(f"present: [{MAKER}.2.1.0]", f"present: [{MAKER}.9.0]")
    )
    result = await probed(OddAgent(SYSTEM | STANDARDS | {f"{MAKER}.9.0": 1}), shelf)
    assert result.profile == "standard"
    assert result.vendor == "Maker"


async def test_a_profile_that_is_named_is_taken_alone(shelf):
    agent = OddAgent(SYSTEM | MAKERS | STANDARDS | PROBES)
    assert set(await opened(agent, shelf, "maker")) == {"output.frequency", "output.voltage"}


async def test_a_profile_may_name_others_that_read_the_rest(shelf):
    path = shelf / "maker.yaml"
    path.write_text(path.read_text() + "with: [probes]\n")
    agent = OddAgent(SYSTEM | MAKERS | STANDARDS | PROBES)
    found = await opened(agent, shelf, "maker")
    assert set(found) == {
        "output.frequency",
        "output.voltage",
        "probe.temperature.1",
        "probe.temperature.2",
    }
    assert "battery.charge" in await opened(agent, shelf)
    path.write_text(path.read_text().replace("[probes]", "[nothing]"))
    with pytest.raises(ConfigError, match=r"maker\.yaml: with: there is no 'nothing'"):
        await opened(agent, shelf, "maker")


@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
@pytest.mark.parametrize(
    "told", ["", "0.0", "1.3.6.1.4.1.8072.3.2.10", "1.3.6.1.4.1.0", f"{PROBE}.9"]
)
async def test_a_device_that_does_not_say_what_it_is_shows_it_by_its_objects(shelf, version, told):
    objects = SYSTEM | PROBES | MAKERS | {"1.3.6.1.2.1.1.2.0": told}
    if not told:
        del objects["1.3.6.1.2.1.1.2.0"]
    agent = OddAgent(objects | {"1.3.6.1.4.1.8072.1.0": 1}, version)
    result = await probed(agent, shelf)
    points = {point for point, _ in values(result)}
    assert {"probe.temperature.1", "probe.temperature.2"} <= points
    assert ("output.voltage" in points) == (told != f"{PROBE}.9"), "it said what it is"


@pytest.mark.parametrize("told", [f"{MAKER}.7", "0.0"])
async def test_an_old_device_is_asked_for_few_objects(shelf, told):
    """Version 1 answers for a missing object with an error: each would cost a request."""
    for i in range(60):
        base = f"1.3.6.1.4.1.{60000 + i}"
        (shelf / f"stranger-{i}.yaml").write_text(
            f"profile: stranger-{i}\ntitle: t\nclass: ups\nprotocol: snmp\nsource: s\n"
            f"match: {{rank: 40, present: [{base}.1.0, {base}.2.0], rows: [{base}.3]}}\n"
            f"points: [{{point: mode, oid: {base}.1.0, enum: {{1: online}}, source: a}}]\n"
        )
    agent = OddAgent(SYSTEM | MAKERS | {"1.3.6.1.2.1.1.2.0": told}, Version.V1)
    result = await probed(agent, shelf)
    assert result.profile == "maker"
    assert len(agent.requests) <= 12


@pytest.mark.parametrize(
    ("descr", "object_id", "model"),
    [(b"Cooler 3000", "0.0", "3000"), (b"", "1.3.6.1.4.1.55503.2", "")],
)
async def test_a_card_that_only_says_what_it_is_is_identified(shelf, descr, object_id, model):
    bare = SYSTEM | {"1.3.6.1.2.1.1.1.0": descr, "1.3.6.1.2.1.1.2.0": object_id}
    result = await probed(OddAgent(bare), shelf)
    assert (result.profile, result.device_class) == ("described", "crah")
    assert (result.vendor, result.model) == ("Cold", model)
    assert not result.readings
    assert not result.states
    assert "none of the objects of profile 'described' exist there" in result.errors[0]
    with pytest.raises(Unidentified, match="none of the objects of profile 'described'"):
        await opened(OddAgent(bare), shelf)
    with pytest.raises(Unidentified, match="is the profile right"):
        await probed(OddAgent(bare), shelf, "described")


async def test_the_sensors_of_the_standard_are_read_in_any_unit_prefix_and_precision():
    """RFC 3433: 23.4 degrees, 451 per mille, 230 V as 0.23 kV, 812 mA, not available, broken."""
    rows = {
        1: (8, 9, 1, 234, 1),
        2: (9, 9, 1, 451, 1),
        3: (3, 10, 2, 23, 1),
        4: (5, 8, 0, 812, 1),
        5: (8, 9, -3, 21, 1),
        6: (8, 9, 0, 99, 2),
        7: (10, 9, 0, 1000000000, 1),
        8: (11, 9, 0, 6, 1),
        9: (12, 9, 0, 1, 1),
        10: (1, 9, 0, 7, 3),
    }
    objects = SYSTEM | {
        f"1.3.6.1.2.1.99.1.1.1.{column}.{row}": raw
        for row, columns in rows.items()
        for column, raw in enumerate(columns, 1)
    }
    agent = OddAgent(objects)
    async with clients() as shared, odd_agent.serve(agent) as port:
        result = await probe(
            f"snmp://127.0.0.1:{port}",
            credentials=Credentials("test"),
            clients=shared,
            library=library(),
            clock=SystemClock(),
        )
    assert (result.profile, result.device_class) == ("entity-sensor", "environment")
    found = {reading.point: reading.value for reading in result.readings}
    assert found == {
        "probe.temperature.1": 23.4,
        "probe.relative_humidity.2": 0.451,
        "probe.voltage.3": 230.0,
        "probe.current.4": 0.812,
        "probe.temperature.5": 21.0,
        "probe.temperature.6": None,
        "fan.speed.7": None,
        "probe.flow.8": pytest.approx(0.1),
    }
    states = {state.point: (state.value, state.severity) for state in result.states}
    assert states["contact.state.9"] == ("active", "ok")
    assert states["probe.state.6"] == ("lost", "warning")
    assert states["probe.state.10"] == ("fault", "warning")


async def test_a_sunspec_device_with_registers_of_its_own_is_read_by_both(tmp_path):
    (tmp_path / "plain.yaml").write_text("""
profile: plain
title: t
class: pv_inverter
protocol: modbus
vendor: Plain
source: s
match: {rank: 40, registers: [{address: 10, equals: [4711]}]}
points: [{point: room.temperature, address: 11, source: a}]
""")
    models = [
        encode_model(1, {"Mn": "Sun", "Md": "M", "SN": "S-1", "DA": 1}),
        encode_model(103, {"W": 4200.0}, scale_factors={"W_SF": 0}),
    ]
    unit = Unit.of(40000, encode_chain(models))
    unit.holding |= {10: 4711, 11: 36}
    async with clients() as shared, modbus_server({1: unit}) as port:
        result = await probe(
            f"modbus://127.0.0.1:{port}/1",
            credentials=Credentials("test"),
            clients=shared,
            library=library(tmp_path),
            clock=SystemClock(),
        )
    found = {reading.point: reading.value for reading in result.readings}
    assert (result.profile, result.vendor, result.serial) == ("plain", "Plain", "S-1")
    assert found["room.temperature"] == 36.0
    assert found["output.active_power"] == 4200.0
