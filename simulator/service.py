"""The simulated site as a service: every device on a socket of its own, the physics by the clock.

Joins plant, scenarios and servers. Devices answer at the addresses of the site file when these are
loopback addresses, or on free ports of this machine when they are not meant to be found.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from collectors.address import Address, parse_address
from collectors.profile import Library, library
from core.clock import Clock
from core.errors import ConfigError, KasbahError, Problem
from core.site import Device, Site
from simulator.image import register_image
from simulator.mib import device_mib
from simulator.modbus import ModbusListener, Unit
from simulator.nameplate import nameplate
from simulator.scenarios import Scenario, ScenarioPlayer, load_scenarios
from simulator.site import PlantModel
from simulator.snmp import Agent, SnmpListener, cannot_open

STEP_S = 0.5
"""The plant moves so often: half of the quickest poll."""

LEAP_S = 300.0
"""After a longer pause of the machine (it slept) the plant has stood still, too."""

LOOPBACK = "127.0.0.1"
SITES = Path(__file__).parent / "sites"
"""Site files that come with the simulator; `nouaceur.yaml` is the demo."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One socket and the devices behind it."""

    scheme: str
    host: str
    port: int
    devices: tuple[tuple[Device, Address], ...]


class SimulatedSite:
    """A site that stands in for its devices.

    Raises ConfigError for a device that it cannot play.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock,
        seed: int = 1,
        *,
        profiles: Library | None = None,
        scenarios: Mapping[str, Scenario] | None = None,
    ) -> None:
        self._site, self._clock = site, clock
        self._profiles = profiles or library()
        _check_playable(site, self._profiles)
        self.plant = PlantModel(site, clock.now(), seed)
        self._player = ScenarioPlayer(site, load_scenarios() if scenarios is None else scenarios)
        self._listeners: list[ModbusListener | SnmpListener] = []

    # Scenarios

    def names(self) -> Sequence[str]:
        """Scenarios that this site has the plant for."""
        return self._player.names()

    def scenario(self, name: str) -> Scenario:
        """What a scenario does. Raises KeyError."""
        return self._player.scenario(name)

    def trigger(self, name: str) -> None:
        """Begin a scenario now. Raises KeyError for a name that does not exist."""
        self.schedule(name, 0.0)

    def schedule(self, name: str, after_s: float) -> None:
        """Begin a scenario so many seconds of the clock from now. Raises KeyError."""
        self._player.start(name, self._clock.now() + after_s)

    # Life

    async def start(self, *, ephemeral: bool) -> dict[str, str]:
        """Open all sockets; returns the address of each device as it is really bound.

        `ephemeral` takes free ports: on the device's own host where that is a loopback address,
        else on 127.0.0.1. Without it every address must be a loopback address: Kasbah never stands
        in for a device on a real network. Raises ConfigError for one that is not, KasbahError for
        a port that is taken.
        """
        if not ephemeral:
            _check_loopback(self._site)
        bound: dict[str, str] = {}
        try:
            for place in _places(self._site):
                bound |= await self._open(place, ephemeral=ephemeral)
        except BaseException:
            await self.close()
            raise
        return bound

    async def run(self) -> None:
        """Move the plant by the clock until cancelled."""
        while True:
            await self._clock.sleep(STEP_S)
            self.step()

    def step(self) -> None:
        """Bring plant and scenarios to the present of the clock."""
        now = self._clock.now()
        if now - self.plant.time > LEAP_S:
            self.plant.time = now - LEAP_S
        # Faults are looked at as often as the plant moves, also when the clock has leapt.
        while self.plant.time < now:
            here = min(now, self.plant.time + STEP_S)
            self._player.apply(self.plant, here)
            self.plant.step(here)

    async def close(self) -> None:
        """Close all sockets."""
        while self._listeners:
            listener = self._listeners.pop()
            if isinstance(listener, SnmpListener):
                listener.close()
            else:
                await listener.close()

    async def _open(self, place: _Place, *, ephemeral: bool) -> dict[str, str]:
        listener = self._listener(place)
        host = place.host if _is_loopback(place.host) else LOOPBACK
        try:
            port = await listener.open(host, 0 if ephemeral else place.port)
        except OSError as error:
            raise _cannot_bind(place, error) from error
        self._listeners.append(listener)
        bound = {}
        for device, address in place.devices:
            scheme = "snmp" if place.scheme == "snmp" else "modbus"
            real = Address("snmp" if scheme == "snmp" else "modbus", host, port, address.unit)
            bound[device.id] = str(real)
        return bound

    def _listener(self, place: _Place) -> ModbusListener | SnmpListener:
        plant = self.plant
        if place.scheme == "snmp":
            device = place.devices[0][0]
            return SnmpListener(self._agent(device))
        units = {address.unit: self._unit(device) for device, address in place.devices}
        names = [device.id for device, _ in place.devices]
        return ModbusListener(units, lambda: plant.gateway_lost(names[0]))

    def _agent(self, device: Device) -> Agent:
        plant, name = self.plant, device.id
        profile, *others = self._profiles.together(device.profile)
        mib = device_mib(
            profile,
            nameplate(device),
            lambda: plant.values(name),
            lambda: plant.uptime_s(name),
            others,
        )
        return Agent(mib, device.credentials.community, lambda: plant.answers(name))

    def _unit(self, device: Device) -> Unit:
        plant, name = self.plant, device.id
        image = register_image(
            self._profiles.load(device.profile),
            nameplate(device),
            lambda: plant.values(name),
            lambda: plant.version,
        )
        return Unit(image, nameplate(device), lambda: plant.answers(name))


def with_addresses(site: Site, bound: Mapping[str, str]) -> Site:
    """The same site with its devices at the addresses that `start` gave."""
    devices = (
        replace(device, address=bound.get(device.id, device.address)) for device in site.devices
    )
    return replace(site, devices=tuple(devices))


def _places(site: Site) -> list[_Place]:
    """Devices by socket: all units of one Modbus address share it."""
    found: dict[tuple[str, str, int], list[tuple[Device, Address]]] = {}
    for device in site.devices:
        address = parse_address(device.address)
        found.setdefault((address.scheme, address.host, address.port), []).append((device, address))
    return [_Place(*key, tuple(devices)) for key, devices in found.items()]


def _check_playable(site: Site, profiles: Library) -> None:
    problems = []
    for number, device in enumerate(site.devices):
        if device.profile in profiles.names():
            continue
        message = (
            f"'{device.id}' has {_unplayable(device.profile)}: the simulator plays a device by its "
            "profile, add one (`kasbah profiles` lists them)"
        )
        problems.append(Problem(site.path or site.id, 0, f"devices[{number}].profile", message))
    if problems:
        raise ConfigError(problems)


def _unplayable(profile: str) -> str:
    return f"the profile '{profile}', which the library does not hold" if profile else "no profile"


def _check_loopback(site: Site) -> None:
    problems = []
    for number, device in enumerate(site.devices):
        address = parse_address(device.address)
        if address.scheme == "modbus+rtu" or not _is_loopback(address.host):
            message = (
                f"'{device.id}' is at {device.address}: devices are played on this machine only: "
                "at addresses such as 127.20.1.1 with a port above 1023"
            )
            problems.append(Problem(site.path or site.id, 0, f"devices[{number}].address", message))
    if problems:
        raise ConfigError(problems)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _cannot_bind(place: _Place, error: OSError) -> KasbahError:
    names = ", ".join(device.id for device, _ in place.devices[:3])
    return cannot_open(f"{place.host}:{place.port} ({place.scheme}, {names})", error)
