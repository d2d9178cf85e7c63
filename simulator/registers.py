"""Register images: a Modbus device as its profile describes it, filled from the plant when it is
read.

Registers between two points of a block answer zero, as real maps do; what lies outside is an
illegal address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from collectors.modbus import registers
from collectors.modbus.codec import COILS, DISCRETE_INPUTS
from collectors.profile import PointSpec, Profile, RegisterCondition, Where
from core.points import PointName
from simulator.electrical import Values
from simulator.encoding import Encoder, meeting, told_scale
from simulator.nameplate import Nameplate

BLOCK_GAP = 16
"""Points that lie no further apart belong to one readable block."""

_STRING = re.compile(r"^string\((\d+)\)$")
_LIMITS = {
    "u16": (0, 0xFFFF),
    "s16": (-0x8000, 0x7FFF),
    "u32": (0, 0xFFFFFFFF),
    "s32": (-0x80000000, 0x7FFFFFFF),
    "u64": (0, 2**64 - 1),
    "s64": (-(2**63), 2**63 - 1),
}


class OutsideError(Exception):
    """The range that was asked for is not wholly in the map."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """One value in the map."""

    fc: int
    address: int
    kind: str
    count: int
    word_order: registers.WordOrder
    give: Callable[[Values], registers.Raw | None]
    shift: int = 0
    width: int = 0


class RegisterImage:
    """The registers of one device. `values` gives its readings, `version` says when they change."""

    def __init__(
        self,
        profile: Profile,
        nameplate: Nameplate,
        values: Callable[[], Values],
        version: Callable[[], int],
    ) -> None:
        self._values, self._version = values, version
        self._cells = [*_identity(profile, nameplate), *_points(profile)]
        self._blocks = _blocks(self._cells)
        self._words: dict[tuple[int, int], int] = {}
        self._filled = -1

    def read(self, fc: int, address: int, count: int) -> bytes:
        """Registers big-endian, or bits packed from the lowest. Raises OutsideError."""
        last = address + count - 1
        if not any(start <= address and last <= end for start, end in self._blocks.get(fc, ())):
            raise OutsideError
        if self._filled != self._version():
            self._fill()
        words = [self._words.get((fc, at), 0) for at in range(address, last + 1)]
        if fc in (COILS, DISCRETE_INPUTS):
            packed = sum(bool(bit) << at for at, bit in enumerate(words))
            return packed.to_bytes((count + 7) // 8, "little")
        return b"".join(word.to_bytes(2, "big") for word in words)

    def _fill(self) -> None:
        values = self._values()
        words: dict[tuple[int, int], int] = {}
        for cell in self._cells:
            raw = cell.give(values)
            if raw is None:
                continue
            if cell.kind == "bit":
                words[cell.fc, cell.address] = int(raw)
                continue
            if cell.width:
                mask = (1 << cell.width) - 1
                raw = (int(raw) & mask) << cell.shift | _held(words, cell)
            elif cell.kind in _LIMITS:
                low, high = _LIMITS[cell.kind]
                raw = min(high, max(low, int(raw)))
            data = registers.encode(raw, cell.kind, word_order=cell.word_order, count=cell.count)
            for number in range(len(data) // 2):
                at = (cell.fc, cell.address + number)
                words[at] = int.from_bytes(data[2 * number : 2 * number + 2], "big")
        self._words, self._filled = words, self._version()


def _held(words: dict[tuple[int, int], int], cell: _Cell) -> int:
    """What other bit fields have put into the same value so far."""
    size = registers.width(cell.kind)
    parts = [words.get((cell.fc, cell.address + number), 0) for number in range(size)]
    if cell.word_order == "little":
        parts.reverse()
    held = 0
    for part in parts:
        held = held << 16 | part
    return held


def _points(profile: Profile) -> list[_Cell]:
    cells, told = [], _told(profile)
    for spec in profile.points:
        if spec.keys.address is None:
            continue
        conditions = spec.keys.valid_if
        valid = all(each.met_by(told.get((each.fc, each.address))) for each in conditions)
        for name, offset in spec.expanded():
            cell = _cell(profile, spec, name, spec.keys.address + offset)
            cells.append(cell if valid else replace(cell, give=_constant(None)))
    for spec in profile.points:
        for other in spec.keys.beside:
            if other.address is not None:
                fc = other.fc or profile.modbus.fc
                kind, count = _kind("bit" if fc in (COILS, DISCRETE_INPUTS) else other.type)
                give = _constant(told[other.fc, other.address])
                cells.append(_Cell(fc, other.address, kind, count, "big", give))
    return cells


def _told(profile: Profile) -> dict[tuple[int | None, int | None], int | str]:
    """What stands in the registers that tell scales and whether points have a value: of points that
    exclude each other the first has one."""
    told: dict[tuple[int | None, int | None], int | str] = {}
    for spec in profile.points:
        for scale in spec.keys.scale_from:
            told.setdefault((scale.fc, scale.address), told_scale(scale)[0])
        for condition in spec.keys.valid_if:
            told.setdefault((condition.fc, condition.address), meeting(condition))
    return told


def _cell(profile: Profile, spec: PointSpec, name: PointName, address: int) -> _Cell:
    keys = spec.keys
    fc = keys.fc or profile.modbus.fc
    default = "bit" if fc in (COILS, DISCRETE_INPUTS) else "u16"
    kind, count = _kind(keys.type or default)
    bits = keys.bits
    return _Cell(
        fc,
        address,
        kind,
        count,
        keys.word_order or profile.modbus.word_order,
        Encoder(name, spec).raw,
        bits.shift if bits else 0,
        bits.width if bits else 0,
    )


def _kind(text: str) -> tuple[str, int]:
    match = _STRING.match(text)
    return ("string", int(match[1])) if match else (text, 1)


def _identity(profile: Profile, nameplate: Nameplate) -> list[_Cell]:
    """Registers of the nameplate, and those by which the profile is recognised."""
    cells = []
    conditions = [each for match in profile.match.registers[:1] for each in (match, *match.also)]
    decisive = {each.address for each in conditions if each.low is None}
    for each in conditions:
        kind, count = _kind(each.type)
        give = _constant(_meets(each))
        cells.append(_Cell(each.fc, each.address, kind, count, each.word_order, give))
    for word, where in nameplate.where(profile):
        if where.address is None or where.address in decisive:
            continue
        kind, count = _kind(where.type or "u16")
        cells.append(
            _Cell(
                where.fc or profile.modbus.fc,
                where.address,
                kind,
                count,
                profile.modbus.word_order,
                _constant(_word(where, kind, word)),
            )
        )
    return cells


def _meets(condition: RegisterCondition) -> registers.Raw:
    """What is right in a decisive register; where a point stands there, its own value counts."""
    if condition.low is not None and condition.high is not None:
        return (condition.low + condition.high) / 2
    return condition.equals[0] if condition.equals else _example(condition.matches or "")


def _example(pattern: str) -> str:
    """A text that a simple regular expression finds: the first word of a choice, without what may
    be missing."""
    text = re.sub(r"\(\?i\)|[\^$]", "", pattern)
    return re.sub(r"\((\w+)\|[^()]*\)", r"\1", re.sub(r".\?", "", text))


def _constant(raw: registers.Raw | None) -> Callable[[Values], registers.Raw | None]:
    return lambda _values: raw


def _word(where: Where, kind: str, word: str) -> registers.Raw:
    """A word of the nameplate as it lies in registers: text, a number, or a coded name."""
    if where.map:
        return next(iter(where.map))
    if kind == "string":
        return word
    digits = "".join(letter for letter in word if letter.isdigit())
    return int(digits or "1")


def _blocks(cells: list[_Cell]) -> dict[int, list[tuple[int, int]]]:
    """Readable ranges by function, first and last address."""
    found: dict[int, list[tuple[int, int]]] = {}
    for cell in sorted(cells, key=lambda one: (one.fc, one.address)):
        last = cell.address + registers.width(cell.kind, cell.count) - 1
        ranges = found.setdefault(cell.fc, [])
        if ranges and cell.address - ranges[-1][1] <= BLOCK_GAP:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((cell.address, last))
    return found
