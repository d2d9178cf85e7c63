"""Small cooling plants for tests: groups of equal units, zones, and a stand made by hand."""

from __future__ import annotations

from core.cooling.condition import HEALTHY, UnitCondition
from core.cooling.plan import CoolingPlan, compile_plan
from core.cooling.stand import ALL_POWERED, NONE_LOST, Stand
from core.site import Cooling, CoolingGroup, CoolingUnit, CoolingZone

FAILED = UnitCondition(usable=False, reasons=("has a fault",))


def units(kind: str, count: int, kw: float, powered_by: str = "board", **more) -> list[CoolingUnit]:
    """Equal units `kind-1`...; several nodes in `powered_by` feed them in turn."""
    nodes = powered_by.split()
    return [
        CoolingUnit(f"{kind}-{n + 1}", kind, kw, (nodes[n % len(nodes)],), **more)
        for n in range(count)
    ]


def group(name: str, members: list[CoolingUnit], design: int = 1, **more) -> CoolingGroup:
    return CoolingGroup(name, tuple(unit.id for unit in members), design, **more)


def crahs(count: int, kw: float, design: int = 1, **zone) -> CoolingPlan:
    """One room with some CRAH units and nothing behind them."""
    members = units("crah", count, kw)
    room = CoolingZone("hall", ("crahs",), heat_kw=0.0, **zone)
    return compile_plan(Cooling(tuple(members), (group("crahs", members, design),), (room,)))


def stand(
    plan: CoolingPlan,
    heat_kw: float | None = None,
    *,
    failed: str = "",
    conditions: dict[str, UnitCondition] | None = None,
    inlet_c: float | None = None,
    **unpowered: str,
) -> Stand:
    """Everything well, but for the units named; `unpowered` by case, ids with blanks."""
    found = dict.fromkeys(plan.units, HEALTHY) | dict.fromkeys(failed.split(), FAILED)
    dark = ALL_POWERED | {case: frozenset(ids.split()) for case, ids in unpowered.items()}
    return Stand(
        conditions=found | (conditions or {}),
        unpowered=dark,
        heat_kw=dict.fromkeys(plan.zones, heat_kw),
        inlet_c=dict.fromkeys(plan.zones, inlet_c),
        lost=NONE_LOST,
    )
