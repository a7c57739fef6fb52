"""Shiftable appliances in a scenario: the same load as before, in cycles that a controller can move."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.appliance_starts import power_running_kw
from recosim.controllers.forecasts import make_forecasts
from recosim.errors import ScenarioError
from recosim.results.run_file import open_run
from recosim.scenarios.bound import bound_scenario
from recosim.scenarios.community import households_of, parts_of
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.occupancy import household_series
from recosim.scenarios.runner import RunResult, build_plant, run_scenario
from recosim.scenarios.shiftable import appliances_of, cycles_of
from recosim.scenarios.world import Plant
from recosim.timegrid import TimeGrid

# three of the ten homes have a tumble dryer
WINTER = ("period.start=2025-02-03", "period.days=3", "period.warmup_days=1", "seed=9")
ON, OFF = "community.shiftable_appliances=true", "community.shiftable_appliances=false"
A_PLANT_EACH = (
    "community.plants=[]",
    *(f"community.dwellings[{i}].photovoltaics={{power_kw: 2}}" for i in range(10)),
    *(f"community.dwellings[{i}].battery=null" for i in range(10)),
)
METER = ("energy_withdrawn_kwh", "energy_injected_kwh")

IN_THE_SUN = '''
import numpy as np

from recosim.contracts import Setpoints


class CyclesInTheSun:
    """Begins a cycle once no later start that the household accepts uses more of the flat's own surplus."""

    def reset(self, community, seed):
        self.machines = community.devices["appliance"]
        self.plants = community.devices["photovoltaics"]
        self.step_s = community.grid.step_s

    def decide(self, observation, forecast):
        sun = self.plants.at_nodes(forecast.power_pv_kw, forecast.power_load_kw.shape[1])
        surplus = np.maximum(sun - forecast.power_load_kw, 0.0)
        start = np.ones(len(self.machines))
        for d in np.flatnonzero(observation["cycle_waiting"]):
            powers = self.machines.parameters.powers_kw[d]
            own = surplus[:, self.machines.node[d]]
            latest = round(observation["cycle_latest_s"][d] / self.step_s)
            used = [np.minimum(powers, own[k : k + len(powers)]).sum() for k in range(latest + 1)]
            start[d] = used[0] > max(used) - 0.1
        return Setpoints(cycle_start=start)
'''

Run = Callable[..., RunResult]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run `WINTER`, each kind of run once."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "sun.py").write_text(IN_THE_SUN, encoding="utf-8")

    @cache
    def running(*overrides: str, controller: str = "rules") -> RunResult:
        out = tmp_path_factory.mktemp("run") / "run.h5"
        spec = f"{folder}/sun.py:CyclesInTheSun" if controller == "sun" else controller
        return run_scenario(load_scenario("naples", [*WINTER, *overrides]), controller=spec, out=out)

    return running


@pytest.fixture(scope="module")
def plant() -> Plant:
    return build_plant(load_scenario("naples", [*WINTER, ON]))


def values(result: RunResult, group: str, name: str) -> FloatArray:
    with open_run(result.path) as file:
        return np.asarray(file.values(group, name), dtype=np.float64)


def figure(result: RunResult, name: str) -> float:
    value = result.kpis[name]
    assert value is not None
    return float(value)


# machines and cycles -----------------------------------------------------------------------------------


def test_a_device_for_each_machine_that_a_home_owns() -> None:
    households = households_of(load_scenario("naples", WINTER))
    devices = appliances_of(households, seed=9)
    assert devices is not None
    year = household_series(households, TimeGrid.from_local_date("2025-01-01", 365, 900, "Europe/Rome"), 9)
    used = {f"{households[m.household].name}-{m.appliance}": m for m in year.machines if len(m.step_start)}
    assert set(devices.names) == set(used)
    for d, name in enumerate(devices.names):
        length = int(devices.parameters.n_steps[d])
        assert devices.node[d] == used[name].household
        assert np.array_equal(devices.parameters.powers_kw[d, :length], used[name].powers_kw)
        assert not devices.parameters.powers_kw[d, length:].any()
        before = devices.parameters.follows[d]
        follows = devices.names[before] if before >= 0 else ""
        assert follows == (name.replace("tumble_dryer", "washing_machine") if "dryer" in name else "")


def test_no_devices_where_it_is_switched_off() -> None:
    assert "appliance" not in parts_of(load_scenario("naples", WINTER)).devices


def test_cycles_end_in_the_run_and_leave_a_dryer_its_time(plant: Plant) -> None:
    cycles, n = plant.series.cycles, plant.series.simulated.n_steps
    assert cycles is not None
    assert len(cycles) > 30
    length = cycles.parameters.n_steps[cycles.machine]
    assert cycles.step_wished.min() >= 0
    assert (cycles.step_latest + length).max() <= n
    dryings = np.flatnonzero(cycles.after >= 0)
    washes = cycles.after[dryings]
    assert len(dryings) > 0
    assert np.array_equal(cycles.node[cycles.machine[dryings]], cycles.node[cycles.machine[washes]])
    assert (cycles.step_latest[washes] + length[washes] <= cycles.step_latest[dryings]).all()
    for machine in np.unique(cycles.machine):
        own = cycles.machine == machine
        assert (cycles.step_latest[own][:-1] + length[own][:-1] <= cycles.step_wished[own][1:]).all()


def test_what_ends_after_the_run_stays_in_the_load() -> None:
    households = households_of(load_scenario("naples", WINTER))
    devices = appliances_of(households, seed=9)
    assert devices is not None
    year = household_series(households, TimeGrid.from_local_date("2025-02-03", 3, 900, "Europe/Rome"), 9)
    whole, cut = (
        cycles_of(year.machines, households, devices, n_pods=10, first_row=7, n_simulated=n)
        for n in (295, 150)
    )
    ends = whole.step_wished + devices.parameters.n_steps[whole.machine]
    assert np.array_equal(cut.step_wished, whole.step_wished[ends <= 150])
    assert np.array_equal(cut.machine, whole.machine[ends <= 150])
    assert whole.step_wished.min() >= 7


def test_load_and_cycles_are_the_load_as_before(plant: Plant) -> None:
    before = build_plant(load_scenario("naples", WINTER)).series
    series = plant.series
    assert before.cycles is None
    assert before.power_load_kw.dtype == np.float32
    assert series.power_load_kw.min() > 0.0
    assert series.power_load_kw.sum() < 0.95 * before.power_load_kw.sum()
    everything = slice(0, series.grid.n_steps)
    assert np.abs(series.power_as_wished_kw(everything) - before.power_load_kw).max() < 1e-12


# runs --------------------------------------------------------------------------------------------------


def test_left_to_the_own_rule_nothing_changes(run: Run) -> None:
    on, off = run(ON), run(OFF)
    for name in METER:
        assert np.abs(values(on, "meter", name) - values(off, "meter", name)).max() < 1e-9
    for name in ("objective_eur", "energy_load_kwh", "self_sufficiency", "discomfort_kh", "peak_pod_kw"):
        assert figure(on, name) == pytest.approx(figure(off, name), rel=1e-6)
    assert figure(on, "balance_residual_kwh") < 1e-6
    assert values(on, "appliance", "power_appliance_kw").sum() > 50.0


def test_a_controller_of_ones_own_moves_cycles_into_the_sun(run: Run) -> None:
    rules, sun = (run(ON, *A_PLANT_EACH, controller=name) for name in ("rules", "sun"))
    assert figure(sun, "fallbacks") == 0
    assert figure(sun, "self_consumption") > figure(rules, "self_consumption") + 0.01
    assert figure(sun, "energy_load_kwh") == pytest.approx(figure(rules, "energy_load_kwh"), rel=1e-6)
    assert figure(sun, "balance_residual_kwh") < 1e-6
    moved, wished = (values(result, "appliance", "power_appliance_kw") for result in (sun, rules))
    assert moved.sum(axis=0) == pytest.approx(wished.sum(axis=0), rel=1e-5)
    assert np.abs(moved - wished).sum() > 0.5 * wished.sum()
    assert figure(sun, "objective_eur") < figure(rules, "objective_eur")


def test_a_cycle_warms_its_dwelling_when_it_runs(run: Run, plant: Plant) -> None:
    sun, rules = (run(ON, *A_PLANT_EACH, controller=name) for name in ("sun", "rules"))
    gained, drawn = (
        values(sun, group, name) - values(rules, group, name)
        for group, name in (("dwelling", "heat_gain_kw"), ("appliance", "power_appliance_kw"))
    )
    machines = plant.community.devices["appliance"]
    assert np.abs(drawn).max() > 1.0
    assert np.abs(gained - machines.at_nodes(drawn, gained.shape[1])).max() < 1e-5


def test_mpc_earns_by_moving_cycles(run: Run) -> None:
    moved, left = (run(switch, "period.days=1", controller="mpc") for switch in (ON, OFF))
    assert figure(moved, "solve_failures") == 0
    assert figure(moved, "energy_load_kwh") == pytest.approx(figure(left, "energy_load_kwh"), rel=1e-6)
    assert figure(moved, "objective_eur") < figure(left, "objective_eur") - 0.1
    assert figure(moved, "balance_residual_kwh") < 1e-6


@pytest.mark.parametrize(
    ("controller", "forecast"),
    [
        ("idle", "perfect"),
        ("mpc", "medium"),
        pytest.param("mpc-stochastic", "persistence", marks=pytest.mark.slow),
    ],
)
def test_every_controller_and_forecast_takes_them(run: Run, controller: str, forecast: str) -> None:
    result = run(ON, "period.days=1", "period.warmup_days=0", f"forecast={forecast}", controller=controller)
    assert figure(result, "solve_failures") == 0  # a solve afresh, which HiGHS may need, is none
    assert figure(result, "balance_residual_kwh") < 1e-6


# forecasts ---------------------------------------------------------------------------------------------


class Expects:
    """Leaves all to the own rules and notes what it expects of the next four hours."""

    def __init__(self) -> None:
        self.expected: list[FloatArray] = []

    def reset(self, community: Community, seed: int) -> None:
        self.machines = community.devices["appliance"]

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        n = forecast.grid.n_steps
        power = power_running_kw(self.machines, observation, n, forecast.grid.step_s)
        for d in np.flatnonzero(observation["cycle_waiting"]):
            power[: self.machines.parameters.powers_kw.shape[1], d] += self.machines.parameters.powers_kw[d]
        at_pods = self.machines.at_nodes(power, forecast.power_load_kw.shape[1])
        self.expected.append((forecast.power_load_kw + at_pods)[:16])
        return Setpoints()


def test_forecast_and_observation_together_hold_every_cycle_once(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    controller = Expects()
    monkeypatch.setattr("recosim.controllers.isolated.make_controller", lambda *_, **__: controller)
    run_scenario(load_scenario("naples", [*WINTER, ON]), out=tmp_path / "run.h5")
    n_warmup, n = plant.series.n_warmup, plant.series.period.n_steps
    assert len(controller.expected) == n
    worst = [
        np.abs(expected - plant.series.power_as_wished_kw(slice(n_warmup + step, n_warmup + step + 16))).max()
        for step, expected in enumerate(controller.expected)
    ]
    assert max(worst) < 1e-9


@pytest.mark.parametrize("kind", ["perfect", "persistence", "medium"])
def test_a_forecast_holds_no_cycle_that_has_been_wished(plant: Plant, kind: str) -> None:
    series = plant.series
    cycles = series.cycles
    assert cycles is not None
    made = make_forecasts(kind, plant.community, series, plant.exposure, 96, seed=1)
    for step in range(series.n_warmup, series.n_warmup + 96):
        forecast = made.at(step)
        assert forecast.power_load_kw.min() >= 0.0
        assert not forecast.power_load_kw.flags.writeable
        source = step - 96 if kind == "persistence" else step
        begun = cycles.begun_kw(source, 96)
        known = series.power_as_wished_kw(slice(source, source + 96)) - begun
        where = begun[:8] > 0.0
        if kind == "medium":
            assert (forecast.power_load_kw[:8][where] <= 2.0 * known[:8][where]).all()
        else:
            assert np.abs(forecast.power_load_kw - known).max() < 1e-12


def test_what_has_been_wished_still_warms_the_dwellings(plant: Plant) -> None:
    """The forecast of the gains does not fall when a cycle begins."""
    series = plant.series
    before = build_plant(load_scenario("naples", WINTER))
    for kind in ("perfect", "persistence", "medium"):
        on, off = (
            make_forecasts(kind, p.community, p.series, p.exposure, 96, seed=1) for p in (plant, before)
        )
        for step in range(series.n_warmup, series.n_warmup + 96, 5):
            gains = on.at(step).heat_internal_kw, off.at(step).heat_internal_kw
            assert np.abs(gains[0] - gains[1]).max() < 1e-6


# what is refused ---------------------------------------------------------------------------------------


def test_only_yes_and_no() -> None:
    with pytest.raises(
        ScenarioError, match=r"community.shiftable_appliances = 'maybe', allowed: true or false"
    ):
        load_scenario("naples", ["community.shiftable_appliances=maybe"])


def test_no_bound_with_cycles_that_move() -> None:
    with pytest.raises(ScenarioError, match="shiftable_appliances = true, allowed: false for a bound"):
        bound_scenario(load_scenario("naples", [*WINTER, ON]))
