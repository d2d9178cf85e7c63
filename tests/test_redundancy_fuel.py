"""Fuel: how long it lasts, in both senses, and what an empty tank does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.load import load_site
from core.errors import ConfigError
from core.quality import Quality
from core.redundancy.report import RedundancyModel
from core.site import Fuel, Group, Rating, Tank
from tests.support.power import Plant, node

GENS = ("gen-1", "gen-2", "gen-3", "gen-4")


def burning(tanks, load_kw=2100, levels=None, **fuel):
    """Four generators of 800 kW without a limit of hours, at 0.25 l/kWh, and these tanks."""
    nodes = [node("utility", "utility", kw=9000)]
    nodes += [node(name, "genset", kw=800, rating=Rating("DCP")) for name in GENS]
    nodes.append(node("gen-bus", "bus", " ".join(GENS)))
    nodes.append(node("ats", "ats", "utility gen-bus", 9000))
    nodes.append(node("row", "load", "ats", load_kw, short_break=True))
    plant = Plant(nodes, [Group("gensets", "N+R", GENS)])
    stated = Fuel(tuple(tanks), l_per_kwh=0.25, **fuel)
    plant.model = RedundancyModel(replace(plant.site, fuel=stated))
    return plant.at(levels or {tank.level: 1.0 for tank in tanks})


def tank(name, litres, gensets=GENS, usable=1.0, point="fuel.level"):
    return Tank(name, litres, tuple(gensets), f"{name}/{point}", usable)


def hours(plant):
    fuel = plant.report().fuel
    return fuel.all_h, fuel.one_out_h


def test_tv_r7_fuel_in_both_senses():
    """TV-R7: 36 000 l at 2100 kW and 0.25 l/kWh are 525 l/h: 68.6 h; of two equal tanks 34.3 h
    with one out."""
    two = burning([tank("tank-1", 18_000), tank("tank-2", 18_000)])
    fuel = two.report().fuel
    assert fuel.use_l_per_h == pytest.approx(525)
    assert fuel.litres == pytest.approx(36_000)
    assert hours(two) == (pytest.approx(68.571, abs=0.001), pytest.approx(34.286, abs=0.001))
    assert (fuel.status, fuel.reasons) == (3, ())
    one = burning([tank("tank-1", 36_000)])
    assert hours(one) == (pytest.approx(68.571, abs=0.001), 0.0)


def test_tv_r7_twelve_hours_need_6300_litres():
    """TV-R7: 12 h need 6300 l that remain without the largest tank."""
    for litres, status in ((6301, 3), (6299, 2)):
        plant = burning([tank("tank-1", litres), tank("tank-2", litres)])
        assert plant.report().fuel.status == status


def test_too_little_fuel_is_in_the_headline():
    plant = burning([tank("tank-1", 9_000), tank("tank-2", 4_000)])
    report = plant.report()
    words = "fuel: 7.6 h without tank-1 of 24.8 h, 12 h are required"
    assert (report.status, report.headline) == (2, words)
    assert report.fuel.worst_tank == "tank-1"
    low = burning([tank("tank-1", 3_000), tank("tank-2", 3_000)]).report()
    assert (low.status, low.headline) == (1, "fuel: 11.4 h, 12 h are required")


def test_a_site_built_with_one_tank_says_so():
    plant = burning([tank("tank-1", 9_000)], design=0)
    assert plant.report().status == 3
    assert burning([tank("tank-1", 6_000)], design=0).report().status == 1
    assert burning([tank("tank-1", 9_000)]).report().status == 2


def test_required_hours_are_the_sites_own():
    tanks = [tank("tank-1", 9_000), tank("tank-2", 9_000)]
    assert burning(tanks).report().status == 3
    assert burning(tanks, required_h=24).report().status == 2
    assert burning(tanks, required_h=72).report().status == 1


def test_the_dead_volume_is_not_burnt():
    full = burning([tank("t", 10_000, usable=0.9)])
    assert full.report().fuel.litres == pytest.approx(9_000)
    half = burning([tank("t", 10_000, usable=0.9)], levels={"t/fuel.level": 0.5})
    assert half.report().fuel.litres == pytest.approx(4_000)


def test_a_volume_is_a_level_too():
    plant = burning([tank("t", 10_000, point="fuel.volume")], levels={"t/fuel.volume": 6.0})
    assert plant.report().fuel.litres == pytest.approx(6_000)


def test_a_level_above_the_top_is_a_full_tank():
    plant = burning([tank("t", 10_000)], levels={"t/fuel.level": 1.3})
    assert plant.report().fuel.litres == pytest.approx(10_000)


def test_without_a_tank_the_generators_that_burn_from_it_alone_are_out():
    """A fuel path takes its generators along: three generators of 800 kW carry 2100 kW, two do
    not, and then no fuel helps."""
    own = [tank(f"t-{n}", 9_000, [name]) for n, name in enumerate(GENS)]
    assert hours(burning(own)) == (
        pytest.approx(9_000 / (525 * 0.25)),
        pytest.approx(9_000 / (700 * 0.25)),
    )
    pairs = [tank("t-1", 90_000, GENS[:2]), tank("t-2", 90_000, GENS[2:])]
    assert hours(burning(pairs))[1] == 0.0
    assert hours(burning(pairs, 1500))[1] == pytest.approx(90_000 / (1500 * 0.25))


def test_the_first_generator_that_runs_dry_ends_the_hours():
    """Errs to the safe side: the others might take its load over."""
    uneven = [tank("t-1", 1_000, GENS[:1]), tank("t-2", 90_000, GENS[1:])]
    assert hours(burning(uneven))[0] == pytest.approx(1_000 / (525 * 0.25))


def test_a_silent_tank_counts_as_empty_and_leaves_the_answer_open():
    tanks = [tank("tank-1", 9_000), tank("tank-2", 9_000), tank("tank-3", 9_000)]
    plant = burning(tanks)
    assert plant.report().status == 3
    plant.change("tank-2/fuel.level", quality=Quality.NO_ANSWER)
    report = plant.report(after_s=60.0)
    assert report.fuel.unknown == ("tank-2",)
    assert report.fuel.litres == pytest.approx(18_000)
    assert report.status == 3  # 17 h without the largest of the others
    plant.change("tank-3/fuel.level", quality=Quality.NO_ANSWER)
    report = plant.report(after_s=60.0)
    assert report.status == -1
    assert report.headline == "fuel: tank-2, tank-3 not known, 12 h are required"
    assert report.groups[0].status == 3  # what is not known stops no generator


def test_an_empty_tank_stops_its_generators():
    """Never safe on a generator without fuel."""
    own = [tank(f"t-{n}", 9_000, [name], usable=0.9) for n, name in enumerate(GENS)]
    plant = burning(own)
    assert plant.what_if("utility").verdict == "safe"
    plant.at({"t-0/fuel.level": 0.1})
    group = plant.report().groups[0]
    assert (group.spare, group.missing) == (0, ("gen-1",))
    assert group.reasons == ("gen-1 has no fuel in t-0",)
    assert plant.what_if("utility").verdict == "reduced"
    assert plant.what_if("gen-2").verdict == "unsafe"
    shared = burning([tank("a", 9_000), tank("b", 9_000)], levels={"a/fuel.level": 0.0})
    shared.at({"b/fuel.level": 1.0})
    assert shared.report().groups[0].spare == 1


def test_the_hours_follow_the_level_though_nothing_else_moves():
    plant = burning([tank("tank-1", 18_000), tank("tank-2", 18_000)])
    before = plant.report()
    plant.at({"tank-1/fuel.level": 0.999})
    assert plant.report(after_s=1.0) is before
    plant.at({"tank-1/fuel.level": 0.9})
    assert plant.report(after_s=1.0).fuel.all_h == pytest.approx((18_000 * 1.9) / 525)


def test_a_plant_that_burns_nothing_has_no_hours():
    fuel = burning([tank("a", 9_000), tank("b", 9_000)], load_kw=0).report().fuel
    assert (fuel.all_h, fuel.one_out_h, fuel.status) == (None, None, 3)
    assert burning([]).report().fuel is None


@given(
    litres=st.lists(st.integers(1, 50_000), min_size=2, max_size=5),
    owners=st.lists(st.sets(st.sampled_from(GENS), min_size=1).map(sorted), min_size=5, max_size=5),
    load_kw=st.integers(1, 3000),
)
def test_one_tank_less_never_lasts_longer_and_all_never_more_than_all_litres(
    litres, owners, load_kw
):
    """Errs to the safe side: never more hours than the litres give if all of them were at hand."""
    tanks = [tank(f"t-{n}", each, owners[n]) for n, each in enumerate(litres)]
    rest = tank("t-rest", 1_000, GENS)
    all_h, one_out_h = hours(burning([*tanks, rest], load_kw))
    assert all_h <= (sum(litres) + 1_000) / (load_kw * 0.25) * (1 + 1e-9)
    assert one_out_h <= all_h * (1 + 1e-9)


# The site file

SITE = """\
site: {id: casa-1}
devices:
  - {id: tank-1, profile: sim-fuel-tank, address: "modbus://10.10.5.1/1"}
  - {id: tank-2, profile: sim-fuel-tank, address: "modbus://10.10.5.2/1"}
power:
  - {id: utility, kind: utility, capacity_kw: 800}
  - {id: gen-1, kind: genset, capacity_kw: 800, rating: DCP}
  - {id: gen-2, kind: genset, capacity_kw: 800, rating: DCP}
  - {id: gens, kind: bus, fed_by: [gen-1, gen-2]}
  - {id: ats, kind: ats, fed_by: [utility, gens]}
  - {id: row-1, kind: load, fed_by: [ats], demand_kw: 60}
fuel:
  l_per_kwh: 0.25
  required_h: 24
  tanks:
    - {id: tank-1, litres: 8000, gensets: gen-1, level: tank-1/fuel.level}
    - {id: tank-2, litres: 9000, gensets: [gen-1, gen-2], level: tank-2/fuel.volume, usable: 0.95}
"""


def site(tmp_path, text=SITE):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return load_site(path)


def test_fuel_comes_from_the_site_file(tmp_path):
    fuel = site(tmp_path).fuel
    assert (fuel.l_per_kwh, fuel.required_h, fuel.design) == (0.25, 24, 1)
    assert fuel.tanks[0] == Tank("tank-1", 8000, ("gen-1",), "tank-1/fuel.level", 0.9)
    assert fuel.tanks[1].usable == 0.95
    assert site(tmp_path, SITE[: SITE.index("fuel:")]).fuel == Fuel()


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "words"),
    [
        ("  l_per_kwh: 0.25\n", "", 12, "fuel.l_per_kwh", "missing"),
        ("l_per_kwh: 0.25", "l_per_kwh: 0", 13, "fuel.l_per_kwh", "at least 0.1"),
        ("usable: 0.95", "usable: 95", 17, "usable", "at most 1"),
        ("litres: 8000", "liters: 8000", 16, "liters", "no key"),
        ("gensets: gen-1,", "gensets: gen-3,", 16, "gensets", "no genset 'gen-3'"),
        ("gensets: gen-1,", "gensets: utility,", 16, "gensets", "is a utility, no genset"),
        ("[gen-1, gen-2], level", "[gen-1], level", 15, "tanks", "'gen-2' burns from no tank"),
        ("tank-1/fuel.level", "tank-1/fuel.temperature", 16, "level", "no level: name a point"),
        ("tank-1/fuel.level", "tank-9/fuel.level", 16, "level", "no device 'tank-9'"),
        ("tank-1/fuel.level", "tank-1/oil.level", 16, "level", "has no point"),
        ("tank-1/fuel.level", "tank-1", 16, "level", "tank-1"),
        ("tank-2/fuel.volume", "tank-1/fuel.level", 17, "level", "counted twice"),
        ("{id: tank-2, litres", "{id: tank-1, litres", 17, "id", "two tanks"),
        ("required_h: 24", "design: 2", 14, "design", "at most 1"),
    ],
)
def test_mistakes_are_told_with_line_and_key(tmp_path, old, new, line, key, words):
    assert old in SITE
    with pytest.raises(ConfigError) as caught:
        site(tmp_path, SITE.replace(old, new, 1))
    assert any(
        problem.line == line and key in problem.key and words in problem.message
        for problem in caught.value.problems
    ), caught.value.problems


def test_a_tank_that_does_not_tell_is_unknown_also_where_no_generator_burns_anything():
    silent = burning([tank("tank-1", 9_000)], load_kw=0, levels={"x/fuel.level": 1.0}, design=0)
    fuel = silent.report().fuel
    assert (fuel.status, fuel.all_h, fuel.unknown) == (-1, None, ("tank-1",))
    assert fuel.reasons == ("fuel: tank-1 not known, 12 h are required",)
