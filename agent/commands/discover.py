"""`kasbah discover`: who is there? Says what it will send, asks for leave, looks, and prints what a
site file needs.
"""

from __future__ import annotations

import asyncio
import json as json_
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from agent.clock import SystemClock
from agent.commands.access import credentials as access
from collectors.discovery import UNITS, Found, Sweep, hosts_of, ports_of
from collectors.discovery import discover as sweep_networks
from collectors.profile import library
from core.errors import ConfigError, Problem

EXIT_FAILED, EXIT_USAGE = 1, 2
TOLD_EVERY = 0.25
"""Parts of the whole after which a log is told how far it is."""


def discover(
    networks: Sequence[str],
    *,
    ports: str,
    folders: Sequence[Path],
    community: str | None,
    credentials: str | None,
    yes: bool,
    json: bool,
) -> None:
    """Print what was found. Leaves with 1 where that is nothing, 2 where nobody can be asked, 78
    for a wrong network or port."""
    problems: list[Problem] = []
    try:
        hosts = hosts_of(networks)
    except ValueError as error:
        problems.append(Problem("command line", 0, "CIDR", str(error)))
    try:
        wanted = ports_of(ports)
    except ValueError as error:
        problems.append(Problem("command line", 0, "--ports", str(error)))
    if problems:
        raise ConfigError(problems)
    login = access(community, credentials)
    sweep = Sweep(hosts, wanted, login)
    if credentials is not None:
        sweep = Sweep(hosts, wanted, login, versions=(login.version,))
    _tell("\n".join(announcement(sweep)))
    if not yes:
        _ask()
    progress = _Progress(len(hosts) * len(wanted))
    found = asyncio.run(
        sweep_networks(sweep, library=library(*folders), clock=SystemClock(), progress=progress)
    )
    progress.end()
    if json:
        print(json_.dumps(as_json(found, len(hosts)), indent=2))
    elif found:
        own = [f"profiles: {json_.dumps(list(map(str, folders)))}"] if folders else []
        print("\n".join((*own, *as_yaml(found, sweep, named=credentials is not None))))
    if not found:
        _tell("nothing answers: are these the right networks and ports, and the right community?")
        raise typer.Exit(EXIT_FAILED)


def announcement(sweep: Sweep) -> Iterator[str]:
    """What will be sent, in lines for people."""
    hosts = sweep.hosts
    span = f"{hosts[0]} to {hosts[-1]}" if len(hosts) > 1 else hosts[0]
    yield f"{len(hosts)} addresses will be asked, {span}:"
    for port in sweep.ports:
        if port.protocol == "snmp":
            versions = " then ".join(sweep.versions)
            yield f"  UDP port {port.number}: one SNMP GET of sysUpTime ({versions})"
        else:
            units = ", ".join(map(str, UNITS))
            yield (
                f"  TCP port {port.number}: a connection; where it is accepted, one Modbus read of"
                f" a register (unit {units}: the first that answers)"
            )
    yield (
        f"At most {sweep.rate_per_s:g} addresses a second, {sweep.at_once} at once, within about"
        f" {max(1, round(sweep.lasts_s))} s. What answers is read some 20 to 40 times more to"
        " identify it. Nothing is written to any device."
    )


def as_json(found: Sequence[Found], scanned: int) -> dict[str, object]:
    """The answer of `--json`: what is identified, what is not, how many addresses were asked."""
    return {
        "devices": [
            {
                "id": name,
                "address": each.address,
                "profile": each.profile,
                "device_class": each.device_class,
                "vendor": each.nameplate.vendor,
                "model": each.nameplate.model,
                "serial": each.nameplate.serial,
                "firmware": each.nameplate.firmware,
                "snmp_version": each.snmp_version or None,
            }
            for name, each in named_devices(found)
        ],
        "unidentified": [
            {"address": each.address, "seen": each.seen} for each in found if not each.profile
        ],
        "scanned": scanned,
    }


def as_yaml(found: Sequence[Found], sweep: Sweep, *, named: bool) -> Iterator[str]:
    """Entries of a site file; `named` says that the credentials stand in it already.

    A community is never printed: what has another one than `public` refers to a file.
    """
    logins = {} if named else dict(_logins(found, sweep.credentials.community))
    if logins:
        yield "credentials:"
        for version, keys in logins.items():
            yield f"  discovered-{version}: {keys}"
    devices = dict(named_devices(found))
    yield "devices:" if devices else "devices: []"
    for name, each in devices.items():
        words = [f"id: {name}", f"profile: {each.profile}", f'address: "{each.address}"']
        if each.snmp_version and named:
            words.append(f"credentials: {sweep.credentials.name}")
        elif each.snmp_version in logins:
            words.append(f"credentials: discovered-{each.snmp_version}")
        plate = each.nameplate
        told = ", ".join(filter(None, (plate.vendor, plate.model, plate.serial)))
        comment = f"  # {_one_line(told)}" if told else ""
        yield f"  - {{{', '.join(words)}}}{comment}"
    for each in found:
        if not each.profile:
            yield f"  # {each.address}: {each.seen}"


def _logins(found: Sequence[Found], community: str) -> Iterator[tuple[str, str]]:
    """Entries of `credentials:` that the devices need, by version: v2c with `public` needs none."""
    for version in sorted({each.snmp_version for each in found if each.profile} - {""}):
        if community != "public":
            yield (
                version,
                f"{{version: {version}, community_file: community.txt}}  # its first line",
            )
        elif version != "v2c":
            yield version, f"{{version: {version}, community: public}}"


def named_devices(found: Sequence[Found]) -> Iterator[tuple[str, Found]]:
    """What was identified, with an id made of its class and address, that is not taken."""
    taken: set[str] = set()
    for each in found:
        if not each.profile:
            continue
        host = re.sub(r"^\w+://|:\d+(/\d+)?$|[\[\]]", "", each.address)
        name = f"{each.device_class}-{host}".lower().replace("_", "-")
        name = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
        number = 2
        free = name
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        taken.add(free)
        yield free, each


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _ask() -> None:
    """Go on only with a yes."""
    if not sys.stdin.isatty():
        _tell("kasbah: nobody is there to be asked: add --yes to send this without asking")
        raise typer.Exit(EXIT_USAGE)
    if not typer.confirm("Send this?", err=True):
        _tell("nothing was sent")
        raise typer.Exit(EXIT_FAILED)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


class _Progress:
    """How far it is, on stderr: one line that moves on a terminal, few lines in a log."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._found = 0
        self._moves = sys.stderr.isatty()
        self._told_at = TOLD_EVERY

    def __call__(self, found: Found | None) -> None:
        self._done += 1
        self._found += found is not None
        line = f"{self._done} of {self._total} asked, {self._found} found"
        if self._moves:
            print(f"\r{line}", end="", file=sys.stderr, flush=True)
        elif self._done >= self._total * self._told_at:
            self._told_at += TOLD_EVERY
            _tell(line)

    def end(self) -> None:
        """Leave the line."""
        if self._moves:
            print(file=sys.stderr)
