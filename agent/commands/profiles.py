"""`kasbah profiles`: what the device library knows."""

from __future__ import annotations

import json as json_

from agent.words import nearest
from collectors.profile import PointSpec, Profile, library
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
        kind = f"{profile.device_class:<16} {profile.protocol:<8}"
        print(f"{profile.name:<24} {kind} {profile.title}{note}")
    print(f"{len(shelf)} profiles; `kasbah profiles NAME` shows one.")


def _show(profile: Profile, *, json: bool) -> None:
    if json:
        points = [
            {
                "point": spec.keys.point,
                "where": where(spec),
                "speed": spec.keys.speed,
                "status": spec.keys.status,
                "source": spec.keys.source,
            }
            for spec in profile.points
        ]
        head = {
            "profile": profile.name,
            "class": profile.device_class,
            "protocol": profile.protocol,
            "title": profile.title,
            "source": profile.source,
            "simulated": profile.simulated,
        }
        print(json_.dumps({**head, "points": points}, indent=2))
        return
    print(f"{profile.name}: {profile.title}")
    print(f"  class {profile.device_class}, {profile.protocol}, after {profile.source}")
    if profile.simulated:
        print("  a map of Kasbah's own: no public one exists")
    for spec in profile.points:
        note = "  (unverified)" if spec.keys.status == "unverified" else ""
        place = f"{where(spec):<34} {spec.keys.speed:<5}"
        print(f"  {spec.keys.point:<36} {place} {spec.keys.source}{note}")


def where(spec: PointSpec) -> str:
    """Where a point is read, in a word or two."""
    keys = spec.keys
    if keys.oid is not None:
        return keys.oid
    if keys.walk is not None:
        return f"{keys.walk}.*"
    if keys.listed is not None:
        return keys.listed.holds
    if keys.field is not None:
        return f"model {'/'.join(map(str, spec.models))} {keys.field}"
    return f"{keys.fc or ''}:{keys.address} {keys.type or ''}".strip()
