"""Thermal network of a dwelling: exact steps, operative temperature, energy balance.

``temps`` has the air node (T_i) in column 0 and the mass node (T_m) in column 1; ``inputs`` has the columns
of ``INPUTS``. The parameters and their sources are in ``rc_parameters``; they can be imported from here.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.linalg import expm

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.physics.checks import Values, require_range
from recosim.simulators.physics.rc_parameters import (
    RcNetwork,
    network_1r1c,
    network_from_iso13790,
    network_from_resistances,
)

__all__ = [
    "AIR",
    "INPUTS",
    "MASS",
    "DiscreteNetwork",
    "RcNetwork",
    "balance_residual_kwh",
    "discretise",
    "heat_for_operative",
    "heat_lost_kw",
    "network_1r1c",
    "network_from_iso13790",
    "network_from_resistances",
    "opened_where",
    "stack_inputs",
    "stored_heat_kwh",
    "temperature_air_mean",
    "temperature_operative",
    "temperatures_after",
    "temperatures_mean",
]

INPUTS = ("temp_outdoor_degc", "temp_solair_degc", "heat_hvac_kw", "heat_internal_kw", "heat_solar_kw")
"""The columns of ``inputs``, in order; ``heat_hvac_kw`` is positive for heating, negative for cooling."""

AIR, MASS = 0, 1
_OUTDOOR, _SOLAIR, _HVAC, _INTERNAL, _SOLAR = range(5)
_W_PER_KW = 1e3
_J_PER_KWH = 3.6e6


@dataclass(frozen=True, kw_only=True)
class DiscreteNetwork:
    """Exact one-step map of n dwellings for inputs held over the step (zero-order hold).

    Parameters
    ----------
    step_s : float
        Length of the step [s].
    a, b : array, shape (n, 2, 2) and (n, 2, 5)
        Temperatures at the end of the step = a temps + b inputs; inputs as in ``INPUTS``.
    mean_a, mean_b : array, shape (n, 2) and (n, 5)
        The same for the step mean of the air node.
    mean_mass_a, mean_mass_b : array, shape (n, 2) and (n, 5)
        The same for the step mean of the mass node.
    """

    step_s: float
    a: FloatArray
    b: FloatArray
    mean_a: FloatArray
    mean_b: FloatArray
    mean_mass_a: FloatArray
    mean_mass_b: FloatArray


def discretise(network: RcNetwork, step_s: float, conductance_extra_w_per_k: Values = 0.0) -> DiscreteNetwork:
    """Exact discretisation, once per parameter set and step length.

    Parameters
    ----------
    network : RcNetwork
        Fields of shape (n,).
    step_s : float
        Length of the step [s].
    conductance_extra_w_per_k : array, shape (n,), or float
        Added between air and outdoors: opened windows [W/K].

    Returns
    -------
    DiscreteNetwork
        The one-step map.

    Raises
    ------
    ValueError
        The step is not positive or the extra conductance negative.

    Notes
    -----
    exp of the matrix of states, held inputs and the integrals of both states over the step, so that the means
    are exact as well. Source: C. F. Van Loan, IEEE Trans. Automatic Control 23 (1978) 395.
    """
    require_range("step_s", step_s, 0.0, low_open=True)
    require_range("conductance_extra_w_per_k", conductance_extra_w_per_k, 0.0)
    outdoor = network.conductance_air_outdoor_w_per_k + conductance_extra_w_per_k
    inner = network.conductance_air_mass_w_per_k
    solair = network.conductance_mass_solair_w_per_k
    mass_outdoor = network.conductance_mass_outdoor_w_per_k
    air = step_s / network.capacity_air_j_per_k
    mass = step_s / network.capacity_mass_j_per_k

    matrix = np.zeros((*outdoor.shape, 9, 9))
    row = matrix[..., 0, :]
    row[..., 0] = -(outdoor + inner) * air
    row[..., 1] = inner * air
    row[..., 2 + _OUTDOOR] = outdoor * air
    row[..., 2 + _HVAC] = _W_PER_KW * air
    row[..., 2 + _INTERNAL] = network.gain_internal_air * _W_PER_KW * air
    row[..., 2 + _SOLAR] = network.gain_solar_air * _W_PER_KW * air
    row = matrix[..., 1, :]
    row[..., 0] = inner * mass
    row[..., 1] = -(inner + solair + mass_outdoor) * mass
    row[..., 2 + _OUTDOOR] = mass_outdoor * mass
    row[..., 2 + _SOLAIR] = solair * mass
    row[..., 2 + _INTERNAL] = network.gain_internal_mass * _W_PER_KW * mass
    row[..., 2 + _SOLAR] = network.gain_solar_mass * _W_PER_KW * mass
    matrix[..., 7, 0] = 1.0
    matrix[..., 8, 1] = 1.0

    result = np.asarray(expm(matrix), dtype=np.float64)
    return DiscreteNetwork(
        step_s=float(step_s),
        a=np.ascontiguousarray(result[..., :2, :2]),
        b=np.ascontiguousarray(result[..., :2, 2:7]),
        mean_a=np.ascontiguousarray(result[..., 7, :2]),
        mean_b=np.ascontiguousarray(result[..., 7, 2:7]),
        mean_mass_a=np.ascontiguousarray(result[..., 8, :2]),
        mean_mass_b=np.ascontiguousarray(result[..., 8, 2:7]),
    )


def opened_where(
    closed: DiscreteNetwork, opened: DiscreteNetwork, windows_open: BoolArray
) -> DiscreteNetwork:
    """Map of a step in which some dwellings have their windows open.

    Parameters
    ----------
    closed, opened : DiscreteNetwork
        The maps of all n dwellings with windows closed and opened.
    windows_open : bool array, shape (n,)
        Who has them open in this step.

    Returns
    -------
    DiscreteNetwork
        ``closed`` or ``opened`` itself when all dwellings agree.
    """
    if not windows_open.any():
        return closed
    if windows_open.all():
        return opened
    mixed = {}
    for item in fields(closed):
        if item.name != "step_s":
            shut: FloatArray = getattr(closed, item.name)
            mask = windows_open.reshape(windows_open.shape + (1,) * (shut.ndim - windows_open.ndim))
            mixed[item.name] = np.where(mask, getattr(opened, item.name), shut)
    return DiscreteNetwork(step_s=closed.step_s, **mixed)


def stack_inputs(
    temp_outdoor_degc: Values,
    temp_solair_degc: FloatArray,
    heat_hvac_kw: Values,
    heat_internal_kw: Values,
    heat_solar_kw: Values,
) -> FloatArray:
    """One array of inputs from its columns.

    Parameters
    ----------
    temp_outdoor_degc, heat_hvac_kw, heat_internal_kw, heat_solar_kw : array, shape (..., n), or float
        Outdoor temperature [degC], HVAC heat (+ heating, - cooling), internal and solar gains [kW].
    temp_solair_degc : array, shape (..., n)
        Sol-air temperature of the opaque elements; it gives the shape [degC].

    Returns
    -------
    array, shape (..., n, 5)
        Columns as in ``INPUTS``.
    """
    inputs = np.empty((*np.shape(temp_solair_degc), len(INPUTS)))
    inputs[..., _OUTDOOR] = temp_outdoor_degc
    inputs[..., _SOLAIR] = temp_solair_degc
    inputs[..., _HVAC] = heat_hvac_kw
    inputs[..., _INTERNAL] = heat_internal_kw
    inputs[..., _SOLAR] = heat_solar_kw
    return inputs


def temperatures_after(discrete: DiscreteNetwork, temps: FloatArray, inputs: FloatArray) -> FloatArray:
    """Temperatures of both nodes at the end of the step.

    Parameters
    ----------
    discrete : DiscreteNetwork
        The one-step map.
    temps : array, shape (n, 2)
        Air and mass at the start of the step [degC].
    inputs : array, shape (n, 5)
        Held over the step, columns as in ``INPUTS`` [degC, kW].

    Returns
    -------
    array, shape (n, 2)
        Air and mass at the end of the step [degC].
    """
    after = np.einsum("...ij,...j->...i", discrete.a, temps)
    after += np.einsum("...ij,...j->...i", discrete.b, inputs)
    return np.asarray(after, dtype=np.float64)


def temperature_air_mean(discrete: DiscreteNetwork, temps: FloatArray, inputs: FloatArray) -> FloatArray:
    """Exact mean of the air temperature over the step.

    Parameters
    ----------
    discrete, temps, inputs
        As in ``temperatures_after``.

    Returns
    -------
    array, shape (n,)
        Mean of the air node [degC].
    """
    mean = np.einsum("...j,...j->...", discrete.mean_a, temps)
    return np.asarray(mean + np.einsum("...j,...j->...", discrete.mean_b, inputs), dtype=np.float64)


def temperatures_mean(discrete: DiscreteNetwork, temps: FloatArray, inputs: FloatArray) -> FloatArray:
    """Exact means of both nodes over the step, from which the heat of every branch is exact.

    Parameters
    ----------
    discrete, temps, inputs
        As in ``temperatures_after``.

    Returns
    -------
    array, shape (n, 2)
        Means of air and mass [degC].
    """
    mean = np.empty(np.broadcast_shapes(temps.shape, discrete.mean_a.shape))
    mean[..., AIR] = temperature_air_mean(discrete, temps, inputs)
    mean[..., MASS] = np.einsum("...j,...j->...", discrete.mean_mass_a, temps)
    mean[..., MASS] += np.einsum("...j,...j->...", discrete.mean_mass_b, inputs)
    return mean


def temperature_operative(
    network: RcNetwork,
    temps: FloatArray,
    temp_outdoor_degc: Values,
    heat_internal_kw: Values,
    heat_solar_kw: Values,
) -> FloatArray:
    """Operative temperature, on which comfort is judged.

    Parameters
    ----------
    network : RcNetwork
        Fields of shape (n,).
    temps : array, shape (..., n, 2)
        Air and mass, at an instant or as means [degC].
    temp_outdoor_degc, heat_internal_kw, heat_solar_kw : array, broadcasting against (..., n), or float
        Outdoor temperature [degC] and gains [kW]. Series of shape (T,) enter as (T, 1).

    Returns
    -------
    array, shape (..., n)
        Operative temperature [degC].

    Notes
    -----
    0.3 T_i + 0.7 T_s with T_s = (H_is T_i + H_w T_e + H_ms T_m + Phi_st)/(H_is + H_w + H_ms).
    Source: EN ISO 13790:2008, Annex C.
    """
    operative = network.operative_air * temps[..., AIR]
    operative += network.operative_mass * temps[..., MASS]
    return (
        operative
        + network.operative_outdoor * temp_outdoor_degc
        + network.operative_internal_k_per_kw * heat_internal_kw
        + network.operative_solar_k_per_kw * heat_solar_kw
    )


def heat_for_operative(
    network: RcNetwork,
    discrete: DiscreteNetwork,
    temps: FloatArray,
    inputs_without_hvac: FloatArray,
    target_degc: Values,
) -> FloatArray:
    """HVAC heat with which the operative temperature at the end of the step is the target.

    Parameters
    ----------
    network, discrete
        The dwellings and their one-step map.
    temps : array, shape (n, 2)
        Air and mass at the start of the step [degC].
    inputs_without_hvac : array, shape (n, 5)
        As in ``INPUTS``; the HVAC column is ignored [degC, kW].
    target_degc : array, shape (n,), or float
        Wanted operative temperature, judged with the gains and the outdoor temperature of this step [degC].

    Returns
    -------
    array, shape (n,)
        Heat to the air node, + heating, - cooling, without any limit of the device [kW].
    """
    inputs = inputs_without_hvac.copy()
    inputs[..., _HVAC] = 0.0
    free = temperature_operative(
        network,
        temperatures_after(discrete, temps, inputs),
        inputs[..., _OUTDOOR],
        inputs[..., _INTERNAL],
        inputs[..., _SOLAR],
    )
    rise_per_kw = network.operative_air * discrete.b[..., AIR, _HVAC]
    rise_per_kw += network.operative_mass * discrete.b[..., MASS, _HVAC]
    return (target_degc - free) / rise_per_kw


def stored_heat_kwh(network: RcNetwork, temps: FloatArray) -> FloatArray:
    """Heat stored in both nodes, above 0 degC.

    Parameters
    ----------
    network : RcNetwork
        Fields of shape (n,).
    temps : array, shape (..., n, 2)
        Air and mass [degC].

    Returns
    -------
    array, shape (..., n)
        Stored heat [kWh].
    """
    heat = network.capacity_air_j_per_k * temps[..., AIR] + network.capacity_mass_j_per_k * temps[..., MASS]
    return heat / _J_PER_KWH


def balance_residual_kwh(
    network: RcNetwork,
    temps_before: FloatArray,
    temps_after: FloatArray,
    temps_mean: FloatArray,
    inputs: FloatArray,
    step_s: float,
    conductance_extra_w_per_k: Values = 0.0,
) -> FloatArray:
    """Heat that a step created (+) or lost (-): change of the stored heat minus what flowed in, node by node.

    Parameters
    ----------
    network : RcNetwork
        Fields of shape (n,).
    temps_before, temps_after, temps_mean : array, shape (..., n, 2)
        Air and mass at both ends of the step and their means over it [degC].
    inputs : array, shape (..., n, 5)
        What the devices say they delivered and the weather, columns as in ``INPUTS`` [degC, kW].
    step_s : float
        Length of the step [s].
    conductance_extra_w_per_k : array, shape (n,), or float
        Opened windows [W/K].

    Returns
    -------
    array, shape (..., n, 2)
        Residual of the air and of the mass node; zero but for rounding [kWh].
    """
    air, mass = temps_mean[..., AIR], temps_mean[..., MASS]
    outdoor, internal, solar = inputs[..., _OUTDOOR], inputs[..., _INTERNAL], inputs[..., _SOLAR]
    through_inner = network.conductance_air_mass_w_per_k * (mass - air)
    gains_air_kw = network.gain_internal_air * internal + network.gain_solar_air * solar
    heat_air_w = (
        (network.conductance_air_outdoor_w_per_k + conductance_extra_w_per_k) * (outdoor - air)
        + through_inner
        + _W_PER_KW * (inputs[..., _HVAC] + gains_air_kw)
    )
    heat_mass_w = (
        network.conductance_mass_solair_w_per_k * (inputs[..., _SOLAIR] - mass)
        + network.conductance_mass_outdoor_w_per_k * (outdoor - mass)
        - through_inner
        + _W_PER_KW * (network.gain_internal_mass * internal + network.gain_solar_mass * solar)
    )
    change = temps_after - temps_before
    residual = np.empty_like(change)
    residual[..., AIR] = network.capacity_air_j_per_k * change[..., AIR] - heat_air_w * step_s
    residual[..., MASS] = network.capacity_mass_j_per_k * change[..., MASS] - heat_mass_w * step_s
    residual /= _J_PER_KWH
    return residual


def heat_lost_kw(
    network: RcNetwork,
    temps_mean: FloatArray,
    inputs: FloatArray,
    conductance_extra_w_per_k: Values = 0.0,
) -> FloatArray:
    """Mean heat that leaves a dwelling over a step, through its branches and as gains that escape at once.

    Parameters
    ----------
    network : RcNetwork
        Fields of shape (n,).
    temps_mean : array, shape (..., n, 2)
        Exact means over the step, from ``temperatures_mean`` [degC].
    inputs : array, shape (..., n, 5)
        Columns as in ``INPUTS`` [degC, kW].
    conductance_extra_w_per_k : array, shape (n,), or float
        Opened windows [W/K].

    Returns
    -------
    array, shape (..., n)
        Negative where heat comes in [kW].
    """
    air, mass = temps_mean[..., AIR], temps_mean[..., MASS]
    outdoor, internal, solar = inputs[..., _OUTDOOR], inputs[..., _INTERNAL], inputs[..., _SOLAR]
    lost_w = (
        (network.conductance_air_outdoor_w_per_k + conductance_extra_w_per_k) * (air - outdoor)
        + network.conductance_mass_solair_w_per_k * (mass - inputs[..., _SOLAIR])
        + network.conductance_mass_outdoor_w_per_k * (mass - outdoor)
    )
    escaping = (1.0 - network.gain_internal_air - network.gain_internal_mass) * internal
    escaping = escaping + (1.0 - network.gain_solar_air - network.gain_solar_mass) * solar
    return np.asarray(lost_w / _W_PER_KW + escaping, dtype=np.float64)
