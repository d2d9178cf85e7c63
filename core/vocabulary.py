"""The closed lists: device classes, parts, quantities with their units, state axes with their
codes.

Everything that names a value uses these words. A state's numeric code is stored for ever (table,
journal, Parquet, InfluxDB): append to an axis, never renumber. Words follow IEC and ISO usage, RFC
1628, SunSpec and ISA-18.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

CLASSES = frozenset(
    """
    utility transformer meter genset fuel_tank ats sts ups battery rectifier pdu branch_circuit
    chiller crah crac pump cooling_tower cdu pv_inverter pv_string weather environment leak fire
    dry_cooler plant_controller it other
    """.split()
)

PARTS = frozenset(
    """
    input output bypass battery load dc mppt string array module rectifier inverter charger
    engine generator alternator start_battery fuel control breaker source mains supply tap
    outlet bank phase unit probe contact fan filter valve pump compressor condenser evaporator
    humidifier heater cooling heating free_cooling supply_air return_air rack_air ambient room
    supply_water return_water condenser_water coolant oil buffer tank basin zone detector door leak
    smoke fire grid plant export winding cabinet heatsink communication redundancy sync transfer
    system cell
    """.split()
)


class Severity(IntEnum):
    """How bad a state is, as the profile's author judged it for that maker."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Kind(IntEnum):
    """What a number does over time."""

    GAUGE = 0
    COUNTER = 1  # only grows, apart from wraps and resets


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured quantity: its one unit, its Prometheus name (without `kasbah_`), and a plausible
    range.

    Values outside `low..high` are impossible for any device and become bad quality at the edge.
    """

    name: str
    unit: str
    metric: str
    kind: Kind = Kind.GAUGE
    low: float = float("-inf")
    high: float = float("inf")


_INF = float("inf")
_MEGA = 1e9

QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        # electricity
        Quantity("active_power", "W", "active_power_watts", low=-_MEGA, high=_MEGA),
        Quantity("apparent_power", "VA", "apparent_power_volt_amperes", low=-_MEGA, high=_MEGA),
        Quantity("reactive_power", "var", "reactive_power_vars", low=-_MEGA, high=_MEGA),
        Quantity("power_factor", "ratio", "power_factor_ratio", low=-1.001, high=1.001),
        Quantity("voltage", "V", "voltage_volts", low=-100e3, high=500e3),
        Quantity("current", "A", "current_amperes", low=-100e3, high=100e3),
        Quantity("residual_current", "A", "residual_current_amperes", low=-100e3, high=100e3),
        Quantity("frequency", "Hz", "frequency_hertz", low=0, high=1000),
        Quantity("phase_angle", "deg", "phase_angle_degrees", low=-360, high=360),
        Quantity("voltage_thd", "ratio", "voltage_thd_ratio", low=0, high=10),
        Quantity("current_thd", "ratio", "current_thd_ratio", low=0, high=10),
        Quantity("unbalance", "ratio", "unbalance_ratio", low=0, high=10),
        Quantity("load", "ratio", "load_ratio", low=-2, high=5),
        Quantity("efficiency", "ratio", "efficiency_ratio", low=0, high=1.01),
        Quantity("insulation_resistance", "ohm", "insulation_resistance_ohms", low=0, high=1e12),
        Quantity("active_energy", "Wh", "active_energy_watt_hours_total", Kind.COUNTER, 0),
        Quantity(
            "active_energy_export", "Wh", "active_energy_export_watt_hours_total", Kind.COUNTER, 0
        ),
        Quantity(
            "apparent_energy", "VAh", "apparent_energy_volt_ampere_hours_total", Kind.COUNTER, 0
        ),
        Quantity("reactive_energy", "varh", "reactive_energy_var_hours_total", Kind.COUNTER, 0),
        Quantity(
            "reactive_energy_export",
            "varh",
            "reactive_energy_export_var_hours_total",
            Kind.COUNTER,
            0,
        ),
        Quantity("daily_energy", "Wh", "daily_energy_watt_hours", low=0),
        Quantity("peak_power", "W", "peak_power_watts", low=-_MEGA, high=_MEGA),
        Quantity("peak_current", "A", "peak_current_amperes", low=-100e3, high=100e3),
        # ratings and set limits
        Quantity("power_limit", "ratio", "power_limit_ratio", low=0, high=10),
        Quantity("rated_active_power", "W", "rated_active_power_watts", low=0, high=_MEGA),
        Quantity(
            "rated_apparent_power", "VA", "rated_apparent_power_volt_amperes", low=0, high=_MEGA
        ),
        Quantity("rated_current", "A", "rated_current_amperes", low=0, high=100e3),
        Quantity("rated_voltage", "V", "rated_voltage_volts", low=0, high=500e3),
        Quantity("rated_frequency", "Hz", "rated_frequency_hertz", low=0, high=1000),
        Quantity("low_voltage_limit", "V", "low_voltage_limit_volts", low=-100e3, high=500e3),
        Quantity("high_voltage_limit", "V", "high_voltage_limit_volts", low=-100e3, high=500e3),
        Quantity("low_current_limit", "A", "low_current_limit_amperes", low=0, high=100e3),
        Quantity("high_current_limit", "A", "high_current_limit_amperes", low=0, high=100e3),
        Quantity(
            "low_temperature_limit", "degC", "low_temperature_limit_celsius", low=-100, high=1000
        ),
        Quantity(
            "high_temperature_limit", "degC", "high_temperature_limit_celsius", low=-100, high=1000
        ),
        # storage
        Quantity("charge", "ratio", "charge_ratio", low=0, high=1.01),
        Quantity("health", "ratio", "health_ratio", low=0, high=1.5),
        Quantity("energy_capacity", "Wh", "energy_capacity_watt_hours", low=0, high=1e12),
        Quantity("available_energy", "Wh", "available_energy_watt_hours", low=0, high=1e12),
        Quantity("runtime", "s", "runtime_seconds", low=0, high=30 * 86400),
        Quantity("low_runtime_limit", "s", "low_runtime_limit_seconds", low=0, high=30 * 86400),
        Quantity("time_on_battery", "s", "time_on_battery_seconds", low=0),
        Quantity("capacity", "Ah", "capacity_ampere_hours", low=0, high=1e7),
        Quantity("age", "s", "age_seconds", low=0),
        Quantity("internal_resistance", "ohm", "internal_resistance_ohms", low=0, high=1e6),
        # heat, air, water
        Quantity("temperature", "degC", "temperature_celsius", low=-100, high=1500),
        Quantity(
            "temperature_setpoint", "degC", "temperature_setpoint_celsius", low=-100, high=1000
        ),
        Quantity("coolant_temperature", "degC", "coolant_temperature_celsius", low=-60, high=250),
        Quantity("oil_temperature", "degC", "oil_temperature_celsius", low=-60, high=300),
        Quantity("exhaust_temperature", "degC", "exhaust_temperature_celsius", low=-60, high=1200),
        Quantity("dew_point", "degC", "dew_point_celsius", low=-100, high=100),
        Quantity("relative_humidity", "ratio", "relative_humidity_ratio", low=0, high=1.01),
        Quantity(
            "relative_humidity_setpoint",
            "ratio",
            "relative_humidity_setpoint_ratio",
            low=0,
            high=1.01,
        ),
        Quantity("pressure", "Pa", "pressure_pascals", low=-2e5, high=1e8),
        Quantity("oil_pressure", "Pa", "oil_pressure_pascals", low=0, high=1e7),
        Quantity(
            "differential_pressure", "Pa", "differential_pressure_pascals", low=-1e6, high=1e7
        ),
        Quantity("flow", "m3/s", "flow_cubic_meters_per_second", low=-1000, high=10000),
        Quantity("volume", "m3", "volume_cubic_meters", low=0, high=1e6),
        Quantity("water_volume", "m3", "water_volume_cubic_meters_total", Kind.COUNTER, 0),
        Quantity("fuel_rate", "m3/s", "fuel_rate_cubic_meters_per_second", low=0, high=10),
        Quantity("level", "ratio", "level_ratio", low=0, high=1.35),
        Quantity("thermal_power", "W", "thermal_power_watts", low=-_MEGA, high=_MEGA),
        Quantity("thermal_energy", "Wh", "thermal_energy_watt_hours_total", Kind.COUNTER, 0),
        Quantity("demand", "ratio", "demand_ratio", low=0, high=2),
        Quantity("opening", "ratio", "opening_ratio", low=0, high=1.01),
        Quantity("relative_speed", "ratio", "relative_speed_ratio", low=0, high=2),
        Quantity("speed", "rpm", "speed_revolutions_per_minute", low=0, high=200e3),
        Quantity("conductivity", "S/m", "conductivity_siemens_per_meter", low=0, high=1e4),
        Quantity("obscuration", "ratio/m", "obscuration_ratio_per_meter", low=0, high=1),
        Quantity("gas_concentration", "ratio", "gas_concentration_ratio", low=0, high=1),
        Quantity("vibration", "m/s", "vibration_meters_per_second", low=0, high=10),
        # weather
        Quantity("irradiance", "W/m2", "irradiance_watts_per_square_meter", low=-50, high=2000),
        Quantity("wind_speed", "m/s", "wind_speed_meters_per_second", low=0, high=150),
        Quantity("wind_direction", "deg", "wind_direction_degrees", low=0, high=360),
        Quantity("rain", "m", "rain_meters_total", Kind.COUNTER, 0),
        # use
        Quantity("operating_time", "s", "operating_time_seconds_total", Kind.COUNTER, 0),
        Quantity("time_to_service", "s", "time_to_service_seconds"),
        Quantity("starts", "1", "starts_total", Kind.COUNTER, 0),
        Quantity("transfers", "1", "transfers_total", Kind.COUNTER, 0),
        Quantity("outages", "1", "outages_total", Kind.COUNTER, 0),
        Quantity("uptime", "s", "uptime_seconds", low=0),
        Quantity("alarm_count", "1", "alarms_present", low=0, high=1e6),
        Quantity("module_count", "1", "modules", low=0, high=1e6),
        Quantity("redundant_module_count", "1", "redundant_modules", low=0, high=1e6),
        Quantity("count", "1", "items", low=0, high=1e9),
        Quantity("value", "1", "value"),
        Quantity("cycles", "1", "cycles_total", Kind.COUNTER, 0),
        Quantity("available_current", "A", "available_current_amperes", low=0, high=100e3),
        Quantity("crest_factor", "ratio", "crest_factor_ratio", low=0, high=100),
        Quantity("acquisition_age", "s", "acquisition_age_seconds", low=0),
        # counters of other forms of energy
        Quantity("fuel_volume", "m3", "fuel_volume_cubic_meters_total", Kind.COUNTER, 0),
        Quantity("gas_volume", "m3", "gas_volume_cubic_meters_total", Kind.COUNTER, 0),
        Quantity(
            "irradiation",
            "Wh/m2",
            "irradiation_watt_hours_per_square_meter_total",
            Kind.COUNTER,
            0,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class StateAxis:
    """One axis of state: names by code. `key` is `part.quantity`, or the bare quantity for every
    part."""

    key: str
    states: tuple[str, ...]

    def code(self, name: str) -> int:
        """Numeric code of a state. Raises ValueError for a name the axis does not have."""
        try:
            return self.states.index(name)
        except ValueError:
            raise ValueError(
                f"'{name}' is no state of {self.key}: {', '.join(self.states)}"
            ) from None


def _axes(*rows: tuple[str, str]) -> dict[str, StateAxis]:
    return {key: StateAxis(key, ("unknown", *names.split())) for key, names in rows}


STATES: dict[str, StateAxis] = _axes(
    # code 0 is `unknown` everywhere; append only
    (
        "mode",
        "online eco on_battery static_bypass maintenance_bypass off fault boost trim standby "
        "starting",
    ),
    ("position", "preferred alternate off transferring"),
    ("state", "off standby starting on stopping fault idle sleeping throttled test maintenance"),
    ("alarm", "normal active"),
    (
        "battery.state",
        "normal low depleted charging discharging floating resting disconnected fault testing "
        "absent boosting equalizing",
    ),
    ("battery.test", "passed warning failed aborted in_progress none"),
    ("battery.replacement", "not_needed due"),
    (
        "engine.state",
        "stopped cranking running on_load cooldown fault starting warming_up stopping",
    ),
    ("control.mode", "auto manual off test_on_load test_off_load remote local"),
    ("breaker.position", "open closed tripped withdrawn"),
    ("source.state", "normal absent out_of_tolerance"),
    ("source.selected", "source_1 source_2 none"),
    ("source.preferred", "source_1 source_2 none"),
    ("redundancy.state", "full lost"),
    ("sync.state", "in_sync out_of_sync"),
    ("transfer.state", "allowed inhibited"),
    ("communication.state", "ok lost never"),
    ("load.state", "normal low near_overload overload"),
    ("bank.state", "normal low near_overload overload"),
    ("phase.state", "normal low near_overload overload"),
    ("outlet.state", "on off pending_on pending_off fault"),
    ("inverter.state", "off sleeping starting mppt throttled stopping fault standby running"),
    ("mppt.state", "off sleeping starting mppt throttled stopping fault standby test"),
    ("input.state", "normal failed brownout high frequency_fault phase_fault self_test"),
    ("output.state", "normal off overload bypass fault"),
    (
        "input.failure",
        "none high_voltage brownout blackout small_sag deep_sag small_spike large_spike self_test "
        "rate_of_change",
    ),
    ("leak.state", "dry wet cable_fault disabled"),
    ("zone.state", "dry wet cable_fault disabled"),
    ("fire.state", "normal pre_alarm alarm fault disabled discharged"),
    ("detector.state", "normal pre_alarm alarm fault disabled"),
    ("smoke.state", "normal pre_alarm alarm fault disabled"),
    ("door.state", "closed open"),
    ("contact.state", "normal active fault"),
    ("probe.state", "normal low very_low high very_high lost not_installed fault"),
    ("probe.temperature_state", "normal low very_low high very_high lost not_installed fault"),
    ("probe.humidity_state", "normal low very_low high very_high lost not_installed fault"),
    ("supply.state", "normal failed absent"),
    ("fan.state", "off on fault"),
    ("pump.state", "off on fault standby"),
    ("compressor.state", "off on fault standby"),
    ("valve.state", "closed open moving fault"),
    ("free_cooling.state", "off on partial unavailable"),
    ("mains.state", "normal failed out_of_tolerance"),
    ("string.state", "normal low open fault"),
    ("tank.state", "normal low high leak"),
)


def axis_of(part: str, quantity: str) -> StateAxis | None:
    """The axis of `part.quantity`: its own if it has one, else that of the bare quantity; None for
    numbers."""
    return STATES.get(f"{part}.{quantity}") or STATES.get(quantity)


STATE_QUANTITIES = frozenset(key.rpartition(".")[2] for key in STATES)
"""Last words of all axes: a point whose quantity is in here carries a state code."""
