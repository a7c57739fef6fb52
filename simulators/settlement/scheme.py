"""Sharing schemes: what a shared kWh will earn, and what it has earned.

A scheme is settled on the energy of all delivery points of its arrays; a community with several
configurations, one per primary substation, is settled one by one on the columns of each and added.

Plants behind one delivery point share what its meter counts by their power. Where one of them may earn the
premium and another may not, the meter cannot say which of them injected, and the scheme refuses.
"""

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.contracts import SharedTranche
from recosim.simulators.settlement.allocation import KEYS_REWARDING_PLANTS
from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.configuration import Configuration, Members, Plants
from recosim.simulators.settlement.outcome import Settlement
from recosim.simulators.settlement.premium import (
    EXISTING_SHARE_MAX,
    TRANSITIONAL_FROM,
    area_of_region,
    base_eur_per_mwh,
    correction_eur_per_mwh,
    existing_power_share,
    grant_factor,
    is_existing,
    premium_transitional_eur_per_mwh,
    premium_window,
    variable_eur_per_mwh,
)
from recosim.simulators.settlement.regulated import by_voltage, notes_by_voltage
from recosim.simulators.settlement.settling import Rules, settle
from recosim.simulators.settlement.tranches import hourly_prices, make_tranches, tranche_rate
from recosim.simulators.settlement.valorisation import (
    Valorisation,
    no_valorisation,
    valorisation_cacer,
    valorisation_transitional,
)


class _Scheme(ABC):
    """What the schemes have in common; subclasses say which plants earn which premium."""

    def __init__(self, configuration: Configuration, plants: Plants, members: Members, n_pods: int) -> None:
        self.configuration = configuration
        self.plants = plants
        self.members = members
        self.n_pods = n_pods
        _check_pods(configuration, plants, members, n_pods)
        windows = [premium_window(int(day), configuration.timezone) for day in plants.commissioned]
        due = np.array(windows, dtype=np.int64).reshape(-1, 2)
        floor, follows = self._premium_terms()
        self.rules = Rules(
            eligible=self._eligible(),
            due_from=due[:, 0],
            due_until=due[:, 1],
            floor_eur_per_mwh=floor,
            follows_price=follows,
            factor_grant=self._factor_grant(),
            valorisation=self._valorisation()
            if configuration.valorisation
            else no_valorisation(plants.voltage),
            loss_uplift=by_voltage("loss_uplift_sale", plants.voltage, configuration.tariff_year),
            has_excess=self._has_excess,
            shares=self._shares,
            notes=notes_by_voltage("loss_uplift_sale", plants.voltage, configuration.tariff_year),
        )
        if self._shares:
            _check_same_treatment(plants, self.rules.eligible)
        self._uplift_pod: FloatArray = np.zeros(n_pods)
        self._uplift_pod[plants.pod] = (1.0 + self.rules.loss_uplift) / 1000.0
        self._tranches = (
            make_tranches(configuration, plants, members, self.rules, n_pods) if self._shares else ()
        )
        self._uses_variable = any(term.slope for tranche in self._tranches for term in tranche.terms)

    _has_excess = True
    _shares = True

    @abstractmethod
    def _eligible(self) -> BoolArray:
        """Plants that may earn the premium, shape (n_plants,)."""

    @abstractmethod
    def _premium_terms(self) -> tuple[FloatArray, BoolArray]:
        """Fixed part of each plant's premium [EUR/MWh], and whether the variable part is added."""

    @abstractmethod
    def _factor_grant(self) -> FloatArray:
        """Reduction of each plant's premium for its grant."""

    @abstractmethod
    def _valorisation(self) -> Valorisation:
        """Valorisation of a shared kWh."""

    def rates(self, times: IntArray, price_zonal_eur_per_mwh: FloatArray) -> tuple[SharedTranche, ...]:
        """Money per shared kWh over a horizon.

        The number, order and delivery points of the tranches never change. Where one premium holds for all
        plants, premium and valorisation are one tranche. The yearly excess is left out; three things
        are approximate: with several premiums the best paid plants are taken first, whatever their
        seniority; ``incentive_basis = "attributed"`` is read as ``eligible_only``; and the part of the
        withdrawals that is exempt from the reduction for grants is that of the members, by number.

        Parameters
        ----------
        times : array of int, shape (n_steps,), POSIX, increasing [s]
        price_zonal_eur_per_mwh : array, shape (n_steps,) [EUR/MWh]
            Prices within an hour are averaged over the rows given.

        Returns
        -------
        tuple of SharedTranche

        Raises
        ------
        SettlementError
            A price is not finite.
        """
        price = hourly_prices(times, price_zonal_eur_per_mwh)
        variable = variable_eur_per_mwh(price) if self._uses_variable else price
        return tuple(
            SharedTranche(
                name=tranche.name,
                pool=tranche.pool,
                rate_eur_per_kwh=tranche_rate(tranche, times, price, variable),
                injecting=tranche.injecting,
            )
            for tranche in self._tranches
        )

    def rates_sale(self, times: IntArray, price_zonal_eur_per_mwh: FloatArray) -> FloatArray:
        """Price of an injected kWh, zero where no plant stands; parameters as :meth:`rates`.

        Returns
        -------
        array, shape (n_steps, n_pods) [EUR/kWh]
        """
        price = hourly_prices(times, price_zonal_eur_per_mwh)
        return np.asarray(price[:, None] * self._uplift_pod, dtype=np.float64)

    def settle(
        self,
        times_hours: IntArray,
        withdrawn_kwh: FloatArray,
        injected_kwh: FloatArray,
        price_zonal_eur_per_mwh: FloatArray,
    ) -> Settlement:
        """Pay what was shared.

        Parameters
        ----------
        times_hours : array of int, shape (H,), POSIX, increasing [s]
            Start of each UTC hour. Finer rows are accepted and summed to hours first (or to quarters, with
            ``settlement_step = "quarter"``, which needs them).
        withdrawn_kwh, injected_kwh : array, shape (H, n_pods) [kWh]
        price_zonal_eur_per_mwh : array, shape (H,) [EUR/MWh]

        Returns
        -------
        Settlement

        Raises
        ------
        SettlementError
            Shapes do not fit, times do not increase, or energies are negative.
        """
        return settle(
            self.configuration,
            self.plants,
            self.members,
            self.rules,
            np.asarray(times_hours, dtype=np.int64),
            withdrawn_kwh,
            injected_kwh,
            price_zonal_eur_per_mwh,
            self.n_pods,
        )

    def alone(self) -> "NoSharing":
        """The same delivery points and plants without a configuration: what each would sell by itself."""
        nobody = replace(self.configuration, configuration="NONE")
        return NoSharing(nobody, self.plants, self.members, self.n_pods)


class Cacer(_Scheme):
    """Premium that follows the zonal price, and valorisation: the rules in force since 2024.

    Parameters
    ----------
    configuration : Configuration
    plants : Plants
    members : Members
    n_pods : int
        Number of delivery points.

    Raises
    ------
    SettlementError
        Delivery points do not exist, existing plants exceed 30 % of a CER's power, plants behind one
        delivery point are treated differently, or the year is not in the table of regulated figures.

    Source: decree of 7 December 2023 (CACER); ARERA resolution 727/2022 (TIAD).
    """

    def _eligible(self) -> BoolArray:
        existing = is_existing(self.plants.commissioned)
        share = existing_power_share(self.plants.power_kw, self.plants.commissioned)
        if self.configuration.configuration == "CER" and share > EXISTING_SHARE_MAX + 1e-12:
            names = ", ".join(np.array(self.plants.names)[existing].tolist())
            raise SettlementError(
                f"plants in operation before 16 December 2021 ({names}) have {share:.0%} of the power of the "
                f"CER, allowed: {EXISTING_SHARE_MAX:.0%}; take one out or add new plants"
            )
        return ~existing

    def _premium_terms(self) -> tuple[FloatArray, BoolArray]:
        area = area_of_region(self.configuration.region)
        floor = base_eur_per_mwh(self.plants.power_kw) + correction_eur_per_mwh(
            area, self.plants.photovoltaic
        )
        return floor, np.ones(len(self.plants), dtype=np.bool_)

    def _factor_grant(self) -> FloatArray:
        return grant_factor(self.plants.grant_percent)

    def _valorisation(self) -> Valorisation:
        rules = self.configuration
        return valorisation_cacer(rules.configuration, self.plants.voltage, rules.tariff_year)


class Transitional(_Scheme):
    """Flat premium of 2020 to 2023: 100 EUR/MWh for a group, 110 for a community. Parameters as Cacer.

    Plants in operation before 1 March 2020 earn no premium; grants and yearly thresholds play no part.

    Source: ministerial decree of 16 September 2020; ARERA resolution 318/2020.
    """

    _has_excess = False

    def _eligible(self) -> BoolArray:
        return np.asarray(self.plants.commissioned >= TRANSITIONAL_FROM.toordinal())

    def _premium_terms(self) -> tuple[FloatArray, BoolArray]:
        flat = premium_transitional_eur_per_mwh(self.configuration.configuration)
        return np.full(len(self.plants), flat), np.zeros(len(self.plants), dtype=np.bool_)

    def _factor_grant(self) -> FloatArray:
        return np.zeros(len(self.plants))

    def _valorisation(self) -> Valorisation:
        rules = self.configuration
        return valorisation_transitional(rules.configuration, self.plants.voltage, rules.tariff_year)


class NoSharing(_Scheme):
    """No configuration: energy fed in is sold, nothing is shared. Parameters as Cacer."""

    _has_excess = False
    _shares = False

    def _eligible(self) -> BoolArray:
        return np.zeros(len(self.plants), dtype=np.bool_)

    def _premium_terms(self) -> tuple[FloatArray, BoolArray]:
        return np.zeros(len(self.plants)), np.zeros(len(self.plants), dtype=np.bool_)

    def _factor_grant(self) -> FloatArray:
        return np.zeros(len(self.plants))

    def _valorisation(self) -> Valorisation:
        return no_valorisation(self.plants.voltage)


def make_scheme(
    configuration: Configuration, plants: Plants, members: Members, n_pods: int
) -> Cacer | Transitional | NoSharing:
    """Scheme that a configuration asks for; parameters and errors as :class:`Cacer`."""
    if configuration.configuration == "NONE":
        return NoSharing(configuration, plants, members, n_pods)
    if configuration.regime == "transitional":
        return Transitional(configuration, plants, members, n_pods)
    return Cacer(configuration, plants, members, n_pods)


def _check_pods(configuration: Configuration, plants: Plants, members: Members, n_pods: int) -> None:
    for what, pods in (("plants", plants.pod), ("members", members.pod)):
        outside = pods[(pods < 0) | (pods >= n_pods)]
        if outside.size:
            raise SettlementError(
                f"{what}.pod = {int(outside[0])}, allowed: 0 to {n_pods - 1} ({n_pods} delivery points)"
            )
    key = configuration.allocation.key
    strangers = np.flatnonzero(~np.isin(plants.pod, members.pod))
    if key in KEYS_REWARDING_PLANTS and strangers.size and configuration.configuration != "NONE":
        raise SettlementError(
            f"plant {plants.names[strangers[0]]!r} stands behind a delivery point "
            f"that is no member's, but the allocation key {key!r} "
            "pays for injection; make it a member's"
        )


def _check_same_treatment(plants: Plants, eligible: BoolArray) -> None:
    for plant, pod in enumerate(plants.pod):
        first = int(np.flatnonzero(plants.pod == pod)[0])
        if eligible[plant] != eligible[first]:
            raise SettlementError(
                f"plants {plants.names[first]!r} and {plants.names[plant]!r} stand behind one "
                "delivery point, but only one of them may earn the premium and one meter cannot tell them "
                "apart; give them delivery points of their own"
            )
