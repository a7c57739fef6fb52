"""Cars in the optimisation: against the plant, against Pyomo's own solver, and what a plan does."""

import numpy as np
import pytest

from recosim.controllers.blocks.block import PlannedValues
from recosim.controllers.solver import Guards, LiveSolver
from recosim.controllers.stochastic import StochasticMpc
from recosim.errors import ControllerError
from recosim.simulators.cars import Cars
from recosim.simulators.group import GROUP, GROUP_MODEL

CARS = (
    "community.dwellings[0].car={}",
    "community.dwellings[2].car={power_kw: 7.4, efficiency_charge: 0.85}",
    "community.dwellings[4].car={departure_h: 8, arrival_h: 17, capacity_kwh: 20, distance_weekday_km: 60}",
)
HERE = ("naples", "2025-01-14", *CARS)


def planned(scene, model, step, rng, **states):
    observation = scene.observation(step, rng, **states)
    window = model.window(observation, scene.forecast(step))
    solution = LiveSolver(model.compiled, Guards()).solve(model.compiled.evaluate(model.parameters(window)))
    assert solution.usable
    return observation, window, PlannedValues(columns=model.compiled.columns, values=solution.values)


def stepped(plant, row, energy, asked):
    """One step of the plant's own cars."""
    devices, series = plant.community.devices["car"], plant.series
    simulator = Cars()
    simulator.init("car-0", grid=series.grid, names=devices.names, devices=devices, trips=series.trips)
    simulator.create(1, GROUP_MODEL)
    simulator.energy_kwh = np.array(energy)
    simulator.step(900 * row, {GROUP: {"setpoint_power_car_kw": {"x": asked}}}, 0)
    return simulator.out


@pytest.mark.parametrize("empty", [False, True], ids=["with energy", "nearly empty"])
def test_plan_and_plant_agree_over_a_step(scene, model_of, empty):
    here, model = scene(*HERE), model_of(*HERE)
    rng = np.random.default_rng(8)
    n, n_slots, charged, away = 3, model.horizon.n_slots, 0, 0
    for step in (*rng.integers(0, 190, 14), 40, 41, 42):
        step = int(step)
        states = {"energy_car_battery_kwh": rng.uniform(0.0, 0.5, n)} if empty else {}
        observation, window, plan = planned(here, model, step, rng, **states)
        slot = window.spare
        power = plan("car.power_car_kw", n, n_slots)[:, slot]
        expected = plan("car.energy_car_battery_kwh", n_slots, n)[slot]
        asked = model.blocks["car"].ask(plan)["power_car_kw"][:, slot]
        row = here.plant.series.n_warmup + step
        out = stepped(here.plant, row, observation["energy_car_battery_kwh"], asked)
        charged += int((power > 0.01).any())
        away += int((out["power_driving_kw"] > 0.0).any())
        np.testing.assert_allclose(out["power_car_kw"], power, atol=1e-7)
        np.testing.assert_allclose(out["energy_car_battery_kwh"], expected, atol=1e-7)
        if empty:
            box = here.plant.series.trips
            np.testing.assert_allclose(power, np.where(box.plugged[row], box.car.power_max_kw, 0.0))
    assert charged >= 5
    assert away >= 2


def test_the_optimum_is_pyomos(scene, model_of, pyomo_optimum):
    key = ("naples", "2025-04-14", "community.size=3", *CARS[:2])
    here, model = scene(*key), model_of(*key)
    live = LiveSolver(model.compiled, Guards(gap_relative=1e-9, branch_limit=100_000))
    rng = np.random.default_rng(2)
    for step in (1, 50, 150):
        parameters = model.parameters(model.window(here.observation(step, rng), here.forecast(step))).copy()
        solution = live.solve(model.compiled.evaluate(parameters))
        assert solution.usable
        expected = pyomo_optimum(model, parameters)
        assert solution.objective == pytest.approx(expected, abs=1e-6 * max(1.0, abs(expected)))


def test_a_plan_leaves_with_enough_and_never_charges_who_is_away(scene, model_of):
    here, model = scene(*HERE), model_of(*HERE)
    series, rng = here.plant.series, np.random.default_rng(3)
    for step in (0, 30, 66):
        least = series.trips.least_kwh[step]
        _, window, plan = planned(here, model, step, rng, energy_car_battery_kwh=least + 0.01)
        n_slots = model.horizon.n_slots
        power = plan("car.power_car_kw", 3, n_slots).T
        energy = plan("car.energy_car_battery_kwh", n_slots, 3)
        ends = step + model.horizon.starts + np.array(model.horizon.lengths) - window.spare
        assert plan("car.energy_short_kwh", 3, n_slots).max() < 1e-6
        assert (energy >= series.trips.least_kwh[ends] - 1e-6)[window.spare :].all()
        home = window.slots(series.trips.plugged[step : step + 100].astype(float))
        assert (power <= home * series.trips.car.power_max_kw + 1e-9).all()
        assert power.max() > 0.1
        assert (power[: window.spare] == 0.0).all()


def test_beyond_quarter_hours_the_contract_is_kept_too(scene, model_of):
    key = ("naples", "2025-01-14", "community.dwellings[0].car={power_kw: 22, capacity_kwh: 100}")
    here, model = scene(*key), model_of(*key)
    _, window, plan = planned(
        here, model, 0, np.random.default_rng(4), energy_car_battery_kwh=np.full(1, 30.0)
    )
    power = plan("car.power_car_kw", 1, model.horizon.n_slots)[0]
    long = model.horizon.hours >= 1.0
    contract = here.plant.community.pods.power_contract_kw[0]
    assert power[long].max() > 1.0
    assert power[long].max() <= 1.1 * contract


def test_without_cars_the_model_is_what_it_was(scene, model_of):
    model = model_of("naples", "2025-01-14")
    assert "car" not in model.blocks
    assert not any("car" in name for name in model.compiled.columns)
    forecast = scene("naples", "2025-01-14").forecast(0)
    assert forecast.power_trip_kw.shape == forecast.energy_car_least_kwh.shape == (forecast.grid.n_steps, 0)


@pytest.mark.parametrize("kind", ["persistence", "medium"])
def test_trips_are_known_in_every_forecast(scene, kind):
    here = scene(*HERE)
    told, trips = here.expecting(kind).forecast(100), here.plant.series.trips
    n = told.grid.n_steps
    np.testing.assert_array_equal(told.power_trip_kw, trips.power_trip_kw[100 : 100 + n])
    np.testing.assert_array_equal(told.energy_car_least_kwh, trips.least_kwh[101 : 101 + n])
    assert not told.energy_car_least_kwh.flags.writeable


def test_the_papers_objective_refuses_cars(scene):
    with pytest.raises(ControllerError, match=r"shared_revenue.*cars \(flat-01-car\)"):
        StochasticMpc(objective="shared_revenue").reset(scene(*HERE).plant.community, 1)
