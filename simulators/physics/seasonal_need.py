"""Seasonal heat need by the static method of TABULA: one balance for the whole heating season."""

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import require_range

CAPACITY_TABULA_WH_PER_M2K = 45.0
"""Effective heat capacity per reference area that TABULA uses for every class."""
REDUCTION_APARTMENTS = (0.95, 0.85)
REDUCTION_HOUSES = (0.9, 0.8)
"""TABULA's temperature reduction at h = 1 and h = 4 W/m2K: apartment blocks; houses for one family."""
_TEMP_INDOOR_DEGC = 20.0
_HOURS_PER_DAY, _W_PER_KW = 24.0, 1e3
_LOSS_NONE, _LOSS_LOW, _LOSS_HIGH = 0.5, 1.0, 4.0
_UTILISATION_A0, _UTILISATION_TAU0_H = 0.8, 30.0


def heat_need_kwh_per_m2(
    *,
    conductance_transmission_w_per_m2k: ArrayLike,
    conductance_ventilation_w_per_m2k: ArrayLike,
    degree_days_kd: ArrayLike,
    heat_solar_kwh_per_m2: ArrayLike,
    heat_internal_kwh_per_m2: ArrayLike,
    capacity_wh_per_m2k: ArrayLike = CAPACITY_TABULA_WH_PER_M2K,
    reduction_temperature: ArrayLike = 1.0,
) -> FloatArray:
    """Heat that a building needs over a heating season, per floor area.

    Parameters
    ----------
    conductance_transmission_w_per_m2k, conductance_ventilation_w_per_m2k : array or float
        Heat lost by transmission and with the air, per floor area [W/(m2 K)].
    degree_days_kd : array or float
        Sum over the heating days of 20 degC minus the outdoor temperature [K d].
    heat_solar_kwh_per_m2, heat_internal_kwh_per_m2 : array or float
        Gains over the heating days [kWh/m2].
    capacity_wh_per_m2k : array or float
        Effective heat capacity per floor area [Wh/(m2 K)].
    reduction_temperature : array or float
        Indoor minus outdoor temperature over the same with the whole building always at 20 degC, from
        ``reduction_temperature``.

    Returns
    -------
    array
        q_h_nd = q_ht - eta (q_sol + q_int), never negative; the arguments broadcast [kWh/m2].

    Raises
    ------
    ValueError
        An argument is negative, or nothing is lost.

    Notes
    -----
    q_ht = 0.024 (h_tr + h_ve) F_red degree days; gamma = (q_sol + q_int) / q_ht; tau = c_m / (h_tr + h_ve);
    a = 0.8 + tau / 30 h; eta = (1 - gamma^a) / (1 - gamma^(a + 1)), a / (a + 1) where gamma = 1.
    Source: Loga and Diefenbach, TABULA calculation method, 2013, after EN ISO 13790 seasonal method.

    Examples
    --------
    The Italian apartment block of 1961 to 1975 (AB.05):

    >>> need = heat_need_kwh_per_m2(
    ...     conductance_transmission_w_per_m2k=2.551236, conductance_ventilation_w_per_m2k=0.68,
    ...     degree_days_kd=2575.2, heat_solar_kwh_per_m2=13.051095, heat_internal_kwh_per_m2=12.528,
    ...     reduction_temperature=reduction_temperature(2.551236))
    >>> round(float(need), 3)
    155.707
    """
    arguments = {
        "conductance_transmission_w_per_m2k": conductance_transmission_w_per_m2k,
        "conductance_ventilation_w_per_m2k": conductance_ventilation_w_per_m2k,
        "degree_days_kd": degree_days_kd,
        "heat_solar_kwh_per_m2": heat_solar_kwh_per_m2,
        "heat_internal_kwh_per_m2": heat_internal_kwh_per_m2,
        "capacity_wh_per_m2k": capacity_wh_per_m2k,
        "reduction_temperature": reduction_temperature,
    }
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in arguments.items()}
    for name, value in arrays.items():
        require_range(name, value, 0.0, np.inf, high_open=True)
    transmission, ventilation, degree_days, solar, internal, capacity, reduction = arrays.values()
    conductance = transmission + ventilation
    lost = _HOURS_PER_DAY / _W_PER_KW * conductance * reduction * degree_days
    require_range("heat lost over the season", lost, 0.0, np.inf, low_open=True, high_open=True)
    gained = solar + internal
    exponent = _UTILISATION_A0 + capacity / conductance / _UTILISATION_TAU0_H
    ratio = gained / lost
    balanced = np.isclose(ratio, 1.0, rtol=0.0, atol=1e-12)
    apart = np.where(balanced, 0.5, ratio)  # at a ratio of 1 the quotient is 0/0
    used = np.where(
        balanced, exponent / (exponent + 1.0), (1.0 - apart**exponent) / (1.0 - apart ** (exponent + 1.0))
    )
    return np.asarray(np.maximum(lost - used * gained, 0.0), dtype=np.float64)


def reduction_temperature(
    conductance_transmission_w_per_m2k: ArrayLike,
    reduction_at_1: ArrayLike = REDUCTION_APARTMENTS[0],
    reduction_at_4: ArrayLike = REDUCTION_APARTMENTS[1],
) -> FloatArray:
    """TABULA's F_red: what rooms and nights without heating leave of the temperature difference.

    Parameters
    ----------
    conductance_transmission_w_per_m2k : array or float
        h_tr, heat lost by transmission per floor area [W/(m2 K)].
    reduction_at_1, reduction_at_4 : array or float
        F_red at h_tr = 1 and at 4 W/(m2 K), from the boundary conditions of the kind of building.

    Returns
    -------
    array
        1 up to h_tr = 0.5 W/(m2 K), linear to ``reduction_at_1`` at 1, and linear beyond through
        ``reduction_at_4`` at 4, where it stays.

    Examples
    --------
    >>> reduction_temperature([0.5, 0.75, 1.0, 2.5, 6.0]).round(4).tolist()
    [1.0, 0.975, 0.95, 0.9, 0.85]
    """
    loss = np.asarray(conductance_transmission_w_per_m2k, dtype=np.float64)
    at_1, at_4 = np.asarray(reduction_at_1, np.float64), np.asarray(reduction_at_4, np.float64)
    share_low = np.clip((loss - _LOSS_NONE) / (_LOSS_LOW - _LOSS_NONE), 0.0, 1.0)
    share_high = np.clip((loss - _LOSS_LOW) / (_LOSS_HIGH - _LOSS_LOW), 0.0, 1.0)
    return np.asarray(1.0 + share_low * (at_1 - 1.0) + share_high * (at_4 - at_1), dtype=np.float64)


def degree_days_and_heating_days(
    temp_daily_degc: FloatArray, temp_base_degc: float, temp_indoor_degc: float = _TEMP_INDOOR_DEGC
) -> tuple[float, BoolArray]:
    """Degree days of a season, and which of its days are heated.

    Parameters
    ----------
    temp_daily_degc : array, shape (days,)
        Daily mean of the outdoor temperature [degC].
    temp_base_degc : float
        Days below it are heated [degC].
    temp_indoor_degc : float
        Indoor temperature [degC].

    Returns
    -------
    float
        Sum over the heated days of indoor minus outdoor temperature [K d].
    bool array, shape (days,)
        The heated days.

    Examples
    --------
    >>> degree_days_and_heating_days(np.array([5.0, 11.0, 13.0]), 12.0)
    (24.0, array([ True,  True, False]))
    """
    heated = temp_daily_degc < temp_base_degc
    return float((temp_indoor_degc - temp_daily_degc[heated]).sum()), heated
