"""From device states to conditions: the one table of what a state means for the power graph.

Reads points by row of the table, compiled when the table grows; no names are looked up on a tick.
Source of the table: docs/redundancy.md ("What a state means").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.quality import LEVEL_SHIFT, Level
from core.redundancy.condition import START_S, Condition, Demand, Plant
from core.redundancy.graph import PowerGraph
from core.site import Node, Site
from core.snapshot import DeviceStatus, PointView
from core.vocabulary import STATES, Severity

VOLTAGE_ABSENT_SHARE = 0.5
"""Below this share of its nominal voltage a utility feed is taken for absent."""

FUEL_EMPTY = 0.05
"""Below this level a generator's tank counts as empty (dead volume)."""

_WATCHED: dict[str, tuple[str, ...]] = {
    "ups": ("mode", "battery.state", "battery.test", "battery.replacement", "battery.runtime"),
    "genset": ("engine.state", "control.mode", "breaker.position", "fuel.level"),
    "ats": ("position", "source.selected", "control.mode", "transfer.state", "sync.state"),
    "sts": ("position", "source.selected", "control.mode", "transfer.state", "sync.state"),
    "utility": ("mains.state", "breaker.position"),
}
_PASSIVE = ("breaker.position", "input.state")
_VOLTAGES = tuple(
    f"{part}voltage.{instance}"
    for part in ("input.", "mains.", "")
    for instance in ("l1", "l2", "l3", "l1-l2", "l2-l3", "l3-l1")
)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one node's points in the table; `alarms` are its other states."""

    named: Mapping[str, int]
    voltages: tuple[int, ...]
    alarms: tuple[int, ...]


class Reading:
    """One node's states as they stand: names of states, numbers, or None where the device does not
    tell."""

    def __init__(self, rows: _Rows, view: PointView) -> None:
        self._rows = rows
        self._view = view
        self.held = False

    def has(self, name: str) -> bool:
        """Whether the device has this point at all."""
        return name in self._rows.named

    def number(self, name: str) -> float | None:
        row = self._rows.named.get(name)
        if row is None or self._view.quality[row] >> LEVEL_SHIFT >= Level.BAD:
            return None
        if self._view.quality[row] >> LEVEL_SHIFT == Level.UNCERTAIN:
            self.held = True
        value = float(self._view.value[row])
        return None if math.isnan(value) else value

    def state(self, name: str) -> str | None:
        code = self.number(name)
        axis = STATES[name] if name in STATES else STATES[name.rpartition(".")[2]]
        return None if code is None else axis.states[int(code)]

    def voltages(self) -> list[float]:
        found = [
            float(self._view.value[row])
            for row in self._rows.voltages
            if self._view.quality[row] >> LEVEL_SHIFT < Level.BAD
        ]
        return [volts for volts in found if not math.isnan(volts)]

    def critical(self) -> list[str]:
        """Names of critical states that stand now."""
        view = self._view
        return [
            str(view.points[row].name)
            for row in self._rows.alarms
            if view.severity[row] == Severity.CRITICAL
            and view.quality[row] >> LEVEL_SHIFT < Level.BAD
        ]


class PlantStates:
    """Makes a `Plant` from the point table. Keeps the rows it needs; re-compiles when the table
    has grown."""

    def __init__(self, graph: PowerGraph, site: Site, start_s: float = START_S) -> None:
        self._graph = graph
        self._start_s = start_s
        self._known_devices = {device.id for device in site.devices}
        self._rows: list[_Rows | None] = []
        self._demand_rows: dict[int, tuple[int, ...]] = {}
        self._compiled = -1

    def plant(
        self, view: PointView, devices: Mapping[str, DeviceStatus], *, hopeful: bool = True
    ) -> Plant:
        """The plant as it stands.

        With `hopeful` a value held from the last polls still counts; without, whatever is not
        fresh is unknown. Unknown nodes are conditions at their worst either way.
        """
        if self._compiled != len(view.points):
            self._compile(view)
        conditions = [
            self._condition(i, node, view, devices, hopeful=hopeful)
            for i, node in enumerate(self._graph.nodes)
        ]
        demands = {i: self._demand(i, view) for i in self._graph.loads}
        return Plant(conditions, demands)

    def _compile(self, view: PointView) -> None:
        self._compiled = len(view.points)
        by_device: dict[str, list[int]] = {}
        for row, point in enumerate(view.points):
            if point.device in self._graph.by_device:
                by_device.setdefault(point.device, []).append(row)
        self._rows = [
            self._rows_of(node, view, by_device.get(node.device, ())) if node.device else None
            for node in self._graph.nodes
        ]
        self._demand_rows = {
            i: tuple(view.row.get(point, -1) for point in self._graph.nodes[i].demand)
            for i in self._graph.loads
        }

    def _rows_of(self, node: Node, view: PointView, rows: Sequence[int]) -> _Rows:
        watched = _WATCHED.get(node.kind, _PASSIVE)
        names = {str(view.points[row].name): row for row in rows}
        named = {name: names[name] for name in watched if name in names}
        voltages: tuple[int, ...] = ()
        if node.kind == "utility":
            voltages = tuple(names[name] for name in _VOLTAGES if name in names)
        alarms = tuple(
            row
            for row in rows
            if view.points[row].name.axis is not None
            and str(view.points[row].name) not in named
            and view.points[row].name.quantity == "alarm"
        )
        return _Rows(named, voltages, alarms)

    def _condition(
        self,
        i: int,
        node: Node,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        *,
        hopeful: bool,
    ) -> Condition:
        rows = self._rows[i]
        if rows is None:
            return _ASSUMED
        reading = Reading(rows, view)
        judge: Callable[[Reading, Node, float], Condition] = _JUDGES.get(node.kind, _passive)
        condition = judge(reading, node, self._start_s)
        if condition.unknown or (reading.held and not hopeful):
            status = devices.get(node.device)
            why = "not polled yet" if status is None or not status.tried else "does not answer"
            if status is not None and status.up:
                why = "does not tell its state"
            return Condition(
                in_service=False,
                source=False,
                protects=False,
                transfers=False,
                selected=condition.selected,
                unknown=True,
                reasons=(f"unknown: {node.device} {why}",),
            )
        return condition

    def _demand(self, i: int, view: PointView) -> Demand:
        node = self._graph.nodes[i]
        kw = []
        for row in self._demand_rows.get(i, ()):
            usable = row >= 0 and view.quality[row] >> LEVEL_SHIFT < Level.BAD
            value = float(view.value[row]) / 1000 if usable else math.nan
            kw.append(max(0.0, value) if not math.isnan(value) else None)
        measured = [value for value in kw if value is not None]
        if kw and len(measured) == len(kw):
            shares = tuple(measured) if len(measured) > 1 else ()
            return Demand(sum(measured), shares)
        if node.demand_kw is not None:
            return Demand(node.demand_kw)
        return Demand(sum(measured), known=False)


_ASSUMED = Condition(assumed=True)
_UNKNOWN = Condition(in_service=False, source=False, protects=False, unknown=True)

_MODES_ON = frozenset({"online", "eco", "boost", "trim", "on_battery"})
_MODES_BYPASS = frozenset({"static_bypass", "maintenance_bypass"})
_BATTERY_USELESS = frozenset({"depleted", "disconnected", "fault", "absent", "testing"})


def _ups(reading: Reading, _node: Node, start_s: float) -> Condition:
    mode = reading.state("mode")
    if mode in (None, "unknown"):
        return _UNKNOWN
    if mode in _MODES_BYPASS:
        word = "static" if mode == "static_bypass" else "maintenance"
        return Condition(protects=False, on_bypass=True, reasons=(f"on {word} bypass",))
    if mode not in _MODES_ON:
        return Condition(in_service=False, protects=False, reasons=(f"is {mode}",))
    reasons = []
    battery = reading.state("battery.state")
    if battery in _BATTERY_USELESS:
        reasons.append(f"battery {battery}")
    elif reading.has("battery.state") and battery in (None, "unknown"):
        reasons.append("battery state unknown")
    if reading.state("battery.test") == "failed":
        reasons.append("battery test failed")
    if reading.state("battery.replacement") == "due":
        reasons.append("battery to be replaced")
    runtime_s = reading.number("battery.runtime")
    if runtime_s is not None and runtime_s < start_s:
        reasons.append(f"battery lasts {runtime_s:.0f} s, a generator start takes {start_s:.0f} s")
    elif reading.has("battery.runtime") and runtime_s is None:
        reasons.append("battery runtime unknown")
    return Condition(protects=not reasons, reasons=tuple(reasons))


def _genset(reading: Reading, _node: Node, _start_s: float) -> Condition:
    engine, mode = reading.state("engine.state"), reading.state("control.mode")
    if engine is None and mode is None:
        return _UNKNOWN
    running = engine == "on_load"
    reasons = []
    if engine == "fault":
        reasons.append("engine fault")
    if mode not in ("auto", "test_on_load", "test_off_load", "remote") and not running:
        reasons.append("is not in auto" if mode else "control mode unknown")
    breaker = reading.state("breaker.position")
    if breaker in ("tripped", "withdrawn"):
        reasons.append(f"breaker {breaker}")
    fuel = reading.number("fuel.level")
    if fuel is not None and fuel < FUEL_EMPTY:
        reasons.append("no fuel")
    reasons += [name.partition(".")[2].replace("_", " ") for name in reading.critical()]
    return Condition(source=not reasons, running=running and not reasons, reasons=tuple(reasons))


def _utility(reading: Reading, node: Node, _start_s: float) -> Condition:
    mains = reading.state("mains.state")
    volts = reading.voltages()
    if mains in (None, "unknown") and not volts:
        return _UNKNOWN
    if mains == "failed":
        return Condition(source=False, reasons=("mains failed",))
    if reading.state("breaker.position") in ("open", "tripped", "withdrawn"):
        word = reading.state("breaker.position")
        return Condition(in_service=False, source=False, reasons=(f"breaker {word}",))
    # The meter may measure to neutral or between lines; half of the smaller is below both.
    nominal = node.voltage_v / math.sqrt(3)
    if mains is None and volts and min(volts) < VOLTAGE_ABSENT_SHARE * min(nominal, max(volts)):
        return Condition(source=False, reasons=("no voltage",))
    if mains is None and max(volts) < 50:
        return Condition(source=False, reasons=("no voltage",))
    return Condition()


def _switch(reading: Reading, _node: Node, _start_s: float) -> Condition:
    position, selected = reading.state("position"), reading.state("source.selected")
    if position in (None, "unknown") and selected in (None, "unknown"):
        return _UNKNOWN
    if position == "off" or (position is None and selected == "none"):
        return Condition(in_service=False, reasons=("open, on neither source",))
    place = {"preferred": 0, "alternate": 1, "source_1": 0, "source_2": 1}
    in_use = place.get(position or "", -1)
    if in_use < 0:
        in_use = place.get(selected or "", -1)
    reasons = []
    if reading.state("control.mode") in ("manual", "off"):
        reasons.append("is not in auto")
    if reading.state("transfer.state") == "inhibited":
        reasons.append("transfer inhibited")
    if reading.state("sync.state") == "out_of_sync":
        reasons.append("sources out of sync")
    reasons += [name.partition(".")[2].replace("_", " ") for name in reading.critical()]
    return Condition(selected=in_use, transfers=not reasons, reasons=tuple(reasons))


def _passive(reading: Reading, _node: Node, _start_s: float) -> Condition:
    breaker = reading.state("breaker.position")
    if breaker in ("open", "tripped", "withdrawn"):
        return Condition(in_service=False, reasons=(f"breaker {breaker}",))
    if reading.has("breaker.position") and breaker in (None, "unknown"):
        return _UNKNOWN
    return Condition()


_JUDGES: Mapping[str, Callable[[Reading, Node, float], Condition]] = {
    "ups": _ups,
    "genset": _genset,
    "utility": _utility,
    "ats": _switch,
    "sts": _switch,
}
