"""What the plant is worth, from the site file's keys: the start, the fuel, what is out by plan, and
what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.config.plant_keys import FuelKeys, TankKeys
from agent.config.schema import SiteFile
from agent.config.source import Document, KeyPath
from core.maintenance import WindowError, check
from core.points import parse_point
from core.site import Fuel, Start, Tank, Window
from core.words import nearest

_LEVELS = ("level", "volume")


def start_of(parsed: SiteFile) -> Start:
    """The worst start that these keys describe."""
    return Start(**parsed.start.model_dump())


def fuel_of(keys: FuelKeys | None) -> Fuel:
    """The fuel that these keys describe."""
    if keys is None:
        return Fuel()
    tanks = tuple(
        Tank(tank.id, tank.litres, tuple(tank.gensets), tank.level, tank.usable)
        for tank in keys.tanks
    )
    return Fuel(tanks, keys.l_per_kwh, keys.required_h, keys.design)


def windows_of(parsed: SiteFile) -> tuple[Window, ...]:
    """Announced maintenance; a time without an offset is in the site's time zone, or in UTC where
    that is none, which is said elsewhere."""
    try:
        zone = ZoneInfo(parsed.site.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    return tuple(
        Window(
            each.id,
            _seconds(each.start, zone),
            _seconds(each.end, zone),
            tuple(dict.fromkeys(each.nodes)),
            each.reason,
            "the site file",
            fixed=True,
        )
        for each in parsed.maintenance
    )


def _seconds(moment: datetime, zone: ZoneInfo) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def maintenance_problems(parsed: SiteFile, document: Document) -> Iterator[tuple[KeyPath, str]]:
    """Windows that cannot be, and what is nowhere in the site."""
    names = [node.id for node in parsed.power] + [device.id for device in parsed.devices]
    names += [unit.id for unit in parsed.cooling.units]
    dropped = {name for table in document.dropped.values() for name in table}
    ids: set[str] = set()
    for index, (keys, window) in enumerate(
        zip(parsed.maintenance, windows_of(parsed), strict=True)
    ):
        path: KeyPath = document.at("maintenance", index)
        if keys.id in ids:
            yield (*path, "id"), f"there are two entries '{keys.id}'"
        ids.add(keys.id)
        try:
            check(window, window.start)
        except WindowError as error:
            key, _, words = str(error).partition(": ")
            yield (*path, key), words
        for name in keys.nodes:
            if name not in names and name not in dropped:
                words = f"there is no node, cooling unit or device '{name}'"
                yield (*path, "nodes"), f"{words}{nearest(name, names)}"


def plant_problems(parsed: SiteFile, document: Document) -> Iterator[tuple[KeyPath, str]]:
    """Ratings that are none of a generator, a start that takes no time, tanks that feed none.
    Points of levels are the business of `checks`, which knows the profiles."""
    kinds: dict[str, str] = {node.id: node.kind for node in parsed.power}
    for index, node in enumerate(parsed.power):
        if node.rating is not None and node.kind != "genset":
            yield (
                document.at("power", index, "rating"),
                f"'{node.id}' is a {node.kind}: only a genset has a rating by ISO 8528-1",
            )
    if start_of(parsed).total_s <= 0:
        yield ("start",), "generators that start in no time: state at least how long they crank"
    if parsed.fuel is None:
        return
    dropped = document.dropped.get("power", set())
    fed: set[str] = set()
    ids: set[str] = set()
    levels: dict[str, str] = {}
    for index, tank in enumerate(parsed.fuel.tanks):
        path: KeyPath = ("fuel", "tanks", index)
        if tank.id in ids:
            yield (*path, "id"), f"there are two tanks '{tank.id}'"
        ids.add(tank.id)
        for name in tank.gensets:
            fed.add(name)
            message = _burner(name, kinds) if name not in dropped else ""
            if message:
                yield (*path, "gensets"), message
        for message in _level(tank, levels):
            yield (*path, "level"), message
    for name, kind in kinds.items():
        if kind == "genset" and name not in fed:
            yield (
                ("fuel", "tanks"),
                f"'{name}' burns from no tank: name it in the `gensets` of one",
            )


def _burner(name: str, kinds: Mapping[str, str]) -> str:
    """Why a name is no generator of the power graph; empty where it is one."""
    if name not in kinds:
        gensets = [each for each, kind in kinds.items() if kind == "genset"]
        return f"there is no genset '{name}'{nearest(name, gensets)}"
    return "" if kinds[name] == "genset" else f"'{name}' is a {kinds[name]}, no genset"


def _level(tank: TankKeys, levels: dict[str, str]) -> Iterator[str]:
    """Why a point is no level of this tank; `levels` are those of others."""
    try:
        quantity = parse_point(tank.level).name.quantity
    except ValueError:
        return  # said where the point is looked up
    other = levels.setdefault(tank.level, tank.id)
    if quantity not in _LEVELS:
        what = quantity.replace("_", " ")
        yield f"'{tank.level}' is {what}, no level: name a point such as fuel.level or fuel.volume"
    elif other != tank.id:
        yield f"'{tank.level}' is the level of '{other}' already: its fuel would be counted twice"
