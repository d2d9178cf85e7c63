"""The format of a profile file: which keys there are and what must hold between them.

Owns the pydantic models that every profile is checked with. Knows the vocabulary, not files,
devices or requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from core.points import parse_name
from core.vocabulary import CLASSES, Severity, StateAxis


def _as_list(given: Any) -> Any:
    """One of something stands for a list of it."""
    return [given] if isinstance(given, dict) else given


def _compiled(pattern: str) -> str:
    """Check a regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from None
    return pattern


Oid = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]
RegisterType = Annotated[
    str, Field(pattern=r"^(u16|s16|u32|s32|u64|s64|f32|f64|bit|string\(\d{1,3}\))$")
]
WordOrder = Literal["big", "little"]
Speed = Literal["fast", "slow"]
Protocol = Literal["snmp", "modbus", "sunspec"]
DecoderName = Literal["flag", "four_quadrant_power_factor"]
"""What `collectors/decode.py` knows to do with oddities."""

Pattern = Annotated[str, AfterValidator(_compiled)]
Instance = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]*)?$")]
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
    instances: list[Instance] | None = None

    @model_validator(mode="after")
    def _as_many_names(self) -> Repeat:
        if self.instances is not None and len(self.instances) != self.count:
            raise ValueError(f"names {len(self.instances)} instances for {self.count} repetitions")
        return self


class RegisterCondition(_Strict):
    """What a register must hold: one of `equals`, a text in which `matches` is found, or a number
    from `low` to `high`."""

    fc: Literal[1, 2, 3, 4] = 3
    address: Annotated[int, Field(ge=0, le=65535)]
    type: RegisterType = "u16"
    word_order: WordOrder = "big"
    equals: list[int | str] = []
    matches: Pattern | None = None
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _decides(self) -> RegisterCondition:
        limits = (self.low, self.high)
        tests = (bool(self.equals), self.matches is not None, None not in limits)
        if sum(tests) != 1 or limits.count(None) == 1:
            raise ValueError("names one of equals, matches, and low with high")
        return self

    def met_by(self, held: float | str | None) -> bool:
        """Whether a register that holds this meets the condition; None is no register."""
        if self.matches is not None:
            return isinstance(held, str) and re.search(self.matches, held) is not None
        if self.low is None or self.high is None:
            return held in self.equals
        return isinstance(held, int | float) and self.low <= held <= self.high


class RegisterMatch(RegisterCondition):
    """A register that decides whether a device is of this family, alone or with those that must
    `also` be right."""

    also: list[RegisterCondition] = []


class Match(_Strict):
    """How a device is recognised: any hit of any list makes a candidate, the highest rank wins."""

    rank: int = 10
    sys_object_id: list[Oid] = []
    sys_descr: list[Pattern] = []
    present: list[Oid] = []
    rows: list[Oid] = []
    registers: list[RegisterMatch] = []
    device_id: list[Pattern] = []
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
    pattern: Pattern | None = Field(
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


class Beside(_Strict):
    """An object that tells something of a point: another column of the same row (`walk`), a single
    SNMP object (`oid`), or a register (`address`, with `fc` and `type`)."""

    walk: Oid | None = None
    oid: Oid | None = None
    fc: Literal[1, 2, 3, 4] | None = None
    address: Annotated[int, Field(ge=0, le=65535)] | None = None
    type: RegisterType = "s16"

    @model_validator(mode="after")
    def _one_place(self) -> Beside:
        if sum(place is not None for place in (self.oid, self.walk, self.address)) != 1:
            raise ValueError("names one of oid, walk and address")
        return self

    @property
    def protocol(self) -> Protocol:
        """What it is read by."""
        return "snmp" if self.address is None else "modbus"


class Condition(Beside):
    """What another object has to hold.

    One that is not there holds nothing, so no condition on it is met.
    """

    equals: list[int | str] | None = None
    not_equals: list[int | str] | None = None
    matches: Pattern | None = Field(
        default=None, description="regular expression that is found in what the object holds"
    )

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        if sum(test is not None for test in (self.equals, self.not_equals, self.matches)) != 1:
            raise ValueError("says one of equals, not_equals and matches")
        return self

    def met_by(self, held: float | str | None) -> bool:
        """Whether an object that holds this, texts as texts, meets it."""
        if held is None:
            return False
        if self.equals is not None:
            return held in self.equals
        if self.not_equals is not None:
            return held not in self.not_equals
        return re.search(self.matches or "", str(held)) is not None


Conditions = Annotated[
    list[Condition],
    BeforeValidator(_as_list, json_schema_input_type=Condition | list[Condition]),
]
"""One condition, or several that must all be met."""


class Listed(_Strict):
    """A state that stands in a table of present conditions: the raw value is 1 while a row of the
    column `walk` holds `holds`, else 0. `count` is an object that only devices with such a table
    have.
    """

    walk: Oid
    holds: Oid
    count: Oid


class ScaleFrom(Beside):
    """An object that holds the scale: the value is raw * 10^(its number), raw * its number, or
    raw * 10^-(its number); or raw * what `map` says of it.
    """

    as_: Literal["exponent", "factor", "decimals"] = Field(default="exponent", alias="as")
    map: dict[int | str, float] | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> ScaleFrom:
        if self.map is not None and "as_" in self.model_fields_set:
            raise ValueError("says one of as and map")
        return self


Scales = Annotated[
    list[ScaleFrom],
    BeforeValidator(_as_list, json_schema_input_type=ScaleFrom | list[ScaleFrom]),
]
"""One object that holds the scale, or several that all count."""


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
    instances: dict[str, Instance] | None = None
    index: Pattern | None = Field(
        default=None,
        description="regular expression that a row's whole index must fit; its groups are the"
        " instance",
    )
    only: Conditions = []
    valid_if: Conditions = []
    listed: Listed | None = None
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
    scale_from: Scales = []
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
    decoder: DecoderName | None = None

    @field_validator("enum", mode="before")
    @classmethod
    def _no_booleans(cls, enum: Any) -> Any:
        if isinstance(enum, dict):
            for raw, state in enum.items():
                words = state if isinstance(state, list) else [state]
                if isinstance(raw, bool) or any(isinstance(word, bool) for word in words):
                    raise ValueError('put "on" and "off" in quotes: YAML reads them as true, false')
        return enum

    @property
    def protocol(self) -> Protocol:
        """What the point is read by."""
        if self.address is not None:
            return "modbus"
        return "sunspec" if self.model is not None else "snmp"

    @model_validator(mode="after")
    def _one_place(self) -> PointKeys:
        places = [self.oid, self.walk, self.listed, self.address, self.model]
        if sum(place is not None for place in places) != 1:
            raise ValueError("names one of oid, walk, listed, address and model")
        if (self.model is None) != (self.field is None):
            raise ValueError("a SunSpec point names both model and field")
        if self.walk is None:
            self._check_no_rows()
        if any(other.protocol != self.protocol for other in self.beside):
            raise ValueError(f"what is beside a point read by {self.protocol} is read likewise")
        if any(only.protocol != "snmp" for only in self.only):
            raise ValueError("`only` names one of oid and walk")
        name = parse_name(self.point)
        if self.enum is not None:
            _check_states(self.enum, name.axis, self.point)
        elif name.axis is not None and self.decoder is None:
            raise ValueError(f"'{self.point}' is a state: say what raw values mean with `enum`")
        return self

    @property
    def beside(self) -> tuple[Beside, ...]:
        """What is read along with the point: its scales, then its conditions."""
        return (*self.scale_from, *self.valid_if)

    def _check_no_rows(self) -> None:
        if self.instances is not None or self.index is not None or self.only:
            raise ValueError("`instances`, `index` and `only` belong to a `walk`")
        if any(other.walk is not None for other in self.beside):
            raise ValueError("another column (`walk`) belongs to a `walk`")


class FamilyKeys(BaseModel):
    """The head of a profile: what a family of devices is and is recognised by; the other keys are
    let pass."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    profile: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    class_: str = Field(alias="class")
    protocol: Protocol
    vendor: str = ""
    source: str
    simulated: bool = False
    match: Match = Match()


class ProfileKeys(FamilyKeys):
    """A whole profile file."""

    model_config = ConfigDict(extra="forbid")

    with_: list[str] = Field(
        default=[], alias="with", description="profiles that read the rest of such a device"
    )
    identity: Identity = Identity()
    modbus: ModbusDefaults = ModbusDefaults()
    snmp: SnmpDefaults = SnmpDefaults()
    points: list[PointKeys]

    @model_validator(mode="after")
    def _hangs_together(self) -> ProfileKeys:
        if self.class_ not in CLASSES:
            raise ValueError(f"there is no class '{self.class_}' (core/vocabulary.py lists them)")
        for point in self.points:
            if point.protocol != self.protocol:
                raise ValueError(
                    f"'{point.point}' is read by {point.protocol}, the profile speaks"
                    f" {self.protocol}"
                )
        return self


def _check_states(enum: Mapping[int | str, State], axis: StateAxis | None, point: str) -> None:
    if axis is None:
        raise ValueError(f"'{point}' is a number, not a state: it has no `enum`")
    for state in enum.values():
        name, severity = (state, "ok") if isinstance(state, str) else state
        axis.code(name)
        if severity not in SEVERITIES:
            raise ValueError(f"'{severity}' is no severity: {', '.join(SEVERITIES)}")
