"""Trips: as far as asked, while the driver is out or by the clock, and nobody else's dice."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from recosim.scenarios.car_trips import CarUse, absences_by_clock
from recosim.scenarios.cars import use_of
from recosim.scenarios.household_year import local_year
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.occupancy import Household, household_series, household_tables
from recosim.scenarios.runner import build_plant
from recosim.scenarios.schema.car import Car
from recosim.timegrid import TimeGrid

YEAR = TimeGrid.from_local_date("2025-01-01", 365)
KM = ("distance_weekday_km", "distance_saturday_km", "distance_sunday_km")
BY_CLOCK = Car(departure_h=22.0, arrival_h=6.5, distance_saturday_km=0.0, distance_sunday_km=0.0)
HOMES = [
    Household(
        name=f"home-{i}",
        n_people=n,
        kind=kind,
        energy_base_kwh_per_year=2000.0,
        power_contract_kw=3.0,
        car=None if car is None else use_of(car),
    )
    for i, (n, kind, car) in enumerate(
        [(2, "working", Car()), (3, "family", None), (1, "retired", Car()), (4, "family", BY_CLOCK)]
    )
]


@pytest.fixture(scope="module")
def year():
    return household_series(HOMES, YEAR, seed=3)


@pytest.fixture(scope="module")
def day_type():
    return local_year(2025, "Europe/Rome", household_tables(), 41.9, 12.5).day_type


def test_energy_of_a_year_by_day_type(year, day_type):
    assert year.power_trip_kw.shape == (YEAR.n_steps, 3), "only who has a car"
    kwh = year.power_trip_kw.sum(axis=0, dtype=np.float64) / 4
    days = np.bincount(day_type[::96][:365], minlength=3)
    assert days.tolist() == [251, 51, 63]
    expected = 0.19 * days @ np.array([29.0, 28.0, 24.0])
    assert kwh[0] == pytest.approx(expected, rel=1e-5)
    # one who is seldom out drives so far that once the battery does not last
    assert kwh[1] == pytest.approx(expected, rel=0.01)
    assert kwh[2] == pytest.approx(0.19 * 251 * 29.0, rel=1e-5)
    # what ISTAT found in a year, within 1 %
    assert expected / 0.19 == pytest.approx(10_231, rel=0.01)


def trips_of(power):
    away = np.concatenate([[False], power > 0.0, [False]]).astype(int)
    starts, stops = np.flatnonzero(np.diff(away) > 0), np.flatnonzero(np.diff(away) < 0)
    return starts, stops


def test_a_car_is_away_only_while_somebody_is(year):
    for column, home in ((0, 0), (1, 2)):
        starts, stops = trips_of(year.power_trip_kw[:, column])
        away = year.power_trip_kw[:, column] > 0.0
        assert (year.occupants_home[away, home] < HOMES[home].n_people).all()
        assert 150 < len(starts) < 600
        assert (stops - starts >= 2).all()
    # the only one at home is the driver: two thirds of the absences are by car
    alone = year.occupants_home[:, 2] == 0
    starts, stops = trips_of(alone.astype(float))
    by_car = year.power_trip_kw[starts, 1] > 0.0
    assert by_car[stops - starts >= 2].mean() == pytest.approx(0.65, abs=0.1)


def test_by_the_clock(year, day_type):
    starts, stops = trips_of(year.power_trip_kw[:, 2])
    local = YEAR.hour_of_day_local
    leaves = np.where(local[starts] < 12.0, local[starts] + 24.0, local[starts])
    assert leaves.mean() == pytest.approx(22.0, abs=0.15)
    assert leaves.std() == pytest.approx(0.5, abs=0.1)
    assert local[stops[:-1]].mean() == pytest.approx(6.5, abs=0.15)
    # a night that begins on Friday ends on Saturday
    weekdays = day_type[np.maximum(starts - 8, 0)] == 0
    assert weekdays.mean() > 0.95


def test_without_spread_the_wall_clock_counts_when_clocks_change():
    year = local_year(2025, "Europe/Rome", household_tables(), 41.9, 12.5)
    starts, stops = absences_by_clock(year, (7.5, 18.0), 0.0, np.random.default_rng(1))
    assert len(starts) == 365
    assert (year.hour[starts] == 7.5).all()
    assert (year.hour[stops] == 18.0).all()
    early, _ = absences_by_clock(year, (2.5, 18.0), 0.0, np.random.default_rng(1))
    assert len(early) == 365, "also where the hour comes never or twice"


def test_longer_trips_are_charged_on_the_way():
    far = CarUse(distance_km=(300.0, 300.0, 300.0), consumption_kwh_per_km=0.2, trip_most_kwh=40.0)
    made = household_series([replace(HOMES[0], car=far)], YEAR, seed=3)
    power = made.power_trip_kw[:, 0].astype(np.float64)
    starts, stops = trips_of(power)
    kwh = np.array([power[a:b].sum() / 4 for a, b in zip(starts, stops, strict=True)])
    assert kwh.max() == pytest.approx(40.0, rel=1e-5)
    assert (kwh > 39.9).sum() > 50


def test_other_series_do_not_notice(year):
    without = household_series([replace(home, car=None) for home in HOMES], YEAR, seed=3)
    assert without.power_trip_kw.shape == (YEAR.n_steps, 0)
    np.testing.assert_array_equal(without.power_load_kw, year.power_load_kw)
    np.testing.assert_array_equal(without.occupants_awake, year.occupants_awake)
    np.testing.assert_array_equal(without.occupants_home, year.occupants_home)


def test_a_window_is_cut_out_of_the_year_and_seeds_differ(year):
    part = YEAR.part(1000, 500)
    cut = household_series(HOMES, part, seed=3).power_trip_kw
    np.testing.assert_array_equal(cut, year.power_trip_kw[1000:1500])
    assert (household_series(HOMES, part, seed=4).power_trip_kw != cut).any()


def test_from_the_scenario_to_the_wall_box():
    given = (
        "period.days=2",
        "period.warmup_days=0",
        "community.dwellings[1].car={power_kw: 7.4, capacity_kwh: 42}",
        "community.dwellings[4].car={departure_h: 8, arrival_h: 17.5, spread_minutes: 0}",
    )
    plant = build_plant(load_scenario("naples", given))
    devices = plant.community.devices["car"]
    assert devices.names == ("flat-02-car", "flat-05-car")
    assert devices.node.tolist() == [1, 4]
    assert devices.parameters.power_max_kw.tolist() == [7.4, 3.7]
    assert devices.parameters.capacity_kwh.tolist() == [42.0, 50.0]
    trips = plant.series.trips
    assert trips.power_trip_kw.shape == (plant.series.grid.n_steps, 2)
    away = np.flatnonzero(trips.power_trip_kw[:96, 1] > 0.0)  # New Year's Day has its trip too
    assert away.tolist() == list(range(32, 70))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"departure_h": 8.0, "arrival_h": 18.0, "share_by_car": 0.5}, "share_by_car says nothing beside"),
        (dict.fromkeys(KM, 0.0), "a car that never drives"),
        ({"share_by_car": 0.0}, "greater than or equal to 0.01"),
        ({"state_min": 1.0}, "less than 1"),
    ],
)
def test_what_would_say_nothing_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Car(**given)


def test_the_same_share_has_a_car_at_any_size():
    given = ("community.size=25", "community.dwellings[0].car={}", "community.dwellings[3].car={}")
    flats = load_scenario("naples-small", given).community.dwellings
    assert sum(flat.car is not None for flat in flats) == 5
