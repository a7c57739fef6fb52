"""Who is at home and awake, and the household series that follow from it.

One process per household drives appliances, heat gains, hot water, comfort and cars. The series of a moment
depend on seed, index of the household and calendar year only, never on the window or on the other households:
whole local years are generated from streams keyed by these three, and the window is cut out of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

import numpy as np
import yaml
from numpy.typing import NDArray

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.errors import ScenarioError
from recosim.scenarios.appliances import (
    YearOfUse,
    draw_traits,
    start_weights,
    year_of_use,
)
from recosim.scenarios.car_trips import CarUse, power_trip_of_year_kw
from recosim.scenarios.hot_water import draws_of_year_l
from recosim.scenarios.household_year import (
    DAY_TYPES,
    STEP_S,
    LocalYear,
    between_hours,
    held_draws,
    local_year,
)
from recosim.scenarios.machine_runs import MachineRuns, ShiftableCycle
from recosim.timegrid import TimeGrid

Float32Array: TypeAlias = NDArray[np.float32]
Int8Array: TypeAlias = NDArray[np.int8]

KINDS = ("retired", "working", "mixed", "family")
HEAT_AWAKE_KW = 0.100
HEAT_ASLEEP_KW = 0.070
MOST_PEOPLE = 12


@dataclass(frozen=True, kw_only=True)
class Household:
    """A household and the electricity it uses.

    Parameters
    ----------
    name : str
        For messages.
    n_people : int
        Members, 1 to 12.
    kind : str
        ``retired`` (home by day), ``working`` (all out on weekdays), ``mixed`` (one works at home) or
        ``family`` (two adults work, the others go to school).
    energy_base_kwh_per_year : float
        Electricity without heating, cooling and hot water [kWh].
    power_contract_kw : float
        Contract power [kW].
    hot_water_l_per_day : float
        Hot water drawn at the temperature of use, zero where none comes from a device here [l].
    car : CarUse or None
        What it does with an electric car that charges here, None where there is none.

    Raises
    ------
    ScenarioError
        A value lies outside what is allowed.
    """

    name: str
    n_people: int
    kind: str
    energy_base_kwh_per_year: float
    power_contract_kw: float
    hot_water_l_per_day: float = 0.0
    car: CarUse | None = None

    def __post_init__(self) -> None:
        checks = (
            ("n_people", self.n_people, 1 <= self.n_people <= MOST_PEOPLE, f"1 to {MOST_PEOPLE}"),
            ("kind", self.kind, self.kind in KINDS, ", ".join(KINDS)),
            (
                "energy_base_kwh_per_year",
                self.energy_base_kwh_per_year,
                0.0 < self.energy_base_kwh_per_year < np.inf,
                "more than 0 kWh",
            ),
            (
                "power_contract_kw",
                self.power_contract_kw,
                0.0 < self.power_contract_kw < np.inf,
                "more than 0 kW",
            ),
            (
                "hot_water_l_per_day",
                self.hot_water_l_per_day,
                0.0 <= self.hot_water_l_per_day < np.inf,
                "0 l or more",
            ),
        )
        for field, value, fine, allowed in checks:
            if not fine:
                raise ScenarioError(
                    f"household {self.name!r}: {field} = {value!r}, allowed: {allowed}; "
                    "correct it in the scenario"
                )


@dataclass(frozen=True, kw_only=True)
class HouseholdSeries:
    """Series of n households over a window of T steps; a value at t holds over [t, t + step).

    Parameters
    ----------
    grid : TimeGrid
        The window.
    power_load_kw : array of float32, shape (T, n)
        Electric load without heating, cooling and hot water, cycles included [kW].
    occupants_home, occupants_awake : array of int8, shape (T, n)
        People at home, and those of them awake.
    machines : tuple of MachineRuns
        Runs that lie wholly inside the window.
    volume_hot_water_l : array of float32, shape (T, n_with)
        Hot water drawn by the households that have any, in their order [l].
    power_trip_kw : array of float32, shape (T, n_cars)
        What trips take from the cars of the households that have one, positive where the car is away [kW].
    """

    grid: TimeGrid
    power_load_kw: Float32Array
    occupants_home: Int8Array
    occupants_awake: Int8Array
    machines: tuple[MachineRuns, ...]
    volume_hot_water_l: Float32Array
    power_trip_kw: Float32Array

    def cycles(self) -> list[ShiftableCycle]:
        """All runs one by one, by household and then by start."""
        found = [cycle for machine in self.machines for cycle in machine.cycles()]
        return sorted(found, key=lambda cycle: (cycle.household, cycle.step_start, cycle.appliance))


def household_tables() -> Mapping[str, Any]:
    """Figures of ``households.yaml``, with their sources written beside them there."""
    text = resources.files("recosim.scenarios").joinpath("households.yaml").read_text(encoding="utf-8")
    tables: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tables


def heat_people_kw(occupants_home: NDArray[Any], occupants_awake: NDArray[Any]) -> FloatArray:
    """Heat given off by the people at home: 100 W awake, 70 W asleep.

    Parameters
    ----------
    occupants_home, occupants_awake : array, any common shape
        People at home, and those of them awake.

    Returns
    -------
    array, the same shape [kW]

    Source: ASHRAE 55 metabolic rates, 1.0 met seated and 0.7 met asleep, of 58.2 W/m2 over 1.8 m2 of skin,
    which is 105 and 73 W, rounded.

    Examples
    --------
    >>> import numpy as np
    >>> heat_people_kw(np.array([3]), np.array([1])).round(3).tolist()
    [0.24]
    """
    awake = np.asarray(occupants_awake, dtype=np.float64)
    asleep = np.asarray(occupants_home, dtype=np.float64) - awake
    heat: FloatArray = HEAT_AWAKE_KW * awake + HEAT_ASLEEP_KW * asleep
    return heat


def types_of_people(kind: str, n_people: int) -> list[str]:
    """Type of each member of a household, a key of ``occupancy.types`` in ``households.yaml``.

    Examples
    --------
    >>> types_of_people("family", 4)
    ['worker', 'worker', 'pupil', 'pupil']
    """
    if kind == "retired":
        return ["retired"] * n_people
    if kind == "working":
        return ["worker"] * n_people
    first = "home_worker" if kind == "mixed" else "worker"
    return [first, "worker", *["pupil"] * max(n_people - 2, 0)][:n_people]


def driver_of(types: Sequence[str]) -> int:
    """Who drives the car: the first who goes out to work, or else the first.

    Examples
    --------
    >>> driver_of(["home_worker", "worker", "pupil"]), driver_of(["retired", "retired"])
    (1, 0)
    """
    return types.index("worker") if "worker" in types else 0


def presence_of_year(
    *,
    year: LocalYear,
    types: Sequence[str],
    shifts_h: FloatArray,
    tables: Mapping[str, Any],
    rng: np.random.Generator,
) -> tuple[BoolArray, BoolArray]:
    """Who is at home, and who of them awake, in every step of a local year.

    Each person carries a rank in [0, 1) which is a Markov chain: it stays, or is drawn afresh, alone or by
    the whole household at once. The lowest ranks sleep, the highest are away, the others are awake at home,
    with the shares that the table gives for type, day type and time. So the shares are met at every moment,
    and people stay where they are for as long as the table lets them.

    Parameters
    ----------
    types : sequence of str
        Type of each person.
    shifts_h : array, shape (n_people,)
        How much later than the table each person lives [h].

    Returns
    -------
    home, awake : array of bool, shape (n_people, n_steps)
    """
    figures = tables["occupancy"]
    n_steps = len(year.hour)
    mean_steps = figures["persistence_h"] * 3600.0 / STEP_S
    together, alone = figures["share_together"], 1.0 - figures["share_together"]
    types_of_days = year.day_type[np.searchsorted(year.day, np.arange(year.day[-1] + 1))]
    rank_all, since_all = held_draws(rng, n_steps, mean_steps / together)
    home = np.zeros((len(types), n_steps), dtype=np.bool_)
    awake = np.zeros_like(home)
    for person, type_name in enumerate(types):
        rank_own, since_own = held_draws(rng, n_steps, mean_steps / alone)
        rank = np.where(since_all >= since_own, rank_all, rank_own)
        unusual = rng.random(len(types_of_days)) < figures["share_unusual_weekdays"]
        own_days = np.where((types_of_days == 0) & unusual, 1, types_of_days)
        position_h = year.day * 24.0 + year.hour - shifts_h[person]
        rows = figures["types"][type_name]
        asleep, away = (
            between_hours(np.array([rows[name][state] for name in DAY_TYPES]) / 100.0, own_days, position_h)
            for state in ("asleep", "away")
        )
        home[person] = rank < 1.0 - away
        awake[person] = home[person] & (rank >= asleep)
    return home, awake


def household_series(
    households: Sequence[Household],
    grid: TimeGrid,
    seed: int,
    *,
    latitude_deg: float = 41.9,
    longitude_deg: float = 12.5,
) -> HouseholdSeries:
    """Load, occupancy and shiftable cycles of households over a window.

    Parameters
    ----------
    households : sequence of Household
        The order counts: streams are keyed by index.
    grid : TimeGrid
        Any window of quarter-hours; every local year it touches is generated whole.
    seed : int
        Not negative.
    latitude_deg, longitude_deg : float
        Place whose daylight decides the lighting; Rome by default [deg].

    Returns
    -------
    HouseholdSeries
        The energy of each whole local year is exactly the one asked for (to float32).

    Raises
    ------
    ScenarioError
        The step is not 900 s, or the seed is negative.
    """
    if grid.step_s != STEP_S:
        raise ScenarioError(
            f"household series: step_s = {grid.step_s}, allowed: {STEP_S}; "
            "make them on quarter-hours and resample"
        )
    if seed < 0:
        raise ScenarioError(f"household series: seed = {seed}, allowed: 0 or more; choose another")
    tables = household_tables()
    shape = (grid.n_steps, len(households))
    power = np.zeros(shape, dtype=np.float32)
    home = np.zeros(shape, dtype=np.int8)
    awake = np.zeros(shape, dtype=np.int8)
    machines: list[MachineRuns] = []
    with_water = [index for index, one in enumerate(households) if one.hot_water_l_per_day > 0.0]
    water = np.zeros((grid.n_steps, len(with_water)), dtype=np.float32)
    with_car = [index for index, one in enumerate(households) if one.car is not None]
    trips = np.zeros((grid.n_steps, len(with_car)), dtype=np.float32)
    for number in np.unique(grid.local.year):
        year = local_year(int(number), grid.timezone, tables, latitude_deg, longitude_deg)
        weights = start_weights(year, tables)
        offset = (year.grid.start - grid.start) // STEP_S
        inside = slice(max(offset, 0), min(offset + year.grid.n_steps, grid.n_steps))
        source = slice(inside.start - offset, inside.stop - offset)
        for index, household in enumerate(households):
            present, awake_year, use = _year_of_household(
                household, index, seed, int(number), year, weights, tables
            )
            power[inside, index] = use.power_kw[source]
            home[inside, index] = present.sum(axis=0)[source]
            awake[inside, index] = awake_year[source]
            machines += _runs_inside(use, index, offset, grid.n_steps)
            if index in with_water:
                drawn_l = draws_of_year_l(
                    year=year,
                    litres_per_day=household.hot_water_l_per_day,
                    awake=awake_year,
                    seed=seed,
                    household=index,
                    number=int(number),
                )
                water[inside, with_water.index(index)] = drawn_l[source]
            if household.car is not None:
                driven_kw = power_trip_of_year_kw(
                    year=year,
                    use=household.car,
                    driver_home=present[driver_of(types_of_people(household.kind, household.n_people))],
                    seed=seed,
                    household=index,
                    number=int(number),
                )
                trips[inside, with_car.index(index)] = driven_kw[source]
    for array in (power, home, awake, water, trips):
        array.setflags(write=False)
    return HouseholdSeries(
        grid=grid,
        power_load_kw=power,
        occupants_home=home,
        occupants_awake=awake,
        machines=tuple(machines),
        volume_hot_water_l=water,
        power_trip_kw=trips,
    )


def _year_of_household(
    household: Household,
    index: int,
    seed: int,
    number: int,
    year: LocalYear,
    weights: FloatArray,
    tables: Mapping[str, Any],
) -> tuple[BoolArray, IntArray, YearOfUse]:
    """Who is at home, how many are awake, and use of one household in one year, from its own streams."""
    # Traits are keyed without the year: a home keeps its appliances and its habits.
    rng_traits = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    rng_year = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, number)))
    figures = tables["occupancy"]
    traits = draw_traits(rng_traits, tables, household.power_contract_kw, household.energy_base_kwh_per_year)
    shifts_h = rng_traits.normal(0.0, figures["shift_household_h"]) + rng_traits.normal(
        0.0, figures["shift_person_h"], household.n_people
    )
    present, up = presence_of_year(
        year=year,
        types=types_of_people(household.kind, household.n_people),
        shifts_h=shifts_h,
        tables=tables,
        rng=rng_year,
    )
    awake: IntArray = up.sum(axis=0)
    use = year_of_use(
        year=year,
        weights=weights,
        n_people=household.n_people,
        kind=household.kind,
        energy_kwh=household.energy_base_kwh_per_year,
        awake=awake,
        traits=traits,
        tables=tables,
        rng=rng_year,
    )
    return present, awake, use


def _runs_inside(use: YearOfUse, index: int, offset: int, n_steps: int) -> list[MachineRuns]:
    """Runs of a year that lie wholly inside a window which starts ``offset`` steps before the year."""
    found = []
    for name, starts in use.starts.items():
        powers_kw, delay = use.powers_kw[name], use.delays[name]
        length = len(powers_kw)
        # The machine must be free again before its next run, and the year's last run ends within the year.
        latest = np.minimum(starts + delay, np.append(starts[1:], len(use.power_kw)) - length)
        inside = (starts + offset >= 0) & (starts + offset + length <= n_steps)
        found.append(
            MachineRuns(
                household=index,
                appliance=name,
                step_start=starts[inside] + offset,
                step_latest=np.minimum(latest[inside] + offset, n_steps - length),
                powers_kw=powers_kw,
            )
        )
    return found
