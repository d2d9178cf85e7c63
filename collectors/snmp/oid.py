"""Object identifiers in dotted form: their order and their tree. Pure."""

from __future__ import annotations


def below(oid: str, root: str) -> bool:
    """Whether `oid` lies in the subtree of `root`."""
    return oid.startswith(root + ".") or oid == root


def order(oid: str) -> list[int]:
    """The place of an OID in MIB order."""
    return [int(word) for word in oid.split(".")]


def after(oid: str, other: str) -> bool:
    """Whether `oid` comes after `other` in MIB order."""
    return order(oid) > order(other)
