"""The synthetic years against their table."""

import numpy as np
import pandas as pd
import pytest

from recosim.errors import ScenarioError
from recosim.scenarios.climate import place_named, places, synthetic_weather
from recosim.scenarios.weather.series import weather_on
from recosim.timegrid import TimeGrid

SEEDS = range(20)


def daily(weather):
    frame = pd.DataFrame(
        {
            "ghi": weather.irradiance_global_w_per_m2 * weather.grid.step_h / 1000.0,
            "temp": weather.temp_outdoor_degc,
        },
        index=weather.grid.utc,
    )
    return frame.resample("D").agg({"ghi": "sum", "temp": "mean"})


@pytest.fixture(scope="module", params=["Naples", "Rome", "Torino"])
def years(request):
    return places()[request.param], [synthetic_weather(request.param, seed) for seed in SEEDS]


def test_monthly_means_are_the_tables(years):
    place, weathers = years
    for weather in weathers:
        means = daily(weather).groupby(lambda day: day.month).mean()
        np.testing.assert_allclose(means["ghi"], place.irradiation_kwh_per_m2_day, rtol=1e-3)
        np.testing.assert_allclose(means["temp"], place.temp_degc, atol=0.01)


def test_day_to_day_spread_is_the_tables(years):
    place, weathers = years
    spread = np.mean([daily(weather).groupby(lambda day: day.month).std() for weather in weathers], axis=0)
    assert np.abs(spread[:, 0] / place.irradiation_sd - 1.0).max() < 0.1
    assert np.abs(spread[:, 1] / place.temp_sd_k - 1.0).max() < 0.05


def test_daily_range_is_the_tables(years):
    place, weathers = years
    found = []
    for weather in weathers[:5]:
        temp = weather.temp_outdoor_degc.reshape(-1, 96)
        found.append(np.bincount(month_of_days(weather), np.ptp(temp, axis=1))[1:])
    days = np.bincount(month_of_days(weathers[0]))[1:]
    assert np.abs(np.mean(found, axis=0) / days / place.temp_range_k - 1.0).max() < 0.05


def month_of_days(weather):
    return np.asarray(weather.grid.utc.month)[::96]


def test_warm_and_cold_days_persist(years):
    _, weathers = years
    for weather in weathers:
        temp = daily(weather)["temp"]
        anomaly = temp - temp.groupby(temp.index.month).transform("mean")
        assert 0.5 < anomaly.autocorr(1) < 0.9


def test_clear_days_have_a_wide_range(years):
    _, weathers = years
    ghi = daily(weathers[0])["ghi"]
    spread = pd.Series(np.ptp(weathers[0].temp_outdoor_degc.reshape(-1, 96), axis=1), ghi.index)
    july = ghi.index.month == 4
    assert ghi[july].corr(spread[july]) > 0.3


def test_never_above_the_clear_sky(years):
    from pvlib import clearsky, solarposition

    place, weathers = years
    grid = weathers[0].grid
    sun = solarposition.get_solarposition(grid.utc + pd.Timedelta("7.5min"), place.latitude, place.longitude)
    clear = clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy().reshape(-1, 4).mean(axis=1)
    for weather in weathers[:5]:
        hours = weather.irradiance_global_w_per_m2.reshape(-1, 4).mean(axis=1)
        assert (hours <= 1.05 * clear + 1.0).all()
        assert weather.irradiance_global_w_per_m2.min() >= 0.0


def test_coldest_near_sunrise_and_warmest_in_the_afternoon(years):
    _, weathers = years
    temp = pd.Series(weathers[0].temp_outdoor_degc, weathers[0].grid.local)
    hours = temp.groupby([temp.index.month, temp.index.hour]).mean().unstack()
    assert hours.idxmax(axis=1).between(13, 15).all()
    assert hours.idxmin(axis=1).between(4, 7).all()


def test_the_sun_shines_on_the_warm_hours(years):
    """By irradiance, over the range: measured 0.44 in Rome, 0.32 in Piedmont and Denver."""
    _, weathers = years
    for weather in weathers[:3]:
        temp, ghi = (
            series.reshape(-1, 96)
            for series in (weather.temp_outdoor_degc, weather.irradiance_global_w_per_m2)
        )
        departure = temp - temp.mean(axis=1, keepdims=True)
        share = (departure * ghi).sum() / ghi.sum() / np.ptp(temp, axis=1).mean()
        assert 0.32 < share < 0.44


def test_beam_and_diffuse_make_up_the_global_irradiance(years):
    from pvlib import solarposition

    place, weathers = years
    weather = weathers[0]
    middles = weather.grid.utc + pd.Timedelta("7.5min")
    sun = solarposition.get_solarposition(middles, place.latitude, place.longitude)
    ghi, dhi = weather.irradiance_global_w_per_m2, weather.irradiance_diffuse_w_per_m2
    beam = weather.irradiance_direct_w_per_m2 * np.cos(np.radians(sun["apparent_zenith"].to_numpy()))
    np.testing.assert_allclose(dhi + np.maximum(beam, 0.0), ghi, atol=1.0)
    assert (dhi >= 0.0).all()
    assert (weather.irradiance_direct_w_per_m2 >= 0.0).all()
    assert weather.irradiance_direct_w_per_m2.max() < 1100.0
    # Measured: 0.36 in Rome and 0.40 in Piedmont.
    assert 0.34 < dhi.sum() / ghi.sum() < 0.42


def test_all_is_diffuse_under_a_dark_sky_and_little_under_a_clear_one(years):
    _, weathers = years
    hours = [
        series.reshape(-1, 4).mean(axis=1)
        for series in (weathers[0].irradiance_global_w_per_m2, weathers[0].irradiance_diffuse_w_per_m2)
    ]
    dark = (hours[0] > 0.0) & (hours[0] < 20.0)
    assert (hours[1][dark] / hours[0][dark]).min() > 0.7
    assert (hours[1] / np.maximum(hours[0], 1.0))[hours[0] > 850.0].max() < 0.35


def test_temperature_has_no_jump_at_midnight(years):
    _, weathers = years
    assert max(np.abs(np.diff(weather.temp_outdoor_degc)).max() for weather in weathers[:5]) < 1.5


def test_wind_is_plausible(years):
    place, weathers = years
    wind = weathers[0].wind_speed_m_per_s
    assert wind.mean() == pytest.approx(place.wind_m_per_s)
    assert 1.0 < wind.mean() < 3.1
    assert wind.min() > 0.0
    assert wind.max() < 25.0


def test_naples_stays_at_its_annual_anchor():
    for seed in SEEDS:
        assert 1550.0 < synthetic_weather("Naples", seed).irradiation_global_kwh_per_m2 < 1680.0


def test_a_south_plane_in_naples_collects_what_naples_collects():
    """Erbs and Perez on 30 degrees: about 1800 kWh/m2 a year, 16 % above the horizontal like Rome's data."""
    from pvlib import irradiance, solarposition

    weather = synthetic_weather("Naples", 0)
    middles = weather.grid.utc + pd.Timedelta("7.5min")
    sun = solarposition.get_solarposition(middles, weather.latitude, weather.longitude)
    ghi = weather.irradiance_global_w_per_m2
    parts = irradiance.erbs(ghi, sun["zenith"], middles)
    plane = irradiance.get_total_irradiance(
        30.0,
        180.0,
        sun["apparent_zenith"],
        sun["azimuth"],
        parts["dni"],
        ghi,
        parts["dhi"],
        dni_extra=irradiance.get_extra_radiation(middles),
        model="perez",
        albedo=0.2,
    )["poa_global"]
    assert 1720.0 < np.nansum(plane) / 4000.0 < 1920.0


def test_a_seed_repeats_and_another_differs():
    one, again, other = (synthetic_weather("Naples", seed) for seed in (3, 3, 4))
    for name in ("temp_outdoor_degc", "irradiance_global_w_per_m2", "wind_speed_m_per_s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_a_leap_year_has_366_days_and_an_hours_step_the_same_energy():
    leap = synthetic_weather("Rome", 0, year=2024, step_s=3600)
    assert leap.grid.n_steps == 366 * 24
    assert leap.irradiation_global_kwh_per_m2 == pytest.approx(
        synthetic_weather("Rome", 0, year=2024).irradiation_global_kwh_per_m2
    )


def test_a_year_covers_any_run():
    weather = synthetic_weather("Torino", 1)
    grid = TimeGrid.from_local_date("2024-12-30", 5)
    assert np.isfinite(weather_on(weather, grid).temp_outdoor_degc).all()


def test_names_ignore_capitals_and_unknown_ones_are_refused():
    assert place_named("naples").name == "Naples"
    with pytest.raises(ScenarioError, match="place = 'Milan', allowed: Naples, Rome, Torino"):
        synthetic_weather("Milan", 0)
    with pytest.raises(ScenarioError, match="seed = -1, allowed: 0 or more"):
        synthetic_weather("Rome", -1)
