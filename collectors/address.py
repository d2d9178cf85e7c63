"""Addresses of devices as people write them: `snmp://HOST[:161]`, `modbus://HOST[:502]/UNIT`,
`modbus+rtu:///dev/ttyS0?baud=9600/UNIT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["snmp", "modbus", "modbus+rtu"]

SNMP_PORT = 161
MODBUS_PORT = 502
DEFAULT_BAUD = 9600

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://(.*)$", re.IGNORECASE)
_HOST_PORT = re.compile(r"^(\[[0-9a-fA-F:.%a-z]+\]|[^\[\]:/?#\s]+)(?::(\d+))?$")
_SERIAL = re.compile(r"^(/[^?\s]+?)(?:\?([^/]*))?/(\d+)$")
_SCHEMES = "use snmp://, modbus:// or modbus+rtu://"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is. `host` is the serial line's path for modbus+rtu; `unit` counts for Modbus
    only."""

    scheme: Scheme
    host: str
    port: int = 0
    unit: int = 1
    baud: int = DEFAULT_BAUD

    def __str__(self) -> str:
        if self.scheme == "modbus+rtu":
            return f"modbus+rtu://{self.host}?baud={self.baud}/{self.unit}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = f"/{self.unit}" if self.scheme == "modbus" else ""
        return f"{self.scheme}://{host}:{self.port}{path}"


def parse_address(text: str) -> Address:
    """Read an address. Raises ValueError with a sentence that says what to write."""
    match = _SCHEME.match(text.strip())
    if not match:
        raise ValueError(f"'{text}' is no address: {_SCHEMES}")
    scheme, rest = match[1].lower(), match[2]
    if scheme == "snmp":
        host, port, path = _host_port(text, rest, SNMP_PORT, "snmp://HOST or snmp://HOST:161")
        if path not in {"", "/"}:
            raise ValueError(
                f"'{text}': nothing follows the host: write snmp://HOST or snmp://HOST:161"
            )
        return Address("snmp", host, port)
    if scheme == "modbus":
        hint = "modbus://HOST/UNIT or modbus://HOST:502/UNIT"
        host, port, path = _host_port(text, rest, MODBUS_PORT, hint)
        return Address("modbus", host, port, _unit(text, path.lstrip("/"), hint))
    if scheme == "modbus+rtu":
        return _serial(text, rest)
    raise ValueError(f"unknown address scheme '{scheme}' in '{text}': {_SCHEMES}")


def _host_port(text: str, rest: str, default: int, hint: str) -> tuple[str, int, str]:
    authority, slash, path = rest.partition("/")
    match = _HOST_PORT.match(authority)
    if not match:
        raise ValueError(f"'{text}': no host and port can be read from '{authority}': write {hint}")
    port = int(match[2]) if match[2] else default
    if not 0 < port < 65536:
        raise ValueError(f"'{text}': {port} is no port: 1 to 65535")
    return match[1].strip("[]"), port, slash + path


def _unit(text: str, unit: str, hint: str) -> int:
    if unit == "":
        raise ValueError(f"'{text}' names no unit: write {hint}")
    if not unit.isdigit() or not 0 <= int(unit) <= 255:
        raise ValueError(f"'{text}': '{unit}' is no Modbus unit: 0 to 255, as in {hint}")
    return int(unit)


def _serial(text: str, rest: str) -> Address:
    hint = "modbus+rtu:///dev/ttyS0?baud=9600/UNIT"
    match = _SERIAL.match(rest)
    if not match:
        raise ValueError(f"'{text}': write {hint}")
    baud = DEFAULT_BAUD
    for pair in filter(None, (match[2] or "").split("&")):
        key, _, value = pair.partition("=")
        if key != "baud" or not value.isdigit() or int(value) <= 0:
            raise ValueError(f"'{text}': '{pair}' is not understood: write {hint}")
        baud = int(value)
    return Address("modbus+rtu", match[1], 0, _unit(text, match[3], hint), baud)
