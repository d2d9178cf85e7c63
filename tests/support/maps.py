"""Register images written by hand, and what a probe reads from them."""

from __future__ import annotations

from collections.abc import Mapping

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.probe import ProbeResult, probe
from collectors.profile import library
from core.site import Credentials
from tests.support.modbus import Unit, modbus_server

PROFILES = library()


def registers(pieces: Mapping[int, bytes], *zero: tuple[int, int]) -> dict[int, int]:
    """Registers from pieces of bytes by their first address; the others of the ranges `zero` (last
    one included) hold 0."""
    found = {at: 0 for first, last in zero for at in range(first, last + 1)}
    for start, data in pieces.items():
        assert len(data) % 2 == 0, f"half a register at {start}"
        for i in range(0, len(data), 2):
            found[start + i // 2] = int.from_bytes(data[i : i + 2], "big")
    return found


def swapped(data: bytes) -> bytes:
    """Values of two registers each, the low register first."""
    return b"".join(data[i + 2 : i + 4] + data[i : i + 2] for i in range(0, len(data), 4))


def text(value: str, count: int) -> bytes:
    return value.encode().ljust(2 * count, b"\0")


async def read(
    unit: Unit,
    profile: str | None = None,
    identity: Mapping[str, str] | None = None,
    number: int = 1,
) -> ProbeResult:
    """A probe of this unit, identified where no profile is named."""
    clients = Clients.open()
    try:
        async with modbus_server({number: unit}, identity) as port:
            return await probe(
                f"modbus://127.0.0.1:{port}/{number}",
                profile=profile,
                credentials=Credentials("none"),
                clients=clients,
                library=PROFILES,
                clock=SystemClock(),
            )
    finally:
        await clients.close()


def numbers(result: ProbeResult) -> dict[str, float | None]:
    """Values by point; where several objects give one point, the first that has a value."""
    found: dict[str, float | None] = {}
    for reading in result.readings:
        if found.get(reading.point) is None:
            found[reading.point] = reading.value
    return found


def states(result: ProbeResult) -> dict[str, tuple[str | None, str]]:
    return {state.point: (state.value, state.severity) for state in result.states}
