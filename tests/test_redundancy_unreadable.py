"""A point that cannot be read never makes a verdict better, whatever it said before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.quality import Quality
from core.vocabulary import STATES, Severity
from tests.support.power import Plant, node

RANK = {"unsafe": 0, "unknown": 0, "reduced": 1, "safe": 2}
"""Neither `unsafe` nor `unknown` lets anybody go ahead."""

QUESTIONS = ("", "ups-1", "ups-2", "gen-1", "utility", "ats", "pdu-a", "gen-1 gen-2")
HEALTHY = {
    "meter/mains.state": "normal",
    "meter/breaker.position": "closed",
    "meter/communication.state": "ok",
    "meter/input.voltage.l1": 230.0,
    "meter/input.voltage.l2": 230.0,
    "ats/position": "preferred",
    "ats/source.selected": "source_1",
    "ats/control.mode": "auto",
    "ats/transfer.state": "allowed",
    "ats/source.state.1": "normal",
    "ats/source.state.2": "absent",
    "sts/position": "preferred",
    "sts/sync.state": "in_sync",
    "sts/redundancy.state": "full",
    "pdu-a/input.active_power": 60e3,
    "pdu-a/breaker.position": "closed",
    "pdu-a/input.state": "normal",
    "pdu-a/input.voltage.l1": 230.0,
    "pdu-a/input.voltage.l2": 230.0,
    "pdu-b/input.active_power": 60e3,
}
for _n in "12":
    HEALTHY |= {
        f"gen-{_n}/engine.state": "stopped",
        f"gen-{_n}/control.mode": "auto",
        f"gen-{_n}/breaker.position": "open",
        f"gen-{_n}/fuel.level": 0.9,
        f"gen-{_n}/alarm.overspeed": "normal",
        f"gen-{_n}/output.active_power": 0.0,
        f"ups-{_n}/mode": "online",
        f"ups-{_n}/breaker.position": "closed",
        f"ups-{_n}/battery.state": "floating",
        f"ups-{_n}/battery.runtime": 900.0,
        f"ups-{_n}/battery.test": "passed",
        f"ups-{_n}/battery.replacement": "not_needed",
        f"ups-{_n}/output.active_power": 60e3,
    }

TROUBLE: dict[str, tuple[float, ...]] = {
    "voltage.l1": (0.0, 230.0),
    "voltage.l2": (0.0, 230.0),
    "level": (0.05, 0.9),
    "runtime": (60.0, 200.0, 900.0),
    "active_power": (0.0, 20e3, 60e3, 140e3),
}
"""Values of plain numbers that are worth trying."""


def both_sides() -> Plant:
    """Two generators, two UPS systems, a row that hangs on A behind a static switch and on B."""
    nodes = [
        node("utility", "utility", kw=500, device="meter"),
        node("gen-1", "genset", kw=250, device="gen-1"),
        node("gen-2", "genset", kw=250, device="gen-2"),
        node("gen-bus", "bus", "gen-1 gen-2"),
        node("ats", "ats", "utility gen-bus", 500, device="ats"),
        node("ups-1", "ups", "ats", 200, device="ups-1"),
        node("ups-2", "ups", "ats", 200, device="ups-2"),
        node("sts", "sts", "ups-1 ups-2", device="sts"),
        node("pdu-a", "pdu", "sts", 150, device="pdu-a"),
        node("pdu-b", "pdu", "ups-2", 150),
        node("row", "load", "pdu-a pdu-b",
             demand=("pdu-a/input.active_power", "pdu-b/input.active_power")),
    ]  # fmt: skip
    return Plant(nodes).at(HEALTHY)


def values_of(point: str) -> st.SearchStrategy[str | float]:
    name = point.partition("/")[2]
    axis = STATES.get(name) or STATES.get(name.rsplit(".", 1)[-1])
    axis = axis or STATES.get(name.rpartition(".")[0]) or STATES.get("alarm")
    for ending, numbers in TROUBLE.items():
        if name.endswith(ending):
            return st.sampled_from(numbers)
    assert axis is not None
    return st.sampled_from(axis.states)


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_whatever_a_point_said_losing_it_never_raises_an_answer(data):
    plant = both_sides()
    for point in data.draw(st.lists(st.sampled_from(list(HEALTHY)), max_size=3, unique=True)):
        value = data.draw(values_of(point), label=point)
        plant.at({point: value})
        if point.endswith("overspeed") and value == "active":
            plant.change(point, severity=Severity.CRITICAL)
    question = data.draw(st.sampled_from(QUESTIONS))
    before = plant.what_if(question)
    live = plant.report()
    lost = data.draw(st.sampled_from(list(HEALTHY)), label="lost")
    plant.change(lost, quality=data.draw(st.sampled_from([Quality.NO_ANSWER, Quality.WAITING])))
    after = plant.what_if(question)
    assert RANK[after.verdict] <= RANK[before.verdict], (before.reasons, after.reasons)
    assert max(plant.report().status, 0) <= max(live.status, 0)


def test_what_may_be_bad_already_does_not_excuse_its_removal():
    """One battery is not known and the other UPS is taken out: nobody knows whether the row stays
    protected, whether that UPS told its state or not."""
    plant = both_sides().at({"ups-1/battery.state": "unknown"})
    assert plant.what_if("ups-2").verdict == "unknown"
    plant.change("ups-2/mode", quality=Quality.NO_ANSWER)
    assert plant.what_if("ups-2").verdict == "unknown"


def test_a_ups_that_falls_silent_does_not_relieve_a_generator():
    """Nobody knows whether it recharges: it may, and then the one generator has too much."""
    plant = both_sides().at({"gen-2/engine.state": "unknown", "pdu-b/input.active_power": 140e3})
    assert plant.report().status <= 0
    plant.change("ups-1/mode", quality=Quality.NO_ANSWER)
    assert plant.report().status <= 0
