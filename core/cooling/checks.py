"""What must hold in the cooling part of a site file, before anything is computed on it.

Every check gives all its problems at once as (place, sentence); a place is the list, the number of
the entry and a key. Knows the records of `core.site`; does not know where in a file they stood.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from core.site import Cooling, CoolingGroup, CoolingZone, Group, Node

Place = tuple[str, int, str]
Found = Iterator[tuple[Place, str]]

_FEEDS_NOTHING = frozenset(("pv", "tie"))


def problems(
    cooling: Cooling, nodes: Sequence[Node], groups: Sequence[Group] = ()
) -> list[tuple[Place, str]]:
    """Everything that is wrong with the cooling of a site, given its power graph."""
    found: list[tuple[Place, str]] = []
    for name, ids in (
        ("units", [unit.id for unit in cooling.units]),
        ("groups", [group.id for group in cooling.groups]),
        ("zones", [zone.id for zone in cooling.zones]),
    ):
        found += _doubles(name, ids)
    found += _units(cooling, nodes)
    found += _groups(cooling, nodes, groups)
    found += _zones(cooling, nodes)
    named = {group.id for group in groups} | {group.id for group in cooling.groups}
    found += [
        (("zones", i, "id"), f"'{zone.id}' is the id of a group already: give it another one")
        for i, zone in enumerate(cooling.zones)
        if zone.id in named
    ]
    return found


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _doubles(what: str, ids: Sequence[str]) -> Found:
    seen: set[str] = set()
    for i, name in enumerate(ids):
        if name in seen:
            yield (what, i, "id"), f"there are two {what} '{name}'"
        seen.add(name)


def _units(cooling: Cooling, nodes: Sequence[Node]) -> Found:
    kinds = {node.id: node.kind for node in nodes}
    members = {name for group in cooling.groups for name in group.members}
    owner: dict[str, str] = {}
    for i, unit in enumerate(cooling.units):
        if not unit.powered_by:
            yield (
                ("units", i, "powered_by"),
                f"'{unit.id}' names no node: write the node of `power` that feeds it",
            )
        for name in unit.powered_by:
            if name not in kinds:
                yield (
                    ("units", i, "powered_by"),
                    f"there is no power node '{name}'{_nearest(name, kinds)}",
                )
            elif kinds[name] in _FEEDS_NOTHING:
                yield ("units", i, "powered_by"), f"'{name}' is a {kinds[name]}: it feeds no unit"
        if unit.device and unit.device in owner:
            yield (
                ("units", i, "device"),
                f"'{unit.device}' is the device of '{owner[unit.device]}' already",
            )
        owner.setdefault(unit.device, unit.id)
        if unit.id not in members:
            yield (
                ("units", i, "id"),
                f"'{unit.id}' is in no group: name it in the members of one, or leave it out",
            )


def _groups(cooling: Cooling, nodes: Sequence[Node], others: Sequence[Group]) -> Found:
    units = {unit.id for unit in cooling.units}
    taken = {node.id: "power node" for node in nodes} | {g.id: "group of `groups`" for g in others}
    used = {name for zone in cooling.zones for name in zone.cooled_by}
    owner: dict[str, str] = {}
    for i, group in enumerate(cooling.groups):
        if group.id in taken:
            yield (
                ("groups", i, "id"),
                f"'{group.id}' is the id of a {taken[group.id]} already: give it another one",
            )
        if group.id not in used:
            yield ("groups", i, "id"), f"'{group.id}' cools nothing: name it in cooled_by of a zone"
        yield from _members(i, group, units, owner)
        if bool(group.buffer_m3) != bool(group.buffer_delta_k):
            yield (
                ("groups", i, "buffer_m3" if group.buffer_m3 else "buffer_delta_k"),
                "buffer_m3 and buffer_delta_k go together: how much water, and how much warmer it "
                "may become",
            )


def _members(i: int, group: CoolingGroup, units: set[str], owner: dict[str, str]) -> Found:
    if not group.members:
        yield ("groups", i, "members"), f"'{group.id}' has no unit: name its members"
    for name in group.members:
        if name not in units:
            yield (
                ("groups", i, "members"),
                f"there is no cooling unit '{name}'{_nearest(name, units)}",
            )
        elif name in owner:
            where = "twice in this group" if owner[name] == group.id else f"in '{owner[name]}', too"
            yield ("groups", i, "members"), f"'{name}' stands {where}: a unit cools once"
        owner.setdefault(name, group.id)
    if group.members and not 0 <= group.design < len(group.members):
        yield (
            ("groups", i, "design"),
            f"design: {group.design} spare of {len(group.members)} units is not possible: one at "
            "least must cool",
        )


def _zones(cooling: Cooling, nodes: Sequence[Node]) -> Found:
    groups = {group.id for group in cooling.groups}
    kinds = {node.id: node.kind for node in nodes}
    loads = [node.id for node in nodes if node.kind == "load"]
    owner: dict[str, str] = {}
    for i, zone in enumerate(cooling.zones):
        if not zone.cooled_by:
            yield (
                ("zones", i, "cooled_by"),
                f"nothing cools '{zone.id}': name the groups in series, from the room outwards",
            )
        for name in zone.cooled_by:
            if name not in groups:
                yield (
                    ("zones", i, "cooled_by"),
                    f"there is no cooling group '{name}'{_nearest(name, groups)}",
                )
        if len(set(zone.cooled_by)) < len(zone.cooled_by):
            yield ("zones", i, "cooled_by"), "names the same group twice"
        for name in zone.loads:
            if name not in kinds:
                yield ("zones", i, "loads"), f"there is no load '{name}'{_nearest(name, loads)}"
            elif kinds[name] != "load":
                yield ("zones", i, "loads"), f"'{name}' is a {kinds[name]}, no load"
            elif name in owner:
                where = "twice" if owner[name] == zone.id else f"in '{owner[name]}', too"
                yield ("zones", i, "loads"), f"'{name}' stands {where}: its heat counts once"
            owner.setdefault(name, zone.id)
        yield from _figures(i, zone)


def _figures(i: int, zone: CoolingZone) -> Found:
    if not zone.loads and not zone.heat and zone.heat_kw is None:
        yield (
            ("zones", i, "loads"),
            f"'{zone.id}' states no heat: name the loads that stand in it, heat (points) or "
            "heat_kw",
        )
    if zone.allowable_c < zone.recommended_c:
        yield (
            ("zones", i, "allowable_c"),
            f"{zone.allowable_c:g} °C are below the recommended {zone.recommended_c:g} °C",
        )
