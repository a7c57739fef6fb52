"""A day with the controller, found by its name."""

from pathlib import Path

import numpy as np
import pytest

from recosim.errors import ControllerError
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

DAY = ("controller.name=dear-hours", "period.start=2025-07-14", "period.days=1", "period.warmup_days=1")


def test_a_day(tmp_path: Path) -> None:
    """No decision fails, and batteries discharge in dear hours only."""
    result = run_scenario(load_scenario("naples", DAY), out=tmp_path / "day.h5")
    assert result.kpis["fallbacks"] == 0
    with open_run(result.path) as run:
        discharge_kw = run.values("battery", "power_discharge_kw")
        dear = np.array(run.controller()["batteries_in_dear_hours"])
    assert discharge_kw[dear > 0].sum() > 0.0
    assert discharge_kw[dear == 0].sum() == 0.0


def test_a_quantile_above_one_is_refused(tmp_path: Path) -> None:
    """The options are held against the model before anything runs."""
    scenario = load_scenario("naples", [*DAY, "controller.quantile=1.5"])
    with pytest.raises(ControllerError, match="option quantile = 1.5, allowed: less than or equal to 1"):
        run_scenario(scenario, out=tmp_path / "day.h5")
