"""The SNMP engine against net-snmp's snmpd, and against a peer that is late, lies or talks
nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import socket
from itertools import pairwise

import pytest

from collectors.snmp import ber, codec
from collectors.snmp.client import MAX_OUTSTANDING, SnmpClient, Target
from collectors.snmp.codec import RESPONSE, Message, Pdu, VarBind, Version
from collectors.snmp.oid import after, below
from collectors.snmp.template import Template
from core.errors import DeviceTimeout, Malformed, Refused, Unreachable
from tests.support.snmpd import snmpd

SYS = [f"1.3.6.1.2.1.1.{n}.0" for n in (1, 3, 5, 6)]


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with snmpd(tmp_path_factory.mktemp("snmpd")) as port:
        yield port


@pytest.fixture
async def client():
    made = SnmpClient(1)
    yield made
    made.close()


def at(port: int, version: Version = Version.V2C, **more) -> Target:
    return Target("127.0.0.1", port, version, **{"timeout_s": 1.0, "retries": 1, **more})


@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
async def test_snmpd_answers_get(agent, client, version):
    answer = await client.get(at(agent, version), Template.of(SYS))
    assert answer.error_status == 0
    assert answer.tags == (ber.OCTET_STRING, ber.TIME_TICKS, ber.OCTET_STRING, ber.OCTET_STRING)
    assert answer.values[3] == b"battery room"


@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
async def test_snmpd_is_walked_whole_and_in_order(agent, client, version):
    rows = await client.walk(at(agent, version), "1.3.6.1.2.1.1")
    assert len(rows) > 20
    assert rows[0].oid == "1.3.6.1.2.1.1.1.0"
    assert all(after(two.oid, one.oid) for one, two in pairwise(rows))
    assert all(below(row.oid, "1.3.6.1.2.1.1") for row in rows)


async def test_a_missing_object_is_told_by_each_version_in_its_way(agent, client):
    template = Template.of([SYS[1], "1.3.6.1.2.1.1.99.0"])
    v2c = await client.get(at(agent), template)
    assert v2c.tags[1] in ber.EXCEPTIONS
    assert isinstance(v2c.values[0], int)
    v1 = await client.get(at(agent, Version.V1), template)
    assert (v1.error_status, v1.error_index) == (2, 2)


async def test_a_wrong_community_is_a_time_out_that_says_what_to_check(agent, client):
    with pytest.raises(DeviceTimeout, match="community") as caught:
        await client.get(at(agent, community=b"wrong-one", timeout_s=0.2), Template.of(SYS))
    assert "wrong-one" not in str(caught.value)
    assert "tried twice" in str(caught.value)


async def test_a_closed_port_is_told_at_once(client):
    async with asyncio.timeout(1):
        with pytest.raises(Unreachable, match="nothing listens"):
            await client.get(at(9, timeout_s=5.0), Template.of(SYS))


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a..b", "x" * 70 + ".local", ""])
async def test_an_unknown_name_is_told(client, name):
    with pytest.raises(Unreachable, match=f"the name {name} is not known"):
        await client.get(Target(name, timeout_s=1), Template.of(SYS))


async def test_a_name_service_that_fails_takes_no_device_with_it(client, monkeypatch):
    """Once known, an address stays in force until another one is heard."""
    monkeypatch.setattr("collectors.snmp.names.KEPT_S", -1.0)  # looked up for each request
    loop = asyncio.get_running_loop()

    async def failing(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    async with peer(lambda request, n: [(0, reply(request, n))]) as (port, _):
        here = Target("localhost", port, timeout_s=1.0)
        assert (await client.get(here, ONE)).values == [1]
        monkeypatch.setattr(loop, "getaddrinfo", failing)
        assert (await client.get(here, ONE)).values == [2]
        with pytest.raises(Unreachable, match="localhost is not known"):
            await client.get(Target("localhost", port + 1, timeout_s=1.0), ONE)


async def test_a_name_service_that_is_silent_is_told_in_time(client, monkeypatch):
    async def silent(*_args, **_kwargs):
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    async with asyncio.timeout(2):
        with pytest.raises(Unreachable, match=r"no name service answers within 0\.1 s"):
            await client.get(Target("ups-1.plant", timeout_s=0.1, retries=0), ONE)


@pytest.mark.parametrize("host", ["::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "127.1"])
async def test_every_way_to_write_an_address_is_answered(client, host):
    """Answers are known by their address: ours must be written as the kernel writes it."""
    mapped = "::1" if host.endswith(":1") and "127" not in host else "127.0.0.1"
    try:
        async with peer(lambda request, n: [(0, reply(request, n))], mapped) as (port, _):
            assert (await client.get(Target(host, port, timeout_s=0.5), ONE)).values == [1]
    except OSError as error:
        if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            pytest.skip("this machine has no IPv6")
        raise


LOOPS = {"asyncio": asyncio.new_event_loop}
if importlib.util.find_spec("uvloop"):
    LOOPS["uvloop"] = importlib.import_module("uvloop").new_event_loop


@pytest.mark.parametrize("loop", LOOPS)
def test_a_closed_port_leaves_the_other_devices_heard(loop):
    """libuv gives a socket up on its first ICMP error: one rebooting card must not silence the
    site."""
    heard = []

    async def polled(client, port):
        for _ in range(10):
            heard.extend((await client.get(at(port, timeout_s=1.0, retries=0), ONE)).values)

    async def refused(client):
        for _ in range(10):
            with pytest.raises(Unreachable, match="nothing listens"):
                await client.get(at(9, timeout_s=1.0, retries=0), ONE)
            await asyncio.sleep(0.002)

    async def run():
        client = SnmpClient(1)
        async with (
            peer(lambda request, n: [(0.001, reply(request, n))]) as (port, _),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(refused(client))
            for _ in range(20):
                group.create_task(polled(client, port))
        client.close()
        return client.counters

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        counters = runner.run(run())
    assert sorted(heard) == list(range(1, 201))
    assert (counters.unreachable, counters.timeouts, counters.foreign) == (10, 0, 0)


async def test_the_window_is_what_the_buffers_hold(client, monkeypatch):
    monkeypatch.setattr("collectors.snmp.udp.BUFFER_OCTETS", 40_000)
    assert client.window == MAX_OUTSTANDING
    async with peer(lambda request, n: [(0, reply(request, n))]) as (port, _):
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(client.get(at(port), ONE))
        assert client.window == 2 * 40_000 // 4096  # Linux grants twice what is asked for


async def test_version_3_is_refused_with_a_sentence(client):
    with pytest.raises(Refused, match="SNMPv3"):
        await client.get(at(1, Version.V3), Template.of(SYS))


class Peer(asyncio.DatagramProtocol):
    """A scripted agent: `answers(request, number of the request)` gives the datagrams to send
    back, with delays."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.requests += 1
        loop = asyncio.get_running_loop()
        for delay, packet in self.answers(codec.decode_message(data), self.requests):
            loop.call_later(delay, self.transport.sendto, packet, address)


@contextlib.asynccontextmanager
async def peer(answers, host="127.0.0.1"):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Peer(answers), local_addr=(host, 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], protocol
    finally:
        transport.close()


def reply(request: Message, value: int, shift: int = 0) -> bytes:
    pdu = request.pdu
    binds = tuple(VarBind(bind.oid, ber.INTEGER, value) for bind in pdu.varbinds)
    number = pdu.request_id + shift
    return codec.encode_message(
        Message(request.version, request.community, Pdu(RESPONSE, number, 0, 0, binds))
    )


ONE = Template.of(["1.3.6.1.4.1.99999.1.0"])


async def test_a_late_answer_is_never_taken_for_the_current_one(client):
    """The first answer comes after the retry was sent; it must not answer the retry, nor the next
    request."""

    def answers(request, number):
        return [(0.35, reply(request, 111))] if number == 1 else [(0.0, reply(request, number))]

    async with peer(answers) as (port, _):
        first = await client.get(at(port, timeout_s=0.15), ONE)
        assert list(first.values) == [2]
        await asyncio.sleep(0.4)
        second = await client.get(at(port, timeout_s=0.3), ONE)
        assert list(second.values) == [3]
    assert client.counters.late == 1


async def test_garbage_and_foreign_ids_are_dropped_and_counted(client):
    def answers(request, _):
        return [
            (0, b"garbage"),
            (0, b""),
            (0, reply(request, 1, shift=1)),
            (0.05, reply(request, 7)),
        ]

    async with peer(answers) as (port, _):
        answer = await client.get(at(port), ONE)
    assert list(answer.values) == [7]
    assert client.counters.malformed >= 1
    assert client.counters.late == 1


async def test_an_answer_from_another_address_is_dropped(client):
    loop = asyncio.get_running_loop()
    other, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )

    class Spoofed(Peer):
        def datagram_received(self, data, address):
            other.sendto(reply(codec.decode_message(data), 666), address)

    transport, _ = await loop.create_datagram_endpoint(
        lambda: Spoofed(None), local_addr=("127.0.0.1", 0)
    )
    try:
        port = transport.get_extra_info("sockname")[1]
        with pytest.raises(DeviceTimeout):
            await client.get(at(port, timeout_s=0.2, retries=0), ONE)
        assert client.counters.foreign == 1
    finally:
        transport.close()
        other.close()


async def test_a_doubled_answer_counts_once(client):
    async with peer(lambda request, _: [(0, reply(request, 1)), (0.01, reply(request, 2))]) as (
        port,
        _,
    ):
        assert list((await client.get(at(port), ONE)).values) == [1]
        await asyncio.sleep(0.05)
    assert client.counters.late == 1


async def test_a_table_that_never_ends_is_malformed(client):
    def stuck(request, _):
        pdu = Pdu(
            RESPONSE,
            request.pdu.request_id,
            0,
            0,
            (VarBind("1.3.6.1.4.1.99999.1.5", ber.INTEGER, 1),) * 2,
        )
        return [(0, codec.encode_message(Message(request.version, request.community, pdu)))]

    async with peer(stuck) as (port, _):
        with pytest.raises(Malformed, match="do not increase"):
            await client.walk(at(port), "1.3.6.1.4.1.99999")


async def test_a_walk_has_a_limit(client):
    def endless(request, _):
        last = request.pdu.varbinds[0].oid.split(".")
        start = int(last[-1]) if len(last) > 8 else 0
        binds = tuple(
            VarBind(f"1.3.6.1.4.1.99999.1.{start + i}", ber.INTEGER, i) for i in range(1, 21)
        )
        pdu = Pdu(RESPONSE, request.pdu.request_id, 0, 0, binds)
        return [(0, codec.encode_message(Message(request.version, request.community, pdu)))]

    async with peer(endless) as (port, _):
        with pytest.raises(Malformed, match="more than 100"):
            await client.walk(at(port), "1.3.6.1.4.1.99999", limit=100)


async def test_a_device_that_cannot_bulk_is_walked_one_by_one(client):
    def answers(request, _):
        pdu = request.pdu
        if pdu.kind == codec.GET_BULK:
            answer = Pdu(RESPONSE, pdu.request_id, 5, 1, ())
        else:
            last = int(pdu.varbinds[0].oid.split(".")[-1])
            number = last + 1 if pdu.varbinds[0].oid.count(".") > 7 else 1
            oid = f"1.3.6.1.4.1.99999.1.{number}" if number < 4 else "1.3.6.1.5"
            answer = Pdu(RESPONSE, pdu.request_id, 0, 0, (VarBind(oid, ber.INTEGER, number),))
        return [(0, codec.encode_message(Message(request.version, request.community, answer)))]

    async with peer(answers) as (port, _):
        rows = await client.walk(at(port), "1.3.6.1.4.1.99999")
    assert [row.value for row in rows] == [1, 2, 3]


async def test_a_full_buffer_of_the_kernel_costs_a_retry_and_nothing_else(client):
    class Full:
        """A socket whose buffer is full at first."""

        def __init__(self, sock):
            self.sock, self.refused = sock, 0

        def __getattr__(self, name):
            return getattr(self.sock, name)

        def sendto(self, packet, address):
            if not self.refused:
                self.refused += 1
                raise BlockingIOError(errno.EAGAIN, "full")
            return self.sock.sendto(packet, address)

    async with peer(lambda request, n: [(0, reply(request, n))]) as (port, _):
        full = Full(client._socket(("127.0.0.1", port)))
        client._sockets[socket.AF_INET] = full
        answer = await client.get(at(port, timeout_s=0.1), ONE)
    assert (full.refused, list(answer.values), client.counters.retries) == (1, [1], 1)


async def test_a_refused_walk_names_the_device_and_its_reason(client):
    def refusing(request, _):
        pdu = Pdu(RESPONSE, request.pdu.request_id, 16, 1, request.pdu.varbinds)
        return [(0, codec.encode_message(Message(request.version, request.community, pdu)))]

    async with peer(refusing) as (port, _):
        with pytest.raises(Refused, match=f"127.0.0.1:{port} refuses .* authorizationError"):
            await client.walk(at(port), "1.3.6.1.4.1.99999")


@pytest.mark.parametrize("manages", [19, 4, 0])
async def test_a_device_that_does_not_answer_large_requests_is_walked_with_small_ones(
    client, manages
):
    """And is not asked for as much again."""
    root, asked = "1.3.6.1.4.1.99999", []

    def answers(request, _):
        pdu = request.pdu
        many = pdu.error_index if pdu.kind == codec.GET_BULK else 1
        asked.append(many)
        if pdu.kind == codec.GET_BULK and many > manages:
            return []
        last = int(pdu.varbinds[0].oid.split(".")[-1]) if pdu.varbinds[0].oid != root else 0
        oids = [f"{root}.{n}" if n <= 12 else "1.3.6.1.5" for n in range(last + 1, last + many + 1)]
        binds = tuple(VarBind(oid, ber.INTEGER, 1) for oid in oids)
        answer = Pdu(RESPONSE, pdu.request_id, 0, 0, binds)
        return [(0, codec.encode_message(Message(request.version, request.community, answer)))]

    async with peer(answers) as (port, _):
        target = at(port, timeout_s=0.1, retries=0)
        rows = await client.walk(target, root)
        assert [row.oid for row in rows] == [f"{root}.{n}" for n in range(1, 13)]
        assert asked[0] == 20
        asked.clear()
        assert await client.walk(target, root) == rows
        assert max(asked) == (5 if manages >= 5 else 1)


async def test_a_silent_device_cannot_be_walked(client):
    async with peer(lambda _request, _n: []) as (port, _):
        with pytest.raises(DeviceTimeout, match="no answer"):
            await client.walk(at(port, timeout_s=0.05, retries=0), "1.3.6.1.4.1.99999")


async def test_a_request_that_comes_back_is_no_answer(client):
    async with peer(lambda request, _: [(0, codec.encode_message(request))]) as (port, _):
        with pytest.raises(Malformed, match="came back"):
            await client.get(at(port), ONE)
        with pytest.raises(Malformed, match="came back"):
            await client.walk(at(port), "1.3.6.1.4.1.99999")
    assert client.counters.malformed == 4, "a walk tries smaller requests, then GETNEXT"


async def test_answers_of_a_known_layout_are_counted(client):
    template = Template.of(ONE.oids)
    async with peer(lambda request, n: [(0, reply(request, n))]) as (port, _):
        for _ in range(6):
            await client.get(at(port), template)
    assert (client.counters.shape_misses, client.counters.answers) == (2, 6)


async def test_many_devices_at_once_get_their_own_answers(client):
    async with peer(lambda request, n: [(0.001 * (n % 7), reply(request, n))]) as (port, _):
        results = []

        async def ask():
            results.append((await client.get(at(port), ONE)).values[0])

        async with asyncio.TaskGroup() as group:
            for _ in range(500):
                group.create_task(ask())
    assert sorted(results) == list(range(1, 501))


async def test_what_is_given_up_before_it_was_sent_is_never_sent(client):
    """More requests than may be out at once, to a device that is silent at first."""
    silent = True
    client._socket(("127.0.0.1", 0))
    window = client.window

    def answers(request, number):
        return [] if silent else [(0, reply(request, number))]

    async with peer(answers) as (port, protocol):
        async with asyncio.TaskGroup() as group:
            first = [
                group.create_task(client.get(at(port, timeout_s=30), ONE)) for _ in range(window)
            ]
            await asyncio.sleep(0.05)

            unsent = [group.create_task(client.get(at(port, timeout_s=30), ONE)) for _ in range(20)]
            await asyncio.sleep(0.05)
            assert protocol.requests == window
            for task in unsent[:15]:
                task.cancel()
            silent = False
            for task in first:
                task.cancel()
        assert [list(task.result().values) for task in unsent[15:]]
    assert protocol.requests == window + 5


async def test_closing_ends_what_waits(client):
    async with peer(lambda _request, _n: []) as (port, _):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(client.get(at(port, timeout_s=30), ONE))
            await asyncio.sleep(0.05)
            client.close()
            await asyncio.sleep(0)
        assert waiting.cancelled()
