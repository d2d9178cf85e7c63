"""Where the hours lie on the disk: `STATE/history/YYYY/MM/DD/HH.parquet`, all in UTC.

Readings that come after their hour was sealed go into a second part of it, `HH.1.parquet`, and so
on. The directory is the only list of parts: files may be copied in, and taken away, while Kasbah
runs. Knows paths and sizes, not what is inside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FOLDER = "history"
HOUR_S = 3600

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"(\d\d)(?:\.(\d+))?\.parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """One file: UTC hours since 1970, number within the hour, place."""

    hour: int
    number: int
    path: Path


def parts(directory: Path, first_hour: int, last_hour: int) -> list[Part]:
    """Parts of these hours (both ends included), oldest hour first, then by number."""
    found = []
    for day_hour, day in _days(directory):
        if day_hour + 23 < first_hour or day_hour > last_hour:
            continue
        for name in _names(day):
            match = _NAME.fullmatch(name)
            if match is None or int(match[1]) > 23:
                continue
            hour = day_hour + int(match[1])
            if first_hour <= hour <= last_hour:
                found.append(Part(hour, int(match[2] or 0), day / name))
    return sorted(found, key=lambda part: (part.hour, part.number))


def next_path(directory: Path, hour: int) -> Path:
    """The path of the next part of an hour."""
    taken = [part.number for part in parts(directory, hour, hour)]
    number = max(taken, default=-1) + 1
    name = f"{hour % 24:02}.{number}.parquet" if number else f"{hour % 24:02}.parquet"
    return directory / f"{_EPOCH + timedelta(hours=hour):%Y/%m/%d}" / name


def temporary(path: Path) -> Path:
    """Where a part is written before it is renamed."""
    return path.with_name(f".{path.name}.tmp")


def size_of(part: Part) -> int:
    """Bytes, 0 for a part that is gone meanwhile."""
    try:
        return part.path.stat().st_size
    except FileNotFoundError:
        return 0


def remove(part: Part) -> None:
    """Delete a part, and its directories where they are empty now."""
    part.path.unlink(missing_ok=True)
    for folder in list(part.path.parents)[:3]:
        try:
            folder.rmdir()
        except OSError:
            return


def make_folder(folder: Path) -> None:
    """Make a folder and its parents so that they are still there after a power loss."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for step in reversed(missing):
        step.mkdir(exist_ok=True)
        sync_folder(step.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _days(directory: Path) -> Iterator[tuple[int, Path]]:
    """(first hour, folder) of each day there is."""
    for year in _names(directory):
        for month in _names(directory / year):
            for day in _names(directory / year / month):
                try:
                    moment = datetime.strptime(f"{year}-{month}-{day} +0000", "%Y-%m-%d %z")
                except ValueError:
                    continue  # not ours
                hour = round((moment - _EPOCH).total_seconds()) // HOUR_S
                yield hour, directory / year / month / day


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
