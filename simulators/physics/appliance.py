"""Washing machines, dishwashers and dryers: a cycle begins once, and then runs through."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True)
class ApplianceParameters:
    """What the cycles of each machine draw.

    Parameters
    ----------
    powers_kw : array, shape (n_machines, longest)
        Mean power in each step of a cycle, zero after its end [kW].
    n_steps : array of int, shape (n_machines,)
        Length of a cycle in steps.
    follows : array of int, shape (n_machines,)
        Machine of the same home whose cycle comes before (the washing machine of a dryer), -1 for none.
    """

    powers_kw: FloatArray
    n_steps: IntArray
    follows: IntArray


def begins(
    asked: FloatArray, waiting: BoolArray, blocked: BoolArray, steps_until_latest: IntArray
) -> BoolArray:
    """Which machines begin their waiting cycle in this step.

    Parameters
    ----------
    asked : array, shape (n_machines,)
        0.5 and more begins, less waits, NaN leaves it to the own rule: begin as wished.
    waiting, blocked : array of bool, shape (n_machines,)
        A cycle is wished and has not begun; the cycle that must come before it has not ended.
    steps_until_latest : array of int, shape (n_machines,)
        At 0 the cycle begins, whatever is asked.

    Returns
    -------
    array of bool, shape (n_machines,)

    Examples
    --------
    >>> import numpy as np
    >>> begins(np.array([0.0, 1.0, np.nan, 0.0]), *np.array([[1, 1, 1, 1], [0, 1, 0, 0]], dtype=bool),
    ...        np.array([3, 3, 3, 0])).tolist()
    [False, False, True, True]
    """
    wanted = np.isnan(asked) | (asked >= 0.5) | (steps_until_latest <= 0)
    return np.asarray(waiting & ~blocked & wanted, dtype=np.bool_)


def power_of_step_kw(parameters: ApplianceParameters, step_of_cycle: IntArray) -> FloatArray:
    """What each machine draws.

    Parameters
    ----------
    step_of_cycle : array of int, shape (n_machines,)
        Steps since the cycle began, -1 where none runs.

    Returns
    -------
    array, shape (n_machines,) [kW]
    """
    power = parameters.powers_kw[np.arange(len(step_of_cycle)), np.maximum(step_of_cycle, 0)]
    return np.asarray(np.where(step_of_cycle >= 0, power, 0.0), dtype=np.float64)
