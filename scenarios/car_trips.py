"""When a household's car is away, and what its trips take: from who is at home, or by the clock."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.scenarios.household_year import STEP_S, LocalYear

STREAM = 0xCA2
"""Keeps the random numbers apart from those of appliances and occupancy."""
SHARE_BY_CAR = 0.65
"""Of the trips that Italians make, 64.7 % are by car (Geopop, with ISTAT's distances of 2021)."""
SPREAD_MINUTES = 30.0
STEPS_AWAY_LEAST = 2
"""Nobody takes the car for less than half an hour [judged]."""
HOURS_OF_DRIVING = 4.0
"""Longer absences are no longer trips: the car stands at work [judged]."""
SHAPE_OF_DISTANCES = 4.0
"""Gamma shape of the distances around their mean, a deviation of half of it [judged]."""
_STEPS_PER_HOUR = 3600 // STEP_S


@dataclass(frozen=True, kw_only=True)
class CarUse:
    """What a household does with its car.

    Parameters
    ----------
    distance_km : tuple of float
        Mean of the days of a year by type, as ``DAY_TYPES`` [km].
    consumption_kwh_per_km : float
    trip_most_kwh : float
        More than this is charged on the way [kWh].
    share_by_car : float
        Share of the driver's absences that are by car.
    hours : pair of float or None
        Local times of departure and arrival [h]; None takes the driver's absences.
    spread_minutes : float
        Standard deviation of ``hours`` [min].
    """

    distance_km: tuple[float, float, float]
    consumption_kwh_per_km: float
    trip_most_kwh: float
    share_by_car: float = SHARE_BY_CAR
    hours: tuple[float, float] | None = None
    spread_minutes: float = SPREAD_MINUTES


def power_trip_of_year_kw(
    *, year: LocalYear, use: CarUse, driver_home: BoolArray, seed: int, household: int, number: int
) -> FloatArray:
    """Mean power that the trips of one car take from its battery in every step of a local year.

    The distances of the days of a type add up to exactly their mean times the number of such days (the day
    on which a trip begins counts), spread at random over its trips, more over longer absences; what passes
    ``trip_most_kwh`` in one trip is charged on the way and left out.

    Parameters
    ----------
    year : LocalYear
    use : CarUse
    driver_home : array of bool, shape (n_steps,)
        Whether the driver is at home.
    seed, household, number : int
        The scenario's seed, index of the household, and calendar year: the key of the random stream.

    Returns
    -------
    array, shape (n_steps,)
        Positive in every step away, zero at home [kW].
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(household, number, STREAM)))
    if use.hours is None:
        starts, stops = absences(driver_home)
        by_car = rng.random(len(starts)) < use.share_by_car
        starts, stops = starts[by_car], stops[by_car]
    else:
        starts, stops = absences_by_clock(year, use.hours, use.spread_minutes / 60.0, rng)
    day_type = year.day_type[starts]
    distance = np.array(use.distance_km)
    weight = rng.gamma(SHAPE_OF_DISTANCES, size=len(starts))
    weight *= np.minimum((stops - starts) / _STEPS_PER_HOUR, HOURS_OF_DRIVING)
    weight[distance[day_type] == 0.0] = 0.0
    n_days = np.bincount(year.day_type[np.diff(year.day, prepend=-1) > 0], minlength=3)
    total = np.bincount(day_type, weight, 3)
    km = weight * (distance * n_days / np.where(total > 0.0, total, 1.0))[day_type]
    energy = np.minimum(km * use.consumption_kwh_per_km, use.trip_most_kwh)
    # what every step away takes, laid out as the difference to the step before
    change = np.zeros(len(year.day) + 1)
    power = energy / ((stops - starts) / _STEPS_PER_HOUR)
    np.add.at(change, starts, 1.0)
    np.add.at(change, stops, -1.0)
    away = np.cumsum(change)[:-1] > 0.0
    number_of_trip = np.searchsorted(starts, np.arange(len(away)), side="right") - 1
    return np.where(away, power[np.maximum(number_of_trip, 0)] if len(power) else 0.0, 0.0)


def absences(home: BoolArray) -> tuple[IntArray, IntArray]:
    """First step of each absence and the step after its last, of those that last half an hour at least.

    Examples
    --------
    >>> home = np.array([True, False, True, False, False, False])
    >>> [steps.tolist() for steps in absences(home)]
    [[3], [6]]
    """
    edges = np.diff(np.concatenate([[True], home, [True]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges < 0), np.flatnonzero(edges > 0)
    long = stops - starts >= STEPS_AWAY_LEAST
    return starts[long].astype(np.int64), stops[long].astype(np.int64)


def absences_by_clock(
    year: LocalYear, hours: tuple[float, float], spread_h: float, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """One absence a day between two local times with a normal spread; as `absences`.

    One that begins before the last has ended begins a step after it.
    """
    n_days = int(year.day[-1]) + 1
    departure, arrival = hours
    arrival += 24.0 if arrival <= departure else 0.0
    # where the clock is put back, an hour of the wall clock comes twice: its first counts
    wall_h = np.maximum.accumulate(year.day * 24.0 + year.hour)
    times_h = [
        24.0 * np.arange(n_days) + hour + rng.normal(0.0, spread_h, n_days) for hour in (departure, arrival)
    ]
    steps = [np.searchsorted(wall_h, np.round(h * _STEPS_PER_HOUR) / _STEPS_PER_HOUR) for h in times_h]
    found: list[tuple[int, int]] = []
    free = 0
    for start, stop in zip(*(s.tolist() for s in steps), strict=True):
        begins = max(start, free)
        if stop - begins >= STEPS_AWAY_LEAST:
            found.append((begins, stop))
            free = stop + 1
    starts, stops = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return starts, stops
