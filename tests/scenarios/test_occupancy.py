"""Household series: energy, shapes, independence of the window and of the neighbours."""

import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from recosim.errors import ScenarioError
from recosim.scenarios.household_year import local_year
from recosim.scenarios.occupancy import (
    Household,
    heat_people_kw,
    household_series,
    household_tables,
    presence_of_year,
    types_of_people,
)
from recosim.timegrid import TimeGrid

YEAR = TimeGrid.from_local_date("2025-01-01", 365)
# The flats of the default community: people, kind, kWh a year, contract.
FLATS = (
    (1, "retired", 1500.0, 3.0),
    (2, "retired", 1900.0, 3.0),
    (3, "family", 2300.0, 3.0),
    (4, "family", 2900.0, 4.5),
    (2, "working", 2000.0, 3.0),
    (3, "family", 2400.0, 3.0),
    (4, "family", 2900.0, 4.5),
    (2, "mixed", 2000.0, 3.0),
    (4, "family", 2700.0, 4.5),
    (3, "mixed", 2200.0, 3.0),
)
ARERA_DAYS = ("Giorno feriale", "Sabato", "Domenica")


def homes(n):
    return [
        Household(
            name=f"flat {i}",
            n_people=people,
            kind=kind,
            energy_base_kwh_per_year=energy,
            power_contract_kw=power,
        )
        for i in range(n)
        for people, kind, energy, power in [FLATS[i % len(FLATS)]]
    ]


@pytest.fixture(scope="module")
def forty():
    return household_series(homes(40), YEAR, seed=7)


def mean_days(power_kw, month):
    """Mean curve of each day type in a month, shape (3, 24)."""
    day_type = local_year(2025, "Europe/Rome", household_tables(), 41.9, 12.5).day_type
    local = YEAR.local
    hours = np.asarray(local.hour)
    return np.array(
        [
            [
                power_kw[(local.month == month) & (day_type == kind) & (hours == hour)].mean()
                for hour in range(24)
            ]
            for kind in range(3)
        ]
    )


def arera_correlations(power_kw, shared_data):
    table = pd.read_csv(shared_data / "loads" / "arera_mean_hourly_withdrawal.csv")
    table.columns = ["month", "region", "power", "day", "hour", "kwh"]
    table = table[(table.region == "Campania") & (table.power == "1.5<P<=3")]
    found = {}
    for month in (4, 5, 10):
        curves = mean_days(power_kw, month)
        for curve, day in zip(curves, ARERA_DAYS, strict=True):
            measured = table[(table.month == month) & (table.day == day)].sort_values("hour").kwh.to_numpy()
            found[month, day] = float(np.corrcoef(curve, measured)[0, 1])
    return found


def test_energy_of_the_year_is_the_one_asked_for(forty):
    asked = [home.energy_base_kwh_per_year for home in homes(40)]
    assert forty.power_load_kw.sum(axis=0, dtype=float) / 4 == pytest.approx(asked, rel=1e-6)
    assert forty.power_load_kw.min() > 0


@pytest.mark.parametrize("energy", [300.0, 9000.0])
def test_unusual_energies_are_met_too(energy):
    home = Household(
        name="odd", n_people=5, kind="family", energy_base_kwh_per_year=energy, power_contract_kw=3.0
    )
    power = household_series([home], YEAR, seed=1).power_load_kw
    assert power.sum(dtype=float) / 4 == pytest.approx(energy, rel=1e-6)
    assert power.min() > 0


def test_leap_year_keeps_the_energy():
    grid = TimeGrid.from_local_date("2024-01-01", 366)
    power = household_series(homes(2), grid, seed=3).power_load_kw
    assert power.sum(axis=0, dtype=float) / 4 == pytest.approx([1500.0, 1900.0], rel=1e-6)


def test_same_seed_same_series_other_seed_other_series():
    week = TimeGrid.from_local_date("2025-05-05", 7)
    one, same, other = (household_series(homes(3), week, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.power_load_kw, same.power_load_kw)
    assert np.array_equal(one.occupants_awake, same.occupants_awake)
    assert not np.array_equal(one.power_load_kw, other.power_load_kw)
    assert not np.array_equal(one.occupants_home, other.occupants_home)


def test_series_of_a_moment_do_not_depend_on_the_window(forty):
    first = YEAR.index_of(int(pd.Timestamp("2025-03-28", tz="Europe/Rome").timestamp()))
    week = household_series(homes(3), YEAR.part(first, 7 * 96), seed=7)
    whole = slice(first, first + 7 * 96)
    assert np.array_equal(week.power_load_kw, forty.power_load_kw[whole, :3])
    assert np.array_equal(week.occupants_home, forty.occupants_home[whole, :3])
    assert np.array_equal(week.occupants_awake, forty.occupants_awake[whole, :3])


def test_window_may_begin_before_and_end_after_the_year(forty):
    longer = household_series(homes(2), YEAR.part(-3 * 96, 368 * 96 + 96), seed=7)
    inside = slice(3 * 96, 3 * 96 + YEAR.n_steps)
    assert np.array_equal(longer.power_load_kw[inside], forty.power_load_kw[:, :2])
    assert longer.power_load_kw.min() > 0
    # Another year is another draw, of the same home.
    assert not np.array_equal(longer.power_load_kw[-96:], longer.power_load_kw[inside][:96])


def test_series_do_not_depend_on_the_neighbours(forty):
    alone = household_series(homes(1), YEAR, seed=7)
    assert np.array_equal(alone.power_load_kw[:, 0], forty.power_load_kw[:, 0])
    mine = [cycle.step_start for cycle in forty.cycles() if cycle.household == 0]
    assert mine == [cycle.step_start for cycle in alone.cycles()]


def test_no_two_homes_are_alike(forty):
    likeness = np.corrcoef(forty.power_load_kw.T) - np.eye(40)
    assert likeness.max() < 0.6
    # The same flat elsewhere in the list is another home with other peaks.
    assert len(np.unique(forty.power_load_kw.max(axis=0).round(3))) > 35


def test_peaks_of_the_homes_lie_where_meters_find_them(forty):
    peaks = forty.power_load_kw.max(axis=0)
    assert np.mean((peaks >= 1.5) & (peaks <= 3.5)) >= 0.95


def test_night_and_evening_of_the_mean_day(forty):
    mean = forty.power_load_kw.mean(axis=1)
    day = np.array([mean[YEAR.hour_of_day_local == quarter / 4].mean() for quarter in range(96)])
    assert day.min() > 0.40 * day.mean()
    assert 19.0 <= day.argmax() / 4 < 22.0
    assert day.max() > 1.3 * day.mean()


def test_lighting_makes_winter_evenings_higher_than_summer_evenings(forty):
    local, mean = YEAR.local, forty.power_load_kw.mean(axis=1)
    at_dusk = (local.hour >= 17) & (local.hour < 19)
    winter, summer = (mean[at_dusk & np.isin(local.month, months)].mean() for months in ([12, 1], [6, 7]))
    assert winter > 1.1 * summer


def test_shapes_of_the_days_correlate_with_metered_ones(forty, shared_data):
    found = arera_correlations(forty.power_load_kw.mean(axis=1), shared_data)
    assert min(found.values()) > 0.94, found


@pytest.mark.slow
def test_a_hundred_seeds(shared_data):
    mean, peaks = np.zeros(YEAR.n_steps), []
    for seed in range(100):
        power = household_series(homes(10), YEAR, seed=seed).power_load_kw
        asked = [home.energy_base_kwh_per_year for home in homes(10)]
        assert power.sum(axis=0, dtype=float) / 4 == pytest.approx(asked, rel=0.02)
        mean += power.mean(axis=1) / 100
        peaks.extend(power.max(axis=0))
    assert min(arera_correlations(mean, shared_data).values()) > 0.95
    assert np.mean((np.array(peaks) >= 1.5) & (np.array(peaks) <= 3.5)) >= 0.95
    assert len(np.unique(np.round(peaks, 6))) > 990
    evening = [mean[YEAR.hour_of_day_local == quarter / 4].mean() for quarter in range(96)]
    assert 19.0 <= int(np.argmax(evening)) / 4 < 22.0


def test_ten_homes_take_a_second_a_year():
    begun = time.process_time()
    household_series(homes(10), YEAR, seed=5)
    assert time.process_time() - begun < 1.5


def test_occupants_are_people_of_the_household(forty):
    n_people = np.array([home.n_people for home in homes(40)])
    assert np.all(forty.occupants_awake <= forty.occupants_home)
    assert np.all(forty.occupants_home <= n_people)
    assert forty.occupants_awake.min() >= 0
    assert forty.occupants_home.dtype == forty.occupants_awake.dtype == np.int8
    assert forty.power_load_kw.dtype == np.float32
    # Everybody sleeps about eight hours.
    asleep_h = 24 * (forty.occupants_home - forty.occupants_awake).mean(axis=0) / n_people
    assert asleep_h.mean() == pytest.approx(8.0, abs=0.8)


def test_kinds_of_household_live_differently(forty):
    weekday = (YEAR.local.day_of_week < 5) & (YEAR.local.hour >= 10) & (YEAR.local.hour < 12)
    share = forty.occupants_home[weekday].mean(axis=0) / [home.n_people for home in homes(40)]
    retired, working, family, mixed = share[0], share[4], share[3], share[7]
    assert retired > 0.65
    assert working < 0.25
    assert family < 0.25
    assert 0.4 < mixed < 0.7


def test_shares_asleep_and_away_are_those_of_the_table():
    tables = household_tables()
    year = local_year(2025, "Europe/Rome", tables, 41.9, 12.5)
    row = tables["occupancy"]["types"]["worker"]["sunday"]
    # Homes of one person each: members of one household draw together, so they are no independent sample.
    lives = [
        presence_of_year(
            year=year, types=["worker"], shifts_h=np.zeros(1), tables=tables, rng=np.random.default_rng(seed)
        )
        for seed in range(150)
    ]
    for hour in (3, 12, 17, 23):
        at = (year.hour == hour) & (year.day_type == 2)
        away = 100 * np.mean([~home[0, at] for home, _ in lives])
        asleep = 100 * np.mean([home[0, at] & ~awake[0, at] for home, awake in lives])
        # The standard error of these means is at most 0.5.
        assert away == pytest.approx(row["away"][hour], abs=1.5)
        assert asleep == pytest.approx(row["asleep"][hour], abs=1.5)


def test_cycles_are_part_of_the_load_and_fit_the_window(forty):
    assert {cycle.appliance for cycle in forty.cycles()} >= {"washing_machine", "dishwasher"}
    for cycle in forty.cycles():
        steps = slice(cycle.step_start, cycle.step_start + cycle.n_steps)
        assert steps.stop <= YEAR.n_steps
        assert cycle.step_start <= cycle.step_latest <= YEAR.n_steps - cycle.n_steps
        assert np.all(forty.power_load_kw[steps, cycle.household] > cycle.powers_kw)
    washes = np.bincount(
        [cycle.household for cycle in forty.cycles() if cycle.appliance == "washing_machine"]
    )
    assert len(washes) == 40
    assert np.all((washes > 60) & (washes < 450))


def test_removing_all_cycles_leaves_a_positive_load_and_moving_them_never_overlaps(forty):
    rest = forty.power_load_kw.astype(float)
    by_machine = {}
    for cycle in forty.cycles():
        rest[cycle.step_start : cycle.step_start + cycle.n_steps, cycle.household] -= cycle.powers_kw
        by_machine.setdefault((cycle.household, cycle.appliance), []).append(cycle)
    assert rest.min() > 0
    for cycles in by_machine.values():
        for one, following in pairwise(cycles):
            assert one.step_latest + one.n_steps <= following.step_start


def test_cycles_of_a_window_are_those_of_the_year_inside_it(forty):
    first, n_steps = 5000, 960
    window = household_series(homes(5), YEAR.part(first, n_steps), seed=7)
    expected = [
        (cycle.household, cycle.appliance, cycle.step_start - first)
        for cycle in forty.cycles()
        if cycle.household < 5
        and cycle.step_start >= first
        and cycle.step_start + cycle.n_steps <= first + n_steps
    ]
    assert [(cycle.household, cycle.appliance, cycle.step_start) for cycle in window.cycles()] == expected
    assert expected


def test_starts_wait_while_the_contract_is_used_up():
    small, large = (
        Household(
            name="s", n_people=4, kind="family", energy_base_kwh_per_year=2900.0, power_contract_kw=power
        )
        for power in (2.2, 4.5)
    )
    series = household_series([small, large], YEAR, seed=2).power_load_kw
    over = (series > 1.1 * 2.2).mean(axis=0)
    assert over[0] < over[1] / 3


def test_heat_of_people_by_hand():
    heat = heat_people_kw(
        np.array([[0, 2], [4, 1]], dtype=np.int8), np.array([[0, 2], [1, 0]], dtype=np.int8)
    )
    assert heat == pytest.approx(np.array([[0.0, 0.2], [0.1 + 3 * 0.07, 0.07]]))


def test_members_of_each_kind():
    assert types_of_people("retired", 2) == ["retired", "retired"]
    assert types_of_people("working", 1) == ["worker"]
    assert types_of_people("mixed", 3) == ["home_worker", "worker", "pupil"]
    assert types_of_people("family", 1) == ["worker"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_people", 0),
        ("n_people", 13),
        ("kind", "students"),
        ("energy_base_kwh_per_year", 0.0),
        ("energy_base_kwh_per_year", float("nan")),
        ("power_contract_kw", -3.0),
    ],
)
def test_wrong_households_are_refused_by_name(field, value):
    fields = {"n_people": 2, "kind": "working", "energy_base_kwh_per_year": 2000.0, "power_contract_kw": 3.0}
    with pytest.raises(ScenarioError, match=rf"'Rossi': {field} = .*allowed"):
        Household(name="Rossi", **(fields | {field: value}))


def test_wrong_step_and_seed_are_refused():
    with pytest.raises(ScenarioError, match="step_s = 300, allowed: 900"):
        household_series(homes(1), TimeGrid.from_local_date("2025-01-01", 1, step_s=300), seed=1)
    with pytest.raises(ScenarioError, match="seed = -1, allowed: 0 or more"):
        household_series(homes(1), TimeGrid.from_local_date("2025-01-01", 1), seed=-1)
