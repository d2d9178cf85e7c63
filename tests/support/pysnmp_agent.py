"""pysnmp as an SNMPv3 agent: an implementation that is neither ours nor net-snmp's."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable

from core.site import SnmpUser
from tests.support.snmpd import free_udp_port

AUTH = {"": (1, 3, 6, 1, 6, 3, 10, 1, 1, 1)} | {
    name: (1, 3, 6, 1, 6, 3, 10, 1, 1, number)
    for number, name in enumerate(["md5", "sha1", "sha224", "sha256", "sha384", "sha512"], 2)
}


@contextlib.asynccontextmanager
async def pysnmp_agent(users: Iterable[SnmpUser], engine_id: bytes):
    """An agent on loopback that knows these users and the system group; gives its port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its libraries among themselves
        from pysnmp.carrier.asyncio.dgram import udp
        from pysnmp.entity import config, engine
        from pysnmp.entity.rfc3413 import cmdrsp, context
        from pysnmp.proto.rfc1902 import OctetString

        priv = {
            "": config.USM_PRIV_NONE,
            "des": config.USM_PRIV_CBC56_DES,
            "aes128": config.USM_PRIV_CFB128_AES,
            "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
            "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
            "aes192c": config.USM_PRIV_CFB192_AES,
            "aes256c": config.USM_PRIV_CFB256_AES,
        }
        agent = engine.SnmpEngine(OctetString(engine_id))
        port = free_udp_port()
        transport = udp.UdpTransport().open_server_mode(("127.0.0.1", port))
        config.add_transport(agent, udp.DOMAIN_NAME, transport)
        for user in users:
            keys = {}
            if user.auth:
                keys |= {"authProtocol": AUTH[user.auth], "authKey": user.auth_password.decode()}
            if user.priv:
                keys |= {"privProtocol": priv[user.priv], "privKey": user.priv_password.decode()}
            config.add_v3_user(agent, user.name, **keys)
            config.add_vacm_user(agent, 3, user.name, user.level, (1, 3, 6, 1, 2, 1))
        there = context.SnmpContext(agent)
        cmdrsp.GetCommandResponder(agent, there)
        cmdrsp.NextCommandResponder(agent, there)
        cmdrsp.BulkCommandResponder(agent, there)
        await transport._lport  # it opens its socket later
        try:
            yield port
        finally:
            agent.close_dispatcher()
