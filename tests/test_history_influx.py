"""The InfluxDB sink against a server that answers as scripted: what moves the cursor, what never
does."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog

from history import influx, influx_client
from history.influx import InfluxSink, InfluxTarget
from history.influx_client import InfluxClient
from history.journal import Journal, Limits
from history.lines import Lines
from history.recorder import Recorder
from tests.support.history import T0, Feeder, HandClock, site_of

MODE = "ups-1/mode"

Answer = tuple[int, str, dict[str, str]]
OK: Answer = (204, "", {})
PARTIAL = (
    '{"code":"unprocessable entity","message":"failure writing points to database: partial write: '
    'points beyond retention policy dropped=2"}'
)


@dataclass
class Server:
    """What it was sent, and what it is to answer: by default everything is fine."""

    url: str = ""
    bodies: list[str] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)
    rule: Callable[[str], Answer] = lambda _body: OK
    taken: list[str] = field(default_factory=list)
    hang_up_over: int = 1 << 40

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        if length > self.hang_up_over:
            handler.rfile.read(10)
            handler.close_connection = True
            return
        body = handler.rfile.read(length).decode()
        self.bodies.append(body)
        self.queries.append(parse_qs(urlsplit(handler.path).query))
        self.headers.append(dict(handler.headers))
        status, text, headers = self.script.pop(0) if self.script else self.rule(body)
        if status < 300:
            self.taken += body.split("\n")
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_POST(self):
            state.answer(self)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        state.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


class Copy:
    """A journal with readings, and the sink that copies it."""

    def __init__(self, tmp_path, url: str) -> None:
        self.clock = HandClock(T0 + 100)
        self.journal = Journal.open(tmp_path, ["local", "influx"])
        catalog = self.journal.catalog()
        self.feeder = Feeder(Recorder(self.journal, catalog))
        target = InfluxTarget(url=url, org="kasbah", bucket="plant", token="s3cret")
        lines = Lines(site_of(("ups-1", "ups", "")), catalog)
        client = InfluxClient(target, self.clock)
        self.sink = InfluxSink(self.journal, lines, client, self.clock, random.Random(1))

    @property
    def cursor(self):
        return self.journal.status.cursors["influx"]

    def feed(self, seconds: range, *, at_once: bool = False) -> list[str]:
        for second in seconds:
            self.feeder.accept(T0 + second, {MODE: second})
            if not at_once:
                self.feeder.write(T0 + second)
        self.feeder.write(T0)
        return [line(second) for second in seconds]


def line(second: int) -> str:
    return f"ups,device=ups-1,site=orange-tech mode={float(second)} {round((T0 + second) * 1000)}"


@pytest.fixture
def copy(tmp_path, server) -> Iterator[Copy]:
    copy = Copy(tmp_path, server.url)
    yield copy
    copy.sink.close()
    copy.journal.close()


def test_rows_are_sent_with_millisecond_precision_and_the_cursor_follows(server, copy):
    lines = copy.feed(range(3))
    assert copy.sink.step() == influx.INTERVAL_S
    assert server.taken == lines
    assert len(server.bodies) == 1
    assert server.queries == [{"bucket": ["plant"], "org": ["kasbah"], "precision": ["ms"]}]
    assert server.headers[0]["Authorization"] == "Token s3cret"
    assert copy.cursor.seq == 3
    assert copy.sink.status.lines_sent == 3
    assert copy.sink.status.last_success == T0 + 100

    copy.sink.step()
    assert len(server.bodies) == 1


def test_nothing_to_say_is_no_request_but_moves_the_cursor(server, copy):
    copy.feeder.accept(T0, {MODE: (float("nan"), 0x81)})
    copy.feeder.write(T0)
    copy.sink.step()
    assert server.bodies == []
    assert copy.cursor.seq == 1


def test_a_server_that_is_away_keeps_everything_and_is_asked_ever_less_often(server, copy):
    lines = copy.feed(range(2))
    server.rule = lambda _body: (503, "starting", {})
    with structlog.testing.capture_logs() as logs:
        pauses = [copy.sink.step() for _ in range(9)]
        assert copy.cursor.seq == 0
        assert "503" in copy.sink.status.error
        server.rule = lambda _body: OK
        copy.sink.step()

    bounds = [min(2.0**k, influx.BACKOFF_S_MAX) for k in range(9)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))
    assert len({pause / bound for pause, bound in zip(pauses, bounds, strict=True)}) == 9
    assert server.taken == lines
    assert copy.cursor.seq == 2
    assert copy.sink.status.error == ""
    assert [entry["event"] for entry in logs] == ["influx_away", "influx_back"]


def test_retry_after_is_honoured_but_not_for_ever(server, copy):
    copy.feed(range(1))
    date = formatdate(copy.clock.now() + 120, usegmt=True)
    server.script = [
        (503, "", {"Retry-After": "42"}),
        (429, "", {"Retry-After": date}),
        (503, "", {"Retry-After": "1000000"}),
        (503, "", {"Retry-After": "soon"}),
    ]
    assert copy.sink.step() == 42
    assert copy.sink.step() == pytest.approx(120, abs=1)
    assert copy.sink.step() == influx.RETRY_AFTER_S_MAX
    assert copy.sink.step() <= 8


def test_no_server_at_all_keeps_everything(tmp_path):
    copy = Copy(tmp_path, "http://127.0.0.1:9")
    copy.feed(range(2))
    assert copy.sink.step() <= influx.BACKOFF_S_MIN
    assert copy.cursor.seq == 0
    assert "refused" in copy.sink.status.error
    copy.sink.close()
    copy.journal.close()


def test_a_silent_server_keeps_everything(server, copy, monkeypatch):
    copy.feed(range(1))
    quiet = threading.Event()

    def wait(_body):
        quiet.wait(5)
        return OK

    server.rule = wait
    copy.sink._writer._client.api_client.configuration.timeout = 200
    copy.sink.step()
    assert "timed out" in copy.sink.status.error
    assert copy.cursor.seq == 0
    quiet.set()


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "check the token"), (403, "may not write"), (404, "organisation and bucket"), (405, "")],
)
def test_a_wrong_setting_keeps_everything_and_says_what_to_do(server, copy, status, advice):
    copy.feed(range(2))
    server.rule = lambda _body: (status, '{"message":"no"}', {})
    for _ in range(20):
        assert copy.sink.step() == influx.CONFIGURATION_RETRY_S
    assert copy.cursor.seq == 0
    assert copy.cursor.rejected == 0
    assert advice in copy.sink.status.error
    assert "s3cret" not in copy.sink.status.error


@pytest.mark.parametrize("status", [400, 422])
def test_a_partial_write_is_counted_and_not_sent_again(server, copy, status):
    copy.feed(range(5))
    server.script = [(status, PARTIAL, {})]
    with structlog.testing.capture_logs() as logs:
        copy.sink.step()
    assert len(server.bodies) == 1
    assert copy.cursor.seq == 5
    assert copy.cursor.rejected == 2
    assert copy.sink.status.lines_sent == 3
    assert copy.sink.status.lines_rejected == 2
    assert copy.sink.status.error == ""
    assert [entry["event"] for entry in logs] == ["influx_rejected"]


def test_rejections_in_a_row_are_logged_once(server, copy):
    server.rule = lambda _body: (422, PARTIAL, {})
    with structlog.testing.capture_logs() as logs:
        for second in range(5):
            copy.feed(range(second, second + 1))
            copy.sink.step()
    assert [entry["event"] for entry in logs] == ["influx_rejected"]
    assert copy.sink.status.lines_rejected == copy.cursor.rejected == 10


def test_one_bad_line_is_found_and_the_others_arrive(server, copy):
    lines = copy.feed(range(20))

    def refuse_seven(body):
        if "mode=7.0" in body:
            return 400, '{"code":"invalid","message":"unable to parse"}', {}
        return OK

    server.rule = refuse_seven
    copy.sink.step()
    assert sorted(server.taken) == sorted(set(lines) - {line(7)})
    assert copy.cursor.seq == 20
    assert copy.cursor.rejected == 1


def test_a_server_that_calls_every_line_bad_is_not_believed(server, copy):
    """A proxy that answers 400 to everything must not cost the history of days."""
    copy.feed(range(50))
    server.rule = lambda _body: (400, "<html>no</html>", {})
    pauses = {copy.sink.step() for _ in range(10)}
    assert pauses == {influx.CONFIGURATION_RETRY_S}
    assert copy.cursor.seq == 0
    assert (copy.cursor.rejected, copy.sink.status.lines_rejected) == (0, 0)

    server.rule = lambda _body: OK
    copy.sink.step()
    assert set(server.taken) == {line(k) for k in range(50)}
    assert copy.cursor.seq == 50


def test_a_body_that_is_too_large_is_halved_and_stays_smaller(server, copy):
    lines = copy.feed(range(100), at_once=True)

    def small_only(body):
        return OK if body.count("\n") < 30 else (413, "too large", {})

    server.rule = small_only
    copy.sink.step()
    assert sorted(server.taken) == sorted(lines)
    assert copy.cursor.seq == 1

    server.bodies.clear()
    copy.feed(range(100, 200), at_once=True)
    copy.sink.step()
    assert max(body.count("\n") + 1 for body in server.bodies) == 25
    assert len(server.bodies) == 4


def test_a_server_that_hangs_up_on_a_large_body_is_sent_smaller_ones(server, copy, monkeypatch):
    monkeypatch.setattr(influx, "CUT_OFF_BYTES", 2_000)
    lines = copy.feed(range(100), at_once=True)
    server.hang_up_over = 3_000
    copy.sink.step()
    assert sorted(server.taken) == sorted(lines)
    assert copy.cursor.seq == 1


def test_a_connection_that_breaks_under_a_small_body_is_tried_again(server, copy):
    copy.feed(range(3))
    server.hang_up_over = 10
    assert copy.sink.step() <= influx.BACKOFF_S_MIN
    assert copy.cursor.seq == 0
    server.hang_up_over = 1 << 40
    copy.sink.step()
    assert copy.cursor.seq == 3


def test_requests_have_a_bounded_number_of_lines_and_bytes(server, copy, monkeypatch):
    copy.feed(range(23), at_once=True)
    copy.sink._lines_max = 10
    copy.sink.step()
    assert [body.count("\n") + 1 for body in server.bodies] == [10, 10, 3]

    server.bodies.clear()
    monkeypatch.setattr(influx, "BODY_BYTES_MAX", 300)
    copy.feed(range(20), at_once=True)
    copy.sink.step()
    assert max(len(body) for body in server.bodies) <= 300


def test_a_failure_half_way_repeats_no_row_that_was_finished(server, copy):
    copy.feed(range(6))
    copy.sink._lines_max = 2
    server.script = [OK, OK, (503, "", {})]
    copy.sink.step()
    assert copy.cursor.seq == 4
    copy.sink.step()
    assert set(server.taken) == {line(k) for k in range(6)}
    assert copy.cursor.seq == 6


def test_a_long_backlog_is_sent_without_pauses(server, copy, monkeypatch):
    monkeypatch.setattr(influx, "READINGS_AT_ONCE", 10)
    lines = copy.feed(range(25))
    assert [copy.sink.step() for _ in range(3)] == [0.0, 0.0, influx.INTERVAL_S]
    assert server.taken == lines


def test_what_the_journal_dropped_is_counted_as_lost_and_the_rest_arrives(server, copy):
    copy.feed(range(10))
    copy.journal.trim(Limits(age_s=4, max_bytes=1 << 40), round((T0 + 10) * 1000))
    copy.sink.step()
    assert server.taken == [line(k) for k in range(6, 10)]
    assert copy.cursor.lost == 6


def test_a_damaged_block_does_not_hold_up_the_others(server, copy):
    copy.feed(range(3))
    copy.journal._do(
        lambda: copy.journal._db.execute("UPDATE journal SET blob = x'00' WHERE seq = 2")
    )
    copy.sink.step()
    assert server.taken == [line(0), line(2)]
    assert copy.cursor.seq == 3


def test_the_token_shows_in_no_repr(copy):
    target = InfluxTarget("http://influx:8086", "kasbah", "plant", "s3cret")
    assert "s3cret" not in repr(target)
    assert "s3cret" not in repr(copy.sink)


def test_a_closed_journal_ends_a_step_quietly(server, copy):
    copy.feed(range(1))
    copy.journal.close()
    with structlog.testing.capture_logs() as logs:
        assert copy.sink.step() == influx.INTERVAL_S
    assert logs == []


def test_the_client_is_the_only_one_that_names_the_library():
    assert influx_client.InfluxDBClient.__module__.startswith("influxdb_client")
    assert not any(name.startswith("influxdb_client") for name in vars(influx))
