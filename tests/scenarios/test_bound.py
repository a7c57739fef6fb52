"""The lower bound's programme contains what the plant does, and counts what a run counts."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recosim.controllers.forecasts import PerfectForecast
from recosim.errors import SolverError
from recosim.results.compare import objective_marginal_eur
from recosim.results.run_file import open_run
from recosim.scenarios.bound import bound_scenario, linear_scenario, lower_bound, states_after_warmup
from recosim.scenarios.bound_windows import Reach, States, WindowProgram
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant, run_scenario
from recosim.simulators.physics.heat_pump import cop, eer

DAY_STEPS = 96
JANUARY, JULY = "2025-01-13", "2025-07-14"


def scenario(start: str, *overrides: str):
    given = (f"period.start={start}", "period.days=1", "period.warmup_days=1", "community.size=4")
    return load_scenario("naples", [*given, *overrides])


@cache
def plant_of(start: str, *overrides: str):
    return build_plant(scenario(start, *overrides), DAY_STEPS)


@cache
def program_of(start: str, *overrides: str):
    return WindowProgram(plant_of(start, *overrides).community, DAY_STEPS)


def forecast_of(plant):
    return PerfectForecast(plant.community, plant.series, plant.exposure, DAY_STEPS).at(plant.series.n_warmup)


def prices_of_objective(plant) -> States:
    """By hand: C price/COP, minus in the cooling season; what a stored kWh saves."""
    community, series = plant.community, plant.series
    day = slice(series.n_warmup, series.n_warmup + DAY_STEPS)
    price = community.tariff.rates(community.grid.times, series.price_pun_eur_per_mwh[day]).mean(axis=0)
    parameters, outdoor = community.devices["dwelling"].parameters, series.temp_outdoor_degc[day].mean()
    network, unit = parameters.network, parameters.air_conditioner
    capacity = np.stack([network.capacity_air_j_per_k, network.capacity_mass_j_per_k]) / 3.6e6
    winter = bool(plant.exposure.heating_season[day.stop - 1])
    per_kwh = 1.0 / cop(unit, outdoor) if winter else -1.0 / eer(unit, outdoor)
    batteries = community.devices["battery"]
    return States(
        temp=capacity * per_kwh * price[community.devices["dwelling"].node],
        energy=batteries.parameters.efficiency_discharge * price[batteries.node],
    )


def value_of_run(tmp_path: Path, start: str, *overrides: str) -> tuple[float, float]:
    """The programme's optimum with a run's own heat and storage and flats no warmer, and that run's J."""
    plant, program = plant_of(start, *overrides), program_of(start, *overrides)
    state, price = states_after_warmup(plant), prices_of_objective(plant)
    path = tmp_path / "run.h5"
    result = run_scenario(scenario(start, *overrides), controller="rules", out=path)
    numbers = program.program(
        int(plant.community.grid.start), forecast_of(plant), (state, state), price, price
    )
    unit = plant.community.devices["dwelling"].parameters.air_conditioner
    columns = program.compiled.columns
    lower, upper = numbers.column_lower.copy(), numbers.column_upper.copy()
    with open_run(path) as run:
        outdoor = run.values("weather", "temp_outdoor_degc")
        powers = {
            "dwelling.power_heating_kw": run.values("dwelling", "heat_heating_kw") / cop(unit, outdoor),
            "dwelling.power_cooling_kw": run.values("dwelling", "heat_cooling_kw") / eer(unit, outdoor),
            "battery.power_charge_kw": run.values("battery", "power_charge_kw"),
            "battery.power_discharge_kw": run.values("battery", "power_discharge_kw"),
        }
        temps = np.stack([run.values("dwelling", f"temp_{node}_degc") for node in ("indoor", "mass")])
    for name, rows in powers.items():
        lower[columns[name]] = np.maximum(rows.T.ravel() - 1e-5, 0.0)
        upper[columns[name]] = rows.T.ravel() + 1e-5
    not_warmer = columns["dwelling.temp"].reshape(2, DAY_STEPS + 1, -1)[:, 1:]
    upper[not_warmer] = temps + 1e-3
    held = program.solve(replace(numbers, column_lower=lower, column_upper=upper))
    return held.value_eur, objective_marginal_eur(result.kpis)


@pytest.mark.parametrize("kind", ["split", "air_to_water"])
def test_on_the_linear_plant_the_programme_counts_what_a_run_counts(tmp_path, kind):
    value, objective = value_of_run(tmp_path, JANUARY, f"hvac={{kind: {kind}, modulation_min: 0}}")
    assert value == pytest.approx(objective, abs=0.01)


@pytest.mark.parametrize("air_change", [1, 6])
def test_the_programme_admits_what_a_plant_with_cycling_units_and_open_windows_does(tmp_path, air_change):
    value, objective = value_of_run(tmp_path, JULY, f"building.air_change_windows_per_h={air_change}")
    assert value <= objective + 1e-3


@pytest.mark.parametrize("start", [JANUARY, JULY])
def test_temperatures_of_a_run_are_within_reach(tmp_path, start):
    plant = plant_of(start)
    reach, forecast = Reach(plant.community), forecast_of(plant)
    first = states_after_warmup(plant).temp
    run_scenario(scenario(start), controller="mpc", out=tmp_path / "run.h5")
    with open_run(tmp_path / "run.h5") as run:
        names = ("temp_indoor_degc", "temp_mass_degc")
        temps = np.stack([run.values("dwelling", name) for name in names], axis=1)
    for n_steps in (1, 4, DAY_STEPS):
        low, high = reach.after(first, first, forecast, n_steps)
        assert (low - 1e-5 <= temps[n_steps - 1]).all()
        assert (temps[n_steps - 1] <= high + 1e-5).all()


def test_without_units_and_windows_nothing_but_the_free_course_is_within_reach():
    plant = plant_of("2025-04-15")  # between the seasons
    first = states_after_warmup(plant).temp
    low, high = Reach(plant.community).after(first, first, forecast_of(plant), DAY_STEPS)
    np.testing.assert_allclose(low, high, atol=1e-9)
    low, high = Reach(plant.community).after(first - 5.0, first + 5.0, forecast_of(plant), DAY_STEPS)
    assert ((high - low > 0.0) & (high - low < 10.0)).all()


def test_states_after_the_warmup_are_what_a_controller_first_sees(tmp_path):
    (tmp_path / "looking.py").write_text(
        "import numpy as np\n"
        "from recosim.contracts import Setpoints\n"
        "class Looking:\n"
        "    def reset(self, community, seed): pass\n"
        "    def decide(self, observation, forecast):\n"
        "        if observation.step == 0:\n"
        f"            np.savez({str(tmp_path / 'seen.npz')!r}, **observation.states)\n"
        "        return Setpoints()\n"
    )
    plant = plant_of(JULY)
    run_scenario(scenario(JULY), controller=f"{tmp_path / 'looking.py'}:Looking", out=tmp_path / "run.h5")
    states, seen = states_after_warmup(plant), np.load(tmp_path / "seen.npz")
    np.testing.assert_array_equal(states.temp, [seen["temp_indoor_degc"], seen["temp_mass_degc"]])
    np.testing.assert_array_equal(states.energy, seen["energy_battery_kwh"])
    assert np.ptp(states.temp) > 0.5


def test_without_a_warmup_the_start_is_that_of_the_devices():
    plant = build_plant(scenario(JULY, "period.warmup_days=0"), DAY_STEPS)
    np.testing.assert_array_equal(states_after_warmup(plant).temp, 20.0)


def test_windows_add_up_to_less_than_one_long_window():
    two_days = scenario(JULY, "period.days=2")
    (whole,) = lower_bound(two_days)
    parts = lower_bound(two_days, days_per_window=1)
    assert [(part.start, part.days) for part in parts] == [("2025-07-14", 1.0), ("2025-07-15", 1.0)]
    added = sum(part.lower_eur for part in parts)
    assert added <= whole.lower_eur + 1e-6
    assert added == pytest.approx(whole.lower_eur, abs=0.5)  # good prices where they meet


def test_a_window_that_has_no_solution_is_an_error():
    plant, program = plant_of(JULY), program_of(JULY)
    state, price = states_after_warmup(plant), prices_of_objective(plant)
    begins = int(plant.community.grid.start)
    numbers = program.program(begins, forecast_of(plant), (state, state), price, price)
    impossible = replace(numbers, column_upper=numbers.column_lower - 1.0)
    with pytest.raises(SolverError, match="a window of 96 steps ended as"):
        program.solve(impossible)


def test_the_linear_plant():
    linear = linear_scenario(scenario(JULY, "forecast=high", "model_error.cop=0.1", "controller.name=rules"))
    assert (linear.hvac.modulation_min, linear.building.natural_night_ventilation) == (0.0, False)
    assert all(flat.hvac is None for flat in linear.community.dwellings)
    assert (linear.forecast, linear.model_error.cop) == ("perfect", 0.0)
    assert (linear.controller.name, linear.controller.options) == ("mpc", {"horizon": "uniform"})


def test_the_linear_plant_has_no_unit_that_cycles():
    linear = linear_scenario(scenario(JULY, "community.dwellings[1].hvac.kind=air_to_water"))
    unit = build_plant(linear).community.devices["dwelling"].parameters.air_conditioner
    assert np.max(unit.modulation_min) == 0.0
    assert unit.is_air_to_water.tolist() == [False, True, False, False]


def test_a_bound_without_its_upper_value():
    calls: list[tuple[int, int, int]] = []
    found = bound_scenario(
        scenario(JANUARY, "seed=7"), upper=False, progress=lambda *reached: calls.append(reached)
    )
    assert (found.scenario, found.start, found.days, found.seed) == ("naples", JANUARY, 1, 7)
    assert (found.upper_eur, found.bills_eur, found.gap_eur, found.gap_percent_of_bills) == (None,) * 4
    assert found.lower_eur == sum(week.lower_eur for week in found.weeks)
    assert [call[:2] for call in calls] == [(DAY_STEPS, DAY_STEPS)]
    assert load_scenario("naples", []).name in found.scenario_yaml
    assert len(found.notes) == 1
    closed = bound_scenario(scenario(JANUARY, "building.natural_night_ventilation=false"), upper=False)
    assert closed.notes == ()
