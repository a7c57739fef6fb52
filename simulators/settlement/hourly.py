"""From the readings of the meters to UTC hours.

The offset of Europe/Rome is whole hours, so UTC hours are also local hours and the shared energy of an hour
never depends on a clock change.
"""

import numpy as np
from numpy.typing import ArrayLike

from recosim.arrays import FloatArray, IntArray
from recosim.simulators.settlement.checks import increasing
from recosim.timegrid import SECONDS_PER_HOUR


def flows_at_meter(
    power_load_kw: ArrayLike,
    power_pv_kw: ArrayLike = 0.0,
    power_charge_kw: ArrayLike = 0.0,
    power_discharge_kw: ArrayLike = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Withdrawal and injection of delivery points in one metering interval.

    What is produced and used behind the same meter in the same quarter never reaches the grid and is not
    shared. The same line serves powers [kW] and energies [kWh].

    Returns
    -------
    withdrawn, injected : arrays of the common shape, non-negative, never both positive

    Examples
    --------
    >>> withdrawn, injected = flows_at_meter(0.4, power_pv_kw=1.0, power_charge_kw=0.2)
    >>> round(float(withdrawn), 9), round(float(injected), 9)
    (0.0, 0.4)
    """
    net = (
        np.asarray(power_load_kw, dtype=np.float64)
        + np.asarray(power_charge_kw)
        - np.asarray(power_discharge_kw)
        - np.asarray(power_pv_kw)
    )
    return np.maximum(net, 0.0), np.maximum(-net, 0.0)


def period_starts(times: IntArray, period_s: int = SECONDS_PER_HOUR) -> tuple[IntArray, IntArray]:
    """Periods that a series touches.

    Parameters
    ----------
    times : array of int, shape (n,), POSIX, increasing [s]
    period_s : int
        Length of a period [s].

    Returns
    -------
    periods : array of int, shape (n_periods,), POSIX start of each period [s]
    rows : array of int, shape (n_periods,), first row of each period

    Raises
    ------
    SettlementError
        The times do not increase.
    """
    increasing(times)
    period = np.asarray(times, dtype=np.int64) // period_s
    rows = np.flatnonzero(np.diff(period, prepend=period[:1] - 1))
    return period[rows] * period_s, rows


def sum_by_hour(
    times: IntArray, values: FloatArray, period_s: int = SECONDS_PER_HOUR
) -> tuple[IntArray, FloatArray]:
    """Energy per UTC hour (or another period) from energy per step.

    Parameters
    ----------
    times : array of int, shape (n,), POSIX, increasing [s]
    values : array, shape (n, ...) [kWh]
    period_s : int
        Length of a period [s].

    Returns
    -------
    periods : array of int, shape (n_periods,), POSIX [s]
    sums : array, shape (n_periods, ...) [kWh]

    Examples
    --------
    >>> hours, sums = sum_by_hour(np.array([0, 900, 1800, 2700]), np.array([4.0, 0.0, 0.0, 4.0]))
    >>> hours.tolist(), sums.tolist()
    ([0], [8.0])
    """
    periods, rows = period_starts(times, period_s)
    if rows.size == values.shape[0]:
        return periods, values
    return periods, np.asarray(np.add.reduceat(values, rows, axis=0), dtype=np.float64)


def mean_by_hour(times: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Mean per UTC hour: the hourly price is the mean of its quarter prices."""
    hours, rows = period_starts(times)
    counts = np.diff(rows, append=values.shape[0]).reshape(-1, *(1,) * (values.ndim - 1))
    if rows.size == values.shape[0]:
        return hours, values
    return hours, np.asarray(np.add.reduceat(values, rows, axis=0) / counts, dtype=np.float64)
