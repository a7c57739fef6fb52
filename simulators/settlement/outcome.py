"""What a settlement pays."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray, IntArray


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """Energy shared and money paid in a period.

    Parameters
    ----------
    times : array of int, shape (H,)
        POSIX start of each UTC hour [s].
    energy_shared_kwh : array, shape (H,) [kWh]
        E_ac, which earns the valorisation.
    energy_incentivised_kwh : array, shape (H, n_plants) [kWh]
        E_aci, which earns the premium.
    premium_eur : array, shape (H, n_plants) [EUR]
        Before the excess is taken off.
    valorisation_eur : array, shape (H,) [EUR]
    sale_eur : array, shape (H, n_pods) [EUR]
        Energy fed in, at the zonal price.
    sale_minimum_year_eur : array, shape (n_years, n_pods) [EUR]
        What the guaranteed minimum price adds in each calendar year; in a shorter run on the energy of the
        run.
    premium_excess_eur : float [EUR]
        Part of the premium above the yearly threshold, for consumers who are no companies or for social
        purposes; in a shorter run on the energy of the run.
    fees_gse_eur, fees_rid_eur : float [EUR]
        Yearly fees, by days.
    fees_pod_eur : array, shape (n_pods,) [EUR]
        Both fees of the plants behind each delivery point.
    weight_excess : array, shape (n_members,)
        Part of each member in the excess; the parts add up to 1, or to 0 where nobody may have any.
    fund_share : float
        Part of premium and valorisation that goes to the common fund first.
    share_premium_eur, share_valorisation_eur : array, shape (n_members,) [EUR]
        What each member receives, in whole cents.
    fund_premium_eur, fund_valorisation_eur : float [EUR]
        What the common fund receives, in whole cents.
    weight : array, shape (n_members,)
        Part of each member in what the fund leaves; the shares are these parts, rounded to the cent.
    share_error_eur : array, shape (n_members,) [EUR]
        Standard error of the two shares together where they were sampled, else zero.
    notes : tuple of str
        What the reader of the figures should know.
    """

    times: IntArray
    energy_shared_kwh: FloatArray
    energy_incentivised_kwh: FloatArray
    premium_eur: FloatArray
    valorisation_eur: FloatArray
    sale_eur: FloatArray
    sale_minimum_year_eur: FloatArray
    premium_excess_eur: float
    fees_gse_eur: float
    fees_rid_eur: float
    fees_pod_eur: FloatArray
    weight_excess: FloatArray
    fund_share: float
    share_premium_eur: FloatArray
    share_valorisation_eur: FloatArray
    fund_premium_eur: float
    fund_valorisation_eur: float
    weight: FloatArray
    share_error_eur: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def sale_minimum_eur(self) -> FloatArray:
        """What the guaranteed minimum price adds in the period, shape (n_pods,) [EUR]."""
        return np.asarray(self.sale_minimum_year_eur.sum(axis=0), dtype=np.float64)

    @property
    def premium_member_eur(self) -> FloatArray:
        """Premium of each member in full precision, excess apart, shape (n_members,) [EUR]."""
        divided = self.premium_total_eur - self.premium_excess_eur
        return np.asarray(divided * (1.0 - self.fund_share) * self.weight, dtype=np.float64)

    @property
    def excess_member_eur(self) -> FloatArray:
        """Each member's part of the premium above the threshold, shape (n_members,) [EUR]."""
        return np.asarray(self.premium_excess_eur * self.weight_excess, dtype=np.float64)

    @property
    def valorisation_member_eur(self) -> FloatArray:
        """Valorisation of each member in full precision, shape (n_members,) [EUR]."""
        divided = self.valorisation_total_eur * (1.0 - self.fund_share)
        return np.asarray(divided * self.weight, dtype=np.float64)

    @property
    def energy_shared_total_kwh(self) -> float:
        """Shared energy of the period [kWh]."""
        return float(np.sum(self.energy_shared_kwh))

    @property
    def energy_incentivised_total_kwh(self) -> float:
        """Incentivised energy of the period [kWh]."""
        return float(np.sum(self.energy_incentivised_kwh))

    @property
    def premium_total_eur(self) -> float:
        """Premium of the period, excess included [EUR]."""
        return float(np.sum(self.premium_eur))

    @property
    def valorisation_total_eur(self) -> float:
        """Valorisation of the period [EUR]."""
        return float(np.sum(self.valorisation_eur))

    @property
    def sale_total_eur(self) -> float:
        """Energy fed in, with the guaranteed minimum price where it applies [EUR]."""
        return float(np.sum(self.sale_eur) + np.sum(self.sale_minimum_eur))

    @property
    def fees_eur(self) -> float:
        """All fees of the period [EUR]."""
        return self.fees_gse_eur + self.fees_rid_eur

    @property
    def net_eur(self) -> float:
        """Everything paid, less the fees [EUR]."""
        return self.premium_total_eur + self.valorisation_total_eur + self.sale_total_eur - self.fees_eur
