"""Recordings of Modbus devices (`.csv` files): their lines, and the server that plays one.

Below the heading `fc,address,value` each line is a register: the function that reads it, its
0-based address, its 16 bits as a number (a bit as 0 or 1). Function 43 is the basic identification:
number and text of an object.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from collectors.modbus.codec import COILS, DISCRETE_INPUTS, IDENTIFY
from core.errors import ConfigError, Problem
from simulator.modbus import ModbusListener, Unit
from simulator.nameplate import Nameplate
from simulator.registers import OutsideError
from simulator.snmp import cannot_open

HEADING = ("fc", "address", "value")
UNITS = range(256)


@dataclass(frozen=True, slots=True)
class RegisterRecording:
    """The registers of one device, by function and address, and what it says it is."""

    path: Path
    words: Mapping[tuple[int, int], int]
    identification: Mapping[int, str]

    @classmethod
    def load(cls, path: Path) -> RegisterRecording:
        """Read a recording. Raises ConfigError with the line for a file that is none."""
        words: dict[tuple[int, int], int] = {}
        identification: dict[int, str] = {}
        try:
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
        for number, row in enumerate(rows, start=1):
            if not row or tuple(row) == HEADING:
                continue
            try:
                fc, address = int(row[0]), int(row[1])
                if fc == IDENTIFY:
                    identification[address] = row[2]
                else:
                    words[fc, address] = _word(fc, address, int(row[2]))
            except (ValueError, IndexError):
                message = f"'{','.join(row)}' is no line of the form fc,address,value"
                raise ConfigError([Problem(str(path), number, "", message)]) from None
        if not words:
            raise ConfigError([Problem(str(path), 0, "", "holds no register")])
        return cls(path, words, identification)

    def read(self, fc: int, address: int, count: int) -> bytes:
        """Registers big-endian, or bits packed from the lowest. Raises OutsideError."""
        try:
            words = [self.words[fc, at] for at in range(address, address + count)]
        except KeyError:
            raise OutsideError from None
        if fc in (COILS, DISCRETE_INPUTS):
            packed = sum(bit << at for at, bit in enumerate(words))
            return packed.to_bytes((count + 7) // 8, "little")
        return b"".join(word.to_bytes(2, "big") for word in words)


class RegisterServer:
    """A recording that answers as the device did, whichever unit is asked."""

    def __init__(self, recording: RegisterRecording) -> None:
        self._name = recording.path.name
        told = [recording.identification.get(number, "") for number in range(3)]
        plate = Nameplate(told[0], told[1], "", told[2], "")
        unit = Unit(recording, plate, lambda: True)
        self._listener = ModbusListener(dict.fromkeys(UNITS, unit), lambda: False)

    async def start(self, host: str, port: int) -> int:
        """Open a socket; returns its port. Raises KasbahError for a port that is taken."""
        try:
            return await self._listener.open(host, port)
        except OSError as error:
            raise cannot_open(f"{host}:{port} (modbus, {self._name})", error) from error

    async def close(self) -> None:
        """Close the socket."""
        await self._listener.close()


def format_registers(
    words: Mapping[tuple[int, int], int], identification: Mapping[int, str]
) -> Iterator[str]:
    """The lines of a recording, which `RegisterRecording.load` reads."""
    yield ",".join(HEADING)
    for (fc, address), word in sorted(words.items()):
        yield f"{fc},{address},{word}"
    for number, text in sorted(identification.items()):
        plain = "".join(letter if letter.isprintable() else " " for letter in text)
        quoted = plain.replace('"', '""')
        yield f'{IDENTIFY},{number},"{quoted}"'


def _word(fc: int, address: int, word: int) -> int:
    high = 2 if fc in (COILS, DISCRETE_INPUTS) else 65536
    if not 1 <= fc <= 4 or not 0 <= address < 65536 or not 0 <= word < high:
        raise ValueError("no register")
    return word
