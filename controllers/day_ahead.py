"""Plans a whole day at midnight, as the Naples paper does, and keeps to it."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.day_ahead_plan import NET_COST, OBJECTIVES, DayPlan, plan_day
from recosim.controllers.day_ahead_problem import (
    DECIDED,
    HVAC,
    DayProblem,
    checked_kinds,
    pose_day,
    refuse_other_kinds,
)
from recosim.controllers.mpc import is_number
from recosim.errors import ControllerError, SolverError

BAND_K = 1.0
"""The paper's comfort band, around the set-point [K]."""


def asked_of(
    problem: DayProblem, plan: DayPlan, controls: Collection[str], future: int = 0
) -> dict[str, FloatArray]:
    """Set-points of a plan for one future, shape (n_steps, n_devices) each; only of what is decided."""
    asked: dict[str, FloatArray] = {}
    if HVAC in controls:
        power, heats = plan.hvac_kw[future], problem.air_conditioning.heats
        asked["power_heating_kw"] = np.where(heats[:, None], power, np.nan)
        asked["power_cooling_kw"] = np.where(heats[:, None], np.nan, power)
    if plan.charge_kw is not None and plan.discharge_kw is not None:
        net = plan.charge_kw[future] - plan.discharge_kw[future]
        asked["power_charge_kw"] = np.maximum(net, 0.0)
        asked["power_discharge_kw"] = np.maximum(-net, 0.0)
    return asked


class Follow:
    """Asks for what was planned, step by step; afterwards, for nothing.

    Parameters
    ----------
    asked : mapping of str to array, shape (n_steps, n_devices)
        By the name of the control, from the first step of the period on.
    """

    def __init__(self, asked: Mapping[str, FloatArray]) -> None:
        self._asked = asked

    def reset(self, community: Community, seed: int) -> None:
        """Nothing to forget."""

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """The row of this step."""
        step = observation.step
        return Setpoints(**{name: rows[step] for name, rows in self._asked.items() if step < len(rows)})


class DayAhead:
    """Solves each day once, from local midnight to midnight, and follows that plan.

    Parameters
    ----------
    controls : list of {"hvac", "battery"}
        What it decides; the rest is left to the devices' own rules, which the plan foresees.
    objective : {"net_cost", "shared_revenue"}
        Least bills less what sharing earns, or most revenue from sharing with no bill above that without
        control (see `day_ahead_plan`).
    band_k : float
        How far temperatures may move from the thermostats' set-points, up and down [K].

    Notes
    -----
    It knows the community of the Naples paper and refuses others (`day_ahead_problem`). Units are planned
    without part-load losses: the plan is what the meters show where ``modulation_min`` is 0.

    Throughput of batteries costs ``objective.price_wear_eur_per_kwh`` of the scenario, the paper's lambda.
    """

    def __init__(
        self,
        controls: Collection[str] = DECIDED,
        objective: str = NET_COST,
        band_k: float = BAND_K,
    ) -> None:
        self._controls = checked_kinds(controls, "day-ahead")
        if objective not in OBJECTIVES:
            raise ControllerError(f"day-ahead.objective = {objective!r}, allowed: {', '.join(OBJECTIVES)}")
        if not is_number(band_k) or not 0.0 <= band_k <= 10.0:
            raise ControllerError(f"day-ahead.band_k = {band_k!r}, allowed: [0, 10] K")
        self._objective, self._band_k = objective, float(band_k)
        self.record: dict[str, float | int | str] = {}

    def reset(self, community: Community, seed: int) -> None:
        """Forget the plan."""
        refuse_other_kinds(community)
        self._community = community
        self._asked: dict[str, FloatArray] = {}
        self._begins = self._ends = 0

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Plan at midnight; otherwise the plan's row of this step."""
        self.record = {"status": "planned", "fallback": ""}
        if not self._begins <= observation.time < self._ends:
            self._plan(observation, forecast)
        row = (observation.time - self._begins) // self._community.grid.step_s
        return Setpoints(**{name: rows[row] for name, rows in self._asked.items()})

    def get_state(self) -> dict[str, NDArray[Any]]:
        """The day's plan, which is not over where clocks change."""
        return {"begins": np.array(self._begins), "ends": np.array(self._ends), **self._asked}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `get_state`, after `reset`."""
        self._begins, self._ends = int(state["begins"]), int(state["ends"])
        self._asked = {name: rows for name, rows in state.items() if name not in ("begins", "ends")}

    def _plan(self, observation: Observation, forecast: Forecast) -> None:
        step_s = self._community.grid.step_s
        n_steps = steps_to_midnight(forecast)
        self._begins, self._ends = observation.time, observation.time + n_steps * step_s
        self._asked = {}
        if not self._controls:
            return
        problem = pose_day(
            self._community, observation, [forecast], np.ones(1), n_steps=n_steps, band_k=self._band_k
        )
        try:
            plan = plan_day(
                problem,
                self._controls,
                objective=self._objective,
                price_throughput_eur_per_kwh=self._community.price_wear_eur_per_kwh,
            )
        except SolverError as error:
            self.record = {"status": str(error), "fallback": "local rules"}
            return
        self._asked = asked_of(problem, plan, self._controls)
        self.record |= {"status": "optimal", "iterations": plan.iterations, "promised_eur": plan.promised_eur}


def steps_to_midnight(forecast: Forecast) -> int:
    """Steps until the next local midnight, or all of the forecast."""
    day = forecast.grid.local.day.to_numpy()
    changes = np.flatnonzero(day != day[0])
    return int(changes[0]) if len(changes) else len(day)
