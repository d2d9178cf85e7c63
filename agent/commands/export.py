"""`kasbah export`: history out, as CSV or Parquet, from the state directory of a site."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.duration import parse_time
from core.errors import ConfigError, KasbahError, Problem
from core.points import parse_point
from core.quality import LEVEL_NAMES, LEVEL_SHIFT

Row = tuple[float, str, float, int]
CHUNK = 50_000


def export(
    points: list[str],
    *,
    start: str,
    end: str,
    format_: str,
    output: Path | None,
    state_dir: Path | None,
) -> None:
    """Write the rows of these points. Leaves with 1 when history holds none of them."""
    now = SystemClock().now()
    try:
        for text in points:
            parse_point(text)
        start_s, end_s = parse_time(start, now), parse_time(end, now)
        if start_s >= end_s:
            raise ValueError(f"--from {start} is not before --to {end}")  # noqa: TRY301 - one way out
    except ValueError as error:
        raise ConfigError([Problem("command line", 0, "", str(error))]) from None
    if state_dir is None:
        message = "say which history: --state-dir, the one that `kasbah run` uses"
        raise ConfigError([Problem("command line", 0, "--state-dir", message)])
    if format_ == "parquet" and output is None:
        message = "Parquet is no text: name the file with --output"
        raise ConfigError([Problem("command line", 0, "--output", message)])
    from history.store import open_reader  # noqa: PLC0415 - heavy, and only for this

    reader = open_reader(state_dir)
    unknown = [point for point in points if not reader.known(point)]
    if unknown:
        raise KasbahError(f"history in {state_dir} does not hold {', '.join(unknown)}")
    rows = reader.rows(points, start_s, end_s)
    try:
        count = _csv(rows, output) if format_ == "csv" else _parquet(rows, output)
    except OSError as error:
        if output is None:
            raise
        why = os.strerror(error.errno) if error.errno else str(error)
        raise KasbahError(f"{output} cannot be written: {why}") from error
    print(f"{count} row{'' if count == 1 else 's'}", file=sys.stderr)


def _csv(rows: Iterable[Row], output: Path | None) -> int:
    with output.open("w", newline="", encoding="utf-8") if output else _stdout() as file:
        writer = csv.writer(file)
        writer.writerow(["time", "point", "value", "quality"])
        count = 0
        for time, point, value, quality in rows:
            moment = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
            level = LEVEL_NAMES[quality >> LEVEL_SHIFT]
            shown = "" if value != value else repr(value)  # noqa: PLR0124 - NaN is not itself
            writer.writerow([moment.replace("+00:00", "Z"), point, shown, level])
            count += 1
    return count


def _stdout() -> Any:
    import contextlib  # noqa: PLC0415 - one line needs it

    return contextlib.nullcontext(sys.stdout)


def _parquet(rows: Iterable[Row], output: Path | None) -> int:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for this format
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    schema = pa.schema(
        [
            ("time_ms", pa.int64()),
            ("point", pa.dictionary(pa.int32(), pa.string())),
            ("value", pa.float64()),
            ("quality", pa.uint8()),
        ]
    )
    count = 0
    with pq.ParquetWriter(output, schema) as writer:
        chunk: list[Row] = []
        for row in rows:
            chunk.append(row)
            count += 1
            if len(chunk) >= CHUNK:
                writer.write_table(_table(chunk, schema))
                chunk.clear()
        if chunk:
            writer.write_table(_table(chunk, schema))
    return count


def _table(rows: list[Row], schema: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for this format

    times, points, values, qualities = zip(*rows, strict=True)
    return pa.table(
        {
            "time_ms": [round(time * 1000) for time in times],
            "point": pa.array(points).dictionary_encode(),
            "value": list(values),
            "quality": list(qualities),
        },
        schema=schema,
    )
