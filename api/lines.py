"""Lines of the Prometheus text format 0.0.4, drawn again only where a value changed.

Owns quoting and the caches; knows nothing of what is measured. Not safe for two threads at once.
Source: the exposition formats page of the Prometheus documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan

import numpy as np

from api.families import Family
from core.readings import Floats
from core.vocabulary import StateAxis

_QUOTED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def series(family: Family, values: Sequence[str]) -> str:
    """`name{label="value",...} `: a sample line up to its number. One value per label."""
    pairs = zip(family.labels, values, strict=True)
    inside = ",".join(f'{name}="{value.translate(_QUOTED)}"' for name, value in pairs)
    return f"{family.name}{{{inside}}} "


def block(family: Family, samples: Iterable[tuple[Sequence[str], float]]) -> bytes:
    """One small metric whole: label values and number of each sample. Empty without samples."""
    lines = [f"{series(family, values)}{float(value)!r}\n" for values, value in samples]
    return (family.head + "".join(lines)).encode() if lines else b""


class Lines:
    """One metric of many series. A series without a finite value has no line."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._prefix: list[bytes] = []
        self._line: list[bytes] = []
        self._value: Floats = np.empty(0)
        self._text = b""

    def add(self, values: Sequence[str]) -> None:
        """One more series, with these label values."""
        self._prefix.append(series(self._family, values).encode())
        self._line.append(b"")

    def render(self, values: Floats) -> bytes:
        """The metric whole: one value per series, in the order they were added."""
        fresh = np.where(np.isfinite(values), values, np.nan)
        if len(fresh) > len(self._value):
            missing = np.full(len(fresh) - len(self._value), np.nan)
            self._value = np.concatenate([self._value, missing])
        # Bits are compared: NaN differs from itself as a number.
        changed = np.flatnonzero(fresh.view(np.int64) != self._value.view(np.int64))
        if len(changed):
            line, draw = self._line, self._draw
            for row, value in zip(changed.tolist(), fresh[changed].tolist(), strict=True):
                line[row] = b"" if isnan(value) else draw(row, value)
            lines = b"".join(self._line)
            self._text = self._family.head.encode() + lines if lines else b""
            self._value = fresh
        return self._text

    def _draw(self, row: int, value: float) -> bytes:
        return b"%b%b\n" % (self._prefix[row], repr(value).encode())


class StateLines(Lines):
    """The metric of states: a series is one axis of one device, a line for each of its states."""

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        self._states: list[tuple[bytes, ...]] = []

    def add_axis(self, values: Sequence[str], axis: StateAxis) -> None:
        """One more axis; `values` are the labels before `state`."""
        lines = (series(self._family, (*values, state)).encode() for state in axis.states)
        self._states.append(tuple(lines))
        self._line.append(b"")

    def _draw(self, row: int, value: float) -> bytes:
        stands = int(value)
        return b"".join(
            b"%b%d\n" % (line, code == stands) for code, line in enumerate(self._states[row])
        )
