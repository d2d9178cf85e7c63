"""The `energy:`, `carbon:` and `tariffs:` parts resolved, and what must hold between their keys.

Meters are found in `agent/config/inputs.py`; here is which figure needs which, and what would make
a figure wrong without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.config.energy_checks import problems
from agent.config.energy_keys import EnergyKeys, OtherKeys, PvPlantKeys
from agent.config.inputs import CONSUMED, FUEL, GAS, GIVEN, HEAT, SUN, WATER, Kind, Resolver
from agent.config.schema import DeviceKeys, SiteFile
from agent.config.source import KeyPath
from agent.config.tariffs import tariff_of
from collectors.profile import Library
from core.metering import (
    Carbon,
    Cer,
    Check,
    Energy,
    EnergyInput,
    Form,
    Fuel,
    Inputs,
    Partial,
    PvPlant,
    Renewable,
    Stage,
)
from core.points import parse_name, parse_point
from core.tariff import Tariff

Wrong = tuple[KeyPath, str]


def resolve(parsed: SiteFile, profiles: Library) -> tuple[Energy, list[Wrong]]:
    """The energy part with every entry resolved, and what is wrong with it."""
    reader = _Reader(parsed, profiles)
    energy = reader.energy()
    return energy, [*reader.wrong, *problems(parsed, energy)]


class _Reader:
    """Resolves part after part, and collects what is wrong with the meters named."""

    def __init__(self, parsed: SiteFile, profiles: Library) -> None:
        self._parsed = parsed
        self._keys = parsed.energy
        self._devices = {device.id: device for device in parsed.devices}
        self._profiles = profiles
        self._resolver = Resolver(self._devices, profiles)
        self.wrong: list[Wrong] = []

    def energy(self) -> Energy:
        keys = self._keys
        facility = self._read(("facility",), keys.facility, CONSUMED)
        return Energy(
            facility=facility,
            exported=_exported(keys.facility, facility, self._devices, self._profiles),
            pv=self._read(("pv",), keys.pv, GIVEN),
            genset=self._gensets(),
            it=tuple(
                (category, self._read(("it", category), entries, _of_category(category)))
                for category, entries in sorted(keys.it.items())
            ),
            excluded=self._read(("exclude",), keys.exclude, CONSUMED),
            genset_boundary=keys.genset_boundary,
            fuel=Fuel(
                self._read(("fuel", "meters"), keys.fuel.meters, FUEL),
                keys.fuel.l_per_kwh,
                keys.fuel.kwh_per_l,
            ),
            forms=tuple(self._form(i, other) for i, other in enumerate(keys.other)),
            partials=tuple(self._partials()),
            stages=tuple(self._stages()),
            checks=tuple(self._checks()),
            water=self._read(("water",), keys.water, WATER),
            reused=self._read(("reused",), keys.reused, HEAT, CONSUMED),
            cer=self._cer(),
            renewable=_renewable(keys),
            pv_plant=self._pv_plant(keys.pv_plant) if keys.pv_plant else None,
            carbon=_carbon(self._parsed),
            tariff=self._tariff(),
        )

    def _read(self, name: KeyPath, entries: Sequence[str], *kinds: Kind) -> Inputs:
        found, wrong = self._resolver.inputs(list(entries), *kinds)
        self.wrong += [(("energy", *name, i), message) for i, message in wrong]
        return found

    def _apart(self, name: KeyPath, inputs: Inputs, others: Inputs, where: str) -> None:
        """A meter on both sides of one figure says nothing."""
        names = {each.energy for each in others}
        for i, each in enumerate(inputs):
            if each.energy in names:
                message = f"'{each.energy}' stands in {where} too: it cannot be both"
                self.wrong.append((("energy", *name, i), message))

    def _gensets(self) -> Inputs:
        """The generators' own meters, where what they generate counts for something."""
        keys = self._keys
        if not keys.facility or (keys.genset_boundary == "fuel" and keys.fuel.l_per_kwh is None):
            return ()
        nodes = (node for node in self._parsed.power if node.kind == "genset")
        return self._read(("genset_boundary",), [n.device for n in nodes if n.device], GIVEN)

    def _form(self, index: int, keys: OtherKeys) -> Form:
        path: KeyPath = ("other", index, "meters")
        inputs = self._read(path, keys.meters, HEAT, GAS, CONSUMED)
        volumes = {parse_point(each.energy).name.quantity == GAS.counter for each in inputs}
        if len(volumes) > 1:
            self.wrong.append((("energy", *path), "are of different units: make two entries"))
        elif volumes == {True} and keys.kwh_per_m3 is None:
            message = "is missing: these meters count m3, say what energy is in one"
            self.wrong.append((("energy", "other", index, "kwh_per_m3"), message))
        elif volumes == {False} and keys.kwh_per_m3 is not None:
            message = "is not needed: these meters count energy"
            self.wrong.append((("energy", "other", index, "kwh_per_m3"), message))
        wh_per_unit = keys.kwh_per_m3 or 1.0  # kWh in a m3 are Wh in a litre
        return Form(keys.id, inputs, keys.factor, wh_per_unit, keys.g_per_kwh)

    def _partials(self) -> Iterator[Partial]:
        for i, keys in enumerate(self._keys.partial):
            it = self._read(("partial", i, "it"), keys.it, GIVEN, CONSUMED)
            sub = self._read(("partial", i, "sub"), keys.sub, CONSUMED)
            facility = self._read(("partial", i, "facility"), keys.facility, CONSUMED)
            if bool(keys.sub) == bool(keys.facility):
                message = "needs one of sub (what it takes beside its IT) and facility (all of it)"
                self.wrong.append((("energy", "partial", i), message))
            self._apart(("partial", i, "sub"), sub, it, "`it`")
            yield Partial(keys.id, it, sub, facility)

    def _stages(self) -> Iterator[Stage]:
        for i, keys in enumerate(self._keys.stages):
            enters = self._read(("stages", i, "in"), keys.in_, CONSUMED)
            leaves = self._read(("stages", i, "out"), keys.out, GIVEN)
            self._apart(("stages", i, "out"), leaves, enters, "`in`")
            yield Stage(keys.id, enters, leaves)

    def _checks(self) -> Iterator[Check]:
        for i, keys in enumerate(self._keys.balance):
            main = self._read(("balance", i, "main"), keys.main, CONSUMED)
            parts = self._read(("balance", i, "parts"), keys.parts, CONSUMED)
            self._apart(("balance", i, "parts"), parts, main, "`main`")
            yield Check(keys.id, main, parts)

    def _cer(self) -> Cer | None:
        keys = self._keys.cer
        if keys is None:
            return None
        heat = self._read(("cer", "heat"), keys.heat, HEAT)
        return Cer(heat, self._read(("cer", "electricity"), keys.electricity, CONSUMED))

    def _pv_plant(self, keys: PvPlantKeys) -> PvPlant:
        sun = self._read(("pv_plant", "irradiance"), keys.irradiance, SUN)
        if any(each.sign < 0 for each in sun):
            message = "takes the mean of its points: nothing can be subtracted"
            self.wrong.append((("energy", "pv_plant", "irradiance"), message))
        celsius, per_k = keys.module_temperature, keys.gamma_per_k
        if celsius is None or per_k is None:
            if celsius is not None or per_k is not None:
                message = "module_temperature and gamma_per_k are needed together"
                self.wrong.append((("energy", "pv_plant"), message))
            return PvPlant(keys.dc_kwp, sun)
        try:
            self._resolver.measured(celsius, "temperature")
        except ValueError as error:
            self.wrong.append((("energy", "pv_plant", "module_temperature"), str(error)))
        corrected = tuple(
            EnergyInput(_corrected(each.energy), each.power, corrected_by=celsius, per_k=per_k)
            for each in sun
        )
        return PvPlant(keys.dc_kwp, sun, corrected)

    def _tariff(self) -> Tariff | None:
        if self._parsed.tariffs is None:
            return None
        tariff, wrong = tariff_of(self._parsed.tariffs, self._parsed.site.timezone)
        self.wrong += wrong
        return tariff


def _of_category(category: int) -> Kind:
    return GIVEN if category == 1 else CONSUMED


def _corrected(counter: str) -> str:
    """A name of its own for an irradiation that is corrected for temperature."""
    point = parse_point(counter)
    instance = f"{point.name.instance}-corrected" if point.name.instance else "corrected"
    part = f"{point.name.part}." if point.name.part else ""
    return f"{point.device}/{part}{point.name.quantity}.{instance}"


def _renewable(keys: EnergyKeys) -> Renewable | None:
    said = keys.renewable
    return Renewable(said.on_site, said.grid_ratio, said.source) if said else None


def _carbon(parsed: SiteFile) -> Carbon | None:
    keys = parsed.carbon
    if keys is None:
        return None
    return Carbon(keys.grid_g_per_kwh, keys.year, keys.scope, keys.source, keys.diesel_kg_per_l)


def _exported(
    entries: list[str],
    facility: Inputs,
    devices: dict[str, DeviceKeys],
    profiles: Library,
) -> Inputs:
    """The export registers of facility meters that were named by their device id."""
    found = []
    named = {entry for entry in entries if "/" not in entry}
    for meter in facility:
        point = parse_point(meter.energy)
        if point.device not in named:
            continue
        name = parse_name(str(point.name).replace("active_energy", "active_energy_export"))
        shelf = profiles.together(devices[point.device].profile)
        if any(name in profile.point_names() for profile in shelf):
            found.append(EnergyInput(f"{point.device}/{name}", ""))
    return tuple(found)
