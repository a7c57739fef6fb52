"""Hot water that a household draws, from who is awake at home."""

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray, IntArray
from recosim.scenarios.household_year import STEP_S, LocalYear

STREAM = 0xD4A
"""Keeps the random numbers apart from those of appliances and occupancy."""

PROFILE_PERCENT = (1, 1, 1, 0, 0, 1, 3, 6, 8, 6, 5, 5, 6, 6, 5, 4, 4, 5, 6, 7, 7, 6, 5, 2)
"""Share of the daily volume by hour of day, apartments: EN 12831-3:2017, table B.2 [%]."""

DRAWS = ((1.0, 0.15), (6.0, 0.40), (40.0, 0.45))
"""Volume at the tap of a kind of draw, and its share of all water: hands, washing, showers [l, -].

Source: the loads of Jordan and Vajen 2001 (IEA SHC task 26), whose baths count as showers here: a tank in a
flat does not fill one.
"""


def expected_volume_l(
    litres_per_day: float, hour: FloatArray, awake: IntArray | NDArray[np.int8]
) -> FloatArray:
    """Expected volume in every step of a year: by the profile over the day, by who is awake from day to day.

    Parameters
    ----------
    litres_per_day : float
        At the temperature of use [l].
    hour : array, shape (n_steps,)
        Local time of day [h].
    awake : array of int, shape (n_steps,)
        People awake at home.

    Returns
    -------
    array, shape (n_steps,) [l]
        Its sum over an hour of the day, of all days, is the profile's; where nobody is ever awake in that
        hour, everybody is taken to be.
    """
    hour_of_day = np.asarray(hour, dtype=np.int64)
    days = len(hour) * STEP_S / 86_400.0
    present = np.asarray(awake, dtype=np.float64)
    total = np.bincount(hour_of_day, present, 24)
    present = np.where(total[hour_of_day] > 0.0, present, 1.0)
    total = np.bincount(hour_of_day, present, 24)
    volume = litres_per_day * days * np.array(PROFILE_PERCENT) / sum(PROFILE_PERCENT)
    expected: FloatArray = (volume / total)[hour_of_day] * present
    return expected


def draws_of_year_l(
    *, year: LocalYear, litres_per_day: float, awake: IntArray, seed: int, household: int, number: int
) -> FloatArray:
    """Volume that one household draws in every step of a local year.

    Draws of each kind come at random with the expected volume of the moment, at most one of a kind by each
    person in a quarter-hour; the year's sum is exactly ``litres_per_day`` times its days.

    Parameters
    ----------
    year : LocalYear
    litres_per_day : float
        At the temperature of use, positive [l].
    awake : array of int, shape (n_steps,)
        People awake at home.
    seed, household, number : int
        The scenario's seed, index of the household, and calendar year: the key of the random stream.

    Returns
    -------
    array, shape (n_steps,) [l]
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(household, number, STREAM)))
    expected = expected_volume_l(litres_per_day, year.hour, awake)
    drawn = np.zeros_like(expected)
    people = np.maximum(awake, 1)
    for volume, share in DRAWS:
        drawn += volume * rng.binomial(people, np.minimum(expected * share / (volume * people), 1.0))
    if drawn.sum() == 0.0:  # so little that nothing came: as expected, then
        return expected
    return np.asarray(drawn * (expected.sum() / drawn.sum()), dtype=np.float64)
