"""Profiles: what a model family is and what is read from it, as data.

Owns the file format (checked by pydantic and the vocabulary) and the library that loads files
lazily. Knows nothing of requests, sockets or devices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigError, Problem
from core.points import PointName, parse_name
from core.vocabulary import CLASSES, Severity, StateAxis

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # libyaml is missing: the same result, only slower
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

PROFILES = Path(__file__).parent / "profiles"
"""The library that comes with Kasbah."""

Oid = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]
RegisterType = Annotated[
    str, Field(pattern=r"^(u16|s16|u32|s32|u64|s64|f32|f64|bit|string\(\d{1,3}\))$")
]
WordOrder = Literal["big", "little"]
Speed = Literal["fast", "slow"]
Protocol = Literal["snmp", "modbus", "sunspec"]
SEVERITIES = {severity.name.lower(): severity for severity in Severity}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Bits(_Strict):
    """A field of a register: `width` bits from bit `shift` (0 is the least significant)."""

    shift: Annotated[int, Field(ge=0, le=63)]
    width: Annotated[int, Field(ge=1, le=64)] = 1


class Repeat(_Strict):
    """The same registers again at a fixed step; instances count from 1 unless they are named."""

    count: Annotated[int, Field(ge=1, le=1000)]
    step: Annotated[int, Field(ge=1)]
    instances: list[str] | None = None


class RegisterMatch(_Strict):
    """A register that decides whether a device is of this family."""

    fc: Literal[1, 2, 3, 4] = 3
    address: Annotated[int, Field(ge=0, le=65535)]
    type: RegisterType = "u16"
    equals: list[int | str]


class Match(_Strict):
    """How a device is recognised: any hit of any list makes a candidate, the highest rank wins."""

    rank: int = 10
    sys_object_id: list[Oid] = []
    sys_descr: list[str] = []
    present: list[Oid] = []
    registers: list[RegisterMatch] = []
    sunspec_models: list[int] = []


class Where(_Strict):
    """Where a word of the nameplate is read, or the word itself."""

    text: str | None = None
    oid: Oid | None = None
    fc: Literal[3, 4] | None = None
    address: Annotated[int, Field(ge=0, le=65535)] | None = None
    type: RegisterType | None = None
    model: int | None = None
    field: str | None = None
    map: dict[int | str, str] | None = None
    pattern: str | None = Field(
        default=None, description="regular expression; its group is the word"
    )


class Identity(_Strict):
    """The nameplate."""

    vendor: Where | None = None
    model: Where | None = None
    serial: Where | None = None
    firmware: Where | None = None

    @property
    def words(self) -> dict[str, Where]:
        """The words that the device tells, by name."""
        places = {
            "vendor": self.vendor,
            "model": self.model,
            "serial": self.serial,
            "firmware": self.firmware,
        }
        return {word: where for word, where in places.items() if where is not None}


class ModbusDefaults(_Strict):
    """How the registers of this family may be read."""

    fc: Literal[1, 2, 3, 4] = 3
    word_order: WordOrder = "big"
    max_registers: Annotated[int, Field(ge=1, le=125)] = 120
    max_gap: Annotated[int, Field(ge=0, le=124)] = 10
    in_flight: Annotated[int, Field(ge=1, le=16)] = 1


class SnmpDefaults(_Strict):
    """How the objects of this family may be read."""

    max_oids: Annotated[int, Field(ge=1, le=128)] = 32


class Only(_Strict):
    """Which rows of a table count: those where another of its columns (`walk`) holds one of
    `equals`, or all of them where a single object (`oid`) does.

    A simulated device numbers its rows so that points with different conditions share none.
    """

    walk: Oid | None = None
    oid: Oid | None = None
    equals: list[int | str]

    @model_validator(mode="after")
    def _one_place(self) -> Only:
        if (self.walk is None) == (self.oid is None):
            raise ValueError("names one of walk and oid")
        return self


class ScaleFrom(_Strict):
    """An object that holds the scale: the value is raw * 10^(its number), or raw * its number."""

    oid: Oid | None = None
    fc: Literal[3, 4] | None = None
    address: int | None = None
    type: RegisterType = "s16"
    as_: Literal["exponent", "factor"] = Field(default="exponent", alias="as")


State = str | tuple[str, str]


class PointKeys(_Strict):
    """One entry of `points:`."""

    point: str
    source: str
    status: Literal["confirmed", "unverified"] = "confirmed"
    speed: Speed = "fast"
    # SNMP
    oid: Oid | None = None
    walk: Oid | None = None
    instances: dict[str, str] | None = None
    only: Only | None = None
    # Modbus
    fc: Literal[1, 2, 3, 4] | None = None
    address: Annotated[int, Field(ge=0, le=65535)] | None = None
    type: RegisterType | None = None
    word_order: WordOrder | None = None
    repeat: Repeat | None = None
    # SunSpec
    model: list[int] | int | None = None
    field: str | None = None
    # from the raw value to Kasbah's
    scale: float = 1.0
    offset: float = 0.0
    scale_from: ScaleFrom | None = None
    bits: Bits | None = None
    enum: dict[int | str, State] | None = None
    sentinels: list[int | float | str] = Field(
        default=[], description="raw values that mean: there is no such value"
    )
    faults: list[int | float | str] = Field(
        default=[], description="raw values that mean: the sensor is broken"
    )
    low: float | None = None
    high: float | None = None
    decoder: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> PointKeys:
        places = [self.oid, self.walk, self.address, self.model]
        if sum(place is not None for place in places) != 1:
            raise ValueError("names one of oid, walk, address and model")
        if (self.model is None) != (self.field is None):
            raise ValueError("a SunSpec point names both model and field")
        if self.walk is None and (self.instances is not None or self.only is not None):
            raise ValueError("`instances` and `only` belong to a `walk`")
        name = parse_name(self.point)
        if self.enum is not None:
            _check_states(self.enum, name.axis, self.point)
        elif name.axis is not None and self.decoder is None:
            raise ValueError(f"'{self.point}' is a state: say what raw values mean with `enum`")
        return self


class ProfileKeys(_Strict):
    """A whole profile file."""

    profile: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    class_: str = Field(alias="class")
    protocol: Protocol
    vendor: str = ""
    source: str
    simulated: bool = False
    match: Match = Match()
    identity: Identity = Identity()
    modbus: ModbusDefaults = ModbusDefaults()
    snmp: SnmpDefaults = SnmpDefaults()
    points: list[PointKeys]

    @model_validator(mode="after")
    def _known_class(self) -> ProfileKeys:
        if self.class_ not in CLASSES:
            raise ValueError(f"there is no class '{self.class_}' (core/vocabulary.py lists them)")
        return self


def _check_states(enum: Mapping[int | str, State], axis: StateAxis | None, point: str) -> None:
    if axis is None:
        raise ValueError(f"'{point}' is a number, not a state: it has no `enum`")
    for state in enum.values():
        name, severity = (state, "ok") if isinstance(state, str) else state
        axis.code(name)
        if severity not in SEVERITIES:
            raise ValueError(f"'{severity}' is no severity: {', '.join(SEVERITIES)}")


@dataclass(frozen=True, slots=True)
class StateValue:
    """What a raw value means on its axis."""

    code: int
    severity: Severity


@dataclass(frozen=True, slots=True)
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
class Profile:
    """A profile, checked."""

    name: str
    title: str
    device_class: str
    protocol: Protocol
    vendor: str
    source: str
    simulated: bool
    match: Match
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
        """Whether a device of this family can have this point, table rows included."""
        if name in self.point_names():
            return True
        return any(
            spec.many and (spec.name.part, spec.name.quantity) == (name.part, name.quantity)
            for spec in self.points
        )


class Library:
    """Profile files of some folders, loaded when they are asked for. A later folder wins over an
    earlier one."""

    def __init__(self, folders: Sequence[Path] = (PROFILES,)) -> None:
        self._paths = {
            path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))
        }
        self._loaded: dict[str, Profile] = {}

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


def library(*folders: Path) -> Library:
    """The library that comes with Kasbah, and further folders that win over it."""
    return Library((PROFILES, *folders))


def load_profile(path: Path) -> Profile:
    """Read and check one file. Raises ConfigError with every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(text, Loader=_Loader)
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
        name=keys.profile,
        title=keys.title,
        device_class=keys.class_,
        protocol=keys.protocol,
        vendor=keys.vendor,
        source=keys.source,
        simulated=keys.simulated,
        match=keys.match,
        identity=keys.identity,
        modbus=keys.modbus,
        snmp=keys.snmp,
        points=tuple(_spec(point) for point in keys.points),
    )


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
    message = str(item["msg"]).removeprefix("Value error, ")
    return Problem(str(path), lines.of(location), key, message)
