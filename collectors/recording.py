"""What a device holds, for a recording: whole subtrees of objects, or registers, read politely.

Knows how to ask and when to give up; must not know files or what objects and registers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from collectors.address import Address
from collectors.clients import Clients
from collectors.modbus.codec import COILS, DISCRETE_INPUTS
from collectors.reader import ModbusReader, SnmpReader
from collectors.snmp.ber import END_OF_MIB_VIEW
from collectors.snmp.codec import ErrorStatus, VarBind, error_name
from collectors.snmp.oid import after, below, order
from core.clock import Clock
from core.errors import DeviceError, DeviceTimeout, Malformed, Refused
from core.site import Poll

ROOTS: Final = (
    "1.3.6.1.2.1.1",  # what the device says it is
    "1.3.6.1.2.1.33",  # UPS-MIB
    "1.3.6.1.2.1.47",  # ENTITY-MIB
    "1.3.6.1.2.1.99",  # ENTITY-SENSOR-MIB
    "1.3.6.1.2.1.555",  # a maker's, where none may stand
    "1.3.6.1.4.1",  # the makers'
)
"""What is recorded unless other subtrees are named: all that profiles read, not the network's
tables."""

OBJECTS_MAX: Final = 50_000
"""More objects in one subtree are a table without end; large devices have some 7,000."""

BLOCK: Final = 100
"""Registers that are asked for at once where nobody knows the map."""

BITS: Final = (COILS, DISCRETE_INPUTS)

PAUSE_S: Final = 0.02
"""Between two requests: at most 50 a second, to cards that do other work, too."""


@dataclass(slots=True)
class Taken:
    """What was read so far, in MIB order, and a sentence for each subtree that was left early."""

    binds: list[VarBind] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


async def take(
    reader: SnmpReader,
    roots: Iterable[str],
    taken: Taken,
    *,
    clock: Clock,
    limit: int = OBJECTS_MAX,
    progress: Callable[[VarBind], None] = lambda _: None,
) -> None:
    """Add all objects below `roots` to `taken`, at most `limit` of each.

    A subtree that fails is left with what it gave; a device that falls silent ends it all.
    """
    for root in outermost(roots):
        try:
            await _take_below(reader, root, taken, clock, limit, progress)
        except (DeviceTimeout, Malformed, Refused) as error:
            taken.troubles.append(f"{root} is not complete: {error}")
            try:
                await reader.contact()
            except DeviceTimeout:
                taken.troubles.append(
                    "the device does not answer any more: what follows is missing"
                )
                return


async def _take_below(
    reader: SnmpReader,
    root: str,
    taken: Taken,
    clock: Clock,
    limit: int,
    progress: Callable[[VarBind], None],
) -> None:
    at, left = root, limit
    while True:
        pdu = await reader.following(at)
        if pdu.error_status == ErrorStatus.NO_SUCH_NAME or not pdu.varbinds:
            return  # version 1 says so at the end of all objects
        if pdu.error_status:
            raise Refused(f"the device refuses what follows {at} ({error_name(pdu.error_status)})")
        for bind in pdu.varbinds:
            if bind.tag == END_OF_MIB_VIEW or not below(bind.oid, root):
                return
            if not after(bind.oid, at):
                raise Malformed(
                    f"its OIDs do not increase ({bind.oid} follows {at}), so it would never end"
                )
            if not left:
                raise Malformed(f"more than {limit} objects, up to {at}: a table without end?")
            at, left = bind.oid, left - 1
            taken.binds.append(bind)
            progress(bind)
        await clock.sleep(PAUSE_S)


def outermost(roots: Iterable[str]) -> list[str]:
    """Subtrees in MIB order, without those that lie in others."""
    found: list[str] = []
    for root in sorted(set(roots), key=order):
        if not found or not below(root, found[-1]):
            found.append(root)
    return found


class ListeningReader(ModbusReader):
    """Keeps all that it reads: whatever asks it the same again can be answered from `words`, by
    function and address."""

    def __init__(self, clients: Clients, address: Address, poll: Poll) -> None:
        super().__init__(clients, address, poll)
        self.words: dict[tuple[int, int], int] = {}

    async def registers(self, fc: int, address: int, count: int) -> bytes:
        data = await super().registers(fc, address, count)
        for place in range(count):
            word = int.from_bytes(data[2 * place : 2 * place + 2], "big")
            bit = data[place // 8] >> place % 8 & 1 if fc in BITS else 0
            self.words[fc, address + place] = bit if fc in BITS else word
        return data


async def read_range(
    reader: ModbusReader, fc: int, first: int, last: int, *, clock: Clock
) -> list[str]:
    """Read all registers from `first` to `last` that the device has.

    What is refused as a whole is halved until the guilty register stands alone. Gives a sentence
    for what was not answered; two silences in a row end it.
    """
    troubles: list[str] = []
    waiting = [(at, min(at + BLOCK, last + 1)) for at in range(first, last + 1, BLOCK)][::-1]
    silent = False
    while waiting:
        start, end = waiting.pop()
        try:
            await reader.registers(fc, start, end - start)
            silent = False
        except Refused:
            middle = (start + end) // 2
            waiting += [(middle, end), (start, middle)] if end - start > 1 else []
        except DeviceError as error:
            troubles.append(f"registers {fc}:{start}-{end - 1} are missing: {error}")
            if silent:
                troubles.append(f"what follows up to {last} was not asked for any more")
                break
            silent = True
        await clock.sleep(PAUSE_S)
    return troubles
