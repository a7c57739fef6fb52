import numpy as np
import pytest

from recosim.simulators.physics.appliance import ApplianceParameters, begins, power_of_step_kw

YES, NO = np.array([True]), np.array([False])


@pytest.mark.parametrize(
    ("asked", "waiting", "blocked", "until_latest", "begun"),
    [
        (1.0, YES, NO, 5, True),
        (0.5, YES, NO, 5, True),
        (0.0, YES, NO, 5, False),
        (np.nan, YES, NO, 5, True),  # the own rule begins as wished
        (0.0, YES, NO, 0, True),  # the household waits no longer
        (1.0, NO, NO, 0, False),  # nothing to begin
        (1.0, YES, YES, 5, False),  # the wash still runs
    ],
)
def test_when_a_cycle_begins(
    asked: float, waiting: np.ndarray, blocked: np.ndarray, until_latest: int, begun: bool
) -> None:
    assert begins(np.array([asked]), waiting, blocked, np.array([until_latest])).tolist() == [begun]


def test_power_of_each_step_of_a_cycle() -> None:
    parameters = ApplianceParameters(
        powers_kw=np.array([[0.5, 2.0, 0.1], [1.0, 0.3, 0.0]]),
        n_steps=np.array([3, 2]),
        follows=np.array([-1, -1]),
    )
    drawn = [power_of_step_kw(parameters, np.array(steps)).tolist() for steps in ([0, -1], [2, 0], [-1, 1])]
    assert drawn == [[0.5, 0.0], [0.1, 1.0], [0.0, 0.3]]
