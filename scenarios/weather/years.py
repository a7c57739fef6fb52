"""Times of typical years, whose months are of different calendar years, in one nominal year."""

import numpy as np

from recosim.arrays import IntArray
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR

NOMINAL_YEAR, NOMINAL_LEAP_YEAR = 2025, 2024
_YEAR_MAX_S = 366 * SECONDS_PER_DAY
_FEBRUARY = 2
_ZONES_MAX_S = 15 * SECONDS_PER_HOUR
_BEFORE_29TH_S = 28 * SECONDS_PER_DAY


def in_nominal_year(times: IntArray) -> IntArray:
    """Times of a typical year in one nominal year, others as they are.

    A leap year whose 29 February was left out becomes a nominal year of 365 days as well.

    Parameters
    ----------
    times : array of int, shape (n_rows,)
        Seconds since 1970, of labels that begin, halve or end their steps, in any zone [s].

    Returns
    -------
    array of int, shape (n_rows,)
        [s]

    Examples
    --------
    An hour of 2007 and two of 2013, which follow each other once the year is the same:

    >>> times = np.array(["2007-01-31T23", "2013-02-01T00", "2013-02-01T01"], dtype="datetime64[s]")
    >>> in_nominal_year(times.astype(np.int64)).astype("datetime64[s]").astype("datetime64[h]")
    array(['2025-01-31T23', '2025-02-01T00', '2025-02-01T01'],
          dtype='datetime64[h]')
    """
    return _without_29_february(_months_in_one_year(times))


def _months_in_one_year(times: IntArray) -> IntArray:
    """Months in the nominal year; those beyond a New Year that labels or zones cross, in the next one."""
    months = _months(times)
    years, month = months // 12, months % 12 + 1
    change, into = np.diff(years), np.diff(month)
    over_new_year = np.sign(into) * (np.abs(into) == 11)
    if (change == -over_new_year).all():
        return times
    passed = np.concatenate([[0], np.cumsum(-over_new_year)])
    since_begin = times - _begin(months)
    leap_days = (month == _FEBRUARY) & (since_begin >= _BEFORE_29TH_S)
    if leap_days.any():
        # The March of a common year may begin, in UTC, on 28 February: here that is the 29th.
        end_of_february = (month == _FEBRUARY) & (since_begin >= _BEFORE_29TH_S - SECONDS_PER_DAY)
        late = end_of_february & ~leap_days & np.maximum.accumulate(leap_days)
        since_begin = since_begin + SECONDS_PER_DAY * late
        nominal = NOMINAL_LEAP_YEAR + passed - passed[leap_days][0]
    else:
        found, rows = np.unique(passed, return_counts=True)
        nominal = NOMINAL_YEAR + passed - found[np.argmax(rows)]
    shifted = since_begin + _begin((nominal - 1970) * 12 + month - 1)
    # Whole years that are absent are a gap; a typical year is no longer than one.
    return times if shifted[-1] - shifted[0] > _YEAR_MAX_S else shifted


def _without_29_february(times: IntArray) -> IntArray:
    """Close a hole of a whole day about 29 February: the rest is a year of 365 days."""
    if not times.size or times[-1] - times[0] > _YEAR_MAX_S:
        return times
    beyond_a_day = np.diff(times) - SECONDS_PER_DAY
    for row in np.flatnonzero((beyond_a_day > 0) & (beyond_a_day <= SECONDS_PER_HOUR)):
        month = _months(times[row : row + 1])
        noon = _begin(month) + _BEFORE_29TH_S + SECONDS_PER_DAY // 2
        is_leap = month % 12 + 1 == _FEBRUARY and _begin(month + 1) > noon
        # From midnight to midnight in the file's zone, which is unknown where times have offsets.
        if is_leap and abs(times[row : row + 2].mean() - noon) <= _ZONES_MAX_S:
            shift = _begin(np.array([(NOMINAL_YEAR - 1970) * 12])) - _begin(month - 1)
            later = np.arange(len(times)) > row
            return np.asarray(times + shift - SECONDS_PER_DAY * later, dtype=np.int64)
    return times


def _months(times: IntArray) -> IntArray:
    """Months since January of 1970."""
    return np.asarray(times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64), dtype=np.int64)


def _begin(months: IntArray) -> IntArray:
    """Seconds from 1970 to the begin of months that are counted from there."""
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[s]").astype(np.int64), dtype=np.int64)
