"""The reference page of the site file, made from the models: `python -m agent.config.reference`.

A test keeps docs/site-file.md equal to what this prints.
"""

from __future__ import annotations

import typing
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from agent.config import schema, shapes

_HEAD = """\
# The site file

One YAML file describes a site; it may `include:` others (one name or a list; lists such as
`devices` and `cooling.units` are joined). `profiles:` names folders with profiles of your own (one
name or a list, seen from this file), which win over those that come with Kasbah.
`kasbah check SITE.yaml` checks it whole, offline, and prints every mistake with file, line and
key. This page is made from the models in `agent/config/schema.py`.

```yaml
{example}```
"""

EXAMPLE = """\
site: {id: casa-1, name: "Casablanca 1", timezone: Africa/Casablanca}
defaults: {poll: {interval_s: 5, timeout_s: 2, retries: 1}, credentials: plant}
credentials:
  plant: {version: v2c, community_file: /etc/kasbah/secrets/community}
places:
  - {id: hall-1, name: "Hall 1", kind: hall}
devices:
  - {id: meter-mv, profile: schneider-pm5000, address: "modbus://10.10.3.10/1"}
  - {id: gen-1, profile: deepsea-gencomm, address: "modbus://10.10.2.10/1", rating_kw: 800}
  - {id: ups-a1, profile: rfc1628-ups, address: "snmp://10.10.1.11", place: hall-1, rating_kw: 500}
  - {id: meter-ups-a, profile: schneider-pm5000, address: "modbus://10.10.3.11/1", place: hall-1}
power:
  - {id: utility, kind: utility, capacity_kw: 2500, device: meter-mv}
  - {id: gen-1, kind: genset, capacity_kw: 800, rating: DCP, device: gen-1}
  - {id: ats-a, kind: ats, capacity_kw: 2500, fed_by: [utility, gen-1]}
  - {id: ups-a1, kind: ups, capacity_kw: 500, fed_by: [ats-a], device: ups-a1}
  - {id: row-1, kind: load, fed_by: [ups-a1], demand: meter-ups-a/active_power}
groups:
  - {id: gensets, scheme: N+R, members: [gen-1], design: 0}
cooling:
  units:
    - {id: crac-1, kind: crac, capacity_kw: 400, powered_by: ats-a}
    - {id: crac-2, kind: crac, capacity_kw: 400, powered_by: ats-a}
  groups:
    - {id: cracs, members: [crac-1, crac-2], design: 1}
  zones:
    - {id: hall-1, cooled_by: [cracs], loads: [row-1], air_m3: 1500}
energy: {facility: [meter-mv], it: {1: [meter-ups-a]}}
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD.format(example=EXAMPLE)]
    for name, field in schema.SiteFile.model_fields.items():
        model = _model(field.annotation)
        if model is None:
            continue
        parts.append(_section(name, field.annotation, model))
    return "\n".join(parts)


def _section(name: str, annotation: Any, model: type[BaseModel]) -> str:
    origin = typing.get_origin(annotation)
    shape = {list: "a list of entries", dict: "a table of named entries"}.get(origin, "one mapping")
    doc = (model.__doc__ or "").strip().splitlines()[0]
    lines = [f"## `{name}`", "", f"{doc} It is {shape}.", "", *_table(model), ""]
    for inner_name, inner in model.model_fields.items():
        inner_model = _model(inner.annotation)
        if inner_model is not None:
            lines += [f"### `{name}.{inner_name}`", "", *_table(inner_model), ""]
    return "\n".join(lines)


def _table(model: type[BaseModel]) -> list[str]:
    rows = ["| key | type | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field)
        rows.append(
            f"| `{field.alias or name}` | {_type(field.annotation)} | {default} "
            f"| {field.description or ''} |"
        )
    return rows


def _default(field: Any) -> str:
    value = field.default
    if value is PydanticUndefined or value is None or isinstance(value, BaseModel):
        return ""
    if value in ("", [], {}):
        return ""
    return f"`{value}`"


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `list[X]`, `dict[str, X]` or `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _model(argument)
        if found is not None:
            return found
    return None


def _type(annotation: Any) -> str:
    """The type in words a reader of YAML knows."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return "id" if annotation == shapes.Id else _type(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"{_type(arguments[0])} → {_type(arguments[1])}"
    if arguments:
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        datetime: "time",
    }
    return names.get(annotation, "mapping")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its purpose
