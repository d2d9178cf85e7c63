"""SNMPv3 against an agent of pysnmp, the second one that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context

from collectors.snmp.client import SnmpClient, Target
from collectors.snmp.codec import Version
from collectors.snmp.template import Template
from collectors.snmp.usm import AUTHS, PRIVS
from core.errors import DeviceError
from core.site import SnmpUser
from tests.support.snmpd import free_udp_port

AUTH, PRIV = "the auth password", "the privacy password"
DESCR = Template.of(["1.3.6.1.2.1.1.1.0"])
HASHES = {
    None: config.USM_AUTH_NONE,
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha1": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
CIPHERS = {
    None: config.USM_PRIV_NONE,
    "des": config.USM_PRIV_CBC56_DES,
    "aes128": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "aes192c": config.USM_PRIV_CFB192_AES,
    "aes256c": config.USM_PRIV_CFB256_AES,
}
LEVELS = [(None, None), *((auth, None) for auth in AUTHS), *itertools.product(AUTHS, PRIVS)]


def name_of(auth, priv) -> str:
    return f"u-{auth}-{priv}"


@contextlib.asynccontextmanager
async def agent(levels, engine_id: bytes | None = None, port: int = 0) -> AsyncIterator[int]:
    """A pysnmp agent with a user for each level; gives its port."""
    port = port or free_udp_port()
    known = {} if engine_id is None else {"snmpEngineID": engine_id}
    peer = engine.SnmpEngine(**known)
    transport = udp.UdpTransport().open_server_mode(("127.0.0.1", port))
    config.add_transport(peer, udp.DOMAIN_NAME, transport)
    for auth, priv in levels:
        name = name_of(auth, priv)
        keys = {"authProtocol": HASHES[auth], "privProtocol": CIPHERS[priv]}
        keys |= {"authKey": AUTH} if auth else {}
        keys |= {"privKey": PRIV} if priv else {}
        config.add_v3_user(peer, name, **keys)
        level = "authPriv" if priv else "authNoPriv" if auth else "noAuthNoPriv"
        config.add_vacm_user(peer, 3, name, level, (1, 3, 6), (1, 3, 6))
    cmdrsp.GetCommandResponder(peer, context.SnmpContext(peer))
    await transport._lport  # pysnmp binds in a task of its own
    try:
        yield port
    finally:
        peer.close_dispatcher()
        await asyncio.sleep(0)


def target(port: int, auth, priv) -> Target:
    user = SnmpUser(
        name_of(auth, priv),
        auth,
        AUTH.encode() if auth else b"",
        priv,
        PRIV.encode() if priv else b"",
    )
    return Target("127.0.0.1", port, Version.V3, user=user, timeout_s=1.0, retries=0)


async def test_pysnmp_answers_in_every_combination():
    client, wrong = SnmpClient(), []
    try:
        async with agent(LEVELS) as port:
            for auth, priv in LEVELS:
                for _ in range(2):
                    try:
                        answer = await client.get(target(port, auth, priv), DESCR)
                    except DeviceError as error:
                        wrong.append((auth, priv, str(error)))
                    else:
                        assert b"PySNMP" in answer.values[0]
    finally:
        client.close()
    assert wrong == []


async def test_another_engine_id_is_got_over_within_two_polls():
    level = ("sha256", "aes128")
    client, answers = SnmpClient(), []
    try:
        async with agent([level]) as port:
            answers.append(await client.get(target(port, *level), DESCR))
        async with agent([level], b"\x80\x00\x4f\xb8\x05another", port):
            for _ in range(2):
                with contextlib.suppress(DeviceError):
                    answers.append(await client.get(target(port, *level), DESCR))
    finally:
        client.close()
    assert len(answers) >= 2
