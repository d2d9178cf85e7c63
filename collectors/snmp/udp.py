"""The UDP sockets of the SNMP engine: their buffers, and what the network says about datagrams that
did not arrive.

Knows sockets and ICMP; must not know requests, devices or the event loop.

An unconnected socket hears nothing of ICMP on Linux unless it asks for it (IP_RECVERR). It is worth
asking: a closed port is told at once and as what it is, where silence would cost every time-out and
read like a wrong community. One connected socket a device would hear it, too, at the price of a
file descriptor and a wake-up for each. Source: ip(7), linux/errqueue.h.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final

SocketAddress = tuple[Any, ...]
"""As `socket` gives it: host and port, with flow and scope for IPv6."""

BUFFER_OCTETS: Final = 4 * 2**20
"""Asked for in both directions; the kernel gives at most net.core.rmem_max and wmem_max."""

DATAGRAM_OCTETS: Final = 4096
"""What the kernel books for an answer of usual size at worst: a page of the network card."""

_RECVERR: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),  # linux/in.h
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),  # linux/in6.h
}
_MSG_ERRQUEUE: Final = getattr(socket, "MSG_ERRQUEUE", 0)
_EXTENDED_ERROR: Final = struct.Struct("=IBBBBII")  # sock_extended_err: the error number first

_REASONS: Final = {
    errno.ECONNREFUSED: "nothing listens at {}: is the port right, and SNMP enabled on the device?",
    errno.EHOSTUNREACH: "there is no way to {}: is it switched on, and the address right?",
    errno.ENETUNREACH: "there is no route to {} from here: check the address and the routes",
    errno.EACCES: "this machine may not send to {}",
    errno.EPERM: "a firewall of this machine does not let requests to {} out",
    errno.EMSGSIZE: "a request to {} is too large for one datagram",
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A datagram that did not arrive: where it was to go, why not (errno), and as much of it as
    came back."""

    address: SocketAddress
    error: int
    sent: bytes


def open_socket(family: socket.AddressFamily) -> socket.socket:
    """A non-blocking socket with large buffers that hears of ICMP errors."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, buffer, BUFFER_OCTETS)
    with contextlib.suppress(OSError):  # without it a closed port is silent: not every kernel can
        sock.setsockopt(*_RECVERR[family], 1)
    return sock


def room(sock: socket.socket) -> int:
    """How many datagrams the buffers of a socket hold for certain, as the kernel granted them.

    Beyond that requests fail with EAGAIN, and answers are lost while the loop is busy elsewhere.
    """
    granted = min(
        sock.getsockopt(socket.SOL_SOCKET, buffer)
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF)
    )
    return max(1, granted // DATAGRAM_OCTETS)


def shown(address: SocketAddress) -> str:
    """An address for an operator."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def rejections(sock: socket.socket) -> list[Rejection]:
    """Take what the kernel has heard of datagrams that did not arrive."""
    found: list[Rejection] = []
    while _MSG_ERRQUEUE:
        try:
            sent, notes, _, address = sock.recvmsg(2048, 512, _MSG_ERRQUEUE)
        except OSError:  # the queue is empty
            break
        for level, kind, data in notes:
            if (level, kind) in _RECVERR.values() and len(data) >= _EXTENDED_ERROR.size:
                error = _EXTENDED_ERROR.unpack_from(data)[0]
                found.append(Rejection(address, error, sent))
    return found


def reason(error: int, place: object) -> str:
    """Why nothing can be sent to a place, for an operator."""
    sentence = _REASONS.get(error)
    return (
        sentence.format(place)
        if sentence
        else f"nothing can be sent to {place}: {os.strerror(error)}"
    )
