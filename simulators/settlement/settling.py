"""The arithmetic of a settlement, from the meters of the delivery points to the cents of the members."""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.settlement.allocation import Weights, close_cents, to_cents, weights
from recosim.simulators.settlement.calendar import Periods, years_of
from recosim.simulators.settlement.checks import SettlementError, energy, finite, increasing
from recosim.simulators.settlement.configuration import Configuration, Members, Plants
from recosim.simulators.settlement.hourly import mean_by_hour, sum_by_hour
from recosim.simulators.settlement.members import weights_of_excess
from recosim.simulators.settlement.outcome import Settlement
from recosim.simulators.settlement.premium import (
    THRESHOLD_PREMIUM_ONLY,
    THRESHOLD_WITH_GRANT,
    excess_share,
    premium_eur,
    variable_eur_per_mwh,
)
from recosim.simulators.settlement.regulated import figure
from recosim.simulators.settlement.sale import (
    gse_fee_eur_per_year,
    may_have_minimum_price,
    minimum_price_supplement_eur,
    rid_fee_eur_per_year,
    sale_eur,
)
from recosim.simulators.settlement.sharing import (
    SharedEnergy,
    injection_by_plant,
    seniority_order,
    share_between_plants,
)
from recosim.simulators.settlement.valorisation import Valorisation, valorisation_eur
from recosim.timegrid import SECONDS_PER_HOUR

QUARTER_S = 900
_NEGLIGIBLE_KWH = 1e-6


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a scheme lays down for its plants, arrays of shape (n_plants,).

    Parameters
    ----------
    eligible : array of bool
        Plants that may earn the premium.
    due_from, due_until : array of int, POSIX [s]
        When each premium begins and ends.
    floor_eur_per_mwh : array [EUR/MWh]
        Premium without the part that follows the price and without the reduction for grants.
    follows_price : array of bool
    factor_grant : array
    valorisation : Valorisation
    loss_uplift : array
        Losses k added to the energy sold.
    has_excess : bool
        Whether a yearly threshold applies.
    shares : bool
        False without a configuration.
    notes : tuple of str
        Figures of an earlier year that had to serve, those of the valorisation apart.
    """

    eligible: BoolArray
    due_from: IntArray
    due_until: IntArray
    floor_eur_per_mwh: FloatArray
    follows_price: BoolArray
    factor_grant: FloatArray
    valorisation: Valorisation
    loss_uplift: FloatArray
    has_excess: bool
    shares: bool
    notes: tuple[str, ...] = ()

    def due(self, times: IntArray) -> BoolArray:
        """Plants whose premium is due at each time, shape (n_times, n_plants)."""
        at = times[:, None]
        return np.asarray(self.eligible & (at >= self.due_from) & (at < self.due_until))


def settle(
    configuration: Configuration,
    plants: Plants,
    members: Members,
    rules: Rules,
    times: IntArray,
    withdrawn_kwh: FloatArray,
    injected_kwh: FloatArray,
    price_zonal_eur_per_mwh: FloatArray,
    n_pods: int,
) -> Settlement:
    """Settle a period; see ``settle`` of the schemes."""
    withdrawn, injected, price_rows = _checked(
        times, withdrawn_kwh, injected_kwh, price_zonal_eur_per_mwh, n_pods
    )
    hours, price = mean_by_hour(times, price_rows)
    withdrawn_hour = sum_by_hour(times, withdrawn)[1]
    injected_hour = sum_by_hour(times, injected)[1]
    injected_plant = injection_by_plant(injected_hour, plants.pod, plants.power_kw)
    due = rules.due(hours)
    shared = _shared(configuration, plants, rules, times, withdrawn, injected)
    years = years_of(hours, SECONDS_PER_HOUR, configuration.timezone)

    premium = _premium(rules, members, shared.incentivised_kwh, withdrawn_hour, price)
    tariff = rules.valorisation.tariff_eur_per_mwh
    valorisation = valorisation_eur(
        shared.valorised_kwh, price[:, None], tariff, rules.valorisation.loss_avoided
    ).sum(axis=1)
    excess = (
        _excess(configuration, plants, years, shared.incentivised_kwh, injected_plant * due, premium)
        if rules.has_excess
        else 0.0
    )
    sale_plant = sale_eur(injected_plant, price[:, None], rules.loss_uplift)
    minimum, minimum_notes = _minimum(configuration, plants, rules, years, injected_plant, sale_plant)
    fraction = float(years.fraction.sum())
    gse = gse_fee_eur_per_year(plants.power_kw) * (due.any(axis=0) & configuration.fees.gse)
    rid = rid_fee_eur_per_year(plants.power_kw) * configuration.fees.rid
    key = _weights(
        configuration, plants, members, shared, withdrawn_hour, injected_plant * due, premium, valorisation
    )
    fund_premium, share_premium = _divide(
        float(premium.sum()) - excess, key, configuration.allocation.fund_share
    )
    fund_valorisation, share_valorisation = _divide(
        float(valorisation.sum()), key, configuration.allocation.fund_share
    )
    divided = float(share_premium.sum() + share_valorisation.sum())
    return Settlement(
        times=hours,
        energy_shared_kwh=shared.valorised_kwh.sum(axis=1),
        energy_incentivised_kwh=shared.incentivised_kwh,
        premium_eur=premium,
        valorisation_eur=valorisation,
        sale_eur=_by_pod(sale_plant, plants.pod, n_pods),
        sale_minimum_year_eur=_by_pod(minimum, plants.pod, n_pods),
        premium_excess_eur=excess,
        fees_gse_eur=float(gse.sum()) * fraction,
        fees_rid_eur=float(rid.sum()) * fraction,
        fees_pod_eur=_by_pod((gse + rid)[None, :] * fraction, plants.pod, n_pods)[0],
        weight_excess=weights_of_excess(members, key.weight, withdrawn_hour),
        fund_share=configuration.allocation.fund_share,
        share_premium_eur=share_premium,
        share_valorisation_eur=share_valorisation,
        fund_premium_eur=fund_premium,
        fund_valorisation_eur=fund_valorisation,
        weight=key.weight,
        share_error_eur=key.standard_error * abs(divided),
        notes=(
            *rules.valorisation.notes,
            *rules.notes,
            *minimum_notes,
            *_notes_on_sampling(configuration, key, divided),
            *_notes_on_injection(plants, rules, due, injected_hour, injected_plant),
        ),
    )


def _checked(
    times: IntArray,
    withdrawn_kwh: FloatArray,
    injected_kwh: FloatArray,
    price_zonal_eur_per_mwh: FloatArray,
    n_pods: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    increasing(times)
    withdrawn = energy(withdrawn_kwh, "withdrawn_kwh")
    injected = energy(injected_kwh, "injected_kwh")
    price = finite(price_zonal_eur_per_mwh, "price_zonal_eur_per_mwh")
    shape = (times.size, n_pods)
    for what, found, allowed in (
        ("withdrawn_kwh", withdrawn.shape, shape),
        ("injected_kwh", injected.shape, shape),
        ("price_zonal_eur_per_mwh", price.shape, shape[:1]),
    ):
        if found != allowed:
            raise SettlementError(f"{what} has shape {found}, allowed: {allowed} (times, delivery points)")
    return withdrawn, injected, price


def _shared(
    configuration: Configuration,
    plants: Plants,
    rules: Rules,
    times: IntArray,
    withdrawn: FloatArray,
    injected: FloatArray,
) -> SharedEnergy:
    """Shared energy by hour, worked out by hour or, for comparison, by quarter."""
    period = SECONDS_PER_HOUR
    if configuration.settlement_step == "quarter":
        period = QUARTER_S
        if times.size > 1 and int(np.diff(times).min()) > QUARTER_S:
            raise SettlementError(
                'settlement_step = "quarter" needs energies by quarter-hour, but the rows are '
                f"{int(np.diff(times).min())} s apart; hand in quarters or settle by hour"
            )
    periods, withdrawn_total = sum_by_hour(times, withdrawn.sum(axis=1), period)
    if not rules.shares:
        nothing = np.zeros((np.unique(periods // SECONDS_PER_HOUR).size, len(plants)))
        return SharedEnergy(valorised_kwh=nothing, incentivised_kwh=nothing)
    by_plant = injection_by_plant(injected, plants.pod, plants.power_kw)
    shared = share_between_plants(
        sum_by_hour(times, by_plant, period)[1],
        withdrawn_total,
        rules.due(periods),
        seniority_order(
            plants.commissioned, plants.power_kw, plants.grant_percent, plants.photovoltaic, plants.voltage
        ),
        configuration.attribution,
        configuration.incentive_basis,
    )
    return SharedEnergy(
        valorised_kwh=sum_by_hour(periods, shared.valorised_kwh)[1],
        incentivised_kwh=sum_by_hour(periods, shared.incentivised_kwh)[1],
    )


def _premium(
    rules: Rules, members: Members, incentivised: FloatArray, withdrawn: FloatArray, price: FloatArray
) -> FloatArray:
    full = rules.floor_eur_per_mwh + rules.follows_price * variable_eur_per_mwh(price)[:, None]
    total = withdrawn.sum(axis=1)
    exempt = withdrawn @ np.bincount(members.pod[members.exempt], minlength=withdrawn.shape[1])
    share_exempt = np.divide(exempt, total, out=np.zeros_like(total), where=total > 0.0)
    return premium_eur(incentivised, full, rules.factor_grant, share_exempt[:, None])


def _excess(
    configuration: Configuration,
    plants: Plants,
    years: Periods,
    incentivised: FloatArray,
    injected: FloatArray,
    premium: FloatArray,
) -> float:
    """Premium above the threshold, by calendar year and set of plants (without grant, with grant)."""
    excess = 0.0
    granted = plants.grant_percent > 0.0
    for inside, threshold in ((~granted, THRESHOLD_PREMIUM_ONLY), (granted, THRESHOLD_WITH_GRANT)):
        share = excess_share(
            years.sums(incentivised[:, inside].sum(axis=1)),
            years.sums(injected[:, inside].sum(axis=1)),
            threshold,
            configuration.excess_variant,
        )
        excess += float(share @ years.sums(premium[:, inside].sum(axis=1)))
    return excess


def _minimum(
    configuration: Configuration,
    plants: Plants,
    rules: Rules,
    years: Periods,
    injected: FloatArray,
    sale: FloatArray,
) -> tuple[FloatArray, tuple[str, ...]]:
    """Supplement of the guaranteed minimum price by year and plant, and what to note about it."""
    if not configuration.minimum_price:
        return np.zeros((len(years), len(plants))), ()
    price = figure("price_minimum_photovoltaic_eur_per_mwh", configuration.tariff_year)
    supplement = minimum_price_supplement_eur(years.sums(injected), years.sums(sale), price.value)
    may = may_have_minimum_price(plants.power_kw, plants.photovoltaic, rules.eligible)
    return np.asarray(supplement * may, dtype=np.float64), (price.note,) if price.note else ()


def _weights(
    configuration: Configuration,
    plants: Plants,
    members: Members,
    shared: SharedEnergy,
    withdrawn: FloatArray,
    injected_due: FloatArray,
    premium: FloatArray,
    valorisation: FloatArray,
) -> Weights:
    """One key for all the money: that of the premium or, where none was earned, of the valorisation."""
    energy_kwh, value, injected = shared.incentivised_kwh.sum(axis=1), premium.sum(axis=1), injected_due
    if not energy_kwh.any():
        energy_kwh, value = shared.valorised_kwh.sum(axis=1), np.maximum(valorisation, 0.0)
        injected = shared.valorised_kwh
    rate = np.divide(1000.0 * value, energy_kwh, out=np.zeros_like(value), where=energy_kwh > 0.0)
    by_pod = _by_pod(injected, plants.pod, withdrawn.shape[1])
    return weights(
        configuration.allocation,
        energy_kwh,
        _at(members.pod, withdrawn),
        _at(members.pod, by_pod),
        rate,
        withdrawn.sum(axis=1),
    )


def _divide(amount_eur: float, key: Weights, fund_share: float) -> tuple[float, FloatArray]:
    """Whole cents for the fund and for each member; without members everything goes to the fund."""
    if key.weight.size == 0:
        return to_cents(amount_eur) / 100.0, np.zeros(0)
    parts = close_cents(amount_eur, np.concatenate([[fund_share], (1.0 - fund_share) * key.weight]))
    return float(parts[0]), parts[1:]


def _by_pod(values: FloatArray, pod: IntArray, n_pods: int) -> FloatArray:
    total: FloatArray = np.zeros((values.shape[0], n_pods))
    for plant, at in enumerate(pod):
        total[:, at] += values[:, plant]
    return total


def _at(pod: IntArray, values: FloatArray) -> FloatArray:
    """Columns of some delivery points; all of them are not copied."""
    everywhere = np.array_equal(pod, np.arange(values.shape[1]))
    return values if everywhere else values[:, pod]


def _notes_on_sampling(configuration: Configuration, key: Weights, divided_eur: float) -> tuple[str, ...]:
    if not key.standard_error.any():
        return ()
    error_eur = float(key.standard_error.max()) * abs(divided_eur)
    return (
        f"the Shapley values of {key.weight.size} members are estimated from "
        f"{configuration.allocation.n_samples} random orders: standard error of a member's share up to "
        f"{error_eur:.2f} EUR; more allocation.n_samples make it smaller",
    )


def _notes_on_injection(
    plants: Plants, rules: Rules, due: BoolArray, injected_hour: FloatArray, injected_plant: FloatArray
) -> tuple[str, ...]:
    notes = []
    foreign = injected_hour.sum(axis=0)
    foreign[plants.pod] = 0.0
    if foreign.sum() > _NEGLIGIBLE_KWH:
        notes.append(
            f"{foreign.sum():.3f} kWh were injected at delivery points without a plant "
            f"({np.flatnonzero(foreign > 0.0).tolist()}): neither sold nor shared"
        )
    outside = (injected_plant * ~due).sum(axis=0)
    for plant in np.flatnonzero(rules.eligible & (outside > _NEGLIGIBLE_KWH)):
        notes.append(
            f"plant {plants.names[plant]!r} injected {outside[plant]:.1f} kWh before it was commissioned or "
            "after its 20 years: no premium on that"
        )
    return tuple(notes)
