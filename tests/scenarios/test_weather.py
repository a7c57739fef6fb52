"""Mapping weather onto a run and bringing it to another step."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.errors import InputDataError
from recosim.scenarios.weather.series import (
    Weather,
    matching_rows,
    resample_weather,
    upsample_weather,
    weather_on,
)
from recosim.timegrid import TimeGrid


def clear_sky(grid):
    """Haurwitz at Naples, at the middle of each step."""
    from pvlib import clearsky, solarposition

    middles = grid.utc + pd.Timedelta(seconds=grid.step_s / 2)
    sun = solarposition.get_solarposition(middles, 40.85, 14.27, altitude=50.0)
    return clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy()


def make_weather(start="2025-06-01", days=2, step_s=3600, ghi=None, direct=None, diffuse=None):
    """Weather at Naples from UTC midnight whose temperature counts the steps."""
    grid = TimeGrid.from_local_date(start, days, step_s=step_s, timezone="UTC")
    n = grid.n_steps
    minutes = clear_sky(replace(grid, step_s=300, n_steps=n * (step_s // 300)))
    clear = minutes.reshape(n, -1).mean(axis=1)
    return Weather(
        latitude=40.85,
        longitude=14.27,
        altitude_m=50.0,
        timezone="Europe/Rome",
        source="test.csv",
        grid=grid,
        temp_outdoor_degc=np.arange(n, dtype=float),
        irradiance_global_w_per_m2=clear if ghi is None else np.asarray(ghi, dtype=float),
        irradiance_direct_w_per_m2=direct,
        irradiance_diffuse_w_per_m2=diffuse,
        wind_speed_m_per_s=np.full(n, 2.0),
    )


def test_a_series_of_the_wrong_length_is_refused():
    weather = make_weather()
    with pytest.raises(ValueError, match="wind_speed_m_per_s has shape"):
        replace(weather, wind_speed_m_per_s=np.zeros(3))


def test_weather_maps_by_month_day_and_utc_hour_whatever_its_year():
    weather = make_weather("2019-01-01", 365, step_s=900)
    # Local midnight of 10 March 2025 is 23:00 UTC of 9 March, day 67 of the year counted from 0.
    grid = TimeGrid.from_local_date("2025-03-10", 1)
    mapped = weather_on(weather, grid)
    assert mapped.grid == grid
    assert mapped.temp_outdoor_degc[0] == 67 * 96 + 23 * 4
    np.testing.assert_array_equal(np.diff(mapped.temp_outdoor_degc), 1.0)


def test_a_run_over_new_year_wraps():
    weather = make_weather("2019-01-01", 365, step_s=900)
    mapped = weather_on(weather, TimeGrid.from_local_date("2025-01-01", 1))
    assert mapped.temp_outdoor_degc[0] == 365 * 96 - 4
    assert mapped.temp_outdoor_degc[4] == 0.0


def test_29_february_takes_the_28th_and_the_next_day_is_march():
    weather = make_weather("2019-01-01", 365, step_s=900)
    grid = TimeGrid.from_local_date("2024-02-28", 3, timezone="UTC")
    day = weather_on(weather, grid).temp_outdoor_degc.reshape(3, 96)
    np.testing.assert_array_equal(day[1], day[0])
    assert day[2, 0] == day[0, 0] + 96


def test_29_february_is_used_where_the_weather_has_one():
    weather = make_weather("2020-01-01", 366, step_s=900)
    grid = TimeGrid.from_local_date("2024-02-29", 1, timezone="UTC")
    assert weather_on(weather, grid).temp_outdoor_degc[0] == 59 * 96


def test_days_beyond_the_data_are_refused_in_one_line():
    weather = make_weather("2025-06-01", 10, step_s=900)
    with pytest.raises(InputDataError) as refusal:
        weather_on(weather, TimeGrid.from_local_date("2025-06-10", 3))
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith("test.csv: no weather for 2025-06-11 00:00 UTC (2025-06-11 02:00 Europe/Rome)")
    assert "2025-06-01 00:00 to 2025-06-11 00:00" in message


def test_a_horizon_past_the_end_repeats_the_last_day():
    weather = make_weather("2025-06-01", 10, step_s=900)
    grid = TimeGrid.from_local_date("2025-06-10", 3, timezone="UTC")
    mapped = weather_on(weather, grid, beyond_steps=192).temp_outdoor_degc.reshape(3, 96)
    np.testing.assert_array_equal(mapped[1], mapped[0])
    np.testing.assert_array_equal(mapped[2], mapped[0])
    with pytest.raises(InputDataError, match="no weather for 2025-06-11 00:00 UTC"):
        weather_on(weather, grid, beyond_steps=191)


def test_a_horizon_repeats_the_day_before_a_short_grid():
    weather = make_weather("2025-06-01", 10, step_s=900)
    grid = TimeGrid(start=weather.grid.end - 900, step_s=900, n_steps=3)
    last = 10 * 96 - 1
    mapped = weather_on(weather, grid, beyond_steps=2)
    np.testing.assert_array_equal(mapped.temp_outdoor_degc, [last, last + 1 - 96, last + 2 - 96])


def test_rows_by_time_do_not_look_at_the_calendar():
    source = TimeGrid.from_local_date("2024-05-01", 2, step_s=3600, timezone="UTC")
    target = TimeGrid.from_local_date("2024-05-02", 1, timezone="UTC")
    np.testing.assert_array_equal(matching_rows(source, target, "timestamp"), 24 + np.arange(96) // 4)
    later = TimeGrid.from_local_date("2025-05-02", 1, timezone="UTC")
    assert (matching_rows(source, later, "timestamp") == -1).all()
    np.testing.assert_array_equal(matching_rows(source, later, "calendar"), 24 + np.arange(96) // 4)


def test_rows_without_a_value_are_not_matched():
    source = TimeGrid.from_local_date("2024-05-01", 1, step_s=3600, timezone="UTC")
    valid = np.arange(24) != 5
    for align in ("timestamp", "calendar"):
        rows = matching_rows(source, source, align, valid=valid)
        np.testing.assert_array_equal(np.flatnonzero(rows < 0), [5])


@given(
    index=st.lists(st.floats(min_value=0.0, max_value=1.25), min_size=48, max_size=48),
    stray=st.floats(min_value=0.0, max_value=40.0),
)
@settings(max_examples=30, deadline=None)
def test_upsampling_keeps_every_hours_energy(index, stray):
    hour = make_weather()
    # Light at night too: a file's label conventions put some there.
    ghi = hour.irradiance_global_w_per_m2 * np.array(index) + stray
    coarse = replace(
        hour,
        irradiance_global_w_per_m2=ghi,
        irradiance_direct_w_per_m2=0.8 * ghi,
        irradiance_diffuse_w_per_m2=0.4 * ghi,
    )
    fine = upsample_weather(coarse, 4)
    for name in ("global", "direct", "diffuse"):
        series = getattr(fine, f"irradiance_{name}_w_per_m2")
        hours = series.reshape(-1, 4).mean(axis=1)
        assert np.abs(hours - getattr(coarse, f"irradiance_{name}_w_per_m2")).max() < 1e-9
        assert series.min() >= 0.0


def test_a_clear_day_comes_back_as_it_was():
    hours = make_weather()
    fine = upsample_weather(hours, 4)
    truth = clear_sky(fine.grid)
    difference = np.abs(fine.irradiance_global_w_per_m2 - truth)
    # The hours of dawn and dusk with a clear sky below 5 W/m2 are spread evenly over their lit quarters.
    assert difference.max() < 12.0
    assert difference[np.repeat(hours.irradiance_global_w_per_m2 > 5.0, 4)].max() < 0.5


def test_the_beam_is_not_doubled_at_sunrise():
    """Direct normal irradiance changes little within an hour; only its horizontal part follows the sun."""
    hour = make_weather(days=1)
    direct = np.where(hour.irradiance_global_w_per_m2 > 0, 600.0, 0.0)
    fine = upsample_weather(replace(hour, irradiance_direct_w_per_m2=direct), 4)
    assert np.ptp(fine.irradiance_global_w_per_m2[24:28]) > 100.0
    assert np.ptp(fine.irradiance_direct_w_per_m2[24:28]) < 60.0


def test_temperature_is_linear_between_the_middles_of_the_hours():
    fine = upsample_weather(make_weather(), 4).temp_outdoor_degc
    # Hour k has temperature k at its middle, so the quarter centred 52.5 min into hour 3 has 3.375.
    np.testing.assert_allclose(fine[12:16], [2.625, 2.875, 3.125, 3.375], atol=1e-12)
    assert fine[0] == 0.0


@pytest.mark.parametrize("step_s", [300, 600, 900, 1800, 3600])
def test_any_step_keeps_the_irradiation(step_s):
    weather = make_weather(step_s=1800, days=3)
    changed = resample_weather(weather, step_s)
    assert changed.grid.step_s == step_s
    assert changed.grid.end == weather.grid.end
    assert changed.irradiation_global_kwh_per_m2 == pytest.approx(
        weather.irradiation_global_kwh_per_m2, rel=1e-12
    )


def test_ten_minutes_become_fifteen():
    weather = make_weather(step_s=600, days=1)
    ghi = weather.irradiance_global_w_per_m2
    changed = resample_weather(weather, 900).irradiance_global_w_per_m2
    # The first 15 minutes of the half hour are the first 10 and the first half of the next 10.
    assert changed.size == 96
    np.testing.assert_allclose(
        changed.reshape(48, 2).mean(axis=1), ghi.reshape(48, 3).mean(axis=1), atol=1e-9
    )


def test_means_start_on_whole_hours():
    weather = make_weather(step_s=1800, days=1)
    shifted = replace(weather, grid=weather.grid.part(1, 48))
    hours = resample_weather(shifted, 3600)
    assert hours.grid.start == shifted.grid.start + 1800
    assert hours.temp_outdoor_degc[0] == 1.5
    assert hours.grid.n_steps == 23
