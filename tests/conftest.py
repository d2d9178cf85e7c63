"""How tests are run: spread over workers (`make test`) file by file, so that what is dear to set up
is set up once, the tests of some files one by one; properties with the same examples each time, so
that whether a change lands is no matter of luck. `make hunt` looks for new ones."""

from __future__ import annotations

from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_ONE_BY_ONE = frozenset(("tests/test_scenarios_virtual.py", "tests/test_scenarios_examples.py"))
"""Their tests are long and share nothing: they come last, and fill up both workers."""


settings.register_profile("gate", derandomize=True)
settings.register_profile("hunt", derandomize=False, print_blob=True)
settings.load_profile("gate")


class _Spread(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in _ONE_BY_ONE else file


def pytest_xdist_make_scheduler(config: object, log: Producer) -> _Spread:
    return _Spread(config, log)
