"""Recordings in tests/devices: each is identified and read as the file of expected readings beside
it says. A profile that lies there, too, is the example's of docs/profiles.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult, probe
from collectors.profile import library
from core.site import Credentials
from simulator.recording import Recording, RecordingServer

DEVICES = Path(__file__).parent / "devices"
EXPECTED = sorted(DEVICES.glob("*.json"))


async def probed(recording: Path) -> ProbeResult:
    server = RecordingServer(Recording.load(recording))
    clients = Clients.open()
    try:
        return await probe(
            f"snmp://127.0.0.1:{await server.start('127.0.0.1', 0)}",
            credentials=Credentials("test"),
            clients=clients,
            library=library(DEVICES),
            clock=SystemClock(),
        )
    finally:
        await clients.close()
        server.close()


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
async def test_a_recorded_device_says_what_is_expected(path: Path):
    expected = json.loads(path.read_text())
    result = await probed(path.with_suffix(".snmprec"))
    for word in expected.keys() - {"readings", "states"}:
        assert getattr(result, word) == expected[word], word
    values = {reading.point: reading.value for reading in result.readings}
    for point, value in expected["readings"].items():
        assert values[point] == pytest.approx(value), point
    states = {state.point: [state.value, state.severity] for state in result.states}
    for point, state in expected["states"].items():
        assert states[point] == state, point


def test_every_recording_has_its_expected_readings():
    assert EXPECTED
    recordings = {path.stem for path in DEVICES.glob("*.snmprec")}
    assert recordings == {path.stem for path in EXPECTED}
