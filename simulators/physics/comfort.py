"""What the people in a dwelling want: comfort band, seasons, hours, opened windows."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import Values, require_range

_TEMP_WINDOW_AIR_DEGC = 24.0
_TEMP_WINDOW_DIFFERENCE_K = 1.0


@dataclass(frozen=True, kw_only=True)
class ComfortSchedule:
    """Operative temperatures wanted by n households; arrays of shape (n,) or floats for all.

    Parameters
    ----------
    heating_awake_degc, heating_asleep_degc, heating_away_degc : array or float
        Lower edge in the heating season: someone awake at home, everybody at home asleep, nobody home [degC].
    heating_upper_degc, heating_upper_away_degc : array or float
        Upper edge in the heating season, with someone or nobody at home [degC].
    cooling_home_degc, cooling_asleep_degc, cooling_away_degc : array or float
        Upper edge in the cooling season [degC].

    Raises
    ------
    ValueError
        A value is not a temperature between -50 and 60 degC, or a lower edge is above its upper edge.

    Notes
    -----
    Defaults: EN 16798-1:2019, categories II and III; DPR 74/2013 (20 + 2 degC).
    """

    heating_awake_degc: Values = 20.0
    heating_asleep_degc: Values = 18.0
    heating_away_degc: Values = 16.0
    heating_upper_degc: Values = 22.0
    heating_upper_away_degc: Values = 30.0
    cooling_home_degc: Values = 26.0
    cooling_asleep_degc: Values = 27.0
    cooling_away_degc: Values = 30.0

    def __post_init__(self) -> None:
        for item in fields(self):
            require_range(item.name, getattr(self, item.name), -50.0, 60.0)
        pairs = (
            ("heating_upper_degc", "heating_awake_degc"),
            ("heating_upper_degc", "heating_asleep_degc"),
            ("heating_upper_away_degc", "heating_away_degc"),
        )
        for upper, lower in pairs:
            require_range(f"{upper} - {lower}", np.subtract(getattr(self, upper), getattr(self, lower)), 0.0)


def comfort_band(
    schedule: ComfortSchedule,
    occupants_home: ArrayLike,
    occupants_awake: ArrayLike,
    heating_season: ArrayLike,
    heating_hours: ArrayLike,
    cooling_season: ArrayLike,
    cooling_hours: ArrayLike,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Band in which the operative temperature is wanted.

    Parameters
    ----------
    schedule : ComfortSchedule
        n households.
    occupants_home, occupants_awake : array, shape (n,) or (T, n)
        People at home, and those of them who are awake (numbers or flags).
    heating_season, heating_hours, cooling_season, cooling_hours : bool or bool array, (T, 1)
        Calendar flags, from ``in_season`` and ``in_hours``.

    Returns
    -------
    lower, upper : array, shape (n,) or (T, n)
        Edges; -inf and inf where the season asks for none [degC].
    occupied : bool array, same shape
        Someone is at home and a season is on: the steps in which discomfort counts.

    Notes
    -----
    Outside the heating or cooling hours people at home are given the edge of the night. Should both seasons
    be on, the lower edge is that of heating and the upper edge that of cooling.
    """
    home = np.asarray(occupants_home) > 0
    awake = home & (np.asarray(occupants_awake) > 0)
    heating = np.asarray(heating_season, dtype=np.bool_)
    cooling = np.asarray(cooling_season, dtype=np.bool_)

    if heating.any():
        wanted = np.where(
            awake & np.asarray(heating_hours, dtype=np.bool_),
            schedule.heating_awake_degc,
            schedule.heating_asleep_degc,
        )
        lower = np.where(heating, np.where(home, wanted, schedule.heating_away_degc), -np.inf)
        highest = np.where(home, schedule.heating_upper_degc, schedule.heating_upper_away_degc)
        upper = np.where(heating, highest, np.inf)
    else:
        shape = np.broadcast_shapes(home.shape, heating.shape, cooling.shape)
        lower = np.full(shape, -np.inf)
        upper = np.full(shape, np.inf)
    if cooling.any():
        wanted = np.where(
            awake & np.asarray(cooling_hours, dtype=np.bool_),
            schedule.cooling_home_degc,
            schedule.cooling_asleep_degc,
        )
        upper = np.where(cooling, np.where(home, wanted, schedule.cooling_away_degc), upper)
    return lower, upper, home & (heating | cooling)


def in_season(month: ArrayLike, day: ArrayLike, start: tuple[int, int], end: tuple[int, int]) -> BoolArray:
    """Whether local dates lie in a season, both its first and its last day included.

    Parameters
    ----------
    month, day : int or int array
        Local calendar date.
    start, end : tuple of int
        (month, day); a season whose end is before its start wraps the new year.

    Returns
    -------
    bool array
        Shape of ``month``.
    """
    date = np.asarray(month, dtype=np.int64) * 100 + np.asarray(day, dtype=np.int64)
    first, last = start[0] * 100 + start[1], end[0] * 100 + end[1]
    after, before = np.asarray(date >= first), np.asarray(date <= last)
    return after & before if first <= last else after | before


def in_hours(hour_of_day_local: ArrayLike, intervals: Sequence[tuple[float, float]]) -> BoolArray:
    """Whether local times of day lie in one of several intervals.

    Parameters
    ----------
    hour_of_day_local : float or array
        Local time of day, 0 to 24 [h].
    intervals : sequence of (start, end)
        Start included, end not; an end before its start wraps midnight [h].

    Returns
    -------
    bool array
        Shape of ``hour_of_day_local``.
    """
    hour = np.asarray(hour_of_day_local, dtype=np.float64)
    inside = np.zeros(hour.shape, dtype=np.bool_)
    for start, end in intervals:
        part = (hour >= start) & (hour < end) if start <= end else (hour >= start) | (hour < end)
        inside = np.logical_or(inside, part)
    return inside


def windows_open(temp_air_degc: Values, temp_outdoor_degc: Values, summer: ArrayLike) -> BoolArray:
    """Whether people open the windows for cool air.

    Parameters
    ----------
    temp_air_degc : array, shape (..., n), or float
        Indoor air [degC].
    temp_outdoor_degc : array broadcasting against it, or float
        Outdoor air [degC].
    summer : bool or bool array
        June to September.

    Returns
    -------
    bool array, shape (..., n)
        In summer, warmer than 24 degC inside and at least 1 K cooler outside.
    """
    cooler = np.less(temp_outdoor_degc, temp_air_degc - _TEMP_WINDOW_DIFFERENCE_K)
    return np.logical_and(cooler & np.greater(temp_air_degc, _TEMP_WINDOW_AIR_DEGC), summer)
