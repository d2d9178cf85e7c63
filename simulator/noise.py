"""Chance without state: every value is a function of a seed and a time, so a run repeats exactly.

Reading a value never changes what is read later, which a stream of random numbers would.
"""

from __future__ import annotations

import zlib

_MASK = (1 << 64) - 1


def seed_of(seed: int, name: str) -> int:
    """A seed of its own for each named thing."""
    return (zlib.crc32(name.encode()) << 32 | zlib.crc32(name[::-1].encode())) ^ _mix(seed)


def uniform(seed: int, index: int = 0) -> float:
    """A number in -1..1 that depends on nothing but its arguments."""
    return _mix(seed + index * 0x9E3779B97F4A7C15) / (1 << 63) - 1.0


def smooth(seed: int, time: float, period_s: float) -> float:
    """Noise in -1..1 that wanders from one value to the next in `period_s`, without a jump."""
    cell, rest = divmod(time / period_s, 1.0)
    weight = rest * rest * (3.0 - 2.0 * rest)
    before = uniform(seed, int(cell))
    return before + (uniform(seed, int(cell) + 1) - before) * weight


class Jitter:
    """Small independent numbers in -1..1 for the readings of one device at one instant."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, tick: int) -> None:
        self._state = _mix(seed ^ (tick * 0x9E3779B97F4A7C15 & _MASK))

    def __call__(self) -> float:
        # The multiplier is Knuth's for a 64-bit linear congruential generator (TAOCP 3.3.4).
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & _MASK
        return (self._state >> 11) / (1 << 52) - 1.0


def _mix(value: int) -> int:
    """Finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output
    bit."""
    value &= _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)
