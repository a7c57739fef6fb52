"""From values of an instant to means of a step: the sun moves between the two.

PVGIS and NSRDB give irradiance at one moment of each step. Taken as the mean of the step it would meet the
sun of the middle of the step, in PVGIS's case 20 minutes too late.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.scenarios.weather.series import CLEAR_SKY_INDEX_MAX, CLEAR_SKY_MIN_W_PER_M2, Weather
from recosim.timegrid import SECONDS_PER_DAY

FINE_STEP_S = 300
DNI_MIN_W_PER_M2 = 100.0
COS_ZENITH_MIN = 0.01
SECONDS_PER_DEGREE = SECONDS_PER_DAY / 360.0


def means_of_instants(weather: Weather, instant_s: float, label_s: float = 0.0) -> Weather:
    """Weather whose values are means of their steps, from one whose values are of an instant in them.

    The clear-sky index of the instants is linear between them; times the clear sky in steps of five minutes
    it gives the means. Every solar day keeps its sum, and GHI = DHI + DNI cos(zenith) stays as true as it
    was. Temperature and wind are linear between the labels.

    Parameters
    ----------
    weather : Weather
        T steps.
    instant_s, label_s : float
        Moment of the irradiances, and that of temperature and wind, from the begin of the step [s].

    Source: clear sky of Haurwitz (1945), J. Meteorol. 2, 154, through pvlib.
    """
    grid = weather.grid
    factor = max(grid.step_s // FINE_STEP_S, 1)
    fine_s = grid.step_s / factor
    at = np.asarray(grid.times + instant_s, dtype=np.float64)
    fine = np.asarray(grid.start + fine_s * (np.arange(grid.n_steps * factor) + 0.5), dtype=np.float64)
    cos_at, clear_at = _sun(at, weather.latitude, weather.longitude)
    cos_fine, clear_fine = _sun(fine, weather.latitude, weather.longitude)
    lit = clear_at > CLEAR_SKY_MIN_W_PER_M2
    if not lit.any():
        return weather

    def shaped(values: FloatArray, sky_at: FloatArray, sky_fine: FloatArray) -> FloatArray:
        index = np.minimum(values[lit] / sky_at[lit], CLEAR_SKY_INDEX_MAX)
        return np.asarray(np.interp(fine, at[lit], index) * sky_fine, dtype=np.float64)

    day_at, day_fine = _solar_day(at, weather.longitude), _solar_day(fine, weather.longitude)
    first = min(day_at[0], day_fine[0])
    ghi = weather.irradiance_global_w_per_m2
    ghi_fine = shaped(ghi, clear_at, clear_fine)
    n_days = int(max(day_at[-1], day_fine[-1]) - first) + 1
    kept = np.bincount(day_at - first, weights=ghi, minlength=n_days) * factor
    made = np.bincount(day_fine - first, weights=ghi_fine, minlength=n_days)
    scale = np.divide(kept, made, out=np.zeros_like(kept), where=made > 0.0)[day_fine - first]

    def mean(fine_values: FloatArray) -> FloatArray:
        return np.asarray((fine_values * scale).reshape(-1, factor).mean(axis=1), dtype=np.float64)

    def linear(values: FloatArray) -> FloatArray:
        course = np.interp(fine, grid.times + label_s, values)
        return np.asarray(course.reshape(-1, factor).mean(axis=1), dtype=np.float64)

    direct, diffuse = weather.irradiance_direct_w_per_m2, weather.irradiance_diffuse_w_per_m2
    normal_at, normal_fine = clear_at / cos_at, clear_fine / cos_fine
    return replace(
        weather,
        temp_outdoor_degc=linear(weather.temp_outdoor_degc),
        irradiance_global_w_per_m2=mean(ghi_fine),
        irradiance_direct_w_per_m2=None if direct is None else mean(shaped(direct, normal_at, normal_fine)),
        irradiance_diffuse_w_per_m2=None if diffuse is None else mean(shaped(diffuse, clear_at, clear_fine)),
        wind_speed_m_per_s=linear(weather.wind_speed_m_per_s),
    )


def instant_of_sun(
    labels: IntArray, values: Mapping[str, FloatArray], latitude: float, longitude: float
) -> float:
    """Moment at which the irradiances of an hourly file were taken, from its labels [s].

    That at which GHI = DHI + DNI cos(zenith) closes best, for files that do not tell.

    Parameters
    ----------
    labels : array of int, shape (n_rows,)
        POSIX time [s].
    values : mapping of str to array, shape (n_rows,)
        ``global``, ``direct`` and ``diffuse`` irradiance [W/m2].
    latitude, longitude : float
        [deg]

    Returns
    -------
    float
        A whole number of minutes within the hour, 0 where no row has enough sun to tell [s].
    """
    ghi, dni, dhi = (values[name] for name in ("global", "direct", "diffuse"))
    bright = np.flatnonzero(np.nan_to_num(dni) > DNI_MIN_W_PER_M2)[:2000]
    bright = bright[np.isfinite(ghi[bright]) & np.isfinite(dhi[bright])]
    if not bright.size:
        return 0.0

    def residual(minute: int) -> float:
        times = np.asarray(labels[bright] + 60.0 * minute, dtype=np.float64)
        cos_zenith, _ = _sun(times, latitude, longitude)
        return float(np.median(np.abs(dhi[bright] + dni[bright] * cos_zenith - ghi[bright])))

    return 60.0 * min(range(60), key=residual)


def _sun(times_posix_s: FloatArray, latitude: float, longitude: float) -> tuple[FloatArray, FloatArray]:
    """Cosine of the zenith, 0.01 at least, and Haurwitz's clear sky [W/m2]."""
    # pvlib takes a second to import; only files of instants need it here.
    from pvlib import clearsky, solarposition

    times = pd.to_datetime(times_posix_s, unit="s", utc=True)
    zenith = solarposition.ephemeris(times, latitude, longitude)["apparent_zenith"]
    clear = clearsky.haurwitz(zenith)["ghi"].to_numpy(dtype=np.float64)
    cosine = np.cos(np.radians(zenith.to_numpy(dtype=np.float64)))
    return np.maximum(cosine, COS_ZENITH_MIN), clear


def _solar_day(times_posix_s: FloatArray, longitude: float) -> IntArray:
    """Number of the day from solar midnight to solar midnight, shape as the times."""
    return np.asarray((times_posix_s + SECONDS_PER_DEGREE * longitude) // SECONDS_PER_DAY, dtype=np.int64)
