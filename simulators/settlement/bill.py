"""What a delivery point pays for what it withdraws, month by month."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.settlement.calendar import ROME, Periods, months_of

EXEMPT_KWH_PER_MONTH = 150.0
EXEMPT_FULL_UP_TO_KWH = (150.0, 220.0)  # monthly energy up to which nothing is lost: <= 1.5 kW, <= 3 kW
EXEMPT_POWER_KW = (1.5, 3.0)


def excise_exemption_kwh(
    energy_month_kwh: ArrayLike, power_contract_kw: ArrayLike, fraction_of_month: ArrayLike = 1.0
) -> FloatArray:
    """Energy of a month that is exempt from the excise, resident dwellings only, elementwise.

    150 kWh up to 3 kW of contract power; above 150 kWh a month (up to 1.5 kW) or 220 (up to 3 kW) the
    exemption shrinks kWh by kWh. In a part of a month all limits shrink with it.

    Parameters
    ----------
    energy_month_kwh : scalar or array [kWh]
    power_contract_kw : scalar or array [kW]
    fraction_of_month : scalar or array

    Returns
    -------
    array of the common shape [kWh]
        At most the energy itself.

    Source: legislative decree 504/1995 (TUA), article 52.

    Examples
    --------
    >>> excise_exemption_kwh([100.0, 200.0, 250.0, 370.0], 3.0).tolist()
    [100.0, 150.0, 120.0, 0.0]
    """
    energy = np.asarray(energy_month_kwh, dtype=np.float64)
    power = np.asarray(power_contract_kw, dtype=np.float64)
    fraction = np.asarray(fraction_of_month, dtype=np.float64)
    full_up_to = np.where(power <= EXEMPT_POWER_KW[0], *EXEMPT_FULL_UP_TO_KWH)
    lost = np.maximum(energy - full_up_to * fraction, 0.0)
    exempt = np.where(power <= EXEMPT_POWER_KW[1], EXEMPT_KWH_PER_MONTH * fraction - lost, 0.0)
    return np.asarray(np.clip(exempt, 0.0, energy), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Charges:
    """Everything in a bill except energy and dispatching, all arrays of shape (n_pods,).

    Parameters
    ----------
    power_contract_kw : array [kW]
    sales_eur_per_year, network_fixed_eur_per_year : array [EUR/year]
    network_power_eur_per_kw_month : array [EUR/(kW month)]
    network_energy_eur_per_kwh, system_eur_per_kwh, excise_eur_per_kwh : array [EUR/kWh]
    excise_exemption : array of bool
        Resident dwellings, whose first kWh of a month are exempt up to 3 kW.
    vat : array
        Such as 0.10.
    """

    power_contract_kw: FloatArray
    sales_eur_per_year: FloatArray
    network_fixed_eur_per_year: FloatArray
    network_power_eur_per_kw_month: FloatArray
    network_energy_eur_per_kwh: FloatArray
    system_eur_per_kwh: FloatArray
    excise_eur_per_kwh: FloatArray
    excise_exemption: BoolArray
    vat: FloatArray


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Bills by local month and delivery point, arrays of shape (n_months, n_pods) [EUR].

    Parameters
    ----------
    month : array of int, shape (n_months,)
        ``12 * year + month - 1``.
    energy_kwh : array [kWh]
        What was withdrawn.
    energy_eur, dispatching_eur : array
        Both with losses.
    sales_eur, network_fixed_eur, network_power_eur : array
        Fixed parts; a twelfth of a yearly amount per whole month, part of it by days in part of a month.
    network_energy_eur, system_eur, excise_eur, vat_eur : array
    """

    month: IntArray
    energy_kwh: FloatArray
    energy_eur: FloatArray
    dispatching_eur: FloatArray
    sales_eur: FloatArray
    network_fixed_eur: FloatArray
    network_power_eur: FloatArray
    network_energy_eur: FloatArray
    system_eur: FloatArray
    excise_eur: FloatArray
    vat_eur: FloatArray

    @property
    def network_eur(self) -> FloatArray:
        """Fixed, power and energy part of the network charges, shape (n_months, n_pods) [EUR]."""
        return self.network_fixed_eur + self.network_power_eur + self.network_energy_eur

    @property
    def total_eur(self) -> FloatArray:
        """All components, shape (n_months, n_pods) [EUR]."""
        parts: list[FloatArray] = [
            getattr(self, part.name) for part in fields(self) if part.name.endswith("_eur")
        ]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)

    @property
    def by_pod_eur(self) -> FloatArray:
        """Total of each delivery point, shape (n_pods,) [EUR]."""
        return np.asarray(self.total_eur.sum(axis=0), dtype=np.float64)


def make_bill(
    charges: Charges,
    times: IntArray,
    withdrawn_kwh: FloatArray,
    cost_energy_eur: FloatArray,
    dispatching_eur_per_kwh: FloatArray,
    step_s: int,
    timezone: str = ROME,
) -> Bill:
    """Bills on what was withdrawn; what is injected or shared plays no part in them.

    Parameters
    ----------
    charges : Charges
    times : array of int, shape (n_steps,), POSIX [s]
    withdrawn_kwh, cost_energy_eur : arrays, shape (n_steps, n_pods)
        Energy [kWh], and what it costs with losses and before VAT [EUR].
    dispatching_eur_per_kwh : array, shape (n_pods,)
        With losses [EUR/kWh].
    step_s : int
    timezone : str

    Returns
    -------
    Bill
    """
    months = months_of(times, step_s, timezone)
    energy = months.sums(withdrawn_kwh)
    fraction = months.fraction[:, None]
    exempt = np.where(
        charges.excise_exemption, excise_exemption_kwh(energy, charges.power_contract_kw, fraction), 0.0
    )
    parts: dict[str, FloatArray] = {
        "energy_eur": months.sums(cost_energy_eur),
        "dispatching_eur": energy * dispatching_eur_per_kwh,
        "sales_eur": fraction * charges.sales_eur_per_year / 12.0,
        "network_fixed_eur": fraction * charges.network_fixed_eur_per_year / 12.0,
        "network_power_eur": fraction * charges.network_power_eur_per_kw_month * charges.power_contract_kw,
        "network_energy_eur": energy * charges.network_energy_eur_per_kwh,
        "system_eur": energy * charges.system_eur_per_kwh,
        "excise_eur": (energy - exempt) * charges.excise_eur_per_kwh,
    }
    vat = np.asarray(np.sum(list(parts.values()), axis=0) * charges.vat, dtype=np.float64)
    return Bill(month=_labels(months), energy_kwh=energy, vat_eur=vat, **parts)


def _labels(months: Periods) -> IntArray:
    label = months.label.copy()
    label.setflags(write=False)
    return label
