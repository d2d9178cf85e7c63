"""Random plants as they are built, for hypothesis: mains, standby generators, transfer switches,
UPS systems, ties between main boards or between their outputs, loads on one or two of them, with
capacities that may just be enough."""

from __future__ import annotations

from itertools import pairwise

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
    for kind in ("main", "ups"):
        nodes += draw(_ties(kind, [f"{kind}-{side}" for side in sides]))
    return nodes


@st.composite
def tied_plants(draw) -> tuple[list[Node], set[str]]:
    """Two or three sides whose boards are tied, with room for one another, and what is taken out:
    the ways of a board into it, which the ties may take over."""
    sides = "abc"[: draw(st.integers(2, 3))]
    nodes = [node("utility-1", "utility", kw=3000), node("gen-1", "genset", kw=3000)]
    nodes.append(node("gen-bus", "bus", "gen-1"))
    for side in sides:
        nodes.append(node(f"ats-{side}", "ats", "utility-1 gen-bus", 900))
        nodes.append(node(f"main-{side}", "bus", f"ats-{side}"))
        bypass = draw(st.sampled_from(["", f"main-{side}"]))
        nodes.append(node(f"ups-{side}1", "ups", f"main-{side}", 400, bypass_fed_by=bypass))
        nodes.append(node(f"ups-{side}", "bus", f"ups-{side}1"))
        feeds = f"ups-{side}" if draw(st.booleans()) else f"main-{side}"
        kw = draw(st.sampled_from([20.0, 50.0, 90.0]))
        nodes.append(node(f"load-{side}", "load", feeds, kw, short_break=feeds.startswith("main")))
    kinds = draw(st.sampled_from([("main",), ("ups",), ("main", "ups")]))
    for kind in kinds:
        nodes += draw(_ties(kind, [f"{kind}-{side}" for side in sides], likely=True))
    ways = [f"ats-{side}" for side in sides] if "main" in kinds else []
    ways += [f"ups-{side}1" for side in sides] if "ups" in kinds else []
    return nodes, draw(st.sets(st.sampled_from(ways), min_size=1, max_size=2))


@st.composite
def _ties(draw, kind, boards, *, likely=False):
    """Ties between boards of one kind, next to next, and perhaps round in a ring."""
    pairs = [(one, other) for one, other in pairwise(boards) if likely or draw(st.booleans())]
    if len(pairs) > 1 and draw(st.booleans()):
        pairs.append((boards[0], boards[-1]))
    moves = st.sampled_from([True, True, False]) if likely else st.booleans()
    return [
        node(
            f"tie-{kind}-{n}",
            "tie",
            kw=draw(st.sampled_from([100.0, 200.0, 900.0])),
            between=pair,
            auto=draw(moves),
            normally=draw(st.sampled_from(["open", "open", "closed"])),
        )
        for n, pair in enumerate(pairs, start=1)
    ]


@st.composite
def _side(draw, side, utilities, nodes):
    """A transfer switch, its main board and the UPS system behind it; gives what loads may hang
    on."""
    mains = draw(st.sampled_from(utilities))
    ats, main, board = f"ats-{side}", f"main-{side}", f"ups-{side}"
    nodes.append(node(ats, "ats", f"{mains} gen-bus", draw(st.sampled_from([200.0, 400.0, 900.0]))))
    nodes.append(node(main, "bus", ats))
    count, kw = draw(st.integers(1, 3)), draw(st.sampled_from([60.0, 100.0, 200.0]))
    bypass = draw(st.sampled_from(["", main]))
    modules = [f"ups-{side}{n}" for n in range(1, count + 1)]
    nodes += [node(name, "ups", main, kw, bypass_fed_by=bypass) for name in modules]
    nodes.append(node(board, "bus", " ".join(modules)))
    return [board, main] if draw(st.integers(0, 4)) == 0 else [board]


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
