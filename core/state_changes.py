"""Changes of the states that devices tell, between two looks at the point table.

A mask over all states at once; Python only for those that changed. After a restart a state is
compared with the last word of the earlier run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.points import Point, parse_point
from core.quality import LEVEL_SHIFT, Level
from core.readings import Floats
from core.snapshot import Event, PointView
from core.vocabulary import Severity


class StateChanges:
    """Remembers the last usable word of every state, and when it was heard (UTC seconds)."""

    def __init__(self) -> None:
        self._points: Sequence[Point] = ()
        self._names: list[str] = []
        self._rows: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)
        """Rows of the point table that hold states; names, codes and times go with them."""
        self._code: Floats = np.empty(0)
        self._seen: Floats = np.empty(0)
        self._earlier: dict[str, tuple[float, float]] = {}
        """Code and time by point id, of an earlier run, until the point is in the table."""

    def update(self, view: PointView, limit: int) -> tuple[list[Event], int]:
        """Changes since the last call, at most `limit`, and how many were cut."""
        self._grow(view.points)
        code, quality = view.value[self._rows], view.quality[self._rows]
        usable = (quality >> LEVEL_SHIFT < Level.BAD) & ~np.isnan(code)
        differs = usable & (code != self._code)
        moved = np.flatnonzero(differs)
        if len(moved):
            severity = view.severity[self._rows[moved]]
            wrong = (severity == Severity.WARNING) | (severity == Severity.CRITICAL)
            moved = moved[wrong | ~np.isnan(self._code[moved])]
        events = [self._change(view, i) for i in moved[:limit].tolist()]
        self._code[differs] = code[differs]
        np.copyto(self._seen, view.time[self._rows], where=usable)
        return events, len(moved) - len(events)

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds."""
        self._seen += by_s

    def state(self) -> dict[str, Any]:
        """What `restore` takes after a restart: by point the code, and how long before `heard` (s,
        rounded up) it was heard."""
        known = np.flatnonzero(~np.isnan(self._code))
        earlier = np.array([*self._earlier.values()]).reshape(-1, 2)
        code = np.concatenate([self._code[known], earlier[:, 0]])
        seen = np.concatenate([self._seen[known], earlier[:, 1]])
        heard = float(seen.max(initial=0.0))
        return {
            "heard": heard,
            "points": [*(self._names[i] for i in known.tolist()), *self._earlier],
            "code": code.astype(int).tolist(),
            "ago_s": (np.ceil((heard - seen) * 10) / 10).tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        heard = float(state["heard"])
        rows = zip(state["points"], state["code"], state["ago_s"], strict=True)
        self._earlier = {
            str(point): (float(code), heard - float(ago_s)) for point, code, ago_s in rows
        }

    def replay(self, events: Iterable[Event]) -> None:
        """Take up what these events say that changed, of points that are not in the table yet."""
        for event in events:
            if event.kind == "state":
                code = _code(event)
                if code is not None:
                    self._earlier[event.point] = code, event.latest

    def _change(self, view: PointView, i: int) -> Event:
        row = int(self._rows[i])
        point = view.points[row]
        axis = point.name.axis
        names = axis.states if axis else ()
        old, new = self._code[i], int(view.value[row])
        before = "" if np.isnan(old) else _name(names, int(old))
        after = _name(names, new)
        latest, earliest = float(view.time[row]), float(self._seen[i])
        moved = f"{before} → {after}" if before else after
        return Event(
            seq=0,
            kind="state",
            device=point.device,
            point=point.id,
            before=before,
            after=after,
            severity=Severity(int(view.severity[row])),
            message=f"{point.device} {point.name}: {moved}",
            earliest=latest if np.isnan(earliest) else min(earliest, latest),
            latest=latest,
        )

    def _grow(self, points: Sequence[Point]) -> None:
        """Rows are only ever appended to the table: look at the new ones."""
        if len(points) == len(self._points):
            return
        first = len(self._points)
        new = [row for row in range(first, len(points)) if points[row].name.axis is not None]
        names = [points[row].id for row in new]
        known = [self._earlier.pop(name, (np.nan, np.nan)) for name in names]
        self._names += names
        self._points = points
        self._rows = np.concatenate([self._rows, np.array(new, dtype=np.intp)])
        code, seen = np.array(known, dtype=np.float64).reshape(-1, 2).T
        self._code = np.concatenate([self._code, code])
        self._seen = np.concatenate([self._seen, seen])


def _name(names: Sequence[str], code: int) -> str:
    return names[code] if 0 <= code < len(names) else str(code)


def _code(event: Event) -> float | None:
    """The code of the state after an event; None where its words are no longer known."""
    try:
        axis = parse_point(event.point).name.axis
    except ValueError:
        return None
    names = axis.states if axis else ()
    if event.after in names:
        return float(names.index(event.after))
    return float(event.after) if event.after.isdigit() else None
