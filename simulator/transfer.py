"""Transfer switches: motor-driven ones between mains and generators, static ones between UPSs.

A motor switch moves in an open transition when its source is dead, and returns in a closed one
(both sources alive, no interruption). A static switch moves within one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator import timing
from simulator.electrical import DEAD, Load3, Supply, Values, split_of, three_phase
from simulator.noise import Jitter, uniform

STATIC_EFFICIENCY_LOSS = 0.003
"""Forward drop of the thyristors, part of the power."""


@dataclass(slots=True)
class TransferSwitch:
    """One switch. `position` is the number of the source in use, -1 while it moves."""

    name: str
    seed: int
    static: bool = False
    stagger_s: float = 0.0
    position: int = 0
    target: int = 0
    moving_s: float = 0.0
    dead_s: float = 0.0
    """How long the preferred source has been away."""
    back_s: float = timing.RETRANSFER_S
    """How long it has been there."""
    other_s: float = 0.0
    """How long an alternate source has stood ready."""
    transfers: float = 0.0
    stuck: bool = False

    def __post_init__(self) -> None:
        self.transfers = float(40 + round(15 * uniform(self.seed, 1)))

    @property
    def calls_standby(self) -> bool:
        """Start signal to the generators behind its alternate source."""
        return not self.static and (self.dead_s >= timing.MAINS_CONFIRM_S or self.position != 0)

    def step(
        self, dt: float, sources: Sequence[Supply], ready: Sequence[bool], *, stuck: bool
    ) -> None:
        """One step. `ready` says which sources may take this switch's load (generators: enough of
        them on the bus)."""
        self.stuck = stuck
        preferred = sources[0].live
        self.dead_s = 0.0 if preferred else self.dead_s + dt
        self.back_s = self.back_s + dt if preferred else 0.0
        self.other_s = self.other_s + dt if any(ready[1:]) else 0.0
        if self.position < 0:
            self.moving_s += dt
            if self.moving_s >= timing.TRANSFER_S:
                self.position = self.target
                self.transfers += 1
            return
        if not stuck:
            self._decide(sources, ready)

    def _decide(self, sources: Sequence[Supply], ready: Sequence[bool]) -> None:
        here = sources[self.position].live
        if self.static:
            if not here and any(source.live for source in sources):
                self._jump(next(i for i, source in enumerate(sources) if source.live))
            elif self.position and self.back_s >= timing.STS_RETURN_S:
                self._jump(0)
        elif self.position == 0:
            if not here and self.other_s >= timing.ALTERNATE_STABLE_S + self.stagger_s:
                self._move(next(i for i, usable in enumerate(ready) if usable and i))
        elif self.back_s >= timing.RETRANSFER_S + self.stagger_s or (not here and sources[0].live):
            if here:
                self._jump(0)
            else:
                self._move(0)

    def _jump(self, target: int) -> None:
        self.position = self.target = target
        self.transfers += 1

    def _move(self, target: int) -> None:
        self.position, self.target, self.moving_s = -1, target, 0.0

    def output(self, sources: Sequence[Supply]) -> Supply:
        """What stands behind the switch."""
        return sources[self.position] if self.position >= 0 else DEAD

    def values(
        self, jitter: Jitter, sources: Sequence[Supply], power_w: float, rated_w: float
    ) -> Values:
        """Readings of the switch controller."""
        out = self.output(sources)
        load = Load3(split=split_of(self.seed))
        values = three_phase("output.", power_w, out, load, jitter)
        dead_end = not out.live
        selected = f"source_{self.position + 1}" if self.position >= 0 else "none"
        failed = self.stuck and not sources[self.position].live and any(s.live for s in sources)
        values |= {
            "position": ("preferred", "alternate")[min(self.position, 1)]
            if self.position >= 0
            else "transferring",
            "source.selected": selected,
            "source.preferred": "source_1",
            "control.mode": "auto",
            "transfer.state": "inhibited" if self.stuck else "allowed",
            "transfers": self.transfers,
            "output.load": power_w / rated_w,
            "output.state": "off" if dead_end else "normal",
            "source.phase_angle": 2.0 * jitter(),
            "sync.state": "in_sync" if all(s.live for s in sources[:2]) else "out_of_sync",
            "redundancy.state": "full" if all(s.live for s in sources[:2]) else "lost",
            "communication.state": "ok",
            "cabinet.temperature": 27 + 12 * power_w / rated_w + 0.2 * jitter(),
            "alarm.transfer_failed": "active" if failed else "normal",
        }
        for number, source in enumerate(sources, start=1):
            values[f"source.state.{number}"] = "normal" if source.live else "absent"
            values[f"source.voltage.{number}"] = (
                230.94 * source.pu * (1 + 0.001 * jitter()) if source.live else 0.0
            )
            values[f"source.frequency.{number}"] = source.hz if source.live else 0.0
            carries = out.live and self.position == number - 1
            values[f"source.active_power.{number}"] = power_w if carries else 0.0
            values[f"source.current.{number}"] = values["output.current"] if carries else 0.0
            values[f"breaker.position.{number}"] = "closed" if carries else "open"
        return values
