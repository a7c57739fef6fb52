"""Ageing against the table of the model's figures, its reference program, and what any ageing must do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.physics.battery import Battery, power_limits, stored_energy_after
from recosim.simulators.physics.battery_ageing import (
    EXPONENT_CYCLE,
    Losses,
    aged,
    cycles_of,
    grown,
    losses_after,
    potential_anode_v,
    rate_calendar,
    rate_cycle,
)

HOUR_S = 3600.0
DAY = np.interp(np.arange(97) / 4.0, [0.0, 12.0, 24.0], [0.1, 0.9, 0.1])[:, None]
"""State of charge at the ends of quarter-hours: half a day up, half a day down."""


def after(course, losses=None, temp_cell_degc=25.0, step_s=900.0):
    """Losses after a course of the state of charge, given at the ends of the steps."""
    before = Losses.none(course.shape[1]) if losses is None else losses
    return losses_after(
        before, (course[1:] + course[:-1]) / 2.0, np.diff(course, axis=0), temp_cell_degc, step_s
    )


def after_days(n_days, course=DAY, **kinds):
    losses = Losses.none(course.shape[1])
    for _ in range(n_days):
        losses = after(course, losses, **kinds)
    return losses


# --- figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("years", "lost_percent"), [(1, 1.1), (10, 3.7)])
def test_lost_by_time_half_full_at_25_degc(years, lost_percent):
    losses = after_days(365 * years, np.full((25, 1), 0.5), step_s=HOUR_S)
    assert 100.0 * losses.calendar[0] == pytest.approx(lost_percent, abs=0.05)
    assert losses.cycle[0] == 0.0


@pytest.mark.parametrize(("years", "lost_percent"), [(1, 1.5), (10, 9.9)])
def test_lost_by_250_full_cycles_a_year_of_80_percent_depth_in_four_hours(years, lost_percent):
    rate = rate_cycle(np.array([0.8]), 0.25, 25.0)
    lost = grown(0.0, rate, 250.0 * years, EXPONENT_CYCLE)
    assert 100.0 * lost == pytest.approx(lost_percent, abs=0.05)


# BLAST-Lite 1.1.1, Lfp_Gr_250AhPrismatic, updated once a day; it integrates by explicit Euler steps
@pytest.mark.parametrize(
    ("temp_cell_degc", "n_days", "cycle"),
    [(25.0, 1, 8.663383e-5), (25.0, 365, 0.01132556), (40.0, 365, 0.00789874), (25.0, 3650, 0.07229878)],
)
def test_lost_by_a_cycle_a_day_is_what_the_reference_program_finds(temp_cell_degc, n_days, cycle):
    losses = after_days(n_days, temp_cell_degc=temp_cell_degc)
    assert losses.cycle[0] == pytest.approx(cycle, rel=0.003)


def test_lost_by_time_is_what_the_reference_program_finds():
    resting = np.full((97, 1), 0.5)
    assert after_days(365, resting).calendar[0] == pytest.approx(0.01103975, rel=0.003)
    assert after_days(3650, resting).calendar[0] == pytest.approx(0.03699702, rel=0.001)


def test_potential_of_the_anode():
    """Nearly full graphite lies near 0.09 V, and rises steeply when it is empty."""
    assert potential_anode_v(1.0) == pytest.approx(0.09, abs=0.01)
    assert potential_anode_v(0.5) == pytest.approx(0.123, abs=0.001)
    assert potential_anode_v(0.0) > 0.4
    assert (np.diff(potential_anode_v(np.linspace(0.0, 1.0, 50))) < 0.0).all()


# --- cycles -----------------------------------------------------------------------------------------------


def test_cycles_of_the_standards_example():
    """ASTM E1049-85 (2017), figure 6."""
    found = cycles_of(np.array([-2.0, 1.0, -3.0, 5.0, -1.0, 3.0, -4.0, 4.0, -2.0]))
    counts = {depth: found[found[:, 0] == depth, 1].sum() for depth in found[:, 0]}
    assert counts == {3.0: 0.5, 4.0: 1.5, 6.0: 0.5, 8.0: 1.0, 9.0: 0.5}


def test_a_series_of_one_and_of_two_points():
    assert cycles_of(np.array([0.2])).shape == (0, 2)
    np.testing.assert_allclose(cycles_of(np.array([0.2, 0.8])), [[0.6, 0.5]])


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60))
def test_counts_times_depths_are_half_of_ups_and_downs(points):
    found = cycles_of(np.array(points))
    assert found.prod(axis=1).sum() == pytest.approx(np.abs(np.diff(points)).sum() / 2.0, abs=1e-9)


# --- how the days are cut ---------------------------------------------------------------------------------


def test_losses_do_not_depend_on_how_days_are_cut():
    week = np.concatenate([DAY, *[DAY[1:]] * 6])
    whole = after(week)
    for cuts in (range(0, 673, 96), (0, 48, 672), (0, 5, 6, 96, 192, 480, 672)):
        losses = Losses.none(1)
        for first, last in zip(cuts[:-1], cuts[1:], strict=True):
            losses = after(week[first : last + 1], losses)
        np.testing.assert_allclose(losses.calendar, whole.calendar, rtol=1e-12)
        # a cycle that is cut counts as shallower; charge is counted by the health when a part begins
        np.testing.assert_allclose(losses.cycle, whole.cycle, rtol=0.01)
        if 5 not in cuts:  # cut where the course turns
            np.testing.assert_allclose(losses.cycle, whole.cycle, rtol=0.002)


def test_long_and_short_steps_age_alike():
    hourly = after(DAY[::4], step_s=HOUR_S)
    np.testing.assert_allclose(hourly.cycle, after(DAY).cycle, rtol=1e-12)
    np.testing.assert_allclose(hourly.calendar, after(DAY).calendar, rtol=1e-3)


def test_each_battery_ages_by_itself():
    courses = np.concatenate([DAY, 0.5 * DAY, np.full_like(DAY, 0.8)], axis=1)
    together = after_days(3, courses, temp_cell_degc=np.array([25.0, 35.0, 15.0]))
    for b, temp in enumerate((25.0, 35.0, 15.0)):
        alone = after_days(3, courses[:, b : b + 1], temp_cell_degc=temp)
        assert alone.calendar[0] == pytest.approx(together.calendar[b], rel=1e-12)
        assert alone.cycle[0] == pytest.approx(together.cycle[b], rel=1e-12)


# --- directions -------------------------------------------------------------------------------------------


@given(st.floats(0.0, 0.5), st.floats(10.0, 45.0), st.floats(0.05, 1.0))
def test_losses_only_grow(lost, temp_cell_degc, depth):
    before = Losses(calendar=np.array([lost]), cycle=np.array([lost]))
    later = after(depth * DAY, before, temp_cell_degc=temp_cell_degc)
    assert later.calendar[0] >= lost
    assert later.cycle[0] >= lost
    assert later.state_of_health[0] <= before.state_of_health[0]
    assert 0.0 <= later.state_of_health[0] <= 1.0


def test_fuller_warmer_deeper_and_faster_ages_more():
    assert rate_calendar(0.9, 25.0) > rate_calendar(0.5, 25.0) > rate_calendar(0.1, 25.0)
    assert rate_calendar(0.5, 35.0) > rate_calendar(0.5, 25.0)
    assert rate_cycle(1.0, 0.25, 25.0) > rate_cycle(0.5, 0.25, 25.0)
    assert rate_cycle(0.5, 0.5, 25.0) > rate_cycle(0.5, 0.25, 25.0)


def test_rest_between_uses_does_not_slow_the_current():
    """0.8 in two hours of the day is 0.4 of the capacity per hour, whatever the other hours are."""
    course = np.interp(np.arange(25.0), [0.0, 6.0, 8.0, 24.0], [0.1, 0.1, 0.9, 0.9])[:, None]
    by_hand = grown(0.0, rate_cycle(np.array([0.8]), 0.4, 25.0), 0.4, EXPONENT_CYCLE)
    assert after(course, step_s=HOUR_S).cycle[0] == pytest.approx(float(by_hand), rel=1e-12)


# --- the aged battery -------------------------------------------------------------------------------------


def battery(**changes):
    numbers = {"capacity_kwh": 10.0, "power_charge_max_kw": 5.0, "power_discharge_max_kw": 5.0}
    return Battery(**(numbers | {"self_discharge_per_month": 0.0} | changes))


def test_a_new_battery_is_the_same():
    assert aged(battery(), 1.0).state_max == battery().state_max


def test_an_aged_battery_is_full_sooner_and_keeps_what_it_holds():
    old = aged(battery(state_max=0.9, efficiency_charge=1.0), 0.8)
    charge_kw, discharge_kw = power_limits(old, np.array([5.0, 7.2, 8.0]), HOUR_S)
    np.testing.assert_allclose(charge_kw, [2.2, 0.0, 0.0], atol=1e-12)
    assert (discharge_kw > 3.0).all()
    assert stored_energy_after(old, np.array([8.0]), 0.0, 0.0, HOUR_S).tolist() == [8.0]


def test_a_range_that_has_closed_takes_nothing_in():
    old = aged(battery(state_min=0.9, state_max=0.95), 0.9)
    assert old.state_max == 0.9
    charge_kw, discharge_kw = power_limits(old, np.array([9.0]), HOUR_S)
    np.testing.assert_allclose([charge_kw[0], discharge_kw[0]], 0.0, atol=1e-12)


def test_cells_colder_or_warmer_than_the_tests_are_refused():
    with pytest.raises(ValueError, match=r"temp_cell_degc = 50, allowed \[10, 45\]"):
        battery(temp_cell_degc=50.0)
