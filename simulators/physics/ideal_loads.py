"""Heat and cold with which dwellings keep their set-points: a plant without limits, step by step."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import Values
from recosim.simulators.physics.rc_network import (
    INPUTS,
    RcNetwork,
    discretise,
    heat_for_operative,
    opened_where,
    temperature_air_mean,
    temperatures_after,
)


@dataclass(frozen=True, kw_only=True)
class IdealLoads:
    """What n dwellings need over T steps.

    Parameters
    ----------
    heat_kw : array, shape (T, n)
        Heat to the air node, + heating, - cooling, mean of each step [kW].
    temp_air_degc : array, shape (T, n)
        Exact mean of the air temperature over each step [degC].
    """

    heat_kw: FloatArray
    temp_air_degc: FloatArray

    @property
    def heating_kw(self) -> FloatArray:
        """Heating alone, shape (T, n) [kW]."""
        return np.maximum(self.heat_kw, 0.0)

    @property
    def cooling_kw(self) -> FloatArray:
        """Cooling alone, positive, shape (T, n) [kW]."""
        return np.maximum(-self.heat_kw, 0.0)


def ideal_loads(
    network: RcNetwork,
    step_s: float,
    inputs: FloatArray,
    target_heating_degc: FloatArray,
    target_cooling_degc: FloatArray,
    *,
    conductance_extra_w_per_k: Values = 0.0,
    extra_on: BoolArray | None = None,
    temp_initial_degc: float = 20.0,
) -> IdealLoads:
    """Simulate dwellings whose plant has no limits.

    Parameters
    ----------
    network : RcNetwork
        n dwellings.
    step_s : float
        Length of a step [s].
    inputs : array, shape (T, n, 5)
        Columns as in ``rc_network.INPUTS``; the HVAC column is ignored [degC, kW].
    target_heating_degc, target_cooling_degc : array, shape (T, n)
        Lowest and highest operative temperature allowed at the end of each step; -inf and inf where the plant
        is off [degC].
    conductance_extra_w_per_k : array, shape (n,), or float
        Added between air and outdoors while ``extra_on``: a ventilation fan, opened windows [W/K].
    extra_on : bool array, shape (T, n), or None
        When the extra conductance is there; None: never.
    temp_initial_degc : float
        Both nodes at the start [degC].

    Returns
    -------
    IdealLoads
        Loads and air temperatures.

    Raises
    ------
    ValueError
        A heating target lies above the cooling target of the same step.
    """
    if (target_heating_degc > target_cooling_degc).any():
        raise ValueError("target_heating_degc is above target_cooling_degc, allowed: at most equal")
    n_steps, n = inputs.shape[:2]
    closed = discretise(network, step_s)
    opened = discretise(network, step_s, conductance_extra_w_per_k)
    discrete, open_now = closed, np.zeros(n, dtype=np.bool_)
    hvac = INPUTS.index("heat_hvac_kw")
    temps = np.full((n, 2), temp_initial_degc)
    heat, air = np.empty((n_steps, n)), np.empty((n_steps, n))
    driven = inputs.copy()
    for step in range(n_steps):
        if extra_on is not None and not np.array_equal(extra_on[step], open_now):
            open_now = extra_on[step]
            discrete = opened_where(closed, opened, open_now)
        now = driven[step]
        to_heating = heat_for_operative(network, discrete, temps, now, target_heating_degc[step])
        to_cooling = heat_for_operative(network, discrete, temps, now, target_cooling_degc[step])
        heat[step] = np.maximum(to_heating, 0.0) + np.minimum(to_cooling, 0.0)
        now[:, hvac] = heat[step]
        air[step] = temperature_air_mean(discrete, temps, now)
        temps = temperatures_after(discrete, temps, now)
    return IdealLoads(heat_kw=heat, temp_air_degc=air)
