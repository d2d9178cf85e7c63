"""The simulated plant coupled with the core, in virtual time and without sockets.

What a device shows goes through its profile to raw values and back, as over the wire, and into the
engine as a batch; each device is polled when its interval comes round. A whole mains failure takes
seconds, the same every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from collectors.decode import Raw, Rule, careful, rule_of
from collectors.profile import library
from core.engine import Engine
from core.points import PointName, parse_name
from core.quality import Quality
from core.readings import Batch, Rows
from core.site import Device, Site
from core.snapshot import DeviceStatus, Nameplate, Snapshot
from simulator.electrical import Values
from simulator.encoding import Encoder, told_scale
from simulator.faults import FaultKind, Faults
from simulator.scenarios import ScenarioPlayer, load_scenarios
from simulator.site import PlantModel

LIBRARY = library()

Says: TypeAlias = Callable[[float], float]
"""What a device says instead of a value; NaN where it refuses to tell."""


class Seen(NamedTuple):
    """What the operator is told: the headline's parts that a scenario moves."""

    supply: str
    status: int
    lost: tuple[str, ...] = ()
    unprotected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wire:
    """One point on its way: encoded by the profile, decoded by it."""

    name: PointName
    encoder: Encoder
    rule: Rule
    also: tuple[Raw, ...]

    def read(self, values: Values) -> tuple[float, int, int]:
        return careful(self.rule, self.encoder.raw(values), self.also)


class Polled:
    """One device as the collectors would read it."""

    def __init__(self, device: Device, plant: PlantModel, phase_s: float) -> None:
        self.device, self._plant, self._phase_s = device, plant, phase_s
        self.wires = _wires(device, plant.values(device.id))
        self._places = {f"{device.id}/{wire.name}": i for i, wire in enumerate(self.wires)}
        self.rows: Rows = np.empty(0, dtype=np.intp)
        self._last: float | None = None
        self._tried = False
        self._failures = 0

    def due(self, second: float) -> bool:
        return not self._tried or (second - self._phase_s) % self.device.poll.interval_s < 1.0

    def join(self, engine: Engine) -> None:
        """Rows of this engine for its points."""
        self.rows = engine.register(self.device.id, [wire.name for wire in self.wires])
        engine.expect(self.rows, self.device.poll.interval_s)
        self._tried = False

    def poll(self, engine: Engine, now: float, says: Mapping[str, Says]) -> None:
        """Ask it, or find it silent."""
        self._tried = True
        if self._plant.answers(self.device.id):
            self._last, self._failures = now, 0
            values = self._plant.values(self.device.id)
            read = np.array([wire.read(values) for wire in self.wires]).reshape(-1, 3)
            for point, change in says.items():
                i = self._places.get(point)
                if i is not None:
                    value = change(read[i, 0])
                    read[i, :2] = value, Quality.REFUSED if np.isnan(value) else Quality.GOOD
            engine.accept(
                Batch.of(
                    now, self.rows, read[:, 0], read[:, 1].astype("u1"), read[:, 2].astype("u1")
                )
            )
        else:
            self._failures += 1
        engine.report(self.device.id, self._status)

    def _status(self) -> DeviceStatus:
        up = self._failures == 0
        return DeviceStatus(
            id=self.device.id,
            up=up,
            tried=True,
            profile=self.device.profile,
            nameplate=Nameplate(),
            last_success=self._last,
            last_error="" if up else "no answer within 2 s",
            poll_duration_s=0.01,
            polls=1,
            failures=self._failures,
            skipped=0,
            points=len(self.wires),
        )


class Coupled:
    """A simulated site and the engine that watches it, second by second.

    `now` is the plant's time; the agent's clock is ahead of it by what it was set.
    `steps` are all changes of what is seen, with the seconds since the start. `says` puts other
    words into devices' mouths, by point.
    """

    def __init__(self, site: Site, start: float, seed: int = 1) -> None:
        self.site = site
        self.plant = PlantModel(site, start, seed)
        self.player = ScenarioPlayer(site, load_scenarios())
        self.engine = Engine(site, start)
        self.start = self.now = start
        self._skew_s = 0.0
        self.faults: dict[FaultKind, frozenset[str]] = {}
        self.says: dict[str, Says] = {}
        self.steps: list[tuple[float, Seen]] = []
        self.pues: list[tuple[float, dict[str, float | None]]] = []
        self._polled = [
            Polled(device, self.plant, phase_s=n % max(1, int(device.poll.interval_s)))
            for n, device in enumerate(site.devices)
        ]
        self._join()

    @property
    def snapshot(self) -> Snapshot:
        return self.engine.snapshot

    def play(self, scenario: str) -> None:
        """Begin a scenario of the simulator now."""
        self.player.start(scenario, self.now)

    def fault(self, kind: FaultKind, *names: str) -> None:
        """A fault from now on, beside those of scenarios; without names it is over."""
        self.faults[kind] = frozenset(names)

    def run(self, seconds: float, tick_s: float = 1.0) -> None:
        """Let plant and engine go on."""
        end = self.now + seconds
        while self.now < end - 1e-6:
            self._move(min(end, self.now + tick_s))
            self._look()

    def kill_and_restart(
        self,
        away_s: float = 0.0,
        saved: Mapping[str, Any] | None = None,
        *,
        clock_set_by_s: float = 0.0,
    ) -> None:
        """The agent is killed and starts anew from its last saved state; the plant goes on, and
        somebody may set the clock."""
        self._skew_s += clock_set_by_s
        state = self.engine.state() if saved is None else saved
        if away_s:
            self._move(self.now + away_s)
        self.engine = Engine(self.site, self._agent_now())
        self.engine.restore(state, self._agent_now())
        self._join()

    def sleep(self, seconds: float) -> None:
        """The machine sleeps, and its clocks go on; then the agent looks before it has asked."""
        self._move(self.now + seconds)
        self.engine.tick(self._agent_now())

    def told(self) -> list[Seen]:
        """What was seen, in order."""
        return [seen for _, seen in self.steps]

    def what_if_verdict(self, out: str) -> str:
        """The verdict on taking these out now."""
        return self.engine.what_if(out.split(), [], "worst", "now").verdict

    def set_clock(self, by_s: float) -> None:
        """The agent's clock is set by so many seconds, and the agent sees that before its next
        tick."""
        self._skew_s += by_s
        self.engine.stepped(by_s, self._agent_now())

    def _agent_now(self) -> float:
        return self.now + self._skew_s

    def _join(self) -> None:
        for polled in self._polled:
            polled.join(self.engine)

    def _move(self, end: float) -> None:
        while self.plant.time < end - 1e-6:
            here = min(end, self.plant.time + 0.5)
            self.player.apply(self.plant, here)
            if any(self.faults.values()):
                hit = {kind: self.plant.faults.of(kind) for kind in self.plant.faults.hit}
                for kind, names in self.faults.items():
                    hit[kind] = hit.get(kind, frozenset()) | names
                self.plant.faults = Faults(hit)
            self.plant.step(here)
        self.now = end

    def _look(self) -> None:
        second, now = self.now - self.start, self._agent_now()
        for polled in self._polled:
            if polled.due(second):
                polled.poll(self.engine, now, self.says)
        snapshot = self.engine.tick(now)
        seen = seen_in(snapshot)
        if not self.steps or self.steps[-1][1] != seen:
            self.steps.append((second, seen))
        self.pues.append(
            (second, {k.window: k.value for k in snapshot.kpis if (k.id, k.category) == ("pue", 1)})
        )


def word(point: str, state: str) -> Says:
    """A device that says this state at this point, whatever is true."""
    axis = parse_name(point).axis
    assert axis is not None
    code = float(axis.code(state))
    return lambda _: code


def seen_in(snapshot: Snapshot) -> Seen:
    """Supply, status, and the loads that are lost or unprotected in the worse case."""
    cases = snapshot.redundancy.cases.values()
    lost = _in_order(name for case in cases for name in case.lost_loads)
    bare = _in_order(name for case in cases for name in case.unprotected_loads)
    return Seen(
        snapshot.supply,
        snapshot.redundancy.status,
        lost,
        tuple(name for name in bare if name not in lost),
    )


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _wires(device: Device, values: Values) -> Sequence[_Wire]:
    profile = LIBRARY.load(device.profile)
    found: dict[str, _Wire] = {}
    for spec in profile.points:
        rule = replace(rule_of(spec), shift=0, mask=0, convert=None, conditions=())
        also = tuple(told_scale(scale)[0] for scale in spec.keys.scale_from)
        names = [name for name, _ in spec.expanded()] if not spec.many else _rows(spec.name, values)
        for name in names:
            found.setdefault(str(name), _Wire(name, Encoder(name, spec), rule, also))
    return tuple(found.values())


def _rows(name: PointName, values: Values) -> list[PointName]:
    """The rows of a table that the plant has readings for."""
    start = str(PointName(name.part, name.quantity, ""))
    return [
        PointName(name.part, name.quantity, point[len(start) + 1 :])
        for point in values
        if point.startswith(f"{start}.")
    ]
