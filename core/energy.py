"""The energy meters of the key figures: readings from the point table in, spans of energy out.

Finds the rows of counters and powers, takes each new answer once, hands it to its `core.meter`,
and keeps energies in `core.windows` and `core.ledger`. Times of readings are our wall clock; here
they become seconds that never run backwards, so that a clock that is set back costs a moment, not
an hour. Only the ledger has them in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from core.cells import Columns, Span, Spans
from core.counters import Register
from core.ledger import CELL_S, Kept, Ledger
from core.meter import UNRATED_W_MAX, Meter, Suspect
from core.meter_events import MeterWatch, Noted
from core.metering import EnergyInput, per_unit
from core.points import parse_point
from core.quality import LEVEL_SHIFT, Level, Quality
from core.readings import Bytes, Floats
from core.snapshot import Event, PointView
from core.standstill import Standstill
from core.windows import LATE_S_MAX, Window

RINGS: Mapping[str, float] = {"1m": 60.0, "15m": 900.0, "1h": 3600.0, "24h": 86_400.0}
"""The windows that end now, by name, in seconds: computed on each tick."""

YEAR = "12mo"
LONG: Mapping[str, float] = {"7d": 7 * 86_400.0, "30d": 30 * 86_400.0, YEAR: 365 * 86_400.0}
"""The windows that end with a quarter of an hour, from the ledger. Twelve months are 365 days."""

WINDOWS: Mapping[str, float] = {**RINGS, **LONG}
"""The windows of the key figures by name, in seconds."""

SILENT_AFTER_STEPS = 3.0
"""A meter is silent when it has missed so many of its usual steps ..."""

SILENT_AFTER_S_MIN = 15.0
"""... and at least so many seconds. A window waits for the slow, not for the silent."""

PACE_S_MAX = LATE_S_MAX / SILENT_AFTER_STEPS
"""A longer step was a gap, not the meter's pace."""

KEPT_OVER_RESTART_S = 600.0
"""A shorter window begins anew with a restart: the ledger is too coarse to fill it."""

RATED = frozenset({"active_energy", "active_energy_export"})
"""A rating of a device bounds these; its heat, water and fuel are something else."""

STANDARD_C = 25.0
"""Temperature of modules at standard test conditions (IEC 61724-1)."""

STATE_VERSION = 2
"""Of what `EnergyMeters.state` gives."""


@dataclass(frozen=True, slots=True)
class Power:
    """Powers of all meters at one tick, one entry a meter; W towards the load as it was read, so
    negative where power flows back. NaN and a bad quality where it is not known."""

    watts: Floats
    quality: Bytes
    usual_w: Floats
    """The last power known: how much a silent meter weighs."""


class EnergyMeters:
    """All meters of `inputs`, each once, in the order of `inputs`. `ratings_w` by device id,
    `registers` by the point of a counter, which count more; `unbroken` are those of `inputs` whose
    flow hardly ever stops, `site_w` is what flows into the site at most."""

    def __init__(
        self,
        inputs: Sequence[EnergyInput],
        ratings_w: Mapping[str, float] | None = None,
        registers: Mapping[str, Register] | None = None,
        unbroken: Iterable[EnergyInput] = (),
        site_w: float = UNRATED_W_MAX,
    ) -> None:
        by_key = {(each.energy, each.power): each for each in inputs}
        self.keys = tuple(by_key)
        self.names = tuple(energy for energy, _ in self.keys)
        """The counter of each meter."""
        self.column = {key: i for i, key in enumerate(self.keys)}
        ratings = ratings_w or {}
        points = [parse_point(energy) for energy, _ in self.keys]
        self.devices = tuple(point.device for point in points)
        quantities = [point.name.quantity for point in points]
        said = [(registers or {}).get(name, Register()) for name in self.names]
        rated = [
            Register(rating_w=ratings.get(device) if quantity in RATED else None)
            for device, quantity in zip(self.devices, quantities, strict=True)
        ]
        found = [register.over(rating) for register, rating in zip(said, rated, strict=True)]
        steady = {(each.energy, each.power) for each in unbroken}
        self._meters = [
            Meter(
                each.rating_w,
                each.wraps_at_wh,
                Standstill() if key in steady else None,
                site_w if quantity in RATED else UNRATED_W_MAX,
            )
            for key, each, quantity in zip(self.keys, found, quantities, strict=True)
        ]
        # The power beside an export counter is negative while energy flows out.
        signs = np.array([-1.0 if name == "active_energy_export" else 1.0 for name in quantities])
        self._counts = np.array([per_unit(energy) for energy, _ in self.keys])
        self._towards = signs * np.array([per_unit(power) for _, power in self.keys])
        self._per_k = np.array([each.per_k for each in by_key.values()])
        self._corrected_by = [each.corrected_by for each in by_key.values()]
        self._corrected_row = np.full(len(self.keys), -1)
        # Irradiation is the sum of an irradiance by definition: nothing is estimated in it.
        self._summed = np.array([name == "irradiation" for name in quantities], dtype=np.bool_)
        n = len(self.keys)
        self._counter_row = np.full(n, -1)
        self._power_row = np.full(n, -1)
        self._resolved = -1
        self._counter_time: Floats = np.full(n, np.nan)
        self._power_time: Floats = np.full(n, np.nan)
        self._usual_w: Floats = np.zeros(n)
        self._pace_s: Floats = np.zeros(n)
        self._power: Power = Power(np.full(n, np.nan), _waiting(n), self._usual_w)
        self.since: Floats = np.full(n, np.nan)
        """When each meter was first heard (s, this module's time)."""
        self.until: Floats = np.full(n, np.nan)
        """Up to when the energy of each meter is known."""
        self.heard: Floats = np.full(n, np.nan)
        """When each meter was heard last; what flowed since `until` it did not tell."""
        self.coarse_wh: Floats = np.zeros(n)
        """How much of each meter's energy may not be counted yet, as its counter is coarse."""
        self.windows = {name: Window(length_s, n) for name, length_s in RINGS.items()}
        self.ledger = Ledger(n)
        self._watch = MeterWatch(self.names)
        self.added = Spans.of((), ())
        """What the last update brought, in UTC."""
        self.updates = 0
        """How often `update` was called."""
        self._wall: float | None = None
        self._offset = 0.0

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def now(self) -> float:
        """Time of the last update in seconds that never run backwards."""
        return 0.0 if self._wall is None else self._wall + self._offset

    @property
    def ahead_s(self) -> float:
        """How far this module's time is ahead of the wall clock, which was set back so much."""
        return self._offset

    @property
    def utc(self) -> float:
        """Time of the last update in UTC seconds."""
        return self.now - self._offset

    @property
    def power(self) -> Power:
        """Powers at the last update."""
        return self._power

    @property
    def total_wh(self) -> Floats:
        """Energy of each meter since the start."""
        return np.array([meter.total_wh for meter in self._meters], dtype=np.float64)

    @property
    def restarts(self) -> dict[str, int]:
        """Confirmed resets and replacements by counter point, where there were any."""
        pairs = zip(self.keys, self._meters, strict=True)
        return {key[0]: meter.restarts for key, meter in pairs if meter.restarts}

    def rated_w(self, columns: Columns) -> float | None:
        """Sum of the ratings of these meters, None where one states none."""
        ratings = [self._meters[i].rating_w for i in columns]
        known = [rating for rating in ratings if rating is not None]
        return sum(known) if len(known) == len(ratings) else None

    def live(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Which of these meters keep their pace."""
        return self.now - self.until[columns] <= self._patience_s(columns)

    def standing(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Which of these meters answer, but their counter stands still and they tell no power."""
        patience_s = self._patience_s(columns)
        return ~self.live(columns) & (self.now - self.heard[columns] <= patience_s)

    def _patience_s(self, columns: Columns) -> Floats:
        return np.maximum(SILENT_AFTER_S_MIN, SILENT_AFTER_STEPS * self._pace_s[columns])

    def end(self, columns: Columns) -> float:
        """Up to when all of these meters that answer are known (s, this module's time)."""
        until = self.until[columns][self.live(columns)]
        return float(until.min()) if len(until) else self.now

    def update(self, view: PointView, now: float) -> None:
        """Take the readings that are new since the last call. `now` is UTC seconds."""
        self.updates += 1
        self._resolve(view)
        self.set_clock(now)
        counter, counter_time, counter_ok, _ = _gather(view, self._counter_row)
        power, power_time, power_ok, power_quality = _gather(view, self._power_row)
        counter = counter * self._counts
        power, power_ok = self._corrected(view, power * self._towards, power_ok)
        new_counter = counter_ok & ~(counter_time == self._counter_time)
        new_power = power_ok & ~(power_time == self._power_time)
        self._counter_time = np.where(counter_ok, counter_time, self._counter_time)
        self._power_time = np.where(power_ok, power_time, self._power_time)
        columns: list[int] = []
        spans: list[Span] = []
        for i in np.flatnonzero(new_counter | new_power).tolist():
            for span in self._take(
                i,
                float(power_time[i]) if new_power[i] else None,
                float(power[i]),
                float(counter_time[i]) if new_counter[i] else None,
                float(counter[i]),
            ):
                columns.append(i)
                spans.append(span)
        found = Spans.of(columns, spans)
        found.estimated_wh[self._summed[found.column]] = 0.0
        for window in self.windows.values():
            window.add(found)
        self.added = found.later(-self._offset)
        self.ledger.add(self.added, now)
        self._set_power(power, power_ok, counter_ok, power_quality)
        self._watch.stand(self.standing(np.arange(len(self))), self._meters)

    def turns(self) -> list[Event]:
        """What happened to counters since the last call, as events without a number."""
        return self._watch.events(self._offset)

    def stepped(self, by_s: float) -> None:
        """The wall clock was set by so many seconds; this module's time goes on."""
        if self._wall is not None:
            self._wall += by_s
            self._offset -= by_s
        self._counter_time += by_s
        self._power_time += by_s

    def set_clock(self, now: float) -> None:
        """It is `now`, in UTC seconds by the wall clock."""
        if self._wall is not None and now < self._wall:
            self._offset += self._wall - now
        self._wall = now

    def _take(
        self,
        i: int,
        power_time: float | None,
        power_w: float,
        counter_time: float | None,
        counter_wh: float,
    ) -> list[Span]:
        """Hand one meter its new readings in the order of their times."""
        meter = self._meters[i]
        was = Noted.of(meter)
        at = [min(t + self._offset, self.now) for t in (power_time, counter_time) if t is not None]
        if len(at) == 1:
            power = power_w if power_time is not None else None
            counter = counter_wh if counter_time is not None else None
            spans = list(meter.take(at[0], power, counter))
        elif at[0] == at[1]:
            spans = list(meter.take(at[0], power_w, counter_wh))
        elif at[0] < at[1]:
            spans = [*meter.take(at[0], power_w, None), *meter.take(at[1], None, counter_wh)]
        else:
            spans = [*meter.take(at[1], None, counter_wh), *meter.take(at[0], power_w, None)]
        self._heard(i, meter.until)
        self.heard[i] = meter.heard
        self.coarse_wh[i] = meter.coarse_wh
        self._watch.look(i, was, meter)
        return spans

    def _heard(self, i: int, until: float) -> None:
        if np.isnan(self.since[i]):
            self.since[i] = until
        step_s = until - self.until[i]
        if step_s <= PACE_S_MAX:
            self._pace_s[i] = max(step_s, 0.9 * self._pace_s[i])
        self.until[i] = until

    def _set_power(
        self,
        power: Floats,
        power_ok: npt.NDArray[np.bool_],
        counter_ok: npt.NDArray[np.bool_],
        quality: Bytes,
    ) -> None:
        """Powers of this tick; a meter that gives none shows what its counter says of the last
        minute."""
        watts = np.where(power_ok, power, np.nan)
        live = self.live(np.arange(len(self)))
        for i in np.flatnonzero(counter_ok & ~power_ok & live).tolist():
            minute = self.windows["1m"].matched(np.array([i]), self.until[i])
            if minute.span_s > 0:
                watts[i] = minute.wh.sum() * 3600 / minute.span_s
                quality[i] = Quality.ESTIMATED
        self._usual_w = np.where(np.isnan(watts), self._usual_w, np.abs(watts))
        self._power = Power(watts, quality, self._usual_w)

    def _corrected(
        self, view: PointView, power: Floats, ok: npt.NDArray[np.bool_]
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Powers that depend on a temperature, set right for it; unknown where it is."""
        depends = self._per_k != 0
        if not depends.any():
            return power, ok
        celsius, _, known, _ = _gather(view, self._corrected_row)
        factor = np.where(depends & known, 1 + self._per_k * (celsius - STANDARD_C), 1.0)
        return power * factor, ok & (known | ~depends)

    def _resolve(self, view: PointView) -> None:
        if len(view.points) == self._resolved:
            return
        self._resolved = len(view.points)
        for i, (energy, power) in enumerate(self.keys):
            self._counter_row[i] = view.row.get(energy, -1)
            self._power_row[i] = view.row.get(power, -1)
            self._corrected_row[i] = view.row.get(self._corrected_by[i], -1)

    def state(self) -> Kept:
        """What `restore` takes after a restart."""
        state = {
            "version": STATE_VERSION,
            "wall": self._wall,
            "ahead_s": self._offset,
            "keys": [list(key) for key in self.keys],
            "since": [None if np.isnan(t) else t for t in self.since.tolist()],
            "meters": [asdict(meter) for meter in self._meters],
        }
        return Kept(state, self.names, self.ledger.unsaved(), self.ledger.revision)

    def load(self, kept: Kept) -> None:
        """Take up the ledger alone."""
        column = {name: i for i, name in enumerate(self.names)}
        self.ledger.load(kept.cells, [column.get(name) for name in kept.meters])
        self.since = self.ledger.begun()

    def restore(self, kept: Kept, now: float) -> None:
        """Go on from what was kept; meters that are new or gone are no problem.

        Meters of another version are left alone: then everything counts from now.
        """
        self.load(kept)
        state = kept.state
        if state.get("version") != STATE_VERSION:
            return
        columns = [self.column.get((energy, power)) for energy, power in state["keys"]]
        for i, since, saved in zip(columns, state["since"], state["meters"], strict=True):
            if i is None:
                continue
            suspect = saved["suspect"]
            fields = saved | {
                "rating_w": self._meters[i].rating_w,
                "site_w": self._meters[i].site_w,
                "wraps_at_wh": self._meters[i].wraps_at_wh,
                "standstill": self._standstill(i, saved.get("standstill")),
                "suspect": None if suspect is None else Suspect(**suspect),
            }
            self._meters[i] = meter = Meter(**fields)
            self.since[i] = np.nan if since is None else since
            self.until[i] = meter.until if meter.begun else np.nan
            self.heard[i] = meter.heard if meter.begun else np.nan
            self.coarse_wh[i] = meter.coarse_wh
        self._wall, self._offset = state["wall"], float(state["ahead_s"])
        self._fill_windows()
        self.set_clock(now)

    def _standstill(self, i: int, saved: dict[str, float] | None) -> Standstill | None:
        now = self._meters[i].standstill
        return now if now is None or saved is None else Standstill(**saved)

    def _fill_windows(self) -> None:
        """The windows as the ledger has them: a part of a quarter that is known was its end."""
        if self._wall is None:
            return
        every = np.arange(len(self.keys))
        held = self.ledger.held(every, self._wall - max(RINGS.values()) - CELL_S, self._wall)
        cell, column = np.nonzero(held.known_s)
        end = np.fmin(held.start + (cell + 1) * CELL_S + self._offset, self.until[column])
        start = end - np.minimum(held.known_s[cell, column], CELL_S)
        wh, estimated_wh = held.wh[cell, column], held.estimated_wh[cell, column]
        spans = Spans(column, start, end, start, wh, estimated_wh)
        for window in self.windows.values():
            if window.length_s >= KEPT_OVER_RESTART_S:
                window.add(spans)


def _waiting(n: int) -> Bytes:
    return np.full(n, Quality.WAITING, dtype=np.uint8)


def _gather(
    view: PointView, rows: npt.NDArray[np.int_]
) -> tuple[Floats, Floats, npt.NDArray[np.bool_], Bytes]:
    """Value, time, usability and quality of these rows; row -1 is a point that does not exist."""
    there = rows >= 0
    if not len(view.points):
        nothing = np.full(len(rows), np.nan)
        return nothing, nothing, there & False, _waiting(len(rows))
    value, time, quality = view.value[rows], view.time[rows], view.quality[rows]
    quality = np.where(there, quality, np.uint8(Quality.WAITING)).astype(np.uint8)
    ok = there & (quality >> LEVEL_SHIFT < Level.BAD) & ~np.isnan(value) & ~np.isnan(time)
    return value, time, ok, quality
