"""The examples of docs/examples on simulated devices, second by second, as `kasbah demo --site`
runs them."""

from __future__ import annotations

import pytest

from agent.config.load import load_site
from tests.support.coupled import Coupled
from tests.support.simulator import SUMMER_NOON
from tests.test_examples_redundancy import FOLDER, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_mains_failure_in_an_example_is_what_it_was_built_for(name):
    """Generators and batteries are there for it: full all the time, no load lost or unprotected."""
    here = Coupled(load_site(FOLDER / f"{name}.yaml"), SUMMER_NOON)
    here.run(20)
    assert here.snapshot.redundancy.reasons == ()
    here.play("mains-failure")  # away for three minutes
    here.run(270)
    told = here.told()
    assert {(seen.status, seen.lost, seen.unprotected) for seen in told} == {(3, (), ())}
    # Between two polls some devices have told of a change and others not: mixed, never none.
    supplies = [seen.supply for seen in told if seen.supply != "mixed"]
    assert supplies == ["mains", "battery", "generator", "mains"]
