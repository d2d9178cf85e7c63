"""`kasbah run` and `kasbah demo`: the service, on real devices or on simulated ones."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent import logs
from agent.agent import Agent
from agent.clock import SystemClock
from agent.config.load import Configuration, load
from agent.config.schema import HistoryKeys
from agent.duration import parse_duration_s
from agent.secretfile import first_line
from agent.web import WebServer, is_loopback
from core.errors import ConfigError, KasbahError, Problem
from history.influx import InfluxTarget
from history.store import History, Retention
from simulator.service import SimulatedSite, with_addresses

SITES = Path(__file__).parents[2] / "simulator" / "sites"
"""The simulated sites that come with Kasbah."""

GIB = 2**30
DAY_S = 86400.0


def run(site: Path, *, host: str, port: int, state_dir: Path | None, open_: bool) -> None:
    """Run the service until SIGTERM or SIGINT."""
    logs.configure(json=not sys.stderr.isatty())
    configuration = load(site)
    web = _web(host, port, open_=open_)
    directory = state_dir or _default_state_dir(configuration.site.id)
    with _locked(directory):
        count = len(configuration.site.devices)
        _say(f"{configuration.site.name}: {count} device{'' if count == 1 else 's'}", web)
        _main(_serve(configuration, SystemClock(), directory, web, duration_s=None))


def demo(
    site: str,
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    speed: float,
    scenarios: list[str],
    duration: str | None,
    open_: bool,
) -> None:
    """Start a simulated site and the agent on it, until SIGTERM, SIGINT or the duration is over."""
    logs.configure(json=not sys.stderr.isatty())
    try:
        duration_s = None if duration is None else parse_duration_s(duration)
        wanted = [_scenario(text) for text in scenarios]
    except ValueError as error:
        raise ConfigError([Problem("command line", 0, "", str(error))]) from None
    configuration = load(_demo_site(site))
    clock = SystemClock(speed)
    simulated = SimulatedSite(configuration.site, clock, profiles=configuration.profiles)
    unknown = [name for name, _ in wanted if name not in simulated.names()]
    if unknown:
        known = ", ".join(simulated.names())
        message = f"there is no scenario '{unknown[0]}': choose one of {known}"
        raise ConfigError([Problem("command line", 0, "--scenario", message)])
    web = _web(host, port, open_=open_)
    with _directory(state_dir) as directory, _locked(directory):
        _main(
            _demo(
                configuration,
                simulated,
                clock,
                directory,
                web,
                wanted=wanted,
                duration_s=duration_s,
            )
        )


async def _demo(
    configuration: Configuration,
    simulated: SimulatedSite,
    clock: SystemClock,
    directory: Path,
    web: WebServer,
    *,
    wanted: list[tuple[str, float]],
    duration_s: float | None,
) -> None:
    stop = _stop_on_signals()
    bound = await simulated.start(ephemeral=True)
    try:
        site = with_addresses(configuration.site, bound)
        _say(f"Demo: {site.name}, {len(site.devices)} simulated devices", web)
        for name, after_s in wanted:
            simulated.schedule(name, after_s)
        async with asyncio.TaskGroup() as group:
            physics = group.create_task(simulated.run())
            await _serve(
                replace(configuration, site=site),
                clock,
                directory,
                web,
                duration_s=duration_s,
                simulated=simulated,
                stop=stop,
            )
            physics.cancel()
    finally:
        await simulated.close()


async def _serve(
    configuration: Configuration,
    clock: SystemClock,
    directory: Path,
    web: WebServer,
    *,
    duration_s: float | None,
    simulated: SimulatedSite | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the agent until it is told to stop."""
    stop = stop or _stop_on_signals()
    history = History.open(
        directory,
        site=configuration.site,
        clock=clock,
        retention=_retention(configuration.history),
        influx=_influx(configuration),
    )
    agent = Agent(configuration, clock, history, scenarios=simulated)
    if duration_s is not None:
        asyncio.get_running_loop().call_later(duration_s, stop.set)
    await agent.run(web, stop)


def _stop_on_signals() -> asyncio.Event:
    """An event that a signal sets. Asked for before anything is opened, so that a signal that comes
    while the agent starts ends it in good order, too."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _main(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is installed. An error of ours inside task groups is raised bare."""
    try:
        with asyncio.Runner(loop_factory=event_loop) as runner:
            runner.run(main)
    except BaseExceptionGroup as group:
        known, bugs = group.split(KasbahError)
        if known is None or bugs is not None:
            raise
        raise _leaves(known)[0] from None


def event_loop() -> asyncio.AbstractEventLoop:
    """A new loop: uvloop's where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    """The errors of nested groups, flat."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _web(host: str, port: int, *, open_: bool) -> WebServer:
    """The bound API. Raises KasbahError where the address is not allowed or not free."""
    if not is_loopback(host):
        if not open_:
            raise KasbahError(
                f"without accounts the API answers on loopback only, and {host} is not: "
                "add --open to let everybody who reaches it see everything"
            )
        print(
            f"WARNING: --open: everybody who can reach {host} sees this site and can use its API.",
            file=sys.stderr,
        )
    return WebServer(host, port)


def _say(title: str, web: WebServer) -> None:
    """Where to look, for the person who started it."""
    print(title)
    for what, path in (
        ("status", "/api/v1/status"),
        ("metrics", "/metrics"),
        ("API pages", "/docs"),
    ):
        print(f"  {what:<10} {web.url}{path}")
    print("Stop with Ctrl-C.", flush=True)


def _scenario(text: str) -> tuple[str, float]:
    """`NAME[@SECONDS]`. Raises ValueError with a sentence."""
    name, _, after = text.partition("@")
    return name, parse_duration_s(after) if after else 0.0


def _demo_site(name: str) -> Path:
    """A site that comes with Kasbah by its name, or any site file by its path."""
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        return path
    known = sorted(found.stem for found in SITES.glob("*.yaml"))
    if name not in known:
        message = f"there is no simulated site '{name}': choose {', '.join(known)} or a site file"
        raise ConfigError([Problem("command line", 0, "--site", message)])
    return SITES / f"{name}.yaml"


def _default_state_dir(site: str) -> Path:
    """Systemd's state directory, else the user's (XDG base directory specification)."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "kasbah" / site


@contextlib.contextmanager
def _directory(state_dir: Path | None) -> Iterator[Path]:
    """The directory given, or one that is gone afterwards."""
    if state_dir is not None:
        yield state_dir
        return
    with tempfile.TemporaryDirectory(prefix="kasbah-demo-") as directory:
        yield Path(directory)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the state directory: two agents on one history would spoil it. Raises KasbahError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w", encoding="utf-8")
    except OSError as error:
        raise KasbahError(
            f"the state directory {directory} cannot be used: {error.strerror}: "
            "choose one with --state-dir"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise KasbahError(
                f"another Kasbah uses {directory}: stop it, or choose another with --state-dir"
            ) from None
        yield


def _retention(keys: HistoryKeys) -> Retention:
    return Retention(age_s=keys.retention_days * DAY_S, max_bytes=int(keys.max_gb * GIB))


def _influx(configuration: Configuration) -> InfluxTarget | None:
    keys = configuration.history.influx
    if keys is None:
        return None
    if keys.token_file is not None:
        token = first_line(Path(configuration.site.path).parent / keys.token_file)
    else:
        token = os.environ.get(keys.token_env or "", "")
        if not token:
            message = f"the environment variable {keys.token_env} is empty: it must hold the token"
            path = configuration.site.path
            raise ConfigError([Problem(path, 0, "history.influx.token_env", message)])
    return InfluxTarget(url=keys.url, org=keys.org, bucket=keys.bucket, token=token)
