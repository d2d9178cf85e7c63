"""The SNMP engine: one unconnected UDP socket, many devices, bounded numbers of everything.

Datagrams are matched to requests by request id *and* source address; each retry has a request id
of its own, so that a late answer can never be taken for the current one. Whoever waits gets the
answer or a `DeviceError`; time-outs are real time, kept by a coarse sweep. A session asks its
device one thing at a time; how many requests are out at once is bounded here, and those beyond wait
their turn unsent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import secrets
import socket
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from collectors.snmp import codec, udp
from collectors.snmp.codec import ErrorStatus, Pdu, VarBind, Version
from collectors.snmp.names import Names
from collectors.snmp.secured import Adjustments, Closed, Discovery, Question, Sealed, refusal
from collectors.snmp.template import Answer, Template
from collectors.snmp.udp import Rejection, SocketAddress
from collectors.snmp.usm import Engine, Reported
from collectors.snmp.walk import Walk
from core.errors import DeviceError, DeviceTimeout, Malformed, Refused, Unreachable
from core.site import SnmpUser

MAX_OUTSTANDING: Final = 256
"""Requests on the wire at once; more gains nothing and overflows socket buffers."""

MAX_DATAGRAMS_A_TURN: Final = 64
"""Datagrams read before other tasks of the loop have their turn."""

SWEEP_S: Final = 0.1
"""How often time-outs are looked for: they come this much late at most."""

WALK_ROWS_MAX: Final = 20_000
"""A walk longer than this is a table without end."""

BULK_REPETITIONS: Final = 20

LATE: Final = "but answers to earlier requests came: give it more time (poll.timeout_s)"


@dataclass(frozen=True, slots=True)
class Target:
    """A device to ask; `user` with version 3 only. No secret shows in a repr."""

    host: str
    port: int = 161
    version: Version = Version.V2C
    community: bytes = field(default=b"public", repr=False)
    timeout_s: float = 2.0
    retries: int = 1
    user: SnmpUser | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class Counters:
    """What the engine has done."""

    requests: int = 0
    answers: int = 0
    retries: int = 0
    timeouts: int = 0
    late: int = 0
    foreign: int = 0
    malformed: int = 0
    unreachable: int = 0
    shape_misses: int = 0


@dataclass(frozen=True, slots=True)
class _GetNext:
    oids: Sequence[str]

    def request(self, version: Version, community: bytes, request_id: int) -> bytes:
        return codec.encode_request(version, community, codec.GET_NEXT, request_id, self.oids)


@dataclass(frozen=True, slots=True)
class _GetBulk:
    oids: Sequence[str]
    max_repetitions: int

    def request(self, version: Version, community: bytes, request_id: int) -> bytes:  # noqa: ARG002 - v2c only
        return codec.encode_bulk(community, request_id, self.oids, self.max_repetitions)


@dataclass(slots=True, eq=False)
class _Pending:
    """A request that waits for its turn or its answer. Request id 0: not sent yet."""

    question: Question
    target: Target
    address: SocketAddress
    future: asyncio.Future[bytes]
    tries_left: int
    closed: Closed | None = None
    deadline: float = 0.0
    request_id: int = 0
    seen: str = ""
    """What came from its address meanwhile instead of its answer."""
    nonsense: bool = False


class SnmpClient:
    """Asks SNMP devices of all versions. Belongs to the loop it is first used on; `close` ends all
    requests."""

    def __init__(self, seed: int | None = None) -> None:
        chance = random.Random(seed)  # noqa: S311 - spreads ids over restarts, guards nothing
        self._next_id = chance.randint(codec.REQUEST_ID_FIRST, codec.REQUEST_ID_LAST)
        self._pending: dict[int, _Pending] = {}
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._unsent: deque[_Pending] = deque()
        self._names = Names()
        self._repetitions: dict[Target, int] = {}  # of devices that do not manage the usual
        self._engines: dict[SocketAddress, Engine] = {}
        self._discoveries: dict[SocketAddress, asyncio.Future[bytes]] = {}
        self._window = MAX_OUTSTANDING
        self._deaf = False
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False
        self.counters = Counters()

    @property
    def window(self) -> int:
        """How many requests may be out at once: what the sockets' buffers hold, at most
        `MAX_OUTSTANDING`."""
        return self._window

    async def get(self, target: Target, template: Template) -> Answer:
        """The values of a template's objects.

        An error-status is returned, not raised: the caller splits. Raises DeviceTimeout,
        Unreachable, Malformed (also where the answer is to another question), Refused where a v3
        device does not let the user in.
        """
        data = await self._ask(target, template)
        misses = template.misses
        try:
            if target.user is None:
                codec.check_envelope(data, target.version, target.community)
            answer = template.decode(data)
        except Malformed as error:
            raise self._malformed(target, error) from error
        self.counters.shape_misses += template.misses - misses
        return answer

    async def get_next(self, target: Target, oids: Sequence[str]) -> Pdu:
        """One GETNEXT: its answer, which may be an error-status. Raises as `get` does."""
        return await self._pdu(target, _GetNext(oids))

    async def get_bulk(
        self, target: Target, oids: Sequence[str], *, max_repetitions: int = BULK_REPETITIONS
    ) -> Pdu:
        """One GETBULK (v2c): its answer, which may be an error-status. Raises as `get` does."""
        return await self._pdu(target, _GetBulk(oids, max_repetitions))

    async def walk(self, target: Target, root: str, *, limit: int = WALK_ROWS_MAX) -> list[VarBind]:
        """All objects below `root`, in order. Raises as `walk_all` does."""
        return (await self.walk_all(target, (root,), limit=limit))[root]

    async def walk_all(
        self, target: Target, roots: Iterable[str], *, limit: int = WALK_ROWS_MAX
    ) -> dict[str, list[VarBind]]:
        """All objects below each of `roots`, in order. Raises as `step` does."""
        walk = Walk(roots, limit)
        while not walk.done:
            await self.step(target, walk)
        return walk.rows

    async def step(self, target: Target, walk: Walk) -> None:
        """One request of a walk that is not done yet, and its answer taken. Raises as `get` does.

        v1 devices and those that do not manage GETBULK are walked by GETNEXT. Raises Malformed for
        a device whose OIDs do not increase, or a table beyond the walk's limit.
        """
        pdu = await self.following(target, at := walk.at)
        if pdu.error_status == ErrorStatus.NO_SUCH_NAME:
            walk.skip()  # version 1 says so at the end of all objects
        elif pdu.error_status:
            raise Refused(
                f"{target} refuses to be walked at {at}: {codec.error_name(pdu.error_status)}"
            )
        elif not pdu.varbinds:
            raise self._malformed(
                target, Malformed(f"asked for what follows {at} it gives no object")
            )
        else:
            try:
                walk.take(pdu.varbinds)
            except Malformed as error:
                raise Malformed(f"{target}: {error}") from error

    async def following(self, target: Target, at: str) -> Pdu:
        """What follows `at`: as many objects at once as this device manages, which is remembered.

        Some refuse GETBULK, some do not answer it, and large answers come in fragments, which
        firewalls like to drop: asked for less, all of them can be walked. Raises as `get` does.
        """
        many = 1 if target.version is Version.V1 else BULK_REPETITIONS
        repetitions = tried = self._repetitions.get(target, many)
        while tried > 1:
            try:
                pdu = await self.get_bulk(target, (at,), max_repetitions=tried)
            except (DeviceTimeout, Malformed):
                tried //= 4  # 20, 5, 1: smaller answers, then GETNEXT
                continue
            if pdu.error_status == ErrorStatus.NO_SUCH_NAME or (
                pdu.error_status == ErrorStatus.NO_ERROR and pdu.varbinds
            ):
                break
            tried //= 4
        else:
            pdu = await self.get_next(target, (at,))
        if tried < repetitions:
            self._repetitions[target] = tried
        return pdu

    def close(self) -> None:
        """End all requests and close the sockets."""
        self._closed = True
        for pending in [*self._pending.values(), *self._unsent]:
            pending.future.cancel()
        self._pending.clear()
        self._unsent.clear()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for sock in self._sockets.values():
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()

    async def _pdu(self, target: Target, question: Question) -> Pdu:
        data = await self._ask(target, question)
        try:
            if target.user is None:
                codec.check_envelope(data, target.version, target.community)
            return codec.decode_response(data)
        except Malformed as error:
            raise self._malformed(target, error) from error

    def _malformed(self, target: Target, error: Malformed) -> Malformed:
        self.counters.malformed += 1
        return Malformed(f"{target} gives no valid answer: {error}")

    def _ask(self, target: Target, question: Question) -> Awaitable[bytes]:
        """What to await for the answer; time-outs and retries included."""
        if target.user is not None:
            return self._ask_as(target, target.user, question)
        if target.version is Version.V3:
            raise Refused(f"{target}: SNMPv3 needs a user")
        loop = asyncio.get_running_loop()
        now = loop.time()
        address = self._names.address(target.host, target.port, now)
        if address is None:
            return self._find_and_ask(target, question)
        return self._asked(loop, target, question, address, now)

    async def _find_and_ask(self, target: Target, question: Question) -> bytes:
        patience_s = target.timeout_s * (target.retries + 1)
        address = await self._names.look_up(target.host, target.port, patience_s)
        loop = asyncio.get_running_loop()
        return await self._asked(loop, target, question, address, loop.time())

    async def _ask_as(self, target: Target, user: SnmpUser, question: Question) -> bytes:
        """The answer to a v3 request, opened. What the engine reports of its clock or identity is
        learnt, and the request asked again."""
        loop = asyncio.get_running_loop()
        address = self._names.address(target.host, target.port, loop.time())
        if address is None:
            patience_s = target.timeout_s * (target.retries + 1)
            address = await self._names.look_up(target.host, target.port, patience_s)
        adjustments = Adjustments()
        while True:
            engine = self._engines.get(address) or await self._discover(target, address)
            login = engine.login(user, secrets.randbits(64))
            sealed = Sealed(question, login, loop.time)
            try:
                return await self._asked(loop, target, sealed, address, loop.time(), sealed)
            except DeviceTimeout:
                self._forget(address, engine)  # perhaps another one, that ignores who asks for this
                raise
            except Reported as report:
                if not adjustments.possible(report):
                    self._forget(address, engine)
                    raise Refused(f"{target} {refusal(login, report)}") from None
                if not report.authenticated:
                    self._forget(address, engine)

    async def _discover(self, target: Target, address: SocketAddress) -> Engine:
        """Learn who is there; whoever else asks meanwhile waits for the same answer."""
        loop = asyncio.get_running_loop()
        asked = self._discoveries.get(address)
        if asked is None:
            discovery = Discovery(loop.time)
            asked = self._asked(loop, target, discovery, address, loop.time(), discovery)
            self._discoveries[address] = asked
            asked.add_done_callback(lambda _: self._discoveries.pop(address, None))
        data = await asyncio.shield(asked)
        return self._engines.setdefault(address, Engine.discovered(data, loop.time()))

    def _forget(self, address: SocketAddress, engine: Engine) -> None:
        """Ask again who is there, unless somebody has done so meanwhile."""
        if self._engines.get(address) is engine:
            del self._engines[address]

    def _asked(
        self,
        loop: asyncio.AbstractEventLoop,
        target: Target,
        question: Question,
        address: SocketAddress,
        now: float,
        closed: Closed | None = None,
    ) -> asyncio.Future[bytes]:
        """Send; the answer comes in the future, opened where the question is a closed one.

        Who waits no longer cancels the future: the next sweep forgets the request.
        """
        future: asyncio.Future[bytes] = loop.create_future()
        pending = _Pending(question, target, address, future, target.retries, closed)
        if len(self._pending) < self._window:
            self._send(pending, now)
        else:
            self._unsent.append(pending)
        return future

    def _send_next(self, now: float) -> None:
        """Send what has waited longest, as far as there is room."""
        while self._unsent and len(self._pending) < self._window:
            pending = self._unsent.popleft()
            if not pending.future.done():
                self._send(pending, now)

    def _send(self, pending: _Pending, now: float) -> None:
        """Send under a new request id; the time for an answer runs from here."""
        number = self._next_id
        self._next_id = number + 1 if number < codec.REQUEST_ID_LAST else codec.REQUEST_ID_FIRST
        pending.request_id = number
        self._pending[number] = pending
        self.counters.requests += 1
        target, address = pending.target, pending.address
        pending.deadline = now + target.timeout_s
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(SWEEP_S, self._look_for_timeouts, loop)
        packet = pending.question.request(target.version, target.community, number)
        sock = self._socket(address)
        for _ in range(3):
            try:
                sock.sendto(packet, address)
            except (BlockingIOError, InterruptedError):
                return  # the kernel's buffer is full: as good as lost, the retry sends it again
            except OSError as error:
                if self._hear_rejections(sock):
                    continue  # an ICMP error of an earlier datagram, now told to whom it concerns
                self._fail(pending, error.errno or 0)
            return

    def _socket(self, address: SocketAddress) -> socket.socket:
        family = socket.AF_INET6 if len(address) > 2 else socket.AF_INET
        sock = self._sockets.get(family)
        if sock is None:
            sock = self._sockets[family] = udp.open_socket(family)
            self._window = min(self._window, udp.room(sock))
            asyncio.get_running_loop().add_reader(sock.fileno(), self._drain, sock)
        return sock

    def _drain(self, sock: socket.socket) -> None:
        """Read what has come, at most so much a turn. Nothing that a datagram holds may end
        this."""
        receive, peek = sock.recvfrom, codec.peek_request_id
        pending_of, counters = self._pending, self.counters
        for _ in range(MAX_DATAGRAMS_A_TURN):
            try:
                data, address = receive(65535)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                if not self._hear_rejections(sock):
                    break
                continue
            try:
                pending = pending_of.get(peek(data))
            except Malformed as error:
                counters.malformed += 1
                self._remember(address, str(error), nonsense=True)
                continue
            if pending is None:
                counters.late += 1
                self._remember(address, LATE)
            elif address != pending.address:
                counters.foreign += 1
                pending.seen = f"but one came from {udp.shown(address)}: poll that address"
            elif pending.closed is not None:
                self._open(pending, pending.closed, data)
            else:
                del pending_of[pending.request_id]
                if not pending.future.done():
                    counters.answers += 1
                    pending.future.set_result(data)
        if self._unsent:
            self._send_next(asyncio.get_running_loop().time())

    def _open(self, pending: _Pending, closed: Closed, data: bytes) -> None:
        """Take a v3 answer, if it is one: whoever sends something else must not end the request."""
        if pending.future.done():
            return  # nobody waits for it any more
        try:
            plain = closed.open(data, pending.request_id)
        except Malformed as error:
            self.counters.malformed += 1
            pending.seen = f"but something came that is not to be trusted: {error}"
        except Reported as report:
            del self._pending[pending.request_id]
            self.counters.answers += 1
            pending.future.set_exception(report)
        else:
            del self._pending[pending.request_id]
            self.counters.answers += 1
            pending.future.set_result(plain)

    def _remember(self, address: SocketAddress, seen: str, *, nonsense: bool = False) -> None:
        """What an address sends instead of an answer is told to those who wait for one."""
        for pending in self._pending.values():
            if pending.address == address:
                pending.seen, pending.nonsense = seen, nonsense

    def _hear_rejections(self, sock: socket.socket) -> bool:
        """Give ICMP errors to the requests they concern; whether there were any."""
        found = udp.rejections(sock)
        for rejection in found:
            # A router on the way has a smaller limit: the kernel knows it now, the retry fits.
            if rejection.error != errno.EMSGSIZE:
                for pending in self._concerned(rejection):
                    self._fail(pending, rejection.error)
        if found and not self._deaf:
            self._deaf = True
            asyncio.get_running_loop().call_soon(self._listen_again)
        return bool(found)

    def _concerned(self, rejection: Rejection) -> list[_Pending]:
        """The request that was rejected; all to its address where too little of it came back."""
        try:
            pending = self._pending.get(codec.peek_request_id(rejection.sent))
        except Malformed:
            asked = list(self._pending.values())
        else:
            asked = [] if pending is None else [pending]
        return [each for each in asked if each.address[:2] == rejection.address[:2]]

    def _listen_again(self) -> None:
        """Register the sockets anew: libuv, and so uvloop, gives up a socket on its first error
        (`uv_poll_cb`: UV_EBADF) and would leave every device unheard from then on."""
        self._deaf = False
        loop = asyncio.get_running_loop()
        for sock in self._sockets.values():
            loop.remove_reader(sock.fileno())
            loop.add_reader(sock.fileno(), self._drain, sock)

    def _fail(self, pending: _Pending, error: int) -> None:
        self._pending.pop(pending.request_id, None)
        if not pending.future.done():
            self.counters.unreachable += 1
            pending.future.set_exception(Unreachable(udp.reason(error, pending.target)))

    def _look_for_timeouts(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send again what is overdue, give up what has had its tries, forget what nobody waits
        for."""
        self._sweep = None
        now = loop.time()
        overdue = [
            each
            for each in self._pending.values()
            if each.deadline <= now or each.future.cancelled()
        ]
        if overdue:
            self._listen_again()  # the silence may be our own deafness; this costs next to nothing
        for pending in overdue:
            self._pending.pop(pending.request_id, None)
            if pending.future.done():
                continue
            if pending.tries_left > 0:
                pending.tries_left -= 1
                self.counters.retries += 1
                self._send(pending, now)
            else:
                self.counters.timeouts += 1
                pending.future.set_exception(_silence(pending))
        self._send_next(now)
        # A request that was sent just now may have set the timer already.
        if self._sweep is None and (self._pending or self._unsent) and not self._closed:
            self._sweep = loop.call_later(SWEEP_S, self._look_for_timeouts, loop)


def _silence(pending: _Pending) -> DeviceError:
    """Why a request ends without an answer."""
    target = pending.target
    tries = target.retries + 1
    times = {1: "tried once", 2: "tried twice"}.get(tries, f"tried {tries} times")
    if pending.nonsense:
        return Malformed(
            f"{target} sends what is no SNMP ({pending.seen}), {times}: "
            "does another service listen there, is something on the way at fault?"
        )
    silence = f"no answer from {target} within {target.timeout_s:g} s, {times}"
    if pending.seen:
        return DeviceTimeout(f"{silence}, {pending.seen}")
    if pending.closed is not None:
        return DeviceTimeout(f"{silence}: {pending.closed.advice}")
    return DeviceTimeout(
        f"{silence}: check the address, the community, the SNMP version "
        "and the device's access list"
    )
