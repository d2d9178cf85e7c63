"""Months and years: local calendar, PUE from energies, what is provisional, what was revised."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import Calendar
from core.cells import Span, Spans
from core.kpi import Kpis
from core.ledger import CELL_S, RULES, Ledger
from core.metering import Energy, EnergyInput
from core.statement import Statements
from tests.support.api import make_view

ZONES = (
    "Africa/Casablanca", "Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Pacific/Chatham", "America/New_York", "Asia/Beirut", "UTC",
)  # fmt: skip
HOUR_S = 3600.0


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_ramadan_moves_the_clock_of_casablanca_and_a_month_has_the_hours_it_has():
    calendar = Calendar("Africa/Casablanca")
    # 2026: UTC+1, but UTC from 15 February to 22 March (tzdata).
    february, march, april = (calendar.month(2026, month) for month in (2, 3, 4))
    assert february.start == utc("2026-01-31T23:00")
    assert march.start == utc("2026-03-01T00:00")
    assert april.start == utc("2026-03-31T23:00")
    assert february.end - february.start == (28 * 24 + 1) * HOUR_S
    assert march.end - march.start == (31 * 24 - 1) * HOUR_S


def test_names_of_months_and_years_are_understood_and_others_are_told():
    calendar = Calendar("Europe/Paris")
    assert calendar.named("2026-03") == calendar.month(2026, 3)
    assert calendar.named("2026").whole_year
    assert str(calendar.named("2028-02").last) == "2028-02-29"
    for wrong in ("2026-13", "2026-3", "26", "", "2026-03-01", "٢٠٢٦", "1999", "9999"):
        with pytest.raises(ValueError, match=wrong or "neither"):
            calendar.named(wrong)
    assert calendar.month_of(utc("2026-03-31T22:00")).name == "2026-04"


@pytest.mark.parametrize("zone", ZONES)
def test_months_follow_one_another_and_begin_with_a_quarter_of_an_hour(zone):
    calendar = Calendar(zone)
    end = calendar.month(2019, 12).end
    for year in range(2020, 2040):
        months = calendar.months(year)
        assert (months[0].start, months[-1].end) == (
            calendar.year(year).start,
            calendar.year(year).end,
        )
        for month in months:
            assert month.start == end
            assert month.start % CELL_S == 0
            end = month.end


@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    spans=st.lists(
        st.tuples(st.floats(0, 390 * 24), st.floats(0.001, 60), st.floats(0, 1e6)), min_size=1
    ),
)
def test_the_sum_of_the_months_is_the_sum_of_the_cells(zone, spans):
    begin = utc("2025-12-20T00:00")
    ledger = Ledger(1)
    for start_h, hours, wh in spans:
        start = begin + start_h * HOUR_S
        span = Span(start, start + hours * HOUR_S, wh, start, estimated=False)
        ledger.add(Spans.of([0], [span]), start)
    calendar = Calendar(zone)
    months = [calendar.month(2025, 12), *calendar.months(2026), *calendar.months(2027)[:2]]
    one = np.array([0])
    found = sum(ledger.days(one, month.start, month.end).wh.sum() for month in months)
    assert found == pytest.approx(ledger.total_wh[0], rel=1e-9, abs=1e-6)
    assert found == pytest.approx(sum(wh for _, _, wh in spans), rel=1e-9, abs=1e-6)


# Statements

NAMES = ("mv", "ups", "rpp")
INPUTS = tuple(EnergyInput(f"{name}/active_energy", f"{name}/active_power") for name in NAMES)
BEGIN = utc("2025-12-01T00:00")
NOW = utc("2026-03-10T00:00")


class Plant:
    """Three meters with 1400, 1000 and 950 kW since December, as `known` says."""

    WATTS = (1400e3, 1000e3, 950e3)

    def __init__(self) -> None:
        self.kpis = Kpis(Energy(facility=INPUTS[:1], it=((1, INPUTS[1:2]), (2, INPUTS[2:]))))
        self.statements = Statements(self.kpis, "Africa/Casablanca")
        meters = self.kpis.meters
        meters.since[:], meters.until[:] = BEGIN, NOW
        meters.update(make_view(readings=()), NOW)

    def known(self, meter: int, start: float, end: float, *, estimated: bool = False) -> None:
        wh = self.WATTS[meter] * (end - start) / HOUR_S
        span = Span(start, end, wh, start, estimated)
        self.kpis.meters.added = Spans.of([meter], [span])
        self.kpis.meters.ledger.add(self.kpis.meters.added, min(end, NOW))

    def month(self, name: str):
        statement = self.statements.audit(name)
        return statement, {each.figure.category: each for each in statement.pue}


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    for meter in range(3):
        plant.known(meter, BEGIN, NOW)
    return plant


def test_a_month_that_is_known_is_final_with_its_energies_and_notation(plant):
    statement, pue = plant.month("2026-02")
    hours = 28 * 24 + 1
    assert pue[1].figure.value == pytest.approx(1.4)
    assert pue[1].facility_wh == pytest.approx(1400e3 * hours)
    assert pue[1].it_wh == pytest.approx(1000e3 * hours)
    assert (pue[1].standing, pue[1].notation) == ("final", "iPUE1(2026-02-01:2026-02-28)")
    assert pue[2].figure.value == pytest.approx(1400 / 950)
    assert statement.rules == (RULES,)
    assert statement.edition == "ISO/IEC 30134-2:2016"
    assert statement.meters[0].roles == (("facility", 1), ("grid_import", 1))
    assert [share.gaps for share in statement.meters] == [(), (), ()]
    assert [share.wh for share in statement.meters] == pytest.approx(
        [1400e3 * hours, 1000e3 * hours, 950e3 * hours]
    )


def test_a_month_that_is_not_over_says_so_and_one_to_come_has_nothing(plant):
    statement, pue = plant.month("2026-03")
    assert (pue[1].standing, pue[1].figure.reason) == ("running", "2026-03 is not over")
    assert pue[1].figure.value == pytest.approx(1.4)
    assert (statement.until, statement.end) == (NOW, utc("2026-03-31T23:00"))
    _, pue = plant.month("2026-04")
    assert (pue[1].standing, pue[1].figure.value) == ("none", None)
    assert pue[1].figure.reason == "no energy was metered in 2026-04"


@pytest.mark.parametrize(
    ("known", "standing"), [(0.96, "final"), (0.90, "provisional"), (0.79, "none")]
)
def test_below_95_percent_a_month_is_provisional_and_below_80_there_is_none(known, standing):
    plant = Plant()
    month = Calendar("Africa/Casablanca").month(2026, 1)
    plant.known(0, month.start, month.end)
    plant.known(1, month.start, month.start + known * (month.end - month.start))
    _, pue = plant.month("2026-01")
    assert pue[1].standing == standing
    assert pue[1].figure.coverage == pytest.approx(known, abs=0.001)
    assert (pue[1].figure.value is None) == (standing == "none")


def test_a_gap_is_listed_with_its_meter_and_takes_the_energy_of_the_others_out():
    plant = Plant()
    gap = utc("2026-02-10T08:00"), utc("2026-02-10T14:30")
    plant.known(0, BEGIN, NOW)
    plant.known(1, BEGIN, gap[0])
    plant.known(1, gap[1], NOW)
    statement, pue = plant.month("2026-02")
    assert statement.meters[1].gaps == (gap,)
    assert pue[1].figure.value == pytest.approx(1.4)
    assert pue[1].facility_wh == pytest.approx(1400e3 * (28 * 24 + 1 - 6.5))


def test_late_energy_changes_a_month_that_is_over_and_is_told():
    plant = Plant()
    gap = utc("2026-02-10T08:00"), utc("2026-02-15T08:00")
    plant.known(0, BEGIN, NOW)
    plant.known(1, BEGIN, gap[0])
    plant.known(1, gap[1], NOW)
    for each in plant.kpis.meters.ledger._pages.values():
        each.changed[:] = utc("2026-02-28T23:30")
    plant.kpis.meters.added = Spans.of((), ())
    before, pue = plant.month("2026-02")
    assert (before.revised, pue[1].standing) == (None, "provisional")
    assert plant.statements.revised() == ""

    wh = 1000e3 * 5 * 24
    late = Spans.of([1], [Span(*gap, wh, gap[0], estimated=True)])
    plant.kpis.meters.added = late
    plant.kpis.meters.ledger.add(late, NOW)
    assert plant.statements.revised() == "2026-02 is revised: late energy of ups"
    after, pue = plant.month("2026-02")
    assert after.revised == NOW
    assert pue[1].standing == "final"
    assert pue[1].it_wh == pytest.approx(1000e3 * (28 * 24 + 1))
    assert pue[1].figure.estimated_ratio == pytest.approx(5 * 24 / (28 * 24 + 1), abs=1e-6)


def test_a_meter_that_came_later_does_not_take_the_months_before_it_away():
    plant = Plant()
    plant.WATTS = (2800e3, 1000e3, 950e3)
    plant.kpis = Kpis(Energy(facility=INPUTS[:1], it=((1, INPUTS[1:]),)))
    plant.statements = Statements(plant.kpis, "UTC")
    came = utc("2026-02-01T00:00")
    meters = plant.kpis.meters
    meters.since[:], meters.until[:] = (BEGIN, BEGIN, came), NOW
    meters.update(make_view(readings=()), NOW)
    for meter, begin in enumerate((BEGIN, BEGIN, came)):
        plant.known(meter, begin, NOW)
    assert plant.month("2026-01")[1][1].figure.value == pytest.approx(2.8)
    assert plant.month("2026-01")[1][1].it_wh == pytest.approx(1000e3 * 31 * 24)
    assert plant.month("2026-02")[1][1].it_wh == pytest.approx(1950e3 * 28 * 24)


def test_a_year_table_has_twelve_months_and_the_year(plant):
    *months, year = plant.statements.table()
    assert [month.name for month in months] == [f"2026-{number:02}" for number in range(1, 13)]
    assert (year.name, year.until) == ("2026", NOW)
    parts = sum(month.energies[0].wh for month in months)
    assert parts == pytest.approx(year.energies[0].wh)


def test_tv3_energies_are_added_before_they_are_divided():
    """TV-3: (1200, 600) and (2000, 1400) give 3200 / 2000, not the mean of 2.0 and 1.43."""
    plant = Plant()
    january, february = Calendar("UTC").months(2026)[:2]
    for meter, energies in ((0, (1200e3, 2000e3)), (1, (600e3, 1400e3))):
        for month, wh in zip((january, february), energies, strict=True):
            span = Span(month.start, month.end, wh, month.start, estimated=False)
            plant.kpis.meters.ledger.add(Spans.of([meter], [span]), month.end)
    sums = plant.kpis.meters.ledger.days(np.array([0, 1]), january.start, february.end)
    facility_wh, it_wh = sums.wh.sum(axis=0)
    assert round(facility_wh / it_wh, 3) == 1.600
    assert round((1200 / 600 + 2000 / 1400) / 2, 3) == 1.714


def test_tv4_a_gap_of_one_meter_is_left_out_of_both_or_filled_and_told():
    """TV-4: matched pairs give 1.4667 with 75 % known; a linear fill 1.4641 with 25 % estimated."""
    both = np.array([0, 1])
    ledger = Ledger(2)
    kilowatts = ((370, 372, 375, 380), (250, 255, None, 260))
    for meter, values in enumerate(kilowatts):
        for i, kw in enumerate(values):
            if kw is not None:
                start = BEGIN + i * CELL_S
                span = Span(start, start + CELL_S, kw * 250.0, start, estimated=False)
                ledger.add(Spans.of([meter], [span]), start)
    found = ledger.sums(both, BEGIN, BEGIN + 4 * CELL_S)
    facility_wh, it_wh = found.wh.sum(axis=0)
    assert round(facility_wh / it_wh, 4) == 1.4667
    assert found.span_s / (4 * CELL_S) == 0.75

    start = BEGIN + 2 * CELL_S
    fill = Span(start, start + CELL_S, (255 + 260) / 2 * 250.0, start, estimated=True)
    ledger.add(Spans.of([1], [fill]), start)
    found = ledger.sums(both, BEGIN, BEGIN + 4 * CELL_S)
    facility_wh, it_wh = found.wh.sum(axis=0)
    assert round(facility_wh / it_wh, 4) == 1.4641
    assert found.span_s / (4 * CELL_S) == 1.0
    assert round(found.estimated_wh.sum(axis=0)[1] / it_wh, 2) == 0.25


def test_every_version_of_the_rules_is_told_in_the_documentation():
    page = (Path(__file__).parents[1] / "docs" / "kpi.md").read_text()
    table = page.split("**Rules by version.**")[1].split("\n\n")[1]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert rows == [str(number) for number in range(1, RULES + 1)]
