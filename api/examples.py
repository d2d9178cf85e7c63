"""Examples for the documentation: one plausible answer per route, for one small site.

They stand in examples.json; a test holds each of them to its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import orjson

EXAMPLES: Final[Mapping[str, Any]] = orjson.loads(
    files("api").joinpath("examples.json").read_bytes()
)

STREAM: Final = (
    "event: snapshot\nid: 8\n"
    'data: {"version":8,"time":"2026-01-31T03:12:01.000Z","full":false,...}\n\n'
)
