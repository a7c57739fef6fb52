"""Prices lead to nearly what one programme for the whole community finds, and the record says how near."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from recosim.controllers.individual import MpcIndividual
from recosim.controllers.mpc import Mpc
from recosim.controllers.price import MpcPrice
from recosim.controllers.price_agreement import Coordinator
from recosim.errors import ControllerError

SCENE = ("naples", "2025-07-14", "community.size=6")
STEP = 38


def decided(controller, here, forecast=None, step=STEP):
    controller.reset(here.plant.community, 1)
    seen = here.observation(step, np.random.default_rng(4))
    asked = controller.decide(seen, here.forecast(step) if forecast is None else forecast)
    return asked, controller.record


@pytest.mark.parametrize("start", ["2025-07-14", "2025-01-14", "2025-10-14"])
def test_prices_find_most_of_what_sharing_gains(scene, start):
    here = scene("naples", start, "community.size=6")
    _, together = decided(Mpc(), here)
    asked, priced = decided(MpcPrice(), here)
    assert priced["bound_eur"] <= together["objective_eur"] + 1e-6
    assert priced["bound_eur"] <= priced["objective_eur"]
    # what apartments would do by themselves, and what that is worth to the community
    _, alone = decided(MpcPrice(price_plans=1, price_rounds=1), here)
    assert alone["objective_eur"] >= priced["objective_eur"]
    gap = priced["objective_eur"] - together["objective_eur"]
    assert gap < 0.1 * (alone["objective_eur"] - together["objective_eur"]) + 5e-3
    assert priced["fallback"] == ""
    assert all(np.isfinite(asked[name]).all() for name in ("power_charge_kw", "power_discharge_kw"))


@pytest.mark.parametrize(
    ("name", "override"),
    [("naples", "settlement.configuration=NONE"), ("naples-small", "community.plants=[]")],
)
def test_without_sharing_each_apartment_keeps_its_own_plan(scene, name, override):
    here = scene(name, "2025-07-14", "community.size=3", override)
    asked, priced = decided(MpcPrice(), here)
    _, alone = decided(MpcIndividual(), here)
    assert (priced["price_rounds"], priced["price_plans"], priced["price_residual_kwh"]) == (0, 1, 0.0)
    assert priced["status"] == "optimal"
    assert priced["objective_eur"] == pytest.approx(alone["objective_eur"], abs=1e-6)
    assert np.isfinite(asked["power_cooling_kw"]).any()


def test_more_rounds_and_plans_come_nearer(scene):
    here = scene(*SCENE)
    gaps = []
    for rounds, plans in ((5, 1), (60, 6), (300, 20)):
        _, record = decided(MpcPrice(price_rounds=rounds, price_plans=plans, price_tolerance_kwh=0.0), here)
        assert record["price_rounds"] <= rounds
        assert record["price_plans"] <= plans + 2
        gaps.append(record["objective_eur"] - record["bound_eur"])
    assert gaps[0] > gaps[1] > gaps[2] >= 0.0


def test_rounds_that_end_without_agreement_say_so(scene):
    _, record = decided(MpcPrice(price_rounds=12, price_tolerance_kwh=0.0), scene(*SCENE))
    assert record["price_rounds"] == 12
    assert record["price_residual_kwh"] > 0.0
    assert record["status"] == "gap"
    assert record["fallback"] == ""


def test_without_money_for_sharing_apartments_are_by_themselves(scene):
    here = scene(*SCENE)
    forecast = here.forecast(STEP)
    none = np.zeros(forecast.grid.n_steps)
    unpaid = replace(forecast, shared=tuple(replace(t, rate_eur_per_kwh=none) for t in forecast.shared))
    _, alone = decided(MpcIndividual(), here)
    _, record = decided(MpcPrice(), here, unpaid)
    assert record["objective_eur"] == pytest.approx(alone["objective_eur"], rel=1e-6)
    assert record["price_rounds"] == 0


def test_the_community_hears_net_exchanges_only():
    parameters = inspect.signature(Coordinator.respond).parameters
    assert list(parameters) == ["self", "exchange_kwh"]


def test_several_premiums(scene):
    here = scene(
        "naples",
        "2025-07-14",
        "community.size=6",
        "community.plants[0].grant_percent=40",
    )
    _, together = decided(Mpc(), here)
    _, priced = decided(MpcPrice(price_plans=12, price_rounds=200), here)
    assert len(here.forecast(STEP).shared) > 1  # flats' plants have no grant
    assert priced["objective_eur"] - together["objective_eur"] < 0.02
    assert priced["bound_eur"] <= together["objective_eur"] + 1e-6


WITHDRAW_ONLY = [
    f"community.dwellings[{i}].{what}=null" for i in (2, 3, 5, 8) for what in ("battery", "photovoltaics")
]


@pytest.mark.parametrize("overrides", [WITHDRAW_ONLY, ["community.size=1"]])
def test_flats_that_only_withdraw_and_a_single_one(scene, overrides):
    here = scene("naples", "2025-07-14", *overrides)
    _, together = decided(Mpc(), here)
    _, priced = decided(MpcPrice(), here)
    _, alone = decided(MpcPrice(price_plans=1, price_rounds=1), here)
    gap = priced["objective_eur"] - together["objective_eur"]
    assert gap < 0.15 * (alone["objective_eur"] - together["objective_eur"])
    assert priced["bound_eur"] <= together["objective_eur"] + 1e-6


def test_prices_of_the_last_decision_are_where_the_next_begins(scene):
    here, controller = scene(*SCENE), MpcPrice()
    _, first = decided(controller, here)
    rng = np.random.default_rng(4)
    controller.decide(here.observation(STEP + 1, rng), here.forecast(STEP + 1))
    second = controller.record
    assert second["price_plans"] < first["price_plans"]
    cold = MpcPrice()
    cold.reset(here.plant.community, 1)
    cold.decide(here.observation(STEP + 1, np.random.default_rng(4)), here.forecast(STEP + 1))
    assert cold.record["price_plans"] == first["price_plans"]


def test_nan_in_a_forecast_continues_the_last_plan(scene):
    here, controller = scene(*SCENE), MpcPrice()
    decided(controller, here)
    forecast = here.forecast(STEP + 1)
    load = forecast.power_load_kw.copy()
    load[5, 1] = np.nan
    broken = replace(forecast, power_load_kw=load)
    controller.decide(here.observation(STEP + 1, np.random.default_rng(2)), broken)
    assert controller.record["fallback"] == "last plan"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"price_rounds": 0}, "price_rounds = 0"),
        ({"price_plans": True}, "price_plans = True"),
        ({"price_plans": 2.5}, "price_plans = 2.5"),
        ({"price_tolerance_kwh": -1.0}, "price_tolerance_kwh = -1.0"),
        ({"price_tolerance_kwh": float("nan")}, "price_tolerance_kwh = nan"),
        ({"horizon": "daily"}, "horizon = 'daily'"),
    ],
)
def test_options_out_of_range_are_refused_at_once(options, what):
    with pytest.raises(ControllerError, match=what):
        MpcPrice(**options)
