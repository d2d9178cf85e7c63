"""What was last seen of everything that events tell, but the states of points: what the next look
is compared with, also the first one after a restart.

Plain numbers and texts; knows no file and no clock. Times are UTC seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """A device as it was heard last: whether it answered, who it said it was,
    and how long it ran."""

    up: bool
    vendor: str = ""
    model: str = ""
    serial: str = ""
    uptime_s: float | None = None


@dataclass(slots=True)
class Stand:
    """`alive` is the last tick, `seen` the last one at which all devices had been asked; None
    before the first. `stopped`: an orderly stop was the last that happened."""

    alive: float | None = None
    seen: float | None = None
    stopped: bool = False
    supply: str = ""
    parts: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """Status and reasons of the site, its groups and rooms."""
    loads: dict[str, str] = field(default_factory=dict)
    devices: dict[str, Heard] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    """Level of quality that was told of each key figure."""
    maintenance: dict[str, str] = field(default_factory=dict)
    meters: dict[str, str] = field(default_factory=dict)
    """Counters that are not as they should be, in a word."""

    def state(self) -> dict[str, Any]:
        """What `restored` takes: plain values, a copy."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        found = {k: dict(v) if isinstance(v, dict) else v for k, v in values.items()}
        found["devices"] = {name: asdict(heard) for name, heard in self.devices.items()}
        return {"version": STATE_VERSION} | found

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self | None:
        """The stand of an earlier `state`; None for one of another version, or none."""
        if state.get("version") != STATE_VERSION:
            return None
        values = {each.name: state[each.name] for each in fields(cls)}
        values["parts"] = {
            part: (int(status), tuple(reasons))
            for part, (status, reasons) in values["parts"].items()
        }
        values["devices"] = {name: Heard(**heard) for name, heard in values["devices"].items()}
        return cls(**values)
