"""What the worst phase and the power factor of its load leave of a node's capacity.

A three-phase rating is three ratings of one phase each. A node whose load is uneven is full when
its worst phase is, so three times the load of that phase is what counts against the rating. And a
rating in kVA or A is worth the fewer kW the lower the power factor is. Measured values only: what
nobody measures is in balance, and at the power factor that is stated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from core.redundancy.rows import Reading
from core.site import Node

IDLE_SHARE = 0.1
"""Below this part of its capacity a node is taken to carry this part: what is uneven of next to no
load says little of a full one. A choice."""

_LINES = ("l1", "l2", "l3")
_QUANTITIES = ("current", "apparent_power", "active_power")
_GIVEN = ("output.",)
_TAKEN = ("output.", "input.", "")
_PARTS = {"ups": _GIVEN, "genset": _GIVEN, "ats": _GIVEN, "sts": _GIVEN}
"""Where a device tells what its node gives. What a UPS takes is another load, with its battery's
and its own; boards give what they take."""

WANTED_GIVEN = ("output.current.l", "output.apparent_power.l", "output.active_power")
WANTED_TAKEN = tuple(
    f"{part}{name}"
    for part in _TAKEN
    for name in ("current.l", "apparent_power.l", "active_power", "power_factor")
)
"""Beginnings of the names of points that are looked at."""


def able_share(reading: Reading, node: Node) -> float:
    """Part of its capacity that a node can give, 0 to 1, with a load as uneven and of such a power
    factor as its present one; 1 where its device measures neither, or it has no capacity."""
    if node.limit_kw is None or node.kind in ("load", "pv", "tie"):
        return 1.0
    for part in _PARTS.get(node.kind, _TAKEN):
        lines = _lines(reading, part)
        if lines or reading.has(f"{part}power_factor"):
            factor = _of_power_factor(reading, node, part)
            return factor * (_of_worst_phase(node, *lines) if lines else 1.0)
    return 1.0


def _lines(reading: Reading, part: str) -> tuple[str, Sequence[float]] | None:
    """What each line carries, by the first quantity that is measured of all three; None where none
    is. A line that cannot be read counts as the worst of the others."""
    for quantity in _QUANTITIES:
        names = [f"{part}{quantity}.{line}" for line in _LINES]
        if not all(reading.has(name) for name in names):
            continue
        values = [reading.number(name) for name in names]
        known = [abs(value) for value in values if value is not None]
        if known:
            worst = max(known)
            return quantity, [worst if value is None else abs(value) for value in values]
    return None


def _of_worst_phase(node: Node, quantity: str, lines: Sequence[float]) -> float:
    total, uneven = sum(lines), 3 * max(lines) - sum(lines)
    carried = max(total, IDLE_SHARE * _rated(node, quantity))
    return carried / (carried + uneven) if uneven > 0 else 1.0


def _rated(node: Node, quantity: str) -> float:
    """What all three lines carry at the node's capacity, in A, VA or W."""
    watts = (node.limit_kw or 0.0) * 1000
    if quantity == "active_power":
        return watts
    volt_amperes = watts / node.power_factor
    return (
        volt_amperes
        if quantity == "apparent_power"
        else volt_amperes * math.sqrt(3) / node.voltage_v
    )


def _of_power_factor(reading: Reading, node: Node, part: str) -> float:
    """What a worse power factor than stated leaves; only of a load that is worth the name."""
    measured, limit_kw = reading.number(f"{part}power_factor"), node.limit_kw or 0.0
    watts = reading.number(f"{part}active_power")
    if not measured or watts is None or abs(watts) < IDLE_SHARE * limit_kw * 1000:
        return 1.0
    worse = replace(node, power_factor=min(node.power_factor, abs(measured)))
    return (worse.limit_kw or 0.0) / limit_kw
