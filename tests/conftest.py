"""How the tests are spread over workers: `pytest -n logical --dist loadgroup` (`make test`)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

_SHARED = {"class", "module", "package", "session"}


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Tests of a file that share what is dear to set up, such as a running demo, stay together."""
    for item in items:
        fixtures = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009
        if any(one.scope in _SHARED for found in fixtures for one in found):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
