"""Debian's NUT reads the simulated UPSs: its own driver and server, its own client."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from collectors.address import parse_address
from core.site import Device
from simulator.faults import Faults
from simulator.service import SimulatedSite
from tests.support.simulator import small_site

DRIVER, SERVER = Path("/lib/nut/snmp-ups"), Path("/lib/nut/upsd")

pytestmark = [
    pytest.mark.skipif(
        not DRIVER.exists() or not SERVER.exists() or shutil.which("upsc") is None,
        reason="needs Debian's nut-server, nut-snmp and nut-client",
    ),
    pytest.mark.slow,
]

SITE = small_site(
    Device("rfc", "ups", "rfc1628-ups", "snmp://10.0.0.1", rating_kw=500),
    Device("apc", "ups", "apc-ups", "snmp://10.0.0.2", rating_kw=500),
)
MIBS = {"rfc": "ietf", "apc": "apcc"}


class WallClock:
    def now(self):
        return time.time()

    def monotonic(self):
        return time.monotonic()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


def configure(folder, bound):
    """NUT's files for these UPSs; returns the port of its server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sections = []
    for name, text in bound.items():
        address = parse_address(text)
        sections.append(
            f"[{name}]\n driver = snmp-ups\n port = {address.host}:{address.port}\n"
            f" mibs = {MIBS[name]}\n community = public\n snmp_version = v2c\n pollfreq = 1\n"
        )
    (folder / "ups.conf").write_text("pollinterval = 1\n" + "".join(sections))
    (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\n")
    (folder / "upsd.users").write_text("")
    for path in folder.iterdir():
        path.chmod(0o600)
    return port


async def upsc(port, name):
    """What the client shows of a UPS; empty while NUT has nothing."""
    process = await asyncio.create_subprocess_exec(
        "upsc", f"{name}@127.0.0.1:{port}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    return dict(line.split(": ", 1) for line in out.decode().splitlines() if ": " in line)


async def until(port, name, holds):
    """What the client shows as soon as this holds."""
    shown = {}
    async with asyncio.timeout(20):
        while not (shown.get("ups.status") and holds(shown)):
            await asyncio.sleep(0.2)
            shown = await upsc(port, name)
    return shown


async def test_nut_shows_status_charge_load_and_battery_time(tmp_path):
    tmp_path.chmod(0o700)
    simulated = SimulatedSite(SITE, WallClock())
    port = configure(tmp_path, await simulated.start(ephemeral=True))
    where = {"NUT_CONFPATH": str(tmp_path), "NUT_STATEPATH": str(tmp_path)}
    environment = {**os.environ, **where, "NUT_ALTPIDPATH": str(tmp_path)}
    user = ["-u", "root"] if os.geteuid() == 0 else []
    processes = []

    def begin(*command):
        with (tmp_path / "log").open("ab") as log:
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    try:
        for name in MIBS:
            begin(DRIVER, "-a", name, *user, "-D")
        async with asyncio.timeout(15):
            while len(list(tmp_path.glob("snmp-ups-*"))) < len(MIBS):
                await asyncio.sleep(0.1)
        begin(SERVER, *user, "-D")
        plant = simulated.plant
        for name in MIBS:
            shown = await until(port, name, lambda _: True)
            values = plant.values(name)
            assert shown["ups.status"] == "OL"
            assert shown["battery.charge"] == "100"
            assert float(shown["battery.runtime"]) == pytest.approx(
                values["battery.runtime"], abs=60
            )
            load = float(shown.get("ups.load") or shown["output.L1.power.percent"])
            assert load == pytest.approx(40, abs=3)

        plant.faults = Faults({"mains_lost": frozenset(("mains",))})
        plant.step(plant.time + 120)
        for name in MIBS:
            shown = await until(port, name, lambda seen: "OB" in seen["ups.status"])
            assert "OL" not in shown["ups.status"]
            assert 80 < float(shown["battery.charge"]) < 100
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(10)
        await simulated.close()
