"""Finding devices in networks: ask politely who is there, identify what answers.

Owns which addresses are asked what, how fast, and in which order. Every address gets one small
request for each port; only what answers is asked more. Reads like everything else here: nothing is
written to a device.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from collectors.address import Address
from collectors.bind import Item
from collectors.clients import Clients
from collectors.identify import identify_modbus, identify_snmp
from collectors.isolate import CarefulReading
from collectors.modbus.client import ModbusClient
from collectors.modbus.client import Target as ModbusTarget
from collectors.nameplate import Inscription
from collectors.plan import Asked
from collectors.profile import Library, Profile
from collectors.reader import ModbusReader, Reader, SnmpReader
from core.clock import Clock
from core.errors import (
    Busy,
    DeviceError,
    DeviceTimeout,
    Refused,
    Unreachable,
)
from core.site import Credentials, Poll
from core.snapshot import Nameplate

ADDRESSES_MAX: Final = 4096
"""More than that is not one plant network; each takes a moment."""

RATE_PER_S: Final = 100.0
"""Addresses asked in a second: unnoticed on a plant network of 10 Mbit/s."""

AT_ONCE: Final = 128
"""Addresses whose answers are awaited at once."""

TIMEOUT_S: Final = 1.0

UNITS: Final = (1, 255, 0)
"""Modbus units that are tried at an address: the usual one, then the two by which devices with a
network port of their own mean themselves (MODBUS Messaging on TCP/IP V1.0b, section 4.4.2.1)."""

Version = Literal["v1", "v2c", "v3"]


@dataclass(frozen=True, slots=True)
class Port:
    """Where a protocol is looked for."""

    protocol: Literal["snmp", "modbus"]
    number: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is asked. `versions` of SNMP are tried in their order."""

    hosts: tuple[str, ...]
    ports: tuple[Port, ...]
    credentials: Credentials
    versions: tuple[Version, ...] = ("v2c", "v1")
    rate_per_s: float = RATE_PER_S
    at_once: int = AT_ONCE
    timeout_s: float = TIMEOUT_S

    @property
    def lasts_s(self) -> float:
        """How long it takes where nobody answers, at most."""
        tries = {"snmp": 1 + len(self.versions), "modbus": 1}
        waiting_s = sum(tries[port.protocol] for port in self.ports) * self.timeout_s
        hosts = len(self.hosts)
        return max(
            hosts * len(self.ports) / self.rate_per_s,
            math.ceil(hosts * waiting_s / self.at_once),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Something that answers. Without a profile, `seen` says what is known of it."""

    address: str
    profile: str = ""
    device_class: str = ""
    nameplate: Nameplate = field(default_factory=Nameplate)
    snmp_version: str = ""
    seen: str = ""


def hosts_of(networks: Iterable[str]) -> tuple[str, ...]:
    """Every address of networks in CIDR form, once, in their order.

    Raises ValueError with a sentence for what is no network, and for more than ADDRESSES_MAX.
    """
    hosts: dict[str, None] = {}
    for text in networks:
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise ValueError(
                f"'{text}' is no network: write it as 10.10.1.0/24, or one address as 10.10.1.7"
            ) from None
        if network.num_addresses + len(hosts) > ADDRESSES_MAX:
            raise ValueError(
                f"'{text}' makes more than {ADDRESSES_MAX} addresses, which takes too long and"
                " disturbs too many: name the networks in which devices are, such as 10.10.1.0/24,"
                " one run after another"
            )
        hosts.update((str(host), None) for host in network.hosts())
    return tuple(hosts)


def ports_of(text: str) -> tuple[Port, ...]:
    """Ports as `snmp:161,snmp:1161,modbus:502`. Raises ValueError with a sentence."""
    ports: dict[Port, None] = {}
    for word in text.split(","):
        protocol, _, number = word.strip().partition(":")
        if not number.isdigit() or not 0 < int(number) < 65536:
            raise ValueError(f"'{word.strip()}' is no port: write e.g. snmp:161,snmp:1161")
        if protocol == "snmp":
            ports[Port("snmp", int(number))] = None
        elif protocol == "modbus":
            ports[Port("modbus", int(number))] = None
        else:
            raise ValueError(f"'{protocol}' is not looked for: write snmp:PORT or modbus:PORT")
    return tuple(ports)


async def discover(
    sweep: Sweep,
    *,
    library: Library,
    clock: Clock,
    progress: Callable[[Found | None], None] = lambda _found: None,
) -> tuple[Found, ...]:
    """What answers, by address. `progress` is called after each address and port with what was
    found there, None for nothing.

    Raises no DeviceError: a device that does not play along is something found, too.
    """
    found: list[tuple[int, Found]] = []
    places = enumerate((host, port) for host in sweep.hosts for port in sweep.ports)
    pace = _Pace(clock, sweep.rate_per_s)
    clients = Clients.open()

    async def worker() -> None:
        for number, (host, port) in places:
            await pace.turn()
            if port.protocol == "snmp":
                seen = await _snmp(Address("snmp", host, port.number), sweep, library, clients)
            else:
                seen = await _modbus(host, port.number, sweep, library)
            progress(seen)
            if seen is not None:
                found.append((number, seen))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(sweep.at_once, len(sweep.hosts) * len(sweep.ports))):
                group.create_task(worker())
    finally:
        await clients.close()
    return tuple(seen for _, seen in sorted(found, key=lambda each: each[0]))


class _Pace:
    """Lets through so many a second, evenly."""

    def __init__(self, clock: Clock, rate_per_s: float) -> None:
        self._clock = clock
        self._gap_s = 1 / rate_per_s
        self._next = clock.monotonic()

    async def turn(self) -> None:
        now = self._clock.monotonic()
        turn = max(now, self._next)
        self._next = turn + self._gap_s
        if turn > now:
            await self._clock.sleep(turn - now)


async def _snmp(address: Address, sweep: Sweep, library: Library, clients: Clients) -> Found | None:
    for version in sweep.versions:
        credentials = replace(sweep.credentials, version=version)
        retries = 1 if version == sweep.versions[0] else 0
        poll = Poll(timeout_s=sweep.timeout_s, retries=retries)
        reader = SnmpReader(clients, address, credentials, poll)
        try:
            await reader.contact()
        except DeviceTimeout:
            continue
        except Unreachable:
            return None
        except DeviceError as error:
            return _stranger(address, error, version)
        try:
            profiles = await identify_snmp(reader, library, str(address))
            plate = await _nameplate(reader, profiles)
        except DeviceError as error:
            return _stranger(address, error, version)
        return _found(address, profiles[0], plate, version)
    return None


async def _modbus(host: str, port: int, sweep: Sweep, library: Library) -> Found | None:
    """The first unit that answers at an address.

    The client is for this address alone, so that its connection ends here: many devices bear few.
    """
    clients = Clients.open()
    silent: list[Unreachable] = []
    poll = Poll(timeout_s=sweep.timeout_s, retries=0)
    try:
        for unit in UNITS:
            address = Address("modbus", host, port, unit)
            reader = ModbusReader(clients, address, poll)
            try:
                await _answers(
                    clients.modbus, ModbusTarget(host, port, unit, sweep.timeout_s, retries=0)
                )
                profiles = await identify_modbus(reader, library, str(address))
                await reader.bind(profiles)
                plate = await _nameplate(reader, profiles)
            except Unreachable as error:
                if not clients.modbus.counters.connects:
                    return None
                silent.append(error)
            except DeviceError as error:
                return _stranger(address, error)
            else:
                return _found(address, profiles[0], plate)
        address = Address("modbus", host, port, UNITS[0])
        return _stranger(address, silent[0], before="accepts connections, but ")
    finally:
        await clients.close()


async def _answers(client: ModbusClient, target: ModbusTarget) -> None:
    """Make sure that a unit lives. Some are silent where they have no register, some to functions
    that they do not know: both are tried. Raises Unreachable, Malformed."""
    try:
        try:
            await client.read(target, 3, 0, 1)
        except DeviceTimeout:
            if not client.counters.connects:
                raise
            await client.identify(target)
    except (Refused, Busy):
        return


async def _nameplate(reader: Reader[Item, Asked], profiles: Sequence[Profile]) -> Nameplate:
    """What an identified device says of itself. Raises DeviceError."""
    inscription = Inscription.of(profiles, reader)
    wanted = dict.fromkeys(inscription.items)
    raw = await CarefulReading(reader, heard=True).read(reader.pack(wanted))
    return inscription.read(raw)


def _found(address: Address, profile: Profile, plate: Nameplate, version: str = "") -> Found:
    return Found(str(address), profile.name, profile.device_class, plate, version)


def _stranger(
    address: Address, error: DeviceError, version: str = "", *, before: str = ""
) -> Found:
    """Something that answers, and could not be identified. Its words are kept to one line."""
    told = before + str(error).removeprefix(f"{address} ")
    line = "".join(letter if letter.isprintable() else " " for letter in told)
    return Found(str(address), snmp_version=version, seen=" ".join(line.split()))
