"""Synthetic years beside the climate table they are made from, and what Naples must collect."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.errors import ScenarioError
from recosim.scenarios.climate import Place, place_named, places, synthetic_weather
from recosim.scenarios.facades import irradiance_on
from recosim.scenarios.validation.reference import Report, Request, Row, checked
from recosim.scenarios.weather.series import CLEAR_SKY_MIN_W_PER_M2, Weather
from recosim.simulators.physics.photovoltaics import PvPlant, power_ac_kw
from recosim.timegrid import SECONDS_PER_HOUR

SEEDS = range(20)
STEP_S = 900
TABLE = "climate.yaml"
ANCHOR = "PVGIS (c) European Union: about 1412 kWh/kWp"
ANCHORED = "Naples"
PLANT = PvPlant(power_nominal_kw=1.0, tilt_deg=30.0, azimuth_deg=180.0)
MONTHS = 12


def climate_figures(place: Place, seeds: Sequence[int] = SEEDS) -> dict[str, float]:
    """Figures of the synthetic years of a place.

    Parameters
    ----------
    place : Place
    seeds : sequence of int
        Of the years.

    Returns
    -------
    dict of str to float
        ``irradiation_worst_share`` and ``temp_worst_k``: the month whose mean over the seeds is furthest from
        the table; ``irradiation_sd_worst_share`` and ``temp_sd_worst_share``: the same of the day-to-day
        standard deviation; ``clearness_max``: largest hourly irradiance over that of the clear sky;
        ``temp_lag_min`` and ``temp_lag_max``: lag-1 correlation of the daily temperature's departure from its
        month's mean; ``irradiation_kwh_per_m2_min`` and ``_max``: of the year; ``yield_kwh_per_kwp_min`` and
        ``_max``: of a plant at tilt 30 south.
    """
    monthly, clearness, lags, yearly, yields = [], [], [], [], []
    clear: FloatArray | None = None
    for seed in seeds:
        weather = synthetic_weather(place.name, seed, step_s=STEP_S)
        month = _month_of_days(weather)
        daily = _daily(weather)
        monthly.append(_monthly(daily, month))
        lags.append(_lag(daily["temp"], month))
        # The sun of a year is that of all seeds.
        clear = _clear_hours(weather, place) if clear is None else clear
        clearness.append(_largest_clearness(weather, clear))
        yearly.append(weather.irradiation_global_kwh_per_m2)
        yields.append(yield_kwh_per_kwp(weather))
    means = {key: np.mean([one[key] for one in monthly], axis=0) for key in monthly[0]}
    return {
        "irradiation_worst_share": _worst(means["ghi"] / place.irradiation_kwh_per_m2_day - 1.0),
        "temp_worst_k": _worst(means["temp"] - place.temp_degc),
        "irradiation_sd_worst_share": _worst(means["ghi_sd"] / place.irradiation_sd - 1.0),
        "temp_sd_worst_share": _worst(means["temp_sd"] / place.temp_sd_k - 1.0),
        "clearness_max": max(clearness),
        "temp_lag_min": min(lags),
        "temp_lag_max": max(lags),
        "irradiation_kwh_per_m2_min": min(yearly),
        "irradiation_kwh_per_m2_max": max(yearly),
        "yield_kwh_per_kwp_min": min(yields),
        "yield_kwh_per_kwp_max": max(yields),
    }


def yield_kwh_per_kwp(weather: Weather) -> float:
    """Yield of a plant with the default parameters at tilt 30 south over the whole series [kWh/kWp]."""
    irradiance = irradiance_on(weather, PLANT.planes)
    power = power_ac_kw(
        PLANT, irradiance, weather.temp_outdoor_degc[:, None], weather.wind_speed_m_per_s[:, None]
    )
    return float(power.sum()) * weather.grid.step_h


def validate(request: Request) -> Report:
    """Compare the years of every place, or of those that ``cases`` names.

    Raises
    ------
    ScenarioError
        There is no such place.
    """
    chosen = [place_named(case) for case in request.cases] or list(places().values())
    if len({place.name for place in chosen}) < len(chosen):
        raise ScenarioError(f"--cases {','.join(request.cases)}: a place is named twice; name it once")
    figures = {place.name: climate_figures(place) for place in chosen}
    return Report(
        title=f"Synthetic years of {len(SEEDS)} seeds",
        rows=[row for name, found in figures.items() for row in rows_of(name, found)],
        figures=figures,
        notes=[
            "worst month: mean over the seeds, against the table that the years are made from",
            "clear sky: the lower of Ineichen's at the table's turbidity and Haurwitz's",
        ],
    )


def rows_of(name: str, found: Mapping[str, float]) -> list[Row]:
    """Rows of one place, with what is allowed."""
    percent = 100.0

    def row(what: str, unit: str, value: float, low: float | None, high: float, source: str = TABLE) -> Row:
        return checked(what, unit, value, low, high, source, group=name)

    share, sd = found["irradiation_worst_share"], found["irradiation_sd_worst_share"]
    rows = [
        row("irradiation, worst month", "%", percent * share, -5.0, 5.0),
        row("temperature, worst month", "K", found["temp_worst_k"], -0.5, 0.5),
        row("irradiation, day-to-day sd, worst month", "%", percent * sd, -25.0, 25.0),
        row(
            "temperature, day-to-day sd, worst month",
            "%",
            percent * found["temp_sd_worst_share"],
            -25.0,
            25.0,
        ),
        row("hourly clearness, largest", "-", found["clearness_max"], None, 1.05, "clear sky"),
        row("lag-1 correlation of daily temperature, lowest", "-", found["temp_lag_min"], 0.5, 0.9),
        row("lag-1 correlation of daily temperature, highest", "-", found["temp_lag_max"], 0.5, 0.9),
    ]
    if name == ANCHORED:
        for which, word in (("min", "lowest"), ("max", "highest")):
            irradiation, produced = (
                found[f"{key}_{which}"] for key in ("irradiation_kwh_per_m2", "yield_kwh_per_kwp")
            )
            rows += [
                row(f"irradiation of a year, {word}", "kWh/m2", irradiation, 1550.0, 1680.0, ANCHOR),
                row(f"yield at tilt 30 south, {word}", "kWh/kWp", produced, 1380.0, 1480.0, ANCHOR),
            ]
    return rows


def _worst(departures: FloatArray) -> float:
    return float(departures[np.argmax(np.abs(departures))])


def _month_of_days(weather: Weather) -> IntArray:
    return np.asarray(weather.grid.utc.month, dtype=np.int64)[:: 24 * weather.grid.steps_per_hour] - 1


def _daily(weather: Weather) -> dict[str, FloatArray]:
    """Irradiation [kWh/m2] and mean temperature [degC] of each day of UTC, shape (n_days,)."""
    per_day = 24 * weather.grid.steps_per_hour
    ghi = weather.irradiance_global_w_per_m2.reshape(-1, per_day).mean(axis=1) * 24.0 / 1000.0
    return {"ghi": ghi, "temp": weather.temp_outdoor_degc.reshape(-1, per_day).mean(axis=1)}


def _monthly(daily: Mapping[str, FloatArray], month: IntArray) -> dict[str, FloatArray]:
    """Means and, under ``_sd``, standard deviations of the days of each month, shape (12,)."""
    by_month = {key: [values[month == m] for m in range(MONTHS)] for key, values in daily.items()}
    means = {key: np.array([one.mean() for one in ones]) for key, ones in by_month.items()}
    return means | {f"{key}_sd": np.array([one.std() for one in ones]) for key, ones in by_month.items()}


def _lag(temp: FloatArray, month: IntArray) -> float:
    departure = temp - np.array([temp[month == m].mean() for m in range(MONTHS)])[month]
    return float(np.corrcoef(departure[:-1], departure[1:])[0, 1])


def _clear_hours(weather: Weather, place: Place) -> FloatArray:
    """Clear-sky irradiance of each hour, shape (n_hours,) [W/m2]."""
    from pvlib import location  # takes a second to import

    middles = weather.grid.utc + pd.Timedelta(seconds=weather.grid.step_s / 2)
    here = location.Location(place.latitude, place.longitude, altitude=place.altitude_m)
    turbid = here.get_clearsky(middles, model="ineichen", linke_turbidity=place.linke_turbidity)["ghi"]
    plain = here.get_clearsky(middles, model="haurwitz")["ghi"]
    lower = np.minimum(turbid.to_numpy(dtype=np.float64), plain.to_numpy(dtype=np.float64))
    return np.asarray(lower.reshape(-1, SECONDS_PER_HOUR // weather.grid.step_s).mean(axis=1))


def _largest_clearness(weather: Weather, clear: FloatArray) -> float:
    hours = weather.irradiance_global_w_per_m2.reshape(-1, weather.grid.steps_per_hour).mean(axis=1)
    lit = clear > CLEAR_SKY_MIN_W_PER_M2
    return float((hours[lit] / clear[lit]).max())
