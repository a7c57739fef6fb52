"""Electricity prices as a series on UTC steps: mapping onto a run, and a synthetic year.

The synthetic year is the monthly mean of the PUN times a shape (month, kind of day, local hour) times
persistent noise, scaled so that each month's mean is exactly the table's; a zone parts from the PUN in the
congested hours only. Figures and their sources are in ``prices.yaml``.
"""

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from math import gcd
from typing import Any

import numpy as np
import pandas as pd
import yaml

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.weather.series import Alignment, describe_time, matching_rows
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

ZONES = ("NORD", "CNOR", "CSUD", "SUD", "CALA", "SICI", "SARD")
MARKET_TIMEZONE = "Europe/Rome"
# The first entropy word of each synthetic series, so that weather and prices of one seed are independent.
STREAM = 2

_SEASON_OF_MONTH = np.array([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 0, 0])
_SEASONS = ("winter", "spring", "summer", "autumn")


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Day-ahead prices.

    Parameters
    ----------
    grid : TimeGrid
        The steps, on UTC.
    price_zonal_eur_per_mwh : array, shape (T,)
        Price of the market zone, NaN where the source has no row [EUR/MWh].
    price_pun_eur_per_mwh : array, shape (T,)
        National single price, NaN where the source has no row [EUR/MWh].
    zone : str
        Market zone.
    source : str
        Where the figures come from, for messages and results.

    Raises
    ------
    ValueError
        A series has not one value per step of the grid.
    """

    grid: TimeGrid
    price_zonal_eur_per_mwh: FloatArray
    price_pun_eur_per_mwh: FloatArray
    zone: str
    source: str

    def __post_init__(self) -> None:
        for name in ("price_zonal_eur_per_mwh", "price_pun_eur_per_mwh"):
            shape = getattr(self, name).shape
            if shape != (self.grid.n_steps,):
                raise ValueError(f"{name} has shape {shape}, expected ({self.grid.n_steps},)")


def prices_on(
    prices: Prices, grid: TimeGrid, align: Alignment = "timestamp", beyond_steps: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Zonal price and PUN of the steps of ``grid``.

    Parameters
    ----------
    prices : Prices
        Any step; held over shorter steps, averaged over longer ones.
    grid : TimeGrid
        The steps wanted.
    align : "timestamp" or "calendar"
        The price of the same instant; or of the same month, day and UTC hour whatever the year, as weather
        maps (28 and 29 February stand in for each other; weekdays are those of the data's year).
    beyond_steps : int
        The last steps of ``grid`` (a controller's horizon past the end of the run) that may lie past the end
        of the data; they repeat the last 24 hours.

    Returns
    -------
    price_zonal_eur_per_mwh, price_pun_eur_per_mwh : array, shape (grid.n_steps,) [EUR/MWh]

    Raises
    ------
    InputDataError
        A step of ``grid`` has no price.
    ScenarioError
        ``align`` is neither of the two.
    """
    if align not in ("timestamp", "calendar"):
        raise ScenarioError(f"prices.align = {align!r}, allowed: timestamp, calendar")
    step_s = gcd(grid.step_s, prices.grid.step_s)
    per_step = grid.step_s // step_s
    fine = replace(grid, step_s=step_s, n_steps=grid.n_steps * per_step)
    there: BoolArray = np.isfinite(prices.price_zonal_eur_per_mwh) & np.isfinite(prices.price_pun_eur_per_mwh)
    rows = matching_rows(prices.grid, fine, align, beyond_steps * per_step, there)
    missing = np.flatnonzero(rows < 0)
    if missing.size:
        cure = "give a file that covers the run and the horizon after it, or move the run's period"
        if align == "timestamp":
            cure += ", or set prices.align: calendar (matches by month, day and hour whatever the year)"
        raise InputDataError(
            f"{prices.source}: no price for {describe_time(int(fine.times[missing[0]]), grid.timezone)}; "
            f"the data cover {prices.grid.describe()}, {int((~there).sum())} steps missing in between: {cure}"
        )

    def taken(series: FloatArray) -> FloatArray:
        return np.asarray(series[rows].reshape(grid.n_steps, per_step).mean(axis=1), dtype=np.float64)

    return taken(prices.price_zonal_eur_per_mwh), taken(prices.price_pun_eur_per_mwh)


@cache
def price_figures() -> dict[str, Any]:
    """Figures of ``prices.yaml``; not to be changed by who reads them."""
    text = resources.files("recosim.scenarios").joinpath("prices.yaml").read_text(encoding="utf-8")
    figures: dict[str, Any] = yaml.safe_load(text)
    return figures


def synthetic_prices(zone: str, seed: int, year: int = 2025) -> Prices:
    """Hourly prices of a local calendar year.

    Parameters
    ----------
    zone : str
        Market zone, one of NORD, CNOR, CSUD, SUD, CALA, SICI, SARD.
    seed : int
        0 or more; the same seed gives the same PUN for every zone.
    year : int
        Calendar year: decides weekdays, holidays and clock changes.

    Returns
    -------
    Prices
        From local midnight of 1 January, 8760 or 8784 hours; never negative.

    Raises
    ------
    ScenarioError
        Unknown zone or negative seed.
    """
    if zone not in ZONES:
        raise ScenarioError(f"prices zone = {zone!r}, allowed: {', '.join(ZONES)}")
    if seed < 0:
        raise ScenarioError(f"prices seed = {seed}, allowed: 0 or more")
    rng = np.random.default_rng([STREAM, seed])
    days = 366 if pd.Timestamp(year, 1, 1).is_leap_year else 365
    grid = TimeGrid.from_local_date(f"{year}-01-01", days, step_s=SECONDS_PER_HOUR, timezone=MARKET_TIMEZONE)
    month = np.asarray(grid.local.month, dtype=np.int64) - 1
    hour = np.asarray(grid.local.hour, dtype=np.int64)
    pun = _shape(grid, month, hour) * _noise(grid, rng)
    wanted = np.asarray(price_figures()["pun_monthly_eur_per_mwh"], dtype=np.float64)
    pun *= (wanted / (np.bincount(month, weights=pun) / np.bincount(month)))[month]
    zonal = pun + _zone_difference(zone, month, hour, rng) * wanted[month]
    return Prices(
        grid=grid,
        price_zonal_eur_per_mwh=np.maximum(zonal, 0.0),
        price_pun_eur_per_mwh=pun,
        zone=zone,
        source=f"synthetic prices of {year}, zone {zone}, seed {seed}",
    )


def kind_of_day(grid: TimeGrid) -> IntArray:
    """0 on weekdays, 1 on Saturdays, 2 on Sundays and national holidays, by local day, shape (n_steps,)."""
    import holidays

    local = grid.local
    weekday = np.asarray(local.day_of_week, dtype=np.int64)
    dates = local.tz_localize(None).normalize()
    feasts = pd.DatetimeIndex(
        list(holidays.country_holidays("IT", years=range(local[0].year, local[-1].year + 1)))
    )
    kind = np.where(weekday < 5, 0, weekday - 4)
    return np.asarray(np.where(dates.isin(feasts), 2, kind), dtype=np.int64)


def _shape(grid: TimeGrid, month: IntArray, hour: IntArray) -> FloatArray:
    figures = price_figures()
    table = np.empty((3, 12, 24))
    table[0] = figures["shape_weekday"]
    for kind, name in ((1, "shape_saturday"), (2, "shape_sunday")):
        table[kind] = np.array([figures[name][season] for season in _SEASONS])[_SEASON_OF_MONTH]
    return np.asarray(table[kind_of_day(grid), month, hour], dtype=np.float64)


def _noise(grid: TimeGrid, rng: np.random.Generator) -> FloatArray:
    """Persistent days times persistent hours, around 1, never negative."""
    figures = price_figures()["noise"]
    day = np.unique(grid.local.normalize(), return_inverse=True)[1]
    days = figures["day_sd"] * persistent_normal(day[-1] + 1, figures["day_correlation"], rng)
    hours = figures["hour_sd"] * persistent_normal(grid.n_steps, figures["hour_correlation"], rng)
    return np.asarray(np.maximum(1.0 + days[day] + hours, 0.0), dtype=np.float64)


def _zone_difference(zone: str, month: IntArray, hour: IntArray, rng: np.random.Generator) -> FloatArray:
    """Difference of a zone from the PUN over the month's mean PUN; nothing outside the congested hours."""
    from scipy.special import ndtri

    figures = price_figures()
    share = np.array([figures["congestion"][season] for season in _SEASONS])[_SEASON_OF_MONTH][month]
    means = np.array([figures["zone_difference"][zone][season] for season in _SEASONS])
    process = persistent_normal(len(month), figures["congestion"]["persistence"], rng)
    congested = process > ndtri(1.0 - share)
    return np.asarray(congested * means[_SEASON_OF_MONTH[month], hour // 3] / share, dtype=np.float64)


def persistent_normal(n: int, correlation: float, rng: np.random.Generator) -> FloatArray:
    """AR(1) process of unit variance, shape (n,)."""
    series = rng.standard_normal(n)
    weight = np.sqrt(1.0 - correlation**2)
    for step in range(1, n):
        series[step] = correlation * series[step - 1] + weight * series[step]
    return series
