"""What a restart costs: nothing that the meters' counters can give back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from core.engine import Engine
from core.ledger import RULES, Cell, Kept
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


def killed(some: History) -> None:
    """Nothing more is written."""
    some._journal.close()
    some._events.close()


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
    killed(first)

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


DAY_S = 86_400.0


def a_year_of(engine: Engine, start: float) -> Kept:
    """Cells of both meters every hour for 366 days, as an earlier run has kept them."""
    meters = engine.state().meters
    wh = np.array([W[name.partition("/")[0]] / 4 for name in meters])
    whole, none = np.full(len(wh), 900.0), np.zeros(len(wh))
    starts = range(int(start), int(start + 366 * DAY_S), 900)
    return Kept({}, meters, [Cell(at, RULES, at + 900.0, wh, whole, none) for at in starts])


async def test_a_year_that_is_no_more_in_memory_is_told_from_disk(tmp_path):
    clock = HandClock()
    kept_history = history(tmp_path, clock)
    engine = Engine(SITE, T0)
    year_2024 = 1_704_067_200.0
    await kept_history.remember("engine", a_year_of(engine, year_2024))
    run(engine, T0, 60)
    assert engine.statements.beyond("24h") is None
    assert engine.statements.beyond("2026-12") is None  # it is January 2027
    period = engine.statements.beyond("2024")
    assert period is not None
    old = engine.statements_of(await kept_history.energies(period.start, period.end))
    *months, year = old.table(2024)
    await kept_history.close()
    (pue_2024,) = year.pue
    assert (pue_2024.standing, pue_2024.notation) == ("final", "PUE1(2024-12-31)")
    assert pue_2024.figure.value == pytest.approx(1.4)
    assert pue_2024.it_wh == pytest.approx(W["ups"] * 366 * 24)
    assert [month.pue[0].standing for month in months] == ["final"] * 12
    assert engine.statements.audit("2024").pue[0].standing == "none"


async def test_energies_are_taken_up_by_their_number_and_not_by_a_clock_that_is_wrong(tmp_path):
    clock = HandClock()
    first = history(tmp_path, clock)
    engine = Engine(SITE, T0)
    run(engine, T0, 1200)
    await first.remember("engine", engine.state())
    killed(first)
    clock.time = 0.0  # a machine without a clock of its own starts in 1970
    again = history(tmp_path, clock)
    later = Engine(SITE, clock.time)
    later.restore(again.recall("engine"), clock.time)
    await again.close()
    assert ledger_wh(later) == pytest.approx(ledger_wh(engine))


async def test_what_the_disk_did_not_take_is_given_again(tmp_path):
    kept_history = history(tmp_path, HandClock())
    engine = Engine(SITE, T0)
    run(engine, T0, 1200)
    killed(kept_history)  # as a full disk: it takes nothing
    first = engine.state()
    assert await kept_history.remember("engine", first) is False
    assert [cell.start for cell in engine.state().cells] == [cell.start for cell in first.cells]
    engine.saved(first)
    assert engine.state().cells == ()


def test_a_month_that_late_energy_revises_is_an_event():
    march = 1_772_323_200.0  # 2026-03-01T00:00:00Z
    engine = Engine(SITE, march - 7200)
    run(engine, march - 7200, 3600)
    run(engine, march + 7200, 60)
    told = [event.message for event in engine.events(0, 1000) if event.after == "revised"]
    assert told == ["2026-02 is revised: late energy of grid, ups"]
