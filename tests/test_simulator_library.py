"""Any device of the library can be played alone, without a plant around it, and is recognised."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from collectors.clients import Clients
from collectors.profile import library
from collectors.session import session_for
from core.errors import Unidentified
from core.site import Device, Node
from simulator.service import SimulatedSite, with_addresses
from simulator.site import PlantModel
from tests.support.simulator import SUMMER_NOON, run, small_site

LIBRARY = library()

FEW = set(
    """
    alpha-argus alpha-cxc-ups alpha-fxm apc-networkair-pa apc-rdu avtech-roomalert12e
    avtech-roomalert12s avtech-roomalert32s avtech-roomalert4e carel-pcoweb cet-tsi
    controlbox-th332 cyberpower-environment digipower-pdu dps-netguardian eaton-matrix eltek-valere
    fs-net-pdu hpe-pdu-module huawei-ups hwg-wld jacarta-interseptor morningstar-tristar-mppt
    packetflux-sitemonitor panduit-eagle panduit-g5 papouch-quido papouch-tme rittal-cmc3
    servertech-sentry3
    rittal-lcp rittal-pdu3 schneider-powerlogic sensatronics-em1 sensatronics-ittm
    serverscheck-gateway stulz-wib tripplite-ats tripplite-cooling
    tripplite-ups ubiquiti-edgepower ubiquiti-usp-rps vertiv-vrc vutlan wti-power
    wut-webgraph
    """.split()
)
"""Profiles of which the plant plays fewer than four points: most keep them in tables whose rows are
told apart in ways that the simulator does not write."""
NOTHING = set(
    """
    apc-cooling-unit asentria-siteboss-571 asentria-siteboss-572 eaton-epdu geist-v3-pdu hpe-pdu2
    hpe-pdu3 ict-inverter packetpower-eg4 riedo-e3meter-ctr servertech-sentry4 tripplite-pdu
    tycon-tpdin2
    """.split()
)
"""Profiles of which it plays none."""


def alone(profile, **keys):
    address = (
        "snmp://10.0.0.1" if LIBRARY.load(profile).protocol == "snmp" else "modbus://10.0.0.1/1"
    )
    return Device("one", LIBRARY.load(profile).device_class, profile, address, **keys)


@pytest.mark.parametrize("profile", sorted(LIBRARY.names()))
async def test_a_device_alone_is_played_and_recognised(profile):
    clock, clients = SystemClock(), Clients.open()
    site = small_site(alone(profile))
    simulated = SimulatedSite(site, clock)
    try:
        device = with_addresses(site, await simulated.start(ephemeral=True)).devices[0]
        if profile in NOTHING:
            with contextlib.suppress(Unidentified):
                assert not (await session_for(device, clients, LIBRARY, clock).open()).names
            return
        known = await session_for(device, clients, LIBRARY, clock).open()
        unknown = await session_for(replace(device, profile=""), clients, LIBRARY, clock).open()
    finally:
        await clients.close()
        await simulated.close()
    assert known.errors == ()
    assert (len(known.names) < 4) is (profile in FEW)
    assert unknown.profile == profile
    assert set(unknown.names) == set(known.names)


def test_a_rack_pdu_has_outlets_and_a_floor_panel_has_none():
    rack = PlantModel(small_site(alone("apc-rpdu2", rating_kw=7)), SUMMER_NOON)
    values = rack.values("one")
    total = sum(values[f"outlet.active_power.{number}"] for number in range(1, 25))
    assert total == pytest.approx(
        values["active_power" if "active_power" in values else "input.active_power"], rel=0.15
    )
    floor = PlantModel(small_site(alone("sim-rpp", rating_kw=160)), SUMMER_NOON)
    assert "outlet.state.1" not in floor.values("one")


def test_a_load_named_by_its_rack_pdus_is_shared_between_them():
    pdus = [
        replace(alone("apc-rpdu2", rating_kw=7), id=f"rpdu-{side}", address=f"snmp://10.0.0.{i}")
        for i, side in enumerate("ab", start=1)
    ]
    power = (
        Node("utility", "utility", capacity_kw=100),
        Node("ups-a", "ups", ("utility",), capacity_kw=50, efficiency=0.95),
        Node("ups-b", "ups", ("utility",), capacity_kw=50, efficiency=0.95),
        Node(
            "rack",
            "load",
            ("ups-a", "ups-b"),
            demand=("rpdu-a/input.active_power", "rpdu-b/input.active_power"),
        ),
    )
    model = PlantModel(small_site(*pdus, power=power), SUMMER_NOON)
    assert model.values("rpdu-a")["input.active_power"] == pytest.approx(2450, rel=0.05)
    run(model, 5, {"on_bypass": frozenset(("ups-a",))})
    run(model, 20, {"on_bypass": frozenset(("ups-a",)), "mains_lost": frozenset(("utility",))})
    assert model.values("rpdu-a")["input.active_power"] == 0
    assert model.values("rpdu-b")["input.active_power"] == pytest.approx(4900, rel=0.05)


def test_a_site_without_a_power_part_knows_mains_and_batteries():
    model = PlantModel(small_site(alone("rfc1628-ups", rating_kw=50)), SUMMER_NOON)
    run(model, 30, {"mains_lost": frozenset(("mains",))})
    assert model.values("one")["mode"] == "on_battery"
    assert model.values("one")["battery.charge"] < 1
    run(model, 30)
    assert model.values("one")["mode"] == "online"
