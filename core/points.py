"""Points: one quantity of one device, named the same for every maker.

Grammar: `<device>/[<part>.]<quantity>[.<instance>]`, e.g. `ups-a1/output.voltage.l1`,
`ups-a1/mode`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.vocabulary import PARTS, QUANTITIES, Quantity, StateAxis, axis_of

_INSTANCE = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
_DEVICE = re.compile(r"^[a-z0-9][a-z0-9_-]*$")


@dataclass(frozen=True, slots=True)
class PointName:
    """A point without its device: `part` and `instance` are empty where there is none."""

    part: str
    quantity: str
    instance: str

    def __str__(self) -> str:
        return ".".join(word for word in (self.part, self.quantity, self.instance) if word)

    @property
    def axis(self) -> StateAxis | None:
        """The state axis of this point, None for a plain number."""
        return axis_of(self.part, self.quantity)

    @property
    def definition(self) -> Quantity | None:
        """Unit and metric of this point, None for a state."""
        return QUANTITIES.get(self.quantity)


@dataclass(frozen=True, slots=True)
class Point:
    """One row of the point table."""

    device: str
    name: PointName

    @property
    def id(self) -> str:
        return f"{self.device}/{self.name}"


def parse_name(text: str) -> PointName:
    """Read a point name without its device.

    Raises ValueError, with a sentence that says which word is not in the vocabulary.
    """
    words = text.split(".")
    if len(words) == 1:
        part, quantity, instance = "", words[0], ""
    elif len(words) == 2 and words[0] in PARTS:
        part, quantity, instance = words[0], words[1], ""
    elif len(words) == 2:
        part, quantity, instance = "", words[0], words[1]
    elif len(words) == 3:
        part, quantity, instance = words[0], words[1], words[2]
    else:
        raise ValueError(f"'{text}': a point is [part.]quantity[.instance]")
    if part and part not in PARTS:
        raise ValueError(f"'{text}': there is no part '{part}' (core/vocabulary.py lists them)")
    if quantity not in QUANTITIES and axis_of(part, quantity) is None:
        raise ValueError(
            f"'{text}': there is no quantity or state '{quantity}' (core/vocabulary.py lists them)"
        )
    if instance and not _INSTANCE.match(instance):
        raise ValueError(f"'{text}': an instance is made of a-z, 0-9, '_' and '-'")
    return PointName(part, quantity, instance)


def parse_point(text: str) -> Point:
    """Read `<device>/<name>`. Raises ValueError with a sentence."""
    device, slash, name = text.partition("/")
    if not slash or not _DEVICE.match(device):
        raise ValueError(f"'{text}': a point is <device>/[part.]quantity[.instance]")
    return Point(device, parse_name(name))
