"""`kasbah profiles`: what the device library knows."""

from __future__ import annotations

from collectors.profile import library

from agent.config.checks import nearest
from core.errors import KasbahError


def profiles(name: str | None, *, json: bool) -> None:
    """List the library, or show one profile with its points and their sources."""
    shelf = library()
    if name is None:
        _list([shelf.load(known) for known in sorted(shelf.names())], json=json)
        return
    if name not in shelf.names():
        raise KasbahError(f"there is no profile '{name}'{nearest(name, shelf.names())}")
    _show(shelf.load(name), json=json)


def _list(shelf: list[Profile], *, json: bool) -> None:
    if json:
        rows = [
            {
                "profile": profile.name,
                "class": profile.device_class,
                "protocol": profile.protocol,
                "title": profile.title,
                "simulated": profile.simulated,
                "points": len(profile.points),
            }
            for profile in shelf
        ]
        print(json_.dumps({"profiles": rows}, indent=2))
        return
    for profile in shelf:
        note = " (simulated)" if profile.simulated else ""
        print(
            f"{profile.name:<24} {profile.device_class:<16} {profile.protocol:<8} {profile.title}{note}"
        )
    print(f"{len(shelf)} profiles; `kasbah profiles NAME` shows one.")
