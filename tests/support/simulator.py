"""The simulated plant for tests: the demo site, moments of the year, and a way to play faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from agent.config.load import load_site
from core.site import Device, Node, Site
from simulator.faults import FaultKind, Faults
from simulator.site import PlantModel

DEMO = Path(__file__).parents[2] / "simulator" / "sites" / "nouaceur.yaml"

SUMMER_NOON = 1_781_956_800.0  # 2026-06-20T12:00:00Z
WINTER_NIGHT = 1_768_953_600.0  # 2026-01-21T00:00:00Z

UTILITIES = frozenset(("utility-a", "utility-b"))


@cache
def demo_site() -> Site:
    """The demo site, read once."""
    return load_site(DEMO)


def plant(start: float = SUMMER_NOON, seed: int = 1) -> PlantModel:
    """The demo's plant at rest."""
    return PlantModel(demo_site(), start, seed)


def run(
    model: PlantModel,
    seconds: float,
    faults: Mapping[FaultKind, frozenset[str]] | None = None,
    each: Callable[[PlantModel], None] | None = None,
) -> None:
    """Let the plant run with these faults, in steps of half a second; `each` looks after every
    step."""
    model.faults = Faults(faults or {})
    end = model.time + seconds
    while model.time < end:
        model.step(min(end, model.time + 0.5))
        if each is not None:
            each(model)


def small_site(*devices: Device, power: tuple[Node, ...] = ()) -> Site:
    """A site of a few devices."""
    return Site(id="small", name="Small", timezone="UTC", devices=devices, power=power)
