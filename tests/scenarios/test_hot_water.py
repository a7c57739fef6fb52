"""Hot water drawn: as much as asked, when the profile says, by who is at home, and nobody else's dice."""

from dataclasses import replace

import numpy as np
import pytest

from recosim.errors import ScenarioError
from recosim.scenarios.hot_water import PROFILE_PERCENT, expected_volume_l
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.occupancy import Household, household_series
from recosim.scenarios.runner import build_plant
from recosim.timegrid import TimeGrid

YEAR = TimeGrid.from_local_date("2025-01-01", 365)
HOMES = [
    Household(
        name=f"home-{i}",
        n_people=n,
        kind=kind,
        energy_base_kwh_per_year=2000.0,
        power_contract_kw=3.0,
        hot_water_l_per_day=litres,
    )
    for i, (n, kind, litres) in enumerate([(2, "working", 90.0), (3, "family", 0.0), (4, "family", 160.0)])
]


@pytest.fixture(scope="module")
def year():
    return household_series(HOMES, YEAR, seed=3)


def test_volume_of_a_year(year):
    assert year.volume_hot_water_l.shape == (YEAR.n_steps, 2), "only who has hot water"
    assert (year.volume_hot_water_l >= 0.0).all()
    total = year.volume_hot_water_l.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(total, 365 * np.array([90.0, 160.0]), rtol=1e-6)


def test_the_profile_holds_on_average(year):
    hour = YEAR.hour_of_day_local.astype(int)
    expected = expected_volume_l(90.0, YEAR.hour_of_day_local, year.occupants_awake[:, 0])
    by_hour = 100.0 * np.bincount(hour, expected, 24) / expected.sum()
    profile = 100.0 * np.array(PROFILE_PERCENT) / sum(PROFILE_PERCENT)
    np.testing.assert_allclose(by_hour, profile, atol=1e-9)
    drawn = year.volume_hot_water_l.sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(100.0 * np.bincount(hour, drawn, 24) / drawn.sum(), profile, atol=1.5)


def test_nobody_draws_where_nobody_is_awake(year):
    hour = YEAR.hour_of_day_local.astype(int)
    for column, home in enumerate((0, 2)):
        awake = year.occupants_awake[:, home] > 0
        ever = np.bincount(hour, awake, 24)[hour] > 0
        assert year.volume_hot_water_l[~awake & ever, column].sum() == 0.0


def test_other_series_do_not_notice(year):
    dry = household_series([replace(home, hot_water_l_per_day=0.0) for home in HOMES], YEAR, seed=3)
    assert dry.volume_hot_water_l.shape == (YEAR.n_steps, 0)
    np.testing.assert_array_equal(dry.power_load_kw, year.power_load_kw)
    np.testing.assert_array_equal(dry.occupants_awake, year.occupants_awake)


def test_a_window_is_cut_out_of_the_year_and_seeds_differ(year):
    part = YEAR.part(1000, 500)
    cut = household_series(HOMES, part, seed=3).volume_hot_water_l
    np.testing.assert_array_equal(cut, year.volume_hot_water_l[1000:1500])
    assert (household_series(HOMES, part, seed=4).volume_hot_water_l != cut).any()


def test_bad_volume():
    with pytest.raises(ScenarioError, match="hot_water_l_per_day = -1"):
        replace(HOMES[0], hot_water_l_per_day=-1.0)


def test_from_the_scenario_to_the_tap():
    given = (
        "period.days=2",
        "period.warmup_days=0",
        "community.dwellings[1].hot_water={litres_per_person_day: 50}",
        "community.dwellings[4].hot_water={kind: heat_pump, volume_l: 200, power_kw: 0.5}",
    )
    plant = build_plant(load_scenario("naples", given))
    heaters = plant.community.devices["water_heater"]
    assert heaters.names == ("flat-02-hot-water", "flat-05-hot-water")
    assert heaters.node.tolist() == [1, 4]
    assert heaters.parameters.heat_pump.tolist() == [False, True]
    assert heaters.parameters.power_max_kw.tolist() == [1.2, 0.5]
    heat = plant.series.heat_hot_water_kw
    assert heat.shape == (plant.series.grid.n_steps, 2)
    # two people; 50 l from about 8.8 degC to 40 degC in January
    kwh = heat[: 2 * 96].sum(axis=0) / 4 / 2
    assert (kwh > 0.5).all()
    assert (kwh < 12.0).all()


def test_the_same_share_has_hot_water_at_any_size():
    given = (
        "community.size=25",
        "community.dwellings[0].hot_water={}",
        "community.dwellings[3].hot_water={}",
    )
    flats = load_scenario("naples-small", given).community.dwellings
    assert sum(flat.hot_water is not None for flat in flats) == 5
