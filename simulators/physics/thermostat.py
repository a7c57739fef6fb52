"""The local rule of a dwelling: follow the comfort band, and start early enough to be there in time.

Optimum start: a flat that is still on a set-back starts as soon as the rise it needs, divided by the rate it
has learned, takes as long as is left until the coming edge applies. Once started it goes on until then.
"""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray

RATE_MIN_K_PER_H, RATE_MAX_K_PER_H = 0.3, 6.0
_RATE_HEATING_FIRST_K_PER_H = 1.0
_RATE_COOLING_FIRST_K_PER_H = 1.5
_LEARNING_WEIGHT = 0.1
_TOLERANCE_K = 0.05
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class ThermostatState:
    """What the thermostats of n dwellings remember; every field has shape (n,).

    Parameters
    ----------
    rate_heating_k_per_h, rate_cooling_k_per_h : array, shape (n,)
        Learned warm-up and cool-down rate at full power, 0.3 to 6 [K/h].
    edge_heating_degc, edge_cooling_degc : array, shape (n,)
        Coming edge for which an early start is under way; -inf (heating) or inf (cooling): none [degC].
    """

    rate_heating_k_per_h: FloatArray
    rate_cooling_k_per_h: FloatArray
    edge_heating_degc: FloatArray
    edge_cooling_degc: FloatArray


def initial_state(n: int) -> ThermostatState:
    """State of n thermostats on their first day.

    Parameters
    ----------
    n : int
        Number of dwellings.

    Returns
    -------
    ThermostatState
        1.0 K/h for heating, 1.5 K/h for cooling, no early start under way.
    """
    return ThermostatState(
        rate_heating_k_per_h=np.full(n, _RATE_HEATING_FIRST_K_PER_H),
        rate_cooling_k_per_h=np.full(n, _RATE_COOLING_FIRST_K_PER_H),
        edge_heating_degc=np.full(n, -np.inf),
        edge_cooling_degc=np.full(n, np.inf),
    )


def _target(
    edges: FloatArray, temp: FloatArray, rate: FloatArray, pursued: FloatArray, step_h: float
) -> FloatArray:
    # written for heating; cooling passes everything with the opposite sign
    now: FloatArray = edges[0]
    coming = edges[1:]
    if not (coming > now).any():
        return now
    hours = step_h * np.arange(1, len(edges))[:, None]
    starts = coming - temp >= rate * hours
    goes_on = coming == pursued
    early: FloatArray = np.where(starts | goes_on, coming, now).max(axis=0)
    return np.maximum(now, early)


def thermostat_targets(
    state: ThermostatState,
    temp_operative_degc: FloatArray,
    lower_degc: FloatArray,
    upper_degc: FloatArray,
    step_s: float,
) -> tuple[FloatArray, FloatArray]:
    """Target operative temperatures for the end of this step.

    Parameters
    ----------
    state : ThermostatState
        n dwellings.
    temp_operative_degc : array, shape (n,)
        Operative temperature now [degC].
    lower_degc, upper_degc : array, shape (L, n)
        Edges of the comfort band in this step and the following ones, four hours of them; -inf and inf where
        there is none [degC].
    step_s : float
        Length of a step [s].

    Returns
    -------
    target_heating_degc : array, shape (n,)
        Heat up to this; -inf where heating is off [degC].
    target_cooling_degc : array, shape (n,)
        Cool down to this; inf where cooling is off [degC].

    Notes
    -----
    The upper edge of the heating season is no command to cool: hand in inf there if the unit must not cool.
    """
    step_h = step_s / _SECONDS_PER_HOUR
    heating = _target(
        lower_degc, temp_operative_degc, state.rate_heating_k_per_h, state.edge_heating_degc, step_h
    )
    cooling = _target(
        -upper_degc, -temp_operative_degc, state.rate_cooling_k_per_h, -state.edge_cooling_degc, step_h
    )
    return heating, -cooling


def _learned(rate: FloatArray, rise: FloatArray, full_power: BoolArray, step_h: float) -> FloatArray:
    observed = np.minimum(np.maximum(rise / step_h, RATE_MIN_K_PER_H), RATE_MAX_K_PER_H)
    return rate + _LEARNING_WEIGHT * full_power * (observed - rate)


def learn(
    state: ThermostatState,
    temp_before_degc: FloatArray,
    temp_after_degc: FloatArray,
    target_heating_degc: FloatArray,
    target_cooling_degc: FloatArray,
    lower_now_degc: FloatArray,
    upper_now_degc: FloatArray,
    step_s: float,
) -> ThermostatState:
    """State after a step, with the rates drawn towards what was observed.

    A step teaches only where the flat was short of its target from beginning to end, in an early start or
    while recovering, because then the unit ran at full power throughout. Exponential average with weight 0.1.

    Parameters
    ----------
    state : ThermostatState
        State before the step.
    temp_before_degc, temp_after_degc : array, shape (n,)
        Operative temperature at both ends of the step [degC].
    target_heating_degc, target_cooling_degc : array, shape (n,)
        What ``thermostat_targets`` said; NaN where somebody else decided in this step, which teaches nothing
        [degC].
    lower_now_degc, upper_now_degc : array, shape (n,)
        The band of the step that has passed [degC].
    step_s : float
        Length of the step [s].

    Returns
    -------
    ThermostatState
        Rates within 0.3 to 6 K/h.
    """
    step_h = step_s / _SECONDS_PER_HOUR
    rise = temp_after_degc - temp_before_degc
    short_heating = np.maximum(temp_before_degc, temp_after_degc) < target_heating_degc - _TOLERANCE_K
    short_cooling = np.minimum(temp_before_degc, temp_after_degc) > target_cooling_degc + _TOLERANCE_K
    rate_heating, rate_cooling = state.rate_heating_k_per_h, state.rate_cooling_k_per_h
    if short_heating.any():
        rate_heating = _learned(rate_heating, rise, short_heating, step_h)
    if short_cooling.any():
        rate_cooling = _learned(rate_cooling, -rise, short_cooling, step_h)
    return ThermostatState(
        rate_heating_k_per_h=rate_heating,
        rate_cooling_k_per_h=rate_cooling,
        edge_heating_degc=np.where(target_heating_degc > lower_now_degc, target_heating_degc, -np.inf),
        edge_cooling_degc=np.where(target_cooling_degc < upper_now_degc, target_cooling_degc, np.inf),
    )
