"""The recorder: nothing is lost silently between the event loop and the disk."""

from __future__ import annotations

import threading

import pytest
import structlog

from core.errors import InvariantError, Unavailable
from history.journal import Journal
from history.reader import LocalReader
from history.recorder import Backlog, Recorder
from tests.support.history import T0, Feeder, points, same


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path, ["local"])
    yield journal
    journal.close()


@pytest.fixture
def feeder(journal):
    return Feeder(Recorder(journal, journal.catalog(), readings_max=10))


def refuse(journal: Journal) -> None:
    journal._do(lambda: journal._db.execute("PRAGMA query_only = 1").fetchall())


def allow(journal: Journal) -> None:
    journal._do(lambda: journal._db.execute("PRAGMA query_only = 0").fetchall())


def test_what_was_written_can_be_read_at_once(tmp_path, feeder):
    feeder.accept(T0 + 1.2345, {"ups-1/output.voltage": 230.1, "ups-1/mode": 1})
    feeder.write(T0 + 2)

    assert same(
        LocalReader(tmp_path).rows(["ups-1/output.voltage", "ups-1/mode"], T0, T0 + 60),
        [(T0 + 1.234, "ups-1/mode", 1.0, 0), (T0 + 1.234, "ups-1/output.voltage", 230.1, 0)],
    )


def test_the_same_point_keeps_its_series_over_a_restart(tmp_path, journal, feeder):
    feeder.accept(T0, {"ups-1/mode": 1, "ups-1/battery.charge": 0.5})
    feeder.write(T0)
    journal.close()

    again = Journal.open(tmp_path, ["local"])
    later = Feeder(Recorder(again, again.catalog()))
    later.accept(T0 + 5, {"ups-1/battery.charge": 0.6})
    later.write(T0 + 5)
    assert same(
        LocalReader(tmp_path).rows(["ups-1/battery.charge"], T0, T0 + 60),
        [(T0, "ups-1/battery.charge", 0.5, 0), (T0 + 5, "ups-1/battery.charge", 0.6, 0)],
    )
    again.close()


def test_a_reading_of_a_row_that_was_never_defined_is_our_bug(journal):
    other = Feeder(Recorder(journal, journal.catalog()))
    batch = other.batch(T0, {"ups-1/mode": 1})
    recorder = Recorder(journal, journal.catalog())
    recorder.accept(batch)
    with pytest.raises(InvariantError):
        recorder.write(T0)


def test_rows_may_be_defined_in_any_number_and_order(tmp_path, journal):
    recorder = Recorder(journal, journal.catalog())
    names = [f"pdu-1/outlet.current.{k}" for k in range(3000)]
    recorder.define(1500, points(*names[1500:]))
    recorder.define(0, points(*names[:1500]))
    feeder = Feeder(recorder)
    feeder._rows = {name: row for row, name in enumerate(names)}
    feeder.accept(T0, {names[7]: 7.0, names[2999]: 2999.0})
    feeder.write(T0)
    found = LocalReader(tmp_path).rows([names[7], names[2999]], T0, T0 + 1)
    assert [(point, value) for _, point, value, _ in found] == [
        (names[2999], 2999.0),
        (names[7], 7.0),
    ]


def test_what_the_disk_refuses_is_written_later_in_order(tmp_path, journal, feeder):
    feeder.row("ups-1/mode")
    feeder.write(T0)
    refuse(journal)
    with structlog.testing.capture_logs() as logs:
        for second in range(3):
            feeder.accept(T0 + second, {"ups-1/mode": second})
            assert not feeder.recorder.write(T0 + second)
        assert feeder.recorder.readings_waiting == 3
        assert "does not take rows" in feeder.recorder.error
        allow(journal)
        feeder.write(T0 + 3)

    assert [entry["event"] for entry in logs] == ["history_not_written", "history_written_again"]
    rows = LocalReader(tmp_path).rows(["ups-1/mode"], T0, T0 + 60)
    assert [value for _, _, value, _ in rows] == [0.0, 1.0, 2.0]
    assert (feeder.recorder.readings_waiting, feeder.recorder.readings_dropped) == (0, 0)
    assert feeder.recorder.error == ""


def test_a_disk_that_goes_on_refusing_costs_the_oldest_readings_and_counts_them(
    tmp_path, journal, feeder
):
    refuse(journal)
    for second in range(25):
        feeder.accept(T0 + second, {"ups-1/mode": second})
        feeder.recorder.write(T0 + second)
    assert feeder.recorder.readings_dropped == 15

    allow(journal)
    feeder.write(T0 + 30)
    rows = LocalReader(tmp_path).rows(["ups-1/mode"], T0, T0 + 60)
    assert [value for _, _, value, _ in rows] == [float(value) for value in range(15, 25)]


def test_a_writer_that_is_not_called_costs_the_oldest_readings(feeder):
    batches = [feeder.batch(T0 + k, {"ups-1/mode": k, "ups-1/battery.charge": k}) for k in range(8)]
    backlog = Backlog(10)
    for batch in batches:
        backlog.append(batch)
    assert (backlog.readings, backlog.dropped) == (10, 6)
    assert backlog.take() == batches[3:]
    assert (backlog.readings, backlog.take()) == (0, [])


def test_a_series_that_the_disk_refused_is_stored_with_the_next_write(journal, feeder):
    refuse(journal)
    feeder.accept(T0, {"ups-1/mode": 1})
    assert not feeder.recorder.write(T0)
    allow(journal)
    feeder.accept(T0 + 1, {"ups-2/mode": 1})
    feeder.write(T0 + 1)
    assert {name for _, name in journal.catalog().since(0, 10)} == {"ups-1/mode", "ups-2/mode"}


def test_other_trouble_than_the_disk_is_not_hidden(journal, feeder, monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(journal, "append", broken)
    feeder.accept(T0, {"ups-1/mode": 1})
    with pytest.raises(ZeroDivisionError):
        feeder.recorder.write(T0)


def test_a_closed_journal_keeps_what_came_too_late_countable(journal, feeder):
    journal.close()
    feeder.accept(T0, {"ups-1/mode": 1})
    assert not feeder.recorder.write(T0)
    assert feeder.recorder.readings_waiting == 1
    with pytest.raises(Unavailable):
        journal.advance("local", 1)


def test_two_threads_at_a_backlog_lose_and_double_nothing(feeder):
    batches = [feeder.batch(T0 + k, {"ups-1/mode": k}) for k in range(20_000)]
    backlog = Backlog(10**9)
    small = Backlog(50)
    taken, taken_small = [], []
    done = threading.Event()

    def take():
        while not done.is_set():
            taken.extend(backlog.take())
            taken_small.extend(small.take())

    thread = threading.Thread(target=take)
    thread.start()
    for batch in batches:
        backlog.append(batch)
        small.append(batch)
    done.set()
    thread.join()
    taken += backlog.take()
    taken_small += small.take()

    assert taken == batches
    assert backlog.readings == small.readings == 0
    assert len(taken_small) + small.dropped == len(batches)
    times = [batch.time.item() for batch in taken_small]
    assert times == sorted(set(times))
