"""The energy, carbon and tariffs parts of the site file: resolved, or refused with line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config.load import load_site
from core.errors import ConfigError
from core.metering import Carbon, EnergyInput, Fuel
from core.tariff import Period

HEAD = """\
site: {id: s, timezone: Africa/Casablanca}
devices:
  - {id: mv, profile: schneider-pm5000, address: "modbus://10.0.0.1/1"}
  - {id: ups-in, profile: schneider-pm5000, address: "modbus://10.0.0.1/2"}
  - {id: ups, profile: schneider-pm5000, address: "modbus://10.0.0.1/3"}
  - {id: pv, profile: schneider-pm5000, address: "modbus://10.0.0.1/4"}
  - {id: plant, profile: sim-plant-controller, address: "modbus://10.0.0.1/5"}
  - {id: weather, profile: sim-weather-station, address: "modbus://10.0.0.1/6"}
  - {id: gen-1, profile: deepsea-gencomm, address: "modbus://10.0.0.1/7"}
  - {id: water, address: "modbus://10.0.0.1/8"}
"""

GENSETS = "power: [{id: gen-1, kind: genset, capacity_kw: 800, device: gen-1}]\n"
CARBON = "carbon: {grid_g_per_kwh: 610, year: 2021, scope: location, source: x"


def written(tmp_path: Path, rest: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + rest + "\n")
    return path


def mistake(tmp_path: Path, rest: str) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, rest))
    (problem,) = caught.value.problems
    assert problem.line > len(HEAD.splitlines()), "in what was added"
    assert problem.file.endswith("site.yaml")
    return problem.key, problem.message


def test_meters_of_each_kind_are_found(tmp_path):
    rest = (
        "energy:\n"
        "  facility: [mv]\n"
        "  it: {1: [ups]}\n"
        "  pv: [pv/active_energy_export]\n"
        "  water: water/water_volume\n"
        "  reused: plant\n"
        "  cer: {heat: plant, electricity: [ups-in]}\n"
        "  stages: [{id: ups, in: ups-in, out: ups}]\n"
        "  balance: [{id: mv, main: mv, parts: [ups-in]}]\n"
        "  partial: [{id: hall, it: ups, facility: ups-in}]\n"
        "  other: [{id: cold, meters: plant, factor: 0.31, source: x}]\n"
        "  renewable: {on_site: true, grid_ratio: 0.2, source: contract 17}\n"
        "  pv_plant: {dc_kwp: 700, irradiance: weather/irradiance.plane,\n"
        "    module_temperature: weather/module.temperature, gamma_per_k: -0.0035}\n"
    )
    energy = load_site(written(tmp_path, rest)).energy
    heat = EnergyInput("plant/cooling.thermal_energy", "plant/cooling.thermal_power")
    assert energy.reused == (heat,)
    assert energy.cer.heat == (heat,)
    assert energy.water == (EnergyInput("water/water_volume", "water/flow"),)
    assert energy.pv == (EnergyInput("pv/active_energy_export", "pv/active_power"),)
    assert (energy.stages[0].id, energy.checks[0].id, energy.partials[0].id) == (
        "ups",
        "mv",
        "hall",
    )
    assert (energy.forms[0].factor, energy.forms[0].wh_per_unit) == (0.31, 1.0)
    plain, corrected = energy.pv_plant.irradiation[0], energy.pv_plant.corrected[0]
    assert plain == EnergyInput("weather/irradiation.plane", "weather/irradiance.plane")
    assert corrected == EnergyInput(
        "weather/irradiation.plane-corrected", "weather/irradiance.plane",
        corrected_by="weather/module.temperature", per_k=-0.0035,
    )  # fmt: skip


def test_gas_meters_count_cubic_metres_of_so_many_kilowatt_hours(tmp_path):
    other = "{id: gas, meters: water/gas_volume, factor: 0.31, source: x, kwh_per_m3: 10.5}"
    site = load_site(written(tmp_path, f"energy: {{facility: mv, other: [{other}]}}"))
    (form,) = site.energy.forms
    assert form.wh_per_unit == 10.5, "Wh in a litre"


def test_fuel_as_the_boundary_and_carbon(tmp_path):
    rest = (
        GENSETS
        + (
            "energy: {facility: [mv], it: {1: [ups]}, genset_boundary: fuel,\n"
            "  fuel: {l_per_kwh: 0.27, kwh_per_l: 10}}\n"
        )
        + CARBON
        + ", diesel_kg_per_l: 2.68}"
    )
    energy = load_site(written(tmp_path, rest)).energy
    assert energy.fuel == Fuel((), 0.27, 10)
    assert energy.carbon == Carbon(610, 2021, "location", "x", 2.68)
    assert [each.energy.partition("/")[0] for each in energy.genset] == ["gen-1"]


MISTAKES = {
    "a temperature as a water meter": (
        "{it: {1: [ups]}, water: [weather/module.temperature]}",
        "energy.water[0]",
        "is temperature in degC, no water: name a point such as water_volume",
    ),
    "a flow in a circuit as a water meter": (
        "{it: {1: [ups]}, water: [plant/supply_water.flow]}",
        "energy.water[0]",
        "is flow in m3/s, no water",
    ),
    "electricity as heat": (
        "{cer: {heat: [ups], electricity: [ups-in]}}",
        "energy.cer.heat[0]",
        "'ups' has no heat in profile 'schneider-pm5000'",
    ),
    "heat as electricity": (
        "{facility: [plant/cooling.thermal_energy]}",
        "energy.facility[0]",
        "is thermal_energy in Wh, no energy: name a point such as input.active_energy",
    ),
    "a state as a meter": ("{facility: [gen-1/engine.state]}", "energy.facility[0]", "is a state"),
    "a point that the device does not have": (
        "{facility: [mv/outlet.active_energy]}",
        "energy.facility[0]",
        "profile 'schneider-pm5000' has no point 'outlet.active_energy'",
    ),
    "a name with a slip": ("{facility: [ups-ni]}", "energy.facility[0]", "did you mean 'ups-in'"),
    "a meter twice in a partial PUE": (
        "{partial: [{id: hall, it: [ups], sub: [ups]}]}",
        "energy.partial[0].sub[0]",
        "stands in `it` too",
    ),
    "a meter on both sides of a stage": (
        "{stages: [{id: ups, in: [ups], out: [ups/active_energy]}]}",
        "energy.stages[0].out[0]",
        "stands in `in` too",
    ),
    "a main meter among its sub-meters": (
        "{balance: [{id: mv, main: [mv], parts: [ups, mv]}]}",
        "energy.balance[0].parts[1]",
        "stands in `main` too",
    ),
    "a partial PUE without what the hall takes": (
        "{partial: [{id: hall, it: [ups]}]}",
        "energy.partial[0]",
        "needs one of sub (what it takes beside its IT) and facility (all of it)",
    ),
    "a partial PUE with both": (
        "{partial: [{id: hall, it: [ups], sub: [mv], facility: [ups-in]}]}",
        "energy.partial[0]",
        "needs one of sub",
    ),
    "two stages of one name": (
        "{stages: [{id: a, in: [mv], out: [ups]}, {id: a, in: [ups-in], out: [ups]}]}",
        "energy.stages[1].id",
        "there are two entries 'a'",
    ),
    "fuel as the boundary, and no word on fuel": (
        "{facility: [mv], genset_boundary: fuel, fuel: {kwh_per_l: 10}}",
        "energy.genset_boundary",
        "fuel needs energy.fuel: its meters, or l_per_kwh",
    ),
    "fuel as the boundary, and not what it is worth": (
        "{facility: [mv], genset_boundary: fuel, fuel: {l_per_kwh: 0.27}}",
        "energy.genset_boundary",
        "fuel needs energy.fuel.kwh_per_l",
    ),
    "fuel metered and reckoned": (
        "{facility: [mv], fuel: {meters: [water/fuel_volume], l_per_kwh: 0.27}}",
        "energy.fuel.l_per_kwh",
        "the fuel is metered already",
    ),
    "gas in m3 without what a m3 is worth": (
        "{facility: [mv], other: [{id: g, meters: [water/gas_volume], factor: 0.3, source: x}]}",
        "energy.other[0].kwh_per_m3",
        "is missing: these meters count m3",
    ),
    "a heat meter with a worth of m3": (
        "{facility: [mv], other: [{id: c, meters: [plant], factor: 1, source: x, kwh_per_m3: 9}]}",
        "energy.other[0].kwh_per_m3",
        "is not needed: these meters count energy",
    ),
    "a form of energy that is electricity already counted": (
        "{facility: [mv], other: [{id: c, meters: [mv], factor: 1, source: x}]}",
        "energy.other[0].meters[0]",
        "is in energy.facility already: it would be counted twice",
    ),
    "a factor without a source": (
        "{facility: [mv], other: [{id: c, meters: [plant], factor: 0.31}]}",
        "energy.other[0].source",
        "is missing: add it",
    ),
    "water without IT": (
        "{water: [water/water_volume]}",
        "energy.water",
        "needs energy.it, which is not there",
    ),
    "PV that is renewable, and no PV": (
        "{facility: [mv], renewable: {on_site: true, source: x}}",
        "energy.renewable.on_site",
        "needs energy.pv",
    ),
    "a percentage as a ratio": (
        "{facility: [mv], renewable: {grid_ratio: 60, source: x}}",
        "energy.renewable.grid_ratio",
        "60 is not possible: it must be at most 1",
    ),
    "a temperature coefficient in percent": (
        "{pv: [pv], pv_plant: {dc_kwp: 7, irradiance: [weather/irradiance.plane],"
        " module_temperature: weather/module.temperature, gamma_per_k: -0.35}}",
        "energy.pv_plant.gamma_per_k",
        "it must be at least -0.01",
    ),
    "a temperature without its coefficient": (
        "{pv: [pv], pv_plant: {dc_kwp: 7, irradiance: [weather/irradiance.plane],"
        " module_temperature: weather/module.temperature}}",
        "energy.pv_plant",
        "module_temperature and gamma_per_k are needed together",
    ),
    "a sensor that is subtracted": (
        "{pv: [pv], pv_plant: {dc_kwp: 7, irradiance: [-weather/irradiance.plane]}}",
        "energy.pv_plant.irradiance",
        "takes the mean of its points",
    ),
    "an export register that is taken off already": (
        "{facility: [mv], pv: [mv/active_energy_export]}",
        "energy.pv[0]",
        "'mv/active_energy_export' is in what energy.facility exports already",
    ),
    "humidity as a temperature": (
        "{pv: [pv], pv_plant: {dc_kwp: 7, irradiance: [weather/irradiance.plane],"
        " module_temperature: weather/ambient.relative_humidity, gamma_per_k: -0.004}}",
        "energy.pv_plant.module_temperature",
        "is no temperature: name a point such as module.temperature",
    ),
}


@pytest.mark.parametrize(("energy", "key", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_energy_are_told(tmp_path, energy, key, message):
    found_key, found_message = mistake(tmp_path, f"energy: {energy}")
    assert found_key == key
    assert message in found_message


ENERGY = "energy: {facility: [mv], it: {1: [ups]}%s}\n"


@pytest.mark.parametrize(
    ("rest", "key", "message"),
    [
        (CARBON + "}", "carbon", "needs energy.facility, which is not there"),
        (GENSETS + ENERGY % "" + CARBON + "}", "carbon", "has generators: add diesel_kg_per_l"),
        (
            GENSETS + ENERGY % "" + CARBON + ", diesel_kg_per_l: 2.68}",
            "carbon.diesel_kg_per_l",
            "add energy.fuel with meters or l_per_kwh",
        ),
        (
            ENERGY % ", other: [{id: c, meters: [plant], factor: 1, source: x}]" + CARBON + "}",
            "energy.other[0].g_per_kwh",
            "is missing: `carbon` needs it",
        ),
        (
            GENSETS.replace(", device: gen-1", "")
            + ENERGY % ", fuel: {l_per_kwh: 0.27}"
            + CARBON
            + ", diesel_kg_per_l: 2.68}",
            "carbon.diesel_kg_per_l",
            "what 'gen-1' burns is not known: give it a device, or meter the fuel",
        ),
        (
            ENERGY % "" + CARBON.replace("610", "0.61") + "}",
            "carbon.grid_g_per_kwh",
            "0.61 g is less than any grid emits: write grams, 610 for 0.61 kg",
        ),
        (ENERGY % "" + CARBON.replace(", source: x", "}"), "carbon.source", "is missing"),
        (ENERGY % "" + CARBON.replace("2021", "21") + "}", "carbon.year", "at least 1990"),
    ],
)
def test_mistakes_in_carbon_are_told(tmp_path, rest, key, message):
    found_key, found_message = mistake(tmp_path, rest)
    assert found_key == key
    assert message in found_message


def tariff(*periods: str) -> str:
    lines = "".join(f"    - {{{period}}}\n" for period in periods)
    return ENERGY % "" + "tariffs:\n  currency: MAD\n  periods:\n" + lines


PEAK = 'id: peak, price_per_kwh: 1.5, from: "18:00", to: "23:00"'
DAY = "id: full, price_per_kwh: 1, from: 07:00, to: 18:00"
NIGHT = "id: off-peak, price_per_kwh: 0.8, from: 23:00, to: 07:00"


def test_a_tariff_with_times_in_quotes_and_without(tmp_path):
    found = load_site(written(tmp_path, tariff(PEAK, DAY, NIGHT))).energy.tariff
    assert (found.currency, found.timezone) == ("MAD", "Africa/Casablanca")
    hours = [(period.start, period.end) for period in found.periods]
    assert hours == [(72, 92), (28, 72), (92, 28)]


def test_days_and_months_of_a_tariff(tmp_path):
    week = "days: [mon, tue, wed, thu, fri]"
    rest = tariff(
        f"id: a, price_per_kwh: 1, from: 00:00, to: 24:00, {week}, months: [1, 2, 3]",
        f"id: b, price_per_kwh: 2, from: 00:00, to: 24:00, {week}, months: [4, 5, 6, 7, 8, 9]",
        f"id: b, price_per_kwh: 2, from: 00:00, to: 24:00, {week}, months: [10, 11, 12]",
        "id: c, price_per_kwh: 3, from: 00:00, to: 24:00, days: [sat, sun]",
    )
    found = load_site(written(tmp_path, rest)).energy.tariff
    assert found.lines == ("a", "b", "c")
    assert found.periods[0] == Period("a", 1, 0, 96, frozenset(range(5)), frozenset({1, 2, 3}))


@pytest.mark.parametrize(
    ("periods", "key", "message"),
    [
        (
            (PEAK, DAY),
            "tariffs.periods",
            "no period has 00:00 to 07:00",
        ),
        (
            (PEAK.replace('"18:00"', '"17:30"'), DAY, NIGHT),
            "tariffs.periods",
            "'peak' and 'full' both have 17:30 to 18:00: one price an hour",
        ),
        (
            (PEAK, DAY, NIGHT + ", days: [mon, tue, wed, thu, fri, sat]"),
            "tariffs.periods",
            "no period has 23:00 to 24:00 on Sun: every hour of the year needs a price",
        ),
        (
            (PEAK, DAY, NIGHT.replace("to: 07:00", 'to: "07:10"')),
            "tariffs.periods[2].to",
            "'07:10' is no time of a tariff: write \"07:30\", on quarters of an hour",
        ),
        ((PEAK, DAY, NIGHT.replace("23:00", "23")), "tariffs.periods[2].from", "23 is no time"),
        ((PEAK, DAY, NIGHT.replace("23:00", '"25:00"')), "tariffs.periods[2].from", "is no time"),
        ((PEAK, DAY, NIGHT + ", days: [monday]"), "tariffs.periods[2].days[0]", "is not one of"),
        ((PEAK, DAY, NIGHT + ", months: [0]"), "tariffs.periods[2].months[0]", "at least 1"),
        ((PEAK, DAY, NIGHT.replace("0.8", "-1")), "tariffs.periods[2].price_per_kwh", "at least 0"),
    ],
)
def test_mistakes_in_tariffs_are_told(tmp_path, periods, key, message):
    with pytest.raises(ConfigError) as caught:
        load_site(written(tmp_path, tariff(*periods)))
    found = [each for each in caught.value.problems if message in each.message]
    assert [each.key for each in found] == [key]
    assert found[0].line > 10


def test_a_tariff_without_a_meter_of_what_comes_in_is_refused(tmp_path):
    rest = tariff(PEAK, DAY, NIGHT).replace(ENERGY % "", "")
    assert mistake(tmp_path, rest) == ("tariffs", "needs energy.facility, which is not there")


def test_the_tariff_in_the_documentation_has_a_price_for_every_hour(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "kpi.md").read_text()
    (example,) = re.findall(r"```yaml\n(tariffs:.*?)```", page, re.DOTALL)
    found = load_site(written(tmp_path, ENERGY % "" + example)).energy.tariff
    assert found.lines == ("peak", "full", "off-peak")
