"""What changed from one snapshot to the next: verdicts, supply, devices, loads, key figures,
announced maintenance.

Each change lies between the last look that showed the old and the first that shows the new. What is
found at the first look is news only where it is not as it should be; after a restart it is compared
with what the earlier run saw last (`core/stand.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from core.meter_events import COUNTING, LASTING
from core.quality import LEVEL_NAMES, Level
from core.redundancy.words import names
from core.snapshot import DeviceStatus, Event, Kpi, LoadStatus, MaintenanceStatus, Snapshot
from core.stand import Heard, Stand
from core.vocabulary import Severity

SETTLED_S = 60.0
"""The quality of a key figure is news when it has stood for so long; shorter it flickers."""

UPTIME_SLACK_S = 5.0
"""An uptime that steps back by less is no restart."""

UPTIME_WRAPS_S = 2**32 / 100
"""sysUpTime counts hundredths of a second in 32 bits (RFC 3418): it wraps after 497 days ..."""

UPTIME_WRAPPED_WITHIN_S = 86_400.0
"""... and has wrapped where that makes no more than so much since the last look; a choice."""

CAUSES_MAX = 5
"""So many reasons are named."""

_SUPPLY_SEVERITY = {
    "mains": Severity.OK,
    "generator": Severity.WARNING,
    "mixed": Severity.WARNING,
    "battery": Severity.CRITICAL,
    "none": Severity.CRITICAL,
    "unknown": Severity.UNKNOWN,
}
_STATUS_WORDS = {-1: "unknown", 0: "lost or overloaded", 1: "at N", 2: "degraded", 3: "full"}
_STATUS_SEVERITY = {
    -1: Severity.UNKNOWN,
    0: Severity.CRITICAL,
    1: Severity.CRITICAL,
    2: Severity.WARNING,
    3: Severity.OK,
}
_LOAD_SEVERITY = {
    "redundant": Severity.OK,
    "at_n": Severity.WARNING,
    "unprotected": Severity.CRITICAL,
    "lost": Severity.CRITICAL,
    "unknown": Severity.UNKNOWN,
}


class Changes:
    """Compares each snapshot with what was seen before."""

    def __init__(self) -> None:
        self.stand = Stand()
        self._unsettled: dict[str, tuple[Level | None, float, float]] = {}
        """New level of a key figure, since when it stands, and when the old one was seen last."""

    def update(self, before: Snapshot, after: Snapshot) -> Iterator[Event]:
        """What changed."""
        yield from self._devices(before, after)
        if after.ready:
            span = (min(self._last(before), after.time), after.time)
            yield from self._supply(after, span)
            if before.redundancy is not after.redundancy or not before.ready:
                yield from self._parts(after, span)
                yield from self._loads(after, span)
            yield from self._maintenance(before, after, span)
            if before.kpis is not after.kpis or not before.ready:
                yield from self._figures(after, span)
            self.stand.seen = after.time
        self.stand.alive = after.time

    def meters(self, turns: Iterable[Event]) -> Iterator[Event]:
        """What happened to counters, without what was told before: after a restart a meter finds
        again what it had found."""
        stand = self.stand.meters
        for turn in turns:
            was = stand.get(turn.point, COUNTING)
            if turn.after == was:
                continue
            if turn.after in LASTING:
                stand[turn.point] = turn.after
            else:
                stand.pop(turn.point, None)
            yield replace(turn, before=was)

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds: what is not settled is no older for that."""
        self._unsettled = {
            key: (level, since + by_s, earliest + by_s)
            for key, (level, since, earliest) in self._unsettled.items()
        }

    def _last(self, before: Snapshot) -> float:
        """When was looked last, in an earlier run where this one has not seen everything yet."""
        if before.ready or self.stand.seen is None:
            return before.time
        return self.stand.seen

    def _devices(self, before: Snapshot, after: Snapshot) -> Iterator[Event]:
        """Devices that fell silent or came back, or are others than they were."""
        stand = self.stand.devices
        for name, status in after.devices.items():
            last = before.devices.get(name)
            if last is status or not status.tried:
                continue
            was = stand.get(name)
            stand[name] = now = _heard(status, was)
            seen = before.time if last is not None and last.tried else self._last(before)
            if was is None or was.up != now.up:
                if was is None and now.up:
                    continue  # answering at the first try is no news
                last_success = None if last is None else last.last_success
                gone = seen if status.up else last_success or seen
                yield _answers(status, was, (min(gone, after.time), after.time))
            if was is not None:
                span = (min(seen, after.time), after.time)
                yield from _another(name, was, now, span)
                yield from _restarted(name, was, now, span)

    def _supply(self, after: Snapshot, span: tuple[float, float]) -> Iterator[Event]:
        """The site's mode of supply."""
        was, self.stand.supply = self.stand.supply, after.supply
        severity = _SUPPLY_SEVERITY[after.supply]
        if was == after.supply or (not was and severity is Severity.OK):
            return
        moved = f"{was} → {after.supply}" if was else after.supply
        yield event(
            "supply",
            after.supply,
            f"supply: {moved}",
            severity,
            span,
            before=was,
            cause="; ".join(after.supply_reasons),
        )

    def _parts(self, after: Snapshot, span: tuple[float, float]) -> Iterator[Event]:
        """The site, its redundancy groups, and rooms with their air, whose status changed."""
        old, self.stand.parts = self.stand.parts, {}
        for part, status, reasons in _parts(after):
            was, said = old.get(part, (None, ()))
            self.stand.parts[part] = status, reasons
            severity = _STATUS_SEVERITY[status]
            if was == status or (was is None and severity is Severity.OK):
                continue
            word = _STATUS_WORDS[status]
            moved = word if was is None else f"{_STATUS_WORDS[was]} → {word}"
            why = f" ({'; '.join(reasons)})" if reasons else ""
            yield event(
                "redundancy",
                word,
                f"{part}: {moved}{why}",
                severity,
                span,
                before="" if was is None else _STATUS_WORDS[was],
                point=part,
                cause=_cause(said, reasons),
            )

    def _loads(self, after: Snapshot, span: tuple[float, float]) -> Iterator[Event]:
        """Loads that stand otherwise than before, together where they moved alike."""
        old = self.stand.loads
        self.stand.loads = {load.id: load.state for load in after.redundancy.loads}
        moved: dict[tuple[str, str], list[LoadStatus]] = {}
        for load in after.redundancy.loads:
            if old.get(load.id, load.state) != load.state:
                moved.setdefault((old[load.id], load.state), []).append(load)
        for (old_state, state), loads in moved.items():
            causes = dict.fromkeys(reason for load in loads for reason in load.reasons)
            yield event(
                "redundancy",
                state,
                f"{names([load.id for load in loads])}: {_spoken(old_state)} → {_spoken(state)}",
                _LOAD_SEVERITY[state],
                span,
                before=old_state,
                point=loads[0].id if len(loads) == 1 else "",
                cause="; ".join(list(causes)[:CAUSES_MAX]),
            )

    def _maintenance(
        self, before: Snapshot, after: Snapshot, span: tuple[float, float]
    ) -> Iterator[Event]:
        """Announced maintenance; at the first look after a restart, its course alone."""
        if before.maintenance is after.maintenance and before.ready:
            return
        known = self.stand.maintenance
        self.stand.maintenance = {each.window.id: each.state for each in after.maintenance}
        last = {each.window.id: each for each in before.maintenance} if before.ready else {}
        for status in after.maintenance:
            name = status.window.id
            if name in known or before.ready:
                yield from _course(status, known.get(name, ""), span)
            if name in last:
                yield from _answer_and_nodes(status, last[name], span)

    def _figures(self, after: Snapshot, span: tuple[float, float]) -> Iterator[Event]:
        """Quality of key figures. A figure that only flickers tells nothing: what is new must have
        stood for a while."""
        told = self.stand.figures
        for kpi in after.kpis:
            key, level = _key(kpi), kpi.quality.level
            was = told.setdefault(key, level)
            if level == was:
                self._unsettled.pop(key, None)
                continue
            newly, since, earliest = self._unsettled.get(key, (None, 0.0, span[0]))
            if newly is not level:
                since = after.time
            since = min(since, after.time)
            self._unsettled[key] = level, since, min(earliest, since)
            if after.time - since >= SETTLED_S:
                told[key] = level
                yield _settled(kpi, Level(was), level, (min(earliest, since), after.time))


def of_kasbah(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """What happens to Kasbah itself."""
    span = (after.time, after.time)
    if after.ready and not before.ready:
        message = "every device was tried once: verdicts begin"
        yield event("system", "ready", message, Severity.OK, span)


def event(
    kind: Literal["device", "redundancy", "supply", "kpi", "maintenance", "meter", "system"],
    after: str,
    message: str,
    severity: Severity,
    span: tuple[float, float],
    **words: str,
) -> Event:
    """An event without a number yet; `words` are those of its texts that are not empty."""
    texts: dict[str, Any] = {"device": "", "point": "", "before": "", "cause": ""} | words
    return Event(
        seq=0,
        kind=kind,
        after=after,
        severity=severity,
        message=message,
        earliest=span[0],
        latest=span[1],
        **texts,
    )


def _heard(status: DeviceStatus, was: Heard | None) -> Heard:
    """A device as it is heard now; what it does not say it is still taken for."""
    was, plate = was or Heard(up=False), status.nameplate
    return Heard(
        status.up,
        plate.vendor or was.vendor,
        plate.model or was.model,
        plate.serial or was.serial,
        was.uptime_s if status.uptime_s is None else status.uptime_s,
    )


def _answers(status: DeviceStatus, was: Heard | None, span: tuple[float, float]) -> Event:
    name, up = status.id, status.up
    detail = "" if up else f": {status.last_error}"
    return event(
        "device",
        "answers" if up else "silent",
        f"{name} {'answers again' if up else 'is silent'}{detail}",
        Severity.OK if up else Severity.WARNING,
        span,
        device=name,
        before="" if was is None else "answers" if was.up else "silent",
    )


def _another(name: str, was: Heard, now: Heard, span: tuple[float, float]) -> Iterator[Event]:
    """A device that says it is another one than before; words it says for the first time are no
    news."""
    pairs = ((was.vendor, now.vendor), (was.model, now.model), (was.serial, now.serial))
    if any(old and old != new for old, new in pairs):
        before, after = _plate(was), _plate(now)
        message = f"{name} is another device: {before} → {after}"
        yield event("device", after, message, Severity.WARNING, span, device=name, before=before)


def _restarted(name: str, was: Heard, now: Heard, span: tuple[float, float]) -> Iterator[Event]:
    """A device whose uptime began again. A counter of 32 bits that wraps is no restart."""
    if was.uptime_s is None or now.uptime_s is None or now.uptime_s > was.uptime_s - UPTIME_SLACK_S:
        return
    if now.uptime_s + UPTIME_WRAPS_S - was.uptime_s < UPTIME_WRAPPED_WITHIN_S:
        return
    message = f"{name}, or its network card, restarted: it runs for {now.uptime_s:.0f} s"
    yield event("device", "restarted", message, Severity.WARNING, span, device=name)


def _plate(heard: Heard) -> str:
    words = [heard.vendor, heard.model, heard.serial and f"serial {heard.serial}"]
    return " ".join(word for word in words if word)


def _cause(before: Sequence[str], after: Sequence[str]) -> str:
    """What is said now and was not before; else what is no longer said."""
    new = [reason for reason in after if reason not in before]
    gone = [f"no longer: {reason}" for reason in before if reason not in after]
    return "; ".join(new or gone)


def _course(status: MaintenanceStatus, was: str, span: tuple[float, float]) -> Iterator[Event]:
    """What announced maintenance has come to."""
    state, late = status.state, status.state == "overdue"
    if was == state:
        return
    yield event(
        "maintenance",
        state,
        f"{_about(status)}: {state}" + (f", still out: {names(status.out)}" if late else ""),
        Severity.WARNING if late else Severity.OK,
        span,
        before=was,
        point=status.window.id,
        cause=status.window.reason,
    )


def _answer_and_nodes(
    status: MaintenanceStatus, was: MaintenanceStatus, span: tuple[float, float]
) -> Iterator[Event]:
    """Another answer to taking its nodes out; nodes that go out and come back."""
    name, about, now = status.window.id, _about(status), status.now
    if now is None:
        return
    told = was.now.verdict if was.now is not None else ""
    if told and (told, was.worse) != (now.verdict, status.worse):
        moved_to = now.verdict if told == now.verdict else f"{told} → {now.verdict}"
        yield event(
            "maintenance",
            now.verdict,
            f"{about}: {moved_to}",
            Severity.WARNING if status.worse else Severity.OK,
            span,
            before=told,
            point=name,
            cause="; ".join((status.worse or now.reasons)[:CAUSES_MAX]),
        )
    for word, moved in (
        ("out", [node for node in status.out if node not in was.out]),
        ("back", [node for node in was.out if node not in status.out]),
    ):
        if moved and status.state in ("active", "overdue"):
            message = f"{about}: {word}: {names(moved)}"
            yield event("maintenance", word, message, Severity.OK, span, point=name)


def _about(status: MaintenanceStatus) -> str:
    return f"maintenance {status.window.id} ({names(status.window.nodes)})"


def _spoken(state: str) -> str:
    return {"at_n": "at N"}.get(state, state)


def _key(kpi: Kpi) -> str:
    return "|".join((kpi.id, str(kpi.category or ""), kpi.scope, kpi.window))


def _settled(kpi: Kpi, told: Level, level: Level, span: tuple[float, float]) -> Event:
    where = (kpi.scope, kpi.category and f"category {kpi.category}", kpi.window)
    figure = " ".join([kpi.id.replace("_", " "), *(str(each) for each in where if each)])
    was, word = LEVEL_NAMES[told], LEVEL_NAMES[level]
    return event(
        "kpi",
        word,
        f"{figure}: {was} → {word}",
        Severity.WARNING if level > told and level is Level.BAD else Severity.OK,
        span,
        before=was,
        point=kpi.id,
        cause=kpi.reason,
    )


def _parts(snapshot: Snapshot) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """What has a status of its own: id, status, reasons."""
    report = snapshot.redundancy
    yield "site", report.status, report.reasons
    for group in report.groups:
        yield group.id, group.status, group.reasons
    for zone in report.zones:
        yield zone.id, zone.own_status, tuple(words for _, words in zone.own)
