"""Local history: sealed hours and the open one answer as one, whatever happens between."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import SinkError, Unavailable
from core.quality import Quality
from history import hourfile
from history.journal import Journal
from history.local import LocalHistory, Retention
from history.parts import parts
from history.reader import LocalReader
from history.recorder import Recorder
from history.view import FOREVER
from tests.support.history import HOUR, T0, Feeder, parquet_files, same

ROOT = Path(__file__).parents[1]
A, B, MODE = "ups-1/output.voltage", "ups-2/output.voltage", "ups-1/mode"
NAN = float("nan")


class Plant:
    """Journal, recorder, local history and reader on one directory."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.state_dir, ["local"])
        catalog = self.journal.catalog()
        self.feeder = Feeder(Recorder(self.journal, catalog))
        self.local = LocalHistory(self.state_dir, self.journal, catalog)
        self.local.recover()
        self.reader = LocalReader(self.state_dir)

    def again(self) -> None:
        self.journal.close()
        self.open()

    def feed(self, *moments: float, point: str = A) -> list[tuple]:
        """A reading at each moment (seconds after T0), each written by itself; its value is the
        moment."""
        for moment in moments:
            self.feeder.accept(T0 + moment, {point: float(moment)})
            self.feeder.write(T0 + moment)
        return [(T0 + moment, point, float(moment), 0) for moment in sorted(moments)]

    def rows(self, *names: str) -> list[tuple]:
        return list(self.reader.rows(names or [A], 0, T0 + 1e6))


@pytest.fixture
def plant(tmp_path):
    plant = Plant(tmp_path)
    yield plant
    plant.journal.close()


def test_an_hour_is_sealed_after_its_end_and_reads_the_same(plant):
    expected = plant.feed(0, 5, 3599.9, 3600, 3605)

    assert plant.local.seal(T0 + 3609) == 0
    assert plant.local.seal(T0 + 3610) == 3
    assert parquet_files(plant.state_dir) == ["2027/01/15/08.parquet"]
    assert same(plant.rows(), expected)
    assert plant.local.seal(T0 + 3700) == 0


def test_the_open_hour_is_answered_from_the_journal(plant):
    expected = plant.feed(0, 3600, 3601)
    plant.local.seal(T0 + 3700)
    series = plant.reader.query(A, T0, T0 + 7200, 2)
    assert series.t.tolist() == [T0, T0 + 3600]
    assert series.last.tolist() == [0.0, 3601.0]
    assert same(plant.rows(), expected)


def test_late_readings_make_a_second_part_that_is_merged(plant):
    expected = plant.feed(10, 20, 3600)
    plant.local.seal(T0 + 3700)
    expected += plant.feed(15, 7200)
    plant.local.seal(T0 + 7300)

    assert parquet_files(plant.state_dir) == [
        "2027/01/15/08.1.parquet",
        "2027/01/15/08.parquet",
        "2027/01/15/09.parquet",
    ]
    assert same(plant.rows(), sorted(expected))


def test_a_clock_that_jumped_ahead_and_back_holds_nothing_up(plant):
    expected = plant.feed(10, 20 * 3600 + 5, 15, 3605)
    plant.local.seal(T0 + 3620)
    plant.local.seal(T0 + 7300)
    assert same(plant.rows(), sorted(expected))
    assert plant.journal.status.total - plant.journal.status.cursors["local"].total == 0


def test_a_flush_over_the_hour_is_split(plant):
    for moment in (3599.5, 3600.5):
        plant.feeder.accept(T0 + moment, {A: moment})
    plant.feeder.write(T0 + 3601)
    assert plant.local.seal(T0 + 3700) == 1
    assert plant.rows() == [(T0 + 3599.5, A, 3599.5, 0), (T0 + 3600.5, A, 3600.5, 0)]


def test_a_busy_hour_is_sealed_in_parts_before_its_end(plant):
    expected = plant.feed(*range(10))
    assert plant.local.seal(T0 + 10, readings_max=4) == 8
    assert parquet_files(plant.state_dir) == ["2027/01/15/08.1.parquet", "2027/01/15/08.parquet"]
    assert same(plant.rows(), expected)


def test_the_file_is_what_the_design_says_and_sorted_for_queries(plant, monkeypatch):
    monkeypatch.setattr(hourfile, "GROUP_ROWS", 8)
    names = [f"ups-{number}/output.voltage" for number in range(9, 0, -1)]
    for second in range(5):
        for name in names:
            plant.feeder.accept(T0 + second, {name: (230.0 + second, Quality.HELD)})
    plant.feeder.accept(T0 + 6, {A: (NAN, Quality.NO_ANSWER)})
    plant.feeder.write(T0 + 7)
    plant.local.seal(T0 + 4000)

    (name,) = parquet_files(plant.state_dir)
    path = plant.state_dir / "history" / name
    table = pq.read_table(path)
    assert table.schema.names == ["time_ms", "point", "value", "quality"]
    assert [str(field.type) for field in table.schema] == [
        "int64",
        "dictionary<values=string, indices=int32, ordered=0>",
        "double",
        "uint8",
    ]
    rows = list(zip(table["point"].to_pylist(), table["time_ms"].to_pylist(), strict=True))
    assert rows == sorted(rows)
    assert len(rows) == 46
    file = pq.ParquetFile(path)
    bounds = [
        (group.min, group.max)
        for group in (
            file.metadata.row_group(k).column(1).statistics
            for k in range(file.metadata.num_row_groups)
        )
    ]
    assert len(bounds) == 6
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(bounds))
    assert len(plant.rows("ups-5/output.voltage")) == 5
    assert same(plant.rows(A)[-1:], [(T0 + 6, A, NAN, Quality.NO_ANSWER)])


def test_a_file_rewritten_by_another_tool_still_reads(plant):
    expected = plant.feed(1, 2, 3) + plant.feed(4, point=B)
    plant.local.seal(T0 + 4000)
    (name,) = parquet_files(plant.state_dir)
    path = plant.state_dir / "history" / name
    table = pq.read_table(path)
    order = pa.array([2, 0, 3, 1])
    strings = table.set_column(1, "point", table["point"].cast(pa.string())).take(order)
    pq.write_table(strings, path, write_statistics=False, use_dictionary=False)
    assert same(plant.rows(A, B), sorted(expected))


def test_a_file_that_is_no_parquet_is_named(plant):
    plant.feed(1, 2)
    plant.local.seal(T0 + 4000)
    (name,) = parquet_files(plant.state_dir)
    (plant.state_dir / "history" / name).write_bytes(b"PAR1 no more")
    with pytest.raises(SinkError, match=r"08\.parquet cannot be read .* move it away"):
        plant.rows()


def test_strange_files_and_folders_are_left_alone(plant):
    expected = plant.feed(1)
    plant.local.seal(T0 + 4000)
    folder = plant.state_dir / "history"
    (folder / "lost+found").mkdir()
    (folder / "2027" / "01" / "notes.txt").write_text("")
    (folder / "2027" / "13" / "45").mkdir(parents=True)
    (folder / "2027" / "01" / "15" / "25.parquet").write_text("")
    (folder / "2027" / "01" / "15" / "08.parquet.bak").write_text("")
    assert same(plant.rows(), expected)
    plant.local.retain(Retention(1.0, 1), T0 + 1e9)
    assert (folder / "2027" / "01" / "notes.txt").exists()


class Stop(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("step", ["bringing", "write", "advance"])
def test_a_kill_in_any_step_of_a_seal_neither_loses_nor_doubles(plant, monkeypatch, step):
    """Two hours are sealed at once, so that the first file can be there without the second."""
    expected = plant.feed(10, 3600 + 10, 20, 7200)
    real_write = hourfile.write
    written = []

    def stop(*_args, **_kwargs):
        raise Stop

    def write_once(path, rows, names):
        if written:
            raise Stop
        written.append(path)
        real_write(path, rows, names)

    if step == "write":
        monkeypatch.setattr(hourfile, "write", write_once)
    else:
        monkeypatch.setattr(plant.journal, step, stop)
    # The row of hour 9 lies between two of hour 8, so all three are sealed together.
    with pytest.raises(Stop):
        plant.local.seal(T0 + 2 * 3600 + 20)
    assert same(plant.rows(), sorted(expected))
    monkeypatch.undo()

    plant.again()
    assert same(plant.rows(), sorted(expected))
    assert plant.local.seal(T0 + 2 * 3600 + 30) == 3
    assert same(plant.rows(), sorted(expected))
    assert parquet_files(plant.state_dir) == ["2027/01/15/08.parquet", "2027/01/15/09.parquet"]


def test_a_disk_that_fails_between_two_files_doubles_nothing_on_the_next_try(plant, monkeypatch):
    expected = plant.feed(10, 3600 + 10, 20, 7200)
    real_write = hourfile.write
    tries = []

    def full_once(path, rows, names):
        tries.append(path)
        if len(tries) == 2:
            raise OSError(28, "No space left on device")
        real_write(path, rows, names)

    monkeypatch.setattr(hourfile, "write", full_once)
    with structlog.testing.capture_logs() as logs:
        assert plant.local.seal(T0 + 7220) == 0
        assert "No space" in plant.local.status.error
        assert same(plant.rows(), sorted(expected))
        assert plant.local.seal(T0 + 7230) == 3
    assert [entry["event"] for entry in logs] == ["history_not_sealed", "history_sealed_again"]
    assert plant.local.status.error == ""
    assert same(plant.rows(), sorted(expected))


def test_a_failed_write_leaves_no_file(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hourfile, "_write", full)
    with pytest.raises(OSError, match="No space"):
        hourfile.write(tmp_path / "2027" / "01" / "08.parquet", hourfile.Columns.joined([]), [])
    assert list((tmp_path / "2027" / "01").iterdir()) == []


def test_a_damaged_block_is_counted_and_the_rest_is_sealed(plant):
    expected = plant.feed(1, 2, 3)
    plant.journal._do(
        lambda: plant.journal._db.execute("UPDATE journal SET blob = x'00' WHERE seq = 2")
    )
    with structlog.testing.capture_logs() as logs:
        assert plant.local.seal(T0 + 4000) == 2
    assert [entry["event"] for entry in logs] == ["journal_block_lost"]
    assert plant.journal.status.cursors["local"].rejected == 1
    assert same(plant.rows(), [expected[0], expected[2]])


def test_kill_9_while_writing_and_sealing_neither_loses_nor_doubles(tmp_path):
    """A process that writes and seals all the time, hours of ten readings, killed at random."""
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.test_history_local import A, Plant, T0
plant = Plant(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 1_000_000):
    plant.feed(number * 360.0)
    print(number, flush=True)
    plant.local.seal(T0 + number * 360.0)
"""
    chance = random.Random(7)
    first = 0
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), str(first)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            lines = [process.stdout.readline() for _ in range(chance.randint(15, 90))]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines(keepends=True)
        acknowledged = [int(line) for line in lines if line.endswith("\n")]
        assert acknowledged
        plant = Plant(tmp_path)
        values = [value / 360 for _, _, value, _ in plant.reader.rows([A], 0, 1e12)]
        assert values == [float(k) for k in range(len(values))]
        assert len(values) in {acknowledged[-1] + 1, acknowledged[-1] + 2}
        first = len(values)
        plant.journal.close()
    assert len(parquet_files(tmp_path)) > 3


def test_retention_by_age_lets_whole_hours_go_oldest_first(plant):
    plant.feed(*(hour * 3600.0 for hour in range(30)))
    plant.local.seal(T0 + 30 * 3600)
    assert plant.local.retain(Retention(10 * 3600.0, 1 << 40), T0 + 30 * 3600) == 20
    assert parts(plant.state_dir / "history", -FOREVER, FOREVER)[0].hour == HOUR + 20
    assert plant.local.status.files == 9  # hour 29 is still open
    assert [row[0] for row in plant.rows()] == [T0 + hour * 3600 for hour in range(20, 30)]
    assert sorted(path.name for path in (plant.state_dir / "history/2027/01").iterdir()) == ["16"]


def test_retention_by_bytes_lets_the_oldest_go(plant):
    plant.feed(*(hour * 3600.0 for hour in range(6)))
    plant.local.seal(T0 + 6 * 3600)
    plant.local.retain(Retention(1e9, 1 << 40), T0 + 6 * 3600)
    total = plant.local.status.bytes
    assert plant.local.retain(Retention(1e9, total * 2 // 3), T0 + 6 * 3600) == 2
    assert plant.local.status.bytes <= total * 2 // 3
    assert [row[0] for row in plant.rows()] == [T0 + hour * 3600 for hour in range(2, 6)]


def test_known_points_are_those_that_history_has_ever_held(plant):
    plant.feed(1)
    assert plant.reader.known(A)
    assert not plant.reader.known(B)


def test_a_point_that_is_not_known_has_an_empty_history(plant):
    plant.feed(1)
    assert len(plant.reader.query(B, T0, T0 + 10, 5).t) == 0
    assert list(plant.reader.rows([B], T0, T0 + 10)) == []


def test_a_seal_between_two_looks_of_a_query_is_noticed(plant, monkeypatch):
    """The files are listed, then the hour is sealed, then the journal is read."""
    expected = plant.feed(1, 2, 3700)
    from history import reader

    real_parts = reader.parts
    calls = []

    def list_then_seal(*args):
        found = real_parts(*args)
        calls.append(len(found))
        plant.local.seal(T0 + 3720)
        return found

    monkeypatch.setattr(reader, "parts", list_then_seal)
    assert same(plant.rows(), expected)
    assert calls == [0, 1]


def test_a_query_that_never_finds_quiet_gives_up_with_a_sentence(plant, monkeypatch):
    plant.feed(*range(30), 3700)
    from history import reader

    real_parts = reader.parts

    def list_then_seal(*args):
        found = real_parts(*args)
        status = plant.journal.status.cursors["local"]
        plant.journal.advance("local", status.seq + 1)
        return found

    monkeypatch.setattr(reader, "parts", list_then_seal)
    with pytest.raises(Unavailable, match="ask again"):
        plant.rows()


moments = st.lists(
    st.tuples(
        st.integers(-7200, 4 * 3600),
        st.dictionaries(
            st.sampled_from([A, B, MODE, "crah-1/supply_air.temperature"]),
            st.tuples(
                st.floats(-1e6, 1e6),
                st.sampled_from([Quality.GOOD, Quality.HELD, Quality.NO_ANSWER]),
            ),
            min_size=1,
        ),
        st.sampled_from(["", "", "write", "seal", "early", "again"]),
    ),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moments, st.integers(1, 50), st.floats(0, 3600))
def test_any_batches_read_back_as_given(tmp_path_factory, given_moments, buckets, start):
    """Whatever was written, sealed, sealed early or reopened in between."""
    plant = Plant(tmp_path_factory.mktemp("history"))
    expected = []
    for moment, readings, then in given_moments:
        batch = {
            name: (NAN if quality >= 0x80 else value, int(quality))
            for name, (value, quality) in readings.items()
        }
        plant.feeder.accept(T0 + moment, batch)
        expected += [(T0 + moment, name, *pair) for name, pair in batch.items()]
        if then:
            plant.feeder.write(T0 + moment)
        if then in {"seal", "early"}:
            plant.local.seal(T0 + moment, readings_max=5 if then == "early" else 10**6)
        if then == "again":
            plant.again()
    plant.feeder.write(T0)
    names = [A, B, MODE, "crah-1/supply_air.temperature"]
    found = list(plant.reader.rows(names, T0 - 1e5, T0 + 1e5))
    assert [row[0] for row in found] == sorted(row[0] for row in expected)
    assert same(sorted(found, key=repr), sorted(expected, key=repr))

    series = plant.reader.query(A, T0 + start, T0 + start + 7200, buckets)
    inside = [q for t, name, _, q in expected if name == A and start <= t - T0 < start + 7200]
    assert (max(series.quality, default=0)) == max(inside, default=0)
    plant.journal.close()
