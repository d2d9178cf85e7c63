"""Secrets are read from files, never written anywhere."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConfigError, Problem


def first_line(path: Path) -> str:
    """First line of a secret's file. Raises ConfigError when it cannot be read or is empty."""
    try:
        text = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise ConfigError([Problem(str(path), 0, "", f"cannot be read: {reason}")]) from None
    if not text or not text[0].strip():
        raise ConfigError([Problem(str(path), 1, "", "is empty: its first line is the secret")])
    return text[0].strip()
