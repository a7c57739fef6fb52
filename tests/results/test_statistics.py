import numpy as np
import pytest
from scipy.stats import ttest_1samp

from recosim.results.statistics import estimate, holm, paired_p_value


def test_estimate_and_p_value_are_those_of_scipy() -> None:
    values = np.random.default_rng(3).normal(0.4, 1.0, 12).tolist()
    test = ttest_1samp(values, 0.0)
    interval = test.confidence_interval(0.95)
    found = estimate(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-14)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-12)
    assert found.half_width == pytest.approx((interval.high - interval.low) / 2.0)
    assert paired_p_value(values) == pytest.approx(test.pvalue, rel=1e-12)


def test_one_value_has_no_interval() -> None:
    found = estimate([7.5])
    assert (found.mean, found.low, found.high, found.half_width, found.n) == (7.5, None, None, None, 1)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_p_value_without_spread() -> None:
    assert paired_p_value([0.0, 0.0, 0.0]) == 1.0
    assert paired_p_value([2.0, 2.0, 2.0]) is None
    assert paired_p_value([2.0]) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([None, 0.02]) == [None, 0.02]
