"""docs/profiles.md says which points of the Modbus profiles nobody could confirm."""

from __future__ import annotations

from pathlib import Path

from collectors.profile import library

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"
HEAD = "| profile | points that are not confirmed |\n|---|---|\n"


def table() -> str:
    """Each profile with its unverified points, in the order of the file."""
    profiles = library()
    rows = []
    for name in sorted(profiles.names()):
        profile = profiles.load(name)
        if profile.protocol == "snmp":
            continue
        open_points = [spec for spec in profile.points if spec.keys.status == "unverified"]
        points = dict.fromkeys(f"`{spec.name}`" for spec in open_points)
        if len(open_points) == len(profile.points):
            rows.append(f"| `{name}` | all |\n")
        elif points:
            rows.append(f"| `{name}` | {', '.join(points)} |\n")
    return HEAD + "".join(rows)


def test_the_page_lists_every_point_that_is_not_confirmed():
    page = PAGE.read_text()
    start = page.index(HEAD)
    end = page.find("\n\n", start) + 1 or len(page)
    assert page[start:end] == table(), f"put this into docs/profiles.md:\n{table()}"


def test_the_page_lists_the_maps_that_nothing_tells():
    profiles = library()
    families = [family for family in profiles.families() if family.protocol == "modbus"]
    alone = [family.name for family in families if not family.match.registers]
    listed = ", ".join(f"`{name}`" for name in alone)
    assert listed in " ".join(PAGE.read_text().split())
