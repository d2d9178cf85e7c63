"""Which profiles fit a device: what it says it is, and objects that only its family has.

Any hit of a profile's `match` makes a candidate. The highest rank is what the device is, and among
equals the longer sysObjectID, then the name; a candidate none of whose decisive objects are there
comes after those whose are. These read what the first leaves out. Knows how to ask; what families
look like is in the profiles.

A device is asked little: for decisive objects of the standards and of the maker that its
sysObjectID names, and only where that is of no help for those of every maker whose objects it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from collectors.bind import Register, parse_type
from collectors.decode import Raw, text_of
from collectors.isolate import CarefulReading
from collectors.modbus.sunspec import ModelBlock
from collectors.plan import RangeRequest
from collectors.profile import Family, Library, Match, Profile, RegisterCondition
from collectors.reader import ModbusReader, SnmpReader, enterprise_of
from core.errors import DeviceTimeout, Malformed, Unidentified, advice
from core.quality import Quality

NET_SNMP: Final = 8072
"""The enterprise of net-snmp: a device that names itself by it says nothing of itself. Source: IANA
Private Enterprise Numbers."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A profile that fits: whether its decisive objects are there, and how much of the
    sysObjectID."""

    family: Family
    present: bool
    length: int = 0

    @property
    def order(self) -> tuple[bool, int, int, str]:
        """The best comes first."""
        match = self.family.match
        hollow = bool(match.present or match.rows) and not self.present
        return hollow, -match.rank, -self.length, self.family.name


async def identify_snmp(reader: SnmpReader, library: Library, where: str) -> tuple[Profile, ...]:
    """The profiles of an SNMP device at `where`, as it is called in messages: what it is, then what
    reads the rest.

    Raises Unidentified with what the device says it is, other DeviceErrors when it is silent.
    """
    await reader.introduce()
    families = [family for family in library.families() if family.protocol == "snmp"]
    told = {
        family.name: _length(family.match, reader.sys_object_id)
        for family in families
        if _told(family.match, reader)
    }
    maker = enterprise_of(reader.sys_object_id)
    maker = None if maker == NET_SNMP else maker
    there = await _there(
        reader,
        families,
        lambda family, oid: enterprise_of(oid) in (None, maker) or family.name in told,
    )
    described = 0 in told.values()
    if not described and not (maker and (told or any(map(enterprise_of, there)))):
        others = set(await reader.enterprises()) - {maker}
        there |= await _there(reader, families, lambda _, oid: enterprise_of(oid) in others)
    candidates = [
        _Candidate(
            family,
            not there.isdisjoint((*family.match.present, *family.match.rows)),
            told.get(family.name, 0),
        )
        for family in families
    ]
    fitting = [each for each in candidates if each.present or each.family.name in told]
    best = _best(fitting, where, reader.describe())
    return _with_others(best, [each for each in fitting if each.present], library)


def _told(match: Match, reader: SnmpReader) -> bool:
    """Whether a device says that it is of this family."""
    return _length(match, reader.sys_object_id) > 0 or any(
        re.search(pattern, reader.sys_descr) for pattern in match.sys_descr
    )


def _length(match: Match, sys_object_id: str) -> int:
    """How many sub-identifiers of a sysObjectID a family knows, 0 where it is another's."""
    return max((_fits(prefix, sys_object_id) for prefix in match.sys_object_id), default=0)


async def _there(
    reader: SnmpReader, families: Sequence[Family], wanted: Callable[[Family, str], bool]
) -> set[str]:
    """The decisive objects and columns that a device has, of those that are wanted."""
    objects = [oid for family in families for oid in family.match.present if wanted(family, oid)]
    columns = [oid for family in families for oid in family.match.rows if wanted(family, oid)]
    if reader.refuses_whole:
        return await reader.having(objects, columns)
    found = await CarefulReading(reader, heard=True).read(reader.pack(objects))
    there = {oid for oid, raw in found.items() if raw is not None and not isinstance(raw, Quality)}
    return there | await reader.having((), columns)


async def identify_modbus(
    reader: ModbusReader, library: Library, where: str
) -> tuple[Profile, ...]:
    """The profiles of a Modbus or SunSpec device at `where`; of a device that has registers of its
    maker and SunSpec models both are read. Raises as `identify_snmp` does.

    Registers of families that its identification names come first, and where one of these is right
    no others are asked for: some devices do not answer at all for registers that they do not have.
    """
    families = [family for family in library.families() if family.protocol != "snmp"]
    await reader.introduce()
    named = [
        family
        for family in families
        if any(re.search(pattern, reader.device_id) for pattern in family.match.device_id)
    ]
    reading = CarefulReading(reader, heard=bool(reader.device_id))
    found = await _decisive(reader, reading, named)
    if not any(_there_by(family, found) for family in named):
        found |= await _by_rank(reader, reading, [each for each in families if each not in named])
    models = {block.model for block in await _models(reader)}
    fitting = []
    for family in families:
        present = _there_by(family, found) or not models.isdisjoint(family.match.sunspec_models)
        if present or family in named:
            fitting.append(_Candidate(family, present))
    seen = reader.describe()
    if models:
        seen += ("; " if seen else "") + f"its SunSpec models are {_listed(sorted(models))}"
    best = _best(fitting, where, seen)
    # Registers of another map may hold anything: only one map of each kind can be right.
    other = [each for each in fitting if each.present and _kind(each) != _kind(best)]
    return _with_others(best, sorted(other, key=lambda each: each.order)[:1], library)


def _kind(candidate: _Candidate) -> str:
    return candidate.family.protocol


async def _by_rank(
    reader: ModbusReader,
    reading: CarefulReading[Register, RangeRequest],
    families: Sequence[Family],
) -> dict[Register, Raw]:
    """The decisive registers of these families, the highest rank first, until one of a rank is
    there: one of a lower rank could not be right beside it."""
    found: dict[Register, Raw] = {}
    for rank in sorted({family.match.rank for family in families}, reverse=True):
        equals = [family for family in families if family.match.rank == rank]
        found |= await _decisive(reader, reading, equals)
        if any(_there_by(family, found) for family in equals):
            break
    return found


async def _decisive(
    reader: ModbusReader,
    reading: CarefulReading[Register, RangeRequest],
    families: Sequence[Family],
) -> dict[Register, Raw]:
    """The decisive registers of these families that the device has; those that must also be right
    only where the first is."""
    matches = [match for family in families for match in family.match.registers]
    found = await _registers(reader, reading, matches)
    further = [other for match in matches if _met(match, found) for other in match.also]
    return found | await _registers(reader, reading, further)


def _there_by(family: Family, found: dict[Register, Raw]) -> bool:
    """Whether decisive registers say that a device is of this family."""
    return any(
        all(_met(each, found) for each in (match, *match.also)) for match in family.match.registers
    )


async def _registers(
    reader: ModbusReader,
    reading: CarefulReading[Register, RangeRequest],
    conditions: Iterable[RegisterCondition],
) -> dict[Register, Raw]:
    """Registers, each on its own: nobody knows what lies between them."""
    wanted = sorted(
        {_register(condition) for condition in conditions},
        key=lambda each: (each.fc, each.address, each.kind),
    )
    requests = [request for register in wanted for request in reader.pack([register])]
    found = await reading.read(requests)
    return {
        register: text_of(raw) if isinstance(raw, bytes | str) else raw
        for register, raw in found.items()
    }


async def _models(reader: ModbusReader) -> tuple[ModelBlock, ...]:
    try:
        return await reader.models()
    except (Unidentified, DeviceTimeout, Malformed):
        return ()


def _met(condition: RegisterCondition, found: dict[Register, Raw]) -> bool:
    held = found.get(_register(condition))
    return not isinstance(held, Quality | bytes) and condition.met_by(held)


def _register(condition: RegisterCondition) -> Register:
    kind, count = parse_type(condition.type)
    return Register(condition.fc, condition.address, kind, condition.word_order, count)


def _fits(prefix: str, oid: str) -> int:
    """How many sub-identifiers of an OID a prefix covers, 0 where it is none."""
    return prefix.count(".") + 1 if f"{oid}.".startswith(f"{prefix}.") else 0


def _best(fitting: Sequence[_Candidate], where: str, seen: str) -> _Candidate:
    if not fitting:
        told = f": {seen}" if seen else ""
        raise Unidentified(
            f"{where} answers, but no profile of the library fits it{told}; "
            f"name one (`kasbah profiles` lists them), or {advice(where)}"
        )
    return min(fitting, key=lambda each: each.order)


def _with_others(
    best: _Candidate, others: Sequence[_Candidate], library: Library
) -> tuple[Profile, ...]:
    """The profile of the best candidate, those it asks for, and those of the others."""
    profiles = {each.name: each for each in library.together(best.family.name)}
    for other in sorted(others, key=lambda each: each.order):
        for profile in library.together(other.family.name):
            profiles.setdefault(profile.name, profile)
    return tuple(profiles.values())


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
