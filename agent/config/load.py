"""From the site file to `core.site.Site`: read, check whole, compile. Every problem at once.

The only door to configuration files; the checks between parts are in `checks`, the keys in
`schema`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import checks, credentials, energy, meters
from agent.config.cooling import cooling_of
from agent.config.nodes import node_of
from agent.config.plant import fuel_of, start_of, windows_of
from agent.config.schema import DeviceKeys, HistoryKeys, PollKeys, SiteFile
from agent.config.source import SECTIONS, Document, KeyPath, read
from collectors.profile import Library, library, load_profile
from core.errors import ConfigError, Problem
from core.site import Credentials, Device, Group, Poll, Site
from core.words import nearest


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that one site file says: the site, how its history is kept, and the profiles that its
    devices are read by."""

    site: Site
    history: HistoryKeys
    profiles: Library = field(default_factory=library)


def load_site(path: Path) -> Site:
    """The site of a file. Raises ConfigError with every problem found."""
    return load(path).site


def load(path: Path, profiles: Library | None = None) -> Configuration:
    """Read, check and compile a site file. Raises ConfigError with every problem found."""
    document = read(path)
    problems = list(document.problems)
    parsed, shape_problems = _parse(document)
    problems += shape_problems
    folders = [path.parent / name for name in parsed.profiles] if parsed else []
    profiles = profiles or library(*folders)
    if parsed is not None:
        problems += checks.problems(parsed, document, profiles)
        problems += _own_profiles(folders, document)
    if problems or parsed is None:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    return Configuration(_compile(parsed, path, profiles), parsed.history, profiles)


def _own_profiles(folders: Sequence[Path], document: Document) -> Iterator[Problem]:
    """What is wrong with the site's own profiles: whole, since any of them may be needed."""
    for index, folder in enumerate(folders):
        if not folder.is_dir():
            yield document.problem(("profiles", index), f"there is no folder '{folder}'")
        for path in sorted(folder.glob("*.yaml")):
            try:
                load_profile(path)
            except ConfigError as error:
                yield from error.problems


def _parse(document: Document) -> tuple[SiteFile | None, list[Problem]]:
    """The file in its shape, leaving out what has none so that the rest is checked too."""
    problems: list[Problem] = []
    data = document.data
    original = {path: list(range(len(entries))) for path, entries in _lists(data)}
    for _ in range(4):  # wrong keys and entries out, then wrong tables, then give up
        try:
            parsed = SiteFile.model_validate(data)
        except ValidationError as error:
            found = [(_path(item["loc"], original), item) for item in error.errors()]
            problems += [document.problem(path, _sentence(item)) for path, item in found]
            _remember_ids(document, [path for path, _ in found])
            data = _without(data, [item["loc"] for _, item in found], original)
        else:
            document.original.update(original)
            return parsed, problems
    return None, problems


def _lists(data: dict[str, Any]) -> Iterator[tuple[KeyPath, list[Any]]]:
    """The lists of which single entries can be left out."""
    for key, value in data.items():
        if isinstance(value, list):
            yield (key,), value
        elif isinstance(value, dict):
            for name in SECTIONS.get(key, ()):
                if isinstance(value.get(name), list):
                    yield (key, name), value[name]


def _remember_ids(document: Document, paths: list[KeyPath]) -> None:
    """Note the ids of wrong entries, so that nobody is told they do not exist."""
    lists = dict(_lists(document.data))
    for path in paths:
        if path[0] == "credentials" and isinstance(document.data["credentials"], dict):
            document.dropped["credentials"] = set(document.data["credentials"])
        table = _list_of(path, lists)
        if table:
            entry = lists[table][int(path[len(table)])]
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                name = ".".join(map(str, table))
                document.dropped.setdefault(name, set()).add(entry["id"])


def _list_of(path: KeyPath, lists: Container[KeyPath]) -> KeyPath:
    """The path of the list that a path leads into; empty where it leads into none."""
    for length in (1, 2):
        if len(path) > length and isinstance(path[length], int) and path[:length] in lists:
            return path[:length]
    return ()


def _path(loc: tuple[int | str, ...], original: dict[KeyPath, list[int]]) -> KeyPath:
    """A pydantic location as a path of the file, counted in entries as written."""
    path = tuple(part for part in loc if part != "[key]")
    table = _list_of(path, original)
    if table:
        depth = len(table)
        return (*table, original[table][int(path[depth])], *path[depth + 1 :])
    return path


def _without(
    data: dict[str, Any],
    locations: list[tuple[int | str, ...]],
    original: dict[KeyPath, list[int]],
) -> dict[str, Any]:
    """The data without what is wrong: a key of an entry where the rest of it can be judged
    without, else the whole entry; elsewhere a key."""
    data = {
        key: dict(value) if key in SECTIONS and isinstance(value, dict) else value
        for key, value in data.items()
    }
    lists = dict(_lists(data))
    out: dict[KeyPath, set[int]] = {}
    for loc in locations:
        path = _list_of(loc, lists)
        if path:
            place = int(loc[len(path)])
            entry = lists[path][place]
            key = str(loc[len(path) + 1]) if len(loc) > len(path) + 1 else ""
            if key in _DECISIVE or not isinstance(entry, dict) or key not in entry:
                out.setdefault(path, set()).add(place)
            else:
                rest = {name: value for name, value in entry.items() if name != key}
                lists[path] = [*lists[path][:place], rest, *lists[path][place + 1 :]]
        else:
            _without_key(data, loc)
    for path, entries in lists.items():
        kept = [i for i in range(len(entries)) if i not in out.get(path, ())]
        original[path] = [original[path][i] for i in kept]
        table = data if len(path) == 1 else data.get(str(path[0]), {})
        if path[-1] in table:
            table[str(path[-1])] = [entries[i] for i in kept]
    return data


def _without_key(data: dict[str, Any], loc: tuple[int | str, ...]) -> None:
    """Leave out a wrong key, with all that cannot be judged without it."""
    table, place = str(loc[0]), loc[1] if len(loc) > 1 else None
    if table == "site" and isinstance(place, str) and isinstance(data["site"], dict):
        kept = {name: value for name, value in data["site"].items() if name != place}
        data["site"] = {"id": "unnamed"} | kept
    elif place is not None and table in SECTIONS and place not in SECTIONS[table]:
        data[table].pop(place, None)
    else:
        data.pop(table, None)
        if table == "site":
            data["site"] = {"id": "unnamed"}


_DECISIVE = frozenset(
    """
    id kind profile address capacity_kw capacity_kva capacity_a fed_by bypass_fed_by between demand
    demand_kw members scheme design start end nodes
    """.split()
)
"""Without one of these the checks between entries would complain of what is no mistake."""


@cache
def _known_keys() -> frozenset[str]:
    """The names of all keys of a site file, wherever they stand."""
    schema = SiteFile.model_json_schema()
    parts = (schema, *schema["$defs"].values())
    return frozenset(name for part in parts for name in part.get("properties", ()))


def _no_key(name: str) -> str:
    if name in _known_keys():
        return "is no key of a site file here: it stands elsewhere"
    return "is no key of a site file" + (
        nearest(name, sorted(_known_keys())) or ": check its spelling"
    )


def _sentence(item: Any) -> str:
    """One pydantic error as a sentence that says what to do."""
    kind, given, context = item["type"], item.get("input"), item.get("ctx", {})
    sentences = {
        "missing": "is missing: add it",
        "extra_forbidden": _no_key(str(item["loc"][-1])),
        "greater_than": f"{given!r} is not possible: it must be greater than {context.get('gt')}",
        "greater_than_equal": f"{given!r} is not possible: it must be at least {context.get('ge')}",
        "less_than_equal": f"{given!r} is not possible: it must be at most {context.get('le')}",
        "literal_error": f"{given!r} is not one of {context.get('expected')}",
        "string_pattern_mismatch": f"{given!r} is no id: use a-z, 0-9, '-' and '_'",
        "string_type": f"{_shown(item)} must be text",
        "list_type": "is empty: fill or remove it" if given is None else "must be a list",
        "dict_type": "must be a mapping of keys",
        "invalid_key": f"{item['loc'][-1]!r} is no key: for a decimal comma write a point, 2.5",
        "model_type": "must be a mapping of keys",
        "too_short": "must not be empty",
    }
    if kind in sentences:
        return sentences[kind]
    if kind.startswith("datetime"):
        return f"{given!r} is no time: write it like 2026-11-25 14:00, or with an offset"
    if kind.startswith(("float", "int")):
        return f"{given!r} is not a number"
    return str(item["msg"]).removeprefix("Value error, ")


def _shown(item: Any) -> str:
    """What was given, unless it may be a secret."""
    return "it" if item["loc"][:1] == ("credentials",) else repr(item.get("input"))


def _compile(parsed: SiteFile, path: Path, profiles: Library) -> Site:
    devices = tuple(_device(keys, parsed, path, profiles) for keys in parsed.devices)
    energies = energy.resolve(parsed, profiles)[0]
    return Site(
        id=parsed.site.id,
        name=parsed.site.name or parsed.site.id,
        timezone=parsed.site.timezone,
        devices=devices,
        power=tuple(node_of(keys) for keys in parsed.power),
        groups=tuple(
            Group(keys.id, keys.scheme, tuple(keys.members), keys.design) for keys in parsed.groups
        ),
        eco=parsed.policy.eco,
        start=start_of(parsed),
        fuel=fuel_of(parsed.fuel),
        maintenance=windows_of(parsed),
        cooling=cooling_of(parsed.cooling),
        energy=energies,
        registers=tuple(meters.resolve(parsed.meters, energies)[0].items()),
        places=tuple((place.id, place.parent or "") for place in parsed.places),
        path=str(path),
    )


def _device(keys: DeviceKeys, parsed: SiteFile, path: Path, profiles: Library) -> Device:
    device_class = keys.class_
    if not device_class:
        device_class = profiles.load(keys.profile).device_class if keys.profile else "other"
    return Device(
        id=keys.id,
        device_class=device_class,
        profile=keys.profile,
        address=keys.address,
        credentials=_credentials(keys.credentials or parsed.defaults.credentials, parsed, path),
        poll=_poll(keys.poll, parsed.defaults.poll),
        name=keys.name or keys.id,
        place=keys.place or "",
        rating_kw=keys.rating_kw,
        rating_kva=keys.rating_kva,
        side=keys.side,
        asset_tag=keys.asset_tag,
        external_ids=tuple(keys.external_ids.items()),
        lifecycle=keys.lifecycle,
        options=tuple((key, str(value)) for key, value in keys.options.items()),
    )


def _credentials(name: str, parsed: SiteFile, path: Path) -> Credentials:
    if not name:
        return Credentials("default")
    return credentials.resolve(name, parsed.credentials[name], path.parent)


def _poll(own: PollKeys, default: PollKeys) -> Poll:
    base = Poll()
    merged: dict[str, Any] = {}
    for key in ("interval_s", "slow_interval_s", "timeout_s", "retries"):
        value = getattr(own, key)
        value = getattr(default, key) if value is None else value
        merged[key] = getattr(base, key) if value is None else value
    return Poll(**merged)
