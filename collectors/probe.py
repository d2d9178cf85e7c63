"""One full poll of one device, for the engineer who stands before it. Everything that was read is
shown, each object under its own source, even where two give the same point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collectors.address import parse_address
from collectors.bind import Bound
from collectors.clients import Clients
from collectors.decode import Raw, text_of
from collectors.profile import Library
from collectors.session import Survey, session_for
from core.clock import Clock
from core.errors import ConfigError, Problem, Unidentified
from core.quality import LEVEL_NAMES, LEVEL_SHIFT, Level, Quality
from core.site import Credentials, Device, Poll
from core.vocabulary import Severity

RawShown = int | float | str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A number. `value` is None when the quality is bad; `raw` is what the device sent."""

    point: str
    quantity: str
    value: float | None
    unit: str
    quality: str
    source: str
    raw: RawShown


@dataclass(frozen=True, slots=True)
class State:
    """A state by its name. Severity is ok, warning, critical or unknown."""

    point: str
    value: str | None
    severity: str
    quality: str
    source: str
    raw: RawShown


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a device says, as `kasbah probe --json` prints it."""

    address: str
    profile: str
    device_class: str
    vendor: str
    model: str
    serial: str
    firmware: str
    readings: tuple[Reading, ...]
    states: tuple[State, ...]
    errors: tuple[str, ...]


async def probe(
    address: str,
    *,
    profile: str | None = None,
    credentials: Credentials,
    clients: Clients,
    library: Library,
    clock: Clock,
    timeout_s: float = 2.0,
    retries: int = 1,
) -> ProbeResult:
    """Read everything from the device at `address`, identified if no profile is given.

    A device that only says what it is gives no readings, and an error that tells so. Raises
    ValueError for an address that is none, ConfigError for a profile that does not go with
    it, KeyError for one that does not exist, DeviceError with a sentence when the device does not
    play along.
    """
    parsed = parse_address(address)
    if profile is not None:
        scheme = "snmp" if library.load(profile).protocol == "snmp" else "modbus"
        if not parsed.scheme.startswith(scheme):
            message = f"profile '{profile}' speaks {scheme}, the address is '{address}'"
            raise ConfigError([Problem("command line", 0, "--profile", message)])
    device = Device(
        id="probe",
        device_class="other",
        profile=profile or "",
        address=address,
        credentials=credentials,
        poll=Poll(timeout_s=timeout_s, retries=retries),
    )
    session = session_for(device, clients, library, clock)
    survey = await session.survey()
    if survey.misfit and profile is not None:
        raise Unidentified(survey.misfit)
    plate = survey.nameplate
    return ProbeResult(
        address=str(parsed),
        profile=survey.profile.name,
        device_class=survey.profile.device_class,
        vendor=plate.vendor,
        model=plate.model,
        serial=plate.serial,
        firmware=plate.firmware,
        readings=tuple(_readings(survey)),
        states=tuple(_states(survey)),
        errors=(survey.misfit, *survey.errors) if survey.misfit else survey.errors,
    )


def _readings(survey: Survey[Any]) -> Iterator[Reading]:
    for i, point in _shown(survey):
        definition = point.name.definition
        if definition is None or point.name.axis is not None:
            continue
        quality = Quality(int(survey.quality[i]))
        yield Reading(
            point=str(point.name),
            quantity=point.name.quantity,
            value=None if quality.level is Level.BAD else float(survey.value[i]),
            unit=definition.unit,
            quality=LEVEL_NAMES[quality.level],
            source=point.source,
            raw=shown(survey.raw[point.item]),
        )


def _states(survey: Survey[Any]) -> Iterator[State]:
    for i, point in _shown(survey):
        axis = point.name.axis
        if axis is None:
            continue
        quality = Quality(int(survey.quality[i]))
        bad = quality.level is Level.BAD
        severity = Severity.UNKNOWN if bad else Severity(int(survey.severity[i]))
        yield State(
            point=str(point.name),
            value=None if bad else axis.states[int(survey.value[i])],
            severity=severity.name.lower(),
            quality=LEVEL_NAMES[quality.level],
            source=point.source,
            raw=shown(survey.raw[point.item]),
        )


def _shown(survey: Survey[Any]) -> Iterator[tuple[int, Bound[Any]]]:
    """The points whose object the device has, or did not answer for; of several meanings of one
    object for one point the first that is usable."""
    best: dict[tuple[Any, ...], int] = {}
    bad = (survey.quality >> LEVEL_SHIFT) >= Level.BAD
    for i, point in enumerate(survey.points):
        known = best.get(meaning := (point.name, point.item))
        if survey.has(point) and (known is None or (bad[known] and not bad[i])):
            best[meaning] = i
    return ((i, survey.points[i]) for i in best.values())


def shown(raw: Raw) -> RawShown:
    """What the device sent, as JSON can hold it: text as text, other octets in hexadecimal, None
    where it sent nothing."""
    if raw is None or isinstance(raw, Quality):
        return None
    if isinstance(raw, bytes):
        text = text_of(raw)
        return text if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text else raw.hex()
    if isinstance(raw, float) and not -1e308 < raw < 1e308:
        return str(raw)  # NaN and infinity are no JSON
    return raw
