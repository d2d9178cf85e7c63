"""`kasbah probe`: one full poll of one device, for the engineer who stands before it."""

from __future__ import annotations

import asyncio
import dataclasses
import json as json_
from collections.abc import Sequence
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.access import credentials as access
from collectors.address import parse_address
from collectors.clients import Clients
from collectors.probe import ProbeResult
from collectors.probe import probe as probe_once
from collectors.profile import Library, library
from core.errors import ConfigError, Problem
from core.site import Credentials
from core.words import nearest


def probe(
    address: str,
    *,
    profile: str | None,
    folders: Sequence[Path],
    community: str | None,
    credentials: str | None,
    timeout_s: float,
    json: bool,
) -> None:
    """Print what the device says. Leaves with 1 when it is silent, with 78 for a wrong address or
    profile."""
    try:
        parse_address(address)
    except ValueError as error:
        raise ConfigError([Problem("command line", 0, "ADDRESS", str(error))]) from None
    shelf = library(*folders)
    if profile is not None and profile not in shelf.names():
        message = f"there is no profile '{profile}'{nearest(profile, shelf.names())}"
        raise ConfigError([Problem("command line", 0, "--profile", message)])
    result = asyncio.run(_probe(address, profile, shelf, access(community, credentials), timeout_s))
    if json:
        print(json_.dumps(dataclasses.asdict(result), indent=2, allow_nan=False))
    else:
        _show(result)


async def _probe(
    address: str, profile: str | None, shelf: Library, credentials: Credentials, timeout_s: float
) -> ProbeResult:
    clients = Clients.open()
    try:
        return await probe_once(
            address,
            profile=profile,
            credentials=credentials,
            clients=clients,
            library=shelf,
            clock=SystemClock(),
            timeout_s=timeout_s,
        )
    finally:
        await clients.close()


def _show(result: ProbeResult) -> None:
    """Columns for a terminal; nothing is cut off, whatever its width."""
    print(f"{result.address}: {result.device_class}, profile {result.profile}")
    words = [result.vendor, result.model, result.serial, result.firmware]
    print("  " + " · ".join(printable(word) for word in words if word))
    rows = [("point", "value", "", "quality", "source", "raw")]
    for reading in result.readings:
        value = "-" if reading.value is None else f"{reading.value:.6g}"
        rows.append(
            (reading.point, value, reading.unit, reading.quality, reading.source, str(reading.raw))
        )
    for state in result.states:
        severity = "" if state.severity == "ok" else state.severity
        value = state.value or "-"
        rows.append((state.point, value, severity, state.quality, state.source, str(state.raw)))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join((*cells, printable(row[5]))).rstrip())
    for error in result.errors:
        print(f"error: {error}")


def printable(text: str) -> str:
    """Text from a device, made harmless for a terminal: control characters become '?'."""
    return "".join(char if char.isprintable() else "?" for char in text)
