"""The benchmarks of polling run, small, and say so where there is nothing to compare with."""

from __future__ import annotations

import shutil

import pytest

from benchmarks import modbus_polling, snmp_polling, snmp_v3_polling, yardsticks

needs_yardsticks = pytest.mark.skipif(
    shutil.which("gcc") is None or not yardsticks.BENCH.exists(),
    reason="needs gcc and the yardsticks of ../shared/bench",
)
FIGURES = {"cpu_s_per_million", "floor_cpu_s_per_million", "times_floor"}


@needs_yardsticks
def test_snmp_polling_is_compared_with_the_c_floor():
    figures = snmp_polling.run(1, devices=50, polls=20)
    assert figures.keys() > FIGURES | {"devices", "points_a_device"}
    assert figures["devices"] == 50
    assert all(figures[key] > 0 for key in FIGURES)


@pytest.mark.skipif(
    not (shutil.which("snmpd") or shutil.which("/usr/sbin/snmpd")), reason="snmpd is not installed"
)
def test_snmpv3_is_compared_with_v2c():
    figures = snmp_v3_polling.run(1, devices=3, polls=5)
    assert figures["times_v2c"]["v2c"] == 1
    assert len(figures["cpu_s_per_million"]) == len(snmp_v3_polling.USERS)
    assert all(figure > 0 for figure in figures["cpu_s_per_million"].values())


@needs_yardsticks
def test_modbus_polling_is_compared_with_the_c_floor():
    figures = modbus_polling.run(1, polls=4000)
    assert figures.keys() > FIGURES
    assert all(figures[key] > 0 for key in FIGURES)


@pytest.mark.parametrize("bench", [snmp_polling, modbus_polling])
def test_without_a_compiler_it_is_said_why(bench, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    figures = bench.run(1)
    assert figures["times_floor"] is None
    assert "gcc" in figures["why"]
    with yardsticks.responder() as port:
        assert port is None
