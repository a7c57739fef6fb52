"""Local calendar of the settlement: bands, months, years, days.

Everything is worked out from POSIX seconds and the name of a time zone, so that days of 23 and 25 hours need
no special treatment anywhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR

F1, F2, F3 = 0, 1, 2
BAND_NAMES = ("F1", "F2", "F3")
ROME = "Europe/Rome"
FIRST_YEAR_OF_4_OCTOBER = 2026
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

# Hour of the day -> band, for the three kinds of day. The 1970 epoch was a Thursday.
_BAND_WORKDAY = np.array([F3] * 7 + [F2] + [F1] * 11 + [F2] * 4 + [F3], dtype=np.int64)
_BAND_SATURDAY = np.array([F3] * 7 + [F2] * 16 + [F3], dtype=np.int64)
_BAND_HOLIDAY = np.full(24, F3, dtype=np.int64)
_BANDS = np.stack([_BAND_WORKDAY, _BAND_SATURDAY, _BAND_HOLIDAY])


def local_seconds(times: IntArray, timezone: str = ROME) -> IntArray:
    """Local wall clock, as seconds since local 1970-01-01 00:00.

    Parameters
    ----------
    times : array of int, shape (n,), POSIX [s]
    timezone : str
        IANA name.

    Returns
    -------
    array of int, shape (n,) [s]
    """
    index = pd.DatetimeIndex(pd.to_datetime(np.asarray(times, dtype=np.int64), unit="s", utc=True))
    wall: IntArray = index.tz_convert(timezone).tz_localize(None).as_unit("s").asi8
    return wall


def local_days(times: IntArray, timezone: str = ROME) -> IntArray:
    """Number of the local day, 0 on 1970-01-01, shape (n,)."""
    return local_seconds(times, timezone) // SECONDS_PER_DAY


def local_months(times: IntArray, timezone: str = ROME) -> IntArray:
    """Number of the local month, ``12 * year + month - 1``, shape (n,).

    Examples
    --------
    >>> local_months(np.array([1735685999, 1735686000])).tolist()  # either side of midnight, 1 January 2025
    [24299, 24300]
    """
    months = local_seconds(times, timezone).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months + 12 * 1970, dtype=np.int64)


def local_years(times: IntArray, timezone: str = ROME) -> IntArray:
    """Local calendar year, shape (n,)."""
    return local_months(times, timezone) // 12


def holidays_italian(years: Iterable[int], october_4: bool = False) -> IntArray:
    """National holidays, which count as Sundays in the bands.

    Parameters
    ----------
    years : iterable of int
    october_4 : bool
        Count 4 October from 2026 on; sources disagree on whether it belongs to the list.

    Returns
    -------
    array of int, shape (n_holidays,)
        Local day numbers, sorted.

    Source: the package ``holidays``; ARERA resolution 181/06 for the bands.
    """
    import holidays  # imported here because it costs more than all the rest of this file

    days = set(holidays.country_holidays("IT", years=list(years)))
    # Newer versions of the package know of 4 October; the option decides, not the version installed.
    days = {day for day in days if (day.month, day.day) != (10, 4)}
    if october_4:
        days |= {date(year, 10, 4) for year in years if year >= FIRST_YEAR_OF_4_OCTOBER}
    return np.array(sorted(day.toordinal() - EPOCH_ORDINAL for day in days), dtype=np.int64)


def bands(times: IntArray, timezone: str = ROME, october_4: bool = False) -> IntArray:
    """Tariff band of the interval that starts at each time: 0 is F1, 1 is F2, 2 is F3.

    F1 Monday to Friday 8-19; F2 Monday to Friday 7-8 and 19-23, Saturday 7-23; F3 the rest, Sundays and
    holidays.

    Parameters
    ----------
    times : array of int, shape (n,), POSIX [s]
    timezone : str
    october_4 : bool
        See :func:`holidays_italian`.

    Returns
    -------
    array of int, shape (n,)

    Source: ARERA resolution 181/06.
    """
    wall = local_seconds(times, timezone)
    if wall.size == 0:
        return wall
    day, second = np.divmod(wall, SECONDS_PER_DAY)
    years = np.unique(local_years(np.array([times.min(), times.max()]), timezone))
    free = holidays_italian(range(int(years[0]), int(years[-1]) + 1), october_4)
    weekday = (day + 3) % 7  # Monday is 0
    kind = np.where((weekday == 6) | np.isin(day, free), 2, (weekday == 5).astype(np.int64))
    return np.asarray(_BANDS[kind, second // SECONDS_PER_HOUR], dtype=np.int64)


def day_fractions(times: IntArray, step_s: int, timezone: str = ROME) -> FloatArray:
    """Part of its own local day that each step covers, shape (n,) [d].

    Each whole local day adds up to 1, whether it has 23, 24 or 25 hours. ``step_s`` must divide an hour.
    """
    days, inverse = np.unique(local_days(times, timezone), return_inverse=True)
    midnights = np.stack([_midnights(days, timezone), _midnights(days + 1, timezone)])
    length_s = np.diff(midnights, axis=0)[0]
    return np.asarray(step_s / length_s[inverse], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Periods:
    """Local calendar months or years that a run touches.

    Parameters
    ----------
    label : array of int, shape (n_periods,)
        ``12 * year + month - 1`` or the year.
    index : array of int, shape (n_steps,)
        Period of each step.
    days : array, shape (n_periods,) [d]
        Local days of the period that the run covers.
    fraction : array, shape (n_periods,)
        The same as a part of the whole period, by days.
    """

    label: IntArray
    index: IntArray
    days: FloatArray
    fraction: FloatArray

    def __len__(self) -> int:
        return int(self.label.size)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums of ``values`` (n_steps, ...) over each period, shape (n_periods, ...)."""
        if len(self) == 0:
            return np.zeros((0, *values.shape[1:]))
        starts = np.flatnonzero(np.diff(self.index, prepend=-1))
        return np.asarray(np.add.reduceat(values, starts, axis=0), dtype=np.float64)


def months_of(times: IntArray, step_s: int, timezone: str = ROME) -> Periods:
    """Local months that the steps touch."""
    label, index = np.unique(local_months(times, timezone), return_inverse=True)
    first = (label - 12 * 1970).astype("datetime64[M]")
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.float64)
    return _periods(label, index, length, times, step_s, timezone)


def years_of(times: IntArray, step_s: int, timezone: str = ROME) -> Periods:
    """Local calendar years that the steps touch."""
    label, index = np.unique(local_years(times, timezone), return_inverse=True)
    first = (label - 1970).astype("datetime64[Y]")
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.float64)
    return _periods(label, index, length, times, step_s, timezone)


def local_midnight(day: date, timezone: str = ROME) -> int:
    """POSIX time at which a local day begins [s]."""
    return int(_midnights(np.array([day.toordinal() - EPOCH_ORDINAL]), timezone)[0])


def _periods(
    label: IntArray, index: IntArray, length_d: FloatArray, times: IntArray, step_s: int, timezone: str
) -> Periods:
    days: FloatArray = np.zeros(label.size)
    np.add.at(days, index, day_fractions(times, step_s, timezone))
    return Periods(label=label, index=index, days=days, fraction=days / length_d)


def _midnights(days: IntArray, timezone: str) -> IntArray:
    wall = pd.DatetimeIndex(days.astype("datetime64[D]").astype("datetime64[s]"))
    local = wall.tz_localize(timezone, nonexistent="shift_forward", ambiguous=np.ones(days.size, dtype=bool))
    posix: IntArray = local.tz_convert("UTC").as_unit("s").asi8
    return posix
