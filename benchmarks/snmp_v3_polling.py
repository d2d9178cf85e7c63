"""What SNMPv3 costs on top of v2c: the same client, the same objects, net-snmp's snmpd.

    python -m benchmarks.snmp_v3_polling [--json] [--profile]

Every address 127.1.0.y is a device; a poll is one GET of 24 objects, decoded. Figures are CPU
seconds of the client alone per million points, the median of runs taken in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import json
import os
import pstats
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.yardsticks import Missing, Run, on_loop
from collectors.snmp.client import SnmpClient, Target
from collectors.snmp.codec import Version
from collectors.snmp.template import Template
from core.errors import Unreachable
from core.site import SnmpUser

DEVICES = 100
POLLS = 60
AT_ONCE = 16
OIDS = [f"1.3.6.1.2.1.1.9.1.{column}.{row}" for row in range(1, 9) for column in (2, 3, 4)]
PASSWORD = "correct horse"
USERS = {
    "v2c": None,
    "noAuthNoPriv": SnmpUser("none"),
    "authNoPriv, SHA-256": SnmpUser("auth", "sha256", PASSWORD.encode()),
    "authPriv, SHA-1 and AES-128": SnmpUser(
        "sha1", "sha1", PASSWORD.encode(), "aes128", b"battery st"
    ),
    "authPriv, SHA-256 and AES-128": SnmpUser(
        "sha256", "sha256", PASSWORD.encode(), "aes128", b"battery st"
    ),
}
CONFIG = f"""\
rocommunity public
createUser none
createUser auth SHA-256 "{PASSWORD}"
createUser sha1 SHA "{PASSWORD}" AES "battery st"
createUser sha256 SHA-256 "{PASSWORD}" AES "battery st"
rouser none noauth
rouser auth auth
rouser sha1 priv
rouser sha256 priv
"""


def run(rounds: int = 3, *, devices: int = DEVICES, polls: int = POLLS) -> dict[str, Any]:
    """Medians of so many runs taken in turns. `why` says why where there is no snmpd."""
    try:
        with snmpd() as port:
            runs: dict[str, list[Run]] = {name: [] for name in USERS}
            for _ in range(rounds):
                for name, user in USERS.items():
                    runs[name].append(on_loop(_poll(port, user, devices, polls)))
    except Missing as why:
        return {"times_v2c": None, "why": str(why)}
    cpu_s = {name: median(each.cpu_s_per_million for each in all_) for name, all_ in runs.items()}
    return {
        "devices": devices,
        "points_a_device": len(OIDS),
        "cpu_s_per_million": {name: round(each, 3) for name, each in cpu_s.items()},
        "times_v2c": {name: round(each / cpu_s["v2c"], 2) for name, each in cpu_s.items()},
    }


@contextlib.contextmanager
def snmpd() -> Iterator[int]:
    """Run snmpd with the users above until the block ends; gives its port. Raises Missing."""
    program = shutil.which("snmpd") or shutil.which("/usr/sbin/snmpd")
    if program is None:
        raise Missing("snmpd is not installed")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "snmpd.conf"
        config.write_text(CONFIG)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("", 0))
            port = sock.getsockname()[1]
        process = subprocess.Popen(
            [program, "-f", "-Ln", "-C", "-c", config, "-p", f"{folder}/pid", f"udp:{port}"],
            env={**os.environ, "SNMP_PERSISTENT_DIR": folder},
        )
        try:
            on_loop(_await(port))
            yield port
        finally:
            process.terminate()
            process.wait(10)


async def _await(port: int) -> None:
    client = SnmpClient()
    try:
        for _ in range(50):
            with contextlib.suppress(Unreachable):
                await client.get(Target("127.1.0.1", port, timeout_s=0.2), Template.of(OIDS[:1]))
                return
            await asyncio.sleep(0.1)
    finally:
        client.close()
    raise Missing("snmpd does not answer")


async def _poll(port: int, user: SnmpUser | None, devices: int, polls: int) -> Run:
    client = SnmpClient()
    version = Version.V2C if user is None else Version.V3
    turns = asyncio.Semaphore(AT_ONCE)

    async def device(target: Target, template: Template, times: int) -> None:
        for _ in range(times):
            async with turns:
                answer = await client.get(target, template)
            if len(answer.values) != len(OIDS) or answer.error_status:
                raise RuntimeError(f"{target} gave {len(answer.values)} values")

    async def fleet(times: int) -> None:
        async with asyncio.TaskGroup() as group:
            for i in range(devices):
                group.create_task(device(targets[i], shelf[i], times))

    shelf = [Template.of(OIDS) for _ in range(devices)]
    targets = [
        Target(f"127.1.0.{i}", port, version, timeout_s=5.0, user=user)
        for i in range(1, devices + 1)
    ]
    await fleet(3)  # engines found, keys made, layouts learnt
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    await fleet(polls)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    client.close()
    return Run(cpu_s / (devices * polls * len(OIDS)) * 1e6, devices * polls / wall_s)


def profile() -> None:
    """Print where our client spends its time."""
    user = USERS["authPriv, SHA-256 and AES-128"]
    with snmpd() as port:
        with cProfile.Profile() as profiler:
            on_loop(_poll(port, user, DEVICES, POLLS))
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


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
        print(f"SNMPv3 polling is not measured: {result['why']}", file=sys.stderr)
    else:
        print(f"SNMP, {result['devices']} devices, GETs of {len(OIDS)}, CPU s per million points:")
        for name, cpu_s in result["cpu_s_per_million"].items():
            print(f"  {name:<32} {cpu_s:.3f}  {result['times_v2c'][name]:.2f} times v2c")
    return 1 if "why" in result else 0


if __name__ == "__main__":
    sys.exit(main())
