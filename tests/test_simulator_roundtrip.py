"""The collectors read the whole demo site over real sockets, and find the physics."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from collectors.clients import Clients
from collectors.profile import library
from collectors.session import session_for
from simulator.encoding import find
from simulator.service import SimulatedSite, with_addresses
from tests.support.simulator import SUMMER_NOON, WINTER_NIGHT, demo_site


class StillSky:
    """Monotonic time runs, the plant's time stands at one moment."""

    def __init__(self, now):
        self._now = now

    def now(self):
        return self._now

    def monotonic(self):
        return time.monotonic()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


def resolution(profile, name):
    """Smallest step of a point in its unit, over all objects that give it."""
    if profile.protocol == "sunspec":
        return 10.0  # scale factors of the simulated device count tens of watts
    same = [
        s for s in profile.points if (s.name.part, s.name.quantity) == (name.part, name.quantity)
    ]
    return max((abs(spec.keys.scale) for spec in same), default=1.0)


async def survey(device, clients, profiles, clock):
    """Names, values and bad points of a device, read as the agent reads it."""
    session = session_for(device, clients, profiles, clock)
    opened = await session.open()
    read, bad = {}, []
    for speed in ("fast", "slow"):
        answer = await session.poll(speed)
        value, quality, _ = answer.decoded()
        for i, slot in enumerate(answer.slots):
            name = opened.names[slot]
            read[name] = value[i]
            if quality[i]:
                bad.append(f"{device.id}/{name}")
    return opened, read, bad


@pytest.mark.slow
@pytest.mark.parametrize("moment", [SUMMER_NOON, WINTER_NIGHT])
async def test_every_point_of_every_device_is_read_as_the_plant_has_it(moment):
    clock, profiles, clients = StillSky(moment), library(), Clients.open()
    simulated = SimulatedSite(demo_site(), clock)
    site = with_addresses(demo_site(), await simulated.start(ephemeral=True))
    counts: Counter[str] = Counter()
    bad, wrong, errors = [], [], []
    try:
        for device in site.devices:
            opened, read, not_good = await survey(device, clients, profiles, clock)
            profile = profiles.load(device.profile)
            values = simulated.plant.values(device.id)
            counts[device.profile] += len(opened.names)
            errors += opened.errors
            bad += not_good
            assert opened.profile == device.profile
            assert opened.nameplate.vendor
            if profile.simulated:
                assert profile.point_names() <= set(opened.names), device.id
            for name, value in read.items():
                expected = find(values, name)
                if not isinstance(expected, float):
                    continue
                step = max(resolution(profile, name), 0.1)
                if value != pytest.approx(expected, rel=1e-3, abs=0.51 * step):
                    wrong.append(f"{device.id}/{name}: {value} for {expected}")
    finally:
        await clients.close()
        await simulated.close()
    assert errors == []
    assert bad == []
    assert wrong == []
    assert 5_000 < sum(counts.values()) < 7_500
    assert len(counts) == 23
