"""What polls bring: batches of values, already in Kasbah's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int32]
Rows: TypeAlias = npt.NDArray[np.intp]
"""Rows of the point table, in the one type that numpy takes as an index without converting it."""
Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Batch:
    """Values of some answers, one after the other, by row of the point table.

    Answer k came at `time[k]`, UTC seconds by our clock, and has the next `count[k]` entries of the
    four other arrays. Within one answer no row comes twice; a later answer counts more. `value` is
    NaN exactly where the quality is bad. States travel as their numeric code with a severity
    (`core.vocabulary.Severity`); severity is 0 (ok) for plain numbers.
    """

    time: Floats
    count: Rows
    index: Rows
    value: Floats
    quality: Bytes
    severity: Bytes

    @classmethod
    def of(cls, time: float, index: Rows, value: Floats, quality: Bytes, severity: Bytes) -> Batch:
        """A batch of one answer."""
        count = np.array([len(index)], dtype=np.intp)
        return cls(np.array([time]), count, index, value, quality, severity)
