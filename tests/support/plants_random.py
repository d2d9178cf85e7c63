"""Random plants as they are built, for hypothesis: mains, standby generators, transfer switches,
UPS systems, loads on one or two of them, with capacities that may just be enough."""

from __future__ import annotations

from hypothesis import strategies as st

from core.site import Node
from tests.support.power import node


@st.composite
def standby_plants(draw) -> list[Node]:
    """Nodes of a plant whose generators are called by its transfer switches."""
    sides = "abc"[: draw(st.integers(1, 3))]
    utilities = ["utility-1", "utility-2"][: draw(st.integers(1, 2))]
    nodes = [node(name, "utility", kw=2000) for name in utilities]
    gensets = [f"gen-{n}" for n in range(1, draw(st.integers(1, 3)) + 1)]
    rated = draw(st.sampled_from([150.0, 250.0, 400.0, 800.0]))
    nodes += [node(name, "genset", kw=rated) for name in gensets]
    nodes.append(node("gen-bus", "bus", " ".join(gensets)))
    boards = [board for side in sides for board in draw(_side(side, utilities, nodes))]
    for n in range(1, draw(st.integers(1, 3)) + 1):
        nodes += draw(_load(n, boards))
    return nodes


@st.composite
def _side(draw, side, utilities, nodes):
    """One transfer switch and the UPS system behind it; gives what loads may hang on."""
    mains = draw(st.sampled_from(utilities))
    ats, board = f"ats-{side}", f"ups-{side}"
    nodes.append(node(ats, "ats", f"{mains} gen-bus", draw(st.sampled_from([200.0, 400.0, 900.0]))))
    count, kw = draw(st.integers(1, 3)), draw(st.sampled_from([60.0, 100.0, 200.0]))
    bypass = draw(st.sampled_from(["", ats]))
    modules = [f"ups-{side}{n}" for n in range(1, count + 1)]
    nodes += [node(name, "ups", ats, kw, bypass_fed_by=bypass) for name in modules]
    nodes.append(node(board, "bus", " ".join(modules)))
    return [board, ats] if draw(st.integers(0, 4)) == 0 else [board]


@st.composite
def _load(draw, n, boards):
    """A load on one or two boards, or on a static switch between two."""
    kw = draw(st.sampled_from([20.0, 50.0, 90.0, 140.0]))
    chosen = draw(st.permutations(boards))[: draw(st.integers(1, 2))]
    if len(chosen) == 2 and draw(st.booleans()):
        sts = node(f"sts-{n}", "sts", " ".join(chosen), draw(st.sampled_from([100.0, 200.0])))
        return [sts, node(f"load-{n}", "load", sts.id, kw)]
    pdus = [
        node(f"pdu-{n}{k}", "pdu", board, draw(st.sampled_from([60.0, 100.0, 200.0])))
        for k, board in enumerate(chosen)
    ]
    both = len(chosen) == 2 and draw(st.integers(0, 3)) == 0
    load = node(f"load-{n}", "load", " ".join(p.id for p in pdus), kw, min_feeds=2 if both else 1)
    return [*pdus, load]
