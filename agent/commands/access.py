"""Credentials and addresses as the one-shot commands take them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from agent.config.credentials import problems, resolve
from agent.config.schema import CredentialKeys
from agent.config.source import read
from core.errors import ConfigError, Problem
from core.site import Credentials
from core.words import nearest


def credentials(community: str | None, file_and_name: str | None) -> Credentials:
    """What to log in with: the file's entry, else the community given, KASBAH_COMMUNITY, or
    `public`.

    Warns on stderr about a community on the command line. Raises ConfigError.
    """
    if file_and_name:
        return _from_file(file_and_name)
    if community is not None:
        print(
            "warning: other users of this machine can see --community: "
            "use KASBAH_COMMUNITY or --credentials FILE:NAME",
            file=sys.stderr,
        )
        return Credentials("command line", "v2c", community)
    return Credentials("default", "v2c", os.environ.get("KASBAH_COMMUNITY", "public"))


def _from_file(text: str) -> Credentials:
    file, _, name = text.rpartition(":")
    if not file or not name:
        raise ConfigError([Problem("command line", 0, "--credentials", "write FILE:NAME")])
    path = Path(file)
    document = read(path)
    entries = document.data.get("credentials")
    if not isinstance(entries, dict) or name not in entries:
        known = entries if isinstance(entries, dict) else {}
        message = f"there are no credentials '{name}'{nearest(name, known)}"
        raise ConfigError([document.problem(("credentials",), message)])
    try:
        keys = CredentialKeys.model_validate(entries[name])
    except ValidationError as error:
        mistakes = [
            document.problem(("credentials", name, *item["loc"]), f"is not right: {item['msg']}")
            for item in error.errors(include_input=False)  # it may be a secret
        ]
        raise ConfigError(mistakes) from None
    wrong = [
        document.problem(("credentials", name, *([key] if key else [])), message)
        for key, message in problems(keys, path.parent)
    ]
    if wrong:
        raise ConfigError(wrong)
    return resolve(name, keys, path.parent)
