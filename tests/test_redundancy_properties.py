"""What must hold of every plant: a group called full, a site called full, held against the literal
twin with everything that may fail tried."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.site import Group
from tests.support.power import Plant
from tests.support.power_oracle import Oracle
from tests.support.power_random import power_graphs

several = settings(deadline=None, max_examples=60)

CASES = ("as_is", "mains_lost")
CARRIES = ("utility", "genset", "bus", "ats", "sts", "ups", "transformer", "pdu", "panel")


def group_of(draw, nodes, scheme):
    """A group of two to four members that carry something."""
    able = [node.id for node in nodes if node.kind in CARRIES]
    count = 2 if scheme == "2N" else draw(st.integers(2, min(4, len(able))))
    members = tuple(draw(st.permutations(able))[:count])
    design = draw(st.integers(0, 3)) if scheme == "N+R" else 1
    return Group("group", scheme, members, design)


def harm(nodes, out):
    """By case: loads lost, and nodes overloaded."""
    oracles = {case: Oracle(nodes, case, out=out) for case in CASES}
    return {case: (o.lost_loads, set(o.overloaded)) for case, o in oracles.items()}


@several
@given(power_graphs(size_max=10), st.data())
def test_a_full_group_stands_every_loss_that_it_was_designed_for(nodes, data):
    group = group_of(
        data.draw, nodes, data.draw(st.sampled_from(["N+R", "distributed", "catcher"]))
    )
    status = Plant(nodes, [group]).report().groups[0]
    before = harm(nodes, set())
    for count in range(1, status.spare + 1):
        for out in combinations(status.available, count):
            after = harm(nodes, set(out))
            for case in CASES:
                assert after[case][0] <= before[case][0], (status, out, case)
                assert after[case][1] <= before[case][1], (status, out, case)
    assert status.status < 3 or status.spare >= group.design


@several
@given(power_graphs(size_max=10), st.data())
def test_a_full_2n_group_stands_the_loss_of_a_side(nodes, data):
    group = group_of(data.draw, nodes, "2N")
    status = Plant(nodes, [group]).report().groups[0]
    if status.status < 3:
        return
    before, idle = (
        harm(nodes, set()),
        [replace(n, demand_kw=0.0) for n in nodes if n.kind == "load"],
    )
    pristine = [*(n for n in nodes if n.kind != "load"), *idle]
    for out in group.members:
        after, drops = harm(nodes, {out}), harm(pristine, {out})
        for case in CASES:
            assert after[case][1] <= before[case][1], (status, out, case)
            lost = after[case][0] - before[case][0]
            assert lost <= drops[case][0] | drops["mains_lost"][0], (status, out, case)
            said = " ".join(status.reasons)
            assert all(load in said or "more" in said for load in lost), (status, lost)


@several
@given(power_graphs(size_max=10))
def test_a_unit_more_never_lowers_a_group(nodes):
    """A twin of a generator on the board behind it."""

    def with_generators(*names):
        below = [replace(n, fed_by=tuple(map(renamed, n.fed_by))) for n in nodes[2:]]
        below = [replace(n, bypass_fed_by=renamed(n.bypass_fed_by)) for n in below]
        gensets = [replace(nodes[1], id=name) for name in names]
        board = replace(nodes[1], id="board", kind="bus", fed_by=names, capacity_kw=None)
        group = Group("gensets", "N+R", names, 0)
        return Plant([nodes[0], *gensets, board, *below], [group]).report().groups[0]

    def renamed(name):
        return "board" if name == "gen-1" else name

    few, many = with_generators("gen-1"), with_generators("gen-1", "gen-9")
    assert many.status >= few.status
    assert many.spare >= few.spare


@several
@given(power_graphs(size_max=10))
def test_where_a_site_is_full_each_feed_can_take_over(nodes):
    """No single failure takes a feed from a load and overloads what then carries it."""
    report = Plant(nodes).report()
    redundant = {load.id for load in report.loads if load.state == "redundant"}
    if not redundant:
        return
    for case in CASES:
        before = Oracle(nodes, case)
        for out in (node.id for node in nodes if node.kind != "load"):
            after = Oracle(nodes, case, out={out})
            for load in (node for node in nodes if node.id in redundant):
                if after.feeding(load.id) == before.feeding(load.id):
                    continue
                way = upstream(after, load.id)
                new = set(after.overloaded) - set(before.overloaded)
                assert not way & new, (case, out, load.id, way & new)


def upstream(oracle, name):
    """All that carries a node."""
    found: set[str] = set()
    for feeder in oracle.feeding(name):
        found |= {feeder} | upstream(oracle, feeder)
    return found
