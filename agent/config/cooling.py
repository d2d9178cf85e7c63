"""The cooling from the site file's keys, defaults filled in, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.config.schema import CoolingGroupKeys, CoolingKeys, CoolingUnitKeys, ZoneKeys
from core.cooling.checks import Place, problems
from core.site import Cooling, CoolingGroup, CoolingUnit, CoolingZone, Group, Node

RESTART_S = {"chiller": 300.0, "crac": 300.0, "dx": 300.0}
"""From the return of power to full capacity, by kind. A conventional chiller takes 4 to 8 minutes,
one with fast restart 1 to 3: 300 s is a choice, state what yours does. Compressors of crac and dx
units rest as long before they start again. Fans and pumps: 30 s."""

OTHER_RESTART_S = 30.0

REJECTION_FACTOR = 1.25
"""Heat given off by towers and dry coolers, as part of the heat of the rooms: 1 + 1/COP, the
compressors at a COP of 4 (a choice for a hot day; 5 to 7 is common at part load)."""

_REJECTING = frozenset(("tower", "dry_cooler"))


def cooling_of(keys: CoolingKeys) -> Cooling:
    """The cooling that these keys describe."""
    kinds = {unit.id: unit.kind for unit in keys.units}
    return Cooling(
        units=tuple(_unit(unit) for unit in keys.units),
        groups=tuple(_group(group, kinds) for group in keys.groups),
        zones=tuple(_zone(zone) for zone in keys.zones),
    )


def cooling_problems(
    keys: CoolingKeys, nodes: Sequence[Node], groups: Sequence[Group]
) -> Iterator[tuple[Place, str]]:
    """Everything that is wrong with it, with the list, the number of the entry and the key."""
    yield from problems(cooling_of(keys), nodes, groups)


def _unit(keys: CoolingUnitKeys) -> CoolingUnit:
    restart_s = RESTART_S.get(keys.kind, OTHER_RESTART_S)
    return CoolingUnit(
        id=keys.id,
        kind=keys.kind,
        capacity_kw=keys.capacity_kw,
        powered_by=tuple(keys.powered_by),
        device=keys.device or "",
        restart_s=restart_s if keys.restart_s is None else keys.restart_s,
    )


def _group(keys: CoolingGroupKeys, kinds: Mapping[str, str]) -> CoolingGroup:
    rejecting = any(kinds.get(name) in _REJECTING for name in keys.members)
    return CoolingGroup(
        id=keys.id,
        members=tuple(keys.members),
        design=keys.design,
        heat_factor=keys.heat_factor or (REJECTION_FACTOR if rejecting else 1.0),
        buffer_m3=keys.buffer_m3 or 0.0,
        buffer_delta_k=keys.buffer_delta_k or 0.0,
    )


def _zone(keys: ZoneKeys) -> CoolingZone:
    return CoolingZone(
        id=keys.id,
        cooled_by=tuple(keys.cooled_by),
        loads=tuple(keys.loads),
        heat=tuple(keys.heat),
        heat_kw=keys.heat_kw,
        heat_gain=keys.heat_gain,
        inlet=tuple(keys.inlet),
        recommended_c=keys.recommended_c,
        allowable_c=keys.allowable_c,
        air_m3=keys.air_m3 or 0.0,
    )
