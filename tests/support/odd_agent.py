"""An SNMP agent with the habits of real cards: old versions, small packets, objects that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult, probe
from collectors.profile import library
from collectors.snmp import ber, codec
from collectors.snmp.codec import RESPONSE, ErrorStatus, Message, Pdu, VarBind, Version
from core.site import Credentials

PROFILES = library()
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"


@dataclass
class OddAgent:
    """What it has and how it behaves; may be changed while it is served."""

    objects: dict[str, int | bytes | str]
    version: Version = Version.V2C
    tells_index: bool = True
    """Whether an error names the guilty object."""
    most_objects: int = 1000
    """More in one request are too many ..."""
    silent_when_too_many: bool = False
    """... and are not answered at all, or with tooBig."""
    failing: Mapping[str, ErrorStatus] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    """A request that holds one of these is not answered."""
    dead: bool = False
    requests: list[int] = field(default_factory=list)
    """How many objects each request asked for."""

    def answer(self, request: Message) -> Message | None:
        pdu = request.pdu
        asked = [bind.oid for bind in pdu.varbinds]
        self.requests.append(len(asked))
        if self.dead or request.version is not self.version or self.ignored.intersection(asked):
            return None
        if len(asked) > self.most_objects and self.silent_when_too_many:
            return None
        if len(asked) > self.most_objects:
            return self._message(request, pdu.varbinds, ErrorStatus.TOO_BIG, 0)
        if pdu.kind != codec.GET:
            asked = [self._next(oid) for oid in asked]
        for place, oid in enumerate(asked, start=1):
            status = self._fault(oid)
            if status:
                index = place if self.tells_index else 0
                return self._message(request, pdu.varbinds, status, index)
        return self._message(request, tuple(self._bind(oid) for oid in asked), 0, 0)

    def _fault(self, oid: str | None) -> int:
        if oid in self.failing:
            return self.failing[oid]
        missing = oid not in self.objects
        return ErrorStatus.NO_SUCH_NAME if missing and self.version is Version.V1 else 0

    def _next(self, oid: str) -> str | None:
        key = _key(oid)
        later = sorted((name for name in self.objects if _key(name) > key), key=_key)
        return later[0] if later else None

    def _bind(self, oid: str | None) -> VarBind:
        value = self.objects.get(oid or "")
        if value is None:
            return VarBind(oid or "1.3", ber.NO_SUCH_OBJECT if oid else ber.END_OF_MIB_VIEW, None)
        if oid == SYS_UPTIME:
            return VarBind(oid, ber.TIME_TICKS, value)
        tag = {int: ber.INTEGER, bytes: ber.OCTET_STRING, str: ber.OID}[type(value)]
        return VarBind(oid or "", tag, value)

    @staticmethod
    def _message(request: Message, binds: tuple[VarBind, ...], status: int, index: int) -> Message:
        pdu = Pdu(RESPONSE, request.pdu.request_id, status, index, binds)
        return Message(request.version, request.community, pdu)


@asynccontextmanager
async def serve(agent: OddAgent) -> AsyncIterator[int]:
    """Serve an agent on loopback; gives the port."""

    class Peer(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            answer = agent.answer(codec.decode_message(data))
            if answer is not None:
                self.transport.sendto(codec.encode_message(answer), address)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def _key(oid: str) -> list[int]:
    return [int(word) for word in oid.split(".")]


async def probed(agent: OddAgent) -> ProbeResult:
    """What a probe shows of it, with all profiles of the library."""
    clients = Clients.open()
    try:
        async with serve(agent) as port:
            return await probe(
                f"snmp://127.0.0.1:{port}",
                credentials=Credentials("test", "v2c"),
                clients=clients,
                library=PROFILES,
                clock=SystemClock(),
                timeout_s=1,
                retries=0,
            )
    finally:
        await clients.close()
