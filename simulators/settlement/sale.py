"""What the energy fed in is sold for (dedicated withdrawal, RID), and what the GSE charges."""

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray
from recosim.simulators.settlement.checks import plant_power

RID_SLICES_KW = (20.0, 200.0)
RID_FEES_EUR_PER_KW = (0.70, 0.65, 0.60)
RID_FEE_MAX_EUR = 10_000.0
GSE_FREE_UP_TO_KW = 3.0
GSE_FIXED_EUR = 15.0
GSE_SLICE_KW = 20.0
GSE_EUR_PER_KW = 1.0
MINIMUM_PRICE_MAX_KW_WITH_PREMIUM = 100.0


def sale_eur(
    injected_kwh: ArrayLike, price_zonal_eur_per_mwh: ArrayLike, loss_uplift: ArrayLike = 0.0
) -> FloatArray:
    """Value of injected energy at the zonal price, elementwise.

    Parameters
    ----------
    injected_kwh : scalar or array [kWh]
    price_zonal_eur_per_mwh : scalar or array [EUR/MWh]
    loss_uplift : scalar or array
        Losses k that injection close to the loads avoids: 0.052 low voltage, 0.023 medium voltage.

    Returns
    -------
    array of the common shape [EUR]

    Source: ARERA resolution 280/07 (dedicated withdrawal).

    Examples
    --------
    >>> float(sale_eur(1000.0, 100.0, 0.052))
    105.2
    """
    price = np.asarray(price_zonal_eur_per_mwh) / 1000.0
    return np.asarray(np.asarray(injected_kwh) * (1.0 + np.asarray(loss_uplift)) * price, dtype=np.float64)


def minimum_price_supplement_eur(
    injected_kwh: ArrayLike, value_zonal_eur: ArrayLike, price_minimum_eur_per_mwh: float
) -> FloatArray:
    """What the guaranteed minimum price adds to a year's value at zonal prices, never negative.

    The rule is yearly: ``max(PMG * E, value at zonal prices)``. In a shorter run it is applied to the energy
    of the run. The minimum price is paid on the metered energy, without the uplift for losses (assumption).

    Examples
    --------
    >>> minimum_price_supplement_eur(60_000.0, [2700.0, 3600.0], 47.5).tolist()
    [150.0, 0.0]
    """
    guaranteed = np.asarray(injected_kwh) * price_minimum_eur_per_mwh / 1000.0
    return np.asarray(np.maximum(guaranteed - np.asarray(value_zonal_eur), 0.0), dtype=np.float64)


def may_have_minimum_price(
    power_kw: ArrayLike, photovoltaic: ArrayLike, with_premium: ArrayLike
) -> BoolArray:
    """Whether the guaranteed minimum price is open to a plant, elementwise.

    Photovoltaic plants up to 1 MW, but only up to 100 kW where they earn the premium.
    """
    small = np.asarray(plant_power(power_kw) <= MINIMUM_PRICE_MAX_KW_WITH_PREMIUM)
    return np.asarray(np.asarray(photovoltaic) & (small | ~np.asarray(with_premium)))


def rid_fee_eur_per_year(power_kw: ArrayLike) -> FloatArray:
    """Yearly fee of dedicated withdrawal: 0.70, 0.65, 0.60 EUR/kW on the slices to 20, to 200, above.

    Examples
    --------
    >>> rid_fee_eur_per_year([10.0, 20.0, 100.0, 200.0, 300.0]).round(9).tolist()
    [7.0, 14.0, 66.0, 131.0, 191.0]
    """
    power = plant_power(power_kw)
    first, second = RID_SLICES_KW
    fee = (
        RID_FEES_EUR_PER_KW[0] * np.minimum(power, first)
        + RID_FEES_EUR_PER_KW[1] * np.clip(power - first, 0.0, second - first)
        + RID_FEES_EUR_PER_KW[2] * np.maximum(power - second, 0.0)
    )
    return np.asarray(np.minimum(fee, RID_FEE_MAX_EUR), dtype=np.float64)


def gse_fee_eur_per_year(power_kw: ArrayLike) -> FloatArray:
    """Yearly fee for the premium: none up to 3 kW, 15 EUR up to 20 kW, then 1 EUR per kW above 20 more.

    Source: ministerial decree 106/2024.

    Examples
    --------
    >>> gse_fee_eur_per_year([3.0, 10.0, 20.0, 100.0, 1000.0]).tolist()
    [0.0, 15.0, 15.0, 95.0, 995.0]
    """
    power = plant_power(power_kw)
    fee = GSE_FIXED_EUR + GSE_EUR_PER_KW * np.maximum(power - GSE_SLICE_KW, 0.0)
    return np.where(power <= GSE_FREE_UP_TO_KW, 0.0, fee)
