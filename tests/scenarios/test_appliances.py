"""Appliances: base, starts and the limits they respect."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.scenarios.appliances import (
    Traits,
    base_power_kw,
    draw_starts,
    draw_traits,
    put_off,
    start_weights,
    starts_per_year,
)
from recosim.scenarios.household_year import local_year
from recosim.scenarios.occupancy import household_tables

TABLES = household_tables()
STEPS = 35_040


def traits(**changes):
    n = len(TABLES["appliances"])
    fields = {
        "owned": np.ones(n, dtype=bool),
        "factor_power": np.ones(n),
        "factor_use": np.ones(n),
        "factor_lighting": 1.0,
        "share_base": 0.5,
        "power_fridge_kw": 0.05,
        "period_fridge_steps": 4.0,
        "share_fridge_running": 0.5,
        "power_limit_kw": 3.0,
    }
    return Traits(**(fields | changes))


def test_base_keeps_its_mean_and_a_fridge_goes_on_and_off():
    power = base_power_kw(traits(), 2190.0, STEPS, np.random.default_rng(3))
    # 2190 kWh over 8760 h is 250 W, half of it base; a period of four steps, two of them at twice the 50 W.
    assert power.mean() == pytest.approx(0.125, rel=1e-3)
    assert power.min() == pytest.approx(0.075)
    assert power.max() == pytest.approx(0.175)


def test_starts_follow_the_weights():
    weight = np.zeros(1000)
    weight[100:200], weight[500:600] = 1.0, 3.0
    starts = draw_starts(np.random.default_rng(5), weight, 400)
    assert np.all(np.diff(starts) >= 0)
    assert np.all(weight[starts] > 0)
    assert np.sum(starts < 200) == 100  # a quarter of the weight, one start in each part of it
    assert len(draw_starts(np.random.default_rng(5), np.zeros(10), 3)) == 0
    assert len(draw_starts(np.random.default_rng(5), weight, 0)) == 0


def test_run_waits_until_it_fits():
    load = np.zeros(20)
    load[3:6] = 2.0
    awake = np.ones(20, dtype=np.int64)
    chosen = put_off(load, [2], np.array([1.5, 1.0]), 3.0, 8, awake)
    # At 2 the second quarter-hour would be 3.0: allowed. One step later the sum would be 3.5.
    assert chosen.tolist() == [2]
    assert load[2:4].tolist() == [1.5, 3.0]
    again = put_off(load, [3], np.array([1.5, 1.0]), 3.0, 8, awake)
    assert again.tolist() == [6]


def test_run_does_not_wait_into_the_night_and_the_limit_is_soft():
    load = np.full(20, 2.0)
    load[12:] = 0.0
    awake = np.ones(20, dtype=np.int64)
    awake[9:] = 0
    load[7] = 1.8
    # Nothing fits while somebody is awake, so the lowest peak is taken: the limit is not a wall.
    assert put_off(load, [5], np.array([1.5]), 3.0, 10, awake).tolist() == [7]
    assert load[7] == pytest.approx(3.3)


@settings(max_examples=60, deadline=None)
@given(
    starts=st.lists(st.integers(0, 99), max_size=12).map(sorted),
    length=st.integers(1, 8),
    limit=st.floats(0.5, 3.0),
)
def test_runs_never_overlap_never_leave_the_year_and_keep_their_energy(starts, length, limit):
    load = np.zeros(100)
    powers = np.linspace(0.5, 1.5, length)
    chosen = put_off(load, starts, powers, limit, 12, np.ones(100, dtype=np.int64))
    assert np.all(np.diff(chosen) >= length)
    assert np.all(chosen + length <= 100)
    assert load.sum() == pytest.approx(len(chosen) * powers.sum())


def test_starts_follow_size_of_household_and_energy():
    names = list(TABLES["appliances"])
    washing = names.index("washing_machine")
    alone = starts_per_year(1, 1500.0, traits(), TABLES, STEPS)
    four = starts_per_year(4, 3000.0, traits(), TABLES, STEPS)
    assert four[washing] > alone[washing] > 50
    entries = list(TABLES["appliances"].values())
    for energy in (100.0, 800.0, 3000.0, 20_000.0):
        counts = starts_per_year(3, energy, traits(), TABLES, STEPS)
        kwh = np.array([sum(entry["powers_kw"]) / 4 for entry in entries])
        assert counts @ kwh < TABLES["limits"]["share_starts_most"] * energy + 1e-9
    assert counts[washing] == pytest.approx(4.0 * 365 / 7 * TABLES["limits"]["starts_factor"]["most"])


def test_traits_keep_their_bounds():
    names = list(TABLES["appliances"])
    homes = [draw_traits(np.random.default_rng(seed), TABLES, 3.0, 2000.0) for seed in range(400)]
    owned = np.mean([home.owned for home in homes], axis=0)
    for name in ("washing_machine", "dishwasher", "tumble_dryer"):
        assert owned[names.index(name)] == pytest.approx(TABLES["appliances"][name]["owned"], abs=0.07)
    assert max(home.power_limit_kw for home in homes) <= 3.3
    assert draw_traits(np.random.default_rng(0), TABLES, 1.5, 900.0).power_limit_kw == pytest.approx(1.65)
    assert all(0.42 <= home.share_base <= 0.52 for home in homes)


def test_tables_are_whole():
    weights = start_weights(local_year(2025, "Europe/Rome", TABLES, 41.9, 12.5), TABLES)
    for row, (name, entry) in enumerate(TABLES["appliances"].items()):
        assert 0.0 <= entry["owned"] <= 1.0
        assert min(entry["powers_kw"]) >= 0.0
        assert (weights[row].sum() > 0) != ("after" in entry), name
        if "after" not in entry:
            assert len(entry["per_week"]) == 4
    for person in TABLES["occupancy"]["types"].values():
        for day in person.values():
            total = np.array(day["asleep"]) + np.array(day["away"])
            assert total.shape == (24,)
            assert total.max() <= 100
