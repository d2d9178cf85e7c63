"""What must hold in the power part of a site file, before anything is computed on it.

Every check gives all its problems at once as (id of the node or group, sentence). Knows the records
of `core.site`; does not know where in a file they stood.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

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
                yield name, f"a loop: {' is fed by '.join(_through_ties(loop, by_id))}"
            elif name not in done:
                path.append(name)
                walks.append(iter(above[name]))


def _above(by_id: Mapping[str, Node]) -> dict[str, list[str]]:
    """What may feed each node: a tie all that feeds its lineup, and each bus of that the ties."""
    above = {
        name: dict.fromkeys((*node.fed_by, node.bypass_fed_by) if node.kind != "tie" else ())
        for name, node in by_id.items()
    }
    for ties, buses in lineups_of(list(by_id.values())):
        fed_by = {feeder: None for bus in buses for feeder in bus.fed_by}
        for tie in ties:
            above[tie.id].update(fed_by)
        for bus in buses:
            above[bus.id].update({tie.id: None for tie in ties if bus.id in tie.between})
    return {name: [f for f in names if f in by_id] for name, names in above.items()}


def _through_ties(loop: Sequence[str], by_id: Mapping[str, Node]) -> list[str]:
    """A loop with the buses and ties between a tie and what feeds a bus of its lineup."""
    whole = [loop[0]]
    for before, name in pairwise(loop):
        if by_id[before].kind == "tie":
            whole += _across(by_id, whole, name)
        whole.append(name)
    return whole


def _across(by_id: Mapping[str, Node], path: Sequence[str], feeder: str) -> list[str]:
    """From the tie at the end of a path over buses and ties to the bus that a feeder feeds."""
    ways = [[bus] for bus in by_id[path[-1]].between if bus not in path[-2:-1]]
    ties = [node for node in by_id.values() if node.kind == "tie" and len(node.between) == 2]
    for way in ways:  # grows while it is walked
        if feeder in by_id[way[-1]].fed_by:
            return way
        for tie in ties:
            if way[-1] in tie.between and tie.id not in (*way, path[-1]):
                bus = tie.between[tie.between[0] == way[-1]]
                if bus in by_id and bus not in way:
                    ways.append([*way, tie.id, bus])
    return []


def lineups_of(nodes: Sequence[Node]) -> list[tuple[list[Node], list[Node]]]:
    """Ties, and the buses that would be one busbar if all of these were closed; both in the order
    written. Ties that do not join two buses are left out."""
    buses = {node.id: node for node in nodes if node.kind == "bus"}
    found: list[tuple[dict[str, Node], dict[str, Node]]] = []
    for tie in nodes:
        sides = {name: buses[name] for name in tie.between if name in buses}
        if tie.kind != "tie" or len(sides) < 2:
            continue
        apart = [lineup for lineup in found if not lineup[1].keys() & sides.keys()]
        ties = {tie.id: tie}
        for more_ties, more_buses in found:
            if more_buses.keys() & sides.keys():
                ties, sides = more_ties | ties, more_buses | sides
        found = [*apart, (ties, sides)]
    written = {node.id: n for n, node in enumerate(nodes)}

    def in_order(some: Mapping[str, Node]) -> list[Node]:
        return sorted(some.values(), key=lambda node: written[node.id])

    return [(in_order(ties), in_order(sides)) for ties, sides in found]


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
