"""The MPC knows what is left of the batteries, and its model is no larger for it."""

import numpy as np
import pytest

from recosim.controllers.blocks.block import PlannedValues
from recosim.controllers.forecast_spread import probabilities
from recosim.controllers.horizon import Horizon
from recosim.controllers.solver import Guards, LiveSolver
from recosim.controllers.stochastic import StochasticModel
from recosim.simulators.batteries import STATE_OF_HEALTH
from recosim.simulators.physics.battery_ageing import aged

AGEING = tuple(f"community.dwellings[{i}].battery.ageing=lfp" for i in (2, 3, 5, 8))
GRID = tuple(f"community.dwellings[{i}].battery.grid_charging=true" for i in (2, 3, 5, 8))
START = "2025-07-14"
EXACT = Guards(gap_relative=1e-9, branch_limit=100_000)


def most_kwh(battery, health):
    return health * battery.state_max * battery.capacity_kwh


def test_the_model_is_no_larger_and_without_ageing_it_is_the_same(model_of):
    ageing, plain = (model_of("naples", START, *given).compiled for given in (AGEING, ()))
    assert (ageing.n_columns, ageing.n_rows) == (plain.n_columns, plain.n_rows)
    assert "battery.given.energy_max_kwh" in ageing.parameters
    assert "battery.given.energy_max_kwh" not in plain.parameters


def test_new_batteries_that_age_are_planned_as_those_that_do_not(scene, model_of):
    numbers = []
    for given in (AGEING, ()):
        here, model = scene("naples", START, *given), model_of("naples", START, *given)
        observation = here.observation(48, np.random.default_rng(1), **{STATE_OF_HEALTH: np.ones(4)})
        numbers.append(model.compiled.evaluate(model.given(observation, here.forecast(48)).copy()))
    for name in ("cost", "column_lower", "column_upper", "row_lower", "row_upper", "moving"):
        np.testing.assert_array_equal(getattr(numbers[0], name), getattr(numbers[1], name))


@pytest.mark.parametrize("kind", [(), GRID])
@pytest.mark.parametrize("step", [36, 41])
def test_plans_stay_within_what_is_left(scene, model_of, kind, step):
    here, model = scene("naples", START, *AGEING, *kind), model_of("naples", START, *AGEING, *kind)
    battery = here.plant.community.devices["battery"].parameters
    health = np.array([1.0, 0.9, 0.7, 0.5])
    limit = most_kwh(battery, health)
    rng = np.random.default_rng(2)
    energy = np.array([1.0, 1.0, 1.0, limit[3] + 0.8])  # the last one holds more than it should
    observation = here.observation(step, rng, **{STATE_OF_HEALTH: health, "energy_battery_kwh": energy})
    parameters = model.given(observation, here.forecast(step)).copy()
    solution = LiveSolver(model.compiled, EXACT).solve(model.compiled.evaluate(parameters))
    assert solution.status == "optimal"
    plan = PlannedValues(columns=model.compiled.columns, values=solution.values)
    planned = plan("battery.energy_battery_kwh", model.horizon.n_slots, 4)
    assert (planned[:, :3] <= limit[:3] + 1e-6).all()
    assert (planned <= np.maximum(limit, energy) + 1e-6).all()
    # a sunny day fills whatever there is, and no more
    np.testing.assert_allclose(planned.max(axis=0)[:3], limit[:3], atol=1e-6)
    charge = plan("battery.power_charge_kw", 4, model.horizon.n_slots)
    assert (charge[3][np.r_[energy[3], planned[:-1, 3]] > limit[3] + 1e-6] <= 1e-6).all()


@pytest.mark.parametrize("objective", ["net_cost", "shared_revenue"])
def test_plans_for_two_futures_stay_within_what_is_left(scene, objective):
    here = scene("naples", START, *AGEING, "community.size=4")
    community = here.plant.community
    battery, health = community.devices["battery"].parameters, np.array([0.8, 0.6])
    model = StochasticModel(
        community,
        Horizon.named("multirate"),
        community.sharing.rates(community.grid.times[:1], np.zeros(1)),
        n_pv=2,
        n_load=1,
        uncertainty="high",
        probabilities=probabilities(2, 1),
        cvar_weight=0.0,
        cvar_level=0.8,
        objective=objective,
    )
    limit = most_kwh(battery, health)
    energy = np.array([1.0, limit[1] + 0.5])
    states = {STATE_OF_HEALTH: health, "energy_battery_kwh": energy}
    observation = here.observation(37, np.random.default_rng(5), **states)
    program = model.compiled.evaluate(model.given(observation, here.forecast(37)))
    solution = LiveSolver(model.compiled, Guards()).solve(program)
    assert solution.usable
    for future in range(2):
        plan = PlannedValues(
            columns=model.compiled.columns, values=solution.values, prefix=f"future[{future}]."
        )
        planned = plan("battery.energy_battery_kwh", model.horizon.n_slots, 2)
        assert (planned <= np.maximum(limit, energy) + 1e-6).all()
        assert planned[:, 0].max() > 0.9 * limit[0]


def test_a_plan_with_aged_batteries_is_what_pyomo_finds(scene, model_of, pyomo_optimum):
    here = scene("naples", START, *AGEING, "community.size=3")
    model = model_of("naples", START, *AGEING, "community.size=3")
    batteries = here.plant.community.devices["battery"]
    rng = np.random.default_rng(3)
    for step in (33, 50):
        health = rng.uniform(0.6, 1.0, len(batteries))
        observation = here.observation(step, rng, **{STATE_OF_HEALTH: health})
        parameters = model.given(observation, here.forecast(step)).copy()
        solution = LiveSolver(model.compiled, EXACT).solve(model.compiled.evaluate(parameters))
        expected = pyomo_optimum(model, parameters)
        assert solution.objective == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_plant_takes_what_is_planned(scene, model_of):
    """The limit of the plan is the limit of the plant: the same function of the same health."""
    here, model = scene("naples", START, *AGEING), model_of("naples", START, *AGEING)
    battery = here.plant.community.devices["battery"].parameters
    health = np.array([1.0, 0.9, 0.7, 0.5])
    observation = here.observation(40, np.random.default_rng(4), **{STATE_OF_HEALTH: health})
    place = model.compiled.parameters["battery.given.energy_max_kwh"]
    given = model.given(observation, here.forecast(40))[place].reshape(-1, 4)
    present = aged(battery, health)
    above = np.maximum(present.state_max * present.capacity_kwh, observation["energy_battery_kwh"])
    assert (given <= above + 1e-12).all()
    assert (given >= present.state_max * present.capacity_kwh).all()
