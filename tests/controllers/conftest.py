"""Small communities, observations and the oracle that several tests of the controllers share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyomo.environ as pyo
import pytest

from recosim.arrays import FloatArray
from recosim.contracts import Forecast, Observation
from recosim.controllers.community_model import CommunityModel
from recosim.controllers.compiled import give
from recosim.controllers.forecasts import PerfectForecast
from recosim.controllers.horizon import Horizon
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant
from recosim.scenarios.world import Plant


@dataclass(frozen=True)
class Scene:
    """A plant with its forecasts and a way to make up what is observed."""

    plant: Plant
    forecasts: PerfectForecast

    def forecast(self, step: int) -> Forecast:
        return self.forecasts.at(step + self.plant.series.n_warmup)

    def observation(self, step: int, rng: np.random.Generator, **states: FloatArray) -> Observation:
        """Plausible random states and a half-filled hour at ``step`` of the period."""
        community = self.plant.community
        grid = community.grid
        n, n_pods = len(community.devices["dwelling"]), len(community.pods)
        winter = bool(self.forecast(step).heating_season[0])
        low, high = (17.0, 22.0) if winter else (23.0, 28.0)
        drawn = {
            "temp_indoor_degc": rng.uniform(low, high, n),
            "temp_mass_degc": rng.uniform(low, high, n),
        }
        if "battery" in community.devices:
            battery = community.devices["battery"].parameters
            drawn["energy_battery_kwh"] = battery.capacity_kwh * rng.uniform(
                battery.state_min, battery.state_max
            )
        time = int(grid.start + step * grid.step_s)
        passed = (time // grid.step_s) % grid.steps_per_hour
        meters = rng.uniform(0.0, 0.2, (2, n_pods)) * passed
        return Observation(
            time=time,
            step=step,
            states=drawn | states,
            energy_withdrawn_hour_kwh=meters[0],
            energy_injected_hour_kwh=np.where(community.pods.is_dwelling, 0.3, 1.0) * meters[1],
        )


@cache
def _scene(name: str, start: str, overrides: tuple[str, ...]) -> Scene:
    given = (f"period.start={start}", "period.days=2", "period.warmup_days=0", *overrides)
    plant = build_plant(load_scenario(name, given))
    series = plant.series
    return Scene(plant, PerfectForecast(plant.community, series, plant.exposure, series.n_beyond))


@cache
def _model(scene_key: tuple[str, str, tuple[str, ...]], horizon: str) -> CommunityModel:
    community = _scene(*scene_key).plant.community
    tranches = community.sharing.rates(community.grid.times[:1], np.zeros(1))
    return CommunityModel(community, Horizon.named(horizon), tranches)


@pytest.fixture(scope="session")
def scene() -> Callable[..., Scene]:
    """``scene(name, start, *overrides)``: two days of a scenario, without warm-up; kept between tests."""

    def make(name: str, start: str, *overrides: str) -> Scene:
        return _scene(name, start, overrides)

    return make


@pytest.fixture(scope="session")
def model_of() -> Callable[..., CommunityModel]:
    """``model_of(name, start, *overrides, horizon=...)``: the compiled model of that scene, reset."""

    def make(name: str, start: str, *overrides: str, horizon: str = "multirate") -> CommunityModel:
        model = _model((name, start, overrides), horizon)
        model.reset()
        return model

    return make


@pytest.fixture(scope="session")
def pyomo_optimum() -> Callable[[CommunityModel, FloatArray], float]:
    """``pyomo_optimum(model, parameters)``: the same numbers, solved by Pyomo's own HiGHS."""
    return _pyomo_optimum


def _pyomo_optimum(model: CommunityModel, parameters: FloatArray) -> float:
    """Each exclusive pair becomes a binary, with the columns' own finite bounds as big M."""
    pyomo, compiled = model.pyomo, model.compiled
    give(pyomo, compiled, parameters)
    bounds = compiled.evaluate(parameters)
    variables: list[object] = [None] * compiled.n_columns
    for name, columns in compiled.columns.items():
        for column, data in zip(columns, pyomo.find_component(name).values(), strict=True):
            variables[column] = data
    upper = bounds.column_upper
    assert (bounds.column_lower[compiled.exclusive] >= 0.0).all()
    # a pair with a side that is closed anyway needs no binary
    pairs = compiled.exclusive[(upper[compiled.exclusive] > 0.0).all(axis=1)]
    assert np.isfinite(upper[pairs]).all()
    oracle = pyo.Block(concrete=True)
    pyomo.add_component("oracle", oracle)
    soses = list(pyomo.component_data_objects(pyo.SOSConstraint, active=True, descend_into=True))
    try:
        for sos in soses:
            sos.deactivate()
        oracle.first = pyo.Var(range(len(pairs)), domain=pyo.Binary)
        oracle.rows = pyo.ConstraintList()
        for number, (one, other) in enumerate(pairs):
            oracle.rows.add(variables[one] <= float(upper[one]) * oracle.first[number])
            oracle.rows.add(variables[other] <= float(upper[other]) * (1 - oracle.first[number]))
        solver = pyo.SolverFactory("appsi_highs")
        solver.highs_options = {
            "mip_rel_gap": 1e-9,
            "mip_abs_gap": 1e-9,
            "mip_feasibility_tolerance": 1e-9,
            "threads": 1,
        }
        results = solver.solve(pyomo)
        assert str(results.solver.termination_condition) == "optimal"
        return float(pyo.value(pyomo.cost_eur))
    finally:
        pyomo.del_component("oracle")
        for sos in soses:
            sos.activate()
