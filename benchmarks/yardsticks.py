"""The C programs of ../shared/bench: compiled where a compiler and their sources are, served on a
core of their own.

Owns building, starting and stopping them. Figures are CPU seconds (user and system) per million
points: wall-clock rates move with the machine, CPU seconds hardly do. Compare within one run only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.commands.serve import event_loop
from collectors.snmp import codec
from collectors.snmp.codec import Version

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"
RUN_S_MAX = 60.0
READY_TRIES = 100
READY_TRY_S = 0.05

# modbus_floor.c has a mode that needs libmodbus. That mode is not used here; where the library is
# not installed these declarations let the rest compile.
NO_LIBMODBUS = """
#include <stdint.h>
typedef struct modbus modbus_t;
static modbus_t *modbus_new_tcp(const char *ip, int port) { return 0; }
static int modbus_set_slave(modbus_t *m, int unit) { return -1; }
static int modbus_connect(modbus_t *m) { return -1; }
static int modbus_read_registers(modbus_t *m, int at, int n, uint16_t *to) { return -1; }
"""


class Missing(Exception):
    """What a benchmark needs is not here; the message says what."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one client."""

    cpu_s_per_million: float
    devices_per_s: float


@contextlib.contextmanager
def compiled(*names: str) -> Iterator[list[Path]]:
    """These programs, for as long as the context lasts. Raises Missing."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Missing("no C compiler: install gcc to have the yardsticks")
    with tempfile.TemporaryDirectory(prefix="kasbah-bench-") as directory:
        folder = Path(directory)
        (folder / "modbus.h").write_text(NO_LIBMODBUS)
        yield [_compile(compiler, folder, name) for name in names]


def _compile(compiler: str, folder: Path, name: str) -> Path:
    source, program = BENCH / f"{name}.c", folder / name
    if not source.exists():
        raise Missing(f"no yardstick: {source} is not here")
    command = [compiler, "-O2", "-w", f"-I{folder}", "-o", str(program), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise Missing(f"{source} does not compile: {built.stderr.strip()[:300]}")
    return program


@contextlib.contextmanager
def responder() -> Iterator[int | None]:
    """The port of a running SNMP responder; None where it cannot be built."""
    with contextlib.ExitStack() as stack:
        try:
            (program,) = stack.enter_context(compiled("snmp_responder"))
        except Missing:
            port = None
        else:
            port = stack.enter_context(serving_snmp(program))
        yield port


@contextlib.contextmanager
def serving_snmp(program: Path) -> Iterator[int]:
    """The SNMP responder on a free port. Raises Missing when it does not come up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port: int = free.getsockname()[1]
    with _beside(program, port, _answers_snmp):
        yield port


@contextlib.contextmanager
def serving_modbus(program: Path) -> Iterator[int]:
    """The Modbus TCP server on a free port. Raises Missing when it does not come up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with _beside(program, port, _accepts):
        yield port


@contextlib.contextmanager
def _beside(program: Path, port: int, ready: Callable[[int], bool]) -> Iterator[None]:
    """A server on the first core, while this process keeps to the others where there are any."""
    cores = os.sched_getaffinity(0)
    process = subprocess.Popen([program, str(port)])
    try:
        if len(cores) > 1:
            os.sched_setaffinity(process.pid, {min(cores)})
            os.sched_setaffinity(0, cores - {min(cores)})
        if not any(ready(port) for _ in range(READY_TRIES)):
            raise Missing(f"{program.name} does not answer on port {port}")
        yield
    finally:
        os.sched_setaffinity(0, cores)
        process.kill()
        process.wait()


def _answers_snmp(port: int) -> bool:
    oid = "1.3.6.1.4.1.99999.1.1.0"
    request = codec.encode_request(Version.V2C, b"public", codec.GET, 1, [oid])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(READY_TRY_S)
        asker.connect(("127.0.0.1", port))
        try:
            asker.send(request)
            return bool(asker.recv(4096))
        except OSError:
            time.sleep(READY_TRY_S)
            return False


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), READY_TRY_S):
            return True
    except OSError:
        time.sleep(READY_TRY_S)
        return False


def on_loop(client: Coroutine[Any, Any, Run]) -> Run:
    """One run of a client of ours, on the event loop that the service runs on."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        return runner.run(client)


def floor(program: Path, port: int, *arguments: int) -> Run:
    """One run of a C client, which prints its figures as JSON. Raises Missing when it fails."""
    command = [str(program), str(port), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_S_MAX)
    if done.returncode:
        raise Missing(f"{' '.join(command)} fails: {done.stderr.strip() or done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return Run(answer["cpu_per_1M"], answer["dev_s"])
