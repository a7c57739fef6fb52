"""Money per shared kWh, in the form in which an optimisation reads it."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.simulators.settlement.calendar import local_midnight
from recosim.simulators.settlement.checks import finite
from recosim.simulators.settlement.configuration import Configuration, Members, Plants
from recosim.simulators.settlement.hourly import mean_by_hour
from recosim.simulators.settlement.settling import Rules
from recosim.simulators.settlement.sharing import weight_at_pod
from recosim.timegrid import SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Term:
    """Part of a tranche's rate: constant + slope * variable part of the premium, while it is due.

    Parameters
    ----------
    constant_eur_per_kwh : float [EUR/kWh]
    slope : float
        Per EUR/MWh of the variable part [EUR/kWh].
    due_from, due_until : int, POSIX [s]
    """

    constant_eur_per_kwh: float
    slope: float
    due_from: int
    due_until: int


@dataclass(frozen=True, kw_only=True)
class Tranche:
    """What does not change in a :class:`recosim.contracts.SharedTranche`, and how its rate is made.

    Parameters
    ----------
    name, pool : str
    injecting : array of bool, shape (n_pods,)
    terms : tuple of Term
    constant_eur_per_kwh : float [EUR/kWh]
    loss_avoided : float
        Part of the zonal price that is added.
    """

    name: str
    pool: str
    injecting: BoolArray
    terms: tuple[Term, ...]
    constant_eur_per_kwh: float
    loss_avoided: float


def make_tranches(
    configuration: Configuration, plants: Plants, members: Members, rules: Rules, n_pods: int
) -> tuple[Tranche, ...]:
    """Tranches of a configuration: one for each premium, one for each valorisation.

    Where one premium and one valorisation hold for every plant, incentivised and valorised energy are the
    same, and their rates are added into one tranche.
    """
    premiums: dict[tuple[Term, ...], list[int]] = {}
    weight = weight_at_pod(plants.pod, plants.power_kw)
    exempt = float(np.mean(members.exempt)) if len(members) else 0.0
    due_from, due_until = _common_windows(configuration, rules)
    for pod in dict.fromkeys(plants.pod.tolist()):
        here = np.flatnonzero(plants.pod == pod)
        terms = _merged(
            [
                _term(rules, int(p), float(weight[p]) / 1000.0, exempt, int(due_from[p]), int(due_until[p]))
                for p in here
            ]
        )
        if rules.eligible[here].all():
            premiums.setdefault(terms, []).append(pod)
    valorised: dict[float, list[int]] = {}
    if configuration.valorisation:
        for plant, pod in enumerate(plants.pod.tolist()):
            valorised.setdefault(float(rules.valorisation.loss_avoided[plant]), []).append(pod)
    constant = rules.valorisation.tariff_eur_per_mwh / 1000.0

    def tranche(
        name: str,
        pool: str,
        pods: list[int],
        terms: tuple[Term, ...],
        constant_eur_per_kwh: float,
        loss: float,
    ) -> Tranche:
        injecting = np.zeros(n_pods, dtype=np.bool_)
        injecting[pods] = True
        injecting.setflags(write=False)
        return Tranche(
            name=name,
            pool=pool,
            injecting=injecting,
            terms=terms,
            constant_eur_per_kwh=constant_eur_per_kwh,
            loss_avoided=loss,
        )

    if len(premiums) == 1 and len(valorised) == 1 and rules.eligible.all():
        ((terms, pods),) = premiums.items()
        return (tranche("shared", "shared", pods, terms, constant, next(iter(valorised))),)
    return (
        *(
            tranche(f"premium[{i}]", "premium", pods, terms, 0.0, 0.0)
            for i, (terms, pods) in enumerate(premiums.items())
        ),
        *(
            tranche(f"valorisation[{i}]", "valorisation", pods, (), constant, loss)
            for i, (loss, pods) in enumerate(valorised.items())
        ),
    )


def tranche_rate(
    tranche: Tranche, times: IntArray, price_zonal_eur_per_mwh: FloatArray, variable_eur_per_mwh: FloatArray
) -> FloatArray:
    """Rate of a tranche, shape (n_steps,), read-only [EUR/kWh]."""
    rate: FloatArray = (
        price_zonal_eur_per_mwh * (tranche.loss_avoided / 1000.0) + tranche.constant_eur_per_kwh
    )
    for term in tranche.terms:
        amount = variable_eur_per_mwh * term.slope + term.constant_eur_per_kwh
        if times.size and not (times[0] >= term.due_from and times[-1] < term.due_until):
            amount *= (times >= term.due_from) & (times < term.due_until)
        rate += amount
    rate.setflags(write=False)
    return rate


def hourly_prices(times: IntArray, price_eur_per_mwh: FloatArray) -> FloatArray:
    """Prices as the settlement sees them: one for each hour, the mean where they change within it.

    Raises
    ------
    SettlementError
        A price is not finite.
    """
    price = finite(price_eur_per_mwh, "price_zonal_eur_per_mwh")
    hours = times // SECONDS_PER_HOUR
    same_hour = hours[1:] == hours[:-1]
    if not ((price[1:] != price[:-1]) & same_hour).any():
        return price
    means = mean_by_hour(times, price)[1]
    return np.asarray(means[np.concatenate([[0], np.cumsum(~same_hour)])], dtype=np.float64)


def _common_windows(configuration: Configuration, rules: Rules) -> tuple[IntArray, IntArray]:
    """Windows in which premiums are due, the same for all plants whose premium is due all through the year.

    Plants of one class then share a tranche although they were commissioned on different days.
    """
    year = configuration.tariff_year
    begin = local_midnight(date(year, 1, 1), configuration.timezone)
    end = local_midnight(date(year + 1, 1, 1), configuration.timezone)
    whole = (rules.due_from <= begin) & (rules.due_until >= end)
    if not whole.any():
        return rules.due_from, rules.due_until
    return (
        np.where(whole, rules.due_from[whole].max(), rules.due_from),
        np.where(whole, rules.due_until[whole].min(), rules.due_until),
    )


def _term(
    rules: Rules, plant: int, weight: float, share_exempt: float, due_from: int, due_until: int
) -> Term:
    paid = weight * (1.0 - float(rules.factor_grant[plant]) * (1.0 - share_exempt))
    return Term(
        constant_eur_per_kwh=paid * float(rules.floor_eur_per_mwh[plant]),
        slope=paid * float(rules.follows_price[plant]),
        due_from=due_from,
        due_until=due_until,
    )


def _merged(terms: list[Term]) -> tuple[Term, ...]:
    """Sum of the terms that are due at the same times, so that equal plants give equal tranches."""
    sums: dict[tuple[int, int], tuple[float, float]] = {}
    for term in terms:
        due = (term.due_from, term.due_until)
        constant, slope = sums.get(due, (0.0, 0.0))
        sums[due] = (constant + term.constant_eur_per_kwh, slope + term.slope)
    return tuple(
        Term(
            constant_eur_per_kwh=round(constant, 12),  # weights of one third add up to 1 - 1e-16
            slope=round(slope, 12),
            due_from=first,
            due_until=last,
        )
        for (first, last), (constant, slope) in sorted(sums.items())
    )
