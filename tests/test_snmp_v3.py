"""SNMPv3 against net-snmp's snmpd, pysnmp, and an agent that restarts, lies and changes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from functools import partial

import pytest

from collectors.snmp import codec, usm
from collectors.snmp.client import SnmpClient, Target
from collectors.snmp.codec import Version
from collectors.snmp.keys import AUTH_OCTETS, PRIVACY
from collectors.snmp.template import Template
from core.errors import DeviceTimeout, Refused
from core.site import SnmpUser
from tests.support.kasbah import call, kasbah
from tests.support.pysnmp_agent import pysnmp_agent
from tests.support.snmpd import CONFIG, free_udp_port, snmpd
from tests.support.v3_agent import Shown, V3Agent, serving

AUTH_PASSWORD, PRIV_PASSWORD = "knock knock who", "sesame open up"
SNMPD_NAMES = {
    "md5": "MD5",
    "sha1": "SHA",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "des": "DES",
    "aes128": "AES",
    "aes192": "AES-192",
    "aes256": "AES-256",
    "aes192c": "AES-192-C",
    "aes256c": "AES-256-C",
}
SYS = Template.of([f"1.3.6.1.2.1.1.{n}.0" for n in (1, 3, 5, 6)])
PAIRS = [(auth, priv) for auth in AUTH_OCTETS for priv in ("", *PRIVACY)]


def user(auth: str = "", priv: str = "", **more) -> SnmpUser:
    name = "-".join(filter(None, ("kasbah", auth, priv)))
    return SnmpUser(
        **{
            "name": name,
            "auth": auth or None,
            "auth_password": AUTH_PASSWORD.encode() if auth else b"",
            "priv": priv or None,
            "priv_password": PRIV_PASSWORD.encode() if priv else b"",
            **more,
        }
    )


USERS = [user(), *(user(*pair) for pair in PAIRS)]
USUAL = user("sha256", "aes128")


def config(users: list[SnmpUser]) -> str:
    lines = [CONFIG]
    for each in users:
        auth = f'{SNMPD_NAMES[each.auth]} "{AUTH_PASSWORD}"' if each.auth else ""
        priv = f'{SNMPD_NAMES[each.priv]} "{PRIV_PASSWORD}"' if each.priv else ""
        level = {"noAuthNoPriv": "noauth", "authNoPriv": "auth", "authPriv": "priv"}[each.level]
        lines += [f"createUser {each.name} {auth} {priv}", f"rouser {each.name} {level}"]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with snmpd(tmp_path_factory.mktemp("snmpd"), config(USERS)) as port:
        yield port


@pytest.fixture
async def client():
    made = SnmpClient(1)
    yield made
    made.close()


def at(port: int, who: SnmpUser = USUAL, **more) -> Target:
    return Target(
        "127.0.0.1", port, Version.V3, user=who, **{"timeout_s": 1.0, "retries": 1, **more}
    )


@pytest.mark.parametrize("who", USERS, ids=lambda each: each.name)
async def test_snmpd_answers_every_combination(agent, client, who):
    for _ in range(3):
        answer = await client.get(at(agent, who), SYS)
        assert answer.error_status == 0
        assert answer.values[3] == b"battery room"
    assert (client.counters.requests, client.counters.retries) == (4, 0)  # one to learn its id


async def test_snmpd_is_walked_as_by_v2c(agent, client):
    plain = await client.walk(Target("127.0.0.1", agent), "1.3.6.1.2.1.1")
    sealed = await client.walk(at(agent), "1.3.6.1.2.1.1")
    assert [row.oid for row in sealed] == [row.oid for row in plain]
    assert client.counters.requests < 10, "by GETBULK"


@pytest.mark.parametrize("long", [False, True])
async def test_an_answer_that_is_too_long_is_the_device_s_error_status(agent, client, long):
    oids = [f"1.3.6.1.2.1.1.9.1.3.{n % 8 + 1}" for n in range(1700 if long else 30)]
    answer = await client.get(at(agent), Template(tuple(oids)))
    assert answer.error_status == (codec.ErrorStatus.TOO_BIG if long else 0)


WRONG = {
    "user": (user("sha256", name="nobody"), Refused, "does not know the user 'nobody'"),
    "auth password": (
        user("sha256", auth_password=b"something else"),
        Refused,
        r"authentication password or protocol of user 'kasbah-sha256' is wrong .*sha256",
    ),
    "auth protocol": (
        user("sha1", name="kasbah-sha256"),
        Refused,
        "authentication password or protocol of user 'kasbah-sha256' is wrong .*sha1",
    ),
    "privacy where there is none": (
        user("sha256", "aes128", name="kasbah-sha256"),
        Refused,
        "offers user 'kasbah-sha256' no authPriv",
    ),
    "authentication where there is none": (
        user("sha256", name="kasbah"),
        Refused,
        "offers user 'kasbah' no authNoPriv",
    ),
    "priv password": (
        user("sha256", "aes128", priv_password=b"something else"),
        DeviceTimeout,
        r"wrong privacy password or protocol \(asked with aes128\)",
    ),
    "key extension": (
        user("sha1", "aes256c", name="kasbah-sha1-aes256"),
        DeviceTimeout,
        r"wrong privacy password or protocol \(asked with aes256c\)",
    ),
    "priv protocol": (
        user("sha256", "aes128", name="kasbah-sha256-des"),
        Refused,
        "another privacy password or protocol for user 'kasbah-sha256-des' than aes128",
    ),
    "context": (user("sha256", context="bay-9"), DeviceTimeout, "has it a context 'bay-9'"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_each_wrong_credential_has_its_own_sentence(agent, client, what):
    who, error, words = WRONG[what]
    with pytest.raises(error, match=words) as caught:
        await client.get(at(agent, who, timeout_s=0.2, retries=0), SYS)
    assert str(agent) in str(caught.value)
    for secret in (AUTH_PASSWORD, PRIV_PASSWORD, "something else"):
        assert secret not in repr(caught.value)
    right = await client.get(at(agent), SYS)
    assert right.error_status == 0, "it costs nobody else anything"


def test_probe_tells_credentials_apart_and_shows_none(agent, tmp_path):
    (tmp_path / "auth").write_text(f"{AUTH_PASSWORD}\n")
    (tmp_path / "priv").write_text(f"{PRIV_PASSWORD}\n")
    (tmp_path / "short").write_text("hush\n")
    entry = "{{version: v3, user: {}, auth: sha256, auth_key_file: {}, {}}}"
    priv = "priv: aes128, priv_key_file: priv"
    logins = {
        "right": entry.format("kasbah-sha256-aes128", "auth", priv),
        "nobody": entry.format("nobody", "auth", priv),
        "swapped": entry.format("kasbah-sha256-aes128", "priv", priv),
        "low": entry.format("kasbah-sha256-aes128", "auth", "context: ''"),
        "short": entry.format("kasbah", "short", priv),
    }
    site = tmp_path / "site.yaml"
    lines = [f"  {name}: {keys}" for name, keys in logins.items()]
    site.write_text("\n".join(["site: {id: s}", "credentials:", *lines, ""]))
    said = {}
    for name in logins:
        result = call("probe", f"snmp://127.0.0.1:{agent}", "--credentials", f"{site}:{name}")
        said[name] = (result.returncode, result.stdout + result.stderr)
        assert AUTH_PASSWORD not in said[name][1]
        assert PRIV_PASSWORD not in said[name][1]
        assert "hush" not in said[name][1]
    assert "no profile of the library fits it" in said["right"][1]
    assert "does not know the user 'nobody'" in said["nobody"][1]
    assert "authentication password or protocol" in said["swapped"][1]
    assert "at authNoPriv: does it want a higher security level" in said["low"][1]
    assert "its password is too short" in said["short"][1]
    assert [code for code, _ in said.values()] == [1, 1, 1, 1, 78]


def said_of(running, name: str) -> str:
    said = running.get(f"/api/v1/devices/{name}")["device"]["last_error"]
    return "" if said == "not tried yet" else said


def test_a_running_agent_says_what_is_wrong_and_no_secret(agent, tmp_path):
    """In the API and in the log; the device beside it is polled."""
    (tmp_path / "right").write_text(f"{AUTH_PASSWORD}\n")
    (tmp_path / "wrong").write_text("something else\n")
    entry = "{{version: v3, user: kasbah-sha256, auth: sha256, auth_key_file: {}}}"
    site = tmp_path / "site.yaml"
    device = (
        "  - {{id: {0}, profile: rfc1628-ups, address: snmp://127.0.0.1:{1}, credentials: {0}}}\n"
    )
    site.write_text(
        "site: {id: s}\ndefaults: {poll: {interval_s: 0.5, timeout_s: 0.3}}\ncredentials:\n"
        + "".join(f"  {name}: {entry.format(name)}\n" for name in ("right", "wrong"))
        + "devices:\n"
        + "".join(device.format(name, agent) for name in ("right", "wrong"))
    )
    log = tmp_path / "log"
    words = ("run", str(site), "--port", "0", "--state-dir", str(tmp_path / "state"))
    with kasbah(*words, log=log) as running:
        wrong, right = (
            running.wait(partial(said_of, running, name), 20, f"a reason of {name}")
            for name in ("wrong", "right")
        )
    assert "authentication password or protocol of user 'kasbah-sha256' is wrong" in wrong
    assert "profile" in right, "it was read, it is no UPS"
    assert "authentication password or protocol" in log.read_text()
    for secret in (AUTH_PASSWORD, "something else"):
        assert secret not in log.read_text() + wrong + right


def test_discover_finds_with_version_3(agent, tmp_path):
    (tmp_path / "auth").write_text(f"{AUTH_PASSWORD}\n")
    site = tmp_path / "site.yaml"
    site.write_text(
        "credentials:\n  plant: {version: v3, user: kasbah-sha1, auth: sha1, auth_key_file: auth}\n"
    )
    result = call(
        *("discover", "127.0.0.1/32", "--ports", f"snmp:{agent}", "--yes"),
        *("--credentials", f"{site}:plant"),
    )
    assert result.returncode == 0, result.stderr
    assert f"snmp://127.0.0.1:{agent}" in result.stdout
    assert "the SNMP engine's id, then one SNMP GET of sysUpTime (v3)" in result.stderr


async def restarted(directory, target, client, engine: str, boots: int, polls: int = 2) -> int:
    """Polls until one succeeds after snmpd was started as this engine."""
    number = f"0x80001f8804{engine.encode().hex()}"
    memory = f"exactEngineID {number}\noldEngineID {number}\nengineBoots {boots - 1}\n"
    with snmpd(directory, config([target.user]) + memory, target.port):
        for poll in range(1, polls + 1):
            with contextlib.suppress(DeviceTimeout, Refused):
                await client.get(target, SYS)
                return poll
    raise AssertionError(f"no answer in {polls} polls")


@pytest.mark.parametrize("who", [USUAL, user("sha512"), user()], ids=lambda each: each.level)
async def test_snmpd_that_restarts_or_is_replaced_is_heard_again_at_once(tmp_path, client, who):
    target = at(free_udp_port(), who, timeout_s=0.5)
    place = "127.0.0.1", target.port
    assert await restarted(tmp_path, target, client, "card-1", 41) == 1
    first = client._engines[place]
    assert (first.engine_id[5:], first.clock(0.0)[0]) == (b"card-1", 41)
    assert await restarted(tmp_path, target, client, "card-1", 42) == 1
    assert client._engines[place] is first, "its clock was learnt, it is the same"
    assert first.clock(0.0)[0] == (42 if who.auth else 41), "unless nobody signs for it"
    assert await restarted(tmp_path, target, client, "card-2", 3) == 1
    assert client._engines[place].engine_id[5:] == b"card-2"
    assert client.counters.timeouts == 0


async def test_pysnmp_answers_every_combination(client):
    async with pysnmp_agent(USERS, b"\x80\x00\x4f\xb8\x05pysnmp-1") as port:
        for who in USERS:
            answer = await client.get(at(port, who, timeout_s=3.0), SYS)
            assert answer.error_status == 0, who
            assert answer.values[0].startswith(b"PySNMP"), who
        assert len(await client.walk(at(port, timeout_s=3.0), "1.3.6.1.2.1.1")) > 5
        with pytest.raises(Refused, match="does not know the user 'nobody'"):
            await client.get(at(port, user("sha256", name="nobody")), SYS)
        with pytest.raises(Refused, match="authentication password or protocol"):
            await client.get(at(port, user("sha256", auth_password=b"something else")), SYS)
    assert client.counters.retries == 0


ONE = Template.of(["1.3.6.1.4.1.99999.1.0"])


async def polled(client, port, **more) -> list[int]:
    return list((await client.get(at(port, timeout_s=0.3, retries=0, **more), ONE)).values)


@pytest.mark.parametrize(
    ("signs_reports", "tells_time"), [(True, True), (True, False), (False, True)]
)
@pytest.mark.parametrize(
    "change",
    [
        {"boots": 8, "time": 3},
        {"boots": 7, "time": 3},
        {"boots": 1, "time": 3},
        {"time": 1200},
        {"time": 900_000},
        {"engine_id": b"\x80\x00\x1f\x88\x04agent-2"},
        {"engine_id": b"\x80\x00\x1f\x88\x04agent-2", "boots": 1, "time": 3},
    ],
    ids=str,
)
async def test_a_restart_a_jump_of_the_clock_and_another_engine_cost_no_poll(
    client, change, signs_reports, tells_time
):
    agent = V3Agent(USUAL, tells_time=tells_time, signs_reports=signs_reports)
    async with serving(agent) as port:
        await polled(client, port)
        for name, value in change.items():
            setattr(agent, name, value)
        await polled(client, port)
        asked = len(agent.seen)
        await polled(client, port)
        assert agent.seen[asked:] == ["question"]
    assert client.counters.timeouts == 0


async def test_our_own_clock_may_stand_still(client):
    """A suspended machine wakes up with the clock it had."""
    agent = V3Agent(USUAL)
    async with serving(agent) as port:
        await polled(client, port)
        agent.time += 3600
        await polled(client, port)
    assert agent.seen == ["discovery", "question", "out of time", "question"]


async def test_those_who_ask_at_once_share_one_discovery(client):
    agent = V3Agent(USUAL)
    async with serving(agent) as port, asyncio.TaskGroup() as group:
        given_up = group.create_task(polled(client, port))
        for _ in range(20):
            group.create_task(polled(client, port))
        await asyncio.sleep(0)
        given_up.cancel()
    assert agent.seen.count("discovery") == 1
    assert agent.seen.count("question") == 20


async def test_an_engine_that_always_says_another_time_ends_with_a_sentence(client):
    class Confused(V3Agent):
        def in_window(self, head):
            return False

    agent = Confused(USUAL)
    async with serving(agent) as port:
        with pytest.raises(Refused, match="another clock or engine id"):
            await polled(client, port)
        agent.boots = usm.BOOTS_LATCHED
        with pytest.raises(Refused, match="set up its SNMPv3 anew"):
            await polled(client, port)
    assert len(agent.seen) < 8


async def test_an_engine_whose_clock_stands_still_is_polled_on(client, monkeypatch):
    """Some agents answer whatever time they are asked with, and never tell another one."""

    class Still(V3Agent):
        def in_window(self, head):
            return True

    agent = Still(USUAL)
    async with serving(agent) as port:
        await polled(client, port)
        client._engines["127.0.0.1", port]._seen_at -= 1000.0
        await polled(client, port)
    assert agent.seen == ["discovery", "question", "question", "question"]


SPOILT = {
    "unsigned": {"flags": 0},
    "not encrypted": {"flags": 1},
    "wrongly signed": {"digest": bytes(24)},
    "for another user": {"user": b"somebody"},
    "of another engine": {"engine_id": b"\x80\x00\x1f\x88\x04agent-2"},
    "to another request": {"request_id": 5},
}


@pytest.mark.parametrize("what", SPOILT)
@pytest.mark.parametrize("alone", [False, True])
async def test_what_is_not_as_asked_is_never_taken(client, what, alone):
    """Neither does it end the wait for the right one."""

    class Spoiling(V3Agent):
        def spoil(self, shown):
            spoilt = Shown(**{**vars(shown), "binds": shown.binds * 1, **SPOILT[what]})
            return [spoilt] if alone else [spoilt, b"garbage", shown]

    async with serving(Spoiling(USUAL)) as port:
        if alone:
            with pytest.raises(DeviceTimeout, match="not to be trusted"):
                await polled(client, port)
        else:
            assert len(await polled(client, port)) == 1
    assert client.counters.malformed >= 1


async def test_a_late_answer_is_not_taken_for_the_current_one(client):
    held = []

    class Late(V3Agent):
        def answers(self, data):
            answers = super().answers(data)
            if self.seen[-1] != "question":
                return answers
            held.extend(answers)
            return held[:1] if len(held) == 2 else held[1:] if len(held) > 2 else []

    async with serving(Late(USUAL)) as port:
        with pytest.raises(DeviceTimeout, match="earlier requests"):
            await client.get(at(port, timeout_s=0.2, retries=1), ONE)
    assert client.counters.late == 1


async def test_a_stranger_s_answer_is_not_taken(client):
    """Even where it is right in all other respects."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:

        class Elsewhere(V3Agent):
            def answers(self, data):
                answers = super().answers(data)
                if self.seen[-1] == "question":
                    address = client._sockets[socket.AF_INET].getsockname()[1]
                    other.sendto(answers[0], ("127.0.0.1", address))
                    return []
                return answers

        async with serving(Elsewhere(USUAL)) as port:
            with pytest.raises(DeviceTimeout, match=r"one came from 127\.0\.0\.1"):
                await polled(client, port)
    assert client.counters.foreign == 1


async def test_a_silent_engine_is_asked_who_it_is_again(client):
    """Agents that do not report a wrong engine id exist: silence must not last for ever."""

    class Curt(V3Agent):
        def answers(self, data):
            answers = super().answers(data)
            return [] if self.seen[-1] == "other engine" else answers

    agent = Curt(USUAL)
    async with serving(agent) as port:
        await polled(client, port)
        agent.engine_id = b"\x80\x00\x1f\x88\x04agent-2"
        with pytest.raises(DeviceTimeout, match="switched on"):
            await polled(client, port)
        await polled(client, port)
        agent.mute = True
        with pytest.raises(DeviceTimeout, match="switched on"):
            await polled(client, port)
        with pytest.raises(DeviceTimeout, match="that SNMPv3 is enabled there"):
            await polled(client, port)


async def test_a_wrong_login_costs_no_other_device_its_poll(agent, client):
    wrong = at(agent, WRONG["priv password"][0], timeout_s=2.0)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(client.get(wrong, SYS))
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        assert (await client.get(at(agent), SYS)).error_status == 0
        assert time.monotonic() - begun < 1.0
        waiting.cancel()
