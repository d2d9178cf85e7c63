"""Private data in what was read from a device: found, and replaced by what tells nothing. Pure.

Addresses become those that documents use (RFC 5737, 3849 and 7042), serial numbers rows of X as
long as they were, so that whatever reads them goes on working. What has no form that can be known,
such as passwords or names of people in a maker's own tables, stays.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from collectors.snmp.ber import IP_ADDRESS
from collectors.snmp.codec import VarBind
from collectors.snmp.oid import below

NAMES: Final = (
    "1.3.6.1.2.1.1.4",  # sysContact
    "1.3.6.1.2.1.1.5",  # sysName
    "1.3.6.1.2.1.1.6",  # sysLocation
    "1.3.6.1.2.1.33.1.1.5",  # upsIdentName
    "1.3.6.1.2.1.33.1.1.6",  # upsIdentAttachedDevices
    "1.3.6.1.2.1.47.1.1.1.1.14",  # entPhysicalAlias
    "1.3.6.1.2.1.47.1.1.1.1.15",  # entPhysicalAssetID
)
"""Objects in which people write who and where."""

SERIALS: Final = ("1.3.6.1.2.1.47.1.1.1.1.11",)
"""entPhysicalSerialNum."""

NAME: Final = "masked"
IPV4: Final = "192.0.2.1"
IPV6: Final = "2001:db8::1"
MAC: Final = "00:00:5e:00:53:00"
EMAIL: Final = "masked@example.com"

SERIAL_MIN: Final = 5
"""A shorter serial number may stand in any text by chance."""


@dataclass(slots=True)
class Masker:
    """What is known of a device's private data. `counts` says of which kind how many values were
    replaced.

    `serial` and `secrets` are words to be found wherever they stand, `serials` objects and columns
    that hold serial numbers; `public` are words such as a version that only looks like an address.
    """

    serial: str = ""
    serials: Sequence[str] = ()
    secrets: Iterable[str] = ()
    public: Iterable[str] = ()
    counts: Counter[str] = field(default_factory=Counter)

    def mask(self, binds: Sequence[VarBind]) -> list[VarBind]:
        """The same objects without private data."""
        names = {_text(bind) for bind in binds if _among(bind.oid, NAMES)}
        names = {name for name in (*names, *self.secrets) if len(name.strip()) > 1}
        return [self._masked(bind, names) for bind in binds]

    def _masked(self, bind: VarBind, names: set[str]) -> VarBind:
        if bind.tag == IP_ADDRESS:
            return bind if bind.value == "0.0.0.0" else self._new(bind, "address", IPV4)  # noqa: S104 - none
        if _among(bind.oid, (*SERIALS, *self.serials)):
            return self._without_serial(bind)
        if not isinstance(bind.value, bytes) or not bind.value:
            return bind
        text = _text(bind)
        if text in names:
            return self._new(bind, "name", NAME)
        if len(bind.value) == 6 and any(octet < 0x20 for octet in bind.value):
            return self._new(bind, "address", bytes.fromhex(MAC.replace(":", "")))
        if len(self.serial) >= SERIAL_MIN and self.serial in text:
            self.counts["serial number"] += 1
            text = text.replace(self.serial, "X" * len(self.serial))
        for kind, pattern, is_one, mask in _FORMS:
            text = self._replaced(text, kind, pattern, is_one, mask)
        return replace(bind, value=text.encode("latin-1"))

    def _replaced(
        self,
        text: str,
        kind: str,
        pattern: re.Pattern[str],
        is_one: Callable[[str], bool],
        mask: str,
    ) -> str:
        def instead(match: re.Match[str]) -> str:
            word = match[0]
            if not is_one(word) or any(word in known for known in self.public):
                return word
            self.counts[kind] += 1
            return mask

        return pattern.sub(instead, text)

    def _without_serial(self, bind: VarBind) -> VarBind:
        if isinstance(bind.value, bytes) and bind.value:
            return self._new(bind, "serial number", b"X" * len(bind.value))
        return self._new(bind, "serial number", 0) if isinstance(bind.value, int) else bind

    def _new(self, bind: VarBind, kind: str, value: int | str | bytes) -> VarBind:
        self.counts[kind] += 1
        if isinstance(bind.value, bytes) and isinstance(value, str):
            value = value.encode()
        return replace(bind, value=value)


def _among(oid: str, places: Iterable[str]) -> bool:
    return any(below(oid, place) for place in places)


def _text(bind: VarBind) -> str:
    """The octets of an object as letters, each its own: nothing is lost on the way back."""
    return bind.value.decode("latin-1") if isinstance(bind.value, bytes) else ""


def _is_ipv4(word: str) -> bool:
    return all(int(part) < 256 for part in word.split(".")) and word != "0.0.0.0"  # noqa: S104 - none


def _is_ipv6(word: str) -> bool:
    try:
        return int(ipaddress.IPv6Address(word)) > 1
    except ValueError:
        return False


def _always(_word: str) -> bool:
    return True


_FORMS: Final = (
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII), _always, EMAIL),
    (
        "address",
        re.compile(
            r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"
        ),
        _always,
        MAC,
    ),
    (
        "address",
        re.compile(r"(?<![\w:.])(?=[^:]*:[^:]*:)[0-9A-Fa-f:]+(?:(?:\.\d+){3})?(?![\w:])"),
        _is_ipv6,
        IPV6,
    ),
    ("address", re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)"), _is_ipv4, IPV4),
)
"""Kind, form, whether a word of this form is one, and what it becomes."""
