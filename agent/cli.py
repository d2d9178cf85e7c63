"""The command line: words in, exit codes out. Each command imports what it needs when it is called,
since a command line that hesitates is not used at 03:12.

Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage, 78 bad configuration.
"""

from __future__ import annotations

import errno
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError, KasbahError

EXIT_FAILED = 1
EXIT_CONFIG = 78

_NO_MORE_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG))
"""What a full or failing disk answers where the output goes."""

app = typer.Typer(
    name="kasbah",
    help="Keeps watch over a data centre's power and cooling.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SitePath = Annotated[Path, typer.Argument(metavar="SITE.yaml", help="the site file")]
Host = Annotated[str, typer.Option(help="address the API listens on; loopback unless --open")]
Port = Annotated[int, typer.Option(help="port of the API, 0 for any free one", min=0, max=65535)]
StateDir = Annotated[Path | None, typer.Option(help="where history is kept")]
Open = Annotated[
    bool,
    typer.Option("--open", help="answer everybody who can reach --host: there are no accounts yet"),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
Community = Annotated[
    str | None,
    typer.Option(
        help="SNMP community; other users of this machine can see it: prefer KASBAH_COMMUNITY"
    ),
]
CredentialsFrom = Annotated[
    str | None,
    typer.Option(
        "--credentials", metavar="FILE:NAME", help="an entry of `credentials:` in a site file"
    ),
]
Timeout = Annotated[float, typer.Option(help="seconds to wait for an answer", min=0.05, max=60)]
Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--profiles",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="a folder with profiles of your own; they win over those that come with Kasbah",
    ),
]


class ExportFormat(StrEnum):
    """What `kasbah export` writes."""

    csv = "csv"
    parquet = "parquet"


@app.command()
def demo(
    site: Annotated[str, typer.Option(help="name of the simulated site")] = "nouaceur",
    host: Host = "127.0.0.1",
    port: Port = 8080,
    state_dir: StateDir = None,
    speed: Annotated[
        float, typer.Option(help="how much faster than real time", min=0.1, max=600)
    ] = 1.0,
    scenario: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@SECONDS]", help="start a scenario so many seconds later"),
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="stop after so long, e.g. 60s, 5m"),
    ] = None,
    open_: Open = False,
) -> None:
    """Start a simulated data centre and the agent on it."""
    from agent.commands.serve import demo as command

    command(
        site,
        host=host,
        port=port,
        state_dir=state_dir,
        speed=speed,
        scenarios=scenario or [],
        duration=for_,
        open_=open_,
    )


@app.command()
def run(
    site: SitePath,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    state_dir: StateDir = None,
    open_: Open = False,
) -> None:
    """Run the service on a site."""
    from agent.commands.serve import run as command

    command(site, host=host, port=port, state_dir=state_dir, open_=open_)


@app.command()
def check(site: SitePath, json: Json = False) -> None:
    """Check a site file offline and print every mistake."""
    from agent.commands.check import check as command

    command(site, json=json)


@app.command()
def probe(
    address: Annotated[str, typer.Argument(help="snmp://HOST[:161] or modbus://HOST[:502]/UNIT")],
    profile: Annotated[
        str | None, typer.Option(help="read it as this profile; left out: identify it")
    ] = None,
    folders: Folders = None,
    community: Community = None,
    credentials: CredentialsFrom = None,
    timeout: Timeout = 2.0,
    json: Json = False,
) -> None:
    """Poll one device once and show everything it says."""
    from agent.commands.probe import probe as command

    command(
        address,
        profile=profile,
        folders=folders or [],
        community=community,
        credentials=credentials,
        timeout_s=timeout,
        json=json,
    )


@app.command()
def discover(
    networks: Annotated[
        list[str], typer.Argument(metavar="CIDR...", help="networks to scan, e.g. 10.10.1.0/24")
    ],
    ports: Annotated[
        str,
        typer.Option(
            help="where to look: 1161 for either protocol, snmp:1161 or modbus:1502 for one of them"
        ),
    ] = "161,502",
    units: Annotated[
        str, typer.Option(help="Modbus units to look for behind an address")
    ] = "1,255,2-10,247",
    folders: Folders = None,
    community: Community = None,
    credentials: CredentialsFrom = None,
    timeout: Timeout = 1.0,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before sending")] = False,
    json: Json = False,
) -> None:
    """Find and identify devices; print entries ready to paste into a site file."""
    from agent.commands.discover import Wanted
    from agent.commands.discover import discover as command

    command(
        Wanted(networks, ports, units, community, credentials, timeout),
        folders=folders or [],
        yes=yes,
        json=json,
    )


@app.command()
def record(
    address: Annotated[str, typer.Argument(help="snmp://HOST[:161] or modbus://HOST[:502]/UNIT")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="file to write: recording.snmprec or recording.csv"),
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(metavar="OID", help="record this subtree only; may be given several times"),
    ] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="FC:FROM-TO", help="record these Modbus registers, too"),
    ] = None,
    max_objects: Annotated[
        int, typer.Option(help="of one subtree; more are a table without end", min=1)
    ] = 50_000,
    keep_private: Annotated[
        bool,
        typer.Option("--keep-private", help="do not mask names, serial numbers and addresses"),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="write over a file that exists")] = False,
    folders: Folders = None,
    community: Community = None,
    credentials: CredentialsFrom = None,
    timeout: Timeout = 2.0,
) -> None:
    """Write down what a device holds, private data masked."""
    from agent.commands.record import Options
    from agent.commands.record import record as command

    command(
        address,
        Options(output, root or [], max_objects, range_ or [], keep_private, force),
        folders=folders or [],
        community=community,
        credentials=credentials,
        timeout_s=timeout,
    )


@app.command()
def simulate(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="SITE.yaml|FILE.snmprec|FILE.csv", help="a site, or one recorded device"
        ),
    ],
    port: Annotated[
        int, typer.Option(help="port for a recording, 0 for any free one", min=0, max=65535)
    ] = 1161,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="stop after so long, e.g. 60s, 5m"),
    ] = None,
) -> None:
    """Serve simulated devices only."""
    from agent.commands.simulate import simulate as command

    command(what, port=port, duration=for_)


@app.command()
def profiles(
    name: Annotated[
        str | None, typer.Argument(help="show one profile with its points and sources")
    ] = None,
    folders: Folders = None,
    json: Json = False,
) -> None:
    """The device library: what is recognised, and what is read from it."""
    from agent.commands.profiles import profiles as command

    command(name, folders=folders or [], json=json)


@app.command()
def export(
    points: Annotated[
        list[str], typer.Argument(metavar="POINT...", help="e.g. ups-a1/output.active_power")
    ],
    from_: Annotated[str, typer.Option("--from", metavar="T", help="ISO 8601 or -1h")],
    to: Annotated[str, typer.Option(metavar="T", help="ISO 8601, -5m or now")] = "now",
    format: Annotated[ExportFormat, typer.Option(help="csv or parquet")] = ExportFormat.csv,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="file to write; csv goes to stdout without it"),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Write history out."""
    from agent.commands.export import export as command

    command(points, start=from_, end=to, format_=format.value, output=output, state_dir=state_dir)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[
        bool, typer.Option("--version", help="print the version and exit", is_eager=True)
    ] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"kasbah {installed('kasbah')}")
        raise typer.Exit


def main() -> None:
    """Run the command line and turn our own errors into sentences and exit codes."""
    try:
        app()
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except KasbahError as error:
        print(f"kasbah: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if error.errno not in _NO_MORE_ROOM:
            raise
        print(f"kasbah: the output cannot be written: {error.strerror}", file=sys.stderr)
        os._exit(EXIT_FAILED)  # what is still buffered cannot be written either
    except KeyboardInterrupt:
        sys.exit(130)
