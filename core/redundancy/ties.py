"""What ties may be that nobody knows of: a plant with them open, and with them closed.

Neither is the better one for certain: closed a tie feeds a bus that has lost its source, and loads
what is left with both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from core.redundancy.condition import Plant
from core.redundancy.graph import PowerGraph

ALL_OF = 3
"""Up to so many unknown ties every combination of them is judged. Of more: each one closed alone,
all but one, and all of them."""


def closed_instead(graph: PowerGraph, worst: Plant) -> list[Plant]:
    """A plant at its worst, in which unknown ties are open, with some of them closed instead."""
    unknown = [i for i in graph.sides if worst.conditions[i].unknown]
    return [
        worst.changed({i: replace(worst.conditions[i], in_service=True, selected=1) for i in shut})
        for shut in _combined(unknown)
    ]


def _combined(unknown: Sequence[int]) -> Iterator[tuple[int, ...]]:
    count = len(unknown)
    sizes = range(1, count + 1) if count <= ALL_OF else (1, count - 1, count)
    for size in sizes:
        yield from combinations(unknown, size)
