"""Words that several answers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WHEN: Mapping[str, str] = {"as_is": "now", "mains_lost": "with the mains lost"}
"""When something holds, by case."""

_NAMED_MAX = 5
"""More than so many of a kind are counted, not named."""


def names(ids: Sequence[str]) -> str:
    """Ids in a sentence: the first few, and how many more."""
    more = len(ids) - _NAMED_MAX
    return ", ".join(ids[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
