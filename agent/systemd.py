"""Talking to systemd: READY, STATUS, WATCHDOG and STOPPING by the sd_notify protocol.

Source: sd_notify(3): datagrams to the socket named in NOTIFY_SOCKET; `@` stands for the abstract
name space.
"""

from __future__ import annotations

import os
import socket


def notify(message: str) -> bool:
    """Send one message such as `READY=1`; False where nobody listens. Never raises: it is a
    courtesy."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(message.encode(), address)
    except OSError:
        return False
    return True


def watchdog_interval_s() -> float | None:
    """Half of what systemd allows between two WATCHDOG=1 messages; None where it asks for none."""
    try:
        limit_us = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    own = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return limit_us / 1e6 / 2 if own and limit_us > 0 else None
