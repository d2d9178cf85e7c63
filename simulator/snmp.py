"""SNMP server: agents that answer versions 1 and 2c over UDP, one socket to an agent.

Knows requests, answers and errors of RFC 1157 and RFC 3416; what there is to show comes from a Mib.
A wrong community is met with silence, as by real agents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from collectors.snmp.ber import COUNTER64, END_OF_MIB_VIEW, NO_SUCH_OBJECT
from collectors.snmp.codec import (
    GET,
    GET_BULK,
    GET_NEXT,
    RESPONSE,
    ErrorStatus,
    Message,
    Pdu,
    VarBind,
    Version,
    decode_message,
    encode_message,
)
from core.errors import KasbahError, Malformed
from simulator.mib import Mib, Oid, Variable, parse_oid

BULK_BINDS_MAX = 128
"""An agent may give less than it was asked for (RFC 3416 section 4.2.3): so much fits."""


class Agent:
    """What answers at one socket. `community` None takes any."""

    def __init__(self, mib: Mib, community: str | None, answers: Callable[[], bool]) -> None:
        self._mib = mib
        self._community = None if community is None else community.encode()
        self._answers = answers

    def answer(self, data: bytes) -> bytes | None:
        """The datagram that answers this one; None for silence."""
        if not self._answers():
            return None
        try:
            message = decode_message(data)
        except Malformed:
            return None
        if self._community is not None and message.community != self._community:
            return None
        pdu = self._respond(message)
        return None if pdu is None else encode_message(replace(message, pdu=pdu))

    def _respond(self, message: Message) -> Pdu | None:
        pdu, v1 = message.pdu, message.version == Version.V1
        if pdu.kind == GET:
            binds = [self._get(bind, v1=v1) for bind in pdu.varbinds]
        elif pdu.kind == GET_NEXT:
            binds = [self._next(bind, v1=v1) for bind in pdu.varbinds]
        elif pdu.kind == GET_BULK and not v1:
            binds = list(self._bulk(pdu))
        else:
            return None
        missing = next((i for i, bind in enumerate(binds, 1) if bind.tag in _ABSENT), 0)
        if v1 and missing:
            status = int(ErrorStatus.NO_SUCH_NAME)
            return Pdu(RESPONSE, pdu.request_id, status, missing, pdu.varbinds)
        return Pdu(RESPONSE, pdu.request_id, 0, 0, tuple(binds))

    def _get(self, bind: VarBind, *, v1: bool) -> VarBind:
        variable = self._mib.get(parse_oid(bind.oid))
        if variable is None or (v1 and variable.tag == COUNTER64):
            return VarBind(bind.oid, NO_SUCH_OBJECT, None)
        return VarBind(bind.oid, variable.tag, variable.value)

    def _next(self, bind: VarBind, *, v1: bool) -> VarBind:
        found = self._mib.next_after(parse_oid(bind.oid))
        while found is not None and v1 and found[1].tag == COUNTER64:
            found = self._mib.next_after(found[0])  # version 1 has no 64-bit counters: passed over
        return _bind(bind.oid, found)

    def _bulk(self, pdu: Pdu) -> Iterator[VarBind]:
        """Non-repeaters once, then round after round of the others (RFC 3416 section 4.2.3)."""
        once, rounds = max(0, pdu.error_status), max(0, pdu.error_index)
        for bind in pdu.varbinds[:once]:
            yield self._next(bind, v1=False)
        given = min(once, len(pdu.varbinds))
        heads = list(pdu.varbinds[once:])
        for _ in range(rounds):
            if not heads or given + len(heads) > BULK_BINDS_MAX:
                return
            heads = [self._next(head, v1=False) for head in heads]
            given += len(heads)
            yield from heads
            if all(head.tag == END_OF_MIB_VIEW for head in heads):
                return


_ABSENT = frozenset((NO_SUCH_OBJECT, END_OF_MIB_VIEW))


def _bind(asked: str, found: tuple[Oid, Variable] | None) -> VarBind:
    if found is None:
        return VarBind(asked, END_OF_MIB_VIEW, None)
    oid, variable = found
    return VarBind(".".join(map(str, oid)), variable.tag, variable.value)


class SnmpListener:
    """One agent on one UDP socket."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port that is really bound. Raises OSError."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Socket(self._agent), local_addr=(host, port)
        )
        self._transport = transport
        return int(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._agent.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    def error_received(self, exc: Exception) -> None:
        """The asker has closed its socket: nothing to do, it will not ask again."""


def cannot_open(what: str, error: OSError) -> KasbahError:
    """The error for an address that cannot be opened: what it is, why, and what to do."""
    return KasbahError(
        f"{what} cannot be opened: {error.strerror or error}. Stop what uses the port (another "
        "simulator?) or choose another one."
    )
