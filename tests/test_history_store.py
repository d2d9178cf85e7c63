"""History as the agent wires it: fed on the event loop, asked from threads, stopped in time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import pytest
import structlog

from core.contracts import HistoryReader, ReadingsSink
from core.errors import ConfigError, SinkError, Unavailable
from history import store
from history.store import History, InfluxTarget, Retention, open_reader
from tests.support.history import T0, Feeder, HandClock, parquet_files, site_of

ROOT = Path(__file__).parents[1]
POINT = "ups-1/output.voltage"
RETENTION = Retention(age_s=86400.0, max_bytes=1 << 30)
SITE = site_of(("ups-1", "ups", "hall-1"))


class Running:
    """A history whose `run` is under way."""

    def __init__(self, state_dir: Path, influx: InfluxTarget | None = None) -> None:
        self.clock = HandClock(T0)
        self.history = History.open(
            state_dir, site=SITE, clock=self.clock, retention=RETENTION, influx=influx
        )
        self.feeder = Feeder(self.history.recorder)

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self.task = self._group.create_task(self.history.run())
        return self

    async def __aexit__(self, *error) -> None:
        self.task.cancel()
        await self._group.__aexit__(*error)
        await self.history.close()

    def values(self) -> list[float]:
        return [row[2] for row in self.history.reader.rows([POINT], 0, 1e12)]

    async def until(self, condition) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.005)


def values(state_dir: Path) -> list[float]:
    return [row[2] for row in open_reader(state_dir).rows([POINT], 0, 1e12)]


async def test_a_day_of_readings_is_written_sealed_and_answered(tmp_path):
    async with Running(tmp_path) as running:
        for minute in range(0, 24 * 60, 10):
            running.clock.time = T0 + minute * 60
            running.feeder.accept(running.clock.time, {POINT: minute})
            await running.until(lambda: running.history.status().waiting == 0)
        await running.until(lambda: len(parquet_files(tmp_path)) == 23)
        await running.until(lambda: len(running.values()) == 144)  # the last is being written
        assert running.values() == [float(minute) for minute in range(0, 1440, 10)]
        series = running.history.reader.query(POINT, T0, T0 + 86400, 24)
        assert series.last.tolist() == [float(hour * 60 + 50) for hour in range(24)]
        assert series.mean.tolist() == [float(hour * 60 + 25) for hour in range(24)]


async def test_the_parts_keep_their_contracts(tmp_path):
    async with Running(tmp_path) as running:
        sink: ReadingsSink = running.history.recorder
        reader: HistoryReader = running.history.reader
        assert sink
        assert not reader.known(POINT)


@pytest.mark.alone
async def test_a_slow_disk_does_not_hold_up_the_event_loop(tmp_path, monkeypatch):
    async with Running(tmp_path) as running:
        real = running.history._journal._append

        def slow(*args):
            time.sleep(0.4)
            real(*args)

        monkeypatch.setattr(running.history._journal, "_append", slow)
        running.feeder.accept(T0, {POINT: 1.0})
        worst = 0.0
        before = time.monotonic()
        while running.history.status().waiting or worst == 0.0:
            await asyncio.sleep(0.005)
            worst, before = max(worst, time.monotonic() - before), time.monotonic()
        assert worst < 0.2
        await running.until(lambda: running.values() == [1.0])


async def test_a_stop_in_the_middle_of_a_write_loses_and_doubles_nothing(tmp_path, monkeypatch):
    async with Running(tmp_path) as running:
        real = running.history._journal._append
        started = threading.Event()

        def slow(*args):
            started.set()
            time.sleep(0.1)
            real(*args)

        monkeypatch.setattr(running.history._journal, "_append", slow)
        running.feeder.accept(T0, {POINT: 1.0})
        await running.until(started.is_set)
        running.feeder.accept(T0 + 1, {POINT: 2.0})
    assert values(tmp_path) == [1.0, 2.0]


async def test_the_last_second_is_written_at_the_stop(tmp_path):
    running = Running(tmp_path)
    running.feeder.accept(T0, {POINT: 7.0})
    await running.history.close()
    assert values(tmp_path) == [7.0]


async def test_a_disk_that_hangs_does_not_hold_up_the_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CLOSE_WITHIN_S", 0.2)
    running = Running(tmp_path)
    hanging = threading.Event()
    monkeypatch.setattr(running.history._journal, "_append", lambda *_args: hanging.wait(5))
    running.feeder.accept(T0, {POINT: 7.0})
    started = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        await running.history.close()
    assert time.monotonic() - started < 2
    assert logs[0]["event"] == "history_not_closed"
    hanging.set()
    await asyncio.to_thread(running.history._journal.close)
    running.history._events.close()


async def test_a_full_disk_shows_in_the_status_and_passes(tmp_path):
    async with Running(tmp_path) as running:
        journal = running.history._journal
        refuse, allow = (f"PRAGMA query_only = {number}" for number in (1, 0))
        await asyncio.to_thread(journal._do, lambda: journal._db.execute(refuse).fetchall())
        running.feeder.accept(T0, {POINT: 1.0})
        await running.until(lambda: running.history.status().error)
        await running.until(lambda: running.history.status().waiting == 1)
        assert not running.task.done()
        await asyncio.to_thread(journal._do, lambda: journal._db.execute(allow).fetchall())
        await running.until(lambda: running.values() == [1.0])
        await running.until(lambda: running.history.status().error == "")


async def test_a_bug_ends_the_run(tmp_path, monkeypatch):
    running = Running(tmp_path)

    def broken(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(running.history._journal, "_append", broken)
    running.feeder.accept(T0, {POINT: 1.0})
    with pytest.raises(ExceptionGroup) as caught:
        await running.history.run()
    assert caught.group_contains(ZeroDivisionError)
    monkeypatch.undo()
    await running.history.close()


async def test_the_status_counts(tmp_path):
    target = InfluxTarget(url="http://127.0.0.1:9", org="o", bucket="b", token="t")
    async with Running(tmp_path, target) as running:
        assert running.history.status().accepted == 0
        for second in range(4):
            running.feeder.accept(T0 + second, {POINT: second, "ups-1/mode": 1})
        await running.until(lambda: running.history.status().influx.error)
        await running.until(lambda: running.history.status().accepted == 8)
        running.clock.time = T0 + 3700
        running.feeder.accept(T0 + 3700, {POINT: 9.0})
        await running.until(lambda: running.history.status().local.last_seal)
        await running.until(lambda: running.history.status().local.files)

        status = running.history.status()
        lags = {lag.sink: lag for lag in status.sinks}
        assert lags["influx"].backlog == 9
        assert lags["local"].backlog == 1
        assert status.journal_readings == 9
        assert status.journal_bytes > 0
        assert status.local.files == 1
        assert (status.dropped, lags["influx"].lost, lags["influx"].rejected) == (0, 0, 0)
        assert status.influx.requests_failed >= 1
        assert status.flush_age_s is not None


async def test_another_process_can_read_while_the_agent_writes(tmp_path):
    program = """
import sys
from pathlib import Path
from history.store import open_reader
print([row[2] for row in open_reader(Path(sys.argv[1])).rows([sys.argv[2]], 0, 1e12)])
"""
    async with Running(tmp_path) as running:
        for moment in (0, 3600):
            running.clock.time = T0 + moment
            running.feeder.accept(T0 + moment, {POINT: moment})
        running.clock.time = T0 + 3700
        await running.until(lambda: parquet_files(tmp_path))
        answer = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, str(tmp_path), POINT],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    assert answer.stdout.strip() == "[0.0, 3600.0]"


def test_a_directory_without_history_cannot_be_read(tmp_path):
    with pytest.raises(SinkError, match="there is no history"):
        open_reader(tmp_path)


def test_a_state_directory_that_cannot_be_used_is_said_before_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        History.open(tmp_path / "file", site=SITE, clock=HandClock(), retention=RETENTION)


def test_a_left_over_part_that_cannot_be_removed_is_said_before_the_start(tmp_path):
    running = Running(tmp_path)
    running.history._journal.bringing("local", ["history"])
    (tmp_path / "history").mkdir()
    running.history._journal.close()
    running.history._events.close()
    with pytest.raises(Unavailable, match="cannot be mended"):
        Running(tmp_path)
