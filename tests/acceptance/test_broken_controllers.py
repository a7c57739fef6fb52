"""Whatever a controller does, a run goes on; local rules take the step, and it is counted."""

from pathlib import Path

import numpy as np
import pytest

from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, run_scenario

BROKEN = Path(__file__).parents[1] / "scenarios" / "broken_controllers.py"
DAY = ("period.start=2025-07-14", "period.days=1", "period.warmup_days=0", "community.size=3")
TIMES = {"cpu_s", "solve_ms_median", "solve_ms_p95", "solve_ms_p99"}


def run(
    controller: str | None, folder: Path, *overrides: str, isolate: bool = False, name: str = "run.h5"
) -> RunResult:
    spec = controller and f"{BROKEN}:{controller}"
    scenario = load_scenario("naples", [*DAY, *overrides])
    return run_scenario(scenario, controller=spec, out=folder / name, isolate=isolate)


@pytest.mark.parametrize(
    ("controller", "overrides", "fallbacks", "status"),
    [
        ("WrongShape", (), 96, "temp_cooling_degc has shape (4,), allowed: (3,)"),
        ("HalfNan", (), 1, "power_discharge_kw of flat-01-battery is 0 but power_charge_kw is NaN"),
        ("RaisesOnStep37", (), 1, "ZeroDivisionError: nothing to share"),
        ("TooSlow", ("controller.time_budget_ms=250",), 1, "allowed: time_budget_ms = 250"),
        ("ChangesTheObservation", (), 96, "ValueError: assignment destination is read-only"),
        ("ChangesTheForecast", (), 1, "read-only"),
        ("GlobalRandom", (), 0, "ok"),
        ("TooMuchPower", (), 0, "ok"),
    ],
)
def test_a_run_goes_on(
    tmp_path: Path, controller: str, overrides: tuple[str, ...], fallbacks: int, status: str
) -> None:
    result = run(controller, tmp_path, *overrides)
    assert result.kpis["fallbacks"] == fallbacks
    assert result.kpis["balance_residual_kwh"] == pytest.approx(0.0, abs=1e-6)
    with open_run(result.path) as file:
        log = file.controller()
    failed = (
        log["fallback"] == b"local rules"
        if log["fallback"].dtype.kind == "S"
        else log["fallback"] == "local rules"
    )
    assert failed.sum() == fallbacks
    found = {
        str(s.decode() if isinstance(s, bytes) else s)
        for s in log["status"][failed if fallbacks else ~failed]
    }
    assert all(status in text for text in found), found
    if controller == "RaisesOnStep37":
        assert int(np.argmax(failed)) == 37
    clipped = any("asked for more than devices can do" in note for note in result.notes)
    assert clipped == (controller == "TooMuchPower")


def test_what_was_asked_and_what_was_delivered_are_both_kept(tmp_path: Path) -> None:
    result = run("TooMuchPower", tmp_path)
    with open_run(result.path) as file:
        assert (file.values("battery", "setpoint_power_charge_kw") == 1000.0).all()
        assert file.values("battery", "power_charge_kw").max() <= 2.5
        assert (file.controller()["beyond_limits"] == 2).all()
    assert (
        "power_charge_kw of flat-01-battery = 1000, allowed [0, 2.5] at 2025-07-14 00:00" in result.notes[-1]
    )


def test_one_that_never_returns_is_ended_under_isolate(tmp_path: Path) -> None:
    result = run("NeverReturns", tmp_path, "controller.kill_after_s=2", "controller.share=0.1", isolate=True)
    assert result.kpis["fallbacks"] == 1
    assert result.kpis["balance_residual_kwh"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("controller", ["rules", "Sound"])
def test_isolated_gives_the_same_to_the_bit(tmp_path: Path, controller: str) -> None:
    own = None if controller == "rules" else controller
    overrides = () if own is None else ("controller.share=0.3", "model_error=0.1", "forecast=medium")
    plain = run(own, tmp_path, *overrides, name="plain.h5")
    isolated = run(own, tmp_path, *overrides, name="isolated.h5", isolate=True)
    for name, value in plain.kpis.items():
        if name not in TIMES:
            assert isolated.kpis[name] == value, name
    with open_run(plain.path) as one, open_run(isolated.path) as other:
        for group, quantities in one.groups().items():
            for quantity in quantities:
                here, there = one.values(group, quantity), other.values(group, quantity)
                assert here.tobytes() == there.tobytes(), (group, quantity)
