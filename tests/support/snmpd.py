"""net-snmp's snmpd on an ephemeral loopback port: an agent that is not ours."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIG = """\
rocommunity public 127.0.0.1
sysLocation battery room
sysContact operator
"""


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def snmpd(directory: Path, config: str = CONFIG, port: int | None = None) -> Iterator[int]:
    """Run snmpd with this configuration until the block ends; gives its port. Skips where it is
    missing."""
    program = shutil.which("snmpd") or shutil.which("/usr/sbin/snmpd")
    if program is None:
        pytest.skip("snmpd is not installed")
    (directory / "snmpd.conf").write_text(config)
    port = port or free_udp_port()
    process = subprocess.Popen(
        [
            program,
            "-f",
            "-Lf",
            str(directory / "log"),
            "-C",
            "-c",
            str(directory / "snmpd.conf"),
            "-p",
            str(directory / "pid"),
            f"udp:127.0.0.1:{port}",
        ],
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(directory)},
    )
    try:
        _await_answer(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


# GET sysUpTime.0, v2c, community public
_HELLO = bytes.fromhex(
    "302902010104067075626c6963a01c020410000000020100020100300e300c06082b060102010103000500"
)


def _await_answer(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        for _ in range(50):
            with contextlib.suppress(OSError):
                sock.sendto(_HELLO, ("127.0.0.1", port))
                sock.recvfrom(2000)
                return
            time.sleep(0.1)
    raise AssertionError("snmpd does not answer")
