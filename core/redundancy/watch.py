"""The plant as it is seen now: conditions of all nodes, with doubt and contradiction decided.

Two things are not taken at face value. A device that does not answer: its last word counts in the
live verdict until the stale limit, and not at all where nothing may be hoped. And a graph that is
contradicted: a UPS on battery, a switch or a board that sees no voltage on a feeder that the graph
calls live. What stands between has failed, and that feeder gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from core.redundancy.busbars import positions
from core.redundancy.condition import ASSUMED, HEALTHY, Condition, Plant
from core.redundancy.demand import Demands
from core.redundancy.fuel import FuelModel, Litres
from core.redundancy.fuel import wanted as levels_of
from core.redundancy.graph import PowerGraph, Role
from core.redundancy.rows import Gathered, Watch
from core.redundancy.starts import Starts
from core.redundancy.states import UNKNOWN, WANTED, WANTED_ELSE, condition_of, under_policy
from core.site import Fuel, Node, Site
from core.snapshot import DeviceStatus, PointView

STALE_AFTER_POLLS = 3
STALE_AFTER_S = 60.0
"""A silent device's last word counts for so many polls, at most so many seconds
(docs/redundancy.md, "Silence")."""

PATIENCE_S = 30.0
"""A contradiction must stand so long before the live verdict believes it: meters are polled one
after the other, and during a change they do not agree."""


_Place: TypeAlias = tuple[int, int]
"""A feeder of a node: the node's number, and the position among its feeders."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The plant in four lights: as the live verdict takes it, at the worst and at the best of what
    is not known, and `wary`: that best, but any contradiction is believed at once. `unknown` are
    the nodes whose device does not tell all, as ids, `litres` what can be burnt of each tank,
    `returning` the places of loads that had no supply of late and take less yet than before.
    """

    live: Plant
    worst: Plant
    best: Plant
    wary: Plant
    unknown: tuple[str, ...]
    litres: Litres = ()
    returning: frozenset[int] = frozenset()


class Watcher:
    """Looks at one plant through the point table."""

    def __init__(self, graph: PowerGraph, site: Site, start_s: float) -> None:
        self._graph = graph
        self._start_s = start_s
        self._eco = site.eco
        self._interval_s = {device.id: device.poll.interval_s for device in site.devices}
        self._retired = {d.id for d in site.devices if d.lifecycle == "retired"}
        self.demands = Demands(graph)
        self.fuel = FuelModel(graph, site.fuel)
        self._starts = Starts(graph, site.start)
        self._points = Watch(_wanted(graph, site.fuel))
        self._since: dict[_Place, float] = {}
        self._uneven: dict[int, float] = {}
        """What worst phase and power factor left of nodes when they told last, where not all."""

    def see(
        self,
        view: PointView,
        devices: Mapping[str, DeviceStatus],
        now: float,
        *,
        remember: bool = False,
    ) -> Seen:
        """The plant at `now` (UTC seconds). `remember` what is needed for the next look; set by
        the tick alone."""
        gathered = self._points.gather(view)
        pairs = [self._read(node, gathered, devices, now) for node in self._graph.nodes]
        if remember:
            self._note_uneven(told for _, told in pairs)
        for i, share in self._uneven.items():
            if pairs[i][1].unknown:
                patiently, strictly = pairs[i]
                pairs[i] = replace(patiently, able_share=share), replace(strictly, able_share=share)
        for i in self._graph.sides:
            pairs[i] = _maybe_closed(pairs[i][0]), _maybe_closed(pairs[i][1])
            for bus in self._graph.sides[i]:
                pairs[bus] = (
                    _sees_none(pairs[bus][0], self._graph, bus),
                    _sees_none(pairs[bus][1], self._graph, bus),
                )
        if remember:
            self._starts.look(gathered, now)
        for i, why in self._starts.late(now).items():
            pairs[i] = pairs[i][0], _unless_out(pairs[i][1], why)
        litres = self.fuel.litres(gathered)
        for i, why in self.fuel.dry(litres).items():
            pairs[i] = _out(pairs[i][0], why), _out(pairs[i][1], why)
        for i, why in self.fuel.doubted(litres).items():
            pairs[i] = pairs[i][0], _perhaps_out(pairs[i][1], why)
        patient, strict = tuple(p for p, _ in pairs), tuple(s for _, s in pairs)
        demands = self.demands.now(gathered, now)
        if remember:
            self.demands.remember(demands, now)
        demands, returning = self.demands.returning(demands, now)
        ages = {place: max(0.0, now - since) for place, since in self._since.items()}
        strict_plant = Plant(strict, demands)
        live, contradicted = self._checked(Plant(patient, demands).worst(), ages, PATIENCE_S)
        if remember:
            self._since = {place: min(now, self._since.get(place, now)) for place in contradicted}
        return Seen(
            live=live,
            worst=self._checked(strict_plant.worst(), ages, 0.0)[0],
            best=self._checked(strict_plant.best(), ages, PATIENCE_S)[0],
            wary=self._checked(strict_plant.best(), ages, 0.0)[0],
            unknown=self._graph.ids([i for i in self._graph.written if strict[i].doubtful]),
            litres=litres,
            returning=returning,
        )

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: what stands has stood no longer for that."""
        self._since = {place: since + by_s for place, since in self._since.items()}
        self.demands.stepped(by_s)
        self._starts.stepped(by_s)

    def _note_uneven(self, told: Iterable[Condition]) -> None:
        for i, condition in enumerate(told):
            if condition.unknown:
                continue
            if condition.able_share < 1.0:
                self._uneven[i] = condition.able_share
            else:
                self._uneven.pop(i, None)

    def _read(
        self, node: Node, gathered: Gathered, devices: Mapping[str, DeviceStatus], now: float
    ) -> tuple[Condition, Condition]:
        """One node for the live verdict, and where nothing may be hoped."""
        if not node.device:
            return ASSUMED, ASSUMED
        if node.kind == "pv":
            return HEALTHY, HEALTHY  # counts for nothing, whatever it says
        if node.device in self._retired:
            out = Condition(in_service=False, protects=False, reasons=("is retired",))
            return out, out
        status, reading = devices.get(node.device), gathered.device(node.device)
        tried = status is not None and status.tried
        if not tried and not reading.any_usable():
            return (_unknown("has not been polled yet"),) * 2
        told = under_policy(condition_of(reading, node, self._start_s), self._eco)
        if told.unknown:
            silent = tried and status is not None and not status.up
            why = "does not answer" if silent else "does not tell its state"
            return (_unknown(*(told.reasons or (why,))),) * 2
        up = not tried or (status is not None and status.up)
        if up and not reading.doubtful:
            return told, told
        unknown = _unknown("does not answer" if not up else "has not answered of late")
        age_s = _age_s(status, now)
        limit_s = min(
            STALE_AFTER_POLLS * self._interval_s.get(node.device, STALE_AFTER_S), STALE_AFTER_S
        )
        return (told if age_s <= limit_s else unknown), unknown

    def _checked(
        self, plant: Plant, ages: Mapping[_Place, float], patience_s: float
    ) -> tuple[Plant, Sequence[_Place]]:
        """Feeders blocked that the graph calls live and a device does not, and all these places,
        blocked or not yet. `ages` says how long each is a contradiction: no voltage while the
        graph calls the feeder dead as well is none.

        Where the graph counts on generators that may be on their way, no voltage is no
        contradiction; for what should have it by then (all but the sources of a switch) it is one
        after a start's time.
        """
        if not any(condition.absent for condition in plant.conditions):
            return plant, ()
        contradicted: list[_Place] = []
        graph, count = self._graph, len(self._graph)
        live, waiting = [False] * count, [False] * count
        closed = _would_carry(graph, plant)
        changes: dict[int, Condition] = {}
        for i, condition in enumerate(plant.conditions):
            role, feeders = graph.role[i], graph.feeders[i]
            if not condition.in_service or (role is Role.TIE and not closed[i]):
                continue
            if role is Role.SOURCE:
                live[i], waiting[i] = True, graph.nodes[i].kind == "genset"
                continue
            blocked, may_feed = set(condition.blocked), positions(graph, closed, i)
            for k in condition.absent - condition.blocked:
                if k not in may_feed or not live[feeders[k]]:
                    continue
                contradicted.append((i, k))
                age_s = ages.get((i, k), 0.0)
                late = role is not Role.SWITCH and age_s >= self._start_s
                if age_s >= patience_s and (late or not waiting[feeders[k]]):
                    blocked.add(k)
            usable = [feeders[k] for k in may_feed if live[feeders[k]] and k not in blocked]
            live[i] = bool(usable)
            waiting[i] = role is not Role.UPS and all(waiting[f] for f in usable)
            if len(blocked) > len(condition.blocked):
                dead = [feeders[k] for k in sorted(blocked - condition.blocked)]
                names = ", ".join(_with_cause(graph, plant, f) for f in dead)
                reasons = (*condition.reasons, f"gets nothing from {names}")
                changes[i] = replace(condition, blocked=frozenset(blocked), reasons=reasons)
        return plant.changed(changes) if changes else plant, contradicted


def _with_cause(graph: PowerGraph, plant: Plant, i: int) -> str:
    """A node that gives nothing, and what it says of itself."""
    reasons = plant.conditions[i].reasons
    return f"{graph.nodes[i].id}, which {reasons[0]}" if reasons else graph.nodes[i].id


def _wanted(graph: PowerGraph, fuel: Fuel) -> dict[str, tuple[str, ...]]:
    """Beginnings of point names by device: what the nodes, the demands and the tanks need."""
    wanted = dict(levels_of(fuel))
    for node in graph.nodes:
        if node.device:
            names = WANTED.get(node.kind, WANTED_ELSE)
            wanted[node.device] = (*wanted.get(node.device, ()), *names)
        for point in node.demand:
            device, _, name = point.partition("/")
            wanted[device] = (*wanted.get(device, ()), name)
    return wanted


def _unknown(*reasons: str) -> Condition:
    return replace(UNKNOWN, reasons=reasons)


def _out(condition: Condition, why: str) -> Condition:
    return Condition(in_service=False, assumed=condition.assumed, reasons=(why,))


def _unless_out(condition: Condition, why: str) -> Condition:
    return _out(condition, why) if condition.in_service else condition


def _perhaps_out(condition: Condition, why: str) -> Condition:
    if not condition.in_service:
        return condition
    return replace(condition, unknown=True, reasons=(*condition.reasons, why))


def _maybe_closed(condition: Condition) -> Condition:
    """A tie that is not known is open at the worst and closed at the best; neither is the better
    one for certain."""
    return replace(condition, selected=1) if condition.unknown else condition


def _sees_none(condition: Condition, graph: PowerGraph, bus: int) -> Condition:
    """A bus that sees no voltage sees none through its ties either."""
    if not condition.absent:
        return condition
    return replace(condition, absent=frozenset(range(len(graph.feeders[bus]))))


def _would_carry(graph: PowerGraph, plant: Plant) -> list[bool]:
    """By node, ties that are closed, or would close for a bus that has no voltage."""
    found, conditions = [False] * len(graph), plant.conditions
    for tie, buses in graph.sides.items():
        condition, node = conditions[tie], graph.nodes[tie]
        found[tie] = all(conditions[i].in_service for i in (tie, *buses)) and (
            condition.closed(node) or (node.auto and condition.transfers)
        )
    return found


def _age_s(status: DeviceStatus | None, now: float) -> float:
    if status is None or status.last_success is None:
        return float("inf")
    return now - status.last_success
