"""The tick: from the point table to the Snapshot, once a second.

Owns the table and everything computed from it; publishes by swapping one reference. Knows no clock
(each call is handed its `now`, UTC seconds), no device protocol and nobody who reads the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from core.alarms import active
from core.contracts import Case, Demand
from core.cooling.groups import unknown_cooling
from core.events import EventLog
from core.judgement import RANK
from core.kpi import Kpis
from core.ledger import Kept
from core.levels import Levels, MonthLevels
from core.maintenance import Maintenance
from core.meter import UNRATED_W_MAX
from core.points import Point, PointName
from core.readings import Batch, Rows
from core.redundancy.groups import unknown_group
from core.redundancy.report import RedundancyModel
from core.redundancy.words import names
from core.site import Site, Window
from core.snapshot import (
    DeviceStatus,
    Event,
    MaintenanceStatus,
    Nameplate,
    PointView,
    RedundancyReport,
    Snapshot,
    WhatIf,
)
from core.statement import Statements
from core.table import PointTable
from core.vocabulary import Severity

EVENTS_IN_SNAPSHOT = 200
"""How many of the newest events a snapshot carries."""


class Engine:
    """Takes readings, computes on each tick, answers what-if questions about the plant as it is."""

    def __init__(self, site: Site, now: float) -> None:
        self._site = site
        self._table = PointTable()
        self._set_kpis(_kpis(site))
        self._redundancy = RedundancyModel(site)
        self._events = EventLog()
        self._devices: dict[str, DeviceStatus] = {
            device.id: _untried(device.id, device.profile)
            for device in site.devices
            if device.lifecycle != "retired"
        }
        self._reported: dict[str, Callable[[], DeviceStatus]] = {}
        self._moved: dict[str, tuple[float, float]] = {}
        """Last successes before a step of the clock, as they are reported and as they are now."""
        self._levels = Levels(site.timezone)
        self._maintenance = Maintenance(site.maintenance, site.timezone)
        self._nothing = _nothing_known(site)
        self._measured: RedundancyReport | None = None
        """The last verdict before announced maintenance was told of it."""
        self._snapshot = self._first(now)

    @property
    def snapshot(self) -> Snapshot:
        """What stands now."""
        return self._snapshot

    def register(self, device: str, names: Sequence[PointName]) -> Rows:
        """Rows for the points of a device, in the order given."""
        return self._table.register([Point(device, name) for name in names])

    def expect(self, rows: Rows, interval_s: float) -> None:
        """These rows are polled every so many seconds."""
        self._table.expect(rows, interval_s)

    def accept(self, batch: Batch) -> None:
        """Take some answers."""
        self._table.update(batch)

    def report(self, device: str, status: Callable[[], DeviceStatus]) -> None:
        """Ask how the polling of a device goes when the next tick comes."""
        self._reported[device] = status

    def state(self) -> Kept:
        """What `restore` takes. Tell it to be `saved` when it is safe."""
        kept = self._kpis.state()
        return replace(
            kept,
            state={
                "kpis": kept.state,
                "levels": self._levels.state(),
                "maintenance": self._maintenance.state(),
                "demands": self._redundancy.state(),
                "events": self._events.state(),
            },
        )

    def saved(self, kept: Kept) -> None:
        """What `state` gave is safe, and need not be given again."""
        self._kpis.meters.ledger.saved(kept.revision)

    def restore(self, kept: Kept, now: float) -> None:
        """Go on from an earlier `state`, before the first tick. Raises ValueError for what is none;
        then the meters count from now, and only the months go on."""
        kpis = _kpis(self._site)
        try:
            kpis.restore(replace(kept, state=kept.state["kpis"]), now)
            self._levels.restore(kept.state.get("levels", {}))
            self._maintenance.restore(kept.state.get("maintenance", {}))
            self._redundancy.restore(kept.state.get("demands", {}))
            self._events.restore(kept.state.get("events", {}))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            kpis = _kpis(self._site)
            kpis.meters.load(kept)
            self._set_kpis(kpis)
            raise ValueError(f"the state of an earlier run cannot be read: {error!r}") from error
        self._set_kpis(kpis)

    @property
    def log(self) -> EventLog:
        """The sequence of what happened, to be kept and taken up again."""
        return self._events

    @property
    def statements(self) -> Statements:
        """What figures stand on, of the energies that are at hand."""
        return self._statements

    def statements_of(self, kept: Kept) -> Statements:
        """The same of older energies that were kept. For any thread."""
        kpis = _kpis(self._site)
        kpis.meters.load(kept)
        kpis.meters.set_clock(self._snapshot.time)
        return Statements(kpis, self._site.timezone)

    def stepped(self, by_s: float, now: float) -> None:
        """The wall clock was set by so many seconds (forward: positive) and says `now` since (UTC
        seconds). All times that are held move along, so that nothing becomes older or younger: what
        was read 5 s ago was read 5 s ago by the new clock, too. What goes by the calendar goes by
        the new clock."""
        self._hear()
        self._table.stepped(by_s)
        for name, status in self._devices.items():
            if status.last_success is not None:
                told, _ = self._moved.get(name, (status.last_success, None))
                self._moved[name] = told, status.last_success + by_s
                self._devices[name] = replace(status, last_success=status.last_success + by_s)
        self._kpis.meters.stepped(by_s)
        self._redundancy.stepped(by_s)
        self._maintenance.stepped(by_s)
        stands = self._snapshot
        self._snapshot = replace(
            stands,
            time=stands.time + by_s,
            devices=dict(self._devices),
            alarms=tuple(replace(alarm, since=alarm.since + by_s) for alarm in stands.alarms),
        )
        self._events.stepped(by_s, now)

    def _hear(self) -> None:
        """Take what was reported of devices. A success before a step of the clock is reported by
        the old clock until the next one."""
        for device, status in self._reported.items():
            told = status()
            before, moved = self._moved.get(device, (None, None))
            if before is not None and told.last_success == before:
                told = replace(told, last_success=moved)
            else:
                self._moved.pop(device, None)
            self._devices[device] = told
        self._reported.clear()

    def tick(self, now: float) -> Snapshot:
        """Compute everything as of `now` and publish it."""
        before = self._snapshot
        view = self._table.view(now)
        self._hear()
        devices = dict(self._devices)
        self._kpis.update(view, now)
        kpis = self._kpis.report(now)
        ready = before.ready or all(status.tried for status in devices.values())
        # A plant of which half was never asked is unknown: neither a verdict nor an alarm.
        redundancy, maintenance = self._nothing, self._maintenance.unjudged(now)
        if ready:
            redundancy, maintenance = self._judged(view, devices, now)
        supply, why = self._redundancy.supply(view, devices, now) if ready else ("unknown", ())
        alarms = active(
            view,
            devices,
            redundancy,
            kpis,
            site=self._site,
            supply=(supply, why),
            now=now,
            previous=before.alarms,
            maintenance=maintenance,
        )
        snapshot = Snapshot(
            version=before.version + 1,
            time=now,
            supply=supply,
            supply_reasons=why,
            points=view,
            devices=devices,
            kpis=kpis,
            redundancy=redundancy,
            alarms=alarms,
            maintenance=maintenance,
            ready=ready,
        )
        self._levels.update(snapshot)
        snapshot = replace(snapshot, levels=self._levels.totals())
        self._events.update(before, snapshot, self._kpis.meters.turns())
        revised = self._statements.revised()
        if revised:
            self._events.note("revised", revised, now, Severity.WARNING)
        self._snapshot = replace(snapshot, events=self._events.newest(EVENTS_IN_SNAPSHOT))
        return self._snapshot

    def _judged(
        self, view: PointView, devices: Mapping[str, DeviceStatus], now: float
    ) -> tuple[RedundancyReport, tuple[MaintenanceStatus, ...]]:
        """The verdict, with what of it is announced maintenance."""
        model = self._redundancy
        report = self._measured = model.evaluate(view, devices, now)
        if not self._maintenance:
            return report, ()
        return self._maintenance.told(report, now, away=model.away, devices=model.devices)

    def ask_maintenance(self) -> bool:
        """Ask what announced maintenance does to the plant as it stands, where that is due. Whether
        anything was asked. As slow as a few what-ifs: for a thread of its own, one at a time."""
        stands, report = self._snapshot, self._measured
        if report is None or not self._maintenance:
            return False

        def effect(
            out: Sequence[str], back: Sequence[str], healthy: Sequence[str], demand: Demand
        ) -> WhatIf:
            return self._redundancy.effect(
                stands.points,
                stands.devices,
                stands.time,
                out=out,
                back=back,
                healthy=healthy,
                demand=demand,
            )

        return self._maintenance.ask(report, stands.time, away=self._redundancy.away, effect=effect)

    def announce(self, window: Window, now: float) -> str:
        """Take up maintenance and say its id. Raises KeyError naming an unknown id, WindowError in
        a sentence. For any thread."""
        self._redundancy.known(window.nodes)
        return self._maintenance.announce(window, now).id

    def cancel(self, name: str, now: float) -> None:
        """End maintenance. Raises KeyError for none of this id, WindowError in a sentence."""
        self._maintenance.cancel(name, now)

    def levels(self, month: str | None) -> MonthLevels:
        """How long each part stood at each level in a month, `2026-11`; the present one if None.
        Raises ValueError for a name that is none."""
        now = self._snapshot.time
        return self._levels.month(month or self._levels.month_at(now), now)

    def events(self, since_seq: int, limit: int) -> Sequence[Event]:
        """Events with a larger `seq`, oldest first, at most `limit`."""
        return self._events.since(since_seq, limit)

    def what_if(
        self, out: Sequence[str], back: Sequence[str], case: Case, demand: Demand
    ) -> WhatIf:
        """The plant with `out` taken out and `back` put back in. Raises KeyError naming an unknown
        id."""
        stands, model = self._snapshot, self._redundancy

        def ask(out: Sequence[str]) -> WhatIf:
            return model.what_if(
                stands.points,
                stands.devices,
                stands.time,
                out=out,
                back=back,
                case=case,
                demand=demand,
            )

        answer = ask(out)
        unseen = [
            name
            for name in self._maintenance.unseen(stands.time, model.away)
            if name not in (*out, *back)
        ]
        if not unseen:
            return answer
        # Nobody tells whether what is announced to be out is: the worse of both counts.
        without = ask([*out, *unseen])
        if RANK[without.verdict] <= RANK[answer.verdict]:
            return answer
        words = f"{names(unseen)} taken as out, as announced: no device tells"
        return replace(without, reasons=(words, *without.reasons))

    def _set_kpis(self, kpis: Kpis) -> None:
        self._kpis = kpis
        self._statements = Statements(kpis, self._site.timezone)

    def _first(self, now: float) -> Snapshot:
        view = self._table.view(now)
        devices = dict(self._devices)
        return Snapshot(
            version=0,
            time=now,
            supply="unknown",
            points=view,
            devices=devices,
            kpis=self._kpis.report(now),
            redundancy=self._nothing,
            alarms=(),
            ready=False,
        )


def _kpis(site: Site) -> Kpis:
    return Kpis(
        site.energy,
        ratings_w=_ratings_w(site),
        registers=dict(site.registers),
        site_w=site.supply_w or UNRATED_W_MAX,
    )


def _nothing_known(site: Site) -> RedundancyReport:
    """The verdict before the first round of polls is through."""
    why = ("not every device was tried yet",)
    return RedundancyReport(
        status=-1,
        headline=f"unknown: {why[0]}",
        reasons=why,
        groups=(
            *(unknown_group(group, why) for group in site.groups),
            *(unknown_cooling(group, why) for group in site.cooling.groups),
        ),
        loads=(),
        single_failures=(),
        cases={},
    )


def _ratings_w(site: Site) -> dict[str, float]:
    """Rating of each device that states one, in W."""
    return {device.id: device.rating_kw * 1000 for device in site.devices if device.rating_kw}


def _untried(device: str, profile: str) -> DeviceStatus:
    return DeviceStatus(
        id=device,
        up=False,
        tried=False,
        profile=profile,
        nameplate=Nameplate(),
        last_success=None,
        last_error="not tried yet",
        poll_duration_s=None,
        polls=0,
        failures=0,
        skipped=0,
        points=0,
    )
