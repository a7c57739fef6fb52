"""The mean day of a community: what it exchanges with the grid by the hour of the day."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recosim.arrays import FloatArray
from recosim.results.run_file import Run, open_run

HOURS = 24
_WITHDRAWN, _INJECTED = "energy_withdrawn_kwh", "energy_injected_kwh"


def mean_days(paths: Sequence[Path]) -> list[FloatArray]:
    """Mean day of each run, see `mean_day_kw`.

    Raises
    ------
    ResultsError
        A file cannot be read.
    """
    days = []
    for path in paths:
        with open_run(path) as run:
            days.append(mean_day_kw(run))
    return days


def mean_day_kw(run: Run) -> FloatArray:
    """Power that all delivery points together take from the grid, less what they feed in.

    Returns
    -------
    array, shape (24,)
        Mean over the committed days by local hour; NaN for an hour that the run does not have [kW].
    """
    hour = np.floor(run.grid_committed.hour_of_day_local).astype(np.int64)
    energy_kwh = np.zeros(HOURS)
    for rows in run.blocks(len(run.members("meter", _WITHDRAWN))):
        net_kwh = (run.values("meter", _WITHDRAWN, rows) - run.values("meter", _INJECTED, rows)).sum(axis=1)
        energy_kwh += np.bincount(hour[rows], weights=net_kwh, minlength=HOURS)
    hours = np.bincount(hour, minlength=HOURS) * run.grid.step_h
    mean: FloatArray = np.divide(energy_kwh, hours, out=np.full(HOURS, np.nan), where=hours > 0.0)
    return mean
