"""The SunSpec Alliance's own client reads a simulated inverter."""

from __future__ import annotations

import asyncio

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from collectors.address import parse_address
from simulator.service import SimulatedSite
from tests.support.simulator import SUMMER_NOON, WINTER_NIGHT, demo_site


class StillClock:
    """A clock that stands at one moment of the year."""

    def __init__(self, now):
        self._now = now

    def now(self):
        return self._now

    def monotonic(self):
        return self._now

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


def scan(address):
    """All models of a device, by id."""
    client = SunSpecModbusClientDeviceTCP(1, ipaddr=address.host, ipport=address.port, timeout=3)
    client.scan()
    models = {number: models[0] for number, models in client.models.items() if number != "1"}
    for model in models.values():
        if hasattr(model, "read"):
            model.read()
    client.close()
    return models


async def read(start):
    simulated = SimulatedSite(demo_site(), StillClock(start))
    bound = await simulated.start(ephemeral=True)
    try:
        models = await asyncio.to_thread(scan, parse_address(bound["pv-inverter-1"]))
    finally:
        await simulated.close()
    return models, simulated.plant.values("pv-inverter-1")


async def test_pysunspec_reads_power_energy_and_state():
    models, values = await read(SUMMER_NOON)
    common, inverter = models[1], models[103]
    assert common.Mn.cvalue == "Kasbah Simulator"
    assert inverter.W.cvalue == pytest.approx(values["output.active_power"], abs=5)
    assert inverter.WH.cvalue == pytest.approx(values["output.active_energy"], abs=1)
    assert inverter.DCV.cvalue == pytest.approx(values["dc.voltage"], abs=0.06)
    assert inverter.PhVphA.cvalue == pytest.approx(values["output.voltage.l1"], abs=0.06)
    assert inverter.PF.cvalue == pytest.approx(100 * values["output.power_factor"], abs=0.01)
    assert inverter.St.cvalue == 4  # MPPT
    assert inverter.Evt1.cvalue == 0


async def test_pysunspec_reads_both_mppt_inputs():
    models, values = await read(SUMMER_NOON)
    modules = models[160].module
    assert len(modules) == 2
    total = sum(module.DCW.cvalue for module in modules)
    assert total == pytest.approx(values["dc.active_power"], abs=20)
    assert modules[1].DCV.cvalue == pytest.approx(values["mppt.voltage.2"], abs=0.06)


async def test_an_inverter_sleeps_at_night():
    models, _ = await read(WINTER_NIGHT)
    assert models[103].St.cvalue == 2
    assert models[103].W.cvalue == 0
