"""How weather and load forecasts err: by how much at which lead, and the random series behind it.

The error of a forecast issued at t for the time v is sigma(v - t) z(v): ``z`` is an AR(1) series over valid
time with variance 1, ``sigma`` grows with the lead. Forecasts issued one after the other therefore agree with
each other and close in on what comes. ``z`` depends on the seed, the time and the delivery point alone: not
on the controller, nor on when a run begins or ends.

What `STANDARD` (level ``medium``) is calibrated on; ``low`` errs half, ``high`` 1.75 times as much:

========================  =============  ============  ======================================================
error                     first step     at 24 h       Source for 24 h
========================  =============  ============  ======================================================
outdoor temperature       0.3 K          1.5 K         Tiriolo et al. 2015, Adv. Meteorol. 758250: southern
                                                       Italy, a year, RMSE 2 to 3 K, of which model output
                                                       statistics, as public services use them, take 0 to 30 %
irradiance, of itself     0.05           0.20          Lorenz et al. 2009, 24th EU PVSEC: Spain, hourly, day
                                                       ahead, RMSE 20 to 35 % of the mean by day; 0.20 is 25 %
                                                       of the mean, as sunny hours weigh more, and half the
                                                       error of persistence (Perez et al. 2013, Solar Energy
                                                       94, 305)
load of one delivery      0.10           0.40          Penaloza et al. 2022, Eng. Proc. 18 (ITISE): single
point, of itself                                       homes, mean error up to 45 %
========================  =============  ============  ======================================================

The first step's error is that of the last measurements. The growth follows the change of source: local
measurements, then satellite images up to about four hours, then weather models, whose error hardly grows
within two days. Errors of the weather last as long as fronts (temperature) and cloud fields (irradiance) do,
those of a household as long as one activity.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray
from recosim.timegrid import SECONDS_PER_DAY, TimeGrid

FACTOR_IRRADIANCE_MAX = 1.6
"""No forecast of the sun exceeds what comes by more than this factor."""
LEVELS: Mapping[str, float] = {"low": 0.5, "medium": 1.0, "high": 1.75}
"""How much a level errs, in terms of the standard errors."""
DAY_AHEAD_H = 24.0
STREAM_WEATHER, STREAM_LOAD = 0xF0CA57, 0xF0CA58
"""Keep the random numbers apart from those of other parts of the program."""


@dataclass(frozen=True, kw_only=True)
class ErrorGrowth:
    """Standard deviation of a forecast's error by lead, and how long an error lasts.

    Parameters
    ----------
    first : float
        Standard deviation in the first step [unit of the error].
    day_ahead : float
        Standard deviation 24 hours ahead [unit of the error].
    growth_h : float
        Time constant of the growth [h].
    memory_h : float
        Time over which the correlation of errors falls to 1/e [h].
    """

    first: float
    day_ahead: float
    growth_h: float
    memory_h: float

    def deviation(self, lead_h: FloatArray, scale: float = 1.0) -> FloatArray:
        """Standard deviation at a lead, shape of ``lead_h`` [unit of the error].

        Examples
        --------
        >>> growth = ErrorGrowth(first=0.3, day_ahead=1.5, growth_h=6.0, memory_h=6.0)
        >>> growth.deviation(np.array([0.0, 24.0]), scale=0.5).tolist()
        [0.15, 0.75]
        """
        grown = np.expm1(-lead_h / self.growth_h) / np.expm1(-DAY_AHEAD_H / self.growth_h)
        return np.asarray(scale * (self.first + (self.day_ahead - self.first) * grown), dtype=np.float64)

    def persistence(self, step_h: float) -> float:
        """Correlation of the errors of two steps in a row."""
        return float(np.exp(-step_h / self.memory_h))


@dataclass(frozen=True, kw_only=True)
class ForecastErrors:
    """Errors of all quantities that a forecast may get wrong.

    Parameters
    ----------
    temperature : ErrorGrowth
        Added to the outdoor temperature [K].
    irradiance : ErrorGrowth
        Relative, the same on every plane.
    load : ErrorGrowth
        Relative, of each delivery point by itself.
    """

    temperature: ErrorGrowth
    irradiance: ErrorGrowth
    load: ErrorGrowth


STANDARD = ForecastErrors(
    temperature=ErrorGrowth(first=0.3, day_ahead=1.5, growth_h=6.0, memory_h=6.0),
    irradiance=ErrorGrowth(first=0.05, day_ahead=0.20, growth_h=4.0, memory_h=4.0),
    load=ErrorGrowth(first=0.10, day_ahead=0.40, growth_h=3.0, memory_h=1.5),
)
"""Errors of the level ``medium``."""


def scale_of(level: str) -> float:
    """Factor of a level on the standard errors.

    Raises
    ------
    ValueError
        There is no such level.
    """
    try:
        return LEVELS[level]
    except KeyError:
        raise ValueError(f"level = {level!r}, allowed: {', '.join(LEVELS)}") from None


def lead_hours(grid: TimeGrid) -> FloatArray:
    """Time from the first step of a horizon to each of its steps, shape (n_steps,) [h]."""
    return np.asarray(np.arange(grid.n_steps) * grid.step_h, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class StandardErrors:
    """Errors with variance 1 over valid time; every field has shape (n_rows,) or (n_rows, n_pods)."""

    temperature: FloatArray
    irradiance: FloatArray
    load: FloatArray


class ErrorSeries:
    """The random series behind the errors, for any range of steps.

    Each day (UTC) has its own random numbers, and its AR(1) series runs from the beginning of the day before:
    what is left of an older error by then is below 2 % (temperature).

    Parameters
    ----------
    errors : ForecastErrors
    grid : TimeGrid
        Axis on which steps are counted.
    n_pods : int
    seed : int
        The scenario's.
    """

    def __init__(self, errors: ForecastErrors, grid: TimeGrid, n_pods: int, seed: int) -> None:
        self._grid, self._n_pods, self._seed = grid, n_pods, seed
        self._per_day = SECONDS_PER_DAY // grid.step_s
        weather = [errors.temperature.persistence(grid.step_h), errors.irradiance.persistence(grid.step_h)]
        self._persistence = np.array([*weather, *[errors.load.persistence(grid.step_h)] * n_pods])

    def rows(self, first: int, last: int) -> StandardErrors:
        """Errors of steps ``first`` to ``last`` (excluded) of the grid."""
        start, step_s = self._grid.start, self._grid.step_s
        begin, end = start + first * step_s, start + last * step_s
        days = range(begin // SECONDS_PER_DAY, -(-end // SECONDS_PER_DAY))
        offset = begin % SECONDS_PER_DAY // step_s
        z = np.concatenate([self._day(day) for day in days])[offset : offset + last - first]
        return StandardErrors(temperature=z[:, 0], irradiance=z[:, 1], load=z[:, 2:])

    def _day(self, day: int) -> FloatArray:
        """Errors of a day since 1970, shape (steps per day, 2 + n_pods)."""
        shocks = np.concatenate([self._shocks(day - 1), self._shocks(day)])
        shocks[1:] *= np.sqrt(1.0 - self._persistence**2)
        for before, now in zip(shocks[:-1], shocks[1:], strict=True):
            now += self._persistence * before
        return shocks[self._per_day :]

    def _shocks(self, day: int) -> FloatArray:
        shape = (self._per_day, 2), (self._per_day, self._n_pods)
        draws = [
            np.random.default_rng(np.random.SeedSequence((self._seed, stream, day))).standard_normal(size)
            for stream, size in zip((STREAM_WEATHER, STREAM_LOAD), shape, strict=True)
        ]
        return np.concatenate(draws, axis=1)
