"""From raw values of one answer to Kasbah's: scale, states, sentinels, quality. Pure, and hot.

A `Decoder` is compiled once per request. Where all values of an answer are numbers within their
range it does one vectorised pass; a single oddity sends that answer through the careful way, one
value at a time. Both give the same arrays, and a test holds them equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import numpy as np

from collectors.profile import PointSpec, StateValue
from core.quality import Quality
from core.readings import Bytes, Floats
from core.vocabulary import Severity

Raw = int | float | bytes | str | None
"""What a codec hands over; None where the device has no such object."""


class Missing:
    """Stands in a raw list for an object that could not be read, with the quality it leads to."""

    __slots__ = ("quality",)

    def __init__(self, quality: Quality) -> None:
        self.quality = quality


NO_ANSWER: Final = Missing(Quality.NO_ANSWER)
REFUSED: Final = Missing(Quality.REFUSED)

Result = tuple[float, Quality, Severity]


@dataclass(frozen=True, slots=True)
class Field:
    """How one point comes out of the raw items of a request.

    `item` is the place of the raw value in the answer, `scale_item` that of an object holding the
    scale.
    """

    item: int
    scale: float = 1.0
    offset: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    sentinels: frozenset[int | float | str] = frozenset()
    states: Mapping[int | str, StateValue] | None = None
    shift: int = 0
    mask: int = 0
    scale_item: int | None = None
    scale_is_factor: bool = False
    decoder: Callable[[Raw, int], Raw] | None = None

    @property
    def plain(self) -> bool:
        """A number that the vectorised pass can do."""
        return (
            self.states is None
            and not self.mask
            and self.scale_item is None
            and self.decoder is None
        )


def field_of(spec: PointSpec, item: int, scale_item: int | None = None) -> Field:
    """Compile how a point of a profile is decoded. Raises KeyError for a decoder that does not
    exist."""
    keys, quantity = spec.keys, spec.name.definition
    low, high = keys.low, keys.high
    if quantity is not None:
        low = quantity.low if low is None else low
        high = quantity.high if high is None else high
    return Field(
        item=item,
        scale=keys.scale,
        offset=keys.offset,
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
        sentinels=frozenset(keys.sentinels),
        states=spec.states,
        shift=keys.bits.shift if keys.bits else 0,
        mask=(1 << keys.bits.width) - 1 if keys.bits else 0,
        scale_item=scale_item,
        scale_is_factor=keys.scale_from is not None and keys.scale_from.as_ == "factor",
        decoder=DECODERS[keys.decoder] if keys.decoder else None,
    )


class Decoder:
    """Decodes the answers to one request; `fields[i]` gives element i of the arrays."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        plain = [i for i, field in enumerate(fields) if field.plain]
        self._careful = [(i, field) for i, field in enumerate(fields) if not field.plain]
        self._plain = np.array(plain, dtype=np.intp)
        self._all_plain = len(plain) == len(fields)
        items = [fields[i].item for i in plain]
        self._take = _taker(items)
        self._scale = np.array([fields[i].scale for i in plain])
        self._offset = np.array([fields[i].offset for i in plain])
        self._shifted = bool(self._offset.any())
        self._low = np.array([fields[i].low for i in plain])
        self._high = np.array([fields[i].high for i in plain])
        self._sentinels = frozenset().union(*(fields[i].sentinels for i in plain))

    def decode(self, raw: Sequence[Any]) -> tuple[Floats, Bytes, Bytes]:
        """Values, quality bytes and severities of an answer; NaN exactly where the quality is
        bad."""
        n = len(self._fields)
        value = np.empty(n)
        quality = np.zeros(n, dtype=np.uint8)
        severity = np.zeros(n, dtype=np.uint8)
        fast = self._vectorised(raw)
        if fast is None:
            for i, field in enumerate(self._fields):
                value[i], quality[i], severity[i] = decode_one(field, raw)
            return value, quality, severity
        if self._all_plain:
            return fast, quality, severity
        value[self._plain] = fast
        for i, field in self._careful:
            value[i], quality[i], severity[i] = decode_one(field, raw)
        return value, quality, severity

    def _vectorised(self, raw: Sequence[Any]) -> Floats | None:
        """The plain fields at once; None where any of them is not an ordinary number in its
        range."""
        taken = self._take(raw)
        if not self._sentinels.isdisjoint(taken):
            return None
        for kind in set(map(type, taken)):
            if kind is not int and kind is not float:
                return None
        value = np.array(taken, dtype=np.float64)
        value *= self._scale
        if self._shifted:
            value += self._offset
        if ((value >= self._low) & (value <= self._high)).all():
            return value
        return None


def decode_one(field: Field, raw: Sequence[Any]) -> Result:
    """One point out of the raw items: value, quality, severity."""
    item = raw[field.item]
    if isinstance(item, Missing):
        return math.nan, item.quality, Severity.OK
    if field.decoder is not None:
        item = field.decoder(item, field.shift)
    if item is None:
        return math.nan, Quality.NOT_IMPLEMENTED, Severity.OK
    if field.states is not None:
        return _state(field, item)
    return _number(field, item, raw)


def _state(field: Field, item: Raw) -> Result:
    key = _text(item) if isinstance(item, bytes | str) else item
    if key in field.sentinels:
        return math.nan, Quality.NOT_IMPLEMENTED, Severity.OK
    if field.mask and field.decoder is None:
        if not isinstance(key, int):
            return math.nan, Quality.MALFORMED, Severity.OK
        key = key >> field.shift & field.mask
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    states = field.states or {}
    state = states.get(key)  # type: ignore[arg-type]
    if state is None and isinstance(key, str):
        number = parse_number(key)
        state = states.get(int(number)) if number is not None and number.is_integer() else None
    if state is None:
        return 0.0, Quality.UNKNOWN_STATE, Severity.UNKNOWN
    return float(state.code), Quality.GOOD, state.severity


def _number(field: Field, item: Raw, raw: Sequence[Any]) -> Result:
    number: float | None
    if isinstance(item, bytes | str):
        text = _text(item)
        if text in field.sentinels:
            return math.nan, Quality.NOT_IMPLEMENTED, Severity.OK
        number = parse_number(text)
        if number is None:
            quality = Quality.MALFORMED if text else Quality.NOT_IMPLEMENTED
            return math.nan, quality, Severity.OK
    else:
        if field.mask:
            item = int(item or 0) >> field.shift & field.mask
        number = item
    if number is None or math.isnan(number) or number in field.sentinels:
        return math.nan, Quality.NOT_IMPLEMENTED, Severity.OK
    scale = field.scale
    if field.scale_item is not None:
        given = raw[field.scale_item]
        if not isinstance(given, int | float):
            return math.nan, Quality.NOT_IMPLEMENTED, Severity.OK
        scale *= given if field.scale_is_factor else 10.0**given
    value = number * scale + field.offset
    if not field.low <= value <= field.high:
        return math.nan, Quality.OUT_OF_RANGE, Severity.OK
    return value, Quality.GOOD, Severity.OK


def parse_number(text: str) -> float | None:
    """The number a text begins with (`"230.5 V"` is 230.5); None where there is none.

    Some devices write a decimal comma; a comma between digits is read as one.
    """
    digits = ""
    for char in text.strip().replace(",", "."):
        if char in "+-.0123456789":
            digits += char
        else:
            break
    try:
        return float(digits)
    except ValueError:
        return None


def _text(item: bytes | str) -> str:
    if isinstance(item, bytes):
        item = item.partition(b"\0")[0].decode("utf-8", "replace")
    return item.strip()


def _taker(items: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Takes these items of a sequence as a tuple."""
    if not items:
        return lambda _raw: ()
    if len(items) == 1:
        first = items[0]
        return lambda raw: (raw[first],)
    return itemgetter(*items)


def _flag(raw: Raw, shift: int) -> Raw:
    """Character `shift` of a text of flags such as `"0100"`: 0 or 1; None where the text says
    nothing."""
    if not isinstance(raw, bytes | str):
        return None
    text = _text(raw)
    if shift >= len(text) or text[shift] not in "01":
        return None
    return int(text[shift])


DECODERS: Mapping[str, Callable[[Raw, int], Raw]] = {"flag": _flag}
"""Decoders that a profile may name. `flag` takes the character at `bits.shift` of a text of 0 and
1."""
