"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    inner = [link for link in links if "://" not in link]
    assert [link for link in inner if not (page.parent / link).exists()] == []


def test_every_file_that_the_architecture_names_exists():
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"[\w/]+\.py\b", text))
    assert len(named) > 40
    folders = [
        "core",
        "core/redundancy",
        "collectors",
        "collectors/snmp",
        "collectors/modbus",
        "history",
        "api",
        "simulator",
        "agent",
        "agent/config",
        "agent/commands",
    ]
    exist = {
        str(path.relative_to(ROOT / folder))
        for folder in ["", *folders]
        for path in (ROOT / folder).glob("**/*.py" if folder else "*/**/*.py")
        if ".venv" not in path.parts
    }
    assert sorted(name for name in named if name not in exist) == []


def test_every_runtime_dependency_has_its_line_in_the_readme():
    pyproject = (ROOT / "pyproject.toml").read_text()
    block = pyproject.split("dependencies = [", 1)[1].split("]\n", 1)[0]
    names = re.findall(r'"([a-zA-Z0-9-]+)', block)
    table = (ROOT / "README.md").read_text().split("## Dependencies", 1)[1]
    assert len(names) > 10
    assert [name for name in names if name not in table] == []


def test_every_command_of_the_contract_is_in_the_readme_or_operations():
    text = "".join(page.read_text() for page in PAGES)
    for command in "demo run check probe record discover simulate profiles export".split():
        assert f"kasbah {command}" in text, command


def test_decisions_are_listed_once_each():
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    files = sorted(path.name for path in (ROOT / "docs" / "adr").glob("0*.md"))
    assert len({name[:4] for name in files}) == len(files)
    assert [name for name in files if index.count(f"({name})") != 1] == []
