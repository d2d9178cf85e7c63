"""From readings of one point to a Series of buckets. Pure arithmetic on arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.contracts import Series
from core.points import parse_point
from core.quality import LEVEL_SHIFT, Level
from core.readings import Floats
from history.block import Columns


def bucketed(point: str, rows: Columns, *, start: float, end: float, buckets: int) -> Series:
    """`rows` of one point in time order, in at most `buckets` buckets of equal length.

    `start <= t < end` in UTC seconds; rows outside are left out. Bad readings count for `quality`
    only. A state code has no mean: there `mean` is `last`; `min` and `max` differ where the state
    changed. Raises ValueError for a range or a number of buckets that is not positive.
    """
    if not start < end:
        raise ValueError(f"history ends at {end} before it begins at {start}")
    if buckets < 1:
        raise ValueError(f"{buckets} buckets: at least one is needed")
    time = rows.time_ms / 1000
    inside = (time >= start) & (time < end)
    time, value, quality = time[inside], rows.value[inside], rows.quality[inside]
    width = (end - start) / buckets
    bucket = np.minimum(((time - start) / width).astype(np.int64), buckets - 1)
    if not len(bucket):
        empty = np.empty(0)
        return Series(point, empty, empty, empty, empty, empty, np.empty(0, dtype=np.uint8))
    first = np.concatenate([[0], np.flatnonzero(np.diff(bucket)) + 1])
    usable = (quality >> LEVEL_SHIFT < Level.BAD) & np.isfinite(value)
    shown = np.where(usable, value, np.nan)
    low, high = np.fmin.reduceat(shown, first), np.fmax.reduceat(shown, first)
    newest = np.maximum.reduceat(np.where(usable, np.arange(len(value)), -1), first)
    last = np.where(newest >= 0, value[newest], np.nan)
    return Series(
        point=point,
        t=start + bucket[first] * width,
        min=low,
        mean=last if _is_state(point) else np.clip(_mean(value, usable, first), low, high),
        max=high,
        last=last,
        quality=np.maximum.reduceat(quality, first),
    )


def _mean(value: Floats, usable: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]) -> Floats:
    """Mean of the usable values from each `first` to the next, NaN where there is none."""
    total = np.add.reduceat(np.where(usable, value, 0.0), first)
    count = np.add.reduceat(usable.astype(np.int64), first)
    mean: Floats = np.full(len(first), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _is_state(point: str) -> bool:
    """Whether the values are state codes. A name that is no longer in the vocabulary is a
    number."""
    try:
        return parse_point(point).name.axis is not None
    except ValueError:
        return False
