"""What a controller leaves to the devices' own rules: foreseen, and not asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.controllers.left_alone import LeftAlone
from recosim.controllers.mpc import Mpc
from recosim.controllers.stochastic import StochasticMpc
from recosim.errors import ControllerError
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

JULY = ("naples", "2025-07-14")


@pytest.fixture(scope="module")
def july(scene: Callable[..., Any]) -> Any:
    return scene(*JULY)


def test_own_rules_do_what_was_foreseen(july: Any, tmp_path: Path) -> None:
    overrides = ["period.start=2025-07-14", "period.days=1", "period.warmup_days=0"]
    path = tmp_path / "rules.h5"
    run_scenario(load_scenario("naples", overrides), controller="rules", out=path)
    community = july.plant.community
    battery = community.devices["battery"].parameters
    left = LeftAlone([], "mpc")
    left.reset(community)
    begins = july.observation(
        0,
        np.random.default_rng(0),
        temp_indoor_degc=np.full(10, 20.0),
        temp_mass_degc=np.full(10, 20.0),
        energy_battery_kwh=battery.state_min * battery.capacity_kwh,
    )
    known = july.forecast(0)
    foreseen = (left.foreseen(begins, known).power_load_kw - known.power_load_kw)[:96]
    with open_run(path) as run:
        hvac = run.values("dwelling", "power_cooling_kw") + run.values("dwelling", "power_heating_kw")
        charge = run.values("battery", "power_charge_kw") - run.values("battery", "power_discharge_kw")
    devices = community.devices
    n_pods = len(community.pods)
    done = devices["dwelling"].at_nodes(hvac, n_pods) + devices["battery"].at_nodes(charge, n_pods)
    assert np.abs(hvac).sum() > 0.0
    assert np.abs(charge).sum() > 0.0
    # a thermostat that starts early does a little sooner what was foreseen
    assert foreseen.sum() == pytest.approx(done.sum(), rel=0.05)
    assert np.abs(foreseen - done).sum() < 0.1 * np.abs(done).sum()


@pytest.mark.parametrize(
    ("controls", "asked"),
    [
        ([], set()),
        (["battery"], {"power_charge_kw", "power_discharge_kw"}),
        (["hvac"], {"power_heating_kw", "power_cooling_kw", "temp_heating_degc", "temp_cooling_degc"}),
    ],
)
@pytest.mark.parametrize("futures", [None, {"n_pv": 1, "n_load": 2}])
def test_only_what_is_decided_is_asked_for(
    july: Any, futures: dict[str, int] | None, controls: list[str], asked: set[str]
) -> None:
    controller = Mpc(controls=controls) if futures is None else StochasticMpc(**futures, controls=controls)
    controller.reset(july.plant.community, seed=1)
    setpoints = controller.decide(july.observation(48, np.random.default_rng(1)), july.forecast(48))
    assert set(setpoints) == asked
    assert controller.record["status"] in ("optimal", "gap")


def test_everything_decided_is_as_without_the_option(july: Any) -> None:
    observation, forecast = july.observation(48, np.random.default_rng(2)), july.forecast(48)
    decided = []
    for options in ({}, {"controls": ["hvac", "battery"]}):
        controller = Mpc(**options)  # type: ignore[arg-type]
        controller.reset(july.plant.community, seed=1)
        decided.append(controller.decide(observation, forecast))
    first, second = decided
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_a_battery_plan_knows_what_thermostats_will_take(july: Any) -> None:
    left = LeftAlone(["battery"], "mpc")
    assert left.reset(july.plant.community) is july.plant.community
    known = july.forecast(48)
    foreseen = left.foreseen(july.observation(48, np.random.default_rng(3)), known)
    added = foreseen.power_load_kw - known.power_load_kw
    assert added.min() >= 0.0
    assert added[:, :10].sum() > 1.0
    assert not foreseen.cooling_season.any()
    assert not foreseen.occupied.any()


@pytest.mark.parametrize(
    "override", ["community.shiftable_appliances=true", "community.dwellings[0].hot_water={}"]
)
def test_what_is_not_foreseen_is_refused(scene: Callable[..., Any], override: str) -> None:
    controller = Mpc(controls=["battery"])
    with pytest.raises(ControllerError, match="mpc.controls beside devices of kind"):
        controller.reset(scene(*JULY, override).plant.community, seed=1)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ControllerError, match="mpc.controls = \\['heater'\\], allowed: a list of hvac"):
        Mpc(controls=["heater"])
