"""What polling over SNMP costs: our client beside a C program doing the same work.

    python -m benchmarks.snmp_polling [--json] [--profile]

Every address 127.1.x.y is a device, answered by the C responder; a poll is one GET of 24 objects,
decoded. One task per device polls it again and again, as many at once as the client lets through.
Figures are CPU seconds of the client alone per million points, the median of runs taken in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import sys
import time
from statistics import median
from typing import Any

from benchmarks.yardsticks import Missing, Run, compiled, floor, on_loop, serving_snmp
from collectors.snmp.client import SnmpClient, Target
from collectors.snmp.template import Template

DEVICES = 1000
POINTS = 24
ROUNDS = 20
WINDOW = 200
WITH_DECODING = 1
WARM_UP = 3
"""Polls until each template has learnt the layout of its answers."""


def run(rounds: int = 3, *, devices: int = DEVICES, polls: int = ROUNDS) -> dict[str, Any]:
    """Medians of so many runs taken in turns; each polls every device `polls` times.

    CPU figures are seconds per million points. `times_floor` is None and `why` says why where the
    yardstick cannot be built: its responder is what our client polls, too.
    """
    try:
        with (
            compiled("snmp_responder", "snmp_floor") as (server, program),
            serving_snmp(server) as port,
        ):
            ours: list[Run] = []
            lowest: list[Run] = []
            for _ in range(rounds):
                lowest.append(floor(program, port, devices, polls, WINDOW, WITH_DECODING))
                ours.append(on_loop(_poll(port, devices, polls)))
    except Missing as why:
        return {"cpu_s_per_million": None, "times_floor": None, "why": str(why)}
    cpu_s = median(each.cpu_s_per_million for each in ours)
    floor_cpu_s = median(each.cpu_s_per_million for each in lowest)
    return {
        "devices": devices,
        "points_a_device": POINTS,
        "devices_per_s": round(median(each.devices_per_s for each in ours)),
        "floor_devices_per_s": round(median(each.devices_per_s for each in lowest)),
        "cpu_s_per_million": round(cpu_s, 3),
        "floor_cpu_s_per_million": round(floor_cpu_s, 3),
        "times_floor": round(cpu_s / floor_cpu_s, 2),
    }


def templates(devices: int) -> list[Template]:
    """One template for each device, as sessions have them."""
    oids = [f"1.3.6.1.4.1.99999.1.{x}.0" for x in range(1, POINTS + 1)]
    return [Template.of(oids) for _ in range(devices)]


async def _poll(port: int, devices: int, polls: int) -> Run:
    client = SnmpClient()
    targets = [
        Target(f"127.1.{i >> 8}.{i & 255}", port, timeout_s=5.0) for i in range(1, devices + 1)
    ]

    async def device(target: Target, template: Template, times: int) -> None:
        for _ in range(times):
            answer = await client.get(target, template)
            if len(answer.values) != POINTS:
                raise RuntimeError(f"{target} gave {len(answer.values)} values")

    async def fleet(times: int) -> None:
        async with asyncio.TaskGroup() as group:
            for target, template in zip(targets, shelf, strict=True):
                group.create_task(device(target, template, times))

    shelf = templates(devices)
    await fleet(WARM_UP)  # what is done once for each device belongs to no poll
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    await fleet(polls)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    client.close()
    return Run(cpu_s / (devices * polls * POINTS) * 1e6, devices * polls / wall_s)


def profile() -> None:
    """Print where our client spends its time."""
    with compiled("snmp_responder") as (server,), serving_snmp(server) as port:
        with cProfile.Profile() as profiler:
            on_loop(_poll(port, DEVICES, ROUNDS))
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> int:
    """Run and print; 1 when there was nothing to measure with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true", help="where our client spends its time")
    options = parser.parse_args()
    if options.profile:
        profile()
        return 0
    result = run()
    if options.json:
        print(json.dumps(result))
    elif "why" in result:
        print(f"SNMP polling is not measured: {result['why']}", file=sys.stderr)
    else:
        print(
            f"SNMP, {result['devices']} devices, GETs of {POINTS} objects, CPU s per million"
            " points:\n"
            f"  kasbah {result['cpu_s_per_million']:.3f} ({result['devices_per_s']:,} devices/s)\n"
            f"  C      {result['floor_cpu_s_per_million']:.3f}"
            f" ({result['floor_devices_per_s']:,} devices/s)\n"
            f"  ratio  {result['times_floor']:.1f}"
        )
    return 1 if "why" in result else 0


if __name__ == "__main__":
    sys.exit(main())
