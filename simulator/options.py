"""The `options` of a device in the site file: what only the simulator needs to know of it.

| key | of | says |
|---|---|---|
| `meters_output_of`, `meters_input_of` | meters | the power node or device that it stands at |
| `load_kw` | what a load's `demand` names | what this feed of the load draws on an ordinary day |
| `outlets` | rack PDUs | how many outlets it has (24) |
| `powered_by` | cooling units | the power node that feeds the unit |
| `near` | CRAH units | the place that warms first when the unit fails |
| `role` | pumps | `primary`, `secondary` or `condenser` |
| `supplies`, `volume_m3` | tanks | the generator that drinks from it; its usable volume |
| `ups` | battery strings | the UPS that the string belongs to |
| `battery_min` | UPSs | minutes that a full battery carries the rating |
| `feeds` | PV inverters | the `pv` node that the inverter belongs to |
| `inverter`, `peak_kw` | PV strings | the inverter of the string; its peak power |
| `position` | probes | `bottom`, `middle`, `top`, `end` or `rear` of the racks |
| `latitude`, `longitude`, `tilt_deg` | weather stations | where the sun is seen from |
"""

from __future__ import annotations

from core.errors import ConfigError, Problem
from core.site import Device


def text(device: Device, key: str, default: str = "") -> str:
    """One option as text."""
    return dict(device.options).get(key, default)


def number(device: Device, key: str, default: float) -> float:
    """One option as a number. Raises ConfigError when it is none."""
    given = text(device, key)
    if not given:
        return default
    try:
        return float(given)
    except ValueError:
        problem = Problem("", 0, f"devices[{device.id}].options.{key}", f"'{given}' is no number")
        raise ConfigError([problem]) from None
