"""One device's way to its objects: contact, what it has, and reading a request.

The two readers put the protocols behind one face, `Reader`, so that a session is written once. They
own targets, walks and the chain of SunSpec models; they know profiles, but neither speeds nor
schedules, and they decode no values. A request that the device refuses as a whole is raised as
`RequestRefused`, so that the session can split it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

from collectors.address import Address
from collectors.bind import (
    Bound,
    Item,
    Register,
    bind_modbus,
    bind_snmp,
    bind_sunspec,
    columns,
    conditions,
    field_register,
    parse_type,
)
from collectors.clients import Clients
from collectors.decode import Raw, text_of
from collectors.modbus.client import Target as ModbusTarget
from collectors.modbus.codec import MAX_REGISTERS
from collectors.modbus.sunspec import FieldLayout, ModelBlock, fields, walk_models
from collectors.plan import (
    Asked,
    ListRequest,
    RangeRequest,
    SnmpRequest,
    modbus_requests,
    snmp_requests,
    widest_gap,
)
from collectors.profile import ModbusDefaults, Profile, Where
from collectors.snmp.ber import END_OF_MIB_VIEW
from collectors.snmp.client import Target as SnmpTarget
from collectors.snmp.codec import ErrorStatus, Pdu, VarBind, Version, error_name
from collectors.snmp.walk import Walk
from core.errors import DeviceError, DeviceTimeout, Malformed, Refused
from core.quality import Quality
from core.site import Credentials, Poll

SYS_DESCR: Final = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID: Final = "1.3.6.1.2.1.1.2.0"
SYS_UPTIME: Final = "1.3.6.1.2.1.1.3.0"
SYS_NAME: Final = "1.3.6.1.2.1.1.5.0"

ENTERPRISES: Final = "1.3.6.1.4.1"

ENTERPRISES_MAX: Final = 32
"""So many makers' objects are looked for on one device."""

MAX_OIDS: Final = 128
"""No packet asks for more, whatever a profile allows."""

NAMES_AT_ONCE: Final = 16
"""Of so many names it is asked at once what follows them."""

TABLE_ROWS_MAX: Final = 5000
"""A column of more rows is a table without end."""

SILENT_COLUMNS_MAX: Final = 2
"""After so many columns of a table at which the device fell silent it is not asked for the others:
each costs several time-outs."""

if TYPE_CHECKING:
    from collectors.modbus.serial import SerialTarget


class RequestRefused(Exception):
    """A request failed as a whole although the device lives.

    `error_index` is the guilty object's place (1-based, 0 where the device does not say), `quality`
    what the object is worth when it was asked for alone.
    """

    def __init__(self, message: str, quality: Quality, error_index: int = 0) -> None:
        super().__init__(message)
        self.quality = quality
        self.error_index = error_index


class Reader(Protocol[Item, Asked]):
    """The face of a device's protocol. `Item` is an OID or a register, `Asked` its request."""

    first: Sequence[Item]
    """Objects read with every fast poll besides the points: what tells a restart."""

    async def contact(self) -> bool:
        """Make sure that the device lives; False where only the first read will tell.

        Raises DeviceError when it does not live.
        """
        ...

    async def introduce(self) -> None:
        """Learn what the device says it is."""
        ...

    async def bind(
        self, profiles: Sequence[Profile]
    ) -> tuple[list[tuple[Bound[Item], ...]], tuple[str, ...]]:
        """The points that this device may have by each profile, and what could not be found out."""
        ...

    def place_of(self, where: Where, profile: Profile) -> Item | None:
        """The object that holds a word of the nameplate; None where there is none."""
        ...

    def pack(self, items: Iterable[Item]) -> Sequence[Asked]:
        """Requests for these objects."""
        ...

    async def read(self, request: Asked) -> Sequence[Raw]:
        """The values of a request, in its order. Raises RequestRefused and DeviceError."""
        ...

    def learn(self, request: Asked) -> None:
        """A request failed as a whole though none of its objects is guilty: pack less from now
        on."""
        ...

    async def changed(self) -> bool:
        """Whether a table has other rows than it had when the points were bound."""
        ...

    def describe(self) -> str:
        """What the device said it is, as the end of a sentence; empty where it said nothing."""
        ...


class SnmpReader:
    """SNMP of all versions."""

    def __init__(
        self, clients: Clients, address: Address, credentials: Credentials, poll: Poll
    ) -> None:
        self._client = clients.snmp
        self._target = SnmpTarget(
            host=address.host,
            port=address.port,
            version={"v1": Version.V1, "v2c": Version.V2C, "v3": Version.V3}[credentials.version],
            community=credentials.community.encode(),
            user=credentials.user,
            timeout_s=poll.timeout_s,
            retries=poll.retries,
        )
        self._max_oids = MAX_OIDS
        self._names_at_once = NAMES_AT_ONCE
        self._hello = SnmpRequest.of((SYS_UPTIME,))
        self.first: Sequence[str] = (SYS_UPTIME,)
        self.refuses_whole = credentials.version == "v1"
        self.sys_descr = ""
        self.sys_object_id = ""
        self._refusal = ""
        self._rows: Mapping[str, Sequence[str]] = {}

    async def contact(self) -> bool:
        """Ask for the one object that every agent has; any answer will do.

        Raises Refused where a v3 device says that the user may not read at this security level.
        """
        answer = await self._client.get(self._target, self._hello.template)
        user = self._target.user
        if user is not None and answer.error_status == ErrorStatus.AUTHORIZATION_ERROR:
            raise Refused(
                f"{self._target} lets user '{user.name}' read nothing at {user.level}: does it want"
                " a higher security level (auth, priv), or has the user no view there?"
            )
        return True

    async def introduce(self) -> None:
        """Learn sysDescr and sysObjectID."""
        for oid in (SYS_DESCR, SYS_OBJECT_ID):
            answer = await self._client.get(self._target, SnmpRequest.of((oid,)).template)
            value = answer.values[0] if answer.values else None
            if answer.error_status not in {ErrorStatus.NO_ERROR, ErrorStatus.NO_SUCH_NAME}:
                self._refusal = error_name(answer.error_status)
            if oid == SYS_DESCR and isinstance(value, bytes):
                self.sys_descr = text_of(value)
            elif oid == SYS_OBJECT_ID and isinstance(value, str):
                self.sys_object_id = value

    async def next_after(self, oid: str) -> str:
        """The first object of the device behind a name; empty where it has none or will not say."""
        try:
            answer = await self._client.get_next(self._target, (oid,))
        except (DeviceTimeout, Malformed, Refused):
            return ""
        if answer.error_status or not answer.varbinds:
            return ""
        return "" if answer.varbinds[0].tag == END_OF_MIB_VIEW else answer.varbinds[0].oid

    async def following(self, oid: str) -> Pdu:
        """The objects behind a name, as many as the device likes to give at once. Raises
        DeviceError."""
        return await self._client.following(self._target, oid)

    async def having(self, objects: Iterable[str], columns: Iterable[str] = ()) -> set[str]:
        """Those of objects and table columns that the device has, by what follows a name: asked so,
        version 1 tells of several at once, too."""
        before = {oid: _before(oid) for oid in objects} | {column: column for column in columns}
        left = sorted(before, key=lambda name: [int(number) for number in name.split(".")])
        there: set[str] = set()
        while left:
            asked, left = left[: self._names_at_once], left[self._names_at_once :]
            following = await self._following([before[name] for name in asked])
            if isinstance(following, int):  # this one fails: the others without it
                left = [*asked[:following], *asked[following + 1 :], *left]
            elif following is None and len(asked) > 1:
                self._names_at_once = 1
                left = [*asked, *left]
            elif following is not None:
                pairs = zip(asked, following, strict=True)
                there |= {name for name, found in pairs if f"{found}.".startswith(f"{name}.")}
        return there

    async def _following(self, names: Sequence[str]) -> Sequence[str] | int | None:
        """The first object behind each name, or the place of one that fails, or None where all
        do."""
        try:
            answer = await self._client.get_next(self._target, names)
        except (DeviceTimeout, Malformed, Refused):
            return None
        if answer.error_status:
            return answer.error_index - 1 if 0 < answer.error_index <= len(names) else None
        if len(answer.varbinds) != len(names):
            return None
        return ["" if bind.tag == END_OF_MIB_VIEW else bind.oid for bind in answer.varbinds]

    async def enterprises(self) -> list[int]:
        """The makers whose objects the device has, by their enterprise numbers: a step each."""
        found: list[int] = []
        after = ENTERPRISES
        while len(found) < ENTERPRISES_MAX:
            number = enterprise_of(await self.next_after(after))
            if number is None or number < (found[-1] if found else 0) + 1:
                break
            found.append(number)
            after = f"{ENTERPRISES}.{number + 1}"
        return found

    async def bind(
        self, profiles: Sequence[Profile]
    ) -> tuple[list[tuple[Bound[str], ...]], tuple[str, ...]]:
        """Walk the profiles' tables. Of one that cannot be walked to its end what came before
        counts, and it is told; of one without end nothing does."""
        self._max_oids = min(self._max_oids, *(profile.snmp.max_oids for profile in profiles))
        wanted = dict.fromkeys(chain.from_iterable(map(columns, profiles)))
        found, errors = await self._tables(wanted)
        self._rows = _watched(found, errors)
        rows: dict[str, Mapping[str, Raw]] = {
            column: {bind.oid[len(column) + 1 :]: bind.value for bind in binds}
            for column, binds in found.items()
        }
        for oid in dict.fromkeys(chain.from_iterable(map(conditions, profiles))):
            try:
                answer = await self._client.get(self._target, SnmpRequest.of((oid,)).template)
            except (DeviceTimeout, Malformed) as error:
                await self._still_there(error)
                errors.append(f"{oid}: {told(error)}")
                continue
            rows[oid] = {"": answer.values[0] if answer.values else None}
        return [bind_snmp(profile, rows) for profile in profiles], tuple(errors)

    async def _tables(
        self, wanted: Iterable[str]
    ) -> tuple[Mapping[str, Sequence[VarBind]], list[str]]:
        """The rows of table columns, all in one walk; where the device fails at one it goes on
        with the next."""
        walk = Walk(wanted, TABLE_ROWS_MAX)
        errors: list[str] = []
        silent: Counter[str] = Counter()
        while not walk.done:
            column, at = walk.root, walk.at
            table = column.rpartition(".")[0]
            if silent[table] >= SILENT_COLUMNS_MAX:
                errors.append(f"{column}: not asked for, as the columns before it are silent")
                walk.skip()
                continue
            try:
                await self._client.step(self._target, walk)
            except (DeviceTimeout, Malformed, Refused) as error:
                if isinstance(error, DeviceTimeout):
                    silent[table] += 1
                    error = self._stopped(at, len(walk.rows[column]))
                await self._still_there(error)
                errors.append(f"{column}: {error}")
                walk.skip()
        return walk.rows, errors

    def _stopped(self, at: str, rows: int) -> DeviceTimeout:
        """That a device says nothing more in the middle of a table."""
        return DeviceTimeout(
            f"{self._target} stops answering in the middle of a table: nothing comes after {at} "
            f"({rows} row{'s' * (rows != 1)} came), restart its management card or look for newer "
            "firmware"
        )

    async def _still_there(self, error: DeviceError) -> None:
        """Raise what went wrong where the device is silent altogether since."""
        try:
            await self.contact()
        except DeviceTimeout:
            raise error from None

    def place_of(self, where: Where, _profile: Profile) -> str | None:
        return where.oid

    def pack(self, items: Iterable[str]) -> Sequence[SnmpRequest | ListRequest]:
        return snmp_requests(items, self._max_oids)

    async def read(self, request: SnmpRequest | ListRequest) -> Sequence[Raw]:
        if isinstance(request, ListRequest):
            return await self._listed(request)
        answer = await self._client.get(self._target, request.template)
        if answer.error_status:
            raise _refused(answer.error_status, answer.error_index)
        return answer.values

    async def _listed(self, request: ListRequest) -> Sequence[Raw]:
        """Which conditions stand in their table now: 1 or 0 for each."""
        try:
            rows = await self._client.walk(self._target, request.column, limit=TABLE_ROWS_MAX)
        except Refused as error:
            raise RequestRefused(str(error), Quality.REFUSED) from error
        present = {row.value for row in rows}
        return [int(item in present) for item in request.items]

    def learn(self, request: SnmpRequest | ListRequest) -> None:
        self._max_oids = min(self._max_oids, max(1, len(request.items) // 2))

    async def changed(self) -> bool:
        try:
            found = await self._client.walk_all(self._target, self._rows, limit=TABLE_ROWS_MAX)
        except (DeviceTimeout, Malformed, Refused):
            return False  # what it is worth shows when the device is opened
        return any(
            [bind.oid for bind in found[each]] != there for each, there in self._rows.items()
        )

    def describe(self) -> str:
        known = f"'{self.sys_descr}'" if self.sys_descr else ""
        if self.sys_object_id:
            known += f" (sysObjectID {self.sys_object_id})"
        if known:
            return f"it says it is {known.strip()}"
        return f"it refuses to say what it is ({self._refusal})" if self._refusal else ""


def _watched(found: Mapping[str, Sequence[VarBind]], errors: Sequence[str]) -> dict[str, list[str]]:
    """The columns to look at for rows that come, with their objects: of those that could be
    walked, one of each table, and those that have other rows than it."""
    broken = {error.partition(":")[0] for error in errors}
    watched: dict[tuple[str, ...], str] = {}
    for column, binds in found.items():
        if column not in broken:
            rows = (bind.oid[len(column) :] for bind in binds)
            watched.setdefault((column.rpartition(".")[0], *rows), column)
    return {column: [bind.oid for bind in found[column]] for column in watched.values()}


def told(error: DeviceError) -> str:
    """What went wrong with one object of a device that answers otherwise."""
    if isinstance(error, DeviceTimeout):
        return "no answer when it is asked for, though the device gives others"
    return str(error)


def _before(oid: str) -> str:
    """A name that an object follows at once, where the device has it."""
    above, _, last = oid.rpartition(".")
    return above if last == "0" else f"{above}.{int(last) - 1}"


def enterprise_of(oid: str) -> int | None:
    """The enterprise number in an OID; None where it is no maker's."""
    words = oid.removeprefix(f"{ENTERPRISES}.").split(".")
    return int(words[0]) or None if oid.startswith(f"{ENTERPRISES}.") else None


def _refused(status: int, index: int) -> RequestRefused:
    """An error-status in words. Source: RFC 3416 section 3."""
    if status == ErrorStatus.NO_SUCH_NAME:
        return RequestRefused("does not exist", Quality.NOT_IMPLEMENTED, index)
    meaning = f": {_MEANINGS[status]}" if status in _MEANINGS else ""
    return RequestRefused(
        f"the device refuses it ({error_name(status)}){meaning}", Quality.REFUSED, index
    )


_VIEW: Final = "may this community or user read it? see the view it has on the device"
_MEANINGS: Final[Mapping[int, str]] = {
    ErrorStatus.TOO_BIG: "even alone its value is too long for the device to send",
    ErrorStatus.GEN_ERR: "the device fails at it, newer firmware may not",
    ErrorStatus.NO_ACCESS: _VIEW,
    ErrorStatus.AUTHORIZATION_ERROR: _VIEW,
}


class ModbusReader:
    """Modbus over TCP or a serial line, SunSpec devices included."""

    def __init__(self, clients: Clients, address: Address, poll: Poll) -> None:
        self._clients = clients
        self._address = address
        self._poll = poll
        self._in_flight = ModbusDefaults().in_flight
        self._target = self._tcp()
        self._max_gap = self._max_registers = MAX_REGISTERS
        self._blocks: dict[ModelBlock, Mapping[str, FieldLayout]] = {}
        self._walked: tuple[ModelBlock, ...] = ()
        self.first: Sequence[Register] = ()
        self.identification: Mapping[int, str] = {}
        self.device_id = ""

    async def contact(self) -> bool:
        """Nothing is common to all Modbus devices: the first read tells."""
        return False

    async def bind(
        self, profiles: Sequence[Profile]
    ) -> tuple[list[tuple[Bound[Register], ...]], tuple[str, ...]]:
        limits = [profile.modbus for profile in profiles]
        self._in_flight = min(each.in_flight for each in limits)
        self._target = self._tcp()
        self._max_gap = min(self._max_gap, *(each.max_gap for each in limits))
        self._max_registers = min(self._max_registers, *(each.max_registers for each in limits))
        if any(profile.protocol == "sunspec" for profile in profiles):
            blocks = self._walked or await self.models()
            self._blocks = {block: fields(block.model, block.length) for block in blocks}
            self._walked = ()
        return [
            bind_sunspec(profile, self._blocks)
            if profile.protocol == "sunspec"
            else bind_modbus(profile)
            for profile in profiles
        ], ()

    async def models(self) -> tuple[ModelBlock, ...]:
        """The SunSpec models of the device, with which `bind` is content once. Raises Unidentified
        where it has none."""
        self._walked = ()
        self._walked = await walk_models(lambda at, count: self.registers(3, at, count))
        return self._walked

    async def introduce(self) -> None:
        """Learn the basic identification (function 43), which many devices do not have."""
        try:
            if self._address.scheme == "modbus+rtu":
                objects = await self._clients.serial.identify(self._serial())
            else:
                objects = await self._clients.modbus.identify(self._target)
        except (Refused, DeviceTimeout, Malformed):
            return
        self.identification = objects
        self.device_id = " ".join(objects[key] for key in sorted(objects) if objects[key])

    def place_of(self, where: Where, profile: Profile) -> Register | None:
        if where.address is not None:
            kind, count = parse_type(where.type or "u16")
            order = profile.modbus.word_order
            return Register(where.fc or profile.modbus.fc, where.address, kind, order, count)
        for block, layouts in self._blocks.items():
            if block.model == where.model and (layout := layouts.get(where.field or "")):
                return field_register(block, layout)
        return None

    def pack(self, items: Iterable[Register]) -> Sequence[RangeRequest]:
        return modbus_requests(items, max_registers=self._max_registers, max_gap=self._max_gap)

    async def read(self, request: RangeRequest) -> Sequence[Raw]:
        try:
            data = await self.registers(request.fc, request.address, request.count)
        except Refused as error:
            raise RequestRefused(str(error), Quality.REFUSED) from error
        return request.unpack(data)

    async def registers(self, fc: int, address: int, count: int) -> bytes:
        """Registers or bits as the client gives them. Raises DeviceError."""
        if self._address.scheme == "modbus+rtu":
            return await self._clients.serial.read(self._serial(), fc, address, count)
        return await self._clients.modbus.read(self._target, fc, address, count)

    def learn(self, request: RangeRequest) -> None:
        """Not across such a gap again; where there is none, not so many registers."""
        gap = widest_gap(request.items)
        if gap:
            self._max_gap = min(self._max_gap, gap - 1)
        else:
            self._max_registers = min(self._max_registers, max(1, request.count // 2))

    async def changed(self) -> bool:
        return False

    def describe(self) -> str:
        return f"it says it is '{self.device_id}'" if self.device_id else ""

    def _tcp(self) -> ModbusTarget:
        return ModbusTarget(
            host=self._address.host,
            port=self._address.port,
            unit=self._address.unit,
            timeout_s=self._poll.timeout_s,
            retries=self._poll.retries,
            in_flight=self._in_flight,
        )

    def _serial(self) -> SerialTarget:
        from collectors.modbus.serial import SerialTarget  # noqa: PLC0415 - pymodbus is slow

        return SerialTarget(
            line=self._address.host,
            unit=self._address.unit,
            baud=self._address.baud,
            timeout_s=self._poll.timeout_s,
            retries=self._poll.retries,
        )
