"""Credentials of the site file and of `--credentials`: what must go together, and secrets read from
their files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.config.schema import CredentialKeys
from agent.secretfile import first_line
from core.errors import ConfigError
from core.site import Credentials, SnmpUser

PASSWORD_OCTETS_MIN = 8
"""Source: RFC 3414 section 11.2."""

USER_OCTETS_MAX = 32
"""Source: RFC 3414 section 5, usmUserName."""

_USER_KEYS = ("user", "auth", "auth_key_file", "priv", "priv_key_file", "context")
_COMMUNITY_KEYS = ("community", "community_file")


def problems(keys: CredentialKeys, folder: Path) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry: the key, empty for the entry as a whole, and a sentence. Files
    are looked for from `folder` on."""
    foreign = _COMMUNITY_KEYS if keys.version == "v3" else _USER_KEYS
    for key in foreign:
        if getattr(keys, key):
            yield key, f"does not go with version {keys.version}"
    if keys.version == "v3":
        yield from _user_problems(keys, folder)
    elif keys.community is not None and keys.community_file is not None:
        yield "", "has both community and community_file: keep one"
    elif keys.community is None and keys.community_file is None:
        yield "", "has no community: add community_file (or community)"
    elif keys.community_file is not None:
        yield from _file_problems("community_file", keys.community_file, folder, 1)


def _user_problems(keys: CredentialKeys, folder: Path) -> Iterator[tuple[str, str]]:
    if not keys.user:
        yield "", "has no user: add user"
    elif len(keys.user.encode()) > USER_OCTETS_MAX:
        yield "user", f"is longer than the {USER_OCTETS_MAX} octets that a user name may have"
    for what, protocol, file in (
        ("auth", keys.auth, keys.auth_key_file),
        ("priv", keys.priv, keys.priv_key_file),
    ):
        if what == "priv" and protocol and not keys.auth:
            yield "priv", "needs auth: SNMPv3 encrypts nothing that is not authenticated"
        elif protocol and not file:
            yield "", f"has {what} but no password: add {what}_key_file"
        elif file and not protocol:
            yield "", f"has {what}_key_file but no protocol: add {what}"
        elif file:
            yield from _file_problems(f"{what}_key_file", file, folder, PASSWORD_OCTETS_MIN)


def _file_problems(key: str, file: str, folder: Path, octets_min: int) -> Iterator[tuple[str, str]]:
    try:
        secret = first_line(folder / file)
    except ConfigError as error:
        yield key, str(error)
    else:
        if len(secret.encode()) < octets_min:
            yield key, f"its password is too short: SNMPv3 wants {octets_min} characters at least"


def resolve(name: str, keys: CredentialKeys, folder: Path) -> Credentials:
    """An entry without problems, its secrets read. Raises ConfigError for a file that cannot be."""

    def secret(file: str | None) -> str:
        return first_line(folder / file) if file else ""

    if keys.version != "v3":
        community = secret(keys.community_file) or keys.community or "public"
        return Credentials(name, keys.version, community)
    user = SnmpUser(
        keys.user or "",
        keys.auth,
        secret(keys.auth_key_file).encode(),
        keys.priv,
        secret(keys.priv_key_file).encode(),
        keys.context,
    )
    return Credentials(name, "v3", "", user)
