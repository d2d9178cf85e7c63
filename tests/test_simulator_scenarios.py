"""Scenarios: data that is checked, and a player that times it."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.site import Device, Node
from simulator.scenarios import ScenarioPlayer, load_scenarios
from simulator.site import MAINS
from tests.support.simulator import SUMMER_NOON, demo_site, plant, small_site

PROMISED = {
    "mains-failure",
    "genset-fails-to-start",
    "ats-stuck",
    "ups-bypass",
    "ups-battery-fault",
    "crah-failure",
    "chiller-failure",
    "device-silent",
    "gateway-lost",
    "counter-reset",
    "pv-clouds",
}


def play(name, seconds):
    """The demo's plant so many seconds after a scenario was triggered."""
    model, player = plant(), ScenarioPlayer(demo_site(), load_scenarios())
    player.start(name, SUMMER_NOON)
    while model.time < SUMMER_NOON + seconds:
        player.apply(model, model.time + 0.5)
        model.step(model.time + 0.5)
    return model


def write(folder, name, text):
    (folder / f"{name}.yaml").write_text(text)
    return folder


def test_every_promised_scenario_can_be_played_on_the_demo_site():
    assert set(ScenarioPlayer(demo_site(), load_scenarios()).names()) == PROMISED


def test_every_scenario_says_what_it_does():
    for scenario in load_scenarios().values():
        assert len(scenario.title) > 10
        assert len(scenario.description) > 60


def test_mains_fails_and_returns():
    assert play("mains-failure", 10).values("mv-a")["mains.state"] == "failed"
    assert play("mains-failure", 185).values("mv-a")["mains.state"] == "normal"


def test_a_silent_device_is_silent_alone():
    model = play("device-silent", 5)
    assert not model.answers("ups-a1")
    assert model.answers("ups-a2")
    assert play("device-silent", 125).answers("ups-a1")


def test_a_lost_gateway_takes_all_its_units_along():
    model = play("gateway-lost", 5)
    assert [model.answers(f"gen-{number}") for number in (1, 2, 3)] == [False] * 3
    assert model.answers("tank-1")


def test_a_counter_is_reset_once():
    model = play("counter-reset", 20)
    assert model.uptime_s("mv-a") == pytest.approx(20, abs=1)
    assert model.meters["mv-a"].energy_wh < 20_000


def test_a_scenario_triggered_again_begins_anew():
    model, player = plant(), ScenarioPlayer(demo_site(), load_scenarios())
    player.start("device-silent", SUMMER_NOON)
    player.apply(model, SUMMER_NOON + 100)
    player.start("device-silent", SUMMER_NOON + 100)
    player.apply(model, SUMMER_NOON + 200)
    assert not model.answers("ups-a1")
    player.apply(model, SUMMER_NOON + 221)
    assert model.answers("ups-a1")


def test_a_scenario_waits_for_its_time():
    model, player = plant(), ScenarioPlayer(demo_site(), load_scenarios())
    player.start("device-silent", SUMMER_NOON + 60)
    player.apply(model, SUMMER_NOON + 59)
    assert model.answers("ups-a1")
    player.apply(model, SUMMER_NOON + 61)
    assert not model.answers("ups-a1")


def test_two_scenarios_run_side_by_side():
    model, player = plant(), ScenarioPlayer(demo_site(), load_scenarios())
    player.start("device-silent", SUMMER_NOON)
    player.start("mains-failure", SUMMER_NOON)
    player.apply(model, SUMMER_NOON + 1)
    assert not model.answers("ups-a1")
    assert model.faults.has("mains_lost", "utility-b")


def test_a_site_is_offered_only_what_it_has_the_plant_for():
    ups = Device("ups-1", "ups", "rfc1628-ups", "snmp://10.0.0.1", rating_kw=50)
    names = set(ScenarioPlayer(small_site(ups), load_scenarios()).names())
    assert names == {"mains-failure", "ups-bypass", "ups-battery-fault", "device-silent"}


def test_a_device_stands_for_its_node_and_the_node_for_its_device():
    genset = Device("dse-1", "genset", "deepsea-gencomm", "modbus://10.0.0.1/1")
    node = Node("gen-1", "genset", capacity_kw=500, device="dse-1")
    player = ScenarioPlayer(small_site(genset, power=(node,)), load_scenarios())
    assert "genset-fails-to-start" in player.names()
    assert MAINS not in demo_site().id


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        ScenarioPlayer(demo_site(), load_scenarios()).start("meteor", SUMMER_NOON)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenario: other\ntitle: t\ndescription: d\nsteps: []\n", "at least 1 item"),
        (
            "scenario: bad\ntitle: t\ndescription: d\n"
            "steps: [{at: 0, fault: silent, target: {class: ups}}]\n",
            "needs an `until`",
        ),
        (
            "scenario: bad\ntitle: t\ndescription: d\n"
            "steps: [{at: 0, until: 5, fault: explode, target: {class: ups}}]\n",
            "Input should be",
        ),
        (
            "scenario: bad\ntitle: t\ndescription: d\n"
            "steps: [{at: 0, until: 5, fault: silent, target: {class: upss}}]\n",
            "there is no class 'upss'",
        ),
        (
            "scenario: bad\ntitle: t\ndescription: d\n"
            "steps: [{at: 0, until: 5, fault: counter_reset, target: {class: ups}}]\n",
            "happens at one moment",
        ),
        ("scenario: [\n", "is no scenario"),
    ],
)
def test_a_mistake_in_a_scenario_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_scenarios(write(tmp_path, "bad", text))


def test_file_and_scenario_have_one_name(tmp_path):
    text = (
        "scenario: other\ntitle: t\ndescription: d\n"
        "steps: [{at: 0, until: 5, fault: silent, target: {class: ups}}]\n"
    )
    with pytest.raises(ConfigError, match="one name"):
        load_scenarios(write(tmp_path, "bad", text))
