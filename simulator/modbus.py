"""Modbus TCP server: the devices of the simulated site behind their addresses, gateways included.

Knows frames and register images. One listener serves all units of one address; like a serial
gateway it works on one request at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from collectors.modbus import codec
from core.errors import Malformed
from simulator.nameplate import Nameplate
from simulator.registers import OutsideError


class Registers(Protocol):
    """Something with registers to read."""

    def read(self, fc: int, address: int, count: int) -> bytes:
        """Raises OutsideError for a range that is not in the map."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """One device behind an address."""

    registers: Registers
    nameplate: Nameplate
    answers: Callable[[], bool]


class ModbusListener:
    """All units of one address. `gone` says whether the address itself is away (a lost gateway)."""

    def __init__(self, units: Mapping[int, Unit], gone: Callable[[], bool]) -> None:
        self.units = dict(units)
        self.gone = gone
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port that is really bound. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for transport in list(self.connections):
            transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    def answer(self, frame: codec.Frame) -> bytes | None:
        """The PDU that answers a frame; None for a device that is silent."""
        request = codec.decode_request(frame.pdu)
        unit = self.units.get(frame.unit)
        if unit is None:
            return codec.encode_exception(_refusal(request, codec.GATEWAY_NO_ANSWER))
        if not unit.answers():
            return None
        if isinstance(request, codec.ExceptionAnswer):
            return codec.encode_exception(request)
        if isinstance(request, codec.IdentifyRequest):
            return codec.encode_identification(request, _objects(unit.nameplate))
        try:
            data = unit.registers.read(request.fc, request.address, request.count)
        except OutsideError:
            return codec.encode_exception(_refusal(request, codec.ILLEGAL_ADDRESS))
        return codec.encode_read(request, data)


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, listener: ModbusListener) -> None:
        self._listener = listener
        self._framer = codec.Framer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._listener.connections.add(self._transport)
        if self._listener.gone():
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._transport is not None:
            self._listener.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._listener.gone():
            if transport is not None:
                transport.abort()
            return
        try:
            self._framer.feed(data)
            while (frame := self._framer.next_frame()) is not None:
                pdu = self._listener.answer(frame)
                if pdu is not None:
                    answer = codec.Frame(frame.transaction, frame.unit, pdu)
                    transport.write(codec.encode_frame(answer))
        except Malformed:
            transport.abort()


def _refusal(request: codec.Request | codec.ExceptionAnswer, code: int) -> codec.ExceptionAnswer:
    return codec.ExceptionAnswer(request.fc, code)


def _objects(nameplate: Nameplate) -> dict[int, bytes]:
    words = (nameplate.vendor, nameplate.model, nameplate.firmware)
    return {number: word.encode() for number, word in enumerate(words)}
