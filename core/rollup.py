"""Sums over groups of points: by class, by place, by anything that a point has a key for.

Compiled once into a permutation, then one `reduceat` a tick. Groups without points, and points
without a usable value, are no zeros: their sum is NaN and their coverage says how much is there.
Knows no site and no quantity; who groups what is said by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.points import Point
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Bytes, Floats
from core.site import Site
from core.snapshot import PointView

_BAD = np.uint8(Level.BAD << LEVEL_SHIFT)


@dataclass(frozen=True, slots=True)
class Sums:
    """One entry a group, in the order of `groups`.

    `total` is the sum of the usable values, NaN where there is none. `quality` is the worst of
    them, `SUBNORMAL` or worse where some are missing, and bad where all are. `coverage` is the
    share of points with a usable value, 0 for a group without points.
    """

    groups: tuple[str, ...]
    total: Floats
    quality: Bytes
    coverage: Floats

    def __getitem__(self, group: str) -> tuple[float, Quality, float]:
        """Total, quality and coverage of one group. Raises ValueError for one that is not there."""
        i = self.groups.index(group)
        return float(self.total[i]), Quality(int(self.quality[i])), float(self.coverage[i])


class RollUp:
    """Sums of points; `key` names the groups that a point counts in: none, one, or all places that
    it is inside of.

    `groups` come first in the result, points or not, then those that keys bring, as they appear.
    """

    def __init__(
        self,
        points: Sequence[Point],
        key: Callable[[Point], Iterable[str]],
        groups: Sequence[str] = (),
    ) -> None:
        number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
        rows, of = [], []
        for row, point in enumerate(points):
            for group in key(point):
                rows.append(row)
                of.append(number.setdefault(group, len(number)))
        group_of = np.array(of, dtype=np.intp)
        order = np.argsort(group_of, kind="stable")
        self.groups = tuple(number)
        in_order = np.array(rows, dtype=np.intp)[order]
        # A table that stands in the order of its groups is read as it is.
        whole = bool(rows) and np.array_equal(in_order, np.arange(rows[0], rows[-1] + 1))
        self._rows = slice(rows[0], rows[-1] + 1) if whole else in_order
        self._filled, self._starts, self._sizes = np.unique(
            group_of[order], return_index=True, return_counts=True
        )

    def sum(self, value: Floats, quality: Bytes) -> Sums:
        """Sums over the columns of a point table; both have one entry a row."""
        n = len(self.groups)
        total, coverage = np.full(n, np.nan), np.zeros(n)
        worst = np.full(n, Quality.NOT_IMPLEMENTED, dtype=np.uint8)
        if len(self._filled):
            # reduceat gives an empty group the next element, so only filled groups are asked for.
            at, found, bytes_ = self._filled, value[self._rows], quality[self._rows]
            of_all = np.maximum.reduceat(bytes_, self._starts)
            if int(of_all.max()) < _BAD:
                total[at] = np.add.reduceat(found, self._starts)
                worst[at], coverage[at] = of_all, 1.0
            else:
                total[at], worst[at], coverage[at] = self._with_missing(found, bytes_, of_all)
        return Sums(self.groups, total, worst, coverage)

    def _with_missing(
        self, found: Floats, bytes_: Bytes, of_all: Bytes
    ) -> tuple[Floats, Bytes, Floats]:
        """Total, quality and coverage of the filled groups where some values are bad."""
        usable = bytes_ < _BAD
        # NaN times 0 is NaN, so bad values are replaced, not multiplied.
        sums = np.add.reduceat(np.where(usable, found, 0.0), self._starts)
        count = np.add.reduceat(usable.astype(np.intp), self._starts)
        of_usable = np.maximum.reduceat(np.where(usable, bytes_, 0), self._starts)
        missing = np.where(count < self._sizes, Quality.SUBNORMAL, 0)
        quality = np.where(count > 0, np.maximum(of_usable, missing), of_all).astype(np.uint8)
        return np.where(count > 0, sums, np.nan), quality, count / self._sizes


class Totals:
    """Totals of one quantity by class and by place, each place with all that is inside it.

    Only points that are a whole count (no instance), and of each device only those of `part`: a
    UPS has input and output, and their sum means nothing. Compiled again when the table has grown.
    """

    def __init__(self, site: Site, quantity: str, part: str) -> None:
        self._quantity, self._part = quantity, part
        self._classes = {device.id: (device.device_class,) for device in site.devices}
        parents = dict(site.places)
        self._places = {device.id: _around(device.place, parents) for device in site.devices}
        self._all_places = tuple(parents)
        self._compiled = -1
        self._by_class = self._by_place = RollUp((), lambda _: ())

    def by_class(self, view: PointView) -> Sums:
        """One total for each device class that has such points."""
        self._compile(view)
        return self._by_class.sum(view.value, view.quality)

    def by_place(self, view: PointView) -> Sums:
        """One total for each place of the site."""
        self._compile(view)
        return self._by_place.sum(view.value, view.quality)

    def _compile(self, view: PointView) -> None:
        if len(view.points) != self._compiled:
            self._compiled = len(view.points)
            self._by_class = RollUp(view.points, self._key(self._classes))
            self._by_place = RollUp(view.points, self._key(self._places), self._all_places)

    def _key(self, of: Mapping[str, tuple[str, ...]]) -> Callable[[Point], Iterable[str]]:
        def key(point: Point) -> Iterable[str]:
            name = point.name
            whole = name.quantity == self._quantity and name.part == self._part
            return of.get(point.device, ()) if whole and not name.instance else ()

        return key


def _around(place: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """The place and all places that it is inside of."""
    around: list[str] = []
    while place and place not in around:
        around.append(place)
        place = parents.get(place, "")
    return tuple(around)
