"""A household's year: daylight, calendar, draws that stay, tables that turn into series."""

import numpy as np
import pytest

from recosim.scenarios.household_year import between_hours, held_draws, local_year, solar_elevation_deg
from recosim.scenarios.occupancy import household_tables
from recosim.timegrid import TimeGrid

TABLES = household_tables()
STEPS = 35_040


def test_sun_at_noon_stands_at_ninety_less_latitude_plus_declination():
    for date, declination in (("2025-06-21", 23.44), ("2025-12-21", -23.44), ("2025-03-20", 0.0)):
        grid = TimeGrid.from_local_date(date, 1)
        assert solar_elevation_deg(grid, 41.9, 12.5).max() == pytest.approx(90 - 41.9 + declination, abs=0.5)


def test_sun_rises_and_sets_in_rome_when_the_almanac_says():
    # 21 June: 5:35 to 20:48 summer time; 21 December: 7:34 to 16:42 (centre of the sun some minutes inside).
    for date, rise, fall in (("2025-06-21", 5.6, 20.8), ("2025-12-21", 7.6, 16.7)):
        grid = TimeGrid.from_local_date(date, 1)
        up = grid.hour_of_day_local[solar_elevation_deg(grid, 41.9, 12.5) > 0]
        assert up[0] == pytest.approx(rise, abs=0.3)
        assert up[-1] + 0.25 == pytest.approx(fall, abs=0.3)


def test_calendar_of_2025():
    year = local_year(2025, "Europe/Rome", TABLES, 41.9, 12.5)
    assert year.grid.n_steps == STEPS
    first = {day: int(year.day_type[year.day == day - 1][0]) for day in (1, 2, 4, 5, 111, 115)}
    # New Year, Thursday, Saturday, Sunday, Easter Monday, Liberation on a Friday.
    assert first == {1: 2, 2: 0, 4: 1, 5: 2, 111: 2, 115: 2}
    lengths = np.bincount(year.day)
    assert lengths[88] == 92  # 30 March
    assert lengths[298] == 100  # 26 October
    night = year.darkness[(year.hour < 2)]
    assert np.all(night == 1.0)
    assert year.darkness.min() == pytest.approx(TABLES["continuous"]["lighting_by_day"])


def test_leap_year_has_a_day_more():
    assert local_year(2024, "Europe/Rome", TABLES, 41.9, 12.5).grid.n_steps == 366 * 96


def test_held_draws_are_uniform_and_stay_as_long_as_asked():
    values, since = held_draws(np.random.default_rng(1), 400_000, 8.0)
    assert 0.0 <= values.min() <= values.max() < 1.0
    assert np.quantile(values, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.02)
    assert len(values) / len(np.unique(since)) == pytest.approx(8.0, rel=0.02)
    assert np.all(values == values[since])


def test_between_hours_goes_over_midnight_into_the_next_day_type():
    rows = np.zeros((3, 24))
    rows[0, 23], rows[2, 0] = 10.0, 20.0
    days = np.array([0, 2])
    assert between_hours(rows, days, np.array([23.0, 23.5, 24.0, 22.5])).tolist() == [10.0, 15.0, 20.0, 5.0]
