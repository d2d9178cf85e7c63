"""Modbus RTU over two pseudo-terminals joined like a null modem, pymodbus at the far end."""

from __future__ import annotations

import asyncio
import os
import tty
from contextlib import asynccontextmanager

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusSerialServer

from collectors.modbus.serial import SerialClient, SerialTarget
from core.errors import DeviceTimeout, InvariantError, Refused, Unreachable
from tests.support.modbus import Unit, device_of


@asynccontextmanager
async def null_modem():
    """Two serial devices joined to each other; gives their names."""
    loop = asyncio.get_running_loop()
    ours, our_line = os.openpty()
    theirs, their_line = os.openpty()
    for end in (our_line, their_line):
        tty.setraw(end)
    loop.add_reader(ours, lambda: os.write(theirs, os.read(ours, 1024)))
    loop.add_reader(theirs, lambda: os.write(ours, os.read(theirs, 1024)))
    try:
        yield os.ttyname(our_line), os.ttyname(their_line)
    finally:
        for end in (ours, theirs):
            loop.remove_reader(end)
        for end in (ours, theirs, our_line, their_line):
            os.close(end)


@asynccontextmanager
async def line(units: dict[int, Unit]):
    """A client and the name of a line with these units on it."""
    async with null_modem() as (near, far):
        devices = [device_of(unit_id, unit) for unit_id, unit in units.items()]
        identity = ModbusDeviceIdentification(info_name={"VendorName": "Kasr", "ProductCode": "R"})
        server = ModbusSerialServer(
            devices, identity=identity, port=far, baudrate=9600, ignore_missing_devices=True
        )
        await server.serve_forever(background=True)
        client = SerialClient()
        try:
            yield client, near
        finally:
            await client.close()
            await server.shutdown()


async def test_units_on_a_line_are_read_in_turn():
    units = {
        1: Unit(holding={10: 0x1234, 11: 0xFFFF}, input={0: 7}),
        2: Unit(coils={0: True, 9: True}, discrete={2: True}),
    }
    async with line(units) as (client, near):
        one, two = SerialTarget(near, 1, timeout_s=1), SerialTarget(near, 2, timeout_s=1)
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(client.read(one, 3, 10, 2)),
                group.create_task(client.read(two, 1, 0, 10)),
                group.create_task(client.read(one, 4, 0, 1)),
                group.create_task(client.read(two, 2, 0, 3)),
            ]
        answers = [task.result() for task in asked]
        assert answers == [b"\x12\x34\xff\xff", b"\x01\x02", b"\x00\x07", b"\x04"]
        assert await client.identify(one) == {0: "Kasr", 1: "R"}


async def test_a_refusal_has_the_words_of_the_tcp_client():
    async with line({1: Unit(holding={10: 1})}) as (client, near):
        with pytest.raises(Refused, match=r"holding registers 99 \(exception 2"):
            await client.read(SerialTarget(near, 1, timeout_s=0.5), 3, 99, 1)
        assert await client.read(SerialTarget(near, 1), 3, 10, 1) == b"\x00\x01"


async def test_a_late_answer_is_thrown_away():
    def answer(unit: int, pdu: bytes) -> bytes:
        frame = bytes((unit,)) + pdu
        return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")

    client = SerialClient()
    async with null_modem() as (near, far):
        device = os.open(far, os.O_RDWR | os.O_NOCTTY)
        loop = asyncio.get_running_loop()
        seen: list[bytes] = []

        def take() -> None:
            seen.append(os.read(device, 64))
            address = seen[-1][3]
            delay = 0.3 if len(seen) == 1 else 0
            loop.call_later(delay, os.write, device, answer(5, bytes((3, 2, 0, address))))

        loop.add_reader(device, take)
        target = SerialTarget(near, 5, timeout_s=0.2, retries=0)
        with pytest.raises(DeviceTimeout, match=r"no answer from unit 5 at .* \(1 try\)"):
            await client.read(target, 3, 10, 1)
        assert await client.read(target, 3, 20, 1) == b"\x00\x14"
        await client.close()
        loop.remove_reader(device)
        os.close(device)


async def test_a_line_that_does_not_exist_says_what_to_check():
    client = SerialClient()
    with pytest.raises(Unreachable, match="serial line /dev/ttyNone cannot be opened"):
        await client.read(SerialTarget("/dev/ttyNone"), 3, 0, 1)
    with pytest.raises(InvariantError, match="not one that reads"):
        await client.read(SerialTarget("/dev/ttyNone"), 16, 0, 1)
    await client.close()
