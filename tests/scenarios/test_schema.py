import re
from datetime import date

import pytest
from pydantic import BaseModel, ValidationError

from recosim.errors import ScenarioError
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.schema.community import Battery, Community, Dwelling, Photovoltaics, Plant, Thermal1R1C
from recosim.scenarios.schema.rules import Comfort, Settlement, Tariff
from recosim.scenarios.schema.scenario import Location, Period, PricesInput, Scenario, WeatherInput

UNIT = re.compile(
    r"(_degc|_kw|_kwh|_kh|_k|_l|_per_\w+|_deg|_m|_s|_ms|_m2|_percent|_minutes|_days|_samples|_hours|_year|_ratio|_october_4|_km|_h)$"
)
PLAIN = {  # numbers without a unit: shares, factors, counts and labels
    "seed", "days", "size", "people", "losses", "efficiency_inverter", "state_min", "state_max", "vat",
    "efficiency_charge", "efficiency_discharge", "cop_nominal", "eer_nominal", "field_factor_heating",
    "field_factor_cooling", "modulation_min", "degradation", "factor_shading", "factor_shutters",
    "fund_share", "producers_share", "f1", "f2", "f3", "resistance", "capacity", "cop", "photovoltaics",
    "factor", "factor_temperature", "factor_incidence", "fraction_frame", "g_value", "linke_turbidity",
    "share_by_car", "gain_from_load",
}  # fmt: skip
FLAT = {
    "name": "a",
    "archetype": "AB.05",
    "floor_area_m2": 60.0,
    "people": 2,
    "energy_base_kwh_per_year": 2000.0,
    "heating_nominal_kw": 4.0,
    "cooling_nominal_kw": 4.0,
}
THERMAL = {"model": "1r1c", "resistance_k_per_w": 0.005, "capacity_j_per_k": 1.4e7}


def sections(model=Scenario, seen=None):
    seen = {} if seen is None else seen
    if model.__name__ not in seen:
        seen[model.__name__] = model
        for field in model.model_fields.values():
            for part in parts(field.annotation):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    sections(part, seen)
    return seen


def parts(annotation):
    inner = getattr(annotation, "__args__", ())
    return [annotation] if not inner else [p for a in inner for p in parts(a)]


@pytest.mark.parametrize("model", sections().values(), ids=lambda m: m.__name__)
def test_every_section_is_strict_and_described(model):
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"]
    assert model.__doc__
    for name, field in model.model_fields.items():
        kinds = parts(field.annotation)
        if not any(isinstance(k, type) and issubclass(k, BaseModel) for k in kinds) and name != "model":
            assert field.description, f"{model.__name__}.{name}"
        if float in kinds and not UNIT.search(name):
            assert name in PLAIN, f"{model.__name__}.{name} names no unit"


def test_naples_is_the_design_page():
    scenario = load_scenario("naples")
    community = scenario.community
    expected = [
        ("AB.05", "middle", 55, 1, "retired", 1500, 3, None, 4.0, 3.5),
        ("AB.05", "middle", 65, 2, "retired", 1900, 3, None, 4.5, 3.5),
        ("AB.05", "corner", 80, 3, "family", 2300, 3, 160, 5.5, 5.0),
        ("AB.05", "top-corner", 95, 4, "family", 2900, 4.5, 180, 6.5, 6.0),
        ("AB.06", "middle", 70, 2, "working", 2000, 3, None, 4.5, 4.0),
        ("AB.06", "corner", 85, 3, "family", 2400, 3, 200, 5.5, 5.0),
        ("AB.06", "top", 100, 4, "family", 2900, 4.5, None, 6.5, 6.0),
        ("AB.07", "middle", 75, 2, "mixed", 2000, 3, None, 4.5, 4.0),
        ("AB.07", "corner", 90, 4, "family", 2700, 4.5, 250, 5.5, 5.0),
        ("nzeb-c", "middle", 80, 3, "family", 2200, 3, None, 3.0, 3.0),
    ]
    found = [
        (
            d.archetype,
            d.position,
            d.floor_area_m2,
            d.people,
            d.occupancy,
            d.energy_base_kwh_per_year,
            d.power_contract_kw,
            d.photovoltaics.azimuth_deg if d.photovoltaics else None,
            d.heating_nominal_kw,
            d.cooling_nominal_kw,
        )
        for d in community.dwellings
    ]
    assert found == expected
    assert [d.name for d in community.dwellings] == [f"flat-{n:02d}" for n in range(1, 11)]
    assert sum(d.energy_base_kwh_per_year for d in community.dwellings) / 10 == pytest.approx(2280.0)
    for dwelling in community.dwellings:
        assert (dwelling.battery is None) == (dwelling.photovoltaics is None)
        if dwelling.battery:
            assert dwelling.battery == Battery()
            assert (dwelling.photovoltaics.power_kw, dwelling.photovoltaics.tilt_deg) == (3.0, 20.0)
    (roof,) = community.plants
    assert (roof.power_kw, roof.tilt_deg, roof.azimuth_deg, roof.pod) == (20.0, 15.0, 190.0, "common")
    assert (roof.commissioned, roof.grant_percent) == (date(2024, 6, 1), 0.0)
    assert roof.power_auxiliary_kw == 0.02
    assert (roof.losses, roof.efficiency_inverter, roof.dc_ac_ratio, roof.gamma_per_k) == (
        0.11,
        0.96,
        1.1,
        -0.0037,
    )
    assert (community.common_services.energy_kwh_per_year, community.common_services.power_contract_kw) == (
        2000,
        3,
    )
    assert (scenario.settlement.configuration, scenario.settlement.region) == ("GAC", "Campania")
    assert (scenario.location.place, scenario.prices.zone) == ("naples", "CSUD")
    assert (scenario.period.date_start, scenario.period.days) == (date(2025, 1, 1), 365)
    assert scenario.comfort == Comfort()


def test_naples_small_differs_in_plants_and_batteries_only():
    naples, small = load_scenario("naples"), load_scenario("naples-small")
    bare = [d.model_copy(update={"photovoltaics": None, "battery": None}) for d in naples.community.dwellings]
    assert list(small.community.dwellings) == bare
    assert small.community.plants == (naples.community.plants[0].model_copy(update={"power_kw": 8.0}),)
    ignored = {"name", "description", "community"}
    assert small.model_dump(exclude=ignored) == naples.model_dump(exclude=ignored)


def test_battery_of_naples_by_default():
    battery = Battery()
    usable = battery.capacity_kwh * (battery.state_max - battery.state_min)
    assert usable == pytest.approx(4.25)
    assert (battery.power_charge_max_kw, battery.power_discharge_max_kw) == (2.5, 2.5)
    assert (battery.efficiency_charge, battery.efficiency_discharge) == (0.95, 0.95)
    assert battery.self_discharge_per_month == 0.02


@pytest.mark.parametrize(
    "change", [{"people": True}, {"people": 2.5}, {"floor_area_m2": "60"}, {"people": 0}]
)
def test_values_are_taken_as_typed(change):
    Dwelling.model_validate(FLAT)
    with pytest.raises(ValidationError):
        Dwelling.model_validate({**FLAT, **change})


def test_one_envelope():
    Dwelling.model_validate({**FLAT, "archetype": None, "thermal": THERMAL})
    with pytest.raises(ValidationError, match="archetype and thermal given"):
        Dwelling.model_validate({**FLAT, "thermal": THERMAL})
    with pytest.raises(ValidationError, match="none given"):
        Dwelling.model_validate({**FLAT, "archetype": None})


def test_values_never_change():
    with pytest.raises(ValidationError, match="frozen"):
        Battery().capacity_kwh = 7.0


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (Battery, {"state_min": 0.5, "state_max": 0.5}, "state_min = 0.5, allowed: below state_max = 0.5"),
        (Period, {"start": date(2026, 1, 1), "calendar_year": 2025}, "outside calendar_year = 2025"),
        (Location, {}, "give either place or"),
        (Location, {"place": "rome", "latitude_deg": 41.0, "longitude_deg": 12.0}, "give either place or"),
        (Location, {"latitude_deg": 41.0}, "belong together"),
        (Location, {"place": "rome", "timezone": "Mars/Base"}, "IANA"),
        (WeatherInput, {"source": "file"}, "needs file: PATH"),
        (PricesInput, {"file": "a.csv"}, "set source: file"),
        (Comfort, {"heating_season_end": "02-30"}, "MM-DD"),
        (Comfort, {"heating_season_end": "3-31"}, "pattern"),
        (Comfort, {"heating_hours": [[9, 6]]}, "in order"),
        (Comfort, {"heating_hours": [[6, 9], [8, 10]]}, "in order"),
        (Comfort, {"cooling_hours": [[13, 25]]}, "in order"),
        (Comfort, {"heating_upper_degc": 19.0}, "at least heating_awake_degc"),
        (Tariff, {"price_energy_eur_per_kwh": 0.1}, "belongs to kind: flat"),
        (Tariff, {"prices_energy_bands": {"f1": 0.1, "f2": 0.1, "f3": 0.1}}, "belongs to kind: bands"),
        (Settlement, {"regime": "transitional", "configuration": "AID"}, "knows no AID"),
        (Photovoltaics, {"power_kw": 3.0, "dc_ac_ratio": 5e-324}, "greater than or equal to 0.1"),
        (Photovoltaics, {"power_kw": 3.0, "efficiency_inverter": 1e-300}, "greater than or equal to 0.01"),
        (Thermal1R1C, {**THERMAL, "aperture_south_m2": 1e295}, "less than or equal to 10000"),
        (Thermal1R1C, {**THERMAL, "resistance_k_per_w": 1e285}, "less than or equal to 1000000"),
        (Thermal1R1C, {**THERMAL, "capacity_j_per_k": 1e-300}, "greater than or equal to 1"),
        (Plant, {"name": "roof", "power_kw": 1000.1}, "less than or equal to 1000"),
        (Photovoltaics, {"power_kw": 3.0, "grant_percent": 41.0}, "less than or equal to 40"),
        (Community, {"dwellings": [FLAT, FLAT]}, "two dwellings are called 'a'"),
        (
            Community,
            {"dwellings": [FLAT], "plants": [{"name": "r", "power_kw": 1.0}]},
            "needs common_services",
        ),
    ],
)
def test_rules_between_values(model, data, message):
    with pytest.raises(ValidationError, match=message):
        model.model_validate(data)


def test_a_start_decides_the_year():
    assert Period.model_validate({"start": date(2028, 2, 29)}).calendar_year == 2028
    assert Period(calendar_year=2026).date_start == date(2026, 1, 1)


def test_coordinates_need_a_climate_or_a_file():
    location = {"latitude_deg": 45.0, "longitude_deg": 9.0}
    data = {"name": "x", "location": location, "community": {"dwellings": [FLAT]}}
    with pytest.raises(ValidationError, match=r"weather\.place is missing"):
        Scenario.model_validate(data)
    assert Scenario.model_validate({**data, "weather": {"place": "torino"}}).weather.place == "torino"
    Scenario.model_validate({**data, "weather": {"source": "file", "file": "a.epw"}})


def test_hours_are_read_from_lists():
    comfort = Comfort.model_validate({"heating_hours": [[5, 7.5], [18, 24]], "cooling_hours": []})
    assert comfort.heating_hours == ((5.0, 7.5), (18.0, 24.0))
    assert comfort.cooling_hours == ()


def test_forecasts_and_model_error():
    scenario = load_scenario("naples")
    assert scenario.forecast == "perfect"
    assert scenario.model_error.model_dump() == dict.fromkeys(
        ("resistance", "capacity", "cop", "photovoltaics"), 0.0
    )
    given = load_scenario("naples", ("forecast=persistence", "model_error.cop=0.49"))
    assert (given.forecast, given.model_error.cop) == ("persistence", 0.49)
    for wrong, said in (
        ("forecast=good", "perfect.*persistence.*low.*medium.*high"),
        ("model_error.cop=0.5", r"model_error.cop = 0.5, allowed \[0, 0.5\)"),
        ("model_error.resistance=-0.1", r"model_error.resistance = -0.1"),
        ("model_error.battery=0.1", "battery.*unknown key"),
    ):
        with pytest.raises(ScenarioError, match=said):
            load_scenario("naples", (wrong,))
