"""Every metric on /metrics as data: name, type, unit, labels, meaning.

The exposition writes its HELP and TYPE lines from these records and docs/metrics.md lists them, so
the three cannot disagree. `python -m api.families` prints the tables of that page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.vocabulary import QUANTITIES, Kind, Quantity

PREFIX = "kasbah_"
POINT_LABELS = ("site", "device", "class", "part", "instance")
DEVICE_LABELS = ("site", "device", "class")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `name` is whole, `unit` empty where the number has none."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def head(self) -> str:
        """The HELP and TYPE lines."""
        return f"# HELP {self.name} {self.meaning}\n# TYPE {self.name} {self.kind}\n"


def point_family(quantity: Quantity) -> Family:
    """The metric of a quantity."""
    words = quantity.name.replace("_", " ")
    return Family(
        PREFIX + quantity.metric,
        "counter" if quantity.kind is Kind.COUNTER else "gauge",
        "" if quantity.unit == "1" else quantity.unit,
        POINT_LABELS,
        words[0].upper() + words[1:] + ", as the device gives it.",
    )


POINTS: dict[str, Family] = {name: point_family(each) for name, each in QUANTITIES.items()}
"""By quantity."""

STATE = Family(
    "kasbah_state",
    "gauge",
    "",
    (*POINT_LABELS, "axis", "state"),
    "1 for the state that stands on this axis of the device, 0 for the others.",
)


def _gauge(name: str, unit: str, labels: str, meaning: str) -> Family:
    return Family(PREFIX + name, "gauge", unit, ("site", *labels.split()), meaning)


def _device(name: str, unit: str, meaning: str, kind: str = "gauge", labels: str = "") -> Family:
    return Family(PREFIX + name, kind, unit, (*DEVICE_LABELS, *labels.split()), meaning)


DEVICE_UP = _device("device_up", "", "1 while the device answers, 0 while it does not.")
POINT_AGE = _device(
    "point_age_seconds", "s", "Age of the oldest reading of the device; absent before the first."
)
DEVICE_INFO = _device(
    "device_info",
    "",
    "What the device says it is, and where it stands; always 1.",
    labels="profile place vendor model serial firmware",
)
POLL_DURATION = _device("poll_duration_seconds", "s", "How long the last poll of the device took.")
POLLS = _device("polls_total", "", "Polls of the device that were started.", "counter")
POLL_FAILURES = _device("poll_failures_total", "", "Polls that brought no answer.", "counter")
POLLS_SKIPPED = _device(
    "polls_skipped_total", "", "Polls left out since the one before was not done.", "counter"
)
DEVICES = (
    DEVICE_UP,
    POINT_AGE,
    DEVICE_INFO,
    POLL_DURATION,
    POLLS,
    POLL_FAILURES,
    POLLS_SKIPPED,
)

KPIS: dict[str, Family] = {
    "pue": _gauge(
        "pue_ratio",
        "ratio",
        "category window",
        "Interim power usage effectiveness: facility energy by IT energy over the window.",
    ),
    "power_ratio": _gauge(
        "power_ratio",
        "ratio",
        "category",
        "Facility power by IT power of the moment; not a PUE.",
    ),
    "facility_power": _gauge(
        "facility_power_watts", "W", "", "Power that the facility takes over its boundary."
    ),
    "grid_import_power": _gauge("grid_import_power_watts", "W", "", "Power that comes in."),
    "it_power": _gauge(
        "it_power_watts",
        "W",
        "category",
        "Power of the IT load at the place of measurement: 1 UPS, 2 PDU, 3 IT input. Never add up.",
    ),
    "genset_power": _gauge("genset_power_watts", "W", "", "Power that the generators give."),
    "pv_power": _gauge("pv_power_watts", "W", "", "Power of the photovoltaic plant."),
    "pv_energy": _gauge(
        "pv_energy_watt_hours", "Wh", "window", "Photovoltaic energy of the window."
    ),
    "pv_self_consumption": _gauge(
        "pv_self_consumption_ratio",
        "ratio",
        "window",
        "Share of the photovoltaic energy that was used on site.",
    ),
    "pv_self_sufficiency": _gauge(
        "pv_self_sufficiency_ratio",
        "ratio",
        "window",
        "Share of the facility's energy that photovoltaics covered.",
    ),
    "grid_dependency": _gauge(
        "grid_dependency_ratio",
        "ratio",
        "window",
        "Share of the facility's electricity that did not come from its photovoltaics.",
    ),
    "pv_performance_ratio": _gauge(
        "pv_performance_ratio",
        "ratio",
        "window",
        "Photovoltaic energy by what the modules as rated would give of the irradiation.",
    ),
    "pv_performance_ratio_corrected": _gauge(
        "pv_performance_corrected_ratio",
        "ratio",
        "window",
        "The same, corrected for the temperature of the modules.",
    ),
    "ppue": _gauge(
        "partial_pue_ratio", "ratio", "scope window", "Partial PUE of a hall or subsystem."
    ),
    "ref": _gauge(
        "renewable_energy_ratio",
        "ratio",
        "window",
        "Share of renewable energy in the facility's energy (REF).",
    ),
    "erf": _gauge(
        "reused_energy_ratio",
        "ratio",
        "window",
        "Share of the facility's energy that is reused (ERF).",
    ),
    "ere": _gauge(
        "energy_reuse_effectiveness_ratio",
        "ratio",
        "category window",
        "Facility energy without what is reused by IT energy (ERE).",
    ),
    "cer": _gauge(
        "cooling_efficiency_ratio",
        "ratio",
        "window",
        "Heat taken away by the electricity of the cooling (CER).",
    ),
    "cue": _gauge(
        "carbon_usage_kilograms_per_kilowatt_hour",
        "kg/kWh",
        "category window",
        "CO2e of the facility's energy by IT energy (CUE).",
    ),
    "carbon_emissions": _gauge(
        "carbon_emissions_kilograms", "kg", "window", "CO2e of the facility's energy."
    ),
    "wue": _gauge(
        "water_usage_liters_per_kilowatt_hour",
        "L/kWh",
        "category window",
        "Water taken in by IT energy (WUE).",
    ),
    "water_use": _gauge("water_use_cubic_meters", "m3", "window", "Water taken in."),
    "stage_efficiency": _gauge(
        "stage_efficiency_ratio",
        "ratio",
        "scope window",
        "Energy that left a stage of the power chain by what entered it.",
    ),
    "stage_loss": _gauge(
        "stage_loss_watt_hours", "Wh", "scope window", "Energy lost in a stage of the power chain."
    ),
    "meter_balance": _gauge(
        "meter_balance_ratio",
        "ratio",
        "scope window",
        "How far sub-meters are from their main meter, as a share of it; positive: they show more.",
    ),
    "energy_cost": _gauge(
        "energy_cost",
        "",
        "scope window",
        "Cost of the imported energy in the currency of the site file, by line of the bill; "
        "without scope in all.",
    ),
}
"""By id of the KPI (core.kpi)."""

KPI_COVERAGE = _gauge(
    "kpi_coverage_ratio",
    "ratio",
    "kpi category scope window",
    "Share of the metered energy behind the key figure that has good inputs.",
)
KPI_ESTIMATED = _gauge(
    "kpi_estimated_ratio",
    "ratio",
    "kpi category scope window",
    "Share of the energy behind the key figure that is estimated, not measured.",
)
KPI_SPAN = _gauge(
    "kpi_span_seconds",
    "s",
    "kpi category scope window",
    "Time the key figure really covers; less than its window while that is young.",
)
KPI_QUALITY = _gauge(
    "kpi_quality",
    "",
    "kpi category scope window",
    "0 good, 1 uncertain, 2 bad: then it has no value.",
)

REDUNDANCY_STATUS = _gauge(
    "redundancy_status",
    "",
    "group",
    "-1 unknown, 0 lost or overloaded, 1 at N, 2 degraded, 3 full as designed.",
)
REDUNDANCY_SPARE = _gauge(
    "redundancy_spare_units",
    "",
    "group",
    "Members that may still be lost; -1 when those left cannot carry the load, or unknown.",
)
REDUNDANCY_LEVEL = Family(
    PREFIX + "redundancy_level_seconds_total",
    "counter",
    "s",
    ("site", "part", "level"),
    "Time that `site`, a group (`group/ID`) or `supply` stood at a level; by month in the API.",
)
REDUNDANCY_HEADROOM = _gauge(
    "redundancy_headroom_watts",
    "W",
    "group",
    "What the members left can carry beyond the load, in the worst case.",
)
RIDE_THROUGH = _gauge(
    "cooling_ride_through_seconds",
    "s",
    "zone",
    "How long the room lasts without cooling after the loss of the mains; absent where not stated.",
)
COOLING_GAP = _gauge(
    "cooling_gap_seconds",
    "s",
    "zone",
    "How long the room is without cooling after the loss of the mains; absent where it stays so.",
)
FUEL_AUTONOMY = _gauge(
    "fuel_autonomy_seconds",
    "s",
    "scope",
    "How long the fuel lasts with the mains lost: `all` tanks, `one_out` without the worst one.",
)
REDUNDANCY_PLANNED = _gauge(
    "redundancy_planned",
    "",
    "group",
    "1 where announced maintenance explains all that the group lacks, else 0.",
)
MAINTENANCE = _gauge(
    "maintenance_windows",
    "",
    "state",
    "Announced maintenance: planned, active, overdue; worse are those the plant changed under.",
)
DEVICE_PLANNED = _gauge(
    "device_planned", "", "device", "1 for devices that are in announced maintenance now."
)
SITE_REDUNDANCY = _gauge(
    "site_redundancy_status", "", "", "The worst part of the site, coded as the groups are."
)
LOADS = _gauge(
    "loads", "", "state", "Loads of the power graph by how they stand, in the worse case."
)
SUPPLY = _gauge("supply", "", "mode", "1 for the mode of supply that stands, 0 for the others.")
ALARMS = _gauge("alarms_active", "", "severity", "Active alarms.")
POINT_COUNT = _gauge("points_by_quality", "", "quality", "Points by the quality of their reading.")
SNAPSHOT_TIME = _gauge(
    "snapshot_timestamp_seconds", "s", "", "When the values on this page were put together."
)
READY = _gauge("ready", "", "", "1 when every device was tried once and a snapshot stands.")
SITE_INFO = _gauge("site_info", "", "name", "The site this agent watches; always 1.")

SITE = (
    *KPIS.values(),
    KPI_COVERAGE,
    KPI_ESTIMATED,
    KPI_SPAN,
    KPI_QUALITY,
    REDUNDANCY_STATUS,
    REDUNDANCY_SPARE,
    REDUNDANCY_HEADROOM,
    REDUNDANCY_LEVEL,
    RIDE_THROUGH,
    COOLING_GAP,
    FUEL_AUTONOMY,
    REDUNDANCY_PLANNED,
    MAINTENANCE,
    DEVICE_PLANNED,
    SITE_REDUNDANCY,
    LOADS,
    SUPPLY,
    ALARMS,
    POINT_COUNT,
    SNAPSHOT_TIME,
    READY,
    SITE_INFO,
)


def table(families: Iterable[Family]) -> str:
    """The rows of a Markdown table."""
    lines = ["| metric | type | unit | labels | meaning |", "|---|---|---|---|---|"]
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(
            f"| `{family.name}` | {family.kind} | {family.unit} | {labels} | {family.meaning} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    for part in (SITE, DEVICES, [STATE, *POINTS.values()]):
        print(table(part), end="\n\n")  # noqa: T201 - prints what goes into docs/metrics.md
