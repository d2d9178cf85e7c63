"""Words that several answers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.site import Node

WHEN: Mapping[str, str] = {"as_is": "now", "mains_lost": "with the mains lost"}
"""When something holds, by case."""

STATUS_NAMES: Mapping[int, str] = {
    -1: "unknown",
    0: "lost",
    1: "at_n",
    2: "degraded",
    3: "full",
}
"""Names of the status of a group, of a room and of the site."""

_NAMED_MAX = 5
"""More than so many of a kind are counted, not named."""


def eco_words(ids: Sequence[str]) -> str:
    """What is said of UPSs in eco mode."""
    return (
        f"in eco mode: {names(ids)} (the load is on mains, and sees a break of some milliseconds "
        "when they fail)"
    )


def limit_words(node: Node, limit_kw: float) -> str:
    """What a node can carry, and where that is not what its plate says, why."""
    why = []
    if node.rating is not None and node.rating.share < 1:
        share, basis = node.rating.share, node.rating.basis
        why.append(f"{share:.0%} of its {basis} rating count without a limit of hours")
    if node.limit_kw and limit_kw < node.limit_kw:
        left = limit_kw / node.limit_kw
        why.append(f"its worst phase and power factor leave {left:.0%}")
    return f"{limit_kw:.0f} kW" + (f" ({', '.join(why)})" if why else "")


def names(ids: Sequence[str]) -> str:
    """Ids in a sentence: the first few, and how many more."""
    more = len(ids) - _NAMED_MAX
    return ", ".join(ids[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
