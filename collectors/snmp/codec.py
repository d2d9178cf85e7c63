"""SNMP v1 and v2c messages, both ways. Pure: bytes in, records out; only `Malformed` is raised on
bad bytes.

Two layers: the message (version, community) around the PDU. Messages of SNMPv3 are in `usm`, their
PDUs here. There is no SET. Source: RFC 1157 (v1), RFC 1901 and RFC 3416 (v2c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from collectors.snmp import ber
from collectors.snmp.ber import Value
from core.errors import Malformed

GET: Final = 0xA0
GET_NEXT: Final = 0xA1
RESPONSE: Final = 0xA2
GET_BULK: Final = 0xA5
REPORT: Final = 0xA8
REQUESTS: Final = frozenset({GET, GET_NEXT, GET_BULK})
DATAGRAM_OCTETS_MAX: Final = 65_535


class Version(IntEnum):
    """Message versions as they stand on the wire."""

    V1 = 0
    V2C = 1
    V3 = 3


class ErrorStatus(IntEnum):
    """error-status of a response (RFC 3416 section 3); several make sense for SET only."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    BAD_VALUE = 3
    READ_ONLY = 4
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    RESOURCE_UNAVAILABLE = 13
    COMMIT_FAILED = 14
    UNDO_FAILED = 15
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18


@dataclass(frozen=True, slots=True)
class VarBind:
    """One variable: dotted OID, tag of its value, the value (None for NULL and the three
    exceptions)."""

    oid: str
    tag: int
    value: Value


@dataclass(frozen=True, slots=True)
class Pdu:
    """A request or response. For GETBULK `error_status` holds non-repeaters, `error_index`
    max-repetitions."""

    kind: int
    request_id: int
    error_status: int
    error_index: int
    varbinds: tuple[VarBind, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A whole datagram."""

    version: Version
    community: bytes
    pdu: Pdu


def decode_message(data: bytes) -> Message:
    """Read a datagram. Raises Malformed for whatever is no v1 or v2c message."""
    version, community, at, end = decode_envelope(data)
    return Message(version, community, _decode_pdu(data, at, end))


def decode_envelope(data: bytes) -> tuple[Version, bytes, int, int]:
    """Version, community, and where the PDU begins and ends."""
    _check_whole(data)
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    start, at = ber.expect(data, at, end, ber.INTEGER)
    number = ber.read_integer(data, start, at)
    if number not in (Version.V1, Version.V2C):
        raise Malformed(f"message version {number} is neither v1 nor v2c")
    start, at = ber.expect(data, at, end, ber.OCTET_STRING)
    return Version(number), data[start:at], at, end


def decode_version(data: bytes, version: Version) -> tuple[int, int]:
    """Where a message of this version goes on behind it, and where it ends."""
    _check_whole(data)
    at, end = ber.expect(data, 0, len(data), ber.SEQUENCE)
    start, at = ber.expect(data, at, end, ber.INTEGER)
    number = ber.read_integer(data, start, at)
    if number != version:
        raise Malformed(f"message version {number} is not {version.name.lower()}")
    return at, end


def encode_envelope(pdu: bytes) -> bytes:
    """The v2c message without community that holds this PDU."""
    head = _head(Version.V2C, b"")
    return b"\x30%b%b%b" % (ber.length_octets(len(head) + len(pdu)), head, pdu)


def decode_report(pdu: bytes) -> str:
    """The counter that a report PDU is about. Raises Malformed."""
    at, end = ber.expect(pdu, 0, len(pdu), REPORT)
    for _ in range(3):
        _, at = ber.expect(pdu, at, end, ber.INTEGER)
    at, end = ber.expect(pdu, at, end, ber.SEQUENCE)
    at, end = ber.expect(pdu, at, end, ber.SEQUENCE)
    start, stop = ber.expect(pdu, at, end, ber.OID)
    return ber.read_oid(pdu[start:stop])


def _check_whole(data: bytes) -> None:
    """Raise Malformed where a datagram says that it is longer than what came of it."""
    if len(data) < 6 or data[0] != ber.SEQUENCE or data[1] == 0x80:
        return
    octets = data[1] & 0x7F if data[1] > 0x80 else 0
    size = int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1]
    whole = 2 + octets + size
    if len(data) < whole <= DATAGRAM_OCTETS_MAX:
        raise Malformed(f"it is cut off, {len(data)} of {whole} octets came")


@lru_cache(maxsize=4096)
def _head(version: Version, community: bytes) -> bytes:
    return ber.element(ber.INTEGER, bytes((version,))) + ber.element(ber.OCTET_STRING, community)


def check_envelope(data: bytes, version: Version, community: bytes) -> None:
    """Raise Malformed where an answer is of another version or community than its question."""
    length = data[1]
    at = 2 if length < 0x80 else 2 + (length & 0x7F)
    if data.startswith(_head(version, community), at):
        return
    answered, name, _, _ = decode_envelope(data)
    if answered is not version:
        asked, came = version.name.lower(), answered.name.lower()
        raise Malformed(f"it is asked in {asked} and answers in {came}, set the version to {came}")
    if name != community:
        raise Malformed("it answers with another community than it was asked with")


def decode_response(data: bytes) -> Pdu:
    """The PDU of an answer. Raises Malformed, also for a request: some peers send back what they
    were sent."""
    pdu = decode_message(data).pdu
    if pdu.kind != RESPONSE:
        raise Malformed("a request came back instead of an answer")
    return pdu


def decode_head(data: bytes, at: int, end: int) -> tuple[int, list[int], int, int]:
    """Kind of a PDU, its three numbers, and where its variable bindings begin and end."""
    kind, at, end = ber.read_header(data, at, end)
    if kind != RESPONSE and kind not in REQUESTS:
        raise Malformed(f"a PDU of type {kind:#04x} is neither request nor response")
    numbers = []
    for _ in range(3):
        start, at = ber.expect(data, at, end, ber.INTEGER)
        numbers.append(ber.read_integer(data, start, at))
    start, stop = ber.expect(data, at, end, ber.SEQUENCE)
    return kind, numbers, start, stop


def _decode_pdu(data: bytes, at: int, end: int) -> Pdu:
    kind, numbers, start, stop = decode_head(data, at, end)
    varbinds = []
    while start < stop:
        bind, start = ber.expect(data, start, stop, ber.SEQUENCE)
        name, at = ber.expect(data, bind, start, ber.OID)
        tag, first, last = ber.read_header(data, at, start)
        oid = ber.read_oid(data[name:at])
        varbinds.append(VarBind(oid, tag, ber.read_value(data, tag, first, last)))
    return Pdu(kind, numbers[0], numbers[1], numbers[2], tuple(varbinds))


def encode_message(message: Message) -> bytes:
    """Write a datagram. Raises ValueError for values that do not fit their tag."""
    pdu = message.pdu
    binds = b"".join(
        ber.element(
            ber.SEQUENCE,
            ber.element(ber.OID, ber.oid_octets(bind.oid))
            + ber.value_element(bind.tag, bind.value),
        )
        for bind in pdu.varbinds
    )
    return _wrapped(message.version, message.community, pdu, binds)


def encode_request(
    version: Version, community: bytes, kind: int, request_id: int, oids: Sequence[str]
) -> bytes:
    """A GET or GETNEXT."""
    binds = tuple(VarBind(oid, ber.NULL, None) for oid in oids)
    return encode_message(Message(version, community, Pdu(kind, request_id, 0, 0, binds)))


def encode_bulk(
    community: bytes, request_id: int, oids: Sequence[str], max_repetitions: int
) -> bytes:
    """A GETBULK without non-repeaters (v2c)."""
    binds = tuple(VarBind(oid, ber.NULL, None) for oid in oids)
    pdu = Pdu(GET_BULK, request_id, 0, max_repetitions, binds)
    return encode_message(Message(Version.V2C, community, pdu))


def _wrapped(version: Version, community: bytes, pdu: Pdu, binds: bytes) -> bytes:
    numbers = b"".join(
        ber.element(ber.INTEGER, ber.integer_octets(number))
        for number in (pdu.request_id, pdu.error_status, pdu.error_index)
    )
    body = ber.element(pdu.kind, numbers + ber.element(ber.SEQUENCE, binds))
    return ber.element(ber.SEQUENCE, _head(version, community) + body)


REQUEST_ID_FIRST: Final = 0x10000000
REQUEST_ID_LAST: Final = 0x7FFFFFFF
"""Request ids of this range take four octets always, so that a template can be patched in place."""


def peek_request_id(data: bytes) -> int:
    """The request id of an answer (v3: its message id), without reading the rest. Raises
    Malformed.

    The layout that nearly all agents write is read at a glance, any other with care.
    """
    try:
        length = data[1]
        at = 5 if length < 0x80 else 5 + (length & 0x7F)
        at += 2 + data[at + 1]
        length = data[at + 1]
        at += 2 if length < 0x80 else 2 + (length & 0x7F)
        if data[at] == ber.INTEGER and data[at + 1] == 4 and len(data) >= at + 6:
            return int.from_bytes(data[at + 2 : at + 6], "big")
        start = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
        if data[start : start + 4] == _V3_BEGINS and data[start + 5 : start + 7] == b"\x02\x04":
            return int.from_bytes(data[start + 7 : start + 11], "big")
        if data[start : start + 3] == _V3_BEGINS[:3]:
            return _message_id(data)
    except IndexError:
        pass
    _, _, at, end = decode_envelope(data)
    kind, at, end = ber.read_header(data, at, end)
    if kind != RESPONSE:
        raise Malformed(f"a PDU of type {kind:#04x} is no response")
    start, stop = ber.expect(data, at, end, ber.INTEGER)
    return ber.read_integer(data, start, stop)


_V3_BEGINS: Final = b"\x02\x01\x03\x30"


def _message_id(data: bytes) -> int:
    at, end = decode_version(data, Version.V3)
    at, end = ber.expect(data, at, end, ber.SEQUENCE)
    start, stop = ber.expect(data, at, end, ber.INTEGER)
    return ber.read_integer(data, start, stop)


def error_name(status: int) -> str:
    """error-status in the RFC's word, e.g. `genErr`."""
    try:
        words = ErrorStatus(status).name.lower().split("_")
    except ValueError:
        return f"error-status {status}"
    return words[0] + "".join(word.title() for word in words[1:])
