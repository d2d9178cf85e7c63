"""The power graph compiled: nodes in topological order, feeders and children by number; and what
is wrong with it.

Semantics of kinds and limits: docs/redundancy.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.site import Group, Node

SOURCES = frozenset({"utility", "genset", "pv"})
SHARING = frozenset({"bus", "ats", "sts"})
"""Kinds that may leave out their capacity: they pass on what their feeders can."""

ONE_FEEDER = frozenset({"transformer", "ups", "pdu", "panel"})
"""Kinds with exactly one feeder."""

Problem = tuple[str, str]


class PowerGraph:
    """Nodes in an order in which every feeder comes before what it feeds. Raises ValueError on a
    loop."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        by_id = {node.id: node for node in nodes}
        self.nodes: tuple[Node, ...] = tuple(by_id[name] for name in _ordered(nodes))
        self.index = {node.id: i for i, node in enumerate(self.nodes)}
        self.feeders: tuple[tuple[int, ...], ...] = tuple(
            tuple(self.index[name] for name in node.fed_by) for node in self.nodes
        )
        self.bypass: tuple[int, ...] = tuple(
            self.index[node.bypass_fed_by] if node.bypass_fed_by else -1 for node in self.nodes
        )
        children: list[list[int]] = [[] for _ in self.nodes]
        for i, feeders in enumerate(self.feeders):
            for feeder in {*feeders, *([self.bypass[i]] if self.bypass[i] >= 0 else [])}:
                children[feeder].append(i)
        self.children: tuple[tuple[int, ...], ...] = tuple(map(tuple, children))
        self.loads: tuple[int, ...] = tuple(
            i for i, node in enumerate(self.nodes) if node.kind == "load"
        )
        self.limit_kw: tuple[float | None, ...] = tuple(node.limit_kw for node in self.nodes)
        self.unchecked: tuple[str, ...] = tuple(
            node.id
            for node in self.nodes
            if node.limit_kw is None and node.kind not in {"load", "pv"}
        )
        by_device: dict[str, list[str]] = {}
        for node in self.nodes:
            if node.device:
                by_device.setdefault(node.device, []).append(node.id)
        self.by_device = {device: tuple(names) for device, names in by_device.items()}

    def __len__(self) -> int:
        return len(self.nodes)

    def loads_behind(self, i: int) -> tuple[str, ...]:
        """Loads that can be fed through node `i`."""
        seen, stack = {i}, [i]
        while stack:
            for child in self.children[stack.pop()]:
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        return tuple(self.nodes[n].id for n in self.loads if n in seen)


def problems(nodes: Sequence[Node], groups: Sequence[Group]) -> list[Problem]:
    """What is wrong with a power graph: (node or group id, sentence), all at once."""
    found: list[Problem] = []
    ids = {node.id for node in nodes}
    seen: set[str] = set()
    for node in nodes:
        if node.id in seen:
            found.append((node.id, f"there are two power nodes '{node.id}'"))
        seen.add(node.id)
        found += [(node.id, message) for message in _node_problems(node, ids)]
    loop = find_loop(nodes)
    if loop:
        path = " → ".join((*loop, loop[0]))
        found.append((loop[0], f"a loop: {path}; each of them feeds the next"))
    kinds = {node.id: node.kind for node in nodes}
    seen_groups: set[str] = set()
    for group in groups:
        if group.id in seen_groups:
            found.append((group.id, f"there are two groups '{group.id}'"))
        seen_groups.add(group.id)
        found += [(group.id, message) for message in _group_problems(group, kinds)]
    return found


def _node_problems(node: Node, ids: set[str]) -> Iterator[str]:
    for name in (*node.fed_by, node.bypass_fed_by):
        if name and name not in ids:
            yield f"'{node.id}' is fed by '{name}', which is no power node"
    for key, value in (
        ("capacity_kw", node.capacity_kw),
        ("capacity_kva", node.capacity_kva),
        ("capacity_a", node.capacity_a),
    ):
        if value is not None and not value > 0:
            yield f"'{node.id}' has the capacity {key}: {value:g}: it must be greater than 0"
    yield from _feeding_problems(node)
    if node.kind == "load":
        yield from _load_problems(node)


def _feeding_problems(node: Node) -> Iterator[str]:
    if node.kind in SOURCES and node.fed_by:
        yield f"'{node.id}' is a source ({node.kind}): nothing feeds it"
    if node.kind == "tie":
        yield f"'{node.id}': ties are not judged yet: leave it out, as if it were open"
    elif node.kind not in SOURCES and not node.fed_by:
        yield f"the {node.kind} '{node.id}' has no feeder: add fed_by"
    if node.kind in ONE_FEEDER and len(node.fed_by) > 1:
        yield (
            f"a {node.kind} has one feeder, '{node.id}' has {len(node.fed_by)}: "
            "put a bus, ats or sts before it"
        )
    if node.bypass_fed_by and node.kind != "ups":
        yield f"'{node.id}' is no ups: it has no bypass"
    if len(set(node.fed_by)) < len(node.fed_by):
        yield f"'{node.id}' names a feeder twice"


def _load_problems(node: Node) -> Iterator[str]:
    if node.min_feeds > max(1, len(node.fed_by)):
        yield f"'{node.id}' needs {node.min_feeds} feeds and has {len(node.fed_by)}"
    if node.demand and len(node.demand) not in {1, len(node.fed_by)}:
        yield f"'{node.id}' has {len(node.demand)} demand points: one, or one per feed"
    if not node.demand and node.demand_kw is None:
        yield f"the load '{node.id}' has no demand: add demand (points) or demand_kw"


def _group_problems(group: Group, kinds: Mapping[str, str]) -> Iterator[str]:
    unknown = [name for name in group.members if name not in kinds]
    if unknown:
        yield f"group '{group.id}' names '{unknown[0]}', which is no power node"
    if len(set(group.members)) < len(group.members):
        yield f"group '{group.id}' names a member twice"
    if group.scheme == "2N" and len(group.members) < 2:
        yield f"group '{group.id}' is 2N and has one member"
    if group.scheme == "N+R" and group.design >= max(1, len(group.members)) > 0:
        count = len(group.members)
        yield f"group '{group.id}' has {count} members and cannot have {group.design} spare"
    if any(kinds.get(name) == "load" for name in group.members):
        yield f"group '{group.id}' has a load as a member: groups are of what feeds"


def find_loop(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Node ids of one loop in feeding order, empty where there is none."""
    feeds: dict[str, list[str]] = {node.id: [] for node in nodes}
    for node in nodes:
        for name in {*node.fed_by, node.bypass_fed_by}:
            if name in feeds:
                feeds[name].append(node.id)
    done: set[str] = set()
    for start, fed in feeds.items():
        if start in done:
            continue
        path: list[str] = []
        on_path: dict[str, int] = {}
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(fed))]
        path.append(start)
        on_path[start] = 0
        while stack:
            name, children = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                done.add(name)
                del on_path[path.pop()]
            elif child in on_path:
                return tuple(path[on_path[child] :])
            elif child not in done:
                on_path[child] = len(path)
                path.append(child)
                stack.append((child, iter(feeds[child])))
    return ()


def _ordered(nodes: Sequence[Node]) -> list[str]:
    """Ids in topological order, as written where the graph leaves a choice."""
    loop = find_loop(nodes)
    if loop:
        raise ValueError(f"the power graph has a loop: {' → '.join(loop)}")
    wait = {
        node.id: len({name for name in (*node.fed_by, node.bypass_fed_by) if name})
        for node in nodes
    }
    feeds: dict[str, list[str]] = {node.id: [] for node in nodes}
    for node in nodes:
        for name in {name for name in (*node.fed_by, node.bypass_fed_by) if name}:
            feeds[name].append(node.id)
    ready = [node.id for node in nodes if wait[node.id] == 0]
    order: list[str] = []
    while ready:
        name = ready.pop()
        order.append(name)
        for child in feeds[name]:
            wait[child] -= 1
            if wait[child] == 0:
                ready.append(child)
    return order
