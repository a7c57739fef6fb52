"""What several tests share: public data, the command line; communities, observations and the oracle."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyomo.environ as pyo
import pytest

from recosim.arrays import FloatArray
from recosim.cli import main
from recosim.contracts import Forecast, Observation
from recosim.controllers.community_model import CommunityModel
from recosim.controllers.compiled import give
from recosim.controllers.forecasts import Forecasts, PerfectForecast, make_forecasts
from recosim.controllers.horizon import Horizon
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant
from recosim.scenarios.world import Plant


@dataclass(frozen=True)
class Scene:
    """A plant with its forecasts and a way to make up what is observed."""

    plant: Plant
    forecasts: Forecasts

    def expecting(self, kind: str) -> "Scene":
        """The same plant with forecasts of another kind."""
        plant = self.plant
        series = plant.series
        made = make_forecasts(kind, plant.community, series, plant.exposure, series.n_beyond, seed=1)
        return replace(self, forecasts=made)

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
        if "water_heater" in community.devices:
            heaters = community.devices["water_heater"]
            drawn["temp_tank_degc"] = rng.uniform(42.0, 60.0, len(heaters))
            drawn["time_since_disinfection_s"] = np.zeros(len(heaters))
        if "car" in community.devices:
            drawn |= self._cars(step, rng)
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

    def _cars(self, step: int, rng: np.random.Generator) -> dict[str, FloatArray]:
        """Cars as they stand at ``step``, with more energy than the least."""
        trips, row = self.plant.series.trips, step + self.plant.series.n_warmup
        assert trips is not None
        plugged, departs = trips.plugged[row], trips.next_departure[row]
        least = trips.least_kwh
        return {
            "energy_car_battery_kwh": rng.uniform(least[row], trips.car.capacity_kwh),
            "car_plugged": plugged.astype(np.float64),
            "car_departure_s": np.where(plugged, (departs - row) * 900.0, 0.0),
            "energy_car_needed_kwh": np.where(plugged, least[departs, np.arange(len(departs))], 0.0),
        }


@cache
def _scene(name: str, start: str, overrides: tuple[str, ...]) -> Scene:
    given = (f"period.start={start}", "period.days=2", "period.warmup_days=0", *overrides)
    plant = build_plant(load_scenario(name, given))
    series = plant.series
    return Scene(plant, PerfectForecast(plant.community, series, plant.exposure, series.n_beyond))


@cache
def _model(scene_key: tuple[str, str, tuple[str, ...]], horizon: str | tuple[int, ...]) -> CommunityModel:
    community = _scene(*scene_key).plant.community
    tranches = community.sharing.rates(community.grid.times[:1], np.zeros(1))
    slots = Horizon.named(horizon) if isinstance(horizon, str) else Horizon(horizon)
    return CommunityModel(community, slots, tranches)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak", action="store_true", help="kill and fuzz in full (make soak), not a tenth of it"
    )


@pytest.fixture(scope="session")
def soaking(request: pytest.FixtureRequest) -> bool:
    """Whether tests that kill and fuzz do so in full: under ``make soak``."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data beside the project; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public test data is not here")
    return folder


@pytest.fixture
def recosim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in a folder of its own: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return command


@pytest.fixture(scope="session")
def scene() -> Callable[..., Scene]:
    """``scene(name, start, *overrides)``: two days (or what an override says) without warm-up; kept."""

    def make(name: str, start: str, *overrides: str) -> Scene:
        return _scene(name, start, overrides)

    return make


@pytest.fixture(scope="session")
def model_of() -> Callable[..., CommunityModel]:
    """``model_of(name, start, *overrides, horizon=...)``: the compiled model of that scene, reset."""

    def make(
        name: str, start: str, *overrides: str, horizon: str | tuple[int, ...] = "multirate"
    ) -> CommunityModel:
        model = _model((name, start, overrides), horizon)
        model.reset()
        return model

    return make


@pytest.fixture(scope="session")
def pyomo_optimum() -> Callable[..., float]:
    """``pyomo_optimum(model, parameters)``: the same numbers, solved by Pyomo's own HiGHS.

    With ``relaxed=True`` the exclusive pairs are left out, as in the first solve of a re-optimisation.
    """
    return _pyomo_optimum


def _pyomo_optimum(model: CommunityModel, parameters: FloatArray, relaxed: bool = False) -> float:
    pyomo = model.pyomo
    give(pyomo, model.compiled, parameters)
    oracle = pyo.Block(concrete=True)
    pyomo.add_component("oracle", oracle)
    soses = list(pyomo.component_data_objects(pyo.SOSConstraint, active=True, descend_into=True))
    try:
        for sos in soses:
            sos.deactivate()
        if not relaxed:
            _declare_pairs(oracle, model, parameters)
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


def _declare_pairs(oracle: pyo.Block, model: CommunityModel, parameters: FloatArray) -> None:
    """Each exclusive pair becomes a binary, with the columns' own finite bounds as big M."""
    compiled = model.compiled
    bounds = compiled.evaluate(parameters)
    variables: list[object] = [None] * compiled.n_columns
    for name, columns in compiled.columns.items():
        for column, data in zip(columns, model.pyomo.find_component(name).values(), strict=True):
            variables[column] = data
    upper = bounds.column_upper
    assert (bounds.column_lower[compiled.exclusive] >= 0.0).all()
    # a pair with a side that is closed anyway needs no binary
    pairs = compiled.exclusive[(upper[compiled.exclusive] > 0.0).all(axis=1)]
    assert np.isfinite(upper[pairs]).all()
    oracle.first = pyo.Var(range(len(pairs)), domain=pyo.Binary)
    oracle.rows = pyo.ConstraintList()
    for number, (one, other) in enumerate(pairs):
        oracle.rows.add(variables[one] <= float(upper[one]) * oracle.first[number])
        oracle.rows.add(variables[other] <= float(upper[other]) * (1 - oracle.first[number]))


TIMED = ("controller/milliseconds", "controller/solver_ms", "meta/kpis")


@pytest.fixture(scope="session")
def equal_to_the_bit() -> Callable[[Path, Path], None]:
    """Assert that two result files hold the same, timings aside."""
    return _assert_equal_to_the_bit


def _assert_equal_to_the_bit(path: Path, whole: Path) -> None:
    found, expected = _datasets(path), _datasets(whole)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        same = np.asarray(found[name]).tobytes() == np.asarray(values).tobytes()
        assert np.array_equal(found[name], values) if np.asarray(values).dtype.kind == "O" else same, name
    with open_run(path) as run, open_run(whole) as other:
        kpis = {name: value for name, value in run.kpis.items() if not name.startswith(("solve_ms", "cpu"))}
        assert kpis == {name: other.kpis[name] for name in kpis}


def _datasets(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {}))
    return {name: v for name, v in found.items() if name not in TIMED and not name.startswith("checkpoint")}
