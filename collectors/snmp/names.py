"""Host names and the socket addresses behind them, looked up off the loop and kept for a while.

Knows name service; must not know SNMP.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from typing import Any, Final

from collectors.snmp.udp import SocketAddress
from core.errors import Unreachable

KEPT_S: Final = 60.0
"""A host name is looked up again after so long."""

_UNKNOWN: Final[tuple[float, SocketAddress]] = (float("-inf"), ())


class Names:
    """Socket addresses of hosts. Times are those of the event loop, in seconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, SocketAddress]] = {}

    def address(self, host: str, port: int, now: float) -> SocketAddress | None:
        """The address of a host, None where it is to be looked up."""
        until, address = self._known.get((host, port), _UNKNOWN)
        return address if now <= until else None

    async def look_up(self, host: str, port: int, timeout_s: float) -> SocketAddress:
        """Find the address of a host and keep it.

        Where the name service fails, what it said last stays in force: devices must not vanish with
        it. Raises Unreachable for a name that has no address.
        """
        loop = asyncio.get_running_loop()
        literal = _literal(host, port)
        if literal is not None:
            self._known[host, port] = (float("inf"), literal)
            return literal
        try:
            address = await _looked_up(host, port, timeout_s)
        except Unreachable:
            _, address = self._known.get((host, port), _UNKNOWN)
            if not address:
                raise
        self._known[host, port] = (loop.time() + KEPT_S, address)
        return address


def _literal(host: str, port: int) -> SocketAddress | None:
    """The address that stands for itself, written as answers from it will have it: IPv6 has many
    ways to write one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return found[0][4]


async def _looked_up(host: str, port: int, timeout_s: float) -> SocketAddress:
    loop = asyncio.get_running_loop()
    lookup: Awaitable[list[Any]] = loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    try:
        async with asyncio.timeout(timeout_s):
            found = await lookup
    except TimeoutError as error:
        raise Unreachable(
            f"the name {host} is not known: no name service answers within {timeout_s:g} s; "
            "write its IP address to do without"
        ) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: what cannot be a name at all
        raise Unreachable(
            f"the name {host} is not known: check the spelling, or write its IP address"
        ) from error
    # Agents listen on IPv4 unless told otherwise, and `localhost` is both: as net-snmp's tools do.
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    address: SocketAddress = found[0][4]
    return address
