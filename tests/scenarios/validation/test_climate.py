"""The years that validate climate makes, and that it can turn red."""

from dataclasses import replace

import pytest

from recosim.errors import ScenarioError
from recosim.scenarios.climate import place_named
from recosim.scenarios.validation.climate import SEEDS, climate_figures, rows_of, validate
from recosim.scenarios.validation.reference import Request

PLACES = ("Naples", "Rome", "Torino")


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_twenty_years_of_every_place_keep_to_the_table(name):
    report = validate(Request(cases=(name,)))
    assert report.ok, [row for row in report.rows if not row.ok]
    assert len(SEEDS) == 20
    assert len(report.rows) == (11 if name == "Naples" else 7)


@pytest.fixture(scope="module")
def figures():
    return climate_figures(place_named("Naples"), range(2))


def test_two_years_of_naples_keep_to_the_table(figures):
    assert all(row.ok for row in rows_of("Naples", figures))
    assert 1380.0 < figures["yield_kwh_per_kwp_min"] < figures["yield_kwh_per_kwp_max"] < 1480.0


@pytest.mark.parametrize(
    ("figure", "value", "what"),
    [
        ("irradiation_worst_share", -0.051, "irradiation, worst month"),
        ("temp_worst_k", 0.51, "temperature, worst month"),
        ("irradiation_sd_worst_share", 0.26, "irradiation, day-to-day sd, worst month"),
        ("temp_sd_worst_share", -0.26, "temperature, day-to-day sd, worst month"),
        ("clearness_max", 1.051, "hourly clearness, largest"),
        ("temp_lag_min", 0.49, "lag-1 correlation of daily temperature, lowest"),
        ("temp_lag_max", 0.91, "lag-1 correlation of daily temperature, highest"),
        ("irradiation_kwh_per_m2_min", 1549.0, "irradiation of a year, lowest"),
        ("yield_kwh_per_kwp_max", 1481.0, "yield at tilt 30 south, highest"),
        ("yield_kwh_per_kwp_min", float("nan"), "yield at tilt 30 south, lowest"),
    ],
)
def test_a_figure_outside_its_range_is_red(figures, figure, value, what):
    rows = rows_of("Naples", figures | {figure: value})
    assert [row.what for row in rows if not row.ok] == [what]


def test_the_anchor_is_of_naples_only(figures):
    assert not [row for row in rows_of("Rome", figures) if "yield" in row.what]


def test_another_table_is_noticed():
    rome = place_named("Rome")
    other = replace(
        rome, temp_degc=rome.temp_degc - 1.0, irradiation_kwh_per_m2_day=rome.irradiation_kwh_per_m2_day * 0.9
    )
    found = climate_figures(other, range(1))
    assert found["temp_worst_k"] == pytest.approx(1.0, abs=0.01)
    assert found["irradiation_worst_share"] == pytest.approx(1.0 / 0.9 - 1.0, abs=1e-3)


def test_cases_are_places():
    with pytest.raises(ScenarioError, match="place = 'Milan', allowed: Naples, Rome, Torino"):
        validate(Request(cases=("Milan",)))
    with pytest.raises(ScenarioError, match="a place is named twice"):
        validate(Request(cases=("rome", "Rome")))
