"""From raw values to Kasbah's: scale, states, sentinels, quality. Pure, and hot.

A `Decoder` is compiled once for everything that is polled together, and shared by all devices that
are polled alike. One answer is decoded by a loop with the ordinary cases written out, several at
once by numpy, column by column; everything odd is sent to `careful`. All three give the same
result. For one answer of two dozen points numpy would be no faster than the loop; for a dozen
answers it takes a fifth of its time.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from collectors.profile import Condition, DecoderName, PointSpec, ScaleFrom, StateValue
from core.quality import Quality
from core.readings import Bytes, Floats, Rows
from core.vocabulary import Severity

Raw = int | float | bytes | str | Quality | None
"""What was read: the device's value, None where it has no such object, or the quality that says why
there is no value."""

Result = tuple[float, Quality, Severity]

Scale = str | Mapping[int | str, float]
"""What the number of a scale's object is: an "exponent" of ten, a "factor", a number of "decimals",
or a code for one of these factors."""

EXPONENT_MAX = 10
"""A scale that a device tells is 10^-10 to 10^10. Source: SunSpec Device Information Model
Specification V1.1, scale factors."""

_FINITE: Final = sys.float_info.max
"""Infinity is no measurement."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """How a raw value becomes a point's value.

    A number is `raw * multiplier / divisor + offset`, the scale as a fraction so that 2476 tenths
    are 247.6 and not 247.60000000000002; with `scales` it is multiplied by what other objects hold,
    too. A state is looked up in `states`. `shift` and `mask` pick bits out of the raw value first
    (mask 0: none), or are handed to `convert`. There is no value unless what yet other objects hold
    meets `conditions`.
    """

    multiplier: int = 1
    divisor: int = 1
    offset: float = 0.0
    low: float = -_FINITE
    high: float = _FINITE
    sentinels: frozenset[int | float | str] = frozenset()
    faults: frozenset[int | float | str] = frozenset()
    states: Mapping[int | str, StateValue] | None = None
    shift: int = 0
    mask: int = 0
    scales: tuple[Scale, ...] = ()
    conditions: tuple[Condition, ...] = ()
    convert: Callable[[Raw, int], Raw] | None = None


@lru_cache(maxsize=65536)
def rule_of(
    spec: PointSpec,
    *,
    sentinels: tuple[int, ...] = (),
    exponent: int = 0,
    scales: tuple[Scale, ...] = (),
) -> Rule:
    """The rule of a point: what its profile says, and what the device's own description adds. All
    devices with the same of both share one.

    `sentinels` and `scales` come on top of the profile's, `exponent` is a fixed power of ten on top
    of its scale.
    """
    keys, quantity = spec.keys, spec.name.definition
    low, high = keys.low, keys.high
    if quantity is not None:
        low = quantity.low if low is None else low
        high = quantity.high if high is None else high
    scale = Fraction(repr(keys.scale)) * Fraction(10) ** exponent
    return Rule(
        multiplier=scale.numerator,
        divisor=scale.denominator,
        offset=keys.offset,
        low=max(-_FINITE, -_FINITE if low is None else low),
        high=min(_FINITE, _FINITE if high is None else high),
        sentinels=frozenset(keys.sentinels) | frozenset(sentinels),
        faults=frozenset(keys.faults),
        states=spec.states,
        shift=keys.bits.shift if keys.bits else 0,
        mask=(1 << keys.bits.width) - 1 if keys.bits else 0,
        scales=scales + tuple(map(_scale_of, keys.scale_from)),
        conditions=tuple(keys.valid_if),
        convert=DECODERS[keys.decoder] if keys.decoder else None,
    )


def _scale_of(given: ScaleFrom) -> Scale:
    return given.as_ if given.map is None else given.map


_NUMBER, _SCALED, _STATE, _BITS, _FLAG, _ODD = range(6)
_NO_STATES: Final = {_NUMBER, _SCALED, _ODD}


class Decoder:
    """Decodes everything that is polled together; `rules[i]` gives element i of the arrays.

    Each rule comes with the place of its raw value, and those of its scales and then conditions.
    """

    def __init__(self, rules: Sequence[tuple[Rule, int, tuple[int, ...]]]) -> None:
        self._steps = tuple(_compile(rule, item, also) for rule, item, also in rules)
        self._rules = tuple(rules)
        self._numbers = _Numbers.of(self._steps)

    @classmethod
    def shared(cls, rules: Sequence[tuple[Rule, int, tuple[int, ...]]]) -> Decoder:
        """The decoder for these rules, the same object each time: its answers can be decoded
        together."""
        return _decoder(tuple(rules))

    def decode_all(self, raws: Sequence[Sequence[Raw]]) -> tuple[Floats, Bytes, Bytes]:
        """What `decode` gives for each of these: a row of three tables for each."""
        numbers, shape = self._numbers, (len(raws), len(self._steps))
        plain: list[int] = []
        if numbers is not None and len(raws) >= TOGETHER_MIN:
            picked = list(map(numbers.pick, raws))
            plain = [i for i, found in enumerate(picked) if _PLAIN.issuperset(map(type, found))]
        value = np.empty(shape)
        quality, severity = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
        if numbers is not None and plain:
            found, odd = numbers.decode([picked[i] for i in plain])
            value[np.array(plain)[:, None], numbers.places] = found
            left = [(plain[row], int(numbers.places[at])) for row, at in np.argwhere(odd).tolist()]
            left += [(row, place) for row in plain for place in numbers.others]
            for row, place in left:
                result = self._one(place, raws[row])
                value[row, place], quality[row, place], severity[row, place] = result
        for row in set(range(len(raws))).difference(plain):
            value[row], quality[row], severity[row] = self.decode(raws[row])
        return value, quality, severity

    def _one(self, place: int, raw: Sequence[Raw]) -> tuple[float, int, int]:
        """A point that is no plain number."""
        kind, item, *_, table = self._steps[place]
        state = None if kind in _NO_STATES else _look_up(kind, raw[item], table)
        if state is not None:
            return state[0], Quality.GOOD, state[1]
        rule, _, also = self._rules[place]
        return careful(rule, raw[item], [raw[at] for at in also])

    def decode(self, raw: Sequence[Raw]) -> tuple[Floats, Bytes, Bytes]:
        """Values, quality bytes and severities; the value is NaN exactly where the quality is
        bad."""
        values: list[float] = []
        add = values.append
        quality, severity = bytearray(len(self._steps)), bytearray(len(self._steps))
        for kind, item, scale, multiplier, divisor, offset, low, high, never, table in self._steps:
            found: Any = raw[item]
            given = found.__class__
            if kind == _NUMBER:
                if given is int or given is float:
                    value = found * multiplier / divisor + offset
                    if low <= value <= high and (never is None or found not in never):
                        add(value)
                        continue
            elif kind == _SCALED:
                exponent: Any = raw[scale]
                if given is int and exponent.__class__ is int and -11 < exponent < 11:
                    power = _POWERS[exponent]
                    value = found * multiplier * power[0] / (divisor * power[1]) + offset
                    if low <= value <= high and found not in never:
                        add(value)
                        continue
            elif kind != _ODD:
                state = _look_up(kind, found, table)
                if state is not None:
                    if state[1]:
                        severity[len(values)] = state[1]
                    add(state[0])
                    continue
            place = len(values)
            rule, _, also = self._rules[place]
            number, quality[place], severity[place] = careful(rule, found, [raw[at] for at in also])
            add(number)
        return (
            np.array(values),
            np.frombuffer(quality, dtype=np.uint8),
            np.frombuffer(severity, dtype=np.uint8),
        )


TOGETHER_MIN: Final = 4
"""So many answers are worth a pass of numpy."""

_PLAIN: Final = {int, float}
_EXACT: Final = 2.0**53
"""Whole numbers up to here are the same as floats."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The plain numbers among what a decoder decodes: one array element each; `others` are the
    places of everything else."""

    pick: Callable[[Sequence[Raw]], tuple[Any, ...]]
    places: Rows
    others: tuple[int, ...]
    multiplier: Floats
    divisor: Floats
    offset: Floats
    low: Floats
    high: Floats
    never: tuple[tuple[int, Floats], ...]

    @classmethod
    def of(cls, steps: Sequence[tuple[Any, ...]]) -> _Numbers | None:
        """None where there are too few to be worth it."""
        places = [
            place
            for place, (kind, _, _, multiplier, divisor, *_) in enumerate(steps)
            if kind == _NUMBER and float(multiplier) == multiplier and float(divisor) == divisor
        ]
        if len(places) < 2:  # one alone would not come as a tuple
            return None
        _, items, _, multiplier, divisor, offset, low, high, never, _ = zip(
            *(steps[place] for place in places), strict=True
        )
        return cls(
            pick=itemgetter(*items),
            places=np.array(places, dtype=np.intp),
            others=tuple(sorted(set(range(len(steps))).difference(places))),
            multiplier=np.array(multiplier, dtype=np.float64),
            divisor=np.array(divisor, dtype=np.float64),
            offset=np.array(offset, dtype=np.float64),
            low=np.array(low, dtype=np.float64),
            high=np.array(high, dtype=np.float64),
            never=tuple(
                (column, np.array([raw for raw in raws if not isinstance(raw, str)], dtype=float))
                for column, raws in enumerate(never)
                if raws
            ),
        )

    def decode(self, picked: Sequence[tuple[Any, ...]]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Values, and where they are odd, by answer and number."""
        shape = len(picked), len(self.places)
        found = np.fromiter(chain.from_iterable(picked), np.float64, shape[0] * shape[1]).reshape(
            shape
        )
        with np.errstate(over="ignore", invalid="ignore"):
            value = found * self.multiplier
            fine = np.abs(value) <= _EXACT
            value /= self.divisor
            value += self.offset
            fine &= (self.low <= value) & (value <= self.high)
        for column, never in self.never:
            fine[:, column] &= ~np.isin(found[:, column], never)
        return value, ~fine


@lru_cache(maxsize=1024)
def _decoder(rules: tuple[tuple[Rule, int, tuple[int, ...]], ...]) -> Decoder:
    return Decoder(rules)


_POWERS: Final = tuple((10**i, 1) for i in range(EXPONENT_MAX + 1)) + tuple(
    (1, 10**-i) for i in range(-EXPONENT_MAX, 0)
)
"""10^i as a fraction; negative i from the end, as sequences are indexed."""


_Table = tuple[Mapping[Any, tuple[float, int]], int, int]
"""Code and severity by raw value; shift and mask of the bits, or the place of the character."""


def _look_up(kind: int, found: Any, table: _Table) -> tuple[float, int] | None:
    """Code and severity of a state, None where it takes care."""
    states, shift, mask = table
    if kind == _STATE:
        return states.get(found)
    if kind == _BITS:
        return states.get(found >> shift & mask) if found.__class__ is int else None
    if found.__class__ is bytes and shift < len(found):
        return states.get(found[shift])
    return None


def _compile(rule: Rule, item: int, also: tuple[int, ...]) -> tuple[Any, ...]:
    """A rule as the loop wants it."""
    never = rule.sentinels | rule.faults
    if rule.states is not None:
        table: dict[Any, tuple[float, int]] = {
            raw: (float(state.code), int(state.severity))
            for raw, state in rule.states.items()
            if raw not in never
        }
        kind = _BITS if rule.mask else _STATE
        if rule.convert is flag:
            kind = _FLAG
            table = {48 + raw: state for raw, state in table.items() if raw in {0, 1}}
        elif rule.convert is not None or (rule.mask and never):
            kind = _ODD
        if also:
            kind = _ODD
        return kind, item, None, 1, 1, 0.0, 0.0, 0.0, None, (table, rule.shift, rule.mask)
    kind, scale = _NUMBER, None
    if rule.mask or rule.convert is not None or rule.conditions:
        kind = _ODD
    elif also:
        kind, scale = (_SCALED, also[0]) if rule.scales == ("exponent",) else (_ODD, None)
    inside = kind == _SCALED or any(
        not isinstance(raw, str)
        and rule.low <= raw * rule.multiplier / rule.divisor + rule.offset <= rule.high
        for raw in never
    )
    return (
        kind,
        item,
        scale,
        rule.multiplier,
        rule.divisor,
        rule.offset,
        rule.low,
        rule.high,
        never if inside else None,
        None,
    )


def careful(rule: Rule, raw: Raw, also: Sequence[Raw] = ()) -> Result:
    """One point out of its raw value, and those of its scales and then conditions: value, quality,
    severity."""
    if isinstance(raw, Quality):
        return math.nan, raw, Severity.OK
    scales = also[: len(rule.scales)]
    if rule.conditions and (bad := _unmet(rule.conditions, also[len(scales) :])) is not None:
        return math.nan, bad, Severity.OK
    if rule.convert is not None:
        raw = rule.convert(raw, rule.shift)
    if raw is None:
        return math.nan, Quality.NOT_IMPLEMENTED, Severity.OK
    if isinstance(raw, bytes | str):
        raw = text_of(raw)
    if (bad := _named(rule, raw)) is not None:
        return math.nan, bad, Severity.OK
    if rule.mask and rule.convert is None:
        if not isinstance(raw, int):
            return math.nan, Quality.MALFORMED, Severity.OK
        raw = raw >> rule.shift & rule.mask
        if (bad := _named(rule, raw)) is not None:
            return math.nan, bad, Severity.OK
    if rule.states is not None:
        return _state(rule.states, raw)
    return _number(rule, raw, scales)


def _unmet(conditions: Sequence[Condition], held: Sequence[Raw]) -> Quality | None:
    """Why there is no value by the objects that decide whether there is one."""
    for condition, raw in zip(conditions, held, strict=True):
        if isinstance(raw, Quality):
            return raw
        if not condition.met_by(text_of(raw) if isinstance(raw, bytes) else raw):
            return Quality.NOT_IMPLEMENTED
    return None


def _named(rule: Rule, raw: float | str) -> Quality | None:
    """Why a raw value that the profile names is no value."""
    if raw in rule.faults:
        return Quality.SENSOR_FAILED
    if raw in rule.sentinels or (isinstance(raw, float) and math.isnan(raw)):
        return Quality.NOT_IMPLEMENTED
    return None


def _state(states: Mapping[int | str, StateValue], raw: float | str) -> Result:
    key: int | float | str | None = raw
    if key not in states and isinstance(raw, str):
        key = parse_number(raw)
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    state = states.get(key)  # type: ignore[arg-type]
    if state is None:
        return math.nan, Quality.UNKNOWN_STATE, Severity.UNKNOWN
    return float(state.code), Quality.GOOD, state.severity


def _number(rule: Rule, raw: float | str, scales: Sequence[Raw]) -> Result:
    number = parse_number(raw) if isinstance(raw, str) else raw
    if number is None:
        return math.nan, Quality.MALFORMED if raw else Quality.NOT_IMPLEMENTED, Severity.OK
    if (bad := _named(rule, number)) is not None:
        return math.nan, bad, Severity.OK
    multiplier: float = rule.multiplier
    divisor = rule.divisor
    for kind, scale in zip(rule.scales, scales, strict=True):
        fraction = _fraction(kind, scale)
        if fraction is None:
            bad = scale if isinstance(scale, Quality) else Quality.NOT_IMPLEMENTED
            return math.nan, bad, Severity.OK
        multiplier *= fraction[0]
        divisor *= fraction[1]
    value = number * multiplier / divisor + rule.offset
    if not rule.low <= value <= rule.high:
        return math.nan, Quality.OUT_OF_RANGE, Severity.OK
    return value, Quality.GOOD, Severity.OK


def _fraction(kind: Scale, scale: Raw) -> tuple[float, int] | None:
    """What an object that holds a scale makes of the value, as a fraction; None for no scale."""
    if not isinstance(kind, str):
        key = text_of(scale) if isinstance(scale, bytes) else scale
        factor = None if isinstance(key, Quality) else kind.get(key)  # type: ignore[arg-type]
        return None if factor is None else Fraction(repr(factor)).as_integer_ratio()
    if isinstance(scale, bool | Quality) or not isinstance(scale, int | float):
        return None
    if kind == "factor":
        return scale, 1
    if not -EXPONENT_MAX <= scale <= EXPONENT_MAX:
        return None
    power = -scale if kind == "decimals" else scale
    return _POWERS[power] if isinstance(power, int) else (10.0**power, 1)


_NUMERAL = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def parse_number(text: str) -> float | None:
    """The number a text begins with ("230.5 V" is 230.5), None where there is none.

    Some devices write a decimal comma.
    """
    match = _NUMERAL.match(text.strip())
    return float(match[0].replace(",", ".")) if match else None


def text_of(raw: bytes | str) -> str:
    """An octet string as text: up to the first NUL, without spaces around it."""
    if isinstance(raw, bytes):
        raw = raw.partition(b"\0")[0].decode("utf-8", "replace")
    return raw.strip()


def flag(raw: Raw, shift: int) -> Raw:
    """Character `shift` of a text of flags such as "0100": 0 or 1; None where the text says
    nothing."""
    if not isinstance(raw, bytes | str):
        return None
    text = text_of(raw)
    return int(text[shift]) if shift < len(text) and text[shift] in "01" else None


def four_quadrant_power_factor(raw: Raw, _shift: int) -> Raw:
    """A power factor that meters code by quadrant: beyond +-1 the current leads, and the factor is
    what is missing to +-2.

    Source: Schneider Electric PowerLogic register lists, format 4Q_FP_PF.
    """
    if isinstance(raw, Quality) or not isinstance(raw, int | float) or math.isnan(raw):
        return None
    return math.copysign(2.0, raw) - raw if 1 < abs(raw) <= 2 else raw


DECODERS: Mapping[DecoderName, Callable[[Raw, int], Raw]] = {
    "flag": flag,
    "four_quadrant_power_factor": four_quadrant_power_factor,
}
"""Decoders that a profile may name; the number they get besides is the point's `bits.shift`."""
