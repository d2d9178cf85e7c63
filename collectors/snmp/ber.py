"""BER as SNMP uses it: tags, lengths, integers, object identifiers. Bytes in, values out; no I/O.

Source: ITU-T X.690 as restricted by RFC 1157 section 3.2.2 and RFC 3417 section 8. Real devices
are sloppier than that: long-form lengths where short ones would do, integers with needless leading
octets, unsigned numbers sent with the sign bit set. What is unambiguous is accepted; anything else
is `Malformed`, the only error that leaves this file.
"""

from __future__ import annotations

import contextlib
import struct
from functools import lru_cache
from typing import Final

from core.errors import Malformed

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
SEQUENCE: Final = 0x30
IP_ADDRESS: Final = 0x40
COUNTER32: Final = 0x41
GAUGE32: Final = 0x42
TIME_TICKS: Final = 0x43
OPAQUE: Final = 0x44
COUNTER64: Final = 0x46
NO_SUCH_OBJECT: Final = 0x80
NO_SUCH_INSTANCE: Final = 0x81
END_OF_MIB_VIEW: Final = 0x82

EXCEPTIONS: Final = frozenset({NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW})
UNSIGNED32: Final = frozenset({COUNTER32, GAUGE32, TIME_TICKS})

Value = int | float | bytes | str | None
"""Integers and counters as int, net-snmp's opaque floats as float, octet strings as bytes, OIDs
and addresses as str."""

_OPAQUE_FLOAT = b"\x9f\x78\x04"  # net-snmp: a float inside Opaque (draft-perkins-opaque-01)
_OPAQUE_DOUBLE = b"\x9f\x79\x08"
MAX_INTEGER_OCTETS: Final = 9
MAX_SUB_IDENTIFIER = 2**32 - 1
_MAX_OID_NUMBERS = 128  # RFC 2578 section 3.5
_MAX_OID_OCTETS = _MAX_OID_NUMBERS * 5


def read_header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, start and end of the contents of the element at `at`, which must lie before `end`."""
    if at + 2 > end:
        raise Malformed("a message ends in the middle of an element")
    tag, length = data[at], data[at + 1]
    start = at + 2
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4 or start + octets > end:
            raise Malformed("an element has a length that cannot be")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + length > end:
        raise Malformed("an element is longer than its message")
    return tag, start, start + length


def expect(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Start and end of the contents of the element at `at`, which must have this tag."""
    found, start, stop = read_header(data, at, end)
    if found != tag:
        raise Malformed(f"tag {found:#04x} where {tag:#04x} belongs")
    return start, stop


def read_integer(data: bytes, start: int, stop: int) -> int:
    """A signed integer."""
    if not 0 < stop - start <= MAX_INTEGER_OCTETS:
        raise Malformed("an integer of no or too many octets")
    return int.from_bytes(data[start:stop], "big", signed=True)


def read_value(data: bytes, tag: int, start: int, stop: int) -> Value:
    """The value of a variable binding; None for NULL and the three exceptions."""
    if tag == INTEGER:
        return read_integer(data, start, stop)
    if tag == OCTET_STRING:
        return data[start:stop]
    if tag in UNSIGNED32:
        # Some agents send values above 2^31 in four octets, so that they look negative.
        return read_integer(data, start, stop) & 0xFFFFFFFF
    if tag == COUNTER64:
        return read_integer(data, start, stop) & 0xFFFFFFFFFFFFFFFF
    if tag == OID:
        return read_oid(data[start:stop])
    if tag in EXCEPTIONS or tag == NULL:
        return None
    if tag == IP_ADDRESS:
        return ".".join(map(str, data[start:stop]))
    if tag == OPAQUE:
        return _read_opaque(data[start:stop])
    raise Malformed(f"a value has the unknown type {tag:#04x}")


def _read_opaque(contents: bytes) -> Value:
    if contents[:3] == _OPAQUE_FLOAT and len(contents) == 7:
        return float(struct.unpack(">f", contents[3:])[0])
    if contents[:3] == _OPAQUE_DOUBLE and len(contents) == 11:
        return float(struct.unpack(">d", contents[3:])[0])
    return contents


def _opaque(number: float) -> bytes:
    """The short form where it says the same."""
    with contextlib.suppress(OverflowError):
        short = struct.pack(">f", number)
        if struct.unpack(">f", short)[0] == number:
            return _OPAQUE_FLOAT + short
    return _OPAQUE_DOUBLE + struct.pack(">d", number)


@lru_cache(maxsize=65536)
def read_oid(contents: bytes) -> str:
    """An object identifier in dotted form. Sub-identifiers beyond 32 bits, and more of them than
    128, are malformed (RFC 2578 section 3.5)."""
    if not contents or contents[-1] & 0x80:
        raise Malformed("an object identifier is empty or ends in the middle")
    if len(contents) > _MAX_OID_OCTETS:
        raise Malformed("an object identifier is too long")
    numbers: list[int] = []
    number = 0
    for octet in contents:
        number = number << 7 | octet & 0x7F
        if number > MAX_SUB_IDENTIFIER:
            raise Malformed("an object identifier has a number beyond 32 bits")
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = numbers[0]
    head = (first // 40, first % 40) if first < 80 else (2, first - 80)
    return ".".join(map(str, (*head, *numbers[1:])))


def length_octets(length: int) -> bytes:
    """A length in its shortest form."""
    if length < 0x80:
        return bytes((length,))
    octets = (length.bit_length() + 7) // 8
    return bytes((0x80 | octets,)) + length.to_bytes(octets, "big")


def element(tag: int, contents: bytes) -> bytes:
    """An element of this tag."""
    return bytes((tag,)) + length_octets(len(contents)) + contents


def integer_octets(value: int) -> bytes:
    """A signed integer in the fewest octets."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


@lru_cache(maxsize=65536)
def oid_octets(oid: str) -> bytes:
    """An object identifier from dotted form. Raises ValueError for what is none."""
    words = oid.strip(".").split(".")
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(numbers) < max(2, len(words)) or numbers[0] > 2 or (numbers[0] < 2 and numbers[1] > 39):
        raise ValueError(f"'{oid}' is no object identifier")
    if len(numbers) > _MAX_OID_NUMBERS:
        raise ValueError(f"'{oid}' has more than {_MAX_OID_NUMBERS} numbers")
    if max(*numbers, numbers[0] * 40 + numbers[1]) > MAX_SUB_IDENTIFIER:
        raise ValueError(f"'{oid}' has a number beyond 32 bits")
    contents = bytearray()
    for number in (numbers[0] * 40 + numbers[1], *numbers[2:]):
        piece = bytearray((number & 0x7F,))
        rest = number >> 7
        while rest:
            piece.append(0x80 | rest & 0x7F)
            rest >>= 7
        contents += piece[::-1]
    return bytes(contents)


def value_element(tag: int, value: Value) -> bytes:
    """A value of a variable binding. Raises ValueError where value and tag do not go together."""
    if tag == NULL or tag in EXCEPTIONS:
        return bytes((tag, 0))
    if tag in (INTEGER, COUNTER32, GAUGE32, TIME_TICKS, COUNTER64) and isinstance(value, int):
        return element(tag, integer_octets(value))
    if tag == OID and isinstance(value, str):
        return element(tag, oid_octets(value))
    if tag == IP_ADDRESS and isinstance(value, str):
        return element(tag, bytes(int(word) for word in value.split(".")))
    if tag == OPAQUE and isinstance(value, float):
        return element(tag, _opaque(value))
    if tag in (OCTET_STRING, OPAQUE) and isinstance(value, bytes):
        return element(tag, value)
    raise ValueError(f"{value!r} is no value of type {tag:#04x}")
