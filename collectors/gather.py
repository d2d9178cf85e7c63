"""Answers on their way to the point table: what comes in one turn of the loop is decoded together
and handed on as one batch.

Ten answers of one kind are decoded, put into the table and kept in hardly more time than one. Owns
what has come and is not handed on yet; knows neither devices nor when they are asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from collectors.decode import Decoder, Raw
from collectors.session import Answer
from core.contracts import Intake
from core.readings import Batch, Rows


class Gatherer:
    """Between the devices' loops and the intake. `run` must run, or nothing gets through."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: dict[tuple[Decoder, int], list[tuple[float, Rows, Sequence[Raw]]]] = {}
        self._came = asyncio.Event()

    def add(self, answer: Answer, rows: Rows) -> None:
        """Take an answer; `rows` of the point table belong to its slots."""
        if not self._waiting:
            self._came.set()
        # An answer may hold points beyond its rows, which are only watched.
        key = answer.decoder, len(rows)
        self._waiting.setdefault(key, []).append((answer.time, rows, answer.raw))

    async def run(self) -> None:
        """Hand on for ever, and what is there when it ends."""
        try:
            while True:
                await self._came.wait()
                self._came.clear()
                self._hand_on()
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for (decoder, points), answers in waiting.items():
            times, rows, raws = zip(*answers, strict=True)
            value, quality, severity = decoder.decode_all(raws)
            self._intake.accept(
                Batch(
                    np.array(times),
                    np.full(len(rows), points, dtype=np.intp),
                    np.concatenate(rows),
                    value[:, :points].ravel(),
                    quality[:, :points].ravel(),
                    severity[:, :points].ravel(),
                )
            )
