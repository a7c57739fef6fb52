"""Community-wide model predictive control with a rolling horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints, SharedTranche
from recosim.controllers.appliance_starts import ApplianceStarts
from recosim.controllers.community_model import CommunityModel, OptimisationModel
from recosim.controllers.horizon import Horizon
from recosim.controllers.left_alone import LeftAlone
from recosim.controllers.linear_program import LinearProgram
from recosim.controllers.solver import Guards, LiveSolver, Solution
from recosim.errors import ControllerError
from recosim.timegrid import SECONDS_PER_DAY

RESTART_EVERY_S = SECONDS_PER_DAY
"""Time after which the solver starts afresh: what follows then depends on states alone [s]."""


def is_number(value: object, whole: bool = False) -> bool:
    """Whether an option is a number; true and false are none."""
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The last plan that was solved: each control over the slots, and the hour it begins with.

    Parameters
    ----------
    begins : int
        POSIX time of the first slot [s].
    asked : mapping of str to array, shape (n_devices, n_slots)
    """

    begins: int
    asked: Mapping[str, FloatArray]


class Mpc:
    """Re-optimises air conditioning, hot water, cars and storage of the community at every step.

    Parameters
    ----------
    horizon : {"multirate", "uniform"} or list of int
        Named horizon, or steps per slot (see `Horizon`).
    iteration_limit : int
        Simplex iterations per decision, dive included, and again for each link of the fallback chain;
        repeatable.
    branch_limit : int
        Branch-and-bound nodes per decision, repeatable; they count no iterations. With 0 a plan comes from a
        dive: its distance to the bound is recorded, and proving it smaller was measured to change J by less
        than 0.02 % of bills.
    gap_relative : float
        Accepted distance between plan and bound, relative to the objective.
    time_limit_ms : float or None
        Wall-clock limit per linear programme; makes runs unrepeatable [ms].
    controls : list of {"hvac", "battery"}, optional
        What it decides; the rest is left to the devices' own rules, which are foreseen. Left out: everything.

    Notes
    -----
    Cycles of washing machines, dishwashers and dryers are placed before each solve (`ApplianceStarts`) and
    are load to the linear programme.

    When a solve fails, these are tried in turn: a fresh solve with presolve, the interior-point method, the
    last plan's continuation, the devices' own rules. `record` says which one decided.
    """

    def __init__(
        self,
        horizon: str | Sequence[int] = "multirate",
        iteration_limit: int = 200_000,
        branch_limit: int = 0,
        gap_relative: float = 1e-4,
        time_limit_ms: float | None = None,
        controls: Sequence[str] | None = None,
    ) -> None:
        self._left = None if controls is None else LeftAlone(controls, "mpc")
        for name, value, least in (
            ("iteration_limit", iteration_limit, 1),
            ("branch_limit", branch_limit, 0),
            ("gap_relative", gap_relative, 0.0),
            ("time_limit_ms", 1.0 if time_limit_ms is None else time_limit_ms, 0.0),
        ):
            whole = isinstance(least, int)
            if not is_number(value, whole) or not value >= least:
                kind = "whole numbers" if whole else "numbers"
                raise ControllerError(f"mpc.{name} = {value!r}, allowed: {kind}, {least} or more")
        self._horizon = horizon
        self._guards = Guards(
            iteration_limit=iteration_limit,
            branch_limit=branch_limit,
            gap_relative=gap_relative,
            time_limit_ms=time_limit_ms,
        )
        self.record: dict[str, float | int | str] = {}
        self._horizon_on(4)  # says at once what is wrong with a horizon

    @property
    def horizon_steps(self) -> int:
        """Steps of forecast that a decision needs."""
        return self._horizon_on(4).n_steps

    def _horizon_on(self, steps_per_hour: int) -> Horizon:
        horizon = self._horizon
        if isinstance(horizon, str):
            return Horizon.named(horizon, steps_per_hour)
        if not isinstance(horizon, Sequence) or not all(is_number(n, True) for n in horizon):
            raise ControllerError(
                f"horizon = {horizon!r}, allowed: multirate, uniform, or a list of whole block lengths"
            )
        made = Horizon(tuple(int(length) for length in horizon), steps_per_hour)
        if any(length > 1 for length in made.lengths[:steps_per_hour]):
            raise ControllerError(
                f"horizon = {list(horizon)}, allowed: {steps_per_hour} single steps first, of which "
                "one is decided"
            )
        return made

    def reset(self, community: Community, seed: int) -> None:
        """Build and compile the model; once per run."""
        if self._left is not None:
            community = self._left.reset(community)
        grid = community.grid
        now: FloatArray = np.zeros(1)
        tranches = community.sharing.rates(grid.times[:1], now)
        self._model = self._make_model(community, self._horizon_on(grid.steps_per_hour), tranches)
        self._solver = LiveSolver(self._model.compiled, self._guards)
        self._step_s = grid.step_s
        self._plan: Plan | None = None
        machines = len(community.devices.get("appliance", ()))
        self._starts = ApplianceStarts(community) if machines else None

    def _make_model(
        self, community: Community, horizon: Horizon, tranches: tuple[SharedTranche, ...]
    ) -> OptimisationModel:
        return CommunityModel(community, horizon, tranches)

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Solve the horizon and ask for its first step; cycles of appliances are placed before."""
        if self._left is not None:
            forecast = self._left.foreseen(observation, forecast)
        if self._starts is None:
            return self._decide(observation, forecast)
        planned = self._starts.plan(observation, forecast)
        expected = replace(forecast, power_load_kw=forecast.power_load_kw + planned.power_kw)
        asked = self._decide(observation, expected)
        return Setpoints(**{name: asked[name] for name in asked}, cycle_start=planned.cycle_start)

    def _starts_afresh(self, observation: Observation) -> bool:
        """Whether nothing of earlier steps may bear on this one, once a day."""
        return observation.step * self._step_s % RESTART_EVERY_S == 0

    def _decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        if self._starts_afresh(observation):
            self._model.reset()
            self._solver.restart()
        spare = (observation.time // self._step_s) % self._model.horizon.steps_per_hour
        parameters = self._model.given(observation, forecast)
        if not np.isfinite(parameters).all():
            self._solver.restart()
            self._model.reset()
            names = [
                n for n, s in self._model.compiled.parameters.items() if not np.isfinite(parameters[s]).all()
            ]
            return self._without_solution(observation.time, f"not finite: {', '.join(names)}")
        program = self._model.compiled.evaluate(parameters)
        solution, fallback, reason = self._solve(program)
        if not solution.usable:
            return self._without_solution(observation.time, solution.status)
        begins = observation.time - spare * self._step_s
        asked = self._model.ask(solution.values)
        self._plan = Plan(begins=begins, asked=asked if self._left is None else self._left.asked(asked))
        self.record = {
            "status": solution.status,
            "fallback": fallback,
            "reason": reason,
            "iterations": solution.iterations,
            "branches": solution.branches,
            "objective_eur": solution.objective,
            "bound_eur": solution.bound,
            "solver_ms": solution.solver_ms,
        }
        return self._asked(self._plan, spare)

    def _solve(self, program: LinearProgram) -> tuple[Solution, str, str]:
        """Warm, then afresh with presolve, then by interior point: which one, and why not before."""
        solution = self._solver.solve(program)
        if solution.usable:
            return solution, "", ""
        for method in ("simplex", "ipm"):
            again = self._solver.solve_afresh(program, method)
            if again.usable:
                return again, f"afresh {method}", solution.status
        self._solver.restart()
        return solution, "", ""

    def _without_solution(self, time: int, status: str) -> Setpoints:
        """The last plan's continuation, or the devices' own rules where it has ended."""
        self.record = {
            "status": status,
            "fallback": "local rules",
            "reason": status,
            "iterations": 0,
            "branches": 0,
            "objective_eur": np.nan,
            "bound_eur": np.nan,
            "solver_ms": 0.0,
        }
        if self._plan is None:
            return Setpoints()
        elapsed = (time - self._plan.begins) // self._step_s
        horizon = self._model.horizon
        if elapsed >= horizon.n_steps:
            return Setpoints()
        self.record["fallback"] = "last plan"
        return self._asked(self._plan, int(np.searchsorted(horizon.starts, elapsed, side="right")) - 1)

    def get_state(self) -> dict[str, NDArray[Any]]:
        """The last plan; the solver itself starts afresh every day."""
        if self._plan is None:
            return {}
        return {"begins": np.array(self._plan.begins), **self._plan.asked}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `get_state`, after `reset` and at the start of a day."""
        if not state:
            return
        asked = {name: values for name, values in state.items() if name != "begins"}
        self._plan = Plan(begins=int(state["begins"]), asked=asked)

    def _asked(self, plan: Plan, slot: int) -> Setpoints:
        return Setpoints(**{control: asked[:, slot] for control, asked in plan.asked.items()})
