"""SNMPv3 against agents that are not ours: net-snmp's snmpd in all combinations that it speaks."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import pytest

from collectors.snmp.client import SnmpClient, Target
from collectors.snmp.codec import Version
from collectors.snmp.template import Template
from collectors.snmp.usm import AUTHS, PRIVS
from core.errors import DeviceTimeout, Malformed, Refused
from core.site import SnmpUser
from tests.support.snmpd import free_udp_port, snmpd

AUTH, PRIV = b"the auth password", b"the privacy password"
LOCATION = Template.of(["1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.1.3.0"])
NAMES = {"aes128": "AES", "aes192c": "AES-192-C", "aes256c": "AES-256-C"}
HASHES = {"md5": "MD5", "sha1": "SHA"}


def _config() -> str:
    lines = ["rocommunity public 127.0.0.1", "sysLocation battery room"]
    for auth in (None, *AUTHS):
        for priv in (None, *PRIVS) if auth else (None,):
            user = f"u-{auth}-{priv}"
            line = f"createUser {user}"
            if auth:
                line += (
                    f' {HASHES.get(auth, auth.upper().replace("SHA", "SHA-"))} "{AUTH.decode()}"'
                )
            if priv:
                name = NAMES.get(priv, priv.upper().replace("AES", "AES-"))
                line += f' {name} "{PRIV.decode()}"'
            level = "priv" if priv else "auth" if auth else "noauth"
            lines += [line, f"rouser {user} {level}"]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with snmpd(tmp_path_factory.mktemp("snmpd-v3"), _config()) as served:
        yield served


def user_of(auth, priv) -> SnmpUser:
    return SnmpUser(f"u-{auth}-{priv}", auth, AUTH if auth else b"", priv, PRIV if priv else b"")


def target_of(port: int, user: SnmpUser, **changes) -> Target:
    given = {"version": Version.V3, "user": user, "timeout_s": 1.0, "retries": 1}
    return Target("127.0.0.1", port, **(given | changes))


async def ask(target: Target, times: int = 1):
    client = SnmpClient()
    try:
        return [await client.get(target, LOCATION) for _ in range(times)]
    finally:
        client.close()


LEVELS = [(None, None), *((auth, None) for auth in AUTHS), *itertools.product(AUTHS, PRIVS)]


@pytest.mark.parametrize(("auth", "priv"), LEVELS)
async def test_snmpd_answers_in_every_combination(port, auth, priv):
    answers = await ask(target_of(port, user_of(auth, priv)), times=4)
    assert [answer.values[0] for answer in answers] == [b"battery room"] * 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "nobody"}, "does not know user 'nobody'"),
        ({"auth_password": b"another password"}, "takes the authentication .* for wrong"),
        ({"auth": "md5"}, "takes the authentication .* for wrong"),
        ({"name": "u-sha256-None"}, "does not let user .* in with authentication and privacy"),
    ],
)
async def test_each_mistake_has_a_reason_of_its_own(port, changes, sentence):
    with pytest.raises(Refused, match=sentence) as caught:
        await ask(target_of(port, replace(user_of("sha256", "aes128"), **changes)))
    for secret in (AUTH, PRIV, b"another password"):
        assert secret.decode() not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("changes", [{"priv_password": b"another password"}, {"priv": "des"}])
async def test_a_wrong_privacy_key_is_told_apart(port, changes):
    user = replace(user_of("sha256", "aes128"), **changes)
    with pytest.raises((Refused, DeviceTimeout), match="privacy password"):
        await ask(target_of(port, user, timeout_s=0.3, retries=0))


@pytest.mark.parametrize("level", [("sha1", "aes128"), ("sha512", None), (None, None)])
@pytest.mark.parametrize("engine", ["", 'engineID "another card"\n'])
async def test_a_restart_and_another_engine_id_are_got_over_within_two_polls(
    tmp_path, level, engine
):
    target_at = free_udp_port()
    client, answers = SnmpClient(), []
    target = target_of(target_at, user_of(*level), timeout_s=0.5, retries=0)
    try:
        with snmpd(tmp_path, _config(), target_at):
            answers.append(await client.get(target, LOCATION))
        with snmpd(tmp_path, engine + _config(), target_at):
            for _ in range(2):
                with contextlib.suppress(DeviceTimeout, Malformed):
                    answers.append(await client.get(target, LOCATION))
    finally:
        client.close()
    assert len(answers) >= 2
    assert answers[-1].values[0] == b"battery room"


async def test_a_table_is_walked(port):
    client = SnmpClient()
    try:
        rows = await client.walk(target_of(port, user_of("sha256", "aes256")), "1.3.6.1.2.1.1")
    finally:
        client.close()
    assert (rows[5].oid, rows[5].value) == ("1.3.6.1.2.1.1.6.0", b"battery room")
    assert len(rows) > 20
