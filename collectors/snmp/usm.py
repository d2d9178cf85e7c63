"""SNMPv3 messages under the user-based security model: sealed on the way out, opened on the way in.

Pure: bytes and times in, bytes out. What comes out of a message is written as the v2c message that
would say the same, so that answers of all versions are read by one decoder. Only `Malformed`, for
what is to be dropped, and `Reported`, for what the other engine has to say, leave this file.

The other engine is always the authoritative one (RFC 3414 section 1.5.1): its clock counts. What it
says of its clock without authentication is only a guess to ask with, and never a reason to refuse a
later answer. Sources: RFC 3412 sections 6 and 7, RFC 3414 section 3, RFC 3826 section 3.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from collectors.snmp import ber, codec
from collectors.snmp.codec import REPORT, RESPONSE, Version
from collectors.snmp.keys import Authenticator, Cryptor, localised, password_key, privacy_key
from core.errors import Malformed
from core.site import SnmpUser

TIME_WINDOW_S: Final = 150
"""RFC 3414 section 2.2.3."""

BOOTS_LATCHED: Final = 2**31 - 1
"""An engine whose counter of restarts has come here refuses everything until it is set up anew."""

MAX_MESSAGE_OCTETS: Final = 65_507
"""What we take: the most that a datagram carries."""

ENGINE_ID_OCTETS: Final = range(5, 33)
"""RFC 3411 section 5, SnmpEngineID."""

_STATS: Final = "1.3.6.1.6.3.15.1.1."
UNSUPPORTED_LEVEL: Final = f"{_STATS}1.0"
NOT_IN_TIME_WINDOW: Final = f"{_STATS}2.0"
UNKNOWN_USER: Final = f"{_STATS}3.0"
UNKNOWN_ENGINE: Final = f"{_STATS}4.0"
WRONG_DIGEST: Final = f"{_STATS}5.0"
DECRYPTION_ERROR: Final = f"{_STATS}6.0"
UNKNOWN_CONTEXT: Final = "1.3.6.1.6.3.12.1.5.0"

_AUTH, _PRIV, _REPORTABLE = 1, 2, 4
_USM: Final = 3
_MAX_NUMBER: Final = 2**31 - 1


class Reported(Exception):
    """The other engine reports why it does not answer; also raised where its answer is authentic,
    but out of time or not to be decrypted."""

    def __init__(self, oid: str, *, authenticated: bool) -> None:
        super().__init__(oid)
        self.oid = oid
        self.authenticated = authenticated


class Engine:
    """Another engine: who it is and what its clock says. `now` is our own clock, in seconds."""

    __slots__ = ("_boots", "_logins", "_seen_at", "_time", "certain", "engine_id")

    def __init__(self, engine_id: bytes, boots: int = 0, time: int = 0, now: float = 0.0) -> None:
        self.engine_id = engine_id
        self.certain = False
        """Whether an authenticated message has told the clock."""
        self._boots = boots
        self._time = time
        self._seen_at = now
        self._logins: dict[SnmpUser, Login] = {}

    @classmethod
    def discovered(cls, data: bytes, now: float) -> Engine:
        """The engine that answers a `discovery`. Raises Malformed."""
        head = _Head(data)
        if len(head.engine_id) not in ENGINE_ID_OCTETS:
            raise Malformed("it tells no engine id that can be")
        return cls(head.engine_id, head.boots, head.time, now)

    @property
    def latched(self) -> bool:
        """Whether its counter of restarts has come to its end."""
        return self._boots >= BOOTS_LATCHED

    def clock(self, now: float) -> tuple[int, int]:
        """Restarts and seconds since the last one, as they should stand there now."""
        return self._boots, min(self._time + int(now - self._seen_at), _MAX_NUMBER)

    def in_time(self, boots: int, time: int, now: float) -> bool:
        """Whether an authentic message is of now; it sets the clock on where it is, and where the
        clock was a guess. Source: RFC 3414 section 3.2, step 7b."""
        known_boots, known_time = self.clock(now)
        if not self.certain or (boots, time) > (known_boots, known_time):
            self.set(boots, time, now)
            return True
        return boots == known_boots and time >= known_time - TIME_WINDOW_S

    def set(self, boots: int, time: int, now: float) -> None:
        """Take over the clock of an authentic message."""
        self._boots, self._time, self._seen_at = boots, time, now
        self.certain = True

    def login(self, user: SnmpUser, salt: int) -> Login:
        """The user at this engine; `salt` is where the salts begin if it is the first time."""
        login = self._logins.get(user)
        if login is None:
            login = self._logins[user] = Login(self, user, salt)
        return login


class Login:
    """A user at an engine: seals requests and opens their answers."""

    __slots__ = ("_auth", "_cipher", "_flags", "_scope", "_user", "_who", "engine", "heard", "user")

    def __init__(self, engine: Engine, user: SnmpUser, salt: int) -> None:
        self.engine = engine
        self.user = user
        self.heard = False
        """Whether it was ever answered."""
        self._auth: Authenticator | None = None
        self._cipher: Cryptor | None = None
        engine_id = engine.engine_id
        if user.auth:
            key = localised(user.auth, password_key(user.auth, user.auth_password), engine_id)
            self._auth = Authenticator(user.auth, key)
            if user.priv:
                key = privacy_key(user.auth, user.priv, user.priv_password, engine_id)
                self._cipher = Cryptor(user.priv, key, salt)
        self._user = user.name.encode()
        self._flags = (_AUTH if self._auth else 0) | (_PRIV if self._cipher else 0)
        self._who = ber.element(ber.OCTET_STRING, self._user)
        self._scope = ber.element(ber.OCTET_STRING, engine_id) + ber.element(
            ber.OCTET_STRING, user.context.encode()
        )

    def seal(self, message_id: int, plain: bytes, now: float) -> bytes:
        """The message that asks what a v2c message without community asks."""
        _, _, start, stop = codec.decode_envelope(plain)
        data = ber.element(ber.SEQUENCE, self._scope + plain[start:stop])
        boots, time = self.engine.clock(now) if self._auth is not None else (0, 0)
        salt = b""
        if self._cipher is not None:
            data, salt = self._cipher.encrypt(data, boots, time)
            data = ber.element(ber.OCTET_STRING, data)
        blank = bytes(self._auth.octets) if self._auth is not None else b""
        tail = ber.element(ber.OCTET_STRING, salt)
        parameters = (
            ber.element(ber.OCTET_STRING, self.engine.engine_id)
            + ber.element(ber.INTEGER, ber.integer_octets(boots))
            + ber.element(ber.INTEGER, ber.integer_octets(time))
            + self._who
            + ber.element(ber.OCTET_STRING, blank)
            + tail
        )
        whole = _message(message_id, self._flags | _REPORTABLE, parameters, data)
        if self._auth is None:
            return whole
        end = len(whole) - len(data) - len(tail)
        start = end - self._auth.octets
        return whole[:start] + self._auth.digest(whole) + whole[end:]

    def open(self, data: bytes, message_id: int, now: float) -> bytes:
        """What an answer says, as a v2c message without community would say it.

        Raises Malformed for what is no answer to be trusted: another engine, user or security
        level, a wrong digest, another request. Raises Reported for reports, and for an answer that
        is authentic but out of time or not to be decrypted.
        """
        head = _Head(data)
        if not head.flags & _AUTH:
            return self._open_plain(data, head, message_id)
        if self._auth is None or head.engine_id != self.engine.engine_id or head.user != self._user:
            raise Malformed("it is signed for another user or engine")
        self._verify(data, head)
        in_time = self.engine.in_time(head.boots, head.time, now)
        if head.flags & _PRIV:
            if self._cipher is None:
                raise Malformed("it is encrypted, though the question was not")
            try:
                scoped = _contents(data, head.data, len(data), ber.OCTET_STRING)
                plain = self._cipher.decrypt(scoped, head.salt, head.boots, head.time)
                kind, pdu = _scoped_pdu(plain, 0, len(plain))
            except Malformed:
                raise Reported(DECRYPTION_ERROR, authenticated=True) from None
        else:
            kind, pdu = _scoped_pdu(data, head.data, len(data))
        if kind == REPORT:
            oid = codec.decode_report(pdu)
            if oid == NOT_IN_TIME_WINDOW:
                # Also backwards: many cards forget how often they have started. No old report can
                # be played to us: it would have to answer a message id that we have just chosen.
                self.engine.set(head.boots, head.time, now)
            raise Reported(oid, authenticated=True)
        if head.flags & _PRIV != self._flags & _PRIV:
            raise Malformed("it is not encrypted, though the question was")
        if not in_time:
            self.engine.set(head.boots, head.time, now)
            raise Reported(NOT_IN_TIME_WINDOW, authenticated=True)
        answer = _answer(kind, pdu, message_id)
        self.heard = True
        return answer

    def _open_plain(self, data: bytes, head: _Head, message_id: int) -> bytes:
        kind, pdu = _scoped_pdu(data, head.data, len(data))
        if kind == REPORT:
            raise Reported(codec.decode_report(pdu), authenticated=False)
        if self._auth is not None:
            raise Malformed("it is not authenticated, though the question was")
        if head.user != self._user:
            raise Malformed("it is meant for another user")
        answer = _answer(kind, pdu, message_id)
        self.heard = True
        return answer

    def _verify(self, data: bytes, head: _Head) -> None:
        assert self._auth is not None  # noqa: S101 - asked before
        start, end = head.digest
        digest = data[start:end]
        blank = bytes(end - start)
        if not self._auth.verifies(data[:start] + blank + data[end:], digest):
            raise Malformed("its authentication is wrong")


def discovery(message_id: int) -> bytes:
    """The message that asks an engine who it is (RFC 3414 section 4)."""
    plain = codec.encode_request(Version.V2C, b"", codec.GET, message_id, ())
    _, _, start, stop = codec.decode_envelope(plain)
    empty = ber.element(ber.OCTET_STRING, b"")
    zero = ber.element(ber.INTEGER, b"\x00")
    scoped = ber.element(ber.SEQUENCE, empty + empty + plain[start:stop])
    return _message(message_id, _REPORTABLE, empty + zero + zero + empty * 3, scoped)


def _message(message_id: int, flags: int, parameters: bytes, data: bytes) -> bytes:
    return ber.element(
        ber.SEQUENCE,
        b"%b\x02\x04%b%b%b%b"
        % (
            _START,
            message_id.to_bytes(4, "big"),
            _globals(flags),
            ber.element(ber.OCTET_STRING, ber.element(ber.SEQUENCE, parameters)),
            data,
        ),
    )


_START: Final = b"\x02\x01\x03\x30\x11"
"""Version 3, and the beginning of msgGlobalData, 17 octets long with a message id of four."""


@lru_cache(maxsize=8)
def _globals(flags: int) -> bytes:
    """The rest of msgGlobalData: the size that we take, the flags, the security model."""
    size = ber.element(ber.INTEGER, ber.integer_octets(MAX_MESSAGE_OCTETS))
    model = ber.element(ber.INTEGER, bytes((_USM,)))
    return size + ber.element(ber.OCTET_STRING, bytes((flags,))) + model


class _Head:
    """What stands before the data of a message, read and checked for form. Raises Malformed."""

    __slots__ = ("boots", "data", "digest", "engine_id", "flags", "salt", "time", "user")

    def __init__(self, data: bytes) -> None:
        at, end = codec.decode_version(data, Version.V3)
        at, stop = ber.expect(data, at, end, ber.SEQUENCE)
        _, at = _number(data, at, stop)
        _, at = _number(data, at, stop)
        start, at = ber.expect(data, at, stop, ber.OCTET_STRING)
        if at - start != 1:
            raise Malformed("its flags are no single octet")
        self.flags = data[start]
        if self.flags & (_AUTH | _PRIV) == _PRIV:
            raise Malformed("it is encrypted, but not authenticated")
        model, at = _number(data, at, stop)
        if model != _USM:
            raise Malformed(f"its security model is {model}, not the user-based one")
        at, self.data = ber.expect(data, stop, end, ber.OCTET_STRING)
        at, stop = ber.expect(data, at, self.data, ber.SEQUENCE)
        start, at = ber.expect(data, at, stop, ber.OCTET_STRING)
        self.engine_id = data[start:at]
        self.boots, at = _number(data, at, stop)
        self.time, at = _number(data, at, stop)
        start, at = ber.expect(data, at, stop, ber.OCTET_STRING)
        self.user = data[start:at]
        self.digest = start, at = ber.expect(data, at, stop, ber.OCTET_STRING)
        start, at = ber.expect(data, at, stop, ber.OCTET_STRING)
        self.salt = data[start:at]


def _number(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number that cannot be negative, and where it ends."""
    start, stop = ber.expect(data, at, end, ber.INTEGER)
    number = ber.read_integer(data, start, stop)
    if not 0 <= number <= _MAX_NUMBER:
        raise Malformed("a number of its head is out of bounds")
    return number, stop


def _contents(data: bytes, at: int, end: int, tag: int) -> bytes:
    start, stop = ber.expect(data, at, end, tag)
    return data[start:stop]


def _scoped_pdu(data: bytes, at: int, end: int) -> tuple[int, bytes]:
    """The kind of the PDU in a scoped one, and the PDU; context and padding are left out."""
    at, stop = ber.expect(data, at, end, ber.SEQUENCE)
    for _ in range(2):
        _, at = ber.expect(data, at, stop, ber.OCTET_STRING)
    kind, _, end = ber.read_header(data, at, stop)
    return kind, data[at:end]


def _answer(kind: int, pdu: bytes, message_id: int) -> bytes:
    """An answer in the clothes of v2c. Raises Malformed where it is none, or to another request."""
    if kind != RESPONSE:
        raise Malformed("a request came back instead of an answer")
    plain = codec.encode_envelope(pdu)
    if codec.peek_request_id(plain) != message_id:
        raise Malformed("it answers another request")
    return plain
