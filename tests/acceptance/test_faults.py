"""Two weeks with each kind of fault: the plant goes on, failures are counted, the cost is told."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.quantities import quantity
from recosim.results.compare import compare
from recosim.results.fault_costs import signed
from recosim.results.report.faults import faults_story
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_plant, run_scenario

FORTNIGHT = ("period.start=2025-07-07", "period.days=14", "period.step_minutes=60", "community.size=2")
HALF_HOURS = ("period.step_minutes=30", "period.days=1", "period.warmup_days=0")
SPAN = "start: 2025-07-09T10:00, end: 2025-07-18T16:00"
FAULTS = {
    "meter_silent": f"{{kind: meter_silent, member: common, {SPAN}}}",
    "sensor_drift": f"{{kind: sensor_drift, member: flat-02, drift_k_per_day: -0.5, {SPAN}}}",
    "forecast_down": f"{{kind: forecast_down, {SPAN}}}",
    "battery_trip": f"{{kind: battery_trip, member: flat-01, {SPAN}}}",
    "link_down": f"{{kind: link_down, member: flat-01, {SPAN}}}",
}

Run = Callable[..., RunResult]


NEVER_SEEN_BY_RULES = {"meter_silent", "sensor_drift", "forecast_down", "link_down"}
"""Rules read nothing that these touch, and without set-points a device follows the same rules."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a fortnight, each controller with each set of faults once."""

    @cache
    def running(controller: str, *kinds: str) -> RunResult:
        out = tmp_path_factory.mktemp("fortnight") / "run.h5"
        faults = ", ".join(FAULTS[kind] for kind in kinds)
        scenario = load_scenario("naples", [*FORTNIGHT, f"faults=[{faults}]"])
        return run_scenario(scenario, controller=controller, out=out)

    return running


@pytest.mark.slow
@pytest.mark.parametrize("controller", ["rules", "mpc"])
@pytest.mark.parametrize("kinds", [*((kind,) for kind in FAULTS), tuple(FAULTS)], ids="+".join)
def test_a_fortnight_goes_on_and_says_what_the_fault_cost(
    run: Run, controller: str, kinds: tuple[str, ...]
) -> None:
    clean, faulty = run(controller), run(controller, *kinds)
    for result in (clean, faulty):
        assert result.kpis["balance_residual_kwh"] < 1e-6
        assert result.kpis["solve_failures"] == result.kpis["fallbacks"] == 0
    with open_run(faulty.path) as file:
        assert file.complete
        assert set(file.faults()["kind"]) == set(kinds)
        told = faults_story(file, [clean.path])
    comparison = compare([clean.path, faulty.path])
    (cost,) = comparison.row("objective_eur").differences[1:]
    assert comparison.notes[-1].startswith(f"the faults cost {cost + 0.0:.2f} EUR of J in {faulty.path}: ")
    shown = {row[0]: row[3] for row in told["costs"]["rows"]}
    assert shown[quantity("objective_eur").meaning] == signed(cost, "EUR")
    if controller == "rules" and set(kinds) <= NEVER_SEEN_BY_RULES:
        assert cost == 0.0
    elif controller == "rules":
        assert cost > 0.1
    else:
        # what is only not known may cost nothing, what cannot be used does
        assert cost > (0.5 if {"battery_trip", "link_down", "forecast_down"} & set(kinds) else -0.5)


@pytest.mark.slow
@pytest.mark.parametrize("controller", ["mpc", "mpc-price", "mpc-individual", "mpc-stochastic"])
def test_a_day_with_everything_out_of_order_at_everybody(tmp_path: Path, controller: str) -> None:
    """From the first step to the last, over a change of clocks, with readings that cannot be."""
    span = "start: 2025-10-26, end: 2025-10-27"
    flats = ("flat-01", "flat-02", "flat-03")
    faults = [
        *(f"{{kind: meter_silent, member: {name}, {span}}}" for name in (*flats, "common")),
        *(f"{{kind: sensor_drift, member: {name}, offset_k: 100, {span}}}" for name in flats),
        f"{{kind: sensor_drift, member: flat-01, quantity: temp_tank_degc, offset_k: 40, {span}}}",
        f"{{kind: battery_trip, member: flat-03, {span}}}",
        f"{{kind: forecast_down, {span}}}",
    ]
    given = [
        *("period.start=2025-10-26", "period.days=1", "period.step_minutes=60", "community.size=3"),
        *("community.dwellings[0].hot_water={}", "community.dwellings[1].car={}"),
    ]
    links = [f"{{kind: link_down, member: {name}, {span}}}" for name in flats]
    for these in (faults, faults + links):
        scenario = load_scenario("naples", [*given, f"faults=[{', '.join(these)}]"])
        result = run_scenario(scenario, controller=controller, out=tmp_path / "run.h5", force=True)
        assert result.kpis["balance_residual_kwh"] < 1e-6
        # a sensor that shows too much must not leave the plan without a solution
        assert result.kpis["solve_failures"] == result.kpis["fallbacks"] == 0
    # without links every device follows its own rules, whoever decides
    rules = run_scenario(scenario, controller="rules", out=tmp_path / "rules.h5")
    assert result.kpis["objective_eur"] == rules.kpis["objective_eur"]


def test_a_controller_in_a_process_of_its_own_meets_the_same_faults(tmp_path: Path) -> None:
    fault = "{kind: link_down, member: flat-01, start: 2025-07-07T10:00, end: 2025-07-07T16:30}"
    given = [*FORTNIGHT, *HALF_HOURS, f"faults=[{fault}]"]
    scenario = load_scenario("naples", given)
    results = [
        run_scenario(scenario, controller="idle", isolate=isolate, out=tmp_path / f"{isolate}.h5")
        for isolate in (False, True)
    ]
    asked = []
    for result in results:
        with open_run(result.path) as file:
            asked.append(file.values("dwelling", "setpoint_power_cooling_kw"))
    np.testing.assert_array_equal(*asked)
    assert np.isnan(asked[0][20:33, 0]).all()
    assert not asked[0][:, 1].any()


class GivesUp:
    """Raises where a reading is missing."""

    def reset(self, community: Community, seed: int) -> None:
        self.off = {"power_charge_kw": np.zeros(len(community.devices["battery"]))}

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        if observation.missing:
            raise LookupError(f"{sorted(observation.missing)} missing")
        return Setpoints(**self.off)


def test_a_plug_in_that_fails_on_what_is_missing_is_counted(tmp_path) -> None:
    fault = "{kind: meter_silent, member: flat-01, start: 2025-07-07T10:00, end: 2025-07-07T16:30}"
    given = [*FORTNIGHT, *HALF_HOURS, f"faults=[{fault}]"]
    scenario = load_scenario("naples", given)
    plant = build_plant(scenario)
    result = run_plant(scenario, plant, GivesUp(), name="gives-up", path=tmp_path / "run.h5")
    assert result.kpis["solve_failures"] == result.kpis["fallbacks"] == 13
    assert result.kpis["balance_residual_kwh"] < 1e-6
    with open_run(result.path) as file:
        (failed,) = np.nonzero(file.controller()["fallback"] == "local rules")
    assert failed.tolist() == list(range(20, 33))
