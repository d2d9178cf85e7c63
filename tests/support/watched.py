"""A small plant in an engine, told by hand: states go in, snapshots come out, the clock is turned.

Three UPSs of 500 kW for 700 kW behind a switch, a generator nobody tells of, a CRAH and its hall.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.engine import Engine
from core.points import parse_name
from core.quality import Quality
from core.readings import Batch
from core.site import Device, Group, Node, Rating, Site, Window
from core.snapshot import DeviceStatus, Nameplate, Snapshot
from core.vocabulary import Severity

START = 1_800_000_000.0
HOUR = 3600.0
UPSS = ("ups-1", "ups-2", "ups-3")
MODE, BREAKER = parse_name("mode"), parse_name("breaker.position")

POWER = (
    Node("utility", "utility", capacity_kw=3000),
    Node("gen", "genset", capacity_kw=2000, rating=Rating("DCP")),
    Node("spare-gen", "genset", capacity_kw=2000, rating=Rating("DCP")),
    Node("gen-bus", "bus", ("gen", "spare-gen")),
    Node("ats", "ats", ("utility", "gen-bus"), capacity_kw=3000),
    *(Node(name, "ups", ("ats",), capacity_kw=500, device=name) for name in UPSS),
    Node("board", "bus", UPSS),
    Node("row", "load", ("board",), demand_kw=700),
)
GROUPS = (Group("modules", "N+R", UPSS), Group("gensets", "N+R", ("gen", "spare-gen")))


def window(name: str, start: float, end: float, *nodes: str, **beside: object) -> Window:
    """Maintenance of these nodes, from and to so many hours after the start."""
    return Window(name, START + start * HOUR, START + end * HOUR, nodes, **beside)


class Watched:
    """The plant and who looks at it."""

    def __init__(self, *fixed: Window, demand_kw: float = 700, **site: object) -> None:
        power = tuple(replace(n, demand_kw=demand_kw) if n.id == "row" else n for n in POWER)
        devices = tuple(Device(name, "ups", "", "") for name in UPSS)
        made = Site("s", "S", "Africa/Casablanca", devices, power, GROUPS, maintenance=fixed)
        self.site = replace(made, **site)
        self.now = START
        self.modes = dict.fromkeys(UPSS, "online")
        self.silent: set[str] = set()
        self.missed: set[str] = set()
        """Whose last poll failed, but not the one before."""
        self.engine = self.made()

    def made(self) -> Engine:
        """An engine that knows nothing yet."""
        engine = Engine(self.site, self.now)
        self.rows = {name: engine.register(name, [MODE]) for name in UPSS}
        return engine

    def restart(self) -> None:
        """What was kept goes into another engine."""
        kept = self.engine.state()
        self.engine = self.made()
        self.engine.restore(kept, self.now)

    @property
    def snapshot(self) -> Snapshot:
        return self.engine.snapshot

    def status(self, name: str):
        """One maintenance as it stands."""
        return next(s for s in self.snapshot.maintenance if s.window.id == name)

    def alarm(self, name: str):
        """One alarm, None where it does not stand."""
        return next((a for a in self.snapshot.alarms if a.id == name), None)

    def at(self, hour: float, **modes: str) -> Snapshot:
        """The plant so many hours after the start, in these modes from now on."""
        self.modes |= {name.replace("_", "-"): mode for name, mode in modes.items()}
        self.now = START + hour * HOUR
        for back_s in (2.0, 1.0, 0.0):  # what is new is not believed at the first look
            self._tell(self.now - back_s)
        return self.snapshot

    def _tell(self, now: float) -> None:
        states = MODE.axis.states
        for name in UPSS:
            up = name not in self.silent | self.missed
            if up:
                code = np.array([float(states.index(self.modes[name]))])
                good = np.full(1, Quality.GOOD, dtype=np.uint8)
                bad = self.modes[name] != "online"
                severity = np.full(1, Severity.CRITICAL if bad else Severity.OK, dtype=np.uint8)
                self.engine.expect(self.rows[name], 5.0)
                self.engine.accept(Batch.of(now, self.rows[name], code, good, severity))
            last = now if up else now - (600 if name in self.silent else 6)
            told = DeviceStatus(
                name, up, True, "", Nameplate(), last, "" if up else "no answer", 0.01, 9, 0, 0, 1
            )
            self.engine.report(name, lambda told=told: told)
        self.engine.tick(now)
        if self.engine.ask_maintenance():
            self.engine.tick(now)
