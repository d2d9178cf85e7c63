"""SunSpec images: an inverter, meter or battery as a chain of models, filled when it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collectors.modbus.codec import HOLDING_REGISTERS
from collectors.modbus.sunspec import BASES
from collectors.modbus.sunspec_image import encode_chain, encode_model
from collectors.profile import Profile
from core.points import PointName
from simulator.electrical import Values
from simulator.encoding import Encoder
from simulator.nameplate import Nameplate
from simulator.registers import OutsideError

Number = int | float | str | None

COMMON = 1
SERVED = (103, 160, 203, 701, 702, 713, 714, 802, 803)
"""Models that a simulated device may have besides the common one: three-phase inverter, its MPPT
inputs, three-phase meter; an inverter of the newer models with its storage and DC ports; a battery
with its strings. Of these it has those that its profile reads."""

MODULES = 2
"""MPPT inputs or ports of a simulated inverter, strings of a battery."""

SCALE_FACTORS = {
    "A_SF": -2, "AMax_SF": -1, "V_SF": -1, "CellV_SF": -3, "Hz_SF": -2, "PF_SF": -2, "WH_SF": 0,
    "AHRtg_SF": 0, "WHRtg_SF": 2, "WChaDisChaMax_SF": 2, "DCA_SF": -2, "DCV_SF": -1, "Tmp_SF": -1,
    "ModTmp_SF": -1, "DCWH_SF": 0, "TotWh_SF": 0, "TotVAh_SF": 0, "TotVArh_SF": 0, "TotVarh_SF": 0,
    "Pct_SF": -1, "SoC_SF": -1, "SoH_SF": -1,
}  # fmt: skip
"""Exponents that give a three-phase device of this size its full resolution."""

OF_MODEL = {701: {"PF_SF": -3}, 713: {"WH_SF": 3}}
"""Those that a model needs otherwise."""

GROUPS = {160: "module", 714: "Prt", 803: "string"}
"""What of a model there are several of."""

POWER_FACTORS = ("W_SF", "VA_SF", "VAr_SF", "VAR_SF", "Var_SF", "DCW_SF")
EVENTS = {
    103: {"Evt1": 0, "Evt2": 0},
    160: {"Evt": 0},
    203: {"Evt": 0},
    701: {"Alrm": 0},
    714: {"PrtAlrms": 0},
    802: {"Evt1": 0, "Evt2": 0, "EvtVnd1": 0, "EvtVnd2": 0},
}
"""Event fields: nothing has happened unless the profile's points say so."""


class SunspecImage:
    """The registers of one SunSpec device, from the usual base address."""

    def __init__(
        self,
        profile: Profile,
        nameplate: Nameplate,
        values: Callable[[], Values],
        version: Callable[[], int],
    ) -> None:
        self._values, self._version = values, version
        self._nameplate = nameplate
        self._fields = _fields(profile)
        self._data = b""
        self._filled = -1

    def read(self, fc: int, address: int, count: int) -> bytes:
        """Registers big-endian. Raises OutsideError for anything but the chain of models."""
        if self._filled != self._version():
            self._fill()
        start, end = 2 * (address - BASES[0]), 2 * (address - BASES[0] + count)
        if fc != HOLDING_REGISTERS or start < 0 or end > len(self._data):
            raise OutsideError
        return self._data[start:end]

    def _fill(self) -> None:
        values, plate = self._values(), self._nameplate
        rated = values.get("output.rated_active_power", 100e3)
        power = 2 if isinstance(rated, float) and rated > 300e3 else 1
        exponents = {**SCALE_FACTORS, **dict.fromkeys(POWER_FACTORS, power)}
        common: Mapping[str, Number] = {
            "Mn": plate.vendor,
            "Md": plate.model,
            "Vr": plate.firmware,
            "SN": plate.serial,
            "DA": 1,
        }
        models = [encode_model(COMMON, common)]
        for model, encoders in self._fields.items():
            given = _model_values(model, encoders, values)
            factors = exponents | OF_MODEL.get(model, {})
            counts = {GROUPS[model]: MODULES} if model in GROUPS else {}
            models.append(encode_model(model, given, scale_factors=factors, counts=counts))
        self._data, self._filled = encode_chain(models), self._version()


def _fields(profile: Profile) -> dict[int, list[tuple[str, Encoder]]]:
    """What each model of the device holds, by the profile that reads it: field and encoder."""
    found: dict[int, list[tuple[str, Encoder]]] = {}
    for spec in profile.points:
        for model in SERVED:
            if model not in spec.models or spec.keys.field is None:
                continue
            group, dot, last = spec.keys.field.partition(".")
            if not dot:
                found.setdefault(model, []).append((group, Encoder(spec.name, spec)))
                continue
            for number in range(1, MODULES + 1):
                instance = "-".join(word for word in (spec.name.instance, str(number)) if word)
                name = PointName(spec.name.part, spec.name.quantity, instance)
                entry = (f"{group}.{number}.{last}", Encoder(name, spec))
                found.setdefault(model, []).append(entry)
    return found


def _model_values(
    model: int, encoders: list[tuple[str, Encoder]], values: Values
) -> dict[str, Number]:
    given: dict[str, Number] = dict(EVENTS.get(model, {}))
    if model == 160:
        given |= {f"module.{number}.ID": number for number in range(1, MODULES + 1)}
    for field, encoder in encoders:
        bits = encoder.spec.keys.bits
        if encoder.spec.states is None:
            given[field] = encoder.number(values)
        elif bits is None:
            given[field] = encoder.raw(values)
        else:
            held = given.get(field)
            flag = int(encoder.raw(values) or 0) << bits.shift
            given[field] = flag | (held if isinstance(held, int) else 0)
    return given
