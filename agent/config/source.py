"""YAML with positions: plain values, and for each of them the file and line it came from.

Knows YAML and includes; knows nothing of what a site file means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from core.errors import ConfigError, Problem

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # libyaml is missing: the same result, only slower
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

KeyPath = tuple[str | int, ...]

_LISTS = ("devices", "power", "groups", "places", "maintenance")
_TABLES = ("credentials",)
SECTIONS: dict[str, tuple[str, ...]] = {"cooling": ("units", "groups", "zones")}
"""Parts that are made of lists."""

MAX_INCLUDE_DEPTH = 8


@dataclass(slots=True)
class Document:
    """One site file with everything it includes, as plain values and positions."""

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    positions: dict[KeyPath, tuple[str, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    original: dict[KeyPath, list[int]] = field(default_factory=dict)
    """Per list: the number, as written, of each entry that is still there."""

    dropped: dict[str, set[str]] = field(default_factory=dict)
    """Per list: ids of entries that were left out because their shape is wrong; they do exist."""

    def at(self, key: str, index: int, *rest: str | int) -> KeyPath:
        """Path of entry `index` of a list (`devices`, `cooling.units`), counted as written in the
        file."""
        path: KeyPath = tuple(key.split("."))
        numbers = self.original.get(path)
        return (*path, numbers[index] if numbers else index, *rest)

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a key, or at the nearest parent that has a position."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.positions:
                file, line = self.positions[path[:length]]
                return Problem(file, line, dotted(path, self.data), message)
        return Problem(str(self.path), 0, dotted(path, self.data), message)


def dotted(path: KeyPath, data: Any) -> str:
    """`("devices", 3, "address")` as `devices[3].address`; a number that is a key of a mapping in
    `data`, and no place in a list, as it is written: `energy.it.1[0]`."""
    text = ""
    for key in path:
        numbered = isinstance(key, int) and not isinstance(data, dict)
        text += f"[{key}]" if numbered else f".{key}" if text else str(key)
        data = _inside(data, key)
    return text


def _inside(data: Any, key: str | int) -> Any:
    try:
        return data[key]
    except (LookupError, TypeError):
        return None


def read(path: Path) -> Document:
    """Read a YAML file and its includes.

    Raises ConfigError when a file cannot be read or is no YAML; doubled keys are collected in
    `problems`.
    """
    document = Document(path)
    _read_into(document, path, 0)
    return document


def _read_into(document: Document, path: Path, depth: int) -> None:
    node = _compose(path)
    if node is None:
        raise ConfigError([Problem(str(path), 0, "", "the file is empty")])
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            [Problem(str(path), 1, "", "a site file is a mapping: `site:` and so on")]
        )
    part = Document(path)
    value = _plain(node, (), part)
    document.problems += part.problems
    includes = value.pop("include", [])
    _merge(document, part, value)
    for name in [includes] if isinstance(includes, str) else includes:
        if depth >= MAX_INCLUDE_DEPTH:
            raise ConfigError(
                [Problem(str(path), 1, "include", "files include one another too deep")]
            )
        included = path.parent / str(name)
        if not included.is_file():
            problem = part.problem(("include",), f"there is no file '{included}' to include")
            document.problems.append(problem)
            continue
        _read_into(document, included, depth + 1)


def _compose(path: Path) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), 0, "", "there is no such file")]) from None
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ConfigError([Problem(str(path), 0, "", message)]) from error
    except UnicodeDecodeError as error:
        message = f"is not in UTF-8 (octet {error.start}): save it as UTF-8"
        raise ConfigError([Problem(str(path), 0, "", message)]) from error
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        message = f"is no valid YAML: {error.problem or error.context}{_hint(text, line)}"
        raise ConfigError([Problem(str(path), line, "", message)]) from error
    except yaml.YAMLError as error:
        raise ConfigError([Problem(str(path), 0, "", f"is no valid YAML: {error}")]) from error


def _hint(text: str, line: int) -> str:
    """What is probably meant, where YAML's own words help little."""
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in written:
        return " (there is a tab in this line: indent with spaces)"
    if "]:" in written or "://" in written:
        return " (put the address in quotes)"
    return ""


def _plain(node: yaml.Node, path: KeyPath, document: Document) -> Any:
    document.positions[path] = (str(document.path), node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, i), document) for i, child in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: KeyPath, document: Document) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = _scalar(key_node)
        place = (*path, key)
        if key in result:
            line = key_node.start_mark.line + 1
            where = f"{dotted(path, None)}.{key}" if path else str(key)
            document.problems.append(
                Problem(str(document.path), line, where, "the key stands twice; keep one")
            )
        result[key] = _plain(value_node, place, document)
        document.positions[place] = (str(document.path), key_node.start_mark.line + 1)
    return result


def _scalar(node: yaml.Node) -> Any:
    try:
        return SafeConstructor().construct_object(node, deep=True)
    except ValueError:
        return node.value  # the 30th of February: as written, so that its key complains of it


def _merge(document: Document, part: Document, value: dict[str, Any]) -> None:
    """Lists and tables of an included file are appended; any other key may stand once over all
    files."""
    offsets: dict[KeyPath, int] = {}
    for key, item in value.items():
        here = document.data.get(key)
        if here is None:
            document.data[key] = item
        elif key in _TABLES and isinstance(here, dict) and isinstance(item, dict):
            here.update(item)
        elif key in SECTIONS and isinstance(here, dict) and isinstance(item, dict):
            for name, inner in item.items():
                listed = name in SECTIONS[key]
                _append(document, part, here, (key, name), inner, offsets, listed=listed)
        else:
            listed = key in _LISTS
            _append(document, part, document.data, (key,), item, offsets, listed=listed)
    for path, position in part.positions.items():
        shifted = path
        for length in (1, 2):
            place = path[length] if len(path) > length else None
            if path[:length] in offsets and isinstance(place, int):
                shifted = (*path[:length], place + offsets[path[:length]], *path[length + 1 :])
        document.positions.setdefault(shifted, position)


def _append(
    document: Document,
    part: Document,
    table: dict[Any, Any],
    path: KeyPath,
    item: Any,
    offsets: dict[KeyPath, int],
    *,
    listed: bool,
) -> None:
    """Put what stands at `path` of an included file into its table, behind what is there already
    if it is a list that may be split."""
    here = table.get(path[-1])
    if here is None:
        table[path[-1]] = item
    elif listed and isinstance(here, list) and isinstance(item, list):
        offsets[path] = len(here)
        here.extend(item)
    else:
        message = "stands in another file already; keep it in one"
        document.problems.append(part.problem(path, message))
