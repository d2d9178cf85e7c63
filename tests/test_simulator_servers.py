"""The simulated devices on real sockets, read by clients that are not ours."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import shutil
import time
from dataclasses import replace

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from collectors.address import parse_address
from core.errors import ConfigError, KasbahError
from core.site import Credentials, Device
from simulator.faults import Faults
from simulator.mib import device_mib, parse_oid, sorted_oids
from simulator.nameplate import nameplate
from simulator.service import SimulatedSite, with_addresses
from tests.support.simulator import demo_site, small_site

UPS = Device(
    "ups-1", "ups", "rfc1628-ups", "snmp://10.0.0.1", Credentials("c", community="fortress")
)
CRAH = Device("crah-1", "crah", "sim-crah", "modbus://10.0.0.2/1", rating_kw=80)
TANKS = tuple(
    Device(f"tank-{n}", "fuel_tank", "sim-fuel-tank", f"modbus://10.0.0.3/{n}") for n in (1, 2)
)
METER = Device("meter-1", "meter", "schneider-pm5000", "modbus://10.0.0.4/1", rating_kw=200)
SMALL = small_site(UPS, CRAH, *TANKS, METER)

needs_snmp = pytest.mark.skipif(
    shutil.which("snmpbulkwalk") is None, reason="needs net-snmp's command line tools"
)


class WallClock:
    def now(self):
        return time.time()

    def monotonic(self):
        return time.monotonic()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


@contextlib.asynccontextmanager
async def serving(site=SMALL, *, ephemeral=True):
    simulated = SimulatedSite(site, WallClock())
    bound = await simulated.start(ephemeral=ephemeral)
    try:
        yield simulated, {name: parse_address(text) for name, text in bound.items()}
    finally:
        await simulated.close()


async def net_snmp(tool, address, *rest, community="fortress", version="2c"):
    process = await asyncio.create_subprocess_exec(
        tool, f"-v{version}", "-c", community, "-On", "-r0", "-t1",
        f"{address.host}:{address.port}", *rest,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def pymodbus(address):
    client = AsyncModbusTcpClient(address.host, port=address.port, timeout=0.5, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@needs_snmp
class TestSnmp:
    async def test_a_bulk_walk_finds_every_object_in_order(self):
        async with serving() as (simulated, at):
            code, out, _ = await net_snmp("snmpbulkwalk", at["ups-1"], ".1")
            profile = simulated._profiles.load("rfc1628-ups")
            plant = simulated.plant
            mib = device_mib(profile, nameplate(UPS), lambda: plant.values("ups-1"), lambda: 1.0)
        lines = [line.split(" = ") for line in out.splitlines() if not line.endswith("MIB tree)")]
        assert code == 0
        walked = [parse_oid(name) for name, _ in lines]
        assert walked == sorted_oids(mib)
        found = dict(lines)
        assert found[".1.3.6.1.2.1.1.5.0"] == 'STRING: "ups-1"'
        assert found[".1.3.6.1.2.1.33.1.4.1.0"] == "INTEGER: 3"
        assert found[".1.3.6.1.2.1.33.1.2.4.0"] == "INTEGER: 100"

    async def test_a_walk_with_version_1_ends_cleanly(self):
        async with serving() as (_, at):
            code, out, _ = await net_snmp("snmpwalk", at["ups-1"], ".1", version="1")
        assert code == 0
        assert len(out.splitlines()) > 50

    async def test_version_1_names_the_object_that_is_missing(self):
        async with serving() as (_, at):
            oids = ("1.3.6.1.2.1.33.1.2.4.0", "1.3.6.1.2.1.99.1.0")
            _, _, err = await net_snmp("snmpget", at["ups-1"], *oids, version="1")
        assert "noSuchName" in err
        assert "1.3.6.1.2.1.99.1.0" in err

    async def test_version_2_answers_what_there_is(self):
        async with serving() as (_, at):
            oids = ("1.3.6.1.2.1.33.1.2.4.0", "1.3.6.1.2.1.99.1.0")
            code, out, _ = await net_snmp("snmpget", at["ups-1"], *oids)
        assert code == 0
        assert "INTEGER: 100" in out
        assert "No Such Object" in out

    async def test_a_wrong_community_is_met_with_silence(self):
        async with serving() as (_, at):
            _, _, err = await net_snmp("snmpget", at["ups-1"], "1.3.6.1.2.1.1.5.0", community="no")
        assert "Timeout" in err

    async def test_a_silent_device_says_nothing_and_comes_back(self):
        async with serving() as (simulated, at):
            simulated.plant.faults = Faults({"silent": frozenset(("ups-1",))})
            _, _, err = await net_snmp("snmpget", at["ups-1"], "1.3.6.1.2.1.1.5.0")
            assert "Timeout" in err
            simulated.plant.faults = Faults()
            code, _, _ = await net_snmp("snmpget", at["ups-1"], "1.3.6.1.2.1.1.5.0")
            assert code == 0

    async def test_garbage_is_passed_over(self):
        async with serving() as (_, at):
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=(at["ups-1"].host, at["ups-1"].port)
            )
            for garbage in (b"", b"\x30", b"\x30\x82\xff\xff", bytes(range(200))):
                transport.sendto(garbage)
            code, _, _ = await net_snmp("snmpget", at["ups-1"], "1.3.6.1.2.1.1.5.0")
            transport.close()
        assert code == 0


class TestModbus:
    async def test_registers_hold_what_the_plant_says(self):
        async with serving() as (simulated, at), pymodbus(at["crah-1"]) as client:
            answer = await client.read_holding_registers(100, count=10, device_id=1)
            values = simulated.plant.values("crah-1")
        assert answer.registers[0] == 3  # on
        assert answer.registers[2] / 10 == pytest.approx(values["supply_air.temperature"], abs=0.06)
        assert answer.registers[4] / 10 == pytest.approx(values["return_air.temperature"], abs=0.06)

    async def test_floats_are_read_as_floats(self):
        async with serving() as (simulated, at), pymodbus(at["meter-1"]) as client:
            answer = await client.read_holding_registers(3059, count=2, device_id=1)
            power = simulated.plant.values("meter-1")["active_power"]
        number = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
        assert number * 1000 == pytest.approx(power, rel=1e-6)

    async def test_the_nameplate_is_that_of_the_simulator(self):
        async with serving() as (_, at), pymodbus(at["crah-1"]) as client:
            answer = await client.read_holding_registers(0, count=33, device_id=1)
            text = client.convert_from_registers(answer.registers[1:9], client.DATATYPE.STRING)
            info = await client.read_device_information(device_id=1)
        assert answer.registers[0] == 19208
        assert text.rstrip("\0") == "Kasbah Simulator"
        assert info.information[0] == b"Kasbah Simulator"

    @pytest.mark.parametrize(
        ("address", "count", "unit", "exception"),
        [(9000, 2, 1, 2), (95, 10, 1, 2), (100, 10, 7, 11)],
    )
    async def test_what_is_not_there_is_an_exception(self, address, count, unit, exception):
        async with serving() as (_, at), pymodbus(at["crah-1"]) as client:
            answer = await client.read_holding_registers(address, count=count, device_id=unit)
        assert answer.exception_code == exception

    async def test_coils_of_a_device_without_any_are_an_illegal_address(self):
        async with serving() as (_, at), pymodbus(at["crah-1"]) as client:
            answer = await client.read_coils(0, count=1, device_id=1)
        assert answer.exception_code == 2

    async def test_a_write_is_an_illegal_function(self):
        async with serving() as (_, at), pymodbus(at["crah-1"]) as client:
            answer = await client.write_register(100, 1, device_id=1)
        assert answer.exception_code == 1

    async def test_units_behind_one_gateway_answer_each_for_itself(self):
        async with serving() as (simulated, at), pymodbus(at["tank-1"]) as client:
            assert at["tank-1"].port == at["tank-2"].port
            simulated.plant.machines.tanks["tank-2"].level = 0.4
            simulated.plant.step(time.time() + 1)
            levels = [
                (await client.read_holding_registers(100, count=1, device_id=unit)).registers[0]
                for unit in (1, 2)
            ]
        assert levels[0] == pytest.approx(9300, abs=10)
        assert levels[1] == pytest.approx(4000, abs=10)

    async def test_a_silent_unit_leaves_the_others_alone(self):
        async with serving() as (simulated, at), pymodbus(at["tank-1"]) as client:
            simulated.plant.faults = Faults({"silent": frozenset(("tank-1",))})
            with pytest.raises(ModbusException):
                await client.read_holding_registers(100, count=1, device_id=1)
            await client.connect()
            answer = await client.read_holding_registers(100, count=1, device_id=2)
        assert not answer.isError()

    async def test_a_lost_gateway_drops_its_connections(self):
        async with serving() as (simulated, at):
            simulated.plant.faults = Faults({"gateway_lost": frozenset(("tank-2",))})
            reader, writer = await asyncio.open_connection(at["tank-1"].host, at["tank-1"].port)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(1), 2) == b""
            writer.close()


class TestAddresses:
    async def test_real_addresses_are_played_on_this_machine(self):
        async with serving() as (_, at):
            assert all(ipaddress.ip_address(a.host).is_loopback for a in at.values())
            assert all(a.port > 1023 for a in at.values())
            assert at["tank-2"].unit == 2

    async def test_the_demo_keeps_its_hosts_on_free_ports(self):
        async with serving(demo_site()) as (simulated, at):
            assert len(at) == 332
            assert at["ups-a1"].host == "127.20.3.11"
            site = with_addresses(demo_site(), {name: str(a) for name, a in at.items()})
            assert site.devices[0].address == str(at[site.devices[0].id])
            assert len(simulated.names()) == 11

    async def test_a_real_address_is_refused_where_it_is_meant(self):
        simulated = SimulatedSite(SMALL, WallClock())
        with pytest.raises(ConfigError) as raised:
            await simulated.start(ephemeral=False)
        assert len(raised.value.problems) == 5
        assert "'ups-1' is at snmp://10.0.0.1" in str(raised.value)
        assert "127.20.1.1" in str(raised.value)

    @pytest.mark.parametrize("device", [UPS, CRAH])
    async def test_a_taken_port_is_named(self, device):
        async with serving(small_site(device)) as (_, at):
            taken = small_site(replace(device, address=str(at[device.id])))
            second = SimulatedSite(taken, WallClock())
            with pytest.raises(KasbahError, match=f"{at[device.id].port}.*cannot be opened.*Stop"):
                await second.start(ephemeral=False)

    def test_a_device_without_a_profile_cannot_be_played(self):
        nameless = replace(UPS, profile="")
        with pytest.raises(ConfigError, match=r"'ups-1' has no profile: .* add one"):
            SimulatedSite(small_site(nameless), WallClock())


async def test_the_plant_moves_with_the_clock():
    class Quick(WallClock):
        def now(self):
            return 60 * time.time()

        async def sleep(self, seconds):
            await asyncio.sleep(seconds / 60)

    simulated = SimulatedSite(demo_site(), Quick())
    simulated.trigger("mains-failure")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(simulated.run())
        async with asyncio.timeout(10):
            while simulated.plant.network.branch("gen-bus").given_w < 1e6:
                await asyncio.sleep(0.02)
        running.cancel()
    assert simulated.plant.values("ups-a1")["mode"] == "online"
