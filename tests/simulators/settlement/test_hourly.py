import numpy as np
import pytest

from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.hourly import flows_at_meter, mean_by_hour, sum_by_hour


def test_a_meter_never_counts_both_ways_in_one_interval() -> None:
    rng = np.random.default_rng(1)
    load, pv, charge, discharge = rng.random((4, 200))
    withdrawn, injected = flows_at_meter(load, pv, charge, discharge)
    assert (withdrawn * injected == 0.0).all()
    assert withdrawn - injected == pytest.approx(load + charge - discharge - pv)


def test_hours_of_a_run_that_begins_and_ends_within_an_hour() -> None:
    times = 900 * np.arange(3, 10)  # 00:45 to 02:30
    hours, sums = sum_by_hour(times, np.arange(7.0))
    assert hours.tolist() == [0, 3600, 7200]
    assert sums.tolist() == [0.0, 1.0 + 2.0 + 3.0 + 4.0, 5.0 + 6.0]
    assert mean_by_hour(times, np.arange(7.0))[1].tolist() == [0.0, 2.5, 5.5]


def test_columns_and_gaps_between_hours() -> None:
    times = np.array([0, 900, 36_000])
    hours, sums = sum_by_hour(times, np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert hours.tolist() == [0, 36_000]
    assert sums.tolist() == [[4.0, 6.0], [5.0, 6.0]]
    assert mean_by_hour(times, np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))[1].tolist() == [
        [2.0, 3.0],
        [5.0, 6.0],
    ]


def test_hourly_rows_pass_through_and_quarters_can_be_asked_for() -> None:
    times = 300 * np.arange(12)
    assert sum_by_hour(times, np.ones(12), 900)[1].tolist() == [3.0] * 4
    hours = 3600 * np.arange(5)
    assert sum_by_hour(hours, np.arange(5.0))[1].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_unsorted_times_are_refused() -> None:
    with pytest.raises(SettlementError, match="increasing"):
        sum_by_hour(np.array([900, 0]), np.ones(2))
