"""What generators are worth by the basis of their rating, and how long they take to start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.config.load import load_site
from core.errors import ConfigError
from core.redundancy.condition import START_S
from core.redundancy.report import RedundancyModel
from core.site import Group, Rating, Start
from tests.support.power import Plant, node

GENSETS = Group("gensets", "N+R", ("gen-1", "gen-2", "gen-3", "gen-4"))


def gensets(rating, load_kw, plate_kw=800):
    """Four generators on one bus, with mains beside."""
    nodes = [node("utility", "utility", kw=9000)]
    nodes += [node(f"gen-{n}", "genset", kw=plate_kw, rating=rating) for n in (1, 2, 3, 4)]
    nodes.append(node("gen-bus", "bus", "gen-1 gen-2 gen-3 gen-4"))
    nodes.append(node("ats", "ats", "utility gen-bus", 9000))
    nodes.append(node("row", "load", "ats", load_kw, short_break=True))
    return Plant(nodes, [GENSETS])


@pytest.mark.parametrize(
    ("rating", "kw"),
    [
        (None, 800),
        (Rating("COP"), 800),
        (Rating("DCP"), 800),
        (Rating("DCP", derate=0.9), 720),
        (Rating("PRP"), 560),
        (Rating("PRP", derate=0.9), 504),
        (Rating("PRP", average=0.85), 680),
        (Rating("ESP"), 504),
        (Rating("ESP", derate=0.5), 252),
    ],
)
def test_what_a_generator_is_worth_without_a_limit_of_hours(rating, kw):
    assert gensets(rating, 100).site.power[1].limit_kw == pytest.approx(kw)


def test_tv_r7_four_generators_without_a_limit_of_hours():
    """TV-R7: 4 x 800 kW carry 2100 kW with one spare; one that is not in auto is the spare."""
    nodes = list(gensets(Rating("DCP"), 2100).site.power)
    nodes[1] = replace(nodes[1], device="gen-1")
    plant = Plant(nodes, [GENSETS]).at({"gen-1/engine.state": "stopped"})
    group = plant.at({"gen-1/control.mode": "auto"}).report().groups[0]
    assert (group.spare, group.status, group.capacity_kw) == (1, 3, 2400)
    group = plant.at({"gen-1/control.mode": "manual"}).report().groups[0]
    assert (group.spare, group.status) == (0, 1)
    assert group.reasons == ("gen-1 is not in auto (manual)",)


def test_a_standby_plate_does_not_carry_a_load_without_end():
    """The same four with ESP plates are worth 2016 kW: 2100 kW overload them, and it says why."""
    plant = gensets(Rating("ESP"), 2100)
    report = plant.report()
    assert report.status == 0
    assert (
        "gen-1 carries 525 of 504 kW (63% of its ESP rating count without a limit of hours) "
        "with the mains lost" in report.reasons
    )
    assert plant.what_if().verdict == "unsafe"
    assert gensets(Rating("ESP"), 2000).report().groups[0].spare == 0


def test_a_generator_without_a_rating_counts_in_full_and_is_assumed():
    report = gensets(None, 2100).report()
    assert report.groups[0].spare == 1
    watched = replace(gensets(None, 2100).site.power[1], device="gen-1")
    for rating, assumed in ((None, True), (Rating("DCP"), False)):
        plant = Plant([replace(watched, rating=rating), node("row", "load", "gen-1", 10)])
        plant.at({"gen-1/engine.state": "stopped", "gen-1/control.mode": "auto"})
        assert ("gen-1" in plant.report().assumed) is assumed
        assert ("gen-1" in plant.what_if().assumed) is assumed


@pytest.mark.parametrize("basis", ["ESP", "PRP", "COP", "DCP"])
def test_a_rating_never_makes_a_plan_safer(basis):
    """Errs to the safe side: whatever the basis, a generator is worth at most its plate."""
    order = ("unsafe", "reduced", "safe")
    for load_kw in (1000, 1500, 1700, 2100, 2300, 2500, 3100):
        stated = gensets(Rating(basis), load_kw).what_if("gen-1").verdict
        plate = gensets(None, load_kw).what_if("gen-1").verdict
        assert order.index(stated) <= order.index(plate)


# The start


def test_the_default_start_takes_137_seconds():
    """TV-R8: 5 + 3 x (15 + 15) + 10 + 10 + 2 + 20 s."""
    assert Start().total_s == START_S == 137.0


@pytest.mark.parametrize(("runtime_s", "left"), [(480.0, ()), (120.0, ("row",))])
def test_a_battery_is_judged_by_the_start_of_the_site(runtime_s, left):
    """TV-R8: 8 min of battery are enough, 120 s are not; 120 s are enough for one fast crank."""
    nodes = [
        node("utility", "utility", kw=500),
        node("gen", "genset", kw=500),
        node("ats", "ats", "utility gen", 500),
        node("ups", "ups", "ats", 300, device="ups"),
        node("row", "load", "ups", 100),
    ]
    plant = Plant(nodes).at({"ups/mode": "online", "ups/battery.runtime": runtime_s})
    assert plant.report().cases["as_is"].unprotected_loads == left
    plant.model = RedundancyModel(replace(plant.site, start=Start(cranks=1)))
    assert plant.report().cases["as_is"].unprotected_loads == ()
    plant.model = RedundancyModel(replace(plant.site, start=Start(cranks=20)))
    assert plant.report().cases["as_is"].unprotected_loads == ("row",)


# The site file


SITE = """\
site: {id: casa-1}
start: {cranks: 2, walk_in_s: 30}
policy: {eco: none}
power:
  - {id: utility, kind: utility, capacity_kw: 800}
  - {id: gen-1, kind: genset, capacity_kw: 800, rating: {basis: PRP, derate: 0.9, average: 0.8}}
  - {id: gen-2, kind: genset, capacity_kw: 800, rating: ESP}
  - {id: gens, kind: bus, fed_by: [gen-1, gen-2]}
  - {id: ats, kind: ats, fed_by: [utility, gens]}
  - {id: row-1, kind: load, fed_by: [ats], demand_kw: 60}
"""


def site(tmp_path, text=SITE):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return load_site(path)


def test_ratings_and_the_start_come_from_the_site_file(tmp_path):
    read = site(tmp_path)
    assert read.power[1].rating == Rating("PRP", 0.9, 0.8)
    assert read.power[1].limit_kw == pytest.approx(576)
    assert read.power[2].rating == Rating("ESP")
    assert read.start == Start(cranks=2, walk_in_s=30)
    assert read.start.total_s == 117
    assert read.eco == "none"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "words"),
    [
        ("eco: none", "eco: maybe", 3, "policy.eco", "'maybe' is not one of"),
        ("rating: ESP", "rating: standby", 7, "rating.basis", "'standby' is not one of"),
        ("derate: 0.9", "derate: 90", 6, "rating.derate", "at most 1"),
        ("average: 0.8", "average: 0", 6, "rating.average", "greater than 0"),
        ("average: 0.8", "averge: 0.8", 6, "rating.averge", "no key"),
        (
            "utility, capacity_kw: 800",
            "utility, capacity_kw: 800, rating: PRP",
            5,
            "rating",
            "only",
        ),
        ("cranks: 2", "cranks: 0", 2, "cranks", "at least 1"),
        ("walk_in_s: 30", "walk_in_s: -1", 2, "walk_in_s", "at least 0"),
        ("walk_in_s: 30", "walkin_s: 30", 2, "walkin_s", "no key"),
    ],
)
def test_mistakes_are_told_with_line_and_key(tmp_path, old, new, line, key, words):
    with pytest.raises(ConfigError) as caught:
        site(tmp_path, SITE.replace(old, new, 1))
    assert any(
        problem.line == line and key in problem.key and words in problem.message
        for problem in caught.value.problems
    ), caught.value.problems


def test_a_start_that_takes_no_time_is_refused(tmp_path):
    nothing = "start: {confirm_s: 0, crank_s: 0, rest_s: 0, warm_up_s: 0, parallel_s: 0, "
    with pytest.raises(ConfigError, match="in no time"):
        site(
            tmp_path,
            SITE.replace(
                "start: {cranks: 2, walk_in_s: 30", nothing + "transfer_s: 0, walk_in_s: 0"
            ),
        )
