"""The `meters:` part resolved: what must be known of a counter that it does not tell itself."""

from __future__ import annotations

from collections.abc import Iterable

from agent.config.schema import MeterKeys
from core.counters import Register
from core.kpi import Kpis
from core.metering import Energy
from core.words import nearest

Wrong = tuple[int, str, str]
"""Number of the entry, its key or empty for all of it, and what is wrong."""


def resolve(
    entries: Iterable[MeterKeys], energy: Energy
) -> tuple[dict[str, Register], list[Wrong]]:
    """The register of each counter of `energy` that an entry speaks of, and what is wrong.

    An entry names a counter by its point, or a device and thereby all its counters; what is said of
    a point counts more.
    """
    known = Kpis(energy).meters.names
    found: dict[str, Register] = {}
    wrong: list[Wrong] = []
    seen: set[str] = set()
    for i, entry in sorted(enumerate(entries), key=lambda pair: "/" in pair[1].meter):
        meant = [name for name in known if entry.meter in {name, name.partition("/")[0]}]
        if entry.meter in seen:
            wrong.append((i, "meter", f"there are two entries for '{entry.meter}'"))
        elif not meant:
            names = {name for each in known for name in (each, each.partition("/")[0])}
            message = f"'{entry.meter}' is no meter of `energy`{nearest(entry.meter, names)}"
            wrong.append((i, "meter", message))
        elif entry.wraps_at_kwh is None and entry.rating_kw is None:
            wrong.append((i, "", "says nothing: add wraps_at_kwh or rating_kw"))
        seen.add(entry.meter)
        register = Register(_watts(entry.wraps_at_kwh), _watts(entry.rating_kw))
        found |= {name: register.over(found.get(name, Register())) for name in meant}
    return found, wrong


def _watts(kilo: float | None) -> float | None:
    return None if kilo is None else kilo * 1000
