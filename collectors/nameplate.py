"""What a device says of itself: its nameplate, read by one profile or by several together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from collectors.bind import Item
from collectors.decode import Raw, text_of
from collectors.profile import Profile, Where
from collectors.reader import Reader
from core.quality import Quality
from core.snapshot import Nameplate


@dataclass(frozen=True, slots=True)
class Inscription(Generic[Item]):
    """Where the words of a device's nameplate stand, the better places first."""

    places: tuple[tuple[str, Where, Item | None], ...]

    @classmethod
    def of(cls, profiles: Sequence[Profile], reader: Reader[Item, Any]) -> Inscription[Item]:
        """What each profile knows of the nameplate; a later one fills in what is missing."""
        places: list[tuple[str, Where, Item | None]] = []
        for profile in profiles:
            places += (
                (word, where, reader.place_of(where, profile))
                for word, where in profile.identity.words.items()
            )
            places.append(("vendor", Where(text=profile.vendor), None))
        return cls(tuple(places))

    @property
    def items(self) -> list[Item]:
        """The objects that are read for it."""
        return [place for _, _, place in self.places if place is not None]

    def read(self, raw: Mapping[Item, Raw]) -> Nameplate:
        """The words, out of what was read; empty where the device does not tell."""
        words: dict[str, str] = {}
        for word, where, place in self.places:
            if not words.get(word):
                words[word] = _word(where, None if place is None else raw[place])
        return Nameplate(**words)


def _word(where: Where, raw: Raw) -> str:
    """A word of the nameplate; empty where the device does not tell."""
    if where.text is not None:
        return where.text
    if raw is None or isinstance(raw, Quality):
        return ""
    word = text_of(raw) if isinstance(raw, bytes | str) else str(raw)
    if where.map is not None:
        key: int | str = raw if isinstance(raw, int) else word
        word = where.map.get(key, word)
    if where.pattern is not None:
        match = re.search(where.pattern, word)
        word = match[1] if match else ""
    return word
