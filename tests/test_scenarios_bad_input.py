"""Bad input, from the site file to the meters: refused with its place, or said of a figure."""

from __future__ import annotations

import random
from pathlib import Path

import httpx
import pytest

from agent.commands.check import check
from agent.config.load import load_site
from core.engine import Engine
from core.kpi import Kpis
from core.quality import Quality
from tests.support.api import FakeServices, client_of
from tests.support.energy import Bench, Metered, constant, find, site

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "n-plus-1.yaml"
ROW = "{id: row-1, kind: load, fed_by: [pdu-1], demand_kw: 700}"
ROW_2 = ROW.replace("row-1", "row-2").replace("pdu-1", "pdu-2")


def measured(row, point):
    return row.replace("demand_kw: 700", f"demand: {point}")


# The site file

MISTAKES = {
    "a loop": (
        [("capacity_kw: 2500, fed_by: [utility, gen-bus]", "fed_by: [utility, board]")],
        "power[5]",
        "a loop: ats is fed by board is fed by ups-1 is fed by ats",
    ),
    "a load without feeder": (
        [("fed_by: [pdu-1], ", "")],
        "power[13]",
        "this load has no feeder: add fed_by",
    ),
    "a feeder that does not exist": (
        [("fed_by: [pdu-1]", "fed_by: [pdu-11]")],
        "power[13]",
        "fed_by: there is no power node 'pdu-11'; did you mean 'pdu-1'?",
    ),
    "a capacity of zero": (
        [
            (
                "capacity_kw: 900, rating: DCP, device: gen-2",
                "capacity_kw: 0, rating: DCP, device: gen-2",
            )
        ],
        "power[2]",
        "capacity_kw: 0 is not possible",
    ),
    "a meter used twice for two loads": (
        [
            (ROW, measured(ROW, "ups-1/output.active_power")),
            (ROW_2, measured(ROW_2, "ups-1/output.active_power")),
        ],
        "power[14].demand",
        "'ups-1/output.active_power' is the demand of 'row-1' already: it would be counted twice",
    ),
    "a meter used twice in the energy": (
        [("groups:", "energy: {facility: [mains, mains]}\n\ngroups:")],
        "energy.facility[1]",
        "'mains' stands twice: keep one",
    ),
    "a demand whose unit does not fit": (
        [(ROW, measured(ROW, "ups-1/battery.runtime"))],
        "power[13].demand",
        "'ups-1/battery.runtime' is runtime in s, no power",
    ),
    "a demand that is a state": (
        [(ROW, measured(ROW, "ups-1/battery.state"))],
        "power[13].demand",
        "'ups-1/battery.state' is state, no power",
    ),
    "an energy whose unit does not fit": (
        [("groups:", "energy: {facility: [mains/input.voltage.l1]}\n\ngroups:")],
        "energy.facility[0]",
        "'mains/input.voltage.l1' is voltage in V, no energy",
    ),
    "a capacity with its unit": (
        [("id: board, kind: bus, capacity_kw: 2000", "id: board, kind: bus, capacity_kw: 2 MW")],
        "power[10].capacity_kw",
        "'2 MW' is not a number",
    ),
    "a capacity in another unit": (
        [("id: board, kind: bus, capacity_kw: 2000", "id: board, kind: bus, capacity_mw: 2")],
        "power[10].capacity_mw",
        "is no key of a site file",
    ),
}


def lines_of(text, changed):
    """Numbers of the lines that the change touched, from 1."""
    before, after = text.splitlines(), changed.splitlines()
    return [n for n, line in enumerate(after, start=1) if line not in before]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_refuses_it_with_file_line_and_key(mistake, tmp_path, capsys):
    changes, key, words = MISTAKES[mistake]
    text = EXAMPLE.read_text()
    wrong = text
    for old, new in changes:
        assert old in wrong
        wrong = wrong.replace(old, new)
    path = tmp_path / "site.yaml"
    path.write_text(wrong)
    with pytest.raises(SystemExit) as left:
        check(path, json=False)
    assert left.value.code == 78
    told = [line for line in capsys.readouterr().err.splitlines() if words in line]
    assert told, words
    line = lines_of(text, wrong)[-1]
    assert told[0].startswith(f"{path}:{line}: {key}")


def test_check_says_where_one_device_tells_for_several_nodes(tmp_path, capsys):
    """A copied line: what gen-2 does would never be seen. A card for all modules is like it."""
    path = tmp_path / "site.yaml"
    path.write_text(EXAMPLE.read_text().replace("device: gen-2", "device: gen-1"))
    check(path, json=False)
    assert "note: one device, gen-1, tells for gen-1 and gen-2" in capsys.readouterr().out


# What-if


class Answering(FakeServices):
    """The services with a real engine behind the question."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(load_site(EXAMPLE), 1_800_000_000.0)

    def what_if(self, out, back, case, demand):
        return self.engine.what_if(out, back, case, demand)


@pytest.mark.parametrize("key", ["out", "in"])
async def test_a_what_if_on_an_id_that_does_not_exist_is_a_404_that_names_it(key):
    async with client_of(Answering()) as client:
        question = {"out": ["ups-1"], key: ["ups-l"]}
        answer = await client.post("/api/v1/redundancy/what-if", json=question)
        assert answer.status_code == httpx.codes.NOT_FOUND
        assert "'ups-l'" in answer.json()["error"]["message"]
        known = await client.post("/api/v1/redundancy/what-if", json={"out": ["ups-1"]})
        assert known.status_code == httpx.codes.OK


# A meter that lies

MAINS_W, IT_W = 950e3, 700e3
PUE = MAINS_W / IT_W
WINDOWS = {"1m": 60.0, "15m": 900.0, "1h": 960.0}
"""Seconds that a figure stands on: the last window is still young."""

INTERVAL_S = 5.0


def bench():
    """A plant with one meter of each kind, in order for a quarter of an hour."""
    facility = Metered("mv", constant(MAINS_W), INTERVAL_S, 0.7)
    it = Metered("ups", constant(IT_W), INTERVAL_S, 1.4)
    here = Bench(Kpis(site([facility], [it]), {"mv": 2e6, "ups": 1e6}), [facility, it])
    here.run(960, step_s=0.5)
    return here


def jumps(meter, second, start_wh):
    """To anywhere, at every poll."""
    del start_wh
    meter.offset_wh = random.Random(second // 5).uniform(-4e9, 4e9)


def stops(meter, second, start_wh):
    del second
    meter.offset_wh = start_wh - meter.true_wh


def runs_backwards(meter, second, start_wh):
    del second
    meter.offset_wh = 2 * (start_wh - meter.true_wh)


def disappears(meter, second, start_wh):
    del second, start_wh
    meter.silent = True


@pytest.mark.parametrize("which", [0, 1], ids=["mains", "it"])
@pytest.mark.parametrize(
    ("lie", "has_power"),
    [
        (jumps, True),
        (jumps, False),
        (stops, True),  # without power it cannot be told from no flow (docs/kpi.md)
        (runs_backwards, True),
        (runs_backwards, False),
        (disappears, True),
        (disappears, False),
    ],
)
def test_a_meter_that_lies_makes_no_figure_jump_and_it_is_said(lie, which, has_power):
    here = bench()
    if not has_power:
        here.meters[which].gives_power = False
        here.run(200, step_s=0.5)
    honest = here.elapsed
    meter, start_wh = here.meters[which], here.meters[which].true_wh
    for second in range(300):
        lie(meter, second, start_wh)
        here.run(1, step_s=0.5)
    meter.offset_wh, meter.silent, lied_until = 0.0, False, here.elapsed
    here.run(200, step_s=0.5)
    during = [kpis for elapsed, kpis in here.seen if honest < elapsed]
    for window, span_s in WINDOWS.items():
        # No more than the one reading before it is caught, of half a window at least.
        bound = INTERVAL_S / (span_s if has_power else 0.5 * span_s)
        figures = [find(kpis, "pue", window, 1) for kpis in during]
        told = [figure.value for figure in figures if figure.value is not None]
        assert told, window
        assert all(value == pytest.approx(PUE, rel=bound) for value in told), (
            window,
            min(told),
            max(told),
        )
    minute = [
        find(kpis, "pue", "1m", 1)
        for elapsed, kpis in here.seen
        if honest + 90 < elapsed < lied_until
    ]
    # Power stands in and the figure says so, or there is none and its coverage is gone.
    assert all(figure.quality is not Quality.GOOD and figure.reason for figure in minute)
    if not has_power or lie is disappears:
        assert all(figure.coverage < 0.5 for figure in minute)
    assert here.figure("pue", "1m").quality is Quality.GOOD  # and it is over when it is over
