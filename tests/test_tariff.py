"""What energy costs: each hour of the year has one price, in the time of the site."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cells import Span, Spans
from core.kpi import Kpis
from core.metering import Carbon, Energy
from core.quality import Quality
from core.snapshot import Kpi
from core.statement import Statements
from core.tariff import Period, Tariff, problems
from tests.support.api import make_view
from tests.support.energy import Bench, Metered, constant

WINTER = frozenset({10, 11, 12, 1, 2, 3})
SUMMER = frozenset(range(4, 10))

SEASONS = (
    Period("peak", 1.5, 17 * 4, 22 * 4, months=WINTER),
    Period("peak", 1.5, 18 * 4, 23 * 4, months=SUMMER),
    Period("full", 1.0, 7 * 4, 17 * 4, months=WINTER),
    Period("full", 1.0, 7 * 4, 18 * 4, months=SUMMER),
    Period("off-peak", 0.75, 22 * 4, 7 * 4, months=WINTER),
    Period("off-peak", 0.75, 23 * 4, 7 * 4, months=SUMMER),
)
CASABLANCA = Tariff("MAD", "Africa/Casablanca", SEASONS)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def line(tariff: Tariff, text: str) -> str:
    (number,) = tariff.numbers(at(text), 1)
    return tariff.periods[number].id


def test_a_whole_tariff_has_no_problems_and_a_price_for_every_cell():
    assert list(problems(SEASONS)) == []
    assert CASABLANCA.table.min() == 0
    assert CASABLANCA.lines == ("peak", "full", "off-peak")


def test_hours_without_a_price_and_with_two_are_named():
    gap = [each for each in SEASONS if each.id != "full"]
    assert list(problems(gap)) == [
        "no period has 07:00 to 17:00 in Jan, Feb, Mar, Oct, Nov, Dec: "
        "every hour of the year needs a price",
        "no period has 07:00 to 18:00 in Apr, May, Jun, Jul, Aug, Sep: "
        "every hour of the year needs a price",
    ]
    double = [*SEASONS, Period("weekend", 0.5, 0, 4, days=frozenset({5, 6}))]
    assert list(problems(double)) == [
        "'off-peak' and 'weekend' both have 00:00 to 01:00 on Sat, Sun in "
        "Jan, Feb, Mar, Oct, Nov, Dec: one price an hour",
        "'off-peak' and 'weekend' both have 00:00 to 01:00 on Sat, Sun in "
        "Apr, May, Jun, Jul, Aug, Sep: one price an hour",
    ]


@given(
    start=st.integers(0, 95),
    end=st.integers(0, 96),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    months=st.frozensets(st.integers(1, 12), min_size=1),
)
def test_a_period_and_what_it_leaves_over_are_the_year(start, end, days, months):
    period = Period("a", 1.0, start, end, days, months)
    count = np.zeros((12, 7, 96), dtype=int)
    count[period.cells()] += 1
    hours = len(period.quarters)
    assert hours == ((end - start) % 96 or 96)
    assert count.sum() == hours * len(days) * len(months)
    assert count.max() == 1
    assert bool(list(problems([period]))) == (count.sum() < count.size)


def test_prices_go_by_local_time_also_in_ramadan():
    assert line(CASABLANCA, "2026-01-15T16:00") == "peak", "17:00 in Casablanca"
    assert line(CASABLANCA, "2026-01-15T15:45") == "full"
    # In Ramadan clocks are an hour back: 16:00 UTC is 16:00 there.
    assert line(CASABLANCA, "2026-03-05T16:00") == "full"
    assert line(CASABLANCA, "2026-03-05T17:00") == "peak"
    assert line(CASABLANCA, "2026-07-15T16:45") == "full"
    assert line(CASABLANCA, "2026-07-15T17:00") == "peak"


def test_a_day_of_the_week_begins_at_local_midnight():
    weekend = Tariff(
        "MAD",
        "Africa/Casablanca",
        (
            Period("week", 1.0, 0, 96, days=frozenset(range(5))),
            Period("weekend", 0.5, 0, 96, days=frozenset({5, 6})),
        ),
    )
    assert line(weekend, "2026-05-01T22:45") == "week", "Friday, 23:45"
    assert line(weekend, "2026-05-01T23:00") == "weekend"


@given(
    wh=st.lists(st.floats(0, 1e6), min_size=1, max_size=300),
    cut=st.integers(0, 300),
    start=st.integers(0, 40_000),
)
def test_cost_does_not_depend_on_how_the_time_is_cut(wh, cut, start):
    begin = at("2026-01-01T00:00") + start * 900
    cut = min(cut, len(wh))
    whole = CASABLANCA.cost(begin, np.array(wh))
    parts = (
        CASABLANCA.cost(begin, np.array(wh[:cut])),
        CASABLANCA.cost(begin + cut * 900, np.array(wh[cut:])),
    )
    for name, cost in whole.items():
        assert cost == pytest.approx(parts[0][name] + parts[1][name])


def metered(hours: float, tariff: Tariff) -> Bench:
    mains, ups = Metered("mv", constant(100e3), 60.0), Metered("ups", constant(70e3), 60.0)
    energy = Energy(facility=(mains.input,), it=((1, (ups.input,)),), tariff=tariff)
    bench = Bench(Kpis(energy), [mains, ups])
    bench.run(hours * 3600, step_s=60.0, tick_s=60.0)
    bench.settle()
    return bench


def cost(bench: Bench, window: str) -> dict[str, float]:
    """By line; the tests' time begins on a Friday in January at 08:00 UTC, 09:00 there."""
    return {
        kpi.scope: kpi.value
        for kpi in bench.seen[-1][1]
        if kpi.id == "energy_cost" and kpi.window == window
    }


def in_all(bench: Bench) -> Kpi:
    found = (kpi for kpi in bench.seen[-1][1] if kpi.id == "energy_cost" and not kpi.scope)
    return next(kpi for kpi in found if kpi.window == "24h")


def test_imported_energy_is_priced_by_the_hour_and_its_lines_add_up():
    bench = metered(24.5, CASABLANCA)
    found = cost(bench, "24h")
    assert found["peak"] == pytest.approx(5 * 100 * 1.5, rel=1e-3)
    assert found["full"] == pytest.approx(10 * 100 * 1.0, rel=0.03), "to the quarter of an hour"
    assert found["off-peak"] == pytest.approx(9 * 100 * 0.75, rel=1e-3)
    assert found[""] == pytest.approx(found["peak"] + found["full"] + found["off-peak"])
    (figure,) = (
        k for k in bench.seen[-1][1] if (k.id, k.window) == ("energy_cost", "24h") and not k.scope
    )
    assert (figure.unit, figure.quality) == ("MAD", Quality.GOOD)
    assert figure.inputs == ("mv/active_energy",)


def test_a_young_window_costs_what_flowed_so_far_and_says_so():
    bench = metered(2.0, CASABLANCA)
    for window in ("24h", "30d", "12mo"):
        assert cost(bench, window)["full"] == pytest.approx(2 * 100, rel=0.02)
    figure = in_all(bench)
    assert figure.quality is Quality.YOUNG


def test_hours_that_are_not_known_are_not_priced_and_lower_the_coverage():
    bench = metered(12.0, CASABLANCA)
    bench.meters[0].silent = True
    bench.run(8 * 3600, step_s=60.0, tick_s=60.0)
    bench.settle()
    figure = in_all(bench)
    # 09:00 to 21:00 there: eight full hours, four of the peak.
    assert figure.value == pytest.approx(8 * 100 + 4 * 100 * 1.5, rel=0.02)
    assert figure.coverage == pytest.approx(12 / 20, abs=0.01)
    assert figure.quality is Quality.YOUNG


def test_without_a_meter_of_what_comes_in_there_is_no_cost():
    ups = Metered("ups", constant(70e3))
    bench = Bench(Kpis(Energy(it=((1, (ups.input,)),), tariff=CASABLANCA)), [ups])
    bench.run(30)
    assert cost(bench, "24h") == {}


def months() -> Statements:
    """A site of 1400 kW from the grid and 1000 kW of IT, known from December to the 10th of March
    2026."""
    mains, ups = Metered("mv", constant(1400e3)).input, Metered("ups", constant(1000e3)).input
    carbon = Carbon(600.0, 2021, "location", "x")
    kpis = Kpis(Energy(facility=(mains,), it=((1, (ups,)),), carbon=carbon, tariff=CASABLANCA))
    begin, now = at("2025-12-01T00:00"), at("2026-03-10T00:00")
    kpis.meters.since[:], kpis.meters.until[:] = begin, now
    kpis.meters.update(make_view(readings=()), now)
    for column, watts in enumerate((1400e3, 1000e3)):
        wh = watts * (now - begin) / 3600
        span = Span(begin, now, wh, begin, estimated=False)
        kpis.meters.ledger.add(Spans.of([column], [span]), now)
    return Statements(kpis, "Africa/Casablanca")


def test_a_month_has_its_cost_by_local_time_and_its_other_figures():
    found = {(k.id, k.scope): k for k in months().audit("2026-02").figures}
    # 28 days of five peak hours, and ten full ones; Ramadan's hour makes the night longer.
    assert found["energy_cost", "peak"].value == pytest.approx(28 * 5 * 1400 * 1.5)
    assert found["energy_cost", "full"].value == pytest.approx(28 * 10 * 1400 * 1.0)
    assert found["energy_cost", "off-peak"].value == pytest.approx((28 * 9 + 1) * 1400 * 0.75)
    whole = found["energy_cost", ""]
    assert (whole.unit, whole.window, whole.quality) == ("MAD", "2026-02", Quality.GOOD)
    assert found["cue", ""].value == pytest.approx(1.4 * 0.6)
    assert found["carbon_emissions", ""].value == pytest.approx((28 * 24 + 1) * 1400 * 0.6)


def test_a_month_that_runs_costs_what_flowed_so_far_and_a_year_the_sum_of_its_months():
    statements = months()
    by_month = [
        next(kpi for kpi in statements.audit(name).figures if kpi.id == "energy_cost")
        for name in ("2026-01", "2026-02", "2026-03")
    ]
    assert by_month[2].quality is Quality.YOUNG
    assert by_month[2].reason == "2026-03 is not over"
    year = statements.table(2026)[-1]
    costs = [kpi.value for kpi in year.figures if kpi.id == "energy_cost" and not kpi.scope]
    assert costs == [pytest.approx(sum(month.value for month in by_month))]


def test_a_month_of_which_too_little_is_known_costs_nothing_that_is_told():
    figures = months().audit("2025-11").figures
    assert {kpi.value for kpi in figures} == {None}
    assert all(kpi.reason for kpi in figures)
