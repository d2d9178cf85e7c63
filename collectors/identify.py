"""Which profile fits a device: what it says it is, and objects that only its family has.

Any hit of a profile's `match` makes a candidate; the highest rank wins, and among equals the longer
sysObjectID, then the name. Knows how to ask; what families look like is in the profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from collectors.bind import Register, parse_type
from collectors.decode import Raw, text_of
from collectors.isolate import CarefulReading
from collectors.modbus.sunspec import ModelBlock
from collectors.profile import Library, Profile, RegisterMatch
from collectors.reader import ModbusReader, SnmpReader
from core.errors import DeviceTimeout, Malformed, Unidentified
from core.quality import Quality

Candidate = tuple[int, int, str]
"""Rank, how much of the sysObjectID fits, and the profile's name."""


async def identify_snmp(reader: SnmpReader, library: Library, where: str) -> Profile:
    """The profile of an SNMP device at `where`, as it is called in messages.

    Raises Unidentified with what the device says it is, other DeviceErrors when it is silent.
    """
    await reader.introduce()
    profiles = _of(library, "snmp")
    objects = [oid for profile in profiles for oid in profile.match.present]
    found = await CarefulReading(reader, heard=True).read(reader.pack(objects))
    there = {oid for oid, raw in found.items() if raw is not None and not isinstance(raw, Quality)}
    candidates: list[Candidate] = []
    for profile in profiles:
        match = profile.match
        length = max(
            (_fits(prefix, reader.sys_object_id) for prefix in match.sys_object_id), default=0
        )
        hit = (
            length
            or any(re.search(pattern, reader.sys_descr) for pattern in match.sys_descr)
            or any(oid in there for oid in match.present)
        )
        if hit:
            candidates.append((match.rank, length, profile.name))
    return _best(candidates, library, where, reader.describe())


async def identify_modbus(reader: ModbusReader, library: Library, where: str) -> Profile:
    """The profile of a Modbus or SunSpec device at `where`. Raises as `identify_snmp` does."""
    profiles = _of(library, "modbus")
    wanted = {_register(match) for profile in profiles for match in profile.match.registers}
    found = await _registers(reader, wanted)
    await reader.introduce()
    candidates: list[Candidate] = [
        (profile.match.rank, 0, profile.name)
        for profile in profiles
        if any(found.get(_register(match)) in match.equals for match in profile.match.registers)
        or any(re.search(pattern, reader.device_id) for pattern in profile.match.device_id)
    ]
    models = {block.model for block in await _models(reader)}
    candidates += [
        (profile.match.rank, 0, profile.name)
        for profile in _of(library, "sunspec")
        if models.intersection(profile.match.sunspec_models)
    ]
    seen = reader.describe()
    if models:
        seen += ("; " if seen else "") + f"its SunSpec models are {_listed(sorted(models))}"
    return _best(candidates, library, where, seen)


async def _registers(reader: ModbusReader, wanted: Iterable[Register]) -> dict[Register, Raw]:
    """Decisive registers, each on its own: nobody knows what lies between them."""
    reading = CarefulReading(reader)
    requests = [
        request
        for register in sorted(wanted, key=lambda each: (each.fc, each.address, each.kind))
        for request in reader.pack([register])
    ]
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


def _register(match: RegisterMatch) -> Register:
    kind, count = parse_type(match.type)
    return Register(match.fc, match.address, kind, "big", count)


def _of(library: Library, protocol: str) -> list[Profile]:
    profiles = (library.load(name) for name in sorted(library.names()))
    return [profile for profile in profiles if profile.protocol == protocol]


def _fits(prefix: str, oid: str) -> int:
    """How many sub-identifiers of an OID a prefix covers, 0 where it is none."""
    return prefix.count(".") + 1 if f"{oid}.".startswith(f"{prefix}.") else 0


def _best(candidates: list[Candidate], library: Library, where: str, seen: str) -> Profile:
    if not candidates:
        told = f": {seen}" if seen else ""
        raise Unidentified(
            f"{where} answers, but no profile of the library fits it{told}; "
            "name one (`kasbah profiles` lists them)"
        )
    rank, length, _ = max(candidates)
    equals = [name for *place, name in candidates if place == [rank, length]]
    return library.load(min(equals))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
