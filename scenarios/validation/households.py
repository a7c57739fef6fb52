"""Synthetic households of many seeds beside ARERA's metered days, and what else must hold of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.errors import ScenarioError
from recosim.scenarios.climate import Place, place_named
from recosim.scenarios.community import households_of
from recosim.scenarios.household_year import DAY_TYPES, LocalYear, local_year
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.occupancy import Float32Array, Household, household_series, household_tables
from recosim.scenarios.validation.reference import Report, Request, Row, checked, published_table, shown

SCENARIO = "naples"
SEEDS = range(100)
HOMES_TOGETHER = 100
"""What is said of a hundred homes is checked for each hundred."""

MONTHS = {4: "April", 5: "May", 10: "October"}
CLASSES = {"up to 3 kW": "1.5<P<=3", "above 3 kW": "3<P<=4.5"}
"""Contracts of our homes, and ARERA's class for them."""

HOURS = 24
QUARTERS = 96
CONTRACT_SMALL_KW = 3.0
CORRELATION_LEAST = 0.9
ENERGY_ERROR_MOST = 0.02
PEAK_KW = (1.5, 3.5)
PEAKS_SHARE_LEAST = 0.95
EVENING_H = (19.0, 22.0)
LIKENESS_MOST = 0.5
ARERA = "ARERA, mean hourly withdrawal of households in Campania"
ASKED = "the scenario"
JUDGED = "judged"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What is kept of the years of n homes, in hundreds of homes.

    Parameters
    ----------
    energy_error : array, shape (n_homes,)
        Yearly energy over the one asked for, less 1 [-].
    peak_kw : array, shape (n_homes,)
        Highest quarter-hour of the year [kW].
    curves_kw : array, shape (n_homes, 3, 3, 24)
        Mean day by month of ``MONTHS``, day type and local hour [kW].
    quarters_kw : array, shape (n_hundreds, 96)
        Mean day of the year of each hundred, by local quarter-hour [kW].
    likeness : array, shape (n_hundreds,)
        Largest correlation between the years of two homes of a hundred [-].
    small : array of bool, shape (n_homes,)
        The contract is of ``CONTRACT_SMALL_KW`` or less.
    n_twins : int
        Homes whose year is that of another home, to the last bit.
    """

    energy_error: FloatArray
    peak_kw: FloatArray
    curves_kw: FloatArray
    quarters_kw: FloatArray
    likeness: FloatArray
    small: BoolArray
    n_twins: int


@dataclass(frozen=True, kw_only=True)
class Homes:
    """The homes of a scenario and the year they live through; power in shape (n_steps, n_homes)."""

    households: Sequence[Household]
    year: LocalYear
    place: Place

    def power_kw(self, seed: int) -> Float32Array:
        """Loads of a seed, as a run of the scenario with that seed draws them [kW]."""
        return household_series(
            self.households,
            self.year.grid,
            seed,
            latitude_deg=self.place.latitude,
            longitude_deg=self.place.longitude,
        ).power_load_kw


def homes_of_scenario() -> Homes:
    """Homes of ``SCENARIO``, in the year in which its period begins."""
    scenario = load_scenario(SCENARIO)
    place = place_named(scenario.location.place or SCENARIO)
    number = scenario.period.date_start.year
    return Homes(
        households=households_of(scenario),
        year=local_year(number, place.timezone, household_tables(), place.latitude, place.longitude),
        place=place,
    )


def sample_of_homes(
    seeds: Sequence[int] = SEEDS, progress: Callable[[int, int], None] | None = None
) -> Sample:
    """Years of the homes of the scenario, seed after seed.

    Parameters
    ----------
    seeds : sequence of int
        Whole hundreds of homes.
    progress : callable, optional
        Told the seeds done and how many there are.

    Raises
    ------
    ScenarioError
        The seeds do not make whole hundreds of homes.
    """
    homes = homes_of_scenario()
    n_together = HOMES_TOGETHER // len(homes.households)
    if not seeds or len(seeds) % n_together:
        raise ScenarioError(f"seeds of households: {len(seeds)} of them, allowed: multiples of {n_together}")
    hundreds: list[Mapping[str, Any]] = []
    prints: list[bytes] = []
    made: list[Float32Array] = []
    for done, seed in enumerate(seeds, start=1):
        made.append(homes.power_kw(seed))
        if len(made) == n_together:
            power_kw = np.hstack(made).astype(np.float64)
            hundreds.append(_figures_of_hundred(power_kw, homes.year))
            prints += [hashlib.blake2b(column.tobytes(), digest_size=16).digest() for column in power_kw.T]
            made = []
        if progress is not None:
            progress(done, len(seeds))
    asked_kwh = np.tile([home.energy_base_kwh_per_year for home in homes.households], len(seeds))
    contracts_kw = np.tile([home.power_contract_kw for home in homes.households], len(seeds))
    return Sample(
        energy_error=np.concatenate([one["energy_kwh"] for one in hundreds]) / asked_kwh - 1.0,
        peak_kw=np.concatenate([one["peak_kw"] for one in hundreds]),
        curves_kw=np.concatenate([one["curves_kw"] for one in hundreds]),
        quarters_kw=np.array([one["quarters_kw"] for one in hundreds]),
        likeness=np.array([one["likeness"] for one in hundreds]),
        small=contracts_kw <= CONTRACT_SMALL_KW,
        n_twins=len(prints) - len(set(prints)),
    )


def mean_days(power_kw: FloatArray, year: LocalYear) -> FloatArray:
    """Mean day of each home by month, day type and local hour.

    Parameters
    ----------
    power_kw : array, shape (n_steps, n_homes) [kW]

    Returns
    -------
    array, shape (n_homes, 3, 3, 24) [kW]
    """
    month = np.full(13, -1)
    month[list(MONTHS)] = range(len(MONTHS))
    of_step = month[year.month]
    label = (of_step * len(DAY_TYPES) + year.day_type) * HOURS + year.hour.astype(np.int64)
    curves = _means(power_kw, np.where(of_step < 0, -1, label))
    return curves.T.reshape(-1, len(MONTHS), len(DAY_TYPES), HOURS)


def arera_days(power_class: str) -> FloatArray:
    """Metered mean days of a class of contracts, shape (3, 3, 24) as in :func:`mean_days` [kWh per hour].

    Source: ARERA, in ``arera.csv``.
    """
    table = published_table("arera.csv")
    table = table[table["power_contract_kw"] == power_class].set_index(["month", "day_type"])
    hourly = [[table.xs((month, day)).iloc[1:] for day in DAY_TYPES] for month in MONTHS]
    return np.array(hourly, dtype=np.float64)


def figures_of(sample: Sample) -> dict[str, Any]:
    """Figures of a sample.

    Returns
    -------
    dict of str
        ``n_homes``; ``energy_error_max``, the largest distance from the energy asked for [-];
        ``correlation`` with ARERA's mean days by contract, month and day type, and ``correlation_min``;
        ``energy_day_kwh``, mean over months and day types by contract, and ``energy_day_arera_kwh``;
        ``peaks_share``, homes with a peak in ``PEAK_KW``, and ``peaks_share_min`` of the worst hundred;
        ``peak_median_kw``; ``evening_peak_first_h`` and ``evening_peak_last_h``, middle of the highest
        quarter-hour of the mean day of a hundred homes, the earliest and the latest hundred (local time);
        ``likeness_max``; ``n_twins``.
    """
    correlation: dict[str, dict[str, float]] = {}
    energy: dict[str, float] = {}
    energy_arera: dict[str, float] = {}
    for contract, power_class in CLASSES.items():
        ours = sample.curves_kw[sample.small == (contract == "up to 3 kW")].mean(axis=0)
        metered = arera_days(power_class)
        correlation[contract] = {
            f"{month} {day}": float(np.corrcoef(ours[i, j], metered[i, j])[0, 1])
            for i, month in enumerate(MONTHS.values())
            for j, day in enumerate(DAY_TYPES)
        }
        energy[contract], energy_arera[contract] = (float(one.mean()) * HOURS for one in (ours, metered))
    usual = (sample.peak_kw >= PEAK_KW[0]) & (sample.peak_kw <= PEAK_KW[1])
    evening_h = (sample.quarters_kw.argmax(axis=1) + 0.5) * HOURS / QUARTERS
    return {
        "n_homes": len(sample.peak_kw),
        "energy_error_max": float(np.abs(sample.energy_error).max()),
        "correlation": correlation,
        "correlation_min": min(value for found in correlation.values() for value in found.values()),
        "energy_day_kwh": energy,
        "energy_day_arera_kwh": energy_arera,
        "peaks_share": float(usual.mean()),
        "peaks_share_min": float(usual.reshape(-1, HOMES_TOGETHER).mean(axis=1).min()),
        "peak_median_kw": float(np.median(sample.peak_kw)),
        "evening_peak_first_h": float(evening_h.min()),
        "evening_peak_last_h": float(evening_h.max()),
        "likeness_max": float(sample.likeness.max()),
        "n_twins": sample.n_twins,
    }


def rows_of(found: Mapping[str, Any]) -> list[Row]:
    """Rows of the figures, with what is allowed."""
    percent, homes = 100.0, f"{found['n_homes']} homes"
    low_kw, high_kw = PEAK_KW
    peaks = f"homes with a peak of {low_kw:g} to {high_kw:g} kW"
    least = percent * PEAKS_SHARE_LEAST
    rows = [
        checked(
            "yearly energy, largest error",
            "%",
            percent * found["energy_error_max"],
            None,
            percent * ENERGY_ERROR_MOST,
            ASKED,
            group=homes,
        ),
        checked(peaks, "%", percent * found["peaks_share"], least, None, JUDGED, group=homes),
        shown("peak, median", "kW", found["peak_median_kw"], JUDGED, low_kw, high_kw, group=homes),
        checked("homes that equal another", "-", found["n_twins"], None, 0, JUDGED, group=homes),
    ]
    group = f"each {HOMES_TOGETHER} of them"
    rows += [
        checked(
            f"{peaks}, fewest", "%", percent * found["peaks_share_min"], least, None, JUDGED, group=group
        ),
        *(
            checked(f"peak of the mean day, {word}", "h", found[key], *EVENING_H, JUDGED, group=group)
            for word, key in (("earliest", "evening_peak_first_h"), ("latest", "evening_peak_last_h"))
        ),
        checked(
            "correlation of two homes, largest",
            "-",
            found["likeness_max"],
            None,
            LIKENESS_MOST,
            JUDGED,
            group=group,
        ),
    ]
    for contract, correlation in found["correlation"].items():
        group = f"mean days, contracts {contract}"
        rows += [
            checked(f"correlation, {day}", "-", value, CORRELATION_LEAST, None, ARERA, group=group)
            for day, value in correlation.items()
        ]
        metered = f"{found['energy_day_arera_kwh'][contract]:.2f}"
        ours = found["energy_day_kwh"][contract]
        rows.append(shown("energy of a day", "kWh", ours, ARERA, group=group, published=metered))
    return rows


def validate(request: Request) -> Report:
    """Make the homes of a hundred seeds and compare them."""

    def progress(done: int, n_seeds: int) -> None:
        if request.progress is not None:
            request.progress("households", done, n_seeds)

    found = figures_of(sample_of_homes(SEEDS, progress))
    return Report(
        title=f"Households of {SCENARIO}, {len(SEEDS)} seeds",
        rows=rows_of(found),
        figures=found,
        notes=[
            "base loads, without heating, cooling and hot water; holidays count as Sundays",
            f"ARERA's classes of contracts: {' and '.join(CLASSES.values())} kW; "
            "in these months its meters hold hardly any heating or cooling",
            "energy of a day is the scenario's choice: only the shape is compared",
        ],
    )


def _figures_of_hundred(power_kw: FloatArray, year: LocalYear) -> dict[str, Any]:
    """Energy, peak and mean days of each home, mean day and likeness of all; input (n_steps, n_homes)."""
    quarter = np.rint(year.hour * QUARTERS / HOURS).astype(np.int64)
    likeness = np.corrcoef(power_kw.T) - 2.0 * np.eye(power_kw.shape[1])
    return {
        "energy_kwh": power_kw.sum(axis=0) * year.grid.step_h,
        "peak_kw": power_kw.max(axis=0),
        "curves_kw": mean_days(power_kw, year),
        "quarters_kw": _means(power_kw.mean(axis=1, keepdims=True), quarter)[:, 0],
        "likeness": float(likeness.max()),
    }


def _means(values: FloatArray, label: IntArray) -> FloatArray:
    """Mean rows of ``values`` by label from 0; negative labels are left out, and none may be missing."""
    rows = np.argsort(label, kind="stable")[np.count_nonzero(label < 0) :]
    counts = np.bincount(label[rows])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums: FloatArray = np.add.reduceat(values[rows], starts, axis=0)
    return sums / counts[:, None]
