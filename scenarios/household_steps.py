"""What people do is made by quarter-hours; here it is brought to the step of a run."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recosim.scenarios.household_year import STEP_S
from recosim.timegrid import TimeGrid

Number = TypeVar("Number", np.float32, np.float64, np.int8)


def quarters_of(grid: TimeGrid) -> TimeGrid:
    """The same time in quarter-hours.

    Examples
    --------
    >>> quarters_of(TimeGrid(start=0, step_s=3600, n_steps=2)).n_steps
    8
    """
    return replace(grid, step_s=STEP_S, n_steps=grid.n_steps * grid.step_s // STEP_S)


def means_on(step_s: int, quarters: NDArray[Number]) -> NDArray[Number]:
    """Power, or people, at another step: the same within a quarter-hour, means over longer steps.

    Parameters
    ----------
    step_s : int
        Divides a quarter-hour or is a multiple of it [s].
    quarters : array, shape (n_quarters, ...)
        Whole numbers stay whole: half of the people count as one more.

    Examples
    --------
    >>> means_on(1800, np.array([1.0, 3.0, 0.0, 1.0])).tolist()
    [2.0, 0.5]
    >>> means_on(300, np.array([1, 2], dtype=np.int8)).tolist()
    [1, 1, 1, 2, 2, 2]
    """
    if step_s == STEP_S:
        return quarters
    if step_s < STEP_S:
        return np.repeat(quarters, STEP_S // step_s, axis=0)
    per_step = step_s // STEP_S
    whole_steps = quarters.reshape(len(quarters) // per_step, per_step, *quarters.shape[1:])
    mean: NDArray[np.float64] = whole_steps.mean(axis=1, dtype=np.float64)
    rounded = np.floor(mean + 0.5) if np.issubdtype(quarters.dtype, np.integer) else mean
    on_step: NDArray[Number] = rounded.astype(quarters.dtype)
    return on_step


def sums_on(step_s: int, quarters: NDArray[Number]) -> NDArray[Number]:
    """Amounts, such as litres drawn, at another step: spread evenly, or added up.

    Examples
    --------
    >>> sums_on(3600, np.array([1.0, 3.0, 0.0, 2.0])).tolist()
    [6.0]
    """
    factor = quarters.dtype.type(step_s / STEP_S)
    return quarters if step_s == STEP_S else means_on(step_s, quarters) * factor
