"""Who takes what Kasbah gives: a real Prometheus, a real InfluxDB receiver, files of an export.

One demo writes to its own disk and to VictoriaMetrics, while Prometheus scrapes it.
"""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from core.quality import LEVEL_NAMES, LEVEL_SHIFT
from tests.support.kasbah import ROOT, call, kasbah
from tests.support.victoria import BINARY as VICTORIA
from tests.support.victoria import victoria

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

SITE = """
include: {site}
history: {{influx: {{url: "{url}", org: kasbah, bucket: plant, token_file: {token}}}}}
"""

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: kasbah
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""

POINTS = {
    "ups-a1/mode": "ups_mode",
    "ups-b2/output.active_power": "ups_output.active_power",
    "meter-ups-a/active_energy": "meter_active_energy",
    "crah-1/supply_air.temperature": "crah_supply_air.temperature",
    "ats-a/position": "ats_position",
    "mv-a/input.active_energy": "utility_input.active_energy",
}
"""Points of several classes, states and counters among them, and their names at the receiver."""


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    if VICTORIA is None:
        pytest.skip("Debian's victoria-metrics is not installed")
    with victoria(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("receivers")


@pytest.fixture(scope="module")
def demo(folder, receiver):
    """A demo with history on its disk and at the receiver."""
    (folder / "token").write_text("not-asked-for\n")
    site = folder / "site.yaml"
    included = ROOT / "simulator" / "sites" / "nouaceur.yaml"
    site.write_text(SITE.format(site=included, url=receiver.url, token=folder / "token"))
    arguments = ["demo", "--site", str(site), "--port", "0", "--state-dir", str(folder / "state")]
    with kasbah(*arguments, log=folder / "log") as running:
        running.wait(running.ready, 30, "ready")
        yield running


# Prometheus


class Prometheus:
    """A running server."""

    def __init__(self, url, log):
        self.url, self.log = url, log

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=5) as answer:
            return answer.read().decode()

    def query(self, expression):
        """Samples of an instant query: labels and value."""
        result = json.loads(self.get("/api/v1/query", query=expression))["data"]["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, demo):
    """A Prometheus that has scraped the demo some times."""
    program = shutil.which("prometheus") or pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    target = demo.url.removeprefix("http://")
    (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            server = Prometheus(f"http://{address}", folder / "log")
            demo.wait(
                lambda: server.query("count_over_time(up[1m]) >= 5 and up == 1"), 40, "5 scrapes"
            )
            yield server
        finally:
            process.terminate()


def test_prometheus_finds_the_target_up_and_without_errors(prometheus):
    (target,) = json.loads(prometheus.get("/api/v1/targets"))["data"]["activeTargets"]
    assert target["health"] == "up"
    assert target["lastError"] == ""
    assert prometheus.query("min_over_time(up[5m])")[0][1] == 1.0
    assert prometheus.query("max_over_time(scrape_duration_seconds[5m])")[0][1] < 1.0


def test_prometheus_refuses_no_sample(prometheus):
    own = prometheus.get("/metrics")
    refused = [
        line
        for line in own.splitlines()
        if line.startswith(
            ("prometheus_target_scrapes_sample_", "prometheus_target_scrapes_exceeded")
        )
    ]
    assert len(refused) >= 3
    assert {line.rpartition(" ")[2] for line in refused} == {"0"}
    (scraped,) = prometheus.query("scrape_samples_scraped")
    (kept,) = prometheus.query("scrape_samples_post_metric_relabeling")
    assert scraped[1] == kept[1] > 5000
    assert not re.search(r"level=(warn|error)", prometheus.log.read_text(), re.IGNORECASE)


def test_prometheus_holds_every_device_and_the_key_figures(prometheus, demo):
    up = prometheus.query("kasbah_device_up")
    assert len(up) == 332
    assert {value for _, value in up} == {1.0}
    assert {labels["site"] for labels, _ in up} == {"nouaceur"}
    found = demo.wait(
        lambda: prometheus.query('kasbah_pue_ratio{category="1",window="1h"}'), 30, "PUE"
    )
    assert 1.2 < found[0][1] < 1.8
    parts = prometheus.query(
        'sum(kasbah_active_power_watts{class="ups",part="output",instance!=""})'
    )
    assert 0.9e6 < parts[0][1] < 1.1e6, "instance is ours: phases of all UPSs add up"


# InfluxDB line protocol


@pytest.fixture(scope="module")
def span(demo, receiver):
    """Twelve seconds of history that the receiver holds whole: it takes readings in their order."""
    start = datetime.now(UTC).timestamp()
    newest = '{__name__="ups_mode",device="ups-a1"}'

    def taken():
        times = [t for samples in receiver.export(newest).values() for t, _ in samples]
        return times and max(times) > (start + 15) * 1000

    demo.wait(taken, 45, "history at the receiver")
    return start, start + 12


def exported(folder, span, file_format):
    """What `kasbah export` writes of the points over the span."""
    start, end = (datetime.fromtimestamp(t, UTC).isoformat() for t in span)
    path = folder / f"rows.{file_format}"
    arguments = ["--from", start, "--to", end, "--format", file_format, "--output", str(path)]
    result = call("export", *POINTS, *arguments, "--state-dir", str(folder / "state"))
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def rows(folder, span):
    """Readings on disk: (time_ms, point, value, quality)."""
    columns = pq.read_table(exported(folder, span, "parquet")).to_pydict()
    names = ("time_ms", "point", "value", "quality")
    return list(zip(*(columns[name] for name in names), strict=True))


def test_the_receiver_holds_what_is_on_disk(receiver, span, rows):
    held = receiver.export('{site="nouaceur"}')
    for point, name in POINTS.items():
        on_disk = [(t, value) for t, p, value, quality in rows if p == point and quality < 0x80]
        labels = {("__name__", name), ("device", point.partition("/")[0])}
        (there,) = [samples for found, samples in held.items() if labels <= set(found)]
        within = [(t, v) for t, v in sorted(there) if span[0] * 1000 <= t < span[1] * 1000]
        assert on_disk, point
        assert within == on_disk, point
    assert len(rows) >= 20
    assert receiver.metric("vm_rows_invalid_total") == 0


def test_the_api_answers_from_the_same_readings(demo, span, rows):
    start, end = (datetime.fromtimestamp(t, UTC).isoformat().replace("+00:00", "Z") for t in span)
    for point in POINTS:
        values = [value for _, p, value, _ in rows if p == point]
        query = f"point={point}&from={start}&to={end}&buckets=1"
        series = demo.get(f"/api/v1/history?{query}")
        assert series["min"] == [min(values)], point
        assert series["max"] == [max(values)], point
        assert series["last"] == [values[-1]], point


# Files


def test_an_export_has_equal_rows_as_csv_and_as_parquet(folder, span, rows):
    with exported(folder, span, "csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [(row["point"], row["value"], row["quality"]) for row in read] == [
        (point, "" if math.isnan(value) else repr(value), LEVEL_NAMES[quality >> LEVEL_SHIFT])
        for _, point, value, quality in rows
    ]
    times = [datetime.fromisoformat(row["time"]).timestamp() for row in read]
    assert [round(time * 1000) for time in times] == [time_ms for time_ms, *_ in rows]
    assert all(row["time"].endswith("Z") for row in read)
    assert {row["point"] for row in read} == set(POINTS)
