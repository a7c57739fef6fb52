"""A household's year: its calendar, its daylight, and how draws persist and tables turn into series."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.timegrid import TimeGrid

STEP_S = 900
DAY_TYPES = ("weekday", "saturday", "sunday")


@dataclass(frozen=True, kw_only=True)
class LocalYear:
    """A whole local calendar year of quarter-hours and what its calendar and its sun say.

    Parameters
    ----------
    grid : TimeGrid
        From local midnight of 1 January to the next.
    day, month, day_type : array of int, shape (n_steps,)
        Day of the year from 0, month from 1, index into ``DAY_TYPES``.
    hour : array, shape (n_steps,)
        Local time of day [h].
    darkness : array, shape (n_steps,)
        Share of the full lighting that is switched on where people are awake [-].
    """

    grid: TimeGrid
    day: IntArray
    month: IntArray
    day_type: IntArray
    hour: FloatArray
    darkness: FloatArray


def solar_elevation_deg(grid: TimeGrid, latitude_deg: float, longitude_deg: float) -> FloatArray:
    """Height of the sun at the middle of each step, good to about half a degree.

    Parameters
    ----------
    latitude_deg, longitude_deg : float
        Place, north and east positive [deg].

    Returns
    -------
    array, shape (n_steps,) [deg]

    Source: Spencer 1971, Fourier series of the declination and of the equation of time.
    """
    middle = grid.times + grid.step_s / 2.0
    utc = pd.DatetimeIndex(grid.utc)
    hour_utc = middle % 86_400 / 3600.0
    angle = 2.0 * np.pi * (np.asarray(utc.day_of_year) - 1.0 + (hour_utc - 12.0) / 24.0) / 365.0
    declination = (
        0.006918
        - 0.399912 * np.cos(angle)
        + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle)
        + 0.000907 * np.sin(2 * angle)
        - 0.002697 * np.cos(3 * angle)
        + 0.00148 * np.sin(3 * angle)
    )
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * np.cos(angle)
        - 0.032077 * np.sin(angle)
        - 0.014615 * np.cos(2 * angle)
        - 0.040849 * np.sin(2 * angle)
    )
    hour_angle = np.radians(15.0 * (hour_utc + longitude_deg / 15.0 + equation_min / 60.0 - 12.0))
    latitude = np.radians(latitude_deg)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        hour_angle
    )
    elevation: FloatArray = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    return elevation


def local_year(
    year: int, timezone: str, tables: Mapping[str, Any], latitude_deg: float, longitude_deg: float
) -> LocalYear:
    """Calendar and darkness of a local year; Italian public holidays count as Sundays.

    Source: law 260/1949 and later, as in the package ``holidays``.
    """
    # Imported here: it takes longer to load than the rest of this module.
    import holidays

    days = 366 if pd.Timestamp(year, 1, 1).is_leap_year else 365
    grid = TimeGrid.from_local_date(f"{year}-01-01", days, STEP_S, timezone)
    local = grid.local
    weekday = np.asarray(local.day_of_week)
    free = np.array([date.timetuple().tm_yday - 1 for date in holidays.country_holidays("IT", years=year)])
    day = np.asarray(local.day_of_year, dtype=np.int64) - 1
    day_type = np.where(np.isin(day, free) | (weekday == 6), 2, np.where(weekday == 5, 1, 0))
    figures = tables["continuous"]
    elevation = solar_elevation_deg(grid, latitude_deg, longitude_deg)
    by_day = figures["lighting_by_day"]
    sunlit = np.clip(elevation / figures["elevation_full_daylight_deg"], 0.0, 1.0)
    return LocalYear(
        grid=grid,
        day=day,
        month=np.asarray(local.month, dtype=np.int64),
        day_type=day_type.astype(np.int64),
        hour=grid.hour_of_day_local,
        darkness=1.0 - (1.0 - by_day) * sunlit,
    )


def held_draws(rng: np.random.Generator, n_steps: int, mean_steps: float) -> tuple[FloatArray, IntArray]:
    """A uniform number that stays for a while and is then drawn afresh: the simplest Markov chain on [0, 1).

    Returns
    -------
    values : array, shape (n_steps,)
        The number held, uniform at every step.
    since : array of int, shape (n_steps,)
        Step of the last draw.
    """
    chance = 1.0 / max(mean_steps, 1.0)
    draws = rng.random(n_steps)
    first = rng.random()
    drawn = draws < chance
    drawn[0] = True
    # Below the chance the draw is uniform on [0, chance): divided by it, it serves as the new value.
    values = draws / chance
    values[0] = first
    since = np.maximum.accumulate(np.where(drawn, np.arange(n_steps), 0))
    return values[since], since


def between_hours(rows: FloatArray, day_type: IntArray, position_h: FloatArray) -> FloatArray:
    """Interpolate hourly tables of day types along a year, across midnight into the next day's type.

    Parameters
    ----------
    rows : array, shape (3, 24)
        Values at full hours by day type.
    day_type : array of int, shape (n_days,)
        Type of each day of the year.
    position_h : array, shape (n_steps,)
        Hours since the year's first local midnight, by the wall clock [h].

    Returns
    -------
    array, shape (n_steps,)
    """
    hourly = rows[day_type].ravel()
    whole = np.floor(position_h).astype(np.int64)
    part = position_h - whole
    before = hourly.take(whole, mode="wrap")
    after = hourly.take(whole + 1, mode="wrap")
    value: FloatArray = before + part * (after - before)
    return value
