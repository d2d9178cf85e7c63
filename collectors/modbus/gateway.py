"""One Modbus gateway: its connection, made when needed, and turns for those who share it.

Owns connecting and the queue. Must not know requests, retries or what failures are called.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque

from collectors.modbus.link import Counters, Link


class Gateway:
    """A (host, port). Times are seconds of the loop's clock."""

    def __init__(self, host: str, port: int, counters: Counters) -> None:
        self._host = host
        self._port = port
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._connecting = asyncio.Lock()
        self._failure: OSError | None = None
        self._failed_at = float("-inf")
        self._closed = False
        self.silent_units: set[int] = set()
        """Units whose last request stayed without an answer."""
        self._wishes: dict[int, tuple[int, float]] = {}
        self._in_flight = 1
        self._pause_s = 0.0
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._free_at = 0.0

    def now(self) -> float:
        return self._loop.time()

    def mind(self, unit: int, in_flight: int, pause_s: float) -> None:
        """What one unit behind this gateway bears; of all units the most careful one decides."""
        wish = (in_flight, pause_s)
        if self._wishes.get(unit) == wish:
            return
        self._wishes[unit] = wish
        self._in_flight = max(1, min(requests for requests, _ in self._wishes.values()))
        self._pause_s = max(pause for _, pause in self._wishes.values())

    # ------------------------------------------------ turns

    async def take_turn(self) -> None:
        """Wait until it is our turn, first come, first served. Then `end_turn` is owed."""
        if self._active < self._in_flight and not self._waiting:
            self._active += 1
        else:
            await self._queue()
        if self._pause_s and (pause := self._free_at - self.now()) > 0:
            try:
                await asyncio.sleep(pause)
            except asyncio.CancelledError:
                self.end_turn()
                raise

    def end_turn(self) -> None:
        """Let the next one in, who waits out the pause itself."""
        if self._pause_s:
            self._free_at = self.now() + self._pause_s
        self._active -= 1
        self._admit()

    async def _queue(self) -> None:
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # or it was passed over already
                    self._waiting.remove(turn)
            else:  # the turn came in the same moment: pass it on
                self.end_turn()
            raise

    def _admit(self) -> None:
        while self._waiting and self._active < self._in_flight:
            turn = self._waiting.popleft()
            if not turn.done():
                self._active += 1
                turn.set_result(None)

    # ------------------------------------------------ the connection

    async def link(self, timeout_s: float, asked_at: float) -> Link:
        """The open connection; made anew if there is none.

        Raises OSError (TimeoutError among them) when it cannot be made; also when it could not be
        made while the caller was waiting since `asked_at`, without trying again.
        """
        if self._link is not None and self._link.usable:
            return self._link
        async with self._connecting:
            if self._link is not None and self._link.usable:
                return self._link
            if self._failure is not None and asked_at <= self._failed_at:
                raise type(self._failure)(*self._failure.args)
            self._link = await self._connect(timeout_s)
        return self._link

    async def _connect(self, timeout_s: float) -> Link:
        reconnect = self._link is not None
        link = Link(self._loop, self._counters)
        try:
            async with asyncio.timeout(timeout_s):
                await self._loop.create_connection(lambda: link, self._host, self._port)
        except UnicodeError as error:  # what the resolver says to a name that no host can have
            raise socket.gaierror(str(error)) from error
        except OSError as error:
            self._failure = error
            self._failed_at = self.now()
            raise
        if self._closed:
            link.close()
            raise ConnectionAbortedError("closed while connecting")
        self._failure = None
        self._counters.connects += 1
        self._counters.reconnects += reconnect
        return link

    async def close(self) -> None:
        """Close the connection and wait until it is gone; none is made any more."""
        self._closed = True
        if self._link is not None:
            self._link.close()
            await self._link.closed
