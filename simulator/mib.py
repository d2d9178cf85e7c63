"""What an SNMP agent has to show: objects in order, each filled when it is asked for.

Knows profiles and object identifiers; knows neither BER nor sockets. A variable is its ASN.1 tag
(as in RFC 3416 and in snmprec files) and its value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from collectors.profile import Beside, PointSpec, Profile
from collectors.snmp.ber import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    OCTET_STRING,
    OID,
    TIME_TICKS,
)
from core.points import PointName
from core.vocabulary import Kind
from simulator.electrical import Values
from simulator.encoding import FLAG, Encoder, Raw, fitting, meeting, told_scale
from simulator.nameplate import Nameplate

Oid = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A value with its ASN.1 tag: int for numbers, bytes for octets, dotted text for object ids and
    addresses."""

    tag: int
    value: int | bytes | str | None


class Mib(Protocol):
    """Objects in lexical order."""

    def get(self, oid: Oid) -> Variable | None:
        """The object now, None where there is none."""
        ...

    def next_after(self, oid: Oid) -> tuple[Oid, Variable] | None:
        """The first object behind this name, None at the end."""
        ...


class OrderedMib:
    """A Mib over a mapping of names to what gives their value."""

    def __init__(self, objects: Mapping[Oid, Callable[[], Variable | None]]) -> None:
        self._objects = dict(objects)
        self._order = sorted(self._objects)

    def get(self, oid: Oid) -> Variable | None:
        give = self._objects.get(oid)
        return give() if give is not None else None

    def next_after(self, oid: Oid) -> tuple[Oid, Variable] | None:
        for name in self._order[bisect_right(self._order, oid) :]:
            variable = self._objects[name]()
            if variable is not None:
                return name, variable
        return None

    def __len__(self) -> int:
        return len(self._order)


def parse_oid(text: str) -> Oid:
    """`1.3.6.1` with or without a leading dot. Raises ValueError."""
    return tuple(int(part) for part in text.strip().strip(".").split("."))


# The system group, RFC 3418

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME = (*SYSTEM, 1, 0), (*SYSTEM, 2, 0), (*SYSTEM, 3, 0)
SYS_CONTACT, SYS_NAME, SYS_LOCATION = (*SYSTEM, 4, 0), (*SYSTEM, 5, 0), (*SYSTEM, 6, 0)
SYS_SERVICES = (*SYSTEM, 7, 0)

UPS_MIB = "1.3.6.1.2.1.33"
LINES = ("1.3.6.1.2.1.33.1.3.2.0", "1.3.6.1.2.1.33.1.4.3.0", "1.3.6.1.2.1.33.1.5.2.0")
"""upsInputNumLines, upsOutputNumLines, upsBypassNumLines of RFC 1628, by which tables are sized."""


def device_mib(
    profile: Profile,
    nameplate: Nameplate,
    values: Callable[[], Values],
    uptime_s: Callable[[], float],
    others: Sequence[Profile] = (),
) -> OrderedMib:
    """All objects of one simulated device, of which `others` read the rest."""
    objects = _system(profile, nameplate, uptime_s)
    # A device is of one kind: what its profile reads of the other kinds is not there.
    strangers = [parse_oid(text) for text in profile.match.sys_object_id[1:]]
    for part in (profile, *others):
        objects = _objects(part, nameplate, values, strangers) | objects
    return OrderedMib(objects)


def _objects(
    profile: Profile,
    nameplate: Nameplate,
    values: Callable[[], Values],
    strangers: Sequence[Oid],
) -> dict[Oid, Callable[[], Variable | None]]:
    """What one profile reads."""
    objects: dict[Oid, Callable[[], Variable | None]] = {}
    shared: dict[Oid, list[Encoder]] = {}
    chosen: dict[Oid, int | str] = {}
    for spec in profile.points:
        for oid, name in _places(spec, values):
            if not _belongs(spec, oid, chosen, strangers):
                continue
            shared.setdefault(oid, []).append(Encoder(name, spec))
            for condition in spec.keys.valid_if:
                objects[_beside(spec, condition, oid)] = constant(_told(meeting(condition)))
            for scale in spec.keys.scale_from:
                objects[_beside(spec, scale, oid)] = constant(_told(told_scale(scale)[0]))
    objects |= {oid: _giver(encoders, values) for oid, encoders in shared.items()}
    objects |= {oid: constant(_told(held)) for oid, held in chosen.items()}
    for word, where in nameplate.where(profile):
        if where.oid is not None:
            objects.setdefault(
                parse_oid(where.oid), constant(Variable(OCTET_STRING, word.encode()))
            )
    for text in profile.match.present:
        objects.setdefault(parse_oid(text), constant(Variable(INTEGER, 1)))
    columns = [parse_oid(text) for text in profile.match.rows]
    if not any(oid[: len(column)] == column for column in columns for oid in objects):
        objects |= {(*column, 1): constant(Variable(INTEGER, 1)) for column in columns[:1]}
    if any((spec.keys.oid or spec.keys.walk or "").startswith(UPS_MIB) for spec in profile.points):
        for text in LINES:
            objects.setdefault(parse_oid(text), constant(Variable(INTEGER, 3)))
    return objects


def _system(
    profile: Profile, nameplate: Nameplate, uptime_s: Callable[[], float]
) -> dict[Oid, Callable[[], Variable | None]]:
    model = profile.match.sys_object_id
    kind = model[0] if model else "1.3.6.1.2.1"
    described = f"{nameplate.vendor} {profile.title}"
    for pattern in profile.match.sys_descr[:1]:
        text = fitting(pattern)
        told = (text, f"{text} {nameplate.firmware}")
        described = next((words for words in told if re.search(pattern, words.strip())), described)
    return {
        SYS_DESCR: constant(Variable(OCTET_STRING, described.encode())),
        SYS_OBJECT_ID: constant(Variable(OID, kind)),
        SYS_UPTIME: lambda: Variable(TIME_TICKS, int(uptime_s() * 100) % 2**32),
        SYS_CONTACT: constant(Variable(OCTET_STRING, b"")),
        SYS_NAME: constant(Variable(OCTET_STRING, nameplate.name.encode())),
        SYS_LOCATION: constant(Variable(OCTET_STRING, b"simulated")),
        SYS_SERVICES: constant(Variable(INTEGER, 64)),
    }


def _places(spec: PointSpec, values: Callable[[], Values]) -> Iterator[tuple[Oid, PointName]]:
    """Where a point stands: one object, or one for each row of a table column."""
    if spec.keys.oid is not None:
        yield parse_oid(spec.keys.oid), spec.name
    elif spec.keys.walk is not None:
        column = parse_oid(spec.keys.walk)
        for index, instance in _rows(spec, values()):
            yield (*column, *index), PointName(spec.name.part, spec.name.quantity, instance)


def _rows(spec: PointSpec, values: Values) -> Iterator[tuple[Oid, str]]:
    if spec.keys.instances is not None:
        for index, instance in spec.keys.instances.items():
            if row := _row(spec, index):
                yield row, instance
        return
    stem = str(PointName(spec.name.part, spec.name.quantity, ""))
    for name in values:
        head, _, instance = name.rpartition(".")
        numbered = head == stem and all(part.isdigit() for part in instance.split("-"))
        if numbered and (row := _row(spec, instance.replace("-", "."))):
            yield row, instance


def _row(spec: PointSpec, index: str) -> Oid | None:
    """The whole index of a row of which a profile keeps `index`, and more that the plant does not
    count; None where that takes more than to put numbers in the place of the groups."""
    pattern = spec.keys.index
    if pattern is None:
        return parse_oid(index)
    parts = iter(index.split("."))
    text = fitting(re.sub(r"\((?!\?)[^()]*\)", lambda _: next(parts, "1"), pattern))
    numbers = re.fullmatch(r"\d+(\.\d+)*", text)
    return parse_oid(text) if numbers and re.fullmatch(pattern, text) else None


def _belongs(
    spec: PointSpec, oid: Oid, chosen: dict[Oid, int | str], strangers: Sequence[Oid]
) -> bool:
    """Whether this device has the object: it is not another kind's, and what its profile tells such
    rows by (`only`) does not say something else already. What tells them is noted in `chosen`."""
    if any(oid[: len(other)] == other for other in strangers):
        return False
    tellers = [(_beside(spec, only, oid), only) for only in spec.keys.only]
    return all(
        teller != oid and only.met_by(chosen.setdefault(teller, meeting(only)))
        for teller, only in tellers
    )


def _beside(spec: PointSpec, other: Beside, oid: Oid) -> Oid:
    """Where a scale or condition of a point stands: in its row, or alone."""
    if other.oid is not None:
        return parse_oid(other.oid)
    return (*parse_oid(other.walk or ""), *oid[len(parse_oid(spec.keys.walk or "")) :])


def _told(held: int | str) -> Variable:
    """What tells something of other objects: a code or a text."""
    if isinstance(held, int):
        return Variable(INTEGER, held)
    return Variable(OCTET_STRING, held.encode())


def _giver(
    encoders: Sequence[Encoder], values: Callable[[], Values]
) -> Callable[[], Variable | None]:
    """What gives one object: a value, or the flags of all the points that share it."""
    first = encoders[0]
    if first.spec.keys.decoder == FLAG:
        return lambda: Variable(OCTET_STRING, _flags(encoders, values()))
    if first.spec.keys.bits is not None:
        return lambda: Variable(INTEGER, _fields(encoders, values()))

    def give() -> Variable | None:
        raw = first.raw(values())
        return None if raw is None else _variable(raw, first)

    return give


def _flags(encoders: Sequence[Encoder], values: Values) -> bytes:
    """A text of 0 and 1, one character for each flag, as long as a multiple of 32."""
    places = {_shift(encoder): encoder.raw(values) for encoder in encoders}
    length = -(-(max(places) + 1) // 32) * 32
    return "".join("1" if places.get(at) == 1 else "0" for at in range(length)).encode()


def _fields(encoders: Sequence[Encoder], values: Values) -> int:
    """An integer made of bit fields."""
    number = 0
    for encoder in encoders:
        raw = encoder.raw(values)
        number |= int(raw or 0) << _shift(encoder)
    return number


def _shift(encoder: Encoder) -> int:
    bits = encoder.spec.keys.bits
    return bits.shift if bits is not None else 0


def constant(variable: Variable) -> Callable[[], Variable]:
    """Gives the same variable for ever."""
    return lambda: variable


def _variable(raw: Raw, encoder: Encoder) -> Variable:
    """The tag that an agent would use: profiles do not say, because collectors do not need it."""
    if isinstance(raw, str):
        return Variable(OCTET_STRING, raw.encode())
    number, quantity = int(raw), encoder.name.definition
    if quantity is not None and quantity.unit == "s" and encoder.spec.keys.scale == 0.01:
        return Variable(TIME_TICKS, number % 2**32)
    if quantity is not None and quantity.kind is Kind.COUNTER:
        return Variable(COUNTER32, number % 2**32)
    if -(2**31) <= number < 2**31:
        return Variable(INTEGER, number)
    return Variable(GAUGE32, number) if 0 <= number < 2**32 else Variable(COUNTER64, number)


def sorted_oids(mib: Mib, start: Oid = (0,)) -> Sequence[Oid]:
    """All names of a Mib in order, as a walk finds them."""
    names, here = [], start
    while (found := mib.next_after(here)) is not None:
        here = found[0]
        names.append(here)
    return names
