"""SNMP agents with a fault each, on loopback: a sound agent whose requests or answers go through a
`Fault`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from collectors.snmp import ber, codec
from collectors.snmp.codec import RESPONSE, Message, Pdu, VarBind, Version
from tests.support.odd_agent import OddAgent

Fault = Callable[[Message, OddAgent], bytes | None]
"""What is sent back to a request; None for nothing at all."""


def sound(request: Message, agent: OddAgent) -> bytes | None:
    """The right answer; GETBULK included."""
    if request.pdu.kind == codec.GET_BULK:
        return codec.encode_message(_bulk(request, agent))
    answer = agent.answer(request)
    return None if answer is None else codec.encode_message(answer)


def _bulk(request: Message, agent: OddAgent) -> Message:
    oid, binds = request.pdu.varbinds[0].oid, []
    while len(binds) < request.pdu.error_index:
        asked = Pdu(codec.GET_NEXT, 1, 0, 0, (VarBind(oid, ber.NULL, None),))
        step = agent.answer(Message(Version.V2C, b"", asked))
        if step is None:
            break
        if step.pdu.error_status:
            return reply(request, (), step.pdu.error_status, 1)
        binds.append(step.pdu.varbinds[0])
        oid = binds[-1].oid
        if binds[-1].tag == ber.END_OF_MIB_VIEW:
            break
    return reply(request, binds)


def reply(request: Message, binds: Sequence[VarBind], status: int = 0, index: int = 0) -> Message:
    pdu = Pdu(RESPONSE, request.pdu.request_id, status, index, tuple(binds))
    return Message(request.version, request.community, pdu)


def integers(request: Message, oids: Sequence[str]) -> bytes:
    """An answer that gives 1 for each of these objects."""
    return codec.encode_message(reply(request, [VarBind(oid, ber.INTEGER, 1) for oid in oids]))


def walked(request: Message, column: str) -> int | None:
    """After which row of a column a walk goes on: 0 for its beginning; None if it is no walk of
    it."""
    oid = request.pdu.varbinds[0].oid
    if request.pdu.kind == codec.GET or not f"{oid}.".startswith(f"{column}."):
        return None
    return int(oid.removeprefix(column).lstrip(".") or 0)


def silent(_request: Message, _agent: OddAgent) -> bytes | None:
    return None


def community(wanted: bytes) -> Fault:
    """Only who knows the community is answered."""
    return lambda request, agent: sound(request, agent) if request.community == wanted else None


def stops(column: str, rows: int) -> Fault:
    """Says nothing of what follows so many rows of a column, also as part of a larger answer."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        many = request.pdu.error_index if request.pdu.kind == codec.GET_BULK else 1
        at = walked(request, column)
        reached = at is not None and at + many > rows
        return None if reached else sound(request, agent)

    return fault


def dies(column: str) -> Fault:
    """Falls silent for good when this column is walked."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        agent.dead = agent.dead or walked(request, column) is not None
        return sound(request, agent)

    return fault


def endless(column: str) -> Fault:
    """A column with a row after every row."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        at = walked(request, column)
        if at is None:
            return sound(request, agent)
        many = request.pdu.error_index if request.pdu.kind == codec.GET_BULK else 1
        return integers(request, [f"{column}.{at + n}" for n in range(1, many + 1)])

    return fault


def stuck(column: str, *rows: int) -> Fault:
    """A column whose rows come in this order, then the last two of them for ever."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        at = walked(request, column)
        if at is None:
            return sound(request, agent)
        begin = rows.index(at) + 1 if at in rows else 0
        many = request.pdu.error_index if request.pdu.kind == codec.GET_BULK else 1
        came = [*rows[begin:], *rows[-2:] * many][:many]
        return integers(request, [f"{column}.{row}" for row in came])

    return fault


def cut(most_octets: int) -> Fault:
    """A longer answer is cut off."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        answer = sound(request, agent)
        return None if answer is None else answer[:most_octets]

    return fault


def too_big(most_octets: int) -> Fault:
    """A longer answer is refused with tooBig."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        answer = sound(request, agent)
        if answer is None or len(answer) <= most_octets:
            return answer
        return codec.encode_message(reply(request, (), 1))

    return fault


def other_binds(change: Callable[[list[VarBind]], list[VarBind]]) -> Fault:
    """Answers to GET for more than one object hold something else than was asked for."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        if request.pdu.kind != codec.GET or len(request.pdu.varbinds) < 2:
            return sound(request, agent)
        right = agent.answer(request)
        assert right is not None
        return codec.encode_message(reply(request, change(list(right.pdu.varbinds))))

    return fault


def other_message(**changes: object) -> Fault:
    """Answers in another version, or with another community."""

    def fault(request: Message, agent: OddAgent) -> bytes | None:
        answer = agent.answer(request)
        return None if answer is None else codec.encode_message(replace(answer, **changes))

    return fault


def noise(octets: bytes) -> Fault:
    """Something else than SNMP."""
    return lambda _request, _agent: octets


class Peer(asyncio.DatagramProtocol):
    """An agent behind its fault, both of which may be changed while it is served."""

    def __init__(self, agent: OddAgent, fault: Fault) -> None:
        self.agent = agent
        self.fault = fault
        self.asked = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.asked += 1
        answer = self.fault(codec.decode_message(data), self.agent)
        if answer is not None:
            self.transport.sendto(answer, address)


@asynccontextmanager
async def serve(agent: OddAgent, fault: Fault = sound) -> AsyncIterator[tuple[str, Peer]]:
    """Serve an agent on loopback; gives its address and the peer."""
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(
        lambda: Peer(agent, fault), local_addr=("127.0.0.1", 0)
    )
    try:
        yield f"snmp://127.0.0.1:{transport.get_extra_info('sockname')[1]}", peer
    finally:
        transport.close()
