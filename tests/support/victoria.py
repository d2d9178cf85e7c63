"""Debian's VictoriaMetrics as a real receiver of line protocol, on a port of its own.

It answers 204 even for lines it throws away, so a test reads back what it wrote.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

BINARY = shutil.which("victoria-metrics")
READY_WITHIN_S = 15.0

Series = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]
"""Samples (time_ms, value) by labels, `__name__` included."""


class Victoria:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def export(self, match: str = '{__name__!=""}') -> Series:
        """Every sample, read back after a flush."""
        httpx.get(f"{self.url}/internal/force_flush").raise_for_status()
        answer = httpx.get(f"{self.url}/api/v1/export", params={"match[]": match})
        answer.raise_for_status()
        found: Series = {}
        for line in answer.text.splitlines():
            series = json.loads(line)
            labels = tuple(sorted(series["metric"].items()))
            samples = zip(series["timestamps"], series["values"], strict=True)
            found.setdefault(labels, []).extend(samples)
        return found

    def metric(self, name: str) -> float:
        """One of its own counters."""
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith((name + " ", name + "{")):
                return float(line.rpartition(" ")[2])
        raise KeyError(name)


@contextlib.contextmanager
def victoria(folder: Path) -> Iterator[Victoria]:
    """Start a server that keeps its data in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [
            str(BINARY),
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",  # the default of one month silently drops what is older
            "-search.latencyOffset=0s",
            "-memory.allowedPercent=10",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url)
            yield Victoria(url)
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health").status_code == 200:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"victoria-metrics did not get ready in {READY_WITHIN_S} s")
        time.sleep(0.05)
