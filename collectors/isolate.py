"""Reading everything that can be read, whatever the device holds against single objects.

Owns the search for the guilty object: a request that fails as a whole is split until what fails
stands alone; the rest lives. Used when a device is opened, identified or probed, and by a poll
whose request was refused. Bounded: a device that falls silent is asked a few more times, not once
for each object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic

from collectors.bind import Item
from collectors.decode import Raw
from collectors.plan import Asked, split
from collectors.reader import Reader, RequestRefused, told
from core.errors import Busy, DeviceError, DeviceTimeout, Malformed, Unreachable
from core.quality import Quality

PATIENCE = 6
"""So many silent or unreadable answers are looked into; what fails after that counts as silent."""

REFUSED_AT_FIRST = 8
"""After so many objects refused and none given, the device refuses everything."""

SILENT_IN_A_ROW = 2
"""After so many requests without an answer the device is not asked for the others."""


class CarefulReading(Generic[Item, Asked]):
    """One pass over a device; `heard` says that it has answered already, `patience` how many silent
    answers are looked into.

    `errors` tells what could not be read, one sentence each.
    """

    def __init__(
        self, reader: Reader[Item, Asked], *, heard: bool = False, patience: int = PATIENCE
    ) -> None:
        self._reader = reader
        self._patience = patience
        self._silent: list[DeviceError] = []
        self._heard = heard
        self._given = False
        self._learned = self._sampled = False
        self.errors: list[str] = []
        self.refusals: list[str] = []
        """Those of the errors that come of a refusal."""
        self.absent = False
        """Whether an object does not exist, as the device told by refusing it."""
        self.refused: set[Item] = set()
        """Objects that the device refuses, or that it does not answer for though it lives."""

    async def read(
        self, requests: Sequence[Asked], failure: DeviceError | RequestRefused | None = None
    ) -> dict[Item, Raw]:
        """Every object with its value, or the quality that says why there is none.

        `failure` is what came of the first request where that was made already. Raises DeviceError
        when nothing answers at all.
        """
        found: dict[Item, Raw] = {}
        for request in self._packed(requests, failure):
            if self._heard and len(self._silent) >= SILENT_IN_A_ROW:
                values: Sequence[Raw] = [Quality.NO_ANSWER] * len(request.items)
            else:
                values = await self._one(request, failure)
            found.update(zip(request.items, values, strict=True))
            failure = None
        if self._silent and not self._heard:
            raise self._silent[0]
        return found

    def _packed(
        self, requests: Sequence[Asked], failure: DeviceError | RequestRefused | None = None
    ) -> Iterator[Asked]:
        """The requests; smaller ones once the device has shown that it cannot do with these."""
        for request in requests:
            if self._learned and failure is None:
                yield from self._reader.pack(request.items)
            else:
                yield request
            failure = None

    async def _one(
        self, request: Asked, failure: DeviceError | RequestRefused | None = None
    ) -> Sequence[Raw]:
        try:
            if failure is not None:
                raise failure
            values = await self._reader.read(request)
        except RequestRefused as refusal:
            self._heard = True
            return await self._refused(request, refusal)
        except Busy as error:
            self._heard = True
            self._note(request, str(error))
            return [Quality.NO_ANSWER] * len(request.items)
        except (Unreachable, Malformed) as error:
            return await self._silence(request, error)
        self._heard = self._given = True
        self._silent.clear()
        return values

    async def _refused(self, request: Asked, refusal: RequestRefused) -> Sequence[Raw]:
        parts = split(request, refusal.error_index)
        hopeless = (
            refusal.quality is Quality.REFUSED
            and not self._given
            and len(self.refused) >= REFUSED_AT_FIRST
        )
        if hopeless and parts and not self._sampled:
            # Errors that name the guilty one leave the sound ones for last: is there any?
            self._sampled = True
            await self._one(request.part(request.items[:1]))
            hopeless = not self._given
        if not parts or hopeless:
            self.refused.update(request.items)
            self.absent |= refusal.quality is Quality.NOT_IMPLEMENTED
            if refusal.quality is Quality.REFUSED:
                self._note(request, str(refusal))
                self.refusals.append(self.errors[-1])
            return [refusal.quality] * len(request.items)
        return await self._split(request, parts)

    async def _silence(self, request: Asked, error: DeviceError) -> Sequence[Raw]:
        """No answer, or none that can be read: too much for the device, or is it gone?"""
        self._silent.append(error)
        if not self._heard:
            if len(self._silent) >= SILENT_IN_A_ROW or not isinstance(error, DeviceTimeout):
                raise error
        elif self._patience > 0:
            self._patience -= 1
            await self._reader.contact()
            self._silent.clear()
            parts = split(request)
            if parts:
                return await self._split(request, parts)
            self.refused.update(request.items)
        self._note(request, told(error))
        quality = Quality.MALFORMED if isinstance(error, Malformed) else Quality.NO_ANSWER
        return [quality] * len(request.items)

    async def _split(self, request: Asked, parts: Sequence[Any]) -> Sequence[Raw]:
        found: dict[Item, Raw] = {}
        for part in self._packed(parts):
            found.update(zip(part.items, await self._one(part), strict=True))
        if self.refused.isdisjoint(request.items):
            self._reader.learn(request)
            self._learned = True
        return [found[item] for item in request.items]

    def _note(self, request: Asked, message: str) -> None:
        items = [str(item) for item in request.items]
        shown = items[0] if len(items) == 1 else f"{items[0]} and {len(items) - 1} more"
        self.errors.append(f"{shown}: {message}")
