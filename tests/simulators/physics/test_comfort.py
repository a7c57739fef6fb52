import numpy as np
import pytest

from recosim.simulators.physics.comfort import (
    ComfortSchedule,
    comfort_band,
    in_hours,
    in_season,
    windows_open,
)

SCHEDULE = ComfortSchedule()
HOME = np.array([2, 2, 0])  # awake, asleep, away
AWAKE = np.array([1, 0, 0])


def test_heating_season_within_the_hours():
    lower, upper, occupied = comfort_band(SCHEDULE, HOME, AWAKE, True, True, False, False)
    np.testing.assert_array_equal(lower, [20.0, 18.0, 16.0])
    np.testing.assert_array_equal(upper, [22.0, 22.0, 30.0])
    np.testing.assert_array_equal(occupied, [True, True, False])


def test_heating_season_outside_the_hours():
    lower, _, _ = comfort_band(SCHEDULE, HOME, AWAKE, True, False, False, False)
    np.testing.assert_array_equal(lower, [18.0, 18.0, 16.0])


def test_cooling_season_inside_and_outside_the_hours():
    lower, upper, occupied = comfort_band(SCHEDULE, HOME, AWAKE, False, False, True, True)
    np.testing.assert_array_equal(lower, -np.inf)
    np.testing.assert_array_equal(upper, [26.0, 27.0, 30.0])
    np.testing.assert_array_equal(occupied, [True, True, False])
    _, upper, _ = comfort_band(SCHEDULE, HOME, AWAKE, False, False, True, False)
    np.testing.assert_array_equal(upper, [27.0, 27.0, 30.0])


def test_between_the_seasons_nothing_is_asked():
    lower, upper, occupied = comfort_band(SCHEDULE, HOME, AWAKE, False, True, False, True)
    assert lower.shape == upper.shape == occupied.shape == (3,)
    assert (lower == -np.inf).all() and (upper == np.inf).all() and not occupied.any()


def test_both_seasons_take_an_edge_each():
    lower, upper, _ = comfort_band(SCHEDULE, HOME, AWAKE, True, True, True, True)
    np.testing.assert_array_equal(lower, [20.0, 18.0, 16.0])
    np.testing.assert_array_equal(upper, [26.0, 27.0, 30.0])


def test_series_is_the_same_as_step_by_step():
    rng = np.random.default_rng(4)
    home = rng.integers(0, 3, (40, 3))
    awake = np.minimum(home, rng.integers(0, 3, (40, 3)))
    flags = rng.random((4, 40, 1)) < 0.5
    schedule = ComfortSchedule(heating_awake_degc=np.array([20.0, 21.0, 19.0]))
    series = comfort_band(schedule, home, awake, *flags)
    for t in range(40):
        step = comfort_band(schedule, home[t], awake[t], *(bool(flag[t, 0]) for flag in flags))
        for whole, single in zip(series, step, strict=True):
            assert whole.shape == (40, 3)
            np.testing.assert_array_equal(whole[t], single)


def test_a_season_that_wraps_the_new_year():
    month = np.array([11, 11, 12, 1, 3, 4, 7])
    day = np.array([14, 15, 31, 1, 31, 1, 1])
    np.testing.assert_array_equal(
        in_season(month, day, (11, 15), (3, 31)), [False, True, True, True, True, False, False]
    )


def test_a_season_within_the_year():
    np.testing.assert_array_equal(
        in_season(np.array([5, 6, 9, 10]), np.array([31, 1, 30, 1]), (6, 1), (9, 30)),
        [False, True, True, False],
    )
    assert in_season(7, 15, (6, 1), (9, 30))


def test_hours_include_their_start_and_not_their_end():
    hours = np.array([5.75, 6.0, 8.75, 9.0, 16.0, 22.75, 23.0])
    np.testing.assert_array_equal(
        in_hours(hours, ((6, 9), (16, 23))), [False, True, True, False, True, True, False]
    )
    np.testing.assert_array_equal(
        in_hours(np.array([21.0, 22.0, 3.0, 6.0]), ((22, 6),)), [False, True, True, False]
    )
    assert not in_hours(7.0, ())


def test_windows_open_when_it_is_warm_inside_and_cooler_outside():
    air = np.array([24.0, 24.1, 26.0, 26.0])
    outdoor = np.array([15.0, 15.0, 25.0, 24.9])
    np.testing.assert_array_equal(windows_open(air, outdoor, True), [False, True, False, True])
    assert not windows_open(air, outdoor, False).any()


def test_crossed_edges_are_refused():
    with pytest.raises(ValueError, match="heating_upper_degc - heating_awake_degc"):
        ComfortSchedule(heating_awake_degc=23.0)
    with pytest.raises(ValueError, match=r"cooling_home_degc\[1\] = 99"):
        ComfortSchedule(cooling_home_degc=np.array([26.0, 99.0]))
