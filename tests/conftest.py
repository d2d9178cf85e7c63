"""How the tests are spread over workers (`make test`): file by file, so that what is dear to set up
is set up once; the tests of some files one by one."""

from __future__ import annotations

from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_ONE_BY_ONE = frozenset(("tests/test_scenarios_virtual.py", "tests/test_scenarios_examples.py"))
"""Their tests are long and share nothing: they come last, and fill up both workers."""


class _Spread(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in _ONE_BY_ONE else file


def pytest_xdist_make_scheduler(config: object, log: Producer) -> _Spread:
    return _Spread(config, log)
