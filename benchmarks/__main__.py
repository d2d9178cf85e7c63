"""`make bench`: what polling and the whole agent cost, beside C programs that do the same polling.

Figures are CPU seconds per million points (registers, for Modbus), medians of runs taken in turns.
Compare within one run only: machines differ, and shared ones are noisy.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import Any

from agent.logs import configure
from benchmarks import (
    agent_polling,
    history,
    modbus_polling,
    redundancy,
    snmp_polling,
    snmp_v3_polling,
    tick,
)

SNMP_TIMES_FLOOR_MAX = 8.0
AGENT_CPU_S_PER_MILLION_MAX = 2.0


def main() -> int:
    """Run all, print a table or JSON; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, the median counts")
    options = parser.parse_args()
    configure(json=False, level="error")  # what 2,000 devices have to tell is no result
    results: dict[str, Any] = {
        "machine": f"{platform.processor() or platform.machine()}, "
        f"CPython {platform.python_version()}"
    }
    for name, bench in (
        ("snmp", snmp_polling.run),
        ("snmp_v3", snmp_v3_polling.run),
        ("modbus", modbus_polling.run),
        ("agent", agent_polling.run),
        ("history", history.run),
        ("tick", tick.run),
        ("redundancy", redundancy.run),
    ):
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = bench(options.rounds)
    results["bars"] = bars(results)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        show(results)
    return 0 if all(bar["met"] is not False for bar in results["bars"]) else 1


def bars(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The bars and whether they were met; None where a figure could not be taken."""
    ratio = results["snmp"].get("times_floor")
    agent = results["agent"].get("cpu_s_per_million")
    whole = results["tick"]["1000000 rows, the whole tick, ms"]
    return [
        {
            "bar": f"SNMP polling at most {SNMP_TIMES_FLOOR_MAX:g} times the C floor",
            "figure": ratio,
            "met": None if ratio is None else ratio <= SNMP_TIMES_FLOOR_MAX,
        },
        {
            "bar": f"whole agent at most {AGENT_CPU_S_PER_MILLION_MAX:g} CPU s per million points",
            "figure": agent,
            "met": None if agent is None else agent <= AGENT_CPU_S_PER_MILLION_MAX,
        },
        {
            "bar": f"one tick at 1,000,000 points in at most {tick.TICK_MS_MAX:g} ms",
            "figure": whole,
            "met": whole <= tick.TICK_MS_MAX,
        },
        *(
            {
                "bar": f"all single failures of {size} in at most {seconds:g} s",
                "figure": results["redundancy"][size]["singles_s"],
                "met": results["redundancy"][size]["singles_s"] <= seconds,
            }
            for size, seconds in redundancy.SINGLES_S_MAX.items()
        ),
    ]


def show(results: dict[str, Any]) -> None:
    """A table for a terminal."""
    print(f"Machine: {results['machine']}")
    for name, figures in results.items():
        if isinstance(figures, dict):
            print(f"\n{name}")
            _table(figures, "  ")
    print()
    for bar in results["bars"]:
        word = {True: "met", False: "MISSED", None: "not measured"}[bar["met"]]
        figure = "-" if bar["figure"] is None else f"{bar['figure']:.2f}"
        print(f"{word:<13} {bar['bar']}: {figure}")


def _table(figures: dict[str, Any], indent: str) -> None:
    """Names and figures, groups of figures indented below their name."""
    for key, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{key}")
            _table(value, indent + "  ")
        else:
            shown = f"{value:.3g}" if isinstance(value, float) else value
            print(f"{indent}{key:<36} {shown}")


if __name__ == "__main__":
    sys.exit(main())
