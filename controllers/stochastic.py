"""Stochastic model predictive control: several futures of sun and load, one decision for the next hour.

    min   sum over futures of probability * cost    [+ weight * (CVaR - expectation)]

where the cost is the community's net cost, or what `shared_revenue` makes of the Naples paper's objective.

Every future has its own blocks and its own shared energy per hour: the expectation of the hourly minimum is
what will be paid, and it is less than the minimum of the expectations. What is decided for the slots of the
first hour is the same in all futures; afterwards each adapts to what it sees.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, SharedTranche
from recosim.controllers.blocks.shared_revenue import SharedRevenue
from recosim.controllers.community_model import Future, OptimisationModel, Windows
from recosim.controllers.compiled import compile_model
from recosim.controllers.forecast_spread import probabilities, spread
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import CompiledModel
from recosim.controllers.mpc import Mpc, is_number
from recosim.errors import ControllerError

DECISIONS = (
    "dwelling.power_heating_kw",
    "dwelling.power_cooling_kw",
    "battery.power_charge_kw",
    "battery.power_discharge_kw",
    "water_heater.power_water_heating_kw",
    "car.power_car_kw",
)
"""What must not anticipate: indexed by device and slot."""
LEVELS_MAX = 7
OBJECTIVES = ("net_cost", "shared_revenue")


class StochasticModel:
    """The community in several futures.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    tranches : tuple of SharedTranche
    n_pv, n_load : int
        Levels of photovoltaic power and of load; their product is the number of futures.
    uncertainty : str
        Kind of forecast whose errors spread the futures.
    probabilities : array, shape (n_pv * n_load,)
        Sum 1.
    cvar_weight, cvar_level : float
        Weight of the conditional value at risk against the expectation, and its level.
    objective : {"net_cost", "shared_revenue"}
        What a future costs.
    """

    def __init__(
        self,
        community: Community,
        horizon: Horizon,
        tranches: tuple[SharedTranche, ...],
        *,
        n_pv: int,
        n_load: int,
        uncertainty: str,
        probabilities: FloatArray,
        cvar_weight: float,
        cvar_level: float,
        objective: str = "net_cost",
    ) -> None:
        self.horizon = horizon
        self._community = community
        self._n_pv, self._n_load, self._uncertainty = n_pv, n_load, uncertainty
        self._windows = Windows(community, horizon)
        model = self.pyomo = pyo.ConcreteModel(name=community.name)
        model.s = pyo.RangeSet(0, len(probabilities) - 1)
        model.future = pyo.Block(model.s)
        self._futures = [
            Future(community, horizon, tranches, model.future[s], f"future[{s}].") for s in model.s
        ]
        self._do_not_anticipate()
        self._revenue: SharedRevenue | None = None
        costs_eur = [future.cost_eur for future in self._futures]
        if objective == "shared_revenue":
            _refuse_hot_water_and_cars(community)
            self._revenue = SharedRevenue(community, horizon, self._futures[0].pods, probabilities)
            costs_eur = self._revenue.build(model)
        expected = sum(float(p) * cost for p, cost in zip(probabilities, costs_eur, strict=True))
        if cvar_weight > 0.0:
            at_risk = self._at_risk(costs_eur, probabilities, cvar_level)
            expected = (1.0 - cvar_weight) * expected + cvar_weight * at_risk
        model.cost_eur = pyo.Objective(expr=expected)
        self.compiled: CompiledModel = compile_model(model)
        self._parameters = np.zeros(self.compiled.n_parameters)

    def _do_not_anticipate(self) -> None:
        """Decisions until at least an hour from now are the same; the compiler makes one column of them."""
        model, per_hour = self.pyomo, self.horizon.steps_per_hour
        # the present hour's slots, and those of the next that end within an hour of its last step
        shared = [k for k, start in enumerate(self.horizon.starts) if start < 2 * per_hour - 1]
        model.same = pyo.ConstraintList()
        for name in DECISIONS:
            first = model.future[0].find_component(name)
            if first is None:
                continue
            for s in model.s:
                if s == 0:
                    continue
                other = model.future[s].find_component(name)
                for device, slot in first:
                    if slot in shared:
                        model.same.add(first[device, slot] == other[device, slot])

    def _at_risk(self, costs_eur: list[Any], probabilities: FloatArray, level: float) -> pyo.Expression:
        """Conditional value at risk of the cost (Rockafellar and Uryasev 2000, equation 9)."""
        model = self.pyomo
        model.value_at_risk_eur = pyo.Var()
        model.above_eur = pyo.Var(model.s, bounds=(0, None))

        model.beyond = pyo.Constraint(
            model.s,
            rule=lambda m, s: m.above_eur[s] >= costs_eur[s] - m.value_at_risk_eur,
        )
        tail = sum(float(p) * model.above_eur[s] for s, p in enumerate(probabilities)) / (1.0 - level)
        return model.value_at_risk_eur + tail

    def reset(self) -> None:
        """Forget what earlier re-optimisations left behind."""
        for future in self._futures:
            future.reset()

    def given(self, observation: Observation, forecast: Forecast) -> FloatArray:
        """The parameter vector, shape (n_parameters,); the same array at each call."""
        futures = spread(
            forecast, self._community, n_pv=self._n_pv, n_load=self._n_load, kind=self._uncertainty
        )
        common: dict[str, Mapping[str, FloatArray]] = {}
        for future, member in zip(self._futures, futures.members, strict=True):
            window = self._windows(observation, member, common)
            future.give(window, self.compiled, self._parameters)
        if self._revenue is not None:
            self._revenue.give(self.compiled, self._parameters)
        return self._parameters

    def ask(self, values: FloatArray) -> dict[str, FloatArray]:
        """Set-points over the slots; beyond the first hour, those of the middle future."""
        middle = self._futures[len(self._futures) // 2]
        return middle.ask(values, self.compiled)


def _refuse_hot_water_and_cars(community: Community) -> None:
    for kind, what, unknown in (("water_heater", "hot water", "tanks"), ("car", "cars", "cars")):
        devices = community.devices.get(kind)
        if devices is not None and len(devices):
            raise ControllerError(
                f"mpc-stochastic.objective = 'shared_revenue' with {what} ({devices.names[0]}), allowed: "
                f"net_cost; the paper's bills without control know no {unknown}"
            )


class StochasticMpc(Mpc):
    """Model predictive control over scenarios of photovoltaic power and load.

    Parameters
    ----------
    n_pv, n_load : int
        Levels of each.
    uncertainty : {"low", "medium", "high"}
        Forecast errors assumed when the futures are spread.
    cvar_weight : float
        0 minimises the expectation, 1 the conditional value at risk.
    cvar_level : float
        Share of the outcomes that the risk measure leaves out.
    objective : {"net_cost", "shared_revenue"}
        Minimise the net cost, or maximise the revenue from sharing with bills no higher than without control
        (the Naples paper; see `shared_revenue`).
    **options
        As `Mpc`.
    """

    def __init__(
        self,
        n_pv: int = 3,
        n_load: int = 3,
        uncertainty: str = "medium",
        cvar_weight: float = 0.0,
        cvar_level: float = 0.8,
        objective: str = "net_cost",
        horizon: str | Sequence[int] = "multirate",
        iteration_limit: int = 200_000,
        branch_limit: int = 0,
        gap_relative: float = 1e-4,
        time_limit_ms: float | None = None,
        controls: Sequence[str] | None = None,
    ) -> None:
        super().__init__(horizon, iteration_limit, branch_limit, gap_relative, time_limit_ms, controls)
        for name, levels in (("n_pv", n_pv), ("n_load", n_load)):
            if not is_number(levels, whole=True) or not 1 <= levels <= LEVELS_MAX:
                raise ControllerError(f"mpc-stochastic.{name} = {levels!r}, allowed: 1 to {LEVELS_MAX}")
        if uncertainty not in ("low", "medium", "high"):
            raise ControllerError(f"mpc-stochastic.uncertainty = {uncertainty!r}, allowed: low, medium, high")
        numbers = is_number(cvar_weight) and is_number(cvar_level)
        if not numbers or not (0.0 <= cvar_weight <= 1.0 and 0.0 <= cvar_level < 1.0):
            raise ControllerError(
                f"mpc-stochastic.cvar_weight = {cvar_weight}, cvar_level = {cvar_level}, "
                "allowed: [0, 1] and [0, 1)"
            )
        if objective not in OBJECTIVES:
            raise ControllerError(
                f"mpc-stochastic.objective = {objective!r}, allowed: {', '.join(OBJECTIVES)}"
            )
        self._objective = objective
        self._levels = (n_pv, n_load)
        self._uncertainty = uncertainty
        self._risk = (cvar_weight, cvar_level)

    def _make_model(
        self, community: Community, horizon: Horizon, tranches: tuple[SharedTranche, ...]
    ) -> OptimisationModel:
        n_pv, n_load = self._levels
        weight, level = self._risk
        return StochasticModel(
            community,
            horizon,
            tranches,
            n_pv=n_pv,
            n_load=n_load,
            uncertainty=self._uncertainty,
            probabilities=probabilities(n_pv, n_load),
            cvar_weight=weight,
            cvar_level=level,
            objective=self._objective,
        )
