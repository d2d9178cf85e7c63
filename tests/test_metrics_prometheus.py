"""A real Prometheus scrapes a page and holds what the snapshot holds."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from api import families
from tests.support.api import FakeServices, make_app, served

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: kasbah
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""


@contextlib.asynccontextmanager
async def prometheus(target: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus of our own that scrapes one target; yields a client of its query API."""
    program = shutil.which("prometheus") or pytest.skip("prometheus is not installed")
    (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}/api/v1") as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def query(client: httpx.AsyncClient, expression: str) -> list[dict]:
    """Samples of an instant query; empty while the server is not there yet."""
    with contextlib.suppress(httpx.TransportError):
        response = await client.get("/query", params={"query": expression})
        if response.status_code == 200:
            return response.json()["data"]["result"]
    return []


@pytest.mark.slow
async def test_prometheus_holds_what_the_snapshot_holds(tmp_path):
    services = FakeServices()
    async with (
        served(make_app(services)) as url,
        prometheus(url.removeprefix("http://"), tmp_path) as client,
    ):
        async with asyncio.timeout(40):
            while not [one for one in await query(client, "up") if one["value"][1] == "1"]:
                await asyncio.sleep(0.2)
            while not await query(client, "kasbah_ready == 1"):
                await asyncio.sleep(0.2)
        view = services.snapshot().points
        for row, point in enumerate(view.points):
            if point.name.definition is None:
                continue
            labels = f'device="{point.device}",part="{point.name.part}"'
            family = families.POINTS[point.name.quantity]
            found = await query(
                client, f'{family.name}{{{labels},instance="{point.name.instance}"}}'
            )
            values = [float(sample["value"][1]) for sample in found]
            expected = view.value[row]
            assert values == ([] if np.isnan(expected) else [expected]), point.id
        parts = await query(client, 'sum(kasbah_active_power_watts{device="ups-a1",instance!=""})')
        assert float(parts[0]["value"][1]) == 212_000.0, "instance is ours, not the target's"
        (mode,) = await query(client, 'kasbah_state{device="ups-a2",axis="mode"} == 1')
        assert mode["metric"]["state"] == "on_battery"
