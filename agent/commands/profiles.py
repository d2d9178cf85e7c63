"""`kasbah profiles`: what the device library knows."""

from __future__ import annotations

import json as json_
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from collectors.profile import Family, PointSpec, Profile, Where, library
from core.errors import KasbahError
from core.vocabulary import Severity
from core.words import nearest


def profiles(name: str | None, *, folders: Sequence[Path], json: bool) -> None:
    """List the library, or show one profile with its points and their sources."""
    shelf = library(*folders)
    if name is None:
        _list(shelf.families(), json=json)
        return
    if name not in shelf.names():
        raise KasbahError(f"there is no profile '{name}'{nearest(name, shelf.names())}")
    profile = shelf.load(name)
    if json:
        print(json_.dumps(_as_json(profile), indent=2))
    else:
        print("\n".join(_as_text(profile)))


def _list(shelf: Sequence[Family], *, json: bool) -> None:
    if json:
        print(json_.dumps({"profiles": [_head(family) for family in shelf]}, indent=2))
        return
    heading = ("profile", "class", "protocol", "vendor", "title")
    for line in _columns([heading, *map(_row, shelf)]):
        print(line)
    print(f"{len(shelf)} profiles; `kasbah profiles NAME` shows one.")


def _row(family: Family) -> tuple[str, ...]:
    note = " (simulated)" if family.simulated else ""
    return (family.name, family.device_class, family.protocol, family.vendor, family.title + note)


def _head(profile: Family) -> dict[str, Any]:
    return {
        "profile": profile.name,
        "class": profile.device_class,
        "protocol": profile.protocol,
        "vendor": profile.vendor,
        "title": profile.title,
        "source": profile.source,
        "simulated": profile.simulated,
    }


def _as_json(profile: Profile) -> dict[str, Any]:
    return {
        **_head(profile),
        "match": profile.match.model_dump(exclude_unset=True),
        "with": profile.others,
        "identity": profile.identity.model_dump(exclude_unset=True),
        "points": [_point(spec, profile.modbus.fc) for spec in profile.points],
    }


def _point(spec: PointSpec, fc: int) -> dict[str, Any]:
    """A point as JSON: what everybody asks for, and the file's own entry with the rest."""
    keys = spec.keys
    return {
        "point": keys.point,
        "where": where(spec, fc),
        "unit": _unit(spec),
        "speed": keys.speed,
        "status": keys.status,
        "source": keys.source,
        "states": {
            str(raw): {"state": state, "severity": severity}
            for raw, state, severity in _states(spec)
        },
        "entry": keys.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }


def _as_text(profile: Profile) -> Iterator[str]:
    """Lines for a terminal; nothing is cut off, whatever its width."""
    yield f"{profile.name}: {profile.title}"
    maker = f" of {profile.vendor}" if profile.vendor else ""
    yield f"  {profile.device_class}, read by {profile.protocol}{maker}"
    yield f"  source: {profile.source}"
    if profile.simulated:
        yield "  a map of Kasbah's own: no public one exists"
    yield from _recognised(profile)
    for word, place in profile.identity.words.items():
        yield f"  {word}: {_place(place)}"
    if profile.others:
        yield f"  the rest is read by: {', '.join(profile.others)}"
    heading = ("point", "unit", "object", "scale", "speed", "source")
    rows = [heading, *(_point_row(spec, profile.modbus.fc) for spec in profile.points)]
    head, *lines = _columns(rows)
    yield f"  {head}"
    for spec, line in zip(profile.points, lines, strict=True):
        yield f"  {line}"
        if states := ", ".join(_state(*each) for each in _states(spec)):
            yield f"      {states}"


def _recognised(profile: Profile) -> Iterator[str]:
    """How a device of this family is known, a line for each kind of evidence."""
    match = profile.match
    evidence: dict[str, Iterable[str]] = {
        "sysObjectID": match.sys_object_id,
        "sysDescr": [f"/{pattern}/" for pattern in match.sys_descr],
        "object": match.present,
        "rows of": match.rows,
        "register": [
            json_.dumps(each.model_dump(exclude_unset=True), ensure_ascii=False)
            for each in match.registers
        ],
        "Modbus identification": [f"/{pattern}/" for pattern in match.device_id],
        "SunSpec model": map(str, match.sunspec_models),
    }
    told = [f"    {kind} {' or '.join(each)}" for kind, each in evidence.items() if any(each)]
    yield f"  recognised by (rank {match.rank}):" if told else "  not recognised by itself: name it"
    yield from told


def _place(place: Where) -> str:
    """Where a word of the nameplate stands."""
    if place.text is not None:
        return f"'{place.text}'"
    if place.oid is not None:
        told = place.oid
    elif place.address is not None:
        told = f"{place.fc or ''}:{place.address} {place.type or ''}".strip()
    else:
        told = f"model {place.model} {place.field}"
    return told + (f" /{place.pattern}/" if place.pattern else "")


def _point_row(spec: PointSpec, fc: int) -> tuple[str, ...]:
    keys = spec.keys
    note = "  (unverified)" if keys.status == "unverified" else ""
    return (keys.point, _unit(spec), where(spec, fc), _scale(spec), keys.speed, keys.source + note)


def _unit(spec: PointSpec) -> str:
    definition = spec.name.definition
    return "state" if spec.name.axis or definition is None else definition.unit


def _scale(spec: PointSpec) -> str:
    """What is made of the raw value, in few signs."""
    keys = spec.keys
    signs = [f"x{keys.scale:g}"] if keys.scale != 1 else []
    signs += ["x told" for _ in keys.scale_from]
    signs += [f"{keys.offset:+g}"] if keys.offset else []
    return " ".join(signs)


def _states(spec: PointSpec) -> Iterator[tuple[int | str, str, str]]:
    """Raw value, state and severity of each state."""
    axis = spec.name.axis
    if axis is not None:
        for raw, state in (spec.states or {}).items():
            yield raw, axis.states[state.code], Severity(state.severity).name.lower()


def _state(raw: int | str, state: str, severity: str) -> str:
    return f"{raw} {state}" + (f" ({severity})" if severity != "ok" else "")


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows in columns; the last is as long as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join((*cells, row[-1])).rstrip()


def where(spec: PointSpec, fc: int) -> str:
    """Where a point is read, in a word or two; `fc` is the profile's Modbus function."""
    keys = spec.keys
    if keys.oid is not None:
        return keys.oid
    if keys.walk is not None:
        return f"{keys.walk}.*"
    if keys.listed is not None:
        return keys.listed.holds
    if keys.field is not None:
        return f"model {'/'.join(map(str, spec.models))} {keys.field}"
    return f"{keys.fc or fc}:{keys.address} {keys.type or ''}".strip()
