"""A walk over several subtrees, in MIB order. Pure: it says where to ask and takes what comes.

What follows one table column is often the next one, and what the device steps over it does not
have: many columns take few requests. Gaps between the subtrees are leapt over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from collectors.snmp import ber
from collectors.snmp.codec import VarBind
from collectors.snmp.oid import after, below, order
from core.errors import Malformed


class Walk:
    """Subtrees that are walked until `done`; `rows` has what was found below each of `roots`."""

    def __init__(self, roots: Iterable[str], limit: int) -> None:
        self.rows: dict[str, list[VarBind]] = {root: [] for root in roots}
        self._ahead = deque(sorted(self.rows, key=order))
        self._limit = limit
        self._at = ""

    @property
    def done(self) -> bool:
        return not self._ahead

    @property
    def root(self) -> str:
        """The subtree whose turn it is."""
        return self._ahead[0]

    @property
    def at(self) -> str:
        """The name to ask for what follows it."""
        if not self._at or after(self._ahead[0], self._at):
            self._at = self._ahead[0]
        return self._at

    def skip(self) -> None:
        """The device has nothing more to say of this subtree, or is not asked for more of it."""
        self._ahead.popleft()

    def take(self, binds: Sequence[VarBind]) -> None:
        """What follows `at`. Raises Malformed for OIDs that do not increase and a table beyond the
        limit."""
        for bind in binds:
            if bind.tag == ber.END_OF_MIB_VIEW:
                self._ahead.clear()
            if self.done:
                return
            if not after(bind.oid, self._at):
                if bind.tag not in ber.EXCEPTIONS and below(bind.oid, self._ahead[0]):
                    raise Malformed(
                        f"its OIDs do not increase ({bind.oid} follows {self._at}): "
                        "its table would never end"
                    )
                self.skip()
                return
            self._at = bind.oid
            self._sort_in(bind)

    def _sort_in(self, bind: VarBind) -> None:
        """Put an object where it belongs, and leave behind what it has passed."""
        while self._ahead and not below(bind.oid, self._ahead[0]):
            if after(self._ahead[0], bind.oid):
                return
            self._ahead.popleft()
        for root in self._ahead:  # usually the first, unless one subtree lies in another
            if bind.oid.startswith(f"{root}."):
                self.rows[root].append(bind)
                if len(self.rows[root]) > self._limit:
                    self.rows[root].clear()
                    raise Malformed(
                        f"its table does not end: more than {self._limit} objects below {root}"
                    )
            elif after(root, bind.oid):
                return
