"""docs/simulator.md names every scenario, fault and option that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import simulator
from simulator.faults import FAULT_KINDS
from simulator.scenarios import load_scenarios

TEXT = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")


def first_column(heading):
    """Names in the first column of the tables under a heading."""
    part = TEXT.split(f"## {heading}")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([a-z0-9_-]+)`", cell)}


def options_in_use():
    """Keys that the code asks a device's options for."""
    found = set()
    for path in Path(simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("text", "number")
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "options"
            ):
                found.add(ast.literal_eval(node.args[1]))
    return found


def test_scenarios_and_faults_are_all_described():
    assert first_column("Scenarios") == set(load_scenarios()) | FAULT_KINDS


def test_options_are_all_described():
    assert first_column("What only the simulator reads") == options_in_use()
