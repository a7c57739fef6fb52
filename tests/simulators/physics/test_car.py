"""Charging by hand, the least energy against brute force, and the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.simulators.physics.car import Car, charging_kw, energy_after, least_energy_kwh

NAN = np.nan
HOME = np.array([True])


def car(**changes):
    return Car(**({"capacity_kwh": 50.0, "power_max_kw": 3.6, "efficiency_charge": 0.9} | changes))


@pytest.mark.parametrize(
    ("energy", "asked", "least", "expected"),
    [
        (20.0, NAN, 10.0, 3.6),  # own rule: full power
        (49.91, NAN, 10.0, 0.4),  # 0.09 kWh of room, 0.9 x 0.25 h per kW
        (50.0, NAN, 10.0, 0.0),
        (20.0, 100.0, 10.0, 3.6),
        (20.0, -5.0, 10.0, 0.0),
        (20.0, 1.5, 10.0, 1.5),
        (20.0, 0.0, 20.45, 2.0),  # 0.45 kWh are missing
        (20.0, 0.5, 20.45, 2.0),
        (20.0, 3.0, 20.45, 3.0),
        (20.0, 0.0, 30.0, 3.6),  # as much as there is
    ],
)
def test_what_the_wall_box_does(energy, asked, least, expected):
    power = charging_kw(car(), np.array([energy]), np.array([asked]), HOME, np.array([least]), 900.0)
    assert power == pytest.approx(expected)
    away = charging_kw(car(), np.array([energy]), np.array([asked]), ~HOME, np.array([least]), 900.0)
    assert away == 0.0


def test_energy_by_hand():
    # 2 kW for a quarter at 0.9; a trip of 8 kW, and one that finds an empty battery
    after, driving = energy_after(
        car(), np.array([10.0, 10.0, 1.0]), np.array([2.0, 0.0, 0.0]), np.array([0.0, 8.0, 8.0]), 900.0
    )
    assert after.tolist() == pytest.approx([10.45, 8.0, 0.0])
    assert driving.tolist() == pytest.approx([0.0, 8.0, 4.0])


def test_a_short_stop_raises_what_the_trip_before_it_must_leave():
    # hours: at home, a trip of 5, an hour at home that brings 2, a trip of 8, at home; 10 is the reserve
    box = car(power_max_kw=2.5, efficiency_charge=0.8, state_min=0.2)
    trips = np.array([0.0, 5.0, 0.0, 8.0, 0.0])[:, None]
    assert least_energy_kwh(box, trips, 3600.0)[:, 0].tolist() == [19.0, 21.0, 16.0, 18.0, 10.0, 10.0]


def test_no_more_than_the_battery_holds_is_asked_for():
    least = least_energy_kwh(car(), np.array([[0.0], [45.0], [0.0]]), 3600.0)[:, 0]
    assert least.tolist() == pytest.approx([50.0 - 0.9 * 3.6, 50.0, 10.0, 10.0])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), power=st.floats(0.5, 22.0), step_s=st.sampled_from([900.0, 3600.0]))
def test_who_charges_as_late_as_possible_makes_all_trips_that_can_be_made(seed, power, step_s):
    rng, box = np.random.default_rng(seed), car(power_max_kw=power)
    n, hours = 60, step_s / 3600.0
    away = np.repeat(rng.random(n // 4) < 0.4, 4)
    trips = np.where(away, rng.exponential(2.0 / hours) * 0.6, 0.0)[:, None]
    least = least_energy_kwh(box, trips, step_s)
    early = late = np.array([rng.uniform(least[0, 0], 50.0)])
    for k in range(n):
        home = trips[k] == 0.0
        full = charging_kw(box, early, np.array([NAN]), home, least[k + 1], step_s)
        must = charging_kw(box, late, np.zeros(1), home, least[k + 1], step_s)
        before = early, late
        early, early_driving = energy_after(box, early, full, trips[k], step_s)
        late, late_driving = energy_after(box, late, must, trips[k], step_s)
        assert late <= early + 1e-9
        assert late >= min(least[k + 1], early) - 1e-9
        assert late_driving == pytest.approx(early_driving)
        for one, power_kw, driving, after in zip(
            before, (full, must), (early_driving, late_driving), (early, late), strict=True
        ):
            assert after - one == pytest.approx((0.9 * power_kw - driving) * hours, abs=1e-10)
            assert 0.0 <= after <= 50.0 + 1e-9


@pytest.mark.parametrize("power", [0.0, 1.7])
def test_the_same_energy_at_other_steps(power):
    def hour(step_s):
        energy = np.array([49.2])
        for _ in range(int(3600 / step_s)):
            charge = charging_kw(car(), energy, np.array([power]), HOME, np.array([49.0]), step_s)
            energy, _ = energy_after(car(), energy, charge, np.zeros(1), step_s)
        return energy

    assert hour(900.0) == pytest.approx(hour(3600.0))
    assert hour(300.0) == pytest.approx(hour(3600.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity_kwh": 0.0}, r"capacity_kwh = 0, allowed \(0, inf\)"),
        ({"power_max_kw": np.array([3.7, -1.0])}, r"power_max_kw\[1\] = -1"),
        ({"efficiency_charge": 1.1}, r"efficiency_charge = 1.1, allowed \(0, 1\]"),
        ({"state_min": 1.0}, r"state_min = 1, allowed \[0, 1\)"),
    ],
)
def test_bad_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        car(**changes)
