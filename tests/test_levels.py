"""Time at each level, by calendar month."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine import Engine
from core.levels import UNSEEN_S, Levels
from core.site import Group, Node, Site

CASABLANCA = "Africa/Casablanca"
SITE = Site(
    "levels",
    "",
    CASABLANCA,
    power=(
        Node("utility", "utility", capacity_kw=100),
        Node("gen", "genset", capacity_kw=100),
        Node("ats", "ats", ("utility", "gen"), capacity_kw=100),
        Node("rack", "load", ("ats",), demand_kw=10, short_break=True),
    ),
    groups=(Group("gensets", "N+R", ("gen",), 0),),
)
BLANK = Engine(SITE, 0.0).snapshot


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(CASABLANCA)).timestamp()


def seen(time, status=3, supply="mains", *, ready=True):
    """A snapshot with just what is looked at."""
    report = replace(BLANK.redundancy, status=status, groups=())
    return replace(BLANK, time=time, redundancy=report, supply=supply, ready=ready)


def test_time_is_counted_at_the_level_that_stood():
    levels, start = Levels(CASABLANCA), utc("2026-11-10T12:00")
    for second, status in ((0, 3), (10, 3), (25, 1), (40, 3), (50, 3)):
        levels.update(seen(start + second, status))
    month = levels.month("2026-11", start + 50)
    assert month.seconds["site"] == {"full": 35.0, "at_n": 15.0}
    assert month.seconds["supply"] == {"mains": 50.0}
    assert month.unobserved_s["site"] == pytest.approx(start - utc("2026-11-01T00:00"))


def test_a_month_ends_at_local_midnight():
    levels, midnight = Levels(CASABLANCA), utc("2026-12-01T00:00")
    levels.update(seen(midnight - 20))
    levels.update(seen(midnight + 10, 2))
    assert levels.month("2026-11", midnight + 10).seconds["site"] == {"full": 20.0}
    assert levels.month("2026-12", midnight + 10).seconds["site"] == {"full": 10.0}
    assert levels.month("2026-11", midnight + 10).until == midnight
    assert levels.totals()["site"] == {"full": 30.0}


def test_what_nobody_saw_is_unobserved():
    levels, start = Levels(CASABLANCA), utc("2026-11-01T00:00")
    levels.update(seen(start, ready=False))
    levels.update(seen(start + 30))
    levels.update(seen(start + 30 + UNSEEN_S))
    levels.update(seen(start + 31 + 2 * UNSEEN_S))
    month = levels.month("2026-11", start + 31 + 2 * UNSEEN_S)
    assert month.seconds["site"] == {"full": UNSEEN_S}
    assert month.unobserved_s["site"] == pytest.approx(31 + UNSEEN_S)


def test_an_hour_that_comes_twice_is_counted_once():
    levels, start = Levels(CASABLANCA), utc("2026-11-10T12:00")
    for second in range(0, 3601, 30):
        levels.update(seen(start + second))
    for second in range(0, 3661, 30):
        levels.update(seen(start + second, 1))
    month = levels.month("2026-11", start + 3660)
    assert month.seconds["site"] == {"full": 3600.0, "at_n": 60.0}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.5, 1.0, 30.0, 90.0, 4000.0, 86_400.0 * 9, -10.0, -3600.0]),
            st.integers(-1, 3),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_levels_and_unobserved_time_make_up_every_month(steps):
    levels, now = Levels(CASABLANCA), utc("2026-02-25T10:00")
    for wait_s, status, restarts in steps:
        now += wait_s
        levels.update(seen(now, status))
        if restarts:
            state = json.loads(json.dumps(levels.state()))
            levels = Levels(CASABLANCA)
            levels.restore(state)
        for name in ("2026-02", "2026-03", "2026-04"):
            month = levels.month(name, now)
            for part, seconds in month.seconds.items():
                assert min(seconds.values(), default=0.0) >= 0
                assert month.unobserved_s[part] >= -1e-6
                whole = sum(seconds.values()) + month.unobserved_s[part]
                assert whole == pytest.approx(month.until - month.period.start, abs=1e-6)


@pytest.mark.parametrize(("name", "said"), [("2026", "is a year"), ("11/2026", "neither")])
def test_another_name_is_no_month(name, said):
    with pytest.raises(ValueError, match=said):
        Levels(CASABLANCA).month(name, 0.0)


def test_levels_survive_a_restart_of_the_engine():
    start = utc("2026-11-10T12:00")
    engine = Engine(SITE, start)
    for second in range(10):
        engine.tick(start + second)
    kept = engine.state()
    again = Engine(SITE, start + 100)
    again.restore(kept, start + 100)
    again.tick(start + 100)
    month = again.levels("2026-11")
    (level,) = month.seconds["group/gensets"]
    assert month.seconds["group/gensets"][level] == 9.0
    assert month.until == start + 100
    assert again.snapshot.levels["site"] == month.seconds["site"]
