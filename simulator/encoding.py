"""From a reading back to what a device sends: the inverse of a profile's scale, states and text.

One `Encoder` for each point of a profile. Knows profiles and the vocabulary; knows neither BER nor
registers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from collectors.profile import Condition, PointSpec, ScaleFrom
from core.points import PointName
from core.vocabulary import QUANTITIES
from simulator.electrical import Value, Values

Raw = int | float | str
"""What goes over the wire, before its protocol's encoding."""

HEALTHY = {
    "alarm": "normal",
    "breaker.position": "closed",
    "communication.state": "ok",
    "supply.state": "normal",
}
"""What a device says of itself where the plant knows nothing to the contrary."""

STAND_INS: Mapping[str, tuple[str, ...]] = {
    "floating": ("resting", "normal"),
    "charging": ("floating", "normal"),
    "discharging": ("normal",),
    "depleted": ("low",),
    "fault": ("normal",),
    "cranking": ("starting", "running"),
    "starting": ("standby", "on", "running"),
    "warming_up": ("running",),
    "stopping": ("cooldown", "running"),
    "on_load": ("running",),
    "standby": ("off",),
}
"""What a device says that has no word for a state: the nearest that it has, in order. E.g. RFC 1628
knows no charging battery, only a normal one."""


FLAG = "flag"
"""The decoder that reads one character of a text of flags; the whole text is put together from all
points that share its object."""


def _as_is(value: Value) -> Raw:
    return value


INVERSES: Mapping[str, Callable[[Value], Raw]] = {
    "four_quadrant_power_factor": _as_is,  # lagging loads only: the coding is the value itself
}
"""Inverses of the named decoders of profiles, by name."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Gives the raw value of one point out of a device's readings."""

    name: PointName
    spec: PointSpec

    def raw(self, values: Values) -> Raw | None:
        """What the device sends for this point now; None where the plant has no such reading."""
        value = find(values, self.name)
        if value is None:
            return self._sentinel()
        keys = self.spec.keys
        if keys.decoder is not None and keys.decoder != FLAG:
            inverse = INVERSES.get(keys.decoder)
            return inverse(value) if inverse is not None else self._sentinel()
        if self.spec.states is not None:
            return self._state(value)
        if isinstance(value, str):
            return self._sentinel()
        return self._number(value)

    def number(self, values: Values) -> float | None:
        """The unrounded number that the device holds; None for a state or where there is none."""
        value = find(values, self.name)
        if value is None or isinstance(value, str):
            return None
        return self._scaled(value)

    def _scaled(self, value: float) -> float:
        keys = self.spec.keys
        scale = keys.scale * math.prod(told_scale(told)[1] for told in keys.scale_from)
        return (value - keys.offset) / scale

    def _number(self, value: float) -> Raw:
        keys = self.spec.keys
        raw = self._scaled(value)
        if keys.type in ("f32", "f64"):
            return raw
        number = round(raw)
        while number in keys.sentinels or number in keys.faults:
            number -= 1
        return number

    def _state(self, value: Value) -> Raw | None:
        """The first raw value that the profile maps to this state, of the severity that is said."""
        axis, states = self.name.axis, self.spec.states
        if axis is None or states is None or not isinstance(value, str):
            return None
        state, _, severity = value.partition("/")
        for word in (state, *STAND_INS.get(state, ())):
            code = axis.states.index(word) if word in axis.states else -1
            found = [raw for raw, meaning in states.items() if meaning.code == code]
            exact = [raw for raw in found if states[raw].severity.name.lower() == severity]
            if found:
                return (exact or found)[0]
        return None

    def _sentinel(self) -> Raw | None:
        """How the device says that it has no such value, where its profile knows a way."""
        return next(iter(self.spec.keys.sentinels), None)


def told_scale(scale: ScaleFrom) -> tuple[int | str, float]:
    """What a simulated device answers where a profile reads a scale, and the factor this is: one
    decimal, or the code that is nearest to none."""
    if scale.map is not None:
        told = [item for item in scale.map.items() if item[1] > 0]
        return min(told, key=lambda item: abs(math.log10(item[1])))
    return {"exponent": (-1, 0.1), "decimals": (1, 0.1), "factor": (1, 1.0)}[scale.as_]


def find(values: Values, name: PointName) -> Value | None:
    """A reading by its name, or by the nearest name that means the same for a simulated device.

    A meter has one set of readings whatever part its profile names, so the part may be missing.
    """
    exact = values.get(str(name))
    if exact is not None:
        return exact
    rest = PointName("", name.quantity, name.instance)
    bare = values.get(str(rest))
    if bare is not None and name.quantity in QUANTITIES:
        return bare
    return HEALTHY.get(f"{name.part}.{name.quantity}") or HEALTHY.get(name.quantity)


def fitting(pattern: str) -> str:
    """A text that fits a simple regular expression; for others it has to be tried."""
    plain = re.sub(r"\\d[+*]?", "1", re.sub(r"\([^()]*\)\?", "", pattern))
    return re.sub(r"\\[bw][+*]?|\(\?[:i]\)?|[\\^$()?+*]|\|.*", "", plain)


def meeting(condition: Condition) -> int | str:
    """What a simulated device holds so that a condition is met, where that can be told."""
    if condition.equals:
        return condition.equals[0]
    if condition.matches is not None:
        return fitting(condition.matches)
    return next(number for number in count(1) if number not in (condition.not_equals or ()))
