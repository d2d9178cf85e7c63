"""`kasbah record`: what a device holds, written down for whoever has no such device."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from agent.commands.access import credentials as access
from agent.recorders import ModbusRecorder, Recorder, SnmpRecorder
from collectors.address import parse_address
from collectors.profile import library
from collectors.recording import OBJECTS_MAX, ROOTS, outermost
from core.errors import ConfigError, KasbahError, Problem
from core.site import Poll

EXIT_FAILED = 1
TOLD_EVERY = 1000
"""Objects after which a log is told how far it is."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be recorded, and where to."""

    output: Path | None = None
    roots: Sequence[str] = ()
    limit: int = OBJECTS_MAX
    ranges: Sequence[str] = ()
    keep_private: bool = False
    force: bool = False


def record(
    address: str,
    options: Options,
    *,
    folders: Sequence[Path],
    community: str | None,
    credentials: str | None,
    timeout_s: float,
) -> None:
    """Write a recording. Leaves with 1 where the device is silent or gave only a part, 78 for a
    wrong address, subtree or range."""
    try:
        place = parse_address(address)
    except ValueError as error:
        raise ConfigError([Problem("command line", 0, "ADDRESS", str(error))]) from None
    snmp = place.scheme == "snmp"
    roots, ranges = _subtrees(options.roots), [_range(text) for text in options.ranges]
    output = options.output or Path("recording.snmprec" if snmp else "recording.csv")
    _check_output(output, ".snmprec" if snmp else ".csv", force=options.force)
    poll, shelf = Poll(timeout_s=timeout_s), library(*folders)
    recorder: Recorder
    if snmp:
        login = access(community, credentials)
        logins = [login]
        if credentials is None:
            logins = [replace(login, version="v2c"), replace(login, version="v1")]
        recorder = SnmpRecorder(place, logins, poll, shelf, roots=roots, limit=options.limit)
    else:
        recorder = ModbusRecorder(place, poll, shelf, ranges=ranges)
    progress = _Progress()
    try:
        asyncio.run(recorder.read(progress, _tell))
    except KeyboardInterrupt:
        recorder.troubles.append("interrupted")
    finally:
        progress.end()
    _finish(recorder, output, mask=not options.keep_private)


def _finish(recorder: Recorder, output: Path, *, mask: bool) -> None:
    """Write what was read, and say what is in it and what is missing."""
    lines = recorder.lines(mask=mask)
    if not lines:
        told = "; ".join(recorder.troubles) or "the device has nothing there"
        raise KasbahError(f"nothing was recorded: {told}")
    try:
        output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise KasbahError(f"{output} cannot be written: {error.strerror}") from error
    _tell(f"{output}: {len(lines)} lines; `kasbah simulate {output}` serves them")
    _tell(_privacy(recorder.masked if mask else None))
    for trouble in recorder.troubles:
        _tell(f"kasbah: {trouble}")
    if recorder.troubles:
        raise typer.Exit(EXIT_FAILED)


def _check_output(output: Path, suffix: str, *, force: bool) -> None:
    """Before the device is asked for minutes."""
    if output.suffix != suffix:
        message = f"'{output}': name it *{suffix}, by which `kasbah simulate` knows what it is"
        raise ConfigError([Problem("command line", 0, "--output", message)])
    if output.exists() and not force:
        raise KasbahError(f"{output} exists: name another file with -o, or add --force")
    if not output.parent.is_dir():
        raise KasbahError(f"there is no folder {output.parent} to write to")


def _subtrees(roots: Sequence[str]) -> list[str]:
    """The subtrees named, else those that profiles read."""
    names = [root.strip(".") for root in roots or ROOTS]
    for name in names:
        if not re.fullmatch(r"\d+(\.\d+)+", name):
            message = f"'{name}' is no object identifier: write 1.3.6.1.4.1 or the like"
            raise ConfigError([Problem("command line", 0, "--root", message)])
    return outermost(names)


def _range(text: str) -> tuple[int, int, int]:
    """`FC:FROM-TO` as function, first and last address."""
    match = re.fullmatch(r"([1-4]):(\d{1,5})(?:-(\d{1,5}))?", text)
    if match:
        fc, first, last = int(match[1]), int(match[2]), int(match[3] or match[2])
        if first <= last <= 0xFFFF:
            return fc, first, last
    message = f"'{text}' is no range: write 3:0-199, function and 0-based addresses"
    raise ConfigError([Problem("command line", 0, "--range", message)])


def _privacy(counts: Counter[str] | None) -> str:
    """What was done about private data, and what is left to do."""
    if counts is None:
        return "Private data was kept: names, places, serial numbers, addresses."
    kinds = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in sorted(counts.items()))
    return (
        f"masked: {kinds or 'nothing'}. Look through the file before you pass it on: passwords,"
        " people and places in the maker's own tables, and addresses within OIDs, are not"
        " recognised."
    )


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}{'es' if word.endswith('s') else 's'}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


class _Progress:
    """How far it is, on stderr: one line that moves on a terminal, few lines in a log."""

    def __init__(self) -> None:
        self._count = 0
        self._moves = sys.stderr.isatty()

    def __call__(self, at: str) -> None:
        self._count += 1
        if self._moves:
            line = f"{self._count} read, at {at}"
            print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)
        elif self._count % TOLD_EVERY == 0:
            _tell(f"{self._count} read, at {at}")

    def end(self) -> None:
        """Leave the line."""
        if self._moves and self._count:
            print(file=sys.stderr)
