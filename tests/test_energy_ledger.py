"""The ledger: nothing is lost or counted twice, whatever the quarter, the day and the clock."""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cells import Span, Spans
from core.ledger import CELL_S, DAYS_MAX, RULES, Ledger
from history import ledger as disk
from history.database import open_database, transaction
from history.journal import Journal

DAY_S = 86_400.0
T = 20_000 * DAY_S
ONE = np.array([0])
BOTH = np.array([0, 1])


def span(start: float, end: float, watts: float = 3600.0, *, estimated: bool = False) -> Span:
    """One Wh a second, unless told otherwise."""
    return Span(T + start, T + end, watts * (end - start) / 3600, T + start, estimated)


def add(ledger: Ledger, columns, spans, now=T) -> None:
    ledger.add(Spans.of(columns, spans), now)


def test_row_i_of_the_sums_is_the_quarter_that_begins_i_quarters_after_the_start():
    ledger = Ledger(2)
    add(ledger, [0, 1], [span(600, 2000), span(0, 2700, 7200)])
    found = ledger.sums(BOTH, T, T + 4 * CELL_S)
    assert found.seconds.tolist() == pytest.approx([300, 900, 200, 0])
    assert found.wh[:, 0].tolist() == pytest.approx([300, 900, 200, 0])
    assert found.wh[:, 1].tolist() == pytest.approx([600, 1800, 400, 0])
    assert ledger.sums(ONE, T + DAY_S, T + DAY_S + CELL_S).wh.tolist() == [[0.0]]


def test_only_time_that_all_meters_know_is_summed_and_estimates_are_told():
    ledger = Ledger(2)
    add(ledger, [0, 1], [span(0, 3600), span(0, 1800)])
    assert ledger.sums(BOTH, T, T + 3600).span_s == 1800
    add(ledger, [1], [span(1800, 3600, estimated=True)])
    found = ledger.sums(BOTH, T, T + 3600)
    assert found.span_s == 3600
    assert found.estimated_wh.sum(axis=0).tolist() == pytest.approx([0, 1800])


def test_sums_by_day_are_those_of_the_quarters_and_follow_what_comes_late():
    ledger = Ledger(2)
    add(ledger, BOTH.tolist(), [span(0, 5 * DAY_S), span(3600, 5 * DAY_S - 500)])
    for start, end in ((0, 5 * DAY_S), (900, 4 * DAY_S + 4500), (9000, 9900)):
        by_day, cells = (read(BOTH, T + start, T + end) for read in (ledger.days, ledger.sums))
        assert by_day.span_s == pytest.approx(cells.span_s)
        assert by_day.wh.sum(axis=0).tolist() == pytest.approx(cells.wh.sum(axis=0).tolist())
    before = ledger.days(BOTH, T, T + 5 * DAY_S).wh.sum()
    late = ledger.late
    add(ledger, [0], [Span(T + DAY_S, T + DAY_S + 600, -60, T + DAY_S + 600, estimated=False)])
    assert ledger.late > late
    assert ledger.days(BOTH, T, T + 5 * DAY_S).wh.sum() == pytest.approx(before - 60)


def test_a_clock_set_back_makes_a_quarter_hold_the_energy_of_both_but_its_time_once():
    ledger = Ledger(1)
    add(ledger, [0], [span(0, 900)])
    add(ledger, [0], [span(0, 900)])
    found = ledger.sums(ONE, T, T + 900)
    assert found.wh.sum() == pytest.approx(1800)
    assert found.span_s == 900


def test_a_clock_that_was_years_ahead_for_a_moment_takes_no_month_with_it():
    ledger = Ledger(1)
    for day in range(300):
        add(ledger, [0], [span(day * DAY_S, day * DAY_S + 900)])
    add(ledger, [0], [span(5000 * DAY_S, 5000 * DAY_S + 1)])
    add(ledger, [0], [span(300 * DAY_S, 300 * DAY_S + 900)])
    assert ledger.days(ONE, T, T + 301 * DAY_S).span_s == 301 * 900


def test_no_more_than_thirteen_months_are_held():
    ledger = Ledger(1)
    for day in range(DAYS_MAX + 5):
        add(ledger, [0], [span(day * DAY_S, day * DAY_S + 60)])
    assert ledger.total_wh.tolist() == pytest.approx([DAYS_MAX * 60])
    assert len(ledger.unsaved()) == DAYS_MAX


def test_only_what_changed_is_given_to_be_saved_and_until_it_is():
    ledger = Ledger(1)
    add(ledger, [0], [span(0, 1000)])
    first = ledger.revision
    assert [cell.start - T for cell in ledger.unsaved()] == [0, 900]
    add(ledger, [0], [span(1000, 1010)], now=T + 1010)
    ledger.saved(first)
    (cell,) = ledger.unsaved()
    assert (cell.start, cell.changed, cell.rules) == (T + 900, T + 1010, RULES)
    ledger.saved(ledger.revision)
    assert ledger.unsaved() == ()


def test_cells_come_back_in_other_columns():
    ledger, again = Ledger(2), Ledger(3)
    add(ledger, [0, 1], [span(0, 600), span(0, 600, 7200, estimated=True)])
    again.load(ledger.unsaved(), [2, None])
    assert again.total_wh.tolist() == pytest.approx([0, 0, 600])
    assert again.unsaved() == ()
    assert again.begun()[2] == T
    assert np.isnan(again.begun()[:2]).all()


def test_the_disk_gives_back_what_it_was_given_and_keeps_meters_that_are_gone(tmp_path):
    db = open_database(tmp_path / "journal.db", ["local"])
    ledger = Ledger(2)
    add(ledger, [0, 1], [span(0, 1000), span(0, 1000, 7200, estimated=True)])
    with transaction(db):
        grown = disk.write(db, ("a", "b"), ledger.unsaved())
    assert grown == disk.size(db) > 0
    meters, cells = disk.read(db, T, T + DAY_S)
    assert meters == ("a", "b")
    assert [cell.wh.tolist() for cell in cells] == [cell.wh.tolist() for cell in ledger.unsaved()]
    (early, _) = cells
    with transaction(db):
        disk.write(
            db, ("c",), [replace(early, wh=ONE + 5.0, known_s=ONE + 9.0, estimated_wh=ONE + 0.0)]
        )
    meters, (early, _) = disk.read(db, T, T + DAY_S)
    assert meters == ("a", "b", "c")
    assert early.wh.tolist() == pytest.approx([900, 1800, 5])
    assert early.estimated_wh[1] == pytest.approx(1800)
    db.close()


def test_a_damaged_quarter_is_left_out_and_said(tmp_path, capsys):
    db = open_database(tmp_path / "journal.db", ["local"])
    ledger = Ledger(1)
    add(ledger, [0], [span(0, 1800)])
    with transaction(db):
        disk.write(db, ("a",), ledger.unsaved())
        db.execute("UPDATE ledger SET value = substr(value, 1, 9) WHERE start = ?", (T,))
    _, cells = disk.read(db, T, T + DAY_S)
    assert [cell.wh.tolist() for cell in cells] == [[0.0], [900.0]]
    assert "energies_damaged" in capsys.readouterr().out
    db.close()


def test_state_and_cells_are_kept_together_or_not_at_all(tmp_path):
    journal = Journal.open(tmp_path, ["local"])
    ledger = Ledger(1)
    add(ledger, [0], [span(0, 60)])
    (cell,) = ledger.unsaved()
    journal.remember("engine", b"one", 1, meters=("a",), cells=[cell])
    broken = [replace(cell, wh=cell.wh + 1), replace(cell, changed=None)]
    with pytest.raises(sqlite3.Error):
        journal.remember("engine", b"two", 2, meters=("a",), cells=broken)
    assert journal.recall("engine") == b"one"
    meters, (kept,) = journal.cells(0, T + 1)
    assert (meters, kept.wh.tolist()) == (("a",), cell.wh.tolist())
    journal.close()


@settings(max_examples=100, deadline=None)
@given(
    cuts=st.lists(st.floats(0.001, 0.999), max_size=20),
    start=st.floats(0, DAY_S),
    length=st.floats(0.1, 3 * DAY_S),
)
def test_splitting_a_span_changes_no_cell(cuts, start, length):
    whole, parts = Ledger(1), Ledger(1)
    add(whole, [0], [span(start, start + length)])
    edges = [start, *(start + length * cut for cut in sorted(set(cuts))), start + length]
    for left, right in itertools.pairwise(edges):
        if right > left:
            add(parts, [0], [span(left, right)])
    a, b = (each.sums(ONE, T, T + 5 * DAY_S) for each in (whole, parts))
    assert a.wh.ravel().tolist() == pytest.approx(b.wh.ravel().tolist(), abs=1e-3)
    assert a.seconds.tolist() == pytest.approx(b.seconds.tolist(), abs=1e-2)
    assert whole.total_wh[0] == pytest.approx(length, rel=1e-6)
