"""Scenarios: things that go wrong in the simulated site, as data, and the player that times them.

A scenario is a list of faults over time. Each step names a fault, when it begins and ends (seconds
after the scenario was triggered), and whom it hits: by id, or by class, kind and side, so that the
same file works on any site that has such plant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigError, Problem
from core.site import Site
from core.vocabulary import CLASSES
from simulator.faults import FaultKind, Faults
from simulator.site import MAINS, PlantModel

FOLDER = Path(__file__).parent / "scenarios"

INSTANTS = frozenset(("counter_reset",))
"""Faults that happen at one moment; all others last from `at` until `until`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Target(_Strict):
    """Whom a step hits: every device (`class`) or power node (`kind`) that fits."""

    ids: list[str] = []
    class_: str = Field(default="", alias="class")
    kind: str = ""
    side: str = ""
    first: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="only so many, in the order of the site file"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Target:
        if sum(map(bool, (self.ids, self.class_, self.kind))) != 1:
            raise ValueError("names one of ids, class and kind")
        if self.class_ and self.class_ not in CLASSES:
            raise ValueError(f"there is no class '{self.class_}'")
        return self

    def find(self, site: Site) -> list[str]:
        """Ids of the devices and nodes that are hit; a device comes with the node that it stands
        for."""
        if self.kind:
            nodes = [n for n in site.power if n.kind == self.kind and self.side in ("", n.side)]
            pairs = [(node.id, node.device) for node in nodes]
        else:
            node_of = {node.device: node.id for node in site.power if node.device}
            pairs = [
                (device.id, node_of.get(device.id, ""))
                for device in site.devices
                if (device.id in self.ids or device.device_class == self.class_)
                and self.side in ("", device.side)
            ]
        return [name for pair in pairs[: self.first] for name in pair if name]


class Step(_Strict):
    """One fault over time."""

    at: Annotated[float, Field(ge=0)] = Field(description="seconds after the trigger")
    until: float | None = Field(default=None, description="seconds after the trigger")
    fault: FaultKind
    target: Target

    @model_validator(mode="after")
    def _ends(self) -> Step:
        if self.fault in INSTANTS:
            if self.until is not None:
                raise ValueError(f"'{self.fault}' happens at one moment: leave `until` out")
        elif self.until is None or self.until <= self.at:
            raise ValueError("a fault needs an `until` later than its `at`")
        return self


class Scenario(_Strict):
    """One scenario file."""

    scenario: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: str
    description: str
    steps: Annotated[list[Step], Field(min_length=1)]

    @property
    def lasts_s(self) -> float:
        """Seconds from the trigger to the end of the last fault."""
        return max(step.at if step.until is None else step.until for step in self.steps)


def load_scenarios(folder: Path = FOLDER) -> dict[str, Scenario]:
    """All scenarios of a folder by name. Raises ConfigError with every problem found."""
    found, problems = {}, []
    for path in sorted(folder.glob("*.yaml")):
        try:
            scenario = Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            problems.append(Problem(str(path), 0, "", f"is no scenario: {error}"))
        except ValidationError as error:
            problems += [_problem(path, item) for item in error.errors()]
        else:
            if scenario.scenario != path.stem:
                message = f"the file is named {path.stem}: scenario and file have one name"
                problems.append(Problem(str(path), 0, "scenario", message))
            found[scenario.scenario] = scenario
    if problems:
        raise ConfigError(problems)
    return found


def _problem(path: Path, item: Any) -> Problem:
    key = ".".join(str(part) for part in item["loc"])
    return Problem(str(path), 0, key, str(item["msg"]).removeprefix("Value error, "))


@dataclass(frozen=True, slots=True)
class _Running:
    scenario: Scenario
    start: float


class ScenarioPlayer:
    """Plays scenarios on one site. Times are those of the plant, in UTC seconds."""

    def __init__(self, site: Site, scenarios: Mapping[str, Scenario]) -> None:
        self._targets = {
            name: [_resolve(step, site) for step in scenario.steps]
            for name, scenario in scenarios.items()
        }
        self._scenarios = {
            name: scenario for name, scenario in scenarios.items() if all(self._targets[name])
        }
        self._running: list[_Running] = []
        self._seen = float("-inf")

    def names(self) -> Sequence[str]:
        """Scenarios that this site has the plant for."""
        return tuple(self._scenarios)

    def scenario(self, name: str) -> Scenario:
        """One of them. Raises KeyError."""
        return self._scenarios[name]

    def start(self, name: str, at: float) -> None:
        """Begin a scenario at a time; one that runs already begins anew. Raises KeyError."""
        scenario = self._scenarios[name]
        self._running = [one for one in self._running if one.scenario is not scenario]
        self._running.append(_Running(scenario, at))

    def apply(self, plant: PlantModel, now: float) -> None:
        """Put the faults of this moment into the plant, and forget scenarios that are over."""
        hit: dict[FaultKind, set[str]] = {}
        for one in self._running:
            targets = self._targets[one.scenario.scenario]
            for step, names in zip(one.scenario.steps, targets, strict=True):
                begins = one.start + step.at
                if step.until is None:
                    if self._seen < begins <= now:
                        for name in names:
                            plant.reset_counters(name)
                elif begins <= now < one.start + step.until:
                    hit.setdefault(step.fault, set()).update(names)
        plant.faults = Faults({kind: frozenset(names) for kind, names in hit.items()})
        self._seen = now
        self._running = [one for one in self._running if now <= one.start + one.scenario.lasts_s]


def _resolve(step: Step, site: Site) -> list[str]:
    names = step.target.find(site)
    if not names and step.fault == "mains_lost":
        return [MAINS]
    if step.fault in ("silent", "gateway_lost", "counter_reset"):
        devices = {device.id for device in site.devices}
        return [name for name in names if name in devices]
    return names
