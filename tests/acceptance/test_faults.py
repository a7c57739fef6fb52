"""Two weeks with each kind of fault: the plant goes on, failures are counted, the cost is told."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.results.compare import compare
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_plant, run_scenario

FORTNIGHT = ("period.start=2025-07-07", "period.days=14", "period.step_minutes=30", "community.size=2")
SPAN = "start: 2025-07-09T10:00, end: 2025-07-18T16:00"
FAULTS = {
    "meter_silent": f"{{kind: meter_silent, member: common, {SPAN}}}",
    "sensor_drift": f"{{kind: sensor_drift, member: flat-02, drift_k_per_day: -0.5, {SPAN}}}",
    "forecast_down": f"{{kind: forecast_down, {SPAN}}}",
    "battery_trip": f"{{kind: battery_trip, member: flat-01, {SPAN}}}",
    "link_down": f"{{kind: link_down, member: flat-01, {SPAN}}}",
}

Run = Callable[..., RunResult]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a fortnight under the MPC, each set of faults once."""

    @cache
    def running(*kinds: str) -> RunResult:
        out = tmp_path_factory.mktemp("fortnight") / "run.h5"
        faults = ", ".join(FAULTS[kind] for kind in kinds)
        scenario = load_scenario("naples", [*FORTNIGHT, f"faults=[{faults}]"])
        return run_scenario(scenario, controller="mpc", out=out)

    return running


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [*((kind,) for kind in FAULTS), tuple(FAULTS)], ids="+".join)
def test_a_fortnight_goes_on_and_says_what_the_fault_cost(run: Run, kinds: tuple[str, ...]) -> None:
    clean, faulty = run(), run(*kinds)
    for result in (clean, faulty):
        assert result.kpis["balance_residual_kwh"] < 1e-6
        assert result.kpis["solve_failures"] == result.kpis["fallbacks"] == 0
    with open_run(faulty.path) as file:
        assert file.complete
        assert file.faults()["kind"].tolist() == list(kinds)
    comparison = compare([clean.path, faulty.path])
    (cost,) = comparison.row("objective_eur").differences[1:]
    assert comparison.notes[-1].startswith(f"the faults cost {cost:.2f} EUR of J in")
    # what is only not known may cost nothing, what cannot be used does
    assert cost > (0.5 if {"battery_trip", "link_down", "forecast_down"} & set(kinds) else -0.5)


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
    given = [*FORTNIGHT, "period.days=1", "period.warmup_days=0", f"faults=[{fault}]"]
    scenario = load_scenario("naples", given)
    plant = build_plant(scenario)
    result = run_plant(scenario, plant, GivesUp(), name="gives-up", path=tmp_path / "run.h5")
    assert result.kpis["solve_failures"] == result.kpis["fallbacks"] == 13
    assert result.kpis["balance_residual_kwh"] < 1e-6
    with open_run(result.path) as file:
        (failed,) = np.nonzero(file.controller()["fallback"] == "local rules")
    assert failed.tolist() == list(range(20, 33))
