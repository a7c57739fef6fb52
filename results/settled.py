"""What a settlement of metered energy pays, and to whom: in full precision, and in cents that add up.

Whose is what:

* The premium, less the excess, is divided among the members by the community's key, after the fund; so is the
  valorisation.
* The excess goes to the members who are no companies and withdrew energy, by the same key among them (equal
  parts where it gives them nothing); where there are none, to social purposes.
* The energy fed in is sold by whoever has the delivery point; fees are the community's and are not divided.

Cents: premium, valorisation, sale and fees are rounded, and ``total`` is what they add up to. Below them
parts always add up to their whole: shares and fund by largest remainder, the excess takes what they leave of
the premium, plants and delivery points by largest remainder.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.simulators.settlement.allocation import close_cents, coincident_withdrawal_kwh, to_cents
from recosim.simulators.settlement.bill import Bill
from recosim.simulators.settlement.configuration import Configuration, Members, Plants
from recosim.simulators.settlement.outcome import Settlement

KEYS_OF_MONEY = ("shapley", "marginal")
"""Keys that divide by what energy earned in each hour, so that without the premium they are unknown."""
PREMIUM, VALORISATION, SALE = "premium", "valorisation", "sale"


@dataclass(frozen=True, kw_only=True)
class Divided:
    """An amount and what each of several receives of it.

    Parameters
    ----------
    eur : array, shape (n,) [EUR]
        In full precision.
    cents : array of int, shape (n,)
    """

    eur: FloatArray
    cents: IntArray


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A settlement together with what it was made from, by hours.

    Parameters
    ----------
    source : str
        Where the readings come from.
    pods : tuple of str
        Delivery points.
    names : tuple of str
        What the members are called, in their order.
    configuration : Configuration
    plants : Plants
    members : Members
    withdrawn_kwh, injected_kwh : array, shape (H, n_pods) [kWh]
    price_zonal_eur_per_mwh : array, shape (H,), or None [EUR/MWh]
        None where none was given; what depends on it is then unknown.
    settlement : Settlement
    alone : Settlement
        The same meters without a configuration.
    bill : Bill or None
        Bills of the members for what they withdrew; None without a tariff. Sharing does not change them.
    valorisation_needs_price : bool
    notes : tuple of str
        What the reader of the figures should know.
    """

    source: str
    pods: tuple[str, ...]
    names: tuple[str, ...]
    configuration: Configuration
    plants: Plants
    members: Members
    withdrawn_kwh: FloatArray
    injected_kwh: FloatArray
    price_zonal_eur_per_mwh: FloatArray | None
    settlement: Settlement
    alone: Settlement
    bill: Bill | None
    valorisation_needs_price: bool
    notes: tuple[str, ...] = ()

    @cached_property
    def unknown(self) -> frozenset[str]:
        """Amounts that cannot be known because there are no prices."""
        if self.price_zonal_eur_per_mwh is not None:
            return frozenset()
        rules = self.configuration
        shares = rules.configuration != "NONE" and len(self.plants) > 0
        premium = shares and rules.regime != "transitional"
        key = premium and rules.allocation.key in KEYS_OF_MONEY
        needs = {
            PREMIUM: premium,
            VALORISATION: shares and (self.valorisation_needs_price or key),
            SALE: bool(self.injected_kwh[:, self.plants.pod].any()),
        }
        return frozenset(name for name, needed in needs.items() if needed)

    @property
    def pods_of_members(self) -> tuple[str, ...]:
        """Delivery points of the members, in their order."""
        return tuple(self.pods[pod] for pod in self.members.pod)

    @cached_property
    def credited_kwh(self) -> FloatArray:
        """Shared energy by coincident withdrawal, whatever the key of the money, shape (n_members,)."""
        return coincident_withdrawal_kwh(
            self.settlement.energy_shared_kwh,
            self.withdrawn_kwh[:, self.members.pod],
            self.withdrawn_kwh.sum(axis=1),
        )

    @cached_property
    def premium(self) -> Divided:
        """The members' shares of the premium, without the excess."""
        what = self.settlement
        return Divided(eur=what.premium_member_eur, cents=_whole(100.0 * what.share_premium_eur))

    @cached_property
    def valorisation(self) -> Divided:
        """The members' shares of the valorisation."""
        what = self.settlement
        return Divided(eur=what.valorisation_member_eur, cents=_whole(100.0 * what.share_valorisation_eur))

    @property
    def excess_is_social(self) -> bool:
        """Whether no member may have the excess, so that it goes to social purposes."""
        return not self.settlement.weight_excess.any()

    @cached_property
    def excess(self) -> Divided:
        """The members' parts of the excess; nothing for anybody where it goes to social purposes."""
        weight = self.settlement.weight_excess
        cents_eur = np.zeros(weight.size)
        if not self.excess_is_social:
            cents_eur = close_cents(self.excess_cents / 100.0, weight)
        return Divided(eur=self.settlement.excess_member_eur, cents=_whole(100.0 * cents_eur))

    @property
    def excess_cents(self) -> int:
        """What shares and fund leave of the premium's cents."""
        shared = int(self.premium.cents.sum()) + to_cents(self.settlement.fund_premium_eur)
        return to_cents(self.settlement.premium_total_eur) - shared

    @cached_property
    def sale(self) -> Divided:
        """What each delivery point earns from the energy it feeds in."""
        return _rounded(self.settlement.sale_eur.sum(axis=0) + self.settlement.sale_minimum_eur)

    @cached_property
    def sale_alone(self) -> Divided:
        """The same without the community; in the same cents where the amount is the same."""
        eur = self.alone.sale_eur.sum(axis=0) + self.alone.sale_minimum_eur
        same = np.isclose(eur, self.sale.eur, rtol=0.0, atol=1e-9)
        return Divided(eur=eur, cents=np.where(same, self.sale.cents, _whole(100.0 * eur)))

    @cached_property
    def bills(self) -> Divided | None:
        """The members' bills."""
        return None if self.bill is None else _rounded(self.bill.by_pod_eur)

    @cached_property
    def premium_of_pods(self) -> Divided:
        """Premium, excess included, that the plants behind each delivery point earn."""
        return _rounded(self.by_pod(self.settlement.premium_eur).sum(axis=0))

    def by_pod(self, values: FloatArray) -> FloatArray:
        """Sum over the plants behind each delivery point, shape (H, n_pods)."""
        total: FloatArray = np.zeros((values.shape[0], len(self.pods)))
        for plant, pod in enumerate(self.plants.pod):
            total[:, pod] += values[:, plant]
        return total

    @property
    def pods_with_plant(self) -> tuple[int, ...]:
        """Delivery points behind which plants stand, in the order of the plants."""
        return tuple(dict.fromkeys(self.plants.pod.tolist()))


def _whole(cents: FloatArray) -> IntArray:
    return np.asarray(np.rint(cents), dtype=np.int64)


def _rounded(parts_eur: FloatArray) -> Divided:
    return Divided(eur=parts_eur, cents=rounded_cents(parts_eur))


def rounded_cents(parts_eur: FloatArray, total_cents: int | None = None) -> IntArray:
    """Cents of amounts, which may be negative, that add up to a total: by largest remainder.

    Parameters
    ----------
    parts_eur : array, shape (n,) [EUR]
    total_cents : int, optional
        Left out: the sum, rounded.

    Examples
    --------
    >>> rounded_cents(np.array([0.014, 0.014, -0.001])).tolist()
    [2, 1, 0]
    """
    exact = 100.0 * parts_eur
    cents = np.floor(exact)
    total = to_cents(float(parts_eur.sum())) if total_cents is None else total_cents
    if cents.size:
        each, one_more = divmod(total - int(cents.sum()), cents.size)
        cents += each
        cents[np.argsort(np.floor(exact) - exact, kind="stable")[:one_more]] += 1.0
    return np.asarray(cents, dtype=np.int64)
