"""From a reading back to what a device sends: the inverse of a profile's scale, states and text.

One `Encoder` for each point of a profile. Knows profiles and the vocabulary; knows neither BER nor
registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collectors.profile import PointSpec
from core.points import PointName
from core.vocabulary import QUANTITIES
from simulator.electrical import Value, Values

Raw = int | float | str
"""What goes over the wire, before its protocol's encoding."""

SCALE_EXPONENT = -1
"""What a simulated device answers where a profile reads a scale as a power of ten."""

HEALTHY = {"alarm": "normal", "breaker.position": "closed", "communication.state": "ok"}
"""What a device says of itself where the plant knows nothing to the contrary."""

INVERSES: Mapping[str, Callable[[Value], Raw]] = {}
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
        if keys.decoder is not None:
            inverse = INVERSES.get(keys.decoder)
            return inverse(value) if inverse is not None else self._sentinel()
        if self.spec.states is not None:
            return self._state(value)
        if isinstance(value, str):
            return self._sentinel()
        return self._number(value)

    def _number(self, value: float) -> Raw:
        keys = self.spec.keys
        scale = keys.scale
        if keys.scale_from is not None and keys.scale_from.as_ == "exponent":
            scale *= 10.0**SCALE_EXPONENT
        raw = (value - keys.offset) / scale
        if keys.type in ("f32", "f64"):
            return raw
        number = round(raw)
        while number in keys.sentinels:
            number -= 1
        return number

    def _state(self, value: Value) -> Raw | None:
        """The first raw value that the profile maps to this state."""
        axis, states = self.name.axis, self.spec.states
        if axis is None or states is None or not isinstance(value, str):
            return None
        if value not in axis.states:
            return None
        wanted = axis.code(value)
        return next((raw for raw, state in states.items() if state.code == wanted), None)

    def _sentinel(self) -> Raw | None:
        """How the device says that it has no such value, where its profile knows a way."""
        return next(iter(self.spec.keys.sentinels), None)


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
