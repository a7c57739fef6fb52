"""The leaderboard of a bench: controllers by J over pairs of seed and period, each against the first.

All figures are means over the pairs in which the first controller finished; one that failed in any of them
has no rank. J is `objective_eur`. Percentages are of gross bills, since net cost is near zero or negative in
summer; these bills, and the regret that counts as 100 %, are those of `rules` where it takes part, else those
of the first controller.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recosim.results.bench_files import BenchRun
from recosim.results.compare import BOUND_TOLERANCE_EUR, REGRET_SHARE_OF_BILLS, objective_marginal_eur
from recosim.results.statistics import Estimate, estimate, holm, paired_p_value

SEEDS_FOR_AN_INTERVAL = 10
DISCOMFORT_DIFFERENCE = 0.05
"""Share of the occupied hours by which discomfort may differ before cost alone misleads."""
RULES = "rules"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One finished run and where it belongs.

    Parameters
    ----------
    controller, forecast : str
    seed : int
    period : str
    run : BenchRun
    lower_eur : float or None
        Lower bound of J by marginal rates for the pair, where there is one [EUR].
    """

    controller: str
    forecast: str
    seed: int
    period: str
    run: BenchRun
    lower_eur: float | None

    @property
    def pair(self) -> tuple[str, int]:
        """What runs of different controllers have in common."""
        return self.period, self.seed

    def kpi(self, name: str) -> float | None:
        """A key figure; None where it does not apply."""
        value = self.run.kpis.get(name)
        return None if value is None else float(value)

    @property
    def regret_eur(self) -> float | None:
        """J by marginal rates above the lower bound [EUR]."""
        return None if self.lower_eur is None else objective_marginal_eur(self.run.kpis) - self.lower_eur


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Paired differences to the first controller.

    Parameters
    ----------
    eur : Estimate
        Below zero where the controller is cheaper [EUR].
    percent_of_bills : float or None
        Mean in per cent of the gross bills of reference.
    p_value, p_value_holm : float or None
        Of the paired t-test, and corrected by Holm for all controllers that are compared in the table.
    n_lower : int
        Pairs in which the controller is below the first.
    """

    eur: Estimate
    percent_of_bills: float | None
    p_value: float | None
    p_value_holm: float | None
    n_lower: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One line of a leaderboard; means over the pairs.

    Parameters
    ----------
    rank : int
    controller : str
    objective_eur, cost_net_eur : Estimate
        J and net cost of a run [EUR].
    objective_to_first, cost_net_to_first : Difference or None
        None for the first controller itself.
    regret_eur : Estimate or None
        J by marginal rates above the lower bound, over the pairs that have one [EUR].
    regret_share : float or None
        The same as a share of that of reference; None where that is below 1 % of bills.
    discomfort_kh : float or None
    discomfort_share : float or None
        Share of the occupied hours outside the comfort band.
    peak_withdrawal_kw : float
    battery_cycles : float or None
    ms_per_decision : float or None
        CPU time [ms].
    steps_local_rules : int
        Steps, of all runs, that local rules took because the controller failed.
    """

    rank: int
    controller: str
    objective_eur: Estimate
    cost_net_eur: Estimate
    objective_to_first: Difference | None
    cost_net_to_first: Difference | None
    regret_eur: Estimate | None
    regret_share: float | None
    discomfort_kh: float | None
    discomfort_share: float | None
    peak_withdrawal_kw: float
    battery_cycles: float | None
    ms_per_decision: float | None
    steps_local_rules: int


@dataclass(frozen=True, kw_only=True)
class ForecastTable:
    """The leaderboard with one kind of forecast.

    Parameters
    ----------
    forecast : str
    first : str
        The controller with which the others are compared.
    reference : str
        The controller whose bills and regret are 100 %.
    n_pairs : int
    standings : tuple of Standing
        Lowest J first.
    power_net_kw : mapping of str to tuple of (float or None)
        By controller, mean day of the community's net withdrawal [kW].
    member_to_first_eur : mapping of str to mapping of str to float
        By controller and delivery point, mean difference of net cost to the first controller [EUR].
    runs : tuple of Measured
        Those that count.
    """

    forecast: str
    first: str
    reference: str
    n_pairs: int
    standings: tuple[Standing, ...]
    power_net_kw: Mapping[str, tuple[float | None, ...]]
    member_to_first_eur: Mapping[str, Mapping[str, float]]
    runs: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """All that a bench found.

    Parameters
    ----------
    scenario : str
    first, reference : str
        Those of the first table.
    periods : tuple of str
    seeds : tuple of int
    tables : tuple of ForecastTable
    notes : tuple of str
        What the reader of the figures should know.
    failures : mapping of str to str
        What went wrong, by run.
    """

    scenario: str
    first: str
    reference: str
    periods: tuple[str, ...]
    seeds: tuple[int, ...]
    tables: tuple[ForecastTable, ...]
    notes: tuple[str, ...]
    failures: Mapping[str, str]


def leaderboard(
    scenario: str,
    controllers: Sequence[str],
    measured: Sequence[Measured],
    *,
    failures: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Leaderboard:
    """Rank controllers by J.

    Parameters
    ----------
    scenario : str
    controllers : sequence of str
        The first is the one the others are compared with, if it finished any run.
    measured : sequence of Measured
    failures : mapping of str to str, optional
        What went wrong, by run.
    notes : sequence of str
        Come after those found here.

    Raises
    ------
    ValueError
        There is no finished run.
    """
    if not measured:
        raise ValueError("no finished run, allowed: one or more")
    tables, found = [], []
    for forecast in dict.fromkeys(each.forecast for each in measured):
        runs = [each for each in measured if each.forecast == forecast]
        tables.append(_table(forecast, controllers, runs))
        found += _notes_on(tables[-1], controllers, runs)
    seeds = tuple(sorted({each.seed for each in measured}))
    return Leaderboard(
        scenario=scenario,
        first=tables[0].first,
        reference=tables[0].reference,
        periods=tuple(sorted({each.period for each in measured})),
        seeds=seeds,
        tables=tuple(tables),
        notes=tuple(dict.fromkeys((*_note_on_seeds(seeds), *found, *notes))),
        failures=dict(failures or {}),
    )


def _reference(controllers: Sequence[str]) -> str:
    return RULES if RULES in controllers else controllers[0]


def _table(forecast: str, controllers: Sequence[str], runs: Sequence[Measured]) -> ForecastTable:
    by_controller = {
        name: {each.pair: each for each in runs if each.controller == name} for name in controllers
    }
    pairs = list(next(each for each in by_controller.values() if each))
    there = [name for name in controllers if by_controller[name].keys() >= set(pairs)]
    of = {name: [by_controller[name][pair] for pair in pairs] for name in there}
    first, reference = of[there[0]], of[_reference(there)]
    corrected = {
        kpi: holm([None, *(paired_p_value(_differences(of[name], first, kpi)) for name in there[1:])])
        for kpi in ("objective_eur", "cost_net_eur")
    }
    unranked = [
        _standing(name, of[name], first, reference, {kpi: p[place] for kpi, p in corrected.items()})
        for place, name in enumerate(there)
    ]
    ordered = sorted(unranked, key=lambda each: each["objective_eur"].mean)
    return ForecastTable(
        forecast=forecast,
        first=there[0],
        reference=_reference(there),
        n_pairs=len(pairs),
        standings=tuple(Standing(rank=rank, **each) for rank, each in enumerate(ordered, start=1)),
        power_net_kw={name: _mean_day(of[name]) for name in there},
        member_to_first_eur={name: _members(of[name], first) for name in there[1:]},
        runs=tuple(each for name in there for each in of[name]),
    )


def _standing(
    name: str,
    runs: Sequence[Measured],
    first: Sequence[Measured],
    reference: Sequence[Measured],
    corrected: Mapping[str, float | None],
) -> dict[str, Any]:
    is_first = runs is first
    bills = _mean(reference, lambda each: each.kpi("bill_eur"))

    def to_first(kpi: str) -> Difference | None:
        return None if is_first else _difference(_differences(runs, first, kpi), bills, corrected[kpi])

    regrets = [each.regret_eur for each in runs if each.regret_eur is not None]
    return {
        "controller": name,
        "objective_eur": estimate(_values(runs, "objective_eur")),
        "cost_net_eur": estimate(_values(runs, "cost_net_eur")),
        "objective_to_first": to_first("objective_eur"),
        "cost_net_to_first": to_first("cost_net_eur"),
        "regret_eur": estimate(regrets) if regrets else None,
        "regret_share": _regret_share(runs, reference),
        "discomfort_kh": _mean(runs, lambda each: each.kpi("discomfort_kh")),
        "discomfort_share": _discomfort_share(runs),
        "peak_withdrawal_kw": _mean(runs, lambda each: each.kpi("peak_withdrawal_kw")),
        "battery_cycles": _mean(runs, lambda each: each.kpi("battery_cycles")),
        "ms_per_decision": _mean(runs, lambda each: each.run.ms_per_decision),
        "steps_local_rules": sum(each.run.steps_local_rules for each in runs),
    }


def _values(runs: Sequence[Measured], kpi: str) -> list[float]:
    return [each.kpi(kpi) or 0.0 for each in runs]


def _differences(runs: Sequence[Measured], first: Sequence[Measured], kpi: str) -> list[float]:
    pairs = zip(_values(runs, kpi), _values(first, kpi), strict=True)
    return [value - reference for value, reference in pairs]


def _difference(differences: Sequence[float], bills: float | None, corrected: float | None) -> Difference:
    found = estimate(differences)
    return Difference(
        eur=found,
        percent_of_bills=100.0 * found.mean / bills if bills else None,
        p_value=paired_p_value(differences),
        p_value_holm=corrected,
        n_lower=sum(difference < 0.0 for difference in differences),
    )


def _regret_share(runs: Sequence[Measured], reference: Sequence[Measured]) -> float | None:
    bounded = [
        (ours, theirs, theirs_run.kpi("bill_eur") or 0.0)
        for run, theirs_run in zip(runs, reference, strict=True)
        if (ours := run.regret_eur) is not None and (theirs := theirs_run.regret_eur) is not None
    ]
    whole = math.fsum(theirs for _, theirs, _ in bounded)
    if abs(whole) <= REGRET_SHARE_OF_BILLS * math.fsum(abs(bill) for _, _, bill in bounded):
        return None
    return math.fsum(ours for ours, _, _ in bounded) / whole


def _discomfort_share(runs: Sequence[Measured]) -> float | None:
    occupied = math.fsum(each.run.hours_occupied for each in runs)
    return math.fsum(each.run.hours_discomfort for each in runs) / occupied if occupied else None


def _mean(runs: Sequence[Measured], value: Callable[[Measured], float | None]) -> float | None:
    values = [found for each in runs if (found := value(each)) is not None]
    return math.fsum(values) / len(values) if values else None


def _mean_day(runs: Sequence[Measured]) -> tuple[float | None, ...]:
    days = np.stack([each.run.power_net_kw for each in runs])
    return tuple(
        float(column[known].mean()) if (known := np.isfinite(column)).any() else None for column in days.T
    )


def _members(runs: Sequence[Measured], first: Sequence[Measured]) -> dict[str, float]:
    gains: dict[str, list[float]] = {}
    for ours, theirs in zip(runs, first, strict=True):
        for pod, cost in ours.run.cost_member_eur.items():
            if pod in theirs.run.cost_member_eur:
                gains.setdefault(pod, []).append(cost - theirs.run.cost_member_eur[pod])
    return {pod: math.fsum(values) / len(values) for pod, values in gains.items()}


def _note_on_seeds(seeds: Sequence[int]) -> list[str]:
    if len(seeds) >= SEEDS_FOR_AN_INTERVAL:
        return []
    return [
        f"{len(seeds)} seed{'' if len(seeds) == 1 else 's'}, fewer than {SEEDS_FOR_AN_INTERVAL}: intervals "
        f"and p-values are too uncertain to decide by; use --seeds {SEEDS_FOR_AN_INTERVAL} or more"
    ]


def _notes_on(table: ForecastTable, controllers: Sequence[str], runs: Sequence[Measured]) -> list[str]:
    head = f"{table.forecast} forecast"
    notes = []
    by_name = {each.controller: each for each in table.standings}
    for name in controllers:
        if name not in by_name:
            notes.append(f"{head}: {name} has no rank, for runs of it failed")
    if table.first != controllers[0]:
        notes.append(f"{head}: no run of {controllers[0]} finished; differences are to {table.first}")
    dropped = len({each.pair for each in runs}) - table.n_pairs
    if dropped:
        notes.append(f"{head}: pairs that do not count, for {table.first} failed in them: {dropped}")
    for each in table.standings:
        notes += _note_on_discomfort(head, each, by_name[table.first])
        if each.steps_local_rules:
            notes.append(
                f"{head}: {each.controller} failed in {each.steps_local_rules} steps, which local rules took"
            )
    below = [each for each in table.runs if (each.regret_eur or 0.0) < -BOUND_TOLERANCE_EUR]
    notes += [
        f"{head}: {each.run.path.name} is {-(each.regret_eur or 0.0):.2f} EUR below the bound: its "
        "controller does what the bound takes for impossible, such as heating or cooling outside the season"
        for each in below
    ]
    return notes


def _note_on_discomfort(head: str, each: Standing, first: Standing) -> list[str]:
    ours, theirs = each.discomfort_share, first.discomfort_share
    if ours is None or theirs is None or abs(ours - theirs) <= DISCOMFORT_DIFFERENCE:
        return []
    return [
        f"{head}: {each.controller} is outside the comfort band in {100.0 * ours:.1f} % of the occupied "
        f"hours, {first.controller} in {100.0 * theirs:.1f} %: their costs do not buy the same comfort"
    ]
