import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.controllers.horizon import Horizon
from recosim.errors import ControllerError

SMALL = Horizon((1, 1, 2, 4, 8))
"""Two quarters, a half-hour, an hour, two hours: four hours in five slots."""

HOURS = st.sampled_from([(1, 1, 1, 1), (2, 2), (1, 3), (3, 1), (1, 2, 1), (4,), (8,), (12,)])
HORIZONS = st.lists(HOURS, min_size=1, max_size=8).map(lambda parts: Horizon(sum(parts, ())))


def test_small_horizon_by_hand():
    assert (SMALL.n_slots, SMALL.n_steps, SMALL.n_hours) == (5, 16, 4)
    assert SMALL.starts.tolist() == [0, 1, 2, 4, 8]
    assert SMALL.hours.tolist() == [0.25, 0.25, 0.5, 1.0, 2.0]
    # the two hours are metered one by one
    assert SMALL.meter_starts.tolist() == [0, 1, 2, 4, 8, 12]
    assert SMALL.meter_slot.tolist() == [0, 1, 2, 3, 4, 4]
    assert SMALL.meter_hours.tolist() == [0.25, 0.25, 0.5, 1.0, 1.0, 1.0]
    assert SMALL.meter_hour.tolist() == [0, 0, 0, 1, 2, 3]


def test_means_by_hand():
    rows = np.arange(16.0)
    assert SMALL.slot_means(rows).tolist() == [0.0, 1.0, 2.5, 5.5, 11.5]
    assert SMALL.meter_means(rows).tolist() == [0.0, 1.0, 2.5, 5.5, 9.5, 13.5]


def test_window_puts_the_forecast_after_the_spare_rows():
    window = SMALL.window(np.arange(100.0, 120.0), 3, fill=-1.0)
    assert window.tolist() == [-1.0] * 3 + list(np.arange(100.0, 113.0))


def test_window_keeps_further_axes():
    assert SMALL.window(np.ones((16, 2, 3)), 1).shape == (16, 2, 3)
    assert SMALL.slot_means(np.ones((16, 2, 3))).shape == (5, 2, 3)


@pytest.mark.parametrize(("steps_per_hour", "n_slots"), [(1, 19), (4, 31), (12, 63)])
def test_multirate_is_25_hours_whatever_the_step(steps_per_hour, n_slots):
    horizon = Horizon.named("multirate", steps_per_hour)
    assert horizon.n_hours == 25
    assert horizon.n_slots == n_slots
    assert horizon.hours.sum() == pytest.approx(25.0)
    assert horizon.hours[-6:].tolist() == [2.0] * 6


def test_uniform_is_25_hours_of_steps():
    horizon = Horizon.named("uniform")
    assert horizon.lengths == (1,) * 100
    np.testing.assert_array_equal(horizon.meter_slot, np.arange(100))


@given(HORIZONS, st.integers(0, 3))
def test_means_conserve_what_they_average(horizon, spare):
    rows = np.random.default_rng(3).normal(size=(horizon.n_steps, 2))
    window = horizon.window(rows, spare)
    total = window.sum(axis=0) / horizon.steps_per_hour
    np.testing.assert_allclose(horizon.hours @ horizon.slot_means(window), total, atol=1e-12)
    np.testing.assert_allclose(horizon.meter_hours @ horizon.meter_means(window), total, atol=1e-12)


@given(HORIZONS)
def test_meter_slots_refine_control_slots_and_never_cross_an_hour(horizon):
    ends = horizon.meter_starts + (horizon.meter_hours * horizon.steps_per_hour).astype(int)
    assert ((ends - 1) // horizon.steps_per_hour == horizon.meter_hour).all()
    assert (horizon.meter_hours <= 1.0).all()
    summed = np.bincount(horizon.meter_slot, horizon.meter_hours, horizon.n_slots)
    np.testing.assert_allclose(summed, horizon.hours)
    assert set(horizon.meter_hour) == set(range(horizon.n_hours))


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ((), "0 steps in all"),
        ((1, 1, 1), "3 steps in all"),
        ((3, 2, 3), "slot 1 of 2 steps from step 3"),
        ((6, 2), "slot 0 of 6 steps"),
        ((1, 4, 3), "slot 1 of 4 steps from step 1"),
        ((4, 0), "slot 1 of 0 steps"),
        ((8, -4), "slot 1 of -4 steps"),
    ],
)
def test_slots_that_do_not_tile_hours_are_refused(lengths, said):
    with pytest.raises(ControllerError, match=said):
        Horizon(lengths)


def test_unknown_name_is_refused():
    with pytest.raises(ControllerError, match="'daily', allowed: multirate, uniform"):
        Horizon.named("daily")
