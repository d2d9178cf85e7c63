"""A scripted SNMPv3 agent: what a real one does only now and then it does when told.

Keys and ciphers are ours, which net-snmp and pysnmp judge elsewhere; here it is about the course of
things.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from collectors.snmp import ber, codec, usm
from collectors.snmp.codec import RESPONSE, Pdu, VarBind, Version
from collectors.snmp.keys import Authenticator, Cryptor, localised, password_key, privacy_key
from core.site import SnmpUser


@dataclass
class Shown:
    """A message of the agent, before it is written."""

    message_id: int
    flags: int
    kind: int
    request_id: int
    binds: tuple[VarBind, ...]
    user: bytes = b""
    engine_id: bytes | None = None
    digest: bytes | None = None  # instead of the right one
    boots: int | None = None
    time: int | None = None
    scoped: bytes | None = None  # instead of the scoped PDU


@dataclass
class V3Agent:
    """Knows one user; `engine_id`, `boots` and `time` may be changed at any moment."""

    user: SnmpUser
    engine_id: bytes = b"\x80\x00\x1f\x88\x04agent-1"
    boots: int = 7
    time: int = 1000
    tells_time: bool = True  # already in the answer to a discovery, as net-snmp does
    signs_reports: bool = True
    mute: bool = False
    seen: list[str] = field(default_factory=list)

    def spoil(self, shown: Shown) -> list[Shown | bytes]:
        """What is sent instead of an answer; to be replaced."""
        return [shown]

    def answers(self, data: bytes) -> list[bytes]:
        if self.mute:
            return []
        head = usm._Head(data)
        message_id = codec.peek_request_id(data)
        if head.engine_id != self.engine_id:
            self.seen.append("discovery" if not head.engine_id else "other engine")
            told = {} if self.tells_time else {"boots": 0, "time": 0}
            return [self.write(self.report(message_id, usm.UNKNOWN_ENGINE, **told))]
        if head.flags & 1 and not self.in_window(head):
            self.seen.append("out of time")
            flags = 1 if self.signs_reports else 0
            return [self.write(self.report(message_id, usm.NOT_IN_TIME_WINDOW, flags=flags))]
        plain = self.opened(data, head)
        _, numbers, start, stop = codec.decode_head(plain, 0, len(plain))
        binds = []
        while start < stop:
            at, start = ber.expect(plain, start, stop, ber.SEQUENCE)
            first, last = ber.expect(plain, at, start, ber.OID)
            oid = ber.read_oid(plain[first:last])
            binds.append(VarBind(oid, ber.INTEGER, len(self.seen)))
        self.seen.append("question")
        answer = Shown(
            message_id, head.flags & 3, RESPONSE, numbers[0], tuple(binds), user=head.user
        )
        return [
            each if isinstance(each, bytes) else self.write(each) for each in self.spoil(answer)
        ]

    def in_window(self, head) -> bool:
        return head.boots == self.boots and abs(head.time - self.time) <= usm.TIME_WINDOW_S

    def report(self, message_id, oid, *, flags=0, **more) -> Shown:
        binds = (VarBind(oid, ber.COUNTER32, 1),)
        user = self.user.name.encode() if flags else b""
        return Shown(message_id, flags, codec.REPORT, 0, binds, user=user, **more)

    def opened(self, data: bytes, head) -> bytes:
        at, end = head.data, len(data)
        if head.flags & 2:
            start, stop = ber.expect(data, at, end, ber.OCTET_STRING)
            data = self.cryptor().decrypt(data[start:stop], head.salt, head.boots, head.time)
            at, end = 0, len(data)
        return usm._scoped_pdu(data, at, end)[1]

    def cryptor(self) -> Cryptor:
        user = self.user
        return Cryptor(
            user.priv, privacy_key(user.auth, user.priv, user.priv_password, self.engine_id), 1
        )

    def write(self, shown: Shown) -> bytes:
        plain = codec.encode_message(
            codec.Message(Version.V2C, b"", Pdu(RESPONSE, shown.request_id, 0, 0, shown.binds))
        )
        _, _, start, stop = codec.decode_envelope(plain)
        pdu = bytes((shown.kind,)) + plain[start + 1 : stop]
        engine_id = self.engine_id if shown.engine_id is None else shown.engine_id
        boots = self.boots if shown.boots is None else shown.boots
        time = self.time if shown.time is None else shown.time
        octets = lambda contents: ber.element(ber.OCTET_STRING, contents)  # noqa: E731
        number = lambda value: ber.element(ber.INTEGER, ber.integer_octets(value))  # noqa: E731
        data = ber.element(ber.SEQUENCE, octets(engine_id) + octets(b"") + pdu)
        data = data if shown.scoped is None else shown.scoped
        salt = b""
        if shown.flags & 2:
            data, salt = self.cryptor().encrypt(data, boots, time)
            data = octets(data)
        auth = None
        if shown.flags & 1:
            key = password_key(self.user.auth, self.user.auth_password)
            auth = Authenticator(self.user.auth, localised(self.user.auth, key, engine_id))
        blank = bytes(auth.octets if auth else 0)
        tail = octets(salt)
        parameters = (
            octets(engine_id) + number(boots) + number(time) + octets(shown.user) + octets(blank)
        )
        whole = usm._message(shown.message_id, shown.flags, parameters + tail, data)
        if auth is None:
            return whole
        end = len(whole) - len(data) - len(tail)
        digest = auth.digest(whole) if shown.digest is None else shown.digest
        return whole[: end - auth.octets] + digest + whole[end:]


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, agent: V3Agent) -> None:
        self.agent = agent

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, address) -> None:
        for packet in self.agent.answers(data):
            self.transport.sendto(packet, address)


@contextlib.asynccontextmanager
async def serving(agent: V3Agent):
    """The agent on a free port of loopback."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Protocol(agent), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
