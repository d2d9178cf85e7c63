"""`kasbah check`: everything that is wrong with a site file, offline."""

from __future__ import annotations

import dataclasses
import json as json_
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from agent.config.load import load
from core.cooling.plan import compile_plan
from core.errors import ConfigError
from core.site import Site

COOLING_CLASSES = frozenset(("chiller", "crah", "crac", "pump", "cooling_tower", "dry_cooler"))
"""Devices that tell that a site has rooms to be judged."""


def check(site: Path, *, json: bool) -> None:
    """Print every problem and leave with 78, or what the site holds and leave with 0."""
    try:
        checked = load(site).site
    except ConfigError as error:
        if json:
            _print_json({"ok": False, "errors": [dataclasses.asdict(p) for p in error.problems]})
            raise SystemExit(78) from None
        for problem in error.problems:
            print(problem, file=sys.stderr)
        count = len(error.problems)
        print(
            f"{count} mistake{'s' if count > 1 else ''} in {site}: nothing was started.",
            file=sys.stderr,
        )
        raise SystemExit(78) from None
    if json:
        _print_json({"ok": True, "errors": [], **_summary(checked)})
        return
    summary = _summary(checked)
    print(f"{site} is right: {checked.name}")
    print(f"  {_count(summary['devices'], 'device')}: " + _counts(summary["classes"]))
    print(f"  {_count(summary['nodes'], 'power node')}: " + _counts(summary["kinds"]))
    if checked.cooling.zones:
        print(
            f"  {_count(summary['cooling_units'], 'cooling unit')} in "
            f"{_count(summary['cooling_groups'], 'group')} for {_count(summary['zones'], 'room')}"
        )
    print(
        f"  {_count(summary['groups'], 'redundancy group')}, "
        f"{_count(summary['energy_inputs'], 'energy input')}"
    )
    for remark in summary["remarks"]:
        print(f"  note: {remark}")


def _summary(site: Site) -> dict[str, Any]:
    meters = {each.energy for each in site.energy.inputs()}
    return {
        "site": site.id,
        "devices": len(site.devices),
        "classes": dict(Counter(device.device_class for device in site.devices)),
        "nodes": len(site.power),
        "kinds": dict(Counter(node.kind for node in site.power)),
        "groups": len(site.groups),
        "cooling_units": len(site.cooling.units),
        "cooling_groups": len(site.cooling.groups),
        "zones": len(site.cooling.zones),
        "energy_inputs": len(meters),
        "remarks": _remarks(site),
    }


def _remarks(site: Site) -> list[str]:
    """What is allowed, but seldom meant."""
    remarks = []
    unnamed = [device.id for device in site.devices if not device.profile]
    if unnamed:
        remarks.append(f"identified when first reached, no profile named: {', '.join(unnamed)}")
    standing: dict[str, list[str]] = {}
    for node in site.power:
        if node.device:
            standing.setdefault(node.device, []).append(node.id)
    remarks += [
        f"one device, {device}, tells for {' and '.join(nodes)}"
        for device, nodes in standing.items()
        if len(nodes) > 1
    ]
    remarks += _power_remarks(site)
    if not site.energy.facility:
        remarks.append("no energy.facility: there will be no PUE")
    elif not site.energy.it:
        remarks.append("no energy.it: there will be no PUE")
    if not site.power:
        remarks.append("no power graph: there will be no redundancy verdict")
    cools = any(device.device_class in COOLING_CLASSES for device in site.devices)
    if cools and not site.cooling.zones:
        remarks.append("no cooling part: whether the rooms stay cool is not judged")
    unstated = compile_plan(site.cooling).unchecked()
    if unstated:
        remarks.append(
            f"no air_m3 and no buffer, so no ride-through is judged: {', '.join(unstated)}"
        )
    return remarks


_CANNOT_TELL = {"ups": ("meter", "environment"), "genset": ("meter", "environment")}
"""Kinds of node, and classes of device that know nothing of their state."""


def _power_remarks(site: Site) -> list[str]:
    """The same of the power graph and its fuel."""
    remarks, kinds = [], {node.id: node.kind for node in site.power}
    feeding = {each for n in site.power for each in (*n.fed_by, *n.between, n.bypass_fed_by or "")}
    idle = [n.id for n in site.power if n.kind != "load" and not n.between and n.id not in feeding]
    idle = [
        name for name in idle if not any(name in unit.powered_by for unit in site.cooling.units)
    ]
    if idle:
        remarks.append(f"feeds nothing in power and no cooling unit: {', '.join(idle)}")
    classes = {device.id: device.device_class for device in site.devices}
    remarks += [
        f"{node.id} is of kind {node.kind}, its device {node.device} of class "
        f"{classes[node.device]}: that does not tell its state, it is taken as healthy"
        for node in site.power
        if classes.get(node.device or "") in _CANNOT_TELL.get(node.kind, ())
    ]
    remarks += [
        f"group {group.id} has members of different kinds: "
        + ", ".join(f"{name} ({kinds[name]})" for name in group.members)
        for group in site.groups
        if len({kinds[name] for name in group.members}) > 1
    ]
    if len(site.fuel.tanks) == 1 and site.fuel.design:
        remarks.append(
            "one tank and fuel.design 1: without the tank there is no fuel, so the site is never "
            "better than degraded; if it was built with one tank write design: 0"
        )
    return remarks


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _print_json(value: object) -> None:
    print(json_.dumps(value, indent=2))
