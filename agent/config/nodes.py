"""Power nodes from the site file's keys, defaults filled in."""

from __future__ import annotations

from agent.config.schema import NodeKeys
from core.site import Node, Rating

EFFICIENCY = {"ups": 0.95, "transformer": 0.985}
"""Default efficiency by kind of node (design of the power graph); 1 for the rest."""


def node_of(keys: NodeKeys) -> Node:
    """The node that these keys describe."""
    demand = (keys.demand,) if isinstance(keys.demand, str) else tuple(keys.demand)
    efficiency = keys.efficiency or EFFICIENCY.get(keys.kind, 1.0)
    return Node(
        id=keys.id,
        kind=keys.kind,
        fed_by=tuple(keys.fed_by),
        capacity_kw=keys.capacity_kw,
        capacity_kva=keys.capacity_kva,
        capacity_a=keys.capacity_a,
        voltage_v=keys.voltage_v,
        power_factor=keys.power_factor,
        efficiency=efficiency,
        device=keys.device or "",
        side=keys.side,
        bypass_fed_by=keys.bypass_fed_by or "",
        between=tuple(keys.between),
        normally=keys.normally,
        auto=keys.auto,
        recharge_kw=keys.recharge_kw,
        min_feeds=keys.min_feeds,
        demand=demand,
        demand_kw=keys.demand_kw,
        rating=Rating(keys.rating.basis, keys.rating.derate, keys.rating.average)
        if keys.rating
        else None,
        short_break=keys.short_break,
    )
