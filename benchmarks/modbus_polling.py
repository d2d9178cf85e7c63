"""What polling over Modbus TCP costs: our client beside a C program doing the same work.

    python -m benchmarks.modbus_polling [--json]

A device here is one connection; a poll is two reads of 60 holding registers, one after the other.
The C server and the C yardstick come from ../shared/bench; without them, or without a compiler,
there is nothing to compare with and the run says so. Figures are CPU seconds (user and system) of
the client alone per million registers, the median of runs taken in turns: wall-clock rates move
with the machine, CPU seconds hardly do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from collectors.modbus.client import ModbusClient, Target

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"
CONNECTIONS = 1000
POLLS = 30_000
WINDOW = 200
REGISTERS_PER_POLL = 120

# modbus_floor.c has a mode that needs libmodbus. That mode is not used here; where the library is
# not installed these declarations let the rest compile.
NO_LIBMODBUS = """
typedef struct modbus modbus_t;
static modbus_t *modbus_new_tcp(const char *ip, int port) { return 0; }
static int modbus_set_slave(modbus_t *m, int unit) { return -1; }
static int modbus_connect(modbus_t *m) { return -1; }
static int modbus_read_registers(modbus_t *m, int at, int n, uint16_t *to) { return -1; }
"""


class Missing(Exception):
    """What this benchmark needs is not here; the message says what."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one client."""

    cpu_s_per_million: float
    devices_per_s: float


def run(rounds: int = 3, *, polls: int = POLLS, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Medians of so many runs taken in turns, as a flat mapping.

    CPU figures are seconds per million registers. `{"not_measured": why}` where the yardstick
    cannot be built: its server is what our client polls, too.
    """
    connections = min(connections, _sockets_allowed())
    ours: list[Run] = []
    floor: list[Run] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            server, program = _build(Path(folder))
            with _serving(server) as port:
                for _ in range(rounds):
                    floor.append(_run_floor(program, port, connections, polls))
                    ours.append(asyncio.run(_poll(port, connections, polls // connections)))
    except Missing as why:
        return {"not_measured": str(why)}
    cpu_s, floor_cpu_s = (median(each.cpu_s_per_million for each in runs) for runs in (ours, floor))
    return {
        "connections": connections,
        "registers_per_run": polls * REGISTERS_PER_POLL,
        "devices_per_s": round(median(each.devices_per_s for each in ours)),
        "floor_devices_per_s": round(median(each.devices_per_s for each in floor)),
        "cpu_s_per_million": round(cpu_s, 3),
        "floor_cpu_s_per_million": round(floor_cpu_s, 3),
        "times_floor": round(cpu_s / floor_cpu_s, 2),
    }


def _sockets_allowed() -> int:
    """Open files that we may have, less what a process needs for itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(50, hard - 100)


def _build(folder: Path) -> tuple[Path, Path]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Missing("no C compiler: install gcc to have the yardstick")
    if not (BENCH / "modbus_server.c").exists():
        raise Missing(f"no yardstick: {BENCH} with modbus_server.c and modbus_floor.c is not here")
    server, floor = folder / "modbus_server", folder / "modbus_floor"
    (folder / "modbus.h").write_text("#include <stdint.h>\n" + NO_LIBMODBUS)
    for target in (server, floor):
        source = BENCH / f"{target.name}.c"
        command = [compiler, "-O2", "-w", f"-I{folder}", "-o", str(target), str(source)]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise Missing(f"{source} does not compile: {built.stderr.strip()[:300]}")
    return server, floor


@contextlib.contextmanager
def _serving(server: Path) -> Iterator[int]:
    """The C server, on the first core while we keep to the others where there are any."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    cores = os.sched_getaffinity(0)
    process = subprocess.Popen([server, str(port)])
    if len(cores) > 1:
        os.sched_setaffinity(process.pid, {min(cores)})
        os.sched_setaffinity(0, cores - {min(cores)})
    try:
        _await_port(port)
        yield port
    finally:
        os.sched_setaffinity(0, cores)
        process.kill()
        process.wait()


def _await_port(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        time.sleep(0.02)
    raise Missing(f"the C server does not listen on port {port}")


def _run_floor(program: Path, port: int, connections: int, polls: int) -> Run:
    command = [str(program), str(port), str(connections), str(polls // connections), "0"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    answer = json.loads(text)
    return Run(answer["cpu_per_1M"], answer["dev_s"])


async def _poll(port: int, connections: int, rounds: int) -> Run:
    client = ModbusClient()
    targets = [
        Target(f"127.2.{(i + 1) >> 8}.{(i + 1) & 255}", port, timeout_s=5.0)
        for i in range(connections)
    ]
    for target in targets:
        await client.read(target, 3, 0, 1)
    todo = iter([target for _ in range(rounds) for target in targets])

    async def worker() -> None:
        for target in todo:
            await client.read(target, 3, 0, 60)
            await client.read(target, 3, 100, 60)

    cpu_s, wall_s = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(WINDOW, connections)):
            group.create_task(worker())
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    polls = connections * rounds
    await client.close()
    return Run(cpu_s / (polls * REGISTERS_PER_POLL) * 1e6, polls / wall_s)


def main() -> int:
    """Run and print; 1 when there was nothing to measure with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run()
    if options.json:
        print(json.dumps(result))
    elif "not_measured" in result:
        print(f"Modbus polling is not measured: {result['not_measured']}", file=sys.stderr)
    else:
        print(
            f"Modbus TCP, {result['connections']} connections, 2 reads of 60 registers a poll,"
            " CPU s per million registers:\n"
            f"  kasbah {result['cpu_s_per_million']:.3f} ({result['devices_per_s']:,} devices/s)\n"
            f"  C      {result['floor_cpu_s_per_million']:.3f}"
            f" ({result['floor_devices_per_s']:,} devices/s)\n"
            f"  ratio  {result['times_floor']:.1f}"
        )
    return 1 if "not_measured" in result else 0


if __name__ == "__main__":
    sys.exit(main())
