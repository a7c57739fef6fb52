"""Weather as a series on UTC steps: what it is, how it changes its step, how it maps onto a run.

A value at t holds over [t, t + step). Irradiance is the mean over the step, so the sun belongs to the middle
of the step. A year of weather stands for any year: it maps by month, day and UTC time of day.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd
from typing import Literal

import numpy as np
import pandas as pd

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.timegrid import SECONDS_PER_DAY, TimeGrid

Alignment = Literal["timestamp", "calendar"]

CLEAR_SKY_MIN_W_PER_M2 = 5.0
CLEAR_SKY_INDEX_MAX = 1.3
_MONTH_DAY_SLOTS = 13 * 32


@dataclass(frozen=True, kw_only=True)
class Weather:
    """A weather series of one place.

    Parameters
    ----------
    latitude, longitude : float
        Position, north and east positive [deg].
    altitude_m : float
        Height above sea level [m].
    timezone : str
        Zone that decides local time at the place (IANA name or a fixed offset such as ``Etc/GMT-1``).
    source : str
        Where the figures come from (a file's path, or a sentence), for messages and results.
    grid : TimeGrid
        The steps, on UTC.
    temp_outdoor_degc : array, shape (T,)
        Outdoor air temperature [degC].
    irradiance_global_w_per_m2 : array, shape (T,)
        Global horizontal irradiance, mean of the step [W/m2].
    irradiance_direct_w_per_m2, irradiance_diffuse_w_per_m2 : array or None, shape (T,)
        Direct normal and diffuse horizontal irradiance, None where the source has none [W/m2].
    wind_speed_m_per_s : array, shape (T,)
        Wind speed at 10 m [m/s].

    Raises
    ------
    ValueError
        A series has not one value per step of the grid.
    """

    latitude: float
    longitude: float
    altitude_m: float
    timezone: str
    source: str
    grid: TimeGrid
    temp_outdoor_degc: FloatArray
    irradiance_global_w_per_m2: FloatArray
    irradiance_direct_w_per_m2: FloatArray | None
    irradiance_diffuse_w_per_m2: FloatArray | None
    wind_speed_m_per_s: FloatArray

    def __post_init__(self) -> None:
        irradiances = [f"irradiance_{part}_w_per_m2" for part in ("global", "direct", "diffuse")]
        names = ["temp_outdoor_degc", "wind_speed_m_per_s", *irradiances]
        for name in names:
            series = getattr(self, name)
            if series is not None and series.shape != (self.grid.n_steps,):
                raise ValueError(f"{name} has shape {series.shape}, expected ({self.grid.n_steps},)")

    @property
    def irradiation_global_kwh_per_m2(self) -> float:
        """Global horizontal irradiation of the whole series [kWh/m2]."""
        return float(self.irradiance_global_w_per_m2.sum()) * self.grid.step_h / 1000.0


def weather_on(weather: Weather, grid: TimeGrid, beyond_steps: int = 0) -> Weather:
    """Weather of the steps of ``grid``, by month, day and UTC time of day whatever the year.

    29 February takes 28 February where the weather has none. Where the same day occurs in several years the
    first one counts.

    Parameters
    ----------
    weather : Weather
        A year, or at least the days that ``grid`` needs; any step.
    grid : TimeGrid
        The steps wanted.
    beyond_steps : int
        The last steps of ``grid`` (a controller's horizon past the end of the run) that may lie past the end
        of the data; they repeat the last 24 hours.

    Raises
    ------
    InputDataError
        A step of ``grid`` has no weather.
    """
    at_step = resample_weather(weather, grid.step_s)
    rows = matching_rows(at_step.grid, grid, "calendar", beyond_steps)
    missing = np.flatnonzero(rows < 0)
    if missing.size:
        raise InputDataError(
            f"{weather.source}: no weather for {describe_time(int(grid.times[missing[0]]), grid.timezone)}; "
            f"the data cover {weather.grid.describe()}, matched by month, day and UTC hour: "
            "move or shorten the period, warm-up days included, or give a file that covers it"
        )
    return _mapped(at_step, grid, lambda series: series[rows])


def matching_rows(
    source: TimeGrid,
    target: TimeGrid,
    align: Alignment,
    beyond_steps: int = 0,
    valid: BoolArray | None = None,
) -> IntArray:
    """Step of ``source`` that holds at the start of each step of ``target``, -1 where there is none.

    Parameters
    ----------
    source, target : TimeGrid
        What there is and what is wanted.
    align : "timestamp" or "calendar"
        The same instant, or the same month, day and UTC time of day (28 and 29 February stand in for each
        other).
    beyond_steps : int
        So many last steps of ``target`` may lie past the end of ``source``: they repeat the last 24 hours.
    valid : array of bool, optional, shape (source.n_steps,)
        False where ``source`` holds no value.

    Returns
    -------
    array of int, shape (target.n_steps,)
    """
    day = SECONDS_PER_DAY // target.step_s
    wider = target.part(-day, target.n_steps + day)
    there = np.ones(source.n_steps, dtype=np.bool_) if valid is None else valid
    rows = (_rows_by_time if align == "timestamp" else _rows_by_calendar)(source, wider, there)
    found = np.flatnonzero(rows >= 0)
    end_of_data = int(found[-1]) + 1 if found.size else 0
    for step in range(max(end_of_data, day + target.n_steps - beyond_steps, day), day + target.n_steps):
        rows[step] = rows[step - day]
    return np.asarray(rows[day:], dtype=np.int64)


def _rows_by_time(source: TimeGrid, target: TimeGrid, there: BoolArray) -> IntArray:
    rows = (target.times - source.start) // source.step_s
    inside = (rows >= 0) & (rows < source.n_steps)
    inside[inside] = there[rows[inside]]
    return np.asarray(np.where(inside, rows, -1), dtype=np.int64)


def _rows_by_calendar(source: TimeGrid, target: TimeGrid, there: BoolArray) -> IntArray:
    per_day = SECONDS_PER_DAY // source.step_s

    def slots(grid: TimeGrid) -> IntArray:
        utc = grid.utc
        month_day = np.asarray(utc.month * 32 + utc.day, dtype=np.int64)
        return month_day * per_day + (grid.times % SECONDS_PER_DAY) // source.step_s

    row_of_slot = np.full(_MONTH_DAY_SLOTS * per_day, -1, dtype=np.int64)
    held = np.flatnonzero(there)[::-1]
    # Backwards, so that of several years the first stays.
    row_of_slot[slots(source)[held]] = held
    feb_28, feb_29 = ((2 * 32 + day) * per_day + np.arange(per_day) for day in (28, 29))
    # Each stands in for the other: a leap day that a source lacks in local time takes the 28th's last UTC
    # hour with it and leaves the 29th's.
    as_28, as_29 = row_of_slot[feb_28], row_of_slot[feb_29]
    row_of_slot[feb_28] = np.where(as_28 < 0, as_29, as_28)
    row_of_slot[feb_29] = np.where(as_29 < 0, as_28, as_29)
    return np.asarray(row_of_slot[slots(target)], dtype=np.int64)


def resample_weather(weather: Weather, step_s: int) -> Weather:
    """Weather at another step, every original step's irradiation kept.

    Shorter steps follow :func:`upsample_weather`, longer ones are means of whole steps (a part of a long step
    at either end is left out), anything else goes through the greatest common divisor.

    Raises
    ------
    InputDataError
        The series does not start on a step of ``step_s`` (half-hour time zones at an hour's step).
    """
    own = weather.grid.step_s
    if own == step_s:
        return weather
    fine = gcd(own, step_s)
    if fine < own:
        weather = upsample_weather(weather, own // fine)
    if fine == step_s:
        return weather
    factor = step_s // fine
    first = (-weather.grid.start // fine) % factor
    n_steps = (weather.grid.n_steps - first) // factor
    if n_steps <= 0:
        raise InputDataError(f"{weather.source}: shorter than one step of {step_s} s; give a longer file")
    grid = replace(weather.grid, start=weather.grid.start + first * fine, step_s=step_s, n_steps=n_steps)

    def mean(series: FloatArray) -> FloatArray:
        whole = series[first : first + n_steps * factor].reshape(n_steps, factor)
        return np.asarray(whole.mean(axis=1), dtype=np.float64)

    return _mapped(weather, grid, mean)


def upsample_weather(weather: Weather, factor: int) -> Weather:
    """Weather with ``factor`` steps for each one, every original step's irradiation kept.

    The clear-sky index of the long steps, interpolated to the middle of the short ones, times the clear sky
    gives the shape; it is rescaled to the long step's mean. Long steps of a clear sky below 5 W/m2 are spread
    evenly over their sunlit part. The diffuse part takes the same factor; the direct normal one takes it over
    the cosine of the zenith, rescaled to its own mean, for the beam on the horizontal is what follows the
    factor. Temperature and wind are linear between the middles of the long steps.

    Parameters
    ----------
    weather : Weather
        T steps.
    factor : int
        Short steps per long one.

    Returns
    -------
    Weather
        T * factor steps.

    Source: clear sky of Haurwitz (1945), J. Meteorol. 2, 154, through pvlib.
    """
    coarse = weather.grid
    fine = replace(coarse, step_s=coarse.step_s // factor, n_steps=coarse.n_steps * factor)
    cos_zenith, clear = _sun_and_clear_sky(weather, fine)
    ghi = weather.irradiance_global_w_per_m2
    share = _share_global(ghi, clear.reshape(-1, factor))
    share_direct = _share_direct(share, clear.reshape(-1, factor), cos_zenith.reshape(-1, factor))

    direct, diffuse = weather.irradiance_direct_w_per_m2, weather.irradiance_diffuse_w_per_m2

    def linear(series: FloatArray) -> FloatArray:
        middles = np.arange(coarse.n_steps) + 0.5
        at = (np.arange(fine.n_steps) + 0.5) / factor
        return np.asarray(np.interp(at, middles, series), dtype=np.float64)

    return replace(
        weather,
        grid=fine,
        temp_outdoor_degc=linear(weather.temp_outdoor_degc),
        irradiance_global_w_per_m2=(ghi[:, None] * share).ravel(),
        irradiance_direct_w_per_m2=None if direct is None else (direct[:, None] * share_direct).ravel(),
        irradiance_diffuse_w_per_m2=None if diffuse is None else (diffuse[:, None] * share).ravel(),
        wind_speed_m_per_s=linear(weather.wind_speed_m_per_s),
    )


def _share_global(ghi: FloatArray, clear: FloatArray) -> FloatArray:
    """Irradiance of each short step over its long step's mean, shape (T, factor); rows have mean 1."""
    n_steps, factor = clear.shape
    clear_mean = clear.mean(axis=1)
    lit = clear_mean > CLEAR_SKY_MIN_W_PER_M2
    shares = np.ones_like(clear)
    sunlit = (clear > 0.0).astype(np.float64)
    partly = (ghi > 0.0) & ~lit & sunlit.any(axis=1)
    shares[partly] = sunlit[partly] / sunlit[partly].mean(axis=1, keepdims=True)
    if not lit.any():
        return shares
    index = np.minimum(ghi[lit] / clear_mean[lit], CLEAR_SKY_INDEX_MAX)
    at = (np.arange(n_steps * factor) + 0.5) / factor
    shape = np.interp(at, np.flatnonzero(lit) + 0.5, index).reshape(clear.shape) * clear
    shaped = lit & (ghi > 0.0)
    shares[shaped] = shape[shaped] / shape[shaped].mean(axis=1, keepdims=True)
    return shares


def _share_direct(share: FloatArray, clear: FloatArray, cos_zenith: FloatArray) -> FloatArray:
    """Scale direct normal irradiance, shape (T, factor); rows have mean 1."""
    lit = clear.mean(axis=1) > CLEAR_SKY_MIN_W_PER_M2
    shares = share.copy()
    normal = share[lit] / np.maximum(cos_zenith[lit], 0.01)
    shares[lit] = normal / normal.mean(axis=1, keepdims=True)
    return shares


def _sun_and_clear_sky(weather: Weather, grid: TimeGrid) -> tuple[FloatArray, FloatArray]:
    # pvlib takes a second to import; only a file at another step needs it here.
    from pvlib import clearsky, solarposition

    middles = grid.utc + pd.Timedelta(seconds=grid.step_s / 2)
    sun = solarposition.get_solarposition(
        middles, weather.latitude, weather.longitude, altitude=weather.altitude_m
    )
    zenith = sun["apparent_zenith"].to_numpy(dtype=np.float64)
    clear = clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy(dtype=np.float64)
    return np.cos(np.radians(zenith)), clear


def _mapped(weather: Weather, grid: TimeGrid, change: Callable[[FloatArray], FloatArray]) -> Weather:
    """Change every series in the same way and put it on ``grid``."""
    direct, diffuse = weather.irradiance_direct_w_per_m2, weather.irradiance_diffuse_w_per_m2
    return replace(
        weather,
        grid=grid,
        temp_outdoor_degc=change(weather.temp_outdoor_degc),
        irradiance_global_w_per_m2=change(weather.irradiance_global_w_per_m2),
        irradiance_direct_w_per_m2=None if direct is None else change(direct),
        irradiance_diffuse_w_per_m2=None if diffuse is None else change(diffuse),
        wind_speed_m_per_s=change(weather.wind_speed_m_per_s),
    )


def describe_time(time: int, timezone: str) -> str:
    """Write a POSIX time in UTC and in local time, for messages."""
    utc = pd.Timestamp(time, unit="s", tz="UTC")
    return f"{utc:%Y-%m-%d %H:%M} UTC ({utc.tz_convert(timezone):%Y-%m-%d %H:%M} {timezone})"
