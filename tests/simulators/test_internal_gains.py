import numpy as np
import pytest

from recosim.simulators.physics.internal_gains import HEAT_ASLEEP_KW, HEAT_AWAKE_KW, heat_internal_kw


def test_by_hand() -> None:
    # two of three people awake, 200 W of appliances, half of it inside
    assert float(heat_internal_kw(0.2, 3, 2, 0.5)) == pytest.approx(2 * 0.100 + 0.070 + 0.1)


def test_empty_flat_has_appliances_only() -> None:
    assert float(heat_internal_kw(0.1, 0, 0, 1.0)) == pytest.approx(0.1)


def test_scalar_is_array() -> None:
    load, home, awake = (
        np.array([[0.1, 0.3], [0.2, 0.0]]),
        np.array([[1, 2], [0, 4]]),
        np.array([[1, 0], [0, 2]]),
    )
    share = np.array([1.0, 0.5])
    whole = heat_internal_kw(load, home.astype(np.int8), awake.astype(np.int8), share)
    for row, column in np.ndindex(2, 2):
        one = heat_internal_kw(load[row, column], home[row, column], awake[row, column], share[column])
        assert whole[row, column] == pytest.approx(float(one))


def test_waking_up_gives_the_difference() -> None:
    difference = heat_internal_kw(0.0, 4, 4, 1.0) - heat_internal_kw(0.0, 4, 0, 1.0)
    assert float(difference) == pytest.approx(4 * (HEAT_AWAKE_KW - HEAT_ASLEEP_KW))
