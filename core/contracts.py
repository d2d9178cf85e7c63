"""What the parts need from one another, as Protocols. `agent` alone joins the implementations.

`core` defines them because imports point down: collectors, history, api and simulator do not know
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.clock import Clock
from core.levels import MonthLevels
from core.points import Point, PointName
from core.readings import Batch, Bytes, Floats, Rows
from core.site import Site, Window
from core.snapshot import DeviceStatus, Event, Snapshot, WhatIf
from core.statement import Statement

Case = Literal["worst", "as_is", "mains_lost"]
Demand = Literal["now", "peak_15m", "peak_30d", "design"]


class Intake(Protocol):
    """Where the collectors put what they learn. Called on the event loop: must not block."""

    def register(self, device: str, names: Sequence[PointName]) -> Rows:
        """Rows of the point table for the points of a device, in the order given."""
        ...

    def expect(self, rows: Rows, interval_s: float) -> None:
        """These rows will be polled every `interval_s` seconds."""
        ...

    def accept(self, batch: Batch) -> None:
        """Some answers, of one device or of many."""
        ...

    def report(self, device: str, status: Callable[[], DeviceStatus]) -> None:
        """The polling of a device came to something: ask for its status when it is wanted."""
        ...


class ReadingsSink(Protocol):
    """Takes every reading that is kept. Called on the event loop: must not block."""

    def define(self, first_row: int, points: Sequence[Point]) -> None:
        """Rows `first_row..` of the point table now belong to these points."""
        ...

    def accept(self, batch: Batch) -> None:
        """Keep this batch. The answers of one device come in time order."""
        ...


@dataclass(frozen=True, slots=True)
class Series:
    """History of one point in buckets; six arrays of one length, empty buckets left out.

    `t` is the start of each bucket in UTC seconds; `quality` the worst in it, as
    `core.quality.Quality` bytes; min, mean, max and last are NaN where a bucket has only bad
    readings.
    """

    point: str
    t: Floats
    min: Floats
    mean: Floats
    max: Floats
    last: Floats
    quality: Bytes


class HistoryReader(Protocol):
    """Reads local history. Synchronous and possibly slow: call it from a worker thread."""

    def query(self, point: str, start: float, end: float, buckets: int) -> Series:
        """One point in `start <= t < end` (UTC seconds) in at most `buckets` buckets of equal
        length."""
        ...

    def rows(
        self, points: Collection[str], start: float, end: float
    ) -> Iterator[tuple[float, str, float, int]]:
        """Raw rows (time, point, value, quality byte) in time order."""
        ...

    def known(self, point: str) -> bool:
        """Whether history has ever held this point."""
        ...


class ScenarioControl(Protocol):
    """Triggers scenarios of the simulated site; exists in the demo only."""

    def names(self) -> Sequence[str]: ...

    def trigger(self, name: str) -> None:
        """Start a scenario now. Raises KeyError for a name that does not exist."""
        ...


class Services(Protocol):
    """All that the API is handed."""

    @property
    def site(self) -> Site: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def history(self) -> HistoryReader | None: ...

    @property
    def scenarios(self) -> ScenarioControl | None: ...

    def snapshot(self) -> Snapshot:
        """The snapshot that stands now."""
        ...

    def events(self, since_seq: int, limit: int) -> Sequence[Event]:
        """Events with a larger `seq`, oldest first."""
        ...

    def event_ends(self) -> tuple[int, int]:
        """`seq` of the oldest event that is kept (0: none) and of the newest."""
        ...

    def levels(self, month: str | None) -> MonthLevels:
        """How long each part stood at each level in a month; the present one if None. Raises
        ValueError for a name that is no month."""
        ...

    def what_if(
        self, out: Sequence[str], back: Sequence[str], case: Case, demand: Demand
    ) -> WhatIf:
        """Raises KeyError naming an id that is neither a node, nor a cooling unit, nor a device."""
        ...

    async def announce(self, window: Window) -> str:
        """Take up maintenance for good, and say its id. Raises KeyError naming an unknown id,
        ValueError with a sentence, SinkError where it cannot be made durable."""
        ...

    async def cancel(self, name: str) -> None:
        """End maintenance. Raises KeyError where there is none of this id, ValueError with a
        sentence, SinkError as above."""
        ...

    async def pue_statement(self, name: str) -> Statement:
        """What the PUE of a window (`24h`), a month (`2026-03`) or a year stands on. Raises
        ValueError for another name, SinkError where the disk that has it cannot be read."""
        ...

    async def months(self, year: int | None) -> Sequence[Statement]:
        """The months of a year, left out the current one, and the year itself. Raises ValueError
        for one out of range, SinkError as above."""
        ...

    async def next_snapshot(self, after_version: int) -> Snapshot:
        """Wait for a snapshot newer than this version."""
        ...
