"""`kasbah record`: what a device holds, written down for whoever has no such device."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from agent.clock import SystemClock
from agent.commands.access import credentials as access
from collectors.address import Address, parse_address
from collectors.clients import Clients
from collectors.masking import Masker
from collectors.probe import probe
from collectors.profile import Library, library
from collectors.reader import SnmpReader
from collectors.recording import OBJECTS_MAX, ROOTS, Taken, outermost, take
from collectors.snmp.codec import VarBind
from core.errors import ConfigError, DeviceError, DeviceTimeout, KasbahError, Problem
from core.site import Credentials, Poll
from simulator.recording import format_line

EXIT_FAILED, EXIT_USAGE = 1, 2
TOLD_EVERY = 1000
"""Objects after which a log is told how far it is."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be recorded, and where to."""

    output: Path
    roots: Sequence[str] = ()
    limit: int = OBJECTS_MAX
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
    """Write a recording. Leaves with 1 where the device is silent or gave only a part, 2 where it
    does not speak SNMP, 78 for a wrong address or subtree."""
    place = _place(address)
    roots = _subtrees(options.roots)
    output = options.output
    if output.exists() and not options.force:
        raise KasbahError(f"{output} exists: name another file with -o, or add --force")
    if not output.parent.is_dir():
        raise KasbahError(f"there is no folder {output.parent} to write to")
    login = access(community, credentials)
    logins = [login]
    if credentials is None:
        logins = [replace(login, version="v2c"), replace(login, version="v1")]
    taken, masker, progress = Taken(), None if options.keep_private else Masker(), _Progress()
    device = _Device(place, logins, timeout_s, library(*folders))
    try:
        asyncio.run(device.read(roots, options.limit, taken, masker, progress))
    except KeyboardInterrupt:
        taken.troubles.append("interrupted")
    finally:
        progress.end()
    if not taken.binds:
        told = "; ".join(taken.troubles) or "the device has nothing in these subtrees"
        raise KasbahError(f"nothing was recorded: {told}")
    _write(output, taken.binds if masker is None else masker.mask(taken.binds))
    _tell(f"{output}: {len(taken.binds)} objects; `kasbah simulate {output}` serves them")
    _tell(_privacy(None if masker is None else masker.counts))
    for trouble in taken.troubles:
        _tell(f"kasbah: {trouble}")
    if taken.troubles:
        raise typer.Exit(EXIT_FAILED)


class _Device:
    """The device that is recorded. Of `logins` the first counts that it answers to."""

    def __init__(
        self, place: Address, logins: Sequence[Credentials], timeout_s: float, shelf: Library
    ) -> None:
        self._place = place
        self._logins = logins
        self._timeout_s = timeout_s
        self._library = shelf

    async def read(
        self,
        roots: Sequence[str],
        limit: int,
        taken: Taken,
        masker: Masker | None,
        progress: _Progress,
    ) -> None:
        """Find out how to ask and what is private, and take everything. Raises DeviceError."""
        clients = Clients.open()
        try:
            reader, login = await self._reached(clients)
            if masker is not None:
                await self._learn(masker, login, clients)
            await take(reader, roots, taken, clock=SystemClock(), limit=limit, progress=progress)
        finally:
            await clients.close()

    async def _reached(self, clients: Clients) -> tuple[SnmpReader, Credentials]:
        """A reader in the first version that is answered."""
        silence: list[DeviceTimeout] = []
        for login in self._logins:
            reader = SnmpReader(clients, self._place, login, Poll(timeout_s=self._timeout_s))
            try:
                await reader.contact()
            except DeviceTimeout as error:
                silence.append(error)
                continue
            if silence:
                _tell(f"it answers SNMP {login.version} only: poll it with credentials that say so")
            return reader, login
        raise silence[0]

    async def _learn(self, masker: Masker, login: Credentials, clients: Clients) -> None:
        """Which serial numbers there are, by the profile that fits."""
        if login.community not in {"public", "private"}:
            masker.secrets = (login.community,)
        try:
            told = await probe(
                str(self._place),
                credentials=login,
                clients=clients,
                library=self._library,
                clock=SystemClock(),
                timeout_s=self._timeout_s,
            )
        except DeviceError:
            _tell("no profile fits: of serial numbers only those in ENTITY-MIB are known")
            return
        _tell(f"read by profile {told.profile}")
        masker.serial = told.serial
        masker.public = (told.vendor, told.model, told.firmware)
        where = self._library.load(told.profile).identity.serial
        if where is not None and where.oid and not where.pattern:
            masker.serials = (where.oid.removesuffix(".0") + ".0",)
            if not where.oid.endswith(".0"):  # a column: other rows have serial numbers, too
                masker.serials = (where.oid.rpartition(".")[0],)


def _place(address: str) -> Address:
    try:
        place = parse_address(address)
    except ValueError as error:
        raise ConfigError([Problem("command line", 0, "ADDRESS", str(error))]) from None
    if place.scheme != "snmp":
        _tell("kasbah: only SNMP devices can be recorded, yet; `kasbah probe` reads Modbus devices")
        raise typer.Exit(EXIT_USAGE)
    return place


def _subtrees(roots: Sequence[str]) -> list[str]:
    """The subtrees named, else those that profiles read."""
    names = [root.strip(".") for root in roots or ROOTS]
    for name in names:
        words = name.split(".")
        if len(words) < 2 or not all(word.isdecimal() for word in words):
            message = f"'{name}' is no object identifier: write 1.3.6.1.4.1 or the like"
            raise ConfigError([Problem("command line", 0, "--root", message)])
    return outermost(names)


def _write(path: Path, binds: Iterable[VarBind]) -> None:
    text = "".join(f"{format_line(bind)}\n" for bind in binds)
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise KasbahError(f"{path} cannot be written: {error.strerror}") from error


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

    def __call__(self, bind: VarBind) -> None:
        self._count += 1
        line = f"{self._count} objects, at {bind.oid}"
        if self._moves:
            print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)
        elif self._count % TOLD_EVERY == 0:
            _tell(line)

    def end(self) -> None:
        """Leave the line."""
        if self._moves and self._count:
            print(file=sys.stderr)
