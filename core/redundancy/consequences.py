"""What a what-if means for each load, group, battery and the fuel, and how far its answer holds.

From studies of the plant before and after; formulas for batteries as in `states`. Simplifications
are written down in docs/redundancy.md.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace

from core.redundancy.condition import Condition, Plant
from core.redundancy.evaluate import CaseName
from core.redundancy.graph import Role
from core.redundancy.states import PEUKERT
from core.redundancy.study import Study
from core.redundancy.watch import Seen
from core.snapshot import BatteryAfter, DeviceStatus

GROWS_MAX = 2.0
"""The load is tried up to so many times what it is; a limit beyond is not told. A choice."""

GROWS_STEPS = 8
"""Bisections of it: to 0.4 % of the load."""

NUMBERS = ("battery_s", "battery_kw")
"""Of a condition, what moves all the time ..."""

DISCRETE = tuple(
    field.name
    for field in fields(Condition)
    if field.name not in (*NUMBERS, "able_share", "reasons")
)
"""... and what is one of a few."""


def state_of(seen: Seen) -> str:
    """A short name of the state of all nodes: another one as soon as a node is in another state or
    does not tell it, whatever loads and batteries measure."""
    told = hashlib.blake2s(digest_size=6)
    for condition in (*seen.live.conditions, *seen.worst.conditions):
        told.update(repr([_plain(getattr(condition, name)) for name in DISCRETE]).encode())
    return told.hexdigest()


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def batteries(before: Study, after: Study) -> tuple[BatteryAfter, ...]:
    """Every UPS, with what its battery would have to carry until generators do, and for how long it
    could: as it would be, and as it is."""
    graph = after.graph
    return tuple(
        BatteryAfter(
            id=graph.nodes[i].id,
            load_kw=after.bridged_kw(i),
            load_kw_before=before.bridged_kw(i),
            lasts_s=_lasts_s(after, i),
            lasts_s_before=_lasts_s(before, i),
            required_s=after.start_s,
            bridges=after.bridges(i),
            bridges_before=before.bridges(i),
        )
        for i in graph.written
        if graph.role[i] is Role.UPS
    )


def _lasts_s(study: Study, i: int) -> float | None:
    """For how long a battery carries what the bridge asks of it, in s; None where it carries
    nothing, or nobody tells. t = start x (P of the start / P) ^ 1.2 (Peukert, lead-acid)."""
    condition, load_kw = study.plant.conditions[i], study.bridged_kw(i)
    if not condition.protects or not condition.in_service or condition.unknown or load_kw <= 0:
        return None
    if math.isfinite(condition.battery_kw):
        return study.start_s * float((condition.battery_kw / load_kw) ** PEUKERT)
    return condition.battery_s if math.isfinite(condition.battery_s) else None


def grows_to(
    before: Study, after: Study, cases: Sequence[CaseName], study: Callable[[Plant], Study]
) -> float | None:
    """How many times the load could be what it is until something would be lost, overloaded or
    newly unprotected; None beyond twice. All loads grow alike; the cooling is not looked at."""

    def harmed(factor: float) -> bool:
        plant = after.plant
        demands = tuple(replace(d, kw=d.kw * factor) for d in plant.demands)
        then = study(replace(plant, demands=demands))
        return any(
            then.effects[case].lost
            or then.effects[case].overloaded
            or then.effects[case].unprotected & ~before.effects[case].hit
            for case in cases
        )

    if not harmed(GROWS_MAX):
        return None
    low, high = 1.0, GROWS_MAX
    for _ in range(GROWS_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if harmed(middle) else (middle, high)
    return low


def oldest_s(
    devices: Iterable[str], statuses: Mapping[str, DeviceStatus], now: float
) -> float | None:
    """How old the oldest word of these devices is, in s; None where one was never heard."""
    heard = [statuses[name].last_success if name in statuses else None for name in set(devices)]
    known = [time for time in heard if time is not None]
    if len(known) < len(heard):
        return None
    return max((max(0.0, now - time) for time in known), default=0.0)
