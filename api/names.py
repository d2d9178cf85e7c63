"""What is said of an id that is nothing in the site."""

from __future__ import annotations

from api.errors import ApiError, not_found
from core.redundancy.words import names
from core.site import Site
from core.words import nearest


def unknown_id(site: Site, name: str) -> ApiError:
    """A 404 that names the id, and what was probably meant: a group's members, or what comes
    close."""
    groups = {group.id: group.members for group in site.groups}
    groups |= {group.id: group.members for group in site.cooling.groups}
    if name in groups:
        words = f"'{name}' is a group: name its members, {names(groups[name])}."
        return not_found("unknown_id", words)
    known = [node.id for node in site.power] + [unit.id for unit in site.cooling.units]
    known += [device.id for device in site.devices]
    words = f"There is no node, cooling unit or device '{name}' in this site"
    return not_found("unknown_id", f"{words}{nearest(name, known)}.".replace("?.", "?"))
