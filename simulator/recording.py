"""Recordings of real devices (`.snmprec` files): their lines, and the server that plays one.

A line is `OID|TAG|VALUE`: the tag is the ASN.1 tag of the value as a decimal number, with an `x`
behind it where the value is in hexadecimal. Source: the snmpsim documentation, chapter on
simulation data.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from collectors.snmp.ber import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OCTET_STRING,
    OID,
    OPAQUE,
    TIME_TICKS,
    oid_octets,
    value_element,
)
from collectors.snmp.codec import VarBind
from core.errors import ConfigError, Problem
from simulator.mib import Oid, OrderedMib, Variable, constant, parse_oid
from simulator.snmp import Agent, SnmpListener, cannot_open

_UNSIGNED = {COUNTER32: 32, GAUGE32: 32, TIME_TICKS: 32, COUNTER64: 64}


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded walk. `skipped` counts lines that could not be used."""

    path: Path
    mib: OrderedMib
    skipped: int

    def __len__(self) -> int:
        return len(self.mib)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a recording. Raises ConfigError for a file that cannot be read or has no objects."""
        try:
            # Latin-1 keeps every byte of the octet strings that were recorded raw.
            lines = path.read_text(encoding="latin-1").splitlines()
        except OSError as error:
            raise ConfigError(
                [Problem(str(path), 0, "", f"cannot be read: {error.strerror}")]
            ) from error
        objects: dict[Oid, Variable] = {}
        skipped = 0
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            try:
                oid, variable = parse_line(line)
            except ValueError:
                skipped += 1
            else:
                objects[oid] = variable
        if not objects:
            message = "holds no line of the form OID|TAG|VALUE: is it an snmprec file?"
            raise ConfigError([Problem(str(path), 0, "", message)])
        givers = {oid: constant(variable) for oid, variable in objects.items()}
        return cls(path, OrderedMib(givers), skipped)


class RecordingServer:
    """A recording that answers as the device did when it was recorded: to any community, unless one
    is given."""

    def __init__(self, recording: Recording, community: str | None = None) -> None:
        self._name = recording.path.name
        self._listener = SnmpListener(Agent(recording.mib, community, lambda: True))

    async def start(self, host: str, port: int) -> int:
        """Open a socket; returns its port. Raises KasbahError for a port that is taken."""
        try:
            return await self._listener.open(host, port)
        except OSError as error:
            raise cannot_open(f"{host}:{port} (snmp, {self._name})", error) from error

    def close(self) -> None:
        """Close the socket."""
        self._listener.close()


def parse_line(line: str) -> tuple[Oid, Variable]:
    """One line of a recording. Raises ValueError for a line that means nothing to an agent."""
    parts = line.split("|", 2)
    if len(parts) != 3:
        raise ValueError("a line is OID|TAG|VALUE")
    name, tag_text, text = parts
    hexadecimal = tag_text.endswith("x")
    tag = int(tag_text.removesuffix("x"))
    octets = bytes.fromhex(text) if hexadecimal else text.encode("latin-1")
    return parse_oid(_dotted(name)), Variable(tag, _value(tag, text, octets))


def format_line(bind: VarBind) -> str:
    """An object as a line that `parse_line` and snmpsim read."""
    value = bind.value
    if isinstance(value, float):  # within Opaque, behind tag and length
        value = value_element(bind.tag, value)[2:]
    if not isinstance(value, bytes):
        return f"{bind.oid}|{bind.tag}|{'' if value is None else value}"
    text = value.decode("latin-1")
    if text.isascii() and text.isprintable() and text == text.strip():
        return f"{bind.oid}|{bind.tag}|{text}"
    return f"{bind.oid}|{bind.tag}x|{value.hex()}"


def _value(tag: int, text: str, octets: bytes) -> int | bytes | str | None:
    if tag == INTEGER:
        return _within(int(text), -(2**31), 2**31)
    if tag in _UNSIGNED:
        return _within(int(text), 0, 2 ** _UNSIGNED[tag])
    if tag in (OCTET_STRING, OPAQUE):
        return octets
    if tag == NULL:
        return None
    if tag == OID:
        return _dotted(text)
    if tag == IP_ADDRESS:
        return str(IPv4Address(octets if len(octets) == 4 else text))
    raise ValueError(f"tag {tag} is no value")


def _dotted(text: str) -> str:
    """An object id without a leading dot. Raises ValueError for one that cannot be sent."""
    oid = text.strip().strip(".")
    oid_octets(oid)
    return oid


def _within(number: int, low: int, end: int) -> int:
    if not low <= number < end:
        raise ValueError(f"{number} does not fit its type")
    return number
