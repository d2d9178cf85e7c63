"""What a restart costs: nothing that the meters' counters can give back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from core.engine import Engine
from core.metering import Energy, EnergyInput
from core.points import parse_name
from core.quality import Quality
from core.readings import Batch
from core.site import Device, Site
from history.journal import Journal
from history.store import History, Retention
from tests.support.history import T0, HandClock

W = {"grid": 140e3, "ups": 100e3}
NAMES = (parse_name("active_power"), parse_name("active_energy"))
SITE = Site(
    "s",
    "S",
    "UTC",
    tuple(Device(name, "meter", "", "") for name in W),
    energy=Energy(
        facility=(EnergyInput("grid/active_energy", "grid/active_power"),),
        it=((1, (EnergyInput("ups/active_energy", "ups/active_power"),)),),
    ),
)


def history(folder, clock) -> History:
    return History.open(
        folder, site=SITE, clock=clock, retention=Retention(86400.0, 2**30), influx=None
    )


def run(engine: Engine, start: float, seconds: int) -> None:
    """Meters that count since T0, polled and computed every five seconds."""
    rows = {name: engine.register(name, NAMES) for name in W}
    good = np.full(2, Quality.GOOD, dtype=np.uint8)
    for second in range(0, seconds, 5):
        now = start + second
        for name, watts in W.items():
            engine.expect(rows[name], 5.0)
            value = np.array([watts, watts * (now - T0) / 3600])
            engine.accept(Batch.of(now, rows[name], value, good, np.zeros(2, dtype=np.uint8)))
        engine.tick(now)


def pue(engine: Engine, window: str = "1h"):
    (figure,) = (k for k in engine.snapshot.kpis if (k.id, k.window) == ("pue", window))
    return figure


def ledger_wh(engine: Engine) -> list[float]:
    return engine._kpis.meters.ledger.total_wh.tolist()


async def test_energies_survive_a_kill_and_the_counters_bridge_the_rest(tmp_path):
    clock = HandClock()
    first = history(tmp_path, clock)
    engine = Engine(SITE, T0)
    run(engine, T0, 1200)
    await first.remember("engine", engine.state())
    run(engine, T0 + 1200, 8)  # what a kill takes
    first._journal.close()  # nothing more is written

    clock.time = T0 + 1500
    again = history(tmp_path, clock)
    later = Engine(SITE, clock.time)
    later.restore(again.recall("engine"), clock.time)
    run(later, clock.time, 60)
    await again.close()

    figure = pue(later)
    assert figure.value == pytest.approx(1.4, rel=1e-3)
    assert figure.span_s == pytest.approx(1555, abs=10)
    assert figure.coverage == 1.0
    assert later.state().state["kpis"]["meters"][0]["total_wh"] == pytest.approx(
        W["grid"] * 1555 / 3600, rel=0.01
    )


def test_a_state_that_cannot_be_read_is_refused_whole():
    engine = Engine(SITE, T0)
    run(engine, T0, 600)
    kept = engine.state()
    broken = {"kpis": {**kept.state["kpis"], "meters": [{}]}}
    for wrong in ({}, {"kpis": {"version": 2}}, broken, {"kpis": None}):
        other = Engine(SITE, T0)
        with pytest.raises(ValueError, match="the state of an earlier run cannot be read"):
            other.restore(replace(kept, state=wrong), T0)
        assert other.state().state["kpis"]["meters"][0]["total_wh"] == 0.0
        assert ledger_wh(other) == ledger_wh(engine) > [0.0, 0.0]


def test_a_journal_of_the_version_before_takes_a_state(tmp_path):
    Journal.open(tmp_path, ["local"]).close()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        for table in ("state", "ledger", "meter"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    journal = Journal.open(tmp_path, ["local"])
    assert journal.recall("engine") is None
    journal.remember("engine", b"one", 1)
    journal.remember("engine", b"two", 2)
    assert journal.recall("engine") == b"two"
    journal.close()
