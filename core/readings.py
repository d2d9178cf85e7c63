"""What a poll brings: one batch of values of one device, already in Kasbah's units."""

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
    """Values of one answer, by row of the point table.

    `time` is UTC seconds by our clock when the device answered. The four arrays have one length
    and no row twice; `value` is NaN exactly where the quality is bad. States travel as their
    numeric code with a severity (`core.vocabulary.Severity`); severity is 0 (ok) for plain numbers.
    """

    device: str
    time: float
    index: Rows
    value: Floats
    quality: Bytes
    severity: Bytes
