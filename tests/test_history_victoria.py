"""A real receiver: what VictoriaMetrics holds equals local history."""

from __future__ import annotations

import random
import time

import pytest

from core.quality import Quality
from history.influx import InfluxSink, InfluxTarget
from history.influx_client import InfluxClient
from history.journal import Journal
from history.lines import Lines
from history.local import LocalHistory
from history.reader import LocalReader
from history.recorder import Recorder
from tests.support.history import Feeder, HandClock, site_of
from tests.support.victoria import BINARY, victoria

SITE = site_of(
    ("ups-1", "ups", "hall 1, row=2"), ("ups-2", "ups", "hall-1"), ("meter-1", "meter", "")
)
POINTS = {
    "ups-1": ["ups-1/mode", "ups-1/output.active_power", "ups-1/output.voltage.l1"],
    "ups-2": ["ups-2/mode", "ups-2/output.active_power", "ups-2/battery.charge"],
    "meter-1": ["meter-1/input.active_energy", "meter-1/input.frequency"],
}


@pytest.mark.skipif(BINARY is None, reason="Debian's victoria-metrics is not installed")
def test_victoria_metrics_holds_the_same_values_as_local_history(tmp_path):
    chance = random.Random(3)
    # Two hours ago: the server refuses samples of the future and those older than its retention.
    start = (time.time() // 3600 - 2) * 3600
    clock = HandClock(start + 4500)
    journal = Journal.open(tmp_path / "state", ["local", "influx"])
    catalog = journal.catalog()
    feeder = Feeder(Recorder(journal, catalog))
    for second in range(0, 4500, 15):
        for names in POINTS.values():
            values = {name: _reading(chance) for name in names}
            feeder.accept(start + second + round(chance.random(), 3), values)
        feeder.write(start + second)
    local = LocalHistory(tmp_path / "state", journal, catalog)
    assert local.seal(start + 4500) > 0

    with victoria(tmp_path / "victoria") as server:
        target = InfluxTarget(url=server.url, org="kasbah", bucket="plant", token="none")
        client = InfluxClient(target, clock)
        sink = InfluxSink(journal, Lines(SITE, catalog), client, clock, random.Random(1))
        sink.step()
        sink.close()
        assert sink.status.error == ""
        assert server.metric("vm_rows_invalid_total") == 0
        exported = server.export('{site="orange-tech"}')

    found = {
        f"{dict(labels)['device']}/{dict(labels)['__name__'].partition('_')[2]}": sorted(samples)
        for labels, samples in exported.items()
    }
    reader = LocalReader(tmp_path / "state")
    for names in POINTS.values():
        for name in names:
            expected = [
                (round(moment * 1000), value)
                for moment, _, value, quality in reader.rows([name], start, start + 9000)
                if quality < 0x80
            ]
            assert len(expected) > 200
            assert found.pop(name) == expected
    assert found == {}
    (ups_1,) = [dict(labels) for labels in exported if _is(labels, "ups_mode", "ups-1")]
    assert ups_1["place"] == "hall 1, row=2"
    journal.close()


def _reading(chance: random.Random) -> tuple[float, int]:
    if chance.random() < 0.1:
        return float("nan"), Quality.NO_ANSWER
    value = chance.choice([round(chance.uniform(0, 1e6), 1), chance.randint(0, 7), 1_000_001_000.5])
    return float(value), chance.choice([Quality.GOOD, Quality.HELD])


def _is(labels: tuple[tuple[str, str], ...], name: str, device: str) -> bool:
    return ("__name__", name) in labels and ("device", device) in labels
