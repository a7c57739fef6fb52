"""The stochastic controller: one future is the deterministic problem, the first hour is common to all."""

import numpy as np
import pytest

from recosim.controllers.forecast_spread import spread
from recosim.controllers.horizon import Horizon
from recosim.controllers.registry import make_controller
from recosim.controllers.solver import LiveSolver
from recosim.controllers.stochastic import DECISIONS, StochasticModel
from recosim.errors import ControllerError

JULY = ("naples", "2025-07-14", "community.size=4")
STEP = 37  # a quarter past nine: one spare slot


def stochastic(scene, *, n_pv=3, n_load=1, cvar_weight=0.0):
    from recosim.controllers.forecast_spread import probabilities

    community = scene.plant.community
    return StochasticModel(
        community,
        Horizon.named("multirate"),
        community.sharing.rates(community.grid.times[:1], np.zeros(1)),
        n_pv=n_pv,
        n_load=n_load,
        uncertainty="high",
        probabilities=probabilities(n_pv, n_load),
        cvar_weight=cvar_weight,
        cvar_level=0.8,
    )


def relaxed(compiled, parameters):
    """Optimum of the linear programme without exclusive pairs."""
    from dataclasses import replace

    free = replace(compiled, exclusive=np.zeros((0, 2), dtype=np.int64))
    return LiveSolver(free).solve(compiled.evaluate(parameters))


def test_one_future_is_the_deterministic_problem(scene, model_of):
    here, rng = scene(*JULY), np.random.default_rng(1)
    observation, forecast = here.observation(STEP, rng), here.forecast(STEP)
    single = stochastic(here, n_pv=1)
    plain = model_of(*JULY)
    one = relaxed(single.compiled, single.given(observation, forecast))
    other = relaxed(plain.compiled, plain.given(observation, forecast))
    assert one.objective == pytest.approx(other.objective, rel=1e-9)


def test_the_first_hour_is_decided_once_and_later_ones_differ(scene):
    here, rng = scene(*JULY), np.random.default_rng(2)
    model = stochastic(here)
    solution = relaxed(model.compiled, model.given(here.observation(STEP, rng), here.forecast(STEP)))
    assert solution.usable
    n_slots = model.horizon.n_slots
    differs = False
    for name in DECISIONS:
        plans = [
            solution.values[model.compiled.columns[f"future[{s}].{name}"]].reshape(-1, n_slots)
            for s in range(3)
        ]
        for plan in plans[1:]:
            # an hour from any step of the present hour: seven quarters
            assert np.array_equal(plan[:, :7], plans[0][:, :7])
            differs |= not np.allclose(plan, plans[0], atol=1e-3)
    assert differs


def test_expected_cost_lies_above_what_each_future_could_have_alone(scene, model_of):
    here, rng = scene(*JULY), np.random.default_rng(3)
    observation, forecast = here.observation(STEP, rng), here.forecast(STEP)
    model, plain = stochastic(here), model_of(*JULY)
    together = relaxed(model.compiled, model.given(observation, forecast)).objective
    futures = spread(forecast, here.plant.community, n_pv=3, n_load=1, kind="high")
    alone = [
        relaxed(plain.compiled, plain.given(observation, member).copy()).objective
        for member in futures.members
    ]
    assert together >= float(futures.probabilities @ alone) - 1e-7


def test_risk_raises_the_objective_and_never_lowers_the_tail(scene):
    here, rng = scene(*JULY), np.random.default_rng(4)
    observation, forecast = here.observation(STEP, rng), here.forecast(STEP)
    neutral, averse = stochastic(here), stochastic(here, cvar_weight=1.0)
    expected = relaxed(neutral.compiled, neutral.given(observation, forecast)).objective
    at_risk = relaxed(averse.compiled, averse.given(observation, forecast)).objective
    assert at_risk > expected


def test_options_are_checked():
    for options, what in (
        ({"n_pv": 0}, "n_pv = 0"),
        ({"n_load": 99}, "n_load = 99"),
        ({"uncertainty": "huge"}, "uncertainty = 'huge'"),
        ({"cvar_level": 1.0}, "cvar_level = 1.0"),
        ({"horizon": "weekly"}, "horizon = 'weekly'"),
    ):
        with pytest.raises(ControllerError, match=what):
            make_controller("mpc-stochastic", options)


@pytest.mark.slow
def test_a_day_in_closed_loop_has_no_failures(tmp_path):
    from recosim.scenarios.loader import load_scenario
    from recosim.scenarios.runner import run_scenario

    scenario = load_scenario(
        "naples", ["period.start=2025-07-15", "period.days=1", "forecast=medium", "controller.n_load=1"]
    )
    kpis = run_scenario(scenario, controller="mpc-stochastic", out=tmp_path / "run.h5").kpis
    assert kpis["solve_failures"] == 0
    assert kpis["balance_residual_kwh"] < 1e-6
