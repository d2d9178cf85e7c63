"""Durations and points in time as people type them: 60s, 5m, -1h, now, 2026-11-23T03:12:00Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?$")


def parse_duration_s(text: str) -> float:
    """`90`, `60s`, `5m`, `2h` or `1d` in seconds. Raises ValueError with a sentence."""
    match = _DURATION.match(text.strip())
    if not match:
        raise ValueError(f"'{text}' is no duration: write 60s, 5m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2] or ""]


def parse_time(text: str, now: float) -> float:
    """UTC seconds of `now`, `-1h` or an ISO 8601 time (UTC where it names no zone).

    Raises ValueError with a sentence.
    """
    text = text.strip()
    if text == "now":
        return now
    if text.startswith("-"):
        return now - parse_duration_s(text[1:])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is no time: write now, -1h, or 2026-11-23T03:12:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
