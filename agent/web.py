"""The HTTP server: a socket bound before anything starts, and uvicorn on it under our own signal
handling."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api.app import end_streams
from core.errors import KasbahError

GRACE_S = 2
"""Open event streams are ended after so many seconds when the server stops."""


class WebServer:
    """A bound socket that `serve` answers on. `port` is the real one, also when 0 was asked for."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._server: _Server | None = None
        self._app: FastAPI | None = None
        self._stopped = False
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self._host in {"", "0.0.0.0"} else self._host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def serve(self, app: FastAPI) -> None:
        """Answer until `stop` is called; not at all after it."""
        if self._stopped:
            self._socket.close()
            return
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server, self._app = _Server(config), app
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End `serve` in good order: no new requests, open ones within the grace."""
        self._stopped = True
        if self._server is not None and self._app is not None:
            end_streams(self._app)
            self._server.should_exit = True


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the agent stops it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise KasbahError(_why_not(host, port, error)) from error
    sock.setblocking(False)
    return sock


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what uses it, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"this user may not open port {port}: choose one above 1023 with --port"
    if error.errno in {errno.EADDRNOTAVAIL, socket.EAI_NONAME}:
        return f"{host} is no address of this machine: choose one with --host"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"
