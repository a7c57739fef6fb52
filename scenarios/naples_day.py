"""The Naples paper's day: planned by its linear programme, then lived through by the plant and settled.

A plan is made before the day, for all futures at once, and each future's own part of it is applied in a run
of its own: dwellings, batteries, meters and settlement are those of every other run. The figures are what the
meters say, not what the plan says. A rolling horizon would not do: each of its plans allows the bills of its
own 24 hours, so that those of the day come out unequal (by 0.3 EUR with `mpc-stochastic`).
"""

from dataclasses import dataclass

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Observation
from recosim.controllers.day_ahead import BAND_K, Follow, asked_of
from recosim.controllers.day_ahead_plan import (
    SHARED_REVENUE,
    DayPlan,
    penalty_least_eur_per_kwh,
    plan_day,
)
from recosim.controllers.day_ahead_problem import DayProblem, pose_day, refuse_other_kinds
from recosim.controllers.forecasts import PerfectForecast
from recosim.controllers.rules import Rules
from recosim.errors import ControllerError, ScenarioError
from recosim.scenarios.naples_run import Day, in_future, live_through
from recosim.scenarios.runner import build_plant
from recosim.scenarios.schema.scenario import Scenario

PENALTY_MARGIN = 1.02
"""Lambda above the threshold at which burning energy earns nothing."""


@dataclass(frozen=True, kw_only=True)
class Futures:
    """Scenarios of sun and load, every level of one with every level of the other.

    Parameters
    ----------
    pv, load : tuple of float
        Factors on photovoltaic power and on base load.
    weights_pv, weights_load : tuple of float
        Their probabilities, sum 1 each.
    """

    pv: tuple[float, ...]
    load: tuple[float, ...]
    weights_pv: tuple[float, ...]
    weights_load: tuple[float, ...]

    @property
    def factors(self) -> list[tuple[float, float]]:
        """Factors of each future, the load changing fastest."""
        return [(pv, load) for pv in self.pv for load in self.load]

    @property
    def probabilities(self) -> FloatArray:
        """Probability of each future."""
        return np.outer(self.weights_pv, self.weights_load).ravel()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Expectation over the futures of what one way of deciding gives.

    Parameters
    ----------
    bill_eur, revenue_eur : float
        As tariff and settlement have them.
    final_cost_eur : float
        From the hourly meters in closed form: price times withdrawal, less rate times the hourly minimum.
    planned_bill_eur, planned_revenue_eur : float
        From the plan.
    shared_kwh, hvac_kwh, charged_kwh : float
    temp_change_k, charge_change_kwh : float
        Largest warming of a dwelling over the day, and largest change of a battery's energy, in any future.
    plan_error_eur : float
        Largest difference between plan and meters, in the expected bill of any delivery point or the revenue.
    residual_kwh : float
    n_columns : int
        Decisions in the linear programme, 0 where nothing is decided.
    """

    bill_eur: float
    revenue_eur: float
    final_cost_eur: float
    planned_bill_eur: float
    planned_revenue_eur: float
    shared_kwh: float
    hvac_kwh: float
    charged_kwh: float
    temp_change_k: float
    charge_change_kwh: float
    plan_error_eur: float
    residual_kwh: float
    n_columns: int


class NaplesDay:
    """A day of a scenario in one or several futures.

    Parameters
    ----------
    scenario : Scenario
        One day, of the paper's kind (`day_ahead_problem`).
    futures : Futures

    Raises
    ------
    ScenarioError
        The community is of another kind.
    """

    def __init__(self, scenario: Scenario, futures: Futures) -> None:
        self._scenario, self._futures = scenario, futures
        plant = build_plant(scenario)
        try:
            refuse_other_kinds(plant.community)
        except ControllerError as error:
            raise ScenarioError(f"scenario {scenario.name!r}: {error}") from error
        # the warm-up is lived through once
        temps = live_through(scenario, plant, Rules()).states_at_start["dwelling"]["temp_indoor_degc"]
        self._plants = [in_future(plant, scenario, temps, *factors) for factors in futures.factors]
        self._base: list[Day] = [live_through(scenario, plant, Rules()) for plant in self._plants]
        self.problem = self._pose()

    def _pose(self) -> DayProblem:
        community = self._plants[0].community
        nothing = np.zeros(len(community.pods))
        states = {
            name: values for kind in self._base[0].states_at_start.values() for name, values in kind.items()
        }
        observation = Observation(
            time=community.grid.start,
            step=0,
            states=states,
            energy_withdrawn_hour_kwh=nothing,
            energy_injected_hour_kwh=nothing,
        )
        forecasts = [
            PerfectForecast(p.community, p.series, p.exposure, p.series.n_beyond).at(0) for p in self._plants
        ]
        return pose_day(
            community,
            observation,
            forecasts,
            self._futures.probabilities,
            n_steps=community.grid.n_steps,
            band_k=BAND_K,
        )

    @property
    def price_throughput_eur_per_kwh(self) -> float:
        """Lambda: that of the scenario, or what keeps a lossy battery from burning energy."""
        community = self._plants[0].community
        batteries = community.devices.get("battery")
        if batteries is None:
            return community.price_wear_eur_per_kwh
        parameters, rate = batteries.parameters, float(self.problem.rate_eur_per_kwh.max())
        into, out = np.min(parameters.efficiency_charge), np.min(parameters.efficiency_discharge)
        least = PENALTY_MARGIN * penalty_least_eur_per_kwh(rate, float(into), float(out))
        return max(community.price_wear_eur_per_kwh, least)

    def plan(self, controls: tuple[str, ...], *, shared_per_future: bool = True) -> DayPlan:
        """The paper's plan, deciding the kinds of device in ``controls``."""
        return plan_day(
            self.problem,
            controls,
            objective=SHARED_REVENUE,
            price_throughput_eur_per_kwh=self.price_throughput_eur_per_kwh,
            shared_per_future=shared_per_future,
        )

    def outcome(self, controls: tuple[str, ...]) -> Outcome:
        """Plan the day, live through it in every future, and settle."""
        if not controls:
            return self._expected(self._base, self.problem.base_kw, 0)
        plan = self.plan(controls)
        days = [
            live_through(self._scenario, plant, Follow(asked_of(self.problem, plan, controls, future)))
            for future, plant in enumerate(self._plants)
        ]
        return self._expected(days, plan.withdrawn_kw, plan.n_columns)

    def _expected(self, days: list[Day], planned_kw: FloatArray, n_columns: int) -> Outcome:
        p, problem = self._futures.probabilities, self.problem

        def mean(name: str) -> FloatArray:
            values = np.array([getattr(day, name) for day in days])
            return np.asarray(np.tensordot(p, values, axes=1), dtype=np.float64)

        def largest(values: list[FloatArray]) -> float:
            return float(max(np.max(v, initial=0.0) for v in values))

        bills, planned_bills = mean("bill_eur"), problem.bill_eur(planned_kw)
        revenue, planned_revenue = float(mean("revenue_eur")), problem.revenue_eur(planned_kw)
        return Outcome(
            bill_eur=float(bills.sum()),
            revenue_eur=revenue,
            final_cost_eur=float(p @ [self._final_cost_eur(day) for day in days]),
            planned_bill_eur=float(planned_bills.sum()),
            planned_revenue_eur=planned_revenue,
            shared_kwh=float(p @ [day.shared_kwh.sum() for day in days]),
            hvac_kwh=float(mean("hvac_kwh")),
            charged_kwh=float(mean("charged_kwh")),
            temp_change_k=largest([day.temp_change_k for day in days]),
            charge_change_kwh=largest([np.abs(day.charge_change_kwh) for day in days]),
            plan_error_eur=max(float(np.abs(bills - planned_bills).max()), abs(revenue - planned_revenue)),
            residual_kwh=max(day.residual_kwh for day in days),
            n_columns=n_columns,
        )

    def _final_cost_eur(self, day: Day) -> float:
        """What the hourly meters cost less what they share, in closed form: no bill and no settlement."""
        prices = self.problem.price_eur_per_kwh[:: len(self.problem.hour) // self.problem.n_hours]
        earned = day.shared_kwh @ self.problem.rate_eur_per_kwh
        return float(np.sum(prices * day.withdrawn_kwh) - earned)
