"""What `kasbah record` reads from a device, by protocol: its lines, private data masked.

Owns how a device is asked and what is private in it; knows neither files nor the command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from agent.clock import SystemClock
from collectors.address import Address
from collectors.bind import Register
from collectors.clients import Clients
from collectors.identify import identify_modbus
from collectors.masking import Masker
from collectors.modbus.registers import width
from collectors.probe import probe
from collectors.profile import Library
from collectors.reader import SnmpReader
from collectors.recording import ListeningReader, Taken, read_range, take
from collectors.session import DeviceSession
from collectors.snmp.codec import VarBind
from core.errors import DeviceError, DeviceTimeout, Unidentified
from core.site import Credentials, Poll
from simulator.recording import format_line
from simulator.registers_file import format_registers

Progress = Callable[[str], None]
"""Is told where the recording is, with each object."""

Tell = Callable[[str], None]
"""Is told a sentence for the person who waits."""


class Recorder(Protocol):
    """One device while it is recorded. `troubles` are sentences about what is missing."""

    troubles: list[str]
    masked: Counter[str]

    async def read(self, progress: Progress, tell: Tell) -> None:
        """Read everything. Raises DeviceError where that cannot even begin."""
        ...

    def lines(self, *, mask: bool) -> list[str]:
        """What was read so far; empty where that is nothing."""
        ...


class SnmpRecorder:
    """Subtrees of an SNMP device, `limit` objects of each at most. Of `logins` the first counts
    that it answers to."""

    def __init__(
        self,
        address: Address,
        logins: Sequence[Credentials],
        poll: Poll,
        library: Library,
        *,
        roots: Sequence[str],
        limit: int,
    ) -> None:
        self._address, self._logins, self._poll, self._library = address, logins, poll, library
        self._roots, self._limit = roots, limit
        self._taken = Taken()
        self._masker = Masker()
        self.troubles = self._taken.troubles
        self.masked = self._masker.counts

    async def read(self, progress: Progress, tell: Tell) -> None:
        clients = Clients.open()

        def on(bind: VarBind) -> None:
            progress(bind.oid)

        try:
            reader, login = await self._reached(clients, tell)
            await self._learn(login, clients, tell)
            await take(
                reader,
                self._roots,
                self._taken,
                clock=SystemClock(),
                limit=self._limit,
                progress=on,
            )
        finally:
            await clients.close()

    def lines(self, *, mask: bool) -> list[str]:
        binds = self._masker.mask(self._taken.binds) if mask else self._taken.binds
        return [format_line(bind) for bind in binds]

    async def _reached(self, clients: Clients, tell: Tell) -> tuple[SnmpReader, Credentials]:
        """A reader in the first version that is answered."""
        silence: list[DeviceTimeout] = []
        for login in self._logins:
            reader = SnmpReader(clients, self._address, login, self._poll)
            try:
                await reader.contact()
            except DeviceTimeout as error:
                silence.append(error)
                continue
            if silence:
                tell(f"it answers SNMP {login.version} only: poll it with credentials that say so")
            return reader, login
        raise silence[0]

    async def _learn(self, login: Credentials, clients: Clients, tell: Tell) -> None:
        """Which serial numbers there are, by the profile that fits."""
        masker = self._masker
        if login.community not in {"public", "private"}:
            masker.secrets = (login.community,)
        try:
            told = await probe(
                str(self._address),
                credentials=login,
                clients=clients,
                library=self._library,
                clock=SystemClock(),
                timeout_s=self._poll.timeout_s,
            )
        except DeviceError:
            tell("no profile fits: of serial numbers only those in ENTITY-MIB are known")
            return
        tell(f"read by profile {told.profile}")
        masker.serial = told.serial
        masker.public = (told.vendor, told.model, told.firmware)
        where = self._library.load(told.profile).identity.serial
        if where is not None and where.oid and not where.pattern:
            # In a column other rows have serial numbers, too.
            single = where.oid.endswith(".0")
            masker.serials = (where.oid if single else where.oid.rpartition(".")[0],)


class ModbusRecorder:
    """The registers by which a Modbus device is identified and read, and further `ranges` of them:
    function, first and last address."""

    def __init__(
        self,
        address: Address,
        poll: Poll,
        library: Library,
        *,
        ranges: Sequence[tuple[int, int, int]],
    ) -> None:
        self._address, self._library, self._ranges = address, library, ranges
        self._clients = Clients.open()
        self._reader = ListeningReader(self._clients, address, poll)
        self._serial: Register | None = None
        self.troubles: list[str] = []
        self.masked: Counter[str] = Counter()

    async def read(self, progress: Progress, tell: Tell) -> None:
        try:
            await self._survey(tell)
            for fc, first, last in self._ranges:
                progress(f"{fc}:{first}")
                clock = SystemClock()
                self.troubles += await read_range(self._reader, fc, first, last, clock=clock)
        finally:
            await self._clients.close()

    def lines(self, *, mask: bool) -> list[str]:
        words = dict(self._reader.words)
        if mask and self._serial is not None:
            held = self._serial
            last = held.address + width(held.kind, held.count)
            places = [(held.fc, at) for at in range(held.address, last) if words.get((held.fc, at))]
            words |= dict.fromkeys(places, 0x5858 if held.kind == "string" else 0)  # XX
            if places:
                self.masked["serial number"] += 1
        return list(format_registers(words, self._reader.identification)) if words else []

    async def _survey(self, tell: Tell) -> None:
        """Let the device be identified and read, and listen."""
        reader, where = self._reader, str(self._address)
        found = partial(identify_modbus, reader, self._library, where)
        session: DeviceSession[Any, Any] = DeviceSession(reader, found, where, SystemClock())
        try:
            profile = (await session.survey()).profile
        except Unidentified:
            if not self._ranges:
                raise Unidentified(
                    f"no profile fits {where}: name the registers to record, e.g. --range 3:0-199"
                ) from None
            tell("no profile fits: serial numbers cannot be masked")
            return
        tell(f"read by profile {profile.name}")
        if profile.identity.serial is not None:
            self._serial = reader.place_of(profile.identity.serial, profile)
