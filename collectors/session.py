"""A device that is being polled: opened once, then read at two speeds.

Opening finds out what the device is and has: it is identified where no profile is named, its tables
are walked, everything is read once, and what it refuses or does not have is left out. Polling reads
the plans that come of it. Owns plans and what is known of one device between polls; must not know
schedules, rows of the point table or other devices.

Points that have a place but no value when the device is opened (an inverter at night) are left out
too, but looked at with every slow poll: when one comes to life the session asks to be opened anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from collectors.address import parse_address
from collectors.bind import Bound, Item, united
from collectors.clients import Clients
from collectors.decode import Decoder, Raw
from collectors.identify import identify_modbus, identify_snmp
from collectors.isolate import CarefulReading
from collectors.nameplate import Inscription
from collectors.plan import Asked, Plan
from collectors.profile import Library, Profile
from collectors.reader import ModbusReader, Reader, RequestRefused, SnmpReader
from core.clock import Clock
from core.errors import DeviceError, Unidentified, advice
from core.points import PointName
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Bytes, Floats, Indices
from core.site import Device
from core.snapshot import Nameplate

Speed: TypeAlias = Literal["fast", "slow"]

REDISCOVER_S: Final = 3600.0
"""So often a device is opened anew, in case that rows came or a refused object is given now."""

PARTIAL_POLLS_MAX: Final = 3
"""After so many polls in a row with silent objects the device is opened anew, which sorts them
out."""

TABLES_CHECKED_S: Final = 60.0
"""So often, at most, a slow poll looks for rows that came."""

UPTIME_SLACK: Final = 500
"""Hundredths of a second that a device's uptime may step back without meaning a restart."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a device is and which points it has. `errors` tells what it would not give."""

    profile: str
    device_class: str
    nameplate: Nameplate
    names: tuple[PointName, ...]
    errors: tuple[str, ...] = ()


class Answer(NamedTuple):
    """One poll, as it came: `decoder` makes values of `raw`, the first of which belong to `slots`,
    places in `Opened.names`.

    `restarted` asks to open the session anew: the device restarted, or changed. `uptime_s` is how
    long it says that it runs, None where it does not.
    """

    time: float
    slots: Indices
    raw: Sequence[Raw]
    decoder: Decoder
    errors: tuple[str, ...] = ()
    restarted: bool = False
    uptime_s: float | None = None

    def decoded(self) -> tuple[Floats, Bytes, Bytes]:
        """Value, quality and severity for each slot."""
        n = len(self.slots)
        value, quality, severity = self.decoder.decode(self.raw)
        return value[:n], quality[:n], severity[:n]


class Session(Protocol):
    """What the scheduler holds of a device."""

    async def open(self) -> Opened:
        """Connect and find out what there is. Raises DeviceError with a sentence."""
        ...

    async def poll(self, speed: Speed) -> Answer:
        """Read the points of one speed. Raises DeviceError only when nothing at all answered."""
        ...

    def close(self) -> None:
        """Forget what is known of the device; it may be opened again."""
        ...


@dataclass(frozen=True, slots=True)
class Survey(Generic[Item]):
    """Everything that a device gave when it was read once, whole.

    The arrays go with `points`; `raw` holds each object that was read, `refused` those that the
    device does not give although it lives. `misfit` is a sentence where it has none of the objects.
    """

    profile: Profile
    nameplate: Nameplate
    points: tuple[Bound[Item], ...]
    raw: dict[Item, Raw]
    value: Floats
    quality: Bytes
    severity: Bytes
    refused: frozenset[Item]
    errors: tuple[str, ...]
    misfit: str = ""

    def has(self, point: Bound[Item]) -> bool:
        """Whether the device has what the point is read from, scales and conditions included."""
        return all(_exists(self.raw[item]) for item in point.items)

    def gave(self, item: Item) -> bool:
        """Whether the device gave a value for an object."""
        raw = self.raw[item]
        return raw is not None and not isinstance(raw, Quality)


@dataclass(frozen=True, slots=True)
class _Speed(Generic[Item, Asked]):
    """What is read at one speed; the first `len(slots)` points of the plan have a slot, the others
    are only watched. `first` are objects at its beginning that are no points."""

    plan: Plan[Item, Asked]
    slots: Indices
    first: tuple[Item, ...]


def _uptime(current: _Speed[Item, Asked], raw: Sequence[Raw]) -> int | None:
    """Hundredths of a second that the device runs, None where it was not asked or does not say."""
    told = raw[0] if current.first and raw else None
    return told if type(told) is int else None


class DeviceSession(Generic[Item, Asked]):
    """One device behind its reader. Implements `Session`."""

    def __init__(
        self,
        reader: Reader[Item, Asked],
        identify: Callable[[], Awaitable[Sequence[Profile]]],
        where: str,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._identify = identify
        self._where = where
        self._clock = clock
        self._speeds: dict[Speed, _Speed[Item, Asked]] = {}
        self._uptime = 0
        self._partial = 0
        self._reopen = False
        self._rediscover_at = self._check_tables_at = 0.0
        self._refusals: tuple[str, ...] = ()

    async def open(self) -> Opened:
        survey = await self.survey()
        if survey.misfit:
            raise Unidentified(survey.misfit)
        kept, watched = chosen(survey)
        slots = {"fast": [], "slow": []}  # type: dict[Speed, list[int]]
        for slot, point in enumerate(kept):
            slots[point.spec.keys.speed].append(slot)
        if not slots["fast"]:  # a poll that asks for nothing would find every device alive
            slots = {"fast": slots["slow"], "slow": []}
        first = [item for item in self._reader.first if survey.gave(item)]
        self._speeds = {
            "fast": self._planned([kept[i] for i in slots["fast"]], slots["fast"], first),
            "slow": self._planned([*(kept[i] for i in slots["slow"]), *watched], slots["slow"]),
        }
        self._uptime, self._partial, self._reopen = 0, 0, False
        self._refusals = ()
        now = self._clock.monotonic()
        self._rediscover_at, self._check_tables_at = now + REDISCOVER_S, now + TABLES_CHECKED_S
        return Opened(
            survey.profile.name,
            survey.profile.device_class,
            survey.nameplate,
            tuple(point.name for point in kept),
            survey.errors,
        )

    async def poll(self, speed: Speed) -> Answer:
        current = self._speeds[speed]
        plan, slots, read = current.plan, current.slots, self._reader.read
        raw: Sequence[Raw] = ()
        errors: list[str] = []
        try:
            for request in plan.requests:
                values = await read(request)
                raw = [*raw, *values] if raw else values
        except (DeviceError, RequestRefused) as error:
            raw = await self._rest(plan, raw, error, errors)
        if len(plan.points) > len(slots):
            _, quality, _ = plan.decoder.decode(raw)
            if (quality[len(slots) :] >> LEVEL_SHIFT < Level.BAD).any():
                self._reopen = True  # a point without a value came to life
        time = self._clock.now()
        if speed == "slow" and self._clock.monotonic() >= self._check_tables_at:
            self._check_tables_at = self._clock.monotonic() + TABLES_CHECKED_S
            self._reopen |= await self._reader.changed()
        self._judge(current, raw, errors)
        told = tuple(dict.fromkeys((*self._refusals, *errors)))
        uptime = _uptime(current, raw)
        uptime_s = None if uptime is None else uptime / 100
        return Answer(time, slots, raw, plan.decoder, told, self._reopen, uptime_s)

    def close(self) -> None:
        self._speeds.clear()

    async def survey(self) -> Survey[Item]:
        """Read everything that the device has, once. Raises DeviceError with a sentence."""
        reader = self._reader
        heard = await reader.contact()
        profiles = await self._identify()
        bound, errors = await reader.bind(profiles)
        inscription = Inscription.of(profiles, reader)
        plan = Plan.of(united(bound), reader.pack, [*reader.first, *inscription.items])
        reading = CarefulReading(reader, heard=heard)
        raw = await reading.read(plan.requests)
        fitting = (
            profile
            for profile, points in zip(profiles, bound, strict=True)
            if any(_exists(raw[point.item]) for point in points)
        )
        profile = next(fitting, None)
        errors = (*errors, *reading.errors)
        misfit = "" if profile else await self._misfit(profiles[0], errors)
        value, quality, severity = plan.decoder.decode([raw[item] for item in plan.items])
        return Survey(
            profile or profiles[0],
            inscription.read(raw),
            plan.points,
            raw,
            value,
            quality,
            severity,
            frozenset(reading.refused),
            errors,
            misfit,
        )

    def _planned(
        self, points: Sequence[Bound[Item]], slots: Sequence[int], first: Sequence[Item] = ()
    ) -> _Speed[Item, Asked]:
        plan = Plan.of(points, self._reader.pack, first)
        return _Speed(plan, np.array(slots, dtype=np.int32), tuple(first))

    async def _rest(
        self,
        plan: Plan[Item, Asked],
        done: Sequence[Raw],
        failure: DeviceError | RequestRefused,
        errors: list[str],
    ) -> Sequence[Raw]:
        """The raw values of a poll in which a request failed after `done` had answered."""
        at = answered = 0
        while answered < len(done):
            answered += len(plan.requests[at].items)
            at += 1
        reading = CarefulReading(self._reader, heard=bool(done), patience=0)
        found = await reading.read(plan.requests[at:], failure)
        if reading.refused:
            self._give_up(reading.refused)
            self._refusals += tuple(reading.refusals)
        self._reopen |= reading.absent  # a row of a table is gone
        errors += reading.errors
        return [*done, *(found[item] for item in plan.items[answered:])]

    def _give_up(self, refused: AbstractSet[Item]) -> None:
        """Ask for these objects no more until the device is opened anew."""
        for speed, current in self._speeds.items():
            points, slots = current.plan.points, current.slots
            kept = [i for i, point in enumerate(points) if refused.isdisjoint(point.items)]
            self._speeds[speed] = self._planned(
                [points[i] for i in kept],
                [int(slots[i]) for i in kept if i < len(slots)],
                [item for item in current.first if item not in refused],
            )

    def _judge(self, current: _Speed[Item, Asked], raw: Sequence[Raw], errors: list[str]) -> None:
        """Whether the device is another one now, so that it has to be opened anew."""
        uptime = _uptime(current, raw)
        if uptime is not None:
            if uptime < self._uptime - UPTIME_SLACK:
                self._reopen = True
            self._uptime = uptime
        self._partial = self._partial + 1 if errors else 0
        if (
            self._partial >= PARTIAL_POLLS_MAX
            or None in raw
            or self._clock.monotonic() >= self._rediscover_at
        ):
            self._reopen = True

    async def _misfit(self, profile: Profile, errors: Sequence[str]) -> str:
        """That none of a profile's objects exist, or are given, in a sentence."""
        given = f" or can be read ({errors[0]})" if errors else ""
        await self._reader.introduce()
        told = self._reader.describe()
        return (
            f"{self._where} answers, but none of the objects of profile '{profile.name}' exist"
            f" there{given}: is the profile right, and does the device show all it has?"
            f" {told + '; ' if told else ''}"
            f"`kasbah probe {self._where}` identifies it; if nothing fits, {advice(self._where)}"
        )


def _exists(raw: Raw) -> bool:
    # By kind first: Quality is an integer, and 134 is a measurement like any other.
    return raw is not None and not (isinstance(raw, Quality) and raw in _ABSENT)


_ABSENT: Final = (Quality.REFUSED, Quality.NOT_IMPLEMENTED)


def chosen(survey: Survey[Item]) -> tuple[list[Bound[Item]], list[Bound[Item]]]:
    """The points that are polled, one for each name, and those that are only watched.

    Where several objects give one point, the first with a usable value gives it.
    """
    best: dict[PointName, int] = {}
    watched: list[Bound[Item]] = []
    bad = (survey.quality >> LEVEL_SHIFT) >= Level.BAD
    for i, point in enumerate(survey.points):
        if not survey.has(point) or not survey.refused.isdisjoint(point.items):
            continue
        if survey.quality[i] == Quality.NOT_IMPLEMENTED:
            watched.append(point)
        elif point.name not in best or (bad[best[point.name]] and not bad[i]):
            best[point.name] = i
    kept = [survey.points[i] for i in best.values()]
    return kept, [point for point in watched if point.name not in best]


def session_for(
    device: Device, clients: Clients, library: Library, clock: Clock
) -> DeviceSession[Any, Any]:
    """A session for a device of the site. Raises ValueError for an address that is none."""
    address = parse_address(device.address)
    where = str(address)
    named = _named(device, library)
    if address.scheme == "snmp":
        snmp = SnmpReader(clients, address, device.credentials, device.poll)
        told = partial(identify_snmp, snmp, library, where)
        return DeviceSession(snmp, named or told, where, clock)
    modbus = ModbusReader(clients, address, device.poll)
    found = partial(identify_modbus, modbus, library, where)
    return DeviceSession(modbus, named or found, where, clock)


def _named(device: Device, library: Library) -> Callable[[], Awaitable[Sequence[Profile]]] | None:
    """What gives the profile that the site file names, and those that this one asks for; None where
    it names none."""
    if not device.profile:
        return None

    async def load() -> Sequence[Profile]:
        return library.together(device.profile)

    return load
