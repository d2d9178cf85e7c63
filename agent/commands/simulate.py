"""`kasbah simulate`: only the devices, for trying other software, or Kasbah from another
process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

from agent.clock import SystemClock
from agent.config.load import load
from agent.duration import parse_duration_s
from core.errors import ConfigError, Problem
from simulator.recording import Recording, RecordingServer
from simulator.registers_file import RegisterRecording, RegisterServer
from simulator.service import SimulatedSite


def simulate(what: Path, *, port: int, duration: str | None) -> None:
    """Serve a site's devices at the addresses of its file, or one recording at a port."""
    try:
        duration_s = None if duration is None else parse_duration_s(duration)
    except ValueError as error:
        raise ConfigError([Problem("command line", 0, "--for", str(error))]) from None
    if what.suffix in {".yaml", ".yml"}:
        asyncio.run(_site(what, duration_s))
    elif what.suffix == ".snmprec":
        asyncio.run(_recording(what, port, duration_s))
    elif what.suffix == ".csv":
        asyncio.run(_registers(what, port, duration_s))
    else:
        message = f"'{what}' is neither a site file (.yaml) nor a recording (.snmprec, .csv)"
        raise ConfigError([Problem("command line", 0, "", message)])


async def _site(path: Path, duration_s: float | None) -> None:
    configuration = load(path)
    simulated = SimulatedSite(configuration.site, SystemClock(), profiles=configuration.profiles)
    bound = await simulated.start(ephemeral=False)
    for device, address in bound.items():
        print(f"{device:<24} {address}")
    print(f"{len(bound)} devices answer. Stop with Ctrl-C.", flush=True)
    try:
        async with asyncio.TaskGroup() as group:
            physics = group.create_task(simulated.run())
            await _until_told(duration_s)
            physics.cancel()
    finally:
        await simulated.close()


async def _recording(path: Path, port: int, duration_s: float | None) -> None:
    recording = Recording.load(path)
    server = RecordingServer(recording)
    real_port = await server.start("127.0.0.1", port)
    print(f"{path.name}: {len(recording)} objects answer at snmp://127.0.0.1:{real_port}")
    if recording.skipped:
        print(f"  {recording.skipped} lines could not be read and are left out")
    print("Stop with Ctrl-C.", flush=True)
    try:
        await _until_told(duration_s)
    finally:
        server.close()


async def _registers(path: Path, port: int, duration_s: float | None) -> None:
    recording = RegisterRecording.load(path)
    server = RegisterServer(recording)
    real_port = await server.start("127.0.0.1", port)
    print(
        f"{path.name}: {len(recording.words)} registers answer at modbus://127.0.0.1:{real_port}/1"
    )
    print("Stop with Ctrl-C.", flush=True)
    try:
        await _until_told(duration_s)
    finally:
        await server.close()


async def _until_told(duration_s: float | None) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            await told.wait()
