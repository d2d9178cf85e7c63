"""Words that several answers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def names(ids: Sequence[str]) -> str:
    """Ids in a sentence: the first few, and how many more."""
    more = len(ids) - _NAMED_MAX
    return ", ".join(ids[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
