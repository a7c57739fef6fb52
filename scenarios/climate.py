"""Synthetic years of weather from monthly figures: seeded, nothing to download.

A typical year: every month has the mean and the day-to-day spread of the table in ``climate.yaml``, seeds
differ in which days are clear or cold and in what order. Days follow each other with persistence, clear days
have a wide temperature range (and are warm in summer, cold in winter), clouds pass within the day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import yaml

from recosim.arrays import FloatArray, IntArray
from recosim.errors import ScenarioError
from recosim.scenarios.decomposition import with_direct_and_diffuse
from recosim.scenarios.weather.series import Weather, resample_weather
from recosim.timegrid import SECONDS_PER_DAY, TimeGrid

OWN_STEP_S = 900
STEPS_PER_DAY = SECONDS_PER_DAY // OWN_STEP_S
# The first entropy word of each synthetic series, so that weather and prices of one seed are independent.
STREAM = 1

# Persistence and spread, fitted to NSRDB Rome 2019 and the PVGIS typical year near Torino; course of the day
# and range of clear days, fitted to these and to Denver's TMY3 (means of the three, rounded).
PERSISTENCE_CLEARNESS = 0.35
PERSISTENCE_TEMP = 0.82
PERSISTENCE_WIND = 0.4
PERSISTENCE_CLOUDS_15_MIN = 0.78
CLOUD_SPREAD = 0.27
RANGE_PER_CLEARNESS = 1.0
# The daily clear-sky index lies between an overcast and a cloudless day.
CLEARNESS_MIN, CLEARNESS_MAX, CLEARNESS_MAX_15_MIN = 0.08, 1.0, 1.03
# Days differ by at least a hundredth of a clear day, where the season's course explains the table's spread.
VARIANCE_CLEARNESS_MIN = 1e-4
# Of a month's spread, so much at most is the course of the season; the rest is weather.
SEASON_SHARE_MAX = 0.7
HOURS_NOON_TO_TEMP_MAX = 1.5
HASTE_OF_MORNING, HASTE_OF_EVENING = 0.75, 0.7
BREEZE, HOURS_NOON_TO_BREEZE = 0.2, 2.5
LONGITUDE_MIN, LONGITUDE_MAX = -45.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place of the synthetic climate.

    Parameters
    ----------
    name : str
        As in ``climate.yaml``.
    latitude, longitude : float
        Position [deg].
    altitude_m : float
        Height above sea level [m].
    timezone : str
        IANA zone.
    linke_turbidity : float
        Linke turbidity of the clear sky [-].
    wind_m_per_s : float
        Mean wind speed at 10 m [m/s].
    irradiation_kwh_per_m2_day, irradiation_sd : array, shape (12,)
        Daily global horizontal irradiation, monthly mean and day-to-day standard deviation [kWh/m2].
    temp_degc, temp_sd_k, temp_range_k : array, shape (12,)
        Monthly mean temperature [degC], standard deviation of daily means and mean daily range [K].
    """

    name: str
    latitude: float
    longitude: float
    altitude_m: float
    timezone: str
    linke_turbidity: float
    wind_m_per_s: float
    irradiation_kwh_per_m2_day: FloatArray
    irradiation_sd: FloatArray
    temp_degc: FloatArray
    temp_sd_k: FloatArray
    temp_range_k: FloatArray


@cache
def places() -> Mapping[str, Place]:
    """Places with a synthetic climate, by name."""
    text = resources.files("recosim.scenarios").joinpath("climate.yaml").read_text(encoding="utf-8")
    found = {}
    for name, entry in yaml.safe_load(text)["places"].items():
        values: dict[str, Any] = {
            key: np.asarray(value, dtype=np.float64) if isinstance(value, list) else value
            for key, value in entry.items()
        }
        found[name] = Place(name=name, **values)
    return MappingProxyType(found)


def place_named(name: str) -> Place:
    """Place of a name, capital letters ignored.

    Raises
    ------
    ScenarioError
        There is no such place.
    """
    for known, place in places().items():
        if known.lower() == name.strip().lower():
            return place
    raise ScenarioError(
        f"weather place = {name!r}, allowed: {', '.join(places())} (climate.yaml); for another place give "
        "weather.climate, or a weather file (EPW, PVGIS, NSRDB, or any CSV by weather.mapping)"
    )


def synthetic_weather(place: str | Place, seed: int, year: int = 2025, step_s: int = 900) -> Weather:
    """A typical UTC year of a place.

    Parameters
    ----------
    place : str or Place
        One of :func:`places`, or any other with its figures.
    seed : int
        0 or more; the same seed gives the same year.
    year : int
        Calendar year of the series (366 days where it is a leap year).
    step_s : int
        Step [s]; the year is made at 900 s and brought to it.

    Returns
    -------
    Weather
        With direct and diffuse irradiance by :func:`recosim.scenarios.decomposition.with_direct_and_diffuse`.

    Raises
    ------
    ScenarioError
        Unknown place, negative seed, a month brighter or darker than the sun of the place allows, or a place
        whose days cross midnight UTC.
    """
    where = place_named(place) if isinstance(place, str) else place
    if where.latitude < 0.0:
        raise ScenarioError(
            f"weather of {where.name}: latitude = {where.latitude:g}, allowed in synthetic years: 0 or more, "
            "for its clear days are warm from April to September; give a file"
        )
    if not LONGITUDE_MIN <= where.longitude <= LONGITUDE_MAX:
        raise ScenarioError(
            f"weather of {where.name}: longitude = {where.longitude:g}, allowed for a synthetic year: "
            f"{LONGITUDE_MIN:g} to {LONGITUDE_MAX:g}, where no day crosses midnight UTC; give a file"
        )
    if seed < 0:
        raise ScenarioError(f"weather seed = {seed}, allowed: 0 or more")
    rng = np.random.default_rng([STREAM, seed])
    start = int(pd.Timestamp(year, 1, 1, tz="UTC").timestamp())
    days = 366 if pd.Timestamp(year, 1, 1).is_leap_year else 365
    grid = TimeGrid(start=start, step_s=OWN_STEP_S, n_steps=days * STEPS_PER_DAY, timezone=where.timezone)
    month = np.asarray(grid.utc.month, dtype=np.int64)[::STEPS_PER_DAY] - 1
    clear, noon_h, half_day_h = _clear_sky(where, grid)
    normal = _persistent(rng.standard_normal(days), PERSISTENCE_CLEARNESS)
    clearness = _daily_clearness(where, month, clear.mean(axis=1) * 0.024, normal, rng)
    ghi = clear * _clearness_within_day(clearness, clear, rng)
    temp = _temperature(where, month, clearness, normal, noon_h, half_day_h, rng)
    weather = Weather(
        latitude=where.latitude,
        longitude=where.longitude,
        altitude_m=where.altitude_m,
        timezone=where.timezone,
        source=f"synthetic typical year of {where.name}, seed {seed}",
        grid=grid,
        temp_outdoor_degc=temp.ravel(),
        irradiance_global_w_per_m2=ghi.ravel(),
        irradiance_direct_w_per_m2=None,
        irradiance_diffuse_w_per_m2=None,
        wind_speed_m_per_s=_wind(where, noon_h, days, rng).ravel(),
    )
    return resample_weather(with_direct_and_diffuse(weather), step_s)


def _clear_sky(place: Place, grid: TimeGrid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Clear-sky irradiance (days, steps), solar noon and half the day's length (days,) [UTC h, h].

    The lower of two models, so that no day exceeds either.

    Source: Ineichen and Perez (2002), Solar Energy 73, 151; Haurwitz (1945), J. Meteorol. 2, 154; by pvlib.
    """
    # pvlib takes a second to import; only a synthetic year needs it here.
    from pvlib import atmosphere, clearsky, irradiance, solarposition

    middles = grid.utc + pd.Timedelta(seconds=grid.step_s / 2)
    # Michalsky's ephemeris: 0.01 deg, six times as fast as SPA.
    sun = solarposition.ephemeris(middles, place.latitude, place.longitude)
    zenith = sun["apparent_zenith"]
    pressure = atmosphere.alt2pres(place.altitude_m)
    airmass = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(zenith), pressure)
    extra = irradiance.get_extra_radiation(middles)
    turbid = clearsky.ineichen(zenith, airmass, place.linke_turbidity, place.altitude_m, dni_extra=extra)
    clear = np.minimum(turbid["ghi"].fillna(0.0).to_numpy(), clearsky.haurwitz(zenith)["ghi"].to_numpy())
    elevation = sun["elevation"].to_numpy(dtype=np.float64).reshape(-1, STEPS_PER_DAY)
    lit_h = (elevation > 0.0).sum(axis=1) * 24.0 / STEPS_PER_DAY
    noon_h = (np.argmax(elevation, axis=1) + 0.5) * 24.0 / STEPS_PER_DAY
    noon_h = np.convolve(np.pad(noon_h, 7, mode="edge"), np.full(15, 1.0 / 15.0), mode="valid")
    return np.asarray(clear, dtype=np.float64).reshape(-1, STEPS_PER_DAY), noon_h, lit_h / 2.0


def _persistent(shocks: FloatArray, persistence: float) -> FloatArray:
    """Make an AR(1) process of unit variance along the first axis."""
    series = np.empty_like(shocks)
    series[0] = shocks[0]
    weight = np.sqrt(1.0 - persistence**2)
    for step in range(1, len(shocks)):
        series[step] = persistence * series[step - 1] + weight * shocks[step]
    return series


def _daily_clearness(
    place: Place, month: IntArray, clear_kwh: FloatArray, normal: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Clear-sky index of each day, shape (days,): a beta distribution per month, in the order of ``normal``.

    The ranks of the persistent series take one value from each equal share of the distribution, so a month
    has the table's spread in every year and not only on average; then its mean is made exact.
    """
    from scipy.special import betaincinv

    clearness = np.empty_like(clear_kwh)
    width = CLEARNESS_MAX - CLEARNESS_MIN
    for m in range(12):
        days = np.flatnonzero(month == m)
        clear = clear_kwh[days]
        target = place.irradiation_kwh_per_m2_day[m]
        mean = target / clear.mean()
        if not CLEARNESS_MIN < mean < CLEARNESS_MAX:
            raise ScenarioError(
                f"weather of {place.name}: irradiation_kwh_per_m2_day[{m}] = {target:g}, allowed there: "
                f"{CLEARNESS_MIN * clear.mean():.2f} (overcast) to {CLEARNESS_MAX * clear.mean():.2f} (clear)"
            )
        # The spread of the table holds the season's course within the month as well.
        variance = (place.irradiation_sd[m] ** 2 - mean**2 * clear.var()) / np.mean(clear**2)
        centre = (mean - CLEARNESS_MIN) / width
        most = 0.9 * centre * (1.0 - centre)
        variance = np.clip(variance / width**2, min(VARIANCE_CLEARNESS_MIN, most), most)
        total = centre * (1.0 - centre) / variance - 1.0
        rank = np.argsort(np.argsort(normal[days]))
        share = (rank + rng.uniform(0.0, 1.0, len(days))) / len(days)
        index = CLEARNESS_MIN + width * betaincinv(centre * total, (1.0 - centre) * total, share)
        for _ in range(50):
            excess = target - np.mean(index * clear)
            index = np.clip(index + excess / clear.mean(), CLEARNESS_MIN, CLEARNESS_MAX)
        clearness[days] = index
    return clearness


def _clearness_within_day(clearness: FloatArray, clear: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Clear-sky index of each step, shape (days, steps), its irradiance-weighted mean the day's index."""
    clouds = _persistent(rng.standard_normal(clear.shape[::-1]), PERSISTENCE_CLOUDS_15_MIN).T
    spread = CLOUD_SPREAD * np.sqrt(4.0 * clearness * (1.0 - clearness))
    index = clearness[:, None] + spread[:, None] * clouds
    weights = clear / clear.sum(axis=1, keepdims=True)
    for _ in range(30):
        index = np.clip(index, 0.3 * CLEARNESS_MIN, CLEARNESS_MAX_15_MIN)
        index = index * (clearness / (index * weights).sum(axis=1))[:, None]
    return index


def _temperature(
    place: Place,
    month: IntArray,
    clearness: FloatArray,
    normal: FloatArray,
    noon_h: FloatArray,
    half_day_h: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Outdoor temperature, shape (days, steps) [degC]."""
    days = len(month)
    # Clear days are warm in summer and cold in winter.
    link = 0.05 - 0.3 * np.cos(2.0 * np.pi * (np.arange(days) - 15.0) / days)
    shocks = link * normal + np.sqrt(1.0 - link**2) * rng.standard_normal(days)
    daily = _daily_temperature(place, month, _persistent(shocks, PERSISTENCE_TEMP))
    anomaly = clearness - _monthly_mean(clearness, month)[month]
    relative = np.clip(1.0 + RANGE_PER_CLEARNESS * anomaly + 0.15 * rng.standard_normal(days), 0.3, 1.8)
    wave = _diurnal_wave(noon_h, half_day_h)
    base = _through_days(daily)
    scale = place.temp_range_k.copy()
    # What the days' own course adds to the range is taken back, so that its monthly mean is the table's.
    for _ in range(4):
        day_range = scale[month] * relative
        temp = base + _between_middays(day_range) * wave
        scale = scale * place.temp_range_k / _monthly_mean(np.ptp(temp, axis=1), month)
    correction = place.temp_degc - _monthly_mean(temp.mean(axis=1), month)
    return temp + correction[month][:, None]


def _daily_temperature(place: Place, month: IntArray, noise: FloatArray) -> FloatArray:
    """Daily means, shape (days,): each month has exactly the table's mean and standard deviation."""
    daily = np.empty_like(noise)
    table = place.temp_degc
    for m in range(12):
        days = np.flatnonzero(month == m)
        sd = place.temp_sd_k[m]
        course = np.linspace(-0.5, 0.5, len(days))
        slope = (table[(m + 1) % 12] - table[m - 1]) / 2.0
        largest = SEASON_SHARE_MAX * sd / course.std()
        course = course * np.clip(slope, -largest, largest)
        own = noise[days] - noise[days].mean()
        # a such that the variance of course + a * own is the table's.
        cross, left = np.mean(own * course) / own.var(), (course.var() - sd**2) / own.var()
        daily[days] = table[m] + course + (np.sqrt(cross**2 - left) - cross) * own
    return daily


def _diurnal_wave(noon_h: FloatArray, half_day_h: FloatArray) -> FloatArray:
    """Daily wave of mean 0 and range 1, lowest at sunrise, highest after noon, shape (days, steps)."""
    hour = (np.arange(STEPS_PER_DAY) + 0.5) * 24.0 / STEPS_PER_DAY
    lowest = (noon_h - half_day_h)[:, None]
    rise = HOURS_NOON_TO_TEMP_MAX + half_day_h[:, None]
    since = (hour[None, :] - lowest) % 24.0
    rising = -0.5 * np.cos(np.pi * np.minimum(since / rise, 1.0) ** HASTE_OF_MORNING)
    # Both are quick at first: the sun on the morning's air, the evening's clear sky.
    fallen = np.maximum(since - rise, 0.0) / (24.0 - rise)
    falling = 0.5 * np.cos(np.pi * fallen**HASTE_OF_EVENING)
    wave = np.where(since < rise, rising, falling)
    return np.asarray(wave - wave.mean(axis=1, keepdims=True), dtype=np.float64)


def _through_days(daily: FloatArray) -> FloatArray:
    """Continuous course, linear between middays, with exactly these daily means, shape (days, steps)."""
    from scipy.linalg import solve_banded

    days = len(daily)
    weights = _between_middays(np.eye(3)[1])[1].mean(), _between_middays(np.eye(3)[0])[1].mean()
    bands = np.full((3, days), weights[1])
    bands[1] = weights[0]
    bands[1, [0, -1]] = 1.0 - weights[1]
    return _between_middays(np.asarray(solve_banded((1, 1), bands, daily), dtype=np.float64))


def _between_middays(daily: FloatArray) -> FloatArray:
    at = (np.arange(len(daily) * STEPS_PER_DAY) + 0.5) / STEPS_PER_DAY - 0.5
    course = np.interp(at, np.arange(len(daily)), daily)
    return np.asarray(course, dtype=np.float64).reshape(-1, STEPS_PER_DAY)


def _wind(place: Place, noon_h: FloatArray, days: int, rng: np.random.Generator) -> FloatArray:
    """Wind speed, shape (days, steps) [m/s]: lognormal days and hours, a breeze in the afternoon."""
    daily = np.exp(0.4 * _persistent(rng.standard_normal(days), PERSISTENCE_WIND))
    gusts = np.exp(0.25 * _persistent(rng.standard_normal((STEPS_PER_DAY, days)), 0.9)).T
    hour = (np.arange(STEPS_PER_DAY) + 0.5) * 24.0 / STEPS_PER_DAY
    since_noon = hour[None, :] - noon_h[:, None]
    breeze = 1.0 + BREEZE * np.cos(2.0 * np.pi * (since_noon - HOURS_NOON_TO_BREEZE) / 24.0)
    wind = _between_middays(daily) * gusts * breeze
    return np.asarray(wind * (place.wind_m_per_s / wind.mean()), dtype=np.float64)


def _monthly_mean(daily: FloatArray, month: IntArray) -> FloatArray:
    return np.bincount(month, weights=daily, minlength=12) / np.bincount(month, minlength=12)
