"""`kasbah discover`: who is there? Says what it will send, asks for leave, looks, and prints what a
site file needs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json as json_
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
import yaml

from agent.clock import SystemClock
from agent.commands.access import credentials as access
from collectors.address import parse_address
from collectors.discovery import ADDRESSES_MAX, Found, Sweep, hosts_of, ports_of, units_of
from collectors.discovery import discover as sweep_networks
from collectors.profile import Library, library
from core.errors import Problem
from core.site import Credentials

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
TOLD_EVERY = 0.25
"""Parts of the whole after which a log is told how far it is."""

ID_MAX = 60
"""Letters of an id that is made of a name; a site file takes 64, and a number may follow."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked for, as words of the command line."""

    networks: Sequence[str]
    ports: str
    units: str
    community: str | None
    credentials: str | None
    timeout_s: float


def discover(wanted: Wanted, *, folders: Sequence[Path], yes: bool, json: bool) -> None:
    """Print what was found. Leaves with 1 where that is nothing, 2 for wrong words or where nobody
    can be asked, 78 for wrong credentials, 130 where it was interrupted."""
    sweep = _sweep(wanted)
    _tell("\n".join(announcement(sweep)))
    if not yes:
        _ask()
    progress = _Progress(len(sweep.hosts) * len(sweep.ports))
    complete = _look(sweep, library(*folders), progress)
    found = sorted(progress.found, key=_place)
    if json:
        print(json_.dumps(as_json(found, len(sweep.hosts), complete=complete), indent=2))
    elif found:
        own = [f"profiles: {json_.dumps(list(map(str, folders)))}"] if folders else []
        named = wanted.credentials is not None
        print("\n".join((*own, *as_yaml(found, sweep.credentials, named=named))))
    if not complete:
        _tell("interrupted: this is what was found until then")
        raise typer.Exit(EXIT_INTERRUPTED)
    if not found:
        _tell("nothing answers: are these the right networks and ports, and the right credentials?")
        raise typer.Exit(EXIT_FAILED)


def _sweep(wanted: Wanted) -> Sweep:
    """What to ask. Leaves with 2 and every mistake; raises ConfigError for wrong credentials."""
    problems: list[Problem] = []
    hosts = _each("CIDR", wanted.networks, hosts_of, problems)
    ports = _each("--ports", wanted.ports.split(","), ports_of, problems)
    units = _each("--units", wanted.units.split(","), units_of, problems)
    if len(hosts) > ADDRESSES_MAX:
        message = f"{len(hosts)} addresses are too many: {ADDRESSES_MAX} at most in one run"
        problems.append(Problem("command line", 0, "CIDR", message))
    if problems:
        _tell("\n".join(map(str, problems)))
        raise typer.Exit(EXIT_USAGE)
    login = access(wanted.community, wanted.credentials)
    sweep = Sweep(hosts, ports, login, units=units, timeout_s=wanted.timeout_s)
    return sweep if wanted.credentials is None else replace(sweep, versions=(login.version,))


def _each(
    key: str,
    words: Iterable[str],
    read: Callable[[str], tuple[Any, ...]],
    problems: list[Problem],
) -> tuple[Any, ...]:
    """What the words mean, once each in their order; what is wrong with them into `problems`."""
    meant: dict[Any, None] = {}
    for word in words:
        try:
            meant |= dict.fromkeys(read(word))
        except ValueError as error:
            problems.append(Problem("command line", 0, key, str(error)))
    return tuple(meant)


def _look(sweep: Sweep, profiles: Library, progress: _Progress) -> bool:
    """Find what is there; whether it came to its end."""
    try:
        asyncio.run(
            sweep_networks(
                sweep,
                library=profiles,
                clock=SystemClock(),
                found=progress.found.append,
                asked=progress.step,
            )
        )
    except KeyboardInterrupt:
        return False
    finally:
        progress.end()
    return True


def _place(found: Found) -> tuple[int, int, str, int, int]:
    """Sorts by address as a number, then protocol, port and unit."""
    address = parse_address(found.address)
    host = ipaddress.ip_address(address.host)
    return host.version, int(host), address.scheme, address.port, address.unit


def announcement(sweep: Sweep) -> Iterator[str]:
    """What will be sent, in lines for people."""
    hosts = sweep.hosts
    span = f"{hosts[0]} to {hosts[-1]}" if len(hosts) > 1 else hosts[0]
    yield f"{len(hosts)} address{'' if len(hosts) == 1 else 'es'} will be asked, {span}:"
    for port in sweep.ports:
        if port.protocol == "snmp":
            versions = " then ".join(sweep.versions)
            first = "the SNMP engine's id, then " if "v3" in sweep.versions else ""
            yield f"  UDP port {port.number}: {first}one SNMP GET of sysUpTime ({versions})"
        else:
            yield (
                f"  TCP port {port.number}: a connection; where it is accepted, one Modbus read of"
                f" a register of each unit ({_spans(sweep.units)}), one after the other"
            )
    yield (
        f"At most {sweep.rate_per_s:g} of these a second, {sweep.at_once} at once, within about"
        f" {max(1, round(sweep.lasts_s))} s. What answers is read some 20 to 40 times more to"
        " identify it. Nothing is written to any device."
    )


def _spans(units: Iterable[int]) -> str:
    """Units in their order, neighbours joined: 1-10, 247, 255."""
    spans: list[list[int]] = []
    for unit in sorted(units):
        if spans and unit == spans[-1][1] + 1:
            spans[-1][1] = unit
        else:
            spans.append([unit, unit])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def as_json(found: Sequence[Found], scanned: int, *, complete: bool = True) -> dict[str, object]:
    """The answer of `--json`: what is identified, what is not, how many addresses were asked, and
    whether it was not interrupted."""
    return {
        "devices": [
            {
                "id": name,
                "address": each.address,
                "profile": each.profile,
                "class": each.device_class,
                "vendor": each.nameplate.vendor,
                "model": each.nameplate.model,
                "serial": each.nameplate.serial,
                "firmware": each.nameplate.firmware,
                "snmp_version": each.snmp_version or None,
                "seen": each.seen,
            }
            for name, each in named_devices(found)
        ],
        "unknown": [
            {"address": each.address, "seen": each.seen} for each in found if not each.profile
        ],
        "scanned": scanned,
        "complete": complete,
    }


def as_yaml(found: Sequence[Found], credentials: Credentials, *, named: bool) -> Iterator[str]:
    """Entries of a site file; `named` says that the credentials stand in it already.

    A community is never printed: where it is not `public`, a comment says where to put it.
    """
    devices = dict(named_devices(found))
    versions = {name: each.snmp_version for name, each in devices.items() if each.snmp_version}
    secret = not named and credentials.community != "public"
    if secret and versions:
        yield from _advice(versions)
    elif "v1" in versions.values() and not named:
        yield "credentials:"
        yield "  discovered-v1: {version: v1, community: public}"
    yield "devices:" if devices else "devices: []"
    for name, each in devices.items():
        words = [f"id: {_plain(name)}", f"profile: {each.profile}", f'address: "{each.address}"']
        if each.snmp_version and named:
            words.append(f"credentials: {_plain(credentials.name)}")
        elif each.snmp_version == "v1" and not secret:
            words.append("credentials: discovered-v1")
        plate = each.nameplate
        told = ", ".join(filter(None, (plate.vendor, plate.model, plate.serial)))
        comment = f"  # {_one_line(f'{told} {each.seen}')}" if told or each.seen else ""
        yield f"  - {{{', '.join(words)}}}{comment}"
    for each in found:
        if not each.profile:
            yield f"  # {each.address}: {each.seen}"


def _advice(versions: dict[str, str]) -> Iterator[str]:
    """Where to put a community, by the version that devices speak."""
    yield "# The community is not printed. Write it into a file as its first line, and add"
    yield "# credentials:"
    for version in sorted(set(versions.values())):
        yield f"#   discovered-{version}: {{version: {version}, community_file: community.txt}}"
    for version in sorted(set(versions.values())):
        names = ", ".join(name for name, spoken in versions.items() if spoken == version)
        yield f"# and `credentials: discovered-{version}` to {names}."


def named_devices(found: Sequence[Found]) -> Iterator[tuple[str, Found]]:
    """What was identified, with an id that is not taken: its own name, else class and address."""
    taken: set[str] = set()
    for each in found:
        if not each.profile:
            continue
        address = parse_address(each.address)
        unit = f"-{address.unit}" if 1 < address.unit < 255 else ""
        name = _as_id(each.name) or _as_id(f"{each.device_class}-{address.host}{unit}")
        number = 2
        free = name
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        taken.add(free)
        yield free, each


def _as_id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:ID_MAX].rstrip("-")


def _plain(word: str) -> str:
    """A word as it is, in quotes where YAML would take it for something else: `on`, `17`."""
    return word if yaml.safe_load(word) == word else json_.dumps(word)


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
    """What was found, and how far it is, on stderr: one line that moves on a terminal, few lines in
    a log."""

    def __init__(self, total: int) -> None:
        self.found: list[Found] = []
        self._total = total
        self._done = 0
        self._moves = sys.stderr.isatty()
        self._told_at = TOLD_EVERY

    def step(self) -> None:
        """One more address and port was asked."""
        self._done += 1
        line = f"{self._done} of {self._total} asked, {len(self.found)} found"
        if self._moves:
            print(f"\r{line}", end="", file=sys.stderr, flush=True)
        elif self._done >= self._total * self._told_at:
            self._told_at += TOLD_EVERY
            _tell(line)

    def end(self) -> None:
        """Leave the line."""
        if self._moves:
            print(file=sys.stderr)
