"""Modbus messages as bytes: the TCP frame and the functions that read. Pure; knows no socket.

Owns the MBAP header, requests and answers of functions 1, 2, 3, 4 and 43/14, and exceptions, for
both ends: the client encodes requests and decodes answers, the simulator does the reverse. A
request that writes cannot be expressed here. Must not know what a register means.

Bytes in, values out. On bytes that are not Modbus only `core.errors.Malformed` escapes.

Source: MODBUS Application Protocol Specification V1.1b3 (sections 4, 6.1 to 6.4, 6.21, 7);
MODBUS Messaging on TCP/IP Implementation Guide V1.0b (section 3.1, MBAP header).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.errors import InvariantError, Malformed

COILS, DISCRETE_INPUTS, HOLDING_REGISTERS, INPUT_REGISTERS = 1, 2, 3, 4
IDENTIFY = 43
"""Function 43, encapsulated interface; only its kind 14, read device identification, is used."""

MEI_IDENTIFY = 14
MAX_REGISTERS = 125
MAX_BITS = 2000
MAX_PDU = 253
MAX_FRAME = 260
"""Header of 7 bytes and a PDU of at most 253."""

AREAS = {
    COILS: "coils",
    DISCRETE_INPUTS: "discrete inputs",
    HOLDING_REGISTERS: "holding registers",
    INPUT_REGISTERS: "input registers",
}
"""What each read function reads, in words for messages."""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4
ACKNOWLEDGE, DEVICE_BUSY = 5, 6
GATEWAY_NO_PATH, GATEWAY_NO_ANSWER = 10, 11

_HEADER = struct.Struct(">HHHB")
_READ = struct.Struct(">BHH")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read `count` bits or registers from the 0-based `address`.

    Raises InvariantError for a function that does not read and for a range that cannot be asked
    for: a profile was checked before it came here, so this is a bug.
    """

    fc: int
    address: int
    count: int

    def __post_init__(self) -> None:
        if self.fc not in AREAS:
            raise InvariantError(f"Modbus function {self.fc} is not one that reads")
        if not 1 <= self.count <= _max_count(self.fc):
            raise InvariantError(f"{self.count} {AREAS[self.fc]} do not fit into one request")
        if self.address < 0 or self.address + self.count > 0x10000:
            raise InvariantError(f"{AREAS[self.fc]} end at 65535, not at {self.last}")

    @property
    def last(self) -> int:
        return self.address + self.count - 1

    def __str__(self) -> str:
        return f"{AREAS[self.fc]} {self.address}" + (f"..{self.last}" if self.count > 1 else "")


@dataclass(frozen=True, slots=True)
class IdentifyRequest:
    """Read device identification. `code`: 1 basic, 2 regular, 3 extended, 4 one object."""

    code: int = 1
    object_id: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.code <= 4 and 0 <= self.object_id <= 255):
            raise InvariantError(f"there is no identification {self.code}/{self.object_id}")

    @property
    def fc(self) -> int:
        return IDENTIFY

    def __str__(self) -> str:
        return "its identification"


Request = ReadRequest | IdentifyRequest


@dataclass(frozen=True, slots=True)
class ExceptionAnswer:
    """The device answered that it will not, or not now. `fc` is the function asked for."""

    fc: int
    code: int


@dataclass(frozen=True, slots=True)
class Identification:
    """Objects of one identification answer; `next_id` is where to ask on, None at the end."""

    objects: Mapping[int, bytes]
    next_id: int | None


@dataclass(frozen=True, slots=True)
class Frame:
    """One Modbus TCP message: a PDU (function code first) and whom it is for."""

    transaction: int
    unit: int
    pdu: bytes


class Framer:
    """Cuts a TCP stream into frames. Bytes may come in any pieces; at most one frame is kept.

    After `Malformed` the stream is of no more use: a byte stream cannot find its frames again.
    """

    __slots__ = ("_at", "_data")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take what the socket gave; then call `next_frame` until it gives None."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def next_frame(self) -> Frame | None:
        """The next whole frame, None when more bytes are needed. Raises Malformed."""
        start = self._at
        held = len(self._data) - start
        if held < _HEADER.size:
            return None
        transaction, protocol, length, unit = _HEADER.unpack_from(self._data, start)
        if protocol or not 2 <= length <= MAX_PDU + 1:
            raise Malformed(f"no Modbus frame has protocol {protocol} and length {length}")
        if held < 6 + length:
            return None
        self._at = start + 6 + length
        return Frame(transaction, unit, self._data[start + 7 : self._at])


# ---------------------------------------------------------------- the client's side


def encode_request(transaction: int, unit: int, request: Request) -> bytes:
    """The whole frame of a request. `transaction` 0..65535, `unit` 0..255."""
    if isinstance(request, ReadRequest):
        pdu = _READ.pack(request.fc, request.address, request.count)
    elif isinstance(request, IdentifyRequest):
        pdu = bytes((IDENTIFY, MEI_IDENTIFY, request.code, request.object_id))
    else:
        raise InvariantError(f"{request!r} is not a request that reads")
    return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def decode_read(pdu: bytes, request: ReadRequest) -> bytes | ExceptionAnswer:
    """What a read gave: two bytes a register, or bits packed from the lowest.

    Raises Malformed when the answer is not one to this request.
    """
    size = _size(request.fc, request.count)
    if len(pdu) == size + 2 and pdu[0] == request.fc and pdu[1] == size:
        return pdu[2:]
    return _exception(pdu, request)


def decode_identification(pdu: bytes, request: IdentifyRequest) -> Identification | ExceptionAnswer:
    """Objects by their id (0 vendor, 1 product code, 2 revision, ...). Raises Malformed."""
    if len(pdu) < 7 or pdu[0] != IDENTIFY or pdu[1] != MEI_IDENTIFY:
        return _exception(pdu, request)
    more, next_id, count = pdu[4], pdu[5], pdu[6]
    objects: dict[int, bytes] = {}
    at = 7
    for _ in range(count):
        if at + 2 > len(pdu) or at + 2 + pdu[at + 1] > len(pdu):
            raise Malformed("the identification ends in the middle of an object")
        end = at + 2 + pdu[at + 1]
        objects[pdu[at]] = pdu[at + 2 : end]
        at = end
    return Identification(objects, next_id if more else None)


def _exception(pdu: bytes, request: Request) -> ExceptionAnswer:
    if len(pdu) == 2 and pdu[0] == request.fc | 0x80:
        return ExceptionAnswer(request.fc, pdu[1])
    raise Malformed(
        f"the answer of {len(pdu)} bytes (function {pdu[0] if pdu else 'none'}) does not fit the"
        f" request for {request}"
    )


# ---------------------------------------------------------------- the device's side


def decode_request(pdu: bytes) -> Request | ExceptionAnswer:
    """The request in a PDU, or the exception that a device which only reads owes for it.

    Raises Malformed for bytes that have no function code or the wrong length for it.
    """
    if not pdu or pdu[0] & 0x80:
        raise Malformed("a request begins with a function code of 1..127")
    fc = pdu[0]
    if fc == IDENTIFY and len(pdu) == 4 and pdu[1] == MEI_IDENTIFY:
        known = 1 <= pdu[2] <= 4
        return IdentifyRequest(pdu[2], pdu[3]) if known else ExceptionAnswer(fc, ILLEGAL_VALUE)
    if fc not in AREAS:
        return ExceptionAnswer(fc, ILLEGAL_FUNCTION)
    if len(pdu) != _READ.size:
        raise Malformed(f"a request of function {fc} has 5 bytes, not {len(pdu)}")
    _, address, count = _READ.unpack(pdu)
    if not 1 <= count <= _max_count(fc):
        return ExceptionAnswer(fc, ILLEGAL_VALUE)
    if address + count > 0x10000:
        return ExceptionAnswer(fc, ILLEGAL_ADDRESS)
    return ReadRequest(fc, address, count)


def encode_read(request: ReadRequest, data: bytes) -> bytes:
    """The PDU that answers a read: `data` as `decode_read` gives it."""
    size = _size(request.fc, request.count)
    if len(data) != size:
        raise InvariantError(f"{request} are {size} bytes, not {len(data)}")
    return bytes((request.fc, size)) + data


def encode_exception(answer: ExceptionAnswer) -> bytes:
    """The PDU of an exception."""
    return bytes((answer.fc | 0x80, answer.code))


def encode_identification(request: IdentifyRequest, objects: Mapping[int, bytes]) -> bytes:
    """The PDU that identifies a device: as many objects as fit, from the one asked for."""
    last = {1: 0x02, 2: 0x7F, 3: 0xFF, 4: request.object_id}[request.code]
    wanted = [i for i in sorted(objects) if request.object_id <= i <= last]
    if not wanted and request.code == 4:
        return encode_exception(ExceptionAnswer(IDENTIFY, ILLEGAL_ADDRESS))
    if not wanted:  # an object that does not exist: begin again, as the specification demands
        wanted = [i for i in sorted(objects) if i <= last]
    body = b""
    for number, object_id in enumerate(wanted):
        value = objects[object_id][: MAX_PDU - 9]
        if 7 + len(body) + 2 + len(value) > MAX_PDU:
            return _identification(request.code, number, body, next_id=object_id)
        body += bytes((object_id, len(value))) + value
    return _identification(request.code, len(wanted), body, next_id=None)


def encode_frame(frame: Frame) -> bytes:
    """An answer as it goes over the wire."""
    if not 1 <= len(frame.pdu) <= MAX_PDU:
        raise InvariantError(f"a PDU has 1..{MAX_PDU} bytes, not {len(frame.pdu)}")
    return _HEADER.pack(frame.transaction, 0, len(frame.pdu) + 1, frame.unit) + frame.pdu


def _identification(code: int, number: int, body: bytes, *, next_id: int | None) -> bytes:
    more: Literal[0, 255] = 0 if next_id is None else 255
    conformity = 0x83  # extended, as a stream and one by one
    return bytes((IDENTIFY, MEI_IDENTIFY, code, conformity, more, next_id or 0, number)) + body


def _max_count(fc: int) -> int:
    return MAX_BITS if fc <= DISCRETE_INPUTS else MAX_REGISTERS


def _size(fc: int, count: int) -> int:
    """Bytes that hold `count` bits or registers."""
    return (count + 7) // 8 if fc <= DISCRETE_INPUTS else 2 * count
