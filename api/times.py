"""Times at the edge: UTC seconds inside, ISO 8601 with Z and milliseconds outside.

Reads no clock: `now` is handed in.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import numpy as np

from core.readings import Floats

_RELATIVE = re.compile(r"^-(\d+(?:\.\d+)?)(s|m|h|d|w)$", re.ASCII)
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_NUMBER = re.compile(r"^\d+(\.\d+)?$", re.ASCII)
_LAST_S = 253402300799.0  # the end of the year 9999, where ISO 8601 ends

ACCEPTED = (
    "an ISO 8601 time such as 2026-01-31T03:12:00Z (write '+' as %2B in an address), UTC seconds "
    "since 1970, or so long ago: -90s, -15m, -1h, -7d, now"
)


def iso(time_s: float | None) -> str | None:
    """UTC seconds as `2026-01-31T03:12:00.000Z`; None for None and NaN."""
    if time_s is None or math.isnan(time_s):
        return None
    moment = datetime.fromtimestamp(round(time_s * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_list(times_s: Floats) -> list[str | None]:
    """The same for an array, without a Python object per time until the end."""
    known = np.isfinite(times_s)
    moments = np.where(known, times_s * 1000, 0).round().astype("datetime64[ms]")
    texts: list[str | None] = np.datetime_as_string(moments, unit="ms", timezone="UTC").tolist()
    for gap in np.flatnonzero(~known).tolist():
        texts[gap] = None
    return texts


def parse_time(text: str, now: float) -> float:
    """UTC seconds of what a person wrote; a time without an offset is UTC.

    Raises ValueError with a sentence that says what is accepted.
    """
    word = text.strip()
    if word == "now":
        return now
    if match := _RELATIVE.match(word):
        return now - float(match[1]) * _UNIT_S[match[2]]
    try:
        seconds = float(word) if _NUMBER.match(word) else _from_iso(word)
    except (ValueError, OverflowError):
        seconds = math.inf
    if not 0 <= seconds <= _LAST_S:
        raise ValueError(f"'{text[:40]}' is no time: give {ACCEPTED}")
    return seconds


def parse_offset(text: str) -> float:
    """UTC seconds of a time that somebody will act on: it must say its offset. Raises ValueError
    with a sentence."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"'{text[:40]}' is no time: write it like 2026-01-31T14:00+01:00"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(
            f"'{text[:40]}' does not say its offset: write {text[:40]}+01:00, or Z for UTC"
        )
    return moment.timestamp()


def _from_iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
