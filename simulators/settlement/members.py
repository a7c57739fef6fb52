"""What each delivery point pays and earns in the community, and what it would without one."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray
from recosim.simulators.settlement.bill import Bill
from recosim.simulators.settlement.configuration import Members
from recosim.simulators.settlement.outcome import Settlement


def weights_of_excess(members: Members, weight: FloatArray, withdrawn_kwh: FloatArray) -> FloatArray:
    """Parts of the members in the premium above the threshold.

    It goes to consumers that are no companies: among them by the community's own key or, where that gives
    none of them anything, in equal parts. Where there is no such consumer it is left for social purposes.

    Parameters
    ----------
    members : Members
    weight : array, shape (n_members,)
        Parts by the community's key.
    withdrawn_kwh : array, shape (H, n_pods) [kWh]

    Returns
    -------
    array, shape (n_members,)
        Non-negative, adding up to 1, or all 0.

    Source: ministerial decree of 7 December 2023, article 3; that the community's key divides it too is an
    assumption.
    """
    may = members.exempt & (withdrawn_kwh.sum(axis=0)[members.pod] > 0.0)
    part: FloatArray = np.where(may, weight, 0.0)
    if may.any() and part.sum() == 0.0:
        part = may.astype(np.float64)
    return np.asarray(part / part.sum() if may.any() else part, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Seller:
    """What each delivery point earns by itself, arrays of shape (n_pods,).

    Parameters
    ----------
    sale_eur, fees_eur : array
        Sale of the energy injected by the plants behind it, and their yearly fees [EUR].
    """

    sale_eur: FloatArray
    fees_eur: FloatArray


def seller(settlement: Settlement) -> Seller:
    """Sale and fees of each delivery point in a settlement."""
    return Seller(
        sale_eur=settlement.sale_eur.sum(axis=0) + settlement.sale_minimum_eur,
        fees_eur=settlement.fees_pod_eur,
    )


@dataclass(frozen=True, kw_only=True)
class MemberAccounts:
    """Money of each delivery point, arrays of shape (n_pods,) [EUR].

    "Alone" is the same meters without a configuration: the same bill, the same energy sold, the fee of the
    sale. What people would do differently without a community is not in it; that is another run.

    Parameters
    ----------
    bill_eur : array
        For withdrawn energy, taxes included; the same alone.
    sale_eur, fees_eur : array
        Sale of the energy injected by the plants behind the delivery point, and their yearly fees.
    premium_eur, excess_eur, valorisation_eur : array
        Part in what the GSE pays for shared energy, in full precision; zero where the holder is no member.
    share_error_eur : array
        Standard error of premium and valorisation together where the key was sampled, else zero.
    sale_alone_eur, fees_alone_eur : array
    fund_premium_eur, fund_excess_eur, fund_valorisation_eur : float
        What no member gets: the common fund, and an excess that no consumer may have.
    """

    bill_eur: FloatArray
    sale_eur: FloatArray
    fees_eur: FloatArray
    premium_eur: FloatArray
    excess_eur: FloatArray
    valorisation_eur: FloatArray
    share_error_eur: FloatArray
    sale_alone_eur: FloatArray
    fees_alone_eur: FloatArray
    fund_premium_eur: float
    fund_excess_eur: float
    fund_valorisation_eur: float

    @property
    def net_eur(self) -> FloatArray:
        """Bill and fees, less sale and shares, shape (n_pods,) [EUR].

        Its sum, less what no member gets, is the net cost of the community.
        """
        shares = self.premium_eur + self.excess_eur + self.valorisation_eur
        return self.bill_eur + self.fees_eur - self.sale_eur - shares

    @property
    def net_alone_eur(self) -> FloatArray:
        """The same without a community, shape (n_pods,) [EUR]."""
        return self.bill_eur + self.fees_alone_eur - self.sale_alone_eur

    @property
    def gain_eur(self) -> FloatArray:
        """What the community is worth to each, shape (n_pods,) [EUR]."""
        return self.net_alone_eur - self.net_eur

    @property
    def fund_eur(self) -> float:
        """Everything that no member gets [EUR]."""
        return self.fund_premium_eur + self.fund_excess_eur + self.fund_valorisation_eur


def member_accounts(bill: Bill, settlement: Settlement, alone: Seller, members: Members) -> MemberAccounts:
    """Account of each delivery point.

    Parameters
    ----------
    bill : Bill
    settlement : Settlement
        Of the community.
    alone : Seller
        From the settlement of the same meters without a configuration; see ``alone`` of the schemes.
    members : Members
    """

    def at_pods(values: FloatArray) -> FloatArray:
        found: FloatArray = np.zeros(settlement.sale_eur.shape[1])
        found[members.pod] = values
        return found

    together = seller(settlement)
    to_fund = settlement.fund_share if len(members) else 1.0
    divided_eur = settlement.premium_total_eur - settlement.premium_excess_eur
    return MemberAccounts(
        bill_eur=bill.by_pod_eur,
        sale_eur=together.sale_eur,
        fees_eur=together.fees_eur,
        premium_eur=at_pods(settlement.premium_member_eur),
        excess_eur=at_pods(settlement.excess_member_eur),
        valorisation_eur=at_pods(settlement.valorisation_member_eur),
        share_error_eur=at_pods(settlement.share_error_eur),
        sale_alone_eur=alone.sale_eur,
        fees_alone_eur=alone.fees_eur,
        fund_premium_eur=divided_eur * to_fund,
        fund_excess_eur=0.0 if settlement.weight_excess.any() else settlement.premium_excess_eur,
        fund_valorisation_eur=settlement.valorisation_total_eur * to_fund,
    )
