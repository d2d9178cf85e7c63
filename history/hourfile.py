"""One part of an hour as a Parquet file: written once, sorted by point, read by row group.

Owns the file format, which any tool opens: `time_ms int64, point dictionary<string>, value float64,
quality uint8`. Rows are sorted by point name and then by time, in small row groups with statistics,
so that a query for one point reads one or two of them. Columns are plain and packed with Zstandard:
points of one device share their times, and a repeated run of bytes packs better than deltas do
(figures in docs/history.md). Knows no journal and no series id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import SinkError
from core.readings import Indices
from history.block import Columns, Positions
from history.parts import make_folder, sync_folder, temporary

GROUP_ROWS = 32_768
"""Rows of a row group: about 45 points of an hour polled each 5 s. Half as many make the file
larger, twice as many make a query slower."""

SCHEMA = pa.schema(
    [
        ("time_ms", pa.int64()),
        ("point", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("quality", pa.uint8()),
    ],
    metadata={"kasbah.format": "1"},
)


def write(path: Path, rows: Columns, names: Sequence[str]) -> None:
    """Write `rows` so that `path` is either whole or absent, whatever happens meanwhile.

    `rows.key` is the place of the point in `names`, which is sorted. Raises OSError when the disk
    is full or failing.
    """
    make_folder(path.parent)
    unfinished = temporary(path)
    try:
        with unfinished.open("wb") as file:
            _write(file, rows, names)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read(path: Path, names: Sequence[str]) -> Columns:
    """Rows of these points (sorted names), in the order of the file; `key` is the place in `names`.

    Nothing for a file that is gone. Raises SinkError for one that cannot be read.
    """
    try:
        with pq.ParquetFile(path, read_dictionary=["point"]) as file:
            return Columns.joined(list(_read(file, names)))
    except FileNotFoundError:
        return Columns.joined([])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise SinkError(
            f"the history file {path} cannot be read ({error}): if it is damaged, move it away"
        ) from error


def _order(rows: Columns) -> Positions:
    """Positions by point, then by time. A stable sort by point does it where times never step
    back."""
    small = rows.key.max(initial=0) < 2**16
    key = rows.key.astype(np.uint16) if small else rows.key  # numpy sorts 16 bits by radix
    order = np.argsort(key, kind="stable")
    for group in _groups(len(order), overlap=1):
        near = order[group]
        time_ms, key = rows.time_ms[near], rows.key[near]
        if ((np.diff(time_ms) < 0) & (np.diff(key) == 0)).any():
            return np.lexsort((rows.time_ms, rows.key))
    return order


def _groups(length: int, *, overlap: int = 0) -> Iterator[slice]:
    """Row groups. Work goes group by group, because fresh memory costs more than sorting."""
    for start in range(0, length, GROUP_ROWS):
        yield slice(start, start + GROUP_ROWS + overlap)


def _write(file: Any, rows: Columns, names: Sequence[str]) -> None:
    order = _order(rows)
    writer = pq.ParquetWriter(
        file,
        SCHEMA,
        compression="zstd",
        compression_level=3,
        use_dictionary=["point", "quality"],
        write_statistics=["time_ms", "point"],
    )
    with writer:
        for group in _groups(len(order)):
            writer.write_batch(_batch(rows.where(order[group]), names), row_group_size=GROUP_ROWS)


def _batch(rows: Columns, names: Sequence[str]) -> Any:
    """A row group has a dictionary of its own points only: the writer would repeat a common one in
    each."""
    changes = np.flatnonzero(np.diff(rows.key)) + 1
    firsts = np.concatenate([[0], changes])
    lengths = np.diff(np.concatenate([firsts, [len(rows.key)]]))
    code = np.repeat(np.arange(len(firsts), dtype=np.int32), lengths)
    present = [names[key] for key in rows.key[firsts].tolist()]
    point = pa.DictionaryArray.from_arrays(pa.array(code), pa.array(present, pa.string()))
    return pa.record_batch(
        [pa.array(rows.time_ms), point, pa.array(rows.value), pa.array(rows.quality)],
        schema=SCHEMA,
    )


def _read(file: Any, names: Sequence[str]) -> Iterator[Columns]:
    metadata = file.metadata
    column = metadata.schema.names.index("point")
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            asked = names
        else:
            asked = [name for name in names if statistics.min <= name <= statistics.max]
        if asked:
            table = file.read_row_group(group, columns=SCHEMA.names, use_threads=False)
            yield _chosen(table.combine_chunks(), names)


def _chosen(table: Any, names: Sequence[str]) -> Columns:
    """The rows of a table whose point is asked for."""
    if not table.num_rows:
        return Columns.joined([])
    point = table.column("point").chunk(0)
    place = {name: key for key, name in enumerate(names)}
    key_of_code: Indices = np.array(
        [place.get(name, -1) for name in point.dictionary.to_pylist()], dtype=np.int32
    )
    key = key_of_code[point.indices.to_numpy()]
    hits = np.flatnonzero(key >= 0)
    return Columns(
        key[hits],
        table.column("time_ms").to_numpy()[hits],
        table.column("value").to_numpy()[hits],
        table.column("quality").to_numpy()[hits],
    )
