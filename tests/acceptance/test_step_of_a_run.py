"""Whole runs at 5, 15, 30 and 60 minutes: what the step must not change, and what it may change a little."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from recosim.errors import ScenarioError
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

STEPS = (5, 15, 30, 60)
DAY = ("period.start=2025-03-30", "period.days=1", "period.warmup_days=1")
DEVICES = (
    "community.dwellings[0].hot_water={}",
    "community.dwellings[1].hot_water={kind: heat_pump, power_kw: 0.6}",
    "community.dwellings[2].battery.ageing=lfp",
    "community.dwellings[4].car={departure_h: 7.5, arrival_h: 18}",
    "forecast=medium",
)


def key_figures(tmp_path: Any, minutes: int, controller: str, *options: str) -> Mapping[str, Any]:
    given = [*DAY, *options, f"period.step_minutes={minutes}", f"controller.name={controller}"]
    return run_scenario(load_scenario("naples", given), out=tmp_path / f"{controller}-{minutes}.h5").kpis


@pytest.mark.parametrize("controller", ["rules", "mpc"])
def test_energies_of_a_day_agree(tmp_path: Any, controller: str) -> None:
    by_step = {minutes: key_figures(tmp_path, minutes, controller, *DEVICES) for minutes in STEPS}
    expected = by_step[15]
    for minutes, kpis in by_step.items():
        assert kpis["balance_residual_kwh"] < 1e-9, minutes
        assert kpis["solve_failures"] == kpis["fallbacks"] == 0, minutes
        # loads are the same energy; float32 holds seven digits
        assert kpis["energy_load_kwh"] == pytest.approx(expected["energy_load_kwh"], rel=1e-6), minutes
        assert kpis["energy_pv_kwh"] == pytest.approx(expected["energy_pv_kwh"], rel=5e-3), minutes
        assert kpis["energy_hot_water_kwh"] == pytest.approx(expected["energy_hot_water_kwh"], abs=1.5)
        assert kpis["car_unmet_kwh"] == 0.0
        assert kpis["battery_state_of_health"] == pytest.approx(expected["battery_state_of_health"], abs=1e-4)
        # what devices do within the hour differs: rules react once a step
        near_eur = 0.04 * expected["bill_eur"]
        assert kpis["objective_eur"] == pytest.approx(expected["objective_eur"], abs=near_eur)
    files = [tmp_path / f"{controller}-{minutes}.h5" for minutes in STEPS]
    for minutes, file in zip(STEPS, files, strict=True):
        with open_run(file) as run:
            assert run.grid.n_steps == 23 * 60 // minutes, "the day on which clocks go forward"


def test_sharing_by_the_quarter_adds_steps_of_five_minutes_up_first(tmp_path: Any) -> None:
    kpis = key_figures(tmp_path, 5, "rules", "settlement.settlement_step=quarter")
    with open_run(tmp_path / "rules-5.h5") as run:
        withdrawn, injected = (
            run.values("meter", f"energy_{flow}_kwh").sum(axis=1) for flow in ("withdrawn", "injected")
        )

    def shared(n_steps: int) -> float:
        sums = (energy.reshape(-1, n_steps).sum(axis=1) for energy in (withdrawn, injected))
        return float(np.minimum(*sums).sum())

    assert shared(1) < shared(3) < shared(12)
    assert kpis["energy_shared_kwh"] == pytest.approx(shared(3), rel=1e-9)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("community.shiftable_appliances=true", "cycles are in quarter-hours; allowed: 15"),
        ("settlement.settlement_step=quarter", "allowed: 5 or 15"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(option: str, named: str) -> None:
    with pytest.raises(ScenarioError, match=named):
        load_scenario("naples", ["period.step_minutes=30", option])
