from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.forecasts import make_forecasts
from recosim.controllers.model_error import MisinformedController, perturbed
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import build_plant, run_scenario
from recosim.scenarios.world import Plant
from recosim.simulators.physics.heat_pump import cop, eer

CONDUCTANCES = (
    "conductance_air_outdoor_w_per_k",
    "conductance_air_mass_w_per_k",
    "conductance_mass_solair_w_per_k",
    "conductance_mass_outdoor_w_per_k",
)
CAPACITIES = ("capacity_air_j_per_k", "capacity_mass_j_per_k")


@cache
def plant_of(size: int = 10) -> Plant:
    given = ("period.start=2025-07-14", "period.days=1", "period.warmup_days=0", f"community.size={size}")
    return build_plant(load_scenario("naples", given))


def network(community: Community) -> Any:
    return community.devices["dwelling"].parameters.network


def ratio(one: Any, other: Any, name: str) -> FloatArray:
    return np.asarray(getattr(one, name) / getattr(other, name))


def test_without_errors_nothing_changes() -> None:
    community = plant_of().community
    assert perturbed(community, seed=3) is community


def test_resistance_and_capacity() -> None:
    community = plant_of().community
    believed = network(perturbed(community, seed=3, resistance=0.1, capacity=0.2))
    true = network(community)
    resistance = 1.0 / ratio(believed, true, CONDUCTANCES[0])
    capacity = ratio(believed, true, CAPACITIES[0])
    assert 0.03 < np.abs(resistance - 1.0).max() <= 0.1
    assert 0.1 < np.abs(capacity - 1.0).max() <= 0.2
    assert len(np.unique(resistance)) == len(resistance)
    assert abs(np.corrcoef(resistance, capacity)[0, 1]) < 0.9
    for name in CONDUCTANCES:
        np.testing.assert_allclose(1.0 / ratio(believed, true, name), resistance)
    np.testing.assert_allclose(ratio(believed, true, CAPACITIES[1]), capacity)
    for item in fields(true):
        if item.name not in (*CONDUCTANCES, *CAPACITIES):
            np.testing.assert_array_equal(getattr(believed, item.name), getattr(true, item.name))


def test_cop_and_eer_carry_the_same_factor() -> None:
    community = plant_of().community
    believed = perturbed(community, seed=3, cop=0.1).devices["dwelling"].parameters
    true = community.devices["dwelling"].parameters
    one, other = believed.air_conditioner, true.air_conditioner
    factor = cop(one, 5.0) / cop(other, 5.0)
    assert 0.03 < np.abs(factor - 1.0).max() <= 0.1
    np.testing.assert_allclose(eer(one, 33.0) / eer(other, 33.0), factor)
    for name in CONDUCTANCES:
        np.testing.assert_array_equal(getattr(believed.network, name), getattr(true.network, name))


def test_the_same_factor_falls_to_units_of_both_kinds() -> None:
    given = ("period.start=2025-07-14", "period.days=1", "community.dwellings[2].hvac.kind=air_to_water")
    community = build_plant(load_scenario("naples", given)).community
    one, other = (
        which.devices["dwelling"].parameters.air_conditioner
        for which in (perturbed(community, seed=3, cop=0.1), community)
    )
    splits = [
        which.devices["dwelling"].parameters.air_conditioner
        for which in (perturbed(plant_of().community, seed=3, cop=0.1), plant_of().community)
    ]
    assert cop(other, 5.0)[2] != cop(other, 5.0)[1]
    np.testing.assert_allclose(cop(one, 5.0) / cop(other, 5.0), cop(splits[0], 5.0) / cop(splits[1], 5.0))
    np.testing.assert_allclose(eer(one, 33.0) / eer(other, 33.0), cop(one, 5.0) / cop(other, 5.0))


@pytest.mark.parametrize("kind", ["perfect", "persistence", "medium"])
def test_photovoltaics_reach_the_forecast_in_all_weathers(kind: str) -> None:
    plant = plant_of()
    believed = perturbed(plant.community, seed=3, photovoltaics=0.3)
    one, other = (
        make_forecasts(kind, community, plant.series, plant.exposure, 96, 3).at(0)
        for community in (plant.community, believed)
    )
    nominal = [
        c.devices["photovoltaics"].parameters.plant.power_nominal_kw for c in (plant.community, believed)
    ]
    factor = nominal[1] / nominal[0]
    assert 0.0 < np.abs(factor - 1.0).max() <= 0.3
    assert other.power_pv_kw.max() > 1.0
    np.testing.assert_allclose(other.power_pv_kw, one.power_pv_kw * factor, atol=1e-12)
    np.testing.assert_array_equal(other.power_load_kw, one.power_load_kw)
    np.testing.assert_array_equal(other.heat_solar_kw, one.heat_solar_kw)


def test_the_plant_is_left_alone() -> None:
    community = plant_of().community
    before = {name: getattr(network(community), name).copy() for name in (*CONDUCTANCES, *CAPACITIES)}
    believed = perturbed(community, seed=3, resistance=0.4, capacity=0.4, cop=0.4, photovoltaics=0.4)
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(network(community), name), values)
    assert believed.devices.get("battery") is community.devices.get("battery")
    assert believed.pods is community.pods
    assert believed.tariff is community.tariff


def test_factors_are_seeded_each_for_itself() -> None:
    community = plant_of().community
    one = network(perturbed(community, seed=3, resistance=0.1))
    same = network(perturbed(community, seed=3, resistance=0.1, capacity=0.2, cop=0.3))
    other = network(perturbed(community, seed=4, resistance=0.1))
    wider = network(perturbed(community, seed=3, resistance=0.2))
    name = CONDUCTANCES[0]
    np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(getattr(one, name), getattr(other, name))
    true = network(community)
    twice = (1.0 / ratio(one, true, name) - 1.0) * 2.0
    np.testing.assert_allclose(1.0 / ratio(wider, true, name) - 1.0, twice)
    larger = plant_of(12).community
    more = network(perturbed(larger, seed=3, resistance=0.1))
    np.testing.assert_allclose(ratio(more, network(larger), name)[:10], ratio(one, true, name))


def test_factors_fill_their_range() -> None:
    community = plant_of().community
    true = network(community)
    drawn = np.concatenate(
        [
            ratio(network(perturbed(community, seed=seed, capacity=0.2)), true, CAPACITIES[0])
            for seed in range(100)
        ]
    )
    assert drawn.min() == pytest.approx(0.8, abs=0.01)
    assert drawn.max() == pytest.approx(1.2, abs=0.01)
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.std() == pytest.approx(0.2 / np.sqrt(3.0), rel=0.05)


@pytest.mark.parametrize("value", [-0.1, 0.5, float("nan")])
@pytest.mark.parametrize("name", ["resistance", "capacity", "cop", "photovoltaics"])
def test_out_of_range(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"model_error.{name} = .*, allowed \[0, 0.5\)"):
        perturbed(plant_of().community, seed=0, **{name: value})


class Learner:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.record = {"status": "learnt"}

    def reset(self, community: Community, seed: int) -> None:
        self.community, self.seed = community, seed

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        return Setpoints(power_charge_kw=[0.25])


def test_a_misinformed_controller() -> None:
    community = plant_of().community
    believed = perturbed(community, seed=3, cop=0.1)
    learner = Learner()
    controller: Any = MisinformedController(learner, believed)
    controller.reset(community, 5)
    told, wrong, true = (
        c.devices["dwelling"].parameters.air_conditioner.cop_nominal
        for c in (learner.community, believed, community)
    )
    assert told.tolist() == wrong.tolist()
    assert (told != true).all()
    assert learner.seed == 5
    assert controller.decide(None, None)["power_charge_kw"].tolist() == [0.25]
    assert controller.record is learner.record
    assert not hasattr(controller, "get_state")


@pytest.mark.slow
def test_a_july_day_with_wrong_forecasts_and_a_wrong_model(tmp_path: Path) -> None:
    given = ("period.start=2025-07-14", "period.days=1", "controller.name=mpc")
    wrong = ("forecast=medium", *(f"model_error.{name}=0.1" for name in ("resistance", "capacity", "cop")))
    runs = [
        run_scenario(load_scenario("naples", (*given, *more)), out=tmp_path / f"{i}.h5").kpis
        for i, more in enumerate(((), (*wrong, "model_error.photovoltaics=0.1")))
    ]
    assert [kpis["solve_failures"] for kpis in runs] == [0, 0]
    assert runs[1]["balance_residual_kwh"] == pytest.approx(0.0, abs=1e-9)
    # what comes is the same, what is decided is not
    assert runs[1]["energy_pv_kwh"] == pytest.approx(runs[0]["energy_pv_kwh"])
    assert runs[1]["energy_load_kwh"] == runs[0]["energy_load_kwh"]
    assert runs[1]["energy_hvac_kwh"] != runs[0]["energy_hvac_kwh"]
