"""Means with intervals, paired differences and Holm's correction, for runs that pair by seed and week."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over pairs, and the interval that holds the true one with 95 % confidence.

    Parameters
    ----------
    mean : float
    low, high : float or None
        Ends of the interval; None with a single value, which tells nothing of the spread.
    n : int
        Number of values.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        return None if self.high is None else self.high - self.mean


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % interval by Student's t with n - 1 degrees of freedom.

    Raises
    ------
    ValueError
        There are no values.

    Examples
    --------
    >>> found = estimate([1.0, 2.0, 3.0])  # 2 +- 4.3027 x 1 / sqrt(3)
    >>> found.mean, round(found.low, 4), round(found.high, 4)
    (2.0, -0.4841, 4.4841)
    """
    n = len(values)
    if n == 0:
        raise ValueError("no values, allowed: one or more")
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean=mean, low=None, high=None, n=1)
    half = float(student.ppf(0.5 + CONFIDENCE / 2.0, n - 1)) * _standard_error(values)
    return Estimate(mean=mean, low=mean - half, high=mean + half, n=n)


def paired_p_value(differences: Sequence[float]) -> float | None:
    """Two-sided p-value of the paired t-test that the mean difference is zero.

    Returns
    -------
    float or None
        1 where all differences are zero; None where it is undefined: a single pair, or differences that are
        all the same.

    Examples
    --------
    >>> round(paired_p_value([1.0, 2.0, 3.0]), 4), paired_p_value([0.0, 0.0]), paired_p_value([1.0])
    (0.0742, 1.0, None)
    """
    n = len(differences)
    if n < 2:
        return None
    if not any(differences):
        return 1.0
    error = _standard_error(differences)
    mean = math.fsum(differences) / n
    if error <= 1e-12 * abs(mean):
        return None
    return float(2.0 * student.sf(abs(mean) / error, n - 1))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for having been looked at together; what is undefined stays so and counts not.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, None, 0.03])  # 3 x 0.01, then 2 x 0.03, then no less than that
    [0.03, 0.06, None, 0.06]
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[place] = largest
    return corrected


def _standard_error(values: Sequence[float]) -> float:
    return float(np.std(np.asarray(values, dtype=np.float64), ddof=1)) / math.sqrt(len(values))
