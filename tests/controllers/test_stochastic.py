"""The stochastic controller: one future is the deterministic problem, the first hour is common to all."""

from dataclasses import replace

import numpy as np
import pytest

from recosim.controllers.blocks.shared_revenue import _Given
from recosim.controllers.forecast_spread import spread
from recosim.controllers.horizon import Horizon
from recosim.controllers.linear_program import violated
from recosim.controllers.registry import make_controller
from recosim.controllers.solver import Guards, LiveSolver
from recosim.controllers.stochastic import DECISIONS, StochasticModel
from recosim.errors import ControllerError

JULY = ("naples", "2025-07-14", "community.size=4")
STEP = 37  # a quarter past nine: one spare slot
MORE = ("community.dwellings[0].hot_water={}", "community.dwellings[1].car={}")


def stochastic(scene, *, n_pv=3, n_load=1, cvar_weight=0.0, objective="net_cost"):
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
        objective=objective,
    )


def relaxed(compiled, parameters):
    """Optimum of the linear programme without exclusive pairs."""
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
    here, rng = scene(*JULY, *MORE), np.random.default_rng(2)
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


LIMITS = tuple(f"revenue.{name}" for name in ("bill_excess_eur", "colder_k", "warmer_k"))
"""By how much the limits of the Naples objective are missed."""


def solved(model, parameters, cost_of=None):
    """Plan that keeps all pairs; with ``cost_of``, at the costs of another model but within all limits."""
    program = model.compiled.evaluate(parameters)
    if cost_of is not None:
        other, given = cost_of
        cost, numbers = np.zeros(model.compiled.n_columns), other.compiled.evaluate(given)
        for name, columns in other.compiled.columns.items():
            cost[model.compiled.columns[name]] = numbers.cost[columns]
        upper = program.column_upper.copy()
        upper[np.concatenate([model.compiled.columns[name] for name in LIMITS])] = 0.0
        program = replace(program, cost=cost, offset=numbers.offset, column_upper=upper)
    solution = LiveSolver(model.compiled, Guards(branch_limit=5)).solve(program)
    assert solution.usable
    assert not violated(model.compiled.exclusive, solution.values, 1e-6).any()
    return solution


def plan_of(model, solution, name, *shape):
    """Planned values of a component in all futures, shape (3, ...)."""
    return np.stack(
        [solution.values[model.compiled.columns[f"future[{s}].{name}"]].reshape(shape) for s in range(3)]
    )


def revenue_eur(model, solution, parameters):
    """What a plan expects from sharing: the hourly minimum of injection and withdrawal, by hand."""
    from recosim.controllers.forecast_spread import probabilities

    compiled, total = model.compiled, 0.0
    for s, probability in enumerate(probabilities(3, 1)):
        shared = solution.values[compiled.columns[f"future[{s}].sharing.energy_shared_kwh"]]
        rate = parameters[compiled.parameters[f"future[{s}].sharing.given.rate"]]
        total += float(probability * (rate @ shared))
    return total


@pytest.mark.parametrize("start", ["2025-07-14", "2025-01-13"])
def test_the_naples_objective_earns_more_from_sharing_within_the_same_bills(scene, start):
    here, rng = scene("naples", start, "community.size=4"), np.random.default_rng(5)
    observation, forecast = here.observation(STEP, rng), here.forecast(STEP)
    paper, plain = stochastic(here, objective="shared_revenue"), stochastic(here)
    given, net_given = paper.given(observation, forecast), plain.given(observation, forecast)
    best = solved(paper, given)
    thrifty = solved(paper, given, cost_of=(plain, net_given))  # net cost under the paper's limits
    assert revenue_eur(paper, best, given) > revenue_eur(paper, thrifty, given)
    net = paper.compiled.evaluate(given).cost
    assert best.objective <= float(net @ thrifty.values) + paper.compiled.evaluate(given).offset + 1e-9


def test_no_expected_bill_exceeds_what_thermostats_would_cost(scene):
    here, rng = scene(*JULY), np.random.default_rng(6)
    observation, forecast = here.observation(STEP, rng), here.forecast(STEP)
    model = stochastic(here, objective="shared_revenue")
    parameters = model.given(observation, forecast)
    solution = solved(model, parameters)
    at = model.compiled.columns["revenue.bill_excess_eur"]
    assert solution.values[at] == pytest.approx(np.zeros(len(at)), abs=1e-7)
    # the bill by hand for the consumers, whose known load stands on neither side
    community, horizon = here.plant.community, model.horizon
    consumers = [p for p in range(4) if not (community.devices["photovoltaics"].node == p).any()]
    assert consumers
    cooling = plan_of(model, solution, "dwelling.power_cooling_kw", 4, horizon.n_slots)
    limit = parameters[model.compiled.parameters["revenue.given.bill_max_eur"]]
    spare = observation.time // 900 % 4
    prices = horizon.slot_means(horizon.window(forecast.price_buy_eur_per_kwh, spare))
    nodes = community.devices["dwelling"].node
    for d, p in enumerate(nodes):
        if p in consumers:
            bills = [float((prices[:, p] * horizon.hours) @ plan[d]) for plan in cooling]
            # two-hour slots: the mean price stands for the hours in them
            assert np.array([1 / 6, 2 / 3, 1 / 6]) @ bills <= limit[p] * (1.0 + 1e-6)
            assert limit[p] > 0.0


def test_without_control_the_dwelling_stays_at_the_edge_of_its_band(scene):
    """The baseline obeys the model: fixed to its powers, the plan has its temperatures and its bill."""
    here, rng = scene(*JULY), np.random.default_rng(7)
    observation, forecast = here.observation(STEP, rng), here.forecast(STEP)
    model = stochastic(here, objective="shared_revenue")
    parameters = model.given(observation, forecast)
    compiled, program = model.compiled, model.compiled.evaluate(parameters)
    power, temp_end = model._revenue._thermostat(_Given(compiled, parameters, 3))
    lower, upper = program.column_lower.copy(), program.column_upper.copy()
    for s in range(3):
        columns = compiled.columns[f"future[{s}].dwelling.power_cooling_kw"].reshape(4, -1)
        later = slice(7, None)  # the first hour is common to all futures
        lower[columns[:, later]] = upper[columns[:, later]] = power[s].T[:, later]
        lower[columns[:, :7]] = upper[columns[:, :7]] = power[1].T[:, :7]
    held = LiveSolver(replace(compiled, exclusive=np.zeros((0, 2), dtype=np.int64))).solve(
        replace(program, column_lower=lower, column_upper=upper)
    )
    assert held.usable
    n_slots = model.horizon.n_slots
    temp = plan_of(model, held, "dwelling.temp", 2, n_slots, 4)[1]  # the future whose powers all are
    assert temp[:, -1] == pytest.approx(temp_end[1], abs=1e-6)
    network = here.plant.community.devices["dwelling"].parameters.network
    operative = network.operative_air * temp[0] + network.operative_mass * temp[1]
    highest = parameters[compiled.parameters["future[1].dwelling.given.temp_max_degc"]].reshape(n_slots, 4)
    most = parameters[compiled.parameters["future[1].dwelling.given.cooling_max_kw"]].reshape(n_slots, 4)
    runs = power[1] > 1e-6
    partly = runs & (power[1] < most - 1e-6)
    assert partly.any()
    assert operative[partly] == pytest.approx(highest[partly], abs=1e-6)
    assert (operative[~runs] <= highest[~runs] + 1e-6).all()


def test_options_are_checked():
    for options, what in (
        ({"n_pv": 0}, "n_pv = 0"),
        ({"n_load": 99}, "n_load = 99"),
        ({"uncertainty": "huge"}, "uncertainty = 'huge'"),
        ({"objective": "profit"}, "objective = 'profit', allowed: net_cost, shared_revenue"),
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
