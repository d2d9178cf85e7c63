"""Quality of a reading: how far it may be trusted, and why.

One byte: the level in the two top bits (as OPC UA does it), the reason in the other six. So 0 is
good, the larger of two bytes is the worse level, and a whole array is combined by `numpy.maximum`.
"""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """How far a value may be trusted."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Quality(IntEnum):
    """Level and reason in one byte. Codes are stored for ever: append, never renumber."""

    GOOD = 0
    # The uncertain ones are shown, and flagged.
    HELD = 0x41  # last usable value, the device has missed polls
    ESTIMATED = 0x42  # computed or integrated, not measured
    SUBNORMAL = 0x43  # fewer inputs than there should be
    YOUNG = 0x44  # a window that is not full yet
    SUSPECT = 0x45  # plausible only in part, e.g. a counter just after a reset
    # The bad ones are not usable.
    WAITING = 0x80  # not polled yet
    NO_ANSWER = 0x81  # the device is silent
    NOT_IMPLEMENTED = 0x82  # the device says it has no such value
    OUT_OF_RANGE = 0x83  # impossible value
    SENSOR_FAILED = 0x84  # the device says its sensor is broken
    MALFORMED = 0x85  # the answer could not be read
    REFUSED = 0x86  # the device will not give this object
    UNKNOWN_STATE = 0x87  # a state code that the profile does not know

    @property
    def level(self) -> Level:
        return Level(self.value >> 6)

    @property
    def reason(self) -> str:
        """The reason in words for the edge, empty when good."""
        return "" if self is Quality.GOOD else self.name.lower().replace("_", " ")


LEVEL_SHIFT = 6
"""`quality >> LEVEL_SHIFT` is the level, for arrays too."""

LEVEL_NAMES = ("good", "uncertain", "bad")
"""Level names by level code, as they appear at every edge."""
