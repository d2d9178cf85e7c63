"""Devices and the state of the site in few words, as JSON-ready dictionaries.

Owns what of a device may be seen: its address without anything that opens a door.
"""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import parse_qsl, urlencode, urlsplit

from api.encode import Doc, redundancy_headline
from api.times import iso
from core.site import Device, Site
from core.snapshot import DeviceStatus, Snapshot
from core.vocabulary import Severity

_LINE_SETTINGS = frozenset({"baud", "parity", "stop", "stopbits", "data", "databits", "bytesize"})
"""Settings of a serial line in an address: the only ones that may be shown."""
_LOGIN = re.compile(r"^[^/]*@")


def public_address(address: str) -> str:
    """The address without user, password, community or any unknown setting."""
    parts = urlsplit(address)
    where = _LOGIN.sub("", parts.netloc)
    # modbus+rtu:///dev/ttyS0?baud=9600/1 carries the unit behind the settings.
    settings, slash, unit = parts.query.partition("/")
    shown = [(key, value) for key, value in parse_qsl(settings) if key in _LINE_SETTINGS]
    query = urlencode(shown) + slash + unit
    return f"{parts.scheme}://{where}{parts.path}" + (f"?{query}" if query else "")


def device_state(device: Device, status: DeviceStatus | None) -> str:
    """`up`, `down`, `waiting` (not tried yet) or `retired`."""
    if device.lifecycle == "retired":
        return "retired"
    if status is None or not status.tried:
        return "waiting"
    return "up" if status.up else "down"


def device(described: Device, status: DeviceStatus | None) -> Doc:
    """One device: what the site file says of it, what it says of itself, how its polling goes."""
    plate = status.nameplate if status else None
    return {
        "id": described.id,
        "name": described.name,
        "class": described.device_class,
        "status": device_state(described, status),
        "profile": (status.profile if status else "") or described.profile,
        "address": public_address(described.address),
        "place": described.place,
        "side": described.side,
        "lifecycle": described.lifecycle,
        "rating_kw": described.rating_kw,
        "rating_kva": described.rating_kva,
        "asset_tag": described.asset_tag,
        "external_ids": dict(described.external_ids),
        "nameplate": {
            "vendor": plate.vendor if plate else "",
            "model": plate.model if plate else "",
            "serial": plate.serial if plate else "",
            "firmware": plate.firmware if plate else "",
        },
        "last_success": iso(status.last_success) if status else None,
        "last_error": status.last_error if status else "",
        "errors": list(status.errors) if status else [],
        "poll": {
            "interval_s": described.poll.interval_s,
            "duration_s": status.poll_duration_s if status else None,
            "polls": status.polls if status else 0,
            "failures": status.failures if status else 0,
            "skipped": status.skipped if status else 0,
        },
        "point_count": status.points if status else 0,
    }


def device_counts(site: Site, snapshot: Snapshot) -> Doc:
    """How many devices are up, down and not tried yet, and which are down. Retired ones are out."""
    states = {one.id: device_state(one, snapshot.devices.get(one.id)) for one in site.devices}
    counts = Counter(states.values())
    return {
        "total": len(states) - counts["retired"],
        "up": counts["up"],
        "down": counts["down"],
        "waiting": counts["waiting"],
        "down_ids": [name for name, state in states.items() if state == "down"],
    }


def alarm_counts(snapshot: Snapshot) -> Doc:
    """Active alarms by severity, and all together."""
    counts = Counter(alarm.severity for alarm in snapshot.alarms)
    by_name = {
        severity.name.lower(): counts[severity]
        for severity in (Severity.CRITICAL, Severity.WARNING, Severity.UNKNOWN)
    }
    return by_name | {"total": len(snapshot.alarms)}


def headline(site: Site, snapshot: Snapshot) -> Doc:
    """The site in one look: what `/status` begins with and every event of the stream carries."""
    return {
        "version": snapshot.version,
        "time": iso(snapshot.time),
        "ready": snapshot.ready,
        "supply": snapshot.supply,
        "redundancy": redundancy_headline(snapshot.redundancy),
        "alarms": alarm_counts(snapshot),
        "maintenance": maintenance_ids(snapshot),
        "devices": device_counts(site, snapshot),
    }


def maintenance_ids(snapshot: Snapshot) -> Doc:
    """Announced maintenance that is not over, by how it stands."""
    found: dict[str, list[str]] = {"planned": [], "active": [], "overdue": [], "worse": []}
    for status in snapshot.maintenance:
        if status.state in found:
            found[status.state].append(status.window.id)
        if status.worse:
            found["worse"].append(status.window.id)
    return found
