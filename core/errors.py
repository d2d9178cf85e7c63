"""The error family. The type fixes the response: exit, retry soon, retry slowly, drop.

KasbahError
├── ConfigError          the site file, a profile or the command line is wrong: exit 78
├── DeviceError          a device did not give what was asked: data, never a crash
│   ├── Unreachable      no answer: retry with back-off
│   │   └── DeviceTimeout
│   ├── Refused          credentials, access, or an illegal object: retry slowly
│   ├── Busy             the device asked for patience: retry soon
│   ├── Malformed        bytes that are not the protocol: drop the datagram or the connection
│   └── Unidentified     the device answers, but no profile fits it
├── SinkError            a history sink did not take what it was given
│   ├── Unavailable      keep everything, retry with back-off
│   └── Rejected         these rows will never be taken: count them, go on
└── InvariantError       our bug: the process ends and systemd restarts it
"""

from __future__ import annotations

from dataclasses import dataclass


class KasbahError(Exception):
    """Root of every error Kasbah raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration: what, where, and what to do.

    `line` is 1-based, 0 where it is not known; `key` is a dotted path such as `devices[3].address`.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(KasbahError):
    """The configuration is wrong; carries every problem found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class DeviceError(KasbahError):
    """A device did not give what was asked. The message is a sentence for an operator."""


class Unreachable(DeviceError):
    """Nothing answers at the address (refused, no route, name unknown)."""


class DeviceTimeout(Unreachable):
    """No answer within the time-out and its retries."""


class Refused(DeviceError):
    """The device answered that it will not: credentials, access, illegal object or function.

    `code` is the protocol's own number for why, 0 where it has none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Busy(DeviceError):
    """The device asked to be left alone for a moment (Modbus exceptions 5 and 6)."""


class Malformed(DeviceError):
    """Bytes that are not a valid message of the protocol. The only error a codec lets out."""


class Unidentified(DeviceError):
    """The device answers, but no profile of the library fits it."""


def advice(where: str) -> str:
    """What to do about a device that no profile fits, as the end of a sentence."""
    return f"record it (`kasbah record {where}`) and write one as docs/profiles.md shows"


class SinkError(KasbahError):
    """A history sink did not take the rows it was given."""


class Unavailable(SinkError):
    """The sink is away for now: keep the rows and try again."""


class Rejected(SinkError):
    """The sink will never take these rows (indices into the batch that was sent)."""

    def __init__(self, message: str, indices: list[int]) -> None:
        super().__init__(message)
        self.indices = indices


class InvariantError(KasbahError):
    """Something that cannot be is: a bug of ours, never the fault of a device."""
