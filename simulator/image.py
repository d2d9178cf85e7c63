"""The image of a Modbus device: plain registers, or a chain of SunSpec models, by its profile."""

from __future__ import annotations

from collections.abc import Callable

from collectors.profile import Profile
from simulator.electrical import Values
from simulator.modbus import Registers
from simulator.nameplate import Nameplate
from simulator.registers import RegisterImage
from simulator.sunspec import SunspecImage


def register_image(
    profile: Profile,
    nameplate: Nameplate,
    values: Callable[[], Values],
    version: Callable[[], int],
) -> Registers:
    """What the device shows. `values` gives its readings; `version` says when they change."""
    kind = SunspecImage if profile.protocol == "sunspec" else RegisterImage
    return kind(profile, nameplate, values, version)
