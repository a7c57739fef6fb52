"""Result files of a bench: the mark by which a finished run is known, and what a leaderboard needs of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recosim.arrays import FloatArray
from recosim.controllers.host import LOCAL_RULES
from recosim.errors import ResultsError
from recosim.results.run_file import Kpi, Run, open_run
from recosim.timegrid import SECONDS_PER_DAY

DISCOMFORT_COUNTED_K = 0.1
"""Below this a dwelling counts as comfortable: what rides the edge of the band misses it by less [K]."""

_MARK = "bench"


@dataclass(frozen=True, kw_only=True)
class BenchRun:
    """Figures of one run of a bench.

    Parameters
    ----------
    path : Path
    kpis : mapping of str to number or None
    hours_occupied : float
        Sum over the dwellings [h].
    hours_discomfort : float
        Occupied hours more than ``DISCOMFORT_COUNTED_K`` outside the comfort band, likewise [h].
    ms_per_decision : float or None
        Mean CPU time of a decision [ms]; None where nothing was decided.
    steps_local_rules : int
        Steps that the devices' own rules took because the controller failed.
    power_net_kw : array, shape (steps of a day,)
        Mean day of the power that the community withdraws less what it injects, by local time; NaN where
        the day has no step [kW].
    cost_member_eur : mapping of str to float
        Bill less sale and shares of premium and valorisation, by delivery point [EUR].
    """

    path: Path
    kpis: Mapping[str, Kpi]
    hours_occupied: float
    hours_discomfort: float
    ms_per_decision: float | None
    steps_local_rules: int
    power_net_kw: FloatArray
    cost_member_eur: Mapping[str, float]


def mark_run(path: Path, identity: str, hours_occupied: float) -> None:
    """Write into a finished run which job of a bench it is.

    Parameters
    ----------
    path : Path
    identity : str
        Everything the run depends on.
    hours_occupied : float
        Sum over the dwellings [h].

    Raises
    ------
    ResultsError
        The file cannot be written.
    """
    try:
        with h5py.File(path, "r+") as file:
            file["meta"].create_dataset(
                _MARK,
                data=json.dumps({"identity": identity, "hours_occupied": hours_occupied}),
                dtype=h5py.string_dtype(),
            )
    except OSError as error:
        raise ResultsError(f"{path} cannot be written (is the disk full?): {error}") from error


def mark_of(path: Path) -> Mapping[str, Any] | None:
    """What `mark_run` wrote; None where the file is not there, no complete run, or not one of a bench."""
    try:
        with h5py.File(path, "r") as file:
            if not file["meta"].attrs["complete"]:
                return None
            mark: Mapping[str, Any] = json.loads(file[f"meta/{_MARK}"].asstr()[()])
            return mark
    except (OSError, KeyError, ValueError):
        return None


def read_bench_run(path: Path) -> BenchRun:
    """Read the figures of a marked run.

    Raises
    ------
    ResultsError
        The file is missing, damaged or not one of a bench.
    """
    mark = mark_of(path)
    if mark is None:
        raise ResultsError(f"{path} is no finished run of a bench; run the bench again")
    with open_run(path) as run:
        return BenchRun(
            path=path,
            kpis=dict(run.kpis),
            hours_occupied=float(mark["hours_occupied"]),
            hours_discomfort=_hours_discomfort(run),
            **_decisions(run),
            power_net_kw=_mean_day_kw(run),
            cost_member_eur=_cost_member_eur(run),
        )


def _hours_discomfort(run: Run) -> float:
    if "dwelling" not in run.groups():
        return 0.0
    n_outside = 0
    for rows in run.blocks(len(run.members("dwelling", "discomfort_heating_k"))):
        heating, cooling = (
            run.values("dwelling", f"discomfort_{season}_k", rows) for season in ("heating", "cooling")
        )
        n_outside += int(np.count_nonzero(heating + cooling > DISCOMFORT_COUNTED_K))
    return n_outside * run.grid.step_h


def _decisions(run: Run) -> dict[str, Any]:
    columns = run.controller()
    milliseconds = columns.get("milliseconds", np.zeros(0))
    return {
        "ms_per_decision": float(np.mean(milliseconds)) if len(milliseconds) else None,
        "steps_local_rules": int(np.count_nonzero(columns.get("fallback", np.zeros(0)) == LOCAL_RULES)),
    }


def _mean_day_kw(run: Run) -> FloatArray:
    """Mean over the days, by step of the local day; clock changes leave or double an hour of one day."""
    n_bins = SECONDS_PER_DAY // run.grid.step_s
    place = np.rint(run.grid.hour_of_day_local / run.grid.step_h).astype(np.int64) % n_bins
    total, count = np.zeros(n_bins), np.bincount(place, minlength=n_bins)
    for rows in run.blocks(len(run.members("meter", "energy_withdrawn_kwh"))):
        net_kwh = (
            run.values("meter", "energy_withdrawn_kwh", rows)
            - run.values("meter", "energy_injected_kwh", rows)
        ).sum(axis=1)
        total += np.bincount(place[rows], weights=net_kwh, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        mean: FloatArray = total / np.where(count, count, np.nan) / run.grid.step_h
    return mean


def _cost_member_eur(run: Run) -> dict[str, float]:
    table = run.settlement("members")
    cost = (
        table["bill_eur"] - table["sale_eur"] - table["share_premium_eur"] - table["share_valorisation_eur"]
    )
    return {str(pod): float(value) for pod, value in zip(table["pod"], cost, strict=True)}
