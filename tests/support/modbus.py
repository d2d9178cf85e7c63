"""A pymodbus server on an ephemeral port, and a scripted one that misbehaves on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from pymodbus.constants import ExcCodes
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


@dataclass
class Unit:
    """Register image of one unit: address -> value. May be changed while it is served."""

    holding: dict[int, int] = field(default_factory=dict)
    input: dict[int, int] = field(default_factory=dict)
    coils: dict[int, bool] = field(default_factory=dict)
    discrete: dict[int, bool] = field(default_factory=dict)
    exception: int = 0
    """When not 0, every request is answered with this Modbus exception."""

    @classmethod
    def of(cls, address: int, data: bytes) -> Unit:
        """Holding registers from `address` on, as bytes."""
        words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
        return cls(holding={address + i: word for i, word in enumerate(words)})


def _runs(area: Mapping[int, int]) -> list[list[int]]:
    """Addresses in runs without gaps."""
    addresses = sorted(area)
    runs = [addresses[:1]]
    for before, address in pairwise(addresses):
        if address == before + 1:
            runs[-1].append(address)
        else:
            runs.append([address])
    return runs


def _blocks(area: Mapping[int, int], kind: DataType) -> list[SimData]:
    if not area:
        return [SimData(65535, datatype=DataType.INVALID)]
    return [
        SimData(run[0], values=[area[address] for address in run], datatype=kind)
        for run in _runs(area)
    ]


def _bits(area: Mapping[int, bool]) -> list[SimData]:
    top = max(area, default=15) // 16 * 16 + 16
    values = [area.get(address, False) for address in range(top)]
    return [SimData(0, values=values, datatype=DataType.BITS)]


def device_of(unit_id: int, unit: Unit) -> SimDevice:
    async def refresh(fc, start, _address, _count, registers, _values):
        if unit.exception:
            return ExcCodes(unit.exception)
        area = {3: unit.holding, 4: unit.input}.get(fc, {})
        for address, value in area.items():
            registers[address - start] = value
        return None

    simdata = (
        _bits(unit.coils),
        _bits(unit.discrete),
        _blocks(unit.holding, DataType.REGISTERS),
        _blocks(unit.input, DataType.REGISTERS),
    )
    return SimDevice(unit_id, simdata=simdata, action=refresh)


@asynccontextmanager
async def modbus_server(
    units: Mapping[int, Unit],
    identity: Mapping[str, str] | None = None,
    address: tuple[str, int] = ("127.0.0.1", 0),
) -> AsyncIterator[int]:
    """Serve these units by pymodbus on loopback; gives the port.

    `identity` has pymodbus' names: VendorName, ProductCode, MajorMinorRevision.
    """
    devices = [device_of(unit_id, unit) for unit_id, unit in units.items()]
    known = ModbusDeviceIdentification(info_name=dict(identity or {}))
    server = ModbusTcpServer(devices, identity=known, address=address)
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted_server(
    handler: Handler, address: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[int]:
    """Serve each connection by `handler`; gives the port. Ends every connection at the end."""
    connections: set[asyncio.Task] = set()

    async def serve(reader, writer):
        connections.add(asyncio.current_task())
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, *address)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        if connections:
            await asyncio.wait(connections)
        await server.wait_closed()
