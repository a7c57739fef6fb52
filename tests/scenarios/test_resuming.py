"""An interrupted run goes on, and what it gives is that of a run that was not interrupted, to the bit."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.errors import ResultsError
from recosim.results.run_file import open_run
from recosim.scenarios import runner
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

Same = Callable[[Path, Path], None]
STEPS_A_DAY = 96
EVERYTHING = (
    "community.dwellings[0].hot_water={}",
    "community.dwellings[1].hot_water={kind: heat_pump, power_kw: 0.6}",
    "community.dwellings[2].battery.ageing=lfp",
    "community.dwellings[4].car={}",
    "community.shiftable_appliances=true",
    "forecast=medium",
    "model_error=0.1",
)
OUT_OF_ORDER = """faults=[
  {{kind: meter_silent, member: flat-03, start: {day}T10:00, end: {next}T20:00}},
  {{kind: sensor_drift, member: flat-01, drift_k_per_day: 0.5, start: {day}T06:00, end: {next}T18:00}},
  {{kind: forecast_down, start: {day}T20:00, end: {next}T09:00}},
  {{kind: battery_trip, member: flat-03, start: {day}T11:00, end: {next}T12:00}},
  {{kind: link_down, member: flat-04, start: {day}T22:00, end: {next}T08:00}},
]"""
SMALL = ("period.start=2025-01-13", "period.days=2", "period.warmup_days=1")


class Killed(Exception):
    """Stands for whatever ends a run between two steps."""


def interrupted(path: Path, scenario: Any, after: int, **given: Any) -> None:
    def progress(done: int, n_steps: int, time: int) -> None:
        if done == after:
            raise Killed

    with pytest.raises(Killed):
        run_scenario(scenario, out=path, progress=progress, **given)


@pytest.mark.slow
@pytest.mark.parametrize("controller", ["rules", "idle", "mpc", "mpc-stochastic"])
@pytest.mark.parametrize("day", ["2025-03-29", "2025-10-25"])
def test_a_run_that_goes_on_is_the_same_with_every_device(
    tmp_path: Path, controller: str, day: str, equal_to_the_bit: Same
) -> None:
    options = list(EVERYTHING if controller != "mpc-stochastic" else EVERYTHING[2:3])
    following = date.fromisoformat(day) + timedelta(days=1)
    options.append(OUT_OF_ORDER.format(day=day, next=following))
    scenario = load_scenario(
        "naples", [f"period.start={day}", "period.days=3", "period.warmup_days=1", *options]
    )
    run_scenario(scenario, controller=controller, out=tmp_path / "whole.h5")
    path = tmp_path / "run.h5"
    interrupted(path, scenario, 2 * STEPS_A_DAY + 50, controller=controller)
    with open_run(path) as run:
        assert (run.committed, run.complete) == (STEPS_A_DAY, False)
    run_scenario(scenario, controller=controller, out=path, resume=True)
    equal_to_the_bit(path, tmp_path / "whole.h5")


def test_a_run_may_be_interrupted_again(tmp_path: Path, equal_to_the_bit: Same) -> None:
    scenario = load_scenario("naples-small", [*SMALL, "period.days=3"])
    run_scenario(scenario, out=tmp_path / "whole.h5")
    path = tmp_path / "run.h5"
    interrupted(path, scenario, 2 * STEPS_A_DAY + 5)
    interrupted(path, scenario, 3 * STEPS_A_DAY + 50, resume=True)
    with open_run(path) as run:
        assert run.committed == 2 * STEPS_A_DAY
    run_scenario(scenario, out=path, resume=True)
    equal_to_the_bit(path, tmp_path / "whole.h5")


class Counting:
    """Remembers how often it was asked, and heats by it."""

    def reset(self, community: Community, seed: int) -> None:
        self.n_dwellings, self.asked = len(community.devices["dwelling"]), 0

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        self.asked += 1
        self.record = {"asked": self.asked}
        return Setpoints(power_heating_kw=np.full(self.n_dwellings, 0.2 + 0.001 * self.asked))


class Remembering(Counting):
    def get_state(self) -> dict[str, Any]:
        return {"asked": np.array(self.asked), "text": str(self.asked).encode()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.asked = int(state["asked"])
        assert state["text"] == str(self.asked).encode()


def test_a_plug_in_that_says_what_it_remembers_goes_on(tmp_path: Path, equal_to_the_bit: Same) -> None:
    scenario, controller = load_scenario("naples-small", [*SMALL]), f"{__file__}:Remembering"
    run_scenario(scenario, controller=controller, out=tmp_path / "whole.h5")
    path = tmp_path / "run.h5"
    interrupted(path, scenario, 2 * STEPS_A_DAY + 5, controller=controller)
    run_scenario(scenario, controller=controller, out=path, resume=True)
    equal_to_the_bit(path, tmp_path / "whole.h5")
    with open_run(path) as run:
        np.testing.assert_array_equal(run.controller()["asked"], np.arange(1, 2 * STEPS_A_DAY + 1))


def test_a_plug_in_that_does_not_is_told(tmp_path: Path) -> None:
    scenario, controller = load_scenario("naples-small", [*SMALL]), f"{__file__}:Counting"
    path = tmp_path / "run.h5"
    interrupted(path, scenario, 2 * STEPS_A_DAY + 5, controller=controller)
    with pytest.raises(ResultsError, match="no get_state and set_state"):
        run_scenario(scenario, controller=controller, out=path, resume=True)


@pytest.mark.parametrize(
    ("options", "controller", "named"),
    [
        (["seed=2"], "rules", "another seed"),
        ([], "idle", "another controller"),
        (["comfort.heating_awake_degc=19.5"], "rules", "another scenario: .*heating_awake"),
        (["period.days=3"], "rules", "another scenario: 'days: 2' then, 'days: 3' now"),
    ],
)
def test_another_run_is_not_mixed_in(tmp_path: Path, options: list[str], controller: str, named: str) -> None:
    path = tmp_path / "run.h5"
    interrupted(path, load_scenario("naples-small", [*SMALL]), 2 * STEPS_A_DAY + 5, controller="rules")
    before = path.read_bytes()
    with pytest.raises(ResultsError, match=named):
        run_scenario(
            load_scenario("naples-small", [*SMALL, *options]), controller=controller, out=path, resume=True
        )
    assert path.read_bytes() == before


def test_other_data_are_not_mixed_in(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    days = ("2025-01-13", "2025-01-14", "2025-01-15", "2025-01-16")
    times = [f"{day}T{hour:02d}:00:00+01:00" for day in days for hour in range(24)]

    def write(price: float) -> None:
        prices.write_text("time,CSUD,PUN\n" + "".join(f"{time},{price},100\n" for time in times))

    write(100.0)
    scenario = load_scenario("naples-small", [*SMALL, "prices.source=file", f"prices.file={prices}"])
    path = tmp_path / "run.h5"
    interrupted(path, scenario, 2 * STEPS_A_DAY + 5)
    write(101.0)
    with pytest.raises(ResultsError, match="a weather or price file has changed"):
        run_scenario(scenario, out=path, resume=True)
    write(100.0)
    assert run_scenario(scenario, out=path, resume=True).kpis["simulated_days"] == 2


def test_nothing_to_go_on_with_is_refused(tmp_path: Path) -> None:
    scenario, path = load_scenario("naples-small", [*SMALL, "period.days=1"]), tmp_path / "run.h5"
    with pytest.raises(ResultsError, match="is not there"):
        run_scenario(scenario, out=path, resume=True)
    run_scenario(scenario, out=path)
    with pytest.raises(ResultsError, match="is complete: there is nothing to resume"):
        run_scenario(scenario, out=path, resume=True)


@pytest.mark.parametrize("days", [1, 2])
def test_a_run_that_ended_before_its_figures_were_worked_out_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, equal_to_the_bit: Same
) -> None:
    options = ["period.start=2025-03-30", f"period.days={days}", "period.warmup_days=1"]  # 23 hours first
    scenario, path = load_scenario("naples-small", options), tmp_path / "run.h5"
    run_scenario(scenario, out=tmp_path / "whole.h5")

    def killed(*_given: Any) -> None:
        raise Killed

    with monkeypatch.context() as given:
        given.setattr(runner, "_finish", killed)
        with pytest.raises(Killed):
            run_scenario(scenario, out=path)
    with open_run(path) as run:
        assert (run.committed, run.complete) == (STEPS_A_DAY * days - 4, False)
    run_scenario(scenario, out=path, resume=True)
    equal_to_the_bit(path, tmp_path / "whole.h5")
