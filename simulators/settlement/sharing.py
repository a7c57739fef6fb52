"""Energy that a community shares, hour by hour and plant by plant."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.settlement.checks import one_of

ATTRIBUTIONS = ("seniority", "pro_rata")
INCENTIVE_BASES = ("eligible_only", "attributed")


@dataclass(frozen=True, kw_only=True)
class SharedEnergy:
    """Shared energy of each period.

    Parameters
    ----------
    valorised_kwh : array, shape (n_periods, n_plants) [kWh]
        E_ac, attributed to all plants; its row sums are min(injection, withdrawal).
    incentivised_kwh : array, shape (n_periods, n_plants) [kWh]
        E_aci, attributed to the eligible plants.
    """

    valorised_kwh: FloatArray
    incentivised_kwh: FloatArray


def shared_energy(injected_kwh: FloatArray, withdrawn_kwh: FloatArray) -> FloatArray:
    """Energy shared in each period: the smaller of what is injected and what is withdrawn.

    Parameters
    ----------
    injected_kwh, withdrawn_kwh : arrays of the same shape [kWh]
        Sums over the plants and over the delivery points; hourly sums where the rule is hourly.

    Source: legislative decree 199/2021, article 30; ARERA resolution 727/2022 (TIAD), E_ac.
    """
    return np.asarray(np.minimum(injected_kwh, withdrawn_kwh), dtype=np.float64)


def injection_by_plant(injected_kwh: FloatArray, pod: IntArray, power_kw: FloatArray) -> FloatArray:
    """Injection of each plant, from the meters of the delivery points.

    One meter cannot tell the plants behind it apart: they share what it counts by their power.

    Parameters
    ----------
    injected_kwh : array, shape (n, n_pods) [kWh]
    pod : array of int, shape (n_plants,)
    power_kw : array, shape (n_plants,) [kW]

    Returns
    -------
    array, shape (n, n_plants) [kWh]
    """
    return np.asarray(injected_kwh[:, pod] * weight_at_pod(pod, power_kw), dtype=np.float64)


def weight_at_pod(pod: IntArray, power_kw: FloatArray) -> FloatArray:
    """Part of its delivery point's plant power that each plant has, shape (n_plants,)."""
    if pod.size == 0:
        return np.zeros(0)
    return np.asarray(power_kw / np.bincount(pod, weights=power_kw)[pod], dtype=np.float64)


def seniority_order(commissioned: ArrayLike, power_kw: ArrayLike, *ties: ArrayLike) -> IntArray:
    """Plants from the oldest to the newest, the smaller first among those of one day, shape (n_plants,).

    ``ties``, one array of shape (n_plants,) each, decide in turn between plants of one day and one power:
    what is paid must not hang on the order in which the plants are written down.
    """
    keys = (*reversed(ties), power_kw, commissioned)  # the last is the first to decide
    ranks = [np.unique(np.asarray(key), return_inverse=True)[1] for key in keys]
    return np.asarray(np.lexsort(np.stack(ranks)), dtype=np.int64)


def attribute_seniority(shared_kwh: FloatArray, injected_kwh: FloatArray, order: IntArray) -> FloatArray:
    """Attribute shared energy to plants, in the given order, each up to its injection.

    Parameters
    ----------
    shared_kwh : array, shape (n,) [kWh]
    injected_kwh : array, shape (n, n_plants) [kWh]
    order : array of int, shape (n_plants,)
        See :func:`seniority_order`.

    Returns
    -------
    array, shape (n, n_plants) [kWh]
    """
    attributed: FloatArray = np.zeros_like(injected_kwh)
    left = shared_kwh
    for plant in order:
        attributed[:, plant] = np.minimum(injected_kwh[:, plant], left)
        left = left - attributed[:, plant]
    return attributed


def attribute_pro_rata(shared_kwh: FloatArray, injected_kwh: FloatArray) -> FloatArray:
    """Attribute shared energy to plants in proportion to what they inject; shapes as by seniority."""
    total = injected_kwh.sum(axis=1)
    part = np.divide(shared_kwh, total, out=np.zeros_like(total), where=total > 0.0)
    return np.asarray(injected_kwh * part[:, None], dtype=np.float64)


def share_between_plants(
    injected_kwh: FloatArray,
    withdrawn_kwh: FloatArray,
    eligible: BoolArray,
    order: IntArray,
    attribution: str = "seniority",
    incentive_basis: str = "eligible_only",
) -> SharedEnergy:
    """Shared energy E_ac and incentivised energy E_aci of each plant.

    Parameters
    ----------
    injected_kwh : array, shape (n, n_plants) [kWh]
    withdrawn_kwh : array, shape (n,) [kWh]
        Sum over the delivery points.
    eligible : array of bool, shape (n_plants,) or (n, n_plants)
        Plants that earn the premium.
    order : array of int, shape (n_plants,)
        Seniority; see :func:`seniority_order`.
    attribution : {"seniority", "pro_rata"}
    incentive_basis : {"eligible_only", "attributed"}
        ``eligible_only`` takes the minimum anew over the eligible plants; ``attributed`` attributes E_ac to
        all plants and pays the part of the eligible ones.

    Returns
    -------
    SharedEnergy

    Raises
    ------
    SettlementError
        An option is unknown.

    Source: decree of 7 December 2023 (CACER); GSE operating rules; one official page can be read either way.
    """
    one_of(attribution, ATTRIBUTIONS, "attribution")
    one_of(incentive_basis, INCENTIVE_BASES, "incentive_basis")

    def attribute(shared: FloatArray, injected: FloatArray) -> FloatArray:
        if attribution == "seniority":
            return attribute_seniority(shared, injected, order)
        return attribute_pro_rata(shared, injected)

    valorised = attribute(shared_energy(injected_kwh.sum(axis=1), withdrawn_kwh), injected_kwh)
    if eligible.all():
        incentivised = valorised
    elif incentive_basis == "attributed":
        incentivised = np.where(eligible, valorised, 0.0)
    else:
        injected = np.where(eligible, injected_kwh, 0.0)
        incentivised = attribute(shared_energy(injected.sum(axis=1), withdrawn_kwh), injected)
    return SharedEnergy(valorised_kwh=valorised, incentivised_kwh=incentivised)
