"""The demo site, judged on healthy readings made by hand: full in both cases, and every single
removal as its single-line diagram says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import load_site
from tests.support.healthy import Healthy, group

ROOT = Path(__file__).parents[1]
KW = {"rpp": 42.0, "crah-board": 20.0, "pump-board": 15.0, "security": 5.0, "mcc": 170.0}
"""What flows through one feed, in kW; 5 where nothing is named."""


class Demo(Healthy):
    """The demo site with the power that flows through each feed of a load."""

    def __init__(self) -> None:
        super().__init__(load_site(ROOT / "simulator" / "sites" / "nouaceur.yaml"))
        for node in self.site.power:
            for feeder, point in zip(node.fed_by, node.demand, strict=False):
                kw = next((kw for start, kw in KW.items() if feeder.startswith(start)), 5.0)
                self.points[point] = kw * 1e3


@pytest.fixture(scope="module")
def demo():
    return Demo()


def test_the_healthy_demo_is_full_in_both_cases(demo):
    report = demo.report()
    assert report.status == 3, report.reasons
    assert report.unknown == ()
    assert {group.status for group in report.groups} == {3}
    for case in report.cases.values():
        assert (case.lost_loads, case.unprotected_loads, case.overloaded) == ((), (), ())
    assert {load.id for load in report.loads if load.state != "redundant"} == set()
    assert demo.what_if("").verdict == "safe"


ROWS = [f"row-{n}" for n in range(1, 13)]
MECHANICAL = {"hall-1-air", "hall-2-air", "chilled-water", "security", "chillers", "lighting"}
MECHANICAL |= {"ventilation"}


def expected(kind: str, name: str) -> str:
    """What the single-line diagram says of one component out."""
    if kind in ("utility", "pv") or name in ("tr-1", "tr-2", "lv-a", "lv-b", "tr-3", "lv-m"):
        return "safe"  # the mains' side: that is what the generators are there for
    if kind == "load" or name == "gen-bus":
        return "unsafe"
    return "reduced"


def test_every_single_removal_is_what_the_diagram_says(demo):
    for node in demo.site.power:
        answer = demo.what_if(node.id)
        assert answer.verdict == expected(node.kind, node.id), (node.id, answer.reasons)
        assert answer.overloaded == ()
        assert answer.unprotected_loads == ()


def test_one_ups_module(demo):
    answer = demo.what_if("ups-a2")
    modules = group(answer, "ups-a-modules")
    # 12 rows of 84 kW: side A gives half, both its modules 252 kW; alone it would give 1008.
    assert (modules.status, modules.spare, modules.available) == (1, 0, ("ups-a1", "ups-a3"))
    assert modules.load_kw == pytest.approx(12 * 42)
    assert group(answer, "ups-sides").status == 1  # 1008 kW are more than two modules of 500
    assert group(answer, "ups-sides").load_kw == pytest.approx(12 * 84)


def test_one_transfer_switch(demo):
    answer = demo.what_if("ats-a")
    assert answer.lost_loads == ()
    assert group(answer, "ups-sides").missing == ("ups-a",)
    assert group(answer, "ups-a-modules").status == 0
    assert group(answer, "ups-b-modules").load_kw == pytest.approx(12 * 84)
    assert any("row-1" in reason and "ats-b" in reason for reason in answer.reasons)


def test_the_generators_board(demo):
    answer = demo.what_if("gen-bus")
    assert set(answer.lost_loads) == {*ROWS, *MECHANICAL}
    assert answer.cases["as_is"].lost_loads == ()
    assert set(answer.cases["as_is"].unprotected_loads) == {
        *ROWS, "hall-1-air", "hall-2-air", "chilled-water", "security",
    }  # fmt: skip


def test_both_ups_sides(demo):
    answer = demo.what_if("ups-a ups-b")
    assert answer.verdict == "unsafe"
    assert set(answer.lost_loads) == set(ROWS)


def test_two_generators_of_three(demo):
    answer = demo.what_if("gen-1 gen-2")
    assert [o.id for o in answer.overloaded] == ["gen-3"]
    load_kw = 12 * 84 / 0.955 + 6 * 30  # the rows through the UPSs that recharge
    load_kw += 2 * (2 * 20 + 15 + 5) / 0.955 + 2 * 10 + 2 * (170 + 5 + 5)
    assert answer.overloaded[0].load_kw == pytest.approx(load_kw)
    assert answer.cases["as_is"].overloaded == ()


def test_one_generator_of_three(demo):
    answer = demo.what_if("gen-1")
    gensets = group(answer, "gensets")
    assert (gensets.case, gensets.status, gensets.missing) == ("mains_lost", 1, ("gen-1",))


def test_both_feeds_of_one_row(demo):
    assert demo.what_if("rpp-3a rpp-3b").lost_loads == ("row-3",)
    assert demo.what_if("rpp-3a rpp-4b").lost_loads == ()


def test_the_next_one_after_a_side_is_out(demo):
    assert demo.what_if("ups-a ups-b1").verdict == "unsafe"
    over = demo.what_if("ups-a ups-b1").overloaded
    assert {o.id: o.load_kw for o in over} == pytest.approx({"ups-b2": 504.0, "ups-b3": 504.0})
