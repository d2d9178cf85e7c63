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
import json
import resource
import sys
import time
from statistics import median
from typing import Any

from benchmarks.yardsticks import Missing, Run, compiled, floor, on_loop, serving_modbus
from collectors.modbus.client import ModbusClient, Target

CONNECTIONS = 1000
POLLS = 30_000
WINDOW = 200
REGISTERS_PER_POLL = 120
WITHOUT_LIBMODBUS = 0


def run(rounds: int = 3, *, polls: int = POLLS, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Medians of so many runs taken in turns, as a flat mapping.

    CPU figures are seconds per million registers. `times_floor` is None and `why` says why where
    the yardstick cannot be built: its server is what our client polls, too.
    """
    connections = min(connections, _sockets_allowed())
    each = polls // connections
    ours: list[Run] = []
    lowest: list[Run] = []
    try:
        with (
            compiled("modbus_server", "modbus_floor") as (server, program),
            serving_modbus(server) as port,
        ):
            for _ in range(rounds):
                lowest.append(floor(program, port, connections, each, WITHOUT_LIBMODBUS))
                ours.append(on_loop(_poll(port, connections, each)))
    except Missing as why:
        return {"cpu_s_per_million": None, "times_floor": None, "why": str(why)}
    cpu_s, floor_cpu_s = (median(one.cpu_s_per_million for one in runs) for runs in (ours, lowest))
    return {
        "connections": connections,
        "registers_per_run": connections * each * REGISTERS_PER_POLL,
        "devices_per_s": round(median(one.devices_per_s for one in ours)),
        "floor_devices_per_s": round(median(one.devices_per_s for one in lowest)),
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
    elif "why" in result:
        print(f"Modbus polling is not measured: {result['why']}", file=sys.stderr)
    else:
        print(
            f"Modbus TCP, {result['connections']} connections, 2 reads of 60 registers a poll,"
            " CPU s per million registers:\n"
            f"  kasbah {result['cpu_s_per_million']:.3f} ({result['devices_per_s']:,} devices/s)\n"
            f"  C      {result['floor_cpu_s_per_million']:.3f}"
            f" ({result['floor_devices_per_s']:,} devices/s)\n"
            f"  ratio  {result['times_floor']:.1f}"
        )
    return 1 if "why" in result else 0


if __name__ == "__main__":
    sys.exit(main())
