"""Line protocol: readings as InfluxDB takes them. Pure text, no socket.

Measurement = device class, tags `device`, `place`, `site` (sorted, empty ones left out), field =
the point without its device, time in milliseconds. States go by their code. Every value is written
as a float with a decimal point, because a field that was ever an integer refuses floats; bad
readings are not written. All points of one answer share one line, which is a sixth of the bytes.
Source of the syntax and escapes: InfluxDB OSS v2 reference, "Line protocol".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.quality import LEVEL_SHIFT, Level
from core.site import Site
from history.block import Block
from history.catalog import Catalog

UNKNOWN_CLASS = "other"
"""Measurement of a device that is no longer in the site file."""

_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\n"})
_KEY = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n"})


class Lines:
    """Renders blocks of one site. What is the same for all lines of a device or of a point is made
    once."""

    def __init__(self, site: Site, catalog: Catalog) -> None:
        self._catalog = catalog
        self._site = site.id
        self._class_and_place = {
            device.id: (device.device_class, device.place) for device in site.devices
        }
        self._heads: dict[str, str] = {}
        self._of_series: list[tuple[str, str]] = []

    def render(self, block: Block) -> list[str]:
        """One line for each batch that has a usable reading."""
        usable = (block.quality >> LEVEL_SHIFT < Level.BAD) & np.isfinite(block.value)
        ends = np.cumsum(block.count)[:-1]
        kept = [int(part.sum()) for part in np.split(usable, ends)]
        series, value = block.series[usable].tolist(), _texts(block.value[usable])
        if series:
            self._learn(max(series))
        known = self._of_series
        lines = []
        start = 0
        for time_ms, count in zip(block.time_ms.tolist(), kept, strict=True):
            if not count:
                continue
            end = start + count
            head = known[series[start]][0]
            fields = ",".join(
                [
                    known[number][1] + text
                    for number, text in zip(series[start:end], value[start:end], strict=True)
                ]
            )
            lines.append(f"{head} {fields} {time_ms}")
            start = end
        return lines

    def _learn(self, series: int) -> None:
        """Head and field of the series that are new."""
        while len(self._of_series) <= series:
            device, _, point = self._catalog.name_of(len(self._of_series)).partition("/")
            head = self._heads.get(device)
            if head is None:
                head = self._heads[device] = self._head(device)
            self._of_series.append((head, point.translate(_KEY) + "="))

    def _head(self, device: str) -> str:
        device_class, place = self._class_and_place.get(device, (UNKNOWN_CLASS, ""))
        tags = (("device", device), ("place", place), ("site", self._site))
        written = [f"{key}={_tag(text)}" for key, text in tags if text]
        return ",".join([device_class.translate(_MEASUREMENT), *written])


def _tag(text: str) -> str:
    """A tag value. A backslash at its end would escape what follows: a space keeps them apart."""
    return text.translate(_KEY) + (r"\ " if text.endswith("\\") else "")


def _texts(value: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Sequence[str]:
    """The shortest text that reads back as the same float, always with a decimal point."""
    texts = [repr(number) for number in value.tolist()]
    size = np.abs(value)
    for at in np.flatnonzero((size >= 1e16) | ((size < 1e-4) & (size > 0))).tolist():
        mantissa, _, exponent = texts[at].partition("e")
        if "." not in mantissa:
            texts[at] = f"{mantissa}.0e{exponent}"
    return texts
