"""Finding devices in networks: ask politely who is there, identify what answers.

Owns which addresses are asked what, how fast, and in which order. Every address gets one small
request for each port; only what answers is asked more. Reads like everything else here: nothing is
written to a device.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from collectors.address import MODBUS_PORT, SNMP_PORT, Address, parse_address
from collectors.bind import Item
from collectors.clients import Clients
from collectors.decode import text_of
from collectors.identify import identify_modbus, identify_snmp
from collectors.isolate import CarefulReading
from collectors.modbus.client import Target as ModbusTarget
from collectors.nameplate import Inscription
from collectors.plan import Asked
from collectors.profile import Library, Profile
from collectors.reader import SYS_NAME, ModbusReader, Reader, SnmpReader
from core.clock import Clock
from core.errors import (
    Busy,
    DeviceError,
    DeviceTimeout,
    Malformed,
    Refused,
    Unreachable,
)
from core.site import Credentials, Poll
from core.snapshot import Nameplate

ADDRESSES_MAX: Final = 65536
"""A /16: more is no plant network."""

RATE_PER_S: Final = 200.0
"""Addresses and ports asked in a second: 0.2 Mbit/s, unnoticed on a plant network of 10."""

AT_ONCE: Final = 128
"""Addresses whose answers are awaited at once."""

TIMEOUT_S: Final = 1.0

UNITS: Final = (1, 255, *range(2, 11), 247)
"""Modbus units that are looked for, in this order: where people begin to count, the one by which
devices with a network port of their own mean themselves (MODBUS Messaging on TCP/IP V1.0b, section
4.4.2.1), and where people end."""

ITSELF: Final = (0, 255)
"""Units by which a device means itself: further names of a device that has a unit, too."""

UNITS_FIRST: Final = 2
"""So many units are waited for in full, and may hang up before an address is given up."""

QUICK_S: Final = 0.005
"""Who answers within this has no serial line behind it: at 57600 baud a request and its answer are
longer on the way."""

SLOW_S: Final = 0.3
"""Behind who takes longer than this no further units are looked for, and it is told."""

SLOW: Final = "(it answers slowly: further units are only asked where --units names them)"

DATA: Final = "data"

HASTE: Final = 0.3
"""The part of the time-out for which further units are waited for where there is no serial line, or
where nothing has ever answered."""

Version = Literal["v1", "v2c", "v3"]


@dataclass(frozen=True, slots=True)
class Port:
    """Where a protocol is looked for."""

    protocol: Literal["snmp", "modbus"]
    number: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is asked. `versions` of SNMP and `units` of Modbus are tried in their order."""

    hosts: tuple[str, ...]
    ports: tuple[Port, ...]
    credentials: Credentials
    versions: tuple[Version, ...] = ("v2c", "v1")
    units: tuple[int, ...] = UNITS
    rate_per_s: float = RATE_PER_S
    at_once: int = AT_ONCE
    timeout_s: float = TIMEOUT_S

    @property
    def lasts_s(self) -> float:
        """How long it takes where nobody answers, at most."""
        tries = {"snmp": 2, "modbus": 1}
        waiting_s = sum(tries[port.protocol] for port in self.ports) * self.timeout_s
        hosts = len(self.hosts)
        return max(
            hosts * len(self.ports) / self.rate_per_s,
            math.ceil(hosts * waiting_s / self.at_once),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Something that answers. Without a profile, `seen` says what is known of it; `name` is what it
    is called there."""

    address: str
    profile: str = ""
    device_class: str = ""
    nameplate: Nameplate = field(default_factory=Nameplate)
    snmp_version: str = ""
    seen: str = ""
    name: str = ""


def hosts_of(network: str) -> tuple[str, ...]:
    """Every address of a network in CIDR form.

    Raises ValueError with a sentence for what is no network, and for more than ADDRESSES_MAX.
    """
    try:
        block = ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"'{network}' is no network: write it as 10.10.1.0/24, or one address as 10.10.1.7"
        ) from None
    if block.num_addresses > ADDRESSES_MAX:
        raise ValueError(
            f"'{network}' has more than {ADDRESSES_MAX} addresses, which takes too long and"
            " disturbs too many: name the networks in which devices are, such as 10.10.1.0/24"
        )
    return tuple(map(str, block.hosts()))


def ports_of(word: str) -> tuple[Port, ...]:
    """What is looked for at a port: `1161` may be either protocol, `161` and `502` are what they
    are known for, `snmp:1161` and `modbus:1502` say it. Raises ValueError with a sentence."""
    protocol, colon, digits = word.strip().rpartition(":")
    number = _number(digits, 65535)
    if not number:
        raise ValueError(f"'{word.strip()}' is no port: write numbers from 1 to 65535, as 161,502")
    known = {SNMP_PORT: "snmp", MODBUS_PORT: "modbus"}
    protocol = protocol if colon else known.get(number, "")
    if protocol == "snmp":
        return (Port("snmp", number),)
    if protocol == "modbus":
        return (Port("modbus", number),)
    if colon:
        raise ValueError(f"'{protocol}' is not looked for: write snmp:{number} or modbus:{number}")
    return Port("snmp", number), Port("modbus", number)


def units_of(word: str) -> tuple[int, ...]:
    """Modbus units, as `7` or `1-10`. Raises ValueError with a sentence."""
    first, dash, last = word.strip().partition("-")
    low, high = _number(first, 255), _number(last if dash else first, 255)
    if low is None or high is None or high < low:
        raise ValueError(f"'{word.strip()}' is no unit: write numbers from 0 to 255, as 1-10,247")
    return tuple(range(low, high + 1))


def _number(digits: str, most: int) -> int | None:
    """A number up to `most`, None for anything else."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(most))):
        return None
    return int(digits) if int(digits) <= most else None


async def discover(
    sweep: Sweep,
    *,
    library: Library,
    clock: Clock,
    found: Callable[[Found], None],
    asked: Callable[[], None] = lambda: None,
) -> None:
    """Call `found` with each thing that answers, `asked` after each address and port.

    One port after the other is asked everywhere, so that no device gets everything at once. Raises
    no DeviceError: a device that does not play along is something found, too.
    """
    places = ((host, port) for port in sweep.ports for host in sweep.hosts)
    pace = _Pace(clock, sweep.rate_per_s)
    clients = Clients.open()

    async def worker() -> None:
        for host, port in places:
            await pace.turn()
            if port.protocol == "snmp":
                seen = await _snmp(Address("snmp", host, port.number), sweep, library, clients)
                if seen is not None:
                    found(seen)
            else:
                async for seen in _Gateway(host, port.number, sweep, library, clock).devices():
                    found(seen)
            asked()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(sweep.at_once, len(sweep.hosts) * len(sweep.ports))):
                group.create_task(worker())
    finally:
        await clients.close()


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
    """A device that answers in one of the versions; None for silence."""
    try:
        version = await _version(address, sweep, clients)
    except Unreachable:
        return None
    except DeviceError as error:
        return _stranger(address, error)
    if version is None:
        return None
    credentials = replace(sweep.credentials, version=version)
    reader = SnmpReader(clients, address, credentials, Poll(timeout_s=sweep.timeout_s))
    try:
        profiles = await identify_snmp(reader, library, str(address))
        plate, name = await _inscription(reader, profiles, SYS_NAME)
    except DeviceError as error:
        return replace(_stranger(address, error), snmp_version=version)
    return replace(_found(address, profiles[0], plate), snmp_version=version, name=name)


async def _version(address: Address, sweep: Sweep, clients: Clients) -> Version | None:
    """The first of the versions that a device speaks.

    Where there are several, the second also makes up for a datagram that was lost: who speaks it is
    asked for the first again. Raises DeviceError other than silence.
    """
    first, *others = sweep.versions
    poll = Poll(timeout_s=sweep.timeout_s, retries=0 if others else 1)

    async def speaks(version: Version) -> bool:
        credentials = replace(sweep.credentials, version=version)
        try:
            return await SnmpReader(clients, address, credentials, poll).contact()
        except DeviceTimeout:
            return False

    if await speaks(first):
        return first
    for version in others:
        if await speaks(version):
            return first if await speaks(first) else version
    return None


class _Gateway:
    """The units behind an address, of which one thing at a time is asked.

    The client is for this address alone, so that its connection ends here: many devices bear few.
    """

    def __init__(self, host: str, port: int, sweep: Sweep, library: Library, clock: Clock) -> None:
        self._address = Address("modbus", host, port, sweep.units[0])
        self._sweep = sweep
        self._library = library
        self._clock = clock
        self._clients = Clients.open()
        self._client = self._clients.modbus
        self._poll = Poll(timeout_s=sweep.timeout_s, retries=0)
        self._tried = 0
        self._slowest_s: float | None = None
        self._failures: list[DeviceError] = []

    async def devices(self) -> AsyncIterator[Found]:
        """What answers there, each device once."""
        told: list[Found] = []
        try:
            for unit in await self._living():
                seen = await self._device(replace(self._address, unit=unit))
                if self._slow:
                    seen = replace(seen, seen=f"{seen.seen} {SLOW}".strip())
                if not any(_same(seen, other) for other in told):
                    told.append(seen)
                    yield seen
        except DeviceError as error:
            if self._client.counters.connects:
                before = "accepts connections, but " * isinstance(error, Unreachable)
                yield _stranger(self._address, error, before)
        finally:
            await self._clients.close()

    async def _living(self) -> list[int]:
        """The units that answer, told apart from those that are not there by asking one that hardly
        is: some gateways answer for it, and some devices answer whatever the unit.

        Raises what came of the first one where there is none.
        """
        answers: dict[int, str] = {}
        for unit in self._sweep.units:
            if self._slow:
                break
            answers[unit] = await self._answer(unit)
        units = [unit for unit, answer in answers.items() if answer]
        if not units:
            raise self._failures[0]
        nobody = next((unit for unit in range(246, 0, -1) if unit not in self._sweep.units), None)
        if len(units) == 1 or nobody is None:
            return units
        absent = await self._answer(nobody)
        there = [unit for unit in units if answers[unit] != absent]
        return there if there and absent != DATA else units[:1]

    @property
    def _slow(self) -> bool:
        """Whether the usual units are too many for it."""
        return self._sweep.units == UNITS and (self._slowest_s or 0.0) >= SLOW_S

    async def _answer(self, unit: int) -> str:
        """How a unit answers: with data, or why not; nothing for silence. Raises DeviceError where
        nothing here ever will."""
        begun = self._clock.monotonic()
        target = ModbusTarget(
            self._address.host, self._address.port, unit, self._patience_s(), retries=0
        )
        self._tried += 1
        answer = DATA
        try:
            await self._client.read(target, 3, 0, 1)
        except Refused as error:
            answer = f"exception {error.code}"
        except Busy:
            pass
        except DeviceError as error:
            self._failures.append(error)
            if self._hopeless(error):
                raise
            first = unit == self._sweep.units[0]
            return DATA if first and await self._knows(target) else ""
        if unit not in ITSELF:
            self._slowest_s = max(self._slowest_s or 0.0, self._clock.monotonic() - begun)
        return answer

    async def _knows(self, target: ModbusTarget) -> bool:
        """Whether a unit that is silent where it may have no register answers to function 43."""
        try:
            await self._client.identify(target)
        except (Refused, Busy):
            return True
        except DeviceError:
            return False
        return True

    def _patience_s(self) -> float:
        """How long the next unit is waited for: a serial line needs its time."""
        if self._tried < UNITS_FIRST:
            return self._sweep.timeout_s
        if self._slowest_s is None:
            hasty = not self._client.counters.answers
        else:
            hasty = self._slowest_s < QUICK_S
        return self._sweep.timeout_s * (HASTE if hasty else 1.0)

    def _hopeless(self, error: DeviceError) -> bool:
        """Whether no unit is worth asking after this: nothing listens, or it is no Modbus."""
        counters = self._client.counters
        if counters.answers:
            return False
        silent = counters.connects and isinstance(error, DeviceTimeout)
        enough = isinstance(error, Malformed) or len(self._failures) >= UNITS_FIRST
        return not counters.connects or (not silent and enough)

    async def _device(self, address: Address) -> Found:
        reader = ModbusReader(self._clients, address, self._poll)
        try:
            profiles = await identify_modbus(reader, self._library, str(address))
            await reader.bind(profiles)
            plate, _ = await _inscription(reader, profiles)
        except DeviceError as error:
            return _stranger(address, error)
        return _found(address, profiles[0], plate)


def _same(one: Found, other: Found) -> bool:
    """Whether two units are one device: by its serial number, or as one of them means itself."""
    itself = any(parse_address(each.address).unit in ITSELF for each in (one, other))
    known = bool(one.profile) and (itself or bool(one.nameplate.serial))
    return known and (one.profile, one.nameplate) == (other.profile, other.nameplate)


async def _inscription(
    reader: Reader[Item, Asked], profiles: Sequence[Profile], *name: Item
) -> tuple[Nameplate, str]:
    """What an identified device says of itself, and what it is called. Raises DeviceError."""
    inscription = Inscription.of(profiles, reader)
    wanted = dict.fromkeys((*inscription.items, *name))
    raw = await CarefulReading(reader, heard=True).read(reader.pack(wanted))
    called = raw[name[0]] if name else None
    return inscription.read(raw), text_of(called) if isinstance(called, bytes) else ""


def _found(address: Address, profile: Profile, plate: Nameplate) -> Found:
    return Found(str(address), profile.name, profile.device_class, plate)


def _stranger(address: Address, error: DeviceError, before: str = "") -> Found:
    """Something that answers, and could not be identified. Its words are kept to one line."""
    told = before + str(error).removeprefix(f"{address} ")
    line = "".join(letter if letter.isprintable() else " " for letter in told)
    return Found(str(address), seen=" ".join(line.split()))
