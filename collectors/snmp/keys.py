"""Keys and algorithms of SNMPv3's user-based security model: what a password becomes, and what is
done with it. Pure; knows no messages.

Sources: RFC 3414 (MD5, SHA-1, DES), RFC 7860 (SHA-2), RFC 3826 (AES-128). AES-192 and AES-256 were
never standardised and need a longer key than most hashes give. Two ways to stretch it are in use:
draft-blumenthal-aes-usm-04 (`aes192`, `aes256`, as net-snmp names them) and that of
draft-reeder-snmpv3-usm-3desede-00, which Cisco and others took (`aes192c`, `aes256c`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from core.errors import Malformed
from core.site import AuthName, PrivName

_STRETCHED_OCTETS: Final = 2**20
_SALT_OCTETS: Final = 8

AUTH_OCTETS: Final[Mapping[AuthName, int]] = {
    "md5": 12,
    "sha1": 12,
    "sha224": 16,
    "sha256": 24,
    "sha384": 32,
    "sha512": 48,
}
"""Authentication protocols, and how much of the digest stands in a message."""

Extension = Literal["", "blumenthal", "reeder"]


@dataclass(frozen=True, slots=True)
class _Privacy:
    key_octets: int
    extension: Extension = ""


_PRIVACY: Final[Mapping[PrivName, _Privacy]] = {
    "des": _Privacy(16),
    "aes128": _Privacy(16),
    "aes192": _Privacy(24, "blumenthal"),
    "aes256": _Privacy(32, "blumenthal"),
    "aes192c": _Privacy(24, "reeder"),
    "aes256c": _Privacy(32, "reeder"),
}
PRIVACY: Final[tuple[PrivName, ...]] = tuple(_PRIVACY)
"""Privacy protocols."""


def _hash(name: str, data: bytes = b"") -> hashlib._Hash:
    return hashlib.new(name, data, usedforsecurity=False)  # MD5 must do where FIPS is on, too


@lru_cache(maxsize=4096)
def password_key(auth: AuthName, password: bytes) -> bytes:
    """The key of a password: the digest of a megabyte of it (RFC 3414 section A.2). Takes
    milliseconds, so it is kept."""
    if not password:
        raise ValueError("an empty password makes no key")
    repeated = password * (_STRETCHED_OCTETS // len(password) + 1)
    return _hash(auth, repeated[:_STRETCHED_OCTETS]).digest()


def localised(auth: AuthName, key: bytes, engine_id: bytes) -> bytes:
    """The key for one engine (RFC 3414 section 2.6)."""
    return _hash(auth, key + engine_id + key).digest()


def privacy_key(auth: AuthName, priv: PrivName, password: bytes, engine_id: bytes) -> bytes:
    """The key of a privacy protocol for one engine, as long as it needs it."""
    privacy = _PRIVACY[priv]
    key = localised(auth, password_key(auth, password), engine_id)
    if (
        len(key) < privacy.key_octets
    ):  # the shortest key is half as long as the longest that is needed
        if privacy.extension == "reeder":
            key += localised(auth, password_key(auth, key), engine_id)
        else:
            key += _hash(auth, key).digest()
    return key[: privacy.key_octets]


class Authenticator:
    """Digests under one localised key, as long as the protocol sends them."""

    __slots__ = ("_inner", "_outer", "octets")

    def __init__(self, auth: AuthName, key: bytes) -> None:
        self.octets = AUTH_OCTETS[auth]
        block = _hash(auth).block_size
        padded = key.ljust(block, b"\x00")  # no key is longer than a block: each is a digest
        # HMAC (RFC 2104) with its two keyed halves kept: half the time of the library's.
        self._inner = _hash(auth, bytes(octet ^ 0x36 for octet in padded))
        self._outer = _hash(auth, bytes(octet ^ 0x5C for octet in padded))

    def digest(self, message: bytes) -> bytes:
        """What authenticates a message whose own place for it holds zeros."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()[: self.octets]

    def verifies(self, message: bytes, digest: bytes) -> bool:
        """Whether a digest is right, in a time that tells nothing."""
        return hmac.compare_digest(self.digest(message), digest)


class Cryptor:
    """Encrypts and decrypts under one localised key."""

    __slots__ = ("_aes", "_des", "_key", "_pre_iv", "_salt")

    def __init__(self, priv: PrivName, key: bytes, salt: int) -> None:
        self._salt = salt
        self._des = None
        self._aes = None
        self._pre_iv = 0
        if priv == "des":
            # Triple DES with one key three times is single DES (RFC 3414 section 8.1.1.1).
            self._des = TripleDES(key[:8] * 3)
            self._pre_iv = int.from_bytes(key[8:16], "big")
        else:
            self._aes = AES(key)

    def encrypt(self, plain: bytes, boots: int, time: int) -> tuple[bytes, bytes]:
        """The cipher text, and the salt that goes with it: never the same twice."""
        self._salt = (self._salt + 1) & 0xFFFFFFFFFFFFFFFF
        if self._des is not None:
            salt = boots.to_bytes(4, "big") + (self._salt & 0xFFFFFFFF).to_bytes(4, "big")
            padded = plain + bytes(-len(plain) % 8)
            return self._cipher(salt, boots, time).encryptor().update(padded), salt
        salt = self._salt.to_bytes(_SALT_OCTETS, "big")
        return self._cipher(salt, boots, time).encryptor().update(plain), salt

    def decrypt(self, data: bytes, salt: bytes, boots: int, time: int) -> bytes:
        """The plain text, with what pads it. Raises Malformed where it cannot be one."""
        if len(salt) != _SALT_OCTETS:
            raise Malformed("an encrypted message has no salt of 8 octets")
        if self._des is not None and len(data) % 8:
            raise Malformed("what DES encrypted has a length that cannot be")
        return self._cipher(salt, boots, time).decryptor().update(data)

    def _cipher(self, salt: bytes, boots: int, time: int) -> Cipher[CBC] | Cipher[CFB]:
        if self._des is not None:
            mixed = self._pre_iv ^ int.from_bytes(salt, "big")
            return Cipher(self._des, CBC(mixed.to_bytes(8, "big")))
        assert self._aes is not None  # noqa: S101 - one of the two
        clock = boots.to_bytes(4, "big") + time.to_bytes(4, "big")
        return Cipher(self._aes, CFB(clock + salt))
