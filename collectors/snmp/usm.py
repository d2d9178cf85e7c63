"""The User-based Security Model of SNMPv3, pure: keys, and messages closed and opened. No socket,
no clock of its own.

A user's passwords become keys once (a stretch over a megabyte), and those become keys of one engine
when it is known. `Engine` is what is known of an engine for one user: it closes the requests and
opens the answers. What it opens it gives back as a v2c message with an empty community, so that
templates and the general decoder read it like any other.

Sources: RFC 3412 (message), RFC 3414 (USM, MD5, SHA-1, DES), RFC 3826 (AES-128), RFC 7860 (SHA-2).
AES-192 and AES-256 were never standardised; of their two key extensions `aes192`, `aes256` are that
of draft-blumenthal-aes-usm-04 (net-snmp), `aes192c`, `aes256c` that of draft-reeder-snmpv3-usm-
3desede-00 (Cisco and others).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import warnings
from functools import lru_cache
from typing import Final, NamedTuple, get_args

from cryptography.hazmat.primitives.ciphers import Cipher

from collectors.snmp import ber
from core.errors import Malformed
from core.site import AuthName, PrivName, SnmpUser

with warnings.catch_warnings():  # both are old, and what the devices speak
    warnings.simplefilter("ignore")
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC, CFB

AUTHS: Final[tuple[AuthName, ...]] = get_args(AuthName)
PRIVS: Final[tuple[PrivName, ...]] = get_args(PrivName)

TIME_WINDOW_S: Final = 150
"""An answer that is older than this is no answer. Source: RFC 3414 section 2.2.3."""

BOOTS_MAX: Final = 2**31 - 1
"""An engine that has counted so far accepts nothing until it is configured anew."""

_MAC_OCTETS: Final = {"md5": 12, "sha1": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
_KEY_OCTETS: Final = {
    "des": 16,
    "aes128": 16,
    "aes192": 24,
    "aes256": 32,
    "aes192c": 24,
    "aes256c": 32,
}
_STRETCHED_OCTETS: Final = 2**20
_AUTHENTICATED, _ENCRYPTED, _REPORTABLE = 1, 2, 4
_USM: Final = 3
_MAX_SIZE: Final = 65507
_SALT_OCTETS: Final = 8
_REPORT: Final = 0xA8

_STATS: Final = "1.3.6.1.6.3.15.1.1."
UNSUPPORTED_LEVEL: Final = f"{_STATS}1.0"
NOT_IN_TIME_WINDOW: Final = f"{_STATS}2.0"
UNKNOWN_USER: Final = f"{_STATS}3.0"
UNKNOWN_ENGINE: Final = f"{_STATS}4.0"
WRONG_DIGEST: Final = f"{_STATS}5.0"
DECRYPTION_ERROR: Final = f"{_STATS}6.0"
"""What an engine reports instead of an answer. Source: RFC 3414, usmStats."""


class Report(Exception):
    """An engine reports why it does not answer: the `oid` of a counter. `authenticated` tells
    whether its clock was taken over."""

    def __init__(self, oid: str, *, authenticated: bool) -> None:
        super().__init__(oid)
        self.oid = oid
        self.authenticated = authenticated


@lru_cache(maxsize=1024)
def key_of(hash_name: str, password: bytes) -> bytes:
    """A password as a key. Source: RFC 3414 appendix A.2. Raises ValueError for an empty one."""
    if not password:
        raise ValueError("an empty password makes no key")
    times = _STRETCHED_OCTETS // len(password) + 1
    stretched = (password * times)[:_STRETCHED_OCTETS]
    return hashlib.new(hash_name, stretched, usedforsecurity=False).digest()


def localised(hash_name: str, key: bytes, engine_id: bytes) -> bytes:
    """A key as it is used with one engine. Source: RFC 3414 section 2.6."""
    return hashlib.new(hash_name, key + engine_id + key, usedforsecurity=False).digest()


def private_key(hash_name: str, priv: PrivName, password: bytes, engine_id: bytes) -> bytes:
    """The key for encryption with one engine, made long enough."""
    key = localised(hash_name, key_of(hash_name, password), engine_id)
    octets = _KEY_OCTETS[priv]
    while len(key) < octets:
        if priv.endswith("c"):
            key += localised(hash_name, key_of(hash_name, key), engine_id)
        else:
            key += hashlib.new(hash_name, key, usedforsecurity=False).digest()
    return key[:octets]


class _Opened(NamedTuple):
    """A message as it was read: `mac_at` is where its MAC lies in the datagram."""

    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    mac_at: tuple[int, int]
    salt: bytes
    tag: int
    start: int
    stop: int


def discovery(message_id: int) -> bytes:
    """The datagram that asks an engine who it is. Source: RFC 3414 section 4."""
    pdu = ber.element(0xA0, _integers(message_id, 0, 0) + ber.element(ber.SEQUENCE, b""))
    scoped = _scoped(b"", b"", pdu)
    return _message(message_id, _REPORTABLE, _parameters(b"", 0, 0, b"", b"", b""), scoped)


class Engine:
    """One engine for one user. `boots` and `time` are its own, the latter as of `heard_at` by our
    monotonic clock; only authenticated messages move them."""

    def __init__(self, user: SnmpUser, engine_id: bytes) -> None:
        self.user = user
        self.engine_id = engine_id
        self._flags = (_AUTHENTICATED if user.auth else 0) | (_ENCRYPTED if user.priv else 0)
        self.boots = 0
        self.time = 0
        self.heard_at = 0.0
        self._salt = secrets.randbits(64)
        self._auth_key = self._priv_key = b""
        if user.auth:
            key = key_of(user.auth, user.auth_password)
            self._auth_key = localised(user.auth, key, engine_id)
            if user.priv:
                self._priv_key = private_key(user.auth, user.priv, user.priv_password, engine_id)

    def close(self, message_id: int, pdu: bytes, now: float) -> bytes:
        """The datagram with a request PDU in it. `now` is monotonic seconds."""
        user, time = self.user, self._its_time(now)
        body, salt = _scoped(self.engine_id, user.context.encode(), pdu), b""
        if user.priv:
            body, salt = self._encrypted(body, time)
        mac = bytes(_MAC_OCTETS[user.auth]) if user.auth else b""
        name = user.name.encode()
        parameters = _parameters(self.engine_id, self.boots, time, name, mac, salt)
        data = _message(message_id, self._flags | _REPORTABLE, parameters, body)
        if not user.auth:
            return data
        # The MAC is the last but one of the parameters, which stand right before the body.
        at = len(data) - len(body) - len(ber.element(ber.OCTET_STRING, salt)) - len(mac)
        return data[:at] + self._mac(data) + data[at + len(mac) :]

    def open(self, data: bytes, now: float) -> bytes:
        """The answer in a datagram, as a v2c message with an empty community.

        Raises Report where the engine reports something, Malformed for what is no message, is not
        secured as asked, or is too old.
        """
        opened = _open(data)
        secured = self._authentic(data, opened, now)
        body = data[opened.start : opened.stop]
        if opened.flags & _ENCRYPTED and self.user.priv:
            body = self._decrypted(opened, body)
        elif opened.tag != ber.SEQUENCE:
            raise Malformed("the message is encrypted, which was not asked for")
        pdu = _pdu_of(body)
        if pdu[0] == _REPORT:
            raise Report(_reported(pdu), authenticated=secured)
        if opened.flags & (_AUTHENTICATED | _ENCRYPTED) != self._flags:
            raise Malformed("the answer is not secured as the request was")
        return ber.element(ber.SEQUENCE, b"\x02\x01\x01\x04\x00" + pdu)

    def _its_time(self, now: float) -> int:
        return self.time + max(0, int(now - self.heard_at)) if self.heard_at else 0

    def _authentic(self, data: bytes, opened: _Opened, now: float) -> bool:
        """Whether a message is authenticated; then its clock is taken over."""
        if not (opened.flags & _AUTHENTICATED and self.user.auth):
            return False
        if opened.engine_id != self.engine_id or opened.user != self.user.name.encode():
            raise Malformed("the message is of another engine or user")
        start, stop = opened.mac_at
        given = data[start:stop]
        if stop - start != _MAC_OCTETS[self.user.auth]:
            raise Malformed("the message's digest has another length than its protocol's")
        blank = data[:start] + bytes(stop - start) + data[stop:]
        if not hmac.compare_digest(given, self._mac(blank)):
            raise Malformed("the message's digest is wrong: it was changed on the way, or forged")
        known = self._its_time(now)
        fresh = (opened.boots, opened.time) >= (self.boots, known - TIME_WINDOW_S)
        if self.heard_at and not fresh:
            raise Malformed(
                "the message is older than the time window allows: an old one, replayed"
            )
        if (opened.boots, opened.time) > (self.boots, self.time) or not self.heard_at:
            self.boots, self.time, self.heard_at = opened.boots, opened.time, now
        return True

    def _mac(self, data: bytes) -> bytes:
        """The MAC over a datagram that has zeros in its place."""
        auth = self.user.auth or "md5"
        return hmac.digest(self._auth_key, data, auth)[: _MAC_OCTETS[auth]]

    def _encrypted(self, body: bytes, time: int) -> tuple[bytes, bytes]:
        self._salt = (self._salt + 1) % 2**64
        if self.user.priv == "des":
            salt = self.boots.to_bytes(4, "big") + (self._salt % 2**32).to_bytes(4, "big")
            body += bytes(-len(body) % 8)
        else:
            salt = self._salt.to_bytes(_SALT_OCTETS, "big")
        encryptor = self._cipher(self.boots, time, salt).encryptor()
        sealed = encryptor.update(body) + encryptor.finalize()
        return ber.element(ber.OCTET_STRING, sealed), salt

    def _decrypted(self, opened: _Opened, body: bytes) -> bytes:
        if opened.tag != ber.OCTET_STRING or len(opened.salt) != _SALT_OCTETS:
            raise Malformed("the message says it is encrypted, but is not")
        if self.user.priv == "des" and len(body) % 8:
            raise Malformed("the encrypted part has an impossible length")
        decryptor = self._cipher(opened.boots, opened.time, opened.salt).decryptor()
        return decryptor.update(body) + decryptor.finalize()

    def _cipher(self, boots: int, time: int, salt: bytes) -> Cipher[CBC | CFB]:
        """Sources: RFC 3414 section 8.1.1 (DES), RFC 3826 section 3.1.2 (AES)."""
        if self.user.priv == "des":
            mask = self._priv_key[8:16]
            iv = bytes(a ^ b for a, b in zip(mask, salt, strict=True))
            return Cipher(TripleDES(self._priv_key[:8] * 3), CBC(iv))
        iv = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
        return Cipher(AES(self._priv_key), CFB(iv))


def engine_of(data: bytes) -> bytes:
    """Whose message it is, unauthenticated: the engine id. Raises Malformed."""
    engine_id = _open(data).engine_id
    if not 5 <= len(engine_id) <= 32:
        raise Malformed("the answer names no engine")
    return engine_id


def _open(data: bytes) -> _Opened:
    """Read a message down to its scoped PDU."""
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    version, at = _integer(data, at, end)
    if version != 3:
        raise Malformed(f"message version {version} is not v3")
    head, at = ber.expect(data, at, end, ber.SEQUENCE)
    _, inner = _integer(data, head, at)
    _, inner = _integer(data, inner, at)
    start, inner = ber.expect(data, inner, at, ber.OCTET_STRING)
    if inner - start != 1:
        raise Malformed("the message's flags are not one octet")
    flags = data[start]
    model, _ = _integer(data, inner, at)
    if model != _USM:
        raise Malformed(f"security model {model} is not the user-based one")
    start, at = ber.expect(data, at, end, ber.OCTET_STRING)
    inner, stop = ber.expect(data, start, at, ber.SEQUENCE)
    first, inner = ber.expect(data, inner, stop, ber.OCTET_STRING)
    engine_id = data[first:inner]
    boots, inner = _integer(data, inner, stop)
    time, inner = _integer(data, inner, stop)
    first, inner = ber.expect(data, inner, stop, ber.OCTET_STRING)
    user = data[first:inner]
    mac, inner = ber.expect(data, inner, stop, ber.OCTET_STRING)
    salt, last = ber.expect(data, inner, stop, ber.OCTET_STRING)
    if not 0 <= boots <= BOOTS_MAX or not 0 <= time <= BOOTS_MAX:
        raise Malformed("the engine's boots or time are impossible")
    tag, body, body_end = ber.read_header(data, at, end)
    if tag == ber.SEQUENCE:
        body = at  # in the clear the scoped PDU is an element of its own
    elif tag != ber.OCTET_STRING:
        raise Malformed("the message holds neither a scoped PDU nor an encrypted one")
    return _Opened(
        flags, engine_id, boots, time, user, (mac, inner), data[salt:last], tag, body, body_end
    )


def _pdu_of(scoped: bytes) -> bytes:
    """The PDU within a scoped PDU; what is not readable was decrypted with a wrong key."""
    at, end = ber.expect(scoped, 0, len(scoped), ber.SEQUENCE)
    _, at = ber.expect(scoped, at, end, ber.OCTET_STRING)
    _, at = ber.expect(scoped, at, end, ber.OCTET_STRING)
    _, _, stop = ber.read_header(scoped, at, end)
    return scoped[at:stop]


def _reported(pdu: bytes) -> str:
    """The counter that a report names."""
    _, at, end = ber.read_header(pdu, 0, len(pdu))
    for _ in range(3):
        _, at = ber.expect(pdu, at, end, ber.INTEGER)
    at, end = ber.expect(pdu, at, end, ber.SEQUENCE)
    at, end = ber.expect(pdu, at, end, ber.SEQUENCE)
    start, stop = ber.expect(pdu, at, end, ber.OID)
    return ber.read_oid(pdu[start:stop])


def _integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    start, at = ber.expect(data, at, end, ber.INTEGER)
    return ber.read_integer(data, start, at), at


def _integers(*numbers: int) -> bytes:
    return b"".join(ber.element(ber.INTEGER, ber.integer_octets(number)) for number in numbers)


def _scoped(engine_id: bytes, context: bytes, pdu: bytes) -> bytes:
    strings = (ber.element(ber.OCTET_STRING, each) for each in (engine_id, context))
    return ber.element(ber.SEQUENCE, b"".join(strings) + pdu)


def _parameters(
    engine_id: bytes, boots: int, time: int, user: bytes, mac: bytes, salt: bytes
) -> bytes:
    strings = (ber.element(ber.OCTET_STRING, each) for each in (user, mac, salt))
    first = ber.element(ber.OCTET_STRING, engine_id)
    body = first + _integers(boots, time) + b"".join(strings)
    return ber.element(ber.OCTET_STRING, ber.element(ber.SEQUENCE, body))


def _message(number: int, flags: int, parameters: bytes, body: bytes) -> bytes:
    head = _integers(number, _MAX_SIZE)
    head += ber.element(ber.OCTET_STRING, bytes((flags,))) + _integers(_USM)
    version = _integers(3)
    return ber.element(ber.SEQUENCE, version + ber.element(ber.SEQUENCE, head) + parameters + body)
