"""The `energy:` part resolved: device ids and points become energy counters with their power
beside.

A device id stands for the energy counter of its profile; a point is taken as written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.config.schema import DeviceKeys, SiteFile
from agent.config.source import KeyPath
from collectors.profile import Library
from core.metering import Energy, EnergyInput
from core.points import parse_name, parse_point

PARTS_BY_ROLE = {
    "in": ("input", "mains", "grid", "output", "generator", ""),
    "out": ("output", "generator", "grid", "input", ""),
}
"""Where to look for the counter of a device: what comes in first for consumers, what goes out
first for sources."""

Wrong = tuple[KeyPath, str]


def resolve(parsed: SiteFile, profiles: Library) -> tuple[Energy, list[Wrong]]:
    """The energy part with every entry resolved, and what is wrong with it."""
    wrong: list[Wrong] = []
    devices = {device.id: device for device in parsed.devices}
    keys = parsed.energy

    def inputs(name: KeyPath, entries: list[str], role: str) -> tuple[EnergyInput, ...]:
        found: list[EnergyInput] = []
        for i, entry in enumerate(entries):
            try:
                each = _input(entry.removeprefix("-"), devices, profiles, role)
            except ValueError as error:
                wrong.append((("energy", *name, i), str(error)))
                continue
            if any(each.energy == other.energy for other in found):
                wrong.append((("energy", *name, i), f"'{entry}' stands twice: keep one"))
            found.append(replace(each, sign=-1) if entry.startswith("-") else each)
        return tuple(found)

    gensets = [
        node.device
        for node in parsed.power
        if node.kind == "genset" and node.device and keys.genset_boundary == "output"
    ]
    facility = inputs(("facility",), keys.facility, "in")
    resolved = Energy(
        facility=facility,
        exported=_exported(keys.facility, facility, devices, profiles),
        pv=inputs(("pv",), keys.pv, "out"),
        genset=inputs(("genset_boundary",), gensets, "out") if keys.facility else (),
        it=tuple(
            (category, inputs(("it", category), entries, "out" if category == 1 else "in"))
            for category, entries in sorted(keys.it.items())
        ),
        excluded=inputs(("exclude",), keys.exclude, "in"),
        genset_boundary=keys.genset_boundary,
    )
    wrong += _counted_twice(resolved)
    return resolved, wrong


def _counted_twice(energy: Energy) -> Iterator[Wrong]:
    """Meters in more than one of the lists that together are what the facility takes."""
    seen: dict[str, str] = {each.energy: "the generators of `power`" for each in energy.genset}
    for name, inputs in (
        ("facility", energy.facility),
        ("pv", energy.pv),
        ("exclude", energy.excluded),
    ):
        for i, each in enumerate(inputs):
            where = seen.setdefault(each.energy, f"energy.{name}")
            if where != f"energy.{name}":
                message = f"'{each.energy}' is in {where} already: it would be counted twice"
                yield ("energy", name, i), message


def _input(entry: str, devices: dict[str, DeviceKeys], profiles: Library, role: str) -> EnergyInput:
    if "/" in entry:
        point = parse_point(entry)
        if point.device not in devices:
            raise ValueError(f"'{entry}': there is no device '{point.device}'")
        if point.name.quantity not in ("active_energy", "active_energy_export", "active_power"):
            raise ValueError(f"'{entry}' is no energy: name a point such as input.active_energy")
        part = f"{point.name.part}." if point.name.part else ""
        instance = f".{point.name.instance}" if point.name.instance else ""
        base = f"{point.device}/{part}"
        return EnergyInput(f"{base}active_energy{instance}", f"{base}active_power{instance}")
    if entry not in devices:
        raise ValueError(f"there is no device '{entry}'")
    profile = devices[entry].profile
    if not profile:
        raise ValueError(f"'{entry}' has no profile yet: name one, or name the point")
    if profile not in profiles.names():
        raise ValueError(f"'{entry}' has a profile that is not in the library")
    together = profiles.together(profile)
    for quantity in ("active_energy", "active_power"):
        for part in PARTS_BY_ROLE[role]:
            prefix = f"{part}." if part else ""
            name = parse_name(f"{prefix}{quantity}")
            if any(each.may_have(name) for each in together):
                return EnergyInput(
                    f"{entry}/{prefix}active_energy", f"{entry}/{prefix}active_power"
                )
    raise ValueError(
        f"'{entry}' has neither energy nor power in profile '{profile}': name the point"
    )


def _exported(
    entries: list[str],
    facility: tuple[EnergyInput, ...],
    devices: dict[str, DeviceKeys],
    profiles: Library,
) -> tuple[EnergyInput, ...]:
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
