"""Each apartment by itself: one programme for all, in which nobody's decision depends on anybody else's."""

from dataclasses import replace

import numpy as np
import pytest

from recosim.controllers.individual import MpcIndividual
from recosim.controllers.mpc import Mpc

SCENE = ("naples", "2025-07-14", "community.size=5")
STEP = 38  # half past nine, with surplus and load


def decided(controller, here, forecast):
    controller.reset(here.plant.community, 1)
    asked = controller.decide(here.observation(STEP, np.random.default_rng(4)), forecast)
    return asked, controller.record["objective_eur"]


def without_rates(forecast):
    none = np.zeros(forecast.grid.n_steps)
    return replace(forecast, shared=tuple(replace(t, rate_eur_per_kwh=none) for t in forecast.shared))


def test_what_sharing_pays_changes_nothing(scene):
    here = scene(*SCENE)
    forecast = here.forecast(STEP)
    asked, value = decided(MpcIndividual(), here, forecast)
    same, value_without = decided(MpcIndividual(), here, without_rates(forecast))
    assert value == value_without
    for name in asked:
        np.testing.assert_array_equal(asked[name], same[name])


def test_it_is_the_community_that_is_paid_nothing(scene):
    here = scene(*SCENE)
    forecast = here.forecast(STEP)
    _, value = decided(MpcIndividual(), here, forecast)
    _, value_community = decided(Mpc(), here, without_rates(forecast))
    _, value_sharing = decided(Mpc(), here, forecast)
    assert value == pytest.approx(value_community, rel=1e-6)
    assert value_sharing < value - 0.1


def test_costs_add_up_over_apartments(scene):
    here = scene(*SCENE)
    forecast = here.forecast(STEP)

    def value(load_kw):
        return decided(MpcIndividual(), here, replace(forecast, power_load_kw=load_kw))[1]

    base = forecast.power_load_kw
    heavier = [base + 0.3 * (np.arange(base.shape[1]) == p) for p in (2, 3)]
    extra = [value(load) - value(base) for load in heavier]
    both = value(heavier[0] + heavier[1] - base) - value(base)
    assert both == pytest.approx(sum(extra), abs=1e-6)
    assert min(extra) > 0.1
