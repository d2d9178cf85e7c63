"""Recordings served by snmpsim, a real SNMP agent of another make: one process for many devices.

Each recording answers to a community of its own name.
"""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from collectors.snmp.codec import GET, Version, encode_request

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"
COMMAND = Path(sys.executable).parent / "snmpsim-command-responder"


@contextmanager
def serve(recordings: Iterable[Path], folder: Path) -> Iterator[int]:
    """Serve recordings from a folder that is empty; gives the UDP port on 127.0.0.1."""
    data = folder / "data"
    data.mkdir()
    for recording in recordings:
        shutil.copy(recording, data / recording.name)
    port = _free_port()
    log = folder / "snmpsim.log"
    process = subprocess.Popen(
        [
            str(COMMAND),
            f"--data-dir={data}",
            f"--cache-dir={folder / 'cache'}",
            f"--agent-udpv4-endpoint=127.0.0.1:{port}",
            f"--process-user={getpass.getuser()}",
            f"--process-group={grp.getgrgid(os.getgid()).gr_name}",
            f"--logging-method=file:{log}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait(process, port, next(data.iterdir()).stem)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _wait(process: subprocess.Popen[str], port: int, community: str) -> None:
    """Until it answers; building the indexes of large recordings takes a moment."""
    ask = encode_request(Version.V2C, community.encode(), GET, 0x10000000, ["1.3.6.1.2.1.1.1.0"])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            _, errors = process.communicate()
            raise AssertionError(f"snmpsim ended: {errors[-2000:]}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, suppress(OSError):
            sock.settimeout(0.1)
            sock.connect(("127.0.0.1", port))
            sock.send(ask)
            sock.recv(2048)
            return
        time.sleep(0.05)
    raise AssertionError("snmpsim does not answer after 60 s")
