"""The catalogue of series: a small durable number for each point name.

Numbers keep the journal small; names go into everything that outlives it. Numbers are given on the
event loop and read by the worker threads: the list only grows, and a number is never given twice.
Knows no file: whoever writes the journal stores what `since` says is new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from core.readings import Indices

NewSeries: TypeAlias = list[tuple[int, str]]
"""Ids with their names."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """`rank[id]` is the place of a series in `names`, which is sorted."""

    names: list[str]
    rank: Indices


class Catalog:
    """Names by id and ids by name. Ids count from 1; id 0 stays free."""

    def __init__(self, known: Iterable[tuple[int, str]] = ()) -> None:
        self._names: list[str] = [""]
        self._ids: dict[str, int] = {}
        self._ranking = Ranking([""], np.zeros(1, dtype=np.int32))
        for series, name in sorted(known):
            self._names += [""] * (series + 1 - len(self._names))
            self._names[series] = name
            self._ids[name] = series

    def id_of(self, name: str) -> int:
        """The id of a point, a new one where it has none. Event loop only."""
        series = self._ids.get(name)
        if series is None:
            series = len(self._names)
            self._ids[name] = series
            self._names.append(name)
        return series

    def name_of(self, series: int) -> str:
        return self._names[series]

    @property
    def last_id(self) -> int:
        """The newest id, 0 where there is none."""
        return len(self._names) - 1

    def since(self, series: int, last: int) -> NewSeries:
        """The series with ids above `series`, up to and including `last`."""
        return list(enumerate(self._names[series + 1 : last + 1], series + 1))

    def ranking(self) -> Ranking:
        """The order of all names so far. One worker thread only; sorted again when there are new
        names."""
        names = self._names
        size = len(names)
        if len(self._ranking.rank) != size:
            order = np.array(names[:size], dtype=object).argsort(kind="stable")
            rank = np.empty(size, dtype=np.int32)
            rank[order] = np.arange(size, dtype=np.int32)
            self._ranking = Ranking([names[series] for series in order], rank)
        return self._ranking
