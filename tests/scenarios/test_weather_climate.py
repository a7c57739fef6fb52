"""A synthetic year of a place that a scenario describes."""

from typing import Any

import numpy as np
import pytest

from recosim.errors import ScenarioError
from recosim.scenarios.climate import places, synthetic_weather
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.weather.source import weather_of

PALERMO = {
    "irradiation": [2.2, 3.0, 4.3, 5.6, 6.8, 7.6, 7.7, 6.8, 5.2, 3.8, 2.5, 2.0],
    "temp": [12.0, 11.8, 13.3, 15.6, 19.3, 23.2, 26.0, 26.6, 23.6, 20.3, 16.3, 13.2],
}
ELSEWHERE = ("location.place=null", "location.latitude_deg=38.1", "location.longitude_deg=13.4")


def described(*more: str, irradiation: list[float] = PALERMO["irradiation"]) -> Any:
    row = f"{{irradiation_kwh_per_m2_day: {irradiation}, temp_degc: {PALERMO['temp']}}}"
    return load_scenario("naples", [*ELSEWHERE, f"weather.climate={row}", *more])


def test_months_have_the_figures_given() -> None:
    weather = weather_of(described())
    month = np.asarray(weather.grid.utc.month)
    for m in range(12):
        days = (month == m + 1).sum() / 96
        daily = weather.irradiance_global_w_per_m2[month == m + 1].sum() * 0.25 / 1000.0 / days
        assert daily == pytest.approx(PALERMO["irradiation"][m], rel=0.05)
        assert weather.temp_outdoor_degc[month == m + 1].mean() == pytest.approx(PALERMO["temp"][m], abs=0.5)
    assert (weather.latitude, weather.longitude) == (38.1, 13.4)


def test_the_row_of_a_known_place_gives_its_year() -> None:
    naples = places()["Naples"]
    row = {
        "irradiation_kwh_per_m2_day": naples.irradiation_kwh_per_m2_day.tolist(),
        "irradiation_sd_kwh_per_m2_day": naples.irradiation_sd.tolist(),
        "temp_degc": naples.temp_degc.tolist(),
        "temp_sd_k": naples.temp_sd_k.tolist(),
        "temp_range_k": naples.temp_range_k.tolist(),
    }
    scenario = load_scenario("naples", [f"weather.climate={row}".replace("'", ""), "seed=5"])
    np.testing.assert_array_equal(
        weather_of(scenario).irradiance_global_w_per_m2,
        synthetic_weather("Naples", 5).irradiance_global_w_per_m2,
    )


@pytest.mark.parametrize("spread", [0.01, 0.3, 30.0])
def test_any_spread_gives_a_year(spread: float) -> None:
    row = f"{{irradiation_kwh_per_m2_day: {PALERMO['irradiation']}, temp_degc: {PALERMO['temp']}, "
    row += f"irradiation_sd_kwh_per_m2_day: {[spread] * 12}}}"
    weather = weather_of(load_scenario("naples", [*ELSEWHERE, f"weather.climate={row}"]))
    assert np.isfinite(weather.irradiance_global_w_per_m2).all()
    wanted = np.dot(PALERMO["irradiation"], [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(wanted, rel=0.05)


def test_a_northern_climate_with_the_usual_spread() -> None:
    place = ("location.place=null", "location.latitude_deg=63.8", "location.longitude_deg=20.3")
    months = "[0.12, 0.6, 1.9, 3.6, 5.0, 5.5, 5.2, 3.7, 2.1, 0.8, 0.2, 0.03]"
    temps = "[-8, -8, -3, 2, 8, 13, 16, 14, 9, 3, -2, -6]"
    row = f"weather.climate={{irradiation_kwh_per_m2_day: {months}, temp_degc: {temps}}}"
    weather = weather_of(load_scenario("naples", [*place, row]))
    assert np.isfinite(weather.temp_outdoor_degc).all()
    assert 850.0 < weather.irradiation_global_kwh_per_m2 < 900.0


@pytest.mark.parametrize(
    ("more", "irradiation", "words"),
    [
        (
            (),
            [9.0, *PALERMO["irradiation"][1:]],
            r"irradiation_kwh_per_m2_day\[0\] = 9, allowed there: 0\.\d+ ",
        ),
        (
            ("location.latitude_deg=-38",),
            PALERMO["irradiation"],
            "latitude = -38, allowed in synthetic years",
        ),
        (("location.longitude_deg=116",), PALERMO["irradiation"], "longitude = 116, allowed for a synthetic"),
        ((), PALERMO["irradiation"][:11], "irradiation_kwh_per_m2_day"),
        (("weather.place=rome",), PALERMO["irradiation"], "leave out place and file, or climate"),
    ],
)
def test_impossible_climates_are_refused(more: tuple[str, ...], irradiation: list[float], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        weather_of(described(*more, irradiation=irradiation))
