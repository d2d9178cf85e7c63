"""The journal: what it took is there after a kill, and what it drops is counted."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError, SinkError, Unavailable
from history.journal import Entry, Journal, Limits
from history.view import view

ROOT = Path(__file__).parents[1]
FOREVER = Limits(age_s=1e9, max_bytes=1 << 40)


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path, ["local"])
    yield journal
    journal.close()


def entries(count: int, *, size: int = 100, readings: int = 10, hour: int = 500_000) -> list[Entry]:
    return [Entry(hour, readings, bytes([k % 256]) * size) for k in range(count)]


def held(state_dir: Path, after: int = 0) -> list[int]:
    with view(state_dir) as seen:
        return [row.seq for row in seen.rows(after)]


def in_writer(journal: Journal, statement: str) -> list[tuple]:
    return journal._do(lambda: journal._db.execute(statement).fetchall())


def test_rows_and_series_survive_closing(tmp_path, journal):
    journal.append(entries(3), [(1, "ups-1/mode"), (2, "ups-1/battery.charge")], 1000)
    journal.close()

    again = Journal.open(tmp_path, ["local"])
    assert held(tmp_path) == [1, 2, 3]
    assert again.catalog().since(0, 9) == [(1, "ups-1/mode"), (2, "ups-1/battery.charge")]
    assert again.catalog().id_of("ups-1/battery.charge") == 2
    assert (again.status.total, again.status.readings) == (30, 30)
    again.close()


def test_every_acknowledged_row_is_there_after_kill_9(tmp_path):
    """The promise of the journal: an append that returned is durable."""
    program = """
import sys
from pathlib import Path
from history.journal import Entry, Journal
journal = Journal.open(Path(sys.argv[1]), ["local"])
for number in range(1_000_000):
    journal.append([Entry(500_000, 1, number.to_bytes(4, "big") * 500)], [], number)
    print(number, flush=True)
"""
    acknowledged = -1
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            lines = [process.stdout.readline() for _ in range(120)]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines(keepends=True)
        assert process.returncode == -signal.SIGKILL
        run = [int(line) for line in lines if line.endswith("\n")]
        acknowledged += len(run)
        assert run == list(range(len(run)))
        assert len(held(tmp_path)) in {acknowledged + 1, acknowledged + 2}
        acknowledged = len(held(tmp_path)) - 1

    journal = Journal.open(tmp_path, ["local"])
    assert journal.status.total == acknowledged + 1
    assert in_writer(journal, "PRAGMA integrity_check") == [("ok",)]
    journal.close()


def test_the_file_is_set_up_for_power_loss_and_for_giving_space_back(journal):
    assert in_writer(journal, "PRAGMA journal_mode") == [("wal",)]
    assert in_writer(journal, "PRAGMA synchronous") == [(2,)]
    assert in_writer(journal, "PRAGMA auto_vacuum") == [(2,)]


def test_rows_stay_until_the_slowest_sink_has_them(tmp_path):
    journal = Journal.open(tmp_path, ["local", "influx"])
    journal.append(entries(10), [], 0)

    journal.advance("local", 8)
    journal.trim(FOREVER, 0)
    assert held(tmp_path) == list(range(1, 11))

    journal.advance("influx", 3)
    journal.trim(FOREVER, 0)
    assert held(tmp_path) == list(range(4, 11))
    assert journal.status.cursors["influx"].total == 30
    assert journal.status.readings == 70
    journal.close()


def test_a_cursor_never_goes_back(journal):
    journal.append(entries(5), [], 0)
    journal.advance("local", 4, rejected=2)
    journal.advance("local", 2)
    cursor = journal.status.cursors["local"]
    assert (cursor.seq, cursor.total, cursor.rejected) == (4, 40, 2)


def test_what_is_dropped_over_the_age_is_counted_once(tmp_path):
    journal = Journal.open(tmp_path, ["local", "influx"])
    for second in range(10):
        journal.append(entries(1), [], second * 1000)
    journal.advance("local", 9)

    for _ in range(3):
        journal.trim(Limits(age_s=4, max_bytes=1 << 40), 10_000)

    assert held(tmp_path) == [7, 8, 9, 10]
    assert journal.status.cursors["influx"].lost == 60
    assert journal.status.cursors["local"].lost == 0
    journal.close()


def test_what_is_dropped_over_the_bytes_is_counted_exactly(tmp_path):
    journal = Journal.open(tmp_path, ["local", "influx"])
    limit = 2_000_000
    for _ in range(40):
        journal.append(entries(20, size=5_000), [], 0)
        journal.advance("local", journal.status.total // 10)
        journal.trim(Limits(age_s=1e9, max_bytes=limit), 0)
        assert journal.status.live_bytes <= limit + 40_000

    kept = held(tmp_path)
    assert len(kept) > 200
    assert journal.status.cursors["influx"].lost == 10 * (800 - len(kept))
    assert journal.status.cursors["local"].lost == 0
    journal.close()


def test_a_backlog_that_was_worked_off_gives_its_space_back(tmp_path, monkeypatch):
    monkeypatch.setattr("history.journal.SLACK_PAGES", 100)
    journal = Journal.open(tmp_path, ["local"])
    journal.append(entries(2000, size=4_000), [], 0)
    journal.advance("local", 2000)
    for _ in range(4):
        journal.trim(FOREVER, 0)
    journal.close()
    assert (tmp_path / "journal.db").stat().st_size < 100 * 4096 + 100_000


def test_numbers_go_on_after_everything_was_trimmed(tmp_path, journal):
    journal.append(entries(3), [], 0)
    journal.advance("local", 3)
    journal.trim(FOREVER, 0)
    journal.close()

    again = Journal.open(tmp_path, ["local"])
    again.append(entries(1), [], 0)
    assert held(tmp_path) == [4]
    assert again.status.total == 40
    assert again.status.readings == 10
    again.close()


def test_a_new_sink_starts_with_the_oldest_row(tmp_path, journal):
    journal.append(entries(4), [], 0)
    journal.advance("local", 2)
    journal.trim(FOREVER, 0)
    journal.close()

    again = Journal.open(tmp_path, ["local", "influx"])
    cursor = again.status.cursors["influx"]
    assert (cursor.seq, cursor.total, cursor.lost) == (2, 20, 0)
    again.close()


def test_a_sink_that_is_no_longer_configured_holds_nothing_back(tmp_path):
    journal = Journal.open(tmp_path, ["local", "influx"])
    journal.append(entries(4), [], 0)
    journal.advance("local", 4)
    journal.close()

    again = Journal.open(tmp_path, ["local"])
    again.trim(FOREVER, 0)
    assert held(tmp_path) == []
    again.close()


def test_a_full_disk_refuses_the_whole_append_and_the_next_one_works(tmp_path, journal):
    journal.append(entries(1), [], 0)
    pages = in_writer(journal, "PRAGMA page_count")[0][0]
    in_writer(journal, f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(Unavailable, match="full"):
        journal.append(entries(50, size=5_000), [(1, "ups-1/mode")], 0)
    assert held(tmp_path) == [1]
    assert journal.catalog().last_id == 0

    in_writer(journal, "PRAGMA max_page_count = 1000000")
    journal.append(entries(50, size=5_000), [(1, "ups-1/mode")], 0)
    assert len(held(tmp_path)) == 51
    assert journal.status.total == 510


def test_a_wrong_statement_is_a_bug_not_a_full_disk(journal):
    with pytest.raises(sqlite3.OperationalError):
        in_writer(journal, "SELECT nothing FROM nowhere")


def test_a_closed_journal_says_so(journal):
    journal.close()
    with pytest.raises(Unavailable, match="closed"):
        journal.append(entries(1), [], 0)


def test_a_state_directory_that_cannot_be_made_is_a_configuration_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="choose a directory that can be written"):
        Journal.open(tmp_path / "file" / "state", ["local"])


def test_a_path_that_is_no_file_is_a_configuration_error(tmp_path):
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(ConfigError, match="choose a directory"):
        Journal.open(tmp_path, ["local"])


def test_a_damaged_file_says_what_to_do(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"no database at all, but long enough" * 100)
    with pytest.raises(SinkError, match=r"journal\.db is damaged .* move it"):
        Journal.open(tmp_path, ["local"])


def test_a_foreign_database_is_left_alone(tmp_path):
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE invoices (id INTEGER)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SinkError, match="no journal of Kasbah"):
        Journal.open(tmp_path, ["local"])
    assert path.read_bytes() == before


def test_a_newer_version_is_refused(tmp_path, journal):
    in_writer(journal, "PRAGMA user_version = 7")
    journal.close()
    with pytest.raises(SinkError, match="newer Kasbah"):
        Journal.open(tmp_path, ["local"])
    with pytest.raises(SinkError, match="newer Kasbah"), view(tmp_path):
        pass


def test_a_directory_without_history_says_so(tmp_path):
    with pytest.raises(SinkError, match="there is no history"), view(tmp_path):
        pass
