"""The InfluxDB sink: from the journal to a server, at its own pace.

Owns the cursor `influx`. The cursor moves only when the server has taken the rows, or has said of
some lines that it never will; these are counted. A server that is away, busy, or refuses our token
keeps its cursor where it is: the journal holds what it has not seen. Knows the journal and the line
protocol, not HTTP: a `LineWriter` does that.

What an answer means (InfluxDB OSS v2 reference, "Troubleshoot issues writing data"):

    2xx                        taken
    422, 400 "partial write"   the good lines are in, the bad ones never will be: count, go on
    400 otherwise              nothing was taken, some line is wrong: halve until it is alone
    413, connection cut off    too large: halve, and send less from now on
    401, 403, 404, other 4xx   our configuration: keep everything, say so, try again slowly
    408, 429, 5xx, no answer   away or busy: keep everything, back off as long as it asks
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import structlog

from core.clock import Clock
from core.errors import SinkError, Unavailable
from history.block import decode
from history.journal import Closed, Journal
from history.lines import Lines
from history.view import Row, view

SINK = "influx"

LINES_MAX = 5_000
BODY_BYTES_MAX = 4_000_000
"""One request: InfluxDB advises 5,000 lines, and refuses bodies by size."""

READINGS_AT_ONCE = 100_000
"""Readings taken from the journal in one step."""

INTERVAL_S = 1.0
BACKOFF_S_MIN = 1.0
BACKOFF_S_MAX = 60.0
RETRY_AFTER_S_MAX = 900.0
"""A server may ask for patience, not for ever."""

CONFIGURATION_RETRY_S = 60.0
HOPELESS_LINES = 8
"""So many lines refused one by one, and none of that request taken: it is not the lines."""

CUT_OFF_BYTES = 65_536
"""A connection that breaks under a smaller body than this broke for another reason."""

_ADVICE = {
    401: "check the token",
    403: "the token may not write to this bucket",
    404: "check the names of organisation and bucket, and the address",
}

_DROPPED = re.compile(r"dropped=(\d+)")

_log = structlog.get_logger("history")


@dataclass(frozen=True, slots=True)
class InfluxTarget:
    """Where to write. The token never shows in a repr."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InfluxStatus:
    """How the copying goes, times in UTC seconds; `error` is empty while all is well."""

    lines_sent: int = 0
    lines_rejected: int = 0
    requests_failed: int = 0
    last_success: float | None = None
    last_failure: float | None = None
    error: str = ""


class Refusal(SinkError):
    """The server did not take a request. `status` 0: there was no answer; `cut_off`: it hung up
    while we were sending."""

    def __init__(
        self, *, status: int, message: str, retry_after_s: float = 0.0, cut_off: bool = False
    ) -> None:
        super().__init__(f"HTTP {status}: {message}" if status else message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s
        self.cut_off = cut_off

    @property
    def partial(self) -> bool:
        """The good lines were taken."""
        return self.status == 422 or (self.status == 400 and "partial write" in self.message)

    @property
    def configuration(self) -> bool:
        """Nothing will change until somebody changes a setting."""
        return 300 <= self.status < 500 and self.status not in {408, 429}

    def too_large(self, body_bytes: int) -> bool:
        """The body, not its content, is the trouble. Some servers hang up instead of answering
        413."""
        return self.status == 413 or (self.cut_off and body_bytes > CUT_OFF_BYTES)


class LineWriter(Protocol):
    """Sends lines to a server."""

    def write(self, body: bytes) -> None:
        """Send lines with times in milliseconds. Raises `Refusal`."""
        ...

    def close(self) -> None: ...


class InfluxSink:
    """`run` copies for ever; `step` does one piece of it in a worker thread."""

    def __init__(
        self,
        journal: Journal,
        lines: Lines,
        writer: LineWriter,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._journal = journal
        self._state_dir: Path = journal.path.parent
        self._lines = lines
        self._writer = writer
        self._clock = clock
        self._chance = chance
        self._lines_max = LINES_MAX
        self._failures = 0
        self._refused_in_a_row = 0
        self._rejecting = False
        self.status = InfluxStatus()

    async def run(self) -> None:
        """Copy until cancelled. What was under way then is sent again after the next start."""
        while True:
            pause_s = await asyncio.to_thread(self.step)
            await self._clock.sleep(pause_s)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def step(self) -> float:
        """Send what the journal holds next; the seconds to wait before the next step."""
        try:
            rows = self._next_rows()
            if rows:
                self._send_rows(rows)
        except Refusal as refusal:
            return self._failed(_sentence(refusal), refusal)
        except Closed:
            return INTERVAL_S
        except Unavailable as error:
            return self._failed(str(error), None)
        return 0.0 if sum(row.readings for row in rows) >= READINGS_AT_ONCE else INTERVAL_S

    def _next_rows(self) -> list[Row]:
        found: list[Row] = []
        readings = 0
        with view(self._state_dir) as seen:
            for row in seen.rows(self._journal.status.cursors[SINK].seq):
                found.append(row)
                readings += row.readings
                if readings >= READINGS_AT_ONCE:
                    break
        return found

    def _send_rows(self, rows: Sequence[Row]) -> None:
        """Send these rows in requests of a good size. The cursor follows after each of them."""
        waiting: list[str] = []
        size = rejected = 0
        sent_seq = None
        for row in rows:
            for line in self._lines_of(row):
                if len(waiting) >= self._lines_max or size + len(line) > BODY_BYTES_MAX:
                    rejected += self._send(waiting)
                    if sent_seq is not None:
                        self._move(sent_seq, rejected)
                        sent_seq, rejected = None, 0
                    waiting, size = [], 0
                waiting.append(line)
                size += len(line) + 1
            sent_seq = row.seq
        if waiting:
            rejected += self._send(waiting)
        self._move(rows[-1].seq, rejected)

    def _move(self, seq: int, rejected: int) -> None:
        self._journal.advance(SINK, seq, rejected=rejected)
        self.status = replace(self.status, lines_rejected=self.status.lines_rejected + rejected)

    def _lines_of(self, row: Row) -> list[str]:
        try:
            return self._lines.render(decode(row.blob))
        except SinkError as error:
            _log.error("journal_block_lost", seq=row.seq, readings=row.readings, reason=str(error))
            return []

    def _send(self, lines: Sequence[str]) -> int:
        """Send these lines; the number of them that the server will never take.

        Raises Refusal when they are to be kept.
        """
        body = "\n".join(lines).encode()
        try:
            self._writer.write(body)
        except Refusal as refusal:
            return self._refused(lines, len(body), refusal)
        self._rejecting = False
        self._succeeded(len(lines))
        return 0

    def _refused(self, lines: Sequence[str], body_bytes: int, refusal: Refusal) -> int:
        if refusal.partial:
            found = _DROPPED.search(refusal.message)
            dropped = int(found[1]) if found else 1
            self._succeeded(max(0, len(lines) - dropped))
            return self._rejected(dropped, refusal)
        too_large = refusal.too_large(body_bytes)
        if not too_large and refusal.status != 400:
            raise refusal
        if len(lines) > 1:
            middle = len(lines) // 2
            if too_large:
                self._lines_max = min(self._lines_max, middle)
            return self._send(lines[:middle]) + self._send(lines[middle:])
        self._refused_in_a_row += 1
        if self._refused_in_a_row > HOPELESS_LINES:
            raise refusal
        return self._rejected(1, refusal)

    def _rejected(self, lines: int, refusal: Refusal) -> int:
        if not self._rejecting:
            _log.warning("influx_rejected", lines=lines, reason=str(refusal))
        self._rejecting = True
        return lines

    def _succeeded(self, lines: int) -> None:
        if self.status.error:
            _log.info("influx_back", failures=self._failures)
        self._failures = self._refused_in_a_row = 0
        self.status = replace(
            self.status,
            lines_sent=self.status.lines_sent + lines,
            last_success=self._clock.now(),
            error="",
        )

    def _failed(self, sentence: str, refusal: Refusal | None) -> float:
        """Note the failure; how long to wait before the next try, in seconds."""
        if not self.status.error:
            _log.error("influx_away", reason=sentence)
        self.status = replace(
            self.status,
            requests_failed=self.status.requests_failed + 1,
            last_failure=self._clock.now(),
            error=sentence,
        )
        backoff_s = min(BACKOFF_S_MIN * 2.0 ** min(self._failures, 16), BACKOFF_S_MAX)
        self._failures += 1
        backoff_s *= self._chance.uniform(0.5, 1.0)
        if refusal is None:
            return backoff_s
        if refusal.configuration:
            return CONFIGURATION_RETRY_S
        return max(backoff_s, min(refusal.retry_after_s, RETRY_AFTER_S_MAX))


def _sentence(refusal: Refusal) -> str:
    """What the server said, and what to do where that is known."""
    advice = _ADVICE.get(refusal.status)
    return f"InfluxDB: {refusal} ({advice})" if advice else f"InfluxDB: {refusal}"
