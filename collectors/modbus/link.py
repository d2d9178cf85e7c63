"""One TCP connection to a Modbus gateway: requests out, answers matched by transaction id.

Owns the bytes of one connection, the time-outs of its requests and its own end. Must not know
retries, pooling or turns (`client.py`), nor what is read.

Rules:
- A transaction id is used for one request. When its time is up it is burnt: an answer that comes
  later finds nobody waiting, is counted and dropped, and is never taken for the next one.
- Unit and function code of an answer must be those of the request.
- Bytes that are no Modbus frame end the connection: a byte stream cannot find its frames again.
- A connection on which several requests in a row stay without any frame is given up. After a
  cable was pulled TCP itself would keep such a connection for a quarter of an hour.
- An idle connection stays open, because many devices take seconds to accept one and polls come
  soon again; after `IDLE_S` it is closed, because many devices have room for one or two only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import cast

from collectors.modbus.codec import Frame, Framer, Request, encode_request
from core.errors import Malformed

IDLE_S = 300.0
"""Longer than any poll interval; shorter than an engineer waits for the device's only slot."""

SILENT_REQUESTS_MAX = 3
"""Requests without any frame in between after which a connection is given up."""

BUFFER_SIZE = 1024
"""Bytes taken from the socket at a time; an answer has at most 260."""


@dataclass(slots=True)
class Counters:
    """What happened since the start. `late`: answers nobody was waiting for any more."""

    requests: int = 0
    answers: int = 0
    timeouts: int = 0
    late: int = 0
    malformed: int = 0
    connects: int = 0
    reconnects: int = 0


class Failure(Enum):
    """Why a request has no answer."""

    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(slots=True)
class _Pending:
    answer: asyncio.Future[bytes | Malformed | Failure]
    unit: int
    fc: int
    deadline: float


class Link(asyncio.BufferedProtocol):
    """One connection. Times are seconds of the loop's clock.

    Buffered, because for a plain protocol asyncio allocates and frees 256 KiB for every answer of
    130 bytes: that was more than half of what a poll cost.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, counters: Counters) -> None:
        self._loop = loop
        self._counters = counters
        self._framer = Framer()
        self._buffer = memoryview(bytearray(BUFFER_SIZE))
        self._pending: dict[int, _Pending] = {}
        self._transaction = 0
        self._silent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._used_at = loop.time()
        self.answered = False
        """Whether any frame has ever come."""
        self.closed: asyncio.Future[None] = loop.create_future()
        """Done once the connection is gone."""

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(
        self, unit: int, request: Request, timeout_s: float
    ) -> bytes | Malformed | Failure:
        """Send a request; the PDU of its answer, or why there is none."""
        if self._transport is None or self._transport.is_closing():
            return Failure.LOST
        now = self._loop.time()
        pending = _Pending(self._loop.create_future(), unit, request.fc, now + timeout_s)
        transaction = self._next_transaction()
        self._pending[transaction] = pending
        self._used_at = now
        self._wake_at(pending.deadline)
        self._counters.requests += 1
        self._transport.write(encode_request(transaction, unit, request))
        try:
            return await pending.answer
        finally:
            self._pending.pop(transaction, None)

    def close(self) -> None:
        """End the connection; `closed` tells when it is gone."""
        if self._transport is not None:
            self._transport.abort()  # nothing worth flushing: a request nobody waits for

    # ------------------------------------------------ called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._wake_at(self._used_at + IDLE_S)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  ours has its size
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._framer.feed(bytes(self._buffer[:nbytes]))
        try:
            while (frame := self._framer.next_frame()) is not None:
                self._take(frame)
        except Malformed as garbage:
            self._counters.malformed += 1
            for pending in self._pending.values():
                _settle(pending, garbage)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the outcome is one
        self._end()

    # ------------------------------------------------ inside

    def _take(self, frame: Frame) -> None:
        self.answered = True
        self._silent = 0
        pending = self._pending.pop(frame.transaction, None)
        if pending is None:
            self._counters.late += 1
        elif frame.unit != pending.unit or frame.pdu[0] & 0x7F != pending.fc:
            self._counters.malformed += 1
            strange = f"unit {frame.unit} answers function {frame.pdu[0] & 0x7F}"
            asked = f"unit {pending.unit} was asked for function {pending.fc}"
            _settle(pending, Malformed(f"{strange}, but {asked}"))
        else:
            self._counters.answers += 1
            _settle(pending, frame.pdu)

    def _next_transaction(self) -> int:
        transaction = self._transaction
        while True:  # at most as many turns as requests are in flight
            transaction = (transaction + 1) & 0xFFFF
            if transaction not in self._pending:
                self._transaction = transaction
                return transaction

    def _wake_at(self, when: float) -> None:
        """One timer serves all requests: it goes off at the earliest time asked for, and is set
        again for what remains. An answer does not touch it, so a time-out costs next to nothing."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        due = [pending for pending in self._pending.values() if pending.deadline <= now]
        for pending in due:
            if _settle(pending, Failure.TIMEOUT):
                self._counters.timeouts += 1
                self._silent += 1
        idle = not self._pending and now >= self._used_at + IDLE_S
        if self._silent >= SILENT_REQUESTS_MAX or idle:
            self.close()
            return
        waiting = (p.deadline for p in self._pending.values() if p.deadline > now)
        self._wake_at(min(waiting, default=self._used_at + IDLE_S))

    def _end(self) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pending in self._pending.values():
            _settle(pending, Failure.LOST)
        if not self.closed.done():
            self.closed.set_result(None)


def _settle(pending: _Pending, answer: bytes | Malformed | Failure) -> bool:
    """Whether somebody was still waiting."""
    if pending.answer.done():
        return False
    pending.answer.set_result(answer)
    return True
