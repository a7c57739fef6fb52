"""The chain of what is tried when a solve fails, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest

from recosim.controllers.mpc import Mpc
from recosim.errors import ControllerError

SCENE = ("naples", "2025-01-14", "community.size=3")


@pytest.fixture
def controller(scene):
    made = Mpc()
    made.reset(scene(*SCENE).plant.community, 1)
    return made


def decide(controller, here, step, rng, **changes):
    forecast = here.forecast(step)
    if changes:
        forecast = replace(forecast, **changes)
    return controller.decide(here.observation(step, rng), forecast)


def test_each_decision_says_how_it_was_made(scene, controller):
    decide(controller, scene(*SCENE), 30, np.random.default_rng(1))
    record = controller.record
    assert record["status"] in ("optimal", "gap")
    assert record["fallback"] == record["reason"] == ""
    assert record["bound_eur"] <= record["objective_eur"] + 1e-9


def test_nan_in_a_forecast_continues_the_last_plan_and_names_what_is_wrong(scene, controller):
    here, rng = scene(*SCENE), np.random.default_rng(2)
    decide(controller, here, 30, rng)
    planned = {name: values.copy() for name, values in controller._plan.asked.items()}
    load = here.forecast(31).power_load_kw.copy()
    load[5, 1] = np.nan
    asked = decide(controller, here, 31, rng, power_load_kw=load)
    assert controller.record["fallback"] == "last plan"
    assert "pod.given.power_net_kw" in controller.record["reason"]
    # step 30 is the third quarter of its hour, so step 31 is slot 3 of the same plan
    assert np.array_equal(asked["power_charge_kw"], planned["power_charge_kw"][:, 3])


def test_without_any_plan_every_device_follows_its_own_rule(scene, controller):
    here = scene(*SCENE)
    load = np.full_like(here.forecast(30).power_load_kw, np.nan)
    asked = decide(controller, here, 30, np.random.default_rng(3), power_load_kw=load)
    assert list(asked) == []
    assert controller.record["fallback"] == "local rules"


def test_after_a_bad_forecast_the_next_decision_is_as_good_as_ever(scene, controller):
    here = scene(*SCENE)
    load = np.full_like(here.forecast(30).power_load_kw, np.nan)
    decide(controller, here, 30, np.random.default_rng(3), power_load_kw=load)
    decide(controller, here, 31, np.random.default_rng(4))
    fresh = Mpc()
    fresh.reset(here.plant.community, 1)
    decide(fresh, here, 31, np.random.default_rng(4))
    assert controller.record["objective_eur"] == pytest.approx(fresh.record["objective_eur"], rel=1e-6)


def test_a_solver_cut_short_applies_nothing_unflagged(scene):
    here = scene(*SCENE)
    cut = Mpc(iteration_limit=1)
    cut.reset(here.plant.community, 1)
    asked = decide(cut, here, 30, np.random.default_rng(5))
    if cut.record["fallback"] == "local rules":
        assert list(asked) == []
    else:  # presolve or the interior-point method may need no simplex iteration
        assert cut.record["fallback"] in ("afresh simplex", "afresh ipm")
    assert cut.record["reason"] != ""


def test_rooms_at_five_degrees_are_no_reason_to_fail(scene, controller):
    here, rng = scene(*SCENE), np.random.default_rng(6)
    cold = np.full(3, 5.0)
    observation = here.observation(30, rng, temp_indoor_degc=cold, temp_mass_degc=cold)
    controller.decide(observation, here.forecast(30))
    assert controller.record["fallback"] == ""


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"iteration_limit": 0}, "iteration_limit = 0"),
        ({"gap_relative": -1.0}, "gap_relative = -1.0"),
        ({"horizon": "daily"}, "horizon = 'daily'"),
        ({"branch_limit": "x"}, "branch_limit = 'x'"),
        ({"iteration_limit": True}, "iteration_limit = True"),
        ({"iteration_limit": 2.5}, "iteration_limit = 2.5"),
        ({"horizon": [True] * 4}, "horizon = "),
        ({"horizon": [3, 3]}, "crosses an hour"),
        ({"horizon": [4] * 25}, "4 single steps first"),
        ({"horizon": [2, 2] + [4] * 24}, "4 single steps first"),
    ],
)
def test_options_out_of_range_are_refused_at_once(options, what):
    with pytest.raises(ControllerError, match=what):
        Mpc(**options)
