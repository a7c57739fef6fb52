"""Every controller of the library goes on where it stopped, to the bit."""

import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from recosim.controllers.registry import GROUP
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

Same = Callable[[Path, Path], None]
OURS = sorted({entry.name for entry in entry_points(group=GROUP) if entry.value.startswith("recosim.")})
UNKNOWN = ("forecast=medium", "model_error=0.1")
"""What a controller does not know."""
CLOCKS_CHANGE = ("period.start=2025-03-30", "period.days=2", "period.warmup_days=1")
"""The first day has 23 hours: the days of 24 hours, after which a run goes on, then end at 1 o'clock."""

SHORT = ("period.start=2025-01-13", "period.days=2", "period.warmup_days=0", *UNKNOWN)


def copied_after(path: Path, copy: Path, at_day: float, scenario: Any, controller: str) -> None:
    """Run whole, and keep the file as a kill after so many days leaves it."""
    step_s, warmup = 60 * scenario.period.step_minutes, scenario.period.warmup_days
    after = int((at_day + warmup) * 86_400 / step_s)

    def progress(done: int, n_steps: int, time: int) -> None:
        if done == after:
            shutil.copyfile(path, copy)

    run_scenario(scenario, out=path, controller=controller, progress=progress)


def goes_on(tmp_path: Path, controller: str, options: tuple[str, ...], days: int, same: Same) -> None:
    scenario = load_scenario("naples-paper" if controller == "day-ahead" else "naples-small", options)
    whole, path = tmp_path / "whole.h5", tmp_path / "run.h5"
    copied_after(whole, path, days + 0.4, scenario, controller)
    with open_run(path) as run:
        assert (run.committed, run.complete) == (days * 86_400 // run.grid.step_s, False)
    run_scenario(scenario, out=path, controller=controller, resume=True)
    same(path, whole)


def test_all_controllers_are_tried() -> None:
    assert {"idle", "rules", "rules-tuned", "preheat", "day-ahead", "mpc", "mpc-price"} <= set(OURS)


@pytest.mark.slow
@pytest.mark.parametrize("controller", OURS)
def test_a_controller_goes_on(tmp_path: Path, controller: str, equal_to_the_bit: Same) -> None:
    goes_on(tmp_path, controller, (*CLOCKS_CHANGE, *UNKNOWN), 1, equal_to_the_bit)


@pytest.mark.parametrize(("controller", "minutes"), [("rules-tuned", 5), ("rules-tuned", 60), ("mpc", 60)])
def test_other_steps_go_on(tmp_path: Path, controller: str, minutes: int, equal_to_the_bit: Same) -> None:
    options = (*SHORT, f"period.step_minutes={minutes}")
    goes_on(tmp_path, controller, options, 1, equal_to_the_bit)


def test_devices_left_to_their_own_rules_go_on(tmp_path: Path, equal_to_the_bit: Same) -> None:
    options = (*SHORT, "period.step_minutes=60", "controller.controls=[battery]")
    goes_on(tmp_path, "mpc", options, 1, equal_to_the_bit)
