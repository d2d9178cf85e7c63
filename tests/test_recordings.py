"""Profiles against recordings of real devices, served by snmpsim and read over real UDP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult, probe
from collectors.profile import library
from core.errors import Unidentified
from core.site import Credentials
from tests.support import snmpsim

pytestmark = pytest.mark.skipif(
    not snmpsim.CAPTURES.is_dir(), reason="the recordings of ../shared/captures are not here"
)

EXPECTED = {
    "apc_smart1500": "apc-ups",
    "apc_smt750x-nmc2": "apc-ups",
    "apc_smtl1000-nmc3": "apc-ups",
    "apc_sua1500rmi2u": "apc-ups",
    "apc_surt3000xl": "apc-ups",
    "apc_symmetralx": "apc-ups",
    "netvision-rfc": "rfc1628-ups",
    "deltaups": "rfc1628-ups",
    "deltaups_mini-snmp": "rfc1628-ups",
    "deltaups_rfc1628string": "rfc1628-ups",
    "snmpsim-eastpower-istars-swv053": "rfc1628-ups",
    "snmpsim-ingrasys-power-switch": "rfc1628-ups",
    "snmpsim-eaton-93e-80": "rfc1628-ups",
    "apc_ap8853": "apc-rpdu2",
    "apc_ap7900b": "apc-rpdu2",
    "apc_apdu9959eu3": "apc-rpdu2",
    "apc_ats": "apc-ats",
    "hwg-ste2": "hwg-ste",
    "apc_environmental-manager": "apc-environment",
    "aos-emu2_ap9320": "apc-environment",
}
"""The profile that each recording must be identified as."""

UNKNOWN = "packetpower-eg"
"""A recording that no profile fits."""

READINGS_SHARE_MIN = 0.99
STATES_SHARE_MIN = 0.93
"""Of all values that the recordings expect, so many are read. Missing are a setting that is no
measurement, relays, and which step a test of the transfer switch is at."""

PROFILES = library()

FACTORS = {"%": 0.01, "kWh": 1000.0, "min": 60.0, "kPa": 1000.0}
"""From the unit of the expected values to Kasbah's."""


@dataclass(frozen=True)
class Case:
    """One recording: what it should give, and what came of it."""

    name: str
    expected: dict
    result: ProbeResult

    def wanted(self) -> list[dict]:
        return [entry for entry in self.expected["readings"] if "suspect" not in entry]

    def suspect(self) -> list[dict]:
        return [entry for entry in self.expected["readings"] if "suspect" in entry]


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    paths = [snmpsim.CAPTURES / f"{name}.snmprec" for name in (*EXPECTED, UNKNOWN)]
    with snmpsim.serve(paths, tmp_path_factory.mktemp("snmpsim")) as served:
        yield served


async def _probe(port: int, name: str, profile: str | None = None) -> ProbeResult:
    clients = Clients.open()
    try:
        return await probe(
            f"snmp://127.0.0.1:{port}",
            profile=profile,
            credentials=Credentials("recording", "v2c", name),
            clients=clients,
            library=PROFILES,
            clock=SystemClock(),
            timeout_s=5,
        )
    finally:
        await clients.close()


@pytest.fixture(scope="module")
def cases(port):
    """Every recording, probed once."""
    return {name: asyncio.run(_case(port, name)) for name in EXPECTED}


async def _case(port: int, name: str) -> Case:
    expected = json.loads((snmpsim.CAPTURES / f"{name}.json").read_text("utf-8"))
    return Case(name, expected, await _probe(port, name))


@pytest.fixture
def case(cases, request):
    return cases[request.param]


each = pytest.mark.parametrize("case", sorted(EXPECTED), indirect=True)


@each
def test_a_recording_is_identified_by_itself(case):
    assert case.result.profile == EXPECTED[case.name]
    assert case.result.errors == ()


@each
def test_every_reading_has_the_expected_value(case):
    by_source = {reading.source: reading for reading in case.result.readings}
    found = [
        (entry, by_source[entry["oid"]]) for entry in case.wanted() if entry["oid"] in by_source
    ]
    for entry, reading in found:
        assert reading.raw == entry["raw"] or float(reading.raw) == float(entry["raw"])
        value = entry["value"] * FACTORS.get(entry["unit"], 1.0)
        assert reading.quality == "good", entry
        assert reading.value == pytest.approx(value, rel=1e-6, abs=1e-9), entry
    assert found or not case.wanted()


@each
def test_what_is_no_measurement_is_never_good(case):
    by_source = {reading.source: reading for reading in case.result.readings}
    for entry in case.suspect():
        reading = by_source.get(entry["oid"])
        assert reading is None or (reading.quality == "bad" and reading.value is None), entry


@each
def test_every_expected_state_is_one_that_the_profile_knows(case):
    by_source = {state.source: state for state in case.result.states}
    for entry in case.expected["states"]:
        state = by_source.get(entry["oid"])
        if state is not None and entry["severity"] != "unknown":
            assert (state.quality, state.raw) == ("good", entry["raw"]), entry
            assert state.value is not None


@each
def test_no_object_is_shown_twice_for_one_point(case):
    shown = [(r.point, r.source) for r in (*case.result.readings, *case.result.states)]
    assert len(shown) == len(set(shown))


def test_nearly_all_expected_values_are_read(cases):
    """The share of the recordings' values that the profiles cover, over all of them."""
    readings = states = read = stated = 0
    for case in cases.values():
        sources = {reading.source for reading in case.result.readings}
        readings += len(case.wanted())
        read += sum(entry["oid"] in sources for entry in case.wanted())
        sources = {state.source for state in case.result.states}
        states += len(case.expected["states"])
        stated += sum(entry["oid"] in sources for entry in case.expected["states"])
    print(f"readings {read} of {readings}, states {stated} of {states}")
    assert read / readings >= READINGS_SHARE_MIN
    assert stated / states >= STATES_SHARE_MIN


async def test_a_device_that_no_profile_fits_says_what_it_is(port):
    with pytest.raises(Unidentified, match="no profile of the library fits it: it says it is"):
        await _probe(port, UNKNOWN)


async def test_a_profile_that_does_not_fit_is_told_with_what_the_device_is(port):
    with pytest.raises(Unidentified) as caught:
        await _probe(port, "hwg-ste2", profile="apc-ups")
    sentence = str(caught.value)
    assert "none of the objects of profile 'apc-ups' exist" in sentence
    assert "STE2" in sentence
    assert "1.3.6.1.4.1.21796.4.9" in sentence
    assert "kasbah probe snmp://" in sentence


def test_an_index_with_a_zero_appended_names_the_same_line(cases):
    """EAST's agent writes row 1 as 1.0."""
    result = cases["snmpsim-eastpower-istars-swv053"].result
    points = {reading.point: reading.value for reading in result.readings}
    assert points["output.voltage.l1"] == 219
    assert points["output.load.l3"] == pytest.approx(0.30)


async def test_a_session_polls_one_object_for_each_point(port):
    """Two objects give battery.charge; the session has the point once, the finer one."""
    from collectors.session import session_for
    from core.site import Device

    clients = Clients.open()
    try:
        device = Device(
            "ups",
            "ups",
            "apc-ups",
            f"snmp://127.0.0.1:{port}",
            Credentials("recording", "v2c", "apc_symmetralx"),
        )
        session = session_for(device, clients, PROFILES, SystemClock())
        opened = await session.open()
        assert len(set(opened.names)) == len(opened.names)
        fast, slow = await session.poll("fast"), await session.poll("slow")
    finally:
        await clients.close()
    slots = sorted([*fast.slots.tolist(), *slow.slots.tolist()])
    assert slots == list(range(len(opened.names)))
    names = [str(name) for name in opened.names]
    at = fast.slots.tolist().index(names.index("output.load"))
    assert fast.decoded()[0][at] == pytest.approx(0.64)
    assert not fast.restarted
