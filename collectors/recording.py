"""What a device holds, for a recording: whole subtrees, read politely.

Knows how to ask and when to leave a subtree; must not know files or what the objects mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from collectors.reader import SnmpReader
from collectors.snmp.ber import END_OF_MIB_VIEW
from collectors.snmp.codec import ErrorStatus, VarBind, error_name
from collectors.snmp.oid import after, below, order
from core.clock import Clock
from core.errors import DeviceTimeout, Malformed, Refused

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
