"""Hot water in the optimisation: against the plant, against Pyomo's own solver, and what a plan does."""

import numpy as np
import pytest

from recosim.controllers.blocks.block import PlannedValues
from recosim.controllers.blocks.water_heater import MARGIN_K
from recosim.controllers.solver import Guards, LiveSolver
from recosim.controllers.stochastic import StochasticMpc
from recosim.errors import ControllerError
from recosim.simulators.group import GROUP, GROUP_MODEL
from recosim.simulators.physics.hot_water import heat_per_power
from recosim.simulators.water_heaters import WaterHeaters

BOILERS = tuple(f"community.dwellings[{i}].hot_water={{volume_l: 120}}" for i in (0, 2, 4))
HEAT_PUMPS = tuple(
    f"community.dwellings[{i}].hot_water={{kind: heat_pump, volume_l: 150, power_kw: 0.6}}" for i in (0, 2)
)


def planned(scene, model, step, rng, **states):
    observation = scene.observation(step, rng, **states)
    window = model.window(observation, scene.forecast(step))
    solution = LiveSolver(model.compiled, Guards()).solve(model.compiled.evaluate(model.parameters(window)))
    assert solution.usable
    return observation, window, PlannedValues(columns=model.compiled.columns, values=solution.values)


@pytest.mark.parametrize("heaters", [BOILERS, HEAT_PUMPS], ids=["boilers", "heat pumps"])
def test_plan_and_plant_agree_over_a_step(scene, model_of, heaters):
    here, model = scene("naples", "2025-01-14", *heaters), model_of("naples", "2025-01-14", *heaters)
    plant = here.plant
    devices = plant.community.devices["water_heater"]
    rng = np.random.default_rng(7)
    n, heated = len(devices), 0
    for step in rng.integers(0, 190, 12):
        step = int(step)
        # warm enough for any draw of a quarter-hour, and cool enough for the element at full power
        start = rng.uniform(54.0, 59.0, n)
        observation, window, plan = planned(here, model, step, rng, temp_tank_degc=start)
        slot = window.spare
        n_slots = model.horizon.n_slots
        power = plan("water_heater.power_water_heating_kw", n, n_slots)[:, slot]
        expected = plan("water_heater.temp_tank_degc", n_slots, n)[slot]
        asked = model.blocks["water_heater"].ask(plan)["power_water_heating_kw"][:, slot]
        simulator = WaterHeaters()
        simulator.init("water-0", grid=plant.series.grid, names=devices.names, devices=devices)
        simulator.create(1, GROUP_MODEL)
        simulator.temp, simulator._since = start, np.zeros(n)
        row = plant.series.n_warmup + step
        inputs = {
            "setpoint_power_water_heating_kw": asked,
            "heat_hot_water_kw": plant.series.heat_hot_water_kw[row],
            "temp_outdoor_degc": plant.series.temp_outdoor_degc[row],
        }
        simulator.step(900 * row, {GROUP: {name: {"x": value} for name, value in inputs.items()}}, 0)
        if simulator.out["temp_tank_degc"].min() < 40.0:
            continue  # below, the plan is on the safe side (see the next test)
        heated += int((power > 0.01).any())
        np.testing.assert_allclose(simulator.out["power_water_heating_kw"], power, atol=1e-9)
        np.testing.assert_allclose(simulator.out["temp_tank_degc"], expected, atol=1e-9)
    assert heated >= 3


@pytest.mark.parametrize("heaters", [BOILERS, HEAT_PUMPS], ids=["boilers", "heat pumps"])
def test_the_optimum_is_pyomos(scene, model_of, pyomo_optimum, heaters):
    overrides = ("community.size=3", *heaters[:2])
    here, model = scene("naples", "2025-04-14", *overrides), model_of("naples", "2025-04-14", *overrides)
    live = LiveSolver(model.compiled, Guards(gap_relative=1e-9, branch_limit=100_000))
    rng = np.random.default_rng(2)
    for step in (1, 50, 150):
        parameters = model.parameters(model.window(here.observation(step, rng), here.forecast(step))).copy()
        solution = live.solve(model.compiled.evaluate(parameters))
        assert solution.usable
        expected = pyomo_optimum(model, parameters)
        assert solution.objective == pytest.approx(expected, abs=1e-6 * max(1.0, abs(expected)))


def test_a_plan_stays_warm_and_below_the_protection(scene, model_of):
    here, model = scene("naples", "2025-01-14", *BOILERS), model_of("naples", "2025-01-14", *BOILERS)
    devices = here.plant.community.devices["water_heater"]
    rng = np.random.default_rng(3)
    _, _, plan = planned(here, model, 0, rng, temp_tank_degc=np.full(len(devices), 60.0))
    temps = plan("water_heater.temp_tank_degc", model.horizon.n_slots, len(devices))
    assert temps.max() <= 65.0 + 1e-6
    assert np.mean(temps >= 40.0 + MARGIN_K - 1e-6) > 0.95


def test_a_cold_tank_leaves_a_plan_possible(scene, model_of):
    here, model = scene("naples", "2025-01-14", *BOILERS), model_of("naples", "2025-01-14", *BOILERS)
    cold = np.array([12.0, 39.0, 65.0])
    rng = np.random.default_rng(4)
    for step in (0, 27):
        _, window, plan = planned(here, model, step, rng, temp_tank_degc=cold)
        power = plan("water_heater.power_water_heating_kw", 3, model.horizon.n_slots)
        assert power[0, window.spare] == pytest.approx(1.2), "comfort first"


def test_without_heaters_the_model_is_what_it_was(scene, model_of):
    model = model_of("naples", "2025-01-14")
    assert "water_heater" not in model.blocks
    assert not any("water" in name for name in model.compiled.columns)
    here = scene("naples", "2025-01-14")
    assert here.forecast(0).heat_hot_water_kw.shape == (here.forecast(0).grid.n_steps, 0)


@pytest.mark.parametrize("kind", ["persistence", "medium"])
def test_forecasts_err_as_the_load_of_the_home_does(scene, kind):
    here = scene("naples", "2025-01-14", *BOILERS)
    devices = here.plant.community.devices["water_heater"]
    told, true = here.expecting(kind).forecast(100), here.forecast(100)
    if kind == "persistence":
        np.testing.assert_array_equal(told.heat_hot_water_kw[:90], here.forecast(4).heat_hot_water_kw[:90])
    else:
        share = told.power_load_kw / np.maximum(true.power_load_kw, 1e-12)
        np.testing.assert_allclose(
            told.heat_hot_water_kw, true.heat_hot_water_kw * share[:, devices.node], rtol=1e-9
        )
        assert (told.heat_hot_water_kw != true.heat_hot_water_kw).any()


def test_heat_pump_value_is_less_than_a_boilers(scene, model_of):
    both = (BOILERS[0], "community.dwellings[2].hot_water={kind: heat_pump, volume_l: 120}")
    here, model = scene("naples", "2025-01-14", *both), model_of("naples", "2025-01-14", *both)
    heater = here.plant.community.devices["water_heater"].parameters
    window = model.window(here.observation(0, np.random.default_rng(1)), here.forecast(0))
    value = model.blocks["water_heater"].give(window)["value_eur_per_k"]
    outdoor = window.forecast.temp_outdoor_degc.mean()
    prices = window.price_mean[[0, 2]]
    efficiency = heat_per_power(heater, outdoor, 55.0)
    assert efficiency[1] > 1.5
    np.testing.assert_allclose(value, 120 * 1.163e-3 * prices / efficiency)


def test_the_papers_objective_refuses_hot_water(scene):
    here = scene("naples", "2025-01-14", *BOILERS)
    with pytest.raises(ControllerError, match=r"shared_revenue.*hot water \(flat-01-hot-water\)"):
        StochasticMpc(objective="shared_revenue").reset(here.plant.community, 1)
