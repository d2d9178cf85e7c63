"""The architectures of docs/examples, judged as an engineer would on paper.

Every figure here was worked out by hand from the site files. With the mains lost a UPS takes what
it gives divided by 0.95, and a tenth of its capacity for its battery; the generators carry the sum.
A group's figures are status, spare and headroom in kW.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.config.load import load_site
from tests.support.healthy import Healthy, group, with_demand

FOLDER = Path(__file__).parents[1] / "docs" / "examples"
NAMES = ("n-plus-1", "2n", "2n-plus-1", "3n-over-2", "4n-over-3", "catcher", "ties")


class Asked(NamedTuple):
    """What is taken out, and all that must be answered."""

    out: str
    verdict: str
    groups: dict[str, tuple[int, int, float]]
    lost: str = ""
    overloaded: dict[str, float] = {}  # noqa: RUF012 - never changed


N_PLUS_1 = [
    # Generators: 1400 / 0.95 + 4 x 50 = 1673.7 of cap(1) = 1800. Modules: 1400 of cap(1) = 1500.
    Asked("", "safe", {"gensets": (3, 1, 126.3), "modules": (3, 1, 100)}),
    Asked("utility", "safe", {"gensets": (3, 1, 126.3), "modules": (3, 1, 100)}),
    # Three modules: 1400 of 1500, and cap(1) = 1000. One battery less: 1473.7 + 150 = 1623.7.
    Asked("ups-1", "reduced", {"gensets": (3, 1, 176.3), "modules": (1, 0, -400)}),
    # Two modules: 700 each of 500; cap(1) = 500.
    Asked(
        "ups-1 ups-2",
        "unsafe",
        {"modules": (0, -1, -900)},
        overloaded={"ups-3": 700, "ups-4": 700},
    ),
    # Two generators: 1673.7 of 1800, and cap(1) = 900.
    Asked("gen-1", "reduced", {"gensets": (1, 0, -773.7), "modules": (3, 1, 100)}),
    Asked("gen-1 ups-1", "reduced", {"gensets": (1, 0, -723.7), "modules": (1, 0, -400)}),
    Asked("gen-1 gen-2", "unsafe", {"gensets": (0, -1, -1673.7)}, overloaded={"gen-3": 1673.7}),
    Asked("gen-1 gen-2 gen-3", "unsafe", {"gensets": (0, -1, -1673.7)}, lost="row-1 row-2"),
    Asked("ats", "unsafe", {"modules": (0, -1, -1400)}, lost="row-1 row-2"),
    # One cord, one way: its board is missed. What is left, 700, stands the loss of two modules.
    Asked("pdu-1", "unsafe", {"modules": (3, 2, 800)}, lost="row-1"),
]

TWO_N = [
    # Generators: 740 / 0.95 + 2 x 80 = 938.9 of cap(1) = 1100. A + B = 740 of 800 (TV-R3).
    Asked("", "safe", {"gensets": (3, 1, 161.1), "sides": (3, 1, 60)}),
    Asked("utility-a", "safe", {"gensets": (3, 1, 161.1), "sides": (3, 1, 60)}),
    Asked("utility-a utility-b", "safe", {"gensets": (3, 1, 161.1), "sides": (3, 1, 60)}),
    # B carries both rows: 740 of 800. Generators: 778.9 + 80 = 858.9.
    Asked("ups-a", "reduced", {"gensets": (3, 1, 241.1), "sides": (1, 0, -740)}),
    Asked("ats-a", "reduced", {"gensets": (3, 1, 241.1), "sides": (1, 0, -740)}),
    # Row 1 hangs on B alone and would be lost with it, though A + B is the same.
    Asked("pdu-1a", "reduced", {"sides": (1, 0, 60)}),
    Asked("ups-a ups-b", "unsafe", {"sides": (0, -1, -740)}, lost="row-1 row-2"),
    # The load of the sides is what they would carry if both were there: A all of row 1, too.
    Asked("ups-a pdu-1b", "unsafe", {"sides": (1, 0, -740)}, lost="row-1"),
    # Two generators: 938.9 of 1100, and cap(1) = 550.
    Asked("gen-1", "reduced", {"gensets": (1, 0, -388.9), "sides": (3, 1, 60)}),
    Asked("gen-1 gen-2", "unsafe", {"gensets": (0, -1, -938.9)}, overloaded={"gen-3": 938.9}),
    Asked("gen-1 gen-2 gen-3", "unsafe", {"gensets": (0, -1, -938.9)}, lost="row-1 row-2"),
]

TWO_N_PLUS_1 = [
    # Generators: 720 / 0.95 + 6 x 40 = 997.9 of 1100. Either side without a module: 720 of 800.
    Asked("", "safe", {"gensets": (3, 1, 102.1), "sides": (3, 2, 80)}),
    # A has two modules: 720 of 800 if B is lost, but with one less 720 of 400. Still 2N: this is
    # what the module more is for. Generators: 757.9 + 200 = 957.9.
    Asked("ups-a1", "safe", {"gensets": (3, 1, 142.1), "sides": (2, 1, -320)}),
    Asked("ups-a1 ups-b1", "safe", {"gensets": (3, 1, 182.1), "sides": (2, 1, -320)}),
    # A has one module of 400: with B lost it would carry 720.
    Asked("ups-a1 ups-a2", "reduced", {"sides": (1, 0, -720)}),
    # Without its board side A gives nothing, its modules still charge: 757.9 + 240 = 997.9.
    Asked("ups-a", "reduced", {"gensets": (3, 1, 102.1), "sides": (1, 0, -720)}),
    # Without its switch they do not: 757.9 + 120 = 877.9.
    Asked("ats-a", "reduced", {"gensets": (3, 1, 222.1), "sides": (1, 0, -720)}),
    # B alone on two modules: 720 of 800.
    Asked("ats-a ups-b1", "reduced", {"sides": (1, 0, -720)}),
    Asked("ats-a ups-b1 ups-b2", "unsafe", {"sides": (0, -1, -720)}, overloaded={"ups-b3": 720}),
    Asked("gen-1", "reduced", {"gensets": (1, 0, -447.9), "sides": (3, 2, 80)}),
    Asked("gen-1 gen-2 gen-3", "unsafe", {"gensets": (0, -1, -997.9)}, lost="row-1 row-2"),
]

THREE_N_OVER_2 = [
    # 1080 / 0.95 + 3 x 60 = 1316.8 of cap(1) = 1500. TV-R4: each 360, after a loss 540 of 600.
    Asked("", "safe", {"gensets": (3, 1, 183.2), "systems": (3, 1, 60)}),
    Asked("utility", "safe", {"gensets": (3, 1, 183.2), "systems": (3, 1, 60)}),
    # B and C 540 each. Then B lost: row-ab is lost and C carries 720 of 600.
    Asked("ups-a", "reduced", {"gensets": (3, 1, 243.2), "systems": (1, 0, -120)}),
    Asked("ats-a", "reduced", {"gensets": (3, 1, 243.2), "systems": (1, 0, -120)}),
    # The one that is left has none beside it to fall back on for the 1080. With the mains lost its
    # switch carries 720 / 0.95 + 60 = 817.9 of 800.
    Asked(
        "ups-a ups-b",
        "unsafe",
        {"systems": (0, -1, -1080)},
        lost="row-ab",
        overloaded={"ups-c": 720, "ats-c": 817.9},
    ),
    Asked("gen-1", "reduced", {"gensets": (1, 0, -566.8), "systems": (3, 1, 60)}),
    # 1080 / 0.95 + 120 = 1256.8, cap(1) = 750.
    Asked("gen-1 ups-a", "reduced", {"gensets": (1, 0, -506.8), "systems": (1, 0, -120)}),
    Asked("gen-1 gen-2", "unsafe", {"gensets": (0, -1, -1316.8)}, overloaded={"gen-3": 1316.8}),
    Asked(
        "gen-1 gen-2 gen-3", "unsafe", {"gensets": (0, -1, -1316.8)}, lost="row-ab row-bc row-ca"
    ),
]

FOUR_N_OVER_3 = [
    # 1800 / 0.95 + 4 x 75 = 2194.7 of cap(1) = 2700. TV-R5: each 450, after a loss 600 of 750.
    Asked("", "safe", {"gensets": (3, 1, 505.3), "systems": (3, 1, 150)}),
    Asked("utility", "safe", {"gensets": (3, 1, 505.3), "systems": (3, 1, 150)}),
    # B, C and D 600 each. Then B lost: C and D 300 + 300 + 150 = 750 of 750, but row-ab is lost.
    Asked("ups-a", "reduced", {"gensets": (3, 1, 580.3), "systems": (1, 0, 0)}),
    Asked("ats-d", "reduced", {"gensets": (3, 1, 580.3), "systems": (1, 0, 0)}),
    # C and D at 750 are full, not overloaded. Then C lost: D 3 x 300 = 900 of 750.
    Asked("ups-a ups-b", "unsafe", {"systems": (0, -1, -150)}, lost="row-ab"),
    # D alone: row-ad, row-bd and row-cd, 900 of 750, and 900 / 0.95 + 75 of its switch's 1000.
    Asked(
        "ups-a ups-b ups-c",
        "unsafe",
        {"systems": (0, -1, -1800)},
        lost="row-ab row-ac row-bc",
        overloaded={"ups-d": 900, "ats-d": 1022.4},
    ),
    Asked("gen-1", "reduced", {"gensets": (1, 0, -394.7), "systems": (3, 1, 150)}),
    # 1894.7 + 225 = 2119.7; three generators 2700, cap(1) = 1800.
    Asked("gen-1 ups-a", "reduced", {"gensets": (1, 0, -319.7), "systems": (1, 0, 0)}),
    Asked(
        "gen-1 gen-2",
        "unsafe",
        {"gensets": (0, -1, -1294.7)},
        overloaded={"gen-3": 1097.4, "gen-4": 1097.4},
    ),
]

CATCHER = [
    # 1410 / 0.95 + 4 x 60 = 1724.2 of cap(1) = 2400. TV-R6: the largest, 510, into 600.
    Asked("", "safe", {"gensets": (3, 1, 675.8), "block": (3, 1, 90)}),
    Asked("utility", "safe", {"gensets": (3, 1, 675.8), "block": (3, 1, 90)}),
    # The 510 are on the reserve: 90 free, and then 480 would come: 990 of 600.
    Asked("ups-2", "reduced", {"gensets": (3, 1, 735.8), "block": (1, 0, -390)}),
    # Nobody to catch: ups-2 keeps its 90.
    Asked("reserve", "reduced", {"gensets": (3, 1, 735.8), "block": (1, 0, 90)}),
    Asked("ups-1 ups-2", "unsafe", {"block": (0, -1, -810)}, overloaded={"reserve": 930}),
    Asked("ups-1 reserve", "unsafe", {"block": (0, -1, 90)}, lost="row-1"),
    Asked("sts-1", "unsafe", {"block": (3, 1, 90)}, lost="row-1"),
    # Three generators 2400, cap(1) = 1600.
    Asked("gen-1", "reduced", {"gensets": (1, 0, -124.2), "block": (3, 1, 90)}),
    Asked(
        "gen-1 gen-2",
        "unsafe",
        {"gensets": (0, -1, -924.2)},
        overloaded={"gen-3": 862.1, "gen-4": 862.1},
    ),
    Asked("ats", "unsafe", {"block": (0, -1, -1410)}, lost="row-1 row-2 row-3"),
]

TIES = [
    # Each UPS takes 200 / 0.95 + 50 = 260.5 with the mains lost, the cooling 250: generators 771.1
    # of cap(1) = 900. 400 of one UPS of 500.
    Asked("", "safe", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    Asked("utility-a utility-b", "safe", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    # Tie 1 closes for board A: 260.5 of 500. Then without ats-c too, tie 2 would carry A and the
    # cooling, 260.5 + 250 = 510.5 of 500.
    Asked("ats-a", "reduced", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    Asked("ats-a ats-c", "unsafe", {"sides": (1, 0, 100)}, overloaded={"tie-2": 510.5}),
    # The same from the other side. A, with tie 1, feeds the cooling and B.
    Asked("ats-b ats-c", "unsafe", {"sides": (1, 0, 100)}, overloaded={"tie-1": 510.5}),
    # Both ties could close for board C. Tie 1 is written first; then without ats-a, too, tie 2.
    Asked("ats-c", "reduced", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    # C feeds all by both ties: ats-c 771 of 1000. But by itself.
    Asked("ats-a ats-b", "reduced", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    Asked("ats-a ats-b ats-c", "unsafe", {"sides": (0, -1, -400)}, lost="row-1 row-2 cooling"),
    # One tie is enough for the cooling, whichever board is lost; without both it hangs on ats-c.
    Asked("tie-1", "safe", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    Asked("tie-1 tie-2", "reduced", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    Asked("tie-1 ats-c", "reduced", {"gensets": (3, 1, 128.9), "sides": (3, 1, 100)}),
    # No tie is left for board C; then for board A, whose rows go to B: 421.1 + 50 + 250 = 721.1.
    Asked("tie-1 tie-2 ats-c", "unsafe", {"gensets": (3, 1, 378.9)}, lost="cooling"),
    Asked("tie-1 ats-a", "reduced", {"gensets": (3, 1, 178.9), "sides": (1, 0, -400)}),
    # A board that is out is fed through no tie.
    Asked("main-c", "unsafe", {"gensets": (3, 1, 378.9)}, lost="cooling"),
    Asked("main-a", "reduced", {"gensets": (3, 1, 178.9), "sides": (1, 0, -400)}),
    Asked("gen-1 gen-2", "unsafe", {"gensets": (0, -1, -771.1)}, overloaded={"gen-3": 771.1}),
]

ASKED = [
    pytest.param(name, asked, id=f"{name}: {asked.out or 'nothing'}")
    for name, rows in zip(
        NAMES,
        (N_PLUS_1, TWO_N, TWO_N_PLUS_1, THREE_N_OVER_2, FOUR_N_OVER_3, CATCHER, TIES),
        strict=True,
    )
    for asked in rows
]


@cache
def example(name: str) -> Healthy:
    return Healthy(load_site(FOLDER / f"{name}.yaml"))


@pytest.mark.parametrize(("name", "asked"), ASKED)
def test_what_if_answers_are_those_of_the_calculation_by_hand(name, asked):
    answer = example(name).what_if(asked.out)
    assert answer.verdict == asked.verdict, answer.reasons
    assert answer.lost_loads == tuple(asked.lost.split())
    found = {overload.id: overload.load_kw for overload in answer.overloaded}
    assert found == pytest.approx(asked.overloaded, abs=0.06)
    for name_of_group, (status, spare, headroom_kw) in asked.groups.items():
        judged = group(answer, name_of_group)
        assert (judged.status, judged.spare) == (status, spare), judged.reasons
        assert judged.headroom_kw == pytest.approx(headroom_kw, abs=0.06)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_safe_reduced_and_unsafe_answers(name):
    verdicts = {asked.verdict for here, asked in (p.values for p in ASKED) if here == name}
    assert verdicts == {"safe", "reduced", "unsafe"}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_at_rest_is_full_and_nothing_in_it_is_assumed_of_what_has_states(name):
    report = example(name).report()
    assert (report.status, report.reasons) == (3, ()), report.headline
    passive = {n.id for n in example(name).site.power if n.kind in ("bus", "tie", "pdu", "load")}
    assert set(report.assumed) == passive


@pytest.mark.parametrize("name", NAMES)
def test_without_generators_an_example_on_mains_is_never_safe(name):
    gensets = [n.id for n in example(name).site.power if n.kind == "genset"]
    answer = example(name).what_if(" ".join(gensets))
    assert answer.verdict == "unsafe"
    loads = {n.id: n.short_break for n in example(name).site.power if n.kind == "load"}
    assert answer.cases["as_is"].lost_loads == ()
    rows = {load for load, waits in loads.items() if not waits}
    assert set(answer.cases["as_is"].unprotected_loads) == rows
    assert set(answer.cases["mains_lost"].lost_loads) == set(loads)


# The most that may be used of what is installed: redundancy.md section 3 of the reference


@pytest.mark.parametrize(
    ("name", "of_group", "row_kw", "share", "above"),
    [
        ("n-plus-1", "modules", 750, 3 / 4, 1),  # (n - 1) / n of four: 2 x 750 of 2000
        ("2n", "sides", 400, 1 / 2, 1),  # 2 x 400 of 1600
        ("2n-plus-1", "sides", 400, 2 / 6, 2),  # (n - 1) / 2n, n = 3: 2 x 400 of 2400; then 2N
        ("3n-over-2", "systems", 400, 2 / 3, 1),  # 3 x 400 of 1800
        ("4n-over-3", "systems", 375, 3 / 4, 1),  # 6 x 375 of 3000
        ("catcher", "block", 600, 3 / 4, 0),  # N / (N + 1): 3 x 600 of 2400; then overloaded
    ],
)
def test_the_load_at_the_limit_is_full_and_a_little_above_is_not(
    name, of_group, row_kw, share, above
):
    site = example(name).site
    installed_kw = sum(node.limit_kw for node in site.power if node.kind == "ups")
    rows = sum(node.kind == "load" for node in site.power)
    assert rows * row_kw / installed_kw == pytest.approx(share)

    at_limit = Healthy(with_demand(site, row_kw))
    assert group(at_limit.report(), of_group).status == 3
    assert at_limit.what_if().verdict == "safe"
    beyond = Healthy(with_demand(site, row_kw + 0.5))
    assert group(beyond.report(), of_group).status == above
    assert beyond.report().status == above
    assert of_group in beyond.report().headline or above == 0
