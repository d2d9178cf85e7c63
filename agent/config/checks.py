"""What must hold between the parts of a site file. Each check gives all its problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.config import credentials, energy, meters
from agent.config.cooling import cooling_problems
from agent.config.nodes import node_of
from agent.config.plant import maintenance_problems, plant_problems
from agent.config.schema import SiteFile
from agent.config.source import SECTIONS, Document, KeyPath
from agent.secretfile import first_line
from collectors.address import parse_address
from collectors.profile import Library
from core.errors import ConfigError, Problem
from core.points import PointName, parse_point
from core.redundancy.graph import problems as graph_problems
from core.site import Group
from core.vocabulary import CLASSES
from core.words import nearest

Found = Iterator[tuple[KeyPath, str]]


def problems(parsed: SiteFile, document: Document, profiles: Library) -> list[Problem]:
    """Everything that is wrong between the parts of a file whose keys have the right shape."""
    found: list[tuple[KeyPath, str]] = []
    for check in (_site, _places, _credentials, _influx):
        found += check(parsed, document)
    found += _devices(parsed, document, profiles)
    found += _power(parsed, document, profiles)
    found += plant_problems(parsed, document)
    found += _levels(parsed, document, profiles)
    found += maintenance_problems(parsed, document)
    found += _cooling(parsed, document, profiles)
    dropped = document.dropped.get("devices", set())
    energies = (
        energy.resolve(parsed, profiles)[1] if not found else _energy_quietly(parsed, profiles)
    )
    found += [item for item in energies if not any(f"'{name}'" in item[1] for name in dropped)]
    if not found:
        known = energy.resolve(parsed, profiles)[0]
        for index, key, message in meters.resolve(parsed.meters, known)[1]:
            found.append((document.at("meters", index, *([key] if key else [])), message))
    return [document.problem(path, message) for path, message in found]


def _energy_quietly(parsed: SiteFile, profiles: Library) -> list[tuple[KeyPath, str]]:
    """The energy part beside other mistakes: a wrong profile is not reported a second time."""
    try:
        return [item for item in energy.resolve(parsed, profiles)[1] if "profile" not in item[1]]
    except ConfigError:
        return []


def _influx(parsed: SiteFile, document: Document) -> Found:
    keys = parsed.history.influx
    path: KeyPath = ("history", "influx")
    if keys is None:
        return
    if not keys.url.startswith(("http://", "https://")):
        yield (*path, "url"), f"'{keys.url}' is no address: write http://HOST:8086"
    if (keys.token_file is None) == (keys.token_env is None):
        yield path, "needs one of token_file and token_env"
    elif keys.token_file is not None:
        try:
            first_line(document.path.parent / keys.token_file)
        except ConfigError as error:
            yield (*path, "token_file"), str(error)


def _doubles(ids: Iterable[str]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield index, name
        seen.add(name)


def _site(parsed: SiteFile, _document: Document) -> Found:
    try:
        ZoneInfo(parsed.site.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield (
            ("site", "timezone"),
            f"'{parsed.site.timezone}' is no time zone: use an IANA name such as Africa/Casablanca",
        )


def _places(parsed: SiteFile, document: Document) -> Found:
    ids = {place.id for place in parsed.places} | document.dropped.get("places", set())
    for index, name in _doubles(place.id for place in parsed.places):
        yield document.at("places", index, "id"), f"there are two places '{name}'"
    parents = {place.id: place.parent for place in parsed.places}
    for index, place in enumerate(parsed.places):
        if place.parent and place.parent not in ids:
            yield (
                document.at("places", index, "parent"),
                f"there is no place '{place.parent}'{nearest(place.parent, ids)}",
            )
        elif _loops(place.id, parents):
            yield document.at("places", index, "parent"), f"'{place.id}' lies within itself"


def _loops(start: str, parents: dict[str, str | None]) -> bool:
    here, steps = parents.get(start), 0
    while here and steps <= len(parents):
        if here == start:
            return True
        here, steps = parents.get(here), steps + 1
    return False


def _credentials(parsed: SiteFile, document: Document) -> Found:
    for name, keys in parsed.credentials.items():
        path: KeyPath = ("credentials", name)
        for key, message in credentials.problems(keys, document.path.parent):
            yield (*path, key) if key else path, message
    known = parsed.credentials.keys() | document.dropped.get("credentials", set())
    if parsed.defaults.credentials and parsed.defaults.credentials not in known:
        yield (
            ("defaults", "credentials"),
            f"there are no credentials '{parsed.defaults.credentials}'"
            f"{nearest(parsed.defaults.credentials, parsed.credentials)}",
        )


def _devices(parsed: SiteFile, document: Document, profiles: Library) -> Found:
    places = {place.id for place in parsed.places} | document.dropped.get("places", set())
    names = set(profiles.names())
    for index, name in _doubles(device.id for device in parsed.devices):
        yield document.at("devices", index, "id"), f"there are two devices '{name}'"
    logins = parsed.credentials.keys() | document.dropped.get("credentials", set())
    addresses: dict[tuple[str, str], str] = {}
    for index, device in enumerate(parsed.devices):
        try:
            address = parse_address(device.address)
        except ValueError as error:
            yield document.at("devices", index, "address"), str(error)
        else:
            # A proxy speaks for many devices at one address, told apart by their communities.
            login = device.credentials or parsed.defaults.credentials
            other = addresses.setdefault((str(address), login), device.id)
            if other != device.id:
                yield (
                    document.at("devices", index, "address"),
                    f"'{device.id}' has the address of '{other}': one device is polled once",
                )
        if device.profile and device.profile not in names:
            yield (
                document.at("devices", index, "profile"),
                f"there is no profile '{device.profile}'{nearest(device.profile, names)} "
                "(`kasbah profiles` lists them)",
            )
        elif device.profile:
            yield from _fits(
                device.profile, device.address, document.at("devices", index, "profile"), profiles
            )
        if device.class_ and device.class_ not in CLASSES:
            yield (
                document.at("devices", index, "class"),
                f"there is no class '{device.class_}'{nearest(device.class_, CLASSES)}",
            )
        if device.place and device.place not in places:
            yield (
                document.at("devices", index, "place"),
                f"there is no place '{device.place}'{nearest(device.place, places)}",
            )
        if device.credentials and device.credentials not in logins:
            yield (
                document.at("devices", index, "credentials"),
                f"there are no credentials '{device.credentials}'"
                f"{nearest(device.credentials, parsed.credentials)}",
            )


def _fits(profile: str, address: str, path: KeyPath, profiles: Library) -> Found:
    """A profile speaks SNMP or Modbus; the address must too."""
    protocol = profiles.load(profile).protocol
    scheme = "snmp" if protocol == "snmp" else "modbus"
    other = "modbus" if scheme == "snmp" else "snmp"
    if address.startswith(other):
        yield path, f"profile '{profile}' speaks {scheme}, but the address is '{address}'"


def _power(parsed: SiteFile, document: Document, profiles: Library) -> Found:
    index_of = {node.id: i for i, node in enumerate(parsed.power)}
    group_of = {group.id: i for i, group in enumerate(parsed.groups)}
    nodes = [node_of(node) for node in parsed.power]
    groups = [Group(g.id, g.scheme, tuple(g.members), g.design) for g in parsed.groups]
    dropped = document.dropped.get("power", set())
    for name, message in graph_problems(nodes, groups):
        if any(f"'{wrong}'" in message for wrong in dropped):
            continue  # said already, at the entry itself
        if name in index_of:
            yield document.at("power", index_of[name]), message
        elif name in group_of:
            yield document.at("groups", group_of[name]), message
        else:
            yield ("power",), message
    devices = dict.fromkeys(document.dropped.get("devices", ()), "")
    devices |= {device.id: device.profile for device in parsed.devices}
    measured: dict[str, str] = {}
    for index, node in enumerate(parsed.power):
        if node.device and node.device not in devices:
            yield (
                document.at("power", index, "device"),
                f"there is no device '{node.device}'{nearest(node.device, devices)}",
            )
        for text in [node.demand] if isinstance(node.demand, str) else node.demand:
            messages = list(_point(text, devices, profiles)) or list(_no_demand(text, measured))
            measured.setdefault(text, node.id)
            for message in messages:
                yield document.at("power", index, "demand"), message


def _levels(parsed: SiteFile, document: Document, profiles: Library) -> Found:
    """Points of tanks that nothing tells."""
    devices = dict.fromkeys(document.dropped.get("devices", ()), "")
    devices |= {device.id: device.profile for device in parsed.devices}
    for index, tank in enumerate(parsed.fuel.tanks if parsed.fuel else ()):
        for message in _point(tank.level, devices, profiles):
            yield ("fuel", "tanks", index, "level"), message


def _no_demand(text: str, measured: dict[str, str]) -> Iterator[str]:
    """Why a point that exists is not what a load takes; `measured` are those of other loads."""
    name = parse_point(text).name
    if name.quantity != "active_power":
        unit = f"{name.definition.unit}" if name.definition is not None else ""
        what = name.quantity.replace("_", " ") + (f" in {unit}" if unit else "")
        yield f"'{text}' is {what}, no power: name a point such as input.active_power"
    elif text in measured:
        yield f"'{text}' is the demand of '{measured[text]}' already: it would be counted twice"


_NAMED_BY = {"groups": "is in no group", "zones": "cools nothing"}
"""What is said of an entry that nothing names, by the list that should name it."""


def _cooling(parsed: SiteFile, document: Document, profiles: Library) -> Found:
    """Nodes, devices and points that the cooling names; what was said at the entry itself is not
    said again."""
    nodes = [node_of(node) for node in parsed.power]
    groups = [Group(g.id, g.scheme, tuple(g.members), g.design) for g in parsed.groups]
    tables = ("power", "groups", *(f"cooling.{name}" for name in SECTIONS["cooling"]))
    dropped = set().union(*(document.dropped.get(table, set()) for table in tables))
    lonely = [
        words for table, words in _NAMED_BY.items() if document.dropped.get(f"cooling.{table}")
    ]
    for (name, index, key), message in cooling_problems(parsed.cooling, nodes, groups):
        said = any(f"'{wrong}'" in message for wrong in dropped)
        if not said and not any(words in message for words in lonely):
            yield document.at(f"cooling.{name}", index, key), message
    devices = dict.fromkeys(document.dropped.get("devices", ()), "")
    devices |= {device.id: device.profile for device in parsed.devices}
    for index, unit in enumerate(parsed.cooling.units):
        if unit.device and unit.device not in devices:
            yield (
                document.at("cooling.units", index, "device"),
                f"there is no device '{unit.device}'{nearest(unit.device, devices)}",
            )
    for index, zone in enumerate(parsed.cooling.zones):
        for key, texts in (("heat", zone.heat), ("inlet", zone.inlet)):
            for text in texts:
                for message in _point(text, devices, profiles, instances=key == "inlet"):
                    yield document.at("cooling.zones", index, key), message


def _point(
    text: str, devices: dict[str, str], profiles: Library, *, instances: bool = False
) -> Iterator[str]:
    """What is wrong with a point; with `instances` its name may stand for all of them."""
    try:
        point = parse_point(text)
    except ValueError as error:
        yield str(error)
        return
    if point.device not in devices:
        yield f"'{text}': there is no device '{point.device}'{nearest(point.device, devices)}"
    elif (profile := devices[point.device]) in profiles.names():
        together = profiles.together(profile)
        if not any(each.may_have(point.name) for each in together):
            line = PointName(point.name.part, point.name.quantity, "l1")
            parts = any(each.may_have(line) for each in together)
            if instances and parts:
                return
            hint = f", only one for each line, such as '{text}.l1'" if parts else ""
            yield f"'{text}': profile '{profile}' has no point '{point.name}'{hint}"
