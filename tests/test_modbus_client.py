"""The Modbus TCP client against a pymodbus server, and against devices that misbehave."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import struct
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from collectors.modbus import failures
from collectors.modbus import link as link_module
from collectors.modbus.client import ModbusClient, Target
from core.errors import Busy, DeviceTimeout, InvariantError, Malformed, Refused, Unreachable
from tests.support.modbus import Unit, modbus_server, scripted_server


@pytest.fixture
async def client():
    client = ModbusClient()
    yield client
    await client.close()


def target(port: int, **changes) -> Target:
    return replace(Target("127.0.0.1", port, timeout_s=0.3, retries=0), **changes)


async def request(reader) -> tuple[int, int, bytes]:
    """Transaction, unit and PDU of the next request."""
    transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
    return transaction, unit, await reader.readexactly(length - 1)


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def registers(pdu: bytes, base: int = 0) -> bytes:
    """A correct answer: each register holds its own address plus `base`."""
    fc, address, count = struct.unpack(">BHH", pdu)
    words = struct.pack(f">{count}H", *(address + base + i for i in range(count)))
    return bytes((fc, 2 * count)) + words


# ---------------------------------------------------------------- a pymodbus server


async def test_reads_all_four_areas_of_a_pymodbus_server(client):
    unit = Unit(
        holding={100: 0x1234, 101: 0xFFFF},
        input={7: 42},
        coils={0: True, 3: True, 9: True},
        discrete={1: True},
    )
    async with modbus_server({1: unit}) as port:
        at = target(port)
        assert await client.read(at, 3, 100, 2) == b"\x12\x34\xff\xff"
        assert await client.read(at, 4, 7, 1) == b"\x00\x2a"
        assert await client.read(at, 1, 0, 10) == bytes((0b00001001, 0b10))
        assert await client.read(at, 2, 0, 3) == bytes((0b010,))
    assert client.counters.connects == 1
    assert client.counters.answers == 4


async def test_an_address_that_does_not_exist_is_refused_with_its_name(client):
    async with modbus_server({1: Unit(holding={100: 1})}) as port:
        with pytest.raises(Refused, match=r"holding registers 200\.\.209 \(exception 2: there is"):
            await client.read(target(port), 3, 200, 10)
        assert await client.read(target(port), 3, 100, 1) == b"\x00\x01"


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (1, Refused, "function codes of this kind"),
        (2, Refused, "no such address"),
        (3, Refused, "does not take this count"),
        (4, Refused, "failed to do"),
        (6, Busy, "is busy"),
        (10, Unreachable, "no way to unit 3"),
        (11, Unreachable, r"the device behind it \(unit 3\) does not"),
    ],
)
async def test_each_exception_says_what_it_means(client, code, error, words):
    async with modbus_server({3: Unit(holding={0: 1}, exception=code)}) as port:
        with pytest.raises(error, match=words) as caught:
            await client.read(target(port, unit=3), 3, 0, 1)
    assert type(caught.value) is error


async def test_units_behind_one_gateway_share_one_connection(client):
    async with modbus_server({1: Unit(holding={0: 11}), 2: Unit(holding={0: 22})}) as port:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(client.read(target(port, unit=1 + i % 2), 3, 0, 1))
                for i in range(10)
            ]
        assert [task.result()[1] for task in tasks] == [11, 22] * 5
    assert client.counters.connects == 1


async def test_identifies_a_device_over_several_answers(client):
    names = {"VendorName": "Kasr", "ProductCode": "K-9", "MajorMinorRevision": "2.1"}
    async with modbus_server({1: Unit(holding={0: 1})}, names) as port:
        assert await client.identify(target(port)) == {0: "Kasr", 1: "K-9", 2: "2.1"}

    async def in_pieces(reader, writer):
        for body in (b"\xff\x01\x01\x00\x04ACME", b"\x00\x00\x02\x01\x02M1\x02\x031.0"):
            transaction, unit, pdu = await request(reader)
            assert pdu == bytes((43, 14, 1, 0 if body[0] else 1))
            writer.write(frame(transaction, unit, b"\x2b\x0e\x01\x81" + body))

    async with scripted_server(in_pieces) as port:
        assert await client.identify(target(port)) == {0: "ACME", 1: "M1", 2: "1.0"}


@pytest.mark.parametrize("body", [b"\x2b\x0e\x01\x81\0\0\x02\0\x01A", b"\x2b\x0e", b"\x2b\x0d" * 4])
async def test_an_identification_that_makes_no_sense_is_malformed(client, body):
    async def confused(reader, writer):
        transaction, unit, _ = await request(reader)
        writer.write(frame(transaction, unit, body))

    async with scripted_server(confused) as port:
        with pytest.raises(Malformed, match="does not speak Modbus properly"):
            await client.identify(target(port))


async def test_an_identification_without_end_is_ended(client):
    async def endless(reader, writer):
        while True:
            transaction, unit, pdu = await request(reader)
            more = bytes((0xFF, pdu[3] + 1, 1, pdu[3], 1, 65))
            writer.write(frame(transaction, unit, b"\x2b\x0e\x01\x81" + more))

    async with scripted_server(endless) as port:
        with pytest.raises(Malformed, match="never ends its identification"):
            await client.identify(target(port))


async def test_a_device_without_identification_refuses(client):
    async def no_such_function(reader, writer):
        transaction, unit, _ = await request(reader)
        writer.write(frame(transaction, unit, b"\xab\x01"))

    async with scripted_server(no_such_function) as port:
        with pytest.raises(Refused, match="refuses its identification"):
            await client.identify(target(port))


async def test_nothing_but_reading_can_be_asked_for(client):
    for fc in (0, 5, 6, 7, 8, 15, 16, 20, 21, 22, 23, 24, 43):
        with pytest.raises(InvariantError, match="not one that reads"):
            await client.read(Target("127.0.0.1"), fc, 0, 1)
    assert client.counters.requests == 0


# ---------------------------------------------------------------- devices that misbehave


async def test_a_late_answer_is_dropped_and_never_taken_for_the_next_one(client):
    async def late(reader, writer):
        for number in range(2):
            transaction, unit, pdu = await request(reader)
            if number == 0:
                await asyncio.sleep(0.35)
                stale = frame(transaction, unit, registers(pdu, base=0x4000))
                transaction, unit, pdu = await request(reader)
                writer.write(stale)
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.write(frame(transaction, unit, registers(pdu)))

    async with scripted_server(late) as port:
        with pytest.raises(DeviceTimeout, match=r"no answer from unit 1 .* within 0.3 s \(1 try\)"):
            await client.read(target(port), 3, 10, 1)
        assert await client.read(target(port), 3, 10, 1) == b"\x00\x0a"
    assert client.counters.late == 1
    assert client.counters.timeouts == 1
    assert client.counters.connects == 1


async def test_a_retry_gets_what_the_first_try_did_not(client):
    async def forgetful(reader, writer):
        await request(reader)
        transaction, unit, pdu = await request(reader)
        writer.write(frame(transaction, unit, registers(pdu)))

    async with scripted_server(forgetful) as port:
        at = target(port, timeout_s=0.1, retries=1)
        assert await client.read(at, 3, 5, 1) == b"\x00\x05"
    assert client.counters.requests == 2


async def test_an_answer_in_single_bytes_is_put_together(client):
    async def dripping(reader, writer):
        while True:
            transaction, unit, pdu = await request(reader)
            for byte in frame(transaction, unit, registers(pdu)):
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0)

    async with scripted_server(dripping) as port:
        for address in (1, 2):
            expected = struct.pack(">20H", *range(address, address + 20))
            assert await client.read(target(port), 3, address, 20) == expected


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n", b"\0\1\0\0\xff\xff\1\3", b"\0\1\0\0\0\0\1\3", b"\xff" * 9],
)
async def test_garbage_ends_the_connection_and_the_next_read_begins_anew(client, garbage):
    connections = 0

    async def garbled_once(reader, writer):
        nonlocal connections
        connections += 1
        transaction, unit, pdu = await request(reader)
        writer.write(garbage if connections == 1 else frame(transaction, unit, registers(pdu)))
        await reader.read()

    async with scripted_server(garbled_once) as port:
        with pytest.raises(Malformed, match="does not speak Modbus properly"):
            await client.read(target(port, retries=2), 3, 7, 1)
        assert await client.read(target(port), 3, 7, 1) == b"\x00\x07"
    assert client.counters.malformed == 1
    assert client.counters.reconnects == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda t, _u, p: frame(t, 9, registers(p)), "unit 9 answers"),
        (lambda t, u, p: frame(t, u, b"\x04" + registers(p)[1:]), "function 4"),
        (lambda t, u, p: frame(t, u, registers(p)[:-2]), "does not fit"),
        (lambda t, u, p: frame(t, u, registers(p) + b"\0\0"), "does not fit"),
        (lambda t, u, p: frame(t, u, b"\x03"), "does not fit"),
        (lambda t, u, p: frame(t, u, b"\x83"), "does not fit"),
    ],
)
async def test_an_answer_to_another_question_is_malformed(client, answer, words):
    async def confused(reader, writer):
        while True:
            writer.write(answer(*await request(reader)))

    async with scripted_server(confused) as port:
        with pytest.raises(Malformed, match=words):
            await client.read(target(port), 3, 7, 3)
    assert client.counters.malformed == 1


async def test_a_connection_closed_in_the_middle_of_a_frame_is_named(client):
    async def hangs_up(reader, writer):
        transaction, unit, pdu = await request(reader)
        writer.write(frame(transaction, unit, registers(pdu))[:5])
        await writer.drain()

    async with scripted_server(hangs_up) as port:
        with pytest.raises(Unreachable, match="closes the connection instead of answering"):
            await client.read(target(port, retries=1), 3, 7, 3)
    assert client.counters.connects == 2


async def test_a_connection_closed_while_idle_costs_no_retry(client):
    async def one_each(reader, writer):
        transaction, unit, pdu = await request(reader)
        writer.write(frame(transaction, unit, registers(pdu)))

    async with scripted_server(one_each) as port:
        for address in range(3):
            assert await client.read(target(port), 3, address, 1) == bytes((0, address))
    assert client.counters.reconnects == 2


async def test_nothing_listening_says_so_at_once(client):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(Unreachable, match=f"nothing listens at {host}:{port}"):
                await client.read(target(port, host=host), 3, 0, 1)


async def test_a_name_that_nobody_knows_is_said(client):
    with pytest.raises(Unreachable, match=r"the name 'no\.\.such' is not known"):
        await client.read(Target("no..such"), 3, 0, 1)


async def test_a_gateway_that_is_away_costs_its_units_one_time_out_not_one_each(client):
    with socket.socket() as full:  # a listener whose queue is full swallows connections
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        at = target(full.getsockname()[1], timeout_s=0.2)
        fill = [socket.socket() for _ in range(3)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        begun = time.monotonic()

        async def expect_timeout(unit: int) -> None:
            with pytest.raises(DeviceTimeout, match=r"accepts no connection within 0\.2 s"):
                await client.read(replace(at, unit=unit), 3, 0, 1)

        async with asyncio.TaskGroup() as group:
            for unit in range(1, 21):
                group.create_task(expect_timeout(unit))
        assert time.monotonic() - begun < 1.0
        for each in fill:
            each.close()


async def test_a_dead_connection_is_given_up_and_made_anew(client):
    connections = 0

    async def dead_at_first(reader, writer):
        nonlocal connections
        connections += 1
        while connections == 1:
            await request(reader)
        transaction, unit, pdu = await request(reader)
        writer.write(frame(transaction, unit, registers(pdu)))

    async with scripted_server(dead_at_first) as port:
        at = target(port, timeout_s=0.05)
        for _ in range(link_module.SILENT_REQUESTS_MAX):
            with pytest.raises(DeviceTimeout):
                await client.read(at, 3, 0, 1)
        assert await client.read(at, 3, 6, 1) == b"\x00\x06"
    assert client.counters.reconnects == 1


# ---------------------------------------------------------------- turns


@asynccontextmanager
async def measured_server(delay_s: float):
    """Counts how many requests it holds at a time; notes (unit, time) of each request."""
    seen: list[tuple[int, float]] = []
    held = {"now": 0, "most": 0}

    async def serve(reader, writer):
        async with asyncio.TaskGroup() as group:

            async def answer(transaction, unit, pdu):
                await asyncio.sleep(delay_s)
                held["now"] -= 1
                writer.write(frame(transaction, unit, registers(pdu)))

            while True:
                asked = await request(reader)
                seen.append((asked[1], time.monotonic()))
                held["now"] += 1
                held["most"] = max(held["most"], held["now"])
                group.create_task(answer(*asked))

    async with scripted_server(serve) as port:
        yield port, seen, held


@pytest.mark.parametrize(("wishes", "most"), [((1, 1), 1), ((4, 4), 4), ((4, 1), 1)])
async def test_a_gateway_is_asked_no_more_at_a_time_than_its_units_bear(client, wishes, most):
    async with measured_server(0.01) as (port, _, held):
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                unit = number % 2
                at = target(port, unit=unit, in_flight=wishes[unit], timeout_s=1)
                group.create_task(client.read(at, 3, number, 1))
        assert held["most"] == most


async def test_units_take_turns_in_the_order_in_which_they_asked(client):
    async with measured_server(0.002) as (port, seen, _), asyncio.TaskGroup() as group:
        for unit in (5, 3, 9, 3, 5, 1):
            group.create_task(client.read(target(port, unit=unit, timeout_s=1), 3, 0, 1))
    assert [unit for unit, _ in seen] == [5, 3, 9, 3, 5, 1]


async def test_a_slow_gateway_gets_its_pause(client):
    async with measured_server(0) as (port, seen, _):
        for _ in range(3):
            await client.read(target(port, pause_s=0.05), 3, 0, 1)
    times = [at for _, at in seen]
    assert min(times[1] - times[0], times[2] - times[1]) >= 0.05


async def test_a_cancelled_read_gives_its_turn_away(client):
    async with measured_server(0.05) as (port, seen, _):
        at = target(port, timeout_s=1)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.read(at, 3, i, 1)) for i in range(6)]
            await asyncio.sleep(0.02)
            for task in tasks[:4]:
                task.cancel()
        assert await tasks[4] == b"\x00\x04"
        assert await tasks[5] == b"\x00\x05"
    assert len(seen) == 3  # the first was on its way, three never left


async def test_a_read_cancelled_in_the_pause_gives_its_turn_away(client):
    async with measured_server(0) as (port, seen, _):
        at = target(port, pause_s=0.1)
        await client.read(at, 3, 0, 1)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(client.read(at, 3, 1, 1))
            second = group.create_task(client.read(at, 3, 2, 1))
            await asyncio.sleep(0.02)
            first.cancel()
        assert second.result() == b"\x00\x02"
    assert len(seen) == 2


@pytest.mark.alone
async def test_a_silent_unit_holds_its_neighbours_up_for_one_time_out_at_a_time(client):
    tried: list[int] = []

    async def unit_2_is_dead(reader, writer):
        while True:
            transaction, unit, pdu = await request(reader)
            tried.append(unit)
            if unit != 2:
                writer.write(frame(transaction, unit, registers(pdu)))

    async with scripted_server(unit_2_is_dead) as port:

        async def dead(tries: str) -> None:
            with pytest.raises(DeviceTimeout, match=tries):
                await client.read(target(port, unit=2, timeout_s=0.1, retries=2), 3, 0, 1)

        async with asyncio.TaskGroup() as group:
            group.create_task(dead("3 tries"))
            await asyncio.sleep(0)
            for _ in range(4):
                begun = time.monotonic()
                await client.read(target(port, unit=1), 3, 0, 1)
                assert time.monotonic() - begun < 0.19
        assert tried == [2, 1, 2, 1, 2, 1, 1]
        await dead("1 try")


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ConnectionRefusedError(111, "refused"), Unreachable, "nothing listens at plc:502"),
        (OSError(f"Multiple: [Errno {errno.ECONNREFUSED}] x, y"), Unreachable, "nothing listens"),
        (socket.gaierror(-2, "Name or service"), Unreachable, "name 'plc' is not known"),
        (TimeoutError(), DeviceTimeout, "accepts no connection within 2 s"),
        (OSError(101, "Network is unreachable"), Unreachable, r"\(network is unreachable\)"),
    ],
)
def test_what_keeps_a_connection_from_being_made_is_said(error, kind, words):
    said = failures.unreachable("plc", "plc:502", error, 2.0)
    assert type(said) is kind
    assert re.search(words, str(said))
    assert str(said).endswith("?")  # it ends with what to check


# ---------------------------------------------------------------- the end


async def test_an_idle_connection_is_closed_in_the_end(client, monkeypatch):
    monkeypatch.setattr(link_module, "IDLE_S", 0.1)
    closed = asyncio.Event()

    async def serve(reader, writer):
        transaction, unit, pdu = await request(reader)
        writer.write(frame(transaction, unit, registers(pdu)))
        await reader.read()
        closed.set()

    async with scripted_server(serve) as port:
        await client.read(target(port), 3, 0, 1)
        assert not closed.is_set()
        async with asyncio.timeout(2):
            await closed.wait()


async def test_nothing_is_read_after_close(client):
    async with modbus_server({1: Unit(holding={0: 1})}) as port:
        await client.read(target(port), 3, 0, 1)
        await client.close()
        with pytest.raises(Unreachable, match="the client was closed"):
            await client.read(target(port), 3, 0, 1)


async def test_closing_does_not_wait_for_a_connection_in_the_making():
    client = ModbusClient()
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fill = [socket.socket() for _ in range(3)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(
                client.read(target(full.getsockname()[1], timeout_s=30), 3, 0, 1)
            )
            await asyncio.sleep(0.05)
            async with asyncio.timeout(1):
                await client.close()
            reading.cancel()
        for each in fill:
            each.close()


def test_it_runs_on_uvloop_as_well():
    uvloop = pytest.importorskip("uvloop")

    async def once() -> None:
        client = ModbusClient()
        async with modbus_server({1: Unit(holding={0: 7})}) as port:
            assert await client.read(target(port), 3, 0, 1) == b"\x00\x07"
            with pytest.raises(Refused):
                await client.read(target(port), 3, 9, 1)
            await client.close()
        with pytest.raises(Unreachable):
            await client.read(target(port), 3, 0, 1)

    uvloop.run(once())
