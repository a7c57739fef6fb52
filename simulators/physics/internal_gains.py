"""Heat that people and appliances give off inside a dwelling."""

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import FloatArray

HEAT_AWAKE_KW = 0.100
HEAT_ASLEEP_KW = 0.070
"""Sensible heat of a person sitting and lying (EN ISO 7730, 1.2 and 0.8 met on 1.8 m2, sensible part)."""


def heat_internal_kw(
    power_load_kw: ArrayLike, occupants_home: ArrayLike, occupants_awake: ArrayLike, gain_from_load: ArrayLike
) -> FloatArray:
    """Internal gains.

    Parameters
    ----------
    power_load_kw : array, shape (..., n) [kW]
        Household load without heating and cooling.
    occupants_home, occupants_awake : array, shape (..., n)
        People at home, and how many of them are awake.
    gain_from_load : array, shape (n,), or float
        Share of the load that stays inside as heat.

    Returns
    -------
    array, shape (..., n) [kW]

    Examples
    --------
    >>> float(heat_internal_kw(0.5, 3, 1, 1.0))
    0.74
    """
    home, awake = np.asarray(occupants_home, np.float64), np.asarray(occupants_awake, np.float64)
    people = HEAT_ASLEEP_KW * home + (HEAT_AWAKE_KW - HEAT_ASLEEP_KW) * awake
    return np.asarray(people + np.multiply(gain_from_load, power_load_kw), dtype=np.float64)
