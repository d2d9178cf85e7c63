"""How long the fuel lasts with the mains lost, at the present load: with all tanks, and without the
one that would be missed most.

Knows tanks and who burns from them. What each generator would give is the balance's to say.
Formula: h = usable litres / (kW x l/kWh). Twelve hours at the load N, with any one tank or fuel
path out, is what the Uptime Institute asks of every Tier (its Owners Advisory Committee; 24 to 72 h
are common policy). Simplifications: docs/redundancy.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.points import parse_point
from core.redundancy.condition import OUT
from core.redundancy.evaluate import Balance
from core.redundancy.graph import PowerGraph
from core.redundancy.groups import AT_N, DEGRADED, FULL, LOST, UNKNOWN
from core.redundancy.rows import Gathered
from core.redundancy.study import Study
from core.redundancy.words import names
from core.site import Fuel, Tank
from core.snapshot import FuelStatus

Litres = tuple[float | None, ...]
"""Usable litres by tank, None where its level is not known."""

ORDER = (LOST, UNKNOWN, AT_N, DEGRADED, FULL)
"""The worst first."""

MOVED_SHARE = 0.005
"""A level is worked out again when it has moved by more than this part of its tank."""


@dataclass(frozen=True, slots=True)
class _Lasts:
    """Hours with all tanks and without the worst one; None where nothing is burnt."""

    all_h: float | None
    one_out_h: float | None
    worst: str


class FuelModel:
    """The tanks of one site."""

    def __init__(self, graph: PowerGraph, fuel: Fuel) -> None:
        self._graph, self._fuel = graph, fuel
        self._burners = [tuple(graph.index[name] for name in t.gensets) for t in fuel.tanks]

    def litres(self, gathered: Gathered) -> Litres:
        """What can be burnt of each tank."""
        return tuple(_usable(tank, gathered) for tank in self._fuel.tanks)

    def moved(self, old: Litres, new: Litres) -> bool:
        """Whether any tank holds another amount than before, or is newly known or unknown."""
        return old is not new and any(
            (a is None) != (b is None)
            or (a is not None and b is not None and abs(a - b) > MOVED_SHARE * tank.litres)
            for a, b, tank in zip(old, new, self._fuel.tanks, strict=True)
        )

    def dry(self, litres: Litres) -> dict[int, str]:
        """Generators whose tanks are all known to be empty, with what is said of them."""
        if all(each is None or each > 0 for each in litres):
            return {}
        found = {}
        for i in {i for burners in self._burners for i in burners}:
            own = [n for n, burners in enumerate(self._burners) if i in burners]
            if all(litres[n] == 0 for n in own):
                found[i] = f"has no fuel in {names([self._fuel.tanks[n].id for n in own])}"
        return found

    def doubted(self, litres: Litres) -> dict[int, str]:
        """Generators that may be without fuel: no tank of theirs is known to hold any, and not all
        are known to be empty; with what is said of them."""
        if None not in litres:
            return {}
        found = {}
        for i in {i for burners in self._burners for i in burners}:
            own = [n for n, burners in enumerate(self._burners) if i in burners]
            untold = [self._fuel.tanks[n].id for n in own if litres[n] is None]
            if untold and not any(litres[n] for n in own):
                found[i] = f"has no fuel that is known of, {names(untold)} does not tell"
        return found

    def status(self, live: Study, litres: Litres) -> FuelStatus | None:
        """How long it lasts, unknown tanks taken as empty; None for a site that states none."""
        if not self._fuel.tanks:
            return None
        worst = self._lasts(live, [each or 0.0 for each in litres])
        full = [t.litres * t.usable for t in self._fuel.tanks]
        best = self._lasts(
            live, [f if each is None else each for each, f in zip(litres, full, strict=True)]
        )
        status, reasons = self._judged(worst, best, litres)
        return FuelStatus(
            status=status,
            all_h=worst.all_h,
            one_out_h=worst.one_out_h,
            required_h=self._fuel.required_h,
            worst_tank=worst.worst,
            litres=sum(each or 0.0 for each in litres),
            use_l_per_h=self._use_kw(live.balances["mains_lost"]) * self._fuel.l_per_kwh,
            unknown=self._untold(litres),
            reasons=reasons,
        )

    def _judged(self, worst: _Lasts, best: _Lasts, litres: Litres) -> tuple[int, tuple[str, ...]]:
        needed_h, spare = self._fuel.required_h, self._fuel.design > 0
        hours, untold = worst.one_out_h if spare else worst.all_h, self._untold(litres)
        # Without hours nothing is burnt: generators that are not known to run burn nothing, too.
        if _enough(hours, needed_h) and not (hours is None and untold):
            return FULL, ()
        asked = f"{needed_h:g} h are required"
        if _enough(best.one_out_h if spare else best.all_h, needed_h):
            return UNKNOWN, (f"fuel: {names(untold)} not known, {asked}",)
        if _enough(worst.all_h, needed_h):
            left = f"{worst.one_out_h or 0.0:.1f} h without {worst.worst}"
            total = "" if worst.all_h is None else f" of {worst.all_h:.1f} h"
            return DEGRADED, (f"fuel: {left}{total}, {asked}",)
        return AT_N, (f"fuel: {worst.all_h or 0.0:.1f} h, {asked}",)

    def _untold(self, litres: Litres) -> tuple[str, ...]:
        tanks = zip(self._fuel.tanks, litres, strict=True)
        return tuple(tank.id for tank, each in tanks if each is None)

    def _use_kw(self, balance: Balance) -> float:
        return sum(balance.gives[i] for i in {i for burners in self._burners for i in burners})

    def _lasts(self, live: Study, litres: Sequence[float]) -> _Lasts:
        balance = live.balances["mains_lost"]
        one_out = [
            (self._without(live, litres, n), tank.id) for n, tank in enumerate(self._fuel.tanks)
        ]
        finite = [(hours, name) for hours, name in one_out if hours is not None]
        hours, name = min(finite, default=(None, ""))
        return _Lasts(self._hours(balance, litres), hours, name)

    def _without(self, live: Study, litres: Sequence[float], gone: int) -> float | None:
        """Hours without one tank. Generators that have no other one are out with it; 0 where those
        left cannot carry the load."""
        left = [0.0 if n == gone else each for n, each in enumerate(litres)]
        fed = {i for n, burners in enumerate(self._burners) if left[n] > 0 for i in burners}
        out = {i: OUT for i in self._burners[gone] if i not in fed}
        if not out:
            return self._hours(live.balances["mains_lost"], left)
        then = live.study_of(out)
        effect, before = then.effects["mains_lost"], live.effects["mains_lost"]
        if effect.lost & ~before.lost or effect.overloaded - before.overloaded:
            return 0.0
        return self._hours(then.balances["mains_lost"], left)

    def _hours(self, balance: Balance, litres: Sequence[float]) -> float | None:
        """Hours until the first generator has burnt its part of the fuel: each tank is shared in
        proportion to what its generators give. None where none of them gives anything."""
        got: dict[int, float] = {}
        for burners, held in zip(self._burners, litres, strict=True):
            power = sum(balance.gives[i] for i in burners)
            for i in burners:
                share = balance.gives[i] / power if power > 0 else 0.0
                got[i] = got.get(i, 0.0) + held * share
        hours = [
            held / (balance.gives[i] * self._fuel.l_per_kwh)
            for i, held in got.items()
            if balance.gives[i] > 0
        ]
        return min(hours, default=None)


def fuel_words(status: FuelStatus | None) -> Sequence[tuple[int, str]]:
    """What the headline says of the fuel, with its status."""
    return [(status.status, reason) for reason in status.reasons] if status else ()


def less_fuel(before: FuelStatus | None, after: FuelStatus | None) -> Sequence[str]:
    """What a what-if says of fuel: that it would not last, or is not known to, as before or newly;
    and that it would newly not last without one tank."""
    if before is None or after is None:
        return ()
    newly = ORDER.index(after.status) < ORDER.index(before.status)
    return after.reasons if newly or after.status in (LOST, UNKNOWN, AT_N) else ()


def _enough(hours: float | None, needed_h: float) -> bool:
    return hours is None or hours >= needed_h


def _usable(tank: Tank, gathered: Gathered) -> float | None:
    """Litres above the dead volume."""
    point = parse_point(tank.level)
    told = gathered.device(point.device).number(str(point.name))
    if told is None:
        return None
    held = told * 1000 if point.name.quantity == "volume" else told * tank.litres
    # To the millilitre: what is left of a subtraction burns for nobody.
    return max(0.0, round(min(held, tank.litres) - (1 - tank.usable) * tank.litres, 3))


def wanted(fuel: Fuel) -> Mapping[str, tuple[str, ...]]:
    """Names of the points that tell the levels, by device."""
    found: dict[str, tuple[str, ...]] = {}
    for tank in fuel.tanks:
        device, _, name = tank.level.partition("/")
        found[device] = (*found.get(device, ()), name)
    return found
