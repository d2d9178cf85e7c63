"""Profiles: what a model family is and what is read from it, as data.

Owns the library that loads profile files lazily, and the frozen records that come of them;
`profile_keys.py` has the format of a file. Knows nothing of requests, sockets or devices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from collectors.profile_keys import (
    SEVERITIES,
    Beside,
    Condition,
    DecoderName,
    FamilyKeys,
    Identity,
    Match,
    ModbusDefaults,
    PointKeys,
    ProfileKeys,
    Protocol,
    RegisterCondition,
    ScaleFrom,
    SnmpDefaults,
    Speed,
    Where,
)
from core.errors import ConfigError, Problem
from core.points import PointName, parse_name
from core.totals import line_of
from core.vocabulary import CLASSES, Severity

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # libyaml is missing: the same result, only slower
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

__all__ = [
    "PROFILES",
    "Beside",
    "Condition",
    "DecoderName",
    "Family",
    "Library",
    "Match",
    "ModbusDefaults",
    "PointSpec",
    "Profile",
    "RegisterCondition",
    "ScaleFrom",
    "Speed",
    "StateValue",
    "Where",
    "library",
    "load_profile",
    "schema",
]

PROFILES = Path(__file__).parent / "profiles"
"""The library that comes with Kasbah."""


@dataclass(frozen=True, slots=True)
class StateValue:
    """What a raw value means on its axis."""

    code: int
    severity: Severity


@dataclass(frozen=True, slots=True, eq=False)
class PointSpec:
    """One point of a profile. `name` has the instance of the file; walks and groups add theirs
    later.

    `states` maps raw values (integers, or text for octet strings) to codes; None for plain numbers.
    """

    name: PointName
    keys: PointKeys
    states: Mapping[int | str, StateValue] | None

    @property
    def many(self) -> bool:
        """Whether only the device tells how many of it there are (table rows, SunSpec groups)."""
        return self.keys.walk is not None or "." in (self.keys.field or "")

    @property
    def models(self) -> tuple[int, ...]:
        model = self.keys.model
        return () if model is None else (model,) if isinstance(model, int) else tuple(model)

    def may_give(self, name: PointName) -> bool:
        """Whether this can be the point of that name on some device of the family: a row of its
        table, or a further block of its SunSpec model."""
        if (self.name.part, self.name.quantity) != (name.part, name.quantity):
            return False
        if self.keys.walk is None:
            return self.many or bool(self.models) or any(name == n for n, _ in self.expanded())
        if self.keys.instances is not None:
            return name.instance in map(self.instance_of, self.keys.instances.values())
        if self.keys.index is not None and re.compile(self.keys.index).groups == 0:
            return name.instance == self.name.instance
        ahead = f"{self.name.instance}-" if self.name.instance else ""
        return name.instance.startswith(ahead) and name.instance != ahead

    def instance_of(self, row: str) -> str:
        """Instance of a table row: what the point's name has stands before the row's, and an empty
        one makes a total."""
        return "-".join(part for part in (self.name.instance, row) if part)

    def expanded(self) -> Iterator[tuple[PointName, int]]:
        """Name and address offset of each repetition; the point itself where it does not repeat."""
        repeat = self.keys.repeat
        if repeat is None:
            yield self.name, 0
            return
        for i in range(repeat.count):
            instance = repeat.instances[i] if repeat.instances else str(i + 1)
            yield PointName(self.name.part, self.name.quantity, instance), i * repeat.step


@dataclass(frozen=True, slots=True)
class Family:
    """The head of a profile: what its devices are and are recognised by."""

    name: str
    title: str
    device_class: str
    protocol: Protocol
    vendor: str
    source: str
    simulated: bool
    match: Match


@dataclass(frozen=True, slots=True)
class Profile(Family):
    """A profile, checked. `others` are profiles that read the rest of such a device."""

    others: tuple[str, ...]
    identity: Identity
    modbus: ModbusDefaults
    snmp: SnmpDefaults
    points: tuple[PointSpec, ...]

    def point_names(self) -> frozenset[PointName]:
        """The points that every device of this family may have, known without asking one."""
        return frozenset(
            name for spec in self.points if not spec.many for name, _ in spec.expanded()
        )

    def may_have(self, name: PointName) -> bool:
        """Whether a device of this family can have this point: table rows, further blocks of a
        SunSpec model and totals of lines included."""
        told = (name, line_of(name) or name)
        return any(spec.may_give(each) for spec in self.points for each in told)


class Library:
    """Profile files of some folders, loaded when they are asked for. A later folder wins over an
    earlier one."""

    def __init__(self, folders: Sequence[Path] = (PROFILES,)) -> None:
        self._paths = {
            path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))
        }
        self._loaded: dict[str, Profile] = {}
        self._families: dict[str, Family] = {}

    def names(self) -> frozenset[str]:
        """All profiles; no file is read for this."""
        return frozenset(self._paths)

    def load(self, name: str) -> Profile:
        """One profile. Raises KeyError for an unknown name, ConfigError for a file that is
        wrong."""
        profile = self._loaded.get(name)
        if profile is None:
            profile = self._loaded[name] = load_profile(self._paths[name])
        return profile

    def together(self, name: str) -> tuple[Profile, ...]:
        """One profile and those that it says read the rest. Raises as `load` does."""
        profile = self.load(name)
        for other in profile.others:
            if other not in self._paths:
                problem = Problem(str(self._paths[name]), 0, "with", f"there is no '{other}'")
                raise ConfigError([problem])
        return (profile, *map(self.load, profile.others))

    def families(self) -> tuple[Family, ...]:
        """The heads of all profiles, in the order of their names; of the files only those are
        read. Raises ConfigError for a file that is wrong there."""
        for name in sorted(self._paths.keys() - self._families.keys()):
            self._families[name] = _family(self._paths[name])
        return tuple(self._families[name] for name in sorted(self._families))


def schema() -> dict[str, Any]:
    """JSON Schema of a profile file; `profiles/schema.json` is a copy for editors."""
    return ProfileKeys.model_json_schema(by_alias=True)


def library(*folders: Path) -> Library:
    """The library that comes with Kasbah, and further folders that win over it."""
    return Library((PROFILES, *folders))


def load_profile(path: Path) -> Profile:
    """Read and check one file. Raises ConfigError with every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(
            [Problem(str(path), line, "", f"is not YAML: {error.problem}")]
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([Problem(str(path), 0, "", f"is no profile: {error}")]) from error
    try:
        keys = ProfileKeys.model_validate(data)
    except ValidationError as error:
        lines = _Lines(text)
        problems = [_problem(path, lines, item) for item in error.errors()]
        raise ConfigError(problems) from error
    if keys.profile != path.stem:
        message = f"the file is named {path.stem}: profile and file have one name"
        raise ConfigError([Problem(str(path), 1, "profile", message)])
    return Profile(
        **_head(keys),
        others=tuple(keys.with_),
        identity=keys.identity,
        modbus=keys.modbus,
        snmp=keys.snmp,
        points=tuple(_spec(point) for point in keys.points),
    )


def _head(keys: FamilyKeys) -> dict[str, Any]:
    return {
        "name": keys.profile,
        "title": keys.title,
        "device_class": keys.class_,
        "protocol": keys.protocol,
        "vendor": keys.vendor,
        "source": keys.source,
        "simulated": keys.simulated,
        "match": keys.match,
    }


def _family(path: Path) -> Family:
    """The head of one file.

    Reading a whole file costs milliseconds, most of them for `points`, which nearly always comes
    last: what stands above it is read alone. Anything unusual is left to `load_profile`.
    """
    try:
        head, _, points = path.read_text(encoding="utf-8").partition("\npoints:")
        if _TOP_LEVEL.search(points) is None:
            keys = FamilyKeys.model_validate(yaml.load(head, Loader=_Loader))
            if keys.profile == path.stem and keys.class_ in CLASSES:
                return Family(**_head(keys))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError):
        pass  # told below, with every other mistake of the file
    return load_profile(path)


_TOP_LEVEL = re.compile(r"^[^\s#-]", re.MULTILINE)
"""A line that begins a key of a file, not of a list in it."""


def _spec(keys: PointKeys) -> PointSpec:
    name = parse_name(keys.point)
    if keys.enum is None or name.axis is None:
        return PointSpec(name, keys, None)
    states = {}
    for raw, state in keys.enum.items():
        word, severity = (state, "ok") if isinstance(state, str) else state
        states[raw] = StateValue(name.axis.code(word), SEVERITIES[severity])
    return PointSpec(name, keys, states)


class _Lines:
    """Line of a key path in a YAML text; read only when something is wrong."""

    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=_Loader)

    def of(self, path: Sequence[str | int]) -> int:
        """1-based line of the deepest key of the path that stands in the file."""
        node: Any = self._root
        line = 1
        for key in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
                node = node.value[key]
            elif isinstance(node, yaml.MappingNode):
                pairs = {str(k.value): (k, v) for k, v in node.value}
                if str(key) not in pairs:
                    break
                node = pairs[str(key)][1]
            else:
                break
            line = int(node.start_mark.line) + 1
        return line


def _problem(path: Path, lines: _Lines, item: Any) -> Problem:
    location = [part for part in item["loc"] if part != "[key]"]
    key = re.sub(r"\.(\d+)", r"[\1]", ".".join(str(part) for part in location))
    message = _SENTENCES.get(item["type"], str(item["msg"]).removeprefix("Value error, "))
    return Problem(str(path), lines.of(location), key, message)


_SENTENCES = {
    "extra_forbidden": "is no key of a profile: check its spelling (docs/profiles.md lists them)",
    "missing": "is missing: add it",
}
"""What to do about mistakes for which the checker has no words of ours."""
