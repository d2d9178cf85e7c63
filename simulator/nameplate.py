"""What a simulated device says it is."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.profile import Profile, Where
from core.site import Device

VENDOR = "Kasbah Simulator"
FIRMWARE = "1.0"


@dataclass(frozen=True, slots=True)
class Nameplate:
    """Words of a nameplate, each short enough for the registers of a real map."""

    vendor: str
    model: str
    serial: str
    firmware: str
    name: str

    def where(self, profile: Profile) -> Iterator[tuple[str, Where]]:
        """Each word with the place where the profile reads it."""
        identity = profile.identity
        pairs = (
            (self.vendor, identity.vendor),
            (self.model, identity.model),
            (self.serial, identity.serial),
            (self.firmware, identity.firmware),
        )
        for word, place in pairs:
            if place is not None:
                yield word, place


def nameplate(device: Device) -> Nameplate:
    """The nameplate of a device: made up, but always the same for one id."""
    number = zlib.crc32(device.id.encode()) % 90_000_000 + 10_000_000
    return Nameplate(VENDOR, device.profile, str(number), FIRMWARE, device.id)
