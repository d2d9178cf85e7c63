"""What must hold in the simulated plant, whatever happens to it."""

from __future__ import annotations

from core.errors import InvariantError


def invariant(holds: bool, name: str, broken: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Raise InvariantError, naming the machine, unless the condition holds."""
    if not holds:
        raise InvariantError(f"simulated {name} {broken}")
