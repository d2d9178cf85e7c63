"""The cooling part of a site file: defaults, and the mistakes of a newcomer with file, line and
key."""

from __future__ import annotations

import pytest

from agent.commands.check import check
from agent.config.load import load_site
from core.errors import ConfigError

GOOD = """\
site: {id: casa-1}
devices:
  - {id: crah-1, profile: sim-crah, address: "modbus://10.10.5.1/1"}
  - {id: crah-2, profile: sim-crah, address: "modbus://10.10.5.2/1"}
  - {id: p-1, profile: hwg-ste, address: "snmp://10.10.6.1"}
power:
  - {id: utility, kind: utility, capacity_kw: 800}
  - {id: pv-1, kind: pv, capacity_kw: 100}
  - {id: board, kind: panel, capacity_kw: 200, fed_by: [utility]}
  - {id: row-1, kind: load, fed_by: [board], demand_kw: 60}
  - {id: row-2, kind: load, fed_by: [board], demand_kw: 10}
groups:
  - {id: mains, scheme: N+R, members: [utility], design: 0}
cooling:
  units:
    - {id: crah-1, kind: crah, capacity_kw: 80, powered_by: board, device: crah-1}
    - {id: crah-2, kind: crah, capacity_kw: 80, powered_by: [board, utility], device: crah-2}
    - {id: chiller-1, kind: chiller, capacity_kw: 100, powered_by: board, restart_s: 120}
    - {id: cooler-1, kind: dry_cooler, capacity_kw: 130, powered_by: board}
  groups:
    - {id: crahs, members: [crah-1, crah-2]}
    - {id: chillers, members: [chiller-1], design: 0, buffer_m3: 4, buffer_delta_k: 5}
    - {id: roof, members: [cooler-1], design: 0}
  zones:
    - {id: hall-1, cooled_by: [crahs, chillers, roof], loads: [row-1], inlet: p-1/probe.temperature}
"""


def site(tmp_path, text=GOOD):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return load_site(path)


def mistakes(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        site(tmp_path, text)
    return caught.value.problems


def test_a_good_file_gives_the_cooling_with_defaults_filled_in(tmp_path):
    cooling = site(tmp_path).cooling
    assert [unit.powered_by for unit in cooling.units[:2]] == [("board",), ("board", "utility")]
    assert [unit.restart_s for unit in cooling.units] == [30, 30, 120, 30]
    assert [group.heat_factor for group in cooling.groups] == [1, 1, 1.25]
    assert [group.design for group in cooling.groups] == [1, 0, 0]
    hall = cooling.zones[0]
    assert (hall.heat_gain, hall.recommended_c, hall.allowable_c, hall.air_m3) == (0.1, 27, 32, 0)
    assert hall.inlet == ("p-1/probe.temperature",)


def test_a_conventional_chiller_takes_five_minutes(tmp_path):
    cooling = site(tmp_path, GOOD.replace(", restart_s: 120", "")).cooling
    assert cooling.units[2].restart_s == 300


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        (
            "kind: crah, capacity_kw: 80, powered_by: board,",
            "kind: crah, capacity_kw: 80, powered_by: bord,",
            "units[0].powered_by",
            "no power node 'bord'; did you mean 'board'",
        ),
        (
            "kind: crah, capacity_kw: 80, powered_by: board,",
            "kind: crah, capacity_kw: 80, powered_by: pv-1,",
            "units[0].powered_by",
            "'pv-1' is a pv: it feeds no unit",
        ),
        (
            "kind: crah, capacity_kw: 80, powered_by: board,",
            "kind: crah, capacity_kw: 80, powered_by: [],",
            "units[0].powered_by",
            "names no node",
        ),
        (
            "kind: crah, capacity_kw: 80, powered_by: board,",
            "kind: crah, capacity_kw: 80,",
            "units[0].powered_by",
            "is missing",
        ),
        ("capacity_kw: 100, powered_by: board, r", "capacity_kw: 0, powered_by: board, r",
         "units[2].capacity_kw", "must be greater than 0"),
        ("kind: dry_cooler", "kind: drycooler", "units[3].kind", "not one of"),
        ("device: crah-2}", "device: crah-3}", "units[1].device", "no device 'crah-3'"),
        ("device: crah-2}", "device: crah-1}", "units[1].device", "is the device of 'crah-1'"),
        ("members: [crah-1, crah-2]", "members: [crah-1, crah-3]", "groups[0].members",
         "no cooling unit 'crah-3'"),
        ("members: [chiller-1]", "members: [chiller-1, crah-2]", "groups[1].members",
         "'crah-2' stands in 'crahs', too"),
        ("members: [crah-1, crah-2]}", "members: [crah-1, crah-2], design: 2}", "groups[0].design",
         "2 spare of 2 units"),
        ("buffer_m3: 4, ", "", "groups[1].buffer_delta_k", "go together"),
        ("{id: crahs,", "{id: mains,", "groups[0].id", "'mains' is the id of a group of `groups`"),
        ("{id: crahs,", "{id: row-2,", "groups[0].id", "'row-2' is the id of a power node"),
        ("cooled_by: [crahs, chillers, roof]", "cooled_by: [crahs, chillers]", "groups[2].id",
         "'roof' cools nothing"),
        ("cooled_by: [crahs, chillers, roof]", "cooled_by: []", "zones[0].cooled_by",
         "nothing cools 'hall-1'"),
        ("{id: hall-1,", "{id: crahs,", "zones[0].id", "is the id of a group"),
        ("loads: [row-1]", "loads: [row-9]", "zones[0].loads", "no load 'row-9'"),
        ("loads: [row-1]", "loads: [board]", "zones[0].loads", "'board' is a panel, no load"),
        ("loads: [row-1]", "loads: [row-1, row-1]", "zones[0].loads", "stands twice"),
        ("loads: [row-1], ", "", "zones[0].loads", "states no heat"),
        ("p-1/probe.temperature", "p-2/probe.temperature", "zones[0].inlet",
         "no device 'p-2'"),
        ("p-1/probe.temperature", "p-1/engine.speed", "zones[0].inlet", "has no point"),
        ("loads: [row-1]", "loads: [row-1], heat: crah-1/cooling.power", "zones[0].heat", "power"),
        ("loads: [row-1]", "loads: [row-1], allowable_c: 20", "zones[0].allowable_c",
         "below the recommended"),
        ("loads: [row-1]", "load: [row-1]", "zones[0].load", "is no key of a site file"),
    ],
)  # fmt: skip
def test_a_newcomers_mistake_is_refused_with_its_line_and_key(tmp_path, old, new, key, words):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = mistakes(tmp_path, text)
    here = [each for each in found if each.key == f"cooling.{key}" and words in each.message]
    assert here, found
    problem = here[0]
    line = key.partition("[")[0]
    first = text.splitlines().index(f"  {line}:") + 1
    assert problem.line == first + 1 + int(key[key.index("[") + 1 : key.index("]")])
    assert problem.file.endswith("site.yaml")


def test_a_load_has_one_zone(tmp_path):
    more = GOOD + "    - {id: hall-2, cooled_by: [crahs], loads: [row-1]}\n"
    assert [p.message for p in mistakes(tmp_path, more)] == [
        "'row-1' stands in 'hall-1', too: its heat counts once"
    ]


def test_a_unit_in_no_group_is_refused(tmp_path):
    new = "    - {id: cooler-2, kind: tower, capacity_kw: 9, powered_by: board}\n  groups:"
    found = mistakes(tmp_path, GOOD.replace("  groups:", new))
    assert [p.key for p in found] == ["cooling.units[4].id"]
    assert "'cooler-2' is in no group" in found[0].message


def test_every_mistake_is_told_at_once(tmp_path):
    text = GOOD.replace("[row-1]", "[row-9]").replace("members: [cooler-1]", "members: [cooler-9]")
    found = mistakes(tmp_path, text)
    assert [p.key for p in found] == [
        "cooling.units[3].id", "cooling.groups[2].members", "cooling.zones[0].loads",
    ]  # fmt: skip


def test_a_node_that_was_refused_itself_is_not_reported_a_second_time(tmp_path):
    text = GOOD.replace("id: board, kind: panel", "id: board, kind: pannel")
    found = mistakes(tmp_path, text)
    assert [p.key for p in found] == ["power[2].kind"]


def test_check_says_what_cooling_there_is_and_what_of_it_is_not_judged(tmp_path, capsys):
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    check(path, json=False)
    assert "4 cooling units in 3 groups for 1 room\n" in capsys.readouterr().out
    path.write_text(GOOD.replace(", buffer_m3: 4, buffer_delta_k: 5", ""))
    check(path, json=False)
    assert "so no ride-through is judged: hall-1" in capsys.readouterr().out
    path.write_text(GOOD[: GOOD.index("cooling:")])
    check(path, json=False)
    assert "no cooling part: whether the rooms stay cool is not judged" in capsys.readouterr().out


def test_an_entry_of_the_wrong_shape_hides_no_other_mistake_of_the_cooling(tmp_path):
    text = (
        GOOD.replace("capacity_kw: 80, powered_by: board", "capacity_kw: much, powered_by: board")
        .replace("[row-1]", "[row-9]")
        .replace("chiller-1], design: 0", "chiller-1], design: 3")
    )
    found = mistakes(tmp_path, text)
    assert [p.key for p in found] == [
        "cooling.units[0].capacity_kw",
        "cooling.groups[1].design",
        "cooling.zones[0].loads",
    ]
    lines = text.splitlines()
    assert [lines[p.line - 1].split("{")[1][:10] for p in found] == [
        "id: crah-1", "id: chille", "id: hall-1",
    ]  # fmt: skip


def test_a_mistake_behind_a_wrong_entry_is_told_where_it_stands(tmp_path):
    text = GOOD.replace("kind: crah, ", "kind: krah, ", 1).replace(
        "130, powered_by: board", "130, powered_by: bord"
    )
    keys = [p.key for p in mistakes(tmp_path, text)]
    assert keys == ["cooling.units[0].kind", "cooling.units[3].powered_by"]


def test_what_a_wrong_entry_would_have_named_is_not_called_lonely(tmp_path):
    text = GOOD.replace("members: [crah-1, crah-2]", "members: 7")
    assert [p.key for p in mistakes(tmp_path, text)] == ["cooling.groups[0].members"]
    text = GOOD.replace("loads: [row-1]", "loads: 7")
    assert [p.key for p in mistakes(tmp_path, text)] == ["cooling.zones[0].loads"]


def test_the_cooling_may_be_split_over_files(tmp_path):
    begin = GOOD.index("cooling:")
    halves = GOOD[begin:].split("    - {id: crah-2", 1)
    more = halves[1].splitlines()
    (tmp_path / "more.yaml").write_text(
        "cooling:\n  units:\n    - {id: crah-2" + "\n".join(more) + "\n"
    )
    text = "include: more.yaml\n" + GOOD[:begin] + halves[0]
    assert [unit.id for unit in site(tmp_path, text).cooling.units] == [
        "crah-1", "crah-2", "chiller-1", "cooler-1",
    ]  # fmt: skip
    (tmp_path / "more.yaml").write_text(
        (tmp_path / "more.yaml").read_text().replace("120}", "soon}")
    )
    (problem,) = mistakes(tmp_path, text)
    assert (problem.file[-9:], problem.line) == ("more.yaml", 4)
    assert problem.key == "cooling.units[2].restart_s"
