"""Profiles against recordings of real devices, served by snmpsim and read over real UDP: every
value that somebody has checked must come out right, but for the exceptions that have a reason.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import yaml

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult, Reading, State, probe
from collectors.profile import PROFILES, Library, library
from collectors.session import session_for
from core.errors import DeviceError, Unidentified
from core.site import Credentials, Device
from tests.support import snmpsim
from tests.support.kasbah import call

pytestmark = pytest.mark.skipif(
    not snmpsim.CAPTURES.is_dir(), reason="the recordings of ../shared/captures are not here"
)

READINGS_MIN, STATES_MIN = 0.97, 0.95
"""Shares of the expected readings and states that are right, exceptions counted as wrong."""

AT_ONCE = 6
"""Recordings that are probed at a time."""

UNITS = {
    "%": ("ratio", 0.01),
    "1": ("ratio", 1.0),
    "kWh": ("Wh", 1000.0),
    "min": ("s", 60.0),
    "kPa": ("Pa", 1000.0),
    "l/min": ("m3/s", 1 / 60_000),
    "cfm": ("m3/s", 0.3048**3 / 60),
}
"""Kasbah's unit for those of the expected values that have another, and the factor."""

FACTORS = {"ratio": (1.0, 0.01), "s": (1.0, 60.0, 3600.0, 86400.0)}
"""What an expected value without a unit may be of a unit of Kasbah's."""

QUANTITIES = {
    "air_flow": "flow",
    "charge_capacity": "capacity",
    "cooling_power": "thermal_power",
    "energy": "active_energy",
    "fan_speed": "speed",
    "humidity": "relative_humidity",
    "power": "active_power",
    "water_flow": "flow",
}
"""Kasbah's word for expected quantities that have another."""

CLASSES = {
    "ats": {"sts"},
    "cooling": {"crah", "crac", "chiller", "cooling_tower", "cdu", "dry_cooler"},
    "environment": {"leak", "fire", "weather"},
    "meter": {"branch_circuit"},
    "pdu": {"branch_circuit"},
    "pv": {"pv_inverter", "pv_string"},
}
"""Kasbah's classes for an expected one, where there are more than itself."""


@dataclass(frozen=True)
class Miss:
    """Something expected that did not come out right; `oid` is empty for the identity."""

    oid: str
    told: str


@dataclass(frozen=True)
class Case:
    """One recording: what it should give, and what came of it; a sentence where that is nothing."""

    name: str
    expected: dict
    result: ProbeResult | str

    @property
    def readings(self) -> list[Reading]:
        return [] if isinstance(self.result, str) else list(self.result.readings)

    @property
    def states(self) -> list[State]:
        return [] if isinstance(self.result, str) else list(self.result.states)

    @cached_property
    def identity(self) -> list[Miss]:
        """Whether class and vendor are wrong."""
        if isinstance(self.result, str):
            return [Miss("", self.result)]
        wanted = {self.expected["class"], *self.expected["also"]}
        classes = wanted.union(*(CLASSES.get(each, ()) for each in wanted))
        maker = (self.expected["vendor"] or "").lower().split(" ")[0].split("/")[0]
        if self.result.device_class in classes and maker in self.result.vendor.lower():
            return []
        known = f"{self.result.device_class} by '{self.result.vendor}'"
        return [Miss("", f"is {known}, not {wanted} by '{self.expected['vendor']}'")]

    @cached_property
    def wrong_readings(self) -> list[Miss]:
        return list(filter(None, map(self._reading, self.expected["readings"])))

    @cached_property
    def wrong_states(self) -> list[Miss]:
        return list(filter(None, map(self._state, self.expected["states"])))

    def _reading(self, entry: dict) -> Miss | None:
        found = [reading for reading in self.readings if reading.source == entry["oid"]]
        if "suspect" in entry:
            good = [reading for reading in found if reading.quality == "good"]
            return Miss(entry["oid"], f"{entry} is shown as good: {good}") if good else None
        unit, factor = UNITS.get(entry["unit"], (entry["unit"], 1.0))
        wanted = entry["value"] * factor
        if found:
            right = any(_same(entry, reading, wanted, unit) for reading in found)
        else:  # Kasbah may prefer a better object
            quantity = QUANTITIES.get(entry["quantity"], entry["quantity"])
            found = [reading for reading in self.readings if reading.quantity == quantity]
            right = any(
                wanted and reading.value == pytest.approx(wanted, rel=0.01) for reading in found
            )
        return None if right else Miss(entry["oid"], f"{entry}, got {found}")

    def _state(self, entry: dict) -> Miss | None:
        found = [state for state in self.states if state.source == entry["oid"]]
        if entry["severity"] in ("unknown", None):
            shown = found or [each for each in self.readings if each.source == entry["oid"]]
            return None if shown else Miss(entry["oid"], f"{entry} is not shown")
        right = any(state.severity == entry["severity"] for state in found)
        return None if right else Miss(entry["oid"], f"{entry}, got {found}")


def _same(entry: dict, reading: Reading, wanted: float, unit: str | None) -> bool:
    """Whether a reading is the expected value; one without a unit may be any that Kasbah keeps in
    its own."""
    rounded = 0.005 if "conversion" in entry else 0.0
    factors = FACTORS.get(reading.unit, (1.0,)) if unit is None else (1.0,)
    return unit in (reading.unit, None) and any(
        reading.value == pytest.approx(wanted * factor, rel=1e-6, abs=rounded + 1e-9)
        for factor in factors
    )


def _recordings() -> Iterator[tuple[str, Path]]:
    """Every recording with the name it is served by."""
    for path in sorted(snmpsim.CAPTURES.glob("*.snmprec")):
        yield path.stem, path
    for path in sorted(snmpsim.CAPTURES.glob("identification/*.snmprec")):
        yield f"identification-{path.stem}", path


RECORDINGS = dict(_recordings())
SHELF = library()
each = pytest.mark.parametrize("name", RECORDINGS)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snmpsim")
    links = [folder / f"{name}.snmprec" for name in RECORDINGS]
    for link in links:
        link.symlink_to(RECORDINGS[link.stem])
    with snmpsim.serve(links, folder) as served:
        yield served


@pytest.fixture(scope="module")
def cases(port):
    """Every recording, probed once."""
    return asyncio.run(_probe_all(port))


@pytest.fixture(scope="module")
def exceptions():
    """Why something expected is not met, by recording and OID."""
    text = Path(__file__).with_name("recordings_exceptions.yaml").read_text("utf-8")
    listed = yaml.safe_load(text) or []
    assert all(set(entry) == {"recording", "oid", "reason"} and entry["reason"] for entry in listed)
    reasons = {(entry["recording"], entry["oid"]): entry["reason"] for entry in listed}
    assert len(reasons) == len(listed), "each exception stands there once"
    return reasons


async def _probe_all(port: int) -> dict[str, Case]:
    clients, turns = Clients.open(), asyncio.Semaphore(AT_ONCE)

    async def case(name: str, path: Path) -> Case:
        expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
        async with turns:
            try:
                return Case(name, expected, await _probe(clients, port, name))
            except DeviceError as error:
                return Case(name, expected, str(error))

    try:
        found = await asyncio.gather(*(case(*recording) for recording in RECORDINGS.items()))
    finally:
        await clients.close()
    return {case.name: case for case in found}


async def _probe(
    clients: Clients, port: int, name: str, profile: str | None = None, shelf: Library = SHELF
) -> ProbeResult:
    return await probe(
        f"snmp://127.0.0.1:{port}",
        profile=profile,
        credentials=Credentials("recording", "v2c", name),
        clients=clients,
        library=shelf,
        clock=SystemClock(),
        timeout_s=5,
    )


@pytest.fixture
async def clients():
    opened = Clients.open()
    yield opened
    await opened.close()


@each
def test_a_recording_gives_what_is_expected(cases, exceptions, name):
    case = cases[name]
    misses = [*case.identity, *case.wrong_readings, *case.wrong_states]
    unexplained = [miss for miss in misses if (name, miss.oid) not in exceptions]
    assert not unexplained, "\n".join(f"{miss.oid}: {miss.told}" for miss in unexplained)


@each
def test_what_is_no_measurement_is_never_good(cases, exceptions, name):
    suspect = {entry["oid"] for entry in cases[name].expected["readings"] if "suspect" in entry}
    shown = suspect.intersection(miss.oid for miss in cases[name].wrong_readings)
    assert not {oid for oid in shown if (name, oid) not in exceptions}


@each
def test_every_value_shown_is_what_the_device_sent(cases, name):
    case = cases[name]
    sent = {entry["oid"]: entry["raw"] for entry in case.expected["readings"]}
    for reading in case.readings:
        raw = sent.get(reading.source, reading.raw)
        assert reading.raw == raw or float(reading.raw) == float(raw)
        assert (reading.value is None) == (reading.quality == "bad")


@each
def test_no_object_is_shown_twice_for_one_point(cases, name):
    case = cases[name]
    shown = Counter((each.point, each.source) for each in (*case.readings, *case.states))
    assert [each for each, times in shown.items() if times > 1] == []


def test_nearly_everything_expected_is_right(cases):
    """The shares over all recordings; printed for every class and family."""
    total = _table(cases.values())
    assert total["right readings"] / total["readings"] >= READINGS_MIN
    assert total["right states"] / total["states"] >= STATES_MIN


def test_every_exception_is_one(cases, exceptions):
    missed = {
        (case.name, miss.oid)
        for case in cases.values()
        for miss in (*case.identity, *case.wrong_readings, *case.wrong_states)
    }
    assert sorted(exceptions.keys() - missed) == [], "read right now: take them off the list"


def _table(cases: Iterable[Case]) -> Counter:
    """Print how many of each class and family are right; gives the sums."""
    rows: dict[tuple[str, str], Counter] = {}
    for case in cases:
        row = Counter(
            {
                "recordings": 1,
                "identified": int(not case.identity),
                "readings": len(case.expected["readings"]),
                "right readings": len(case.expected["readings"]) - len(case.wrong_readings),
                "states": len(case.expected["states"]),
                "right states": len(case.expected["states"]) - len(case.wrong_states),
            }
        )
        kind, family = case.expected["class"], case.expected["family"]
        for key in ((kind, family), (kind, ""), ("~ all", "")):
            rows.setdefault(key, Counter()).update(row)
    for (kind, family), row in sorted(rows.items()):
        print(
            f"{'  ' + family if family else kind:<28}"
            f" identified {row['identified']}/{row['recordings']}"
            f" readings {row['right readings']}/{row['readings']}"
            f" states {row['right states']}/{row['states']}"
        )
    return rows["~ all", ""]


async def test_a_device_that_no_profile_fits_says_what_it_is(port, clients, tmp_path):
    (tmp_path / "hwg-ste.yaml").write_text((PROFILES / "hwg-ste.yaml").read_text("utf-8"))
    with pytest.raises(Unidentified, match="no profile of the library fits it: it says it is"):
        await _probe(clients, port, "apc_ap8853", shelf=Library([tmp_path]))


async def test_a_profile_that_does_not_fit_is_told_with_what_the_device_is(port, clients):
    with pytest.raises(Unidentified) as caught:
        await _probe(clients, port, "hwg-ste2", profile="apc-ups")
    sentence = str(caught.value)
    assert "none of the objects of profile 'apc-ups' exist" in sentence
    assert "STE2" in sentence
    assert "1.3.6.1.4.1.21796.4.9" in sentence
    assert "kasbah probe snmp://" in sentence
    assert "kasbah record snmp://" in sentence
    assert "docs/profiles.md" in sentence


def test_an_index_with_a_zero_appended_names_the_same_line(cases):
    """EAST's agent writes row 1 as 1.0."""
    points = {
        reading.point: reading.value
        for reading in cases["snmpsim-eastpower-istars-swv053"].readings
    }
    assert points["output.voltage.l1"] == 219
    assert points["output.load.l3"] == pytest.approx(0.30)


async def test_a_session_polls_one_object_for_each_point(port, clients):
    """Two objects give battery.charge; the session has the point once, the finer one."""
    device = Device(
        "ups",
        "ups",
        "apc-ups",
        f"snmp://127.0.0.1:{port}",
        Credentials("recording", "v2c", "apc_symmetralx"),
    )
    session = session_for(device, clients, SHELF, SystemClock())
    opened = await session.open()
    assert len(set(opened.names)) == len(opened.names)
    fast, slow = await session.poll("fast"), await session.poll("slow")
    slots = sorted([*fast.slots.tolist(), *slow.slots.tolist()])
    assert slots == list(range(len(opened.names)))
    names = [str(name) for name in opened.names]
    at = fast.slots.tolist().index(names.index("output.load"))
    assert fast.decoded()[0][at] == pytest.approx(0.64)
    assert not fast.restarted


def test_the_command_line_shows_what_a_bare_card_is(port):
    address, name = f"snmp://127.0.0.1:{port}", "identification-cyberpower_rmcard205"
    result = call("probe", address, "--community", name, "--json")
    told = json.loads(result.stdout)
    assert result.returncode == 0
    assert (told["device_class"], told["vendor"]) == ("ups", "CyberPower")
    assert (told["readings"], told["states"]) == ([], [])
    assert "none of the objects" in told["errors"][0]
