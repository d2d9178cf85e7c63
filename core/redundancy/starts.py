"""Generators that crank and do not run: those are not counted on until they do.

A controller tries several times before it tells a failed start, and says nothing wrong meanwhile.
Who asks then what may be taken out must not hear of a spare that has failed its first attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.redundancy.graph import PowerGraph
from core.redundancy.rows import Gathered
from core.site import Start

_CRANKS = frozenset(("cranking", "starting"))
_RESTS = frozenset(("stopped", "stopping"))


@dataclass(frozen=True, slots=True)
class _Try:
    """A start that has not come to anything yet, in UTC seconds."""

    since: float
    cranked: float
    """When it was seen to crank last."""
    failed: bool = False
    """It stood still after cranking."""


class Starts:
    """Follows the generators of one plant whose controllers tell the state of the engine."""

    def __init__(self, graph: PowerGraph, start: Start) -> None:
        self._gensets = [
            (i, node.device)
            for i, node in enumerate(graph.nodes)
            if node.kind == "genset" and node.device
        ]
        self._attempt_s = start.crank_s + start.warm_up_s
        self._rest_s = 2 * start.rest_s
        self._tries: dict[int, _Try] = {}

    def look(self, gathered: Gathered, now: float) -> None:
        """Take in what is told now (UTC seconds)."""
        for i, device in self._gensets:
            engine, last = gathered.device(device).word("engine.state"), self._tries.get(i)
            if engine in _CRANKS:
                since, failed = (last.since, last.failed) if last else (now, False)
                self._tries[i] = _Try(since, now, failed)
            elif last and engine in _RESTS and now - last.cranked <= self._rest_s:
                self._tries[i] = replace(last, failed=True)
            elif last and engine:
                del self._tries[i]

    def late(self, now: float) -> dict[int, str]:
        """Generators that do not come, by number, with a predicate."""
        found = {}
        for i, each in self._tries.items():
            if each.failed:
                found[i] = "has cranked and did not run"
            elif now - each.since > self._attempt_s:
                found[i] = "cranks and does not run"
        return found

    def stepped(self, by_s: float) -> None:
        """The clock was set by so many seconds."""
        self._tries = {
            i: replace(each, since=each.since + by_s, cranked=each.cranked + by_s)
            for i, each in self._tries.items()
        }
