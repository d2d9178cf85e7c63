"""Random power graphs that the checks accept, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from core.redundancy.checks import problems
from core.site import Node

_ONE_FEEDER = ("transformer", "pdu", "panel", "ups")


@st.composite
def power_graphs(draw, size_max=12, loads_max=4):
    """Nodes of a graph with sources, a middle and loads; capacities near what flows."""
    capacity = st.sampled_from([50.0, 80.0, 100.0, 160.0, 250.0, 400.0])
    nodes = [
        Node("utility-1", "utility", capacity_kw=draw(capacity) * 4),
        Node("gen-1", "genset", capacity_kw=draw(capacity) * 2),
    ]
    if draw(st.booleans()):
        nodes.append(Node("gen-2", "genset", capacity_kw=draw(capacity) * 2))
    ties = []
    if draw(st.booleans()):  # a lineup near the sources that much hangs on
        sources = [n.id for n in nodes]
        sides = "abcd"[: draw(st.integers(2, 4))]
        nodes += [draw(_bus(f"bus-{side}", sources, capacity)) for side in sides]
        ties = draw(_ties(nodes, capacity))
    for n in range(draw(st.integers(1, size_max))):
        nodes.append(draw(_middle(f"n{n}", [node.id for node in nodes], capacity)))
    feeders = [node.id for node in nodes]
    nodes += ties or draw(_ties(nodes, capacity))
    for n in range(draw(st.integers(1, loads_max))):
        fed_by = draw(st.lists(st.sampled_from(feeders), min_size=1, max_size=3, unique=True))
        nodes.append(
            Node(
                f"load-{n}",
                "load",
                tuple(fed_by),
                demand_kw=draw(st.sampled_from([0.0, 20.0, 50.0, 90.0])),
                min_feeds=draw(st.integers(1, len(fed_by))) if draw(st.booleans()) else 1,
            )
        )
    return nodes


@st.composite
def _ties(draw, nodes, capacity):
    """Up to five ties that the checks accept: chains, rings, two between the same buses."""
    found = []
    buses = [node.id for node in nodes if node.kind == "bus"]
    for n in range(draw(st.integers(1, 5)) if len(buses) > 1 else 0):
        between = draw(st.lists(st.sampled_from(buses), min_size=2, max_size=2, unique=True))
        tie = Node(
            f"tie-{n}", "tie", between=tuple(between), auto=draw(st.booleans()),
            capacity_kw=draw(st.sampled_from([None, 50.0, 250.0])),
            normally=draw(st.sampled_from(["open", "closed"])),
        )  # fmt: skip
        if not problems([*nodes, *found, tie], ()):
            found.append(tie)
    return found


@st.composite
def _middle(draw, name, above, capacity):
    kind = draw(st.sampled_from(["bus", "bus", "ats", "sts", "ups", "ups", *_ONE_FEEDER]))
    efficiency = {"ups": 0.95, "transformer": 0.985}.get(kind, 1.0)
    # The newest nodes are the likeliest feeders, so that graphs grow deep.
    pool = above[-4:] if draw(st.booleans()) else above
    if kind in _ONE_FEEDER:
        bypass = draw(st.sampled_from(["", *above])) if kind == "ups" else ""
        return Node(
            name, kind, (draw(st.sampled_from(pool)),), capacity_kw=draw(capacity),
            efficiency=efficiency, bypass_fed_by=bypass,
        )  # fmt: skip
    return draw(_bus(name, pool, capacity, kind))


@st.composite
def _bus(draw, name, pool, capacity, kind="bus"):
    fed_by = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
    stated = draw(capacity) if draw(st.booleans()) else None
    return Node(name, kind, tuple(fed_by), capacity_kw=stated)
