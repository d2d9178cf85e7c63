"""What must hold in the power part of a site file, before anything is computed on it.

Every check gives all its problems at once as (id of the node or group, sentence). Knows the records
of `core.site`; does not know where in a file they stood.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.site import Group, Node

Found = Iterator[tuple[str, str]]

SOURCES = frozenset(("utility", "genset", "pv"))
ONE_FEEDER = frozenset(("transformer", "ups", "pdu", "panel"))
MUST_STATE_CAPACITY = frozenset(("utility", "genset", "transformer", "ups", "pdu", "panel"))
NO_MEMBERS = frozenset(("load", "pv", "tie"))


def problems(nodes: Sequence[Node], groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Everything that is wrong with a power graph and its groups, as (id, sentence); empty if
    nothing is."""
    found: list[tuple[str, str]] = []
    by_id = {node.id: node for node in nodes}
    found += _doubles("power nodes", (node.id for node in nodes))
    for node in nodes:
        found += _feeders(node, by_id)
        found += _bypass(node, by_id)
        found += _numbers(node)
        if node.kind == "load":
            found += _load(node)
        elif node.demand or node.demand_kw is not None:
            found.append((node.id, "demand: only a load has one"))
    found += _ties(nodes, by_id)
    found += _loops(by_id)
    found += _doubles("groups", (group.id for group in groups))
    for group in groups:
        found += _group(group, by_id)
    return found


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _doubles(what: str, ids: Iterable[str]) -> Found:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            yield name, f"there are two {what} '{name}'"
        seen.add(name)


def _feeders(node: Node, by_id: Mapping[str, Node]) -> Found:
    for name in node.fed_by:
        feeder = by_id.get(name)
        if feeder is None:
            yield node.id, f"fed_by: there is no power node '{name}'{_nearest(name, by_id)}"
        elif feeder.kind == "load":
            yield node.id, f"fed_by: '{name}' is a load, and a load feeds nothing"
        elif feeder.kind == "tie":
            yield node.id, f"fed_by: '{name}' is a tie; name the bus instead"
    if len(set(node.fed_by)) < len(node.fed_by):
        yield node.id, "fed_by: names the same feeder twice"
    if node.kind in SOURCES and node.fed_by:
        yield node.id, f"is a source ({node.kind}): it has no fed_by"
    elif node.kind in ONE_FEEDER and len(node.fed_by) != 1:
        yield (
            node.id,
            f"this {node.kind} needs exactly one feeder in fed_by: put a bus, ats or sts "
            "before it where there are several",
        )
    elif node.kind in ("bus", "ats", "sts", "load") and not node.fed_by:
        yield node.id, f"this {node.kind} has no feeder: add fed_by"


def _bypass(node: Node, by_id: Mapping[str, Node]) -> Found:
    if node.bypass_fed_by:
        if node.kind != "ups":
            yield node.id, "bypass_fed_by: only a ups has one"
        elif node.bypass_fed_by not in by_id:
            yield (
                node.id,
                f"bypass_fed_by: there is no power node '{node.bypass_fed_by}'"
                f"{_nearest(node.bypass_fed_by, by_id)}",
            )
        elif by_id[node.bypass_fed_by].kind in NO_MEMBERS:
            kind = by_id[node.bypass_fed_by].kind
            yield node.id, f"bypass_fed_by: '{node.bypass_fed_by}' is a {kind}, it feeds no bypass"


def _ties(nodes: Sequence[Node], by_id: Mapping[str, Node]) -> Found:
    joined: dict[str, str] = {}
    for node in nodes:
        if node.kind != "tie":
            for key, given in (
                ("between", node.between),
                ("auto", node.auto),
                ("normally", node.normally != "open"),
            ):
                if given:
                    yield node.id, f"{key}: only a tie has one"
            continue
        if node.fed_by:
            yield node.id, "fed_by: a tie has none, it joins two buses: between: [bus-a, bus-b]"
        if len(node.between) != 2 or len(set(node.between)) < 2:
            yield node.id, "is a tie and joins two buses: add between: [bus-a, bus-b]"
            continue
        for name in node.between:
            bus = by_id.get(name)
            if bus is None:
                yield node.id, f"between: there is no power node '{name}'{_nearest(name, by_id)}"
                continue
            if bus.kind != "bus":
                yield node.id, f"between: '{name}' is a {bus.kind}; a tie joins two buses"
            elif name in joined:
                yield (
                    node.id,
                    f"between: '{name}' has a tie already, {joined[name]}: write buses that are "
                    "always joined as one",
                )
            elif any(feeder in by_id and by_id[feeder].kind == "ups" for feeder in bus.fed_by):
                yield (
                    node.id,
                    f"between: '{name}' is fed by UPSs, and a tie between outputs of UPSs is not "
                    "judged: leave it out where it is open, or write both buses as one",
                )
            joined.setdefault(name, node.id)


def _numbers(node: Node) -> Found:
    for name in ("capacity_kw", "capacity_kva", "capacity_a"):
        value = getattr(node, name)
        if value is not None and not 0 < value < math.inf:
            yield node.id, f"{name}: {value:g} is not possible: a capacity is above zero"
    stated = (node.capacity_kw, node.capacity_kva, node.capacity_a)
    if node.kind in MUST_STATE_CAPACITY and all(value is None for value in stated):
        yield (
            node.id,
            f"this {node.kind} states no capacity: add capacity_kw, capacity_kva or capacity_a",
        )
    for name in ("efficiency", "power_factor"):
        value = getattr(node, name)
        if not 0 < value <= 1:
            yield node.id, f"{name}: {value:g} is not possible: it lies above 0 and up to 1"
    if node.recharge_kw is not None and not 0 <= node.recharge_kw < math.inf:
        yield node.id, f"recharge_kw: {node.recharge_kw:g} is not possible: it is 0 or more"


def _load(node: Node) -> Found:
    feeds = len(node.fed_by)
    if node.min_feeds < 1:
        yield node.id, f"min_feeds: {node.min_feeds} is not possible: a load needs one at least"
    elif feeds and node.min_feeds > feeds:
        yield node.id, f"min_feeds: needs {node.min_feeds} feeds to live and has {feeds}"
    if not node.demand and node.demand_kw is None:
        yield node.id, "is a load without a demand: add demand (points) or demand_kw"
    if len(node.demand) > 1 and len(node.demand) != feeds:
        yield (
            node.id,
            f"demand: {len(node.demand)} points for {feeds} feeds: name one per feed, in the "
            "order of fed_by, or a single one for the whole load",
        )
    if node.demand_kw is not None and not 0 <= node.demand_kw < math.inf:
        yield node.id, f"demand_kw: {node.demand_kw:g} is not possible: it is 0 or more"


def _loops(by_id: Mapping[str, Node]) -> Found:
    """Each loop once, with its path: a depth-first walk along the feeders, without recursion."""
    above = _above(by_id)
    done: set[str] = set()
    for start in by_id:
        path: list[str] = []
        walks = [iter(above[start])] if start not in done else []
        if walks:
            path.append(start)
        while walks:
            name = next(walks[-1], None)
            if name is None:
                walks.pop()
                done.add(path.pop())
            elif name in path:
                loop = [*path[path.index(name) :], name]
                yield name, f"a loop: {' is fed by '.join(loop)}"
            elif name not in done:
                path.append(name)
                walks.append(iter(above[name]))


def _above(by_id: Mapping[str, Node]) -> dict[str, list[str]]:
    """What may feed each node: a tie what feeds its buses, and each of those the tie."""
    above: dict[str, dict[str, None]] = {
        name: dict.fromkeys((*node.fed_by, node.bypass_fed_by) if node.kind != "tie" else ())
        for name, node in by_id.items()
    }
    for name, tie in by_id.items():
        buses = [
            bus
            for bus in tie.between
            if tie.kind == "tie" and bus in by_id and by_id[bus].kind == "bus"
        ]
        above[name].update({feeder: None for bus in buses for feeder in by_id[bus].fed_by})
        for bus in buses:
            above[bus][name] = None
    return {name: [f for f in names if f in by_id] for name, names in above.items()}


def _group(group: Group, by_id: Mapping[str, Node]) -> Found:
    if not group.members:
        yield group.id, "a group needs members"
    for name in group.members:
        member = by_id.get(name)
        if member is None:
            yield group.id, f"members: there is no power node '{name}'{_nearest(name, by_id)}"
        elif member.kind in NO_MEMBERS:
            yield group.id, f"members: '{name}' is a {member.kind} and carries nothing for others"
    if len(set(group.members)) < len(group.members):
        yield group.id, "members: names the same node twice"
    if group.design < 0:
        yield group.id, f"design: {group.design} is not possible: it is 0 or more spare units"
    if group.scheme == "N+R":
        return
    if group.scheme == "2N" and group.design > 1:
        yield from _two_sides_of_units(group, by_id)
    elif group.design != 1:
        yield group.id, f"design: {group.scheme} stands the loss of one system: leave design out"
    if group.scheme == "2N" and len(group.members) != 2:
        yield (
            group.id,
            f"members: 2N is two systems that each carry everything, not {len(group.members)}",
        )
    elif group.scheme in ("distributed", "catcher") and len(group.members) < 2:
        yield group.id, f"members: {group.scheme} needs two systems at least"


def _two_sides_of_units(group: Group, by_id: Mapping[str, Node]) -> Found:
    """2(N+R): a side, and R units of the other."""
    sides = (by_id[name] for name in group.members if name in by_id)
    few = [side.id for side in sides if side.kind != "bus" or len(side.fed_by) < group.design]
    if few:
        yield (
            group.id,
            f"design: {group.design} is the loss of a side and of {group.design - 1} more of the "
            f"units that feed the other; {' and '.join(few)} is no bus with enough of them: leave "
            "design out, or name the buses behind the units",
        )
