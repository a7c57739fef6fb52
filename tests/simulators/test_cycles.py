from dataclasses import replace

import numpy as np
import pytest

from recosim.simulators.cycles import Cycles
from recosim.simulators.physics.appliance import ApplianceParameters

# a washing machine of two steps at pod 1, and a dryer of three at the same
PARAMETERS = ApplianceParameters(
    powers_kw=np.array([[1.0, 2.0, 0.0], [4.0, 5.0, 6.0]]),
    n_steps=np.array([2, 3]),
    follows=np.array([-1, 0]),
)
CYCLES = Cycles(
    machine=np.array([0, 1, 0]),
    step_wished=np.array([2, 4, 5]),
    step_latest=np.array([6, 8, 9]),
    after=np.array([-1, 0, -1]),
    node=np.array([1, 1]),
    n_pods=2,
    parameters=PARAMETERS,
)


def test_power_as_wished() -> None:
    power = CYCLES.power_kw(slice(0, 9))
    assert power[:, 0].tolist() == [0.0] * 9
    assert power[:, 1].tolist() == [0.0, 0.0, 1.0, 2.0, 4.0, 5.0 + 1.0, 6.0 + 2.0, 0.0, 0.0]


@pytest.mark.parametrize(("first", "last"), [(0, 9), (3, 4), (5, 7), (6, 9), (7, 9)])
def test_a_part_of_the_series_is_that_part(first: int, last: int) -> None:
    assert np.array_equal(CYCLES.power_kw(slice(first, last)), CYCLES.power_kw(slice(0, 9))[first:last])


@pytest.mark.parametrize(
    ("step", "drawn"),
    [
        (1, [0.0, 0.0, 0.0]),
        (2, [1.0, 2.0, 0.0]),
        (3, [2.0, 0.0, 0.0]),
        (4, [4.0, 5.0, 6.0]),
        (5, [6.0, 8.0, 0.0]),
        (7, [0.0, 0.0, 0.0]),
    ],
)
def test_what_has_been_wished_draws_from_now_on(step: int, drawn: list[float]) -> None:
    assert CYCLES.begun_kw(step, 3)[:, 1].tolist() == drawn


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="does not ascend"):
        replace(CYCLES, step_wished=np.array([5, 4, 2]))
    with pytest.raises(ValueError, match=r"step_latest\[1\] = 3, allowed: step_wished = 4 or later"):
        replace(CYCLES, step_latest=np.array([6, 3, 9]))
    with pytest.raises(ValueError, match="may still run when the one that follows it must begin"):
        replace(CYCLES, step_latest=np.array([7, 8, 9]))
