"""What is out of order, and when: faults by step and by index of meter, device or dwelling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recosim.arrays import BoolArray


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Something is out of order.

    Parameters
    ----------
    first, end : int
        First step of the simulated grid, warm-up included, and the first one after it.
    index : int
        Which one of its kind.
    """

    first: int
    end: int
    index: int = 0

    def holds(self, step: int) -> bool:
        """Whether it lasts at ``step``."""
        return self.first <= step < self.end


@dataclass(frozen=True, kw_only=True)
class Drift(Outage):
    """A sensor shows too much or too little; ``index`` is that of its device.

    Parameters
    ----------
    states : tuple of str
        What is read or follows from the reading.
    offset_k : float
        Error from the first step on [K].
    drift_k_per_day : float
        What is added to it in 24 hours [K/d].
    """

    states: tuple[str, ...]
    offset_k: float
    drift_k_per_day: float


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Everything that is out of order during a run.

    Parameters
    ----------
    meters : tuple of Outage
        Silent meters, by delivery point.
    links : tuple of Outage
        Broken links, by delivery point.
    drifts : tuple of Drift
    forecasts : tuple of Outage
        When no forecasts come; neither touching nor overlapping, in order.
    trips : tuple of Outage
        Batteries that are switched off.
    """

    meters: tuple[Outage, ...] = ()
    links: tuple[Outage, ...] = ()
    drifts: tuple[Drift, ...] = ()
    forecasts: tuple[Outage, ...] = ()
    trips: tuple[Outage, ...] = ()


def struck(outages: Sequence[Outage], step: int, n: int) -> BoolArray:
    """Which of ``n`` are out of order at ``step``, shape (n,).

    Examples
    --------
    >>> struck([Outage(first=4, end=6, index=1)], 5, 3).tolist()
    [False, True, False]
    """
    mask = np.zeros(n, dtype=np.bool_)
    for outage in outages:
        if outage.holds(step):
            mask[outage.index] = True
    return mask
